/* SPDX-License-Identifier: Apache-2.0 */
/* The network of the world: dials take a moment, bytes arrive in order and in odd pieces, a crash is heard as a close. */
#include "world.h"

typedef struct {
	Node *node;
	PdkLink link;   /* 0: it knows of the connection no more */
	GByteArray *in; /* on its way to it */
	bool close_due; /* the other side is gone: told when `in` is empty */
	bool paused;
} End;

struct Connection {
	End ends[2];
	uint32_t dial;    /* not 0: being dialled by ends[0] */
	PdkPurpose purpose;
	int64_t fails_us; /* a dial that reaches nobody */
	Node *target;
};

static End *
find_end(Node *node, PdkLink link, Connection **connection)
{
	for (unsigned i = 0; i < node->world->connections->len; i++) {
		Connection *each = g_ptr_array_index(node->world->connections, i);
		for (unsigned e = 0; e < 2; e++)
			if (each->ends[e].link == link && each->ends[e].node == node) {
				*connection = each;
				return &each->ends[e];
			}
	}
	return NULL;
}

static void
connection_free(World *world, Connection *connection)
{
	for (unsigned e = 0; e < 2; e++)
		if (connection->ends[e].in)
			g_byte_array_unref(connection->ends[e].in);
	g_ptr_array_remove(world->connections, connection);
	g_free(connection);
}

static bool
spent(const Connection *connection)
{
	return connection->dial == 0 && connection->ends[0].link == 0 && connection->ends[1].link == 0;
}

void
net_dial(Node *node, const PdkCommand *command)
{
	World *world = node->world;
	Connection *connection = g_new0(Connection, 1);
	const char *port = strrchr(command->address, ':') + 1;
	guint64 number = g_ascii_strtoull(port, NULL, 10);
	connection->dial = command->dial;
	connection->purpose = command->purpose;
	connection->target = &world->nodes[number % 10];
	connection->fails_us = world->now_us + command->timeout_ms * INT64_C(1000);
	connection->ends[0] = (End){.node = node, .in = g_byte_array_new()};
	connection->ends[1] = (End){.node = connection->target, .in = g_byte_array_new()};
	if (number == WORLD_MASTER_PORT) {
		const char *host = strrchr(command->address, '.') + 1;
		connection->target = connection->ends[1].node = &world->nodes[g_ascii_strtoull(host, NULL, 10)];
		connection->purpose = PDK_PURPOSE_OBSERVER;
	} else {
		pdk_assert(number / 1000 == (command->purpose == PDK_PURPOSE_QUORUM ? 2 : 3));
	}
	g_ptr_array_add(world->connections, connection);
}

void
net_output(Node *node, const PdkOutput *output)
{
	Connection *connection;
	End *end = find_end(node, output->link, &connection);
	End *other = NULL;
	if (end)
		other = end == &connection->ends[0] ? &connection->ends[1] : &connection->ends[0];
	g_autoptr(GArray) scratch = g_array_new(FALSE, FALSE, sizeof(PdkPart));
	unsigned n;
	const PdkPart *parts = pdk_output_parts(output, scratch, &n);
	GByteArray *into = other == NULL ? node->world->tapped : other->link ? other->in : NULL;
	for (unsigned i = 0; into && i < n; i++)
		g_byte_array_append(into, parts[i].data, (guint)parts[i].length);
}

static void
close_end(Connection *connection, End *end)
{
	End *other = end == &connection->ends[0] ? &connection->ends[1] : &connection->ends[0];
	end->link = 0;
	g_byte_array_set_size(end->in, 0);
	other->close_due = true;
}

void
net_command(Node *node, const PdkCommand *command)
{
	Connection *connection;
	End *end = find_end(node, command->link, &connection);
	if (end == NULL)
		return;
	if (command->type == PDK_COMMAND_PAUSE || command->type == PDK_COMMAND_RESUME)
		end->paused = command->type == PDK_COMMAND_PAUSE;
	else
		close_end(connection, end);
	if (spent(connection))
		connection_free(node->world, connection);
}

/* What it had sent may or may not arrive. */
void
net_crash(Node *node)
{
	World *world = node->world;
	for (unsigned i = world->connections->len; i-- > 0;) {
		Connection *connection = g_ptr_array_index(world->connections, i);
		for (unsigned e = 0; e < 2; e++) {
			End *end = &connection->ends[e], *other = &connection->ends[1 - e];
			if (end->node != node || (end->link == 0 && !(connection->dial && e == 0)))
				continue;
			if (connection->dial)
				connection->dial = 0;
			close_end(connection, end);
			if (world_below(world, 2))
				g_byte_array_set_size(other->in, (guint)world_below(world, other->in->len + 1));
		}
		if (spent(connection))
			connection_free(world, connection);
	}
}

uint32_t
net_take_dial(World *world)
{
	for (unsigned i = 0; i < world->connections->len; i++) {
		Connection *connection = g_ptr_array_index(world->connections, i);
		uint32_t dial = connection->dial;
		if (dial == 0 || connection->purpose == PDK_PURPOSE_ELECTION)
			continue;
		connection_free(world, connection);
		return dial;
	}
	return 0;
}

static bool
passes(World *world, const Node *from, const Node *to)
{
	return !world->cut[from->sid][to->sid];
}

/* ---- what can happen ---- */

static bool
dial_ready(World *world, const Connection *connection)
{
	const Node *from = connection->ends[0].node;
	if (connection->dial == 0)
		return false;
	if (world->now_us >= connection->fails_us)
		return true;
	return passes(world, from, connection->target) && passes(world, connection->target, from);
}

static void
dial_fails(World *world, Connection *connection, bool refused)
{
	Node *node = connection->ends[0].node;
	uint32_t dial = connection->dial;
	connection->dial = 0;
	connection_free(world, connection);
	node_step_begin(node);
	pdk_replica_dial_failed(node->replica, dial, refused, refused ? "connection refused" : "timed out");
	node_step_end(node);
}

static void
dial_works(World *world, Connection *connection)
{
	End *near = &connection->ends[0], *far = &connection->ends[1];
	uint32_t dial = connection->dial;
	g_autofree char *endpoint = g_strdup_printf("/10.0.0.%d:1", (int)near->node->sid);
	PdkPurpose purpose = connection->purpose;
	connection->dial = 0;
	PdkLink near_link = near->link = ++world->next_link, far_link = far->link = ++world->next_link;
	Node *node = near->node, *target = far->node;

	node_step_begin(target);
	target->effects->refused = false;
	pdk_replica_accepted(target->replica, far_link, purpose, endpoint);
	if (target->effects->refused)
		close_end(connection, far);
	node_step_end(target);
	if (!node->up)
		return;
	node_step_begin(node);
	pdk_replica_dialled(node->replica, dial, near_link);
	node_step_end(node);
}

static void
dial_happens(World *world, Connection *connection)
{
	Node *target = connection->target;
	bool reached = passes(world, connection->ends[0].node, target) && passes(world, target, connection->ends[0].node);
	if (!reached)
		dial_fails(world, connection, false);
	else if (!target->up || !target->listens[connection->purpose])
		dial_fails(world, connection, true);
	else
		dial_works(world, connection);
}

static bool
end_ready(World *world, const Connection *connection, unsigned e)
{
	const End *end = &connection->ends[e], *other = &connection->ends[1 - e];
	if (connection->dial || end->link == 0 || !passes(world, other->node, end->node))
		return false;
	return (end->in->len > 0 && !end->paused) || (end->close_due && (end->in->len == 0 || end->paused));
}

/* In one piece, or in two, or byte by byte for a while. */
static void
end_happens(World *world, Connection *connection, unsigned e)
{
	End *end = &connection->ends[e];
	Node *node = end->node;
	PdkLink link = end->link;
	if (end->in->len > 0 && !end->paused) {
		guint length = world_below(world, 4) ? end->in->len : (guint)(1 + world_below(world, end->in->len));
		g_autofree uint8_t *data = g_memdup2(end->in->data, length);
		g_byte_array_remove_range(end->in, 0, length);
		node_step_begin(node);
		pdk_replica_received(node->replica, link, data, length);
		node_step_end(node);
		return;
	}
	end->link = 0;
	if (spent(connection))
		connection_free(world, connection);
	node_step_begin(node);
	pdk_replica_closed(node->replica, link);
	node_step_end(node);
}

unsigned
net_ready(World *world, unsigned index, bool carry)
{
	unsigned n = 0;
	for (unsigned i = 0; i < world->connections->len; i++) {
		Connection *connection = g_ptr_array_index(world->connections, i);
		if (dial_ready(world, connection) && n++ == index && carry) {
			dial_happens(world, connection);
			return n;
		}
		for (unsigned e = 0; e < 2; e++)
			if (end_ready(world, connection, e) && n++ == index && carry) {
				end_happens(world, connection, e);
				return n;
			}
	}
	return n;
}

int64_t
net_next_us(World *world)
{
	int64_t next = INT64_MAX;
	for (unsigned i = 0; i < world->connections->len; i++) {
		const Connection *connection = g_ptr_array_index(world->connections, i);
		if (connection->dial)
			next = MIN(next, connection->fails_us);
	}
	return next;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* How meshes are wired together in memory. */
#include "mesh_world.h"
#include <inttypes.h>

typedef enum { DIAL, ACCEPTED, DIALLED, FAILED, DATA, CLOSED, UNSENT } What;

typedef struct {
	What what;
	Node *node;
	uint64_t life;
	Conn *conn;
	unsigned end;
	uint32_t dial;
	char *address;
	GBytes *bytes;
	bool refused;
	size_t unsent;
} Event;

static void
event_free(Event *event)
{
	g_free(event->address);
	if (event->bytes)
		g_bytes_unref(event->bytes);
	g_free(event);
}

static Event *
push(World *world, What what, Node *node, Conn *conn, unsigned end)
{
	Event *event = g_new0(Event, 1);
	event->what = what;
	event->node = node;
	event->life = node ? node->life : 0;
	event->conn = conn;
	event->end = end;
	g_queue_push_tail(world->events, event);
	return event;
}

/* ---- what a mesh says ---- */

static void
on_message(void *context, int64_t sid, const uint8_t *data, size_t length)
{
	Node *node = context;
	g_string_append_printf(node->story, "%" PRId64 ": %.*s; ", sid, (int)MIN(length, 40), (const char *)data);
}

static void
on_link(void *context, int64_t sid, PdkPeerLink link)
{
	static const char *const names[] = {"down", "up", "refused"};
	Node *node = context;
	g_assert(pdk_mesh_link(node->mesh, sid) == link || link == PDK_PEER_LINK_DOWN);
	g_string_append_printf(node->story, "%" PRId64 " %s; ", sid, names[link]);
}

static void
on_say(void *context, PdkLogLevel level, const char *line)
{
	Node *node = context;
	g_assert(strchr(line, '\n') == NULL);
	g_ptr_array_add(node->said, g_strdup_printf("%s %s", level == PDK_LOG_WARNING ? "warning" : "info", line));
}

static uint32_t
on_dial_number(void *context)
{
	Node *node = context;
	return node->world->next_dial++;
}

/* ---- carrying ---- */

static Conn *
conn_new(World *world)
{
	Conn *conn = g_new0(Conn, 1);
	conn->world = world;
	for (unsigned i = 0; i < 2; i++) {
		conn->ends[i].link = world->next_link++;
		conn->ends[i].open = true;
		conn->ends[i].heard = g_byte_array_new();
	}
	g_ptr_array_add(world->conns, conn);
	return conn;
}

static void
conn_free(void *data)
{
	Conn *conn = data;
	g_byte_array_unref(conn->ends[0].heard);
	g_byte_array_unref(conn->ends[1].heard);
	g_free(conn);
}

static void
own(End *end, Node *node)
{
	end->node = node;
	end->life = node->life;
}

static void
tell_closed(World *world, Conn *conn, unsigned end)
{
	End *at = &conn->ends[end];
	if (at->told)
		return;
	at->told = true;
	if (at->node)
		push(world, CLOSED, at->node, conn, end)->life = at->life;
}

static void
close_end(World *world, Conn *conn, unsigned end)
{
	if (!conn->ends[end].open)
		return;
	conn->ends[end].open = false;
	tell_closed(world, conn, end);
	push(world, CLOSED, NULL, conn, 1 - end); /* when what was sent before has arrived */
}

static Conn *
find_conn(World *world, PdkLink link, unsigned *end)
{
	for (unsigned i = 0; i < world->conns->len; i++) {
		Conn *conn = world->conns->pdata[i];
		for (*end = 0; *end < 2; *end += 1)
			if (conn->ends[*end].link == link)
				return conn;
	}
	g_assert_not_reached();
}

static void
carry_output(Node *node, const PdkOutput *output)
{
	unsigned end, n;
	Conn *conn = find_conn(node->world, output->link, &end);
	g_assert(conn->ends[end].node == node);
	g_autoptr(GArray) scratch = g_array_new(FALSE, FALSE, sizeof(PdkPart));
	g_autoptr(GByteArray) all = g_byte_array_new();
	const PdkPart *parts = pdk_output_parts(output, scratch, &n);
	for (unsigned i = 0; i < n; i++)
		g_byte_array_append(all, parts[i].data, (guint)parts[i].length);
	if (!conn->ends[end].open || all->len == 0)
		return;
	Node *other = conn->ends[1 - end].node;
	if (other && !other->reads) {
		conn->ends[end].unsent += all->len;
		push(node->world, UNSENT, node, conn, end)->unsent = conn->ends[end].unsent;
		return;
	}
	push(node->world, DATA, other, conn, 1 - end)->bytes = g_bytes_new(all->data, all->len);
}

static void
carry(Node *node)
{
	World *world = node->world;
	PdkEffects *effects = node->effects;
	for (unsigned i = 0; i < effects->n_outputs; i++)
		carry_output(node, &effects->outputs[i]);
	for (unsigned i = 0; i < effects->n_commands; i++) {
		PdkCommand *command = &effects->commands[i];
		unsigned end;
		switch (command->type) {
		case PDK_COMMAND_DIAL: {
			g_assert(command->purpose == PDK_PURPOSE_ELECTION);
			g_assert(command->timeout_ms == node->params.dial_timeout_ms);
			g_ptr_array_add(world->dialled, g_strdup(command->address));
			Event *event = push(world, DIAL, node, NULL, 0);
			event->dial = command->dial;
			event->address = g_steal_pointer(&command->address);
			node->dials++;
			break;
		}
		case PDK_COMMAND_CLOSE:
		case PDK_COMMAND_CLOSE_FLUSHED: {
			Conn *conn = find_conn(world, command->link, &end);
			g_assert(conn->ends[end].node == node);
			close_end(world, conn, end);
			break;
		}
		default:
			g_assert_not_reached();
		}
	}
}

/* After an event: the turn, and more of them as long as there is work left. */
static void
turn(Node *node)
{
	bool again = true;
	for (unsigned i = 0; again; i++) {
		g_assert(i < 1000);
		pdk_mesh_turn(node->mesh, node->world->now_us, node->effects);
		carry(node);
		again = node->effects->again;
		int64_t deadline_us = node->effects->deadline_us;
		pdk_effects_reset(node->effects);
		node->effects->deadline_us = deadline_us;
	}
}

static void
answer_dial(World *world, const Event *event)
{
	Node *target = NULL;
	bool raw = g_str_has_prefix(event->address, "raw");
	for (unsigned i = 0; i < world->n; i++) {
		g_autofree char *address = g_strdup_printf("s%u:3000", i + 1);
		if (strcmp(address, event->address) == 0)
			target = &world->nodes[i];
	}
	if ((raw && world->raw_listens) || (target && (target->listens || target->deaf) && !target->unreached)) {
		Conn *conn = conn_new(world);
		own(&conn->ends[0], event->node);
		if (raw)
			world->raw_accepted = conn;
		else
			own(&conn->ends[1], target);
		if (target && !target->deaf)
			push(world, ACCEPTED, target, conn, 1);
		push(world, DIALLED, event->node, conn, 0)->dial = event->dial;
		return;
	}
	Event *failed = push(world, FAILED, event->node, NULL, 0);
	failed->dial = event->dial;
	failed->refused = target == NULL || !target->unreached;
}

static void
play_on_node(World *world, const Event *event)
{
	Node *node = event->node;
	End *end = event->conn ? &event->conn->ends[event->end] : NULL;
	PdkMesh *mesh = node->mesh;
	PdkEffects *effects = node->effects;
	if (!node->running || event->life != node->life || node->deaf || (end && (end->node != node || end->life != node->life)))
		return;
	switch (event->what) {
	case ACCEPTED:
		pdk_mesh_accepted(mesh, end->link, "/10.0.0.1:40000", world->now_us, effects);
		break;
	case DIALLED:
		g_assert(pdk_mesh_dialled(mesh, event->dial, end->link, world->now_us, effects));
		break;
	case FAILED:
		g_assert(pdk_mesh_dial_failed(mesh, event->dial, event->refused, event->refused ? "refused" : "timed out",
					      world->now_us, effects));
		break;
	case DATA: {
		if (!end->open)
			return;
		size_t length;
		const uint8_t *data = g_bytes_get_data(event->bytes, &length);
		g_autofree uint8_t *exact = g_memdup2(data, length);
		g_assert(pdk_mesh_received(mesh, end->link, exact, length, world->now_us, effects));
		break;
	}
	case CLOSED:
		g_assert(pdk_mesh_closed(mesh, end->link, world->now_us, effects));
		break;
	case UNSENT:
		if (!end->open)
			return;
		g_assert(pdk_mesh_unsent(mesh, end->link, event->unsent, world->now_us, effects));
		break;
	case DIAL:
		g_assert_not_reached();
	}
	turn(node);
}

static void
play(World *world, Event *event)
{
	if (event->what == DIAL)
		answer_dial(world, event);
	else if (event->node)
		play_on_node(world, event);
	else if (event->what == DATA)
		g_byte_array_append(event->conn->ends[event->end].heard, g_bytes_get_data(event->bytes, NULL),
				    (guint)g_bytes_get_size(event->bytes));
	else if (event->conn->ends[event->end].open) { /* the other end closed it */
		event->conn->ends[event->end].open = false;
		tell_closed(world, event->conn, event->end);
	}
	event_free(event);
}

void
world_settle(World *world)
{
	Event *event;
	for (unsigned i = 0; (event = g_queue_pop_head(world->events)) != NULL; i++) {
		g_assert(i < 100000);
		play(world, event);
	}
}

static int64_t
next_deadline(const World *world)
{
	int64_t next = INT64_MAX;
	for (unsigned i = 0; i < world->n; i++)
		if (world->nodes[i].running && !world->nodes[i].deaf)
			next = MIN(next, world->nodes[i].effects->deadline_us);
	return next;
}

void
world_run(World *world, int64_t ms)
{
	int64_t end_us = world->now_us + ms * 1000;
	for (unsigned i = 0;; i++) {
		g_assert(i < 100000);
		world_settle(world);
		int64_t next = next_deadline(world);
		if (next > end_us)
			break;
		world->now_us = MAX(world->now_us, next);
		for (unsigned j = 0; j < world->n; j++) {
			Node *node = &world->nodes[j];
			if (!node->running || node->deaf || node->effects->deadline_us > world->now_us)
				continue;
			node->effects->deadline_us = INT64_MAX;
			turn(node);
		}
	}
	world->now_us = end_us;
}

/* ---- life ---- */

World *
world_new(unsigned n, const char *more)
{
	g_assert(n <= NODES_MAX);
	World *world = g_new0(World, 1);
	g_autoptr(GString) text = g_string_new(NULL);
	world->now_us = 1000000000;
	world->n = n;
	world->next_link = world->next_dial = 1;
	world->events = g_queue_new();
	world->conns = g_ptr_array_new_with_free_func(conn_free);
	world->dialled = g_ptr_array_new_with_free_func(g_free);
	for (unsigned i = 0; i < n; i++) {
		Node *node = &world->nodes[i];
		node->world = world;
		node->sid = i + 1;
		node->reads = true;
		node->story = g_string_new(NULL);
		node->said = g_ptr_array_new_with_free_func(g_free);
		node->params = (PdkMeshParams){
			.self = node->sid,
			.queue_length = 1,
			.resend_last = true,
			.dial_timeout_ms = 5000,
			.handshake_timeout_ms = 10000,
			.seed = 7,
			.hooks = {on_message, on_link, on_say, on_dial_number, node},
		};
		g_string_append_printf(text, "server.%u=s%u:2000:3000\n", i + 1, i + 1);
	}
	g_string_append(text, more ? more : "");
	world->members_text = g_string_free(g_steal_pointer(&text), FALSE);
	return world;
}

static void
node_end(Node *node)
{
	if (!node->running)
		return;
	pdk_mesh_free(node->mesh);
	pdk_effects_free(node->effects);
	node->running = node->listens = false;
	node->life++;
}

void
world_free(World *world)
{
	for (unsigned i = 0; i < world->n; i++) {
		node_end(&world->nodes[i]);
		g_string_free(world->nodes[i].story, TRUE);
		g_ptr_array_unref(world->nodes[i].said);
	}
	g_queue_free_full(world->events, (GDestroyNotify)event_free);
	g_ptr_array_unref(world->conns);
	g_ptr_array_unref(world->dialled);
	g_free(world->members_text);
	g_free(world);
}

void
node_members(Node *node, const char *text)
{
	static const PdkMembersRules rules = {.several_addresses = true, .standalone_enabled = false, .other_keys = false};
	g_autoptr(GError) error = NULL;
	g_autoptr(PdkMembers) members = pdk_members_parse(text, strlen(text), &rules, &error);
	g_assert_no_error(error);
	pdk_mesh_set_members(node->mesh, members, NULL);
}

void
node_start(Node *node)
{
	g_assert(!node->running);
	node->running = node->listens = true;
	node->mesh = pdk_mesh_new(&node->params);
	node->effects = pdk_effects_new();
	node_members(node, node->world->members_text);
}

void
world_start(World *world)
{
	for (unsigned i = 0; i < world->n; i++)
		node_start(&world->nodes[i]);
}

void
node_kill(Node *node)
{
	World *world = node->world;
	for (unsigned i = 0; i < world->conns->len; i++) {
		Conn *conn = world->conns->pdata[i];
		for (unsigned end = 0; end < 2; end++)
			if (conn->ends[end].node == node)
				close_end(world, conn, end);
	}
	node_end(node);
}

Node *
world_node(World *world, int64_t sid)
{
	g_assert(sid >= 1 && sid <= world->n);
	return &world->nodes[sid - 1];
}

void
node_send(Node *node, int64_t to, const char *text)
{
	g_autoptr(GBytes) message = g_bytes_new(text, strlen(text));
	pdk_mesh_send(node->mesh, to, message, node->world->now_us, node->effects);
	turn(node);
}

void
node_dial_all(Node *node)
{
	pdk_mesh_dial_all(node->mesh, node->world->now_us, node->effects);
	turn(node);
}

char *
node_story(Node *node)
{
	char *story = g_strdup(g_strchomp(node->story->str));
	g_string_truncate(node->story, 0);
	return story;
}

unsigned
node_said(const Node *node, const char *part)
{
	unsigned count = 0;
	for (unsigned i = 0; i < node->said->len; i++)
		count += strstr(node->said->pdata[i], part) != NULL;
	return count;
}

/* ---- the test as a peer ---- */

Conn *
raw_dial(World *world, int64_t sid)
{
	Node *node = world_node(world, sid);
	Conn *conn = conn_new(world);
	own(&conn->ends[1], node);
	push(world, ACCEPTED, node, conn, 1);
	return conn;
}

void
raw_write(Conn *conn, unsigned end, const void *data, size_t length)
{
	push(conn->world, DATA, conn->ends[1 - end].node, conn, 1 - end)->bytes = g_bytes_new(data, length);
}

void
raw_hello(Conn *conn, int64_t sid, const char *address)
{
	PdkBuffer out = {0};
	pdk_put_long(&out, -65536);
	pdk_put_long(&out, sid);
	pdk_put_string(&out, address);
	raw_write(conn, 0, out.data, out.length);
	pdk_buffer_clear(&out);
}

void
raw_frame(Conn *conn, unsigned end, const char *text)
{
	PdkBuffer out = {0};
	pdk_put_string(&out, text);
	raw_write(conn, end, out.data, out.length);
	pdk_buffer_clear(&out);
}

void
raw_close(Conn *conn, unsigned end)
{
	close_end(conn->world, conn, end);
}

bool
raw_open(const Conn *conn, unsigned end)
{
	return conn->ends[end].open;
}

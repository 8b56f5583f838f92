/* SPDX-License-Identifier: Apache-2.0 */
/* How a server is driven and its effects are carried. Changes when the carrier's rules do. */
#include "world.h"

#include <paddock/plugin.h>

extern const PdkPlugin pdk_plugin_auth_digest;
extern const PdkPlugin pdk_plugin_auth_ip;

enum {
	READ_SIZE = 64 * 1024,
	MAX_PARTS_OUT = 4,
	MAX_ROUNDS = 1000000,
	RECOVERY_US = 20000000, /* it takes its time */
};

/* ---- the plugins' host ---- */

static const char *
option_string(const PdkConfig *config, const char *key)
{
	if (strcmp(key, "digest_alg") == 0)
		return "SHA1";
	return strcmp(key, "super_digest") == 0 ? (const char *)config : NULL;
}

static bool
option_bool(const PdkConfig *config G_GNUC_UNUSED, const char *key G_GNUC_UNUSED)
{
	return true;
}

static void
host_log(const PdkHost *self G_GNUC_UNUSED, PdkLogLevel level G_GNUC_UNUSED, const char *format G_GNUC_UNUSED,
	 ...)
{
}

static const PdkHost plugin_host = {
	.size = sizeof(PdkHost),
	.log = host_log,
	.option_string = option_string,
	.option_bool = option_bool,
};

static void
add_auth(World *world)
{
	const PdkAuthOps *digest = pdk_plugin_auth_digest.ops, *ip = pdk_plugin_auth_ip.ops;
	world->auth_digest =
		digest->create(&plugin_host, (const PdkConfig *)(const void *)world->super_digest, NULL);
	world->auth_ip = ip->create(&plugin_host, NULL, NULL);
	pdk_server_add_auth(world->server, ip, world->auth_ip);
	pdk_server_add_auth(world->server, digest, world->auth_digest);
}

/* ---- birth and death ---- */

static void
operator_line(void *context, PdkLogLevel level, const char *line)
{
	World *world = context;
	if (!world->quiet)
		g_string_append_printf(world->lines, "%d %s\n", level, line);
}

static void
peer_free(gpointer data)
{
	Peer *peer = data;
	g_free(peer->address);
	g_byte_array_unref(peer->waiting);
	g_byte_array_unref(peer->unsent);
	g_byte_array_unref(peer->inbox);
	g_byte_array_unref(peer->frame);
	g_string_free(peer->events, TRUE);
	g_free(peer);
}

static void
txn_clear(gpointer data)
{
	g_bytes_unref(((WorldTxn *)data)->txn);
}

World *
world_new(void)
{
	World *world = g_new0(World, 1);
	world->settings = pdk_settings_new();
	world->now_us = INT64_C(5000000000);
	world->wall_ms = INT64_C(1790000000000);
	world->deadline_us = INT64_MAX;
	world->seed = 1;
	world->auto_sync = world->check = world->can_snapshot = true;
	world->lines = g_string_new(NULL);
	world->peers = g_ptr_array_new();
	world->all = g_ptr_array_new_with_free_func(peer_free);
	world->txns = g_array_new(FALSE, FALSE, sizeof(WorldTxn));
	g_array_set_clear_func(world->txns, txn_clear);
	world->effects = pdk_effects_new();
	return world;
}

static void
make_server(World *world)
{
	world->registry = pdk_registry_new();
	PdkServerParams params = {
		.settings = world->settings,
		.registry = world->registry,
		.facts = &world->facts,
		.version = "3.9.4-paddock-test",
		.built_on = "today",
		.seed = world->seed++,
		.now_us = world->now_us,
		.wall_ms = world->wall_ms,
		.log = operator_line,
		.log_context = world,
	};
	world->server = pdk_server_new(&params);
	add_auth(world);
}

static void
drop_server(World *world)
{
	if (world->server == NULL)
		return;
	pdk_server_free(world->server);
	((const PdkAuthOps *)pdk_plugin_auth_digest.ops)->destroy(world->auth_digest);
	((const PdkAuthOps *)pdk_plugin_auth_ip.ops)->destroy(world->auth_ip);
	pdk_registry_free(world->registry);
	pdk_effects_reset(world->effects);
	g_clear_pointer(&world->snapshot_being, g_byte_array_unref);
	world->server = NULL;
	world->parts_out = 0;
	world->tell_room = world->done_due = false;
	world->deadline_us = INT64_MAX;
}

void
world_free(World *world)
{
	drop_server(world);
	pdk_effects_free(world->effects);
	pdk_settings_free(world->settings);
	g_free(world->super_digest);
	g_free(world->fatal);
	g_string_free(world->lines, TRUE);
	g_ptr_array_unref(world->peers);
	g_ptr_array_unref(world->all);
	g_array_unref(world->txns);
	g_clear_pointer(&world->snapshot, g_byte_array_unref);
	g_free(world);
}

/* ---- recovery ---- */

/* The body comes in pieces of odd sizes, as a decompressing reader may give it. */
static void
load_snapshot(World *into, const World *from)
{
	const PdkRecovery *recovery = pdk_server_recovery();
	g_autoptr(GError) error = NULL;
	recovery->snapshot_begin(into->server, from->snapshot_zxid, from->snapshot->len);
	PdkRandom random = pdk_random(from->snapshot->len);
	PdkPartResult result = PDK_PART_MORE;
	for (guint at = 0; result == PDK_PART_MORE;) {
		g_assert_cmpuint(at, <, from->snapshot->len);
		size_t length = 1 + pdk_random_below(&random, 300), used = 0;
		length = MIN(length, from->snapshot->len - at);
		uint8_t *exact = g_memdup2(from->snapshot->data + at, length);
		result = recovery->snapshot_part(into->server, exact, length, &used, &error);
		g_free(exact);
		g_assert_no_error(error);
		at += (guint)length;
		g_assert(result == PDK_PART_MORE || at == from->snapshot->len);
	}
	g_assert(result == PDK_PART_DONE);
	recovery->snapshot_accept(into->server, &from->snapshot_tail);
}

static void
recover(World *into, const World *from, WorldOrigin origin)
{
	const PdkRecovery *recovery = pdk_server_recovery();
	int64_t after = 0;
	if (origin == FROM_SNAPSHOT && from->snapshot) {
		load_snapshot(into, from);
		after = from->snapshot_zxid;
	} else
		recovery->empty(into->server);
	for (guint i = 0; i < from->synced; i++) {
		const WorldTxn *txn = &g_array_index(from->txns, WorldTxn, i);
		g_autoptr(GError) error = NULL;
		if (txn->zxid <= after)
			continue;
		size_t length;
		const void *data = g_bytes_get_data(txn->txn, &length);
		bool good = recovery->txn(into->server, txn->zxid, data, length, &error);
		g_assert_no_error(error);
		g_assert(good);
	}
}

World *
world_recovered(World *world, WorldOrigin origin)
{
	World *other = world_new();
	PdkSettings *settings = world->settings;
	other->settings->extended_types = settings->extended_types;
	other->settings->digest = settings->digest;
	other->now_us = world->now_us;
	other->wall_ms = world->wall_ms;
	make_server(other);
	recover(other, world, origin);
	return other;
}

static void
begin(World *world)
{
	pdk_server_begin(world->server, world->now_us, world->wall_ms, world->can_snapshot, world->effects);
	world_settle(world);
}

void
world_start(World *world)
{
	make_server(world);
	pdk_server_recovery()->empty(world->server);
	begin(world);
}

World *
world_running(void)
{
	World *world = world_new();
	world_start(world);
	return world;
}

static void
forget_peers(World *world)
{
	for (guint i = 0; i < world->peers->len; i++) {
		Peer *peer = g_ptr_array_index(world->peers, i);
		if (peer)
			peer->open = false;
		world->peers->pdata[i] = NULL;
	}
}

void
world_restart(World *world, WorldOrigin origin)
{
	drop_server(world);
	forget_peers(world);
	g_array_set_size(world->txns, world->synced);
	make_server(world);
	recover(world, world, origin);
	world->now_us += RECOVERY_US;
	world->wall_ms += RECOVERY_US / 1000;
	begin(world);
}

/* ---- carrying ---- */

static void
step(World *world, PdkEvent *event)
{
	event->now_us = world->now_us;
	event->wall_ms = world->wall_ms;
	pdk_server_step(world->server, event, world->effects);
	if (world->check)
		pdk_server_check(world->server);
}

static Peer *
find_peer(World *world, PdkLink link)
{
	guint slot = (guint)(link & 0xffffffff);
	Peer *peer = slot < world->peers->len ? g_ptr_array_index(world->peers, slot) : NULL;
	return peer && peer->link == link ? peer : NULL;
}

static void
carry_appends(World *world)
{
	for (unsigned i = 0; i < world->effects->n_appends; i++) {
		const PdkAppend *append = &world->effects->appends[i];
		WorldTxn txn = {append->zxid, g_bytes_ref(append->txn)};
		guint n = world->txns->len;
		g_assert(n == 0 || g_array_index(world->txns, WorldTxn, n - 1).zxid < txn.zxid);
		g_array_append_val(world->txns, txn);
	}
}

static void
carry_output(World *world, const PdkOutput *output, GArray *told)
{
	Peer *peer = find_peer(world, output->link);
	if (peer == NULL || !peer->open || pdk_output_length(output) == 0)
		return;
	g_autoptr(GArray) scratch = g_array_new(FALSE, FALSE, sizeof(PdkPart));
	unsigned n;
	const PdkPart *parts = pdk_output_parts(output, scratch, &n);
	for (unsigned i = 0; i < n; i++) {
		g_byte_array_append(peer->reads ? peer->inbox : peer->unsent, parts[i].data,
				    (guint)parts[i].length);
		peer->received += parts[i].length;
	}
	if (peer->unsent->len > 0 || peer->told_unsent)
		g_array_append_val(told, peer->link);
}

static void
close_peer(Peer *peer, bool flushed)
{
	if (!peer->open)
		return;
	peer->open = false;
	peer->flushed = flushed;
}

static void
carry_command(World *world, PdkCommand *command)
{
	Peer *peer = command->link ? find_peer(world, command->link) : NULL;
	switch (command->type) {
	case PDK_COMMAND_CLOSE:
	case PDK_COMMAND_CLOSE_FLUSHED:
		if (peer)
			close_peer(peer, command->type == PDK_COMMAND_CLOSE_FLUSHED);
		break;
	case PDK_COMMAND_PAUSE:
	case PDK_COMMAND_RESUME:
		if (peer)
			peer->paused = command->type == PDK_COMMAND_PAUSE;
		break;
	case PDK_COMMAND_SNAPSHOT_BEGIN:
		g_assert(world->snapshot_being == NULL && !world->done_due);
		world->snapshot_being = g_byte_array_new();
		world->snapshot_being_zxid = command->zxid;
		break;
	case PDK_COMMAND_SNAPSHOT_PART: {
		size_t length;
		const void *data = g_bytes_get_data(command->part, &length);
		g_byte_array_append(world->snapshot_being, data, (guint)length);
		g_assert_cmpuint(world->parts_out, <, MAX_PARTS_OUT);
		if (++world->parts_out == MAX_PARTS_OUT)
			pdk_server_snapshot_full(world->server);
		break;
	}
	case PDK_COMMAND_SNAPSHOT_FINISH:
		g_clear_pointer(&world->snapshot, g_byte_array_unref);
		world->snapshot = g_steal_pointer(&world->snapshot_being);
		world->snapshot_zxid = world->snapshot_being_zxid;
		world->snapshot_tail = command->tail;
		world->snapshots++;
		world->done_due = true;
		break;
	case PDK_COMMAND_SNAPSHOT_ABORT:
		g_clear_pointer(&world->snapshot_being, g_byte_array_unref);
		break;
	default:
		g_assert_not_reached(); /* of ensembles */
	}
}

static void
tell_unsent(World *world, Peer *peer)
{
	PdkEvent event = {.kind = PDK_EVENT_UNSENT, .link = peer->link, .unsent = peer->unsent->len};
	peer->told_unsent = peer->unsent->len > 0;
	step(world, &event);
}

/* What carrying showed, as events; true when there were some. */
static bool
tell_findings(World *world, GArray *told)
{
	bool any = told->len > 0;
	for (guint i = 0; i < told->len; i++) {
		Peer *peer = find_peer(world, g_array_index(told, PdkLink, i));
		if (peer)
			tell_unsent(world, peer);
	}
	if (world->parts_out > 0) {
		world->parts_out = 0;
		PdkEvent event = {.kind = PDK_EVENT_SNAPSHOT_ROOM};
		step(world, &event);
		any = true;
	}
	if (world->done_due && !world->hold_snapshots) {
		world->done_due = false;
		PdkEvent event = {.kind = PDK_EVENT_SNAPSHOT_DONE, .snapshot = {world->snapshot_zxid, NULL}};
		step(world, &event);
		any = true;
	}
	return any;
}

static bool
carry(World *world)
{
	PdkEffects *effects = world->effects;
	g_autoptr(GArray) told = g_array_new(FALSE, FALSE, sizeof(PdkLink));
	world->deadline_us = MIN(world->deadline_us, effects->deadline_us);
	world->again |= effects->again;
	world->stopped |= effects->stopped;
	if (effects->fatal && world->fatal == NULL)
		world->fatal = g_strdup(effects->fatal);
	carry_appends(world);
	for (unsigned i = 0; i < effects->n_outputs; i++)
		carry_output(world, &effects->outputs[i], told);
	for (unsigned i = 0; i < effects->n_commands; i++)
		carry_command(world, &effects->commands[i]);
	pdk_effects_reset(effects);
	return tell_findings(world, told);
}

/* The transport says that the connections we asked it to close are gone. */
static bool
bury(World *world)
{
	bool any = false;
	for (guint i = 0; i < world->peers->len; i++) {
		Peer *peer = g_ptr_array_index(world->peers, i);
		if (peer == NULL || peer->open)
			continue;
		world->peers->pdata[i] = NULL;
		PdkEvent event = {.kind = PDK_EVENT_CLOSED, .link = peer->link};
		step(world, &event);
		any = true;
	}
	return any;
}

static void
turn(World *world)
{
	PdkEvent event = {.kind = PDK_EVENT_TURN};
	world->deadline_us = INT64_MAX;
	world->again = false;
	step(world, &event);
	while (carry(world))
		continue;
}

void
world_step(World *world, PdkEvent *event)
{
	step(world, event);
	turn(world);
}

static void
receive(Peer *peer, const uint8_t *data, size_t length)
{
	uint8_t *exact = g_memdup2(data, length); /* lent for the call only */
	PdkEvent event = {.kind = PDK_EVENT_RECEIVED, .link = peer->link, .received = {exact, length}};
	step(peer->world, &event);
	if (exact)
		memset(exact, 0xdd, length);
	g_free(exact);
}

/* The transport reads on where it was told to. */
static bool
read_waiting(World *world)
{
	bool any = false;
	for (guint i = 0; i < world->peers->len; i++) {
		Peer *peer = g_ptr_array_index(world->peers, i);
		if (peer == NULL || !peer->open || peer->paused || peer->waiting->len == 0)
			continue;
		guint length = MIN(peer->waiting->len, (guint)READ_SIZE);
		receive(peer, peer->waiting->data, length);
		g_byte_array_remove_range(peer->waiting, 0, length);
		any = true;
	}
	return any;
}

static void
tell_synced(World *world, unsigned n)
{
	world->synced = n;
	PdkEvent event = {.kind = PDK_EVENT_SYNCED, .zxid = g_array_index(world->txns, WorldTxn, n - 1).zxid};
	step(world, &event);
}

void
world_settle(World *world)
{
	for (unsigned round = 0; round < MAX_ROUNDS; round++) {
		bool any = read_waiting(world);
		turn(world);
		any |= bury(world);
		if (world->auto_sync && world->synced < world->txns->len) {
			tell_synced(world, world->txns->len);
			any = true;
		}
		if (world->lazy || (!any && !world->again))
			return;
	}
	g_assert_not_reached(); /* the server never rests */
}

void
world_sync_some(World *world, unsigned n)
{
	n = MIN(world->txns->len, world->synced + n);
	if (n > world->synced)
		tell_synced(world, n);
	world_settle(world);
}

void
world_sync(World *world)
{
	while (world->synced < world->txns->len)
		world_sync_some(world, world->txns->len - world->synced);
	world_settle(world);
}

void
world_advance(World *world, int64_t ms)
{
	int64_t end_us = world->now_us + ms * 1000;
	while (world->deadline_us <= end_us) {
		int64_t at_us = MAX(world->now_us, world->deadline_us);
		world->wall_ms += at_us / 1000 - world->now_us / 1000;
		world->now_us = at_us;
		world_settle(world);
		if (world->deadline_us <= at_us) /* it may not ask for the past for ever */
			world->deadline_us = at_us + 1;
	}
	world->wall_ms += end_us / 1000 - world->now_us / 1000;
	world->now_us = end_us;
}

/* ---- what stands in it ---- */

static void
dump_node(PdkTree *tree, PdkNode node, GPtrArray *lines)
{
	PdkBuffer text = {0}, stat = {0};
	pdk_tree_append_path(tree, node, &text);
	pdk_buffer_append(&text, " ", 1);
	PdkStat plain;
	pdk_tree_stat(tree, node, &plain);
	pdk_stat_put_persisted(&stat, &plain);
	size_t length;
	int32_t data_length;
	const uint8_t *acl = pdk_acls_encoding(pdk_tree_acls(tree), pdk_tree_acl(tree, node), &length);
	g_autoptr(GString) line = g_string_new_len((char *)text.data, (gssize)text.length);
	for (size_t i = 0; i < stat.length; i++)
		g_string_append_printf(line, "%02x", stat.data[i]);
	g_string_append_c(line, ' ');
	for (size_t i = 0; i < length; i++)
		g_string_append_printf(line, "%02x", acl[i]);
	const uint8_t *data = pdk_tree_data(tree, node, &data_length);
	g_string_append_printf(line, " %u %d ", pdk_tree_child_count(tree, node), data_length);
	for (int32_t i = 0; i < data_length; i++)
		g_string_append_printf(line, "%02x", data[i]);
	pdk_buffer_clear(&text);
	pdk_buffer_clear(&stat);
	g_ptr_array_add(lines, g_strdup(line->str));
	for (PdkNode child = pdk_tree_first_child(tree, node); child;
	     child = pdk_tree_next_sibling(tree, child))
		dump_node(tree, child, lines);
}

static gint
compare_lines(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

char *
world_dump(World *world)
{
	PdkServer *server = world->server;
	g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
	dump_node(server->tree, pdk_tree_root(server->tree), lines);
	uint64_t cursor = 0;
	for (PdkSession *session; (session = pdk_sessions_next(server->sessions, &cursor));)
		g_ptr_array_add(lines, g_strdup_printf("session %" PRIx64 " %d", (uint64_t)session->id,
						       session->recorded_timeout_ms));
	g_ptr_array_add(lines, g_strdup_printf("zxid %" PRIx64 " digest %" PRIx64 " ephemerals %" PRIu64,
					       (uint64_t)server->applied_zxid, pdk_tree_digest(server->tree),
					       pdk_tree_ephemeral_count(server->tree)));
	g_ptr_array_sort(lines, compare_lines);
	g_ptr_array_add(lines, NULL);
	return g_strjoinv("\n", (char **)lines->pdata);
}

uint64_t
world_counter(World *world, const char *name)
{
	uint64_t cursor = 0;
	PdkMetric metric;
	while (pdk_registry_next(world->registry, &cursor, &metric))
		if (strcmp(metric.name, name) == 0)
			return (uint64_t)metric.value;
	g_assert_not_reached();
}

/* ---- the ends of connections ---- */

Peer *
peer_new(World *world, const char *address)
{
	guint slot = 0;
	while (slot < world->peers->len && g_ptr_array_index(world->peers, slot) != NULL)
		slot++;
	if (slot == world->peers->len)
		g_ptr_array_add(world->peers, NULL);
	Peer *peer = g_new0(Peer, 1);
	g_ptr_array_add(world->all, peer);
	peer->world = world;
	peer->link = ((uint64_t)world->all->len << 32) | slot;
	peer->address = g_strdup(address);
	peer->reads = true;
	peer->waiting = g_byte_array_new();
	peer->unsent = g_byte_array_new();
	peer->inbox = g_byte_array_new();
	peer->frame = g_byte_array_new();
	peer->events = g_string_new(NULL);
	g_autofree char *endpoint = g_strdup_printf("/%s:4711", address);
	PdkEvent event = {.kind = PDK_EVENT_ACCEPTED, .link = peer->link};
	event.accepted.address = address;
	event.accepted.endpoint = endpoint;
	step(world, &event);
	bool refused = world->effects->refused;
	world->effects->refused = false;
	if (refused) {
		world_settle(world);
		return NULL;
	}
	peer->open = true;
	world->peers->pdata[slot] = peer;
	world_settle(world);
	return peer;
}

void
peer_hang_up(Peer *peer)
{
	close_peer(peer, false);
	world_settle(peer->world);
}

void
peer_send(Peer *peer, const void *data, size_t length)
{
	g_byte_array_append(peer->waiting, data, (guint)length);
	world_settle(peer->world);
}

void
peer_stop_reading(Peer *peer)
{
	peer->reads = false;
}

void
peer_read_on(Peer *peer)
{
	peer->reads = true;
	g_byte_array_append(peer->inbox, peer->unsent->data, peer->unsent->len);
	g_byte_array_set_size(peer->unsent, 0);
	if (peer->told_unsent && peer->open)
		tell_unsent(peer->world, peer);
	world_settle(peer->world);
}

GByteArray *
peer_take(Peer *peer)
{
	GByteArray *taken = g_byte_array_new();
	if (peer->inbox->len > peer->inbox_at)
		g_byte_array_append(taken, peer->inbox->data + peer->inbox_at,
				    peer->inbox->len - peer->inbox_at);
	peer->inbox_at = peer->inbox->len;
	return taken;
}

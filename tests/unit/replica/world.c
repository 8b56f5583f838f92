/* SPDX-License-Identifier: Apache-2.0 */
/* Servers of the world: birth and crash, what their replicas ask of them, and what happens next. */
#include "world.h"
#include <stdio.h>

#define PART_BYTES 64

uint64_t
world_below(World *world, uint64_t below)
{
	return pdk_random_below(&world->random, below);
}

/* ---- an election that the world decides ---- */

struct PdkElection {
	Node *node;
	bool looking;
	int64_t zxid, current_epoch;
};

static bool
beats(const PdkElection *a, const PdkElection *b)
{
	if (a->current_epoch != b->current_epoch)
		return a->current_epoch > b->current_epoch;
	return a->zxid != b->zxid ? a->zxid > b->zxid : a->node->sid > b->node->sid;
}

static bool
leads(World *world, int64_t sid)
{
	const Node *node = &world->nodes[sid];
	return sid != 0 && node->up && pdk_replica_role(node->replica) == PDK_PEER_LEADING;
}

/* Whom to follow; 0: nobody yet. Mostly the best of a quorum that looks, now and then anybody. */
static int64_t
name_leader(World *world)
{
	PdkSids looking = {0};
	const PdkElection *best = NULL;
	if (world->puppet)
		return world->puppet;
	if (leads(world, world->named))
		return world->named;
	for (unsigned sid = 1; sid <= world->n; sid++) {
		Node *node = &world->nodes[sid];
		if (!node->up || !node->election || !node->election->looking || !pdk_members_votes(world->members, sid))
			continue;
		pdk_sids_add(&looking, sid);
		if (best == NULL || beats(node->election, best))
			best = node->election;
	}
	if (!pdk_members_quorum(world->members, &looking))
		return 0;
	world->named = best->node->sid;
	if (world->misled && world_below(world, world->misled) == 0)
		world->named = looking.at[world_below(world, looking.n)];
	return world->named;
}

static void
scripted_step(PdkElection *self, const PdkElectionEvent *event, const PdkElectionOut *out)
{
	Node *node = self->node;
	if (event->kind == PDK_ELECTION_LOOK) {
		self->looking = true;
		self->zxid = event->look.zxid;
		self->current_epoch = event->look.current_epoch;
		node->looks++;
		node->looked = (PdkVote){.leader = node->sid, .zxid = self->zxid, .peer_epoch = self->current_epoch};
	}
	if (event->kind == PDK_ELECTION_SETTLED)
		node->settled = event->settled.vote;
	if (!self->looking || (event->kind != PDK_ELECTION_LOOK && event->kind != PDK_ELECTION_DEADLINE))
		return;
	int64_t leader = event->kind == PDK_ELECTION_LOOK ? 0 : name_leader(node->world);
	bool observes = pdk_members_find(node->world->members, node->sid)->observer;
	if (leader == 0 || (leader != node->sid && !leads(node->world, leader) && world_below(node->world, 2))) {
		out->deadline(out->context, event->now_us + 1000 + (int64_t)world_below(node->world, 10000));
		return;
	}
	PdkVote vote = {.leader = leader, .zxid = self->zxid, .round = 1, .peer_epoch = self->current_epoch};
	self->looking = false;
	out->deadline(out->context, INT64_MAX);
	out->elected(out->context, &vote,
		     leader == node->sid ? PDK_PEER_LEADING : observes ? PDK_PEER_OBSERVING : PDK_PEER_FOLLOWING);
}

static const PdkElectionOps scripted_ops = {
	.size = sizeof(PdkElectionOps),
	.queue_length = 1,
	.step = scripted_step,
};

/* ---- hooks ---- */

static void
hook_say(void *context, PdkLogLevel level, const char *line)
{
	const Node *node = context;
	if (node->world->talk)
		printf("[%8.3f] %d %s %s\n", (double)node->world->now_us / 1000, (int)node->sid,
		       level <= PDK_LOG_WARNING ? "!" : " ", line);
}

static void
hook_fatal(void *context, const char *line)
{
	const Node *node = context;
	if (!node->world->may_fail)
		g_error("server %d: %s", (int)node->sid, line);
	g_free(node->world->fatal);
	node->world->fatal = g_strdup(line);
}

static void
hook_quiesce(void *context)
{
	Node *node = context;
	node->serving = false;
	node->quiesced++;
	g_queue_clear_full(&node->sync_floors, g_free);
}

static void
hook_serve(void *context, PdkPeerState role, int64_t epoch)
{
	Node *node = context;
	node->serving = true;
	node->served++;
	node->role = role;
	node->epoch = epoch;
	check_committed(node);
	if (role == PDK_PEER_LEADING)
		check_serving_leader(node);
}

static void
hook_hold(void *context, int64_t zxid, GBytes *txn)
{
	Node *node = context;
	world_txns_add(node->held, zxid, txn);
	pdk_effects_append(node->effects, zxid, g_bytes_ref(txn));
}

static void
hook_commit(void *context, int64_t zxid)
{
	Node *node = context;
	if (node->serving && node->role == PDK_PEER_LEADING)
		check_commit_is_durable(node, zxid);
	unsigned n = 0;
	int64_t last = 0;
	for (; n < node->held->len && g_array_index(node->held, WorldTxn, n).zxid <= zxid; n++) {
		WorldTxn *txn = &g_array_index(node->held, WorldTxn, n);
		world_txns_add(node->tree, txn->zxid, txn->txn);
		pdk_replica_applied(node->replica, txn->zxid, txn->txn);
		g_bytes_unref(txn->txn);
		last = txn->zxid;
	}
	pdk_assert(last == zxid);
	g_array_remove_range(node->held, 0, n);
	node->applied = zxid;
	if (node->serving)
		check_committed(node);
}

static bool
hook_drop(void *context, int64_t zxid)
{
	Node *node = context;
	world_txns_cut(node->held, zxid);
	return world_txns_last(node->tree) <= zxid;
}

static int64_t
hook_applied(void *context)
{
	return ((Node *)context)->applied;
}

static GBytes *
hook_held(void *context, unsigned index, int64_t *zxid)
{
	const Node *node = context;
	if (index >= node->held->len)
		return NULL;
	if (zxid)
		*zxid = g_array_index(node->held, WorldTxn, index).zxid;
	return g_array_index(node->held, WorldTxn, index).txn;
}

static void
hook_set_applied(void *context, int64_t zxid)
{
	((Node *)context)->applied = zxid;
}

/* A body is its length, then zxid, length and bytes of each txn. */
static bool
hook_walk_begin(void *context, int64_t *zxid)
{
	Node *node = context;
	if (node->walk)
		return false;
	PdkBuffer body = {0};
	pdk_put_int(&body, 0);
	for (unsigned i = 0; i < node->tree->len; i++) {
		const WorldTxn *txn = &g_array_index(node->tree, WorldTxn, i);
		pdk_put_long(&body, txn->zxid);
		pdk_put_bytes(&body, g_bytes_get_data(txn->txn, NULL), (int32_t)g_bytes_get_size(txn->txn));
	}
	pdk_store_u32(body.data, (uint32_t)body.length);
	node->walk = g_byte_array_append(g_byte_array_new(), body.data, (guint)body.length);
	pdk_buffer_clear(&body);
	*zxid = node->applied;
	return true;
}

static GBytes *
hook_walk_next(void *context)
{
	Node *node = context;
	if (node->walk->len == 0) {
		g_clear_pointer(&node->walk, g_byte_array_unref);
		return NULL;
	}
	guint n = MIN(node->walk->len, PART_BYTES);
	GBytes *part = g_bytes_new(node->walk->data, n);
	g_byte_array_remove_range(node->walk, 0, n);
	return part;
}

static void
hook_walk_abort(void *context)
{
	g_clear_pointer(&((Node *)context)->walk, g_byte_array_unref);
}

static void
hook_load_begin(void *context, int64_t zxid)
{
	Node *node = context;
	pdk_assert(node->load == NULL);
	world_txns_cut(node->tree, 0);
	world_txns_cut(node->held, 0);
	node->applied = 0;
	node->verified = 0;
	node->load = g_byte_array_new();
	node->load_zxid = zxid;
}

static void
load_tree(Node *node)
{
	PdkJute jute = pdk_jute(node->load->data + 4, node->load->len - 4, INT32_MAX);
	while (pdk_jute_left(&jute) > 0) {
		int64_t zxid = pdk_get_long(&jute);
		PdkSlice data = pdk_get_bytes(&jute);
		g_autoptr(GBytes) txn = g_bytes_new(data.data, (size_t)data.length);
		pdk_assert(!jute.failed);
		world_txns_add(node->tree, zxid, txn);
	}
}

static PdkPartResult
hook_load_part(void *context, const uint8_t *data, size_t length, size_t *used, G_GNUC_UNUSED GError **error)
{
	Node *node = context;
	size_t want = 4;
	for (*used = 0; *used < length;) {
		if (node->load->len >= 4)
			want = pdk_load_u32(node->load->data);
		size_t n = MIN(length - *used, want - node->load->len);
		g_byte_array_append(node->load, data + *used, (guint)n);
		*used += n;
		if (node->load->len >= 4 && node->load->len == pdk_load_u32(node->load->data)) {
			load_tree(node);
			return PDK_PART_DONE;
		}
	}
	return PDK_PART_MORE;
}

static bool
hook_load_full(void *context)
{
	Node *node = context;
	if (world_below(node->world, 3))
		return false;
	g_queue_push_tail(&node->notices, g_new0(Notice, 1));
	return true;
}

static void
hook_load_end(void *context)
{
	Node *node = context;
	g_clear_pointer(&node->load, g_byte_array_unref);
	node->applied = node->load_zxid;
	pdk_assert(node->saving == NULL);
	node->saving = world_txns_new();
	world_txns_copy(node->saving, node->tree);
	node->saving_zxid = node->load_zxid;
	disk_job(node, JOB_SNAPSHOT, NULL);
}

static void
hook_load_abort(void *context)
{
	Node *node = context;
	g_clear_pointer(&node->load, g_byte_array_unref);
}

static bool
hook_snapshotting(void *context)
{
	return ((Node *)context)->snapshotting;
}

static void
propose(Node *node, uint64_t value)
{
	int64_t zxid = pdk_replica_next_zxid(node->replica);
	if (zxid == 0)
		return;
	PdkBuffer txn = {0};
	pdk_put_long(&txn, node->sid);
	pdk_put_int(&txn, 1);
	pdk_put_long(&txn, zxid);
	pdk_put_long(&txn, 0);
	pdk_put_int(&txn, 5);
	pdk_put_long(&txn, (int64_t)value);
	g_autoptr(GBytes) bytes = g_bytes_new(txn.data, txn.length);
	pdk_buffer_clear(&txn);
	hook_hold(node, zxid, bytes);
	pdk_replica_propose(node->replica, zxid, bytes);
}

static void
hook_request(void *context, G_GNUC_UNUSED PdkLearnerId from, G_GNUC_UNUSED int64_t session, G_GNUC_UNUSED int32_t cxid,
	     G_GNUC_UNUSED int32_t op, PdkSlice body, G_GNUC_UNUSED PdkSlice auth)
{
	pdk_assert(body.length == 8);
	propose(context, pdk_load_u64(body.data));
}

static void
hook_touch(G_GNUC_UNUSED void *context, G_GNUC_UNUSED int64_t session, int32_t timeout_ms)
{
	pdk_assert(timeout_ms == 4000);
}

static bool
hook_revalidate(G_GNUC_UNUSED void *context, G_GNUC_UNUSED PdkLearnerId from, int64_t session,
		G_GNUC_UNUSED int32_t timeout_ms)
{
	return session % 2 == 1;
}

static void
hook_moved(G_GNUC_UNUSED void *context, G_GNUC_UNUSED int64_t session)
{
}

static void
hook_revalidated(G_GNUC_UNUSED void *context, int64_t session, bool valid)
{
	pdk_assert(valid == (session % 2 == 1));
}

static void
hook_sync_done(void *context)
{
	Node *node = context;
	g_autofree int64_t *floor = g_queue_pop_head(&node->sync_floors);
	pdk_assert(floor && node->applied >= *floor);
	node->syncs_done++;
}

static void
hook_put_touched(void *context, PdkBuffer *out)
{
	Node *node = context;
	if (world_below(node->world, 2) == 0)
		return;
	pdk_put_long(out, node->sid);
	pdk_put_int(out, 4000);
}

static void
hook_members(void *context, G_GNUC_UNUSED const PdkMembers *committed, G_GNUC_UNUSED int64_t zxid)
{
	((Node *)context)->members_told++;
}

static const PdkReplicaHooks node_hooks = {
	.say = hook_say,
	.fatal = hook_fatal,
	.quiesce = hook_quiesce,
	.serve = hook_serve,
	.hold = hook_hold,
	.commit = hook_commit,
	.drop = hook_drop,
	.applied = hook_applied,
	.held = hook_held,
	.set_applied = hook_set_applied,
	.walk_begin = hook_walk_begin,
	.walk_next = hook_walk_next,
	.walk_abort = hook_walk_abort,
	.load_begin = hook_load_begin,
	.load_part = hook_load_part,
	.load_full = hook_load_full,
	.load_end = hook_load_end,
	.load_abort = hook_load_abort,
	.snapshotting = hook_snapshotting,
	.request = hook_request,
	.touch = hook_touch,
	.revalidate = hook_revalidate,
	.moved = hook_moved,
	.revalidated = hook_revalidated,
	.sync_done = hook_sync_done,
	.put_touched = hook_put_touched,
	.members = hook_members,
};

/* ---- steps ---- */

void
node_step_begin(Node *node)
{
	pdk_assert(node->up);
	pdk_replica_step(node->replica, node->world->now_us, node->effects);
}

static void
carry_command(Node *node, const PdkCommand *command)
{
	Notice *notice;
	switch (command->type) {
	case PDK_COMMAND_DIAL:
		net_dial(node, command);
		return;
	case PDK_COMMAND_LISTEN:
		node->listens[command->purpose] = true;
		notice = g_new0(Notice, 1);
		notice->listening = command->purpose;
		g_queue_push_tail(&node->notices, notice);
		return;
	case PDK_COMMAND_UNLISTEN:
		node->listens[command->purpose] = false;
		return;
	case PDK_COMMAND_RECORD:
		disk_job(node, JOB_RECORD, command);
		return;
	case PDK_COMMAND_TRUNCATE:
		disk_job(node, JOB_TRUNCATE, command);
		return;
	case PDK_COMMAND_RELOAD:
		disk_job(node, JOB_RELOAD, command);
		return;
	case PDK_COMMAND_READ_LOG:
		disk_job(node, JOB_READ, command);
		return;
	case PDK_COMMAND_MEMBERS:
		return;
	default:
		net_command(node, command);
	}
}

void
node_step_end(Node *node)
{
	PdkEffects *effects = node->effects;
	pdk_replica_turn(node->replica);
	pdk_replica_check(node->replica);
	for (unsigned i = 0; i < effects->n_appends; i++)
		disk_append(node, effects->appends[i].zxid, effects->appends[i].txn);
	if (effects->n_appends > 0)
		disk_job(node, JOB_SYNC, NULL);
	for (unsigned i = 0; i < effects->n_outputs; i++)
		net_output(node, &effects->outputs[i]);
	for (unsigned i = 0; i < effects->n_commands; i++)
		carry_command(node, &effects->commands[i]);
	node->deadline_us = effects->deadline_us;
	node->again = effects->again;
	pdk_effects_reset(effects);
	check_epochs_rise(node);
}

static void
tell_notice(Node *node)
{
	g_autofree Notice *notice = g_queue_pop_head(&node->notices);
	node_step_begin(node);
	if (notice->listening)
		pdk_replica_listening(node->replica, notice->listening, NULL);
	else
		pdk_replica_load_room(node->replica);
	node_step_end(node);
}

/* What one server can do by itself; as net_ready. */
static unsigned
node_ready(Node *node, unsigned index, bool carry)
{
	unsigned n = 0;
	if (!node->up)
		return 0;
	if (node->jobs.length > 0 && n++ == index && carry) {
		disk_work(node);
		return n;
	}
	if (node->notices.length > 0 && n++ == index && carry) {
		tell_notice(node);
		return n;
	}
	if ((node->again || node->deadline_us <= node->world->now_us) && n++ == index && carry) {
		node_step_begin(node);
		node_step_end(node);
	}
	return n;
}

static void
wait_for_deadline(World *world)
{
	int64_t next = net_next_us(world);
	for (unsigned sid = 1; sid <= world->n; sid++)
		if (world->nodes[sid].up)
			next = MIN(next, world->nodes[sid].deadline_us);
	world->now_us = next == INT64_MAX ? world->now_us + 1000 : MAX(world->now_us + 1, next);
}

void
world_happen(World *world)
{
	unsigned total = net_ready(world, 0, false), of_net = total;
	for (unsigned sid = 1; sid <= world->n; sid++)
		total += node_ready(&world->nodes[sid], 0, false);
	if (total == 0) {
		wait_for_deadline(world);
		return;
	}
	world->now_us += 1 + (int64_t)world_below(world, 100);
	unsigned index = (unsigned)world_below(world, total);
	if (index < of_net) {
		net_ready(world, index, true);
		return;
	}
	index -= of_net;
	for (unsigned sid = 1; sid <= world->n; sid++) {
		unsigned n = node_ready(&world->nodes[sid], 0, false);
		if (index < n) {
			node_ready(&world->nodes[sid], index, true);
			return;
		}
		index -= n;
	}
}

bool
world_until(World *world, bool (*done)(World *world), int64_t ms)
{
	int64_t end_us = world->now_us + ms * 1000;
	while (world->now_us < end_us) {
		if (done(world))
			return true;
		world_happen(world);
	}
	return done(world);
}

void
world_run(World *world, int64_t ms)
{
	int64_t end_us = world->now_us + ms * 1000;
	while (world->now_us < end_us)
		world_happen(world);
}

/* ---- birth and crash ---- */

static PdkMembers *
make_members(unsigned voters, unsigned n)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_autoptr(GError) error = NULL;
	PdkMembersRules rules = {.standalone_enabled = true, .version_allowed = true};
	for (unsigned sid = 1; sid <= n; sid++)
		g_string_append_printf(text, "server.%u=10.0.0.%u:200%u:300%u:%s;10.0.0.%u:2181\n", sid, sid, sid, sid,
				       sid <= voters ? "participant" : "observer", sid);
	PdkMembers *members = pdk_members_parse(text->str, text->len, &rules, &error);
	if (members == NULL)
		g_error("%s", error->message);
	return members;
}

World *
world_new(unsigned voters, unsigned observers, uint64_t seed)
{
	World *world = g_new0(World, 1);
	pdk_assert(voters + observers <= WORLD_MAX);
	world->random = pdk_random(seed);
	world->seed = seed;
	world->n = voters + observers;
	world->now_us = 1000000;
	world->members = make_members(voters, world->n);
	world->connections = g_ptr_array_new();
	world->committed = world_txns_new();
	world->tapped = g_byte_array_new();
	world->leaders = g_hash_table_new(NULL, NULL);
	world->election_ops = &scripted_ops;
	world->history_count = 20;
	world->talk = g_getenv("WORLD_TALK") != NULL;
	for (unsigned sid = 1; sid <= world->n; sid++) {
		Node *node = &world->nodes[sid];
		node->world = world;
		node->sid = sid;
		node->tree = world_txns_new();
		node->held = world_txns_new();
		disk_init(&node->disk);
	}
	return world;
}

/* ---- an election plugin and its host: the config is the plugin itself, every option has its default ---- */

static World *
world_of_host(const PdkHost *host)
{
	return (World *)(void *)((char *)host - offsetof(World, host));
}

static void
host_log(const PdkHost *host, PdkLogLevel level, const char *format, ...)
{
	World *world = world_of_host(host);
	va_list arguments;
	va_start(arguments, format);
	g_autofree char *line = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	if (world->talk)
		printf("[%8.3f] - %s %s\n", (double)world->now_us / 1000, level <= PDK_LOG_WARNING ? "!" : " ", line);
}

static uint64_t
host_random(const PdkHost *host)
{
	return pdk_random_next(&world_of_host(host)->random);
}

static const char *
option(const PdkConfig *config, const char *key)
{
	const PdkPlugin *plugin = (const PdkPlugin *)(const void *)config;
	for (const PdkOption *each = plugin->options; each && each->key; each++)
		if (strcmp(each->key, key) == 0)
			return each->fallback;
	g_error("option %s is not known", key);
}

static int64_t
option_int(const PdkConfig *config, const char *key)
{
	return g_ascii_strtoll(option(config, key), NULL, 10);
}

static bool
option_bool(const PdkConfig *config, const char *key)
{
	return strcmp(option(config, key), "true") == 0;
}

void
world_elect_by(World *world, const PdkPlugin *plugin)
{
	world->plugin = plugin;
	world->election_ops = plugin->ops;
	world->host = (PdkHost){
		.size = sizeof(PdkHost),
		.log = host_log,
		.random = host_random,
		.option_int = option_int,
		.option_bool = option_bool,
	};
}

static PdkReplica *
make_replica(Node *node)
{
	World *world = node->world;
	PdkReplicaParams params = {
		.self = node->sid,
		.committed = world->members,
		.rules = {.standalone_enabled = true, .version_allowed = true},
		.tick_ms = WORLD_TICK_MS,
		.init_limit = 10,
		.sync_limit = 5,
		.dial_timeout_ms = 500,
		.max_buffer_bytes = 1024 * 1024,
		.extra_buffer_bytes = 1024 * 1024,
		.history_count = world->history_count,
		.snapshot_size_factor = 0.33,
		.observer_delay_ms = 50,
		.bind_retries = 3,
		.sync_enabled = true,
		.reconfig_enabled = world->reconfig,
		.learner_output_max = 64 * 1024 * 1024,
		.observer_master_port = world->masters ? WORLD_MASTER_PORT : 0,
		.observer_master_bytes = 1024 * 1024,
	};
	PdkReplicaHooks hooks = node_hooks;
	hooks.context = node;
	return pdk_replica_new(&params, &hooks, pdk_random_next(&world->random));
}

static PdkElection *
make_election(Node *node)
{
	World *world = node->world;
	g_autoptr(GError) error = NULL;
	if (world->election_ops->create == NULL) {
		PdkElection *election = g_new0(PdkElection, 1);
		election->node = node;
		return election;
	}
	const char *key = world->election_ops->record_key;
	GBytes *kept = key ? g_hash_table_lookup(node->disk.records, key) : NULL;
	PdkElection *election = world->election_ops->create(&world->host, (const PdkConfig *)(const void *)world->plugin,
							    pdk_replica_ensemble(node->replica), kept, &error);
	if (election == NULL)
		g_error("%s", error->message);
	return election;
}

void
world_start(World *world, int64_t sid)
{
	Node *node = &world->nodes[sid];
	g_autoptr(GError) error = NULL;
	if (node->up)
		return;
	if (world->talk)
		printf("[%8.3f] %d   STARTS\n", (double)world->now_us / 1000, (int)sid);
	node->up = true;
	node->effects = pdk_effects_new();
	node->replica = make_replica(node);
	world_txns_cut(node->held, 0);
	int64_t last = disk_recover(node);
	node->election = make_election(node);
	if (!pdk_replica_join(node->replica, world->election_ops, node->election,
			      g_hash_table_lookup(node->disk.records, "acceptedEpoch"),
			      g_hash_table_lookup(node->disk.records, "currentEpoch"), last, &error))
		g_error("server %d, seed %" PRIu64 ": %s", (int)sid, world->seed, error->message);
	node_step_begin(node);
	pdk_replica_begin(node->replica);
	node_step_end(node);
}

void
world_start_all(World *world)
{
	for (unsigned sid = 1; sid <= world->n; sid++)
		world_start(world, sid);
}

void
world_crash(World *world, int64_t sid)
{
	Node *node = &world->nodes[sid];
	if (!node->up)
		return;
	if (world->talk)
		printf("[%8.3f] %d   CRASHES\n", (double)world->now_us / 1000, (int)sid);
	node->up = node->serving = node->again = false;
	net_crash(node);
	disk_crash(node);
	pdk_replica_free(g_steal_pointer(&node->replica));
	if (world->election_ops->destroy)
		world->election_ops->destroy(node->election);
	else
		g_free(node->election);
	node->election = NULL;
	g_clear_pointer(&node->effects, pdk_effects_free);
	g_queue_clear_full(&node->notices, g_free);
	g_queue_clear_full(&node->sync_floors, g_free);
	g_clear_pointer(&node->walk, g_byte_array_unref);
	g_clear_pointer(&node->load, g_byte_array_unref);
	memset(node->listens, 0, sizeof node->listens);
}

void
world_free(World *world)
{
	for (unsigned sid = 1; sid <= world->n; sid++) {
		Node *node = &world->nodes[sid];
		world_crash(world, sid);
		disk_clear(&node->disk);
		world_txns_cut(node->tree, 0);
		world_txns_cut(node->held, 0);
		g_array_unref(node->tree);
		g_array_unref(node->held);
	}
	pdk_assert(world->connections->len == 0);
	g_ptr_array_unref(world->connections);
	g_byte_array_unref(world->tapped);
	g_free(world->fatal);
	world_txns_cut(world->committed, 0);
	g_array_unref(world->committed);
	g_hash_table_unref(world->leaders);
	pdk_members_unref(world->members);
	g_free(world);
}

/* ---- the network's weather ---- */

void
world_isolate(World *world, int64_t sid, bool cut)
{
	for (unsigned other = 1; other <= world->n; other++)
		world->cut[sid][other] = world->cut[other][sid] = cut && other != sid;
}

void
world_heal(World *world)
{
	memset(world->cut, 0, sizeof world->cut);
}

/* ---- clients ---- */

Node *
world_leader(World *world)
{
	Node *leader = NULL;
	for (unsigned sid = 1; sid <= world->n; sid++) {
		Node *node = &world->nodes[sid];
		if (node->up && node->serving && node->role == PDK_PEER_LEADING && (!leader || node->epoch > leader->epoch))
			leader = node;
	}
	return leader;
}

bool
world_propose(World *world)
{
	Node *leader = world_leader(world);
	if (leader == NULL)
		return false;
	node_step_begin(leader);
	propose(leader, ++world->next_value);
	node_step_end(leader);
	return true;
}

bool
world_forward(World *world)
{
	unsigned first = (unsigned)world_below(world, world->n);
	for (unsigned i = 0; i < world->n; i++) {
		Node *node = &world->nodes[1 + (first + i) % world->n];
		uint8_t body[8];
		if (!node->up || !node->serving || node->role == PDK_PEER_LEADING)
			continue;
		pdk_store_u64(body, ++world->next_value);
		node_step_begin(node);
		pdk_replica_forward(node->replica, node->sid, 1, 5, body, sizeof body, NULL, 0);
		pdk_replica_revalidate(node->replica, (int64_t)world_below(world, 100), 4000);
		int64_t floor = world->nodes[node->replica->learning.leader].applied;
		g_queue_push_tail(&node->sync_floors, g_memdup2(&floor, sizeof floor));
		pdk_replica_forward(node->replica, node->sid, 2, 9, "\0\0\0\1/", 5, NULL, 0);
		node_step_end(node);
		return true;
	}
	return false;
}

bool
world_all_serve(World *world)
{
	for (unsigned sid = 1; sid <= world->n; sid++)
		if (world->nodes[sid].up && !world->nodes[sid].serving)
			return false;
	return world_leader(world) != NULL;
}

bool
world_all_equal(World *world)
{
	if (!world_all_serve(world))
		return false;
	for (unsigned sid = 1; sid <= world->n; sid++) {
		const Node *node = &world->nodes[sid];
		if (node->up && (node->held->len > 0 || node->tree->len != world->committed->len))
			return false;
	}
	return true;
}

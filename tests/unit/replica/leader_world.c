/* SPDX-License-Identifier: Apache-2.0 */
/* The fakes around a leading replica. Changes when the interface of a replica does. */
#include "leader_world.h"

#define WALLET (1 << 20)

/* ---- the layer above ---- */

static void
say(void *context, G_GNUC_UNUSED PdkLogLevel level, const char *line)
{
	World *world = context;
	g_ptr_array_add(world->said, g_strdup(line));
	if (g_getenv("TALK"))
		printf("    [%" PRId64 "] %s\n", world->now_us / 1000, line);
}

static void
fatal(void *context, const char *line)
{
	World *world = context;
	world->said_fatal = true;
	say(context, PDK_LOG_ERROR, line);
}

static void
quiesce(void *context)
{
	World *world = context;
	world->quiesced++;
	world->serving = false;
}

static void
serve(void *context, PdkPeerState role, int64_t epoch)
{
	World *world = context;
	CU_ASSERT_EQUAL(role, PDK_PEER_LEADING);
	CU_ASSERT_EQUAL(world->held->len, 0);
	CU_ASSERT_EQUAL(world->applied, zx(epoch, 0));
	world->serving = true;
	world->epoch_served = epoch;
}

static void
hold(G_GNUC_UNUSED void *context, G_GNUC_UNUSED int64_t zxid, G_GNUC_UNUSED GBytes *txn)
{
	CU_FAIL("a leader is told to hold");
}

static void
commit(void *context, int64_t zxid)
{
	World *world = context;
	world->committed = zxid;
	while (world->held->len > 0 && g_array_index(world->held, int64_t, 0) <= zxid) {
		int64_t first = g_array_index(world->held, int64_t, 0);
		CU_ASSERT_TRUE(first > world->applied);
		world->applied = first;
		pdk_replica_applied(world->replica, first, g_ptr_array_index(world->txns, 0));
		g_array_remove_index(world->held, 0);
		g_ptr_array_remove_index(world->txns, 0);
	}
}

static bool
drop(G_GNUC_UNUSED void *context, G_GNUC_UNUSED int64_t zxid)
{
	CU_FAIL("a leader is told to drop");
	return true;
}

static int64_t
applied(void *context)
{
	return ((World *)context)->applied;
}

static GBytes *
held(void *context, unsigned index, int64_t *zxid)
{
	World *world = context;
	if (index >= world->held->len)
		return NULL;
	if (zxid)
		*zxid = g_array_index(world->held, int64_t, index);
	return g_ptr_array_index(world->txns, index);
}

static void
set_applied(void *context, int64_t zxid)
{
	World *world = context;
	CU_ASSERT_TRUE(zxid >= world->applied);
	world->applied = zxid;
}

static bool
walk_begin(void *context, int64_t *zxid)
{
	World *world = context;
	if (world->walks || world->walk_refused)
		return false;
	world->walks = true;
	world->walk_left = world->walk_parts;
	*zxid = world->applied;
	return true;
}

static GBytes *
walk_next(void *context)
{
	World *world = context;
	CU_ASSERT_TRUE_FATAL(world->walks);
	if (world->walk_left == 0) {
		world->walks = false;
		return NULL;
	}
	world->walk_left--;
	return g_bytes_new_take(g_malloc0(world->part_bytes), world->part_bytes);
}

static void
walk_abort(void *context)
{
	World *world = context;
	CU_ASSERT_TRUE(world->walks);
	world->walks = false;
}

static void
load_begin(G_GNUC_UNUSED void *context, G_GNUC_UNUSED int64_t zxid)
{
	CU_FAIL("a leader is told to load");
}

static PdkPartResult
load_part(G_GNUC_UNUSED void *context, G_GNUC_UNUSED const uint8_t *data, G_GNUC_UNUSED size_t length, G_GNUC_UNUSED size_t *used,
	  G_GNUC_UNUSED GError **error)
{
	CU_FAIL("a leader is told to load");
	return PDK_PART_BAD;
}

static bool
load_full(G_GNUC_UNUSED void *context)
{
	return false;
}

static void
load_end(G_GNUC_UNUSED void *context)
{
	CU_FAIL("a leader is told to load");
}

static void
request(void *context, PdkLearnerId from, int64_t session, int32_t cxid, int32_t op, PdkSlice body, G_GNUC_UNUSED PdkSlice auth)
{
	World *world = context;
	CU_ASSERT_TRUE(body.length >= 0);
	world->requests++;
	world->last_from = from;
	world->last_session = session;
	world->last_cxid = cxid;
	world->last_op = op;
}

static void
touch(void *context, int64_t session, int32_t timeout_ms)
{
	World *world = context;
	world->touches++;
	world->last_session = session;
	world->last_timeout_ms = timeout_ms;
}

static bool
revalidate(void *context, PdkLearnerId from, int64_t session, int32_t timeout_ms)
{
	World *world = context;
	world->last_from = from;
	world->last_session = session;
	world->last_timeout_ms = timeout_ms;
	return world->session_alive;
}

static void
nothing_revalidated(G_GNUC_UNUSED void *context, G_GNUC_UNUSED int64_t session, G_GNUC_UNUSED bool valid)
{
	CU_FAIL("a leader hears a learner's answer");
}

static void
nothing(G_GNUC_UNUSED void *context)
{
	CU_FAIL("a leader hears a learner's news");
}

static void
put_touched(G_GNUC_UNUSED void *context, G_GNUC_UNUSED PdkBuffer *out)
{
}

static void
told_members(G_GNUC_UNUSED void *context, G_GNUC_UNUSED const PdkMembers *committed, G_GNUC_UNUSED int64_t zxid)
{
}

/* ---- an election that names who the test says ---- */

typedef struct {
	bool silent;
	bool looks;
	PdkPeerState told;
	const PdkElectionOut *out;
} Fake;

static void
fake_name(Fake *fake, const PdkElectionOut *out, int64_t zxid, int64_t epoch)
{
	PdkVote vote = {.leader = 1, .zxid = zxid, .round = 1, .peer_epoch = epoch};
	fake->looks = false;
	fake->told = PDK_PEER_LEADING;
	out->elected(out->context, &vote, PDK_PEER_LEADING);
}

static void
fake_step(PdkElection *self, const PdkElectionEvent *event, const PdkElectionOut *out)
{
	Fake *fake = (Fake *)(void *)self;
	if (event->kind == PDK_ELECTION_LOOK) {
		fake->looks = true;
		if (fake->silent)
			out->deadline(out->context, INT64_MAX - 1);
		else
			fake_name(fake, out, event->look.zxid, event->look.current_epoch);
		fake->silent = true;
	}
	if (event->kind == PDK_ELECTION_SETTLED)
		fake->told = event->settled.state;
	if (event->kind == PDK_ELECTION_DEADLINE && fake->looks)
		fake_name(fake, out, 0, 0);
}

static Fake *
fake_of(World *world)
{
	return (Fake *)(void *)world->replica->election;
}

static const PdkElectionOps fake_ops = {.size = sizeof fake_ops, .queue_length = 1, .resend_last = true, .step = fake_step};

void
world_elect(World *world)
{
	CU_ASSERT_TRUE_FATAL(fake_of(world)->looks);
	world->replica->election_due_us = 0;
	pdk_replica_step(world->replica, world->now_us, world->effects);
	pdk_replica_turn(world->replica);
	world_carry(world);
}

/* ---- birth ---- */

static const PdkReplicaHooks fake_hooks = {
	.say = say,
	.fatal = fatal,
	.quiesce = quiesce,
	.serve = serve,
	.hold = hold,
	.commit = commit,
	.drop = drop,
	.applied = applied,
	.held = held,
	.set_applied = set_applied,
	.walk_begin = walk_begin,
	.walk_next = walk_next,
	.walk_abort = walk_abort,
	.load_begin = load_begin,
	.load_part = load_part,
	.load_full = load_full,
	.load_end = load_end,
	.load_abort = nothing,
	.request = request,
	.touch = touch,
	.revalidate = revalidate,
	.revalidated = nothing_revalidated,
	.sync_done = nothing,
	.put_touched = put_touched,
	.members = told_members,
};

static PdkMembers *
members_of(const Start *start)
{
	static const char three[] = "server.1=127.0.0.1:2881:3881\nserver.2=127.0.0.1:2882:3882\nserver.3=127.0.0.1:2883:3883\n";
	const char *text = start->members ? start->members : three;
	PdkMembersRules rules = {.version_allowed = true};
	g_autoptr(GError) error = NULL;
	PdkMembers *members = pdk_members_parse(text, strlen(text), &rules, &error);
	if (members == NULL)
		g_error("%s", error->message);
	return members;
}

/* TxnHeader, then a body that says nothing. */
GBytes *
world_txn(int64_t zxid)
{
	uint8_t txn[40] = {0};
	pdk_store_u64(txn + 12, (uint64_t)zxid);
	pdk_store_u32(txn + 28, (uint32_t)-1);
	return g_bytes_new(txn, sizeof txn);
}

static void
fill(World *world, const Start *start)
{
	int64_t epoch = start->current;
	for (int64_t i = 1; i <= start->history; i++) {
		g_autoptr(GBytes) txn = world_txn(zx(epoch, i));
		world->applied = zx(epoch, i);
		pdk_replica_applied(world->replica, zx(epoch, i), txn);
	}
	for (int64_t i = start->history + 1; i <= start->history + start->held; i++) {
		int64_t zxid = zx(epoch, i);
		g_array_append_val(world->held, zxid);
		g_ptr_array_add(world->txns, world_txn(zxid));
	}
}

static GBytes *
record_of(int64_t epoch)
{
	char *text = g_strdup_printf("%" PRId64, epoch);
	return g_bytes_new_take(text, strlen(text));
}

static void
peer_free(void *data)
{
	Peer *peer = data;
	g_byte_array_unref(peer->in);
	g_free(peer);
}

World *
world_new(const Start *start)
{
	World *world = g_new0(World, 1);
	Fake *fake = g_new0(Fake, 1);
	fake->silent = start->looks;
	world->effects = pdk_effects_new();
	world->now_us = 1000000;
	world->said = g_ptr_array_new_with_free_func(g_free);
	world->held = g_array_new(FALSE, FALSE, sizeof(int64_t));
	world->txns = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
	world->peers = g_ptr_array_new_with_free_func(peer_free);
	world->records = g_array_new(FALSE, FALSE, sizeof(char *));
	world->disk_holds = start->disk_holds;
	world->read_from = -1;
	world->walk_parts = 3;
	world->part_bytes = 100;
	g_autoptr(PdkMembers) members = members_of(start);
	PdkReplicaParams params = {
		.self = 1,
		.committed = members,
		.rules = {.version_allowed = true},
		.tick_ms = TICK_US / 1000,
		.init_limit = INIT_TICKS,
		.sync_limit = SYNC_TICKS,
		.dial_timeout_ms = 1000,
		.max_buffer_bytes = WALLET,
		.history_count = start->history_count ? start->history_count : 500,
		.snapshot_size_factor = start->snapshot_size_factor != 0 ? start->snapshot_size_factor : 0.33,
		.reconfig_enabled = start->reconfig,
		.learner_output_max = start->learner_output_max ? start->learner_output_max : 256 * (uint64_t)WALLET,
	};
	PdkReplicaHooks hooks = fake_hooks;
	hooks.context = world;
	world->replica = pdk_replica_new(&params, &hooks, 1);
	fill(world, start);
	g_autoptr(GBytes) accepted_epoch = record_of(MAX(start->accepted, start->current));
	g_autoptr(GBytes) current_epoch = record_of(start->current);
	g_autoptr(GError) error = NULL;
	int64_t logged = start->history + start->held > 0 ? zx(start->current, start->history + start->held) : 0;
	pdk_replica_step(world->replica, world->now_us, world->effects);
	PdkElection *election = (PdkElection *)(void *)fake;
	if (!pdk_replica_join(world->replica, &fake_ops, election, accepted_epoch, current_epoch, logged, &error))
		g_error("%s", error->message);
	pdk_replica_begin(world->replica);
	world_carry(world);
	return world;
}

void
world_free(World *world)
{
	g_free(world->replica->election);
	pdk_replica_free(world->replica);
	pdk_effects_free(world->effects);
	g_ptr_array_unref(world->said);
	g_array_unref(world->held);
	g_ptr_array_unref(world->txns);
	g_ptr_array_unref(world->peers);
	for (guint i = 0; i < world->records->len; i++)
		g_free(g_array_index(world->records, char *, i));
	g_array_unref(world->records);
	g_free(world);
}

/* ---- the host ---- */

static Peer *
peer_of(World *world, PdkLink link)
{
	for (guint i = 0; i < world->peers->len; i++) {
		Peer *peer = g_ptr_array_index(world->peers, i);
		if (peer->link == link)
			return peer;
	}
	return NULL;
}

static void
carry_command(World *world, const PdkCommand *command)
{
	Peer *peer = command->link ? peer_of(world, command->link) : NULL;
	if (command->type == PDK_COMMAND_CLOSE || command->type == PDK_COMMAND_CLOSE_FLUSHED) {
		peer->closed = true;
	} else if (command->type == PDK_COMMAND_RECORD) {
		char *key = g_strdup(command->key);
		g_array_append_val(world->records, key);
	} else if (command->type == PDK_COMMAND_READ_LOG) {
		CU_ASSERT_EQUAL(world->read_from, -1);
		world->read_from = command->zxid;
	}
}

static void
tell_unsent(World *world)
{
	for (guint i = 0; i < world->peers->len; i++) {
		Peer *peer = g_ptr_array_index(world->peers, i);
		if (peer->stuck && !peer->closed)
			pdk_replica_unsent(world->replica, peer->link, peer->unsent);
	}
}

static void
carry_once(World *world)
{
	g_autoptr(GArray) scratch = g_array_new(FALSE, FALSE, sizeof(PdkPart));
	PdkEffects *effects = world->effects;
	for (unsigned i = 0; i < effects->n_outputs; i++) {
		Peer *peer = peer_of(world, effects->outputs[i].link);
		unsigned n;
		const PdkPart *parts = pdk_output_parts(&effects->outputs[i], scratch, &n);
		for (unsigned j = 0; j < n && !peer->closed; j++)
			g_byte_array_append(peer->in, parts[j].data, (guint)parts[j].length);
		if (peer->stuck)
			peer->unsent += pdk_output_length(&effects->outputs[i]);
	}
	for (unsigned i = 0; i < effects->n_commands; i++)
		carry_command(world, &effects->commands[i]);
	pdk_effects_reset(effects);
	pdk_replica_step(world->replica, world->now_us, effects);
	tell_unsent(world);
}

static void
answer_records(World *world)
{
	while (world->records->len > 0) {
		g_autofree char *key = g_array_index(world->records, char *, 0);
		g_array_remove_index(world->records, 0);
		pdk_replica_record_saved(world->replica, key);
		carry_once(world);
	}
}

void
world_carry(World *world)
{
	bool again;
	do {
		again = world->effects->again;
		carry_once(world);
		if (!world->disk_holds && world->records->len > 0) {
			answer_records(world);
			again = true;
		}
		pdk_replica_turn(world->replica);
		again = again || world->effects->again || world->effects->n_outputs > 0 || world->effects->n_commands > 0;
	} while (again);
}

void
world_wait(World *world, int64_t us)
{
	int64_t until = world->now_us + us;
	while (world->now_us < until) {
		int64_t next = MIN(until, MAX(world->now_us + 1, world->effects->deadline_us));
		world->now_us = next;
		pdk_effects_reset(world->effects);
		pdk_replica_step(world->replica, world->now_us, world->effects);
		pdk_replica_turn(world->replica);
		world_carry(world);
	}
}

void
world_save(World *world)
{
	answer_records(world);
	world_carry(world);
}

void
world_synced(World *world, int64_t zxid)
{
	pdk_replica_synced(world->replica, zxid);
	world_carry(world);
}

int64_t
world_propose_bytes(World *world, int64_t zxid, GBytes *txn)
{
	g_array_append_val(world->held, zxid);
	g_ptr_array_add(world->txns, g_bytes_ref(txn));
	pdk_replica_propose(world->replica, zxid, txn);
	world_carry(world);
	return zxid;
}

int64_t
world_propose(World *world)
{
	int64_t zxid = pdk_replica_next_zxid(world->replica);
	if (zxid == 0) {
		world_carry(world);
		return 0;
	}
	g_autoptr(GBytes) txn = world_txn(zxid);
	return world_propose_bytes(world, zxid, txn);
}

void
world_log_read(World *world, int64_t first, int64_t last, bool more)
{
	PdkLoggedTxn txns[64];
	size_t n = 0;
	CU_ASSERT_NOT_EQUAL_FATAL(world->read_from, -1);
	world->read_from = -1;
	for (int64_t zxid = first; zxid <= last && n < G_N_ELEMENTS(txns); zxid++)
		txns[n++] = (PdkLoggedTxn){zxid, world_txn(zxid)};
	pdk_replica_log_read(world->replica, txns, n, more, NULL);
	for (size_t i = 0; i < n; i++)
		g_bytes_unref(txns[i].txn);
	world_carry(world);
}

bool
world_looks(const World *world)
{
	return pdk_replica_role(world->replica) == PDK_PEER_LOOKING;
}

PdkPeerState
world_told(World *world)
{
	return fake_of(world)->told;
}

bool
world_said(const World *world, const char *text)
{
	for (guint i = 0; i < world->said->len; i++)
		if (strstr(g_ptr_array_index(world->said, i), text))
			return true;
	return false;
}

/* ---- learners ---- */

Peer *
peer_connect(World *world)
{
	Peer *peer = g_new0(Peer, 1);
	peer->in = g_byte_array_new();
	g_ptr_array_add(world->peers, peer);
	peer->link = world->peers->len + 100;
	g_autofree char *endpoint = g_strdup_printf("/127.0.0.1:%u", (unsigned)peer->link);
	pdk_replica_accepted(world->replica, peer->link, PDK_PURPOSE_QUORUM, endpoint);
	if (world->effects->refused)
		peer->closed = true;
	world_carry(world);
	return peer;
}

void
peer_close(World *world, Peer *peer)
{
	peer->closed = true;
	pdk_replica_closed(world->replica, peer->link);
	world_carry(world);
}

void
peer_send_raw(World *world, Peer *peer, const void *data, size_t length)
{
	/* A copy of the exact size, so that a read beyond it is seen. */
	g_autofree uint8_t *exact = g_memdup2(data, length);
	pdk_replica_received(world->replica, peer->link, exact, length);
	world_carry(world);
}

void
peer_send(World *world, Peer *peer, PdkPacketType type, int64_t zxid, const void *data, int32_t length)
{
	PdkBuffer packet = {0};
	pdk_put_packet(&packet, type, zxid, data, length);
	peer_send_raw(world, peer, packet.data, packet.length);
	pdk_buffer_clear(&packet);
}

PdkPacket
peer_next(Peer *peer)
{
	const uint8_t *at = peer->in->data + peer->read;
	size_t left = peer->in->len - peer->read;
	PdkPacket packet = {0};
	if (left < 20)
		return packet;
	packet.type = (int32_t)pdk_load_u32(at);
	packet.zxid = (int64_t)pdk_load_u64(at + 4);
	int32_t length = (int32_t)pdk_load_u32(at + 12);
	packet.data = (PdkSlice){length < 0 ? NULL : at + 16, length};
	size_t whole = 20 + (size_t)MAX(0, length);
	CU_ASSERT_TRUE_FATAL(whole <= left);
	CU_ASSERT_EQUAL((int32_t)pdk_load_u32(at + whole - 4), -1);
	peer->read += whole;
	return packet;
}

bool
peer_raw(Peer *peer, size_t length)
{
	if (peer->in->len - peer->read < length)
		return false;
	peer->read += length;
	return true;
}

bool
peer_gets(Peer *peer, PdkPacketType type, int64_t zxid)
{
	PdkPacket packet = peer_next(peer);
	if (packet.type == (int32_t)type && packet.zxid == zxid)
		return true;
	printf("\n    expected %s 0x%" PRIx64 ", found %s 0x%" PRIx64 "\n", pdk_packet_name((int32_t)type), zxid,
	       packet.type ? pdk_packet_name(packet.type) : "nothing", packet.zxid);
	return false;
}

bool
peer_silent(Peer *peer)
{
	return peer->read == peer->in->len;
}

void
peer_unsent(World *world, Peer *peer, size_t unsent)
{
	peer->unsent = unsent;
	pdk_replica_unsent(world->replica, peer->link, unsent);
	world_carry(world);
}

void
peer_hello(World *world, Peer *peer, PdkPacketType type, int64_t sid, int64_t accepted_epoch)
{
	PdkLearnerInfo info = {.sid = sid, .protocol = PDK_PROTOCOL_VERSION};
	PdkBuffer data = {0};
	pdk_put_learner_info(&data, &info);
	peer_send(world, peer, type, zx(accepted_epoch, 0), data.data, (int32_t)data.length);
	pdk_buffer_clear(&data);
}

void
peer_ackepoch(World *world, Peer *peer, int64_t last_zxid, int32_t current)
{
	uint8_t data[4];
	pdk_store_u32(data, (uint32_t)current);
	peer_send(world, peer, PDK_PACKET_ACKEPOCH, last_zxid, data, sizeof data);
}

void
peer_ack(World *world, Peer *peer, int64_t zxid)
{
	peer_send(world, peer, PDK_PACKET_ACK, zxid, NULL, -1);
}

void
peer_drain(Peer *peer)
{
	peer->read = peer->in->len;
}

Peer *
peer_joins(World *world, PdkPacketType type, int64_t sid, int64_t last_zxid)
{
	Peer *peer = peer_connect(world);
	peer_hello(world, peer, type, sid, 0);
	int64_t epoch = world->replica->leading.epoch;
	CU_ASSERT_TRUE(peer_gets(peer, PDK_PACKET_LEADERINFO, zx(epoch, 0)));
	peer_ackepoch(world, peer, last_zxid, (int32_t)pdk_zxid_epoch(last_zxid));
	PdkPacket packet;
	do
		packet = peer_next(peer);
	while (packet.type != 0 && packet.type != PDK_PACKET_NEWLEADER);
	CU_ASSERT_EQUAL(packet.type, PDK_PACKET_NEWLEADER);
	peer_ack(world, peer, zx(epoch, 0));
	return peer;
}

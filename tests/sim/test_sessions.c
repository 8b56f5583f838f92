/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proves how sessions live in an ensemble: local ones, their upgrade, and service without a leader. Each case is a small story
 * told to a world of three servers by clients that ask one thing after the other.
 */
#include "sim/client.h"

#include "server/server-private.h"
#include <CUnit/Basic.h>

#define CASE(name) CU_add_test(suite, #name, name)
#define EQ(found, wanted) CU_ASSERT_EQUAL(found, wanted)
#define YES(condition) CU_ASSERT_TRUE(condition)
#define NO(condition) CU_ASSERT_FALSE(condition)

#define PATIENCE (20 * SIM_SECOND)
#define TIMEOUT_MS 10000
/* What `ask` says when there is no code. */
enum { ASK_CLOSED = 1, ASK_SILENCE = 2 };

/* ---- a client that asks one thing after the other ---- */

typedef struct {
	Sim *sim;
	SimEnd *end;
	bool closed;
	GByteArray *inbox;
	int64_t session;
	uint8_t password[PDK_SESSION_PASSWORD];
	int32_t timeout_ms;
	bool read_only;   /* as the last connect response said */
	int32_t xid;
	int64_t zxid;     /* of the last reply */
	size_t frame;     /* its length; the body of a connect response or reply */
	uint8_t body[512];
} Caller;

static void
received(void *context, const uint8_t *data, size_t length)
{
	Caller *caller = context;
	g_byte_array_append(caller->inbox, data, (guint)length);
}

static void
closed(void *context)
{
	Caller *caller = context;
	caller->closed = true;
}

static bool
heard(Sim *sim, void *data)
{
	(void)sim;
	Caller *caller = data;
	if (caller->closed)
		return true;
	return caller->inbox->len >= 4 && caller->inbox->len >= 4 + pdk_load_u32(caller->inbox->data);
}

/* Takes the next frame into body; false: the connection was closed, or stays silent. */
static bool
take_frame(Caller *caller)
{
	sim_run_until(caller->sim, heard, caller, sim_now(caller->sim) + PATIENCE);
	if (caller->inbox->len < 4)
		return false;
	caller->frame = MIN(pdk_load_u32(caller->inbox->data), sizeof caller->body);
	memcpy(caller->body, caller->inbox->data + 4, caller->frame);
	g_byte_array_remove_range(caller->inbox, 0, (guint)(4 + caller->frame));
	return true;
}

static void
send_frame(Caller *caller, PdkBuffer *body)
{
	PdkBuffer frame = {0};
	pdk_put_bytes(&frame, body->data, (int32_t)body->length);
	sim_send(caller->sim, caller->end, frame.data, frame.length);
	pdk_buffer_clear(&frame);
	pdk_buffer_clear(body);
}

static Caller *
caller_new(Sim *sim)
{
	Caller *caller = g_new0(Caller, 1);
	caller->sim = sim;
	caller->inbox = g_byte_array_new();
	return caller;
}

static void
caller_hang_up(Caller *caller)
{
	if (caller->end && !caller->closed)
		sim_hang_up(caller->sim, caller->end);
	caller->end = NULL;
}

static void
caller_free(Caller *caller)
{
	caller_hang_up(caller);
	g_byte_array_unref(caller->inbox);
	g_free(caller);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Caller, caller_free)

/* Connects with the session it has, if any. True: a connect response came; its session is 0 where it expired. */
static bool
call_at(Caller *caller, unsigned server, bool read_only)
{
	SimClient callbacks = {received, closed, caller};
	caller_hang_up(caller);
	g_byte_array_set_size(caller->inbox, 0);
	caller->closed = false;
	caller->end = sim_connect(caller->sim, server, &callbacks);
	PdkBuffer body = {0};
	pdk_put_int(&body, 0);
	pdk_put_long(&body, 0);
	pdk_put_int(&body, TIMEOUT_MS);
	pdk_put_long(&body, caller->session);
	pdk_put_bytes(&body, caller->password, sizeof caller->password);
	pdk_put_bool(&body, read_only);
	send_frame(caller, &body);
	if (!take_frame(caller) || caller->frame != 37)
		return false;
	PdkJute in = pdk_jute(caller->body, caller->frame, INT32_MAX);
	pdk_get_int(&in);
	caller->timeout_ms = pdk_get_int(&in);
	caller->session = pdk_get_long(&in);
	PdkSlice password = pdk_get_bytes(&in);
	memcpy(caller->password, password.data, sizeof caller->password);
	caller->read_only = pdk_get_bool(&in);
	return true;
}

static void
say(Caller *caller, int32_t op, PdkBuffer *rest)
{
	PdkBuffer body = {0};
	pdk_put_int(&body, ++caller->xid);
	pdk_put_int(&body, op);
	pdk_buffer_append(&body, rest->data, rest->length);
	pdk_buffer_clear(rest);
	send_frame(caller, &body);
}

static int
hear(Caller *caller)
{
	if (!take_frame(caller))
		return caller->closed ? ASK_CLOSED : ASK_SILENCE;
	PdkJute in = pdk_jute(caller->body, caller->frame, INT32_MAX);
	pdk_get_int(&in);
	caller->zxid = pdk_get_long(&in);
	return pdk_get_int(&in);
}

static PdkBuffer
create_body(const char *path, int32_t flags)
{
	PdkBuffer body = {0};
	pdk_put_string(&body, path);
	pdk_put_string(&body, "x");
	pdk_put_int(&body, 1);
	pdk_put_int(&body, PDK_PERM_ALL);
	pdk_put_string(&body, "world");
	pdk_put_string(&body, "anyone");
	pdk_put_int(&body, flags);
	return body;
}

static PdkBuffer
multi_body(const char *path, int32_t flags)
{
	PdkBuffer multi = {0}, create = create_body(path, flags);
	pdk_reply_put_multi_header(&multi, PDK_OP_CREATE, false, -1);
	pdk_buffer_append(&multi, create.data, create.length);
	pdk_buffer_clear(&create);
	pdk_reply_put_multi_header(&multi, -1, true, -1);
	return multi;
}

static PdkBuffer
path_body(const char *path)
{
	PdkBuffer body = {0};
	pdk_put_string(&body, path);
	pdk_put_int(&body, -1); /* a version, or a watch flag and more than is read */
	return body;
}

static int
ask(Caller *caller, int32_t op, PdkBuffer body)
{
	say(caller, op, &body);
	return hear(caller);
}

static int
make(Caller *caller, const char *path, int32_t flags)
{
	return ask(caller, PDK_OP_CREATE, create_body(path, flags));
}

static int
look_for(Caller *caller, const char *path)
{
	return ask(caller, PDK_OP_EXISTS, path_body(path));
}

static int
finish(Caller *caller)
{
	return ask(caller, PDK_OP_CLOSE_SESSION, (PdkBuffer){0});
}

/* ---- worlds ---- */

static void
upgrading(PdkSettings *settings)
{
	settings->local_sessions = settings->local_sessions_upgrading = true;
}

static void
local_only(PdkSettings *settings)
{
	settings->local_sessions = true;
}

static void
read_only(PdkSettings *settings)
{
	upgrading(settings);
	settings->read_only_mode = true;
}

static void
read_only_global(PdkSettings *settings)
{
	settings->read_only_mode = true;
}

static bool
all_serve(Sim *sim, void *data)
{
	(void)data;
	for (unsigned i = 0; i < sim_servers(sim); i++)
		if (sim_is_up(sim, i) && !sim_server(sim, i)->serving)
			return false;
	return sim_leader(sim) >= 0;
}

static Sim *
world(void (*settings)(PdkSettings *))
{
	SimParams params = {.seed = 7, .voters = 3, .election = "fle", .settings = settings};
	Sim *sim = sim_new(&params);
	YES(sim_run_until(sim, all_serve, NULL, 30 * SIM_SECOND));
	return sim;
}

static unsigned
leader_of(Sim *sim)
{
	int leader = sim_leader(sim);
	g_assert(leader >= 0);
	return (unsigned)leader;
}

static unsigned
learner_of(Sim *sim)
{
	return (leader_of(sim) + 1) % sim_servers(sim);
}

static unsigned
other_learner_of(Sim *sim)
{
	return (leader_of(sim) + 2) % sim_servers(sim);
}

static uint64_t
locals(Sim *sim, unsigned server)
{
	return pdk_sessions_count(sim_server(sim, server)->local_sessions);
}

static PdkSession *
global(Sim *sim, unsigned server, int64_t session)
{
	return pdk_sessions_find(sim_server(sim, server)->sessions, session);
}

static int64_t
last_zxid(Sim *sim, unsigned server)
{
	return sim_server(sim, server)->proposed_zxid;
}

static bool
has(Sim *sim, unsigned server, const char *path)
{
	return pdk_tree_find(sim_server(sim, server)->tree, path, strlen(path)) != 0;
}

static void
wait_ms(Sim *sim, int64_t ms)
{
	sim_run(sim, sim_now(sim) + ms * SIM_MS);
}

static void
end(Sim *sim)
{
	for (unsigned i = 0; i < sim_servers(sim); i++)
		if (sim_is_up(sim, i))
			pdk_server_check(sim_server(sim, i));
	if (sim_failure(sim))
		g_printerr("%s\n", sim_failure(sim));
	YES(sim_failure(sim) == NULL);
}

static uint64_t
sessions_shown_local(Sim *sim, unsigned server, uint64_t *all)
{
	const PdkView *view = pdk_server_view(sim_server(sim, server));
	uint64_t cursor = 0, local = 0;
	PdkSessionFacts facts;
	*all = 0;
	while (view->session(view->core, &cursor, &facts)) {
		local += facts.local;
		++*all;
	}
	return local;
}

/* ---- local sessions ---- */

static void
a_local_session_costs_no_txn_and_is_known_at_its_server_alone(void)
{
	g_autoptr(Sim) sim = world(upgrading);
	for (unsigned i = 0; i < 3; i++) {
		g_autoptr(Caller) caller = caller_new(sim);
		int64_t before = last_zxid(sim, leader_of(sim));
		uint64_t all;
		YES(call_at(caller, i, false));
		NO(caller->read_only);
		EQ(look_for(caller, "/"), PDK_OK);
		wait_ms(sim, 1000);
		EQ(last_zxid(sim, leader_of(sim)), before);
		for (unsigned k = 0; k < 3; k++) {
			EQ(locals(sim, k), k == i ? 1 : 0);
			YES(global(sim, k, caller->session) == NULL);
		}
		EQ(sessions_shown_local(sim, i, &all), 1);
		EQ(all, 1);
		EQ(finish(caller), PDK_OK);
		wait_ms(sim, 100);
		YES(caller->closed);
		EQ(last_zxid(sim, leader_of(sim)), before);
		EQ(locals(sim, i), 0);
	}
	end(sim);
}

static void
a_local_session_writes_through_every_server(void)
{
	g_autoptr(Sim) sim = world(local_only);
	static const char *const paths[] = {"/a", "/b", "/c"};
	for (unsigned i = 0; i < 3; i++) {
		g_autoptr(Caller) caller = caller_new(sim);
		YES(call_at(caller, i, false));
		EQ(make(caller, paths[i], PDK_MODE_PERSISTENT), PDK_OK);
		EQ(ask(caller, PDK_OP_MULTI, multi_body(paths[i], 0)), PDK_OK); /* with a refusal inside */
		EQ(ask(caller, PDK_OP_SYNC, path_body("/")), PDK_OK);
		EQ(locals(sim, i), 1);
	}
	wait_ms(sim, 1000);
	YES(has(sim, 0, "/c") && has(sim, 1, "/a") && has(sim, 2, "/b"));
	end(sim);
}

static void
an_ephemeral_makes_a_local_session_one_of_all(void)
{
	g_autoptr(Sim) sim = world(upgrading);
	static const char *const paths[] = {"/a", "/b", "/c"};
	for (unsigned i = 0; i < 3; i++) {
		g_autoptr(Caller) caller = caller_new(sim);
		YES(call_at(caller, i, false));
		int64_t before = last_zxid(sim, leader_of(sim));
		EQ(make(caller, paths[i], PDK_MODE_EPHEMERAL), PDK_OK);
		EQ(last_zxid(sim, leader_of(sim)), before + 2); /* createSession, create */
		EQ(caller->zxid, before + 2);
		wait_ms(sim, 200);
		for (unsigned k = 0; k < 3; k++) {
			EQ(locals(sim, k), 0);
			YES(global(sim, k, caller->session) != NULL);
			YES(has(sim, k, paths[i]));
		}
		/* Its connection goes on with it, and what it does keeps the session alive. */
		for (unsigned n = 0; n < 10; n++) {
			wait_ms(sim, 5000);
			EQ(look_for(caller, paths[i]), PDK_OK);
		}
		EQ(finish(caller), PDK_OK);
		wait_ms(sim, 200);
		NO(has(sim, 0, paths[i]) || has(sim, 1, paths[i]) || has(sim, 2, paths[i]));
	}
	end(sim);
}

static void
a_multi_with_an_ephemeral_upgrades_and_one_without_does_not(void)
{
	g_autoptr(Sim) sim = world(upgrading);
	for (unsigned i = 0; i < 3; i++) {
		g_autoptr(Caller) caller = caller_new(sim);
		g_autofree char *plain = g_strdup_printf("/p%u", i), *ephemeral = g_strdup_printf("/e%u", i);
		YES(call_at(caller, i, false));
		EQ(ask(caller, PDK_OP_MULTI, multi_body(plain, 0)), PDK_OK);
		EQ(locals(sim, i), 1);
		EQ(ask(caller, PDK_OP_MULTI, multi_body(ephemeral, PDK_MODE_EPHEMERAL_SEQUENTIAL)), PDK_OK);
		EQ(locals(sim, i), 0);
		YES(global(sim, leader_of(sim), caller->session) != NULL);
	}
	end(sim);
}

static void
requests_on_both_sides_of_an_upgrade_keep_their_order(void)
{
	g_autoptr(Sim) sim = world(upgrading);
	for (unsigned i = 0; i < 3; i++) {
		g_autoptr(Caller) caller = caller_new(sim);
		g_autofree char *one = g_strdup_printf("/one%u", i), *two = g_strdup_printf("/two%u", i);
		g_autofree char *three = g_strdup_printf("/three%u", i);
		PdkBuffer bodies[] = {create_body(one, 0), create_body(two, 1), create_body(three, 1), path_body(two)};
		YES(call_at(caller, i, false));
		int64_t before = last_zxid(sim, leader_of(sim));
		say(caller, PDK_OP_CREATE, &bodies[0]);
		say(caller, PDK_OP_CREATE, &bodies[1]);
		say(caller, PDK_OP_CREATE, &bodies[2]);
		say(caller, PDK_OP_EXISTS, &bodies[3]);
		PdkBuffer close = {0};
		say(caller, PDK_OP_CLOSE_SESSION, &close);
		for (unsigned n = 0; n < 5; n++)
			EQ(hear(caller), PDK_OK);
		EQ(last_zxid(sim, leader_of(sim)), before + 5); /* one createSession, three creates, closeSession */
		wait_ms(sim, 200);
		YES(has(sim, 0, one));
		NO(has(sim, 0, two) || has(sim, 0, three));
		EQ(locals(sim, i), 0);
		YES(global(sim, i, caller->session) == NULL);
	}
	end(sim);
}

static void
without_upgrading_a_local_session_makes_no_ephemeral(void)
{
	g_autoptr(Sim) sim = world(local_only);
	for (unsigned i = 0; i < 3; i++) {
		g_autoptr(Caller) caller = caller_new(sim);
		YES(call_at(caller, i, false));
		int64_t before = last_zxid(sim, leader_of(sim));
		EQ(make(caller, "/e", PDK_MODE_EPHEMERAL), PDK_ERR_EPHEMERAL_ON_LOCAL_SESSION);
		EQ(ask(caller, PDK_OP_CREATE2, create_body("/e", 3)), PDK_ERR_EPHEMERAL_ON_LOCAL_SESSION);
		EQ(ask(caller, PDK_OP_MULTI, multi_body("/e", 1)), PDK_ERR_EPHEMERAL_ON_LOCAL_SESSION);
		EQ(last_zxid(sim, leader_of(sim)), before);
		EQ(locals(sim, i), 1);
	}
	end(sim);
}

static void
a_leader_lets_no_stranger_make_an_ephemeral(void)
{
	g_autoptr(Sim) sim = world(upgrading);
	g_autoptr(Caller) caller = caller_new(sim);
	unsigned home = learner_of(sim);
	YES(call_at(caller, home, false));
	/* Its server forgets to send createSession ahead. */
	pdk_sessions_find(sim_server(sim, home)->local_sessions, caller->session)->upgrading = true;
	EQ(make(caller, "/p", PDK_MODE_PERSISTENT), PDK_OK);
	EQ(make(caller, "/e", PDK_MODE_EPHEMERAL), PDK_ERR_SESSION_EXPIRED);
	EQ(ask(caller, PDK_OP_MULTI, multi_body("/e", PDK_MODE_EPHEMERAL)), PDK_OK); /* the refusal is inside */
	NO(has(sim, home, "/e"));
	end(sim);
}

static void
a_local_session_expires_at_its_server_without_a_txn(void)
{
	g_autoptr(Sim) sim = world(upgrading);
	g_autoptr(Caller) at_leader = caller_new(sim), at_learner = caller_new(sim);
	YES(call_at(at_leader, leader_of(sim), false));
	YES(call_at(at_learner, learner_of(sim), false));
	int64_t before = last_zxid(sim, leader_of(sim));
	wait_ms(sim, 9000);
	EQ(look_for(at_leader, "/"), PDK_OK);
	EQ(look_for(at_learner, "/"), PDK_OK);
	wait_ms(sim, 9900);
	NO(at_leader->closed || at_learner->closed);
	wait_ms(sim, 5000);
	YES(at_leader->closed && at_learner->closed);
	EQ(locals(sim, leader_of(sim)) + locals(sim, learner_of(sim)), 0);
	EQ(last_zxid(sim, leader_of(sim)), before);
	YES(call_at(at_learner, learner_of(sim), false));
	EQ(at_learner->session, 0);
	end(sim);
}

static void
a_local_session_comes_back_to_its_server_and_is_lost_on_a_move(void)
{
	g_autoptr(Sim) sim = world(upgrading);
	g_autoptr(Caller) caller = caller_new(sim);
	YES(call_at(caller, learner_of(sim), false));
	int64_t session = caller->session;
	YES(call_at(caller, learner_of(sim), false));
	EQ(caller->session, session);
	EQ(look_for(caller, "/"), PDK_OK);
	YES(call_at(caller, other_learner_of(sim), false));
	EQ(caller->session, 0);
	caller->session = session;
	pdk_session_password(session, caller->password);
	YES(call_at(caller, leader_of(sim), false));
	EQ(caller->session, 0);
	end(sim);
}

static void
an_upgraded_session_moves_with_its_ephemeral(void)
{
	g_autoptr(Sim) sim = world(upgrading);
	unsigned order[] = {learner_of(sim), other_learner_of(sim), leader_of(sim), learner_of(sim)};
	g_autoptr(Caller) caller = caller_new(sim);
	YES(call_at(caller, order[0], false));
	EQ(make(caller, "/e", PDK_MODE_EPHEMERAL), PDK_OK);
	wait_ms(sim, 200);
	int64_t session = caller->session;
	for (unsigned i = 1; i < G_N_ELEMENTS(order); i++) {
		g_autofree char *path = g_strdup_printf("/e%u", i);
		YES(call_at(caller, order[i], false));
		EQ(caller->session, session);
		EQ(look_for(caller, "/e"), PDK_OK);
		EQ(make(caller, path, PDK_MODE_EPHEMERAL), PDK_OK);
	}
	end(sim);
}

static void
an_upgraded_session_expires_for_all(void)
{
	g_autoptr(Sim) sim = world(upgrading);
	g_autoptr(Caller) caller = caller_new(sim);
	YES(call_at(caller, learner_of(sim), false));
	EQ(make(caller, "/e", PDK_MODE_EPHEMERAL), PDK_OK);
	wait_ms(sim, 20000);
	YES(caller->closed);
	NO(has(sim, 0, "/e") || has(sim, 1, "/e") || has(sim, 2, "/e"));
	end(sim);
}

static void
an_upgrade_whose_leader_dies_leaves_nothing_half_done(void)
{
	for (unsigned delay_us = 0; delay_us < 3000; delay_us += 100) {
		g_autoptr(Sim) sim = world(upgrading);
		g_autoptr(Caller) caller = caller_new(sim);
		unsigned home = learner_of(sim), leader = leader_of(sim);
		PdkBuffer body = create_body("/e", PDK_MODE_EPHEMERAL);
		YES(call_at(caller, home, false));
		say(caller, PDK_OP_CREATE, &body);
		sim_run(sim, sim_now(sim) + delay_us);
		sim_crash(sim, leader);
		YES(sim_run_until(sim, all_serve, NULL, sim_now(sim) + 60 * SIM_SECOND));
		wait_ms(sim, 100);
		int64_t session = caller->session;
		YES(call_at(caller, home, false));
		/* Known to all with what it made, or local as it was, or gone without a trace. */
		bool known = global(sim, leader_of(sim), session) != NULL;
		bool local = pdk_sessions_find(sim_server(sim, home)->local_sessions, session) != NULL;
		NO(known && local);
		EQ(caller->session, known || local ? session : 0);
		if (has(sim, leader_of(sim), "/e"))
			YES(known);
		if (caller->session)
			EQ(make(caller, "/e2", PDK_MODE_EPHEMERAL), PDK_OK);
		end(sim);
	}
}

static void
a_local_session_outlives_an_election_at_its_server(void)
{
	g_autoptr(Sim) sim = world(upgrading);
	g_autoptr(Caller) caller = caller_new(sim);
	unsigned home = learner_of(sim);
	YES(call_at(caller, home, false));
	int64_t session = caller->session;
	sim_crash(sim, leader_of(sim));
	YES(sim_run_until(sim, all_serve, NULL, sim_now(sim) + 60 * SIM_SECOND));
	wait_ms(sim, 100);
	YES(caller->closed);
	YES(call_at(caller, home, false));
	EQ(caller->session, session);
	EQ(make(caller, "/e", PDK_MODE_EPHEMERAL), PDK_OK);
	end(sim);
}

static void
local_sessions_are_not_in_snapshots(void)
{
	g_autoptr(Sim) sim = world(upgrading);
	g_autoptr(Caller) caller = caller_new(sim);
	unsigned late = other_learner_of(sim);
	sim_crash(sim, late);
	sim_wipe(sim, late);
	YES(call_at(caller, leader_of(sim), false));
	EQ(make(caller, "/p", 0), PDK_OK);
	sim_start(sim, late);
	YES(sim_run_until(sim, all_serve, NULL, sim_now(sim) + 60 * SIM_SECOND));
	wait_ms(sim, 1000);
	YES(has(sim, late, "/p"));
	EQ(pdk_sessions_count(sim_server(sim, late)->sessions), 0);
	EQ(locals(sim, late), 0);
	end(sim);
}

/* ---- read-only mode ---- */

/* One server is left alone, and has been for @ms. */
static unsigned
leave_alone(Sim *sim, int64_t ms)
{
	unsigned alone = learner_of(sim), a = leader_of(sim), b = other_learner_of(sim);
	sim_crash(sim, a);
	sim_crash(sim, b);
	wait_ms(sim, ms);
	return alone;
}

static void
come_back(Sim *sim)
{
	for (unsigned i = 0; i < sim_servers(sim); i++)
		if (!sim_is_up(sim, i))
			sim_start(sim, i);
	YES(sim_run_until(sim, all_serve, NULL, sim_now(sim) + 60 * SIM_SECOND));
	wait_ms(sim, 100);
}

static void
without_a_leader_those_that_allow_it_read(void)
{
	g_autoptr(Sim) sim = world(read_only);
	g_autoptr(Caller) writer = caller_new(sim), reader = caller_new(sim), strict = caller_new(sim);
	YES(call_at(writer, learner_of(sim), true));
	NO(writer->read_only);
	EQ(make(writer, "/a", 0), PDK_OK);
	wait_ms(sim, 500);
	unsigned alone = leave_alone(sim, 10000);
	const PdkView *view = pdk_server_view(sim_server(sim, alone));
	PdkServerFacts facts;
	YES(call_at(reader, alone, true));
	YES(reader->read_only);
	YES(reader->session != 0);
	EQ(look_for(reader, "/a"), PDK_OK);
	EQ(look_for(reader, "/none"), PDK_ERR_NO_NODE);
	EQ(ask(reader, PDK_OP_PING, (PdkBuffer){0}), PDK_OK);
	NO(call_at(strict, alone, false));
	YES(strict->closed);
	view->facts(view->core, &facts);
	YES(facts.serving && facts.read_only);
	CU_ASSERT_STRING_EQUAL(facts.mode, "read-only");
	EQ(finish(reader), PDK_OK);
	end(sim);
}

static void
a_server_alone_refuses_what_writes(void)
{
	g_autoptr(Sim) sim = world(read_only);
	g_autoptr(Caller) reader = caller_new(sim);
	unsigned alone = leave_alone(sim, 10000);
	YES(call_at(reader, alone, true));
	static const int32_t refused[] = {
		PDK_OP_CREATE, PDK_OP_CREATE2, PDK_OP_CREATE_CONTAINER, PDK_OP_CREATE_TTL, PDK_OP_DELETE, PDK_OP_SET_DATA,
		PDK_OP_SET_ACL, PDK_OP_MULTI, PDK_OP_RECONFIG, PDK_OP_SYNC, PDK_OP_CHECK, PDK_OP_DELETE_CONTAINER,
	};
	for (unsigned i = 0; i < G_N_ELEMENTS(refused); i++)
		EQ(ask(reader, refused[i], path_body("/a")), PDK_ERR_NOT_READ_ONLY);
	EQ(make(reader, "/e", PDK_MODE_EPHEMERAL), PDK_ERR_NOT_READ_ONLY);
	EQ(look_for(reader, "/"), PDK_OK);
	EQ(last_zxid(sim, alone), sim_server(sim, alone)->applied_zxid);
	end(sim);
}

static void
read_only_service_waits_its_time_and_ends_with_the_election(void)
{
	g_autoptr(Sim) sim = world(read_only);
	g_autoptr(Caller) reader = caller_new(sim), idle = caller_new(sim);
	unsigned alone = leave_alone(sim, 0);
	int64_t since = 0;
	while ((since = pdk_replica_looking_since(sim_server(sim, alone)->replica)) == 0)
		wait_ms(sim, 10);
	sim_run(sim, since + 2990 * SIM_MS); /* a tick is 3 s */
	NO(call_at(idle, alone, true));
	sim_run(sim, since + 3010 * SIM_MS);
	YES(call_at(reader, alone, true));
	int64_t session = reader->session;
	come_back(sim);
	YES(reader->closed);
	YES(call_at(reader, alone, true));
	NO(reader->read_only);
	EQ(reader->session, session); /* it was local, and is */
	EQ(make(reader, "/e", PDK_MODE_EPHEMERAL), PDK_OK);
	end(sim);
}

static void
a_session_of_all_is_not_renewed_read_only_and_lives_on(void)
{
	g_autoptr(Sim) sim = world(read_only);
	g_autoptr(Caller) caller = caller_new(sim);
	YES(call_at(caller, learner_of(sim), true));
	EQ(make(caller, "/e", PDK_MODE_EPHEMERAL), PDK_OK);
	wait_ms(sim, 500);
	int64_t session = caller->session;
	unsigned alone = leave_alone(sim, 20000);
	NO(call_at(caller, alone, true));
	YES(caller->closed);
	caller->session = INT64_C(0x0900000000000001); /* never heard of here: it may live elsewhere */
	pdk_session_password(caller->session, caller->password);
	NO(call_at(caller, alone, true));
	come_back(sim);
	caller->session = session;
	pdk_session_password(session, caller->password);
	YES(call_at(caller, alone, true));
	EQ(caller->session, session);
	EQ(look_for(caller, "/e"), PDK_OK);
	end(sim);
}

static void
without_local_sessions_there_is_no_new_session_read_only(void)
{
	g_autoptr(Sim) sim = world(read_only_global);
	g_autoptr(Caller) caller = caller_new(sim);
	unsigned alone = leave_alone(sim, 10000);
	NO(call_at(caller, alone, true));
	EQ(caller->frame, 16); /* a reply header where a connect response should be */
	PdkJute in = pdk_jute(caller->body, caller->frame, INT32_MAX);
	EQ(pdk_get_int(&in), 0);
	EQ(pdk_get_long(&in), sim_server(sim, alone)->applied_zxid);
	EQ(pdk_get_int(&in), PDK_ERR_NOT_READ_ONLY);
	EQ(hear(caller), ASK_CLOSED);
	end(sim);
}

static void
a_read_only_session_expires_too(void)
{
	g_autoptr(Sim) sim = world(read_only);
	g_autoptr(Caller) caller = caller_new(sim);
	unsigned alone = leave_alone(sim, 10000);
	YES(call_at(caller, alone, true));
	wait_ms(sim, 15000);
	YES(caller->closed);
	EQ(locals(sim, alone), 0);
	end(sim);
}

static void
without_the_key_a_server_alone_serves_nobody(void)
{
	g_autoptr(Sim) sim = world(upgrading);
	g_autoptr(Caller) caller = caller_new(sim);
	unsigned alone = leave_alone(sim, 20000);
	NO(call_at(caller, alone, true));
	YES(caller->closed);
	end(sim);
}

/* The client went on elsewhere, and what it went to is gone, too. */
static void
a_request_left_behind_is_not_done_after_a_later_one(void)
{
	g_autoptr(Sim) sim = world(NULL);
	unsigned left = learner_of(sim), other = other_learner_of(sim), leader = leader_of(sim);
	g_autoptr(Caller) caller = caller_new(sim), later = caller_new(sim);
	YES(call_at(caller, left, false));
	sim_cut(sim, left, leader);
	PdkBuffer body = create_body("/old", 0);
	say(caller, PDK_OP_CREATE, &body);
	later->session = caller->session;
	later->xid = caller->xid;
	memcpy(later->password, caller->password, sizeof later->password);
	YES(call_at(later, other, false));
	EQ(make(later, "/new", 0), PDK_OK);
	sim_crash(sim, other);
	sim_heal(sim);
	wait_ms(sim, 1000);
	YES(has(sim, leader, "/new"));
	NO(has(sim, leader, "/old"));
	end(sim);
}

int
main(void)
{
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 99;
	CU_pSuite suite = CU_add_suite("sessions of an ensemble", NULL, NULL);
	CASE(a_local_session_costs_no_txn_and_is_known_at_its_server_alone);
	CASE(a_local_session_writes_through_every_server);
	CASE(an_ephemeral_makes_a_local_session_one_of_all);
	CASE(a_multi_with_an_ephemeral_upgrades_and_one_without_does_not);
	CASE(requests_on_both_sides_of_an_upgrade_keep_their_order);
	CASE(without_upgrading_a_local_session_makes_no_ephemeral);
	CASE(a_leader_lets_no_stranger_make_an_ephemeral);
	CASE(a_local_session_expires_at_its_server_without_a_txn);
	CASE(a_local_session_comes_back_to_its_server_and_is_lost_on_a_move);
	CASE(an_upgraded_session_moves_with_its_ephemeral);
	CASE(an_upgraded_session_expires_for_all);
	CASE(an_upgrade_whose_leader_dies_leaves_nothing_half_done);
	CASE(a_local_session_outlives_an_election_at_its_server);
	CASE(local_sessions_are_not_in_snapshots);
	CASE(without_a_leader_those_that_allow_it_read);
	CASE(a_server_alone_refuses_what_writes);
	CASE(read_only_service_waits_its_time_and_ends_with_the_election);
	CASE(a_session_of_all_is_not_renewed_read_only_and_lives_on);
	CASE(without_local_sessions_there_is_no_new_session_read_only);
	CASE(a_read_only_session_expires_too);
	CASE(a_request_left_behind_is_not_done_after_a_later_one);
	CASE(without_the_key_a_server_alone_serves_nobody);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0;
}

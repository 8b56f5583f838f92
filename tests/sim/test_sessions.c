/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proves how sessions live in an ensemble: local ones and their upgrade. Each case is a small story told to a world of three
 * servers by clients that ask one thing after the other.
 */
#include "sim/caller.h"
#include "sim/small.h"

static void
a_local_session_costs_no_txn_and_is_known_at_its_server_alone(void)
{
	g_autoptr(Sim) sim = small_world(small_upgrading);
	for (unsigned i = 0; i < 3; i++) {
		g_autoptr(Caller) caller = caller_new(sim);
		int64_t before = small_last_zxid(sim, small_leader(sim));
		uint64_t all;
		YES(caller_call(caller, i, false));
		NO(caller->read_only);
		EQ(caller_look_for(caller, "/"), PDK_OK);
		small_wait_ms(sim, 1000);
		EQ(small_last_zxid(sim, small_leader(sim)), before);
		for (unsigned k = 0; k < 3; k++) {
			EQ(small_locals(sim, k), k == i ? 1 : 0);
			YES(small_global(sim, k, caller->session) == NULL);
		}
		EQ(small_shown_local(sim, i, &all), 1);
		EQ(all, 1);
		EQ(caller_finish(caller), PDK_OK);
		small_wait_ms(sim, 100);
		YES(caller->closed);
		EQ(small_last_zxid(sim, small_leader(sim)), before);
		EQ(small_locals(sim, i), 0);
	}
	small_end(sim);
}

static void
a_local_session_writes_through_every_server(void)
{
	g_autoptr(Sim) sim = small_world(small_local_only);
	static const char *const paths[] = {"/a", "/b", "/c"};
	for (unsigned i = 0; i < 3; i++) {
		g_autoptr(Caller) caller = caller_new(sim);
		YES(caller_call(caller, i, false));
		EQ(caller_make(caller, paths[i], PDK_MODE_PERSISTENT), PDK_OK);
		EQ(caller_ask(caller, PDK_OP_MULTI, body_of_multi(paths[i], 0)), PDK_OK); /* with a refusal inside */
		EQ(caller_ask(caller, PDK_OP_SYNC, body_of_path("/")), PDK_OK);
		EQ(small_locals(sim, i), 1);
	}
	small_wait_ms(sim, 1000);
	YES(small_has(sim, 0, "/c") && small_has(sim, 1, "/a") && small_has(sim, 2, "/b"));
	small_end(sim);
}

static void
an_ephemeral_makes_a_local_session_one_of_all(void)
{
	g_autoptr(Sim) sim = small_world(small_upgrading);
	static const char *const paths[] = {"/a", "/b", "/c"};
	for (unsigned i = 0; i < 3; i++) {
		g_autoptr(Caller) caller = caller_new(sim);
		YES(caller_call(caller, i, false));
		int64_t before = small_last_zxid(sim, small_leader(sim));
		EQ(caller_make(caller, paths[i], PDK_MODE_EPHEMERAL), PDK_OK);
		EQ(small_last_zxid(sim, small_leader(sim)), before + 2); /* createSession, create */
		EQ(caller->zxid, before + 2);
		small_wait_ms(sim, 200);
		for (unsigned k = 0; k < 3; k++) {
			EQ(small_locals(sim, k), 0);
			YES(small_global(sim, k, caller->session) != NULL);
			YES(small_has(sim, k, paths[i]));
		}
		/* Its connection goes on with it, and what it does keeps the session alive. */
		for (unsigned n = 0; n < 10; n++) {
			small_wait_ms(sim, 5000);
			EQ(caller_look_for(caller, paths[i]), PDK_OK);
		}
		EQ(caller_finish(caller), PDK_OK);
		small_wait_ms(sim, 200);
		NO(small_has(sim, 0, paths[i]) || small_has(sim, 1, paths[i]) || small_has(sim, 2, paths[i]));
	}
	small_end(sim);
}

static void
a_multi_with_an_ephemeral_upgrades_and_one_without_does_not(void)
{
	g_autoptr(Sim) sim = small_world(small_upgrading);
	for (unsigned i = 0; i < 3; i++) {
		g_autoptr(Caller) caller = caller_new(sim);
		g_autofree char *plain = g_strdup_printf("/p%u", i), *ephemeral = g_strdup_printf("/e%u", i);
		YES(caller_call(caller, i, false));
		EQ(caller_ask(caller, PDK_OP_MULTI, body_of_multi(plain, 0)), PDK_OK);
		EQ(small_locals(sim, i), 1);
		EQ(caller_ask(caller, PDK_OP_MULTI, body_of_multi(ephemeral, PDK_MODE_EPHEMERAL_SEQUENTIAL)), PDK_OK);
		EQ(small_locals(sim, i), 0);
		YES(small_global(sim, small_leader(sim), caller->session) != NULL);
	}
	small_end(sim);
}

static void
requests_on_both_sides_of_an_upgrade_keep_their_order(void)
{
	g_autoptr(Sim) sim = small_world(small_upgrading);
	for (unsigned i = 0; i < 3; i++) {
		g_autoptr(Caller) caller = caller_new(sim);
		g_autofree char *one = g_strdup_printf("/one%u", i), *two = g_strdup_printf("/two%u", i);
		g_autofree char *three = g_strdup_printf("/three%u", i);
		PdkBuffer bodies[] = {body_of_create(one, 0), body_of_create(two, 1), body_of_create(three, 1), body_of_path(two)};
		YES(caller_call(caller, i, false));
		int64_t before = small_last_zxid(sim, small_leader(sim));
		caller_say(caller, PDK_OP_CREATE, &bodies[0]);
		caller_say(caller, PDK_OP_CREATE, &bodies[1]);
		caller_say(caller, PDK_OP_CREATE, &bodies[2]);
		caller_say(caller, PDK_OP_EXISTS, &bodies[3]);
		PdkBuffer close = {0};
		caller_say(caller, PDK_OP_CLOSE_SESSION, &close);
		for (unsigned n = 0; n < 5; n++)
			EQ(caller_hear(caller), PDK_OK);
		EQ(small_last_zxid(sim, small_leader(sim)), before + 5); /* one createSession, three creates, closeSession */
		small_wait_ms(sim, 200);
		YES(small_has(sim, 0, one));
		NO(small_has(sim, 0, two) || small_has(sim, 0, three));
		EQ(small_locals(sim, i), 0);
		YES(small_global(sim, i, caller->session) == NULL);
	}
	small_end(sim);
}

static void
without_upgrading_a_local_session_makes_no_ephemeral(void)
{
	g_autoptr(Sim) sim = small_world(small_local_only);
	for (unsigned i = 0; i < 3; i++) {
		g_autoptr(Caller) caller = caller_new(sim);
		YES(caller_call(caller, i, false));
		int64_t before = small_last_zxid(sim, small_leader(sim));
		EQ(caller_make(caller, "/e", PDK_MODE_EPHEMERAL), PDK_ERR_EPHEMERAL_ON_LOCAL_SESSION);
		EQ(caller_ask(caller, PDK_OP_CREATE2, body_of_create("/e", 3)), PDK_ERR_EPHEMERAL_ON_LOCAL_SESSION);
		EQ(caller_ask(caller, PDK_OP_MULTI, body_of_multi("/e", 1)), PDK_ERR_EPHEMERAL_ON_LOCAL_SESSION);
		EQ(small_last_zxid(sim, small_leader(sim)), before);
		EQ(small_locals(sim, i), 1);
	}
	small_end(sim);
}

static void
a_leader_lets_no_stranger_make_an_ephemeral(void)
{
	g_autoptr(Sim) sim = small_world(small_upgrading);
	g_autoptr(Caller) caller = caller_new(sim);
	unsigned home = small_learner(sim);
	YES(caller_call(caller, home, false));
	/* Its server forgets to send createSession ahead. */
	pdk_sessions_find(sim_server(sim, home)->local_sessions, caller->session)->upgrading = true;
	EQ(caller_make(caller, "/p", PDK_MODE_PERSISTENT), PDK_OK);
	EQ(caller_make(caller, "/e", PDK_MODE_EPHEMERAL), PDK_ERR_SESSION_EXPIRED);
	EQ(caller_ask(caller, PDK_OP_MULTI, body_of_multi("/e", PDK_MODE_EPHEMERAL)), PDK_OK); /* the refusal is inside */
	NO(small_has(sim, home, "/e"));
	small_end(sim);
}

static void
a_local_session_expires_at_its_server_without_a_txn(void)
{
	g_autoptr(Sim) sim = small_world(small_upgrading);
	g_autoptr(Caller) at_leader = caller_new(sim), at_learner = caller_new(sim);
	YES(caller_call(at_leader, small_leader(sim), false));
	YES(caller_call(at_learner, small_learner(sim), false));
	int64_t before = small_last_zxid(sim, small_leader(sim));
	small_wait_ms(sim, 9000);
	EQ(caller_look_for(at_leader, "/"), PDK_OK);
	EQ(caller_look_for(at_learner, "/"), PDK_OK);
	small_wait_ms(sim, 9900);
	NO(at_leader->closed || at_learner->closed);
	small_wait_ms(sim, 5000);
	YES(at_leader->closed && at_learner->closed);
	EQ(small_locals(sim, small_leader(sim)) + small_locals(sim, small_learner(sim)), 0);
	EQ(small_last_zxid(sim, small_leader(sim)), before);
	YES(caller_call(at_learner, small_learner(sim), false));
	EQ(at_learner->session, 0);
	small_end(sim);
}

static void
a_local_session_comes_back_to_its_server_and_is_lost_on_a_move(void)
{
	g_autoptr(Sim) sim = small_world(small_upgrading);
	g_autoptr(Caller) caller = caller_new(sim);
	YES(caller_call(caller, small_learner(sim), false));
	int64_t session = caller->session;
	YES(caller_call(caller, small_learner(sim), false));
	EQ(caller->session, session);
	EQ(caller_look_for(caller, "/"), PDK_OK);
	YES(caller_call(caller, small_other_learner(sim), false));
	EQ(caller->session, 0);
	caller->session = session;
	pdk_session_password(session, caller->password);
	YES(caller_call(caller, small_leader(sim), false));
	EQ(caller->session, 0);
	small_end(sim);
}

static void
an_upgraded_session_moves_with_its_ephemeral(void)
{
	g_autoptr(Sim) sim = small_world(small_upgrading);
	unsigned order[] = {small_learner(sim), small_other_learner(sim), small_leader(sim), small_learner(sim)};
	g_autoptr(Caller) caller = caller_new(sim);
	YES(caller_call(caller, order[0], false));
	EQ(caller_make(caller, "/e", PDK_MODE_EPHEMERAL), PDK_OK);
	small_wait_ms(sim, 200);
	int64_t session = caller->session;
	for (unsigned i = 1; i < G_N_ELEMENTS(order); i++) {
		g_autofree char *path = g_strdup_printf("/e%u", i);
		YES(caller_call(caller, order[i], false));
		EQ(caller->session, session);
		EQ(caller_look_for(caller, "/e"), PDK_OK);
		EQ(caller_make(caller, path, PDK_MODE_EPHEMERAL), PDK_OK);
	}
	small_end(sim);
}

static void
an_upgraded_session_expires_for_all(void)
{
	g_autoptr(Sim) sim = small_world(small_upgrading);
	g_autoptr(Caller) caller = caller_new(sim);
	YES(caller_call(caller, small_learner(sim), false));
	EQ(caller_make(caller, "/e", PDK_MODE_EPHEMERAL), PDK_OK);
	small_wait_ms(sim, 20000);
	YES(caller->closed);
	NO(small_has(sim, 0, "/e") || small_has(sim, 1, "/e") || small_has(sim, 2, "/e"));
	small_end(sim);
}

static void
an_upgrade_whose_leader_dies_leaves_nothing_half_done(void)
{
	for (unsigned delay_us = 0; delay_us < 3000; delay_us += 100) {
		g_autoptr(Sim) sim = small_world(small_upgrading);
		g_autoptr(Caller) caller = caller_new(sim);
		unsigned home = small_learner(sim), leader = small_leader(sim);
		PdkBuffer body = body_of_create("/e", PDK_MODE_EPHEMERAL);
		YES(caller_call(caller, home, false));
		caller_say(caller, PDK_OP_CREATE, &body);
		sim_run(sim, sim_now(sim) + delay_us);
		sim_crash(sim, leader);
		YES(sim_run_until(sim, small_serves, NULL, sim_now(sim) + 60 * SIM_SECOND));
		small_wait_ms(sim, 100);
		int64_t session = caller->session;
		YES(caller_call(caller, home, false));
		/* Known to all with what it made, or local as it was, or gone without a trace. */
		bool known = small_global(sim, small_leader(sim), session) != NULL;
		bool local = pdk_sessions_find(sim_server(sim, home)->local_sessions, session) != NULL;
		NO(known && local);
		EQ(caller->session, known || local ? session : 0);
		if (small_has(sim, small_leader(sim), "/e"))
			YES(known);
		if (caller->session)
			EQ(caller_make(caller, "/e2", PDK_MODE_EPHEMERAL), PDK_OK);
		small_end(sim);
	}
}

static void
a_local_session_outlives_an_election_at_its_server(void)
{
	g_autoptr(Sim) sim = small_world(small_upgrading);
	g_autoptr(Caller) caller = caller_new(sim);
	unsigned home = small_learner(sim);
	YES(caller_call(caller, home, false));
	int64_t session = caller->session;
	sim_crash(sim, small_leader(sim));
	YES(sim_run_until(sim, small_serves, NULL, sim_now(sim) + 60 * SIM_SECOND));
	small_wait_ms(sim, 100);
	YES(caller->closed);
	YES(caller_call(caller, home, false));
	EQ(caller->session, session);
	EQ(caller_make(caller, "/e", PDK_MODE_EPHEMERAL), PDK_OK);
	small_end(sim);
}

static void
local_sessions_are_not_in_snapshots(void)
{
	g_autoptr(Sim) sim = small_world(small_upgrading);
	g_autoptr(Caller) caller = caller_new(sim);
	unsigned late = small_other_learner(sim);
	sim_crash(sim, late);
	sim_wipe(sim, late);
	YES(caller_call(caller, small_leader(sim), false));
	EQ(caller_make(caller, "/p", 0), PDK_OK);
	sim_start(sim, late);
	YES(sim_run_until(sim, small_serves, NULL, sim_now(sim) + 60 * SIM_SECOND));
	small_wait_ms(sim, 1000);
	YES(small_has(sim, late, "/p"));
	EQ(pdk_sessions_count(sim_server(sim, late)->sessions), 0);
	EQ(small_locals(sim, late), 0);
	small_end(sim);
}

/* The client went on elsewhere, and what it went to is gone, too. */
static void
a_request_left_behind_is_not_done_after_a_later_one(void)
{
	g_autoptr(Sim) sim = small_world(NULL);
	unsigned left = small_learner(sim), other = small_other_learner(sim), leader = small_leader(sim);
	g_autoptr(Caller) caller = caller_new(sim), later = caller_new(sim);
	YES(caller_call(caller, left, false));
	sim_cut(sim, left, leader);
	PdkBuffer body = body_of_create("/old", 0);
	caller_say(caller, PDK_OP_CREATE, &body);
	later->session = caller->session;
	later->xid = caller->xid;
	memcpy(later->password, caller->password, sizeof later->password);
	YES(caller_call(later, other, false));
	EQ(caller_make(later, "/new", 0), PDK_OK);
	sim_crash(sim, other);
	sim_heal(sim);
	small_wait_ms(sim, 1000);
	YES(small_has(sim, leader, "/new"));
	NO(small_has(sim, leader, "/old"));
	small_end(sim);
}

int
main(void)
{
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 99;
	CU_pSuite suite = CU_add_suite("sessions", NULL, NULL);
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
	CASE(a_request_left_behind_is_not_done_after_a_later_one);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0;
}

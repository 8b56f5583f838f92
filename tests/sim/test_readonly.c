/* SPDX-License-Identifier: Apache-2.0 */
/* Proves how a server without a leader serves, and whom. Told as the stories of test_sessions are. */
#include "sim/caller.h"
#include "sim/small.h"

/* One server is left alone, and has been for @ms. */
static unsigned
leave_alone(Sim *sim, int64_t ms)
{
	unsigned alone = small_learner(sim), a = small_leader(sim), b = small_other_learner(sim);
	sim_crash(sim, a);
	sim_crash(sim, b);
	small_wait_ms(sim, ms);
	return alone;
}

static void
come_back(Sim *sim)
{
	for (unsigned i = 0; i < sim_servers(sim); i++)
		if (!sim_is_up(sim, i))
			sim_start(sim, i);
	YES(sim_run_until(sim, small_serves, NULL, sim_now(sim) + 60 * SIM_SECOND));
	small_wait_ms(sim, 100);
}

static void
without_a_leader_those_that_allow_it_read(void)
{
	g_autoptr(Sim) sim = small_world(small_read_only);
	g_autoptr(Caller) writer = caller_new(sim), reader = caller_new(sim), strict = caller_new(sim);
	YES(caller_call(writer, small_learner(sim), true));
	NO(writer->read_only);
	EQ(caller_make(writer, "/a", 0), PDK_OK);
	small_wait_ms(sim, 500);
	unsigned alone = leave_alone(sim, 10000);
	const PdkView *view = pdk_server_view(sim_server(sim, alone));
	PdkServerFacts facts;
	YES(caller_call(reader, alone, true));
	YES(reader->read_only);
	YES(reader->session != 0);
	EQ(caller_look_for(reader, "/a"), PDK_OK);
	EQ(caller_look_for(reader, "/none"), PDK_ERR_NO_NODE);
	EQ(caller_ask(reader, PDK_OP_PING, (PdkBuffer){0}), PDK_OK);
	NO(caller_call(strict, alone, false));
	YES(strict->closed);
	view->facts(view->core, &facts);
	YES(facts.serving && facts.read_only);
	CU_ASSERT_STRING_EQUAL(facts.mode, "read-only");
	EQ(caller_finish(reader), PDK_OK);
	small_end(sim);
}

static void
a_server_alone_refuses_what_writes(void)
{
	g_autoptr(Sim) sim = small_world(small_read_only);
	g_autoptr(Caller) reader = caller_new(sim);
	unsigned alone = leave_alone(sim, 10000);
	YES(caller_call(reader, alone, true));
	static const int32_t refused[] = {
		PDK_OP_CREATE, PDK_OP_CREATE2, PDK_OP_CREATE_CONTAINER, PDK_OP_CREATE_TTL, PDK_OP_DELETE, PDK_OP_SET_DATA,
		PDK_OP_SET_ACL, PDK_OP_MULTI, PDK_OP_RECONFIG, PDK_OP_SYNC, PDK_OP_CHECK, PDK_OP_DELETE_CONTAINER,
	};
	for (unsigned i = 0; i < G_N_ELEMENTS(refused); i++)
		EQ(caller_ask(reader, refused[i], body_of_path("/a")), PDK_ERR_NOT_READ_ONLY);
	EQ(caller_make(reader, "/e", PDK_MODE_EPHEMERAL), PDK_ERR_NOT_READ_ONLY);
	EQ(caller_look_for(reader, "/"), PDK_OK);
	EQ(small_last_zxid(sim, alone), sim_server(sim, alone)->applied_zxid);
	small_end(sim);
}

static void
read_only_service_waits_its_time_and_ends_with_the_election(void)
{
	g_autoptr(Sim) sim = small_world(small_read_only);
	g_autoptr(Caller) reader = caller_new(sim), idle = caller_new(sim);
	unsigned alone = leave_alone(sim, 0);
	int64_t since = 0;
	while ((since = pdk_replica_looking_since(sim_server(sim, alone)->replica)) == 0)
		small_wait_ms(sim, 10);
	sim_run(sim, since + 2990 * SIM_MS); /* a tick is 3 s */
	NO(caller_call(idle, alone, true));
	sim_run(sim, since + 3010 * SIM_MS);
	YES(caller_call(reader, alone, true));
	int64_t session = reader->session;
	come_back(sim);
	YES(reader->closed);
	YES(caller_call(reader, alone, true));
	NO(reader->read_only);
	EQ(reader->session, session); /* it was local, and is */
	EQ(caller_make(reader, "/e", PDK_MODE_EPHEMERAL), PDK_OK);
	small_end(sim);
}

static void
a_session_of_all_is_not_renewed_read_only_and_lives_on(void)
{
	g_autoptr(Sim) sim = small_world(small_read_only);
	g_autoptr(Caller) caller = caller_new(sim);
	YES(caller_call(caller, small_learner(sim), true));
	EQ(caller_make(caller, "/e", PDK_MODE_EPHEMERAL), PDK_OK);
	small_wait_ms(sim, 500);
	int64_t session = caller->session;
	unsigned alone = leave_alone(sim, 20000);
	NO(caller_call(caller, alone, true));
	YES(caller->closed);
	caller->session = INT64_C(0x0900000000000001); /* never heard of here: it may live elsewhere */
	pdk_session_password(caller->session, caller->password);
	NO(caller_call(caller, alone, true));
	come_back(sim);
	caller->session = session;
	pdk_session_password(session, caller->password);
	YES(caller_call(caller, alone, true));
	EQ(caller->session, session);
	EQ(caller_look_for(caller, "/e"), PDK_OK);
	small_end(sim);
}

static void
without_local_sessions_there_is_no_new_session_read_only(void)
{
	g_autoptr(Sim) sim = small_world(small_read_only_global);
	g_autoptr(Caller) caller = caller_new(sim);
	unsigned alone = leave_alone(sim, 10000);
	NO(caller_call(caller, alone, true));
	EQ(caller->frame, 16); /* a reply header where a connect response should be */
	PdkJute in = pdk_jute(caller->body, caller->frame, INT32_MAX);
	EQ(pdk_get_int(&in), 0);
	EQ(pdk_get_long(&in), sim_server(sim, alone)->applied_zxid);
	EQ(pdk_get_int(&in), PDK_ERR_NOT_READ_ONLY);
	EQ(caller_hear(caller), ASK_CLOSED);
	small_end(sim);
}

static void
a_read_only_session_expires_too(void)
{
	g_autoptr(Sim) sim = small_world(small_read_only);
	g_autoptr(Caller) caller = caller_new(sim);
	unsigned alone = leave_alone(sim, 10000);
	YES(caller_call(caller, alone, true));
	small_wait_ms(sim, 15000);
	YES(caller->closed);
	EQ(small_locals(sim, alone), 0);
	small_end(sim);
}

static void
without_the_key_a_server_alone_serves_nobody(void)
{
	g_autoptr(Sim) sim = small_world(small_upgrading);
	g_autoptr(Caller) caller = caller_new(sim);
	unsigned alone = leave_alone(sim, 20000);
	NO(caller_call(caller, alone, true));
	YES(caller->closed);
	small_end(sim);
}

int
main(void)
{
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 99;
	CU_pSuite suite = CU_add_suite("read-only mode", NULL, NULL);
	CASE(without_a_leader_those_that_allow_it_read);
	CASE(a_server_alone_refuses_what_writes);
	CASE(read_only_service_waits_its_time_and_ends_with_the_election);
	CASE(a_session_of_all_is_not_renewed_read_only_and_lives_on);
	CASE(without_local_sessions_there_is_no_new_session_read_only);
	CASE(a_read_only_session_expires_too);
	CASE(without_the_key_a_server_alone_serves_nobody);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0;
}

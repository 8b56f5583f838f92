/* SPDX-License-Identifier: Apache-2.0 */
/* Proves what admin plugins see of a server, and how an operator's word is served. */
#include "suite.h"
#include "world.h"

/* ---- a plugin that knows two words ---- */

struct PdkAdmin {
	unsigned begun, ended;
	unsigned parts;
	size_t part_bytes;
	GString *heard;
};

struct PdkAdminReply {
	unsigned left;
};

/* "ruok" takes no argument, "stmk" eight bytes. */
static int
word(PdkAdmin *self G_GNUC_UNUSED, const char four[4])
{
	if (memcmp(four, "ruok", 4) == 0)
		return 0;
	return memcmp(four, "stmk", 4) == 0 ? 8 : -1;
}

static PdkAdminReply *
reply_begin(PdkAdmin *self, const char four[4], const uint8_t *argument, size_t length)
{
	PdkAdminReply *reply = g_new0(PdkAdminReply, 1);
	reply->left = self->parts;
	self->begun++;
	g_string_append_len(self->heard, four, 4);
	if (length > 0)
		g_string_append_len(self->heard, (const char *)argument, (gssize)length);
	return reply;
}

static bool
reply_next(PdkAdmin *self, PdkAdminReply *reply, GByteArray *out)
{
	g_autofree char *text = g_strnfill(self->part_bytes, 'r');
	g_byte_array_append(out, (const guint8 *)text, (guint)self->part_bytes);
	return --reply->left > 0;
}

static void
reply_end(PdkAdmin *self, PdkAdminReply *reply)
{
	self->ended++;
	g_free(reply);
}

static const PdkAdminOps admin_ops = {
	.size = sizeof(PdkAdminOps),
	.word = word,
	.begin = reply_begin,
	.next = reply_next,
	.end = reply_end,
};

static World *
world_with(PdkAdmin *admin)
{
	World *world = world_running();
	admin->heard = g_string_new(NULL);
	pdk_server_add_admin(world->server, &admin_ops, admin);
	return world;
}

static void
end_of(World *world, PdkAdmin *admin)
{
	world_free(world);
	EQ(admin->begun, admin->ended);
	g_string_free(admin->heard, TRUE);
}

static void
a_word_is_answered_and_the_connection_ends(void)
{
	PdkAdmin admin = {.parts = 1, .part_bytes = 4};
	World *world = world_with(&admin);
	Peer *peer = peer_new(world, "127.0.0.1");
	peer_send(peer, "ruok\n and more", 14);
	YES(peer_got_hex(peer, "72727272"));
	NO(peer->open);
	YES(peer->flushed);
	EQ(admin.begun, 1);
	peer = peer_new(world, "127.0.0.1");
	for (const char *at = "ruok"; *at; at++)
		peer_send(peer, at, 1);
	NO(peer->open);
	EQ(admin.begun, 2);
	peer = peer_new(world, "127.0.0.1");
	peer_send(peer, "ruox", 4);
	NO(peer->open);
	EQ(admin.begun, 2);
	end_of(world, &admin);
}

static void
the_argument_of_a_word_is_waited_for(void)
{
	PdkAdmin admin = {.parts = 1, .part_bytes = 1};
	World *world = world_with(&admin);
	Peer *peer = peer_new(world, "127.0.0.1");
	peer_send(peer, "stmk1234567", 11);
	EQ(admin.begun, 0);
	peer_send(peer, "8rest", 5);
	CU_ASSERT_STRING_EQUAL(admin.heard->str, "stmk12345678");
	NO(peer->open);
	peer = peer_new(world, "127.0.0.1");
	peer_send(peer, "stmk12", 6);
	peer_hang_up(peer);
	EQ(admin.begun, 1);
	end_of(world, &admin);
}

static void
a_long_reply_waits_for_its_reader(void)
{
	PdkAdmin admin = {.parts = 400, .part_bytes = 64 * 1024};
	World *world = world_with(&admin);
	Peer *peer = peer_new(world, "127.0.0.1"), *slow = peer_new(world, "127.0.0.1"),
	     *client = client_new(world);
	peer_send(peer, "ruok", 4);
	EQ(peer->received, 400 * 64 * 1024);
	NO(peer->open);
	peer_stop_reading(slow);
	peer_send(slow, "ruok", 4);
	YES(slow->open);
	YES(slow->unsent->len < 3 * MIB);
	OK(do_exists(client, "/", false));
	peer_read_on(slow);
	EQ(slow->received, 400 * 64 * 1024);
	NO(slow->open);
	Peer *leaver = peer_new(world, "127.0.0.1");
	peer_stop_reading(leaver);
	peer_send(leaver, "ruok", 4);
	peer_hang_up(leaver);
	EQ(admin.ended, 3);
	end_of(world, &admin);
}

static void
a_word_on_a_server_that_ends_is_freed(void)
{
	PdkAdmin admin = {.parts = 400, .part_bytes = 64 * 1024};
	World *world = world_with(&admin);
	Peer *slow = peer_new(world, "127.0.0.1");
	peer_stop_reading(slow);
	peer_send(slow, "ruok", 4);
	end_of(world, &admin);
}

/* ---- the view ---- */

static PdkServerFacts
facts_of(World *world)
{
	PdkServerFacts facts;
	const PdkView *view = pdk_server_view(world->server);
	view->facts(view->core, &facts);
	return facts;
}

static void
facts_are_those_of_the_server(void)
{
	g_autoptr(World) world = world_running();
	EQ(facts_of(world).last_response, UINT64_MAX);
	Peer *peer = client_new(world);
	OK(do_create(peer, "/e", "12345", 1));
	OK(do_get(peer, "/e", true));
	world->now_us += 5000000;
	OK(do_exists(peer, "/", false));
	PdkServerFacts facts = facts_of(world);
	YES(facts.serving && !facts.read_only);
	CU_ASSERT_STRING_EQUAL(facts.mode, "standalone");
	CU_ASSERT_STRING_EQUAL(facts.version, "3.9.4-paddock-test");
	YES(facts.last_zxid == 2 && facts.node_count == 6 && facts.watch_count == 1 &&
	    facts.ephemeral_count == 1);
	YES(facts.sessions == 1 && facts.connections == 1 && facts.outstanding == 0);
	YES(facts.received == 4 && facts.sent == 4);
	EQ(facts.uptime_ms, 5000);
	EQ(facts.data_size, strlen("//zookeeper/zookeeper/quota/zookeeper/config/e12345"));
	world->auto_sync = false;
	EQ(do_set(peer, "/e", "", -1), CALL_PENDING);
	EQ(facts_of(world).outstanding, 1);
	world_sync(world);
}

static void
latency_is_counted_from_arrival_to_answer(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	const PdkView *view = pdk_server_view(world->server);
	view->reset_server_stats(view->core);
	world->auto_sync = false;
	EQ(do_set(peer, "/", "", -1), CALL_PENDING);
	EQ(do_exists(peer, "/", false), CALL_PENDING);
	world->now_us += 30000;
	world_sync(world);
	EQ(facts_of(world).latency_max, 30);
	EQ(facts_of(world).latency_min, 30);
	g_byte_array_unref(peer_take(peer));
	OK(do_exists(peer, "/", false));
	EQ(facts_of(world).latency_min, 0);
	view->reset_server_stats(view->core);
	EQ(facts_of(world).latency_max, 0);
	EQ(facts_of(world).received, 0);
}

static void
connections_are_walked(void)
{
	g_autoptr(World) world = world_running();
	Peer *one = client_new(world);
	peer_new(world, "10.0.0.7");
	OK(do_create(one, "/a", "", 0));
	const PdkView *view = pdk_server_view(world->server);
	PdkConnectionFacts facts;
	uint64_t cursor = 0;
	YES(view->connection(view->core, &cursor, &facts));
	EQ(facts.session, one->session);
	EQ(facts.timeout_ms, 10000);
	EQ(facts.last_cxid, 1);
	EQ(facts.last_zxid, 2);
	CU_ASSERT_STRING_EQUAL(facts.last_op, "CREA");
	CU_ASSERT_STRING_EQUAL(facts.endpoint, "/127.0.0.1:4711");
	EQ(facts.interest, 1);
	EQ(facts.expires_wall_ms - world->wall_ms,
	   ((world->now_us / 1000 + 10000) / 3000 + 1) * 3000 - world->now_us / 1000);
	YES(view->connection(view->core, &cursor, &facts));
	EQ(facts.session, 0);
	EQ(facts.last_cxid, -1);
	CU_ASSERT_STRING_EQUAL(facts.last_op, "NA");
	NO(view->connection(view->core, &cursor, &facts));
	EQ(do_create(one, "/no/x", "", 0), PDK_ERR_NO_NODE);
	cursor = 0;
	YES(view->connection(view->core, &cursor, &facts));
	CU_ASSERT_STRING_EQUAL(facts.last_op, "NA"); /* a refused write */
	YES(facts.received == 3 && facts.sent == 3);
	view->reset_connection_stats(view->core);
	cursor = 0;
	YES(view->connection(view->core, &cursor, &facts));
	YES(facts.received == 0 && facts.sent == 0 && facts.last_cxid == -1);
}

static void
sessions_and_their_ephemerals_are_walked(void)
{
	g_autoptr(World) world = world_running();
	Peer *one = client_new(world), *two = client_new(world);
	for (int i = 0; i < 5; i++)
		OK(do_create(two, "/e", "", 3));
	const PdkView *view = pdk_server_view(world->server);
	PdkSessionFacts facts;
	uint64_t cursor = 0, count = 0, owned = 0;
	while (view->session(view->core, &cursor, &facts)) {
		YES(facts.session == one->session || facts.session == two->session);
		YES(!facts.local && facts.timeout_ms == 10000 && facts.expires_wall_ms > world->wall_ms);
		count++;
		owned += facts.ephemerals;
	}
	EQ(count, 2);
	EQ(owned, 5);
	const char *path;
	g_autoptr(GString) paths = g_string_new(NULL);
	cursor = 0;
	while (view->ephemeral(view->core, two->session, &cursor, &path)) {
		g_string_append_printf(paths, "%c", path[strlen(path) - 1]);
		if (cursor == 2)
			OK(do_delete(two, "/e0000000003", -1)); /* the walk goes on in a later turn */
	}
	CU_ASSERT_STRING_EQUAL(paths->str, "0124");
	cursor = 0;
	NO(view->ephemeral(view->core, one->session, &cursor, &path));
}

static void
watches_are_walked_both_ways(void)
{
	g_autoptr(World) world = world_running();
	Peer *one = client_new(world), *two = client_new(world);
	OK(do_create(one, "/a", "", 0));
	OK(do_get(one, "/a", true));
	OK(do_get(two, "/a", true));
	EQ(do_exists(two, "/b", true), PDK_ERR_NO_NODE);
	OK(do_children(two, "/", true)); /* a child watch: not shown */
	const PdkView *view = pdk_server_view(world->server);
	uint64_t connections, paths, watches;
	view->watch_totals(view->core, &connections, &paths, &watches);
	YES(connections == 2 && paths == 2 && watches == 3);
	for (int order = PDK_WATCHES_BY_CONNECTION; order <= PDK_WATCHES_BY_PATH; order++) {
		PdkWatchFacts facts;
		uint64_t cursor = 0;
		unsigned of_one = 0, of_two = 0, of_b = 0;
		while (view->watch(view->core, (PdkWatchOrder)order, &cursor, &facts)) {
			of_one += facts.session == one->session && facts.link == one->link;
			of_two += facts.session == two->session;
			of_b += strcmp(facts.path, "/b") == 0;
		}
		YES(of_one == 1 && of_two == 2 && of_b == 1);
	}
}

static void
digests_are_kept_for_every_128th_zxid(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	while (pdk_server_last_zxid(world->server) < 300)
		OK(do_set(peer, "/", "", -1));
	const PdkView *view = pdk_server_view(world->server);
	int64_t zxid;
	uint64_t digest, cursor = 0;
	YES(view->digest(view->core, &cursor, &zxid, &digest) && zxid == 128);
	YES(view->digest(view->core, &cursor, &zxid, &digest) && zxid == 256);
	NO(view->digest(view->core, &cursor, &zxid, &digest));
	const WorldTxn *txn = &g_array_index(world->txns, WorldTxn, 255);
	size_t length;
	const uint8_t *bytes = g_bytes_get_data(txn->txn, &length);
	EQ(digest, pdk_load_u64(bytes + length - 8));
	g_autoptr(World) again = world_recovered(world, FROM_TXNS);
	view = pdk_server_view(again->server);
	cursor = 0;
	YES(view->digest(view->core, &cursor, &zxid, &digest) && zxid == 128); /* a replay keeps them, too */
}

static int64_t
metric_of(World *world, const char *name)
{
	const PdkView *view = pdk_server_view(world->server);
	uint64_t cursor = 0;
	PdkMetric metric;
	while (view->metric(view->core, &cursor, &metric))
		if (strcmp(metric.name, name) == 0)
			return metric.is_real ? (int64_t)metric.real : metric.value;
	return -999;
}

static void
metrics_have_apaches_names(void)
{
	static const char *const names[] = {
		"avg_latency",
		"max_latency",
		"min_latency",
		"packets_received",
		"packets_sent",
		"num_alive_connections",
		"outstanding_requests",
		"uptime",
		"znode_count",
		"watch_count",
		"ephemerals_count",
		"approximate_data_size",
		"global_sessions",
		"local_sessions",
		"open_file_descriptor_count",
		"max_file_descriptor_count",
		"connection_drop_probability",
		"last_client_response_size",
		"max_client_response_size",
		"min_client_response_size",
		"outstanding_tls_handshake",
		"auth_failed_count",
		"non_mtls_remote_conn_count",
		"non_mtls_local_conn_count",
		"connection_rejected",
		"digest_mismatches_count",
		"bytes_received_count",
		"proposal_count",
		"commit_count",
	};
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	OK(do_create(peer, "/a", "", 0));
	for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
		if (metric_of(world, names[i]) == -999)
			printf("\n  no metric %s\n", names[i]);
		YES(metric_of(world, names[i]) != -999);
	}
	EQ(metric_of(world, "znode_count"), 6);
	EQ(metric_of(world, "proposal_count"), 2);
	EQ(metric_of(world, "commit_count"), 2);
	EQ(metric_of(world, "last_client_response_size"), 4 + 16 + 4 + 2);
}

int
main(void)
{
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 99;
	CU_pSuite suite = CU_add_suite("view", NULL, NULL);
	CASE(a_word_is_answered_and_the_connection_ends);
	CASE(the_argument_of_a_word_is_waited_for);
	CASE(a_long_reply_waits_for_its_reader);
	CASE(a_word_on_a_server_that_ends_is_freed);
	CASE(facts_are_those_of_the_server);
	CASE(latency_is_counted_from_arrival_to_answer);
	CASE(connections_are_walked);
	CASE(sessions_and_their_ephemerals_are_walked);
	CASE(watches_are_walked_both_ways);
	CASE(digests_are_kept_for_every_128th_zxid);
	CASE(metrics_have_apaches_names);
	return run_suite();
}

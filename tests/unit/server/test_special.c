/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proves what is special by nature: containers and TTL nodes that go by themselves, and quotas that count by
 * themselves.
 */
#include "suite.h"
#include "world.h"

/* ---- containers and TTL nodes ---- */

static World *
ttl_world(void)
{
	World *world = world_new();
	world->settings->extended_types = true;
	world->settings->max_session_timeout_ms = 100000000;
	world_start(world);
	return world;
}

/* A client that time does not touch. */
static Peer *
patient_client(World *world)
{
	Peer *peer = peer_new(world, "127.0.0.1");
	YES(peer_hello(peer, 90000000, 0, 0, NULL));
	return peer;
}

static void
an_empty_container_that_was_used_goes_at_the_next_check(void)
{
	g_autoptr(World) world = ttl_world();
	Peer *peer = patient_client(world);
	OK(do_create_as(peer, PDK_OP_CREATE_CONTAINER, "/c", "", OPEN, 4));
	OK(do_create_as(peer, PDK_OP_CREATE_CONTAINER, "/never", "", OPEN, 4));
	OK(do_create(peer, "/c/x", "", 0));
	world_advance(world, 120000);
	YES(stat_of(peer, "/c").czxid > 0);
	OK(do_delete(peer, "/c/x", -1));
	world_advance(world, 59999);
	world_advance(world, 1);
	EQ(stat_of(peer, "/c").czxid, -1);
	YES(stat_of(peer, "/never").czxid > 0); /* by default it is waited for ever */
	WorldTxn *txn = &g_array_index(world->txns, WorldTxn, world->txns->len - 1);
	size_t length;
	const uint8_t *bytes = g_bytes_get_data(txn->txn, &length);
	EQ(pdk_load_u64(bytes), 0); /* nobody's session */
	EQ(pdk_load_u32(bytes + 28), 20);
	YES(bytes_are_hex(bytes + 32, length - 44, "00000002 2f63"));
}

static void
a_container_never_used_goes_when_told_so(void)
{
	g_autoptr(World) world = ttl_world();
	world->settings->container_max_never_used_ms = 300000;
	Peer *peer = patient_client(world);
	OK(do_create_as(peer, PDK_OP_CREATE_CONTAINER, "/c", "", OPEN, 4));
	world_advance(world, 300000);
	YES(stat_of(peer, "/c").czxid > 0);
	world_advance(world, 60000);
	EQ(stat_of(peer, "/c").czxid, -1);
}

static void
containers_go_at_a_limited_rate(void)
{
	g_autoptr(World) world = ttl_world();
	world->settings->container_max_per_minute = 10;
	Peer *peer = patient_client(world);
	for (int i = 0; i < 25; i++) {
		g_autofree char *path = g_strdup_printf("/c%d", i), *child = g_strdup_printf("/c%d/x", i);
		OK(do_create_as(peer, PDK_OP_CREATE_CONTAINER, path, "", OPEN, 4));
		OK(do_create(peer, child, "", 0));
		OK(do_delete(peer, child, -1));
	}
	static const int32_t left[] = {15, 5, 0};
	for (guint i = 0; i < G_N_ELEMENTS(left); i++) {
		world_advance(world, 60000);
		EQ(stat_of(peer, "/").children, left[i] + 1);
	}
}

static void
a_ttl_node_goes_when_its_time_is_over(void)
{
	g_autoptr(World) world = ttl_world();
	Peer *peer = patient_client(world);
	OK(do_create_ttl(peer, "/t", 5, 100000));
	SAME(get_text(&peer->body), "/t");
	EQ(get_stat(&peer->body).owner, 0);
	OK(do_create_ttl(peer, "/s", 6, 100000));
	SAME(get_text(&peer->body), "/s0000000001");
	world_advance(world, 90000);
	OK(do_set(peer, "/t", "", -1)); /* renews it */
	OK(do_create(peer, "/s0000000001/c", "", 0)); /* does not renew, but it is not empty */
	world_advance(world, 90000);
	YES(stat_of(peer, "/t").czxid > 0);
	world_advance(world, 60000);
	EQ(stat_of(peer, "/t").czxid, -1);
	YES(stat_of(peer, "/s0000000001").czxid > 0);
	OK(do_delete(peer, "/s0000000001/c", -1));
	world_advance(world, 60000);
	EQ(stat_of(peer, "/s0000000001").czxid, -1);
}

static void
the_time_to_live_has_bounds(void)
{
	g_autoptr(World) world = ttl_world();
	Peer *peer = client_new(world);
	EQ(do_create_ttl(peer, "/t", 5, 0), -8);
	EQ(do_create_ttl(peer, "/t", 5, -1), -8);
	EQ(do_create_ttl(peer, "/t", 5, INT64_C(1) << 40), -8);
	OK(do_create_ttl(peer, "/t", 5, (INT64_C(1) << 40) - 1));
	EQ(do_create_ttl(peer, "/u", 0, 5), -8);
	EQ(do_create_ttl(peer, "/u", 1, -1), -8);
	OK(do_create(peer, "/t/child", "", 0)); /* it may have children, unlike an ephemeral */
}

static void
cleaning_does_not_ask_for_permission(void)
{
	g_autoptr(World) world = ttl_world();
	Peer *peer = patient_client(world);
	OK(do_create(peer, "/p", "", 0));
	OK(do_create_ttl(peer, "/p/t", 5, 1));
	OK(do_set_acl(peer, "/p", "1 world anyone", -1));
	world_advance(world, 120000);
	EQ(stat_of(peer, "/p/t").czxid, -1);
}

static void
what_is_under_way_keeps_a_node_from_going(void)
{
	g_autoptr(World) world = ttl_world();
	Peer *peer = patient_client(world);
	OK(do_create_ttl(peer, "/t", 5, 100000));
	OK(do_create_as(peer, PDK_OP_CREATE_CONTAINER, "/c", "", OPEN, 4));
	OK(do_create(peer, "/c/x", "", 0));
	world_advance(world, 119000);
	OK(do_delete(peer, "/c/x", -1));
	world->auto_sync = false;
	EQ(do_set(peer, "/t", "", -1), CALL_PENDING); /* renews it */
	EQ(do_delete(peer, "/c", -1), CALL_PENDING);
	EQ(do_create(peer, "/c", "", 0), CALL_PENDING); /* another, that stays */
	guint n = world->txns->len;
	world_advance(world, 1000);
	EQ(world->txns->len, n);
	world->auto_sync = true;
	world_sync(world);
	for (unsigned i = 0; i < 3; i++)
		YES(peer_reply(peer) && peer->err == PDK_OK);
	YES(stat_of(peer, "/t").czxid > 0);
	YES(stat_of(peer, "/c").czxid > 0);
	world_advance(world, 120000);
	EQ(stat_of(peer, "/t").czxid, -1);
	YES(stat_of(peer, "/c").czxid > 0);
}

static void
a_deletion_in_flight_is_not_proposed_twice(void)
{
	g_autoptr(World) world = ttl_world();
	Peer *peer = patient_client(world);
	OK(do_create_ttl(peer, "/t", 5, 1));
	world->auto_sync = false;
	guint n = world->txns->len;
	world_advance(world, 300000);
	EQ(world->txns->len, n + 1);
	EQ(do_create(peer, "/t", "", 0), CALL_PENDING); /* it is gone already for what comes after */
	world_sync(world);
	YES(peer_reply(peer) && peer->err == PDK_OK);
}

/* ---- quotas ---- */

static void
set_quota(Peer *peer, const char *path, const char *limits)
{
	g_autoptr(GString) at = g_string_new("/zookeeper/quota");
	g_auto(GStrv) parts = g_strsplit(path + 1, "/", -1);
	for (char **part = parts; *part; part++) {
		g_string_append_printf(at, "/%s", *part);
		do_create(peer, at->str, "", 0);
	}
	g_autofree char *limit = g_strconcat(at->str, "/zookeeper_limits", NULL);
	g_autofree char *stats = g_strconcat(at->str, "/zookeeper_stats", NULL);
	OK(do_create(peer, limit, limits, 0));
	OK(do_create(peer, stats, "count=0,bytes=0", 0));
}

static void
usage_is_counted_by_the_server(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	OK(do_create(peer, "/q", "12345", 0));
	OK(do_create(peer, "/q/a", "123", 0));
	set_quota(peer, "/q", "count=3,bytes=-1");
#define STATS "/zookeeper/quota/q/zookeeper_stats"
	SAME(data_of(peer, STATS), "count=2,bytes=8"); /* counted anew when it is created */
	WireStat before = stat_of(peer, STATS);
	OK(do_create(peer, "/q/b", "1", 0));
	SAME(data_of(peer, STATS), "count=3,bytes=9");
	OK(do_set(peer, "/q/b", "1234", -1));
	SAME(data_of(peer, STATS), "count=3,bytes=12");
	OK(do_delete(peer, "/q/b", -1));
	OK(do_create(peer, "/qx", "no part of it", 0));
	SAME(data_of(peer, STATS), "count=2,bytes=8");
	WireStat after = stat_of(peer, STATS);
	YES(before.mzxid == after.mzxid && before.version == after.version);
	OK(do_create(peer, "/q/c", "", 0)); /* only soft, and not enforced */
	OK(do_create(peer, "/q/d", "", 0));
	OK(do_create(peer, "/q/e", "", 0));
}

static void
only_the_deepest_quota_counts(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	OK(do_create(peer, "/q", "", 0));
	OK(do_create(peer, "/q/in", "", 0));
	set_quota(peer, "/q", "count=100,bytes=100");
	set_quota(peer, "/q/in", "count=100,bytes=100");
	OK(do_create(peer, "/q/in/x", "12", 0));
	SAME(data_of(peer, "/zookeeper/quota/q/in/zookeeper_stats"), "count=2,bytes=2");
	SAME(data_of(peer, STATS), "count=2,bytes=0");
}

static void
hard_limits_are_enforced_when_told_so(void)
{
	g_autoptr(World) world = world_new();
	world->settings->enforce_quota = true;
	world_start(world);
	Peer *peer = client_new(world);
	OK(do_create(peer, "/q", "", 0));
	set_quota(peer, "/q", "count=1,bytes=5=;byteHardLimit=10;countHardLimit=3");
	OK(do_create(peer, "/q/a", "12345", 0)); /* over the soft ones */
	EQ(do_create(peer, "/q/b", "123456", 0), PDK_ERR_QUOTA_EXCEEDED);
	OK(do_create(peer, "/q/b", "1", 0));
	EQ(do_create(peer, "/q/c", "", 0), PDK_ERR_QUOTA_EXCEEDED);
	EQ(do_set(peer, "/q/b", "1234567", -1), PDK_ERR_QUOTA_EXCEEDED);
	EQ(do_set(peer, "/q/b", "1234567", 7), PDK_ERR_QUOTA_EXCEEDED); /* before the version */
	OK(do_set(peer, "/q/a", "", -1));
	OK(do_set(peer, "/q/b", "1234567", -1));
	PdkBuffer multi = {0};
	put_operation(&multi, PDK_OP_CREATE, body_create("/q/d", "", OPEN, 0));
	put_multi_end(&multi);
	OK(call(peer, PDK_OP_MULTI, &multi));
	YES(bytes_are_hex(peer->body.at, 13, "ffffffff 00 ffffff83 ffffff83"));
	OK(do_delete(peer, "/zookeeper/quota/q/zookeeper_limits", -1));
	OK(do_create(peer, "/q/c", "any length at all", 0));
}

static void
limits_that_cannot_be_read_fail_the_writes_below(void)
{
	g_autoptr(World) world = world_new();
	world->settings->enforce_quota = true;
	world_start(world);
	Peer *peer = client_new(world);
	OK(do_create(peer, "/q", "", 0));
	set_quota(peer, "/q", "count=many,bytes=5");
	EQ(do_create(peer, "/q/a", "", 0), PDK_ERR_MARSHALLING);
	OK(do_set(peer, "/zookeeper/quota/q/zookeeper_limits", "", -1)); /* nothing set */
	OK(do_create(peer, "/q/a", "", 0));
}

static void
quota_nodes_that_kill_java_do_no_harm(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	OK(do_create(peer, "/zookeeper/quota/zookeeper_limits", "count=1,bytes=1", 0));
	OK(do_create(peer, "/zookeeper/quota/zookeeper_stats", "", 0));
	OK(do_create(peer, "/q", "", 0));
	set_quota(peer, "/q", "count=1,bytes=1");
	OK(do_set(peer, STATS, "no such text", -1));
	OK(do_create(peer, "/q/a", "123", 0));
	OK(do_set(peer, "/q/a", "", -1));
	OK(do_delete(peer, "/q/a", -1));
	OK(do_delete(peer, STATS, -1));
	OK(do_create(peer, "/q/a", "", 0));
	g_autoptr(World) again = world_recovered(world, FROM_TXNS);
	g_autofree char *one = world_dump(world), *two = world_dump(again);
	CU_ASSERT_STRING_EQUAL(one, two);
}

int
main(void)
{
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 99;
	CU_pSuite suite = CU_add_suite("special nodes", NULL, NULL);
	CASE(an_empty_container_that_was_used_goes_at_the_next_check);
	CASE(a_container_never_used_goes_when_told_so);
	CASE(containers_go_at_a_limited_rate);
	CASE(a_ttl_node_goes_when_its_time_is_over);
	CASE(the_time_to_live_has_bounds);
	CASE(cleaning_does_not_ask_for_permission);
	CASE(what_is_under_way_keeps_a_node_from_going);
	CASE(a_deletion_in_flight_is_not_proposed_twice);
	CASE(usage_is_counted_by_the_server);
	CASE(only_the_deepest_quota_counts);
	CASE(hard_limits_are_enforced_when_told_so);
	CASE(limits_that_cannot_be_read_fail_the_writes_below);
	CASE(quota_nodes_that_kill_java_do_no_harm);
	return run_suite();
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proves that txns in flight, a log replayed and a snapshot with a log behind it all lead to the same server.
 */
#include "random_writes.h"
#include "suite.h"

#define EXAMPLE_SESSION INT64_C(0x100001bd5810000)

/* ---- the worked example of the log ---- */

static const uint8_t *
txn_bytes(World *world, guint n, size_t *length)
{
	return g_bytes_get_data(g_array_index(world->txns, WorldTxn, n).txn, length);
}

static void
txns_are_the_worked_log_records(void)
{
	g_autoptr(World) world = world_new();
	world->wall_ms = 0x1bd581; /* so that the id is the example's; Java takes another clock for it */
	world_start(world);
	Peer *peer = peer_new(world, "127.0.0.1");
	YES(peer_hello(peer, 40000, 0, 0, NULL));
	EQ(peer->session, EXAMPLE_SESSION);
	size_t length;
	const uint8_t *bytes = txn_bytes(world, 0, &length);
	YES(bytes_are_hex(bytes, length,
			  "0100001bd5810000 00000000 0000000000000001 00000000001bd581 fffffff6 00009c40 "
			  "00000002 0000000051c6d660"));
	world->wall_ms = 0x1a1fac99959;
	OK(do_create(peer, "/ex", "hello", 0));
	bytes = txn_bytes(world, 1, &length);
	YES(bytes_are_hex(
		bytes, length,
		"0100001bd5810000 00000001 0000000000000002 000001a1fac99959 00000001 00000003 2f6578 "
		"00000005 "
		"68656c6c6f 00000001 0000001f 00000005 776f726c64 00000006 616e796f6e65 00 00000001 00000002 "
		"0000000134105932"));
}

/* ---- the txns' bytes, type by type ---- */

/* The last txn's record without header and digest. */
static bool
last_record_is(World *world, int32_t type, const char *hex)
{
	size_t length;
	const uint8_t *bytes = txn_bytes(world, world->txns->len - 1, &length);
	return (int32_t)pdk_load_u32(bytes + 28) == type && pdk_load_u32(bytes + length - 12) == 2 &&
	       bytes_are_hex(bytes + 32, length - 44, hex);
}

#define ACL_HEX "00000001 0000001f 00000005 776f726c64 00000006 616e796f6e65"

static void
records_of_every_type_are_the_sheets(void)
{
	g_autoptr(World) world = world_new();
	world->settings->extended_types = true;
	world_start(world);
	Peer *peer = client_new(world);
	OK(do_create(peer, "/p", NULL, 0));
	YES(last_record_is(world, 1, "00000002 2f70 ffffffff " ACL_HEX "00 00000001"));
	OK(do_create_as(peer, PDK_OP_CREATE2, "/p/s", "", OPEN, 3));
	YES(last_record_is(world, 15,
			   "0000000e 2f702f73 30303030303030303030 00000000 " ACL_HEX "01 00000001"));
	OK(do_create_as(peer, PDK_OP_CREATE_CONTAINER, "/p/c", "", OPEN, 4));
	YES(last_record_is(world, 19, "00000004 2f702f63 00000000 " ACL_HEX "00000002"));
	OK(do_create_ttl(peer, "/p/t", 5, 1000));
	YES(last_record_is(world, 21, "00000004 2f702f74 00000000 " ACL_HEX "00000003 00000000000003e8"));
	OK(do_set(peer, "/p", "ab", -1));
	YES(last_record_is(world, 5, "00000002 2f70 00000002 6162 00000001"));
	OK(do_set_acl(peer, "/p", OPEN, -1));
	YES(last_record_is(world, 7, "00000002 2f70 " ACL_HEX "00000001"));
	OK(do_delete(peer, "/p/c", -1));
	YES(last_record_is(world, 2, "00000004 2f702f63"));
	PdkBuffer multi = {0};
	put_operation(&multi, PDK_OP_CHECK, body_path_int("/p", 1));
	put_operation(&multi, PDK_OP_SET_DATA, body_set("/p", "", -1));
	put_multi_end(&multi);
	OK(call(peer, PDK_OP_MULTI, &multi));
	YES(last_record_is(world, 14, "00000002 0000000d 0000000a 00000002 2f70 00000001 "
				      "00000005 0000000e 00000002 2f70 00000000 00000002"));
	multi = (PdkBuffer){0};
	put_operation(&multi, PDK_OP_DELETE, body_path_int("/p/t", -1));
	put_operation(&multi, PDK_OP_DELETE, body_path_int("/no", -1));
	put_operation(&multi, PDK_OP_DELETE, body_path_int("/p/t", -1));
	put_multi_end(&multi);
	OK(call(peer, PDK_OP_MULTI, &multi)); /* the original, the refusal, and what was not tried */
	YES(last_record_is(world, 14,
			   "00000003 00000002 00000008 00000004 2f702f74 ffffffff 00000004 ffffff9b "
			   "ffffffff 00000004 fffffffe"));
	OK(do_close(peer));
	YES(last_record_is(world, -11, "00000001 0000000e 2f702f73 30303030303030303030"));
	g_autoptr(World) again = world_recovered(world, FROM_TXNS);
	g_autofree char *one = world_dump(world), *two = world_dump(again);
	CU_ASSERT_STRING_EQUAL(one, two);
	EQ(world_counter(again, "digest_mismatches_count"), 0);
}

static void
a_refusal_is_a_txn_with_a_zxid_of_its_own_and_no_digest(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	guint before = world->txns->len;
	EQ(do_delete(peer, "/no", -1), PDK_ERR_NO_NODE);
	EQ(world->txns->len, before + 1);
	size_t length;
	const uint8_t *bytes = txn_bytes(world, before, &length);
	EQ(length, 36);
	EQ(pdk_load_u64(bytes + 12), before + 1);
	EQ((int32_t)pdk_load_u32(bytes + 28), -1);
	EQ((int32_t)pdk_load_u32(bytes + 32), PDK_ERR_NO_NODE);
	OK(do_create(peer, "/yes", "", 0));
	bytes = txn_bytes(world, before + 1, &length);
	EQ(pdk_load_u64(bytes + 12), before + 2);
}

static void
digests_are_left_out_where_they_are_switched_off(void)
{
	g_autoptr(World) world = world_new();
	world->settings->digest = world->settings->close_session_txn = false;
	world_start(world);
	Peer *peer = client_new(world);
	OK(do_create(peer, "/a", "", 1));
	size_t length;
	txn_bytes(world, 1, &length);
	EQ(length, 32 + 6 + 4 + 27 + 1 + 4);
	OK(do_close(peer));
	txn_bytes(world, 2, &length);
	EQ(length, 32); /* the old form: no list of paths either */
	g_autoptr(World) again = world_recovered(world, FROM_TXNS);
	EQ(pdk_tree_find(again->server->tree, "/a", 2), 0);
	g_autofree char *one = world_dump(world), *two = world_dump(again);
	CU_ASSERT_STRING_EQUAL(one, two);
}

/* ---- whole histories ---- */

enum { CLIENTS = 3 };

typedef struct {
	World *world;
	Peer *clients[CLIENTS];
	GString *heard[CLIENTS]; /* all bytes, as hex */
} Run;

static void
hear(Run *run, int i)
{
	g_autoptr(GByteArray) bytes = peer_take(run->clients[i]);
	for (guint at = 0; at < bytes->len; at++)
		g_string_append_printf(run->heard[i], "%02x", bytes->data[at]);
}

static void
come_in(Run *run, int i)
{
	bool auto_sync = run->world->auto_sync, lazy = run->world->lazy;
	run->world->lazy = false;
	world_sync(run->world);
	run->world->auto_sync = true;
	run->clients[i] = client_new(run->world);
	OK(do_auth(run->clients[i], "digest", i == 1 ? "u:p" : "v:q"));
	OK(do_add_watch(run->clients[i], "/", i == 0 ? 1 : 0));
	run->world->auto_sync = auto_sync;
	run->world->lazy = lazy;
}

static World *
history_world(void)
{
	World *world = world_new();
	world->settings->extended_types = true;
	world->settings->snap_count = 60;
	world->settings->container_check_ms = 0;
	world->quiet = true;
	world_start(world);
	return world;
}

/* More nodes than a snapshot takes in one turn. */
static void
plant(Run *run)
{
	Peer *peer = run->clients[0];
	for (int i = 0; i < 6; i++) {
		g_autofree char *top = g_strdup_printf("/n%d", i);
		OK(do_create(peer, top, "", 0));
		for (int j = 0; j < 60; j++) {
			g_autofree char *path = g_strdup_printf("/n%d/x", i);
			OK(do_create(peer, path, "x", 2));
		}
	}
	OK(do_create(peer, "/zookeeper/quota/n1", "", 0));
	OK(do_create(peer, "/zookeeper/quota/n1/zookeeper_limits", "count=5,bytes=100", 0));
	OK(do_create(peer, "/zookeeper/quota/n1/zookeeper_stats", "", 0));
}

static void
begin_run(Run *run)
{
	*run = (Run){.world = history_world()};
	for (int i = 0; i < CLIENTS; i++) {
		run->heard[i] = g_string_new(NULL);
		come_in(run, i);
	}
	plant(run);
}

static void
end_run(Run *run)
{
	for (int i = 0; i < CLIENTS; i++)
		g_string_free(run->heard[i], TRUE);
	world_free(run->world);
}

static void
one_write(Run *run, int i, int32_t op, const PdkBuffer *body, int32_t xid)
{
	PdkBuffer copy = {0};
	pdk_buffer_append(&copy, body->data, body->length);
	peer_request(run->clients[i], xid, op, &copy);
}

/* A client closes its session and another takes its place. */
static void
replace(Run *run, int i)
{
	peer_request(run->clients[i], 7, PDK_OP_CLOSE_SESSION, NULL);
	world_sync(run->world);
	hear(run, i);
	come_in(run, i);
}

/* The same writes to a server that syncs each one, and to one that lets them gather. */
static void
write_both(Run *slow, Run *fast, uint64_t seed, int count)
{
	PdkRandom requests = pdk_random(seed), chance = pdk_random(seed + 1000);
	PdkRandom *random = &requests;
	fast->world->auto_sync = false;
	fast->world->lazy = true;
	for (int n = 0; n < count; n++) {
		int i = (int)pdk_random_below(random, CLIENTS);
		int32_t op;
		if (pdk_random_below(random, 60) == 0) {
			world_sync(fast->world); /* the order of its ephemerals depends on what is applied */
			replace(slow, i);
			replace(fast, i);
			continue;
		}
		PdkBuffer body = random_write(random, &op);
		one_write(slow, i, op, &body, n);
		one_write(fast, i, op, &body, n);
		pdk_buffer_clear(&body);
		if (pdk_random_below(&chance, 8) == 0)
			world_sync_some(fast->world, (unsigned)pdk_random_below(&chance, 20));
	}
	fast->world->lazy = false;
	world_sync(fast->world);
}

static void
compare_recovered(World *world, WorldOrigin origin)
{
	g_autoptr(World) again = world_recovered(world, origin);
	g_autofree char *one = world_dump(world), *two = world_dump(again);
	if (strcmp(one, two) != 0) {
		g_auto(GStrv) a = g_strsplit(one, "\n", -1), b = g_strsplit(two, "\n", -1);
		for (guint i = 0; a[i] && b[i]; i++)
			if (strcmp(a[i], b[i]) != 0) {
				printf("\n  origin %d\n  live      %s\n  recovered %s\n", origin, a[i], b[i]);
				break;
			}
		CU_FAIL("the recovered server differs");
	}
	EQ(world_counter(again, "digest_mismatches_count"), 0);
	pdk_tree_check(again->server->tree);
}

static void
history_of(uint64_t seed)
{
	Run slow, fast;
	begin_run(&slow);
	begin_run(&fast);
	write_both(&slow, &fast, seed, 600);
	for (int i = 0; i < CLIENTS; i++) {
		hear(&slow, i);
		hear(&fast, i);
		CU_ASSERT_STRING_EQUAL(slow.heard[i]->str, fast.heard[i]->str);
	}
	g_autofree char *one = world_dump(slow.world), *two = world_dump(fast.world);
	CU_ASSERT_STRING_EQUAL(one, two);
	EQ(slow.world->txns->len, fast.world->txns->len);
	for (guint i = 0; i < MIN(slow.world->txns->len, fast.world->txns->len); i++)
		YES(g_bytes_equal(g_array_index(slow.world->txns, WorldTxn, i).txn,
				  g_array_index(fast.world->txns, WorldTxn, i).txn));
	YES(fast.world->snapshots >= 3);
	compare_recovered(slow.world, FROM_TXNS);
	compare_recovered(slow.world, FROM_SNAPSHOT);
	compare_recovered(fast.world, FROM_SNAPSHOT);
	EQ(fast.world->server->outstanding, 0);
	end_run(&slow);
	end_run(&fast);
}

static void
gathered_writes_equal_single_ones_and_survive_recovery(void)
{
	for (uint64_t seed = 1; seed <= 6; seed++)
		history_of(seed);
}

/*
 * The walk is stopped after every slice; the snapshot must hold the tree of its beginning, or recovery
 * differs.
 */
static void
snapshots_taken_amid_writes_are_whole(void)
{
	Run run;
	begin_run(&run);
	PdkRandom random = pdk_random(99);
	unsigned before = run.world->snapshots;
	run.world->lazy = true;
	for (int n = 0; run.world->snapshots < before + 6; n++) {
		int32_t op;
		int i = n % CLIENTS;
		PdkBuffer body = random_write(&random, &op);
		run.world->auto_sync = n % 7 == 0;
		if (n % 50 == 49)
			replace(&run, i); /* with writes in flight */
		one_write(&run, i, op, &body, n);
		pdk_buffer_clear(&body);
		if (run.world->snapshots > before && run.world->snapshot_being == NULL && n % 16 == 0)
			compare_recovered(run.world, FROM_SNAPSHOT);
	}
	end_run(&run);
}

/*
 * Java's snapshots are fuzzy: named by the zxid of their beginning, they hold some of what came later.
 * Replaying from that zxid on meets nodes that are there already, and some that are gone.
 */
static void
replay_on_a_fuzzy_snapshot_converges(void)
{
	for (uint64_t seed = 1; seed <= 6; seed++) {
		Run run;
		begin_run(&run);
		PdkRandom random = pdk_random(seed);
		int64_t begins = 0;
		run.world->settings->snap_count = 1000000;
		for (int n = 0; n < 400; n++) {
			int32_t op;
			if (n == 200)
				begins = pdk_server_last_zxid(run.world->server);
			PdkBuffer body = random_write(&random, &op);
			one_write(&run, n % CLIENTS, op, &body, n);
			pdk_buffer_clear(&body);
		}
		run.world->server->txns_since = 10000000; /* now */
		world_settle(run.world);
		EQ(run.world->snapshot_zxid, pdk_server_last_zxid(run.world->server));
		run.world->snapshot_zxid = begins; /* its name; the digest is of its end */
		compare_recovered(run.world, FROM_SNAPSHOT);
		end_run(&run);
	}
}

static void
a_digest_that_differs_is_counted_and_told_once(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	for (int i = 0; i < 5; i++)
		OK(do_set(peer, "/", "x", -1));
	WorldTxn *txn = &g_array_index(world->txns, WorldTxn, 2);
	size_t length;
	const uint8_t *bytes = g_bytes_get_data(txn->txn, &length);
	uint8_t *changed = g_memdup2(bytes, length);
	changed[length - 17] ^= 1; /* the version */
	g_bytes_unref(txn->txn);
	txn->txn = g_bytes_new_take(changed, length);
	g_autoptr(World) again = world_recovered(world, FROM_TXNS);
	EQ(world_counter(again, "digest_mismatches_count"), 1);
	YES(strstr(again->lines->str, "digest differs") != NULL);
}

static void
a_snapshot_that_is_given_up_leaves_nothing(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	OK(do_create(peer, "/e", "", 1));
	world->server->txns_since = 10000000;
	world_settle(world);
	g_autoptr(World) again = world_new();
	again->settings->extended_types = true;
	world_start(again);
	const PdkRecovery *recovery = pdk_server_recovery();
	g_autoptr(GError) error = NULL;
	size_t used;
	recovery->snapshot_begin(again->server, 9, world->snapshot->len);
	EQ(recovery->snapshot_part(again->server, world->snapshot->data, world->snapshot->len - 10, &used,
				   &error),
	   PDK_PART_MORE);
	recovery->snapshot_discard(again->server);
	EQ(pdk_sessions_count(again->server->sessions), 0);
	EQ(pdk_tree_node_count(again->server->tree), 1);
	recovery->snapshot_begin(again->server, 9, world->snapshot->len);
	g_autofree uint8_t *bad = g_memdup2(world->snapshot->data, world->snapshot->len);
	memset(bad, 0xff, world->snapshot->len);
	EQ(recovery->snapshot_part(again->server, bad, world->snapshot->len, &used, &error), PDK_PART_BAD);
	YES(error != NULL);
	recovery->snapshot_discard(again->server);
	recovery->empty(again->server);
	EQ(pdk_tree_digest(again->server->tree), 0x51c6d660);
}

static void
a_new_database_is_not_served_before_its_first_snapshot(void)
{
	g_autoptr(World) world = world_new();
	world->hold_snapshots = true;
	world_start(world);
	EQ(world->snapshots, 1);
	EQ(world->snapshot_zxid, 0);
	Peer *peer = peer_new(world, "127.0.0.1");
	NO(peer_hello(peer, 10000, 0, 0, NULL));
	EQ(world->txns->len, 0);
	world->hold_snapshots = false;
	world_settle(world);
	YES(peer_hello_answer(peer));
	g_autoptr(World) again = world_recovered(world, FROM_SNAPSHOT);
	EQ(pdk_tree_digest(again->server->tree), 0x51c6d660);
}

static void
a_first_snapshot_that_fails_stops_the_server(void)
{
	g_autoptr(World) world = world_new();
	world->hold_snapshots = true;
	world_start(world);
	PdkEvent event = {.kind = PDK_EVENT_SNAPSHOT_DONE, .snapshot = {0, "disk full"}};
	world_step(world, &event);
	YES(world->fatal != NULL && strstr(world->fatal, "disk full") != NULL);
}

static void
a_later_snapshot_that_fails_is_tried_again(void)
{
	g_autoptr(World) world = world_new();
	world->settings->snap_count = 10;
	world_start(world);
	Peer *peer = client_new(world);
	world->hold_snapshots = true;
	for (int i = 0; i < 12; i++)
		OK(do_set(peer, "/", "x", -1));
	EQ(world->snapshots, 2);
	world->done_due = false;
	PdkEvent event = {.kind = PDK_EVENT_SNAPSHOT_DONE, .snapshot = {world->snapshot_zxid, "no room"}};
	world_step(world, &event);
	YES(world->fatal == NULL);
	world->hold_snapshots = false;
	for (int i = 0; i < 12; i++)
		OK(do_set(peer, "/", "x", -1));
	YES(world->snapshots >= 3);
}

static void
what_was_not_durable_is_gone_after_a_crash(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	OK(do_create(peer, "/kept", "", 0));
	world->auto_sync = false;
	EQ(do_create(peer, "/lost", "", 0), CALL_PENDING);
	world_restart(world, FROM_TXNS);
	world->auto_sync = true;
	Peer *again = client_new(world);
	SAME(children_of(again, "/"), "kept zookeeper");
	OK(do_create(again, "/new", "", 0));
	EQ(again->zxid, 4);
	world_restart(world, FROM_SNAPSHOT);
	again = client_new(world);
	SAME(children_of(again, "/"), "kept new zookeeper");
}

static void
orphaned_ephemerals_are_closed_at_the_start(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	OK(do_create(peer, "/e", "", 1));
	g_array_remove_index(world->txns, 0); /* the history lost the session */
	world->synced--;
	world_restart(world, FROM_TXNS);
	EQ(pdk_tree_find(world->server->tree, "/e", 2), 0);
	EQ(world->txns->len, 2); /* by a txn of its own */
	compare_recovered(world, FROM_TXNS);
}

static void
a_txn_nobody_knows_fails_recovery(void)
{
#define HEAD "0100001bd5810000 00000000 0000000000000001 00000000001bd581 "
	static const char *const bad[] = {
		HEAD "0000000d 00000002 2f61 00000000", /* a check by itself */
		HEAD "00000063",
		HEAD "00000001 00000002 2f61",
		HEAD "0000000e 00000001 00000063 00000000",
		"0100001bd5810000 00000000",
		"",
	};
	for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(World) world = world_running();
		g_autoptr(World) again = world_recovered(world, FROM_TXNS);
		g_autoptr(GByteArray) bytes = bytes_of_hex(bad[i]);
		g_autoptr(GError) error = NULL;
		NO(pdk_server_recovery()->txn(again->server, 1, bytes->data, bytes->len, &error));
		YES(error != NULL);
	}
}

int
main(void)
{
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 99;
	CU_pSuite suite = CU_add_suite("recovery", NULL, NULL);
	CASE(txns_are_the_worked_log_records);
	CASE(records_of_every_type_are_the_sheets);
	CASE(a_refusal_is_a_txn_with_a_zxid_of_its_own_and_no_digest);
	CASE(digests_are_left_out_where_they_are_switched_off);
	CASE(gathered_writes_equal_single_ones_and_survive_recovery);
	CASE(snapshots_taken_amid_writes_are_whole);
	CASE(replay_on_a_fuzzy_snapshot_converges);
	CASE(a_digest_that_differs_is_counted_and_told_once);
	CASE(a_snapshot_that_is_given_up_leaves_nothing);
	CASE(a_new_database_is_not_served_before_its_first_snapshot);
	CASE(a_first_snapshot_that_fails_stops_the_server);
	CASE(a_later_snapshot_that_fails_is_tried_again);
	CASE(what_was_not_durable_is_gone_after_a_crash);
	CASE(orphaned_ephemerals_are_closed_at_the_start);
	CASE(a_txn_nobody_knows_fails_recovery);
	return run_suite();
}

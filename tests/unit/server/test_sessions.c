/* SPDX-License-Identifier: Apache-2.0 */
/* Proves how sessions begin, move, expire and end, on a clock that goes only when told. */
#include "suite.h"
#include "world.h"

#define TICK 3000

/* ---- expiry ---- */

static void
a_session_expires_when_its_bucket_comes_and_not_before(void)
{
	g_autoptr(World) world = world_running(); /* the clock stands at 5000000 ms */
	Peer *peer = client_new(world);
	OK(do_create(peer, "/e", "", 1));
	int64_t bucket = ((world->now_us / 1000 + 10000) / TICK + 1) * TICK;
	world_advance(world, bucket - world->now_us / 1000 - 1);
	YES(peer->open);
	EQ(pdk_sessions_count(world->server->sessions), 1);
	world_advance(world, 1);
	NO(peer->open);
	NO(peer->flushed);
	YES(peer_got_nothing(peer)); /* cut without a word */
	EQ(pdk_sessions_count(world->server->sessions), 0);
	Peer *witness = client_new(world);
	EQ(do_exists(witness, "/e", false), PDK_ERR_NO_NODE);
	EQ(world_counter(world, "stale_sessions_expired"), 1);
}

static void
any_request_keeps_a_session_alive(void)
{
	g_autoptr(World) world = world_running();
	Peer *pinging = client_new(world), *reading = client_new(world), *silent = client_new(world);
	for (int i = 0; i < 10; i++) {
		world_advance(world, 5000);
		OK(do_exists(reading, "/", false));
		peer_send_hex(pinging, "00000008 fffffffe 0000000b");
	}
	YES(pinging->open && reading->open);
	NO(silent->open);
}

static void
an_auth_packet_does_not_keep_a_session_alive(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	for (int i = 0; i < 3; i++) {
		world_advance(world, 4000);
		OK(do_auth(peer, "digest", "a:b"));
	}
	world_advance(world, 4000);
	NO(peer->open);
}

static void
expiry_deletes_the_ephemerals_in_one_txn(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world), *witness = peer_new(world, "127.0.0.1");
	YES(peer_hello(witness, 60000, 0, 0, NULL));
	OK(do_create(peer, "/p", "", 0));
	OK(do_create(peer, "/p/a", "", 1));
	OK(do_create(peer, "/p/b", "", 1));
	guint n = world->txns->len;
	world_advance(world, 14000);
	EQ(world->txns->len, n + 1);
	SAME(children_of(witness, "/p"), "");
	EQ(stat_of(witness, "/p").pzxid, g_array_index(world->txns, WorldTxn, n).zxid);
	EQ(stat_of(witness, "/p").cversion, 4);
}

static void
what_comes_while_an_expiry_is_on_its_way_is_dropped(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	world->auto_sync = false;
	world_advance(world, 14000);
	YES(peer->open); /* the closeSession is not durable yet */
	EQ(do_exists(peer, "/", false), CALL_PENDING);
	EQ(do_create(peer, "/late", "", 0), CALL_PENDING);
	Peer *again = client_again(world, peer, 10000);
	EQ(again->session, 0);
	NO(again->open);
	world_sync(world);
	NO(peer->open);
	YES(peer_got_nothing(peer));
	EQ(pdk_tree_find(world->server->tree, "/late", 5), 0);
}

/* ---- closing ---- */

static void
close_session_is_answered_and_then_the_connection_ends(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world), *witness = client_new(world);
	OK(do_create(peer, "/e", "", 1));
	OK(do_exists(witness, "/e", true));
	OK(do_close(peer));
	EQ(peer->zxid, 4);
	EQ(pdk_jute_left(&peer->body), 0);
	NO(peer->open);
	YES(peer->flushed);
	SAME(peer_events(witness), "2 /e;");
	Peer *again = client_again(world, peer, 10000);
	EQ(again->session, 0);
}

static void
requests_behind_close_session_are_dropped(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	PdkBuffer out = {0}, body = body_create("/late", "", OPEN, 0);
	put_request(&out, 1, PDK_OP_CLOSE_SESSION, NULL);
	put_request(&out, 2, PDK_OP_PING, NULL);
	put_request(&out, 3, PDK_OP_CREATE, &body);
	put_request(&out, 4, PDK_OP_CLOSE_SESSION, NULL);
	peer_send(peer, out.data, out.length);
	pdk_buffer_clear(&out);
	pdk_buffer_clear(&body);
	YES(peer_reply(peer));
	EQ(peer->reply_xid, 1);
	NO(peer_reply(peer));
	NO(peer->open);
}

/* Ephemerals of a session whose creates and deletes are still in flight when it closes. */
static void
close_session_counts_with_what_is_pending(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world), *other = client_new(world);
	OK(do_create(peer, "/old", "", 1));
	OK(do_create(peer, "/taken", "", 1));
	world->auto_sync = false;
	EQ(do_create(peer, "/new", "", 1), CALL_PENDING);
	EQ(do_delete(other, "/taken", -1), CALL_PENDING);
	EQ(do_create(other, "/taken", "", 0), CALL_PENDING); /* it belongs to nobody now */
	EQ(do_close(peer), CALL_PENDING);
	world_sync(world);
	world->auto_sync = true;
	g_byte_array_unref(peer_take(other));
	SAME(children_of(other, "/"), "taken zookeeper");
	const WorldTxn *txn = &g_array_index(world->txns, WorldTxn, world->txns->len - 1);
	size_t length;
	const uint8_t *bytes = g_bytes_get_data(txn->txn, &length);
	PdkJute in = pdk_jute(bytes + 32, length - 32, INT32_MAX);
	EQ(pdk_get_int(&in), 2); /* paths2Delete */
	SAME(get_text(&in), "/old");
	SAME(get_text(&in), "/new");
	EQ(pdk_jute_left(&in), 12);
}

static void
ephemerals_deleted_and_made_again_in_flight_go_once(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	OK(do_create(peer, "/e", "", 1));
	world->auto_sync = false;
	for (int i = 0; i < 3; i++) {
		EQ(do_delete(peer, "/e", -1), CALL_PENDING);
		EQ(do_create(peer, "/e", "", 1), CALL_PENDING);
	}
	EQ(do_close(peer), CALL_PENDING);
	world_sync(world);
	EQ(pdk_tree_find(world->server->tree, "/e", 2), 0);
}

/* ---- coming back ---- */

static void
a_session_comes_back_with_its_password(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	OK(do_create(peer, "/e", "", 1));
	peer_hang_up(peer);
	world_advance(world, 9000);
	Peer *again = client_again(world, peer, 20000);
	EQ(again->session, peer->session);
	EQ(again->timeout_ms, 20000);
	EQ(memcmp(again->password, peer->password, PDK_SESSION_PASSWORD), 0);
	EQ(stat_of(again, "/e").owner, peer->session);
	world_advance(world, 19000); /* the new timeout counts, from the coming back on */
	YES(again->open);
	EQ(pdk_sessions_find(world->server->sessions, peer->session)->recorded_timeout_ms, 10000);
	EQ(world->txns->len, 2); /* no txn for it */
}

static void
moving_cuts_the_old_connection(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	OK(do_get(peer, "/", true));
	Peer *again = client_again(world, peer, 10000);
	EQ(again->session, peer->session);
	NO(peer->open);
	YES(again->open);
	OK(do_set(again, "/", "x", -1));
	SAME(peer_events(again), ""); /* watches belong to the connection */
	EQ(pdk_watches_count(world->server->watches), 0);
	peer_hang_up(again);
	YES(pdk_sessions_find(world->server->sessions, peer->session) != NULL);
}

static void
writes_of_the_old_connection_are_done_though_nobody_hears(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	world->auto_sync = false;
	EQ(do_create(peer, "/a", "", 0), CALL_PENDING);
	Peer *again = client_again(world, peer, 10000);
	EQ(again->session, peer->session);
	EQ(do_exists(again, "/a", false), PDK_ERR_NO_NODE); /* not its own connection's write */
	world_sync(world);
	YES(peer_got_nothing(peer));
	world->auto_sync = true;
	OK(do_exists(again, "/a", false));
	EQ(world->server->outstanding, 0);
}

static bool
is_refused(World *world, int64_t session, const uint8_t *password, int32_t length)
{
	PdkBuffer out = {0};
	pdk_put_int(&out, 29 + length);
	pdk_put_int(&out, 0);
	pdk_put_long(&out, 0);
	pdk_put_int(&out, 10000);
	pdk_put_long(&out, session);
	pdk_put_bytes(&out, password, length);
	pdk_put_bool(&out, false);
	Peer *peer = peer_new(world, "127.0.0.1");
	peer_send(peer, out.data, out.length);
	pdk_buffer_clear(&out);
	return peer_got_hex(peer, "00000025 00000000 00000000 0000000000000000 00000010 "
				  "00000000000000000000000000000000 00") &&
	       !peer->open && peer->flushed;
}

static void
a_wrong_password_is_refused_and_the_owner_hears_nothing_of_it(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	uint8_t password[17] = {0};
	YES(is_refused(world, peer->session, password, 16));
	memcpy(password, peer->password, 16);
	password[15] ^= 1;
	YES(is_refused(world, peer->session, password, 16));
	YES(is_refused(world, peer->session, peer->password, 15));
	memcpy(password, peer->password, 16);
	YES(is_refused(world, peer->session, password, 17));
	YES(is_refused(world, peer->session, password, 0));
	YES(peer->open);
	OK(do_exists(peer, "/", false));
}

static void
an_unknown_session_is_refused(void)
{
	g_autoptr(World) world = world_running();
	uint8_t password[PDK_SESSION_PASSWORD];
	pdk_session_password(0x1234567, password);
	YES(is_refused(world, 0x1234567, password, 16));
	YES(is_refused(world, -1, password, 16));
}

static void
session_ids_follow_one_another(void)
{
	g_autoptr(World) world = world_running();
	Peer *one = client_new(world), *two = client_new(world);
	EQ(two->session, one->session + 1);
	EQ((uint64_t)one->session >> 56, 1);
}

static void
after_a_restart_sessions_have_a_full_timeout(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	OK(do_create(peer, "/e", "", 1));
	world->now_us += INT64_C(3600000000); /* the server was down for an hour */
	world_restart(world, FROM_TXNS);
	world_advance(world, 9000);
	Peer *again = client_again(world, peer, 10000);
	EQ(again->session, peer->session);
	EQ(stat_of(again, "/e").owner, peer->session);
	world_restart(world, FROM_TXNS);
	world_advance(world, 14000);
	EQ(pdk_tree_find(world->server->tree, "/e", 2), 0);
}

static void
a_client_gone_before_its_session_was_made_harms_nothing(void)
{
	g_autoptr(World) world = world_running();
	world->auto_sync = false;
	PdkBuffer out = {0};
	put_hello(&out, 10000, 0, 0, NULL);
	Peer *peer = peer_new(world, "127.0.0.1");
	peer_send(peer, out.data, out.length);
	pdk_buffer_clear(&out);
	peer_hang_up(peer);
	world_sync(world);
	EQ(pdk_sessions_count(world->server->sessions), 1);
	EQ(world->server->outstanding, 0);
	world->auto_sync = true;
	world_advance(world, 14000);
	EQ(pdk_sessions_count(world->server->sessions), 0);
}

static void
stand_alone_no_session_is_local_and_nothing_is_read_only(void)
{
	g_autoptr(World) world = world_new();
	world->settings->local_sessions = world->settings->read_only_mode = true;
	world_start(world);
	world_advance(world, 10000);
	guint n = world->txns->len;
	Peer *peer = client_new(world);
	EQ(world->txns->len, n + 1);
	EQ(pdk_sessions_count(world->server->local_sessions), 0);
	OK(do_create(peer, "/e", "", 1));
	OK(do_close(peer));
	EQ(world->txns->len, n + 3);
}

static void
many_sessions_expire_in_their_own_buckets(void)
{
	g_autoptr(World) world = world_running();
	world->settings->max_client_cnxns = 0;
	Peer *peers[40];
	for (int i = 0; i < 40; i++) {
		peers[i] = peer_new(world, "127.0.0.1");
		YES(peer_hello(peers[i], 6000 + i * 1000, 0, 0, NULL));
	}
	int64_t begin = world->now_us / 1000;
	for (int second = 0; second < 60; second++) {
		world_advance(world, 1000);
		for (int i = 0; i < 40; i++) {
			int64_t bucket = ((begin + 6000 + i * 1000) / TICK + 1) * TICK;
			EQ(peers[i]->open, world->now_us / 1000 < bucket);
		}
	}
}

int
main(void)
{
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 99;
	CU_pSuite suite = CU_add_suite("sessions", NULL, NULL);
	CASE(a_session_expires_when_its_bucket_comes_and_not_before);
	CASE(any_request_keeps_a_session_alive);
	CASE(an_auth_packet_does_not_keep_a_session_alive);
	CASE(expiry_deletes_the_ephemerals_in_one_txn);
	CASE(what_comes_while_an_expiry_is_on_its_way_is_dropped);
	CASE(close_session_is_answered_and_then_the_connection_ends);
	CASE(requests_behind_close_session_are_dropped);
	CASE(close_session_counts_with_what_is_pending);
	CASE(ephemerals_deleted_and_made_again_in_flight_go_once);
	CASE(a_session_comes_back_with_its_password);
	CASE(moving_cuts_the_old_connection);
	CASE(writes_of_the_old_connection_are_done_though_nobody_hears);
	CASE(a_wrong_password_is_refused_and_the_owner_hears_nothing_of_it);
	CASE(an_unknown_session_is_refused);
	CASE(session_ids_follow_one_another);
	CASE(after_a_restart_sessions_have_a_full_timeout);
	CASE(a_client_gone_before_its_session_was_made_harms_nothing);
	CASE(stand_alone_no_session_is_local_and_nothing_is_read_only);
	CASE(many_sessions_expire_in_their_own_buckets);
	return run_suite();
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proves the order of answers, and who is held back when there is too much: limits, slow readers, large
 * requests, stopping.
 */
#include "suite.h"
#include "world.h"

/* ---- order ---- */

static void
a_reply_waits_for_its_txn_to_be_durable(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	world->auto_sync = false;
	EQ(do_create(peer, "/a", "", 0), CALL_PENDING);
	EQ(do_delete(peer, "/no", -1), CALL_PENDING); /* a refusal, too */
	YES(peer_got_nothing(peer));
	world_sync_some(world, 1);
	YES(peer_reply(peer));
	EQ(peer->err, PDK_OK);
	NO(peer_reply(peer));
	world_sync(world);
	YES(peer_reply(peer));
	EQ(peer->err, PDK_ERR_NO_NODE);
}

static void
reads_wait_behind_own_writes_and_not_behind_others(void)
{
	g_autoptr(World) world = world_running();
	Peer *writer = client_new(world), *reader = client_new(world);
	world->auto_sync = false;
	EQ(do_create(writer, "/a", "", 0), CALL_PENDING);
	EQ(do_exists(writer, "/a", false), CALL_PENDING);
	peer_request(writer, -2, PDK_OP_PING, NULL);
	EQ(do_exists(reader, "/a", false), PDK_ERR_NO_NODE);
	EQ(reader->zxid, 2);
	YES(peer_got_nothing(writer));
	world_sync(world);
	YES(peer_reply(writer) && writer->reply_xid == 1 && writer->zxid == 3);
	YES(peer_reply(writer) && writer->reply_xid == 2 && writer->err == PDK_OK);
	YES(peer_reply(writer) && writer->reply_xid == -2);
	EQ(world->server->outstanding, 0);
}

/* Reads and writes of one client as they come, every read sees exactly its own writes before it. */
static void
replies_come_in_the_order_of_the_requests(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	OK(do_create(peer, "/a", "", 0));
	world->auto_sync = false;
	PdkRandom random = pdk_random(3);
	int expected[300];
	int sets = 0;
	for (int i = 0; i < 300; i++) {
		bool write = pdk_random_below(&random, 3) == 0;
		PdkBuffer body = write ? body_set("/a", "x", -1) : body_path_bool("/a", false);
		sets += write;
		expected[i] = sets;
		peer_request(peer, i, write ? PDK_OP_SET_DATA : PDK_OP_EXISTS, &body);
		if (pdk_random_below(&random, 10) == 0)
			world_sync_some(world, (unsigned)pdk_random_below(&random, 4));
	}
	world_sync(world);
	for (int i = 0; i < 300; i++) {
		YES(peer_reply(peer) && peer->reply_xid == i && peer->err == PDK_OK);
		EQ(get_stat(&peer->body).version, expected[i]);
	}
	EQ(world->server->outstanding, 0);
}

static void
sync_waits_for_what_others_proposed_before_it(void)
{
	g_autoptr(World) world = world_running();
	Peer *writer = client_new(world), *reader = client_new(world);
	world->auto_sync = false;
	EQ(do_create(writer, "/a", "", 0), CALL_PENDING);
	PdkBuffer body = body_path("/a");
	EQ(call(reader, PDK_OP_SYNC, &body), CALL_PENDING);
	EQ(do_exists(reader, "/a", false), CALL_PENDING); /* in its turn */
	EQ(do_create(writer, "/b", "", 0), CALL_PENDING);
	world_sync_some(world, 1);
	YES(peer_reply(reader) && reader->reply_xid == 1 && reader->err == PDK_OK && reader->zxid == 3);
	SAME(get_text(&reader->body), "/a");
	YES(peer_reply(reader) && reader->reply_xid == 2 && reader->err == PDK_OK);
	world_sync(world);
}

static void
auth_is_answered_at_once_and_may_overtake(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	world->auto_sync = false;
	peer_request(peer, 1, PDK_OP_SET_DATA, &(PdkBuffer){0});
	PdkBuffer body = {0};
	pdk_put_int(&body, 0);
	pdk_put_string(&body, "digest");
	pdk_put_string(&body, "u:p");
	peer_request(peer, -4, PDK_OP_AUTH, &body);
	YES(peer_reply(peer) && peer->reply_xid == -4 && peer->err == PDK_OK && peer->zxid == 0);
	world_sync(world);
	YES(peer_reply(peer) && peer->reply_xid == 1 && peer->err == PDK_ERR_MARSHALLING);
}

static void
a_client_that_hangs_up_leaves_nothing_behind(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world), *witness = client_new(world);
	world->auto_sync = false;
	for (int i = 0; i < 50; i++) {
		PdkBuffer body = i % 3 ? body_path_bool("/", true) : body_set("/", "x", -1);
		peer_request(peer, i, i % 3 ? PDK_OP_GET_DATA : PDK_OP_SET_DATA, &body);
	}
	world_sync_some(world, 5);
	peer_hang_up(peer);
	world_sync(world);
	EQ(world->server->outstanding, 0);
	EQ(pdk_watches_count(world->server->watches), 0);
	OK(do_exists(witness, "/", false));
	EQ(get_stat(&witness->body).version, 17); /* what was taken was done */
}

/* ---- limits ---- */

static void
connections_of_one_address_are_limited(void)
{
	g_autoptr(World) world = world_running();
	world->settings->max_client_cnxns = 2;
	Peer *one = peer_new(world, "10.0.0.1"), *two = peer_new(world, "10.0.0.1");
	YES(one != NULL && two != NULL);
	YES(peer_new(world, "10.0.0.1") == NULL);
	YES(peer_new(world, "10.0.0.2") != NULL);
	EQ(world_counter(world, "connection_rejected"), 1);
	peer_hang_up(two);
	YES(peer_new(world, "10.0.0.1") != NULL);
	YES(peer_new(world, "10.0.0.1") == NULL);
	world->settings->max_client_cnxns = 0;
	YES(peer_new(world, "10.0.0.1") != NULL);
}

static void
connections_are_limited_in_all(void)
{
	g_autoptr(World) world = world_running();
	world->settings->max_cnxns = 2;
	Peer *one = peer_new(world, "10.0.0.1");
	YES(peer_new(world, "10.0.0.2") != NULL);
	YES(peer_new(world, "10.0.0.3") == NULL);
	peer_hang_up(one);
	YES(peer_new(world, "10.0.0.3") != NULL);
}

static void
a_connection_without_a_session_is_closed_in_time(void)
{
	g_autoptr(World) world = world_running(); /* the clock stands at 5000000 ms: buckets of 10000 */
	Peer *silent = peer_new(world, "127.0.0.1"), *typing = peer_new(world, "127.0.0.1");
	Peer *client = client_new(world);
	world_advance(world, 10000);
	peer_send_hex(typing, "00");
	world_advance(world, 9999);
	YES(silent->open);
	world_advance(world, 1);
	NO(silent->open);
	YES(typing->open);
	world_advance(world, 10000);
	NO(typing->open);
	NO(client->open); /* its session expired */
	EQ(world_counter(world, "sessionless_connections_expired"), 2);
}

static void
over_the_limit_of_outstanding_requests_clients_wait(void)
{
	g_autoptr(World) world = world_running();
	world->settings->global_outstanding_limit = 10;
	Peer *peer = client_new(world), *other = client_new(world);
	world->auto_sync = false;
	PdkBuffer out = {0};
	for (int i = 0; i < 100; i++) {
		PdkBuffer body = body_set("/", "x", -1);
		put_request(&out, i, PDK_OP_SET_DATA, &body);
		pdk_buffer_clear(&body);
	}
	peer_send(peer, out.data, out.length);
	pdk_buffer_clear(&out);
	EQ(world->txns->len, 2 + 11);
	EQ(do_exists(other, "/", false), PDK_OK); /* one that owes nothing is served */
	EQ(do_set(other, "/", "y", -1), CALL_PENDING);
	int32_t heard = 0;
	while (world->synced < world->txns->len) {
		YES(world->server->outstanding <= 13);
		world_sync_some(world, 3);
		while (peer_reply(peer))
			EQ(peer->reply_xid, heard++);
	}
	EQ(heard, 100); /* nothing was refused */
	EQ(world->server->outstanding, 0);
	YES(peer_reply(other));
}

static void
large_requests_are_limited_together(void)
{
	g_autoptr(World) world = world_running();
	world->settings->large_request_threshold = 1000;
	world->settings->large_request_max_bytes = 5000;
	Peer *one = client_new(world), *two = client_new(world), *three = client_new(world);
	g_autofree char *data = g_strnfill(2000, 'x');
	world->auto_sync = false;
	EQ(do_set(one, "/", data, -1), CALL_PENDING);
	EQ(do_set(two, "/", data, -1), CALL_PENDING);
	EQ(do_set(three, "/", "small", -1), CALL_PENDING);
	EQ(do_set(three, "/", data, -1), CALL_CLOSED);
	EQ(world_counter(world, "large_requests_rejected"), 1);
	world_sync(world);
	EQ(world->server->large_bytes, 0);
	YES(peer_reply(one) && one->err == PDK_OK);
	YES(peer_reply(two) && two->err == PDK_OK);
	EQ(do_set(two, "/", data, -1), CALL_PENDING);
	world_sync(world);
	EQ(world->server->large_bytes, 0);
}

static void
a_large_request_of_one_who_left_is_counted_off(void)
{
	g_autoptr(World) world = world_running();
	world->settings->large_request_threshold = 1000;
	Peer *peer = client_new(world);
	g_autofree char *data = g_strnfill(2000, 'x');
	world->auto_sync = false;
	EQ(do_set(peer, "/", data, -1), CALL_PENDING);
	EQ(do_get(peer, data, false), CALL_PENDING); /* a large read, waiting */
	YES(world->server->large_bytes > 4000);
	peer_hang_up(peer);
	YES(world->server->large_bytes < 4000);
	world_sync(world);
	EQ(world->server->large_bytes, 0);
}

static void
new_sessions_are_throttled_by_tokens(void)
{
	g_autoptr(World) world = world_new();
	world->settings->connection_throttle_tokens = 2;
	world->settings->connection_throttle_fill_ms = 100;
	world->settings->connection_throttle_fill_count = 1;
	world_start(world);
	client_new(world);
	client_new(world);
	Peer *peer = peer_new(world, "127.0.0.1");
	NO(peer_hello(peer, 10000, 0, 0, NULL));
	NO(peer->open);
	YES(peer_got_nothing(peer));
	world_advance(world, 100);
	client_new(world);
}

/* Requests that waited too long are refused unworked, and in their turn. */
static void
what_waited_too_long_is_refused_in_its_turn(void)
{
	g_autoptr(World) world = world_running();
	world->settings->global_outstanding_limit = 1;
	world->settings->throttled_op_wait_ms = 1000;
	Peer *peer = client_new(world);
	world->auto_sync = false;
	PdkBuffer out = {0}, body = body_set("/", "x", -1);
	for (int i = 0; i < 4; i++)
		put_request(&out, i, PDK_OP_SET_DATA, &body);
	put_request(&out, -2, PDK_OP_PING, NULL);
	peer_send(peer, out.data, out.length);
	pdk_buffer_clear(&out);
	pdk_buffer_clear(&body);
	EQ(world->txns->len, 3); /* two were taken, the others lie unread */
	world_advance(world, 2000);
	world_sync_some(world, 1);
	world_sync(world);
	YES(peer_reply(peer) && peer->reply_xid == 0 && peer->err == PDK_OK);
	YES(peer_reply(peer) && peer->reply_xid == 1 && peer->err == PDK_OK);
	YES(peer_reply(peer) && peer->reply_xid == 2 && peer->err == PDK_ERR_THROTTLED_OP);
	YES(peer_reply(peer) && peer->reply_xid == 3);
	YES(peer_reply(peer) && peer->reply_xid == -2);
	EQ(world->server->outstanding, 0);
	world->auto_sync = true;
	OK(do_set(peer, "/", "y", -1));
}

static void
the_request_throttle_is_the_lower_limit(void)
{
	g_autoptr(World) world = world_running();
	world->settings->request_throttle_max = 5;
	Peer *peer = client_new(world);
	world->auto_sync = false;
	for (int i = 0; i < 20; i++) {
		PdkBuffer body = body_set("/", "x", -1);
		peer_request(peer, i, PDK_OP_SET_DATA, &body);
	}
	EQ(world->txns->len, 1 + 6);
	world_sync(world);
	for (int i = 0; i < 20; i++)
		YES(peer_reply(peer) && peer->reply_xid == i && peer->err == PDK_OK);
}

static void
thousands_of_txns_may_be_in_flight(void)
{
	enum { MANY = 12000 };
	g_autoptr(World) world = world_running();
	world->check = false;
	world->settings->global_outstanding_limit = MANY * 2;
	Peer *peer = client_new(world), *other = client_new(world);
	world->auto_sync = false;
	PdkBuffer out = {0}, body = body_create("/s", "", OPEN, 3),
		  get = body_path_bool("/s0000000000", false);
	for (int i = 0; i < MANY; i++) {
		put_request(&out, i * 2, PDK_OP_CREATE, &body);
		put_request(&out, i * 2 + 1, PDK_OP_EXISTS, &get);
	}
	peer_send(peer, out.data, out.length);
	pdk_buffer_clear(&out);
	pdk_buffer_clear(&body);
	pdk_buffer_clear(&get);
	EQ(world->txns->len, MANY + 2);
	OK(do_exists(other, "/", false));
	for (int i = 0; i < 11; i++)
		world_sync_some(world, 1000);
	pdk_server_check(world->server);
	world_sync(world);
	for (int i = 0; i < MANY * 2; i++)
		YES(peer_reply(peer) && peer->reply_xid == i && peer->err == PDK_OK);
	EQ(pdk_tree_ephemeral_count(world->server->tree), MANY);
	pdk_server_check(world->server);
	world->auto_sync = true;
	OK(do_close(peer));
	EQ(pdk_tree_ephemeral_count(world->server->tree), 0);
	pdk_server_check(world->server);
}

/* ---- slow readers ---- */

/* A node of a megabyte, and @n reads of it in one go. */
static void
ask_much(Peer *peer, int n, bool write_first)
{
	PdkBuffer out = {0}, body = body_path_bool("/big", false), write = body_set("/", "x", -1);
	if (write_first)
		put_request(&out, 1000, PDK_OP_SET_DATA, &write);
	for (int i = 0; i < n; i++)
		put_request(&out, i, PDK_OP_GET_DATA, &body);
	peer_send(peer, out.data, out.length);
	pdk_buffer_clear(&out);
	pdk_buffer_clear(&body);
	pdk_buffer_clear(&write);
}

static World *
big_world(void)
{
	World *world = world_running();
	Peer *peer = client_new(world);
	g_autofree char *data = g_strnfill(1000000, 'x');
	OK(do_create(peer, "/big", data, 0));
	return world;
}

static void
a_reader_gets_everything_however_much(void)
{
	g_autoptr(World) world = big_world();
	Peer *peer = client_new(world);
	ask_much(peer, 100, false); /* the transport takes all of it at once */
	for (int i = 0; i < 100; i++)
		YES(peer_reply(peer) && peer->reply_xid == i);
	YES(peer->open);
}

static void
one_that_does_not_read_is_not_read_from(void)
{
	enum { REQUESTS = 9000 };
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world), *other = client_new(world);
	g_autofree char *data = g_strnfill(50000, 'x');
	OK(do_create(peer, "/mid", data, 0));
	world->check = false;
	peer_stop_reading(peer);
	for (int i = 0; i < REQUESTS; i++) {
		PdkBuffer body = body_path_bool("/mid", false);
		peer_request(peer, i, PDK_OP_GET_DATA, &body);
	}
	YES(peer->paused);
	YES(peer->unsent->len < 3 * MIB);
	YES(world->server->connections[(uint32_t)peer->link]->input.length < 256 * KIB);
	OK(do_exists(other, "/mid", false));
	int32_t heard = 0;
	for (int round = 0; round < REQUESTS && heard < REQUESTS; round++) {
		peer_read_on(peer);
		peer_stop_reading(peer);
		while (peer_reply(peer))
			EQ(peer->reply_xid, heard++);
		g_byte_array_remove_range(peer->inbox, 0, peer->inbox_at);
		peer->inbox_at = 0;
	}
	EQ(heard, REQUESTS);
	YES(peer->open);
	NO(peer->paused);
}

static void
a_reader_behind_its_own_write_is_not_taken_for_a_slow_one(void)
{
	g_autoptr(World) world = big_world();
	Peer *peer = client_new(world);
	peer_stop_reading(peer); /* the kernel takes its time */
	ask_much(peer, 40, true);
	YES(peer->open);
	for (int round = 0; round < 100; round++) {
		peer_read_on(peer);
		peer_stop_reading(peer);
	}
	YES(peer_reply(peer) && peer->reply_xid == 1000);
	for (int i = 0; i < 40; i++)
		YES(peer_reply(peer) && peer->reply_xid == i);
	YES(peer->open);
}

static void
one_reply_may_be_larger_than_any_limit(void)
{
	g_autoptr(World) world = world_running();
	world->check = false;
	Peer *peer = client_new(world);
	PdkTree *tree = world->server->tree;
	PdkStat stat = {0};
	for (int i = 0; i < 90000; i++) {
		char name[220];
		int length = snprintf(name, sizeof name, "%0200d", i);
		pdk_tree_insert(tree, pdk_tree_root(tree), name, (size_t)length, NULL, -1, PDK_ACL_OPEN,
				&stat);
	}
	peer_stop_reading(peer);
	EQ(do_children(peer, "/", false), CALL_PENDING);
	YES(peer->open);
	YES(peer->unsent->len > 17 * MIB);
	peer_read_on(peer);
	YES(peer_reply(peer));
	EQ(pdk_get_int(&peer->body), 90001);
}

static void
one_that_never_reads_its_events_is_closed(void)
{
	g_autoptr(World) world = world_running();
	world->check = false;
	Peer *watcher = client_new(world), *writer = client_new(world);
	g_autofree char *name = g_strnfill(60000, 'n');
	g_autofree char *path = g_strconcat("/", name, NULL);
	OK(do_add_watch(watcher, "/", 1));
	OK(do_create(writer, path, "", 0));
	peer_stop_reading(watcher);
	for (int i = 0; i < 1000 && watcher->open; i++)
		OK(do_set(writer, path, "", -1));
	NO(watcher->open);
	YES(watcher->unsent->len < 18 * MIB);
	YES(watcher->unsent->len > 14 * MIB);
	OK(do_exists(writer, "/", false));
}

static void
one_that_reads_its_events_is_not_closed(void)
{
	g_autoptr(World) world = world_running();
	world->check = false;
	Peer *watcher = client_new(world), *writer = client_new(world);
	g_autofree char *name = g_strnfill(60000, 'n');
	g_autofree char *path = g_strconcat("/", name, NULL);
	OK(do_add_watch(watcher, "/", 1));
	OK(do_create(writer, path, "", 0));
	for (int i = 0; i < 600; i++) {
		OK(do_set(writer, path, "", -1));
		g_byte_array_set_size(watcher->inbox, 0);
	}
	YES(watcher->open);
}

static void
requests_without_end_do_not_starve_others(void)
{
	g_autoptr(World) world = world_running();
	Peer *busy = client_new(world);
	PdkBuffer out = {0}, body = body_path_bool("/", false);
	for (int i = 0; i < 5000; i++)
		put_request(&out, i, PDK_OP_EXISTS, &body);
	world->lazy = true;
	peer_send(busy, out.data, out.length);
	guint served = 0;
	while (peer_reply(busy))
		served++;
	YES(served >= 64 && served <= 64 * 3);
	YES(world->again);
	world->lazy = false;
	world_settle(world);
	while (peer_reply(busy))
		served++;
	EQ(served, 5000);
	pdk_buffer_clear(&out);
	pdk_buffer_clear(&body);
}

/* ---- stopping ---- */

static void
stopping_answers_what_is_proposed(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	world->auto_sync = false;
	EQ(do_create(peer, "/a", "", 0), CALL_PENDING);
	PdkEvent event = {.kind = PDK_EVENT_STOP};
	world_step(world, &event);
	NO(world->stopped);
	YES(peer_new(world, "127.0.0.1") == NULL);
	world_sync(world);
	YES(world->stopped);
	YES(peer_reply(peer) && peer->err == PDK_OK);
}

static void
an_idle_server_stops_at_once(void)
{
	g_autoptr(World) world = world_running();
	PdkEvent event = {.kind = PDK_EVENT_STOP};
	world_step(world, &event);
	YES(world->stopped);
}

int
main(void)
{
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 99;
	CU_pSuite suite = CU_add_suite("flow", NULL, NULL);
	CASE(a_reply_waits_for_its_txn_to_be_durable);
	CASE(reads_wait_behind_own_writes_and_not_behind_others);
	CASE(replies_come_in_the_order_of_the_requests);
	CASE(sync_waits_for_what_others_proposed_before_it);
	CASE(auth_is_answered_at_once_and_may_overtake);
	CASE(a_client_that_hangs_up_leaves_nothing_behind);
	CASE(connections_of_one_address_are_limited);
	CASE(connections_are_limited_in_all);
	CASE(a_connection_without_a_session_is_closed_in_time);
	CASE(over_the_limit_of_outstanding_requests_clients_wait);
	CASE(large_requests_are_limited_together);
	CASE(a_large_request_of_one_who_left_is_counted_off);
	CASE(new_sessions_are_throttled_by_tokens);
	CASE(what_waited_too_long_is_refused_in_its_turn);
	CASE(the_request_throttle_is_the_lower_limit);
	CASE(thousands_of_txns_may_be_in_flight);
	CASE(a_reader_gets_everything_however_much);
	CASE(one_that_does_not_read_is_not_read_from);
	CASE(a_reader_behind_its_own_write_is_not_taken_for_a_slow_one);
	CASE(one_reply_may_be_larger_than_any_limit);
	CASE(one_that_never_reads_its_events_is_closed);
	CASE(one_that_reads_its_events_is_not_closed);
	CASE(requests_without_end_do_not_starve_others);
	CASE(stopping_answers_what_is_proposed);
	CASE(an_idle_server_stops_at_once);
	return run_suite();
}

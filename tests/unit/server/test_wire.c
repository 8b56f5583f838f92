/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proves framing, handshake and headers: the sheet's worked examples byte by byte, and bytes that are no
 * protocol.
 */
#include "suite.h"
#include "world.h"

#define HELLO                                                                                                \
	"0000002d 00000000 0000000000000000 00002710 0000000000000000 00000010 "                             \
	"00000000000000000000000000000000 01"
#define WELCOME "00000025 00000000 00002710 010000162b870000 00000010 2ba66ebadc93a0108168071885ad99ad 00"

/* A world whose first session has the id of the examples. */
static World *
example_world(void)
{
	World *world = world_new();
	world->wall_ms = 0x162b87;
	world_start(world);
	return world;
}

static Peer *
example_client(World *world)
{
	Peer *peer = peer_new(world, "127.0.0.1");
	peer_send_hex(peer, HELLO);
	YES(peer_got_hex(peer, WELCOME));
	return peer;
}

static void
handshake_is_the_worked_example(void)
{
	g_autoptr(World) world = example_world();
	example_client(world);
}

static void
an_old_client_gets_no_read_only_byte(void)
{
	g_autoptr(World) world = example_world();
	Peer *peer = peer_new(world, "127.0.0.1");
	peer_send_hex(peer, "0000002c 00000000 0000000000000000 00002710 0000000000000000 00000010 "
			    "00000000000000000000000000000000");
	YES(peer_got_hex(
		peer,
		"00000024 00000000 00002710 010000162b870000 00000010 2ba66ebadc93a0108168071885ad99ad"));
	YES(peer->open);
}

static void
requests_and_replies_are_the_worked_examples(void)
{
	g_autoptr(World) world = example_world();
	Peer *peer = example_client(world);
	world->wall_ms = 0x1a1fac49361;
	peer_send_hex(
		peer,
		"00000037 00000001 00000001 00000003 2f6578 00000005 68656c6c6f 00000001 0000001f 00000005 "
		"776f726c64 00000006 616e796f6e65 00000000");
	YES(peer_got_hex(peer, "00000017 00000001 0000000000000002 00000000 00000003 2f6578"));
	peer_send_hex(peer, "00000010 00000002 00000004 00000003 2f6578 01");
	YES(peer_got_hex(peer,
			 "0000005d 00000002 0000000000000002 00000000 00000005 68656c6c6f 0000000000000002 "
			 "0000000000000002 000001a1fac49361 000001a1fac49361 00000000 00000000 00000000 "
			 "0000000000000000 00000005 00000000 0000000000000002"));
	Peer *writer = client_new(world); /* zxid 3 */
	OK(do_set(writer, "/ex", "x", -1));
	/* 3.9: the zxid of the txn that fired it */
	YES(peer_got_hex(peer,
			 "0000001f ffffffff 0000000000000004 00000000 00000003 00000003 00000003 2f6578"));
	peer_send_hex(peer, "00000011 00000003 00000003 00000004 2f657878 00");
	YES(peer_got_hex(peer, "00000010 00000003 0000000000000004 ffffff9b"));
}

static void
input_cut_at_any_byte_gives_the_same_replies(void)
{
	static const char requests[] =
		HELLO
		"00000037 00000001 00000001 00000003 2f6578 00000005 68656c6c6f 00000001 0000001f 00000005 "
		"776f726c64 00000006 616e796f6e65 00000000"
		"00000010 00000002 00000004 00000003 2f6578 01"
		"00000008 fffffffe 0000000b"
		"00000008 00000004 fffffff5";
	g_autoptr(GByteArray) bytes = bytes_of_hex(requests);
	g_autoptr(GByteArray) wanted = NULL;
	for (guint cut = 0; cut <= bytes->len; cut++) {
		g_autoptr(World) world = example_world();
		Peer *peer = peer_new(world, "127.0.0.1");
		peer_send(peer, bytes->data, cut);
		peer_send(peer, bytes->data + cut, bytes->len - cut);
		GByteArray *got = peer_take(peer);
		NO(peer->open);
		if (wanted == NULL) {
			wanted = got;
			EQ(got->len, 41 + 27 + 97 + 20 + 20);
			continue;
		}
		YES(got->len == wanted->len && memcmp(got->data, wanted->data, got->len) == 0);
		g_byte_array_unref(got);
	}
	g_autoptr(World) world = example_world();
	Peer *peer = peer_new(world, "127.0.0.1");
	for (guint i = 0; i < bytes->len; i++)
		peer_send(peer, bytes->data + i, 1);
	g_autoptr(GByteArray) got = peer_take(peer);
	YES(got->len == wanted->len && memcmp(got->data, wanted->data, got->len) == 0);
}

/* Sends @hex after the handshake; true when the connection was closed without a word. */
static bool
closes(const char *hex)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world), *witness = client_new(world);
	peer_send_hex(peer, hex);
	OK(do_exists(witness, "/", false));
	return !peer->open && !peer->flushed && peer_got_nothing(peer);
}

static void
illegal_frames_close_the_connection_without_a_word(void)
{
	YES(closes("ffffffff"));
	YES(closes("80000000"));
	YES(closes("00100000"));                    /* one above jute.maxbuffer */
	YES(closes("00000000"));                    /* shorter than a header */
	YES(closes("00000007 00000001 000000"));
	YES(closes("72756f6b"));                    /* a word is one only as the first bytes */
	YES(closes("0000000c 00000001 00000064 00000000")); /* a truncated auth packet */
	YES(closes("00000008 00000001 00000066"));  /* a truncated sasl token */
	NO(closes("000fffff"));                     /* jute.maxbuffer itself is waited for */
}

static void
a_fresh_connection_that_speaks_no_zookeeper_is_closed(void)
{
	static const char *const words[] = {"xxxx", "GET / HTTP/1.1\r\n\r\n", "\xff\xf4\xff\xfd",
					    "\x16\x03\x01\x02"};
	g_autoptr(World) world = world_running();
	for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
		Peer *peer = peer_new(world, "127.0.0.1");
		peer_send(peer, words[i], strlen(words[i]));
		NO(peer->open);
		YES(peer_got_nothing(peer));
	}
	Peer *peer = peer_new(world, "127.0.0.1"); /* a hello that is too short */
	peer_send_hex(peer, "0000000c 00000000 0000000000000000");
	NO(peer->open);
	YES(peer_got_nothing(peer));
	peer = peer_new(world, "127.0.0.1"); /* an empty one */
	peer_send_hex(peer, "00000000");
	NO(peer->open);
}

static void
the_largest_frame_is_taken(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	size_t fixed = 8 + 4 + 2 + 4 + 27 + 4;
	g_autofree char *data = g_strnfill(0xfffff - fixed, 'x');
	OK(do_create(peer, "/b", data, 0));
	OK(do_get(peer, "/b", false));
	EQ(pdk_get_bytes(&peer->body).length, (int32_t)(0xfffff - fixed));
	g_autofree char *more = g_strnfill(0xfffff - fixed + 1, 'x');
	EQ(do_create(peer, "/c", more, 0), CALL_CLOSED);
}

static void
timeouts_are_kept_within_bounds(void)
{
	static const struct {
		int32_t asked, given;
	} rows[] = {{10000, 10000}, {0, 6000},	    {-1, 6000},	    {5999, 6000},
		    {6001, 6001},   {60000, 60000}, {60001, 60000}, {INT32_MAX, 60000}};
	g_autoptr(World) world = world_running();
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		Peer *peer = peer_new(world, "127.0.0.1");
		YES(peer_hello(peer, rows[i].asked, 0, 0, NULL));
		EQ(peer->timeout_ms, rows[i].given);
	}
}

static void
a_client_that_saw_a_newer_history_is_sent_away(void)
{
	g_autoptr(World) world = world_running();
	client_new(world);
	Peer *peer = peer_new(world, "127.0.0.1");
	NO(peer_hello(peer, 10000, 2, 0, NULL));
	NO(peer->open);
	YES(peer_got_nothing(peer));
	peer = peer_new(world, "127.0.0.1");
	YES(peer_hello(peer, 10000, 1, 0, NULL));
}

static void
the_password_of_a_new_session_is_not_looked_at(void)
{
	g_autoptr(World) world = example_world();
	Peer *peer = peer_new(world, "127.0.0.1");
	peer_send_hex(
		peer,
		"0000001d 00000007 0000000000000000 00002710 0000000000000000 ffffffff 01"); /* null, version 7 */
	YES(peer_got_hex(peer, WELCOME));
	peer = peer_new(world, "127.0.0.1");
	peer_send_hex(peer, "0000001e 00000000 0000000000000000 00002710 0000000000000000 00000001 41 01");
	YES(peer_hello_answer(peer) && peer->session == 0x10000162b870001);
}

static void
what_follows_the_connect_request_is_served_after_it(void)
{
	g_autoptr(World) world = example_world();
	world->auto_sync = false;
	Peer *peer = peer_new(world, "127.0.0.1");
	peer_send_hex(peer, HELLO "00000008 fffffffe 0000000b");
	YES(peer_got_nothing(peer));
	world_sync(world);
	YES(peer_got_hex(peer, WELCOME "00000010 fffffffe 0000000000000001 00000000"));
}

static void
ping_answers_with_its_own_xid(void)
{
	g_autoptr(World) world = example_world();
	Peer *peer = example_client(world);
	peer_send_hex(peer, "00000008 00000007 0000000b");
	YES(peer_got_hex(peer, "00000010 fffffffe 0000000000000001 00000000"));
}

static void
bytes_behind_a_request_are_ignored(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	PdkBuffer body = body_create("/a", "d", OPEN, 0);
	pdk_put_long(&body, -1);
	OK(call(peer, PDK_OP_CREATE, &body));
	body = body_path_bool("/a", false);
	pdk_put_long(&body, -1);
	OK(call(peer, PDK_OP_EXISTS, &body));
}

static void
any_non_zero_byte_is_true(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	PdkBuffer body = body_path("/a");
	*pdk_buffer_extend(&body, 1) = 0x7f;
	EQ(call(peer, PDK_OP_EXISTS, &body), PDK_ERR_NO_NODE);
	OK(do_create(peer, "/a", "", 0));
	SAME(peer_events(peer), "1 /a;");
}

static void
unknown_opcodes_are_answered_and_the_connection_closed(void)
{
	static const int32_t ops[] = {0, 10, 99, 108, -1, -2, 13, 20, -10, 23, INT32_MAX, INT32_MIN};
	g_autoptr(World) world = world_running();
	for (guint i = 0; i < G_N_ELEMENTS(ops); i++) {
		Peer *peer = client_new(world);
		int64_t zxid = pdk_server_last_zxid(world->server);
		EQ(call(peer, ops[i], NULL), PDK_ERR_UNIMPLEMENTED);
		EQ(peer->zxid, -1);
		NO(peer->open);
		YES(peer->flushed);
		EQ(pdk_server_last_zxid(world->server), zxid);
	}
}

/* Every prefix of @body must be refused as malformed, the whole must not; the connection lives. */
static void
try_truncations(int32_t op, PdkBuffer body)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	for (size_t length = 0; length < body.length; length++) {
		PdkBuffer part = {0};
		pdk_buffer_append(&part, body.data, length);
		int code = call(peer, op, &part);
		if (code != PDK_ERR_MARSHALLING)
			CU_FAIL("a truncated record was taken");
		YES(peer->open);
	}
	YES(call(peer, op, &body) != PDK_ERR_MARSHALLING);
}

static void
truncated_records_are_malformed_and_the_connection_lives(void)
{
	static const int32_t creates[] = {PDK_OP_CREATE, PDK_OP_CREATE2};
	static const int32_t path_bools[] = {PDK_OP_EXISTS, PDK_OP_GET_DATA, PDK_OP_GET_CHILDREN,
					     PDK_OP_GET_CHILDREN2};
	static const int32_t path_ints[] = {PDK_OP_DELETE, PDK_OP_CHECK_WATCHES, PDK_OP_REMOVE_WATCHES};
	static const int32_t paths[] = {PDK_OP_GET_ACL, PDK_OP_SYNC, PDK_OP_GET_EPHEMERALS,
					PDK_OP_GET_ALL_CHILDREN_NUMBER};
	for (guint i = 0; i < G_N_ELEMENTS(creates); i++)
		try_truncations(creates[i], body_create("/a", "d", OPEN, 0));
	try_truncations(PDK_OP_CREATE_CONTAINER, body_create("/a", "d", OPEN, 4));
	for (guint i = 0; i < G_N_ELEMENTS(path_bools); i++)
		try_truncations(path_bools[i], body_path_bool("/zookeeper", false));
	for (guint i = 0; i < G_N_ELEMENTS(path_ints); i++)
		try_truncations(path_ints[i], body_path_int("/zookeeper", 1));
	for (guint i = 0; i < G_N_ELEMENTS(paths); i++)
		try_truncations(paths[i], body_path("/zookeeper"));
	try_truncations(PDK_OP_SET_DATA, body_set("/a", "d", 1));
	try_truncations(PDK_OP_ADD_WATCH, body_path_int("/a", 1));
	PdkBuffer body = body_path("/a");
	put_acl(&body, OPEN);
	pdk_put_int(&body, -1);
	try_truncations(PDK_OP_SET_ACL, body);
}

static void
lengths_that_lie_are_malformed(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	static const int32_t lengths[] = {-2, INT32_MIN, 0x00fffff, 0x1ffffe, 0x1fffff, INT32_MAX, 4};
	for (guint i = 0; i < G_N_ELEMENTS(lengths); i++) {
		PdkBuffer body = {0};
		pdk_put_int(&body, lengths[i]);
		pdk_buffer_append(&body, "/a", 2);
		EQ(call(peer, PDK_OP_GET_ACL, &body), PDK_ERR_MARSHALLING);
		body = (PdkBuffer){0};
		pdk_put_string(&body, "/a");
		pdk_put_string(&body, "");
		pdk_put_int(&body, lengths[i] < 0 ? INT32_MAX : lengths[i]); /* so many ACLs */
		EQ(call(peer, PDK_OP_CREATE, &body), PDK_ERR_MARSHALLING);
		body = (PdkBuffer){0};
		pdk_put_long(&body, 0);
		pdk_put_int(&body, INT32_MAX); /* so many watches */
		EQ(call(peer, PDK_OP_SET_WATCHES, &body), PDK_ERR_MARSHALLING);
	}
	YES(peer->open);
}

static void
null_paths_are_malformed(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	EQ(do_create(peer, NULL, "", 0), PDK_ERR_MARSHALLING);
	EQ(do_delete(peer, NULL, -1), PDK_ERR_MARSHALLING);
	EQ(do_get(peer, NULL, false), PDK_ERR_MARSHALLING);
	EQ(do_exists(peer, NULL, false), PDK_ERR_MARSHALLING);
	EQ(do_children(peer, NULL, false), PDK_ERR_MARSHALLING);
	PdkBuffer body = body_path(NULL);
	EQ(call(peer, PDK_OP_GET_ACL, &body), PDK_ERR_MARSHALLING);
	YES(peer->open);
}

static void
garbage_never_harms_others(void)
{
	PdkRandom random = pdk_random(7);
	g_autoptr(World) world = world_running();
	Peer *witness = client_new(world);
	for (int round = 0; round < 400; round++) {
		Peer *peer = round % 2 ? client_new(world) : peer_new(world, "127.0.0.1");
		for (int burst = 0; burst < 20 && peer->open; burst++) {
			uint8_t bytes[256];
			size_t length = 1 + pdk_random_below(&random, sizeof bytes - 1);
			for (size_t i = 0; i < length; i++)
				bytes[i] = (uint8_t)pdk_random_next(&random);
			if (length >= 12 &&
			    burst % 4 != 0) { /* let most of it be a frame of a known operation */
				pdk_store_u32(bytes, (uint32_t)length - 4);
				pdk_store_u32(bytes + 8, (uint32_t)pdk_random_below(&random, 24));
			}
			peer_send(peer, bytes, length);
		}
		if (peer->open)
			peer_hang_up(peer);
		g_byte_array_unref(peer_take(witness));
	}
	OK(do_exists(witness, "/", false));
}

int
main(void)
{
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 99;
	CU_pSuite suite = CU_add_suite("wire", NULL, NULL);
	CASE(handshake_is_the_worked_example);
	CASE(an_old_client_gets_no_read_only_byte);
	CASE(requests_and_replies_are_the_worked_examples);
	CASE(input_cut_at_any_byte_gives_the_same_replies);
	CASE(illegal_frames_close_the_connection_without_a_word);
	CASE(a_fresh_connection_that_speaks_no_zookeeper_is_closed);
	CASE(the_largest_frame_is_taken);
	CASE(timeouts_are_kept_within_bounds);
	CASE(a_client_that_saw_a_newer_history_is_sent_away);
	CASE(the_password_of_a_new_session_is_not_looked_at);
	CASE(what_follows_the_connect_request_is_served_after_it);
	CASE(ping_answers_with_its_own_xid);
	CASE(bytes_behind_a_request_are_ignored);
	CASE(any_non_zero_byte_is_true);
	CASE(unknown_opcodes_are_answered_and_the_connection_closed);
	CASE(truncated_records_are_malformed_and_the_connection_lives);
	CASE(lengths_that_lie_are_malformed);
	CASE(null_paths_are_malformed);
	CASE(garbage_never_harms_others);
	return run_suite();
}

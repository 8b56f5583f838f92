/* SPDX-License-Identifier: Apache-2.0 */
/* Proves multi and multiRead: all or nothing, what each operation sees, and the bytes of the answers. */
#include "suite.h"
#include "world.h"

/* Sends what was gathered and forgets it. */
static int
send_multi(Peer *peer, PdkBuffer *multi)
{
	put_multi_end(multi);
	int code = call(peer, PDK_OP_MULTI, multi);
	return code;
}

/* The rest of the reply as hex. */
static bool
body_is(Peer *peer, const char *hex)
{
	return bytes_are_hex(peer->body.at, pdk_jute_left(&peer->body), hex);
}

/* The results of a multi as text: "type:err type:err"; bodies are read over. */
static char *
results(Peer *peer)
{
	GString *text = g_string_new(NULL);
	for (;;) {
		int32_t type = pdk_get_int(&peer->body);
		bool done = pdk_get_bool(&peer->body);
		int32_t code = pdk_get_int(&peer->body);
		g_assert(!peer->body.failed);
		if (done)
			break;
		g_string_append_printf(text, "%s%d:%d", text->len ? " " : "", type, code);
		if (type == PDK_OP_CREATE || type == PDK_OP_CREATE2)
			g_free(get_text(&peer->body));
		if (type == PDK_OP_CREATE2 || type == PDK_OP_SET_DATA)
			get_stat(&peer->body);
		if (type == PDK_OP_ERROR)
			g_assert_cmpint(pdk_get_int(&peer->body), ==, code);
	}
	g_assert(pdk_jute_left(&peer->body) == 0);
	return g_string_free(text, FALSE);
}

#define END "ffffffff 01 ffffffff"

static void
an_empty_multi_is_a_txn(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	PdkBuffer multi = {0};
	OK(send_multi(peer, &multi));
	EQ(peer->zxid, 2);
	YES(body_is(peer, END));
}

static void
each_operation_sees_what_the_earlier_ones_did(void)
{
	g_autoptr(World) world = world_new();
	world->settings->extended_types = true;
	world_start(world);
	Peer *peer = client_new(world);
	PdkBuffer multi = {0};
	put_operation(&multi, PDK_OP_CREATE, body_create("/a", "x", OPEN, 0));
	put_operation(&multi, PDK_OP_CREATE2, body_create("/a/s", "", OPEN, 2));
	put_operation(&multi, PDK_OP_CHECK, body_path_int("/a/s0000000000", 0));
	put_operation(&multi, PDK_OP_SET_DATA, body_set("/a", "yy", 0));
	put_operation(&multi, PDK_OP_SET_DATA, body_set("/a", "zzz", 1));
	put_operation(&multi, PDK_OP_DELETE, body_path_int("/a/s0000000000", -1));
	put_operation(&multi, PDK_OP_CREATE_CONTAINER, body_create("/c", "", OPEN, 4));
	PdkBuffer ttl = body_create("/t", "", OPEN, 5);
	pdk_put_long(&ttl, 1000);
	put_operation(&multi, PDK_OP_CREATE_TTL, ttl);
	put_operation(&multi, PDK_OP_CREATE, body_create("/a/s", "", OPEN, 2));
	OK(send_multi(peer, &multi));
	SAME(results(peer), "1:0 15:0 13:0 5:0 5:0 2:0 15:0 15:0 1:0");
	SAME(children_of(peer, "/a"), "s0000000001");
	WireStat stat = stat_of(peer, "/a");
	YES(stat.version == 2 && stat.cversion == 3 && stat.data_length == 3 && stat.czxid == 2 &&
	    stat.mzxid == 2 && stat.pzxid == 2);
}

static void
results_hold_the_state_right_after_their_operation(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	world->wall_ms = 0x10;
	PdkBuffer multi = {0};
	put_operation(&multi, PDK_OP_CREATE2, body_create("/a", "x", OPEN, 0));
	put_operation(&multi, PDK_OP_SET_DATA, body_set("/a", "yy", 0));
	put_operation(&multi, PDK_OP_DELETE, body_path_int("/a", 1));
	OK(send_multi(peer, &multi));
	YES(body_is(
		peer,
		"0000000f 00 00000000 00000002 2f61 0000000000000002 0000000000000002 0000000000000010 "
		"0000000000000010 "
		"00000000 00000000 00000000 0000000000000000 00000001 00000000 0000000000000002 "
		"00000005 00 00000000 0000000000000002 0000000000000002 0000000000000010 0000000000000010 "
		"00000001 00000000 00000000 0000000000000000 00000002 00000000 0000000000000002 "
		"00000002 00 00000000 " END));
}

static void
a_failed_multi_does_nothing_and_answers_the_worked_bytes(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	OK(do_create(peer, "/a", "", 0));
	OK(do_add_watch(peer, "/", 1));
	PdkBuffer multi = {0};
	put_operation(&multi, PDK_OP_CREATE, body_create("/b", "", OPEN, 1));
	put_operation(&multi, PDK_OP_CREATE, body_create("/a", "", OPEN, 0));
	put_operation(&multi, PDK_OP_DELETE, body_path_int("/a", -1));
	OK(send_multi(peer, &multi)); /* the header says 0 */
	EQ(peer->zxid, 3);
	YES(body_is(peer, "ffffffff 00 00000000 00000000 | ffffffff 00 ffffff92 ffffff92 | ffffffff 00 "
			  "fffffffe fffffffe | " END));
	SAME(peer_events(peer), "");
	SAME(children_of(peer, "/"), "a zookeeper");
	EQ(pdk_tree_ephemeral_count(world->server->tree), 0);
}

static void
each_kind_of_refusal_fails_the_multi_with_its_code(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	OK(do_create(peer, "/a", "", 0));
	OK(do_create(peer, "/e", "", 1));
	OK(do_create(peer, "/locked", "", 0));
	OK(do_set_acl(peer, "/locked", "16 world anyone", -1));
	const struct {
		int32_t op;
		PdkBuffer body;
		int32_t code;
	} rows[] = {
		{PDK_OP_CREATE, body_create("/no/x", "", OPEN, 0), -101},
		{PDK_OP_CREATE, body_create("/e/x", "", OPEN, 0), -108},
		{PDK_OP_CREATE, body_create("/x", "", "", 0), -114},
		{PDK_OP_CREATE, body_create("/x/", "", OPEN, 0), -101},
		{PDK_OP_CREATE, body_create("x", "", OPEN, 0), -8},
		{PDK_OP_CREATE, body_create("/locked/x", "", OPEN, 0), -102},
		{PDK_OP_DELETE, body_path_int("/", -1), -8},
		{PDK_OP_DELETE, body_path_int("/a", 4), -103},
		{PDK_OP_SET_DATA, body_set("/locked", "", -1), -102},
		{PDK_OP_SET_DATA, body_set("/no", "", -1), -101},
		{PDK_OP_CHECK, body_path_int("bad", -1), -8},
		{PDK_OP_CHECK, body_path_int("/no", -1), -101},
		{PDK_OP_CHECK, body_path_int("/locked", 3), -102},
		{PDK_OP_CHECK, body_path_int("/a", 3), -103},
	};
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		PdkBuffer multi = {0};
		put_operation(&multi, PDK_OP_SET_DATA, body_set("/a", "x", -1));
		put_operation(&multi, rows[i].op, rows[i].body);
		OK(send_multi(peer, &multi));
		g_autofree char *wanted = g_strdup_printf("-1:0 -1:%d", rows[i].code);
		SAME(results(peer), wanted);
	}
	EQ(stat_of(peer, "/a").version, 0);
}

/* Sends one multi of @op and @body; the refusal of the whole. */
static int
whole_code(Peer *peer, int32_t multi_op, int32_t op, PdkBuffer body)
{
	PdkBuffer multi = {0};
	put_operation(&multi, op, body);
	put_multi_end(&multi);
	return call(peer, multi_op, &multi);
}

static void
what_is_no_operation_of_multi_refuses_the_whole(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	int64_t zxid = pdk_server_last_zxid(world->server);
	EQ(whole_code(peer, PDK_OP_MULTI, PDK_OP_GET_DATA, body_path_bool("/", false)), PDK_ERR_MARSHALLING);
	EQ(peer->zxid, zxid + 1); /* it takes a zxid */
	EQ(whole_code(peer, PDK_OP_MULTI, PDK_OP_GET_CHILDREN, body_path_bool("/", false)),
	   PDK_ERR_MARSHALLING);
	EQ(whole_code(peer, PDK_OP_MULTI, PDK_OP_SET_ACL, body_path("/")), PDK_ERR_MARSHALLING);
	EQ(whole_code(peer, PDK_OP_MULTI, PDK_OP_MULTI, (PdkBuffer){0}), PDK_ERR_MARSHALLING);
	EQ(whole_code(peer, PDK_OP_MULTI, PDK_OP_CREATE, body_create("/x", "", OPEN, 5)),
	   PDK_ERR_MARSHALLING);
	EQ(whole_code(peer, PDK_OP_MULTI_READ, PDK_OP_CREATE, body_create("/x", "", OPEN, 0)),
	   PDK_ERR_MARSHALLING);
	EQ(whole_code(peer, PDK_OP_MULTI_READ, PDK_OP_EXISTS, body_path_bool("/", false)),
	   PDK_ERR_MARSHALLING);
	EQ(whole_code(peer, PDK_OP_MULTI, PDK_OP_CREATE, body_create("/x", "", "31 world -", 0)),
	   PDK_ERR_MARSHALLING);
	PdkBuffer body = {0};
	EQ(call(peer, PDK_OP_MULTI, &body), PDK_ERR_MARSHALLING); /* not even an end */
	PdkBuffer multi = {0};
	put_operation(&multi, PDK_OP_CREATE, body_create("/x", "", OPEN, 0));
	EQ(call(peer, PDK_OP_MULTI, &multi), PDK_ERR_MARSHALLING);
	SAME(children_of(peer, "/"), "zookeeper");
	YES(peer->open);
}

static void
a_container_is_made_by_create_with_its_flag(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	PdkBuffer multi = {0};
	put_operation(&multi, PDK_OP_CREATE, body_create("/c", "", OPEN, 4));
	put_operation(&multi, PDK_OP_CREATE2, body_create("/d", "", OPEN, 4));
	OK(send_multi(peer, &multi));
	SAME(results(peer), "15:0 15:0");
	PdkTree *tree = world->server->tree;
	EQ(pdk_tree_type(tree, pdk_tree_find(tree, "/c", 2)), PDK_NODE_CONTAINER);
	EQ(pdk_tree_type(tree, pdk_tree_find(tree, "/d", 2)), PDK_NODE_CONTAINER);
}

static void
events_of_a_multi_come_in_the_order_of_its_operations(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	peer->show_zxid = true;
	OK(do_add_watch(peer, "/", 1));
	PdkBuffer multi = {0};
	put_operation(&multi, PDK_OP_CREATE, body_create("/a", "", OPEN, 0));
	put_operation(&multi, PDK_OP_SET_DATA, body_set("/a", "x", -1));
	put_operation(&multi, PDK_OP_CREATE, body_create("/a/b", "", OPEN, 0));
	put_operation(&multi, PDK_OP_SET_DATA, body_set("/a/b", "x", -1));
	put_operation(&multi, PDK_OP_SET_DATA, body_set("/a", "y", -1));
	put_operation(&multi, PDK_OP_DELETE, body_path_int("/a/b", -1));
	OK(send_multi(peer, &multi));
	SAME(peer_events(peer), "1 /a@2;3 /a@2;1 /a/b@2;3 /a/b@2;3 /a@2;2 /a/b@2;");
}

static void
a_multi_that_fails_in_flight_leaves_later_writes_alone(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world), *other = client_new(world);
	world->auto_sync = false;
	EQ(do_create(peer, "/p", "", 0), CALL_PENDING);
	PdkBuffer multi = {0};
	put_operation(&multi, PDK_OP_CREATE, body_create("/p/s", "", "1 ip 10.1.2.3", 3));
	put_operation(&multi, PDK_OP_SET_DATA, body_set("/p", "x", -1));
	put_operation(&multi, PDK_OP_DELETE, body_path_int("/p", -1)); /* not empty */
	EQ(send_multi(peer, &multi), CALL_PENDING);
	EQ(do_create(other, "/p/s", "", 2), CALL_PENDING);
	EQ(do_set(other, "/p", "y", 0), CALL_PENDING);
	world_sync(world);
	world->auto_sync = true;
	YES(peer_reply(other) && other->err == PDK_OK);
	SAME(get_text(&other->body), "/p/s0000000000");
	YES(peer_reply(other) && other->err == PDK_OK);
	EQ(pdk_acls_count(pdk_tree_acls(world->server->tree)),
	   2); /* config's and the open one in use; the ip one is not */
}

static void
multi_read_answers_each_read_on_its_own(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	OK(do_create(peer, "/a", "hi", 0));
	OK(do_create(peer, "/a/b", "", 0));
	OK(do_create_as(peer, PDK_OP_CREATE, "/locked", "", "2 world anyone", 0));
	PdkBuffer multi = {0};
	put_operation(&multi, PDK_OP_GET_CHILDREN, body_path_bool("/a", true));
	put_operation(&multi, PDK_OP_GET_DATA, body_path_bool("/no", true));
	put_operation(&multi, PDK_OP_GET_DATA, body_path_bool("/locked", true));
	put_operation(&multi, PDK_OP_GET_DATA, body_path_bool("/a/b", true));
	put_multi_end(&multi);
	OK(call(peer, PDK_OP_MULTI_READ, &multi));
	EQ(pdk_get_int(&peer->body), PDK_OP_GET_CHILDREN);
	EQ(pdk_get_bool(&peer->body), false);
	EQ(pdk_get_int(&peer->body), 0);
	EQ(pdk_get_int(&peer->body), 1);
	SAME(get_text(&peer->body), "b");
	YES(bytes_are_hex(pdk_jute_take(&peer->body, 26), 26,
			  "ffffffff 00 ffffff9b ffffff9b ffffffff 00 ffffff9a ffffff9a"));
	EQ(pdk_get_int(&peer->body), PDK_OP_GET_DATA);
	pdk_get_bool(&peer->body);
	EQ(pdk_get_int(&peer->body), 0);
	SAME(get_text(&peer->body), "");
	get_stat(&peer->body);
	YES(body_is(peer, END));
	EQ(pdk_watches_count(world->server->watches), 0); /* the watch flag is not looked at */
}

static void
multi_read_carries_big_data(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	g_autofree char *data = g_strnfill(20000, 'x');
	OK(do_create(peer, "/a", data, 0));
	PdkBuffer multi = {0};
	for (int i = 0; i < 3; i++)
		put_operation(&multi, PDK_OP_GET_DATA, body_path_bool("/a", false));
	put_multi_end(&multi);
	OK(call(peer, PDK_OP_MULTI_READ, &multi));
	for (int i = 0; i < 3; i++) {
		EQ(pdk_get_int(&peer->body), PDK_OP_GET_DATA);
		pdk_get_bool(&peer->body);
		EQ(pdk_get_int(&peer->body), 0);
		YES(same_text(get_text(&peer->body), data));
		EQ(get_stat(&peer->body).data_length, 20000);
	}
	YES(body_is(peer, END));
	multi = (PdkBuffer){0};
	put_operation(&multi, PDK_OP_GET_DATA, body_path_bool("/a", false));
	put_operation(&multi, PDK_OP_CHECK, body_path_int("/a", 0));
	put_multi_end(&multi);
	EQ(call(peer, PDK_OP_MULTI_READ, &multi), PDK_ERR_MARSHALLING); /* what was gathered is taken back */
	YES(peer_got_nothing(peer));
	SAME(data_of(peer, "/no"), "(none)");
}

int
main(void)
{
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 99;
	CU_pSuite suite = CU_add_suite("multi", NULL, NULL);
	CASE(an_empty_multi_is_a_txn);
	CASE(each_operation_sees_what_the_earlier_ones_did);
	CASE(results_hold_the_state_right_after_their_operation);
	CASE(a_failed_multi_does_nothing_and_answers_the_worked_bytes);
	CASE(each_kind_of_refusal_fails_the_multi_with_its_code);
	CASE(what_is_no_operation_of_multi_refuses_the_whole);
	CASE(a_container_is_made_by_create_with_its_flag);
	CASE(events_of_a_multi_come_in_the_order_of_its_operations);
	CASE(a_multi_that_fails_in_flight_leaves_later_writes_alone);
	CASE(multi_read_answers_each_read_on_its_own);
	CASE(multi_read_carries_big_data);
	return run_suite();
}

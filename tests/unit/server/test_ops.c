/* SPDX-License-Identifier: Apache-2.0 */
/* Proves the operations one by one: what they answer, what they change, and which of two errors is told. */
#include "suite.h"
#include "world.h"

/* ---- create ---- */

static void
create_answers_with_the_path_and_create2_with_the_stat(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	OK(do_create(peer, "/a", "data", 0));
	SAME(get_text(&peer->body), "/a");
	EQ(pdk_jute_left(&peer->body), 0);
	OK(do_create_as(peer, PDK_OP_CREATE2, "/b", "data", OPEN, 0));
	SAME(get_text(&peer->body), "/b");
	WireStat stat = get_stat(&peer->body);
	EQ(stat.czxid, peer->zxid);
	EQ(stat.data_length, 4);
	EQ(pdk_jute_left(&peer->body), 0);
	OK(do_create_as(peer, PDK_OP_CREATE_CONTAINER, "/c", "", OPEN, 4));
	SAME(get_text(&peer->body), "/c");
	EQ(get_stat(&peer->body).owner, 0);
}

/* In 5.1's order; each row would also meet a later error. */
static void
the_create_family_tells_the_first_error_of_the_sheet(void)
{
	static const struct {
		const char *path, *acl;
		int32_t op, flags;
		int64_t ttl;
		int wanted;
	} rows[] = {
		{"bad", "", 1, 7, 0, -8},    {"bad", "", 1, -1, 0, -8},
		{"bad", "", 21, 9, 0, -8},   {"bad", "", 21, 5, 0, -6}, /* TTL nodes are switched off */
		{"bad", "", 21, 6, -7, -6},  {"bad", "", 1, 5, 0, -6},
		{"bad", "", 1, 0, 0, -8},    {"", "", 1, 0, 0, -8},
		{"/no/x", "", 1, 0, 0, -114}, {"/no/x", NULL, 1, 0, 0, -114},
		{"/no/x", "31 nope x", 1, 0, 0, -114},
		{"/no/x", OPEN, 1, 0, 0, -101}, {"/no/", OPEN, 1, 0, 0, -101},
		{"/locked/./x", OPEN, 1, 0, 0, -101},
		{"/locked/.", OPEN, 1, 0, 0, -102}, {"/locked/there", OPEN, 1, 0, 0, -102},
		{"/a/", OPEN, 1, 0, 0, -8},  {"/e/", OPEN, 1, 0, 0, -8},
		{"/a/..", OPEN, 1, 0, 0, -8}, {"/a\x01", OPEN, 1, 0, 0, -8},
		{"/", OPEN, 1, 0, 0, -110},  {"/a", OPEN, 1, 0, 0, -110},
		{"/e", OPEN, 1, 1, 0, -110}, {"/e/x", OPEN, 1, 0, 0, -108},
		{"/e/x", OPEN, 1, 1, 0, -108}, {"/e/x", OPEN, 1, 2, 0, -108},
		/* opcode and flags have to agree */
		{"/q", OPEN, 1, 4, 0, -8},   {"/q", OPEN, 15, 4, 0, -8},
		{"/q", OPEN, 19, 0, 0, -8},  {"/q", OPEN, 19, 1, 0, -8},
		{"/q", OPEN, 21, 0, -1, -8}, {"/q", OPEN, 21, 0, 5, -8},
	};
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	OK(do_create(peer, "/a", "", 0));
	OK(do_create(peer, "/e", "", 1));
	OK(do_create(peer, "/locked", "", 0));
	OK(do_create(peer, "/locked/there", "", 0));
	OK(do_set_acl(peer, "/locked", "1 world anyone", -1));
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		PdkBuffer body = body_create(rows[i].path, "", rows[i].acl, rows[i].flags);
		pdk_put_long(&body, rows[i].ttl);
		int code = call(peer, rows[i].op, &body);
		if (code != rows[i].wanted)
			printf("\n  row %u: %s flags %d gave %d, wanted %d\n", i, rows[i].path, rows[i].flags,
			       code, rows[i].wanted);
		EQ(code, rows[i].wanted);
		EQ(peer->zxid, pdk_server_last_zxid(world->server)); /* refusals are txns, too */
	}
	PdkBuffer body = {0};
	pdk_put_bytes(&body, "/a\0b", 4);
	pdk_put_string(&body, "");
	put_acl(&body, "");
	pdk_put_int(&body, 0);
	EQ(call(peer, PDK_OP_CREATE, &body), -8);
}

static void
path_syntax_is_the_sheets(void)
{
	static const struct {
		const char *path;
		int wanted;
	} rows[] = {
		{"/...", 0},
		{"/.a", 0},
		{"/a..", 0},
		{"/a b", 0},
		{"/\xc3\xa9", 0},
		{"/\xe2\x82\xac", 0},
		{"/\xed\x9f\xbf", 0},
		{"/\xef\xa4\x80", 0},
		{"/\xef\xbf\xaf", 0},
		{"/\xc2\xa0", 0},
		{"/.", -8},
		{"/..", -8},
		{"/a../..", -8},
		{"/\x1f", -8},
		{"/\x7f", -8},
		{"/\xc2\x9f", -8},
		{"/\xed\xa0\x80", -8},
		{"/\xee\x80\x80", -8},
		{"/\xef\xa3\xbf", -8},
		{"/\xef\xbf\xb0", -8},
		{"/\xef\xbf\xbd", -8},
		{"/\xf0\x9f\x98\x80", -8},
		{"/\xff", -8},
		{"/\xc3", -8},
		{"//", -8},
		{"/a..//", -101},
	};
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		int code = do_create(peer, rows[i].path, "", 0);
		if (code != rows[i].wanted)
			printf("\n  row %u gave %d, wanted %d\n", i, code, rows[i].wanted);
		EQ(code, rows[i].wanted);
	}
}

static void
sequence_numbers_count_children_ever_created(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	OK(do_create(peer, "/p", "", 0));
	OK(do_create(peer, "/p/s", "", 2));
	SAME(get_text(&peer->body), "/p/s0000000000");
	OK(do_create(peer, "/p/plain", "", 0));
	OK(do_delete(peer, "/p/plain", -1));
	EQ(do_create(peer, "/p/s0000000000", "", 0), PDK_ERR_NODE_EXISTS); /* a failed one does not count */
	OK(do_create(peer, "/p/e", "", 3));
	SAME(get_text(&peer->body), "/p/e0000000002");
	OK(do_create(peer, "/p/", "", 2));
	SAME(get_text(&peer->body), "/p/0000000003");
	OK(do_create(peer, "/r", "", 2)); /* the root: /zookeeper was never counted, /p was */
	SAME(get_text(&peer->body), "/r0000000001");
	EQ(do_create(peer, "/no/", "", 2), PDK_ERR_NO_NODE);
}

static void
the_sequence_counter_stops_at_its_end(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	OK(do_create(peer, "/p", "", 0));
	PdkTree *tree = world->server->tree;
	PdkNode node = pdk_tree_find(tree, "/p", 2);
	PdkStat stat;
	pdk_tree_stat(tree, node, &stat);
	stat.cversion = INT32_MAX - 1;
	pdk_tree_set_stat(tree, node, &stat);
	pdk_pendings_reset(world->server->pendings);
	OK(do_create(peer, "/p/a", "", 2));
	SAME(get_text(&peer->body), "/p/a2147483646");
	OK(do_create(peer, "/p/a", "", 2));
	SAME(get_text(&peer->body), "/p/a2147483647");
	EQ(do_create(peer, "/p/a", "", 2), PDK_ERR_NODE_EXISTS);
	OK(do_create(peer, "/p/b", "", 2));
}

/* ---- delete, setData, setACL ---- */

static void
delete_tells_the_first_error_of_the_sheet(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	OK(do_create(peer, "/p", "", 0));
	OK(do_create(peer, "/p/c", "", 0));
	OK(do_create(peer, "/locked", "", 0));
	OK(do_create(peer, "/locked/c", "", 0));
	OK(do_set_acl(peer, "/locked", "1 world anyone", -1));
	static const struct {
		const char *path;
		int32_t version;
		int wanted;
	} rows[] = {
		{"p", -1, -8},
		{"", -1, -8},
		{"/", 5, -8},
		{"/zookeeper", 5, -8},
		{"/zookeeper/quota", 5, -8},
		{"/zookeeper/config", 5, -8},
		{"/no/x", 5, -101},
		{"/locked/no", 5, -102},
		{"/locked/c", 5, -102},
		{"/no", 5, -101},
		{"/p/", 5, -101},
		{"/p//c", 5, -101},
		{"/p", 5, -103},
		{"/p", 0, -111},
		{"/p", -1, -111},
		{"/p/c", 0, 0},
		{"/p", -1, 0},
		{"/p", -1, -101},
	};
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		int code = do_delete(peer, rows[i].path, rows[i].version);
		if (code != rows[i].wanted)
			printf("\n  row %u: %s gave %d, wanted %d\n", i, rows[i].path, code, rows[i].wanted);
		EQ(code, rows[i].wanted);
	}
	PdkBuffer body = {0};
	pdk_put_bytes(&body, "/a\0b", 4);
	pdk_put_int(&body, -1);
	EQ(call(peer, PDK_OP_DELETE, &body), -8);
}

static void
set_data_tells_the_first_error_of_the_sheet(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	OK(do_create(peer, "/a", "", 0));
	OK(do_create_as(peer, PDK_OP_CREATE, "/locked", "", "17 world anyone", 0));
	EQ(do_set(peer, "", "", -1), -8);
	EQ(do_set(peer, "/no/", "", -1), -8);
	EQ(do_set(peer, "no", "", -1), -8);
	EQ(do_set(peer, "/no", "", 7), -101);
	EQ(do_set(peer, "/locked", "", 7), -102);
	EQ(do_set(peer, "/a", "", 7), -103);
	EQ(do_set(peer, "/zookeeper/config", "", -1), -102);
	OK(do_set(peer, "/a", "one", 0));
	EQ(get_stat(&peer->body).version, 1);
	EQ(do_set(peer, "/a", "two", 0), -103);
	OK(do_set(peer, "/a", "two", -1));
	OK(do_set(peer, "/", "root", 0));
	SAME(data_of(peer, "/"), "root");
	SAME(data_of(peer, ""), "root");
}

static void
set_acl_tells_the_first_error_of_the_sheet(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	OK(do_create(peer, "/a", "", 0));
	OK(do_create_as(peer, PDK_OP_CREATE, "/locked", "", "15 world anyone", 0));
	EQ(do_set_acl(peer, "no", "", -1), -8);
	EQ(do_set_acl(peer, "/no", "", -1), -114);
	EQ(do_set_acl(peer, "/no", NULL, -1), -114);
	EQ(do_set_acl(peer, "/no", OPEN, 7), -101);
	EQ(do_set_acl(peer, "/locked", OPEN, 7), -102);
	EQ(do_set_acl(peer, "/a", OPEN, 7), -103);
	OK(do_set_acl(peer, "/a", "31 world anyone", 0));
	WireStat stat = get_stat(&peer->body);
	EQ(stat.aversion, 1);
	EQ(stat.version, 0);
	EQ(do_set_acl(peer, "/a", OPEN, 0), -103);
}

/* ---- stat ---- */

static void
every_stat_field_is_set_by_what_the_sheet_says(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	world->wall_ms = 1000;
	OK(do_create(peer, "/p", "12345", 0));
	int64_t z = peer->zxid;
	WireStat stat = stat_of(peer, "/p");
	YES(stat.czxid == z && stat.mzxid == z && stat.pzxid == z && stat.ctime == 1000 &&
	    stat.mtime == 1000);
	YES(stat.version == 0 && stat.cversion == 0 && stat.aversion == 0 && stat.owner == 0 &&
	    stat.data_length == 5);
	world->wall_ms = 2000;
	OK(do_set(peer, "/p", "1", -1)); /* z+1 */
	stat = stat_of(peer, "/p");
	YES(stat.czxid == z && stat.mzxid == z + 1 && stat.pzxid == z && stat.ctime == 1000 &&
	    stat.mtime == 2000);
	YES(stat.version == 1 && stat.data_length == 1);
	world->wall_ms = 3000;
	OK(do_set_acl(peer, "/p", OPEN, -1)); /* z+2 */
	stat = stat_of(peer, "/p");
	YES(stat.mzxid == z + 1 && stat.pzxid == z && stat.mtime == 2000 && stat.aversion == 1 &&
	    stat.version == 1);
	OK(do_create(peer, "/p/c", NULL, 1)); /* z+3 */
	stat = stat_of(peer, "/p");
	YES(stat.mzxid == z + 1 && stat.pzxid == z + 3 && stat.cversion == 1 && stat.children == 1);
	OK(do_set(peer, "/p/c", "x", -1)); /* z+4 */
	EQ(stat_of(peer, "/p").pzxid, z + 3);
	EQ(stat_of(peer, "/p/c").owner, peer->session);
	OK(do_delete(peer, "/p/c", 1)); /* z+5 */
	stat = stat_of(peer, "/p");
	YES(stat.pzxid == z + 5 && stat.cversion == 2 && stat.children == 0); /* creations plus deletions */
}

static void
null_data_stays_null(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	OK(do_create(peer, "/n", NULL, 0));
	SAME(data_of(peer, "/n"), "(null)");
	EQ(stat_of(peer, "/n").data_length, 0);
	OK(do_set(peer, "/n", "", -1));
	SAME(data_of(peer, "/n"), "");
	OK(do_set(peer, "/n", NULL, -1));
	SAME(data_of(peer, "/n"), "(null)");
}

static void
versions_wrap_around(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	OK(do_create(peer, "/a", "", 0));
	PdkTree *tree = world->server->tree;
	PdkNode node = pdk_tree_find(tree, "/a", 2);
	PdkStat stat;
	pdk_tree_stat(tree, node, &stat);
	stat.version = INT32_MAX;
	pdk_tree_set_stat(tree, node, &stat);
	pdk_pendings_reset(world->server->pendings);
	OK(do_set(peer, "/a", "", -1));
	EQ(get_stat(&peer->body).version, INT32_MIN);
}

/* ---- reads ---- */

static void
a_fresh_tree_is_javas(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	EQ(pdk_tree_digest(world->server->tree), 0x51c6d660);
	SAME(children_of(peer, "/"), "zookeeper");
	SAME(children_of(peer, "/zookeeper"), "config quota");
	WireStat stat = stat_of(peer, "/");
	YES(stat.czxid == 0 && stat.mzxid == 0 && stat.ctime == 0 && stat.pzxid == 0 && stat.version == 0 &&
	    stat.aversion == 0);
	EQ(stat_of(peer, "/zookeeper/config").aversion, -1);
	SAME(data_of(peer, "/zookeeper/config"), "");
	PdkBuffer body = body_path("/zookeeper/config");
	OK(call(peer, PDK_OP_GET_ACL, &body));
	EQ(pdk_get_int(&peer->body), 1);
	EQ(pdk_get_int(&peer->body), 1); /* READ */
	OK(do_create(peer, "/zookeeper/mine", "", 0)); /* allowed */
	PdkServerFacts facts;
	const PdkView *view = pdk_server_view(world->server);
	view->facts(view->core, &facts);
	EQ(facts.node_count, 6); /* the root counts twice */
}

static void
reads_of_bad_paths_find_nothing(void)
{
	static const char *const paths[] = {"x", "//", "/a/", "/a//b", "a", "/.", "/a\x01"};
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	OK(do_create(peer, "/a", "", 0));
	OK(do_create(peer, "/a/b", "", 0));
	for (guint i = 0; i < G_N_ELEMENTS(paths); i++) {
		EQ(do_get(peer, paths[i], true), PDK_ERR_NO_NODE);
		EQ(do_children(peer, paths[i], true), PDK_ERR_NO_NODE);
		EQ(do_exists(peer, paths[i], false), PDK_ERR_NO_NODE);
		PdkBuffer body = body_path(paths[i]);
		EQ(call(peer, PDK_OP_GET_ACL, &body), PDK_ERR_NO_NODE);
		body = body_path(paths[i]);
		EQ(call(peer, PDK_OP_GET_ALL_CHILDREN_NUMBER, &body), PDK_ERR_NO_NODE);
	}
	PdkBuffer body = {0};
	pdk_put_bytes(&body, "/a\0b", 4);
	pdk_put_bool(&body, true);
	EQ(call(peer, PDK_OP_EXISTS, &body), -8);
}

static void
reads_answer_what_is_there(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	OK(do_create(peer, "/p", "data", 0));
	OK(do_create(peer, "/p/a", "", 0));
	OK(do_create(peer, "/p/b", "", 0));
	OK(do_create(peer, "/p/b/c", "", 0));
	OK(do_get(peer, "/p", false));
	SAME(get_text(&peer->body), "data");
	EQ(get_stat(&peer->body).children, 2);
	EQ(pdk_jute_left(&peer->body), 0);
	SAME(children_of(peer, "/p"), "a b");
	SAME(children_of(peer, ""), "p zookeeper");
	PdkBuffer body = body_path_bool("/p", false);
	OK(call(peer, PDK_OP_GET_CHILDREN2, &body));
	EQ(pdk_get_int(&peer->body), 2);
	g_free(get_text(&peer->body));
	g_free(get_text(&peer->body));
	EQ(get_stat(&peer->body).data_length, 4);
	EQ(pdk_jute_left(&peer->body), 0);
	static const struct {
		const char *path;
		int32_t count;
	} rows[] = {{"/p", 3}, {"/p/a", 0}, {"/", 7}, {"", 8}}; /* the root itself, too */
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		body = body_path(rows[i].path);
		OK(call(peer, PDK_OP_GET_ALL_CHILDREN_NUMBER, &body));
		EQ(pdk_get_int(&peer->body), rows[i].count);
	}
}

static void
a_read_tells_the_last_applied_zxid(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world), *other = client_new(world);
	EQ(do_get(peer, "/no", false), PDK_ERR_NO_NODE);
	EQ(peer->zxid, 2);
	EQ(do_delete(other, "/no", -1), PDK_ERR_NO_NODE);
	EQ(other->zxid, 3);
	OK(do_exists(peer, "/", false));
	EQ(peer->zxid, 3);
}

static int32_t
count_ephemerals(Peer *peer, const char *prefix)
{
	PdkBuffer body = body_path(prefix);
	OK(call(peer, PDK_OP_GET_EPHEMERALS, &body));
	return pdk_get_int(&peer->body);
}

static void
get_ephemerals_goes_by_the_text_of_the_prefix(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world), *other = client_new(world);
	OK(do_create(peer, "/p", "", 0));
	OK(do_create(peer, "/p/a", "", 1));
	OK(do_create(peer, "/p/ab", "", 1));
	OK(do_create(peer, "/q", "", 1));
	OK(do_create(other, "/p/abc", "", 1));
	EQ(count_ephemerals(peer, NULL), 3);
	EQ(count_ephemerals(peer, ""), 3);
	EQ(count_ephemerals(peer, "  "), 3);
	EQ(count_ephemerals(peer, "/"), 3);
	EQ(count_ephemerals(peer, "/p"), 2);
	EQ(count_ephemerals(peer, "/p/a"), 2);
	EQ(count_ephemerals(peer, "/p/ab"), 1);
	SAME(get_text(&peer->body), "/p/ab");
	EQ(count_ephemerals(peer, "/x"), 0);
	EQ(count_ephemerals(other, ""), 1);
}

/* ---- others ---- */

static void
sync_repeats_any_path(void)
{
	static const char *const paths[] = {"/", "", "/no/such", "nonsense", NULL};
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	for (guint i = 0; i < G_N_ELEMENTS(paths); i++) {
		PdkBuffer body = body_path(paths[i]);
		OK(call(peer, PDK_OP_SYNC, &body));
		SAME(get_text(&peer->body), paths[i] ? paths[i] : "(null)");
		EQ(peer->zxid, 1);
	}
}

static PdkBuffer
body_reconfig(void)
{
	PdkBuffer body = body_path("server.1=a:1:2");
	pdk_put_string(&body, NULL);
	pdk_put_string(&body, NULL);
	pdk_put_long(&body, -1);
	return body;
}

static void
reconfig_is_refused_on_a_single_server(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	PdkBuffer body = body_reconfig();
	EQ(call(peer, PDK_OP_RECONFIG, &body), PDK_ERR_RECONFIG_DISABLED);
	YES(peer->open);
	world->settings->reconfig_enabled = true;
	body = body_reconfig();
	EQ(call(peer, PDK_OP_RECONFIG, &body), PDK_ERR_UNIMPLEMENTED);
	YES(peer->open);
}

static void
a_refused_write_takes_a_zxid_and_is_logged(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	guint n = world->txns->len;
	EQ(do_create(peer, "/no/x", "", 0), PDK_ERR_NO_NODE);
	EQ(peer->zxid, 2);
	EQ(world->txns->len, n + 1);
	GBytes *txn = g_array_index(world->txns, WorldTxn, n).txn;
	size_t length;
	const uint8_t *bytes = g_bytes_get_data(txn, &length);
	g_autofree char *wanted =
		g_strdup_printf("%016" PRIx64 " 00000001 0000000000000002 %016" PRIx64 " ffffffff ffffff9b",
				(uint64_t)peer->session, (uint64_t)world->wall_ms);
	YES(bytes_are_hex(bytes, length, wanted));
}

static void
big_data_goes_out_whole(void)
{
	static const size_t sizes[] = {4095, 4096, 4097, 100000};
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	OK(do_create(peer, "/b", "", 0));
	for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
		g_autofree char *data = g_strnfill(sizes[i], (char)('a' + i));
		OK(do_set(peer, "/b", data, -1));
		YES(same_text(data_of(peer, "/b"), data));
		EQ(get_stat(&peer->body).data_length, (int32_t)sizes[i]);
		EQ(pdk_jute_left(&peer->body), 0);
	}
}

int
main(void)
{
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 99;
	CU_pSuite suite = CU_add_suite("operations", NULL, NULL);
	CASE(create_answers_with_the_path_and_create2_with_the_stat);
	CASE(the_create_family_tells_the_first_error_of_the_sheet);
	CASE(path_syntax_is_the_sheets);
	CASE(sequence_numbers_count_children_ever_created);
	CASE(the_sequence_counter_stops_at_its_end);
	CASE(delete_tells_the_first_error_of_the_sheet);
	CASE(set_data_tells_the_first_error_of_the_sheet);
	CASE(set_acl_tells_the_first_error_of_the_sheet);
	CASE(every_stat_field_is_set_by_what_the_sheet_says);
	CASE(null_data_stays_null);
	CASE(versions_wrap_around);
	CASE(a_fresh_tree_is_javas);
	CASE(reads_of_bad_paths_find_nothing);
	CASE(reads_answer_what_is_there);
	CASE(a_read_tells_the_last_applied_zxid);
	CASE(get_ephemerals_goes_by_the_text_of_the_prefix);
	CASE(sync_repeats_any_path);
	CASE(reconfig_is_refused_on_a_single_server);
	CASE(a_refused_write_takes_a_zxid_and_is_logged);
	CASE(big_data_goes_out_whole);
	return run_suite();
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Proves that a snapshot's body is the tree of the walk's beginning, and that only bodies are loaded. */
#include "data/snapshot.h"
#include "tree_model.h"

#include <CUnit/Basic.h>
#include <zlib.h>

static const PdkTreeSettings settings = {.digest = true, .extended_types = true};

#define SESSION 0x0100001bd5810000
#define FIRST_MS 0x1a1fac99959
#define SECOND_MS 0x1a1fac99969

static void
put_node(PdkBuffer *out, const char *path, const char *data, int64_t acl, const PdkStat *stat)
{
	pdk_put_string(out, path);
	pdk_put_string(out, data);
	pdk_put_long(out, acl);
	pdk_stat_put_persisted(out, stat);
}

static void
put_list(PdkBuffer *out, int64_t number, int32_t perms)
{
	pdk_put_long(out, number);
	pdk_put_int(out, 1);
	pdk_put_int(out, perms);
	pdk_put_string(out, "world");
	pdk_put_string(out, "anyone");
}

/*
 * The body of a file that Apache ZooKeeper 3.8.0 wrote: /ex = "hello", /e ephemeral, the session still open.
 */
static GBytes *
java_body(void)
{
	PdkBuffer out = {0};
	pdk_put_int(&out, 1);
	pdk_put_long(&out, SESSION);
	pdk_put_int(&out, 40000);
	pdk_put_int(&out, 2);
	put_list(&out, 1, PDK_PERM_READ);
	put_list(&out, 2, PDK_PERM_ALL);
	const PdkStat none = {0}, root = {.cversion = 2, .pzxid = 3}, config = {.aversion = -1};
	const PdkStat ex = {.czxid = 2, .mzxid = 2, .pzxid = 2, .ctime = FIRST_MS, .mtime = FIRST_MS};
	const PdkStat e = {
		.czxid = 3, .mzxid = 3, .pzxid = 3, .ctime = SECOND_MS, .mtime = SECOND_MS, .owner = SESSION};
	put_node(&out, "", "", -1, &root);
	put_node(&out, "/ex", "hello", 2, &ex);
	put_node(&out, "/zookeeper", "", -1, &none);
	put_node(&out, "/zookeeper/config", "", 1, &config);
	put_node(&out, "/zookeeper/quota", "", -1, &none);
	put_node(&out, "/e", "", 2, &e);
	pdk_put_string(&out, "/");
	return g_bytes_new_take(out.data, out.length);
}

static void
count_session(void *context, int64_t id, int32_t timeout_ms)
{
	CU_ASSERT_EQUAL(id, SESSION);
	CU_ASSERT_EQUAL(timeout_ms, 40000);
	++*(unsigned *)context;
}

/* Feeds @body in parts of @part bytes; each lies in a block of its own, so that a read beyond it is seen. */
static PdkLoadResult
feed(PdkSnapshotLoad *load, GBytes *body, size_t part, size_t *consumed, GError **error)
{
	size_t length;
	const uint8_t *bytes = g_bytes_get_data(body, &length);
	*consumed = 0;
	while (*consumed < length) {
		size_t now = MIN(part, length - *consumed), used;
		g_autofree uint8_t *block = g_memdup2(bytes + *consumed, now);
		PdkLoadResult result = pdk_snapshot_load_part(load, block, now, &used, error);
		*consumed += used;
		if (result != PDK_LOAD_MORE)
			return result;
		CU_ASSERT_EQUAL_FATAL(used, now);
	}
	return PDK_LOAD_MORE;
}

static void
load_whole(PdkTree *tree, GBytes *body, size_t part)
{
	g_autoptr(GError) error = NULL;
	size_t consumed;
	PdkSnapshotLoad *load = pdk_snapshot_load_new(tree, g_bytes_get_size(body), NULL, NULL);
	CU_ASSERT_EQUAL_FATAL(feed(load, body, part, &consumed, &error), PDK_LOAD_DONE);
	CU_ASSERT_EQUAL(consumed, g_bytes_get_size(body));
	CU_ASSERT_EQUAL(pdk_snapshot_load_strays(load), 0);
	pdk_snapshot_load_free(load);
	pdk_tree_check(tree);
}

static void
append_taken(PdkSnapshotWalk *walk, PdkBuffer *into)
{
	size_t ready = pdk_snapshot_walk_ready(walk);
	g_autoptr(GBytes) taken = pdk_snapshot_walk_take(walk);
	CU_ASSERT_EQUAL(taken ? g_bytes_get_size(taken) : 0, ready);
	CU_ASSERT_EQUAL(pdk_snapshot_walk_ready(walk), 0);
	if (taken != NULL)
		pdk_buffer_append(into, g_bytes_get_data(taken, NULL), g_bytes_get_size(taken));
}

static GBytes *
write_whole(PdkTree *tree, const PdkSnapshotSession *sessions, size_t n_sessions)
{
	PdkBuffer out = {0};
	PdkSnapshotWalk *walk = pdk_snapshot_walk_new(tree, sessions, n_sessions);
	while (pdk_snapshot_walk_step(walk, 3))
		append_taken(walk, &out);
	append_taken(walk, &out);
	pdk_snapshot_walk_free(walk);
	return g_bytes_new_take(out.data, out.length);
}

static void
what_java_wrote_is_read_and_written_byte_for_byte(void)
{
	static const uint8_t header[16] = {0x5a, 0x4b, 0x53, 0x4e, 0,	 0,    0,    2,
					   0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	g_autoptr(GBytes) body = java_body();
	size_t length;
	const uint8_t *bytes = g_bytes_get_data(body, &length);
	CU_ASSERT_EQUAL(length, 0x26c - sizeof(header));
	CU_ASSERT_EQUAL(adler32_z(adler32_z(1, header, sizeof(header)), bytes, length), 0x764a553c);

	g_autoptr(PdkTree) tree = pdk_tree_new(&settings);
	load_whole(tree, body, length);
	CU_ASSERT_EQUAL(pdk_tree_digest(tree), 0x20fd0e15c);
	CU_ASSERT_EQUAL(pdk_tree_node_count(tree), 6);
	CU_ASSERT_EQUAL(pdk_tree_next_ephemeral(tree, SESSION, 0), pdk_tree_find(tree, "/e", 2));
	const PdkSnapshotSession session = {SESSION, 40000};
	g_autoptr(GBytes) written = write_whole(tree, &session, 1);
	CU_ASSERT_TRUE(g_bytes_equal(written, body));
}

static void
a_body_may_be_cut_anywhere(void)
{
	g_autoptr(PdkTree) source = pdk_tree_new(&settings), tree = pdk_tree_new(&settings);
	g_autoptr(Model) model = model_new(source, 11);
	for (unsigned i = 0; i < 400; i++)
		model_step(model);
	g_autoptr(GBytes) body = write_whole(source, NULL, 0);
	static const size_t parts[] = {1, 2, 3, 7, 60, 997, 4096, 1 << 20};
	for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
		load_whole(tree, body, parts[i]);
		model_compare(model->nodes, tree, false);
	}
	unsigned sessions = 0;
	size_t consumed;
	g_autoptr(GBytes) java = java_body();
	PdkSnapshotLoad *load = pdk_snapshot_load_new(tree, 0, count_session, &sessions);
	CU_ASSERT_EQUAL(feed(load, java, 5, &consumed, NULL), PDK_LOAD_DONE);
	CU_ASSERT_EQUAL(sessions, 1);
	pdk_snapshot_load_free(load);
}

static void
bytes_behind_the_end_are_left_alone(void)
{
	g_autoptr(PdkTree) tree = pdk_tree_new(&settings);
	g_autoptr(GBytes) java = java_body();
	PdkBuffer longer = {0};
	pdk_buffer_append(&longer, g_bytes_get_data(java, NULL), g_bytes_get_size(java));
	pdk_buffer_append(&longer, "sealed", 6);
	g_autoptr(GBytes) body = g_bytes_new_take(longer.data, longer.length);
	for (size_t part = 1; part <= longer.length; part++) {
		size_t consumed;
		PdkSnapshotLoad *load = pdk_snapshot_load_new(tree, longer.length, NULL, NULL);
		CU_ASSERT_EQUAL(feed(load, body, part, &consumed, NULL), PDK_LOAD_DONE);
		CU_ASSERT_EQUAL(consumed, g_bytes_get_size(java));
		pdk_snapshot_load_free(load);
	}
}

static void
changes_during_the_walk_do_not_show(void)
{
	for (uint64_t seed = 1; seed <= 60; seed++) {
		g_autoptr(PdkTree) tree = pdk_tree_new(&settings), other = pdk_tree_new(&settings);
		g_autoptr(Model) model = model_new(tree, seed);
		for (unsigned walks = 0; walks < 4; walks++) {
			for (unsigned i = 0; i < 150; i++)
				model_step(model);
			g_autoptr(ModelNodes) begin = model_copy(model);
			uint64_t digest = pdk_tree_digest(tree);
			PdkBuffer out = {0};
			PdkSnapshotWalk *walk = pdk_snapshot_walk_new(tree, NULL, 0);
			bool more = true;
			while (more) {
				for (uint64_t n = pdk_random_below(&model->random, 8); n > 0; n--)
					model_step(model);
				more = pdk_snapshot_walk_step(walk,
							      (unsigned)pdk_random_below(&model->random, 6));
				if (pdk_random_below(&model->random, 3) == 0)
					append_taken(walk, &out);
			}
			append_taken(walk, &out);
			for (unsigned i = 0; i < 20; i++)
				model_step(model);
			CU_ASSERT_EQUAL(pdk_snapshot_walk_ready(walk), 0);
			pdk_snapshot_walk_free(walk);
			g_autoptr(GBytes) body = g_bytes_new_take(out.data, out.length);
			load_whole(other, body, 512);
			CU_ASSERT_EQUAL(pdk_tree_digest(other), digest);
			model_compare(begin, other, false);
			model_compare(model->nodes, tree, true);
		}
	}
}

static void
everything_may_be_deleted_under_the_walk(void)
{
	g_autoptr(PdkTree) tree = pdk_tree_new(&settings), other = pdk_tree_new(&settings);
	g_autoptr(Model) model = model_new(tree, 3);
	for (unsigned i = 0; i < 500; i++)
		model_step(model);
	g_autoptr(ModelNodes) begin = model_copy(model);
	PdkSnapshotWalk *walk = pdk_snapshot_walk_new(tree, NULL, 0);
	pdk_snapshot_walk_step(walk, 20);
	model_delete_all(model);
	for (unsigned i = 0; i < 100; i++)
		model_step(model);
	PdkBuffer out = {0};
	while (pdk_snapshot_walk_step(walk, 10))
		append_taken(walk, &out);
	append_taken(walk, &out);
	pdk_snapshot_walk_free(walk);
	g_autoptr(GBytes) body = g_bytes_new_take(out.data, out.length);
	load_whole(other, body, 1 << 20);
	model_compare(begin, other, false);
}

static void
walks_given_up_do_not_spoil_later_ones(void)
{
	g_autoptr(PdkTree) tree = pdk_tree_new(&settings), other = pdk_tree_new(&settings);
	g_autoptr(Model) model = model_new(tree, 9);
	for (unsigned i = 0; i < 700; i++) {
		model_step(model);
		PdkSnapshotWalk *walk = pdk_snapshot_walk_new(tree, NULL, 0);
		pdk_snapshot_walk_step(walk, (unsigned)pdk_random_below(&model->random, 20));
		model_step(model);
		pdk_snapshot_walk_free(walk);
		if (i % 51 != 0 && i < 695)
			continue;
		g_autoptr(GBytes) body = write_whole(tree, NULL, 0);
		load_whole(other, body, 1 << 20);
		model_compare(model->nodes, other, false);
	}
}

/*
 * Marks are numbers of eight bits: the one that a walk left on a node must not be taken for that of a walk
 * 256 later.
 */
static void
however_many_walks_are_given_up_no_mark_is_taken_for_another(void)
{
	for (unsigned given_up = 250; given_up <= 260; given_up++) {
		g_autoptr(PdkTree) tree = pdk_tree_new(&settings), other = pdk_tree_new(&settings);
		PdkNode quota = pdk_tree_find(tree, "/zookeeper/quota", 16);
		for (unsigned i = 0; i < given_up; i++) {
			PdkSnapshotWalk *walk = pdk_snapshot_walk_new(tree, NULL, 0);
			const PdkStat stat = {.version = 1};
			if (i == 0)
				pdk_tree_set_stat(tree, quota, &stat);
			pdk_snapshot_walk_free(walk);
		}
		g_autoptr(GBytes) body = write_whole(tree, NULL, 0);
		load_whole(other, body, 1 << 20);
		CU_ASSERT_EQUAL(pdk_tree_node_count(other), 4);
		CU_ASSERT_EQUAL(pdk_tree_digest(other), pdk_tree_digest(tree));
	}
}

static void
a_step_ends_early_after_a_mebibyte(void)
{
	g_autoptr(PdkTree) tree = pdk_tree_new(&settings);
	g_autofree uint8_t *data = g_malloc0(400000);
	PdkStat stat = {0};
	for (char name = 'a'; name <= 'z'; name++)
		pdk_tree_insert(tree, pdk_tree_root(tree), &name, 1, data, 400000, PDK_ACL_OPEN, &stat);
	PdkSnapshotWalk *walk = pdk_snapshot_walk_new(tree, NULL, 0);
	CU_ASSERT_TRUE(pdk_snapshot_walk_step(walk, 1000));
	CU_ASSERT_TRUE(pdk_snapshot_walk_ready(walk) < (2 << 20));
	unsigned steps = 1;
	while (pdk_snapshot_walk_step(walk, 1000))
		steps++;
	CU_ASSERT_TRUE(steps >= 8);
	pdk_snapshot_walk_free(walk);
}

static void
an_acl_number_that_is_not_in_the_map_gives_nobody_a_permission(void)
{
	PdkBuffer out = {0};
	pdk_put_int(&out, 0);
	pdk_put_int(&out, 0);
	const PdkStat none = {0};
	put_node(&out, "", "", -1, &none);
	put_node(&out, "/a", NULL, 77, &none);
	pdk_put_string(&out, "/");
	g_autoptr(GBytes) body = g_bytes_new_take(out.data, out.length);
	g_autoptr(PdkTree) tree = pdk_tree_new(&settings);
	size_t consumed, length;
	PdkSnapshotLoad *load = pdk_snapshot_load_new(tree, out.length, NULL, NULL);
	CU_ASSERT_EQUAL(feed(load, body, 100, &consumed, NULL), PDK_LOAD_DONE);
	CU_ASSERT_EQUAL(pdk_snapshot_load_strays(load), 1);
	pdk_snapshot_load_free(load);
	PdkNode node = pdk_tree_find(tree, "/a", 2);
	const uint8_t *acl = pdk_acls_encoding(pdk_tree_acls(tree), pdk_tree_acl(tree, node), &length);
	CU_ASSERT_EQUAL(length, 27);
	CU_ASSERT_EQUAL(pdk_load_u32(acl), 1);     /* one entry */
	CU_ASSERT_EQUAL(pdk_load_u32(acl + 4), 0); /* that gives no permission */
	int32_t data_length;
	pdk_tree_data(tree, node, &data_length);
	CU_ASSERT_EQUAL(data_length, -1);
}

static void
lists_without_a_node_are_dropped_after_the_load(void)
{
	PdkBuffer out = {0};
	pdk_put_int(&out, 0);
	pdk_put_int(&out, 2);
	put_list(&out, 9, PDK_PERM_READ);
	put_list(&out, 4000000000, PDK_PERM_WRITE);
	const PdkStat none = {0};
	put_node(&out, "", "", 4000000000, &none);
	pdk_put_string(&out, "/");
	g_autoptr(GBytes) body = g_bytes_new_take(out.data, out.length);
	g_autoptr(PdkTree) tree = pdk_tree_new(&settings);
	load_whole(tree, body, 1000);
	CU_ASSERT_EQUAL(pdk_acls_count(pdk_tree_acls(tree)), 1);
}

/* Loads @out (and frees it); it must be refused at @offset. */
static void
refused(PdkBuffer out, uint64_t offset)
{
	g_autoptr(GBytes) body = g_bytes_new_take(out.data, out.length);
	g_autoptr(PdkTree) tree = pdk_tree_new(&settings);
	for (size_t part = 1; part <= out.length; part += 6) {
		g_autoptr(GError) error = NULL;
		size_t consumed;
		PdkSnapshotLoad *load = pdk_snapshot_load_new(tree, out.length, NULL, NULL);
		CU_ASSERT_EQUAL(feed(load, body, part, &consumed, &error), PDK_LOAD_BAD);
		CU_ASSERT_PTR_NOT_NULL_FATAL(error);
		g_autofree char *where = g_strdup_printf("offset %" G_GUINT64_FORMAT ":", offset);
		CU_ASSERT_PTR_NOT_NULL(strstr(error->message, where));
		pdk_snapshot_load_free(load);
		pdk_tree_check(tree);
	}
}

static PdkBuffer
begun(bool root)
{
	PdkBuffer out = {0};
	const PdkStat none = {0};
	pdk_put_int(&out, 0);
	pdk_put_int(&out, 0);
	if (root)
		put_node(&out, "", "", -1, &none);
	return out;
}

static void
what_cannot_be_a_body_is_refused_with_its_offset(void)
{
	const PdkStat none = {0}, owned = {.owner = 5};
	static const char *const paths[] = {"a", "/a/", "//", "//a", "/x/a", "", "/zookeeper//a"};
	for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
		PdkBuffer out = begun(true);
		size_t offset = out.length;
		put_node(&out, paths[i], "", -1, &none);
		refused(out, offset);
	}
	PdkBuffer out = begun(true);
	put_node(&out, "/a", "", -1, &none);
	size_t offset = out.length;
	put_node(&out, "/a", "", -1, &none);
	refused(out, offset);
	out = begun(false);
	put_node(&out, "/a", "", -1, &none);
	refused(out, 8);
	out = begun(false);
	put_node(&out, "", "", -1, &owned);
	refused(out, 8);
	out = begun(false);
	pdk_put_string(&out, "/");
	refused(out, 8);
	static const int32_t lengths[] = {-2, INT32_MIN, INT32_MAX, -1};
	for (size_t i = 0; i < G_N_ELEMENTS(lengths); i++) {
		out = begun(true);
		offset = out.length;
		pdk_put_int(&out, lengths[i]);
		refused(out, offset);
		if (lengths[i] == -1)
			continue;
		out = begun(true);
		pdk_put_string(&out, "/a");
		pdk_put_int(&out, lengths[i]);
		refused(out, offset);
	}
	out = (PdkBuffer){0};
	pdk_put_int(&out, -1);
	refused(out, 0);
	out = (PdkBuffer){0};
	pdk_put_int(&out, 0);
	pdk_put_int(&out, -1);
	refused(out, 4);
	out = (PdkBuffer){0};
	pdk_put_int(&out, 0);
	pdk_put_int(&out, 2);
	put_list(&out, 7, 1);
	offset = out.length;
	put_list(&out, 7, 2);
	refused(out, offset);
}

#define CASE(name) CU_add_test(suite, #name, name)

int
main(void)
{
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 99;
	CU_pSuite suite = CU_add_suite("snapshot", NULL, NULL);
	CASE(what_java_wrote_is_read_and_written_byte_for_byte);
	CASE(a_body_may_be_cut_anywhere);
	CASE(bytes_behind_the_end_are_left_alone);
	CASE(changes_during_the_walk_do_not_show);
	CASE(everything_may_be_deleted_under_the_walk);
	CASE(walks_given_up_do_not_spoil_later_ones);
	CASE(however_many_walks_are_given_up_no_mark_is_taken_for_another);
	CASE(a_step_ends_early_after_a_mebibyte);
	CASE(an_acl_number_that_is_not_in_the_map_gives_nobody_a_permission);
	CASE(lists_without_a_node_are_dropped_after_the_load);
	CASE(what_cannot_be_a_body_is_refused_with_its_offset);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Proves the tree by single cases and beside a table of paths. */
#include "data/tree.h"
#include "tree_model.h"

#include <CUnit/Basic.h>
#include <stdio.h>

static const PdkTreeSettings settings = {.digest = true, .extended_types = true};

static PdkNode
insert(PdkTree *tree, const char *path, const char *data, int64_t owner)
{
	size_t length = strlen(path);
	const char *name = strrchr(path, '/') + 1;
	PdkNode parent = pdk_tree_find(tree, path, (size_t)(name - 1 - path));
	PdkStat stat = {.czxid = 1, .mzxid = 1, .pzxid = 1, .owner = owner};
	return pdk_tree_insert(tree, parent, name, length - (size_t)(name - path), (const uint8_t *)data,
			       data ? (int32_t)strlen(data) : -1, PDK_ACL_OPEN, &stat);
}

static void
a_fresh_tree_is_that_of_a_fresh_java_server(void)
{
	g_autoptr(PdkTree) tree = pdk_tree_new(&settings);
	CU_ASSERT_EQUAL(pdk_tree_digest(tree), 0x51c6d660);
	CU_ASSERT_EQUAL(pdk_tree_node_count(tree), 4);
	CU_ASSERT_EQUAL(pdk_tree_data_size(tree), 44);
	PdkNode config = pdk_tree_find(tree, "/zookeeper/config", 17);
	PdkStat stat;
	pdk_tree_stat(tree, config, &stat);
	CU_ASSERT_EQUAL(stat.aversion, -1);
	size_t length;
	const uint8_t *acl = pdk_acls_encoding(pdk_tree_acls(tree), pdk_tree_acl(tree, config), &length);
	g_autoptr(GBytes) expected = model_acl(PDK_PERM_READ, "world", "anyone");
	g_autoptr(GBytes) found = g_bytes_new(acl, length);
	CU_ASSERT_TRUE(g_bytes_equal(found, expected));
	CU_ASSERT_EQUAL(pdk_tree_acl(tree, pdk_tree_find(tree, "/zookeeper/quota", 16)), PDK_ACL_OPEN);
	pdk_tree_check(tree);
}

static void
bad_paths_are_simply_not_there(void)
{
	g_autoptr(PdkTree) tree = pdk_tree_new(&settings);
	insert(tree, "/a", "", 0);
	insert(tree, "/a/b", "", 0);
	static const char *const bad[] = {"a",	   "//",   "//a", "/a/", "/a//b",
					  "/a/b/", "/a/c", "/ab", "a/b", "/a/b/c"};
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		CU_ASSERT_EQUAL(pdk_tree_find(tree, bad[i], strlen(bad[i])), 0);
	CU_ASSERT_EQUAL(pdk_tree_find(tree, "", 0), pdk_tree_root(tree));
	CU_ASSERT_EQUAL(pdk_tree_find(tree, "/", 1), pdk_tree_root(tree));
	PdkNode b = pdk_tree_find(tree, "/a/b", 4);
	CU_ASSERT_EQUAL(pdk_tree_parent(tree, b), pdk_tree_find(tree, "/a", 2));
	CU_ASSERT_EQUAL(pdk_tree_parent(tree, pdk_tree_root(tree)), 0);
}

static void
a_tree_behaves_as_a_table_of_paths_does(void)
{
	for (uint64_t seed = 1; seed <= 8; seed++) {
		g_autoptr(PdkTree) tree = pdk_tree_new(&settings);
		g_autoptr(Model) model = model_new(tree, seed);
		for (unsigned i = 0; i < 3000; i++) {
			model_step(model);
			if (i % 500 == 0)
				model_compare(model->nodes, tree, true);
		}
		model_compare(model->nodes, tree, true);
		model_delete_all(model);
		model_compare(model->nodes, tree, true);
	}
}

static void
two_trees_of_different_seeds_tell_the_same(void)
{
	PdkTreeSettings other = settings;
	other.seed = 0x1234567890abcdef;
	g_autoptr(PdkTree) a = pdk_tree_new(&settings), b = pdk_tree_new(&other);
	g_autoptr(Model) model_a = model_new(a, 77), model_b = model_new(b, 77);
	for (unsigned i = 0; i < 2000; i++) {
		model_step(model_a);
		model_step(model_b);
	}
	CU_ASSERT_EQUAL(pdk_tree_digest(a), pdk_tree_digest(b));
	model_compare(model_a->nodes, b, true);
}

static void
without_the_digest_nothing_is_summed(void)
{
	const PdkTreeSettings off = {.extended_types = true};
	g_autoptr(PdkTree) tree = pdk_tree_new(&off);
	PdkNode node = insert(tree, "/a", "data", 0);
	CU_ASSERT_EQUAL(pdk_tree_digest(tree), 0);
	CU_ASSERT_EQUAL(pdk_tree_digest_prefix(tree, node), 0);
	pdk_tree_check(tree);
}

static void
long_names_and_large_data_survive_changes(void)
{
	g_autoptr(PdkTree) tree = pdk_tree_new(&settings);
	static const size_t lengths[] = {1, 4351, 4352, 4353, 65534, 65535, 65536, 300000};
	g_autofree uint8_t *data = g_malloc(100000);
	memset(data, 'd', 100000);
	for (size_t i = 0; i < G_N_ELEMENTS(lengths); i++) {
		g_autofree char *name = g_strnfill(lengths[i], 'n');
		PdkStat stat = {.czxid = (int64_t)i};
		PdkNode node = pdk_tree_insert(tree, pdk_tree_root(tree), name, lengths[i], data, 5,
					       PDK_ACL_OPEN, &stat);
		static const int32_t sizes[] = {0, 4095, 4096, 100000, 4096, 10, -1, 4095, -1, 70000};
		for (size_t j = 0; j < G_N_ELEMENTS(sizes); j++) {
			pdk_tree_set_data(tree, node, data, sizes[j], &stat);
			size_t length;
			int32_t size;
			const char *found = pdk_tree_name(tree, node, &length);
			CU_ASSERT_EQUAL_FATAL(length, lengths[i]);
			CU_ASSERT_EQUAL(memcmp(found, name, length), 0);
			const uint8_t *kept = pdk_tree_data(tree, node, &size);
			CU_ASSERT_EQUAL_FATAL(size, sizes[j]);
			CU_ASSERT_TRUE(size <= 0 || memcmp(kept, data, (size_t)size) == 0);
		}
		pdk_tree_check(tree);
	}
	pdk_tree_clear(tree, 0);
	CU_ASSERT_EQUAL(pdk_tree_node_count(tree), 1);
	pdk_tree_check(tree);
}

static void
large_data_is_a_block_that_outlives_the_node(void)
{
	g_autoptr(PdkTree) tree = pdk_tree_new(&settings);
	g_autofree char *data = g_strnfill(4096, 'x');
	PdkNode node = insert(tree, "/large", data, 0);
	g_autoptr(GBytes) block = g_bytes_ref(pdk_tree_data_block(tree, node));
	pdk_tree_remove(tree, node);
	CU_ASSERT_EQUAL(memcmp(g_bytes_get_data(block, NULL), data, 4096), 0);
	PdkNode small = insert(tree, "/small", "x", 0);
	CU_ASSERT_PTR_NULL(pdk_tree_data_block(tree, small));
}

static void
the_wire_stat_counts_creations_and_deletions_of_children(void)
{
	g_autoptr(PdkTree) tree = pdk_tree_new(&settings);
	PdkNode node = insert(tree, "/a", "12345", 0);
	insert(tree, "/a/b", NULL, 0x42);
	PdkStat stat = {.czxid = 1,
			.mzxid = 2,
			.ctime = 3,
			.mtime = 4,
			.version = 5,
			.cversion = 6,
			.aversion = 7,
			.pzxid = 8};
	pdk_tree_set_stat(tree, node, &stat);
	PdkBuffer out = {0};
	pdk_tree_put_stat(tree, node, &out);
	CU_ASSERT_EQUAL(out.length, PDK_STAT_WIRE_BYTES);
	CU_ASSERT_EQUAL(pdk_load_u32(out.data + 36), 2 * 6 - 1);
	CU_ASSERT_EQUAL(pdk_load_u32(out.data + 52), 5);
	CU_ASSERT_EQUAL(pdk_load_u32(out.data + 56), 1);
	out.length = 0;
	pdk_tree_put_stat(tree, pdk_tree_find(tree, "/a/b", 4), &out);
	CU_ASSERT_EQUAL(pdk_load_u64(out.data + 44), 0x42);
	CU_ASSERT_EQUAL(pdk_load_u32(out.data + 52), 0);
	pdk_buffer_clear(&out);
}

static void
ephemerals_are_listed_while_they_are_removed(void)
{
	g_autoptr(PdkTree) tree = pdk_tree_new(&settings);
	char path[32];
	for (unsigned i = 0; i < 10; i++) {
		snprintf(path, sizeof(path), "/e%u", i);
		insert(tree, path, "", 1 + i % 2);
	}
	CU_ASSERT_EQUAL(pdk_tree_ephemeral_count(tree), 10);
	unsigned removed = 0;
	for (PdkNode node; (node = pdk_tree_next_ephemeral(tree, 1, 0)) != 0; removed++) {
		pdk_tree_remove(tree, node);
		pdk_tree_check(tree);
	}
	CU_ASSERT_EQUAL(removed, 5);
	uint64_t cursor = 0, count;
	int64_t session;
	CU_ASSERT_TRUE(pdk_tree_next_ephemeral_owner(tree, &cursor, &session, &count));
	CU_ASSERT_TRUE(session == 2 && count == 5);
	CU_ASSERT_FALSE(pdk_tree_next_ephemeral_owner(tree, &cursor, &session, &count));
}

static void
flags_of_other_modules_stay_until_the_node_goes(void)
{
	g_autoptr(PdkTree) tree = pdk_tree_new(&settings);
	PdkNode node = insert(tree, "/zookeeper/x", "", 0);
	CU_ASSERT_EQUAL(pdk_tree_flags(tree, node), 0);
	pdk_tree_set_flags(tree, node, PDK_NODE_WATCHED, 0);
	PdkStat stat = {.czxid = 9};
	pdk_tree_set_data(tree, node, NULL, 0, &stat);
	CU_ASSERT_EQUAL(pdk_tree_flags(tree, node), PDK_NODE_WATCHED);
	pdk_tree_set_flags(tree, node, 0, PDK_NODE_WATCHED);
	CU_ASSERT_EQUAL(pdk_tree_flags(tree, node), 0);
	pdk_tree_check(tree);
}

static void
descendants_are_counted_without_the_node_itself(void)
{
	g_autoptr(PdkTree) tree = pdk_tree_new(&settings);
	static const char *const paths[] = {"/a", "/a/b", "/a/b/c", "/a/b/d", "/a/e", "/f"};
	for (size_t i = 0; i < G_N_ELEMENTS(paths); i++)
		insert(tree, paths[i], "", 0);
	CU_ASSERT_EQUAL(pdk_tree_descendants(tree, pdk_tree_find(tree, "/a", 2)), 4);
	CU_ASSERT_EQUAL(pdk_tree_descendants(tree, pdk_tree_find(tree, "/f", 2)), 0);
	CU_ASSERT_EQUAL(pdk_tree_descendants(tree, pdk_tree_root(tree)), 9);
}

static void
clearing_leaves_a_root_and_system_nodes_come_back(void)
{
	g_autoptr(PdkTree) tree = pdk_tree_new(&settings);
	g_autoptr(Model) model = model_new(tree, 5);
	for (unsigned i = 0; i < 1000; i++)
		model_step(model);
	pdk_tree_clear(tree, 1000);
	pdk_tree_check(tree);
	CU_ASSERT_EQUAL(pdk_tree_node_count(tree), 1);
	CU_ASSERT_EQUAL(pdk_acls_count(pdk_tree_acls(tree)), 0);
	CU_ASSERT_EQUAL(pdk_tree_find(tree, "/zookeeper", 10), 0);
	pdk_tree_add_system_nodes(tree);
	pdk_tree_add_system_nodes(tree);
	CU_ASSERT_EQUAL(pdk_tree_digest(tree), 0x51c6d660);
	pdk_tree_check(tree);
}

#define CASE(name) CU_add_test(suite, #name, name)

int
main(void)
{
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 99;
	CU_pSuite suite = CU_add_suite("tree", NULL, NULL);
	CASE(a_fresh_tree_is_that_of_a_fresh_java_server);
	CASE(bad_paths_are_simply_not_there);
	CASE(a_tree_behaves_as_a_table_of_paths_does);
	CASE(two_trees_of_different_seeds_tell_the_same);
	CASE(without_the_digest_nothing_is_summed);
	CASE(long_names_and_large_data_survive_changes);
	CASE(large_data_is_a_block_that_outlives_the_node);
	CASE(the_wire_stat_counts_creations_and_deletions_of_children);
	CASE(ephemerals_are_listed_while_they_are_removed);
	CASE(flags_of_other_modules_stay_until_the_node_goes);
	CASE(descendants_are_counted_without_the_node_itself);
	CASE(clearing_leaves_a_root_and_system_nodes_come_back);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Proves how quota texts are read, kept up and enforced. */
#include "base/random.h"
#include "data/quota.h"

#include <CUnit/Basic.h>
#include <stdio.h>

static const PdkTreeSettings settings = {.digest = true};

static PdkNode
find(PdkTree *tree, const char *path)
{
	return pdk_tree_find(tree, path, strlen(path));
}

/* Creates the node, with its missing ancestors, as applied txns would. */
static void
create(PdkTree *tree, PdkQuotas *quotas, const char *path, const char *data)
{
	const char *name = strrchr(path, '/') + 1;
	g_autofree char *parent = g_strndup(path, (size_t)(name - 1 - path));
	if (find(tree, parent) == 0)
		create(tree, quotas, parent, "");
	const PdkStat stat = {.czxid = 1, .mzxid = 1, .pzxid = 1};
	int32_t length = data ? (int32_t)strlen(data) : -1;
	PdkNode node = pdk_tree_insert(tree, find(tree, parent), name, strlen(name), (const uint8_t *)data,
				       length, PDK_ACL_OPEN, &stat);
	pdk_quotas_created(quotas, node, path, strlen(path), length);
}

static void
change(PdkTree *tree, PdkQuotas *quotas, const char *path, const char *data)
{
	PdkNode node = find(tree, path);
	int32_t old, length = data ? (int32_t)strlen(data) : -1;
	pdk_tree_data(tree, node, &old);
	PdkStat stat;
	pdk_tree_stat(tree, node, &stat);
	pdk_tree_set_data(tree, node, (const uint8_t *)data, length, &stat);
	pdk_quotas_changed(quotas, path, strlen(path), old, length);
}

static void
drop(PdkTree *tree, PdkQuotas *quotas, const char *path)
{
	PdkNode node = find(tree, path);
	int32_t length;
	pdk_tree_data(tree, node, &length);
	pdk_tree_remove(tree, node);
	pdk_quotas_deleted(quotas, path, strlen(path), length);
}

static void
shows(PdkTree *tree, const char *path, const char *expected)
{
	PdkNode node = find(tree, path);
	CU_ASSERT_NOT_EQUAL_FATAL(node, 0);
	int32_t length;
	const uint8_t *data = pdk_tree_data(tree, node, &length);
	CU_ASSERT_TRUE((size_t)length == strlen(expected) && memcmp(data, expected, (size_t)length) == 0);
}

static PdkCode
allow(PdkQuotas *quotas, const char *path, int64_t count, int64_t bytes)
{
	return pdk_quotas_allow(quotas, path, strlen(path), count, bytes, NULL);
}

static void
texts_are_read_as_java_reads_them(void)
{
	static const struct {
		const char *text;
		bool good;
		PdkQuota quota;
	} cases[] = {
		{"", true, {-1, -1, -1, -1}},
		{"count=3,bytes=20", true, {3, 20, -1, -1}},
		{"count=3,bytes=20=;byteHardLimit=30;countHardLimit=4", true, {3, 20, 4, 30}},
		{"bytes=-1;;,count=+7,", true, {7, -1, -1, -1}},
		{"count==5,bytes=1=x", true, {-1, 1, -1, -1}},
		{"count=1,count=2,color=9", true, {2, -1, -1, -1}},
		{",;", true, {-1, -1, -1, -1}},
		{"count=-9223372036854775808", true, {INT64_MIN, -1, -1, -1}},
		{"count=9223372036854775807", true, {INT64_MAX, -1, -1, -1}},
		{"count=9223372036854775808", false, {0}},
		{"count=-9223372036854775809", false, {0}},
		{",count=1", false, {0}},
		{"count=", false, {0}},
		{"count==", false, {0}},
		{"=", false, {0}},
		{"count", false, {0}},
		{"count= 1", false, {0}},
		{"count=1 ", false, {0}},
		{"count=-", false, {0}},
		{"count=x", false, {0}},
		{"color=blue", false, {0}},
		{"garbage", false, {0}},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		size_t length = strlen(cases[i].text);
		g_autofree uint8_t *exact = g_memdup2(cases[i].text, length);
		PdkQuota quota;
		CU_ASSERT_EQUAL(pdk_quota_parse(exact, (int32_t)length, &quota), cases[i].good);
		CU_ASSERT_TRUE(!cases[i].good || memcmp(&quota, &cases[i].quota, sizeof(quota)) == 0);
	}
	PdkQuota quota;
	CU_ASSERT_FALSE(pdk_quota_parse(NULL, -1, &quota));
}

static void
usage_follows_every_change_of_the_subtree(void)
{
	g_autoptr(PdkTree) tree = pdk_tree_new(&settings);
	g_autoptr(PdkQuotas) quotas = pdk_quotas_new(tree);
	create(tree, quotas, "/a/b", "12345");
	CU_ASSERT_FALSE(pdk_quotas_any(quotas));
	create(tree, quotas, "/zookeeper/quota/a/zookeeper_limits", "count=10,bytes=100");
	CU_ASSERT_TRUE(pdk_quotas_any(quotas));
	create(tree, quotas, "/zookeeper/quota/a/zookeeper_stats", "count=0,bytes=0");
	uint64_t digest = pdk_tree_digest(tree);
	shows(tree, "/zookeeper/quota/a/zookeeper_stats", "count=2,bytes=5");
	create(tree, quotas, "/a/c", "123");
	shows(tree, "/zookeeper/quota/a/zookeeper_stats", "count=3,bytes=8");
	change(tree, quotas, "/a/c", NULL);
	shows(tree, "/zookeeper/quota/a/zookeeper_stats", "count=3,bytes=5");
	change(tree, quotas, "/a", "xy");
	shows(tree, "/zookeeper/quota/a/zookeeper_stats", "count=3,bytes=7");
	drop(tree, quotas, "/a/b");
	shows(tree, "/zookeeper/quota/a/zookeeper_stats", "count=2,bytes=2");
	create(tree, quotas, "/ab", "outside");
	shows(tree, "/zookeeper/quota/a/zookeeper_stats", "count=2,bytes=2");
	drop(tree, quotas, "/zookeeper/quota/a/zookeeper_limits");
	CU_ASSERT_FALSE(pdk_quotas_any(quotas));
	create(tree, quotas, "/a/d", "");
	shows(tree, "/zookeeper/quota/a/zookeeper_stats", "count=2,bytes=2");
	PdkStat stat;
	pdk_tree_stat(tree, find(tree, "/zookeeper/quota/a/zookeeper_stats"), &stat);
	CU_ASSERT_TRUE(stat.mzxid == 1 && stat.version == 0);
	CU_ASSERT_NOT_EQUAL(pdk_tree_digest(tree), digest);
	pdk_tree_check(tree);
}

static void
only_the_nearest_quota_is_kept_up(void)
{
	g_autoptr(PdkTree) tree = pdk_tree_new(&settings);
	g_autoptr(PdkQuotas) quotas = pdk_quotas_new(tree);
	create(tree, quotas, "/a/b/c", "");
	create(tree, quotas, "/zookeeper/quota/a/zookeeper_limits", "count=10");
	create(tree, quotas, "/zookeeper/quota/a/zookeeper_stats", "");
	create(tree, quotas, "/zookeeper/quota/a/b/zookeeper_limits", "count=10");
	create(tree, quotas, "/zookeeper/quota/a/b/zookeeper_stats", "");
	shows(tree, "/zookeeper/quota/a/zookeeper_stats", "count=3,bytes=0");
	create(tree, quotas, "/a/b/c/d", "1");
	create(tree, quotas, "/a/x", "22");
	shows(tree, "/zookeeper/quota/a/zookeeper_stats", "count=4,bytes=2");
	shows(tree, "/zookeeper/quota/a/b/zookeeper_stats", "count=3,bytes=1");
}

static void
a_root_quota_is_ignored_and_spoilt_usage_counted_anew(void)
{
	g_autoptr(PdkTree) tree = pdk_tree_new(&settings);
	g_autoptr(PdkQuotas) quotas = pdk_quotas_new(tree);
	create(tree, quotas, "/zookeeper/quota/zookeeper_limits", "count=1");
	create(tree, quotas, "/zookeeper/quota/zookeeper_stats", "");
	CU_ASSERT_FALSE(pdk_quotas_any(quotas));
	shows(tree, "/zookeeper/quota/zookeeper_stats", "");
	create(tree, quotas, "/a", "");
	CU_ASSERT_EQUAL(allow(quotas, "/a", 1, 0), PDK_OK);
	create(tree, quotas, "/zookeeper/quota/a/zookeeper_limits", "countHardLimit=5");
	create(tree, quotas, "/zookeeper/quota/a/zookeeper_stats", "");
	change(tree, quotas, "/zookeeper/quota/a/zookeeper_stats", "rubbish");
	create(tree, quotas, "/a/b", "123");
	shows(tree, "/zookeeper/quota/a/zookeeper_stats", "count=2,bytes=3");
	change(tree, quotas, "/zookeeper/quota/a/zookeeper_stats", "rubbish");
	CU_ASSERT_EQUAL(allow(quotas, "/a/c", 1, 0), PDK_OK);
	drop(tree, quotas, "/zookeeper/quota/zookeeper_stats");
	drop(tree, quotas, "/zookeeper/quota/zookeeper_limits");
	CU_ASSERT_TRUE(pdk_quotas_any(quotas));
	drop(tree, quotas, "/zookeeper/quota/a/zookeeper_stats");
	create(tree, quotas, "/a/d", "");
	CU_ASSERT_EQUAL(allow(quotas, "/a/c", 100, 0), PDK_OK);
}

static void
hard_limits_refuse_and_soft_limits_tell(void)
{
	g_autoptr(PdkTree) tree = pdk_tree_new(&settings);
	g_autoptr(PdkQuotas) quotas = pdk_quotas_new(tree);
	create(tree, quotas, "/a/b", "12345");
	create(tree, quotas, "/zookeeper/quota/a/zookeeper_limits",
	       "count=1,bytes=8=;byteHardLimit=10;countHardLimit=3");
	create(tree, quotas, "/zookeeper/quota/a/zookeeper_stats", "");
	CU_ASSERT_EQUAL(allow(quotas, "/a/c", 1, 5), PDK_OK);
	CU_ASSERT_EQUAL(allow(quotas, "/a/c", 1, 6), PDK_ERR_QUOTA_EXCEEDED);
	CU_ASSERT_EQUAL(allow(quotas, "/a/c", 2, 0), PDK_ERR_QUOTA_EXCEEDED);
	CU_ASSERT_EQUAL(allow(quotas, "/a/b", 0, 5), PDK_OK);
	CU_ASSERT_EQUAL(allow(quotas, "/a/b", 0, -5), PDK_OK);
	CU_ASSERT_EQUAL(allow(quotas, "/b", 100, 100), PDK_OK);
	CU_ASSERT_EQUAL(allow(quotas, "/a", 0, 6), PDK_ERR_QUOTA_EXCEEDED);
	CU_ASSERT_EQUAL(allow(quotas, "/", 100, 100), PDK_OK);
	change(tree, quotas, "/zookeeper/quota/a/zookeeper_limits", "count=2,bytes=5");
	bool soft = true;
	CU_ASSERT_EQUAL(pdk_quotas_allow(quotas, "/a/b", 4, 0, 0, &soft), PDK_OK);
	CU_ASSERT_FALSE(soft);
	CU_ASSERT_EQUAL(pdk_quotas_allow(quotas, "/a/c", 4, 1, 0, &soft), PDK_OK);
	CU_ASSERT_TRUE(soft);
	CU_ASSERT_EQUAL(pdk_quotas_allow(quotas, "/a/b", 4, 0, 1, &soft), PDK_OK);
	CU_ASSERT_TRUE(soft);
	change(tree, quotas, "/zookeeper/quota/a/zookeeper_limits", "");
	CU_ASSERT_EQUAL(allow(quotas, "/a/c", 1000, 1000), PDK_OK);
}

static void
limits_that_cannot_be_read_refuse_with_a_marshalling_error(void)
{
	g_autoptr(PdkTree) tree = pdk_tree_new(&settings);
	g_autoptr(PdkQuotas) quotas = pdk_quotas_new(tree);
	create(tree, quotas, "/a", "");
	create(tree, quotas, "/zookeeper/quota/a/zookeeper_limits", "many");
	CU_ASSERT_EQUAL(allow(quotas, "/a/b", 1, 0), PDK_ERR_MARSHALLING);
	change(tree, quotas, "/zookeeper/quota/a/zookeeper_limits", NULL);
	CU_ASSERT_EQUAL(allow(quotas, "/a/b", 1, 0), PDK_ERR_MARSHALLING);
	CU_ASSERT_EQUAL(allow(quotas, "/b", 1, 0), PDK_OK);
}

static void
a_load_finds_limits_again_and_recounts(void)
{
	g_autoptr(PdkTree) tree = pdk_tree_new(&settings);
	g_autoptr(PdkQuotas) quotas = pdk_quotas_new(tree), after = pdk_quotas_new(tree);
	create(tree, quotas, "/a/b/c", "123");
	create(tree, quotas, "/x", "1");
	create(tree, quotas, "/zookeeper/quota/zookeeper_limits", "");
	create(tree, quotas, "/zookeeper/quota/a/b/zookeeper_limits", "count=10");
	create(tree, quotas, "/zookeeper/quota/a/b/zookeeper_stats", "");
	create(tree, quotas, "/zookeeper/quota/x/zookeeper_limits", "count=10");
	create(tree, quotas, "/zookeeper/quota/x/zookeeper_stats", "");
	create(tree, quotas, "/zookeeper/quota/gone/zookeeper_limits", "count=10");
	create(tree, quotas, "/zookeeper/quota/gone/zookeeper_stats", "count=9,bytes=9");
	change(tree, quotas, "/zookeeper/quota/a/b/zookeeper_stats", "count=77,bytes=77");
	pdk_quotas_reload(after);
	CU_ASSERT_TRUE(pdk_quotas_any(after));
	shows(tree, "/zookeeper/quota/a/b/zookeeper_stats", "count=2,bytes=3");
	shows(tree, "/zookeeper/quota/x/zookeeper_stats", "count=1,bytes=1");
	shows(tree, "/zookeeper/quota/gone/zookeeper_stats", "count=0,bytes=0");
	drop(tree, after, "/zookeeper/quota/a/b/zookeeper_limits");
	drop(tree, after, "/zookeeper/quota/x/zookeeper_limits");
	CU_ASSERT_TRUE(pdk_quotas_any(after));
	drop(tree, after, "/zookeeper/quota/gone/zookeeper_limits");
	CU_ASSERT_FALSE(pdk_quotas_any(after));
}

static void
usage_kept_up_is_usage_recounted(void)
{
	g_autoptr(PdkTree) tree = pdk_tree_new(&settings);
	g_autoptr(PdkQuotas) quotas = pdk_quotas_new(tree);
	create(tree, quotas, "/q", "");
	create(tree, quotas, "/zookeeper/quota/q/zookeeper_limits", "count=10");
	create(tree, quotas, "/zookeeper/quota/q/zookeeper_stats", "");
	PdkRandom random = pdk_random(12);
	for (unsigned i = 0; i < 1000; i++) {
		char path[16];
		snprintf(path, sizeof(path), "/q/%u", (unsigned)pdk_random_below(&random, 20));
		g_autofree char *data = g_strnfill(pdk_random_below(&random, 30), 'd');
		if (find(tree, path) == 0)
			create(tree, quotas, path, data);
		else if (pdk_random_below(&random, 2) == 0)
			change(tree, quotas, path, data);
		else
			drop(tree, quotas, path);
	}
	int32_t length;
	const uint8_t *text = pdk_tree_data(tree, find(tree, "/zookeeper/quota/q/zookeeper_stats"), &length);
	g_autofree char *kept = g_strndup((const char *)text, (size_t)length);
	pdk_quotas_reload(quotas);
	shows(tree, "/zookeeper/quota/q/zookeeper_stats", kept);
}

#define CASE(name) CU_add_test(suite, #name, name)

int
main(void)
{
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 99;
	CU_pSuite suite = CU_add_suite("quota", NULL, NULL);
	CASE(texts_are_read_as_java_reads_them);
	CASE(usage_follows_every_change_of_the_subtree);
	CASE(only_the_nearest_quota_is_kept_up);
	CASE(a_root_quota_is_ignored_and_spoilt_usage_counted_anew);
	CASE(hard_limits_refuse_and_soft_limits_tell);
	CASE(limits_that_cannot_be_read_refuse_with_a_marshalling_error);
	CASE(a_load_finds_limits_again_and_recounts);
	CASE(usage_kept_up_is_usage_recounted);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Proves what owners mean, how a stat is laid out, and the digest of a known tree. */
#include "data/stat.h"

#include <CUnit/Basic.h>

static const PdkStat sample = {.czxid = 0x11,
			       .mzxid = 0x22,
			       .ctime = 0x33,
			       .mtime = 0x44,
			       .pzxid = 0x55,
			       .version = 6,
			       .cversion = 7,
			       .aversion = -1,
			       .owner = 0x0100001bd5810000};

static void
owners_mean_what_java_takes_them_for(void)
{
	int64_t ttl = pdk_owner_of_ttl(12345), old_ttl = (int64_t)0x80000000000004d2u;
	CU_ASSERT_EQUAL((uint64_t)ttl, 0xff00000000003039u);
	CU_ASSERT_EQUAL(pdk_owner_ttl(ttl), 12345);
	CU_ASSERT_EQUAL(pdk_owner_ttl(pdk_owner_of_ttl(PDK_TTL_MAX)), PDK_TTL_MAX);
	CU_ASSERT_EQUAL(pdk_owner_type(0, true, true), PDK_NODE_PLAIN);
	CU_ASSERT_EQUAL(pdk_owner_type(0x0100001bd5810000, true, true), PDK_NODE_EPHEMERAL);
	for (int extended = 0; extended < 2; extended++)
		CU_ASSERT_EQUAL(pdk_owner_type(PDK_OWNER_CONTAINER, extended, extended), PDK_NODE_CONTAINER);
	CU_ASSERT_EQUAL(pdk_owner_type(ttl, true, false), PDK_NODE_TTL);
	CU_ASSERT_EQUAL(pdk_owner_type(ttl, false, false), PDK_NODE_EPHEMERAL);
	CU_ASSERT_EQUAL(pdk_owner_type(old_ttl, true, true), PDK_NODE_TTL);
	CU_ASSERT_EQUAL(pdk_owner_type(old_ttl, true, false), PDK_NODE_EPHEMERAL);
	CU_ASSERT_EQUAL(pdk_owner_type(old_ttl, false, true), PDK_NODE_EPHEMERAL);
}

static void
the_wire_stat_shows_sessions_only_and_counts_both_ways(void)
{
	PdkBuffer out = {0};
	pdk_stat_put_wire(&out, &sample, PDK_NODE_EPHEMERAL, 99, 3);
	static const uint8_t expected[PDK_STAT_WIRE_BYTES] = {
		0, 0, 0, 0, 0,	0,  0,	  0x11, 0,    0,    0, 0, 0, 0,	   0,	 0x22, 0,
		0, 0, 0, 0, 0,	0,  0x33, 0,	0,    0,    0, 0, 0, 0,	   0x44, 0,    0,
		0, 6, 0, 0, 0,	11, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0x1b, 0xd5, 0x81, 0,
		0, 0, 0, 0, 99, 0,  0,	  0,	3,    0,    0, 0, 0, 0,	   0,	 0,    0x55};
	CU_ASSERT_EQUAL(out.length, sizeof(expected));
	CU_ASSERT_EQUAL(memcmp(out.data, expected, sizeof(expected)), 0);
	out.length = 0;
	pdk_stat_put_wire(&out, &sample, PDK_NODE_CONTAINER, -1, 0);
	CU_ASSERT_EQUAL(pdk_load_u64(out.data + 44), 0);
	CU_ASSERT_EQUAL(pdk_load_u32(out.data + 52), 0);
	CU_ASSERT_EQUAL(pdk_load_u32(out.data + 36), 14);
	pdk_buffer_clear(&out);
}

static void
the_counter_of_children_wraps_as_javas_does(void)
{
	PdkBuffer out = {0};
	const PdkStat full = {.cversion = INT32_MAX};
	pdk_stat_put_wire(&out, &full, PDK_NODE_PLAIN, 0, 1);
	CU_ASSERT_EQUAL((int32_t)pdk_load_u32(out.data + 36), -3);
	pdk_buffer_clear(&out);
}

static void
a_persisted_stat_reads_back(void)
{
	PdkBuffer out = {0};
	pdk_stat_put_persisted(&out, &sample);
	CU_ASSERT_EQUAL(out.length, 60);
	CU_ASSERT_EQUAL(pdk_load_u64(out.data + 44), (uint64_t)sample.owner);
	CU_ASSERT_EQUAL(pdk_load_u64(out.data + 52), 0x55);
	PdkStat stat;
	pdk_stat_load_persisted(&stat, out.data);
	PdkBuffer again = {0};
	pdk_stat_put_persisted(&again, &stat);
	CU_ASSERT_EQUAL(memcmp(out.data, again.data, 60), 0);
	pdk_buffer_clear(&out);
	pdk_buffer_clear(&again);
}

static uint64_t
share(const char *path, const char *data, const PdkStat *stat)
{
	uint32_t prefix = pdk_digest_prefix(path, strlen(path), (const uint8_t *)data, (int32_t)strlen(data));
	return pdk_digest_share(prefix, stat);
}

static void
the_digest_of_known_trees_is_javas(void)
{
	const PdkStat none = {0}, root = {.cversion = 1, .pzxid = 2};
	const PdkStat ex = {
		.czxid = 2, .mzxid = 2, .pzxid = 2, .ctime = 0x1a1fac99959, .mtime = 0x1a1fac99959};
	CU_ASSERT_EQUAL(share("", "", &none) + share("/zookeeper", "", &none), 0x51c6d660);
	CU_ASSERT_EQUAL(share("", "", &root) + share("/zookeeper", "", &none) + share("/ex", "hello", &ex),
			0x134105932);
	CU_ASSERT_EQUAL(pdk_digest_prefix("/a", 2, NULL, -1),
			pdk_digest_prefix("/a", 2, (const uint8_t *)"", 0));
}

static void
what_lies_below_zookeeper_counts_nothing(void)
{
	CU_ASSERT_TRUE(pdk_digest_counts("", 0));
	CU_ASSERT_TRUE(pdk_digest_counts("/zookeeper", 10));
	CU_ASSERT_TRUE(pdk_digest_counts("/zookeepers", 11));
	CU_ASSERT_FALSE(pdk_digest_counts("/zookeeper/quota", 16));
	CU_ASSERT_TRUE(pdk_digest_counts("/a/zookeeper/b", 14));
}

#define CASE(name) CU_add_test(suite, #name, name)

int
main(void)
{
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 99;
	CU_pSuite suite = CU_add_suite("stat", NULL, NULL);
	CASE(owners_mean_what_java_takes_them_for);
	CASE(the_wire_stat_shows_sessions_only_and_counts_both_ways);
	CASE(the_counter_of_children_wraps_as_javas_does);
	CASE(a_persisted_stat_reads_back);
	CASE(the_digest_of_known_trees_is_javas);
	CASE(what_lies_below_zookeeper_counts_nothing);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0;
}

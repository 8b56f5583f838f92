/* SPDX-License-Identifier: Apache-2.0 */
/* Proves that what is written reads back, and that a reader stays within its bytes. */
#include "base/jute.h"
#include "base/random.h"

#include <CUnit/Basic.h>

static void
what_is_written_reads_back(void)
{
	PdkBuffer out = {0};
	pdk_put_bool(&out, true);
	pdk_put_bool(&out, false);
	pdk_put_int(&out, INT32_MIN);
	pdk_put_long(&out, -2);
	pdk_put_string(&out, "pony");
	pdk_put_string(&out, NULL);
	pdk_put_bytes(&out, NULL, 0);
	pdk_put_bytes(&out, "\0\1", 2);
	CU_ASSERT_EQUAL(out.length, 1 + 1 + 4 + 8 + 8 + 4 + 4 + 6);
	PdkJute jute = pdk_jute(out.data, out.length, 100);
	CU_ASSERT_TRUE(pdk_get_bool(&jute));
	CU_ASSERT_FALSE(pdk_get_bool(&jute));
	CU_ASSERT_EQUAL(pdk_get_int(&jute), INT32_MIN);
	CU_ASSERT_EQUAL(pdk_get_long(&jute), -2);
	PdkSlice text = pdk_get_bytes(&jute);
	CU_ASSERT_TRUE(pdk_slice_equal(text, "pony"));
	CU_ASSERT_FALSE(pdk_slice_equal(text, "pon") || pdk_slice_equal(text, "ponys"));
	g_autofree char *copy = pdk_slice_text(text);
	CU_ASSERT_STRING_EQUAL(copy, "pony");
	PdkSlice null = pdk_get_bytes(&jute);
	CU_ASSERT_EQUAL(null.length, -1);
	CU_ASSERT_PTR_NULL(pdk_slice_text(null));
	CU_ASSERT_FALSE(pdk_slice_equal(null, ""));
	CU_ASSERT_TRUE(pdk_slice_equal(pdk_get_bytes(&jute), ""));
	CU_ASSERT_EQUAL(pdk_get_bytes(&jute).length, 2);
	CU_ASSERT_EQUAL(pdk_jute_left(&jute), 0);
	CU_ASSERT_FALSE(jute.failed);
	pdk_buffer_clear(&out);
}

static void
integers_are_big_endian(void)
{
	PdkBuffer out = {0};
	pdk_put_int(&out, 0x01020304);
	pdk_put_long(&out, 0x0506070809101112);
	static const uint8_t expected[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 0x10, 0x11, 0x12};
	CU_ASSERT_EQUAL(memcmp(out.data, expected, sizeof(expected)), 0);
	pdk_buffer_clear(&out);
}

static void
a_read_past_the_end_fails_and_gives_zeros_from_then_on(void)
{
	static const uint8_t bytes[] = {0, 0, 0, 7, 1};
	PdkJute jute = pdk_jute(bytes, sizeof(bytes), 100);
	CU_ASSERT_EQUAL(pdk_get_long(&jute), 0);
	CU_ASSERT_TRUE(jute.failed);
	CU_ASSERT_EQUAL(pdk_get_int(&jute), 0);
	CU_ASSERT_FALSE(pdk_get_bool(&jute));
	CU_ASSERT_EQUAL(pdk_get_bytes(&jute).length, -1);
	CU_ASSERT_EQUAL(pdk_get_count(&jute, 1), 0);
}

static void
lengths_are_bounded(void)
{
	static const int32_t bad[] = {-2, INT32_MIN, 11, INT32_MAX, 9};
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		uint8_t bytes[12] = {0};
		pdk_store_u32(bytes, (uint32_t)bad[i]);
		PdkJute jute = pdk_jute(bytes, sizeof(bytes), 10);
		CU_ASSERT_EQUAL(pdk_get_bytes(&jute).length, -1);
		CU_ASSERT_TRUE(jute.failed);
	}
}

static void
a_count_that_cannot_fit_fails(void)
{
	static const struct {
		int32_t count, found;
		bool failed;
	} cases[] = {{2, 2, false},   {3, 0, true},   {INT32_MAX, 0, true},
		     {-1, -1, false}, {-5, 0, false}, {0, 0, false}};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		uint8_t bytes[4 + 9] = {0};
		pdk_store_u32(bytes, (uint32_t)cases[i].count);
		PdkJute jute = pdk_jute(bytes, sizeof(bytes), 10);
		CU_ASSERT_EQUAL(pdk_get_count(&jute, 4), cases[i].found);
		CU_ASSERT_EQUAL(jute.failed, cases[i].failed);
	}
}

static void
a_buffer_grows_and_keeps_what_it_holds(void)
{
	PdkBuffer out = {0};
	for (int32_t i = 0; i < 10000; i++)
		pdk_put_int(&out, i);
	for (int32_t i = 0; i < 10000; i++)
		CU_ASSERT_EQUAL_FATAL(pdk_load_u32(out.data + 4 * i), (uint32_t)i);
	pdk_buffer_clear(&out);
	CU_ASSERT_TRUE(out.data == NULL && out.length == 0 && out.capacity == 0);
}

static void
any_bytes_are_read_within_their_end(void)
{
	PdkRandom random = pdk_random(8);
	for (unsigned round = 0; round < 3000; round++) {
		size_t length = pdk_random_below(&random, 40);
		g_autofree uint8_t *bytes = g_malloc(length);
		for (size_t i = 0; i < length; i++)
			bytes[i] = pdk_random_below(&random, 3) ? 0 : (uint8_t)pdk_random_next(&random);
		PdkJute jute = pdk_jute(bytes, length, 16);
		while (pdk_jute_left(&jute) > 0 && !jute.failed) {
			PdkSlice slice = pdk_get_bytes(&jute);
			CU_ASSERT_TRUE(slice.length <= 16);
			CU_ASSERT_TRUE(slice.length <= 0 || slice.data + slice.length <= bytes + length);
			pdk_get_count(&jute, 3);
			pdk_get_bool(&jute);
		}
	}
}

#define CASE(name) CU_add_test(suite, #name, name)

int
main(void)
{
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 99;
	CU_pSuite suite = CU_add_suite("jute", NULL, NULL);
	CASE(what_is_written_reads_back);
	CASE(integers_are_big_endian);
	CASE(a_read_past_the_end_fails_and_gives_zeros_from_then_on);
	CASE(lengths_are_bounded);
	CASE(a_count_that_cannot_fit_fails);
	CASE(a_buffer_grows_and_keeps_what_it_holds);
	CASE(any_bytes_are_read_within_their_end);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0;
}

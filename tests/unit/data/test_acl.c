/* SPDX-License-Identifier: Apache-2.0 */
/* Proves that equal lists are kept once, for as long as somebody counts on them. */
#include "base/random.h"
#include "data/acl.h"

#include <CUnit/Basic.h>
#include <stdio.h>

static PdkBuffer
encode(int32_t perms, const char *scheme, const char *id)
{
	PdkBuffer out = {0};
	pdk_put_int(&out, 1);
	pdk_put_int(&out, perms);
	pdk_put_string(&out, scheme);
	pdk_put_string(&out, id);
	return out;
}

static PdkAclId
intern(PdkAcls *acls, int32_t perms, const char *scheme, const char *id)
{
	PdkBuffer out = encode(perms, scheme, id);
	PdkAclId number = pdk_acls_intern(acls, out.data, out.length);
	pdk_buffer_clear(&out);
	return number;
}

static void
equal_lists_have_one_number(void)
{
	g_autoptr(PdkAcls) acls = pdk_acls_new();
	PdkAclId a = intern(acls, 1, "ip", "10.0.0.0/8"), b = intern(acls, 2, "ip", "10.0.0.0/8");
	CU_ASSERT_EQUAL(a, 1);
	CU_ASSERT_NOT_EQUAL(a, b);
	CU_ASSERT_EQUAL(intern(acls, 1, "ip", "10.0.0.0/8"), a);
	CU_ASSERT_EQUAL(pdk_acls_count(acls), 2);
	pdk_acls_unref(acls, a);
	CU_ASSERT_EQUAL(pdk_acls_count(acls), 2);
	pdk_acls_ref(acls, a);
	pdk_acls_unref(acls, a);
	pdk_acls_unref(acls, a);
	CU_ASSERT_EQUAL(pdk_acls_count(acls), 1);
	size_t length;
	const uint8_t *encoded = pdk_acls_encoding(acls, b, &length);
	PdkBuffer expected = encode(2, "ip", "10.0.0.0/8");
	CU_ASSERT_TRUE(length == expected.length && memcmp(encoded, expected.data, length) == 0);
	pdk_buffer_clear(&expected);
}

static void
the_open_list_is_never_counted(void)
{
	g_autoptr(PdkAcls) acls = pdk_acls_new();
	size_t length;
	const uint8_t *open = pdk_acls_encoding(acls, PDK_ACL_OPEN, &length);
	PdkBuffer expected = encode(PDK_PERM_ALL, "world", "anyone");
	CU_ASSERT_TRUE(length == expected.length && memcmp(open, expected.data, length) == 0);
	pdk_buffer_clear(&expected);
	pdk_acls_ref(acls, PDK_ACL_OPEN);
	pdk_acls_unref(acls, PDK_ACL_OPEN);
	pdk_acls_unref(acls, PDK_ACL_OPEN);
	PdkAclId cursor = 0;
	const uint8_t *encoded;
	CU_ASSERT_EQUAL(pdk_acls_count(acls), 0);
	CU_ASSERT_FALSE(pdk_acls_next(acls, &cursor, &encoded, &length));
	CU_ASSERT_NOT_EQUAL(intern(acls, PDK_PERM_ALL, "world", "anyone"), PDK_ACL_OPEN);
}

static void
a_number_used_again_raises_the_generation(void)
{
	g_autoptr(PdkAcls) acls = pdk_acls_new();
	PdkAclId a = intern(acls, 1, "digest", "a"), b = intern(acls, 1, "digest", "b");
	uint32_t generation = pdk_acls_generation(acls);
	pdk_acls_unref(acls, a);
	CU_ASSERT_EQUAL(intern(acls, 1, "digest", "b"), b);
	CU_ASSERT_EQUAL(pdk_acls_generation(acls), generation);
	CU_ASSERT_EQUAL(intern(acls, 1, "digest", "c"), a);
	CU_ASSERT_NOT_EQUAL(pdk_acls_generation(acls), generation);
	generation = pdk_acls_generation(acls);
	pdk_acls_clear(acls);
	CU_ASSERT_EQUAL(pdk_acls_count(acls), 0);
	intern(acls, 1, "digest", "d");
	CU_ASSERT_NOT_EQUAL(pdk_acls_generation(acls), generation);
}

static void
lists_are_walked_in_rising_number(void)
{
	g_autoptr(PdkAcls) acls = pdk_acls_new();
	PdkRandom random = pdk_random(4);
	PdkAclId held[500];
	char id[16];
	for (unsigned i = 0; i < 500; i++) {
		snprintf(id, sizeof(id), "%u", i);
		held[i] = intern(acls, 31, "digest", id);
	}
	unsigned left = 500;
	for (unsigned i = 0; i < 500; i++) {
		if (pdk_random_below(&random, 2) == 0) {
			pdk_acls_unref(acls, held[i]);
			left--;
		}
	}
	PdkAclId cursor = 0, last = 0;
	const uint8_t *encoded;
	size_t length;
	unsigned seen = 0;
	for (; pdk_acls_next(acls, &cursor, &encoded, &length); seen++) {
		CU_ASSERT_TRUE(cursor > last);
		last = cursor;
		size_t same_length;
		CU_ASSERT_PTR_EQUAL(pdk_acls_encoding(acls, cursor, &same_length), encoded);
		CU_ASSERT_EQUAL(same_length, length);
	}
	CU_ASSERT_EQUAL(seen, left);
	CU_ASSERT_EQUAL(pdk_acls_count(acls), left);
}

static void
entries_are_read_one_by_one_and_never_beyond_the_end(void)
{
	PdkBuffer out = encode(5, "ip", "::1");
	PdkJute jute = pdk_jute(out.data, out.length, 100);
	CU_ASSERT_EQUAL(pdk_get_count(&jute, PDK_ACL_ENTRY_SMALLEST), 1);
	PdkAclEntry entry = pdk_acl_entry(&jute);
	CU_ASSERT_EQUAL(entry.perms, 5);
	CU_ASSERT_TRUE(pdk_slice_equal(entry.scheme, "ip") && pdk_slice_equal(entry.id, "::1"));
	CU_ASSERT_FALSE(jute.failed);
	pdk_acl_entry(&jute);
	CU_ASSERT_TRUE(jute.failed);
	pdk_buffer_clear(&out);
}

#define CASE(name) CU_add_test(suite, #name, name)

int
main(void)
{
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 99;
	CU_pSuite suite = CU_add_suite("acl", NULL, NULL);
	CASE(equal_lists_have_one_number);
	CASE(the_open_list_is_never_counted);
	CASE(a_number_used_again_raises_the_generation);
	CASE(lists_are_walked_in_rising_number);
	CASE(entries_are_read_one_by_one_and_never_beyond_the_end);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0;
}

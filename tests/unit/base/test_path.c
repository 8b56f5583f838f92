/* SPDX-License-Identifier: Apache-2.0 */
/* Proves which paths are legal, and how they are taken apart. */
#include "base/path.h"

#include <CUnit/Basic.h>
#include <glib.h>
#include <string.h>

/* Looks at a copy of the exact size, so that a read beyond it is seen. */
static bool
legal(const char *path)
{
	g_autofree char *exact = g_memdup2(path, strlen(path));
	return pdk_path_legal(exact, strlen(path));
}

static void
legal_paths_are_taken(void)
{
	static const char *const good[] = {
		"/",
		"/a",
		"/a/b",
		"/...",
		"/.a",
		"/a.",
		"/a b",
		"/..a/b..",
		"/z\xc3\xa4hler",
		"/\xe2\x82\xac",
		"/\xed\x9f\xbf" /* U+D7FF */,
		"/\xef\xa4\x80" /* U+F900 */,
		"/\xef\xbf\xaf" /* U+FFEF */,
		"/\xc2\xa0",
		"/zookeeper/quota",
	};
	for (size_t i = 0; i < G_N_ELEMENTS(good); i++)
		CU_ASSERT_TRUE(legal(good[i]));
}

static void
illegal_paths_are_refused(void)
{
	static const char *const bad[] = {
		"",
		"a",
		"//",
		"/a/",
		"/a//b",
		"/.",
		"/..",
		"/a/.",
		"/a/..",
		"/./a",
		"/a/../b",
		"/\x01",
		"/a\x1f",
		"/\x7f",
		"/\xc2\x80",
		"/\xc2\x9f",
		"/\xee\x80\x80" /* U+E000 */,
		"/\xef\xa3\xbf" /* U+F8FF */,
		"/\xed\xa0\x80" /* U+D800 */,
		"/\xef\xbf\xb0" /* U+FFF0 */,
		"/\xef\xbf\xbf",
		"/\xef\xbf\xbd",
		"/\xf0\x9f\x90\xb4" /* beyond U+FFFF */,
		"/\xc3",
		"/\xe2\x82",
		"/\xff",
		"/\x80",
		"/\xc0\xaf",
		"/\xe0\x80\xaf",
		"/a\xc3/b",
	};
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		CU_ASSERT_FALSE(legal(bad[i]));
	CU_ASSERT_FALSE(pdk_path_legal(NULL, 0));
	CU_ASSERT_FALSE(pdk_path_legal("/a\0b", 4));
}

static void
a_path_is_its_parent_and_a_name(void)
{
	CU_ASSERT_EQUAL(pdk_path_parent("/a", 2), 0);
	CU_ASSERT_EQUAL(pdk_path_parent("/a/b", 4), 2);
	CU_ASSERT_EQUAL(pdk_path_name("/a", 2), 1);
	CU_ASSERT_EQUAL(pdk_path_name("/a/bc", 5), 3);
	CU_ASSERT_EQUAL(pdk_path_name("/a/bc/d", 5), 3);
}

static bool
below(const char *path, const char *ancestor)
{
	return pdk_path_below(path, strlen(path), ancestor, strlen(ancestor));
}

static void
below_goes_by_components(void)
{
	CU_ASSERT_TRUE(below("/a", "/") && below("/a", "") && below("/", "/"));
	CU_ASSERT_TRUE(below("/a", "/a") && below("/a/b", "/a"));
	CU_ASSERT_FALSE(below("/ab", "/a") || below("/a", "/a/b") || below("/b", "/a"));
}

#define CASE(name) CU_add_test(suite, #name, name)

int
main(void)
{
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 99;
	CU_pSuite suite = CU_add_suite("path", NULL, NULL);
	CASE(legal_paths_are_taken);
	CASE(illegal_paths_are_refused);
	CASE(a_path_is_its_parent_and_a_name);
	CASE(below_goes_by_components);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0;
}

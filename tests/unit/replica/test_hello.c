/* SPDX-License-Identifier: Apache-2.0 */
/* Proves that handshakes of election links are the captured ones, and that addresses in them are checked. */
#include "replica/hello.h"

#include <CUnit/Basic.h>

static void
the_handshake_is_the_captured_one_in_one_piece(void)
{
	static const uint8_t expected[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 15,
					   '1', '2', '7', '.', '0', '.', '0', '.', '1', ':', '1', '4', '8', '8', '9'};
	PdkBuffer out = {0};
	pdk_hello_put(&out, 2, "127.0.0.1:14889", false);
	CU_ASSERT_EQUAL_FATAL(out.length, sizeof expected);
	CU_ASSERT_EQUAL(memcmp(out.data, expected, sizeof expected), 0);
	for (size_t length = 0; length <= out.length; length++) {
		PdkHello hello;
		size_t used;
		const char *why;
		g_autofree uint8_t *exact = g_memdup2(out.data, length);
		PdkHelloResult result = pdk_hello_get(exact, length, &hello, &used, &why);
		CU_ASSERT_EQUAL(result, length < out.length ? PDK_HELLO_MORE : PDK_HELLO_WHOLE);
		if (result != PDK_HELLO_WHOLE)
			continue;
		CU_ASSERT_TRUE(hello.sid == 2 && !hello.old && used == length);
		CU_ASSERT_STRING_EQUAL(hello.addresses[0], "127.0.0.1:14889");
		CU_ASSERT_PTR_NULL(hello.addresses[1]);
		g_strfreev(hello.addresses);
	}
	out.length = 0;
	pdk_hello_put(&out, 4, "127.0.0.1:14891", true);
	static const uint8_t several[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 1, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 15};
	CU_ASSERT_EQUAL(memcmp(out.data, several, sizeof several), 0);
	pdk_buffer_clear(&out);
}

/* The addresses of a handshake with @text, joined by ' '; "bad" when it is refused. g_free. */
static char *
addresses_of(const char *text, size_t length)
{
	PdkBuffer out = {0};
	pdk_put_long(&out, -65535);
	pdk_put_long(&out, 3);
	pdk_put_bytes(&out, text, (int32_t)length);
	PdkHello hello;
	size_t used;
	const char *why;
	PdkHelloResult result = pdk_hello_get(out.data, out.length, &hello, &used, &why);
	pdk_buffer_clear(&out);
	CU_ASSERT_NOT_EQUAL(result, PDK_HELLO_MORE);
	if (result == PDK_HELLO_BAD)
		return g_strdup("bad");
	g_auto(GStrv) addresses = hello.addresses;
	return addresses ? g_strjoinv(" ", addresses) : g_strdup("none");
}

static void
addresses_of_a_handshake_are_checked(void)
{
	static const struct {
		const char *text, *found;
	} cases[] = {
		{"a:1", "a:1"},
		{"a:1|b.example:65535", "a:1 b.example:65535"},
		{"[::1]:3888|10.0.0.1:3888", "[::1]:3888 10.0.0.1:3888"},
		{"0.0.0.0:3888", "none"},
		{"[::]:3888|[0:0:0:0:0:0:0:0]:3888", "none"},
		{"0.0.0.0:3888|a:2", "a:2"},
		{"a b:1|c:1", "c:1"},
		{"a\n:1", "none"},
		{"::1:3888", "none"}, /* brackets are missing */
		{":3888", "none"},
		{"[]:3888", "none"},
		{"a", "bad"},
		{"a:", "bad"},
		{"a:0", "bad"},
		{"a:65536", "bad"},
		{"a:99999999999999999999", "bad"},
		{"a:1|", "bad"},
		{"a:1||b:1", "bad"},
		{"a:+1", "bad"},
		{"|", "bad"},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *found = addresses_of(cases[i].text, strlen(cases[i].text));
		CU_ASSERT_STRING_EQUAL(found, cases[i].found);
	}
	g_autofree char *nul = addresses_of("a\0:1", 4);
	CU_ASSERT_STRING_EQUAL(nul, "bad");
	g_autofree char *empty = addresses_of("", 0);
	CU_ASSERT_STRING_EQUAL(empty, "bad");
	g_autofree char *long_text = g_strnfill(PDK_HELLO_TEXT_MAX + 1, 'a');
	g_autofree char *too_long = addresses_of(long_text, PDK_HELLO_TEXT_MAX + 1);
	CU_ASSERT_STRING_EQUAL(too_long, "bad");
	memcpy(long_text + PDK_HELLO_TEXT_MAX - 2, ":1", 3);
	g_autofree char *longest = addresses_of(long_text, PDK_HELLO_TEXT_MAX);
	CU_ASSERT_EQUAL(strlen(longest), PDK_HELLO_TEXT_MAX);
}

#define CASE(name) CU_add_test(suite, #name, name)

int
main(void)
{
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 99;
	CU_pSuite suite = CU_add_suite("hello", NULL, NULL);
	CASE(the_handshake_is_the_captured_one_in_one_piece);
	CASE(addresses_of_a_handshake_are_checked);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Changes when what all kinds of plugins have in common does. */
#include "conformance.h"

#include <CUnit/Basic.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const PdkPlugin *
conformance_load(const char *path)
{
	void *file = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	const PdkPlugin *plugin = file ? dlsym(file, "pdk_plugin") : NULL;

	if (plugin == NULL) {
		fprintf(stderr, "%s\n", dlerror());
		exit(2);
	}
	return plugin;
}

static void
check_int(const PdkOption *option)
{
	char *end = NULL;

	CU_ASSERT_TRUE(option->min <= option->max);
	if (option->fallback == NULL)
		return;
	int64_t value = g_ascii_strtoll(option->fallback, &end, 10);
	CU_ASSERT_TRUE(end != option->fallback && *end == '\0');
	CU_ASSERT_TRUE(value >= option->min && value <= option->max);
}

static void
check_option(const PdkOption *option)
{
	CU_ASSERT_TRUE(g_regex_match_simple("^[a-z][a-z0-9_]*$", option->key, 0, 0));
	CU_ASSERT_PTR_NOT_NULL(option->help);
	CU_ASSERT_TRUE(option->help && *option->help && !g_str_has_suffix(option->help, "."));
	switch (option->type) {
	case PDK_OPTION_STRING:
		if (option->choices && option->fallback) {
			g_auto(GStrv) choices = g_strsplit(option->choices, "|", -1);
			CU_ASSERT_TRUE(g_strv_contains((const char *const *)choices, option->fallback));
		}
		return;
	case PDK_OPTION_INT:
		check_int(option);
		return;
	case PDK_OPTION_BOOL:
		CU_ASSERT_TRUE(g_strcmp0(option->fallback, "true") == 0 || g_strcmp0(option->fallback, "false") == 0);
		return;
	case PDK_OPTION_LIST:
		return;
	}
	CU_FAIL("unknown option type");
}

void
conformance_check(const PdkPlugin *plugin, PdkKind kind)
{
	CU_ASSERT_TRUE(plugin->size >= sizeof(PdkPlugin));
	CU_ASSERT_EQUAL(plugin->abi_major, PDK_ABI_MAJOR);
	CU_ASSERT_TRUE(plugin->abi_minor <= PDK_ABI_MINOR);
	CU_ASSERT_EQUAL(plugin->kind, kind);
	CU_ASSERT_TRUE(g_regex_match_simple("^[a-z][a-z0-9-]*$", plugin->name, 0, 0));
	CU_ASSERT_TRUE(plugin->version && *plugin->version);
	CU_ASSERT_TRUE(plugin->summary && *plugin->summary && strchr(plugin->summary, '\n') == NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(plugin->ops);
	for (const PdkOption *option = plugin->options; option && option->key; option++) {
		check_option(option);
		for (const PdkOption *other = plugin->options; other != option; other++)
			CU_ASSERT_STRING_NOT_EQUAL(option->key, other->key);
	}
}

unsigned
conformance_run(const char *name, const ConformanceCase *cases)
{
	CU_initialize_registry();
	CU_pSuite suite = CU_add_suite(name, NULL, NULL);
	for (; cases->name; cases++)
		CU_add_test(suite, cases->name, cases->run);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned failed = CU_get_number_of_tests_failed() + CU_get_number_of_suites_failed();
	CU_cleanup_registry();
	return failed;
}

static unsigned
run(const PdkPlugin **plugin, const ConformanceSuite *suite)
{
	*plugin = suite->plugin;
	return conformance_run(suite->name, suite->cases);
}

int
conformance_main(int argc, char **argv, const PdkPlugin **plugin, const ConformanceCase *every_plugin,
		 const ConformanceSuite *suites)
{
	unsigned failures = 0;

	for (int i = 1; i < argc; i++)
		failures += run(plugin, &(ConformanceSuite){conformance_load(argv[i]), argv[i], every_plugin});
	for (; argc == 1 && suites->plugin; suites++)
		failures += run(plugin, suites);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}

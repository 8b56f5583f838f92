/* SPDX-License-Identifier: Apache-2.0 */
/* Proves how a paddock.conf is read, and that each kind of mistake is told with file, line, key, found and allowed. */
#include "host/configuration.h"
#include "host/settings-keys.h"
#include "suite.h"

#include <glib/gstdio.h>

static PdkConfiguration *
read_conf(const char *text, GError **error)
{
	g_autoptr(PdkLoader) loader = twins_loader();
	return pdk_conf_parse("p.conf", text, strlen(text), loader, error);
}

static PdkConfiguration *
read_good(const char *text)
{
	g_autoptr(GError) error = NULL;
	PdkConfiguration *configuration = read_conf(text, &error);
	if (configuration == NULL)
		printf("\n    %s\n", error->message);
	CU_ASSERT_PTR_NOT_NULL_FATAL(configuration);
	return configuration;
}

static void
assert_mistake(const char *text, int code, const char *message)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(PdkConfiguration) configuration = read_conf(text, &error);
	CU_ASSERT_PTR_NULL(configuration);
	CU_ASSERT_PTR_NOT_NULL_FATAL(error);
	CU_ASSERT_EQUAL(error->domain, PDK_CONFIG_ERROR);
	CU_ASSERT_EQUAL(error->code, code);
	CU_ASSERT_FALSE(pdk_configuration_error_is_plugin(error));
	assert_holds(error->message, message);
}

static PdkChosen *
chosen(PdkConfiguration *configuration, PdkKind kind, unsigned index)
{
	CU_ASSERT_FATAL(index < configuration->chosen[kind]->len);
	return g_ptr_array_index(configuration->chosen[kind], index);
}

static const char *
given_value(const PdkConfiguration *configuration, const char *key)
{
	for (const PdkPair *pair = configuration->settings->values; pair->key; pair++)
		if (strcmp(pair->key, key) == 0)
			return pair->value;
	return NULL;
}

static void
a_data_directory_alone_is_a_whole_configuration(void)
{
	g_autoptr(PdkConfiguration) configuration = read_good("data_dir = \"/d\";");
	const PdkSettings *settings = configuration->settings;
	CU_ASSERT_STRING_EQUAL(settings->data_dir, "/d");
	CU_ASSERT_STRING_EQUAL(settings->data_log_dir, "/d");
	CU_ASSERT_EQUAL(settings->tick_ms, 3000);
	CU_ASSERT_EQUAL(settings->min_session_timeout_ms, 6000);
	CU_ASSERT_EQUAL(settings->max_session_timeout_ms, 60000);
	CU_ASSERT_EQUAL(settings->extra_buffer_bytes, settings->max_buffer_bytes);
	CU_ASSERT_EQUAL(configuration->chosen[PDK_KIND_PERSISTENCE]->len, 1);
	CU_ASSERT_EQUAL(configuration->chosen[PDK_KIND_TRANSPORT]->len, 1);
	CU_ASSERT_EQUAL(configuration->chosen[PDK_KIND_AUTH]->len, 2);
	CU_ASSERT_EQUAL(configuration->chosen[PDK_KIND_ADMIN]->len, 1);
	CU_ASSERT_EQUAL(configuration->warnings->len, 0);
}

static void
what_is_written_is_what_is_set(void)
{
	g_autoptr(PdkConfiguration) configuration =
		read_good("data_dir = \"/d\"; data_log_dir = \"/l\"; tick_time = 500;\n"
			  "limits = { max_client_cnxns = 7; enforce_quota = true; large_request_max_bytes = 5000000000; };\n"
			  "snapshots = { size_limit = 8; };\n"
			  "security = { enforce_auth = true; enforce_auth_schemes = [ \"digest\", \"x\" ]; };");
	const PdkSettings *settings = configuration->settings;
	CU_ASSERT_STRING_EQUAL(settings->data_log_dir, "/l");
	CU_ASSERT_EQUAL(settings->max_session_timeout_ms, 10000);
	CU_ASSERT_EQUAL(settings->max_client_cnxns, 7);
	CU_ASSERT_TRUE(settings->enforce_quota);
	CU_ASSERT_EQUAL(settings->large_request_max_bytes, INT64_C(5000000000));
	CU_ASSERT_EQUAL(settings->snap_size_limit_bytes, 8192);
	CU_ASSERT_STRING_EQUAL(settings->enforce_auth_schemes[1], "x");
	CU_ASSERT_STRING_EQUAL(given_value(configuration, "maxClientCnxns"), "7");
	CU_ASSERT_PTR_NULL(given_value(configuration, "snapCount"));
}

static void
plugins_are_names_or_groups_with_options(void)
{
	g_autoptr(PdkConfiguration) configuration =
		read_good("data_dir = \"/d\"; plugins = { persistence = \"memory\"; auth = ();\n"
			  "transports = ( { plugin = \"tcp\"; listen = \"a:1, b:2\"; }, \"tcp\" );\n"
			  "admin = { plugin = \"fourletter\"; whitelist = ( \"ruok\" ); }; };");
	CU_ASSERT_STRING_EQUAL(chosen(configuration, PDK_KIND_PERSISTENCE, 0)->plugin->name, "memory");
	CU_ASSERT_EQUAL(configuration->chosen[PDK_KIND_AUTH]->len, 0);
	const char *const *listen = pdk_config_list(chosen(configuration, PDK_KIND_TRANSPORT, 0)->config, "listen");
	CU_ASSERT_STRING_EQUAL(listen[0], "a:1");
	CU_ASSERT_STRING_EQUAL(listen[1], "b:2");
	CU_ASSERT_PTR_NULL(listen[2]);
	listen = pdk_config_list(chosen(configuration, PDK_KIND_TRANSPORT, 1)->config, "listen");
	CU_ASSERT_STRING_EQUAL(listen[0], "127.0.0.1:2181");
	const char *const *words = pdk_config_list(chosen(configuration, PDK_KIND_ADMIN, 0)->config, "whitelist");
	CU_ASSERT_STRING_EQUAL(words[0], "ruok");
	CU_ASSERT_STRING_EQUAL(given_value(configuration, "4lw.commands.whitelist"), "ruok");
}

static void
every_mistake_names_file_line_key_found_and_allowed(void)
{
#define D "data_dir = \"/d\";\n"
	assert_mistake("", PDK_CONFIG_ERROR_MISSING, "p.conf: dataDir (data_dir): found none, allowed: a path");
	assert_mistake(D "tick_time = ", PDK_CONFIG_ERROR_SYNTAX, "p.conf:2: found a syntax error, allowed: libconfig");
	assert_mistake(D "tick = 1;", PDK_CONFIG_ERROR_UNKNOWN, "p.conf:2: tick: found an unknown key, allowed: data_dir, ");
	assert_mistake(D "limits = {\n x = 1; };", PDK_CONFIG_ERROR_UNKNOWN,
		       "p.conf:3: x: found an unknown key in limits, allowed: max_client_cnxns");
	assert_mistake(D "tick_time = 0;", PDK_CONFIG_ERROR_VALUE,
		       "p.conf:2: tick_time: found \"0\", allowed: an integer between 1 and ");
	assert_mistake(D "tick_time = \"1\";", PDK_CONFIG_ERROR_VALUE,
		       "p.conf:2: tick_time: found the string \"1\", allowed: an integer");
	assert_mistake(D "tick_time = 1.5;", PDK_CONFIG_ERROR_VALUE, "tick_time: found the number 1.5, allowed: an integer");
	assert_mistake(D "limits = { enforce_quota = 1; };", PDK_CONFIG_ERROR_VALUE,
		       "enforce_quota: found the integer 1, allowed: true or false");
	assert_mistake(D "limits = 5;", PDK_CONFIG_ERROR_VALUE, "p.conf:2: limits: found the integer 5, allowed: a group");
	assert_mistake("data_dir = \"\";", PDK_CONFIG_ERROR_VALUE, "p.conf:1: data_dir: found \"\", allowed: a string");
	assert_mistake(D "tick_time = 1;\ntick_time = 2;", PDK_CONFIG_ERROR_SYNTAX, "p.conf:3: found a duplicate setting name");
	assert_mistake(D "x = \"\\\"\n\n", PDK_CONFIG_ERROR_SYNTAX, "p.conf:2: found a string without its end");
	assert_mistake(D "ensemble = { idd = 1; };", PDK_CONFIG_ERROR_UNKNOWN,
		       "p.conf:2: idd: found an unknown key in ensemble, allowed: id, members, groups, weights, init_limit");
	assert_mistake(D "@include \"x\"\n", PDK_CONFIG_ERROR_SYNTAX, "p.conf:2: found @, allowed: one file");
	assert_mistake(D "limits = { max_cnxns = 99999999999999999999; };", PDK_CONFIG_ERROR_VALUE,
		       "p.conf:2: found the integer 99999999999999999999, allowed: 64 bits");
	assert_mistake(D "limits = { max_cnxns = 5000000000; };", PDK_CONFIG_ERROR_VALUE,
		       "p.conf:2: max_cnxns: found \"5000000000\", allowed: ");
}

static void
mistakes_among_plugins_are_told_alike(void)
{
	assert_mistake(D "plugins = 1;", PDK_CONFIG_ERROR_VALUE, "p.conf:2: plugins: found the integer 1, allowed: a group");
	assert_mistake(D "plugins = { transport = \"tcp\"; };", PDK_CONFIG_ERROR_UNKNOWN,
		       "p.conf:2: transport: found an unknown kind of plugin, allowed: election, persistence");
	assert_mistake(D "plugins = { auth = ( 5 ); };", PDK_CONFIG_ERROR_VALUE,
		       "p.conf:2: auth: found the integer 5, allowed: \"NAME\" or {");
	assert_mistake(D "plugins = { auth = { x = 1; }; };", PDK_CONFIG_ERROR_VALUE, "auth: found a group { }, allowed: \"NAME\"");
	assert_mistake(D "plugins = { transports = {\nplugin = \"tcp\"; lisen = \"\"; }; };", PDK_CONFIG_ERROR_UNKNOWN,
		       "p.conf:3: lisen: found an unknown key, allowed: the options of transport/tcp");
	assert_mistake(D "plugins = { transports = { plugin = \"tcp\"; io_threads = 99; }; };", PDK_CONFIG_ERROR_VALUE,
		       "io_threads: found 99, allowed: an integer between 0 and 16");
	assert_mistake(D "plugins = { transports = { plugin = \"tcp\"; io_threads = true; }; };", PDK_CONFIG_ERROR_VALUE,
		       "io_threads: found true, allowed: an integer between 0 and 16");
	assert_mistake(D "plugins = { transports = { plugin = \"tcp\"; listen = 1; }; };", PDK_CONFIG_ERROR_VALUE,
		       "listen: found the integer 1, allowed: a list of strings");
	assert_mistake(D "plugins = { auth = { plugin = \"digest\"; digest_alg = \"X\"; }; };", PDK_CONFIG_ERROR_VALUE,
		       "digest_alg: found \"X\", allowed: one of SHA1|");
	assert_mistake(D "plugins = { persistence = ( ); };", PDK_CONFIG_ERROR_VALUE, "persistence: found 0 plugins, allowed: one");
}

static void
rules_between_settings_name_the_line_of_one(void)
{
	assert_mistake(D "sessions = {\nmin_timeout = 9;\nmax_timeout = 8; };", PDK_CONFIG_ERROR_VALUE,
		       "p.conf:3: min_timeout: found sessions of 9 to 8 ms, allowed: ");
	assert_mistake(D "security = { enforce_auth = true; };", PDK_CONFIG_ERROR_MISSING,
		       "p.conf:2: enforce_auth: found no scheme to enforce, allowed: ");
}

static void
a_missing_plugin_is_no_mistake_of_the_file(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(PdkConfiguration) configuration = read_conf(D "plugins = { auth = \"nosuch\"; };", &error);
	CU_ASSERT_PTR_NULL(configuration);
	CU_ASSERT_PTR_NOT_NULL_FATAL(error);
	CU_ASSERT_TRUE(pdk_configuration_error_is_plugin(error));
	assert_holds(error->message, "p.conf:2: auth: plugin auth/nosuch: not found in");
}

static void
a_number_too_small_to_work_is_raised_with_a_warning(void)
{
	g_autoptr(PdkConfiguration) configuration = read_good(D "snapshots = { count = 1; };");
	CU_ASSERT_EQUAL(configuration->settings->snap_count, 2);
	CU_ASSERT_EQUAL_FATAL(configuration->warnings->len, 1);
	assert_holds(g_ptr_array_index(configuration->warnings, 0), "p.conf:2: count: found 1, raised to 2");
}

static void
write_file(const char *directory, const char *name, const char *text)
{
	g_autofree char *path = g_build_filename(directory, name, NULL);
	CU_ASSERT_TRUE_FATAL(g_file_set_contents(path, text, -1, NULL));
}

static void
remove_file(const char *directory, const char *name)
{
	g_autofree char *path = g_build_filename(directory, name, NULL);
	g_unlink(path);
}

static void
files_of_plugins_d_hold_options_and_paddock_conf_goes_before_them(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(PdkLoader) loader = twins_loader();
	g_autofree char *directory = g_dir_make_tmp("paddock-conf-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(directory, "paddock.conf", NULL);
	write_file(directory, "paddock.conf",
		   "data_dir = \"/d\"; plugins_dir = \".\";\n"
		   "plugins = { transports = { plugin = \"tcp\"; backlog = 7; }; };");
	write_file(directory, "transport-tcp.conf", "io_threads = 3; backlog = 5;");
	write_file(directory, "oops.conf", "");
	g_autoptr(PdkConfiguration) configuration = pdk_conf_load(path, loader, &error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(configuration);
	const PdkConfig *config = chosen(configuration, PDK_KIND_TRANSPORT, 0)->config;
	CU_ASSERT_EQUAL(pdk_config_int(config, "io_threads"), 3);
	CU_ASSERT_EQUAL(pdk_config_int(config, "backlog"), 7);
	CU_ASSERT_EQUAL(configuration->warnings->len, 2);
	assert_holds(g_ptr_array_index(configuration->warnings, 0), "has no effect: its name is not KIND-NAME.conf");

	write_file(directory, "transport-tcp.conf", "io_threads = 3;\nbaclog = 5;");
	g_autoptr(PdkConfiguration) bad = pdk_conf_load(path, loader, &error);
	CU_ASSERT_PTR_NULL(bad);
	assert_holds(error ? error->message : NULL, "transport-tcp.conf:2: baclog: found an unknown key");
	remove_file(directory, "paddock.conf");
	remove_file(directory, "transport-tcp.conf");
	remove_file(directory, "oops.conf");
	g_rmdir(directory);
}

static void
the_defaults_as_printed_read_back_as_the_defaults(void)
{
	g_autoptr(PdkLoader) loader = twins_loader();
	g_autofree char *text = pdk_defaults_conf(loader);
	g_autofree char *whole = g_strconcat(text, "data_dir = \"/d\";", NULL);
	g_autoptr(PdkConfiguration) printed = read_good(whole);
	g_autoptr(PdkConfiguration) plain = read_good("data_dir = \"/d\";");
	for (const PdkSettingKey *key = pdk_setting_keys(); key->key; key++) {
		g_autofree char *a = pdk_setting_text(key, printed->settings);
		g_autofree char *b = pdk_setting_text(key, plain->settings);
		CU_ASSERT_STRING_EQUAL(a, b);
		CU_ASSERT_TRUE(strstr(text, key->zoo) != NULL);
	}
	CU_ASSERT_EQUAL(printed->warnings->len, 0);
}

static void
options_of_a_plugin_as_printed_are_good(void)
{
	g_autofree char *text = pdk_defaults_plugin(&pdk_plugin_transport_tcp);
	g_autofree char *whole = g_strconcat(D "plugins = { transports = { plugin = \"tcp\";\n", text, "}; };", NULL);
	g_autoptr(PdkConfiguration) configuration = read_good(whole);
	CU_ASSERT_EQUAL(configuration->warnings->len, 0);
}

/* NULL outside of `make check`. */
static char *
source_file(const char *name)
{
	const char *top = g_getenv("PADDOCK_SRCDIR");
	char *text = NULL;
	if (top == NULL)
		return NULL;
	g_autofree char *path = g_build_filename(top, name, NULL);
	CU_ASSERT_TRUE_FATAL(g_file_get_contents(path, &text, NULL, NULL));
	return text;
}

static void
the_installed_file_is_good(void)
{
	g_autofree char *text = source_file("etc/paddock.conf");
	if (text == NULL)
		return;
	g_autoptr(PdkConfiguration) configuration = read_good(text);
	CU_ASSERT_EQUAL(configuration->warnings->len, 0);
}

static void
the_manual_names_every_setting(void)
{
	g_autofree char *manual = source_file("doc/paddock.conf.5");
	for (const PdkSettingKey *key = pdk_setting_keys(); manual && key->key; key++) {
		g_autofree char *entry = g_strdup_printf(".BR %s \" (", key->key);
		g_autofree char *zoo = g_strdup_printf(".BR %s .", key->zoo);
		assert_holds(manual, entry);
		assert_holds(manual, zoo);
	}
}

static void
add(CU_pSuite suite)
{
	CASE(a_data_directory_alone_is_a_whole_configuration);
	CASE(what_is_written_is_what_is_set);
	CASE(plugins_are_names_or_groups_with_options);
	CASE(every_mistake_names_file_line_key_found_and_allowed);
	CASE(mistakes_among_plugins_are_told_alike);
	CASE(rules_between_settings_name_the_line_of_one);
	CASE(a_missing_plugin_is_no_mistake_of_the_file);
	CASE(a_number_too_small_to_work_is_raised_with_a_warning);
	CASE(files_of_plugins_d_hold_options_and_paddock_conf_goes_before_them);
	CASE(the_defaults_as_printed_read_back_as_the_defaults);
	CASE(options_of_a_plugin_as_printed_are_good);
	CASE(the_installed_file_is_good);
	CASE(the_manual_names_every_setting);
}

int
main(void)
{
	return suite_run("paddock.conf", add);
}

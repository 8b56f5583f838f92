/* SPDX-License-Identifier: Apache-2.0 */
/* Changes when the built-in choice of plugins does, or the way defaults are shown. */
#include "host/configuration.h"
#include "host/settings-keys.h"

#include <string.h>

const char *
pdk_default_plugins(void)
{
	return "  election = \"fle\";\n"
	       "  persistence = \"logsnap\";\n"
	       "  transports = ( \"tcp\" );\n"
	       "  auth = ( \"digest\", \"ip\" );\n"
	       "  admin = ( \"fourletter\" );\n"
	       "  metrics = ( );\n";
}

/* A string of libconfig. */
static void
append_quoted(GString *text, const char *value)
{
	g_string_append_c(text, '"');
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			g_string_append_c(text, '\\');
		g_string_append_c(text, *value);
	}
	g_string_append_c(text, '"');
}

static void
append_list(GString *text, const char *value)
{
	g_auto(GStrv) items = pdk_text_to_list(value);

	g_string_append(text, "[ ");
	for (char **item = items; *item; item++) {
		append_quoted(text, *item);
		g_string_append(text, item[1] ? ", " : " ");
	}
	g_string_append_c(text, ']');
}

/* "key = value;", or "# key = ...;" when it is unset. */
static void
append_assignment(GString *text, const char *indent, const char *key, PdkOptionType type, const char *value)
{
	g_string_append_printf(text, "%s%s%s = ", indent, value ? "" : "# ", key);
	if (type == PDK_OPTION_LIST)
		append_list(text, value ? value : "");
	else if (type == PDK_OPTION_STRING)
		append_quoted(text, value ? value : "");
	else
		g_string_append(text, value ? value : "0");
	g_string_append(text, ";\n");
}

static void
append_zoo_keys(GString *text, const char *indent, const char *zoo_keys)
{
	g_auto(GStrv) keys = g_strsplit(zoo_keys ? zoo_keys : "", "|", -1);
	g_autofree char *joined = g_strjoinv(", ", keys);

	if (*joined)
		g_string_append_printf(text, "%s# zoo.cfg: %s\n", indent, joined);
}

static void
append_option(GString *text, const char *indent, const PdkOption *option)
{
	g_string_append_printf(text, "%.1s\n%s# %s\n", indent, indent, option->help);
	if (option->type == PDK_OPTION_INT)
		g_string_append_printf(text, "%s# %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT "\n", indent, option->min,
				       option->max);
	if (option->choices)
		g_string_append_printf(text, "%s# %s\n", indent, option->choices);
	append_zoo_keys(text, indent, option->zoo_keys);
	g_autofree char *number = NULL;
	if (option->type == PDK_OPTION_BOOL) {
		bool value = false;
		pdk_text_to_bool(option->fallback, &value, NULL);
		number = g_strdup(value ? "true" : "false");
	}
	append_assignment(text, indent, option->key, option->type, number ? number : option->fallback);
}

char *
pdk_defaults_plugin(const PdkPlugin *plugin)
{
	GString *text = g_string_new(NULL);

	g_string_append_printf(text, "# %s\n", plugin->summary);
	if (plugin->options == NULL || plugin->options->key == NULL)
		g_string_append(text, "# no options\n");
	for (const PdkOption *option = plugin->options; option && option->key; option++)
		append_option(text, "", option);
	return g_string_free(text, FALSE);
}

static PdkOptionType
option_type(PdkSettingType type)
{
	switch (type) {
	case PDK_SETTING_INT32:
	case PDK_SETTING_INT64:
	case PDK_SETTING_NUMBER:
		return PDK_OPTION_INT;
	case PDK_SETTING_BOOL:
		return PDK_OPTION_BOOL;
	case PDK_SETTING_LIST:
		return PDK_OPTION_LIST;
	case PDK_SETTING_STRING:
		break;
	}
	return PDK_OPTION_STRING;
}

/* What stands in the group `ensemble` beside settings. */
static const char ensemble_head[] =
	"  # This server's number; unset: it stands in the file myid of data_dir\n"
	"  # zoo.cfg: the file myid\n"
	"  # id = 1;\n"
	"\n"
	"  # \"ID=HOST:QUORUM_PORT:ELECTION_PORT[:participant|observer][;[HOST:]CLIENT_PORT]\" of every member, the same at\n"
	"  # all of them; unset: stand-alone\n"
	"  # zoo.cfg: server.ID\n"
	"  # members = ( \"1=a.example:2888:3888;2181\", \"2=b.example:2888:3888;2181\", \"3=c.example:2888:3888;2181\" );\n"
	"\n"
	"  # Quorums of groups, \"GROUP=ID:ID:...\" and \"ID=WEIGHT\"; unset: a majority of the participants\n"
	"  # zoo.cfg: group.GROUP, weight.ID\n"
	"  # groups = ( );\n"
	"  # weights = ( );\n"
	"\n";

static void
append_settings(GString *text)
{
	const char *group = NULL;

	for (const PdkSettingKey *key = pdk_setting_keys(); key->key; key++) {
		bool starts = g_strcmp0(group, key->group) != 0;
		if (starts) {
			g_string_append_printf(text, "%s\n%s = {\n", group ? "};\n" : "", key->group);
			group = key->group;
		} else {
			g_string_append_c(text, '\n');
		}
		const char *indent = group ? "  " : "";
		if (starts && pdk_setting_is_of_ensemble(key))
			g_string_append(text, ensemble_head);
		g_string_append_printf(text, "%s# %s\n", indent, key->help);
		append_zoo_keys(text, indent, key->zoo);
		append_assignment(text, indent, key->key, option_type(key->type), key->fallback);
	}
	g_string_append(text, "};\n");
}

static void
append_plugins(GString *text, PdkLoader *loader)
{
	g_autoptr(GPtrArray) list = pdk_loader_scan(loader);

	for (unsigned i = 0; i < list->len; i++) {
		const PdkFound *found = g_ptr_array_index(list, i);
		if (found->plugin == NULL)
			continue;
		g_string_append_printf(text, "\n# The %s plugin \"%s\": %s\n#   { plugin = \"%s\";\n", pdk_kind_name(found->kind),
				       found->name, found->plugin->summary, found->name);
		for (const PdkOption *option = found->plugin->options; option && option->key; option++)
			append_option(text, "#     ", option);
		g_string_append(text, "#   }\n");
	}
}

char *
pdk_defaults_conf(PdkLoader *loader)
{
	GString *text = g_string_new("# Every setting of paddockd at its default. A line behind # is unset.\n\n");

	append_settings(text);
	g_string_append(text, "\n# A directory of files KIND-NAME.conf with options of plugins; counts from where this file is.\n"
			      "# plugins_dir = \"plugins.d\";\n"
			      "\n# Which plugins serve: \"NAME\", or { plugin = \"NAME\"; options }.\n"
			      "plugins = {\n");
	g_string_append_printf(text, "%s};\n", pdk_default_plugins());
	append_plugins(text, loader);
	return g_string_free(text, FALSE);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Changes when the shape of paddock.conf does. */
#include "host/conf-text.h"
#include "host/ensemble.h"
#include "host/settings-keys.h"

#include <libconfig.h>
#include <string.h>

typedef struct {
	PdkConfiguration *configuration;
	PdkLoader *loader;
	const char *file;
	char *plugins_dir; /* NULL: none */
	const config_setting_t *election; /* NULL: not given; read when it is known that there is an ensemble */
} Reader;

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(config_t, config_destroy)

/* The kinds by their names in the group `plugins`. */
static const struct {
	const char *key;
	PdkKind kind;
} kind_keys[] = {
	{"election", PDK_KIND_ELECTION},
	{"persistence", PDK_KIND_PERSISTENCE}, {"transports", PDK_KIND_TRANSPORT}, {"auth", PDK_KIND_AUTH},
	{"admin", PDK_KIND_ADMIN},	       {"metrics", PDK_KIND_METRICS},
};

/* The key; of an element of a list, the list's. */
static const char *
name_of(const config_setting_t *setting)
{
	const char *name = config_setting_name(setting);
	const config_setting_t *parent = config_setting_parent(setting);

	if (name == NULL && parent)
		name = config_setting_name(parent);
	return name ? name : "(no key)";
}

static bool blame(const char *file, const config_setting_t *setting, PdkConfigError code, GError **error,
		  const char *format, ...) G_GNUC_PRINTF(5, 6);

/* "FILE:LINE: KEY: found ..., allowed: ..."; always false. */
static bool
blame(const char *file, const config_setting_t *setting, PdkConfigError code, GError **error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	g_autofree char *text = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	g_set_error(error, PDK_CONFIG_ERROR, (int)code, "%s:%u: %s: %s", file, config_setting_source_line(setting),
		    name_of(setting), text);
	return false;
}

/* The same for an error that already says found and allowed. */
static bool
blame_cause(const char *file, const config_setting_t *setting, GError **error, GError *cause)
{
	g_propagate_prefixed_error(error, cause, "%s:%u: %s: ", file, config_setting_source_line(setting), name_of(setting));
	return false;
}

/* What stands there, for messages; g_free. */
static char *
describe(const config_setting_t *setting)
{
	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		return g_strdup_printf("the integer %lld", config_setting_get_int64(setting));
	case CONFIG_TYPE_FLOAT:
		return g_strdup_printf("the number %g", config_setting_get_float(setting));
	case CONFIG_TYPE_STRING:
		return g_strdup_printf("the string \"%s\"", config_setting_get_string(setting));
	case CONFIG_TYPE_BOOL:
		return g_strdup(config_setting_get_bool(setting) ? "true" : "false");
	case CONFIG_TYPE_GROUP:
		return g_strdup("a group { }");
	case CONFIG_TYPE_ARRAY:
		return g_strdup("an array [ ]");
	default:
		return g_strdup("a list ( )");
	}
}

static bool
is_integer(const config_setting_t *setting)
{
	int type = config_setting_type(setting);

	return type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64;
}

/* A list of strings: [ "a", "b" ], ( "a", "b" ) or "a, b". NULL: something else. */
static char **
read_list(const config_setting_t *setting)
{
	if (config_setting_type(setting) == CONFIG_TYPE_STRING)
		return pdk_text_to_list(config_setting_get_string(setting));
	if (!config_setting_is_array(setting) && !config_setting_is_list(setting))
		return NULL;

	g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);
	for (int i = 0; i < config_setting_length(setting); i++) {
		const char *text = config_setting_get_string_elem(setting, i);
		if (text == NULL)
			return NULL;
		g_ptr_array_add(list, g_strdup(text));
	}
	g_ptr_array_add(list, NULL);
	return (char **)g_ptr_array_steal(list, NULL);
}

/* The text of a scalar that may stand for @type; NULL: it may not. */
static char *
setting_as_text(const config_setting_t *setting, PdkSettingType type)
{
	char number[G_ASCII_DTOSTR_BUF_SIZE];

	switch (type) {
	case PDK_SETTING_INT32:
	case PDK_SETTING_INT64:
		return is_integer(setting) ? g_strdup_printf("%lld", config_setting_get_int64(setting)) : NULL;
	case PDK_SETTING_BOOL:
		return config_setting_type(setting) != CONFIG_TYPE_BOOL ? NULL
		       : config_setting_get_bool(setting)		? g_strdup("true")
									: g_strdup("false");
	case PDK_SETTING_STRING:
		return g_strdup(config_setting_type(setting) == CONFIG_TYPE_STRING ? config_setting_get_string(setting) : NULL);
	case PDK_SETTING_NUMBER:
		if (is_integer(setting))
			return g_strdup_printf("%lld", config_setting_get_int64(setting));
		return config_setting_type(setting) != CONFIG_TYPE_FLOAT
			       ? NULL
			       : g_strdup(g_ascii_dtostr(number, sizeof(number), config_setting_get_float(setting)));
	case PDK_SETTING_LIST:
		break;
	}
	g_auto(GStrv) list = read_list(setting);
	return list ? g_strjoinv(",", list) : NULL;
}

static const char *
type_wanted(PdkSettingType type)
{
	switch (type) {
	case PDK_SETTING_INT32:
	case PDK_SETTING_INT64:
		return "an integer";
	case PDK_SETTING_BOOL:
		return "true or false";
	case PDK_SETTING_STRING:
		return "a string";
	case PDK_SETTING_NUMBER:
		return "a number";
	case PDK_SETTING_LIST:
		break;
	}
	return "a list of strings";
}

static bool
read_setting(const Reader *reader, const config_setting_t *setting, const PdkSettingKey *key, GError **error)
{
	PdkConfiguration *configuration = reader->configuration;
	g_autofree char *text = setting_as_text(setting, key->type);
	GError *cause = NULL;
	bool raised;

	if (text == NULL) {
		g_autofree char *found = describe(setting);
		return blame(reader->file, setting, PDK_CONFIG_ERROR_VALUE, error, "found %s, allowed: %s", found,
			     type_wanted(key->type));
	}
	if (!pdk_setting_set_text(key, configuration->settings, text, &raised, &cause))
		return blame_cause(reader->file, setting, error, cause);
	if (raised)
		pdk_configuration_warn(configuration, "%s:%u: %s: found %s, raised to %" G_GINT64_FORMAT, reader->file,
				       config_setting_source_line(setting), key->key, text, key->floor);
	pdk_configuration_note(configuration, key->zoo, key->key, text, config_setting_source_line(setting));
	return true;
}

/* The keys that may stand in @group, for messages. */
static char *
keys_allowed(const char *group)
{
	GString *text = g_string_new(NULL);

	for (const PdkSettingKey *key = pdk_setting_keys(); key->key; key++)
		if (g_strcmp0(key->group, group) == 0)
			g_string_append_printf(text, "%s%s", text->len ? ", " : "", key->key);
	return g_string_free(text, FALSE);
}

/* "1=host:2888:3888" in `members` is server.1=host:2888:3888 in a zoo.cfg. */
static bool
read_member_lines(const Reader *reader, const config_setting_t *setting, const char *zoo_prefix, GError **error)
{
	g_auto(GStrv) list = config_setting_type(setting) == CONFIG_TYPE_STRING ? NULL : read_list(setting);

	if (list == NULL) {
		g_autofree char *found = describe(setting);
		return blame(reader->file, setting, PDK_CONFIG_ERROR_VALUE, error,
			     "found %s, allowed: a list of strings \"N=...\"", found);
	}
	for (unsigned i = 0; list[i]; i++) {
		const config_setting_t *at = config_setting_get_elem(setting, i);
		const char *equals = strchr(list[i], '=');
		if (equals == NULL)
			return blame(reader->file, at, PDK_CONFIG_ERROR_VALUE, error, "found \"%s\", allowed: \"N=...\"",
				     list[i]);
		g_autofree char *number = g_strndup(list[i], (gsize)(equals - list[i]));
		g_autofree char *key = g_strconcat(zoo_prefix, g_strstrip(number), NULL);
		g_autofree char *value = g_strstrip(g_strdup(equals + 1));
		pdk_ensemble_add_line(reader->configuration, key, value, config_setting_name(setting),
				      config_setting_source_line(at));
	}
	return true;
}

static bool
read_id(const Reader *reader, const config_setting_t *setting, GError **error)
{
	PdkEnsembleDraft *draft = &reader->configuration->ensemble;

	if (!is_integer(setting) || config_setting_get_int64(setting) < 0) {
		g_autofree char *found = describe(setting);
		return blame(reader->file, setting, PDK_CONFIG_ERROR_VALUE, error, "found %s, allowed: an integer, 0 or more",
			     found);
	}
	draft->has_id = true;
	draft->id = config_setting_get_int64(setting);
	draft->id_line = config_setting_source_line(setting);
	return true;
}

/* What stands in the group `ensemble` beside settings. */
static bool
read_of_ensemble(const Reader *reader, const config_setting_t *setting, bool *known, GError **error)
{
	const char *name = config_setting_name(setting);

	*known = true;
	if (strcmp(name, "id") == 0)
		return read_id(reader, setting, error);
	if (strcmp(name, "members") == 0)
		return read_member_lines(reader, setting, "server.", error);
	if (strcmp(name, "groups") == 0)
		return read_member_lines(reader, setting, "group.", error);
	if (strcmp(name, "weights") == 0)
		return read_member_lines(reader, setting, "weight.", error);
	*known = false;
	return true;
}

static bool
read_group(const Reader *reader, const config_setting_t *group, GError **error)
{
	const char *name = config_setting_name(group);
	bool is_ensemble = strcmp(name, "ensemble") == 0;

	if (!config_setting_is_group(group)) {
		g_autofree char *found = describe(group);
		return blame(reader->file, group, PDK_CONFIG_ERROR_VALUE, error, "found %s, allowed: a group { }", found);
	}
	for (int i = 0; i < config_setting_length(group); i++) {
		const config_setting_t *setting = config_setting_get_elem(group, (unsigned)i);
		const PdkSettingKey *key = pdk_setting_find(name, config_setting_name(setting));
		bool known = false;
		if (is_ensemble && !read_of_ensemble(reader, setting, &known, error))
			return false;
		if (known)
			continue;
		if (key == NULL) {
			g_autofree char *allowed = keys_allowed(name);
			return blame(reader->file, setting, PDK_CONFIG_ERROR_UNKNOWN, error,
				     "found an unknown key in %s, allowed: %s%s", name,
				     is_ensemble ? "id, members, groups, weights, " : "", allowed);
		}
		if (!read_setting(reader, setting, key, error))
			return false;
	}
	return true;
}

static bool
set_option(PdkConfig *config, int index, const config_setting_t *setting, bool *type_fits, GError **cause)
{
	const PdkOption *option = pdk_config_option(config, index);
	int type = config_setting_type(setting);
	char **list;

	*type_fits = true;
	switch (option->type) {
	case PDK_OPTION_INT:
		*type_fits = is_integer(setting);
		return *type_fits && pdk_config_set_int(config, index, config_setting_get_int64(setting), cause);
	case PDK_OPTION_BOOL:
		*type_fits = type == CONFIG_TYPE_BOOL;
		if (*type_fits)
			pdk_config_set_bool(config, index, config_setting_get_bool(setting));
		return *type_fits;
	case PDK_OPTION_STRING:
		*type_fits = type == CONFIG_TYPE_STRING;
		return *type_fits && pdk_config_set_string(config, index, config_setting_get_string(setting), cause);
	case PDK_OPTION_LIST:
		list = read_list(setting);
		*type_fits = list != NULL;
		if (*type_fits)
			pdk_config_set_list(config, index, list);
		return *type_fits;
	}
	return false;
}

/* The zoo.cfg names of an option that was given are noted, as if they stood in a zoo.cfg. */
static void
note_option(const Reader *reader, const PdkOption *option, const config_setting_t *setting)
{
	PdkSettingType type = option->type == PDK_OPTION_INT	? PDK_SETTING_INT64
			      : option->type == PDK_OPTION_BOOL ? PDK_SETTING_BOOL
			      : option->type == PDK_OPTION_LIST ? PDK_SETTING_LIST
								: PDK_SETTING_STRING;
	g_autofree char *text = setting_as_text(setting, type);
	g_auto(GStrv) keys = g_strsplit(option->zoo_keys ? option->zoo_keys : "", "|", -1);

	for (char **key = keys; *key; key++)
		if (**key != '\0')
			pdk_configuration_note(reader->configuration, *key, option->key, text,
					       config_setting_source_line(setting));
}

/* Options of one plugin, from a group or from the top level of its file in plugins.d. */
static bool
read_options(const Reader *reader, const char *file, const PdkChosen *chosen, const config_setting_t *group, GError **error)
{
	for (int i = 0; i < config_setting_length(group); i++) {
		const config_setting_t *setting = config_setting_get_elem(group, (unsigned)i);
		const char *name = config_setting_name(setting);
		if (strcmp(name, "plugin") == 0)
			continue;
		int index = pdk_config_find(chosen->config, name);
		if (index < 0)
			return blame(file, setting, PDK_CONFIG_ERROR_UNKNOWN, error,
				     "found an unknown key, allowed: the options of %s/%s (see paddockd --print-defaults)",
				     pdk_kind_name(chosen->plugin->kind), chosen->plugin->name);
		const PdkOption *option = pdk_config_option(chosen->config, index);
		GError *cause = NULL;
		bool type_fits;
		if (set_option(chosen->config, index, setting, &type_fits, &cause)) {
			note_option(reader, option, setting);
			continue;
		}
		if (cause)
			return blame_cause(file, setting, error, cause);
		g_autofree char *found = describe(setting);
		g_autofree char *allowed = pdk_option_allowed(option);
		return blame(file, setting, PDK_CONFIG_ERROR_VALUE, error, "found %s, allowed: %s", found, allowed);
	}
	return true;
}

/* Reads @text; libconfig's own words on a mistake are put into our form. */
static bool
parse(config_t *config, const char *file, const char *text, size_t length, GError **error)
{
	config_init(config);
	g_autofree char *prepared = pdk_conf_text_prepare(file, text, length, error);
	if (prepared == NULL)
		return false;
	if (config_read_string(config, prepared) == CONFIG_TRUE)
		return true;
	g_set_error(error, PDK_CONFIG_ERROR, PDK_CONFIG_ERROR_SYNTAX, "%s:%d: found a %s, allowed: libconfig's syntax", file,
		    config_error_line(config), config_error_text(config));
	return false;
}

/* The plugin's own file in plugins.d, if there is one. */
static bool
read_plugin_file(const Reader *reader, const PdkChosen *chosen, GError **error)
{
	g_autofree char *text = NULL;
	size_t length;

	if (reader->plugins_dir == NULL)
		return true;
	g_autofree char *file = g_strdup_printf("%s/%s-%s.conf", reader->plugins_dir,
						pdk_kind_name(chosen->plugin->kind), chosen->plugin->name);
	if (!g_file_test(file, G_FILE_TEST_EXISTS))
		return true;
	g_autoptr(GError) cause = NULL;
	if (!g_file_get_contents(file, &text, &length, &cause)) {
		g_set_error(error, PDK_CONFIG_ERROR, PDK_CONFIG_ERROR_FILE, "%s: cannot be read: %s", file, cause->message);
		return false;
	}
	g_auto(config_t) config;
	return parse(&config, file, text, length, error) &&
	       read_options(reader, file, chosen, config_root_setting(&config), error);
}

/* "name" or { plugin = "name"; option = value; ... } */
static bool
read_plugin(const Reader *reader, const config_setting_t *entry, PdkKind kind, GError **error)
{
	const char *name = NULL;
	GError *cause = NULL;

	if (config_setting_type(entry) == CONFIG_TYPE_STRING)
		name = config_setting_get_string(entry);
	else if (config_setting_is_group(entry))
		config_setting_lookup_string(entry, "plugin", &name);
	if (name == NULL) {
		g_autofree char *found = describe(entry);
		return blame(reader->file, entry, PDK_CONFIG_ERROR_VALUE, error,
			     "found %s, allowed: \"NAME\" or { plugin = \"NAME\"; options }", found);
	}
	PdkChosen *chosen = pdk_configuration_choose(reader->configuration, reader->loader, kind, name, &cause);
	if (chosen == NULL)
		return blame_cause(reader->file, entry, error, cause);
	if (!read_plugin_file(reader, chosen, error))
		return false;
	return !config_setting_is_group(entry) || read_options(reader, reader->file, chosen, entry, error);
}

static bool
read_kind(const Reader *reader, const config_setting_t *setting, PdkKind kind, GError **error)
{
	if (!config_setting_is_list(setting) && !config_setting_is_array(setting))
		return read_plugin(reader, setting, kind, error);
	for (int i = 0; i < config_setting_length(setting); i++)
		if (!read_plugin(reader, config_setting_get_elem(setting, (unsigned)i), kind, error))
			return false;
	return true;
}

static bool
read_plugins(Reader *reader, const config_setting_t *plugins, unsigned *decided, GError **error)
{
	if (!config_setting_is_group(plugins)) {
		g_autofree char *found = describe(plugins);
		return blame(reader->file, plugins, PDK_CONFIG_ERROR_VALUE, error, "found %s, allowed: a group { }", found);
	}
	for (int i = 0; i < config_setting_length(plugins); i++) {
		const config_setting_t *setting = config_setting_get_elem(plugins, (unsigned)i);
		const char *name = config_setting_name(setting);
		PdkKind kind = 0;
		for (unsigned k = 0; k < G_N_ELEMENTS(kind_keys); k++)
			if (strcmp(kind_keys[k].key, name) == 0)
				kind = kind_keys[k].kind;
		if (kind == 0)
			return blame(reader->file, setting, PDK_CONFIG_ERROR_UNKNOWN, error,
				     "found an unknown kind of plugin, allowed: election, persistence, transports, auth, admin, "
				     "metrics");
		*decided |= 1u << kind;
		if (kind == PDK_KIND_ELECTION) {
			reader->election = setting;
			continue;
		}
		if (!read_kind(reader, setting, kind, error))
			return false;
	}
	return true;
}

static bool
read_root(Reader *reader, const config_setting_t *root, unsigned *decided, GError **error)
{
	for (int i = 0; i < config_setting_length(root); i++) {
		const config_setting_t *setting = config_setting_get_elem(root, (unsigned)i);
		const char *name = config_setting_name(setting);
		const PdkSettingKey *key = pdk_setting_find(NULL, name);
		bool good = true;

		if (key)
			good = read_setting(reader, setting, key, error);
		else if (pdk_setting_group_known(name))
			good = read_group(reader, setting, error);
		else if (strcmp(name, "plugins") == 0)
			good = read_plugins(reader, setting, decided, error);
		else if (strcmp(name, "plugins_dir") != 0) {
			g_autofree char *allowed = keys_allowed(NULL);
			good = blame(reader->file, setting, PDK_CONFIG_ERROR_UNKNOWN, error,
				     "found an unknown key, allowed: %s, plugins, plugins_dir and the groups that paddockd "
				     "--print-defaults shows",
				     allowed);
		}
		if (!good)
			return false;
	}
	return true;
}

/* plugins_dir counts from where the file is. */
static bool
read_plugins_dir(Reader *reader, const config_t *config, GError **error)
{
	const config_setting_t *setting = config_lookup(config, "plugins_dir");

	if (setting == NULL)
		return true;
	const char *path = config_setting_get_string(setting);
	if (path == NULL) {
		g_autofree char *found = describe(setting);
		return blame(reader->file, setting, PDK_CONFIG_ERROR_VALUE, error, "found %s, allowed: a string", found);
	}
	g_autofree char *base = g_path_get_dirname(reader->file);
	reader->plugins_dir = g_path_is_absolute(path) ? g_strdup(path) : g_build_filename(base, path, NULL);
	return true;
}

/* Files of plugins.d that belong to nothing chosen are often a mistake in a name. */
static void
warn_idle_files(const Reader *reader)
{
	g_autoptr(GDir) dir = reader->plugins_dir ? g_dir_open(reader->plugins_dir, 0, NULL) : NULL;

	for (const char *name = dir ? g_dir_read_name(dir) : NULL; name; name = g_dir_read_name(dir)) {
		const char *dash = strchr(name, '-');
		if (!g_str_has_suffix(name, ".conf"))
			continue;
		g_autofree char *kind = g_strndup(name, dash ? (gsize)(dash - name) : 0);
		if (pdk_kind_parse(kind) == 0)
			pdk_configuration_warn(reader->configuration, "%s/%s has no effect: its name is not KIND-NAME.conf",
					       reader->plugins_dir, name);
	}
}

bool
pdk_configuration_choose_defaults(PdkConfiguration *configuration, PdkLoader *loader, unsigned decided, GError **error)
{
	const char *text = pdk_default_plugins();
	Reader reader = {configuration, loader, "(built-in plugins)", NULL, NULL};
	g_auto(config_t) config;

	if (!parse(&config, reader.file, text, strlen(text), error))
		return false;
	for (unsigned k = 0; k < G_N_ELEMENTS(kind_keys); k++) {
		const config_setting_t *setting = config_lookup(&config, kind_keys[k].key);
		if (setting == NULL || decided & 1u << kind_keys[k].kind)
			continue;
		if (!read_kind(&reader, setting, kind_keys[k].kind, error))
			return false;
	}
	return true;
}

/* The own line's client address is where clients are served, unless the transport says something else. */
static void
take_client_address(const Reader *reader)
{
	const PdkEnsembleDraft *draft = &reader->configuration->ensemble;
	const GPtrArray *transports = reader->configuration->chosen[PDK_KIND_TRANSPORT];

	if (draft->client_host == NULL || transports->len == 0)
		return;
	PdkConfig *config = ((PdkChosen *)g_ptr_array_index(transports, 0))->config;
	int index = pdk_config_find(config, "listen");
	if (index < 0 || pdk_config_option(config, index)->type != PDK_OPTION_LIST || pdk_config_given(config, index))
		return;
	bool is_v6 = strchr(draft->client_host, ':') != NULL, any = strcmp(draft->client_host, "0.0.0.0") == 0;
	char **list = g_new0(char *, 2);
	list[0] = g_strdup_printf(is_v6 ? "[%s]:%u" : "%s:%u", any ? "*" : draft->client_host, draft->client_port);
	pdk_config_set_list(config, index, list);
}

static bool
read_ensemble(const Reader *reader, GError **error)
{
	PdkConfiguration *configuration = reader->configuration;
	const PdkEnsembleDraft *draft = &configuration->ensemble;

	if (draft->has_id && draft->lines->len == 0) {
		g_set_error(error, PDK_CONFIG_ERROR, PDK_CONFIG_ERROR_MISSING,
			    "%s:%u: id: found no members beside it, allowed: members = ( \"1=HOST:2888:3888\", ... )",
			    reader->file, draft->id_line);
		return false;
	}
	if (!pdk_ensemble_settle(configuration, error))
		return false;
	take_client_address(reader);
	if (configuration->settings->replica == NULL)
		return true;
	if (reader->election)
		return read_kind(reader, reader->election, PDK_KIND_ELECTION, error);
	return pdk_configuration_choose_defaults(configuration, reader->loader, ~(1u << PDK_KIND_ELECTION), error);
}

PdkConfiguration *
pdk_conf_parse(const char *file, const char *text, size_t length, PdkLoader *loader, GError **error)
{
	g_autoptr(PdkConfiguration) configuration = pdk_configuration_new(file);
	Reader reader = {configuration, loader, file, NULL, NULL};
	g_auto(config_t) config;
	unsigned decided = 0;

	bool good = parse(&config, file, text, length, error) && read_plugins_dir(&reader, &config, error) &&
		    read_root(&reader, config_root_setting(&config), &decided, error) &&
		    pdk_configuration_choose_defaults(configuration, loader, decided | 1u << PDK_KIND_ELECTION, error) &&
		    read_ensemble(&reader, error);
	if (good)
		warn_idle_files(&reader);
	g_free(reader.plugins_dir);
	if (!good)
		return NULL;
	if (!pdk_configuration_finish(configuration, error))
		return NULL;
	return g_steal_pointer(&configuration);
}

PdkConfiguration *
pdk_conf_load(const char *path, PdkLoader *loader, GError **error)
{
	return pdk_configuration_load(path, pdk_conf_parse, loader, error);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Changes when what a configuration consists of does, or a rule between its parts. */
#include "host/configuration.h"

#include "host/pairs.h"
#include <string.h>

static void
chosen_free(void *data)
{
	PdkChosen *chosen = data;

	pdk_config_free(chosen->config);
	g_free(chosen);
}

static void
given_clear(void *data)
{
	PdkGiven *given = data;

	g_free(given->zoo_key);
	g_free(given->value);
	g_free(given->name);
}

PdkConfiguration *
pdk_configuration_new(const char *file)
{
	PdkConfiguration *configuration = g_new0(PdkConfiguration, 1);

	configuration->file = g_strdup(file);
	configuration->settings = pdk_settings_new();
	/* Goes again when it turns out that the server stands alone; see pdk_ensemble_settle. */
	configuration->settings->replica = pdk_settings_new_replica();
	/* "Follows from others" until it is given; see pdk_configuration_finish. */
	configuration->settings->min_session_timeout_ms = -1;
	configuration->settings->max_session_timeout_ms = -1;
	configuration->settings->extra_buffer_bytes = -1;
	for (int i = 0; i < PDK_KINDS; i++)
		configuration->chosen[i] = g_ptr_array_new_with_free_func(chosen_free);
	configuration->warnings = g_ptr_array_new_with_free_func(g_free);
	configuration->given = g_array_new(FALSE, FALSE, sizeof(PdkGiven));
	g_array_set_clear_func(configuration->given, given_clear);
	configuration->ensemble.lines = g_array_new(FALSE, FALSE, sizeof(PdkGiven));
	g_array_set_clear_func(configuration->ensemble.lines, given_clear);
	return configuration;
}

void
pdk_configuration_free(PdkConfiguration *configuration)
{
	if (configuration == NULL)
		return;
	g_free(configuration->file);
	pdk_settings_free(configuration->settings);
	for (int i = 0; i < PDK_KINDS; i++)
		g_ptr_array_unref(configuration->chosen[i]);
	g_ptr_array_unref(configuration->warnings);
	g_array_unref(configuration->given);
	g_array_unref(configuration->ensemble.lines);
	g_free(configuration->ensemble.client_host);
	g_free(configuration);
}

bool
pdk_configuration_error_is_plugin(const GError *error)
{
	return error->domain == PDK_LOADER_ERROR || g_error_matches(error, PDK_CONFIG_ERROR, PDK_CONFIG_ERROR_PLUGIN);
}

PdkChosen *
pdk_configuration_choose(PdkConfiguration *configuration, PdkLoader *loader, PdkKind kind, const char *name,
			 GError **error)
{
	const PdkPlugin *plugin = pdk_loader_find(loader, kind, name, error);

	if (plugin == NULL)
		return NULL;
	PdkChosen *chosen = g_new(PdkChosen, 1);
	*chosen = (PdkChosen){plugin, pdk_config_new(plugin->options)};
	g_ptr_array_add(configuration->chosen[kind], chosen);
	return chosen;
}

void
pdk_configuration_warn(PdkConfiguration *configuration, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	g_ptr_array_add(configuration->warnings, g_strdup_vprintf(format, arguments));
	va_end(arguments);
}

static PdkGiven *
find_given(const PdkConfiguration *configuration, const char *zoo_key)
{
	for (unsigned i = 0; i < configuration->given->len; i++) {
		PdkGiven *given = &g_array_index(configuration->given, PdkGiven, i);
		if (strcmp(given->zoo_key, zoo_key) == 0)
			return given;
	}
	return NULL;
}

void
pdk_configuration_note(PdkConfiguration *configuration, const char *zoo_key, const char *name, const char *value,
		       unsigned line)
{
	PdkGiven *known = find_given(configuration, zoo_key);

	if (known == NULL) {
		PdkGiven fresh = {g_strdup(zoo_key), g_strdup(value), g_strdup(name), line};
		g_array_append_val(configuration->given, fresh);
		return;
	}
	g_free(known->value);
	g_free(known->name);
	known->value = g_strdup(value);
	known->name = g_strdup(name);
	known->line = line;
}

const PdkGiven *
pdk_configuration_noted(const PdkConfiguration *configuration, const char *zoo_key)
{
	return find_given(configuration, zoo_key);
}

/* "FILE:LINE: KEY: " of the first of two keys that was given. */
static char *
place(const PdkConfiguration *configuration, const char *zoo_key, const char *or_key)
{
	const PdkGiven *given = find_given(configuration, zoo_key);

	if (given == NULL)
		given = find_given(configuration, or_key);
	if (given == NULL)
		return g_strdup_printf("%s: %s: ", configuration->file, zoo_key);
	return g_strdup_printf("%s:%u: %s: ", configuration->file, given->line, given->name);
}

static void
derive(PdkSettings *settings)
{
	if (settings->data_log_dir == NULL)
		settings->data_log_dir = g_strdup(settings->data_dir);
	if (settings->min_session_timeout_ms == -1)
		settings->min_session_timeout_ms = 2 * settings->tick_ms;
	if (settings->max_session_timeout_ms == -1)
		settings->max_session_timeout_ms = 20 * settings->tick_ms;
	if (settings->extra_buffer_bytes == -1)
		settings->extra_buffer_bytes = settings->max_buffer_bytes;
	/* Their sum is a length of jute, too. */
	settings->extra_buffer_bytes = MIN(settings->extra_buffer_bytes, INT32_MAX - settings->max_buffer_bytes);
	if (settings->replica == NULL)
		return;
	settings->replica->tick_ms = settings->tick_ms;
	settings->replica->max_buffer_bytes = settings->max_buffer_bytes;
	settings->replica->extra_buffer_bytes = settings->extra_buffer_bytes;
	settings->replica->reconfig_enabled = settings->reconfig_enabled;
	settings->replica->log_dir = settings->data_log_dir;
}

/* The rules for the plugins of a member of an ensemble. */
static bool
check_ensemble_plugins(const PdkConfiguration *configuration, GError **error)
{
	const PdkReplicaParams *replica = configuration->settings->replica;
	const GPtrArray *elections = configuration->chosen[PDK_KIND_ELECTION];
	const PdkChosen *persistence = g_ptr_array_index(configuration->chosen[PDK_KIND_PERSISTENCE], 0);
	const PdkPersistenceOps *ops = persistence->plugin->ops;

	if (replica == NULL)
		return true;
	if (elections->len != 1) {
		g_set_error(error, PDK_CONFIG_ERROR, PDK_CONFIG_ERROR_VALUE, "%s: election: found %u plugins, allowed: one",
			    configuration->file, elections->len);
		return false;
	}
	if (!PDK_HAS(ops, keeps_nothing) || !pdk_members_votes(replica->committed, replica->self))
		return true;
	g_set_error(error, PDK_CONFIG_ERROR, PDK_CONFIG_ERROR_UNABLE,
		    "%s: persistence: found %s, which keeps nothing, allowed: one that does: server.%" G_GINT64_FORMAT
		    " is a participant, and one that forgets what it promised may lose what others were told (an observer may "
		    "use it)",
		    configuration->file, persistence->plugin->name, replica->self);
	return false;
}

PdkConfiguration *
pdk_configuration_load(const char *path, PdkConfigurationParse parse, PdkLoader *loader, GError **error)
{
	g_autoptr(GError) cause = NULL;
	g_autofree char *text = NULL;
	size_t length;

	if (!g_file_get_contents(path, &text, &length, &cause)) {
		g_set_error(error, PDK_CONFIG_ERROR, PDK_CONFIG_ERROR_FILE, "%s: cannot be read: %s", path, cause->message);
		return NULL;
	}
	return parse(path, text, length, loader, error);
}

bool
pdk_configuration_finish(PdkConfiguration *configuration, GError **error)
{
	PdkSettings *settings = configuration->settings;

	if (settings->data_dir == NULL) {
		g_set_error(error, PDK_CONFIG_ERROR, PDK_CONFIG_ERROR_MISSING,
			    "%s: dataDir (data_dir): found none, allowed: a path", configuration->file);
		return false;
	}
	derive(settings);
	if (settings->min_session_timeout_ms > settings->max_session_timeout_ms) {
		g_autofree char *where = place(configuration, "minSessionTimeout", "maxSessionTimeout");
		g_set_error(error, PDK_CONFIG_ERROR, PDK_CONFIG_ERROR_VALUE,
			    "%sfound sessions of %d to %d ms, allowed: the least not above the greatest", where,
			    settings->min_session_timeout_ms, settings->max_session_timeout_ms);
		return false;
	}
	if (settings->enforce_auth && settings->enforce_auth_schemes[0] == NULL) {
		g_autofree char *where = place(configuration, "enforce.auth.enabled", "enforce.auth.schemes");
		g_set_error(error, PDK_CONFIG_ERROR, PDK_CONFIG_ERROR_MISSING,
			    "%sfound no scheme to enforce, allowed: enforce.auth.schemes (enforce_auth_schemes) with at least "
			    "one",
			    where);
		return false;
	}
	if (configuration->chosen[PDK_KIND_PERSISTENCE]->len != 1) {
		g_set_error(error, PDK_CONFIG_ERROR, PDK_CONFIG_ERROR_VALUE,
			    "%s: persistence: found %u plugins, allowed: one", configuration->file,
			    configuration->chosen[PDK_KIND_PERSISTENCE]->len);
		return false;
	}
	if (!check_ensemble_plugins(configuration, error))
		return false;
	pdk_pairs_fill(configuration);
	return true;
}

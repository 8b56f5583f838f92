/* SPDX-License-Identifier: Apache-2.0 */
/* Changes when what makes a server a member of an ensemble does. Source: QuorumPeerConfig. */
#include "host/ensemble.h"

#include "base/properties.h"
#include "host/dynamic-files.h"
#include <string.h>

typedef struct {
	PdkConfiguration *configuration;
	PdkSettings *settings;
	PdkReplicaParams *replica;
	GArray *lines;	  /* PdkGiven; of the configuration, or of the dynamic file */
	const char *file; /* where they stand */
	bool has_id;
	int64_t id;
	char *id_place; /* for messages */
} Settler;

void
pdk_ensemble_add_line(PdkConfiguration *configuration, const char *key, const char *value, const char *name, unsigned line)
{
	PdkGiven given = {g_strdup(key), g_strdup(value), g_strdup(name), line};

	g_array_append_val(configuration->ensemble.lines, given);
}

static bool refuse(GError **error, PdkConfigError code, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* Always false. */
static bool
refuse(GError **error, PdkConfigError code, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	g_autofree char *text = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	g_set_error_literal(error, PDK_CONFIG_ERROR, (int)code, text);
	return false;
}

/* "FILE:LINE: KEY" of a setting, "FILE: KEY" when it was not given. */
static char *
place_of(const Settler *settler, const char *zoo_key)
{
	const PdkGiven *given = pdk_configuration_noted(settler->configuration, zoo_key);

	if (given == NULL)
		return g_strdup_printf("%s: %s", settler->configuration->file, zoo_key);
	return g_strdup_printf("%s:%u: %s", settler->configuration->file, given->line, given->name);
}

/* ---- who this server is ---- */

static bool
read_myid(Settler *settler, GError **error)
{
	g_autofree char *path = g_build_filename(settler->settings->data_dir, "myid", NULL), *text = NULL;
	g_autoptr(GError) cause = NULL;
	gint64 id;

	if (!g_file_get_contents(path, &text, NULL, &cause)) {
		if (g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_NOENT))
			return true;
		return refuse(error, PDK_CONFIG_ERROR_FILE, "%s: cannot be read: %s", path, cause->message);
	}
	text[strcspn(text, "\r\n")] = '\0';
	if (!g_ascii_string_to_signed(g_strstrip(text), 10, 0, G_MAXINT64, &id, NULL)) {
		g_autofree char *escaped = g_strescape(text, NULL);
		return refuse(error, PDK_CONFIG_ERROR_VALUE,
			      "%s: found \"%.60s\", allowed: the number of this server, decimal, on the first line", path,
			      escaped);
	}
	if (settler->has_id && settler->id != id)
		return refuse(error, PDK_CONFIG_ERROR_VALUE,
			      "%s: found %" G_GINT64_FORMAT ", allowed: %" G_GINT64_FORMAT " as %s says, or no such file", path,
			      id, settler->id, settler->id_place);
	if (settler->has_id)
		return true;
	settler->has_id = true;
	settler->id = id;
	settler->id_place = g_steal_pointer(&path);
	return true;
}

static bool
find_id(Settler *settler, GError **error)
{
	const PdkEnsembleDraft *draft = &settler->configuration->ensemble;

	if (draft->has_id) {
		settler->has_id = true;
		settler->id = draft->id;
		settler->id_place = g_strdup_printf("%s:%u: id", settler->configuration->file, draft->id_line);
	}
	return read_myid(settler, error);
}

/* "1, 2, 3" */
static char *
list_sids(const PdkMembers *members)
{
	GString *text = g_string_new(NULL);

	for (unsigned i = 0; i < pdk_members_count(members); i++)
		g_string_append_printf(text, "%s%" G_GINT64_FORMAT, i ? ", " : "", pdk_members_at(members, i)->sid);
	return g_string_free(text, FALSE);
}

static bool
check_id(const Settler *settler, const PdkMembers *members, GError **error)
{
	g_autofree char *sids = list_sids(members);

	if (!settler->has_id)
		return refuse(error, PDK_CONFIG_ERROR_MISSING,
			      "%s/myid: found no such file, allowed: one with the number of this server, one of %s (paddock.conf "
			      "may have it as id in the group ensemble)",
			      settler->settings->data_dir, sids);
	if (pdk_members_find(members, settler->id) == NULL)
		return refuse(error, PDK_CONFIG_ERROR_VALUE,
			      "%s: found %" G_GINT64_FORMAT ", allowed: a member of the ensemble, one of %s (see %s)",
			      settler->id_place, settler->id, sids, settler->file);
	return true;
}

/* ---- the members ---- */

static void
line_clear(void *data)
{
	PdkGiven *given = data;

	g_free(given->zoo_key);
	g_free(given->value);
	g_free(given->name);
}

/* The lines of the dynamic file instead of those of the configuration. */
static bool
read_dynamic_file(Settler *settler, GError **error)
{
	const char *path = settler->settings->dynamic_file;
	g_autoptr(GError) cause = NULL;
	g_autofree char *text = NULL;
	size_t length;

	if (!g_file_get_contents(path, &text, &length, &cause))
		return refuse(error, PDK_CONFIG_ERROR_FILE, "%s: cannot be read: %s", path, cause->message);
	g_autoptr(GPtrArray) properties = pdk_properties_parse(text, length, &cause);
	if (properties == NULL)
		return refuse(error, PDK_CONFIG_ERROR_SYNTAX, "%s:%s", path, cause->message);
	settler->lines = g_array_new(FALSE, FALSE, sizeof(PdkGiven));
	g_array_set_clear_func(settler->lines, line_clear);
	settler->file = path;
	for (unsigned i = 0; i < properties->len; i++) {
		const PdkProperty *property = g_ptr_array_index(properties, i);
		if (!pdk_members_builder_knows(property->key))
			return refuse(error, PDK_CONFIG_ERROR_VALUE,
				      "%s:%u: %s: found this key, allowed: server.N, group.N, weight.N (the version is in the "
				      "file's name)",
				      path, property->line, property->key);
		PdkGiven given = {g_strdup(property->key), g_strdup(property->value), g_strdup(property->key), property->line};
		g_array_append_val(settler->lines, given);
	}
	return true;
}

static bool
is_server(const PdkGiven *line)
{
	return g_str_has_prefix(line->zoo_key, "server.");
}

/* The key dynamicConfigFile, or what a reconfiguration has left behind (paddock.conf is never rewritten). */
static bool
find_dynamic_file(Settler *settler, GError **error)
{
	const PdkGiven *given = pdk_configuration_noted(settler->configuration, "dynamicConfigFile");

	if (given && settler->lines->len > 0) {
		const PdkGiven *line = &g_array_index(settler->lines, PdkGiven, 0);
		return refuse(error, PDK_CONFIG_ERROR_VALUE,
			      "%s:%u: %s: found this beside dynamicConfigFile on line %u, allowed: members in that file only",
			      settler->configuration->file, line->line, line->name, given->line);
	}
	if (given) {
		settler->settings->dynamic_file = g_canonicalize_filename(given->value, NULL);
		return read_dynamic_file(settler, error);
	}
	if (settler->configuration->ensemble.is_static_file || settler->lines->len == 0 || !settler->settings->reconfig_enabled)
		return true;
	settler->settings->dynamic_file = pdk_dynamic_files_newest(settler->settings->dynamic_prefix);
	if (settler->settings->dynamic_file == NULL)
		return true;
	pdk_configuration_warn(settler->configuration,
			       "%s: members has no effect: %s holds them since a reconfiguration; without it members count again",
			       settler->configuration->file, settler->settings->dynamic_file);
	return read_dynamic_file(settler, error);
}

/* clientPort and clientPortAddress stand for the client address of the own line, if that has none. */
static void
add_static_client(const Settler *settler, PdkMembersBuilder *builder)
{
	const PdkGiven *port = pdk_configuration_noted(settler->configuration, "clientPort");
	const PdkGiven *address = pdk_configuration_noted(settler->configuration, "clientPortAddress");
	guint64 number;

	if (settler->has_id && port && g_ascii_string_to_unsigned(port->value, 10, 0, 65535, &number, NULL))
		pdk_members_builder_static_client(builder, settler->id, address && *address->value ? address->value : NULL,
						  (uint16_t)number);
}

/* NULL without @error: there are none. */
static PdkMembers *
build_members(const Settler *settler, GError **error)
{
	g_autoptr(PdkMembersBuilder) builder = pdk_members_builder_new(&settler->replica->rules);
	g_autoptr(GError) cause = NULL;
	unsigned servers = 0;

	for (unsigned i = 0; i < settler->lines->len; i++)
		servers += is_server(&g_array_index(settler->lines, PdkGiven, i));
	if (servers == 0)
		return NULL;
	for (unsigned i = 0; i < settler->lines->len; i++) {
		const PdkGiven *line = &g_array_index(settler->lines, PdkGiven, i);
		if (pdk_members_builder_add(builder, line->zoo_key, line->value, &cause))
			continue;
		refuse(error, PDK_CONFIG_ERROR_VALUE, "%s:%u: %s", settler->file, line->line, cause->message);
		return NULL;
	}
	add_static_client(settler, builder);
	int64_t version = settler->settings->dynamic_file ? pdk_dynamic_files_version(settler->settings->dynamic_file) : 0;
	PdkMembers *members = pdk_members_builder_finish(builder, version, &cause);
	if (members == NULL)
		refuse(error, PDK_CONFIG_ERROR_VALUE, "%s: %s", settler->file, cause->message);
	return members;
}

/* A configuration that was proposed and not seen committed. One that cannot be read is passed over, as in Java. */
static void
read_next(Settler *settler)
{
	g_autofree char *path = g_strdup_printf("%s.dynamic.next", settler->settings->dynamic_prefix), *text = NULL;
	g_autoptr(GError) cause = NULL;
	PdkMembersRules rules = settler->replica->rules;
	size_t length;

	rules.version_allowed = true;
	if (!g_file_test(path, G_FILE_TEST_EXISTS))
		return;
	g_autoptr(PdkMembers) next = NULL;
	if (g_file_get_contents(path, &text, &length, &cause))
		next = pdk_members_parse(text, length, &rules, &cause);
	if (next == NULL) {
		pdk_configuration_warn(settler->configuration, "%s has no effect: %s", path, cause->message);
		return;
	}
	if (pdk_members_version(next) > pdk_members_version(settler->replica->committed))
		settler->replica->last_seen = g_steal_pointer(&next);
}

/* ---- rules ---- */

static bool
check_limit(const Settler *settler, const char *zoo_key, int32_t value, GError **error)
{
	g_autofree char *place = place_of(settler, zoo_key);

	if (settler->configuration->ensemble.is_static_file && !pdk_configuration_noted(settler->configuration, zoo_key))
		return refuse(error, PDK_CONFIG_ERROR_MISSING, "%s: found none, allowed: ticks, 1 or more (an ensemble needs it)",
			      place);
	return value > 0 ||
	       refuse(error, PDK_CONFIG_ERROR_VALUE, "%s: found 0, allowed: ticks, 1 or more (an ensemble needs it)", place);
}

static bool
check_peer_type(const Settler *settler, const PdkMember *own, GError **error)
{
	const PdkGiven *given = pdk_configuration_noted(settler->configuration, "peerType");
	g_autofree char *place = place_of(settler, "peerType");

	if (given == NULL)
		return true;
	bool observer = g_ascii_strcasecmp(given->value, "observer") == 0;
	if (!observer && g_ascii_strcasecmp(given->value, "participant") != 0)
		return refuse(error, PDK_CONFIG_ERROR_VALUE, "%s: found \"%s\", allowed: participant, observer", place,
			      given->value);
	if (own == NULL && observer)
		return refuse(error, PDK_CONFIG_ERROR_VALUE,
			      "%s: found \"observer\", allowed: participant (this server stands alone)", place);
	if (own && own->observer != observer)
		pdk_configuration_warn(settler->configuration,
				       "%s: found \"%s\", but server.%" G_GINT64_FORMAT " in %s makes it %s: that counts", place,
				       given->value, own->sid, settler->file, own->observer ? "an observer" : "a participant");
	return true;
}

static bool
check_election_alg(const Settler *settler, GError **error)
{
	const PdkGiven *given = pdk_configuration_noted(settler->configuration, "electionAlg");
	g_autofree char *place = place_of(settler, "electionAlg");

	return given == NULL || strcmp(given->value, "3") == 0 ||
	       refuse(error, PDK_CONFIG_ERROR_VALUE, "%s: found \"%s\", allowed: 3", place, given->value);
}

/* Of the own line: where clients are to be served. It may say the same as clientPort, but nothing else. */
static bool
take_client_address(const Settler *settler, const PdkMember *own, GError **error)
{
	const PdkGiven *port = pdk_configuration_noted(settler->configuration, "clientPort");
	const PdkGiven *address = pdk_configuration_noted(settler->configuration, "clientPortAddress");
	PdkEnsembleDraft *draft = &settler->configuration->ensemble;
	guint64 number = 0;

	if (own == NULL || own->client_host == NULL || own->client_is_static)
		return true;
	draft->client_host = g_strdup(own->client_host);
	draft->client_port = own->client_port;
	if (port == NULL || !g_ascii_string_to_unsigned(port->value, 10, 0, 65535, &number, NULL))
		return true;
	bool any = address == NULL || *address->value == '\0' || strcmp(address->value, "0.0.0.0") == 0;
	if (number == own->client_port && (any || strcmp(address->value, own->client_host) == 0))
		return true;
	return refuse(error, PDK_CONFIG_ERROR_VALUE,
		      "%s:%u: %s: found %s%s%s, allowed: nothing, or what server.%" G_GINT64_FORMAT " in %s says: %s:%u",
		      settler->configuration->file, port->line, port->name, any ? "" : address->value, any ? "" : ":",
		      port->value, own->sid, settler->file, own->client_host, own->client_port);
}

static bool
settle_alone(Settler *settler, const PdkMembers *members, GError **error)
{
	g_clear_pointer(&settler->settings->replica, pdk_settings_free_replica);
	g_clear_pointer(&settler->settings->dynamic_file, g_free);
	g_clear_pointer(&settler->settings->dynamic_prefix, g_free);
	g_clear_pointer(&settler->settings->config_file, g_free);
	const PdkMember *own = members ? pdk_members_at(members, 0) : NULL;
	return check_peer_type(settler, NULL, error) && take_client_address(settler, own, error);
}

static bool
settle_member(Settler *settler, PdkMembers *members, GError **error)
{
	PdkReplicaParams *replica = settler->replica;

	if (!check_id(settler, members, error) || !check_limit(settler, "initLimit", replica->init_limit, error) ||
	    !check_limit(settler, "syncLimit", replica->sync_limit, error) || !check_election_alg(settler, error))
		return false;
	const PdkMember *own = pdk_members_find(members, settler->id);
	if (!check_peer_type(settler, own, error) || !take_client_address(settler, own, error))
		return false;
	replica->self = settler->id;
	replica->committed = pdk_members_ref(members);
	settler->settings->server_id = (uint8_t)settler->id;
	read_next(settler);
	replica->rules.version_allowed = true;
	return true;
}

static bool
settle(Settler *settler, GError **error)
{
	g_autoptr(GError) cause = NULL;

	settler->replica->rules.version_allowed = false;
	if (!find_dynamic_file(settler, error))
		return false;
	if (settler->lines->len > 0 && !find_id(settler, error))
		return false;
	g_autoptr(PdkMembers) members = build_members(settler, &cause);
	if (cause) {
		g_propagate_error(error, g_steal_pointer(&cause));
		return false;
	}
	bool standalone_enabled = settler->replica->rules.standalone_enabled;
	if (members == NULL && !standalone_enabled) {
		g_autofree char *place = place_of(settler, "standaloneEnabled");
		return refuse(error, PDK_CONFIG_ERROR_VALUE, "%s: found false, allowed: true where there are no members", place);
	}
	if (members == NULL || (standalone_enabled && pdk_members_voters(members) < 2))
		return settle_alone(settler, members, error);
	return settle_member(settler, members, error);
}

bool
pdk_ensemble_settle(PdkConfiguration *configuration, GError **error)
{
	PdkSettings *settings = configuration->settings;

	/* A mistake, told by pdk_configuration_finish. */
	if (settings->data_dir == NULL) {
		g_clear_pointer(&settings->replica, pdk_settings_free_replica);
		return true;
	}
	Settler settler = {
		.configuration = configuration,
		.settings = settings,
		.replica = settings->replica,
		.lines = configuration->ensemble.lines,
		.file = configuration->file,
	};

	if (configuration->ensemble.is_static_file) {
		settings->config_file = g_canonicalize_filename(configuration->file, NULL);
		settings->dynamic_prefix = g_strdup(settings->config_file);
	} else {
		g_autofree char *prefix = g_build_filename(settings->data_dir, "ensemble", NULL);
		settings->dynamic_prefix = g_canonicalize_filename(prefix, NULL);
	}
	bool good = settle(&settler, error);
	if (settler.lines != configuration->ensemble.lines)
		g_array_unref(settler.lines);
	g_free(settler.id_place);
	return good;
}

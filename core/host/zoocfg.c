/* SPDX-License-Identifier: Apache-2.0 */
/* Changes when what a zoo.cfg means to us does. Source: QuorumPeerConfig. */
#include "host/ensemble.h"
#include "host/settings-keys.h"
#include "host/zoo-keys.h"

#include "base/assert.h"
#include "base/properties.h"
#include <string.h>

#define JAVA_PREFIX "zookeeper."

typedef struct {
	PdkConfiguration *configuration;
	const PdkProperty *property;
	const char *key;	       /* without "zookeeper." */
	const PdkProperty *port, *address; /* clientPort, clientPortAddress */
	const PdkProperty *secure_port;
	bool told_alone;	       /* that one member is no ensemble */
} Reader;

/* Puts file, line and key in front. */
static bool
blame(const Reader *reader, const PdkProperty *property, GError **error)
{
	g_prefix_error(error, "%s:%u: %s: ", reader->configuration->file, property->line, property->key);
	return false;
}

static void
warn_no_effect(const Reader *reader, const char *reason)
{
	pdk_configuration_warn(reader->configuration, "%s:%u: %s has no effect: %s", reader->configuration->file,
			       reader->property->line, reader->property->key, reason);
}

/* Options of chosen plugins that name the key; *found counts them. */
static bool
set_options(const Reader *reader, unsigned *found, GError **error)
{
	for (unsigned kind = 0; kind < PDK_KINDS; kind++) {
		const GPtrArray *list = reader->configuration->chosen[kind];
		for (unsigned i = 0; i < list->len; i++) {
			PdkConfig *config = ((PdkChosen *)g_ptr_array_index(list, i))->config;
			int index = pdk_config_find_zoo(config, reader->key);
			if (index < 0)
				continue;
			(*found)++;
			if (!pdk_config_set_text(config, index, reader->property->value, error))
				return blame(reader, reader->property, error);
		}
	}
	return true;
}

static bool
set_setting(const Reader *reader, GError **error)
{
	const PdkSettingKey *key = pdk_setting_find_zoo(reader->key);
	bool raised;

	if (key == NULL)
		return true;
	if (!pdk_setting_set_text(key, reader->configuration->settings, reader->property->value, &raised, error))
		return blame(reader, reader->property, error);
	if (raised)
		pdk_configuration_warn(reader->configuration, "%s:%u: %s: found %s, raised to %" G_GINT64_FORMAT,
				       reader->configuration->file, reader->property->line, reader->property->key,
				       reader->property->value, key->floor);
	return true;
}

static bool
stands_alone(const Reader *reader)
{
	return reader->configuration->settings->replica == NULL;
}

static void
tell_alone(Reader *reader)
{
	bool is_server = g_str_has_prefix(reader->key, "server.");

	if (is_server && reader->told_alone)
		return;
	reader->told_alone = reader->told_alone || is_server;
	warn_no_effect(reader, is_server ? "one member means a stand-alone server" : "this server stands alone");
}

/* A key that asks for what this version cannot do. */
static bool
unable(const Reader *reader, const PdkZooKey *known, GError **error)
{
	if (known->harmless && g_ascii_strcasecmp(reader->property->value, known->harmless) == 0) {
		warn_no_effect(reader, "it says what is so anyway");
		return true;
	}
	g_set_error(error, PDK_CONFIG_ERROR, PDK_CONFIG_ERROR_UNABLE, "found \"%s\", allowed: %s (%s)", reader->property->value,
		    known->harmless ? known->harmless : "the key left out", known->reason);
	return blame(reader, reader->property, error);
}

static bool
known_key(Reader *reader, const PdkZooKey *known, GError **error)
{
	switch (known->class) {
	case PDK_ZOO_NO_EFFECT:
	case PDK_ZOO_PLUGIN:
		break;
	case PDK_ZOO_MEMBER:
		if (stands_alone(reader))
			tell_alone(reader);
		return true;
	case PDK_ZOO_PEERS:
		if (!stands_alone(reader))
			return unable(reader, known, error);
		tell_alone(reader);
		return true;
	case PDK_ZOO_UNABLE:
		return unable(reader, known, error);
	}
	if (strcmp(reader->key, "secureClientPort") == 0)
		reader->secure_port = reader->property;
	warn_no_effect(reader, known->reason);
	return true;
}

/* server.N, group.N, weight.N with a number for N: others are somebody else's keys. */
static bool
is_member_line(const char *key)
{
	const char *id = strchr(key, '.');

	return pdk_members_builder_knows(key) && id[1] != '\0' && strspn(id + 1, "0123456789") == strlen(id + 1);
}

/* First what settings and members are made of... */
static bool
read_property(Reader *reader, GError **error)
{
	const PdkProperty *property = reader->property;

	pdk_configuration_note(reader->configuration, reader->key, property->key, property->value, property->line);
	if (strcmp(reader->key, "clientPort") == 0)
		reader->port = property;
	else if (strcmp(reader->key, "clientPortAddress") == 0)
		reader->address = property;
	else if (is_member_line(reader->key))
		pdk_ensemble_add_line(reader->configuration, reader->key, property->value, property->key, property->line);
	return set_setting(reader, error);
}

/* ...then, when it is known whether this is an ensemble and which plugins serve, the rest. */
static bool
apply_property(Reader *reader, GError **error)
{
	const PdkSettingKey *setting = pdk_setting_find_zoo(reader->key);
	unsigned found = setting != NULL;

	if (reader->property == reader->port || reader->property == reader->address)
		return true;
	if (setting && pdk_setting_is_of_ensemble(setting) && stands_alone(reader))
		tell_alone(reader);
	if (!set_options(reader, &found, error))
		return false;
	if (found > 0)
		return true;
	const PdkZooKey *known = pdk_zoo_key_find(reader->key);
	if (known && (!pdk_members_builder_knows(reader->key) || known->class != PDK_ZOO_MEMBER || is_member_line(reader->key)))
		return known_key(reader, known, error);
	pdk_configuration_warn(reader->configuration, "%s:%u: %s is an unknown key: ignored", reader->configuration->file,
			       reader->property->line, reader->property->key);
	return true;
}

/* An address of one colon or more stands in brackets in front of a port. */
static char *
join_address(const char *address, int64_t port)
{
	bool is_v6 = strchr(address, ':') != NULL && *address != '[';

	return g_strdup_printf(is_v6 ? "[%s]:%d" : "%s:%d", address, (int)port);
}

/* Where clients are served: clientPort and clientPortAddress, or what the own server.N says (the two agree). */
static char *
client_address(Reader *reader, GError **error)
{
	const PdkEnsembleDraft *draft = &reader->configuration->ensemble;
	const char *address = reader->address && *reader->address->value ? reader->address->value : "*";
	int64_t port = draft->client_port;

	if (draft->client_host && reader->port == NULL)
		return join_address(strcmp(draft->client_host, "0.0.0.0") == 0 ? "*" : draft->client_host, port);
	if (reader->port == NULL) {
		g_set_error(error, PDK_CONFIG_ERROR, PDK_CONFIG_ERROR_MISSING,
			    "%s: clientPort: found none, allowed: a port%s", reader->configuration->file,
			    reader->secure_port ? " (secureClientPort is not served: this build has no TLS)" : "");
		return NULL;
	}
	if (pdk_text_to_int(reader->port->value, 0, 65535, &port, error))
		return join_address(address, port);
	blame(reader, reader->port, error);
	return NULL;
}

/* The first transport listens there. */
static bool
set_listen(Reader *reader, GError **error)
{
	PdkConfiguration *configuration = reader->configuration;
	g_autofree char *address = client_address(reader, error);

	if (address == NULL)
		return false;
	if (configuration->chosen[PDK_KIND_TRANSPORT]->len == 0)
		return true;
	PdkChosen *first = g_ptr_array_index(configuration->chosen[PDK_KIND_TRANSPORT], 0);
	int index = pdk_config_find(first->config, "listen");
	if (index < 0 || pdk_config_option(first->config, index)->type != PDK_OPTION_LIST)
		return true;
	char **list = g_new0(char *, 2);
	list[0] = g_steal_pointer(&address);
	pdk_config_set_list(first->config, index, list);
	return true;
}

/* The line a key is given on last counts, as in Java; the others are named. */
static GHashTable *
find_last(const GPtrArray *properties, PdkConfiguration *configuration)
{
	GHashTable *last = g_hash_table_new(g_str_hash, g_str_equal);

	for (unsigned i = 0; i < properties->len; i++) {
		PdkProperty *property = g_ptr_array_index(properties, i);
		const char *key = property->key;
		if (g_str_has_prefix(key, JAVA_PREFIX))
			key += strlen(JAVA_PREFIX);
		const PdkProperty *before = g_hash_table_lookup(last, key);
		if (before)
			pdk_configuration_warn(configuration, "%s:%u: %s is given twice: line %u has no effect",
					       configuration->file, property->line, property->key, before->line);
		g_hash_table_insert(last, (gpointer)(uintptr_t)key, property);
	}
	return last;
}

/* Calls @read for each property that counts. */
static bool
for_each(Reader *reader, const GPtrArray *properties, GHashTable *last, bool (*read)(Reader *, GError **), GError **error)
{
	for (unsigned i = 0; i < properties->len; i++) {
		reader->property = g_ptr_array_index(properties, i);
		reader->key = reader->property->key;
		if (g_str_has_prefix(reader->key, JAVA_PREFIX))
			reader->key += strlen(JAVA_PREFIX);
		if (g_hash_table_lookup(last, reader->key) == reader->property && !read(reader, error))
			return false;
	}
	return true;
}

static bool
choose_election(const Reader *reader, PdkLoader *loader, GError **error)
{
	const PdkGiven *given = pdk_configuration_noted(reader->configuration, "paddock.election");

	if (stands_alone(reader))
		return true;
	if (given == NULL)
		return pdk_configuration_choose_defaults(reader->configuration, loader, ~(1u << PDK_KIND_ELECTION), error);
	if (pdk_configuration_choose(reader->configuration, loader, PDK_KIND_ELECTION, given->value, error))
		return true;
	g_prefix_error(error, "%s:%u: %s: ", reader->configuration->file, given->line, given->name);
	return false;
}

static bool
read_all(Reader *reader, PdkLoader *loader, const GPtrArray *properties, GError **error)
{
	g_autoptr(GHashTable) last = find_last(properties, reader->configuration);

	return for_each(reader, properties, last, read_property, error) && pdk_ensemble_settle(reader->configuration, error) &&
	       choose_election(reader, loader, error) && for_each(reader, properties, last, apply_property, error) &&
	       set_listen(reader, error);
}

PdkConfiguration *
pdk_zoocfg_parse(const char *file, const char *text, size_t length, PdkLoader *loader, GError **error)
{
	g_autoptr(PdkConfiguration) configuration = pdk_configuration_new(file);
	g_autoptr(GError) cause = NULL;
	g_autoptr(GPtrArray) properties = pdk_properties_parse(text, length, &cause);

	if (properties == NULL) {
		g_set_error(error, PDK_CONFIG_ERROR, PDK_CONFIG_ERROR_SYNTAX, "%s:%s", file, cause->message);
		return NULL;
	}
	if (!pdk_configuration_choose_defaults(configuration, loader, 1u << PDK_KIND_ELECTION, error))
		return NULL;
	configuration->ensemble.is_static_file = true;
	Reader reader = {.configuration = configuration};
	if (!read_all(&reader, loader, properties, error))
		return NULL;
	if (!pdk_configuration_finish(configuration, error))
		return NULL;
	return g_steal_pointer(&configuration);
}

PdkConfiguration *
pdk_zoocfg_load(const char *path, PdkLoader *loader, GError **error)
{
	return pdk_configuration_load(path, pdk_zoocfg_parse, loader, error);
}

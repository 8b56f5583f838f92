/* SPDX-License-Identifier: Apache-2.0 */
/* Changes when what a zoo.cfg means to us does. Source: QuorumPeerConfig. */
#include "host/configuration.h"
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
	const PdkProperty *member;     /* server.N */
	unsigned members;
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
set_setting(const Reader *reader, unsigned *found, GError **error)
{
	const PdkSettingKey *key = pdk_setting_find_zoo(reader->key);
	bool raised;

	if (key == NULL)
		return true;
	(*found)++;
	if (!pdk_setting_set_text(key, reader->configuration->settings, reader->property->value, &raised, error))
		return blame(reader, reader->property, error);
	if (raised)
		pdk_configuration_warn(reader->configuration, "%s:%u: %s: found %s, raised to %" G_GINT64_FORMAT,
				       reader->configuration->file, reader->property->line, reader->property->key,
				       reader->property->value, key->floor);
	return true;
}

static bool
known_key(Reader *reader, const PdkZooKey *known, GError **error)
{
	const PdkProperty *property = reader->property;

	switch (known->class) {
	case PDK_ZOO_NO_EFFECT:
	case PDK_ZOO_PLUGIN:
		break;
	case PDK_ZOO_MEMBER:
		reader->members++;
		reader->member = property;
		if (reader->members == 1)
			return true;
		g_set_error(error, PDK_CONFIG_ERROR, PDK_CONFIG_ERROR_UNABLE,
			    "found a second member of an ensemble, allowed: one at most (ensembles are not in this version)");
		return blame(reader, property, error);
	case PDK_ZOO_UNABLE:
		if (known->harmless && g_ascii_strcasecmp(property->value, known->harmless) == 0)
			break;
		g_set_error(error, PDK_CONFIG_ERROR, PDK_CONFIG_ERROR_UNABLE, "found \"%s\", allowed: %s (%s)", property->value,
			    known->harmless ? known->harmless : "the key left out", known->reason);
		return blame(reader, property, error);
	}
	if (strcmp(reader->key, "secureClientPort") == 0)
		reader->secure_port = property;
	warn_no_effect(reader, known->harmless ? "it says what is so anyway" : known->reason);
	return true;
}

static bool
is_member(const char *key)
{
	const char *id = key + strlen("server.");

	return g_str_has_prefix(key, "server.") && *id != '\0' && strspn(id, "0123456789") == strlen(id);
}

static bool
read_property(Reader *reader, GError **error)
{
	unsigned found = 0;

	if (strcmp(reader->key, "clientPort") == 0)
		reader->port = reader->property;
	else if (strcmp(reader->key, "clientPortAddress") == 0)
		reader->address = reader->property;
	else if (!set_setting(reader, &found, error) || !set_options(reader, &found, error))
		return false;
	else if (found == 0) {
		const PdkZooKey *known = pdk_zoo_key_find(reader->key);
		if (known && (known->class != PDK_ZOO_MEMBER || is_member(reader->key)))
			return known_key(reader, known, error);
		pdk_configuration_warn(reader->configuration, "%s:%u: %s is an unknown key: ignored",
				       reader->configuration->file, reader->property->line, reader->property->key);
	}
	return true;
}

/* An address of one colon or more stands in brackets in front of a port. */
static char *
join_address(const char *address, int64_t port)
{
	bool is_v6 = strchr(address, ':') != NULL && *address != '[';

	return g_strdup_printf(is_v6 ? "[%s]:%d" : "%s:%d", address, (int)port);
}

/* clientPort and clientPortAddress are where the first transport listens. */
static bool
set_listen(Reader *reader, GError **error)
{
	PdkConfiguration *configuration = reader->configuration;
	int64_t port;

	if (reader->port == NULL) {
		g_set_error(error, PDK_CONFIG_ERROR, PDK_CONFIG_ERROR_MISSING,
			    "%s: clientPort: found none, allowed: a port%s", configuration->file,
			    reader->secure_port ? " (secureClientPort is not served: this build has no TLS)" : "");
		return false;
	}
	if (!pdk_text_to_int(reader->port->value, 0, 65535, &port, error))
		return blame(reader, reader->port, error);
	if (configuration->chosen[PDK_KIND_TRANSPORT]->len == 0)
		return true;
	PdkChosen *first = g_ptr_array_index(configuration->chosen[PDK_KIND_TRANSPORT], 0);
	int index = pdk_config_find(first->config, "listen");
	if (index < 0 || pdk_config_option(first->config, index)->type != PDK_OPTION_LIST)
		return true;
	const char *address = reader->address && *reader->address->value ? reader->address->value : "*";
	char **list = g_new0(char *, 2);
	list[0] = join_address(address, port);
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

static bool
read_all(Reader *reader, const GPtrArray *properties, GError **error)
{
	g_autoptr(GHashTable) last = find_last(properties, reader->configuration);

	for (unsigned i = 0; i < properties->len; i++) {
		reader->property = g_ptr_array_index(properties, i);
		reader->key = reader->property->key;
		if (g_str_has_prefix(reader->key, JAVA_PREFIX))
			reader->key += strlen(JAVA_PREFIX);
		if (g_hash_table_lookup(last, reader->key) != reader->property)
			continue;
		pdk_configuration_note(reader->configuration, reader->key, reader->property->key, reader->property->value,
				       reader->property->line);
		if (!read_property(reader, error))
			return false;
	}
	if (reader->members == 1)
		pdk_configuration_warn(reader->configuration, "%s:%u: %s has no effect: one member means a stand-alone server",
				       reader->configuration->file, reader->member->line, reader->member->key);
	return set_listen(reader, error);
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
	if (!pdk_configuration_choose_defaults(configuration, loader, 0, error))
		return NULL;
	Reader reader = {.configuration = configuration};
	if (!read_all(&reader, properties, error))
		return NULL;
	if (!pdk_configuration_finish(configuration, error))
		return NULL;
	return g_steal_pointer(&configuration);
}

PdkConfiguration *
pdk_zoocfg_load(const char *path, PdkLoader *loader, GError **error)
{
	g_autoptr(GError) cause = NULL;
	g_autofree char *text = NULL;
	size_t length;

	if (!g_file_get_contents(path, &text, &length, &cause)) {
		g_set_error(error, PDK_CONFIG_ERROR, PDK_CONFIG_ERROR_FILE, "%s: cannot be read: %s", path, cause->message);
		return NULL;
	}
	return pdk_zoocfg_parse(path, text, length, loader, error);
}

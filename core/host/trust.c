/* SPDX-License-Identifier: Apache-2.0 */
/* Changes when a kind of plugin gets another required slot, or trust another step. */
#include "host/trust.h"

#include "host/options.h"
#include <paddock/admin.h>
#include <paddock/auth.h>
#include <paddock/election.h>
#include <paddock/metrics.h>
#include <paddock/persistence.h>
#include <paddock/transport.h>
#include <string.h>

G_DEFINE_QUARK(pdk-loader-error-quark, pdk_loader_error)

typedef struct {
	const char *name; /* NULL ends the list */
	size_t offset;
} Slot;

#define SLOT(type, slot) {#slot, offsetof(type, slot)}

static const Slot election_slots[] = {
	SLOT(PdkElectionOps, create), SLOT(PdkElectionOps, destroy), SLOT(PdkElectionOps, step), {NULL, 0},
};
static const Slot transport_slots[] = {
	SLOT(PdkTransportOps, create), SLOT(PdkTransportOps, destroy), SLOT(PdkTransportOps, start),
	SLOT(PdkTransportOps, listen), SLOT(PdkTransportOps, send),    SLOT(PdkTransportOps, close),
	SLOT(PdkTransportOps, pause),  SLOT(PdkTransportOps, resume),  SLOT(PdkTransportOps, peer),
	{NULL, 0},
};
static const Slot persistence_slots[] = {
	SLOT(PdkPersistenceOps, create),  SLOT(PdkPersistenceOps, destroy), SLOT(PdkPersistenceOps, start),
	SLOT(PdkPersistenceOps, recover), SLOT(PdkPersistenceOps, append),  SLOT(PdkPersistenceOps, sync),
	{NULL, 0},
};
static const Slot auth_slots[] = {
	SLOT(PdkAuthOps, create),   SLOT(PdkAuthOps, destroy), SLOT(PdkAuthOps, scheme),
	SLOT(PdkAuthOps, valid_id), SLOT(PdkAuthOps, match),   {NULL, 0},
};
static const Slot admin_slots[] = {SLOT(PdkAdminOps, create), SLOT(PdkAdminOps, destroy), {NULL, 0}};
static const Slot metrics_slots[] = {SLOT(PdkMetricsOps, create), SLOT(PdkMetricsOps, destroy), {NULL, 0}};

/* By kind number. */
static const struct {
	const char *name;
	const Slot *slots;
} kinds[] = {
	[PDK_KIND_ELECTION] = {"election", election_slots},
	[PDK_KIND_TRANSPORT] = {"transport", transport_slots},
	[PDK_KIND_PERSISTENCE] = {"persistence", persistence_slots},
	[PDK_KIND_AUTH] = {"auth", auth_slots},
	[PDK_KIND_ADMIN] = {"admin", admin_slots},
	[PDK_KIND_METRICS] = {"metrics", metrics_slots},
};

const char *
pdk_kind_name(PdkKind kind)
{
	return kind >= PDK_KIND_ELECTION && kind < G_N_ELEMENTS(kinds) ? kinds[kind].name : NULL;
}

PdkKind
pdk_kind_parse(const char *name)
{
	for (unsigned i = PDK_KIND_ELECTION; i < G_N_ELEMENTS(kinds); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return (PdkKind)i;
	return 0;
}

bool
pdk_plugin_name_well_formed(const char *name)
{
	return *name >= 'a' && *name <= 'z' && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(name) &&
	       strlen(name) <= 64;
}

static bool
trust_version(const PdkPlugin *plugin, GError **error)
{
	if (plugin->size < sizeof(PdkPlugin)) {
		g_set_error(error, PDK_LOADER_ERROR, PDK_LOADER_ERROR_SIZE,
			    "descriptor size: found %u bytes, wanted at least %zu", plugin->size, sizeof(PdkPlugin));
		return false;
	}
	if (plugin->abi_major != PDK_ABI_MAJOR) {
		g_set_error(error, PDK_LOADER_ERROR, PDK_LOADER_ERROR_MAJOR, "ABI major: found %u, wanted %u",
			    plugin->abi_major, PDK_ABI_MAJOR);
		return false;
	}
	if (plugin->abi_minor > PDK_ABI_MINOR) {
		g_set_error(error, PDK_LOADER_ERROR, PDK_LOADER_ERROR_MINOR,
			    "ABI minor: found %u.%u, wanted %u.%u or less (it was built for a newer paddockd)",
			    plugin->abi_major, plugin->abi_minor, PDK_ABI_MAJOR, PDK_ABI_MINOR);
		return false;
	}
	return true;
}

static bool
trust_identity(const PdkPlugin *plugin, PdkKind kind, const char *name, GError **error)
{
	const char *found = pdk_kind_name(plugin->kind);

	if (plugin->kind != kind) {
		g_set_error(error, PDK_LOADER_ERROR, PDK_LOADER_ERROR_KIND, "kind: found %s (%d), wanted %s",
			    found ? found : "unknown", (int)plugin->kind, pdk_kind_name(kind));
		return false;
	}
	if (plugin->name == NULL || strcmp(plugin->name, name) != 0) {
		g_set_error(error, PDK_LOADER_ERROR, PDK_LOADER_ERROR_NAME, "name: found \"%.64s\", wanted \"%s\"",
			    plugin->name ? plugin->name : "(none)", name);
		return false;
	}
	if (plugin->version == NULL || plugin->summary == NULL) {
		g_set_error(error, PDK_LOADER_ERROR, PDK_LOADER_ERROR_TEXT, "%s: found none, wanted a line of text",
			    plugin->version ? "summary" : "version");
		return false;
	}
	return true;
}

static bool
trust_slots(const PdkPlugin *plugin, GError **error)
{
	uint32_t size = 0;

	if (plugin->ops == NULL) {
		g_set_error_literal(error, PDK_LOADER_ERROR, PDK_LOADER_ERROR_SLOT, "ops: found none, wanted a table");
		return false;
	}
	memcpy(&size, plugin->ops, sizeof(size));
	for (const Slot *slot = kinds[plugin->kind].slots; slot->name; slot++) {
		void (*function)(void) = NULL;
		if (slot->offset + sizeof(function) <= size)
			memcpy(&function, (const char *)plugin->ops + slot->offset, sizeof(function));
		if (function)
			continue;
		g_set_error(error, PDK_LOADER_ERROR, PDK_LOADER_ERROR_SLOT,
			    "%s table of %u bytes: found no %s, wanted one (it is required)", kinds[plugin->kind].name, size,
			    slot->name);
		return false;
	}
	return true;
}

bool
pdk_plugin_trust(const PdkPlugin *plugin, PdkKind kind, const char *name, GError **error)
{
	if (!trust_version(plugin, error) || !trust_identity(plugin, kind, name, error) || !trust_slots(plugin, error))
		return false;

	g_autoptr(GError) cause = NULL;
	if (pdk_options_check(plugin->options, &cause))
		return true;
	g_set_error_literal(error, PDK_LOADER_ERROR, PDK_LOADER_ERROR_OPTIONS, cause->message);
	return false;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzz targets of both configuration files share. */
#ifndef FUZZ_CONFIGURATION_H
#define FUZZ_CONFIGURATION_H

#include "host/configuration.h"

#include "base/assert.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

extern const PdkPlugin pdk_plugin_transport_tcp, pdk_plugin_persistence_logsnap, pdk_plugin_persistence_memory,
	pdk_plugin_auth_digest, pdk_plugin_auth_ip, pdk_plugin_admin_fourletter;

typedef PdkConfiguration *(*FuzzParse)(const char *file, const char *text, size_t length, PdkLoader *loader, GError **error);

/* Whatever the text is: a configuration that keeps the rules, or one error of our own domains; and nothing leaks. */
static inline void
fuzz_configuration(FuzzParse parse, const uint8_t *data, size_t size)
{
	const PdkPlugin *const twins[] = {
		&pdk_plugin_transport_tcp, &pdk_plugin_persistence_logsnap, &pdk_plugin_persistence_memory,
		&pdk_plugin_auth_digest,   &pdk_plugin_auth_ip,		    &pdk_plugin_admin_fourletter,
	};
	const char *const nowhere[] = {NULL};
	g_autoptr(PdkLoader) loader = pdk_loader_new(nowhere);
	g_autoptr(GError) error = NULL;
	g_autofree char *text = g_malloc(size + 1);

	for (unsigned i = 0; i < G_N_ELEMENTS(twins); i++)
		pdk_assert(pdk_loader_add_static(loader, twins[i], NULL));
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	g_autoptr(PdkConfiguration) configuration = parse("f", text, size, loader, &error);
	pdk_assert((configuration == NULL) == (error != NULL));
	if (error) {
		pdk_assert(error->domain == PDK_CONFIG_ERROR || error->domain == PDK_LOADER_ERROR);
		return;
	}
	const PdkSettings *settings = configuration->settings;
	pdk_assert(settings->data_dir && settings->data_log_dir && settings->enforce_auth_schemes);
	pdk_assert(settings->tick_ms > 0 && settings->snap_count >= 2 && settings->max_buffer_bytes > 0);
	pdk_assert(settings->min_session_timeout_ms <= settings->max_session_timeout_ms);
	pdk_assert(configuration->chosen[PDK_KIND_PERSISTENCE]->len == 1);
	for (unsigned i = 0; i < configuration->warnings->len; i++)
		pdk_assert(g_str_has_prefix(g_ptr_array_index(configuration->warnings, i), "f:"));
}

#endif

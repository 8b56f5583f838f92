/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trust in steps: what a plugin descriptor must be before anything in it is called. Size, major, minor, kind,
 * name, version and summary, the required slots of its kind's table, options. A refusal says what was found
 * and what was wanted; the loader puts the file in front.
 */
#ifndef PDK_HOST_TRUST_H
#define PDK_HOST_TRUST_H

#include <paddock/plugin.h>

#define PDK_LOADER_ERROR (pdk_loader_error_quark())
GQuark pdk_loader_error_quark(void);

typedef enum {
	PDK_LOADER_ERROR_MISSING = 1, /* no such file in any directory */
	PDK_LOADER_ERROR_OPEN,	      /* the system could not load it */
	PDK_LOADER_ERROR_SYMBOL,      /* no pdk_plugin in it */
	PDK_LOADER_ERROR_SIZE,
	PDK_LOADER_ERROR_MAJOR,
	PDK_LOADER_ERROR_MINOR,
	PDK_LOADER_ERROR_KIND,
	PDK_LOADER_ERROR_NAME,
	PDK_LOADER_ERROR_TEXT,	      /* no version or summary */
	PDK_LOADER_ERROR_SLOT,
	PDK_LOADER_ERROR_OPTIONS,
} PdkLoaderError;

/* @name: what the file's name promises. */
bool pdk_plugin_trust(const PdkPlugin *plugin, PdkKind kind, const char *name, GError **error);

/* "transport", ... and back (0: none of them). */
const char *pdk_kind_name(PdkKind kind);
PdkKind pdk_kind_parse(const char *name);
/* Lower case letters, digits and '-', beginning with a letter. */
bool pdk_plugin_name_well_formed(const char *name);

#endif

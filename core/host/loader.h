/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds plugins in directories: DIR/<kind>/<name>.so, or DIR/<kind>/<name>/.libs/<name>.so as libtool builds
 * them. The first directory that has the file decides. What was trusted stays mapped until the process ends.
 */
#ifndef PDK_HOST_LOADER_H
#define PDK_HOST_LOADER_H

#include "host/trust.h"

typedef struct PdkLoader PdkLoader;

/* @directories ends with NULL, is copied. */
PdkLoader *pdk_loader_new(const char *const *directories);
void pdk_loader_free(PdkLoader *loader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PdkLoader, pdk_loader_free)

/* Offers a plugin that is linked into the program (tests); found before any file. It must pass trust. */
bool pdk_loader_add_static(PdkLoader *loader, const PdkPlugin *plugin, GError **error);

/* The trusted plugin, loaded once. NULL: @error names the file, what was found and what was wanted. */
const PdkPlugin *pdk_loader_find(PdkLoader *loader, PdkKind kind, const char *name, GError **error);

/* One found by pdk_loader_scan. */
typedef struct {
	PdkKind kind;
	char *name, *file;	 /* file: NULL when linked in */
	const PdkPlugin *plugin; /* NULL: refused */
	char *refusal;		 /* why; NULL: trusted */
} PdkFound;

/* Every plugin in the directories, loaded, by kind, then name. Free with g_ptr_array_unref. */
GPtrArray *pdk_loader_scan(PdkLoader *loader);

#endif

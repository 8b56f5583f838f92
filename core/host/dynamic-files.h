/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The members of the ensemble on disk: a dynamic file for each committed configuration (PREFIX.dynamic.VERSION), one for the
 * proposed one (PREFIX.dynamic.next), and the static zoo.cfg that points to the former. Written on the log lane, so that they
 * reach the disk in the order asked for.
 */
#ifndef PDK_HOST_DYNAMIC_FILES_H
#define PDK_HOST_DYNAMIC_FILES_H

#include "server/settings.h"
#include <paddock/host.h>

typedef struct PdkDynamicFiles PdkDynamicFiles;

/* The host's and the settings' strings are borrowed. */
PdkDynamicFiles *pdk_dynamic_files_new(const PdkHost *host, const PdkSettings *settings);
/* No job may be out (pdk_instance_settle). */
void pdk_dynamic_files_free(PdkDynamicFiles *files);

/* The committed configuration, with its version line: its file, and the static file. A failure is a warning line. */
void pdk_dynamic_files_commit(PdkDynamicFiles *files, GBytes *text);
/* The proposed one, with its version line; NULL: there is none any more. */
void pdk_dynamic_files_propose(PdkDynamicFiles *files, GBytes *text);

/* The hexadecimal number at the end of a dynamic file's name; 0: none is there. */
int64_t pdk_dynamic_files_version(const char *path);
/* The file PREFIX.dynamic.VERSION with the highest version (g_free), NULL: none. */
char *pdk_dynamic_files_newest(const char *prefix);
/* Before a static file that holds the members is rewritten for the first time: keeps it as FILE.bak. */
bool pdk_dynamic_files_back_up(const PdkFiles *files, const char *path, GError **error);

#endif

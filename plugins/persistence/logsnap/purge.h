/* SPDX-License-Identifier: Apache-2.0 */
/* Which old files go; changes when that rule does. Source: PurgeTxnLog. */
#ifndef LOGSNAP_PURGE_H
#define LOGSNAP_PURGE_H

#include "directories.h"

/*
 * Keeps the newest @retain snapshots that pass the cheap look, and what is newer than the oldest of them, Z;
 * of the logs the one with the largest zxid up to Z and all later ones. Deletes the others, oldest first.
 * Names that are not exactly ours stay (Java deletes `log.bak`). Returns how many files went; a failure is
 * told in @error, after what could be done was done. A job of the pool.
 */
unsigned purge_run(const PdkFiles *files, const Directories *directories, unsigned retain, GError **error);

#endif

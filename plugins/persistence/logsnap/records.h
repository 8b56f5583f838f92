/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How small records (epochs, an election's promise) lie on the disk: one file each beside the snapshots, named
 * by its key, the content as given. Changes when that does. Source: AtomicFileWritingIdiom, but the directory is
 * synced, too.
 */
#ifndef LOGSNAP_RECORDS_H
#define LOGSNAP_RECORDS_H

#include <paddock/host.h>

#define RECORD_MAX_BYTES (64 * 1024)

/* Letters and digits only: no name of ours or of ZooKeeper's other files is a key. */
bool records_is_key(const char *name);

/*
 * What @directory holds: key -> GBytes; NULL and @error when it cannot be read. `<key>.tmp`, left by a server
 * that died while it wrote, is nothing. Of a file that is too large for a record only the beginning is there, which
 * no owner of a record will understand.
 */
GHashTable *records_load(const PdkHost *host, const char *directory, GError **error);

/* Replaces the record durably. A job of the log lane. */
bool records_write(const PdkFiles *files, const char *directory, const char *key, GBytes *value, GError **error);

#endif

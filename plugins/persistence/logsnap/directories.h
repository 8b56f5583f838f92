/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two directories: where they are, whose they are, what may lie in them. Changes when that does. Source:
 * FileTxnSnapLog.
 */
#ifndef LOGSNAP_DIRECTORIES_H
#define LOGSNAP_DIRECTORIES_H

#include <paddock/files.h>

typedef struct {
	char *snapshots; /* <data_dir>/version-2 */
	char *logs;      /* <log_dir>/version-2; may be the same */
	char *marker;    /* <log_dir>/initialize */
	bool same;
	PdkFile *lock, *log_lock; /* log_lock NULL when the same */
} Directories;

/*
 * Finds or makes both, takes their locks, removes private files of an earlier life, and refuses logs among
 * snapshots and snapshots among logs. @self is zeroed first; on failure nothing stays open. On the core
 * thread, at create.
 */
bool directories_open(Directories *self, const PdkFiles *files, const char *data_dir, const char *log_dir, bool autocreate,
		      GError **error);
void directories_close(Directories *self, const PdkFiles *files);

/* The bytes of all files in @directory; -1 when it cannot be listed. */
int64_t directories_measure(const PdkFiles *files, const char *directory);

#endif

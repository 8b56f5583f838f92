/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which names in version-2 are logs and snapshots; changes when the naming does. Source: ZooKeeper's
 * persistence.Util.
 *
 * Stricter than Java: a name must be exactly `log.<hex>`, `snapshot.<hex>`, `snapshot.<hex>.gz` or
 * `snapshot.<hex>.snappy`, the number a zxid from 0 to 2^63-1. Everything else (`log.bak`, `snapshot.5.tmp`)
 * is somebody else's file: never read, never deleted. Our own temporary names begin with LOGSNAP_PRIVATE.
 */
#ifndef LOGSNAP_NAMES_H
#define LOGSNAP_NAMES_H

#include <paddock/files.h>

#define LOGSNAP_PRIVATE ".paddock-"
#define LOGSNAP_TRUNCATION LOGSNAP_PRIVATE "truncation" /* the one that outlives a life, see truncation.h */

typedef enum {
	SNAP_PLAIN = 0,
	SNAP_GZ = 1,
	SNAP_SNAPPY = 2,
} SnapCodec;

typedef struct {
	char *path; /* whole path, owned */
	int64_t zxid;
	SnapCodec codec; /* snapshots only */
} FileName;

/* Arrays of FileName that free their paths. */
typedef GArray FileNames;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FileNames, g_array_unref)

bool names_is_log(const char *name, int64_t *zxid);
bool names_is_snapshot(const char *name, int64_t *zxid, SnapCodec *codec);

/* The path of a log or snapshot; free with g_free. */
char *names_log_path(const char *directory, int64_t zxid);
char *names_snapshot_path(const char *directory, int64_t zxid, SnapCodec codec);

/*
 * The logs / snapshots of @directory by rising zxid; NULL and @error when it cannot be listed. Any thread
 * that may use @files.
 */
FileNames *names_list_logs(const PdkFiles *files, const char *directory, GError **error);
FileNames *names_list_snapshots(const PdkFiles *files, const char *directory, GError **error);

static inline const FileName *
names_at(const FileNames *names, unsigned i)
{
	return &g_array_index((GArray *)names, FileName, i);
}

#endif

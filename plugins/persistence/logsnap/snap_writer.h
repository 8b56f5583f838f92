/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes one snapshot file; changes when the way bytes reach it does. Source: FileSnap.serialize, SnapStream.
 *
 * The file grows under a private name and gets its own when it is durable. Jobs call it, one at a time.
 */
#ifndef LOGSNAP_SNAP_WRITER_H
#define LOGSNAP_SNAP_WRITER_H

#include "names.h"

#include <paddock/persistence.h>

typedef struct SnapWriter SnapWriter;

/* How much goes to the disk before more is taken. */
#define SNAP_WRITER_PACE_BYTES (64 * 1024)

/* Touches no file yet. @serial tells apart private names within one life. @directory is borrowed. */
SnapWriter *snap_writer_new(const PdkFiles *files, const char *directory, SnapCodec codec, int64_t zxid, uint64_t serial);
/* Closes what is open; leaves files as they are. */
void snap_writer_free(SnapWriter *self);

/*
 * The next bytes of the body. Every SNAP_WRITER_PACE_BYTES go to the disk before more are taken, so that the
 * log's syncs never wait for a flood.
 */
bool snap_writer_write(SnapWriter *self, const uint8_t *data, size_t length, GError **error);
/* Seals and @tail; the bytes are durable afterwards. */
bool snap_writer_finish(SnapWriter *self, const PdkSnapshotTail *tail, GError **error);
/* Gives the file its name, durably. A job of the log lane. */
bool snap_writer_publish(SnapWriter *self, GError **error);
/* Removes what was written. */
void snap_writer_discard(SnapWriter *self);

/* Bytes in the file so far. */
uint64_t snap_writer_length(const SnapWriter *self);

#endif

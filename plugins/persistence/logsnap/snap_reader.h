/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads one snapshot file into a PdkRecovery; changes when the reading does. Source: FileSnap.deserialize.
 */
#ifndef LOGSNAP_SNAP_READER_H
#define LOGSNAP_SNAP_READER_H

#include "names.h"

#include <paddock/persistence.h>

/*
 * Says snapshot_begin, snapshot_part..., then snapshot_accept when every seal matched (true), or
 * snapshot_discard and @error, which names the file (false). A file that cannot be opened says nothing to
 * @into. @into is called on this thread only; a large file is read ahead by another, where the host has a
 * loop.
 */
bool snap_reader_load(const PdkHost *host, const FileName *name, const PdkRecovery *into, void *context, GError **error);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes the end of the history back: cuts logs, deletes later logs and snapshots, all of it or nothing. Changes
 * when that does. Source: FileTxnSnapLog.truncateLog, which may stop half-way.
 *
 * What shall happen to each log and snapshot is written down first, durably, in the file LOGSNAP_TRUNCATION of
 * the log directory; from then on it is done, by this life or at the start of the next. A list that does not
 * name a log or snapshot found at the start is of an older time (another server has written since) and is
 * dropped.
 */
#ifndef LOGSNAP_TRUNCATION_H
#define LOGSNAP_TRUNCATION_H

#include "directories.h"

#include <paddock/host.h>

typedef struct Truncation Truncation;

/*
 * Looks what is to be done so that the history ends with @zxid or the last record below. NULL: not possible, @error says
 * why. Changes nothing. A job of the log lane, as the next.
 */
Truncation *truncation_plan(const PdkFiles *files, const Directories *directories, int64_t max_record_bytes, int64_t zxid,
			    GError **error);
void truncation_free(Truncation *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Truncation, truncation_free)
/* Does it, durably. False: the disk failed; what is done is not known. */
bool truncation_run(Truncation *self, GError **error);

/* The newest valid snapshot that stays; -1: none. */
int64_t truncation_snapshot(const Truncation *self);

/* At start, before anything is read: ends what an earlier life began. */
bool truncation_resume(const PdkHost *host, const Directories *directories, GError **error);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a stretch of the history from the logs, for a learner that lacks it; changes when the rules of that
 * reading do. Source: TxnLogProposalIterator, but for the next.
 *
 * Stricter than Java: it never hands over records from both sides of a gap. Behind a snapshot that came from a
 * leader the older logs lie around, and their end may be a history that the leader gave up; between the last of them
 * and the first record behind the snapshot nothing needs to be missing to the eye (0x100000012, then
 * 0x200000001). So a record that does not follow the one before it is an error, and so is a snapshot whose zxid lies
 * between two records.
 */
#ifndef LOGSNAP_LOG_SCAN_H
#define LOGSNAP_LOG_SCAN_H

#include "directories.h"

#include <paddock/persistence.h>

/* Where a reading ended, so that the next goes on from there. */
typedef struct {
	int64_t next;   /* asked for next; 0: an empty cursor */
	int64_t file;   /* zxid in the name of the log */
	int64_t offset; /* of the record behind what was read */
} LogCursor;

typedef struct {
	/* What is asked for. */
	const PdkFiles *files;
	const Directories *directories;
	int64_t max_record_bytes;
	int64_t from, limit; /* zxids; @limit is durable, what lies behind it is not looked at */
	int64_t max_bytes;
	LogCursor cursor; /* of an earlier reading up to @from, or empty; then of this one */

	/* What was found. */
	GArray *txns; /* PdkLoggedTxn */
	int64_t bytes;
	bool more;
} LogScan;

/* A job. False: @error, and nothing that was found counts. */
bool log_scan_run(LogScan *self, GError **error);
void log_scan_clear(LogScan *self);

#endif

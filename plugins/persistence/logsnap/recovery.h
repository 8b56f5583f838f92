/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From files to history: which snapshot counts, which logs follow it, what is refused. Changes when those
 * rules do. Source: FileTxnSnapLog.restore, FileSnap.deserialize.
 *
 * Stricter than Java in one thing: Java goes on from the end of one log to the next without looking whether
 * the second continues the first. Within an epoch zxids rise by one, and an epoch begins with 1, so here a
 * record that does not follow is refused.
 */
#ifndef LOGSNAP_RECOVERY_H
#define LOGSNAP_RECOVERY_H

#include "directories.h"
#include "log_sizes.h"

#include <paddock/persistence.h>

typedef struct {
	const PdkHost *host;
	const Directories *directories;
	int64_t max_record_bytes;
	bool trust_empty;   /* logs without any snapshot are a whole history */
	bool db_autocreate; /* nothing at all is an empty history */
	bool marker_used;   /* an earlier recovery of this life found the marker */
	LogSizes *sizes;    /* learns where the logs end */
	bool accept_gaps;   /* an operator's decision to go on without records that are missing */
} RecoverySettings;

/* *marker: the marker `initialize` was there, and is used up. */
bool recovery_run(const RecoverySettings *settings, const PdkRecovery *into, void *context, PdkRecovered *result, bool *marker,
		  GError **error);

#endif

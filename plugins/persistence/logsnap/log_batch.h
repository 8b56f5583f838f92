/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records gathered for one trip to the disk, ready as bytes; changes when the gathering does.
 *
 * The core thread adds, a job of the log lane seals and writes; never both at a time. The buffer is reused
 * from trip to trip.
 */
#ifndef LOGSNAP_LOG_BATCH_H
#define LOGSNAP_LOG_BATCH_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
	uint8_t *data; /* whole records, checksums missing until sealed */
	size_t length, capacity;
	GArray *rolls;     /* size_t, rising: offsets of records before which a new file begins */
	bool roll_pending; /* the next record added begins a new file */
	int64_t last_zxid; /* of the last record; meaningless while empty */
} LogBatch;

LogBatch *log_batch_new(void);
void log_batch_free(LogBatch *self);
/* Empties it for the next trip. A buffer blown up by a burst is given back. A pending roll stays. */
void log_batch_reset(LogBatch *self);

/* Adds a record around @txn (copied), at least TXN_HEADER_BYTES, whose header bears @zxid. */
void log_batch_add(LogBatch *self, int64_t zxid, const uint8_t *txn, size_t length);
/* What is added from here on stands in a new file. */
void log_batch_roll(LogBatch *self);
/* Takes the records above @zxid off into a batch of their own; NULL: there are none. A pending roll stays here. */
LogBatch *log_batch_take_above(LogBatch *self, int64_t zxid);

/*
 * Computes the checksums of the records from @offset on, for at most LOG_STEP_BYTES or up to the next roll,
 * but one record at least; returns the offset behind them. @offset is where a record begins, below `length`.
 */
size_t log_batch_seal(LogBatch *self, size_t offset);
/* Does a new file begin at @offset? */
bool log_batch_rolls_at(const LogBatch *self, size_t offset);
/* The zxid of the record at @offset. */
int64_t log_batch_zxid_at(const LogBatch *self, size_t offset);

#endif

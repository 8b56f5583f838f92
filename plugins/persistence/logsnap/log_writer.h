/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes sealed records to log files; changes when the way bytes reach the log does. Source: FileTxnLog,
 * FilePadding.
 *
 * Belongs to the log lane: only jobs of that lane call it once the server runs. It never appends to a file of
 * an earlier life. A new file gets its name only when its first records are durable in it, so no log without
 * a header is ever seen.
 */
#ifndef LOGSNAP_LOG_WRITER_H
#define LOGSNAP_LOG_WRITER_H

#include "log_batch.h"

#include <paddock/host.h>

typedef struct {
	const PdkHost *host;
	const char *directory;   /* borrowed */
	int64_t prealloc_bytes;  /* how much a file grows at a time; <= 0: just what is written */
	int64_t size_limit_bytes; /* a file beyond this is followed by a new one; <= 0: no limit */
	bool force_sync;

	PdkFile *file; /* NULL: the next record begins a file */
	int64_t begin_zxid; /* in the name of the file */
	int64_t position, size;
	bool broken; /* a job of the lane failed: what comes behind it must not reach the disk */
	bool prealloc_failed; /* said once */
} LogWriter;

/* What one write did; for messages and sizes. */
typedef struct {
	unsigned files;     /* begun */
	int64_t file_size;  /* of the last one, padding counted */
	int64_t begin_zxid; /* of the last one */
	int64_t written;    /* bytes in it, without padding */
} LogWriterReport;

/*
 * Seals @batch, writes all of it and, unless force_sync is off, makes it durable. False: what reached the
 * disk is unknown, and this writer must not be used again.
 */
bool log_writer_write(LogWriter *self, LogBatch *batch, LogWriterReport *report, GError **error);
void log_writer_close(LogWriter *self);

#endif

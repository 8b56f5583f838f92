/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the records of one log file; changes when the reading does. Source: FileTxnLog.FileTxnIterator.
 *
 * Trusts no byte of the file: lengths are bounded, checksums verified. What a record that does not stand for
 * itself means is said by log_damage.h.
 */
#ifndef LOGSNAP_LOG_READER_H
#define LOGSNAP_LOG_READER_H

#include <paddock/files.h>

typedef struct LogReader LogReader;

typedef enum {
	LOG_RECORD = 1, /* *txn, *length, *zxid are set */
	LOG_END = 2,    /* nothing but padding follows */
	LOG_TORN = 3,   /* a write that was under way when the server died; nothing behind it counts. `log_reader_problem` tells */
	LOG_BAD = 4,    /* @error: damage, or the disk failed */
} LogRead;

/* Opens @path and checks its header; NULL and @error otherwise. @max_record_bytes bounds a payload. */
LogReader *log_reader_open(const PdkFiles *files, const char *path, int64_t max_record_bytes, GError **error);
void log_reader_free(LogReader *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LogReader, log_reader_free)

/*
 * The next record; *txn is lent until the next call. After anything but LOG_RECORD the reader is at its end.
 */
LogRead log_reader_next(LogReader *self, int64_t *zxid, const uint8_t **txn, size_t *length, GError **error);

/* The next record is read at @offset, where one begins. */
void log_reader_move(LogReader *self, int64_t offset);

/* Where the record returned last began, or where the end or the damage lies. */
int64_t log_reader_offset(const LogReader *self);
/* Where the record behind it begins. */
int64_t log_reader_behind(const LogReader *self);
/*
 * After LOG_TORN: what was found, e.g. "checksum does not match"; and how many whole records lie behind it
 * and are ignored.
 */
const char *log_reader_problem(const LogReader *self);
unsigned log_reader_ignored(const LogReader *self);
/*
 * After LOG_TORN: would a Java server refuse the file as it is? Then the torn part must be cut off at
 * `log_reader_offset`.
 */
bool log_reader_cut(const LogReader *self);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many bytes of records each log holds, known without asking the disk; changes when that bookkeeping does.
 *
 * A listing tells lengths with their padding; what was read or written in this life is known exactly, and
 * stays so. Belongs to the core thread, but for log_sizes_list.
 */
#ifndef LOGSNAP_LOG_SIZES_H
#define LOGSNAP_LOG_SIZES_H

#include <paddock/files.h>

typedef struct LogSizes LogSizes;
typedef GArray LogSizeList;

LogSizes *log_sizes_new(void);
void log_sizes_free(LogSizes *self);
/* Nothing is known any more. */
void log_sizes_clear(LogSizes *self);

/* The records of the log that begins with @zxid end at @bytes. */
void log_sizes_note(LogSizes *self, int64_t zxid, int64_t bytes);

/* The logs of @directory and their lengths; NULL when it cannot be listed. Any thread. */
LogSizeList *log_sizes_list(const PdkFiles *files, const char *directory);
/* These are the logs there are now. Takes @list; NULL is ignored. */
void log_sizes_take(LogSizes *self, LogSizeList *list);

/* The bytes that a reader from @zxid on goes through; -1: not known yet. */
int64_t log_sizes_from(const LogSizes *self, int64_t zxid);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Logged txns for a learner, read in the pool while the writer goes on; changes when that asking does. */
#include "logsnap.h"

typedef struct {
	PdkPersistence *owner;
	LogScan scan;
	uint64_t truncations;
	GError *error;
} ReadTask;

static void
run(void *data)
{
	ReadTask *task = data;

	log_scan_run(&task->scan, &task->error);
}

static void
done(void *data)
{
	ReadTask *task = data;
	PdkPersistence *self = task->owner;
	LogScan *scan = &task->scan;

	self->reading = false;
	if (task->truncations != self->truncations) {
		g_clear_error(&task->error);
		task->error = g_error_new(G_FILE_ERROR, G_FILE_ERROR_AGAIN, "%s: the log was truncated or read anew meanwhile",
					  self->directories.logs);
	}
	if (task->error == NULL && scan->txns->len > 0)
		self->cursors[self->next_cursor++ % LOGSNAP_CURSORS] = scan->cursor;
	if (task->error && !self->failed)
		self->events->log_read(self->context, NULL, 0, false, task->error);
	else if (!self->failed)
		self->events->log_read(self->context, (const PdkLoggedTxn *)(const void *)scan->txns->data, scan->txns->len,
				       scan->more, NULL);
	log_scan_clear(scan);
	g_clear_error(&task->error);
	g_free(task);
}

/* Where an earlier reader stopped that now goes on. */
static LogCursor
find_cursor(const PdkPersistence *self, int64_t from)
{
	for (unsigned i = 0; i < LOGSNAP_CURSORS; i++) {
		if (self->cursors[i].next == from)
			return self->cursors[i];
	}
	return (LogCursor){0};
}

void
read_task_start(PdkPersistence *self, int64_t from, int64_t max_bytes)
{
	g_assert(!self->reading && from >= 0);
	if (self->failed)
		return;
	ReadTask *task = g_new0(ReadTask, 1);

	task->owner = self;
	task->truncations = self->truncations;
	task->scan = (LogScan){
		.files = self->host->files,
		.directories = &self->directories,
		.max_record_bytes = self->settings.max_record_bytes,
		.from = MAX(from, 1),
		.limit = self->durable_zxid,
		.max_bytes = max_bytes,
	};
	task->scan.cursor = find_cursor(self, task->scan.from);
	self->reading = true;
	self->host->offload(self->host, PDK_LANE_POOL, run, done, task);
}

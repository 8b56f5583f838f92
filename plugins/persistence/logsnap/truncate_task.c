/* SPDX-License-Identifier: Apache-2.0 */
/* A truncation on its way through the log lane; changes when its order with appends and readers does. */
#include "logsnap.h"
#include "truncation.h"

typedef struct {
	PdkPersistence *owner;
	int64_t zxid;
	LogBatch *above; /* was gathered behind; written after all when the history stays. NULL: nothing */
	LogWriterReport report;
	int64_t snapshot;
	GError *refused; /* nothing was changed */
	GError *error;   /* the disk failed */
} TruncateTask;

static void
run(void *data)
{
	TruncateTask *task = data;
	PdkPersistence *self = task->owner;
	LogWriter *writer = &self->writer;

	if (writer->broken)
		return;
	g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&self->deleting);
	g_autoptr(Truncation) truncation = truncation_plan(self->host->files, &self->directories, self->settings.max_record_bytes,
							   task->zxid, &task->refused);
	if (truncation == NULL) {
		if (task->above)
			log_writer_write(writer, task->above, &task->report, &task->error);
		return;
	}
	log_writer_close(writer); /* so the next append begins a file */
	task->snapshot = truncation_snapshot(truncation);
	writer->broken = !truncation_run(truncation, &task->error);
}

static void
answer(TruncateTask *task)
{
	PdkPersistence *self = task->owner;
	const PdkHost *host = self->host;

	self->truncations++;
	if (task->refused) {
		if (task->above)
			commit_durable(self, task->above->last_zxid, &task->report);
		self->events->truncated(self->context, task->zxid, task->refused);
		return;
	}
	host->log(host, PDK_LOG_INFO, "log-truncated zxid=0x%" G_GINT64_MODIFIER "x snapshot=0x%" G_GINT64_MODIFIER "x",
		  (guint64)task->zxid, (guint64)MAX(task->snapshot, 0));
	self->durable_zxid = MIN(self->durable_zxid, task->zxid);
	self->sizes.last_snapshot_zxid = task->snapshot;
	memset(self->cursors, 0, sizeof(self->cursors));
	log_sizes_clear(self->log_sizes);
	upkeep_measure(self);
	self->events->truncated(self->context, task->zxid, NULL);
}

static void
done(void *data)
{
	TruncateTask *task = data;
	PdkPersistence *self = task->owner;

	self->orders_out--;
	if (task->error)
		logsnap_fail(self, g_steal_pointer(&task->error));
	else if (!self->failed)
		answer(task);
	g_clear_error(&task->refused);
	g_clear_pointer(&task->above, log_batch_free);
	g_free(task);
}

void
truncate_task_start(PdkPersistence *self, int64_t zxid)
{
	g_assert(zxid >= 0);
	if (self->failed)
		return;
	snap_task_overtake(self, zxid);
	TruncateTask *task = g_new0(TruncateTask, 1);
	task->owner = self;
	task->zxid = zxid;
	task->above = commit_take_above(self, zxid);
	self->truncations++;
	commit_flush(self);
	self->orders_out++;
	self->host->offload(self->host, PDK_LANE_LOG, run, done, task);
}

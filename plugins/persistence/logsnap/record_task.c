/* SPDX-License-Identifier: Apache-2.0 */
/* Small records on their way to the disk, in order with the log; changes when that order does. */
#include "logsnap.h"
#include "records.h"

typedef struct {
	PdkPersistence *owner;
	char *key;
	GBytes *value;
	GError *error;
} RecordTask;

static void
run(void *data)
{
	RecordTask *task = data;
	PdkPersistence *self = task->owner;

	if (self->writer.broken)
		return;
	self->writer.broken = !records_write(self->host->files, self->directories.snapshots, task->key, task->value, &task->error);
}

static void
done(void *data)
{
	RecordTask *task = data;
	PdkPersistence *self = task->owner;

	self->orders_out--;
	if (task->error)
		logsnap_fail(self, g_steal_pointer(&task->error));
	else if (!self->failed)
		self->events->record_saved(self->context, task->key);
	g_bytes_unref(task->value);
	g_free(task->key);
	g_free(task);
}

GBytes *
record_task_get(PdkPersistence *self, const char *key)
{
	GBytes *value = g_hash_table_lookup(self->records, key);

	return value ? g_bytes_ref(value) : NULL;
}

void
record_task_put(PdkPersistence *self, const char *key, GBytes *value)
{
	g_assert(records_is_key(key) && g_bytes_get_size(value) <= RECORD_MAX_BYTES);
	if (self->failed)
		return;
	RecordTask *task = g_new0(RecordTask, 1);
	task->owner = self;
	task->key = g_strdup(key);
	task->value = g_bytes_ref(value);
	commit_flush(self);
	self->orders_out++;
	self->host->offload(self->host, PDK_LANE_LOG, run, done, task);
}

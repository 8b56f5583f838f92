/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Group commit: what is appended gathers in one batch while the other is being made durable. Changes when the
 * grouping does.
 */
#include "logsnap.h"

/* A batch on its way to the disk. */
typedef struct {
	PdkPersistence *owner;
	LogBatch *batch;
	LogWriterReport report;
	GError *error;
	int64_t begin_us;
} Commit;

static void
write_batch(void *data)
{
	Commit *commit = data;
	LogWriter *writer = &commit->owner->writer;

	if (!writer->broken)
		log_writer_write(writer, commit->batch, &commit->report, &commit->error);
}

/*
 * Who was just answered mostly asks again at once. A batch that waits for them, for a fraction of what a sync takes, is twice
 * as large: fewer syncs, and nobody sits through somebody else's. A batch that nobody joins goes when the time is over.
 */
#define LINGER_SHARE 4 /* of the usual duration of a sync */
#define LINGER_MAX_US 60
#define WORTHWHILE 2 /* a batch so many times as large as the one before goes at once */

static void hand_over(PdkPersistence *self);

static void
linger_over(void *data)
{
	PdkPersistence *self = data;

	self->linger_timer = 0;
	if (self->commits_out == 0 && self->sync_wanted && !self->failed)
		hand_over(self);
}

static void
linger(PdkPersistence *self, size_t released)
{
	const PdkHost *host = self->host;

	self->linger_length = self->gathering->length + released;
	self->linger_timer = host->timer(host, host->now_us(host) + MIN(self->recent_us / LINGER_SHARE, LINGER_MAX_US),
					 linger_over, self);
}

static void
linger_end(PdkPersistence *self)
{
	self->host->timer_cancel(self->host, self->linger_timer);
	self->linger_timer = 0;
}

static void
note_duration(PdkPersistence *self, int64_t us, int64_t file_bytes)
{
	const PdkHost *host = self->host;

	pdk_summary_add(self->fsync_time, (uint64_t)MAX(us, 0) / 1000);
	self->recent_us += (us - self->recent_us) / 4;
	if (self->usual_us == 0)
		self->usual_us = us;
	if (self->snapshot == NULL) /* what is usual is not learnt under load of our own making */
		self->usual_us += (us - self->usual_us) / 32;
	if (self->settings.fsync_warning_ms < 0 || us / 1000 < self->settings.fsync_warning_ms)
		return;
	pdk_counter_add(self->slow_fsyncs, 1);
	host->log(host, PDK_LOG_WARNING, "fsync-slow ms=%" G_GINT64_FORMAT " file_bytes=%" G_GINT64_FORMAT
		  " directory=%s: replies to writes wait for it", us / 1000, file_bytes, self->directories.logs);
}

/* The buffer of a batch that is through serves the next one. */
static void
recycle(PdkPersistence *self, LogBatch *batch)
{
	log_batch_reset(batch);
	if (self->spare)
		log_batch_free(batch);
	else
		self->spare = batch;
}

static void
batch_done(PdkPersistence *self, const Commit *commit)
{
	size_t released = commit->batch->length;

	self->last_commit_us = self->host->now_us(self->host);
	note_duration(self, self->last_commit_us - commit->begin_us, commit->report.file_size);
	if (self->sync_wanted && self->commits_out == 0) {
		if (self->gathering->length >= WORTHWHILE * released)
			hand_over(self);
		else
			linger(self, released);
	}
	commit_durable(self, commit->batch->last_zxid, &commit->report);
}

static void
batch_written(void *data)
{
	Commit *commit = data;
	PdkPersistence *self = commit->owner;

	g_assert(self->magic == LOGSNAP_MAGIC);
	self->commits_out--;
	if (commit->error)
		logsnap_fail(self, g_steal_pointer(&commit->error));
	else if (!self->failed)
		batch_done(self, commit);
	recycle(self, commit->batch);
	g_free(commit);
}

/* The gathered batch goes to the lane, another one gathers. */
static void
hand_over(PdkPersistence *self)
{
	LogBatch *batch = self->gathering;

	self->sync_wanted = false;
	linger_end(self);
	if (batch->length == 0)
		return;
	self->gathering = self->spare ? g_steal_pointer(&self->spare) : log_batch_new();
	g_assert(self->gathering->length == 0);
	self->gathering->roll_pending = batch->roll_pending;
	batch->roll_pending = false;
	Commit *commit = g_new0(Commit, 1);
	commit->owner = self;
	commit->batch = batch;
	commit->begin_us = self->host->now_us(self->host);
	self->commits_out++;
	self->host->offload(self->host, PDK_LANE_LOG, write_batch, batch_written, commit);
}

void
commit_append(PdkPersistence *self, int64_t zxid, GBytes *txn)
{
	size_t length;
	const uint8_t *data = g_bytes_get_data(txn, &length);

	if (!self->failed)
		log_batch_add(self->gathering, zxid, data, length);
}

void
commit_sync(PdkPersistence *self)
{
	if (self->failed)
		return;
	if (self->commits_out > 0 || (self->linger_timer != 0 && self->gathering->length < self->linger_length)) {
		self->sync_wanted = true;
		return;
	}
	hand_over(self);
}

void
commit_flush(PdkPersistence *self)
{
	if (!self->failed)
		hand_over(self);
}

LogBatch *
commit_take_above(PdkPersistence *self, int64_t zxid)
{
	return log_batch_take_above(self->gathering, zxid);
}

void
commit_durable(PdkPersistence *self, int64_t zxid, const LogWriterReport *report)
{
	self->durable_zxid = MAX(self->durable_zxid, zxid);
	log_sizes_note(self->log_sizes, report->begin_zxid, report->written);
	if (report->files > 0)
		upkeep_measure(self);
	self->events->synced(self->context, zxid);
}

void
commit_roll(PdkPersistence *self)
{
	log_batch_roll(self->gathering);
}

bool
commit_is_slow(const PdkPersistence *self)
{
	const int64_t fresh_us = 100 * 1000, noise_us = 500;

	if (self->host->now_us(self->host) - self->last_commit_us > fresh_us)
		return false;
	return self->recent_us > 2 * self->usual_us + noise_us;
}

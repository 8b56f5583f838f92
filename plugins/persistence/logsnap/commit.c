/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Group commit: what is appended gathers in one batch while the other is being made durable. Changes when the
 * grouping does.
 */
#include "logsnap.h"

static void
write_batch(void *data)
{
	PdkPersistence *self = data;

	log_writer_write(&self->writer, self->commit.batch, &self->commit.report, &self->commit.error);
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
	if (!self->commit_out && self->sync_wanted && !self->failed)
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
note_duration(PdkPersistence *self, int64_t us)
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
		  " directory=%s: replies to writes wait for it", us / 1000, self->commit.report.file_size,
		  self->directories.logs);
}

static void
batch_written(void *data)
{
	PdkPersistence *self = data;
	LogBatch *batch = self->commit.batch;
	int64_t zxid = batch->last_zxid;
	bool began_file = self->commit.report.files > 0; /* before the next commit takes the struct */

	g_assert(self->magic == LOGSNAP_MAGIC);
	self->commit_out = false;
	if (self->commit.error) {
		logsnap_fail(self, g_steal_pointer(&self->commit.error));
		return;
	}
	if (self->failed)
		return;
	self->last_commit_us = self->host->now_us(self->host);
	note_duration(self, self->last_commit_us - self->commit.begin_us);
	size_t released = batch->length;
	log_batch_reset(batch);
	self->commit.batch = NULL;
	if (self->sync_wanted && self->gathering->length >= WORTHWHILE * released)
		hand_over(self);
	else if (self->sync_wanted)
		linger(self, released);
	if (began_file)
		upkeep_measure(self);
	self->events->synced(self->context, zxid);
}

/* The gathered batch goes to the lane, the other one gathers. */
static void
hand_over(PdkPersistence *self)
{
	LogBatch *batch = self->gathering;

	self->sync_wanted = false;
	linger_end(self);
	if (batch->length == 0)
		return;
	self->gathering = batch == &self->batches[0] ? &self->batches[1] : &self->batches[0];
	g_assert(self->gathering->length == 0);
	self->gathering->roll_pending = batch->roll_pending;
	batch->roll_pending = false;
	self->commit = (Commit){.batch = batch, .begin_us = self->host->now_us(self->host)};
	self->commit_out = true;
	self->host->offload(self->host, PDK_LANE_LOG, write_batch, batch_written, self);
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
	if (self->commit_out || (self->linger_timer != 0 && self->gathering->length < self->linger_length)) {
		self->sync_wanted = true;
		return;
	}
	hand_over(self);
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

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A snapshot on its way to the disk: parts go through the pool one after the other, the publication through
 * the log lane. Changes when those steps do.
 *
 * A snapshot that cannot be written is given up, not the server: nothing that was acknowledged depends on it.
 * A full disk thus ends the server only when the log does not fit, and the half-written snapshot is removed
 * before.
 */
#include "logsnap.h"
#include "snap_writer.h"

#define MAX_PARTS_OUT 4
#define ROOM_AT 2        /* parts out when room is announced */
#define PAUSE_US 5000    /* when the log is slow */
#define MAX_PAUSES 4     /* a slice waits no longer than this many */
/*
 * A part goes to the disk in slices, at an even pace: a log sync that meets one waits for little. (Measured:
 * without a pace, or in slices of a megabyte, the slowest hundredth of the syncs takes ten times as long.)
 */
#define SLICE_BYTES SNAP_WRITER_PACE_BYTES
#define MAX_DEBT_US 100000 /* time lost is made up for no further back than this */

typedef enum {
	STEP_NONE = 0,    /* no job is out */
	STEP_WRITE = 1,   /* a slice of the first part in the queue */
	STEP_SEAL = 2,
	STEP_PUBLISH = 3,
	STEP_DISCARD = 4,
} Step;

struct SnapTask {
	PdkPersistence *owner;
	SnapWriter *writer;
	int64_t zxid;
	GQueue parts; /* GBytes; with STEP_WRITE the first is being written */
	size_t written; /* of the first part */
	int64_t due_us; /* when the next slice may go */
	Step step;
	bool room_wanted; /* snapshot_part returned false */
	bool finishing, aborted, sealed, discarded, published;
	bool overtaken; /* a truncation takes back what it holds */
	PdkSnapshotTail tail;
	GError *error; /* why it is given up; set by jobs, too */
	uint64_t pause_timer;
	unsigned pauses;
};

static void advance(SnapTask *task);

void
snap_task_free(SnapTask *task)
{
	task->owner->host->timer_cancel(task->owner->host, task->pause_timer);
	snap_writer_free(task->writer);
	g_queue_clear_full(&task->parts, (GDestroyNotify)g_bytes_unref);
	g_clear_error(&task->error);
	g_free(task);
}

static void
run_step(void *data)
{
	SnapTask *task = data;
	size_t length;

	switch (task->step) {
	case STEP_WRITE: {
		const uint8_t *bytes = g_bytes_get_data(g_queue_peek_head(&task->parts), &length);
		snap_writer_write(task->writer, bytes + task->written, MIN(length - task->written, SLICE_BYTES), &task->error);
		break;
	}
	case STEP_SEAL:
		task->sealed = snap_writer_finish(task->writer, &task->tail, &task->error);
		break;
	case STEP_PUBLISH:
		task->published = snap_writer_publish(task->writer, &task->error);
		break;
	case STEP_DISCARD:
		snap_writer_discard(task->writer);
		task->discarded = true;
		break;
	case STEP_NONE:
		g_assert_not_reached();
	}
}

static void
give_room(SnapTask *task)
{
	PdkPersistence *self = task->owner;

	if (task->parts.length > ROOM_AT || self->failed)
		return;
	task->room_wanted = false;
	self->events->snapshot_room(self->context);
}

/* The next slice's turn comes when this one's bytes fit the pace. */
static void
slice_written(SnapTask *task)
{
	const PdkPersistence *self = task->owner;
	size_t length = g_bytes_get_size(g_queue_peek_head(&task->parts));
	size_t slice = MIN(length - task->written, SLICE_BYTES);

	task->written += slice;
	if (task->written == length) {
		g_bytes_unref(g_queue_pop_head(&task->parts));
		task->written = 0;
	}
	if (self->settings.snapshot_rate == 0)
		return;
	task->due_us = MAX(task->due_us, self->host->now_us(self->host) - MAX_DEBT_US) +
		       (int64_t)slice * G_USEC_PER_SEC / self->settings.snapshot_rate;
}

static void
step_done(void *data)
{
	SnapTask *task = data;

	if (task->step == STEP_WRITE)
		slice_written(task);
	task->step = STEP_NONE;
	task->pauses = 0;
	if (task->error || task->overtaken)
		g_queue_clear_full(&task->parts, (GDestroyNotify)g_bytes_unref);
	bool room = task->room_wanted && !task->aborted && !task->finishing;
	advance(task); /* may free an aborted or finished task: neither wants room */
	if (room)
		give_room(task);
}

static void
start_step(SnapTask *task, Step step)
{
	const PdkHost *host = task->owner->host;

	task->step = step;
	host->offload(host, step == STEP_PUBLISH ? PDK_LANE_LOG : PDK_LANE_POOL, run_step, step_done, task);
}

static void
pause_over(void *data)
{
	SnapTask *task = data;

	task->pause_timer = 0;
	advance(task);
}

static void
write_next(SnapTask *task)
{
	const PdkHost *host = task->owner->host;
	int64_t now_us = host->now_us(host), at_us = task->due_us;

	if (task->pauses < MAX_PAUSES && commit_is_slow(task->owner)) {
		task->pauses++;
		at_us = MAX(at_us, now_us + PAUSE_US);
	}
	if (at_us > now_us) {
		task->pause_timer = host->timer(host, at_us, pause_over, task);
		return;
	}
	start_step(task, STEP_WRITE);
}

/* Everything is on the disk, or has been removed from it: say so. */
static void
conclude(SnapTask *task)
{
	PdkPersistence *self = task->owner;
	const PdkHost *host = self->host;
	uint64_t length = snap_writer_length(task->writer);
	g_autoptr(GError) error = g_steal_pointer(&task->error);
	int64_t zxid = task->zxid;
	bool report = !task->aborted && !self->failed;

	if (task->overtaken && error == NULL)
		error = g_error_new(G_FILE_ERROR, G_FILE_ERROR_FAILED, "the history was truncated meanwhile");
	if (self->snapshot == task)
		self->snapshot = NULL;
	self->snapshot_tasks--;
	snap_task_free(task);
	upkeep_measure(self);
	if (!report)
		return;
	if (error == NULL) {
		self->sizes.last_snapshot_zxid = zxid;
		self->sizes.last_snapshot_wall_ms = host->wall_ms(host);
		self->durable_zxid = MAX(self->durable_zxid, zxid); /* one from a leader reaches further than the log */
	}
	self->events->snapshot_done(self->context, zxid, length, error);
}

/* Starts the next job, if there is one to start. */
static void
advance(SnapTask *task)
{
	bool given_up = task->aborted || task->overtaken || task->error || task->owner->failed;

	if (task->step != STEP_NONE || task->pause_timer != 0)
		return;
	if (given_up && !task->discarded && !task->published)
		start_step(task, STEP_DISCARD);
	else if (given_up ? task->aborted || task->finishing : task->published)
		conclude(task);
	else if (given_up)
		return; /* the core will finish or abort it */
	else if (task->parts.length > 0)
		write_next(task);
	else if (task->sealed)
		start_step(task, STEP_PUBLISH);
	else if (task->finishing)
		start_step(task, STEP_SEAL);
}

bool
snap_task_begin(PdkPersistence *self, int64_t zxid)
{
	if (self->failed || self->snapshot)
		return false;
	SnapTask *task = g_new0(SnapTask, 1);
	task->owner = self;
	task->zxid = zxid;
	task->writer = snap_writer_new(self->host->files, self->directories.snapshots, self->settings.codec, zxid,
				       ++self->snapshot_serial);
	g_queue_init(&task->parts);
	self->snapshot = task;
	self->snapshot_tasks++;
	commit_roll(self);
	return true;
}

bool
snap_task_part(PdkPersistence *self, GBytes *part)
{
	SnapTask *task = self->snapshot;

	g_assert(task && !task->finishing);
	if (task->error || task->overtaken || self->failed)
		return true; /* given up already: swallowed */
	g_queue_push_tail(&task->parts, g_bytes_ref(part));
	advance(task);
	task->room_wanted = task->parts.length >= MAX_PARTS_OUT;
	return !task->room_wanted;
}

void
snap_task_finish(PdkPersistence *self, const PdkSnapshotTail *tail)
{
	SnapTask *task = self->snapshot;

	g_assert(task && !task->finishing);
	task->tail = *tail;
	task->finishing = true;
	if (task->discarded)
		task->discarded = false; /* once more, for the answer must not come inside this call */
	advance(task);
}

void
snap_task_abort(PdkPersistence *self)
{
	SnapTask *task = self->snapshot;

	g_assert(task && !task->finishing);
	self->snapshot = NULL;
	task->aborted = true;
	self->host->timer_cancel(self->host, task->pause_timer);
	task->pause_timer = 0;
	advance(task);
}

void
snap_task_overtake(PdkPersistence *self, int64_t zxid)
{
	SnapTask *task = self->snapshot;

	/* One that is on the lane already is published before the truncation, and goes with it. */
	if (task == NULL || task->zxid <= zxid || task->step == STEP_PUBLISH || task->published)
		return;
	task->overtaken = true;
	advance(task);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A host without threads or clocks; changes when what a host lends to plugins does. */
#include "step_host.h"

#include "fake_host.h"

#include <string.h>

#define STEP_US 7

typedef struct {
	PdkWork work, done;
	void *data;
	bool worked;
} Job;

typedef struct {
	uint64_t id;
	int64_t at_us;
	PdkWork fire;
	void *data;
} Timer;

struct StepHost {
	PdkHost table; /* first: the table's `self` is this struct */
	FakeHost *fake; /* lends options and cells */
	GQueue log_lane, pool, calls, timers;
	GPtrArray *lines;
	GArray *levels;
	int64_t now_us, job_us;
	uint64_t random, next_timer;
};

static StepHost *
of(const PdkHost *table)
{
	return (StepHost *)table;
}

static void G_GNUC_PRINTF(3, 4)
host_log(const PdkHost *table, PdkLogLevel level, const char *format, ...)
{
	StepHost *self = of(table);
	va_list list;

	va_start(list, format);
	char *line = g_strdup_vprintf(format, list);
	va_end(list);
	g_ptr_array_add(self->lines, line);
	g_array_append_val(self->levels, level);
	if (g_getenv("STEP_HOST_LOG"))
		g_printerr("%d %s\n", (int)level, line);
}

static int64_t
host_now_us(const PdkHost *table)
{
	return of(table)->now_us;
}

static int64_t
host_wall_ms(const PdkHost *table)
{
	return INT64_C(1700000000000) + of(table)->now_us / 1000;
}

static uint64_t
host_random(const PdkHost *table)
{
	StepHost *self = of(table);
	uint64_t z = self->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static uint64_t
host_timer(const PdkHost *table, int64_t at_us, PdkWork fire, void *data)
{
	StepHost *self = of(table);
	Timer *timer = g_new(Timer, 1);

	*timer = (Timer){.id = ++self->next_timer, .at_us = at_us, .fire = fire, .data = data};
	g_queue_push_tail(&self->timers, timer);
	return timer->id;
}

static void
host_timer_cancel(const PdkHost *table, uint64_t id)
{
	GQueue *timers = &of(table)->timers;

	for (GList *link = timers->head; link; link = link->next) {
		Timer *timer = link->data;
		if (timer->id != id)
			continue;
		g_free(timer);
		g_queue_delete_link(timers, link);
		return;
	}
}

static void
host_offload(const PdkHost *table, PdkLane lane, PdkWork work, PdkWork done, void *data)
{
	StepHost *self = of(table);
	Job *job = g_new0(Job, 1);

	*job = (Job){.work = work, .done = done, .data = data};
	g_queue_push_tail(lane == PDK_LANE_LOG ? &self->log_lane : &self->pool, job);
}

static void
host_call(const PdkHost *table, PdkWork fn, void *data)
{
	Job *job = g_new0(Job, 1);

	*job = (Job){.done = fn, .data = data, .worked = true};
	g_queue_push_tail(&of(table)->calls, job);
}

static PdkCounter *
host_counter(const PdkHost *table, const char *name, const char *help)
{
	const PdkHost *fake = fake_host_table(of(table)->fake);
	return fake->counter(fake, name, help);
}

static PdkSummary *
host_summary(const PdkHost *table, const char *name, const char *help, bool percentiles)
{
	const PdkHost *fake = fake_host_table(of(table)->fake);
	return fake->summary(fake, name, help, percentiles);
}

StepHost *
step_host_new(const PdkFiles *files, uint64_t seed)
{
	StepHost *self = g_new0(StepHost, 1);

	self->fake = fake_host_new();
	const PdkHost *fake = fake_host_table(self->fake);
	self->table = (PdkHost){
		.size = sizeof(PdkHost),
		.log = host_log,
		.now_us = host_now_us,
		.wall_ms = host_wall_ms,
		.random = host_random,
		.timer = host_timer,
		.timer_cancel = host_timer_cancel,
		.offload = host_offload,
		.call = host_call,
		.files = files,
		.option_string = fake->option_string,
		.option_int = fake->option_int,
		.option_bool = fake->option_bool,
		.option_list = fake->option_list,
		.counter = host_counter,
		.summary = host_summary,
	};
	self->lines = g_ptr_array_new_with_free_func(g_free);
	self->levels = g_array_new(FALSE, FALSE, sizeof(PdkLogLevel));
	self->now_us = 1000000;
	self->job_us = 100;
	self->random = seed;
	return self;
}

void
step_host_free(StepHost *self)
{
	g_assert(step_host_outstanding(self) == 0);
	g_queue_clear_full(&self->timers, g_free);
	g_ptr_array_unref(self->lines);
	g_array_unref(self->levels);
	fake_host_free(self->fake);
	g_free(self);
}

const PdkHost *
step_host_table(StepHost *self)
{
	return &self->table;
}

unsigned
step_host_outstanding(const StepHost *self)
{
	return self->log_lane.length + self->pool.length + self->calls.length;
}

static Timer *
first_timer(StepHost *self)
{
	Timer *first = NULL;

	for (GList *link = self->timers.head; link; link = link->next) {
		Timer *timer = link->data;
		if (first == NULL || timer->at_us < first->at_us)
			first = timer;
	}
	return first;
}

static void
fire(StepHost *self, Timer *timer)
{
	Timer copy = *timer;

	self->now_us = MAX(self->now_us, copy.at_us);
	g_queue_remove(&self->timers, timer);
	g_free(timer);
	copy.fire(copy.data);
}

/* Works on the @nth job of @queue, or delivers it when the work was done. */
static void
move_job(StepHost *self, GQueue *queue, unsigned nth)
{
	Job *job = g_queue_peek_nth(queue, nth);

	if (!job->worked) {
		self->now_us += self->job_us;
		job->work(job->data);
		job->worked = true;
		return;
	}
	g_queue_pop_nth(queue, nth);
	job->done(job->data);
	g_free(job);
}

bool
step_host_step(StepHost *self)
{
	Timer *timer = first_timer(self);
	bool due = timer && timer->at_us <= self->now_us;
	unsigned choices = (self->log_lane.length > 0) + self->pool.length + (self->calls.length > 0) + due;

	if (choices == 0)
		return false;
	self->now_us += STEP_US;
	unsigned choice = (unsigned)(host_random(&self->table) % choices);
	if (choice < self->pool.length) {
		move_job(self, &self->pool, choice);
		return true;
	}
	choice -= self->pool.length;
	if (due && choice-- == 0)
		fire(self, timer);
	else if (self->calls.length > 0 && choice-- == 0)
		move_job(self, &self->calls, 0);
	else
		move_job(self, &self->log_lane, 0);
	return true;
}

void
step_host_settle(StepHost *self)
{
	while (step_host_step(self))
		;
}

void
step_host_settle_timers(StepHost *self, int64_t timers_us)
{
	int64_t until = self->now_us + timers_us;

	for (;;) {
		step_host_settle(self);
		Timer *timer = first_timer(self);
		if (timer == NULL || timer->at_us > until)
			return;
		fire(self, timer);
	}
}

void
step_host_set_context(StepHost *self, GMainContext *context)
{
	self->table.context = context;
}

void
step_host_set_job_us(StepHost *self, int64_t job_us)
{
	self->job_us = job_us;
}

unsigned
step_host_log_lines(const StepHost *self, PdkLogLevel level)
{
	unsigned count = 0;

	for (unsigned i = 0; i < self->levels->len; i++)
		count += g_array_index(self->levels, PdkLogLevel, i) <= level;
	return count;
}

bool
step_host_logged(const StepHost *self, const char *text)
{
	for (unsigned i = 0; i < self->lines->len; i++) {
		if (strstr(self->lines->pdata[i], text))
			return true;
	}
	return false;
}

void
step_host_forget_log(StepHost *self)
{
	g_ptr_array_set_size(self->lines, 0);
	g_array_set_size(self->levels, 0);
}

PdkCounter *
step_host_find_counter(StepHost *self, const char *name)
{
	return fake_host_find_counter(self->fake, name);
}

PdkSummary *
step_host_find_summary(StepHost *self, const char *name)
{
	return fake_host_find_summary(self->fake, name);
}

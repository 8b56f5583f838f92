/* SPDX-License-Identifier: Apache-2.0 */
/* A host for conformance suites; changes when the host table of the ABI does. */
#include "fake_host.h"

#include <glib-unix.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define FAKE_POOL_THREADS 2
#define FAKE_THREADS (FAKE_POOL_THREADS + 1)

typedef struct {
	PdkWork work, done;
	void *data;
	unsigned *outstanding; /* which count falls when `done` ran */
} FakeJob;

typedef struct {
	uint64_t handle;
	GSource *source;
	FakeHost *host;
	PdkWork fire;
	void *data;
} FakeTimer;

typedef struct {
	FakeHost *host;
	GQueue *jobs; /* the lane this thread takes from */
	pthread_t thread;
} FakeWorker;

struct FakeHost {
	PdkHost table; /* first: a PdkHost of ours is a FakeHost */
	const PdkHost *self;
	GMainContext *context;
	GSource *finished_source;
	int finished_fd;

	pthread_mutex_t lock; /* guards the next block */
	pthread_cond_t changed;
	GQueue log_lane, pool, finished;
	unsigned jobs_out, calls_out;
	bool stopping;
	GPtrArray *lines; /* level digit, then the text */
	bool show;

	FakeWorker workers[FAKE_THREADS];
	GHashTable *timers; /* handle -> FakeTimer */
	uint64_t last_timer;
	int64_t wall_ms;
	uint64_t random_state;
	GHashTable *counters, *summaries;
};

struct PdkConfig {
	const PdkOption *table;
	GHashTable *values; /* key -> text, NULL: unset */
	GHashTable *lists;  /* key -> strv */
};

static FakeHost *
fake_of(const PdkHost *host)
{
	FakeHost *self = (FakeHost *)(uintptr_t)host;
	g_assert_true(self->self == host);
	return self;
}

static void
fake_log(const PdkHost *host, PdkLogLevel level, const char *format, ...)
{
	FakeHost *self = fake_of(host);
	va_list list;
	va_start(list, format);
	g_autofree char *text = g_strdup_vprintf(format, list);
	va_end(list);
	pthread_mutex_lock(&self->lock);
	g_ptr_array_add(self->lines, g_strdup_printf("%d%s", (int)level, text));
	if (self->show)
		fprintf(stderr, "[log %d] %s\n", (int)level, text);
	pthread_mutex_unlock(&self->lock);
}

static int64_t
fake_now_us(const PdkHost *host)
{
	(void)host;
	return g_get_monotonic_time();
}

static int64_t
fake_wall_ms(const PdkHost *host)
{
	FakeHost *self = fake_of(host);
	return self->wall_ms ? self->wall_ms : g_get_real_time() / 1000;
}

/* splitmix64 */
static uint64_t
fake_random(const PdkHost *host)
{
	FakeHost *self = fake_of(host);
	uint64_t z = self->random_state += 0x9e3779b97f4a7c15u;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static gboolean
fake_timer_fired(gpointer data)
{
	FakeTimer timer = *(FakeTimer *)data;
	g_hash_table_remove(timer.host->timers, &timer.handle);
	timer.fire(timer.data);
	return G_SOURCE_REMOVE;
}

static void
fake_timer_free(gpointer data)
{
	FakeTimer *timer = data;
	g_source_destroy(timer->source);
	g_source_unref(timer->source);
	g_free(timer);
}

static uint64_t
fake_timer(const PdkHost *host, int64_t at_us, PdkWork fire, void *data)
{
	FakeHost *self = fake_of(host);
	FakeTimer *timer = g_new0(FakeTimer, 1);
	timer->handle = ++self->last_timer;
	timer->host = self;
	timer->fire = fire;
	timer->data = data;
	timer->source = g_timeout_source_new(0);
	g_source_set_ready_time(timer->source, at_us);
	g_source_set_callback(timer->source, fake_timer_fired, timer, NULL);
	g_source_attach(timer->source, self->context);
	g_hash_table_insert(self->timers, &timer->handle, timer);
	return timer->handle;
}

static void
fake_timer_cancel(const PdkHost *host, uint64_t handle)
{
	g_hash_table_remove(fake_of(host)->timers, &handle);
}

/* Puts a job whose `done` is to run on the core thread; the lock is held. */
static void
fake_finish(FakeHost *self, FakeJob *job)
{
	uint64_t one = 1;
	g_queue_push_tail(&self->finished, job);
	if (write(self->finished_fd, &one, sizeof(one)) < 0)
		abort();
}

static void *
fake_worker(void *data)
{
	FakeWorker *worker = data;
	FakeHost *self = worker->host;
	pthread_mutex_lock(&self->lock);
	while (true) {
		FakeJob *job = g_queue_pop_head(worker->jobs);
		if (job) {
			pthread_mutex_unlock(&self->lock);
			job->work(job->data);
			pthread_mutex_lock(&self->lock);
			fake_finish(self, job);
		} else if (self->stopping) {
			break;
		} else {
			pthread_cond_wait(&self->changed, &self->lock);
		}
	}
	pthread_mutex_unlock(&self->lock);
	return NULL;
}

static void
fake_offload(const PdkHost *host, PdkLane lane, PdkWork work, PdkWork done, void *data)
{
	FakeHost *self = fake_of(host);
	FakeJob *job = g_new0(FakeJob, 1);
	job->work = work;
	job->done = done;
	job->data = data;
	job->outstanding = &self->jobs_out;
	pthread_mutex_lock(&self->lock);
	self->jobs_out++;
	g_queue_push_tail(lane == PDK_LANE_LOG ? &self->log_lane : &self->pool, job);
	pthread_cond_broadcast(&self->changed);
	pthread_mutex_unlock(&self->lock);
}

static void
fake_call(const PdkHost *host, PdkWork fn, void *data)
{
	FakeHost *self = fake_of(host);
	FakeJob *job = g_new0(FakeJob, 1);
	job->done = fn;
	job->data = data;
	job->outstanding = &self->calls_out;
	pthread_mutex_lock(&self->lock);
	self->calls_out++;
	fake_finish(self, job);
	pthread_mutex_unlock(&self->lock);
}

static gboolean
fake_finished_ready(gint fd, GIOCondition condition, gpointer data)
{
	FakeHost *self = data;
	uint64_t count;
	(void)condition;
	if (read(fd, &count, sizeof(count)) < 0)
		return G_SOURCE_CONTINUE;
	while (true) {
		pthread_mutex_lock(&self->lock);
		FakeJob *job = g_queue_pop_head(&self->finished);
		pthread_mutex_unlock(&self->lock);
		if (job == NULL)
			return G_SOURCE_CONTINUE;
		if (job->done)
			job->done(job->data);
		pthread_mutex_lock(&self->lock);
		--*job->outstanding;
		pthread_mutex_unlock(&self->lock);
		g_free(job);
	}
}

static const PdkOption *
config_option(const PdkConfig *config, const char *key, PdkOptionType type)
{
	for (const PdkOption *option = config->table; option && option->key; option++) {
		if (strcmp(option->key, key) == 0) {
			g_assert_cmpint(option->type, ==, type);
			return option;
		}
	}
	g_error("option '%s' is not in the plugin's table", key);
}

static const char *
fake_option_string(const PdkConfig *config, const char *key)
{
	config_option(config, key, PDK_OPTION_STRING);
	return g_hash_table_lookup(config->values, key);
}

static int64_t
fake_option_int(const PdkConfig *config, const char *key)
{
	config_option(config, key, PDK_OPTION_INT);
	const char *text = g_hash_table_lookup(config->values, key);
	return text ? g_ascii_strtoll(text, NULL, 10) : 0;
}

static bool
fake_option_bool(const PdkConfig *config, const char *key)
{
	config_option(config, key, PDK_OPTION_BOOL);
	return g_strcmp0(g_hash_table_lookup(config->values, key), "true") == 0;
}

static const char *const *
fake_option_list(const PdkConfig *config, const char *key)
{
	config_option(config, key, PDK_OPTION_LIST);
	return g_hash_table_lookup(config->lists, key);
}

static PdkCounter *
fake_counter(const PdkHost *host, const char *name, const char *help)
{
	FakeHost *self = fake_of(host);
	(void)help;
	PdkCounter *cell = g_hash_table_lookup(self->counters, name);
	if (cell == NULL) {
		cell = g_new0(PdkCounter, 1);
		g_hash_table_insert(self->counters, g_strdup(name), cell);
	}
	return cell;
}

static void
fake_summary_free(gpointer data)
{
	PdkSummary *cell = data;
	g_free(cell->histogram);
	g_free(cell);
}

static PdkSummary *
fake_summary(const PdkHost *host, const char *name, const char *help, bool percentiles)
{
	FakeHost *self = fake_of(host);
	(void)help;
	PdkSummary *cell = g_hash_table_lookup(self->summaries, name);
	if (cell == NULL) {
		cell = g_new0(PdkSummary, 1);
		cell->histogram = percentiles ? g_new0(uint32_t, PDK_HISTOGRAM_CELLS) : NULL;
		g_hash_table_insert(self->summaries, g_strdup(name), cell);
	}
	return cell;
}

FakeHost *
fake_host_new(void)
{
	FakeHost *self = g_new0(FakeHost, 1);
	self->table = (PdkHost){
		.size = sizeof(PdkHost),
		.log = fake_log,
		.now_us = fake_now_us,
		.wall_ms = fake_wall_ms,
		.random = fake_random,
		.timer = fake_timer,
		.timer_cancel = fake_timer_cancel,
		.offload = fake_offload,
		.call = fake_call,
		.option_string = fake_option_string,
		.option_int = fake_option_int,
		.option_bool = fake_option_bool,
		.option_list = fake_option_list,
		.counter = fake_counter,
		.summary = fake_summary,
	};
	self->self = &self->table;
	self->context = self->table.context = g_main_context_new();
	self->random_state = 1;
	self->lines = g_ptr_array_new_with_free_func(g_free);
	self->show = g_getenv("FAKE_HOST_LOG") != NULL;
	self->timers = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, fake_timer_free);
	self->counters = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	self->summaries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, fake_summary_free);
	self->finished_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	g_assert_cmpint(self->finished_fd, >=, 0);
	self->finished_source = g_unix_fd_source_new(self->finished_fd, G_IO_IN);
	g_source_set_callback(self->finished_source, G_SOURCE_FUNC(fake_finished_ready), self, NULL);
	g_source_attach(self->finished_source, self->context);
	pthread_mutex_init(&self->lock, NULL);
	pthread_cond_init(&self->changed, NULL);
	for (unsigned i = 0; i < FAKE_THREADS; i++) {
		self->workers[i].host = self;
		self->workers[i].jobs = i == 0 ? &self->log_lane : &self->pool;
		if (pthread_create(&self->workers[i].thread, NULL, fake_worker, &self->workers[i]) != 0)
			abort();
	}
	return self;
}

static bool
no_jobs_out(void *data)
{
	FakeHost *self = data;
	pthread_mutex_lock(&self->lock);
	bool none = self->jobs_out == 0;
	pthread_mutex_unlock(&self->lock);
	return none;
}

void
fake_host_free(FakeHost *self)
{
	if (self == NULL)
		return;
	g_assert_true(fake_host_run_until(self, no_jobs_out, self, 60000));
	pthread_mutex_lock(&self->lock);
	self->stopping = true;
	pthread_cond_broadcast(&self->changed);
	pthread_mutex_unlock(&self->lock);
	for (unsigned i = 0; i < FAKE_THREADS; i++)
		pthread_join(self->workers[i].thread, NULL);
	g_source_destroy(self->finished_source);
	g_source_unref(self->finished_source);
	close(self->finished_fd);
	g_hash_table_unref(self->timers);
	g_hash_table_unref(self->counters);
	g_hash_table_unref(self->summaries);
	g_queue_clear_full(&self->finished, g_free);
	g_ptr_array_unref(self->lines);
	g_main_context_unref(self->context);
	pthread_cond_destroy(&self->changed);
	pthread_mutex_destroy(&self->lock);
	g_free(self);
}

const PdkHost *
fake_host_table(FakeHost *self)
{
	return &self->table;
}

void
fake_host_set_files(FakeHost *self, const PdkFiles *files)
{
	self->table.files = files;
}

void
fake_host_set_wall_ms(FakeHost *self, int64_t wall_ms)
{
	self->wall_ms = wall_ms;
}

void
fake_host_set_seed(FakeHost *self, uint64_t seed)
{
	self->random_state = seed;
}

static gboolean
deadline_passed(gpointer data)
{
	*(bool *)data = true;
	return G_SOURCE_CONTINUE;
}

static bool
never(void *data)
{
	(void)data;
	return false;
}

bool
fake_host_run_until(FakeHost *self, bool (*condition)(void *data), void *data, int timeout_ms)
{
	if (condition(data))
		return true;
	bool late = false, met = false;
	GSource *deadline = g_timeout_source_new((guint)timeout_ms);
	g_source_set_callback(deadline, deadline_passed, &late, NULL);
	g_source_attach(deadline, self->context);
	while (!met && !late) {
		g_main_context_iteration(self->context, TRUE);
		met = condition(data);
	}
	g_source_destroy(deadline);
	g_source_unref(deadline);
	return met;
}

void
fake_host_run_for(FakeHost *self, int ms)
{
	fake_host_run_until(self, never, NULL, ms);
}

unsigned
fake_host_outstanding(FakeHost *self)
{
	pthread_mutex_lock(&self->lock);
	unsigned out = self->jobs_out + self->calls_out;
	pthread_mutex_unlock(&self->lock);
	return out;
}

static bool
nothing_outstanding(void *data)
{
	FakeHost *self = data;
	return fake_host_outstanding(self) == 0 && !g_main_context_pending(self->context);
}

bool
fake_host_settle(FakeHost *self, int timeout_ms)
{
	return fake_host_run_until(self, nothing_outstanding, self, timeout_ms);
}

PdkCounter *
fake_host_find_counter(FakeHost *self, const char *name)
{
	return g_hash_table_lookup(self->counters, name);
}

PdkSummary *
fake_host_find_summary(FakeHost *self, const char *name)
{
	return g_hash_table_lookup(self->summaries, name);
}

unsigned
fake_host_log_lines(FakeHost *self, PdkLogLevel level)
{
	unsigned count = 0;
	pthread_mutex_lock(&self->lock);
	for (unsigned i = 0; i < self->lines->len; i++) {
		const char *line = g_ptr_array_index(self->lines, i);
		count += line[0] - '0' <= (int)level;
	}
	pthread_mutex_unlock(&self->lock);
	return count;
}

bool
fake_host_logged(FakeHost *self, const char *text)
{
	bool found = false;
	pthread_mutex_lock(&self->lock);
	for (unsigned i = 0; i < self->lines->len && !found; i++) {
		const char *line = g_ptr_array_index(self->lines, i);
		found = strstr(line + 1, text) != NULL;
	}
	pthread_mutex_unlock(&self->lock);
	return found;
}

static void
config_check(const PdkOption *option, const char *value)
{
	if (value == NULL)
		return;
	if (option->type == PDK_OPTION_INT) {
		char *end = NULL;
		int64_t number = g_ascii_strtoll(value, &end, 10);
		if (end == value || *end != '\0' || number < option->min || number > option->max)
			g_error("option '%s': bad value '%s'", option->key, value);
	}
	if (option->type == PDK_OPTION_BOOL && strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
		g_error("option '%s': bad value '%s'", option->key, value);
	if (option->type == PDK_OPTION_STRING && option->choices) {
		g_auto(GStrv) choices = g_strsplit(option->choices, "|", -1);
		if (!g_strv_contains((const char *const *)choices, value))
			g_error("option '%s': bad value '%s'", option->key, value);
	}
}

static char **
config_split(const char *text)
{
	if (text == NULL || *text == '\0')
		return g_new0(char *, 1);
	char **list = g_strsplit(text, ",", -1);
	for (unsigned i = 0; list[i]; i++)
		g_strstrip(list[i]);
	return list;
}

PdkConfig *
fake_config_new(const PdkOption *table, ...)
{
	PdkConfig *config = g_new0(PdkConfig, 1);
	config->table = table;
	config->values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	config->lists = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_strfreev);
	for (const PdkOption *option = table; option && option->key; option++)
		g_hash_table_replace(config->values, g_strdup(option->key), g_strdup(option->fallback));
	va_list list;
	va_start(list, table);
	for (const char *key = va_arg(list, const char *); key; key = va_arg(list, const char *)) {
		if (!g_hash_table_contains(config->values, key))
			g_error("option '%s' is not in the plugin's table", key);
		g_hash_table_replace(config->values, g_strdup(key), g_strdup(va_arg(list, const char *)));
	}
	va_end(list);
	for (const PdkOption *option = table; option && option->key; option++) {
		const char *value = g_hash_table_lookup(config->values, option->key);
		config_check(option, value);
		if (option->type == PDK_OPTION_LIST)
			g_hash_table_replace(config->lists, g_strdup(option->key), config_split(value));
	}
	return config;
}

void
fake_config_free(PdkConfig *config)
{
	if (config == NULL)
		return;
	g_hash_table_unref(config->values);
	g_hash_table_unref(config->lists);
	g_free(config);
}

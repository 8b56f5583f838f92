/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host for conformance suites: the PdkHost table over a real GMainContext, real clocks and real threads.
 *
 * One FakeHost is one core thread: the thread that made it. Nothing runs unless a run function below runs it, so
 * a test decides when the plugin's events may arrive. Threads are pthreads with pthread locks, because
 * ThreadSanitizer understands those.
 */
#ifndef FAKE_HOST_H
#define FAKE_HOST_H

#include <paddock/host.h>
#include <paddock/plugin.h>

typedef struct FakeHost FakeHost;

FakeHost *
fake_host_new(void);
/* Finishes the jobs that are out (with their `done`), drops calls and timers left, frees. NULL is fine. */
void
fake_host_free(FakeHost *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FakeHost, fake_host_free)

/* The table to give to a plugin's `create`; lives as long as @self. `files` is NULL until fake_host_set_files. */
const PdkHost *
fake_host_table(FakeHost *self);
/* Lends a file table; before the plugin is created. */
void
fake_host_set_files(FakeHost *self, const PdkFiles *files);
/* From now on wall_ms answers @wall_ms; 0: the real clock again. */
void
fake_host_set_wall_ms(FakeHost *self, int64_t wall_ms);
/* Starts the random stream again from @seed (a new host has a fixed one). */
void
fake_host_set_seed(FakeHost *self, uint64_t seed);

/*
 * Runs the loop until @condition(@data) says true, or @timeout_ms are over. Returns what @condition said last;
 * it is asked first, and again after each iteration.
 */
bool
fake_host_run_until(FakeHost *self, bool (*condition)(void *data), void *data, int timeout_ms);
/* Runs the loop for @ms: for proving that something does not happen. */
void
fake_host_run_for(FakeHost *self, int ms);
/* Runs the loop until no job and no call is out and nothing is ready, or @timeout_ms are over (false). */
bool
fake_host_settle(FakeHost *self, int timeout_ms);
/* Jobs and calls whose end on the core thread has not run yet. */
unsigned
fake_host_outstanding(FakeHost *self);

/* The cell a plugin made under @name; NULL: none. */
PdkCounter *
fake_host_find_counter(FakeHost *self, const char *name);
PdkSummary *
fake_host_find_summary(FakeHost *self, const char *name);

/* Lines logged at @level or graver. With FAKE_HOST_LOG=1 in the environment they are also shown on stderr. */
unsigned
fake_host_log_lines(FakeHost *self, PdkLogLevel level);
/* True when a line logged so far contains @text. */
bool
fake_host_logged(FakeHost *self, const char *text);

/*
 * Option values: the defaults of @table, with the "key", "value" pairs that follow (up to NULL) written as in
 * paddock.conf, lists comma separated. A key that is not in the table, a bad value or one out of range is the
 * test's mistake and aborts. @table NULL: no options.
 */
PdkConfig *
fake_config_new(const PdkOption *table, ...) G_GNUC_NULL_TERMINATED;
void
fake_config_free(PdkConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PdkConfig, fake_config_free)

#endif

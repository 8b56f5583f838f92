/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host without threads or clocks: jobs, calls and timers happen one by one, when told, in an order drawn
 * from a seed.
 *
 * For tests that need the same story each time. The clock stands still but for 7 us a step and the jumps to
 * the next timer. Options and metric cells are those of the fake host.
 */
#ifndef STEP_HOST_H
#define STEP_HOST_H

#include <paddock/host.h>

typedef struct StepHost StepHost;

StepHost *step_host_new(const PdkFiles *files, uint64_t seed);
/* Nothing may be out any more: settle first. Timers left are dropped. */
void step_host_free(StepHost *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StepHost, step_host_free)

const PdkHost *step_host_table(StepHost *self);

/*
 * One thing happens: a job's work, a job's done, a call, a timer that is due. The log lane keeps its order,
 * all else is drawn. False: there was nothing to do.
 */
bool step_host_step(StepHost *self);
/* Steps until nothing is left but timers. With @timers, those that come within @timers_us fire, too. */
void step_host_settle(StepHost *self);
void step_host_settle_timers(StepHost *self, int64_t timers_us);
/* Jobs and calls not yet finished. */
unsigned step_host_outstanding(const StepHost *self);

/* The host claims to have a loop, so plugins may use threads of their own; before the plugin is created. */
void step_host_set_context(StepHost *self, GMainContext *context);

/* Each job takes this long on the clock. */
void step_host_set_job_us(StepHost *self, int64_t job_us);

/* Lines at @level or graver so far; whether one contains @text; forget them. */
unsigned step_host_log_lines(const StepHost *self, PdkLogLevel level);
bool step_host_logged(const StepHost *self, const char *text);
void step_host_forget_log(StepHost *self);

PdkCounter *step_host_find_counter(StepHost *self, const char *name);
PdkSummary *step_host_find_summary(StepHost *self, const char *name);

#endif

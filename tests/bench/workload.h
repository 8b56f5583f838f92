/* SPDX-License-Identifier: Apache-2.0 */
/* What each workload sends: changes when a workload is added. */
#pragma once

#include "options.h"
#include "procstat.h"

typedef struct {
	guint64 requests; /* answered while measuring; znodes for load, watches for watch, sessions for idle
			   */
	double elapsed_s;
	guint64 fired; /* watch events received, with --fire */
	double fire_s;
	PdkBenchProcStat before; /* the server, where measuring began */
	PdkBenchProcStat after;
	double own_cpu_s; /* CPU time of the load generator while measuring */
	guint64 errors;
	char *first_error; /* NULL: none */
	PdkBenchHistogram latency;
} PdkBenchResult;

/* Prepares, runs and cleans up after the workload. FALSE with @error when it could not be carried out;
 * wrong answers are in @result instead. @result->first_error is the caller's to free. */
gboolean pdk_bench_workload_run(const PdkBenchOptions *options, PdkBenchResult *result, GError **error);

/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of pdk-bench: changes when an option is added. */
#pragma once

#include <sys/types.h>

#include "engine.h"

typedef enum {
	PDK_BENCH_WORKLOAD_GET,
	PDK_BENCH_WORKLOAD_EXISTS,
	PDK_BENCH_WORKLOAD_SET,
	PDK_BENCH_WORKLOAD_CREATE,
	PDK_BENCH_WORKLOAD_MIXED,
	PDK_BENCH_WORKLOAD_WATCH,
	PDK_BENCH_WORKLOAD_IDLE,
	PDK_BENCH_WORKLOAD_LOAD,
	PDK_BENCH_WORKLOAD_RESTART_WAIT,
	PDK_BENCH_WORKLOAD_REDIS_GET,
} PdkBenchWorkloadKind;

typedef struct {
	PdkBenchAddress *servers;
	guint server_count;
	PdkBenchWorkloadKind kind;
	char *workload; /* its name */
	char *parent;
	int connections;
	int depth;
	int size;
	int nodes;
	int batch;
	int write_percent;
	pid_t *pids; /* of the servers, to sample */
	guint pid_count;
	double seconds;
	double warmup;
	double rate;
	double limit;
	double since; /* monotonic seconds at which the server was started; 0: now */
	gboolean json;
	gboolean keep;
	gboolean no_setup;
	gboolean fire;
} PdkBenchOptions;

/* Parses and checks the command line; FALSE with @error in words for the user. --help prints and exits. */
gboolean pdk_bench_options_parse(PdkBenchOptions *options, int argc, char **argv, GError **error);

void pdk_bench_options_clear(PdkBenchOptions *options);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(PdkBenchOptions, pdk_bench_options_clear)

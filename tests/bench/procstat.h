/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel says about a process: changes when /proc is read differently. */
#pragma once

#include <glib.h>
#include <sys/types.h>

typedef struct {
	double cpu_s; /* user + system time of all threads, ended ones included; steps of one clock tick (10
			 ms) */
	guint64 rss_kb;
	guint64 rss_peak_kb;
} PdkBenchProcStat;

/* Samples /proc/PID of @count processes and sums them up; FALSE when one cannot be read, which then counts as 0. */
gboolean pdk_bench_procstat_read(const pid_t *pids, guint count, PdkBenchProcStat *stat);

/* CPU seconds of this process so far. */
double pdk_bench_procstat_own_cpu(void);

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

/* Samples /proc/@pid; all fields are 0 and FALSE is returned when the process cannot be read. */
gboolean pdk_bench_procstat_read(pid_t pid, PdkBenchProcStat *stat);

/* CPU seconds of this process so far. */
double pdk_bench_procstat_own_cpu(void);

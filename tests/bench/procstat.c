/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel says about a process: changes when /proc is read differently. */
#include "procstat.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static guint64 status_field(const char *status, const char *name) {
	const char *line = strstr(status, name);

	return line != NULL ? g_ascii_strtoull(line + strlen(name), NULL, 10) : 0;
}

/* Field 2 of /proc/PID/stat is the program name in parentheses and may hold blanks: count from its end. */
static gboolean parse_cpu(const char *text, double *cpu_s) {
	const char *rest = strrchr(text, ')');
	unsigned long user = 0;
	unsigned long system = 0;

	if (rest == NULL ||
	    sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
		return FALSE;
	*cpu_s = (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
	return TRUE;
}

static gboolean add_process(pid_t pid, PdkBenchProcStat *stat) {
	g_autofree char *stat_path = g_strdup_printf("/proc/%d/stat", (int)pid);
	g_autofree char *status_path = g_strdup_printf("/proc/%d/status", (int)pid);
	g_autofree char *stat_text = NULL;
	g_autofree char *status_text = NULL;
	double cpu_s;

	if (!g_file_get_contents(stat_path, &stat_text, NULL, NULL) ||
	    !g_file_get_contents(status_path, &status_text, NULL, NULL) ||
	    !parse_cpu(stat_text, &cpu_s))
		return FALSE;
	stat->cpu_s += cpu_s;
	stat->rss_kb += status_field(status_text, "\nVmRSS:");
	stat->rss_peak_kb += status_field(status_text, "\nVmHWM:");
	return TRUE;
}

gboolean pdk_bench_procstat_read(const pid_t *pids, guint count, PdkBenchProcStat *stat) {
	gboolean all = TRUE;

	memset(stat, 0, sizeof(*stat));
	for (guint i = 0; i < count; i++)
		all = add_process(pids[i], stat) && all;
	return all;
}

double pdk_bench_procstat_own_cpu(void) {
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

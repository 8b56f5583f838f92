/* SPDX-License-Identifier: Apache-2.0 */
/* The load generator's program: changes when its output does. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "workload.h"

#define EXIT_WRONG_ANSWERS 1
#define EXIT_USAGE 2
#define EXIT_NOT_FINISHED 3

typedef struct {
	const char *name;
	double value;
} Figure;

static double per(double amount, double seconds) {
	return seconds > 0 ? amount / seconds : 0;
}

static double quantile_us(const PdkBenchResult *result, double fraction) {
	return (double)pdk_bench_histogram_quantile(&result->latency, fraction) / 1e3;
}

static void print(const PdkBenchOptions *options, const PdkBenchResult *result) {
	double server_cpu_s = result->after.cpu_s - result->before.cpu_s;
	const Figure figures[] = {
		{ "connections", options->connections },
		{ "depth", options->depth },
		{ "size", options->size },
		{ "nodes", options->nodes },
		{ "rate", options->rate },
		{ "ops", (double)result->requests },
		{ "elapsed_s", result->elapsed_s },
		{ "ops_per_s", per((double)result->requests, result->elapsed_s) },
		{ "ops_per_cpu_s", per((double)result->requests, server_cpu_s) },
		{ "server_cpu_s", server_cpu_s },
		{ "client_cpu_s", result->own_cpu_s },
		{ "latency_mean_us", pdk_bench_histogram_mean(&result->latency) / 1e3 },
		{ "latency_p50_us", quantile_us(result, 0.5) },
		{ "latency_p90_us", quantile_us(result, 0.9) },
		{ "latency_p99_us", quantile_us(result, 0.99) },
		{ "latency_p999_us", quantile_us(result, 0.999) },
		{ "latency_max_us", (double)result->latency.max_ns / 1e3 },
		{ "rss_before_kb", (double)result->before.rss_kb },
		{ "rss_after_kb", (double)result->after.rss_kb },
		{ "rss_peak_kb", (double)result->after.rss_peak_kb },
		{ "watches_fired", (double)result->fired },
		{ "watches_fired_per_s", per((double)result->fired, result->fire_s) },
		{ "errors", (double)result->errors },
	};

	if (options->json)
		printf("{\"workload\": \"%s\"", options->workload);
	else
		printf("%-20s %s\n", "workload", options->workload);
	for (gsize i = 0; i < G_N_ELEMENTS(figures); i++) {
		if (options->json)
			printf(", \"%s\": %.10g", figures[i].name, figures[i].value);
		else
			printf("%-20s %.6g\n", figures[i].name, figures[i].value);
	}
	if (options->json)
		printf("}\n");
}

static void raise_descriptor_limit(void) {
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv) {
	g_auto(PdkBenchOptions) options = { 0 };
	g_autoptr(GError) error = NULL;
	g_autofree PdkBenchResult *result = g_new0(PdkBenchResult, 1);
	g_autofree char *first_error = NULL;
	gboolean finished;

	if (!pdk_bench_options_parse(&options, argc, argv, &error)) {
		g_printerr("pdk-bench: %s\n", error->message);
		return EXIT_USAGE;
	}
	raise_descriptor_limit();
	finished = pdk_bench_workload_run(&options, result, &error);
	first_error = result->first_error;
	if (!finished) {
		g_printerr("pdk-bench: %s\n", error->message);
		return EXIT_NOT_FINISHED;
	}
	print(&options, result);
	if (result->errors == 0)
		return EXIT_SUCCESS;
	g_printerr("pdk-bench: %" G_GUINT64_FORMAT " errors, the first: %s\n", result->errors,
		   first_error != NULL ? first_error : "unknown");
	return EXIT_WRONG_ANSWERS;
}

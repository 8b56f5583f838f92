/* SPDX-License-Identifier: Apache-2.0 */
/* Latency histogram: changes when the precision of recorded times changes. */
#pragma once

#include <glib.h>

/* 128 steps per power of two: a reported value is at most 0.8 % below the recorded one. */
#define PDK_BENCH_HISTOGRAM_SUB_BITS 7
#define PDK_BENCH_HISTOGRAM_SUB (1u << PDK_BENCH_HISTOGRAM_SUB_BITS)
#define PDK_BENCH_HISTOGRAM_CELLS ((65 - PDK_BENCH_HISTOGRAM_SUB_BITS) * PDK_BENCH_HISTOGRAM_SUB)

typedef struct {
	guint64 cells[PDK_BENCH_HISTOGRAM_CELLS];
	guint64 count;
	guint64 max_ns;
	double sum_ns;
} PdkBenchHistogram;

/* Forgets everything recorded. A zero-filled histogram is empty, too. */
void pdk_bench_histogram_reset(PdkBenchHistogram *histogram);

/* Records one duration in nanoseconds; negative counts as 0. */
void pdk_bench_histogram_record(PdkBenchHistogram *histogram, gint64 value_ns);

/* The smallest recorded step that @fraction (0..1) of all values do not exceed, in ns; 0 when empty. */
guint64 pdk_bench_histogram_quantile(const PdkBenchHistogram *histogram, double fraction);

/* The mean in ns; 0 when empty. */
double pdk_bench_histogram_mean(const PdkBenchHistogram *histogram);

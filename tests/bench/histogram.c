/* SPDX-License-Identifier: Apache-2.0 */
/* Latency histogram: changes when the precision of recorded times changes. */
#include "histogram.h"

#include <math.h>
#include <string.h>

static guint cell_of(guint64 value) {
	guint shift;

	if (value < PDK_BENCH_HISTOGRAM_SUB)
		return (guint)value;
	shift = 63 - PDK_BENCH_HISTOGRAM_SUB_BITS - (guint)__builtin_clzll(value);
	return (shift + 1) * PDK_BENCH_HISTOGRAM_SUB + (guint)((value >> shift) - PDK_BENCH_HISTOGRAM_SUB);
}

/* The smallest value that falls into @cell: the inverse of cell_of(). */
static guint64 floor_of(guint cell) {
	guint row = cell / PDK_BENCH_HISTOGRAM_SUB;
	guint64 step = cell % PDK_BENCH_HISTOGRAM_SUB;

	if (row == 0)
		return step;
	return (PDK_BENCH_HISTOGRAM_SUB + step) << (row - 1);
}

void pdk_bench_histogram_reset(PdkBenchHistogram *histogram) {
	memset(histogram, 0, sizeof(*histogram));
}

void pdk_bench_histogram_record(PdkBenchHistogram *histogram, gint64 value_ns) {
	guint64 value = value_ns > 0 ? (guint64)value_ns : 0;

	histogram->cells[cell_of(value)]++;
	histogram->count++;
	histogram->sum_ns += (double)value;
	if (value > histogram->max_ns)
		histogram->max_ns = value;
}

guint64 pdk_bench_histogram_quantile(const PdkBenchHistogram *histogram, double fraction) {
	guint64 wanted = (guint64)ceil(fraction * (double)histogram->count);
	guint64 seen = 0;

	for (guint cell = 0; cell < PDK_BENCH_HISTOGRAM_CELLS; cell++) {
		seen += histogram->cells[cell];
		if (seen > 0 && seen >= wanted)
			return floor_of(cell);
	}
	return 0;
}

double pdk_bench_histogram_mean(const PdkBenchHistogram *histogram) {
	return histogram->count > 0 ? histogram->sum_ns / (double)histogram->count : 0;
}

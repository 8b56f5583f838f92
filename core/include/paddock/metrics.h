/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics: cells that the core thread adds to, and the plugins that carry them away.
 *
 * Recording costs one or a few plain additions on memory that only the core thread writes: no lock, no
 * allocation, no call. Exporters pull: they read through PdkView (view.h) on the core thread, which copies,
 * and format and send elsewhere.
 */
#ifndef PADDOCK_METRICS_H
#define PADDOCK_METRICS_H

#include <paddock/types.h>

G_BEGIN_DECLS

/* A count that only rises (or is reset by `srst`). */
typedef struct {
	uint64_t value;
} PdkCounter;

/*
 * A summary of values: count, sum, min, max, and a fixed log-linear histogram (8 steps a power of two, so a
 * percentile is at most 12.5 % off) when made with percentiles.
 */
#define PDK_HISTOGRAM_CELLS 320

typedef struct {
	uint64_t count, sum, min, max;
	uint32_t *histogram; /* PDK_HISTOGRAM_CELLS cells, or NULL: no percentiles */
} PdkSummary;

static inline void
pdk_counter_add(PdkCounter *cell, uint64_t n)
{
	cell->value += n;
}

/*
 * The histogram cell of a value: 0..7 exact, then 8 cells for each power of two; values beyond the table
 * share the last.
 */
static inline unsigned
pdk_histogram_cell(uint64_t value)
{
	if (value < 8)
		return (unsigned)value;
	unsigned power = 63u - (unsigned)__builtin_clzll(value);
	unsigned cell = (power - 2) * 8 + (unsigned)((value >> (power - 3)) & 7);
	return cell < PDK_HISTOGRAM_CELLS ? cell : PDK_HISTOGRAM_CELLS - 1;
}

/* The smallest value that falls into @cell. */
static inline uint64_t
pdk_histogram_floor(unsigned cell)
{
	if (cell < 16)
		return cell;
	unsigned power = cell / 8 + 2;
	return (uint64_t)(8 + cell % 8) << (power - 3);
}

static inline void
pdk_summary_add(PdkSummary *cell, uint64_t value)
{
	if (cell->count == 0 || value < cell->min)
		cell->min = value;
	if (value > cell->max)
		cell->max = value;
	cell->count++;
	cell->sum += value;
	if (cell->histogram)
		cell->histogram[pdk_histogram_cell(value)]++;
}

typedef enum {
	PDK_METRIC_GAUGE = 1,   /* `value` is what it is now */
	PDK_METRIC_COUNTER = 2, /* `value` is the count */
	PDK_METRIC_SUMMARY = 3, /* `summary` is set */
	PDK_METRIC_TEXT = 4,    /* `text` is set (version, server_state) */
} PdkMetricType;

/* One metric as a reader sees it; everything in it is valid until the reader returns to the loop. */
typedef struct {
	const char *name; /* Apache's name, without zk_ */
	const char *help;
	PdkMetricType type;
	bool is_real;       /* GAUGE: `real` holds the value instead of `value` */
	int64_t value;
	double real;
	const char *text;
	const PdkSummary *summary;
} PdkMetric;

/* The value below which @share (0..1) of the recorded values lie; 0 without a histogram or values. */
static inline uint64_t
pdk_summary_percentile(const PdkSummary *cell, double share)
{
	if (cell->histogram == NULL || cell->count == 0)
		return 0;
	uint64_t wanted = (uint64_t)((double)cell->count * share), seen = 0;
	for (unsigned i = 0; i < PDK_HISTOGRAM_CELLS; i++) {
		seen += cell->histogram[i];
		if (seen > wanted) {
			uint64_t floor = pdk_histogram_floor(i);
			return floor > cell->max ? cell->max : floor < cell->min ? cell->min : floor;
		}
	}
	return cell->max;
}

typedef struct PdkMetrics PdkMetrics; /* an instance of a metrics plugin */

/* What a metrics plugin fills in. Required: create, destroy. */
typedef struct {
	uint32_t size;
	/*
	 * Starts exporting. @view may be read on the core thread until `destroy`; take values on a timer
	 * (host->timer) or a socket of your own (host->context). NULL and @error: the server does not start.
	 */
	PdkMetrics *(*create)(const PdkHost *host, const PdkConfig *config, const PdkView *view, GError **error);
	void (*destroy)(PdkMetrics *self);
} PdkMetricsOps;

G_END_DECLS

#endif

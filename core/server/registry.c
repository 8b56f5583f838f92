/* SPDX-License-Identifier: Apache-2.0 */
/* The metric cells of one server. */
#include "server/registry.h"
#include "base/assert.h"
#include <string.h>

typedef struct {
	char *name, *help;
	bool is_summary;
	PdkCounter counter;
	PdkSummary summary;
} Cell;

struct PdkRegistry {
	GPtrArray *cells; /* of Cell */
};

static void
cell_free(gpointer data)
{
	Cell *cell = data;
	g_free(cell->name);
	g_free(cell->help);
	g_free(cell->summary.histogram);
	g_free(cell);
}

PdkRegistry *
pdk_registry_new(void)
{
	PdkRegistry *registry = g_new0(PdkRegistry, 1);
	registry->cells = g_ptr_array_new_with_free_func(cell_free);
	return registry;
}

void
pdk_registry_free(PdkRegistry *registry)
{
	g_ptr_array_unref(registry->cells);
	g_free(registry);
}

static Cell *
find_or_make(PdkRegistry *registry, const char *name, const char *help, bool is_summary)
{
	for (guint i = 0; i < registry->cells->len; i++) {
		Cell *cell = g_ptr_array_index(registry->cells, i);
		if (strcmp(cell->name, name) == 0) {
			pdk_assert(cell->is_summary == is_summary);
			return cell;
		}
	}
	Cell *cell = g_new0(Cell, 1);
	cell->name = g_strdup(name);
	cell->help = g_strdup(help);
	cell->is_summary = is_summary;
	g_ptr_array_add(registry->cells, cell);
	return cell;
}

PdkCounter *
pdk_registry_counter(PdkRegistry *registry, const char *name, const char *help)
{
	return &find_or_make(registry, name, help, false)->counter;
}

PdkSummary *
pdk_registry_summary(PdkRegistry *registry, const char *name, const char *help, bool percentiles)
{
	Cell *cell = find_or_make(registry, name, help, true);
	if (percentiles && cell->summary.histogram == NULL)
		cell->summary.histogram = g_new0(uint32_t, PDK_HISTOGRAM_CELLS);
	return &cell->summary;
}

/* The cursor counts through the cells twice: first for counters, then for summaries. */
bool
pdk_registry_next(const PdkRegistry *registry, uint64_t *cursor, PdkMetric *into)
{
	guint n = registry->cells->len;
	for (; *cursor < (uint64_t)n * 2; ++*cursor) {
		const Cell *cell = g_ptr_array_index(registry->cells, *cursor % n);
		if (cell->is_summary != (*cursor >= n))
			continue;
		*into = (PdkMetric){
			.name = cell->name,
			.help = cell->help,
			.type = cell->is_summary ? PDK_METRIC_SUMMARY : PDK_METRIC_COUNTER,
			.value = (int64_t)cell->counter.value,
			.summary = cell->is_summary ? &cell->summary : NULL,
		};
		++*cursor;
		return true;
	}
	return false;
}

void
pdk_registry_reset(PdkRegistry *registry)
{
	for (guint i = 0; i < registry->cells->len; i++) {
		Cell *cell = g_ptr_array_index(registry->cells, i);
		uint32_t *histogram = cell->summary.histogram;
		cell->counter.value = 0;
		cell->summary = (PdkSummary){.histogram = histogram};
		if (histogram)
			memset(histogram, 0, PDK_HISTOGRAM_CELLS * sizeof *histogram);
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The metric cells of one server: made at start, added to on the core thread, walked by readers. */
#ifndef PDK_SERVER_REGISTRY_H
#define PDK_SERVER_REGISTRY_H

#include <paddock/metrics.h>

typedef struct PdkRegistry PdkRegistry;

PdkRegistry *pdk_registry_new(void);
void pdk_registry_free(PdkRegistry *registry);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PdkRegistry, pdk_registry_free)

/*
 * Makes a cell or finds the one of that name (its kind must be the same). Cells stay where they are until the
 * registry is freed. @name and @help are copied.
 */
PdkCounter *pdk_registry_counter(PdkRegistry *registry, const char *name, const char *help);
PdkSummary *pdk_registry_summary(PdkRegistry *registry, const char *name, const char *help, bool percentiles);

/* Counters first, then summaries, each in order of making; *cursor starts 0. */
bool pdk_registry_next(const PdkRegistry *registry, uint64_t *cursor, PdkMetric *into);
/* All cells to nothing (`srst`). */
void pdk_registry_reset(PdkRegistry *registry);

#endif

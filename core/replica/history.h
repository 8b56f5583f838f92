/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last committed txns, in memory: what a learner that was away for a moment is brought up with. Source: ZKDatabase's
 * committedLog.
 */
#ifndef PDK_REPLICA_HISTORY_H
#define PDK_REPLICA_HISTORY_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct PdkHistory PdkHistory;

/*
 * Keeps the last @count (>= 1) txns and up to as many again; fewer when they would take more than @max_bytes, though never less
 * than the last one.
 */
PdkHistory *pdk_history_new(unsigned count, size_t max_bytes);
void pdk_history_free(PdkHistory *history);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PdkHistory, pdk_history_free)
void pdk_history_clear(PdkHistory *history);

/* Takes a reference. @zxid is above the last one. */
void pdk_history_add(PdkHistory *history, int64_t zxid, GBytes *txn);
/* Drops those above @zxid. */
void pdk_history_cut(PdkHistory *history, int64_t zxid);

bool pdk_history_empty(const PdkHistory *history);
int64_t pdk_history_first(const PdkHistory *history); /* not when empty */
int64_t pdk_history_last(const PdkHistory *history);
unsigned pdk_history_count(const PdkHistory *history);
/* In order, 0 the oldest. *@zxid may be NULL. */
GBytes *pdk_history_at(const PdkHistory *history, unsigned index, int64_t *zxid);
/* Index of the first with a zxid of @zxid or more; count when there is none. */
unsigned pdk_history_find(const PdkHistory *history, int64_t zxid);

#endif

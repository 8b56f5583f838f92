/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was done with one register and when, as its clients saw it, and whether one order explains it all: the order of versions,
 * which a register counts its writes with, must be an order in time (Herlihy, Wing: Linearizability). Nothing but times, values
 * and versions is looked at. Changes when registers can do more.
 */
#ifndef TESTS_SIM_HISTORY_H
#define TESTS_SIM_HISTORY_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct History History;

History *history_new(void);
void history_free(History *history);

/* A write of @value begins, which no other write has; on condition of @expected, -1: of none. Its number. */
int history_write(History *history, int64_t now_us, int64_t value, int64_t expected);
/* A read begins that must see all that ended before. */
int history_read(History *history, int64_t now_us);
/* It was done: the register has @version now (a read: it saw @value under it). */
void history_done(History *history, int entry, int64_t now_us, int64_t value, int64_t version);
/* It was not done, for the version was another. */
void history_refused(History *history, int entry, int64_t now_us);
/* It was not done at all, or a read got no answer. */
void history_void(History *history, int entry);

/* NULL: it is linearizable; else what is not (g_free). Writes without an answer may have been done, or not. */
char *history_check(const History *history);

#endif

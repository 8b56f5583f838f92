/* SPDX-License-Identifier: Apache-2.0 */
/* Timers of one server: one-shot, on one heap; the loop asks for the nearest deadline. Core thread only. */
#ifndef PDK_HOST_TIMERS_H
#define PDK_HOST_TIMERS_H

#include <paddock/host.h>

typedef struct PdkTimers PdkTimers;

PdkTimers *pdk_timers_new(void);
/* Timers left do not fire. */
void pdk_timers_free(PdkTimers *timers);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PdkTimers, pdk_timers_free)

/* Returns a handle, never 0. @owner tells whose it is (pdk_timers_cancel_owner). */
uint64_t pdk_timers_add(PdkTimers *timers, const void *owner, int64_t at_us, PdkWork fire, void *data);
/* 0 and spent handles are ignored. */
void pdk_timers_cancel(PdkTimers *timers, uint64_t handle);
void pdk_timers_cancel_owner(PdkTimers *timers, const void *owner);

/* When the next one is due; INT64_MAX: none. */
int64_t pdk_timers_next(const PdkTimers *timers);
/*
 * Fires what was due at @now_us, earliest first, and of the same moment in the order made; a timer made
 * meanwhile waits for the next call. True: some fired.
 */
bool pdk_timers_fire(PdkTimers *timers, int64_t now_us);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop of one server: a GMainContext with one source of its own (timers, what threads bring back, work
 * that waits) beside those of the transports. The only user of GSource in the core.
 */
#ifndef PDK_HOST_LOOP_H
#define PDK_HOST_LOOP_H

#include "host/carrier.h"
#include "host/instance.h"

typedef struct PdkLoop PdkLoop;

/* @log and @registry are borrowed and outlive the loop. */
PdkLoop *pdk_loop_new(const PdkLog *log, PdkRegistry *registry, uint64_t seed, GError **error);
/* Every instance must be freed. */
void pdk_loop_free(PdkLoop *loop);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PdkLoop, pdk_loop_free)

/* For pdk_instance_new. */
PdkRuntime *pdk_loop_runtime(PdkLoop *loop);

/*
 * Serves @carrier until @signal_fd (a signalfd; -1: none) speaks or pdk_loop_stop is called; then drains: at
 * most 5 s for what is proposed, 1 s for output. @on_signal runs when the signal was read. False: fatal, see
 * pdk_carrier_fatal.
 */
bool pdk_loop_run(PdkLoop *loop, PdkCarrier *carrier, int signal_fd, void (*on_signal)(void));
/* Core thread: begins the drain. */
void pdk_loop_stop(PdkLoop *loop);

#endif

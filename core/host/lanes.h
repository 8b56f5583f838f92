/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads beside the core: the log lane (one, in order) and the pool (two, any order). What is done comes
 * back over one locked queue and one eventfd, which the core drains whole. Threads start with their first
 * job.
 */
#ifndef PDK_HOST_LANES_H
#define PDK_HOST_LANES_H

#include <paddock/host.h>

typedef struct PdkLanes PdkLanes;

/* NULL and @error when the system gives no eventfd. */
PdkLanes *pdk_lanes_new(GError **error);
/* Every job must be over (pdk_lanes_finish); joins the threads, log lane last. */
void pdk_lanes_free(PdkLanes *lanes);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PdkLanes, pdk_lanes_free)

/* Sleeps until something waits for pdk_lanes_drain, at most @us. */
void pdk_lanes_await(PdkLanes *lanes, int64_t us);
/* Readable while something waits for pdk_lanes_drain. */
int pdk_lanes_fd(const PdkLanes *lanes);

/* Core thread. *@out counts the job until its @done has run. */
void pdk_lanes_offload(PdkLanes *lanes, PdkLane lane, PdkWork work, PdkWork done, void *data, unsigned *out);
/*
 * Any thread: @fn(@data) runs in a later drain, in the order of the calls. @owner tells whose it is
 * (pdk_lanes_forget).
 */
void pdk_lanes_call(PdkLanes *lanes, const void *owner, PdkWork fn, void *data);
/* Core thread: calls of @owner that did not run yet never will. */
void pdk_lanes_forget(PdkLanes *lanes, const void *owner);

/* Core thread: runs what came back, and nothing that comes meanwhile. True: something ran. */
bool pdk_lanes_drain(PdkLanes *lanes);
/* Core thread: drains, and waits, until *@out is 0. */
void pdk_lanes_finish(PdkLanes *lanes, const unsigned *out);

#endif

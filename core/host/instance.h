/* SPDX-License-Identifier: Apache-2.0 */
/* PdkHost (paddock/host.h) for one plugin instance in the daemon. */
#ifndef PDK_HOST_INSTANCE_H
#define PDK_HOST_INSTANCE_H

#include "base/random.h"
#include "host/lanes.h"
#include "host/log.h"
#include "host/timers.h"
#include "server/registry.h"

/* What all instances of one server share; everything is borrowed and outlives them. */
typedef struct {
	const PdkLog *log;
	PdkLanes *lanes;
	PdkTimers *timers;
	PdkRegistry *registry;
	PdkRandom random;
	GMainContext *context;
} PdkRuntime;

typedef struct PdkInstance PdkInstance;

PdkInstance *pdk_instance_new(PdkRuntime *runtime, const char *plugin_name);
/* The table for the plugin's `create`. */
const PdkHost *pdk_instance_host(const PdkInstance *instance);
/* Before the plugin's `destroy`: waits for its jobs, whose `done` run. */
void pdk_instance_settle(PdkInstance *instance);
/* After it: timers and calls left never run. NULL is fine. */
void pdk_instance_free(PdkInstance *instance);

#endif

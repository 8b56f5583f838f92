/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between a server and its persistence plugin: carries what the server wishes for its disk, and brings what the plugin reports as
 * events. Knows neither clock nor loop, so that the simulator runs the same. Changes when persistence is asked, or answers,
 * in another way.
 */
#ifndef PDK_HOST_DEPOT_H
#define PDK_HOST_DEPOT_H

#include "server/server.h"
#include <paddock/persistence.h>

typedef struct PdkDepot PdkDepot;

typedef struct {
	/* The event goes to the server; never called inside a step, nor by pdk_depot_carry. */
	void (*step)(void *context, PdkEvent *event);
	/* The server must stop with this line (taken over). */
	void (*fail)(void *context, char *line);
	void *context;
} PdkDepotHooks;

PdkDepot *pdk_depot_new(PdkServer *server, const PdkDepotHooks *hooks);
void pdk_depot_free(PdkDepot *depot);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PdkDepot, pdk_depot_free)

/* Once, before all else: starts and recovers; @persistence is borrowed. False: @error says what the disk held. */
bool pdk_depot_recover(PdkDepot *depot, const PdkPersistenceOps *ops, PdkPersistence *persistence, PdkRecovered *recovered,
		       GError **error);
/* The plugin has the snapshot slots. */
bool pdk_depot_can_snapshot(const PdkDepot *depot);
/* What it knows of its sizes; false: it tells none. */
bool pdk_depot_sizes(const PdkDepot *depot, PdkPersistenceSizes *sizes);

/* The appends of a turn, and the sync that makes them durable. */
void pdk_depot_append(PdkDepot *depot, const PdkEffects *effects);
/* False: the command is for somebody else. */
bool pdk_depot_carry(PdkDepot *depot, const PdkCommand *command);
/* When all commands are carried: what that showed at once, as events. True: there were some. */
bool pdk_depot_tell(PdkDepot *depot);

/* Is something appended that is not durable yet? */
bool pdk_depot_is_behind(const PdkDepot *depot);

#endif

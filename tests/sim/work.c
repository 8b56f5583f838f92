/* SPDX-License-Identifier: Apache-2.0 */
/* What a server asks of its persistence plugin, as strict as the contract, and what it is told. Changes when the contract does. */
#include "sim/world-private.h"

extern const PdkPlugin pdk_plugin_persistence_logsnap;

static const PdkPersistenceOps *
ops_of(void)
{
	return pdk_plugin_persistence_logsnap.ops;
}

static void
demand(Node *node, bool holds, const char *what)
{
	if (!holds)
		sim_fail(node->sim, "disk-contract", "server %" G_GINT64_FORMAT " asks its disk for what may not be: %s",
			 node->sid, what);
}

PdkConfig *
sim_store_config(const SimParams *params, bool *two_dirs)
{
	static const char *const drawn[][5] = {
		{"prealloc_kb", "16", "64", "-1", "16"},
		{"log_size_limit_kb", "-1", "-1", "20", "-1"},
		{"snapshot_compression", "", "", "gz", "snappy"},
		{"purge_interval_hours", "0", "1", "1", "1"},
	};
	PdkRandom draw = pdk_random(params->seed * 104729 + 7);
	PdkConfig *config = pdk_config_new(pdk_plugin_persistence_logsnap.options);
	for (unsigned i = 0; i < G_N_ELEMENTS(drawn); i++) {
		g_autoptr(GError) error = NULL;
		const char *value = drawn[i][params->steady ? 1 : 1 + pdk_random_below(&draw, 4)];
		pdk_config_set_text(config, pdk_config_find(config, drawn[i][0]), value, &error);
		g_assert_no_error(error);
	}
	*two_dirs = !params->steady && pdk_random_below(&draw, 4) == 0;
	return config;
}

/* ---- what it is told ---- */

static void
note_truncated(SimStore *store, const PdkEvent *event)
{
	store->orders--;
	store->cut_zxid = INT64_MAX;
	if (event->truncated.failure)
		return;
	store->appended_zxid = MIN(store->appended_zxid, event->truncated.zxid);
	store->synced_zxid = MIN(store->synced_zxid, event->truncated.zxid);
}

static void
note_snapshot(SimStore *store, const PdkEvent *event)
{
	store->snapshot = store->finishing = store->foreign = false;
	if (event->snapshot.failure)
		return;
	/* A leader's reaches further than the log. */
	store->appended_zxid = MAX(store->appended_zxid, event->snapshot.zxid);
	store->synced_zxid = MAX(store->synced_zxid, event->snapshot.zxid);
}

static void
note_answer(Node *node, const PdkEvent *event)
{
	SimStore *store = &node->store;
	switch (event->kind) {
	case PDK_EVENT_SYNCED:
		store->synced_zxid = MAX(store->synced_zxid, event->zxid);
		return;
	case PDK_EVENT_RECORD_SAVED:
		store->orders--;
		sim_disk_look(&node->disk, event->key);
		return;
	case PDK_EVENT_TRUNCATED:
		note_truncated(store, event);
		return;
	case PDK_EVENT_RELOADED:
		store->orders--;
		store->appended_zxid = store->synced_zxid = event->zxid;
		return;
	case PDK_EVENT_LOG_READ:
		store->reading = false;
		return;
	case PDK_EVENT_SNAPSHOT_DONE:
		note_snapshot(store, event);
		return;
	default:
		return;
	}
}

static void
answered(void *context, PdkEvent *event)
{
	Node *node = context;

	if (!node->up || node->stops)
		return;
	note_answer(node, event);
	node->told = true;
	sim_step(node, event);
}

static void
failed(void *context, char *line)
{
	Node *node = context;

	if (node->up)
		sim_stops(node, line);
	g_free(line);
}

/* ---- from its start to its end ---- */

bool
sim_store_open(Node *node, PdkRecovered *recovered, GError **error)
{
	SimStore *store = &node->store;

	*store = (SimStore){.depot = pdk_depot_new(node->server, &(PdkDepotHooks){answered, failed, node}), .cut_zxid = INT64_MAX};
	store->plugin = ops_of()->create(sim_host_new(node, "logsnap"), node->sim->store_config, node->disk.data_dir,
					 node->disk.log_dir, error);
	if (store->plugin == NULL || !pdk_depot_recover(store->depot, ops_of(), store->plugin, recovered, error))
		return false;
	store->appended_zxid = store->synced_zxid = recovered->last_zxid;
	store->open = true;
	return true;
}

void
sim_store_close(Node *node)
{
	SimStore *store = &node->store;

	if (store->open) {
		node->disk.held_zxid = MAX(node->disk.held_zxid, store->appended_zxid);
		node->disk.durable_zxid = MIN(store->synced_zxid, store->cut_zxid);
	}
	sim_host_fails(node);
	if (store->plugin)
		ops_of()->destroy(store->plugin);
	pdk_depot_free(store->depot);
	*store = (SimStore){0};
}

GBytes *
sim_store_record(Node *node, const char *key)
{
	return key ? ops_of()->record_get(node->store.plugin, key) : NULL;
}

/* ---- what it asks ---- */

void
sim_store_append(Node *node)
{
	const PdkEffects *effects = node->effects;

	for (unsigned i = 0; i < effects->n_appends; i++) {
		sim_check_append(node, effects->appends[i].zxid, effects->appends[i].txn);
		node->store.appended_zxid = effects->appends[i].zxid;
	}
	pdk_depot_append(node->store.depot, effects);
}

static void
check_snapshot(Node *node, const PdkCommand *command)
{
	SimStore *store = &node->store;

	switch (command->type) {
	case PDK_COMMAND_SNAPSHOT_BEGIN:
		demand(node, !store->snapshot, "two snapshots at a time");
		store->snapshot = true;
		store->foreign = node->server->shipped_in;
		return;
	case PDK_COMMAND_SNAPSHOT_PART:
		demand(node, store->snapshot && !store->finishing, "a part of no snapshot");
		return;
	case PDK_COMMAND_SNAPSHOT_FINISH:
		demand(node, store->snapshot && !store->finishing, "the end of no snapshot");
		store->finishing = true;
		return;
	default:
		demand(node, store->snapshot && !store->finishing, "no snapshot to be given up");
		store->snapshot = store->foreign = false;
		return;
	}
}

static void
check_reload(Node *node)
{
	SimStore *store = &node->store;

	demand(node, store->orders == 0, "a reload before all orders were answered");
	demand(node, store->synced_zxid >= store->appended_zxid, "a reload before all is synced");
	demand(node, !store->snapshot && !store->reading, "a reload while a snapshot or the log is on its way");
	node->sim->counts.reloads++;
	store->orders++;
}

bool
sim_store_carry(Node *node, const PdkCommand *command)
{
	SimStore *store = &node->store;

	switch (command->type) {
	case PDK_COMMAND_RECORD:
		store->orders++;
		break;
	case PDK_COMMAND_TRUNCATE:
		demand(node, !store->snapshot, "a truncation while a snapshot is being written");
		node->sim->counts.truncations++;
		store->orders++;
		store->cut_zxid = MIN(store->cut_zxid, command->zxid);
		break;
	case PDK_COMMAND_RELOAD:
		check_reload(node);
		break;
	case PDK_COMMAND_READ_LOG:
		demand(node, !store->reading, "two reads at a time");
		store->reading = true;
		break;
	case PDK_COMMAND_SNAPSHOT_BEGIN:
	case PDK_COMMAND_SNAPSHOT_PART:
	case PDK_COMMAND_SNAPSHOT_FINISH:
	case PDK_COMMAND_SNAPSHOT_ABORT:
		check_snapshot(node, command);
		break;
	default:
		return false;
	}
	/* What must not be asked would end in an assertion of the plugin. */
	return node->sim->failure || pdk_depot_carry(store->depot, command);
}

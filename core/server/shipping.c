/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole trees between servers: a walk that goes out to a learner, a body that comes from the leader. Changes when a snapshot
 * travels in another way. Source: LearnerHandler, Learner.syncWithLeader, SerializeUtils.
 */
#include "server/server-private.h"

#define WALK_NODES 1024
#define PART_BYTES (256 * KIB)
#define PARTS_OUT_BYTES (128 * KIB)

/* ---- out ---- */

static bool
walk_begin(void *context, int64_t *zxid)
{
	PdkServer *server = context;
	if (server->walk || server->load)
		return false;
	server->walk = pdk_housekeeping_walk(server);
	server->walk_is_shipped = true;
	server->walk_is_over = false;
	*zxid = server->applied_zxid;
	return true;
}

static void
walk_abort(void *context)
{
	PdkServer *server = context;
	pdk_assert(server->walk_is_shipped);
	g_clear_pointer(&server->walk, pdk_snapshot_walk_free);
	server->walk_is_shipped = false;
}

static GBytes *
walk_next(void *context)
{
	PdkServer *server = context;
	pdk_assert(server->walk_is_shipped);
	if (server->walk_is_over) {
		walk_abort(server);
		return NULL;
	}
	while (!server->walk_is_over && pdk_snapshot_walk_ready(server->walk) < PART_BYTES)
		server->walk_is_over = !pdk_snapshot_walk_step(server->walk, WALK_NODES);
	return pdk_snapshot_walk_take(server->walk);
}

/* ---- in ---- */

static bool
snapshotting(void *context)
{
	const PdkServer *server = context;
	return server->finishing || (server->walk && !server->walk_is_shipped);
}

static void
load_begin(void *context, int64_t zxid)
{
	PdkServer *server = context;
	pdk_assert(!snapshotting(server) && !server->shipped_in);
	pdk_pipeline_drop(server, -1);
	pdk_server_recovery()->snapshot_begin(server, zxid, 0);
	server->shipped_in = true;
	server->snapshot_full = false;
	pdk_effects_command(server->effects, PDK_COMMAND_SNAPSHOT_BEGIN, 0)->zxid = zxid;
}

static void
hand_over_part(PdkServer *server)
{
	if (server->shipment.length == 0)
		return;
	GBytes *part = g_bytes_new(server->shipment.data, server->shipment.length);
	server->shipment.length = 0;
	pdk_effects_command(server->effects, PDK_COMMAND_SNAPSHOT_PART, 0)->part = part;
}

static PdkPartResult
load_part(void *context, const uint8_t *data, size_t length, size_t *used, GError **error)
{
	PdkServer *server = context;
	*used = 0;
	PdkPartResult result = pdk_server_recovery()->snapshot_part(server, data, length, used, error);
	if (result == PDK_PART_BAD)
		return result;
	if (result == PDK_PART_MORE)
		*used = length;
	pdk_buffer_append(&server->shipment, data, *used);
	if (server->shipment.length >= PARTS_OUT_BYTES)
		hand_over_part(server);
	return result;
}

static bool
load_full(void *context)
{
	PdkServer *server = context;
	return server->snapshot_full;
}

static void
load_end(void *context)
{
	PdkServer *server = context;
	PdkSnapshotTail none = {0};
	pdk_server_recovery()->snapshot_accept(server, &none);
	server->proposed_zxid = server->applied_zxid;
	hand_over_part(server);
	pdk_buffer_clear(&server->shipment);
	server->shipment_ends = true;
	pdk_effects_command(server->effects, PDK_COMMAND_SNAPSHOT_FINISH, 0)->tail = pdk_housekeeping_tail(server);
}

/* A whole one that is being made durable is not given up: the disk answers for it. */
static void
load_abort(void *context)
{
	PdkServer *server = context;
	if (!server->shipped_in || server->shipment_ends)
		return;
	server->shipped_in = false;
	pdk_buffer_clear(&server->shipment);
	if (server->load)
		pdk_server_recovery()->snapshot_discard(server);
	pdk_effects_command(server->effects, PDK_COMMAND_SNAPSHOT_ABORT, 0);
}

void
pdk_shipping_saved(PdkServer *server, const char *failure)
{
	server->shipped_in = server->shipment_ends = false;
	pdk_replica_load_saved(server->replica, failure);
}

void
pdk_shipping_stop(PdkServer *server)
{
	load_abort(server);
	if (server->walk_is_shipped)
		walk_abort(server);
	else
		pdk_housekeeping_stop_snapshot(server);
}

void
pdk_shipping_hooks(PdkReplicaHooks *hooks)
{
	hooks->walk_begin = walk_begin;
	hooks->walk_next = walk_next;
	hooks->walk_abort = walk_abort;
	hooks->load_begin = load_begin;
	hooks->load_part = load_part;
	hooks->load_full = load_full;
	hooks->load_end = load_end;
	hooks->load_abort = load_abort;
	hooks->snapshotting = snapshotting;
}

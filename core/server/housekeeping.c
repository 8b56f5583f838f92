/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens by itself: sessions expire, empty containers and old TTL nodes go, snapshots are taken.
 * Source: SessionTrackerImpl, ContainerManager, SyncRequestProcessor.
 */
#include "server/server-private.h"

/* Nodes of a snapshot written in one turn: some 15 us. */
#define SLICE_NODES 64
/* Small enough for malloc to keep its pages, and for the plugin to write in one go. */
#define PART_BYTES (128 * KIB)
#define MINUTE_MS 60000

static void
deadline(PdkServer *server, int64_t at_us)
{
	server->effects->deadline_us = MIN(server->effects->deadline_us, at_us);
}

/* ---- sessions ---- */

static void
expire_sessions(PdkServer *server)
{
	PdkSession *session;
	while ((session = pdk_sessions_expired(server->sessions, pdk_server_now_ms(server)))) {
		pdk_server_say(server, PDK_LOG_INFO, "session expired: session=0x%" PRIx64 " timeout=%d", (uint64_t)session->id,
			       session->timeout_ms);
		pdk_counter_add(server->cells.sessions_expired, 1);
		pdk_propose_close_session(server, session, NULL, 0);
	}
	int64_t next = pdk_sessions_next_expiry(server->sessions);
	if (next != INT64_MAX)
		deadline(server, next * 1000);
}

/*
 * Ephemerals whose session is not known were left behind by a history cut short: their owners are closed as any
 * session is. TTL nodes read with extended types switched off look the same; they are left alone.
 */
static void
close_orphans(PdkServer *server)
{
	uint64_t cursor = 0, count, strange = 0;
	int64_t id;
	g_autoptr(GArray) orphans = g_array_new(FALSE, FALSE, sizeof(int64_t));
	while (pdk_tree_next_ephemeral_owner(server->tree, &cursor, &id, &count)) {
		if (pdk_sessions_find(server->sessions, id))
			continue;
		if (((uint64_t)id >> 56) == 0xff)
			strange++;
		else
			g_array_append_val(orphans, id);
	}
	for (guint i = 0; i < orphans->len; i++) {
		id = g_array_index(orphans, int64_t, i);
		pdk_server_say(server, PDK_LOG_WARNING, "ephemeral nodes without a session are removed: session=0x%" PRIx64, (uint64_t)id);
		pdk_propose_close_orphan(server, id);
	}
	if (strange > 0)
		pdk_server_say(server, PDK_LOG_WARNING,
			       "there are TTL nodes, but extendedTypesEnabled is off: they are kept and do not expire");
}

/* ---- containers and TTL nodes ---- */

bool
pdk_housekeeping_may_go(const PdkServer *server, const PdkStat *stat, uint32_t children)
{
	const PdkSettings *settings = server->settings;
	int64_t age_ms = server->wall_ms - stat->mtime, never_used_ms = settings->container_max_never_used_ms;
	if (children > 0)
		return false;
	switch (pdk_owner_type(stat->owner, settings->extended_types, settings->emulate353)) {
	case PDK_NODE_TTL:
		return age_ms > pdk_owner_ttl(stat->owner);
	case PDK_NODE_CONTAINER:
		return stat->cversion > 0 || (never_used_ms > 0 && age_ms > never_used_ms);
	default:
		return false;
	}
}

static bool
may_go(PdkServer *server, PdkNode node)
{
	PdkStat stat;
	pdk_tree_stat(server->tree, node, &stat);
	return pdk_housekeeping_may_go(server, &stat, pdk_tree_child_count(server->tree, node));
}

static void
clean_containers(PdkServer *server)
{
	const PdkSettings *settings = server->settings;
	if (settings->container_check_ms <= 0)
		return;
	if (server->now_us < server->container_us) {
		deadline(server, server->container_us);
		return;
	}
	server->container_us = server->now_us + settings->container_check_ms * 1000;
	deadline(server, server->container_us);
	int64_t allowed = MAX(1, settings->container_max_per_minute * settings->container_check_ms / MINUTE_MS);
	PdkBuffer path = {0};
	for (PdkNode node = pdk_tree_next_special(server->tree, 0); node && allowed > 0;
	     node = pdk_tree_next_special(server->tree, node)) {
		if (!may_go(server, node))
			continue;
		if (pdk_tree_type(server->tree, node) == PDK_NODE_TTL)
			pdk_counter_add(server->cells.ttl_deleted, 1);
		path.length = 0;
		pdk_tree_append_path(server->tree, node, &path);
		pdk_propose_delete_container(server, (char *)path.data, path.length);
		allowed--;
	}
	pdk_buffer_clear(&path);
}

/* ---- snapshots ---- */

/* Half of each limit is drawn, so that the servers of an ensemble do not all write at once. */
static void
draw_limits(PdkServer *server)
{
	int64_t txns = MAX(2, server->settings->snap_count) / 2;
	int64_t bytes = server->settings->snap_size_limit_bytes / 2;
	server->snap_after_txns = txns + (int64_t)pdk_random_below(&server->random, (uint64_t)txns);
	server->snap_after_bytes = bytes > 0 ? bytes + (int64_t)pdk_random_below(&server->random, (uint64_t)bytes) : INT64_MAX;
}

void
pdk_housekeeping_appended(PdkServer *server, size_t bytes)
{
	server->txns_since++;
	server->bytes_since += (int64_t)bytes;
}

PdkSnapshotTail
pdk_housekeeping_tail(PdkServer *server)
{
	/* Where nothing was ever applied there is no digest to tell of (as in Java). */
	bool told = server->applied_zxid > 0;
	return (PdkSnapshotTail){
		.has_digest = server->settings->digest,
		.digest_zxid = server->applied_zxid,
		.digest_version = PDK_DIGEST_VERSION,
		.digest = told ? pdk_tree_digest(server->tree) : 0,
		.has_last_zxid = server->settings->digest && server->settings->serialize_last_zxid,
		.last_zxid = server->applied_zxid,
	};
}

PdkSnapshotWalk *
pdk_housekeeping_walk(PdkServer *server)
{
	g_autoptr(GArray) sessions = g_array_new(FALSE, FALSE, sizeof(PdkSnapshotSession));
	uint64_t cursor = 0;
	for (PdkSession *session; (session = pdk_sessions_next(server->sessions, &cursor));) {
		PdkSnapshotSession item = {session->id, session->recorded_timeout_ms};
		g_array_append_val(sessions, item);
	}
	return pdk_snapshot_walk_new(server->tree, (PdkSnapshotSession *)(void *)sessions->data, sessions->len);
}

static void
start_snapshot(PdkServer *server)
{
	server->walk = pdk_housekeeping_walk(server);
	server->walk_zxid = server->applied_zxid;
	server->walk_since_us = server->now_us;
	server->walk_tail = pdk_housekeeping_tail(server);
	server->snapshot_full = false;
	server->txns_since = server->bytes_since = 0;
	draw_limits(server);
	pdk_effects_command(server->effects, PDK_COMMAND_SNAPSHOT_BEGIN, 0)->zxid = server->walk_zxid;
	pdk_server_say(server, PDK_LOG_INFO, "snapshot begins: zxid=0x%" PRIx64 " nodes=%" PRIu64, (uint64_t)server->walk_zxid,
		       pdk_tree_node_count(server->tree));
}

static void
send_part(PdkServer *server)
{
	GBytes *part = pdk_snapshot_walk_take(server->walk);
	if (part)
		pdk_effects_command(server->effects, PDK_COMMAND_SNAPSHOT_PART, 0)->part = part;
}

static void
snapshot_slice(PdkServer *server)
{
	if (server->walk == NULL || server->walk_is_shipped || server->snapshot_full)
		return;
	bool more = pdk_snapshot_walk_step(server->walk, SLICE_NODES);
	server->effects->again = true;
	if (more && pdk_snapshot_walk_ready(server->walk) < PART_BYTES)
		return;
	send_part(server);
	if (more)
		return;
	pdk_effects_command(server->effects, PDK_COMMAND_SNAPSHOT_FINISH, 0)->tail = server->walk_tail;
	g_clear_pointer(&server->walk, pdk_snapshot_walk_free);
	server->finishing = true;
}

static bool
snapshot_due(const PdkServer *server)
{
	if (!server->can_snapshot || server->walk || server->finishing || server->shipped_in || server->stopping)
		return false;
	/* A tail that no leader has confirmed must not get into a snapshot. */
	if (server->replica && !pdk_replica_serving(server->replica))
		return false;
	return server->txns_since > server->snap_after_txns || server->bytes_since > server->snap_after_bytes;
}

/* The first snapshot is there: something may be logged. */
static void
begin_at_last(PdkServer *server)
{
	pdk_connections_start(server);
	if (server->replica && !server->stopping)
		pdk_replica_begin(server->replica);
}

void
pdk_housekeeping_snapshot_done(PdkServer *server, int64_t zxid, const char *failure)
{
	if (server->shipped_in) {
		pdk_shipping_saved(server, failure);
		return;
	}
	int64_t took_us = server->now_us - server->walk_since_us;
	server->finishing = false;
	if (failure == NULL) {
		pdk_summary_add(server->cells.snapshot_time, (uint64_t)(took_us / 1000));
		pdk_server_say(server, PDK_LOG_INFO, "snapshot written: zxid=0x%" PRIx64 " ms=%" PRId64, (uint64_t)zxid, took_us / 1000);
		if (server->holding)
			begin_at_last(server);
		if (server->replica)
			pdk_replica_snapshot_over(server->replica);
		return;
	}
	pdk_counter_add(server->cells.snapshot_errors, 1);
	if (server->holding)
		server->effects->fatal = g_strdup_printf("the first snapshot of a new database cannot be written: %s", failure);
	else
		pdk_server_say(server, PDK_LOG_WARNING,
			       "snapshot failed, the log goes on and the next one will be tried: zxid=0x%" PRIx64 " cause=%s",
			       (uint64_t)zxid, failure);
	if (server->replica)
		pdk_replica_snapshot_over(server->replica);
}

/* ---- all of it ---- */

void
pdk_housekeeping_start(PdkServer *server)
{
	draw_limits(server);
	server->container_us = server->now_us + server->settings->container_check_ms * 1000;
	if (server->empty && server->can_snapshot) {
		/* Log files without a snapshot would be refused at the next start: it has to be there first. */
		server->holding = true;
		start_snapshot(server);
	}
	server->orphans_due = true;
	server->effects->again = true;
}

void
pdk_housekeeping_lead(PdkServer *server)
{
	server->container_us = server->now_us + server->settings->container_check_ms * 1000;
	server->orphans_due = true;
	server->effects->again = true;
}

void
pdk_housekeeping_stop_snapshot(PdkServer *server)
{
	if (server->walk == NULL || server->holding)
		return;
	g_clear_pointer(&server->walk, pdk_snapshot_walk_free);
	pdk_effects_command(server->effects, PDK_COMMAND_SNAPSHOT_ABORT, 0);
}

void
pdk_housekeeping_turn(PdkServer *server)
{
	if (pdk_may_propose(server)) {
		if (server->orphans_due)
			close_orphans(server);
		server->orphans_due = false;
		expire_sessions(server);
		clean_containers(server);
	}
	int64_t sessionless_us = pdk_connections_expire(server);
	if (sessionless_us != INT64_MAX)
		deadline(server, sessionless_us);
	if (snapshot_due(server))
		start_snapshot(server);
	snapshot_slice(server);
}

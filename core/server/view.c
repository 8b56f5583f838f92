/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What others may look at: the getters of PdkView. Source: ServerStats, ServerMetrics,
 * ServerCnxn.getConnectionInfo.
 */
#include "server/server-private.h"

static double
average(uint64_t total, uint64_t count)
{
	return count ? (double)total / (double)count : 0;
}

static int64_t
wall_of(PdkServer *server, int64_t monotonic_ms)
{
	return server->wall_ms + (monotonic_ms - pdk_server_now_ms(server));
}

static const char *
mode(PdkServer *server)
{
	static const char *const modes[] = {
		[PDK_PEER_LOOKING] = "looking",
		[PDK_PEER_FOLLOWING] = "follower",
		[PDK_PEER_LEADING] = "leader",
		[PDK_PEER_OBSERVING] = "observer",
	};
	if (server->read_only)
		return "read-only";
	return server->replica ? modes[pdk_replica_role(server->replica)] : "standalone";
}

static bool
ensemble(void *core, PdkEnsembleFacts *into)
{
	PdkServer *server = core;
	if (server->replica == NULL)
		return false;
	PdkReplicaFacts known;
	pdk_replica_facts(server->replica, &known);
	PdkEnsembleFacts whole = {
		.size = into->size,
		.phase = known.phase,
		.leader = known.leader,
		.epoch = known.epoch,
		.leads = known.role == PDK_PEER_LEADING,
		.last_proposal_bytes = known.last_proposal_bytes,
		.min_proposal_bytes = known.min_proposal_bytes,
		.max_proposal_bytes = known.max_proposal_bytes,
	};
	memcpy(into, &whole, MIN(into->size, sizeof whole));
	return true;
}

/* Does it answer more than the words that always answer? A leader that serves no clients still does. */
static bool
works(const PdkServer *server)
{
	return server->replica ? pdk_replica_serving(server->replica) || server->read_only : server->serving;
}

static void
facts(void *core, PdkServerFacts *into)
{
	PdkServer *server = core;
	const PdkServerStats *stats = &server->stats;
	*into = (PdkServerFacts){
		.version = server->version,
		.revision = "paddock",
		.built_on = server->built_on,
		.serving = works(server) && !server->stopping,
		.read_only = server->read_only,
		.mode = mode(server),
		.last_zxid = server->applied_zxid,
		.node_count = pdk_tree_node_count(server->tree) + 1,
		.watch_count = pdk_watches_count(server->watches),
		.ephemeral_count = pdk_tree_ephemeral_count(server->tree),
		.data_size = pdk_tree_data_size(server->tree),
		.sessions = pdk_sessions_count(server->sessions) + pdk_sessions_count(server->local_sessions),
		.connections = server->alive,
		.outstanding = server->outstanding,
		.received = stats->received,
		.sent = stats->sent,
		.latency_min = stats->min_latency,
		.latency_max = stats->max_latency,
		.latency_avg = average(stats->total_latency, stats->latency_count),
		.uptime_ms = (server->now_us - stats->started_us) / 1000,
		.last_response = stats->max_response ? stats->last_response : UINT64_MAX,
		.min_response = stats->max_response ? stats->min_response : UINT64_MAX,
		.max_response = stats->max_response ? stats->max_response : UINT64_MAX,
		.now_monotonic_ms = pdk_server_now_ms(server),
		.now_wall_ms = server->wall_ms,
		.data_dir_bytes = server->facts->data_dir_bytes,
		.log_dir_bytes = server->facts->log_dir_bytes,
	};
}

/* ---- walks ---- */

static void
connection_facts(PdkServer *server, PdkConnection *connection, PdkConnectionFacts *into)
{
	const PdkConnectionStats *stats = &connection->stats;
	int64_t idle_ends = connection->session ? connection->session->deadline_ms
						: pdk_connection_sessionless_end_ms(server, connection);
	*into = (PdkConnectionFacts){
		.link = connection->link,
		.endpoint = connection->endpoint,
		.interest = connection->stage == PDK_STAGE_WORD ? 0 : (connection->paused ? 0u : 1u) | (connection->unsent ? 4u : 0u),
		.queued = connection->waiting_count,
		.received = stats->received,
		.sent = stats->sent,
		.session = connection->session ? connection->session->id : 0,
		.last_op = pdk_op_letters(stats->last_op),
		.established_wall_ms = stats->established_wall_ms,
		.timeout_ms = connection->session ? connection->session->timeout_ms : 0,
		.last_cxid = stats->last_cxid,
		.last_zxid = stats->last_zxid,
		.last_response_ms = stats->last_response_us / 1000,
		.last_latency = stats->last_latency,
		.min_latency = stats->min_latency,
		.max_latency = stats->max_latency,
		.avg_latency = average(stats->total_latency, stats->latency_count),
		.secure = connection->secure,
		.expires_wall_ms = wall_of(server, idle_ends),
	};
}

static bool
connection(void *core, uint64_t *cursor, PdkConnectionFacts *into)
{
	PdkServer *server = core;
	while (*cursor < server->n_slots) {
		PdkConnection *found = server->connections[(*cursor)++];
		if (found && found->stage != PDK_STAGE_ENDING) {
			connection_facts(server, found, into);
			return true;
		}
	}
	return false;
}

static uint64_t
ephemerals_of(PdkServer *server, int64_t session)
{
	uint64_t count = 0;
	for (PdkNode node = 0; (node = pdk_tree_next_ephemeral(server->tree, session, node));)
		count++;
	return count;
}

/* Those that all know come first; behind them this bit stands in the cursor. */
#define LOCAL_CURSOR (UINT64_C(1) << 63)

static PdkSession *
next_session(PdkServer *server, uint64_t *cursor)
{
	PdkSession *found = *cursor & LOCAL_CURSOR ? NULL : pdk_sessions_next(server->sessions, cursor);
	if (found)
		return found;
	uint64_t local = *cursor & LOCAL_CURSOR ? *cursor & ~LOCAL_CURSOR : 0;
	found = pdk_sessions_next(server->local_sessions, &local);
	*cursor = local | LOCAL_CURSOR;
	return found;
}

static bool
session(void *core, uint64_t *cursor, PdkSessionFacts *into)
{
	PdkServer *server = core;
	PdkSession *found = next_session(server, cursor);
	if (found == NULL)
		return false;
	*into = (PdkSessionFacts){
		.session = found->id,
		.timeout_ms = found->timeout_ms,
		.expires_wall_ms = wall_of(server, found->deadline_ms),
		.ephemerals = ephemerals_of(server, found->id),
		.local = found->local,
	};
	return true;
}

static const char *
text(PdkServer *server)
{
	*pdk_buffer_extend(&server->view_text, 1) = 0;
	return (const char *)server->view_text.data;
}

/*
 * The cursor is the count of those seen: a node handle could be gone (and reused) when the walk goes on in a
 * later turn. The last place is remembered while nothing has changed, so that a walk in one turn does not
 * start over each time.
 */
static bool
ephemeral(void *core, int64_t id, uint64_t *cursor, const char **path)
{
	PdkServer *server = core;
	PdkViewPlace *place = &server->view_place;
	bool same = *cursor > 0 && place->session == id && place->seen == *cursor && place->zxid == server->applied_zxid;
	PdkNode node = same ? place->node : 0;
	for (uint64_t skip = same ? 0 : *cursor; skip > 0; skip--) {
		node = pdk_tree_next_ephemeral(server->tree, id, node);
		if (node == 0)
			return false;
	}
	node = pdk_tree_next_ephemeral(server->tree, id, node);
	if (node == 0)
		return false;
	++*cursor;
	*place = (PdkViewPlace){id, *cursor, server->applied_zxid, node};
	server->view_text.length = 0;
	pdk_tree_append_path(server->tree, node, &server->view_text);
	*path = text(server);
	return true;
}

static bool
watch(void *core, PdkWatchOrder order, uint64_t *cursor, PdkWatchFacts *into)
{
	PdkServer *server = core;
	uint32_t watcher;
	bool found = order == PDK_WATCHES_BY_PATH
			     ? pdk_watches_next_by_path(server->watches, cursor, &watcher, &server->view_text)
			     : pdk_watches_next_by_watcher(server->watches, cursor, &watcher, &server->view_text);
	if (!found)
		return false;
	PdkConnection *owner = server->connections[watcher];
	*into = (PdkWatchFacts){owner->session_id, owner->link, text(server)};
	return true;
}

static void
watch_totals(void *core, uint64_t *connections, uint64_t *paths, uint64_t *watches)
{
	PdkServer *server = core;
	pdk_watches_totals(server->watches, connections, paths, watches);
}

static bool
digest(void *core, uint64_t *cursor, int64_t *zxid, uint64_t *value)
{
	PdkServer *server = core;
	uint64_t first = server->n_digests > PDK_DIGESTS_KEPT ? server->n_digests - PDK_DIGESTS_KEPT : 0;
	uint64_t at = MAX(*cursor, first);
	if (at >= server->n_digests)
		return false;
	*zxid = server->digests[at % PDK_DIGESTS_KEPT].zxid;
	*value = server->digests[at % PDK_DIGESTS_KEPT].digest;
	*cursor = at + 1;
	return true;
}

static bool
next_pair(const PdkPair *pairs, uint64_t *cursor, const char **key, const char **value)
{
	if (pairs == NULL || pairs[*cursor].key == NULL)
		return false;
	*key = pairs[*cursor].key;
	*value = pairs[*cursor].value;
	++*cursor;
	return true;
}

static bool
setting(void *core, uint64_t *cursor, const char **key, const char **value)
{
	return next_pair(((PdkServer *)core)->settings->conf, cursor, key, value);
}

static bool
environment(void *core, uint64_t *cursor, const char **key, const char **value)
{
	return next_pair(((PdkServer *)core)->settings->environment, cursor, key, value);
}

static const char *
setting_value(void *core, const char *zoo_key)
{
	const PdkPair *values = ((PdkServer *)core)->settings->values;
	for (size_t i = 0; values && values[i].key; i++)
		if (strcmp(values[i].key, zoo_key) == 0)
			return values[i].value;
	return NULL;
}

/* ---- what may be asked for ---- */

static void
reset_server_stats(void *core)
{
	PdkServer *server = core;
	int64_t started_us = server->stats.started_us;
	server->stats = (PdkServerStats){.started_us = started_us};
	pdk_registry_reset(server->registry);
}

static void
reset_connection_stats(void *core)
{
	PdkServer *server = core;
	for (uint32_t slot = 0; slot < server->n_slots; slot++) {
		PdkConnection *found = server->connections[slot];
		if (found == NULL)
			continue;
		int64_t established = found->stats.established_wall_ms;
		found->stats = (PdkConnectionStats){.established_wall_ms = established, .last_cxid = -1};
	}
}

static int64_t
trace_mask(void *core)
{
	return ((PdkServer *)core)->trace_mask;
}

static void
set_trace_mask(void *core, int64_t mask)
{
	((PdkServer *)core)->trace_mask = mask;
}

void
pdk_view_init(PdkServer *server)
{
	server->view = (PdkView){
		.size = sizeof(PdkView),
		.core = server,
		.facts = facts,
		.connection = connection,
		.session = session,
		.ephemeral = ephemeral,
		.watch = watch,
		.watch_totals = watch_totals,
		.digest = digest,
		.setting = setting,
		.environment = environment,
		.metric = pdk_gauges_metric,
		.setting_value = setting_value,
		.reset_server_stats = reset_server_stats,
		.reset_connection_stats = reset_connection_stats,
		.trace_mask = trace_mask,
		.set_trace_mask = set_trace_mask,
		.ensemble = ensemble,
	};
}

const PdkView *
pdk_server_view(PdkServer *server)
{
	return &server->view;
}

/* ---- the server's own cells, under Apache's names ---- */

void
pdk_cells_init(PdkServer *server)
{
	PdkRegistry *registry = server->registry;
	server->cells = (PdkServerCells){
		.packets_bytes_received = pdk_registry_counter(registry, "bytes_received_count", "bytes taken from clients"),
		.response_bytes = pdk_registry_counter(registry, "response_bytes", "bytes of replies"),
		.connection_requests = pdk_registry_counter(registry, "connection_request_count", "connect requests"),
		.connection_rejected = pdk_registry_counter(registry, "connection_rejected", "connections refused by a limit"),
		.connection_drops = pdk_registry_counter(registry, "connection_drop_count", "connections closed for not reading"),
		.sessions_expired = pdk_registry_counter(registry, "stale_sessions_expired", "sessions that expired"),
		.sessionless_expired = pdk_registry_counter(registry, "sessionless_connections_expired", "connections that never made a session"),
		.large_rejected = pdk_registry_counter(registry, "large_requests_rejected", "refused by largeRequestMaxBytes"),
		.throttled = pdk_registry_counter(registry, "throttled_ops", "refused by throttled_op_wait_time"),
		.digest_mismatches = pdk_registry_counter(registry, "digest_mismatches_count", "tree digests that differ from the log's"),
		.proposals = pdk_registry_counter(registry, "proposal_count", "txns proposed"),
		.commits = pdk_registry_counter(registry, "commit_count", "txns applied"),
		.snapshot_errors = pdk_registry_counter(registry, "snapshot_error_count", "snapshots that failed"),
		.auth_failed = pdk_registry_counter(registry, "auth_failures", "refused auth packets"),
		.node_created_watches = pdk_registry_counter(registry, "node_created_watch_count", "events sent"),
		.node_deleted_watches = pdk_registry_counter(registry, "node_deleted_watch_count", "events sent"),
		.node_changed_watches = pdk_registry_counter(registry, "node_changed_watch_count", "events sent"),
		.node_children_watches = pdk_registry_counter(registry, "node_children_watch_count", "events sent"),
		.ttl_deleted = pdk_registry_counter(registry, "ttl_node_deleted_count", "TTL nodes that ran out"),
		.read_latency = pdk_registry_summary(registry, "readlatency", "of reads, ms", true),
		.update_latency = pdk_registry_summary(registry, "updatelatency", "of writes, ms", true),
		.snapshot_time = pdk_registry_summary(registry, "snapshottime", "from begin to published, ms", false),
		.batch_size = pdk_registry_summary(registry, "sync_processor_batch_size", "txns made durable at once", false),
	};
}

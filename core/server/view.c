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

/* ---- metrics ---- */

typedef struct {
	const char *name, *help;
	double (*real)(PdkServer *server);
	int64_t (*whole)(PdkServer *server);
} Gauge;

static double avg_latency(PdkServer *s) { return average(s->stats.total_latency, s->stats.latency_count); }
static int64_t max_latency(PdkServer *s) { return (int64_t)s->stats.max_latency; }
static int64_t min_latency(PdkServer *s) { return (int64_t)s->stats.min_latency; }
static int64_t packets_received(PdkServer *s) { return (int64_t)s->stats.received; }
static int64_t packets_sent(PdkServer *s) { return (int64_t)s->stats.sent; }
static int64_t alive(PdkServer *s) { return (int64_t)s->alive; }
static int64_t outstanding(PdkServer *s) { return (int64_t)s->outstanding; }
static int64_t uptime(PdkServer *s) { return (s->now_us - s->stats.started_us) / 1000; }
static int64_t nodes(PdkServer *s) { return (int64_t)pdk_tree_node_count(s->tree) + 1; }
static int64_t watches(PdkServer *s) { return (int64_t)pdk_watches_count(s->watches); }
static int64_t ephemerals(PdkServer *s) { return (int64_t)pdk_tree_ephemeral_count(s->tree); }
static int64_t data_size(PdkServer *s) { return (int64_t)pdk_tree_data_size(s->tree); }
static int64_t global_sessions(PdkServer *s) { return (int64_t)pdk_sessions_count(s->sessions); }
static int64_t local_sessions(PdkServer *s) { return (int64_t)pdk_sessions_count(s->local_sessions); }
static int64_t open_files(PdkServer *s) { return s->facts->open_files; }
static int64_t max_files(PdkServer *s) { return s->facts->max_files; }
static int64_t response(PdkServer *s, uint64_t value) { return s->stats.max_response ? (int64_t)value : -1; }
static int64_t last_response(PdkServer *s) { return response(s, s->stats.last_response); }
static int64_t max_response(PdkServer *s) { return response(s, s->stats.max_response); }
static int64_t min_response(PdkServer *s) { return response(s, s->stats.min_response); }
static int64_t auth_failed(PdkServer *s) { return (int64_t)s->cells.auth_failed->value; }
static int64_t nothing(PdkServer *s) { (void)s; return 0; }
static double no_chance(PdkServer *s) { (void)s; return 0; }

static const Gauge gauges[] = {
	{"avg_latency", "request latency since start or reset, ms", avg_latency, NULL},
	{"max_latency", "request latency since start or reset, ms", NULL, max_latency},
	{"min_latency", "request latency since start or reset, ms", NULL, min_latency},
	{"packets_received", "packets taken from clients", NULL, packets_received},
	{"packets_sent", "packets sent to clients", NULL, packets_sent},
	{"num_alive_connections", "client connections", NULL, alive},
	{"outstanding_requests", "requests taken and not answered", NULL, outstanding},
	{"uptime", "since the start, ms", NULL, uptime},
	{"znode_count", "znodes, the root twice", NULL, nodes},
	{"watch_count", "watches in both tables", NULL, watches},
	{"ephemerals_count", "ephemeral znodes", NULL, ephemerals},
	{"approximate_data_size", "bytes of paths and data", NULL, data_size},
	{"global_sessions", "sessions, without local ones", NULL, global_sessions},
	{"local_sessions", "sessions known to this server only", NULL, local_sessions},
	{"open_file_descriptor_count", "open file descriptors", NULL, open_files},
	{"max_file_descriptor_count", "allowed file descriptors", NULL, max_files},
	{"connection_drop_probability", "of the connection throttle", no_chance, NULL},
	{"last_client_response_size", "bytes; -1 before the first", NULL, last_response},
	{"max_client_response_size", "bytes; -1 before the first", NULL, max_response},
	{"min_client_response_size", "bytes; -1 before the first", NULL, min_response},
	{"outstanding_tls_handshake", "TLS handshakes under way", NULL, nothing},
	{"auth_failed_count", "refused auth packets", NULL, auth_failed},
	{"non_mtls_remote_conn_count", "connections without a client certificate", NULL, nothing},
	{"non_mtls_local_conn_count", "local connections without a client certificate", NULL, nothing},
};

/* ---- of an ensemble ---- */

static PdkReplicaFacts
known(PdkServer *server)
{
	PdkReplicaFacts facts;
	pdk_replica_facts(server->replica, &facts);
	return facts;
}

static int64_t quorum_size(PdkServer *s) { return known(s).quorum_size; }
static int64_t learners(PdkServer *s) { return known(s).learners; }
static int64_t synced_followers(PdkServer *s) { return known(s).synced_followers; }
static int64_t synced_observers(PdkServer *s) { return known(s).synced_observers; }
static int64_t synced_non_voters(PdkServer *s) { return known(s).synced_non_voters; }
static int64_t pending_syncs(PdkServer *s) { return known(s).pending_syncs; }
static int64_t leader_uptime(PdkServer *s) { return (s->now_us - known(s).leading_since_us) / 1000; }
static int64_t last_proposal(PdkServer *s) { return known(s).last_proposal_bytes; }
static int64_t max_proposal(PdkServer *s) { return known(s).max_proposal_bytes; }
static int64_t min_proposal(PdkServer *s) { return known(s).min_proposal_bytes; }

/* The first is every member's, the rest a leader's. */
static const Gauge ensemble_gauges[] = {
	{"quorum_size", "voters of the ensemble", NULL, quorum_size},
	{"learners", "connected learners", NULL, learners},
	{"followers", "connected learners, by the older name", NULL, learners},
	{"synced_followers", "followers in time", NULL, synced_followers},
	{"synced_observers", "observers in time", NULL, synced_observers},
	{"synced_non_voting_followers", "followers without a vote in time", NULL, synced_non_voters},
	{"pending_syncs", "learners being brought up", NULL, pending_syncs},
	{"leader_uptime", "since leadership was established, ms", NULL, leader_uptime},
	{"last_proposal_size", "bytes; -1 before the first", NULL, last_proposal},
	{"max_proposal_size", "bytes; -1 before the first", NULL, max_proposal},
	{"min_proposal_size", "bytes; -1 before the first", NULL, min_proposal},
};

static size_t
ensemble_gauge_count(const PdkServer *server)
{
	if (server->replica == NULL)
		return 0;
	return pdk_replica_role(server->replica) == PDK_PEER_LEADING ? G_N_ELEMENTS(ensemble_gauges) : 1;
}

/* Cursors of the cells stand behind those of all gauges, whoever has them. */
#define FIRST_CELL (G_N_ELEMENTS(gauges) + G_N_ELEMENTS(ensemble_gauges))

static const Gauge *
gauge_at(const PdkServer *server, uint64_t cursor)
{
	if (cursor < G_N_ELEMENTS(gauges))
		return &gauges[cursor];
	cursor -= G_N_ELEMENTS(gauges);
	return cursor < ensemble_gauge_count(server) ? &ensemble_gauges[cursor] : NULL;
}

/* Gauges first; then the cursor goes on through the cells. */
static bool
metric(void *core, uint64_t *cursor, PdkMetric *into)
{
	PdkServer *server = core;
	const Gauge *gauge = *cursor < FIRST_CELL ? gauge_at(server, *cursor) : NULL;
	if (gauge) {
		++*cursor;
		*into = (PdkMetric){.name = gauge->name, .help = gauge->help, .type = PDK_METRIC_GAUGE, .is_real = gauge->real != NULL};
		if (gauge->real)
			into->real = gauge->real(server);
		else
			into->value = gauge->whole(server);
		return true;
	}
	uint64_t cell = *cursor > FIRST_CELL ? *cursor - FIRST_CELL : 0;
	bool found = pdk_registry_next(server->registry, &cell, into);
	*cursor = cell + FIRST_CELL;
	return found;
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
		.metric = metric,
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

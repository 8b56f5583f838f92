/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers that stand for a server as a whole, under Apache's names, and then its cells. Changes when one of them does. */
#include "server/server-private.h"

typedef struct {
	const char *name, *help;
	double (*real)(PdkServer *server);
	int64_t (*whole)(PdkServer *server);
} Gauge;

static double
avg_latency(PdkServer *s)
{
	return s->stats.latency_count ? (double)s->stats.total_latency / (double)s->stats.latency_count : 0;
}

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

/* The first is every member's, the next also one of those that may serve observers, the rest a leader's. */
static const Gauge ensemble_gauges[] = {
	{"quorum_size", "voters of the ensemble", NULL, quorum_size},
	{"synced_observers", "observers in time", NULL, synced_observers},
	{"learners", "connected learners", NULL, learners},
	{"followers", "connected learners, by the older name", NULL, learners},
	{"synced_followers", "followers in time", NULL, synced_followers},
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
	PdkReplicaFacts facts;
	pdk_replica_facts(server->replica, &facts);
	if (facts.role == PDK_PEER_LEADING)
		return G_N_ELEMENTS(ensemble_gauges);
	return facts.serves_observers ? 2 : 1;
}

/* ---- what an ensemble's member is doing ---- */

/* "following - broadcast"; how a learner is brought up stands behind it while it is. */
static const char *
peer_state(PdkServer *server, const PdkReplicaFacts *facts)
{
	static const char *const roles[] = {
		[PDK_PEER_LOOKING] = "looking",
		[PDK_PEER_FOLLOWING] = "following",
		[PDK_PEER_LEADING] = "leading",
		[PDK_PEER_OBSERVING] = "observing",
	};
	bool elects = facts->role == PDK_PEER_LOOKING;
	bool brought_up = strcmp(facts->phase, "synchronization") == 0 && strcmp(facts->sync_mode, "NONE") != 0;
	g_autofree char *mode = g_ascii_strdown(facts->sync_mode, -1);

	g_snprintf(server->peer_state, sizeof server->peer_state, "%s%s%s%s%s", roles[facts->role], elects ? "" : " - ",
		   elects ? "" : facts->phase, brought_up ? " - " : "", brought_up ? mode : "");
	return server->peer_state;
}

/* Cursors: the state, whom an observer observes, gauges, those of an ensemble, cells. */
enum { AT_STATE, AT_MASTER, AT_GAUGES };

/* False: it is none of the two, or this server has none. */
static bool
member_metric(PdkServer *server, uint64_t cursor, PdkMetric *into)
{
	PdkReplicaFacts facts;
	if (server->replica == NULL || cursor >= AT_GAUGES)
		return false;
	pdk_replica_facts(server->replica, &facts);
	if (cursor == AT_STATE)
		*into = (PdkMetric){.name = "peer_state", .help = "what this member is doing", .type = PDK_METRIC_TEXT,
				    .text = peer_state(server, &facts)};
	else
		*into = (PdkMetric){.name = "observer_master_id", .help = "server that this observer is connected to",
				    .type = PDK_METRIC_GAUGE, .value = facts.observed};
	return cursor == AT_STATE || facts.role == PDK_PEER_OBSERVING;
}

/* Cursors of the cells stand behind those of all gauges, whoever has them. */
#define FIRST_CELL (AT_GAUGES + G_N_ELEMENTS(gauges) + G_N_ELEMENTS(ensemble_gauges))

static const Gauge *
gauge_at(const PdkServer *server, uint64_t cursor)
{
	cursor -= AT_GAUGES;
	if (cursor < G_N_ELEMENTS(gauges))
		return &gauges[cursor];
	cursor -= G_N_ELEMENTS(gauges);
	return cursor < ensemble_gauge_count(server) ? &ensemble_gauges[cursor] : NULL;
}

bool
pdk_gauges_metric(void *core, uint64_t *cursor, PdkMetric *into)
{
	PdkServer *server = core;
	while (*cursor < AT_GAUGES)
		if (member_metric(server, (*cursor)++, into))
			return true;
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

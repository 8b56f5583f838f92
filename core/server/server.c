/* SPDX-License-Identifier: Apache-2.0 */
/* Birth and death of a server, and which event goes where. */
#include "server/server-private.h"

/* ---- the queue that flights and their belongings share ---- */

void
pdk_queue_init(PdkQueue *queue, guint item_size)
{
	queue->items = g_array_new(FALSE, FALSE, item_size);
	queue->head = 0;
}

void
pdk_queue_clear(PdkQueue *queue)
{
	g_clear_pointer(&queue->items, g_array_unref);
}

void
pdk_queue_pop(PdkQueue *queue)
{
	pdk_assert(pdk_queue_length(queue) > 0);
	if (++queue->head == queue->items->len) {
		g_array_set_size(queue->items, 0);
		queue->head = 0;
	} else if (queue->head >= 4096 && queue->head > queue->items->len / 2) {
		g_array_remove_range(queue->items, 0, queue->head);
		queue->head = 0;
	}
}

/* ---- birth and death ---- */

void
pdk_server_say(PdkServer *server, PdkLogLevel level, const char *format, ...)
{
	if (server->log == NULL)
		return;
	va_list arguments;
	va_start(arguments, format);
	g_autofree char *line = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	server->log(server->log_context, level, line);
}

PdkServer *
pdk_server_new(const PdkServerParams *params)
{
	const PdkSettings *settings = params->settings;
	PdkServer *server = g_new0(PdkServer, 1);
	server->settings = settings;
	server->registry = params->registry;
	server->facts = params->facts;
	server->version = g_strdup(params->version);
	server->built_on = g_strdup(params->built_on);
	server->log = params->log;
	server->log_context = params->log_context;
	server->random = pdk_random(params->seed);
	server->now_us = params->now_us;
	server->wall_ms = params->wall_ms;

	PdkTreeSettings tree_settings = {
		.digest = settings->digest,
		.extended_types = settings->extended_types,
		.emulate353 = settings->emulate353,
		.seed = params->seed,
	};
	server->tree = pdk_tree_new(&tree_settings);
	server->quotas = pdk_quotas_new(server->tree);
	server->watches = pdk_watches_new(server->tree, pdk_watch_notify_function(), server);
	server->sessions = pdk_sessions_new(settings->tick_ms);
	server->local_sessions = pdk_sessions_new(settings->tick_ms);
	server->pendings = pdk_pendings_new(server->tree, settings->digest);
	server->schemes = g_array_new(FALSE, FALSE, sizeof(PdkScheme));
	server->admins = g_array_new(FALSE, FALSE, sizeof(PdkAdminSeat));
	server->per_address = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	server->overrun = g_array_new(FALSE, FALSE, sizeof(PdkLink));
	pdk_queue_init(&server->limited, sizeof(PdkLink));
	pdk_queue_init(&server->flights, sizeof(PdkFlight));
	pdk_queue_init(&server->held, sizeof(PdkPending *));
	pdk_queue_init(&server->acls, sizeof(PdkAclId));
	server->throttle_tokens = settings->connection_throttle_tokens;
	server->throttle_us = params->now_us;
	server->stats.started_us = params->now_us;
	server->trace_mask = 306;
	pdk_cells_init(server);
	pdk_view_init(server);
	pdk_remote_init(server);
	pdk_replication_init(server);
	return server;
}

void
pdk_server_free(PdkServer *server)
{
	pdk_connections_free(server);
	pdk_remote_free(server);
	pdk_pipeline_free(server);
	g_clear_pointer(&server->replica, pdk_replica_free);
	pdk_buffer_clear(&server->shipment);
	g_clear_pointer(&server->walk, pdk_snapshot_walk_free);
	g_clear_pointer(&server->load, pdk_snapshot_load_free);
	pdk_pendings_free(server->pendings);
	pdk_sessions_free(server->sessions);
	pdk_sessions_free(server->local_sessions);
	pdk_watches_free(server->watches);
	pdk_quotas_free(server->quotas);
	pdk_tree_free(server->tree);
	g_array_unref(server->schemes);
	g_array_unref(server->admins);
	g_array_unref(server->overrun);
	g_hash_table_unref(server->per_address);
	pdk_queue_clear(&server->limited);
	pdk_queue_clear(&server->flights);
	pdk_queue_clear(&server->held);
	pdk_queue_clear(&server->acls);
	pdk_buffer_clear(&server->scratch);
	pdk_buffer_clear(&server->fixed_acl);
	pdk_buffer_clear(&server->body);
	pdk_buffer_clear(&server->event);
	pdk_buffer_clear(&server->view_text);
	g_free(server->version);
	g_free(server->built_on);
	g_free(server);
}

void
pdk_server_add_auth(PdkServer *server, const PdkAuthOps *ops, PdkAuth *auth)
{
	PdkScheme scheme = {ops, auth, ops->scheme(auth)};
	for (guint i = 0; i < server->schemes->len; i++)
		if (strcmp(g_array_index(server->schemes, PdkScheme, i).scheme, scheme.scheme) == 0)
			return;
	g_array_append_val(server->schemes, scheme);
}

void
pdk_server_add_admin(PdkServer *server, const PdkAdminOps *ops, PdkAdmin *admin)
{
	PdkAdminSeat seat = {ops, admin};
	g_array_append_val(server->admins, seat);
}

int64_t
pdk_server_last_zxid(const PdkServer *server)
{
	return server->applied_zxid;
}

/* ---- events ---- */

static void
step_peer_link(PdkServer *server, const PdkEvent *event)
{
	switch (event->kind) {
	case PDK_EVENT_RECEIVED:
		pdk_replica_received(server->replica, event->link, event->received.data, event->received.length);
		break;
	case PDK_EVENT_UNSENT:
		pdk_replica_unsent(server->replica, event->link, event->unsent);
		break;
	case PDK_EVENT_CLOSED:
		pdk_replica_closed(server->replica, event->link);
		break;
	default:
		break;
	}
}

static void
step_link(PdkServer *server, const PdkEvent *event)
{
	PdkConnection *connection = pdk_connection_find(server, event->link);
	if (connection == NULL) {
		if (server->replica)
			step_peer_link(server, event);
		return;
	}
	switch (event->kind) {
	case PDK_EVENT_RECEIVED:
		pdk_connection_received(server, connection, event->received.data, event->received.length);
		break;
	case PDK_EVENT_UNSENT:
		pdk_connection_unsent(server, connection, event->unsent);
		break;
	case PDK_EVENT_CLOSED:
		pdk_connection_closed(server, connection);
		break;
	default:
		break;
	}
}

/* Everybody who asked was answered. In an ensemble that may take a quorum; the host waits for so long only. */
static bool
is_idle(const PdkServer *server)
{
	return server->replica ? server->outstanding == 0 || !server->serving : pdk_queue_length(&server->flights) == 0;
}

static void
stop_when_idle(PdkServer *server)
{
	if (!server->stopping || !is_idle(server))
		return;
	if (server->replica && !server->left) {
		server->left = true;
		pdk_replica_stop(server->replica);
	}
	server->effects->stopped = true;
}

static void
turn(PdkServer *server)
{
	pdk_connections_run(server);
	if (server->replica)
		pdk_replica_turn(server->replica);
	pdk_read_only_turn(server);
	pdk_local_turn(server);
	pdk_housekeeping_turn(server);
}

/* Events that only a member of an ensemble gets. */
static void
step_replica(PdkServer *server, const PdkEvent *event)
{
	PdkReplica *replica = server->replica;
	switch (event->kind) {
	case PDK_EVENT_DIALLED:
		pdk_replica_dialled(replica, event->dial, event->link);
		break;
	case PDK_EVENT_DIAL_FAILED:
		pdk_replica_dial_failed(replica, event->failed.dial, event->failed.refused, event->failed.detail);
		break;
	case PDK_EVENT_LISTENING:
		pdk_replica_listening(replica, event->listening.purpose, event->listening.failure);
		break;
	case PDK_EVENT_RECORD_SAVED:
		pdk_replica_record_saved(replica, event->key);
		break;
	case PDK_EVENT_TRUNCATED:
		pdk_replica_truncated(replica, event->truncated.zxid, event->truncated.failure);
		break;
	case PDK_EVENT_RELOADED:
		server->proposed_zxid = server->applied_zxid;
		pdk_pendings_reset(server->pendings);
		pdk_replica_reloaded(replica, event->zxid);
		break;
	case PDK_EVENT_LOG_READ:
		pdk_replica_log_read(replica, event->log_read.txns, event->log_read.n, event->log_read.more, event->log_read.failure);
		break;
	default:
		break;
	}
}

void
pdk_server_step(PdkServer *server, const PdkEvent *event, PdkEffects *effects)
{
	server->now_us = event->now_us;
	server->wall_ms = event->wall_ms;
	server->effects = effects;
	if (server->replica)
		pdk_replica_step(server->replica, event->now_us, effects);
	switch (event->kind) {
	case PDK_EVENT_ACCEPTED:
		if (server->replica && event->accepted.purpose != PDK_PURPOSE_CLIENT)
			pdk_replica_accepted(server->replica, event->link, event->accepted.purpose, event->accepted.endpoint);
		else
			pdk_connection_accepted(server, event);
		break;
	case PDK_EVENT_RECEIVED:
	case PDK_EVENT_UNSENT:
	case PDK_EVENT_CLOSED:
		step_link(server, event);
		break;
	case PDK_EVENT_SYNCED:
		pdk_pipeline_synced(server, event->zxid);
		break;
	case PDK_EVENT_SNAPSHOT_ROOM:
		server->snapshot_full = false;
		if (server->shipped_in)
			pdk_replica_load_room(server->replica);
		break;
	case PDK_EVENT_SNAPSHOT_DONE:
		pdk_housekeeping_snapshot_done(server, event->snapshot.zxid, event->snapshot.failure);
		break;
	case PDK_EVENT_TURN:
		turn(server);
		break;
	case PDK_EVENT_DIALLED:
	case PDK_EVENT_DIAL_FAILED:
	case PDK_EVENT_LISTENING:
	case PDK_EVENT_RECORD_SAVED:
	case PDK_EVENT_TRUNCATED:
	case PDK_EVENT_RELOADED:
	case PDK_EVENT_LOG_READ:
		step_replica(server, event);
		break;
	case PDK_EVENT_STOP:
		server->stopping = true;
		break;
	}
	pdk_read_only_check(server);
	if (server->overrun->len > 0)
		pdk_watching_drop_overrun(server);
	stop_when_idle(server);
	server->effects = NULL;
}

void
pdk_server_snapshot_full(PdkServer *server)
{
	server->snapshot_full = true;
}

const PdkEnsemble *
pdk_server_ensemble(PdkServer *server)
{
	return server->replica ? pdk_replica_ensemble(server->replica) : NULL;
}

bool
pdk_server_join(PdkServer *server, const PdkElectionOps *ops, PdkElection *election, GBytes *accepted_epoch, GBytes *current_epoch,
		int64_t last_logged, GError **error)
{
	return pdk_replica_join(server->replica, ops, election, accepted_epoch, current_epoch, last_logged, error);
}

void
pdk_server_trust(PdkServer *server)
{
	if (server->replica)
		pdk_replica_trust(server->replica);
}

void
pdk_server_begin(PdkServer *server, int64_t now_us, int64_t wall_ms, bool can_snapshot, PdkEffects *effects)
{
	server->now_us = now_us;
	server->wall_ms = wall_ms;
	server->effects = effects;
	server->can_snapshot = can_snapshot;
	server->serving = server->replica == NULL;
	server->proposed_zxid = server->synced_zxid = server->applied_zxid;
	pdk_pendings_reset(server->pendings);
	pdk_sessions_touch_all(server->sessions, pdk_server_now_ms(server));
	pdk_housekeeping_start(server);
	if (server->replica) {
		pdk_replica_step(server->replica, now_us, effects);
		if (!server->holding)
			pdk_replica_begin(server->replica);
	}
	server->effects = NULL;
}

void
pdk_server_check(const PdkServer *server)
{
	pdk_tree_check(server->tree);
	pdk_watches_check(server->watches);
	pdk_sessions_check(server->sessions);
	pdk_sessions_check(server->local_sessions);
	pdk_assert(server->applied_zxid <= server->proposed_zxid);
	if (server->replica)
		pdk_replica_check(server->replica);
	if (pdk_queue_length(&server->flights) > 0 || !pdk_may_propose(server))
		return;
	pdk_assert(pdk_pendings_count(server->pendings) == 0);
	pdk_assert(pdk_queue_length(&server->held) == 0 && pdk_queue_length(&server->acls) == 0);
	pdk_assert(!server->settings->digest || pdk_pendings_digest(server->pendings) == pdk_tree_digest(server->tree));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that cross servers: forwarded by a learner, proposed by the leader; and what the leader has to know of sessions
 * whose clients are elsewhere. Changes when a request or a session travels in another way. Source: FollowerRequestProcessor,
 * Leader.revalidateSession, LearnerSessionTracker, LeaderSessionTracker, UpgradeableSessionTracker.
 */
#include "server/server-private.h"

/* A client that comes back here; the leader knows whether its session is alive. */
typedef struct {
	int64_t session;
	PdkLink link;
	int32_t timeout_ms;
} Returning;

/* A session that is proposed: requests of its client may follow before it is applied. */
typedef struct {
	int64_t session;
	uint64_t owner;
	bool closing;
} Arrival;

/* ---- learner: forwarding ---- */

/* The connection's identities as a vector<Id>. */
static void
put_identities(const PdkConnection *connection, PdkBuffer *out)
{
	guint n = connection->identities ? connection->identities->len : 0;
	pdk_put_int(out, (int32_t)n);
	for (guint i = 0; i < n; i++) {
		const PdkIdentity *identity = &g_array_index(connection->identities, PdkIdentity, i);
		pdk_put_string(out, identity->scheme);
		pdk_put_string(out, identity->id);
	}
}

static void
queue(PdkServer *server, PdkQueue *into, PdkConnection *connection, PdkFlight flight)
{
	PdkWaiting waiting = {.zxid = PDK_WAITS_FOR_LEADER};
	flight.link = connection->link;
	flight.since_us = server->now_us;
	g_array_append_val(into->items, flight);
	pdk_connection_push(connection, &waiting);
	pdk_outstanding_add(server);
}

void
pdk_forward_request(PdkServer *server, PdkConnection *connection, int32_t xid, int32_t op, PdkJute in, uint32_t large)
{
	PdkFlight flight = {.session = connection->session_id, .xid = xid, .op = op, .large = large};
	if (!pdk_prep_parses(op, in, &flight.operations)) {
		/* The leader must not see it: some releases spend a zxid twice on one. */
		g_clear_pointer(&flight.operations, g_byte_array_unref);
		pdk_refuse_in_turn(server, connection, xid, PDK_ERR_MARSHALLING);
		return;
	}
	server->large_bytes += large;
	queue(server, &server->forwarded, connection, flight);
	server->scratch.length = 0;
	put_identities(connection, &server->scratch);
	pdk_replica_forward(server->replica, connection->session_id, xid, op, in.at, pdk_jute_left(&in), server->scratch.data,
			    server->scratch.length);
}

void
pdk_forward_create_session(PdkServer *server, PdkConnection *connection, int64_t id, int32_t timeout_ms)
{
	uint8_t body[4];
	queue(server, &server->forwarded, connection, (PdkFlight){.session = id, .op = PDK_OP_CREATE_SESSION});
	pdk_store_u32(body, (uint32_t)timeout_ms);
	pdk_replica_forward(server->replica, id, 0, PDK_OP_CREATE_SESSION, body, sizeof body, NULL, 0);
}

void
pdk_forward_upgrade(PdkServer *server, int64_t id, int32_t timeout_ms)
{
	uint8_t body[4];
	PdkFlight flight = {.session = id, .op = PDK_OP_CREATE_SESSION, .since_us = server->now_us};
	g_array_append_val(server->forwarded.items, flight);
	pdk_store_u32(body, (uint32_t)timeout_ms);
	pdk_replica_forward(server->replica, id, 0, PDK_OP_CREATE_SESSION, body, sizeof body, NULL, 0);
}

void
pdk_forward_close_session(PdkServer *server, PdkConnection *connection, int32_t xid)
{
	int64_t id = connection->session_id;
	connection->session->closing = true;
	queue(server, &server->forwarded, connection, (PdkFlight){.session = id, .xid = xid, .op = PDK_OP_CLOSE_SESSION});
	pdk_replica_forward(server->replica, id, xid, PDK_OP_CLOSE_SESSION, NULL, 0, NULL, 0);
}

void
pdk_forward_sync(PdkServer *server, PdkConnection *connection, int32_t xid, PdkSlice path)
{
	PdkFlight flight = {
		.session = connection->session_id,
		.xid = xid,
		.op = PDK_OP_SYNC,
		.path = path.length < 0 ? NULL : pdk_slice_text(path),
		.path_length = path.length,
	};
	queue(server, &server->syncs, connection, flight);
	PdkBuffer body = {0};
	pdk_put_bytes(&body, path.data, path.length);
	server->scratch.length = 0;
	put_identities(connection, &server->scratch);
	pdk_replica_forward(server->replica, connection->session_id, xid, PDK_OP_SYNC, body.data, body.length, server->scratch.data,
			    server->scratch.length);
	pdk_buffer_clear(&body);
}

bool
pdk_remote_claim(PdkServer *server, const PdkTxnHeader *header, PdkFlight *into)
{
	if (pdk_queue_length(&server->forwarded) == 0)
		return false;
	PdkFlight *first = pdk_queue_first(&server->forwarded, PdkFlight);
	if (first->session != header->session || first->xid != header->cxid)
		return false;
	*into = *first;
	pdk_queue_pop(&server->forwarded);
	return true;
}

static void
sync_done(void *context)
{
	PdkServer *server = context;
	if (pdk_queue_length(&server->syncs) == 0)
		return; /* the client of an earlier connection to this leader */
	PdkFlight flight = *pdk_queue_first(&server->syncs, PdkFlight);
	pdk_queue_pop(&server->syncs);
	pdk_pipeline_complete(server, &flight);
}

static void
forget_queue(PdkServer *server, PdkQueue *queue)
{
	while (pdk_queue_length(queue) > 0) {
		PdkFlight flight = *pdk_queue_first(queue, PdkFlight);
		pdk_queue_pop(queue);
		if (flight.link)
			pdk_outstanding_sub(server);
		server->large_bytes -= flight.large;
		pdk_flight_clear(&flight);
	}
}

void
pdk_remote_forget(PdkServer *server)
{
	forget_queue(server, &server->forwarded);
	forget_queue(server, &server->syncs);
	g_array_set_size(server->returning, 0);
	g_hash_table_remove_all(server->arriving);
}

/* ---- learner: touches ---- */

void
pdk_remote_touched(PdkServer *server, PdkSession *session)
{
	if (session->touched)
		return;
	session->touched = true;
	g_array_append_val(server->touched, session->id);
}

static void
put_touched(void *context, PdkBuffer *out)
{
	PdkServer *server = context;
	for (guint i = 0; i < server->touched->len; i++) {
		PdkSession *session = pdk_sessions_find(server->sessions, g_array_index(server->touched, int64_t, i));
		if (session == NULL)
			continue;
		session->touched = false;
		pdk_put_long(out, session->id);
		pdk_put_int(out, session->timeout_ms);
	}
	g_array_set_size(server->touched, 0);
}

/* ---- learner: clients that come back ---- */

void
pdk_remote_revalidate(PdkServer *server, PdkConnection *connection, int64_t session, int32_t timeout_ms)
{
	Returning returning = {session, connection->link, timeout_ms};
	g_array_append_val(server->returning, returning);
	connection->session_id = session;
	connection->stage = PDK_STAGE_ESTABLISHING;
	pdk_connection_wait(connection, PDK_WAIT_SESSION);
	pdk_replica_revalidate(server->replica, session, timeout_ms);
}

static void
revalidated(void *context, int64_t id, bool valid)
{
	PdkServer *server = context;
	for (guint i = 0; i < server->returning->len; i++) {
		Returning returning = g_array_index(server->returning, Returning, i);
		if (returning.session != id)
			continue;
		g_array_remove_index(server->returning, i);
		PdkConnection *connection = pdk_connection_find(server, returning.link);
		if (connection && connection->stage == PDK_STAGE_ESTABLISHING)
			pdk_handshake_returned(server, connection, valid, returning.timeout_ms);
		return;
	}
}

/* ---- leader: requests of learners' clients ---- */

static bool
read_identities(PdkSlice auth, PdkConnection *proxy)
{
	if (auth.length < 0)
		return true;
	PdkJute in = pdk_jute(auth.data, (size_t)auth.length, INT32_MAX);
	int32_t n = pdk_get_count(&in, 8);
	for (int32_t i = 0; i < n && !in.failed; i++) {
		g_autofree char *scheme = pdk_slice_text(pdk_get_bytes(&in));
		g_autofree char *id = pdk_slice_text(pdk_get_bytes(&in));
		if (scheme && id)
			pdk_access_add_identity(proxy, scheme, id);
	}
	return !in.failed;
}

static Arrival *
find_arrival(PdkServer *server, int64_t session)
{
	return g_hash_table_lookup(server->arriving, &session);
}

void
pdk_remote_arriving(PdkServer *server, int64_t session, uint64_t owner)
{
	if (server->replica == NULL)
		return;
	Arrival *arrival = g_new(Arrival, 1);
	*arrival = (Arrival){.session = session, .owner = owner};
	g_hash_table_replace(server->arriving, arrival, arrival);
}

void
pdk_remote_arrived(PdkServer *server, int64_t id)
{
	Arrival *arrival = find_arrival(server, id);
	PdkSession *session = pdk_sessions_find(server->sessions, id);
	if (arrival == NULL)
		return;
	if (session) {
		session->owner = arrival->owner;
		session->closing |= arrival->closing;
	}
	g_hash_table_remove(server->arriving, &id);
}

void
pdk_remote_closing(PdkServer *server, int64_t id)
{
	Arrival *arrival = find_arrival(server, id);
	PdkSession *session = pdk_sessions_find(server->sessions, id);
	if (arrival)
		arrival->closing = true;
	if (session)
		session->closing = true;
}

/* It is not known to all; it may be known to @owner alone, and then it may do what leaves nothing behind with it. */
static PdkCode
check_stranger(PdkServer *server, int64_t id, uint64_t owner, bool *no_ephemerals)
{
	Arrival *arrival = find_arrival(server, id);
	if (arrival && arrival->closing)
		return PDK_ERR_SESSION_EXPIRED;
	if (arrival && arrival->owner == PDK_OWNER_NONE)
		arrival->owner = owner;
	if (arrival)
		return arrival->owner == owner ? PDK_OK : PDK_ERR_SESSION_MOVED;
	*no_ephemerals = true;
	if (pdk_sessions_find(server->local_sessions, id))
		return owner == PDK_OWNER_HERE ? PDK_OK : PDK_ERR_SESSION_EXPIRED;
	bool of_another = (uint8_t)((uint64_t)id >> 56) != server->settings->server_id;
	return pdk_local_sessions_wanted(server) && of_another ? PDK_OK : PDK_ERR_SESSION_EXPIRED;
}

/* The session is known, not closing, and used through the server that its client is at. */
static PdkCode
check_session(PdkServer *server, int64_t id, uint64_t owner, bool *no_ephemerals)
{
	PdkSession *session = pdk_sessions_find(server->sessions, id);
	if (session == NULL)
		return check_stranger(server, id, owner, no_ephemerals);
	if (session->closing)
		return PDK_ERR_SESSION_EXPIRED;
	if (session->owner == PDK_OWNER_NONE)
		session->owner = owner;
	return session->owner == owner ? PDK_OK : PDK_ERR_SESSION_MOVED;
}

PdkCode
pdk_remote_check_local(PdkServer *server, int64_t session)
{
	bool no_ephemerals = false; /* seen to before: pdk_local_before_write */
	return server->replica ? check_session(server, session, PDK_OWNER_HERE, &no_ephemerals) : PDK_OK;
}

static bool
forwardable(int32_t op)
{
	return pdk_op_writes(op) && op != PDK_OP_CHECK;
}

static void
request(void *context, PdkLearnerId from, int64_t session, int32_t cxid, int32_t op, PdkSlice body, PdkSlice auth)
{
	PdkServer *server = context;
	PdkJute in = pdk_jute(body.data, (size_t)MAX(0, body.length),
			      server->settings->max_buffer_bytes + server->settings->extra_buffer_bytes);
	PdkRemote remote = {.owner = from, .session = session, .cxid = cxid};
	if (op == PDK_OP_CREATE_SESSION) {
		int32_t timeout_ms = pdk_get_int(&in);
		pdk_propose_remote_create_session(server, &remote, in.failed ? 0 : timeout_ms);
		return;
	}
	if (op == PDK_OP_CLOSE_SESSION) {
		pdk_propose_remote_close_session(server, &remote);
		return;
	}
	PdkConnection proxy = {.link = 0};
	PdkCode code = PDK_ERR_UNIMPLEMENTED;
	if (forwardable(op))
		code = check_session(server, session, from, &remote.no_ephemerals);
	if (code == PDK_OK && !read_identities(auth, &proxy))
		code = PDK_ERR_MARSHALLING;
	pdk_propose_remote(server, &remote, &proxy, op, &in, code);
	pdk_access_clear(&proxy);
}

/* ---- leader: sessions of learners' clients; a follower: of its observers' ---- */

static void
touch(void *context, int64_t id, int32_t timeout_ms)
{
	PdkServer *server = context;
	PdkSession *session = pdk_sessions_find(server->sessions, id);
	if (session == NULL || session->closing)
		return;
	if (pdk_is_learner(server)) {
		pdk_remote_touched(server, session);
		return;
	}
	if (timeout_ms > 0)
		session->timeout_ms = timeout_ms;
	pdk_sessions_touch(server->sessions, session, pdk_server_now_ms(server));
}

static bool
revalidate(void *context, PdkLearnerId from, int64_t id, int32_t timeout_ms)
{
	PdkServer *server = context;
	PdkSession *session = pdk_sessions_find(server->sessions, id);
	Arrival *arrival = session ? NULL : find_arrival(server, id);
	if (arrival && !arrival->closing) {
		arrival->owner = from;
		return true;
	}
	if (session == NULL || session->closing)
		return false;
	touch(server, id, timeout_ms);
	pdk_handshake_detach(server, session, false); /* its older connection, if it was here */
	session->owner = from;
	return true;
}

static void
moved(void *context, int64_t id)
{
	PdkServer *server = context;
	PdkSession *session = pdk_sessions_find(server->sessions, id);
	if (session)
		pdk_handshake_detach(server, session, false);
}

void
pdk_remote_hooks(PdkReplicaHooks *hooks)
{
	hooks->request = request;
	hooks->touch = touch;
	hooks->revalidate = revalidate;
	hooks->moved = moved;
	hooks->revalidated = revalidated;
	hooks->sync_done = sync_done;
	hooks->put_touched = put_touched;
}

void
pdk_remote_init(PdkServer *server)
{
	pdk_queue_init(&server->forwarded, sizeof(PdkFlight));
	pdk_queue_init(&server->syncs, sizeof(PdkFlight));
	server->touched = g_array_new(FALSE, FALSE, sizeof(int64_t));
	server->arriving = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	server->returning = g_array_new(FALSE, FALSE, sizeof(Returning));
}

void
pdk_remote_free(PdkServer *server)
{
	pdk_remote_forget(server);
	pdk_queue_clear(&server->forwarded);
	pdk_queue_clear(&server->syncs);
	g_array_unref(server->touched);
	g_array_unref(server->returning);
	g_hash_table_unref(server->arriving);
}

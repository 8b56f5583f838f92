/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the first frame of a connection to a session: a new one, or one that comes back.
 * Source: ZooKeeperServer.processConnectRequest, reopenSession, finishSessionInit.
 */
#include "server/server-private.h"

typedef struct {
	int64_t last_zxid_seen;
	int32_t timeout_ms;
	int64_t session;
	PdkSlice password;
	bool old_client, read_only; /* read_only: it may be served by a server without a leader */
} Hello;

static bool
read_hello(PdkServer *server, const uint8_t *frame, size_t length, Hello *hello)
{
	PdkJute in = pdk_jute(frame, length, server->settings->max_buffer_bytes);
	pdk_get_int(&in); /* protocolVersion: read and ignored */
	hello->last_zxid_seen = pdk_get_long(&in);
	hello->timeout_ms = pdk_get_int(&in);
	hello->session = pdk_get_long(&in);
	hello->password = pdk_get_bytes(&in);
	if (in.failed)
		return false;
	hello->old_client = pdk_jute_left(&in) == 0;
	hello->read_only = !hello->old_client && pdk_get_bool(&in);
	return true;
}

static void
answer(PdkServer *server, PdkConnection *connection, int32_t timeout_ms, int64_t session)
{
	uint8_t password[PDK_SESSION_PASSWORD] = {0};
	if (session != 0)
		pdk_session_password(session, password);
	PdkBuffer *out = &pdk_connection_output(server, connection)->bytes;
	pdk_put_int(out, connection->old_client ? 36 : 37);
	pdk_put_int(out, 0);
	pdk_put_int(out, timeout_ms);
	pdk_put_long(out, session);
	pdk_put_bytes(out, password, sizeof password);
	if (!connection->old_client)
		pdk_put_bool(out, server->read_only);
	connection->stats.sent++;
	server->stats.sent++;
}

static void
refuse(PdkServer *server, PdkConnection *connection)
{
	answer(server, connection, 0, 0);
	pdk_connection_end(server, connection, true);
}

static void
attach(PdkServer *server, PdkConnection *connection, PdkSession *session)
{
	session->link = connection->slot + 1;
	connection->session = session;
	connection->session_id = session->id;
	connection->stage = PDK_STAGE_READY;
	connection->stats.last_op = PDK_OP_CREATE_SESSION;
	pdk_connection_has_session(server, connection);
}

void
pdk_handshake_finish(PdkServer *server, PdkConnection *connection, PdkSession *session)
{
	attach(server, connection, session);
	answer(server, connection, session->timeout_ms, session->id);
	pdk_connection_go_on(server, connection, PDK_WAIT_SESSION);
}

void
pdk_handshake_detach(PdkServer *server, PdkSession *session, bool flush)
{
	PdkConnection *owner = session->link ? server->connections[session->link - 1] : NULL;
	if (owner && owner->session == session)
		pdk_connection_end(server, owner, flush);
	session->link = 0;
}

static bool
password_matches(const Hello *hello)
{
	uint8_t wanted[PDK_SESSION_PASSWORD];
	pdk_session_password(hello->session, wanted);
	if (hello->password.length != PDK_SESSION_PASSWORD)
		return false;
	uint8_t difference = 0;
	for (int i = 0; i < PDK_SESSION_PASSWORD; i++)
		difference |= (uint8_t)(wanted[i] ^ hello->password.data[i]);
	return difference == 0;
}

/* It is served at once: nobody else has to know. */
static void
welcome(PdkServer *server, PdkConnection *connection, PdkSession *session, int32_t timeout_ms)
{
	pdk_handshake_detach(server, session, false);
	session->timeout_ms = timeout_ms;
	pdk_session_touch(server, session);
	attach(server, connection, session);
	answer(server, connection, timeout_ms, session->id);
}

static void
reattach_local(PdkServer *server, PdkConnection *connection, PdkSession *session, int32_t timeout_ms)
{
	if (session->closing)
		refuse(server, connection);
	else if (session->upgrading)
		pdk_connection_end(server, connection, false); /* it tries again, and then all know the session */
	else
		welcome(server, connection, session, timeout_ms);
}

/*
 * Without a leader nobody knows whether a session that is not local is alive: to say that it expired could be wrong, so the
 * client is sent on. (Java says so of those it has never heard of.)
 */
static void
send_on(PdkServer *server, PdkConnection *connection, const Hello *hello)
{
	pdk_server_say(server, PDK_LOG_INFO, "connection closed: a session is not renewed in read-only mode peer=%s session=0x%" PRIx64,
		       connection->endpoint, (uint64_t)hello->session);
	pdk_connection_end(server, connection, false);
}

/*
 * The password comes first: a stranger who guesses an id must not be able to cut off its owner. (Java closes
 * the old connection before it looks.)
 */
static void
reattach(PdkServer *server, PdkConnection *connection, const Hello *hello, int32_t timeout_ms)
{
	PdkSession *session = pdk_sessions_find(server->sessions, hello->session);
	PdkSession *local = pdk_sessions_find(server->local_sessions, hello->session);
	if (!password_matches(hello)) {
		refuse(server, connection);
		return;
	}
	if (local) {
		reattach_local(server, connection, local, timeout_ms);
		return;
	}
	if (server->read_only) {
		send_on(server, connection, hello);
		return;
	}
	if (pdk_is_learner(server)) {
		if (session)
			pdk_handshake_detach(server, session, false);
		pdk_remote_revalidate(server, connection, hello->session, timeout_ms);
		return;
	}
	if (session == NULL || session->closing) {
		refuse(server, connection);
		return;
	}
	session->owner = PDK_OWNER_HERE;
	welcome(server, connection, session, timeout_ms);
}

void
pdk_handshake_returned(PdkServer *server, PdkConnection *connection, bool valid, int32_t timeout_ms)
{
	PdkSession *session = pdk_sessions_find(server->sessions, connection->session_id);
	if (!valid) {
		refuse(server, connection);
		return;
	}
	if (session == NULL) {
		/* The leader knows it, this server is behind: the client tries again, here or elsewhere. */
		pdk_connection_end(server, connection, false);
		return;
	}
	session->timeout_ms = timeout_ms;
	pdk_remote_touched(server, session);
	pdk_handshake_finish(server, connection, session);
}

/* In place of a connect response, as Java does; no client can do anything with it, so the connection ends. */
static void
refuse_new(PdkServer *server, PdkConnection *connection)
{
	pdk_reply_code(server, connection, 0, server->applied_zxid, PDK_ERR_NOT_READ_ONLY);
	pdk_connection_end(server, connection, true);
}

static int64_t
new_id(PdkServer *server)
{
	int64_t id;
	do
		id = pdk_sessions_new_id(server->sessions, server->settings->server_id, server->wall_ms);
	while (id == 0 || pdk_tree_next_ephemeral(server->tree, id, 0) != 0 || pdk_sessions_find(server->local_sessions, id));
	return id;
}

static void
create(PdkServer *server, PdkConnection *connection, int32_t timeout_ms)
{
	bool local = pdk_local_sessions_wanted(server);
	if (server->read_only && !local) {
		refuse_new(server, connection);
		return;
	}
	int64_t id = new_id(server);
	if (local) {
		welcome(server, connection, pdk_local_begin(server, id, timeout_ms), timeout_ms);
		return;
	}
	connection->stage = PDK_STAGE_ESTABLISHING;
	connection->session_id = id;
	pdk_connection_wait(connection, PDK_WAIT_SESSION);
	if (pdk_is_learner(server))
		pdk_forward_create_session(server, connection, id, timeout_ms);
	else
		pdk_propose_create_session(server, connection, id, timeout_ms);
}

/* A token bucket over new sessions; source: BlueThrottle. */
static bool
throttled(PdkServer *server)
{
	const PdkSettings *settings = server->settings;
	if (settings->connection_throttle_tokens <= 0)
		return false;
	int64_t every_us = (int64_t)MAX(1, settings->connection_throttle_fill_ms) * 1000;
	int64_t fills = (server->now_us - server->throttle_us) / every_us;
	server->throttle_us += fills * every_us;
	server->throttle_tokens = MIN((double)settings->connection_throttle_tokens,
				      server->throttle_tokens + (double)fills * settings->connection_throttle_fill_count);
	if (server->throttle_tokens < 1)
		return true;
	server->throttle_tokens -= 1;
	return false;
}

static bool
serves(const PdkServer *server, const Hello *hello)
{
	return !server->stopping && (server->serving || (server->read_only && hello->read_only));
}

void
pdk_handshake(PdkServer *server, PdkConnection *connection, const uint8_t *frame, size_t length)
{
	Hello hello;
	pdk_counter_add(server->cells.connection_requests, 1);
	if (!read_hello(server, frame, length, &hello) || !serves(server, &hello)) {
		pdk_connection_end(server, connection, false);
		return;
	}
	if (throttled(server)) {
		pdk_counter_add(server->cells.connection_rejected, 1);
		pdk_connection_end(server, connection, false);
		return;
	}
	if (hello.last_zxid_seen > server->applied_zxid) {
		pdk_server_say(server, PDK_LOG_INFO,
			       "connection closed: the client has seen a newer history peer=%s seen=0x%" PRIx64 " here=0x%" PRIx64,
			       connection->endpoint, (uint64_t)hello.last_zxid_seen, (uint64_t)server->applied_zxid);
		pdk_connection_end(server, connection, false);
		return;
	}
	connection->old_client = hello.old_client;
	int32_t timeout_ms = CLAMP(hello.timeout_ms, server->settings->min_session_timeout_ms,
				   server->settings->max_session_timeout_ms);
	if (hello.session == 0)
		create(server, connection, timeout_ms);
	else
		reattach(server, connection, &hello, timeout_ms);
}

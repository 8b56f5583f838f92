/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions that only this server knows: how they begin, expire and end, and how one becomes a session of all. Changes when a
 * local session lives in another way. Source: LocalSessionTracker, UpgradeableSessionTracker,
 * QuorumZooKeeperServer.checkUpgradeSession.
 */
#include "server/server-private.h"

bool
pdk_local_sessions_wanted(const PdkServer *server)
{
	return server->replica && server->settings->local_sessions;
}

PdkSession *
pdk_local_begin(PdkServer *server, int64_t id, int32_t timeout_ms)
{
	PdkSession *session = pdk_sessions_add(server->local_sessions, id, timeout_ms, pdk_server_now_ms(server));
	session->local = true;
	return session;
}

void
pdk_session_touch(PdkServer *server, PdkSession *session)
{
	PdkSessions *sessions = session->local ? server->local_sessions : server->sessions;
	pdk_sessions_touch(sessions, session, pdk_server_now_ms(server));
}

void
pdk_local_left(PdkServer *server, PdkSession *session)
{
	if (session->local && session->closing && !session->upgrading)
		pdk_sessions_remove(server->local_sessions, session->id);
}

/* ---- upgrade ---- */

/* createSession goes ahead of the request that needs it, on the same way. */
static void
upgrade(PdkServer *server, PdkSession *session)
{
	pdk_server_say(server, PDK_LOG_DEBUG, "local session is upgraded: session=0x%" PRIx64, (uint64_t)session->id);
	session->upgrading = true;
	if (pdk_is_learner(server))
		pdk_forward_upgrade(server, session->id, session->timeout_ms);
	else
		pdk_propose_upgrade(server, session->id, session->timeout_ms);
}

PdkCode
pdk_local_before_write(PdkServer *server, PdkSession *session, int32_t op, PdkJute in)
{
	if (!session->local || session->upgrading || !pdk_prep_creates_ephemeral(op, in))
		return PDK_OK;
	if (!server->settings->local_sessions_upgrading)
		return PDK_ERR_EPHEMERAL_ON_LOCAL_SESSION;
	upgrade(server, session);
	return PDK_OK;
}

void
pdk_local_upgraded(PdkServer *server, int64_t id)
{
	PdkSession *local = pdk_sessions_find(server->local_sessions, id);
	PdkSession *global = pdk_sessions_find(server->sessions, id);
	if (local == NULL || global == NULL)
		return;
	global->timeout_ms = local->timeout_ms;
	global->closing |= local->closing;
	global->link = local->link;
	if (global->link)
		server->connections[global->link - 1]->session = global;
	pdk_sessions_remove(server->local_sessions, id);
	if (pdk_is_learner(server))
		pdk_remote_touched(server, global);
}

/* ---- elections, and time ---- */

void
pdk_local_forget_upgrades(PdkServer *server)
{
	uint64_t cursor = 0;
	for (PdkSession *session; (session = pdk_sessions_next(server->local_sessions, &cursor));)
		if (session->upgrading)
			pdk_sessions_remove(server->local_sessions, session->id);
}

void
pdk_local_renew(PdkServer *server)
{
	pdk_sessions_touch_all(server->local_sessions, pdk_server_now_ms(server));
}

static void
expire(PdkServer *server, PdkSession *session)
{
	pdk_server_say(server, PDK_LOG_INFO, "local session expired: session=0x%" PRIx64 " timeout=%d", (uint64_t)session->id,
		       session->timeout_ms);
	pdk_counter_add(server->cells.sessions_expired, 1);
	pdk_handshake_detach(server, session, false);
	pdk_sessions_remove(server->local_sessions, session->id);
}

void
pdk_local_turn(PdkServer *server)
{
	/* While nobody can reach this server, nobody is late. */
	if (!server->serving && !server->read_only)
		return;
	PdkSession *session;
	while ((session = pdk_sessions_expired(server->local_sessions, pdk_server_now_ms(server)))) {
		if (session->upgrading)
			pdk_session_touch(server, session); /* from here on it is the leader who counts */
		else
			expire(server, session);
	}
	int64_t next = pdk_sessions_next_expiry(server->local_sessions);
	if (next != INT64_MAX)
		server->effects->deadline_us = MIN(server->effects->deadline_us, next * 1000);
}

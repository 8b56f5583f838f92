/* SPDX-License-Identifier: Apache-2.0 */
/* What a client may expect of its session: one of all servers, or a local one. Changes when promises about sessions do. */
#include "sim/client-private.h"

/* A leader that was deposed and does not know it has not heard of sessions that came later; upstream's says the same. */
static bool
is_behind_session(const Client *client)
{
	return sim_truth_epoch(client->sim, client->server) < client->epoch;
}

static bool
is_at_home(const Client *client)
{
	return client->server == client->home && client->server_life == client->home_life;
}

/* Well below the session's timeout: nobody may call it late. */
static int64_t
sure_us(const Client *client)
{
	return client->timeout_ms * SIM_MS * 2 / 3;
}

/* A local one is known to the server that gave it, for as long as that one lives. */
static bool
local_may_be_over(const Client *client)
{
	return !is_at_home(client) || client->wavers || sim_now(client->sim) - client->heard_us > sure_us(client);
}

static bool
was_local(const Client *client, int64_t at_us)
{
	SimUnusual set = sim_settings(client->sim);
	bool some = sim_unusual(set, SIM_LOCAL_SESSIONS) || sim_unusual(set, SIM_UPGRADED_SESSIONS);
	return some && !sim_truth_opened(client->sim, client->session, at_us);
}

bool
client_has_local(const Client *client)
{
	return was_local(client, sim_now(client->sim));
}

/* The answer may have been given before it became a session of all. */
bool
client_may_be_over(const Client *client)
{
	return sim_truth_closing(client->sim, client->session) || is_behind_session(client) ||
	       (was_local(client, client->greeting_us) && local_may_be_over(client));
}

bool
client_is_closed(const Client *client, int64_t zxid)
{
	int64_t closed_by = sim_truth_closed(client->sim, client->session);
	return client_has_local(client) || (closed_by != 0 && closed_by <= zxid);
}

bool
client_has_no_ephemerals(const Client *client)
{
	return client_has_local(client) && !sim_unusual(sim_settings(client->sim), SIM_UPGRADED_SESSIONS);
}

static void
check_return(Client *client, const Request *connect, int64_t session)
{
	if (session != client->session)
		client_broken(client, "session-ids", connect, "came back and is given another session");
	else if (client_has_local(client) && !is_at_home(client))
		client_broken(client, "local-stays", connect, "came back with a local session to a server that did not give it");
}

static void
check_new(Client *client, const Request *connect, int64_t session)
{
	if (!g_hash_table_add(client->promises->sessions, g_memdup2(&session, sizeof session)))
		client_broken(client, "session-ids", connect, "is given a session that was given before");
	client->home = client->server;
	client->home_life = client->server_life;
	client->wavers = false;
}

void
client_check_session(Client *client, int64_t session)
{
	Request connect = {.path = NULL};
	if (session == 0 && client->session != 0 && !client_may_be_over(client))
		client_broken(client, "A15-expires-by-close", &connect, "is told that its session is over, and nobody closed it");
	else if (session != 0 && client->session != 0)
		check_return(client, &connect, session);
	else if (session != 0)
		check_new(client, &connect, session);
	client->heard_us = sim_now(client->sim);
}

bool
client_check_read_only(Client *client, const Request *request, int32_t code, int64_t zxid)
{
	PdkTxnHeader header;
	bool known = zxid == 0 || sim_truth_txn(client->sim, zxid, &header);
	if (code == PDK_OK && request->deed->writes && request->deed->op != PDK_OP_CLOSE_SESSION)
		client_broken(client, "read-only", request, "is told of a write by a server that has no leader");
	return known && code != PDK_ERR_NOT_READ_ONLY && request->entry < 0;
}

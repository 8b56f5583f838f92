/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the replica asks of the server: when to serve, what is logged, what is committed. Changes when agreement meets the
 * pipeline in another way. Source: QuorumZooKeeperServer, LeaderZooKeeperServer, FollowerZooKeeperServer.
 */
#include "server/server-private.h"

/* ---- service ---- */

/* Whether a close under way will ever be committed, nobody knows: the session lives until it is. */
static void
forget_closes(PdkServer *server)
{
	uint64_t cursor = 0;
	for (PdkSession *session; (session = pdk_sessions_next(server->sessions, &cursor));) {
		if (!session->closing)
			continue;
		session->closing = false;
		pdk_sessions_touch(server->sessions, session, pdk_server_now_ms(server)); /* one that closes waits for no deadline */
	}
}

static void
quiesce(void *context)
{
	PdkServer *server = context;
	server->serving = false;
	pdk_connections_cut(server);
	pdk_pipeline_demote(server);
	pdk_remote_forget(server);
	forget_closes(server);
	pdk_local_forget_upgrades(server);
	pdk_shipping_stop(server);
}

static void
renew_sessions(PdkServer *server)
{
	uint64_t cursor = 0;
	for (PdkSession *session; (session = pdk_sessions_next(server->sessions, &cursor));)
		session->owner = PDK_OWNER_NONE;
	pdk_sessions_touch_all(server->sessions, pdk_server_now_ms(server));
}

static void
serve(void *context, PdkPeerState role, int64_t epoch)
{
	PdkServer *server = context;
	server->serving = role != PDK_PEER_LEADING || server->settings->leader_serves;
	pdk_local_renew(server);
	if (role == PDK_PEER_LEADING) {
		pdk_assert(pdk_queue_length(&server->flights) == 0);
		server->proposed_zxid = epoch << 32;
		pdk_pendings_reset(server->pendings);
		renew_sessions(server);
		pdk_housekeeping_lead(server);
	}
	server->effects->again = true;
}

/* ---- log and tree ---- */

static void
hold(void *context, int64_t zxid, GBytes *txn)
{
	pdk_pipeline_hold(context, zxid, txn);
}

static void
commit(void *context, int64_t zxid)
{
	pdk_pipeline_commit(context, zxid);
}

static bool
drop(void *context, int64_t zxid)
{
	PdkServer *server = context;
	pdk_pipeline_drop(server, zxid);
	server->proposed_zxid = MAX(server->applied_zxid, MIN(server->proposed_zxid, zxid));
	return server->applied_zxid <= zxid;
}

static int64_t
applied(void *context)
{
	PdkServer *server = context;
	return server->applied_zxid;
}

static GBytes *
held(void *context, unsigned index, int64_t *zxid)
{
	PdkServer *server = context;
	guint at = server->flights.head;
	/* Syncs stand among the flights of a leader; only txns count. */
	for (; at < server->flights.items->len; at++) {
		const PdkFlight *flight = &g_array_index(server->flights.items, PdkFlight, at);
		if (flight->txn == NULL || index-- > 0)
			continue;
		if (zxid)
			*zxid = flight->zxid;
		return flight->txn;
	}
	return NULL;
}

static void
set_applied(void *context, int64_t zxid)
{
	PdkServer *server = context;
	pdk_assert(zxid >= server->applied_zxid);
	server->applied_zxid = zxid;
	server->proposed_zxid = MAX(server->proposed_zxid, zxid);
}

/* ---- the rest ---- */

static void
say(void *context, PdkLogLevel level, const char *line)
{
	pdk_server_say(context, level, "%s", line);
}

static void
fatal(void *context, const char *line)
{
	PdkServer *server = context;
	if (server->effects->fatal == NULL)
		server->effects->fatal = g_strdup(line);
}

/* Every server writes the text by itself: no txn, and the subtree does not count in the digest. */
static void
members(void *context, const PdkMembers *committed, int64_t zxid)
{
	static const char path[] = "/zookeeper/config";
	PdkServer *server = context;
	size_t length;
	const char *text = pdk_members_text(committed, &length);
	PdkNode node = pdk_tree_find(server->tree, path, strlen(path));
	if (node == 0)
		return;
	PdkStat stat;
	int32_t old_length;
	const uint8_t *old = pdk_tree_data(server->tree, node, &old_length);
	if (old_length == (int32_t)length && memcmp(old, text, length) == 0)
		return;
	pdk_tree_stat(server->tree, node, &stat);
	stat.version = -1;
	stat.mtime = server->wall_ms;
	stat.mzxid = MAX(stat.mzxid, zxid);
	pdk_tree_set_data(server->tree, node, (const uint8_t *)text, (int32_t)length, &stat);
}

static PdkCounter *
make_counter(void *registry, const char *name, const char *help)
{
	return pdk_registry_counter(registry, name, help);
}

static PdkSummary *
make_summary(void *registry, const char *name, const char *help, bool percentiles)
{
	return pdk_registry_summary(registry, name, help, percentiles);
}

void
pdk_replication_init(PdkServer *server)
{
	if (server->settings->replica == NULL)
		return;
	PdkReplicaHooks hooks = {
		.context = server,
		.say = say,
		.fatal = fatal,
		.quiesce = quiesce,
		.serve = serve,
		.hold = hold,
		.commit = commit,
		.drop = drop,
		.applied = applied,
		.held = held,
		.set_applied = set_applied,
		.members = members,
	};
	pdk_shipping_hooks(&hooks);
	pdk_remote_hooks(&hooks);
	server->replica = pdk_replica_new(server->settings->replica, &hooks, pdk_random_next(&server->random));
	pdk_replica_set_cells(server->replica, make_counter, make_summary, server->registry);
}

bool
pdk_may_propose(const PdkServer *server)
{
	return server->replica == NULL || (pdk_replica_role(server->replica) == PDK_PEER_LEADING && pdk_replica_serving(server->replica));
}

bool
pdk_is_learner(const PdkServer *server)
{
	return server->replica && pdk_replica_role(server->replica) != PDK_PEER_LEADING;
}

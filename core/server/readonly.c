/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Read-only mode: a server that has been without a leader for a while shows what it has to clients that allow it. Changes when
 * that service begins, ends or offers something else. Source: QuorumPeer.run, ReadOnlyZooKeeperServer, ReadOnlyRequestProcessor.
 */
#include "server/server-private.h"

#define GRACE_MS 2000

bool
pdk_read_only_refuses(int32_t op)
{
	return op == PDK_OP_SYNC || (pdk_op_writes(op) && op != PDK_OP_CREATE_SESSION && op != PDK_OP_CLOSE_SESSION);
}

static void
begin(PdkServer *server)
{
	pdk_server_say(server, PDK_LOG_WARNING,
		       "no leader was found: clients that allow it are served read-only until there is one zxid=0x%" PRIx64,
		       (uint64_t)server->applied_zxid);
	server->read_only = true;
	pdk_local_renew(server);
}

void
pdk_read_only_turn(PdkServer *server)
{
	if (server->replica == NULL || !server->settings->read_only_mode || server->read_only || server->stopping)
		return;
	int64_t since_us = pdk_replica_looking_since(server->replica);
	if (since_us == 0)
		return;
	int64_t due_us = since_us + (int64_t)MAX(GRACE_MS, server->settings->tick_ms) * 1000;
	if (server->now_us >= due_us)
		begin(server);
	else
		server->effects->deadline_us = MIN(server->effects->deadline_us, due_us);
}

void
pdk_read_only_check(PdkServer *server)
{
	if (!server->read_only || (pdk_replica_looking_since(server->replica) != 0 && !server->stopping))
		return;
	pdk_server_say(server, PDK_LOG_INFO, "read-only service ends: its clients are cut");
	server->read_only = false;
	pdk_connections_cut(server);
}

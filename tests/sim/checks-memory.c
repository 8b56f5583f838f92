/* SPDX-License-Identifier: Apache-2.0 */
/* What waits is bounded: no table or queue grows with time. Changes when servers keep something else. */
#include "sim/checks.h"

/* Requests of all clients that nobody commits, until a leader without followers steps down. */
#define MOST_FLIGHTS 2000

static void
within(const Node *node, const char *what, uint64_t found, uint64_t most)
{
	if (found > most)
		sim_fail(node->sim, "bounded-memory", "server %" PRId64 ": %" PRIu64 " %s, at most %" PRIu64 " may be", node->sid, found,
			 what, most);
}

/* Above the mark it is not read from; what one read brought may come on top. */
static void
check_connections(const Node *node)
{
	const PdkServer *server = node->server;
	for (uint32_t i = 0; i < server->n_slots; i++) {
		const PdkConnection *connection = server->connections[i];
		if (connection == NULL || connection->link == 0)
			continue;
		within(node, "bytes of input wait", connection->input.length - connection->taken, PDK_INPUT_HIGH + MIB);
		within(node, "requests wait on a connection", connection->waiting_count, MOST_FLIGHTS);
	}
}

static void
check_server(const Node *node)
{
	const PdkServer *server = node->server;
	guint flights = pdk_queue_length(&server->flights);
	/* Who is being brought up holds all of what it missed. */
	if (server->replica == NULL || pdk_replica_serving(server->replica))
		within(node, "txns in flight", flights, MOST_FLIGHTS);
	within(node, "requests on their way to the leader", pdk_queue_length(&server->forwarded), MOST_FLIGHTS);
	within(node, "syncs on their way to the leader", pdk_queue_length(&server->syncs), MOST_FLIGHTS);
	within(node, "sessions on their way", g_hash_table_size(server->arriving), flights);
	within(node, "sessions to tell of", server->touched->len,
	       pdk_sessions_count(server->sessions) + pdk_sessions_count(server->local_sessions) + MOST_FLIGHTS);
}

static void
check_replica(const Node *node)
{
	const PdkReplica *replica = node->server->replica;
	within(node, "txns of history", pdk_history_count(replica->history), 2 * (uint64_t)replica->params.history_count);
	for (const PdkHandler *handler = replica->handlers; handler; handler = handler->next) {
		within(node, "bytes queued for a learner", handler->queue_bytes, handler->history_bytes + replica->params.learner_output_max);
		within(node, "syncs of a learner", handler->syncs->len, MOST_FLIGHTS);
	}
	if (replica->learning.queue)
		within(node, "proposals without a commit", replica->learning.queue->len - replica->learning.queue_head,
		       2 * (uint64_t)MOST_FLIGHTS);
}

void
sim_memory_look(const Node *node)
{
	check_connections(node);
	if (node->server->replica == NULL)
		return;
	check_server(node);
	check_replica(node);
}

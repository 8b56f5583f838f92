/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold at every step of every server. Changes when servers promise more. */
#include "sim/world-private.h"

static void
check_order(Node *node, int64_t zxid)
{
	const SimDisk *disk = &node->disk;
	int64_t last = disk->txns->len > 0 ? g_array_index(disk->txns, PdkLoggedTxn, disk->txns->len - 1).zxid : 0;
	if (last >= zxid)
		sim_fail(node->sim, "log-rises", "server %" G_GINT64_FORMAT " logs 0x%" G_GINT64_MODIFIER "x behind 0x%"
			 G_GINT64_MODIFIER "x", node->sid, (guint64)zxid, (guint64)last);
	if (disk->being && disk->foreign)
		sim_fail(node->sim, "log-behind-snapshot", "server %" G_GINT64_FORMAT " logs 0x%" G_GINT64_MODIFIER
			 "x while a leader's snapshot is not on its disk", node->sid, (guint64)zxid);
	if (disk->orders > 0 && node->server->replica && pdk_replica_role(node->server->replica) == PDK_PEER_LOOKING)
		sim_fail(node->sim, "looking-logs-nothing", "server %" G_GINT64_FORMAT " logs while it looks for a leader",
			 node->sid);
}

void
sim_check_append(Node *node, int64_t zxid, GBytes *txn)
{
	guint hash = g_bytes_hash(txn);
	void *known;
	check_order(node, zxid);
	if (!g_hash_table_lookup_extended(node->sim->appended, &zxid, NULL, &known))
		g_hash_table_insert(node->sim->appended, g_memdup2(&zxid, sizeof zxid), GUINT_TO_POINTER(hash));
	else if (GPOINTER_TO_UINT(known) != hash)
		sim_fail(node->sim, "one-txn-a-zxid", "server %" G_GINT64_FORMAT " logs another txn under zxid 0x%"
			 G_GINT64_MODIFIER "x", node->sid, (guint64)zxid);
}

/* Trees that stand at one zxid are one tree. */
void
sim_check_step(Node *node)
{
	const PdkServer *server = node->server;
	int64_t zxid = server->applied_zxid;
	if (server->digest_told)
		sim_fail(node->sim, "A12-digest-in-txn", "server %" G_GINT64_FORMAT " has another tree than the txns tell of",
			 node->sid);
	if (zxid == node->checked_zxid || zxid == 0 || server->load)
		return;
	node->checked_zxid = zxid;
	uint64_t digest = pdk_tree_digest(server->tree);
	const uint64_t *known = g_hash_table_lookup(node->sim->digests, &zxid);
	node->sim->counts.digests++;
	if (known == NULL)
		g_hash_table_insert(node->sim->digests, g_memdup2(&zxid, sizeof zxid), g_memdup2(&digest, sizeof digest));
	else if (*known != digest)
		sim_fail(node->sim, "A12-one-tree-a-zxid", "server %" G_GINT64_FORMAT " has another tree at zxid 0x%"
			 G_GINT64_MODIFIER "x than another", node->sid, (guint64)zxid);
}

void
sim_check_leader(Node *node)
{
	PdkServerFacts facts;
	PdkEnsembleFacts known = {.size = sizeof known};
	const PdkView *view = pdk_server_view(node->server);
	view->facts(view->core, &facts);
	if (!view->ensemble(view->core, &known) || !known.leads || !facts.serving)
		return;
	int64_t epoch = known.epoch;
	void *sid = g_hash_table_lookup(node->sim->leaders, &epoch);
	if (sid == NULL) {
		node->sim->counts.elected++;
		g_hash_table_insert(node->sim->leaders, g_memdup2(&epoch, sizeof epoch), GINT_TO_POINTER((int)node->sid));
	} else if (GPOINTER_TO_INT(sid) != (int)node->sid) {
		sim_fail(node->sim, "one-leader-an-epoch",
			 "servers %d and %" G_GINT64_FORMAT " both lead epoch %" G_GINT64_FORMAT,
			 GPOINTER_TO_INT(sid), node->sid, epoch);
	}
}

void
sim_count_line(Sim *sim, const char *line)
{
	SimCounts *counts = &sim->counts;
	counts->diffs += strstr(line, "sync=diff") != NULL;
	counts->truncs += strstr(line, "sync=trunc") != NULL;
	counts->snaps += strstr(line, "sync=snap") != NULL;
	counts->logs_read += strstr(line, "a DIFF from the log") != NULL;
	counts->own_snapshots += strstr(line, "snapshot written:") != NULL;
	counts->cut_behind += strstr(line, "the log is cut behind the leader's snapshot") != NULL;
	counts->expired += strstr(line, "session expired:") != NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The promises of ZAB, watched: one leader an epoch, one history, nothing lost, epochs that never fall. */
#include "world.h"

#define PROMISE(world, condition)                                                                                  \
	do {                                                                                                       \
		if (!(condition))                                                                                  \
			g_error("%s:%d: seed %" PRIu64 ": broken promise: %s", __FILE__, __LINE__, (world)->seed,  \
				#condition);                                                                       \
	} while (0)

/* What a serving server has in its tree is delivered: the same history everywhere, in the same order. */
void
check_committed(Node *node)
{
	World *world = node->world;
	for (; node->verified < node->tree->len; node->verified++) {
		const WorldTxn *mine = &g_array_index(node->tree, WorldTxn, node->verified);
		if (node->verified == world->committed->len) {
			world_txns_add(world->committed, mine->zxid, mine->txn);
			continue;
		}
		const WorldTxn *other = &g_array_index(world->committed, WorldTxn, node->verified);
		PROMISE(world, mine->zxid == other->zxid);
		PROMISE(world, g_bytes_equal(mine->txn, other->txn));
	}
}

/* The only one of its epoch, and it has everything that was ever delivered. */
void
check_serving_leader(Node *node)
{
	World *world = node->world;
	gpointer epoch = GINT_TO_POINTER((gint)node->epoch);
	PROMISE(world, !g_hash_table_contains(world->leaders, epoch));
	g_hash_table_insert(world->leaders, epoch, GINT_TO_POINTER((gint)node->sid));
	PROMISE(world, node->tree->len >= world->committed->len);
	world->established++;
}

/* Now, at a quorum; not merely acked once. */
void
check_commit_is_durable(Node *node, int64_t zxid)
{
	World *world = node->world;
	PdkSids sids = {0};
	for (unsigned sid = 1; sid <= world->n; sid++)
		if (disk_has(&world->nodes[sid], zxid))
			pdk_sids_add(&sids, sid);
	PROMISE(world, pdk_members_quorum(world->members, &sids));
}

static int64_t
record(const Node *node, const char *key)
{
	GBytes *value = g_hash_table_lookup(node->disk.records, key);
	g_autofree char *text = value ? g_strndup(g_bytes_get_data(value, NULL), g_bytes_get_size(value)) : NULL;
	return text ? g_ascii_strtoll(text, NULL, 10) : 0;
}

void
check_epochs_rise(Node *node)
{
	World *world = node->world;
	int64_t accepted = record(node, "acceptedEpoch"), current = record(node, "currentEpoch");
	PROMISE(world, accepted >= node->disk_accepted && current >= node->disk_current);
	PROMISE(world, accepted >= current);
	node->disk_accepted = accepted;
	node->disk_current = current;
	if (node->serving)
		PROMISE(world, current == node->epoch);
	if (node->disk.synced > 0)
		PROMISE(world, accepted >= pdk_zxid_epoch(g_array_index(node->disk.log, WorldTxn, node->disk.synced - 1).zxid));
}

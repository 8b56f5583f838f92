/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/durable.h"

int64_t
sim_durable_zxid(const Node *node)
{
	/* What a truncation is taking away may be gone already. */
	return node->up ? MIN(node->store.synced_zxid, node->store.cut_zxid) : node->disk.durable_zxid;
}

GBytes *
sim_durable_record(const Node *node, const char *key)
{
	return g_hash_table_lookup(node->disk.records, key);
}

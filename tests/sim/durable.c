/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/durable.h"

int64_t
sim_durable_zxid(const Node *node)
{
	const SimDisk *disk = &node->disk;
	const GArray *snapshots = disk->snapshots;
	int64_t log = disk->synced > 0 ? g_array_index(disk->txns, PdkLoggedTxn, disk->synced - 1).zxid : 0;
	int64_t snapshot = snapshots->len > 0 ? g_array_index(snapshots, SimSnapshot, snapshots->len - 1).zxid : 0;
	return MAX(log, snapshot);
}

GBytes *
sim_durable_record(const Node *node, const char *key)
{
	return g_hash_table_lookup(node->disk.records, key);
}

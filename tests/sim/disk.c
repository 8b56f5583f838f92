/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/disk.h"

#define SNAPSHOTS_KEPT 3

static void
clear_txn(void *data)
{
	g_bytes_unref(((PdkLoggedTxn *)data)->txn);
}

static void
clear_snapshot(void *data)
{
	g_bytes_unref(((SimSnapshot *)data)->body);
}

void
sim_disk_init(SimDisk *disk)
{
	*disk = (SimDisk){0};
	disk->txns = g_array_new(FALSE, FALSE, sizeof(PdkLoggedTxn));
	g_array_set_clear_func(disk->txns, clear_txn);
	disk->snapshots = g_array_new(FALSE, FALSE, sizeof(SimSnapshot));
	g_array_set_clear_func(disk->snapshots, clear_snapshot);
	disk->records = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_bytes_unref);
}

void
sim_disk_clear(SimDisk *disk)
{
	g_array_unref(disk->txns);
	g_array_unref(disk->snapshots);
	g_hash_table_unref(disk->records);
	g_clear_pointer(&disk->being, g_byte_array_unref);
}

void
sim_disk_append(SimDisk *disk, int64_t zxid, GBytes *txn)
{
	PdkLoggedTxn item = {zxid, g_bytes_ref(txn)};
	g_array_append_val(disk->txns, item);
}

void
sim_disk_crash(SimDisk *disk, PdkRandom *random)
{
	unsigned loose = disk->txns->len - disk->synced;
	unsigned kept = loose && random ? (unsigned)pdk_random_below(random, loose + 1) : 0;
	g_array_set_size(disk->txns, disk->synced + kept);
	disk->synced = disk->txns->len;
	g_clear_pointer(&disk->being, g_byte_array_unref);
	disk->finishing = disk->foreign = disk->reading = false;
	disk->orders = 0;
}

unsigned
sim_disk_find(const SimDisk *disk, int64_t zxid)
{
	unsigned low = 0, high = disk->txns->len;
	while (low < high) {
		unsigned middle = (low + high) / 2;
		if (g_array_index(disk->txns, PdkLoggedTxn, middle).zxid < zxid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool
sim_disk_truncate(SimDisk *disk, int64_t zxid)
{
	if (disk->snapshots->len > 0 && g_array_index(disk->snapshots, SimSnapshot, 0).zxid > zxid)
		return false;
	g_array_set_size(disk->txns, sim_disk_find(disk, zxid + 1));
	disk->synced = MIN(disk->synced, disk->txns->len);
	while (disk->snapshots->len > 0 && g_array_index(disk->snapshots, SimSnapshot, disk->snapshots->len - 1).zxid > zxid)
		g_array_set_size(disk->snapshots, disk->snapshots->len - 1);
	return true;
}

void
sim_disk_keep_snapshot(SimDisk *disk, const PdkSnapshotTail *tail)
{
	SimSnapshot snapshot = {disk->being_zxid, g_byte_array_free_to_bytes(disk->being), *tail};
	unsigned at = disk->snapshots->len;
	disk->being = NULL;
	disk->finishing = disk->foreign = false;
	while (at > 0 && g_array_index(disk->snapshots, SimSnapshot, at - 1).zxid >= snapshot.zxid)
		at--;
	if (at < disk->snapshots->len && g_array_index(disk->snapshots, SimSnapshot, at).zxid == snapshot.zxid)
		g_array_remove_index(disk->snapshots, at);
	g_array_insert_val(disk->snapshots, at, snapshot);
	/* One below the others is about to be cut back to. */
	if (disk->snapshots->len > SNAPSHOTS_KEPT && at > 0)
		g_array_remove_index(disk->snapshots, 0);
}

int64_t
sim_disk_recover(const SimDisk *disk, const PdkRecovery *into, void *context)
{
	int64_t last = -1;
	if (disk->snapshots->len == 0) {
		into->empty(context);
	} else {
		const SimSnapshot *newest = &g_array_index(disk->snapshots, SimSnapshot, disk->snapshots->len - 1);
		size_t length, used;
		const uint8_t *body = g_bytes_get_data(newest->body, &length);
		g_autoptr(GError) error = NULL;
		into->snapshot_begin(context, newest->zxid, length);
		PdkPartResult result = into->snapshot_part(context, body, length, &used, &error);
		g_assert_cmpint(result, ==, PDK_PART_DONE);
		into->snapshot_accept(context, &newest->tail);
		last = newest->zxid;
	}
	for (unsigned i = sim_disk_find(disk, last + 1); i < disk->txns->len; i++) {
		const PdkLoggedTxn *item = &g_array_index(disk->txns, PdkLoggedTxn, i);
		size_t length;
		const uint8_t *txn = g_bytes_get_data(item->txn, &length);
		g_autoptr(GError) error = NULL;
		bool taken = into->txn(context, item->zxid, txn, length, &error);
		g_assert_true(taken);
		last = item->zxid;
	}
	return MAX(last, 0);
}

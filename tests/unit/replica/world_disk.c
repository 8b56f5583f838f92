/* SPDX-License-Identifier: Apache-2.0 */
/* Disks of the world: one lane of jobs a server, done in order; a crash keeps what was synced, and chance decides on the rest. */
#include "world.h"

GArray *
world_txns_new(void)
{
	return g_array_new(FALSE, FALSE, sizeof(WorldTxn));
}

void
world_txns_add(GArray *txns, int64_t zxid, GBytes *txn)
{
	WorldTxn entry = {zxid, g_bytes_ref(txn)};
	pdk_assert(zxid > world_txns_last(txns));
	g_array_append_val(txns, entry);
}

int64_t
world_txns_last(const GArray *txns)
{
	return txns->len ? g_array_index(txns, WorldTxn, txns->len - 1).zxid : 0;
}

static void
shorten(GArray *txns, unsigned length)
{
	for (unsigned i = length; i < txns->len; i++)
		g_bytes_unref(g_array_index(txns, WorldTxn, i).txn);
	g_array_set_size(txns, length);
}

void
world_txns_cut(GArray *txns, int64_t zxid)
{
	unsigned n = txns->len;
	while (n > 0 && g_array_index(txns, WorldTxn, n - 1).zxid > zxid)
		n--;
	shorten(txns, n);
}

void
world_txns_copy(GArray *into, const GArray *from)
{
	shorten(into, 0);
	for (unsigned i = 0; i < from->len; i++)
		world_txns_add(into, g_array_index(from, WorldTxn, i).zxid, g_array_index(from, WorldTxn, i).txn);
}

static void
txns_free(GArray *txns)
{
	shorten(txns, 0);
	g_array_unref(txns);
}

static void
job_free(Job *job)
{
	g_free(job->key);
	if (job->value)
		g_bytes_unref(job->value);
	g_free(job);
}

void
disk_init(Disk *disk)
{
	disk->log = world_txns_new();
	disk->records = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_bytes_unref);
}

void
disk_clear(Disk *disk)
{
	txns_free(disk->log);
	g_hash_table_unref(disk->records);
	g_clear_pointer(&disk->snapshot, txns_free);
}

void
disk_append(Node *node, int64_t zxid, GBytes *txn)
{
	world_txns_add(node->disk.log, zxid, txn);
}

void
disk_job(Node *node, JobKind kind, const PdkCommand *command)
{
	Job *job = g_new0(Job, 1);
	job->kind = kind;
	if (command) {
		job->zxid = command->zxid;
		job->limit = command->limit;
		job->key = g_strdup(command->key);
		job->value = command->part ? g_bytes_ref(command->part) : NULL;
	}
	if (kind == JOB_SYNC)
		job->zxid = world_txns_last(node->disk.log);
	g_queue_push_tail(&node->jobs, job);
}

/* ---- the work ---- */

static void
sync_log(Node *node, int64_t zxid)
{
	Disk *disk = &node->disk;
	while (disk->synced < disk->log->len && g_array_index(disk->log, WorldTxn, disk->synced).zxid <= zxid)
		disk->synced++;
}

static void
truncate_log(Node *node, int64_t zxid)
{
	Disk *disk = &node->disk;
	world_txns_cut(disk->log, zxid);
	if (disk->snapshot && disk->snapshot_zxid > zxid)
		g_clear_pointer(&disk->snapshot, txns_free);
	disk->synced = MIN(disk->synced, disk->log->len);
	node->world->truncs++;
}

static void
keep_snapshot(Node *node)
{
	Disk *disk = &node->disk;
	g_clear_pointer(&disk->snapshot, txns_free);
	disk->snapshot = g_steal_pointer(&node->saving);
	disk->snapshot_zxid = node->saving_zxid;
	node->world->snaps++;
}

int64_t
disk_recover(Node *node)
{
	Disk *disk = &node->disk;
	int64_t last = 0;
	shorten(node->tree, 0);
	node->verified = 0;
	if (disk->snapshot) {
		world_txns_copy(node->tree, disk->snapshot);
		last = disk->snapshot_zxid;
	}
	for (unsigned i = 0; i < disk->log->len; i++) {
		const WorldTxn *txn = &g_array_index(disk->log, WorldTxn, i);
		if (disk->snapshot && txn->zxid <= disk->snapshot_zxid)
			continue;
		size_t length;
		const uint8_t *data = g_bytes_get_data(txn->txn, &length);
		world_txns_add(node->tree, txn->zxid, txn->txn);
		pdk_replica_recovered(node->replica, txn->zxid, data, length);
		last = txn->zxid;
	}
	node->applied = last;
	return last;
}

static void
read_log(Node *node, const Job *job)
{
	const Disk *disk = &node->disk;
	g_autoptr(GArray) txns = g_array_new(FALSE, FALSE, sizeof(PdkLoggedTxn));
	int64_t bytes = 0;
	bool more = false;
	for (unsigned i = 0; i < disk->synced && !more; i++) {
		const WorldTxn *txn = &g_array_index(disk->log, WorldTxn, i);
		PdkLoggedTxn logged = {txn->zxid, txn->txn};
		if (txn->zxid < job->zxid)
			continue;
		more = txns->len > 0 && bytes + (int64_t)g_bytes_get_size(txn->txn) > job->limit;
		bytes += (int64_t)g_bytes_get_size(txn->txn);
		if (!more)
			g_array_append_val(txns, logged);
	}
	pdk_replica_log_read(node->replica, (const PdkLoggedTxn *)(void *)txns->data, txns->len, more, NULL);
}

static void
do_job(Node *node, const Job *job)
{
	switch (job->kind) {
	case JOB_SYNC:
		sync_log(node, job->zxid);
		pdk_replica_synced(node->replica, job->zxid);
		return;
	case JOB_RECORD:
		g_hash_table_replace(node->disk.records, g_strdup(job->key), g_bytes_ref(job->value));
		pdk_replica_record_saved(node->replica, job->key);
		return;
	case JOB_TRUNCATE:
		if (node->disk.snapshot && node->disk.snapshot_zxid > job->zxid && !node->disk.has_older) {
			pdk_replica_truncated(node->replica, job->zxid, "the snapshot lies above it");
			return;
		}
		truncate_log(node, job->zxid);
		pdk_replica_truncated(node->replica, job->zxid, NULL);
		return;
	case JOB_SNAPSHOT:
		keep_snapshot(node);
		pdk_replica_load_saved(node->replica, NULL);
		return;
	case JOB_RELOAD:
		node->world->reloads++;
		pdk_replica_reloaded(node->replica, disk_recover(node));
		return;
	case JOB_READ:
		read_log(node, job);
		return;
	}
}

void
disk_work(Node *node)
{
	Job *job = g_queue_pop_head(&node->jobs);
	node_step_begin(node);
	do_job(node, job);
	node_step_end(node);
	job_free(job);
}

/* A record under way may have been written; of the log behind the last sync any beginning may have been. */
void
disk_crash(Node *node)
{
	Disk *disk = &node->disk;
	const Job *first = g_queue_peek_head(&node->jobs);
	if (first && first->kind == JOB_RECORD && world_below(node->world, 2))
		g_hash_table_replace(disk->records, g_strdup(first->key), g_bytes_ref(first->value));
	g_queue_clear_full(&node->jobs, (GDestroyNotify)job_free);
	unsigned kept = disk->synced + (unsigned)world_below(node->world, disk->log->len - disk->synced + 1);
	shorten(disk->log, kept);
	disk->synced = kept;
	g_clear_pointer(&node->saving, txns_free);
}

bool
disk_has(const Node *node, int64_t zxid)
{
	const Disk *disk = &node->disk;
	for (unsigned i = disk->synced; i-- > 0;)
		if (g_array_index(disk->log, WorldTxn, i).zxid == zxid)
			return true;
	for (unsigned i = disk->snapshot ? disk->snapshot->len : 0; i-- > 0;)
		if (g_array_index(disk->snapshot, WorldTxn, i).zxid == zxid)
			return true;
	return false;
}

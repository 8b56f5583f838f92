/* SPDX-License-Identifier: Apache-2.0 */
/* What a server asks of its disk, and when it is done; as strict as the contract. Changes when that does. */
#include "sim/world-private.h"

/* Now and then a job takes long: much may happen meanwhile. */
#define HICCUP_ONE_OF 30
#define HICCUP_US (300 * SIM_MS)

static int64_t
disk_done(Node *node)
{
	Sim *sim = node->sim;
	if (sim->params.steady) {
		node->disk_free_us = MAX(node->disk_free_us, sim->now_us) + STEADY_DISK_US + node->disk_extra_us;
		return node->disk_free_us;
	}
	int64_t took = SYNC_MIN_US + (int64_t)pdk_random_below(&sim->random, SYNC_MORE_US) + node->disk_extra_us;
	if (pdk_random_below(&sim->random, HICCUP_ONE_OF) == 0)
		took += (int64_t)pdk_random_below(&sim->random, HICCUP_US);
	node->disk_free_us = MAX(node->disk_free_us, sim->now_us) + took;
	return node->disk_free_us;
}

void
sim_begin_sync(Node *node)
{
	if (node->sync_out || node->disk.synced == node->disk.txns->len)
		return;
	node->sync_out = true;
	sim_push(node->sim, disk_done(node),
		 (Happening){.what = HAPPENS_DISK, .node = node, .job = DISK_SYNC, .count = node->disk.txns->len});
}

static void
ask(Node *node, DiskJob job, PdkCommand *command, int64_t extra_us)
{
	Happening happening = {
		.what = HAPPENS_DISK,
		.node = node,
		.job = job,
		.zxid = command->zxid,
		.limit = command->limit,
		.key = g_steal_pointer(&command->key),
		.bytes = g_steal_pointer(&command->part),
		.tail = command->tail,
	};
	node->disk.orders += job != DISK_SNAPSHOT && job != DISK_READ;
	sim_push(node->sim, disk_done(node) + extra_us, happening);
	node->disk_free_us += extra_us;
}

static void
demand(Node *node, bool holds, const char *what)
{
	if (!holds)
		sim_fail(node->sim, "disk-contract", "server %" G_GINT64_FORMAT " asks its disk for what may not be: %s",
			 node->sid, what);
}

static void
snapshot_part(SimDisk *disk, GBytes *part)
{
	size_t length;
	const void *data = g_bytes_get_data(part, &length);
	if (disk->being)
		g_byte_array_append(disk->being, data, (guint)length);
}

static void
ask_snapshot(Node *node, PdkCommand *command)
{
	SimDisk *disk = &node->disk;
	switch (command->type) {
	case PDK_COMMAND_SNAPSHOT_BEGIN:
		demand(node, disk->being == NULL, "two snapshots at a time");
		g_clear_pointer(&disk->being, g_byte_array_unref);
		disk->being = g_byte_array_new();
		disk->being_zxid = command->zxid;
		disk->foreign = node->server->shipped_in;
		disk->finishing = false;
		return;
	case PDK_COMMAND_SNAPSHOT_PART:
		demand(node, disk->being && !disk->finishing, "a part of no snapshot");
		snapshot_part(disk, command->part);
		return;
	case PDK_COMMAND_SNAPSHOT_FINISH:
		demand(node, disk->being && !disk->finishing, "the end of no snapshot");
		disk->finishing = true;
		ask(node, DISK_SNAPSHOT, command, 0);
		return;
	default:
		demand(node, disk->being && !disk->finishing, "no snapshot to be given up");
		g_clear_pointer(&disk->being, g_byte_array_unref);
		disk->foreign = false;
		return;
	}
}

static void
ask_reload(Node *node, PdkCommand *command)
{
	const SimDisk *disk = &node->disk;
	demand(node, disk->orders == 0, "a reload before all orders were answered");
	demand(node, !node->sync_out && disk->synced == disk->txns->len, "a reload before all is synced");
	demand(node, disk->being == NULL && !disk->reading, "a reload while a snapshot or the log is on its way");
	node->sim->counts.reloads++;
	ask(node, DISK_RELOAD, command, RELOAD_US);
}

void
sim_disk_ask(Node *node, PdkCommand *command)
{
	SimDisk *disk = &node->disk;
	switch (command->type) {
	case PDK_COMMAND_RECORD:
		ask(node, DISK_RECORD, command, 0);
		return;
	case PDK_COMMAND_TRUNCATE:
		demand(node, disk->being == NULL, "a truncation while a snapshot is being written");
		node->sim->counts.truncations++;
		ask(node, DISK_TRUNCATE, command, 0);
		return;
	case PDK_COMMAND_RELOAD:
		ask_reload(node, command);
		return;
	case PDK_COMMAND_READ_LOG:
		demand(node, !disk->reading, "two reads at a time");
		disk->reading = true;
		ask(node, DISK_READ, command, 0);
		return;
	default:
		ask_snapshot(node, command);
		return;
	}
}

/* What is on the disk when the job is done; false: it was refused. */
static bool
do_job(Node *node, const Happening *happening)
{
	SimDisk *disk = &node->disk;
	switch (happening->job) {
	case DISK_SYNC:
		disk->synced = MAX(disk->synced, MIN(happening->count, disk->txns->len));
		return true;
	case DISK_RECORD:
		g_hash_table_replace(disk->records, g_strdup(happening->key), g_bytes_ref(happening->bytes));
		return true;
	case DISK_TRUNCATE:
		return sim_disk_truncate(disk, happening->zxid);
	case DISK_SNAPSHOT:
		sim_disk_keep_snapshot(disk, &happening->tail);
		return true;
	default:
		return true;
	}
}

static PdkEvent
read_log(SimDisk *disk, int64_t from)
{
	unsigned first = sim_disk_find(disk, from);
	unsigned last = MIN(first + 20, disk->synced);
	PdkEvent event = {.kind = PDK_EVENT_LOG_READ};
	event.log_read.txns = (PdkLoggedTxn *)(void *)disk->txns->data + first;
	event.log_read.n = last > first ? last - first : 0;
	event.log_read.more = last < disk->synced;
	disk->reading = false;
	return event;
}

static PdkEvent
answer(Node *node, const Happening *happening, bool done, int64_t snapshot_zxid)
{
	SimDisk *disk = &node->disk;
	PdkEvent event = {.kind = PDK_EVENT_TURN};
	switch (happening->job) {
	case DISK_SYNC:
		if (disk->synced > 0)
			event = (PdkEvent){.kind = PDK_EVENT_SYNCED,
					   .zxid = g_array_index(disk->txns, PdkLoggedTxn, disk->synced - 1).zxid};
		return event;
	case DISK_RECORD:
		return (PdkEvent){.kind = PDK_EVENT_RECORD_SAVED, .key = happening->key};
	case DISK_TRUNCATE:
		return (PdkEvent){.kind = PDK_EVENT_TRUNCATED,
				  .truncated = {happening->zxid, done ? NULL : "no snapshot to begin from"}};
	case DISK_RELOAD:
		return (PdkEvent){.kind = PDK_EVENT_RELOADED, .zxid = sim_disk_recover(disk, pdk_server_recovery(), node->server)};
	case DISK_READ:
		return read_log(disk, happening->zxid);
	case DISK_SNAPSHOT:
		return (PdkEvent){.kind = PDK_EVENT_SNAPSHOT_DONE, .snapshot = {snapshot_zxid, NULL}};
	}
	return event;
}

void
sim_disk_work(Happening *happening)
{
	Node *node = happening->node;
	int64_t snapshot_zxid = node->disk.being_zxid;
	if (happening->job == DISK_SYNC)
		node->sync_out = false;
	else if (happening->job != DISK_READ && happening->job != DISK_SNAPSHOT)
		node->disk.orders--;
	bool done = do_job(node, happening);
	PdkEvent event = answer(node, happening, done, snapshot_zxid);
	sim_step(node, &event);
	sim_carry(node);
	if (node->up)
		sim_begin_sync(node);
}

void
sim_disk_fails(Node *node)
{
	const Happening *first = NULL;
	for (guint i = 0; i < node->sim->heap->len; i++) {
		const Happening *at = g_array_index(node->sim->heap, Happening *, i);
		bool mine = at->what == HAPPENS_DISK && at->node == node && at->life + 1 == node->life;
		if (mine && (first == NULL || at->at_us < first->at_us || (at->at_us == first->at_us && at->number < first->number)))
			first = at;
	}
	bool steady = node->sim->params.steady;
	if (first && !steady && pdk_random_below(&node->sim->random, 2))
		do_job(node, first);
	sim_disk_crash(&node->disk, steady ? NULL : &node->sim->random);
}

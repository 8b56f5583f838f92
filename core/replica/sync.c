/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a learner is brought up with: DIFF, TRUNC or SNAP, and the history behind it. Changes when one of them is chosen or sent
 * in another way. Source: LearnerHandler.syncFollower, queueCommittedProposals.
 */
#include "replica/replica-private.h"

#define OUTSTANDING_BYTES (1024 * 1024) /* so much is on its way to a learner that is brought up */
#define READ_BYTES (1024 * 1024)
#define DISK_BYTES (64 * 1024 * 1024) /* a longer way than this from the log: a snapshot is taken */
#define RETRY_US 20000

/* The txns that count as committed and are in memory, rising; borrowed. */
typedef struct {
	GArray *zxids;   /* int64_t */
	GPtrArray *txns; /* GBytes */
	guint n_told;    /* so many count as committed, proposals follow */
} Past;

/* ---- the decision ---- */

/* Index of the first with @zxid or more. */
static unsigned
find(const int64_t *past, unsigned n, int64_t zxid)
{
	unsigned low = 0;
	while (low < n) {
		unsigned middle = low + (n - low) / 2;
		if (past[middle] < zxid)
			low = middle + 1;
		else
			n = middle;
	}
	return low;
}

static PdkSyncPlan
diff(int64_t zxid, int64_t keep)
{
	return (PdkSyncPlan){.mode = PDK_SYNC_DIFF, .zxid = zxid, .keep = keep};
}

/* @last lies between the oldest and the newest. */
static PdkSyncPlan
plan_within(const int64_t *past, unsigned n, int64_t last)
{
	PdkSyncPlan snap = {.mode = PDK_SYNC_SNAP};
	unsigned at = find(past, n, last);
	if (past[at] == last || pdk_zxid_counter(last) == 0)
		return diff(past[n - 1], last);
	/* The learner has a txn that nobody else kept. It may be cut off within an epoch only. */
	int64_t before = past[at - 1];
	if (pdk_zxid_epoch(past[at]) != pdk_zxid_epoch(last) || pdk_zxid_epoch(before) != pdk_zxid_epoch(last))
		return snap;
	return (PdkSyncPlan){.mode = PDK_SYNC_TRUNC, .zxid = before, .keep = before};
}

PdkSyncPlan
pdk_sync_plan(const int64_t *past, unsigned n, int64_t processed, int64_t last, int64_t epoch, bool disk_allowed)
{
	int64_t min = n > 0 ? past[0] : processed, max = n > 0 ? past[n - 1] : processed;
	if (last == processed)
		return diff(last, last);
	if (last > max) {
		/* Only who is surely past `max` can be cut back to it: Java keeps the first record above a missing target. */
		bool had_max = pdk_zxid_epoch(last) == pdk_zxid_epoch(max) || pdk_zxid_epoch(last) == epoch;
		if (pdk_zxid_counter(last) != 0 && had_max)
			return (PdkSyncPlan){.mode = PDK_SYNC_TRUNC, .zxid = max, .keep = max};
		/* Java does not cut its log on SNAP: the snapshot has to be above what the learner has. */
		return (PdkSyncPlan){.mode = PDK_SYNC_SNAP, .later = processed < last};
	}
	if (n > 0 && last >= min)
		return plan_within(past, n, last);
	if (n > 0 && disk_allowed)
		return (PdkSyncPlan){.mode = PDK_SYNC_DIFF, .zxid = max, .keep = last, .from_disk = true};
	return (PdkSyncPlan){.mode = PDK_SYNC_SNAP};
}

/* ---- what is in memory ---- */

static void
gather_one(Past *past, int64_t zxid, GBytes *txn)
{
	g_array_append_val(past->zxids, zxid);
	g_ptr_array_add(past->txns, txn);
}

static void
gather(const PdkReplica *replica, Past *past)
{
	const PdkLeading *leading = &replica->leading;
	int64_t zxid, last = -1, told = pdk_leader_told_zxid(replica);
	unsigned n = pdk_history_count(replica->history);
	past->zxids = g_array_sized_new(FALSE, FALSE, sizeof(int64_t), n);
	past->txns = g_ptr_array_sized_new(n);
	for (unsigned i = 0; i < n; i++) {
		GBytes *txn = pdk_history_at(replica->history, i, &last);
		gather_one(past, last, txn);
	}
	past->n_told = n;
	for (guint i = leading->txns_head; leading->leading && i < leading->txns->len; i++) {
		const PdkProposal *proposal = &g_array_index(leading->txns, PdkProposal, i);
		zxid = proposal->zxid;
		if (zxid <= last)
			continue;
		gather_one(past, zxid, proposal->txn);
		if (zxid <= told)
			past->n_told++;
	}
}

static void
past_clear(Past *past)
{
	g_array_unref(past->zxids);
	g_ptr_array_unref(past->txns);
}

static const int64_t *
zxids(const Past *past)
{
	return (const int64_t *)(const void *)past->zxids->data;
}

/* ---- sending ---- */

static bool
blocked(const PdkHandler *handler)
{
	return handler->walking || handler->waits_for_walk || handler->reading_log || handler->waits_for_log;
}

static void
feed_queue(PdkReplica *replica, PdkHandler *handler)
{
	GArray *queue = handler->queue;
	bool wrote = false;
	while (handler->queue_head < queue->len && pdk_handler_outstanding(replica, handler) < OUTSTANDING_BYTES) {
		PdkQueued *packet = &g_array_index(queue, PdkQueued, handler->queue_head);
		pdk_handler_write(replica, handler, packet);
		handler->queue_bytes -= pdk_queued_cost(packet);
		g_clear_pointer(&packet->bytes, g_bytes_unref);
		handler->queue_head++;
		wrote = true;
	}
	if (handler->queue_head == queue->len) {
		pdk_handler_queue_clear(handler);
		return;
	}
	if (!wrote)
		return;
	if (handler->stage == PDK_HANDLER_SYNC)
		handler->due_us = replica->now_us + pdk_replica_init_us(replica);
	replica->effects->again = true;
}

/* The end of the body; then the next learner may have its walk. */
static void
end_walk(PdkReplica *replica, PdkHandler *handler)
{
	handler->walking = false;
	for (PdkHandler *other = replica->handlers; other; other = other->next)
		other->retry_us = 0;
	replica->effects->again = true;
}

static void
feed_walk(PdkReplica *replica, PdkHandler *handler)
{
	bool wrote = false;
	while (pdk_handler_outstanding(replica, handler) < OUTSTANDING_BYTES) {
		g_autoptr(GBytes) part = replica->hooks.walk_next(replica->hooks.context);
		if (part == NULL) {
			pdk_put_string(pdk_wire_out(replica, &handler->wire), "BenWasHere");
			end_walk(replica, handler);
			return;
		}
		pdk_wire_bytes(replica, &handler->wire, part);
		wrote = true;
	}
	if (!wrote)
		return;
	handler->due_us = replica->now_us + pdk_replica_init_us(replica);
	replica->effects->again = true;
}

/* ---- what follows: history, proposals, NEWLEADER; from then on what is broadcast ---- */

static void
queue_past(PdkReplica *replica, PdkHandler *handler, const Past *past, int64_t keep)
{
	for (guint i = find(zxids(past), past->zxids->len, keep + 1); i < past->zxids->len && !handler->gone; i++) {
		bool told = i < past->n_told;
		int64_t zxid = zxids(past)[i];
		if (told || !handler->observer)
			pdk_handler_put(replica, handler, PDK_PACKET_PROPOSAL, zxid, g_ptr_array_index(past->txns, i));
		if (told)
			pdk_handler_put(replica, handler, PDK_PACKET_COMMIT, zxid, NULL);
	}
	pdk_handler_put(replica, handler, PDK_PACKET_NEWLEADER, pdk_epoch_zxid(pdk_master_epoch(replica)), NULL);
	handler->sent_zxid = MAX(handler->sent_zxid, keep);
	handler->history_bytes = handler->queue_bytes;
	handler->forwarding = true;
}

static void
say_plan(PdkReplica *replica, const PdkHandler *handler, const char *how, int64_t zxid)
{
	pdk_replica_say(replica, PDK_LOG_INFO, "%s %" PRId64 " at %s has 0x%" PRIx64 ": it is sent a %s 0x%" PRIx64,
			handler->observer ? "observer" : "follower", handler->sid, handler->endpoint, handler->last_zxid, how,
			zxid);
}

static void
count_mode(PdkReplica *replica, PdkSyncMode mode)
{
	PdkCounter *cell = mode == PDK_SYNC_SNAP ? replica->cells.snap_count : replica->cells.diff_count;
	if (cell && mode != PDK_SYNC_TRUNC)
		pdk_counter_add(cell, 1);
}

static void
start_from_memory(PdkReplica *replica, PdkHandler *handler, const Past *past, const PdkSyncPlan *plan)
{
	bool cuts = plan->mode == PDK_SYNC_TRUNC;
	handler->mode = plan->mode;
	say_plan(replica, handler, cuts ? "TRUNC to" : "DIFF up to", plan->zxid);
	count_mode(replica, plan->mode);
	pdk_handler_put(replica, handler, cuts ? PDK_PACKET_TRUNC : PDK_PACKET_DIFF, plan->zxid, NULL);
	queue_past(replica, handler, past, plan->keep);
}

/* False: the tree is being walked for somebody else. */
static bool
start_snapshot(PdkReplica *replica, PdkHandler *handler, const Past *past)
{
	int64_t zxid;
	if (!replica->hooks.walk_begin(replica->hooks.context, &zxid))
		return false;
	handler->walking = true;
	handler->mode = PDK_SYNC_SNAP;
	say_plan(replica, handler, "SNAP at", zxid);
	count_mode(replica, PDK_SYNC_SNAP);
	pdk_put_packet(pdk_wire_out(replica, &handler->wire), PDK_PACKET_SNAP, zxid, NULL, -1);
	queue_past(replica, handler, past, zxid);
	return true;
}

/* ---- from the log on disk ---- */

static void
read_log(PdkReplica *replica, int64_t from)
{
	PdkCommand *command = pdk_effects_command(replica->effects, PDK_COMMAND_READ_LOG, 0);
	command->zxid = from;
	command->limit = READ_BYTES;
	replica->log_asked = true;
}

/* What memory has is kept at once, for it will not be there for ever; the log fills the way to it. */
static bool
start_from_disk(PdkReplica *replica, PdkHandler *handler, const Past *past, const PdkSyncPlan *plan)
{
	if (replica->log_asked)
		return false;
	PdkQueued head = {PDK_PACKET_DIFF, plan->zxid, NULL};
	handler->reading_log = true;
	handler->disk_found = false;
	handler->disk_upto = plan->keep;
	handler->disk_end = zxids(past)[0];
	g_array_append_val(handler->from_disk, head);
	handler->from_disk_bytes = pdk_queued_cost(&head);
	queue_past(replica, handler, past, plan->keep);
	if (!handler->gone)
		read_log(replica, plan->keep);
	return true;
}

/* What this server had when it began to lead; at a follower all that is applied is settled. */
static int64_t
initial_zxid(const PdkReplica *replica)
{
	return replica->leading.leading ? replica->leading.initial_zxid : replica->hooks.applied(replica->hooks.context);
}

/*
 * The txn right before the oldest in memory: who stands there misses none of them. Zxids of an epoch follow each other, and the
 * first of this leader's epoch follows its initial history.
 */
static int64_t
base_of(const PdkReplica *replica, const Past *past)
{
	if (past->n_told == 0)
		return initial_zxid(replica);
	int64_t first = zxids(past)[0];
	if (pdk_zxid_counter(first) > 1)
		return first - 1;
	return replica->leading.leading && pdk_zxid_epoch(first) == replica->leading.epoch ? replica->leading.initial_zxid : PDK_NO_ZXID;
}

/*
 * A learner with a tail of an epoch between the leader's last and its new one should be sent a snapshot from above that tail, so
 * it waits until others have established this leader. When it is needed for that itself, it is told to cut the tail off, as Java
 * does: this server's own learners read the log again where the target is not surely in it.
 */
static void
wait_no_longer(PdkReplica *replica, PdkHandler *handler, const Past *past, PdkSyncPlan *plan)
{
	int64_t max = past->n_told > 0 ? zxids(past)[past->n_told - 1] : initial_zxid(replica);
	if (handler->later_us == 0)
		handler->later_us = replica->now_us;
	if (replica->now_us - handler->later_us < (int64_t)replica->params.tick_ms * 1000)
		return;
	if (!replica->leading.leading) {
		pdk_handler_drop(replica, handler, "it has more of the history than this follower");
		return;
	}
	plan->later = false;
	if (pdk_zxid_counter(handler->last_zxid) != 0)
		*plan = (PdkSyncPlan){.mode = PDK_SYNC_TRUNC, .zxid = max, .keep = max};
}

static void
start(PdkReplica *replica, PdkHandler *handler)
{
	Past past;
	gather(replica, &past);
	bool established = replica->leading.established;
	int64_t processed = established ? replica->hooks.applied(replica->hooks.context) : initial_zxid(replica);
	int64_t epoch = pdk_master_epoch(replica);
	/* Who says that it has nothing may have asked for a snapshot, see ask_for_snapshot. */
	bool disk = replica->params.snapshot_size_factor >= 0 && !handler->disk_failed && handler->last_zxid > 0 &&
		    handler->last_zxid >= replica->log_floor;
	PdkSyncPlan plan =
		pdk_sync_plan(zxids(&past), past.n_told, processed, handler->last_zxid, epoch, disk);
	/* An observer that heard more, of this leader or one before, than this follower did: that will come here, too. */
	if (!replica->leading.leading && handler->last_zxid > processed)
		plan = (PdkSyncPlan){.mode = PDK_SYNC_SNAP, .later = true};
	if (handler->last_zxid != PDK_NO_ZXID && handler->last_zxid == base_of(replica, &past))
		plan = diff(past.n_told > 0 ? zxids(&past)[past.n_told - 1] : handler->last_zxid, handler->last_zxid);
	if (plan.later && !established)
		wait_no_longer(replica, handler, &past, &plan);
	if (handler->gone) {
		past_clear(&past);
		return;
	}
	bool snap = plan.mode == PDK_SYNC_SNAP;
	handler->waits_for_walk = snap && ((plan.later && !established) || !start_snapshot(replica, handler, &past));
	handler->waits_for_log = plan.from_disk && !start_from_disk(replica, handler, &past, &plan);
	if (!snap && !plan.from_disk)
		start_from_memory(replica, handler, &past, &plan);
	past_clear(&past);
	if (!handler->waits_for_walk && !handler->waits_for_log)
		return;
	/* It waits for others, not for the learner, which has a time-out of its own. */
	handler->due_us = replica->now_us + pdk_replica_init_us(replica);
	handler->retry_us = replica->now_us + RETRY_US;
}

static void
start_snapshot_instead(PdkReplica *replica, PdkHandler *handler, const char *why)
{
	pdk_replica_say(replica, PDK_LOG_INFO, "the log does not bring learner %" PRId64 " from 0x%" PRIx64 " (%s); a snapshot "
			"will", handler->sid, handler->last_zxid, why);
	handler->reading_log = false;
	handler->forwarding = false;
	handler->disk_failed = true;
	handler->sent_zxid = 0;
	pdk_handler_queue_clear(handler);
	start(replica, handler);
}

/* The learner's history is whole: what was read goes before what was kept. */
static void
finish_from_disk(PdkReplica *replica, PdkHandler *handler)
{
	GArray *rest = handler->queue;
	handler->reading_log = false;
	handler->mode = PDK_SYNC_DIFF;
	say_plan(replica, handler, "DIFF from the log up to", g_array_index(handler->from_disk, PdkQueued, 0).zxid);
	count_mode(replica, PDK_SYNC_DIFF);
	g_array_prepend_vals(rest, handler->from_disk->data, handler->from_disk->len);
	handler->queue_bytes += handler->from_disk_bytes;
	handler->history_bytes += handler->from_disk_bytes;
	/* The references moved. */
	memset(handler->from_disk->data, 0, handler->from_disk->len * sizeof(PdkQueued));
	g_array_set_size(handler->from_disk, 0);
	handler->from_disk_bytes = 0;
	handler->due_us = replica->now_us + pdk_replica_init_us(replica);
}

/* The txn behind disk_upto, without a hole before it? */
static bool
follows(const PdkHandler *handler, int64_t zxid)
{
	if (zxid == handler->disk_upto + 1)
		return true;
	return handler->disk_found && pdk_zxid_epoch(zxid) > pdk_zxid_epoch(handler->disk_upto);
}

/* NULL: as it should be. */
static const char *
take_logged(PdkHandler *handler, const PdkLoggedTxn *logged)
{
	if (logged->zxid <= handler->disk_upto) {
		handler->disk_found = handler->disk_found || logged->zxid == handler->last_zxid;
		return NULL;
	}
	if (!follows(handler, logged->zxid) || logged->zxid > handler->disk_end)
		return handler->disk_found ? "it has a hole" : "it does not reach back";
	handler->disk_found = true;
	handler->disk_upto = logged->zxid;
	if (logged->zxid == handler->disk_end)
		return NULL;
	PdkQueued proposal = {PDK_PACKET_PROPOSAL, logged->zxid, g_bytes_ref(logged->txn)};
	PdkQueued commit = {PDK_PACKET_COMMIT, logged->zxid, NULL};
	g_array_append_val(handler->from_disk, proposal);
	g_array_append_val(handler->from_disk, commit);
	handler->from_disk_bytes += pdk_queued_cost(&proposal) + pdk_queued_cost(&commit);
	return handler->from_disk_bytes > DISK_BYTES ? "it is a long way" : NULL;
}

static PdkHandler *
reader(PdkReplica *replica)
{
	for (PdkHandler *handler = replica->handlers; handler; handler = handler->next)
		if (handler->reading_log)
			return handler;
	return NULL;
}

void
pdk_sync_log_read(PdkReplica *replica, const PdkLoggedTxn *txns, size_t n, bool more, const char *failure)
{
	PdkHandler *handler = reader(replica);
	replica->log_asked = false;
	for (PdkHandler *other = replica->handlers; other; other = other->next)
		other->retry_us = 0;
	replica->effects->again = true;
	if (handler == NULL)
		return;
	const char *why = failure;
	for (size_t i = 0; i < n && why == NULL && handler->disk_upto < handler->disk_end; i++)
		why = take_logged(handler, &txns[i]);
	if (why == NULL && handler->disk_upto < handler->disk_end && (!more || n == 0))
		why = "it ends too early";
	if (why) {
		start_snapshot_instead(replica, handler, why);
		return;
	}
	if (handler->disk_upto == handler->disk_end)
		finish_from_disk(replica, handler);
	else
		read_log(replica, handler->disk_upto + 1);
	pdk_sync_go_on(replica, handler);
}

/* ---- begin, go on, end ---- */

void
pdk_sync_begin(PdkReplica *replica, PdkHandler *handler)
{
	handler->stage = PDK_HANDLER_SYNC;
	handler->due_us = replica->now_us + pdk_replica_init_us(replica);
	start(replica, handler);
	pdk_sync_go_on(replica, handler);
}

void
pdk_sync_go_on(PdkReplica *replica, PdkHandler *handler)
{
	if (handler->gone || handler->stage < PDK_HANDLER_SYNC)
		return;
	if ((handler->waits_for_walk || handler->waits_for_log) && replica->now_us >= handler->retry_us)
		start(replica, handler);
	if (handler->gone)
		return;
	if (handler->waits_for_walk || handler->waits_for_log)
		pdk_replica_deadline(replica, handler->retry_us);
	if (handler->walking)
		feed_walk(replica, handler);
	if (!blocked(handler))
		feed_queue(replica, handler);
}

void
pdk_sync_abort(PdkReplica *replica, PdkHandler *handler)
{
	if (handler->walking) {
		replica->hooks.walk_abort(replica->hooks.context);
		end_walk(replica, handler);
	}
	handler->reading_log = handler->waits_for_log = handler->waits_for_walk = false;
	pdk_handler_queue_clear(handler);
}

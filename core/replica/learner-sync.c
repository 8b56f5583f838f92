/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a learner is brought to where its leader's history goes on: DIFF, TRUNC or SNAP, with what that means for log and tree.
 * Changes when one of the three does. Source: Learner.syncWithLeader.
 */
#include "replica/replica-private.h"

#define SIGNATURE "\0\0\0\nBenWasHere" /* jute ustring */
#define SIGNATURE_BYTES (sizeof SIGNATURE - 1)

G_STATIC_ASSERT(SIGNATURE_BYTES <= sizeof((PdkLearning *)0)->signature);

/* ---- synchronisation: the header ---- */

static void
history_begins(PdkReplica *replica, int64_t from)
{
	PdkLearning *learning = &replica->learning;
	learning->stage = PDK_LEARNER_HISTORY;
	learning->target = learning->commit_upto = from;
}

/* The index among what is held of the first above @zxid, and that one's zxid, 0: none. */
static unsigned
first_held_above(PdkReplica *replica, int64_t zxid, int64_t *found)
{
	unsigned index = 0;
	for (*found = 0; replica->hooks.held(replica->hooks.context, index, found); index++) {
		if (*found > zxid)
			return index;
		*found = 0;
	}
	*found = 0;
	return index;
}

/*
 * Is everything logged above @zxid of the leader's own epoch? Then it is what this leader proposed before the connection broke,
 * its acks may be counted still, and it will be proposed again: it must not leave the log.
 */
static bool
tail_is_the_leaders(PdkReplica *replica, int64_t zxid)
{
	const PdkLearning *learning = &replica->learning;
	const PdkHistory *history = replica->history;
	int64_t first, applied = replica->hooks.applied(replica->hooks.context);
	if (replica->cut_tails || pdk_zxid_epoch(learning->base) != learning->epoch)
		return false;
	if (pdk_zxid_epoch(zxid) == learning->epoch)
		return true;
	/* A snapshot that this leader made as it began holds nothing but the history that it began with. */
	if (applied <= zxid || applied == pdk_epoch_zxid(learning->epoch))
		first_held_above(replica, zxid, &first);
	else if (!pdk_history_empty(history) && pdk_history_first(history) <= zxid && pdk_history_last(history) > zxid)
		pdk_history_at(history, pdk_history_find(history, zxid + 1), &first);
	else
		return false;
	return first > 0 && pdk_zxid_epoch(first) == learning->epoch;
}

/* Does the log surely have a txn @zxid? */
static bool
surely_logged(PdkReplica *replica, int64_t zxid)
{
	const PdkHistory *history = replica->history;
	int64_t found;
	if (zxid == replica->hooks.applied(replica->hooks.context))
		return true;
	for (unsigned i = 0; replica->hooks.held(replica->hooks.context, i, &found); i++)
		if (found == zxid)
			return true;
	if (pdk_history_empty(history) || zxid < pdk_history_first(history) || zxid > pdk_history_last(history))
		return false;
	pdk_history_at(history, pdk_history_find(history, zxid), &found);
	return found == zxid;
}

static void
cut_log(PdkReplica *replica)
{
	PdkLearning *learning = &replica->learning;
	learning->stage = PDK_LEARNER_TRUNCATING;
	replica->truncating = replica->unfit = true;
	pdk_effects_command(replica->effects, PDK_COMMAND_TRUNCATE, 0)->zxid = learning->target;
	pdk_learner_pause(replica);
}

static void
forget_tail(PdkReplica *replica)
{
	PdkLearning *learning = &replica->learning;
	learning->target_unsure = !surely_logged(replica, learning->target);
	if (!replica->hooks.drop(replica->hooks.context, learning->target))
		learning->target_unsure = true;
	pdk_history_cut(replica->history, learning->target);
}

static void
begin_load(PdkReplica *replica)
{
	PdkLearning *learning = &replica->learning;
	learning->stage = PDK_LEARNER_SNAPSHOT;
	replica->unfit = true;
	pdk_history_clear(replica->history);
	replica->hooks.load_begin(replica->hooks.context, learning->target);
	pdk_learner_resume(replica);
}

/* TRUNC or SNAP, once the disk writes no snapshot of this server's own. */
static void
carry_out(PdkReplica *replica)
{
	PdkLearning *learning = &replica->learning;
	if (pdk_replica_snapshotting(replica)) {
		learning->stage = PDK_LEARNER_CLEARING;
		pdk_learner_pause(replica);
		return;
	}
	if (learning->mode == PDK_SYNC_TRUNC)
		forget_tail(replica);
	/*
	 * A cut takes the snapshots above the target, and with them what no log has: this server may have acked it. The leader's
	 * must be there first.
	 */
	learning->cut_behind = learning->mode == PDK_SYNC_SNAP && replica->snapshot_floor > learning->target;
	if (learning->mode == PDK_SYNC_TRUNC || (learning->base > learning->target && !learning->cut_behind))
		cut_log(replica);
	else
		begin_load(replica);
}

void
pdk_learner_snapshot_over(PdkReplica *replica)
{
	if (replica->learning.stage == PDK_LEARNER_CLEARING)
		carry_out(replica);
}

/*
 * Does a snapshot above @zxid stand for what the log lacks below it? No leader sent it that was established, or the next would have
 * what it holds; but its epoch may be this server's. Cut off, that epoch would have less than others have committed in older ones,
 * and win the next election.
 */
static bool
only_a_snapshot_has(PdkReplica *replica, int64_t zxid)
{
	return zxid > 0 && replica->snapshot_floor > zxid && !surely_logged(replica, zxid);
}

/* Who says that it has nothing, in an epoch that it promised before, counts for nothing and is sent all. */
static void
ask_for_snapshot(PdkReplica *replica, int64_t zxid)
{
	replica->snapshot_wanted = replica->learning.epoch;
	pdk_learner_give_up(replica, "wants the log cut behind 0x%" PRIx64 ", which is only in a snapshot of 0x%" PRIx64
			    " or later; it is asked for one of its own", (uint64_t)zxid, (uint64_t)replica->snapshot_floor);
}

static void
on_trunc(PdkReplica *replica, int64_t zxid)
{
	PdkLearning *learning = &replica->learning;
	learning->mode = PDK_SYNC_TRUNC;
	if (zxid < 0 || zxid > learning->base) {
		pdk_learner_give_up(replica, "wants the log cut behind 0x%" PRIx64 ", it ends at 0x%" PRIx64, (uint64_t)zxid,
			(uint64_t)learning->base);
		return;
	}
	if (zxid == learning->base) {
		history_begins(replica, zxid);
		return;
	}
	if (tail_is_the_leaders(replica, zxid)) {
		int64_t first;
		learning->tail_end = learning->base;
		learning->tail_index = first_held_above(replica, zxid, &first);
		history_begins(replica, zxid);
		return;
	}
	if (only_a_snapshot_has(replica, zxid)) {
		ask_for_snapshot(replica, zxid);
		return;
	}
	pdk_replica_say(replica, PDK_LOG_INFO, "log cut behind zxid=0x%" PRIx64 " ended=0x%" PRIx64 " leader=%" PRId64,
			(uint64_t)zxid, (uint64_t)learning->base, learning->leader);
	learning->target = zxid;
	carry_out(replica);
}

/* What is logged above the snapshot is none of this leader's history; it must not be replayed on top. */
static void
on_snap(PdkReplica *replica, int64_t zxid)
{
	PdkLearning *learning = &replica->learning;
	learning->mode = PDK_SYNC_SNAP;
	if (zxid < 0) {
		pdk_learner_give_up(replica, "sends a snapshot of zxid 0x%" PRIx64, (uint64_t)zxid);
		return;
	}
	pdk_replica_say(replica, PDK_LOG_INFO, "snapshot begins leader=%" PRId64 " zxid=0x%" PRIx64 " log_ended=0x%" PRIx64,
			learning->leader, (uint64_t)zxid, (uint64_t)learning->base);
	learning->target = zxid;
	carry_out(replica);
}

void
pdk_learner_sync_header(PdkReplica *replica, const PdkPacket *packet)
{
	if (replica->learning.asks_snapshot && packet->type != PDK_PACKET_SNAP) {
		replica->snapshot_wanted = 0;
		pdk_learner_give_up(replica, "sent %s where it was asked for a snapshot", pdk_packet_name(packet->type));
		return;
	}
	switch (packet->type) {
	case PDK_PACKET_DIFF:
		replica->learning.mode = PDK_SYNC_DIFF;
		history_begins(replica, replica->learning.base);
		return;
	case PDK_PACKET_TRUNC:
		on_trunc(replica, packet->zxid);
		return;
	case PDK_PACKET_SNAP:
		on_snap(replica, packet->zxid);
		return;
	default:
		pdk_learner_give_up(replica, "sent %s where DIFF, TRUNC or SNAP was due", pdk_packet_name(packet->type));
	}
}

void
pdk_learner_truncated(PdkReplica *replica)
{
	PdkLearning *learning = &replica->learning;
	if (learning->stage != PDK_LEARNER_TRUNCATING)
		return;
	if (learning->mode == PDK_SYNC_SNAP && !learning->cut_behind) {
		begin_load(replica);
		return;
	}
	if (learning->target_unsure) {
		learning->stage = PDK_LEARNER_RELOADING;
		pdk_replica_reload(replica);
		return;
	}
	replica->unfit = false;
	replica->last_logged = learning->target;
	history_begins(replica, learning->target);
	pdk_learner_resume(replica);
}

/*
 * Every snapshot lies above the target: then the leader's comes first, and the log is cut behind it. A crash between the two
 * leaves what was there before, for the newest snapshot counts.
 */
bool
pdk_learner_cut_refused(PdkReplica *replica, const char *failure)
{
	PdkLearning *learning = &replica->learning;
	if (learning->stage != PDK_LEARNER_TRUNCATING || learning->mode != PDK_SYNC_SNAP)
		return false;
	if (learning->cut_behind) {
		pdk_learner_give_up(replica, "sent a snapshot that is kept, but the log cannot be cut behind it: %s", failure);
		return true;
	}
	pdk_replica_say(replica, PDK_LOG_INFO, "the log is cut behind the leader's snapshot when that is written, not before: %s",
			failure);
	learning->cut_behind = true;
	begin_load(replica);
	return true;
}

/* A target that this log never had: the next ACKEPOCH tells where it ends now. */
void
pdk_learner_reloaded(PdkReplica *replica)
{
	PdkLearning *learning = &replica->learning;
	if (learning->stage != PDK_LEARNER_RELOADING)
		return;
	if (replica->last_logged != learning->target) {
		pdk_learner_give_up(replica, "had the log cut behind 0x%" PRIx64 ", which is not in it; it ends at 0x%" PRIx64,
			(uint64_t)learning->target, (uint64_t)replica->last_logged);
		return;
	}
	history_begins(replica, learning->target);
	pdk_learner_resume(replica);
}

/* ---- synchronisation: the snapshot ---- */

/* Nothing is logged behind the snapshot before it is durable: a crash would leave a log with a hole. */
static void
load_ends(PdkReplica *replica)
{
	PdkLearning *learning = &replica->learning;
	if (memcmp(learning->signature, SIGNATURE, SIGNATURE_BYTES) != 0) {
		pdk_learner_give_up(replica, "sent a snapshot without its signature");
		return;
	}
	replica->hooks.load_end(replica->hooks.context);
	replica->unfit = learning->cut_behind;
	replica->saving_snapshot = true;
	replica->snapshot_zxid = replica->last_logged = replica->log_floor = replica->snapshot_floor = learning->target;
	replica->synced = MIN(replica->synced, learning->target);
	learning->stage = PDK_LEARNER_SAVING;
	pdk_learner_pause(replica);
}

static void
take_signature(PdkReplica *replica, const uint8_t **data, size_t *length)
{
	PdkLearning *learning = &replica->learning;
	size_t n = MIN(*length, SIGNATURE_BYTES - learning->signature_length);
	memcpy(learning->signature + learning->signature_length, *data, n);
	learning->signature_length += (unsigned)n;
	*data += n;
	*length -= n;
	if (learning->signature_length == SIGNATURE_BYTES)
		load_ends(replica);
}

void
pdk_learner_snapshot_part(PdkReplica *replica, const uint8_t **data, size_t *length)
{
	PdkLearning *learning = &replica->learning;
	g_autoptr(GError) error = NULL;
	size_t used = *length;
	if (learning->body_read) {
		take_signature(replica, data, length);
		return;
	}
	PdkPartResult result = replica->hooks.load_part(replica->hooks.context, *data, *length, &used, &error);
	if (result == PDK_PART_BAD) {
		pdk_learner_give_up(replica, "sent a snapshot that cannot be read: %s", error ? error->message : "?");
		return;
	}
	if (result == PDK_PART_MORE)
		used = *length;
	learning->body_read = result == PDK_PART_DONE;
	*data += used;
	*length -= used;
	if (!learning->body_read && replica->hooks.load_full(replica->hooks.context))
		pdk_learner_pause(replica);
}

void
pdk_learner_load_room(PdkReplica *replica)
{
	if (replica->learning.stage == PDK_LEARNER_SNAPSHOT)
		pdk_learner_resume(replica);
}

void
pdk_learner_load_saved(PdkReplica *replica)
{
	PdkLearning *learning = &replica->learning;
	if (learning->stage != PDK_LEARNER_SAVING)
		return;
	if (learning->cut_behind) {
		cut_log(replica);
		return;
	}
	history_begins(replica, learning->target);
	pdk_learner_resume(replica);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How this server leads: an epoch is found and agreed on, a quorum brought up to it, then proposals are committed by quorum for
 * as long as a quorum stays in time. Source: Leader.
 */
#include "replica/replica-private.h"

#define LAST_COUNTER INT64_C(0xfffffffe)
#define NO_OTHERS "and no quorum of others has accepted its epoch"

static int64_t
first_zxid(const PdkLeading *leading)
{
	return pdk_epoch_zxid(leading->epoch);
}

/* ---- is it answered in time ---- */

void
pdk_lateness_begin(PdkLateness *lateness, int64_t zxid, int64_t now_us)
{
	if (lateness->zxid == 0) {
		lateness->zxid = zxid;
		lateness->since_us = now_us;
		return;
	}
	lateness->next_zxid = zxid;
	lateness->next_since_us = now_us;
}

void
pdk_lateness_end(PdkLateness *lateness, int64_t zxid)
{
	if (lateness->zxid == 0 || zxid < lateness->zxid)
		return;
	bool next = lateness->next_zxid > zxid;
	*lateness = (PdkLateness){
		.zxid = next ? lateness->next_zxid : 0,
		.since_us = next ? lateness->next_since_us : 0,
	};
}

/* ---- quorums ---- */

bool
pdk_leader_quorum(const PdkReplica *replica, const PdkSids *sids)
{
	if (!pdk_members_quorum(replica->committed, sids))
		return false;
	if (pdk_members_version(replica->last_seen) <= pdk_members_version(replica->committed))
		return true;
	return pdk_members_quorum(replica->last_seen, sids);
}

/* Its log has @zxid and what precedes it, on disk. */
static bool
has_voice(const PdkHandler *handler, int64_t zxid)
{
	return !handler->gone && handler->stage >= PDK_HANDLER_ACKED && !handler->observer && handler->acked >= zxid;
}

static bool
held_by_quorum(const PdkReplica *replica, int64_t zxid)
{
	PdkSids sids;
	sids.n = 0;
	if (replica->synced >= zxid)
		pdk_sids_add(&sids, replica->params.self);
	for (const PdkHandler *handler = replica->handlers; handler; handler = handler->next)
		if (has_voice(handler, zxid))
			pdk_sids_add(&sids, handler->sid);
	return pdk_leader_quorum(replica, &sids);
}

/* Enough learners were heard of lately. */
static bool
quorum_in_time(const PdkReplica *replica)
{
	PdkSids sids;
	sids.n = 0;
	pdk_sids_add(&sids, replica->params.self);
	for (const PdkHandler *handler = replica->handlers; handler; handler = handler->next) {
		bool known = !handler->gone && handler->stage > PDK_HANDLER_HELLO && !handler->observer && !handler->forgetful;
		if (known && replica->leading.tick <= handler->deadline_tick)
			pdk_sids_add(&sids, handler->sid);
	}
	return pdk_leader_quorum(replica, &sids);
}

/* ---- txns that are not history yet ---- */

static guint
n_txns(const PdkLeading *leading)
{
	return leading->txns->len - leading->txns_head;
}

static PdkProposal *
txn_at(const PdkLeading *leading, guint index)
{
	return &g_array_index(leading->txns, PdkProposal, leading->txns_head + index);
}

static void
keep_txn(PdkReplica *replica, int64_t zxid, GBytes *txn)
{
	PdkProposal proposal = {.zxid = zxid, .txn = g_bytes_ref(txn), .since_us = replica->now_us};
	g_array_append_val(replica->leading.txns, proposal);
}

/* The history has what was applied. */
static void
forget_txns(PdkReplica *replica)
{
	PdkLeading *leading = &replica->leading;
	if (pdk_history_empty(replica->history))
		return;
	int64_t upto = MIN(pdk_history_last(replica->history), pdk_leader_told_zxid(replica));
	while (n_txns(leading) > 0 && txn_at(leading, 0)->zxid <= upto) {
		g_bytes_unref(txn_at(leading, 0)->txn);
		leading->txns_head++;
	}
	if (leading->txns_head < 1024 && n_txns(leading) > 0)
		return;
	g_array_remove_range(leading->txns, 0, leading->txns_head);
	leading->txns_head = 0;
}

int64_t
pdk_leader_told_zxid(const PdkReplica *replica)
{
	const PdkLeading *leading = &replica->leading;
	return leading->established ? leading->committed : leading->initial_zxid;
}

/* ---- the way to an epoch ---- */

static void
advance_all(PdkReplica *replica)
{
	for (PdkHandler *handler = replica->handlers; handler; handler = handler->next)
		pdk_handler_advance(replica, handler);
}

static void
raise_candidate(PdkLeading *leading, int64_t accepted_epoch)
{
	if (accepted_epoch >= leading->candidate)
		leading->candidate = accepted_epoch + 1;
}

/* A quorum told which epochs it has accepted: the next one is chosen, and promised before anybody hears of it. */
static void
choose_epoch(PdkReplica *replica)
{
	PdkLeading *leading = &replica->leading;
	if (leading->epoch >= 0 || !pdk_sids_has(&leading->connecting, replica->params.self) ||
	    !pdk_members_quorum(replica->committed, &leading->connecting))
		return;
	leading->epoch = leading->candidate;
	leading->epoch_saving = true;
	pdk_replica_save_accepted(replica, leading->epoch);
}

static void
check_accepted(PdkReplica *replica)
{
	PdkLeading *leading = &replica->leading;
	if (leading->electing_finished || !pdk_sids_has(&leading->accepted, replica->params.self))
		return;
	if (!pdk_members_quorum(replica->committed, &leading->accepted) && !pdk_fresh_all_heard(replica, -1))
		return;
	pdk_fresh_electing_finished(replica);
	leading->electing_finished = true;
	leading->due_us = replica->now_us + pdk_replica_init_us(replica);
	leading->current_saving = true;
	pdk_replica_save_current(replica, leading->epoch);
	advance_all(replica);
}

/* Who starts without versions gets one: the epoch that first establishes it (ZOOKEEPER-1783). */
static void
stamp_members(PdkReplica *replica)
{
	if (!replica->params.reconfig_enabled || pdk_members_version(replica->committed) != 0 ||
	    pdk_members_version(replica->last_seen) != 0)
		return;
	g_autoptr(PdkMembers) stamped = pdk_members_with_version(replica->committed, first_zxid(&replica->leading));
	pdk_change_seen(replica, stamped);
}

void
pdk_leader_epoch_saved(PdkReplica *replica)
{
	PdkLeading *leading = &replica->leading;
	if (!leading->leading || !leading->epoch_saving)
		return;
	pdk_assert(replica->accepted_epoch == leading->epoch);
	leading->epoch_saving = false;
	leading->epoch_fixed = true;
	leading->due_us = replica->now_us + pdk_replica_init_us(replica);
	leading->proposed = first_zxid(leading);
	stamp_members(replica);
	if (pdk_members_votes(replica->committed, replica->params.self))
		pdk_sids_add(&leading->accepted, replica->params.self);
	pdk_replica_say(replica, PDK_LOG_INFO, "leading: epoch %" PRId64 " is proposed, last zxid 0x%" PRIx64, leading->epoch,
			leading->initial_zxid);
	advance_all(replica);
	check_accepted(replica);
}

/*
 * A voter that could lead cannot follow: it is ahead, or has promised a higher epoch, or this one to somebody else. Only its
 * connection ends, and the others may still accept this leader; but where they are no quorum without it, all should look again:
 * then it wins, or the next epoch is high enough. At once when nobody else is to be waited for; otherwise each time in vain leaves the
 * others twice as long. @why is said then.
 */
static void
give_way(PdkReplica *replica, const PdkHandler *handler, const char *why)
{
	PdkLeading *leading = &replica->leading;
	if (leading->give_way_us != 0 || leading->electing_finished || handler->observer ||
	    !pdk_members_votes(replica->committed, handler->sid) || pdk_members_weight(replica->committed, handler->sid) == 0)
		return;
	int64_t wait_us = replica->params.tick_ms * INT64_C(500) << MIN(replica->gave_way, 8);
	leading->give_way_us = replica->now_us + (pdk_fresh_all_heard(replica, handler->sid) ? 0 : wait_us);
	leading->give_way_why = why;
	replica->gave_way++;
	replica->refused_epoch = MAX(replica->refused_epoch, handler->accepted_epoch);
	replica->effects->again = true;
}

/*
 * A member that has promised a higher epoch, to a leader that failed, cannot follow this one, however often it comes. Once there was
 * time for all the others to be brought up, the leader looks again, and its next epoch is high enough. Java's leads on without it.
 */
static void
take_in(PdkReplica *replica, const PdkHandler *handler)
{
	PdkLeading *leading = &replica->leading;
	if (!leading->may_commit || leading->tick < replica->params.init_limit || !pdk_members_find(replica->committed, handler->sid))
		return;
	replica->refused_epoch = MAX(replica->refused_epoch, handler->accepted_epoch);
	leading->leave = "a member has accepted a higher epoch and is shut out until there is one above that";
	replica->effects->again = true;
}

/* It has accepted this very epoch, of another leader or before its connection broke, and its word for it does not count again. */
static bool
is_spent(const PdkLeading *leading, const PdkHandler *handler)
{
	return leading->epoch >= 0 && handler->accepted_epoch == leading->epoch && !pdk_sids_has(&leading->accepted, handler->sid);
}

void
pdk_leader_connected(PdkReplica *replica, PdkHandler *handler)
{
	PdkLeading *leading = &replica->leading;
	if (leading->epoch < 0) {
		raise_candidate(leading, handler->accepted_epoch);
		if (!handler->observer && pdk_members_votes(replica->committed, handler->sid))
			pdk_sids_add(&leading->connecting, handler->sid);
		choose_epoch(replica);
	}
	bool refuses = leading->epoch >= 0 && handler->accepted_epoch > leading->epoch;
	if (refuses && leading->established)
		take_in(replica, handler);
	else if (refuses)
		give_way(replica, handler, "a follower has accepted a higher epoch, " NO_OTHERS);
	else if (is_spent(leading, handler))
		give_way(replica, handler, "a follower has promised this very epoch before, perhaps to another leader, " NO_OTHERS);
	pdk_handler_advance(replica, handler);
}

/* A log of a later epoch, or a longer one of the same. */
static bool
is_ahead(const PdkLeading *leading, const PdkHandler *handler)
{
	if (handler->current_epoch != leading->summary_epoch)
		return handler->current_epoch > leading->summary_epoch;
	return handler->last_zxid > leading->initial_zxid;
}

bool
pdk_leader_epoch_accepted(PdkReplica *replica, PdkHandler *handler)
{
	PdkLeading *leading = &replica->leading;
	/* -1: it had promised the epoch before, perhaps to another leader; it is not counted. */
	if (!leading->electing_finished && handler->current_epoch != -1) {
		if (is_ahead(leading, handler)) {
			g_autofree char *why = g_strdup_printf("it is ahead of this leader: epoch %" PRId64 ", zxid 0x%" PRIx64
							       " against %" PRId64 ", 0x%" PRIx64,
							       handler->current_epoch, handler->last_zxid, leading->summary_epoch,
							       leading->initial_zxid);
			pdk_handler_drop(replica, handler, why);
			give_way(replica, handler, "a follower is ahead of it, " NO_OTHERS);
			return false;
		}
		bool counts = !handler->observer && pdk_fresh_counts(replica, handler);
		if (counts && pdk_members_votes(replica->committed, handler->sid))
			pdk_sids_add(&leading->accepted, handler->sid);
		check_accepted(replica);
	}
	return true;
}

/* ---- established ---- */

/* Another leader was named: nothing is committed any more. The followers go first, so that most of them heard of it. */
static void
hand_over(PdkReplica *replica)
{
	PdkLeading *leading = &replica->leading;
	leading->may_commit = false;
	leading->leave_by_us = replica->now_us + pdk_replica_sync_us(replica);
	replica->effects->again = true;
}

/* A configuration that was seen is in force with this leader: a version was stamped, or an earlier leader did not finish. */
static void
activate_last_seen(PdkReplica *replica)
{
	if (!replica->params.reconfig_enabled ||
	    pdk_members_version(replica->last_seen) <= pdk_members_version(replica->committed))
		return;
	int64_t zxid = first_zxid(&replica->leading);
	g_autoptr(PdkMembers) members = pdk_members_ref(replica->last_seen);
	int64_t designated = pdk_change_designated(replica, members, zxid);
	if (pdk_change_committed(replica, members, designated, zxid) || designated != replica->params.self)
		hand_over(replica);
}

static void
begin_broadcast(PdkReplica *replica)
{
	PdkLeading *leading = &replica->leading;
	leading->established = true;
	leading->committed = first_zxid(leading);
	leading->due_us = INT64_MAX;
	leading->tick = 0;
	leading->next_half_us = replica->now_us + replica->params.tick_ms * INT64_C(500);
	forget_txns(replica);
	activate_last_seen(replica);
	pdk_replica_settle(replica, leading->epoch);
	pdk_replica_say(replica, PDK_LOG_INFO, "leading: epoch %" PRId64 " is established by %u servers after %" PRId64 " ms",
			leading->epoch, leading->acked_newleader.n, (replica->now_us - leading->begun_us) / 1000);
	replica->serving = leading->may_commit;
	advance_all(replica);
	if (replica->serving)
		replica->hooks.serve(replica->hooks.context, PDK_PEER_LEADING, leading->epoch);
}

static void
check_newleader(PdkReplica *replica)
{
	PdkLeading *leading = &replica->leading;
	if (leading->established || !leading->current_saved || replica->synced < leading->log_end)
		return;
	pdk_sids_add(&leading->acked_newleader, replica->params.self);
	if (!pdk_leader_quorum(replica, &leading->acked_newleader))
		return;
	/* What was held when leading began is in the log of a quorum of this epoch: the initial history stands. */
	guint n = n_txns(leading);
	int64_t last = n > 0 ? txn_at(leading, n - 1)->zxid : 0;
	if (n > 0)
		replica->hooks.commit(replica->hooks.context, last);
	if (replica->hooks.applied(replica->hooks.context) < last)
		return; /* it cannot be applied, and the process is stopping */
	replica->hooks.set_applied(replica->hooks.context, first_zxid(leading));
	begin_broadcast(replica);
}

void
pdk_leader_newleader_acked(PdkReplica *replica, PdkHandler *handler)
{
	if (!handler->observer)
		pdk_sids_add(&replica->leading.acked_newleader, handler->sid);
	check_newleader(replica);
	pdk_handler_advance(replica, handler);
}

void
pdk_leader_current_saved(PdkReplica *replica)
{
	PdkLeading *leading = &replica->leading;
	if (!leading->leading || !leading->current_saving)
		return;
	pdk_assert(replica->current_epoch == leading->epoch);
	leading->current_saving = false;
	leading->current_saved = true;
	check_newleader(replica);
}

/* ---- broadcast ---- */

static int64_t
last_counter(const PdkReplica *replica)
{
	return replica->params.last_counter ? replica->params.last_counter : LAST_COUNTER;
}

int64_t
pdk_replica_next_zxid(PdkReplica *replica)
{
	PdkLeading *leading = &replica->leading;
	if (!leading->established || !leading->may_commit || leading->leave)
		return 0;
	if (pdk_zxid_counter(leading->proposed) >= last_counter(replica)) {
		leading->leave = "this epoch's zxids are used up, the next leader begins a new epoch";
		replica->effects->again = true;
		return 0;
	}
	return leading->proposed + 1;
}

static void
count_bytes(PdkReplica *replica, GBytes *txn)
{
	int64_t size = (int64_t)g_bytes_get_size(txn);
	replica->last_proposal_bytes = size;
	if (replica->min_proposal_bytes < 0 || size < replica->min_proposal_bytes)
		replica->min_proposal_bytes = size;
	replica->max_proposal_bytes = MAX(replica->max_proposal_bytes, size);
}

void
pdk_replica_propose(PdkReplica *replica, int64_t zxid, GBytes *txn)
{
	PdkLeading *leading = &replica->leading;
	pdk_assert(leading->established && zxid == leading->proposed + 1);
	leading->proposed = replica->last_logged = zxid;
	keep_txn(replica, zxid, txn);
	count_bytes(replica, txn);
	pdk_lateness_begin(&leading->unsynced, zxid, replica->now_us);
	int64_t of_zxid;
	PdkMembers *members = pdk_change_of_txn(replica, txn, &of_zxid);
	if (members) {
		pdk_assert(leading->proposed_members == NULL);
		leading->proposed_members = members;
		leading->proposed_members_zxid = zxid;
		pdk_change_seen(replica, members);
	}
	for (PdkHandler *handler = replica->handlers; handler; handler = handler->next)
		pdk_handler_propose(replica, handler, zxid, txn);
}

static int64_t
committable(const PdkReplica *replica)
{
	const PdkLeading *leading = &replica->leading;
	int64_t best = leading->committed;
	int64_t own = MIN(replica->synced, leading->proposed);
	if (own > best && held_by_quorum(replica, own))
		best = own;
	for (const PdkHandler *handler = replica->handlers; handler; handler = handler->next)
		if (handler->acked > best && has_voice(handler, handler->acked) && held_by_quorum(replica, handler->acked))
			best = handler->acked;
	return best;
}

static void
tell_commits(PdkReplica *replica, int64_t upto, int64_t designated)
{
	PdkLeading *leading = &replica->leading;
	for (guint i = 0; i < n_txns(leading); i++) {
		PdkProposal *proposal = txn_at(leading, i);
		if (proposal->zxid <= leading->committed)
			continue;
		if (proposal->zxid > upto)
			return;
		int64_t named = proposal->zxid == leading->proposed_members_zxid ? designated : -1;
		for (PdkHandler *handler = replica->handlers; handler; handler = handler->next)
			pdk_handler_commit(replica, handler, proposal->zxid, proposal->txn, named);
		if (replica->cells.quorum_ack_latency)
			pdk_summary_add(replica->cells.quorum_ack_latency,
					(uint64_t)(replica->now_us - proposal->since_us) / 1000);
	}
}

static void
commit_upto(PdkReplica *replica, int64_t upto)
{
	PdkLeading *leading = &replica->leading;
	g_autoptr(PdkMembers) members = NULL;
	int64_t designated = -1;
	if (upto == leading->proposed_members_zxid) {
		members = g_steal_pointer(&leading->proposed_members);
		designated = pdk_change_designated(replica, members, upto);
	}
	tell_commits(replica, upto, designated);
	leading->committed = upto;
	replica->hooks.commit(replica->hooks.context, upto);
	forget_txns(replica);
	if (members == NULL)
		return;
	leading->proposed_members_zxid = 0;
	if (pdk_change_committed(replica, members, designated, upto) || designated != replica->params.self)
		hand_over(replica);
}

void
pdk_leader_try_commit(PdkReplica *replica)
{
	PdkLeading *leading = &replica->leading;
	while (leading->established && leading->may_commit && leading->committed < leading->proposed) {
		int64_t upto = committable(replica);
		if (upto == leading->committed)
			return;
		/* Behind a reconfiguration other quorums count. */
		bool stops = leading->proposed_members && upto > leading->proposed_members_zxid;
		commit_upto(replica, stops ? leading->proposed_members_zxid : upto);
	}
}

void
pdk_leader_synced(PdkReplica *replica)
{
	if (!replica->leading.leading)
		return;
	pdk_lateness_end(&replica->leading.unsynced, replica->synced);
	check_newleader(replica);
	pdk_leader_try_commit(replica);
}

/* ---- time ---- */

static const char *
overdue(const PdkLeading *leading)
{
	if (!leading->epoch_fixed)
		return "no quorum of followers connected within initLimit";
	if (!leading->electing_finished)
		return "no quorum of followers accepted the epoch within initLimit";
	return "no quorum of followers was synchronised within initLimit";
}

static const char *
half_tick(PdkReplica *replica)
{
	PdkLeading *leading = &replica->leading;
	leading->next_half_us = replica->now_us + replica->params.tick_ms * INT64_C(500);
	leading->half = !leading->half;
	if (!leading->half) {
		leading->tick++;
		if (!quorum_in_time(replica))
			return "fewer than a quorum of followers are connected and in time";
	}
	for (PdkHandler *handler = replica->handlers; handler; handler = handler->next)
		pdk_handler_ping(replica, handler);
	return NULL;
}

/* Why leading ends now, NULL: it goes on. */
static const char *
reason_to_leave(PdkReplica *replica)
{
	PdkLeading *leading = &replica->leading;
	int64_t now_us = replica->now_us;
	if (leading->leave)
		return leading->leave;
	if (leading->give_way_us != 0 && !leading->electing_finished && now_us >= leading->give_way_us)
		return leading->give_way_why;
	if (now_us >= leading->due_us)
		return overdue(leading);
	if (!leading->established)
		return NULL;
	if (leading->unsynced.zxid && now_us - leading->unsynced.since_us >= pdk_replica_sync_us(replica))
		return "its own log is behind by syncLimit, the disk is stuck";
	if (!leading->may_commit && (now_us >= leading->leave_by_us || !quorum_in_time(replica)))
		return "a reconfiguration named another leader";
	return now_us >= leading->next_half_us ? half_tick(replica) : NULL;
}

void
pdk_leader_turn(PdkReplica *replica)
{
	PdkLeading *leading = &replica->leading;
	if (!leading->leading)
		return;
	const char *why = reason_to_leave(replica);
	if (why) {
		pdk_replica_look(replica, why);
		return;
	}
	if (!leading->established) {
		pdk_replica_deadline(replica, leading->due_us);
		if (leading->give_way_us != 0 && !leading->electing_finished)
			pdk_replica_deadline(replica, leading->give_way_us);
		pdk_fresh_leader_turn(replica);
		return;
	}
	pdk_replica_deadline(replica, leading->next_half_us);
	if (leading->unsynced.zxid)
		pdk_replica_deadline(replica, leading->unsynced.since_us + pdk_replica_sync_us(replica));
}

/* ---- begin and end ---- */

static void
gather_held(PdkReplica *replica)
{
	PdkLeading *leading = &replica->leading;
	int64_t zxid;
	leading->log_end = pdk_history_empty(replica->history) ? 0 : pdk_history_last(replica->history);
	for (unsigned i = 0;; i++) {
		GBytes *txn = replica->hooks.held(replica->hooks.context, i, &zxid);
		if (txn == NULL)
			return;
		pdk_assert(zxid > leading->log_end);
		keep_txn(replica, zxid, txn);
		leading->log_end = zxid;
	}
}

void
pdk_leader_begin(PdkReplica *replica)
{
	PdkLeading *leading = &replica->leading;
	pdk_assert(!leading->leading);
	*leading = (PdkLeading){
		.leading = true,
		.begun_us = replica->now_us,
		.epoch = -1,
		.candidate = -1,
		.due_us = replica->now_us + pdk_replica_init_us(replica),
		.initial_zxid = replica->last_logged,
		.summary_epoch = replica->current_epoch,
		.may_commit = true,
		.txns = g_array_new(FALSE, FALSE, sizeof(PdkProposal)),
	};
	gather_held(replica);
	pdk_assert(leading->log_end <= leading->initial_zxid);
	raise_candidate(leading, MAX(replica->accepted_epoch, replica->saving_accepted));
	raise_candidate(leading, replica->refused_epoch);
	if (pdk_members_votes(replica->committed, replica->params.self))
		pdk_sids_add(&leading->connecting, replica->params.self);
	choose_epoch(replica);
	pdk_handlers_begin(replica);
}

void
pdk_leader_end(PdkReplica *replica)
{
	PdkLeading *leading = &replica->leading;
	if (!leading->leading)
		return;
	pdk_handlers_drop_all(replica);
	for (guint i = 0; i < n_txns(leading); i++)
		g_bytes_unref(txn_at(leading, i)->txn);
	g_array_unref(leading->txns);
	g_clear_pointer(&leading->proposed_members, pdk_members_unref);
	*leading = (PdkLeading){.epoch = -1};
}

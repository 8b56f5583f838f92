/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Servers that hold nothing of the history: what their word counts for in discovery, and who is told. Changes when that does.
 *
 * A server is fresh until it has been through its first synchronisation: it starts for the first time, or its disk was replaced,
 * and nobody can tell which. In the second case it has forgotten two things that others rely on: txns it acked, and epochs it
 * promised. Java lets it vote all the same (db.autocreate is true by default), so that it and one server that was away make a
 * quorum which never heard of what the rest has acknowledged.
 *
 * Here the ACKEPOCH of a fresh voter does not count for a leader with history, unless every voter of the committed configuration
 * has sent an ACKEPOCH other than -1 over a connection that still stands, and none is ahead. Why that is enough, as long as no
 * quorum is fresh at once: let F be the fresh voters.
 * - Counted without F, a quorum of ACKEPOCHs comes from servers that remember, and everything is as before.
 * - Counted with F, all voters have answered. Each quorum has a member outside of F, which remembers. Had a quorum promised this
 *   epoch to another leader, that member would have said -1; if it does so later, it says -1 to that one. So an epoch is
 *   established once. Had a quorum acked a txn, that member would hold it, or what a later epoch put in its place, and as it is
 *   not ahead of this leader, this leader holds it, too.
 *
 * What was promised to a leader that is to come is forgotten, too, when a fresh voter joins one that leads already: until syncLimit
 * is over, one that the others have left does not know it. With this voter it would go on in its old epoch beside the new one; and
 * were it only to bring this voter up, the two could be a quorum later that never heard of the new one. So a leader brings a fresh
 * voter up only when it is established, and when followers that are a quorum with it have answered a PING of later than that
 * voter's ACKEPOCH: one of them would be in the quorum of the higher epoch, and would have left this leader, or not promised yet.
 * Who was counted by the rule above needs none of this.
 *
 * A leader that is fresh itself counts all alike: a first start. A voter with history is ahead of it and refused.
 *
 * Java leaders know nothing of this. They neither count nor refuse a zxid of -1 (their own for a database not to be trusted), so
 * that is what a fresh voter says to a leader with history, unless the election told that every voter named this leader in one
 * round: then none of them holds more than it does, and what leaders before it began has ended. Where an operator has put Java's
 * file `initialize` it says 0, with a word behind the epoch, which Java does not read, that tells a leader here to count it.
 */
#include "replica/replica-private.h"

#define SAY_AGAIN_US (60 * INT64_C(1000000))
#define TRUSTED 1 /* the word behind the epoch */

/*
 * currentEpoch rises from 0 at the end of the first synchronisation. Txns of epochs without that come from a synchronisation that
 * broke off; those of epoch 0 were logged stand-alone, before there was an ensemble.
 */
static bool
holds_nothing(int64_t current_epoch, int64_t zxid)
{
	return zxid == PDK_NO_ZXID || (current_epoch == 0 && (zxid == 0 || pdk_zxid_epoch(zxid) > 0));
}

/* ---- at a learner ---- */

bool
pdk_fresh_learner(const PdkReplica *replica)
{
	return !replica->trusted && pdk_members_votes(replica->committed, replica->params.self) &&
	       holds_nothing(replica->current_epoch, replica->learning.base);
}

void
pdk_fresh_put_ackepoch(const PdkReplica *replica, PdkBuffer *out, int32_t epoch)
{
	const PdkLearning *learning = &replica->learning;
	bool empty = learning->base == 0 && replica->current_epoch == 0;
	bool history = replica->vote.zxid > 0 || replica->vote.peer_epoch > 0;
	bool silent = empty && history && epoch != -1 && !replica->unanimous && pdk_fresh_learner(replica);
	uint8_t data[8];
	pdk_store_u32(data, (uint32_t)epoch);
	pdk_store_u32(data + 4, TRUSTED);
	int64_t logged = learning->asks_snapshot ? 0 : learning->base;
	pdk_put_packet(out, PDK_PACKET_ACKEPOCH, silent ? PDK_NO_ZXID : logged, data,
		       empty && replica->trusted ? sizeof data : 4);
}

/* Who is brought up at once needs no advice. */
static bool
time_to_say(PdkReplica *replica, int64_t since_us)
{
	int64_t at_us = MAX(since_us + (int64_t)replica->params.tick_ms * 1000, replica->fresh_say_us);
	if (replica->now_us < at_us) {
		pdk_replica_deadline(replica, at_us);
		return false;
	}
	replica->fresh_say_us = replica->now_us + SAY_AGAIN_US;
	return true;
}

void
pdk_fresh_learner_turn(PdkReplica *replica)
{
	const PdkLearning *learning = &replica->learning;
	if (learning->stage != PDK_LEARNER_SYNC || !pdk_fresh_learner(replica) || !time_to_say(replica, learning->heard_us))
		return;
	const char *directory = replica->params.log_dir;
	pdk_replica_say(replica, PDK_LOG_WARNING, "this server holds nothing while others have history, and leader %" PRId64
			" has no quorum without it: its vote does not count until every voter is heard (by an Apache leader: in one election); "
			"if this is a first start and those that are missing are gone for good, create %s%sinitialize and restart it",
			learning->leader, directory ? directory : "", directory ? "/" : "");
}

/* ---- at a leader ---- */

static bool
leads_with_history(const PdkReplica *replica)
{
	const PdkLeading *leading = &replica->leading;
	return leading->initial_zxid != 0 || leading->summary_epoch != 0 || leading->electing_finished;
}

void
pdk_fresh_take_ackepoch(PdkReplica *replica, PdkHandler *handler, PdkSlice data)
{
	const PdkLeading *leading = &replica->leading;
	handler->current_epoch = (int32_t)pdk_load_u32(data.data);
	bool trusted = data.length >= 8 && pdk_load_u32(data.data + 4) == TRUSTED;
	bool alone = leading->leading && leading->summary_epoch > 0 && handler->current_epoch == 0;
	handler->fresh = !trusted && handler->current_epoch != -1 &&
			 (alone || holds_nothing(handler->current_epoch, handler->last_zxid));
	/* It came before, to this leader or to another of this epoch, and was not brought up. */
	bool again = !trusted && handler->current_epoch == -1 && handler->last_zxid <= 0;
	handler->forgetful = leading->leading && (handler->fresh || again) && !handler->observer &&
			     pdk_members_votes(replica->committed, handler->sid);
	/* Who says that it has none to a leader without history is not one of ours (ZOOKEEPER-2325). */
	if (handler->fresh && handler->last_zxid == PDK_NO_ZXID && leads_with_history(replica))
		handler->last_zxid = 0;
}

bool
pdk_fresh_counts(const PdkReplica *replica, const PdkHandler *handler)
{
	return handler->last_zxid != PDK_NO_ZXID && !(handler->fresh && leads_with_history(replica));
}

static const PdkHandler *
heard(const PdkReplica *replica, int64_t sid)
{
	for (const PdkHandler *handler = replica->handlers; handler; handler = handler->next)
		if (handler->sid == sid && handler->stage == PDK_HANDLER_SUMMARY && !handler->gone && !handler->observer &&
		    handler->current_epoch != -1 && handler->last_zxid != PDK_NO_ZXID)
			return handler;
	return NULL;
}

/* Voters that were not heard; one without weight is in no quorum for what it says. */
static bool
is_missing(const PdkReplica *replica, const PdkMember *member)
{
	return !member->observer && member->sid != replica->params.self &&
	       pdk_members_weight(replica->committed, member->sid) != 0 && !heard(replica, member->sid);
}

bool
pdk_fresh_all_heard(const PdkReplica *replica, int64_t but)
{
	for (unsigned i = 0; i < pdk_members_count(replica->committed); i++) {
		const PdkMember *member = pdk_members_at(replica->committed, i);
		if (member->sid != but && is_missing(replica, member))
			return false;
	}
	return true;
}

void
pdk_fresh_electing_finished(PdkReplica *replica)
{
	bool all = pdk_fresh_all_heard(replica, -1);
	for (PdkHandler *handler = replica->handlers; handler; handler = handler->next)
		if (handler->stage == PDK_HANDLER_SUMMARY && (all || pdk_sids_has(&replica->leading.accepted, handler->sid)))
			handler->forgetful = false;
}

/* ---- who is vouched for ---- */

static bool
may_vouch(const PdkHandler *handler)
{
	return handler->stage == PDK_HANDLER_LIVE && !handler->gone && !handler->observer;
}

/* An answer that is on its way will not do: it may be older than what is to be vouched for. */
static void
ask_followers(PdkReplica *replica)
{
	replica->leading.vouch_round++;
	for (PdkHandler *handler = replica->handlers; handler; handler = handler->next) {
		if (!may_vouch(handler))
			continue;
		pdk_handler_ping(replica, handler);
		handler->vouches_at = handler->pings;
	}
}

bool
pdk_fresh_may_come(PdkReplica *replica, PdkHandler *handler)
{
	if (!handler->forgetful)
		return true;
	if (!replica->leading.established)
		return false;
	if (handler->vouchers == 0) {
		ask_followers(replica);
		handler->vouchers = replica->leading.vouch_round;
	}
	PdkSids sids;
	sids.n = 0;
	pdk_sids_add(&sids, replica->params.self);
	for (const PdkHandler *other = replica->handlers; other; other = other->next)
		if (may_vouch(other) && other->vouched >= handler->vouchers)
			pdk_sids_add(&sids, other->sid);
	handler->forgetful = !pdk_leader_quorum(replica, &sids);
	return !handler->forgetful;
}

void
pdk_fresh_pong(PdkReplica *replica, PdkHandler *handler)
{
	handler->pongs++;
	if (handler->pongs < handler->vouches_at || handler->vouched == replica->leading.vouch_round)
		return;
	handler->vouched = replica->leading.vouch_round;
	for (PdkHandler *other = replica->handlers; other; other = other->next)
		if (other->forgetful)
			pdk_handler_advance(replica, other);
}

/* ---- what the operator is told ---- */

static char *
missing(const PdkReplica *replica)
{
	GString *text = g_string_new(NULL);
	for (unsigned i = 0; i < pdk_members_count(replica->committed); i++) {
		const PdkMember *member = pdk_members_at(replica->committed, i);
		if (is_missing(replica, member))
			g_string_append_printf(text, "%s%" PRId64, text->len ? ", " : "", member->sid);
	}
	return g_string_free(text, FALSE);
}

void
pdk_fresh_leader_turn(PdkReplica *replica)
{
	const PdkLeading *leading = &replica->leading;
	const PdkHandler *handler = replica->handlers;
	if (!leading->epoch_fixed || leading->electing_finished)
		return;
	while (handler && (handler->gone || !handler->fresh || handler->stage != PDK_HANDLER_SUMMARY))
		handler = handler->next;
	if (handler == NULL || !time_to_say(replica, leading->begun_us))
		return;
	g_autofree char *names = missing(replica);
	pdk_replica_say(replica, PDK_LOG_WARNING, "server %" PRId64 " holds nothing while this leader has history: its vote does not "
			"count until every voter is heard, missing: %s; if this is its first start and they are gone for good, create "
			"the file initialize in the log directory of server %" PRId64 " and restart that",
			handler->sid, names, handler->sid);
}

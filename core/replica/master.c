/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A follower that serves observers in its leader's place, and the choice an observer makes among such. Changes when what one of
 * them does differs from a leader or from a follower. Source: ObserverMaster, QuorumPeer.getNextObserverMaster.
 *
 * What is applied at this follower is what counts as committed. An observer's connection is a PdkHandler like any at a leader.
 */
#include "replica/replica-private.h"

#define PATIENCE_TICKS 2

/* ---- the follower ---- */

bool
pdk_master_serves(const PdkReplica *replica)
{
	return replica->params.observer_master_port > 0 && replica->role == PDK_PEER_FOLLOWING &&
	       replica->learning.stage == PDK_LEARNER_LIVE && replica->serving;
}

int64_t
pdk_master_epoch(const PdkReplica *replica)
{
	return replica->leading.leading ? replica->leading.epoch : replica->current_epoch;
}

void
pdk_master_begin(PdkReplica *replica)
{
	replica->master = (PdkMaster){
		.syncs = g_array_new(FALSE, FALSE, sizeof(PdkAsked)),
		.revalidations = g_array_new(FALSE, FALSE, sizeof(PdkAsked)),
		.activations = g_array_new(FALSE, FALSE, sizeof(PdkActivation)),
	};
}

void
pdk_master_end(PdkReplica *replica)
{
	PdkMaster *master = &replica->master;
	const PdkLearning *learning = &replica->learning;
	if (learning->through >= 0 && learning->stage > PDK_LEARNER_DIALLING && learning->stage < PDK_LEARNER_LIVE)
		replica->masters_failed++;
	pdk_handlers_drop_all(replica);
	g_clear_pointer(&master->syncs, g_array_unref);
	g_clear_pointer(&master->revalidations, g_array_unref);
	g_clear_pointer(&master->activations, g_array_unref);
}

void
pdk_master_turn(PdkReplica *replica)
{
	PdkMaster *master = &replica->master;
	if (replica->handlers == NULL || !pdk_master_serves(replica))
		return;
	if (replica->now_us >= master->ping_at_us) {
		master->ping_at_us = replica->now_us + (int64_t)replica->params.tick_ms * 500;
		for (PdkHandler *handler = replica->handlers; handler; handler = handler->next)
			pdk_handler_ping(replica, handler);
	}
	pdk_replica_deadline(replica, master->ping_at_us);
}

/* ---- what is broadcast ---- */

void
pdk_master_activated(PdkReplica *replica, int64_t zxid, int64_t designated)
{
	PdkActivation activation = {zxid, designated};
	if (replica->handlers && zxid > replica->hooks.applied(replica->hooks.context))
		g_array_append_val(replica->master.activations, activation);
}

/* Was @zxid a reconfiguration? Then *@designated is the leader that it named, -1: none. */
static bool
take_activation(PdkMaster *master, int64_t zxid, int64_t *designated)
{
	bool found = false;
	guint n = 0;
	for (; n < master->activations->len; n++) {
		const PdkActivation *activation = &g_array_index(master->activations, PdkActivation, n);
		if (activation->zxid > zxid)
			break;
		found = activation->zxid == zxid;
		*designated = activation->designated;
	}
	if (n > 0)
		g_array_remove_range(master->activations, 0, n);
	return found;
}

void
pdk_master_applied(PdkReplica *replica, int64_t zxid, GBytes *txn)
{
	int64_t designated = -1;
	if (!pdk_master_serves(replica))
		return;
	/* -1 would make a plain INFORM of it. */
	bool activates = take_activation(&replica->master, zxid, &designated);
	if (activates && designated < 0)
		designated = replica->learning.leader;
	for (PdkHandler *handler = replica->handlers; handler; handler = handler->next)
		pdk_handler_commit(replica, handler, zxid, txn, activates ? designated : -1);
}

/* ---- questions of observers, and the leader's answers ---- */

static void
ask(GArray *questions, PdkLearnerId from, int64_t session)
{
	PdkAsked asked = {from, session};
	g_array_append_val(questions, asked);
}

static PdkHandler *
find_asker(PdkReplica *replica, PdkLearnerId from)
{
	for (PdkHandler *handler = replica->handlers; handler; handler = handler->next)
		if (handler->id == from)
			return handler;
	return NULL;
}

void
pdk_master_request(PdkReplica *replica, PdkHandler *handler, int64_t session, int32_t cxid, int32_t op, PdkSlice body,
		   PdkSlice auth)
{
	if (!pdk_master_serves(replica))
		return;
	if (op == PDK_OP_SYNC_REQUEST)
		ask(replica->master.syncs, handler->id, session);
	pdk_learner_request(replica, session, cxid, op, body, auth);
}

void
pdk_master_revalidate(PdkReplica *replica, PdkHandler *handler, int64_t session, int32_t timeout_ms)
{
	if (!pdk_master_serves(replica))
		return;
	replica->hooks.moved(replica->hooks.context, session);
	ask(replica->master.revalidations, handler->id, session);
	pdk_learner_ask_revalidation(replica, session, timeout_ms);
}

void
pdk_master_own_sync(PdkReplica *replica)
{
	ask(replica->master.syncs, 0, 0);
}

void
pdk_master_own_revalidate(PdkReplica *replica, int64_t session)
{
	ask(replica->master.revalidations, 0, session);
}

/* It goes out behind what was committed before it. */
bool
pdk_master_sync_done(PdkReplica *replica)
{
	GArray *syncs = replica->master.syncs;
	if (syncs->len == 0)
		return false;
	PdkLearnerId from = g_array_index(syncs, PdkAsked, 0).from;
	g_array_remove_index(syncs, 0);
	if (from == 0)
		return false;
	PdkHandler *handler = find_asker(replica, from);
	if (handler == NULL)
		return true;
	g_array_append_val(handler->syncs, replica->learning.commit_upto);
	pdk_handler_answer_syncs(replica, handler, replica->hooks.applied(replica->hooks.context));
	return true;
}

bool
pdk_master_revalidated(PdkReplica *replica, int64_t session, bool valid)
{
	GArray *questions = replica->master.revalidations;
	guint i = 0;
	while (i < questions->len && g_array_index(questions, PdkAsked, i).session != session)
		i++;
	if (i == questions->len)
		return false;
	PdkLearnerId from = g_array_index(questions, PdkAsked, i).from;
	g_array_remove_index(questions, i);
	if (from == 0)
		return false;
	PdkHandler *handler = find_asker(replica, from);
	if (handler)
		pdk_handler_revalidated(replica, handler, session, valid);
	return true;
}

/* ---- the observer ---- */

char *
pdk_master_address(const PdkReplica *replica, const PdkMember *member, unsigned index)
{
	const char *host = member->addresses[index].host;
	bool bare = strchr(host, ':') != NULL;
	return g_strdup_printf(bare ? "[%s]:%d" : "%s:%d", host, replica->params.observer_master_port);
}

static bool
is_known(const GArray *sids, int64_t sid)
{
	for (guint i = 0; i < sids->len; i++)
		if (g_array_index(sids, int64_t, i) == sid)
			return true;
	return false;
}

static void
shuffle(PdkReplica *replica, GArray *sids)
{
	for (guint i = sids->len; i > 1; i--) {
		guint j = (guint)pdk_random_below(&replica->random, i);
		int64_t sid = g_array_index(sids, int64_t, j);
		g_array_index(sids, int64_t, j) = g_array_index(sids, int64_t, i - 1);
		g_array_index(sids, int64_t, i - 1) = sid;
	}
}

/* The voters, in an order of chance that stays until they change. */
static const GArray *
voters_in_order(PdkReplica *replica)
{
	GArray *now = g_array_new(FALSE, FALSE, sizeof(int64_t));
	bool same = replica->masters != NULL;
	for (unsigned i = 0; i < pdk_members_count(replica->committed); i++) {
		const PdkMember *member = pdk_members_at(replica->committed, i);
		if (member->observer)
			continue;
		g_array_append_val(now, member->sid);
		same = same && is_known(replica->masters, member->sid);
	}
	if (same && now->len == replica->masters->len) {
		g_array_unref(now);
		return replica->masters;
	}
	g_clear_pointer(&replica->masters, g_array_unref);
	shuffle(replica, now);
	return replica->masters = now;
}

/*
 * When all were tried in vain, and for a while (after an election followers need a moment), it is the leader's turn; then theirs
 * again.
 */
char *
pdk_master_choose(PdkReplica *replica, int64_t *sid)
{
	*sid = -1;
	if (replica->params.observer_master_port == 0)
		return NULL;
	const GArray *voters = voters_in_order(replica);
	PdkLearning *learning = &replica->learning;
	int64_t patience_us = PATIENCE_TICKS * (int64_t)replica->params.tick_ms * 1000;
	bool refused = learning->masters_tried >= voters->len && replica->now_us - learning->begun_us >= patience_us;
	if (refused || replica->masters_failed >= voters->len) {
		learning->masters_tried = replica->masters_failed = 0;
		return NULL;
	}
	learning->masters_tried++;
	*sid = g_array_index(voters, int64_t, replica->next_master++ % voters->len);
	const PdkMember *member = pdk_members_find(replica->committed, *sid);
	return pdk_master_address(replica, member, replica->next_master / voters->len % member->n_addresses);
}

void
pdk_master_chosen(PdkReplica *replica)
{
	replica->masters_failed = 0;
}

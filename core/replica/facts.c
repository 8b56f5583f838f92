/* SPDX-License-Identifier: Apache-2.0 */
/* What can be seen of a replica from outside, and the walk that verifies it. Changes with what readers want to know. */
#include "replica/replica-private.h"

static const char *
phase_of(const PdkReplica *replica)
{
	if (replica->role == PDK_PEER_LOOKING)
		return "election";
	if (replica->role == PDK_PEER_LEADING) {
		if (replica->leading.established)
			return "broadcast";
		return replica->leading.electing_finished ? "synchronization" : "discovery";
	}
	if (replica->learning.stage == PDK_LEARNER_LIVE)
		return "broadcast";
	return replica->learning.stage >= PDK_LEARNER_SYNC ? "synchronization" : "discovery";
}

static const char *
sync_mode_of(const PdkReplica *replica)
{
	static const char *const names[] = {
		[PDK_SYNC_NONE] = "NONE", [PDK_SYNC_DIFF] = "DIFF", [PDK_SYNC_TRUNC] = "TRUNC", [PDK_SYNC_SNAP] = "SNAP"};
	bool learns = replica->role == PDK_PEER_FOLLOWING || replica->role == PDK_PEER_OBSERVING;
	return names[learns ? replica->learning.mode : PDK_SYNC_NONE];
}

static void
count_learners(const PdkReplica *replica, PdkReplicaFacts *into)
{
	for (const PdkHandler *handler = replica->handlers; handler; handler = handler->next) {
		into->learners++;
		if (handler->stage == PDK_HANDLER_SYNC || handler->stage == PDK_HANDLER_NEWLEADER)
			into->pending_syncs++;
		if (handler->stage != PDK_HANDLER_LIVE)
			continue;
		if (handler->observer)
			into->synced_observers++;
		else if (pdk_members_votes(replica->committed, handler->sid))
			into->synced_followers++;
		else
			into->synced_non_voters++;
	}
}

static int64_t
observed(const PdkReplica *replica)
{
	const PdkLearning *learning = &replica->learning;
	if (replica->role != PDK_PEER_OBSERVING || learning->stage <= PDK_LEARNER_DIALLING)
		return -1;
	return learning->through >= 0 ? learning->through : learning->leader;
}

void
pdk_replica_facts(const PdkReplica *replica, PdkReplicaFacts *into)
{
	*into = (PdkReplicaFacts){
		.role = replica->role,
		.serving = replica->serving,
		.epoch = replica->accepted_epoch,
		.leader = replica->role == PDK_PEER_LOOKING ? -1 : replica->vote.leader,
		.phase = phase_of(replica),
		.sync_mode = sync_mode_of(replica),
		.quorum_size = pdk_members_voters(replica->committed),
		.leading_since_us = replica->role == PDK_PEER_LEADING ? replica->leading.begun_us : 0,
		.last_proposal_bytes = replica->last_proposal_bytes,
		.min_proposal_bytes = replica->min_proposal_bytes,
		.max_proposal_bytes = replica->max_proposal_bytes,
		.election_ms = replica->election_ms,
		.observed = observed(replica),
	};
	into->serves_observers = replica->role == PDK_PEER_FOLLOWING && replica->params.observer_master_port > 0;
	if (replica->role == PDK_PEER_LEADING || into->serves_observers)
		count_learners(replica, into);
}

PdkPeerState
pdk_replica_role(const PdkReplica *replica)
{
	return replica->role;
}

bool
pdk_replica_serving(const PdkReplica *replica)
{
	return replica->serving;
}

int64_t
pdk_replica_looking_since(const PdkReplica *replica)
{
	return replica->role == PDK_PEER_LOOKING && !replica->stopping ? replica->looking_since_us : 0;
}

const PdkMembers *
pdk_replica_members(const PdkReplica *replica)
{
	return replica->committed;
}

/* Proposals wait in rising order, behind what is committed; acks are owed in the same order. */
static void
check_learning(const PdkReplica *replica)
{
	const PdkLearning *learning = &replica->learning;
	int64_t before = 0;
	pdk_assert(learning->stage != PDK_LEARNER_OFF);
	pdk_assert(learning->queue_head <= learning->queue->len && learning->ack_head <= learning->to_ack->len);
	for (unsigned i = learning->queue_head; i < learning->queue->len; i++) {
		int64_t zxid = g_array_index(learning->queue, PdkReceived, i).zxid;
		pdk_assert(zxid > before);
		before = zxid;
	}
	pdk_assert(before == 0 || before == learning->received);
	before = 0;
	for (unsigned i = learning->ack_head; i < learning->to_ack->len; i++) {
		int64_t zxid = g_array_index(learning->to_ack, int64_t, i);
		pdk_assert(zxid > before && zxid <= learning->received);
		before = zxid;
	}
	pdk_assert(learning->stage != PDK_LEARNER_LIVE || replica->current_epoch == learning->epoch);
	pdk_assert(learning->stage < PDK_LEARNER_SYNC || replica->accepted_epoch == learning->epoch);
}

void
pdk_replica_check(const PdkReplica *replica)
{
	int64_t before = replica->hooks.applied(replica->hooks.context), zxid;
	pdk_assert(replica->accepted_epoch >= replica->current_epoch);
	pdk_assert(pdk_members_version(replica->last_seen) >= pdk_members_version(replica->committed));
	pdk_assert(!replica->serving || replica->role != PDK_PEER_LOOKING);
	pdk_assert((replica->role == PDK_PEER_LEADING) == replica->leading.leading);
	if (!replica->unfit && !replica->reloading && replica->learning.stage != PDK_LEARNER_SNAPSHOT)
		for (unsigned i = 0; replica->hooks.held(replica->hooks.context, i, &zxid); i++) {
			pdk_assert(zxid > before && zxid <= replica->last_logged);
			before = zxid;
		}
	if (replica->role == PDK_PEER_FOLLOWING || replica->role == PDK_PEER_OBSERVING)
		check_learning(replica);
	else
		pdk_assert(replica->learning.stage == PDK_LEARNER_OFF);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a server tells of its vote, and when again; changes when that does. Source: FastLeaderElection.WorkerReceiver, WorkerSender. */
#include "fle.h"

PdkVote
fle_with_round(const PdkVote *vote, int64_t round)
{
	return (PdkVote){.leader = vote->leader, .zxid = vote->zxid, .round = round, .peer_epoch = vote->peer_epoch};
}

bool
fle_same_vote(const PdkVote *a, const PdkVote *b)
{
	return a->leader == b->leader && a->zxid == b->zxid && a->round == b->round && a->peer_epoch == b->peer_epoch;
}

void
fle_tell(PdkElection *self, int64_t sid, const PdkVote *vote, int64_t round)
{
	const PdkVote told = fle_with_round(vote, round);
	g_autoptr(GBytes) message = notification_write(self->state, &told, self->ensemble->committed_text,
						       self->ensemble->committed_length);

	self->out->send(self->out->context, sid, message);
}

/*
 * Tells a peer, unless it was told the very same less than @again_us ago: two servers that do not count each other as voters
 * would answer each other's answers for ever, as fast as the network goes.
 */
void
fle_answer(PdkElection *self, int64_t sid, const PdkVote *vote, int64_t round, int64_t again_us)
{
	const PdkVote told = fle_with_round(vote, round);
	Peer *peer = fle_peer(self, sid);

	if (peer == NULL || sid == self->ensemble->self)
		return;
	if (peer->answered && peer->answer_state == self->state && fle_same_vote(&peer->answer, &told) &&
	    self->now_us - peer->answered_us < again_us)
		return;
	peer->answered = true;
	peer->answer = told;
	peer->answer_state = self->state;
	peer->answered_us = self->now_us;
	fle_tell(self, sid, vote, round);
}

/* sendNotifications: to this server, too, whose own vote comes back like any other. */
void
fle_tell_voters(PdkElection *self)
{
	for (unsigned i = 0; i < self->ensemble->n_voters; i++)
		fle_tell(self, self->ensemble->voters[i], &self->proposal, self->clock);
	self->resend_us = self->now_us + self->interval_us;
}

/* Those without a vote would learn who leads only when they ask again. */
void
fle_tell_waiting(PdkElection *self)
{
	for (unsigned i = 0; i < self->waiting->len; i++) {
		int64_t sid = g_array_index(self->waiting, int64_t, i);
		Peer *peer = g_hash_table_lookup(self->peers, &sid);
		peer->waits = false;
		fle_answer(self, sid, &self->current, self->clock, FLE_SAME_ANSWER_US);
	}
	g_array_set_size(self->waiting, 0);
}

/* Did it say that it follows or leads, and that another leader than @leader does? */
static bool
settled_otherwise(const PdkElection *self, int64_t sid, int64_t leader)
{
	const Ballot *ballot = ballots_find(&self->outside, sid);

	return ballot && ballot->vote.leader != leader;
}

/*
 * Who counts on a vote that this server has changed, or on this server itself, would lead alone or follow one that does not
 * lead. Java says nothing here; there such a server waits for initLimit.
 */
void
fle_tell_mistaken(PdkElection *self, bool all)
{
	for (unsigned i = 0; i < self->ensemble->n_voters; i++) {
		int64_t sid = self->ensemble->voters[i];
		if (sid != self->ensemble->self && (all || settled_otherwise(self, sid, self->current.leader)))
			fle_tell(self, sid, &self->current, self->clock);
	}
}

/* Who asked just before this server searched will wait for the end with it; who asked long ago has had its answer. */
void
fle_forget_answered(PdkElection *self)
{
	for (unsigned i = self->waiting->len; i > 0; i--) {
		int64_t sid = g_array_index(self->waiting, int64_t, i - 1);
		Peer *peer = g_hash_table_lookup(self->peers, &sid);
		if (self->now_us - peer->looked_us < self->interval_min_us)
			continue;
		peer->waits = false;
		g_array_remove_index(self->waiting, i - 1);
	}
}

/* Observers and others without a vote ask; they are told of this server's vote, and of the next leader once there is one. */
void
fle_hear_without_vote(PdkElection *self, int64_t sid, bool looks)
{
	bool settled = self->state != PDK_PEER_LOOKING;
	Peer *peer = fle_peer(self, sid);

	if (settled || self->searches)
		fle_answer(self, sid, settled ? &self->current : &self->proposal, self->clock, FLE_SAME_ANSWER_US);
	if (!looks || peer == NULL)
		return;
	peer->looked_us = self->now_us;
	if (!peer->waits)
		g_array_append_val(self->waiting, sid);
	peer->waits = true;
}

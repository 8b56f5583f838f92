/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The search for a leader: rounds, whose votes count, and when it ends. Changes when that algorithm does. Source:
 * FastLeaderElection.lookForLeader.
 */
#include "fle.h"

static void
end(PdkElection *self, const PdkVote *vote)
{
	bool votes = fle_is_voter(self, self->ensemble->self);
	bool changed = vote->round == self->clock && vote->leader != self->proposal.leader;

	self->current = *vote;
	self->clock = vote->round;
	self->searches = false;
	self->state = vote->leader == self->ensemble->self ? PDK_PEER_LEADING :
		      self->ensemble->observes		   ? PDK_PEER_OBSERVING :
							     PDK_PEER_FOLLOWING;
	self->resend_us = self->finalize_us = INT64_MAX;
	self->host->log(self->host, PDK_LOG_INFO,
			"elected leader=%" G_GINT64_FORMAT " round=%" G_GINT64_FORMAT " zxid=0x%" G_GINT64_MODIFIER
			"x epoch=%" G_GINT64_FORMAT " after_ms=%" G_GINT64_FORMAT,
			vote->leader, vote->round, vote->zxid, vote->peer_epoch, (self->now_us - self->began_us) / MS_US);
	self->out->elected(self->out->context, vote, self->state);
	if (votes)
		fle_tell_mistaken(self, changed);
	fle_tell_waiting(self);
}

static Ballot
proposed(const PdkElection *self)
{
	return (Ballot){.vote = fle_with_round(&self->proposal, self->clock), .state = PDK_PEER_LOOKING};
}

bool
fle_quorum_agrees(const PdkElection *self)
{
	const Ballot ballot = proposed(self);

	return ballots_quorum(&self->received, self->ensemble, &ballot);
}

static bool
is_down(const PdkElection *self, int64_t sid)
{
	const Peer *peer = g_hash_table_lookup(self->peers, &sid);

	return peer && peer->was_up && peer->link == PDK_PEER_LINK_REFUSED;
}

/*
 * Has every voter named the proposed leader in this round, with @but_down but for those known to be down? Servers that start
 * together refuse each other for a moment; who decides then splits the votes.
 */
static bool
all_agree(const PdkElection *self, bool but_down)
{
	for (unsigned i = 0; i < self->ensemble->n_voters; i++) {
		int64_t sid = self->ensemble->voters[i];
		const Ballot *ballot = ballots_find(&self->received, sid);
		bool agrees = ballot && ballot->vote.leader == self->proposal.leader;
		if (!agrees && !(but_down && is_down(self, sid)))
			return false;
	}
	return true;
}

void
fle_end_with_proposal(PdkElection *self)
{
	const Ballot ballot = proposed(self);

	if (all_agree(self, false) && PDK_HAS(self->out, unanimous))
		self->out->unanimous(self->out->context);
	end(self, &ballot.vote);
}

/* Nobody is left who could bring a better vote: the wait is over before its time. */
void
fle_end_early(PdkElection *self)
{
	if (self->finalize_us != INT64_MAX && all_agree(self, true) && fle_quorum_agrees(self))
		fle_end_with_proposal(self);
}

/* checkLeader: the others may believe in a leader that is dead, so it must have said itself that it leads. */
bool
fle_leader_confirms(const PdkElection *self, const Ballots *ballots, const PdkVote *vote)
{
	if (vote->leader == self->ensemble->self)
		return self->clock == vote->round;
	const Ballot *ballot = ballots_find(ballots, vote->leader);
	return ballot && ballot->state == PDK_PEER_LEADING;
}

static void
join_round(PdkElection *self, int64_t round, PdkVote proposal)
{
	self->clock = round;
	g_array_set_size(self->received.ballots, 0);
	self->proposal = proposal;
	self->finalize_us = INT64_MAX;
	fle_tell_voters(self);
}

static void
hear_looking(PdkElection *self, int64_t sid, const PdkVote *vote)
{
	const Ballot ballot = proposed(self);

	if (self->initial.zxid == -1 || vote->zxid == -1)
		return; /* a database that is not to be trusted has no say */
	if (vote->round > self->clock) {
		join_round(self, vote->round, vote_beats(self->ensemble, vote, &self->initial) ? *vote : self->initial);
	} else if (vote->round < self->clock) {
		return; /* it was answered when it came */
	} else if (vote_beats(self->ensemble, vote, &self->proposal)) {
		self->proposal = *vote;
		self->finalize_us = INT64_MAX;
		fle_tell_voters(self);
	} else if (!fle_same_vote(vote, &ballot.vote) && fle_is_voter(self, self->ensemble->self)) {
		/* Perhaps it did not look yet when it was told. Else it would hear only when votes are sent again. */
		fle_answer(self, sid, &self->proposal, self->clock, INT64_MAX);
	}
	ballots_put(&self->received, &(Ballot){.sid = sid, .vote = *vote, .state = PDK_PEER_LOOKING});
	if (self->finalize_us != INT64_MAX || !fle_quorum_agrees(self))
		return;
	self->finalize_us = self->now_us + self->finalize_wait_us;
}

static void
hear_settled(PdkElection *self, int64_t sid, const Notification *heard)
{
	const PdkPeerState state = (PdkPeerState)heard->state;
	const Ballot ballot = {.sid = sid, .vote = heard->vote, .state = state, .version = heard->version};

	if (heard->vote.round == self->clock) {
		const Ballot of_this_round = {.sid = sid, .vote = heard->vote, .state = state};
		ballots_put(&self->received, &of_this_round);
		if (ballots_quorum(&self->received, self->ensemble, &ballot) &&
		    fle_leader_confirms(self, &self->received, &heard->vote)) {
			end(self, &heard->vote);
			return;
		}
	}
	ballots_put(&self->outside, &ballot);
	if (ballots_quorum(&self->outside, self->ensemble, &ballot) && fle_leader_confirms(self, &self->outside, &heard->vote))
		end(self, &heard->vote);
}

/* While a quorum waits, only a better vote moves it on; an equal one of the round shortens the wait. */
static bool
waits_through(const PdkElection *self, const PdkVote *vote)
{
	return self->finalize_us != INT64_MAX && vote->round != self->clock &&
	       !vote_beats(self->ensemble, vote, &self->proposal);
}

/* The loop of lookForLeader. */
void
fle_hear_while_looking(PdkElection *self, int64_t sid, const Notification *heard)
{
	if (!fle_is_voter(self, heard->vote.leader)) {
		/*
		 * A voter of a list under way that has no vote by the list in force names nobody until it hears of a leader, and is needed
		 * for a quorum of both: in a later round it would not hear.
		 */
		if (heard->state == PDK_PEER_LOOKING && heard->vote.round > self->clock)
			join_round(self, heard->vote.round, self->initial);
		return;
	}
	if (heard->state == PDK_PEER_LOOKING && !waits_through(self, &heard->vote))
		hear_looking(self, sid, &heard->vote);
	else if (heard->state == PDK_PEER_FOLLOWING || heard->state == PDK_PEER_LEADING)
		hear_settled(self, sid, heard);
	if (self->searches)
		fle_end_early(self);
}

/*
 * Servers notice at different moments that a leader is gone. Who noticed first has spoken before this server searched, and will
 * not soon say it again, so its vote is kept for a while.
 */
void
fle_keep_for_search(PdkElection *self, int64_t sid, const PdkVote *vote)
{
	Peer *peer = fle_peer(self, sid);

	if (peer == NULL)
		return;
	peer->looked = true;
	peer->looked_for = *vote;
	peer->looked_us = self->now_us;
}

void
fle_hear_what_was_kept(PdkElection *self)
{
	for (unsigned i = 0; i < self->ensemble->n_voters && self->searches; i++) {
		int64_t sid = self->ensemble->voters[i];
		Peer *peer = g_hash_table_lookup(self->peers, &sid);
		if (peer == NULL || !peer->looked)
			continue;
		peer->looked = false;
		const Notification kept = {.state = PDK_PEER_LOOKING, .vote = peer->looked_for};
		if (self->now_us - peer->looked_us < self->interval_min_us)
			fle_hear_while_looking(self, sid, &kept);
	}
}

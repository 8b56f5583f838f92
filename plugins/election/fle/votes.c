/* SPDX-License-Identifier: Apache-2.0 */
/* Votes: which of two is better, which are the same, who gave which. Changes when the rules of counting do. */
#include "votes.h"

bool
vote_beats(const PdkEnsemble *ensemble, const PdkVote *challenger, const PdkVote *holder)
{
	if (ensemble->weight(ensemble->context, challenger->leader) == 0)
		return false;
	if (challenger->peer_epoch != holder->peer_epoch)
		return challenger->peer_epoch > holder->peer_epoch;
	if (challenger->zxid != holder->zxid)
		return challenger->zxid > holder->zxid;
	return challenger->leader > holder->leader;
}

bool
ballot_equal(const Ballot *a, const Ballot *b)
{
	if (a->vote.leader != b->vote.leader)
		return false;
	if (a->state == PDK_PEER_LOOKING || b->state == PDK_PEER_LOOKING)
		return a->vote.zxid == b->vote.zxid && a->vote.round == b->vote.round &&
		       a->vote.peer_epoch == b->vote.peer_epoch;
	if ((a->version > 0) != (b->version > 0))
		return true;
	return a->vote.peer_epoch == b->vote.peer_epoch;
}

void
ballots_put(Ballots *ballots, const Ballot *ballot)
{
	for (unsigned i = 0; i < ballots->ballots->len; i++) {
		Ballot *known = &g_array_index(ballots->ballots, Ballot, i);
		if (known->sid == ballot->sid) {
			*known = *ballot;
			return;
		}
	}
	g_array_append_val(ballots->ballots, *ballot);
}

const Ballot *
ballots_find(const Ballots *ballots, int64_t sid)
{
	for (unsigned i = 0; i < ballots->ballots->len; i++) {
		const Ballot *ballot = &g_array_index(ballots->ballots, Ballot, i);
		if (ballot->sid == sid)
			return ballot;
	}
	return NULL;
}

bool
ballots_quorum(const Ballots *ballots, const PdkEnsemble *ensemble, const Ballot *ballot)
{
	g_autofree int64_t *sids = g_new(int64_t, ballots->ballots->len + 1);
	unsigned n = 0;

	for (unsigned i = 0; i < ballots->ballots->len; i++) {
		const Ballot *given = &g_array_index(ballots->ballots, Ballot, i);
		if (ballot_equal(given, ballot))
			sids[n++] = given->sid;
	}
	return ensemble->quorum(ensemble->context, sids, n);
}

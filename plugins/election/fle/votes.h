/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Votes: which of two is better, which are the same, who gave which. Changes when the rules of counting do.
 *
 * Source: FastLeaderElection (totalOrderPredicate, checkLeader), Vote (equals), SyncedLearnerTracker.
 */
#ifndef FLE_VOTES_H
#define FLE_VOTES_H

#include <paddock/election.h>

/* A vote as it was given: the state of the giver and the version of its message belong to it. */
typedef struct {
	int64_t sid; /* who gave it */
	PdkVote vote;
	PdkPeerState state;
	int32_t version;
} Ballot;

/* The last ballot of each voter. */
typedef struct {
	GArray *ballots; /* Ballot */
} Ballots;

/* Is @challenger better: a leader that weighs something, then epoch, zxid, sid. Epoch is the currentEpoch on disk. */
bool vote_beats(const PdkEnsemble *ensemble, const PdkVote *challenger, const PdkVote *holder);
/*
 * Do they count together? While one of them looks, in every field. Later zxid and round differ legally (a late joiner takes
 * what it heard), so leader and epoch decide; a message of version 0 knows no epoch, so beside it the leader alone.
 */
bool ballot_equal(const Ballot *a, const Ballot *b);

void ballots_put(Ballots *ballots, const Ballot *ballot);
const Ballot *ballots_find(const Ballots *ballots, int64_t sid);
/* Does a quorum give ballots equal to @ballot? */
bool ballots_quorum(const Ballots *ballots, const PdkEnsemble *ensemble, const Ballot *ballot);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fle: Apache ZooKeeper's FastLeaderElection. Voters that look tell each other the best server they know of, in rounds; the
 * election ends where a quorum names the same. Changes when what its parts know of each other does.
 *
 *   fle   options, life, events and messages      look  the search, and its end
 *   tell  who hears this server's vote            lead  what makes a leader doubt
 *
 * Source: FastLeaderElection (lookForLeader, WorkerReceiver, WorkerSender). What waits there for a while is a deadline here.
 */
#ifndef PDK_ELECTION_FLE_H
#define PDK_ELECTION_FLE_H

#include "notification.h"
#include "votes.h"

#include <paddock/host.h>

#define MS_US INT64_C(1000)
#define FLE_SAME_ANSWER_US 10000 /* between two answers to a peer that say the same */

typedef struct {
	int64_t sid;
	PdkPeerLink link;
	bool was_up;                     /* some time: a refused dial tells that it went, not that it is about to come */
	bool told_paxos, told_malformed; /* the operator knows */
	int64_t asked_version;           /* of the last configuration of this peer that the host was asked to adopt */
	bool answered;                   /* on this connection: the next three are set */
	PdkVote answer;
	PdkPeerState answer_state;
	int64_t answered_us;
	bool waits;                      /* has no vote, and looked at looked_us */
	bool left;                       /* while leading: looks again, in a later round than it was elected in */
	bool looked;                     /* has one, and looked while this server did not: the next two are set */
	PdkVote looked_for;
	int64_t looked_us;
} Peer;

struct PdkElection {
	const PdkHost *host;
	const PdkEnsemble *ensemble;
	int64_t finalize_wait_us, interval_min_us, interval_max_us;
	const PdkElectionOut *out; /* during a step */
	int64_t now_us;
	GHashTable *peers; /* sid -> Peer */
	GArray *waiting;   /* sids of those that wait */

	PdkPeerState state; /* LOOKING also before the first search, when there is nothing to do or say */
	bool searches;      /* looks, and was told with what history */
	PdkVote current; /* currentVote: what peers that look are told while this server does not */
	int64_t clock;   /* logicalclock: the round. Rises only, also across changes of the configuration */

	/* While looking. */
	PdkVote initial, proposal; /* their rounds are not used: the clock is */
	Ballots received; /* recvset: of this round */
	Ballots outside;  /* outofelection: of those that follow or lead, any round */
	Ballots against;  /* while leading: of those that follow or lead, this round */
	int64_t began_us;
	int64_t interval_us, resend_us; /* the vote is sent again then */
	int64_t finalize_us;            /* a quorum agrees, and waits until then; INT64_MAX: none does */

	int64_t armed_us; /* the deadline the host knows of */
};

/* ---- fle.c ---- */
bool fle_is_voter(const PdkElection *self, int64_t sid);
/* NULL: more peers than an ensemble has. */
Peer *fle_peer(PdkElection *self, int64_t sid);

/* ---- tell.c ---- */
PdkVote fle_with_round(const PdkVote *vote, int64_t round);
bool fle_same_vote(const PdkVote *a, const PdkVote *b);
void fle_tell(PdkElection *self, int64_t sid, const PdkVote *vote, int64_t round);
/* Tells a peer, unless it was told the very same less than @again_us ago. */
void fle_answer(PdkElection *self, int64_t sid, const PdkVote *vote, int64_t round, int64_t again_us);
/* Its proposal, to all, this server too. */
void fle_tell_voters(PdkElection *self);
/* Those without a vote that asked during the search. */
void fle_tell_waiting(PdkElection *self);
/* @all: every voter; else those that follow another leader. */
void fle_tell_mistaken(PdkElection *self, bool all);
/* A search begins: who asked long before it has had its answer. */
void fle_forget_answered(PdkElection *self);
void fle_hear_without_vote(PdkElection *self, int64_t sid, bool looks);

/* ---- look.c ---- */
bool fle_quorum_agrees(const PdkElection *self);
void fle_end_with_proposal(PdkElection *self);
/* Ends the search if nobody is left who could bring a better vote. */
void fle_end_early(PdkElection *self);
/* Did the leader of @vote say itself that it leads? */
bool fle_leader_confirms(const PdkElection *self, const Ballots *ballots, const PdkVote *vote);
void fle_hear_while_looking(PdkElection *self, int64_t sid, const Notification *heard);
/* A vote that came before the search: heard when that begins, if it does soon. */
void fle_keep_for_search(PdkElection *self, int64_t sid, const PdkVote *vote);
void fle_hear_what_was_kept(PdkElection *self);

/* ---- lead.c ---- */
/* While leading: a voter follows or leads. */
void fle_hear_against(PdkElection *self, int64_t sid, const Notification *heard);
/* While leading: a voter looks. */
void fle_hear_leaving(PdkElection *self, int64_t sid, const Notification *heard);
void fle_forget_who_left(PdkElection *self);

#endif

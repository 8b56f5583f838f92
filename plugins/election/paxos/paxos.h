/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single-decree Paxos as an election, as its files share it: the words, and who answers for what. Changes when a role is asked
 * something new.
 *
 *   paxos.c     the descriptor, birth, and which role hears an event
 *   proposer.c  runs a ballot: PREPARE, then ACCEPT
 *   acceptor.c  promises and accepts, and keeps both on disk before it says so
 *   learner.c   asks who leads, hears what was chosen, ends the looking
 *   peers.c     what is known of the other servers
 *   message.c   the bytes on the wire; record.c: the bytes on the disk; trace.c: the story for the reader
 *
 * An election is an *instance* I = (cv, k): the k-th attempt, begun under the configuration of version cv. At most one sid is
 * chosen in an instance. Instances are ordered by k, then by cv; ballots (n, sid) order the proposals within an instance.
 */
#ifndef PDK_PAXOS_H
#define PDK_PAXOS_H

#include <paddock/election.h>

#define PAXOS_RECORD_KEY "paxosPromise"
/* Attempts and ballots above this are nobody's: no sum of theirs overflows. */
#define PAXOS_LIMIT (INT64_C(1) << 48)
#define PAXOS_NEVER INT64_MAX
#define PAXOS_NOBODY INT64_C(-1)

typedef struct {
	int64_t cv; /* version of the newest configuration its proposers know */
	int64_t k;  /* attempt, >= 1; 0: there is no instance */
} PaxosInstance;

typedef struct {
	int64_t n; /* >= 1; 0: there is no ballot */
	int64_t sid;
} PaxosBallot;

/* How much history a server has; zxid -1: it does not say, or its database is not to be trusted. */
typedef struct {
	int64_t epoch, zxid;
} PaxosSummary;

/* Where a server stands, in its peers' eyes. */
typedef enum {
	PAXOS_LOOKING = 0,
	PAXOS_PENDING = 1,  /* left LOOKING for the chosen leader, and is not through discovery and synchronisation yet */
	PAXOS_ATTACHED = 2, /* leads, or follows, for good: it promises nothing */
} PaxosStatus;

/* ---- messages ---- */

typedef enum {
	PAXOS_QUERY = 1,
	PAXOS_STATUS = 2,
	PAXOS_PREPARE = 3,
	PAXOS_PROMISE = 4,
	PAXOS_ACCEPT = 5,
	PAXOS_ACCEPTED = 6,
	PAXOS_CHOSEN = 7,
	PAXOS_NACK = 8,
} PaxosType;

/* Which fields a type carries is said in message.c; the others are 0 after decoding. */
typedef struct {
	PaxosType type;
	PaxosInstance instance; /* what it is about; STATUS: where the sender stands; NACK: what it promised */
	PaxosBallot ballot;     /* NACK: what it promised */
	int64_t value;          /* sid of a leader, PAXOS_NOBODY: none */
	PaxosBallot accepted;   /* PROMISE: the ballot accepted in this instance, n 0: none yet */
	int64_t accepted_value;
	PaxosSummary summary;
	int64_t cv, k;     /* the sender's newest configuration; the attempt it would make */
	int64_t committed; /* version of the sender's committed configuration */
	PaxosStatus status;
	PaxosInstance spent;
	const uint8_t *text; /* the sender's committed configuration, if it is newer than the asker's; lent */
	size_t text_length;
} PaxosMessage;

GBytes *pdk_paxos_encode(const PaxosMessage *message);
/* False: not one of ours, or damaged. */
bool pdk_paxos_decode(const uint8_t *data, size_t length, PaxosMessage *message);

/* ---- the acceptor's memory ---- */

typedef struct {
	PaxosInstance instance; /* the highest one promised; what was accepted in an older one is forgotten */
	PaxosBallot ballot;     /* the highest one promised in it */
	PaxosBallot accepted;   /* n 0: nothing */
	int64_t value;
} PaxosRecord;

GBytes *pdk_paxos_record_encode(const PaxosRecord *record);
bool pdk_paxos_record_decode(GBytes *bytes, PaxosRecord *record);

typedef struct {
	PaxosRecord record; /* as it should be on the disk */
	uint64_t changes, saving, saved; /* changes so far; included in the save under way (0: none); durable */
	GQueue waiting; /* AcceptorReply: sent once the change it depends on is durable */
} PaxosAcceptor;

/* ---- the other roles ---- */

typedef enum {
	PAXOS_IDLE = 0,
	PAXOS_PREPARING = 1,
	PAXOS_ACCEPTING = 2,
} PaxosPhase;

typedef struct {
	int64_t sid;
	PaxosSummary summary;
} PaxosPromiser;

typedef struct {
	PaxosPhase phase;
	PaxosInstance instance;
	PaxosBallot ballot;
	bool said;            /* the own promise is durable, so PREPARE has left */
	GArray *promisers;    /* PaxosPromiser, this server included */
	PaxosBallot highest;  /* accepted ballot among the promises, n 0: none, and its value */
	int64_t highest_value;
	int64_t value;
	GArray *accepters;    /* int64_t */
	int64_t repeat_us;    /* the phase's messages are due again */

	int64_t ready_us;     /* since when a ballot could succeed, PAXOS_NEVER: it could not */
	int64_t hold_us;      /* until then another server's ballot has its chance */
	int64_t held_for;     /* that server */
	int64_t backoff_us;   /* no new ballot before this */
	int64_t backoff_width_us;
} PaxosProposer;

typedef struct {
	int64_t query_us;      /* QUERY is due again */
	int64_t query_until_us; /* then those that have not answered are waited for no longer */
	int64_t adopted;       /* version of the text handed to the host last; -1: none */
	bool announcing;       /* this server got the value chosen, and tells it to those who do not know */
	int64_t announce_us;
} PaxosLearner;

typedef struct {
	int64_t sid;
	PdkPeerLink link;
	/* Since this server began to look: */
	bool heard;    /* it said where it stands */
	bool looking;  /* ... and that it looks, may promise and knows no newer configuration */
	PaxosSummary summary; /* of one that looks */
	int64_t k;            /* the attempt it would make, or makes; 0: not known */
	int64_t follows;      /* whom it follows, or leads as, for good; PAXOS_NOBODY: not known */
	bool asks;     /* it waits to hear of a leader, and will not be told otherwise */
	bool untold;   /* CHOSEN was not acknowledged yet */
	bool called_fle, called_nonsense; /* that was logged */
} PaxosPeer;

struct PdkElection {
	const PdkHost *host;
	const PdkEnsemble *ensemble;
	bool trace;
	int64_t proposal_delay_us, backoff_min_us, backoff_max_us, query_us, query_round_us, phase_us;

	/* Of the step under way. */
	int64_t now_us;
	const PdkElectionOut *out;

	PaxosStatus status;
	bool looking;           /* LOOKING, and told what it has logged; between LOOK and `elected` */
	PaxosSummary summary;   /* while looking */
	PaxosInstance instance; /* PENDING, ATTACHED: which one named the leader */
	PdkVote vote;           /* PENDING, ATTACHED: what was elected, or settled */
	PaxosInstance spent;    /* the highest one whose leader was tried and lost; nothing up to it is acted on any more */
	int64_t spent_leader;
	PaxosInstance heard;    /* the highest one heard of, and the highest ballot in it */
	int64_t heard_n;

	GPtrArray *peers; /* PaxosPeer */
	PaxosAcceptor acceptor;
	PaxosProposer proposer;
	PaxosLearner learner;
};

/* ---- order ---- */

static inline int
pdk_paxos_compare(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

/*
 * By attempt first: should all servers that know a configuration under way be lost, the others, who may not name it, must be
 * able to rise above what they promised in it.
 */
static inline int
pdk_paxos_compare_instances(PaxosInstance a, PaxosInstance b)
{
	int by_k = pdk_paxos_compare(a.k, b.k);
	return by_k ? by_k : pdk_paxos_compare(a.cv, b.cv);
}

static inline int
pdk_paxos_compare_ballots(PaxosBallot a, PaxosBallot b)
{
	int by_n = pdk_paxos_compare(a.n, b.n);
	return by_n ? by_n : pdk_paxos_compare(a.sid, b.sid);
}

/* ---- paxos.c ---- */
/* To a peer, or at once to the role of this server that it is for. */
void pdk_paxos_send(PdkElection *self, int64_t sid, const PaxosMessage *message);
/* To every other voter that is not known to be down. */
void pdk_paxos_send_to_voters(PdkElection *self, const PaxosMessage *message);
/* Version of the newest configuration this server knows. */
int64_t pdk_paxos_cv(const PdkElection *self);
/* May it propose, and be chosen? */
bool pdk_paxos_may_vote(const PdkElection *self);
/* May it promise and accept in @instance? */
bool pdk_paxos_may_promise(const PdkElection *self, PaxosInstance instance);
/* The attempt it would make: above all it has spent, not below any it heard of. */
int64_t pdk_paxos_attempt(const PdkElection *self);
/* An instance was heard of, and a ballot of it (0: none). */
void pdk_paxos_note(PdkElection *self, PaxosInstance instance, int64_t n);
/* The end of looking: PENDING for @leader. */
void pdk_paxos_decide(PdkElection *self, PaxosInstance instance, int64_t leader);

/* ---- acceptor.c ---- */
void pdk_paxos_acceptor_prepare(PdkElection *self, int64_t from, const PaxosMessage *message);
void pdk_paxos_acceptor_accept(PdkElection *self, int64_t from, const PaxosMessage *message);
void pdk_paxos_acceptor_saved(PdkElection *self);
/* Replies not sent yet never will be: what they say of this server's history does not hold any more. */
void pdk_paxos_acceptor_forget(PdkElection *self);

/* ---- proposer.c ---- */
void pdk_paxos_proposer_init(PdkElection *self);
void pdk_paxos_proposer_clear(PdkElection *self);
/* No ballot, no pauses: looking begins or ends. */
void pdk_paxos_proposer_reset(PdkElection *self);
/* This server promised to, or accepted from, the proposer @sid. */
void pdk_paxos_proposer_yield(PdkElection *self, int64_t sid);
void pdk_paxos_proposer_promise(PdkElection *self, int64_t from, const PaxosMessage *message);
void pdk_paxos_proposer_accepted(PdkElection *self, int64_t from, const PaxosMessage *message);
void pdk_paxos_proposer_nack(PdkElection *self, int64_t from, const PaxosMessage *message);
/* @peer may not have got, or not heeded, what was sent last. */
void pdk_paxos_proposer_repeat_to(PdkElection *self, const PaxosPeer *peer);
/* The spent instance is a higher one now. */
void pdk_paxos_proposer_drop(PdkElection *self);
void pdk_paxos_proposer_link(PdkElection *self, const PaxosPeer *peer);
/* Does what is due; returns when something will be. */
int64_t pdk_paxos_proposer_turn(PdkElection *self);

/* ---- learner.c ---- */
void pdk_paxos_learner_look(PdkElection *self);
/* Where this server stands, to @sid, with its committed configuration if that is newer than @committed. */
void pdk_paxos_learner_tell(PdkElection *self, int64_t sid, int64_t committed);
/* To those who asked, and wait. */
void pdk_paxos_learner_tell_askers(PdkElection *self);
void pdk_paxos_learner_query(PdkElection *self, int64_t from, const PaxosMessage *message);
void pdk_paxos_learner_status(PdkElection *self, int64_t from, const PaxosMessage *message);
/* @from works for attempt @k. True: what this server acts on will not come about, and the host was told. */
bool pdk_paxos_learner_doubts(PdkElection *self, int64_t from, int64_t k);
void pdk_paxos_learner_chosen(PdkElection *self, int64_t from, const PaxosMessage *message);
/* This server's proposer got @leader chosen. */
void pdk_paxos_learner_announce(PdkElection *self, PaxosInstance instance, int64_t leader);
/* Hands a newer configuration to the host, which will LOOK again. False: it is not newer, or not wanted. */
bool pdk_paxos_learner_adopt(PdkElection *self, const PaxosMessage *message);
void pdk_paxos_learner_link(PdkElection *self, PaxosPeer *peer);
int64_t pdk_paxos_learner_turn(PdkElection *self);

/* ---- peers.c ---- */
/* NULL: there are too many, it is ignored. */
PaxosPeer *pdk_paxos_peer(PdkElection *self, int64_t sid);
/* What was heard does not count any more. */
void pdk_paxos_peers_forget(PdkElection *self);
/* Has every other voter said where it stands, or is it known to be down? */
bool pdk_paxos_peers_all_heard(PdkElection *self);
/* Would those that look, this server included, be a quorum? */
bool pdk_paxos_peers_quorum_looks(PdkElection *self);
/* Do voters that are a quorum without this server follow @leader, itself among them? */
bool pdk_paxos_peers_quorum_follows(PdkElection *self, int64_t leader);
/* Are those that work for no later attempt than @k a quorum, this server among them? @silent: also with those not heard of. */
bool pdk_paxos_peers_quorum_stays(PdkElection *self, int64_t k, bool silent);
/* Those that look and have more history than this server (or as much and a larger sid). */
unsigned pdk_paxos_peers_ahead(PdkElection *self);
bool pdk_paxos_summary_beats(PaxosSummary a, int64_t a_sid, PaxosSummary b, int64_t b_sid);

/* ---- trace.c ---- */
typedef struct {
	char text[96];
} PaxosText;
/* One line of the story, if the option says so. */
void pdk_paxos_trace(const PdkElection *self, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* "(cv 0, k 3)" */
PaxosText pdk_paxos_instance_text(PaxosInstance instance);
/* "(cv 0, k 3) ballot (1, 2)" */
PaxosText pdk_paxos_ballot_text(PaxosInstance instance, PaxosBallot ballot);
/* "2 3": @size bytes each, beginning with the sid. */
char *pdk_paxos_sids_text(const GArray *entries);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a PdkReplica: what the files of core/replica share. Which file does what:
 *   members members-read members-change   who belongs to the ensemble, quorums; its text read; a reconfiguration worked out
 *   packet history mesh sids   bytes, the last txns, election links, sets: know nothing of the rest
 *   replica     birth, states (looking, leading, learning), epochs and other records, events
 *   electing    the election's side: what it is told, what it asks for
 *   wire        a connection on the quorum port, its bytes out; the ports themselves
 *   facts       what can be seen from outside, and the checks
 *   leader      discovery, broadcast, commits, pings, who is in time: this server leads
 *   handler     one learner's connection as the leader sees it, from FOLLOWERINFO to UPTODATE and on
 *   sync        what a learner is brought up with: DIFF, TRUNC or SNAP
 *   master      a follower that serves observers, and an observer that chooses one
 *   learner     the way from a leader's name to UPTODATE, and life behind it: this server follows or observes
 *   fresh       servers that hold nothing of the history: what their word counts for
 *   learner-sync  DIFF, TRUNC or SNAP at a learner: what they mean for its log and tree
 *   change      a configuration is proposed, committed, heard of
 */
#ifndef PDK_REPLICA_PRIVATE_H
#define PDK_REPLICA_PRIVATE_H

#include "base/error.h"
#include "base/random.h"
#include "replica/history.h"
#include "replica/mesh.h"
#include "replica/packet.h"
#include "replica/replica.h"
#include <inttypes.h>

#define PDK_NO_ZXID (-1)
#define PDK_OP_RECONFIG_TXN 16 /* the type in a TxnHeader */
#define PDK_OP_SYNC_REQUEST 9   /* in a REQUEST */

static inline int64_t
pdk_zxid_epoch(int64_t zxid)
{
	return zxid >> 32;
}

static inline int64_t
pdk_zxid_counter(int64_t zxid)
{
	return zxid & INT64_C(0xffffffff);
}

static inline int64_t
pdk_epoch_zxid(int64_t epoch)
{
	return (int64_t)((uint64_t)epoch << 32);
}

/* ---- a connection on the quorum port ---- */

typedef struct {
	PdkLink link; /* 0: none */
	unsigned output;      /* index in the effects, good in turn output_turn */
	uint32_t output_turn;
	size_t unsent;        /* what the transport holds, as last told */
	PdkPacketCutter cutter;
} PdkWire;

/* ---- the leader's side of a learner ---- */

typedef enum {
	PDK_HANDLER_HELLO,      /* FOLLOWERINFO or OBSERVERINFO awaited */
	PDK_HANDLER_EPOCH,      /* known; LEADERINFO goes out when the epoch is fixed */
	PDK_HANDLER_ACKEPOCH,   /* ACKEPOCH awaited */
	PDK_HANDLER_SUMMARY,    /* waits until a quorum accepted the epoch */
	PDK_HANDLER_SYNC,       /* DIFF, TRUNC or SNAP and history are being sent */
	PDK_HANDLER_NEWLEADER,  /* the ack of NEWLEADER awaited */
	PDK_HANDLER_ACKED,      /* waits for UPTODATE: the leader is not established yet */
	PDK_HANDLER_LIVE,
} PdkHandlerStage;

typedef enum { PDK_SYNC_NONE, PDK_SYNC_DIFF, PDK_SYNC_TRUNC, PDK_SYNC_SNAP } PdkSyncMode;

/* Is something answered in time? The oldest that waits, and the latest after it. 0: none. */
typedef struct {
	int64_t zxid, since_us;
	int64_t next_zxid, next_since_us;
} PdkLateness;

/* A packet that goes out later: behind the snapshot, the log on disk, or what the link has not taken yet. */
typedef struct {
	PdkPacketType type;
	int64_t zxid;
	GBytes *bytes; /* owned; NULL: none */
} PdkQueued;

/* What it counts for in memory. */
static inline size_t
pdk_queued_cost(const PdkQueued *packet)
{
	return sizeof *packet + 24 + (packet->bytes ? g_bytes_get_size(packet->bytes) : 0);
}

typedef struct PdkHandler PdkHandler;
struct PdkHandler {
	PdkHandler *next;
	PdkHandler *next_gone; /* dropped, freed when nobody can hold it any more */
	bool gone;
	PdkLearnerId id;
	PdkWire wire;
	char *endpoint;
	PdkHandlerStage stage;
	bool observer;
	bool observers_only;  /* it came to the port for observers */
	int64_t sid;          /* from HELLO on */
	int64_t accepted_epoch;
	int64_t current_epoch; /* of ACKEPOCH; -1: it had accepted the epoch before */
	int64_t last_zxid;     /* of ACKEPOCH */
	bool fresh;           /* by ACKEPOCH it holds nothing of the history, and nobody said that this is right */
	bool forgetful;       /* ... and it may have forgotten a promise: others vouch for this leader before it is brought up */
	uint64_t vouchers;    /* of a forgetful one: the round of questions that is to be answered, 0: not asked yet */
	uint32_t pings, pongs; /* PINGs since UPTODATE, and answers; each is answered */
	uint32_t vouches_at;  /* with so many answers it has answered the round of questions under way */
	uint64_t vouched;     /* the last round that it answered */
	PdkSyncMode mode;
	bool walking;         /* the snapshot walk is this learner's */
	bool waits_for_walk;  /* SNAP is wanted, another walk is under way */
	bool reading_log;     /* DIFF from disk: txns of the log are awaited */
	bool waits_for_log;   /* the same, another learner's are being read */
	int64_t retry_us;     /* of what waits */
	int64_t later_us;     /* since when it waits for the leader to be established by others, 0: it does not */
	PdkBuffer early;      /* what came before this server knew that it leads */
	GArray *queue;        /* PdkQueued; everything goes through it while it holds something */
	guint queue_head;
	size_t queue_bytes;
	size_t history_bytes; /* of what was ever queued: what brings it up, not what came since */
	GArray *from_disk;    /* PdkQueued: DIFF, and the history read so far */
	size_t from_disk_bytes;
	int64_t disk_upto, disk_end; /* read so far; the first that memory has */
	bool disk_found;      /* the log has the learner's last txn, or the one behind it */
	bool disk_failed;     /* it does not, or could not be read: SNAP */
	int64_t sent_zxid;    /* history and proposals up to here are queued */
	bool forwarding;      /* new proposals and commits go to it */
	GArray *syncs;        /* int64_t: SYNC goes out when this zxid is committed, in order */
	int64_t acked;        /* last zxid acked */
	int64_t due_us;       /* the stage ends by then, or the connection does */
	int64_t heard_us;     /* the last packet */
	int64_t deadline_tick; /* in time up to this tick of the leader */
	PdkLateness unacked;   /* proposals */
	bool odd_said;         /* an unexpected packet was told of */
};

/* A txn that is not history yet. */
typedef struct {
	int64_t zxid;
	GBytes *txn; /* owned */
	int64_t since_us;
} PdkProposal;

typedef struct {
	bool leading;         /* this server is in LEADING */
	int64_t begun_us;
	int64_t epoch;        /* -1: not fixed yet */
	int64_t candidate;    /* highest wanted so far */
	PdkSids connecting, accepted, acked_newleader;
	bool epoch_saving, epoch_fixed;       /* acceptedEpoch on its way; durable: LEADERINFO may go out */
	bool electing_finished;               /* a quorum accepted the epoch */
	bool current_saving, current_saved;   /* currentEpoch */
	bool established;
	uint64_t vouch_round; /* rounds of questions whether the followers are there */
	int64_t due_us;       /* the present wait ends by then */
	int64_t initial_zxid; /* last zxid of the initial history: all held when leading began */
	int64_t summary_epoch; /* own (currentEpoch, lastZxid) when leading began */
	int64_t log_end;      /* the last txn of it in the log */
	GArray *txns;         /* PdkProposal, rising: initial history and proposals, until they are history */
	guint txns_head;
	int64_t proposed, committed;
	PdkLateness unsynced; /* proposals in the own log */
	const char *leave;    /* it steps down at the next turn, and why */
	int64_t give_way_us;  /* a better one is there: it goes by then unless a quorum accepted the epoch, 0: none is */
	const char *give_way_why;
	int64_t leave_by_us;  /* another leader was named: it goes by then, 0: no */
	bool may_commit;      /* false: a reconfiguration named another leader */
	int64_t tick, next_half_us;
	bool half;
	PdkMembers *proposed_members; /* of an uncommitted reconfiguration */
	int64_t proposed_members_zxid;
} PdkLeading;

/* ---- a follower that serves observers ---- */

/* A question passed on to the leader; answers come in the order of the questions. */
typedef struct {
	PdkLearnerId from; /* 0: a client of this server asked */
	int64_t session;
} PdkAsked;

/* A reconfiguration that is committed and perhaps not applied yet. */
typedef struct {
	int64_t zxid, designated;
} PdkActivation;

typedef struct {
	GArray *syncs, *revalidations; /* PdkAsked, in order */
	GArray *activations;           /* PdkActivation, rising */
	int64_t ping_at_us;
} PdkMaster;

/* ---- the learner's side ---- */

typedef enum {
	PDK_LEARNER_OFF,
	PDK_LEARNER_DIALLING,
	PDK_LEARNER_LEADERINFO, /* FOLLOWERINFO sent, LEADERINFO awaited */
	PDK_LEARNER_EPOCH,      /* acceptedEpoch is being saved; then ACKEPOCH */
	PDK_LEARNER_SYNC,       /* DIFF, TRUNC or SNAP awaited */
	PDK_LEARNER_CLEARING,   /* an own snapshot on its way to the disk is waited for, before TRUNC or SNAP is carried out */
	PDK_LEARNER_TRUNCATING, /* the log is being cut (TRUNC, or before a SNAP) */
	PDK_LEARNER_RELOADING,  /* the tree is read again after TRUNC */
	PDK_LEARNER_SNAPSHOT,   /* the body streams in */
	PDK_LEARNER_SAVING,     /* the snapshot is being made durable */
	PDK_LEARNER_HISTORY,    /* PROPOSAL and COMMIT until NEWLEADER */
	PDK_LEARNER_NEWLEADER,  /* history is being made durable, then currentEpoch; then the ACK */
	PDK_LEARNER_UPTODATE,   /* UPTODATE awaited */
	PDK_LEARNER_LIVE,
} PdkLearnerStage;

typedef struct {
	int64_t zxid;
	PdkMembers *members; /* owned; of a reconfiguration */
} PdkReceived;

typedef struct {
	PdkLearnerStage stage;
	PdkWire wire;
	int64_t leader;       /* sid */
	int64_t through;      /* an observer's: the sid of the follower that it is connected to instead, -1: none */
	int64_t begun_us;
	unsigned masters_tried; /* dialled instead of the leader */
	bool by_hand;         /* named by a reconfiguration: it may not listen yet */
	uint32_t dial;        /* under way, 0: none */
	unsigned dials, address; /* how often; which of its addresses is next */
	int64_t dial_at_us;   /* the next try, 0: none waits */
	int64_t connect_due_us;
	int64_t heard_us;     /* the last packet */
	int64_t epoch;        /* the leader's */
	int64_t base;         /* the last zxid logged when the connection stood: what ACKEPOCH says (see fresh.c) */
	bool promised;        /* it was accepted before: ACKEPOCH says -1 */
	bool asks_snapshot;   /* ACKEPOCH says that nothing is logged: see snapshot_wanted */
	PdkSyncMode mode;
	int64_t target;       /* TRUNC: to be cut to; SNAP: its zxid */
	bool target_unsure;   /* the log may not have it: only a reload tells */
	bool cut_behind;      /* SNAP: the log is cut when the snapshot is on disk, for what is above must not go before */
	int64_t tail_end;     /* a tail of the leader's own epoch behind `target`, kept up to here; 0: none */
	unsigned tail_index;  /* the next of it among what is held */
	GArray *queue;        /* PdkReceived: proposals not committed yet, in order, from queue_head on */
	unsigned queue_head;
	int64_t received;     /* the last proposal, 0: none yet */
	int64_t commit_upto;  /* the last commit heard; carried out from UPTODATE on */
	int64_t newleader_needs; /* must be durable before NEWLEADER is acked */
	bool current_asked;   /* currentEpoch is being saved for it */
	GArray *to_ack;       /* int64_t: proposals logged and not acked, in order, from ack_head on */
	unsigned ack_head;
	uint32_t life;        /* rises when the connection ends: tells a loop over its bytes to stop */
	bool paused;          /* the link, while the disk is behind or the log is being cut */
	PdkBuffer stalled;    /* bytes that came before the pause took effect */
	PdkMembers *leader_members; /* of NEWLEADER */
	bool body_read;       /* the snapshot's body is whole, its signature follows */
	uint8_t signature[16];
	unsigned signature_length;
} PdkLearning;

/* The listeners of one purpose. */
typedef struct {
	unsigned awaited, failed; /* answers still out, and those that said no */
	char *failure;            /* the last one's text */
	int32_t failures;         /* attempts in a row */
	int64_t at_us;            /* the next attempt, 0: none waits */
} PdkBinding;

/* ---- all of it ---- */

struct PdkReplica {
	PdkReplicaParams params;
	PdkReplicaHooks hooks;
	PdkRandom random;
	int64_t now_us;
	PdkEffects *effects;

	PdkMembers *committed, *last_seen; /* last_seen is never NULL and never older */
	PdkEnsemble ensemble;
	GArray *ensemble_voters; /* int64_t */

	const PdkElectionOps *election_ops;
	PdkElection *election;
	PdkElectionOut election_out;
	int64_t election_due_us;
	PdkMesh *mesh;

	PdkPeerState role;
	bool started, stopping, serving;
	bool unfit;          /* the tree is not what the log says: reload before looking */
	bool reloading;      /* wanted, or under way */
	bool reload_waits;   /* for what else was asked of the disk */
	bool look_wanted;    /* LOOKING, and the election waits for the disk (or an observer's delay) */
	int64_t look_at_us;
	int64_t looking_since_us;
	int64_t election_ms;
	PdkVote vote;        /* what was elected */
	/* A reconfiguration named the leader, in `vote` (leader, its zxid, -1, -1): the next pdk_replica_look takes that state
	 * without an election. Set by change.c. */
	bool handed_over;
	bool doubted;        /* by the election, in the step under way */
	bool unanimous;      /* every voter named the leader in the last election */
	bool enter_wanted;   /* LOOKING, and `vote` is to be acted on at the next turn */
	PdkPeerState enter_state;
	bool truncating;     /* the log is being cut: TRUNCATED is awaited, whoever asked */
	bool saving_snapshot; /* a snapshot from a leader is being made durable, whoever asked */
	int64_t snapshot_zxid;
	bool cut_tails;      /* a kept tail did not come again: the next TRUNC cuts whatever its epoch */
	int64_t snapshot_wanted; /* the leader of this epoch would cut a snapshot off, and what no log has goes with it; 0: none would */

	bool trusted;        /* an operator said that this server may hold nothing */
	int64_t fresh_say_us; /* not again before: who holds nothing, and what to do */
	unsigned gave_way;   /* leaderships given up for a better one, since a leader was last established */
	int64_t refused_epoch; /* the highest accepted by a voter that could not accept this leader's; 0: none */

	int64_t accepted_epoch, current_epoch; /* durable */
	int64_t saving_accepted, saving_current; /* on their way, -1: none */
	unsigned accepted_saves, current_saves, election_saves; /* answers awaited */
	bool stepping;       /* inside the election's step */
	char *adopt_text;    /* a configuration the election heard of, to be adopted after its step */
	size_t adopt_length;
	int64_t last_logged; /* applied or held, the highest */
	int64_t synced;      /* durable up to here */
	/*
	 * The log is without a hole from here on. What precedes a snapshot that a leader sent may be a tail that never became
	 * history, and lacks what the snapshot stands for; after a restart only what was replayed is known to be whole.
	 */
	int64_t log_floor;
	int64_t snapshot_floor;  /* the newest snapshot on disk is of this zxid or a later one; 0: that is not known */
	int64_t first_recovered; /* the first txn replayed, 0: none */
	uint32_t next_dial;
	PdkLearnerId next_learner;

	PdkHistory *history;
	PdkHandler *handlers; /* also while looking: those that came early wait in HELLO */
	PdkHandler *gone_handlers;
	bool log_asked;       /* PDK_COMMAND_READ_LOG is unanswered */
	PdkLeading leading;
	PdkLearning learning;

	PdkBinding quorum_binding, election_binding, observer_binding;
	PdkMaster master;
	GArray *masters;        /* int64_t: the voters in the order that this observer tries them in */
	unsigned next_master;   /* of them */
	unsigned masters_failed; /* connections to such that ended too early, since it was last up to date */

	int64_t last_proposal_bytes, min_proposal_bytes, max_proposal_bytes;
	struct {
		PdkSummary *election_time, *follower_sync_time, *observer_sync_time, *quorum_ack_latency, *proposal_latency;
		PdkCounter *looking_count, *diff_count, *snap_count, *proposals_received, *commits_received;
	} cells;
};

/* ---- replica.c ---- */
void pdk_replica_say(PdkReplica *replica, PdkLogLevel level, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* Lowers effects->deadline_us. */
void pdk_replica_deadline(PdkReplica *replica, int64_t at_us);
/* Leaves whatever this server is, and looks for a leader; @why ends the log line. Safe to call from anywhere below. */
void pdk_replica_look(PdkReplica *replica, const char *why);
/* Saves an epoch durably; ends in pdk_leader_epoch_saved / pdk_learner_epoch_saved of whoever runs. */
void pdk_replica_save_accepted(PdkReplica *replica, int64_t epoch);
void pdk_replica_save_current(PdkReplica *replica, int64_t epoch);
/* What LOOKING peers are told from now on (after synchronisation: the new epoch). */
void pdk_replica_settle(PdkReplica *replica, int64_t peer_epoch);
/* A txn for the log: hold hook, and last_logged. */
void pdk_replica_hold(PdkReplica *replica, int64_t zxid, GBytes *txn);
/* Has the database read again, when everything asked of the disk was answered; ends in pdk_replica_reloaded. */
void pdk_replica_reload(PdkReplica *replica);
bool pdk_replica_snapshotting(const PdkReplica *replica);
uint32_t pdk_replica_dial(PdkReplica *replica, PdkPurpose purpose, char *address, int32_t timeout_ms);
int64_t pdk_replica_init_us(const PdkReplica *replica); /* initLimit ticks */
int64_t pdk_replica_sync_us(const PdkReplica *replica); /* syncLimit ticks */

/* ---- electing.c ---- */
void pdk_electing_begin(PdkReplica *replica); /* at join: the mesh and the tables */
void pdk_electing_step(PdkReplica *replica, const PdkElectionEvent *event);
bool pdk_electing_is_voter(void *context, int64_t sid);
int64_t pdk_electing_weight(void *context, int64_t sid);
bool pdk_electing_quorum(void *context, const int64_t *sids, unsigned n);

/* ---- wire.c ---- */
/* Opens the listeners of @purpose on this server's addresses, closing older ones first when @again. */
void pdk_replica_listen(PdkReplica *replica, PdkPurpose purpose, bool again);
void pdk_replica_listen_turn(PdkReplica *replica);
int32_t pdk_wire_longest(const PdkReplica *replica); /* the data of a packet */
void pdk_wire_init(PdkReplica *replica, PdkWire *wire, PdkLink link);
void pdk_wire_clear(PdkWire *wire);
/* The buffer to write packets to; valid until another output is asked for. */
PdkBuffer *pdk_wire_out(PdkReplica *replica, PdkWire *wire);
/* PROPOSAL or INFORM: head, @txn (large ones by reference), null ids. */
void pdk_wire_txn(PdkReplica *replica, PdkWire *wire, PdkPacketType type, int64_t zxid, GBytes *txn);
/* Large bytes as they are. */
void pdk_wire_bytes(PdkReplica *replica, PdkWire *wire, GBytes *bytes);
void pdk_wire_close(PdkReplica *replica, PdkWire *wire, bool flush);
void pdk_wire_pause(PdkReplica *replica, PdkWire *wire, bool pause);

/* ---- leader.c ---- */
void pdk_leader_begin(PdkReplica *replica);
/* Stops leading: closes learners, forgets. Does not look by itself. Before the quiesce hook (it may abort a walk). */
void pdk_leader_end(PdkReplica *replica);
/* A handler reached EPOCH: its epoch counts. */
void pdk_leader_connected(PdkReplica *replica, PdkHandler *handler);
/* ACKEPOCH came; false: the handler is to be dropped (it is ahead; said already). */
bool pdk_leader_epoch_accepted(PdkReplica *replica, PdkHandler *handler);
/* NEWLEADER was acked by the right zxid. */
void pdk_leader_newleader_acked(PdkReplica *replica, PdkHandler *handler);
void pdk_leader_epoch_saved(PdkReplica *replica);
void pdk_leader_current_saved(PdkReplica *replica);
/* Acks changed (a learner's, the own log's, or the configuration): commits what may be. */
void pdk_leader_try_commit(PdkReplica *replica);
void pdk_leader_turn(PdkReplica *replica);
void pdk_leader_synced(PdkReplica *replica);
/* Do these hold a quorum of every configuration in force? */
bool pdk_leader_quorum(const PdkReplica *replica, const PdkSids *sids);
/* Up to here the txns are told to learners as committed: the initial history, then what was committed. */
int64_t pdk_leader_told_zxid(const PdkReplica *replica);
void pdk_lateness_begin(PdkLateness *lateness, int64_t zxid, int64_t now_us);
void pdk_lateness_end(PdkLateness *lateness, int64_t zxid);

/* ---- handler.c ---- */
/*
 * NULL, and effects->refused: this server follows (@observers_only: does not, or is not up to date), or there are too many.
 */
PdkHandler *pdk_handler_new(PdkReplica *replica, PdkLink link, const char *endpoint, bool observers_only);
PdkHandler *pdk_handler_find(PdkReplica *replica, PdkLink link);
/*
 * Closes one and takes it off the list; @why NULL: silently. It stays in memory (`gone` is set, `next` as it was) until the next
 * event begins, so a walk over the list may go on.
 */
void pdk_handler_drop(PdkReplica *replica, PdkHandler *handler, const char *why);
/* The transport says that the connection is gone. */
void pdk_handler_closed(PdkReplica *replica, PdkHandler *handler);
void pdk_handlers_drop_all(PdkReplica *replica);
/* With the replica. */
void pdk_handlers_free(PdkReplica *replica);
void pdk_handler_received(PdkReplica *replica, PdkHandler *handler, const uint8_t *data, size_t length);
void pdk_handler_unsent(PdkReplica *replica, PdkHandler *handler, size_t unsent);
/* Time-outs of all, and what waits for room; in each pdk_replica_turn, whatever this server does. */
void pdk_handlers_turn(PdkReplica *replica);
/* LEADING has begun: what came early is read. */
void pdk_handlers_begin(PdkReplica *replica);
/* Writes a packet, or queues it behind others. @bytes (reference taken): data, or the txn of PROPOSAL and INFORM; may be NULL. */
void pdk_handler_put(PdkReplica *replica, PdkHandler *handler, PdkPacketType type, int64_t zxid, GBytes *bytes);
/* The same, now. */
void pdk_handler_write(PdkReplica *replica, PdkHandler *handler, const PdkQueued *packet);
void pdk_handler_queue_clear(PdkHandler *handler);
/* Bytes that the transport holds or will get in this turn. */
size_t pdk_handler_outstanding(PdkReplica *replica, const PdkHandler *handler);
/* Goes on with what waited (epoch fixed, epoch accepted, established). */
void pdk_handler_advance(PdkReplica *replica, PdkHandler *handler);
void pdk_handler_ping(PdkReplica *replica, PdkHandler *handler);
/* To one that forwards: the proposal; the commit (COMMIT, INFORM or the ACTIVATE forms with @designated >= 0). */
void pdk_handler_propose(PdkReplica *replica, PdkHandler *handler, int64_t zxid, GBytes *txn);
void pdk_handler_commit(PdkReplica *replica, PdkHandler *handler, int64_t zxid, GBytes *txn, int64_t designated);

/* SYNC to those who asked for it before @zxid was committed. */
void pdk_handler_answer_syncs(PdkReplica *replica, PdkHandler *handler, int64_t zxid);
/* The answer to its REVALIDATE. */
void pdk_handler_revalidated(PdkReplica *replica, PdkHandler *handler, int64_t session, bool valid);

/* ---- fresh.c ---- */
/* FOLLOWING: this voter holds nothing of the history. */
bool pdk_fresh_learner(const PdkReplica *replica);
/* ACKEPOCH with @epoch, so that this server counts only where it may. */
void pdk_fresh_put_ackepoch(const PdkReplica *replica, PdkBuffer *out, int32_t epoch);
/* Tells the operator, now and then, while such a server is what is waited for. */
void pdk_fresh_learner_turn(PdkReplica *replica);
void pdk_fresh_leader_turn(PdkReplica *replica);
/* Reads what ACKEPOCH says behind the zxid (at least 4 bytes); its zxid is known. */
void pdk_fresh_take_ackepoch(PdkReplica *replica, PdkHandler *handler, PdkSlice data);
/* Its promise counts by itself. */
bool pdk_fresh_counts(const PdkReplica *replica, const PdkHandler *handler);
/* A quorum accepted the epoch: who was counted for it needs nobody to vouch. */
void pdk_fresh_electing_finished(PdkReplica *replica);
/* LEADING: may a learner be brought up that waits in SUMMARY? Asks the followers, if that is what it takes. */
bool pdk_fresh_may_come(PdkReplica *replica, PdkHandler *handler);
/* A follower answered a PING: those that waited for that come. */
void pdk_fresh_pong(PdkReplica *replica, PdkHandler *handler);
/* Has every voter of the committed configuration (@but one, -1: all) promised on a connection that stands, and is not ahead? */
bool pdk_fresh_all_heard(const PdkReplica *replica, int64_t but);

/* ---- master.c ---- */
/* Does this follower serve observers now? */
bool pdk_master_serves(const PdkReplica *replica);
/* The epoch that learners are told. */
int64_t pdk_master_epoch(const PdkReplica *replica);
void pdk_master_begin(PdkReplica *replica);
/* Closes the observers. Before the quiesce hook. */
void pdk_master_end(PdkReplica *replica);
void pdk_master_turn(PdkReplica *replica);
/* A txn took effect here: INFORM. */
void pdk_master_applied(PdkReplica *replica, int64_t zxid, GBytes *txn);
/* A reconfiguration was committed; it is applied now or later. */
void pdk_master_activated(PdkReplica *replica, int64_t zxid, int64_t designated);
/* What an observer asks of the leader. */
void pdk_master_request(PdkReplica *replica, PdkHandler *handler, int64_t session, int32_t cxid, int32_t op, PdkSlice body,
			PdkSlice auth);
void pdk_master_revalidate(PdkReplica *replica, PdkHandler *handler, int64_t session, int32_t timeout_ms);
/* What the leader answers, to the observer that asked; false: a client of this server did. */
bool pdk_master_sync_done(PdkReplica *replica);
bool pdk_master_revalidated(PdkReplica *replica, int64_t session, bool valid);
/* A client of this server asked. */
void pdk_master_own_sync(PdkReplica *replica);
void pdk_master_own_revalidate(PdkReplica *replica, int64_t session);
/* Where this observer connects next: a voter's port for observers (owned), *@sid; NULL: to the leader. */
char *pdk_master_choose(PdkReplica *replica, int64_t *sid);
/* This observer is up to date. */
void pdk_master_chosen(PdkReplica *replica);
/* Where @member serves observers: its host with that port. */
char *pdk_master_address(const PdkReplica *replica, const PdkMember *member, unsigned index);

/* ---- sync.c ---- */
/* Queues DIFF, TRUNC or SNAP with history; then the handler forwards and NEWLEADER is queued. May take several events (log
 * reads, snapshot parts). */
void pdk_sync_begin(PdkReplica *replica, PdkHandler *handler);
/* The walk is free again, its output drained, or log txns came. */
void pdk_sync_go_on(PdkReplica *replica, PdkHandler *handler);
void pdk_sync_log_read(PdkReplica *replica, const PdkLoggedTxn *txns, size_t n, bool more, const char *failure);
void pdk_sync_abort(PdkReplica *replica, PdkHandler *handler);
/*
 * The decision alone, pure: what to do for a learner whose last zxid is @last. @past: the txns in memory that count as committed,
 * rising; @processed: how far the leader is (its new epoch << 32 once it is established).
 */
typedef struct {
	PdkSyncMode mode;
	int64_t zxid;     /* of the DIFF or TRUNC packet */
	int64_t keep;     /* the learner has everything up to here: what is behind it follows */
	bool from_disk;   /* DIFF if the log reaches back to @last, else SNAP */
	bool later;       /* SNAP, but not before this leader is established (or a tail of the learner would survive it) */
} PdkSyncPlan;
PdkSyncPlan pdk_sync_plan(const int64_t *past, unsigned n, int64_t processed, int64_t last, int64_t epoch, bool disk_allowed);

/* ---- learner.c ---- */
/* @by_hand: a reconfiguration named it; it may need a moment to come up. */
void pdk_learner_begin(PdkReplica *replica, int64_t leader, bool by_hand);
void pdk_learner_end(PdkReplica *replica);
bool pdk_learner_dialled(PdkReplica *replica, uint32_t dial, PdkLink link);
bool pdk_learner_dial_failed(PdkReplica *replica, uint32_t dial, bool refused, const char *detail);
void pdk_learner_received(PdkReplica *replica, const uint8_t *data, size_t length);
void pdk_learner_closed(PdkReplica *replica);
void pdk_learner_epoch_saved(PdkReplica *replica);
void pdk_learner_current_saved(PdkReplica *replica);
void pdk_learner_truncated(PdkReplica *replica);
void pdk_learner_reloaded(PdkReplica *replica);
void pdk_learner_load_room(PdkReplica *replica);
void pdk_learner_load_saved(PdkReplica *replica);
void pdk_learner_synced(PdkReplica *replica);
void pdk_learner_turn(PdkReplica *replica);
/* To the leader, for a client here or at an observer of this follower. */
void pdk_learner_request(PdkReplica *replica, int64_t session, int32_t cxid, int32_t op, PdkSlice body, PdkSlice auth);
void pdk_learner_ask_revalidation(PdkReplica *replica, int64_t session, int32_t timeout_ms);
/* Leaves the leader: "leader N <what>". */
void pdk_learner_give_up(PdkReplica *replica, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* No further bytes are read until resume; then first what had come before. */
void pdk_learner_pause(PdkReplica *replica);
void pdk_learner_resume(PdkReplica *replica);

/* ---- learner-sync.c ---- */
void pdk_learner_sync_header(PdkReplica *replica, const PdkPacket *packet);
/* The log cannot be cut, nothing was changed. False: nor can it be done without. */
bool pdk_learner_cut_refused(PdkReplica *replica, const char *failure);
/* No snapshot of this server's own is under way any more. */
void pdk_learner_snapshot_over(PdkReplica *replica);
/* Takes from *@data what belongs to the snapshot. */
void pdk_learner_snapshot_part(PdkReplica *replica, const uint8_t **data, size_t *length);
/* The election's connection to @sid was refused: its process is gone. */
void pdk_learner_peer_down(PdkReplica *replica, int64_t sid);

/* ---- change.c ---- */
/* Recognises a reconfiguration txn; its configuration (owned by the caller), NULL: it is not one. */
PdkMembers *pdk_change_of_txn(PdkReplica *replica, GBytes *txn, int64_t *zxid);
/* A configuration was proposed or heard of: kept as last-seen (.next), election links to new members. */
void pdk_change_seen(PdkReplica *replica, PdkMembers *members);
/*
 * It is committed: becomes the committed one (files, /zookeeper/config, election restarted if the servers differ).
 * @designated: the leader named, -1: none. True: this server's role or leader changed; the caller leaves its connection, and the
 * next state is taken without an election where a leader was named.
 */
bool pdk_change_committed(PdkReplica *replica, PdkMembers *members, int64_t designated, int64_t zxid);
/* LEADING: who should lead after @members: this server, or the best of the new voters. */
int64_t pdk_change_designated(PdkReplica *replica, const PdkMembers *members, int64_t zxid);
/* Fills `ensemble` anew and tells mesh and election. */
void pdk_change_tell(PdkReplica *replica);

#endif

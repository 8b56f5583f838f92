/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How servers agree: ZAB 1.0 as a state machine over numbered bytes. Looking, discovery, synchronisation, broadcast; as leader,
 * follower or observer. It knows no znode and no session; what it moves is told to and asked of the layer above through hooks.
 * Sources: QuorumPeer, Leader, LearnerHandler, Learner, Follower, Observer; Junqueira, Reed, Serafini, "Zab: High-performance
 * broadcast for primary-backup systems".
 *
 * Words: a txn is *held* when it is logged (or on its way to the disk) and not known to be committed; *committed* txns are
 * applied by the layer above in zxid order. What a server holds when it loses its leader stays held, in memory and on disk: it
 * counts in its vote, becomes history when a leader confirms it, and is dropped when a leader says so.
 *
 * Everything that goes out goes through the PdkEffects of the step.
 */
#ifndef PDK_REPLICA_REPLICA_H
#define PDK_REPLICA_REPLICA_H

#include "base/effects.h"
#include "base/jute.h"
#include "replica/members.h"
#include <paddock/election.h>
#include <paddock/metrics.h>

typedef struct PdkReplica PdkReplica;

/* A learner's connection to this leader, for as long as it lasts; never reused. 0: none. */
typedef uint64_t PdkLearnerId;

typedef struct {
	int64_t self;         /* sid */
	PdkMembers *committed; /* reference taken; self is a member */
	PdkMembers *last_seen; /* from the .next file, or NULL; reference taken */
	PdkMembersRules rules; /* for texts heard from others */
	int32_t tick_ms, init_limit, sync_limit;
	int32_t connect_limit;  /* connectToLearnerMasterLimit; 0: init_limit */
	int32_t dial_timeout_ms;    /* cnxTimeout */
	int32_t max_buffer_bytes, extra_buffer_bytes;
	uint32_t history_count;     /* commitLogCount */
	double snapshot_size_factor; /* snapshotSizeFactor; < 0: no DIFF from disk */
	int32_t observer_delay_ms;  /* observer.election.DelayMs */
	int32_t observer_master_port;  /* observerMasterPort; 0: observers are served by the leader alone */
	int32_t observer_master_bytes; /* observerMaster.sizeLimit: queued for an observer of a follower before it is dropped */
	int32_t bind_retries;       /* electionPortBindRetry; 0: for ever */
	uint32_t last_counter;      /* of an epoch: its leader gives way behind it; 0: the last there is, 0xfffffffe */
	int32_t max_epoch_wait_ms;  /* unused unless > 0: leader.maxTimeToWaitForEpoch */
	bool reconfig_enabled, listen_on_all_ips, sync_enabled;
	uint64_t learner_output_max; /* bytes queued for a learner before it is dropped */
	const char *log_dir; /* for the operator to read; lives as long as the replica, NULL: not known */
} PdkReplicaParams;

/* What the layer above does for it. All are required. */
typedef struct {
	void *context;

	/* A line for the operator. */
	void (*say)(void *context, PdkLogLevel level, const char *line);
	/* The process cannot go on; the line says what, where and what to do. */
	void (*fatal)(void *context, const char *line);

	/* ---- service ---- */
	/*
	 * No leader, or no quorum: clients are cut and none is served, local proposals end (no answer), pending checks are
	 * dropped. Held txns stay held.
	 */
	void (*quiesce)(void *context);
	/*
	 * Clients may be served. @role LEADING: everything held was committed just before, proposals may be made from @epoch << 32
	 * + 1 on, sessions get a full time-out. Otherwise writes go through pdk_replica_forward.
	 */
	void (*serve)(void *context, PdkPeerState role, int64_t epoch);

	/* ---- log and tree ---- */
	/* The next txn, logged (effects->appends) and held. Zxids rise. The reference is borrowed. */
	void (*hold)(void *context, int64_t zxid, GBytes *txn);
	/* Everything held up to @zxid is committed: applied, answered where a client of this server waits, told back by
	 * pdk_replica_applied. */
	void (*commit)(void *context, int64_t zxid);
	/* Drops what is held above @zxid. False: txns above @zxid are applied already, the tree has to be reloaded. */
	bool (*drop)(void *context, int64_t zxid);
	/* The zxid up to which the tree is. */
	int64_t (*applied)(void *context);
	/* Held txns, by index from 0, oldest first; NULL: no more. *@zxid may be NULL. */
	GBytes *(*held)(void *context, unsigned index, int64_t *zxid);
	/* LEADING has begun: the tree is said to stand at @zxid (epoch << 32) although no txn has it. */
	void (*set_applied)(void *context, int64_t zxid);

	/* ---- snapshots to a learner: one walk at a time ---- */
	/* Begins to walk the tree as it is now, at *@zxid; false: another walk is under way, ask again later. */
	bool (*walk_begin)(void *context, int64_t *zxid);
	/* The next bytes of the body, some hundred KiB; NULL: that was all (then the walk is over). */
	GBytes *(*walk_next)(void *context);
	void (*walk_abort)(void *context);

	/* ---- a snapshot from the leader ---- */
	/* Forget everything; a body of the tree at @zxid follows. It is written to disk at the same time. */
	void (*load_begin)(void *context, int64_t zxid);
	/* As PdkRecovery.snapshot_part. */
	PdkPartResult (*load_part)(void *context, const uint8_t *data, size_t length, size_t *used, GError **error);
	/* The disk is behind: give no more until pdk_replica_load_room. */
	bool (*load_full)(void *context);
	/* After DONE: keep it and make it durable; answered by pdk_replica_load_saved. */
	void (*load_end)(void *context);
	/* It broke off: the tree is unfit until the database is reloaded. */
	void (*load_abort)(void *context);
	/*
	 * Is a snapshot that the layer above took by itself on its way to the disk? Until pdk_replica_snapshot_over nothing is
	 * loaded, cut or read again. NULL: it takes none.
	 */
	bool (*snapshotting)(void *context);

	/* ---- at a leader, from its learners ---- */
	/*
	 * A request forwarded for a client of a learner: a write, createSession or closeSession. @auth: the encoded vector<Id>.
	 * To be proposed (refusals, too).
	 */
	void (*request)(void *context, PdkLearnerId from, int64_t session, int32_t cxid, int32_t op, PdkSlice body, PdkSlice auth);
	/* Also at a follower, from its observers: to be told on with what its own clients touched. */
	void (*touch)(void *context, int64_t session, int32_t timeout_ms);
	/*
	 * A client came back at a learner: is its session alive? Then the learner is its owner from now on, also when its
	 * connection is gone: what an earlier owner has on its way comes too late.
	 */
	bool (*revalidate)(void *context, PdkLearnerId from, int64_t session, int32_t timeout_ms);
	/* At a follower: a client of this server came back at one of its observers; an older connection of its here ends. */
	void (*moved)(void *context, int64_t session);

	/* ---- at a learner, from its leader ---- */
	/* The answer to pdk_replica_revalidate. */
	void (*revalidated)(void *context, int64_t session, bool valid);
	/* The oldest forwarded sync is done. */
	void (*sync_done)(void *context);
	/* Appends (long session, int timeout) for each session touched since the last time. */
	void (*put_touched)(void *context, PdkBuffer *out);

	/* ---- configuration ---- */
	/* The committed configuration changed (or was stamped with a version): its text for /zookeeper/config. @zxid: its
	 * version, that is the zxid of its txn or the stamp; the node's mzxid in Java, too. */
	void (*members)(void *context, const PdkMembers *committed, int64_t zxid);
} PdkReplicaHooks;

PdkReplica *pdk_replica_new(const PdkReplicaParams *params, const PdkReplicaHooks *hooks, uint64_t seed);
void pdk_replica_free(PdkReplica *replica);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PdkReplica, pdk_replica_free)

/* For the election plugin's `create`; lives as long as the replica. */
const PdkEnsemble *pdk_replica_ensemble(PdkReplica *replica);
/* Metric cells; once, before begin. */
void pdk_replica_set_cells(PdkReplica *replica, PdkCounter *(*counter)(void *, const char *, const char *),
			   PdkSummary *(*summary)(void *, const char *, const char *, bool), void *context);
/*
 * After recovery, before begin: the election, what the small records hold (NULL: missing), the last zxid in the log. False with
 * @error: epochs and log contradict each other, or this server is not a member; nobody must start then (§ epochs of
 * QuorumPeer.loadDataBase).
 */
bool pdk_replica_join(PdkReplica *replica, const PdkElectionOps *ops, PdkElection *election, GBytes *accepted_epoch,
		      GBytes *current_epoch, int64_t last_logged, GError **error);

/* Before begin: an operator said that it is right if this server holds nothing, so its word counts as that of any other. */
void pdk_replica_trust(PdkReplica *replica);

/* Every call below happens between begin_step and end_step of the layer above: time and effects of the step. */
void pdk_replica_step(PdkReplica *replica, int64_t now_us, PdkEffects *effects);

/* Opens the ports and begins to look for a leader. */
void pdk_replica_begin(PdkReplica *replica);
/* Leaves in order: learners and leader are told by the close; a leader proposes nothing more. */
void pdk_replica_stop(PdkReplica *replica);

/* ---- events ---- */
void pdk_replica_accepted(PdkReplica *replica, PdkLink link, PdkPurpose purpose, const char *endpoint);
void pdk_replica_dialled(PdkReplica *replica, uint32_t dial, PdkLink link);
void pdk_replica_dial_failed(PdkReplica *replica, uint32_t dial, bool refused, const char *detail);
void pdk_replica_received(PdkReplica *replica, PdkLink link, const uint8_t *data, size_t length);
void pdk_replica_unsent(PdkReplica *replica, PdkLink link, size_t unsent);
void pdk_replica_closed(PdkReplica *replica, PdkLink link);
void pdk_replica_listening(PdkReplica *replica, PdkPurpose purpose, const char *failure);
void pdk_replica_record_saved(PdkReplica *replica, const char *key);
void pdk_replica_truncated(PdkReplica *replica, int64_t zxid, const char *failure);
void pdk_replica_reloaded(PdkReplica *replica, int64_t last_logged);
void pdk_replica_log_read(PdkReplica *replica, const PdkLoggedTxn *txns, size_t n, bool more, const char *failure);
void pdk_replica_load_room(PdkReplica *replica);
void pdk_replica_load_saved(PdkReplica *replica, const char *failure);
/* The snapshot that `snapshotting` told of was published or given up. */
void pdk_replica_snapshot_over(PdkReplica *replica);
/* The own log is durable up to @zxid. */
void pdk_replica_synced(PdkReplica *replica, int64_t zxid);
/* Deadlines and what was left over; lowers effects->deadline_us. */
void pdk_replica_turn(PdkReplica *replica);

/* ---- what the layer above does ---- */
/* A txn took effect: it becomes history. */
void pdk_replica_applied(PdkReplica *replica, int64_t zxid, GBytes *txn);
/* Recovery, at the start or later: it begins with a snapshot of @zxid. */
void pdk_replica_recovers_from(PdkReplica *replica, int64_t zxid);
/* History from before begin (recovery): the same, without more. */
void pdk_replica_recovered(PdkReplica *replica, int64_t zxid, const uint8_t *txn, size_t length);

/* LEADING: the next zxid for a proposal; 0: not now (not leading, no right to commit, or the counter is used up: then this
 * leader steps down by itself). */
int64_t pdk_replica_next_zxid(PdkReplica *replica);
/* LEADING: @txn was appended under next_zxid: to all learners. Reconfiguration txns are recognised. */
void pdk_replica_propose(PdkReplica *replica, int64_t zxid, GBytes *txn);

/* FOLLOWING, OBSERVING: to the leader. @auth: an encoded vector<Id>. */
void pdk_replica_forward(PdkReplica *replica, int64_t session, int32_t cxid, int32_t op, const void *body, size_t length,
			 const void *auth, size_t auth_length);
void pdk_replica_revalidate(PdkReplica *replica, int64_t session, int32_t timeout_ms);

/* LEADING: checks a reconfiguration against what is known now; the new configuration with version @zxid, or NULL with *code. */
PdkMembers *pdk_replica_reconfigure(PdkReplica *replica, const char *joining, const char *leaving, const char *whole,
				    int64_t from_version, int64_t zxid, PdkCode *code);

/* ---- for those who look ---- */
typedef struct {
	PdkPeerState role;
	bool serving;
	int64_t epoch;           /* accepted */
	int64_t leader;          /* sid, -1: none */
	const char *phase;       /* election, discovery, synchronization, broadcast */
	const char *sync_mode;   /* NONE, DIFF, SNAP, TRUNC: how this learner was brought up */
	unsigned learners, synced_followers, synced_observers, synced_non_voters; /* at a leader */
	unsigned pending_syncs;  /* at a leader: learners being synchronised */
	bool serves_observers;   /* a follower that may; synced_observers counts those */
	int64_t observed;        /* an observer's: whom it is connected to, -1: nobody yet */
	unsigned quorum_size;    /* voters */
	int64_t leading_since_us; /* 0: not leading */
	int64_t last_proposal_bytes, min_proposal_bytes, max_proposal_bytes; /* -1: none yet */
	int64_t election_ms;     /* duration of the last election, -1: none yet */
} PdkReplicaFacts;
void pdk_replica_facts(const PdkReplica *replica, PdkReplicaFacts *into);
PdkPeerState pdk_replica_role(const PdkReplica *replica);
bool pdk_replica_serving(const PdkReplica *replica);
/* Since when (monotonic us) it has been looking for a leader with a tree fit to be shown; 0: it is not. */
int64_t pdk_replica_looking_since(const PdkReplica *replica);
const PdkMembers *pdk_replica_members(const PdkReplica *replica);
/* Walks and verifies everything (asserts). */
void pdk_replica_check(const PdkReplica *replica);

#endif

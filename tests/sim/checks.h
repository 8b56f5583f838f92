/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the checkers of a world share: what was ever proposed and committed, and what each server and each connection between
 * servers was seen to do. They look at the wire, at what survives on the disks and at what servers apply; they decide nothing.
 * Numbers like A7 are those of README.md. Changes when checkers share more.
 */
#ifndef TESTS_SIM_CHECKS_H
#define TESTS_SIM_CHECKS_H

#include "replica/replica-private.h"
#include "sim/durable.h"
#include "sim/packets.h"

#define HEX "0x%" G_GINT64_MODIFIER "x"

/* A connection from a learner to its leader (or to a follower that serves observers), as bytes were sent over it. */
typedef struct {
	Node *learner, *leader;
	SimEnd *from, *to;     /* the learner's and the leader's end */
	bool master;           /* the other side is a follower */
	bool observer;
	SimPackets up, down;
	int64_t hello_epoch;   /* that the learner had accepted, as it said first */
	int64_t epoch;         /* as LEADERINFO said, -1: it was not sent yet */
	int64_t acked_epoch_zxid; /* as ACKEPOCH said */
	bool promised;         /* ACKEPOCH was sent */
	PdkPacketType header;  /* DIFF, TRUNC or SNAP; 0: not sent yet */
	int64_t target;        /* zxid of the header */
	int64_t told_committed;   /* the last txn that the learner was told of as committed */
	int64_t needed;        /* what was told so before NEWLEADER */
	bool newleader, uptodate; /* sent */
	unsigned markers;      /* acks of epoch << 32 */
	int64_t proposed, acked;  /* last PROPOSAL or INFORM, last ACK of one */
	GArray *open;          /* int64_t: proposals without a COMMIT, from open_head on */
	guint open_head;
} SimTalk;

/* What is known of one server, over all its lives. */
typedef struct {
	int64_t head;          /* the last txn of its log and snapshots, durable or not */
	int64_t snapshot;      /* newest published one */
	int64_t delivered;     /* in this life */
	int64_t accepted, current; /* epochs, durable */
	int64_t current_before;    /* currentEpoch before it was raised last */
	bool wiped;            /* its disk was, and it was not synchronised since */
	GBytes *accepted_record, *current_record;
	SimTalk *following;    /* its last connection as a learner */
	PdkSids acked;         /* who acked NEWLEADER to it in epoch `leads` */
	int64_t leads;
	int64_t led;           /* the epoch that it led when its last turn was over, 0: none */
} SimSeen;

/* Who was counted for an epoch, and what it had then. */
typedef struct {
	int64_t epoch, sid, leader;
	int64_t current_epoch, zxid;
	bool fresh;            /* it holds nothing, and may have forgotten what it held and promised */
} SimSummary;

/* The leader of an epoch that passed its ACKEPOCH quorum. */
typedef struct {
	int64_t sid;
	int64_t committed;     /* the last txn that was, then */
} SimThrough;

typedef struct SimPaxos SimPaxos;

struct SimChecks {
	GHashTable *txns;      /* zxid -> SimTxn */
	GHashTable *initial;   /* epoch -> end of its leader's initial history */
	GHashTable *executed;  /* requests: session and cxid */
	GHashTable *opened;    /* sessions that a committed txn made -> when that was seen */
	GHashTable *closed;    /* sessions that a committed txn closed -> its zxid */
	GHashTable *closing;   /* sessions whose end was proposed */
	GHashTable *ordered;   /* session -> cxid of its last request that was carried out */
	GHashTable *truth;     /* path -> GArray of SimState */
	GArray *triggers;      /* SimTrigger; their paths are the keys of truth */
	GHashTable *through;   /* epoch -> SimThrough */
	int64_t committed;     /* the last txn that is */
	PdkMembers *members;   /* in force then */
	int64_t change;        /* the last one of these that was proposed */
	GArray *summaries;     /* SimSummary */
	GPtrArray *talks;
	SimPaxos *paxos;
	SimSeen seen[MAX_SERVERS];
};

static inline SimSeen *
sim_seen(const Node *node)
{
	return &node->sim->checks->seen[node->index];
}

/* ---- checks-log.c: one history ---- */
GHashTable *sim_chain_new(void);
/* An epoch << 32 stands for the end of that epoch's initial history. */
int64_t sim_chain_end(const SimChecks *checks, int64_t zxid);
/* Has a log that ends with @head the txn @zxid? */
bool sim_chain_holds(const SimChecks *checks, int64_t head, int64_t zxid);
bool sim_chain_committed(const SimChecks *checks, int64_t zxid);
void sim_chain_append(Node *node, int64_t zxid, GBytes *txn);
/* The log of @node was cut behind @zxid. */
void sim_chain_cut(Node *node, int64_t zxid);
/* @node says, or acts as if, everything up to @zxid were committed. */
void sim_chain_commit(Node *node, int64_t zxid);
/* @node serves as leader of @epoch from now on. */
void sim_chain_begin(Node *node, int64_t epoch);
/* What was committed is still durable at a quorum. */
void sim_chain_kept(Sim *sim, const char *when);

/* ---- checks-truth.c: the data ---- */
GHashTable *sim_truth_new(void);
GArray *sim_triggers_new(void);
/* It is committed. */
void sim_truth_take(Sim *sim, const PdkTxnHeader *header, GBytes *txn);

/* ---- checks-reaping.c: what goes by itself ---- */
/* A leader removes @path. */
void sim_reaping_look(Sim *sim, const PdkTxnHeader *header, const char *path);

/* ---- checks-epochs.c: what is promised on disk ---- */
void sim_epochs_look(Node *node);
/* The disk is gone. */
void sim_epochs_forget(Node *node);

/* ---- checks-zab.c: what servers say to each other ---- */
void sim_zab_up(SimTalk *talk, const PdkPacket *packet);
void sim_zab_down(SimTalk *talk, const PdkPacket *packet);
/* By what was said, @node may serve clients. */
bool sim_zab_serves(const Node *node);

/* ---- checks-members.c: who is in force ---- */
/* A change of members is proposed behind @parent. */
void sim_change_proposed(Node *node, int64_t zxid, int64_t parent);
void sim_change_committed(Node *node, int64_t zxid);
/* It is acked: whoever does that has the list on its disk, too. */
void sim_change_acked(Node *node, int64_t zxid);

/* ---- checks-memory.c: what may gather ---- */
void sim_memory_look(const Node *node);

/* ---- checks-service.c: what clients are told ---- */
void sim_service_sent(Node *node, SimEnd *end, const uint8_t *data, size_t length);

#endif

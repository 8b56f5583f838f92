/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PdkReplica that its election made leader, with a fake layer above it, a fake disk, and learners that are written by hand:
 * each test says every packet. Changes when the interface of a replica does.
 */
#ifndef LEADER_WORLD_H
#define LEADER_WORLD_H

#include "replica/replica-private.h"

#include <CUnit/Basic.h>
#include <stdio.h>

#define TICK_US 100000 /* of the leader's ticks */
#define INIT_TICKS 5
#define SYNC_TICKS 3
#define CASE(name) CU_add_test(suite, #name, name)

static inline int64_t
zx(int64_t epoch, int64_t counter)
{
	return (int64_t)((uint64_t)epoch << 32) + counter;
}

/* The far end of a connection to the leader's quorum port. */
typedef struct {
	PdkLink link;
	bool closed;
	bool stuck;     /* its transport holds all that is sent */
	size_t unsent;
	GByteArray *in; /* what the leader sent and nobody read yet */
	size_t read;
} Peer;

typedef struct {
	PdkReplica *replica;
	PdkEffects *effects;
	int64_t now_us;

	/* the layer above */
	GPtrArray *said;
	bool said_fatal;
	bool serving;
	unsigned quiesced;
	int64_t epoch_served, applied, committed;
	GArray *held;      /* int64_t; their txns are made from the zxid */
	GPtrArray *txns;
	unsigned requests, touches;
	PdkLearnerId last_from;
	int64_t last_session;
	int32_t last_op, last_cxid, last_timeout_ms;
	bool session_alive;
	unsigned walk_parts, walk_left; /* parts a walk gives */
	bool walks, walk_refused;

	/* the host */
	GPtrArray *peers;
	GArray *records; /* char *: keys to be answered */
	bool disk_holds; /* answers wait for world_save */
	int64_t read_from; /* a READ_LOG to be answered, -1: none */
	size_t part_bytes;
} World;

/* @members: "server.N=..." lines, NULL: three servers. This one is 1. */
typedef struct {
	const char *members;
	int64_t accepted, current; /* epochs on disk */
	int64_t history, held;     /* so many txns of epoch `current` are applied, then held */
	unsigned history_count;    /* 500 unless given */
	uint64_t learner_output_max;
	double snapshot_size_factor; /* 0.33 unless given */
	bool reconfig;
	bool looks;                /* the election names nobody before world_elect */
	bool disk_holds;
} Start;

World *world_new(const Start *start);
void world_free(World *world);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(World, world_free)
/* The election names this server. */
void world_elect(World *world);

/* Carries what the last event wanted, and turns while there is work left. Every function below that acts ends with it. */
void world_carry(World *world);
void world_wait(World *world, int64_t us);
void world_save(World *world);              /* the disk answers all records */
void world_synced(World *world, int64_t zxid);
int64_t world_propose(World *world);        /* a txn with the next zxid; 0: refused */
int64_t world_propose_bytes(World *world, int64_t zxid, GBytes *txn);
void world_log_read(World *world, int64_t first, int64_t last, bool more);
GBytes *world_txn(int64_t zxid);
bool world_looks(const World *world);
/* What the election tells others of this server. */
PdkPeerState world_told(World *world);
/* Has a line with all of @text been said? */
bool world_said(const World *world, const char *text);

Peer *peer_connect(World *world);
void peer_close(World *world, Peer *peer);
void peer_send(World *world, Peer *peer, PdkPacketType type, int64_t zxid, const void *data, int32_t length);
void peer_send_raw(World *world, Peer *peer, const void *data, size_t length);
/* The next packet; type 0: there is none. Its data is good until the next. */
PdkPacket peer_next(Peer *peer);
/* Takes raw bytes; false: fewer are there. */
bool peer_raw(Peer *peer, size_t length);
/* The next packet is this. */
bool peer_gets(Peer *peer, PdkPacketType type, int64_t zxid);
bool peer_silent(Peer *peer);
/* Its transport says that it holds so much. */
void peer_unsent(World *world, Peer *peer, size_t unsent);

void peer_hello(World *world, Peer *peer, PdkPacketType type, int64_t sid, int64_t accepted_epoch);
/* @current -1: it had promised the epoch before. */
void peer_ackepoch(World *world, Peer *peer, int64_t last_zxid, int32_t current);
void peer_ack(World *world, Peer *peer, int64_t zxid);
/* Connects as @sid, with @last_zxid and the leader's history, up to its NEWLEADER ack; every packet until then was read. */
Peer *peer_joins(World *world, PdkPacketType type, int64_t sid, int64_t last_zxid);
/* Reads everything. */
void peer_drain(Peer *peer);

#endif

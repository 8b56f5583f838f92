/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server 1 of a world learns from a leader, server 3, that a test plays packet by packet. Changes when what a test wants to say
 * as a leader, or to know of a learner, does.
 */
#ifndef TESTS_UNIT_REPLICA_PLAY_H
#define TESTS_UNIT_REPLICA_PLAY_H

#include "world.h"

#define Z(epoch, counter) ((INT64_C(epoch) << 32) | (counter))

typedef struct {
	World *world;
	Node *node;
	PdkLink link;
} Play;

/* The learner is connected, and has greeted. The world is the caller's. */
Play play_new(void);
Play play_with(bool reconfig);
void play_turn(Play *play);
void play_work(Play *play); /* the disk does all that it was asked */
/* Time passes until the learner dials, and is connected. */
void play_connect(Play *play);
void play_leader_goes(Play *play);

void play_hear(Play *play, const PdkBuffer *bytes);
void play_tell(Play *play, PdkPacketType type, int64_t zxid, const void *data, int32_t length);
void play_plain(Play *play, PdkPacketType type, int64_t zxid);
void play_propose(Play *play, int64_t zxid);
void play_propose_members(Play *play, int64_t zxid, const char *text);
void play_leader_info(Play *play, int64_t epoch);
/* Up to the header of the synchronisation. */
void play_discover(Play *play, int64_t epoch);
/* The leader is lost, and the same or another one is found, up to the header of the synchronisation. */
void play_next_leader(Play *play, int64_t epoch);
/* A learner that serves in @epoch with the txns 1 to @n of it. */
void play_serve(Play *play, int64_t epoch, int n);
Play play_serving(int64_t epoch, int n);
/* SNAP of one txn, up to and without the signature. */
void play_snapshot(Play *play, int64_t zxid, size_t missing);
void play_finish_snapshot(Play *play, const char *signature);
void play_whole_snapshot(Play *play, int64_t zxid);

/* The next packet the learner sent, its type; 0: none. */
int32_t play_sent(Play *play, int64_t *zxid, int32_t *first_int);
bool play_sent_is(Play *play, int32_t type, int64_t zxid);
bool play_silent(Play *play);
bool play_looks(Play *play);

#endif

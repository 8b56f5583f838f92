/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What passes between servers, cut from the bytes of a connection and said in words. Changes when a message is said in other
 * words, or there is another one.
 */
#ifndef TESTS_GOLDEN_WORDS_H
#define TESTS_GOLDEN_WORDS_H

#include "replica/packet.h"
#include "server/server.h"

/* What a story may tell of. */
typedef enum {
	TOPIC_ELECTION = 1 << 0,  /* votes and ballots, and what is kept of them */
	TOPIC_QUERY = 1 << 1,     /* Paxos: who asks who leads, and is told */
	TOPIC_DISCOVERY = 1 << 2, /* the way to an epoch */
	TOPIC_SYNC = 1 << 3,      /* how a learner is brought up */
	TOPIC_BROADCAST = 1 << 4, /* proposals, acks, commits, and what the log makes durable */
	TOPIC_STATE = 1 << 5,     /* who looks, leads, follows, serves; what a tree has */
	TOPIC_LINKS = 1 << 6,     /* connections between leader and learner that end */
	TOPIC_CLIENT = 1 << 7,
} Topic;

/* One direction of a connection. */
typedef struct Stream Stream;
/* A whole message; @text is lent. */
typedef void (*StreamTold)(void *context, const char *text, unsigned topic);

/* @greets: an election link's dialler speaks, so its handshake comes first. NULL for purposes that are not told of. */
Stream *stream_new(PdkPurpose purpose, bool greets);
void stream_free(Stream *stream);
void stream_take(Stream *stream, const uint8_t *data, size_t length, StreamTold told, void *context);

/* "2.4": counter 4 of epoch 2. */
char *words_zxid(int64_t zxid);
/* A small record of a server, as "currentEpoch 3". */
char *words_record(const char *key, GBytes *value);

#endif

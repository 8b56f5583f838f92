/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Servers that run Paxos, watched: what each saves and says is checked against the rules as it happens, and a value counts as
 * chosen when a quorum has it on disk. Changes when the messages or rules of Paxos do.
 */
#ifndef PAXOS_WATCH_H
#define PAXOS_WATCH_H

#include "election_stage.h"

typedef enum { QUERY = 1, STATUS, PREPARE, PROMISE, ACCEPT, ACCEPTED, CHOSEN, NACK } Type;

/* As in a record, and in PREPARE, PROMISE, ACCEPT, ACCEPTED: cv, k, n, sid. */
typedef struct {
	int64_t cv, k, n, sid;
} Ballot;

typedef struct {
	Ballot promised;
	int64_t accepted_n, accepted_sid, value;
} Durable;

typedef struct {
	unsigned voters;
	GArray *accepted; /* what was accepted durably, by ballot */
	Durable durable[ELECTION_STAGE_MAX + 1];
	bool voter[ELECTION_STAGE_MAX + 1];
	unsigned chosen_instances;
	unsigned sent[NACK + 1][ELECTION_STAGE_MAX + 1]; /* by type and sid */
	uint64_t violations;
	const char *first_violation;
} Watch;

extern Watch watch; /* of the stage made last */

/* Servers 1..@voters of an ensemble, all watched. */
ElectionStage *watched_stage(unsigned voters, uint64_t seed);
/* CUnit assertion: no rule was broken. */
void check_watch(uint64_t seed);
void watch_clear(void);

int order(const Ballot *a, const Ballot *b);
/* The value chosen in an instance, -1: none; all that were must agree. */
int64_t chosen_in(int64_t cv, int64_t k);

/* The @index-th number of a message, or of a record. */
int64_t long_at(GBytes *bytes, size_t index);
uint32_t type_of(GBytes *bytes);
GBytes *message_new(uint32_t type, unsigned n, const int64_t *numbers);
#define MESSAGE(type, ...) \
	message_new(type, sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), (const int64_t[]){__VA_ARGS__})

#endif

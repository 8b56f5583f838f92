/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proves that an ensemble keeps its promises under faults: the seeds that told of something once, then fresh ones for a while.
 * See README.md.
 */
#include "sim/run.h"

#include <stdio.h>

#define FRESH_FIRST 1
#define FRESH_MAX 1000
#ifdef __SANITIZE_ADDRESS__
#define FRESH_SECONDS 15
#else
#define FRESH_SECONDS 60
#endif

typedef struct {
	uint64_t seed;
	const char *election, *story;
} Known;

/* The world draws another story for a seed whenever it changes: what stays is that these run. */
static const Known known[] = {
	{24, "fle", "sessions whose close was forgotten when leading ended wait for a deadline"},
	{182, "fle", "the leader is lost while its whole snapshot is being saved: its completion is waited for"},
	{527, "fle", "two followers with tails wait for a leader that needs one of them"},
	{2000535, "fle", "two followers accepted a higher epoch than the leader that is established without them"},
	{4248, "fle", "a leader is lost in the middle of a cut: what was held is not applied twice"},
	{4000, "paxos", "the same"},
	{30035, "fle", "a new disk loses power before its first snapshot is durable"},
	{11007, "paxos", "a cut behind the epoch before takes the only snapshot with it"},
	{11006, "fle", "who starts again with a tail shows what is not committed"},
	{10178, "fle", "the same"},
	{22600, "paxos", "the same"},
	{20035, "mixed-time", "a leader's snapshot goes with a cut before the next one is there"},
	{22012, "mixed-time", "the same"},
	{21005, "fle", "a change of members is acked before its list is on the disk"},
	{115, "fle", "a removed leader drops writes and answers the reads behind them"},
	{261, "paxos", "the same"},
	{3385, "fle", "a connection breaks before its dialler knows of it"},
	{4467, "paxos", "the same"},
	{19, "paxos", "a request left on a cut line is carried out behind a later one"},
	{27, "fle", "a flipped bit is taken for a torn write"},
	{40057, "mixed-time", "who has a vote by a list under way only names nobody, in a later round"},
	{1796048460, "mixed-time", "who has a vote by a list under way only promises nothing"},
	{1796048482, "paxos", "two leaders chose one epoch"},
	{7000293, "paxos", "a new disk joins a deposed leader, for another wants to follow it and may not"},
	{8000549, "mixed-time", "a new disk hears of a deposed leader what had waited for a link"},
	{9300431, "paxos", "a leader without zxids answers a sync behind a write that it passed over"},
	{14, "paxos", "the cleaner removes what is being written"},
	{170, "mixed-time", "a read that waits is judged by who came later"},
	{20142, "mixed-time", "a leader that has ended sends its followers back to itself"},
	{20170, "paxos", "the same"},
	{60816, "paxos", "a follower has an observer cut what it had shown"},
	{20000210, "paxos", "more is to go by itself than an epoch has zxids for"},
	{20001179, "fle", "the same"},
	{9001490, "paxos", "a leader wants cut what only a leader's snapshot has, and is asked for its own"},
	{7000167, "paxos", "a dial that took long comes to a leader whose learner has another connection by now"},
	{7001037, "fle", "two bits flip in one record"},
	{7002461, "paxos", "a leader gets its quorum of promises after a later one was established"},
	{7002464, "fle", "the same"},
	{60012, "paxos", "history that is more than a leader keeps for a learner"},
	{853, "fle", "a server stands still while a fault ends: nothing overtakes what waits for it"},
	{941, "fle", "the same"},
	{23, "paxos", "the same"},
};

/* The number of failures: 0 or 1. It tells first which seed it is, in case it dies. */
static unsigned
try_seed(uint64_t seed, const char *election)
{
	SimRun run = {.seed = seed, .observers = -1, .election = election};
	SimResult result;
	g_autofree char *options = sim_run_options(&run);
	printf("pdk-sim %s\n", options);
	fflush(stdout);
	sim_run_seed(&run, &result);
	printf("%s\n", result.line);
	if (!result.fine)
		printf("%s\nFAILED %s\n", result.tail, result.invariant);
	unsigned failed = result.fine ? 0 : 1;
	sim_result_clear(&result);
	return failed;
}

int
main(void)
{
	unsigned failed = 0, fresh = 0;
	for (unsigned i = 0; i < G_N_ELEMENTS(known); i++) {
		printf("%s:\n", known[i].story);
		failed += try_seed(known[i].seed, known[i].election);
	}
	int64_t until_us = g_get_monotonic_time() + FRESH_SECONDS * G_USEC_PER_SEC;
	for (; fresh < FRESH_MAX && failed == 0 && g_get_monotonic_time() < until_us; fresh++)
		failed += try_seed(FRESH_FIRST + fresh, NULL);
	printf("%u fresh seeds, %u failed\n", fresh, failed);
	return failed == 0 ? 0 : 1;
}

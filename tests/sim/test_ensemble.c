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

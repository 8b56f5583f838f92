/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seeds of a small ensemble under faults: what was acknowledged stays, there is one leader an epoch, all end up equal, and
 * writes go on when the faults stop. `test_ensemble SEED [fle|paxos]` runs one seed and tells its story; see README.md.
 */
#include "sim/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLIENTS 6
#define SEEDS 40 /* of each election, by default */
#define FAULTY_SECONDS 40
#define CALM_SECONDS 60
#define ANSWERS_WANTED 200

typedef struct {
	Sim *sim;
	unsigned wanted; /* answers to all clients */
	Promises *promises;
	Client *clients[CLIENTS];
} Run;

static unsigned
all_answers(Run *run)
{
	unsigned n = 0;
	for (unsigned i = 0; i < CLIENTS; i++)
		n += client_answers(run->clients[i]);
	return n;
}

static unsigned
pick(Sim *sim)
{
	return (unsigned)pdk_random_below(sim_random(sim), sim_servers(sim));
}

static void
start_all(Sim *sim)
{
	for (unsigned i = 0; i < sim_servers(sim); i++)
		if (!sim_is_up(sim, i))
			sim_start(sim, i);
}

static void
crash_all(Sim *sim)
{
	for (unsigned i = 0; i < sim_servers(sim); i++)
		sim_crash(sim, i);
	start_all(sim);
}

static void
isolate(Sim *sim, unsigned server)
{
	for (unsigned i = 0; i < sim_servers(sim); i++) {
		sim_cut(sim, server, i);
		sim_cut(sim, i, server);
	}
}

static void
wipe(Sim *sim, unsigned server)
{
	if (!sim_may_wipe(sim, server))
		return;
	sim_crash(sim, server);
	sim_wipe(sim, server);
	sim_start(sim, server);
}

static int64_t
some_time(Sim *sim, int64_t below_us)
{
	return (int64_t)pdk_random_below(sim_random(sim), (uint64_t)below_us);
}

static void
disk_fault(Sim *sim, unsigned server)
{
	switch (pdk_random_below(sim_random(sim), 4)) {
	case 0:
		sim_slow_disk(sim, server, some_time(sim, 200 * SIM_MS));
		return;
	case 1:
		sim_slow_disk(sim, server, 0);
		return;
	case 2:
		if (sim_is_up(sim, server))
			sim_stick_disk(sim, server, sim_now(sim) + some_time(sim, 20 * SIM_SECOND));
		return;
	default:
		wipe(sim, server);
		return;
	}
}

static void
one_fault(Sim *sim)
{
	unsigned a = pick(sim), b = pick(sim);
	/* Who leads has what others have not. */
	if (sim_leader(sim) >= 0 && pdk_random_below(sim_random(sim), 3) == 0)
		a = (unsigned)sim_leader(sim);
	switch (pdk_random_below(sim_random(sim), 14)) {
	case 0:
	case 1:
		sim_crash(sim, a);
		return;
	case 2:
	case 3:
		start_all(sim);
		return;
	case 4:
		sim_cut(sim, a, b);
		return;
	case 5:
		isolate(sim, a);
		return;
	case 6:
	case 7:
		sim_heal(sim);
		return;
	case 8:
		sim_reset(sim, a, b);
		return;
	case 9:
		sim_storm(sim, a);
		return;
	case 10:
		if (some_time(sim, 2) == 0)
			crash_all(sim);
		return;
	case 11:
		disk_fault(sim, a);
		return;
	case 12:
		/* Several at once, soon after the other: servers on their way meet the next trouble. */
		for (unsigned i = 0; i < 4; i++) {
			sim_reset(sim, pick(sim), pick(sim));
			sim_run(sim, sim_now(sim) + some_time(sim, 50 * SIM_MS));
		}
		return;
	default:
		sim_pause(sim, a, sim_now(sim) + some_time(sim, 15 * SIM_SECOND));
		return;
	}
}

static void
calm_down(Sim *sim)
{
	sim_heal(sim);
	for (unsigned i = 0; i < sim_servers(sim); i++)
		sim_slow_disk(sim, i, 0);
	start_all(sim);
}

static bool
agreed(Sim *sim, void *data)
{
	(void)data;
	for (unsigned i = 0; i < sim_servers(sim); i++)
		if (strcmp(sim_mode(sim, i), "looking") == 0)
			return false;
	return sim_leader(sim) >= 0 && sim_agree(sim);
}

static bool
serves_all(Sim *sim, void *data)
{
	Run *run = data;
	return sim_leader(sim) >= 0 && all_answers(run) >= run->wanted;
}

static SimParams
draw_params(uint64_t seed, const char *election, bool trace, PdkRandom *draw)
{
	*draw = pdk_random(seed * 7919 + 13);
	return (SimParams){
		.seed = seed,
		.voters = (unsigned[]){3, 3, 3, 5, 2, 4}[pdk_random_below(draw, 6)],
		.observers = (unsigned)pdk_random_below(draw, 2),
		.election = election,
		.trace = trace,
		.snap_count = (int64_t[]){0, 10, 30, 100}[pdk_random_below(draw, 4)],
		.history_count = (uint32_t[]){0, 2, 10, 50}[pdk_random_below(draw, 4)],
	};
}

static void
hush(Run *run)
{
	int64_t until_us = sim_now(run->sim) + some_time(run->sim, 8 * SIM_SECOND);
	for (unsigned i = 0; i < CLIENTS; i++)
		client_hush(run->clients[i], until_us);
}

/* The leader goes on alone for a while, with clients; then it falls silent and meets the others again. */
static void
lonely_leader(Run *run)
{
	Sim *sim = run->sim;
	int leader = sim_leader(sim);
	if (leader < 0)
		return;
	isolate(sim, (unsigned)leader);
	sim_run(sim, sim_now(sim) + some_time(sim, 500 * SIM_MS));
	hush(run);
	bool crashes = some_time(sim, 3) > 0;
	if (crashes) {
		sim_crash(sim, (unsigned)leader);
		sim_run(sim, sim_now(sim) + 50 * SIM_MS);
		sim_heal(sim);
	}
	sim_run(sim, sim_now(sim) + some_time(sim, crashes ? 3 * SIM_SECOND : 15 * SIM_SECOND));
	sim_heal(sim);
	start_all(sim);
}

static void
trouble(Run *run, PdkRandom *draw)
{
	Sim *sim = run->sim;
	sim_run(sim, 3 * SIM_SECOND);
	while (sim_failure(sim) == NULL && sim_now(sim) < FAULTY_SECONDS * SIM_SECOND) {
		uint64_t kind = pdk_random_below(draw, 20);
		if (kind == 0)
			hush(run);
		else if (kind <= 4)
			lonely_leader(run);
		else if (kind < 16)
			one_fault(sim);
		uint64_t longest_us = pdk_random_below(draw, 2) ? 300 * SIM_MS : 3 * SIM_SECOND;
		sim_run(sim, sim_now(sim) + (int64_t)pdk_random_below(draw, longest_us));
	}
}

/* Everything works again: they serve within a bound, agree when it is quiet, and kept every promise. */
static void
peace(Run *run)
{
	Sim *sim = run->sim;
	calm_down(sim);
	run->wanted = all_answers(run) + ANSWERS_WANTED;
	if (!sim_run_until(sim, serves_all, run, sim_now(sim) + CALM_SECONDS * SIM_SECOND) && sim_failure(sim) == NULL)
		sim_fail(sim, "A18-liveness", "no service %d s after the last fault", CALM_SECONDS);
	for (unsigned i = 0; i < CLIENTS; i++)
		client_stop(run->clients[i]);
	if (!sim_run_until(sim, agreed, NULL, sim_now(sim) + CALM_SECONDS * SIM_SECOND) && sim_failure(sim) == NULL)
		sim_fail(sim, "agreement-at-rest", "the servers do not agree in the end");
	for (unsigned server = 0; server < sim_servers(sim) && sim_failure(sim) == NULL; server++) {
		pdk_server_check(sim_server(sim, server));
		for (unsigned i = 0; i < CLIENTS; i++)
			client_check(run->clients[i], server);
	}
}

static void
tell_result(const Run *run, const SimParams *params)
{
	unsigned creates = 0;
	const SimCounts *n = sim_counts(run->sim);
	const char *failure = sim_failure(run->sim);
	for (unsigned i = 0; i < CLIENTS; i++)
		creates += client_creates(run->clients[i]);
	printf("seed %" G_GUINT64_FORMAT " %s %u+%u: %.1f s, %u creates, leaders %u, diff %u (log %u) trunc %u snap %u, "
	       "own snaps %u cuts %u (behind %u) reloads %u, expired %u, digests %u: %s\n", params->seed, params->election, params->voters,
	       params->observers, (double)sim_now(run->sim) / 1e6, creates, n->elected, n->diffs, n->logs_read, n->truncs, n->snaps,
	       n->own_snapshots, n->truncations, n->cut_behind, n->reloads, n->expired, n->digests, failure ? failure : "ok");
	fflush(stdout);
}

/* True: nothing went wrong. */
static bool
run_seed(uint64_t seed, const char *election, bool trace)
{
	PdkRandom draw;
	SimParams params = draw_params(seed, election, trace, &draw);
	Run run = {.sim = sim_new(&params), .promises = promises_new(WORKLOAD_ALL)};
	for (unsigned i = 0; i < CLIENTS; i++)
		run.clients[i] = client_new(run.sim, run.promises, i);
	trouble(&run, &draw);
	peace(&run);
	tell_result(&run, &params);
	bool fine = sim_failure(run.sim) == NULL;
	for (unsigned i = 0; i < CLIENTS; i++)
		client_stop(run.clients[i]);
	sim_free(run.sim);
	for (unsigned i = 0; i < CLIENTS; i++)
		client_free(run.clients[i]);
	promises_free(run.promises);
	return fine;
}

typedef struct {
	uint64_t seed;
	const char *election, *story;
} Known;

/* Seeds that told of something once. */
static const Known known[] = {
	{182, "fle", "the leader is lost while its whole snapshot is being saved: its completion is waited for"},
	{527, "fle", "two followers with tails wait for a leader that needs one of them"},
	{853, "fle", "a server stands still while a fault ends: nothing overtakes what waits for it"},
};

static unsigned
run_known(void)
{
	unsigned bad = 0;
	for (unsigned i = 0; i < G_N_ELEMENTS(known); i++) {
		printf("%s:\n", known[i].story);
		bad += run_seed(known[i].seed, known[i].election, false) ? 0 : 1;
	}
	return bad;
}

int
main(int argc, char **argv)
{
	static const char *const elections[] = {"fle", "paxos"};
	unsigned bad = 0;
	if (argc >= 2 && argc <= 3)
		return run_seed(strtoull(argv[1], NULL, 10), argc == 3 ? argv[2] : "fle", true) ? 0 : 1;
	uint64_t first = argc == 4 ? strtoull(argv[1], NULL, 10) : 1;
	uint64_t last = argc == 4 ? strtoull(argv[2], NULL, 10) : SEEDS;
	if (argc != 4)
		bad += run_known();
	for (uint64_t seed = first; seed <= last; seed++)
		for (unsigned i = 0; i < G_N_ELEMENTS(elections); i++)
			if (argc != 4 || strcmp(argv[3], elections[i]) == 0)
				bad += run_seed(seed, elections[i], false) ? 0 : 1;
	printf("%u failed\n", bad);
	return bad == 0 ? 0 : 1;
}

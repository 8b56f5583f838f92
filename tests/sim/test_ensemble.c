/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seeds of a small ensemble under faults: what was acknowledged stays, there is one leader an epoch, all end up equal, and
 * writes go on when the faults stop. `test_ensemble SEED` runs one seed and tells its story.
 */
#include "sim/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLIENTS 4
#define FAULTY_SECONDS 40
#define CALM_SECONDS 120

typedef struct {
	Sim *sim;
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
one_fault(Sim *sim)
{
	unsigned a = pick(sim), b = pick(sim);
	int64_t now = sim_now(sim);
	switch (pdk_random_below(sim_random(sim), 8)) {
	case 0:
	case 1:
		if (sim_is_up(sim, a))
			sim_crash(sim, a);
		return;
	case 2:
		for (unsigned i = 0; i < sim_servers(sim); i++)
			if (!sim_is_up(sim, i))
				sim_start(sim, i);
		return;
	case 3:
		sim_cut(sim, a, b);
		return;
	case 4:
		for (unsigned i = 0; i < sim_servers(sim); i++) {
			sim_cut(sim, a, i);
			sim_cut(sim, i, a);
		}
		return;
	case 5:
		sim_heal(sim);
		return;
	case 6:
		sim_reset(sim, a, b);
		return;
	default:
		sim_pause(sim, a, now + (int64_t)pdk_random_below(sim_random(sim), 15 * SIM_SECOND));
		return;
	}
}

static void
calm_down(Sim *sim)
{
	sim_heal(sim);
	for (unsigned i = 0; i < sim_servers(sim); i++) {
		sim_pause(sim, i, 0);
		sim_slow_disk(sim, i, 0);
		if (!sim_is_up(sim, i))
			sim_start(sim, i);
	}
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

/* True: nothing went wrong. */
static bool
run_seed(uint64_t seed, const char *election, bool trace)
{
	PdkRandom draw = pdk_random(seed * 7919 + 13);
	SimParams params = {
		.seed = seed,
		.voters = (unsigned[]){3, 3, 3, 5, 2, 1}[pdk_random_below(&draw, 6)],
		.observers = (unsigned)pdk_random_below(&draw, 2),
		.election = election,
		.trace = trace,
		.snap_count = pdk_random_below(&draw, 2) ? 50 : 0,
		.history_count = pdk_random_below(&draw, 2) ? 5 : 0,
	};
	if (params.voters == 1)
		params.voters = 3;
	Run run = {.sim = sim_new(&params)};
	for (unsigned i = 0; i < CLIENTS; i++)
		run.clients[i] = client_new(run.sim, i);
	sim_run(run.sim, 3 * SIM_SECOND);
	while (sim_failure(run.sim) == NULL && sim_now(run.sim) < FAULTY_SECONDS * SIM_SECOND) {
		if (pdk_random_below(&draw, 3) > 0)
			one_fault(run.sim);
		sim_run(run.sim, sim_now(run.sim) + (int64_t)pdk_random_below(&draw, 3 * SIM_SECOND));
	}
	calm_down(run.sim);
	unsigned before = all_answers(&run);
	sim_run(run.sim, sim_now(run.sim) + CALM_SECONDS / 2 * SIM_SECOND);
	if (sim_failure(run.sim) == NULL && (sim_leader(run.sim) < 0 || all_answers(&run) <= before + CLIENTS))
		sim_fail(run.sim, "no service a minute after the last fault (answers %u)", all_answers(&run) - before);
	for (unsigned i = 0; i < CLIENTS; i++)
		client_stop(run.clients[i]);
	if (sim_failure(run.sim) == NULL && !sim_run_until(run.sim, agreed, NULL, sim_now(run.sim) + CALM_SECONDS * SIM_SECOND) &&
	    sim_failure(run.sim) == NULL)
		sim_fail(run.sim, "the servers do not agree in the end");
	for (unsigned i = 0; i < CLIENTS && sim_failure(run.sim) == NULL; i++)
		for (unsigned server = 0; server < sim_servers(run.sim); server++)
			client_check(run.clients[i], server);
	unsigned creates = 0;
	for (unsigned i = 0; i < CLIENTS; i++)
		creates += client_creates(run.clients[i]);
	bool fine = sim_failure(run.sim) == NULL;
	printf("seed %" G_GUINT64_FORMAT " %s %u+%u: %.1f s, %u creates acknowledged, %s\n", seed, election, params.voters,
	       params.observers, (double)sim_now(run.sim) / 1e6, creates, fine ? "ok" : sim_failure(run.sim));
	fflush(stdout);
	for (unsigned i = 0; i < CLIENTS; i++)
		client_stop(run.clients[i]);
	sim_free(run.sim);
	for (unsigned i = 0; i < CLIENTS; i++)
		client_free(run.clients[i]);
	return fine;
}

int
main(int argc, char **argv)
{
	static const char *const elections[] = {"fle", "paxos"};
	unsigned bad = 0;
	if (argc >= 2 && argc <= 3)
		return run_seed(strtoull(argv[1], NULL, 10), argc == 3 ? argv[2] : "fle", true) ? 0 : 1;
	uint64_t first = argc == 4 ? strtoull(argv[1], NULL, 10) : 1;
	uint64_t last = argc == 4 ? strtoull(argv[2], NULL, 10) : 5;
	for (uint64_t seed = first; seed <= last; seed++)
		for (unsigned i = 0; i < G_N_ELEMENTS(elections); i++)
			if (argc != 4 || strcmp(argv[3], elections[i]) == 0)
				bad += run_seed(seed, elections[i], false) ? 0 : 1;
	printf("%u failed\n", bad);
	return bad == 0 ? 0 : 1;
}

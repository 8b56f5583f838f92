/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run: an ensemble, clients, a mix of faults for so long, then peace, then the last checks. Everything follows from the
 * parameters, so the same parameters tell the same story. Changes when the course of a run does.
 */
#ifndef TESTS_SIM_RUN_H
#define TESTS_SIM_RUN_H

#include "sim/faults.h"

typedef struct {
	uint64_t seed;
	unsigned voters, observers;  /* voters 0: drawn, both */
	const char *election;        /* "fle", "paxos"; "mixed-time": whole-ensemble restarts swap the two; NULL: drawn */
	int64_t faulty_us;           /* how long faults go on; 0: 50 s */
	unsigned strikes_max;        /* faults stop after so many; 0: no limit (what --shrink turns) */
	const char *faults;          /* names; NULL: drawn */
	const char *workload;        /* names of what clients do, see client.h; NULL: drawn */
	bool trace;                  /* every line of every server and of the world to stdout */
	unsigned tail;               /* on failure so many last lines of every server are kept; 0: 40 */
} SimRun;

typedef struct {
	bool fine;
	char *line;      /* the one line of the run, without newline */
	char *invariant; /* the name of what was broken, NULL: nothing */
	char *tail;      /* on failure: the last events of every server; else NULL */
	uint64_t trace_hash; /* of all trace lines, also when none is printed: equal runs have equal ones */
	unsigned strikes;    /* how many faults struck */
	int64_t virtual_us;
} SimResult;

void sim_run_seed(const SimRun *run, SimResult *result);
void sim_result_clear(SimResult *result);

/*
 * Finds a shorter run that breaks the same invariant: fewer strikes, fewer kinds, fewer servers, less time. @into takes the
 * parameters (its strings are g_strdup'ed). Runs at most @budget times; true: something shorter was found.
 */
bool sim_shrink(const SimRun *run, const SimResult *failed, unsigned budget, SimRun *into, SimResult *result);

#endif

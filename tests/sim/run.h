/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run: an ensemble, clients, a mix of faults for so long, then peace, then the last checks. Everything follows from the
 * parameters, so the same parameters tell the same story. Changes when the course of a run does.
 */
#ifndef TESTS_SIM_RUN_H
#define TESTS_SIM_RUN_H

#include "sim/faults.h"

/* What is not told is drawn from the seed. Strings live as long as the program (g_intern_string). */
typedef struct {
	uint64_t seed;
	unsigned voters;       /* 1 to 7; 0: drawn, and observers with it */
	int observers;         /* below 0: drawn */
	const char *election;  /* "fle", "paxos"; "mixed-time": restarts of all swap the two now and then; NULL: drawn */
	int64_t faulty_us;     /* how long faults go on; 0: 50 s */
	unsigned strikes_max;  /* faults stop after so many; 0: no limit */
	const char *faults;    /* see sim_mix_parse; NULL: drawn */
	const char *workload;  /* see workload_parse; NULL: drawn */
	const char *quirk;     /* as sim_quirk_name has it; all but "none" are for "fle"; NULL: drawn */
	const char *settings;  /* see sim_settings_parse; NULL: drawn */
	bool trace;            /* every line of every server and of the world to stdout */
	unsigned tail;         /* on failure so many last lines of every server are kept; 0: 40 */
} SimRun;

typedef struct {
	bool fine;
	char *line;          /* the one line of the run, without newline */
	char *invariant;     /* the name of what was broken, NULL: nothing */
	char *tail;          /* on failure: the last lines of every server; else NULL */
	uint64_t trace_hash; /* the same for runs that are the same */
	unsigned strikes;    /* how many faults struck */
	int64_t faulty_us;   /* when the last of them did */
} SimResult;

/* Draws what is not told: the run stays the same. */
void sim_run_draw(SimRun *run);
/* The options that tell pdk-sim of it; g_free. */
char *sim_run_options(const SimRun *run);

void sim_run_seed(const SimRun *run, SimResult *result);
void sim_result_clear(SimResult *result);

/* ---- apart.c: runs in processes of their own, so that one that dies is a failed run, too (its invariant: "dies") ---- */

typedef struct SimApart SimApart;
SimApart *sim_apart_begin(const SimRun *run);
/* Readable when there is something for sim_apart_read. */
int sim_apart_fd(const SimApart *apart);
/* False: it is over, and sim_apart_end is next. */
bool sim_apart_read(SimApart *apart);
/* Waits until it is over, fills *@result and frees it; returns what was run. */
SimRun sim_apart_end(SimApart *apart, SimResult *result);

/* ---- shrink.c ---- */

/*
 * Finds a shorter run that breaks the same invariant: fewer strikes, fewer kinds, fewer servers, less time. Into *@run, which
 * told of the failed one; @result is of that one, then of the one found. Runs at most @budget times.
 */
void sim_shrink(SimRun *run, SimResult *result, unsigned budget);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may befall a world, by name. A run draws which kinds it meets and how often each comes (swarm testing: no two seeds
 * mix the same), or is told. Changes when a kind of fault comes or goes.
 */
#ifndef TESTS_SIM_FAULTS_H
#define TESTS_SIM_FAULTS_H

#include "sim/world.h"

typedef struct {
	const char *name;  /* as in --faults, in the result line and in README.md */
	const char *story; /* one line for --list */
	/* Lets it happen; false: it could not be now (a wipe that would lose what was promised, a pair that is one), nothing was done. */
	bool (*strike)(Sim *sim);
	/* Ends what it left behind; NULL: there is nothing, or sim_heal() does it. */
	void (*mend)(Sim *sim);
	bool quiet; /* not drawn unless it is named */
} SimFault;

/* All of them, in an order that never changes (a seed's draw depends on it); *n is their number. */
const SimFault *sim_faults(unsigned *n);
const SimFault *sim_fault_find(const char *name);

/* Which of them a run meets: a weight each, 0: never. */
#define SIM_FAULTS_MAX 64
typedef struct {
	unsigned weights[SIM_FAULTS_MAX];
	unsigned sum;
} SimMix;

/* Each kind is in with a chance of one half, with a weight of 1 to 10; never none. */
SimMix sim_mix_draw(PdkRandom *draw);
/* The named ones only, comma-separated, all with weight 1; false: *unknown is the name that is none (g_free). */
bool sim_mix_parse(const char *names, SimMix *mix, char **unknown);
/* One fault by weight; its index, or -1 when the drawn one could not be now. */
int sim_mix_strike(const SimMix *mix, Sim *sim);
/* Everything works again: heals, mends, starts who is down. */
void sim_mend_all(Sim *sim);

#endif

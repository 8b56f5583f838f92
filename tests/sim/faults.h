/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may befall a world, by name. A run draws which kinds it meets and how often each comes (swarm testing: no two seeds
 * mix the same), or is told. Changes when a kind of fault comes or goes.
 */
#ifndef TESTS_SIM_FAULTS_H
#define TESTS_SIM_FAULTS_H

#include "sim/world.h"

typedef enum {
	FAULT_DRAWN,  /* a run may meet it */
	FAULT_ALWAYS, /* it repairs: every mix has it */
	FAULT_NAMED,  /* not drawn, only named */
	FAULT_MEMBERS, /* drawn, where the list of members changes at all: in a run of three */
} SimFaultHow;

typedef struct {
	const char *name;  /* as in --faults, in the result line and in README.md */
	const char *story; /* one line for --list */
	SimFaultHow how;
	/* Lets it happen, for which the world may have to run; false: it could not be now, nothing was done. */
	bool (*strike)(Sim *sim);
} SimFault;

/* All of them, in an order that never changes (a seed's draw depends on it): new ones come last. *n is their number. */
const SimFault *sim_faults(unsigned *n);

/* Which of them a run meets: a weight each, 0: never. */
#define SIM_FAULTS_MAX 64
typedef struct {
	unsigned weights[SIM_FAULTS_MAX];
} SimMix;

/*
 * Each kind is in with a chance of one half, with a weight of 1 to 10; never none. Those that change the list of members are so in
 * one run of three, and in no other.
 */
SimMix sim_mix_draw(PdkRandom *draw);
/*
 * "crash=3,cut": the named ones, with the weight behind '=' or 1, and those that repair. False: *unknown is the name that is
 * none (g_free).
 */
bool sim_mix_parse(const char *names, SimMix *mix, char **unknown);
/* What sim_mix_parse makes @mix of; g_free. */
char *sim_mix_names(const SimMix *mix);
/* One fault by weight; its index, or -1 when the drawn one could not be now. */
int sim_mix_strike(const SimMix *mix, Sim *sim);
/* Everything works again: wires heal, disks are quick, who is down starts. */
void sim_mend_all(Sim *sim);

#endif

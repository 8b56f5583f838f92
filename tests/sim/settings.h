/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings of the servers that are not the usual ones, by name. A run draws which of them its servers have, all the same, or is
 * told; what numbers go with them follows from the seed. Changes when a setting comes or goes.
 */
#ifndef TESTS_SIM_SETTINGS_H
#define TESTS_SIM_SETTINGS_H

#include "base/random.h"
#include "server/settings.h"

typedef enum {
	SIM_GROUPS,           /* hierarchical quorums: groups, weights, some of them 0 */
	SIM_FEW_ZXIDS,        /* an epoch has so few that its leader uses them up */
	SIM_LOCAL_SESSIONS,
	SIM_UPGRADED_SESSIONS, /* local ones that become sessions of all where they must */
	SIM_OBSERVER_MASTERS, /* followers serve observers */
	SIM_LEADER_SERVES_NOT,
	SIM_READ_ONLY,        /* where there is no leader, clients that allow it are served all the same */
	SIM_SHORT_LIMITS,     /* ticks, initLimit and syncLimit */
	SIM_LONG_LIMITS,
	SIM_SESSION_TIMES,    /* of clients, short and long */
	SIM_THROTTLED,        /* few requests at a time */
	SIM_FEW_CONNECTIONS,
	SIM_SMALL_QUEUES,     /* for learners */
	SIM_NO_DIGEST,
	SIM_SETTINGS
} SimSetting;

#define SIM_OBSERVER_PORT 2191

/* A set of them, one bit each; 0: the usual ones. */
typedef uint32_t SimUnusual;

static inline bool
sim_unusual(SimUnusual set, SimSetting setting)
{
	return (set >> setting & 1) != 0;
}

/* "groups"; NULL: there are no more. Names and their order stay: a seed's draw depends on it. */
const char *sim_setting_name(unsigned index);
/* Comma-separated, or "usual"; false: *@unknown is the name that is none (g_free). */
bool sim_settings_parse(const char *names, SimUnusual *into, char **unknown);
/* Half of all runs have the usual ones; no run is drawn what is only named. */
SimUnusual sim_settings_draw(PdkRandom *draw);
/* "groups,upgrading", "usual" (g_free). */
char *sim_settings_names(SimUnusual set);

/* initLimit. */
int64_t sim_settings_init_us(SimUnusual set);
/* What goes with @set in the world of @seed. */
void sim_settings_apply(SimUnusual set, uint64_t seed, PdkSettings *settings);

#endif

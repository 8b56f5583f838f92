/* SPDX-License-Identifier: Apache-2.0 */
/* Which kinds of faults a run meets, and how often. Changes when mixes are drawn or told otherwise. */
#include "sim/faults.h"

#define MEMBERS_ONE_OF 3 /* runs: in it the list of members may change */

static int
find(const char *name)
{
	unsigned n;
	const SimFault *faults = sim_faults(&n);
	for (unsigned i = 0; i < n; i++)
		if (strcmp(faults[i].name, name) == 0)
			return (int)i;
	return -1;
}

static unsigned
sum_of(const SimMix *mix)
{
	unsigned sum = 0;
	for (unsigned i = 0; i < SIM_FAULTS_MAX; i++)
		sum += mix->weights[i];
	return sum;
}

static bool
draw_weights(SimMix *mix, PdkRandom *draw, bool members_change)
{
	unsigned n;
	const SimFault *faults = sim_faults(&n);
	bool some = false;
	for (unsigned i = 0; i < n; i++) {
		bool in = pdk_random_below(draw, 2) != 0;
		unsigned weight = 1 + (unsigned)pdk_random_below(draw, 10);
		bool drawn = in && (faults[i].how == FAULT_DRAWN || (faults[i].how == FAULT_MEMBERS && members_change));
		mix->weights[i] = drawn || faults[i].how == FAULT_ALWAYS ? weight : 0;
		some = some || drawn;
	}
	return some;
}

SimMix
sim_mix_draw(PdkRandom *draw)
{
	SimMix mix = {0};
	PdkRandom aside = *draw; /* the stories of the other runs are as if this had not been asked */
	bool members_change = pdk_random_below(&aside, MEMBERS_ONE_OF) == 0;
	while (!draw_weights(&mix, draw, members_change))
		continue;
	return mix;
}

bool
sim_mix_parse(const char *names, SimMix *mix, char **unknown)
{
	unsigned n;
	const SimFault *faults = sim_faults(&n);
	*mix = (SimMix){0};
	for (unsigned i = 0; i < n; i++)
		mix->weights[i] = faults[i].how == FAULT_ALWAYS;
	g_auto(GStrv) each = g_strsplit(names, ",", -1);
	for (unsigned i = 0; each[i]; i++) {
		char *weight = strchr(each[i], '=');
		if (weight)
			*weight++ = '\0';
		int index = find(each[i]);
		if (index < 0) {
			*unknown = g_strdup(each[i]);
			return false;
		}
		mix->weights[index] = weight ? (unsigned)g_ascii_strtoull(weight, NULL, 10) : 1;
	}
	return true;
}

char *
sim_mix_names(const SimMix *mix)
{
	unsigned n;
	const SimFault *faults = sim_faults(&n);
	GString *names = g_string_new(NULL);
	for (unsigned i = 0; i < n; i++)
		if (mix->weights[i])
			g_string_append_printf(names, "%s%s=%u", names->len ? "," : "", faults[i].name, mix->weights[i]);
	return g_string_free(names, FALSE);
}

int
sim_mix_strike(const SimMix *mix, Sim *sim)
{
	unsigned n, i = 0;
	const SimFault *faults = sim_faults(&n);
	uint64_t at = pdk_random_below(sim_random(sim), MAX(sum_of(mix), 1));
	while (i < n && at >= mix->weights[i])
		at -= mix->weights[i++];
	if (i == n)
		return -1;
	sim_tell(sim, "*", faults[i].name);
	return faults[i].strike(sim) ? (int)i : -1;
}

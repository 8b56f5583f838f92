/* SPDX-License-Identifier: Apache-2.0 */
/* From a run that fails to a shorter one that fails in the same way. Changes when what is tried does. */
#include "sim/run.h"

#define SEEDS_EACH 6 /* another story may fail where this one does not: so many are heard for each try */

typedef struct {
	SimRun best;
	SimResult result;
	char *invariant;
	unsigned left;
} Shrink;

/* The try takes the place of the best one if it fails in the same way. */
static bool
fails_too(Shrink *shrink, const SimRun *run)
{
	SimResult result;
	if (shrink->left == 0)
		return false;
	shrink->left--;
	SimRun told = sim_apart_end(sim_apart_begin(run), &result);
	if (g_strcmp0(result.invariant, shrink->invariant) != 0) {
		sim_result_clear(&result);
		return false;
	}
	sim_result_clear(&shrink->result);
	shrink->best = told;
	shrink->result = result;
	return true;
}

/* Any of some seeds will do. */
static bool
some_fail(Shrink *shrink, SimRun run)
{
	uint64_t seed = run.seed;
	for (unsigned i = 0; i < SEEDS_EACH; i++) {
		run.seed = seed + i;
		if (fails_too(shrink, &run))
			return true;
	}
	return false;
}

/* The shortest beginning of its faults, by halves. */
static void
fewer_strikes(Shrink *shrink)
{
	unsigned low = 1;
	while (shrink->left > 0 && low < shrink->result.strikes) {
		SimRun run = shrink->best;
		run.strikes_max = (low + shrink->result.strikes) / 2;
		if (!fails_too(shrink, &run))
			low = run.strikes_max + 1;
	}
	shrink->best.strikes_max = shrink->result.strikes;
}

static void
fewer_servers(Shrink *shrink)
{
	SimRun run = shrink->best;
	run.observers = 0;
	if (shrink->best.observers > 0)
		some_fail(shrink, run);
	for (unsigned voters = 1; voters < shrink->best.voters; voters++) {
		run = shrink->best;
		run.voters = voters;
		if (some_fail(shrink, run))
			return;
	}
}

static char *
without(char **words, unsigned left_out)
{
	GString *text = g_string_new(NULL);
	for (unsigned i = 0; words[i]; i++)
		if (i != left_out)
			g_string_append_printf(text, "%s%s", text->len ? "," : "", words[i]);
	return g_string_free(text, FALSE);
}

/* One after the other is left out of the list at @at (of a SimRun), and stays so where the rest fails, too. */
static void
fewer_words(Shrink *shrink, size_t at)
{
	for (unsigned i = 0; shrink->left > 0;) {
		SimRun run = shrink->best;
		const char **list = (const char **)(void *)((char *)&run + at);
		g_auto(GStrv) words = g_strsplit(*list, ",", -1);
		if (i >= g_strv_length(words) || g_strv_length(words) == 1)
			return;
		g_autofree char *rest = without(words, i);
		*list = g_intern_string(rest);
		if (!some_fail(shrink, run))
			i++;
	}
}

static void
plain_speech(Shrink *shrink)
{
	SimRun run = shrink->best;
	run.quirk = "none";
	if (strcmp(shrink->best.quirk, "none") != 0)
		some_fail(shrink, run);
}

static void
usual_settings(Shrink *shrink)
{
	SimRun run = shrink->best;
	run.settings = "usual";
	if (strcmp(shrink->best.settings, "usual") != 0 && !some_fail(shrink, run))
		fewer_words(shrink, offsetof(SimRun, settings));
}

static void
less_time(Shrink *shrink)
{
	SimRun run = shrink->best;
	run.faulty_us = (shrink->result.faulty_us / SIM_SECOND + 1) * SIM_SECOND;
	if (run.faulty_us < shrink->best.faulty_us)
		fails_too(shrink, &run);
}

void
sim_shrink(SimRun *run, SimResult *result, unsigned budget)
{
	Shrink shrink = {.best = *run, .result = *result, .invariant = g_strdup(result->invariant), .left = budget};
	shrink.best.trace = false;
	fewer_strikes(&shrink);
	fewer_words(&shrink, offsetof(SimRun, faults));
	plain_speech(&shrink);
	usual_settings(&shrink);
	fewer_servers(&shrink);
	fewer_words(&shrink, offsetof(SimRun, workload));
	fewer_strikes(&shrink);
	less_time(&shrink);
	*run = shrink.best;
	*result = shrink.result;
	g_free(shrink.invariant);
}

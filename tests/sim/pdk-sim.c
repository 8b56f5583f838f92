/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of seeds from the command line; see README.md. Changes when what can be asked for does. */
#include "sim/run.h"
#include "sim/workload.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define JOBS_MAX 64
#define SHRINK_BUDGET 400

typedef struct {
	char *seeds, *election, *faults, *workload, *quirk, *settings;
	int nodes, observers, steps, jobs, budget;
	double seconds;
	gboolean trace, list, shrink, until_stopped, twice;
} Options;

static Options options = {.observers = -1, .jobs = 1, .budget = SHRINK_BUDGET};

static const GOptionEntry entries[] = {
	{"seed", 's', 0, G_OPTION_ARG_STRING, &options.seeds, "which (1)", "N[..M]"},
	{"nodes", 'n', 0, G_OPTION_ARG_INT, &options.nodes, "voters, 1 to 7 (drawn)", "N"},
	{"observers", 'o', 0, G_OPTION_ARG_INT, &options.observers, "observers, 0 to 4 (drawn)", "N"},
	{"election", 'e', 0, G_OPTION_ARG_STRING, &options.election, "fle, paxos, mixed-time (drawn)", "NAME"},
	{"steps", 0, 0, G_OPTION_ARG_INT, &options.steps, "faults stop after so many", "N"},
	{"seconds", 0, 0, G_OPTION_ARG_DOUBLE, &options.seconds, "virtual time with faults (50)", "N"},
	{"faults", 'f', 0, G_OPTION_ARG_STRING, &options.faults, "kinds, each with its weight behind '=' (drawn)", "LIST"},
	{"workload", 'w', 0, G_OPTION_ARG_STRING, &options.workload, "what clients do (drawn)", "LIST"},
	{"quirk", 'q', 0, G_OPTION_ARG_STRING, &options.quirk, "how some servers speak, or none (drawn)", "NAME"},
	{"settings", 'c', 0, G_OPTION_ARG_STRING, &options.settings, "of all servers, or usual (drawn)", "LIST"},
	{"trace", 't', 0, G_OPTION_ARG_NONE, &options.trace, "every line of every server", NULL},
	{"shrink", 0, 0, G_OPTION_ARG_NONE, &options.shrink, "look for a shorter run that fails in the same way", NULL},
	{"budget", 0, 0, G_OPTION_ARG_INT, &options.budget, "runs that shrinking may take (400)", "N"},
	{"twice", 0, 0, G_OPTION_ARG_NONE, &options.twice, "each seed in two processes, whose traces must be the same", NULL},
	{"jobs", 'j', 0, G_OPTION_ARG_INT, &options.jobs, "runs at a time (1)", "N"},
	{"until-stopped", 0, 0, G_OPTION_ARG_NONE, &options.until_stopped, "fresh seeds, from the time, until a signal", NULL},
	{"list", 'l', 0, G_OPTION_ARG_NONE, &options.list, "faults and workloads", NULL},
	G_OPTION_ENTRY_NULL,
};

static volatile sig_atomic_t stopped;

static void
stop(int number)
{
	stopped = number;
}

/* ---- what is asked for ---- */

static void
list_names(void)
{
	unsigned n;
	const SimFault *faults = sim_faults(&n);
	printf("faults:\n");
	for (unsigned i = 0; i < n; i++)
		printf("  %-16s %s%s\n", faults[i].name, faults[i].story,
		       faults[i].how == FAULT_ALWAYS ? " (always)" : faults[i].how == FAULT_NAMED ? " (only named)" : "");
	printf("workloads:\n");
	for (unsigned i = 0; workload_name(i); i++)
		printf("  %s\n", workload_name(i));
	printf("quirks:\n");
	for (unsigned i = 0; sim_quirk_name(i); i++)
		printf("  %s\n", sim_quirk_name(i));
	printf("settings:\n");
	for (unsigned i = 0; sim_setting_name(i); i++)
		printf("  %s\n", sim_setting_name(i));
}

static void
refuse(const char *option, const char *found, const char *allowed)
{
	fprintf(stderr, "pdk-sim: %s: found \"%s\", allowed: %s\n", option, found, allowed);
	exit(2);
}

static void
check_number(const char *option, int found, int least, int most)
{
	if (found >= least && found <= most)
		return;
	g_autofree char *text = g_strdup_printf("%d", found), *allowed = g_strdup_printf("%d to %d", least, most);
	refuse(option, text, allowed);
}

static void
check_quirk(void)
{
	unsigned i = 0;
	if (options.quirk == NULL)
		return;
	while (sim_quirk_name(i) && strcmp(sim_quirk_name(i), options.quirk) != 0)
		i++;
	if (sim_quirk_name(i) == NULL)
		refuse("--quirk", options.quirk, "see --list");
	if (i > 0 && options.election && strcmp(options.election, "fle") != 0)
		refuse("--quirk", options.quirk, "none, or --election fle");
}

static void
check_names(void)
{
	SimMix mix;
	uint32_t workload;
	SimUnusual unusual;
	g_autofree char *unknown = NULL;
	if (options.faults && !sim_mix_parse(options.faults, &mix, &unknown))
		refuse("--faults", unknown, "see --list");
	if (options.workload && !workload_parse(options.workload, &workload, &unknown))
		refuse("--workload", unknown, "see --list");
	if (options.settings && !sim_settings_parse(options.settings, &unusual, &unknown))
		refuse("--settings", unknown, "see --list");
	if (options.election && strcmp(options.election, "fle") != 0 && strcmp(options.election, "paxos") != 0 &&
	    strcmp(options.election, "mixed-time") != 0)
		refuse("--election", options.election, "fle, paxos, mixed-time");
	check_quirk();
}

static void
read_seeds(uint64_t *first, uint64_t *last)
{
	char *end;
	if (options.until_stopped) {
		*first = (uint64_t)time(NULL) * 1000;
		*last = UINT64_MAX;
		printf("seeds from %" G_GUINT64_FORMAT "\n", *first);
		return;
	}
	*first = *last = g_ascii_strtoull(options.seeds ? options.seeds : "1", &end, 10);
	if (strncmp(end, "..", 2) == 0)
		*last = g_ascii_strtoull(end + 2, &end, 10);
	if (*end != '\0' || *last < *first)
		refuse("--seed", options.seeds, "N or N..M");
}

static void
read_options(int argc, char **argv)
{
	g_autoptr(GOptionContext) context = g_option_context_new("- whole ensembles under seeds");
	g_autoptr(GError) error = NULL;
	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error) || argc > 1) {
		fprintf(stderr, "pdk-sim: %s\n", error ? error->message : "only options are known");
		exit(2);
	}
	check_number("--nodes", options.nodes, 0, 7);
	check_number("--observers", options.observers, -1, 4);
	check_number("--jobs", options.jobs, 1, JOBS_MAX);
	check_names();
}

static SimRun
run_of(uint64_t seed)
{
	return (SimRun){
		.seed = seed,
		.voters = (unsigned)options.nodes,
		.observers = options.observers,
		.election = options.election,
		.faulty_us = (int64_t)(options.seconds * 1e6),
		.strikes_max = (unsigned)options.steps,
		.faults = options.faults,
		.workload = options.workload,
		.quirk = options.quirk,
		.settings = options.settings,
		.trace = options.trace,
	};
}

/* ---- runs ---- */

static void
tell_failure(SimRun *run, SimResult *result)
{
	g_autofree char *command = sim_run_options(run);
	printf("\n%s\nFAILED %s\n%s\nto repeat: pdk-sim %s\n", result->tail, result->invariant, result->line, command);
	if (!options.shrink)
		return;
	sim_shrink(run, result, (unsigned)options.budget);
	g_autofree char *shorter = sim_run_options(run);
	printf("\n%s\nSHRUNK to %u faults\n%s\nto repeat: pdk-sim %s\n", result->tail, result->strikes, result->line, shorter);
}

/* The number of failures: 0 or 1. */
static unsigned
finish(SimApart *apart)
{
	SimResult result;
	SimRun run = sim_apart_end(apart, &result);
	bool fine = result.fine;
	if (fine)
		printf("%s\n", result.line);
	else
		tell_failure(&run, &result);
	fflush(stdout);
	sim_result_clear(&result);
	return fine ? 0 : 1;
}

/* Waits until one of them is over; its index, or -1: a signal came. */
static int
wait_for_one(SimApart **running, unsigned n)
{
	for (;;) {
		struct pollfd polled[JOBS_MAX];
		for (unsigned i = 0; i < n; i++)
			polled[i] = (struct pollfd){.fd = sim_apart_fd(running[i]), .events = POLLIN};
		if (poll(polled, n, -1) < 0)
			return -1;
		for (unsigned i = 0; i < n; i++)
			if (polled[i].revents && !sim_apart_read(running[i]))
				return (int)i;
	}
}

static unsigned
run_all(uint64_t first, uint64_t last, uint64_t *runs)
{
	SimApart *running[JOBS_MAX];
	unsigned n = 0, failed = 0;
	for (uint64_t seed = first; n > 0 || (!stopped && seed - first <= last - first);) {
		while (n < (unsigned)options.jobs && !stopped && seed - first <= last - first) {
			SimRun run = run_of(seed++);
			running[n++] = sim_apart_begin(&run);
		}
		int over = wait_for_one(running, n);
		if (over < 0)
			continue;
		failed += finish(running[over]);
		running[over] = running[--n];
		++*runs;
	}
	return failed;
}

/* ---- twice ---- */

static char *
trace_of(const SimRun *run)
{
	g_autofree char *told = sim_run_options(run), *line = g_strdup_printf("/proc/self/exe --trace %s", told), *out = NULL;
	g_autoptr(GError) error = NULL;
	int status;
	if (!g_spawn_command_line_sync(line, &out, NULL, &status, &error) || !g_spawn_check_wait_status(status, &error)) {
		fprintf(stderr, "pdk-sim: %s: %s\n", line, error->message);
		return NULL;
	}
	return g_steal_pointer(&out);
}

static unsigned
run_twice(uint64_t first, uint64_t last)
{
	unsigned failed = 0;
	for (uint64_t seed = first; seed <= last; seed++) {
		SimRun run = run_of(seed);
		g_autofree char *one = trace_of(&run), *other = trace_of(&run);
		bool same = one && other && strcmp(one, other) == 0;
		printf("seed %" G_GUINT64_FORMAT ": %zu bytes of trace, %s\n", seed, one ? strlen(one) : 0,
		       same ? "twice the same" : "NOT THE SAME");
		failed += same ? 0 : 1;
	}
	return failed;
}

int
main(int argc, char **argv)
{
	uint64_t first, last, runs = 0;
	setvbuf(stdout, NULL, _IOLBF, 0); /* a run may die */
	read_options(argc, argv);
	if (options.list) {
		list_names();
		return 0;
	}
	read_seeds(&first, &last);
	if (options.twice)
		return run_twice(first, last) == 0 ? 0 : 1;
	signal(SIGINT, stop);
	signal(SIGTERM, stop);
	unsigned failed = run_all(first, last, &runs);
	if (runs > 1)
		printf("%" G_GUINT64_FORMAT " runs, %u failed\n", runs, failed);
	return failed == 0 ? 0 : 1;
}

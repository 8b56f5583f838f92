/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/run.h"

#include "sim/client.h"

#define CLIENTS 6
#define FAULTY_US (50 * SIM_SECOND)
#define CALM_US (60 * SIM_SECOND)
/*
 * What a fault leaves behind at worst lasts 20 s: a stuck disk, or a server that stands still. Then whoever leads, or follows one
 * that does not, waits for initLimit and looks again; a dial on its way into a cut line takes 5 s. The rest, an election and its
 * rounds, is less than a second.
 */
#define FAULT_LASTS_US (20 * SIM_SECOND)
#define DIAL_LASTS_US (5 * SIM_SECOND)
#define ANSWERS_WANTED 200
#define RETIRE_US (10 * SIM_SECOND)
#define REAP_US (10 * SIM_SECOND) /* twice the longest interval, and some more */
#define DRIFT_PPM 50000
#define QUIRK_ONE_OF 4
#define OTHERS_ONE_OF 4
#define SWAP_WEIGHT 4 /* of swap-election, where it is drawn */

typedef struct {
	Sim *sim;
	PdkRandom pace;
	SimMix mix;
	unsigned longest_ms, hurry; /* between strikes; and how many in ten come sooner */
	unsigned struck[SIM_FAULTS_MAX], strikes;
	int64_t last_us;
	unsigned wanted; /* answers to all clients */
	int64_t check_ms; /* between looks at what should go by itself; 0: a long time */
	unsigned speakers; /* servers with the quirk */
	Promises *promises;
	Client *clients[CLIENTS];
} Run;

/* ---- what is drawn ---- */

static unsigned
index_below(PdkRandom *draw, unsigned n)
{
	return (unsigned)pdk_random_below(draw, n);
}

static SimMix
draw_mix(PdkRandom *draw, const char *election)
{
	SimMix mix = sim_mix_draw(draw);
	unsigned n;
	const SimFault *faults = sim_faults(&n);
	for (unsigned i = 0; i < n && strcmp(election, "mixed-time") == 0; i++)
		if (strcmp(faults[i].name, "swap-election") == 0)
			mix.weights[i] = SWAP_WEIGHT;
	return mix;
}

static const char *
intern(char *text)
{
	const char *kept = g_intern_string(text);
	g_free(text);
	return kept;
}

/* Where the list of members never changes, it cannot. */
static bool
changes_members(const SimMix *mix)
{
	unsigned n;
	const SimFault *faults = sim_faults(&n);
	for (unsigned i = 0; i < n; i++)
		if (mix->weights[i] && (strcmp(faults[i].name, "add") == 0 || strcmp(faults[i].name, "remove") == 0 ||
					strcmp(faults[i].name, "change-role") == 0))
			return true;
	return false;
}

/* One run of four, where others could speak: none elects by Paxos. It is a draw of its own, so that the other stories stay. */
static const char *
draw_quirk(const SimRun *run)
{
	PdkRandom draw = pdk_random(run->seed * 104729 + 3);
	g_autofree char *unknown = NULL;
	SimMix mix;
	unsigned n = 1;
	while (sim_quirk_name(n))
		n++;
	bool drawn = index_below(&draw, QUIRK_ONE_OF) == 0;
	unsigned which = 1 + index_below(&draw, n - 1);
	bool could = strcmp(run->election, "fle") == 0 && sim_mix_parse(run->faults, &mix, &unknown) && !changes_members(&mix);
	return sim_quirk_name(drawn && could ? which : 0);
}

static SimUnusual
settings_of(const char *names)
{
	g_autofree char *unknown = NULL;
	SimUnusual set;
	bool known = sim_settings_parse(names, &set, &unknown);
	g_assert_true(known);
	return set;
}

/* A draw of its own, too. A leader that serves nobody needs others, and members may go. */
static const char *
draw_settings(const SimRun *run)
{
	PdkRandom draw = pdk_random(run->seed * 15485863 + 11);
	SimUnusual set = sim_settings_draw(&draw);
	g_autofree char *unknown = NULL;
	SimMix mix;
	bool alone = run->voters + (unsigned)run->observers < 2;
	if (alone || !sim_mix_parse(run->faults, &mix, &unknown) || changes_members(&mix))
		set &= ~((SimUnusual)1 << SIM_LEADER_SERVES_NOT);
	return intern(sim_settings_names(set));
}

void
sim_run_draw(SimRun *run)
{
	static const unsigned voters[] = {3, 3, 3, 3, 5, 5, 5, 1, 2, 4, 6, 7};
	static const int observers[] = {0, 0, 0, 1, 1, 2};
	static const char *const elections[] = {"fle", "fle", "paxos", "paxos", "mixed-time"};
	PdkRandom draw = pdk_random(run->seed * 7919 + 13);
	unsigned n = voters[index_below(&draw, G_N_ELEMENTS(voters))];
	int watching = observers[index_below(&draw, G_N_ELEMENTS(observers))];
	const char *election = elections[index_below(&draw, G_N_ELEMENTS(elections))];

	run->voters = run->voters ? run->voters : n;
	run->observers = run->observers >= 0 ? run->observers : watching;
	if (run->election == NULL)
		run->election = run->quirk && strcmp(run->quirk, "none") != 0 ? "fle" : election;
	SimMix mix = draw_mix(&draw, run->election);
	Workload workload = workload_draw(&draw);
	run->faults = run->faults ? run->faults : intern(sim_mix_names(&mix));
	run->workload = run->workload ? run->workload : intern(workload_names(workload));
	run->faulty_us = run->faulty_us ? run->faulty_us : FAULTY_US;
	run->quirk = run->quirk ? run->quirk : draw_quirk(run);
	run->settings = run->settings ? run->settings : draw_settings(run);
}

char *
sim_run_options(const SimRun *run)
{
	SimRun whole = *run;
	sim_run_draw(&whole);
	GString *text = g_string_new(NULL);
	g_string_append_printf(text, "--seed %" G_GUINT64_FORMAT " --nodes %u --observers %d --election %s --seconds %g", whole.seed,
			       whole.voters, whole.observers, whole.election, (double)whole.faulty_us / 1e6);
	if (whole.strikes_max)
		g_string_append_printf(text, " --steps %u", whole.strikes_max);
	g_string_append_printf(text, " --faults %s --workload %s --quirk %s --settings %s", whole.faults, whole.workload,
			       whole.quirk, whole.settings);
	return g_string_free(text, FALSE);
}

/* Machines that were switched on at other times, with clocks as good as they are, and lines of some length. */
static void
draw_surroundings(Sim *sim, PdkRandom *draw)
{
	bool clocks = index_below(draw, 2), far = index_below(draw, 4) == 0;
	for (unsigned i = 0; i < sim_servers(sim); i++) {
		sim_set_uptime(sim, i, (int64_t)pdk_random_below(draw, 1000000) * SIM_SECOND);
		if (clocks) {
			sim_drift(sim, i, (int)index_below(draw, 2 * DRIFT_PPM + 1) - DRIFT_PPM);
			sim_jump_wall(sim, i, (int64_t)index_below(draw, 2001) - 1000);
		}
		for (unsigned to = 0; to < sim_servers(sim) && far; to++)
			sim_latency(sim, i, to, index_below(draw, 20) * SIM_MS, 1 + index_below(draw, 5) * SIM_MS);
	}
}

/* One server speaks so, or, sometimes, all but one. How many do. */
static unsigned
give_quirk(Sim *sim, const SimRun *run)
{
	PdkRandom draw = pdk_random(run->seed * 104729 + 4);
	unsigned who = index_below(&draw, sim_servers(sim)), speakers = 0;
	bool others = index_below(&draw, OTHERS_ONE_OF) == 0;
	for (unsigned i = 0; i < sim_servers(sim); i++)
		if ((i == who) != others) {
			sim_set_quirk(sim, i, run->quirk);
			speakers++;
		}
	return speakers;
}

/* How often leaders look for what should go by itself. A draw of its own, so that the other stories stay. */
static void
draw_reaping(uint64_t seed, SimParams *params)
{
	PdkRandom draw = pdk_random(seed * 104729 + 5);
	params->container_check_ms = (int64_t[]){0, 200, 1000, 4000}[index_below(&draw, 4)];
	params->container_never_used_ms = (int64_t[]){0, 2000}[index_below(&draw, 2)];
}

static Sim *
new_world(const SimRun *run, const SimMix *mix, PdkRandom *draw, unsigned *speakers, int64_t *check_ms)
{
	SimParams params = {
		.seed = run->seed,
		.voters = run->voters,
		.observers = (unsigned)run->observers,
		.election = strcmp(run->election, "mixed-time") == 0 ? "fle" : run->election,
		.trace = run->trace,
		.tail = run->tail,
		.snap_count = (int64_t[]){0, 10, 30, 100}[index_below(draw, 4)],
		.history_count = (uint32_t[]){0, 2, 10, 50}[index_below(draw, 4)],
		.idle = true,
		.reconfig = changes_members(mix),
		.unusual = settings_of(run->settings),
	};
	draw_reaping(run->seed, &params);
	*check_ms = params.container_check_ms;
	Sim *sim = sim_new(&params);
	draw_surroundings(sim, draw);
	*speakers = give_quirk(sim, run);
	for (unsigned i = 0; i < sim_servers(sim); i++)
		sim_start(sim, i);
	return sim;
}

/* ---- clients ---- */

static unsigned
all_answers(const Run *run)
{
	unsigned n = 0;
	for (unsigned i = 0; i < CLIENTS; i++)
		n += client_answers(run->clients[i]);
	return n;
}

static void
hush(void *context, int64_t until_us)
{
	const Run *run = context;
	for (unsigned i = 0; i < CLIENTS; i++)
		client_hush(run->clients[i], until_us);
}

static void
stop_clients(Run *run)
{
	for (unsigned i = 0; i < CLIENTS; i++)
		client_stop(run->clients[i]);
}

/* ---- the course ---- */

static void
strike(Run *run)
{
	int kind = sim_mix_strike(&run->mix, run->sim);
	if (kind < 0)
		return;
	run->struck[kind]++;
	run->strikes++;
	run->last_us = sim_now(run->sim);
}

static void
trouble(Run *run, const SimRun *told)
{
	Sim *sim = run->sim;
	sim_run(sim, 3 * SIM_SECOND);
	while (sim_failure(sim) == NULL && sim_now(sim) < told->faulty_us &&
	       (told->strikes_max == 0 || run->strikes < told->strikes_max)) {
		strike(run);
		bool soon = index_below(&run->pace, 10) < run->hurry;
		sim_run(sim, sim_now(sim) + index_below(&run->pace, soon ? run->longest_ms / 10 : run->longest_ms) * SIM_MS);
	}
}

static bool
agreed(Sim *sim, void *data)
{
	(void)data;
	for (unsigned i = 0; i < sim_servers(sim); i++)
		if (strcmp(sim_mode(sim, i), "looking") == 0)
			return false;
	return sim_same_members(sim) && sim_agree(sim);
}

static bool
serves_all(Sim *sim, void *data)
{
	const Run *run = data;
	return sim_leader(sim) >= 0 && all_answers(run) >= run->wanted;
}

/* Who was struck off is switched off, once it is certain. */
static void
retire(Sim *sim)
{
	sim_run(sim, sim_now(sim) + RETIRE_US);
	for (unsigned i = 0; i < sim_servers(sim) && sim_leader(sim) >= 0; i++)
		if (!sim_is_member(sim, i))
			sim_crash(sim, i);
}

static void
agree(Sim *sim)
{
	if (!sim_run_until(sim, agreed, NULL, sim_now(sim) + CALM_US) && sim_failure(sim) == NULL)
		sim_fail(sim, "agreement-at-rest", "the servers do not agree in the end");
}

static bool
fewer_due(Sim *sim, void *data)
{
	return sim_due(sim) < *(unsigned *)data;
}

/* There is a leader, and what should go by itself goes soon: as much at a time as an epoch has zxids for. */
static void
reap(Sim *sim)
{
	unsigned due;
	while (sim_failure(sim) == NULL && (due = sim_due(sim)) > 0)
		if (!sim_run_until(sim, fewer_due, &due, sim_now(sim) + REAP_US) && sim_failure(sim) == NULL)
			sim_fail(sim, "reaped-in-time", "nothing of what should have gone by itself went in %d s",
				 (int)(REAP_US / SIM_SECOND));
	agree(sim);
}

/* Everything works again: they serve within a bound, agree when it is quiet, and kept every promise. */
static void
peace(Run *run)
{
	Sim *sim = run->sim;
	sim_mend_all(sim);
	run->wanted = all_answers(run) + ANSWERS_WANTED;
	int64_t within_us = FAULT_LASTS_US + sim_settings_init_us(sim_settings(sim)) + DIAL_LASTS_US;
	if (!sim_run_until(sim, serves_all, run, sim_now(sim) + within_us) && sim_failure(sim) == NULL)
		sim_fail(sim, "A18-liveness", "no service %d s after the last fault", (int)(within_us / SIM_SECOND));
	stop_clients(run);
	retire(sim);
	agree(sim);
	if (run->check_ms)
		reap(sim);
	for (unsigned server = 0; server < sim_servers(sim) && sim_failure(sim) == NULL; server++)
		if (sim_is_up(sim, server))
			pdk_server_check(sim_server(sim, server));
	if (sim_failure(sim) == NULL)
		promises_check(run->promises, sim);
}

static char *
tell_result(const Run *run, const SimRun *told)
{
	const SimCounts *n = sim_counts(run->sim);
	GString *line = g_string_new(NULL);
	unsigned creates = 0, changed = 0, kinds;
	const SimFault *faults = sim_faults(&kinds);
	for (unsigned i = 0; i < CLIENTS; i++)
		creates += client_creates(run->clients[i]);
	for (unsigned i = 0; i < sim_servers(run->sim); i++)
		changed += sim_quirk_changed(run->sim, i);
	g_string_append_printf(line, "seed %" G_GUINT64_FORMAT " %s %u+%d: %.1f s, %u creates, leaders %u, diff %u (log %u) trunc %u "
			       "snap %u, own snaps %u cuts %u (behind %u) reloads %u, expired %u, digests %u, lists %u;", told->seed,
			       told->election, told->voters, told->observers, (double)sim_now(run->sim) / 1e6, creates, n->elected,
			       n->diffs, n->logs_read, n->truncs, n->snaps, n->own_snapshots, n->truncations, n->cut_behind,
			       n->reloads, n->expired, n->digests, n->reconfigured);
	if (changed)
		g_string_append_printf(line, " %s by %u (%u);", told->quirk, run->speakers, changed);
	if (strcmp(told->settings, "usual") != 0)
		g_string_append_printf(line, " %s;", told->settings);
	for (unsigned i = 0; i < kinds; i++)
		if (run->struck[i])
			g_string_append_printf(line, " %s %u", faults[i].name, run->struck[i]);
	g_string_append_printf(line, ": %s", sim_failure(run->sim) ? sim_failure(run->sim) : "ok");
	return g_string_free(line, FALSE);
}

static void
fill_result(const Run *run, const SimRun *told, SimResult *result)
{
	*result = (SimResult){
		.fine = sim_failure(run->sim) == NULL,
		.line = tell_result(run, told),
		.invariant = g_strdup(sim_invariant(run->sim)),
		.trace_hash = sim_trace_hash(run->sim),
		.strikes = run->strikes,
		.faulty_us = run->last_us,
	};
	if (!result->fine)
		result->tail = sim_tail(run->sim);
}

static Workload
workload_of(const char *names)
{
	g_autofree char *unknown = NULL;
	Workload workload = WORKLOAD_ALL;
	bool known = workload_parse(names, &workload, &unknown);
	g_assert_true(known);
	return workload;
}

static void
begin(Run *run, const SimRun *told)
{
	g_autofree char *unknown = NULL;
	PdkRandom draw = pdk_random(told->seed * 6151 + 7);
	bool known = sim_mix_parse(told->faults, &run->mix, &unknown);
	g_assert_true(known);
	run->longest_ms = (unsigned[]){500, 2000, 4000}[index_below(&draw, 3)];
	run->hurry = index_below(&draw, 10);
	run->pace = pdk_random(pdk_random_next(&draw));
	run->sim = new_world(told, &run->mix, &draw, &run->speakers, &run->check_ms);
	run->promises = promises_new(workload_of(told->workload));
	sim_on_hush(run->sim, hush, run);
	for (unsigned i = 0; i < CLIENTS; i++)
		run->clients[i] = client_new(run->sim, run->promises, i);
}

static void
end(Run *run)
{
	stop_clients(run);
	sim_free(run->sim);
	for (unsigned i = 0; i < CLIENTS; i++)
		client_free(run->clients[i]);
	promises_free(run->promises);
}

void
sim_run_seed(const SimRun *run, SimResult *result)
{
	SimRun told = *run;
	Run here = {0};
	sim_run_draw(&told);
	begin(&here, &told);
	trouble(&here, &told);
	peace(&here);
	fill_result(&here, &told, result);
	end(&here);
}

void
sim_result_clear(SimResult *result)
{
	g_free(result->line);
	g_free(result->invariant);
	g_free(result->tail);
	*result = (SimResult){0};
}

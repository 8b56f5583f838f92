/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long an ensemble is without a leader after it lost one, measured over many of them; changes when that is measured in
 * another way.
 *
 *     election_times               a test: with paxos nobody waits longer than the table says
 *     election_times N [PLUGIN]    how long it took over N lost leaders of each kind
 */
#include "conformance.h"
#include "election_stage.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TESTED 100
#define LOST_A_STAGE 10
#define SOON (40 * MS) /* after the leader something else is lost: about as long as an election takes */
#define STEP (MS / 4)
#define STUCK (60 * SECOND)

extern const PdkPlugin pdk_plugin_election_fle, pdk_plugin_election_paxos;

typedef enum {
	WAY_KILL,
	WAY_SILENT,
	WAY_RETURN,
	WAY_BREAKS,
	WAY_SECOND,
	WAY_SECOND_SILENT,
} Way;

static const struct {
	const char *name;
	unsigned least_voters;
	int64_t limit_us; /* where messages take up to 1.5 ms, nobody may wait longer */
} ways[] = {
	[WAY_KILL] = {"killed", 3, 100 * MS},
	[WAY_SILENT] = {"silent", 3, 400 * MS},
	[WAY_RETURN] = {"killed, and starts again soon", 3, 300 * MS},
	[WAY_BREAKS] = {"killed, then connections break", 3, 200 * MS},
	[WAY_SECOND] = {"killed, soon another (of 3: for a moment)", 3, 200 * MS},
	/* Twice the stage's limit for a leader that nobody reaches, and once a phase. */
	[WAY_SECOND_SILENT] = {"killed, soon another is silent", 5, 3 * SECOND},
};

static const struct {
	const char *name;
	int64_t low_us, high_us;
} wires[] = {{"0.1 to 1.5 ms", 100, 1500}, {"1 to 10 ms", MS, 10 * MS}, {"1 to 30 ms", MS, 30 * MS}};

typedef struct {
	ElectionStage *stage;
	int64_t voters, lost, second;
	uint64_t random;
} Loss;

/* splitmix64 */
static int64_t
below(Loss *loss, int64_t limit)
{
	uint64_t z = loss->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (int64_t)((z ^ z >> 31) % (uint64_t)limit);
}

static int64_t
another(Loss *loss)
{
	return (loss->lost + below(loss, loss->voters - 1)) % loss->voters + 1;
}

static void
lose(Loss *loss, Way way)
{
	ElectionStage *stage = loss->stage;

	loss->lost = election_stage_leader(stage);
	loss->second = 0;
	if (way == WAY_SILENT) {
		election_stage_isolate(stage, loss->lost);
		return;
	}
	election_stage_crash(stage, loss->lost);
	switch (way) {
	case WAY_RETURN:
		election_stage_run(stage, below(loss, SOON));
		election_stage_start(stage, loss->lost);
		break;
	case WAY_BREAKS:
		for (unsigned i = 0; i < 4; i++) {
			election_stage_run(stage, below(loss, SOON / 4));
			int64_t one = another(loss);
			election_stage_reset(stage, one, one % loss->voters + 1);
		}
		break;
	case WAY_SECOND:
		election_stage_run(stage, below(loss, SOON));
		loss->second = another(loss);
		election_stage_crash(stage, loss->second);
		if (loss->voters == 3)
			election_stage_start(stage, loss->second);
		break;
	case WAY_SECOND_SILENT:
		election_stage_run(stage, below(loss, SOON));
		loss->second = another(loss);
		election_stage_isolate(stage, loss->second);
		break;
	case WAY_KILL:
	case WAY_SILENT:
		break;
	}
}

static bool
is_silent(const Loss *loss, Way way, int64_t sid)
{
	return way == WAY_SILENT ? sid == loss->lost : way == WAY_SECOND_SILENT && sid == loss->second;
}

/* All that live and are reached are with one leader. */
static bool
all_follow(const Loss *loss, Way way)
{
	int64_t leader = 0;

	for (int64_t sid = 1; sid <= loss->voters; sid++) {
		ElectionServer server = election_stage_server(loss->stage, sid);
		if (!server.alive || is_silent(loss, way, sid))
			continue;
		if (!server.attached || (leader != 0 && server.leader != leader))
			return false;
		leader = server.leader;
	}
	return leader != 0 && !is_silent(loss, way, leader) &&
	       election_stage_server(loss->stage, leader).state == PDK_PEER_LEADING;
}

static void
repair(Loss *loss)
{
	election_stage_heal_all(loss->stage);
	for (int64_t sid = 1; sid <= loss->voters; sid++)
		if (!election_stage_server(loss->stage, sid).alive)
			election_stage_start(loss->stage, sid);
	election_stage_run(loss->stage, 2 * SECOND);
	CU_ASSERT_NOT_EQUAL_FATAL(election_stage_run_until_leader(loss->stage, STUCK), -1);
	election_stage_run(loss->stage, below(loss, SECOND));
}

static int64_t
time_to_lead(Loss *loss, Way way)
{
	int64_t began_us = election_stage_now(loss->stage);

	lose(loss, way);
	while (!all_follow(loss, way) && election_stage_now(loss->stage) - began_us < STUCK)
		election_stage_run(loss->stage, STEP);
	return election_stage_now(loss->stage) - began_us;
}

static int
by_number(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Sorted. */
static GArray *
measure(const PdkPlugin *plugin, unsigned voters, unsigned wire, Way way, unsigned count)
{
	GArray *times = g_array_new(FALSE, FALSE, sizeof(int64_t));

	for (uint64_t seed = 1; times->len < count; seed++) {
		g_autoptr(ElectionStage) stage = election_stage_new(plugin, voters, seed);
		Loss loss = {.stage = stage, .voters = voters, .random = seed};
		election_stage_set_delay(stage, wires[wire].low_us, wires[wire].high_us);
		election_stage_start_all(stage);
		CU_ASSERT_NOT_EQUAL_FATAL(election_stage_run_until_leader(stage, STUCK), -1);
		for (unsigned i = 0; i < LOST_A_STAGE; i++) {
			int64_t took_us = time_to_lead(&loss, way);
			g_array_append_val(times, took_us);
			repair(&loss);
		}
	}
	qsort(times->data, times->len, sizeof(int64_t), by_number);
	return times;
}

static double
quantile_ms(const GArray *times, double part)
{
	guint place = MIN((guint)((double)times->len * part), times->len - 1);

	return (double)g_array_index(times, int64_t, place) / (double)MS;
}

static void
show(const PdkPlugin *plugin, unsigned count)
{
	printf("\n%s, %u lost leaders each: ms until all follow the next one\n", plugin->name, count);
	printf("%6s  %-12s %8s %8s %8s %8s  the leader is\n", "voters", "wire", "median", "p99", "p99.9", "max");
	for (Way way = 0; way < G_N_ELEMENTS(ways); way++) {
		for (unsigned wire = 0; wire < G_N_ELEMENTS(wires); wire++) {
			for (unsigned voters = ways[way].least_voters; voters <= 7; voters += 2) {
				g_autoptr(GArray) times = measure(plugin, voters, wire, way, count);
				printf("%6u  %-12s %8.1f %8.1f %8.1f %8.1f  %s\n", voters, wires[wire].name,
				       quantile_ms(times, 0.5), quantile_ms(times, 0.99), quantile_ms(times, 0.999),
				       quantile_ms(times, 1), ways[way].name);
			}
		}
	}
}

static unsigned shown; /* lost leaders of each kind; 0: it is a test */
static const char *shown_name;

static void
the_times_are_shown(void)
{
	const PdkPlugin *plugins[] = {&pdk_plugin_election_fle, &pdk_plugin_election_paxos};

	for (unsigned i = 0; i < G_N_ELEMENTS(plugins); i++)
		if (!shown_name || strcmp(shown_name, plugins[i]->name) == 0)
			show(plugins[i], shown);
}

static void
no_ensemble_stalls_after_a_lost_leader(void)
{
	for (Way way = 0; way < G_N_ELEMENTS(ways); way++) {
		for (unsigned voters = ways[way].least_voters; voters <= 7; voters += 2) {
			g_autoptr(GArray) times = measure(&pdk_plugin_election_paxos, voters, 0, way, TESTED);
			int64_t longest_us = g_array_index(times, int64_t, times->len - 1);
			if (longest_us > ways[way].limit_us)
				fprintf(stderr, "%u voters, %s: %.1f ms\n", voters, ways[way].name, (double)longest_us / MS);
			CU_ASSERT_TRUE(longest_us <= ways[way].limit_us);
		}
	}
}

int
main(int argc, char **argv)
{
	static const ConformanceCase test[] = {CONFORMANCE_CASE(no_ensemble_stalls_after_a_lost_leader), {0}};
	static const ConformanceCase tables[] = {CONFORMANCE_CASE(the_times_are_shown), {0}};

	shown = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
	shown_name = argc > 2 ? argv[2] : NULL;
	return conformance_run("elections, timed", shown ? tables : test) ? EXIT_FAILURE : EXIT_SUCCESS;
}

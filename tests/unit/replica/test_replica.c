/* SPDX-License-Identifier: Apache-2.0 */
/* An ensemble of replicas in one process: it elects, establishes, proposes, commits, and survives what a world can do to it. */
#include "world.h"
#include <CUnit/Basic.h>

extern const PdkPlugin pdk_plugin_election_fle, pdk_plugin_election_paxos;

#define CALM_MS 200000 /* longest wait for an ensemble to come to rest; fle asks again after a minute at the latest */

static unsigned
seeds(void)
{
	const char *wanted = g_getenv("REPLICA_SEEDS");
	return wanted ? (unsigned)g_ascii_strtoull(wanted, NULL, 10) : 40;
}

static uint64_t
first_seed(void)
{
	const char *wanted = g_getenv("REPLICA_SEED");
	return wanted ? g_ascii_strtoull(wanted, NULL, 10) : 1;
}

/* Whatever happened: with everybody up and in touch they agree and go on. */
static void
comes_to_rest(World *world)
{
	world_heal(world);
	world_start_all(world);
	bool calm = world_until(world, world_all_equal, CALM_MS);
	for (unsigned i = 0; calm && i < 5; i++)
		CU_ASSERT_TRUE(world_propose(world));
	calm = calm && world_until(world, world_all_equal, CALM_MS);
	if (!calm)
		g_printerr("seed %" PRIu64 ": no rest\n", world->seed);
	CU_ASSERT_TRUE(calm);
}

static void
writes(World *world, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (world_below(world, 3))
			world_propose(world);
		else
			world_forward(world);
		for (unsigned j = (unsigned)world_below(world, 20); j > 0; j--)
			world_happen(world);
	}
}

static void
three_servers_agree_on_a_leader_and_a_history(void)
{
	World *world = world_new(3, 0, 1);
	world_start_all(world);
	CU_ASSERT_TRUE(world_until(world, world_all_serve, 5000));
	for (unsigned i = 0; i < 50; i++) {
		CU_ASSERT_TRUE(world_propose(world));
		CU_ASSERT_TRUE(world_forward(world));
		world_run(world, 1);
	}
	CU_ASSERT_TRUE(world_until(world, world_all_equal, 5000));
	world_run(world, 5000);
	CU_ASSERT_EQUAL(world->committed->len, 100);
	CU_ASSERT_EQUAL(world->established, 1);
	for (unsigned sid = 1; sid <= 3; sid++)
		CU_ASSERT_EQUAL(world->nodes[sid].quiesced, 0);
	world_free(world);
}

static void
observers_get_what_is_committed(void)
{
	World *world = world_new(3, 2, 2);
	world_start_all(world);
	CU_ASSERT_TRUE(world_until(world, world_all_serve, 5000));
	writes(world, 100);
	CU_ASSERT_TRUE(world_until(world, world_all_equal, 5000));
	CU_ASSERT_TRUE(world->committed->len > 50);
	world_free(world);
}

/* The server that an observer is connected to instead of the leader; 0: none. */
static int64_t
master_of(const World *world, int64_t sid)
{
	const PdkReplica *replica = world->nodes[sid].replica;
	return replica && replica->learning.stage == PDK_LEARNER_LIVE ? MAX(replica->learning.through, 0) : 0;
}

/* The leader is the last resort, for one that no follower took in time: seldom. */
static void
observers_are_served_by_followers_and_move_when_one_dies(void)
{
	unsigned moved = 0;
	for (uint64_t seed = first_seed(); seed < first_seed() + seeds(); seed++) {
		World *world = world_new(3, 2, seed);
		world->masters = true;
		world_start_all(world);
		CU_ASSERT_TRUE(world_until(world, world_all_serve, 5000));
		int64_t first = master_of(world, 4);
		CU_ASSERT_NOT_EQUAL(first, world_leader(world)->sid);
		writes(world, 50);
		CU_ASSERT_TRUE(world_until(world, world_all_equal, 5000));
		CU_ASSERT_TRUE(world->nodes[4].syncs_done > 0);
		if (first > 0)
			world_crash(world, first);
		world_run(world, 20);
		CU_ASSERT_TRUE(world_until(world, world_all_serve, 5000));
		int64_t second = master_of(world, 4);
		moved += first > 0 && second > 0 && second != first;
		CU_ASSERT_NOT_EQUAL(second, world_leader(world)->sid);
		writes(world, 50);
		CU_ASSERT_TRUE(world_until(world, world_all_equal, 5000));
		world_free(world);
	}
	CU_ASSERT_TRUE(moved > seeds() / 2);
}

/* A tail that only the leader, or the leader and one more, has logged. */
static void
kill_leader_with_a_tail(World *world)
{
	Node *leader = world_leader(world);
	if (leader == NULL)
		return;
	for (unsigned i = 0; i < 3; i++)
		world_propose(world);
	for (uint64_t i = world_below(world, 6); i > 0; i--)
		world_happen(world);
	world_crash(world, leader->sid);
}

static void
kill_and_start(World *world, unsigned rounds)
{
	for (unsigned round = 0; round < rounds; round++) {
		int64_t sid = 1 + (int64_t)world_below(world, world->n);
		if (world->nodes[sid].up && world_below(world, 3))
			world_crash(world, sid);
		else
			world_start(world, sid);
		if (world_below(world, 4) == 0)
			kill_leader_with_a_tail(world);
		if (world_below(world, 3) == 0)
			world_start_all(world);
		if (world_below(world, 3) == 0)
			world_until(world, world_all_serve, 2000);
		writes(world, (unsigned)world_below(world, 60));
	}
}

static void
nothing_acknowledged_is_lost_when_servers_are_killed(void)
{
	unsigned established = 0, snaps = 0, truncs = 0, reloads = 0;
	for (uint64_t seed = first_seed(); seed < first_seed() + seeds(); seed++) {
		World *world = world_new(3 + 2 * (seed % 3 == 0), seed % 2, seed);
		world->misled = seed % 2 ? 2 : 0;
		world->history_count = seed % 4 < 2 ? 3 : 100;
		world_start_all(world);
		kill_and_start(world, 40);
		comes_to_rest(world);
		established += world->established;
		snaps += world->snaps;
		truncs += world->truncs;
		reloads += world->reloads;
		world_free(world);
	}
	/* The storm was one: every way of catching up was taken. */
	CU_ASSERT_TRUE(established > seeds() && snaps > 0 && truncs > 0 && reloads > 0);
}

static void
cut_and_heal(World *world, unsigned rounds)
{
	for (unsigned round = 0; round < rounds; round++) {
		int64_t a = 1 + (int64_t)world_below(world, world->n), b = 1 + (int64_t)world_below(world, world->n);
		switch (world_below(world, 6)) {
		case 0:
			world_isolate(world, a, true);
			break;
		case 1:
			world->cut[a][b] = a != b;
			break;
		case 2:
			world_crash(world, a);
			break;
		case 3:
			world_start_all(world);
			break;
		default:
			world_heal(world);
		}
		world_run(world, (int64_t)world_below(world, 3000));
		writes(world, (unsigned)world_below(world, 60));
	}
}

static void
nothing_acknowledged_is_lost_when_links_are_cut(void)
{
	for (uint64_t seed = first_seed(); seed < first_seed() + seeds(); seed++) {
		World *world = world_new(3 + 2 * (seed % 3 == 0), seed % 2, seed);
		world->misled = seed % 2 ? 2 : 0;
		world->history_count = seed % 4 < 2 ? 3 : 100;
		world_start_all(world);
		cut_and_heal(world, 30);
		comes_to_rest(world);
		world_free(world);
	}
}

static void
nothing_is_lost_where_followers_serve_observers(void)
{
	for (uint64_t seed = first_seed(); seed < first_seed() + seeds(); seed++) {
		World *world = world_new(3, 2, seed);
		world->masters = true;
		world->history_count = seed % 4 < 2 ? 3 : 100;
		world_start_all(world);
		if (seed % 2)
			kill_and_start(world, 30);
		else
			cut_and_heal(world, 30);
		comes_to_rest(world);
		world_free(world);
	}
}

/* The same storms with leaders that the servers find by themselves. */
static void
storm(const PdkPlugin *plugin, void (*weather)(World *world, unsigned rounds), unsigned n_seeds)
{
	for (uint64_t seed = first_seed(); seed < first_seed() + n_seeds; seed++) {
		World *world = world_new(3 + 2 * (seed % 3 == 0), seed % 2, seed);
		world_elect_by(world, plugin);
		world->history_count = seed % 4 < 2 ? 3 : 100;
		world_start_all(world);
		weather(world, 20);
		comes_to_rest(world);
		world_free(world);
	}
}

static void
nothing_is_lost_with_fle(void)
{
	storm(&pdk_plugin_election_fle, kill_and_start, seeds() / 2);
	storm(&pdk_plugin_election_fle, cut_and_heal, seeds() / 2);
}

/* From the crash of the leader to the next proposal, on a network without delay. */
static void
fail_over(const PdkPlugin *plugin)
{
	int64_t longest_us = 0;
	for (uint64_t seed = 1; seed <= 30; seed++) {
		World *world = world_new(3, 0, seed);
		world_elect_by(world, plugin);
		world_start_all(world);
		CU_ASSERT_TRUE(world_until(world, world_all_serve, 5000));
		writes(world, 20);
		int64_t crash_us = world->now_us;
		world_crash(world, world_leader(world)->sid);
		CU_ASSERT_TRUE(world_until(world, world_all_serve, 5000));
		longest_us = MAX(longest_us, world->now_us - crash_us);
		CU_ASSERT_TRUE(world_propose(world));
		world_free(world);
	}
	CU_ASSERT_TRUE(longest_us < 100000);
	if (longest_us >= 100000)
		g_printerr("%s took %" PRId64 " us\n", plugin->name, longest_us);
}

static void
the_next_leader_serves_within_100_ms(void)
{
	fail_over(&pdk_plugin_election_fle);
	fail_over(&pdk_plugin_election_paxos);
}

static void
nothing_is_lost_with_paxos(void)
{
	storm(&pdk_plugin_election_paxos, kill_and_start, seeds() / 2);
	storm(&pdk_plugin_election_paxos, cut_and_heal, seeds() / 2);
}

int
main(void)
{
	CU_initialize_registry();
	CU_pSuite suite = CU_add_suite("replica", NULL, NULL);
	CU_ADD_TEST(suite, three_servers_agree_on_a_leader_and_a_history);
	CU_ADD_TEST(suite, observers_get_what_is_committed);
	CU_ADD_TEST(suite, observers_are_served_by_followers_and_move_when_one_dies);
	CU_ADD_TEST(suite, nothing_acknowledged_is_lost_when_servers_are_killed);
	CU_ADD_TEST(suite, nothing_acknowledged_is_lost_when_links_are_cut);
	CU_ADD_TEST(suite, nothing_is_lost_where_followers_serve_observers);
	CU_ADD_TEST(suite, the_next_leader_serves_within_100_ms);
	CU_ADD_TEST(suite, nothing_is_lost_with_fle);
	CU_ADD_TEST(suite, nothing_is_lost_with_paxos);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0;
}

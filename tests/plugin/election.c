/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conformance of election plugins: what the core relies on, whatever they say to each other. Changes when election.h does.
 *
 *     election [plugin.so...]     without arguments: every election plugin of the tree
 */
#include "conformance.h"
#include "election_stage.h"

#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>

extern const PdkPlugin pdk_plugin_election_fle, pdk_plugin_election_paxos;

#define FAST (50 * MS) /* an election that need not wait for anybody, over links of 1 ms */
#define FAULT_SEEDS 500
#define FAULT_BOUND (30 * SECOND) /* from the last fault to one leader */

static const PdkPlugin *plugin; /* under test */
static const PdkElectionOps *ops;

static void
the_descriptor_is_as_the_loader_wants_it(void)
{
	conformance_check(plugin, PDK_KIND_ELECTION);
}

static void
the_required_slots_are_there(void)
{
	CU_ASSERT_TRUE(PDK_HAS(ops, create) && PDK_HAS(ops, destroy) && PDK_HAS(ops, step));
	CU_ASSERT_TRUE(ops->queue_length >= 1);
	if (PDK_HAS(ops, record_key))
		CU_ASSERT_TRUE(g_regex_match_simple("^[A-Za-z0-9]+$", ops->record_key, 0, 0));
}

/* All servers of a new stage are alive and agree. */
static ElectionStage *
agreed(unsigned voters, unsigned observers, uint64_t seed)
{
	ElectionStage *stage = election_stage_new(plugin, voters, seed);

	for (unsigned i = 0; i < observers; i++)
		election_stage_add(stage, ELECTION_OBSERVER);
	election_stage_start_all(stage);
	CU_ASSERT_NOT_EQUAL_FATAL(election_stage_run_until_leader(stage, 5 * SECOND), -1);
	return stage;
}

static void
fresh_servers_agree_at_once(unsigned voters)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		g_autoptr(ElectionStage) stage = election_stage_new(plugin, voters, seed);
		election_stage_start_all(stage);
		CU_ASSERT_TRUE(election_stage_run_until_elected(stage, FAST));
		CU_ASSERT_NOT_EQUAL(election_stage_run_until_leader(stage, SECOND), -1);
		for (int64_t sid = 1; sid <= voters; sid++)
			CU_ASSERT_EQUAL(election_stage_server(stage, sid).elections, 1);
	}
}

static void
three_fresh_servers_elect_one_leader_at_once(void)
{
	fresh_servers_agree_at_once(3);
}

static void
five_fresh_servers_elect_one_leader_at_once(void)
{
	fresh_servers_agree_at_once(5);
}

static void
a_single_voter_elects_itself(void)
{
	g_autoptr(ElectionStage) stage = election_stage_new(plugin, 1, 1);

	election_stage_start_all(stage);
	CU_ASSERT_EQUAL(election_stage_run_until_leader(stage, FAST), 1);
}

static void
servers_that_start_one_by_one_agree(void)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		g_autoptr(ElectionStage) stage = election_stage_new(plugin, 5, seed);
		for (int64_t sid = 1; sid <= 5; sid++) {
			election_stage_start(stage, sid);
			election_stage_run(stage, (int64_t)(seed * 37 % 400) * MS);
		}
		CU_ASSERT_NOT_EQUAL(election_stage_run_until_leader(stage, 5 * SECOND), -1);
	}
}

/* Three of five are alive, so all of them are needed, and @best of them must lead. */
static void
the_best_of_a_quorum_leads(const int64_t histories[5][2], int64_t best)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		g_autoptr(ElectionStage) stage = election_stage_new(plugin, 5, seed);
		for (int64_t sid = 1; sid <= 5; sid++)
			election_stage_set_history(stage, sid, histories[sid - 1][0], histories[sid - 1][1]);
		election_stage_start(stage, 1);
		election_stage_start(stage, 2);
		election_stage_start(stage, 3);
		CU_ASSERT_EQUAL(election_stage_run_until_leader(stage, 5 * SECOND), best);
	}
}

static void
the_highest_epoch_of_the_quorum_leads(void)
{
	const int64_t histories[5][2] = {{3, 0x200000005}, {2, 0x200000009}, {2, 0x200000009}, {9, 0x900000000}, {9, 1}};

	the_best_of_a_quorum_leads(histories, 1);
}

static void
among_equal_epochs_the_highest_zxid_leads(void)
{
	const int64_t histories[5][2] = {{2, 0x200000005}, {2, 0x200000009}, {2, 0x200000008}, {9, 0x900000000}, {9, 1}};

	the_best_of_a_quorum_leads(histories, 2);
}

static void
among_equal_histories_the_highest_sid_leads(void)
{
	const int64_t histories[5][2] = {{2, 7}, {2, 7}, {2, 7}, {9, 0x900000000}, {9, 1}};

	the_best_of_a_quorum_leads(histories, 3);
}

static void
a_voter_that_went_is_not_waited_for(void)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		g_autoptr(ElectionStage) stage = election_stage_new(plugin, 3, seed);
		int64_t down = 1 + (int64_t)(seed % 3);
		election_stage_start_all(stage);
		CU_ASSERT_NOT_EQUAL(election_stage_run_until_leader(stage, SECOND), -1);
		election_stage_crash(stage, down);
		for (int64_t sid = 1; sid <= 3; sid++) {
			if (sid != down)
				election_stage_look(stage, sid);
		}
		CU_ASSERT_TRUE(election_stage_run_until_elected(stage, FAST));
		CU_ASSERT_NOT_EQUAL(election_stage_run_until_leader(stage, SECOND), -1);
	}
}

static void
a_silent_voter_is_not_waited_for_long(void)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		g_autoptr(ElectionStage) stage = election_stage_new(plugin, 3, seed);
		int64_t silent = 1 + (int64_t)(seed % 3);
		election_stage_isolate(stage, silent);
		for (int64_t sid = 1; sid <= 3; sid++) {
			if (sid != silent)
				election_stage_start(stage, sid);
		}
		CU_ASSERT_TRUE(election_stage_run_until_elected(stage, SECOND));
		CU_ASSERT_NOT_EQUAL(election_stage_run_until_leader(stage, SECOND), -1);
	}
}

static void
a_minority_elects_nobody(void)
{
	static const unsigned ensembles[] = {2, 3, 4, 5};

	for (unsigned i = 0; i < G_N_ELEMENTS(ensembles); i++) {
		unsigned voters = ensembles[i], alive = voters / 2;
		g_autoptr(ElectionStage) stage = election_stage_new(plugin, voters, i + 1);
		for (int64_t sid = 1; sid <= alive; sid++)
			election_stage_start(stage, sid);
		election_stage_run(stage, 100 * SECOND);
		for (int64_t sid = 1; sid <= alive; sid++)
			CU_ASSERT_EQUAL(election_stage_server(stage, sid).elections, 0);
	}
}

static void
a_minority_that_grows_elects(void)
{
	g_autoptr(ElectionStage) stage = election_stage_new(plugin, 3, 1);

	election_stage_start(stage, 1);
	election_stage_run(stage, 100 * SECOND);
	election_stage_start(stage, 3);
	CU_ASSERT_NOT_EQUAL(election_stage_run_until_leader(stage, SECOND), -1);
}

static void
one_that_starts_again_joins_the_leader_there_is(void)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		g_autoptr(ElectionStage) stage = agreed(5, 0, seed);
		int64_t leader = election_stage_leader(stage), other = leader % 5 + 1;
		election_stage_crash(stage, other);
		election_stage_run(stage, SECOND);
		/* Not even with the better history, as one who was cut off with a tail of its own may have. */
		election_stage_set_history(stage, other, election_stage_server(stage, leader).epoch, 0x7700000000);
		election_stage_start(stage, other);
		CU_ASSERT_EQUAL(election_stage_run_until_leader(stage, SECOND), leader);
		CU_ASSERT_EQUAL(election_stage_server(stage, other).elections, 2);
		CU_ASSERT_EQUAL(election_stage_server(stage, leader).elections, 1);
	}
}

static void
when_the_leader_dies_another_follows_at_once(void)
{
	for (uint64_t seed = 1; seed <= 100; seed++) {
		unsigned voters = seed % 2 ? 3 : 5;
		g_autoptr(ElectionStage) stage = agreed(voters, 0, seed);
		int64_t dead = election_stage_leader(stage);
		election_stage_set_delay(stage, 200, 1500);
		election_stage_run(stage, SECOND + (int64_t)seed * 100);
		election_stage_crash(stage, dead);
		election_stage_run(stage, 20 * MS); /* until all have noticed, each at its own time */
		CU_ASSERT_TRUE(election_stage_run_until_elected(stage, FAST));
		int64_t leader = election_stage_run_until_leader(stage, SECOND);
		CU_ASSERT_TRUE(leader != -1 && leader != dead);
		election_stage_run(stage, SECOND);
		election_stage_start(stage, dead);
		CU_ASSERT_EQUAL(election_stage_run_until_leader(stage, SECOND), leader);
	}
}

static void
leaders_die_one_after_the_other(void)
{
	g_autoptr(ElectionStage) stage = agreed(5, 0, 1);

	for (unsigned i = 0; i < 50; i++) {
		int64_t dead = election_stage_leader(stage);
		election_stage_crash(stage, dead);
		election_stage_run(stage, 10 * MS);
		CU_ASSERT_NOT_EQUAL_FATAL(election_stage_run_until_leader(stage, 2 * SECOND), -1);
		election_stage_start(stage, dead);
		CU_ASSERT_NOT_EQUAL_FATAL(election_stage_run_until_leader(stage, 2 * SECOND), -1);
	}
}

static void
a_leader_that_dies_while_it_is_elected_is_given_up(void)
{
	for (uint64_t seed = 1; seed <= 40; seed++) {
		g_autoptr(ElectionStage) stage = election_stage_new(plugin, 3, seed);
		election_stage_set_history(stage, 2, 1, 0x100000001);
		election_stage_start_all(stage);
		election_stage_run(stage, (int64_t)seed * 250);
		election_stage_crash(stage, 2);
		int64_t leader = election_stage_run_until_leader(stage, 5 * SECOND);
		CU_ASSERT_TRUE(leader == 1 || leader == 3);
	}
}

static void
observers_find_the_leader_and_are_never_it(void)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		g_autoptr(ElectionStage) stage = election_stage_new(plugin, 3, seed);
		int64_t observer = election_stage_add(stage, ELECTION_OBSERVER);
		election_stage_set_history(stage, observer, 0, 0x900000001);
		election_stage_start_all(stage);
		int64_t leader = election_stage_run_until_leader(stage, 5 * SECOND);
		CU_ASSERT_TRUE(leader >= 1 && leader <= 3);
		CU_ASSERT_EQUAL(election_stage_server(stage, observer).state, PDK_PEER_OBSERVING);
	}
}

static void
an_observer_that_comes_late_finds_the_leader(void)
{
	g_autoptr(ElectionStage) stage = election_stage_new(plugin, 3, 1);
	int64_t observer = election_stage_add(stage, ELECTION_OBSERVER);

	election_stage_start(stage, 1);
	election_stage_start(stage, 2);
	election_stage_start(stage, 3);
	int64_t leader = election_stage_run_until_leader(stage, SECOND);
	election_stage_start(stage, observer);
	CU_ASSERT_EQUAL(election_stage_run_until_leader(stage, SECOND), leader);
	election_stage_crash(stage, leader);
	election_stage_run(stage, 10 * MS);
	CU_ASSERT_TRUE(election_stage_run_until_leader(stage, 5 * SECOND) >= 1);
}

static void
observers_find_the_next_leader_soon(void)
{
	for (uint64_t seed = 1; seed <= 100; seed++) {
		g_autoptr(ElectionStage) stage = agreed(3, 1, seed);
		election_stage_set_delay(stage, 200, 1500);
		election_stage_run(stage, SECOND + (int64_t)seed * 100);
		election_stage_crash(stage, election_stage_leader(stage));
		election_stage_run(stage, 20 * MS);
		CU_ASSERT_NOT_EQUAL(election_stage_run_until_leader(stage, 2 * SECOND), -1);
	}
}

static void
observers_make_no_quorum(void)
{
	g_autoptr(ElectionStage) stage = election_stage_new(plugin, 3, 1);

	election_stage_add(stage, ELECTION_OBSERVER);
	election_stage_add(stage, ELECTION_OBSERVER);
	election_stage_start(stage, 1);
	election_stage_start(stage, 4);
	election_stage_start(stage, 5);
	election_stage_run(stage, 20 * SECOND);
	CU_ASSERT_EQUAL(election_stage_server(stage, 1).elections, 0);
	CU_ASSERT_EQUAL(election_stage_server(stage, 4).elections, 0);
}

static void
one_that_is_no_member_follows(void)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		g_autoptr(ElectionStage) stage = election_stage_new(plugin, 3, seed);
		int64_t stranger = election_stage_add(stage, ELECTION_STRANGER);
		election_stage_start(stage, 1);
		election_stage_start(stage, 2);
		election_stage_start(stage, 3);
		int64_t leader = election_stage_run_until_leader(stage, SECOND);
		election_stage_set_history(stage, stranger, 0, 0x900000001);
		election_stage_start(stage, stranger);
		CU_ASSERT_EQUAL(election_stage_run_until_leader(stage, SECOND), leader);
		CU_ASSERT_EQUAL(election_stage_server(stage, stranger).state, PDK_PEER_FOLLOWING);
	}
}

/* ---- what may be on the wire ---- */

static void
inject_old_messages(ElectionStage *stage, unsigned voters)
{
	for (int64_t from = 1; from <= voters; from++) {
		for (int64_t to = 1; to <= voters; to++) {
			for (unsigned back = 0; from != to && back < 8; back++) {
				g_autoptr(GBytes) old = election_stage_heard(stage, from, to, back);
				if (old)
					election_stage_inject(stage, from, to, g_bytes_get_data(old, NULL),
							      g_bytes_get_size(old));
			}
		}
	}
}

static void
old_messages_that_come_again_change_nothing(void)
{
	g_autoptr(ElectionStage) stage = agreed(3, 0, 1);
	int64_t leader = election_stage_leader(stage);

	for (unsigned i = 0; i < 20; i++) {
		inject_old_messages(stage, 3);
		election_stage_run(stage, 50 * MS);
	}
	CU_ASSERT_EQUAL(election_stage_leader(stage), leader);
	for (int64_t sid = 1; sid <= 3; sid++)
		CU_ASSERT_EQUAL(election_stage_server(stage, sid).elections, 1);
}

static void
messages_that_come_twice_or_late_do_not_confuse_an_election(void)
{
	for (uint64_t seed = 1; seed <= 50; seed++) {
		g_autoptr(ElectionStage) stage = agreed(3, 0, seed);
		election_stage_crash(stage, election_stage_leader(stage));
		for (unsigned i = 0; i < 10; i++) {
			election_stage_run(stage, (int64_t)(seed * (i + 1) % 7) * MS / 2);
			for (int64_t from = 1; from <= 3; from++) {
				for (int64_t to = 1; to <= 3; to++) {
					g_autoptr(GBytes) old = election_stage_heard(stage, from, to, (unsigned)(seed + i) % 5);
					if (old && from != to && election_stage_server(stage, to).alive)
						election_stage_inject(stage, from, to, g_bytes_get_data(old, NULL),
								      g_bytes_get_size(old));
				}
			}
		}
		CU_ASSERT_NOT_EQUAL(election_stage_run_until_leader(stage, 5 * SECOND), -1);
	}
}

/* Every length up to 600 of noise, and every beginning of a true message. */
static void
inject_garbage(ElectionStage *stage, int64_t from, int64_t to, uint64_t seed)
{
	uint8_t noise[600];
	g_autoptr(GBytes) heard = from <= 3 ? election_stage_heard(stage, from, to, 0) : NULL;

	for (unsigned i = 0; i < sizeof(noise); i++) {
		seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		noise[i] = (uint8_t)(seed >> 56);
	}
	noise[0] |= 0x80; /* no true message begins like this */
	for (size_t length = 0; length <= sizeof(noise); length++)
		election_stage_inject(stage, from, to, noise, length);
	for (size_t length = 0; heard && length < g_bytes_get_size(heard); length++)
		election_stage_inject(stage, from, to, g_bytes_get_data(heard, NULL), length);
}

static void
garbage_of_all_lengths_does_nothing(void)
{
	for (uint64_t seed = 1; seed <= 10; seed++) {
		g_autoptr(ElectionStage) stage = election_stage_new(plugin, 3, seed);
		election_stage_start_all(stage);
		inject_garbage(stage, 2, 1, seed);
		election_stage_run(stage, 1500);
		inject_garbage(stage, 3, 2, seed + 100);
		int64_t leader = election_stage_run_until_leader(stage, 5 * SECOND);
		CU_ASSERT_NOT_EQUAL_FATAL(leader, -1);
		for (int64_t sid = 1; sid <= 3; sid++) {
			inject_garbage(stage, sid % 3 + 1, sid, seed + 200);
			inject_garbage(stage, 77, sid, seed + 300);
		}
		election_stage_run(stage, SECOND);
		CU_ASSERT_EQUAL(election_stage_leader(stage), leader);
		CU_ASSERT_EQUAL(election_stage_server(stage, leader).elections, 1);
	}
}

static void
one_that_runs_another_election_is_named_once(void)
{
	/* Either side's first number: a state that looks, and the magic. */
	static const uint8_t fle[44] = {[11] = 2, [27] = 1, [39] = 2};
	static const uint8_t paxos[44] = {0x50, 0x44, 0x50, 0x58};
	bool is_paxos = strcmp(plugin->name, "paxos") == 0;
	g_autoptr(ElectionStage) stage = election_stage_new(plugin, 3, 1);

	election_stage_start(stage, 1);
	for (unsigned i = 0; i < 5; i++)
		election_stage_inject(stage, 2, 1, is_paxos ? fle : paxos, sizeof(fle));
	CU_ASSERT_EQUAL(election_stage_logged(stage, 1, "set the same election on all members"), 1);
	CU_ASSERT_EQUAL(election_stage_logged(stage, 1, "peer 2 runs "), 1);
	election_stage_inject(stage, 3, 1, is_paxos ? fle : paxos, sizeof(fle));
	CU_ASSERT_EQUAL(election_stage_logged(stage, 1, "peer 3 runs "), 1);
	election_stage_run(stage, SECOND);
	CU_ASSERT_EQUAL(election_stage_server(stage, 1).elections, 0);
}

/* ---- quorums ---- */

static void
a_server_without_weight_never_leads(void)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		g_autoptr(ElectionStage) stage = election_stage_new(plugin, 5, seed);
		for (int64_t sid = 1; sid <= 5; sid++)
			election_stage_set_group(stage, sid, sid <= 3 ? 0 : 1, sid <= 3 ? 1 : 0);
		election_stage_start_all(stage);
		int64_t leader = election_stage_run_until_leader(stage, 5 * SECOND);
		CU_ASSERT_TRUE(leader >= 1 && leader <= 3);
	}
}

static void
quorums_are_the_configurations(void)
{
	/* Three groups of three; majorities of two groups are enough, five servers in other places are not. */
	for (unsigned enough = 0; enough < 2; enough++) {
		static const int64_t few[] = {1, 4, 7, 8, 9}, two_groups[] = {1, 2, 4, 5};
		g_autoptr(ElectionStage) stage = election_stage_new(plugin, 9, enough + 1);
		for (int64_t sid = 1; sid <= 9; sid++)
			election_stage_set_group(stage, sid, (sid - 1) / 3, 1);
		for (unsigned i = 0; i < (enough ? G_N_ELEMENTS(two_groups) : G_N_ELEMENTS(few)); i++)
			election_stage_start(stage, enough ? two_groups[i] : few[i]);
		CU_ASSERT_EQUAL(election_stage_run_until_leader(stage, 10 * SECOND) != -1, enough);
	}
}

static void
a_newer_configuration_that_is_heard_is_adopted(void)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		g_autoptr(ElectionStage) stage = election_stage_new(plugin, 3, seed);
		election_stage_new_config(stage, 5);
		election_stage_commit_config(stage, 1, 5);
		election_stage_commit_config(stage, 2, 5);
		election_stage_start_all(stage);
		CU_ASSERT_NOT_EQUAL(election_stage_run_until_leader(stage, 5 * SECOND), -1);
		CU_ASSERT_EQUAL(election_stage_server(stage, 3).committed_version, 5);
	}
}

static void
a_reconfiguration_under_way_needs_both_quorums(void)
{
	for (uint64_t seed = 1; seed <= 10; seed++) {
		g_autoptr(ElectionStage) stage = election_stage_new(plugin, 3, seed);
		election_stage_add(stage, ELECTION_STRANGER);
		election_stage_add(stage, ELECTION_STRANGER);
		election_stage_new_config(stage, 5);
		election_stage_set_role(stage, 4, ELECTION_VOTER);
		election_stage_set_role(stage, 5, ELECTION_VOTER);
		for (int64_t sid = 1; sid <= 5; sid++)
			election_stage_see_config(stage, sid, 5);
		election_stage_start(stage, 1);
		election_stage_start(stage, 2);
		election_stage_run(stage, 5 * SECOND);
		CU_ASSERT_EQUAL(election_stage_server(stage, 1).elections, 0);
		election_stage_start(stage, 4);
		CU_ASSERT_NOT_EQUAL(election_stage_run_until_leader(stage, 10 * SECOND), -1);
	}
}

/* ---- partitions and worse ---- */

static void
cut_between(ElectionStage *stage, int64_t low, int64_t high, int64_t last)
{
	for (int64_t a = low; a <= high; a++) {
		for (int64_t b = 1; b <= last; b++) {
			if (b >= low && b <= high)
				continue;
			election_stage_cut(stage, a, b);
			election_stage_cut(stage, b, a);
		}
	}
}

static void
a_partition_leaves_one_leader_and_heals(void)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		g_autoptr(ElectionStage) stage = agreed(5, 0, seed);
		cut_between(stage, 4, 5, 5);
		election_stage_run(stage, 5 * SECOND);
		CU_ASSERT_EQUAL(election_stage_server(stage, 4).leader, -1);
		CU_ASSERT_EQUAL(election_stage_server(stage, 5).leader, -1);
		CU_ASSERT_TRUE(election_stage_server(stage, 1).attached);
		int64_t leader = election_stage_server(stage, 1).leader;
		CU_ASSERT_TRUE(leader >= 1 && leader <= 3);
		election_stage_heal_all(stage);
		CU_ASSERT_EQUAL(election_stage_run_until_leader(stage, 10 * SECOND), leader);
	}
}

static void
an_isolated_leader_is_replaced_and_joins_again(void)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		g_autoptr(ElectionStage) stage = agreed(3, 0, seed);
		int64_t old = election_stage_leader(stage);
		election_stage_isolate(stage, old);
		election_stage_run(stage, 5 * SECOND);
		int64_t leader = election_stage_server(stage, old % 3 + 1).leader;
		CU_ASSERT_TRUE(leader != -1 && leader != old);
		election_stage_heal_all(stage);
		CU_ASSERT_EQUAL(election_stage_run_until_leader(stage, 10 * SECOND), leader);
	}
}

static void
two_that_cannot_reach_each_other_agree_by_the_third(void)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		g_autoptr(ElectionStage) stage = election_stage_new(plugin, 3, seed);
		election_stage_cut(stage, 1, 2);
		if (seed % 2)
			election_stage_cut(stage, 2, 1);
		election_stage_start_all(stage);
		CU_ASSERT_EQUAL(election_stage_run_until_leader(stage, 10 * SECOND), 3);
	}
}

static int64_t
some(GRand *chance, int64_t n)
{
	return g_rand_int_range(chance, 1, (gint32)n + 1);
}

static void
one_fault(ElectionStage *stage, GRand *chance, int64_t n)
{
	int64_t a = some(chance, n), b = some(chance, n);
	bool alive = election_stage_server(stage, a).alive;

	switch (g_rand_int_range(chance, 0, 8)) {
	case 0:
	case 1:
		if (alive)
			election_stage_crash(stage, a);
		return;
	case 2:
	case 3:
		if (!alive)
			election_stage_start(stage, a);
		return;
	case 4:
		if (a != b)
			election_stage_cut(stage, a, b);
		return;
	case 5:
		election_stage_heal_all(stage);
		return;
	case 6:
		if (a != b)
			election_stage_reset(stage, a, b);
		return;
	case 7:
		if (g_rand_int_range(chance, 0, 3) == 0)
			election_stage_isolate(stage, a);
		else if (alive)
			election_stage_look(stage, a);
		return;
	}
}

static bool
faults_end_with_one_leader(uint64_t seed)
{
	g_autoptr(GRand) chance = g_rand_new_with_seed((guint32)seed);
	int64_t voters = seed % 2 ? 3 : 5, n = voters + seed % 3;
	g_autoptr(ElectionStage) stage = election_stage_new(plugin, (unsigned)voters, seed);

	for (int64_t i = voters; i < n; i++)
		election_stage_add(stage, seed % 4 == 0 ? ELECTION_STRANGER : ELECTION_OBSERVER);
	election_stage_set_delay(stage, 100, 100 + g_rand_int_range(chance, 0, 20000));
	election_stage_start_all(stage);
	for (unsigned i = 0; i < 60; i++) {
		election_stage_run(stage, g_rand_int_range(chance, 0, 150000));
		one_fault(stage, chance, n);
	}
	election_stage_heal_all(stage);
	election_stage_start_all(stage);
	int64_t began = election_stage_now(stage);
	int64_t leader = election_stage_run_until_leader(stage, FAULT_BOUND);
	if (g_getenv("ELECTION_TIMES"))
		g_printerr("seed %" G_GUINT64_FORMAT ": %" G_GINT64_FORMAT " ms\n", seed, (election_stage_now(stage) - began) / MS);
	election_stage_run(stage, 2 * SECOND);
	return leader >= 1 && leader <= voters && election_stage_leader(stage) == leader;
}

static void
random_faults_end_with_one_leader(void)
{
	for (uint64_t seed = 1; seed <= FAULT_SEEDS; seed++) {
		if (faults_end_with_one_leader(seed))
			continue;
		g_printerr("%s: no stable leader after the faults of seed %" G_GUINT64_FORMAT "\n", plugin->name, seed);
		CU_FAIL("no stable leader");
	}
}

static void
nothing_is_left_of_an_instance(void)
{
	g_autoptr(ElectionStage) stage = agreed(3, 1, 1);

	for (int64_t sid = 1; sid <= 4; sid++)
		election_stage_crash(stage, sid);
	election_stage_run(stage, 10 * SECOND);
	election_stage_start_all(stage);
	CU_ASSERT_NOT_EQUAL(election_stage_run_until_leader(stage, 5 * SECOND), -1);
}

static const ConformanceCase every_plugin[] = {
	CONFORMANCE_CASE(the_descriptor_is_as_the_loader_wants_it),
	CONFORMANCE_CASE(the_required_slots_are_there),
	CONFORMANCE_CASE(a_single_voter_elects_itself),
	CONFORMANCE_CASE(three_fresh_servers_elect_one_leader_at_once),
	CONFORMANCE_CASE(five_fresh_servers_elect_one_leader_at_once),
	CONFORMANCE_CASE(servers_that_start_one_by_one_agree),
	CONFORMANCE_CASE(the_highest_epoch_of_the_quorum_leads),
	CONFORMANCE_CASE(among_equal_epochs_the_highest_zxid_leads),
	CONFORMANCE_CASE(among_equal_histories_the_highest_sid_leads),
	CONFORMANCE_CASE(a_voter_that_went_is_not_waited_for),
	CONFORMANCE_CASE(a_silent_voter_is_not_waited_for_long),
	CONFORMANCE_CASE(a_minority_elects_nobody),
	CONFORMANCE_CASE(a_minority_that_grows_elects),
	CONFORMANCE_CASE(one_that_starts_again_joins_the_leader_there_is),
	CONFORMANCE_CASE(when_the_leader_dies_another_follows_at_once),
	CONFORMANCE_CASE(leaders_die_one_after_the_other),
	CONFORMANCE_CASE(a_leader_that_dies_while_it_is_elected_is_given_up),
	CONFORMANCE_CASE(observers_find_the_leader_and_are_never_it),
	CONFORMANCE_CASE(an_observer_that_comes_late_finds_the_leader),
	CONFORMANCE_CASE(observers_find_the_next_leader_soon),
	CONFORMANCE_CASE(observers_make_no_quorum),
	CONFORMANCE_CASE(one_that_is_no_member_follows),
	CONFORMANCE_CASE(old_messages_that_come_again_change_nothing),
	CONFORMANCE_CASE(messages_that_come_twice_or_late_do_not_confuse_an_election),
	CONFORMANCE_CASE(garbage_of_all_lengths_does_nothing),
	CONFORMANCE_CASE(one_that_runs_another_election_is_named_once),
	CONFORMANCE_CASE(a_server_without_weight_never_leads),
	CONFORMANCE_CASE(quorums_are_the_configurations),
	CONFORMANCE_CASE(a_newer_configuration_that_is_heard_is_adopted),
	CONFORMANCE_CASE(a_reconfiguration_under_way_needs_both_quorums),
	CONFORMANCE_CASE(a_partition_leaves_one_leader_and_heals),
	CONFORMANCE_CASE(an_isolated_leader_is_replaced_and_joins_again),
	CONFORMANCE_CASE(two_that_cannot_reach_each_other_agree_by_the_third),
	CONFORMANCE_CASE(random_faults_end_with_one_leader),
	CONFORMANCE_CASE(nothing_is_left_of_an_instance),
	{0},
};

static unsigned
run(const PdkPlugin *tested)
{
	g_autofree char *name = g_strconcat("election plugin: ", tested->name, NULL);

	plugin = tested;
	ops = tested->ops;
	return conformance_run(name, every_plugin);
}

int
main(int argc, char **argv)
{
	unsigned failures = 0;

	for (int i = 1; i < argc; i++)
		failures += run(conformance_load(argv[i]));
	if (argc == 1)
		failures = run(&pdk_plugin_election_fle) + run(&pdk_plugin_election_paxos);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}

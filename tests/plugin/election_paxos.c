/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What only Paxos has: promises, ballots, instances; in ensembles whose servers are watched. Changes when the rules of Paxos do.
 */
#include "conformance.h"
#include "paxos_watch.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEEDS 600

extern const PdkPlugin pdk_plugin_election_paxos;

/* Runs until the server has sent @count messages of @type (to anybody, repeated ones included). */
static bool
run_until_sent(ElectionStage *stage, int64_t sid, Type type, unsigned count)
{
	int64_t until_us = election_stage_now(stage) + 10 * SECOND;

	while (watch.sent[type][sid] < count && election_stage_now(stage) < until_us)
		election_stage_run(stage, 50);
	return watch.sent[type][sid] >= count;
}

/* ---- cases ---- */

static void
three_servers_elect_the_one_with_most_history_in_one_ballot(void)
{
	g_autoptr(ElectionStage) stage = watched_stage(3, 1);

	election_stage_set_history(stage, 1, 4, 0x400000007);
	election_stage_set_history(stage, 2, 4, 0x400000009);
	election_stage_set_history(stage, 3, 4, 0x400000002);
	election_stage_start_all(stage);
	CU_ASSERT_EQUAL(election_stage_run_until_leader(stage, 5 * SECOND), 2);
	CU_ASSERT_EQUAL(watch.chosen_instances, 1);
	CU_ASSERT_EQUAL(watch.sent[NACK][1] + watch.sent[NACK][2] + watch.sent[NACK][3], 0);
	CU_ASSERT_EQUAL(watch.durable[2].promised.n, 1);
	check_watch(1);
}

static void
everybody_there_means_no_waiting(void)
{
	g_autoptr(ElectionStage) stage = watched_stage(3, 2);

	election_stage_start_all(stage);
	int64_t began_us = election_stage_now(stage);
	CU_ASSERT_TRUE(election_stage_run_until_elected(stage, 5 * SECOND));
	/* Messages and saves take 1 ms: dial, query, three saves, two phases, chosen. */
	CU_ASSERT_TRUE(election_stage_now(stage) - began_us <= 15 * MS);
	check_watch(2);
}

static void
a_lost_leader_that_is_known_to_be_down_is_not_waited_for(void)
{
	g_autoptr(ElectionStage) stage = watched_stage(3, 3);

	election_stage_start_all(stage);
	int64_t leader = election_stage_run_until_leader(stage, 5 * SECOND);
	CU_ASSERT_EQUAL(leader, 3);
	election_stage_crash(stage, leader);
	int64_t began_us = election_stage_now(stage);
	CU_ASSERT_EQUAL(election_stage_run_until_leader(stage, 5 * SECOND), 2);
	CU_ASSERT_TRUE(election_stage_now(stage) - began_us <= 30 * MS);
	check_watch(3);
}

/* Proposer 3 has prepared and dies; alive again it must use a higher ballot. */
static void
a_promise_survives_a_crash_between_prepare_and_accept(void)
{
	g_autoptr(ElectionStage) stage = watched_stage(3, 4);

	election_stage_start_all(stage);
	CU_ASSERT_TRUE_FATAL(run_until_sent(stage, 3, PREPARE, 1));
	CU_ASSERT_EQUAL_FATAL(watch.sent[ACCEPT][3], 0);
	Ballot used = watch.durable[3].promised;
	CU_ASSERT_EQUAL(used.sid, 3);
	election_stage_crash(stage, 3);
	for (int64_t sid = 1; sid <= 2; sid++)
		election_stage_crash(stage, sid);
	memset(watch.sent, 0, sizeof(watch.sent));

	election_stage_start_all(stage);
	CU_ASSERT_TRUE(run_until_sent(stage, 3, PREPARE, 1));
	CU_ASSERT_TRUE(order(&watch.durable[3].promised, &used) > 0);
	CU_ASSERT_EQUAL(watch.durable[3].promised.k, used.k);
	CU_ASSERT_EQUAL(election_stage_run_until_leader(stage, 5 * SECOND), 3);
	check_watch(4);
}

static void
an_acceptor_refuses_after_a_crash_what_its_promise_forbids(void)
{
	g_autoptr(ElectionStage) stage = watched_stage(3, 5);

	election_stage_start(stage, 1);
	election_stage_run(stage, 300 * MS);
	g_autoptr(GBytes) high = MESSAGE(PREPARE, 0, 7, 5, 3), low = MESSAGE(ACCEPT, 0, 7, 4, 2, 2);
	election_stage_inject(stage, 3, 1, g_bytes_get_data(high, NULL), g_bytes_get_size(high));
	election_stage_run(stage, 5 * MS);
	CU_ASSERT_EQUAL(watch.sent[PROMISE][1], 1);
	election_stage_crash(stage, 1);

	election_stage_start(stage, 1);
	election_stage_inject(stage, 2, 1, g_bytes_get_data(low, NULL), g_bytes_get_size(low));
	election_stage_run(stage, 5 * MS);
	CU_ASSERT_EQUAL(watch.sent[ACCEPTED][1], 0);
	CU_ASSERT_EQUAL(watch.sent[NACK][1], 1);
	g_autoptr(GBytes) prepare = MESSAGE(PREPARE, 0, 7, 4, 2);
	election_stage_inject(stage, 2, 1, g_bytes_get_data(prepare, NULL), g_bytes_get_size(prepare));
	election_stage_run(stage, 5 * MS);
	CU_ASSERT_EQUAL(watch.sent[PROMISE][1], 1);
	CU_ASSERT_EQUAL(watch.sent[NACK][1], 2);
	check_watch(5);
}

static void
a_promise_that_was_not_durable_is_never_said(void)
{
	g_autoptr(ElectionStage) stage = watched_stage(3, 6);

	election_stage_start(stage, 1);
	election_stage_run(stage, 300 * MS);
	g_autoptr(GBytes) prepare = MESSAGE(PREPARE, 0, 7, 5, 3);
	election_stage_inject(stage, 3, 1, g_bytes_get_data(prepare, NULL), g_bytes_get_size(prepare));
	CU_ASSERT_EQUAL(watch.sent[PROMISE][1], 0);
	election_stage_run(stage, 500); /* a save takes 1 ms */
	CU_ASSERT_EQUAL(watch.sent[PROMISE][1], 0);
	election_stage_crash(stage, 1);
	election_stage_start(stage, 1);
	election_stage_run(stage, 10 * MS);
	CU_ASSERT_EQUAL(watch.sent[PROMISE][1], 0);
	CU_ASSERT_EQUAL(watch.durable[1].promised.k, 0);
	check_watch(6);
}

/* No proposal delay, and slow links: all propose at once. */
static void
duelling_proposers_come_to_an_end(void)
{
	for (uint64_t seed = 1; seed <= 100; seed++) {
		g_autoptr(ElectionStage) stage = watched_stage(5, seed);

		election_stage_set_option(stage, "proposal_delay_ms", "0");
		election_stage_set_delay(stage, 1 * MS, 30 * MS);
		election_stage_start_all(stage);
		int64_t leader = election_stage_run_until_leader(stage, 20 * SECOND);
		if (leader == -1)
			fprintf(stderr, "seed %" G_GUINT64_FORMAT ": no leader\n", seed);
		CU_ASSERT_NOT_EQUAL(leader, -1);
		check_watch(seed);
	}
}

/* A value accepted by one acceptor, from a proposer that then fell silent, is what the next ballot must propose. */
static void
a_value_that_may_have_been_chosen_is_forced(void)
{
	g_autoptr(ElectionStage) stage = watched_stage(3, 7);

	election_stage_set_history(stage, 1, 2, 0x200000001);
	election_stage_set_history(stage, 2, 2, 0x200000009);
	election_stage_set_history(stage, 3, 2, 0x200000001);
	election_stage_start(stage, 1);
	election_stage_start(stage, 3);
	g_autoptr(GBytes) accept = MESSAGE(ACCEPT, 0, 1, 1, 2, 1);
	election_stage_inject(stage, 2, 1, g_bytes_get_data(accept, NULL), g_bytes_get_size(accept));
	CU_ASSERT_TRUE(election_stage_run_until_elected(stage, 5 * SECOND));
	CU_ASSERT_EQUAL(election_stage_server(stage, 3).leader, 1);
	CU_ASSERT_EQUAL(chosen_in(0, 1), 1);
	check_watch(7);
}

/* 2 proposes, gets 3 chosen, and dies before it tells; 3 is cut off. The others go on, and a late CHOSEN changes nothing. */
static void
a_value_learnt_late_does_not_disturb_the_next_attempt(void)
{
	g_autoptr(ElectionStage) stage = watched_stage(3, 8);

	election_stage_start_all(stage);
	CU_ASSERT_EQUAL(election_stage_run_until_leader(stage, 5 * SECOND), 3);
	int64_t k = watch.durable[1].promised.k;
	election_stage_crash(stage, 3);
	int64_t leader = election_stage_run_until_leader(stage, 5 * SECOND);
	CU_ASSERT_EQUAL(leader, 2);
	CU_ASSERT_EQUAL(watch.durable[1].promised.k, k + 1);

	g_autoptr(GBytes) late = MESSAGE(CHOSEN, 0, k, 3), later = MESSAGE(CHOSEN, 0, k + 5, 1);
	election_stage_inject(stage, 2, 1, g_bytes_get_data(late, NULL), g_bytes_get_size(late));
	CU_ASSERT_EQUAL(election_stage_server(stage, 1).leader, 2);
	/* With a leader no CHOSEN counts; looking, only one above what was lost. */
	election_stage_inject(stage, 2, 1, g_bytes_get_data(later, NULL), g_bytes_get_size(later));
	CU_ASSERT_EQUAL(election_stage_server(stage, 1).leader, 2);
	election_stage_look(stage, 1);
	election_stage_inject(stage, 2, 1, g_bytes_get_data(late, NULL), g_bytes_get_size(late));
	CU_ASSERT_EQUAL(election_stage_server(stage, 1).state, PDK_PEER_LOOKING);
	CU_ASSERT_EQUAL(election_stage_run_until_leader(stage, 5 * SECOND), 2);
	check_watch(8);
}

static void
a_refusal_tells_the_attempt_to_make(void)
{
	g_autoptr(ElectionStage) stage = watched_stage(3, 9);

	election_stage_start(stage, 1);
	election_stage_start(stage, 2);
	CU_ASSERT_EQUAL(election_stage_run_until_leader(stage, 5 * SECOND), 2);
	for (int i = 0; i < 3; i++) {
		election_stage_look(stage, 1);
		election_stage_look(stage, 2);
		CU_ASSERT_NOT_EQUAL(election_stage_run_until_leader(stage, 5 * SECOND), -1);
	}
	int64_t k = watch.durable[1].promised.k;
	CU_ASSERT_EQUAL(k, 4);
	/* One with an empty disk asks for a promise in the first attempt: it hears where the others are. */
	election_stage_look(stage, 1);
	g_autoptr(GBytes) prepare = MESSAGE(PREPARE, 0, 1, 1, 3);
	unsigned before = watch.sent[NACK][1];
	election_stage_inject(stage, 3, 1, g_bytes_get_data(prepare, NULL), g_bytes_get_size(prepare));
	CU_ASSERT_EQUAL(watch.sent[NACK][1], before + 1);
	election_stage_look(stage, 2);
	election_stage_start(stage, 3);
	CU_ASSERT_NOT_EQUAL(election_stage_run_until_leader(stage, 5 * SECOND), -1);
	CU_ASSERT_EQUAL(watch.durable[1].promised.k, k + 1);
	check_watch(9);
}

static void
a_nack_makes_a_proposer_go_higher(void)
{
	g_autoptr(ElectionStage) stage = watched_stage(3, 10);

	/* 3 has promised (0, 9) to somebody, and cannot say so before it is asked to promise again. */
	election_stage_start(stage, 3);
	election_stage_run(stage, 300 * MS);
	g_autoptr(GBytes) prepare = MESSAGE(PREPARE, 0, 9, 3, 1);
	election_stage_inject(stage, 1, 3, g_bytes_get_data(prepare, NULL), g_bytes_get_size(prepare));
	election_stage_run(stage, 5 * MS);
	election_stage_start(stage, 2);
	CU_ASSERT_NOT_EQUAL(election_stage_run_until_elected(stage, 10 * SECOND), false);
	CU_ASSERT_EQUAL(watch.durable[2].promised.k, 9);
	CU_ASSERT_TRUE(watch.durable[2].promised.n > 3);
	check_watch(10);
}

static void
an_observer_never_votes(void)
{
	g_autoptr(ElectionStage) stage = watched_stage(3, 11);
	int64_t observer = election_stage_add(stage, ELECTION_OBSERVER);

	election_stage_set_history(stage, observer, 9, 0x900000001);
	election_stage_start_all(stage);
	int64_t leader = election_stage_run_until_leader(stage, 5 * SECOND);
	CU_ASSERT_EQUAL(leader, 3);
	CU_ASSERT_EQUAL(election_stage_server(stage, observer).state, PDK_PEER_OBSERVING);
	election_stage_look(stage, observer);
	g_autoptr(GBytes) prepare = MESSAGE(PREPARE, 0, 9, 1, 1), accept = MESSAGE(ACCEPT, 0, 9, 1, 1, 1);
	election_stage_inject(stage, 1, observer, g_bytes_get_data(prepare, NULL), g_bytes_get_size(prepare));
	election_stage_inject(stage, 1, observer, g_bytes_get_data(accept, NULL), g_bytes_get_size(accept));
	CU_ASSERT_EQUAL(election_stage_run_until_leader(stage, 5 * SECOND), 3);
	for (Type type = PREPARE; type <= ACCEPTED; type++)
		CU_ASSERT_EQUAL(watch.sent[type][observer], 0);
	check_watch(11);
}

static void
who_has_a_leader_promises_nothing(void)
{
	g_autoptr(ElectionStage) stage = watched_stage(3, 12);

	election_stage_start_all(stage);
	CU_ASSERT_EQUAL(election_stage_run_until_leader(stage, 5 * SECOND), 3);
	Ballot before = watch.durable[1].promised;
	g_autoptr(GBytes) prepare = MESSAGE(PREPARE, 0, 9, 1, 2);
	election_stage_inject(stage, 2, 1, g_bytes_get_data(prepare, NULL), g_bytes_get_size(prepare));
	election_stage_run(stage, 100 * MS);
	CU_ASSERT_EQUAL(order(&watch.durable[1].promised, &before), 0);
	g_autoptr(GBytes) reply = election_stage_heard(stage, 1, 2, 0);
	CU_ASSERT_EQUAL(type_of(reply), STATUS);
	check_watch(12);
}

/* A proposer that knows a configuration under way is lost for good; what was promised to it must not bind the others for ever. */
static void
promises_under_a_lost_configuration_do_not_block_the_others(void)
{
	g_autoptr(ElectionStage) stage = watched_stage(3, 13);

	election_stage_start(stage, 1);
	election_stage_start(stage, 2);
	g_autoptr(GBytes) prepare = MESSAGE(PREPARE, 99, 4, 1, 3), accept = MESSAGE(ACCEPT, 99, 4, 1, 3, 3);
	for (int64_t sid = 1; sid <= 2; sid++) {
		election_stage_inject(stage, 3, sid, g_bytes_get_data(prepare, NULL), g_bytes_get_size(prepare));
		election_stage_inject(stage, 3, sid, g_bytes_get_data(accept, NULL), g_bytes_get_size(accept));
	}
	CU_ASSERT_EQUAL(election_stage_run_until_leader(stage, 10 * SECOND), 2);
	CU_ASSERT_EQUAL(watch.durable[1].promised.k, 5);
}

static void
a_leader_chosen_and_dead_costs_one_instance_only(void)
{
	g_autoptr(ElectionStage) stage = watched_stage(3, 14);

	election_stage_start_all(stage);
	/* 3 proposes itself and gets its own and the others' acceptance; it dies as it tells them. */
	CU_ASSERT_TRUE_FATAL(run_until_sent(stage, 1, ACCEPTED, 1));
	int64_t k = watch.durable[1].promised.k;
	election_stage_crash(stage, 3);
	int64_t began_us = election_stage_now(stage);
	CU_ASSERT_EQUAL(election_stage_run_until_leader(stage, 10 * SECOND), 2);
	CU_ASSERT_TRUE(election_stage_now(stage) - began_us < 300 * MS);
	CU_ASSERT_EQUAL(watch.durable[1].promised.k, k + 1);
	CU_ASSERT_TRUE(chosen_in(0, k) == 3 || chosen_in(0, k) == -1);
	check_watch(14);
}

static void
an_fle_peer_is_named_in_one_line(void)
{
	g_autoptr(ElectionStage) stage = watched_stage(3, 15);
	uint8_t fle[40] = {0, 0, 0, 2};

	election_stage_start(stage, 1);
	for (int i = 0; i < 3; i++)
		election_stage_inject(stage, 2, 1, fle, sizeof(fle));
	election_stage_inject(stage, 3, 1, fle, 28);
	CU_ASSERT_EQUAL(election_stage_logged(stage, 1, "peer 2 runs fle, this server runs paxos: set the same election on all "
							"members"), 1);
	CU_ASSERT_EQUAL(election_stage_logged(stage, 1, "runs fle"), 2);
}

static void
the_trace_tells_the_story(void)
{
	g_autoptr(ElectionStage) stage = watched_stage(3, 16);

	election_stage_set_option(stage, "trace", "true");
	election_stage_start_all(stage);
	CU_ASSERT_EQUAL(election_stage_run_until_leader(stage, 5 * SECOND), 3);
	CU_ASSERT_EQUAL(election_stage_logged(stage, 3, "paxos trace: 3 prepare (cv 0, k 1) ballot (1, 3) -> all"), 1);
	CU_ASSERT_EQUAL(election_stage_logged(stage, 1, "paxos trace: 1 promise (cv 0, k 1) ballot (1, 3) -> 3"), 1);
	CU_ASSERT_EQUAL(election_stage_logged(stage, 3, "paxos trace: 3 accept (cv 0, k 1) ballot (1, 3) value 3 -> all"), 1);
	CU_ASSERT_EQUAL(election_stage_logged(stage, 2, "paxos trace: 2 accepted (cv 0, k 1) ballot (1, 3) value 3 -> 3"), 1);
	CU_ASSERT_EQUAL(election_stage_logged(stage, 3, "paxos trace: 3 chosen (cv 0, k 1) value 3"), 1);
	CU_ASSERT_EQUAL(election_stage_logged(stage, 1, "paxos trace: 1 learns (cv 0, k 1) value 3"), 1);
}

/* splitmix64 */
static uint64_t
draw(uint64_t *random)
{
	uint64_t z = *random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static void
damaged_messages_and_records_do_no_harm(void)
{
	for (uint64_t seed = 1; seed <= 50; seed++) {
		g_autoptr(ElectionStage) stage = watched_stage(3, seed);
		uint64_t random = seed;

		election_stage_start_all(stage);
		for (int i = 0; i < 200; i++) {
			int64_t from = 1 + (int64_t)(draw(&random) % 3), to = 1 + (int64_t)(draw(&random) % 3);
			g_autoptr(GBytes) real_one = from == to ? NULL : election_stage_heard(stage, from, to, draw(&random) % 3);
			election_stage_run(stage, (int64_t)(draw(&random) % (2 * MS)));
			if (!real_one)
				continue;
			gsize length = g_bytes_get_size(real_one);
			g_autofree uint8_t *copy = g_memdup2(g_bytes_get_data(real_one, NULL), length);
			if (draw(&random) % 2)
				length = draw(&random) % length;
			else
				copy[draw(&random) % length] ^= (uint8_t)(0x80 >> draw(&random) % 8);
			election_stage_inject(stage, from, to, copy, length);
		}
		CU_ASSERT_NOT_EQUAL(election_stage_run_until_leader(stage, 30 * SECOND), -1);
	}
}

/* One server crashes, comes back, is cut off, loses a connection: whatever the seed says. */
static void
mischief(ElectionStage *stage, unsigned voters, uint64_t *random)
{
	int64_t sid = 1 + (int64_t)(draw(random) % voters), other = 1 + (int64_t)(draw(random) % voters);

	switch (draw(random) % 8) {
	case 0:
	case 1:
	case 2:
		if (election_stage_server(stage, sid).alive)
			election_stage_crash(stage, sid);
		else
			election_stage_start(stage, sid);
		break;
	case 3:
		if (!election_stage_server(stage, sid).alive)
			election_stage_start(stage, sid);
		break;
	case 4:
		if (sid != other)
			election_stage_reset(stage, sid, other);
		break;
	case 5:
		if (sid != other)
			election_stage_cut(stage, sid, other);
		break;
	case 6:
		election_stage_heal_all(stage);
		break;
	case 7:
		if (election_stage_server(stage, sid).alive)
			election_stage_look(stage, sid);
		break;
	}
}

static void
one_value_at_most_is_chosen_in_an_instance_whatever_happens(void)
{
	uint64_t first = getenv("PAXOS_SEED") ? g_ascii_strtoull(getenv("PAXOS_SEED"), NULL, 10) : 1;
	uint64_t last = getenv("PAXOS_SEED") ? first : SEEDS;
	uint64_t chosen = 0;

	for (uint64_t seed = first; seed <= last; seed++) {
		unsigned voters = 3 + 2 * (seed % 2);
		g_autoptr(ElectionStage) stage = watched_stage(voters, seed);
		uint64_t random = seed;

		election_stage_set_delay(stage, 100, MS + (int64_t)(draw(&random) % (20 * MS)));
		if (seed % 3 == 0)
			election_stage_set_option(stage, "proposal_delay_ms", "0");
		election_stage_start_all(stage);
		for (int i = 0; i < 120; i++) {
			election_stage_run(stage, (int64_t)(draw(&random) % (draw(&random) % 4 ? 15 * MS : 150 * MS)));
			mischief(stage, voters, &random);
		}
		election_stage_heal_all(stage);
		for (unsigned sid = 1; sid <= voters; sid++)
			if (!election_stage_server(stage, sid).alive)
				election_stage_start(stage, sid);
		int64_t leader = election_stage_run_until_leader(stage, 30 * SECOND);
		if (leader == -1)
			fprintf(stderr, "seed %" G_GUINT64_FORMAT ": no leader\n", seed);
		CU_ASSERT_NOT_EQUAL(leader, -1);
		check_watch(seed);
		chosen += watch.chosen_instances;
	}
	/* The test is one only if much was chosen. */
	CU_ASSERT_TRUE(chosen > 2 * (last - first));
}

int
main(void)
{
	static const ConformanceCase cases[] = {
		CONFORMANCE_CASE(three_servers_elect_the_one_with_most_history_in_one_ballot),
		CONFORMANCE_CASE(everybody_there_means_no_waiting),
		CONFORMANCE_CASE(a_lost_leader_that_is_known_to_be_down_is_not_waited_for),
		CONFORMANCE_CASE(a_promise_survives_a_crash_between_prepare_and_accept),
		CONFORMANCE_CASE(an_acceptor_refuses_after_a_crash_what_its_promise_forbids),
		CONFORMANCE_CASE(a_promise_that_was_not_durable_is_never_said),
		CONFORMANCE_CASE(duelling_proposers_come_to_an_end),
		CONFORMANCE_CASE(a_value_that_may_have_been_chosen_is_forced),
		CONFORMANCE_CASE(a_value_learnt_late_does_not_disturb_the_next_attempt),
		CONFORMANCE_CASE(a_refusal_tells_the_attempt_to_make),
		CONFORMANCE_CASE(a_nack_makes_a_proposer_go_higher),
		CONFORMANCE_CASE(an_observer_never_votes),
		CONFORMANCE_CASE(who_has_a_leader_promises_nothing),
		CONFORMANCE_CASE(promises_under_a_lost_configuration_do_not_block_the_others),
		CONFORMANCE_CASE(a_leader_chosen_and_dead_costs_one_instance_only),
		CONFORMANCE_CASE(an_fle_peer_is_named_in_one_line),
		CONFORMANCE_CASE(the_trace_tells_the_story),
		CONFORMANCE_CASE(damaged_messages_and_records_do_no_harm),
		CONFORMANCE_CASE(one_value_at_most_is_chosen_in_an_instance_whatever_happens),
		{NULL, NULL},
	};
	unsigned failed = conformance_run("election/paxos", cases);

	watch_clear();
	return failed ? 1 : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* One server that runs Paxos, told every message by hand. Changes when what an acceptor or a proposer answers does. */
#include "conformance.h"
#include "fake_host.h"
#include "paxos_watch.h"

#include <CUnit/CUnit.h>

extern const PdkPlugin pdk_plugin_election_paxos;

static const PdkElectionOps *
ops(void)
{
	return pdk_plugin_election_paxos.ops;
}

/* A voter, sid 1 of 1..3, whose messages and records are kept. */
typedef struct {
	FakeHost *fake;
	PdkConfig *config;
	PdkEnsemble ensemble;
	PdkElection *election;
	GPtrArray *sent; /* GBytes */
	GPtrArray *saved; /* GBytes */
	unsigned elected;
	int64_t now_us;
} Alone;

static bool
alone_is_voter(void *context G_GNUC_UNUSED, int64_t sid)
{
	return sid >= 1 && sid <= 3;
}

static int64_t
alone_weight(void *context G_GNUC_UNUSED, int64_t sid G_GNUC_UNUSED)
{
	return 1;
}

static bool
alone_quorum(void *context G_GNUC_UNUSED, const int64_t *sids G_GNUC_UNUSED, unsigned n)
{
	return n >= 2;
}

static void
alone_send(void *context, int64_t sid G_GNUC_UNUSED, GBytes *message)
{
	g_ptr_array_add(((Alone *)context)->sent, g_bytes_ref(message));
}

static void
alone_deadline(void *context G_GNUC_UNUSED, int64_t at_us G_GNUC_UNUSED)
{
}

static void
alone_elected(void *context, const PdkVote *vote G_GNUC_UNUSED, PdkPeerState state G_GNUC_UNUSED)
{
	((Alone *)context)->elected++;
}

static void
alone_save(void *context, const char *key G_GNUC_UNUSED, GBytes *value)
{
	g_ptr_array_add(((Alone *)context)->saved, g_bytes_ref(value));
}

static void
alone_step(Alone *alone, PdkElectionEvent event)
{
	const PdkElectionOut out = {
		.size = sizeof(out), .context = alone, .send = alone_send, .deadline = alone_deadline,
		.elected = alone_elected, .save = alone_save,
	};

	event.now_us = alone->now_us;
	ops()->step(alone->election, &event, &out);
}

static void
alone_hear(Alone *alone, int64_t from, GBytes *message)
{
	gsize length;
	const uint8_t *data = g_bytes_get_data(message, &length);

	alone_step(alone, (PdkElectionEvent){.kind = PDK_ELECTION_MESSAGE, .sid = from, .message = {data, length}});
	g_bytes_unref(message);
}

static void
alone_look(Alone *alone, int64_t zxid)
{
	alone_step(alone, (PdkElectionEvent){.kind = PDK_ELECTION_LOOK, .look = {.zxid = zxid, .current_epoch = 3}});
	g_ptr_array_set_size(alone->sent, 0);
}

static void
alone_saved(Alone *alone)
{
	alone_step(alone, (PdkElectionEvent){.kind = PDK_ELECTION_SAVED, .saved = ops()->record_key});
}

static void
alone_init(Alone *alone, GBytes *record, int64_t zxid)
{
	static const int64_t voters[] = {1, 2, 3};

	*alone = (Alone){
		.now_us = SECOND,
		.fake = fake_host_new(),
		.config = fake_config_new(pdk_plugin_election_paxos.options, NULL),
		.ensemble = {.size = sizeof(PdkEnsemble), .self = 1, .votes = true, .voters = voters, .n_voters = 3,
			     .committed_text = "", .is_voter = alone_is_voter, .weight = alone_weight,
			     .quorum = alone_quorum},
		.sent = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref),
		.saved = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref),
	};
	alone->election = ops()->create(fake_host_table(alone->fake), alone->config, &alone->ensemble, record, NULL);
	alone_look(alone, zxid);
}

static void
alone_clear(Alone *alone)
{
	ops()->destroy(alone->election);
	fake_config_free(alone->config);
	fake_host_free(alone->fake);
	g_ptr_array_unref(alone->sent);
	g_ptr_array_unref(alone->saved);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Alone, alone_clear)

static GBytes *
alone_last(const Alone *alone)
{
	CU_ASSERT_TRUE_FATAL(alone->sent->len > 0);
	return alone->sent->pdata[alone->sent->len - 1];
}

/* QUERY: summary (epoch, zxid), cv, k, committed. STATUS: instance, value, summary, cv, k, committed, status. */
static int64_t
status_of(Alone *alone, int64_t *value)
{
	alone_hear(alone, 3, MESSAGE(QUERY, 3, 0x300000001, 0, 1, 0));
	GBytes *status = alone_last(alone);
	CU_ASSERT_EQUAL_FATAL(type_of(status), STATUS);
	*value = long_at(status, 2);
	return long_at(status, 8);
}

static void
changes_during_a_save_share_the_next_one(void)
{
	g_auto(Alone) alone = {0};

	alone_init(&alone, NULL, 1);
	for (int64_t n = 1; n <= 5; n++)
		alone_hear(&alone, 2, MESSAGE(PREPARE, 0, 1, n, 2));
	CU_ASSERT_EQUAL(alone.saved->len, 1);
	CU_ASSERT_EQUAL(alone.sent->len, 0);
	alone_saved(&alone);
	CU_ASSERT_EQUAL(alone.saved->len, 2);
	CU_ASSERT_EQUAL(alone.sent->len, 1);
	CU_ASSERT_EQUAL(long_at(alone.sent->pdata[0], 2), 1);
	alone_saved(&alone);
	CU_ASSERT_EQUAL(alone.saved->len, 2);
	CU_ASSERT_EQUAL(alone.sent->len, 5);
	CU_ASSERT_EQUAL(long_at(alone_last(&alone), 2), 5);
}

static void
an_answer_that_waited_is_not_given_after_looking_ended(void)
{
	g_auto(Alone) alone = {0};

	alone_init(&alone, NULL, 1);
	alone_hear(&alone, 2, MESSAGE(PREPARE, 0, 1, 1, 2));
	alone_hear(&alone, 3, MESSAGE(CHOSEN, 0, 1, 3));
	CU_ASSERT_EQUAL(alone.elected, 1);
	unsigned before = alone.sent->len;
	alone_saved(&alone);
	CU_ASSERT_EQUAL(alone.sent->len, before);
}

static void
an_untrusted_database_gives_no_vote(void)
{
	g_auto(Alone) alone = {0};

	alone_init(&alone, NULL, -1);
	alone_hear(&alone, 2, MESSAGE(PREPARE, 0, 1, 1, 2));
	alone_hear(&alone, 2, MESSAGE(ACCEPT, 0, 1, 1, 2, 2));
	CU_ASSERT_EQUAL(alone.saved->len, 0);
	alone_hear(&alone, 3, MESSAGE(CHOSEN, 0, 1, 1)); /* nor may it lead */
	CU_ASSERT_EQUAL(alone.elected, 0);
	alone_hear(&alone, 3, MESSAGE(CHOSEN, 0, 1, 3));
	CU_ASSERT_EQUAL(alone.elected, 1);
}

/* With its voice a leader that the others have left would go on. */
static void
who_holds_nothing_follows_where_a_quorum_of_others_does(void)
{
	g_auto(Alone) alone = {0};

	alone_init(&alone, NULL, 1);
	alone_hear(&alone, 3, MESSAGE(STATUS, 0, 4, 3, -1, -1, 0, 4, 0, 2));
	CU_ASSERT_EQUAL(alone.elected, 1); /* with history the leader's word is enough */
	alone_step(&alone, (PdkElectionEvent){.kind = PDK_ELECTION_LOOK, .look = {.zxid = 0, .current_epoch = 0}});
	alone_hear(&alone, 3, MESSAGE(STATUS, 0, 5, 3, -1, -1, 0, 5, 0, 2));
	alone_hear(&alone, 2, MESSAGE(STATUS, 0, 6, 2, -1, -1, 0, 6, 0, 2));
	CU_ASSERT_EQUAL(alone.elected, 1);
	alone_hear(&alone, 3, MESSAGE(STATUS, 0, 6, 2, -1, -1, 0, 6, 0, 1));
	CU_ASSERT_EQUAL(alone.elected, 1); /* it is not through, and may not be taken */
	alone_hear(&alone, 3, MESSAGE(STATUS, 0, 6, 2, -1, -1, 0, 6, 0, 2));
	CU_ASSERT_EQUAL(alone.elected, 2);
}

static void
a_damaged_record_is_said_and_forgotten(void)
{
	g_autoptr(GBytes) record = g_bytes_new_static("PDPX", 4);
	g_auto(Alone) alone = {0};

	alone_init(&alone, record, 1);
	CU_ASSERT_TRUE(fake_host_logged(alone.fake, "record paxosPromise is damaged"));
	alone_hear(&alone, 2, MESSAGE(PREPARE, 0, 1, 1, 2));
	CU_ASSERT_EQUAL(alone.saved->len, 1);
}

static void
a_leader_named_by_a_reconfiguration_is_told_to_those_who_ask(void)
{
	g_auto(Alone) alone = {0};
	int64_t value;

	alone_init(&alone, NULL, 1);
	alone_hear(&alone, 3, MESSAGE(CHOSEN, 0, 4, 3));
	CU_ASSERT_EQUAL(status_of(&alone, &value), 1);
	CU_ASSERT_EQUAL(value, 3);
	PdkElectionEvent settled = {.kind = PDK_ELECTION_SETTLED};
	settled.settled.state = PDK_PEER_FOLLOWING;
	settled.settled.vote = (PdkVote){.leader = 3, .round = 4, .peer_epoch = 7};
	alone_step(&alone, settled);
	CU_ASSERT_EQUAL(status_of(&alone, &value), 2);

	alone.ensemble.committed_version = alone.ensemble.last_seen_version = 0x700000002;
	alone_step(&alone, (PdkElectionEvent){.kind = PDK_ELECTION_MEMBERS});
	settled.settled.vote = (PdkVote){.leader = 2, .zxid = 0x700000002, .round = -1, .peer_epoch = -1};
	alone_step(&alone, settled);
	CU_ASSERT_EQUAL(status_of(&alone, &value), 1);
	CU_ASSERT_EQUAL(value, 2);
	CU_ASSERT_EQUAL(long_at(alone_last(&alone), 0), 0x700000002);
	CU_ASSERT_EQUAL(long_at(alone_last(&alone), 1), 4);
	settled.settled.vote.peer_epoch = 8;
	alone_step(&alone, settled);
	CU_ASSERT_EQUAL(status_of(&alone, &value), 2);
	CU_ASSERT_EQUAL(value, 2);
}

/* Its quorum need not meet the one of the configuration that this server knows. */
static void
a_ballot_under_an_older_configuration_is_refused(void)
{
	g_auto(Alone) alone = {0};

	alone_init(&alone, NULL, 1);
	alone.ensemble.last_seen_version = 0x300000007;
	alone_step(&alone, (PdkElectionEvent){.kind = PDK_ELECTION_MEMBERS});
	alone_look(&alone, 1);
	alone_hear(&alone, 2, MESSAGE(PREPARE, 0, 9, 1, 2));
	CU_ASSERT_EQUAL(type_of(alone_last(&alone)), NACK);
	alone_hear(&alone, 2, MESSAGE(ACCEPT, 0, 9, 1, 2, 2));
	CU_ASSERT_EQUAL(type_of(alone_last(&alone)), NACK);
	CU_ASSERT_EQUAL(alone.saved->len, 0);
	alone_hear(&alone, 2, MESSAGE(PREPARE, 0x300000007, 1, 1, 2));
	CU_ASSERT_EQUAL(alone.saved->len, 1);
}

static bool
others_are_voters(void *context G_GNUC_UNUSED, int64_t sid)
{
	return sid == 2 || sid == 3;
}

/* By a list under way, which it does not know, it is a voter, and needed for a quorum. */
static void
who_has_no_vote_promises_under_a_newer_configuration_only(void)
{
	g_auto(Alone) alone = {0};
	int64_t value;

	alone_init(&alone, NULL, 0x300000001);
	alone.ensemble.is_voter = others_are_voters;
	alone.ensemble.committed_version = alone.ensemble.last_seen_version = 0x300000005;
	alone_step(&alone, (PdkElectionEvent){.kind = PDK_ELECTION_MEMBERS});
	alone_look(&alone, 0x300000001);
	alone_hear(&alone, 2, MESSAGE(PREPARE, 0x300000005, 1, 1, 2));
	CU_ASSERT_EQUAL(type_of(alone_last(&alone)), STATUS);
	CU_ASSERT_EQUAL(status_of(&alone, &value), 0);
	CU_ASSERT_EQUAL(long_at(alone_last(&alone), 4), 0x300000001); /* so that a proposer counts on it */
	CU_ASSERT_EQUAL(alone.saved->len, 0);

	alone_hear(&alone, 2, MESSAGE(PREPARE, 0x300000007, 1, 1, 2));
	alone_saved(&alone);
	CU_ASSERT_EQUAL(type_of(alone_last(&alone)), PROMISE);
	alone_hear(&alone, 2, MESSAGE(ACCEPT, 0x300000007, 1, 1, 2, 2));
	alone_saved(&alone);
	CU_ASSERT_EQUAL(type_of(alone_last(&alone)), ACCEPTED);
	alone_hear(&alone, 2, MESSAGE(CHOSEN, 0x300000007, 1, 1)); /* it may not lead */
	CU_ASSERT_EQUAL(alone.elected, 0);
	alone_hear(&alone, 2, MESSAGE(CHOSEN, 0x300000007, 1, 2));
	CU_ASSERT_EQUAL(alone.elected, 1);
}

static void
an_instance_whose_leader_was_lost_is_over_for_this_server(void)
{
	g_auto(Alone) alone = {0};

	alone_init(&alone, NULL, 1);
	alone_hear(&alone, 2, MESSAGE(CHOSEN, 0, 4, 3));
	CU_ASSERT_EQUAL(alone.elected, 1);
	alone_look(&alone, 1);
	alone_hear(&alone, 2, MESSAGE(CHOSEN, 0, 4, 3));
	CU_ASSERT_EQUAL(alone.elected, 1);
	alone_hear(&alone, 2, MESSAGE(PREPARE, 0, 4, 9, 2));
	CU_ASSERT_EQUAL(type_of(alone_last(&alone)), NACK);
	alone_hear(&alone, 2, MESSAGE(ACCEPT, 0, 4, 9, 2, 2));
	CU_ASSERT_EQUAL(type_of(alone_last(&alone)), NACK);
	CU_ASSERT_EQUAL(alone.saved->len, 0);
	alone_hear(&alone, 2, MESSAGE(CHOSEN, 0, 5, 2));
	CU_ASSERT_EQUAL(alone.elected, 2);
}

static void
a_second_value_under_one_ballot_is_refused(void)
{
	g_auto(Alone) alone = {0};

	alone_init(&alone, NULL, 1);
	alone_hear(&alone, 2, MESSAGE(ACCEPT, 0, 1, 1, 2, 2));
	alone_saved(&alone);
	CU_ASSERT_EQUAL(type_of(alone_last(&alone)), ACCEPTED);
	alone_hear(&alone, 2, MESSAGE(ACCEPT, 0, 1, 1, 2, 3));
	CU_ASSERT_EQUAL(type_of(alone_last(&alone)), NACK);
	CU_ASSERT_EQUAL(alone.saved->len, 1);
	alone_hear(&alone, 2, MESSAGE(ACCEPT, 0, 1, 1, 2, 2)); /* the same again */
	CU_ASSERT_EQUAL(type_of(alone_last(&alone)), ACCEPTED);
}

/* 3 promises, so it is alive; but as leader it was lost at once, and perhaps not everybody reaches it. */
static void
a_leader_that_was_just_lost_is_passed_over_among_equals(void)
{
	g_auto(Alone) alone = {0};

	alone_init(&alone, NULL, 0x300000001);
	alone_hear(&alone, 2, MESSAGE(CHOSEN, 0, 1, 3));
	alone_look(&alone, 0x300000001);
	alone_hear(&alone, 2, MESSAGE(QUERY, 3, 0x300000000, 0, 2, 0));
	alone_hear(&alone, 3, MESSAGE(QUERY, 3, 0x300000001, 0, 2, 0));
	alone.now_us += SECOND;
	alone_step(&alone, (PdkElectionEvent){.kind = PDK_ELECTION_DEADLINE});
	alone_saved(&alone);
	CU_ASSERT_EQUAL_FATAL(type_of(alone_last(&alone)), PREPARE);
	alone_hear(&alone, 3, MESSAGE(PROMISE, 0, 2, 1, 1, 0, -1, -1, 3, 0x300000001));
	CU_ASSERT_EQUAL_FATAL(type_of(alone_last(&alone)), ACCEPT);
	CU_ASSERT_EQUAL(long_at(alone_last(&alone), 4), 1);
}

int
main(void)
{
	static const ConformanceCase cases[] = {
		CONFORMANCE_CASE(changes_during_a_save_share_the_next_one),
		CONFORMANCE_CASE(an_answer_that_waited_is_not_given_after_looking_ended),
		CONFORMANCE_CASE(an_untrusted_database_gives_no_vote),
		CONFORMANCE_CASE(who_holds_nothing_follows_where_a_quorum_of_others_does),
		CONFORMANCE_CASE(a_damaged_record_is_said_and_forgotten),
		CONFORMANCE_CASE(a_leader_named_by_a_reconfiguration_is_told_to_those_who_ask),
		CONFORMANCE_CASE(a_ballot_under_an_older_configuration_is_refused),
		CONFORMANCE_CASE(who_has_no_vote_promises_under_a_newer_configuration_only),
		CONFORMANCE_CASE(an_instance_whose_leader_was_lost_is_over_for_this_server),
		CONFORMANCE_CASE(a_second_value_under_one_ballot_is_refused),
		CONFORMANCE_CASE(a_leader_that_was_just_lost_is_passed_over_among_equals),
		{NULL, NULL},
	};

	return conformance_run("election/paxos, one server", cases) ? 1 : 0;
}

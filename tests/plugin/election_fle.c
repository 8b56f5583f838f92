/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fle beside Apache ZooKeeper's servers: the bytes of its notifications, and each rule of FastLeaderElection by itself, on one
 * instance whose peers are this program. Changes when that protocol does.
 */
#include "election_fle_server.h"

/* ---- bytes ---- */

static void
the_first_notification_is_byte_for_byte_that_of_apache_zookeeper(void)
{
	/* As captured from server 2 of three, without the frame's length (182). */
	static const uint8_t head[44] = {
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 2, 0, 0, 0, 0x8a,
	};
	g_autoptr(Server) server = server_new(ME);

	look(server, 0, 0);
	CU_ASSERT_EQUAL_FATAL(server->sent->len, 2);
	for (unsigned i = 0; i < 2; i++) {
		const Sent *sent = &g_array_index(server->sent, Sent, i);
		const uint8_t *data = g_bytes_get_data(sent->bytes, NULL);
		CU_ASSERT_EQUAL(sent->sid, i == 0 ? 1 : 3);
		CU_ASSERT_EQUAL_FATAL(g_bytes_get_size(sent->bytes), 182);
		CU_ASSERT_EQUAL(memcmp(data, head, sizeof(head)), 0);
		CU_ASSERT_EQUAL(memcmp(data + 44, config_text, CONFIG_LENGTH), 0);
	}
}

static void
an_established_leader_answers_with_the_new_epoch_and_the_votes_old_zxid_and_round(void)
{
	static const uint8_t head[44] = {
		0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1,
		0, 0, 0, 2, 0, 0, 0, 0x8a,
	};
	g_autoptr(Server) server = looking(ME, 0, 0);

	hear(server, 1, PDK_PEER_LOOKING, 2, 0, 1, 0);
	wait(server, 200 * MS);
	CU_ASSERT_EQUAL(server->state, PDK_PEER_LEADING);
	hear(server, 3, PDK_PEER_LOOKING, 3, 0, 1, 0);
	CU_ASSERT_TRUE(told(server, 3, PDK_PEER_LEADING, 2, 0, 1, 0)); /* the epoch is not established yet */
	settle(server, PDK_PEER_LEADING, (PdkVote){2, 0, 1, 1});
	forget_sent(server);
	hear(server, 3, PDK_PEER_LOOKING, 3, 0, 7, 0);
	CU_ASSERT_EQUAL_FATAL(server->sent->len, 1);
	const Sent *sent = &g_array_index(server->sent, Sent, 0);
	CU_ASSERT_EQUAL_FATAL(g_bytes_get_size(sent->bytes), 182);
	CU_ASSERT_EQUAL(memcmp(g_bytes_get_data(sent->bytes, NULL), head, sizeof(head)), 0);
}

static void
an_observer_names_nobody_and_has_no_history(void)
{
	g_autoptr(Server) server = server_new(4);

	look(server, 0x500000001, 5);
	for (int64_t sid = 1; sid <= 3; sid++)
		CU_ASSERT_TRUE(told(server, sid, PDK_PEER_LOOKING, INT64_MIN, INT64_MIN, 1, INT64_MIN));
	CU_ASSERT_EQUAL(server->sent->len, 3);
}

static void
one_that_is_no_member_names_nobody_but_has_a_history(void)
{
	g_autoptr(Server) server = server_new(9);

	look(server, 0x500000001, 5);
	CU_ASSERT_TRUE(told(server, 1, PDK_PEER_LOOKING, INT64_MIN, 0x500000001, 1, 5));
	CU_ASSERT_EQUAL(server->sent->len, 3);
}

static void
a_notification_of_28_bytes_has_its_epoch_in_the_zxid(void)
{
	g_autoptr(Server) server = looking(ME, 0, 0);

	hear_version(server, 3, PDK_PEER_LOOKING, (PdkVote){3, 0x500000001, 1, 0}, -1, NULL);
	CU_ASSERT_TRUE(told(server, 1, PDK_PEER_LOOKING, 3, 0x500000001, 1, 5));
}

static void
notifications_without_a_configuration_are_understood(void)
{
	for (int version = 0; version < 2; version++) {
		g_autoptr(Server) server = looking(ME, 0, 0);
		hear_version(server, 3, PDK_PEER_LOOKING, (PdkVote){3, 7, 1, 4}, version, NULL);
		CU_ASSERT_TRUE(told(server, 1, PDK_PEER_LOOKING, 3, 7, 1, 4));
	}
}

static void
malformed_notifications_are_dropped_and_named_once(void)
{
	static const uint8_t longer = 0x7f;
	g_autoptr(Server) server = looking(ME, 0, 0);
	g_autoptr(GByteArray) good = notification(PDK_PEER_LOOKING, (PdkVote){3, 7, 1, 4}, 2, config_text);

	for (unsigned length = 0; length < good->len; length++) {
		if (length != 28 && length != 40)
			hear_bytes(server, 3, good->data, length);
	}
	good->data[40] = 0x80; /* a negative length of the configuration */
	hear_bytes(server, 3, good->data, good->len);
	good->data[40] = longer;
	hear_bytes(server, 3, good->data, good->len);
	good->data[40] = 0;
	good->data[43]++; /* one byte more than there is */
	hear_bytes(server, 3, good->data, good->len);
	good->data[43]--;
	good->data[3] = 4; /* no such state */
	hear_bytes(server, 3, good->data, good->len);
	CU_ASSERT_EQUAL(server->sent->len, 0);
	CU_ASSERT_EQUAL(fake_host_log_lines(server->host, PDK_LOG_WARNING), 1);
	CU_ASSERT_TRUE(fake_host_logged(server->host, "malformed notification from peer 3"));
	good->data[3] = PDK_PEER_LOOKING;
	hear_bytes(server, 3, good->data, good->len);
	CU_ASSERT_TRUE(told(server, 1, PDK_PEER_LOOKING, 3, 7, 1, 4));
}

static void
a_round_that_cannot_be_reached_is_malformed(void)
{
	g_autoptr(Server) server = looking(ME, 0, 0);

	hear(server, 3, PDK_PEER_LOOKING, 3, 7, INT64_MAX, 4);
	CU_ASSERT_EQUAL(server->sent->len, 0);
	look(server, 0, 0);
	CU_ASSERT_TRUE(told(server, 1, PDK_PEER_LOOKING, 2, 0, 2, 0));
}

/* ---- rounds and votes ---- */

static void
a_better_vote_is_taken_and_told_a_worse_one_is_not(void)
{
	g_autoptr(Server) server = looking(ME, 0x200000005, 2);

	hear(server, 1, PDK_PEER_LOOKING, 1, 0x200000009, 1, 1); /* the epoch counts first, whatever the zxid's */
	hear(server, 1, PDK_PEER_LOOKING, 1, 0x200000004, 1, 2);
	hear(server, 1, PDK_PEER_LOOKING, 1, 0x200000005, 1, 2);
	CU_ASSERT_FALSE(told(server, 3, PDK_PEER_LOOKING, 1, 0x200000005, 1, 2));
	CU_ASSERT_EQUAL(server->sent->len, 1);
	hear(server, 3, PDK_PEER_LOOKING, 3, 0x200000005, 1, 2);
	CU_ASSERT_TRUE(told(server, 1, PDK_PEER_LOOKING, 3, 0x200000005, 1, 2));
	hear(server, 1, PDK_PEER_LOOKING, 1, 0x200000006, 1, 2);
	CU_ASSERT_TRUE(told(server, 3, PDK_PEER_LOOKING, 1, 0x200000006, 1, 2));
	hear(server, 3, PDK_PEER_LOOKING, 3, 0, 1, 3);
	CU_ASSERT_TRUE(told(server, 1, PDK_PEER_LOOKING, 3, 0, 1, 3));
}

static void
who_gives_a_worse_vote_is_told_the_better_one_once(void)
{
	g_autoptr(Server) server = looking(ME, 7, 2), observer = looking(4, 0, 0);

	for (unsigned i = 0; i < 100; i++) {
		hear(server, 1, PDK_PEER_LOOKING, 1, 6, 1, 2);
		server->now_us += 1 * MS;
	}
	CU_ASSERT_EQUAL(server->sent->len, 1);
	CU_ASSERT_TRUE(told(server, 1, PDK_PEER_LOOKING, 2, 7, 1, 2));
	set_link(server, 1, PDK_PEER_LINK_REFUSED); /* another life of 1 knows nothing of it */
	set_link(server, 1, PDK_PEER_LINK_UP);
	hear(server, 1, PDK_PEER_LOOKING, 1, 6, 1, 2);
	CU_ASSERT_EQUAL(server->sent->len, 2);
	hear(observer, 2, PDK_PEER_LOOKING, 2, 7, 1, 2);
	forget_sent(observer);
	hear(observer, 1, PDK_PEER_LOOKING, 1, 6, 1, 2); /* nobody would listen to an observer */
	CU_ASSERT_EQUAL(observer->sent->len, 0);
}

static void
a_vote_that_came_just_before_this_server_looked_counts(void)
{
	g_autoptr(Server) server = looking(ME, 7, 1), late = looking(ME, 7, 1);

	settle(server, PDK_PEER_FOLLOWING, (PdkVote){3, 9, 1, 2});
	hear(server, 1, PDK_PEER_LOOKING, 1, 12, 2, 2);
	CU_ASSERT_TRUE(told(server, 1, PDK_PEER_FOLLOWING, 3, 9, 1, 2));
	set_gone(server, 3);
	look(server, 11, 2);
	CU_ASSERT_TRUE(told(server, 1, PDK_PEER_LOOKING, 1, 12, 2, 2));
	CU_ASSERT_EQUAL(server->elections, 1);
	CU_ASSERT_EQUAL(server->vote.leader, 1);
	/* But not for ever: who gave it may have settled since. */
	settle(late, PDK_PEER_FOLLOWING, (PdkVote){3, 9, 1, 2});
	hear(late, 1, PDK_PEER_LOOKING, 1, 12, 2, 2);
	late->now_us += 200 * MS;
	look(late, 11, 2);
	CU_ASSERT_TRUE(told(late, 1, PDK_PEER_LOOKING, 2, 11, 2, 2));
}

static void
nothing_is_said_before_the_first_search(void)
{
	g_autoptr(Server) server = server_new(ME);

	hear(server, 1, PDK_PEER_LOOKING, 1, 12, 5, 2);
	hear(server, 3, PDK_PEER_LEADING, 3, 12, 5, 2);
	hear(server, 1, PDK_PEER_FOLLOWING, 3, 12, 5, 2);
	hear(server, 4, PDK_PEER_LOOKING, INT64_MIN, INT64_MIN, 1, INT64_MIN);
	set_link(server, 1, PDK_PEER_LINK_UP);
	settle(server, PDK_PEER_LOOKING, (PdkVote){0});
	CU_ASSERT_EQUAL(server->sent->len, 0);
	CU_ASSERT_EQUAL(server->elections, 0);
	CU_ASSERT_EQUAL(server->deadline_us, INT64_MAX);
	hear(server, 1, PDK_PEER_LOOKING, 1, 12, 5, 2);
	look(server, 0, 0);
	CU_ASSERT_TRUE(told(server, 3, PDK_PEER_LOOKING, 1, 12, 5, 2));
}

static void
an_older_round_is_answered_with_the_proposal_and_not_counted(void)
{
	g_autoptr(Server) server = looking(ME, 7, 1);

	look(server, 7, 1);
	forget_sent(server);
	hear(server, 3, PDK_PEER_LOOKING, 3, 9, 1, 1);
	CU_ASSERT_EQUAL(server->sent->len, 1);
	CU_ASSERT_TRUE(told(server, 3, PDK_PEER_LOOKING, 2, 7, 2, 1));
	wait(server, 199 * MS);
	CU_ASSERT_EQUAL(server->elections, 0);
}

static void
a_newer_round_is_joined_with_the_better_of_its_vote_and_ones_own(void)
{
	g_autoptr(Server) server = looking(ME, 7, 1);

	hear(server, 3, PDK_PEER_LOOKING, 2, 6, 1, 1);
	hear(server, 1, PDK_PEER_LOOKING, 1, 5, 6, 1);
	CU_ASSERT_TRUE(told(server, 1, PDK_PEER_LOOKING, 2, 7, 6, 1));
	CU_ASSERT_TRUE(told(server, 3, PDK_PEER_LOOKING, 2, 7, 6, 1));
	hear(server, 1, PDK_PEER_LOOKING, 1, 8, 9, 1);
	CU_ASSERT_TRUE(told(server, 3, PDK_PEER_LOOKING, 1, 8, 9, 1));
	look(server, 7, 1);
	CU_ASSERT_TRUE(told(server, 3, PDK_PEER_LOOKING, 2, 7, 10, 1));
}

static void
votes_for_others_than_voters_are_ignored(void)
{
	g_autoptr(Server) server = looking(ME, 0, 0);

	hear(server, 3, PDK_PEER_LOOKING, 4, 99, 1, 9);
	hear(server, 3, PDK_PEER_LOOKING, INT64_MIN, 99, 1, 9);
	CU_ASSERT_EQUAL(server->sent->len, 0);
}

static void
a_history_that_is_not_to_be_trusted_has_no_say(void)
{
	g_autoptr(Server) server = looking(ME, 0, 0), untrusted = looking(ME, -1, 0);

	hear(server, 3, PDK_PEER_LOOKING, 3, -1, 1, 9);
	CU_ASSERT_EQUAL(server->sent->len, 0);
	hear(untrusted, 1, PDK_PEER_LOOKING, 3, 9, 1, 9);
	hear(untrusted, 3, PDK_PEER_LOOKING, 3, 9, 1, 9);
	wait(untrusted, 1000 * MS);
	CU_ASSERT_EQUAL(untrusted->elections, 0);
	/* It may still join those who are sure. */
	hear(untrusted, 3, PDK_PEER_LEADING, 3, 9, 4, 9);
	hear(untrusted, 1, PDK_PEER_FOLLOWING, 3, 9, 4, 9);
	CU_ASSERT_EQUAL(untrusted->elections, 1);
}

/* ---- the end of an election ---- */

static void
a_silent_voter_costs_the_whole_wait(void)
{
	g_autoptr(Server) server = looking(ME, 7, 1);

	hear(server, 1, PDK_PEER_LOOKING, 2, 7, 1, 1);
	wait(server, 199 * MS);
	CU_ASSERT_EQUAL(server->elections, 0);
	wait(server, 1 * MS);
	CU_ASSERT_EQUAL(server->elections, 1);
	CU_ASSERT_EQUAL(server->state, PDK_PEER_LEADING);
	CU_ASSERT_TRUE(server->vote.leader == 2 && server->vote.zxid == 7 && server->vote.round == 1 &&
		       server->vote.peer_epoch == 1);
	CU_ASSERT_EQUAL(server->deadline_us, INT64_MAX);
}

static void
a_link_that_is_only_down_is_a_silent_voter(void)
{
	g_autoptr(Server) server = looking(ME, 7, 1);

	set_gone(server, 3);
	set_link(server, 3, PDK_PEER_LINK_DOWN);
	hear(server, 1, PDK_PEER_LOOKING, 2, 7, 1, 1);
	CU_ASSERT_EQUAL(server->elections, 0);
	wait(server, 200 * MS);
	CU_ASSERT_EQUAL(server->elections, 1);
}

static void
an_election_is_unanimous_when_every_voter_named_the_leader(void)
{
	g_autoptr(Server) all = looking(ME, 7, 1), two = looking(ME, 7, 1), settled = looking(ME, 7, 1);

	hear(all, 1, PDK_PEER_LOOKING, 2, 7, 1, 1);
	hear(all, 3, PDK_PEER_LOOKING, 2, 7, 1, 1);
	CU_ASSERT_EQUAL(all->elections, 1);
	CU_ASSERT_EQUAL(all->unanimous, 1);
	set_gone(two, 3);
	hear(two, 1, PDK_PEER_LOOKING, 2, 7, 1, 1);
	CU_ASSERT_EQUAL(two->elections, 1);
	CU_ASSERT_EQUAL(two->unanimous, 0);
	hear(settled, 1, PDK_PEER_FOLLOWING, 3, 8, 1, 1);
	hear(settled, 3, PDK_PEER_LEADING, 3, 8, 1, 1);
	CU_ASSERT_EQUAL(settled->elections, 1);
	CU_ASSERT_EQUAL(settled->unanimous, 0);
}

/* A member of a list under way that is none of the list in force: the quorum of both needs it. */
static void
a_voter_that_names_nobody_in_a_later_round_is_joined_in_it(void)
{
	g_autoptr(Server) server = looking(ME, 7, 1);

	hear(server, 3, PDK_PEER_LOOKING, INT64_MIN, 5, 4, 1);
	CU_ASSERT_TRUE(told(server, 3, PDK_PEER_LOOKING, 2, 7, 4, 1));
	hear(server, 3, PDK_PEER_LOOKING, 2, 7, 4, 1);
	wait(server, 200 * MS);
	CU_ASSERT_EQUAL(server->elections, 1);
	CU_ASSERT_EQUAL(server->vote.round, 4);
	CU_ASSERT_EQUAL(server->state, PDK_PEER_LEADING);
}

static void
a_voter_that_is_known_to_be_down_costs_nothing(void)
{
	g_autoptr(Server) before = looking(ME, 7, 1), after = looking(ME, 7, 1);

	set_gone(before, 3);
	CU_ASSERT_EQUAL(before->elections, 0);
	hear(before, 1, PDK_PEER_LOOKING, 2, 7, 1, 1);
	CU_ASSERT_EQUAL(before->elections, 1);
	hear(after, 1, PDK_PEER_LOOKING, 2, 7, 1, 1);
	CU_ASSERT_EQUAL(after->elections, 0);
	set_gone(after, 3);
	CU_ASSERT_EQUAL(after->elections, 1);
}

static void
a_voter_that_was_never_there_may_be_about_to_come(void)
{
	g_autoptr(Server) server = looking(ME, 7, 1);

	set_link(server, 3, PDK_PEER_LINK_REFUSED);
	hear(server, 1, PDK_PEER_LOOKING, 2, 7, 1, 1);
	CU_ASSERT_EQUAL(server->elections, 0);
	wait(server, 200 * MS);
	CU_ASSERT_EQUAL(server->elections, 1);
}

static void
the_wait_ends_when_all_agree_but_not_before(void)
{
	g_autoptr(Server) server = looking(ME, 7, 1);

	hear(server, 3, PDK_PEER_LOOKING, 3, 6, 1, 1);
	hear(server, 1, PDK_PEER_LOOKING, 2, 7, 1, 1);
	CU_ASSERT_EQUAL(server->elections, 0); /* 3 has not changed its mind yet */
	hear(server, 3, PDK_PEER_LOOKING, 2, 7, 1, 1);
	CU_ASSERT_EQUAL(server->elections, 1);
}

static void
a_better_vote_in_the_wait_goes_on_with_the_election(void)
{
	g_autoptr(Server) server = looking(ME, 7, 1);

	hear(server, 1, PDK_PEER_LOOKING, 2, 7, 1, 1);
	wait(server, 150 * MS);
	hear(server, 3, PDK_PEER_LOOKING, 3, 8, 1, 1); /* with our new vote a quorum, too: it waits anew */
	wait(server, 100 * MS);
	CU_ASSERT_EQUAL(server->elections, 0);
	hear(server, 1, PDK_PEER_LOOKING, 3, 8, 1, 1);
	CU_ASSERT_EQUAL(server->elections, 1);
	CU_ASSERT_EQUAL(server->state, PDK_PEER_FOLLOWING);
	CU_ASSERT_EQUAL(server->vote.leader, 3);
}

static void
a_worse_vote_of_a_newer_round_in_the_wait_is_passed_over(void)
{
	g_autoptr(Server) server = looking(ME, 7, 1);

	hear(server, 1, PDK_PEER_LOOKING, 2, 7, 1, 1);
	forget_sent(server);
	hear(server, 3, PDK_PEER_LOOKING, 3, 6, 5, 1);
	wait(server, 199 * MS);
	CU_ASSERT_EQUAL(server->elections, 0);
	wait(server, 1 * MS);
	CU_ASSERT_EQUAL(server->elections, 1);
	CU_ASSERT_EQUAL(server->vote.round, 1);
}

static void
a_leader_whose_voters_were_won_over_is_told_of_it(void)
{
	g_autoptr(Server) server = looking(ME, 7, 1);

	set_gone(server, 3);
	hear(server, 1, PDK_PEER_LOOKING, 2, 7, 1, 1);
	CU_ASSERT_EQUAL(server->state, PDK_PEER_LEADING);
	hear(server, 3, PDK_PEER_LOOKING, 3, 7, 1, 1);
	hear(server, 1, PDK_PEER_LOOKING, 3, 7, 1, 1); /* they may still come to know who leads */
	hear(server, 3, PDK_PEER_LEADING, 3, 7, 1, 1);
	CU_ASSERT_EQUAL(server->doubts, 0);
	hear(server, 1, PDK_PEER_FOLLOWING, 3, 7, 0, 1); /* an older story */
	CU_ASSERT_EQUAL(server->doubts, 0);
	hear(server, 1, PDK_PEER_FOLLOWING, 3, 7, 1, 1);
	CU_ASSERT_EQUAL(server->doubts, 1);
	CU_ASSERT_EQUAL(server->elections, 1);
	look(server, 7, 1);
	hear(server, 3, PDK_PEER_LEADING, 3, 7, 1, 1);
	hear(server, 1, PDK_PEER_FOLLOWING, 3, 7, 1, 1);
	CU_ASSERT_EQUAL(server->state, PDK_PEER_FOLLOWING);
	CU_ASSERT_EQUAL(server->vote.leader, 3);
}

static void
a_leader_whose_voters_look_again_is_told_of_it(void)
{
	g_autoptr(Server) server = looking(ME, 7, 1);

	set_link(server, 1, PDK_PEER_LINK_UP);
	set_link(server, 3, PDK_PEER_LINK_UP);
	hear(server, 1, PDK_PEER_LOOKING, 2, 7, 1, 1);
	hear(server, 3, PDK_PEER_LOOKING, 2, 7, 1, 1);
	CU_ASSERT_EQUAL(server->state, PDK_PEER_LEADING);
	hear(server, 1, PDK_PEER_LOOKING, 2, 7, 1, 1); /* sent again over a new connection */
	hear(server, 1, PDK_PEER_LOOKING, 1, 6, 2, 1); /* 3 may still come, and 1 with it */
	CU_ASSERT_EQUAL(server->doubts, 0);
	hear(server, 3, PDK_PEER_LOOKING, 3, 6, 2, 1);
	CU_ASSERT_EQUAL(server->doubts, 1);
	look(server, 7, 1);
	hear(server, 1, PDK_PEER_LOOKING, 2, 7, 2, 1);
	hear(server, 3, PDK_PEER_LOOKING, 2, 7, 2, 1);
	CU_ASSERT_EQUAL(server->elections, 2);
	hear(server, 3, PDK_PEER_LOOKING, 3, 6, 3, 1); /* what was before counts no more */
	CU_ASSERT_EQUAL(server->doubts, 1);
	set_gone(server, 1);
	hear(server, 3, PDK_PEER_LOOKING, 3, 6, 3, 1); /* the other one is down */
	CU_ASSERT_EQUAL(server->doubts, 2);
}

static void
who_counts_on_a_changed_vote_is_told_how_it_ended(void)
{
	g_autoptr(Server) server = looking(ME, 7, 1);

	hear(server, 3, PDK_PEER_LOOKING, 3, 7, 1, 1); /* and 3 hears that it has this server's vote */
	hear(server, 1, PDK_PEER_LEADING, 1, 7, 1, 1);
	forget_sent(server);
	hear(server, 3, PDK_PEER_FOLLOWING, 1, 7, 1, 1);
	CU_ASSERT_EQUAL(server->state, PDK_PEER_FOLLOWING);
	CU_ASSERT_TRUE(told(server, 3, PDK_PEER_FOLLOWING, 1, 7, 1, 1));
	/* In another round nothing of this one is told. */
	look(server, 7, 1);
	forget_sent(server);
	hear(server, 1, PDK_PEER_LEADING, 1, 7, 1, 1);
	hear(server, 3, PDK_PEER_FOLLOWING, 1, 7, 1, 1);
	CU_ASSERT_EQUAL(server->elections, 2);
	CU_ASSERT_EQUAL(server->sent->len, 0);
}

static void
a_voter_that_decided_first_tells_the_others_in_the_round(void)
{
	g_autoptr(Server) server = looking(ME, 7, 1);

	hear(server, 1, PDK_PEER_FOLLOWING, 3, 9, 1, 1);
	CU_ASSERT_EQUAL(server->elections, 0);
	/* In the round by the leader alone: its epoch may be established already. */
	hear(server, 3, PDK_PEER_LEADING, 3, 9, 1, 2);
	CU_ASSERT_EQUAL(server->elections, 1);
	CU_ASSERT_EQUAL(server->state, PDK_PEER_FOLLOWING);
	CU_ASSERT_EQUAL(server->vote.leader, 3);
}

static void
a_leader_must_have_said_itself_that_it_leads(void)
{
	g_autoptr(Server) server = looking(1, 7, 1);

	hear(server, 2, PDK_PEER_FOLLOWING, 3, 9, 4, 2);
	hear(server, 2, PDK_PEER_FOLLOWING, 3, 9, 4, 2);
	CU_ASSERT_EQUAL(server->elections, 0);
	hear(server, 3, PDK_PEER_FOLLOWING, 3, 9, 4, 2);
	CU_ASSERT_EQUAL(server->elections, 0);
	hear(server, 3, PDK_PEER_LEADING, 3, 9, 4, 2);
	CU_ASSERT_EQUAL(server->elections, 1);
	CU_ASSERT_EQUAL(server->vote.round, 4);
}

static void
one_leaders_word_alone_is_not_enough(void)
{
	g_autoptr(Server) server = looking(ME, 7, 1);

	hear(server, 3, PDK_PEER_LEADING, 3, 9, 4, 2);
	hear(server, 1, PDK_PEER_LOOKING, 1, 7, 1, 1);
	wait(server, 1000 * MS);
	CU_ASSERT_EQUAL(server->elections, 0);
}

/* Its last word of the election that it won may come once more; it leads since, and the others may have left it. */
static void
what_a_leader_said_before_it_led_brings_nobody_in_who_lost_all(void)
{
	g_autoptr(Server) server = looking(ME, 0, 0);

	hear(server, 3, PDK_PEER_LOOKING, 3, 9, 4, 1);
	hear(server, 3, PDK_PEER_LEADING, 3, 9, 4, 2);
	wait(server, 1000 * MS);
	CU_ASSERT_EQUAL(server->elections, 0);
	hear(server, 1, PDK_PEER_FOLLOWING, 3, 9, 4, 2);
	CU_ASSERT_EQUAL(server->elections, 1);
}

static void
late_comers_compare_leader_and_epoch_only(void)
{
	g_autoptr(Server) server = looking(ME, 7, 1), other = looking(ME, 7, 1), old = looking(ME, 7, 1);

	hear(server, 1, PDK_PEER_FOLLOWING, 3, 9, 4, 2);
	hear(server, 3, PDK_PEER_LEADING, 3, 5, 3, 2);
	CU_ASSERT_EQUAL(server->elections, 1);
	hear(other, 1, PDK_PEER_FOLLOWING, 3, 9, 4, 2);
	hear(other, 3, PDK_PEER_LEADING, 3, 9, 4, 3);
	CU_ASSERT_EQUAL(other->elections, 0);
	hear(other, 1, PDK_PEER_FOLLOWING, 3, 9, 4, 3);
	CU_ASSERT_EQUAL(other->elections, 1);
	/* A message of version 0 is compared by the leader alone. */
	hear_version(old, 1, PDK_PEER_FOLLOWING, (PdkVote){3, 9, 4, 2}, 0, NULL);
	hear(old, 3, PDK_PEER_LEADING, 3, 9, 4, 3);
	CU_ASSERT_EQUAL(old->elections, 1);
}

static void
a_leader_that_started_again_does_not_lead_because_others_still_follow_it(void)
{
	g_autoptr(Server) server = looking(3, 9, 2);

	hear(server, 1, PDK_PEER_FOLLOWING, 3, 9, 4, 2);
	hear(server, 2, PDK_PEER_FOLLOWING, 3, 9, 4, 2);
	CU_ASSERT_EQUAL(server->elections, 0);
}

static void
observers_have_no_voice(void)
{
	g_autoptr(Server) server = looking(ME, 7, 1);

	hear(server, 1, PDK_PEER_OBSERVING, 3, 9, 1, 1);
	hear(server, 3, PDK_PEER_OBSERVING, 3, 9, 1, 1);
	wait(server, 100 * MS);
	CU_ASSERT_EQUAL(server->elections, 0);
	CU_ASSERT_EQUAL(server->sent->len, 0);
}

static void
an_observer_ends_by_the_voters_word(void)
{
	g_autoptr(Server) looks = looking(4, 99, 9), late = looking(4, 0, 0);

	hear(looks, 1, PDK_PEER_LOOKING, 3, 9, 1, 1);
	hear(looks, 3, PDK_PEER_LOOKING, 3, 9, 1, 1);
	wait(looks, 200 * MS);
	CU_ASSERT_EQUAL(looks->state, PDK_PEER_OBSERVING);
	CU_ASSERT_EQUAL(looks->vote.leader, 3);
	hear(late, 3, PDK_PEER_LEADING, 3, 9, 4, 2);
	hear(late, 1, PDK_PEER_FOLLOWING, 3, 9, 4, 2);
	CU_ASSERT_EQUAL(late->state, PDK_PEER_OBSERVING);
}

/* ---- answers ---- */

static void
votes_are_sent_again_at_doubling_intervals(void)
{
	g_autoptr(Server) server = looking(ME, 7, 1);
	int64_t interval_ms = 200;

	for (unsigned i = 0; i < 12; i++) {
		wait(server, interval_ms * MS - 1);
		CU_ASSERT_EQUAL(server->sent->len, 0);
		wait(server, 1);
		CU_ASSERT_EQUAL(server->sent->len, 2);
		forget_sent(server);
		interval_ms = MIN(interval_ms * 2, 60000);
	}
	look(server, 7, 1); /* the next search begins with short ones */
	forget_sent(server);
	wait(server, 200 * MS);
	CU_ASSERT_EQUAL(server->sent->len, 2);
}

static void
settled_servers_do_not_answer_each_other(void)
{
	g_autoptr(Server) server = looking(ME, 7, 1);

	settle(server, PDK_PEER_FOLLOWING, (PdkVote){3, 9, 1, 2});
	hear(server, 3, PDK_PEER_LEADING, 3, 9, 1, 2);
	hear(server, 1, PDK_PEER_FOLLOWING, 3, 9, 1, 2);
	CU_ASSERT_EQUAL(server->sent->len, 0);
	CU_ASSERT_EQUAL(server->deadline_us, INT64_MAX);
}

static void
voters_hear_the_votes_round_and_others_the_clock(void)
{
	g_autoptr(Server) server = looking(ME, 7, 1);

	/* After a hand-over to a designated leader there was no election: -1 is legal. */
	settle(server, PDK_PEER_FOLLOWING, (PdkVote){3, 9, -1, -1});
	hear(server, 1, PDK_PEER_LOOKING, 1, 0, 1, 0);
	CU_ASSERT_TRUE(told(server, 1, PDK_PEER_FOLLOWING, 3, 9, -1, -1));
	hear(server, 4, PDK_PEER_LOOKING, INT64_MIN, INT64_MIN, 1, INT64_MIN);
	CU_ASSERT_TRUE(told(server, 4, PDK_PEER_FOLLOWING, 3, 9, 1, -1));
	hear(server, 9, PDK_PEER_LOOKING, INT64_MIN, 0, 1, 0);
	CU_ASSERT_TRUE(told(server, 9, PDK_PEER_FOLLOWING, 3, 9, 1, -1));
}

static void
those_without_a_vote_hear_the_vote_while_looking_and_the_leader_at_the_end(void)
{
	g_autoptr(Server) server = looking(ME, 7, 1);

	settle(server, PDK_PEER_FOLLOWING, (PdkVote){3, 9, 1, 2});
	hear(server, 9, PDK_PEER_LOOKING, INT64_MIN, 0, 1, 0); /* long ago */
	server->now_us += 200 * MS;
	hear(server, 4, PDK_PEER_LOOKING, INT64_MIN, INT64_MIN, 1, INT64_MIN); /* just before this server looks, too */
	look(server, 8, 2);
	forget_sent(server);
	hear(server, 5, PDK_PEER_LOOKING, INT64_MIN, INT64_MIN, 1, INT64_MIN);
	CU_ASSERT_TRUE(told(server, 5, PDK_PEER_LOOKING, 2, 8, 2, 2)); /* not the leader that is gone */
	set_gone(server, 3);
	hear(server, 1, PDK_PEER_LOOKING, 2, 8, 2, 2);
	CU_ASSERT_EQUAL(server->state, PDK_PEER_LEADING);
	CU_ASSERT_TRUE(told(server, 4, PDK_PEER_LEADING, 2, 8, 2, 2));
	CU_ASSERT_TRUE(told(server, 5, PDK_PEER_LEADING, 2, 8, 2, 2));
	CU_ASSERT_FALSE(told(server, 9, PDK_PEER_LEADING, 2, 8, 2, 2));
}

static void
two_that_do_not_count_each_other_as_voters_calm_down(void)
{
	g_autoptr(Server) server = looking(ME, 7, 1);

	for (unsigned i = 0; i < 1000; i++) {
		hear(server, 9, PDK_PEER_LOOKING, 9, 0, 0, 0);
		hear(server, 3, PDK_PEER_LOOKING, 3, 0, 0, 0);
		server->now_us += 10;
	}
	CU_ASSERT_EQUAL(server->sent->len, 2);
	server->now_us += 10 * MS;
	hear(server, 9, PDK_PEER_LOOKING, 9, 0, 0, 0);
	hear(server, 3, PDK_PEER_LOOKING, 3, 0, 0, 0);
	CU_ASSERT_EQUAL(server->sent->len, 4);
}

/* ---- configurations ---- */

static void
a_newer_configuration_is_offered_once_while_looking(void)
{
	static const PdkVote vote = {3, 9, 1, 1};
	g_autoptr(Server) server = looking(ME, 7, 1);

	hear_version(server, 3, PDK_PEER_LOOKING, vote, 2, "version=1a00000000\nserver.3=x:1:2");
	CU_ASSERT_EQUAL(server->adoptions, 1);
	CU_ASSERT_EQUAL(server->sent->len, 0); /* the search begins again anyhow */
	hear_version(server, 3, PDK_PEER_LOOKING, vote, 2, "version=1a00000000\nserver.3=x:1:2");
	CU_ASSERT_EQUAL(server->adoptions, 1); /* the host did not want it: it stays a vote */
	CU_ASSERT_TRUE(told(server, 1, PDK_PEER_LOOKING, 3, 9, 1, 1));
	hear_version(server, 3, PDK_PEER_LOOKING, vote, 2, " version : 1a00000001 ");
	CU_ASSERT_EQUAL(server->adoptions, 2);
	hear_version(server, 9, PDK_PEER_FOLLOWING, vote, 2, "version=1");
	CU_ASSERT_EQUAL(server->adoptions, 3); /* whoever says it */
}

static void
other_configurations_are_not_offered(void)
{
	static const char *const texts[] = {"", "version=0", "version=", "version=-1", "version=xyz", "version=1z",
					    "version=fffffffffffffffff", "versions=5", "#version=5", "server.1=version=5"};
	static const PdkVote vote = {3, 9, 1, 1};

	for (unsigned i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_autoptr(Server) server = looking(ME, 7, 1);
		hear_version(server, 3, PDK_PEER_LOOKING, vote, 2, texts[i]);
		CU_ASSERT_EQUAL(server->adoptions, 0);
		CU_ASSERT_TRUE(told(server, 1, PDK_PEER_LOOKING, 3, 9, 1, 1)); /* the vote counts all the same */
	}
	g_autoptr(Server) disabled = looking(ME, 7, 1);
	disabled->ensemble.reconfig_enabled = false;
	hear_version(disabled, 3, PDK_PEER_LOOKING, vote, 2, "version=5");
	CU_ASSERT_EQUAL(disabled->adoptions, 0);
	g_autoptr(Server) following = looking(ME, 7, 1);
	settle(following, PDK_PEER_FOLLOWING, (PdkVote){3, 9, 1, 2});
	hear_version(following, 1, PDK_PEER_LOOKING, vote, 2, "version=5");
	CU_ASSERT_EQUAL(following->adoptions, 0);
}

static void
a_changed_configuration_is_told_from_then_on(void)
{
	g_autoptr(Server) server = looking(ME, 7, 1);

	server->ensemble.committed_text = "version=5";
	server->ensemble.committed_length = strlen("version=5");
	server->ensemble.committed_version = server->ensemble.last_seen_version = 5;
	step(server, (PdkElectionEvent){.kind = PDK_ELECTION_MEMBERS});
	CU_ASSERT_EQUAL(server->sent->len, 0);
	look(server, 7, 1);
	const Sent *sent = &g_array_index(server->sent, Sent, 0);
	CU_ASSERT_EQUAL_FATAL(g_bytes_get_size(sent->bytes), 44 + 9);
	CU_ASSERT_EQUAL(memcmp((const char *)g_bytes_get_data(sent->bytes, NULL) + 44, "version=5", 9), 0);
}

static const ConformanceCase cases[] = {
	CONFORMANCE_CASE(the_first_notification_is_byte_for_byte_that_of_apache_zookeeper),
	CONFORMANCE_CASE(an_established_leader_answers_with_the_new_epoch_and_the_votes_old_zxid_and_round),
	CONFORMANCE_CASE(an_observer_names_nobody_and_has_no_history),
	CONFORMANCE_CASE(one_that_is_no_member_names_nobody_but_has_a_history),
	CONFORMANCE_CASE(a_notification_of_28_bytes_has_its_epoch_in_the_zxid),
	CONFORMANCE_CASE(notifications_without_a_configuration_are_understood),
	CONFORMANCE_CASE(malformed_notifications_are_dropped_and_named_once),
	CONFORMANCE_CASE(a_round_that_cannot_be_reached_is_malformed),
	CONFORMANCE_CASE(a_better_vote_is_taken_and_told_a_worse_one_is_not),
	CONFORMANCE_CASE(who_gives_a_worse_vote_is_told_the_better_one_once),
	CONFORMANCE_CASE(a_vote_that_came_just_before_this_server_looked_counts),
	CONFORMANCE_CASE(nothing_is_said_before_the_first_search),
	CONFORMANCE_CASE(an_older_round_is_answered_with_the_proposal_and_not_counted),
	CONFORMANCE_CASE(a_newer_round_is_joined_with_the_better_of_its_vote_and_ones_own),
	CONFORMANCE_CASE(votes_for_others_than_voters_are_ignored),
	CONFORMANCE_CASE(a_history_that_is_not_to_be_trusted_has_no_say),
	CONFORMANCE_CASE(a_silent_voter_costs_the_whole_wait),
	CONFORMANCE_CASE(a_link_that_is_only_down_is_a_silent_voter),
	CONFORMANCE_CASE(a_voter_that_is_known_to_be_down_costs_nothing),
	CONFORMANCE_CASE(a_voter_that_was_never_there_may_be_about_to_come),
	CONFORMANCE_CASE(the_wait_ends_when_all_agree_but_not_before),
	CONFORMANCE_CASE(a_voter_that_names_nobody_in_a_later_round_is_joined_in_it),
	CONFORMANCE_CASE(an_election_is_unanimous_when_every_voter_named_the_leader),
	CONFORMANCE_CASE(a_better_vote_in_the_wait_goes_on_with_the_election),
	CONFORMANCE_CASE(a_worse_vote_of_a_newer_round_in_the_wait_is_passed_over),
	CONFORMANCE_CASE(a_leader_whose_voters_were_won_over_is_told_of_it),
	CONFORMANCE_CASE(a_leader_whose_voters_look_again_is_told_of_it),
	CONFORMANCE_CASE(who_counts_on_a_changed_vote_is_told_how_it_ended),
	CONFORMANCE_CASE(a_voter_that_decided_first_tells_the_others_in_the_round),
	CONFORMANCE_CASE(a_leader_must_have_said_itself_that_it_leads),
	CONFORMANCE_CASE(one_leaders_word_alone_is_not_enough),
	CONFORMANCE_CASE(what_a_leader_said_before_it_led_brings_nobody_in_who_lost_all),
	CONFORMANCE_CASE(late_comers_compare_leader_and_epoch_only),
	CONFORMANCE_CASE(a_leader_that_started_again_does_not_lead_because_others_still_follow_it),
	CONFORMANCE_CASE(observers_have_no_voice),
	CONFORMANCE_CASE(an_observer_ends_by_the_voters_word),
	CONFORMANCE_CASE(votes_are_sent_again_at_doubling_intervals),
	CONFORMANCE_CASE(settled_servers_do_not_answer_each_other),
	CONFORMANCE_CASE(voters_hear_the_votes_round_and_others_the_clock),
	CONFORMANCE_CASE(those_without_a_vote_hear_the_vote_while_looking_and_the_leader_at_the_end),
	CONFORMANCE_CASE(two_that_do_not_count_each_other_as_voters_calm_down),
	CONFORMANCE_CASE(a_newer_configuration_is_offered_once_while_looking),
	CONFORMANCE_CASE(other_configurations_are_not_offered),
	CONFORMANCE_CASE(a_changed_configuration_is_told_from_then_on),
	{0},
};

int
main(void)
{
	ops = pdk_plugin_election_fle.ops;
	return conformance_run("fle beside Apache ZooKeeper", cases) ? EXIT_FAILURE : EXIT_SUCCESS;
}

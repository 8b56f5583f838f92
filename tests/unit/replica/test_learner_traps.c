/* SPDX-License-Identifier: Apache-2.0 */
/* Traps of the protocol on a learner's side, each a bug that some release of Apache ZooKeeper had. Changes when one is added. */
#include "play.h"
#include <CUnit/Basic.h>

#define CASE(name) CU_add_test(suite, #name, name)

/* Applied is what is committed: a tail that nobody has committed yet may be committed by others' acks. */
static void
a_vote_speaks_of_all_that_is_logged_and_of_the_epoch_it_stands_in(void)
{
	Play play = play_serving(1, 2);
	play_propose(&play, Z(1, 3));
	play_leader_goes(&play);
	play_connect(&play);
	CU_ASSERT_EQUAL(play.node->looked.zxid, Z(1, 3));
	/* The next leader's epoch is promised, but nothing of it was heard. */
	play_discover(&play, 4);
	play_leader_goes(&play);
	play_connect(&play);
	CU_ASSERT_EQUAL(play.node->disk_accepted, 4);
	CU_ASSERT_EQUAL(play.node->looked.zxid, Z(1, 3));
	CU_ASSERT_EQUAL(play.node->looked.peer_epoch, 1);
	world_free(play.world);
}

static void
nobody_votes_with_what_is_not_on_disk_yet(void)
{
	Play play = play_serving(1, 2);
	unsigned looks = play.node->looks;
	play_propose(&play, Z(1, 3));
	play_leader_goes(&play);
	play_turn(&play);
	CU_ASSERT_TRUE(play_looks(&play));
	CU_ASSERT_EQUAL(play.node->looks, looks);
	play_work(&play);
	CU_ASSERT_EQUAL(play.node->looks, looks + 1);
	world_free(play.world);
}

/* ZOOKEEPER-1732: or late comers find no quorum of equal votes. */
static void
the_vote_that_is_told_when_up_to_date_is_the_old_one_in_the_new_epoch(void)
{
	Play play = play_serving(1, 2);
	play_next_leader(&play, 7);
	play_plain(&play, PDK_PACKET_DIFF, Z(1, 2));
	play_plain(&play, PDK_PACKET_NEWLEADER, Z(7, 0));
	play_work(&play);
	CU_ASSERT_NOT_EQUAL(play.node->settled.peer_epoch, 7);
	play_plain(&play, PDK_PACKET_UPTODATE, -1);
	CU_ASSERT_EQUAL(play.node->settled.leader, 3);
	CU_ASSERT_EQUAL(play.node->settled.peer_epoch, 7);
	CU_ASSERT_EQUAL(play.node->settled.zxid, Z(1, 2));
	CU_ASSERT_EQUAL(play.node->settled.round, 1);
	world_free(play.world);
}

/* A Java leader serialises its tree while it applies: what came meanwhile is sent once more. */
static void
what_a_snapshot_holds_may_come_again_behind_it(void)
{
	Play play = play_new();
	play_discover(&play, 2);
	play_whole_snapshot(&play, Z(1, 9));
	play_work(&play);
	for (int64_t i = 8; i <= 10; i++) {
		play_propose(&play, Z(1, i));
		play_plain(&play, PDK_PACKET_COMMIT, Z(1, i));
	}
	play_plain(&play, PDK_PACKET_NEWLEADER, Z(2, 0));
	play_work(&play);
	CU_ASSERT_TRUE(play_sent_is(&play, PDK_PACKET_ACK, Z(2, 0)));
	CU_ASSERT_EQUAL(play.node->disk.log->len, 1);
	play_plain(&play, PDK_PACKET_UPTODATE, -1);
	CU_ASSERT_TRUE(play.node->serving);
	CU_ASSERT_EQUAL(play.node->applied, Z(1, 10));
	CU_ASSERT_EQUAL(play.node->tree->len, 2);
	world_free(play.world);
}

/* ZOOKEEPER-2819: a snapshot brings the leader's idea of the members. */
static void
the_list_of_members_is_put_into_the_tree_anew_behind_a_snapshot(void)
{
	Play play = play_new();
	play_discover(&play, 2);
	play_whole_snapshot(&play, Z(1, 9));
	play_plain(&play, PDK_PACKET_NEWLEADER, Z(2, 0));
	play_work(&play);
	unsigned before = play.node->members_told;
	play_plain(&play, PDK_PACKET_UPTODATE, -1);
	CU_ASSERT_EQUAL(play.node->members_told, before + 1);
	world_free(play.world);
}

/* Java keeps the first record above such a target, and diverges. */
static void
a_target_that_falls_between_what_is_logged_is_not_taken_for_the_end(void)
{
	Play play = play_serving(1, 2);
	play_next_leader(&play, 2);
	play_plain(&play, PDK_PACKET_DIFF, Z(1, 2));
	play_propose(&play, Z(2, 1));
	play_plain(&play, PDK_PACKET_NEWLEADER, Z(2, 0));
	play_work(&play);
	play_next_leader(&play, 3);
	play_plain(&play, PDK_PACKET_TRUNC, Z(1, 5));
	play_work(&play);
	CU_ASSERT_EQUAL(play.world->reloads, 1);
	play_connect(&play);
	play_discover(&play, 3);
	CU_ASSERT_EQUAL(play.node->replica->learning.base, Z(1, 2));
	world_free(play.world);
}

/* After a restart the tree holds the whole log, also what nobody committed: 1:3. */
static Play
started_again_with_a_tail(void)
{
	Play play = play_serving(1, 2);
	play_propose(&play, Z(1, 3));
	play_work(&play);
	world_crash(play.world, 1);
	world_start(play.world, 1);
	play_connect(&play);
	CU_ASSERT_EQUAL(play.node->tree->len, 3);
	return play;
}

/* ZOOKEEPER-5094. */
static void
a_tree_ahead_of_a_log_that_was_cut_is_read_again_though_the_leader_went(void)
{
	Play play = started_again_with_a_tail();
	play_discover(&play, 2);
	play_plain(&play, PDK_PACKET_TRUNC, Z(1, 2));
	play_leader_goes(&play);
	play_connect(&play);
	CU_ASSERT_EQUAL(play.node->tree->len, 2);
	CU_ASSERT_EQUAL(play.node->looked.zxid, Z(1, 2));
	CU_ASSERT_EQUAL(play.node->replica->learning.base, Z(1, 2));
	world_free(play.world);
}

/* Nor is it shown to clients, where the leader may yet commit it. */
static void
a_tree_ahead_of_what_is_committed_is_not_served_from(void)
{
	Play play = started_again_with_a_tail();
	play_discover(&play, 1);
	play_plain(&play, PDK_PACKET_TRUNC, Z(1, 2));
	play_propose(&play, Z(1, 3));
	play_plain(&play, PDK_PACKET_NEWLEADER, Z(1, 0));
	play_work(&play);
	play_plain(&play, PDK_PACKET_UPTODATE, -1);
	CU_ASSERT_TRUE(play_sent_is(&play, PDK_PACKET_ACK, Z(1, 0)));
	CU_ASSERT_EQUAL(play.node->tree->len, 3);
	CU_ASSERT_FALSE(pdk_replica_serving(play.node->replica));
	play_plain(&play, PDK_PACKET_COMMIT, Z(1, 3));
	CU_ASSERT_TRUE(pdk_replica_serving(play.node->replica));
	world_free(play.world);
}

/* ZOOKEEPER-2678: the log has what a DIFF brought. ZOOKEEPER-1282: the epoch is new from NEWLEADER on, not from UPTODATE. */
static void
a_diff_is_logged_without_a_snapshot_and_the_epoch_is_new_before_uptodate(void)
{
	Play play = play_new();
	play_discover(&play, 2);
	play_plain(&play, PDK_PACKET_DIFF, Z(1, 2));
	for (int64_t i = 1; i <= 2; i++) {
		play_propose(&play, Z(1, i));
		play_plain(&play, PDK_PACKET_COMMIT, Z(1, i));
	}
	play_plain(&play, PDK_PACKET_NEWLEADER, Z(2, 0));
	play_work(&play);
	CU_ASSERT_EQUAL(play.node->disk.log->len, 2);
	CU_ASSERT_EQUAL(play.node->disk_current, 2);
	play_plain(&play, PDK_PACKET_UPTODATE, -1);
	play_work(&play);
	CU_ASSERT_EQUAL(play.world->snaps, 0);
	world_free(play.world);
}

/* ZOOKEEPER-4925: or this server, once it leads, hands on a history with a hole. */
static void
history_of_a_diff_can_be_handed_on(void)
{
	Play play = play_new();
	int64_t zxid;
	play_serve(&play, 1, 3);
	const PdkHistory *history = play.node->replica->history;
	CU_ASSERT_EQUAL(pdk_history_count(history), 3);
	pdk_history_at(history, 0, &zxid);
	CU_ASSERT_EQUAL(zxid, Z(1, 1));
	CU_ASSERT_EQUAL(pdk_history_last(history), Z(1, 3));
	world_free(play.world);
}

int
main(void)
{
	CU_initialize_registry();
	CU_pSuite suite = CU_add_suite("traps of a learner", NULL, NULL);
	CASE(a_vote_speaks_of_all_that_is_logged_and_of_the_epoch_it_stands_in);
	CASE(nobody_votes_with_what_is_not_on_disk_yet);
	CASE(the_vote_that_is_told_when_up_to_date_is_the_old_one_in_the_new_epoch);
	CASE(what_a_snapshot_holds_may_come_again_behind_it);
	CASE(the_list_of_members_is_put_into_the_tree_anew_behind_a_snapshot);
	CASE(a_target_that_falls_between_what_is_logged_is_not_taken_for_the_end);
	CASE(a_tree_ahead_of_a_log_that_was_cut_is_read_again_though_the_leader_went);
	CASE(a_tree_ahead_of_what_is_committed_is_not_served_from);
	CASE(a_diff_is_logged_without_a_snapshot_and_the_epoch_is_new_before_uptodate);
	CASE(history_of_a_diff_can_be_handed_on);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0;
}

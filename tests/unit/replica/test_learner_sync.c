/* SPDX-License-Identifier: Apache-2.0 */
/* What TRUNC and SNAP do to a learner's log and tree, also where they break off. Changes when one of the two does. */
#include "play.h"
#include <CUnit/Basic.h>

static void
a_tail_of_an_older_epoch_is_cut(void)
{
	Play play = play_serving(1, 2);
	play_propose(&play, Z(1, 3));
	play_leader_goes(&play);
	play_connect(&play);
	CU_ASSERT_TRUE(play_sent_is(&play, PDK_PACKET_FOLLOWERINFO, Z(1, 0)));
	play_leader_info(&play, 2);
	play_work(&play);
	CU_ASSERT_TRUE(play_sent_is(&play, PDK_PACKET_ACKEPOCH, Z(1, 3)));
	play_plain(&play, PDK_PACKET_TRUNC, Z(1, 2));
	play_plain(&play, PDK_PACKET_NEWLEADER, Z(2, 0));
	CU_ASSERT_EQUAL(play.node->disk.log->len, 3);
	play_work(&play);
	CU_ASSERT_EQUAL(play.node->disk.log->len, 2);
	CU_ASSERT_EQUAL(play.node->held->len, 0);
	CU_ASSERT_EQUAL(play.world->reloads, 0);
	CU_ASSERT_TRUE(play_sent_is(&play, PDK_PACKET_ACK, Z(2, 0)));
	world_free(play.world);
}

static void
a_tail_of_the_leaders_own_epoch_stays(void)
{
	Play play = play_serving(1, 2);
	play_propose(&play, Z(1, 3));
	play_propose(&play, Z(1, 4));
	play_next_leader(&play, 1);
	play_plain(&play, PDK_PACKET_TRUNC, Z(1, 2));
	play_propose(&play, Z(1, 3));
	play_plain(&play, PDK_PACKET_COMMIT, Z(1, 3));
	play_propose(&play, Z(1, 4));
	play_propose(&play, Z(1, 5));
	play_plain(&play, PDK_PACKET_NEWLEADER, Z(1, 0));
	play_work(&play);
	CU_ASSERT_EQUAL(play.world->truncs, 0);
	CU_ASSERT_EQUAL(play.node->disk.log->len, 5);
	CU_ASSERT_TRUE(play_sent_is(&play, PDK_PACKET_ACK, Z(1, 0)));
	play_plain(&play, PDK_PACKET_UPTODATE, -1);
	CU_ASSERT_TRUE(play_sent_is(&play, PDK_PACKET_ACK, Z(1, 0)));
	CU_ASSERT_TRUE(play_sent_is(&play, PDK_PACKET_ACK, Z(1, 4)));
	CU_ASSERT_TRUE(play_sent_is(&play, PDK_PACKET_ACK, Z(1, 5)));
	CU_ASSERT_EQUAL(play.node->tree->len, 3);
	world_free(play.world);
}

/* The snapshot alone holds what was committed before: it would go with the tail. */
static void
a_tail_behind_the_leaders_first_snapshot_stays(void)
{
	Play play = play_new();
	play_discover(&play, 2);
	play_whole_snapshot(&play, Z(2, 0));
	play_plain(&play, PDK_PACKET_NEWLEADER, Z(2, 0));
	play_work(&play);
	play_plain(&play, PDK_PACKET_UPTODATE, -1);
	play_propose(&play, Z(2, 1));
	play_next_leader(&play, 2);
	play_plain(&play, PDK_PACKET_TRUNC, Z(1, 9));
	play_propose(&play, Z(2, 1));
	play_plain(&play, PDK_PACKET_NEWLEADER, Z(2, 0));
	play_work(&play);
	CU_ASSERT_EQUAL(play.world->truncs, 0);
	CU_ASSERT_EQUAL(play.node->disk.snapshot_zxid, Z(2, 0));
	CU_ASSERT_EQUAL(play.node->disk.log->len, 1);
	CU_ASSERT_TRUE(play_sent_is(&play, PDK_PACKET_ACK, Z(2, 0)));
	world_free(play.world);
}

static void
a_tail_that_does_not_come_again_is_cut_the_next_time(void)
{
	Play play = play_serving(1, 2);
	play_propose(&play, Z(1, 3));
	play_next_leader(&play, 1);
	play_plain(&play, PDK_PACKET_TRUNC, Z(1, 2));
	play_plain(&play, PDK_PACKET_NEWLEADER, Z(1, 0));
	CU_ASSERT_TRUE(play_looks(&play));
	play_connect(&play);
	play_discover(&play, 1);
	play_plain(&play, PDK_PACKET_TRUNC, Z(1, 2));
	play_work(&play);
	CU_ASSERT_EQUAL(play.node->disk.log->len, 2);
	world_free(play.world);
}

static void
a_target_that_the_log_does_not_have_means_another_try(void)
{
	Play play = play_serving(2, 2);
	play_next_leader(&play, 3);
	play_plain(&play, PDK_PACKET_TRUNC, Z(1, 7));
	play_work(&play);
	CU_ASSERT_EQUAL(play.world->reloads, 1);
	CU_ASSERT_TRUE(play_looks(&play) || play.node->replica->learning.stage == PDK_LEARNER_DIALLING);
	play_connect(&play);
	play_discover(&play, 3);
	CU_ASSERT_EQUAL(play.node->replica->learning.base, 0);
	world_free(play.world);
}

static void
a_snapshot_is_durable_before_anything_is_logged_behind_it(void)
{
	Play play = play_serving(1, 2);
	play_next_leader(&play, 2);
	play_whole_snapshot(&play, Z(1, 9));
	play_propose(&play, Z(2, 1));
	CU_ASSERT_EQUAL(play.node->disk.log->len, 2);
	play_work(&play);
	CU_ASSERT_EQUAL(play.node->disk.log->len, 3);
	CU_ASSERT_EQUAL(play.node->disk.snapshot_zxid, Z(1, 9));
	play_plain(&play, PDK_PACKET_COMMIT, Z(2, 1));
	play_plain(&play, PDK_PACKET_NEWLEADER, Z(2, 0));
	play_work(&play);
	CU_ASSERT_TRUE(play_sent_is(&play, PDK_PACKET_ACK, Z(2, 0)));
	world_free(play.world);
}

static void
a_leaders_snapshot_goes_when_the_next_one_is_kept(void)
{
	Play play = play_new();
	play.node->disk.has_older = true;
	play_serve(&play, 1, 2);
	play_next_leader(&play, 2);
	play_whole_snapshot(&play, Z(1, 9));
	play_work(&play);
	/* No log has what it stands for. The next leader stands below it, and is lost before its own is here. */
	play_next_leader(&play, 3);
	play_snapshot(&play, Z(1, 5), 2);
	play_work(&play);
	CU_ASSERT_PTR_NOT_NULL(play.node->disk.snapshot);
	play_leader_goes(&play);
	play_work(&play);
	CU_ASSERT_EQUAL(play.node->applied, Z(1, 9));
	play_connect(&play);
	play_discover(&play, 4);
	play_snapshot(&play, Z(1, 5), 0);
	play_work(&play);
	play_finish_snapshot(&play, "BenWasHere");
	play_work(&play);
	CU_ASSERT_EQUAL(play.node->disk.snapshot_zxid, Z(1, 5));
	CU_ASSERT_EQUAL(play.world->truncs, 1);
	world_free(play.world);
}

/*
 * What is above the target is a leader's snapshot, and what is below it is in no log. Cut, this server would stand in that leader's
 * epoch with less than what others have committed, and be chosen for its epoch.
 */
static void
a_leaders_snapshot_is_not_cut_off_but_another_one_is_asked_for(void)
{
	Play play = play_new();
	int64_t zxid;
	int32_t value;
	play.node->disk.has_older = true;
	play_serve(&play, 1, 2);
	play_next_leader(&play, 2);
	play_whole_snapshot(&play, Z(1, 9));
	play_plain(&play, PDK_PACKET_NEWLEADER, Z(2, 0));
	play_work(&play);
	CU_ASSERT_EQUAL(play.node->disk_current, 2);
	play_next_leader(&play, 3);
	play_plain(&play, PDK_PACKET_TRUNC, Z(1, 8));
	play_work(&play);
	CU_ASSERT_EQUAL(play.world->truncs, 0);
	CU_ASSERT_EQUAL(play.node->disk.snapshot_zxid, Z(1, 9));
	play_connect(&play);
	CU_ASSERT_EQUAL(play.node->looked.zxid, Z(1, 9));
	CU_ASSERT_TRUE(play_sent_is(&play, PDK_PACKET_FOLLOWERINFO, Z(3, 0)));
	play_leader_info(&play, 3);
	CU_ASSERT_EQUAL(play_sent(&play, &zxid, &value), PDK_PACKET_ACKEPOCH);
	CU_ASSERT_TRUE(zxid == 0 && value == -1);
	play_snapshot(&play, Z(1, 8), 0);
	play_work(&play);
	CU_ASSERT_EQUAL(play.node->disk.snapshot_zxid, Z(1, 9));
	play_finish_snapshot(&play, "BenWasHere");
	play_plain(&play, PDK_PACKET_NEWLEADER, Z(3, 0));
	play_work(&play);
	CU_ASSERT_EQUAL(play.node->disk.snapshot_zxid, Z(1, 8));
	CU_ASSERT_EQUAL(play.world->truncs, 1);
	CU_ASSERT_TRUE(play_sent_is(&play, PDK_PACKET_ACK, Z(3, 0)));
	world_free(play.world);
}

/* A leader that sends something else to who says that it has nothing is left: taken for a DIFF, a tail would stay. */
static void
only_a_snapshot_will_do_for_who_asked_for_one(void)
{
	Play play = play_new();
	play.node->disk.has_older = true;
	play_discover(&play, 2);
	play_whole_snapshot(&play, Z(1, 9));
	play_work(&play);
	play_next_leader(&play, 3);
	play_plain(&play, PDK_PACKET_TRUNC, Z(1, 8));
	play_connect(&play);
	play_discover(&play, 3);
	play_plain(&play, PDK_PACKET_DIFF, Z(1, 8));
	CU_ASSERT_TRUE(play_looks(&play));
	/* Another leader is told what there is. */
	play_connect(&play);
	CU_ASSERT_TRUE(play_sent_is(&play, PDK_PACKET_FOLLOWERINFO, Z(3, 0)));
	play_leader_info(&play, 4);
	play_work(&play);
	CU_ASSERT_TRUE(play_sent_is(&play, PDK_PACKET_ACKEPOCH, Z(1, 9)));
	world_free(play.world);
}

static void
a_snapshot_below_all_others_is_kept_before_the_log_is_cut(void)
{
	Play play = play_serving(1, 2);
	play_next_leader(&play, 2);
	play_whole_snapshot(&play, Z(1, 9));
	play_work(&play);
	/* The next leader stands below it. It breaks off once: then all is as it was. */
	play_next_leader(&play, 3);
	play_snapshot(&play, Z(1, 5), 2);
	play_work(&play);
	CU_ASSERT_EQUAL(play.world->truncs, 0);
	play_leader_goes(&play);
	play_work(&play);
	CU_ASSERT_EQUAL(play.node->disk.snapshot_zxid, Z(1, 9));
	CU_ASSERT_EQUAL(play.node->applied, Z(1, 9));
	play_connect(&play);
	play_discover(&play, 4);
	play_snapshot(&play, Z(1, 5), 0);
	play_work(&play);
	play_finish_snapshot(&play, "BenWasHere");
	play_propose(&play, Z(4, 1));
	play_work(&play);
	CU_ASSERT_EQUAL(play.node->disk.snapshot_zxid, Z(1, 5));
	CU_ASSERT_EQUAL(play.world->truncs, 1);
	CU_ASSERT_EQUAL(play.node->disk.log->len, 3);
	CU_ASSERT_EQUAL(play.node->applied, Z(1, 5));
	world_free(play.world);
}

static void
what_a_leader_sends_waits_for_an_own_snapshot(void)
{
	Play play = play_serving(1, 2);
	play_next_leader(&play, 2);
	play.node->snapshotting = true;
	play_snapshot(&play, Z(1, 9), 0);
	CU_ASSERT_PTR_NULL(play.node->load);
	play.node->snapshotting = false;
	node_step_begin(play.node);
	pdk_replica_snapshot_over(play.node->replica);
	node_step_end(play.node);
	CU_ASSERT_PTR_NOT_NULL(play.node->load);
	/* So does reading the database again. */
	play.node->snapshotting = true;
	play_leader_goes(&play);
	play_work(&play);
	CU_ASSERT_EQUAL(play.world->reloads, 0);
	play.node->snapshotting = false;
	node_step_begin(play.node);
	pdk_replica_snapshot_over(play.node->replica);
	node_step_end(play.node);
	play_work(&play);
	CU_ASSERT_EQUAL(play.world->reloads, 1);
	world_free(play.world);
}

/* Else it would come into the tree once with the log, and once more when it is committed. */
static void
what_is_held_is_let_go_when_the_database_is_read_again(void)
{
	Play play = play_serving(1, 2);
	play_propose(&play, Z(1, 3));
	play_propose(&play, Z(1, 4));
	play_next_leader(&play, 2);
	play_plain(&play, PDK_PACKET_TRUNC, Z(1, 3));
	play_leader_goes(&play);
	play_work(&play);
	CU_ASSERT_TRUE(play_looks(&play));
	CU_ASSERT_EQUAL(play.world->reloads, 1);
	CU_ASSERT_EQUAL(play.node->tree->len, 3);
	CU_ASSERT_EQUAL(play.node->held->len, 0);
	world_free(play.world);
}

static void
half_a_snapshot_is_forgotten_before_the_next_vote(void)
{
	Play play = play_serving(1, 2);
	play_next_leader(&play, 2);
	play_snapshot(&play, Z(1, 9), 3);
	CU_ASSERT_EQUAL(play.node->tree->len, 0);
	play_leader_goes(&play);
	CU_ASSERT_TRUE(play_looks(&play));
	play_connect(&play);
	CU_ASSERT_EQUAL(play.world->reloads, 1);
	CU_ASSERT_EQUAL(play.node->tree->len, 2);
	CU_ASSERT_EQUAL(play.node->replica->learning.base, Z(1, 2));
	world_free(play.world);
}

static void
a_snapshot_without_its_signature_is_refused(void)
{
	Play play = play_new();
	play_discover(&play, 2);
	play_snapshot(&play, Z(1, 9), 0);
	play_finish_snapshot(&play, "BenWasNot!");
	CU_ASSERT_EQUAL(play.node->disk.snapshot, NULL);
	CU_ASSERT_TRUE(play_looks(&play));
	world_free(play.world);
}

int
main(void)
{
	CU_initialize_registry();
	CU_pSuite suite = CU_add_suite("synchronisation of a learner", NULL, NULL);
	CU_ADD_TEST(suite, a_tail_of_an_older_epoch_is_cut);
	CU_ADD_TEST(suite, a_tail_of_the_leaders_own_epoch_stays);
	CU_ADD_TEST(suite, a_tail_behind_the_leaders_first_snapshot_stays);
	CU_ADD_TEST(suite, a_tail_that_does_not_come_again_is_cut_the_next_time);
	CU_ADD_TEST(suite, a_target_that_the_log_does_not_have_means_another_try);
	CU_ADD_TEST(suite, a_snapshot_is_durable_before_anything_is_logged_behind_it);
	CU_ADD_TEST(suite, a_leaders_snapshot_goes_when_the_next_one_is_kept);
	CU_ADD_TEST(suite, a_leaders_snapshot_is_not_cut_off_but_another_one_is_asked_for);
	CU_ADD_TEST(suite, only_a_snapshot_will_do_for_who_asked_for_one);
	CU_ADD_TEST(suite, a_snapshot_below_all_others_is_kept_before_the_log_is_cut);
	CU_ADD_TEST(suite, what_a_leader_sends_waits_for_an_own_snapshot);
	CU_ADD_TEST(suite, what_is_held_is_let_go_when_the_database_is_read_again);
	CU_ADD_TEST(suite, half_a_snapshot_is_forgotten_before_the_next_vote);
	CU_ADD_TEST(suite, a_snapshot_without_its_signature_is_refused);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0;
}

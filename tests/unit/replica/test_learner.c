/* SPDX-License-Identifier: Apache-2.0 */
/* A learner, against a leader that is played packet by packet. */
#include "play.h"
#include <CUnit/Basic.h>

static void
the_epoch_is_durable_before_it_is_acked(void)
{
	Play play = play_new();
	int64_t zxid;
	int32_t value;
	CU_ASSERT_TRUE(play_sent_is(&play, PDK_PACKET_FOLLOWERINFO, 0));
	play_leader_info(&play, 5);
	CU_ASSERT_TRUE(play_silent(&play));
	play_work(&play);
	CU_ASSERT_EQUAL(play_sent(&play, &zxid, &value), PDK_PACKET_ACKEPOCH);
	CU_ASSERT_EQUAL(zxid, 0);
	CU_ASSERT_EQUAL(value, 0);
	CU_ASSERT_EQUAL(play.node->disk_accepted, 5);
	world_free(play.world);
}

/* The ACKEPOCH of server 1, when it holds nothing, to a leader of @vote; @length: of its data. */
static int64_t
first_ackepoch(bool trusted, bool unanimous, PdkVote vote, int32_t *length)
{
	Play play = play_new();
	PdkPacketCutter cutter;
	PdkPacket packet = {0};
	const char *why;
	play.node->replica->trusted = trusted;
	play.node->replica->unanimous = unanimous;
	play.node->replica->vote = vote;
	g_byte_array_set_size(play.world->tapped, 0);
	play_leader_info(&play, 5);
	play_work(&play);
	const uint8_t *data = play.world->tapped->data;
	size_t left = play.world->tapped->len;
	pdk_packet_cutter_init(&cutter, 1024);
	CU_ASSERT_EQUAL(pdk_packet_cut(&cutter, &data, &left, &packet, &why), PDK_CUT_PACKET);
	CU_ASSERT_EQUAL(packet.type, PDK_PACKET_ACKEPOCH);
	CU_ASSERT_TRUE(packet.data.length >= 4 && pdk_load_u32(packet.data.data) == 0);
	*length = packet.data.length;
	pdk_packet_cutter_clear(&cutter);
	world_free(play.world);
	return packet.zxid;
}

static void
a_voter_that_holds_nothing_does_not_count_for_a_java_leader_with_history(void)
{
	int32_t length;
	CU_ASSERT_EQUAL(first_ackepoch(false, false, (PdkVote){.leader = 3}, &length), 0);
	CU_ASSERT_EQUAL(length, 4);
	CU_ASSERT_EQUAL(first_ackepoch(false, false, (PdkVote){.leader = 3, .peer_epoch = 1}, &length), -1);
	CU_ASSERT_EQUAL(first_ackepoch(false, false, (PdkVote){.leader = 3, .zxid = 7}, &length), -1);
	CU_ASSERT_EQUAL(length, 4);
	CU_ASSERT_EQUAL(first_ackepoch(false, false, (PdkVote){.leader = 3, .zxid = -1, .peer_epoch = -1}, &length), 0);
	CU_ASSERT_EQUAL(first_ackepoch(false, true, (PdkVote){.leader = 3, .zxid = 7}, &length), 0);
	CU_ASSERT_EQUAL(length, 4);
	CU_ASSERT_EQUAL(first_ackepoch(true, false, (PdkVote){.leader = 3, .zxid = 7}, &length), 0);
	CU_ASSERT_EQUAL(length, 8);
}

/* Then it does not count anyway, and is brought up from what it says. */
static void
one_that_promised_the_epoch_before_says_what_it_has(void)
{
	Play play = play_new();
	int64_t zxid;
	int32_t value;
	play_discover(&play, 5);
	play_leader_goes(&play);
	play_connect(&play);
	play.node->replica->vote = (PdkVote){.leader = 3, .zxid = 7};
	g_byte_array_set_size(play.world->tapped, 0);
	play_leader_info(&play, 5);
	CU_ASSERT_EQUAL(play_sent(&play, &zxid, &value), PDK_PACKET_ACKEPOCH);
	CU_ASSERT_TRUE(zxid == 0 && value == -1);
	world_free(play.world);
}

static void
after_its_first_synchronisation_it_counts(void)
{
	Play play = play_new();
	int64_t zxid;
	int32_t value;
	play_serve(&play, 1, 0);
	CU_ASSERT_FALSE(pdk_fresh_learner(play.node->replica));
	play_leader_goes(&play);
	play_connect(&play);
	play.node->replica->vote = (PdkVote){.leader = 3, .peer_epoch = 1};
	g_byte_array_set_size(play.world->tapped, 0);
	play_leader_info(&play, 2);
	play_work(&play);
	CU_ASSERT_EQUAL(play_sent(&play, &zxid, &value), PDK_PACKET_ACKEPOCH);
	CU_ASSERT_EQUAL(zxid, 0);
	CU_ASSERT_EQUAL(value, 1);
	world_free(play.world);
}

static void
who_waits_because_it_holds_nothing_is_told_what_to_do(void)
{
	Play play = play_new();
	play.world->talk = true;
	play.node->replica->params.log_dir = "/var/log/x";
	play.node->replica->vote = (PdkVote){.leader = 3, .zxid = 7};
	play_discover(&play, 5);
	play_turn(&play);
	CU_ASSERT_EQUAL(play.node->replica->fresh_say_us, 0);
	play.world->now_us += play.node->replica->params.tick_ms * 1000;
	play_turn(&play);
	CU_ASSERT_TRUE(play.node->replica->fresh_say_us > play.world->now_us);
	world_free(play.world);
}

static void
an_epoch_accepted_before_is_not_acked_as_new(void)
{
	Play play = play_new();
	int64_t zxid;
	int32_t value;
	play_discover(&play, 5);
	play_leader_goes(&play);
	play_connect(&play);
	CU_ASSERT_TRUE(play_sent_is(&play, PDK_PACKET_FOLLOWERINFO, Z(5, 0)));
	play_leader_info(&play, 5);
	CU_ASSERT_EQUAL(play_sent(&play, &zxid, &value), PDK_PACKET_ACKEPOCH);
	CU_ASSERT_EQUAL(value, -1);
	world_free(play.world);
}

static void
an_older_epoch_is_refused(void)
{
	Play play = play_new();
	play_discover(&play, 5);
	play_leader_goes(&play);
	play_connect(&play);
	play_leader_info(&play, 4);
	CU_ASSERT_TRUE(play_looks(&play));
	world_free(play.world);
}

static void
history_then_the_epoch_are_durable_before_newleader_is_acked(void)
{
	Play play = play_new();
	play_discover(&play, 1);
	play_plain(&play, PDK_PACKET_DIFF, Z(0, 2));
	play_propose(&play, 1);
	play_plain(&play, PDK_PACKET_COMMIT, 1);
	play_propose(&play, 2);
	play_plain(&play, PDK_PACKET_COMMIT, 2);
	play_plain(&play, PDK_PACKET_NEWLEADER, Z(1, 0));
	CU_ASSERT_EQUAL(play.node->jobs.length, 2); /* the log, twice; not the epoch */
	disk_work(play.node);
	CU_ASSERT_EQUAL(play.node->jobs.length, 1);
	disk_work(play.node);
	CU_ASSERT_TRUE(play_silent(&play));
	CU_ASSERT_EQUAL(play.node->jobs.length, 1);
	disk_work(play.node);
	CU_ASSERT_EQUAL(play.node->disk_current, 1);
	CU_ASSERT_TRUE(play_sent_is(&play, PDK_PACKET_ACK, Z(1, 0)));
	CU_ASSERT_TRUE(play_silent(&play));
	CU_ASSERT_EQUAL(play.node->tree->len, 0);
	play_plain(&play, PDK_PACKET_UPTODATE, -1);
	CU_ASSERT_TRUE(play_sent_is(&play, PDK_PACKET_ACK, Z(1, 0)));
	CU_ASSERT_TRUE(play_silent(&play)); /* no acks of history */
	CU_ASSERT_EQUAL(play.node->tree->len, 2);
	CU_ASSERT_TRUE(play.node->serving);
	world_free(play.world);
}

static void
outstanding_proposals_are_acked_one_by_one_behind_uptodate(void)
{
	Play play = play_new();
	play_discover(&play, 1);
	play_plain(&play, PDK_PACKET_DIFF, 0);
	play_propose(&play, 1);
	play_plain(&play, PDK_PACKET_COMMIT, 1);
	play_propose(&play, 2);
	play_plain(&play, PDK_PACKET_NEWLEADER, Z(1, 0));
	play_propose(&play, 3);
	play_plain(&play, PDK_PACKET_COMMIT, 2); /* between NEWLEADER and UPTODATE: ZOOKEEPER-4394 */
	play_plain(&play, PDK_PACKET_PING, 3);
	play_work(&play);
	CU_ASSERT_TRUE(play_sent_is(&play, PDK_PACKET_ACK, Z(1, 0)));
	CU_ASSERT_TRUE(play_silent(&play));
	play_plain(&play, PDK_PACKET_UPTODATE, -1);
	CU_ASSERT_TRUE(play_sent_is(&play, PDK_PACKET_ACK, Z(1, 0)));
	CU_ASSERT_TRUE(play_sent_is(&play, PDK_PACKET_ACK, 2));
	CU_ASSERT_TRUE(play_sent_is(&play, PDK_PACKET_ACK, 3));
	CU_ASSERT_TRUE(play_silent(&play));
	CU_ASSERT_EQUAL(play.node->tree->len, 2);
	play_plain(&play, PDK_PACKET_COMMIT, 3);
	CU_ASSERT_EQUAL(play.node->tree->len, 3);
	world_free(play.world);
}

static void
a_proposal_is_acked_when_it_is_durable(void)
{
	Play play = play_serving(1, 2);
	play_propose(&play, Z(1, 3));
	play_propose(&play, Z(1, 4));
	CU_ASSERT_TRUE(play_silent(&play));
	disk_work(play.node);
	CU_ASSERT_TRUE(play_sent_is(&play, PDK_PACKET_ACK, Z(1, 3)));
	CU_ASSERT_TRUE(play_silent(&play));
	play_plain(&play, PDK_PACKET_COMMIT, Z(1, 3));
	play_plain(&play, PDK_PACKET_COMMIT, Z(1, 4)); /* others were enough */
	CU_ASSERT_EQUAL(play.node->tree->len, 4);
	play_work(&play);
	CU_ASSERT_TRUE(play_sent_is(&play, PDK_PACKET_ACK, Z(1, 4)));
	world_free(play.world);
}

static void
a_hole_in_the_proposals_ends_following(void)
{
	Play play = play_serving(1, 2);
	play_propose(&play, Z(1, 4));
	CU_ASSERT_TRUE(play_looks(&play));
	CU_ASSERT_EQUAL(play.node->quiesced, 1);
	world_free(play.world);
}

static void
a_commit_of_another_than_the_oldest_ends_following(void)
{
	Play play = play_serving(1, 2);
	play_propose(&play, Z(1, 3));
	play_propose(&play, Z(1, 4));
	play_plain(&play, PDK_PACKET_COMMIT, Z(1, 4));
	CU_ASSERT_TRUE(play_looks(&play));
	CU_ASSERT_EQUAL(play.node->tree->len, 2);
	world_free(play.world);
}

static void
a_ping_is_answered_with_data_that_is_not_null(void)
{
	Play play = play_serving(1, 0);
	for (unsigned i = 0; i < 20; i++) {
		int64_t zxid;
		int32_t length = -2;
		play_plain(&play, PDK_PACKET_PING, 9);
		CU_ASSERT_EQUAL(play_sent(&play, &zxid, &length), PDK_PACKET_PING);
		CU_ASSERT_EQUAL(zxid, 9);
		CU_ASSERT_NOT_EQUAL(length, -1);
	}
	world_free(play.world);
}

static void
a_silent_leader_is_left_after_the_sync_limit(void)
{
	Play play = play_serving(1, 0);
	play.world->now_us += 5 * WORLD_TICK_MS * 1000 - 1;
	play_turn(&play);
	CU_ASSERT_FALSE(play_looks(&play));
	play.world->now_us += 1;
	play_turn(&play);
	CU_ASSERT_FALSE(play.node->serving);
	world_free(play.world);
}

/* Servers 1 and 2 stay, 2 is to lead. */
static void
name_leader(Play *play)
{
	uint8_t designated[8];
	play_serve(play, 1, 2);
	play_propose_members(play, Z(1, 3), "server.1=10.0.0.1:2001:3001:participant\n"
				       "server.2=10.0.0.2:2002:3002:participant\nversion=100000003");
	play_work(play);
	CU_ASSERT_TRUE(play_sent_is(play, PDK_PACKET_ACK, Z(1, 3)));
	pdk_store_u64(designated, 2);
	play_tell(play, PDK_PACKET_COMMIT_AND_ACTIVATE, Z(1, 3), designated, sizeof designated);
}

static void
a_leader_named_by_a_reconfiguration_is_followed_without_an_election(void)
{
	Play play = play_with(true);
	name_leader(&play);
	CU_ASSERT_EQUAL(play.node->tree->len, 3);
	CU_ASSERT_EQUAL(play.node->quiesced, 1);
	CU_ASSERT_EQUAL(pdk_replica_role(play.node->replica), PDK_PEER_FOLLOWING);
	CU_ASSERT_EQUAL(play.node->replica->vote.leader, 2);
	CU_ASSERT_EQUAL(pdk_members_count(pdk_replica_members(play.node->replica)), 2);
	play_connect(&play);
	play_discover(&play, 2);
	CU_ASSERT_EQUAL(play.node->disk_accepted, 2);
	world_free(play.world);
}

/* It hears of the commit after this server did. */
static void
a_named_leader_that_does_not_lead_yet_is_dialled_again(void)
{
	Play play = play_with(true);
	name_leader(&play);
	play_connect(&play);
	play_leader_goes(&play);
	CU_ASSERT_FALSE(play_looks(&play));
	play_connect(&play);
	play_discover(&play, 2);
	CU_ASSERT_EQUAL(play.node->disk_accepted, 2);
	play_leader_goes(&play);
	CU_ASSERT_TRUE(play_looks(&play));
	world_free(play.world);
}

static void
a_taken_port_is_tried_again_and_then_ends_the_server(void)
{
	Play play = play_new();
	play.world->may_fail = true;
	for (unsigned i = 0; i < 3; i++) {
		CU_ASSERT_PTR_NULL(play.world->fatal);
		play.node->listens[PDK_PURPOSE_QUORUM] = false;
		if (i == 0) {
			node_step_begin(play.node);
			pdk_replica_listen(play.node->replica, PDK_PURPOSE_QUORUM, true);
			node_step_end(play.node);
		} else {
			play.world->now_us += 1000000;
			play_turn(&play);
		}
		CU_ASSERT_TRUE(play.node->listens[PDK_PURPOSE_QUORUM]);
		node_step_begin(play.node);
		pdk_replica_listening(play.node->replica, PDK_PURPOSE_QUORUM, "in use");
		if (i == 0) /* the first one, of begin */
			pdk_replica_listening(play.node->replica, PDK_PURPOSE_QUORUM, NULL);
		node_step_end(play.node);
	}
	CU_ASSERT_PTR_NOT_NULL(play.world->fatal);
	world_free(play.world);
}

/* What join says to these records. */
static bool
joins(const char *accepted, const char *current, int64_t last_logged, int64_t *found)
{
	World *world = world_new(3, 0, 1);
	Node *node = &world->nodes[1];
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) a = accepted ? g_bytes_new(accepted, strlen(accepted)) : NULL;
	g_autoptr(GBytes) c = current ? g_bytes_new(current, strlen(current)) : NULL;
	world_start(world, 1);
	PdkReplicaParams params = node->replica->params;
	params.committed = world->members;
	g_autoptr(PdkReplica) replica = pdk_replica_new(&params, &node->replica->hooks, 1);
	bool joined = pdk_replica_join(replica, world->election_ops, node->election, a, c, last_logged, &error);
	*found = replica->current_epoch;
	CU_ASSERT_TRUE(joined || error != NULL);
	g_clear_pointer(&replica, pdk_replica_free);
	world_free(world);
	return joined;
}

static void
epochs_that_contradict_the_log_are_refused(void)
{
	int64_t current;
	CU_ASSERT_TRUE(joins(NULL, NULL, Z(3, 9), &current));
	CU_ASSERT_EQUAL(current, 3);
	CU_ASSERT_TRUE(joins("7", "3", Z(3, 9), &current));
	CU_ASSERT_TRUE(joins("4\n", "3", Z(4, 9), &current)); /* the crash between history and currentEpoch */
	CU_ASSERT_EQUAL(current, 4);
	CU_ASSERT_TRUE(joins("4", "0", Z(4, 9), &current)); /* the same in the first synchronisation: it still holds nothing */
	CU_ASSERT_EQUAL(current, 0);
	CU_ASSERT_FALSE(joins("3", "0", Z(4, 9), &current));
	CU_ASSERT_FALSE(joins("3", "3", Z(4, 9), &current));
	CU_ASSERT_FALSE(joins("2", "3", Z(2, 9), &current));
	CU_ASSERT_FALSE(joins("", "3", Z(2, 9), &current));
	CU_ASSERT_FALSE(joins("4x", "3", Z(2, 9), &current));
	CU_ASSERT_FALSE(joins("5", "-1", 0, &current));
}

int
main(void)
{
	CU_initialize_registry();
	CU_pSuite suite = CU_add_suite("learner", NULL, NULL);
	CU_ADD_TEST(suite, the_epoch_is_durable_before_it_is_acked);
	CU_ADD_TEST(suite, a_voter_that_holds_nothing_does_not_count_for_a_java_leader_with_history);
	CU_ADD_TEST(suite, one_that_promised_the_epoch_before_says_what_it_has);
	CU_ADD_TEST(suite, after_its_first_synchronisation_it_counts);
	CU_ADD_TEST(suite, who_waits_because_it_holds_nothing_is_told_what_to_do);
	CU_ADD_TEST(suite, an_epoch_accepted_before_is_not_acked_as_new);
	CU_ADD_TEST(suite, an_older_epoch_is_refused);
	CU_ADD_TEST(suite, history_then_the_epoch_are_durable_before_newleader_is_acked);
	CU_ADD_TEST(suite, outstanding_proposals_are_acked_one_by_one_behind_uptodate);
	CU_ADD_TEST(suite, a_proposal_is_acked_when_it_is_durable);
	CU_ADD_TEST(suite, a_hole_in_the_proposals_ends_following);
	CU_ADD_TEST(suite, a_commit_of_another_than_the_oldest_ends_following);
	CU_ADD_TEST(suite, a_ping_is_answered_with_data_that_is_not_null);
	CU_ADD_TEST(suite, a_silent_leader_is_left_after_the_sync_limit);
	CU_ADD_TEST(suite, a_leader_named_by_a_reconfiguration_is_followed_without_an_election);
	CU_ADD_TEST(suite, a_named_leader_that_does_not_lead_yet_is_dialled_again);
	CU_ADD_TEST(suite, a_taken_port_is_tried_again_and_then_ends_the_server);
	CU_ADD_TEST(suite, epochs_that_contradict_the_log_are_refused);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0;
}

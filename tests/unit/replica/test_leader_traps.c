/* SPDX-License-Identifier: Apache-2.0 */
/* Traps of the protocol on a leader's side, each a bug or hazard of Apache ZooKeeper. Changes when one is added. */
#include "leader_world.h"

static World *
lead_in_epoch_2(Peer **peer)
{
	World *world = world_new(&(Start){.current = 1, .history = 5});
	*peer = peer_joins(world, PDK_PACKET_FOLLOWERINFO, 2, zx(1, 5));
	CU_ASSERT_TRUE(world->serving);
	CU_ASSERT_TRUE(peer_gets(*peer, PDK_PACKET_UPTODATE, -1));
	return world;
}

/* -1 in ACKEPOCH: it had promised the epoch before. It is not counted, so it is no reason to stop either. */
static void
who_promised_before_is_not_called_ahead(void)
{
	g_autoptr(World) world = world_new(&(Start){.current = 1, .history = 5});
	Peer *peer = peer_connect(world);
	peer_hello(world, peer, PDK_PACKET_FOLLOWERINFO, 2, 1);
	peer_ackepoch(world, peer, zx(1, 9), -1);
	CU_ASSERT_FALSE(peer->closed);
	CU_ASSERT_FALSE(world->replica->leading.electing_finished);
}

/* Its tail cannot be committed any more: a quorum has promised. */
static void
who_comes_behind_the_quorum_is_not_called_ahead_but_cut(void)
{
	Peer *peer;
	g_autoptr(World) world = lead_in_epoch_2(&peer);
	Peer *late = peer_connect(world);
	peer_hello(world, late, PDK_PACKET_FOLLOWERINFO, 3, 1);
	peer_ackepoch(world, late, zx(1, 9), 1);
	CU_ASSERT_FALSE(late->closed);
	CU_ASSERT_TRUE(peer_gets(late, PDK_PACKET_LEADERINFO, zx(2, 0)));
	CU_ASSERT_TRUE(peer_gets(late, PDK_PACKET_TRUNC, zx(1, 5)));
}

/* ZOOKEEPER-2325: an empty database that was not meant to be empty. */
static void
an_untrusted_database_does_not_help_to_form_an_epoch(void)
{
	g_autoptr(World) world = world_new(&(Start){0});
	Peer *peer = peer_connect(world);
	peer_hello(world, peer, PDK_PACKET_FOLLOWERINFO, 2, 0);
	peer_ackepoch(world, peer, -1, 0);
	CU_ASSERT_FALSE(world->replica->leading.electing_finished);
}

/* UPTODATE is acked with the zxid of NEWLEADER, and old releases ack with that of another epoch. */
static void
acks_with_counter_0_move_nothing_once_newleader_was_acked(void)
{
	Peer *peer;
	g_autoptr(World) world = lead_in_epoch_2(&peer);
	int64_t zxid = world_propose(world);
	world_synced(world, zxid);
	peer_drain(peer);
	peer_ack(world, peer, zx(2, 0));
	peer_ack(world, peer, zx(3, 0));
	CU_ASSERT_FALSE(peer->closed);
	CU_ASSERT_TRUE(peer_silent(peer));
	CU_ASSERT_NOT_EQUAL(world->committed, zxid);
}

/* A reconfiguration that did not get through: its voters have a say in whether this leader stands. */
static void
a_list_that_was_seen_has_a_say_in_newleader_too(void)
{
	g_autoptr(World) world = world_new(&(Start){.reconfig = true, .looks = true});
	g_autoptr(PdkMembers) grown = NULL;
	PdkMembersRules rules = world->replica->params.rules;
	static const char text[] = "server.1=127.0.0.1:2881:3881\nserver.4=127.0.0.1:2884:3884\nserver.5=127.0.0.1:2885:3885\n"
				   "version=100000001";
	rules.version_allowed = true;
	grown = pdk_members_parse(text, strlen(text), &rules, NULL);
	pdk_change_seen(world->replica, grown);
	world_elect(world);
	peer_joins(world, PDK_PACKET_FOLLOWERINFO, 2, 0);
	CU_ASSERT_TRUE(world->replica->leading.electing_finished);
	CU_ASSERT_FALSE(world->serving);
	peer_joins(world, PDK_PACKET_FOLLOWERINFO, 4, 0);
	CU_ASSERT_TRUE(world->serving);
}

/* Zab promises it to who connects from the moment on at which its history was put together, not from its ack on. */
static void
what_is_proposed_while_a_learner_is_brought_up_reaches_it(void)
{
	Peer *peer;
	g_autoptr(World) world = lead_in_epoch_2(&peer);
	int64_t first = world_propose(world);
	Peer *late = peer_connect(world);
	peer_hello(world, late, PDK_PACKET_FOLLOWERINFO, 3, 1);
	peer_ackepoch(world, late, zx(1, 5), 1);
	int64_t second = world_propose(world);
	CU_ASSERT_TRUE(peer_gets(late, PDK_PACKET_LEADERINFO, zx(2, 0)));
	CU_ASSERT_TRUE(peer_gets(late, PDK_PACKET_DIFF, zx(1, 5)));
	CU_ASSERT_TRUE(peer_gets(late, PDK_PACKET_PROPOSAL, first));
	CU_ASSERT_TRUE(peer_gets(late, PDK_PACKET_NEWLEADER, zx(2, 0)));
	CU_ASSERT_TRUE(peer_gets(late, PDK_PACKET_PROPOSAL, second));
	peer_ack(world, late, zx(2, 0));
	CU_ASSERT_TRUE(peer_gets(late, PDK_PACKET_UPTODATE, -1));
	CU_ASSERT_TRUE(peer_silent(late));
}

int
main(void)
{
	CU_initialize_registry();
	CU_pSuite suite = CU_add_suite("traps of a leader", NULL, NULL);
	CASE(who_promised_before_is_not_called_ahead);
	CASE(who_comes_behind_the_quorum_is_not_called_ahead_but_cut);
	CASE(an_untrusted_database_does_not_help_to_form_an_epoch);
	CASE(acks_with_counter_0_move_nothing_once_newleader_was_acked);
	CASE(a_list_that_was_seen_has_a_say_in_newleader_too);
	CASE(what_is_proposed_while_a_learner_is_brought_up_reaches_it);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0;
}

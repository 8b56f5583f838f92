/* SPDX-License-Identifier: Apache-2.0 */
/* Proves what a leader makes of voters that hold nothing, and when it gives way to a better one. */
#include "leader_world.h"

#define FIVE                                                                                                               \
	"server.1=127.0.0.1:2881:3881\nserver.2=127.0.0.1:2882:3882\nserver.3=127.0.0.1:2883:3883\n"                        \
	"server.4=127.0.0.1:2884:3884\nserver.5=127.0.0.1:2885:3885\n"
#define WEIGHTS                                                                                                            \
	"server.1=127.0.0.1:2881:3881\nserver.2=127.0.0.1:2882:3882\nserver.3=127.0.0.1:2883:3883\n"                        \
	"server.4=127.0.0.1:2884:3884\ngroup.1=1:2:3:4\nweight.1=1\nweight.2=1\nweight.3=1\nweight.4=0\n"

/* A leader with the txns 1 to 5 of epoch 1. */
static const Start whole = {.current = 1, .history = 5};

static Peer *
greets(World *world, int64_t sid, int64_t accepted)
{
	Peer *peer = peer_connect(world);
	peer_hello(world, peer, PDK_PACKET_FOLLOWERINFO, sid, accepted);
	return peer;
}

static Peer *
says(World *world, int64_t sid, int64_t last_zxid, int32_t current)
{
	Peer *peer = greets(world, sid, 1);
	peer_ackepoch(world, peer, last_zxid, current);
	return peer;
}

static bool
accepted(const World *world)
{
	return world->replica->leading.electing_finished;
}

static void
a_voter_without_history_does_not_count_beside_one_with(void)
{
	g_autoptr(World) world = world_new(&whole);
	Peer *fresh = says(world, 2, 0, 0);
	CU_ASSERT_FALSE(accepted(world));
	CU_ASSERT_FALSE(fresh->closed);
	says(world, 3, zx(1, 4), 1);
	CU_ASSERT_TRUE(accepted(world));

	/* As ours say it, so that a Java leader does not count it. */
	g_autoptr(World) again = world_new(&whole);
	says(again, 2, -1, 0);
	CU_ASSERT_FALSE(accepted(again));
}

static void
five_want_a_quorum_with_history(void)
{
	Start start = whole;
	start.members = FIVE;
	g_autoptr(World) world = world_new(&start);
	Peer *whole_one = greets(world, 2, 1), *fresh = greets(world, 3, 0);
	peer_ackepoch(world, fresh, 0, 0);
	peer_ackepoch(world, whole_one, zx(1, 5), 1);
	CU_ASSERT_FALSE(accepted(world));
	says(world, 4, zx(1, 5), 1);
	CU_ASSERT_TRUE(accepted(world));
}

static void
when_all_voters_are_heard_those_without_history_count(void)
{
	g_autoptr(World) world = world_new(&whole);
	Peer *a = says(world, 2, 0, 0);
	CU_ASSERT_TRUE(peer_gets(a, PDK_PACKET_LEADERINFO, zx(2, 0)));
	says(world, 3, -1, 0);
	CU_ASSERT_TRUE(accepted(world));
	peer_drain(a);
	peer_ack(world, a, zx(2, 0));
	CU_ASSERT_TRUE(world->serving);
}

static void
one_that_promised_before_was_not_heard(void)
{
	g_autoptr(World) world = world_new(&whole);
	says(world, 2, 0, 0);
	says(world, 3, zx(1, 5), -1);
	CU_ASSERT_FALSE(accepted(world));
}

static void
one_whose_connection_is_gone_was_not_heard(void)
{
	g_autoptr(World) world = world_new(&whole);
	Peer *fresh = says(world, 2, 0, 0);
	peer_close(world, fresh);
	says(world, 3, 0, 0);
	CU_ASSERT_FALSE(accepted(world));
}

static void
observers_strangers_and_voters_without_weight_need_not_be_heard(void)
{
	Start start = whole;
	start.members = WEIGHTS;
	g_autoptr(World) world = world_new(&start);
	says(world, 2, 0, 0);
	says(world, 9, zx(1, 5), 1);
	CU_ASSERT_FALSE(accepted(world));
	says(world, 3, 0, 0);
	CU_ASSERT_TRUE(accepted(world));
}

static void
one_whose_first_synchronisation_broke_off_holds_nothing(void)
{
	g_autoptr(World) world = world_new(&whole);
	says(world, 2, zx(1, 3), 0);
	CU_ASSERT_FALSE(accepted(world));

	/* What was logged stand-alone is history. */
	g_autoptr(World) alone = world_new(&(Start){.history = 5});
	says(alone, 2, zx(0, 3), 0);
	CU_ASSERT_TRUE(accepted(alone));
}

static void
where_an_operator_said_so_it_counts(void)
{
	g_autoptr(World) world = world_new(&whole);
	Peer *trusted = greets(world, 2, 0);
	peer_send(world, trusted, PDK_PACKET_ACKEPOCH, 0, "\0\0\0\0\0\0\0\1", 8);
	CU_ASSERT_TRUE(accepted(world));

	g_autoptr(World) other = world_new(&whole);
	Peer *odd = greets(other, 2, 0);
	peer_send(other, odd, PDK_PACKET_ACKEPOCH, 0, "\0\0\0\0\0\0\0\0", 8);
	CU_ASSERT_FALSE(accepted(other));
}

static void
the_operator_is_told_after_a_tick_and_then_once_a_minute(void)
{
	g_autoptr(World) world = world_new(&whole);
	unsigned lines = 0;
	for (unsigned i = 0; i < 2 * 60 * 1000000 / (INIT_TICKS * TICK_US); i++) {
		says(world, 2, 0, 0);
		world_wait(world, TICK_US / 2);
		CU_ASSERT_TRUE(i > 0 || !world_said(world, "holds nothing"));
		world_wait(world, INIT_TICKS * TICK_US);
		world_elect(world);
	}
	for (guint i = 0; i < world->said->len; i++)
		lines += strstr(g_ptr_array_index(world->said, i), "server 2 holds nothing") != NULL;
	CU_ASSERT_EQUAL(lines, 3);
	CU_ASSERT_TRUE(world_said(world, "missing: 3; if this is its first start"));
}

/* ---- giving way ---- */

static void
a_leader_that_needs_one_ahead_gives_way_at_once(void)
{
	g_autoptr(World) world = world_new(&whole);
	says(world, 2, 0, 0);
	Peer *ahead = says(world, 3, zx(1, 6), 1);
	CU_ASSERT_TRUE(ahead->closed);
	CU_ASSERT_TRUE(world_looks(world));
	CU_ASSERT_TRUE(world_said(world, "leading ends: a follower is ahead of it"));
}

static void
so_does_one_whose_epoch_was_promised_by_others_and_takes_a_higher_one(void)
{
	g_autoptr(World) world = world_new(&whole);
	says(world, 2, 0, 0);
	greets(world, 3, 20);
	CU_ASSERT_TRUE(world_looks(world));
	CU_ASSERT_TRUE(world_said(world, "leading ends: a follower has accepted a higher epoch, and no quorum"));
	world_elect(world);
	Peer *fresh = greets(world, 2, 2);
	CU_ASSERT_TRUE(peer_gets(fresh, PDK_PACKET_LEADERINFO, zx(21, 0)));
}

static void
so_does_one_whose_very_epoch_was_promised_to_another(void)
{
	g_autoptr(World) world = world_new(&whole);
	says(world, 2, 0, 0);
	greets(world, 3, 2);
	CU_ASSERT_TRUE(world_looks(world));
	CU_ASSERT_TRUE(world_said(world, "leading ends: a follower has promised this very epoch before"));
	world_elect(world);
	Peer *fresh = greets(world, 2, 2);
	CU_ASSERT_TRUE(peer_gets(fresh, PDK_PACKET_LEADERINFO, zx(3, 0)));
}

static void
who_promised_this_epoch_to_this_leader_may_come_again(void)
{
	Start start = whole;
	start.members = FIVE;
	g_autoptr(World) world = world_new(&start);
	Peer *two = greets(world, 2, 1);
	greets(world, 3, 1);
	peer_ackepoch(world, two, zx(1, 5), 1);
	CU_ASSERT_FALSE(accepted(world));
	peer_close(world, two);
	greets(world, 2, 2);
	world_wait(world, 4 * TICK_US);
	CU_ASSERT_FALSE(world_looks(world));
}

static void
others_have_a_while_to_accept_a_leader_that_one_is_ahead_of(void)
{
	g_autoptr(World) world = world_new(&whole);
	Peer *two = greets(world, 2, 1);
	says(world, 3, zx(1, 6), 1);
	world_wait(world, TICK_US / 2 - 1000);
	CU_ASSERT_FALSE(world_looks(world));
	peer_ackepoch(world, two, zx(1, 5), 1);
	CU_ASSERT_TRUE(accepted(world));
	world_wait(world, TICK_US);
	CU_ASSERT_FALSE(world_looks(world));
}

static void
each_time_in_vain_the_others_have_longer(void)
{
	g_autoptr(World) world = world_new(&whole);
	for (unsigned i = 0; i < 3; i++) {
		greets(world, 2, 1);
		says(world, 3, zx(1, 6), 1);
		world_wait(world, (TICK_US / 2 << i) - 1000);
		CU_ASSERT_FALSE(world_looks(world));
		world_wait(world, 2000);
		CU_ASSERT_TRUE(world_looks(world));
		world_elect(world);
	}
}

static void
it_gives_way_to_nobody_who_could_not_lead(void)
{
	Start start = whole;
	start.members = WEIGHTS;
	g_autoptr(World) world = world_new(&start);
	says(world, 2, 0, 0);
	Peer *weightless = says(world, 4, zx(1, 6), 1), *stranger = says(world, 9, zx(1, 6), 1);
	CU_ASSERT_TRUE(weightless->closed && stranger->closed);
	world_wait(world, 2 * TICK_US);
	CU_ASSERT_FALSE(world_looks(world));
}

/* ---- once it is established ---- */

/* Server 2 follows; after so many ticks @sid says which epoch it has accepted. */
static World *
serves_and_hears(unsigned ticks, PdkPacketType type, int64_t sid, int64_t accepted)
{
	World *world = world_new(&(Start){
		.members = "server.1=127.0.0.1:2881:3881\nserver.2=127.0.0.1:2882:3882\nserver.3=127.0.0.1:2883:3883\n"
			   "server.4=127.0.0.1:2884:3884:observer\n",
		.current = 1,
		.history = 5,
	});
	Peer *follower = peer_joins(world, PDK_PACKET_FOLLOWERINFO, 2, zx(1, 5));
	for (unsigned i = 0; i < 2 * ticks; i++) {
		world_wait(world, TICK_US / 2);
		peer_send(world, follower, PDK_PACKET_PING, 0, NULL, 0);
	}
	CU_ASSERT_TRUE(world->serving);
	Peer *late = peer_connect(world);
	peer_hello(world, late, type, sid, accepted);
	return world;
}

static void
who_promised_a_higher_epoch_is_not_shut_out_for_ever(void)
{
	static const PdkPacketType types[] = {PDK_PACKET_FOLLOWERINFO, PDK_PACKET_OBSERVERINFO};
	for (int64_t sid = 3; sid <= 4; sid++) {
		g_autoptr(World) world = serves_and_hears(INIT_TICKS, types[sid - 3], sid, 20);
		CU_ASSERT_TRUE(world_looks(world));
		CU_ASSERT_TRUE(world_said(world, "leading ends: a member has accepted a higher epoch"));
		world_elect(world);
		Peer *two = greets(world, 2, 2);
		CU_ASSERT_TRUE(peer_gets(two, PDK_PACKET_LEADERINFO, zx(21, 0)));
	}
}

static void
the_others_are_brought_up_first(void)
{
	g_autoptr(World) world = serves_and_hears(INIT_TICKS - 1, PDK_PACKET_FOLLOWERINFO, 3, 20);
	CU_ASSERT_FALSE(world_looks(world));
	CU_ASSERT_TRUE(world->serving);
}

static void
it_leads_on_for_strangers_and_for_those_who_can_follow(void)
{
	g_autoptr(World) stranger = serves_and_hears(INIT_TICKS, PDK_PACKET_FOLLOWERINFO, 9, 20);
	CU_ASSERT_FALSE(world_looks(stranger));
	g_autoptr(World) promised = serves_and_hears(INIT_TICKS, PDK_PACKET_FOLLOWERINFO, 3, 2);
	CU_ASSERT_FALSE(world_looks(promised));
}

/* ---- beside a leader that leads already ---- */

/* Server 2 follows, and server 3 says what it has. */
static World *
leads_and_hears(Peer **follower, Peer **late, int64_t last_zxid, int32_t current)
{
	World *world = world_new(&whole);
	*follower = peer_joins(world, PDK_PACKET_FOLLOWERINFO, 2, zx(1, 5));
	CU_ASSERT_TRUE(world->serving);
	peer_drain(*follower);
	*late = says(world, 3, last_zxid, current);
	CU_ASSERT_TRUE(peer_gets(*late, PDK_PACKET_LEADERINFO, zx(2, 0)));
	return world;
}

static void
one_without_history_is_brought_up_when_the_others_are_there(void)
{
	static const int32_t currents[] = {0, -1}; /* -1: it came before */
	for (unsigned i = 0; i < G_N_ELEMENTS(currents); i++) {
		Peer *follower, *fresh;
		g_autoptr(World) world = leads_and_hears(&follower, &fresh, 0, currents[i]);
		CU_ASSERT_TRUE(peer_silent(fresh));
		CU_ASSERT_TRUE(peer_gets(follower, PDK_PACKET_PING, zx(2, 0)));
		peer_send(world, follower, PDK_PACKET_PING, 0, NULL, 0);
		CU_ASSERT_FALSE(peer_silent(fresh));
	}
}

/* What it says answers a question of before. */
static void
an_answer_on_its_way_vouches_for_nobody(void)
{
	g_autoptr(World) world = world_new(&whole);
	Peer *follower = peer_joins(world, PDK_PACKET_FOLLOWERINFO, 2, zx(1, 5));
	world_wait(world, TICK_US / 2);
	Peer *fresh = says(world, 3, 0, 0);
	CU_ASSERT_TRUE(peer_gets(fresh, PDK_PACKET_LEADERINFO, zx(2, 0)));
	peer_send(world, follower, PDK_PACKET_PING, 0, NULL, 0);
	CU_ASSERT_TRUE(peer_silent(fresh));
	peer_send(world, follower, PDK_PACKET_PING, 0, NULL, 0);
	CU_ASSERT_FALSE(peer_silent(fresh));
}

static void
who_remembers_is_brought_up_at_once(void)
{
	Peer *follower, *late;
	g_autoptr(World) world = leads_and_hears(&follower, &late, zx(1, 4), 1);
	CU_ASSERT_FALSE(peer_silent(late));
	CU_ASSERT_TRUE(peer_silent(follower));
	CU_ASSERT_TRUE(world->serving);
}

/* The others may follow another by now. */
static void
one_that_waits_keeps_no_leader_in_office(void)
{
	Peer *follower, *fresh;
	g_autoptr(World) world = leads_and_hears(&follower, &fresh, 0, 0);
	for (unsigned i = 0; i < 2 * (SYNC_TICKS + 1) && !world_looks(world); i++)
		world_wait(world, TICK_US / 2);
	CU_ASSERT_TRUE(world_looks(world));
	CU_ASSERT_TRUE(peer_silent(fresh));
}

int
main(void)
{
	CU_initialize_registry();
	CU_pSuite suite = CU_add_suite("fresh", NULL, NULL);
	CASE(a_voter_without_history_does_not_count_beside_one_with);
	CASE(five_want_a_quorum_with_history);
	CASE(when_all_voters_are_heard_those_without_history_count);
	CASE(one_that_promised_before_was_not_heard);
	CASE(one_whose_connection_is_gone_was_not_heard);
	CASE(observers_strangers_and_voters_without_weight_need_not_be_heard);
	CASE(one_whose_first_synchronisation_broke_off_holds_nothing);
	CASE(where_an_operator_said_so_it_counts);
	CASE(the_operator_is_told_after_a_tick_and_then_once_a_minute);
	CASE(one_without_history_is_brought_up_when_the_others_are_there);
	CASE(an_answer_on_its_way_vouches_for_nobody);
	CASE(who_remembers_is_brought_up_at_once);
	CASE(one_that_waits_keeps_no_leader_in_office);
	CASE(a_leader_that_needs_one_ahead_gives_way_at_once);
	CASE(so_does_one_whose_epoch_was_promised_by_others_and_takes_a_higher_one);
	CASE(so_does_one_whose_very_epoch_was_promised_to_another);
	CASE(who_promised_this_epoch_to_this_leader_may_come_again);
	CASE(others_have_a_while_to_accept_a_leader_that_one_is_ahead_of);
	CASE(each_time_in_vain_the_others_have_longer);
	CASE(it_gives_way_to_nobody_who_could_not_lead);
	CASE(who_promised_a_higher_epoch_is_not_shut_out_for_ever);
	CASE(the_others_are_brought_up_first);
	CASE(it_leads_on_for_strangers_and_for_those_who_can_follow);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Proves how a leader finds its epoch, is established, commits and steps down, against learners written by hand. */
#include "leader_world.h"

#define FIVE                                                                                                               \
	"server.1=127.0.0.1:2881:3881\nserver.2=127.0.0.1:2882:3882\nserver.3=127.0.0.1:2883:3883\n"                        \
	"server.4=127.0.0.1:2884:3884\nserver.5=127.0.0.1:2885:3885\n"
#define THREE_AND_OBSERVER                                                                                                 \
	"server.1=127.0.0.1:2881:3881\nserver.2=127.0.0.1:2882:3882\nserver.3=127.0.0.1:2883:3883\n"                        \
	"server.4=127.0.0.1:2884:3884:observer\n"

/* Established in epoch 2 with follower 2; all of the five txns of epoch 1 are history. */
static World *
established(const Start *more, Peer **peer)
{
	Start start = *more;
	start.current = 1;
	start.history = 5;
	World *world = world_new(&start);
	*peer = peer_joins(world, PDK_PACKET_FOLLOWERINFO, 2, zx(1, 5));
	CU_ASSERT_TRUE(world->serving);
	CU_ASSERT_TRUE(peer_gets(*peer, PDK_PACKET_UPTODATE, -1));
	return world;
}

/* ---- discovery ---- */

static void
the_epoch_is_durable_before_anybody_hears_of_it(void)
{
	g_autoptr(World) world = world_new(&(Start){.disk_holds = true, .accepted = 3});
	Peer *peer = peer_connect(world);
	peer_hello(world, peer, PDK_PACKET_FOLLOWERINFO, 2, 3);
	CU_ASSERT_TRUE(peer_silent(peer));
	CU_ASSERT_EQUAL(world->records->len, 1);
	world_save(world);
	CU_ASSERT_TRUE(peer_gets(peer, PDK_PACKET_LEADERINFO, zx(4, 0)));
}

static void
the_epoch_is_above_every_accepted_one_of_a_quorum(void)
{
	g_autoptr(World) world = world_new(&(Start){.accepted = 3});
	Peer *peer = peer_connect(world);
	peer_hello(world, peer, PDK_PACKET_FOLLOWERINFO, 2, 7);
	CU_ASSERT_TRUE(peer_gets(peer, PDK_PACKET_LEADERINFO, zx(8, 0)));
	/* Who comes later does not raise it. */
	Peer *late = peer_connect(world);
	peer_hello(world, late, PDK_PACKET_FOLLOWERINFO, 3, 20);
	CU_ASSERT_TRUE(peer_gets(late, PDK_PACKET_LEADERINFO, zx(8, 0)));
}

static void
observers_and_strangers_do_not_fix_the_epoch(void)
{
	g_autoptr(World) world = world_new(&(Start){.members = THREE_AND_OBSERVER});
	Peer *observer = peer_connect(world), *stranger = peer_connect(world);
	peer_hello(world, observer, PDK_PACKET_OBSERVERINFO, 4, 6);
	peer_hello(world, stranger, PDK_PACKET_FOLLOWERINFO, 9, 0);
	CU_ASSERT_TRUE(peer_silent(observer));
	CU_ASSERT_TRUE(peer_silent(stranger));
	Peer *peer = peer_connect(world);
	peer_hello(world, peer, PDK_PACKET_FOLLOWERINFO, 3, 0);
	CU_ASSERT_TRUE(peer_gets(peer, PDK_PACKET_LEADERINFO, zx(7, 0)));
	CU_ASSERT_TRUE(peer_gets(observer, PDK_PACKET_LEADERINFO, zx(7, 0)));
}

static void
an_epoch_that_was_promised_before_is_not_counted(void)
{
	g_autoptr(World) world = world_new(&(Start){.current = 1, .history = 5});
	Peer *peer = peer_connect(world), *other = peer_connect(world);
	peer_hello(world, peer, PDK_PACKET_FOLLOWERINFO, 2, 1);
	peer_ackepoch(world, peer, zx(1, 5), -1);
	CU_ASSERT_FALSE(world->replica->leading.electing_finished);
	peer_hello(world, other, PDK_PACKET_FOLLOWERINFO, 3, 1);
	peer_ackepoch(world, other, zx(1, 5), 1);
	CU_ASSERT_TRUE(world->replica->leading.electing_finished);
	/* But its NEWLEADER ack counts. */
	peer_ack(world, peer, zx(2, 0));
	CU_ASSERT_TRUE(world->serving);
}

static void
a_follower_ahead_is_dropped_alone(void)
{
	g_autoptr(World) world = world_new(&(Start){.current = 1, .history = 5});
	Peer *ahead = peer_connect(world);
	peer_hello(world, ahead, PDK_PACKET_FOLLOWERINFO, 2, 1);
	peer_ackepoch(world, ahead, zx(1, 6), 1);
	CU_ASSERT_TRUE(ahead->closed);
	CU_ASSERT_TRUE(world_said(world, "follower 2 at /127.0.0.1:101 dropped: it is ahead of this leader"));
	Peer *peer = peer_joins(world, PDK_PACKET_FOLLOWERINFO, 3, zx(1, 5));
	CU_ASSERT_TRUE(world->serving);
	CU_ASSERT_FALSE(peer->closed);
	/* Once the epoch is formed, its tail cannot be committed: it is cut off. */
	ahead = peer_connect(world);
	peer_hello(world, ahead, PDK_PACKET_FOLLOWERINFO, 2, 2);
	CU_ASSERT_TRUE(peer_gets(ahead, PDK_PACKET_LEADERINFO, zx(2, 0)));
	peer_ackepoch(world, ahead, zx(1, 6), -1);
	CU_ASSERT_TRUE(peer_gets(ahead, PDK_PACKET_TRUNC, zx(1, 5)));
}

static void
who_came_before_the_election_ended_is_heard_then(void)
{
	g_autoptr(World) world = world_new(&(Start){.looks = true});
	Peer *peer = peer_connect(world), *talker = peer_connect(world);
	peer_hello(world, peer, PDK_PACKET_FOLLOWERINFO, 2, 0);
	CU_ASSERT_TRUE(peer_silent(peer));
	uint8_t junk[5000] = {0};
	peer_send_raw(world, talker, junk, sizeof junk);
	CU_ASSERT_TRUE(talker->closed);
	world_elect(world);
	CU_ASSERT_TRUE(peer_gets(peer, PDK_PACKET_LEADERINFO, zx(1, 0)));
}

static void
each_wait_of_discovery_ends(void)
{
	g_autoptr(World) alone = world_new(&(Start){0});
	world_wait(alone, INIT_TICKS * TICK_US);
	CU_ASSERT_TRUE(world_looks(alone));
	CU_ASSERT_TRUE(world_said(alone, "leading ends: no quorum of followers connected within initLimit"));

	g_autoptr(World) unaccepted = world_new(&(Start){0});
	Peer *peer = peer_connect(unaccepted);
	peer_hello(unaccepted, peer, PDK_PACKET_FOLLOWERINFO, 2, 0);
	world_wait(unaccepted, INIT_TICKS * TICK_US);
	CU_ASSERT_TRUE(world_looks(unaccepted));
	CU_ASSERT_TRUE(peer->closed);

	g_autoptr(World) unsynced = world_new(&(Start){0});
	peer = peer_connect(unsynced);
	peer_hello(unsynced, peer, PDK_PACKET_FOLLOWERINFO, 2, 0);
	peer_ackepoch(unsynced, peer, 0, 0);
	world_wait(unsynced, INIT_TICKS * TICK_US);
	CU_ASSERT_TRUE(world_looks(unsynced));
	CU_ASSERT_EQUAL(unsynced->quiesced, 1);
}

/* ---- established ---- */

static void
the_own_vote_waits_for_the_durable_epoch_and_log(void)
{
	g_autoptr(World) world = world_new(&(Start){.current = 1, .history = 5, .disk_holds = true});
	Peer *peer = peer_connect(world);
	peer_hello(world, peer, PDK_PACKET_FOLLOWERINFO, 2, 1);
	world_save(world);
	peer_ackepoch(world, peer, zx(1, 5), 1);
	peer_ack(world, peer, zx(2, 0));
	CU_ASSERT_FALSE(world->serving);
	CU_ASSERT_EQUAL(world->records->len, 1);
	world_save(world);
	CU_ASSERT_TRUE(world->serving);
	CU_ASSERT_EQUAL(world->epoch_served, 2);
	CU_ASSERT_EQUAL(world->applied, zx(2, 0));
}

static void
what_was_held_is_initial_history_and_committed_when_established(void)
{
	g_autoptr(World) world = world_new(&(Start){.current = 1, .history = 3, .held = 2});
	Peer *peer = peer_connect(world);
	peer_hello(world, peer, PDK_PACKET_FOLLOWERINFO, 2, 1);
	CU_ASSERT_TRUE(peer_gets(peer, PDK_PACKET_LEADERINFO, zx(2, 0)));
	peer_ackepoch(world, peer, zx(1, 3), 1);
	CU_ASSERT_EQUAL(world->committed, 0);
	CU_ASSERT_TRUE(peer_gets(peer, PDK_PACKET_DIFF, zx(1, 5)));
	for (int64_t i = 4; i <= 5; i++) {
		CU_ASSERT_TRUE(peer_gets(peer, PDK_PACKET_PROPOSAL, zx(1, i)));
		CU_ASSERT_TRUE(peer_gets(peer, PDK_PACKET_COMMIT, zx(1, i)));
	}
	CU_ASSERT_TRUE(peer_gets(peer, PDK_PACKET_NEWLEADER, zx(2, 0)));
	CU_ASSERT_TRUE(peer_silent(peer));
	CU_ASSERT_EQUAL(world->applied, zx(1, 3));
	peer_ack(world, peer, zx(2, 0));
	CU_ASSERT_EQUAL(world->committed, zx(1, 5));
	CU_ASSERT_TRUE(peer_gets(peer, PDK_PACKET_UPTODATE, -1));
	/* Who comes now finds it in the history. */
	Peer *late = peer_connect(world);
	peer_hello(world, late, PDK_PACKET_FOLLOWERINFO, 3, 1);
	peer_ackepoch(world, late, zx(1, 4), 1);
	CU_ASSERT_TRUE(peer_gets(late, PDK_PACKET_LEADERINFO, zx(2, 0)));
	CU_ASSERT_TRUE(peer_gets(late, PDK_PACKET_DIFF, zx(1, 5)));
	CU_ASSERT_TRUE(peer_gets(late, PDK_PACKET_PROPOSAL, zx(1, 5)));
	CU_ASSERT_TRUE(peer_gets(late, PDK_PACKET_COMMIT, zx(1, 5)));
}

static void
newleader_carries_the_configuration(void)
{
	g_autoptr(World) world = world_new(&(Start){.reconfig = true});
	Peer *peer = peer_connect(world);
	peer_hello(world, peer, PDK_PACKET_FOLLOWERINFO, 2, 0);
	peer_ackepoch(world, peer, 0, 0);
	peer_next(peer);
	CU_ASSERT_TRUE(peer_gets(peer, PDK_PACKET_DIFF, 0));
	PdkPacket packet = peer_next(peer);
	CU_ASSERT_EQUAL(packet.type, PDK_PACKET_NEWLEADER);
	/* A list without a version is stamped with the epoch; it is in force when that is established. */
	g_autofree char *text = pdk_slice_text(packet.data);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "server.3=127.0.0.1:2883:3883:participant"));
	CU_ASSERT_TRUE(g_str_has_suffix(text, "version=100000000"));
	CU_ASSERT_EQUAL(pdk_members_version(world->replica->committed), 0);
	peer_ack(world, peer, zx(1, 0));
	CU_ASSERT_EQUAL(pdk_members_version(world->replica->committed), zx(1, 0));
	CU_ASSERT_TRUE(world->serving);
}

static void
without_reconfig_the_configuration_keeps_no_version(void)
{
	g_autoptr(World) world = world_new(&(Start){0});
	peer_joins(world, PDK_PACKET_FOLLOWERINFO, 2, 0);
	CU_ASSERT_TRUE(world->serving);
	CU_ASSERT_EQUAL(pdk_members_version(world->replica->committed), 0);
	CU_ASSERT_EQUAL(pdk_members_version(world->replica->last_seen), 0);
}

static void
a_quorum_of_five_needs_two_followers(void)
{
	g_autoptr(World) world = world_new(&(Start){.members = FIVE});
	Peer *a = peer_connect(world), *b = peer_connect(world);
	peer_hello(world, a, PDK_PACKET_FOLLOWERINFO, 2, 0);
	CU_ASSERT_TRUE(peer_silent(a));
	peer_hello(world, b, PDK_PACKET_FOLLOWERINFO, 5, 0);
	peer_ackepoch(world, a, 0, 0);
	CU_ASSERT_FALSE(world->replica->leading.electing_finished);
	peer_ackepoch(world, b, 0, 0);
	peer_ack(world, a, zx(1, 0));
	CU_ASSERT_FALSE(world->serving);
	peer_ack(world, b, zx(1, 0));
	CU_ASSERT_TRUE(world->serving);
}

/* ---- commits ---- */

static void
a_commit_needs_the_log_of_a_quorum(void)
{
	Peer *peer;
	g_autoptr(World) world = established(&(Start){0}, &peer);
	int64_t zxid = world_propose(world);
	CU_ASSERT_EQUAL(zxid, zx(2, 1));
	CU_ASSERT_TRUE(peer_gets(peer, PDK_PACKET_PROPOSAL, zxid));
	peer_ack(world, peer, zxid);
	CU_ASSERT_NOT_EQUAL(world->committed, zxid);
	world_synced(world, zxid);
	CU_ASSERT_EQUAL(world->committed, zxid);
	CU_ASSERT_TRUE(peer_gets(peer, PDK_PACKET_COMMIT, zxid));
	CU_ASSERT_TRUE(peer_silent(peer));
}

static void
followers_may_commit_without_the_leaders_disk(void)
{
	Peer *peer;
	g_autoptr(World) world = established(&(Start){0}, &peer);
	Peer *other = peer_joins(world, PDK_PACKET_FOLLOWERINFO, 3, zx(1, 5));
	int64_t zxid = world_propose(world);
	peer_ack(world, other, zxid);
	peer_ack(world, peer, zxid);
	CU_ASSERT_EQUAL(world->committed, zxid);
}

static void
every_zxid_is_committed_by_itself_and_in_order(void)
{
	Peer *peer;
	g_autoptr(World) world = established(&(Start){0}, &peer);
	for (int i = 0; i < 5; i++)
		world_propose(world);
	peer_drain(peer);
	world_synced(world, zx(2, 4));
	/* Acks come in order, so the last one speaks for those before. */
	peer_ack(world, peer, zx(2, 3));
	CU_ASSERT_EQUAL(world->committed, zx(2, 3));
	peer_ack(world, peer, zx(2, 5));
	CU_ASSERT_EQUAL(world->committed, zx(2, 4));
	for (int64_t i = 1; i <= 4; i++)
		CU_ASSERT_TRUE(peer_gets(peer, PDK_PACKET_COMMIT, zx(2, i)));
	CU_ASSERT_TRUE(peer_silent(peer));
}

static void
observers_are_informed_and_have_no_voice(void)
{
	Peer *peer;
	g_autoptr(World) world = established(&(Start){.members = THREE_AND_OBSERVER}, &peer);
	Peer *observer = peer_joins(world, PDK_PACKET_OBSERVERINFO, 4, zx(1, 5));
	CU_ASSERT_TRUE(peer_gets(observer, PDK_PACKET_UPTODATE, -1));
	int64_t zxid = world_propose(world);
	world_synced(world, zxid);
	CU_ASSERT_TRUE(peer_silent(observer));
	CU_ASSERT_NOT_EQUAL(world->committed, zxid);
	peer_ack(world, peer, zxid);
	PdkPacket packet = peer_next(observer);
	CU_ASSERT_EQUAL(packet.type, PDK_PACKET_INFORM);
	CU_ASSERT_EQUAL(packet.zxid, zxid);
	CU_ASSERT_EQUAL(packet.data.length, 40);
}

static void
a_voter_that_observes_has_no_voice(void)
{
	g_autoptr(World) world = world_new(&(Start){.current = 1, .history = 5});
	Peer *observer = peer_connect(world);
	peer_hello(world, observer, PDK_PACKET_OBSERVERINFO, 3, 0);
	CU_ASSERT_TRUE(peer_silent(observer));
	peer_joins(world, PDK_PACKET_FOLLOWERINFO, 2, zx(1, 5));
	peer_ackepoch(world, observer, zx(1, 5), 1);
	peer_ack(world, observer, zx(2, 0));
	CU_ASSERT_TRUE(world->serving);
	int64_t zxid = world_propose(world);
	/* As if it had been sent the proposal. */
	for (PdkHandler *handler = world->replica->handlers; handler; handler = handler->next)
		handler->sent_zxid = zxid;
	peer_ack(world, observer, zxid);
	world_synced(world, zxid);
	CU_ASSERT_FALSE(observer->closed);
	CU_ASSERT_NOT_EQUAL(world->committed, zxid);
}

static void
acks_of_a_broken_connection_do_not_count(void)
{
	Peer *a;
	g_autoptr(World) world = established(&(Start){.members = "server.1=h:1:2\nserver.2=h:3:4\nserver.3=h:5:6\n"}, &a);
	Peer *b = peer_joins(world, PDK_PACKET_FOLLOWERINFO, 3, zx(1, 5));
	int64_t zxid = world_propose(world);
	peer_ack(world, a, zxid);
	peer_close(world, a);
	/* It comes again, and is cut back to what is committed: it holds the txn no more. */
	a = peer_connect(world);
	peer_hello(world, a, PDK_PACKET_FOLLOWERINFO, 2, 2);
	peer_next(a);
	peer_ackepoch(world, a, zxid, -1);
	CU_ASSERT_TRUE(peer_gets(a, PDK_PACKET_TRUNC, zx(1, 5)));
	CU_ASSERT_TRUE(peer_gets(a, PDK_PACKET_PROPOSAL, zxid));
	CU_ASSERT_TRUE(peer_gets(a, PDK_PACKET_NEWLEADER, zx(2, 0)));
	world_synced(world, zxid);
	CU_ASSERT_NOT_EQUAL(world->committed, zxid);
	peer_ack(world, a, zx(2, 0));
	CU_ASSERT_NOT_EQUAL(world->committed, zxid);
	peer_ack(world, b, zxid);
	CU_ASSERT_EQUAL(world->committed, zxid);
}

static void
a_new_connection_of_a_server_closes_the_older_one(void)
{
	Peer *peer;
	g_autoptr(World) world = established(&(Start){0}, &peer);
	int64_t zxid = world_propose(world);
	Peer *again = peer_connect(world);
	CU_ASSERT_FALSE(peer->closed);
	peer_hello(world, again, PDK_PACKET_FOLLOWERINFO, 2, 2);
	CU_ASSERT_TRUE(peer->closed);
	world_synced(world, zxid);
	CU_ASSERT_NOT_EQUAL(world->committed, zxid);
}

static void
a_proposal_ack_may_overtake_the_newleader_ack(void)
{
	Peer *peer;
	g_autoptr(World) world = established(&(Start){0}, &peer);
	int64_t zxid = world_propose(world);
	world_synced(world, zxid);
	peer_close(world, peer);
	Peer *other = peer_connect(world);
	peer_hello(world, other, PDK_PACKET_FOLLOWERINFO, 3, 1);
	peer_ackepoch(world, other, zx(1, 5), 1);
	peer_ack(world, other, zxid);
	CU_ASSERT_FALSE(other->closed);
	CU_ASSERT_NOT_EQUAL(world->committed, zxid);
	peer_ack(world, other, zx(2, 0));
	CU_ASSERT_EQUAL(world->committed, zxid);
}

static void
what_was_never_sent_cannot_be_acked(void)
{
	Peer *peer;
	g_autoptr(World) world = established(&(Start){0}, &peer);
	peer_ack(world, peer, zx(2, 7));
	CU_ASSERT_TRUE(peer->closed);
	CU_ASSERT_TRUE(world_said(world, "it acked 0x200000007, which it was never sent"));
}

/* ---- what learners ask for ---- */

static const uint8_t sync[] = {0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 9, 0, 0, 0, 1, '/'};

static void
sync_is_answered_behind_what_was_proposed_before_it(void)
{
	Peer *peer;
	g_autoptr(World) world = established(&(Start){0}, &peer);
	peer_send(world, peer, PDK_PACKET_REQUEST, -1, sync, sizeof sync);
	CU_ASSERT_TRUE(peer_gets(peer, PDK_PACKET_SYNC, 0));
	int64_t first = world_propose(world);
	peer_send(world, peer, PDK_PACKET_REQUEST, -1, sync, sizeof sync);
	int64_t second = world_propose(world);
	peer_drain(peer);
	world_synced(world, second);
	peer_ack(world, peer, second);
	CU_ASSERT_TRUE(peer_gets(peer, PDK_PACKET_COMMIT, first));
	CU_ASSERT_TRUE(peer_gets(peer, PDK_PACKET_SYNC, 0));
	CU_ASSERT_TRUE(peer_gets(peer, PDK_PACKET_COMMIT, second));
	CU_ASSERT_EQUAL(world->requests, 0);
}

/* A write before it was passed over, and is not answered. */
static void
a_leader_that_proposes_no_more_answers_no_sync(void)
{
	for (unsigned i = 0; i < 2; i++) {
		Peer *peer;
		g_autoptr(World) world = established(&(Start){0}, &peer);
		world->replica->leading.may_commit = i == 0;
		world->replica->leading.leave = i == 0 ? "a test ends it" : NULL;
		peer_send(world, peer, PDK_PACKET_REQUEST, -1, sync, sizeof sync);
		CU_ASSERT_TRUE(peer_silent(peer));
	}
}

static void
requests_touches_and_revalidations_are_passed_on(void)
{
	Peer *peer;
	PdkBuffer data = {0};
	g_autoptr(World) world = established(&(Start){0}, &peer);
	pdk_put_long(&data, 0x1234);
	pdk_put_int(&data, 7);
	pdk_put_int(&data, 1);
	peer_send(world, peer, PDK_PACKET_REQUEST, -1, data.data, (int32_t)data.length);
	CU_ASSERT_EQUAL(world->requests, 1);
	CU_ASSERT_EQUAL(world->last_session, 0x1234);
	CU_ASSERT_EQUAL(world->last_cxid, 7);
	CU_ASSERT_EQUAL(world->last_op, 1);
	data.length = 0;
	pdk_put_long(&data, 0x99);
	pdk_put_int(&data, 4000);
	world->session_alive = true;
	peer_send(world, peer, PDK_PACKET_REVALIDATE, -1, data.data, (int32_t)data.length);
	PdkPacket packet = peer_next(peer);
	CU_ASSERT_EQUAL(packet.type, PDK_PACKET_REVALIDATE);
	CU_ASSERT_EQUAL(packet.zxid, -1);
	CU_ASSERT_EQUAL_FATAL(packet.data.length, 9);
	CU_ASSERT_EQUAL(pdk_load_u64(packet.data.data), 0x99);
	CU_ASSERT_EQUAL(packet.data.data[8], 1);
	pdk_put_long(&data, 0x100);
	pdk_put_int(&data, 5000);
	peer_send(world, peer, PDK_PACKET_PING, 0, data.data, (int32_t)data.length);
	CU_ASSERT_EQUAL(world->touches, 2);
	CU_ASSERT_EQUAL(world->last_timeout_ms, 5000);
	pdk_buffer_clear(&data);
}

static void
whoever_breaks_the_protocol_is_dropped_and_told_of(void)
{
	static const uint8_t brief[3], long_hello[] = {0, 0, 0, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 65};
	Peer *peer;
	g_autoptr(World) world = established(&(Start){0}, &peer);
	peer_send(world, peer, PDK_PACKET_REQUEST, -1, brief, sizeof brief);
	CU_ASSERT_TRUE(peer->closed);
	CU_ASSERT_TRUE(world_said(world, "follower 2 at /127.0.0.1:101 dropped: its REQUEST is too short; it may connect again"));
	Peer *silent = peer_connect(world), *odd = peer_connect(world);
	Peer *garbage = peer_connect(world), *self = peer_connect(world);
	peer_ack(world, odd, 0);
	CU_ASSERT_TRUE(odd->closed);
	peer_send_raw(world, garbage, "GET / HTTP/1.1\r\n\r\n", 18);
	CU_ASSERT_TRUE(garbage->closed);
	CU_ASSERT_TRUE(world_said(world, "learner at /127.0.0.1:104 dropped: it does not speak the quorum protocol"));
	/* Who has not even said its name does not get the room of a REQUEST. */
	Peer *greedy = peer_connect(world);
	peer_send_raw(world, greedy, long_hello, sizeof long_hello);
	CU_ASSERT_TRUE(greedy->closed);
	peer_hello(world, self, PDK_PACKET_FOLLOWERINFO, 1, 0);
	CU_ASSERT_TRUE(self->closed);
	Peer *keen = peer_connect(world);
	peer_hello(world, keen, PDK_PACKET_FOLLOWERINFO, 3, INT32_MAX);
	CU_ASSERT_TRUE(keen->closed);
	Peer *early = peer_connect(world);
	peer_hello(world, early, PDK_PACKET_FOLLOWERINFO, 3, 0);
	peer_ackepoch(world, early, zx(1, 5), 1);
	peer_send(world, early, PDK_PACKET_REQUEST, -1, brief, sizeof brief);
	CU_ASSERT_TRUE(early->closed);
	CU_ASSERT_FALSE(silent->closed);
}

/* ---- time ---- */

static void
keep_alive(World *world, Peer *peer, unsigned half_ticks)
{
	for (unsigned i = 0; i < half_ticks; i++) {
		world_wait(world, TICK_US / 2);
		peer_send(world, peer, PDK_PACKET_PING, 0, "", 0);
	}
}

static void
every_half_tick_brings_a_ping(void)
{
	Peer *peer;
	g_autoptr(World) world = established(&(Start){0}, &peer);
	world_wait(world, TICK_US / 2);
	PdkPacket packet = peer_next(peer);
	CU_ASSERT_EQUAL(packet.type, PDK_PACKET_PING);
	CU_ASSERT_EQUAL(packet.zxid, zx(2, 0));
	CU_ASSERT_EQUAL(packet.data.length, -1);
	CU_ASSERT_TRUE(peer_silent(peer));
	keep_alive(world, peer, 40);
	CU_ASSERT_FALSE(world_looks(world));
	unsigned n = 0;
	while (peer_next(peer).type == PDK_PACKET_PING)
		n++;
	CU_ASSERT_EQUAL(n, 40);
}

static void
a_leader_without_its_quorum_steps_down_within_a_tick(void)
{
	Peer *peer;
	g_autoptr(World) world = established(&(Start){0}, &peer);
	keep_alive(world, peer, 4);
	peer_close(world, peer);
	CU_ASSERT_FALSE(world_looks(world));
	world_wait(world, TICK_US);
	CU_ASSERT_TRUE(world_looks(world));
	CU_ASSERT_EQUAL(world->quiesced, 1);
	CU_ASSERT_FALSE(pdk_replica_serving(world->replica));
	CU_ASSERT_EQUAL(world_propose(world), 0);
}

static void
a_silent_learner_is_dropped_after_sync_limit(void)
{
	Peer *peer;
	g_autoptr(World) world = established(&(Start){0}, &peer);
	world_wait(world, SYNC_TICKS * TICK_US - 1);
	CU_ASSERT_FALSE(peer->closed);
	world_wait(world, 1);
	CU_ASSERT_TRUE(peer->closed);
	CU_ASSERT_TRUE(world_said(world, "dropped: nothing was heard of it within syncLimit"));
}

static void
a_connection_that_says_nothing_is_dropped(void)
{
	Peer *peer;
	g_autoptr(World) world = established(&(Start){0}, &peer);
	Peer *silent = peer_connect(world);
	keep_alive(world, peer, 2 * INIT_TICKS);
	CU_ASSERT_TRUE(silent->closed);
	CU_ASSERT_FALSE(peer->closed);
}

static void
a_learner_that_acks_nothing_is_dropped_though_it_answers_pings(void)
{
	Peer *peer;
	g_autoptr(World) world = established(&(Start){0}, &peer);
	world_synced(world, world_propose(world));
	keep_alive(world, peer, 2 * SYNC_TICKS - 1);
	CU_ASSERT_FALSE(peer->closed);
	keep_alive(world, peer, 1);
	CU_ASSERT_TRUE(peer->closed);
	CU_ASSERT_TRUE(world_said(world, "it did not ack 0x200000001 within syncLimit"));
}

static void
a_leader_whose_own_disk_is_stuck_steps_down(void)
{
	Peer *peer;
	g_autoptr(World) world = established(&(Start){0}, &peer);
	int64_t zxid = world_propose(world);
	peer_ack(world, peer, zxid);
	keep_alive(world, peer, 2 * SYNC_TICKS);
	CU_ASSERT_TRUE(world_looks(world));
	CU_ASSERT_TRUE(world_said(world, "its own log is behind"));
}

static void
a_learner_that_takes_nothing_is_dropped(void)
{
	Peer *peer;
	g_autoptr(World) world = established(&(Start){.learner_output_max = 1000}, &peer);
	peer_unsent(world, peer, 900);
	world_propose(world);
	CU_ASSERT_FALSE(peer->closed);
	peer_unsent(world, peer, 960);
	world_propose(world);
	CU_ASSERT_TRUE(peer->closed);
}

static void
the_last_zxid_of_an_epoch_is_never_proposed(void)
{
	Peer *peer;
	g_autoptr(World) world = established(&(Start){0}, &peer);
	world->replica->leading.proposed = zx(2, 0xfffffffd);
	world->replica->leading.committed = zx(2, 0xfffffffd);
	CU_ASSERT_EQUAL(world_propose(world), zx(2, 0xfffffffe));
	CU_ASSERT_FALSE(world_looks(world));
	CU_ASSERT_EQUAL(world_propose(world), 0);
	CU_ASSERT_TRUE(world_looks(world));
	CU_ASSERT_TRUE(peer->closed);
	CU_ASSERT_TRUE(world_said(world, "zxids are used up"));
}

/* Followers are well and come back at once: what the disk takes until the search begins must not be lost on them. */
static void
nobody_is_sent_to_a_leader_that_has_ended(void)
{
	Peer *peer;
	g_autoptr(World) world = established(&(Start){0}, &peer);
	world->replica->leading.proposed = zx(2, 0xfffffffd);
	world->replica->leading.committed = zx(2, 0xfffffffd);
	int64_t last = world_propose(world);
	CU_ASSERT_EQUAL(world_told(world), PDK_PEER_LEADING);
	CU_ASSERT_EQUAL(world_propose(world), 0);
	CU_ASSERT_TRUE(world_looks(world));
	CU_ASSERT_EQUAL(world_told(world), PDK_PEER_LOOKING);
	Peer *early = peer_connect(world);
	peer_hello(world, early, PDK_PACKET_FOLLOWERINFO, 2, 2);
	CU_ASSERT_FALSE(early->closed);
	world_synced(world, last);
	CU_ASSERT_TRUE(early->closed);
}

/* ---- reconfiguration ---- */

static GBytes *
reconfig_txn(int64_t zxid, const char *text)
{
	PdkBuffer txn = {0};
	memset(pdk_buffer_extend(&txn, 32), 0, 32);
	pdk_store_u64(txn.data + 12, (uint64_t)zxid);
	pdk_store_u32(txn.data + 28, PDK_OP_RECONFIG_TXN);
	pdk_put_string(&txn, "/zookeeper/config");
	pdk_put_string(&txn, text);
	pdk_put_int(&txn, -1);
	GBytes *bytes = g_bytes_new(txn.data, txn.length);
	pdk_buffer_clear(&txn);
	return bytes;
}

static int64_t
propose_members(World *world, const char *lines)
{
	int64_t zxid = pdk_replica_next_zxid(world->replica);
	g_autofree char *text = g_strdup_printf("%sversion=%" PRIx64, lines, zxid);
	g_autoptr(GBytes) txn = reconfig_txn(zxid, text);
	return world_propose_bytes(world, zxid, txn);
}

static void
a_reconfiguration_needs_both_quorums(void)
{
	Peer *two;
	g_autoptr(World) world = established(&(Start){.reconfig = true}, &two);
	Peer *four = peer_joins(world, PDK_PACKET_FOLLOWERINFO, 4, zx(1, 5));
	Peer *five = peer_joins(world, PDK_PACKET_FOLLOWERINFO, 5, zx(1, 5));
	peer_drain(four);
	peer_drain(five);
	int64_t before = world_propose(world);
	int64_t change = propose_members(world, "server.1=127.0.0.1:2881:3881\nserver.4=127.0.0.1:2884:3884\n"
						"server.5=127.0.0.1:2885:3885\n");
	int64_t after = world_propose(world);
	world_synced(world, after);
	peer_ack(world, two, after);
	CU_ASSERT_TRUE(world->committed < before);
	peer_drain(two);
	peer_drain(five);
	peer_ack(world, five, change);
	CU_ASSERT_EQUAL(world->committed, change);
	CU_ASSERT_EQUAL(pdk_members_version(world->replica->committed), change);
	CU_ASSERT_TRUE(peer_gets(two, PDK_PACKET_COMMIT, before));
	PdkPacket packet = peer_next(two);
	CU_ASSERT_EQUAL(packet.type, PDK_PACKET_COMMIT_AND_ACTIVATE);
	CU_ASSERT_EQUAL(packet.zxid, change);
	CU_ASSERT_EQUAL_FATAL(packet.data.length, 8);
	CU_ASSERT_EQUAL(pdk_load_u64(packet.data.data), 1);
	/* Now the new one counts alone: server 2 has no voice. */
	CU_ASSERT_TRUE(peer_silent(two));
	peer_ack(world, four, after);
	CU_ASSERT_EQUAL(world->committed, after);
}

static void
nothing_is_committed_past_a_reconfiguration_in_one_go(void)
{
	Peer *two;
	g_autoptr(World) world = established(&(Start){.reconfig = true}, &two);
	Peer *three = peer_joins(world, PDK_PACKET_FOLLOWERINFO, 3, zx(1, 5));
	int64_t change = propose_members(world, "server.1=127.0.0.1:2881:3881\nserver.2=127.0.0.1:2882:3882\n"
						"server.3=127.0.0.1:2883:3883\nserver.4=127.0.0.1:2884:3884\n");
	int64_t after = world_propose(world);
	world_synced(world, after);
	peer_ack(world, two, after);
	peer_drain(three);
	peer_ack(world, three, after);
	CU_ASSERT_EQUAL(world->committed, after);
	CU_ASSERT_TRUE(peer_gets(three, PDK_PACKET_COMMIT_AND_ACTIVATE, change));
	CU_ASSERT_TRUE(peer_gets(three, PDK_PACKET_COMMIT, after));
}

static void
a_leader_that_is_removed_hands_over(void)
{
	Peer *two;
	g_autoptr(World) world = established(&(Start){.reconfig = true}, &two);
	Peer *three = peer_joins(world, PDK_PACKET_FOLLOWERINFO, 3, zx(1, 5));
	peer_drain(three);
	peer_drain(two);
	int64_t change = propose_members(world, "server.2=127.0.0.1:2882:3882\nserver.3=127.0.0.1:2883:3883\n");
	int64_t after = world_propose(world);
	world_synced(world, after);
	peer_ack(world, three, change);
	CU_ASSERT_TRUE(world->committed < change);
	peer_ack(world, two, change);
	CU_ASSERT_EQUAL(world->committed, change);
	peer_drain(three);
	/* It commits nothing more, and leaves when the others did. */
	peer_ack(world, two, after);
	peer_ack(world, three, after);
	CU_ASSERT_EQUAL(world->committed, change);
	CU_ASSERT_EQUAL(world_propose(world), 0);
	CU_ASSERT_EQUAL(pdk_replica_role(world->replica), PDK_PEER_LEADING);
	peer_close(world, two);
	peer_close(world, three);
	CU_ASSERT_NOT_EQUAL(pdk_replica_role(world->replica), PDK_PEER_LEADING);
}

/* ---- whatever comes ---- */

static void
send_anything(World *world, Peer *peer, PdkRandom *random)
{
	static const uint8_t types[] = {PDK_PACKET_REQUEST, PDK_PACKET_ACK, PDK_PACKET_ACK, PDK_PACKET_ACK, PDK_PACKET_PING,
					PDK_PACKET_REVALIDATE, PDK_PACKET_FOLLOWERINFO, PDK_PACKET_OBSERVERINFO,
					PDK_PACKET_ACKEPOCH, PDK_PACKET_PROPOSAL, PDK_PACKET_SNAP, 99};
	uint8_t data[64] = {0};
	int32_t length = (int32_t)pdk_random_below(random, sizeof data + 1) - 1;
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = pdk_random_below(random, 3) ? 0 : (uint8_t)pdk_random_below(random, 12);
	int64_t zxid = zx((int64_t)pdk_random_below(random, 4), (int64_t)pdk_random_below(random, 8));
	peer_send(world, peer, types[pdk_random_below(random, sizeof types)], zxid, length < 0 ? NULL : data, length);
}

static void
do_anything(World *world, PdkRandom *random)
{
	Peer *peer = NULL;
	if (world->peers->len > 1) /* the first is the good one */
		peer = g_ptr_array_index(world->peers, 1 + pdk_random_below(random, world->peers->len - 1));
	uint64_t what = pdk_random_below(random, 100);
	if (what < 10 || peer == NULL)
		peer_connect(world);
	else if (what < 20 && !peer->closed)
		peer_hello(world, peer, what & 1 ? PDK_PACKET_FOLLOWERINFO : PDK_PACKET_OBSERVERINFO,
			   3 + (int64_t)pdk_random_below(random, 4), (int64_t)pdk_random_below(random, 3));
	else if (what < 30 && !peer->closed)
		peer_ackepoch(world, peer, zx(1, (int64_t)pdk_random_below(random, 7)), (int32_t)pdk_random_below(random, 3) - 1);
	else if (what < 50 && !peer->closed)
		peer_ack(world, peer, zx(world->replica->leading.epoch, (int64_t)pdk_random_below(random, 4)));
	else if (what < 55 && !peer->closed)
		peer_unsent(world, peer, pdk_random_below(random, 4000));
	else if (what < 60 && !peer->closed)
		peer_close(world, peer);
	else if (what < 70)
		world_propose(world);
	else if (what < 75)
		world_synced(world, world->replica->last_logged);
	else if (what < 80)
		world_wait(world, (int64_t)pdk_random_below(random, TICK_US));
	else if (what < 85 && world->read_from >= 0)
		world_log_read(world, world->read_from, world->read_from + (int64_t)pdk_random_below(random, 6), what & 1);
	else if (!peer->closed)
		send_anything(world, peer, random);
}

static void
nothing_a_learner_sends_breaks_a_leader(void)
{
	for (uint64_t seed = 1; seed <= 300; seed++) {
		PdkRandom random = pdk_random(seed);
		Peer *good;
		g_autoptr(World) world =
			established(&(Start){.history_count = 4, .learner_output_max = 3000, .reconfig = seed & 1}, &good);
		for (unsigned i = 0; i < 300; i++) {
			do_anything(world, &random);
			peer_ack(world, good, world->replica->last_logged);
			world_synced(world, world->replica->last_logged);
		}
		CU_ASSERT_FALSE(good->closed);
		CU_ASSERT_FALSE(world_looks(world));
		CU_ASSERT_EQUAL(world->replica->leading.committed, world->replica->leading.proposed);
	}
}

int
main(void)
{
	CU_initialize_registry();
	CU_pSuite suite = CU_add_suite("leader", NULL, NULL);
	CASE(the_epoch_is_durable_before_anybody_hears_of_it);
	CASE(the_epoch_is_above_every_accepted_one_of_a_quorum);
	CASE(observers_and_strangers_do_not_fix_the_epoch);
	CASE(an_epoch_that_was_promised_before_is_not_counted);
	CASE(a_follower_ahead_is_dropped_alone);
	CASE(who_came_before_the_election_ended_is_heard_then);
	CASE(each_wait_of_discovery_ends);
	CASE(the_own_vote_waits_for_the_durable_epoch_and_log);
	CASE(what_was_held_is_initial_history_and_committed_when_established);
	CASE(newleader_carries_the_configuration);
	CASE(without_reconfig_the_configuration_keeps_no_version);
	CASE(a_quorum_of_five_needs_two_followers);
	CASE(a_commit_needs_the_log_of_a_quorum);
	CASE(followers_may_commit_without_the_leaders_disk);
	CASE(every_zxid_is_committed_by_itself_and_in_order);
	CASE(observers_are_informed_and_have_no_voice);
	CASE(a_voter_that_observes_has_no_voice);
	CASE(acks_of_a_broken_connection_do_not_count);
	CASE(a_new_connection_of_a_server_closes_the_older_one);
	CASE(a_proposal_ack_may_overtake_the_newleader_ack);
	CASE(what_was_never_sent_cannot_be_acked);
	CASE(sync_is_answered_behind_what_was_proposed_before_it);
	CASE(a_leader_that_proposes_no_more_answers_no_sync);
	CASE(requests_touches_and_revalidations_are_passed_on);
	CASE(whoever_breaks_the_protocol_is_dropped_and_told_of);
	CASE(every_half_tick_brings_a_ping);
	CASE(a_leader_without_its_quorum_steps_down_within_a_tick);
	CASE(a_silent_learner_is_dropped_after_sync_limit);
	CASE(a_connection_that_says_nothing_is_dropped);
	CASE(a_learner_that_acks_nothing_is_dropped_though_it_answers_pings);
	CASE(a_leader_whose_own_disk_is_stuck_steps_down);
	CASE(a_learner_that_takes_nothing_is_dropped);
	CASE(the_last_zxid_of_an_epoch_is_never_proposed);
	CASE(nobody_is_sent_to_a_leader_that_has_ended);
	CASE(a_reconfiguration_needs_both_quorums);
	CASE(nothing_is_committed_past_a_reconfiguration_in_one_go);
	CASE(a_leader_that_is_removed_hands_over);
	CASE(nothing_a_learner_sends_breaks_a_leader);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0;
}

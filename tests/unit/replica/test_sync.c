/* SPDX-License-Identifier: Apache-2.0 */
/* Proves what a learner is brought up with, and in which order it is sent. */
#include "leader_world.h"

#define MEMBERS_AND_OBSERVERS                                                                                              \
	"server.1=127.0.0.1:2881:3881\nserver.2=127.0.0.1:2882:3882\nserver.3=127.0.0.1:2883:3883\n"                        \
	"server.4=127.0.0.1:2884:3884:observer\n"

/* ---- the plan ---- */

typedef struct {
	const char *past;  /* "1:5-1:9 2:1-2:3": the txns in memory */
	const char *processed, *last;
	int64_t epoch;
	const char *plan;
} Row;

static int64_t
read_zxid(const char **text)
{
	char *end;
	int64_t epoch = strtoll(*text, &end, 10);
	int64_t counter = strtoll(end + 1, &end, 10);
	*text = end;
	return zx(epoch, counter);
}

static int64_t
zxid_of(const char *text)
{
	return read_zxid(&text);
}

static GArray *
past_of(const char *text)
{
	GArray *past = g_array_new(FALSE, FALSE, sizeof(int64_t));
	while (*text) {
		int64_t first = read_zxid(&text), last = first;
		if (*text == '-') {
			text++;
			last = read_zxid(&text);
		}
		for (int64_t zxid = first; zxid <= last; zxid++)
			g_array_append_val(past, zxid);
		text += strspn(text, " ");
	}
	return past;
}

static char *
text_of(const PdkSyncPlan *plan)
{
	static const char *const modes[] = {"NONE", "DIFF", "TRUNC", "SNAP"};
	if (plan->mode == PDK_SYNC_SNAP)
		return g_strdup(plan->later ? "SNAP later" : "SNAP");
	return g_strdup_printf("%s %" PRId64 ":%" PRId64 " keep %" PRId64 ":%" PRId64 "%s", modes[plan->mode],
			       pdk_zxid_epoch(plan->zxid), pdk_zxid_counter(plan->zxid), pdk_zxid_epoch(plan->keep),
			       pdk_zxid_counter(plan->keep), plan->from_disk ? " disk" : "");
}

static void
check_rows(const Row *rows, size_t n, bool disk)
{
	for (size_t i = 0; i < n; i++) {
		g_autoptr(GArray) past = past_of(rows[i].past);
		PdkSyncPlan plan = pdk_sync_plan((const int64_t *)(const void *)past->data, past->len, zxid_of(rows[i].processed),
						 zxid_of(rows[i].last), rows[i].epoch, disk);
		g_autofree char *found = text_of(&plan);
		if (strcmp(found, rows[i].plan) != 0)
			printf("\n    %s, at %s, learner at %s: %s instead of %s\n", rows[i].past, rows[i].processed,
			       rows[i].last, found, rows[i].plan);
		CU_ASSERT_STRING_EQUAL(found, rows[i].plan);
	}
}

static void
who_is_up_to_date_gets_an_empty_diff(void)
{
	static const Row rows[] = {
		{"", "0:0", "0:0", 1, "DIFF 0:0 keep 0:0"},
		{"1:1-1:9", "1:9", "1:9", 2, "DIFF 1:9 keep 1:9"},
		{"1:1-1:9", "2:0", "2:0", 2, "DIFF 2:0 keep 2:0"},
		{"1:1-1:9", "2:0", "1:9", 2, "DIFF 1:9 keep 1:9"},
		{"", "1:9", "1:9", 2, "DIFF 1:9 keep 1:9"},
	};
	check_rows(rows, G_N_ELEMENTS(rows), true);
}

static void
who_missed_some_gets_them(void)
{
	static const Row rows[] = {
		{"1:1-1:9", "1:9", "1:5", 2, "DIFF 1:9 keep 1:5"},
		{"1:1-1:9", "1:9", "1:1", 2, "DIFF 1:9 keep 1:1"},
		{"1:8-1:9 2:1-2:4", "2:4", "1:9", 3, "DIFF 2:4 keep 1:9"},
		{"1:8-1:9 2:1-2:4", "2:4", "2:0", 3, "DIFF 2:4 keep 2:0"},
		{"1:8-1:9 3:1-3:4", "3:4", "2:0", 3, "DIFF 3:4 keep 2:0"},
	};
	check_rows(rows, G_N_ELEMENTS(rows), true);
}

static void
who_has_more_is_cut_back_within_an_epoch(void)
{
	static const Row rows[] = {
		{"1:1-1:9", "1:9", "1:12", 2, "TRUNC 1:9 keep 1:9"},
		{"1:1-1:9", "2:0", "1:12", 2, "TRUNC 1:9 keep 1:9"},
		/* Its tail is of this leader: it surely has what is before. */
		{"1:1-1:9", "2:0", "2:3", 2, "TRUNC 1:9 keep 1:9"},
		{"1:1-1:9 2:1", "2:1", "2:3", 2, "TRUNC 2:1 keep 2:1"},
	};
	check_rows(rows, G_N_ELEMENTS(rows), true);
}

static void
a_cut_never_crosses_an_epoch(void)
{
	static const Row rows[] = {
		{"1:1-1:9 2:1-2:4", "2:4", "1:12", 3, "SNAP"},
		{"1:1-1:9 3:1-3:4", "3:4", "2:2", 3, "SNAP"},
		/* A tail above the snapshot would live on in a log that is not cut. */
		{"1:1-1:9", "1:9", "2:4", 3, "SNAP later"},
		{"1:1-1:9", "1:9", "2:0", 3, "SNAP later"},
		{"1:1-1:9", "1:9", "2:0", 2, "SNAP later"},
		{"1:1-1:9", "3:0", "2:4", 3, "SNAP"},
		{"1:1-1:9", "3:0", "2:0", 3, "SNAP"},
		{"", "0:0", "1:4", 2, "SNAP later"},
	};
	check_rows(rows, G_N_ELEMENTS(rows), true);
}

static void
who_is_far_behind_is_served_from_the_log_or_a_snapshot(void)
{
	static const Row with_log[] = {
		{"1:5-1:9", "1:9", "1:4", 2, "DIFF 1:9 keep 1:4 disk"},
		{"1:5-1:9", "1:9", "0:0", 2, "DIFF 1:9 keep 0:0 disk"},
		{"", "1:9", "1:4", 2, "SNAP"},
	};
	static const Row without[] = {
		{"1:5-1:9", "1:9", "1:4", 2, "SNAP"},
		{"1:5-1:9", "1:9", "0:0", 2, "SNAP"},
	};
	check_rows(with_log, G_N_ELEMENTS(with_log), true);
	check_rows(without, G_N_ELEMENTS(without), false);
}

/* ---- on the wire ---- */

/* Epoch 2 is established with follower 2. */
static World *
leading(Start start, Peer **peer)
{
	start.current = 1;
	World *world = world_new(&start);
	*peer = peer_joins(world, PDK_PACKET_FOLLOWERINFO, 2, zx(1, start.history));
	CU_ASSERT_TRUE(world->serving);
	peer_drain(*peer);
	return world;
}

static int64_t
commit_one(World *world, Peer *peer)
{
	int64_t zxid = world_propose(world);
	world_synced(world, zxid);
	peer_ack(world, peer, zxid);
	CU_ASSERT_EQUAL(world->committed, zxid);
	return zxid;
}

/* Up to ACKEPOCH; then the leader decides. */
static Peer *
arrives(World *world, PdkPacketType type, int64_t sid, int64_t last)
{
	Peer *peer = peer_connect(world);
	peer_hello(world, peer, type, sid, 2);
	CU_ASSERT_TRUE(peer_gets(peer, PDK_PACKET_LEADERINFO, zx(2, 0)));
	peer_ackepoch(world, peer, last, -1);
	return peer;
}

static void
history_goes_with_commits_and_proposals_without(void)
{
	Peer *two;
	g_autoptr(World) world = leading((Start){.history = 5}, &two);
	commit_one(world, two);
	world_propose(world);
	Peer *three = arrives(world, PDK_PACKET_FOLLOWERINFO, 3, zx(1, 4));
	CU_ASSERT_TRUE(peer_gets(three, PDK_PACKET_DIFF, zx(2, 1)));
	CU_ASSERT_TRUE(peer_gets(three, PDK_PACKET_PROPOSAL, zx(1, 5)));
	CU_ASSERT_TRUE(peer_gets(three, PDK_PACKET_COMMIT, zx(1, 5)));
	CU_ASSERT_TRUE(peer_gets(three, PDK_PACKET_PROPOSAL, zx(2, 1)));
	CU_ASSERT_TRUE(peer_gets(three, PDK_PACKET_COMMIT, zx(2, 1)));
	CU_ASSERT_TRUE(peer_gets(three, PDK_PACKET_PROPOSAL, zx(2, 2)));
	CU_ASSERT_TRUE(peer_gets(three, PDK_PACKET_NEWLEADER, zx(2, 0)));
	/* What happens meanwhile comes behind it. */
	world_synced(world, zx(2, 2));
	peer_ack(world, two, zx(2, 2));
	world_propose(world);
	CU_ASSERT_TRUE(peer_gets(three, PDK_PACKET_COMMIT, zx(2, 2)));
	CU_ASSERT_TRUE(peer_gets(three, PDK_PACKET_PROPOSAL, zx(2, 3)));
	peer_ack(world, three, zx(2, 0));
	CU_ASSERT_TRUE(peer_gets(three, PDK_PACKET_UPTODATE, -1));
	CU_ASSERT_TRUE(peer_silent(three));
}

static void
an_observer_is_not_sent_proposals(void)
{
	Peer *two;
	g_autoptr(World) world = leading((Start){.history = 5, .members = MEMBERS_AND_OBSERVERS}, &two);
	world_propose(world);
	Peer *observer = arrives(world, PDK_PACKET_OBSERVERINFO, 4, zx(1, 4));
	CU_ASSERT_TRUE(peer_gets(observer, PDK_PACKET_DIFF, zx(1, 5)));
	CU_ASSERT_TRUE(peer_gets(observer, PDK_PACKET_PROPOSAL, zx(1, 5)));
	CU_ASSERT_TRUE(peer_gets(observer, PDK_PACKET_COMMIT, zx(1, 5)));
	CU_ASSERT_TRUE(peer_gets(observer, PDK_PACKET_NEWLEADER, zx(2, 0)));
	CU_ASSERT_TRUE(peer_silent(observer));
	world_synced(world, zx(2, 1));
	peer_ack(world, two, zx(2, 1));
	CU_ASSERT_TRUE(peer_gets(observer, PDK_PACKET_INFORM, zx(2, 1)));
}

static bool
gets_snapshot(Peer *peer, int64_t zxid, size_t body)
{
	static const char signature[] = "\0\0\0\nBenWasHere";
	if (!peer_gets(peer, PDK_PACKET_SNAP, zxid) || !peer_raw(peer, body + sizeof signature - 1))
		return false;
	return memcmp(peer->in->data + peer->read - (sizeof signature - 1), signature, sizeof signature - 1) == 0;
}

static void
a_snapshot_is_followed_by_its_signature_and_what_came_since(void)
{
	Peer *two;
	g_autoptr(World) world = leading((Start){.history = 5, .snapshot_size_factor = -1}, &two);
	commit_one(world, two);
	world_propose(world);
	Peer *three = arrives(world, PDK_PACKET_FOLLOWERINFO, 3, 1);
	CU_ASSERT_TRUE(gets_snapshot(three, zx(2, 1), 300));
	CU_ASSERT_TRUE(peer_gets(three, PDK_PACKET_PROPOSAL, zx(2, 2)));
	CU_ASSERT_TRUE(peer_gets(three, PDK_PACKET_NEWLEADER, zx(2, 0)));
	CU_ASSERT_TRUE(peer_silent(three));
	CU_ASSERT_FALSE(world->walks);
}

static void
who_says_that_it_has_no_database_gets_all_of_it(void)
{
	Peer *two;
	g_autoptr(World) world = leading((Start){.history = 5}, &two);
	Peer *three = peer_connect(world);
	peer_hello(world, three, PDK_PACKET_FOLLOWERINFO, 3, 2);
	CU_ASSERT_TRUE(peer_gets(three, PDK_PACKET_LEADERINFO, zx(2, 0)));
	peer_ackepoch(world, three, -1, -1);
	peer_send(world, two, PDK_PACKET_PING, 0, NULL, 0); /* it is there: see test_fresh */
	CU_ASSERT_EQUAL(peer_next(three).type, PDK_PACKET_SNAP);
}

static void
a_learner_that_is_needed_does_not_wait_for_others(void)
{
	g_autoptr(World) world = world_new(&(Start){.accepted = 3, .current = 2, .history = 5});
	Peer *two = peer_connect(world);
	peer_hello(world, two, PDK_PACKET_FOLLOWERINFO, 2, 3);
	CU_ASSERT_TRUE(peer_gets(two, PDK_PACKET_LEADERINFO, zx(4, 0)));
	peer_ackepoch(world, two, zx(3, 4), 1);
	CU_ASSERT_TRUE(peer_silent(two));
	world_wait(world, TICK_US);
	CU_ASSERT_TRUE(peer_gets(two, PDK_PACKET_TRUNC, zx(2, 5)));
	CU_ASSERT_TRUE(peer_gets(two, PDK_PACKET_NEWLEADER, zx(4, 0)));
}

static void
live_packets_wait_behind_a_snapshot_that_drains_slowly(void)
{
	Peer *two;
	g_autoptr(World) world = leading((Start){.history = 5, .snapshot_size_factor = -1}, &two);
	world->walk_parts = 8;
	world->part_bytes = 256 * 1024;
	Peer *three = peer_connect(world);
	peer_hello(world, three, PDK_PACKET_FOLLOWERINFO, 3, 2);
	three->stuck = true;
	peer_ackepoch(world, three, 1, -1);
	/* A MiB is on its way, and not more. */
	CU_ASSERT_EQUAL(world->walk_left, 4);
	commit_one(world, two);
	CU_ASSERT_EQUAL(world->walk_left, 4);
	peer_unsent(world, three, 700 * 1024);
	CU_ASSERT_EQUAL(world->walk_left, 2);
	three->stuck = false;
	peer_unsent(world, three, 0);
	CU_ASSERT_EQUAL(world->walk_left, 0);
	CU_ASSERT_TRUE(peer_gets(three, PDK_PACKET_LEADERINFO, zx(2, 0)));
	CU_ASSERT_TRUE(gets_snapshot(three, zx(2, 0), 8 * 256 * 1024));
	CU_ASSERT_TRUE(peer_gets(three, PDK_PACKET_NEWLEADER, zx(2, 0)));
	CU_ASSERT_TRUE(peer_gets(three, PDK_PACKET_PROPOSAL, zx(2, 1)));
	CU_ASSERT_TRUE(peer_gets(three, PDK_PACKET_COMMIT, zx(2, 1)));
	CU_ASSERT_TRUE(peer_silent(three));
}

static void
one_walk_at_a_time(void)
{
	Peer *two;
	g_autoptr(World) world =
		leading((Start){.history = 5, .members = MEMBERS_AND_OBSERVERS, .snapshot_size_factor = -1}, &two);
	world->part_bytes = 1024 * 1024;
	Peer *three = peer_connect(world);
	peer_hello(world, three, PDK_PACKET_FOLLOWERINFO, 3, 2);
	peer_unsent(world, three, 1024 * 1024);
	peer_ackepoch(world, three, 1, -1);
	Peer *observer = arrives(world, PDK_PACKET_OBSERVERINFO, 4, 0);
	CU_ASSERT_TRUE(peer_silent(observer));
	/* The learner whose walk it is breaks off: the next one's turn. */
	peer_close(world, three);
	CU_ASSERT_TRUE(gets_snapshot(observer, zx(2, 0), 3 * 1024 * 1024));
	/* The layer above may be walking for itself. */
	world->walk_refused = true;
	three = arrives(world, PDK_PACKET_FOLLOWERINFO, 3, 1);
	CU_ASSERT_TRUE(peer_silent(three));
	world->walk_refused = false;
	world_wait(world, TICK_US);
	CU_ASSERT_TRUE(gets_snapshot(three, zx(2, 0), 3 * 1024 * 1024));
}

static void
a_learner_that_takes_no_snapshot_bytes_is_dropped(void)
{
	Peer *two;
	g_autoptr(World) world = leading((Start){.history = 5, .snapshot_size_factor = -1}, &two);
	world->part_bytes = 1024 * 1024;
	Peer *three = peer_connect(world);
	peer_hello(world, three, PDK_PACKET_FOLLOWERINFO, 3, 2);
	peer_unsent(world, three, 1024 * 1024);
	peer_ackepoch(world, three, 1, -1);
	for (unsigned i = 0; i < 2 * INIT_TICKS && !three->closed; i++) {
		world_wait(world, TICK_US / 2);
		peer_send(world, two, PDK_PACKET_PING, 0, "", 0);
	}
	CU_ASSERT_TRUE(three->closed);
	CU_ASSERT_FALSE(world->walks);
	CU_ASSERT_TRUE(world_said(world, "it took no bytes of its history within initLimit"));
}

static void
history_goes_out_however_much_it_is(void)
{
	Peer *two;
	g_autoptr(World) world = leading((Start){.history = 50, .learner_output_max = 400}, &two);
	Peer *three = peer_joins(world, PDK_PACKET_FOLLOWERINFO, 3, zx(1, 2));
	CU_ASSERT_FALSE(three->closed);
	CU_ASSERT_FALSE(world_said(world, "MiB behind"));
}

static void
what_waits_behind_a_snapshot_is_bounded(void)
{
	Peer *two;
	g_autoptr(World) world =
		leading((Start){.history = 5, .snapshot_size_factor = -1, .learner_output_max = 2 * 1024 * 1024}, &two);
	world->part_bytes = 1024 * 1024;
	Peer *three = peer_connect(world);
	peer_hello(world, three, PDK_PACKET_FOLLOWERINFO, 3, 2);
	peer_unsent(world, three, 1024 * 1024);
	peer_ackepoch(world, three, 1, -1);
	unsigned n = 0;
	for (; n < 20000 && !three->closed; n++)
		commit_one(world, two);
	CU_ASSERT_TRUE(three->closed);
	CU_ASSERT_TRUE(n > 5000);
	CU_ASSERT_FALSE(two->closed);
	CU_ASSERT_FALSE(world->walks);
}

static void
a_snapshot_for_a_tail_of_another_epoch_waits_until_this_one_stands(void)
{
	g_autoptr(World) world = world_new(&(Start){.current = 1, .history = 5, .accepted = 2, .members = MEMBERS_AND_OBSERVERS});
	Peer *two = peer_connect(world), *observer = peer_connect(world);
	peer_hello(world, two, PDK_PACKET_FOLLOWERINFO, 2, 2);
	peer_hello(world, observer, PDK_PACKET_OBSERVERINFO, 4, 2);
	peer_drain(observer);
	peer_ackepoch(world, two, zx(1, 5), 1);
	peer_ackepoch(world, observer, zx(2, 3), -1);
	CU_ASSERT_TRUE(peer_silent(observer));
	peer_ack(world, two, zx(3, 0));
	CU_ASSERT_TRUE(world->serving);
	world_wait(world, TICK_US);
	CU_ASSERT_TRUE(gets_snapshot(observer, zx(3, 0), 300));
}

/* ---- from the log on disk ---- */

/* The history in memory begins at 2:1 .. 2:9 with more in the log: eight txns of epoch 2 push out those of epoch 1. */
static World *
with_short_memory(Peer **two)
{
	World *world = leading((Start){.history = 5, .history_count = 4}, two);
	for (unsigned i = 0; i < 20; i++)
		commit_one(world, *two);
	return world;
}

static void
what_memory_lacks_comes_from_the_log(void)
{
	Peer *two;
	g_autoptr(World) world = with_short_memory(&two);
	int64_t first = pdk_history_first(world->replica->history);
	CU_ASSERT_TRUE(first > zx(2, 6));
	Peer *three = arrives(world, PDK_PACKET_FOLLOWERINFO, 3, zx(2, 3));
	CU_ASSERT_EQUAL(world->read_from, zx(2, 3));
	/* More is committed while the disk is busy, and memory moves on. */
	commit_one(world, two);
	world_log_read(world, zx(2, 3), zx(2, 5), true);
	CU_ASSERT_TRUE(peer_silent(three));
	CU_ASSERT_EQUAL(world->read_from, zx(2, 6));
	for (unsigned i = 0; i < 10; i++)
		commit_one(world, two);
	world_log_read(world, zx(2, 6), zx(2, 31), false);
	CU_ASSERT_TRUE(peer_gets(three, PDK_PACKET_DIFF, zx(2, 20)));
	for (int64_t i = 4; i <= 20; i++) {
		CU_ASSERT_TRUE(peer_gets(three, PDK_PACKET_PROPOSAL, zx(2, i)));
		CU_ASSERT_TRUE(peer_gets(three, PDK_PACKET_COMMIT, zx(2, i)));
	}
	CU_ASSERT_TRUE(peer_gets(three, PDK_PACKET_NEWLEADER, zx(2, 0)));
	for (int64_t i = 21; i <= 31; i++) {
		CU_ASSERT_TRUE(peer_gets(three, PDK_PACKET_PROPOSAL, zx(2, i)));
		CU_ASSERT_TRUE(peer_gets(three, PDK_PACKET_COMMIT, zx(2, i)));
	}
	CU_ASSERT_TRUE(peer_silent(three));
	CU_ASSERT_FALSE(three->closed);
}

static void
a_log_that_does_not_reach_back_ends_in_a_snapshot(void)
{
	Peer *two;
	g_autoptr(World) world = with_short_memory(&two);
	Peer *three = arrives(world, PDK_PACKET_FOLLOWERINFO, 3, zx(2, 3));
	world_log_read(world, zx(2, 5), zx(2, 20), false);
	CU_ASSERT_TRUE(gets_snapshot(three, zx(2, 20), 300));
	CU_ASSERT_TRUE(peer_gets(three, PDK_PACKET_NEWLEADER, zx(2, 0)));
	CU_ASSERT_TRUE(peer_silent(three));
}

static void
a_log_with_a_hole_or_an_early_end_ends_in_a_snapshot(void)
{
	Peer *two;
	g_autoptr(World) world = with_short_memory(&two);
	Peer *three = arrives(world, PDK_PACKET_FOLLOWERINFO, 3, zx(2, 3));
	world_log_read(world, zx(2, 3), zx(2, 4), true);
	world_log_read(world, zx(2, 6), zx(2, 20), false);
	CU_ASSERT_TRUE(gets_snapshot(three, zx(2, 20), 300));
	three = arrives(world, PDK_PACKET_FOLLOWERINFO, 3, zx(2, 3));
	world_log_read(world, zx(2, 3), zx(2, 5), false);
	CU_ASSERT_TRUE(gets_snapshot(three, zx(2, 20), 300));
}

/* It may hold more than it says, and want the snapshot for that. */
static void
who_says_that_nothing_is_logged_is_sent_a_snapshot_though_the_log_reaches_back(void)
{
	Peer *two;
	g_autoptr(World) world = with_short_memory(&two);
	world->replica->log_floor = 0;
	Peer *three = arrives(world, PDK_PACKET_FOLLOWERINFO, 3, 0);
	peer_send(world, two, PDK_PACKET_PING, 0, NULL, 0); /* it is there: see test_fresh */
	CU_ASSERT_EQUAL(world->read_from, -1);
	CU_ASSERT_TRUE(gets_snapshot(three, zx(2, 20), 300));
}

static void
one_reader_at_a_time(void)
{
	Peer *two;
	g_autoptr(World) world = with_short_memory(&two);
	Peer *three = arrives(world, PDK_PACKET_FOLLOWERINFO, 3, zx(2, 3));
	Peer *stranger = arrives(world, PDK_PACKET_FOLLOWERINFO, 9, zx(2, 4));
	CU_ASSERT_EQUAL(world->read_from, zx(2, 3));
	/* The answer for one that left is not the next one's. */
	peer_close(world, three);
	world_log_read(world, zx(2, 3), zx(2, 20), false);
	CU_ASSERT_TRUE(peer_silent(stranger));
	CU_ASSERT_EQUAL(world->read_from, zx(2, 4));
	world_log_read(world, zx(2, 4), zx(2, 20), false);
	CU_ASSERT_TRUE(peer_gets(stranger, PDK_PACKET_DIFF, zx(2, 20)));
	CU_ASSERT_TRUE(peer_gets(stranger, PDK_PACKET_PROPOSAL, zx(2, 5)));
}

int
main(void)
{
	CU_initialize_registry();
	CU_pSuite suite = CU_add_suite("sync", NULL, NULL);
	CASE(who_is_up_to_date_gets_an_empty_diff);
	CASE(who_missed_some_gets_them);
	CASE(who_has_more_is_cut_back_within_an_epoch);
	CASE(a_cut_never_crosses_an_epoch);
	CASE(who_is_far_behind_is_served_from_the_log_or_a_snapshot);
	CASE(history_goes_with_commits_and_proposals_without);
	CASE(an_observer_is_not_sent_proposals);
	CASE(a_snapshot_is_followed_by_its_signature_and_what_came_since);
	CASE(who_says_that_it_has_no_database_gets_all_of_it);
	CASE(a_learner_that_is_needed_does_not_wait_for_others);
	CASE(live_packets_wait_behind_a_snapshot_that_drains_slowly);
	CASE(one_walk_at_a_time);
	CASE(a_learner_that_takes_no_snapshot_bytes_is_dropped);
	CASE(history_goes_out_however_much_it_is);
	CASE(what_waits_behind_a_snapshot_is_bounded);
	CASE(a_snapshot_for_a_tail_of_another_epoch_waits_until_this_one_stands);
	CASE(what_memory_lacks_comes_from_the_log);
	CASE(a_log_that_does_not_reach_back_ends_in_a_snapshot);
	CASE(a_log_with_a_hole_or_an_early_end_ends_in_a_snapshot);
	CASE(who_says_that_nothing_is_logged_is_sent_a_snapshot_though_the_log_reaches_back);
	CASE(one_reader_at_a_time);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0;
}

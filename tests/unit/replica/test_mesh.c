/* SPDX-License-Identifier: Apache-2.0 */
/* Proves who keeps an election link, what outlives it, when it is dialled again, and that no peer can do harm. */
#include "mesh_world.h"
#include "replica/hello.h"
#include "replica/mesh-line.h"

#include <CUnit/Basic.h>

static void
expect_story(Node *node, const char *expected, int line)
{
	g_autofree char *story = node_story(node);
	if (strcmp(story, expected) != 0)
		fprintf(stderr, "\nline %d: server %d tells \"%s\", expected \"%s\"\n", line, (int)node->sid, story, expected);
	CU_ASSERT_STRING_EQUAL(story, expected);
}
#define EXPECT(node, expected) expect_story(node, expected, __LINE__)

/* Two servers that are linked, their stories told; 2 has dialled. */
static World *
linked_pair(void)
{
	World *world = world_new(2, NULL);
	world_start(world);
	node_send(world_node(world, 2), 1, "two");
	world_settle(world);
	node_send(world_node(world, 1), 2, "one");
	world_settle(world);
	EXPECT(world_node(world, 1), "2 up; 2: two;");
	EXPECT(world_node(world, 2), "1 up; 1: one;");
	return world;
}

/* ---- handshakes ---- */

static void
only_the_first_address_is_sent_unless_several_are_allowed(void)
{
	for (int several = 0; several < 2; several++) {
		g_autoptr(World) world = world_new(2, "server.3=raw1:1:3000|raw2:1:3000\n");
		g_clear_pointer(&world->members_text, g_free);
		world->members_text = g_strdup("server.1=raw:1:3000\nserver.2=s2:2000:3000|t2:2000:3001\n");
		world->raw_listens = true;
		world_node(world, 2)->params.several_addresses = several;
		node_start(world_node(world, 2));
		node_send(world_node(world, 2), 1, "hello");
		world_settle(world);
		GByteArray *heard = world->raw_accepted->ends[1].heard;
		CU_ASSERT_TRUE_FATAL(heard->len > 20);
		CU_ASSERT_EQUAL(heard->data[7], several);
		const char *text = several ? "s2:3000|t2:3001" : "s2:3000";
		CU_ASSERT_EQUAL(heard->data[19], strlen(text));
		CU_ASSERT_EQUAL(memcmp(heard->data + 20, text, strlen(text)), 0);
	}
}

static void
a_handshake_may_come_in_any_pieces_with_frames_behind_it(void)
{
	g_autoptr(World) world = world_new(1, "server.9=raw:1:3000\n");
	world_start(world);
	PdkBuffer out = {0};
	pdk_hello_put(&out, 9, "raw:3000", false);
	pdk_put_string(&out, "one");
	pdk_put_string(&out, "two");
	for (size_t piece = 1; piece < out.length + 1; piece++) {
		Conn *conn = raw_dial(world, 1);
		for (size_t at = 0; at < out.length; at += piece)
			raw_write(conn, 0, out.data + at, MIN(piece, out.length - at));
		world_settle(world);
		EXPECT(world_node(world, 1), "9 up; 9: one; 9: two;");
		raw_close(conn, 0);
		world_run(world, 2000);
		EXPECT(world_node(world, 1), "9 down; 9 refused;");
	}
	pdk_buffer_clear(&out);
}

static void
a_handshake_of_old_servers_is_taken_from_members(void)
{
	g_autoptr(World) world = world_new(1, "server.9=raw:1:3000\n");
	world_start(world);
	static const uint8_t member[] = {0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1, 'x'};
	raw_write(raw_dial(world, 1), 0, member, sizeof member);
	world_settle(world);
	EXPECT(world_node(world, 1), "9 up; 9: x;");
	Conn *browser = raw_dial(world, 1);
	raw_write(browser, 0, "GET / HTTP/1.1\r\n\r\n", 18);
	world_settle(world);
	CU_ASSERT_FALSE(raw_open(browser, 1));
	EXPECT(world_node(world, 1), "");
	CU_ASSERT_EQUAL(node_said(world_node(world, 1), "old handshake"), 1);
}

static void
garbage_is_closed_and_costs_one_line_a_minute(void)
{
	g_autoptr(World) world = world_new(1, NULL);
	world_start(world);
	static const uint8_t bad_version[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0, 0};
	static const uint8_t long_text[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0x7f, 0, 0, 0};
	for (unsigned i = 0; i < 50; i++) {
		Conn *conn = raw_dial(world, 1);
		if (i % 2)
			raw_write(conn, 0, bad_version, sizeof bad_version);
		else
			raw_write(conn, 0, long_text, sizeof long_text);
		world_run(world, 100);
		CU_ASSERT_FALSE(raw_open(conn, 1));
	}
	CU_ASSERT_EQUAL(world_node(world, 1)->said->len, 1);
	world_run(world, 60000);
	raw_write(raw_dial(world, 1), 0, bad_version, sizeof bad_version);
	world_settle(world);
	CU_ASSERT_EQUAL(node_said(world_node(world, 1), "49 others were closed"), 1);
	EXPECT(world_node(world, 1), "");
}

static void
half_a_handshake_runs_out_of_time(void)
{
	g_autoptr(World) world = world_new(1, "server.9=raw:1:3000\n");
	world_start(world);
	Conn *silent = raw_dial(world, 1);
	world_run(world, 4000);
	Conn *half = raw_dial(world, 1);
	raw_write(half, 0, "\377\377\377\377\377\377\0\0\0\0", 10);
	world_run(world, 5999);
	CU_ASSERT_TRUE(raw_open(silent, 1));
	world_run(world, 2);
	CU_ASSERT_FALSE(raw_open(silent, 1));
	CU_ASSERT_TRUE(raw_open(half, 1));
	world_run(world, 4000);
	CU_ASSERT_FALSE(raw_open(half, 1));
	raw_write(half, 0, "more", 4); /* too late, and without effect */
	world_settle(world);
	EXPECT(world_node(world, 1), "");
}

static void
the_oldest_of_too_many_silent_links_goes(void)
{
	g_autoptr(World) world = world_new(1, "server.9=raw:1:3000\n");
	world_start(world);
	g_autoptr(GPtrArray) silent = g_ptr_array_new();
	for (unsigned i = 0; i < 300; i++)
		g_ptr_array_add(silent, raw_dial(world, 1));
	world_settle(world);
	unsigned open = 0;
	for (unsigned i = 0; i < 300; i++)
		open += raw_open(silent->pdata[i], 1);
	CU_ASSERT_EQUAL(open, 256);
	CU_ASSERT_TRUE(!raw_open(silent->pdata[0], 1) && raw_open(silent->pdata[299], 1));
	raw_hello(raw_dial(world, 1), 9, "raw:3000");
	world_settle(world);
	EXPECT(world_node(world, 1), "9 up;");
}

static void
a_peer_without_an_id_of_its_own_is_closed(void)
{
	static const int64_t sids[] = {1, INT64_MAX, -5};
	g_autoptr(World) world = world_new(1, NULL);
	world_start(world);
	for (unsigned i = 0; i < G_N_ELEMENTS(sids); i++) {
		Conn *conn = raw_dial(world, 1);
		raw_hello(conn, sids[i], "raw:3000");
		world_run(world, 70000);
		CU_ASSERT_FALSE(raw_open(conn, 1));
	}
	CU_ASSERT_EQUAL(node_said(world_node(world, 1), "same server id"), 1);
	CU_ASSERT_EQUAL(node_said(world_node(world, 1), "no server id of its own"), 2);
	CU_ASSERT_EQUAL(world->dialled->len, 0);
	EXPECT(world_node(world, 1), "");
}

/* ---- who keeps the link ---- */

static void
the_larger_keeps_the_link_it_dialled(void)
{
	g_autoptr(World) world = linked_pair();
	CU_ASSERT_EQUAL(world_node(world, 2)->dials, 1);
	CU_ASSERT_EQUAL(world_node(world, 1)->dials, 0);
	CU_ASSERT_EQUAL(node_said(world_node(world, 2), "election link stands: server=1 at=s1:3000 dialled_by=us"), 1);
	CU_ASSERT_EQUAL(node_said(world_node(world, 1), "election link stands: server=2 at=/10.0.0.1:40000 dialled_by=them"), 1);
}

static void
the_smaller_calls_and_the_larger_dials_back(void)
{
	g_autoptr(World) world = world_new(2, NULL);
	world_start(world);
	node_send(world_node(world, 1), 2, "one");
	world_run(world, 3000);
	EXPECT(world_node(world, 1), "2 up;");
	EXPECT(world_node(world, 2), "1 up; 1: one;");
	CU_ASSERT_EQUAL(world_node(world, 1)->dials, 1);
	CU_ASSERT_EQUAL(world_node(world, 2)->dials, 1);
}

static void
simultaneous_dials_leave_one_link_and_lose_nothing(void)
{
	g_autoptr(World) world = world_new(3, NULL);
	world_start(world);
	for (int64_t from = 1; from <= 3; from++)
		for (int64_t to = 1; to <= 3; to++)
			node_send(world_node(world, from), to, "vote");
	world_run(world, 5000);
	EXPECT(world_node(world, 1), "1: vote; 2 up; 2: vote; 3 up; 3: vote;");
	EXPECT(world_node(world, 2), "2: vote; 1 up; 3 up; 3: vote; 1: vote;");
	EXPECT(world_node(world, 3), "3: vote; 1 up; 2 up; 1: vote; 2: vote;");
	CU_ASSERT_EQUAL(world->dialled->len, 6);
}

/* A peer whose call did not cross, but who has lost the link that this server still believes in. */
static void
a_call_replaces_a_link_that_stood_for_long(void)
{
	g_autoptr(World) world = world_new(2, NULL);
	g_clear_pointer(&world->members_text, g_free);
	world->members_text = g_strdup("server.1=raw:1:3000\nserver.2=s2:2000:3000\n");
	world->raw_listens = true;
	Node *two = world_node(world, 2);
	node_start(two);
	node_send(two, 1, "hello");
	world_run(world, 100);
	Conn *first = world->raw_accepted;
	raw_hello(raw_dial(world, 2), 1, "raw:3000"); /* crossed */
	world_settle(world);
	CU_ASSERT_PTR_EQUAL(world->raw_accepted, first);
	CU_ASSERT_TRUE(raw_open(first, 0));
	world_run(world, 1000);
	EXPECT(two, "1 up;");
	raw_hello(raw_dial(world, 2), 1, "raw:3000");
	world_settle(world);
	CU_ASSERT_PTR_NOT_EQUAL(world->raw_accepted, first);
	CU_ASSERT_FALSE(raw_open(first, 0));
	EXPECT(two, "1 down; 1 up;");
	g_autoptr(GByteArray) heard = g_byte_array_ref(world->raw_accepted->ends[1].heard);
	CU_ASSERT_EQUAL(memcmp(heard->data + heard->len - 9, "\0\0\0\5hello", 9), 0);
}

static void
a_new_link_of_the_larger_replaces_the_old_one(void)
{
	g_autoptr(World) world = world_new(1, "server.9=raw:1:3000\n");
	world_start(world);
	Conn *first = raw_dial(world, 1);
	raw_hello(first, 9, "raw:3000");
	world_settle(world);
	Conn *second = raw_dial(world, 1);
	raw_hello(second, 9, "raw:3000");
	raw_frame(second, 0, "again");
	world_settle(world);
	CU_ASSERT_TRUE(!raw_open(first, 0) && raw_open(second, 1));
	EXPECT(world_node(world, 1), "9 up; 9 down; 9 up; 9: again;");
	CU_ASSERT_EQUAL(world_node(world, 1)->dials, 0);
}

static void
the_call_says_where_to_dial_back(void)
{
	g_autoptr(World) world = world_new(2, NULL);
	world_start(world);
	world->raw_listens = true;
	raw_hello(raw_dial(world, 2), 1, "raw:777");
	world_settle(world);
	CU_ASSERT_STRING_EQUAL(world->dialled->pdata[0], "raw:777");
	EXPECT(world_node(world, 2), "1 up;");
	world_run(world, 2000);
	raw_close(world->raw_accepted, 1); /* the next time, the configured one counts */
	world_settle(world);
	CU_ASSERT_STRING_EQUAL(world->dialled->pdata[1], "s1:3000");
}

static void
a_call_during_a_dial_gives_it_a_new_address(void)
{
	g_autoptr(World) world = world_new(2, NULL);
	Node *two = world_node(world, 2);
	node_start(two);
	world->raw_listens = true;
	node_send(two, 1, "hello");
	raw_hello(raw_dial(world, 2), 1, "raw:777");
	CU_ASSERT_EQUAL(two->dials, 1);
	world_settle(world);
	CU_ASSERT_EQUAL(world->dialled->len, 2);
	CU_ASSERT_STRING_EQUAL(world->dialled->pdata[1], "raw:777");
	EXPECT(two, "1 up;");
}

static void
a_wildcard_or_dead_address_of_a_call_gives_way_to_the_configured_one(void)
{
	static const char *const useless[] = {"0.0.0.0:3000", "[::]:3000", "nowhere:1"};
	for (unsigned i = 0; i < G_N_ELEMENTS(useless); i++) {
		g_autoptr(World) world = world_new(2, NULL);
		world_start(world);
		raw_hello(raw_dial(world, 2), 1, useless[i]);
		world_settle(world);
		CU_ASSERT_STRING_EQUAL(world->dialled->pdata[world->dialled->len - 1], "s1:3000");
		EXPECT(world_node(world, 2), "1 up;");
		EXPECT(world_node(world, 1), "2 up;");
	}
}

static void
a_server_in_no_configuration_may_call_and_is_dialled_back(void)
{
	g_autoptr(World) world = world_new(3, NULL);
	g_clear_pointer(&world->members_text, g_free);
	world->members_text = g_strdup("server.2=s2:2000:3000\nserver.3=s3:2000:3000\n");
	node_start(world_node(world, 2));
	node_start(world_node(world, 3));
	node_send(world_node(world, 3), 1, "lost"); /* nobody knows where 1 is */
	world_run(world, 2000);
	CU_ASSERT_EQUAL(world->dialled->len, 0);
	g_clear_pointer(&world->members_text, g_free);
	world->members_text = g_strdup("server.1=s1:2000:3000\nserver.2=s2:2000:3000\nserver.3=s3:2000:3000\n");
	node_start(world_node(world, 1));
	node_send(world_node(world, 1), 3, "may I");
	world_settle(world);
	EXPECT(world_node(world, 3), "1 up; 1: may I;");
	node_send(world_node(world, 3), 1, "yes");
	world_settle(world);
	EXPECT(world_node(world, 1), "3 up; 3: yes;");
	node_kill(world_node(world, 1));
	world_run(world, 5000);
	EXPECT(world_node(world, 3), "1 down;");
	CU_ASSERT_EQUAL(world->dialled->len, 2);
}

static void
unknown_servers_are_bounded(void)
{
	g_autoptr(World) world = world_new(1, NULL);
	world_start(world);
	unsigned open = 0;
	g_autoptr(GPtrArray) conns = g_ptr_array_new();
	for (unsigned i = 0; i < 100; i++) {
		g_ptr_array_add(conns, raw_dial(world, 1));
		raw_hello(conns->pdata[i], 1000 + i, "raw:3000");
	}
	world_settle(world);
	for (unsigned i = 0; i < 100; i++)
		open += raw_open(conns->pdata[i], 1);
	CU_ASSERT_EQUAL(open, 64);
	raw_close(conns->pdata[0], 0);
	world_settle(world);
	Conn *late = raw_dial(world, 1);
	raw_hello(late, 5000, "raw:3000");
	world_settle(world);
	CU_ASSERT_TRUE(raw_open(late, 1));
}

/* ---- when it is dialled again ---- */

static void
a_dial_that_is_refused_says_that_the_peer_is_down(void)
{
	g_autoptr(World) world = world_new(2, NULL);
	Node *one = world_node(world, 1), *two = world_node(world, 2);
	node_start(one);
	node_send(one, 2, "first");
	world_settle(world);
	EXPECT(one, "2 refused;");
	node_send(one, 2, "second");
	world_run(world, 60 * 1000);
	EXPECT(one, "");
	/* Pauses of 5, 10, 20 ... ms up to 1 s; four lines at most. */
	CU_ASSERT_TRUE(one->dials > 45 && one->dials < 90);
	CU_ASSERT_TRUE(one->said->len <= 2);
	node_start(two);
	world_run(world, 1500);
	EXPECT(one, "2 down; 2 up;");
	EXPECT(two, "1 up; 1: second;");
}

static void
the_first_pauses_are_short(void)
{
	g_autoptr(World) world = world_new(2, NULL);
	Node *two = world_node(world, 2);
	node_start(two);
	node_send(two, 1, "hello");
	world_run(world, 50);
	CU_ASSERT_TRUE(two->dials >= 4 && two->dials <= 5); /* at 0, 5, 15, 35 and about 75 ms */
	node_start(world_node(world, 1));
	world_run(world, 60);
	EXPECT(two, "1 refused; 1 up;");
	EXPECT(world_node(world, 1), "2 up; 2: hello;");
}

static void
dial_all_does_not_wait_for_the_pause(void)
{
	g_autoptr(World) world = world_new(2, NULL);
	Node *two = world_node(world, 2);
	node_start(two);
	node_send(two, 1, "hello");
	world_run(world, 20 * 1000);
	unsigned dials = two->dials;
	node_start(world_node(world, 1));
	node_dial_all(two);
	world_settle(world);
	CU_ASSERT_EQUAL(two->dials, dials + 1);
	EXPECT(world_node(world, 1), "2 up; 2: hello;");
	node_dial_all(two); /* nothing waits and the link stands */
	node_dial_all(world_node(world, 1));
	world_settle(world);
	CU_ASSERT_EQUAL(world->dialled->len, dials + 1);
}

static void
one_dial_is_under_way_at_a_time(void)
{
	g_autoptr(World) world = world_new(2, NULL);
	Node *two = world_node(world, 2);
	node_start(two);
	world_node(world, 1)->unreached = true;
	for (unsigned i = 0; i < 10; i++) {
		node_send(two, 1, "hello");
		node_dial_all(two);
	}
	CU_ASSERT_EQUAL(two->dials, 1);
	world_settle(world);
	EXPECT(two, ""); /* no answer is no news */
	CU_ASSERT_EQUAL(pdk_mesh_link(two->mesh, 1), PDK_PEER_LINK_DOWN);
}

static void
a_peer_that_accepts_and_never_answers_blocks_nobody(void)
{
	g_autoptr(World) world = world_new(3, NULL);
	Node *one = world_node(world, 1);
	node_start(one);
	node_start(world_node(world, 2));
	world_node(world, 3)->deaf = true;
	node_send(one, 3, "hello");
	node_send(one, 2, "hello");
	world_run(world, 10 * 1000);
	EXPECT(one, "2 up;");
	EXPECT(world_node(world, 2), "1 up; 1: hello;");
	CU_ASSERT_EQUAL(pdk_mesh_link(one->mesh, 3), PDK_PEER_LINK_DOWN); /* not refused: something is there */
	CU_ASSERT_TRUE(world_node(world, 1)->dials < 20);
}

static void
a_killed_peer_is_known_to_be_down_at_once(void)
{
	g_autoptr(World) world = linked_pair();
	world_run(world, 5000);
	node_kill(world_node(world, 2));
	world_settle(world);
	EXPECT(world_node(world, 1), "2 down; 2 refused;");
	CU_ASSERT_EQUAL(node_said(world_node(world, 1), "election link lost"), 1);
	g_autoptr(World) other = linked_pair();
	world_run(other, 5000);
	node_kill(world_node(other, 1));
	world_settle(other);
	EXPECT(world_node(other, 2), "1 down; 1 refused;");
	unsigned dials = world_node(other, 2)->dials;
	world_run(other, 5000); /* nothing waits: that was all */
	CU_ASSERT_EQUAL(world_node(other, 2)->dials, dials);
}

/* ZOOKEEPER-2836: only a handshake has a time to come by. Nothing is said between two elections. */
static void
a_link_that_stands_may_be_silent_for_ever(void)
{
	g_autoptr(World) world = linked_pair();
	unsigned dials = world_node(world, 2)->dials;
	world_run(world, 24 * 3600 * 1000);
	EXPECT(world_node(world, 1), "");
	EXPECT(world_node(world, 2), "");
	node_send(world_node(world, 1), 2, "still there");
	world_settle(world);
	EXPECT(world_node(world, 2), "1: still there;");
	CU_ASSERT_EQUAL(world_node(world, 2)->dials, dials);
}

static void
a_lost_peer_that_cannot_be_reached_is_down_too(void)
{
	g_autoptr(World) world = linked_pair();
	world_run(world, 5000);
	world_node(world, 1)->unreached = true;
	node_kill(world_node(world, 1));
	world_settle(world);
	EXPECT(world_node(world, 2), "1 down; 1 refused;");
}

static void
either_side_may_restart(void)
{
	for (int64_t sid = 1; sid <= 2; sid++) {
		g_autoptr(World) world = linked_pair();
		Node *restarts = world_node(world, sid), *stays = world_node(world, 3 - sid);
		world_run(world, 5000);
		node_kill(restarts);
		world_run(world, 3000);
		node_start(restarts);
		node_send(restarts, 3 - sid, "back");
		world_run(world, 3000);
		EXPECT(restarts, sid == 1 ? "2 up; 2: two;" : "1 up; 1: one;");
		EXPECT(stays, sid == 1 ? "1 down; 1 refused; 1 down; 1 up; 1: back;" : "2 down; 2 refused; 2 up; 2: back;");
	}
}

static void
how_long_a_peer_was_away_does_not_delay_the_news_of_its_next_death(void)
{
	g_autoptr(World) world = linked_pair();
	Node *dies = world_node(world, 2), *stays = world_node(world, 1);
	world_run(world, 5000);
	node_kill(dies);
	node_send(stays, 2, "are you there?");
	world_run(world, 20000);
	node_start(dies);
	node_send(dies, 1, "back");
	world_run(world, 300);
	EXPECT(stays, "2 down; 2 refused; 2 up; 2: back;");
	node_kill(dies);
	world_run(world, 50);
	EXPECT(stays, "2 down; 2 refused;");
}

static void
a_peer_that_closes_at_once_is_dialled_with_growing_pauses(void)
{
	g_autoptr(World) world = world_new(2, NULL);
	g_clear_pointer(&world->members_text, g_free);
	world->members_text = g_strdup("server.1=raw:1:3000\nserver.2=s2:2000:3000\n");
	world->raw_listens = true;
	Node *two = world_node(world, 2);
	node_start(two);
	node_send(two, 1, "hello");
	for (unsigned i = 0; i < 3000; i++) {
		world_run(world, 10);
		if (world->raw_accepted)
			raw_close(world->raw_accepted, 1);
	}
	CU_ASSERT_TRUE(two->dials > 20 && two->dials < 60);
	CU_ASSERT_TRUE(two->said->len <= 2);
}

/* Two servers that both lose their links again and again settle on one. */
static void
two_servers_do_not_dance(void)
{
	g_autoptr(World) world = linked_pair();
	for (unsigned round = 0; round < 20; round++) {
		world_run(world, 2000);
		for (unsigned i = 0; i < world->conns->len; i++)
			for (unsigned end = 0; end < 2; end++)
				raw_close(world->conns->pdata[i], end);
		unsigned before = world->dialled->len;
		world_run(world, 2000);
		CU_ASSERT_TRUE(world->dialled->len - before <= 4);
		CU_ASSERT_EQUAL(pdk_mesh_link(world_node(world, 1)->mesh, 2), PDK_PEER_LINK_UP);
		CU_ASSERT_EQUAL(pdk_mesh_link(world_node(world, 2)->mesh, 1), PDK_PEER_LINK_UP);
	}
}

static void
the_smaller_does_not_answer_a_link_with_a_call(void)
{
	g_autoptr(World) world = world_new(1, "server.9=raw:1:3000\n");
	world_start(world);
	world->raw_listens = true;
	Node *one = world_node(world, 1);
	node_send(one, 9, "one");
	Conn *conn = raw_dial(world, 1); /* meanwhile the larger one dials */
	raw_hello(conn, 9, "raw:3000");
	world_run(world, 3000);
	CU_ASSERT_TRUE(raw_open(conn, 1));
	CU_ASSERT_EQUAL(one->dials, 1);
	CU_ASSERT_EQUAL(world->raw_accepted->ends[1].heard->len, 0);
	CU_ASSERT_FALSE(raw_open(world->raw_accepted, 0));
	CU_ASSERT_EQUAL(memcmp(conn->ends[0].heard->data, "\0\0\0\3one", 7), 0);
}

/* ---- several addresses, changing members ---- */

static void
every_address_is_tried_before_the_peer_is_said_to_be_down(void)
{
	g_autoptr(World) world = world_new(2, NULL);
	g_clear_pointer(&world->members_text, g_free);
	world->members_text = g_strdup("server.1=a1:1:3000|b1:1:3000|s1:1:3000\nserver.2=s2:2000:3000\n");
	Node *two = world_node(world, 2);
	node_start(two);
	node_send(two, 1, "hello");
	world_settle(world);
	CU_ASSERT_EQUAL(world->dialled->len, 3);
	EXPECT(two, "1 refused;");
	node_start(world_node(world, 1));
	world_run(world, 50);
	EXPECT(world_node(world, 1), "2 up; 2: hello;");
}

static void
the_address_last_seen_is_tried_behind_the_committed_one(void)
{
	g_autoptr(World) world = world_new(2, NULL);
	Node *two = world_node(world, 2);
	node_start(two);
	static const PdkMembersRules rules = {0};
	static const char old[] = "server.1=old:1:3000\nserver.2=s2:2000:3000\n";
	static const char new[] = "server.1=s1:1:3000\nserver.2=s2:2000:3000\n";
	g_autoptr(PdkMembers) committed = pdk_members_parse(old, strlen(old), &rules, NULL);
	g_autoptr(PdkMembers) last_seen = pdk_members_parse(new, strlen(new), &rules, NULL);
	pdk_mesh_set_members(two->mesh, committed, last_seen);
	node_start(world_node(world, 1));
	node_send(two, 1, "hello");
	world_settle(world);
	CU_ASSERT_STRING_EQUAL(world->dialled->pdata[0], "old:3000");
	CU_ASSERT_STRING_EQUAL(world->dialled->pdata[1], "s1:3000");
	EXPECT(world_node(world, 1), "2 up; 2: hello;");
}

static void
a_removed_member_keeps_its_link_until_it_breaks(void)
{
	g_autoptr(World) world = linked_pair();
	world_run(world, 5000);
	node_members(world_node(world, 2), "server.2=s2:2000:3000\n");
	node_send(world_node(world, 2), 1, "still");
	world_settle(world);
	EXPECT(world_node(world, 1), "2: still;");
	node_kill(world_node(world, 1));
	node_send(world_node(world, 2), 1, "gone");
	world_run(world, 5000);
	EXPECT(world_node(world, 2), "1 down;");
	CU_ASSERT_EQUAL(world_node(world, 2)->dials, 1);
}

static void
a_restart_closes_links_and_forgets_what_waits(void)
{
	g_autoptr(World) world = linked_pair();
	Node *one = world_node(world, 1), *two = world_node(world, 2);
	world_run(world, 5000);
	Conn *silent = raw_dial(world, 2);
	world_settle(world);
	node_send(two, 3, "to nobody");
	pdk_mesh_restart(two->mesh, two->effects);
	CU_ASSERT_EQUAL(pdk_mesh_link(two->mesh, 1), PDK_PEER_LINK_DOWN);
	node_dial_all(two); /* its turn */
	world_run(world, 3000);
	CU_ASSERT_FALSE(raw_open(silent, 1));
	EXPECT(two, "1 down; 1 up; 1: one;"); /* what 1 had sent last; 1 dialled anew */
	EXPECT(one, "2 down; 2 up;");
}

static void
the_outcome_of_a_dial_from_before_a_restart_is_dropped(void)
{
	g_autoptr(World) world = world_new(2, NULL);
	Node *two = world_node(world, 2);
	world_start(world);
	node_send(two, 1, "old");
	pdk_mesh_restart(two->mesh, two->effects);
	node_send(two, 1, "new");
	world_run(world, 2000);
	EXPECT(world_node(world, 1), "2 up; 2: new;");
	EXPECT(two, "1 up;");
}

/* ---- messages ---- */

static void
the_newest_message_replaces_the_oldest_that_waits(void)
{
	for (unsigned length = 1; length <= 2; length++) {
		g_autoptr(World) world = world_new(2, NULL);
		Node *one = world_node(world, 1), *two = world_node(world, 2);
		two->params.queue_length = length;
		node_start(two);
		node_send(two, 1, "a");
		node_send(two, 1, "b");
		node_send(two, 1, "c");
		node_start(one);
		world_run(world, 100);
		EXPECT(one, length == 1 ? "2 up; 2: c;" : "2 up; 2: b; 2: c;");
	}
}

static void
the_last_message_comes_again_on_a_new_link(void)
{
	g_autoptr(World) world = linked_pair();
	Node *one = world_node(world, 1), *two = world_node(world, 2);
	world_run(world, 2000);
	node_send(two, 1, "last");
	world_settle(world);
	EXPECT(one, "2: last;");
	node_kill(one);
	world_run(world, 1000);
	node_start(one);
	node_send(one, 2, "hi");
	world_run(world, 1000);
	EXPECT(one, "2 up; 2: last;");
	EXPECT(two, "1 down; 1 refused; 1 down; 1 up; 1: hi;");
	/* But not when something newer waits. */
	node_kill(one);
	world_settle(world);
	node_send(two, 1, "newer");
	node_start(one);
	world_run(world, 3000);
	EXPECT(one, "2 up; 2: newer;");
}

static void
nothing_comes_again_for_those_who_do_not_want_it(void)
{
	g_autoptr(World) world = world_new(2, NULL);
	Node *one = world_node(world, 1), *two = world_node(world, 2);
	two->params.resend_last = false;
	world_start(world);
	node_send(two, 1, "once");
	world_run(world, 2000);
	EXPECT(one, "2 up; 2: once;");
	node_kill(one);
	node_start(one);
	world_run(world, 1000);
	EXPECT(one, "2 up;");
}

static void
a_message_to_itself_comes_at_the_next_turn(void)
{
	g_autoptr(World) world = world_new(1, NULL);
	world_start(world);
	Node *one = world_node(world, 1);
	g_autoptr(GBytes) message = g_bytes_new_static("me", 2);
	pdk_mesh_send(one->mesh, 1, message, world->now_us, one->effects);
	EXPECT(one, "");
	CU_ASSERT_TRUE(one->effects->again);
	node_dial_all(one);
	EXPECT(one, "1: me;");
	for (unsigned i = 0; i < 300; i++)
		pdk_mesh_send(one->mesh, 1, message, world->now_us, one->effects);
	node_dial_all(one);
	g_autofree char *story = node_story(one);
	CU_ASSERT_EQUAL(strlen(story), 100 * strlen("1: me; ") - 1);
}

/* A frame whose head says @length goes to a server with one peer; is the link still there? */
static bool
frame_is_taken(uint32_t length)
{
	g_autoptr(World) world = world_new(1, "server.9=raw:1:3000\n");
	world_start(world);
	Conn *conn = raw_dial(world, 1);
	raw_hello(conn, 9, "raw:3000");
	size_t present = MIN(length, PDK_MESH_FRAME_MAX);
	g_autofree uint8_t *frame = g_malloc0(4 + present);
	pdk_store_u32(frame, length);
	raw_write(conn, 0, frame, 4);
	raw_write(conn, 0, frame + 4, present / 2);
	raw_write(conn, 0, frame + 4 + present / 2, present - present / 2);
	world_settle(world);
	bool open = raw_open(conn, 1);
	/* When it was not: closed with a line, and the link is told to be down. */
	EXPECT(world_node(world, 1), open ? "9 up; 9: ;" : "9 up; 9 down;");
	CU_ASSERT_EQUAL(node_said(world_node(world, 1), "a frame of an illegal length"), !open);
	return open;
}

static void
frames_of_one_byte_to_512_kib_are_taken_and_no_others(void)
{
	CU_ASSERT_TRUE(frame_is_taken(1));
	CU_ASSERT_TRUE(frame_is_taken(524288));
	CU_ASSERT_FALSE(frame_is_taken(0));
	CU_ASSERT_FALSE(frame_is_taken(524289));
	CU_ASSERT_FALSE(frame_is_taken(0x80000000));
	CU_ASSERT_FALSE(frame_is_taken(UINT32_MAX));
}

static void
a_long_message_arrives_whole(void)
{
	g_autoptr(World) world = linked_pair();
	g_autofree char *text = g_strnfill(PDK_MESH_FRAME_MAX, 'x');
	node_send(world_node(world, 1), 2, text);
	world_settle(world);
	g_autofree char *story = node_story(world_node(world, 2));
	CU_ASSERT_TRUE(g_str_has_prefix(story, "1: xxxxxxxx"));
	CU_ASSERT_EQUAL(node_said(world_node(world, 2), "warning"), 0);
}

static void
for_a_peer_that_does_not_read_only_the_newest_waits(void)
{
	g_autoptr(World) world = linked_pair();
	Node *one = world_node(world, 1), *two = world_node(world, 2);
	g_autofree char *text = g_strnfill(100 * 1024, 'x');
	one->reads = false;
	for (unsigned i = 0; i < 100; i++) {
		node_send(two, 1, text);
		world_settle(world);
	}
	unsigned end;
	Conn *conn = world->conns->pdata[world->conns->len - 1];
	for (end = 0; conn->ends[end].node != two; end++)
		;
	CU_ASSERT_TRUE(conn->ends[end].unsent > 256 * 1024 && conn->ends[end].unsent < 400 * 1024);
	CU_ASSERT_TRUE(raw_open(conn, end));
	node_send(two, 1, "newest");
	one->reads = true;
	pdk_mesh_unsent(two->mesh, conn->ends[end].link, 0, world->now_us, two->effects); /* drained */
	node_dial_all(two);
	world_settle(world);
	EXPECT(one, "2: newest;");
}

static void
a_peer_that_does_not_read_is_dropped_when_4_mib_wait(void)
{
	g_autoptr(World) world = world_new(2, NULL);
	Node *one = world_node(world, 1), *two = world_node(world, 2);
	two->params.queue_length = 1000;
	two->params.resend_last = false;
	world_start(world);
	one->reads = false;
	g_autofree char *text = g_strnfill(100 * 1024, 'x');
	for (unsigned i = 0; i < 100; i++) {
		node_send(two, 1, text);
		world_settle(world);
	}
	CU_ASSERT_EQUAL(node_said(two, "does not read what it is sent"), 1);
	g_autofree char *story = node_story(two);
	CU_ASSERT_TRUE(g_str_has_prefix(story, "1 up; 1 down;"));
}

static void
many_messages_at_once_leave_in_order(void)
{
	g_autoptr(World) world = world_new(2, NULL);
	Node *one = world_node(world, 1), *two = world_node(world, 2);
	two->params.queue_length = 64;
	node_start(two);
	g_autoptr(GString) expected = g_string_new("2 up;");
	g_autofree char *rest = g_strnfill(20 * 1024, '.');
	for (unsigned i = 0; i < 40; i++) {
		g_autofree char *text = g_strdup_printf("%036u%s", i, rest);
		node_send(two, 1, text);
		g_string_append_printf(expected, " 2: %.40s;", text);
	}
	node_start(one);
	world_run(world, 100);
	EXPECT(one, expected->str);
}

/* The same seed and the same events: the same dials at the same moments. */
static void
a_story_repeats_itself(void)
{
	g_autofree char *before = NULL;
	for (unsigned round = 0; round < 3; round++) {
		g_autoptr(World) world = world_new(4, "server.9=raw:1:3000\n");
		world_node(world, 3)->unreached = true;
		node_start(world_node(world, 1));
		node_start(world_node(world, 2));
		g_autoptr(GString) all = g_string_new(NULL);
		for (unsigned i = 0; i < 200; i++) {
			for (int64_t to = 1; to <= 4; to++)
				node_send(world_node(world, 1 + i % 2), to, "vote");
			world_run(world, 7);
			g_autofree char *one = node_story(world_node(world, 1)), *two = node_story(world_node(world, 2));
			g_string_append_printf(all, "%s %s %u\n", one, two, world->dialled->len);
			if (i == 100)
				node_start(world_node(world, 4));
		}
		CU_ASSERT_TRUE(before == NULL || strcmp(before, all->str) == 0);
		g_free(before);
		before = g_string_free(g_steal_pointer(&all), FALSE);
	}
}

#define CASE(name) CU_add_test(suite, #name, name)

static void
add_handshakes(void)
{
	CU_pSuite suite = CU_add_suite("handshakes", NULL, NULL);
	CASE(only_the_first_address_is_sent_unless_several_are_allowed);
	CASE(a_handshake_may_come_in_any_pieces_with_frames_behind_it);
	CASE(a_handshake_of_old_servers_is_taken_from_members);
	CASE(garbage_is_closed_and_costs_one_line_a_minute);
	CASE(half_a_handshake_runs_out_of_time);
	CASE(the_oldest_of_too_many_silent_links_goes);
	CASE(a_peer_without_an_id_of_its_own_is_closed);
}

static void
add_links(void)
{
	CU_pSuite suite = CU_add_suite("links", NULL, NULL);
	CASE(the_larger_keeps_the_link_it_dialled);
	CASE(the_smaller_calls_and_the_larger_dials_back);
	CASE(simultaneous_dials_leave_one_link_and_lose_nothing);
	CASE(a_call_replaces_a_link_that_stood_for_long);
	CASE(a_new_link_of_the_larger_replaces_the_old_one);
	CASE(the_call_says_where_to_dial_back);
	CASE(a_call_during_a_dial_gives_it_a_new_address);
	CASE(a_wildcard_or_dead_address_of_a_call_gives_way_to_the_configured_one);
	CASE(a_server_in_no_configuration_may_call_and_is_dialled_back);
	CASE(unknown_servers_are_bounded);
	CASE(the_smaller_does_not_answer_a_link_with_a_call);
}

static void
add_dials(void)
{
	CU_pSuite suite = CU_add_suite("dials", NULL, NULL);
	CASE(a_dial_that_is_refused_says_that_the_peer_is_down);
	CASE(the_first_pauses_are_short);
	CASE(dial_all_does_not_wait_for_the_pause);
	CASE(one_dial_is_under_way_at_a_time);
	CASE(a_peer_that_accepts_and_never_answers_blocks_nobody);
	CASE(a_killed_peer_is_known_to_be_down_at_once);
	CASE(a_link_that_stands_may_be_silent_for_ever);
	CASE(a_lost_peer_that_cannot_be_reached_is_down_too);
	CASE(either_side_may_restart);
	CASE(how_long_a_peer_was_away_does_not_delay_the_news_of_its_next_death);
	CASE(a_peer_that_closes_at_once_is_dialled_with_growing_pauses);
	CASE(two_servers_do_not_dance);
	CASE(every_address_is_tried_before_the_peer_is_said_to_be_down);
	CASE(the_address_last_seen_is_tried_behind_the_committed_one);
	CASE(a_removed_member_keeps_its_link_until_it_breaks);
	CASE(a_restart_closes_links_and_forgets_what_waits);
	CASE(the_outcome_of_a_dial_from_before_a_restart_is_dropped);
}

static void
add_messages(void)
{
	CU_pSuite suite = CU_add_suite("messages", NULL, NULL);
	CASE(the_newest_message_replaces_the_oldest_that_waits);
	CASE(the_last_message_comes_again_on_a_new_link);
	CASE(nothing_comes_again_for_those_who_do_not_want_it);
	CASE(a_message_to_itself_comes_at_the_next_turn);
	CASE(frames_of_one_byte_to_512_kib_are_taken_and_no_others);
	CASE(a_long_message_arrives_whole);
	CASE(for_a_peer_that_does_not_read_only_the_newest_waits);
	CASE(a_peer_that_does_not_read_is_dropped_when_4_mib_wait);
	CASE(many_messages_at_once_leave_in_order);
	CASE(a_story_repeats_itself);
}

int
main(void)
{
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 99;
	add_handshakes();
	add_links();
	add_dials();
	add_messages();
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0;
}

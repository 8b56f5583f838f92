/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proves that servers with a quirk are heard to speak as another release does, and that an ensemble of such and others elects,
 * brings its members up by DIFF, TRUNC and SNAP, and serves. Changes when a way of speaking comes or goes.
 */
#include "sim/client.h"

#include "replica/hello.h"
#include "server/server-private.h"
#include "sim/packets.h"
#include <CUnit/Basic.h>

#define CASE(name) CU_add_test(suite, #name, name)
#define EQ(found, wanted) CU_ASSERT_EQUAL(found, wanted)
#define YES(condition) CU_ASSERT_TRUE(condition)

#define SERVERS 3
#define CLIENTS 6
#define PATIENCE (30 * SIM_SECOND)
#define PURPOSES 8 /* more than there are */

/* ---- what is heard between servers ---- */

/* One end of a connection. */
typedef struct {
	PdkPurpose purpose;
	bool dialled, greeted, newleader, uptodate;
	unsigned peer;       /* its index, once it is known */
	unsigned frames;
	bool begins_with_last; /* what was heard last on the line before came first on this one */
	int64_t begun_us;    /* the first frame came then */
	GByteArray *kept;
	SimPackets packets;
} Line;

typedef struct {
	GHashTable *dials;    /* server and number -> purpose + PURPOSES * peer */
	GHashTable *lines;    /* server and link -> Line */
	int64_t history;      /* acks up to it are counted */
	unsigned hellos, bare_hellos;
	unsigned notifications, long_ones, without_epoch;
	unsigned infos, short_infos, newleaders, bare_newleaders;
	unsigned packets, no_ids;
	unsigned early_pings, history_acks, torn_acks;
	GBytes *last[SERVERS][SERVERS]; /* the notification that one heard last from the other */
	unsigned stale;
} Ears;

static char *
key_of(unsigned server, uint64_t number)
{
	return g_strdup_printf("%u %" G_GUINT64_FORMAT, server, number);
}

static void
line_free(void *data)
{
	Line *line = data;
	g_byte_array_unref(line->kept);
	sim_packets_clear(&line->packets);
	g_free(line);
}

static void
add_line(Ears *ears, unsigned server, PdkLink link, PdkPurpose purpose, bool dialled, unsigned peer)
{
	Line *line = g_new0(Line, 1);
	line->purpose = purpose;
	line->peer = peer;
	line->dialled = line->greeted = dialled;
	line->kept = g_byte_array_new();
	sim_packets_init(&line->packets);
	g_hash_table_insert(ears->lines, key_of(server, link), line);
}

static void
hear_hello(Ears *ears, Line *line)
{
	PdkHello hello;
	size_t used = 0;
	const char *why;
	if (pdk_hello_get(line->kept->data, line->kept->len, &hello, &used, &why) != PDK_HELLO_WHOLE)
		return;
	g_strfreev(hello.addresses);
	line->peer = (unsigned)hello.sid - 1;
	ears->hellos++;
	ears->bare_hellos += hello.old && used == 8;
	line->greeted = true;
	g_byte_array_remove_range(line->kept, 0, (guint)used);
}

/* An old one first, and what is new at once behind it. */
static void
hear_order(Ears *ears, unsigned server, Line *line, GBytes *said, int64_t now_us)
{
	GBytes **last = &ears->last[server][line->peer];
	if (line->frames == 0) {
		line->begins_with_last = *last && g_bytes_equal(*last, said);
		line->begun_us = now_us;
	}
	ears->stale += line->frames == 1 && line->begins_with_last && now_us == line->begun_us && !g_bytes_equal(*last, said);
	line->frames++;
	g_clear_pointer(last, g_bytes_unref);
	*last = g_bytes_ref(said);
}

static void
hear_notifications(Ears *ears, unsigned server, Line *line, const PdkEvent *event)
{
	g_byte_array_append(line->kept, event->received.data, (guint)event->received.length);
	if (!line->greeted)
		hear_hello(ears, line);
	while (line->greeted && line->kept->len >= 4 && line->kept->len - 4 >= pdk_load_u32(line->kept->data)) {
		uint32_t frame = pdk_load_u32(line->kept->data);
		g_autoptr(GBytes) said = g_bytes_new(line->kept->data + 4, frame);
		ears->notifications++;
		ears->long_ones += frame > 40;
		ears->without_epoch += frame == 28;
		hear_order(ears, server, line, said, event->now_us);
		g_byte_array_remove_range(line->kept, 0, 4 + frame);
	}
}

static void
hear_packet(Ears *ears, Line *line, const PdkPacket *packet, bool torn)
{
	bool info = packet->type == PDK_PACKET_FOLLOWERINFO, ack = packet->type == PDK_PACKET_ACK;
	ears->packets++;
	ears->no_ids += pdk_load_u32(packet->auth.data) == UINT32_MAX;
	ears->infos += info;
	ears->short_infos += info && packet->data.length == 12;
	ears->newleaders += packet->type == PDK_PACKET_NEWLEADER;
	ears->bare_newleaders += packet->type == PDK_PACKET_NEWLEADER && packet->data.length == -1;
	ears->early_pings += packet->type == PDK_PACKET_PING && line->newleader && !line->uptodate;
	ears->history_acks += ack && (packet->zxid & UINT32_MAX) != 0 && packet->zxid <= ears->history;
	ears->torn_acks += ack && torn;
	line->newleader = line->newleader || packet->type == PDK_PACKET_NEWLEADER;
	line->uptodate = line->uptodate || packet->type == PDK_PACKET_UPTODATE;
}

static void
hear_packets(Ears *ears, Line *line, const uint8_t *data, size_t length)
{
	while (length > 0) {
		bool torn = !line->packets.cutter.given && line->packets.cutter.kept.length > 0;
		SimPiece piece = sim_packets_next(&line->packets, &data, &length);
		if (piece.kind == SIM_PIECE_PACKET)
			hear_packet(ears, line, &piece.packet, torn);
	}
}

static void
on_event(void *context, unsigned server, const PdkEvent *event)
{
	Ears *ears = context;
	g_autofree char *key = key_of(server, event->link), *number = NULL;
	Line *line = g_hash_table_lookup(ears->lines, key);
	unsigned dial;
	switch (event->kind) {
	case PDK_EVENT_ACCEPTED:
		add_line(ears, server, event->link, event->accepted.purpose, false, 0);
		return;
	case PDK_EVENT_DIALLED:
		number = key_of(server, event->dial);
		dial = GPOINTER_TO_UINT(g_hash_table_lookup(ears->dials, number));
		add_line(ears, server, event->link, (PdkPurpose)(dial % PURPOSES), true, dial / PURPOSES);
		return;
	case PDK_EVENT_RECEIVED:
		if (line->purpose == PDK_PURPOSE_ELECTION)
			hear_notifications(ears, server, line, event);
		else if (line->purpose == PDK_PURPOSE_QUORUM)
			hear_packets(ears, line, event->received.data, event->received.length);
		return;
	default:
		return;
	}
}

static void
on_effects(void *context, unsigned server, const PdkEffects *effects)
{
	Ears *ears = context;
	for (unsigned i = 0; i < effects->n_commands; i++) {
		const PdkCommand *command = &effects->commands[i];
		if (command->type != PDK_COMMAND_DIAL)
			continue;
		unsigned peer = (unsigned)g_ascii_strtoull(command->address + strlen("10.0.0."), NULL, 10) - 1;
		g_hash_table_insert(ears->dials, key_of(server, command->dial), GUINT_TO_POINTER(command->purpose + PURPOSES * peer));
	}
}

static void
ears_free(Ears *ears)
{
	g_hash_table_unref(ears->dials);
	g_hash_table_unref(ears->lines);
	for (unsigned i = 0; i < SERVERS; i++)
		for (unsigned k = 0; k < SERVERS; k++)
			g_clear_pointer(&ears->last[i][k], g_bytes_unref);
	g_free(ears);
}

static Ears *
ears_new(void)
{
	Ears *ears = g_new0(Ears, 1);
	ears->dials = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	ears->lines = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, line_free);
	return ears;
}

/* ---- a world, and what befalls it ---- */

typedef struct {
	Sim *sim;
	Ears *ears;
	Promises *promises;
	Client *clients[CLIENTS];
	unsigned missed; /* txns that the follower of the DIFF had to be told */
	int64_t shared;  /* others than the leader may hold what was proposed up to it */
} Story;

static bool
all_serve(Sim *sim, void *data)
{
	(void)data;
	for (unsigned i = 0; i < SERVERS; i++)
		if (sim_is_up(sim, i) && !sim_server(sim, i)->serving)
			return false;
	return sim_leader(sim) >= 0;
}

static void
until_all_serve(Story *story)
{
	YES(sim_run_until(story->sim, all_serve, NULL, sim_now(story->sim) + PATIENCE));
}

static void
wait(Story *story, int64_t us)
{
	sim_run(story->sim, sim_now(story->sim) + us);
}

static void
hush(Story *story, int64_t us)
{
	for (unsigned i = 0; i < CLIENTS; i++)
		client_hush(story->clients[i], sim_now(story->sim) + us);
}

/* Server i has the quirk where bit i of @who is set. */
static void
begin(Story *story, const char *quirk, unsigned who)
{
	SimParams params = {.seed = 11, .voters = SERVERS, .election = "fle", .idle = true, .steady = true, .snap_count = 100, .history_count = 50};
	SimWitness witness = {on_event, on_effects, NULL, NULL};
	*story = (Story){.sim = sim_new(&params), .ears = ears_new(), .promises = promises_new(1 << WORK_CREATE | 1 << WORK_BIG)};
	witness.context = story->ears;
	sim_watch(story->sim, &witness);
	for (unsigned i = 0; i < SERVERS; i++)
		if (who >> i & 1)
			YES(sim_set_quirk(story->sim, i, quirk));
	for (unsigned i = 0; i < SERVERS; i++)
		sim_start(story->sim, i);
	until_all_serve(story);
	for (unsigned i = 0; i < CLIENTS; i++)
		story->clients[i] = client_new(story->sim, story->promises, i);
	wait(story, 2 * SIM_SECOND);
}

static void
end(Story *story)
{
	const char *failure = sim_failure(story->sim);
	if (failure)
		printf("\n%s\n", failure);
	CU_ASSERT_PTR_NULL(failure);
	sim_free(story->sim);
	for (unsigned i = 0; i < CLIENTS; i++)
		client_free(story->clients[i]);
	promises_free(story->promises);
	ears_free(story->ears);
}

static unsigned
leader_of(const Story *story)
{
	int leader = sim_leader(story->sim);
	g_assert(leader >= 0);
	return (unsigned)leader;
}

static void
misses_some(Story *story)
{
	unsigned follower = (leader_of(story) + 1) % SERVERS, before = sim_counts(story->sim)->diffs;
	hush(story, SIM_SECOND / 2);
	wait(story, SIM_SECOND / 4);
	int64_t held = sim_server(story->sim, follower)->applied_zxid;
	sim_crash(story->sim, follower);
	wait(story, SIM_SECOND / 2);
	hush(story, SIM_SECOND);
	wait(story, SIM_SECOND / 2);
	story->ears->history = sim_server(story->sim, leader_of(story))->applied_zxid;
	story->ears->history_acks = 0;
	story->missed = (unsigned)(story->ears->history - held);
	sim_start(story->sim, follower);
	until_all_serve(story);
	wait(story, SIM_SECOND / 4);
	story->ears->history = 0;
	YES(story->missed > 0);
	YES(sim_counts(story->sim)->diffs > before);
}

static void
loses_its_disk(Story *story)
{
	unsigned follower = (leader_of(story) + 2) % SERVERS, before = sim_counts(story->sim)->snaps;
	sim_crash(story->sim, follower);
	sim_wipe(story->sim, follower);
	sim_start(story->sim, follower);
	until_all_serve(story);
	wait(story, SIM_SECOND);
	YES(sim_counts(story->sim)->snaps > before);
}

/* It made durable what it proposed when nobody else was there. */
static bool
leader_is_ahead(Sim *sim, void *data)
{
	const Story *story = data;
	return sim_server(sim, leader_of(story))->synced_zxid > story->shared;
}

/* A leader logs what nobody else has, is lost, and comes back. */
static void
was_alone(Story *story)
{
	unsigned leader = leader_of(story), before = sim_counts(story->sim)->truncs;
	for (unsigned i = 0; i < SERVERS; i++)
		if (i != leader)
			sim_crash(story->sim, i);
	story->shared = sim_server(story->sim, leader)->proposed_zxid;
	YES(sim_run_until(story->sim, leader_is_ahead, story, sim_now(story->sim) + SIM_SECOND));
	hush(story, 3 * SIM_SECOND);
	sim_crash(story->sim, leader);
	for (unsigned i = 0; i < SERVERS; i++)
		if (i != leader)
			sim_start(story->sim, i);
	until_all_serve(story);
	YES(leader_of(story) != leader);
	sim_start(story->sim, leader);
	until_all_serve(story);
	wait(story, SIM_SECOND);
	YES(sim_counts(story->sim)->truncs > before);
}

/* The election link of two breaks with all others between them, and one of them has something new to say. */
static void
loses_its_links(Story *story)
{
	unsigned leader = leader_of(story);
	sim_reset(story->sim, leader, (leader + 1) % SERVERS);
	wait(story, SIM_SECOND);
	until_all_serve(story);
}

static unsigned
answers(const Story *story)
{
	unsigned n = 0;
	for (unsigned i = 0; i < CLIENTS; i++)
		n += client_answers(story->clients[i]);
	return n;
}

static void
serves(Story *story)
{
	unsigned before = answers(story);
	wait(story, 5 * SIM_SECOND);
	YES(answers(story) > before);
	for (unsigned i = 0; i < CLIENTS; i++)
		client_stop(story->clients[i]);
	wait(story, 5 * SIM_SECOND);
	YES(sim_agree(story->sim));
	promises_check(story->promises, story->sim);
}

static void
play(Story *story, const char *quirk, unsigned who)
{
	begin(story, quirk, who);
	misses_some(story);
	loses_its_disk(story);
	loses_its_links(story);
	was_alone(story);
	serves(story);
	for (unsigned i = 0; i < SERVERS; i++)
		EQ(sim_quirk_changed(story->sim, i) > 0, (who >> i & 1) != 0 && strcmp(quirk, "none") != 0);
}

/* ---- the cases ---- */

/* The last server wins the first election; the first one follows it. */
enum { FIRST = 1, LAST = 4, OTHERS = 3, ALL = 7 };

static void
an_ensemble_works_with_each_in_each_place(void)
{
	static const unsigned places[] = {FIRST, LAST, OTHERS, ALL};
	for (unsigned i = 1; sim_quirk_name(i); i++)
		for (unsigned k = 0; k < G_N_ELEMENTS(places); k++) {
			Story story;
			play(&story, sim_quirk_name(i), places[k]);
			end(&story);
		}
}

static void
without_a_quirk_nothing_is_heard_otherwise(void)
{
	Story story;
	play(&story, "none", ALL);
	const Ears *heard = story.ears;
	YES(heard->hellos > 0 && heard->infos > 0 && heard->newleaders > 0 && heard->packets > 0);
	EQ(heard->bare_hellos, 0);
	EQ(heard->long_ones, heard->notifications);
	EQ(heard->short_infos, 0);
	EQ(heard->bare_newleaders, 0);
	YES(heard->no_ids > 0);
	EQ(heard->history_acks, 0);
	EQ(heard->early_pings, 0);
	EQ(heard->stale, 0);
	EQ(heard->torn_acks, 0);
	end(&story);
}

static void
java_3_4_says_no_addresses_and_no_configuration(void)
{
	Story story;
	play(&story, "java-3.4", ALL);
	const Ears *heard = story.ears;
	YES(heard->hellos > 0 && heard->infos > 0 && heard->newleaders > 0);
	EQ(heard->bare_hellos, heard->hellos);
	EQ(heard->long_ones, 0);
	YES(heard->without_epoch > 0 && heard->without_epoch < heard->notifications);
	EQ(heard->short_infos, heard->infos);
	EQ(heard->bare_newleaders, heard->newleaders);
	end(&story);
}

static void
java_3_5_says_that_a_list_of_ids_is_empty(void)
{
	Story story;
	play(&story, "java-3.5", ALL);
	YES(story.ears->packets > 0);
	EQ(story.ears->no_ids, 0);
	EQ(story.ears->bare_hellos, 0);
	EQ(story.ears->long_ones, story.ears->notifications);
	end(&story);
}

static void
java_3_8_acks_history_pings_early_and_begins_with_what_is_old(void)
{
	Story story;
	play(&story, "java-3.8", ALL);
	EQ(story.ears->history_acks, story.missed);
	YES(story.ears->early_pings >= story.ears->newleaders);
	YES(story.ears->stale > 0);
	end(&story);
}

static void
slow_acks_come_in_segments(void)
{
	Story story;
	play(&story, "slow-acks", ALL);
	YES(story.ears->torn_acks > 0);
	end(&story);
}

int
main(void)
{
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 1;
	CU_pSuite suite = CU_add_suite("servers that speak as others do", NULL, NULL);
	CASE(without_a_quirk_nothing_is_heard_otherwise);
	CASE(java_3_4_says_no_addresses_and_no_configuration);
	CASE(java_3_5_says_that_a_list_of_ids_is_empty);
	CASE(java_3_8_acks_history_pings_early_and_begins_with_what_is_old);
	CASE(slow_acks_come_in_segments);
	CASE(an_ensemble_works_with_each_in_each_place);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures == 0 ? 0 : 1;
}

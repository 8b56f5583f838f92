/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conformance of admin plugins: what the core relies on, for every plugin; then the texts of the four-letter words.
 *
 *     admin [FILE.so...]      with files: the first part only, on them
 */
#include "conformance.h"
#include "fake_host.h"
#include "fake_view.h"

#include <CUnit/Basic.h>
#include <paddock/admin.h>
#include <stdlib.h>
#include <string.h>

extern const PdkPlugin pdk_plugin_admin_fourletter;

#define PART_BYTES_MAX (80 * 1024)
#define PART_STEPS_MAX 2000

/* The plugin under test. */
static const PdkPlugin *plugin;

/* A plugin instance with its host and a server to look at. */
typedef struct {
	FakeHost *host;
	PdkConfig *config;
	FakeView *view;
	const PdkAdminOps *ops;
	PdkAdmin *admin;
} Bench;

static Bench
bench_new(PdkConfig *config)
{
	Bench bench = { .host = fake_host_new(), .config = config, .view = fake_view_new(), .ops = plugin->ops };
	g_autoptr(GError) error = NULL;

	bench.admin = bench.ops->create(fake_host_table(bench.host), config, &bench.view->table, &error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(bench.admin);
	CU_ASSERT_PTR_NULL(error);
	return bench;
}

static void
bench_clear(Bench *bench)
{
	fake_host_settle(bench->host, 1000);
	bench->ops->destroy(bench->admin);
	fake_config_free(bench->config);
	fake_view_free(bench->view);
	fake_host_free(bench->host);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Bench, bench_clear)

/* The whole reply of @word as text. */
static char *
ask_with(Bench *bench, const char *word, const void *argument, size_t length)
{
	GByteArray *out = g_byte_array_new();
	PdkAdminReply *reply = bench->ops->begin(bench->admin, word, argument, length);
	bool more = true;

	CU_ASSERT_PTR_NOT_NULL_FATAL(reply);
	while (more) {
		guint length_before = out->len;
		unsigned steps_before = bench->view->steps;
		more = bench->ops->next(bench->admin, reply, out);
		CU_ASSERT_TRUE_FATAL(out->len - length_before <= PART_BYTES_MAX);
		CU_ASSERT_TRUE_FATAL(bench->view->steps - steps_before <= PART_STEPS_MAX);
	}
	bench->ops->end(bench->admin, reply);
	g_byte_array_append(out, (const guint8 *)"", 1);
	return (char *)g_byte_array_free(out, FALSE);
}

static char *
ask(Bench *bench, const char *word)
{
	return ask_with(bench, word, NULL, 0);
}

/* --- every admin plugin --- */

static void
says_what_it_is(void)
{
	conformance_check(plugin, PDK_KIND_ADMIN);
	const PdkAdminOps *ops = plugin->ops;
	CU_ASSERT_TRUE(PDK_HAS(ops, create) && PDK_HAS(ops, destroy));
	if (PDK_HAS(ops, word))
		CU_ASSERT_TRUE(PDK_HAS(ops, begin) && PDK_HAS(ops, next) && PDK_HAS(ops, end));
}

static void
lives_and_ends_beside_another_instance(void)
{
	g_auto(Bench) first = bench_new(fake_config_new(plugin->options, NULL));
	g_auto(Bench) second = bench_new(fake_config_new(plugin->options, NULL));

	CU_ASSERT_PTR_NOT_EQUAL(first.admin, second.admin);
}

static void
takes_no_frame_length_for_a_word(void)
{
	g_auto(Bench) bench = bench_new(fake_config_new(plugin->options, NULL));

	if (!PDK_HAS(bench.ops, word))
		return;
	for (uint32_t length = 0; length <= 0xfffff; length += 1021) {
		uint32_t wire = GUINT32_TO_BE(length);
		CU_ASSERT_EQUAL_FATAL(bench.ops->word(bench.admin, (const char *)&wire), -1);
	}
}

static const char *const all_words[] = {
	"conf", "cons", "crst", "dirs", "dump", "envi", "gtmk", "hash", "isro", "mntr", "ruok",
	"srst", "srvr", "stat", "stmk", "wchc", "wchp", "wchs",
};

static void
answers_every_word_it_knows_in_bounded_parts(void)
{
	static const uint8_t argument[16];
	g_auto(Bench) bench = bench_new(fake_config_new(plugin->options, NULL));

	for (unsigned i = 0; PDK_HAS(bench.ops, word) && i < G_N_ELEMENTS(all_words); i++) {
		int wanted = bench.ops->word(bench.admin, all_words[i]);
		if (wanted < 0)
			continue;
		CU_ASSERT_TRUE_FATAL(wanted <= (int)sizeof(argument));
		g_autofree char *text = ask_with(&bench, all_words[i], argument, (size_t)wanted);
		CU_ASSERT_PTR_NOT_NULL(text);
	}
}

static void
may_be_left_in_the_middle_of_a_reply(void)
{
	g_auto(Bench) bench = bench_new(fake_config_new(plugin->options, NULL));
	g_autoptr(GByteArray) out = g_byte_array_new();

	bench.view->crowd = 5000;
	for (unsigned i = 0; PDK_HAS(bench.ops, word) && i < G_N_ELEMENTS(all_words); i++) {
		if (bench.ops->word(bench.admin, all_words[i]) < 0)
			continue;
		PdkAdminReply *unread = bench.ops->begin(bench.admin, all_words[i], NULL, 0);
		bench.ops->end(bench.admin, unread);
		PdkAdminReply *begun = bench.ops->begin(bench.admin, all_words[i], NULL, 0);
		bench.ops->next(bench.admin, begun, out);
		bench.ops->end(bench.admin, begun);
	}
}

/* --- the four-letter words --- */

static Bench
bench_all_words(void)
{
	return bench_new(fake_config_new(plugin->options, "whitelist", "*", NULL));
}

static void
the_eighteen_words_are_known_and_others_are_not(void)
{
	g_auto(Bench) bench = bench_all_words();

	for (unsigned i = 0; i < G_N_ELEMENTS(all_words); i++)
		CU_ASSERT_EQUAL(bench.ops->word(bench.admin, all_words[i]), strcmp(all_words[i], "stmk") == 0 ? 8 : 0);
	CU_ASSERT_EQUAL(bench.ops->word(bench.admin, "lead"), -1);
	CU_ASSERT_EQUAL(bench.ops->word(bench.admin, "SRVR"), -1);
	CU_ASSERT_EQUAL(bench.ops->word(bench.admin, "GET "), -1);
}

static void
an_interrupted_telnet_is_just_closed(void)
{
	g_auto(Bench) bench = bench_new(fake_config_new(plugin->options, NULL));
	static const char telnet[4] = { '\xff', '\xf4', '\xff', '\xfd' };

	CU_ASSERT_EQUAL(bench.ops->word(bench.admin, telnet), 0);
	g_autofree char *text = ask(&bench, telnet);
	CU_ASSERT_STRING_EQUAL(text, "");
}

static void
only_srvr_is_on_by_default(void)
{
	g_auto(Bench) bench = bench_new(fake_config_new(plugin->options, NULL));

	for (unsigned i = 0; i < G_N_ELEMENTS(all_words); i++) {
		g_autofree char *wanted =
			g_strdup_printf("%s is not executed because it is not in the whitelist.\n", all_words[i]);
		CU_ASSERT_EQUAL(bench.ops->word(bench.admin, all_words[i]), 0);
		g_autofree char *text = ask(&bench, all_words[i]);
		bool is_srvr = strcmp(all_words[i], "srvr") == 0;
		CU_ASSERT_TRUE(is_srvr ? g_str_has_prefix(text, "Zookeeper version: ") : strcmp(text, wanted) == 0);
	}
	CU_ASSERT_EQUAL(bench.view->connection_resets + bench.view->server_resets, 0);
}

static void
the_white_list_adds_to_srvr(void)
{
	g_auto(Bench) bench = bench_new(fake_config_new(plugin->options, "whitelist", "ruok, mntr, what", NULL));
	g_autofree char *ruok = ask(&bench, "ruok"), *srvr = ask(&bench, "srvr"), *wchs = ask(&bench, "wchs");

	CU_ASSERT_STRING_EQUAL(ruok, "imok");
	CU_ASSERT_TRUE(g_str_has_prefix(srvr, "Zookeeper version: "));
	CU_ASSERT_TRUE(g_str_has_prefix(wchs, "wchs is not executed"));
	CU_ASSERT_TRUE(fake_host_logged(bench.host, "word=what"));
}

static void
isro_is_on_where_read_only_mode_is(void)
{
	g_auto(Bench) bench = bench_new(fake_config_new(plugin->options, NULL));
	const FakePair pair = { "readonlymode.enabled", "true" };

	g_array_append_val(bench.view->settings, pair);
	g_autofree char *text = ask(&bench, "isro");
	CU_ASSERT_STRING_EQUAL(text, "rw");
}

static void
expect(Bench *bench, const char *word, const char *wanted)
{
	g_autofree char *text = ask(bench, word);

	CU_ASSERT_STRING_EQUAL(text, wanted);
	if (strcmp(text, wanted) != 0)
		g_printerr("\n%s says:\n%s\nand should say:\n%s\n", word, text, wanted);
}

static void
a_server_that_does_not_serve_says_so(void)
{
	g_auto(Bench) bench = bench_all_words();
	static const char *const same[] = { "envi", "gtmk", "isro", "ruok", "stmk", "hash" };

	bench.view->facts.serving = false;
	for (unsigned i = 0; i < G_N_ELEMENTS(all_words); i++) {
		bool other = false;
		for (unsigned j = 0; j < G_N_ELEMENTS(same); j++)
			other |= strcmp(same[j], all_words[i]) == 0;
		if (!other)
			expect(&bench, all_words[i], "This ZooKeeper instance is not currently serving requests\n");
	}
	expect(&bench, "hash", "This ZooKeeper instance is not currently serving requests");
	expect(&bench, "isro", "null");
	expect(&bench, "ruok", "imok");
	expect(&bench, "gtmk", "306");
	CU_ASSERT_EQUAL(bench.view->connection_resets + bench.view->server_resets, 0);
}

static void
the_short_words_have_apaches_texts(void)
{
	g_auto(Bench) bench = bench_all_words();

	expect(&bench, "ruok", "imok");
	expect(&bench, "isro", "rw");
	expect(&bench, "conf", "clientPort=2181\ndataDir=/data/version-2\nserverId=0\n");
	expect(&bench, "envi", "Environment:\nzookeeper.version=3.9.4-paddock-0.1.0\nos.name=Linux\n");
	expect(&bench, "dirs", "datadir_size: 457\nlogdir_size: 66009\n");
	expect(&bench, "hash", "80: 16681264609\n100: 7\n");
	expect(&bench, "wchs", "2 connections watching 3 paths\nTotal watches:4\n");
	expect(&bench, "crst", "Connection stats reset.\n");
	expect(&bench, "srst", "Server stats reset.\n");
	CU_ASSERT_EQUAL(bench.view->connection_resets, 1);
	CU_ASSERT_EQUAL(bench.view->server_resets, 1);
	bench.view->facts.read_only = true;
	expect(&bench, "isro", "ro");
}

static void
the_trace_mask_is_read_and_set(void)
{
	g_auto(Bench) bench = bench_all_words();
	g_autofree char *set = ask_with(&bench, "stmk", "\0\0\0\0\0\0\1\2", 8);
	g_autofree char *negative = ask_with(&bench, "stmk", "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
	g_autofree char *cut = ask_with(&bench, "stmk", "\0\0\0", 3);

	CU_ASSERT_STRING_EQUAL(set, "258");
	CU_ASSERT_STRING_EQUAL(negative, "-1");
	CU_ASSERT_STRING_EQUAL(cut, "");
	expect(&bench, "gtmk", "-1");
}

#define VERSION_LINE "3.9.4-paddock-0.1.0-abc123, built on 2026-11-21 10:00 UTC\n"
#define SERVER_LINES                                                                            \
	"Latency min/avg/max: 0/0.7822/9\nReceived: 225\nSent: 223\nConnections: 4\nOutstanding: 0\nZxid: 0xce\n"   \
	"Mode: standalone\nNode count: 9\n"

static void
srvr_and_stat_have_apaches_texts(void)
{
	g_auto(Bench) bench = bench_all_words();

	expect(&bench, "srvr", "Zookeeper version: " VERSION_LINE SERVER_LINES);
	expect(&bench, "stat",
	       "Zookeeper version: " VERSION_LINE "Clients:\n"
	       " /127.0.0.1:38330[1](queued=0,recved=4,sent=4)\n"
	       " /127.0.0.1:38334[1](queued=0,recved=0,sent=0)\n"
	       " /127.0.0.1:38322[5](queued=2,recved=207,sent=205)\n"
	       " /127.0.0.1:38402[0](queued=0,recved=1,sent=0)\n"
	       "\n" SERVER_LINES);
	bench.view->facts.read_only = true;
	expect(&bench, "srvr",
	       "Zookeeper version: " VERSION_LINE "READ-ONLY mode; serving only read-only clients\n" SERVER_LINES);
}

static void
averages_are_printed_as_java_prints_them(void)
{
	static const struct {
		double value;
		const char *text;
	} cases[] = {
		{ 0, "0.0" },		 { 73, "73.0" },	      { 0.335, "0.335" },     { 1.0 / 206, "0.0049" },
		{ 0.00012, "1.0E-4" },	 { 0.00099, "0.001" },	      { 0.00001, "0.0" },     { 0.03125, "0.0313" },
		{ 0.09375, "0.0938" },	 { 9999999.5, "9999999.5" },  { 1e7, "1.0E7" },	      { 12345678.25, "1.234567825E7" },
		{ 1e12 / 3, "3.333333333333333E11" }, { 4.44278, "4.4428" }, { 9999999.99999, "1.0E7" },
	};
	g_auto(Bench) bench = bench_all_words();

	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		bench.view->facts.latency_avg = cases[i].value;
		g_autofree char *text = ask(&bench, "srvr");
		g_autofree char *wanted = g_strdup_printf("Latency min/avg/max: 0/%s/9\n", cases[i].text);
		CU_ASSERT_PTR_NOT_NULL(strstr(text, wanted));
		if (strstr(text, wanted) == NULL)
			g_printerr("\nwanted %sin %s\n", wanted, text);
	}
}

static void
cons_tells_all_of_a_connection(void)
{
	g_auto(Bench) bench = bench_all_words();

	expect(&bench, "cons",
	       " /127.0.0.1:38330[1](queued=0,recved=4,sent=4,sid=0x100000d7dd10001,lop=GETD,est=1795227088559,to=10000,"
	       "lcxid=0x3,lzxid=0xce,lresp=916544,llat=0,minlat=0,avglat=2,maxlat=6)\n"
	       " /127.0.0.1:38334[1](queued=0,recved=0,sent=0)\n"
	       " /127.0.0.1:38322[5](queued=2,recved=207,sent=205,sid=0x100000d7dd10000,lop=NA,est=1795227088544,to=10000,"
	       "lzxid=0xffffffffffffffff,lresp=0,llat=0,minlat=0,avglat=0,maxlat=0)\n"
	       " /127.0.0.1:38402[0](queued=0,recved=1,sent=0)\n"
	       "\n");
}

static void
wchc_and_wchp_group_the_watches(void)
{
	g_auto(Bench) bench = bench_all_words();

	expect(&bench, "wchc",
	       "0x100000d7dd10001\n\t/a\n\t/nope\n"
	       "0x100000d7dd10000\n\t/a\n\t/eph\n\n");
	expect(&bench, "wchp",
	       "/a\n\t0x100000d7dd10001\n\t0x100000d7dd10000\n"
	       "/eph\n\t0x100000d7dd10000\n"
	       "/nope\n\t0x100000d7dd10001\n\n");
	g_array_set_size(bench.view->watches[0], 0);
	g_array_set_size(bench.view->watches[1], 0);
	expect(&bench, "wchc", "\n");
	expect(&bench, "wchp", "\n");
}

static void
dump_groups_by_expiry_and_counts(void)
{
	g_auto(Bench) bench = bench_all_words();

	expect(&bench, "dump",
	       "SessionTracker dump:\n"
	       "Session Sets (2)/(3):\n"
	       "1 expire at Sat Nov 21 02:11:38 UTC 2026:\n"
	       "\t0x100000d7dd10001\n"
	       "2 expire at Sat Nov 21 02:11:40 UTC 2026:\n"
	       "\t0x100000d7dd10000\n"
	       "\t0x100000d7dd10002\n"
	       "ephemeral nodes dump:\n"
	       "Sessions with Ephemerals (2):\n"
	       "0x100000d7dd10000:\n\t/eph2\n\t/eph\n"
	       "0x100000d7dd10001:\n\t/e3\n"
	       "Connections dump:\n"
	       "Connections Sets (2)/(4):\n"
	       "1 expire at Sat Nov 21 02:11:38 UTC 2026:\n"
	       "\tip: /127.0.0.1:38334 sessionId: 0x0\n"
	       "3 expire at Sat Nov 21 02:11:40 UTC 2026:\n"
	       "\tip: /127.0.0.1:38330 sessionId: 0x100000d7dd10001\n"
	       "\tip: /127.0.0.1:38322 sessionId: 0x100000d7dd10000\n"
	       "\tip: /127.0.0.1:38402 sessionId: 0x0\n");
}

/* What stands before the ephemerals. */
static void
expect_sessions(Bench *bench, const char *wanted)
{
	g_autofree char *text = ask(bench, "dump");
	char *end = strstr(text, "ephemeral nodes dump:\n");

	CU_ASSERT_PTR_NOT_NULL_FATAL(end);
	*end = 0;
	CU_ASSERT_STRING_EQUAL(text, wanted);
	CU_ASSERT_PTR_NOT_NULL(strstr(end + 1, "(2):\n0x100000d7dd10000:\n\t/eph2\n\t/eph\n0x100000d7dd10001:\n\t/e3\nConn"));
}

static void
dump_tells_local_sessions_from_those_of_all(void)
{
	g_auto(Bench) bench = bench_all_words();
	static const PdkEnsembleFacts leader = { .size = sizeof leader, .leads = true };
	const FakePair pair = { "localSessionsEnabled", "true" };

	g_array_index(bench.view->sessions, PdkSessionFacts, 2).local = true;
	g_array_append_val(bench.view->settings, pair);
	bench.view->ensemble = &leader;
	expect_sessions(&bench, "SessionTracker dump:\n"
				"Local Session Sets (1)/(1):\n"
				"1 expire at Sat Nov 21 02:11:40 UTC 2026:\n"
				"\t0x100000d7dd10002\n"
				"Global Session Sets (2)/(2):\n"
				"1 expire at Sat Nov 21 02:11:38 UTC 2026:\n"
				"\t0x100000d7dd10001\n"
				"1 expire at Sat Nov 21 02:11:40 UTC 2026:\n"
				"\t0x100000d7dd10000\n");
}

static void
dump_of_a_learner_shows_sessions_by_number(void)
{
	g_auto(Bench) bench = bench_all_words();
	static const PdkEnsembleFacts learner = { .size = sizeof learner };
	const FakePair pair = { "localSessionsEnabled", "true" };

	bench.view->ensemble = &learner;
	expect_sessions(&bench, "SessionTracker dump:\nGlobal Sessions(3):\n0x100000d7dd10000\t10000ms\n"
				"0x100000d7dd10001\t10000ms\n0x100000d7dd10002\t10000ms\n");
	g_array_index(bench.view->sessions, PdkSessionFacts, 2).local = true;
	g_array_append_val(bench.view->settings, pair);
	expect_sessions(&bench, "SessionTracker dump:\n"
				"Local Session Sets (1)/(1):\n"
				"1 expire at Sat Nov 21 02:11:40 UTC 2026:\n"
				"\t0x100000d7dd10002\n"
				"Global Sessions(2):\n0x100000d7dd10000\t10000ms\n0x100000d7dd10001\t10000ms\n");
	bench.view->crowd = 5000;
	g_autofree char *text = ask(&bench, "dump");
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "Global Sessions(5002):\n"));
}

static void
dump_of_an_empty_server_has_its_heads(void)
{
	g_auto(Bench) bench = bench_all_words();

	g_array_set_size(bench.view->sessions, 0);
	g_array_set_size(bench.view->connections, 0);
	expect(&bench, "dump",
	       "SessionTracker dump:\nSession Sets (0)/(0):\nephemeral nodes dump:\nSessions with Ephemerals (0):\n"
	       "Connections dump:\nConnections Sets (0)/(0):\n");
}

static void
mntr_prints_every_metric(void)
{
	g_auto(Bench) bench = bench_all_words();

	expect(&bench, "mntr",
	       "zk_version\t" VERSION_LINE "zk_server_state\tstandalone\n"
	       "zk_peer_state\tleading - broadcast\n"
	       "zk_znode_count\t9\n"
	       "zk_min_client_response_size\t-1\n"
	       "zk_avg_latency\t0.7824\n"
	       "zk_commit_count\t12\n"
	       "zk_avg_fsynctime\t0.0049\nzk_min_fsynctime\t0\nzk_max_fsynctime\t1\nzk_cnt_fsynctime\t206\n"
	       "zk_sum_fsynctime\t1\n"
	       "zk_avg_updatelatency\t0.72\nzk_min_updatelatency\t0\nzk_max_updatelatency\t9\n"
	       "zk_cnt_updatelatency\t100\nzk_sum_updatelatency\t72\nzk_p50_updatelatency\t0\n"
	       "zk_p95_updatelatency\t7\nzk_p99_updatelatency\t9\nzk_p999_updatelatency\t9\n"
	       "zk_avg_election_time\t0.0\nzk_min_election_time\t0\nzk_max_election_time\t0\n"
	       "zk_cnt_election_time\t0\nzk_sum_election_time\t0\n");
}

/* ask_with checks each part. */
static void
long_replies_come_in_parts_and_whole(void)
{
	static const char *const long_words[] = { "wchc", "wchp", "cons", "stat", "dump" };
	g_auto(Bench) bench = bench_all_words();

	bench.view->crowd = 50000;
	for (unsigned i = 0; i < G_N_ELEMENTS(long_words); i++) {
		g_autofree char *text = ask(&bench, long_words[i]);
		unsigned lines = 0;
		for (const char *at = text; (at = strchr(at, '\n')); at++)
			lines++;
		CU_ASSERT_TRUE(lines >= bench.view->crowd);
	}
	g_autofree char *paths = ask(&bench, "wchp");
	CU_ASSERT_PTR_NOT_NULL(strstr(paths, "\n/crowd/0000000005\n\t0x7\n"));
	CU_ASSERT_TRUE(g_str_has_suffix(paths, "\n/crowd/0000050004\n\t0x7\n\n"));
}

static const ConformanceCase every_plugin[] = {
	CONFORMANCE_CASE(says_what_it_is),
	CONFORMANCE_CASE(lives_and_ends_beside_another_instance),
	CONFORMANCE_CASE(takes_no_frame_length_for_a_word),
	CONFORMANCE_CASE(answers_every_word_it_knows_in_bounded_parts),
	CONFORMANCE_CASE(may_be_left_in_the_middle_of_a_reply),
	{ NULL, NULL },
};

static const ConformanceCase fourletter[] = {
	CONFORMANCE_CASE(the_eighteen_words_are_known_and_others_are_not),
	CONFORMANCE_CASE(an_interrupted_telnet_is_just_closed),
	CONFORMANCE_CASE(only_srvr_is_on_by_default),
	CONFORMANCE_CASE(the_white_list_adds_to_srvr),
	CONFORMANCE_CASE(isro_is_on_where_read_only_mode_is),
	CONFORMANCE_CASE(a_server_that_does_not_serve_says_so),
	CONFORMANCE_CASE(the_short_words_have_apaches_texts),
	CONFORMANCE_CASE(the_trace_mask_is_read_and_set),
	CONFORMANCE_CASE(srvr_and_stat_have_apaches_texts),
	CONFORMANCE_CASE(averages_are_printed_as_java_prints_them),
	CONFORMANCE_CASE(cons_tells_all_of_a_connection),
	CONFORMANCE_CASE(wchc_and_wchp_group_the_watches),
	CONFORMANCE_CASE(dump_groups_by_expiry_and_counts),
	CONFORMANCE_CASE(dump_tells_local_sessions_from_those_of_all),
	CONFORMANCE_CASE(dump_of_a_learner_shows_sessions_by_number),
	CONFORMANCE_CASE(dump_of_an_empty_server_has_its_heads),
	CONFORMANCE_CASE(mntr_prints_every_metric),
	CONFORMANCE_CASE(long_replies_come_in_parts_and_whole),
	{ NULL, NULL },
};

static const ConformanceSuite suites[] = {
	{ &pdk_plugin_admin_fourletter, "admin plugin: fourletter", every_plugin },
	{ &pdk_plugin_admin_fourletter, "fourletter: its words", fourletter },
	{ NULL, NULL, NULL },
};

int
main(int argc, char **argv)
{
	g_setenv("TZ", "UTC", TRUE);
	return conformance_main(argc, argv, &plugin, every_plugin, suites);
}

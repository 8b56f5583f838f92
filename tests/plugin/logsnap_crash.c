/* SPDX-License-Identifier: Apache-2.0 */
/*
 * logsnap on a disk that forgets: a crash at every file operation, and what must be there afterwards. Changes
 * when the promises do.
 */
#include "conformance.h"
#include "fake_host.h"
#include "forgetful_files.h"
#include "small_core.h"

#include <CUnit/CUnit.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEEDS 12
#define MAX_ACTIONS 25

extern const PdkPlugin pdk_plugin_persistence_logsnap;

/* splitmix64 */
static uint64_t
draw(uint64_t *random)
{
	uint64_t z = *random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* Small preallocation, small files: what happens once an hour happens here every few records. */
static PdkConfig *
small_config(uint64_t seed)
{
	static const char *const codecs[] = {"", "gz", "snappy"};
	static const char *const preallocs[] = {"16", "64", "0"};

	return fake_config_new(pdk_plugin_persistence_logsnap.options, "prealloc_kb", preallocs[seed % 3],
			       "log_size_limit_kb", seed % 2 ? "20" : "-1", "snapshot_compression", codecs[seed / 2 % 3],
			       "purge_interval_hours", "1", NULL);
}

static size_t
draw_padding(uint64_t *random)
{
	uint64_t kind = draw(random) % 10;

	return kind < 7 ? draw(random) % 200 : kind < 9 ? draw(random) % 3000 : draw(random) % 20000;
}

/* Lets a few things happen, not all: so syncs, snapshots and purges overlap. */
static void
some_steps(Life *life, uint64_t *random)
{
	for (uint64_t i = draw(random) % 8; i > 0; i--)
		step_host_step(life->host);
}

/* Takes back some of the last txns and reads the files again. False: the life is over. */
static bool
take_back(Life *life, ForgetfulFiles *disk, uint64_t *random)
{
	History *history = life->history;
	int64_t zxid = life->applied - (int64_t)(draw(random) % (uint64_t)(MIN(life->applied, 20) + 1));
	g_autoptr(GError) error = NULL;

	life_truncate(life, zxid);
	if (draw(random) % 2)
		life_put_number(life);
	step_host_settle_timers(life->host, 1000000);
	if (forgetful_files_crashed(disk) || life->failed)
		return false;
	CU_ASSERT_TRUE(history->target < 0);
	if (life->truncate_error)
		zxid = life->applied; /* no snapshot as old as that: nothing changed */
	CU_ASSERT_TRUE(life_recover_again(life, &error) || forgetful_files_crashed(disk));
	if (forgetful_files_crashed(disk))
		return false;
	CU_ASSERT_EQUAL(life->applied, zxid);
	CU_ASSERT_EQUAL(life->chain, g_array_index(history->chain, uint64_t, zxid));
	return life->applied == zxid;
}

/* One life of a server: writes, batches, snapshots, records, truncations; ends by itself or by the crash. */
static void
live(Life *life, ForgetfulFiles *disk, uint64_t *random)
{
	bool snapshot_out = false;
	unsigned dones = 0;

	if (life->result.snapshot_zxid < 0 && !life_snapshot_whole(life, 100))
		return; /* a history begins with a snapshot, as the server does it */
	for (unsigned i = 0; i < MAX_ACTIONS && !forgetful_files_crashed(disk) && life->failed == NULL; i++) {
		if (draw(random) % 10 == 0 && !snapshot_out) {
			dones = life->dones;
			snapshot_out = life_snapshot(life, draw(random) % 20000);
			continue;
		}
		if (draw(random) % 12 == 0 && !snapshot_out && !take_back(life, disk, random))
			return;
		if (draw(random) % 8 == 0)
			life_put_number(life);
		for (uint64_t n = draw(random) % 6; n > 0; n--)
			life_append(life, draw_padding(random));
		life_sync(life);
		some_steps(life, random);
		if (snapshot_out && life->dones > dones)
			snapshot_out = false;
	}
	if (draw(random) % 2)
		step_host_settle(life->host);
}

/* Either all that was acknowledged, or what a truncation under way leaves of it. */
static bool
txns_are_right(const Life *life, const History *history)
{
	int64_t last = life->result.last_zxid;

	if (last == history->target)
		return true;
	return last >= history->synced && last <= history->appended && life->result.snapshot_zxid >= history->published;
}

/* The record is one that was put, not older than acknowledged, and what was written before it is there. */
static bool
record_is_right(Life *life, const History *history)
{
	g_autoptr(GBytes) value = life->ops->record_get(life->persistence, "number");
	size_t length = 0;

	const char *bytes = value ? g_bytes_get_data(value, &length) : "";
	g_autofree char *text = g_strndup(bytes, length);
	uint64_t number = value ? g_ascii_strtoull(text, NULL, 10) : 0;
	if (number < history->saved || number >= history->floors->len)
		return false;
	int64_t floor = g_array_index(history->floors, int64_t, number);
	return life->result.last_zxid >= (history->target >= 0 ? MIN(floor, history->target) : floor);
}

/* What is promised of every recovery. False: the test has failed, stop the story. */
static bool
check_recovered(Life *life, const History *history, const GError *error, uint64_t seed, uint64_t operation)
{
	bool good = life->recovered && txns_are_right(life, history) && life->applied == life->result.last_zxid &&
		    life->chain == g_array_index(history->chain, uint64_t, life->applied) && record_is_right(life, history) &&
		    (life->accepts == 0 || (life->tail.digest_zxid == life->result.snapshot_zxid &&
					    life->tail.digest == g_array_index(history->chain, uint64_t,
									       life->result.snapshot_zxid)));

	if (!good)
		printf("\n    seed %" PRIu64 " crash at operation %" PRIu64 ": recovered %" PRId64 " (snapshot %" PRId64
		       "), acknowledged %" PRId64 " (snapshot %" PRId64 "), written %" PRId64 "; %s\n", seed, operation,
		       life->result.last_zxid, life->result.snapshot_zxid, history->synced, history->published,
		       history->appended, error ? error->message : "no error");
	CU_ASSERT_TRUE(good);
	return good;
}

/* What was found is the history from now on. */
static void
settle_history(Life *life, History *history)
{
	g_autoptr(GBytes) value = life->ops->record_get(life->persistence, "number");
	g_autofree char *text = value ? g_strndup(g_bytes_get_data(value, NULL), g_bytes_get_size(value)) : g_strdup("0");

	history->appended = history->synced = life->applied;
	history->published = MIN(history->published, life->result.snapshot_zxid);
	history->target = -1;
	history->saved = (unsigned)g_ascii_strtoull(text, NULL, 10);
	g_array_set_size(history->floors, history->saved + 1);
	for (unsigned i = 0; i <= history->saved; i++) {
		int64_t *floor = &g_array_index(history->floors, int64_t, i);
		*floor = MIN(*floor, life->applied);
	}
}

/*
 * A life that crashes at @operation (0: only at its end, without a clean stop). Returns how many operations
 * it had; 0: failed.
 */
static uint64_t
one_life(ForgetfulFiles *disk, History *history, uint64_t seed, uint64_t operation, uint64_t *random)
{
	g_autoptr(GError) error = NULL;

	forgetful_files_crash_at(disk, operation);
	Life *life = life_begin(&pdk_plugin_persistence_logsnap, forgetful_files_table(disk), small_config(seed), "/data", history,
				*random, &error);
	bool good = true;
	if (!forgetful_files_crashed(disk)) {
		good = check_recovered(life, history, error, seed, operation);
		if (good) {
			settle_history(life, history);
			live(life, disk, random);
		}
	}
	uint64_t operations = forgetful_files_operations(disk);
	/* The power fails: nothing more is delivered, the rest of the life meets a dead disk. */
	life->deaf = true;
	forgetful_files_crash_at(disk, operations + 1);
	life_free(life);
	forgetful_files_reboot(disk, draw(random));
	return good ? MAX(operations, 1) : 0;
}

/*
 * A first life of @seed with a crash at @operation, a second with a crash somewhere, then one that only
 * looks.
 */
static bool
story(uint64_t seed, uint64_t operation, uint64_t *operations)
{
	g_autoptr(ForgetfulFiles) disk = forgetful_files_new();
	g_autoptr(History) history = history_new(seed);
	uint64_t random = seed * 1000;

	*operations = one_life(disk, history, seed, operation, &random);
	random = seed + operation * UINT64_C(0x10001);
	bool good = *operations > 0 && one_life(disk, history, seed, 1 + draw(&random) % 60, &random) > 0 &&
		    one_life(disk, history, seed, 0, &random) > 0 && one_life(disk, history, seed, 1, &random) > 0;
	g_autoptr(GError) error = NULL;
	g_autoptr(Life) last = life_begin(&pdk_plugin_persistence_logsnap, forgetful_files_table(disk), small_config(seed),
					  "/data", history, seed, &error);
	return good && check_recovered(last, history, error, seed, operation);
}

static void
whatever_operation_the_power_fails_at_nothing_acknowledged_is_lost(void)
{
	uint64_t stories = 0, operations = 0;

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		if (!story(seed, 0, &operations))
			return;
		for (uint64_t operation = 1; operation <= operations; operation++, stories++) {
			uint64_t ignored;
			if (!story(seed, operation, &ignored))
				return;
		}
	}
	printf("%" PRIu64 " crashes ... ", stories);
}

static void
the_disk_forgets_what_was_not_synced(void)
{
	g_autoptr(ForgetfulFiles) disk = forgetful_files_new();
	const PdkFiles *files = forgetful_files_table(disk);
	unsigned lost = 0, torn = 0, kept = 0;

	forgetful_files_put(disk, "/d/x", "", 0);
	for (uint64_t seed = 1; seed <= 100; seed++) {
		uint8_t ones[4096], back[4096] = {0};
		memset(ones, 1, sizeof(ones));
		PdkFile *file = files->open(files, "/d/f", PDK_OPEN_WRITE | PDK_OPEN_CREATE | PDK_OPEN_TRUNCATE, NULL);
		CU_ASSERT_TRUE(files->datasync(files, file, NULL));
		CU_ASSERT_TRUE(files->sync_directory(files, "/d", NULL));
		CU_ASSERT_TRUE(files->pwrite(files, file, ones, sizeof(ones), 0, NULL));
		CU_ASSERT_FALSE(forgetful_files_is_durable(disk, "/d/f"));
		forgetful_files_reboot(disk, seed);
		CU_ASSERT_EQUAL(files->pread(files, file, back, sizeof(back), 0, NULL), -1);
		files->close(files, file);
		file = files->open(files, "/d/f", PDK_OPEN_READ, NULL);
		files->pread(files, file, back, sizeof(back), 0, NULL);
		files->close(files, file);
		unsigned ones_left = 0;
		for (unsigned i = 0; i < sizeof(back); i++)
			ones_left += back[i];
		CU_ASSERT_EQUAL(ones_left % 512, 0);
		ones_left == 0 ? lost++ : ones_left == sizeof(back) ? kept++ : torn++;
	}
	CU_ASSERT_TRUE(lost > 0 && torn > 0 && kept > 0);
}

static void
the_disk_forgets_names_that_were_not_synced(void)
{
	unsigned lost = 0, kept = 0;

	for (uint64_t seed = 1; seed <= 50; seed++) {
		g_autoptr(ForgetfulFiles) disk = forgetful_files_new();
		const PdkFiles *files = forgetful_files_table(disk);
		forgetful_files_put(disk, "/d/old", "x", 1);
		CU_ASSERT_TRUE(files->rename(files, "/d/old", "/d/new", NULL));
		forgetful_files_reboot(disk, seed);
		g_autoptr(GBytes) old = forgetful_files_get(disk, "/d/old");
		g_autoptr(GBytes) new = forgetful_files_get(disk, "/d/new");
		CU_ASSERT_TRUE((old == NULL) != (new == NULL)); /* a rename is whole or not at all */
		old ? lost++ : kept++;
	}
	CU_ASSERT_TRUE(lost > 0 && kept > 0);
}

#define TXNS 24
#define REBOOTS 12

static PdkConfig *
unpurged_config(void)
{
	return fake_config_new(pdk_plugin_persistence_logsnap.options, "prealloc_kb", "16", NULL);
}

/* Logs and snapshots, so that a truncation has to delete some of each and to cut one. */
static Life *
some_history(ForgetfulFiles *disk, History *history, const char *log_dir)
{
	g_autoptr(GError) error = NULL;
	Life *life = NULL;

	for (unsigned i = 0; i <= TXNS; i++) {
		if (i % 5 == 0) {
			g_clear_pointer(&life, life_free);
			life = life_begin(&pdk_plugin_persistence_logsnap, forgetful_files_table(disk), unpurged_config(), log_dir,
					  history, i, &error);
			CU_ASSERT_TRUE_FATAL(life->recovered);
		}
		if (i > 0)
			life_write(life, i % 4 * 300);
		if (i % 6 == 0)
			CU_ASSERT_TRUE(life_snapshot_whole(life, 3000));
	}
	return life;
}

/*
 * The power fails at @operation of a truncation to @zxid, after which a record is put; then at @second of the start
 * that follows (0: it does not). Returns false when the truncation had no such operation.
 */
static bool
truncation_story(int64_t zxid, uint64_t operation, uint64_t second, uint64_t seed)
{
	g_autoptr(ForgetfulFiles) disk = forgetful_files_new();
	g_autoptr(History) history = history_new(seed);
	g_autoptr(GError) error = NULL;
	const char *log_dir = seed % 2 ? "/data" : "/log";

	Life *life = some_history(disk, history, log_dir);
	forgetful_files_crash_at(disk, forgetful_files_operations(disk) + operation);
	life_truncate(life, zxid);
	life_put_number(life);
	step_host_settle_timers(life->host, 1000000);
	bool answered = life->truncateds > 0 && life->truncate_error == NULL, fell = forgetful_files_crashed(disk);
	life->deaf = true;
	forgetful_files_crash_at(disk, forgetful_files_operations(disk) + 1);
	life_free(life);
	forgetful_files_reboot(disk, seed);
	if (second > 0) {
		forgetful_files_crash_at(disk, second);
		life_free(life_begin(&pdk_plugin_persistence_logsnap, forgetful_files_table(disk), unpurged_config(), log_dir, history,
				     seed, NULL));
		forgetful_files_crash_at(disk, forgetful_files_operations(disk) + 1);
		forgetful_files_reboot(disk, seed + 1);
	}
	life = life_begin(&pdk_plugin_persistence_logsnap, forgetful_files_table(disk), unpurged_config(), log_dir, history, seed,
			  &error);
	bool put = life->persistence && life_record_is(life, "number", "1");
	int64_t last = life->result.last_zxid;
	bool good = life->recovered && (last == zxid || (last == TXNS && !answered && !put)) &&
		    life->chain == g_array_index(history->chain, uint64_t, last) && (put || history->saved == 0);
	CU_ASSERT_TRUE(good);
	if (!good)
		printf("\n    truncation to %" PRId64 ", crash at operation %" PRIu64 ", then %" PRIu64 ", seed %" PRIu64
		       ": recovered %" PRId64 ", answered %d, put %d; %s\n", zxid, operation, second, seed, last, answered, put,
		       error ? error->message : "no error");
	life_free(life);
	return fell && good;
}

static void
a_truncation_is_done_whole_or_not_at_all(void)
{
	static const int64_t targets[] = {0, 3, 6, 10, 11, 17, 18, 23};
	unsigned stories = 0;

	for (unsigned i = 0; i < G_N_ELEMENTS(targets); i++) {
		bool more = true;
		for (uint64_t operation = 1; more; operation++) {
			for (uint64_t seed = 1; more && seed <= REBOOTS; seed++, stories++)
				more = truncation_story(targets[i], operation, seed % 4 == 0 ? 0 : 1 + (seed * 5 + operation) % 16, seed);
		}
	}
	printf("%u crashes ... ", stories);
}

static const ConformanceCase cases[] = {
	CONFORMANCE_CASE(the_disk_forgets_what_was_not_synced),
	CONFORMANCE_CASE(the_disk_forgets_names_that_were_not_synced),
	CONFORMANCE_CASE(a_truncation_is_done_whole_or_not_at_all),
	CONFORMANCE_CASE(whatever_operation_the_power_fails_at_nothing_acknowledged_is_lost),
	{0},
};

int
main(void)
{
	return conformance_run("logsnap: power failures", cases) ? EXIT_FAILURE : EXIT_SUCCESS;
}

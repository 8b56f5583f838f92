/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What logsnap does for an ensemble: small records, the truncated end of a history, snapshots from a leader, reading the
 * log. Changes when the files or the rules of these do.
 */
#include "conformance.h"
#include "fake_host.h"
#include "forgetful_files.h"
#include "small_core.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const PdkPlugin pdk_plugin_persistence_logsnap;

#define OPTIONS pdk_plugin_persistence_logsnap.options
#define DIRECTORY "/data/version-2/"
#define ZXID(epoch, counter) (INT64_C(epoch) << 32 | (counter))

typedef struct {
	ForgetfulFiles *disk;
	History *history;
	Life *life;
	GError *error;
} Scene;

static void
start_in(Scene *scene, const char *log_dir)
{
	g_clear_pointer(&scene->life, life_free);
	g_clear_error(&scene->error);
	PdkConfig *config = fake_config_new(OPTIONS, "prealloc_kb", "16", NULL);
	scene->life = life_begin(&pdk_plugin_persistence_logsnap, forgetful_files_table(scene->disk), config, log_dir,
				 scene->history, 1, &scene->error);
}

static void
start(Scene *scene)
{
	start_in(scene, "/data");
	CU_ASSERT_TRUE_FATAL(scene->life->recovered);
}

/* A life that has begun with a snapshot of nothing. */
static Scene
scene_new(void)
{
	Scene scene = {.disk = forgetful_files_new(), .history = history_new(1)};

	start(&scene);
	CU_ASSERT_TRUE(life_snapshot_whole(scene.life, 0));
	return scene;
}

static void
scene_end(Scene *scene)
{
	life_free(scene->life);
	history_free(scene->history);
	forgetful_files_free(scene->disk);
	g_clear_error(&scene->error);
}

static void
expect_names(Scene *scene, const char *directory, const char *wanted)
{
	const PdkFiles *files = forgetful_files_table(scene->disk);
	g_auto(GStrv) all = files->list(files, directory, NULL);
	g_autofree char *found = g_strjoinv(" ", all);

	CU_ASSERT_STRING_EQUAL(found, wanted);
	if (strcmp(found, wanted) != 0)
		printf("\n    found  %s\n    wanted %s\n", found, wanted);
}

/* Everything that lies in @directory, names and bytes, to see whether it changes. */
static GBytes *
picture(Scene *scene, const char *directory)
{
	const PdkFiles *files = forgetful_files_table(scene->disk);
	g_auto(GStrv) all = files->list(files, directory, NULL);
	GByteArray *picture = g_byte_array_new();

	for (char **name = all; *name; name++) {
		g_autofree char *path = g_build_filename(directory, *name, NULL);
		g_autoptr(GBytes) bytes = forgetful_files_get(scene->disk, path);
		g_byte_array_append(picture, (const uint8_t *)*name, (unsigned)strlen(*name) + 1);
		g_byte_array_append(picture, g_bytes_get_data(bytes, NULL), (unsigned)g_bytes_get_size(bytes));
	}
	return g_byte_array_free_to_bytes(picture);
}

static size_t
length_of(Scene *scene, const char *path)
{
	g_autoptr(GBytes) bytes = forgetful_files_get(scene->disk, path);
	return bytes ? g_bytes_get_size(bytes) : 0;
}

static bool
holds(Scene *scene, const char *path, const char *wanted)
{
	g_autoptr(GBytes) bytes = forgetful_files_get(scene->disk, path);
	g_autoptr(GBytes) right = g_bytes_new_static(wanted, strlen(wanted));
	return bytes && g_bytes_equal(bytes, right);
}

/* A txn of any zxid, which the history of the story does not know. */
static void
append(Scene *scene, int64_t zxid)
{
	Life *life = scene->life;
	g_autoptr(GBytes) txn = small_core_txn(zxid, (uint64_t)zxid, 100);

	scene->history->appended = MAX(scene->history->appended, zxid);
	life->ops->append(life->persistence, zxid, txn);
	life_sync(life);
	step_host_settle(life->host);
	CU_ASSERT_EQUAL(life->last_synced, zxid);
	life->applied = zxid;
}

/* A leader has sent its tree. */
static void
receive_snapshot(Scene *scene, int64_t zxid)
{
	scene->life->applied = zxid;
	scene->life->chain = (uint64_t)zxid * 3;
	CU_ASSERT_TRUE(life_snapshot_whole(scene->life, 5000));
}

static void
truncate_to(Scene *scene, int64_t zxid)
{
	life_truncate(scene->life, zxid);
	step_host_settle(scene->life->host);
}

static void
a_record_is_a_file_named_by_its_key_with_the_content_as_given(void)
{
	Scene scene = scene_new();

	life_put(scene.life, "currentEpoch", "17");
	step_host_settle(scene.life->host);
	CU_ASSERT_TRUE(holds(&scene, DIRECTORY "currentEpoch", "17"));
	CU_ASSERT_TRUE(forgetful_files_is_durable(scene.disk, DIRECTORY "currentEpoch"));
	expect_names(&scene, "/data/version-2", ".paddock-lock currentEpoch snapshot.0");
	life_put(scene.life, "currentEpoch", "9"); /* shorter: nothing of the old one is left */
	step_host_settle(scene.life->host);
	CU_ASSERT_TRUE(holds(&scene, DIRECTORY "currentEpoch", "9"));
	scene_end(&scene);
}

static void
a_record_that_another_server_wrote_is_found(void)
{
	Scene scene = scene_new();

	forgetful_files_put(scene.disk, DIRECTORY "acceptedEpoch", "12\n", 3);
	start(&scene);
	CU_ASSERT_TRUE(life_record_is(scene.life, "acceptedEpoch", "12\n"));
	scene_end(&scene);
}

static void
a_record_half_written_by_a_crash_is_not_taken_for_the_record(void)
{
	Scene scene = scene_new();

	forgetful_files_put(scene.disk, DIRECTORY "currentEpoch.tmp", "13", 2);
	start(&scene);
	CU_ASSERT_TRUE(life_record_is(scene.life, "currentEpoch", NULL));
	CU_ASSERT_TRUE(holds(&scene, DIRECTORY "currentEpoch.tmp", "13"));
	life_put(scene.life, "currentEpoch", "4");
	step_host_settle(scene.life->host);
	start(&scene);
	CU_ASSERT_TRUE(life_record_is(scene.life, "currentEpoch", "4"));
	scene_end(&scene);
}

static void
a_file_too_large_for_a_record_does_not_hinder_the_start(void)
{
	Scene scene = scene_new();
	g_autofree char *core = g_strnfill(100000, 'c');

	forgetful_files_put(scene.disk, DIRECTORY "core", core, 100000);
	start(&scene);
	CU_ASSERT_TRUE(step_host_logged(scene.life->host, "record-too-large"));
	scene_end(&scene);
}

static void
a_truncated_log_ends_behind_its_last_record_and_later_files_are_gone(void)
{
	Scene scene = scene_new();

	for (unsigned i = 0; i < 3; i++)
		life_write(scene.life, 96); /* 32 + 4 + 96 + 13 bytes each */
	start(&scene);
	life_write(scene.life, 96);
	CU_ASSERT_TRUE(life_snapshot_whole(scene.life, 0));
	life_write(scene.life, 96);
	expect_names(&scene, "/data/version-2", ".paddock-lock log.1 log.4 log.5 snapshot.0 snapshot.4");
	truncate_to(&scene, 2);
	expect_names(&scene, "/data/version-2", ".paddock-lock log.1 snapshot.0");
	CU_ASSERT_EQUAL(length_of(&scene, DIRECTORY "log.1"), 16 + 2 * 145);
	CU_ASSERT_TRUE(forgetful_files_is_durable(scene.disk, DIRECTORY "log.1"));
	CU_ASSERT_TRUE(life_recover_again(scene.life, NULL));
	CU_ASSERT_FALSE(step_host_logged(scene.life->host, "log-torn"));
	life_write(scene.life, 96);
	expect_names(&scene, "/data/version-2", ".paddock-lock log.1 log.3 snapshot.0");
	CU_ASSERT_EQUAL(length_of(&scene, DIRECTORY "log.1"), 16 + 2 * 145);
	scene_end(&scene);
}

static void
truncating_to_what_a_snapshot_holds_leaves_no_log_behind_it(void)
{
	Scene scene = scene_new();

	life_write(scene.life, 10);
	life_write(scene.life, 10);
	truncate_to(&scene, 0);
	expect_names(&scene, "/data/version-2", ".paddock-lock snapshot.0");
	CU_ASSERT_TRUE(life_recover_again(scene.life, NULL));
	CU_ASSERT_EQUAL(scene.life->result.last_zxid, 0);
	PdkPersistenceSizes sizes;
	scene.life->ops->sizes(scene.life->persistence, &sizes);
	CU_ASSERT_EQUAL(sizes.last_snapshot_zxid, 0);
	scene_end(&scene);
}

static void
the_next_txn_opens_a_new_log_also_when_nothing_was_cut(void)
{
	Scene scene = scene_new();

	life_write(scene.life, 10);
	truncate_to(&scene, 1);
	life_write(scene.life, 10);
	expect_names(&scene, "/data/version-2", ".paddock-lock log.1 log.2 snapshot.0");
	scene_end(&scene);
}

static void
truncating_with_two_directories_works_the_same(void)
{
	Scene scene = {.disk = forgetful_files_new(), .history = history_new(1)};

	start_in(&scene, "/log");
	CU_ASSERT_TRUE(life_snapshot_whole(scene.life, 0));
	for (unsigned i = 0; i < 4; i++) {
		life_write(scene.life, 10);
		if (i == 2)
			CU_ASSERT_TRUE(life_snapshot_whole(scene.life, 0));
	}
	truncate_to(&scene, 2);
	expect_names(&scene, "/data/version-2", ".paddock-lock snapshot.0");
	expect_names(&scene, "/log/version-2", ".paddock-lock log.1");
	start_in(&scene, "/log");
	CU_ASSERT_TRUE(scene.life->recovered);
	CU_ASSERT_EQUAL(scene.life->result.last_zxid, 2);
	scene_end(&scene);
}

/* Nothing is lost, neither on the disk nor of what was only gathered. */
static void
a_truncation_below_every_snapshot_is_refused_and_changes_nothing(void)
{
	Scene scene = scene_new();

	for (unsigned i = 0; i < 4; i++)
		life_write(scene.life, 10);
	CU_ASSERT_TRUE(life_snapshot_whole(scene.life, 0));
	forgetful_files_remove(scene.disk, DIRECTORY "snapshot.0");
	life_append(scene.life, 10);
	life_append(scene.life, 10);
	uint64_t chain = scene.life->chain;
	truncate_to(&scene, 3);
	CU_ASSERT_PTR_NOT_NULL_FATAL(scene.life->truncate_error);
	CU_ASSERT_PTR_NOT_NULL(strstr(scene.life->truncate_error->message, "no snapshot at or below"));
	CU_ASSERT_PTR_NULL(scene.life->failed);
	CU_ASSERT_EQUAL(scene.life->last_synced, 6);
	life_write(scene.life, 10);
	start(&scene);
	CU_ASSERT_EQUAL(scene.life->result.last_zxid, 7);
	CU_ASSERT_NOT_EQUAL(scene.life->chain, chain);
	scene_end(&scene);
}

static void
a_truncation_of_a_damaged_log_is_refused_and_changes_nothing(void)
{
	Scene scene = scene_new();

	for (unsigned i = 0; i < 4; i++)
		life_write(scene.life, 96);
	g_autoptr(GBytes) log = forgetful_files_get(scene.disk, DIRECTORY "log.1");
	g_autofree uint8_t *bytes = g_memdup2(g_bytes_get_data(log, NULL), g_bytes_get_size(log));
	bytes[16 + 145 + 50] ^= 1;
	start(&scene); /* whole, so that the log is not open */
	forgetful_files_put(scene.disk, DIRECTORY "log.1", bytes, g_bytes_get_size(log));
	g_autoptr(GBytes) before = picture(&scene, "/data/version-2");
	truncate_to(&scene, 3);
	CU_ASSERT_PTR_NOT_NULL(scene.life->truncate_error);
	g_autoptr(GBytes) after = picture(&scene, "/data/version-2");
	CU_ASSERT_TRUE(g_bytes_equal(before, after));
	scene_end(&scene);
}

/* The history is taken back @steps steps after a snapshot of its end was handed over. */
static void
truncate_while_a_snapshot_is_written(unsigned steps, bool finish)
{
	Scene scene = scene_new();
	Life *life = scene.life;
	g_autoptr(GBytes) body = small_core_body(10, 1, 2000);
	PdkSnapshotTail tail = {0};

	for (unsigned i = 0; i < 10; i++)
		life_write(life, 10);
	unsigned dones = life->dones;
	CU_ASSERT_TRUE(life->ops->snapshot_begin(life->persistence, 10));
	life->ops->snapshot_part(life->persistence, body);
	if (finish)
		life->ops->snapshot_finish(life->persistence, &tail);
	while (steps-- > 0)
		step_host_step(life->host);
	life_truncate(life, 7);
	step_host_settle_timers(life->host, 1000000);
	if (!finish)
		life->ops->snapshot_finish(life->persistence, &tail);
	step_host_settle_timers(life->host, 1000000);
	CU_ASSERT_EQUAL(life->truncateds, 1);
	CU_ASSERT_PTR_NULL(life->truncate_error);
	CU_ASSERT_EQUAL(life->dones, dones + 1);
	expect_names(&scene, "/data/version-2", ".paddock-lock log.1 snapshot.0");
	start(&scene);
	CU_ASSERT_EQUAL(scene.life->result.last_zxid, 7);
	scene_end(&scene);
}

static void
a_snapshot_being_written_of_what_is_taken_back_gets_no_name(void)
{
	for (unsigned steps = 0; steps < 16; steps++) {
		truncate_while_a_snapshot_is_written(steps, true);
		truncate_while_a_snapshot_is_written(steps, false);
	}
}

static void
a_snapshot_being_written_of_what_stays_is_finished(void)
{
	Scene scene = scene_new();

	for (unsigned i = 0; i < 5; i++)
		life_write(scene.life, 10);
	CU_ASSERT_TRUE(life_snapshot(scene.life, 1000));
	for (unsigned i = 0; i < 5; i++)
		life_append(scene.life, 10);
	life_truncate(scene.life, 7);
	step_host_settle_timers(scene.life->host, 1000000);
	CU_ASSERT_PTR_NULL(scene.life->snapshot_error);
	start(&scene);
	CU_ASSERT_EQUAL(scene.life->result.snapshot_zxid, 5);
	CU_ASSERT_EQUAL(scene.life->result.last_zxid, 7);
	scene_end(&scene);
}

static void
a_reader_of_a_log_that_is_read_anew_is_told(void)
{
	Scene scene = scene_new();

	life_write(scene.life, 10);
	scene.life->ops->read_log(scene.life->persistence, 1, 1000);
	CU_ASSERT_TRUE(life_recover_again(scene.life, NULL));
	step_host_settle(scene.life->host);
	CU_ASSERT_EQUAL(scene.life->reads, 1);
	CU_ASSERT_PTR_NOT_NULL(scene.life->read_error);
	scene_end(&scene);
}

static void
a_list_of_an_older_time_is_dropped(void)
{
	Scene scene = scene_new();
	static const char list[] = "paddock truncation 1\ndelete snapshot.0 0\ncut log.1 161\ndelete log.2 0\n";

	life_write(scene.life, 96);
	life_write(scene.life, 96);
	CU_ASSERT_TRUE(life_snapshot_whole(scene.life, 0)); /* snapshot.2 is not in the list */
	forgetful_files_put(scene.disk, DIRECTORY ".paddock-truncation", list, strlen(list));
	start(&scene);
	CU_ASSERT_TRUE(step_host_logged(scene.life->host, "truncation-dropped"));
	CU_ASSERT_EQUAL(scene.life->result.last_zxid, 2);
	expect_names(&scene, "/data/version-2", ".paddock-lock log.1 snapshot.0 snapshot.2");
	scene_end(&scene);
}

static void
a_list_that_was_begun_is_carried_out_at_the_start(void)
{
	Scene scene = scene_new();
	static const char list[] = "paddock truncation 1\nkeep snapshot.0 0\ncut log.1 161\ndelete log.3 0\n";

	life_write(scene.life, 96);
	life_write(scene.life, 96);
	forgetful_files_put(scene.disk, DIRECTORY ".paddock-truncation", list, strlen(list));
	start(&scene);
	CU_ASSERT_TRUE(step_host_logged(scene.life->host, "truncation-resumed"));
	CU_ASSERT_EQUAL(scene.life->result.last_zxid, 1);
	expect_names(&scene, "/data/version-2", ".paddock-lock log.1 snapshot.0");
	scene_end(&scene);
}

static void
a_list_that_cannot_be_read_is_refused(void)
{
	static const char *const lists[] = {
		"", "paddock truncation 1", "paddock truncation 2\n", "paddock truncation 1\nkeep snapshot.0\n",
		"paddock truncation 1\ndelete ../../etc/passwd 0\n", "paddock truncation 1\neat log.1 0\n",
		"paddock truncation 1\ncut log.1 -1\n", "paddock truncation 1\ncut log.1 16",
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(lists); i++) {
		Scene scene = scene_new();
		forgetful_files_put(scene.disk, DIRECTORY ".paddock-truncation", lists[i], strlen(lists[i]));
		start_in(&scene, "/data");
		CU_ASSERT_FALSE(scene.life->recovered);
		CU_ASSERT_PTR_NOT_NULL_FATAL(scene.error);
		CU_ASSERT_PTR_NOT_NULL(strstr(scene.error->message, ".paddock-truncation"));
		scene_end(&scene);
	}
}

/* Five txns of epoch 1, a leader's snapshot of @zxid, and @next behind it. */
static void
behind_a_leaders_snapshot(Scene *scene, int64_t zxid, int64_t next)
{
	for (unsigned i = 1; i <= 5; i++)
		append(scene, ZXID(1, i));
	receive_snapshot(scene, zxid);
	append(scene, next);
}

static void
a_leaders_snapshot_counts_although_older_logs_lie_around(void)
{
	static const int64_t snapshots[] = {ZXID(2, 0), ZXID(2, 7), ZXID(2, 7), ZXID(1, 5), ZXID(1, 900)};
	static const int64_t nexts[] = {ZXID(2, 1), ZXID(2, 8), ZXID(3, 1), ZXID(1, 6), ZXID(1, 901)};

	for (unsigned i = 0; i < G_N_ELEMENTS(snapshots); i++) {
		Scene scene = scene_new();
		behind_a_leaders_snapshot(&scene, snapshots[i], nexts[i]);
		append(&scene, nexts[i] + 1);
		g_autofree char *names = g_strdup_printf(".paddock-lock log.100000001 log.%" G_GINT64_MODIFIER "x snapshot.0 snapshot.%"
							 G_GINT64_MODIFIER "x", (guint64)nexts[i], (guint64)snapshots[i]);
		expect_names(&scene, "/data/version-2", names);
		start(&scene);
		CU_ASSERT_EQUAL(scene.life->result.snapshot_zxid, snapshots[i]);
		CU_ASSERT_EQUAL(scene.life->result.txns, 2);
		CU_ASSERT_EQUAL(scene.life->result.last_zxid, nexts[i] + 1);
		scene_end(&scene);
	}
}

static void
a_leaders_snapshot_alone_is_the_whole_history(void)
{
	Scene scene = scene_new();

	for (unsigned i = 1; i <= 5; i++)
		append(&scene, ZXID(1, i));
	receive_snapshot(&scene, ZXID(4, 17));
	CU_ASSERT_TRUE(life_recover_again(scene.life, &scene.error));
	CU_ASSERT_EQUAL(scene.life->result.last_zxid, ZXID(4, 17));
	CU_ASSERT_EQUAL(scene.life->result.txns, 0);
	CU_ASSERT_EQUAL(scene.life->chain, (uint64_t)ZXID(4, 17) * 3);
	append(&scene, ZXID(4, 18));
	start(&scene);
	CU_ASSERT_EQUAL(scene.life->result.last_zxid, ZXID(4, 18));
	scene_end(&scene);
}

static void
what_does_not_follow_a_leaders_snapshot_is_refused(void)
{
	static const int64_t nexts[] = {ZXID(2, 9), ZXID(3, 2)};

	for (unsigned i = 0; i < G_N_ELEMENTS(nexts); i++) {
		Scene scene = scene_new();
		behind_a_leaders_snapshot(&scene, ZXID(2, 7), nexts[i]);
		start_in(&scene, "/data");
		CU_ASSERT_FALSE(scene.life->recovered);
		scene_end(&scene);
	}
}

/* Without it the older log and the newer one would look like one history. */
static void
a_damaged_snapshot_of_a_leader_is_not_passed_over(void)
{
	Scene scene = scene_new();

	behind_a_leaders_snapshot(&scene, ZXID(2, 0), ZXID(2, 1));
	g_autoptr(GBytes) snapshot = forgetful_files_get(scene.disk, DIRECTORY "snapshot.200000000");
	g_autofree uint8_t *bytes = g_memdup2(g_bytes_get_data(snapshot, NULL), g_bytes_get_size(snapshot));
	bytes[2000] ^= 1;
	forgetful_files_put(scene.disk, DIRECTORY "snapshot.200000000", bytes, g_bytes_get_size(snapshot));
	start_in(&scene, "/data");
	CU_ASSERT_FALSE(scene.life->recovered);
	CU_ASSERT_PTR_NOT_NULL(strstr(scene.error->message, "transactions are missing"));
	scene_end(&scene);
}

/* The leader has a history that ends before our own; its tree comes first, then the end is taken off. */
static void
a_leaders_snapshot_below_the_end_of_the_log_is_followed_by_a_truncation(void)
{
	Scene scene = scene_new();

	for (unsigned i = 1; i <= 5; i++)
		append(&scene, ZXID(1, i));
	receive_snapshot(&scene, ZXID(1, 3));
	truncate_to(&scene, ZXID(1, 3));
	CU_ASSERT_PTR_NULL(scene.life->truncate_error);
	append(&scene, ZXID(2, 1));
	start(&scene);
	CU_ASSERT_EQUAL(scene.life->result.snapshot_zxid, ZXID(1, 3));
	CU_ASSERT_EQUAL(scene.life->result.txns, 1);
	CU_ASSERT_EQUAL(scene.life->result.last_zxid, ZXID(2, 1));
	scene_end(&scene);
}

static void
a_truncation_across_a_leaders_snapshot_goes_back_to_the_older_history(void)
{
	Scene scene = scene_new();

	behind_a_leaders_snapshot(&scene, ZXID(2, 7), ZXID(2, 8));
	truncate_to(&scene, ZXID(1, 4));
	start(&scene);
	CU_ASSERT_EQUAL(scene.life->result.snapshot_zxid, 0);
	CU_ASSERT_EQUAL(scene.life->result.last_zxid, ZXID(1, 4));
	scene_end(&scene);
}

/* Whether the zxids show the gap or not. */
static void
the_log_is_not_read_across_a_leaders_snapshot(void)
{
	static const int64_t snapshots[] = {ZXID(2, 0), ZXID(2, 7), ZXID(1, 900)};
	static const int64_t nexts[] = {ZXID(2, 1), ZXID(2, 8), ZXID(1, 901)};

	for (unsigned i = 0; i < G_N_ELEMENTS(snapshots); i++) {
		Scene scene = scene_new();
		behind_a_leaders_snapshot(&scene, snapshots[i], nexts[i]);
		life_read(scene.life, ZXID(1, 2), 100000);
		CU_ASSERT_PTR_NOT_NULL(scene.life->read_error);
		life_read(scene.life, ZXID(1, 5), 1);
		CU_ASSERT_PTR_NOT_NULL(scene.life->read_error);
		life_read(scene.life, nexts[i], 100000);
		CU_ASSERT_PTR_NULL(scene.life->read_error);
		CU_ASSERT_EQUAL(scene.life->read->len, 1);
		life_read(scene.life, snapshots[i] + 1, 100000);
		CU_ASSERT_EQUAL(scene.life->read->len, 1);
		scene_end(&scene);
	}
}

static void
the_log_before_a_leaders_snapshot_is_not_read_when_nothing_follows(void)
{
	Scene scene = scene_new();

	for (unsigned i = 1; i <= 5; i++)
		append(&scene, ZXID(1, i));
	receive_snapshot(&scene, ZXID(2, 0));
	for (unsigned i = 0; i < 2; i++) {
		life_read(scene.life, ZXID(1, 2), 100000);
		CU_ASSERT_PTR_NOT_NULL(scene.life->read_error);
		life_read(scene.life, ZXID(2, 1), 100000);
		CU_ASSERT_PTR_NULL(scene.life->read_error);
		CU_ASSERT_EQUAL(scene.life->read->len, 0);
		start(&scene);
	}
	scene_end(&scene);
}

static void
the_log_is_read_from_one_epoch_into_the_next(void)
{
	Scene scene = scene_new();

	for (unsigned i = 1; i <= 5; i++)
		append(&scene, ZXID(1, i));
	append(&scene, ZXID(4, 1));
	append(&scene, ZXID(4, 2));
	CU_ASSERT_TRUE(life_snapshot_whole(scene.life, 100)); /* our own, of a txn that is logged */
	append(&scene, ZXID(4, 3));
	life_read(scene.life, ZXID(1, 2), 100000);
	CU_ASSERT_PTR_NULL(scene.life->read_error);
	CU_ASSERT_EQUAL(scene.life->read->len, 7);
	CU_ASSERT_FALSE(scene.life->read_more);
	scene_end(&scene);
}

static void
reading_begins_with_the_first_txn_there_is(void)
{
	Scene scene = scene_new();

	for (unsigned i = 1; i <= 5; i++)
		append(&scene, ZXID(3, i));
	life_read(scene.life, 1, 100000);
	CU_ASSERT_EQUAL(scene.life->read->len, 5);
	CU_ASSERT_EQUAL(g_array_index(scene.life->read, PdkLoggedTxn, 0).zxid, ZXID(3, 1));
	life_read(scene.life, ZXID(9, 1), 100000);
	CU_ASSERT_EQUAL(scene.life->read->len, 0);
	CU_ASSERT_PTR_NULL(scene.life->read_error);
	scene_end(&scene);
}

/* A follower that lacks a long log asks for it piece by piece: each goes on where the last one stopped. */
static void
several_readers_go_on_where_they_stopped(void)
{
	Scene scene = scene_new();
	int64_t next[3] = {1, 1, 1};

	for (unsigned i = 0; i < 60; i++)
		life_write(scene.life, 500);
	for (unsigned i = 0; i < 60; i++) {
		for (unsigned reader = 0; reader < 3; reader++) {
			if (next[reader] > 60)
				continue;
			life_read(scene.life, next[reader], 600 + reader * 1000);
			CU_ASSERT_PTR_NULL(scene.life->read_error);
			CU_ASSERT_TRUE_FATAL(scene.life->read->len > 0);
			CU_ASSERT_EQUAL(g_array_index(scene.life->read, PdkLoggedTxn, 0).zxid, next[reader]);
			next[reader] += scene.life->read->len;
		}
	}
	CU_ASSERT_TRUE(next[0] == 61 && next[1] == 61 && next[2] == 61);
	scene_end(&scene);
}

static void
an_initialize_file_is_good_for_every_recovery_of_the_life(void)
{
	Scene scene = {.disk = forgetful_files_new(), .history = history_new(1)};
	PdkConfig *config = fake_config_new(OPTIONS, "db_autocreate", "false", NULL);

	forgetful_files_put(scene.disk, "/data/initialize", "", 0);
	scene.life = life_begin(&pdk_plugin_persistence_logsnap, forgetful_files_table(scene.disk), config, "/data", scene.history, 1,
				&scene.error);
	CU_ASSERT_TRUE_FATAL(scene.life->recovered);
	CU_ASSERT_TRUE(scene.life->result.trusted);
	CU_ASSERT_TRUE(life_recover_again(scene.life, &scene.error));
	CU_ASSERT_TRUE(scene.life->result.trusted);
	scene_end(&scene);
}

static void
without_an_initialize_file_nobody_said_that_nothing_is_right(void)
{
	Scene scene = scene_new();

	CU_ASSERT_FALSE(scene.life->result.trusted);
	scene_end(&scene);
}

static const ConformanceCase cases[] = {
	CONFORMANCE_CASE(a_record_is_a_file_named_by_its_key_with_the_content_as_given),
	CONFORMANCE_CASE(a_record_that_another_server_wrote_is_found),
	CONFORMANCE_CASE(a_record_half_written_by_a_crash_is_not_taken_for_the_record),
	CONFORMANCE_CASE(a_file_too_large_for_a_record_does_not_hinder_the_start),
	CONFORMANCE_CASE(a_truncated_log_ends_behind_its_last_record_and_later_files_are_gone),
	CONFORMANCE_CASE(truncating_to_what_a_snapshot_holds_leaves_no_log_behind_it),
	CONFORMANCE_CASE(the_next_txn_opens_a_new_log_also_when_nothing_was_cut),
	CONFORMANCE_CASE(truncating_with_two_directories_works_the_same),
	CONFORMANCE_CASE(a_truncation_below_every_snapshot_is_refused_and_changes_nothing),
	CONFORMANCE_CASE(a_truncation_of_a_damaged_log_is_refused_and_changes_nothing),
	CONFORMANCE_CASE(a_snapshot_being_written_of_what_is_taken_back_gets_no_name),
	CONFORMANCE_CASE(a_snapshot_being_written_of_what_stays_is_finished),
	CONFORMANCE_CASE(a_reader_of_a_log_that_is_read_anew_is_told),
	CONFORMANCE_CASE(a_list_of_an_older_time_is_dropped),
	CONFORMANCE_CASE(a_list_that_was_begun_is_carried_out_at_the_start),
	CONFORMANCE_CASE(a_list_that_cannot_be_read_is_refused),
	CONFORMANCE_CASE(a_leaders_snapshot_counts_although_older_logs_lie_around),
	CONFORMANCE_CASE(a_leaders_snapshot_alone_is_the_whole_history),
	CONFORMANCE_CASE(what_does_not_follow_a_leaders_snapshot_is_refused),
	CONFORMANCE_CASE(a_damaged_snapshot_of_a_leader_is_not_passed_over),
	CONFORMANCE_CASE(a_leaders_snapshot_below_the_end_of_the_log_is_followed_by_a_truncation),
	CONFORMANCE_CASE(a_truncation_across_a_leaders_snapshot_goes_back_to_the_older_history),
	CONFORMANCE_CASE(the_log_is_not_read_across_a_leaders_snapshot),
	CONFORMANCE_CASE(the_log_before_a_leaders_snapshot_is_not_read_when_nothing_follows),
	CONFORMANCE_CASE(the_log_is_read_from_one_epoch_into_the_next),
	CONFORMANCE_CASE(reading_begins_with_the_first_txn_there_is),
	CONFORMANCE_CASE(several_readers_go_on_where_they_stopped),
	CONFORMANCE_CASE(an_initialize_file_is_good_for_every_recovery_of_the_life),
	CONFORMANCE_CASE(without_an_initialize_file_nobody_said_that_nothing_is_right),
	{0},
};

int
main(void)
{
	return conformance_run("logsnap: ensembles", cases) ? EXIT_FAILURE : EXIT_SUCCESS;
}

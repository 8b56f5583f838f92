/* SPDX-License-Identifier: Apache-2.0 */
/* The files logsnap writes: their bytes, their names, when they come and go. Changes when those do. */
#include "conformance.h"
#include "fake_host.h"
#include "forgetful_files.h"
#include "small_core.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const PdkPlugin pdk_plugin_persistence_logsnap;

#define OPTIONS pdk_plugin_persistence_logsnap.options
#define DIRECTORY "/data/version-2/"

/* The first snapshot of Apache ZooKeeper 3.8.0: plain, gz, and snappy. The same 457 bytes. */
#define BODY_BYTES 395
static const char *const apache[] = {
	"WktTTgAAAAL//////////wAAAAAAAAABAAAAAAAAAAEAAAABAAAAAQAAAAV3b3JsZAAAAAZhbnlvbmUAAAAAAAAAAP//////////"
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAACi96b29rZWVwZXIA"
	"AAAA//////////8AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAR"
	"L3pvb2tlZXBlci9jb25maWcAAAAAAAAAAAAAAAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/////wAA"
	"AAAAAAAAAAAAAAAAAAAAAAAQL3pvb2tlZXBlci9xdW90YQAAAAD//////////wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEvAAAAALiiO0kAAAABLwAAAAAAAAAAAAAAAgAAAAAAAAAAAAAAAJW5"
	"PVkAAAABLw==",
	"H4sIAAAAAAAA/4vyDvZjYGBg+g8FDBDAiETDMGt5flFOCpDBlphXmZ+XClXCgKaVXMClX5Wfn52aWpBaREVTBRGm6ifn56VlpiNJ"
	"MuLUhgZwOEQAyfDC0vySRCo6nFEfRO5YZO0J50ABE7KyqTttI8EKAKbYPOXJAQAA",
	"glNOQVBQWQAAAAABAAAAAQAAAJ7JAyBaS1NOAAAAAv8NAQAACQEAAQkHBQgBDAEEPAV3b3JsZAAAAAZhbnlvbmUNIwAADToRO94B"
	"ACgKL3pvb2tlZXBlcgFD/lYADVYAERlWGC9jb25maWcBXQ0BAdaSAQABjUopAAAQHV0QcXVvdGEBJAEsAQEBDOoBACwBLwAAAAC4"
	"ojtJAAANDQ0BAAINCDQAAAAAAJW5PVkAAAABLw==",
};
static const char *const suffixes[] = {"", ".gz", ".snappy"};
static const char *const methods[] = {"", "gz", "snappy"};

typedef struct {
	ForgetfulFiles *disk;
	History *history;
	Life *life;
	GError *error;
} Scene;

static Scene
scene_new(void)
{
	return (Scene){.disk = forgetful_files_new(), .history = history_new(1)};
}

static void
start_in(Scene *scene, PdkConfig *config, const char *log_dir)
{
	if (scene->life)
		life_free(scene->life);
	g_clear_error(&scene->error);
	scene->life = life_begin(&pdk_plugin_persistence_logsnap, forgetful_files_table(scene->disk), config, log_dir,
				 scene->history, 1, &scene->error);
}

static void
start(Scene *scene, PdkConfig *config)
{
	start_in(scene, config, "/data");
	CU_ASSERT_TRUE_FATAL(scene->life->recovered);
	if (scene->life->result.snapshot_zxid < 0)
		CU_ASSERT_TRUE(life_snapshot_whole(scene->life, 0));
}

static void
scene_end(Scene *scene)
{
	if (scene->life)
		life_free(scene->life);
	history_free(scene->history);
	forgetful_files_free(scene->disk);
	g_clear_error(&scene->error);
}

/* The names in @directory, joined by blanks. */
static char *
names(Scene *scene, const char *directory)
{
	const PdkFiles *files = forgetful_files_table(scene->disk);
	g_auto(GStrv) all = files->list(files, directory, NULL);
	return g_strjoinv(" ", all);
}

static void
expect_names(Scene *scene, const char *wanted)
{
	g_autofree char *found = names(scene, "/data/version-2");

	CU_ASSERT_STRING_EQUAL(found, wanted);
	if (strcmp(found, wanted) != 0)
		printf("\n    found  %s\n    wanted %s\n", found, wanted);
}

static size_t
length_of(Scene *scene, const char *path)
{
	g_autoptr(GBytes) bytes = forgetful_files_get(scene->disk, path);
	return bytes ? g_bytes_get_size(bytes) : 0;
}

static GBytes *
from_hex(const char *hex)
{
	GByteArray *bytes = g_byte_array_new();

	for (; hex[0]; hex += 2) {
		uint8_t byte = (uint8_t)(g_ascii_xdigit_value(hex[0]) << 4 | g_ascii_xdigit_value(hex[1]));
		g_byte_array_append(bytes, &byte, 1);
	}
	return g_byte_array_free_to_bytes(bytes);
}

/* createSession and create "/ex" = "hello", as a 3.8.0 server logged them. */
#define TXN_1 "0100001bd5810000000000000000000000000001000001a1fac99947fffffff600009c40000000020000000051c6d660"
#define TXN_2 \
	"0100001bd5810000000000010000000000000002000001a1fac9995900000001000000032f65780000000568656c6c6f" \
	"000000010000001f00000005776f726c6400000006616e796f6e65000000000100000002" "0000000134105932"

static void
the_worked_example_of_a_log_comes_out_byte_for_byte(void)
{
	Scene scene = scene_new();
	g_autoptr(GBytes) one = from_hex(TXN_1), two = from_hex(TXN_2);
	g_autoptr(GBytes) wanted = from_hex("5a4b4c47000000020000000000000000" "00000000e6670bd700000030" TXN_1 "42"
					    "000000007a6a0da60000005c" TXN_2 "42");

	start(&scene, fake_config_new(OPTIONS, "prealloc_kb", "0", NULL));
	scene.history->appended = 2;
	scene.life->ops->append(scene.life->persistence, 1, one);
	scene.life->ops->append(scene.life->persistence, 2, two);
	life_sync(scene.life);
	step_host_settle(scene.life->host);
	g_autoptr(GBytes) found = forgetful_files_get(scene.disk, DIRECTORY "log.1");
	CU_ASSERT_PTR_NOT_NULL_FATAL(found);
	CU_ASSERT_TRUE(g_bytes_equal(found, wanted));
	scene_end(&scene);
}

static void
a_log_grows_by_whole_steps_and_reads_as_zeros_behind_its_records(void)
{
	Scene scene = scene_new();

	start(&scene, fake_config_new(OPTIONS, NULL));
	life_write(scene.life, 100);
	g_autoptr(GBytes) log = forgetful_files_get(scene.disk, DIRECTORY "log.1");
	CU_ASSERT_EQUAL(g_bytes_get_size(log), 67108880); /* as Apache's */
	const uint8_t *bytes = g_bytes_get_data(log, NULL);
	size_t zeros = 0;
	for (size_t i = g_bytes_get_size(log); i > 0 && bytes[i - 1] == 0; i--)
		zeros++;
	CU_ASSERT_TRUE(zeros > 67108000);
	scene_end(&scene);

	scene = scene_new();
	start(&scene, fake_config_new(OPTIONS, "prealloc_kb", "8", NULL));
	life_write(scene.life, 100);
	CU_ASSERT_EQUAL(length_of(&scene, DIRECTORY "log.1"), 16 + 8 * 1024);
	life_write(scene.life, 4000);
	CU_ASSERT_EQUAL(length_of(&scene, DIRECTORY "log.1"), 16 + 16 * 1024);
	life_write(scene.life, 40000); /* needs more than one step */
	CU_ASSERT_EQUAL(length_of(&scene, DIRECTORY "log.1"), 16 + 48 * 1024);
	CU_ASSERT_TRUE(forgetful_files_is_durable(scene.disk, DIRECTORY "log.1"));
	scene_end(&scene);
}

static void
no_sync_of_a_preallocated_log_makes_it_grow(void)
{
	Scene scene = scene_new();

	start(&scene, fake_config_new(OPTIONS, "prealloc_kb", "1024", NULL));
	life_write(scene.life, 100);
	forgetful_files_fail(scene.disk, FORGETFUL_ALLOCATE, 1, EIO, true);
	uint64_t before = forgetful_files_operations(scene.disk);
	for (unsigned i = 0; i < 100; i++)
		life_write(scene.life, 100);
	CU_ASSERT_PTR_NULL(scene.life->failed);
	CU_ASSERT_EQUAL(forgetful_files_operations(scene.disk) - before, 200); /* one write, one sync each */
	scene_end(&scene);
}

static void
a_log_ends_at_a_snapshot_and_at_each_start(void)
{
	Scene scene = scene_new();

	start(&scene, fake_config_new(OPTIONS, "prealloc_kb", "8", NULL));
	life_write(scene.life, 10);
	life_write(scene.life, 10);
	life_append(scene.life, 10);
	CU_ASSERT_TRUE(life_snapshot_whole(scene.life, 0)); /* txn 3 still gathers, and belongs to the old log */
	life_append(scene.life, 10);
	life_sync(scene.life);
	step_host_settle(scene.life->host);
	expect_names(&scene, ".paddock-lock log.1 log.4 snapshot.0 snapshot.3");
	start(&scene, fake_config_new(OPTIONS, "prealloc_kb", "8", NULL));
	CU_ASSERT_EQUAL(scene.life->result.last_zxid, 4);
	expect_names(&scene, ".paddock-lock log.1 log.4 snapshot.0 snapshot.3");
	life_write(scene.life, 10);
	expect_names(&scene, ".paddock-lock log.1 log.4 log.5 snapshot.0 snapshot.3");
	scene_end(&scene);
}

static void
a_log_beyond_its_limit_is_followed_by_another(void)
{
	Scene scene = scene_new();

	start(&scene, fake_config_new(OPTIONS, "prealloc_kb", "8", "log_size_limit_kb", "1", NULL));
	for (unsigned i = 0; i < 6; i++)
		life_write(scene.life, 400);
	expect_names(&scene, ".paddock-lock log.1 log.4 snapshot.0");
	scene_end(&scene);
}

static void
without_force_sync_nothing_is_synced(void)
{
	Scene scene = scene_new();

	start(&scene, fake_config_new(OPTIONS, "force_sync", "false", "prealloc_kb", "8", NULL));
	forgetful_files_fail(scene.disk, FORGETFUL_DATASYNC, 1, EIO, true);
	life_write(scene.life, 10);
	CU_ASSERT_EQUAL(scene.life->last_synced, 1);
	CU_ASSERT_FALSE(forgetful_files_is_durable(scene.disk, DIRECTORY "log.1"));
	scene_end(&scene);
}

/* A recovery that takes a body by its length, and keeps it. */
typedef struct {
	GByteArray *body;
	size_t wanted;
	PdkSnapshotTail tail;
	unsigned accepted, discarded;
} Taken;

static void
take_begin(void *context G_GNUC_UNUSED, int64_t zxid, uint64_t length G_GNUC_UNUSED)
{
	CU_ASSERT_EQUAL(zxid, 0);
}

static PdkPartResult
take_part(void *context, const uint8_t *data, size_t length, size_t *used, GError **error G_GNUC_UNUSED)
{
	Taken *taken = context;

	*used = MIN(length, taken->wanted - taken->body->len);
	g_byte_array_append(taken->body, data, (unsigned)*used);
	return taken->body->len == taken->wanted ? PDK_PART_DONE : PDK_PART_MORE;
}

static void
take_accept(void *context, const PdkSnapshotTail *tail)
{
	Taken *taken = context;

	taken->accepted++;
	taken->tail = *tail;
}

static void
take_discard(void *context)
{
	Taken *taken = context;

	taken->discarded++;
}

static void
take_empty(void *context G_GNUC_UNUSED)
{
	CU_FAIL("there is a snapshot");
}

static bool
take_txn(void *context G_GNUC_UNUSED, int64_t zxid G_GNUC_UNUSED, const uint8_t *txn G_GNUC_UNUSED, size_t length G_GNUC_UNUSED,
	 GError **error G_GNUC_UNUSED)
{
	CU_FAIL("there is no txn");
	return true;
}

static const PdkRecovery take = {
	.size = sizeof(PdkRecovery),
	.snapshot_begin = take_begin,
	.snapshot_part = take_part,
	.snapshot_accept = take_accept,
	.snapshot_discard = take_discard,
	.empty = take_empty,
	.txn = take_txn,
};

/* Reads what lies in @disk with the plugin itself; in a host with a loop when @loop. */
static bool
read_back(ForgetfulFiles *disk, Taken *taken, bool loop)
{
	const PdkPersistenceOps *ops = pdk_plugin_persistence_logsnap.ops;
	g_autoptr(StepHost) host = step_host_new(forgetful_files_table(disk), 1);
	g_autoptr(PdkConfig) config = fake_config_new(OPTIONS, NULL);
	PdkRecovered result;

	step_host_set_context(host, loop ? g_main_context_default() : NULL);
	PdkPersistence *persistence = ops->create(step_host_table(host), config, "/data", "/data", NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(persistence);
	bool recovered = ops->recover(persistence, &take, taken, &result, NULL);
	CU_ASSERT_TRUE(!recovered || result.snapshot_zxid == 0);
	step_host_settle(host);
	ops->destroy(persistence);
	return recovered;
}

static void
apaches_snapshots_are_read_plain_gz_and_snappy(void)
{
	size_t plain_bytes;
	g_autofree uint8_t *plain = g_base64_decode(apache[0], &plain_bytes);

	for (unsigned i = 0; i < G_N_ELEMENTS(apache); i++) {
		g_autoptr(ForgetfulFiles) disk = forgetful_files_new();
		g_autofree char *path = g_strconcat(DIRECTORY "snapshot.0", suffixes[i], NULL);
		Taken taken = {.body = g_byte_array_new(), .wanted = BODY_BYTES};
		size_t length;
		g_autofree uint8_t *bytes = g_base64_decode(apache[i], &length);
		forgetful_files_put(disk, path, bytes, length);
		CU_ASSERT_TRUE(read_back(disk, &taken, false));
		CU_ASSERT_TRUE(taken.accepted == 1 && taken.discarded == 0);
		CU_ASSERT_TRUE(taken.body->len == BODY_BYTES && memcmp(taken.body->data, plain + 16, BODY_BYTES) == 0);
		CU_ASSERT_TRUE(taken.tail.has_digest && taken.tail.digest_zxid == 0 && taken.tail.digest_version == 2 &&
			       taken.tail.digest == 0);
		CU_ASSERT_FALSE(taken.tail.has_last_zxid); /* 3.8 has none */
		g_byte_array_unref(taken.body);
	}
}

static void
a_large_snapshot_is_the_same_read_ahead_or_not(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(methods); i++) {
		Scene scene = scene_new();
		g_autofree char *path = g_strconcat(DIRECTORY "snapshot.0", suffixes[i], NULL);
		start_in(&scene, fake_config_new(OPTIONS, "snapshot_compression", methods[i], NULL), "/data");
		CU_ASSERT_TRUE(life_snapshot_whole(scene.life, 9 * 1000 * 1000));
		g_clear_pointer(&scene.life, life_free);
		g_autoptr(GBytes) body = small_core_body(0, 0, 9 * 1000 * 1000);
		for (unsigned loop = 0; loop < 2; loop++) {
			Taken taken = {.body = g_byte_array_new(), .wanted = g_bytes_get_size(body)};
			CU_ASSERT_TRUE(read_back(scene.disk, &taken, loop));
			g_autoptr(GBytes) found = g_byte_array_free_to_bytes(taken.body);
			CU_ASSERT_TRUE(taken.accepted == 1 && g_bytes_equal(found, body));
		}
		/*
		 * Damage at the end, in the middle and near the beginning: the reader stops, wherever it is.
		 */
		g_autoptr(GBytes) whole = forgetful_files_get(scene.disk, path);
		size_t length = g_bytes_get_size(whole);
		const size_t places[] = {length - 8, length / 2, 40};
		for (unsigned k = 0; k < G_N_ELEMENTS(places); k++) {
			Taken taken = {.body = g_byte_array_new(), .wanted = g_bytes_get_size(body)};
			g_autofree uint8_t *bytes = g_memdup2(g_bytes_get_data(whole, NULL), length);
			bytes[places[k]] ^= 1;
			forgetful_files_put(scene.disk, path, bytes, length);
			CU_ASSERT_FALSE(read_back(scene.disk, &taken, true));
			CU_ASSERT_TRUE(taken.accepted == 0 && taken.discarded == 1);
			g_byte_array_unref(taken.body);
		}
		scene_end(&scene);
	}
}

static void
the_same_body_gives_apaches_bytes(void)
{
	Scene scene = scene_new();
	size_t length;
	g_autofree uint8_t *plain = g_base64_decode(apache[0], &length);
	PdkSnapshotTail tail = {.has_digest = true, .digest_version = 2};

	start_in(&scene, fake_config_new(OPTIONS, NULL), "/data");
	const PdkPersistenceOps *ops = scene.life->ops;
	CU_ASSERT_TRUE(ops->snapshot_begin(scene.life->persistence, 0));
	g_autoptr(GBytes) body = g_bytes_new(plain + 16, BODY_BYTES);
	ops->snapshot_part(scene.life->persistence, body);
	ops->snapshot_finish(scene.life->persistence, &tail);
	step_host_settle(scene.life->host);
	g_autoptr(GBytes) found = forgetful_files_get(scene.disk, DIRECTORY "snapshot.0");
	CU_ASSERT_PTR_NOT_NULL_FATAL(found);
	CU_ASSERT_TRUE(g_bytes_get_size(found) == length && memcmp(g_bytes_get_data(found, NULL), plain, length) == 0);
	scene_end(&scene);
}

static void
every_tail_is_read_as_it_was_written(void)
{
	for (unsigned which = 0; which < 4; which++) {
		Scene scene = scene_new();
		PdkSnapshotTail tail = {
			.has_digest = which & 1,
			.digest_zxid = 77,
			.digest_version = 2,
			.digest = UINT64_C(0xfedcba9876543210),
			.has_last_zxid = which & 2,
			.last_zxid = 99,
		};
		start(&scene, fake_config_new(OPTIONS, NULL));
		const PdkPersistenceOps *ops = scene.life->ops;
		CU_ASSERT_TRUE(ops->snapshot_begin(scene.life->persistence, 0));
		g_autoptr(GBytes) body = small_core_body(0, 0, 0);
		ops->snapshot_part(scene.life->persistence, body);
		ops->snapshot_finish(scene.life->persistence, &tail);
		step_host_settle(scene.life->host);
		start(&scene, fake_config_new(OPTIONS, NULL));
		const PdkSnapshotTail *found = &scene.life->tail;
		CU_ASSERT_TRUE(found->has_digest == tail.has_digest && found->has_last_zxid == tail.has_last_zxid);
		if (found->has_digest)
			CU_ASSERT_TRUE(found->digest_zxid == 77 && found->digest_version == 2 && found->digest == tail.digest);
		if (found->has_last_zxid)
			CU_ASSERT_EQUAL(found->last_zxid, 99);
		scene_end(&scene);
	}
}

static void
compressed_snapshots_are_written_and_read(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(methods); i++) {
		Scene scene = scene_new();
		g_autofree char *path = g_strconcat(DIRECTORY "snapshot.1", suffixes[i], NULL);
		start(&scene, fake_config_new(OPTIONS, "snapshot_compression", methods[i], "prealloc_kb", "8", NULL));
		life_write(scene.life, 10);
		CU_ASSERT_TRUE(life_snapshot_whole(scene.life, 200000));
		CU_ASSERT_EQUAL(length_of(&scene, path), scene.life->snapshot_length);
		CU_ASSERT_TRUE(forgetful_files_is_durable(scene.disk, path));
		uint64_t chain = scene.life->chain;
		/* What a life writes does not decide what the next can read. */
		start(&scene, fake_config_new(OPTIONS, "snapshot_compression", methods[(i + 1) % 3], NULL));
		CU_ASSERT_EQUAL(scene.life->result.snapshot_zxid, 1);
		CU_ASSERT_EQUAL(scene.life->chain, chain);
		scene_end(&scene);
	}
}

static void
a_snapshot_has_its_name_only_when_it_is_durable(void)
{
	Scene scene = scene_new();

	start(&scene, fake_config_new(OPTIONS, "prealloc_kb", "8", NULL));
	life_write(scene.life, 10);
	CU_ASSERT_TRUE(life_snapshot(scene.life, 20000));
	bool seen = false;
	do {
		bool there = length_of(&scene, DIRECTORY "snapshot.1") > 0;
		CU_ASSERT_TRUE(!seen || there);
		seen = there;
	} while (step_host_step(scene.life->host));
	CU_ASSERT_TRUE(seen && forgetful_files_is_durable(scene.disk, DIRECTORY "snapshot.1"));
	expect_names(&scene, ".paddock-lock log.1 snapshot.0 snapshot.1");
	scene_end(&scene);
}

static void
leftovers_of_an_earlier_life_are_removed(void)
{
	Scene scene = scene_new();

	forgetful_files_put(scene.disk, DIRECTORY ".paddock-log", "x", 1);
	forgetful_files_put(scene.disk, DIRECTORY ".paddock-snapshot-7", "x", 1);
	start(&scene, fake_config_new(OPTIONS, NULL));
	expect_names(&scene, ".paddock-lock snapshot.0");
	scene_end(&scene);
}

static void
a_purge_keeps_the_newest_snapshots_and_their_logs(void)
{
	Scene scene = scene_new();

	start(&scene, fake_config_new(OPTIONS, "prealloc_kb", "8", NULL));
	for (unsigned i = 0; i < 6; i++) {
		life_write(scene.life, 10);
		life_write(scene.life, 10);
		CU_ASSERT_TRUE(life_snapshot_whole(scene.life, 0));
	}
	life_write(scene.life, 10);
	expect_names(&scene, ".paddock-lock log.1 log.3 log.5 log.7 log.9 log.b log.d snapshot.0 snapshot.2 snapshot.4 "
			     "snapshot.6 snapshot.8 snapshot.a snapshot.c");
	forgetful_files_put(scene.disk, DIRECTORY "log.bak", "x", 1);
	forgetful_files_put(scene.disk, DIRECTORY "snapshot.old.gz", "x", 1);
	forgetful_files_put(scene.disk, DIRECTORY "snapshot.a", "bad", 3); /* does not count */
	start(&scene, fake_config_new(OPTIONS, "purge_interval_hours", "2", "purge_retain", "1", NULL)); /* 1 is taken for 3 */
	step_host_settle(scene.life->host);
	expect_names(&scene, ".paddock-lock log.5 log.7 log.9 log.b log.bak log.d snapshot.6 snapshot.8 snapshot.a snapshot.c "
			     "snapshot.old.gz");
	CU_ASSERT_TRUE(life_snapshot_whole(scene.life, 0));
	expect_names(&scene, ".paddock-lock log.5 log.7 log.9 log.b log.bak log.d snapshot.6 snapshot.8 snapshot.a snapshot.c "
			     "snapshot.d snapshot.old.gz");
	step_host_settle_timers(scene.life->host, INT64_C(2) * 3600 * 1000000);
	expect_names(&scene, ".paddock-lock log.7 log.9 log.b log.bak log.d snapshot.8 snapshot.a snapshot.c snapshot.d "
			     "snapshot.old.gz");
	start(&scene, fake_config_new(OPTIONS, NULL));
	CU_ASSERT_EQUAL(scene.life->result.last_zxid, 13);
	scene_end(&scene);
}

static void
without_an_interval_nothing_is_purged(void)
{
	Scene scene = scene_new();

	start(&scene, fake_config_new(OPTIONS, "prealloc_kb", "8", NULL));
	for (unsigned i = 0; i < 5; i++) {
		life_write(scene.life, 10);
		CU_ASSERT_TRUE(life_snapshot_whole(scene.life, 0));
	}
	start(&scene, fake_config_new(OPTIONS, "purge_interval_hours", "0", NULL));
	step_host_settle_timers(scene.life->host, INT64_C(100) * 3600 * 1000000);
	expect_names(&scene, ".paddock-lock log.1 log.2 log.3 log.4 log.5 snapshot.0 snapshot.1 snapshot.2 snapshot.3 snapshot.4 "
			     "snapshot.5");
	scene_end(&scene);
}

static void
a_directory_in_use_is_refused_by_name(void)
{
	Scene scene = scene_new();
	g_autoptr(GError) error = NULL;

	start(&scene, fake_config_new(OPTIONS, NULL));
	Life *second = life_begin(&pdk_plugin_persistence_logsnap, forgetful_files_table(scene.disk), fake_config_new(OPTIONS, NULL),
				  "/data", scene.history, 1, &error);
	CU_ASSERT_PTR_NULL(second->persistence);
	CU_ASSERT_PTR_NOT_NULL_FATAL(error);
	CU_ASSERT_STRING_EQUAL(error->message, "data directory /data/version-2 is in use by another Paddock server");
	life_free(second);
	start(&scene, fake_config_new(OPTIONS, NULL)); /* destroyed: free again */
	scene_end(&scene);
}

static void
logs_may_lie_in_a_directory_of_their_own(void)
{
	Scene scene = scene_new();

	start_in(&scene, fake_config_new(OPTIONS, "prealloc_kb", "8", NULL), "/logs");
	CU_ASSERT_TRUE(life_snapshot_whole(scene.life, 0));
	life_write(scene.life, 10);
	expect_names(&scene, ".paddock-lock snapshot.0");
	g_autofree char *found = names(&scene, "/logs/version-2");
	CU_ASSERT_STRING_EQUAL(found, ".paddock-lock log.1");
	PdkPersistenceSizes sizes;
	step_host_settle(scene.life->host);
	scene.life->ops->sizes(scene.life->persistence, &sizes);
	CU_ASSERT_EQUAL(sizes.log_bytes, 16 + 8 * 1024);
	CU_ASSERT_EQUAL((size_t)sizes.data_bytes, length_of(&scene, DIRECTORY "snapshot.0"));
	start_in(&scene, fake_config_new(OPTIONS, NULL), "/logs");
	CU_ASSERT_EQUAL(scene.life->result.last_zxid, 1);
	scene_end(&scene);
}

static void
mixed_up_directories_are_refused(void)
{
	static const char *const wrong[] = {"/data/version-2/log.1", "/logs/version-2/snapshot.3"};

	for (unsigned i = 0; i < G_N_ELEMENTS(wrong); i++) {
		Scene scene = scene_new();
		forgetful_files_put(scene.disk, wrong[i], "x", 1);
		start_in(&scene, fake_config_new(OPTIONS, NULL), "/logs");
		CU_ASSERT_PTR_NULL(scene.life->persistence);
		CU_ASSERT_TRUE(scene.error && g_str_has_prefix(scene.error->message, wrong[i]));
		scene_end(&scene);
	}
}

static void
missing_directories_are_made_only_when_allowed(void)
{
	Scene scene = scene_new();

	start_in(&scene, fake_config_new(OPTIONS, "datadir_autocreate", "false", NULL), "/data");
	CU_ASSERT_PTR_NULL(scene.life->persistence);
	CU_ASSERT_TRUE(scene.error && strstr(scene.error->message, "/data/version-2 is missing"));
	start(&scene, fake_config_new(OPTIONS, NULL));
	scene_end(&scene);
}

static void
an_empty_directory_is_a_beginning_only_when_allowed(void)
{
	Scene scene = scene_new();
	const PdkFiles *files = forgetful_files_table(scene.disk);

	start_in(&scene, fake_config_new(OPTIONS, "db_autocreate", "false", NULL), "/data");
	CU_ASSERT_FALSE(scene.life->recovered);
	CU_ASSERT_TRUE(scene.error && strstr(scene.error->message, "db_autocreate is off"));
	forgetful_files_put(scene.disk, "/data/initialize", "", 0);
	start(&scene, fake_config_new(OPTIONS, "db_autocreate", "false", NULL));
	CU_ASSERT_EQUAL(files->probe(files, "/data/initialize", NULL, NULL), 0); /* used up */
	start(&scene, fake_config_new(OPTIONS, "db_autocreate", "false", NULL)); /* there is data now */
	scene_end(&scene);
}

static void
a_full_disk_stops_writing_and_loses_nothing_acknowledged(void)
{
	Scene scene = scene_new();

	start(&scene, fake_config_new(OPTIONS, "prealloc_kb", "16", NULL));
	forgetful_files_set_capacity(scene.disk, 40000);
	for (unsigned i = 0; i < 100 && scene.life->failed == NULL; i++)
		life_write(scene.life, 1000);
	CU_ASSERT_PTR_NOT_NULL_FATAL(scene.life->failed);
	CU_ASSERT_TRUE(g_error_matches(scene.life->failed, G_FILE_ERROR, G_FILE_ERROR_NOSPC));
	CU_ASSERT_TRUE(step_host_logged(scene.life->host, "log-not-preallocated")); /* it went on without, while it could */
	int64_t synced = scene.history->synced;
	CU_ASSERT_TRUE(synced > 30);
	forgetful_files_set_capacity(scene.disk, -1);
	start(&scene, fake_config_new(OPTIONS, NULL));
	CU_ASSERT_EQUAL(scene.life->result.last_zxid, synced);
	CU_ASSERT_EQUAL(scene.life->chain, g_array_index(scene.history->chain, uint64_t, synced));
	scene_end(&scene);
}

static void
a_slow_sync_is_told(void)
{
	Scene scene = scene_new();

	start(&scene, fake_config_new(OPTIONS, "prealloc_kb", "8", "fsync_warning_ms", "50", NULL));
	life_write(scene.life, 10);
	CU_ASSERT_FALSE(step_host_logged(scene.life->host, "fsync-slow"));
	step_host_set_job_us(scene.life->host, 60000);
	life_write(scene.life, 10);
	CU_ASSERT_TRUE(step_host_logged(scene.life->host, "fsync-slow ms=60"));
	CU_ASSERT_EQUAL(step_host_find_counter(scene.life->host, "fsync_threshold_exceed_count")->value, 1);
	CU_ASSERT_EQUAL(step_host_find_summary(scene.life->host, "fsynctime")->count, 2);
	scene_end(&scene);
}

static void
a_snapshot_waits_while_the_log_is_slow_but_not_for_ever(void)
{
	Scene scene = scene_new();

	start(&scene, fake_config_new(OPTIONS, "prealloc_kb", "8", NULL));
	for (unsigned i = 0; i < 100; i++)
		life_write(scene.life, 10);
	step_host_set_job_us(scene.life->host, 20000);
	for (unsigned i = 0; i < 5; i++)
		life_write(scene.life, 10);
	CU_ASSERT_TRUE(scene.life->ops->snapshot_begin(scene.life->persistence, scene.life->applied));
	g_autoptr(GBytes) body = small_core_body(scene.life->applied, 0, 0);
	scene.life->ops->snapshot_part(scene.life->persistence, body);
	CU_ASSERT_FALSE(step_host_step(scene.life->host)); /* nothing to do but a timer: it waits */
	step_host_settle_timers(scene.life->host, 200000);
	PdkSnapshotTail tail = {0};
	scene.life->ops->snapshot_finish(scene.life->persistence, &tail);
	step_host_settle_timers(scene.life->host, 200000);
	CU_ASSERT_EQUAL(scene.life->snapshot_done, 105);
	scene_end(&scene);
}

static const ConformanceCase logs[] = {
	CONFORMANCE_CASE(the_worked_example_of_a_log_comes_out_byte_for_byte),
	CONFORMANCE_CASE(a_log_grows_by_whole_steps_and_reads_as_zeros_behind_its_records),
	CONFORMANCE_CASE(no_sync_of_a_preallocated_log_makes_it_grow),
	CONFORMANCE_CASE(a_log_ends_at_a_snapshot_and_at_each_start),
	CONFORMANCE_CASE(a_log_beyond_its_limit_is_followed_by_another),
	CONFORMANCE_CASE(without_force_sync_nothing_is_synced),
	CONFORMANCE_CASE(a_full_disk_stops_writing_and_loses_nothing_acknowledged),
	CONFORMANCE_CASE(a_slow_sync_is_told),
	{0},
};

static const ConformanceCase snapshots[] = {
	CONFORMANCE_CASE(apaches_snapshots_are_read_plain_gz_and_snappy),
	CONFORMANCE_CASE(a_large_snapshot_is_the_same_read_ahead_or_not),
	CONFORMANCE_CASE(the_same_body_gives_apaches_bytes),
	CONFORMANCE_CASE(every_tail_is_read_as_it_was_written),
	CONFORMANCE_CASE(compressed_snapshots_are_written_and_read),
	CONFORMANCE_CASE(a_snapshot_has_its_name_only_when_it_is_durable),
	CONFORMANCE_CASE(a_snapshot_waits_while_the_log_is_slow_but_not_for_ever),
	{0},
};

static const ConformanceCase directories[] = {
	CONFORMANCE_CASE(leftovers_of_an_earlier_life_are_removed),
	CONFORMANCE_CASE(a_purge_keeps_the_newest_snapshots_and_their_logs),
	CONFORMANCE_CASE(without_an_interval_nothing_is_purged),
	CONFORMANCE_CASE(a_directory_in_use_is_refused_by_name),
	CONFORMANCE_CASE(logs_may_lie_in_a_directory_of_their_own),
	CONFORMANCE_CASE(mixed_up_directories_are_refused),
	CONFORMANCE_CASE(missing_directories_are_made_only_when_allowed),
	CONFORMANCE_CASE(an_empty_directory_is_a_beginning_only_when_allowed),
	{0},
};

int
main(void)
{
	unsigned failures = conformance_run("logsnap: logs", logs) + conformance_run("logsnap: snapshots", snapshots) +
			    conformance_run("logsnap: directories", directories);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}

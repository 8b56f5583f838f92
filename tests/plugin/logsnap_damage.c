/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What logsnap makes of damaged directories: tolerated, refused, and with which words. Changes when those
 * rules do.
 */
#include "conformance.h"
#include "fake_host.h"
#include "forgetful_files.h"
#include "small_core.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

extern const PdkPlugin pdk_plugin_persistence_logsnap;

#define TXN_BYTES 36 /* a txn without padding */
#define RECORD_BYTES (TXN_BYTES + 13)
#define HEADER_BYTES 16

static void
put32(uint8_t *into, uint32_t value)
{
	value = GUINT32_TO_BE(value);
	memcpy(into, &value, sizeof(value));
}

static void
put64(uint8_t *into, uint64_t value)
{
	value = GUINT64_TO_BE(value);
	memcpy(into, &value, sizeof(value));
}

static GByteArray *
new_log(void)
{
	static const uint8_t header[HEADER_BYTES] = {'Z', 'K', 'L', 'G', 0, 0, 0, 2};
	GByteArray *log = g_byte_array_new();
	return g_byte_array_append(log, header, sizeof(header));
}

/* Adds the record of @zxid; returns where it begins. */
static size_t
add_record(GByteArray *log, int64_t zxid, size_t padding)
{
	size_t at = log->len, length;
	uint8_t head[12];

	g_autoptr(GBytes) txn = small_core_txn(zxid, (uint64_t)zxid, padding);
	const uint8_t *bytes = g_bytes_get_data(txn, &length);
	put64(head, adler32(adler32(0, NULL, 0), bytes, (unsigned)length));
	put32(head + 8, (uint32_t)length);
	g_byte_array_append(log, head, sizeof(head));
	g_byte_array_append(log, bytes, (unsigned)length);
	g_byte_array_append(log, (const uint8_t *)"B", 1);
	return at;
}

/* As add_record(), but the padding of the txn is zeros. */
static void
add_record_of_zeros(GByteArray *log, int64_t zxid, size_t padding)
{
	size_t payload = add_record(log, zxid, padding) + 12, length = TXN_BYTES + padding;

	memset(log->data + payload + TXN_BYTES, 0, padding);
	put64(log->data + payload - 12, adler32(adler32(0, NULL, 0), log->data + payload, (unsigned)length));
}

static void
add_zeros(GByteArray *log, size_t length)
{
	size_t old = log->len;

	g_byte_array_set_size(log, (unsigned)(old + length));
	memset(log->data + old, 0, length);
}

/* A disk with an empty snapshot.0 and what a test puts beside it. */
typedef struct {
	ForgetfulFiles *disk;
	History *history;
	Life *life;
	GError *error;
} Scene;

static void
put_snapshot(ForgetfulFiles *disk, int64_t zxid)
{
	static const uint8_t header[HEADER_BYTES] = {'Z', 'K', 'S', 'N', 0, 0, 0, 2, 255, 255, 255, 255, 255, 255, 255, 255};
	g_autoptr(GByteArray) file = g_byte_array_new();
	g_autoptr(GBytes) body = small_core_body(zxid, 7, 100);
	g_autofree char *path = g_strdup_printf("/data/version-2/snapshot.%" G_GINT64_MODIFIER "x", (guint64)zxid);
	uint8_t seal[13] = {[11] = 1, [12] = '/'};

	g_byte_array_append(file, header, sizeof(header));
	g_byte_array_append(file, g_bytes_get_data(body, NULL), (unsigned)g_bytes_get_size(body));
	put64(seal, adler32(adler32(0, NULL, 0), file->data, file->len));
	g_byte_array_append(file, seal, sizeof(seal));
	forgetful_files_put(disk, path, file->data, file->len);
}

static Scene
scene_new(void)
{
	Scene scene = {.disk = forgetful_files_new(), .history = history_new(1)};

	put_snapshot(scene.disk, 0);
	return scene;
}

static void
put_log(Scene *scene, const char *name, const GByteArray *log)
{
	g_autofree char *path = g_strconcat("/data/version-2/", name, NULL);
	forgetful_files_put(scene->disk, path, log->data, log->len);
}

static void
start_with(Scene *scene, PdkConfig *config)
{
	if (scene->life)
		life_free(scene->life);
	g_clear_error(&scene->error);
	scene->life = life_begin(&pdk_plugin_persistence_logsnap, forgetful_files_table(scene->disk), config, "/data",
				 scene->history, 1, &scene->error);
}

static void
start(Scene *scene)
{
	start_with(scene, fake_config_new(pdk_plugin_persistence_logsnap.options, "prealloc_kb", "16", NULL));
}

static void
scene_end(Scene *scene)
{
	life_free(scene->life);
	history_free(scene->history);
	forgetful_files_free(scene->disk);
	g_clear_error(&scene->error);
}

/* Starts, and expects to find everything up to @zxid. */
static void
expect_zxid(Scene *scene, int64_t zxid)
{
	start(scene);
	CU_ASSERT_TRUE(scene->life->recovered);
	CU_ASSERT_EQUAL(scene->life->result.last_zxid, zxid);
	CU_ASSERT_EQUAL(scene->life->applied, zxid);
	if (scene->error)
		printf("\n    %s\n", scene->error->message);
}

/* Starts, and expects a refusal that names @file, the offset and @words. */
static void
expect_refusal(Scene *scene, const char *file, size_t offset, const char *words)
{
	g_autofree char *where = g_strdup_printf("/data/version-2/%s: offset %zu: ", file, offset);

	start(scene);
	CU_ASSERT_FALSE(scene->life->recovered);
	CU_ASSERT_PTR_NOT_NULL_FATAL(scene->error);
	bool good = g_str_has_prefix(scene->error->message, where) && strstr(scene->error->message, words) &&
		    strchr(scene->error->message, '\n') == NULL;
	CU_ASSERT_TRUE(good);
	if (!good)
		printf("\n    %s\n    instead of: %s... %s\n", scene->error->message, where, words);
}

/* The usual log: records 1 to @count of @padding bytes, then zeros up to @size. */
static GByteArray *
usual_log(unsigned count, size_t padding, size_t size)
{
	GByteArray *log = new_log();

	for (unsigned i = 1; i <= count; i++)
		add_record(log, i, padding);
	if (log->len < size)
		add_zeros(log, size - log->len);
	return log;
}

static size_t
record_at(unsigned index, size_t padding)
{
	return HEADER_BYTES + (size_t)(index - 1) * (RECORD_BYTES + padding);
}

static void
a_log_ends_at_its_padding_or_at_its_end(void)
{
	Scene scene = scene_new();
	g_autoptr(GByteArray) padded = usual_log(5, 0, 4096), exact = usual_log(5, 0, 0);

	put_log(&scene, "log.1", padded);
	expect_zxid(&scene, 5);
	put_log(&scene, "log.1", exact);
	expect_zxid(&scene, 5);
	CU_ASSERT_FALSE(step_host_logged(scene.life->host, "log-torn"));
	scene_end(&scene);
}

static void
a_log_cut_anywhere_in_its_last_record_ends_before_it(void)
{
	for (size_t cut = 1; cut <= RECORD_BYTES; cut++) {
		Scene scene = scene_new();
		g_autoptr(GByteArray) log = usual_log(5, 0, 0);
		g_byte_array_set_size(log, log->len - (unsigned)cut);
		put_log(&scene, "log.1", log);
		expect_zxid(&scene, 4);
		/* The first four bytes of a record are zeros and look like padding. */
		CU_ASSERT_EQUAL(step_host_logged(scene.life->host, "log-torn"), cut < RECORD_BYTES - 4);
		scene_end(&scene);
	}
}

static void
a_last_record_with_zeros_from_anywhere_on_is_torn(void)
{
	for (size_t cut = 1; cut <= RECORD_BYTES; cut++) {
		Scene scene = scene_new();
		g_autoptr(GByteArray) log = usual_log(5, 0, 8192);
		memset(log->data + record_at(6, 0) - cut, 0, cut);
		put_log(&scene, "log.1", log);
		expect_zxid(&scene, 4);
		scene_end(&scene);
	}
}

static void
the_last_record_without_its_end_mark_is_torn(void)
{
	Scene scene = scene_new();
	g_autoptr(GByteArray) log = usual_log(5, 0, 4096);

	log->data[record_at(6, 0) - 1] = 'X';
	put_log(&scene, "log.1", log);
	expect_zxid(&scene, 4);
	CU_ASSERT_TRUE(step_host_logged(scene.life->host, "a record without its end mark"));
	scene_end(&scene);
}

static void
a_flipped_bit_anywhere_in_the_middle_is_refused(void)
{
	for (size_t at = record_at(3, 8); at < record_at(4, 8); at++) {
		Scene scene = scene_new();
		g_autoptr(GByteArray) log = usual_log(6, 8, 4096);
		log->data[at] ^= 0x10;
		put_log(&scene, "log.1", log);
		expect_refusal(&scene, "log.1", record_at(3, 8), "the log is damaged");
		scene_end(&scene);
	}
}

/* Its payload has blocks of zeros like those of an interrupted write. */
static void
a_flipped_bit_anywhere_in_the_last_record_is_refused(void)
{
	const size_t padding = 1600;

	for (size_t at = record_at(3, padding); at < record_at(4, padding); at++) {
		Scene scene = scene_new();
		g_autoptr(GByteArray) log = usual_log(2, padding, 0);
		add_record_of_zeros(log, 3, padding);
		add_zeros(log, 4096);
		log->data[at] ^= 1 << at % 8;
		put_log(&scene, "log.1", log);
		expect_refusal(&scene, "log.1", record_at(3, padding), "the log is damaged");
		scene_end(&scene);
	}
}

/* The first byte of the checksum that is not always zero. */
static uint8_t *
checksum_at(GByteArray *log, size_t record)
{
	return log->data + record + 4;
}

/* What is lost of a block is one bit, by chance: the torn write it is, and not a flipped bit. */
static void
a_lost_block_that_held_one_bit_is_torn(void)
{
	Scene scene = scene_new();
	g_autoptr(GByteArray) log = usual_log(2, 0, 0);
	add_record(log, 3, 344);
	size_t record = log->len; /* five bytes before the end of a block: the next record's checksum begins in it */
	CU_ASSERT_EQUAL(record % 512, 507);
	size_t padding = 0;
	do {
		g_byte_array_set_size(log, (unsigned)record);
		add_record(log, 4, padding);
		padding += 8;
	} while (__builtin_popcount(*checksum_at(log, record)) != 1);
	add_record(log, 5, 0);
	add_zeros(log, 1024);
	*checksum_at(log, record) = 0;
	put_log(&scene, "log.1", log);
	expect_zxid(&scene, 3);
	scene_end(&scene);
}

static void
a_wrong_checksum_in_the_last_record_is_refused(void)
{
	Scene scene = scene_new();
	g_autoptr(GByteArray) log = usual_log(5, 0, 4096);

	log->data[record_at(5, 0) + 20] ^= 1;
	put_log(&scene, "log.1", log);
	expect_refusal(&scene, "log.1", record_at(5, 0), "the checksum of a record does not match");
	scene_end(&scene);
}

static void
an_impossible_length_is_refused(void)
{
	static const uint32_t lengths[] = {0x80000000, 0xffffffff, 0x7fffffff, 67108865, 1, 31};

	for (unsigned i = 0; i < G_N_ELEMENTS(lengths); i++) {
		Scene scene = scene_new();
		g_autoptr(GByteArray) log = usual_log(5, 0, 4096);
		put32(log->data + record_at(5, 0) + 8, lengths[i]);
		put_log(&scene, "log.1", log);
		expect_refusal(&scene, "log.1", record_at(5, 0), "impossible");
		scene_end(&scene);
	}
}

static void
zeros_over_records_in_the_middle_are_refused(void)
{
	Scene scene = scene_new();
	g_autoptr(GByteArray) log = usual_log(20, 0, 8192);

	memset(log->data + record_at(5, 0), 0, 2 * RECORD_BYTES);
	put_log(&scene, "log.1", log);
	expect_refusal(&scene, "log.1", record_at(5, 0), "whole records follow");
	scene_end(&scene);
}

static void
a_lost_block_far_before_the_end_is_refused(void)
{
	Scene scene = scene_new();
	g_autoptr(GByteArray) log = new_log();
	size_t third = 0;

	for (unsigned i = 1; i <= 8; i++) {
		size_t at = add_record(log, i, 1000000);
		third = i == 3 ? at : third;
	}
	add_zeros(log, 4096);
	memset(log->data + third / 4096 * 4096 + 8192, 0, 4096);
	put_log(&scene, "log.1", log);
	expect_refusal(&scene, "log.1", third, "the log is damaged");
	scene_end(&scene);
}

static void
a_torn_batch_of_which_later_blocks_arrived_ends_the_log(void)
{
	Scene scene = scene_new();
	g_autoptr(GByteArray) log = usual_log(20, 200, 16384);
	size_t hole = (record_at(6, 200) + 511) / 512 * 512;
	unsigned torn = (unsigned)((hole - HEADER_BYTES) / (RECORD_BYTES + 200)) + 1; /* the record the hole begins in */

	memset(log->data + hole, 0, 512);
	put_log(&scene, "log.1", log);
	expect_zxid(&scene, torn - 1);
	CU_ASSERT_TRUE(step_host_logged(scene.life->host, "log-torn"));
	/* What lies behind must not come back when the history goes on. */
	life_write(scene.life, 0);
	uint64_t chain = scene.life->chain;
	expect_zxid(&scene, torn);
	CU_ASSERT_EQUAL(scene.life->chain, chain);
	scene_end(&scene);
}

static void
a_torn_end_that_java_would_refuse_is_cut_off(void)
{
	Scene scene = scene_new();
	g_autoptr(GByteArray) log = usual_log(2, 3000, 16384);

	memset(log->data + 4096, 0, 512); /* in the middle of record 2, whose end arrived */
	put_log(&scene, "log.1", log);
	expect_zxid(&scene, 1);
	g_autoptr(GBytes) left = forgetful_files_get(scene.disk, "/data/version-2/log.1");
	CU_ASSERT_EQUAL(g_bytes_get_size(left), record_at(2, 3000));
	CU_ASSERT_TRUE(forgetful_files_is_durable(scene.disk, "/data/version-2/log.1"));
	scene_end(&scene);
}

static void
a_torn_log_may_be_followed_by_the_one_that_continues_it(void)
{
	Scene scene = scene_new();
	g_autoptr(GByteArray) torn = usual_log(5, 0, 0), next = new_log(), last = new_log();

	g_byte_array_set_size(torn, torn->len - 3);
	add_record(next, 5, 0);
	add_record(next, 6, 0);
	add_record(last, 7, 0);
	put_log(&scene, "log.1", torn);
	put_log(&scene, "log.5", next);
	put_log(&scene, "log.7", last);
	expect_zxid(&scene, 7);
	scene_end(&scene);
}

static void
missing_transactions_are_refused(void)
{
	Scene scene = scene_new();
	g_autoptr(GByteArray) first = usual_log(5, 0, 0), third = new_log();

	add_record(third, 8, 0);
	put_log(&scene, "log.1", first);
	put_log(&scene, "log.8", third);
	expect_refusal(&scene, "log.8", HEADER_BYTES, "transactions are missing: zxid 0x8 follows 0x5");
	start_with(&scene, fake_config_new(pdk_plugin_persistence_logsnap.options, "accept_gaps", "true", NULL));
	CU_ASSERT_TRUE(scene.life->recovered);
	CU_ASSERT_EQUAL(scene.life->result.last_zxid, 8);
	scene_end(&scene);
}

static void
transactions_missing_after_the_snapshot_are_refused(void)
{
	Scene scene = scene_new();
	g_autoptr(GByteArray) log = new_log();

	add_record(log, 3, 0);
	put_log(&scene, "log.3", log);
	expect_refusal(&scene, "log.3", HEADER_BYTES, "zxid 0x3 follows 0x0");
	scene_end(&scene);
}

static void
a_new_epoch_begins_with_one(void)
{
	const int64_t epoch = INT64_C(5) << 32;
	Scene scene = scene_new();
	g_autoptr(GByteArray) log = usual_log(3, 0, 0);

	add_record(log, epoch + 1, 0);
	add_record(log, epoch + 2, 0);
	put_log(&scene, "log.1", log);
	expect_zxid(&scene, epoch + 2);
	size_t at = add_record(log, 2 * epoch + 2, 0);
	put_log(&scene, "log.1", log);
	expect_refusal(&scene, "log.1", at, "transactions are missing");
	scene_end(&scene);
}

static void
a_transaction_seen_before_is_skipped_with_a_warning(void)
{
	Scene scene = scene_new();
	g_autoptr(GByteArray) log = usual_log(3, 0, 0);

	add_record(log, 3, 0);
	add_record(log, 2, 0);
	add_record(log, 4, 0);
	put_log(&scene, "log.1", log);
	expect_zxid(&scene, 4);
	CU_ASSERT_EQUAL(scene.life->result.txns, 4);
	CU_ASSERT_TRUE(step_host_logged(scene.life->host, "txn-repeated"));
	scene_end(&scene);
}

static void
a_transaction_the_core_refuses_is_told_with_file_and_offset(void)
{
	Scene scene = scene_new();
	g_autoptr(GByteArray) log = usual_log(3, 0, 0);

	put_log(&scene, "log.1", log);
	scene.history->refuse = 2;
	expect_refusal(&scene, "log.1", record_at(2, 0), "zxid 0x2: unknown type 77");
	scene_end(&scene);
}

static void
a_log_shorter_than_its_header_or_of_another_kind_is_refused(void)
{
	for (unsigned length = 1; length < HEADER_BYTES; length++) {
		Scene scene = scene_new();
		g_autoptr(GByteArray) log = new_log();
		g_byte_array_set_size(log, length);
		put_log(&scene, "log.1", log);
		expect_refusal(&scene, "log.1", 0, "shorter than the header");
		scene_end(&scene);
	}
	Scene scene = scene_new();
	g_autoptr(GByteArray) log = usual_log(3, 0, 0);
	log->data[1] = 'x';
	put_log(&scene, "log.1", log);
	expect_refusal(&scene, "log.1", 0, "not a log");
	scene_end(&scene);
}

static void
an_empty_newest_log_is_deleted_but_not_an_older_one(void)
{
	Scene scene = scene_new();
	g_autoptr(GByteArray) log = usual_log(3, 0, 0), nothing = g_byte_array_new(), next = new_log();

	put_log(&scene, "log.1", log);
	put_log(&scene, "log.4", nothing);
	expect_zxid(&scene, 3);
	CU_ASSERT_PTR_NULL(forgetful_files_get(scene.disk, "/data/version-2/log.4"));
	put_log(&scene, "log.4", nothing);
	put_log(&scene, "log.5", next);
	expect_refusal(&scene, "log.4", 0, "shorter than the header");
	scene_end(&scene);
}

static void
a_log_of_a_header_only_is_fine(void)
{
	Scene scene = scene_new();
	g_autoptr(GByteArray) log = usual_log(3, 0, 0), next = new_log();

	put_log(&scene, "log.1", log);
	put_log(&scene, "log.4", next);
	expect_zxid(&scene, 3);
	life_write(scene.life, 0); /* takes the place of the empty log.4 */
	CU_ASSERT_PTR_NULL(scene.life->failed);
	expect_zxid(&scene, 4);
	scene_end(&scene);
}

static void
a_damaged_snapshot_falls_back_to_the_one_before(void)
{
	Scene scene = scene_new();
	g_autoptr(GByteArray) log = usual_log(9, 0, 0);

	put_log(&scene, "log.1", log);
	put_snapshot(scene.disk, 5);
	g_autoptr(GBytes) whole = forgetful_files_get(scene.disk, "/data/version-2/snapshot.5");
	for (size_t at = 0; at < g_bytes_get_size(whole); at += 7) {
		if (at >= 4 && at < 16)
			continue; /* version and dbid: covered by the seal, too, but only that */
		g_autofree uint8_t *bytes = g_memdup2(g_bytes_get_data(whole, NULL), g_bytes_get_size(whole));
		bytes[at] ^= 0x40;
		forgetful_files_put(scene.disk, "/data/version-2/snapshot.5", bytes, g_bytes_get_size(whole));
		expect_zxid(&scene, 9);
		CU_ASSERT_EQUAL(scene.life->result.snapshot_zxid, 0);
		CU_ASSERT_TRUE(step_host_logged(scene.life->host, "snapshot-ignored file=/data/version-2/snapshot.5"));
	}
	scene_end(&scene);
}

static void
a_snapshot_cut_anywhere_falls_back_to_the_one_before(void)
{
	Scene scene = scene_new();
	g_autoptr(GByteArray) log = usual_log(9, 0, 0);

	put_log(&scene, "log.1", log);
	put_snapshot(scene.disk, 5);
	g_autoptr(GBytes) whole = forgetful_files_get(scene.disk, "/data/version-2/snapshot.5");
	for (size_t length = 0; length < g_bytes_get_size(whole); length += 11) {
		forgetful_files_put(scene.disk, "/data/version-2/snapshot.5", g_bytes_get_data(whole, NULL), length);
		expect_zxid(&scene, 9);
		CU_ASSERT_EQUAL(scene.life->result.snapshot_zxid, 0);
	}
	scene_end(&scene);
}

/* Starts and expects the line to contain @words. */
static void
expect_words(Scene *scene, const char *words)
{
	start(scene);
	CU_ASSERT_FALSE(scene->life->recovered);
	CU_ASSERT_PTR_NOT_NULL_FATAL(scene->error);
	CU_ASSERT_PTR_NOT_NULL(strstr(scene->error->message, words));
	CU_ASSERT_PTR_NULL(strchr(scene->error->message, '\n'));
	if (strstr(scene->error->message, words) == NULL)
		printf("\n    %s\n", scene->error->message);
}

static void
without_a_whole_snapshot_the_start_is_refused(void)
{
	Scene scene = scene_new();
	g_autoptr(GByteArray) log = usual_log(3, 0, 0);

	put_log(&scene, "log.1", log);
	forgetful_files_put(scene.disk, "/data/version-2/snapshot.0", "x", 1);
	expect_words(&scene, "No snapshot found, but there are log entries");
	forgetful_files_put(scene.disk, "/data/version-2/snapshot.2", "x", 1);
	expect_words(&scene, "none of 2 snapshots can be read");
	forgetful_files_remove(scene.disk, "/data/version-2/snapshot.0");
	forgetful_files_remove(scene.disk, "/data/version-2/snapshot.2");
	expect_words(&scene, "No snapshot found, but there are log entries");
	start_with(&scene, fake_config_new(pdk_plugin_persistence_logsnap.options, "snapshot_trust_empty", "true", NULL));
	CU_ASSERT_TRUE(scene.life->recovered);
	CU_ASSERT_EQUAL(scene.life->empties, 1);
	CU_ASSERT_EQUAL(scene.life->result.last_zxid, 3);
	scene_end(&scene);
}

static void
a_first_snapshot_that_was_never_finished_is_a_beginning(void)
{
	Scene scene = scene_new();

	forgetful_files_put(scene.disk, "/data/version-2/snapshot.0", "ZKSN", 4);
	start(&scene);
	CU_ASSERT_TRUE(scene.life->recovered);
	CU_ASSERT_EQUAL(scene.life->empties, 1);
	scene_end(&scene);
}

static void
a_bad_snapshot_that_the_logs_do_not_reach_is_refused(void)
{
	Scene scene = scene_new();
	g_autoptr(GByteArray) log = usual_log(3, 0, 0);

	put_log(&scene, "log.1", log);
	forgetful_files_put(scene.disk, "/data/version-2/snapshot.9", "x", 1);
	expect_words(&scene, "the logs end before it, at zxid 0x3");
	scene_end(&scene);
}

static void
files_of_other_names_are_left_alone(void)
{
	static const char *const names[] = {"snapshot.5.tmp", "snapshot.x", "snapshot.", "log.bak", "log.1.old", "log.", "snapshot.9.gz.x",
					    "log.ffffffffffffffff", "snapshot.8000000000000000", "log.00000000000000001"};
	Scene scene = scene_new();
	g_autoptr(GByteArray) log = usual_log(3, 0, 0), rubbish = g_byte_array_new();

	put_log(&scene, "log.1", log);
	g_byte_array_append(rubbish, (const uint8_t *)"rubbish", 7);
	for (unsigned i = 0; i < G_N_ELEMENTS(names); i++)
		put_log(&scene, names[i], rubbish);
	expect_zxid(&scene, 3);
	for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *path = g_strconcat("/data/version-2/", names[i], NULL);
		g_autoptr(GBytes) still = forgetful_files_get(scene.disk, path);
		CU_ASSERT_PTR_NOT_NULL(still);
	}
	scene_end(&scene);
}

static void
a_disk_that_cannot_be_read_is_refused(void)
{
	Scene scene = scene_new();
	g_autoptr(GByteArray) log = usual_log(3, 0, 4096);

	put_log(&scene, "log.1", log);
	for (unsigned nth = 3; nth <= 4; nth++) {
		forgetful_files_fail(scene.disk, FORGETFUL_PREAD, nth, 5, true);
		start(&scene);
		CU_ASSERT_FALSE(scene.life->recovered);
		CU_ASSERT_PTR_NOT_NULL(scene.error);
		forgetful_files_fail(scene.disk, FORGETFUL_PREAD, 0, 0, false);
	}
	scene_end(&scene);
}

static const ConformanceCase logs[] = {
	CONFORMANCE_CASE(a_log_ends_at_its_padding_or_at_its_end),
	CONFORMANCE_CASE(a_log_cut_anywhere_in_its_last_record_ends_before_it),
	CONFORMANCE_CASE(a_last_record_with_zeros_from_anywhere_on_is_torn),
	CONFORMANCE_CASE(the_last_record_without_its_end_mark_is_torn),
	CONFORMANCE_CASE(a_flipped_bit_anywhere_in_the_middle_is_refused),
	CONFORMANCE_CASE(a_flipped_bit_anywhere_in_the_last_record_is_refused),
	CONFORMANCE_CASE(a_lost_block_that_held_one_bit_is_torn),
	CONFORMANCE_CASE(a_wrong_checksum_in_the_last_record_is_refused),
	CONFORMANCE_CASE(an_impossible_length_is_refused),
	CONFORMANCE_CASE(zeros_over_records_in_the_middle_are_refused),
	CONFORMANCE_CASE(a_lost_block_far_before_the_end_is_refused),
	CONFORMANCE_CASE(a_torn_batch_of_which_later_blocks_arrived_ends_the_log),
	CONFORMANCE_CASE(a_torn_end_that_java_would_refuse_is_cut_off),
	CONFORMANCE_CASE(a_torn_log_may_be_followed_by_the_one_that_continues_it),
	CONFORMANCE_CASE(missing_transactions_are_refused),
	CONFORMANCE_CASE(transactions_missing_after_the_snapshot_are_refused),
	CONFORMANCE_CASE(a_new_epoch_begins_with_one),
	CONFORMANCE_CASE(a_transaction_seen_before_is_skipped_with_a_warning),
	CONFORMANCE_CASE(a_transaction_the_core_refuses_is_told_with_file_and_offset),
	CONFORMANCE_CASE(a_log_shorter_than_its_header_or_of_another_kind_is_refused),
	CONFORMANCE_CASE(an_empty_newest_log_is_deleted_but_not_an_older_one),
	CONFORMANCE_CASE(a_log_of_a_header_only_is_fine),
	{0},
};

static const ConformanceCase snapshots[] = {
	CONFORMANCE_CASE(a_damaged_snapshot_falls_back_to_the_one_before),
	CONFORMANCE_CASE(a_snapshot_cut_anywhere_falls_back_to_the_one_before),
	CONFORMANCE_CASE(without_a_whole_snapshot_the_start_is_refused),
	CONFORMANCE_CASE(a_first_snapshot_that_was_never_finished_is_a_beginning),
	CONFORMANCE_CASE(a_bad_snapshot_that_the_logs_do_not_reach_is_refused),
	CONFORMANCE_CASE(files_of_other_names_are_left_alone),
	CONFORMANCE_CASE(a_disk_that_cannot_be_read_is_refused),
	{0},
};

int
main(void)
{
	unsigned failures = conformance_run("logsnap: damaged logs", logs) +
			    conformance_run("logsnap: damaged snapshots and directories", snapshots);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conformance of persistence plugins: what the core relies on, whatever the plugin does with its files.
 * Changes when persistence.h does.
 *
 *     persistence [plugin.so...]     without arguments: logsnap and memory
 */
#include "conformance.h"
#include "fake_host.h"
#include "forgetful_files.h"
#include "small_core.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdlib.h>

extern const PdkPlugin pdk_plugin_persistence_logsnap;
extern const PdkPlugin pdk_plugin_persistence_memory;

static const PdkPlugin *plugin; /* under test */
static const PdkPersistenceOps *ops;

/* A disk, a history and a life; the next life of the same story begins with stage_again. */
typedef struct {
	ForgetfulFiles *disk;
	History *history;
	Life *life;
} Stage;

static Life *
begin(Stage *stage)
{
	g_autoptr(GError) error = NULL;

	Life *life = life_begin(plugin, forgetful_files_table(stage->disk), fake_config_new(plugin->options, NULL), "/data",
				stage->history, 1, &error);
	CU_ASSERT_PTR_NULL(error);
	CU_ASSERT_TRUE_FATAL(life->recovered);
	return life;
}

/* A server's beginning: an empty history, whose first act is a snapshot, where there are any. */
static Stage
stage_begin(void)
{
	Stage stage = {.disk = forgetful_files_new(), .history = history_new(1)};

	stage.life = begin(&stage);
	if (PDK_HAS(ops, snapshot_begin))
		CU_ASSERT_TRUE(life_snapshot_whole(stage.life, 100));
	return stage;
}

static void
stage_again(Stage *stage)
{
	life_free(stage->life);
	stage->life = begin(stage);
}

static void
stage_end(Stage *stage)
{
	life_free(stage->life);
	history_free(stage->history);
	forgetful_files_free(stage->disk);
}

static void
the_descriptor_is_as_the_loader_wants_it(void)
{
	conformance_check(plugin, PDK_KIND_PERSISTENCE);
}

static void
the_required_slots_are_there(void)
{
	CU_ASSERT_TRUE(PDK_HAS(ops, create) && PDK_HAS(ops, destroy) && PDK_HAS(ops, start) && PDK_HAS(ops, recover) &&
		       PDK_HAS(ops, append) && PDK_HAS(ops, sync));
}

static void
snapshot_slots_come_all_or_none(void)
{
	bool has = PDK_HAS(ops, snapshot_begin);

	CU_ASSERT_EQUAL((bool)PDK_HAS(ops, snapshot_part), has);
	CU_ASSERT_EQUAL((bool)PDK_HAS(ops, snapshot_finish), has);
	CU_ASSERT_EQUAL((bool)PDK_HAS(ops, snapshot_abort), has);
}

static void
record_slots_come_all_or_none(void)
{
	CU_ASSERT_EQUAL((bool)PDK_HAS(ops, record_get), (bool)PDK_HAS(ops, record_put));
}

static void
the_first_life_finds_an_empty_history(void)
{
	Stage stage = {.disk = forgetful_files_new(), .history = history_new(1)};

	stage.life = begin(&stage);
	CU_ASSERT_EQUAL(stage.life->empties, 1);
	CU_ASSERT_EQUAL(stage.life->begins, 0);
	CU_ASSERT_EQUAL(stage.life->result.last_zxid, 0);
	CU_ASSERT_EQUAL(stage.life->result.snapshot_zxid, -1);
	CU_ASSERT_EQUAL(stage.life->result.txns, 0);
	stage_end(&stage);
}

static void
what_is_appended_and_synced_is_answered_by_synced(void)
{
	Stage stage = stage_begin();

	life_append(stage.life, 10);
	life_sync(stage.life);
	CU_ASSERT_EQUAL(stage.life->synceds, 0); /* never inside the call */
	step_host_settle(stage.life->host);
	CU_ASSERT_EQUAL(stage.life->last_synced, 1);
	stage_end(&stage);
}

static void
one_synced_answers_for_all_that_was_appended(void)
{
	Stage stage = stage_begin();

	for (unsigned i = 0; i < 100; i++)
		life_append(stage.life, i);
	life_sync(stage.life);
	step_host_settle(stage.life->host);
	CU_ASSERT_EQUAL(stage.life->last_synced, 100);
	CU_ASSERT_EQUAL(stage.life->synceds, 1);
	stage_end(&stage);
}

static void
a_sync_under_way_is_followed_by_another(void)
{
	Stage stage = stage_begin();

	for (unsigned i = 0; i < 20; i++) {
		life_append(stage.life, 10);
		life_sync(stage.life);
		if (i % 3 == 0)
			step_host_step(stage.life->host);
	}
	/* The plugin may let a batch gather for a moment. */
	step_host_settle_timers(stage.life->host, 1000000);
	CU_ASSERT_EQUAL(stage.life->last_synced, 20);
	stage_end(&stage);
}

static void
large_and_small_txns_are_taken(void)
{
	static const size_t paddings[] = {0, 1000000, 8, 70000, 0, 3000000};
	Stage stage = stage_begin();

	for (unsigned i = 0; i < G_N_ELEMENTS(paddings); i++)
		life_append(stage.life, paddings[i]);
	life_sync(stage.life);
	step_host_settle(stage.life->host);
	CU_ASSERT_EQUAL(stage.life->last_synced, G_N_ELEMENTS(paddings));
	uint64_t chain = stage.life->chain;
	stage_again(&stage);
	if (!ops->keeps_nothing)
		CU_ASSERT_EQUAL(stage.life->chain, chain);
	stage_end(&stage);
}

static void
nothing_is_said_after_destroy(void)
{
	Stage stage = stage_begin();

	life_append(stage.life, 10);
	life_sync(stage.life);
	/* What is out is finished by the host before; what is left over must be silent. */
	step_host_settle(stage.life->host);
	stage.life->ops->destroy(stage.life->persistence);
	stage.life->persistence = NULL;
	unsigned synceds = stage.life->synceds;
	step_host_settle_timers(stage.life->host, INT64_C(1000000000000));
	CU_ASSERT_EQUAL(stage.life->synceds, synceds);
	stage_end(&stage);
}

static void
two_instances_do_not_meet(void)
{
	Stage one = stage_begin(), two = stage_begin();

	life_write(one.life, 10);
	life_write(one.life, 10);
	life_write(two.life, 10);
	CU_ASSERT_EQUAL(one.life->last_synced, 2);
	CU_ASSERT_EQUAL(two.life->last_synced, 1);
	stage_end(&one);
	stage_end(&two);
}

static void
one_that_keeps_nothing_begins_empty_again(void)
{
	Stage stage = stage_begin();

	life_write(stage.life, 10);
	stage_again(&stage);
	CU_ASSERT_EQUAL(stage.life->empties, 1);
	CU_ASSERT_EQUAL(stage.life->result.last_zxid, 0);
	stage_end(&stage);
}

static void
the_next_life_finds_every_txn_in_order(void)
{
	Stage stage = stage_begin();

	for (unsigned i = 0; i < 50; i++)
		life_write(stage.life, i * 7);
	uint64_t chain = stage.life->chain;
	stage_again(&stage);
	CU_ASSERT_EQUAL(stage.life->result.last_zxid, 50);
	CU_ASSERT_EQUAL(stage.life->result.txns, 50);
	CU_ASSERT_EQUAL(stage.life->chain, chain);
	life_write(stage.life, 5);
	life_write(stage.life, 6);
	chain = stage.life->chain;
	stage_again(&stage);
	CU_ASSERT_EQUAL(stage.life->result.last_zxid, 52);
	CU_ASSERT_EQUAL(stage.life->chain, chain);
	stage_end(&stage);
}

static void
many_lives_add_to_one_history(void)
{
	Stage stage = stage_begin();

	for (unsigned i = 1; i <= 20; i++) {
		life_write(stage.life, 100);
		uint64_t chain = stage.life->chain;
		stage_again(&stage);
		CU_ASSERT_EQUAL(stage.life->result.last_zxid, i);
		CU_ASSERT_EQUAL(stage.life->chain, chain);
	}
	stage_end(&stage);
}

static void
what_was_synced_survives_a_power_failure(void)
{
	Stage stage = stage_begin();

	for (unsigned i = 0; i < 10; i++)
		life_write(stage.life, 100);
	uint64_t chain = stage.life->chain;
	forgetful_files_crash_at(stage.disk, forgetful_files_operations(stage.disk) + 1);
	life_free(stage.life);
	forgetful_files_reboot(stage.disk, 1);
	stage.life = begin(&stage);
	CU_ASSERT_EQUAL(stage.life->result.last_zxid, 10);
	CU_ASSERT_EQUAL(stage.life->chain, chain);
	stage_end(&stage);
}

static void
a_failing_disk_is_reported_once_and_then_nothing(void)
{
	static const ForgetfulKind kinds[] = {FORGETFUL_PWRITE, FORGETFUL_DATASYNC};

	for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
		Stage stage = stage_begin();
		life_write(stage.life, 10);
		forgetful_files_fail(stage.disk, kinds[i], 1, EIO, false);
		life_write(stage.life, 10);
		CU_ASSERT_PTR_NOT_NULL(stage.life->failed);
		CU_ASSERT_EQUAL(stage.life->last_synced, 1);
		life_write(stage.life, 10); /* the disk works again, the plugin must not */
		life_write(stage.life, 10);
		step_host_settle_timers(stage.life->host, 1000000);
		CU_ASSERT_EQUAL(stage.life->last_synced, 1);
		stage_end(&stage);
	}
}

static void
a_snapshot_is_found_by_the_next_life(void)
{
	Stage stage = stage_begin();

	for (unsigned i = 0; i < 10; i++)
		life_write(stage.life, 100);
	CU_ASSERT_TRUE(life_snapshot_whole(stage.life, 50000));
	CU_ASSERT_EQUAL(stage.life->snapshot_done, 10);
	CU_ASSERT_TRUE(stage.life->snapshot_length > 0);
	life_write(stage.life, 100);
	life_write(stage.life, 100);
	uint64_t chain = stage.life->chain;
	stage_again(&stage);
	CU_ASSERT_EQUAL(stage.life->result.snapshot_zxid, 10);
	CU_ASSERT_EQUAL(stage.life->result.txns, 2);
	CU_ASSERT_EQUAL(stage.life->result.last_zxid, 12);
	CU_ASSERT_EQUAL(stage.life->chain, chain);
	CU_ASSERT_TRUE(stage.life->tail.has_digest && stage.life->tail.digest_zxid == 10 &&
		       stage.life->tail.digest_version == 2);
	CU_ASSERT_TRUE(stage.life->tail.has_last_zxid && stage.life->tail.last_zxid == 10);
	stage_end(&stage);
}

static void
writes_go_on_while_a_snapshot_is_taken(void)
{
	Stage stage = stage_begin();

	for (unsigned i = 0; i < 5; i++)
		life_write(stage.life, 100);
	CU_ASSERT_TRUE(life_snapshot(stage.life, 30000));
	for (unsigned i = 0; i < 30; i++) {
		life_append(stage.life, 100);
		life_sync(stage.life);
		step_host_step(stage.life->host);
	}
	step_host_settle_timers(stage.life->host, 10000000);
	CU_ASSERT_EQUAL(stage.life->snapshot_done, 5);
	uint64_t chain = stage.life->chain;
	stage_again(&stage);
	CU_ASSERT_EQUAL(stage.life->result.snapshot_zxid, 5);
	CU_ASSERT_EQUAL(stage.life->result.last_zxid, 35);
	CU_ASSERT_EQUAL(stage.life->chain, chain);
	stage_end(&stage);
}

static void
four_parts_out_are_enough_until_there_is_room(void)
{
	Stage stage = stage_begin();
	Life *life = stage.life;
	g_autoptr(GBytes) body = small_core_body(0, 0, 10000);
	unsigned taken = 0;

	CU_ASSERT_TRUE(ops->snapshot_begin(life->persistence, 0));
	do {
		g_autoptr(GBytes) part = g_bytes_new_from_bytes(body, taken * 1000, 1000);
		life->room = ops->snapshot_part(life->persistence, part);
		taken++;
	} while (life->room && taken < 10);
	CU_ASSERT_EQUAL(taken, 4);
	step_host_settle_timers(life->host, 1000000);
	CU_ASSERT_EQUAL(life->rooms, 1);
	ops->snapshot_abort(life->persistence);
	stage_end(&stage);
}

static void
an_aborted_snapshot_is_not_answered_and_leaves_nothing(void)
{
	Stage stage = stage_begin();
	Life *life = stage.life;
	g_autoptr(GBytes) body = small_core_body(1, 1, 10000);

	life_write(life, 10);
	unsigned dones = life->dones;
	CU_ASSERT_TRUE(ops->snapshot_begin(life->persistence, 1));
	g_autoptr(GBytes) part = g_bytes_new_from_bytes(body, 0, 1000);
	ops->snapshot_part(life->persistence, part);
	ops->snapshot_abort(life->persistence);
	CU_ASSERT_TRUE(ops->snapshot_begin(life->persistence, 1)); /* the next may begin at once */
	ops->snapshot_abort(life->persistence);
	step_host_settle_timers(life->host, 1000000);
	CU_ASSERT_EQUAL(life->dones, dones);
	CU_ASSERT_TRUE(life_snapshot_whole(life, 100));
	stage_again(&stage);
	CU_ASSERT_EQUAL(stage.life->result.snapshot_zxid, 1);
	CU_ASSERT_EQUAL(stage.life->discards, 0);
	stage_end(&stage);
}

static void
an_unfinished_snapshot_does_not_count(void)
{
	Stage stage = stage_begin();
	g_autoptr(GBytes) body = small_core_body(1, 1, 10000);

	life_write(stage.life, 10);
	CU_ASSERT_TRUE(ops->snapshot_begin(stage.life->persistence, 1));
	g_autoptr(GBytes) part = g_bytes_new_from_bytes(body, 0, 1000);
	ops->snapshot_part(stage.life->persistence, part);
	stage_again(&stage); /* destroyed in the middle */
	CU_ASSERT_EQUAL(stage.life->result.snapshot_zxid, 0);
	CU_ASSERT_EQUAL(stage.life->result.last_zxid, 1);
	stage_end(&stage);
}

static void
a_snapshot_that_does_not_fit_is_given_up_and_writes_go_on(void)
{
	Stage stage = stage_begin();

	life_write(stage.life, 10);
	forgetful_files_fail(stage.disk, FORGETFUL_DATASYNC, 1, ENOSPC, false);
	CU_ASSERT_FALSE(life_snapshot_whole(stage.life, 20000));
	CU_ASSERT_PTR_NOT_NULL(stage.life->snapshot_error);
	CU_ASSERT_PTR_NULL(stage.life->failed);
	life_write(stage.life, 10);
	CU_ASSERT_EQUAL(stage.life->last_synced, 2);
	forgetful_files_fail(stage.disk, FORGETFUL_PWRITE, 2, ENOSPC, false);
	CU_ASSERT_FALSE(life_snapshot_whole(stage.life, 20000));
	CU_ASSERT_TRUE(life_snapshot_whole(stage.life, 20000));
	stage_end(&stage);
}

static void
sizes_tell_the_newest_snapshot(void)
{
	Stage stage = stage_begin();
	PdkPersistenceSizes sizes;

	life_write(stage.life, 1000);
	CU_ASSERT_TRUE(life_snapshot_whole(stage.life, 20000));
	ops->sizes(stage.life->persistence, &sizes);
	CU_ASSERT_EQUAL(sizes.last_snapshot_zxid, 1);
	CU_ASSERT_TRUE(sizes.last_snapshot_wall_ms > 0);
	CU_ASSERT_TRUE(sizes.data_bytes > 20000 && sizes.log_bytes > 1000);
	stage_end(&stage);
}

static void
the_slots_of_the_log_reader_come_both_or_none(void)
{
	CU_ASSERT_EQUAL((bool)PDK_HAS(ops, read_log), (bool)PDK_HAS(ops, log_bytes_from));
}

static void
records_are_missing_until_put_and_each_put_is_answered(void)
{
	Stage stage = stage_begin();

	CU_ASSERT_TRUE(life_record_is(stage.life, "currentEpoch", NULL));
	life_put(stage.life, "currentEpoch", "7");
	life_put(stage.life, "acceptedEpoch", "8");
	CU_ASSERT_EQUAL(stage.life->saves, 0);
	step_host_settle(stage.life->host);
	CU_ASSERT_EQUAL(stage.life->saves, 2);
	CU_ASSERT_STRING_EQUAL(stage.life->saved_key, "acceptedEpoch");
	stage_end(&stage);
}

static void
the_next_life_finds_the_records_as_last_put(void)
{
	Stage stage = stage_begin();
	g_autofree char *large = g_strnfill(64 * 1024, 'x');

	life_put(stage.life, "currentEpoch", "7");
	life_put(stage.life, "currentEpoch", "12");
	life_put(stage.life, "promise2", large);
	life_put(stage.life, "empty", "");
	step_host_settle(stage.life->host);
	CU_ASSERT_EQUAL(stage.life->saves, 4);
	forgetful_files_crash_at(stage.disk, forgetful_files_operations(stage.disk) + 1);
	life_free(stage.life);
	forgetful_files_reboot(stage.disk, 1);
	stage.life = begin(&stage);
	CU_ASSERT_TRUE(life_record_is(stage.life, "currentEpoch", "12"));
	CU_ASSERT_TRUE(life_record_is(stage.life, "promise2", large));
	CU_ASSERT_TRUE(life_record_is(stage.life, "empty", ""));
	CU_ASSERT_TRUE(life_record_is(stage.life, "acceptedEpoch", NULL));
	stage_end(&stage);
}

/* The disk fails at the first write or sync of what came first: nothing that came later may be there. */
static void
txns_and_records_reach_the_disk_in_the_order_asked_for(void)
{
	for (uint64_t crash = 1; crash <= 12; crash++) {
		Stage stage = stage_begin();
		life_write(stage.life, 10);
		forgetful_files_crash_at(stage.disk, forgetful_files_operations(stage.disk) + crash);
		life_append(stage.life, 100);
		life_sync(stage.life);
		life_append(stage.life, 100);
		life_put(stage.life, "currentEpoch", "2");
		life_append(stage.life, 100);
		life_sync(stage.life);
		life_put(stage.life, "currentEpoch", "3");
		stage.life->deaf = true;
		step_host_settle_timers(stage.life->host, 1000000);
		life_free(stage.life);
		forgetful_files_reboot(stage.disk, crash);
		stage.life = begin(&stage);
		int64_t last = stage.life->result.last_zxid;
		CU_ASSERT_TRUE(life_record_is(stage.life, "currentEpoch", NULL) ||
			       (last >= 3 && life_record_is(stage.life, "currentEpoch", "2")) ||
			       (last >= 4 && life_record_is(stage.life, "currentEpoch", "3")));
		CU_ASSERT_TRUE(last <= 3 || !life_record_is(stage.life, "currentEpoch", NULL));
		stage_end(&stage);
	}
}

/* Nothing that was asked for behind it may be found. */
static void
a_record_that_cannot_be_written_ends_the_plugin(void)
{
	Stage stage = stage_begin();

	forgetful_files_fail(stage.disk, FORGETFUL_DATASYNC, 1, EIO, false);
	life_put(stage.life, "currentEpoch", "2");
	life_put(stage.life, "acceptedEpoch", "3");
	life_append(stage.life, 10);
	life_sync(stage.life);
	step_host_settle_timers(stage.life->host, 1000000);
	CU_ASSERT_PTR_NOT_NULL(stage.life->failed);
	CU_ASSERT_EQUAL(stage.life->saves, 0);
	CU_ASSERT_EQUAL(stage.life->synceds, 0);
	stage_again(&stage);
	CU_ASSERT_TRUE(life_record_is(stage.life, "acceptedEpoch", NULL));
	CU_ASSERT_EQUAL(stage.life->result.last_zxid, 0);
	stage_end(&stage);
}

static void
a_truncation_is_answered(void)
{
	Stage stage = stage_begin();
	g_autoptr(GError) error = NULL;

	for (unsigned i = 0; i < 5; i++)
		life_write(stage.life, 10);
	life_truncate(stage.life, 5);
	CU_ASSERT_EQUAL(stage.life->truncateds, 0);
	step_host_settle(stage.life->host);
	CU_ASSERT_EQUAL(stage.life->truncateds, 1);
	CU_ASSERT_PTR_NULL(stage.life->truncate_error);
	CU_ASSERT_TRUE(life_recover_again(stage.life, &error));
	CU_ASSERT_PTR_NULL(error);
	CU_ASSERT_EQUAL(stage.life->result.last_zxid, ops->keeps_nothing ? 0 : 5);
	stage_end(&stage);
}

/* @count records, cut behind @zxid, three more, and a look at it from the next life. */
static void
check_truncation(unsigned count, int64_t zxid)
{
	Stage stage = stage_begin();
	g_autoptr(GError) error = NULL;
	uint64_t chain = 0;

	for (unsigned i = 1; i <= count; i++) {
		life_write(stage.life, i % 3 * 700);
		if (i == zxid)
			chain = stage.life->chain;
		if (i % 8 == 0)
			stage_again(&stage); /* a file of its own */
	}
	life_truncate(stage.life, zxid);
	step_host_settle(stage.life->host);
	CU_ASSERT_EQUAL(stage.life->truncateds, 1);
	CU_ASSERT_TRUE_FATAL(life_recover_again(stage.life, &error));
	CU_ASSERT_EQUAL(stage.life->result.last_zxid, zxid);
	CU_ASSERT_EQUAL(stage.life->chain, chain);
	for (unsigned i = 0; i < 3; i++)
		life_write(stage.life, 20);
	CU_ASSERT_EQUAL(stage.life->last_synced, zxid + 3);
	chain = stage.life->chain;
	stage_again(&stage);
	CU_ASSERT_EQUAL(stage.life->result.last_zxid, zxid + 3);
	CU_ASSERT_EQUAL(stage.life->chain, chain);
	stage_end(&stage);
}

static void
the_log_ends_where_it_was_truncated_and_goes_on_from_there(void)
{
	for (int64_t zxid = 0; zxid <= 20; zxid += 4)
		check_truncation(20, zxid);
}

static void
truncating_at_or_above_the_last_txn_changes_nothing(void)
{
	Stage stage = stage_begin();

	for (unsigned i = 0; i < 5; i++)
		life_write(stage.life, 10);
	uint64_t operations = forgetful_files_operations(stage.disk), chain = stage.life->chain;
	life_truncate(stage.life, 5);
	life_truncate(stage.life, 900);
	step_host_settle(stage.life->host);
	CU_ASSERT_EQUAL(stage.life->truncateds, 2);
	CU_ASSERT_EQUAL(forgetful_files_operations(stage.disk), operations);
	stage_again(&stage);
	CU_ASSERT_EQUAL(stage.life->result.last_zxid, 5);
	CU_ASSERT_EQUAL(stage.life->chain, chain);
	stage_end(&stage);
}

static void
what_was_appended_above_goes_with_a_truncation(void)
{
	Stage stage = stage_begin();

	for (unsigned i = 0; i < 5; i++)
		life_write(stage.life, 10);
	for (unsigned i = 0; i < 6; i++) {
		life_append(stage.life, 10);
		if (i == 1)
			life_sync(stage.life); /* on its way; the rest is gathered */
	}
	uint64_t chain = g_array_index(stage.history->chain, uint64_t, 9);
	life_truncate(stage.life, 9);
	step_host_settle(stage.life->host);
	CU_ASSERT_EQUAL(stage.life->most_synced, 9); /* dropped, not written and cut */
	CU_ASSERT_TRUE(life_recover_again(stage.life, NULL));
	CU_ASSERT_EQUAL(stage.life->result.last_zxid, 9);
	CU_ASSERT_EQUAL(stage.life->chain, chain);
	stage_end(&stage);
}

static void
txns_appended_before_the_answer_stand_behind_the_cut(void)
{
	Stage stage = stage_begin();

	for (unsigned i = 0; i < 9; i++)
		life_write(stage.life, 10);
	life_truncate(stage.life, 4);
	stage.life->applied = 4;
	stage.life->chain = g_array_index(stage.history->chain, uint64_t, 4);
	stage.life->last_synced = 4;
	life_append(stage.life, 10);
	life_append(stage.life, 10);
	life_sync(stage.life);
	uint64_t chain = stage.life->chain;
	while (stage.life->truncateds == 0 && step_host_step(stage.life->host))
		;
	stage.history->appended = 6;
	step_host_settle(stage.life->host);
	CU_ASSERT_EQUAL(stage.life->last_synced, 6);
	stage_again(&stage);
	CU_ASSERT_EQUAL(stage.life->result.last_zxid, 6);
	CU_ASSERT_EQUAL(stage.life->chain, chain);
	stage_end(&stage);
}

static void
snapshots_above_go_with_a_truncation(void)
{
	Stage stage = stage_begin();

	for (unsigned i = 1; i <= 12; i++) {
		life_write(stage.life, 10);
		if (i % 4 == 0)
			CU_ASSERT_TRUE(life_snapshot_whole(stage.life, 1000));
	}
	uint64_t chain = g_array_index(stage.history->chain, uint64_t, 7);
	life_truncate(stage.life, 7);
	step_host_settle(stage.life->host);
	stage_again(&stage);
	CU_ASSERT_EQUAL(stage.life->result.snapshot_zxid, 4);
	CU_ASSERT_EQUAL(stage.life->result.last_zxid, 7);
	CU_ASSERT_EQUAL(stage.life->chain, chain);
	life_truncate(stage.life, 4);
	step_host_settle(stage.life->host);
	CU_ASSERT_TRUE(life_recover_again(stage.life, NULL));
	CU_ASSERT_EQUAL(stage.life->result.snapshot_zxid, 4);
	CU_ASSERT_EQUAL(stage.life->result.last_zxid, 4);
	stage_end(&stage);
}

/* Reads the history from @from in pieces of @max_bytes and compares it with what was written. Returns how many pieces. */
static unsigned
read_pieces(Life *life, int64_t from, int64_t last, int64_t max_bytes)
{
	uint64_t chain = g_array_index(life->history->chain, uint64_t, from - 1);
	unsigned pieces = 0;
	int64_t next = from;

	do {
		life_read(life, next, max_bytes);
		pieces++;
		CU_ASSERT_PTR_NULL(life->read_error);
		CU_ASSERT_TRUE_FATAL(life->read->len > 0);
		for (unsigned i = 0; i < life->read->len; i++) {
			const PdkLoggedTxn *txn = &g_array_index(life->read, PdkLoggedTxn, i);
			size_t length;
			const void *bytes = g_bytes_get_data(txn->txn, &length);
			CU_ASSERT_EQUAL(txn->zxid, next);
			chain = small_core_chain(chain, bytes, length);
			next = txn->zxid + 1;
		}
	} while (life->read_more);
	CU_ASSERT_EQUAL(next, last + 1);
	CU_ASSERT_EQUAL(chain, g_array_index(life->history->chain, uint64_t, last));
	return pieces;
}

static void
the_log_is_read_from_any_txn_in_any_pieces(void)
{
	Stage stage = stage_begin();

	for (unsigned i = 1; i <= 30; i++) {
		life_write(stage.life, i % 5 * 400);
		if (i % 11 == 0)
			stage_again(&stage);
		if (i == 17)
			CU_ASSERT_TRUE(life_snapshot_whole(stage.life, 1000));
	}
	for (int64_t from = 1; from <= 30; from++)
		CU_ASSERT_EQUAL(read_pieces(stage.life, from, 30, 1000000), 1);
	CU_ASSERT_EQUAL(read_pieces(stage.life, 1, 30, 1), 30); /* one at least */
	CU_ASSERT_TRUE(read_pieces(stage.life, 3, 30, 3000) > 5);
	life_read(stage.life, 31, 1000);
	CU_ASSERT_EQUAL(stage.life->read->len, 0);
	CU_ASSERT_FALSE(stage.life->read_more);
	CU_ASSERT_PTR_NULL(stage.life->read_error);
	stage_end(&stage);
}

static void
only_durable_txns_are_read_while_the_writer_goes_on(void)
{
	Stage stage = stage_begin();
	Life *life = stage.life;

	for (unsigned i = 0; i < 200; i++) {
		unsigned reads = life->reads;
		int64_t durable = life->last_synced;
		life_append(life, i % 7 * 100);
		life_sync(life);
		life->inside = true;
		ops->read_log(life->persistence, 1, 1000000);
		life->inside = false;
		while (life->reads == reads && step_host_step(life->host))
			;
		CU_ASSERT_PTR_NULL(life->read_error);
		CU_ASSERT_EQUAL(life->read->len, durable);
	}
	stage_end(&stage);
}

static void
a_truncated_end_is_not_read(void)
{
	Stage stage = stage_begin();

	for (unsigned i = 0; i < 10; i++)
		life_write(stage.life, 100);
	read_pieces(stage.life, 1, 10, 300);
	life_truncate(stage.life, 6);
	step_host_settle(stage.life->host);
	CU_ASSERT_TRUE(life_recover_again(stage.life, NULL));
	read_pieces(stage.life, 1, 6, 300);
	life_write(stage.life, 300);
	life_write(stage.life, 300);
	read_pieces(stage.life, 1, 8, 300);
	read_pieces(stage.life, 7, 8, 300);
	stage_end(&stage);
}

static void
a_reader_whose_log_is_truncated_meanwhile_is_told(void)
{
	Stage stage = stage_begin();

	for (unsigned i = 0; i < 10; i++)
		life_write(stage.life, 100);
	ops->read_log(stage.life->persistence, 1, 100000);
	life_truncate(stage.life, 6);
	step_host_settle(stage.life->host);
	CU_ASSERT_EQUAL(stage.life->reads, 1);
	CU_ASSERT_PTR_NOT_NULL(stage.life->read_error);
	stage_end(&stage);
}

static void
the_bytes_of_a_reading_are_known_before(void)
{
	Stage stage = stage_begin();
	Life *life = stage.life;

	for (unsigned i = 0; i < 10; i++)
		life_write(life, 1000);
	int64_t all = ops->log_bytes_from(life->persistence, 1);
	CU_ASSERT_TRUE(all > 10000 && all < 20000);
	stage_again(&stage);
	life = stage.life;
	CU_ASSERT_EQUAL(ops->log_bytes_from(life->persistence, 1), all);
	life_write(life, 50000);
	CU_ASSERT_TRUE(ops->log_bytes_from(life->persistence, 1) > all + 50000);
	CU_ASSERT_TRUE(ops->log_bytes_from(life->persistence, 11) < 60000);
	stage_end(&stage);
}

static const ConformanceCase every_plugin[] = {
	CONFORMANCE_CASE(the_descriptor_is_as_the_loader_wants_it),
	CONFORMANCE_CASE(the_required_slots_are_there),
	CONFORMANCE_CASE(snapshot_slots_come_all_or_none),
	CONFORMANCE_CASE(record_slots_come_all_or_none),
	CONFORMANCE_CASE(the_slots_of_the_log_reader_come_both_or_none),
	CONFORMANCE_CASE(the_first_life_finds_an_empty_history),
	CONFORMANCE_CASE(what_is_appended_and_synced_is_answered_by_synced),
	CONFORMANCE_CASE(one_synced_answers_for_all_that_was_appended),
	CONFORMANCE_CASE(a_sync_under_way_is_followed_by_another),
	CONFORMANCE_CASE(large_and_small_txns_are_taken),
	CONFORMANCE_CASE(nothing_is_said_after_destroy),
	CONFORMANCE_CASE(two_instances_do_not_meet),
	{0},
};

static const ConformanceCase forgetful_ones[] = {
	CONFORMANCE_CASE(one_that_keeps_nothing_begins_empty_again),
	{0},
};

static const ConformanceCase keeping_ones[] = {
	CONFORMANCE_CASE(the_next_life_finds_every_txn_in_order),
	CONFORMANCE_CASE(many_lives_add_to_one_history),
	CONFORMANCE_CASE(what_was_synced_survives_a_power_failure),
	CONFORMANCE_CASE(a_failing_disk_is_reported_once_and_then_nothing),
	{0},
};

static const ConformanceCase snapshotting_ones[] = {
	CONFORMANCE_CASE(a_snapshot_is_found_by_the_next_life),
	CONFORMANCE_CASE(writes_go_on_while_a_snapshot_is_taken),
	CONFORMANCE_CASE(four_parts_out_are_enough_until_there_is_room),
	CONFORMANCE_CASE(an_aborted_snapshot_is_not_answered_and_leaves_nothing),
	CONFORMANCE_CASE(an_unfinished_snapshot_does_not_count),
	CONFORMANCE_CASE(a_snapshot_that_does_not_fit_is_given_up_and_writes_go_on),
	{0},
};

static const ConformanceCase measuring_ones[] = {
	CONFORMANCE_CASE(sizes_tell_the_newest_snapshot),
	{0},
};

static const ConformanceCase recording_ones[] = {
	CONFORMANCE_CASE(records_are_missing_until_put_and_each_put_is_answered),
	{0},
};

static const ConformanceCase recording_and_keeping_ones[] = {
	CONFORMANCE_CASE(the_next_life_finds_the_records_as_last_put),
	CONFORMANCE_CASE(txns_and_records_reach_the_disk_in_the_order_asked_for),
	CONFORMANCE_CASE(a_record_that_cannot_be_written_ends_the_plugin),
	{0},
};

static const ConformanceCase truncating_ones[] = {
	CONFORMANCE_CASE(a_truncation_is_answered),
	{0},
};

static const ConformanceCase truncating_and_keeping_ones[] = {
	CONFORMANCE_CASE(the_log_ends_where_it_was_truncated_and_goes_on_from_there),
	CONFORMANCE_CASE(truncating_at_or_above_the_last_txn_changes_nothing),
	CONFORMANCE_CASE(what_was_appended_above_goes_with_a_truncation),
	CONFORMANCE_CASE(txns_appended_before_the_answer_stand_behind_the_cut),
	CONFORMANCE_CASE(snapshots_above_go_with_a_truncation),
	{0},
};

static const ConformanceCase reading_ones[] = {
	CONFORMANCE_CASE(the_log_is_read_from_any_txn_in_any_pieces),
	CONFORMANCE_CASE(only_durable_txns_are_read_while_the_writer_goes_on),
	CONFORMANCE_CASE(a_truncated_end_is_not_read),
	CONFORMANCE_CASE(a_reader_whose_log_is_truncated_meanwhile_is_told),
	CONFORMANCE_CASE(the_bytes_of_a_reading_are_known_before),
	{0},
};

static unsigned
run_ensemble(const char *name)
{
	bool keeps = !ops->keeps_nothing;
	unsigned failures = 0;

	if (PDK_HAS(ops, record_get))
		failures += conformance_run(name, recording_ones);
	if (PDK_HAS(ops, record_get) && keeps)
		failures += conformance_run(name, recording_and_keeping_ones);
	if (PDK_HAS(ops, truncate))
		failures += conformance_run(name, truncating_ones);
	if (PDK_HAS(ops, truncate) && keeps)
		failures += conformance_run(name, truncating_and_keeping_ones);
	if (PDK_HAS(ops, read_log) && keeps)
		failures += conformance_run(name, reading_ones);
	return failures;
}

static unsigned
run(const PdkPlugin *tested)
{
	g_autofree char *name = g_strconcat("persistence plugin: ", tested->name, NULL);

	plugin = tested;
	ops = tested->ops;
	unsigned failures = conformance_run(name, every_plugin);
	failures += conformance_run(name, ops->keeps_nothing ? forgetful_ones : keeping_ones);
	if (PDK_HAS(ops, snapshot_begin))
		failures += conformance_run(name, snapshotting_ones);
	if (PDK_HAS(ops, snapshot_begin) && PDK_HAS(ops, sizes))
		failures += conformance_run(name, measuring_ones);
	return failures + run_ensemble(name);
}

int
main(int argc, char **argv)
{
	unsigned failures = 0;

	for (int i = 1; i < argc; i++)
		failures += run(conformance_load(argv[i]));
	if (argc == 1)
		failures = run(&pdk_plugin_persistence_logsnap) + run(&pdk_plugin_persistence_memory);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}

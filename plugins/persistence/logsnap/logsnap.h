/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instance, and what its parts on the core thread ask of each other; changes when the plugin's state
 * does.
 *
 * Who owns what: everything here belongs to the core thread, except that a job out on a lane owns what its
 * struct points to until its `done`: jobs of the log lane, one after the other, own the log writer, each its batch;
 * a snapshot's job its SnapWriter.
 */
#ifndef LOGSNAP_LOGSNAP_H
#define LOGSNAP_LOGSNAP_H

#include "directories.h"
#include "log_scan.h"
#include "log_sizes.h"
#include "log_writer.h"
#include "names.h"

#include <paddock/persistence.h>

#define LOGSNAP_MAGIC 0x4c534e50u

typedef struct SnapTask SnapTask;

typedef struct {
	SnapCodec codec;
	int64_t fsync_warning_ms;
	int64_t snapshot_rate;  /* bytes a second; 0: as fast as the disk takes them */
	int64_t retain;         /* snapshots that a purge keeps */
	int64_t purge_hours;    /* <= 0: never */
	int64_t max_record_bytes;
	bool trust_empty, db_autocreate, accept_gaps;
} Settings;

/* Purge and measuring: one job at a time. */
typedef struct {
	bool out, again;
	bool purge, purge_again;
	unsigned purged;
	int64_t data_bytes, log_bytes;
	LogSizeList *logs;
	uint64_t timer;
} Upkeep;

#define LOGSNAP_CURSORS 8 /* readers that go on where they were, one a learner */

struct PdkPersistence {
	uint32_t magic;
	const PdkHost *host;
	const PdkPersistenceEvents *events;
	void *context;
	Settings settings;
	Directories directories;
	bool failed; /* said so; nothing more is written or reported */

	LogBatch *gathering;
	LogBatch *spare; /* a buffer for the next one, NULL: none */
	bool sync_wanted;
	unsigned commits_out; /* more than one only when a record or a truncation came between */
	uint64_t linger_timer; /* the gathered batch waits for more, 0: it does not */
	size_t linger_length;  /* bytes at which it has waited enough */
	LogWriter writer;
	int64_t usual_us, recent_us; /* of a commit: in the long run, lately */
	int64_t last_commit_us;

	int64_t durable_zxid; /* everything up to here is on the disk */

	GHashTable *records; /* key -> GBytes, as found at create */
	unsigned orders_out; /* records and truncations on the lane */
	uint64_t truncations; /* asked for, done, and read anew: a reader that sees it change read something else */
	GMutex deleting; /* a purge and a truncation see each other whole or not at all */

	bool reading;
	LogCursor cursors[LOGSNAP_CURSORS];
	unsigned next_cursor;
	LogSizes *log_sizes;

	bool recovered, marker_used;

	SnapTask *snapshot; /* in progress, NULL: none */
	unsigned snapshot_tasks; /* with the given-up ones that still clean up */
	uint64_t snapshot_serial;

	Upkeep upkeep;
	PdkPersistenceSizes sizes;

	PdkSummary *fsync_time, *load_time, *txns_loaded, *replay_time;
	PdkCounter *slow_fsyncs;
};

/* Reports @error (taken) once; from then on nothing is written or reported. */
void logsnap_fail(PdkPersistence *self, GError *error);

/* commit.c: group commit. */
void commit_append(PdkPersistence *self, int64_t zxid, GBytes *txn);
void commit_sync(PdkPersistence *self);
/* What is gathered goes to the lane now: what is offloaded after it comes after it on the disk, too. */
void commit_flush(PdkPersistence *self);
/* Takes what is gathered above @zxid away; NULL: nothing. */
LogBatch *commit_take_above(PdkPersistence *self, int64_t zxid);
/* A job of the lane has made everything up to @zxid durable: notes and says it. */
void commit_durable(PdkPersistence *self, int64_t zxid, const LogWriterReport *report);
/* The next append opens a new log. */
void commit_roll(PdkPersistence *self);
/* Do commits take twice their usual time? Then background writes should pause. */
bool commit_is_slow(const PdkPersistence *self);

/* snap_task.c: a snapshot on its way to the disk. */
bool snap_task_begin(PdkPersistence *self, int64_t zxid);
bool snap_task_part(PdkPersistence *self, GBytes *part);
void snap_task_finish(PdkPersistence *self, const PdkSnapshotTail *tail);
void snap_task_abort(PdkPersistence *self);
/* The history will be truncated to @zxid: one of more than that must not get its name any more. Still answered. */
void snap_task_overtake(PdkPersistence *self, int64_t zxid);
/* At destroy, when no job is out any more. */
void snap_task_free(SnapTask *task);

/* record_task.c: small records. */
GBytes *record_task_get(PdkPersistence *self, const char *key);
void record_task_put(PdkPersistence *self, const char *key, GBytes *value);

/* truncate_task.c: the end of the history is taken back. */
void truncate_task_start(PdkPersistence *self, int64_t zxid);

/* read_task.c: logged txns for a learner. */
void read_task_start(PdkPersistence *self, int64_t from, int64_t max_bytes);

/* upkeep.c: purge at start and each interval, and knowing the sizes. */
void upkeep_start(PdkPersistence *self);
void upkeep_measure(PdkPersistence *self);
void upkeep_stop(PdkPersistence *self);

#endif

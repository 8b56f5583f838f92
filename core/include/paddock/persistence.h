/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Persistence: keeps transactions, snapshots and a few small records.
 *
 * It moves numbered bytes. A txn is header + record + digest as it stands in a log record (ZooKeeper's
 * TxnHeader first); a snapshot body is sessions, ACL map and nodes up to the closing "/" (what a learner is
 * sent, too). What surrounds them on disk (checksums, headers, seals, file names) is the plugin's own.
 *
 * Order: append, record_put, truncate and the publication of a snapshot take one lane and reach the disk in
 * the order asked for. A sync that failed is never tried again: the plugin reports `failed` and does nothing
 * more.
 */
#ifndef PADDOCK_PERSISTENCE_H
#define PADDOCK_PERSISTENCE_H

#include <paddock/host.h>

G_BEGIN_DECLS

typedef struct PdkPersistence PdkPersistence;

/* What stands behind the nodes in a snapshot file. */
typedef struct {
	bool has_digest; /* the digest section is there / wanted */
	int64_t digest_zxid;
	int32_t digest_version;
	uint64_t digest;
	bool has_last_zxid; /* the last-zxid section (3.9) is there / wanted */
	int64_t last_zxid;
} PdkSnapshotTail;

typedef enum {
	PDK_PART_MORE = 1, /* all taken, more is wanted */
	PDK_PART_DONE = 2, /* the closing "/" was reached; *used tells how many bytes belonged to the body */
	PDK_PART_BAD = 3,  /* not a snapshot body; @error is set */
} PdkPartResult;

/* How recovery talks to the core. Called inside `recover` only, on the core thread. */
typedef struct {
	uint32_t size;
	/*
	 * A snapshot file named @zxid begins, whose body is about @length bytes: forget everything, size
	 * tables.
	 */
	void (*snapshot_begin)(void *context, int64_t zxid, uint64_t length);
	PdkPartResult (*snapshot_part)(void *context, const uint8_t *data, size_t length, size_t *used, GError **error);
	/* The file was whole and its seals matched: keep it. */
	void (*snapshot_accept)(void *context, const PdkSnapshotTail *tail);
	/* It was not: forget all of it. */
	void (*snapshot_discard)(void *context);
	/* No snapshot at all: the history begins with an empty tree. */
	void (*empty)(void *context);
	/*
	 * The next txn after the snapshot, in order; false with @error (unknown type, undecodable): recovery
	 * fails. @txn is lent.
	 */
	bool (*txn)(void *context, int64_t zxid, const uint8_t *txn, size_t length, GError **error);
} PdkRecovery;

typedef struct {
	int64_t last_zxid;      /* of the newest txn or snapshot; 0: empty */
	int64_t snapshot_zxid;  /* of the snapshot loaded, -1: none */
	uint64_t txns;          /* replayed */
	int64_t snapshot_us, replay_us;
	bool trusted; /* since 1.1: the operator said that to hold nothing is right here; counts where last_zxid is 0 */
} PdkRecovered;

typedef struct {
	int64_t zxid;
	GBytes *txn;
} PdkLoggedTxn;

/* What persistence reports later; on the core thread, never from inside a call. */
typedef struct {
	uint32_t size;
	/* Every appended txn with a zxid up to @zxid is durable. */
	void (*synced)(void *context, int64_t zxid);
	/* The disk failed. The server stops with this message; nothing is retried. */
	void (*failed)(void *context, const GError *error);
	/* The snapshot in progress can take parts again (`snapshot_part` had returned false). */
	void (*snapshot_room)(void *context);
	/* `snapshot_finish` is done: the file is durable under its name (error NULL), or given up. */
	void (*snapshot_done)(void *context, int64_t zxid, uint64_t length, const GError *error);
	/* The answer to record_put: @key is durable. */
	void (*record_saved)(void *context, const char *key);
	/* The answer to `truncate`: done and durable (error NULL), or not possible; then nothing was changed. */
	void (*truncated)(void *context, int64_t zxid, const GError *error);
	/*
	 * The answer to `read_log`: @n txns in order, the first is the first logged one behind or at what was asked for (lent;
	 * take references). @more: the budget was used up, ask again from the last zxid + 1. n 0: there are none.
	 */
	void (*log_read)(void *context, const PdkLoggedTxn *txns, size_t n, bool more, const GError *error);
} PdkPersistenceEvents;

typedef struct {
	int64_t data_bytes; /* snapshots, as `dirs` and `conf` tell it: bytes in the snapshot directory */
	int64_t log_bytes;  /* bytes in the log directory, preallocated space counted */
	int64_t last_snapshot_zxid; /* -1: none */
	int64_t last_snapshot_wall_ms; /* 0: none */
} PdkPersistenceSizes;

/* Required: create, destroy, start, recover, append, sync. */
typedef struct {
	uint32_t size;
	bool keeps_nothing; /* a voter refuses such a plugin */

	/* Opens and locks the directories. @data_dir and @log_dir are the server's (log_dir never NULL). */
	PdkPersistence *(*create)(const PdkHost *host, const PdkConfig *config, const char *data_dir, const char *log_dir,
				  GError **error);
	void (*destroy)(PdkPersistence *self);
	void (*start)(PdkPersistence *self, const PdkPersistenceEvents *events, void *context);

	/*
	 * Gives back what was kept: the newest valid snapshot, then the txns after it. Blocks; once, after
	 * start. False: @error says which file, at which offset, and what an operator can do.
	 */
	bool (*recover)(PdkPersistence *self, const PdkRecovery *into, void *context, PdkRecovered *result, GError **error);

	/* Takes a reference. Zxids rise. Not durable before `synced`. */
	void (*append)(PdkPersistence *self, int64_t zxid, GBytes *txn);
	/*
	 * Make durable what was appended; at the end of each turn. One `synced` answers for all; a sync under
	 * way is followed by another.
	 */
	void (*sync)(PdkPersistence *self);

	/*
	 * Snapshots, one at a time; optional as a group. `snapshot_begin` also ends the current log file: the
	 * next append opens a new one. `snapshot_part` takes a reference and returns false when four parts
	 * are out: wait for `snapshot_room`. Then `snapshot_finish`, answered by `snapshot_done`; or
	 * `snapshot_abort`, not answered.
	 *
	 * One of a zxid above the log's end came from a leader: nothing is appended behind it before its `snapshot_done`, or a
	 * crash would leave a log with a hole.
	 */
	bool (*snapshot_begin)(PdkPersistence *self, int64_t zxid);
	bool (*snapshot_part)(PdkPersistence *self, GBytes *part);
	void (*snapshot_finish)(PdkPersistence *self, const PdkSnapshotTail *tail);
	void (*snapshot_abort)(PdkPersistence *self);

	/* Optional; cheap: last known numbers, refreshed elsewhere. */
	void (*sizes)(PdkPersistence *self, PdkPersistenceSizes *into);

	/*
	 * Optional, for ensembles. Small records (acceptedEpoch, currentEpoch, an election's promise):
	 * `record_get` returns the bytes as found at create, NULL when missing; `record_put` is answered by
	 * `record_saved`.
	 */
	GBytes *(*record_get)(PdkPersistence *self, const char *key);
	void (*record_put)(PdkPersistence *self, const char *key, GBytes *value);

	/*
	 * Optional, for ensembles, since 1.1. Cuts the log behind the record of @zxid (or the last one below it), deletes
	 * snapshots above @zxid, makes both durable, and drops what is appended and not written yet above it; the next append
	 * begins a new file. Not while a snapshot is being written. Answered by `truncated`; refused where every snapshot lies above
	 * @zxid, for nothing would be left to begin from.
	 */
	void (*truncate)(PdkPersistence *self, int64_t zxid);
	/*
	 * Since 1.1: `recover` may be called again after everything asked for was answered; it reads the files anew.
	 *
	 * Reads logged txns with a zxid of @from or more, up to @max_bytes of them (at least one). Durable ones only. Answered by
	 * `log_read`; one at a time.
	 */
	void (*read_log)(PdkPersistence *self, int64_t from, int64_t max_bytes);
	/* Bytes of log files that a reader from @from would go through, without reading them; -1: not known. Cheap. */
	int64_t (*log_bytes_from)(PdkPersistence *self, int64_t from);
} PdkPersistenceOps;

G_END_DECLS

#endif

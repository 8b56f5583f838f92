/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A core for persistence tests: keeps one number that depends on every txn and on their order, takes
 * snapshots of it, and knows what was promised. Changes when what a core expects of persistence does.
 *
 * The number is a hash chain: lost, torn, repeated or reordered txns change it. The snapshot body is a real
 * one (sessions, ACL map, nodes, "/") whose node "/n" holds zxid and chain and is padded to a given size.
 */
#ifndef SMALL_CORE_H
#define SMALL_CORE_H

#include "step_host.h"

#include <paddock/persistence.h>
#include <paddock/plugin.h>

/* What is known outside of any life: the history as it was written, and what was acknowledged. */
typedef struct {
	GArray *chain;     /* uint64_t: chain after zxid i; [0] is 0 */
	int64_t appended;  /* highest zxid ever handed over */
	int64_t synced;    /* highest zxid ever acknowledged */
	int64_t published; /* highest snapshot reported done that was not truncated, -1: none */
	int64_t target;    /* of a truncation not answered yet, -1: none */
	GArray *floors;    /* int64_t: what was appended when record number i was put; [0] is 0 */
	unsigned saved;    /* the last record number acknowledged */
	int64_t refuse;    /* recovery refuses the txn of this zxid; 0: none */
	uint64_t random;
} History;

History *history_new(uint64_t seed);
void history_free(History *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(History, history_free)

/* One life of a plugin. */
typedef struct {
	const PdkPlugin *plugin;
	const PdkPersistenceOps *ops;
	StepHost *host;
	PdkConfig *config;
	PdkPersistence *persistence;
	History *history;

	bool recovered;
	PdkRecovered result;
	uint64_t chain; /* of the state in memory */
	int64_t applied;
	GByteArray *body; /* of the snapshot being loaded */
	int64_t loading;
	PdkSnapshotTail tail; /* of the snapshot accepted */
	unsigned empties, begins, accepts, discards;

	/* Events. */
	bool deaf; /* after a crash nothing is delivered */
	bool inside; /* a call into the plugin is under way: no event may come */
	unsigned synceds, rooms, dones;
	int64_t last_synced, most_synced; /* a truncation takes the first back */
	bool room;
	GError *failed, *snapshot_error;
	int64_t snapshot_done; /* zxid, -1: none yet */
	unsigned saves, truncateds, reads;
	char *saved_key; /* of the last record saved */
	GError *truncate_error, *read_error; /* of the last answer */
	GArray *read; /* PdkLoggedTxn, of the last answer */
	bool read_more;
	uint64_t snapshot_length;
} Life;

/*
 * Creates the plugin on @files with data directory /data, log directory @log_dir and @config (taken),
 * recovers. When something fails, `persistence` is NULL or `recovered` false, and @error is set. Always free
 * with life_free.
 */
Life *life_begin(const PdkPlugin *plugin, const PdkFiles *files, PdkConfig *config, const char *log_dir, History *history,
	   uint64_t seed, GError **error);
/* Settles, destroys. */
void life_free(Life *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Life, life_free)

/* Appends the next txn with @padding bytes of content, drawn from the history's stream; does not sync. */
void life_append(Life *self, size_t padding);
void life_sync(Life *self);
/* Appends, syncs and settles: acknowledged afterwards, or failed. */
void life_write(Life *self, size_t padding);

/* Starts a snapshot of the present state; its body is about @size bytes, given in parts as there is room. */
bool life_snapshot(Life *self, size_t size);
/* The same, and waits for its end. True: it is durable. */
bool life_snapshot_whole(Life *self, size_t size);

/* Asks that the history end with @zxid; the history is cut when the answer says so. */
void life_truncate(Life *self, int64_t zxid);
/* Reads the files once more, into this life. */
bool life_recover_again(Life *self, GError **error);
void life_put(Life *self, const char *key, const char *value);
/* Puts the next number as the record "number". */
void life_put_number(Life *self);
/* Does the record hold @value (NULL: is it missing)? */
bool life_record_is(Life *self, const char *key, const char *value);
/* Asks for logged txns and settles; the answer lies in `read`, `read_more`, `read_error`. */
void life_read(Life *self, int64_t from, int64_t max_bytes);

/* The bytes of a txn of @zxid. */
GBytes *small_core_txn(int64_t zxid, uint64_t random, size_t padding);
/* The body of a snapshot. */
GBytes *small_core_body(int64_t zxid, uint64_t chain, size_t size);
uint64_t small_core_chain(uint64_t chain, const void *txn, size_t length);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the daemon lends to a plugin. The pointer given to `create` is valid until `destroy` of that instance
 * returned.
 *
 * Threads: every function is for the core thread only, except `call`, `log` and the file table, which any
 * thread may use. The core thread never blocks; what blocks or burns (> 20 us) goes through `offload`.
 *
 * Ownership, the same everywhere: arguments are borrowed for the call; keep a GBytes by taking a reference.
 * What `create` returned belongs to the core until `destroy`. Each request is answered once, by an event
 * after the call returned, never inside it; nothing is said after `destroy`.
 */
#ifndef PADDOCK_HOST_H
#define PADDOCK_HOST_H

#include <paddock/files.h>
#include <paddock/metrics.h>
#include <paddock/types.h>

G_BEGIN_DECLS

typedef enum {
	PDK_LANE_LOG = 1,  /* one job at a time, first in first out: log, small records, publication of snapshots */
	PDK_LANE_POOL = 2, /* any order, a few at a time */
} PdkLane;

typedef void (*PdkWork)(void *data);

struct PdkHost {
	uint32_t size;

	/* One line; the host adds time, level and the plugin's name. "event key=value key=value". */
	void (*log)(const PdkHost *self, PdkLogLevel level, const char *format, ...) G_GNUC_PRINTF(3, 4);

	int64_t (*now_us)(const PdkHost *self);  /* monotonic, microseconds */
	int64_t (*wall_ms)(const PdkHost *self); /* since 1970, milliseconds */
	uint64_t (*random)(const PdkHost *self); /* the server's seeded stream; not for secrets */

	/*
	 * Calls @fire(@data) on the core thread at or after @at_us (now_us clock). Returns a handle, never 0.
	 * One shot.
	 */
	uint64_t (*timer)(const PdkHost *self, int64_t at_us, PdkWork fire, void *data);
	/* After this the timer does not fire. 0 and spent handles are ignored. */
	void (*timer_cancel)(const PdkHost *self, uint64_t timer);

	/*
	 * Runs @work(@data) elsewhere, then @done(@data) on the core thread, always, in this order; @data
	 * must stay valid until @done ran. @work touches nothing but @data and the file table. Jobs still out
	 * when the instance is to be destroyed are finished, and their @done called, before `destroy`.
	 */
	void (*offload)(const PdkHost *self, PdkLane lane, PdkWork work, PdkWork done, void *data);
	/* From any thread: runs @fn(@data) on the core thread, in the order of the calls. */
	void (*call)(const PdkHost *self, PdkWork fn, void *data);

	const PdkFiles *files;
	/* For plugins that wait for sockets: attach sources here. NULL where there is no loop (simulator). */
	GMainContext *context;

	/*
	 * Option values of this instance, checked against its option table. @key must be in the table.
	 * Strings and lists live as long as the config; a list ends with NULL and is never NULL itself.
	 */
	const char *(*option_string)(const PdkConfig *config, const char *key);
	int64_t (*option_int)(const PdkConfig *config, const char *key);
	bool (*option_bool)(const PdkConfig *config, const char *key);
	const char *const *(*option_list)(const PdkConfig *config, const char *key);

	/*
	 * Makes (or finds) a metric cell, see metrics.h. At create time only; the cell lives as long as the
	 * server. @name is Apache's name where there is one.
	 */
	PdkCounter *(*counter)(const PdkHost *self, const char *name, const char *help);
	PdkSummary *(*summary)(const PdkHost *self, const char *name, const char *help, bool percentiles);
};

G_END_DECLS

#endif

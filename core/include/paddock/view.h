/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What admin and metrics plugins may read of a running server, and the few things they may ask of it. Core
 * thread only. Strings and structs given out are valid until the reader returns to the loop. Walks are by
 * cursor: start with 0, call until false; a walk may be continued in a later turn and then sees what is there
 * then.
 */
#ifndef PADDOCK_VIEW_H
#define PADDOCK_VIEW_H

#include <paddock/metrics.h>
#include <paddock/types.h>

G_BEGIN_DECLS

typedef struct {
	const char *version;   /* "3.9.4-paddock-0.1.0" */
	const char *revision;  /* what follows the version in `srvr` before ", built on" */
	const char *built_on;  /* "2026-11-21 10:00 UTC" */
	bool serving;          /* false: most words say "not currently serving" */
	bool read_only;
	const char *mode;      /* standalone, leader, follower, observer, read-only */
	int64_t last_zxid;
	uint64_t node_count;   /* as Java counts: the root twice */
	uint64_t watch_count;
	uint64_t ephemeral_count;
	uint64_t data_size;    /* path + data bytes */
	uint64_t sessions;
	uint64_t connections;  /* alive */
	uint64_t outstanding;
	uint64_t received, sent;      /* packets */
	uint64_t latency_min, latency_max; /* ms; 0 when nothing was measured */
	double latency_avg;           /* ms */
	int64_t uptime_ms;
	uint64_t last_response, min_response, max_response; /* bytes; -1 as uint64 max when none */
	int64_t now_monotonic_ms, now_wall_ms;
	int64_t data_dir_bytes, log_dir_bytes;
} PdkServerFacts;

typedef struct {
	PdkLink link;
	const char *endpoint;     /* "/127.0.0.1:58712" */
	unsigned interest;        /* 1 read, 4 write, 0 being served */
	uint64_t queued, received, sent;
	int64_t session;          /* 0: none yet */
	const char *last_op;      /* NA PING SESS ... */
	int64_t established_wall_ms;
	int32_t timeout_ms;
	int64_t last_cxid;        /* -1: none */
	int64_t last_zxid;
	int64_t last_response_ms; /* monotonic */
	uint64_t last_latency, min_latency, max_latency; /* ms */
	double avg_latency;
	bool secure;
	int64_t expires_wall_ms;  /* when it is closed for idleness: the moment of its bucket, on the wall clock */
} PdkConnectionFacts;

typedef struct {
	int64_t session;
	int32_t timeout_ms;
	int64_t expires_wall_ms; /* the moment of its bucket, on the wall clock */
	uint64_t ephemerals;
	bool local;
} PdkSessionFacts;

typedef struct {
	int64_t session;   /* of the watching connection */
	PdkLink link;
	const char *path;
} PdkWatchFacts;

/* What a member of an ensemble knows of it. The reader sets `size` to what it was built with. */
typedef struct {
	uint32_t size;
	const char *phase;     /* election, discovery, synchronization, broadcast */
	int64_t leader;        /* sid, -1: none */
	int64_t epoch;
	bool leads;
	int64_t last_proposal_bytes, min_proposal_bytes, max_proposal_bytes; /* of a leader; -1: none yet */
} PdkEnsembleFacts;

typedef enum {
	PDK_WATCHES_BY_CONNECTION = 1, /* all of one connection in a row */
	PDK_WATCHES_BY_PATH = 2,       /* all of one path in a row */
} PdkWatchOrder;

struct PdkView {
	uint32_t size;
	void *core; /* hand back as the first argument */

	void (*facts)(void *core, PdkServerFacts *into);
	bool (*connection)(void *core, uint64_t *cursor, PdkConnectionFacts *into);
	bool (*session)(void *core, uint64_t *cursor, PdkSessionFacts *into);
	/* Paths of the ephemerals of @session. */
	bool (*ephemeral)(void *core, int64_t session, uint64_t *cursor, const char **path);
	/* Data watches (what wchc and wchp show); one (connection, path) pair a call. */
	bool (*watch)(void *core, PdkWatchOrder order, uint64_t *cursor, PdkWatchFacts *into);
	/* For wchs: connections and paths with data watches, and how many watches. */
	void (*watch_totals)(void *core, uint64_t *connections, uint64_t *paths, uint64_t *watches);
	/* The kept digests (zxid divisible by 128), oldest first. */
	bool (*digest)(void *core, uint64_t *cursor, int64_t *zxid, uint64_t *digest);
	/* `conf`: key and value in Java's order. */
	bool (*setting)(void *core, uint64_t *cursor, const char **key, const char **value);
	/* `envi`: key and value in Java's order. */
	bool (*environment)(void *core, uint64_t *cursor, const char **key, const char **value);
	/* Every metric: gauges first, then counters, then summaries. */
	bool (*metric)(void *core, uint64_t *cursor, PdkMetric *into);
	/* The value of a setting of the server by its zoo.cfg name (for white lists and the like), or NULL. */
	const char *(*setting_value)(void *core, const char *zoo_key);

	void (*reset_server_stats)(void *core);     /* srst */
	void (*reset_connection_stats)(void *core); /* crst */
	int64_t (*trace_mask)(void *core);
	void (*set_trace_mask)(void *core, int64_t mask);

	/* Since 1.1. False: stand-alone. */
	bool (*ensemble)(void *core, PdkEnsembleFacts *into);
};

G_END_DECLS

#endif

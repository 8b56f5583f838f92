/* SPDX-License-Identifier: Apache-2.0 */
/* Connections and the loop that keeps them busy: changes when load is paced or counted differently. */
#pragma once

#include "histogram.h"
#include "wire.h"

/* Where one server listens; @host is an IPv4/IPv6 literal or a name. */
typedef struct {
	char *host;
	char *port;
} PdkBenchAddress;

/* Servers and limits for a PdkBenchEngine. Connections go round robin over the servers, the first to the first. */
typedef struct {
	const PdkBenchAddress *servers;
	guint server_count;
	PdkBenchProtocol protocol;
	guint connections;
	guint depth; /* requests in flight on one connection, 1..65536 */
	gint32 session_timeout_ms;
	gint64 deadline_ns; /* monotonic: connecting and every phase give up then */
	gsize data_length;  /* what a read must return */
} PdkBenchTarget;

typedef struct PdkBenchEngine PdkBenchEngine;

/* Appends one request with @xid to @out and returns what it is. @sequence counts the phase's requests from 0. */
typedef PdkBenchOp (*PdkBenchEncode)(gpointer data, PdkBenchBuffer *out, gint32 xid, guint64 sequence);

/* One stretch of load. The caller fills the first part; pdk_bench_engine_run() the second. */
typedef struct {
	PdkBenchEncode encode; /* NULL: send nothing (idle) */
	gpointer data;
	guint64 total; /* requests to send; 0: until warmup + seconds have passed */
	double warmup_s;
	double seconds;
	double rate; /* requests/s over all connections, each due at a fixed time; 0: as fast as possible */
	gint32 tolerated;      /* an error code that counts as success; 0: none */
	guint64 notifications; /* ends only when so many watch events were received; 0: none expected */
	void (*mark)(gpointer mark_data, gboolean begin); /* called where measuring begins and ends; may be
							     NULL */
	gpointer mark_data;

	guint64 sent;
	guint64 answered;           /* replies received while measuring */
	guint64 notified;           /* watch events received */
	double elapsed_s;           /* measured time */
	PdkBenchHistogram *latency; /* caller's; of the requests that were due while measuring */
} PdkBenchPhase;

/* Monotonic nanoseconds. */
gint64 pdk_bench_now(void);

/* Opens all connections (and sessions), trying again until the server listens or the deadline has passed; of
 * several servers only the first may be starting still. */
PdkBenchEngine *pdk_bench_engine_new(const PdkBenchTarget *target, GError **error);

/* Closes all connections; sessions are closed, not left to expire. */
void pdk_bench_engine_free(PdkBenchEngine *engine);

/* Carries out @phase; FALSE when it could not be finished (connections lost, deadline). Wrong replies are
 * only counted. */
gboolean pdk_bench_engine_run(PdkBenchEngine *engine, PdkBenchPhase *phase, GError **error);

/* Errors and unexpected replies so far, and the first of them in words (NULL: none). */
guint64 pdk_bench_engine_errors(const PdkBenchEngine *engine, const char **first);

/* One attempt to get an answer to exists @path over a connection of its own: TRUE when it was answered
 * without error. */
gboolean pdk_bench_engine_probe(const PdkBenchTarget *target, PdkBenchPath path);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(PdkBenchEngine, pdk_bench_engine_free)

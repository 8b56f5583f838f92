/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to the server: changes when sockets are opened, read or written differently. */
#pragma once

#include "engine.h"

typedef struct {
	gint64 stamp_ns; /* when it was sent, or due */
	gint32 xid;
	PdkBenchOp op;
} PdkBenchPending;

typedef struct {
	int fd;
	guint index; /* also says which of several servers is its own */
	gint32 next_xid;
	gboolean wants_write; /* the socket was full: EPOLLOUT is armed */
	guint in_flight;
	guint first;           /* oldest entry of @ring */
	PdkBenchPending *ring; /* as many as depth; NULL until the first request */
	guint64 sent;          /* in this phase */
	PdkBenchBuffer out;
	PdkBenchBuffer in; /* the part of a reply that was read so far */
} PdkBenchConnection;

/* Connects and, for ZooKeeper, opens a session; blocking, but not beyond @deadline_ns. The socket is
 * non-blocking afterwards. Sets *@timeout_ms to the negotiated session time-out (unchanged for Redis). */
gboolean pdk_bench_connection_open(PdkBenchConnection *self, const PdkBenchTarget *target, gint64 deadline_ns,
				   gint32 *timeout_ms, GError **error);

/* The same in two steps, so that many sessions can be opened at once. */
gboolean pdk_bench_connection_begin(PdkBenchConnection *self, const PdkBenchTarget *target,
				    gint64 deadline_ns, GError **error);
gboolean pdk_bench_connection_finish(PdkBenchConnection *self, const PdkBenchTarget *target,
				     gint64 deadline_ns, gint32 *timeout_ms, GError **error);

/* Writes what is waiting, as far as the socket takes it; FALSE when the connection is lost. */
gboolean pdk_bench_connection_flush(PdkBenchConnection *self);

/* Closes the socket (after closeSession when @polite) and frees the buffers. */
void pdk_bench_connection_close(PdkBenchConnection *self, gboolean polite);

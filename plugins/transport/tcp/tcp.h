/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transport as its files share it: the core thread's side. Connections are found by handle (slot and
 * generation) in one table; each belongs to the core's own engine or to one I/O thread.
 */
#ifndef PDK_TCP_H
#define PDK_TCP_H

#include "engine.h"

typedef struct PdkTcpThreads PdkTcpThreads;

typedef struct {
	PdkTcpConn *conn; /* NULL: free */
	uint32_t generation;
	uint32_t next_free;
} PdkTcpSlot;

/* What of the GLib loop wakes the transport. */
typedef struct {
	GSource source;
	PdkTransport *self;
	gpointer tag; /* of the engine's epoll descriptor */
} PdkTcpSource;

struct PdkTransport {
	const PdkHost *host;
	const PdkTransportEvents *events;
	void *context; /* of `events` */
	PdkTcpEngine engine;
	PdkTcpSource *source;
	uint8_t *scratch;
	bool has_told; /* something was reported since the last `turn` */

	bool keep_alive, no_delay;
	int backlog;

	PdkTcpSlot *slots;
	uint32_t n_slots, room_slots, free_slot; /* free_slot: index + 1, 0 none */

	GPtrArray *listeners; /* PdkTcpListener */
	int reserve_fd;       /* given up for a moment when descriptors run out, -1: not there */
	int64_t complained_us; /* when running out was last logged */
	PdkTcpThreads *threads; /* NULL: io_threads is 0 */
	GArray *resumed, *ended; /* handles: kept news are due; the peer ended and the core has yet to hear it */
};

/* A new record in the table for the socket @fd (-1: none yet). Owned by the table until pdk_tcp_release. */
PdkTcpConn *
pdk_tcp_new_conn(PdkTransport *self, int fd, PdkPurpose purpose);
/* NULL when @handle is spent. */
PdkTcpConn *
pdk_tcp_find(PdkTransport *self, PdkConn handle);
/* Tells the core that @conn is closed (unless it was refused), and lets go of it. */
void
pdk_tcp_tell_closed(PdkTransport *self, PdkTcpConn *conn, PdkClosedReason reason, int error);
/* `drained`, if the core waits for it. */
void
pdk_tcp_tell_drained(PdkTransport *self, PdkTcpConn *conn);
/* Sets the options that accepted sockets inherit and dialled ones need. */
void
pdk_tcp_set_socket_options(PdkTransport *self, int fd, PdkPurpose purpose);

/* listener.c */
char *
pdk_tcp_listen(PdkTransport *self, PdkPurpose purpose, const char *address, int backlog, GError **error);
void
pdk_tcp_stop_listening(PdkTransport *self);
void
pdk_tcp_stop_listening_for(PdkTransport *self, PdkPurpose purpose);
/* Frees one entry of `listeners`. */
void
pdk_tcp_listener_free(gpointer listener);

/* dial.c */
PdkConn
pdk_tcp_dial(PdkTransport *self, PdkPurpose purpose, const char *address, int timeout_ms, PdkLink link);
/* The socket of a CONNECTING connection has an answer. */
void
pdk_tcp_dial_answered(PdkTransport *self, PdkTcpConn *conn);
void
pdk_tcp_dial_free(struct PdkTcpDial *dial);

#endif

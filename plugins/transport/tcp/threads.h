/* SPDX-License-Identifier: Apache-2.0 */
/*
 * I/O threads. Each runs an engine of its own; commands go to it, and news come back, in batches over locked
 * queues with one eventfd a direction. All functions are for the core thread.
 *
 * The order of commands of one connection is kept, so is the order of its news; `closed` is its last news and
 * PDK_TCP_FREE its last command. Received bytes travel in blocks; a connection with PDK_TCP_UNREAD_MARK bytes
 * that the core has not consumed is not read, and a thread with too many blocks under way reads nothing.
 */
#ifndef PDK_TCP_THREADS_H
#define PDK_TCP_THREADS_H

#include "tcp.h"

#define PDK_TCP_UNREAD_MARK (256 * 1024)

typedef enum {
	PDK_TCP_ADOPT = 1, /* begin to read */
	PDK_TCP_SEND,
	PDK_TCP_CLOSE_NOW,
	PDK_TCP_CLOSE_FLUSHED,
	PDK_TCP_PAUSE,
	PDK_TCP_RESUME,
	PDK_TCP_CREDIT, /* the core has consumed */
	PDK_TCP_END,    /* the core knows that the peer has ended */
	PDK_TCP_FREE,
} PdkTcpCommandCode;

/* What a thread has to tell. */
typedef enum {
	PDK_TCP_NEWS_RECEIVED = 1,
	PDK_TCP_NEWS_ENDED,
	PDK_TCP_NEWS_DRAINED,
	PDK_TCP_NEWS_CLOSED,
} PdkTcpNewsCode;

typedef struct {
	PdkTcpConn *conn;
	uint8_t code;   /* PdkTcpNewsCode */
	uint8_t reason; /* CLOSED: PdkClosedReason */
	int error;      /* CLOSED: errno, or 0 */
	uint32_t offset, length; /* RECEIVED: in the block */
} PdkTcpNews;

/* Starts @n threads. */
PdkTcpThreads *
pdk_tcp_threads_new(PdkTransport *transport, unsigned n, GError **error);
/* Lets the threads carry out what was commanded, joins and frees them. */
void
pdk_tcp_threads_free(PdkTcpThreads *self);
/* The thread for the next connection, in turn. */
struct PdkTcpThread *
pdk_tcp_threads_pick(PdkTcpThreads *self);
/* Adds a command to the batch of @conn's thread; @output (SEND) is taken over. */
void
pdk_tcp_threads_command(PdkTcpConn *conn, PdkTcpCommandCode code, PdkTcpOutput *output);
/* Hands the batches over; at the end of each turn, and before the core's loop waits. */
void
pdk_tcp_threads_hand_over(PdkTcpThreads *self);
/* Tells the news that came, until @until_us has passed; the rest waits. Returns how many pieces it told. */
unsigned
pdk_tcp_threads_deliver(PdkTcpThreads *self, int64_t until_us);
/* True when a batch waits to be handed over, or news to be told. */
bool
pdk_tcp_threads_is_due(const PdkTcpThreads *self);

/* exchange.c: what the core does with a thread's connections. */
size_t
pdk_tcp_exchange_send(PdkTcpConn *conn, const PdkPart *parts, unsigned n);
void
pdk_tcp_exchange_pause(PdkTcpConn *conn);
void
pdk_tcp_exchange_resume(PdkTransport *self, PdkTcpConn *conn);
/* Tells what was kept for connections that were resumed. */
void
pdk_tcp_exchange_resumed(PdkTransport *self);
/* After `turn`: connections whose peer has ended, and which the core did not close or pause, are ended. */
void
pdk_tcp_exchange_turned(PdkTransport *self);
/* One piece of news; @bytes is what was received. */
void
pdk_tcp_exchange_news(PdkTransport *self, const PdkTcpNews *news, const uint8_t *bytes);

#endif

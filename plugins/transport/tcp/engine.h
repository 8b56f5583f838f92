/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine: sockets of open connections around one epoll descriptor. It reads, writes, flushes and closes,
 * and reports to a sink. One engine runs inside the core's loop; with io_threads each thread runs one more.
 *
 * Everything here is for the engine's own thread. Only `received` and `ended` are told while a round looks at
 * sockets; `connected`, `drained` and `closed` are told at the end of a round, so never inside a call into
 * the engine.
 */
#ifndef PDK_TCP_ENGINE_H
#define PDK_TCP_ENGINE_H

#include "address.h"
#include "output.h"

#include <stdatomic.h>
#include <sys/epoll.h>

/* `drained` is told when unsent output falls to this. */
#define PDK_TCP_LOW_MARK (256 * 1024)
#define PDK_TCP_READ_BYTES (64 * 1024)

typedef struct PdkTcpEngine PdkTcpEngine;
typedef struct PdkTcpWatch PdkTcpWatch;
typedef struct PdkTcpConn PdkTcpConn;

/* Whatever is registered with an engine's epoll begins with this. */
struct PdkTcpWatch {
	void (*ready)(PdkTcpEngine *engine, PdkTcpWatch *watch, uint32_t events);
};

typedef enum {
	PDK_TCP_CONNECTING = 1,
	PDK_TCP_OPEN,
	PDK_TCP_FLUSHING,  /* close was asked for: output goes out, input is dropped */
	PDK_TCP_LINGERING, /* our sending side is shut: waiting for the peer's end */
	PDK_TCP_DONE,      /* the socket is gone, `closed` was or will be told */
} PdkTcpState;

/* What `peer` answered, each made when asked for. */
typedef struct {
	char *address, *endpoint, *local;
} PdkTcpTexts;

/*
 * One connection. An idle one owns nothing but this record and, once asked for, the text of its peer's
 * address.
 */
struct PdkTcpConn {
	PdkTcpWatch watch;

	/* The engine's. */
	int fd;
	uint32_t armed; /* what epoll watches for */
	PdkTcpOutput output;
	int64_t deadline_us;       /* FLUSHING, LINGERING: when patience ends */
	PdkTcpConn *next_closing;  /* FLUSHING, LINGERING */
	PdkTcpConn *previous_closing;
	PdkTcpConn *next_pending;  /* waiting for the end of the round, or to be freed */
	int error;                 /* errno behind `reason`, or 0; below 0: of getaddrinfo, whose errors are negative */
	uint8_t state;             /* PdkTcpState */
	uint8_t reason;            /* DONE: PdkClosedReason */
	bool paused : 1;           /* by the core */
	bool starved : 1;          /* too much received that the core has not consumed */
	bool registered : 1;       /* with epoll */
	bool peer_ended : 1;       /* the peer shut its sending side */
	bool ending : 1;           /* close as soon as the output is out: the peer has ended */
	bool is_pending : 1;
	bool is_closing : 1;       /* on the closing list */
	bool tell_connected : 1;
	bool tell_drained : 1;

	/* Shared by the core thread and an I/O thread. */
	atomic_bool throttled;   /* the engine waits for the core to consume */
	atomic_uint unread;      /* received bytes the core has not consumed; I/O threads only */
	atomic_size_t unsent;    /* bytes handed over that the system has not taken */

	/* The core thread's. */
	uint8_t purpose;         /* PdkPurpose */
	bool is_closed : 1;      /* the core called `close` */
	bool above_mark : 1;     /* `send` returned more than the low mark, and `drained` was not told since */
	bool is_held : 1;        /* the core paused it (I/O threads: news that still come are kept) */
	bool is_resumed : 1;     /* on the list of those whose kept news are due */
	bool end_held : 1;       /* I/O threads: the peer's end is kept, too */
	PdkConn handle;
	PdkLink link;            /* 0: refused, nothing is told */
	struct PdkTcpThread *thread; /* NULL: in the core's own engine */
	PdkTcpTexts *texts;      /* made when asked for */
	union {
		struct PdkTcpDial *dial; /* CONNECTING */
		GByteArray *kept;        /* I/O threads: received while paused */
	};
	PdkTcpAddress peer, local;
};

G_STATIC_ASSERT(sizeof(PdkTcpConn) <= 200);

/* Where an engine reports; @owner is the one given to pdk_tcp_engine_init. */
typedef struct {
	/* Where the next bytes go; NULL: nowhere for now. */
	uint8_t *(*space)(void *owner, size_t *size);
	/* @data lies at the address that `space` gave last. */
	void (*received)(void *owner, PdkTcpConn *conn, const uint8_t *data, size_t length);
	/*
	 * The peer shut its side. The sink answers, now or later, with pdk_tcp_engine_end (or the core
	 * closes).
	 */
	void (*ended)(void *owner, PdkTcpConn *conn);
	/* A CONNECTING socket has an answer. */
	void (*connecting)(void *owner, PdkTcpConn *conn);
	void (*connected)(void *owner, PdkTcpConn *conn);
	void (*drained)(void *owner, PdkTcpConn *conn);
	/* The last word about @conn. The engine will not touch it unless asked to free it. */
	void (*closed)(void *owner, PdkTcpConn *conn);
} PdkTcpSink;

#define PDK_TCP_EVENTS 256

struct PdkTcpEngine {
	int epoll_fd;
	const PdkTcpSink *sink;
	void *owner;
	struct epoll_event events[PDK_TCP_EVENTS];
	unsigned next_event, n_events; /* what is left of the last epoll_wait */
	size_t heard_bytes;            /* since the clock was last looked at */
	PdkTcpConn *pending_head, *pending_tail;
	PdkTcpConn *graveyard; /* freed when no event of the last epoll_wait is left */
	PdkTcpConn *closing;
	int64_t look_us; /* when the next of `closing` may run out of time; INT64_MAX: none */
};

bool
pdk_tcp_engine_init(PdkTcpEngine *self, const PdkTcpSink *sink, void *owner, GError **error);
/* Frees what waits to be freed. Connections that still live are the caller's. */
void
pdk_tcp_engine_clear(PdkTcpEngine *self);
bool
pdk_tcp_engine_watch(PdkTcpEngine *self, int fd, PdkTcpWatch *watch, uint32_t events, bool again);

/*
 * One epoll_wait of at most @timeout_ms (0: does not wait) and what follows from it; stops early, keeping the
 * rest for the next call, when @until_us has passed. Returns how many events it handled.
 */
unsigned
pdk_tcp_engine_round(PdkTcpEngine *self, int timeout_ms, int64_t until_us);
/* True when a round has something to do without waiting. */
bool
pdk_tcp_engine_is_due(const PdkTcpEngine *self);
/* How long a round may wait: -1 for ever, else milliseconds. */
int
pdk_tcp_engine_patience_ms(const PdkTcpEngine *self);

/* Makes epoll watch for what @conn's state wants; registers it when it is new. */
void
pdk_tcp_engine_arm(PdkTcpEngine *self, PdkTcpConn *conn);
/* Takes the socket of @conn out of epoll and closes it. */
void
pdk_tcp_engine_hang_up(PdkTcpEngine *self, PdkTcpConn *conn);
/* CONNECTING becomes OPEN; `connected` follows. */
void
pdk_tcp_engine_open(PdkTcpEngine *self, PdkTcpConn *conn);
/* Writes @parts, or queues what does not go now. Returns the bytes unsent. */
size_t
pdk_tcp_engine_send(PdkTcpEngine *self, PdkTcpConn *conn, const PdkPart *parts, unsigned n);
/* Takes over @output, whose bytes are counted in @conn->unsent already, and writes what goes now. */
void
pdk_tcp_engine_push(PdkTcpEngine *self, PdkTcpConn *conn, PdkTcpOutput *output);
void
pdk_tcp_engine_close(PdkTcpEngine *self, PdkTcpConn *conn, PdkCloseMode mode);
/* The peer has ended and the core knows: flush, then close. */
void
pdk_tcp_engine_end(PdkTcpEngine *self, PdkTcpConn *conn);
void
pdk_tcp_engine_pause(PdkTcpEngine *self, PdkTcpConn *conn);
void
pdk_tcp_engine_resume(PdkTcpEngine *self, PdkTcpConn *conn);
/* Closes the socket at once; `closed` follows with @reason. A connection that is DONE stays as it is. */
void
pdk_tcp_engine_finish(PdkTcpEngine *self, PdkTcpConn *conn, PdkClosedReason reason, int error);
/* Frees a connection that `closed` was told of, when no event can point to it any more. */
void
pdk_tcp_engine_bury(PdkTcpEngine *self, PdkTcpConn *conn);

#endif

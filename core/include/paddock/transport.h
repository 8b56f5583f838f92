/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transport: moves bytes between peers and the core. It knows no frames: the core cuts them. Telling TLS from
 * plain text on one port is the transport's own matter.
 *
 * A turn: the transport reads what is ready and reports it by `received`, for as many connections as it likes
 * (bounded: about 1 ms), then says `turn`. Only then does the core write its log and hand over replies by
 * `send`, one call a connection. A transport that reports outside a burst (a timer, another thread's news)
 * ends with `turn`, too.
 *
 * The option key `listen` (PDK_OPTION_LIST) is read by the host, which calls `listen` once for each address
 * when the server is ready to serve.
 */
#ifndef PADDOCK_TRANSPORT_H
#define PADDOCK_TRANSPORT_H

#include <paddock/host.h>

G_BEGIN_DECLS

typedef struct PdkTransport PdkTransport;

typedef enum {
	PDK_CLOSED_BY_PEER = 1,    /* orderly end or reset */
	PDK_CLOSED_BY_ERROR = 2,   /* the socket failed */
	PDK_CLOSED_BY_CORE = 3,    /* the answer to `close` */
	PDK_CLOSED_REFUSED = 4,    /* a dial that nobody answered (connection refused) */
	PDK_CLOSED_UNREACHED = 5,  /* a dial that failed otherwise or ran out of time */
	PDK_CLOSED_HANDSHAKE = 6,  /* TLS said no */
} PdkClosedReason;

/*
 * What a transport reports. Called on the core thread only, never from inside a call of the core into the
 * transport. @context is the one given to `start`.
 */
typedef struct {
	uint32_t size;
	/*
	 * A peer connected to a listener of @purpose. Returns the core's name for it; 0: refused, and the
	 * transport closes it at once without a further event. `peer` may be asked inside this call.
	 */
	PdkLink (*accepted)(void *context, PdkTransport *self, PdkConn conn, PdkPurpose purpose);
	/* A dial succeeded. */
	void (*dialled)(void *context, PdkLink link);
	/* @data is lent for the call. */
	void (*received)(void *context, PdkLink link, const uint8_t *data, size_t length);
	/* Unsent output fell to the low mark (256 KiB) after `send` had returned more than that. */
	void (*drained)(void *context, PdkLink link, size_t unsent);
	/* The last event of a connection; every accepted or dialled connection gets exactly one. */
	void (*closed)(void *context, PdkLink link, PdkClosedReason reason, const char *detail);
	/* The burst is over: the core may now act on what it heard. */
	void (*turn)(void *context);
} PdkTransportEvents;

typedef enum {
	PDK_CLOSE_NOW = 1, /* drop unsent output */
	/*
	 * Flush what was sent, shut the sending side, read off what the peer still sends for up to 1 s, then
	 * close: unread input would turn the close into a reset that eats the last reply.
	 */
	PDK_CLOSE_FLUSHED = 2,
} PdkCloseMode;

typedef struct {
	const void *data;
	size_t length;
	GBytes *owner; /* not NULL: @data lies in it, take a reference instead of a copy */
} PdkPart;

typedef enum {
	PDK_PEER_ADDRESS = 1,     /* "127.0.0.1" / "0:0:0:0:0:0:0:1" as Java prints addresses, no port */
	PDK_PEER_ENDPOINT = 2,    /* "/127.0.0.1:58712" as Java prints socket addresses */
	PDK_PEER_CERTIFICATE = 3, /* subject of the verified certificate, RFC 2253; NULL without one */
	PDK_PEER_SECURE = 4,      /* "1" when encrypted, else NULL */
	PDK_PEER_LOCAL = 5,       /* own end, "/127.0.0.1:2181" */
} PdkPeerKey;

/* Required: create, destroy, start, listen, send, close, pause, resume, peer. */
typedef struct {
	uint32_t size;
	PdkTransport *(*create)(const PdkHost *host, const PdkConfig *config, GError **error);
	/* Drops every connection without further events, joins its threads. */
	void (*destroy)(PdkTransport *self);

	/* Once, before anything else: where to report. */
	void (*start)(PdkTransport *self, const PdkTransportEvents *events, void *context);
	/*
	 * Opens a listener on @address: "host:port", "[v6]:port", ":port" or "*:port" (all, both families
	 * where the system can), port 0 picks one. @backlog <= 0: the default. Returns the bound address as
	 * text (g_free), NULL and @error otherwise.
	 */
	char *(*listen)(PdkTransport *self, PdkPurpose purpose, const char *address, int backlog, GError **error);
	/* Closes every listener; connections stay. */
	void (*stop_listening)(PdkTransport *self);

	/*
	 * Hands over @n parts, in order, behind what was handed over before. Parts without an owner are
	 * copied or written before the call returns. Returns the bytes not yet taken by the system (0: all
	 * gone). A failing socket is reported later by `closed`.
	 */
	size_t (*send)(PdkTransport *self, PdkConn conn, const PdkPart *parts, unsigned n);
	/* Answered by `closed` with PDK_CLOSED_BY_CORE; no `received` in between. */
	void (*close)(PdkTransport *self, PdkConn conn, PdkCloseMode mode);
	/* No further `received` until `resume`; idempotent. */
	void (*pause)(PdkTransport *self, PdkConn conn);
	void (*resume)(PdkTransport *self, PdkConn conn);
	/* A fact about the peer, or NULL; valid until the connection is closed. */
	const char *(*peer)(PdkTransport *self, PdkConn conn, PdkPeerKey key);

	/*
	 * Optional. Connects to @address ("host:port"; name lookup through the pool); bounded by @timeout_ms.
	 * Answered by `dialled` or `closed` with @link.
	 */
	PdkConn (*dial)(PdkTransport *self, PdkPurpose purpose, const char *address, int timeout_ms, PdkLink link);
	/* Optional, since 1.1. Closes the listeners of @purpose; connections stay. */
	void (*stop_listening_for)(PdkTransport *self, PdkPurpose purpose);
} PdkTransportOps;

G_END_DECLS

#endif

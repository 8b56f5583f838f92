/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bench for transports: an instance of the plugin under test, a core that writes down what it is told, and
 * peers, which are plain sockets of this program. The recording core also checks the rules that hold for
 * every event: never inside a call into the transport, one `closed` and nothing after it, bursts end with `turn`.
 */
#ifndef TRANSPORT_BENCH_H
#define TRANSPORT_BENCH_H

#include "fake_host.h"

#include <paddock/transport.h>

/* Long enough for a busy machine with sanitizers; a passing case never waits for it. */
#define BENCH_PATIENCE_MS 20000

typedef struct Bench Bench;

/* One connection as the core knows it. */
typedef struct {
	Bench *bench;
	PdkConn conn;
	PdkLink link;
	PdkPurpose purpose;
	GByteArray *received;
	size_t n_received; /* bytes, counted even when not kept */
	unsigned n_dialled, n_drained, n_closed;
	size_t unsent_at_drain;
	PdkClosedReason reason;
	char detail[80];
	char *address, *endpoint, *local; /* what `peer` said inside `accepted`, or at `dialled` */
} Seen;

struct Bench {
	FakeHost *host;
	PdkConfig *config;
	const PdkTransportOps *ops;
	PdkTransport *transport; /* NULL once destroyed */
	GPtrArray *seen;         /* Seen; the link of seen[i] is i + 1 */
	unsigned n_accepted;
	unsigned n_turns;
	bool in_call;  /* a call into the transport is running */
	bool has_told; /* something was told since the last `turn` */
	bool refuses;  /* answers `accepted` with 0 */
	bool forgets;  /* counts received bytes without keeping them */
	/* What the core does; each may be NULL. */
	void (*on_accepted)(Bench *bench, Seen *seen);
	void (*on_received)(Bench *bench, Seen *seen);
	void (*on_turn)(Bench *bench);
	char *listening; /* what `listen` returned */
	uint16_t port;
};

/* The option pair is set when the plugin has such an option; @key may be NULL. */
Bench *
bench_new(const PdkPlugin *plugin, const char *key, const char *value);
/* Opens a listener for clients. */
void
bench_listen(Bench *bench, const char *address);
void
bench_destroy_transport(Bench *bench);
/* Destroys, and checks that no event was left without its `turn`. */
void
bench_free(Bench *bench);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Bench, bench_free)

/* Calls into the transport, each checked to tell nothing inside. */
size_t
bench_send(Bench *bench, PdkConn conn, const PdkPart *parts, unsigned n);
size_t
bench_send_bytes(Bench *bench, PdkConn conn, const void *data, size_t length);
void
bench_close(Bench *bench, PdkConn conn, PdkCloseMode mode);
void
bench_pause(Bench *bench, PdkConn conn);
void
bench_resume(Bench *bench, PdkConn conn);
Seen *
bench_dial(Bench *bench, const char *address, int timeout_ms);

/* Run the loop until it is so; false when it does not come. */
bool
bench_await_accepted(Bench *bench, unsigned n);
bool
bench_await_received(Seen *seen, size_t length);
bool
bench_await_closed(Seen *seen);
/* The socket of a peer: ready for @events (poll's). */
bool
bench_await_peer(Bench *bench, int fd, short events);

/* A connected peer (non-blocking), and what the core knows of it. Aborts when there is none. */
int
bench_connect(Bench *bench);
Seen *
bench_connect_seen(Bench *bench, int *fd);
/* Writes all of it while the loop runs. False: the transport has hung up. */
bool
bench_peer_write(Bench *bench, int fd, const void *data, size_t length);
/* Reads @length bytes while the loop runs. False: the end came first. */
bool
bench_peer_read(Bench *bench, int fd, void *into, size_t length);
/* Reads and drops until the end, counting; -1 when it is a reset. */
ssize_t
bench_peer_read_to_end(Bench *bench, int fd);

/* @length bytes of which each tells its place. g_free. */
uint8_t *
bench_pattern(size_t length, unsigned seed);

#endif

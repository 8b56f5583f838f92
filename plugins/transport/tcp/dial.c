/* SPDX-License-Identifier: Apache-2.0 */
/* Changes when the way to a peer we call does: name, addresses one after the other, time-out. */
#include "tcp.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

/* What a dialling connection needs; gone as soon as it is connected or given up. */
struct PdkTcpDial {
	PdkTransport *self;
	PdkConn handle;
	uint64_t timer;
	struct addrinfo *list; /* freed with freeaddrinfo */
	const struct addrinfo *next;
	bool was_refused; /* by one of them at least */
	int error;        /* of the last one */
};

/* The question for the pool; lives by itself, since the connection may be closed before the answer. */
typedef struct {
	PdkTransport *self;
	PdkConn handle;
	char *host;
	char service[8];
	struct addrinfo *list;
	int problem;
} PdkTcpLookup;

void
pdk_tcp_dial_free(struct PdkTcpDial *dial)
{
	const PdkHost *host = dial->self->host;
	host->timer_cancel(host, dial->timer);
	if (dial->list)
		freeaddrinfo(dial->list);
	g_free(dial);
}

static void
give_up(PdkTransport *self, PdkTcpConn *conn, int error)
{
	PdkClosedReason reason = conn->dial->was_refused ? PDK_CLOSED_REFUSED : PDK_CLOSED_UNREACHED;
	if (error == ETIMEDOUT)
		reason = PDK_CLOSED_UNREACHED;
	pdk_tcp_engine_finish(&self->engine, conn, reason, error);
}

static void
reached(PdkTransport *self, PdkTcpConn *conn)
{
	struct sockaddr_storage address = { .ss_family = AF_INET };
	socklen_t length = sizeof(address);
	getpeername(conn->fd, (struct sockaddr *)&address, &length);
	pdk_tcp_address_set(&conn->peer, &address);
	length = sizeof(address);
	getsockname(conn->fd, (struct sockaddr *)&address, &length);
	pdk_tcp_address_set(&conn->local, &address);
	pdk_tcp_dial_free(conn->dial);
	conn->dial = NULL;
	pdk_tcp_engine_open(&self->engine, conn);
}

/* Tries the addresses that are left, until one does not answer at once. */
static void
try_next(PdkTransport *self, PdkTcpConn *conn)
{
	struct PdkTcpDial *dial = conn->dial;
	while (dial->next) {
		const struct addrinfo *at = dial->next;
		dial->next = at->ai_next;
		conn->fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (conn->fd < 0) {
			dial->error = errno;
			continue;
		}
		pdk_tcp_set_socket_options(self, conn->fd, (PdkPurpose)conn->purpose);
		if (connect(conn->fd, at->ai_addr, at->ai_addrlen) == 0) {
			reached(self, conn);
			return;
		}
		if (errno == EINPROGRESS || errno == EINTR) {
			pdk_tcp_engine_arm(&self->engine, conn);
			return;
		}
		dial->error = errno;
		dial->was_refused |= errno == ECONNREFUSED;
		pdk_tcp_engine_hang_up(&self->engine, conn);
	}
	give_up(self, conn, dial->error);
}

void
pdk_tcp_dial_answered(PdkTransport *self, PdkTcpConn *conn)
{
	int error = 0;
	socklen_t length = sizeof(error);
	if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
		error = errno;
	if (error == 0) {
		reached(self, conn);
		return;
	}
	conn->dial->error = error;
	conn->dial->was_refused |= error == ECONNREFUSED;
	pdk_tcp_engine_hang_up(&self->engine, conn);
	try_next(self, conn);
}

static int
look_up(const char *host, const char *service, int flags, struct addrinfo **list)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | flags };
	return getaddrinfo(host, service, &hints, list);
}

static void
look_up_elsewhere(void *data)
{
	PdkTcpLookup *lookup = data;
	lookup->problem = look_up(lookup->host, lookup->service, 0, &lookup->list);
}

static void
looked_up(void *data)
{
	PdkTcpLookup *lookup = data;
	PdkTransport *self = lookup->self;
	PdkTcpConn *conn = pdk_tcp_find(self, lookup->handle);
	if (conn && conn->state == PDK_TCP_CONNECTING) {
		conn->dial->list = g_steal_pointer(&lookup->list);
		conn->dial->next = conn->dial->list;
		conn->dial->error = lookup->problem ? lookup->problem : EHOSTUNREACH;
		try_next(self, conn);
	}
	if (lookup->list)
		freeaddrinfo(lookup->list);
	g_free(lookup->host);
	g_free(lookup);
}

static void
timed_out(void *data)
{
	struct PdkTcpDial *dial = data;
	dial->timer = 0;
	PdkTcpConn *conn = pdk_tcp_find(dial->self, dial->handle);
	if (conn && conn->state == PDK_TCP_CONNECTING)
		give_up(dial->self, conn, ETIMEDOUT);
}

PdkConn
pdk_tcp_dial(PdkTransport *self, PdkPurpose purpose, const char *address, int timeout_ms, PdkLink link)
{
	PdkTcpConn *conn = pdk_tcp_new_conn(self, -1, purpose);
	struct PdkTcpDial *dial = g_new0(struct PdkTcpDial, 1);
	const PdkHost *host = self->host;
	dial->self = self;
	dial->handle = conn->handle;
	conn->link = link;
	conn->dial = dial;

	g_autoptr(GError) error = NULL;
	g_autofree char *name = NULL;
	uint16_t port;
	if (!pdk_tcp_address_split(address, &name, &port, &error)) {
		host->log(host, PDK_LOG_WARNING, "bad-dial-address cause=\"%s\"", error->message);
		give_up(self, conn, EINVAL);
		return conn->handle;
	}
	dial->timer = host->timer(host, host->now_us(host) + (int64_t)timeout_ms * 1000, timed_out, dial);
	char service[8];
	g_snprintf(service, sizeof(service), "%u", port);
	/* Without a host: this machine. */
	int problem = look_up(name, service, AI_NUMERICHOST, &dial->list);
	if (problem == 0) {
		dial->next = dial->list;
		try_next(self, conn);
		return conn->handle;
	}
	PdkTcpLookup *lookup = g_new0(PdkTcpLookup, 1);
	lookup->self = self;
	lookup->handle = conn->handle;
	lookup->host = g_steal_pointer(&name);
	memcpy(lookup->service, service, sizeof(service));
	host->offload(host, PDK_LANE_POOL, look_up_elsewhere, looked_up, lookup);
	return conn->handle;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Changes when the way peers are let in does. */
#define _GNU_SOURCE /* accept4 */

#include "threads.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

/* Connections accepted from one listener before the others have their turn. */
#define ACCEPT_BATCH 64
/* How long a listener rests when the system cannot give a descriptor. */
#define REST_US (100 * 1000)
/* How often that is logged. */
#define COMPLAIN_US (10 * G_USEC_PER_SEC)

typedef struct {
	PdkTcpWatch watch;
	PdkTransport *self;
	int fd; /* -1: stopped */
	PdkPurpose purpose;
	uint64_t rest_timer; /* 0: not resting */
} PdkTcpListener;

static void
listener_stop(PdkTcpListener *listener)
{
	PdkTransport *self = listener->self;
	if (listener->fd < 0)
		return;
	self->host->timer_cancel(self->host, listener->rest_timer);
	listener->rest_timer = 0;
	epoll_ctl(self->engine.epoll_fd, EPOLL_CTL_DEL, listener->fd, NULL);
	close(listener->fd);
	listener->fd = -1;
}

void
pdk_tcp_listener_free(gpointer data)
{
	listener_stop(data);
	g_free(data);
}

void
pdk_tcp_stop_listening(PdkTransport *self)
{
	/* The records stay: events for them may be waiting. */
	for (unsigned i = 0; i < self->listeners->len; i++)
		listener_stop(g_ptr_array_index(self->listeners, i));
}

void
pdk_tcp_stop_listening_for(PdkTransport *self, PdkPurpose purpose)
{
	for (unsigned i = 0; i < self->listeners->len; i++) {
		PdkTcpListener *listener = g_ptr_array_index(self->listeners, i);
		if (listener->purpose == purpose)
			listener_stop(listener);
	}
}

static void
rested(void *data)
{
	PdkTcpListener *listener = data;
	listener->rest_timer = 0;
	pdk_tcp_engine_watch(&listener->self->engine, listener->fd, &listener->watch, EPOLLIN, true);
}

/* The system has no descriptor to give: does not ask again for a while. */
static void
rest(PdkTcpListener *listener)
{
	PdkTransport *self = listener->self;
	if (listener->rest_timer)
		return;
	pdk_tcp_engine_watch(&self->engine, listener->fd, &listener->watch, 0, true);
	int64_t until_us = self->host->now_us(self->host) + REST_US;
	listener->rest_timer = self->host->timer(self->host, until_us, rested, listener);
}

static void
complain(PdkTransport *self, int error)
{
	int64_t now_us = self->host->now_us(self->host);
	if (self->complained_us && now_us - self->complained_us < COMPLAIN_US)
		return;
	self->complained_us = now_us;
	self->host->log(self->host, PDK_LOG_WARNING, "cannot-accept cause=\"%s\"", g_strerror(error));
}

/* Descriptors ran out: turns one peer away with the descriptor kept for that. False: not even that works. */
static bool
turn_away(PdkTransport *self, int listener_fd)
{
	if (self->reserve_fd < 0)
		return false;
	close(self->reserve_fd);
	int fd = accept4(listener_fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		close(fd);
	self->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return fd >= 0;
}

static void
let_in(PdkTransport *self, PdkTcpListener *listener, int fd, const struct sockaddr_storage *peer)
{
	PdkTcpConn *conn = pdk_tcp_new_conn(self, fd, listener->purpose);
	struct sockaddr_storage local = { .ss_family = AF_INET };
	socklen_t length = sizeof(local);
	getsockname(fd, (struct sockaddr *)&local, &length);
	pdk_tcp_address_set(&conn->peer, peer);
	pdk_tcp_address_set(&conn->local, &local);
	if (self->threads && listener->purpose == PDK_PURPOSE_CLIENT) {
		conn->thread = pdk_tcp_threads_pick(self->threads);
		pdk_tcp_threads_command(conn, PDK_TCP_ADOPT, NULL);
	}
	self->has_told = true;
	conn->link = self->events->accepted(self->context, self, conn->handle, listener->purpose);
	if (conn->link == 0) {
		conn->is_closed = true;
		if (conn->thread)
			pdk_tcp_threads_command(conn, PDK_TCP_CLOSE_NOW, NULL);
		else
			pdk_tcp_engine_close(&self->engine, conn, PDK_CLOSE_NOW);
	} else if (conn->thread == NULL) {
		pdk_tcp_engine_arm(&self->engine, conn);
	}
}

/* What accept says about one peer that did not wait, or about the network: the next one may do better. */
static bool
is_passing(int error)
{
	return error == EINTR || error == ECONNABORTED || error == EPROTO || error == ENETDOWN ||
	       error == ENOPROTOOPT || error == EHOSTDOWN || error == ENONET || error == EHOSTUNREACH ||
	       error == EOPNOTSUPP || error == ENETUNREACH || error == EPERM;
}

static void
listener_ready(PdkTcpEngine *engine, PdkTcpWatch *watch, uint32_t events)
{
	PdkTcpListener *listener = (PdkTcpListener *)watch;
	PdkTransport *self = listener->self;
	(void)engine;
	(void)events;
	for (unsigned i = 0; i < ACCEPT_BATCH && listener->fd >= 0; i++) {
		struct sockaddr_storage peer;
		socklen_t length = sizeof(peer);
		int fd = accept4(listener->fd, (struct sockaddr *)&peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			let_in(self, listener, fd, &peer);
			continue;
		}
		if (errno == EAGAIN)
			return;
		if (is_passing(errno))
			continue;
		complain(self, errno);
		if ((errno == EMFILE || errno == ENFILE) && turn_away(self, listener->fd))
			continue;
		rest(listener);
		return;
	}
}

/* The address to bind: of a name its first one, IPv4 before IPv6 as Java does. */
static bool
resolve(const char *address, struct sockaddr_storage *into, socklen_t *length, bool *is_any, GError **error)
{
	g_autofree char *host = NULL;
	uint16_t port;
	if (!pdk_tcp_address_split(address, &host, &port, error))
		return false;
	*is_any = host == NULL;
	memset(into, 0, sizeof(*into));
	if (host == NULL) {
		struct sockaddr_in6 *any = (struct sockaddr_in6 *)into;
		*any = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(port) };
		*length = sizeof(*any);
		return true;
	}
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
	struct addrinfo *list = NULL;
	g_autofree char *service = g_strdup_printf("%u", port);
	int problem = getaddrinfo(host, service, &hints, &list);
	if (problem) {
		g_set_error(error, PDK_TCP_ERROR, PDK_TCP_ERROR_ADDRESS, "'%s': %s", address, gai_strerror(problem));
		return false;
	}
	const struct addrinfo *chosen = list;
	for (const struct addrinfo *each = list; each; each = each->ai_next) {
		if (each->ai_family == AF_INET) {
			chosen = each;
			break;
		}
	}
	memcpy(into, chosen->ai_addr, chosen->ai_addrlen);
	*length = chosen->ai_addrlen;
	freeaddrinfo(list);
	return true;
}

/* A listening socket, or -1 and errno. */
static int
open_listener(PdkTransport *self, PdkPurpose purpose, const struct sockaddr_storage *at, socklen_t length, int backlog)
{
	int fd = socket(at->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	int on = 1, off = 0;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (at->ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	/* Accepted sockets inherit these: no call for each of them. */
	pdk_tcp_set_socket_options(self, fd, purpose);
	if (bind(fd, (const struct sockaddr *)at, length) < 0 || listen(fd, backlog) < 0) {
		int problem = errno;
		close(fd);
		errno = problem;
		return -1;
	}
	return fd;
}

char *
pdk_tcp_listen(PdkTransport *self, PdkPurpose purpose, const char *address, int backlog, GError **error)
{
	struct sockaddr_storage at;
	socklen_t length;
	bool is_any;
	if (!resolve(address, &at, &length, &is_any, error))
		return NULL;
	if (backlog <= 0)
		backlog = self->backlog > 0 ? self->backlog : SOMAXCONN;
	int fd = open_listener(self, purpose, &at, length, backlog);
	if (fd < 0 && is_any && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) {
		/* A system without IPv6. */
		in_port_t port = ((struct sockaddr_in6 *)&at)->sin6_port;
		memset(&at, 0, sizeof(at));
		*(struct sockaddr_in *)&at = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = port };
		fd = open_listener(self, purpose, &at, sizeof(struct sockaddr_in), backlog);
	}
	if (fd < 0) {
		g_set_error(error, PDK_TCP_ERROR, PDK_TCP_ERROR_SYSTEM, "cannot listen on %s: %s", address,
			    g_strerror(errno));
		return NULL;
	}
	PdkTcpListener *listener = g_new0(PdkTcpListener, 1);
	*listener = (PdkTcpListener){ .watch.ready = listener_ready, .self = self, .fd = fd, .purpose = purpose };
	g_ptr_array_add(self->listeners, listener);
	if (!pdk_tcp_engine_watch(&self->engine, fd, &listener->watch, EPOLLIN, false)) {
		g_set_error(error, PDK_TCP_ERROR, PDK_TCP_ERROR_SYSTEM, "cannot watch %s: %s", address,
			    g_strerror(errno));
		listener_stop(listener);
		return NULL;
	}
	length = sizeof(at);
	getsockname(fd, (struct sockaddr *)&at, &length);
	PdkTcpAddress bound;
	pdk_tcp_address_set(&bound, &at);
	return pdk_tcp_address_text(&bound);
}

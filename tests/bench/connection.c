/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to the server: changes when sockets are opened, read or written differently. */
#include "connection.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define OP_CLOSE_SESSION (-11)
#define RETRY_US 5000

typedef struct addrinfo AddressInfo;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AddressInfo, freeaddrinfo)

static gboolean fail(GError **error, int code, const char *what) {
	g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(code), "%s: %s", what,
		    g_strerror(code));
	return FALSE;
}

static void set_limits(int fd, gint64 deadline_ns) {
	gint64 left_us = MAX((deadline_ns - pdk_bench_now()) / 1000, 1000);
	struct timeval left = { .tv_sec = left_us / 1000000, .tv_usec = left_us % 1000000 };
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &left, sizeof(left));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &left, sizeof(left));
}

/* One attempt: the descriptor, or -1 with errno set. */
static int try_connect(const AddressInfo *address, gint64 deadline_ns) {
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int code;

	if (fd < 0)
		return -1;
	set_limits(fd, deadline_ns);
	if (connect(fd, address->ai_addr, address->ai_addrlen) == 0)
		return fd;
	code = errno;
	close(fd);
	errno = code;
	return -1;
}

gboolean pdk_bench_connection_begin(PdkBenchConnection *self, const PdkBenchTarget *target,
				    gint64 deadline_ns, GError **error) {
	const PdkBenchAddress *server = &target->servers[self->index % target->server_count];
	AddressInfo hints = { .ai_socktype = SOCK_STREAM };
	g_autoptr(AddressInfo) address = NULL;
	int status = getaddrinfo(server->host, server->port, &hints, &address);

	if (status != 0) {
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NXIO, "%s:%s: %s", server->host, server->port,
			    gai_strerror(status));
		return FALSE;
	}
	for (;;) {
		self->fd = try_connect(address, deadline_ns);
		if (self->fd >= 0)
			break;
		if (errno != ECONNREFUSED && errno != ECONNRESET && errno != EINTR)
			return fail(error, errno, "connect");
		if (pdk_bench_now() >= deadline_ns)
			return fail(error, ETIMEDOUT, "connect");
		g_usleep(RETRY_US);
	}
	if (target->protocol == PDK_BENCH_PROTOCOL_REDIS)
		return TRUE;
	pdk_bench_put_connect(&self->out, target->session_timeout_ms);
	if (!pdk_bench_connection_flush(self))
		return fail(error, errno, "send handshake");
	return TRUE;
}

static gboolean read_handshake(int fd, gint32 *timeout_ms, GError **error) {
	guint8 bytes[PDK_BENCH_CONNECT_RESPONSE_MAX];
	gsize length = 0;
	gssize whole = 0;

	while (whole == 0) {
		/* Nothing else was asked for, so what arrives is the answer and no more. */
		gssize n = recv(fd, bytes + length, sizeof(bytes) - length, 0);

		if (n < 0)
			return fail(error, errno == EAGAIN ? ETIMEDOUT : errno, "read handshake");
		if (n == 0)
			return fail(error, ECONNRESET, "read handshake");
		length += (gsize)n;
		whole = pdk_bench_cut_connect(bytes, length, timeout_ms);
	}
	if (whole < 0 || (gsize)whole != length || *timeout_ms <= 0)
		return fail(error, EPROTO, "handshake");
	return TRUE;
}

gboolean pdk_bench_connection_finish(PdkBenchConnection *self, const PdkBenchTarget *target,
				     gint64 deadline_ns, gint32 *timeout_ms, GError **error) {
	set_limits(self->fd, deadline_ns);
	if (target->protocol == PDK_BENCH_PROTOCOL_ZOOKEEPER && !read_handshake(self->fd, timeout_ms, error))
		return FALSE;
	if (fcntl(self->fd, F_SETFL, O_NONBLOCK) < 0)
		return fail(error, errno, "fcntl");
	return TRUE;
}

gboolean pdk_bench_connection_open(PdkBenchConnection *self, const PdkBenchTarget *target, gint64 deadline_ns,
				   gint32 *timeout_ms, GError **error) {
	return pdk_bench_connection_begin(self, target, deadline_ns, error) &&
	       pdk_bench_connection_finish(self, target, deadline_ns, timeout_ms, error);
}

gboolean pdk_bench_connection_flush(PdkBenchConnection *self) {
	PdkBenchBuffer *out = &self->out;

	while (out->start < out->length) {
		gssize n = send(self->fd, out->data + out->start, out->length - out->start, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			memmove(out->data, out->data + out->start, out->length - out->start);
			out->length -= out->start;
			out->start = 0;
			return TRUE;
		}
		if (n <= 0)
			return FALSE;
		out->start += (gsize)n;
	}
	out->start = out->length = 0;
	return TRUE;
}

void pdk_bench_connection_close(PdkBenchConnection *self, gboolean polite) {
	if (self->fd >= 0) {
		if (polite) {
			pdk_bench_put_header_only(&self->out, 0, OP_CLOSE_SESSION);
			pdk_bench_connection_flush(self);
			shutdown(self->fd, SHUT_WR);
		}
		close(self->fd);
	}
	self->fd = -1;
	g_clear_pointer(&self->ring, g_free);
	pdk_bench_buffer_clear(&self->out);
	pdk_bench_buffer_clear(&self->in);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Changes when the way a socket is read, written, flushed or closed does. */
#include "engine.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* How long the peer may take to end after we did; the contract of PDK_CLOSE_FLUSHED. */
#define LINGER_US (1 * G_USEC_PER_SEC)
/* How long a closing connection may take none of its output. */
#define FLUSH_STALL_US (10 * G_USEC_PER_SEC)
/* Vectors a write, and bytes a connection may write before others have their turn. */
#define WRITE_VECTORS 64
#define WRITE_BYTES (1024 * 1024)
/* The clock is looked at after so many events or bytes. */
#define CLOCK_EVENTS 16
#define CLOCK_BYTES (64 * 1024)

static void
conn_ready(PdkTcpEngine *self, PdkTcpWatch *watch, uint32_t events);

bool
pdk_tcp_engine_init(PdkTcpEngine *self, const PdkTcpSink *sink, void *owner, GError **error)
{
	*self = (PdkTcpEngine){ .sink = sink, .owner = owner, .look_us = INT64_MAX };
	self->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (self->epoll_fd < 0) {
		g_set_error(error, PDK_TCP_ERROR, PDK_TCP_ERROR_SYSTEM, "epoll_create1: %s", g_strerror(errno));
		return false;
	}
	return true;
}

static void
empty_graveyard(PdkTcpEngine *self)
{
	while (self->graveyard) {
		PdkTcpConn *conn = self->graveyard;
		self->graveyard = conn->next_pending;
		g_free(conn);
	}
}

void
pdk_tcp_engine_clear(PdkTcpEngine *self)
{
	empty_graveyard(self);
	close(self->epoll_fd);
}

bool
pdk_tcp_engine_watch(PdkTcpEngine *self, int fd, PdkTcpWatch *watch, uint32_t events, bool again)
{
	struct epoll_event event = { .events = events, .data.ptr = watch };
	return epoll_ctl(self->epoll_fd, again ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) == 0;
}

static void
make_pending(PdkTcpEngine *self, PdkTcpConn *conn)
{
	if (conn->is_pending)
		return;
	conn->is_pending = true;
	conn->next_pending = NULL;
	if (self->pending_tail)
		self->pending_tail->next_pending = conn;
	else
		self->pending_head = conn;
	self->pending_tail = conn;
}

void
pdk_tcp_engine_hang_up(PdkTcpEngine *self, PdkTcpConn *conn)
{
	if (conn->fd < 0)
		return;
	/*
	 * Said aloud: a forked child may hold the socket open, and then close alone would leave it in the
	 * epoll.
	 */
	if (conn->registered)
		epoll_ctl(self->epoll_fd, EPOLL_CTL_DEL, conn->fd, NULL);
	close(conn->fd);
	conn->fd = -1;
	conn->registered = false;
	conn->armed = 0;
}

static void
leave_closing(PdkTcpEngine *self, PdkTcpConn *conn)
{
	if (conn->next_closing)
		conn->next_closing->previous_closing = conn->previous_closing;
	if (conn->previous_closing)
		conn->previous_closing->next_closing = conn->next_closing;
	else
		self->closing = conn->next_closing;
	conn->is_closing = false;
}

void
pdk_tcp_engine_finish(PdkTcpEngine *self, PdkTcpConn *conn, PdkClosedReason reason, int error)
{
	if (conn->state == PDK_TCP_DONE)
		return;
	if (conn->is_closing)
		leave_closing(self, conn);
	pdk_tcp_engine_hang_up(self, conn);
	pdk_tcp_output_clear(&conn->output);
	conn->state = PDK_TCP_DONE;
	conn->reason = (uint8_t)reason;
	conn->error = error;
	make_pending(self, conn);
}

/* The socket failed. What the core closed is closed by the core, whatever happens on the way. */
static void
fail(PdkTcpEngine *self, PdkTcpConn *conn, int error)
{
	if (conn->state != PDK_TCP_OPEN)
		pdk_tcp_engine_finish(self, conn, PDK_CLOSED_BY_CORE, 0);
	else if (error == 0 || error == ECONNRESET || error == EPIPE)
		pdk_tcp_engine_finish(self, conn, PDK_CLOSED_BY_PEER, error);
	else
		pdk_tcp_engine_finish(self, conn, PDK_CLOSED_BY_ERROR, error);
}

static uint32_t
wanted_events(const PdkTcpConn *conn)
{
	uint32_t out = conn->output.head ? EPOLLOUT : 0;
	switch ((PdkTcpState)conn->state) {
	case PDK_TCP_CONNECTING:
		return EPOLLOUT;
	case PDK_TCP_OPEN:
		if (conn->paused || conn->starved || conn->peer_ended || conn->tell_connected)
			return out;
		return out | EPOLLIN;
	case PDK_TCP_FLUSHING:
		return conn->peer_ended ? out : out | EPOLLIN;
	case PDK_TCP_LINGERING:
		return EPOLLIN;
	case PDK_TCP_DONE:
		break;
	}
	return 0;
}

void
pdk_tcp_engine_arm(PdkTcpEngine *self, PdkTcpConn *conn)
{
	if (conn->fd < 0)
		return;
	uint32_t wanted = wanted_events(conn);
	if (conn->registered && wanted == conn->armed)
		return;
	conn->watch.ready = conn_ready;
	if (!pdk_tcp_engine_watch(self, conn->fd, &conn->watch, wanted, conn->registered)) {
		fail(self, conn, errno);
		return;
	}
	conn->registered = true;
	conn->armed = wanted;
}

static void
be_patient(PdkTcpEngine *self, PdkTcpConn *conn, int64_t patience_us)
{
	conn->deadline_us = g_get_monotonic_time() + patience_us;
	self->look_us = MIN(self->look_us, conn->deadline_us);
	if (conn->is_closing)
		return;
	conn->is_closing = true;
	conn->previous_closing = NULL;
	conn->next_closing = self->closing;
	if (self->closing)
		self->closing->previous_closing = conn;
	self->closing = conn;
}

/* All output is out. */
static void
flushed(PdkTcpEngine *self, PdkTcpConn *conn)
{
	if (conn->state == PDK_TCP_OPEN && conn->ending) {
		pdk_tcp_engine_finish(self, conn, PDK_CLOSED_BY_PEER, 0);
	} else if (conn->state == PDK_TCP_FLUSHING && conn->peer_ended) {
		pdk_tcp_engine_finish(self, conn, PDK_CLOSED_BY_CORE, 0);
	} else if (conn->state == PDK_TCP_FLUSHING) {
		shutdown(conn->fd, SHUT_WR);
		conn->state = PDK_TCP_LINGERING;
		be_patient(self, conn, LINGER_US);
	}
}

static void
took(PdkTcpEngine *self, PdkTcpConn *conn, size_t length)
{
	pdk_tcp_output_drop(&conn->output, length);
	size_t before = atomic_fetch_sub(&conn->unsent, length);
	if (before > PDK_TCP_LOW_MARK && before - length <= PDK_TCP_LOW_MARK) {
		conn->tell_drained = true;
		make_pending(self, conn);
	}
	if (conn->state == PDK_TCP_FLUSHING)
		be_patient(self, conn, FLUSH_STALL_US);
}

/* Writes queued output until the system takes no more. */
static void
write_output(PdkTcpEngine *self, PdkTcpConn *conn)
{
	size_t written = 0;
	while (conn->output.head && written < WRITE_BYTES) {
		struct iovec vectors[WRITE_VECTORS];
		size_t length;
		struct msghdr message = { .msg_iov = vectors };
		message.msg_iovlen = pdk_tcp_output_peek(&conn->output, vectors, WRITE_VECTORS, &length);
		ssize_t n = sendmsg(conn->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == ENOBUFS))
			break;
		if (n < 0) {
			fail(self, conn, errno);
			return;
		}
		written += (size_t)n;
		took(self, conn, (size_t)n);
		if ((size_t)n < length)
			break;
	}
	if (conn->output.head == NULL)
		flushed(self, conn);
	pdk_tcp_engine_arm(self, conn);
}

/* Writes @parts past the queue. Returns the bytes taken, or -1: the socket failed. */
static ssize_t
write_parts(PdkTcpConn *conn, const PdkPart *parts, unsigned n)
{
	size_t total = 0;
	for (unsigned at = 0; at < n;) {
		struct iovec vectors[WRITE_VECTORS];
		unsigned count = MIN(n - at, WRITE_VECTORS);
		size_t length = 0;
		for (unsigned i = 0; i < count; i++) {
			vectors[i] = (struct iovec){ (void *)parts[at + i].data, parts[at + i].length };
			length += parts[at + i].length;
		}
		struct msghdr message = { .msg_iov = vectors, .msg_iovlen = count };
		ssize_t sent = count == 1 ? send(conn->fd, parts[at].data, length, MSG_NOSIGNAL | MSG_DONTWAIT)
					  : sendmsg(conn->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EAGAIN || errno == ENOBUFS ? (ssize_t)total : -1;
		total += (size_t)sent;
		if ((size_t)sent < length)
			break;
		at += count;
	}
	return (ssize_t)total;
}

size_t
pdk_tcp_engine_send(PdkTcpEngine *self, PdkTcpConn *conn, const PdkPart *parts, unsigned n)
{
	if (conn->state != PDK_TCP_OPEN && conn->state != PDK_TCP_CONNECTING)
		return 0;
	size_t length = 0;
	for (unsigned i = 0; i < n; i++)
		length += parts[i].length;
	if (length == 0)
		return conn->output.head ? atomic_load(&conn->unsent) : 0;
	size_t written = 0;
	if (conn->state == PDK_TCP_OPEN && conn->output.head == NULL) {
		ssize_t taken = write_parts(conn, parts, n);
		if (taken < 0) {
			fail(self, conn, errno);
			return 0;
		}
		written = (size_t)taken;
		if (written == length)
			return 0;
	}
	pdk_tcp_output_add(&conn->output, parts, n, written);
	size_t unsent = atomic_fetch_add(&conn->unsent, length - written) + length - written;
	pdk_tcp_engine_arm(self, conn);
	return unsent;
}

void
pdk_tcp_engine_push(PdkTcpEngine *self, PdkTcpConn *conn, PdkTcpOutput *output)
{
	if (conn->state != PDK_TCP_OPEN) {
		pdk_tcp_output_clear(output);
		return;
	}
	bool was_empty = conn->output.head == NULL;
	pdk_tcp_output_splice(&conn->output, output);
	if (was_empty)
		write_output(self, conn);
}

void
pdk_tcp_engine_open(PdkTcpEngine *self, PdkTcpConn *conn)
{
	conn->state = PDK_TCP_OPEN;
	conn->tell_connected = true;
	make_pending(self, conn);
	write_output(self, conn);
}

void
pdk_tcp_engine_close(PdkTcpEngine *self, PdkTcpConn *conn, PdkCloseMode mode)
{
	if (mode == PDK_CLOSE_NOW || conn->state == PDK_TCP_CONNECTING) {
		pdk_tcp_engine_finish(self, conn, PDK_CLOSED_BY_CORE, 0);
		return;
	}
	if (conn->state != PDK_TCP_OPEN)
		return;
	conn->state = PDK_TCP_FLUSHING;
	if (conn->output.head)
		be_patient(self, conn, FLUSH_STALL_US);
	else
		flushed(self, conn);
	pdk_tcp_engine_arm(self, conn);
}

void
pdk_tcp_engine_end(PdkTcpEngine *self, PdkTcpConn *conn)
{
	if (conn->state != PDK_TCP_OPEN)
		return;
	conn->ending = true;
	if (conn->output.head == NULL)
		flushed(self, conn);
}

void
pdk_tcp_engine_pause(PdkTcpEngine *self, PdkTcpConn *conn)
{
	(void)self;
	/* Epoll is told when the peer does send: a pause that ends soon costs no system call. */
	conn->paused = true;
}

void
pdk_tcp_engine_resume(PdkTcpEngine *self, PdkTcpConn *conn)
{
	conn->paused = false;
	pdk_tcp_engine_arm(self, conn);
}

void
pdk_tcp_engine_bury(PdkTcpEngine *self, PdkTcpConn *conn)
{
	g_assert(conn->state == PDK_TCP_DONE && conn->fd < 0 && !conn->is_pending);
	conn->next_pending = self->graveyard;
	self->graveyard = conn;
}

static int
socket_error(int fd)
{
	int error = 0;
	socklen_t length = sizeof(error);
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
		return errno;
	return error;
}

static void
peer_ended(PdkTcpEngine *self, PdkTcpConn *conn)
{
	conn->peer_ended = true;
	if (conn->state == PDK_TCP_LINGERING) {
		pdk_tcp_engine_finish(self, conn, PDK_CLOSED_BY_CORE, 0);
		return;
	}
	pdk_tcp_engine_arm(self, conn);
	if (conn->state == PDK_TCP_OPEN)
		self->sink->ended(self->owner, conn);
}

/* Reads once: what is left is read in the next round, after everybody else. */
static void
hear(PdkTcpEngine *self, PdkTcpConn *conn, uint32_t events)
{
	if (!(wanted_events(conn) & EPOLLIN)) {
		if (events & (EPOLLERR | EPOLLHUP))
			fail(self, conn, socket_error(conn->fd));
		else
			pdk_tcp_engine_arm(self, conn);
		return;
	}
	size_t size;
	uint8_t *into = self->sink->space(self->owner, &size);
	if (into == NULL)
		return;
	ssize_t n = recv(conn->fd, into, size, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		fail(self, conn, errno);
		return;
	}
	if (n == 0) {
		peer_ended(self, conn);
		return;
	}
	self->heard_bytes += (size_t)n;
	if (conn->state == PDK_TCP_OPEN)
		self->sink->received(self->owner, conn, into, (size_t)n);
}

static void
conn_ready(PdkTcpEngine *self, PdkTcpWatch *watch, uint32_t events)
{
	PdkTcpConn *conn = (PdkTcpConn *)watch;
	if (conn->state == PDK_TCP_DONE)
		return;
	if (conn->state == PDK_TCP_CONNECTING) {
		self->sink->connecting(self->owner, conn);
		return;
	}
	if ((events & EPOLLOUT) && conn->output.head)
		write_output(self, conn);
	if (conn->state != PDK_TCP_DONE && (events & ~(uint32_t)EPOLLOUT))
		hear(self, conn, events);
}

/* Ends the patience with closing connections. */
static void
look_at_closing(PdkTcpEngine *self)
{
	int64_t now_us = g_get_monotonic_time();
	if (now_us < self->look_us)
		return;
	self->look_us = INT64_MAX;
	for (PdkTcpConn *conn = self->closing, *next; conn; conn = next) {
		next = conn->next_closing;
		if (now_us >= conn->deadline_us)
			pdk_tcp_engine_finish(self, conn, PDK_CLOSED_BY_CORE, 0);
		else
			self->look_us = MIN(self->look_us, conn->deadline_us);
	}
}

/* Tells what was gathered until now; what comes meanwhile waits for the next round. */
static void
tell_pending(PdkTcpEngine *self)
{
	PdkTcpConn *conn = self->pending_head;
	self->pending_head = self->pending_tail = NULL;
	while (conn) {
		PdkTcpConn *next = conn->next_pending;
		conn->is_pending = false;
		if (conn->tell_connected) {
			conn->tell_connected = false;
			self->sink->connected(self->owner, conn);
			pdk_tcp_engine_arm(self, conn);
		}
		if (conn->tell_drained && conn->state != PDK_TCP_DONE)
			self->sink->drained(self->owner, conn);
		conn->tell_drained = false;
		/* One that ended inside those calls is pending again. */
		if (conn->state == PDK_TCP_DONE && !conn->is_pending)
			self->sink->closed(self->owner, conn);
		conn = next;
	}
}

unsigned
pdk_tcp_engine_round(PdkTcpEngine *self, int timeout_ms, int64_t until_us)
{
	if (self->next_event == self->n_events) {
		empty_graveyard(self);
		int n = epoll_wait(self->epoll_fd, self->events, PDK_TCP_EVENTS, timeout_ms);
		self->next_event = 0;
		self->n_events = n > 0 ? (unsigned)n : 0;
	}
	unsigned handled = 0;
	while (self->next_event < self->n_events) {
		const struct epoll_event *event = &self->events[self->next_event++];
		PdkTcpWatch *watch = event->data.ptr;
		watch->ready(self, watch, event->events);
		if (++handled % CLOCK_EVENTS != 0 && self->heard_bytes < CLOCK_BYTES)
			continue;
		self->heard_bytes = 0;
		if (g_get_monotonic_time() >= until_us)
			break;
	}
	if (self->closing)
		look_at_closing(self);
	if (self->pending_head)
		tell_pending(self);
	return handled;
}

bool
pdk_tcp_engine_is_due(const PdkTcpEngine *self)
{
	return self->pending_head || self->next_event < self->n_events;
}

int
pdk_tcp_engine_patience_ms(const PdkTcpEngine *self)
{
	if (pdk_tcp_engine_is_due(self))
		return 0;
	if (self->closing == NULL)
		return -1;
	int64_t left_us = self->look_us - g_get_monotonic_time();
	return left_us <= 0 ? 0 : (int)MIN(left_us / 1000 + 1, 60000);
}

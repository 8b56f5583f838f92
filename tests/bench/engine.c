/* SPDX-License-Identifier: Apache-2.0 */
/* Connections and the loop that keeps them busy: changes when load is paced or counted differently. */
#include "engine.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "connection.h"

#define NS_PER_S 1000000000LL
#define SCRATCH_BYTES (256 * 1024)
#define EVENTS_MAX 256
/* Handshakes under way at once while opening: below the smallest listen backlog in use (Java's 50). */
#define OPENING_MAX 32
/* After the last request of a timed phase, replies are awaited so long. */
#define DRAIN_NS (30 * NS_PER_S)

struct PdkBenchEngine {
	PdkBenchTarget target;
	int epoll_fd;
	guint count;
	PdkBenchConnection *connections;
	guint8 *scratch;
	gint32 session_timeout_ms;
	gint64 ping_due_ns;
	guint64 errors;
	char *first_error;

	/* the phase under way */
	PdkBenchPhase *phase;
	gint64 start_ns;   /* when request 0 is due */
	gint64 measure_ns; /* where measuring begins */
	gint64 end_ns;     /* where sending ends; G_MAXINT64 when a number of requests ends it */
	gboolean measuring;
	gboolean stopped;
	guint in_flight;
	gboolean lost;
};

gint64 pdk_bench_now(void) {
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (gint64)now.tv_sec * NS_PER_S + now.tv_nsec;
}

G_GNUC_PRINTF(2, 3)
static void count_error(PdkBenchEngine *self, const char *format, ...) {
	va_list arguments;

	self->errors++;
	if (self->first_error != NULL)
		return;
	va_start(arguments, format);
	self->first_error = g_strdup_vprintf(format, arguments);
	va_end(arguments);
}

static gboolean register_connection(PdkBenchEngine *self, PdkBenchConnection *conn, GError **error) {
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = conn };

	if (epoll_ctl(self->epoll_fd, EPOLL_CTL_ADD, conn->fd, &event) == 0)
		return TRUE;
	g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(errno), "epoll_ctl: %s",
		    g_strerror(errno));
	return FALSE;
}

/* Opens connections first .. first + count - 1, with all their handshakes under way at once. */
static gboolean open_some(PdkBenchEngine *self, guint first, guint count, GError **error) {
	for (guint i = first; i < first + count; i++) {
		if (!pdk_bench_connection_begin(&self->connections[i], &self->target,
						self->target.deadline_ns, error))
			return FALSE;
	}
	for (guint i = first; i < first + count; i++) {
		PdkBenchConnection *conn = &self->connections[i];

		if (!pdk_bench_connection_finish(conn, &self->target, self->target.deadline_ns,
						 &self->session_timeout_ms, error) ||
		    !register_connection(self, conn, error))
			return FALSE;
		pdk_bench_buffer_clear(&conn->out);
	}
	return TRUE;
}

/* The first session is opened alone and again and again: a server that is starting accepts connections and
 * drops them. */
static gboolean open_first(PdkBenchEngine *self, GError **error) {
	g_autoptr(GError) last = NULL;

	do {
		g_clear_error(&last);
		if (open_some(self, 0, 1, &last))
			return TRUE;
		pdk_bench_connection_close(&self->connections[0], FALSE);
		g_usleep(20000);
	} while (pdk_bench_now() < self->target.deadline_ns);
	g_propagate_error(error, g_steal_pointer(&last));
	return FALSE;
}

PdkBenchEngine *pdk_bench_engine_new(const PdkBenchTarget *target, GError **error) {
	g_autoptr(PdkBenchEngine) self = g_new0(PdkBenchEngine, 1);

	prctl(PR_SET_TIMERSLACK, 1UL);
	self->target = *target;
	self->count = target->connections;
	self->connections = g_new0(PdkBenchConnection, self->count);
	self->scratch = g_malloc(SCRATCH_BYTES);
	for (guint i = 0; i < self->count; i++) {
		self->connections[i].fd = -1;
		self->connections[i].index = i;
	}
	self->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (self->epoll_fd < 0) {
		g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(errno), "epoll: %s",
			    g_strerror(errno));
		return NULL;
	}
	if (!open_first(self, error))
		return NULL;
	for (guint first = 1; first < self->count; first += OPENING_MAX) {
		if (!open_some(self, first, MIN(OPENING_MAX, self->count - first), error))
			return NULL;
	}
	self->ping_due_ns = pdk_bench_now() + (gint64)self->session_timeout_ms * 1000000 / 4;
	return g_steal_pointer(&self);
}

void pdk_bench_engine_free(PdkBenchEngine *self) {
	for (guint i = 0; i < self->count; i++)
		pdk_bench_connection_close(&self->connections[i],
					   self->target.protocol == PDK_BENCH_PROTOCOL_ZOOKEEPER);
	if (self->epoll_fd >= 0)
		close(self->epoll_fd);
	g_free(self->connections);
	g_free(self->scratch);
	g_free(self->first_error);
	g_free(self);
}

guint64 pdk_bench_engine_errors(const PdkBenchEngine *self, const char **first) {
	if (first != NULL)
		*first = self->first_error;
	return self->errors;
}

static void arm(PdkBenchEngine *self, PdkBenchConnection *conn, gboolean wants_write) {
	struct epoll_event event = { .events = EPOLLIN | (wants_write ? EPOLLOUT : 0u), .data.ptr = conn };

	if (conn->wants_write == wants_write)
		return;
	conn->wants_write = wants_write;
	epoll_ctl(self->epoll_fd, EPOLL_CTL_MOD, conn->fd, &event);
}

static void lose(PdkBenchEngine *self, PdkBenchConnection *conn, const char *why) {
	if (conn->fd < 0)
		return;
	count_error(self, "connection %u lost: %s", conn->index, why);
	self->in_flight -= conn->in_flight;
	self->errors += conn->in_flight;
	conn->in_flight = 0;
	pdk_bench_connection_close(conn, FALSE);
	self->lost = TRUE;
}

static void flush(PdkBenchEngine *self, PdkBenchConnection *conn) {
	if (conn->fd < 0 || conn->out.start == conn->out.length)
		return;
	if (!pdk_bench_connection_flush(conn)) {
		lose(self, conn, g_strerror(errno));
		return;
	}
	arm(self, conn, conn->out.start < conn->out.length);
}

/* When the connection's next request is due: each connection takes every count-th one of the fixed rate. */
static gint64 due_ns(const PdkBenchEngine *self, const PdkBenchConnection *conn) {
	double position = (double)(conn->sent * self->count + conn->index);

	return self->start_ns + (gint64)(position * 1e9 / self->phase->rate);
}

static gboolean may_send(const PdkBenchEngine *self, const PdkBenchConnection *conn, gint64 now,
			 gint64 *stamp) {
	const PdkBenchPhase *phase = self->phase;

	if (phase->encode == NULL || conn->fd < 0 || conn->in_flight >= self->target.depth)
		return FALSE;
	if (phase->total > 0 && phase->sent >= phase->total)
		return FALSE;
	*stamp = phase->rate > 0 ? due_ns(self, conn) : now;
	/* At a fixed rate, what was due before the end is still sent after it: leaving it out would hide a
	 * stall. */
	if (phase->rate > 0)
		return *stamp <= now && *stamp < self->end_ns;
	return !self->stopped;
}

static void send_one(PdkBenchEngine *self, PdkBenchConnection *conn, gint64 stamp) {
	guint depth = self->target.depth;
	guint slot = conn->first + conn->in_flight;
	PdkBenchPending *pending;

	if (conn->ring == NULL)
		conn->ring = g_new0(PdkBenchPending, depth);
	pending = &conn->ring[slot < depth ? slot : slot - depth];
	conn->next_xid = conn->next_xid == G_MAXINT32 ? 1 : conn->next_xid + 1;
	pending->stamp_ns = stamp;
	pending->xid = self->target.protocol == PDK_BENCH_PROTOCOL_REDIS ? 0 : conn->next_xid;
	pending->op = self->phase->encode(self->phase->data, &conn->out, pending->xid, self->phase->sent);
	conn->in_flight++;
	conn->sent++;
	self->in_flight++;
	self->phase->sent++;
}

static void fill(PdkBenchEngine *self, PdkBenchConnection *conn, gint64 now) {
	gint64 stamp;

	while (may_send(self, conn, now, &stamp))
		send_one(self, conn, stamp);
	flush(self, conn);
}

static void take_notification(PdkBenchEngine *self) {
	self->phase->notified++;
	if (self->phase->notifications == 0)
		count_error(self, "unexpected watch event");
}

static void take_reply(PdkBenchEngine *self, PdkBenchConnection *conn, const PdkBenchReply *reply,
		       gint64 now) {
	PdkBenchPhase *phase = self->phase;
	PdkBenchPending pending;

	if (reply->xid == PDK_BENCH_XID_PING)
		return;
	if (reply->xid == PDK_BENCH_XID_NOTIFICATION) {
		take_notification(self);
		return;
	}
	if (conn->in_flight == 0) {
		count_error(self, "reply to xid %d, which was not asked", reply->xid);
		return;
	}
	pending = conn->ring[conn->first];
	conn->first = conn->first + 1 == self->target.depth ? 0 : conn->first + 1;
	conn->in_flight--;
	self->in_flight--;
	if (reply->xid != pending.xid)
		count_error(self, "reply to xid %d where %d was due", reply->xid, pending.xid);
	else if (reply->err != 0 && (phase->tolerated == 0 || reply->err != phase->tolerated))
		count_error(self, "error %d", reply->err);
	else if (reply->err == 0 && !pdk_bench_reply_fits(reply, pending.op, self->target.data_length))
		count_error(self, "reply of %" G_GSIZE_FORMAT " bytes does not fit the request",
			    reply->body_length);
	if (self->measuring)
		phase->answered++;
	if (phase->latency != NULL && pending.stamp_ns >= self->measure_ns &&
	    (self->measuring || phase->rate > 0))
		pdk_bench_histogram_record(phase->latency, now - pending.stamp_ns);
}

/* Takes all whole replies off @bytes and returns how many bytes they were; the connection may be lost
 * afterwards. */
static gsize take_replies(PdkBenchEngine *self, PdkBenchConnection *conn, const guint8 *bytes, gsize length,
			  gint64 now) {
	gsize taken = 0;

	while (taken < length) {
		PdkBenchReply reply;
		gssize whole = pdk_bench_cut(self->target.protocol, bytes + taken, length - taken, &reply);

		if (whole < 0) {
			lose(self, conn, "not a reply");
			return taken;
		}
		if (whole == 0)
			break;
		take_reply(self, conn, &reply, now);
		taken += (gsize)whole;
	}
	return taken;
}

static void keep_rest(PdkBenchConnection *conn, const guint8 *bytes, gsize length) {
	if (length == 0)
		return;
	memcpy(pdk_bench_buffer_reserve(&conn->in, length), bytes, length);
	conn->in.length += length;
}

static void take_bytes(PdkBenchEngine *self, PdkBenchConnection *conn, gsize length, gint64 now) {
	PdkBenchBuffer *in = &conn->in;
	gsize taken;

	if (in->start == in->length) {
		taken = take_replies(self, conn, self->scratch, length, now);
		if (conn->fd >= 0)
			keep_rest(conn, self->scratch + taken, length - taken);
		return;
	}
	keep_rest(conn, self->scratch, length);
	taken = take_replies(self, conn, in->data + in->start, in->length - in->start, now);
	if (conn->fd < 0)
		return;
	in->start += taken;
	if (in->start < in->length && in->start > 0) {
		memmove(in->data, in->data + in->start, in->length - in->start);
		in->length -= in->start;
		in->start = 0;
	}
}

static void read_connection(PdkBenchEngine *self, PdkBenchConnection *conn) {
	gssize n = read(conn->fd, self->scratch, SCRATCH_BYTES);
	gint64 now;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		lose(self, conn, n == 0 ? "closed by the server" : g_strerror(errno));
		return;
	}
	now = pdk_bench_now();
	take_bytes(self, conn, (gsize)n, now);
	fill(self, conn, now);
}

static void ping_idle(PdkBenchEngine *self, gint64 now) {
	if (self->target.protocol != PDK_BENCH_PROTOCOL_ZOOKEEPER || now < self->ping_due_ns)
		return;
	self->ping_due_ns = now + (gint64)self->session_timeout_ms * 1000000 / 4;
	for (guint i = 0; i < self->count; i++) {
		PdkBenchConnection *conn = &self->connections[i];

		if (conn->fd < 0 || conn->in_flight > 0)
			continue;
		pdk_bench_put_ping(&conn->out);
		flush(self, conn);
		if (conn->fd >= 0 && conn->out.start == conn->out.length)
			pdk_bench_buffer_clear(&conn->out);
	}
}

/* At a fixed rate: sends what is due and returns when the next request of a connection with room is. */
static gint64 send_due(PdkBenchEngine *self, gint64 now) {
	gint64 next = G_MAXINT64;

	if (self->phase->rate <= 0 || self->phase->encode == NULL)
		return next;
	for (guint i = 0; i < self->count; i++) {
		PdkBenchConnection *conn = &self->connections[i];

		fill(self, conn, now);
		if (conn->fd >= 0 && conn->in_flight < self->target.depth)
			next = MIN(next, due_ns(self, conn));
	}
	return next;
}

/* Begins and ends measuring when it is time. */
static void move_on(PdkBenchEngine *self, gint64 now) {
	PdkBenchPhase *phase = self->phase;

	if (!self->measuring && !self->stopped && now >= self->measure_ns) {
		if (phase->mark != NULL)
			phase->mark(phase->mark_data, TRUE);
		/* Sampling takes time, too: count from after it. */
		self->measure_ns = pdk_bench_now();
		self->measuring = TRUE;
	}
	if (self->measuring && now >= self->end_ns) {
		self->measuring = FALSE;
		self->stopped = TRUE;
		phase->elapsed_s = (double)(now - self->measure_ns) / 1e9;
		if (phase->mark != NULL)
			phase->mark(phase->mark_data, FALSE);
	}
}

/* Whether requests that were due at a fixed rate still wait for their connection. */
static gboolean backlog(const PdkBenchEngine *self) {
	if (self->phase->rate <= 0 || self->phase->encode == NULL)
		return FALSE;
	for (guint i = 0; i < self->count; i++) {
		if (self->connections[i].fd >= 0 && due_ns(self, &self->connections[i]) < self->end_ns)
			return TRUE;
	}
	return FALSE;
}

static gboolean finished(const PdkBenchEngine *self) {
	const PdkBenchPhase *phase = self->phase;

	if (phase->total > 0 && phase->sent < phase->total)
		return FALSE;
	if (phase->total == 0 && (!self->stopped || backlog(self)))
		return FALSE;
	return self->in_flight == 0 && phase->notified >= phase->notifications;
}

static void wait_and_read(PdkBenchEngine *self, gint64 until) {
	struct epoll_event events[EVENTS_MAX];
	gint64 left = CLAMP(until - pdk_bench_now(), 0, NS_PER_S);
	struct timespec timeout = { .tv_sec = left / NS_PER_S, .tv_nsec = left % NS_PER_S };
	int n = epoll_pwait2(self->epoll_fd, events, EVENTS_MAX, &timeout, NULL);

	for (int i = 0; i < n; i++) {
		PdkBenchConnection *conn = events[i].data.ptr;

		if (conn->fd >= 0 && (events[i].events & EPOLLOUT) != 0)
			flush(self, conn);
		if (conn->fd >= 0 && (events[i].events & ~(guint32)EPOLLOUT) != 0)
			read_connection(self, conn);
	}
}

static void begin_phase(PdkBenchEngine *self, PdkBenchPhase *phase) {
	self->phase = phase;
	phase->sent = phase->answered = phase->notified = 0;
	phase->elapsed_s = 0;
	self->start_ns = pdk_bench_now();
	self->measure_ns = self->start_ns + (gint64)(phase->warmup_s * 1e9);
	self->end_ns = phase->total > 0 ? G_MAXINT64 : self->measure_ns + (gint64)(phase->seconds * 1e9);
	self->measuring = FALSE;
	self->stopped = FALSE;
	move_on(self, self->start_ns);
	for (guint i = 0; i < self->count; i++) {
		self->connections[i].sent = 0;
		fill(self, &self->connections[i], pdk_bench_now());
	}
}

/* FALSE with @error set when the phase must be given up. */
static gboolean may_go_on(const PdkBenchEngine *self, gint64 now, GError **error) {
	gint64 limit = self->target.deadline_ns;

	if (self->end_ns != G_MAXINT64)
		limit = MIN(limit, self->end_ns + DRAIN_NS);
	if (!self->lost && now < limit)
		return TRUE;
	g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "%s with %u requests unanswered",
		    self->lost ? self->first_error : "time is over", self->in_flight);
	return FALSE;
}

gboolean pdk_bench_engine_run(PdkBenchEngine *self, PdkBenchPhase *phase, GError **error) {
	begin_phase(self, phase);
	for (;;) {
		gint64 now = pdk_bench_now();
		gint64 next;

		move_on(self, now);
		if (finished(self))
			break;
		if (!may_go_on(self, now, error)) {
			self->errors += self->in_flight > 0 ? self->in_flight : 1;
			return FALSE;
		}
		next = send_due(self, now);
		ping_idle(self, now);
		if (!self->measuring && !self->stopped)
			next = MIN(next, self->measure_ns);
		wait_and_read(self, MIN(next, self->end_ns > now ? self->end_ns : G_MAXINT64));
	}
	if (phase->total > 0) {
		phase->elapsed_s = (double)(pdk_bench_now() - self->measure_ns) / 1e9;
		if (phase->mark != NULL)
			phase->mark(phase->mark_data, FALSE);
	}
	return TRUE;
}

static gboolean ask_once(const PdkBenchTarget *target, PdkBenchConnection *conn, gint64 deadline_ns,
			 PdkBenchPath path) {
	guint8 bytes[4096];
	gsize length = 0;
	gint32 timeout_ms = 0;
	PdkBenchReply reply;

	if (!pdk_bench_connection_begin(conn, target, deadline_ns, NULL) ||
	    !pdk_bench_connection_finish(conn, target, deadline_ns, &timeout_ms, NULL))
		return FALSE;
	pdk_bench_put_exists(&conn->out, 1, path, FALSE);
	if (!pdk_bench_connection_flush(conn))
		return FALSE;
	while (pdk_bench_now() < deadline_ns) {
		gssize n = read(conn->fd, bytes + length, sizeof(bytes) - length);

		if (n == 0 || (n < 0 && errno != EAGAIN))
			return FALSE;
		if (n < 0) {
			g_usleep(500);
			continue;
		}
		length += (gsize)n;
		if (pdk_bench_cut(target->protocol, bytes, length, &reply) > 0)
			return reply.xid == 1 && reply.err == 0;
	}
	return FALSE;
}

gboolean pdk_bench_engine_probe(const PdkBenchTarget *target, PdkBenchPath path) {
	PdkBenchConnection conn = { .fd = -1 };
	gboolean answered =
		ask_once(target, &conn, MIN(target->deadline_ns, pdk_bench_now() + NS_PER_S), path);

	pdk_bench_connection_close(&conn, answered);
	return answered;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Changes when the transport table of the ABI, the plugin's options or the order of events in a turn do. */
#include "threads.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <paddock/plugin.h>
#include <sys/resource.h>
#include <unistd.h>

/* How long a burst may last before the rest of the loop has its turn. */
#define BURST_US 1000
/* After fewer events than this a burst is over: the next epoll_wait would mostly come back empty. */
#define BUSY_EVENTS 4
/* Of links between servers: silence before the first probe, between probes, and how many may stay unanswered. */
#define PEER_IDLE_S 10
#define PEER_INTERVAL_S 3
#define PEER_PROBES 3

static const PdkOption tcp_options[] = {
	{ .key = "listen", .type = PDK_OPTION_LIST, .fallback = "127.0.0.1:2181",
	  .help = "addresses to serve clients on: host:port, [v6]:port, or *:port for all, both families" },
	{ .key = "io_threads", .type = PDK_OPTION_INT, .fallback = "0", .min = 0, .max = 16,
	  .help = "threads that read and write client connections; 0: the core's own thread does" },
	{ .key = "no_delay", .type = PDK_OPTION_BOOL, .fallback = "true",
	  .help = "send small packets at once (TCP_NODELAY)" },
	{ .key = "keep_alive", .type = PDK_OPTION_BOOL, .fallback = "false",
	  .zoo_keys = "clientTcpKeepAlive|tcpKeepAlive",
	  .help = "let the system probe idle connections (SO_KEEPALIVE)" },
	{ .key = "backlog", .type = PDK_OPTION_INT, .fallback = "-1", .min = -1, .max = 65535,
	  .zoo_keys = "clientPortListenBacklog",
	  .help = "connections that may wait to be accepted; -1 or 0: as many as the system allows" },
	{ .key = NULL },
};

PdkTcpConn *
pdk_tcp_find(PdkTransport *self, PdkConn handle)
{
	uint32_t index = (uint32_t)handle;
	if (index >= self->n_slots || self->slots[index].generation != handle >> 32)
		return NULL;
	return self->slots[index].conn;
}

static uint32_t
take_slot(PdkTransport *self)
{
	if (self->free_slot) {
		uint32_t index = self->free_slot - 1;
		self->free_slot = self->slots[index].next_free;
		return index;
	}
	if (self->n_slots == self->room_slots) {
		self->room_slots = MAX(64, self->room_slots * 2);
		self->slots = g_renew(PdkTcpSlot, self->slots, self->room_slots);
	}
	self->slots[self->n_slots] = (PdkTcpSlot){ .generation = 1 };
	return self->n_slots++;
}

PdkTcpConn *
pdk_tcp_new_conn(PdkTransport *self, int fd, PdkPurpose purpose)
{
	uint32_t index = take_slot(self);
	PdkTcpConn *conn = g_new0(PdkTcpConn, 1);
	self->slots[index].conn = conn;
	conn->handle = (uint64_t)self->slots[index].generation << 32 | index;
	conn->fd = fd;
	conn->purpose = (uint8_t)purpose;
	conn->state = fd < 0 ? PDK_TCP_CONNECTING : PDK_TCP_OPEN;
	return conn;
}

/* Frees what the core's side of @conn owns. */
static void
strip(PdkTcpConn *conn)
{
	if (conn->thread && conn->kept)
		g_byte_array_unref(conn->kept);
	if (conn->thread == NULL && conn->dial)
		pdk_tcp_dial_free(conn->dial);
	conn->kept = NULL;
	if (conn->texts) {
		g_free(conn->texts->address);
		g_free(conn->texts->endpoint);
		g_free(conn->texts->local);
		g_free(conn->texts);
		conn->texts = NULL;
	}
}

static void
release(PdkTransport *self, PdkTcpConn *conn)
{
	uint32_t index = (uint32_t)conn->handle;
	PdkTcpSlot *slot = &self->slots[index];
	slot->conn = NULL;
	/* A slot whose generations are used up is not used again. */
	if (++slot->generation != 0) {
		slot->next_free = self->free_slot;
		self->free_slot = index + 1;
	}
	strip(conn);
	if (conn->thread)
		pdk_tcp_threads_command(conn, PDK_TCP_FREE, NULL);
	else
		pdk_tcp_engine_bury(&self->engine, conn);
}

static const char *
detail_of(PdkClosedReason reason, int error)
{
	if (error != 0)
		return error > 0 ? g_strerror(error) : gai_strerror(error);
	return reason == PDK_CLOSED_BY_PEER ? "end of stream" : NULL;
}

void
pdk_tcp_tell_closed(PdkTransport *self, PdkTcpConn *conn, PdkClosedReason reason, int error)
{
	const char *detail = detail_of(reason, error);
	if (conn->is_closed) {
		reason = PDK_CLOSED_BY_CORE;
		detail = NULL;
	}
	if (conn->link) {
		self->has_told = true;
		self->events->closed(self->context, conn->link, reason, detail);
	}
	release(self, conn);
}

void
pdk_tcp_tell_drained(PdkTransport *self, PdkTcpConn *conn)
{
	size_t unsent = atomic_load(&conn->unsent);
	if (!conn->above_mark || conn->is_closed || unsent > PDK_TCP_LOW_MARK)
		return;
	conn->above_mark = false;
	self->has_told = true;
	self->events->drained(self->context, conn->link, unsent);
}

/*
 * A peer whose machine is gone says nothing, and an election link may be silent for ever: the system asks, and gives up what
 * stays unanswered.
 */
static void
watch_peer(int fd)
{
	int on = 1, idle_s = PEER_IDLE_S, interval_s = PEER_INTERVAL_S, probes = PEER_PROBES;
	unsigned unanswered_ms = (PEER_IDLE_S + PEER_INTERVAL_S * PEER_PROBES) * 1000;
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof(interval_s));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unanswered_ms, sizeof(unanswered_ms));
}

void
pdk_tcp_set_socket_options(PdkTransport *self, int fd, PdkPurpose purpose)
{
	int on = 1;
	if (purpose != PDK_PURPOSE_CLIENT)
		watch_peer(fd);
	if (self->no_delay)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (self->keep_alive)
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

/* What the core's own engine reports. */

static uint8_t *
core_space(void *owner, size_t *size)
{
	PdkTransport *self = owner;
	*size = PDK_TCP_READ_BYTES;
	return self->scratch;
}

static void
core_received(void *owner, PdkTcpConn *conn, const uint8_t *data, size_t length)
{
	PdkTransport *self = owner;
	self->has_told = true;
	self->events->received(self->context, conn->link, data, length);
}

static void
core_ended(void *owner, PdkTcpConn *conn)
{
	PdkTransport *self = owner;
	pdk_tcp_engine_end(&self->engine, conn);
}

static void
core_connecting(void *owner, PdkTcpConn *conn)
{
	pdk_tcp_dial_answered(owner, conn);
}

static void
core_connected(void *owner, PdkTcpConn *conn)
{
	PdkTransport *self = owner;
	if (conn->is_closed)
		return;
	self->has_told = true;
	self->events->dialled(self->context, conn->link);
}

static void
core_drained(void *owner, PdkTcpConn *conn)
{
	pdk_tcp_tell_drained(owner, conn);
}

static void
core_closed(void *owner, PdkTcpConn *conn)
{
	pdk_tcp_tell_closed(owner, conn, (PdkClosedReason)conn->reason, conn->error);
}

static const PdkTcpSink core_sink = {
	.space = core_space,
	.received = core_received,
	.ended = core_ended,
	.connecting = core_connecting,
	.connected = core_connected,
	.drained = core_drained,
	.closed = core_closed,
};

/* The loop's side: one source for all sockets. */

static bool
is_due(const PdkTransport *self)
{
	return pdk_tcp_engine_is_due(&self->engine) || self->resumed->len > 0 ||
	       (self->threads && pdk_tcp_threads_is_due(self->threads));
}

static gboolean
source_prepare(GSource *source, gint *timeout_ms)
{
	PdkTransport *self = ((PdkTcpSource *)source)->self;
	*timeout_ms = pdk_tcp_engine_patience_ms(&self->engine);
	return is_due(self) || *timeout_ms == 0;
}

static gboolean
source_check(GSource *source)
{
	PdkTcpSource *own = (PdkTcpSource *)source;
	return g_source_query_unix_fd(source, own->tag) != 0 || is_due(own->self) ||
	       pdk_tcp_engine_patience_ms(&own->self->engine) == 0;
}

static gboolean
source_dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
	(void)callback;
	(void)data;
	PdkTransport *self = ((PdkTcpSource *)source)->self;
	int64_t until_us = g_get_monotonic_time() + BURST_US;
	unsigned handled;
	do {
		if (self->resumed->len > 0)
			pdk_tcp_exchange_resumed(self);
		handled = pdk_tcp_engine_round(&self->engine, 0, until_us);
		if (self->threads)
			handled += pdk_tcp_threads_deliver(self->threads, until_us);
		if (self->has_told) {
			self->has_told = false;
			self->events->turn(self->context);
		}
		if (self->threads) {
			pdk_tcp_exchange_turned(self);
			pdk_tcp_threads_hand_over(self->threads);
		}
	} while (handled >= BUSY_EVENTS && g_get_monotonic_time() < until_us);
	return G_SOURCE_CONTINUE;
}

static const GSourceFuncs source_funcs = {
	.prepare = source_prepare,
	.check = source_check,
	.dispatch = source_dispatch,
};

/* The table. */

static void
raise_descriptor_limit(const PdkHost *host)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		host->log(host, PDK_LOG_WARNING, "descriptor-limit-stays cause=\"%s\"", g_strerror(errno));
}

static void
tcp_destroy(PdkTransport *self)
{
	if (self->threads)
		pdk_tcp_threads_free(self->threads);
	if (self->source) {
		g_source_destroy(&self->source->source);
		g_source_unref(&self->source->source);
	}
	g_ptr_array_unref(self->listeners);
	for (uint32_t i = 0; i < self->n_slots; i++) {
		PdkTcpConn *conn = self->slots[i].conn;
		if (conn == NULL)
			continue;
		if (conn->fd >= 0)
			close(conn->fd);
		pdk_tcp_output_clear(&conn->output);
		strip(conn);
		g_free(conn);
	}
	pdk_tcp_engine_clear(&self->engine);
	if (self->reserve_fd >= 0)
		close(self->reserve_fd);
	g_array_unref(self->resumed);
	g_array_unref(self->ended);
	g_free(self->slots);
	g_free(self->scratch);
	g_free(self);
}

static PdkTransport *
tcp_create(const PdkHost *host, const PdkConfig *config, GError **error)
{
	if (host->context == NULL) {
		g_set_error(error, PDK_TCP_ERROR, PDK_TCP_ERROR_SYSTEM,
			    "the host has no main loop to wait for sockets in");
		return NULL;
	}
	PdkTransport *self = g_new0(PdkTransport, 1);
	if (!pdk_tcp_engine_init(&self->engine, &core_sink, self, error)) {
		g_free(self);
		return NULL;
	}
	raise_descriptor_limit(host);
	self->host = host;
	self->keep_alive = host->option_bool(config, "keep_alive");
	self->no_delay = host->option_bool(config, "no_delay");
	self->backlog = (int)host->option_int(config, "backlog");
	self->scratch = g_malloc(PDK_TCP_READ_BYTES);
	self->listeners = g_ptr_array_new_with_free_func(pdk_tcp_listener_free);
	self->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	self->resumed = g_array_new(FALSE, FALSE, sizeof(PdkConn));
	self->ended = g_array_new(FALSE, FALSE, sizeof(PdkConn));
	unsigned n_threads = (unsigned)host->option_int(config, "io_threads");
	if (n_threads > 0) {
		self->threads = pdk_tcp_threads_new(self, n_threads, error);
		if (self->threads == NULL) {
			tcp_destroy(self);
			return NULL;
		}
	}
	return self;
}

static void
tcp_start(PdkTransport *self, const PdkTransportEvents *events, void *context)
{
	g_assert(self->source == NULL);
	self->events = events;
	self->context = context;
	self->source = (PdkTcpSource *)g_source_new((GSourceFuncs *)&source_funcs, sizeof(PdkTcpSource));
	self->source->self = self;
	g_source_set_static_name(&self->source->source, "paddock-tcp");
	/* It never does; but GLib need not take the descriptor out of its poll around each dispatch, and wake itself for it. */
	g_source_set_can_recurse(&self->source->source, TRUE);
	self->source->tag = g_source_add_unix_fd(&self->source->source, self->engine.epoll_fd, G_IO_IN);
	g_source_attach(&self->source->source, self->host->context);
}

static size_t
tcp_send(PdkTransport *self, PdkConn handle, const PdkPart *parts, unsigned n)
{
	PdkTcpConn *conn = pdk_tcp_find(self, handle);
	if (conn == NULL || conn->is_closed)
		return 0;
	size_t unsent = conn->thread ? pdk_tcp_exchange_send(conn, parts, n)
				     : pdk_tcp_engine_send(&self->engine, conn, parts, n);
	if (unsent > PDK_TCP_LOW_MARK)
		conn->above_mark = true;
	return unsent;
}

static void
tcp_close(PdkTransport *self, PdkConn handle, PdkCloseMode mode)
{
	PdkTcpConn *conn = pdk_tcp_find(self, handle);
	if (conn == NULL)
		return;
	conn->is_closed = true;
	if (conn->thread)
		pdk_tcp_threads_command(conn, mode == PDK_CLOSE_NOW ? PDK_TCP_CLOSE_NOW : PDK_TCP_CLOSE_FLUSHED, NULL);
	else
		pdk_tcp_engine_close(&self->engine, conn, mode);
}

static void
tcp_pause(PdkTransport *self, PdkConn handle)
{
	PdkTcpConn *conn = pdk_tcp_find(self, handle);
	if (conn == NULL)
		return;
	if (conn->thread)
		pdk_tcp_exchange_pause(conn);
	else
		pdk_tcp_engine_pause(&self->engine, conn);
}

static void
tcp_resume(PdkTransport *self, PdkConn handle)
{
	PdkTcpConn *conn = pdk_tcp_find(self, handle);
	if (conn == NULL)
		return;
	if (conn->thread)
		pdk_tcp_exchange_resume(self, conn);
	else
		pdk_tcp_engine_resume(&self->engine, conn);
}

static const char *
tcp_peer(PdkTransport *self, PdkConn handle, PdkPeerKey key)
{
	PdkTcpConn *conn = pdk_tcp_find(self, handle);
	/* An I/O thread never has one that is connecting, and its states are its own. */
	if (conn == NULL || (conn->thread == NULL && conn->state == PDK_TCP_CONNECTING))
		return NULL;
	if (key != PDK_PEER_ADDRESS && key != PDK_PEER_ENDPOINT && key != PDK_PEER_LOCAL)
		return NULL;
	if (conn->texts == NULL)
		conn->texts = g_new0(PdkTcpTexts, 1);
	if (key == PDK_PEER_ADDRESS) {
		if (conn->texts->address == NULL)
			conn->texts->address = pdk_tcp_address_host(&conn->peer);
		return conn->texts->address;
	}
	char **text = key == PDK_PEER_LOCAL ? &conn->texts->local : &conn->texts->endpoint;
	if (*text == NULL)
		*text = pdk_tcp_address_endpoint(key == PDK_PEER_LOCAL ? &conn->local : &conn->peer);
	return *text;
}

static const PdkTransportOps tcp_ops = {
	.size = sizeof(PdkTransportOps),
	.create = tcp_create,
	.destroy = tcp_destroy,
	.start = tcp_start,
	.listen = pdk_tcp_listen,
	.stop_listening = pdk_tcp_stop_listening,
	.send = tcp_send,
	.close = tcp_close,
	.pause = tcp_pause,
	.resume = tcp_resume,
	.peer = tcp_peer,
	.dial = pdk_tcp_dial,
	.stop_listening_for = pdk_tcp_stop_listening_for,
};

PDK_PLUGIN_DEFINE(transport, tcp) = {
	PDK_PLUGIN_HEAD,
	.kind = PDK_KIND_TRANSPORT,
	.name = "tcp",
	.version = PACKAGE_VERSION,
	.summary = "plain TCP over IPv4 and IPv6",
	.options = tcp_options,
	.ops = &tcp_ops,
};

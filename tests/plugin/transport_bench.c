/* SPDX-License-Identifier: Apache-2.0 */
/* Changes when the rules for all events of a transport do. */
#include "transport_bench.h"

#include <CUnit/CUnit.h>
#include <arpa/inet.h>
#include <errno.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static Seen *
seen_new(Bench *bench, PdkConn conn, PdkPurpose purpose)
{
	Seen *seen = g_new0(Seen, 1);
	seen->bench = bench;
	seen->conn = conn;
	seen->purpose = purpose;
	seen->received = g_byte_array_new();
	g_ptr_array_add(bench->seen, seen);
	seen->link = bench->seen->len;
	return seen;
}

static void
seen_free(gpointer data)
{
	Seen *seen = data;
	g_byte_array_unref(seen->received);
	g_free(seen->address);
	g_free(seen->endpoint);
	g_free(seen->local);
	g_free(seen);
}

/* Every event begins here. */
static void
hear(Bench *bench)
{
	CU_ASSERT_FALSE(bench->in_call);
	CU_ASSERT_PTR_NOT_NULL(bench->transport);
	bench->has_told = true;
}

static Seen *
hear_of(Bench *bench, PdkLink link)
{
	hear(bench);
	CU_ASSERT_TRUE_FATAL(link >= 1 && link <= bench->seen->len);
	Seen *seen = g_ptr_array_index(bench->seen, link - 1);
	CU_ASSERT_EQUAL(seen->n_closed, 0);
	return seen;
}

static void
ask_peer(Bench *bench, Seen *seen)
{
	seen->address = g_strdup(bench->ops->peer(bench->transport, seen->conn, PDK_PEER_ADDRESS));
	seen->endpoint = g_strdup(bench->ops->peer(bench->transport, seen->conn, PDK_PEER_ENDPOINT));
	seen->local = g_strdup(bench->ops->peer(bench->transport, seen->conn, PDK_PEER_LOCAL));
}

static PdkLink
on_accepted(void *context, PdkTransport *transport, PdkConn conn, PdkPurpose purpose)
{
	Bench *bench = context;
	hear(bench);
	CU_ASSERT_PTR_EQUAL(transport, bench->transport);
	CU_ASSERT_NOT_EQUAL(conn, 0);
	bench->n_accepted++;
	if (bench->refuses)
		return 0;
	Seen *seen = seen_new(bench, conn, purpose);
	ask_peer(bench, seen);
	if (bench->on_accepted)
		bench->on_accepted(bench, seen);
	return seen->link;
}

static void
on_dialled(void *context, PdkLink link)
{
	Seen *seen = hear_of(context, link);
	CU_ASSERT_EQUAL(seen->n_dialled, 0);
	CU_ASSERT_EQUAL(seen->n_received, 0);
	seen->n_dialled++;
	ask_peer(context, seen);
}

static void
on_received(void *context, PdkLink link, const uint8_t *data, size_t length)
{
	Bench *bench = context;
	Seen *seen = hear_of(bench, link);
	CU_ASSERT_TRUE(length > 0);
	seen->n_received += length;
	if (!bench->forgets)
		g_byte_array_append(seen->received, data, (guint)length);
	if (bench->on_received)
		bench->on_received(bench, seen);
}

static void
on_drained(void *context, PdkLink link, size_t unsent)
{
	Seen *seen = hear_of(context, link);
	CU_ASSERT_TRUE(unsent <= 256 * 1024);
	seen->unsent_at_drain = unsent;
	seen->n_drained++;
}

static void
on_closed(void *context, PdkLink link, PdkClosedReason reason, const char *detail)
{
	Seen *seen = hear_of(context, link);
	seen->n_closed++;
	g_strlcpy(seen->detail, detail ? detail : "", sizeof(seen->detail));
	seen->reason = reason;
}

static void
on_turn(void *context)
{
	Bench *bench = context;
	CU_ASSERT_FALSE(bench->in_call);
	bench->has_told = false;
	bench->n_turns++;
	if (bench->on_turn)
		bench->on_turn(bench);
}

static const PdkTransportEvents recording_core = {
	.size = sizeof(PdkTransportEvents),
	.accepted = on_accepted,
	.dialled = on_dialled,
	.received = on_received,
	.drained = on_drained,
	.closed = on_closed,
	.turn = on_turn,
};

static bool
has_option(const PdkPlugin *plugin, const char *key)
{
	for (const PdkOption *option = plugin->options; key && option && option->key; option++) {
		if (strcmp(option->key, key) == 0)
			return true;
	}
	return false;
}

Bench *
bench_new(const PdkPlugin *plugin, const char *key, const char *value)
{
	Bench *bench = g_new0(Bench, 1);
	g_autoptr(GError) error = NULL;
	bench->host = fake_host_new();
	bench->config = has_option(plugin, key) ? fake_config_new(plugin->options, key, value, NULL)
						: fake_config_new(plugin->options, NULL);
	bench->ops = plugin->ops;
	bench->seen = g_ptr_array_new_with_free_func(seen_free);
	bench->transport = bench->ops->create(fake_host_table(bench->host), bench->config, &error);
	if (bench->transport == NULL)
		g_error("create: %s", error->message);
	bench->ops->start(bench->transport, &recording_core, bench);
	return bench;
}

void
bench_listen(Bench *bench, const char *address)
{
	g_autoptr(GError) error = NULL;
	g_free(bench->listening);
	bench->listening = bench->ops->listen(bench->transport, PDK_PURPOSE_CLIENT, address, 0, &error);
	if (bench->listening == NULL)
		g_error("listen: %s", error->message);
	const char *colon = strrchr(bench->listening, ':');
	g_assert_nonnull(colon);
	bench->port = (uint16_t)strtoul(colon + 1, NULL, 10);
	CU_ASSERT_NOT_EQUAL(bench->port, 0);
}

static bool
no_jobs(void *data)
{
	return fake_host_outstanding(data) == 0;
}

void
bench_destroy_transport(Bench *bench)
{
	if (bench->transport == NULL)
		return;
	/* As the host does: jobs end before the instance. */
	CU_ASSERT_TRUE(fake_host_run_until(bench->host, no_jobs, bench->host, BENCH_PATIENCE_MS));
	CU_ASSERT_FALSE(bench->has_told);
	PdkTransport *transport = bench->transport;
	bench->in_call = true;
	bench->ops->destroy(transport);
	bench->in_call = false;
	bench->transport = NULL;
}

void
bench_free(Bench *bench)
{
	if (bench == NULL)
		return;
	bench_destroy_transport(bench);
	/* Whatever was left behind in the loop would speak now. */
	fake_host_run_for(bench->host, 1);
	fake_host_free(bench->host);
	fake_config_free(bench->config);
	g_ptr_array_unref(bench->seen);
	g_free(bench->listening);
	g_free(bench);
}

size_t
bench_send(Bench *bench, PdkConn conn, const PdkPart *parts, unsigned n)
{
	bench->in_call = true;
	size_t unsent = bench->ops->send(bench->transport, conn, parts, n);
	bench->in_call = false;
	return unsent;
}

size_t
bench_send_bytes(Bench *bench, PdkConn conn, const void *data, size_t length)
{
	PdkPart part = { .data = data, .length = length };
	return bench_send(bench, conn, &part, 1);
}

void
bench_close(Bench *bench, PdkConn conn, PdkCloseMode mode)
{
	bench->in_call = true;
	bench->ops->close(bench->transport, conn, mode);
	bench->in_call = false;
}

void
bench_pause(Bench *bench, PdkConn conn)
{
	bench->in_call = true;
	bench->ops->pause(bench->transport, conn);
	bench->in_call = false;
}

void
bench_resume(Bench *bench, PdkConn conn)
{
	bench->in_call = true;
	bench->ops->resume(bench->transport, conn);
	bench->in_call = false;
}

Seen *
bench_dial(Bench *bench, const char *address, int timeout_ms)
{
	Seen *seen = seen_new(bench, 0, PDK_PURPOSE_QUORUM);
	bench->in_call = true;
	seen->conn = bench->ops->dial(bench->transport, PDK_PURPOSE_QUORUM, address, timeout_ms, seen->link);
	bench->in_call = false;
	CU_ASSERT_NOT_EQUAL(seen->conn, 0);
	return seen;
}

typedef struct {
	Bench *bench;
	Seen *seen;
	size_t wanted;
} Wish;

static bool
are_accepted(void *data)
{
	Wish *wish = data;
	return wish->bench->n_accepted >= wish->wanted;
}

bool
bench_await_accepted(Bench *bench, unsigned n)
{
	Wish wish = { .bench = bench, .wanted = n };
	return fake_host_run_until(bench->host, are_accepted, &wish, BENCH_PATIENCE_MS);
}

static bool
is_received(void *data)
{
	Wish *wish = data;
	return wish->seen->n_received >= wish->wanted;
}

bool
bench_await_received(Seen *seen, size_t length)
{
	Wish wish = { .seen = seen, .wanted = length };
	return fake_host_run_until(seen->bench->host, is_received, &wish, BENCH_PATIENCE_MS);
}

static bool
is_closed(void *data)
{
	return ((Seen *)data)->n_closed > 0;
}

bool
bench_await_closed(Seen *seen)
{
	return fake_host_run_until(seen->bench->host, is_closed, seen, BENCH_PATIENCE_MS);
}

static gboolean
peer_is_ready(gint fd, GIOCondition condition, gpointer data)
{
	(void)fd;
	(void)condition;
	*(bool *)data = true;
	return G_SOURCE_CONTINUE;
}

static bool
is_set(void *data)
{
	return *(bool *)data;
}

bool
bench_await_peer(Bench *bench, int fd, short events)
{
	bool is_ready = false;
	GSource *source = g_unix_fd_source_new(fd, (GIOCondition)events);
	g_source_set_callback(source, G_SOURCE_FUNC(peer_is_ready), &is_ready, NULL);
	g_source_attach(source, fake_host_table(bench->host)->context);
	fake_host_run_until(bench->host, is_set, &is_ready, BENCH_PATIENCE_MS);
	g_source_destroy(source);
	g_source_unref(source);
	return is_ready;
}

int
bench_connect(Bench *bench)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET, .sin_port = htons(bench->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		g_error("connect to port %u: %s", bench->port, g_strerror(errno));
	g_unix_set_fd_nonblocking(fd, TRUE, NULL);
	return fd;
}

Seen *
bench_connect_seen(Bench *bench, int *fd)
{
	unsigned n = bench->n_accepted;
	*fd = bench_connect(bench);
	if (!bench_await_accepted(bench, n + 1))
		g_error("a connection was not accepted");
	return g_ptr_array_index(bench->seen, bench->seen->len - 1);
}

bool
bench_peer_write(Bench *bench, int fd, const void *data, size_t length)
{
	const uint8_t *from = data;
	while (length > 0) {
		ssize_t n = send(fd, from, length, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN)
			return false;
		if (n < 0 && !bench_await_peer(bench, fd, G_IO_OUT))
			return false;
		if (n > 0) {
			from += n;
			length -= (size_t)n;
		}
	}
	return true;
}

bool
bench_peer_read(Bench *bench, int fd, void *into, size_t length)
{
	uint8_t *to = into;
	while (length > 0) {
		if (!bench_await_peer(bench, fd, G_IO_IN))
			return false;
		ssize_t n = recv(fd, to, length, 0);
		if (n <= 0)
			return false;
		to += n;
		length -= (size_t)n;
	}
	return true;
}

ssize_t
bench_peer_read_to_end(Bench *bench, int fd)
{
	g_autofree uint8_t *buffer = g_malloc(65536);
	ssize_t total = 0;
	while (bench_await_peer(bench, fd, G_IO_IN)) {
		ssize_t n = recv(fd, buffer, 65536, 0);
		if (n <= 0)
			return n < 0 ? -1 : total;
		total += n;
	}
	return -1;
}

uint8_t *
bench_pattern(size_t length, unsigned seed)
{
	uint8_t *bytes = g_malloc(length);
	for (size_t i = 0; i < length; i++)
		bytes[i] = (uint8_t)((i * 2654435761u + seed) >> 11);
	return bytes;
}

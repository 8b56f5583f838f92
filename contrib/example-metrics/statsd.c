/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A metrics plugin as a third party would write it: sends every metric of the server to a StatsD collector over UDP.
 * README.md beside this file explains it step by step.
 */
#include <paddock/host.h>
#include <paddock/metrics.h>
#include <paddock/plugin.h>
#include <paddock/view.h>

#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Fits into one Ethernet frame with room for tunnels; larger datagrams would be cut and lost more often. */
#define DATAGRAM_BYTES 1400

/* One metric, copied on the core thread. Nothing in it points into the server. */
typedef struct {
	size_t name; /* offset in Batch.names */
	PdkMetricType type;
	int64_t value;
	double real;
	bool is_real;
	uint64_t count, sum; /* of a summary */
} Sample;

/* What was sent of a counter or summary the last time. */
typedef struct {
	uint64_t count, sum;
} Sent;

/*
 * One interval's work. It belongs to the core thread, or, while `busy` below is set, to the thread of the pool that
 * formats and sends; never to both, so it needs no lock.
 */
typedef struct {
	char *host, *port, *prefix;
	GArray *samples; /* Sample */
	GString *names;  /* their names, each with its NUL */
	GHashTable *sent; /* name -> Sent */
	GString *datagram;
	int socket; /* -1: to be opened */
	unsigned datagrams_sent, datagrams_failed;
	char *trouble; /* why the last datagram could not be sent; NULL: it could */
} Batch;

struct PdkMetrics {
	const PdkHost *host;
	const PdkView *view;
	int64_t interval_us, next_us;
	uint64_t timer;
	Batch batch;
	bool busy;    /* the pool has the batch */
	bool trouble; /* what the log says at the moment */
	PdkCounter *datagrams_sent, *datagrams_failed;
};

/* --- in the pool: nothing but the batch is touched --- */

static bool
open_socket(Batch *batch)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICSERV };
	struct addrinfo *found = NULL;
	int failure = getaddrinfo(batch->host, batch->port, &hints, &found);

	if (failure != 0) {
		batch->trouble = g_strdup_printf("resolving %s: %s", batch->host, gai_strerror(failure));
		return false;
	}
	int type = SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
	batch->socket = socket(found->ai_family, type, 0);
	if (batch->socket < 0 || connect(batch->socket, found->ai_addr, found->ai_addrlen) != 0)
		batch->trouble = g_strdup_printf("opening %s:%s: %s", batch->host, batch->port, g_strerror(errno));
	freeaddrinfo(found);
	return batch->trouble == NULL;
}

static void
close_socket(Batch *batch)
{
	if (batch->socket >= 0)
		close(batch->socket);
	batch->socket = -1;
}

/* Sends what is gathered. After a failure the rest of this interval is dropped: UDP promises nothing anyway. */
static void
send_datagram(Batch *batch)
{
	if (batch->datagram->len > 0 && batch->trouble == NULL) {
		ssize_t sent = send(batch->socket, batch->datagram->str, batch->datagram->len, MSG_NOSIGNAL);
		if (sent >= 0) {
			batch->datagrams_sent++;
		} else {
			batch->datagrams_failed++;
			batch->trouble = g_strdup_printf("sending: %s", g_strerror(errno));
		}
	}
	g_string_truncate(batch->datagram, 0);
}

/* Puts whole lines into the datagram; they stay together. */
static void
add_lines(Batch *batch, const char *lines)
{
	size_t length = strlen(lines);

	if (length > DATAGRAM_BYTES)
		return;
	if (batch->datagram->len + length > DATAGRAM_BYTES)
		send_datagram(batch);
	g_string_append_len(batch->datagram, lines, (gssize)length);
}

/* "prefix.name", without the characters that mean something to StatsD. */
static char *
line_name(const Batch *batch, const char *name)
{
	char *full = *batch->prefix ? g_strconcat(batch->prefix, ".", name, NULL) : g_strdup(name);

	return g_strdelimit(full, ":|@#\n ", '_');
}

static void
add_gauge(Batch *batch, const Sample *sample, const char *name)
{
	char number[G_ASCII_DTOSTR_BUF_SIZE];

	if (sample->is_real)
		g_ascii_dtostr(number, sizeof(number), sample->real);
	else
		g_snprintf(number, sizeof(number), "%" G_GINT64_FORMAT, sample->value);

	/* "-1" would mean: one less than before. So first say zero. */
	g_autofree char *lines = *number == '-'
		? g_strdup_printf("%s:0|g\n%s:%s|g\n", name, name, number)
		: g_strdup_printf("%s:%s|g\n", name, number);
	add_lines(batch, lines);
}

/* What came since the last time; the server's statistics may have been reset in between. */
static uint64_t
since(uint64_t now, uint64_t before)
{
	return now >= before ? now - before : now;
}

static void
add_counts(Batch *batch, const Sample *sample, const char *key, const char *name)
{
	Sent *sent = g_hash_table_lookup(batch->sent, key);

	if (sent == NULL) {
		sent = g_new0(Sent, 1);
		g_hash_table_insert(batch->sent, g_strdup(key), sent);
	}
	if (sample->count < sent->count)
		*sent = (Sent){ 0 };
	uint64_t count = since(sample->count, sent->count), sum = since(sample->sum, sent->sum);
	*sent = (Sent){ .count = sample->count, .sum = sample->sum };
	if (count == 0)
		return;

	if (sample->type == PDK_METRIC_COUNTER) {
		g_autofree char *line = g_strdup_printf("%s:%" G_GUINT64_FORMAT "|c\n", name, count);
		add_lines(batch, line);
		return;
	}
	char average[G_ASCII_DTOSTR_BUF_SIZE];
	g_ascii_formatd(average, sizeof(average), "%.3f", (double)sum / (double)count);
	g_autofree char *lines =
		g_strdup_printf("%s.count:%" G_GUINT64_FORMAT "|c\n%s.avg:%s|ms\n", name, count, name, average);
	add_lines(batch, lines);
}

static void
send_batch(void *data)
{
	Batch *batch = data;

	g_clear_pointer(&batch->trouble, g_free);
	if (batch->socket < 0 && !open_socket(batch))
		batch->datagrams_failed++;
	for (unsigned i = 0; i < batch->samples->len; i++) {
		const Sample *sample = &g_array_index(batch->samples, Sample, i);
		const char *key = batch->names->str + sample->name;
		g_autofree char *name = line_name(batch, key);
		if (sample->type == PDK_METRIC_GAUGE)
			add_gauge(batch, sample, name);
		else
			add_counts(batch, sample, key, name);
	}
	send_datagram(batch);
	/* The next interval resolves the name again: the collector may have moved. */
	if (batch->trouble)
		close_socket(batch);
}

/* --- on the core thread --- */

/* Copies every metric; the core waits meanwhile, so nothing is formatted here. */
static void
take_samples(PdkMetrics *self)
{
	Batch *batch = &self->batch;
	PdkMetric metric = { 0 };
	uint64_t cursor = 0;

	g_array_set_size(batch->samples, 0);
	g_string_truncate(batch->names, 0);
	while (self->view->metric(self->view->core, &cursor, &metric)) {
		Sample sample = { .name = batch->names->len, .type = metric.type };
		switch (metric.type) {
		case PDK_METRIC_GAUGE:
			sample.is_real = metric.is_real;
			sample.value = metric.value;
			sample.real = metric.real;
			break;
		case PDK_METRIC_COUNTER:
			sample.count = (uint64_t)metric.value;
			break;
		case PDK_METRIC_SUMMARY:
			sample.count = metric.summary->count;
			sample.sum = metric.summary->sum;
			break;
		default: /* texts, and what later versions may add */
			continue;
		}
		g_string_append_len(batch->names, metric.name, (gssize)strlen(metric.name) + 1);
		g_array_append_val(batch->samples, sample);
	}
}

/* The pool is through: counts, and tells the log when something changed. */
static void
batch_done(void *data)
{
	PdkMetrics *self = (PdkMetrics *)((char *)data - offsetof(PdkMetrics, batch));
	Batch *batch = data;

	self->busy = false;
	pdk_counter_add(self->datagrams_sent, batch->datagrams_sent);
	pdk_counter_add(self->datagrams_failed, batch->datagrams_failed);
	batch->datagrams_sent = batch->datagrams_failed = 0;
	if (batch->trouble && !self->trouble)
		self->host->log(self->host, PDK_LOG_WARNING, "collector_unreachable host=%s port=%s cause=\"%s\"",
				batch->host, batch->port, batch->trouble);
	if (!batch->trouble && self->trouble)
		self->host->log(self->host, PDK_LOG_INFO, "collector_reachable host=%s port=%s", batch->host,
				batch->port);
	self->trouble = batch->trouble != NULL;
}

static void
interval_over(void *data)
{
	PdkMetrics *self = data;
	int64_t now_us = self->host->now_us(self->host);

	/* A clock that jumped ahead (a suspended machine) is not made up for. */
	self->next_us = MAX(self->next_us + self->interval_us, now_us);
	self->timer = self->host->timer(self->host, self->next_us, interval_over, self);
	if (self->busy)
		return;
	take_samples(self);
	self->busy = true;
	self->host->offload(self->host, PDK_LANE_POOL, send_batch, batch_done, &self->batch);
}

static PdkMetrics *
statsd_create(const PdkHost *host, const PdkConfig *config, const PdkView *view, GError **error G_GNUC_UNUSED)
{
	PdkMetrics *self = g_new0(PdkMetrics, 1);

	self->host = host;
	self->view = view;
	self->interval_us = host->option_int(config, "interval_ms") * 1000;
	self->datagrams_sent = host->counter(host, "statsd_datagrams_sent", "datagrams sent to the StatsD collector");
	self->datagrams_failed =
		host->counter(host, "statsd_datagrams_failed", "datagrams that the system refused to send");
	self->batch = (Batch){
		.host = g_strdup(host->option_string(config, "host")),
		.port = g_strdup_printf("%" G_GINT64_FORMAT, host->option_int(config, "port")),
		.prefix = g_strdup(host->option_string(config, "prefix")),
		.samples = g_array_new(FALSE, FALSE, sizeof(Sample)),
		.names = g_string_new(NULL),
		.sent = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free),
		.datagram = g_string_sized_new(DATAGRAM_BYTES),
		.socket = -1,
	};
	self->next_us = host->now_us(host) + self->interval_us;
	self->timer = host->timer(host, self->next_us, interval_over, self);
	return self;
}

/* The host has finished our job, if one was out, before it calls this. */
static void
statsd_destroy(PdkMetrics *self)
{
	Batch *batch = &self->batch;

	self->host->timer_cancel(self->host, self->timer);
	close_socket(batch);
	g_free(batch->host);
	g_free(batch->port);
	g_free(batch->prefix);
	g_array_unref(batch->samples);
	g_string_free(batch->names, TRUE);
	g_hash_table_unref(batch->sent);
	g_string_free(batch->datagram, TRUE);
	g_free(batch->trouble);
	g_free(self);
}

static const PdkOption statsd_options[] = {
	{ .key = "host", .type = PDK_OPTION_STRING, .fallback = "127.0.0.1", .help = "where the collector is" },
	{ .key = "port", .type = PDK_OPTION_INT, .fallback = "8125", .min = 1, .max = 65535, .help = "its UDP port" },
	{ .key = "interval_ms",
	  .type = PDK_OPTION_INT,
	  .fallback = "10000",
	  .min = 10,
	  .max = 3600000,
	  .help = "milliseconds between two reports" },
	{ .key = "prefix",
	  .type = PDK_OPTION_STRING,
	  .fallback = "zookeeper",
	  .help = "goes before every name, with a dot; empty: nothing does" },
	{ .key = NULL },
};

static const PdkMetricsOps statsd_ops = {
	.size = sizeof(PdkMetricsOps),
	.create = statsd_create,
	.destroy = statsd_destroy,
};

PDK_PLUGIN_DEFINE(metrics, statsd) = {
	PDK_PLUGIN_HEAD,
	.kind = PDK_KIND_METRICS,
	.name = "statsd",
	.version = "1.0",
	.summary = "sends the metrics to a StatsD collector over UDP",
	.options = statsd_options,
	.ops = &statsd_ops,
};

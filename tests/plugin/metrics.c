/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conformance of metrics plugins: what the core relies on, for every plugin; then what the example plugin, statsd, sends.
 *
 *     metrics [FILE.so...]      with files: the first part only, on them
 */
#include "conformance.h"
#include "fake_host.h"
#include "fake_view.h"

#include <CUnit/Basic.h>
#include <arpa/inet.h>
#include <glib-unix.h>
#include <paddock/metrics.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

extern const PdkPlugin pdk_plugin_metrics_statsd;

#define PATIENCE_MS 10000

/* The plugin under test. */
static const PdkPlugin *plugin;

/* A plugin instance with its host and a server to look at. */
typedef struct {
	FakeHost *host;
	PdkConfig *config;
	FakeView *view;
	const PdkMetricsOps *ops;
	PdkMetrics *metrics;
} Bench;

/* Takes over @config and @view. */
static Bench *
bench_new(PdkConfig *config, FakeView *view)
{
	Bench *bench = g_new0(Bench, 1);
	g_autoptr(GError) error = NULL;

	*bench = (Bench){ .host = fake_host_new(), .config = config, .view = view, .ops = plugin->ops };
	bench->metrics = bench->ops->create(fake_host_table(bench->host), config, &view->table, &error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(bench->metrics);
	CU_ASSERT_PTR_NULL(error);
	return bench;
}

/* Ends the instance as the core does: jobs first. */
static void
bench_stop(Bench *bench)
{
	if (bench->metrics == NULL)
		return;
	CU_ASSERT_TRUE(fake_host_settle(bench->host, PATIENCE_MS));
	bench->ops->destroy(bench->metrics);
	bench->metrics = NULL;
}

static void
bench_free(Bench *bench)
{
	bench_stop(bench);
	fake_config_free(bench->config);
	fake_view_free(bench->view);
	fake_host_free(bench->host);
	g_free(bench);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Bench, bench_free)

/* --- every metrics plugin --- */

static void
says_what_it_is(void)
{
	conformance_check(plugin, PDK_KIND_METRICS);
	const PdkMetricsOps *ops = plugin->ops;
	CU_ASSERT_TRUE(PDK_HAS(ops, create) && PDK_HAS(ops, destroy));
}

static void
lives_and_ends_beside_another_instance(void)
{
	g_autoptr(Bench) first = bench_new(fake_config_new(plugin->options, NULL), fake_view_new());
	g_autoptr(Bench) second = bench_new(fake_config_new(plugin->options, NULL), fake_view_new());

	CU_ASSERT_PTR_NOT_EQUAL(first->metrics, second->metrics);
	fake_host_run_for(first->host, 20);
	fake_host_run_for(second->host, 20);
}

static void
is_silent_after_its_end(void)
{
	g_autoptr(Bench) bench = bench_new(fake_config_new(plugin->options, NULL), fake_view_new());

	fake_host_run_for(bench->host, 20);
	bench_stop(bench);
	unsigned steps = bench->view->steps;
	unsigned lines = fake_host_log_lines(bench->host, PDK_LOG_DEBUG);
	fake_host_run_for(bench->host, 50);
	CU_ASSERT_EQUAL(bench->view->steps, steps);
	CU_ASSERT_EQUAL(fake_host_log_lines(bench->host, PDK_LOG_DEBUG), lines);
	CU_ASSERT_EQUAL(fake_host_outstanding(bench->host), 0);
}

/* --- statsd --- */

/* A UDP socket on the loopback that keeps every line it gets. */
typedef struct {
	int socket;
	unsigned port;
	GSource *source;
	GPtrArray *lines;
	size_t longest; /* datagram, bytes */
	bool cut;       /* a datagram did not end with a whole line */
	const char *wanted;
} Collector;

static gboolean
datagrams_arrived(gint fd, GIOCondition condition, gpointer data)
{
	Collector *self = data;
	char datagram[65536];
	ssize_t length;

	(void)condition;
	while ((length = recv(fd, datagram, sizeof(datagram) - 1, MSG_DONTWAIT)) > 0) {
		datagram[length] = '\0';
		self->longest = MAX(self->longest, (size_t)length);
		self->cut |= datagram[length - 1] != '\n';
		g_auto(GStrv) lines = g_strsplit(datagram, "\n", -1);
		for (unsigned i = 0; lines[i]; i++) {
			if (*lines[i])
				g_ptr_array_add(self->lines, g_strdup(lines[i]));
		}
	}
	return G_SOURCE_CONTINUE;
}

/* @port 0: a free one. */
static Collector *
collector_new(unsigned port)
{
	Collector *self = g_new0(Collector, 1);
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = { htonl(INADDR_LOOPBACK) },
	};
	socklen_t length = sizeof(address);

	self->lines = g_ptr_array_new_with_free_func(g_free);
	self->socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL_FATAL(bind(self->socket, (struct sockaddr *)&address, sizeof(address)), 0);
	getsockname(self->socket, (struct sockaddr *)&address, &length);
	self->port = ntohs(address.sin_port);
	return self;
}

static void
collector_free(Collector *self)
{
	if (self->source) {
		g_source_destroy(self->source);
		g_source_unref(self->source);
	}
	close(self->socket);
	g_ptr_array_unref(self->lines);
	g_free(self);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Collector, collector_free)

static void
collector_listen(Collector *self, Bench *bench)
{
	self->source = g_unix_fd_source_new(self->socket, G_IO_IN);
	g_source_set_callback(self->source, G_SOURCE_FUNC(datagrams_arrived), self, NULL);
	g_source_attach(self->source, fake_host_table(bench->host)->context);
}

static Bench *
statsd_new(unsigned port, const char *prefix, FakeView *view)
{
	g_autofree char *number = g_strdup_printf("%u", port);

	return bench_new(fake_config_new(plugin->options, "port", number, "interval_ms", "10", "prefix", prefix, NULL),
			 view);
}

static bool
has_line(const Collector *self, const char *line)
{
	return g_ptr_array_find_with_equal_func(self->lines, line, g_str_equal, NULL);
}

static bool
wanted_arrived(void *data)
{
	const Collector *self = data;

	return has_line(self, self->wanted);
}

static void
await(Collector *self, Bench *bench, const char *line)
{
	self->wanted = line;
	bool arrived = fake_host_run_until(bench->host, wanted_arrived, self, PATIENCE_MS);
	CU_ASSERT_TRUE(arrived);
	if (!arrived)
		g_printerr("\nnever came: %s\n", line);
}

/* Lets at least one whole report go by that was taken after now, and forgets the ones before. */
static void
next_report(Collector *self, Bench *bench)
{
	PdkMetric *mark = &g_array_index(bench->view->metrics, PdkMetric, 3);
	g_autofree char *line = g_strdup_printf("p.znode_count:%" G_GINT64_FORMAT "|g", ++mark->value);

	g_ptr_array_set_size(self->lines, 0);
	await(self, bench, line);
	fake_host_run_for(bench->host, 20);
}

static PdkMetric *
metric(Bench *bench, const char *name)
{
	for (unsigned i = 0; i < bench->view->metrics->len; i++) {
		PdkMetric *found = &g_array_index(bench->view->metrics, PdkMetric, i);
		if (strcmp(found->name, name) == 0)
			return found;
	}
	return NULL;
}

static void
statsd_sends_each_kind_in_its_own_way(void)
{
	g_autoptr(Collector) collector = collector_new(0);
	g_autoptr(Bench) bench = statsd_new(collector->port, "p", fake_view_new());

	collector_listen(collector, bench);
	await(collector, bench, "p.znode_count:9|g");
	await(collector, bench, "p.avg_latency:0.78241000000000005|g");
	await(collector, bench, "p.commit_count:12|c");
	await(collector, bench, "p.fsynctime.count:206|c");
	await(collector, bench, "p.fsynctime.avg:0.005|ms");
	await(collector, bench, "p.updatelatency.avg:0.720|ms");
	for (unsigned i = 0; i < collector->lines->len; i++) {
		const char *line = g_ptr_array_index(collector->lines, i);
		CU_ASSERT_TRUE(g_regex_match_simple("^p\\.[a-z_.]+:-?[0-9.]+\\|(c|g|ms)$", line, 0, 0));
		CU_ASSERT_PTR_NULL(strstr(line, "version"));
		CU_ASSERT_PTR_NULL(strstr(line, "election_time"));
	}
}

static void
statsd_sets_a_negative_gauge_by_way_of_zero(void)
{
	g_autoptr(Collector) collector = collector_new(0);
	g_autoptr(Bench) bench = statsd_new(collector->port, "p", fake_view_new());
	guint at = 0;

	collector_listen(collector, bench);
	await(collector, bench, "p.min_client_response_size:-1|g");
	CU_ASSERT_TRUE_FATAL(g_ptr_array_find_with_equal_func(collector->lines, "p.min_client_response_size:-1|g",
							      g_str_equal, &at));
	CU_ASSERT_TRUE_FATAL(at > 0);
	CU_ASSERT_STRING_EQUAL(g_ptr_array_index(collector->lines, at - 1), "p.min_client_response_size:0|g");
}

static void
statsd_sends_counters_as_what_was_added(void)
{
	g_autoptr(Collector) collector = collector_new(0);
	g_autoptr(Bench) bench = statsd_new(collector->port, "p", fake_view_new());

	collector_listen(collector, bench);
	await(collector, bench, "p.commit_count:12|c");
	next_report(collector, bench);
	for (unsigned i = 0; i < collector->lines->len; i++)
		CU_ASSERT_FALSE(g_str_has_prefix(g_ptr_array_index(collector->lines, i), "p.commit_count"));
	metric(bench, "commit_count")->value = 15;
	await(collector, bench, "p.commit_count:3|c");
	/* srst in between */
	metric(bench, "commit_count")->value = 2;
	await(collector, bench, "p.commit_count:2|c");
}

static void
statsd_sends_the_average_of_the_interval(void)
{
	g_autoptr(Collector) collector = collector_new(0);
	g_autoptr(Bench) bench = statsd_new(collector->port, "p", fake_view_new());
	PdkSummary cell = { .count = 208, .sum = 11 };

	collector_listen(collector, bench);
	await(collector, bench, "p.fsynctime.count:206|c");
	metric(bench, "fsynctime")->summary = &cell;
	await(collector, bench, "p.fsynctime.count:2|c");
	await(collector, bench, "p.fsynctime.avg:5.000|ms");
	bench_stop(bench);
}

static void
statsd_batches_whole_lines_into_datagrams(void)
{
	g_autoptr(Collector) collector = collector_new(0);
	g_autoptr(Bench) bench = statsd_new(collector->port, "p", fake_view_new());
	g_autofree char *endless = g_strnfill(2000, 'n');
	char names[400][40];

	for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
		g_snprintf(names[i], sizeof(names[i]), "a_metric_of_the_example_number_%u", i);
		PdkMetric made = { .name = names[i], .type = PDK_METRIC_GAUGE, .value = i };
		g_array_append_val(bench->view->metrics, made);
	}
	const PdkMetric too_long = { .name = endless, .type = PDK_METRIC_GAUGE };
	const PdkMetric odd = { .name = "odd:na|me@x", .type = PDK_METRIC_GAUGE, .value = 1 };
	g_array_append_val(bench->view->metrics, too_long);
	g_array_append_val(bench->view->metrics, odd);

	collector_listen(collector, bench);
	await(collector, bench, "p.a_metric_of_the_example_number_0:0|g");
	await(collector, bench, "p.a_metric_of_the_example_number_399:399|g");
	await(collector, bench, "p.odd_na_me_x:1|g");
	CU_ASSERT_TRUE(collector->longest <= 1400);
	CU_ASSERT_TRUE(collector->longest > 1300);
	CU_ASSERT_FALSE(collector->cut);
	bench_stop(bench);
}

static void
statsd_without_prefix_sends_bare_names(void)
{
	g_autoptr(Collector) collector = collector_new(0);
	g_autoptr(Bench) bench = statsd_new(collector->port, "", fake_view_new());

	collector_listen(collector, bench);
	await(collector, bench, "znode_count:9|g");
}

static bool
failure_logged(void *data)
{
	return fake_host_logged(((Bench *)data)->host, "collector_unreachable");
}

static void
statsd_is_silent_after_its_end(void)
{
	g_autoptr(Collector) collector = collector_new(0);
	g_autoptr(Bench) bench = statsd_new(collector->port, "p", fake_view_new());

	collector_listen(collector, bench);
	await(collector, bench, "p.znode_count:9|g");
	bench_stop(bench);
	/* What was on its way arrives; after that nothing may. */
	fake_host_run_for(bench->host, 20);
	g_ptr_array_set_size(collector->lines, 0);
	fake_host_run_for(bench->host, 50);
	CU_ASSERT_EQUAL(collector->lines->len, 0);
}

static void
statsd_outlives_its_collector(void)
{
	Collector *gone = collector_new(0);
	unsigned port = gone->port;
	collector_free(gone);
	g_autoptr(Bench) bench = statsd_new(port, "p", fake_view_new());

	CU_ASSERT_TRUE(fake_host_run_until(bench->host, failure_logged, bench, PATIENCE_MS));
	CU_ASSERT_TRUE(fake_host_find_counter(bench->host, "statsd_datagrams_failed")->value > 0);
	g_autoptr(Collector) collector = collector_new(port);
	collector_listen(collector, bench);
	await(collector, bench, "p.znode_count:9|g");
	CU_ASSERT_TRUE(fake_host_find_counter(bench->host, "statsd_datagrams_sent")->value > 0);
	bench_stop(bench);
}

static const ConformanceCase every_plugin[] = {
	CONFORMANCE_CASE(says_what_it_is),
	CONFORMANCE_CASE(lives_and_ends_beside_another_instance),
	CONFORMANCE_CASE(is_silent_after_its_end),
	{ NULL, NULL },
};

static const ConformanceCase statsd[] = {
	CONFORMANCE_CASE(statsd_sends_each_kind_in_its_own_way),
	CONFORMANCE_CASE(statsd_sets_a_negative_gauge_by_way_of_zero),
	CONFORMANCE_CASE(statsd_sends_counters_as_what_was_added),
	CONFORMANCE_CASE(statsd_sends_the_average_of_the_interval),
	CONFORMANCE_CASE(statsd_batches_whole_lines_into_datagrams),
	CONFORMANCE_CASE(statsd_without_prefix_sends_bare_names),
	CONFORMANCE_CASE(statsd_is_silent_after_its_end),
	CONFORMANCE_CASE(statsd_outlives_its_collector),
	{ NULL, NULL },
};

static const ConformanceSuite suites[] = {
	{ &pdk_plugin_metrics_statsd, "metrics plugin: statsd", every_plugin },
	{ &pdk_plugin_metrics_statsd, "statsd: what it sends", statsd },
	{ NULL, NULL, NULL },
};

int
main(int argc, char **argv)
{
	return conformance_main(argc, argv, &plugin, every_plugin, suites);
}

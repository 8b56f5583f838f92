/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of pdk-bench: changes when an option is added. */
#include "options.h"

#include <string.h>

static const char *const workload_names[] = {
	[PDK_BENCH_WORKLOAD_GET] = "get",
	[PDK_BENCH_WORKLOAD_EXISTS] = "exists",
	[PDK_BENCH_WORKLOAD_SET] = "set",
	[PDK_BENCH_WORKLOAD_CREATE] = "create",
	[PDK_BENCH_WORKLOAD_MIXED] = "mixed",
	[PDK_BENCH_WORKLOAD_WATCH] = "watch",
	[PDK_BENCH_WORKLOAD_IDLE] = "idle",
	[PDK_BENCH_WORKLOAD_LOAD] = "load",
	[PDK_BENCH_WORKLOAD_RESTART_WAIT] = "restart-wait",
	[PDK_BENCH_WORKLOAD_REDIS_GET] = "redis-get",
};

static gboolean refuse(GError **error, const char *option, const char *found, const char *allowed) {
	g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s: found %s, allowed is %s", option,
		    found, allowed);
	return FALSE;
}

static gboolean take_range(const char *option, double value, double low, double high, GError **error) {
	g_autofree char *found = g_strdup_printf("%g", value);
	g_autofree char *allowed = g_strdup_printf("%g to %g", low, high);

	return value >= low && value <= high ? TRUE : refuse(error, option, found, allowed);
}

static gboolean take_workload(PdkBenchOptions *options, GError **error) {
	g_autoptr(GString) allowed = g_string_new(NULL);

	for (guint i = 0; i < G_N_ELEMENTS(workload_names); i++) {
		if (g_strcmp0(options->workload, workload_names[i]) == 0) {
			options->kind = (PdkBenchWorkloadKind)i;
			return TRUE;
		}
		g_string_append_printf(allowed, "%s%s", i > 0 ? ", " : "one of ", workload_names[i]);
	}
	return refuse(error, "--workload", options->workload, allowed->str);
}

/* host:port, or [IPv6 address]:port. */
static gboolean take_server(PdkBenchAddress *address, const char *server, GError **error) {
	const char *colon = strrchr(server, ':');
	gsize length;

	if (colon == NULL || colon == server || colon[1] == '\0')
		return refuse(error, "--server", server[0] != '\0' ? server : "nothing", "HOST:PORT");
	length = (gsize)(colon - server);
	address->port = g_strdup(colon + 1);
	if (server[0] == '[' && length > 2 && server[length - 1] == ']')
		address->host = g_strndup(server + 1, length - 2);
	else
		address->host = g_strndup(server, length);
	return TRUE;
}

static gboolean take_servers(PdkBenchOptions *options, const char *list, GError **error) {
	g_auto(GStrv) each = g_strsplit(list != NULL ? list : "", ",", -1);

	options->server_count = g_strv_length(each);
	if (options->server_count == 0)
		return refuse(error, "--server", "nothing", "HOST:PORT");
	options->servers = g_new0(PdkBenchAddress, options->server_count);
	for (guint i = 0; i < options->server_count; i++) {
		if (!take_server(&options->servers[i], each[i], error))
			return FALSE;
	}
	return TRUE;
}

static gboolean take_pids(PdkBenchOptions *options, const char *list, GError **error) {
	g_auto(GStrv) each = g_strsplit(list != NULL ? list : "", ",", -1);

	options->pid_count = g_strv_length(each);
	options->pids = g_new0(pid_t, options->pid_count + 1);
	for (guint i = 0; i < options->pid_count; i++) {
		guint64 pid;

		if (!g_ascii_string_to_unsigned(each[i], 10, 1, G_MAXINT32, &pid, NULL))
			return refuse(error, "--pid", each[i], "process ids, with commas between them");
		options->pids[i] = (pid_t)pid;
	}
	return TRUE;
}

static gboolean check(const PdkBenchOptions *options, GError **error) {
	if (options->parent[0] != '/' || options->parent[1] == '\0' || g_str_has_suffix(options->parent, "/"))
		return refuse(error, "--parent", options->parent, "an absolute path below /");
	return take_range("--connections", options->connections, 1, 1000000, error) &&
	       take_range("--depth", options->depth, 1, 65536, error) &&
	       take_range("--size", options->size, 0, 1000000, error) &&
	       take_range("--nodes", options->nodes, 1, 100000000, error) &&
	       take_range("--batch", options->batch, 1, 1000, error) &&
	       take_range("--write-percent", options->write_percent, 0, 100, error) &&
	       take_range("--seconds", options->seconds, 0.01, 86400, error) &&
	       take_range("--warmup", options->warmup, 0, 86400, error) &&
	       take_range("--rate", options->rate, 0, 1e8, error) &&
	       take_range("--limit", options->limit, 0.1, 86400, error);
}

gboolean pdk_bench_options_parse(PdkBenchOptions *options, int argc, char **argv, GError **error) {
	g_autofree char *servers = NULL;
	g_autofree char *pids = NULL;
	const GOptionEntry entries[] = {
		{ "server", 's', 0, G_OPTION_ARG_STRING, &servers,
		  "Where the server listens; connections go round robin over several", "HOST:PORT,..." },
		{ "workload", 'w', 0, G_OPTION_ARG_STRING, &options->workload, "What to do (default get)",
		  "NAME" },
		{ "connections", 'c', 0, G_OPTION_ARG_INT, &options->connections, "Sessions (32)", "N" },
		{ "depth", 'd', 0, G_OPTION_ARG_INT, &options->depth, "Requests in flight per session (1)",
		  "N" },
		{ "seconds", 't', 0, G_OPTION_ARG_DOUBLE, &options->seconds, "Measured time (5)", "S" },
		{ "warmup", 0, 0, G_OPTION_ARG_DOUBLE, &options->warmup, "Unmeasured time before it (1)",
		  "S" },
		{ "size", 0, 0, G_OPTION_ARG_INT, &options->size, "Bytes of data in a znode (100)", "N" },
		{ "nodes", 'n', 0, G_OPTION_ARG_INT, &options->nodes, "Znodes, or watches (1000)", "N" },
		{ "rate", 'r', 0, G_OPTION_ARG_DOUBLE, &options->rate,
		  "Fixed rate; latency counts from when a request was due (0: as fast as possible)", "R" },
		{ "write-percent", 0, 0, G_OPTION_ARG_INT, &options->write_percent, "setData in mixed (20)",
		  "N" },
		{ "batch", 0, 0, G_OPTION_ARG_INT, &options->batch, "Creates per multi in load (1: no multi)",
		  "N" },
		{ "fire", 0, 0, G_OPTION_ARG_NONE, &options->fire, "watch: also fire every watch", NULL },
		{ "pid", 'p', 0, G_OPTION_ARG_STRING, &pids, "Server processes to sample, summed up",
		  "PID,..." },
		{ "parent", 0, 0, G_OPTION_ARG_STRING, &options->parent, "Znode to work under (/pdk-bench)",
		  "PATH" },
		{ "no-setup", 0, 0, G_OPTION_ARG_NONE, &options->no_setup, "The znodes are there already",
		  NULL },
		{ "keep", 0, 0, G_OPTION_ARG_NONE, &options->keep, "Leave the znodes there", NULL },
		{ "since", 0, 0, G_OPTION_ARG_DOUBLE, &options->since,
		  "restart-wait: count from this CLOCK_MONOTONIC time", "S" },
		{ "limit", 0, 0, G_OPTION_ARG_DOUBLE, &options->limit, "Give up after this time (300)", "S" },
		{ "json", 'j', 0, G_OPTION_ARG_NONE, &options->json, "Print the result as one line of JSON",
		  NULL },
		G_OPTION_ENTRY_NULL,
	};
	g_autoptr(GOptionContext) context =
		g_option_context_new("- load generator for ZooKeeper's client protocol");

	*options = (PdkBenchOptions){
		.connections = 32,
		.depth = 1,
		.size = 100,
		.nodes = 1000,
		.batch = 1,
		.write_percent = 20,
		.seconds = 5,
		.warmup = 1,
		.limit = 300,
	};
	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse(context, &argc, &argv, error))
		return FALSE;
	if (argc > 1)
		return refuse(error, "arguments", argv[1], "options only");
	if (options->workload == NULL)
		options->workload = g_strdup("get");
	if (options->parent == NULL)
		options->parent = g_strdup("/pdk-bench");
	return take_servers(options, servers, error) && take_pids(options, pids, error) &&
	       take_workload(options, error) && check(options, error);
}

void pdk_bench_options_clear(PdkBenchOptions *options) {
	for (guint i = 0; i < options->server_count && options->servers != NULL; i++) {
		g_free(options->servers[i].host);
		g_free(options->servers[i].port);
	}
	g_clear_pointer(&options->servers, g_free);
	g_clear_pointer(&options->pids, g_free);
	g_clear_pointer(&options->workload, g_free);
	g_clear_pointer(&options->parent, g_free);
}

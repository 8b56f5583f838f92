/* SPDX-License-Identifier: Apache-2.0 */
/* What an election plugin sees of its host in the simulator. */
#include "sim/world-private.h"

static void
host_log(const PdkHost *self, PdkLogLevel level, const char *format, ...)
{
	(void)level;
	va_list arguments;
	va_start(arguments, format);
	g_autofree char *line = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	g_autofree char *whole = g_strdup_printf("election: %s", line);
	sim_tell_of(((const Host *)self)->node, whole);
}

static int64_t
host_now_us(const PdkHost *self)
{
	return sim_clock_us(((const Host *)self)->node);
}

static int64_t
host_wall_ms(const PdkHost *self)
{
	return sim_clock_wall_ms(((const Host *)self)->node);
}

static uint64_t
host_random(const PdkHost *self)
{
	return pdk_random_next(&((const Host *)self)->node->sim->random);
}

/* An option stands at its default unless the world was told otherwise; the configuration is the host's own place. */
static const char *
option_string(const PdkConfig *config, const char *key)
{
	const Sim *sim = ((const Host *)config)->node->sim;
	for (const char *const *told = sim->params.options; told && told[0]; told += 2)
		if (strcmp(told[0], key) == 0)
			return told[1];
	for (const PdkOption *at = sim->election->options; at && at->key; at++)
		if (strcmp(at->key, key) == 0)
			return at->fallback;
	g_error("no option %s", key);
}

static int64_t
option_int(const PdkConfig *config, const char *key)
{
	return g_ascii_strtoll(option_string(config, key), NULL, 10);
}

static bool
option_bool(const PdkConfig *config, const char *key)
{
	return strcmp(option_string(config, key), "true") == 0;
}

PdkElection *
sim_election_new(Node *node)
{
	const PdkElectionOps *ops = node->sim->election->ops;
	g_autoptr(GError) error = NULL;
	node->host.node = node;
	node->host.host = (PdkHost){
		.size = sizeof(PdkHost),
		.log = host_log,
		.now_us = host_now_us,
		.wall_ms = host_wall_ms,
		.random = host_random,
		.option_string = option_string,
		.option_int = option_int,
		.option_bool = option_bool,
	};
	GBytes *kept = ops->record_key ? g_hash_table_lookup(node->disk.records, ops->record_key) : NULL;
	PdkElection *election = ops->create(&node->host.host, (const PdkConfig *)&node->host,
					    pdk_server_ensemble(node->server), kept, &error);
	g_assert_no_error(error);
	return election;
}

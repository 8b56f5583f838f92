/* SPDX-License-Identifier: Apache-2.0 */
/* Changes when the pairs that `conf` and `envi` print do. Source: ZooKeeperServer.dumpConf, Environment. */
#include "host/pairs.h"

#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* The release whose protocol and formats this is. */
#define BEHAVES_AS "3.9.4"

/* When this version was made: a fixed date, so that two builds of one source are the same. */
#define RELEASED_ON "2026-11-21 00:00 UTC"

const char *
pdk_version(void)
{
	return BEHAVES_AS "-paddock-" PACKAGE_VERSION;
}

const char *
pdk_built_on(void)
{
	return RELEASED_ON;
}

static void add(GArray *pairs, const char *key, const char *format, ...) G_GNUC_PRINTF(3, 4);

static void
add(GArray *pairs, const char *key, const char *format, ...)
{
	va_list arguments;
	PdkPair pair = {.key = g_strdup(key)};

	va_start(arguments, format);
	pair.value = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	g_array_append_val(pairs, pair);
}

static PdkPair *
finish(GArray *pairs)
{
	return (PdkPair *)(void *)g_array_free(pairs, FALSE);
}

static GArray *
begin(void)
{
	return g_array_new(TRUE, TRUE, sizeof(PdkPair));
}

/* The port of the first address clients are served on, "-1" without one. */
static const char *
client_port(const PdkConfiguration *configuration)
{
	const PdkGiven *given = pdk_configuration_noted(configuration, "clientPort");
	if (given)
		return given->value;
	for (unsigned i = 0; i < configuration->chosen[PDK_KIND_TRANSPORT]->len; i++) {
		const PdkChosen *chosen = g_ptr_array_index(configuration->chosen[PDK_KIND_TRANSPORT], i);
		int index = pdk_config_find(chosen->config, "listen");
		if (index < 0 || pdk_config_option(chosen->config, index)->type != PDK_OPTION_LIST)
			continue;
		const char *first = pdk_config_list(chosen->config, "listen")[0];
		const char *colon = first ? strrchr(first, ':') : NULL;
		if (colon)
			return colon + 1;
	}
	return "-1";
}

static const char *
noted_or(const PdkConfiguration *configuration, const char *zoo_key, const char *otherwise)
{
	const PdkGiven *given = pdk_configuration_noted(configuration, zoo_key);

	return given ? given->value : otherwise;
}

/* The ports of every address of the own line, joined by '|'. */
static char *
join_ports(const PdkMember *own, bool election)
{
	GString *text = g_string_new(NULL);

	for (unsigned i = 0; i < own->n_addresses; i++)
		g_string_append_printf(text, "%s%u", i ? "|" : "",
				       election ? own->addresses[i].election_port : own->addresses[i].quorum_port);
	return g_string_free(text, FALSE);
}

static void
add_ensemble(GArray *pairs, const PdkReplicaParams *replica)
{
	add(pairs, "serverId", "%" G_GINT64_FORMAT, replica ? replica->self : 0);
	if (replica == NULL)
		return;
	const PdkMember *own = pdk_members_find(replica->committed, replica->self);
	g_autofree char *election_ports = join_ports(own, true), *quorum_ports = join_ports(own, false);
	size_t length;
	const char *text = pdk_members_text(replica->committed, &length);

	add(pairs, "initLimit", "%d", replica->init_limit);
	add(pairs, "syncLimit", "%d", replica->sync_limit);
	add(pairs, "electionAlg", "3");
	add(pairs, "electionPort", "%s", election_ports);
	add(pairs, "quorumPort", "%s", quorum_ports);
	add(pairs, "peerType", "%d", own->observer);
	add(pairs, "membership", "%.*s", (int)length, text);
}

static PdkPair *
make_conf(const PdkConfiguration *configuration)
{
	const PdkSettings *settings = configuration->settings;
	GArray *pairs = begin();

	add(pairs, "clientPort", "%s", client_port(configuration));
	add(pairs, "secureClientPort", "-1");
	add(pairs, "dataDir", "%s/version-2", settings->data_dir);
	add(pairs, "dataDirSize", "0");
	add(pairs, "dataLogDir", "%s/version-2", settings->data_log_dir);
	add(pairs, "dataLogSize", "0");
	add(pairs, "tickTime", "%d", settings->tick_ms);
	add(pairs, "maxClientCnxns", "%d", settings->max_client_cnxns);
	add(pairs, "minSessionTimeout", "%d", settings->min_session_timeout_ms);
	add(pairs, "maxSessionTimeout", "%d", settings->max_session_timeout_ms);
	add(pairs, "clientPortListenBacklog", "%s", noted_or(configuration, "clientPortListenBacklog", "-1"));
	add_ensemble(pairs, settings->replica);
	return finish(pairs);
}

/* A line "NAME:   123 kB" of /proc/meminfo, in MB. */
static int64_t
memory_mb(const char *name)
{
	g_autofree char *text = NULL;

	if (!g_file_get_contents("/proc/meminfo", &text, NULL, NULL))
		return 0;
	const char *line = strstr(text, name);
	return line ? g_ascii_strtoll(line + strlen(name), NULL, 10) / 1024 : 0;
}

static PdkPair *
make_environment(void)
{
	GArray *pairs = begin();
	struct utsname system = {0};
	const char *user = g_getenv("USER");
	g_autofree char *directory = g_get_current_dir();

	uname(&system);
	add(pairs, "zookeeper.version", "%s, built on %s", pdk_version(), pdk_built_on());
	add(pairs, "host.name", "%s", system.nodename);
	add(pairs, "java.version", "none");
	add(pairs, "java.vendor", "Paddock");
	add(pairs, "java.home", "none");
	add(pairs, "java.class.path", "none");
	add(pairs, "java.library.path", "%s", PDK_PLUGIN_DIR);
	add(pairs, "java.io.tmpdir", "%s", g_getenv("TMPDIR") ? g_getenv("TMPDIR") : "/tmp");
	add(pairs, "java.compiler", "none");
	add(pairs, "os.name", "%s", system.sysname);
	add(pairs, "os.arch", "%s", strcmp(system.machine, "x86_64") == 0 ? "amd64" : system.machine);
	add(pairs, "os.version", "%s", system.release);
	add(pairs, "user.name", "%s", user ? user : geteuid() == 0 ? "root" : "unknown");
	add(pairs, "user.home", "%s", g_getenv("HOME") ? g_getenv("HOME") : "/");
	add(pairs, "user.dir", "%s", directory);
	add(pairs, "os.memory.free", "%" G_GINT64_FORMAT "MB", memory_mb("MemAvailable:"));
	add(pairs, "os.memory.max", "%" G_GINT64_FORMAT "MB", memory_mb("MemTotal:"));
	add(pairs, "os.memory.total", "%" G_GINT64_FORMAT "MB", memory_mb("MemTotal:"));
	return finish(pairs);
}

static PdkPair *
make_values(const PdkConfiguration *configuration)
{
	GArray *pairs = begin();

	for (unsigned i = 0; i < configuration->given->len; i++) {
		const PdkGiven *given = &g_array_index(configuration->given, PdkGiven, i);
		add(pairs, given->zoo_key, "%s", given->value);
	}
	return finish(pairs);
}

static void
replace(PdkPair **pairs, PdkPair *with)
{
	for (PdkPair *pair = *pairs; pair->key; pair++) {
		g_free(pair->key);
		g_free(pair->value);
	}
	g_free(*pairs);
	*pairs = with;
}

static void
set_conf(PdkSettings *settings, const char *key, const char *value, size_t length)
{
	for (PdkPair *pair = settings->conf; pair->key; pair++) {
		if (strcmp(pair->key, key) != 0)
			continue;
		g_free(pair->value);
		pair->value = g_strndup(value, length);
	}
}

void
pdk_pairs_set_client_port(PdkSettings *settings, const char *address)
{
	const char *colon = strrchr(address, ':');

	if (colon)
		set_conf(settings, "clientPort", colon + 1, strlen(colon + 1));
}

void
pdk_pairs_set_membership(PdkSettings *settings, const char *text, size_t length)
{
	set_conf(settings, "membership", text, length);
}

void
pdk_pairs_fill(PdkConfiguration *configuration)
{
	PdkSettings *settings = configuration->settings;

	replace(&settings->conf, make_conf(configuration));
	replace(&settings->environment, make_environment());
	replace(&settings->values, make_values(configuration));
}

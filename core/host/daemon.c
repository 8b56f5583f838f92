/* SPDX-License-Identifier: Apache-2.0 */
/* Changes when the order in which a server starts and stops does. */
#include "host/daemon.h"

#include "base/assert.h"
#include "host/dynamic-files.h"
#include "host/files.h"
#include "host/loop.h"
#include "host/notify.h"
#include "host/pairs.h"
#include <paddock/admin.h>
#include <paddock/auth.h>
#include <paddock/election.h>
#include <sys/resource.h>

/* A plugin of a kind that is made and destroyed; what it is made into stays opaque. */
typedef struct {
	const PdkChosen *chosen;
	PdkInstance *instance;
	void *self;
} Part;

typedef struct {
	PdkConfiguration *configuration;
	const PdkLog *log;
	PdkRegistry *registry;
	PdkLoop *loop;
	PdkServer *server;
	PdkCarrier *carrier;
	PdkHostFacts facts;
	GArray *parts[PDK_KINDS]; /* Part */
	int64_t recovered_zxid;
	PdkInstance *keeper; /* lends lane and files to `membership` */
	PdkMembership *membership; /* NULL: stand-alone */
} Daemon;

static void
server_log(void *context, PdkLogLevel level, const char *line)
{
	pdk_log_line(context, level, "paddock-server", line);
}

static uint64_t
make_seed(void)
{
	uint64_t high = g_random_int();

	return high << 32 | g_random_int();
}

static int64_t
count_open_files(void)
{
	g_autoptr(GDir) dir = g_dir_open("/proc/self/fd", 0, NULL);
	int64_t count = 0;

	while (dir && g_dir_read_name(dir))
		count++;
	return count;
}

static Part
part_of(Daemon *daemon, const PdkChosen *chosen)
{
	return (Part){chosen, pdk_instance_new(pdk_loop_runtime(daemon->loop), chosen->plugin->name), NULL};
}

/* Keeps a part that was made; gives up one that was not, with the plugin's name in front of the cause. */
static bool
keep_part(Daemon *daemon, const Part *part, GError **error)
{
	PdkKind kind = part->chosen->plugin->kind;

	if (part->self) {
		g_array_append_val(daemon->parts[kind], *part);
		return true;
	}
	pdk_instance_settle(part->instance);
	pdk_instance_free(part->instance);
	g_prefix_error(error, "%s/%s: ", pdk_kind_name(kind), part->chosen->plugin->name);
	return false;
}

static bool
start_auth(Daemon *daemon, const PdkChosen *chosen, GError **error)
{
	const PdkAuthOps *ops = chosen->plugin->ops;
	Part part = part_of(daemon, chosen);

	part.self = ops->create(pdk_instance_host(part.instance), chosen->config, error);
	if (!keep_part(daemon, &part, error))
		return false;
	pdk_server_add_auth(daemon->server, ops, part.self);
	return true;
}

static bool
start_admin(Daemon *daemon, const PdkChosen *chosen, GError **error)
{
	const PdkAdminOps *ops = chosen->plugin->ops;
	Part part = part_of(daemon, chosen);

	part.self = ops->create(pdk_instance_host(part.instance), chosen->config, pdk_server_view(daemon->server), error);
	if (!keep_part(daemon, &part, error))
		return false;
	pdk_server_add_admin(daemon->server, ops, part.self);
	return true;
}

static bool
start_metrics(Daemon *daemon, const PdkChosen *chosen, GError **error)
{
	const PdkMetricsOps *ops = chosen->plugin->ops;
	Part part = part_of(daemon, chosen);

	part.self = ops->create(pdk_instance_host(part.instance), chosen->config, pdk_server_view(daemon->server), error);
	return keep_part(daemon, &part, error);
}

static bool
start_persistence(Daemon *daemon, const PdkChosen *chosen, GError **error)
{
	const PdkPersistenceOps *ops = chosen->plugin->ops;
	const PdkSettings *settings = daemon->configuration->settings;
	Part part = part_of(daemon, chosen);
	PdkRecovered recovered = {0};

	part.self = ops->create(pdk_instance_host(part.instance), chosen->config, settings->data_dir, settings->data_log_dir,
				error);
	if (!keep_part(daemon, &part, error))
		return false;
	if (!pdk_carrier_recover(daemon->carrier, ops, part.self, &recovered, error)) {
		g_prefix_error(error, "%s/%s: ", pdk_kind_name(PDK_KIND_PERSISTENCE), chosen->plugin->name);
		return false;
	}
	daemon->recovered_zxid = recovered.last_zxid;
	pdk_log(daemon->log, PDK_LOG_INFO,
		"recovered zxid=0x%" G_GINT64_MODIFIER "x snapshot=%s0x%" G_GINT64_MODIFIER "x txns=%" G_GUINT64_FORMAT
		" snapshot_ms=%" G_GINT64_FORMAT " replay_ms=%" G_GINT64_FORMAT,
		recovered.last_zxid, recovered.snapshot_zxid < 0 ? "none:" : "",
		recovered.snapshot_zxid < 0 ? 0 : recovered.snapshot_zxid, recovered.txns, recovered.snapshot_us / 1000,
		recovered.replay_us / 1000);
	return true;
}

/* The record of the persistence plugin, NULL: it has none, or keeps none at all. */
static GBytes *
get_record(const Daemon *daemon, const char *key)
{
	const Part *part = &g_array_index(daemon->parts[PDK_KIND_PERSISTENCE], Part, 0);
	const PdkPersistenceOps *ops = part->chosen->plugin->ops;

	return key && PDK_HAS(ops, record_get) ? ops->record_get(part->self, key) : NULL;
}

static bool
start_election(Daemon *daemon, const PdkChosen *chosen, GError **error)
{
	const PdkElectionOps *ops = chosen->plugin->ops;
	Part part = part_of(daemon, chosen);
	g_autoptr(GBytes) record = get_record(daemon, PDK_HAS(ops, record_key) ? ops->record_key : NULL);
	g_autoptr(GBytes) accepted_epoch = get_record(daemon, "acceptedEpoch");
	g_autoptr(GBytes) current_epoch = get_record(daemon, "currentEpoch");

	part.self = ops->create(pdk_instance_host(part.instance), chosen->config, pdk_server_ensemble(daemon->server), record,
				error);
	return keep_part(daemon, &part, error) && pdk_server_join(daemon->server, ops, part.self, accepted_epoch, current_epoch,
								  daemon->recovered_zxid, error);
}

/* The members of an ensemble are kept on disk; a static file that holds them is rewritten by a reconfiguration. */
static void
start_membership(Daemon *daemon)
{
	PdkSettings *settings = daemon->configuration->settings;
	g_autoptr(GError) error = NULL;

	if (settings->replica == NULL)
		return;
	daemon->keeper = pdk_instance_new(pdk_loop_runtime(daemon->loop), "members");
	daemon->membership = pdk_membership_new(pdk_instance_host(daemon->keeper), settings);
	if (!settings->reconfig_enabled || settings->config_file == NULL || settings->dynamic_file)
		return;
	if (!pdk_dynamic_files_back_up(pdk_files_system(), settings->config_file, &error))
		pdk_log(daemon->log, PDK_LOG_WARNING, "no-backup file=%s cause=\"%s\"", settings->config_file, error->message);
}

static void
stop_membership(Daemon *daemon)
{
	if (daemon->keeper == NULL)
		return;
	pdk_instance_settle(daemon->keeper);
	pdk_membership_free(daemon->membership);
	pdk_instance_free(daemon->keeper);
}

static bool
start_transport(Daemon *daemon, const PdkChosen *chosen, GError **error)
{
	const PdkTransportOps *ops = chosen->plugin->ops;
	Part part = part_of(daemon, chosen);

	part.self = ops->create(pdk_instance_host(part.instance), chosen->config, error);
	if (!keep_part(daemon, &part, error))
		return false;
	pdk_carrier_add_transport(daemon->carrier, ops, part.self);
	return true;
}

static bool
start_kind(Daemon *daemon, PdkKind kind, bool (*start)(Daemon *, const PdkChosen *, GError **), GError **error)
{
	const GPtrArray *list = daemon->configuration->chosen[kind];

	for (unsigned i = 0; i < list->len; i++)
		if (!start(daemon, g_ptr_array_index(list, i), error))
			return false;
	return true;
}

/* Opens every listener; the addresses come back comma separated. */
static bool
listen_everywhere(Daemon *daemon, GString *addresses, GError **error)
{
	GArray *parts = daemon->parts[PDK_KIND_TRANSPORT];

	for (unsigned i = 0; i < parts->len; i++) {
		Part *part = &g_array_index(parts, Part, i);
		const PdkTransportOps *ops = part->chosen->plugin->ops;
		int index = pdk_config_find(part->chosen->config, "listen");
		if (index < 0 || pdk_config_option(part->chosen->config, index)->type != PDK_OPTION_LIST)
			continue;
		const char *const *list = pdk_config_list(part->chosen->config, "listen");
		for (; *list; list++) {
			g_autofree char *bound = ops->listen(part->self, PDK_PURPOSE_CLIENT, *list, 0, error);
			if (bound == NULL) {
				g_prefix_error(error, "%s/%s: ", pdk_kind_name(PDK_KIND_TRANSPORT), part->chosen->plugin->name);
				return false;
			}
			if (addresses->len == 0)
				pdk_pairs_set_client_port(daemon->configuration->settings, bound);
			if (addresses->len == 0 && daemon->membership)
				pdk_membership_serve(daemon->membership, ops, part->self);
			g_string_append_printf(addresses, "%s%s", addresses->len ? "," : "", bound);
		}
	}
	return true;
}

static void
tell_started(const Daemon *daemon, const char *addresses)
{
	const PdkReplicaParams *replica = daemon->configuration->settings->replica;
	const PdkView *view = pdk_server_view(daemon->server);
	PdkServerFacts facts = {0};

	view->facts(view->core, &facts);
	if (replica)
		pdk_log(daemon->log, PDK_LOG_INFO,
			"listening on %s as server.%" G_GINT64_FORMAT ", %s of an ensemble of %u zxid=0x%" G_GINT64_MODIFIER
			"x nodes=%" G_GUINT64_FORMAT " version=%s",
			addresses, replica->self,
			pdk_members_votes(replica->committed, replica->self) ? "participant" : "observer",
			pdk_members_count(replica->committed), facts.last_zxid, facts.node_count, pdk_version());
	else
		pdk_log(daemon->log, PDK_LOG_INFO,
			"serving on %s zxid=0x%" G_GINT64_MODIFIER "x nodes=%" G_GUINT64_FORMAT " version=%s", addresses,
			facts.last_zxid, facts.node_count, pdk_version());
}

static bool
start(Daemon *daemon, GError **error)
{
	PdkServerParams params = {
		.settings = daemon->configuration->settings,
		.registry = daemon->registry,
		.facts = &daemon->facts,
		.version = pdk_version(),
		.built_on = pdk_built_on(),
		.seed = make_seed(),
		.now_us = g_get_monotonic_time(),
		.wall_ms = g_get_real_time() / 1000,
		.log = server_log,
		.log_context = (void *)(uintptr_t)daemon->log,
	};
	g_autoptr(GString) addresses = g_string_new(NULL);

	daemon->server = pdk_server_new(&params);
	daemon->carrier = pdk_carrier_new(daemon->server, daemon->configuration->settings, &daemon->facts);
	if (!start_kind(daemon, PDK_KIND_AUTH, start_auth, error) ||
	    !start_kind(daemon, PDK_KIND_PERSISTENCE, start_persistence, error) ||
	    !start_kind(daemon, PDK_KIND_ELECTION, start_election, error))
		return false;
	start_membership(daemon);
	pdk_carrier_begin(daemon->carrier, daemon->membership);
	if (!start_kind(daemon, PDK_KIND_ADMIN, start_admin, error) ||
	    !start_kind(daemon, PDK_KIND_METRICS, start_metrics, error) ||
	    !start_kind(daemon, PDK_KIND_TRANSPORT, start_transport, error) || !listen_everywhere(daemon, addresses, error))
		return false;

	daemon->facts.open_files = count_open_files();
	tell_started(daemon, addresses->str);
	pdk_notify_ready();
	return true;
}

/* The instance's jobs end, then it is destroyed, then nothing of it is called any more. */
static void
stop_kind(Daemon *daemon, PdkKind kind)
{
	GArray *parts = daemon->parts[kind];

	for (unsigned i = parts->len; i > 0; i--) {
		Part *part = &g_array_index(parts, Part, i - 1);
		const void *ops = part->chosen->plugin->ops;
		pdk_instance_settle(part->instance);
		switch (kind) {
		case PDK_KIND_TRANSPORT:
			((const PdkTransportOps *)ops)->destroy(part->self);
			break;
		case PDK_KIND_PERSISTENCE:
			((const PdkPersistenceOps *)ops)->destroy(part->self);
			break;
		case PDK_KIND_AUTH:
			((const PdkAuthOps *)ops)->destroy(part->self);
			break;
		case PDK_KIND_ADMIN:
			((const PdkAdminOps *)ops)->destroy(part->self);
			break;
		case PDK_KIND_METRICS:
			((const PdkMetricsOps *)ops)->destroy(part->self);
			break;
		case PDK_KIND_ELECTION:
			((const PdkElectionOps *)ops)->destroy(part->self);
			break;
		}
		pdk_instance_free(part->instance);
	}
	g_array_set_size(parts, 0);
}

/* Also after a start that went half way. */
static void
stop(Daemon *daemon)
{
	stop_kind(daemon, PDK_KIND_TRANSPORT);
	if (daemon->carrier)
		pdk_carrier_forget_links(daemon->carrier);
	stop_kind(daemon, PDK_KIND_ELECTION);
	stop_kind(daemon, PDK_KIND_METRICS);
	stop_kind(daemon, PDK_KIND_ADMIN);
	stop_kind(daemon, PDK_KIND_AUTH);
	stop_membership(daemon);
	stop_kind(daemon, PDK_KIND_PERSISTENCE);
	pdk_carrier_free(daemon->carrier);
	pdk_server_free(daemon->server);
}

static void
raise_file_limit(Daemon *daemon)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	if (limit.rlim_cur < limit.rlim_max) {
		struct rlimit wanted = {limit.rlim_max, limit.rlim_max};
		if (setrlimit(RLIMIT_NOFILE, &wanted) == 0)
			limit.rlim_cur = limit.rlim_max;
	}
	daemon->facts.max_files = (int64_t)limit.rlim_cur;
}

PdkExit
pdk_daemon_run(PdkConfiguration *configuration, const PdkLog *log, int signal_fd, void (*on_signal)(void))
{
	g_autoptr(GError) error = NULL;
	g_autoptr(PdkRegistry) registry = pdk_registry_new();
	g_autoptr(PdkLoop) loop = pdk_loop_new(log, registry, make_seed(), &error);
	Daemon daemon = {.configuration = configuration, .log = log, .registry = registry, .loop = loop};
	PdkExit status = PDK_EXIT_START;

	if (loop == NULL) {
		pdk_log(log, PDK_LOG_ERROR, "cannot start: %s", error->message);
		return status;
	}
	for (int i = 0; i < PDK_KINDS; i++)
		daemon.parts[i] = g_array_new(FALSE, FALSE, sizeof(Part));
	raise_file_limit(&daemon);
	if (!start(&daemon, &error)) {
		pdk_log(log, PDK_LOG_ERROR, "cannot start: %s", error->message);
	} else if (pdk_loop_run(loop, daemon.carrier, signal_fd, on_signal)) {
		status = PDK_EXIT_STOPPED;
	} else {
		pdk_log(log, PDK_LOG_ERROR, "stopped: %s", pdk_carrier_fatal(daemon.carrier));
		return PDK_EXIT_FATAL;
	}
	stop(&daemon);
	for (int i = 0; i < PDK_KINDS; i++)
		g_array_free(daemon.parts[i], TRUE);
	if (status == PDK_EXIT_STOPPED)
		pdk_log(log, PDK_LOG_INFO, "stopped");
	return status;
}

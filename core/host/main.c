/* SPDX-License-Identifier: Apache-2.0 */
/* paddockd: changes when its command line does. */
#include "host/daemon.h"
#include "host/pairs.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

typedef struct {
	char *conf, *zoo_cfg, *log_level;
	char **plugin_dirs, **rest;
	gboolean check_config, list_plugins, print_defaults, version;
} Options;

static void
options_clear(Options *options)
{
	g_free(options->conf);
	g_free(options->zoo_cfg);
	g_free(options->log_level);
	g_strfreev(options->plugin_dirs);
	g_strfreev(options->rest);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

static bool
parse_options(Options *options, int *argc, char ***argv, GError **error)
{
	const GOptionEntry entries[] = {
		{"config", 'c', 0, G_OPTION_ARG_FILENAME, &options->conf, "Serve as this paddock.conf says", "FILE"},
		{"zoo-cfg", 0, 0, G_OPTION_ARG_FILENAME, &options->zoo_cfg, "Serve as this zoo.cfg of ZooKeeper says", "FILE"},
		{"plugin-dir", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options->plugin_dirs,
		 "Look for plugins here first (may be repeated)", "DIR"},
		{"log-level", 0, 0, G_OPTION_ARG_STRING, &options->log_level, "error, warning, info (default) or debug", "LEVEL"},
		{"check-config", 0, 0, G_OPTION_ARG_NONE, &options->check_config, "Read the configuration and stop", NULL},
		{"list-plugins", 0, 0, G_OPTION_ARG_NONE, &options->list_plugins, "Show every plugin found", NULL},
		{"print-defaults", 0, 0, G_OPTION_ARG_NONE, &options->print_defaults,
		 "Show a paddock.conf with all defaults, or those of the plugin KIND/NAME", NULL},
		{"version", 0, 0, G_OPTION_ARG_NONE, &options->version, "Show the version", NULL},
		{G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->rest, NULL, "[KIND/NAME]"},
		G_OPTION_ENTRY_NULL,
	};
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);

	g_option_context_set_summary(context, "A coordination server that speaks ZooKeeper's protocol. It serves in the "
					      "foreground; SIGTERM stops it.");
	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse(context, argc, argv, error))
		return false;
	if (options->rest && !(options->print_defaults && options->rest[1] == NULL)) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "%s: unexpected argument", options->rest[0]);
		return false;
	}
	return true;
}

static PdkLoader *
make_loader(const Options *options)
{
	g_autoptr(GPtrArray) directories = g_ptr_array_new();

	for (char **directory = options->plugin_dirs; directory && *directory; directory++)
		g_ptr_array_add(directories, *directory);
	g_ptr_array_add(directories, (gpointer)(uintptr_t)PDK_PLUGIN_DIR);
	g_ptr_array_add(directories, NULL);
	return pdk_loader_new((const char *const *)directories->pdata);
}

static int
list_plugins(PdkLoader *loader)
{
	g_autoptr(GPtrArray) list = pdk_loader_scan(loader);

	for (unsigned i = 0; i < list->len; i++) {
		const PdkFound *found = g_ptr_array_index(list, i);
		if (found->plugin)
			printf("%s/%s %s - %s (%s)\n", pdk_kind_name(found->kind), found->name, found->plugin->version,
			       found->plugin->summary, found->file);
		else
			printf("%s/%s refused - %s\n", pdk_kind_name(found->kind), found->name, found->refusal);
	}
	return PDK_EXIT_STOPPED;
}

static int
print_defaults(PdkLoader *loader, const char *which)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;

	if (which) {
		g_auto(GStrv) parts = g_strsplit(which, "/", 2);
		PdkKind kind = pdk_kind_parse(parts[0] ? parts[0] : "");
		if (kind == 0 || parts[1] == NULL) {
			fprintf(stderr, "paddockd: %s: found this, allowed: KIND/NAME as --list-plugins shows\n", which);
			return PDK_EXIT_CONFIG;
		}
		const PdkPlugin *plugin = pdk_loader_find(loader, kind, parts[1], &error);
		if (plugin == NULL) {
			fprintf(stderr, "paddockd: %s\n", error->message);
			return PDK_EXIT_START;
		}
		text = pdk_defaults_plugin(plugin);
	} else {
		text = pdk_defaults_conf(loader);
	}
	fputs(text, stdout);
	return PDK_EXIT_STOPPED;
}

static PdkConfiguration *
load(const Options *options, PdkLoader *loader, int *status)
{
	g_autoptr(GError) error = NULL;
	PdkConfiguration *configuration;

	*status = PDK_EXIT_CONFIG;
	if ((options->conf == NULL) == (options->zoo_cfg == NULL)) {
		fprintf(stderr, "paddockd: found %s, allowed: one of -c FILE and --zoo-cfg FILE (see --help)\n",
			options->conf ? "both" : "no configuration");
		return NULL;
	}
	configuration = options->conf ? pdk_conf_load(options->conf, loader, &error)
				      : pdk_zoocfg_load(options->zoo_cfg, loader, &error);
	if (configuration)
		return configuration;
	fprintf(stderr, "paddockd: %s\n", error->message);
	if (pdk_configuration_error_is_plugin(error))
		*status = PDK_EXIT_START;
	return NULL;
}

/* The signals that stop the server, as a set. */
static sigset_t
stop_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	return set;
}

/* After the first one: the next kills at once, whatever the server is waiting for. */
static void
on_signal(void)
{
	sigset_t set = stop_signals();

	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* Two arenas are enough for a handful of threads; large blocks go back to the system when they are freed. */
static void
tune_malloc(void)
{
	mallopt(M_ARENA_MAX, 2);
	mallopt(M_MMAP_THRESHOLD, 1024 * 1024);
	mallopt(M_TRIM_THRESHOLD, 4 * 1024 * 1024);
}

static int
serve(PdkConfiguration *configuration, PdkLog *log)
{
	sigset_t set = stop_signals();

	/* Blocked before the first thread starts: all of them inherit it. */
	sigprocmask(SIG_BLOCK, &set, NULL);
	/* A closed connection and a file that may not grow are told by the call that meets them. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0) {
		pdk_log(log, PDK_LOG_ERROR, "cannot start: signalfd failed");
		return PDK_EXIT_START;
	}
	for (unsigned i = 0; i < configuration->warnings->len; i++)
		pdk_log(log, PDK_LOG_WARNING, "%s", (const char *)g_ptr_array_index(configuration->warnings, i));
	PdkExit status = pdk_daemon_run(configuration, log, fd, on_signal);
	if (status == PDK_EXIT_FATAL)
		_exit(status);
	close(fd);
	return status;
}

int
main(int argc, char **argv)
{
	g_auto(Options) options = {0};
	g_autoptr(GError) error = NULL;
	PdkLog log = {PDK_LOG_INFO, STDERR_FILENO};
	int status;

	tune_malloc();
	if (!parse_options(&options, &argc, &argv, &error)) {
		fprintf(stderr, "paddockd: %s (see --help)\n", error->message);
		return PDK_EXIT_CONFIG;
	}
	if (options.log_level && !pdk_log_level_parse(options.log_level, &log.level)) {
		fprintf(stderr, "paddockd: --log-level: found \"%s\", allowed: error, warning, info, debug\n", options.log_level);
		return PDK_EXIT_CONFIG;
	}
	if (options.version) {
		printf("paddockd %s (ZooKeeper %s)\n", PACKAGE_VERSION, pdk_version());
		return PDK_EXIT_STOPPED;
	}
	g_log_set_writer_func(pdk_log_glib_writer, &log, NULL);

	g_autoptr(PdkLoader) loader = make_loader(&options);
	if (options.list_plugins)
		return list_plugins(loader);
	if (options.print_defaults)
		return print_defaults(loader, options.rest ? options.rest[0] : NULL);
	g_autoptr(PdkConfiguration) configuration = load(&options, loader, &status);
	if (configuration == NULL)
		return status;
	if (!options.check_config)
		return serve(configuration, &log);
	for (unsigned i = 0; i < configuration->warnings->len; i++)
		fprintf(stderr, "paddockd: %s\n", (const char *)g_ptr_array_index(configuration->warnings, i));
	printf("%s: good\n", configuration->file);
	return PDK_EXIT_STOPPED;
}

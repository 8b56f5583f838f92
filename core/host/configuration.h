/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What both configuration files are read into: the server's settings, and the chosen plugins with their
 * option values.
 */
#ifndef PDK_HOST_CONFIGURATION_H
#define PDK_HOST_CONFIGURATION_H

#include "host/loader.h"
#include "host/options.h"
#include "server/settings.h"

#define PDK_KINDS (PDK_KIND_METRICS + 1)

typedef struct {
	const PdkPlugin *plugin;
	PdkConfig *config;
} PdkChosen;

/* A setting or option that was given. */
typedef struct {
	char *zoo_key, *value; /* by its name in zoo.cfg, without "zookeeper." */
	char *name;	       /* as it is written in the file */
	unsigned line;
} PdkGiven;

/* What was read of an ensemble; pdk_ensemble_settle (ensemble.h) makes the settings of it. */
typedef struct {
	bool is_static_file; /* zoo.cfg: a reconfiguration rewrites it */
	GArray *lines;       /* PdkGiven: server.N, group.N, weight.N by their names in zoo.cfg */
	bool has_id;
	int64_t id;
	unsigned id_line;
	char *client_host; /* own client address, when the own server.N has one; NULL: none */
	uint16_t client_port;
} PdkEnsembleDraft;

typedef struct {
	char *file; /* for messages */
	PdkSettings *settings;
	GPtrArray *chosen[PDK_KINDS]; /* PdkChosen, by kind, in configured order */
	GPtrArray *warnings;	      /* char: one line each */
	GArray *given;		      /* PdkGiven */
	PdkEnsembleDraft ensemble;
} PdkConfiguration;

PdkConfiguration *pdk_configuration_new(const char *file);
void pdk_configuration_free(PdkConfiguration *configuration);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PdkConfiguration, pdk_configuration_free)

/*
 * Reads @path, "paddock.conf" (libconfig) or "zoo.cfg" (Java properties). NULL: @error is the whole line to
 * show.
 */
PdkConfiguration *pdk_conf_load(const char *path, PdkLoader *loader, GError **error);
PdkConfiguration *pdk_zoocfg_load(const char *path, PdkLoader *loader, GError **error);
/* The same from memory; @file is what messages call it. */
typedef PdkConfiguration *(*PdkConfigurationParse)(const char *file, const char *text, size_t length, PdkLoader *loader,
						   GError **error);
PdkConfiguration *pdk_conf_parse(const char *file, const char *text, size_t length, PdkLoader *loader, GError **error);
PdkConfiguration *pdk_zoocfg_parse(const char *file, const char *text, size_t length, PdkLoader *loader, GError **error);

/* Did @error (from the functions above) come from a plugin, not from a mistake in the file? */
bool pdk_configuration_error_is_plugin(const GError *error);

/* For the readers. */

/* Adds a plugin at its defaults; owned by the configuration. */
PdkChosen *pdk_configuration_choose(PdkConfiguration *configuration, PdkLoader *loader, PdkKind kind, const char *name,
				    GError **error);
/*
 * Chooses for each kind that has nothing and is not in @decided (a bit for each kind) what the built-in text
 * says.
 */
bool pdk_configuration_choose_defaults(PdkConfiguration *configuration, PdkLoader *loader, unsigned decided,
				       GError **error);
void pdk_configuration_warn(PdkConfiguration *configuration, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Notes what was given for a zoo.cfg name; the last one wins. */
void pdk_configuration_note(PdkConfiguration *configuration, const char *zoo_key, const char *name, const char *value,
			    unsigned line);
/* NULL: not given. */
const PdkGiven *pdk_configuration_noted(const PdkConfiguration *configuration, const char *zoo_key);
/* What @parse makes of the file @path. */
PdkConfiguration *pdk_configuration_load(const char *path, PdkConfigurationParse parse, PdkLoader *loader, GError **error);
/* Settings that follow from others, rules between settings, the pairs. Last. */
bool pdk_configuration_finish(PdkConfiguration *configuration, GError **error);

/* The built-in choice of plugins, in the syntax of paddock.conf. */
const char *pdk_default_plugins(void);

/* A whole paddock.conf with every setting and every option of the plugins found, at their defaults; g_free. */
char *pdk_defaults_conf(PdkLoader *loader);
/* plugins.d/<kind>-<name>.conf: every option of @plugin at its default; g_free. */
char *pdk_defaults_plugin(const PdkPlugin *plugin);

#endif

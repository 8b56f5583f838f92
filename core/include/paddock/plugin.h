/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plugin descriptor: how a .so says what it is.
 *
 * A plugin is one exported constant of type PdkPlugin, named `pdk_plugin`. The host trusts it in steps: size,
 * major, minor, kind, name, required slots of the ops table, options; each refusal names the file, what was
 * found and what was wanted. A plugin that was trusted stays mapped until the process ends.
 *
 * History of the ABI, newest first:
 *   1.1  election; persistence: truncate, read_log, log_bytes_from, recover again, trusted; transport: stop_listening_for.
 *   1.0  transport, persistence, auth, admin, metrics.
 */
#ifndef PADDOCK_PLUGIN_H
#define PADDOCK_PLUGIN_H

#include <paddock/types.h>

G_BEGIN_DECLS

/* Major moves when something is removed or means something else; the host accepts its own major only. */
#define PDK_ABI_MAJOR 1
/* Minor moves when something is added; the host accepts any minor up to its own. */
#define PDK_ABI_MINOR 1

typedef enum {
	PDK_KIND_ELECTION = 1, /* who leads; since 1.1 */
	PDK_KIND_TRANSPORT = 2,
	PDK_KIND_PERSISTENCE = 3,
	PDK_KIND_AUTH = 4,
	PDK_KIND_ADMIN = 5,
	PDK_KIND_METRICS = 6,
} PdkKind;

typedef enum {
	PDK_OPTION_STRING = 1,
	PDK_OPTION_INT = 2,  /* 64 bit, between `min` and `max` */
	PDK_OPTION_BOOL = 3, /* true/false; zoo.cfg also writes yes/no */
	PDK_OPTION_LIST = 4, /* of strings; the default is written comma separated */
} PdkOptionType;

/*
 * One option of a plugin. From this table come validation, messages with file and line,
 * `paddockd --print-defaults` and the files of etc/plugins.d/.
 */
typedef struct {
	const char *key; /* as in paddock.conf, lower_case; NULL ends the table */
	PdkOptionType type;
	const char *fallback; /* the default as it would be written; NULL: unset (STRING reads as NULL) */
	int64_t min, max;     /* INT: the range, both ends allowed */
	const char *choices;  /* STRING: the allowed values, separated by '|'; NULL: any */
	const char *zoo_keys; /* the zoo.cfg keys that set it, separated by '|', without `zookeeper.`; NULL: none */
	const char *help;     /* one line, no full stop; says the unit */
} PdkOption;

typedef struct {
	uint32_t size; /* sizeof(PdkPlugin) when the plugin was built */
	uint16_t abi_major, abi_minor;
	PdkKind kind;
	const char *name;    /* as in the configuration: lower case, digits, '-' */
	const char *version; /* the plugin's own */
	const char *summary; /* one line for --list-plugins */
	const PdkOption *options; /* ends with a NULL key; NULL: no options */
	const void *ops;          /* PdkTransportOps, PdkPersistenceOps, ... by kind */
} PdkPlugin;

/*
 * Opens the definition of the descriptor:
 *
 *     PDK_PLUGIN_DEFINE(persistence, memory) = {
 *         PDK_PLUGIN_HEAD, .kind = PDK_KIND_PERSISTENCE, .name = "memory", ...
 *     };
 *
 * The same source built with -DPDK_STATIC_TWIN defines `pdk_plugin_<kind>_<name>` instead, so that many plugins
 * can be linked into one test program.
 */
#ifdef PDK_STATIC_TWIN
#define PDK_PLUGIN_DEFINE(kind_, name_)                                                                            \
	extern const PdkPlugin pdk_plugin_##kind_##_##name_;                                                       \
	const PdkPlugin pdk_plugin_##kind_##_##name_
#else
#define PDK_PLUGIN_DEFINE(kind_, name_)                                                                            \
	extern PDK_EXPORT const PdkPlugin pdk_plugin;                                                              \
	PDK_EXPORT const PdkPlugin pdk_plugin
#endif

#define PDK_PLUGIN_HEAD                                                                                            \
	.size = sizeof(PdkPlugin), .abi_major = PDK_ABI_MAJOR, .abi_minor = PDK_ABI_MINOR

G_END_DECLS

#endif

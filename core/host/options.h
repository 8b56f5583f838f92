/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PdkConfig: the values of one plugin instance's options, checked against its option table. Messages say what
 * was found and what is allowed; the readers put file, line and key in front.
 */
#ifndef PDK_HOST_OPTIONS_H
#define PDK_HOST_OPTIONS_H

#include <paddock/host.h>
#include <paddock/plugin.h>

/* What was wrong in a configuration. */
typedef enum {
	PDK_CONFIG_ERROR_FILE = 1,  /* cannot be read */
	PDK_CONFIG_ERROR_SYNTAX,    /* not in the format */
	PDK_CONFIG_ERROR_UNKNOWN,   /* a key nobody knows */
	PDK_CONFIG_ERROR_VALUE,     /* not an allowed value */
	PDK_CONFIG_ERROR_MISSING,   /* a key must be given */
	PDK_CONFIG_ERROR_UNABLE,    /* asks for what this version cannot do */
	PDK_CONFIG_ERROR_PLUGIN,    /* a plugin is missing or was refused: no mistake in the file */
} PdkConfigError;
#define PDK_CONFIG_ERROR (pdk_config_error_quark())
GQuark pdk_config_error_quark(void);

/*
 * Text in the three forms that settings and options share. Numbers: decimal or 0x..., an optional sign,
 * nothing else. Booleans: true, false, yes, no in any case. False: @error (PDK_CONFIG_ERROR_VALUE, "found
 * "x", allowed ...") is set.
 */
bool pdk_text_to_int(const char *text, int64_t min, int64_t max, int64_t *value, GError **error);
bool pdk_text_to_bool(const char *text, bool *value, GError **error);
/* Parts between commas, stripped, empty ones left out; g_strfreev. */
char **pdk_text_to_list(const char *text);

/* Is @table well formed (keys, types, ranges, defaults that pass their own rules)? NULL is: no options. */
bool pdk_options_check(const PdkOption *table, GError **error);

/* Every option at its default. @table is borrowed and must have passed pdk_options_check. */
PdkConfig *pdk_config_new(const PdkOption *table);
void pdk_config_free(PdkConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PdkConfig, pdk_config_free)

/* The option's place in its table, -1: no such key. */
int pdk_config_find(const PdkConfig *config, const char *key);
const PdkOption *pdk_config_option(const PdkConfig *config, int index);
/* The option that @zoo_key (without "zookeeper.") sets, -1: none. */
int pdk_config_find_zoo(const PdkConfig *config, const char *zoo_key);
/* Was a value given, other than by default? */
bool pdk_config_given(const PdkConfig *config, int index);

/* From text of any type, as zoo.cfg has it. */
bool pdk_config_set_text(PdkConfig *config, int index, const char *text, GError **error);
/* Typed; the option's type must be the one named (the readers tell a wrong type themselves). */
bool pdk_config_set_int(PdkConfig *config, int index, int64_t value, GError **error);
bool pdk_config_set_string(PdkConfig *config, int index, const char *text, GError **error);
void pdk_config_set_bool(PdkConfig *config, int index, bool value);
/* Takes @list over. */
void pdk_config_set_list(PdkConfig *config, int index, char **list);

/* "an integer between 1 and 10", "one of a|b", ...: for messages and help; g_free. */
char *pdk_option_allowed(const PdkOption *option);

/* The functions of the host's table (paddock/host.h). */
const char *pdk_config_string(const PdkConfig *config, const char *key);
int64_t pdk_config_int(const PdkConfig *config, const char *key);
bool pdk_config_bool(const PdkConfig *config, const char *key);
const char *const *pdk_config_list(const PdkConfig *config, const char *key);
/* Puts them into @host. */
void pdk_config_lend(PdkHost *host);

#endif

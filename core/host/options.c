/* SPDX-License-Identifier: Apache-2.0 */
/* Changes when the rules for the values of options do. */
#include "host/options.h"

#include "base/assert.h"
#include <errno.h>
#include <string.h>

#define MAX_OPTIONS 256

G_DEFINE_QUARK(pdk-config-error-quark, pdk_config_error)

typedef struct {
	bool given;
	char *string;
	int64_t integer;
	bool boolean;
	char **list;
} Value;

struct PdkConfig {
	const PdkOption *table;
	int n;
	Value *values;
};

static const PdkOption no_options[] = {{.key = NULL}};

bool
pdk_text_to_int(const char *text, int64_t min, int64_t max, int64_t *value, GError **error)
{
	const char *digits = *text == '+' || *text == '-' ? text + 1 : text;
	bool is_hex = digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X');
	const char *first = is_hex ? digits + 2 : digits;
	size_t length = strspn(first, is_hex ? "0123456789abcdefABCDEF" : "0123456789");

	if (length > 0 && first[length] == '\0') {
		errno = 0;
		int64_t found = g_ascii_strtoll(text, NULL, is_hex ? 16 : 10);
		if (errno == 0 && found >= min && found <= max) {
			*value = found;
			return true;
		}
	}
	if (min == INT64_MIN && max == INT64_MAX)
		g_set_error(error, PDK_CONFIG_ERROR, PDK_CONFIG_ERROR_VALUE, "found \"%s\", allowed: an integer", text);
	else
		g_set_error(error, PDK_CONFIG_ERROR, PDK_CONFIG_ERROR_VALUE,
			    "found \"%s\", allowed: an integer between %" G_GINT64_FORMAT " and %" G_GINT64_FORMAT, text,
			    min, max);
	return false;
}

bool
pdk_text_to_bool(const char *text, bool *value, GError **error)
{
	if (g_ascii_strcasecmp(text, "true") == 0 || g_ascii_strcasecmp(text, "yes") == 0) {
		*value = true;
		return true;
	}
	if (g_ascii_strcasecmp(text, "false") == 0 || g_ascii_strcasecmp(text, "no") == 0) {
		*value = false;
		return true;
	}
	g_set_error(error, PDK_CONFIG_ERROR, PDK_CONFIG_ERROR_VALUE, "found \"%s\", allowed: true, false, yes, no", text);
	return false;
}

char **
pdk_text_to_list(const char *text)
{
	g_auto(GStrv) parts = g_strsplit(text, ",", -1);
	g_autoptr(GPtrArray) list = g_ptr_array_new();

	for (char **part = parts; *part; part++)
		if (*g_strstrip(*part) != '\0')
			g_ptr_array_add(list, g_strdup(*part));
	g_ptr_array_add(list, NULL);
	return (char **)g_ptr_array_steal(list, NULL);
}

char *
pdk_option_allowed(const PdkOption *option)
{
	switch (option->type) {
	case PDK_OPTION_INT:
		return g_strdup_printf("an integer between %" G_GINT64_FORMAT " and %" G_GINT64_FORMAT, option->min,
				       option->max);
	case PDK_OPTION_BOOL:
		return g_strdup("true or false");
	case PDK_OPTION_LIST:
		return g_strdup("a list of strings");
	case PDK_OPTION_STRING:
		break;
	}
	return option->choices ? g_strdup_printf("one of %s", option->choices) : g_strdup("a string");
}

/* Is @word one of the @words between '|'? */
static bool
among(const char *words, const char *word)
{
	size_t length = strlen(word);

	while (words) {
		const char *end = strchr(words, '|');
		size_t n = end ? (size_t)(end - words) : strlen(words);
		if (n == length && memcmp(words, word, n) == 0)
			return true;
		words = end ? end + 1 : NULL;
	}
	return false;
}

/* The value's new content; the old one goes. */
static bool
take_text(const PdkOption *option, Value *value, const char *text, GError **error)
{
	switch (option->type) {
	case PDK_OPTION_INT:
		return pdk_text_to_int(text, option->min, option->max, &value->integer, error);
	case PDK_OPTION_BOOL:
		return pdk_text_to_bool(text, &value->boolean, error);
	case PDK_OPTION_LIST:
		g_strfreev(value->list);
		value->list = pdk_text_to_list(text);
		return true;
	case PDK_OPTION_STRING:
		break;
	}
	if (option->choices && !among(option->choices, text)) {
		g_set_error(error, PDK_CONFIG_ERROR, PDK_CONFIG_ERROR_VALUE, "found \"%s\", allowed: one of %s", text,
			    option->choices);
		return false;
	}
	g_free(value->string);
	value->string = g_strdup(text);
	return true;
}

static void
value_clear(Value *value)
{
	g_free(value->string);
	g_strfreev(value->list);
}

static bool
key_well_formed(const char *key)
{
	return *key >= 'a' && *key <= 'z' && strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(key);
}

static bool
bad_table(GError **error, const char *key, const char *found, const char *wanted)
{
	g_set_error(error, PDK_CONFIG_ERROR, PDK_CONFIG_ERROR_PLUGIN, "option \"%s\": found %s, wanted %s", key, found,
		    wanted);
	return false;
}

static bool
check_option(const PdkOption *option, GError **error)
{
	Value value = {0};

	if (!key_well_formed(option->key))
		return bad_table(error, option->key, "this key", "lower case letters, digits and _");
	if (option->type < PDK_OPTION_STRING || option->type > PDK_OPTION_LIST)
		return bad_table(error, option->key, "an unknown type", "STRING, INT, BOOL or LIST");
	if (option->help == NULL)
		return bad_table(error, option->key, "no help", "one line of help");
	if (option->type == PDK_OPTION_INT && option->min > option->max)
		return bad_table(error, option->key, "min above max", "a range");
	if (option->fallback == NULL) {
		if (option->type == PDK_OPTION_INT || option->type == PDK_OPTION_BOOL)
			return bad_table(error, option->key, "no default", "one: INT and BOOL cannot be unset");
		return true;
	}
	g_autoptr(GError) cause = NULL;
	bool good = take_text(option, &value, option->fallback, &cause);
	value_clear(&value);
	return good ? true : bad_table(error, option->key, "a default that breaks its own rules", cause->message);
}

bool
pdk_options_check(const PdkOption *table, GError **error)
{
	for (unsigned i = 0; table && table[i].key; i++) {
		if (i == MAX_OPTIONS)
			return bad_table(error, table[i].key, "more than 256 options", "a table that ends with a NULL key");
		if (!check_option(&table[i], error))
			return false;
		for (unsigned k = 0; k < i; k++)
			if (strcmp(table[k].key, table[i].key) == 0)
				return bad_table(error, table[i].key, "the key twice", "it once");
	}
	return true;
}

PdkConfig *
pdk_config_new(const PdkOption *table)
{
	PdkConfig *config = g_new0(PdkConfig, 1);

	config->table = table ? table : no_options;
	while (config->table[config->n].key)
		config->n++;
	config->values = g_new0(Value, (gsize)config->n);
	for (int i = 0; i < config->n; i++) {
		const PdkOption *option = &config->table[i];
		bool good = option->fallback == NULL || take_text(option, &config->values[i], option->fallback, NULL);
		pdk_assert(good);
		if (option->type == PDK_OPTION_LIST && config->values[i].list == NULL)
			config->values[i].list = g_new0(char *, 1);
	}
	return config;
}

void
pdk_config_free(PdkConfig *config)
{
	if (config == NULL)
		return;
	for (int i = 0; i < config->n; i++)
		value_clear(&config->values[i]);
	g_free(config->values);
	g_free(config);
}

int
pdk_config_find(const PdkConfig *config, const char *key)
{
	for (int i = 0; i < config->n; i++)
		if (strcmp(config->table[i].key, key) == 0)
			return i;
	return -1;
}

const PdkOption *
pdk_config_option(const PdkConfig *config, int index)
{
	pdk_assert(index >= 0 && index < config->n);
	return &config->table[index];
}

int
pdk_config_find_zoo(const PdkConfig *config, const char *zoo_key)
{
	for (int i = 0; i < config->n; i++)
		if (config->table[i].zoo_keys && among(config->table[i].zoo_keys, zoo_key))
			return i;
	return -1;
}

bool
pdk_config_given(const PdkConfig *config, int index)
{
	pdk_assert(index >= 0 && index < config->n);
	return config->values[index].given;
}

/* The value to change, marked as given. */
static Value *
give(PdkConfig *config, int index, PdkOptionType type)
{
	pdk_assert(index >= 0 && index < config->n && config->table[index].type == type);
	config->values[index].given = true;
	return &config->values[index];
}

bool
pdk_config_set_text(PdkConfig *config, int index, const char *text, GError **error)
{
	const PdkOption *option = pdk_config_option(config, index);

	return take_text(option, give(config, index, option->type), text, error);
}

bool
pdk_config_set_string(PdkConfig *config, int index, const char *text, GError **error)
{
	return take_text(&config->table[index], give(config, index, PDK_OPTION_STRING), text, error);
}

bool
pdk_config_set_int(PdkConfig *config, int index, int64_t value, GError **error)
{
	const PdkOption *option = pdk_config_option(config, index);

	if (value < option->min || value > option->max) {
		g_autofree char *allowed = pdk_option_allowed(option);
		g_set_error(error, PDK_CONFIG_ERROR, PDK_CONFIG_ERROR_VALUE, "found %" G_GINT64_FORMAT ", allowed: %s", value,
			    allowed);
		return false;
	}
	give(config, index, PDK_OPTION_INT)->integer = value;
	return true;
}

void
pdk_config_set_bool(PdkConfig *config, int index, bool value)
{
	give(config, index, PDK_OPTION_BOOL)->boolean = value;
}

void
pdk_config_set_list(PdkConfig *config, int index, char **list)
{
	Value *value = give(config, index, PDK_OPTION_LIST);

	g_strfreev(value->list);
	value->list = list;
}

/* A plugin may ask for what its table declares, and by that type only. */
static const Value *
look_up(const PdkConfig *config, const char *key, PdkOptionType type)
{
	int index = pdk_config_find(config, key);

	if (index < 0 || config->table[index].type != type)
		g_error("a plugin asked for the option \"%s\", which its table does not declare so", key);
	return &config->values[index];
}

const char *
pdk_config_string(const PdkConfig *config, const char *key)
{
	return look_up(config, key, PDK_OPTION_STRING)->string;
}

int64_t
pdk_config_int(const PdkConfig *config, const char *key)
{
	return look_up(config, key, PDK_OPTION_INT)->integer;
}

bool
pdk_config_bool(const PdkConfig *config, const char *key)
{
	return look_up(config, key, PDK_OPTION_BOOL)->boolean;
}

const char *const *
pdk_config_list(const PdkConfig *config, const char *key)
{
	return (const char *const *)look_up(config, key, PDK_OPTION_LIST)->list;
}

void
pdk_config_lend(PdkHost *host)
{
	host->option_string = pdk_config_string;
	host->option_int = pdk_config_int;
	host->option_bool = pdk_config_bool;
	host->option_list = pdk_config_list;
}

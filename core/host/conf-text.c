/* SPDX-License-Identifier: Apache-2.0 */
/* Changes when libconfig reads its text in another way. */
#include "host/conf-text.h"

#include "host/options.h"
#include <errno.h>
#include <string.h>

typedef struct {
	const char *at;
	unsigned line;
	GString *out;
} Scanner;

static void
copy(Scanner *scanner, size_t length)
{
	for (; length > 0 && *scanner->at; length--) {
		scanner->line += *scanner->at == '\n';
		g_string_append_c(scanner->out, *scanner->at++);
	}
}

/* A string with its escapes and quotes; libconfig loses the memory of one that does not end. */
static bool
copy_string(Scanner *scanner, const char *file, GError **error)
{
	unsigned line = scanner->line;

	copy(scanner, 1);
	while (*scanner->at && *scanner->at != '"')
		copy(scanner, *scanner->at == '\\' ? 2 : 1);
	if (*scanner->at == '\0') {
		g_set_error(error, PDK_CONFIG_ERROR, PDK_CONFIG_ERROR_SYNTAX,
			    "%s:%u: found a string without its end, allowed: \"...\"", file, line);
		return false;
	}
	copy(scanner, 1);
	return true;
}

static bool
copy_comment(Scanner *scanner)
{
	const char *at = scanner->at, *end;

	if (*at == '#' || (at[0] == '/' && at[1] == '/')) {
		copy(scanner, strcspn(at, "\n"));
		return true;
	}
	if (at[0] != '/' || at[1] != '*')
		return false;
	end = strstr(at + 2, "*/");
	copy(scanner, end ? (size_t)(end + 2 - at) : strlen(at));
	return true;
}

static bool
is_word(char c)
{
	return g_ascii_isalnum(c) || c == '_' || c == '-' || c == '+' || c == '.' || c == '*';
}

/* A run of letters, digits and signs: a name, a number or a boolean. */
static bool
copy_word(Scanner *scanner, const char *file, GError **error)
{
	size_t length = 0;
	unsigned line = scanner->line;
	char *end;

	while (is_word(scanner->at[length]))
		length++;
	g_autofree char *word = g_strndup(scanner->at, length);
	copy(scanner, length);

	const char *digits = word + (*word == '-' || *word == '+');
	bool is_hex = digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X');
	if (!g_ascii_isdigit(*digits))
		return true;
	errno = 0;
	gint64 value = g_ascii_strtoll(word, &end, is_hex ? 16 : 10);
	/* With an L it is marked already; anything else behind it makes it no integer. */
	if (errno != 0 && (*end == '\0' || *end == 'L')) {
		g_set_error(error, PDK_CONFIG_ERROR, PDK_CONFIG_ERROR_VALUE, "%s:%u: found the integer %s, allowed: 64 bits", file,
			    line, word);
		return false;
	}
	if (*end == '\0' && (value < INT32_MIN || value > INT32_MAX))
		g_string_append_c(scanner->out, 'L');
	return true;
}

char *
pdk_conf_text_prepare(const char *file, const char *text, size_t length, GError **error)
{
	g_autoptr(GString) out = g_string_sized_new(length + 16);
	Scanner scanner = {text, 1, out};

	if (strlen(text) != length) {
		g_set_error(error, PDK_CONFIG_ERROR, PDK_CONFIG_ERROR_SYNTAX, "%s:1: found a NUL byte, allowed: text", file);
		return NULL;
	}
	while (*scanner.at) {
		if (*scanner.at == '"') {
			if (!copy_string(&scanner, file, error))
				return NULL;
		} else if (is_word(*scanner.at)) {
			if (!copy_word(&scanner, file, error))
				return NULL;
		} else if (*scanner.at == '@') {
			g_set_error(error, PDK_CONFIG_ERROR, PDK_CONFIG_ERROR_SYNTAX,
				    "%s:%u: found @, allowed: one file without @include (plugins_dir names a directory of more)",
				    file, scanner.line);
			return NULL;
		} else if (!copy_comment(&scanner)) {
			copy(&scanner, 1);
		}
	}
	return g_string_free(g_steal_pointer(&out), FALSE);
}

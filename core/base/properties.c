/* SPDX-License-Identifier: Apache-2.0 */
/* Changes when our reading of Java's properties syntax does. */
#include "base/properties.h"

#include <stdbool.h>
#include <string.h>

typedef struct {
	const char *at, *end;
	unsigned line; /* of `at` */
	GError **error;
} Reader;

static void
property_free(void *data)
{
	PdkProperty *property = data;

	g_free(property->key);
	g_free(property->value);
	g_free(property);
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\f';
}

static bool
is_break(char c)
{
	return c == '\n' || c == '\r';
}

/* Over one end of line: "\n", "\r" or "\r\n". */
static void
skip_break(Reader *reader)
{
	bool pair = reader->end - reader->at > 1 && reader->at[0] == '\r' && reader->at[1] == '\n';

	reader->at += pair ? 2 : 1;
	reader->line++;
}

static void
skip_blanks(Reader *reader)
{
	while (reader->at < reader->end && is_blank(*reader->at))
		reader->at++;
}

/* Over a '\' and the end of line behind it, and the blanks the next line begins with. */
static bool
skip_continuation(Reader *reader)
{
	bool continued = false;

	while (reader->end - reader->at > 1 && reader->at[0] == '\\' && is_break(reader->at[1])) {
		reader->at++;
		skip_break(reader);
		skip_blanks(reader);
		continued = true;
	}
	return continued;
}

/* Four hexadecimal digits; half a pair of surrogates becomes U+FFFD. */
static bool
read_unicode(Reader *reader, GString *into)
{
	gunichar found = 0;

	for (int i = 0; i < 4; i++) {
		int digit = reader->at < reader->end ? g_ascii_xdigit_value(*reader->at) : -1;
		if (digit < 0) {
			g_set_error(reader->error, PDK_PROPERTIES_ERROR, PDK_PROPERTIES_ERROR_SYNTAX,
				    "%u: found \\u without four hexadecimal digits, allowed: \\uXXXX", reader->line);
			return false;
		}
		found = found << 4 | (gunichar)digit;
		reader->at++;
	}
	if (found == 0) {
		g_set_error(reader->error, PDK_PROPERTIES_ERROR, PDK_PROPERTIES_ERROR_SYNTAX,
			    "%u: found \\u0000, allowed: other characters", reader->line);
		return false;
	}
	g_string_append_unichar(into, found >= 0xd800 && found <= 0xdfff ? 0xfffd : found);
	return true;
}

/* One character of a key or value, at a place that is no end of line. */
static bool
read_character(Reader *reader, GString *into)
{
	char c = *reader->at++;

	if (c != '\\') {
		g_string_append_c(into, c);
		return true;
	}
	if (reader->at == reader->end)
		return true;
	c = *reader->at++;
	switch (c) {
	case 'u':
		return read_unicode(reader, into);
	case 't':
		c = '\t';
		break;
	case 'n':
		c = '\n';
		break;
	case 'r':
		c = '\r';
		break;
	case 'f':
		c = '\f';
		break;
	default:
		break;
	}
	g_string_append_c(into, c);
	return true;
}

static bool
read_key(Reader *reader, GString *key)
{
	while (skip_continuation(reader) || (reader->at < reader->end && !is_break(*reader->at))) {
		if (reader->at == reader->end || is_break(*reader->at))
			break;
		if (*reader->at == '=' || *reader->at == ':' || is_blank(*reader->at))
			break;
		if (!read_character(reader, key))
			return false;
	}
	skip_blanks(reader);
	skip_continuation(reader);
	if (reader->at < reader->end && (*reader->at == '=' || *reader->at == ':')) {
		reader->at++;
		skip_blanks(reader);
	}
	return true;
}

static bool
read_value(Reader *reader, GString *value)
{
	while (skip_continuation(reader) || (reader->at < reader->end && !is_break(*reader->at))) {
		if (reader->at == reader->end || is_break(*reader->at))
			break;
		if (!read_character(reader, value))
			return false;
	}
	return true;
}

static void
skip_comment(Reader *reader)
{
	while (reader->at < reader->end && !is_break(*reader->at))
		reader->at++;
}

GPtrArray *
pdk_properties_parse(const char *text, size_t length, GError **error)
{
	g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(property_free);
	if (length == 0)
		return g_steal_pointer(&list);

	Reader reader = {text, text + length, 1, error};
	if (memchr(text, '\0', length) != NULL) {
		g_set_error_literal(error, PDK_PROPERTIES_ERROR, PDK_PROPERTIES_ERROR_SYNTAX,
				    "1: found a NUL byte in the file, allowed: text");
		return NULL;
	}
	while (reader.at < reader.end) {
		skip_blanks(&reader);
		if (reader.at == reader.end)
			break;
		if (is_break(*reader.at)) {
			skip_break(&reader);
			continue;
		}
		if (*reader.at == '#' || *reader.at == '!') {
			skip_comment(&reader);
			continue;
		}
		unsigned line = reader.line;
		g_autoptr(GString) key = g_string_new(NULL);
		g_autoptr(GString) value = g_string_new(NULL);
		if (!read_key(&reader, key) || !read_value(&reader, value))
			return NULL;
		PdkProperty *property = g_new(PdkProperty, 1);
		*property = (PdkProperty){g_strdup(g_strstrip(key->str)), g_strdup(g_strstrip(value->str)), line};
		g_ptr_array_add(list, property);
	}
	return g_steal_pointer(&list);
}

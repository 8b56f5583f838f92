/* SPDX-License-Identifier: Apache-2.0 */
/* What a legal znode path is. */
#define _GNU_SOURCE
#include "base/path.h"
#include "base/assert.h"
#include <stdint.h>
#include <string.h>

/* Decodes one UTF-8 character of at most three bytes; returns its length, 0 when malformed or beyond U+FFFF. */
static size_t
decode(const uint8_t *at, size_t left, uint32_t *out)
{
	if (at[0] < 0x80) {
		*out = at[0];
		return 1;
	}
	if (at[0] >= 0xc2 && at[0] <= 0xdf && left >= 2 && (at[1] & 0xc0) == 0x80) {
		*out = (uint32_t)(at[0] & 0x1f) << 6 | (at[1] & 0x3f);
		return 2;
	}
	if ((at[0] & 0xf0) == 0xe0 && left >= 3 && (at[1] & 0xc0) == 0x80 && (at[2] & 0xc0) == 0x80) {
		*out = (uint32_t)(at[0] & 0x0f) << 12 | (uint32_t)(at[1] & 0x3f) << 6 | (at[2] & 0x3f);
		return *out >= 0x800 ? 3 : 0;
	}
	return 0;
}

static bool
legal_character(uint32_t c)
{
	return c > 0x1f && !(c >= 0x7f && c <= 0x9f) && !(c >= 0xd800 && c <= 0xf8ff) && c < 0xfff0;
}

static bool
legal_component(const char *name, size_t length)
{
	if (length == 0)
		return false;
	return !(length == 1 && name[0] == '.') && !(length == 2 && name[0] == '.' && name[1] == '.');
}

bool
pdk_path_legal(const char *path, size_t length)
{
	if (path == NULL || length == 0 || path[0] != '/')
		return false;
	if (length == 1)
		return true;
	size_t component = 1;
	for (size_t i = 1; i < length;) {
		uint32_t c;
		size_t taken = decode((const uint8_t *)path + i, length - i, &c);
		if (taken == 0 || !legal_character(c))
			return false;
		if (c == '/') {
			if (!legal_component(path + component, i - component))
				return false;
			component = i + 1;
		}
		i += taken;
	}
	return legal_component(path + component, length - component);
}

size_t
pdk_path_name(const char *path, size_t length)
{
	const char *slash = memrchr(path, '/', length);
	pdk_assert(slash != NULL);
	return (size_t)(slash - path) + 1;
}

size_t
pdk_path_parent(const char *path, size_t length)
{
	return pdk_path_name(path, length) - 1;
}

bool
pdk_path_below(const char *path, size_t length, const char *ancestor, size_t ancestor_length)
{
	if (ancestor_length == 0 || (ancestor_length == 1 && ancestor[0] == '/'))
		return true;
	if (length < ancestor_length || memcmp(path, ancestor, ancestor_length) != 0)
		return false;
	return length == ancestor_length || path[ancestor_length] == '/';
}

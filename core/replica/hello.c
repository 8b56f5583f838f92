/* SPDX-License-Identifier: Apache-2.0 */
/* How the first bytes of an election link are read and written. */
#include "replica/hello.h"

#define VERSION_ONE INT64_C(-65536)     /* one address */
#define VERSION_SEVERAL INT64_C(-65535) /* several, joined by '|' */
#define HEAD_BYTES (8 + 8 + 4)

/* Every interface: an address to listen on, not one to dial. */
static bool
is_wildcard(const char *host)
{
	return strcmp(host, "0.0.0.0") == 0 || host[strspn(host, "0:")] == '\0';
}

/* What a name or number may be made of; the rest has no place in a log line either. */
static bool
is_host(const char *host)
{
	return host[0] != '\0' && host[strspn(host, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "._-:%")] == '\0';
}

static bool
is_port(const char *text)
{
	size_t length = strlen(text);
	if (length == 0 || length > 5 || text[strspn(text, G_CSET_DIGITS)] != '\0')
		return false;
	uint64_t port = g_ascii_strtoull(text, NULL, 10);
	return port > 0 && port <= 65535;
}

/* False: @element has no port. *@usable: it can be dialled. */
static bool
check_address(const char *element, bool *usable)
{
	const char *colon = strrchr(element, ':');
	if (colon == NULL || !is_port(colon + 1))
		return false;
	bool brackets = element[0] == '[' && colon > element && colon[-1] == ']';
	g_autofree char *host = brackets ? g_strndup(element + 1, (size_t)(colon - element) - 2)
					 : g_strndup(element, (size_t)(colon - element));
	*usable = is_host(host) && !is_wildcard(host) && (brackets || strchr(host, ':') == NULL);
	return true;
}

/* False: the text is not one of addresses. *@addresses: NULL when none is usable. */
static bool
read_addresses(const uint8_t *data, size_t length, char ***addresses)
{
	if (memchr(data, '\0', length) != NULL)
		return false;
	g_autofree char *text = g_strndup((const char *)data, length);
	g_auto(GStrv) elements = g_strsplit(text, "|", -1);
	g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);
	for (unsigned i = 0; elements[i] != NULL; i++) {
		bool usable;
		if (!check_address(elements[i], &usable))
			return false;
		if (usable && found->len < PDK_HELLO_ADDRESSES_MAX)
			g_ptr_array_add(found, g_strdup(elements[i]));
	}
	if (found->len > 0) {
		g_ptr_array_add(found, NULL);
		*addresses = (char **)g_ptr_array_free(g_steal_pointer(&found), FALSE);
	}
	return true;
}

static PdkHelloResult
refuse(const char **why, const char *mistake)
{
	*why = mistake;
	return PDK_HELLO_BAD;
}

PdkHelloResult
pdk_hello_get(const uint8_t *data, size_t length, PdkHello *into, size_t *used, const char **why)
{
	*into = (PdkHello){0};
	if (length < 8)
		return PDK_HELLO_MORE;
	int64_t version = (int64_t)pdk_load_u64(data);
	if (version >= 0) {
		*into = (PdkHello){.sid = version, .old = true};
		*used = 8;
		return PDK_HELLO_WHOLE;
	}
	if (version != VERSION_ONE && version != VERSION_SEVERAL)
		return refuse(why, "a handshake of an unknown version");
	if (length < HEAD_BYTES)
		return PDK_HELLO_MORE;
	into->sid = (int64_t)pdk_load_u64(data + 8);
	int32_t text_length = (int32_t)pdk_load_u32(data + 16);
	if (text_length < 1 || text_length > PDK_HELLO_TEXT_MAX)
		return refuse(why, "an address text of a length that cannot be");
	if (length - HEAD_BYTES < (size_t)text_length)
		return PDK_HELLO_MORE;
	if (!read_addresses(data + HEAD_BYTES, (size_t)text_length, &into->addresses))
		return refuse(why, "an address without a port");
	*used = HEAD_BYTES + (size_t)text_length;
	return PDK_HELLO_WHOLE;
}

void
pdk_hello_put(PdkBuffer *out, int64_t sid, const char *text, bool several)
{
	size_t length = strlen(text);
	pdk_assert(length >= 1 && length <= PDK_HELLO_TEXT_MAX);
	pdk_put_long(out, several ? VERSION_SEVERAL : VERSION_ONE);
	pdk_put_long(out, sid);
	pdk_put_bytes(out, text, (int32_t)length);
}

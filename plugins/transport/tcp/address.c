/* SPDX-License-Identifier: Apache-2.0 */
/* Changes when an address is to be read or written in another form. */
#include "address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

G_DEFINE_QUARK(paddock-tcp-error, pdk_tcp_error)

void
pdk_tcp_address_set(PdkTcpAddress *self, const struct sockaddr_storage *from)
{
	memset(self, 0, sizeof(*self));
	if (from->ss_family == AF_INET) {
		const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
		memcpy(self->ip, &v4->sin_addr, 4);
		self->port = ntohs(v4->sin_port);
		return;
	}
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;
	self->port = ntohs(v6->sin6_port);
	if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
		memcpy(self->ip, v6->sin6_addr.s6_addr + 12, 4);
		return;
	}
	memcpy(self->ip, &v6->sin6_addr, 16);
	self->scope = v6->sin6_scope_id;
	self->is_v6 = true;
}

char *
pdk_tcp_address_host(const PdkTcpAddress *self)
{
	const uint8_t *ip = self->ip;
	if (!self->is_v6)
		return g_strdup_printf("%u.%u.%u.%u", ip[0], ip[1], ip[2], ip[3]);
	GString *text = g_string_sized_new(40);
	for (unsigned i = 0; i < 16; i += 2)
		g_string_append_printf(text, "%s%x", i ? ":" : "", ip[i] << 8 | ip[i + 1]);
	if (self->scope)
		g_string_append_printf(text, "%%%u", self->scope);
	return g_string_free(text, FALSE);
}

char *
pdk_tcp_address_endpoint(const PdkTcpAddress *self)
{
	g_autofree char *host = pdk_tcp_address_host(self);
	return g_strdup_printf(self->is_v6 ? "/[%s]:%u" : "/%s:%u", host, self->port);
}

char *
pdk_tcp_address_text(const PdkTcpAddress *self)
{
	char host[INET6_ADDRSTRLEN] = "";
	inet_ntop(self->is_v6 ? AF_INET6 : AF_INET, self->ip, host, sizeof(host));
	if (self->scope)
		return g_strdup_printf("[%s%%%u]:%u", host, self->scope, self->port);
	return g_strdup_printf(self->is_v6 ? "[%s]:%u" : "%s:%u", host, self->port);
}

bool
pdk_tcp_address_split(const char *address, char **host, uint16_t *port, GError **error)
{
	*host = NULL;
	const char *colon = strrchr(address, ':');
	guint64 number = 0;
	if (colon == NULL || !g_ascii_string_to_unsigned(colon + 1, 10, 0, 65535, &number, NULL)) {
		g_set_error(error, PDK_TCP_ERROR, PDK_TCP_ERROR_ADDRESS,
			    "'%s': expected host:port, [v6]:port, :port or *:port with a port of 0 to 65535", address);
		return false;
	}
	*port = (uint16_t)number;
	size_t length = (size_t)(colon - address);
	if (length == 0 || (length == 1 && *address == '*'))
		return true;
	bool bracketed = address[0] == '[' && colon[-1] == ']';
	if (bracketed ? length < 4 : memchr(address, ':', length) != NULL) {
		g_set_error(error, PDK_TCP_ERROR, PDK_TCP_ERROR_ADDRESS,
			    "'%s': expected an IPv6 address in brackets, [v6]:port", address);
		return false;
	}
	*host = bracketed ? g_strndup(address + 1, length - 2) : g_strndup(address, length);
	return true;
}

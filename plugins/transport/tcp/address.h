/* SPDX-License-Identifier: Apache-2.0 */
/* How the ends of a connection are kept and written. */
#ifndef PDK_TCP_ADDRESS_H
#define PDK_TCP_ADDRESS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/*
 * 24 bytes instead of the 128 of a sockaddr_storage. An IPv4-mapped IPv6 address is kept as the IPv4 one it
 * means.
 */
typedef struct {
	uint8_t ip[16]; /* IPv4: the first four */
	uint32_t scope; /* interface index of a link-local IPv6 address, else 0 */
	uint16_t port;
	bool is_v6;
} PdkTcpAddress;

G_STATIC_ASSERT(sizeof(PdkTcpAddress) == 24);

void
pdk_tcp_address_set(PdkTcpAddress *self, const struct sockaddr_storage *from);
/*
 * As InetAddress.getHostAddress of Java writes it: "127.0.0.1", "0:0:0:0:0:0:0:1", with a scope
 * "fe80:0:0:0:0:0:0:1%2". g_free.
 */
char *
pdk_tcp_address_host(const PdkTcpAddress *self);
/*
 * As InetSocketAddress.toString of Java writes one without a name: "/127.0.0.1:2181",
 * "/[0:0:0:0:0:0:0:1]:2181".
 */
char *
pdk_tcp_address_endpoint(const PdkTcpAddress *self);
/* As this plugin reads it back: "127.0.0.1:2181", "[::1]:2181". g_free. */
char *
pdk_tcp_address_text(const PdkTcpAddress *self);

/*
 * Takes "host:port", "[v6]:port", ":port" or "*:port" apart; @host (g_free) is NULL for the last two. The
 * host may be a name. False and @error when it is none of these or the port is not in 0..65535.
 */
bool
pdk_tcp_address_split(const char *address, char **host, uint16_t *port, GError **error);

GQuark
pdk_tcp_error_quark(void);
#define PDK_TCP_ERROR pdk_tcp_error_quark()
/* The codes of PDK_TCP_ERROR; a caller cannot do more than show the message. */
typedef enum {
	PDK_TCP_ERROR_ADDRESS = 1, /* not an address, or none that this machine knows */
	PDK_TCP_ERROR_SYSTEM = 2,  /* a system call failed */
} PdkTcpErrorCode;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The first bytes of an election link: who dialled, and where it may be dialled back. Source: QuorumCnxManager.InitialMessage. */
#ifndef PDK_REPLICA_HELLO_H
#define PDK_REPLICA_HELLO_H

#include "base/buffer.h"

#define PDK_HELLO_TEXT_MAX 2048     /* of the address text, bytes */
#define PDK_HELLO_ADDRESSES_MAX 16  /* usable ones kept */

typedef struct {
	int64_t sid;
	bool old;         /* from before there were addresses: the sid is all it says */
	char **addresses; /* "host:port" that can be dialled, NULL-terminated; NULL: none. g_strfreev */
} PdkHello;

typedef enum {
	PDK_HELLO_MORE, /* not whole yet */
	PDK_HELLO_WHOLE,
	PDK_HELLO_BAD,  /* the connection is to be closed; *why is static text */
} PdkHelloResult;

/* Reads it from the first @length bytes of a link; *@used: how many belong to it. */
PdkHelloResult pdk_hello_get(const uint8_t *data, size_t length, PdkHello *into, size_t *used, const char **why);
/* @text: "host:port", with @several (version 2) joined by '|'; 1..PDK_HELLO_TEXT_MAX bytes. */
void pdk_hello_put(PdkBuffer *out, int64_t sid, const char *text, bool several);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that the system has not taken yet, in order. An empty output owns nothing.
 * Not locked: it belongs to one thread at a time, and may be handed over whole.
 */
#ifndef PDK_TCP_OUTPUT_H
#define PDK_TCP_OUTPUT_H

#include <paddock/transport.h>
#include <sys/uio.h>

typedef struct PdkTcpChunk PdkTcpChunk;

typedef struct {
	PdkTcpChunk *head, *tail; /* NULL, NULL: empty */
} PdkTcpOutput;

/*
 * Adds @parts without their first @skip bytes. Small parts and parts without an owner are copied, others
 * referenced.
 */
void
pdk_tcp_output_add(PdkTcpOutput *self, const PdkPart *parts, unsigned n, size_t skip);
/* Moves everything of @from behind what is in @self; @from is empty afterwards. */
void
pdk_tcp_output_splice(PdkTcpOutput *self, PdkTcpOutput *from);
/* The first bytes as at most @max vectors; returns how many, and in @length the bytes in them. */
unsigned
pdk_tcp_output_peek(const PdkTcpOutput *self, struct iovec *vectors, unsigned max, size_t *length);
/* The system took @length bytes from the front; not more than there are. */
void
pdk_tcp_output_drop(PdkTcpOutput *self, size_t length);
void
pdk_tcp_output_clear(PdkTcpOutput *self);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Changes when unsent bytes are kept in another way. */
#include "output.h"

#include <string.h>

/* Below this a copy costs less than a reference. */
#define REFERENCE_BYTES 2048
/* What a chunk of copies can hold: little for the first, because most outputs are short-lived and small. */
#define FIRST_CHUNK_BYTES 1024
#define NEXT_CHUNK_BYTES (16 * 1024)

struct PdkTcpChunk {
	PdkTcpChunk *next;
	const uint8_t *data; /* in `owner`, or in `bytes` */
	size_t length;
	GBytes *owner;
	size_t room; /* free bytes behind data + length, in `bytes` */
	uint8_t bytes[];
};

static void
link_chunk(PdkTcpOutput *self, PdkTcpChunk *chunk)
{
	if (self->tail)
		self->tail->next = chunk;
	else
		self->head = chunk;
	self->tail = chunk;
}

static void
add_copy(PdkTcpOutput *self, const uint8_t *data, size_t length)
{
	PdkTcpChunk *tail = self->tail;
	if (tail == NULL || tail->room < length) {
		size_t capacity = MAX(length, self->head ? NEXT_CHUNK_BYTES : FIRST_CHUNK_BYTES);
		tail = g_malloc(sizeof(*tail) + capacity);
		*tail = (PdkTcpChunk){ .data = tail->bytes, .room = capacity };
		link_chunk(self, tail);
	}
	memcpy(tail->bytes + (tail->data - tail->bytes) + tail->length, data, length);
	tail->length += length;
	tail->room -= length;
}

static void
add_reference(PdkTcpOutput *self, const uint8_t *data, size_t length, GBytes *owner)
{
	PdkTcpChunk *chunk = g_malloc(sizeof(*chunk));
	*chunk = (PdkTcpChunk){ .data = data, .length = length, .owner = g_bytes_ref(owner) };
	link_chunk(self, chunk);
}

void
pdk_tcp_output_add(PdkTcpOutput *self, const PdkPart *parts, unsigned n, size_t skip)
{
	for (unsigned i = 0; i < n; i++) {
		if (skip >= parts[i].length) {
			skip -= parts[i].length;
			continue;
		}
		const uint8_t *data = (const uint8_t *)parts[i].data + skip;
		size_t length = parts[i].length - skip;
		skip = 0;
		if (parts[i].owner && length >= REFERENCE_BYTES)
			add_reference(self, data, length, parts[i].owner);
		else
			add_copy(self, data, length);
	}
}

void
pdk_tcp_output_splice(PdkTcpOutput *self, PdkTcpOutput *from)
{
	if (from->head == NULL)
		return;
	if (self->tail)
		self->tail->next = from->head;
	else
		self->head = from->head;
	self->tail = from->tail;
	*from = (PdkTcpOutput){ NULL, NULL };
}

unsigned
pdk_tcp_output_peek(const PdkTcpOutput *self, struct iovec *vectors, unsigned max, size_t *length)
{
	unsigned n = 0;
	*length = 0;
	for (const PdkTcpChunk *chunk = self->head; chunk && n < max; chunk = chunk->next) {
		vectors[n++] = (struct iovec){ .iov_base = (void *)chunk->data, .iov_len = chunk->length };
		*length += chunk->length;
	}
	return n;
}

static void
drop_head(PdkTcpOutput *self)
{
	PdkTcpChunk *chunk = self->head;
	self->head = chunk->next;
	if (self->head == NULL)
		self->tail = NULL;
	if (chunk->owner)
		g_bytes_unref(chunk->owner);
	g_free(chunk);
}

void
pdk_tcp_output_drop(PdkTcpOutput *self, size_t length)
{
	while (self->head && length >= self->head->length) {
		length -= self->head->length;
		drop_head(self);
	}
	g_assert(length == 0 || self->head);
	if (length > 0) {
		self->head->data += length;
		self->head->length -= length;
	}
}

void
pdk_tcp_output_clear(PdkTcpOutput *self)
{
	while (self->head)
		drop_head(self);
}

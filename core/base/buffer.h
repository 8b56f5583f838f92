/* SPDX-License-Identifier: Apache-2.0 */
/* A growing run of bytes, with jute's big-endian writers. */
#ifndef PDK_BASE_BUFFER_H
#define PDK_BASE_BUFFER_H

#include "base/assert.h"
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Zero-initialised is empty and owns nothing. */
typedef struct {
	uint8_t *data;
	size_t length, capacity;
} PdkBuffer;

/* Makes room for @more bytes behind the end. Aborts when memory is out (as GLib does). */
void pdk_buffer_grow(PdkBuffer *buffer, size_t more);
/* Frees what it owns; empty afterwards. */
void pdk_buffer_clear(PdkBuffer *buffer);

/* @more writable bytes at the end, counted in already. Valid until the next call on the buffer. */
static inline uint8_t *
pdk_buffer_extend(PdkBuffer *buffer, size_t more)
{
	if (G_UNLIKELY(buffer->capacity - buffer->length < more))
		pdk_buffer_grow(buffer, more);
	uint8_t *at = buffer->data + buffer->length;
	buffer->length += more;
	return at;
}

static inline void
pdk_buffer_append(PdkBuffer *buffer, const void *data, size_t length)
{
	if (length > 0)
		memcpy(pdk_buffer_extend(buffer, length), data, length);
}

static inline void
pdk_store_u32(uint8_t *at, uint32_t value)
{
	value = GUINT32_TO_BE(value);
	memcpy(at, &value, 4);
}

static inline void
pdk_store_u64(uint8_t *at, uint64_t value)
{
	value = GUINT64_TO_BE(value);
	memcpy(at, &value, 8);
}

static inline uint32_t
pdk_load_u32(const uint8_t *at)
{
	uint32_t value;
	memcpy(&value, at, 4);
	return GUINT32_FROM_BE(value);
}

static inline uint64_t
pdk_load_u64(const uint8_t *at)
{
	uint64_t value;
	memcpy(&value, at, 8);
	return GUINT64_FROM_BE(value);
}

static inline void
pdk_put_bool(PdkBuffer *buffer, bool value)
{
	*pdk_buffer_extend(buffer, 1) = value ? 1 : 0;
}

static inline void
pdk_put_int(PdkBuffer *buffer, int32_t value)
{
	pdk_store_u32(pdk_buffer_extend(buffer, 4), (uint32_t)value);
}

static inline void
pdk_put_long(PdkBuffer *buffer, int64_t value)
{
	pdk_store_u64(pdk_buffer_extend(buffer, 8), (uint64_t)value);
}

/* A jute buffer or ustring; @length -1 writes null (and @data is not read). */
static inline void
pdk_put_bytes(PdkBuffer *buffer, const void *data, int32_t length)
{
	pdk_put_int(buffer, length);
	if (length > 0)
		pdk_buffer_append(buffer, data, (size_t)length);
}

static inline void
pdk_put_string(PdkBuffer *buffer, const char *text)
{
	pdk_put_bytes(buffer, text, text ? (int32_t)strlen(text) : -1);
}

#endif

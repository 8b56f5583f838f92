/* SPDX-License-Identifier: Apache-2.0 */
/* How a buffer grows. */
#include "base/buffer.h"

#define SMALLEST 256

void
pdk_buffer_grow(PdkBuffer *buffer, size_t more)
{
	pdk_assert(more <= G_MAXSIZE / 4 && buffer->length <= G_MAXSIZE / 4);
	size_t wanted = buffer->length + more;
	size_t capacity = MAX(buffer->capacity, SMALLEST);
	while (capacity < wanted)
		capacity *= 2;
	buffer->data = g_realloc(buffer->data, capacity);
	buffer->capacity = capacity;
}

void
pdk_buffer_clear(PdkBuffer *buffer)
{
	g_free(buffer->data);
	*buffer = (PdkBuffer){0};
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Big-endian numbers in buffers; changes never, it only saves four files from saying it themselves. */
#ifndef LOGSNAP_BYTES_H
#define LOGSNAP_BYTES_H

#include <glib.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t
get_be32(const uint8_t *from)
{
	uint32_t value;
	memcpy(&value, from, sizeof(value));
	return GUINT32_FROM_BE(value);
}

static inline uint64_t
get_be64(const uint8_t *from)
{
	uint64_t value;
	memcpy(&value, from, sizeof(value));
	return GUINT64_FROM_BE(value);
}

static inline void
put_be32(uint8_t *into, uint32_t value)
{
	value = GUINT32_TO_BE(value);
	memcpy(into, &value, sizeof(value));
}

static inline void
put_be64(uint8_t *into, uint64_t value)
{
	value = GUINT64_TO_BE(value);
	memcpy(into, &value, sizeof(value));
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One bit of a record turned over. For checksum, length and end mark each bit is tried; a bit of the payload is found from what
 * it does to the two sums of Adler-32, without trying.
 */
#include "log_flip.h"

#include "bytes.h"
#include "log_format.h"

#include <libdeflate.h>
#include <stdbool.h>

#define ADLER_BASE 65521 /* prime */

static bool
is_one_bit(uint64_t bits)
{
	return bits != 0 && (bits & (bits - 1)) == 0;
}

static uint64_t
power(uint64_t base, unsigned exponent)
{
	uint64_t result = 1;

	for (; exponent > 0; exponent >>= 1, base = base * base % ADLER_BASE)
		if (exponent & 1)
			result = result * base % ADLER_BASE;
	return result;
}

/*
 * A byte at @p of n that is greater by x makes the first sum greater by x and the second by (n - p) x, modulo the base. So x is
 * known from the first, and n - p modulo the base from the second.
 */
static size_t
flipped_in_payload(const uint8_t *payload, size_t n, uint32_t found, uint32_t wanted)
{
	uint64_t first = (ADLER_BASE + (found & 0xffff) - (wanted & 0xffff)) % ADLER_BASE;
	uint64_t second = (ADLER_BASE + (found >> 16) - (wanted >> 16)) % ADLER_BASE;

	for (unsigned bit = 0; bit < 8; bit++) {
		bool set = first == UINT64_C(1) << bit, cleared = first == ADLER_BASE - (UINT64_C(1) << bit);
		if (!set && !cleared)
			continue;
		uint64_t behind = second * power(first, ADLER_BASE - 2) % ADLER_BASE;
		for (; behind <= n; behind += ADLER_BASE)
			if (behind > 0 && (payload[n - behind] >> bit & 1) == set)
				return RECORD_HEAD_BYTES + n - behind;
	}
	return LOG_FLIP_NONE;
}

static bool
is_whole(const uint8_t *record, size_t length, uint32_t payload)
{
	return payload >= TXN_HEADER_BYTES && (size_t)payload + RECORD_EXTRA_BYTES <= length &&
	       record[RECORD_HEAD_BYTES + payload] == RECORD_END &&
	       get_be64(record) == libdeflate_adler32(1, record + RECORD_HEAD_BYTES, payload);
}

static size_t
flipped_in_length(const uint8_t *record, size_t length, uint32_t payload, int64_t max_record_bytes)
{
	for (unsigned bit = 0; bit < 32; bit++) {
		uint32_t other = payload ^ UINT32_C(1) << bit;
		if (other <= max_record_bytes && is_whole(record, length, other))
			return 8 + (31 - bit) / 8;
	}
	return LOG_FLIP_NONE;
}

/* Where the one bit of the checksum lies. */
static size_t
flipped_in_checksum(uint64_t bits)
{
	size_t at = 7;

	for (; bits > 0xff; bits >>= 8)
		at--;
	return at;
}

size_t
log_flip_find(const uint8_t *record, size_t length, int64_t max_record_bytes)
{
	if (length < RECORD_HEAD_BYTES)
		return LOG_FLIP_NONE;
	uint32_t payload = get_be32(record + 8);
	size_t at = flipped_in_length(record, length, payload, max_record_bytes);
	if (at != LOG_FLIP_NONE)
		return at;
	if (payload < TXN_HEADER_BYTES || payload > max_record_bytes || (size_t)payload + RECORD_EXTRA_BYTES > length)
		return LOG_FLIP_NONE;
	uint64_t wanted = get_be64(record);
	uint32_t found = libdeflate_adler32(1, record + RECORD_HEAD_BYTES, payload);
	uint8_t mark = record[RECORD_HEAD_BYTES + payload];
	if (wanted == found)
		return is_one_bit(mark ^ RECORD_END) ? RECORD_HEAD_BYTES + payload : LOG_FLIP_NONE;
	if (mark != RECORD_END)
		return LOG_FLIP_NONE;
	if (is_one_bit(wanted ^ found))
		return flipped_in_checksum(wanted ^ found);
	if (wanted > UINT32_MAX)
		return LOG_FLIP_NONE;
	return flipped_in_payload(record + RECORD_HEAD_BYTES, payload, found, (uint32_t)wanted);
}

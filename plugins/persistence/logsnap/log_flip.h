/* SPDX-License-Identifier: Apache-2.0 */
/* Is a broken record one flipped bit away from a whole one? Changes when a record is sealed otherwise. */
#ifndef LOGSNAP_LOG_FLIP_H
#define LOGSNAP_LOG_FLIP_H

#include <stddef.h>
#include <stdint.h>

#define LOG_FLIP_NONE SIZE_MAX

/*
 * @record: what stands where the record begins, @length: bytes up to the end of the file (or as far as they were read). When one
 * bit turned over, anywhere in its checksum, length, payload or end mark, makes it whole: the offset of the byte with that bit.
 *
 * An interrupted write loses blocks of 512 bytes. It looks like that where the block at that offset is lost and held nothing but
 * the one bit; the caller looks. Else it does by chance only: less than once in a million for a payload below 1 KB, once in ten
 * thousand for 64 KB.
 */
size_t log_flip_find(const uint8_t *record, size_t length, int64_t max_record_bytes);

#endif

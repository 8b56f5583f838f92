/* SPDX-License-Identifier: Apache-2.0 */
/* Is a broken record one flipped bit away from a whole one? Changes when a record is sealed otherwise. */
#ifndef LOGSNAP_LOG_FLIP_H
#define LOGSNAP_LOG_FLIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * @record: what stands where the record begins, @length: bytes up to the end of the file (or as far as they were read). True when
 * one bit turned over, anywhere in its checksum, length, payload or end mark, makes it whole. An interrupted write loses blocks of
 * 512 bytes and looks like that by chance only (less than once in a million for a payload below 1 KB, once in ten thousand for 64 KB).
 */
bool log_flip_explains(const uint8_t *record, size_t length, int64_t max_record_bytes);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layout of a log file; changes when ZooKeeper's log format does. Source: FileTxnLog.
 *
 * Header of 16 bytes (magic, version, dbid), then records: Adler-32 of the payload as a long, payload length
 * as an int, payload, 'B'. The payload begins with TxnHeader, whose zxid stands at offset 12. What follows
 * the last record reads as zeros.
 */
#ifndef LOGSNAP_LOG_FORMAT_H
#define LOGSNAP_LOG_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#define LOG_MAGIC 0x5A4B4C47u /* "ZKLG" */
#define LOG_VERSION 2u
#define LOG_HEADER_BYTES 16

#define RECORD_HEAD_BYTES 12 /* checksum and length */
#define RECORD_END 0x42      /* 'B' */
#define RECORD_EXTRA_BYTES (RECORD_HEAD_BYTES + 1)

#define TXN_HEADER_BYTES 32
#define TXN_ZXID_OFFSET 12

/*
 * The writer makes at most this much durable in one step (or one record, if that is larger), so the reader
 * knows how far behind a tear bytes of the same torn write may lie.
 */
#define LOG_STEP_BYTES (4 * 1024 * 1024)

/* Can @zxid stand behind @last? The next of its epoch, or the first of a later one. */
static inline bool
log_format_follows(int64_t zxid, int64_t last)
{
	return zxid >> 32 == last >> 32 ? zxid == last + 1 : zxid > last && (zxid & INT64_C(0xffffffff)) == 1;
}

#endif

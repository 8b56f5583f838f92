/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a broken record means: the torn end of a log, or damage in its middle. Changes when that judgement
 * does.
 *
 * A crash may leave any part of the write that was under way on the disk, in blocks of 512 bytes, in any
 * order; what did not arrive reads as zeros, or lies behind the end of the file. All else was durable and
 * must be there. So:
 *
 * - a whole record (checksum right, zxid rising) behind the broken one, with no unwritten block between: the
 *   middle is damaged;
 * - a whole record further behind than one write reaches (LOG_STEP_BYTES): the middle is damaged;
 * - a record that one flipped bit would explain, outside of unwritten blocks: it was whole, and is damaged;
 * - otherwise a wrong checksum or an impossible length is damage, unless the record holds an unwritten block
 *   (Java refuses these two always, and is silent about all else);
 * - otherwise the log ends here.
 */
#ifndef LOGSNAP_LOG_DAMAGE_H
#define LOGSNAP_LOG_DAMAGE_H

#include <paddock/files.h>

typedef enum {
	BROKEN_EMPTY = 1,    /* length 0 */
	BROKEN_SHORT = 2,    /* the file ends inside the record */
	BROKEN_END = 3,      /* no 'B' */
	BROKEN_CHECKSUM = 4, /* 'B', but the checksum is wrong */
	BROKEN_LENGTH = 5,   /* negative, too large or too small for a txn header */
} BrokenRecord;

typedef enum {
	DAMAGE_NONE = 1,   /* the clean end of a log */
	DAMAGE_TORN = 2,   /* an interrupted write: the log ends here */
	DAMAGE_MIDDLE = 3, /* something that was durable is broken */
	DAMAGE_UNREAD = 4, /* the disk failed, @error is set */
} DamageVerdict;

/* What is wrong, for a message. */
const char *log_damage_text(BrokenRecord broken);

/*
 * Judges the broken record at @offset of @file (@size bytes long), whose length field says @record_bytes with
 * everything around it (0 when that means nothing); @last_zxid is that of the record before (-1: none).
 * *ignored gets the number of whole records that follow.
 */
DamageVerdict log_damage_judge(const PdkFiles *files, PdkFile *file, int64_t size, int64_t offset, BrokenRecord broken,
			       int64_t record_bytes, int64_t max_record_bytes, int64_t last_zxid, unsigned *ignored,
			       GError **error);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a broken record means: the torn end of a log, or damage in its middle. Changes when that judgement
 * does.
 */
#include "log_damage.h"

#include "bytes.h"
#include "log_flip.h"
#include "log_format.h"

#include <libdeflate.h>

#define BLOCK_BYTES 512                        /* what a disk writes whole or not at all */
#define GLANCE_BYTES (256 * 1024)              /* zeros as far as this: a clean end */
#define WINDOW_BYTES (4 * LOG_STEP_BYTES)      /* how far whole records are looked for */
#define ZXID_WINDOW (1 << 24)                  /* a zxid further on than this is chance */

/* The bytes behind the damage. */
typedef struct {
	const uint8_t *data;
	size_t length;
	int64_t offset; /* of data[0] in the file */
	int64_t max_record_bytes;
	int64_t last_zxid;
} Window;

const char *
log_damage_text(BrokenRecord broken)
{
	switch (broken) {
	case BROKEN_EMPTY:
		return "no record";
	case BROKEN_SHORT:
		return "the file ends inside a record";
	case BROKEN_END:
		return "a record without its end mark";
	case BROKEN_CHECKSUM:
		return "the checksum of a record does not match";
	case BROKEN_LENGTH:
		return "the length of a record is impossible";
	}
	g_assert_not_reached();
}

static bool
all_zeros(const uint8_t *data, size_t length)
{
	return length == 0 || (data[0] == 0 && memcmp(data, data + 1, length - 1) == 0);
}

/*
 * Where the first unwritten block in [0, @until) begins, @until when there is none. The block in which the
 * damage begins counts from there on, for what stands before was written earlier.
 */
static size_t
first_unwritten(const Window *window, size_t until)
{
	size_t at = 0;

	while (at < until) {
		size_t end = at + BLOCK_BYTES - (size_t)((window->offset + (int64_t)at) % BLOCK_BYTES);
		if (all_zeros(window->data + at, MIN(end, window->length) - at))
			return at;
		at = end;
	}
	return until;
}

/* One bit that turned over explains it, and no block that was not written does. */
static bool
was_whole(const Window *window)
{
	size_t at = log_flip_find(window->data, window->length, window->max_record_bytes);

	if (at == LOG_FLIP_NONE)
		return false;
	size_t into = (size_t)((window->offset + (int64_t)at) % BLOCK_BYTES);
	size_t begin = at - MIN(at, into), end = MIN(at + BLOCK_BYTES - into, window->length);
	return !all_zeros(window->data + begin, end - begin);
}

/* Does a whole record begin at @at? Returns its length with everything around it, 0 otherwise. */
static size_t
whole_record(const Window *window, size_t at)
{
	const uint8_t *record = window->data + at;
	size_t left = window->length - at;

	if (left < RECORD_EXTRA_BYTES + TXN_HEADER_BYTES || get_be32(record) != 0)
		return 0;
	uint32_t length = get_be32(record + 8);
	if (length < TXN_HEADER_BYTES || length > window->max_record_bytes || length > left - RECORD_EXTRA_BYTES ||
	    record[RECORD_HEAD_BYTES + length] != RECORD_END)
		return 0;
	int64_t zxid = (int64_t)get_be64(record + RECORD_HEAD_BYTES + TXN_ZXID_OFFSET);
	if (zxid <= window->last_zxid)
		return 0;
	if (window->last_zxid >= 0 && zxid >> 32 == window->last_zxid >> 32 && zxid - window->last_zxid > ZXID_WINDOW)
		return 0;
	if (get_be64(record) != libdeflate_adler32(1, record + RECORD_HEAD_BYTES, length))
		return 0;
	return length + RECORD_EXTRA_BYTES;
}

/*
 * Looks for whole records behind the broken one: where the first begins (window length: none), the last one,
 * and how many.
 */
static unsigned
find_records(const Window *window, size_t *first, size_t *last)
{
	unsigned found = 0;
	size_t at = 1;

	*first = *last = window->length;
	while (at < window->length) {
		size_t length = whole_record(window, at);
		if (length == 0) {
			at++;
			continue;
		}
		if (found++ == 0)
			*first = at;
		*last = at;
		at += length;
	}
	return found;
}

static DamageVerdict
judge_window(const Window *window, BrokenRecord broken, int64_t record_bytes, unsigned *ignored)
{
	size_t first, last;

	*ignored = find_records(window, &first, &last);
	if (*ignored > 0 && (first_unwritten(window, first) == first || last > LOG_STEP_BYTES))
		return DAMAGE_MIDDLE;
	if (was_whole(window))
		return DAMAGE_MIDDLE;
	if (*ignored > 0 || (broken != BROKEN_CHECKSUM && broken != BROKEN_LENGTH))
		return DAMAGE_TORN;
	size_t span = MIN((size_t)MAX(record_bytes, RECORD_HEAD_BYTES), window->length);
	return first_unwritten(window, span) < span ? DAMAGE_TORN : DAMAGE_MIDDLE;
}

DamageVerdict
log_damage_judge(const PdkFiles *files, PdkFile *file, int64_t size, int64_t offset, BrokenRecord broken, int64_t record_bytes,
		 int64_t max_record_bytes, int64_t last_zxid, unsigned *ignored, GError **error)
{
	size_t rest = (size_t)(size - offset);
	g_autofree uint8_t *data = g_malloc(MAX(MIN(rest, GLANCE_BYTES), 1));

	*ignored = 0;
	int64_t got = files->pread(files, file, data, MIN(rest, GLANCE_BYTES), offset, error);
	if (got < 0)
		return DAMAGE_UNREAD;
	if (all_zeros(data, (size_t)got))
		return DAMAGE_NONE;
	size_t reach = MIN(rest, (size_t)MAX(WINDOW_BYTES, record_bytes));
	data = g_realloc(data, reach);
	got = files->pread(files, file, data, reach, offset, error);
	if (got < 0)
		return DAMAGE_UNREAD;
	Window window = {
		.data = data,
		.length = (size_t)got,
		.offset = offset,
		.max_record_bytes = max_record_bytes,
		.last_zxid = last_zxid,
	};
	return judge_window(&window, broken, record_bytes, ignored);
}

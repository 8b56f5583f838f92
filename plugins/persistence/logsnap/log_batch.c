/* SPDX-License-Identifier: Apache-2.0 */
/* Records gathered for one trip to the disk, ready as bytes; changes when the gathering does. */
#include "log_batch.h"

#include "bytes.h"
#include "log_format.h"

#include <libdeflate.h>

#define KEPT_BYTES (1024 * 1024) /* a larger buffer is not kept between trips */

LogBatch *
log_batch_new(void)
{
	LogBatch *self = g_new0(LogBatch, 1);

	self->rolls = g_array_new(FALSE, FALSE, sizeof(size_t));
	return self;
}

void
log_batch_free(LogBatch *self)
{
	g_free(self->data);
	g_array_unref(self->rolls);
	g_free(self);
}

void
log_batch_reset(LogBatch *self)
{
	if (self->capacity > KEPT_BYTES) {
		g_clear_pointer(&self->data, g_free);
		self->capacity = 0;
	}
	self->length = 0;
	g_array_set_size(self->rolls, 0);
}

static void
reserve(LogBatch *self, size_t more)
{
	size_t wanted = self->length + more;

	if (wanted <= self->capacity)
		return;
	self->capacity = MAX(MAX(wanted, self->capacity * 2), 64 * 1024);
	self->data = g_realloc(self->data, self->capacity);
}

void
log_batch_add(LogBatch *self, int64_t zxid, const uint8_t *txn, size_t length)
{
	g_assert(length >= TXN_HEADER_BYTES && length <= INT32_MAX);
	g_assert((int64_t)get_be64(txn + TXN_ZXID_OFFSET) == zxid);

	if (self->roll_pending) {
		g_array_append_val(self->rolls, self->length);
		self->roll_pending = false;
	}
	reserve(self, length + RECORD_EXTRA_BYTES);
	uint8_t *record = self->data + self->length;
	put_be32(record + 8, (uint32_t)length);
	memcpy(record + RECORD_HEAD_BYTES, txn, length);
	record[RECORD_HEAD_BYTES + length] = RECORD_END;
	self->length += length + RECORD_EXTRA_BYTES;
	self->last_zxid = zxid;
}

void
log_batch_roll(LogBatch *self)
{
	self->roll_pending = true;
}

bool
log_batch_rolls_at(const LogBatch *self, size_t offset)
{
	for (unsigned i = 0; i < self->rolls->len; i++) {
		if (g_array_index(self->rolls, size_t, i) == offset)
			return true;
	}
	return false;
}

size_t
log_batch_seal(LogBatch *self, size_t offset)
{
	size_t at = offset;

	g_assert(offset < self->length);
	do {
		uint8_t *record = self->data + at;
		uint32_t length = get_be32(record + 8);
		size_t end = at + length + RECORD_EXTRA_BYTES;
		if (at > offset && end - offset > LOG_STEP_BYTES)
			break;
		put_be64(record, libdeflate_adler32(1, record + RECORD_HEAD_BYTES, length));
		at = end;
	} while (at < self->length && !log_batch_rolls_at(self, at));
	g_assert(at <= self->length);
	return at;
}

/* The rolls from @at on go to @above. */
static void
split_rolls(LogBatch *self, LogBatch *above, size_t at)
{
	unsigned kept = 0;

	while (kept < self->rolls->len && g_array_index(self->rolls, size_t, kept) < at)
		kept++;
	for (unsigned i = kept; i < self->rolls->len; i++) {
		size_t roll = g_array_index(self->rolls, size_t, i) - at;
		g_array_append_val(above->rolls, roll);
	}
	g_array_set_size(self->rolls, kept);
}

LogBatch *
log_batch_take_above(LogBatch *self, int64_t zxid)
{
	size_t at = 0;
	int64_t last = -1;

	while (at < self->length && log_batch_zxid_at(self, at) <= zxid) {
		last = log_batch_zxid_at(self, at);
		at += get_be32(self->data + at + 8) + RECORD_EXTRA_BYTES;
	}
	if (at == self->length)
		return NULL;
	LogBatch *above = log_batch_new();
	above->length = above->capacity = self->length - at;
	above->data = g_memdup2(self->data + at, above->length);
	above->last_zxid = self->last_zxid;
	split_rolls(self, above, at);
	self->length = at;
	self->last_zxid = last;
	return above;
}

int64_t
log_batch_zxid_at(const LogBatch *self, size_t offset)
{
	g_assert(offset + RECORD_HEAD_BYTES + TXN_HEADER_BYTES < self->length);
	return (int64_t)get_be64(self->data + offset + RECORD_HEAD_BYTES + TXN_ZXID_OFFSET);
}

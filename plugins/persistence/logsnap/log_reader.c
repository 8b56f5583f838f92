/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the records of one log file; changes when the reading does. */
#include "log_reader.h"

#include "bytes.h"
#include "log_damage.h"
#include "log_format.h"

#include <libdeflate.h>

#define FIRST_PIECE_BYTES (64 * 1024) /* most logs are short; pieces double up to the full size */
#define PIECE_BYTES (1024 * 1024)

struct LogReader {
	const PdkFiles *files;
	PdkFile *file;
	char *path;
	int64_t size;
	int64_t max_record_bytes;

	uint8_t *buffer; /* bytes of the file from `start` on */
	size_t filled, capacity;
	size_t piece; /* how much is read at a time */
	int64_t start;

	int64_t offset; /* of the record returned last */
	int64_t next;   /* of the one after it */
	int64_t last_zxid;
	BrokenRecord broken;
	unsigned ignored;
	bool ended;
};

void
log_reader_free(LogReader *self)
{
	if (self->file)
		self->files->close(self->files, self->file);
	g_free(self->buffer);
	g_free(self->path);
	g_free(self);
}

/* The @length bytes at @at, or NULL: the file ends before (no @error), or the disk failed. */
static const uint8_t *
bytes_at(LogReader *self, int64_t at, size_t length, GError **error)
{
	if (at + (int64_t)length > self->size)
		return NULL;
	if (at + (int64_t)length <= self->start + (int64_t)self->filled)
		return self->buffer + (at - self->start);

	size_t kept = (size_t)(self->start + (int64_t)self->filled - at);
	memmove(self->buffer, self->buffer + (at - self->start), kept);
	self->start = at;
	self->filled = kept;
	size_t wanted = MAX(length, self->piece);
	self->piece = MIN(self->piece * 2, PIECE_BYTES);
	if (wanted > self->capacity) {
		self->buffer = g_realloc(self->buffer, wanted);
		self->capacity = wanted;
	}
	int64_t got = self->files->pread(self->files, self->file, self->buffer + kept, wanted - kept, at + (int64_t)kept, error);
	if (got < 0)
		return NULL;
	self->filled += (size_t)got;
	return self->filled >= length ? self->buffer : NULL;
}

static bool
check_header(LogReader *self, GError **error)
{
	g_autoptr(GError) cause = NULL;
	const uint8_t *header = bytes_at(self, 0, LOG_HEADER_BYTES, &cause);

	if (cause) {
		g_propagate_error(error, g_steal_pointer(&cause));
		return false;
	}
	if (header == NULL) {
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
			    "%s: offset 0: the file is shorter than the header of a log; if its server never wrote to it "
			    "(it is the newest log), move it away", self->path);
		return false;
	}
	if (get_be32(header) != LOG_MAGIC) {
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
			    "%s: offset 0: not a log: magic 0x%08x instead of 0x%08x; restore the file from a copy, or move it away "
			    "if it does not belong here", self->path, get_be32(header), LOG_MAGIC);
		return false;
	}
	self->next = self->offset = LOG_HEADER_BYTES;
	return true;
}

LogReader *
log_reader_open(const PdkFiles *files, const char *path, int64_t max_record_bytes, GError **error)
{
	g_autoptr(LogReader) self = g_new0(LogReader, 1);

	self->files = files;
	self->path = g_strdup(path);
	self->max_record_bytes = max_record_bytes;
	self->piece = FIRST_PIECE_BYTES;
	self->capacity = self->piece;
	self->buffer = g_malloc(self->capacity);
	self->last_zxid = -1;
	self->file = files->open(files, path, PDK_OPEN_READ, error);
	if (self->file == NULL)
		return NULL;
	self->size = files->length(files, self->file, error);
	if (self->size < 0 || !check_header(self, error))
		return NULL;
	return g_steal_pointer(&self);
}

void
log_reader_move(LogReader *self, int64_t offset)
{
	self->next = self->offset = self->start = offset;
	self->filled = 0;
}

int64_t
log_reader_behind(const LogReader *self)
{
	return self->next;
}

int64_t
log_reader_offset(const LogReader *self)
{
	return self->offset;
}

const char *
log_reader_problem(const LogReader *self)
{
	return log_damage_text(self->broken);
}

unsigned
log_reader_ignored(const LogReader *self)
{
	return self->ignored;
}

bool
log_reader_cut(const LogReader *self)
{
	return self->broken == BROKEN_CHECKSUM || self->broken == BROKEN_LENGTH;
}

static LogRead
judge(LogReader *self, BrokenRecord broken, int64_t record_bytes, GError **error)
{
	self->broken = broken;
	switch (log_damage_judge(self->files, self->file, self->size, self->offset, broken, record_bytes,
				 self->max_record_bytes, self->last_zxid, &self->ignored, error)) {
	case DAMAGE_NONE:
		return LOG_END;
	case DAMAGE_TORN:
		return LOG_TORN;
	case DAMAGE_UNREAD:
		return LOG_BAD;
	case DAMAGE_MIDDLE:
		break;
	}
	g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_IO,
		    "%s: offset %" G_GINT64_FORMAT ": the log is damaged: %s (after zxid 0x%" G_GINT64_MODIFIER "x, %u whole records "
		    "follow); restore this file from a copy or from another server of the ensemble. Cutting it off at this offset gives up "
		    "everything that follows", self->path, self->offset, log_damage_text(broken), (guint64)MAX(self->last_zxid, 0),
		    self->ignored);
	return LOG_BAD;
}

static LogRead
read_record(LogReader *self, const uint8_t **txn, size_t *length, GError **error)
{
	g_autoptr(GError) cause = NULL;
	const uint8_t *head = bytes_at(self, self->offset, RECORD_HEAD_BYTES, &cause);

	if (cause) {
		g_propagate_error(error, g_steal_pointer(&cause));
		return LOG_BAD;
	}
	if (head == NULL)
		return self->offset == self->size ? LOG_END : judge(self, BROKEN_SHORT, 0, error);
	uint32_t payload = get_be32(head + 8);
	if (payload == 0)
		return judge(self, BROKEN_EMPTY, 0, error);
	if (payload < TXN_HEADER_BYTES || payload > self->max_record_bytes)
		return judge(self, BROKEN_LENGTH, 0, error);

	size_t whole = (size_t)payload + RECORD_EXTRA_BYTES;
	const uint8_t *record = bytes_at(self, self->offset, whole, &cause);
	if (cause) {
		g_propagate_error(error, g_steal_pointer(&cause));
		return LOG_BAD;
	}
	if (record == NULL)
		return judge(self, BROKEN_SHORT, (int64_t)whole, error);
	if (record[whole - 1] != RECORD_END)
		return judge(self, BROKEN_END, (int64_t)whole, error);
	if (get_be64(record) != libdeflate_adler32(1, record + RECORD_HEAD_BYTES, payload))
		return judge(self, BROKEN_CHECKSUM, (int64_t)whole, error);
	*txn = record + RECORD_HEAD_BYTES;
	*length = payload;
	self->next = self->offset + (int64_t)whole;
	return LOG_RECORD;
}

LogRead
log_reader_next(LogReader *self, int64_t *zxid, const uint8_t **txn, size_t *length, GError **error)
{
	if (self->ended)
		return LOG_END;
	self->offset = self->next;
	LogRead result = read_record(self, txn, length, error);
	if (result == LOG_RECORD) {
		*zxid = (int64_t)get_be64(*txn + TXN_ZXID_OFFSET);
		self->last_zxid = MAX(self->last_zxid, *zxid);
	} else {
		self->ended = true;
	}
	return result;
}

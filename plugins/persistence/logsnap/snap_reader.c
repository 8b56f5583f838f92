/* SPDX-License-Identifier: Apache-2.0 */
/* Reads one snapshot file into a PdkRecovery; changes when the reading does. */
#include "snap_reader.h"

#include "bytes.h"
#include "snap_ahead.h"
#include "snap_format.h"

#include <zlib.h>

#define SMALL_BYTES (4 * 1024 * 1024) /* not worth a thread */
#define GZ_RATIO 4 /* a guess at how much longer a body is than its compressed file; only sizes tables */

typedef struct {
	const PdkFiles *files;
	PdkFile *file;
	int64_t offset; /* of the next byte to read */

	SnapAhead *ahead;
	const uint8_t *piece; /* decoded bytes not yet used */
	size_t left;
	size_t piece_bytes; /* of the whole piece */
	uint32_t piece_adler;
	uint32_t adler; /* of all used bytes */
} Reader;

static int64_t
read_file(void *context, uint8_t *into, size_t length, GError **error)
{
	Reader *self = context;
	int64_t got = self->files->pread(self->files, self->file, into, length, self->offset, error);

	if (got > 0)
		self->offset += got;
	return got;
}

static bool
bad(GError **error, const char *what)
{
	g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s", what);
	return false;
}

/* Makes sure that there are unused bytes; at the end none are left. */
static bool
refill(Reader *self, GError **error)
{
	if (self->left > 0)
		return true;
	int64_t got = snap_ahead_next(self->ahead, &self->piece, &self->piece_adler, error);
	if (got < 0)
		return false;
	self->left = self->piece_bytes = (size_t)got;
	return true;
}

static void
use(Reader *self, size_t length)
{
	if (length == self->piece_bytes)
		self->adler = (uint32_t)adler32_combine(self->adler, self->piece_adler, (z_off_t)length);
	else
		self->adler = (uint32_t)adler32(self->adler, self->piece, (unsigned)length);
	self->piece += length;
	self->left -= length;
}

/* Gathers up to @length bytes into @into without adding them to the checksum. Fewer: the end came. */
static int64_t
gather(Reader *self, uint8_t *into, size_t length, GError **error)
{
	size_t filled = 0;

	while (filled < length) {
		if (!refill(self, error))
			return -1;
		if (self->left == 0)
			break;
		size_t part = MIN(length - filled, self->left);
		memcpy(into + filled, self->piece, part);
		self->piece += part;
		self->left -= part;
		filled += part;
	}
	return (int64_t)filled;
}

static bool
read_header(Reader *self, GError **error)
{
	uint8_t header[SNAP_HEADER_BYTES];

	int64_t got = gather(self, header, sizeof(header), error);
	if (got < 0)
		return false;
	if (got < SNAP_HEADER_BYTES || get_be32(header) != SNAP_MAGIC)
		return bad(error, "no snapshot: wrong magic");
	self->adler = (uint32_t)adler32(adler32(0, NULL, 0), header, sizeof(header));
	return true;
}

static bool
read_body(Reader *self, const PdkRecovery *into, void *context, GError **error)
{
	for (;;) {
		if (!refill(self, error))
			return false;
		if (self->left == 0)
			return bad(error, "the file ends inside its body");
		size_t used = self->left;
		switch (into->snapshot_part(context, self->piece, self->left, &used, error)) {
		case PDK_PART_MORE:
			use(self, self->left);
			break;
		case PDK_PART_DONE:
			g_assert(used <= self->left);
			use(self, used);
			return true;
		case PDK_PART_BAD:
			return false;
		}
	}
}

/* Checks the seal that covers everything before @seal. */
static bool
check_seal(uint32_t adler, const uint8_t *seal, GError **error)
{
	if (get_be64(seal) != adler || get_be32(seal + 8) != 1 || seal[12] != '/')
		return bad(error, "a seal does not match");
	return true;
}

/*
 * Seals and tail. The sections are told apart by how much is left, so a file with a last zxid but no digest
 * is read right, too. What a later version may put behind them is left alone.
 */
static bool
read_tail(Reader *self, PdkSnapshotTail *tail, GError **error)
{
	uint8_t bytes[SNAP_TAIL_BYTES];
	uint32_t adler = self->adler;
	const uint8_t *at = bytes;

	*tail = (PdkSnapshotTail){0};
	int64_t left = gather(self, bytes, sizeof(bytes), error);
	if (left < 0)
		return false;
	if (left < SNAP_SEAL_BYTES)
		return bad(error, "the file ends before its seal");
	if (!check_seal(adler, at, error))
		return false;
	adler = (uint32_t)adler32(adler, at, SNAP_SEAL_BYTES);
	at += SNAP_SEAL_BYTES;
	left -= SNAP_SEAL_BYTES;

	if (left >= SNAP_DIGEST_BYTES + SNAP_SEAL_BYTES) {
		adler = (uint32_t)adler32(adler, at, SNAP_DIGEST_BYTES);
		if (!check_seal(adler, at + SNAP_DIGEST_BYTES, error))
			return false;
		tail->has_digest = true;
		tail->digest_zxid = (int64_t)get_be64(at);
		tail->digest_version = (int32_t)get_be32(at + 8);
		tail->digest = get_be64(at + 12);
		at += SNAP_DIGEST_BYTES;
		adler = (uint32_t)adler32(adler, at, SNAP_SEAL_BYTES);
		at += SNAP_SEAL_BYTES;
		left -= SNAP_DIGEST_BYTES + SNAP_SEAL_BYTES;
	}
	if (left == 0)
		return true;
	if (left < SNAP_LAST_ZXID_BYTES + SNAP_SEAL_BYTES)
		return bad(error, "the file ends inside its tail");
	adler = (uint32_t)adler32(adler, at, SNAP_LAST_ZXID_BYTES);
	tail->has_last_zxid = true;
	tail->last_zxid = (int64_t)get_be64(at);
	return check_seal(adler, at + SNAP_LAST_ZXID_BYTES, error);
}

bool
snap_reader_load(const PdkHost *host, const FileName *name, const PdkRecovery *into, void *context, GError **error)
{
	const PdkFiles *files = host->files;
	Reader reader = {.files = files};
	PdkSnapshotTail tail;

	reader.file = files->open(files, name->path, PDK_OPEN_READ, error);
	if (reader.file == NULL)
		return false;
	int64_t size = files->length(files, reader.file, error);
	if (size < 0) {
		files->close(files, reader.file);
		return false;
	}
	uint64_t body = name->codec == SNAP_PLAIN ? (uint64_t)MAX(size - SNAP_HEADER_BYTES - SNAP_TAIL_BYTES, 0)
						  : (uint64_t)size * GZ_RATIO;
	into->snapshot_begin(context, name->zxid, body);
	SnapDecoder *decoder = snap_decoder_new(name->codec, read_file, &reader);
	reader.ahead = snap_ahead_new(decoder, host->context && size > SMALL_BYTES);
	bool whole = read_header(&reader, error) && read_body(&reader, into, context, error) &&
		     read_tail(&reader, &tail, error);
	snap_ahead_free(reader.ahead);
	snap_decoder_free(decoder);
	files->close(files, reader.file);
	if (whole) {
		into->snapshot_accept(context, &tail);
		return true;
	}
	into->snapshot_discard(context);
	g_prefix_error(error, "%s: near offset %" G_GINT64_FORMAT ": ", name->path, reader.offset);
	return false;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* How the bytes of a snapshot are compressed: not, by gzip, by snappy in xerial's stream framing. */
#include "snap_codec.h"

#include "bytes.h"
#include "snap_format.h"

#include <snappy-c.h>
#include <zlib.h>

#define PIECE_BYTES (1024 * 1024)
#define GZ_LEVEL 1
#define GZ_WINDOW (15 + 16)
#define MAX_BLOCK_BYTES (16 * 1024 * 1024)

static const uint8_t xerial_magic[8] = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0};
static const uint8_t closing[SNAP_CLOSING_BYTES] = {0, 0, 0, 1, '/'};

struct SnapEncoder {
	SnapCodec codec;
	SnapSink sink;
	void *context;
	z_stream gz;
	bool begun;                        /* snappy: the header is out */
	uint8_t block[XERIAL_BLOCK_BYTES]; /* snappy: bytes not yet compressed */
	size_t filled;
	uint8_t *out; /* compressed bytes */
	size_t out_bytes;
};

SnapEncoder *
snap_encoder_new(SnapCodec codec, SnapSink sink, void *context)
{
	SnapEncoder *self = g_new0(SnapEncoder, 1);

	self->codec = codec;
	self->sink = sink;
	self->context = context;
	if (codec == SNAP_GZ) {
		int rc = deflateInit2(&self->gz, GZ_LEVEL, Z_DEFLATED, GZ_WINDOW, 8, Z_DEFAULT_STRATEGY);
		g_assert(rc == Z_OK);
		self->out_bytes = 64 * 1024;
	} else if (codec == SNAP_SNAPPY) {
		self->out_bytes = snappy_max_compressed_length(XERIAL_BLOCK_BYTES) + 4;
	}
	self->out = g_malloc(MAX(self->out_bytes, 1));
	return self;
}

void
snap_encoder_free(SnapEncoder *self)
{
	if (self->codec == SNAP_GZ)
		deflateEnd(&self->gz);
	g_free(self->out);
	g_free(self);
}

static bool
deflate_all(SnapEncoder *self, const uint8_t *data, size_t length, int flush, GError **error)
{
	int rc;

	g_assert(length <= G_MAXUINT);
	self->gz.next_in = (uint8_t *)data;
	self->gz.avail_in = (unsigned)length;
	do {
		self->gz.next_out = self->out;
		self->gz.avail_out = (unsigned)self->out_bytes;
		rc = deflate(&self->gz, flush);
		g_assert(rc == Z_OK || rc == Z_STREAM_END || rc == Z_BUF_ERROR);
		size_t got = self->out_bytes - self->gz.avail_out;
		if (got > 0 && !self->sink(self->context, self->out, got, error))
			return false;
	} while (self->gz.avail_out == 0);
	g_assert(self->gz.avail_in == 0 && (flush != Z_FINISH || rc == Z_STREAM_END));
	return true;
}

/* Compresses the gathered block; before the first one goes the header. */
static bool
snappy_block(SnapEncoder *self, GError **error)
{
	if (!self->begun) {
		uint8_t header[XERIAL_HEADER_BYTES];
		memcpy(header, xerial_magic, sizeof(xerial_magic));
		put_be32(header + 8, 1);
		put_be32(header + 12, 1);
		if (!self->sink(self->context, header, sizeof(header), error))
			return false;
		self->begun = true;
	}
	if (self->filled == 0)
		return true;
	size_t length = self->out_bytes - 4;
	snappy_status rc = snappy_compress((const char *)self->block, self->filled, (char *)self->out + 4, &length);
	g_assert(rc == SNAPPY_OK);
	put_be32(self->out, (uint32_t)length);
	self->filled = 0;
	return self->sink(self->context, self->out, length + 4, error);
}

static bool
snappy_write(SnapEncoder *self, const uint8_t *data, size_t length, GError **error)
{
	while (length > 0) {
		size_t part = MIN(length, sizeof(self->block) - self->filled);
		memcpy(self->block + self->filled, data, part);
		self->filled += part;
		data += part;
		length -= part;
		if (self->filled == sizeof(self->block) && !snappy_block(self, error))
			return false;
	}
	return true;
}

bool
snap_encoder_write(SnapEncoder *self, const uint8_t *data, size_t length, GError **error)
{
	if (length == 0)
		return true;
	switch (self->codec) {
	case SNAP_PLAIN:
		return self->sink(self->context, data, length, error);
	case SNAP_GZ:
		return deflate_all(self, data, length, Z_NO_FLUSH, error);
	case SNAP_SNAPPY:
		return snappy_write(self, data, length, error);
	}
	g_assert_not_reached();
}

bool
snap_encoder_finish(SnapEncoder *self, GError **error)
{
	if (self->codec == SNAP_GZ)
		return deflate_all(self, NULL, 0, Z_FINISH, error);
	return self->codec == SNAP_PLAIN || snappy_block(self, error);
}

struct SnapDecoder {
	SnapCodec codec;
	SnapSource source;
	void *context;
	z_stream gz;
	bool begun; /* snappy: the header was read */
	bool ended;
	uint8_t *in; /* encoded bytes */
	size_t in_bytes;
	uint8_t *out; /* decoded bytes */
	size_t out_bytes;
};

SnapDecoder *
snap_decoder_new(SnapCodec codec, SnapSource source, void *context)
{
	SnapDecoder *self = g_new0(SnapDecoder, 1);

	self->codec = codec;
	self->source = source;
	self->context = context;
	if (codec == SNAP_GZ) {
		int rc = inflateInit2(&self->gz, GZ_WINDOW);
		g_assert(rc == Z_OK);
	}
	return self;
}

void
snap_decoder_free(SnapDecoder *self)
{
	if (self->codec == SNAP_GZ)
		inflateEnd(&self->gz);
	g_free(self->in);
	g_free(self->out);
	g_free(self);
}

static void
grow(uint8_t **buffer, size_t *bytes, size_t wanted)
{
	if (*bytes < wanted) {
		*buffer = g_realloc(*buffer, wanted);
		*bytes = wanted;
	}
}

static int64_t
damaged(GError **error, const char *what)
{
	g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_IO, "%s", what);
	return -1;
}

static int64_t
inflate_piece(SnapDecoder *self, const uint8_t **data, GError **error)
{
	grow(&self->in, &self->in_bytes, PIECE_BYTES);
	grow(&self->out, &self->out_bytes, PIECE_BYTES);
	self->gz.next_out = self->out;
	self->gz.avail_out = (unsigned)self->out_bytes;
	while (self->gz.avail_out > 0 && !self->ended) {
		if (self->gz.avail_in == 0) {
			int64_t got = self->source(self->context, self->in, self->in_bytes, error);
			if (got < 0)
				return -1;
			if (got == 0)
				return damaged(error, "the gzip stream is cut short");
			self->gz.next_in = self->in;
			self->gz.avail_in = (unsigned)got;
		}
		int rc = inflate(&self->gz, Z_NO_FLUSH);
		if (rc != Z_OK && rc != Z_STREAM_END)
			return damaged(error, "the gzip stream is damaged");
		self->ended = rc == Z_STREAM_END;
	}
	*data = self->out;
	return (int64_t)(self->out_bytes - self->gz.avail_out);
}

/* Reads exactly @length bytes into @into. 1 done, 0 the end came before the first one, -1 @error. */
static int
read_exactly(SnapDecoder *self, uint8_t *into, size_t length, GError **error)
{
	size_t filled = 0;

	while (filled < length) {
		int64_t got = self->source(self->context, into + filled, length - filled, error);
		if (got < 0)
			return -1;
		if (got == 0)
			return filled == 0 ? 0 : (int)damaged(error, "the snappy stream is cut short");
		filled += (size_t)got;
	}
	return 1;
}

static bool
snappy_header(SnapDecoder *self, GError **error)
{
	uint8_t header[XERIAL_HEADER_BYTES];

	int rc = read_exactly(self, header, sizeof(header), error);
	if (rc < 0)
		return false;
	if (rc == 0 || memcmp(header, xerial_magic, sizeof(xerial_magic)) != 0) {
		damaged(error, "no snappy stream: wrong magic");
		return false;
	}
	if (get_be32(header + 12) > 1) { /* "compatible with readers from" */
		damaged(error, "a snappy stream of a later version");
		return false;
	}
	self->begun = true;
	return true;
}

static int64_t
snappy_piece(SnapDecoder *self, const uint8_t **data, GError **error)
{
	uint8_t head[4];
	size_t length;

	if (!self->begun && !snappy_header(self, error))
		return -1;
	int rc = read_exactly(self, head, sizeof(head), error);
	if (rc <= 0)
		return rc;
	uint32_t block = get_be32(head);
	if (block == 0 || block > MAX_BLOCK_BYTES)
		return damaged(error, "a snappy block of impossible length");
	grow(&self->in, &self->in_bytes, block);
	rc = read_exactly(self, self->in, block, error);
	if (rc <= 0)
		return rc < 0 ? -1 : damaged(error, "the snappy stream is cut short");
	if (snappy_uncompressed_length((const char *)self->in, block, &length) != SNAPPY_OK || length > MAX_BLOCK_BYTES)
		return damaged(error, "a snappy block is damaged");
	if (length == 0)
		return damaged(error, "an empty snappy block");
	grow(&self->out, &self->out_bytes, length);
	if (snappy_uncompress((const char *)self->in, block, (char *)self->out, &length) != SNAPPY_OK)
		return damaged(error, "a snappy block is damaged");
	*data = self->out;
	return (int64_t)length;
}

int64_t
snap_decoder_read(SnapDecoder *self, const uint8_t **data, GError **error)
{
	switch (self->codec) {
	case SNAP_PLAIN:
		grow(&self->out, &self->out_bytes, PIECE_BYTES);
		*data = self->out;
		return self->source(self->context, self->out, self->out_bytes, error);
	case SNAP_GZ:
		return self->ended ? 0 : inflate_piece(self, data, error);
	case SNAP_SNAPPY:
		return snappy_piece(self, data, error);
	}
	g_assert_not_reached();
}

void
snap_decoder_trade(SnapDecoder *self, uint8_t **buffer, size_t *bytes)
{
	uint8_t *out = self->out;
	size_t out_bytes = self->out_bytes;

	self->out = *buffer;
	self->out_bytes = *bytes;
	*buffer = out;
	*bytes = out_bytes;
}

int
snap_codec_probe(const PdkFiles *files, const char *path, SnapCodec codec, GError **error)
{
	uint8_t bytes[sizeof(xerial_magic)];

	PdkFile *file = files->open(files, path, PDK_OPEN_READ, error);
	if (file == NULL)
		return -1;
	int64_t size = files->length(files, file, error);
	int64_t got = -1;
	if (size >= 0)
		got = files->pread(files, file, bytes, codec == SNAP_PLAIN ? SNAP_CLOSING_BYTES : sizeof(bytes),
				   codec == SNAP_PLAIN ? MAX(size - SNAP_CLOSING_BYTES, 0) : 0, error);
	files->close(files, file);
	if (got < 0)
		return -1;
	switch (codec) {
	case SNAP_PLAIN:
		return size >= SNAP_HEADER_BYTES && got == SNAP_CLOSING_BYTES && memcmp(bytes, closing, sizeof(closing)) == 0;
	case SNAP_GZ:
		return got >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
	case SNAP_SNAPPY:
		return got == (int64_t)sizeof(bytes) && memcmp(bytes, xerial_magic, sizeof(bytes)) == 0;
	}
	g_assert_not_reached();
}

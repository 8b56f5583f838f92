/* SPDX-License-Identifier: Apache-2.0 */
/* Writes one snapshot file; changes when the way bytes reach it does. */
#include "snap_writer.h"

#include "bytes.h"
#include "snap_codec.h"
#include "snap_format.h"

#include <zlib.h>

struct SnapWriter {
	const PdkFiles *files;
	const char *directory;
	char *private_path, *path;
	PdkFile *file;
	SnapEncoder *encoder;
	int64_t position; /* in the file */
	int64_t paced;    /* written back up to here */
	uint32_t adler;   /* of the uncompressed bytes */
};

static bool
write_file(void *context, const uint8_t *data, size_t length, GError **error)
{
	SnapWriter *self = context;
	const PdkFiles *files = self->files;

	if (!files->pwrite(files, self->file, data, length, self->position, error))
		return false;
	self->position += (int64_t)length;
	if (self->position - self->paced < SNAP_WRITER_PACE_BYTES)
		return true;
	if (!files->write_back(files, self->file, self->paced, self->position - self->paced, true, error))
		return false;
	self->paced = self->position;
	return true;
}

SnapWriter *
snap_writer_new(const PdkFiles *files, const char *directory, SnapCodec codec, int64_t zxid, uint64_t serial)
{
	SnapWriter *self = g_new0(SnapWriter, 1);

	self->files = files;
	self->directory = directory;
	self->private_path = g_strdup_printf("%s/" LOGSNAP_PRIVATE "snapshot-%" G_GUINT64_FORMAT, directory, serial);
	self->path = names_snapshot_path(directory, zxid, codec);
	self->encoder = snap_encoder_new(codec, write_file, self);
	self->adler = (uint32_t)adler32(0, NULL, 0);
	return self;
}

static void
close_file(SnapWriter *self)
{
	if (self->file)
		self->files->close(self->files, self->file);
	self->file = NULL;
}

void
snap_writer_free(SnapWriter *self)
{
	close_file(self);
	snap_encoder_free(self->encoder);
	g_free(self->private_path);
	g_free(self->path);
	g_free(self);
}

static bool
add(SnapWriter *self, const uint8_t *data, size_t length, GError **error)
{
	self->adler = (uint32_t)adler32(self->adler, data, (unsigned)length);
	return snap_encoder_write(self->encoder, data, length, error);
}

/* Opens the file at the first call and writes the header. */
static bool
begin(SnapWriter *self, GError **error)
{
	uint8_t header[SNAP_HEADER_BYTES];

	if (self->file)
		return true;
	self->file = self->files->open(self->files, self->private_path, PDK_OPEN_WRITE | PDK_OPEN_CREATE | PDK_OPEN_TRUNCATE,
				       error);
	if (self->file == NULL)
		return false;
	put_be32(header, SNAP_MAGIC);
	put_be32(header + 4, SNAP_VERSION);
	put_be64(header + 8, UINT64_MAX);
	return add(self, header, sizeof(header), error);
}

bool
snap_writer_write(SnapWriter *self, const uint8_t *data, size_t length, GError **error)
{
	g_assert(length <= G_MAXUINT);
	return begin(self, error) && add(self, data, length, error);
}

static bool
seal(SnapWriter *self, GError **error)
{
	uint8_t bytes[SNAP_SEAL_BYTES];

	put_be64(bytes, self->adler);
	put_be32(bytes + 8, 1);
	bytes[12] = '/';
	return add(self, bytes, sizeof(bytes), error);
}

bool
snap_writer_finish(SnapWriter *self, const PdkSnapshotTail *tail, GError **error)
{
	uint8_t bytes[SNAP_DIGEST_BYTES];

	if (!begin(self, error) || !seal(self, error))
		return false;
	if (tail->has_digest) {
		put_be64(bytes, (uint64_t)tail->digest_zxid);
		put_be32(bytes + 8, (uint32_t)tail->digest_version);
		put_be64(bytes + 12, tail->digest);
		if (!add(self, bytes, SNAP_DIGEST_BYTES, error) || !seal(self, error))
			return false;
	}
	if (tail->has_last_zxid) {
		put_be64(bytes, (uint64_t)tail->last_zxid);
		if (!add(self, bytes, SNAP_LAST_ZXID_BYTES, error) || !seal(self, error))
			return false;
	}
	if (!snap_encoder_finish(self->encoder, error) || !self->files->datasync(self->files, self->file, error))
		return false;
	close_file(self);
	return true;
}

bool
snap_writer_publish(SnapWriter *self, GError **error)
{
	return self->files->rename(self->files, self->private_path, self->path, error) &&
	       self->files->sync_directory(self->files, self->directory, error);
}

void
snap_writer_discard(SnapWriter *self)
{
	close_file(self);
	self->files->unlink(self->files, self->private_path, NULL);
}

uint64_t
snap_writer_length(const SnapWriter *self)
{
	return (uint64_t)self->position;
}

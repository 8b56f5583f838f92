/* SPDX-License-Identifier: Apache-2.0 */
/* Writes sealed records to log files; changes when the way bytes reach the log does. */
#include "log_writer.h"

#include "bytes.h"
#include "log_format.h"
#include "names.h"

/* FilePadding grows a file when less than this is left. */
#define PREALLOC_GUARD 4096

void
log_writer_close(LogWriter *self)
{
	if (self->file)
		self->host->files->close(self->host->files, self->file);
	self->file = NULL;
	self->position = self->size = 0;
}

/*
 * Makes room for @length more bytes. Growing takes about 0.2 ms and happens once in prealloc_bytes. A disk
 * without room for the padding may still have room for the record: that is for the write to find out.
 */
static bool
make_room(LogWriter *self, size_t length, GError **error)
{
	const PdkFiles *files = self->host->files;
	int64_t needed = self->position + (int64_t)length + PREALLOC_GUARD;

	if (self->prealloc_bytes <= 0 || self->prealloc_failed || needed < self->size)
		return true;
	int64_t size = (self->size > 0 ? self->size : LOG_HEADER_BYTES) + self->prealloc_bytes;
	while (size <= needed)
		size += self->prealloc_bytes;
	g_autoptr(GError) cause = NULL;
	if (files->allocate(files, self->file, size, &cause)) {
		self->size = size;
		return true;
	}
	if (!g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_NOSPC)) {
		g_propagate_error(error, g_steal_pointer(&cause));
		return false;
	}
	self->prealloc_failed = true;
	self->host->log(self->host, PDK_LOG_WARNING, "log-not-preallocated bytes=%" G_GINT64_FORMAT " cause=\"%s\"", size,
			cause->message);
	return files->truncate(files, self->file, self->position, error);
}

static bool
make_durable(LogWriter *self, GError **error)
{
	const PdkFiles *files = self->host->files;

	return !self->force_sync || files->datasync(files, self->file, error);
}

/* Header and records go into a private file, which gets its name when they are durable. */
static bool
begin_file(LogWriter *self, int64_t zxid, const uint8_t *records, size_t length, LogWriterReport *report, GError **error)
{
	const PdkFiles *files = self->host->files;
	g_autofree char *private = g_build_filename(self->directory, LOGSNAP_PRIVATE "log", NULL);
	g_autofree char *path = names_log_path(self->directory, zxid);
	uint8_t header[LOG_HEADER_BYTES] = {0};

	put_be32(header, LOG_MAGIC);
	put_be32(header + 4, LOG_VERSION);
	self->file = files->open(files, private, PDK_OPEN_WRITE | PDK_OPEN_CREATE | PDK_OPEN_TRUNCATE, error);
	if (self->file == NULL || !files->pwrite(files, self->file, header, sizeof(header), 0, error))
		return false;
	self->position = sizeof(header);
	if (!make_room(self, length, error) ||
	    !files->pwrite(files, self->file, records, length, self->position, error) ||
	    !make_durable(self, error) || !files->rename(files, private, path, error))
		return false;
	if (self->force_sync && !files->sync_directory(files, self->directory, error))
		return false;
	self->begin_zxid = zxid;
	self->position += (int64_t)length;
	report->files++;
	return true;
}

static bool
continue_file(LogWriter *self, const uint8_t *records, size_t length, GError **error)
{
	const PdkFiles *files = self->host->files;

	if (!make_room(self, length, error) ||
	    !files->pwrite(files, self->file, records, length, self->position, error) ||
	    !make_durable(self, error))
		return false;
	self->position += (int64_t)length;
	return true;
}

bool
log_writer_write(LogWriter *self, LogBatch *batch, LogWriterReport *report, GError **error)
{
	size_t offset = 0;

	*report = (LogWriterReport){0};
	while (offset < batch->length) {
		if (log_batch_rolls_at(batch, offset))
			log_writer_close(self);
		size_t end = log_batch_seal(batch, offset);
		const uint8_t *records = batch->data + offset;
		bool done = self->file
			? continue_file(self, records, end - offset, error)
			: begin_file(self, log_batch_zxid_at(batch, offset), records, end - offset, report, error);
		if (!done) {
			self->broken = true;
			return false;
		}
		offset = end;
		report->file_size = MAX(self->size, self->position);
		report->begin_zxid = self->begin_zxid;
		report->written = self->position;
		if (self->size_limit_bytes > 0 && self->position > self->size_limit_bytes)
			log_writer_close(self);
	}
	return true;
}

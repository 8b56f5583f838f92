/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a stretch of the history from the logs; changes when the rules of that reading do. */
#include "log_scan.h"

#include "log_format.h"
#include "log_reader.h"
#include "names.h"

static void
clear_txn(void *txn)
{
	g_bytes_unref(((PdkLoggedTxn *)txn)->txn);
}

static int64_t
last_taken(const LogScan *self)
{
	return g_array_index(self->txns, PdkLoggedTxn, self->txns->len - 1).zxid;
}

static void
take(LogScan *self, int64_t zxid, const uint8_t *txn, size_t length)
{
	PdkLoggedTxn taken = {.zxid = zxid, .txn = g_bytes_new(txn, length)};

	g_array_append_val(self->txns, taken);
	self->bytes += (int64_t)length;
}

static bool
gap(const LogScan *self, int64_t zxid, GError **error)
{
	g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
		    "%s: behind zxid 0x%" G_GINT64_MODIFIER "x the logs do not go on before 0x%" G_GINT64_MODIFIER "x",
		    self->directories->logs, (guint64)last_taken(self), (guint64)zxid);
	return false;
}

/* Does the history go on from the last record taken to that of @zxid? */
static bool
goes_on(const LogScan *self, int64_t zxid, GError **error)
{
	int64_t last = last_taken(self);

	if (!log_format_follows(zxid, last))
		return gap(self, zxid, error);
	if (zxid == last + 1)
		return true;
	g_autoptr(FileNames) snapshots = names_list_snapshots(self->files, self->directories->snapshots, error);
	if (snapshots == NULL)
		return false;
	for (unsigned i = 0; i < snapshots->len; i++) {
		if (names_at(snapshots, i)->zxid > last && names_at(snapshots, i)->zxid < zxid)
			return gap(self, zxid, error);
	}
	return true;
}

/* True: go on. False: @error, or *end. */
static bool
look_at(LogScan *self, int64_t zxid, const uint8_t *txn, size_t length, bool *end, GError **error)
{
	if (zxid < self->from || (self->txns->len > 0 && zxid <= last_taken(self)))
		return true;
	if (zxid > self->limit) {
		*end = true;
		return self->txns->len == 0 || last_taken(self) >= self->limit || gap(self, zxid, error);
	}
	if (self->txns->len > 0 && !goes_on(self, zxid, error))
		return false;
	self->more = self->txns->len > 0 && self->bytes + (int64_t)length > self->max_bytes;
	*end = self->more;
	if (!self->more)
		take(self, zxid, txn, length);
	return true;
}

static void
leave_cursor(LogScan *self, const FileName *name, int64_t offset)
{
	if (self->txns->len > 0)
		self->cursor = (LogCursor){.next = last_taken(self) + 1, .file = name->zxid, .offset = offset};
}

/* Reads one log; *end: what was wanted is read. */
static bool
scan_file(LogScan *self, const FileName *name, bool *end, GError **error)
{
	const uint8_t *txn;
	size_t length;
	int64_t zxid;
	LogRead read = LOG_END;

	g_autoptr(LogReader) reader = log_reader_open(self->files, name->path, self->max_record_bytes, error);
	if (reader == NULL)
		return false;
	if (self->cursor.next == self->from && self->cursor.file == name->zxid)
		log_reader_move(reader, self->cursor.offset);
	while (!*end && (read = log_reader_next(reader, &zxid, &txn, &length, error)) == LOG_RECORD) {
		if (!look_at(self, zxid, txn, length, end, error))
			return false;
		if (*end) {
			leave_cursor(self, name, log_reader_offset(reader));
			return true;
		}
		*end = zxid == self->limit;
		leave_cursor(self, name, log_reader_behind(reader));
	}
	return read != LOG_BAD;
}

bool
log_scan_run(LogScan *self, GError **error)
{
	bool end = false;
	unsigned first = 0;

	self->txns = g_array_new(FALSE, FALSE, sizeof(PdkLoggedTxn));
	g_array_set_clear_func(self->txns, clear_txn);
	if (self->from > self->limit)
		return true;
	g_autoptr(FileNames) logs = names_list_logs(self->files, self->directories->logs, error);
	if (logs == NULL)
		return false;
	int64_t begin = self->cursor.next == self->from ? self->cursor.file : self->from;
	for (unsigned i = 0; i < logs->len; i++) {
		if (names_at(logs, i)->zxid <= begin)
			first = i;
	}
	for (unsigned i = first; i < logs->len && !end; i++) {
		if (!scan_file(self, names_at(logs, i), &end, error))
			return false;
	}
	return end || self->txns->len == 0 || last_taken(self) >= self->limit || gap(self, self->limit, error);
}

void
log_scan_clear(LogScan *self)
{
	g_clear_pointer(&self->txns, g_array_unref);
}

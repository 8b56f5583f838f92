/* SPDX-License-Identifier: Apache-2.0 */
/* From files to history: which snapshot counts, which logs follow it, what is refused. */
#include "recovery.h"

#include "log_format.h"
#include "log_reader.h"
#include "names.h"
#include "snap_codec.h"
#include "snap_reader.h"

#include <string.h>

#define MAX_CANDIDATES 100

typedef struct {
	const RecoverySettings *settings;
	const PdkRecovery *into;
	void *context;

	int64_t newest_bad;  /* zxid of the newest snapshot file that is not whole, -1: none */
	char *newest_bad_path;
	unsigned bad;
	GArray *damaged;     /* int64_t: zxids of snapshots that were finished once and are not whole now */
	int64_t from;        /* records below are in the snapshot */
	int64_t last;        /* zxid of the last thing known; -1: anything may follow */
	uint64_t txns;
	uint64_t out_of_order;
} Recovery;

static const PdkFiles *
files_of(const Recovery *self)
{
	return self->settings->host->files;
}

static void
note_bad_snapshot(Recovery *self, const FileName *name, const char *cause)
{
	const PdkHost *host = self->settings->host;

	host->log(host, PDK_LOG_WARNING, "snapshot-ignored file=%s cause=\"%s\"", name->path, cause);
	self->bad++;
	if (name->zxid <= self->newest_bad)
		return;
	self->newest_bad = name->zxid;
	g_free(self->newest_bad_path);
	self->newest_bad_path = g_strdup(name->path);
}

static bool
try_snapshot(Recovery *self, const FileName *name, unsigned *candidates)
{
	g_autoptr(GError) cause = NULL;

	int valid = snap_codec_probe(files_of(self), name->path, name->codec, &cause);
	if (valid == 0) {
		note_bad_snapshot(self, name, "it was never finished");
		return false;
	}
	++*candidates;
	if (valid > 0 && snap_reader_load(self->settings->host, name, self->into, self->context, &cause))
		return true;
	note_bad_snapshot(self, name, cause->message);
	g_array_append_val(self->damaged, name->zxid);
	return false;
}

/*
 * Loads the newest whole snapshot. *loaded: its zxid, -1 when there is none to load. False: some, but none is
 * whole.
 */
static bool
load_snapshot(Recovery *self, int64_t *loaded, GError **error)
{
	const char *directory = self->settings->directories->snapshots;
	unsigned candidates = 0;

	*loaded = -1;
	g_autoptr(FileNames) names = names_list_snapshots(files_of(self), directory, error);
	if (names == NULL)
		return false;
	for (unsigned i = names->len; i > 0 && candidates < MAX_CANDIDATES; i--) {
		const FileName *name = names_at(names, i - 1);
		if (try_snapshot(self, name, &candidates)) {
			*loaded = name->zxid;
			return true;
		}
	}
	if (candidates == 0 && self->newest_bad <= 0)
		return true;
	g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_IO,
		    "%s: none of %u snapshots can be read (the newest is %s, see the lines above); restore one from a copy, or empty "
		    "the directory if this server may start without its data", directory, self->bad, self->newest_bad_path);
	return false;
}

/* Step 2 of the start: the marker `initialize` is used up. */
static bool
use_marker(Recovery *self, bool *present, GError **error)
{
	const char *marker = self->settings->directories->marker;

	int there = files_of(self)->probe(files_of(self), marker, NULL, error);
	*present = there > 0;
	return there == 0 || (there > 0 && files_of(self)->unlink(files_of(self), marker, error));
}

/*
 * Can the record of @zxid stand behind the last one? A snapshot between the two came from a leader, for our own are of txns that
 * are logged: what is behind it does not continue what is before it, even where the zxids look so.
 */
static bool
goes_on(const Recovery *self, int64_t zxid)
{
	if (self->last < 0 || zxid == self->last + 1)
		return true;
	for (unsigned i = 0; i < self->damaged->len; i++) {
		int64_t snapshot = g_array_index(self->damaged, int64_t, i);
		if (snapshot > self->last && snapshot < zxid)
			return false;
	}
	return log_format_follows(zxid, self->last);
}

static bool
replay_record(Recovery *self, const FileName *name, int64_t offset, int64_t zxid, const uint8_t *txn, size_t length,
	      GError **error)
{
	if (zxid < self->from)
		return true;
	if (zxid <= self->last) {
		const PdkHost *host = self->settings->host;
		if (self->out_of_order++ == 0)
			host->log(host, PDK_LOG_WARNING, "txn-repeated file=%s offset=%" G_GINT64_FORMAT " zxid=0x%"
				  G_GINT64_MODIFIER "x last=0x%" G_GINT64_MODIFIER "x", name->path, offset, (guint64)zxid,
				  (guint64)self->last);
		return true;
	}
	if (!self->settings->accept_gaps && !goes_on(self, zxid)) {
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_IO,
			    "%s: offset %" G_GINT64_FORMAT ": transactions are missing: zxid 0x%" G_GINT64_MODIFIER "x follows 0x%"
			    G_GINT64_MODIFIER "x; put the log that holds them back, or set accept_gaps to start without them",
			    name->path, offset, (guint64)zxid, (guint64)self->last);
		return false;
	}
	if (!self->into->txn(self->context, zxid, txn, length, error)) {
		g_prefix_error(error, "%s: offset %" G_GINT64_FORMAT ": zxid 0x%" G_GINT64_MODIFIER "x: ", name->path, offset,
			       (guint64)zxid);
		return false;
	}
	self->last = zxid;
	self->txns++;
	return true;
}

/* Takes an interrupted write off the end of the newest log, where Java would refuse to read it. */
static bool
cut_tail(Recovery *self, const FileName *name, int64_t offset, GError **error)
{
	const PdkFiles *files = files_of(self);

	PdkFile *file = files->open(files, name->path, PDK_OPEN_WRITE, error);
	if (file == NULL)
		return false;
	bool done = files->truncate(files, file, offset, error) && files->datasync(files, file, error);
	files->close(files, file);
	return done;
}

static bool
replay_file(Recovery *self, const FileName *name, bool newest, GError **error)
{
	const PdkHost *host = self->settings->host;
	const uint8_t *txn;
	size_t length;
	int64_t zxid;
	LogRead read;

	g_autoptr(LogReader) reader = log_reader_open(host->files, name->path, self->settings->max_record_bytes, error);
	if (reader == NULL)
		return false;
	while ((read = log_reader_next(reader, &zxid, &txn, &length, error)) == LOG_RECORD) {
		if (!replay_record(self, name, log_reader_offset(reader), zxid, txn, length, error))
			return false;
	}
	if (read != LOG_BAD)
		log_sizes_note(self->settings->sizes, name->zxid, log_reader_offset(reader));
	if (read != LOG_TORN)
		return read == LOG_END;
	host->log(host, newest ? PDK_LOG_WARNING : PDK_LOG_INFO, "log-torn file=%s offset=%" G_GINT64_FORMAT
		  " found=\"%s\" ignored_records=%u: the write under way when the server died; nothing acknowledged lies behind it",
		  name->path, log_reader_offset(reader), log_reader_problem(reader), log_reader_ignored(reader));
	return !newest || !log_reader_cut(reader) || cut_tail(self, name, log_reader_offset(reader), error);
}

/* Newest logs of 0 bytes were created by a Java server that died at that moment: gone, as Apache does. */
static bool
drop_empty_logs(Recovery *self, FileNames *logs, GError **error)
{
	const PdkHost *host = self->settings->host;

	while (logs->len > 0) {
		const FileName *name = names_at(logs, logs->len - 1);
		int64_t length = 0;
		if (host->files->probe(host->files, name->path, &length, error) < 0)
			return false;
		if (length > 0)
			return true;
		host->log(host, PDK_LOG_WARNING, "log-empty file=%s: deleted", name->path);
		if (!host->files->unlink(host->files, name->path, error))
			return false;
		g_array_set_size(logs, logs->len - 1);
	}
	return true;
}

static bool
replay(Recovery *self, const FileNames *logs, GError **error)
{
	unsigned first = 0;

	for (unsigned i = 0; i < logs->len; i++) {
		if (names_at(logs, i)->zxid <= self->from)
			first = i;
	}
	for (unsigned i = first; i < logs->len; i++) {
		if (!replay_file(self, names_at(logs, i), i + 1 == logs->len, error))
			return false;
	}
	if (self->newest_bad <= self->last || self->settings->accept_gaps)
		return true;
	g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_IO,
		    "%s: this snapshot is not whole, and the logs end before it, at zxid 0x%" G_GINT64_MODIFIER "x; restore it or the logs "
		    "up to it from a copy, or set accept_gaps to start without what is missing", self->newest_bad_path,
		    (guint64)MAX(self->last, 0));
	return false;
}

/* No snapshot at all: is that a beginning, or a loss? */
static bool
begin_empty(Recovery *self, const FileNames *logs, bool marker, GError **error)
{
	const RecoverySettings *settings = self->settings;

	if (logs->len > 0 && !settings->trust_empty) {
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
			    "No snapshot found, but there are log entries: %s has no snapshot, %s has %s; restore a snapshot, or set "
			    "snapshot_trust_empty once if the logs are known to reach back to the beginning", settings->directories->snapshots,
			    settings->directories->logs, names_at(logs, 0)->path);
		return false;
	}
	if (logs->len == 0 && !marker && !settings->db_autocreate) {
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
			    "%s is empty and db_autocreate is off; restore its data, or create the file %s if this server shall begin with "
			    "an empty tree", settings->directories->snapshots, settings->directories->marker);
		return false;
	}
	self->into->empty(self->context);
	self->from = 1;
	self->last = logs->len > 0 ? -1 : 0;
	return true;
}

static bool
run(Recovery *self, PdkRecovered *result, bool *marker, GError **error)
{
	const PdkHost *host = self->settings->host;

	int64_t begin = host->now_us(host);
	if (!load_snapshot(self, &result->snapshot_zxid, error) || !use_marker(self, marker, error))
		return false;
	g_autoptr(FileNames) logs = names_list_logs(host->files, self->settings->directories->logs, error);
	if (logs == NULL || !drop_empty_logs(self, logs, error))
		return false;
	self->from = result->snapshot_zxid + 1;
	self->last = result->snapshot_zxid;
	if (result->snapshot_zxid < 0 && !begin_empty(self, logs, *marker || self->settings->marker_used, error))
		return false;
	int64_t loaded = host->now_us(host);
	if (!replay(self, logs, error))
		return false;
	result->last_zxid = MAX(self->last, 0);
	result->txns = self->txns;
	result->trusted = *marker || self->settings->marker_used;
	result->snapshot_us = loaded - begin;
	result->replay_us = host->now_us(host) - loaded;
	return true;
}

bool
recovery_run(const RecoverySettings *settings, const PdkRecovery *into, void *context, PdkRecovered *result, bool *marker,
	     GError **error)
{
	Recovery self = {.settings = settings, .into = into, .context = context, .newest_bad = -1};

	*result = (PdkRecovered){.snapshot_zxid = -1};
	*marker = false;
	self.damaged = g_array_new(FALSE, FALSE, sizeof(int64_t));
	bool done = run(&self, result, marker, error);
	g_array_unref(self.damaged);
	g_free(self.newest_bad_path);
	return done;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Takes the end of the history back, all of it or nothing; changes when that does. */
#include "truncation.h"

#include "log_format.h"
#include "log_reader.h"
#include "names.h"
#include "snap_codec.h"

#include <string.h>

#define TITLE "paddock truncation 1"
#define MAX_LIST_BYTES (16 * 1024 * 1024)

typedef enum {
	STEP_KEEP = 0,
	STEP_CUT = 1,
	STEP_DELETE = 2,
} StepKind;

static const char *const words[] = {[STEP_KEEP] = "keep", [STEP_CUT] = "cut", [STEP_DELETE] = "delete"};

typedef struct {
	StepKind kind;
	char *name;
	int64_t offset; /* STEP_CUT: the new length */
} Step;

struct Truncation {
	const PdkFiles *files;
	const Directories *directories;
	GArray *steps; /* one for each log and snapshot */
	bool changes;
	int64_t snapshot;
};

static void
clear_step(void *step)
{
	g_free(((Step *)step)->name);
}

static Truncation *
truncation_new(const PdkFiles *files, const Directories *directories)
{
	Truncation *self = g_new0(Truncation, 1);

	self->files = files;
	self->directories = directories;
	self->steps = g_array_new(FALSE, FALSE, sizeof(Step));
	self->snapshot = -1;
	g_array_set_clear_func(self->steps, clear_step);
	return self;
}

void
truncation_free(Truncation *self)
{
	g_array_unref(self->steps);
	g_free(self);
}

int64_t
truncation_snapshot(const Truncation *self)
{
	return self->snapshot;
}

static void
add_step(Truncation *self, StepKind kind, char *name, int64_t offset)
{
	Step step = {.kind = kind, .name = name, .offset = offset};

	self->changes |= kind != STEP_KEEP;
	g_array_append_val(self->steps, step);
}

/* Snapshots above @zxid go, if there is one to begin from below. */
static bool
plan_snapshots(Truncation *self, int64_t zxid, GError **error)
{
	g_autoptr(FileNames) names = names_list_snapshots(self->files, self->directories->snapshots, error);

	if (names == NULL)
		return false;
	for (unsigned i = names->len; i > 0; i--) {
		const FileName *name = names_at(names, i - 1);
		bool above = name->zxid > zxid;
		if (!above && self->snapshot < 0 && snap_codec_probe(self->files, name->path, name->codec, NULL) > 0)
			self->snapshot = name->zxid;
		add_step(self, above ? STEP_DELETE : STEP_KEEP, g_path_get_basename(name->path), 0);
	}
	if (!self->changes || self->snapshot >= 0)
		return true;
	g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
		    "%s: no snapshot at or below zxid 0x%" G_GINT64_MODIFIER "x, so the history cannot be taken back to it",
		    self->directories->snapshots, (guint64)zxid);
	return false;
}

/* Where the first record above @zxid begins; -1: there is none, -2: @error. */
static int64_t
find_cut(const Truncation *self, const FileName *name, int64_t max_record_bytes, int64_t zxid, GError **error)
{
	const uint8_t *txn;
	size_t length;
	int64_t found;
	LogRead read;

	g_autoptr(LogReader) reader = log_reader_open(self->files, name->path, max_record_bytes, error);
	if (reader == NULL)
		return -2;
	while ((read = log_reader_next(reader, &found, &txn, &length, error)) == LOG_RECORD) {
		if (found > zxid)
			return log_reader_offset(reader);
	}
	return read == LOG_BAD ? -2 : -1;
}

static bool
plan_log(Truncation *self, const FileName *name, int64_t max_record_bytes, int64_t zxid, GError **error)
{
	int64_t cut = name->zxid > zxid ? LOG_HEADER_BYTES : find_cut(self, name, max_record_bytes, zxid, error);

	if (cut == -2)
		return false;
	StepKind kind = cut < 0 ? STEP_KEEP : cut == LOG_HEADER_BYTES ? STEP_DELETE : STEP_CUT;
	add_step(self, kind, g_path_get_basename(name->path), kind == STEP_CUT ? cut : 0);
	return true;
}

/* Logs that no recovery from the snapshot reads are left as they are. */
static bool
plan_logs(Truncation *self, int64_t max_record_bytes, int64_t zxid, GError **error)
{
	unsigned first = 0;

	g_autoptr(FileNames) names = names_list_logs(self->files, self->directories->logs, error);
	if (names == NULL)
		return false;
	for (unsigned i = 0; i < names->len; i++) {
		if (names_at(names, i)->zxid <= self->snapshot + 1)
			first = i;
	}
	for (unsigned i = 0; i < names->len; i++) {
		if (i < first)
			add_step(self, STEP_KEEP, g_path_get_basename(names_at(names, i)->path), 0);
		else if (!plan_log(self, names_at(names, i), max_record_bytes, zxid, error))
			return false;
	}
	return true;
}

Truncation *
truncation_plan(const PdkFiles *files, const Directories *directories, int64_t max_record_bytes, int64_t zxid, GError **error)
{
	g_autoptr(Truncation) self = truncation_new(files, directories);

	if (!plan_snapshots(self, zxid, error) || !plan_logs(self, max_record_bytes, zxid, error))
		return NULL;
	return g_steal_pointer(&self);
}

static char *
list_path(const Truncation *self)
{
	return g_build_filename(self->directories->logs, LOGSNAP_TRUNCATION, NULL);
}

static bool
write_list(const Truncation *self, GError **error)
{
	const PdkFiles *files = self->files;
	g_autofree char *path = list_path(self);
	g_autofree char *fresh = g_strconcat(path, ".tmp", NULL);
	g_autoptr(GString) text = g_string_new(TITLE "\n");

	for (unsigned i = 0; i < self->steps->len; i++) {
		const Step *step = &g_array_index(self->steps, Step, i);
		g_string_append_printf(text, "%s %s %" G_GINT64_FORMAT "\n", words[step->kind], step->name, step->offset);
	}
	PdkFile *file = files->open(files, fresh, PDK_OPEN_WRITE | PDK_OPEN_CREATE | PDK_OPEN_TRUNCATE, error);
	if (file == NULL)
		return false;
	bool durable = files->pwrite(files, file, text->str, text->len, 0, error) && files->datasync(files, file, error);
	files->close(files, file);
	return durable && files->rename(files, fresh, path, error) &&
	       files->sync_directory(files, self->directories->logs, error);
}

static bool
cut_file(const PdkFiles *files, const char *path, int64_t offset, GError **error)
{
	PdkFile *file = files->open(files, path, PDK_OPEN_WRITE, error);

	if (file == NULL)
		return false;
	int64_t length = files->length(files, file, error);
	bool done = length >= 0 && (length <= offset || files->truncate(files, file, offset, error)) &&
		    files->datasync(files, file, error);
	files->close(files, file);
	return done;
}

static bool
do_step(const Truncation *self, const Step *step, GError **error)
{
	const PdkFiles *files = self->files;
	int64_t zxid;
	const char *directory = names_is_log(step->name, &zxid) ? self->directories->logs : self->directories->snapshots;
	g_autofree char *path = g_build_filename(directory, step->name, NULL);

	if (step->kind == STEP_KEEP)
		return true;
	int there = files->probe(files, path, NULL, error);
	if (there <= 0)
		return there == 0;
	return step->kind == STEP_CUT ? cut_file(files, path, step->offset, error) : files->unlink(files, path, error);
}

static bool
sync_both(const Truncation *self, GError **error)
{
	const Directories *directories = self->directories;

	return self->files->sync_directory(self->files, directories->logs, error) &&
	       (directories->same || self->files->sync_directory(self->files, directories->snapshots, error));
}

/* Does the steps and, when they are durable, forgets the list. */
static bool
carry_out(const Truncation *self, GError **error)
{
	g_autofree char *path = list_path(self);

	for (unsigned i = 0; i < self->steps->len; i++) {
		if (!do_step(self, &g_array_index(self->steps, Step, i), error))
			return false;
	}
	return sync_both(self, error) && self->files->unlink(self->files, path, error) &&
	       self->files->sync_directory(self->files, self->directories->logs, error);
}

bool
truncation_run(Truncation *self, GError **error)
{
	return !self->changes || (write_list(self, error) && carry_out(self, error));
}

/* One line of the list: kind, name, offset. */
static bool
parse_line(Truncation *self, const char *line)
{
	g_auto(GStrv) parts = g_strsplit(line, " ", 4);
	int64_t zxid, offset;
	SnapCodec codec;

	if (g_strv_length(parts) != 3 || !g_ascii_string_to_signed(parts[2], 10, 0, INT64_MAX, &offset, NULL))
		return false;
	if (!names_is_log(parts[1], &zxid) && !names_is_snapshot(parts[1], &zxid, &codec))
		return false;
	for (unsigned kind = 0; kind < G_N_ELEMENTS(words); kind++) {
		if (strcmp(parts[0], words[kind]) != 0)
			continue;
		add_step(self, (StepKind)kind, g_strdup(parts[1]), offset);
		return true;
	}
	return false;
}

static bool
parse_list(Truncation *self, const char *path, const char *text, GError **error)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	unsigned n = g_strv_length(lines);
	bool good = n >= 2 && strcmp(lines[0], TITLE) == 0 && *lines[n - 1] == '\0';

	for (unsigned i = 1; good && i + 1 < n; i++)
		good = parse_line(self, lines[i]);
	if (!good)
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
			    "%s: a truncation was under way when the server died, and what it had to do cannot be read; restore the logs "
			    "from a copy or from another server, and remove this file", path);
	return good;
}

/* The text of the list; *there false: there is none. */
static char *
read_list(const PdkFiles *files, const char *path, bool *there, GError **error)
{
	int64_t length = 0;
	int found = files->probe(files, path, &length, error);

	*there = found != 0;
	if (found <= 0)
		return NULL;
	PdkFile *file = files->open(files, path, PDK_OPEN_READ, error);
	if (file == NULL)
		return NULL;
	g_autofree char *text = g_malloc0((size_t)MIN(length, MAX_LIST_BYTES) + 1);
	int64_t got = files->pread(files, file, text, (size_t)MIN(length, MAX_LIST_BYTES), 0, error);
	files->close(files, file);
	return got < 0 ? NULL : g_steal_pointer(&text);
}

static bool
all_named(const Truncation *self, const FileNames *names)
{
	g_autoptr(GHashTable) named = g_hash_table_new(g_str_hash, g_str_equal);

	for (unsigned i = 0; i < self->steps->len; i++)
		g_hash_table_add(named, g_array_index(self->steps, Step, i).name);
	for (unsigned i = 0; i < names->len; i++) {
		g_autofree char *name = g_path_get_basename(names_at(names, i)->path);
		if (!g_hash_table_contains(named, name))
			return false;
	}
	return true;
}

/* Is everything there that lies around now named in the list? *current tells. */
static bool
check_current(const Truncation *self, bool *current, GError **error)
{
	g_autoptr(FileNames) snapshots = names_list_snapshots(self->files, self->directories->snapshots, error);
	if (snapshots == NULL)
		return false;
	g_autoptr(FileNames) logs = names_list_logs(self->files, self->directories->logs, error);
	if (logs == NULL)
		return false;
	*current = all_named(self, snapshots) && all_named(self, logs);
	return true;
}

bool
truncation_resume(const PdkHost *host, const Directories *directories, GError **error)
{
	g_autoptr(Truncation) self = truncation_new(host->files, directories);
	g_autofree char *path = list_path(self);
	bool there, current;

	g_autofree char *text = read_list(host->files, path, &there, error);
	if (!there)
		return true;
	if (text == NULL || !parse_list(self, path, text, error) || !check_current(self, &current, error))
		return false;
	if (!current)
		g_array_set_size(self->steps, 0);
	host->log(host, PDK_LOG_WARNING, "truncation-%s file=%s", current ? "resumed" : "dropped: another server has written since",
		  path);
	return carry_out(self, error);
}

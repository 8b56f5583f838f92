/* SPDX-License-Identifier: Apache-2.0 */
/* The two directories: where they are, whose they are, what may lie in them. */
#include "directories.h"

#include "names.h"

#include <string.h>

#define VERSION_NAME "version-2"
#define LOCK_NAME LOGSNAP_PRIVATE "lock"

/*
 * Makes @path with its parents; what was made is durable, for all that is acknowledged later will lie in it.
 */
static bool
make_durably(const PdkFiles *files, const char *path, GError **error)
{
	g_autofree char *parent = g_path_get_dirname(path);
	int there = files->probe(files, path, NULL, error);

	if (there != 0)
		return there > 0;
	if (strcmp(parent, path) != 0 && !make_durably(files, parent, error))
		return false;
	return files->make_directories(files, path, error) && files->sync_directory(files, parent, error);
}

static bool
find_or_make(const PdkFiles *files, const char *path, bool autocreate, GError **error)
{
	int there = files->probe(files, path, NULL, error);

	if (there != 0)
		return there > 0;
	if (autocreate)
		return make_durably(files, path, error);
	g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
		    "data directory %s is missing and datadir_autocreate is off: create it, or correct the setting", path);
	return false;
}

static PdkFile *
take_lock(const PdkFiles *files, const char *directory, GError **error)
{
	g_autofree char *path = g_build_filename(directory, LOCK_NAME, NULL);
	g_autoptr(GError) cause = NULL;
	PdkFile *lock = files->lock(files, path, &cause);

	if (lock)
		return lock;
	if (g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_AGAIN))
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_AGAIN,
			    "data directory %s is in use by another Paddock server", directory);
	else
		g_propagate_prefixed_error(error, g_steal_pointer(&cause), "data directory %s: ", directory);
	return NULL;
}

/* Removes what an earlier life left half done. */
static bool
remove_leftovers(const PdkFiles *files, const char *directory, GError **error)
{
	g_auto(GStrv) names = files->list(files, directory, error);

	if (names == NULL)
		return false;
	for (char **name = names; *name; name++) {
		g_autofree char *path = g_build_filename(directory, *name, NULL);
		if (!g_str_has_prefix(*name, LOGSNAP_PRIVATE) || strcmp(*name, LOCK_NAME) == 0 ||
		    strcmp(*name, LOGSNAP_TRUNCATION) == 0)
			continue;
		if (!files->unlink(files, path, error))
			return false;
	}
	return true;
}

/* Two directories: each keeps to its own kind, or a setting was mixed up. */
static bool
check_content(const Directories *self, const PdkFiles *files, GError **error)
{
	if (self->same)
		return true;
	g_autoptr(FileNames) logs = names_list_logs(files, self->snapshots, error);
	if (logs == NULL)
		return false;
	g_autoptr(FileNames) snapshots = names_list_snapshots(files, self->logs, error);
	if (snapshots == NULL)
		return false;
	if (logs->len == 0 && snapshots->len == 0)
		return true;
	const FileName *found = logs->len > 0 ? names_at(logs, 0) : names_at(snapshots, 0);
	g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
		    "%s: a %s in the directory of %s: the log directory is set to %s; correct the setting, or move the file there",
		    found->path, logs->len > 0 ? "log" : "snapshot", logs->len > 0 ? "snapshots" : "logs", self->logs);
	return false;
}

static bool
open_both(Directories *self, const PdkFiles *files, bool autocreate, GError **error)
{
	if (!find_or_make(files, self->snapshots, autocreate, error))
		return false;
	self->lock = take_lock(files, self->snapshots, error);
	if (self->lock == NULL || !remove_leftovers(files, self->snapshots, error))
		return false;
	if (self->same)
		return true;
	if (!find_or_make(files, self->logs, autocreate, error))
		return false;
	self->log_lock = take_lock(files, self->logs, error);
	return self->log_lock && remove_leftovers(files, self->logs, error) && check_content(self, files, error);
}

bool
directories_open(Directories *self, const PdkFiles *files, const char *data_dir, const char *log_dir, bool autocreate, GError **error)
{
	*self = (Directories){
		.snapshots = g_build_filename(data_dir, VERSION_NAME, NULL),
		.logs = g_build_filename(log_dir, VERSION_NAME, NULL),
		.marker = g_build_filename(log_dir, "initialize", NULL),
	};
	self->same = strcmp(self->snapshots, self->logs) == 0;
	if (open_both(self, files, autocreate, error))
		return true;
	directories_close(self, files);
	return false;
}

void
directories_close(Directories *self, const PdkFiles *files)
{
	if (self->lock)
		files->close(files, self->lock);
	if (self->log_lock)
		files->close(files, self->log_lock);
	g_free(self->snapshots);
	g_free(self->logs);
	g_free(self->marker);
	*self = (Directories){0};
}

int64_t
directories_measure(const PdkFiles *files, const char *directory)
{
	g_auto(GStrv) names = files->list(files, directory, NULL);
	int64_t sum = 0;

	if (names == NULL)
		return -1;
	for (char **name = names; *name; name++) {
		g_autofree char *path = g_build_filename(directory, *name, NULL);
		int64_t length = 0;
		if (files->probe(files, path, &length, NULL) > 0)
			sum += length;
	}
	return sum;
}

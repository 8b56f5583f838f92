/* SPDX-License-Identifier: Apache-2.0 */
/* Which old files go; changes when that rule does. */
#include "purge.h"

#include "names.h"
#include "snap_codec.h"

/* The oldest of the newest @retain valid snapshots; -1: there is none, nothing may go. */
static int64_t
oldest_kept(const PdkFiles *files, const FileNames *snapshots, unsigned retain)
{
	int64_t oldest = -1;
	unsigned valid = 0;

	for (unsigned i = snapshots->len; i > 0 && valid < retain; i--) {
		const FileName *name = names_at(snapshots, i - 1);
		if (snap_codec_probe(files, name->path, name->codec, NULL) <= 0)
			continue;
		oldest = name->zxid;
		valid++;
	}
	return oldest;
}

/* Deletes what lies below @keep_from. */
static unsigned
delete_below(const PdkFiles *files, const FileNames *names, int64_t keep_from, GError **error)
{
	unsigned gone = 0;

	for (unsigned i = 0; i < names->len && names_at(names, i)->zxid < keep_from; i++) {
		g_autoptr(GError) cause = NULL;
		if (files->unlink(files, names_at(names, i)->path, &cause))
			gone++;
		else if (error && *error == NULL)
			g_propagate_error(error, g_steal_pointer(&cause));
	}
	return gone;
}

unsigned
purge_run(const PdkFiles *files, const Directories *directories, unsigned retain, GError **error)
{
	g_autoptr(FileNames) snapshots = names_list_snapshots(files, directories->snapshots, error);
	if (snapshots == NULL)
		return 0;
	g_autoptr(FileNames) logs = names_list_logs(files, directories->logs, error);
	if (logs == NULL)
		return 0;
	int64_t oldest = oldest_kept(files, snapshots, retain);
	if (oldest < 0)
		return 0;
	int64_t first_log = 0;
	for (unsigned i = 0; i < logs->len; i++) {
		if (names_at(logs, i)->zxid <= oldest)
			first_log = names_at(logs, i)->zxid;
	}
	/* Snapshots first: one whose logs are gone would be of no use. */
	unsigned gone = delete_below(files, snapshots, oldest, error);
	return gone + delete_below(files, logs, first_log, error);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Which names in version-2 are logs and snapshots; changes when the naming does. */
#include "names.h"

#include <string.h>

static const char *const suffixes[] = {[SNAP_PLAIN] = "", [SNAP_GZ] = ".gz", [SNAP_SNAPPY] = ".snappy"};

/* Reads the hex number at *@text, moves *@text behind it. At most 16 digits, not above 2^63-1. */
static bool
parse_zxid(const char **text, int64_t *zxid)
{
	uint64_t value = 0;
	unsigned digits = 0;

	for (; g_ascii_isxdigit((*text)[digits]); digits++) {
		if (digits == 16)
			return false;
		value = value << 4 | (unsigned)g_ascii_xdigit_value((*text)[digits]);
	}
	if (digits == 0 || value > INT64_MAX)
		return false;
	*text += digits;
	*zxid = (int64_t)value;
	return true;
}

bool
names_is_log(const char *name, int64_t *zxid)
{
	if (!g_str_has_prefix(name, "log."))
		return false;
	name += strlen("log.");
	return parse_zxid(&name, zxid) && *name == '\0';
}

bool
names_is_snapshot(const char *name, int64_t *zxid, SnapCodec *codec)
{
	if (!g_str_has_prefix(name, "snapshot."))
		return false;
	name += strlen("snapshot.");
	if (!parse_zxid(&name, zxid))
		return false;
	for (unsigned i = 0; i < G_N_ELEMENTS(suffixes); i++) {
		if (strcmp(name, suffixes[i]) == 0) {
			*codec = (SnapCodec)i;
			return true;
		}
	}
	return false;
}

char *
names_log_path(const char *directory, int64_t zxid)
{
	return g_strdup_printf("%s/log.%" G_GINT64_MODIFIER "x", directory, (guint64)zxid);
}

char *
names_snapshot_path(const char *directory, int64_t zxid, SnapCodec codec)
{
	return g_strdup_printf("%s/snapshot.%" G_GINT64_MODIFIER "x%s", directory, (guint64)zxid, suffixes[codec]);
}

static void
clear_name(void *name)
{
	g_free(((FileName *)name)->path);
}

/* By zxid; the same zxid twice (plain and compressed) in the order of the codecs. */
static int
compare(const void *a, const void *b)
{
	const FileName *x = a, *y = b;

	if (x->zxid != y->zxid)
		return x->zxid < y->zxid ? -1 : 1;
	return (int)x->codec - (int)y->codec;
}

static FileNames *
list(const PdkFiles *files, const char *directory, bool snapshots, GError **error)
{
	g_auto(GStrv) all = files->list(files, directory, error);
	if (all == NULL)
		return NULL;
	FileNames *names = g_array_new(FALSE, TRUE, sizeof(FileName));
	g_array_set_clear_func(names, clear_name);
	for (char **name = all; *name; name++) {
		FileName found = {0};
		if (!(snapshots ? names_is_snapshot(*name, &found.zxid, &found.codec) : names_is_log(*name, &found.zxid)))
			continue;
		found.path = g_strdup_printf("%s/%s", directory, *name);
		g_array_append_val(names, found);
	}
	g_array_sort(names, compare);
	return names;
}

FileNames *
names_list_logs(const PdkFiles *files, const char *directory, GError **error)
{
	return list(files, directory, false, error);
}

FileNames *
names_list_snapshots(const PdkFiles *files, const char *directory, GError **error)
{
	return list(files, directory, true, error);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* How small records lie on the disk; changes when that does. */
#include "records.h"

bool
records_is_key(const char *name)
{
	if (*name == '\0')
		return false;
	for (; *name; name++) {
		if (!g_ascii_isalnum(*name))
			return false;
	}
	return true;
}

static GBytes *
read_record(const PdkHost *host, const char *path, GError **error)
{
	const PdkFiles *files = host->files;
	int64_t length = 0;

	PdkFile *file = files->open(files, path, PDK_OPEN_READ, error);
	if (file == NULL)
		return NULL;
	g_autofree uint8_t *bytes = g_malloc(RECORD_MAX_BYTES);
	int64_t got = files->pread(files, file, bytes, RECORD_MAX_BYTES, 0, error);
	files->close(files, file);
	if (got < 0)
		return NULL;
	if (got == RECORD_MAX_BYTES && files->probe(files, path, &length, NULL) > 0 && length > got)
		host->log(host, PDK_LOG_WARNING, "record-too-large file=%s bytes=%" G_GINT64_FORMAT " allowed=%d", path, length,
			  RECORD_MAX_BYTES);
	return g_bytes_new(bytes, (size_t)got);
}

GHashTable *
records_load(const PdkHost *host, const char *directory, GError **error)
{
	g_auto(GStrv) names = host->files->list(host->files, directory, error);

	if (names == NULL)
		return NULL;
	g_autoptr(GHashTable) records = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_bytes_unref);
	for (char **name = names; *name; name++) {
		g_autofree char *path = g_build_filename(directory, *name, NULL);
		if (!records_is_key(*name))
			continue;
		GBytes *value = read_record(host, path, error);
		if (value == NULL)
			return NULL;
		g_hash_table_insert(records, g_strdup(*name), value);
	}
	return g_steal_pointer(&records);
}

bool
records_write(const PdkFiles *files, const char *directory, const char *key, GBytes *value, GError **error)
{
	g_autofree char *path = g_build_filename(directory, key, NULL);
	g_autofree char *fresh = g_strconcat(path, ".tmp", NULL);
	size_t length;
	const void *bytes = g_bytes_get_data(value, &length);

	PdkFile *file = files->open(files, fresh, PDK_OPEN_WRITE | PDK_OPEN_CREATE | PDK_OPEN_TRUNCATE, error);
	if (file == NULL)
		return false;
	bool durable = (length == 0 || files->pwrite(files, file, bytes, length, 0, error)) && files->datasync(files, file, error);
	files->close(files, file);
	return durable && files->rename(files, fresh, path, error) && files->sync_directory(files, directory, error);
}

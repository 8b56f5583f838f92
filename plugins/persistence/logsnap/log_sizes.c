/* SPDX-License-Identifier: Apache-2.0 */
/* How many bytes of records each log holds; changes when that bookkeeping does. */
#include "log_sizes.h"

#include "names.h"

typedef struct {
	int64_t zxid, bytes;
	bool exact;
} LogSize;

struct LogSizes {
	LogSizeList *logs; /* LogSize, by rising zxid */
	bool listed;
};

LogSizes *
log_sizes_new(void)
{
	LogSizes *self = g_new0(LogSizes, 1);

	self->logs = g_array_new(FALSE, FALSE, sizeof(LogSize));
	return self;
}

void
log_sizes_free(LogSizes *self)
{
	g_array_unref(self->logs);
	g_free(self);
}

void
log_sizes_clear(LogSizes *self)
{
	g_array_set_size(self->logs, 0);
	self->listed = false;
}

/* The index of the first log that begins at @zxid or above. */
static unsigned
find(const LogSizes *self, int64_t zxid)
{
	unsigned at = self->logs->len;

	while (at > 0 && g_array_index(self->logs, LogSize, at - 1).zxid >= zxid)
		at--;
	return at;
}

void
log_sizes_note(LogSizes *self, int64_t zxid, int64_t bytes)
{
	LogSize size = {.zxid = zxid, .bytes = bytes, .exact = true};
	unsigned at = find(self, zxid);

	if (at < self->logs->len && g_array_index(self->logs, LogSize, at).zxid == zxid)
		g_array_index(self->logs, LogSize, at) = size;
	else
		g_array_insert_val(self->logs, at, size);
}

LogSizeList *
log_sizes_list(const PdkFiles *files, const char *directory)
{
	g_autoptr(FileNames) names = names_list_logs(files, directory, NULL);

	if (names == NULL)
		return NULL;
	LogSizeList *list = g_array_new(FALSE, FALSE, sizeof(LogSize));
	for (unsigned i = 0; i < names->len; i++) {
		LogSize size = {.zxid = names_at(names, i)->zxid};
		if (files->probe(files, names_at(names, i)->path, &size.bytes, NULL) > 0)
			g_array_append_val(list, size);
	}
	return list;
}

void
log_sizes_take(LogSizes *self, LogSizeList *list)
{
	if (list == NULL)
		return;
	for (unsigned i = 0; i < list->len; i++) {
		LogSize *size = &g_array_index(list, LogSize, i);
		unsigned at = find(self, size->zxid);
		if (at == self->logs->len)
			continue;
		const LogSize *known = &g_array_index(self->logs, LogSize, at);
		if (known->zxid == size->zxid && known->exact)
			*size = *known;
	}
	g_array_unref(self->logs);
	self->logs = list;
	self->listed = true;
}

int64_t
log_sizes_from(const LogSizes *self, int64_t zxid)
{
	int64_t sum = 0;

	if (!self->listed)
		return -1;
	for (unsigned i = self->logs->len; i > 0; i--) {
		const LogSize *size = &g_array_index(self->logs, LogSize, i - 1);
		sum += size->bytes;
		if (size->zxid <= zxid)
			break;
	}
	return sum;
}

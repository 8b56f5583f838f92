/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file table in memory that behaves like the worst disk that keeps its promises; changes when that disk
 * does.
 */
#include "forgetful_private.h"

#include <errno.h>
#include <string.h>

struct PdkFile {
	Node *node;
	char *locked; /* the path, when it is a lock */
	bool writable;
	uint64_t life;
};

static ForgetfulFiles *
of(const PdkFiles *table)
{
	return (ForgetfulFiles *)table;
}

static bool
fail(GError **error, const char *what, const char *path, int errnum)
{
	g_set_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(errnum), "%s %s: %s", what, path, g_strerror(errnum));
	return false;
}

/* Every operation passes here: counts it, lets a crash fall or a fault happen. */
static bool
pass(ForgetfulFiles *self, ForgetfulKind kind, const char *path, GError **error)
{
	Fault *fault = &self->faults[kind];

	if (!self->crashed && kind != FORGETFUL_PREAD && ++self->operations == self->crash_at)
		self->crashed = true;
	if (self->crashed)
		return fail(error, "crashed", path, EIO);
	if (fault->after == 0 || --fault->after > 0)
		return true;
	if (fault->forever)
		fault->after = 1;
	return fail(error, "cannot use", path, fault->errnum);
}

static bool
alive(ForgetfulFiles *self, PdkFile *file)
{
	return !self->crashed && file->life == self->life;
}

int64_t
forgetful_files_used(const ForgetfulFiles *self)
{
	GHashTableIter directories, names;
	Directory *directory;
	Node *node;
	int64_t sum = 0;

	g_hash_table_iter_init(&directories, self->directories);
	while (g_hash_table_iter_next(&directories, NULL, (void **)&directory)) {
		g_hash_table_iter_init(&names, directory->now);
		while (g_hash_table_iter_next(&names, NULL, (void **)&node))
			sum += (int64_t)node->now.length;
	}
	return sum;
}

static Directory *
find_directory(ForgetfulFiles *self, const char *path, char **name)
{
	g_autofree char *parent = g_path_get_dirname(path);

	*name = g_path_get_basename(path);
	return g_hash_table_lookup(self->directories, parent);
}

static Node *
find_node(ForgetfulFiles *self, const char *path)
{
	g_autofree char *name = NULL;
	Directory *directory = find_directory(self, path, &name);
	return directory ? g_hash_table_lookup(directory->now, name) : NULL;
}

static PdkFile *
new_file(ForgetfulFiles *self, Node *node, bool writable)
{
	PdkFile *file = g_new0(PdkFile, 1);
	file->node = forgetful_node_ref(node);
	file->writable = writable;
	file->life = self->life;
	return file;
}

static PdkFile *
files_open(const PdkFiles *table, const char *path, unsigned flags, GError **error)
{
	ForgetfulFiles *self = of(table);
	g_autofree char *name = NULL;
	Directory *directory = find_directory(self, path, &name);
	Node *node = directory ? g_hash_table_lookup(directory->now, name) : NULL;

	if (self->crashed || directory == NULL || (node == NULL && !(flags & PDK_OPEN_CREATE))) {
		fail(error, "cannot open", path, self->crashed ? EIO : ENOENT);
		return NULL;
	}
	if (node && (flags & PDK_OPEN_EXCLUSIVE)) {
		fail(error, "cannot open", path, EEXIST);
		return NULL;
	}
	if ((node == NULL || (flags & PDK_OPEN_TRUNCATE)) && !pass(self, FORGETFUL_OPEN, path, error))
		return NULL;
	if (node == NULL) {
		g_autofree char *same = g_strdup(name);
		node = forgetful_node_new();
		forgetful_change_directory(directory, same, node, NULL, NULL);
		forgetful_node_unref(node);
	} else if (flags & PDK_OPEN_TRUNCATE) {
		forgetful_node_resize(node, 0);
	}
	return new_file(self, node, flags & PDK_OPEN_WRITE);
}

static void
files_close(const PdkFiles *table, PdkFile *file)
{
	if (file->locked && file->life == of(table)->life)
		g_hash_table_remove(of(table)->locks, file->locked);
	g_free(file->locked);
	forgetful_node_unref(file->node);
	g_free(file);
}

static int64_t
files_pread(const PdkFiles *table, PdkFile *file, void *into, size_t length, int64_t offset, GError **error)
{
	const Image *now = &file->node->now;

	if (!alive(of(table), file) || !pass(of(table), FORGETFUL_PREAD, "file", error)) {
		if (error && *error == NULL)
			fail(error, "cannot read", "file", EIO);
		return -1;
	}
	if ((size_t)offset >= now->length)
		return 0;
	size_t got = MIN(length, now->length - (size_t)offset);
	forgetful_image_read(now, into, got, (size_t)offset);
	return (int64_t)got;
}

/* Is there room for @file to be @length bytes long? */
static bool
has_room(ForgetfulFiles *self, PdkFile *file, int64_t length)
{
	int64_t more = length - (int64_t)file->node->now.length;
	return self->capacity < 0 || more <= 0 || forgetful_files_used(self) + more <= self->capacity;
}

static bool
files_pwrite(const PdkFiles *table, PdkFile *file, const void *from, size_t length, int64_t offset, GError **error)
{
	ForgetfulFiles *self = of(table);
	size_t end = (size_t)offset + length;

	bool go = pass(self, FORGETFUL_PWRITE, "file", error);
	if (file->life != self->life)
		return fail(error, "cannot write", "file", EIO);
	if (!go && !self->crashed)
		return false;
	if (!file->writable || !has_room(self, file, (int64_t)end))
		return go ? fail(error, "cannot write", "file", file->writable ? ENOSPC : EBADF) : false;
	if (end > file->node->now.length)
		forgetful_node_resize(file->node, end);
	forgetful_image_reach(&file->node->now, end);
	/* Also what was being written at the crash may have arrived. */
	memcpy(file->node->now.bytes->data + offset, from, length);
	forgetful_node_dirty(file->node, (size_t)offset, end);
	return go;
}

static bool
files_datasync(const PdkFiles *table, PdkFile *file, GError **error)
{
	if (!pass(of(table), FORGETFUL_DATASYNC, "file", error))
		return false;
	if (!alive(of(table), file))
		return fail(error, "cannot sync", "file", EIO);
	forgetful_node_sync(file->node);
	return true;
}

static bool
files_sync_directory(const PdkFiles *table, const char *path, GError **error)
{
	Directory *directory = g_hash_table_lookup(of(table)->directories, path);

	if (!pass(of(table), FORGETFUL_SYNC_DIRECTORY, path, error))
		return false;
	if (directory == NULL)
		return fail(error, "cannot sync", path, ENOENT);
	forgetful_apply_changes(directory->durable, directory->changes, directory->changes->len);
	g_ptr_array_set_size(directory->changes, 0);
	/* Directories made in it. */
	GHashTableIter iter;
	const char *name;
	Directory *child;
	g_hash_table_iter_init(&iter, of(table)->directories);
	while (g_hash_table_iter_next(&iter, (void **)&name, (void **)&child)) {
		g_autofree char *parent = g_path_get_dirname(name);
		if (strcmp(parent, path) == 0)
			child->made_durable = true;
	}
	return true;
}

static bool
files_write_back(const PdkFiles *table, PdkFile *file, int64_t offset G_GNUC_UNUSED, int64_t length G_GNUC_UNUSED,
		 bool wait G_GNUC_UNUSED, GError **error)
{
	return pass(of(table), FORGETFUL_WRITE_BACK, "file", error) &&
	       (alive(of(table), file) || fail(error, "cannot write back", "file", EIO));
}

static int64_t
files_length(const PdkFiles *table, PdkFile *file, GError **error)
{
	if (alive(of(table), file))
		return (int64_t)file->node->now.length;
	fail(error, "cannot look at", "file", EIO);
	return -1;
}

static bool
files_truncate(const PdkFiles *table, PdkFile *file, int64_t length, GError **error)
{
	if (!pass(of(table), FORGETFUL_TRUNCATE, "file", error))
		return false;
	if (!alive(of(table), file) || !file->writable)
		return fail(error, "cannot truncate", "file", EBADF);
	forgetful_node_resize(file->node, (size_t)length);
	return true;
}

static bool
files_allocate(const PdkFiles *table, PdkFile *file, int64_t length, GError **error)
{
	if (!pass(of(table), FORGETFUL_ALLOCATE, "file", error))
		return false;
	if (!alive(of(table), file) || !file->writable)
		return fail(error, "cannot allocate", "file", EBADF);
	if (!has_room(of(table), file, length))
		return fail(error, "cannot allocate", "file", ENOSPC);
	if (length > (int64_t)file->node->now.length)
		forgetful_node_resize(file->node, (size_t)length);
	return true;
}

static bool
files_rename(const PdkFiles *table, const char *from, const char *to, GError **error)
{
	g_autofree char *from_name = NULL, *to_name = NULL;
	Directory *directory = find_directory(of(table), from, &from_name);
	Directory *target = find_directory(of(table), to, &to_name);
	Node *node = directory ? g_hash_table_lookup(directory->now, from_name) : NULL;

	if (!pass(of(table), FORGETFUL_RENAME, from, error))
		return false;
	if (node == NULL || target != directory)
		return fail(error, "cannot rename", from, node ? EXDEV : ENOENT);
	forgetful_node_ref(node);
	forgetful_change_directory(directory, to_name, node, from_name, NULL);
	forgetful_node_unref(node);
	return true;
}

static bool
files_unlink(const PdkFiles *table, const char *path, GError **error)
{
	g_autofree char *name = NULL;
	Directory *directory = find_directory(of(table), path, &name);

	if (!pass(of(table), FORGETFUL_UNLINK, path, error))
		return false;
	if (directory == NULL || !g_hash_table_contains(directory->now, name))
		return fail(error, "cannot unlink", path, ENOENT);
	forgetful_change_directory(directory, name, NULL, NULL, NULL);
	return true;
}

static void
make_all(ForgetfulFiles *self, const char *path, bool durable)
{
	if (g_hash_table_contains(self->directories, path))
		return;
	g_autofree char *parent = g_path_get_dirname(path);
	make_all(self, parent, durable);
	Directory *directory = forgetful_directory_new();
	directory->made_durable = durable;
	g_hash_table_insert(self->directories, g_strdup(path), directory);
}

static bool
files_make_directories(const PdkFiles *table, const char *path, GError **error)
{
	if (!pass(of(table), FORGETFUL_MAKE_DIRECTORIES, path, error))
		return false;
	if (find_node(of(table), path))
		return fail(error, "cannot make", path, ENOTDIR);
	make_all(of(table), path, false);
	return true;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char **
files_list(const PdkFiles *table, const char *path, GError **error)
{
	Directory *directory = g_hash_table_lookup(of(table)->directories, path);
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	GHashTableIter iter;
	char *name;

	if (directory == NULL || of(table)->crashed) {
		fail(error, "cannot list", path, of(table)->crashed ? EIO : ENOENT);
		return NULL;
	}
	g_hash_table_iter_init(&iter, directory->now);
	while (g_hash_table_iter_next(&iter, (void **)&name, NULL))
		g_ptr_array_add(names, g_strdup(name));
	g_ptr_array_sort(names, by_name);
	g_ptr_array_add(names, NULL);
	return (char **)g_ptr_array_steal(names, NULL);
}

static int
files_probe(const PdkFiles *table, const char *path, int64_t *length, GError **error)
{
	Node *node = find_node(of(table), path);

	if (of(table)->crashed) {
		fail(error, "cannot look at", path, EIO);
		return -1;
	}
	if (length)
		*length = node ? (int64_t)node->now.length : 0;
	return node || g_hash_table_contains(of(table)->directories, path);
}

static PdkFile *
files_lock(const PdkFiles *table, const char *path, GError **error)
{
	if (g_hash_table_contains(of(table)->locks, path)) {
		fail(error, "cannot lock", path, EAGAIN);
		return NULL;
	}
	PdkFile *file = files_open(table, path, PDK_OPEN_WRITE | PDK_OPEN_CREATE, error);
	if (file == NULL)
		return NULL;
	file->locked = g_strdup(path);
	g_hash_table_add(of(table)->locks, g_strdup(path));
	return file;
}

ForgetfulFiles *
forgetful_files_new(void)
{
	ForgetfulFiles *self = g_new0(ForgetfulFiles, 1);

	self->table = (PdkFiles){
		.size = sizeof(PdkFiles),
		.open = files_open,
		.close = files_close,
		.pread = files_pread,
		.pwrite = files_pwrite,
		.datasync = files_datasync,
		.sync_directory = files_sync_directory,
		.write_back = files_write_back,
		.length = files_length,
		.truncate = files_truncate,
		.allocate = files_allocate,
		.rename = files_rename,
		.unlink = files_unlink,
		.make_directories = files_make_directories,
		.list = files_list,
		.probe = files_probe,
		.lock = files_lock,
	};
	self->directories = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, forgetful_directory_free);
	self->locks = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	self->capacity = -1;
	Directory *root = forgetful_directory_new();
	root->made_durable = true;
	g_hash_table_insert(self->directories, g_strdup("/"), root);
	return self;
}

void
forgetful_files_free(ForgetfulFiles *self)
{
	g_hash_table_unref(self->directories);
	g_hash_table_unref(self->locks);
	g_free(self);
}

const PdkFiles *
forgetful_files_table(ForgetfulFiles *self)
{
	return &self->table;
}

uint64_t
forgetful_files_operations(const ForgetfulFiles *self)
{
	return self->operations;
}

void
forgetful_files_fail(ForgetfulFiles *self, ForgetfulKind kind, unsigned nth, int errnum, bool forever)
{
	self->faults[kind] = (Fault){.after = nth, .errnum = errnum, .forever = forever};
}

void
forgetful_files_set_capacity(ForgetfulFiles *self, int64_t bytes)
{
	self->capacity = bytes;
}

GBytes *
forgetful_files_get(ForgetfulFiles *self, const char *path)
{
	Node *node = find_node(self, path);
	if (node == NULL)
		return NULL;
	uint8_t *bytes = g_malloc(MAX(node->now.length, 1));
	forgetful_image_read(&node->now, bytes, node->now.length, 0);
	return g_bytes_new_take(bytes, node->now.length);
}

void
forgetful_files_put(ForgetfulFiles *self, const char *path, const void *data, size_t length)
{
	g_autofree char *parent = g_path_get_dirname(path);
	g_autofree char *name = g_path_get_basename(path);

	make_all(self, parent, true);
	Directory *directory = g_hash_table_lookup(self->directories, parent);
	Node *node = forgetful_node_new();
	forgetful_node_resize(node, length);
	g_byte_array_append(node->now.bytes, data, (unsigned)length);
	forgetful_node_sync(node);
	forgetful_set_name(directory->now, name, node);
	forgetful_set_name(directory->durable, name, node);
	forgetful_node_unref(node);
}

void
forgetful_files_remove(ForgetfulFiles *self, const char *path)
{
	g_autofree char *name = NULL;
	Directory *directory = find_directory(self, path, &name);

	forgetful_set_name(directory->now, name, NULL);
	forgetful_set_name(directory->durable, name, NULL);
}

bool
forgetful_files_is_durable(ForgetfulFiles *self, const char *path)
{
	g_autofree char *name = NULL;
	Directory *directory = find_directory(self, path, &name);
	Node *node = directory ? g_hash_table_lookup(directory->now, name) : NULL;

	if (node == NULL || g_hash_table_lookup(directory->durable, name) != node || node->now.length != node->durable.length)
		return false;
	g_autofree uint8_t *now = g_malloc(MAX(node->now.length, 1)), *durable = g_malloc(MAX(node->now.length, 1));
	forgetful_image_read(&node->now, now, node->now.length, 0);
	forgetful_image_read(&node->durable, durable, node->now.length, 0);
	return memcmp(now, durable, node->now.length) == 0;
}

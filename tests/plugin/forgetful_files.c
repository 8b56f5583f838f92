/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file table in memory that behaves like the worst disk that keeps its promises; changes when that disk
 * does.
 */
#include "forgetful_files.h"

#include <errno.h>
#include <string.h>

#define BLOCK 512

/* The content of a file: what stands behind its bytes, up to its length, is zeros; preallocated space costs nothing. */
typedef struct {
	GByteArray *bytes;
	size_t length;
} Image;

/* A file, whatever its names. */
typedef struct {
	gatomicrefcount references;
	Image now, durable;
	size_t dirty_from, dirty_to; /* `now` and `durable` differ at most here, or behind the shorter */
} Node;

/* One change of a directory: @name becomes @node (NULL: goes); a rename is two of them in one. */
typedef struct {
	char *name[2];
	Node *node[2];
} Change;

typedef struct {
	GHashTable *now, *durable; /* name -> Node */
	GPtrArray *changes;        /* Change, since the last sync */
	bool made_durable;
} Directory;

struct PdkFile {
	Node *node;
	char *locked; /* the path, when it is a lock */
	bool writable;
	uint64_t life;
};

typedef struct {
	unsigned after; /* 0: not armed */
	int errnum;
	bool forever;
} Fault;

struct ForgetfulFiles {
	PdkFiles table; /* first: the table's `self` is this struct */
	GHashTable *directories; /* path -> Directory */
	GHashTable *locks;
	Fault faults[FORGETFUL_KINDS];
	uint64_t operations, crash_at, life;
	bool crashed, forgets_all;
	int64_t capacity;
	uint64_t random;
};

static ForgetfulFiles *
of(const PdkFiles *table)
{
	return (ForgetfulFiles *)table;
}

/* splitmix64 */
static uint64_t
draw(ForgetfulFiles *self)
{
	uint64_t z = self->random += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static void
image_set_length(Image *image, size_t length)
{
	if (image->bytes->len > length)
		g_byte_array_set_size(image->bytes, (unsigned)length);
	image->length = length;
}

/* Makes the bytes reach to @end, which lies within the length. */
static void
image_reach(Image *image, size_t end)
{
	size_t old = image->bytes->len;

	if (end <= old)
		return;
	g_byte_array_set_size(image->bytes, (unsigned)end);
	memset(image->bytes->data + old, 0, end - old);
}

/* @length bytes from @offset on, all within the length. */
static void
image_read(const Image *image, void *into, size_t length, size_t offset)
{
	size_t there = image->bytes->len > offset ? MIN(image->bytes->len - offset, length) : 0;

	if (there > 0)
		memcpy(into, image->bytes->data + offset, there);
	memset((uint8_t *)into + there, 0, length - there);
}

/* Makes the bytes of @to from @from_byte to @end, which is within both lengths, what @from has there. */
static void
image_copy(Image *to, const Image *from, size_t from_byte, size_t end)
{
	size_t reach = MIN(end, MAX(from->bytes->len, to->bytes->len));

	if (from_byte >= reach)
		return;
	image_reach(to, reach);
	image_read(from, to->bytes->data + from_byte, reach - from_byte, from_byte);
}

static Node *
node_new(void)
{
	Node *node = g_new0(Node, 1);
	g_atomic_ref_count_init(&node->references);
	node->now.bytes = g_byte_array_new();
	node->durable.bytes = g_byte_array_new();
	return node;
}

static Node *
node_ref(Node *node)
{
	if (node)
		g_atomic_ref_count_inc(&node->references);
	return node;
}

static void
node_unref(void *data)
{
	Node *node = data;

	if (node == NULL || !g_atomic_ref_count_dec(&node->references))
		return;
	g_byte_array_unref(node->now.bytes);
	g_byte_array_unref(node->durable.bytes);
	g_free(node);
}

static void
change_free(void *data)
{
	Change *change = data;

	for (unsigned i = 0; i < 2; i++) {
		g_free(change->name[i]);
		node_unref(change->node[i]);
	}
	g_free(change);
}

static Directory *
directory_new(void)
{
	Directory *directory = g_new0(Directory, 1);
	directory->now = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, node_unref);
	directory->durable = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, node_unref);
	directory->changes = g_ptr_array_new_with_free_func(change_free);
	return directory;
}

static void
directory_free(void *data)
{
	Directory *directory = data;

	g_hash_table_unref(directory->now);
	g_hash_table_unref(directory->durable);
	g_ptr_array_unref(directory->changes);
	g_free(directory);
}

static void
set_name(GHashTable *names, const char *name, Node *node)
{
	if (node)
		g_hash_table_replace(names, g_strdup(name), node_ref(node));
	else
		g_hash_table_remove(names, name);
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

static void
node_dirty(Node *node, size_t from, size_t to)
{
	if (node->dirty_from == node->dirty_to) {
		node->dirty_from = from;
		node->dirty_to = to;
	}
	node->dirty_from = MIN(node->dirty_from, from);
	node->dirty_to = MAX(node->dirty_to, to);
}

/* Makes a node @length bytes long; new bytes are zeros. */
static void
node_resize(Node *node, size_t length)
{
	size_t old = node->now.length;

	image_set_length(&node->now, length);
	node_dirty(node, MIN(old, length), MAX(old, length));
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

static void
change_directory(Directory *directory, const char *name, Node *node, const char *other, Node *other_node)
{
	Change *change = g_new0(Change, 1);

	change->name[0] = g_strdup(name);
	change->node[0] = node_ref(node);
	change->name[1] = g_strdup(other);
	change->node[1] = node_ref(other_node);
	g_ptr_array_add(directory->changes, change);
	set_name(directory->now, name, node);
	if (other)
		set_name(directory->now, other, other_node);
}

static PdkFile *
new_file(ForgetfulFiles *self, Node *node, bool writable)
{
	PdkFile *file = g_new0(PdkFile, 1);
	file->node = node_ref(node);
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
		node = node_new();
		change_directory(directory, same, node, NULL, NULL);
		node_unref(node);
	} else if (flags & PDK_OPEN_TRUNCATE) {
		node_resize(node, 0);
	}
	return new_file(self, node, flags & PDK_OPEN_WRITE);
}

static void
files_close(const PdkFiles *table, PdkFile *file)
{
	if (file->locked && file->life == of(table)->life)
		g_hash_table_remove(of(table)->locks, file->locked);
	g_free(file->locked);
	node_unref(file->node);
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
	image_read(now, into, got, (size_t)offset);
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
		node_resize(file->node, end);
	image_reach(&file->node->now, end);
	/* Also what was being written at the crash may have arrived. */
	memcpy(file->node->now.bytes->data + offset, from, length);
	node_dirty(file->node, (size_t)offset, end);
	return go;
}

static void
node_sync(Node *node)
{
	image_set_length(&node->durable, node->now.length);
	image_copy(&node->durable, &node->now, node->dirty_from, MIN(node->dirty_to, node->now.length));
	node->dirty_from = node->dirty_to = 0;
}

static bool
files_datasync(const PdkFiles *table, PdkFile *file, GError **error)
{
	if (!pass(of(table), FORGETFUL_DATASYNC, "file", error))
		return false;
	if (!alive(of(table), file))
		return fail(error, "cannot sync", "file", EIO);
	node_sync(file->node);
	return true;
}

static void
apply_changes(GHashTable *names, GPtrArray *changes, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		const Change *change = changes->pdata[i];
		for (unsigned k = 0; k < 2 && change->name[k]; k++)
			set_name(names, change->name[k], change->node[k]);
	}
}

static bool
files_sync_directory(const PdkFiles *table, const char *path, GError **error)
{
	Directory *directory = g_hash_table_lookup(of(table)->directories, path);

	if (!pass(of(table), FORGETFUL_SYNC_DIRECTORY, path, error))
		return false;
	if (directory == NULL)
		return fail(error, "cannot sync", path, ENOENT);
	apply_changes(directory->durable, directory->changes, directory->changes->len);
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
	node_resize(file->node, (size_t)length);
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
		node_resize(file->node, (size_t)length);
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
	node_ref(node);
	change_directory(directory, to_name, node, from_name, NULL);
	node_unref(node);
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
	change_directory(directory, name, NULL, NULL, NULL);
	return true;
}

static void
make_all(ForgetfulFiles *self, const char *path, bool durable)
{
	if (g_hash_table_contains(self->directories, path))
		return;
	g_autofree char *parent = g_path_get_dirname(path);
	make_all(self, parent, durable);
	Directory *directory = directory_new();
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
	self->directories = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, directory_free);
	self->locks = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	self->capacity = -1;
	Directory *root = directory_new();
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
forgetful_files_crash_at(ForgetfulFiles *self, uint64_t operation)
{
	self->crash_at = operation;
}

void
forgetful_files_crash(ForgetfulFiles *self)
{
	self->crashed = true;
}

bool
forgetful_files_crashed(const ForgetfulFiles *self)
{
	return self->crashed;
}

/* The length a file has after a crash: the durable one, the latest, or a block boundary between. */
static size_t
surviving_length(ForgetfulFiles *self, const Node *node)
{
	if (self->forgets_all)
		return node->durable.length;
	size_t low = MIN(node->durable.length, node->now.length), high = MAX(node->durable.length, node->now.length);

	switch (draw(self) % 3) {
	case 0:
		return node->durable.length;
	case 1:
		return node->now.length;
	}
	size_t between = (low + draw(self) % (high - low + 1)) / BLOCK * BLOCK;
	return MAX(between, low);
}

/* Makes `now` and `durable` what the disk holds after a crash. */
static void
node_crash(ForgetfulFiles *self, Node *node)
{
	if (node->dirty_from == node->dirty_to)
		return;
	size_t length = surviving_length(self, node);
	size_t written = MAX(node->now.bytes->len, node->durable.bytes->len); /* behind it both have zeros */
	size_t end = MIN(MIN(node->dirty_to, written), length);
	unsigned mood = self->forgets_all ? 0 : draw(self) % 4; /* 0: nothing arrived, 1: all, else block by block */

	image_set_length(&node->durable, length);
	for (size_t at = node->dirty_from / BLOCK * BLOCK; at < end; at += BLOCK) {
		if (mood == 1 || (mood != 0 && draw(self) % 2))
			image_copy(&node->durable, &node->now, at, MIN(at + BLOCK, length));
	}
	image_set_length(&node->now, 0);
	image_set_length(&node->now, length);
	image_copy(&node->now, &node->durable, 0, length);
	node->dirty_from = node->dirty_to = 0;
}

static void
directory_crash(ForgetfulFiles *self, Directory *directory)
{
	GHashTableIter iter;
	Node *node;
	char *name;

	apply_changes(directory->durable, directory->changes, self->forgets_all ? 0 : draw(self) % (directory->changes->len + 1));
	g_ptr_array_set_size(directory->changes, 0);
	g_hash_table_remove_all(directory->now);
	g_autoptr(GList) names = g_list_sort(g_hash_table_get_keys(directory->durable), (GCompareFunc)strcmp);
	for (GList *link = names; link; link = link->next)
		node_crash(self, g_hash_table_lookup(directory->durable, link->data));
	g_hash_table_iter_init(&iter, directory->durable);
	while (g_hash_table_iter_next(&iter, (void **)&name, (void **)&node))
		set_name(directory->now, name, node);
}

/* Directories that were not durable go, with all that is in them. */
static gboolean
was_lost(void *path, void *data, void *context)
{
	ForgetfulFiles *self = context;
	Directory *directory = data;

	if (strcmp(path, "/") == 0)
		return FALSE;
	g_autofree char *parent = g_path_get_dirname(path);
	Directory *above = g_hash_table_lookup(self->directories, parent);
	return above == NULL || !directory->made_durable;
}

static void
reboot(ForgetfulFiles *self)
{
	while (g_hash_table_foreach_remove(self->directories, was_lost, self) > 0)
		;
	g_autoptr(GList) paths = g_list_sort(g_hash_table_get_keys(self->directories), (GCompareFunc)strcmp);
	for (GList *link = paths; link; link = link->next)
		directory_crash(self, g_hash_table_lookup(self->directories, link->data));
	g_hash_table_remove_all(self->locks);
	memset(self->faults, 0, sizeof(self->faults));
	self->crashed = false;
	self->crash_at = self->operations = 0;
	self->life++;
}

void
forgetful_files_reboot(ForgetfulFiles *self, uint64_t seed)
{
	self->random = seed;
	self->forgets_all = false;
	reboot(self);
}

void
forgetful_files_forget(ForgetfulFiles *self)
{
	self->forgets_all = true;
	reboot(self);
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
	image_read(&node->now, bytes, node->now.length, 0);
	return g_bytes_new_take(bytes, node->now.length);
}

void
forgetful_files_put(ForgetfulFiles *self, const char *path, const void *data, size_t length)
{
	g_autofree char *parent = g_path_get_dirname(path);
	g_autofree char *name = g_path_get_basename(path);

	make_all(self, parent, true);
	Directory *directory = g_hash_table_lookup(self->directories, parent);
	Node *node = node_new();
	node_resize(node, length);
	g_byte_array_append(node->now.bytes, data, (unsigned)length);
	node_sync(node);
	set_name(directory->now, name, node);
	set_name(directory->durable, name, node);
	node_unref(node);
}

void
forgetful_files_remove(ForgetfulFiles *self, const char *path)
{
	g_autofree char *name = NULL;
	Directory *directory = find_directory(self, path, &name);

	set_name(directory->now, name, NULL);
	set_name(directory->durable, name, NULL);
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
	image_read(&node->now, now, node->now.length, 0);
	image_read(&node->durable, durable, node->now.length, 0);
	return memcmp(now, durable, node->now.length) == 0;
}

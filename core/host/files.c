/* SPDX-License-Identifier: Apache-2.0 */
/* Changes when the way to a disk of the operating system does. */
#define _GNU_SOURCE /* sync_file_range */
#include "host/files.h"

#include "base/assert.h"
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct PdkFile {
	int fd;
	char path[];
};

/* Sets @error from @code: "write /d/log.1: No space left on device". */
static void
fail(GError **error, int code, const char *doing, const char *path)
{
	g_set_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(code), "%s %s: %s", doing, path, g_strerror(code));
}

static PdkFile *
wrap(int fd, const char *path)
{
	size_t length = strlen(path) + 1;
	PdkFile *file = g_malloc(sizeof(PdkFile) + length);

	file->fd = fd;
	memcpy(file->path, path, length);
	return file;
}

static int
open_fd(const char *path, int flags)
{
	int fd;
	do
		fd = open(path, flags | O_CLOEXEC, 0644);
	while (fd < 0 && errno == EINTR);
	return fd;
}

static PdkFile *
files_open(const PdkFiles *self G_GNUC_UNUSED, const char *path, unsigned flags, GError **error)
{
	int how = flags & PDK_OPEN_WRITE ? O_RDWR : O_RDONLY;

	if (flags & PDK_OPEN_CREATE)
		how |= O_CREAT;
	if (flags & PDK_OPEN_TRUNCATE)
		how |= O_TRUNC;
	if (flags & PDK_OPEN_EXCLUSIVE)
		how |= O_EXCL;
	int fd = open_fd(path, how);
	if (fd < 0) {
		fail(error, errno, flags & PDK_OPEN_CREATE ? "create" : "open", path);
		return NULL;
	}
	return wrap(fd, path);
}

static void
files_close(const PdkFiles *self G_GNUC_UNUSED, PdkFile *file)
{
	if (file == NULL)
		return;
	/* Linux releases the descriptor even when it reports EINTR. */
	close(file->fd);
	g_free(file);
}

static int64_t
files_pread(const PdkFiles *self G_GNUC_UNUSED, PdkFile *file, void *into, size_t length, int64_t offset,
	    GError **error)
{
	size_t done = 0;

	while (done < length) {
		ssize_t n = pread(file->fd, (uint8_t *)into + done, length - done, (off_t)(offset + (int64_t)done));
		if (n == 0)
			break;
		if (n > 0) {
			done += (size_t)n;
		} else if (errno != EINTR) {
			fail(error, errno, "read", file->path);
			return -1;
		}
	}
	return (int64_t)done;
}

static bool
files_pwrite(const PdkFiles *self G_GNUC_UNUSED, PdkFile *file, const void *from, size_t length, int64_t offset,
	     GError **error)
{
	size_t done = 0;

	while (done < length) {
		ssize_t n =
			pwrite(file->fd, (const uint8_t *)from + done, length - done, (off_t)(offset + (int64_t)done));
		if (n > 0) {
			done += (size_t)n;
		} else if (n == 0 || errno != EINTR) {
			fail(error, n == 0 ? EIO : errno, "write", file->path);
			return false;
		}
	}
	return true;
}

static bool
files_datasync(const PdkFiles *self G_GNUC_UNUSED, PdkFile *file, GError **error)
{
	/* Not retried after EINTR or anything else: what a failed sync left behind is unknown. */
	if (fdatasync(file->fd) == 0)
		return true;
	fail(error, errno, "fdatasync", file->path);
	return false;
}

static bool
files_sync_directory(const PdkFiles *self G_GNUC_UNUSED, const char *directory, GError **error)
{
	int fd = open_fd(directory, O_RDONLY | O_DIRECTORY);
	if (fd < 0) {
		fail(error, errno, "open directory", directory);
		return false;
	}
	int code = fsync(fd) == 0 ? 0 : errno;
	close(fd);
	if (code == 0)
		return true;
	fail(error, code, "fsync directory", directory);
	return false;
}

static bool
files_write_back(const PdkFiles *self G_GNUC_UNUSED, PdkFile *file, int64_t offset, int64_t length, bool wait,
		 GError **error)
{
	unsigned flags = SYNC_FILE_RANGE_WRITE;

	if (wait)
		flags |= SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WAIT_AFTER;
	if (sync_file_range(file->fd, (off_t)offset, (off_t)length, flags) == 0)
		return true;
	/* File systems that cannot do it need no pacing from us. */
	if (errno == ENOSYS || errno == EINVAL || errno == ESPIPE)
		return true;
	fail(error, errno, "write back", file->path);
	return false;
}

static int64_t
files_length(const PdkFiles *self G_GNUC_UNUSED, PdkFile *file, GError **error)
{
	struct stat found;

	if (fstat(file->fd, &found) == 0)
		return (int64_t)found.st_size;
	fail(error, errno, "stat", file->path);
	return -1;
}

static bool
files_truncate(const PdkFiles *self G_GNUC_UNUSED, PdkFile *file, int64_t length, GError **error)
{
	int status;
	do
		status = ftruncate(file->fd, (off_t)length);
	while (status < 0 && errno == EINTR);
	if (status == 0)
		return true;
	fail(error, errno, "truncate", file->path);
	return false;
}

static bool
files_allocate(const PdkFiles *self G_GNUC_UNUSED, PdkFile *file, int64_t length, GError **error)
{
	struct stat found;
	int code;

	if (fstat(file->fd, &found) < 0) {
		fail(error, errno, "stat", file->path);
		return false;
	}
	if (found.st_size >= length)
		return true;
	do
		code = posix_fallocate(file->fd, found.st_size, (off_t)length - found.st_size);
	while (code == EINTR);
	if (code == 0)
		return true;
	fail(error, code, "allocate", file->path);
	return false;
}

static bool
files_rename(const PdkFiles *self G_GNUC_UNUSED, const char *from, const char *to, GError **error)
{
	if (g_rename(from, to) == 0)
		return true;
	fail(error, errno, "rename", from);
	return false;
}

static bool
files_unlink(const PdkFiles *self G_GNUC_UNUSED, const char *path, GError **error)
{
	if (g_unlink(path) == 0)
		return true;
	fail(error, errno, "unlink", path);
	return false;
}

static bool
files_make_directories(const PdkFiles *self G_GNUC_UNUSED, const char *path, GError **error)
{
	if (g_mkdir_with_parents(path, 0755) == 0)
		return true;
	fail(error, errno, "make directory", path);
	return false;
}

static int
compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static char **
files_list(const PdkFiles *self G_GNUC_UNUSED, const char *directory, GError **error)
{
	g_autoptr(GError) cause = NULL;
	g_autoptr(GDir) dir = g_dir_open(directory, 0, &cause);
	if (dir == NULL) {
		g_set_error(error, cause->domain, cause->code, "list %s: %s", directory, cause->message);
		return NULL;
	}
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	for (const char *name = g_dir_read_name(dir); name != NULL; name = g_dir_read_name(dir))
		g_ptr_array_add(names, g_strdup(name));
	g_ptr_array_sort(names, compare_names);
	g_ptr_array_add(names, NULL);
	return (char **)g_ptr_array_steal(names, NULL);
}

static int
files_probe(const PdkFiles *self G_GNUC_UNUSED, const char *path, int64_t *length, GError **error)
{
	struct stat found;

	if (stat(path, &found) == 0) {
		if (length)
			*length = (int64_t)found.st_size;
		return 1;
	}
	if (errno == ENOENT || errno == ENOTDIR)
		return 0;
	fail(error, errno, "stat", path);
	return -1;
}

static PdkFile *
files_lock(const PdkFiles *self G_GNUC_UNUSED, const char *path, GError **error)
{
	int fd = open_fd(path, O_RDWR | O_CREAT), status;
	if (fd < 0) {
		fail(error, errno, "create", path);
		return NULL;
	}
	do
		status = flock(fd, LOCK_EX | LOCK_NB);
	while (status < 0 && errno == EINTR);
	if (status == 0)
		return wrap(fd, path);
	int code = errno;
	close(fd);
	fail(error, code == EWOULDBLOCK ? EAGAIN : code, "lock", path);
	return NULL;
}

const PdkFiles *
pdk_files_system(void)
{
	static const PdkFiles table = {
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
	return &table;
}

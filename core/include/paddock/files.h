/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file table: the only way in which a persistence plugin sees a disk. The daemon's table meets the
 * operating system, a test's table forgets unsynced bytes and tears writes.
 *
 * All calls may be made from any thread that runs a job of the host (lanes, pool) and from the core thread
 * while the server starts. They block. Every failing call returns false / -1 and sets @error (domain
 * G_FILE_ERROR, code by errno via g_file_error_from_errno; the message ends in the cause and names the path).
 * Paths are as the caller gives them; the table keeps no notion of a current directory.
 */
#ifndef PADDOCK_FILES_H
#define PADDOCK_FILES_H

#include <paddock/types.h>

G_BEGIN_DECLS

typedef struct PdkFile PdkFile; /* an open file; opaque */
typedef struct PdkFiles PdkFiles;

enum {
	PDK_OPEN_READ = 0,
	PDK_OPEN_WRITE = 1 << 0,    /* read and write */
	PDK_OPEN_CREATE = 1 << 1,   /* create when missing (mode 0644) */
	PDK_OPEN_TRUNCATE = 1 << 2, /* cut to nothing */
	PDK_OPEN_EXCLUSIVE = 1 << 3 /* with CREATE: fail when it exists */
};

struct PdkFiles {
	uint32_t size;

	PdkFile *(*open)(const PdkFiles *self, const char *path, unsigned flags, GError **error);
	/* Never fails; unsynced data stays unsynced. */
	void (*close)(const PdkFiles *self, PdkFile *file);

	/*
	 * Reads up to @length bytes at @offset; returns the count (short only at the end of the file), -1 on
	 * error.
	 */
	int64_t (*pread)(const PdkFiles *self, PdkFile *file, void *into, size_t length, int64_t offset, GError **error);
	/* Writes all of it, or fails. */
	bool (*pwrite)(const PdkFiles *self, PdkFile *file, const void *from, size_t length, int64_t offset, GError **error);

	/* fdatasync: bytes and the size needed to read them are durable afterwards. */
	bool (*datasync)(const PdkFiles *self, PdkFile *file, GError **error);
	/* Makes a name durable: create, rename and unlink inside @directory. */
	bool (*sync_directory)(const PdkFiles *self, const char *directory, GError **error);
	/*
	 * Asks for write-back of a range and, with @wait, waits for it; makes nothing durable. Used to pace
	 * large files.
	 */
	bool (*write_back)(const PdkFiles *self, PdkFile *file, int64_t offset, int64_t length, bool wait, GError **error);

	int64_t (*length)(const PdkFiles *self, PdkFile *file, GError **error); /* bytes, -1 on error */
	bool (*truncate)(const PdkFiles *self, PdkFile *file, int64_t length, GError **error);
	/* Grows the file to at least @length with real blocks that read as zeros. */
	bool (*allocate)(const PdkFiles *self, PdkFile *file, int64_t length, GError **error);

	bool (*rename)(const PdkFiles *self, const char *from, const char *to, GError **error);
	bool (*unlink)(const PdkFiles *self, const char *path, GError **error);
	bool (*make_directories)(const PdkFiles *self, const char *path, GError **error);
	/* Names in @directory without "." and "..", sorted by strcmp; NULL-terminated, free with g_strfreev. */
	char **(*list)(const PdkFiles *self, const char *directory, GError **error);
	/* 1 there, 0 not there, -1 error; @length (may be NULL) gets the size in bytes. */
	int (*probe)(const PdkFiles *self, const char *path, int64_t *length, GError **error);

	/*
	 * Takes the lock of @path (created when missing) for this process; held until the file is closed.
	 * Fails with G_FILE_ERROR_AGAIN when another holder has it.
	 */
	PdkFile *(*lock)(const PdkFiles *self, const char *path, GError **error);
};

G_END_DECLS

#endif

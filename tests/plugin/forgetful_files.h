/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file table in memory that behaves like the worst disk that keeps its promises; changes when that disk
 * does.
 *
 * Until `datasync` each block of 512 bytes of a file may be lost or kept on its own, so writes are torn and
 * come in any order, in one file and between files; the length may be the old one, the new one or one in
 * between. Until `sync_directory` the changes of a directory (create, rename, unlink) may be lost from any
 * one of them on. A block is never half written. What survives a crash is chosen by a seed. One thread only.
 */
#ifndef FORGETFUL_FILES_H
#define FORGETFUL_FILES_H

#include <paddock/files.h>

typedef struct ForgetfulFiles ForgetfulFiles;

/*
 * Operations that can be told to fail; those that change something also are the points where a crash may
 * fall.
 */
typedef enum {
	FORGETFUL_PREAD = 0,
	FORGETFUL_OPEN, /* that creates or truncates */
	FORGETFUL_PWRITE,
	FORGETFUL_DATASYNC,
	FORGETFUL_SYNC_DIRECTORY,
	FORGETFUL_WRITE_BACK,
	FORGETFUL_TRUNCATE,
	FORGETFUL_ALLOCATE,
	FORGETFUL_RENAME,
	FORGETFUL_UNLINK,
	FORGETFUL_MAKE_DIRECTORIES,
	FORGETFUL_KINDS,
} ForgetfulKind;

/* An empty disk with the durable directory "/". */
ForgetfulFiles *forgetful_files_new(void);
void forgetful_files_free(ForgetfulFiles *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ForgetfulFiles, forgetful_files_free)

/* Lives as long as @self. Paths are absolute. */
const PdkFiles *forgetful_files_table(ForgetfulFiles *self);

/* How many changing operations were asked for since the last reboot. */
uint64_t forgetful_files_operations(const ForgetfulFiles *self);
/* The crash falls at changing operation number @operation (from 1, since the last reboot); 0: none. */
void forgetful_files_crash_at(ForgetfulFiles *self, uint64_t operation);
/* The power fails now, between two operations. */
void forgetful_files_crash(ForgetfulFiles *self);
/* After a crash every operation fails until the reboot. */
bool forgetful_files_crashed(const ForgetfulFiles *self);
/* Takes away what was not durable, as @seed says; files still open are dead. */
void forgetful_files_reboot(ForgetfulFiles *self, uint64_t seed);
/* The same, and nothing that was not durable is left. */
void forgetful_files_forget(ForgetfulFiles *self);

/*
 * The @nth operation of @kind from now on (1: the next) fails with @errnum; with @forever, all after it, too.
 */
void forgetful_files_fail(ForgetfulFiles *self, ForgetfulKind kind, unsigned nth, int errnum, bool forever);
/* All bytes of all files together; beyond it ENOSPC. Negative: no limit. */
void forgetful_files_set_capacity(ForgetfulFiles *self, int64_t bytes);

/* All bytes of all files together, preallocated ones too. */
int64_t forgetful_files_used(const ForgetfulFiles *self);

/*
 * For tests that prepare or inspect: the content of a file (NULL: not there); a durable file with its
 * directories.
 */
GBytes *forgetful_files_get(ForgetfulFiles *self, const char *path);
void forgetful_files_put(ForgetfulFiles *self, const char *path, const void *data, size_t length);
void forgetful_files_remove(ForgetfulFiles *self, const char *path);
/* Does the file look the same as after a crash that forgets all it may? */
bool forgetful_files_is_durable(ForgetfulFiles *self, const char *path);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the forgetful disk share; changes when the shape of that disk does. */
#ifndef FORGETFUL_PRIVATE_H
#define FORGETFUL_PRIVATE_H

#include "forgetful_files.h"

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

/* ---- forgetful_nodes.c ---- */
void forgetful_image_set_length(Image *image, size_t length);
/* Makes the bytes reach to @end, which lies within the length. */
void forgetful_image_reach(Image *image, size_t end);
/* @length bytes from @offset on, all within the length. */
void forgetful_image_read(const Image *image, void *into, size_t length, size_t offset);
/* Makes the bytes of @to from @from_byte to @end, which is within both lengths, what @from has there. */
void forgetful_image_copy(Image *to, const Image *from, size_t from_byte, size_t end);
Node *forgetful_node_new(void);
Node *forgetful_node_ref(Node *node);
void forgetful_node_unref(void *data);
/* `now` and `durable` differ from @from to @to. */
void forgetful_node_dirty(Node *node, size_t from, size_t to);
/* Makes a node @length bytes long; new bytes are zeros. */
void forgetful_node_resize(Node *node, size_t length);
/* What there is now is durable. */
void forgetful_node_sync(Node *node);
Directory *forgetful_directory_new(void);
void forgetful_directory_free(void *data);
/* @node NULL: the name goes. */
void forgetful_set_name(GHashTable *names, const char *name, Node *node);
/* Until the next sync it may be lost; @other (NULL: none) changes in the same step. */
void forgetful_change_directory(Directory *directory, const char *name, Node *node, const char *other, Node *other_node);
/* The first @count of @changes. */
void forgetful_apply_changes(GHashTable *names, GPtrArray *changes, unsigned count);

#endif

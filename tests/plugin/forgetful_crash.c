/* SPDX-License-Identifier: Apache-2.0 */
/* What a crash leaves of a disk; changes when what may be lost does. */
#include "forgetful_private.h"

#include <string.h>

#define BLOCK 512

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

/* splitmix64 */
static uint64_t
draw(ForgetfulFiles *self)
{
	uint64_t z = self->random += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
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

	forgetful_image_set_length(&node->durable, length);
	for (size_t at = node->dirty_from / BLOCK * BLOCK; at < end; at += BLOCK) {
		if (mood == 1 || (mood != 0 && draw(self) % 2))
			forgetful_image_copy(&node->durable, &node->now, at, MIN(at + BLOCK, length));
	}
	forgetful_image_set_length(&node->now, 0);
	forgetful_image_set_length(&node->now, length);
	forgetful_image_copy(&node->now, &node->durable, 0, length);
	node->dirty_from = node->dirty_to = 0;
}

static void
directory_crash(ForgetfulFiles *self, Directory *directory)
{
	GHashTableIter iter;
	Node *node;
	char *name;

	forgetful_apply_changes(directory->durable, directory->changes, self->forgets_all ? 0 : draw(self) % (directory->changes->len + 1));
	g_ptr_array_set_size(directory->changes, 0);
	g_hash_table_remove_all(directory->now);
	g_autoptr(GList) names = g_list_sort(g_hash_table_get_keys(directory->durable), (GCompareFunc)strcmp);
	for (GList *link = names; link; link = link->next)
		node_crash(self, g_hash_table_lookup(directory->durable, link->data));
	g_hash_table_iter_init(&iter, directory->durable);
	while (g_hash_table_iter_next(&iter, (void **)&name, (void **)&node))
		forgetful_set_name(directory->now, name, node);
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

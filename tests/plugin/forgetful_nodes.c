/* SPDX-License-Identifier: Apache-2.0 */
/* What a disk has of its files and directories, now and durably; changes when what may be told apart of that does. */
#include "forgetful_private.h"

#include <string.h>

void
forgetful_image_set_length(Image *image, size_t length)
{
	if (image->bytes->len > length)
		g_byte_array_set_size(image->bytes, (unsigned)length);
	image->length = length;
}

/* Makes the bytes reach to @end, which lies within the length. */
void
forgetful_image_reach(Image *image, size_t end)
{
	size_t old = image->bytes->len;

	if (end <= old)
		return;
	g_byte_array_set_size(image->bytes, (unsigned)end);
	memset(image->bytes->data + old, 0, end - old);
}

/* @length bytes from @offset on, all within the length. */
void
forgetful_image_read(const Image *image, void *into, size_t length, size_t offset)
{
	size_t there = image->bytes->len > offset ? MIN(image->bytes->len - offset, length) : 0;

	if (there > 0)
		memcpy(into, image->bytes->data + offset, there);
	memset((uint8_t *)into + there, 0, length - there);
}

/* Makes the bytes of @to from @from_byte to @end, which is within both lengths, what @from has there. */
void
forgetful_image_copy(Image *to, const Image *from, size_t from_byte, size_t end)
{
	size_t reach = MIN(end, MAX(from->bytes->len, to->bytes->len));

	if (from_byte >= reach)
		return;
	forgetful_image_reach(to, reach);
	forgetful_image_read(from, to->bytes->data + from_byte, reach - from_byte, from_byte);
}

Node *
forgetful_node_new(void)
{
	Node *node = g_new0(Node, 1);
	g_atomic_ref_count_init(&node->references);
	node->now.bytes = g_byte_array_new();
	node->durable.bytes = g_byte_array_new();
	return node;
}

Node *
forgetful_node_ref(Node *node)
{
	if (node)
		g_atomic_ref_count_inc(&node->references);
	return node;
}

void
forgetful_node_unref(void *data)
{
	Node *node = data;

	if (node == NULL || !g_atomic_ref_count_dec(&node->references))
		return;
	g_byte_array_unref(node->now.bytes);
	g_byte_array_unref(node->durable.bytes);
	g_free(node);
}

void
forgetful_node_dirty(Node *node, size_t from, size_t to)
{
	if (node->dirty_from == node->dirty_to) {
		node->dirty_from = from;
		node->dirty_to = to;
	}
	node->dirty_from = MIN(node->dirty_from, from);
	node->dirty_to = MAX(node->dirty_to, to);
}

/* Makes a node @length bytes long; new bytes are zeros. */
void
forgetful_node_resize(Node *node, size_t length)
{
	size_t old = node->now.length;

	forgetful_image_set_length(&node->now, length);
	forgetful_node_dirty(node, MIN(old, length), MAX(old, length));
}

void
forgetful_node_sync(Node *node)
{
	forgetful_image_set_length(&node->durable, node->now.length);
	forgetful_image_copy(&node->durable, &node->now, node->dirty_from, MIN(node->dirty_to, node->now.length));
	node->dirty_from = node->dirty_to = 0;
}

static void
change_free(void *data)
{
	Change *change = data;

	for (unsigned i = 0; i < 2; i++) {
		g_free(change->name[i]);
		forgetful_node_unref(change->node[i]);
	}
	g_free(change);
}

Directory *
forgetful_directory_new(void)
{
	Directory *directory = g_new0(Directory, 1);
	directory->now = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, forgetful_node_unref);
	directory->durable = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, forgetful_node_unref);
	directory->changes = g_ptr_array_new_with_free_func(change_free);
	return directory;
}

void
forgetful_directory_free(void *data)
{
	Directory *directory = data;

	g_hash_table_unref(directory->now);
	g_hash_table_unref(directory->durable);
	g_ptr_array_unref(directory->changes);
	g_free(directory);
}

void
forgetful_set_name(GHashTable *names, const char *name, Node *node)
{
	if (node)
		g_hash_table_replace(names, g_strdup(name), forgetful_node_ref(node));
	else
		g_hash_table_remove(names, name);
}

void
forgetful_change_directory(Directory *directory, const char *name, Node *node, const char *other, Node *other_node)
{
	Change *change = g_new0(Change, 1);

	change->name[0] = g_strdup(name);
	change->node[0] = forgetful_node_ref(node);
	change->name[1] = g_strdup(other);
	change->node[1] = forgetful_node_ref(other_node);
	g_ptr_array_add(directory->changes, change);
	forgetful_set_name(directory->now, name, node);
	if (other)
		forgetful_set_name(directory->now, other, other_node);
}

void
forgetful_apply_changes(GHashTable *names, GPtrArray *changes, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		const Change *change = changes->pdata[i];
		for (unsigned k = 0; k < 2 && change->name[k]; k++)
			forgetful_set_name(names, change->name[k], change->node[k]);
	}
}

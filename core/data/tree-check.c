/* SPDX-License-Identifier: Apache-2.0 */
/* What must always be true of a tree. */
#include "data/tree-private.h"

typedef struct {
	uint64_t nodes, mores, specials, apart;
	uint64_t digest, data_size;
} Sums;

static void
check_children(const PdkTree *tree, PdkNode parent)
{
	uint32_t count = 0;
	PdkNode previous = 0;
	for (PdkNode child = pdk_tree_first_child(tree, parent); child != 0;
	     child = pdk_tree_next_sibling(tree, child)) {
		const PdkRecord *record = pdk_tree_record(tree, child);
		pdk_assert(record->parent == parent && record->previous == previous);
		size_t length;
		const char *name = pdk_tree_name(tree, child, &length);
		pdk_assert(length > 0 && memchr(name, '/', length) == NULL);
		pdk_assert(pdk_tree_child(tree, parent, name, length) == child);
		previous = child;
		pdk_assert(++count <= tree->records.live);
	}
	const PdkMore *more = pdk_tree_more(tree, pdk_tree_record(tree, parent));
	pdk_assert(more == NULL ? count == 0 : more->last == previous && more->children == count);
}

static void
check_node(const PdkTree *tree, PdkNode node, PdkBuffer *path, Sums *sums)
{
	const PdkRecord *record = pdk_tree_record(tree, node);
	const PdkMore *more = pdk_tree_more(tree, record);
	pdk_assert(node < tree->records.end && record->data_length >= -1);
	path->length = 0;
	size_t length = pdk_tree_append_path(tree, node, path);
	const char *text = (const char *)path->data;
	pdk_assert(pdk_tree_find(tree, text, length) == node);

	int32_t data_length;
	const uint8_t *data = pdk_tree_data(tree, node, &data_length);
	PdkStat stat;
	pdk_tree_stat(tree, node, &stat);
	sums->nodes++;
	sums->mores += more != NULL;
	sums->specials += stat.owner != 0;
	sums->apart += pdk_tree_data_block(tree, node) != NULL;
	sums->data_size += length + (size_t)MAX(data_length, 0);
	bool counted = pdk_digest_counts(text, length);
	pdk_assert(counted == !(record->flags & PDK_RECORD_UNCOUNTED));
	if (counted && tree->settings.digest) {
		uint32_t prefix = pdk_digest_prefix(text, node == tree->root ? 0 : length, data, data_length);
		pdk_assert(record->prefix == prefix);
		sums->digest += pdk_digest_share(prefix, &stat);
	} else {
		pdk_assert(record->prefix == 0);
	}
	size_t acl_length;
	pdk_assert(pdk_acls_encoding(tree->acls, record->acl, &acl_length) != NULL);
	check_children(tree, node);
}

void
pdk_tree_check(const PdkTree *tree)
{
	Sums sums = {0};
	PdkBuffer path = {0};
	pdk_assert(pdk_tree_record(tree, tree->root)->parent == 0);
	for (PdkNode node = tree->root; node != 0; node = pdk_tree_walk_after(tree, node)) {
		check_node(tree, node, &path, &sums);
		pdk_assert(sums.nodes <= tree->records.live);
	}
	pdk_buffer_clear(&path);
	pdk_assert(sums.nodes == tree->records.live && sums.nodes == (uint64_t)tree->index.count + 1);
	pdk_assert(sums.mores == tree->mores.live && sums.specials == tree->owners.specials.live);
	pdk_assert(sums.apart == tree->apart);
	pdk_assert(sums.digest == tree->digest && sums.data_size == tree->data_size);
	pdk_index_check(&tree->index);
	pdk_payloads_check(&tree->payloads);
	pdk_owners_check(tree);
}

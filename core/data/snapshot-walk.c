/* SPDX-License-Identifier: Apache-2.0 */
/* How a snapshot's body is written while the tree goes on changing. */
#include "data/snapshot.h"
#include "data/tree-private.h"

#define STEP_BYTES ((size_t)1 << 20) /* a step ends early when it has written so much */

struct PdkSnapshotWalk {
	PdkTree *tree;
	PdkBuffer out;
	PdkBuffer ancestors; /* of a node that must be written out of turn: handles, nearest first */
	PdkBuffer parent_path;
	PdkNode parent; /* whose path that is; 0: unknown */
	bool finished;
};

/*
 * The known parent cannot have become another node under the same handle: that one would be younger than the
 * walk, and so would be its children, which are not written.
 */
static void
put_path(PdkSnapshotWalk *walk, PdkNode node, const PdkRecord *record)
{
	const PdkTree *tree = walk->tree;
	if (node == tree->root) {
		pdk_put_int(&walk->out, 0);
		return;
	}
	if (walk->parent != record->parent) {
		walk->parent_path.length = 0;
		if (record->parent != tree->root)
			pdk_tree_append_path(tree, record->parent, &walk->parent_path);
		walk->parent = record->parent;
	}
	size_t name_length = pdk_record_name_length(record);
	pdk_put_int(&walk->out, (int32_t)(walk->parent_path.length + 1 + name_length));
	pdk_buffer_append(&walk->out, walk->parent_path.data, walk->parent_path.length);
	pdk_buffer_append(&walk->out, "/", 1);
	pdk_buffer_append(&walk->out, pdk_record_name(record), name_length);
}

static void
write_node(PdkSnapshotWalk *walk, PdkNode node)
{
	PdkRecord *record = pdk_tree_record(walk->tree, node);
	put_path(walk, node, record);
	int32_t data_length;
	const uint8_t *data = pdk_tree_data(walk->tree, node, &data_length);
	pdk_put_bytes(&walk->out, data, data_length);
	pdk_put_long(&walk->out, record->acl == PDK_ACL_OPEN ? -1 : (int64_t)record->acl);
	PdkStat stat;
	pdk_tree_stat(walk->tree, node, &stat);
	pdk_stat_put_persisted(&walk->out, &stat);
	record->mark = walk->tree->mark;
}

/*
 * A node that was written had its ancestors written before it; so what is missing is a run of nearest
 * ancestors.
 */
static void
keep(void *context, PdkNode node)
{
	PdkSnapshotWalk *walk = context;
	walk->ancestors.length = 0;
	for (PdkNode at = node; at != 0 && pdk_tree_walk_wants(walk->tree, at);
	     at = pdk_tree_parent(walk->tree, at))
		pdk_buffer_append(&walk->ancestors, &at, sizeof(at));
	while (walk->ancestors.length > 0) {
		walk->ancestors.length -= sizeof(node);
		memcpy(&node, walk->ancestors.data + walk->ancestors.length, sizeof(node));
		write_node(walk, node);
	}
}

PdkSnapshotWalk *
pdk_snapshot_walk_new(PdkTree *tree, const PdkSnapshotSession *sessions, size_t n_sessions)
{
	pdk_assert(n_sessions <= G_MAXINT32);
	PdkSnapshotWalk *walk = g_new0(PdkSnapshotWalk, 1);
	walk->tree = tree;
	pdk_put_int(&walk->out, (int32_t)n_sessions);
	for (size_t i = 0; i < n_sessions; i++) {
		pdk_put_long(&walk->out, sessions[i].id);
		pdk_put_int(&walk->out, sessions[i].timeout_ms);
	}
	PdkAclId id = 0;
	const uint8_t *encoded;
	size_t length;
	pdk_put_int(&walk->out, (int32_t)pdk_acls_count(tree->acls));
	while (pdk_acls_next(tree->acls, &id, &encoded, &length)) {
		pdk_put_long(&walk->out, id);
		pdk_buffer_append(&walk->out, encoded, length);
	}
	pdk_tree_walk_begin(tree, keep, walk);
	return walk;
}

void
pdk_snapshot_walk_free(PdkSnapshotWalk *walk)
{
	if (walk == NULL)
		return;
	if (!walk->finished)
		pdk_tree_walk_end(walk->tree, false);
	pdk_buffer_clear(&walk->out);
	pdk_buffer_clear(&walk->ancestors);
	pdk_buffer_clear(&walk->parent_path);
	g_free(walk);
}

bool
pdk_snapshot_walk_step(PdkSnapshotWalk *walk, unsigned nodes)
{
	PdkTree *tree = walk->tree;
	size_t enough = walk->out.length + STEP_BYTES;
	for (; nodes > 0 && tree->cursor != 0 && !walk->finished && walk->out.length < enough; nodes--) {
		if (pdk_tree_walk_wants(tree, tree->cursor))
			write_node(walk, tree->cursor);
		tree->cursor = pdk_tree_walk_after(tree, tree->cursor);
	}
	if (walk->finished || tree->cursor != 0)
		return !walk->finished;
	pdk_put_string(&walk->out, "/");
	pdk_tree_walk_end(tree, true);
	walk->finished = true;
	return false;
}

size_t
pdk_snapshot_walk_ready(const PdkSnapshotWalk *walk)
{
	return walk->out.length;
}

GBytes *
pdk_snapshot_walk_take(PdkSnapshotWalk *walk)
{
	if (walk->out.length == 0)
		return NULL;
	GBytes *bytes = g_bytes_new_take(walk->out.data, walk->out.length);
	walk->out = (PdkBuffer){0};
	return bytes;
}

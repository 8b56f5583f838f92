/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of a snapshot: sessions, ACL map, nodes, "/". Writing is a walk over the live tree in small steps
 * that gives exactly the tree of its beginning: a node about to change that the walk has not passed yet is
 * written first (its unwritten ancestors before it), nodes born later are skipped. Reading is a resumable
 * parser that holds at most one node. Source: SerializeUtils.serializeSnapshot, DataTree.serialize.
 */
#ifndef PDK_DATA_SNAPSHOT_H
#define PDK_DATA_SNAPSHOT_H

#include "data/tree.h"

typedef struct {
	int64_t id;
	int32_t timeout_ms;
} PdkSnapshotSession;

typedef struct PdkSnapshotWalk PdkSnapshotWalk;

/*
 * Begins a walk of @tree as it is now; at most one at a time. Sessions and ACL lists are copied at once. Ends
 * by pdk_snapshot_walk_free, finished or not.
 */
PdkSnapshotWalk *pdk_snapshot_walk_new(PdkTree *tree, const PdkSnapshotSession *sessions, size_t n_sessions);
void pdk_snapshot_walk_free(PdkSnapshotWalk *walk);
/*
 * Goes on by up to @nodes nodes, by fewer after 1 MiB of output; false when the body is complete ("/"
 * written). Cost and size of a step are bounded by that; what is ready and not taken is the caller's to
 * bound.
 */
bool pdk_snapshot_walk_step(PdkSnapshotWalk *walk, unsigned nodes);
/* What was written and not taken yet (also by changes between the steps), bytes. */
size_t pdk_snapshot_walk_ready(const PdkSnapshotWalk *walk);
/* Takes all of it; NULL when there is none. */
GBytes *pdk_snapshot_walk_take(PdkSnapshotWalk *walk);

#define PDK_SNAPSHOT_ERROR pdk_snapshot_error_quark()
GQuark pdk_snapshot_error_quark(void);
enum {
	PDK_SNAPSHOT_ERROR_BAD, /* the body is not one */
};

typedef struct PdkSnapshotLoad PdkSnapshotLoad;

typedef void (*PdkSnapshotSessionFound)(void *context, int64_t id, int32_t timeout_ms);

/*
 * Begins to fill @tree, which is cleared, from a body of about @length bytes. @found (may be NULL) is called
 * for every session. Ends by pdk_snapshot_load_free; an unfinished or unwanted load is thrown away by
 * pdk_tree_clear.
 */
PdkSnapshotLoad *pdk_snapshot_load_new(PdkTree *tree, uint64_t length, PdkSnapshotSessionFound found,
				       void *context);
void pdk_snapshot_load_free(PdkSnapshotLoad *load);

typedef enum {
	PDK_LOAD_MORE,
	PDK_LOAD_DONE, /* "/" was read; *used bytes of this part belonged to the body */
	PDK_LOAD_BAD,
} PdkLoadResult;
/*
 * Takes the next bytes; never called again after DONE or BAD. Refuses (BAD, @error says what and at which
 * offset of the body) impossible lengths, missing parents and doubled nodes. An ACL number that is not in the
 * map is kept as a list that gives nobody a permission and counted (pdk_snapshot_load_strays): the caller
 * warns. (A Java server fails when it reads such a node's ACL.) Node paths are otherwise taken as they are.
 * Bytes of items beyond 64 MiB (paths, ACL strings) or 1 GiB (data) are refused.
 */
PdkLoadResult pdk_snapshot_load_part(PdkSnapshotLoad *load, const uint8_t *data, size_t length, size_t *used,
				     GError **error);
uint64_t pdk_snapshot_load_strays(const PdkSnapshotLoad *load);

#endif

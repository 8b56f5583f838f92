/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tree beside the simplest thing that could be one, a table of paths; random changes go to both. Changes
 * when the tree's promises do.
 */
#ifndef PDK_TESTS_TREE_MODEL_H
#define PDK_TESTS_TREE_MODEL_H

#include "base/random.h"
#include "data/tree.h"

typedef struct {
	GBytes *data; /* NULL: null */
	GBytes *acl;  /* encoding */
	PdkStat stat;
	uint64_t born; /* rises with every creation */
	uint32_t children;
} ModelNode;

/* char * to ModelNode *; the root is "/". */
typedef GHashTable ModelNodes;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ModelNodes, g_hash_table_unref)

typedef struct {
	PdkTree *tree; /* borrowed */
	ModelNodes *nodes;
	GPtrArray *paths; /* the keys of nodes, borrowed */
	PdkRandom random;
	int64_t zxid;
	uint64_t births;
	unsigned deepest; /* components */
} Model;

/* Of a tree as pdk_tree_new made it. */
Model *model_new(PdkTree *tree, uint64_t seed);
void model_free(Model *model);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Model, model_free)

/* One random change: create, delete, new data, new stat, new ACL. */
void model_step(Model *model);
/* Deletes everything that can be, but the system nodes. */
void model_delete_all(Model *model);

/* A copy that shares the immutable parts. */
ModelNodes *model_copy(const Model *model);
/* Asserts (CUnit) that @tree holds exactly @nodes; sibling order only where @ordered. */
void model_compare(ModelNodes *nodes, PdkTree *tree, bool ordered);

/* Encodes a list of one entry. */
GBytes *model_acl(int32_t perms, const char *scheme, const char *id);

#endif

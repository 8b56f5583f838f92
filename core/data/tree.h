/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree of znodes: what a server remembers. Nodes live in slabs under 32-bit handles and never move; one
 * index over (parent, name) serves the whole tree; siblings are linked in the order of creation, which is the
 * order of every walk.
 *
 * The tree keeps the sum of digests, the list of ephemerals of each session, of containers and of TTL nodes,
 * the approximate data size, and it keeps a snapshot walk (snapshot.h) consistent: every change passes
 * through here. It decides nothing: whether a change is allowed is the caller's business, its promises are
 * asserted. Source: DataTree, DataNode.
 */
#ifndef PDK_DATA_TREE_H
#define PDK_DATA_TREE_H

#include "data/acl.h"
#include "data/stat.h"

/* 0: no node. A handle is reused after its node was removed. */
typedef uint32_t PdkNode;

typedef struct PdkTree PdkTree;

typedef struct {
	bool digest;          /* keep the tree digest */
	bool extended_types;  /* TTL owners mean something */
	bool emulate353;
	uint64_t seed;        /* of the index's hash: unknown, names cannot be chosen to collide; 0 is fine */
} PdkTreeSettings;

/* A tree with /, /zookeeper, /zookeeper/quota and /zookeeper/config as a fresh Java server has it. */
PdkTree *pdk_tree_new(const PdkTreeSettings *settings);
void pdk_tree_free(PdkTree *tree);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PdkTree, pdk_tree_free)
/*
 * Forgets everything, the system nodes and ACL lists too (only a bare root stays), and sizes the index for
 * @expected nodes (a hint). Not while a snapshot walk stands.
 */
void pdk_tree_clear(PdkTree *tree, uint64_t expected);
/* Adds those of the system nodes that are missing, as a fresh server has them (used after a load). */
void pdk_tree_add_system_nodes(PdkTree *tree);

/* The seed it was made with, for other hashes over what clients choose. */
uint64_t pdk_tree_seed(const PdkTree *tree);

/* The lists that nodes refer to; owned by the tree. */
PdkAcls *pdk_tree_acls(PdkTree *tree);

/* Looking. "" and "/" are the root. No syntax check: a bad path is simply not there. */
PdkNode pdk_tree_root(const PdkTree *tree);
PdkNode pdk_tree_find(const PdkTree *tree, const char *path, size_t length);
PdkNode pdk_tree_child(const PdkTree *tree, PdkNode parent, const char *name, size_t length);
PdkNode pdk_tree_parent(const PdkTree *tree, PdkNode node); /* 0 for the root */
PdkNode pdk_tree_first_child(const PdkTree *tree, PdkNode node);
PdkNode pdk_tree_next_sibling(const PdkTree *tree, PdkNode node);
uint32_t pdk_tree_child_count(const PdkTree *tree, PdkNode node);
/* Own name, not terminated; valid until the node's data or the node changes. */
const char *pdk_tree_name(const PdkTree *tree, PdkNode node, size_t *length);
/* Appends the full path ("/" for the root); returns its length. */
size_t pdk_tree_append_path(const PdkTree *tree, PdkNode node, PdkBuffer *out);
/* The data; *length -1: null. Valid until the node's data changes. */
const uint8_t *pdk_tree_data(const PdkTree *tree, PdkNode node, int32_t *length);
/* Data of 4 KiB and more lies in a counted block of its own: that block (borrowed), else NULL. */
GBytes *pdk_tree_data_block(const PdkTree *tree, PdkNode node);
void pdk_tree_stat(const PdkTree *tree, PdkNode node, PdkStat *into);
PdkAclId pdk_tree_acl(const PdkTree *tree, PdkNode node);
PdkNodeType pdk_tree_type(const PdkTree *tree, PdkNode node);
int64_t pdk_tree_owner(const PdkTree *tree, PdkNode node);
/* CRC state after path and data; 0 when the digest is off or the node does not count. */
uint32_t pdk_tree_digest_prefix(const PdkTree *tree, PdkNode node);
/* Appends the 68 bytes of the node's wire Stat. */
void pdk_tree_put_stat(const PdkTree *tree, PdkNode node, PdkBuffer *out);

/* Changing. */
/*
 * Inserts a child named @name (not there yet, not empty, no '/') with exactly @stat. Takes one reference of
 * @acl over. @data may be NULL with @data_length -1. Does not touch the parent's stat.
 */
PdkNode pdk_tree_insert(PdkTree *tree, PdkNode parent, const char *name, size_t name_length,
			const uint8_t *data, int32_t data_length, PdkAclId acl, const PdkStat *stat);
/* Removes a node without children that is not the root. */
void pdk_tree_remove(PdkTree *tree, PdkNode node);
/*
 * New data and stat in one go (setData; the digest is updated once). @stat->owner must be the node's. @data
 * is not the tree's own.
 */
void pdk_tree_set_data(PdkTree *tree, PdkNode node, const uint8_t *data, int32_t data_length,
		       const PdkStat *stat);
/* New stat (parents of created and deleted nodes, setACL). @stat->owner must be the node's. */
void pdk_tree_set_stat(PdkTree *tree, PdkNode node, const PdkStat *stat);
/* Takes one reference of @acl over, gives the old one back. */
void pdk_tree_set_acl(PdkTree *tree, PdkNode node, PdkAclId acl);

/* Four bits of flags that other modules may keep at a node (cleared at insert). */
enum {
	PDK_NODE_WATCHED = 1 << 0, /* watch.h: there are watches keyed by this node */
};
uint8_t pdk_tree_flags(const PdkTree *tree, PdkNode node);
void pdk_tree_set_flags(PdkTree *tree, PdkNode node, uint8_t set, uint8_t clear);

/* Sums. */
uint64_t pdk_tree_digest(const PdkTree *tree);
uint64_t pdk_tree_node_count(const PdkTree *tree);      /* the root once */
uint64_t pdk_tree_data_size(const PdkTree *tree);       /* path + data bytes; the root's path is "/" */
uint64_t pdk_tree_ephemeral_count(const PdkTree *tree);
uint64_t pdk_tree_descendants(const PdkTree *tree, PdkNode node);

/* Ephemerals of @session in order of creation: start with 0, 0 at the end. */
PdkNode pdk_tree_next_ephemeral(const PdkTree *tree, int64_t session, PdkNode after);
/*
 * Sessions that own ephemerals, in an order that a run repeats: *cursor starts 0, false at the end. Continues
 * sensibly after changes.
 */
bool pdk_tree_next_ephemeral_owner(const PdkTree *tree, uint64_t *cursor, int64_t *session, uint64_t *count);
/* Containers and TTL nodes, in order of creation: start with 0, 0 at the end; @after must still be there. */
PdkNode pdk_tree_next_special(const PdkTree *tree, PdkNode after);

/* Walks and verifies every structure (asserts). For tests and the simulator. */
void pdk_tree_check(const PdkTree *tree);

#endif

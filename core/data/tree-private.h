/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tree's own files share: how a node lies in memory, and the seam between tree and snapshot walk. A
 * node is a record of one cache line; what most leaves never get (a change, a child, an owner) lies in a
 * second record, made at the first need.
 */
#ifndef PDK_DATA_TREE_PRIVATE_H
#define PDK_DATA_TREE_PRIVATE_H

#include "data/payload.h"
#include "data/slab.h"
#include "data/tree.h"

/* Without `more`: mzxid = pzxid = czxid, mtime = ctime, versions and owner 0, no children. */
typedef struct {
	int64_t czxid, ctime;
	uint32_t parent, previous, next; /* 0: none */
	uint32_t chain, hash;            /* of the index over (parent, name) */
	PdkAclId acl;
	uint32_t prefix; /* CRC state after path and data; 0: does not count */
	uint32_t more;
	uint8_t *payload;    /* [pointer to a GBytes] [long name's length] name [data] */
	int32_t data_length; /* -1: null */
	uint16_t name_length;
	uint8_t flags;
	uint8_t mark; /* of the last snapshot walk that has written the node or must not */
} PdkRecord;
G_STATIC_ASSERT(sizeof(PdkRecord) == 64);

enum {
	PDK_RECORD_PUBLIC_FLAGS = 0x0f,
	PDK_RECORD_UNCOUNTED = 0x80, /* below /zookeeper: not in the digest */
	PDK_RECORD_LONG_NAME = UINT16_MAX,
	PDK_DATA_APART = 4096, /* data of so many bytes lies in a GBytes */
};

typedef struct {
	int64_t mzxid, pzxid, mtime;
	int32_t version, cversion, aversion;
	uint32_t first, last, children;
	uint32_t special; /* record of the owner; 0: a plain node */
} PdkMore;

/* Nodes with an owner, in order of creation: one list for each session, one for containers and TTL nodes. */
typedef struct {
	uint32_t first, last;
	uint64_t count;
} PdkSpecialList;

typedef struct {
	int64_t owner;
	PdkNode node;
	uint32_t previous, next;
	uint32_t session; /* number of the session's record; 0: container or TTL */
} PdkSpecial;

typedef struct {
	int64_t id;
	PdkSpecialList ephemerals;
	uint32_t chain;
} PdkOwnerSession;

typedef struct {
	PdkSlab specials, sessions;
	PdkIndex by_id;
	PdkSpecialList lasting;
	uint64_t ephemerals;
} PdkOwners;

/*
 * CRC state after, and length of, a node's path and the '/' behind it; it serves the next child of the same
 * parent.
 */
typedef struct {
	PdkNode node; /* 0: nothing known */
	uint32_t crc;
	size_t length;
} PdkParentPath;

/* Called before a node that the walk has not written yet is changed or removed. */
typedef void (*PdkTreeKeep)(void *context, PdkNode node);

struct PdkTree {
	PdkTreeSettings settings;
	PdkAcls *acls;
	PdkSlab records, mores;
	PdkIndex index;
	PdkPayloads payloads;
	PdkOwners owners;
	PdkNode root;
	PdkParentPath parent_path;
	PdkBuffer scratch;
	uint64_t digest, data_size;
	uint64_t apart; /* nodes whose data lies in a GBytes */

	PdkTreeKeep keep; /* NULL: no walk */
	void *keep_context;
	PdkNode cursor;         /* the node that the walk visits next; 0: none */
	uint8_t mark;           /* nodes with this mark are no business of the walk */
	uint8_t aborted_walks;  /* since the last finished one: so many other marks may be about */
};

static inline PdkRecord *
pdk_tree_record(const PdkTree *tree, PdkNode node)
{
	return (PdkRecord *)tree->records.blocks[node >> PDK_SLAB_SHIFT] + (node & (PDK_SLAB_BLOCK - 1));
}

static inline PdkMore *
pdk_tree_more(const PdkTree *tree, const PdkRecord *record)
{
	return record->more == 0 ? NULL : pdk_slab_at(&tree->mores, record->more);
}

/* How the bytes of a payload are laid out. */
static inline size_t
pdk_record_name_offset(const PdkRecord *record)
{
	return (record->data_length >= PDK_DATA_APART ? sizeof(GBytes *) : 0) +
	       (record->name_length == PDK_RECORD_LONG_NAME ? sizeof(uint32_t) : 0);
}

static inline size_t
pdk_record_name_length(const PdkRecord *record)
{
	if (G_LIKELY(record->name_length != PDK_RECORD_LONG_NAME))
		return record->name_length;
	uint32_t length;
	memcpy(&length, record->payload + pdk_record_name_offset(record) - sizeof(length), sizeof(length));
	return length;
}

static inline const char *
pdk_record_name(const PdkRecord *record)
{
	return (const char *)record->payload + pdk_record_name_offset(record);
}

/* The bytes of the payload block. */
static inline size_t
pdk_record_payload_size(const PdkRecord *record)
{
	size_t inline_data = record->data_length > 0 && record->data_length < PDK_DATA_APART
				     ? (size_t)record->data_length
				     : 0;
	return pdk_record_name_offset(record) + pdk_record_name_length(record) + inline_data;
}

/* As pdk_tree_insert, but 0 when there is such a child already (@acl is then not taken over). */
PdkNode pdk_tree_try_insert(PdkTree *tree, PdkNode parent, const char *name, size_t name_length,
			    const uint8_t *data, int32_t data_length, PdkAclId acl, const PdkStat *stat);

/*
 * Advice to the cache that a child will be inserted: first with its name, some insertions later with the hash
 * that this gave. It changes nothing and may be wrong.
 */
uint32_t pdk_tree_expect_name(const PdkTree *tree, PdkNode parent, const char *name, size_t length);
void pdk_tree_expect_hash(const PdkTree *tree, uint32_t hash);

/* The owners' side table. */
void pdk_owners_init(PdkOwners *owners);
void pdk_owners_clear(PdkOwners *owners);
/* A new record for @node's @owner, at the end of its list. */
uint32_t pdk_owners_add(PdkOwners *owners, PdkNode node, int64_t owner, PdkNodeType type);
void pdk_owners_remove(PdkOwners *owners, uint32_t special);
void pdk_owners_check(const PdkTree *tree);

/* The walk. From begin to end every change of a node of the beginning goes through @keep first. */
void pdk_tree_walk_begin(PdkTree *tree, PdkTreeKeep keep, void *context);
void pdk_tree_walk_end(PdkTree *tree, bool finished);
static inline bool
pdk_tree_walk_wants(const PdkTree *tree, PdkNode node)
{
	return pdk_tree_record(tree, node)->mark != tree->mark;
}
/* The next node in depth-first order, children before siblings; 0 at the end. */
PdkNode pdk_tree_walk_after(const PdkTree *tree, PdkNode node);

#endif

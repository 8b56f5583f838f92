/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What nodes will be once everything proposed is applied: the state that the next write is checked against. A
 * record lives while some txn in flight holds it. Source: PrepRequestProcessor's ChangeRecords.
 */
#ifndef PDK_SERVER_PENDING_H
#define PDK_SERVER_PENDING_H

#include "data/tree.h"

typedef struct {
	bool exists;
	PdkStat stat;
	uint32_t children;
	PdkAclId acl; /* not counted here: the tree or the txn in flight holds it */
	uint32_t prefix; /* CRC state after path and data; 0 when the node does not count */
} PdkNodeState;

typedef struct PdkPending PdkPending;
struct PdkPending {
	PdkNodeState state;
	bool counts;       /* for the digest */
	uint32_t holders;  /* txns in flight */
	uint32_t hash;
	PdkPending *next;  /* in the bucket */
	PdkPending *previous_ephemeral, *next_ephemeral; /* list of created, not yet applied ephemerals */
	bool listed;
	uint32_t path_length;
	char path[];
};

typedef struct PdkPendings PdkPendings;

/* @tree is borrowed. With @digest the running digest is kept. */
PdkPendings *pdk_pendings_new(PdkTree *tree, bool digest);
void pdk_pendings_free(PdkPendings *pendings);

/* What @path will be. */
PdkNodeState pdk_pendings_look(PdkPendings *pendings, const char *path, size_t length);
/*
 * Sets the state of @path to @after, keeping the running digest; to be undone by pdk_pendings_rollback.
 * @before is what pdk_pendings_look said since the last change.
 */
void pdk_pendings_set(PdkPendings *pendings, const char *path, size_t length, const PdkNodeState *before,
		      const PdkNodeState *after);

/* The digest of the tree once everything proposed is applied. */
uint64_t pdk_pendings_digest(const PdkPendings *pendings);
/* The tree was replaced or changed without a txn: start from its digest. Nothing may be in flight. */
void pdk_pendings_reset(PdkPendings *pendings);

/*
 * One txn: everything set since `begin` is either kept, counted as held by it, in @held (of PdkPending *,
 * appended to), or undone. `mark` returns a point to which a part of it can be rolled back.
 */
void pdk_pendings_begin(PdkPendings *pendings);
size_t pdk_pendings_mark(const PdkPendings *pendings);
void pdk_pendings_rollback(PdkPendings *pendings, size_t mark);
void pdk_pendings_commit(PdkPendings *pendings, GArray *held);
/* The txn that held @record was applied. */
void pdk_pendings_release(PdkPendings *pendings, PdkPending *record);

/* Ephemerals of @session that are created but not applied yet: start with NULL. */
PdkPending *pdk_pendings_next_ephemeral(PdkPendings *pendings, int64_t session, PdkPending *after);
size_t pdk_pendings_count(const PdkPendings *pendings);

#endif

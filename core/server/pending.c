/* SPDX-License-Identifier: Apache-2.0 */
/* What nodes will be once everything proposed is applied. */
#include "server/pending.h"

#define FIRST_BUCKETS 256

typedef struct {
	PdkPending *record;
	PdkNodeState before;
} Undo;

struct PdkPendings {
	PdkTree *tree;
	PdkPending **buckets;
	uint32_t mask;
	size_t count;
	bool keep_digest;
	uint64_t digest;
	GArray *undo; /* of Undo: since begin */
	PdkPending *ephemerals;
};

static uint32_t
hash_path(const char *path, size_t length)
{
	uint64_t hash = 0xcbf29ce484222325u ^ length;
	while (length >= 8) {
		uint64_t word;
		memcpy(&word, path, 8);
		hash = (hash ^ word) * 0x9fb21c651e98df25u;
		hash ^= hash >> 32;
		path += 8;
		length -= 8;
	}
	uint64_t word = 0;
	memcpy(&word, path, length);
	hash = (hash ^ word) * 0x9fb21c651e98df25u;
	return (uint32_t)(hash >> 32);
}

PdkPendings *
pdk_pendings_new(PdkTree *tree, bool digest)
{
	PdkPendings *pendings = g_new0(PdkPendings, 1);
	pendings->tree = tree;
	pendings->keep_digest = digest;
	pendings->buckets = g_new0(PdkPending *, FIRST_BUCKETS);
	pendings->mask = FIRST_BUCKETS - 1;
	pendings->undo = g_array_new(FALSE, FALSE, sizeof(Undo));
	pendings->digest = pdk_tree_digest(tree);
	return pendings;
}

void
pdk_pendings_free(PdkPendings *pendings)
{
	for (uint32_t i = 0; i <= pendings->mask; i++) {
		PdkPending *next;
		for (PdkPending *record = pendings->buckets[i]; record; record = next) {
			next = record->next;
			g_free(record);
		}
	}
	g_free(pendings->buckets);
	g_array_unref(pendings->undo);
	g_free(pendings);
}

static PdkPending *
find(PdkPendings *pendings, const char *path, size_t length, uint32_t hash)
{
	for (PdkPending *record = pendings->buckets[hash & pendings->mask]; record; record = record->next)
		if (record->hash == hash && record->path_length == length && memcmp(record->path, path, length) == 0)
			return record;
	return NULL;
}

static PdkNodeState
state_of_tree(PdkTree *tree, const char *path, size_t length)
{
	PdkNodeState state = {0};
	PdkNode node = pdk_tree_find(tree, path, length);
	if (node == 0)
		return state;
	state.exists = true;
	pdk_tree_stat(tree, node, &state.stat);
	state.children = pdk_tree_child_count(tree, node);
	state.acl = pdk_tree_acl(tree, node);
	state.prefix = pdk_tree_digest_prefix(tree, node);
	return state;
}

PdkNodeState
pdk_pendings_look(PdkPendings *pendings, const char *path, size_t length)
{
	if (length == 1)
		length = 0;
	if (pendings->count > 0) {
		PdkPending *record = find(pendings, path, length, hash_path(path, length));
		if (record)
			return record->state;
	}
	return state_of_tree(pendings->tree, path, length);
}

static void
grow(PdkPendings *pendings)
{
	uint32_t mask = pendings->mask * 2 + 1;
	PdkPending **buckets = g_new0(PdkPending *, (size_t)mask + 1);
	for (uint32_t i = 0; i <= pendings->mask; i++) {
		PdkPending *next;
		for (PdkPending *record = pendings->buckets[i]; record; record = next) {
			next = record->next;
			record->next = buckets[record->hash & mask];
			buckets[record->hash & mask] = record;
		}
	}
	g_free(pendings->buckets);
	pendings->buckets = buckets;
	pendings->mask = mask;
}

/* The record of @path, made with the state @known when there is none. */
static PdkPending *
record_of(PdkPendings *pendings, const char *path, size_t length, const PdkNodeState *known)
{
	uint32_t hash = hash_path(path, length);
	PdkPending *record = find(pendings, path, length, hash);
	if (record)
		return record;
	if (pendings->count > pendings->mask)
		grow(pendings);
	record = g_malloc(sizeof *record + length);
	*record = (PdkPending){.hash = hash, .path_length = (uint32_t)length, .state = *known};
	memcpy(record->path, path, length);
	record->counts = pendings->keep_digest && pdk_digest_counts(path, length);
	record->next = pendings->buckets[hash & pendings->mask];
	pendings->buckets[hash & pendings->mask] = record;
	pendings->count++;
	return record;
}

static void
unlist(PdkPendings *pendings, PdkPending *record)
{
	if (!record->listed)
		return;
	if (record->previous_ephemeral)
		record->previous_ephemeral->next_ephemeral = record->next_ephemeral;
	else
		pendings->ephemerals = record->next_ephemeral;
	if (record->next_ephemeral)
		record->next_ephemeral->previous_ephemeral = record->previous_ephemeral;
	record->previous_ephemeral = record->next_ephemeral = NULL;
	record->listed = false;
}

/*
 * Any record with an owner is listed; whose it is, and whether the tree knows it already, is asked when
 * walking.
 */
static void
relist(PdkPendings *pendings, PdkPending *record)
{
	bool wanted = record->state.exists && record->state.stat.owner != 0;
	if (wanted == record->listed)
		return;
	if (!wanted) {
		unlist(pendings, record);
		return;
	}
	record->next_ephemeral = pendings->ephemerals;
	if (pendings->ephemerals)
		pendings->ephemerals->previous_ephemeral = record;
	pendings->ephemerals = record;
	record->listed = true;
}

static uint64_t
share(const PdkPending *record)
{
	if (!record->counts || !record->state.exists)
		return 0;
	return pdk_digest_share(record->state.prefix, &record->state.stat);
}

static void
drop(PdkPendings *pendings, PdkPending *record)
{
	PdkPending **link = &pendings->buckets[record->hash & pendings->mask];
	while (*link != record)
		link = &(*link)->next;
	*link = record->next;
	unlist(pendings, record);
	pendings->count--;
	g_free(record);
}

void
pdk_pendings_set(PdkPendings *pendings, const char *path, size_t length, const PdkNodeState *before,
		 const PdkNodeState *after)
{
	if (length == 1) /* "/": the root is the empty path */
		length = 0;
	PdkPending *record = record_of(pendings, path, length, before);
	pdk_assert(record->state.exists == before->exists && record->state.stat.mzxid == before->stat.mzxid &&
		   record->state.stat.pzxid == before->stat.pzxid);
	Undo undo = {record, record->state};
	g_array_append_val(pendings->undo, undo);
	record->holders++;
	pendings->digest -= share(record);
	record->state = *after;
	pendings->digest += share(record);
	relist(pendings, record);
}

uint64_t
pdk_pendings_digest(const PdkPendings *pendings)
{
	return pendings->digest;
}

void
pdk_pendings_reset(PdkPendings *pendings)
{
	pdk_assert(pendings->count == 0);
	pendings->digest = pdk_tree_digest(pendings->tree);
}

void
pdk_pendings_begin(PdkPendings *pendings)
{
	g_array_set_size(pendings->undo, 0);
}

size_t
pdk_pendings_mark(const PdkPendings *pendings)
{
	return pendings->undo->len;
}

void
pdk_pendings_rollback(PdkPendings *pendings, size_t mark)
{
	while (pendings->undo->len > mark) {
		Undo *undo = &g_array_index(pendings->undo, Undo, pendings->undo->len - 1);
		PdkPending *record = undo->record;
		pendings->digest -= share(record);
		record->state = undo->before;
		pendings->digest += share(record);
		relist(pendings, record);
		g_array_set_size(pendings->undo, pendings->undo->len - 1);
		pdk_pendings_release(pendings, record);
	}
}

void
pdk_pendings_commit(PdkPendings *pendings, GArray *held)
{
	for (guint i = 0; i < pendings->undo->len; i++)
		g_array_append_val(held, g_array_index(pendings->undo, Undo, i).record);
	g_array_set_size(pendings->undo, 0);
}

void
pdk_pendings_release(PdkPendings *pendings, PdkPending *record)
{
	pdk_assert(record->holders > 0);
	if (--record->holders == 0)
		drop(pendings, record);
}

static bool
applied_already(PdkPendings *pendings, const PdkPending *record)
{
	PdkNode node = pdk_tree_find(pendings->tree, record->path, record->path_length);
	return node != 0 && pdk_tree_owner(pendings->tree, node) == record->state.stat.owner;
}

PdkPending *
pdk_pendings_next_ephemeral(PdkPendings *pendings, int64_t session, PdkPending *after)
{
	PdkPending *record = after ? after->next_ephemeral : pendings->ephemerals;
	while (record && (record->state.stat.owner != session || applied_already(pendings, record)))
		record = record->next_ephemeral;
	return record;
}

size_t
pdk_pendings_count(const PdkPendings *pendings)
{
	return pendings->count;
}

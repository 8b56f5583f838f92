/* SPDX-License-Identifier: Apache-2.0 */
/* Whose the ephemeral nodes are, and which nodes are containers or have a time to live. */
#include "data/tree-private.h"

static uint32_t
session_hash(const void *owner G_GNUC_UNUSED, const void *record)
{
	return pdk_hash_u64((uint64_t)((const PdkOwnerSession *)record)->id);
}

void
pdk_owners_init(PdkOwners *owners)
{
	*owners = (PdkOwners){0};
	pdk_slab_init(&owners->specials, sizeof(PdkSpecial));
	pdk_slab_init(&owners->sessions, sizeof(PdkOwnerSession));
	pdk_index_init(&owners->by_id, &owners->sessions, offsetof(PdkOwnerSession, chain), session_hash,
		       owners);
}

void
pdk_owners_clear(PdkOwners *owners)
{
	pdk_index_clear(&owners->by_id);
	pdk_slab_clear(&owners->sessions);
	pdk_slab_clear(&owners->specials);
	owners->lasting = (PdkSpecialList){0};
	owners->ephemerals = 0;
}

static PdkSpecial *
special_at(const PdkOwners *owners, uint32_t number)
{
	return pdk_slab_at(&owners->specials, number);
}

static PdkOwnerSession *
session_at(const PdkOwners *owners, uint32_t number)
{
	return pdk_slab_at(&owners->sessions, number);
}

/* The session's record number, 0: owns nothing. */
static uint32_t
find_session(const PdkOwners *owners, int64_t id)
{
	uint32_t number = pdk_index_first(&owners->by_id, pdk_hash_u64((uint64_t)id));
	while (number != 0 && session_at(owners, number)->id != id)
		number = pdk_index_next(&owners->by_id, number);
	return number;
}

static uint32_t
need_session(PdkOwners *owners, int64_t id)
{
	uint32_t number = find_session(owners, id);
	if (number != 0)
		return number;
	number = pdk_slab_take(&owners->sessions);
	session_at(owners, number)->id = id;
	pdk_index_insert(&owners->by_id, number);
	return number;
}

static PdkSpecialList *
list_of(PdkOwners *owners, const PdkSpecial *special)
{
	return special->session ? &session_at(owners, special->session)->ephemerals : &owners->lasting;
}

uint32_t
pdk_owners_add(PdkOwners *owners, PdkNode node, int64_t owner, PdkNodeType type)
{
	uint32_t number = pdk_slab_take(&owners->specials);
	PdkSpecial *special = special_at(owners, number);
	*special = (PdkSpecial){.owner = owner, .node = node};
	if (type == PDK_NODE_EPHEMERAL) {
		special->session = need_session(owners, owner);
		owners->ephemerals++;
	}
	PdkSpecialList *list = list_of(owners, special);
	special->previous = list->last;
	if (list->last != 0)
		special_at(owners, list->last)->next = number;
	else
		list->first = number;
	list->last = number;
	list->count++;
	return number;
}

void
pdk_owners_remove(PdkOwners *owners, uint32_t number)
{
	PdkSpecial *special = special_at(owners, number);
	PdkSpecialList *list = list_of(owners, special);
	if (special->previous != 0)
		special_at(owners, special->previous)->next = special->next;
	else
		list->first = special->next;
	if (special->next != 0)
		special_at(owners, special->next)->previous = special->previous;
	else
		list->last = special->previous;
	list->count--;
	if (special->session != 0) {
		owners->ephemerals--;
		if (list->count == 0) {
			pdk_index_remove(&owners->by_id, special->session);
			pdk_slab_give(&owners->sessions, special->session);
		}
	}
	pdk_slab_give(&owners->specials, number);
}

uint64_t
pdk_tree_ephemeral_count(const PdkTree *tree)
{
	return tree->owners.ephemerals;
}

static PdkNode
node_of(const PdkTree *tree, uint32_t special)
{
	return special ? special_at(&tree->owners, special)->node : 0;
}

static const PdkSpecial *
special_of(const PdkTree *tree, PdkNode node)
{
	const PdkMore *more = pdk_tree_more(tree, pdk_tree_record(tree, node));
	pdk_assert(more != NULL && more->special != 0);
	return special_at(&tree->owners, more->special);
}

PdkNode
pdk_tree_next_ephemeral(const PdkTree *tree, int64_t session, PdkNode after)
{
	if (after != 0) {
		const PdkSpecial *special = special_of(tree, after);
		pdk_assert(special->session != 0 && special->owner == session);
		return node_of(tree, special->next);
	}
	uint32_t number = find_session(&tree->owners, session);
	return number ? node_of(tree, session_at(&tree->owners, number)->ephemerals.first) : 0;
}

bool
pdk_tree_next_ephemeral_owner(const PdkTree *tree, uint64_t *cursor, int64_t *session, uint64_t *count)
{
	const PdkOwners *owners = &tree->owners;
	for (uint64_t number = *cursor + 1; number < owners->sessions.end; number++) {
		const PdkOwnerSession *found = session_at(owners, (uint32_t)number);
		if (found->ephemerals.count == 0)
			continue;
		*cursor = number;
		*session = found->id;
		*count = found->ephemerals.count;
		return true;
	}
	return false;
}

PdkNode
pdk_tree_next_special(const PdkTree *tree, PdkNode after)
{
	if (after == 0)
		return node_of(tree, tree->owners.lasting.first);
	const PdkSpecial *special = special_of(tree, after);
	pdk_assert(special->session == 0);
	return node_of(tree, special->next);
}

static uint64_t
check_list(const PdkTree *tree, const PdkSpecialList *list, uint32_t session)
{
	uint64_t count = 0;
	uint32_t previous = 0;
	for (uint32_t at = list->first; at != 0; at = special_at(&tree->owners, at)->next) {
		const PdkSpecial *special = special_at(&tree->owners, at);
		pdk_assert(special->session == session && special->previous == previous &&
			   special->owner != 0);
		pdk_assert(special_of(tree, special->node) == special);
		previous = at;
		pdk_assert(++count <= tree->owners.specials.live);
	}
	pdk_assert(previous == list->last && count == list->count);
	return count;
}

void
pdk_owners_check(const PdkTree *tree)
{
	const PdkOwners *owners = &tree->owners;
	pdk_index_check(&owners->by_id);
	uint64_t ephemerals = 0, cursor = 0, count;
	int64_t session;
	while (pdk_tree_next_ephemeral_owner(tree, &cursor, &session, &count)) {
		pdk_assert(find_session(owners, session) == cursor);
		ephemerals +=
			check_list(tree, &session_at(owners, (uint32_t)cursor)->ephemerals, (uint32_t)cursor);
	}
	pdk_assert(ephemerals == owners->ephemerals);
	pdk_assert(ephemerals + check_list(tree, &owners->lasting, 0) == owners->specials.live);
}

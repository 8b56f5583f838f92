/* SPDX-License-Identifier: Apache-2.0 */
/* How znodes are found and changed. */
#include "data/tree-private.h"

#include <libdeflate.h>

/* Mixes 128 bits of a product: what wyhash rests on (Wang Yi). */
static inline uint64_t
mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t
load_word(const char *at)
{
	uint64_t word;
	memcpy(&word, at, sizeof(word));
	return word;
}

static inline uint64_t
load_tail(const char *at, size_t length)
{
	uint64_t word = 0;
	memcpy(&word, at, length);
	return word;
}

static uint32_t
key_hash(const PdkTree *tree, PdkNode parent, const char *name, size_t length)
{
	uint64_t state =
		tree->settings.seed ^ mix((uint64_t)parent << 32 | (uint32_t)length, 0x9e3779b97f4a7c15u);
	while (length > 16) {
		state = mix(load_word(name) ^ 0xa0761d6478bd642fu, load_word(name + 8) ^ state);
		name += 16;
		length -= 16;
	}
	uint64_t a, b = 0;
	if (length >= 8) {
		a = load_word(name);
		b = load_word(name + length - 8);
	} else {
		a = load_tail(name, length);
	}
	return (uint32_t)mix(mix(a ^ 0xe7037ed1a0b428dbu, b ^ state), state ^ 0x8ebc6af09c88c6e3u);
}

static uint32_t
record_hash(const void *owner G_GNUC_UNUSED, const void *record)
{
	return ((const PdkRecord *)record)->hash;
}

static PdkNode
find_child(const PdkTree *tree, PdkNode parent, const char *name, size_t length, uint32_t hash)
{
	PdkNode node = pdk_index_first(&tree->index, hash);
	while (node != 0) {
		const PdkRecord *record = pdk_tree_record(tree, node);
		if (record->hash == hash && record->parent == parent &&
		    pdk_record_name_length(record) == length &&
		    memcmp(pdk_record_name(record), name, length) == 0)
			return node;
		node = record->chain;
	}
	return 0;
}

uint64_t
pdk_tree_seed(const PdkTree *tree)
{
	return tree->settings.seed;
}

PdkNode
pdk_tree_root(const PdkTree *tree)
{
	return tree->root;
}

PdkNode
pdk_tree_child(const PdkTree *tree, PdkNode parent, const char *name, size_t length)
{
	if (length == 0 || tree->index.count == 0)
		return 0;
	return find_child(tree, parent, name, length, key_hash(tree, parent, name, length));
}

PdkNode
pdk_tree_find(const PdkTree *tree, const char *path, size_t length)
{
	if (length == 0)
		return tree->root;
	if (path[0] != '/')
		return 0;
	if (length == 1)
		return tree->root;
	PdkNode node = tree->root;
	const char *end = path + length;
	for (const char *at = path; at < end && node != 0;) {
		const char *name = at + 1;
		const char *slash = memchr(name, '/', (size_t)(end - name));
		at = slash ? slash : end;
		node = pdk_tree_child(tree, node, name, (size_t)(at - name));
		if (at == end - 1)
			return 0;
	}
	return node;
}

PdkNode
pdk_tree_parent(const PdkTree *tree, PdkNode node)
{
	return pdk_tree_record(tree, node)->parent;
}

PdkNode
pdk_tree_first_child(const PdkTree *tree, PdkNode node)
{
	const PdkMore *more = pdk_tree_more(tree, pdk_tree_record(tree, node));
	return more ? more->first : 0;
}

PdkNode
pdk_tree_next_sibling(const PdkTree *tree, PdkNode node)
{
	return pdk_tree_record(tree, node)->next;
}

uint32_t
pdk_tree_child_count(const PdkTree *tree, PdkNode node)
{
	const PdkMore *more = pdk_tree_more(tree, pdk_tree_record(tree, node));
	return more ? more->children : 0;
}

const char *
pdk_tree_name(const PdkTree *tree, PdkNode node, size_t *length)
{
	const PdkRecord *record = pdk_tree_record(tree, node);
	*length = pdk_record_name_length(record);
	return *length > 0 ? pdk_record_name(record) : "";
}

/* The length of the path, 0 for the root. */
static size_t
path_length(const PdkTree *tree, PdkNode node)
{
	size_t length = 0;
	while (node != tree->root) {
		const PdkRecord *record = pdk_tree_record(tree, node);
		length += 1 + pdk_record_name_length(record);
		node = record->parent;
	}
	return length;
}

size_t
pdk_tree_append_path(const PdkTree *tree, PdkNode node, PdkBuffer *out)
{
	if (node == tree->root) {
		pdk_buffer_append(out, "/", 1);
		return 1;
	}
	size_t length = path_length(tree, node);
	uint8_t *end = pdk_buffer_extend(out, length) + length;
	while (node != tree->root) {
		const PdkRecord *record = pdk_tree_record(tree, node);
		size_t name_length = pdk_record_name_length(record);
		end -= name_length;
		memcpy(end, pdk_record_name(record), name_length);
		*--end = '/';
		node = record->parent;
	}
	return length;
}

GBytes *
pdk_tree_data_block(const PdkTree *tree, PdkNode node)
{
	const PdkRecord *record = pdk_tree_record(tree, node);
	if (record->data_length < PDK_DATA_APART)
		return NULL;
	GBytes *block;
	memcpy(&block, record->payload, sizeof(block));
	return block;
}

const uint8_t *
pdk_tree_data(const PdkTree *tree, PdkNode node, int32_t *length)
{
	const PdkRecord *record = pdk_tree_record(tree, node);
	*length = record->data_length;
	if (record->data_length >= PDK_DATA_APART)
		return g_bytes_get_data(pdk_tree_data_block(tree, node), NULL);
	if (record->data_length <= 0)
		return (const uint8_t *)"";
	return record->payload + pdk_record_name_offset(record) + pdk_record_name_length(record);
}

int64_t
pdk_tree_owner(const PdkTree *tree, PdkNode node)
{
	const PdkMore *more = pdk_tree_more(tree, pdk_tree_record(tree, node));
	if (more == NULL || more->special == 0)
		return 0;
	return ((PdkSpecial *)pdk_slab_at(&tree->owners.specials, more->special))->owner;
}

void
pdk_tree_stat(const PdkTree *tree, PdkNode node, PdkStat *into)
{
	const PdkRecord *record = pdk_tree_record(tree, node);
	const PdkMore *more = pdk_tree_more(tree, record);
	*into = (PdkStat){.czxid = record->czxid, .mzxid = record->czxid, .pzxid = record->czxid};
	into->ctime = into->mtime = record->ctime;
	if (more == NULL)
		return;
	into->mzxid = more->mzxid;
	into->mtime = more->mtime;
	into->pzxid = more->pzxid;
	into->version = more->version;
	into->cversion = more->cversion;
	into->aversion = more->aversion;
	into->owner = pdk_tree_owner(tree, node);
}

PdkAclId
pdk_tree_acl(const PdkTree *tree, PdkNode node)
{
	return pdk_tree_record(tree, node)->acl;
}

static PdkNodeType
type_of(const PdkTree *tree, int64_t owner)
{
	return pdk_owner_type(owner, tree->settings.extended_types, tree->settings.emulate353);
}

PdkNodeType
pdk_tree_type(const PdkTree *tree, PdkNode node)
{
	return type_of(tree, pdk_tree_owner(tree, node));
}

uint32_t
pdk_tree_digest_prefix(const PdkTree *tree, PdkNode node)
{
	return pdk_tree_record(tree, node)->prefix;
}

void
pdk_tree_put_stat(const PdkTree *tree, PdkNode node, PdkBuffer *out)
{
	PdkStat stat;
	pdk_tree_stat(tree, node, &stat);
	pdk_stat_put_wire(out, &stat, type_of(tree, stat.owner), pdk_tree_record(tree, node)->data_length,
			  pdk_tree_child_count(tree, node));
}

/* Digest. */

static bool
counts(const PdkTree *tree, const PdkRecord *record)
{
	return tree->settings.digest && !(record->flags & PDK_RECORD_UNCOUNTED);
}

static uint64_t
share_of(const PdkTree *tree, PdkNode node)
{
	const PdkRecord *record = pdk_tree_record(tree, node);
	if (!counts(tree, record))
		return 0;
	PdkStat stat;
	pdk_tree_stat(tree, node, &stat);
	return pdk_digest_share(record->prefix, &stat);
}

static const PdkParentPath *
parent_path(PdkTree *tree, PdkNode parent)
{
	PdkParentPath *known = &tree->parent_path;
	if (known->node == parent)
		return known;
	tree->scratch.length = 0;
	if (parent != tree->root)
		pdk_tree_append_path(tree, parent, &tree->scratch);
	pdk_buffer_append(&tree->scratch, "/", 1);
	known->node = parent;
	known->length = tree->scratch.length;
	known->crc = (uint32_t)libdeflate_crc32(0, tree->scratch.data, tree->scratch.length);
	return known;
}

static void
renew_prefix(PdkTree *tree, PdkNode node, const uint8_t *data, int32_t data_length)
{
	PdkRecord *record = pdk_tree_record(tree, node);
	if (!counts(tree, record))
		return;
	uint32_t crc = 0;
	if (node != tree->root) {
		crc = parent_path(tree, record->parent)->crc;
		crc = libdeflate_crc32(crc, (const uint8_t *)pdk_record_name(record),
				       pdk_record_name_length(record));
	}
	if (data_length > 0)
		crc = libdeflate_crc32(crc, data, (size_t)data_length);
	record->prefix = (uint32_t)crc;
}

/* A child of /zookeeper or of what is below it. */
static bool
uncounted(const PdkTree *tree, PdkNode parent)
{
	const PdkRecord *record = pdk_tree_record(tree, parent);
	if (record->flags & PDK_RECORD_UNCOUNTED)
		return true;
	static const char system[] = "zookeeper";
	return record->parent == tree->root && record->name_length == sizeof(system) - 1 &&
	       memcmp(pdk_record_name(record), system, sizeof(system) - 1) == 0;
}

/* Changing. */

static inline void
before_change(PdkTree *tree, PdkNode node)
{
	if (tree->keep != NULL && pdk_tree_walk_wants(tree, node))
		tree->keep(tree->keep_context, node);
}

/* Lays name and data out in a new payload block. */
static void
fill_payload(PdkTree *tree, PdkRecord *record, const char *name, size_t name_length, const uint8_t *data,
	     int32_t data_length)
{
	record->data_length = data_length;
	record->name_length = (uint16_t)MIN(name_length, PDK_RECORD_LONG_NAME);
	bool apart = data_length >= PDK_DATA_APART;
	size_t name_offset = pdk_record_name_offset(record);
	size_t inline_data = data_length > 0 && !apart ? (size_t)data_length : 0;
	uint8_t *at = pdk_payload_take(&tree->payloads, name_offset + name_length + inline_data);
	record->payload = at;
	if (apart) {
		GBytes *block = g_bytes_new(data, (size_t)data_length);
		memcpy(at, &block, sizeof(block));
		at += sizeof(block);
		tree->apart++;
	}
	if (record->name_length == PDK_RECORD_LONG_NAME) {
		uint32_t length = (uint32_t)name_length;
		memcpy(at, &length, sizeof(length));
		at += sizeof(length);
	}
	if (name_length > 0)
		memcpy(at, name, name_length);
	if (inline_data > 0)
		memcpy(at + name_length, data, inline_data);
}

static void
drop_payload(PdkTree *tree, PdkRecord *record)
{
	if (record->data_length >= PDK_DATA_APART) {
		GBytes *block;
		memcpy(&block, record->payload, sizeof(block));
		g_bytes_unref(block);
		tree->apart--;
	}
	pdk_payload_give(&tree->payloads, record->payload, pdk_record_payload_size(record));
	record->payload = NULL;
}

static void
replace_data(PdkTree *tree, PdkRecord *record, const uint8_t *data, int32_t data_length)
{
	size_t name_length = pdk_record_name_length(record);
	bool inside = record->data_length < PDK_DATA_APART && data_length < PDK_DATA_APART;
	size_t old_size = pdk_record_payload_size(record);
	size_t new_size = old_size - (size_t)MAX(record->data_length, 0) + (size_t)MAX(data_length, 0);
	if (inside && pdk_payload_same(old_size, new_size)) {
		if (data_length > 0)
			memcpy(record->payload + pdk_record_name_offset(record) + name_length, data,
			       (size_t)data_length);
		record->data_length = data_length;
		return;
	}
	PdkRecord old = *record;
	fill_payload(tree, record, name_length > 0 ? pdk_record_name(&old) : "", name_length, data,
		     data_length);
	drop_payload(tree, &old);
}

static PdkMore *
need_more(PdkTree *tree, PdkRecord *record)
{
	if (record->more == 0) {
		record->more = pdk_slab_take(&tree->mores);
		PdkMore *more = pdk_slab_at(&tree->mores, record->more);
		more->mzxid = more->pzxid = record->czxid;
		more->mtime = record->ctime;
	}
	return pdk_slab_at(&tree->mores, record->more);
}

/* The owner's record is not touched. */
static void
store_stat(PdkTree *tree, PdkRecord *record, const PdkStat *stat)
{
	record->czxid = stat->czxid;
	record->ctime = stat->ctime;
	bool plain = stat->mzxid == stat->czxid && stat->pzxid == stat->czxid && stat->mtime == stat->ctime &&
		     (stat->version | stat->cversion | stat->aversion) == 0 && stat->owner == 0;
	if (plain && record->more == 0)
		return;
	PdkMore *more = need_more(tree, record);
	more->mzxid = stat->mzxid;
	more->pzxid = stat->pzxid;
	more->mtime = stat->mtime;
	more->version = stat->version;
	more->cversion = stat->cversion;
	more->aversion = stat->aversion;
}

static void
link_child(PdkTree *tree, PdkNode parent, PdkNode node)
{
	PdkMore *more = need_more(tree, pdk_tree_record(tree, parent));
	PdkRecord *record = pdk_tree_record(tree, node);
	record->parent = parent;
	record->previous = more->last;
	if (more->last != 0)
		pdk_tree_record(tree, more->last)->next = node;
	else
		more->first = node;
	more->last = node;
	more->children++;
}

static void
unlink_child(PdkTree *tree, PdkRecord *record)
{
	PdkMore *more = pdk_tree_more(tree, pdk_tree_record(tree, record->parent));
	if (record->previous != 0)
		pdk_tree_record(tree, record->previous)->next = record->next;
	else
		more->first = record->next;
	if (record->next != 0)
		pdk_tree_record(tree, record->next)->previous = record->previous;
	else
		more->last = record->previous;
	more->children--;
}

PdkNode
pdk_tree_try_insert(PdkTree *tree, PdkNode parent, const char *name, size_t name_length, const uint8_t *data,
		    int32_t data_length, PdkAclId acl, const PdkStat *stat)
{
	uint32_t hash = key_hash(tree, parent, name, name_length);
	if (tree->index.count > 0 && find_child(tree, parent, name, name_length, hash) != 0)
		return 0;
	PdkNode node = pdk_slab_take(&tree->records);
	PdkRecord *record = pdk_tree_record(tree, node);
	record->hash = hash;
	record->acl = acl;
	record->mark = tree->mark;
	if (uncounted(tree, parent))
		record->flags = PDK_RECORD_UNCOUNTED;
	fill_payload(tree, record, name, name_length, data, data_length);
	store_stat(tree, record, stat);
	if (stat->owner != 0)
		need_more(tree, record)->special =
			pdk_owners_add(&tree->owners, node, stat->owner, type_of(tree, stat->owner));
	link_child(tree, parent, node);
	pdk_index_insert(&tree->index, node);
	tree->data_size += parent_path(tree, parent)->length + name_length + (size_t)MAX(data_length, 0);
	if (counts(tree, record)) {
		renew_prefix(tree, node, data, data_length);
		tree->digest += pdk_digest_share(record->prefix, stat);
	}
	return node;
}

uint32_t
pdk_tree_expect_name(const PdkTree *tree, PdkNode parent, const char *name, size_t length)
{
	uint32_t hash = key_hash(tree, parent, name, length);
	pdk_index_expect_head(&tree->index, hash);
	return hash;
}

void
pdk_tree_expect_hash(const PdkTree *tree, uint32_t hash)
{
	pdk_index_expect_record(&tree->index, hash);
}

PdkNode
pdk_tree_insert(PdkTree *tree, PdkNode parent, const char *name, size_t name_length, const uint8_t *data,
		int32_t data_length, PdkAclId acl, const PdkStat *stat)
{
	pdk_assert(name_length > 0 && name_length <= G_MAXINT32 && data_length >= -1);
	PdkNode node = pdk_tree_try_insert(tree, parent, name, name_length, data, data_length, acl, stat);
	pdk_assert(node != 0);
	return node;
}

void
pdk_tree_remove(PdkTree *tree, PdkNode node)
{
	PdkRecord *record = pdk_tree_record(tree, node);
	const PdkMore *more = pdk_tree_more(tree, record);
	pdk_assert(node != tree->root && record->parent != 0 && (more == NULL || more->children == 0));
	before_change(tree, node);
	if (tree->cursor == node)
		tree->cursor = pdk_tree_walk_after(tree, node);
	if (tree->parent_path.node == node)
		tree->parent_path.node = 0;
	tree->digest -= share_of(tree, node);
	tree->data_size -= path_length(tree, node) + (size_t)MAX(record->data_length, 0);
	pdk_index_remove(&tree->index, node);
	unlink_child(tree, record);
	if (more != NULL && more->special != 0)
		pdk_owners_remove(&tree->owners, more->special);
	if (more != NULL)
		pdk_slab_give(&tree->mores, record->more);
	pdk_acls_unref(tree->acls, record->acl);
	drop_payload(tree, record);
	pdk_slab_give(&tree->records, node);
}

void
pdk_tree_set_data(PdkTree *tree, PdkNode node, const uint8_t *data, int32_t data_length, const PdkStat *stat)
{
	pdk_assert(data_length >= -1 && stat->owner == pdk_tree_owner(tree, node));
	before_change(tree, node);
	PdkRecord *record = pdk_tree_record(tree, node);
	tree->digest -= share_of(tree, node);
	tree->data_size += (uint64_t)MAX(data_length, 0) - (uint64_t)MAX(record->data_length, 0);
	replace_data(tree, record, data, data_length);
	store_stat(tree, record, stat);
	renew_prefix(tree, node, data, data_length);
	tree->digest += share_of(tree, node);
}

void
pdk_tree_set_stat(PdkTree *tree, PdkNode node, const PdkStat *stat)
{
	pdk_assert(stat->owner == pdk_tree_owner(tree, node));
	before_change(tree, node);
	PdkRecord *record = pdk_tree_record(tree, node);
	tree->digest -= share_of(tree, node);
	store_stat(tree, record, stat);
	if (counts(tree, record))
		tree->digest += pdk_digest_share(record->prefix, stat);
}

void
pdk_tree_set_acl(PdkTree *tree, PdkNode node, PdkAclId acl)
{
	before_change(tree, node);
	PdkRecord *record = pdk_tree_record(tree, node);
	PdkAclId old = record->acl;
	record->acl = acl;
	pdk_acls_unref(tree->acls, old);
}

uint8_t
pdk_tree_flags(const PdkTree *tree, PdkNode node)
{
	return pdk_tree_record(tree, node)->flags & PDK_RECORD_PUBLIC_FLAGS;
}

void
pdk_tree_set_flags(PdkTree *tree, PdkNode node, uint8_t set, uint8_t clear)
{
	pdk_assert(((set | clear) & ~PDK_RECORD_PUBLIC_FLAGS) == 0);
	PdkRecord *record = pdk_tree_record(tree, node);
	record->flags = (uint8_t)((record->flags & ~clear) | set);
}

/* Sums. */

uint64_t
pdk_tree_digest(const PdkTree *tree)
{
	return tree->digest;
}

uint64_t
pdk_tree_node_count(const PdkTree *tree)
{
	return tree->records.live;
}

uint64_t
pdk_tree_data_size(const PdkTree *tree)
{
	return tree->data_size;
}

uint64_t
pdk_tree_descendants(const PdkTree *tree, PdkNode node)
{
	if (node == tree->root)
		return tree->records.live - 1;
	uint64_t count = 0;
	PdkNode at = pdk_tree_first_child(tree, node);
	while (at != 0) {
		count++;
		PdkNode next = pdk_tree_first_child(tree, at);
		while (next == 0 && at != node) {
			next = pdk_tree_next_sibling(tree, at);
			at = pdk_tree_parent(tree, at);
		}
		at = next;
	}
	return count;
}

/* The walk. */

PdkNode
pdk_tree_walk_after(const PdkTree *tree, PdkNode node)
{
	PdkNode child = pdk_tree_first_child(tree, node);
	if (child != 0)
		return child;
	while (node != 0) {
		const PdkRecord *record = pdk_tree_record(tree, node);
		if (record->next != 0)
			return record->next;
		node = record->parent;
	}
	return 0;
}

/*
 * A finished walk leaves one mark on all nodes, so the next number is free. Unfinished ones leave several
 * about; when all 256 might be in use, which takes 254 walks given up in a row, the marks are made one again.
 */
void
pdk_tree_walk_begin(PdkTree *tree, PdkTreeKeep keep, void *context)
{
	pdk_assert(tree->keep == NULL);
	if (tree->aborted_walks == UINT8_MAX - 1) {
		for (PdkNode node = tree->root; node != 0; node = pdk_tree_walk_after(tree, node))
			pdk_tree_record(tree, node)->mark = tree->mark;
		tree->aborted_walks = 0;
	}
	tree->mark++;
	tree->keep = keep;
	tree->keep_context = context;
	tree->cursor = tree->root;
}

void
pdk_tree_walk_end(PdkTree *tree, bool finished)
{
	pdk_assert(tree->keep != NULL && (!finished || tree->cursor == 0));
	tree->aborted_walks = finished ? 0 : (uint8_t)(tree->aborted_walks + 1);
	tree->keep = NULL;
	tree->cursor = 0;
}

/* Birth and end. */

static void
add_root(PdkTree *tree)
{
	tree->root = pdk_slab_take(&tree->records);
	PdkRecord *record = pdk_tree_record(tree, tree->root);
	record->mark = tree->mark;
	tree->data_size = 1;
	tree->digest = share_of(tree, tree->root);
}

static void
add_system_node(PdkTree *tree, const char *parent, const char *name, bool config)
{
	PdkNode above = pdk_tree_find(tree, parent, strlen(parent));
	if (pdk_tree_child(tree, above, name, strlen(name)) != 0)
		return;
	/* One entry: PDK_PERM_READ, world, anyone. */
	static const uint8_t read_only[27] = "\0\0\0\1" "\0\0\0\1" "\0\0\0\5world" "\0\0\0\6anyone";
	PdkAclId acl = config ? pdk_acls_intern(tree->acls, read_only, sizeof(read_only)) : PDK_ACL_OPEN;
	PdkStat stat = {.aversion = config ? -1 : 0};
	pdk_tree_insert(tree, above, name, strlen(name), NULL, 0, acl, &stat);
}

void
pdk_tree_add_system_nodes(PdkTree *tree)
{
	add_system_node(tree, "/", "zookeeper", false);
	add_system_node(tree, "/zookeeper", "config", true);
	add_system_node(tree, "/zookeeper", "quota", false);
}

PdkTree *
pdk_tree_new(const PdkTreeSettings *settings)
{
	PdkTree *tree = g_new0(PdkTree, 1);
	tree->settings = *settings;
	tree->acls = pdk_acls_new();
	pdk_slab_init(&tree->records, sizeof(PdkRecord));
	pdk_slab_init(&tree->mores, sizeof(PdkMore));
	pdk_index_init(&tree->index, &tree->records, offsetof(PdkRecord, chain), record_hash, tree);
	pdk_owners_init(&tree->owners);
	add_root(tree);
	pdk_tree_add_system_nodes(tree);
	return tree;
}

/* Everything lies in slabs, except what malloc holds for long names and large data. */
static void
throw_away(PdkTree *tree)
{
	pdk_assert(tree->keep == NULL);
	for (PdkNode node = 1; node < tree->records.end && tree->apart + tree->payloads.outside > 0; node++) {
		PdkRecord *record = pdk_tree_record(tree, node);
		if (record->payload != NULL)
			drop_payload(tree, record);
	}
	pdk_payloads_clear(&tree->payloads);
	pdk_index_clear(&tree->index);
	pdk_slab_clear(&tree->records);
	pdk_slab_clear(&tree->mores);
	pdk_owners_clear(&tree->owners);
	pdk_acls_clear(tree->acls);
	tree->parent_path.node = 0;
}

void
pdk_tree_clear(PdkTree *tree, uint64_t expected)
{
	throw_away(tree);
	if (expected > 0)
		pdk_index_reserve(&tree->index, (uint32_t)MIN(expected, G_MAXINT32));
	add_root(tree);
}

void
pdk_tree_free(PdkTree *tree)
{
	if (tree == NULL)
		return;
	throw_away(tree);
	pdk_acls_free(tree->acls);
	pdk_buffer_clear(&tree->scratch);
	g_free(tree);
}

PdkAcls *
pdk_tree_acls(PdkTree *tree)
{
	return tree->acls;
}

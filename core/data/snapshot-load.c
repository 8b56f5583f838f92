/* SPDX-License-Identifier: Apache-2.0 */
/* How a snapshot's body becomes a tree again, from parts cut anywhere. */
#include "data/snapshot.h"
#include "data/tree-private.h"

#define LONGEST_PATH (64 << 20)
#define LONGEST_DATA (1 << 30)
#define SAMPLE_NODES 1024 /* after so many their mean length tells how many there will be */
#define SMALLEST_APPEND 4096

/*
 * An insertion waits for memory twice. So a scout runs this many nodes ahead, and looks again at half the
 * way.
 */
enum { SCOUT_FAR = 16, SCOUT_NEAR = 8 };

typedef enum {
	EXPECT_SESSION_COUNT,
	EXPECT_SESSION,
	EXPECT_ACL_COUNT,
	EXPECT_ACL,
	EXPECT_NODE,
	EXPECT_NOTHING, /* "/" was read */
	EXPECT_REFUSED,
} Expect;

struct PdkSnapshotLoad {
	PdkTree *tree;
	PdkSnapshotSessionFound found;
	void *context;
	Expect expect;
	uint32_t left;    /* sessions or lists still to come */
	PdkBuffer held;   /* the beginning of an item whose end has not come */
	uint64_t length;  /* of the body, about */
	uint64_t offset;  /* of the item in work */
	uint64_t nodes, nodes_offset, strays;
	GHashTable *acls; /* number in the file (int64_t) to PdkAclId; one reference each */
	int64_t acl_known;
	PdkAclId acl_known_id;
	PdkBuffer parent_path;
	PdkNode parent; /* whose path that is; 0: none yet */
};

/* One item's bytes, as far as they are here. */
typedef struct {
	const uint8_t *data;
	size_t length, at;
	size_t wanted;       /* set when bytes are missing: so many at least */
	const char *mistake; /* set when the bytes can never be right */
} Item;

/* Nodes of one part, seen ahead of the reader. */
typedef struct {
	const uint8_t *at, *end;
	unsigned seen, read; /* nodes: by the scout, by the reader */
	uint32_t hashes[SCOUT_FAR];
	bool hashed[SCOUT_FAR];
} Scout;

G_DEFINE_QUARK(pdk_snapshot_error, pdk_snapshot_error)

static const uint8_t *
take(Item *item, size_t length)
{
	if (item->wanted > 0 || item->mistake != NULL)
		return NULL;
	if (item->length - item->at < length) {
		item->wanted = item->at + length;
		return NULL;
	}
	const uint8_t *at = item->data + item->at;
	item->at += length;
	return at;
}

static int32_t
take_int(Item *item)
{
	const uint8_t *at = take(item, 4);
	return at ? (int32_t)pdk_load_u32(at) : 0;
}

static int64_t
take_long(Item *item)
{
	const uint8_t *at = take(item, 8);
	return at ? (int64_t)pdk_load_u64(at) : 0;
}

/* A buffer or ustring; -1 is null. */
static PdkSlice
take_bytes(Item *item, int32_t longest)
{
	int32_t length = take_int(item);
	if (length < -1 || length > longest)
		item->mistake = "a length that cannot be";
	const uint8_t *at = length > 0 ? take(item, (size_t)length) : NULL;
	return (PdkSlice){at, length};
}

static uint32_t
take_count(Item *item)
{
	int32_t count = take_int(item);
	if (count < 0)
		item->mistake = "a negative count";
	return (uint32_t)MAX(count, 0);
}

static bool
complete(const Item *item)
{
	return item->wanted == 0 && item->mistake == NULL;
}

static void
read_session(PdkSnapshotLoad *load, Item *item)
{
	int64_t id = take_long(item);
	int32_t timeout_ms = take_int(item);
	if (!complete(item))
		return;
	if (load->found != NULL)
		load->found(load->context, id, timeout_ms);
	if (--load->left == 0)
		load->expect = EXPECT_ACL_COUNT;
}

static void
read_acl(PdkSnapshotLoad *load, Item *item)
{
	int64_t number = take_long(item);
	size_t begin = item->at;
	uint32_t count = take_count(item);
	for (uint32_t i = 0; i < count && complete(item); i++) {
		take_int(item);
		take_bytes(item, LONGEST_PATH);
		take_bytes(item, LONGEST_PATH);
	}
	if (!complete(item))
		return;
	if (g_hash_table_contains(load->acls, &number)) {
		item->mistake = "an ACL number given twice";
		return;
	}
	PdkAclId id = pdk_acls_intern(load->tree->acls, item->data + begin, item->at - begin);
	g_hash_table_insert(load->acls, g_memdup2(&number, sizeof(number)), GUINT_TO_POINTER(id));
	if (--load->left == 0)
		load->expect = EXPECT_NODE;
}

/* A list of one entry that gives no permission (world:anyone, 0): what is not known to be allowed is not. */
static const uint8_t nobody[] = {
	0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 5, 'w', 'o', 'r', 'l', 'd', 0, 0, 0, 6, 'a', 'n', 'y', 'o', 'n', 'e',
};

/* With a reference of its own. */
static PdkAclId
acl_of(PdkSnapshotLoad *load, int64_t number)
{
	if (number == -1)
		return PDK_ACL_OPEN;
	if (number != load->acl_known) {
		void *id;
		if (!g_hash_table_lookup_extended(load->acls, &number, NULL, &id)) {
			load->strays++;
			return pdk_acls_intern(load->tree->acls, nobody, sizeof(nobody));
		}
		load->acl_known = number;
		load->acl_known_id = GPOINTER_TO_UINT(id);
	}
	pdk_acls_ref(load->tree->acls, load->acl_known_id);
	return load->acl_known_id;
}

/* Siblings come one after the other, so the last parent mostly is the next one too. */
static PdkNode
parent_of(PdkSnapshotLoad *load, const char *path, size_t length)
{
	if (load->parent != 0 && load->parent_path.length == length &&
	    (length == 0 || memcmp(load->parent_path.data, path, length) == 0))
		return load->parent;
	load->parent = pdk_tree_find(load->tree, path, length);
	load->parent_path.length = 0;
	pdk_buffer_append(&load->parent_path, path, length);
	return load->parent;
}

static const char *
add_root(PdkSnapshotLoad *load, PdkSlice data, int64_t acl, const PdkStat *stat)
{
	if (load->nodes > 0)
		return "a second root";
	if (stat->owner != 0)
		return "a root with an owner";
	pdk_tree_set_data(load->tree, load->tree->root, data.data, data.length, stat);
	pdk_tree_set_acl(load->tree, load->tree->root, acl_of(load, acl));
	return NULL;
}

static const char *
add_node(PdkSnapshotLoad *load, PdkSlice path, PdkSlice data, int64_t acl, const PdkStat *stat)
{
	const char *text = (const char *)path.data;
	size_t length = (size_t)path.length;
	if (length == 0)
		return add_root(load, data, acl, stat);
	if (load->nodes == 0)
		return "a node before the root";
	if (text[0] != '/' || text[length - 1] == '/')
		return "a path that cannot be";
	size_t name = length;
	while (text[name - 1] != '/')
		name--;
	PdkNode parent = parent_of(load, text, name - 1);
	if (parent == 0 || (name == 2 && text[0] == '/' && text[1] == '/'))
		return "a node without its parent";
	PdkAclId id = acl_of(load, acl);
	if (pdk_tree_try_insert(load->tree, parent, text + name, length - name, data.data, data.length, id,
				stat) == 0) {
		pdk_acls_unref(load->tree->acls, id);
		return "a node given twice";
	}
	return NULL;
}

static void
size_index(PdkSnapshotLoad *load, uint64_t end)
{
	uint64_t mean = MAX((end - load->nodes_offset) / load->nodes, 1);
	pdk_index_reserve(&load->tree->index, (uint32_t)MIN(load->length / mean, G_MAXINT32));
}

static void
read_node(PdkSnapshotLoad *load, Item *item)
{
	PdkSlice path = take_bytes(item, LONGEST_PATH);
	if (!complete(item))
		return;
	if (path.length == 1 && path.data[0] == '/') {
		load->expect = EXPECT_NOTHING;
		if (load->nodes == 0)
			item->mistake = "no root";
		return;
	}
	if (path.length < 0) {
		item->mistake = "a null path";
		return;
	}
	PdkSlice data = take_bytes(item, LONGEST_DATA);
	int64_t acl = take_long(item);
	const uint8_t *persisted = take(item, 60);
	if (!complete(item))
		return;
	PdkStat stat;
	pdk_stat_load_persisted(&stat, persisted);
	item->mistake = add_node(load, path, data, acl, &stat);
	if (load->nodes++ == 0)
		load->nodes_offset = load->offset;
	if (load->nodes == SAMPLE_NODES)
		size_index(load, load->offset + item->at);
}

static void
read_item(PdkSnapshotLoad *load, Item *item)
{
	switch (load->expect) {
	case EXPECT_SESSION_COUNT:
		load->left = take_count(item);
		if (complete(item))
			load->expect = load->left > 0 ? EXPECT_SESSION : EXPECT_ACL_COUNT;
		break;
	case EXPECT_SESSION:
		read_session(load, item);
		break;
	case EXPECT_ACL_COUNT:
		load->left = take_count(item);
		if (complete(item))
			load->expect = load->left > 0 ? EXPECT_ACL : EXPECT_NODE;
		break;
	case EXPECT_ACL:
		read_acl(load, item);
		break;
	case EXPECT_NODE:
		read_node(load, item);
		break;
	default:
		pdk_assert(false);
	}
}

PdkSnapshotLoad *
pdk_snapshot_load_new(PdkTree *tree, uint64_t length, PdkSnapshotSessionFound found, void *context)
{
	PdkSnapshotLoad *load = g_new0(PdkSnapshotLoad, 1);
	load->tree = tree;
	load->length = length;
	load->found = found;
	load->context = context;
	load->acl_known = -1;
	load->acls = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	pdk_tree_clear(tree, 0);
	return load;
}

void
pdk_snapshot_load_free(PdkSnapshotLoad *load)
{
	if (load == NULL)
		return;
	g_hash_table_unref(load->acls);
	pdk_buffer_clear(&load->held);
	pdk_buffer_clear(&load->parent_path);
	g_free(load);
}

/* The map's own references go; lists without a node go with them. */
static void
release_acls(PdkSnapshotLoad *load)
{
	GHashTableIter iter;
	void *id;
	g_hash_table_iter_init(&iter, load->acls);
	while (g_hash_table_iter_next(&iter, NULL, &id))
		pdk_acls_unref(load->tree->acls, GPOINTER_TO_UINT(id));
	g_hash_table_remove_all(load->acls);
}

/*
 * Completes the item whose beginning is held; returns the bytes of @data that belong to it, or all of them
 * when it is still not complete. What is appended grows with what is there, so that an item in many parts is
 * not read over too often.
 */
static size_t
read_held(PdkSnapshotLoad *load, Item *item, const uint8_t *data, size_t length)
{
	size_t taken = 0;
	while (taken < length) {
		size_t more = MIN(length - taken, MAX(load->held.length, SMALLEST_APPEND));
		pdk_buffer_append(&load->held, data + taken, more);
		taken += more;
		*item = (Item){.data = load->held.data, .length = load->held.length};
		read_item(load, item);
		if (item->wanted > 0)
			continue;
		if (item->mistake != NULL)
			break;
		taken -= load->held.length - item->at;
		load->held.length = 0;
		break;
	}
	return taken;
}

/* One node further, when it is here as a whole. What is no child of the parent at work gets no advice. */
static void
scout_node(const PdkSnapshotLoad *load, Scout *scout)
{
	size_t left = (size_t)(scout->end - scout->at), parent_length = load->parent_path.length;
	size_t path_length = left >= 8 ? pdk_load_u32(scout->at) : 0;
	if (left < 8 || path_length > left - 8) {
		scout->at = scout->end;
		return;
	}
	const char *path = (const char *)scout->at + 4;
	int32_t data_length = (int32_t)pdk_load_u32(scout->at + 4 + path_length);
	size_t length = 8 + path_length + (size_t)MAX(data_length, 0) + 68;
	scout->at = length < left ? scout->at + length : scout->end;
	unsigned slot = scout->seen++ % SCOUT_FAR;
	scout->hashed[slot] =
		load->parent != 0 && path_length > parent_length + 1 && path[parent_length] == '/' &&
		(parent_length == 0 || memcmp(path, load->parent_path.data, parent_length) == 0);
	if (scout->hashed[slot])
		scout->hashes[slot] = pdk_tree_expect_name(load->tree, load->parent, path + parent_length + 1,
							   path_length - parent_length - 1);
	unsigned earlier = (slot + SCOUT_FAR - SCOUT_NEAR) % SCOUT_FAR;
	if (scout->seen > SCOUT_NEAR && scout->hashed[earlier])
		pdk_tree_expect_hash(load->tree, scout->hashes[earlier]);
}

static void
scout_ahead(const PdkSnapshotLoad *load, Scout *scout, const Item *item)
{
	if (scout->at == NULL)
		*scout = (Scout){.at = item->data, .end = item->data + item->length};
	while (scout->seen < scout->read + SCOUT_FAR && scout->at < scout->end)
		scout_node(load, scout);
	scout->read++;
}

static PdkLoadResult
refuse(PdkSnapshotLoad *load, const char *mistake, GError **error)
{
	load->expect = EXPECT_REFUSED;
	g_set_error(error, PDK_SNAPSHOT_ERROR, PDK_SNAPSHOT_ERROR_BAD,
		    "snapshot body, offset %" G_GUINT64_FORMAT ": %s", load->offset, mistake);
	return PDK_LOAD_BAD;
}

PdkLoadResult
pdk_snapshot_load_part(PdkSnapshotLoad *load, const uint8_t *data, size_t length, size_t *used,
		       GError **error)
{
	pdk_assert(load->expect != EXPECT_NOTHING && load->expect != EXPECT_REFUSED);
	*used = 0;
	Scout scout = {0};
	while (*used < length) {
		Item item = {.data = data + *used, .length = length - *used};
		if (load->held.length > 0) {
			*used += read_held(load, &item, data + *used, length - *used);
		} else {
			if (load->expect == EXPECT_NODE)
				scout_ahead(load, &scout, &item);
			read_item(load, &item);
			*used += item.wanted > 0 ? length - *used : item.at;
			if (item.wanted > 0)
				pdk_buffer_append(&load->held, item.data, item.length);
		}
		if (item.mistake != NULL)
			return refuse(load, item.mistake, error);
		if (item.wanted > 0)
			break;
		load->offset += item.at;
		if (load->expect == EXPECT_NOTHING) {
			release_acls(load);
			return PDK_LOAD_DONE;
		}
	}
	return PDK_LOAD_MORE;
}

uint64_t
pdk_snapshot_load_strays(const PdkSnapshotLoad *load)
{
	return load->strays;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* How the table of paths is changed and compared. */
#include "tree_model.h"

#include <CUnit/Basic.h>
#include <stdio.h>

#define LARGE 4096
#define SESSIONS 5

static void
node_free(void *data)
{
	ModelNode *node = data;
	g_clear_pointer(&node->data, g_bytes_unref);
	g_bytes_unref(node->acl);
	g_free(node);
}

static ModelNode *
add(Model *model, const char *path, GBytes *data, GBytes *acl, const PdkStat *stat)
{
	ModelNode *node = g_new0(ModelNode, 1);
	node->data = data;
	node->acl = acl;
	node->stat = *stat;
	node->born = ++model->births;
	char *key = g_strdup(path);
	g_hash_table_insert(model->nodes, key, node);
	g_ptr_array_add(model->paths, key);
	return node;
}

GBytes *
model_acl(int32_t perms, const char *scheme, const char *id)
{
	PdkBuffer out = {0};
	pdk_put_int(&out, 1);
	pdk_put_int(&out, perms);
	pdk_put_string(&out, scheme);
	pdk_put_string(&out, id);
	return g_bytes_new_take(out.data, out.length);
}

Model *
model_new(PdkTree *tree, uint64_t seed)
{
	Model *model = g_new0(Model, 1);
	model->tree = tree;
	model->nodes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, node_free);
	model->paths = g_ptr_array_new();
	model->random = pdk_random(seed);
	model->zxid = 100;
	model->deepest = 6;
	const PdkStat none = {0}, config = {.aversion = -1};
	add(model, "/", g_bytes_new(NULL, 0), model_acl(31, "world", "anyone"), &none)->children = 1;
	add(model, "/zookeeper", g_bytes_new(NULL, 0), model_acl(31, "world", "anyone"), &none)->children = 2;
	add(model, "/zookeeper/config", g_bytes_new(NULL, 0), model_acl(1, "world", "anyone"), &config);
	add(model, "/zookeeper/quota", g_bytes_new(NULL, 0), model_acl(31, "world", "anyone"), &none);
	return model;
}

void
model_free(Model *model)
{
	g_hash_table_unref(model->nodes);
	g_ptr_array_unref(model->paths);
	g_free(model);
}

static uint64_t
below(Model *model, uint64_t limit)
{
	return pdk_random_below(&model->random, limit);
}

static const char *
some_path(Model *model)
{
	return g_ptr_array_index(model->paths, below(model, model->paths->len));
}

/* Mostly small; sometimes null, sometimes at the brim of what lies apart, sometimes large. */
static GBytes *
some_data(Model *model)
{
	size_t length = below(model, 200);
	switch (below(model, 12)) {
	case 0:
		return NULL;
	case 1:
		length = LARGE - 2 + below(model, 4);
		break;
	case 2:
		length = below(model, 5 * LARGE);
		break;
	case 3:
		length = 0;
		break;
	default:
		break;
	}
	uint8_t *bytes = g_malloc(length + 1);
	memset(bytes, (int)below(model, 256), length + 1);
	return g_bytes_new_take(bytes, length);
}

static GBytes *
some_acl(Model *model)
{
	char id[16];
	snprintf(id, sizeof(id), "user%u", (unsigned)below(model, 6));
	return model_acl((int32_t)below(model, 32), "digest", id);
}

static PdkAclId
intern(Model *model, GBytes *acl)
{
	size_t length;
	const uint8_t *bytes = g_bytes_get_data(acl, &length);
	return pdk_acls_intern(pdk_tree_acls(model->tree), bytes, length);
}

static const uint8_t *
bytes_of(GBytes *data, int32_t *length)
{
	*length = -1;
	if (data == NULL)
		return NULL;
	size_t size;
	const uint8_t *bytes = g_bytes_get_data(data, &size);
	*length = (int32_t)size;
	return bytes;
}

static PdkNode
find(const Model *model, const char *path)
{
	PdkNode node = pdk_tree_find(model->tree, path, strlen(path));
	CU_ASSERT_NOT_EQUAL_FATAL(node, 0);
	return node;
}

static void
touch_parent(Model *model, const char *path, int created, int children)
{
	const char *slash = strrchr(path, '/');
	g_autofree char *parent = slash == path ? g_strdup("/") : g_strndup(path, (size_t)(slash - path));
	ModelNode *node = g_hash_table_lookup(model->nodes, parent);
	node->children = (uint32_t)((int)node->children + children);
	node->stat.cversion += created;
	node->stat.pzxid = model->zxid;
	pdk_tree_set_stat(model->tree, find(model, parent), &node->stat);
}

static unsigned
depth(const char *path)
{
	unsigned count = 0;
	for (; *path != '\0'; path++)
		count += *path == '/';
	return count;
}

static int64_t
some_owner(Model *model)
{
	switch (below(model, 10)) {
	case 0:
	case 1:
		return 0x100000000 + (int64_t)below(model, SESSIONS);
	case 2:
		return PDK_OWNER_CONTAINER;
	case 3:
		return pdk_owner_of_ttl(1000 + (int64_t)below(model, 1000));
	default:
		return 0;
	}
}

static void
create(Model *model)
{
	const char *parent = some_path(model);
	ModelNode *above = g_hash_table_lookup(model->nodes, parent);
	if (pdk_owner_type(above->stat.owner, true, false) == PDK_NODE_EPHEMERAL ||
	    depth(parent) > model->deepest)
		return;
	static const char *const shapes[] = {"n%u", "node-%07u", "a-rather-long-name-for-a-node-%010u",
					     "z\xc3\xa4hler%u"};
	char name[64];
	snprintf(name, sizeof(name), shapes[below(model, G_N_ELEMENTS(shapes))], (unsigned)below(model, 40));
	g_autofree char *path = g_strdup_printf("%s/%s", strcmp(parent, "/") == 0 ? "" : parent, name);
	if (g_hash_table_contains(model->nodes, path))
		return;
	int64_t zxid = ++model->zxid, ms = 1700000000000 + zxid;
	PdkStat stat = {.czxid = zxid, .mzxid = zxid, .pzxid = zxid, .ctime = ms, .mtime = ms};
	stat.owner = some_owner(model);
	GBytes *data = some_data(model), *acl = some_acl(model);
	int32_t length;
	const uint8_t *bytes = bytes_of(data, &length);
	PdkNode node = pdk_tree_insert(model->tree, find(model, parent), name, strlen(name), bytes, length,
				       intern(model, acl), &stat);
	CU_ASSERT_EQUAL(pdk_tree_find(model->tree, path, strlen(path)), node);
	add(model, path, data, acl, &stat);
	touch_parent(model, path, 1, 1);
}

static bool
is_system(const char *path)
{
	return strcmp(path, "/") == 0 || strcmp(path, "/zookeeper") == 0 ||
	       strcmp(path, "/zookeeper/quota") == 0 || strcmp(path, "/zookeeper/config") == 0;
}

static bool
delete(Model *model, const char *path)
{
	const ModelNode *node = g_hash_table_lookup(model->nodes, path);
	if (node->children > 0 || is_system(path))
		return false;
	model->zxid++;
	pdk_tree_remove(model->tree, find(model, path));
	touch_parent(model, path, 0, -1);
	g_ptr_array_remove_fast(model->paths, (void *)path);
	g_hash_table_remove(model->nodes, path);
	return true;
}

static void
change_data(Model *model)
{
	const char *path = some_path(model);
	ModelNode *node = g_hash_table_lookup(model->nodes, path);
	g_clear_pointer(&node->data, g_bytes_unref);
	node->data = some_data(model);
	node->stat.mzxid = ++model->zxid;
	node->stat.mtime = 1700000000000 + model->zxid;
	node->stat.version++;
	int32_t length;
	const uint8_t *bytes = bytes_of(node->data, &length);
	pdk_tree_set_data(model->tree, find(model, path), bytes, length, &node->stat);
}

static void
change_acl(Model *model)
{
	const char *path = some_path(model);
	ModelNode *node = g_hash_table_lookup(model->nodes, path);
	g_bytes_unref(node->acl);
	node->acl = some_acl(model);
	node->stat.aversion++;
	PdkNode at = find(model, path);
	pdk_tree_set_acl(model->tree, at, intern(model, node->acl));
	pdk_tree_set_stat(model->tree, at, &node->stat);
}

void
model_step(Model *model)
{
	switch (below(model, 8)) {
	case 0:
	case 1:
	case 2:
		create(model);
		break;
	case 3:
	case 4:
		delete(model, some_path(model));
		break;
	case 5:
	case 6:
		change_data(model);
		break;
	default:
		change_acl(model);
	}
}

void
model_delete_all(Model *model)
{
	for (bool more = true; more;) {
		more = false;
		for (unsigned i = model->paths->len; i-- > 0;)
			more |= delete(model, g_ptr_array_index(model->paths, i));
	}
}

ModelNodes *
model_copy(const Model *model)
{
	ModelNodes *copy = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, node_free);
	for (unsigned i = 0; i < model->paths->len; i++) {
		const char *path = g_ptr_array_index(model->paths, i);
		ModelNode *node = g_memdup2(g_hash_table_lookup(model->nodes, path), sizeof(ModelNode));
		if (node->data != NULL)
			g_bytes_ref(node->data);
		g_bytes_ref(node->acl);
		g_hash_table_insert(copy, g_strdup(path), node);
	}
	return copy;
}

static bool
same_stat(const PdkStat *a, const PdkStat *b)
{
	return a->czxid == b->czxid && a->mzxid == b->mzxid && a->pzxid == b->pzxid && a->ctime == b->ctime &&
	       a->mtime == b->mtime && a->version == b->version && a->cversion == b->cversion &&
	       a->aversion == b->aversion && a->owner == b->owner;
}

static void
compare_node(const char *path, const ModelNode *expected, PdkTree *tree)
{
	PdkNode node = pdk_tree_find(tree, path, strlen(path));
	CU_ASSERT_NOT_EQUAL_FATAL(node, 0);
	int32_t expected_length, length;
	const uint8_t *expected_data = bytes_of(expected->data, &expected_length),
		      *data = pdk_tree_data(tree, node, &length);
	CU_ASSERT_EQUAL_FATAL(length, expected_length);
	CU_ASSERT_TRUE(length <= 0 || memcmp(data, expected_data, (size_t)length) == 0);
	CU_ASSERT_EQUAL(pdk_tree_data_block(tree, node) != NULL, length >= LARGE);
	PdkStat stat;
	pdk_tree_stat(tree, node, &stat);
	CU_ASSERT_TRUE(same_stat(&stat, &expected->stat));
	size_t acl_length;
	const uint8_t *acl = pdk_acls_encoding(pdk_tree_acls(tree), pdk_tree_acl(tree, node), &acl_length);
	g_autoptr(GBytes) found = g_bytes_new(acl, acl_length);
	CU_ASSERT_TRUE(g_bytes_equal(found, expected->acl));
	CU_ASSERT_EQUAL(pdk_tree_child_count(tree, node), expected->children);
	CU_ASSERT_EQUAL(pdk_tree_owner(tree, node), expected->stat.owner);
	CU_ASSERT_EQUAL(pdk_tree_type(tree, node), pdk_owner_type(expected->stat.owner, true, false));
}

static const ModelNode *
model_of(ModelNodes *nodes, PdkTree *tree, PdkNode node)
{
	PdkBuffer path = {0};
	pdk_tree_append_path(tree, node, &path);
	pdk_put_bytes(&path, NULL, 0);
	const ModelNode *found = g_hash_table_lookup(nodes, path.data);
	pdk_buffer_clear(&path);
	CU_ASSERT_PTR_NOT_NULL_FATAL(found);
	return found;
}

/* Every child once, in the order of creation. */
static void
compare_children(ModelNodes *nodes, PdkTree *tree, PdkNode parent)
{
	uint64_t last = 0;
	for (PdkNode child = pdk_tree_first_child(tree, parent); child != 0;
	     child = pdk_tree_next_sibling(tree, child)) {
		const ModelNode *found = model_of(nodes, tree, child);
		CU_ASSERT_TRUE(found->born > last);
		last = found->born;
	}
}

static void
compare_owners(ModelNodes *nodes, PdkTree *tree, uint64_t ephemerals, uint64_t lasting, bool ordered)
{
	uint64_t cursor = 0, count, total = 0;
	int64_t session;
	while (pdk_tree_next_ephemeral_owner(tree, &cursor, &session, &count)) {
		uint64_t last = 0;
		total += count;
		for (PdkNode at = 0; (at = pdk_tree_next_ephemeral(tree, session, at)) != 0; count--) {
			const ModelNode *found = model_of(nodes, tree, at);
			CU_ASSERT_EQUAL(found->stat.owner, session);
			CU_ASSERT_TRUE(!ordered || found->born > last);
			last = found->born;
		}
		CU_ASSERT_EQUAL(count, 0);
	}
	CU_ASSERT_EQUAL(total, ephemerals);
	CU_ASSERT_EQUAL(pdk_tree_ephemeral_count(tree), ephemerals);
	for (PdkNode at = 0; (at = pdk_tree_next_special(tree, at)) != 0; lasting--)
		CU_ASSERT_NOT_EQUAL(pdk_tree_owner(tree, at), 0);
	CU_ASSERT_EQUAL(lasting, 0);
}

void
model_compare(ModelNodes *nodes, PdkTree *tree, bool ordered)
{
	pdk_tree_check(tree);
	uint64_t digest = 0, data_size = 0, ephemerals = 0, lasting = 0;
	GHashTableIter iter;
	void *key, *value;
	g_hash_table_iter_init(&iter, nodes);
	while (g_hash_table_iter_next(&iter, &key, &value)) {
		const char *path = key;
		const ModelNode *node = value;
		compare_node(path, node, tree);
		if (ordered)
			compare_children(nodes, tree, pdk_tree_find(tree, path, strlen(path)));
		size_t length = strlen(path);
		int32_t data_length;
		const uint8_t *data = bytes_of(node->data, &data_length);
		data_size += length + (size_t)MAX(data_length, 0);
		if (pdk_digest_counts(path, length))
			digest += pdk_digest_share(
				pdk_digest_prefix(path, length > 1 ? length : 0, data, data_length),
				&node->stat);
		PdkNodeType type = pdk_owner_type(node->stat.owner, true, false);
		ephemerals += type == PDK_NODE_EPHEMERAL;
		lasting += type == PDK_NODE_CONTAINER || type == PDK_NODE_TTL;
	}
	CU_ASSERT_EQUAL(pdk_tree_node_count(tree), g_hash_table_size(nodes));
	CU_ASSERT_EQUAL(pdk_tree_digest(tree), digest);
	CU_ASSERT_EQUAL(pdk_tree_data_size(tree), data_size);
	compare_owners(nodes, tree, ephemerals, lasting, ordered);
}

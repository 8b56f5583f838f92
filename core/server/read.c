/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that look at the tree and change nothing. Source: FinalRequestProcessor. */
#include "server/server-private.h"

/* The path of a request; fails on null. */
static bool
get_path(PdkRequest *request, PdkSlice *path)
{
	*path = pdk_get_bytes(&request->in);
	return path->length >= 0;
}

static PdkNode
find(PdkRequest *request, PdkSlice path)
{
	return pdk_tree_find(request->server->tree, (const char *)path.data, (size_t)path.length);
}

static bool
allowed(PdkRequest *request, PdkNode node, int perms)
{
	return pdk_access_allows(request->server, request->connection, pdk_tree_acl(request->server->tree, node), perms);
}

static void
watch(PdkRequest *request, PdkSlice path, PdkNode node, unsigned modes)
{
	pdk_watches_add(request->server->watches, request->connection->slot, node, (const char *)path.data, (size_t)path.length,
			modes);
}

static void
put_data(PdkRequest *request, PdkNode node)
{
	PdkTree *tree = request->server->tree;
	int32_t length;
	const uint8_t *data = pdk_tree_data(tree, node, &length);
	GBytes *block = pdk_tree_data_block(tree, node);
	if (block == NULL) {
		pdk_put_bytes(&request->output->bytes, data, length);
		return;
	}
	pdk_put_int(&request->output->bytes, length);
	pdk_output_block(request->output, block);
}

static void
put_children(PdkRequest *request, PdkNode node)
{
	PdkTree *tree = request->server->tree;
	PdkBuffer *out = &request->output->bytes;
	pdk_put_int(out, (int32_t)pdk_tree_child_count(tree, node));
	for (PdkNode child = pdk_tree_first_child(tree, node); child; child = pdk_tree_next_sibling(tree, child)) {
		size_t length;
		const char *name = pdk_tree_name(tree, child, &length);
		pdk_put_bytes(out, name, (int32_t)length);
	}
}

static PdkCode
exists(PdkRequest *request)
{
	PdkSlice path;
	bool want_watch;
	if (!get_path(request, &path) || (want_watch = pdk_get_bool(&request->in), request->in.failed))
		return PDK_ERR_MARSHALLING;
	if (memchr(path.data, 0, (size_t)path.length))
		return PDK_ERR_BAD_ARGUMENTS;
	PdkNode node = find(request, path);
	if (node && !allowed(request, node, PDK_PERM_READ))
		return PDK_ERR_NO_AUTH;
	if (want_watch)
		watch(request, path, node, PDK_WATCH_DATA);
	if (node == 0)
		return PDK_ERR_NO_NODE;
	pdk_tree_put_stat(request->server->tree, node, &request->output->bytes);
	return PDK_OK;
}

/* getData and the children lists: the node must be there and readable; then the watch is set. */
static PdkCode
find_readable(PdkRequest *request, unsigned modes, PdkNode *node)
{
	PdkSlice path;
	bool want_watch;
	if (!get_path(request, &path) || (want_watch = pdk_get_bool(&request->in), request->in.failed))
		return PDK_ERR_MARSHALLING;
	*node = find(request, path);
	if (*node == 0)
		return PDK_ERR_NO_NODE;
	if (!allowed(request, *node, PDK_PERM_READ))
		return PDK_ERR_NO_AUTH;
	if (want_watch && modes)
		watch(request, path, *node, modes);
	return PDK_OK;
}

static PdkCode
get_data(PdkRequest *request, unsigned modes)
{
	PdkNode node;
	PdkCode code = find_readable(request, modes, &node);
	if (code != PDK_OK)
		return code;
	put_data(request, node);
	pdk_tree_put_stat(request->server->tree, node, &request->output->bytes);
	return PDK_OK;
}

static PdkCode
get_children(PdkRequest *request, unsigned modes, bool with_stat)
{
	PdkNode node;
	PdkCode code = find_readable(request, modes, &node);
	if (code != PDK_OK)
		return code;
	put_children(request, node);
	if (with_stat)
		pdk_tree_put_stat(request->server->tree, node, &request->output->bytes);
	return PDK_OK;
}

/* The node of a request that is a path alone. */
static PdkCode
find_allowed(PdkRequest *request, int perms, PdkSlice *path, PdkNode *node)
{
	if (!get_path(request, path))
		return PDK_ERR_MARSHALLING;
	*node = find(request, *path);
	if (*node == 0)
		return PDK_ERR_NO_NODE;
	return allowed(request, *node, perms) ? PDK_OK : PDK_ERR_NO_AUTH;
}

static PdkCode
get_acl(PdkRequest *request)
{
	PdkSlice path;
	PdkNode node;
	PdkCode code = find_allowed(request, PDK_PERM_READ | PDK_PERM_ADMIN, &path, &node);
	if (code != PDK_OK)
		return code;
	PdkServer *server = request->server;
	pdk_access_put(server, &request->output->bytes, pdk_tree_acl(server->tree, node), allowed(request, node, PDK_PERM_ADMIN));
	pdk_tree_put_stat(server->tree, node, &request->output->bytes);
	return PDK_OK;
}

/* A plain prefix of the text, not of the path; null, blank and "/" mean all. */
static bool
has_prefix(const PdkBuffer *path, PdkSlice prefix)
{
	return path->length >= (size_t)prefix.length && memcmp(path->data, prefix.data, (size_t)prefix.length) == 0;
}

static bool
is_blank(PdkSlice text)
{
	for (int32_t i = 0; i < text.length; i++)
		if (text.data[i] > ' ')
			return false;
	return true;
}

static PdkCode
get_ephemerals(PdkRequest *request)
{
	PdkSlice prefix = pdk_get_bytes(&request->in);
	if (request->in.failed)
		return PDK_ERR_MARSHALLING;
	if (prefix.length < 0 || is_blank(prefix) || pdk_slice_equal(prefix, "/"))
		prefix = (PdkSlice){(const uint8_t *)"", 0};
	PdkServer *server = request->server;
	PdkBuffer *out = &request->output->bytes;
	size_t mark = out->length;
	int32_t count = 0;
	pdk_put_int(out, 0);
	PdkBuffer path = {0};
	int64_t session = request->connection->session_id;
	for (PdkNode node = pdk_tree_next_ephemeral(server->tree, session, 0); node;
	     node = pdk_tree_next_ephemeral(server->tree, session, node)) {
		path.length = 0;
		pdk_tree_append_path(server->tree, node, &path);
		if (!has_prefix(&path, prefix))
			continue;
		pdk_put_bytes(out, path.data, (int32_t)path.length);
		count++;
	}
	pdk_buffer_clear(&path);
	pdk_store_u32(out->data + mark, (uint32_t)count);
	return PDK_OK;
}

static PdkCode
get_all_children_number(PdkRequest *request)
{
	PdkSlice path;
	PdkNode node;
	PdkCode code = find_allowed(request, PDK_PERM_READ, &path, &node);
	if (code != PDK_OK)
		return code;
	/* The empty path counts the root, too (as Java, which keeps it under two names). */
	uint64_t count = pdk_tree_descendants(request->server->tree, node) + (path.length == 0 ? 1 : 0);
	pdk_put_int(&request->output->bytes, (int32_t)count);
	return PDK_OK;
}

/* One read of multiRead; a refusal is its own result. */
static bool
multi_read_one(PdkRequest *request, int32_t type)
{
	PdkBuffer *out = &request->output->bytes;
	size_t mark = out->length;
	pdk_reply_put_multi_header(out, type, false, PDK_OK);
	PdkCode code = type == PDK_OP_GET_DATA ? get_data(request, 0) : get_children(request, 0, false);
	if (code == PDK_ERR_MARSHALLING)
		return false;
	if (code != PDK_OK) {
		out->length = mark;
		pdk_reply_put_multi_header(out, PDK_OP_ERROR, false, code);
		pdk_put_int(out, code);
	}
	return true;
}

static PdkCode
multi_read(PdkRequest *request)
{
	for (;;) {
		int32_t type = pdk_get_int(&request->in);
		bool done = pdk_get_bool(&request->in);
		pdk_get_int(&request->in);
		if (request->in.failed)
			return PDK_ERR_MARSHALLING;
		if (done)
			break;
		if (type != PDK_OP_GET_DATA && type != PDK_OP_GET_CHILDREN)
			return PDK_ERR_MARSHALLING;
		if (!multi_read_one(request, type))
			return PDK_ERR_MARSHALLING;
	}
	pdk_reply_put_multi_header(&request->output->bytes, PDK_OP_ERROR, true, -1);
	return PDK_OK;
}

bool
pdk_is_read(int32_t op)
{
	switch (op) {
	case PDK_OP_EXISTS:
	case PDK_OP_GET_DATA:
	case PDK_OP_GET_ACL:
	case PDK_OP_GET_CHILDREN:
	case PDK_OP_GET_CHILDREN2:
	case PDK_OP_MULTI_READ:
	case PDK_OP_GET_EPHEMERALS:
	case PDK_OP_GET_ALL_CHILDREN_NUMBER:
		return true;
	default:
		return false;
	}
}

PdkCode
pdk_read(PdkRequest *request)
{
	switch (request->op) {
	case PDK_OP_EXISTS:
		return exists(request);
	case PDK_OP_GET_DATA:
		return get_data(request, PDK_WATCH_DATA);
	case PDK_OP_GET_ACL:
		return get_acl(request);
	case PDK_OP_GET_CHILDREN:
		return get_children(request, PDK_WATCH_CHILD, false);
	case PDK_OP_GET_CHILDREN2:
		return get_children(request, PDK_WATCH_CHILD, true);
	case PDK_OP_MULTI_READ:
		return multi_read(request);
	case PDK_OP_GET_EPHEMERALS:
		return get_ephemerals(request);
	case PDK_OP_GET_ALL_CHILDREN_NUMBER:
		return get_all_children_number(request);
	default:
		return PDK_ERR_UNIMPLEMENTED;
	}
}

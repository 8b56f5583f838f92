/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a transaction does to the data: live, and again when a log is replayed. Nothing is decided here; what
 * cannot be done any more (replay on a fuzzy snapshot) is passed over. Source: DataTree.processTxn,
 * createNode, deleteNode, killSession.
 */
#include "server/server-private.h"

#define SESSION_TIMEOUT_DEFAULT 30000

typedef struct {
	PdkServer *server;
	PdkTxnHeader header;
	const PdkApplyObserver *observer;
} Apply;

bool
pdk_txn_header(const uint8_t *txn, size_t length, PdkTxnHeader *into)
{
	PdkJute in = pdk_jute(txn, length, INT32_MAX);
	into->session = pdk_get_long(&in);
	into->cxid = pdk_get_int(&in);
	into->zxid = pdk_get_long(&in);
	into->time_ms = pdk_get_long(&in);
	into->type = pdk_get_int(&in);
	return !in.failed;
}

static void
tell(const Apply *apply, int32_t type, PdkSlice path, PdkNode node, PdkCode code)
{
	if (apply->observer)
		apply->observer->applied(apply->observer->context, type, (const char *)path.data, (size_t)MAX(0, path.length), node,
					 code);
}

/* The event of the trigger before must not be taken for the one to come. */
static void
new_trigger(Apply *apply)
{
	apply->server->event.length = 0;
}

/* The parent counts one more child ever: only a rising value is taken, so that replay converges. */
static void
raise_parent(Apply *apply, PdkNode parent, int32_t cversion)
{
	PdkStat stat;
	pdk_tree_stat(apply->server->tree, parent, &stat);
	if (cversion == -1)
		cversion = stat.cversion + 1;
	if (cversion <= stat.cversion)
		return;
	stat.cversion = cversion;
	stat.pzxid = apply->header.zxid;
	pdk_tree_set_stat(apply->server->tree, parent, &stat);
}

typedef struct {
	PdkSlice path, data;
	const uint8_t *acl;
	size_t acl_length;
	int64_t owner;
	int32_t parent_cversion;
} Created;

static bool
read_created(Apply *apply, int32_t type, PdkJute *in, Created *created)
{
	created->path = pdk_get_bytes(in);
	created->data = pdk_get_bytes(in);
	created->acl = in->at;
	pdk_access_skip(in);
	created->acl_length = (size_t)(in->at - created->acl);
	created->owner = 0;
	if (type == PDK_OP_CREATE || type == PDK_OP_CREATE2)
		created->owner = pdk_get_bool(in) ? apply->header.session : 0;
	else if (type == PDK_OP_CREATE_CONTAINER)
		created->owner = PDK_OWNER_CONTAINER;
	/* The oldest form of create ends here. */
	created->parent_cversion = type == PDK_OP_CREATE && pdk_jute_left(in) == 0 ? -1 : pdk_get_int(in);
	if (type == PDK_OP_CREATE_TTL)
		created->owner = pdk_owner_of_ttl(pdk_get_long(in) & PDK_TTL_MAX);
	return !in->failed && created->path.length > 1 && created->path.data[0] == '/';
}

/* A null list is kept as an empty one: both allow everything. */
static PdkAclId
intern_acl(PdkTree *tree, const uint8_t *acl, size_t length)
{
	static const uint8_t empty[4] = {0};
	bool null = pdk_load_u32(acl) == UINT32_MAX;
	return pdk_acls_intern(pdk_tree_acls(tree), null ? empty : acl, null ? sizeof empty : length);
}

static bool
create(Apply *apply, int32_t type, PdkJute *in)
{
	PdkServer *server = apply->server;
	Created created;
	if (!read_created(apply, type, in, &created))
		return false;
	const char *path = (const char *)created.path.data;
	size_t length = (size_t)created.path.length;
	size_t name = pdk_path_name(path, length);
	PdkNode parent = pdk_tree_find(server->tree, path, name - 1);
	if (parent == 0 || name == length) {
		tell(apply, type, created.path, 0, PDK_ERR_NO_NODE);
		return true;
	}
	raise_parent(apply, parent, created.parent_cversion);
	PdkNode there = pdk_tree_child(server->tree, parent, path + name, length - name);
	if (there) {
		pdk_tree_set_acl(server->tree, there, intern_acl(server->tree, created.acl, created.acl_length));
		tell(apply, type, created.path, there, PDK_ERR_NODE_EXISTS);
		return true;
	}
	const PdkTxnHeader *header = &apply->header;
	PdkStat stat = {
		.czxid = header->zxid, .mzxid = header->zxid, .pzxid = header->zxid,
		.ctime = header->time_ms, .mtime = header->time_ms, .owner = created.owner,
	};
	PdkNode node = pdk_tree_insert(server->tree, parent, path + name, length - name, created.data.data, created.data.length,
				       intern_acl(server->tree, created.acl, created.acl_length), &stat);
	pdk_quotas_created(server->quotas, node, path, length, MAX(0, created.data.length));
	tell(apply, type, created.path, node, PDK_OK);
	new_trigger(apply);
	pdk_watches_created(server->watches, node, path, length);
	return true;
}

/* The parent hears of the deletion even when the node is gone already. */
static PdkCode
delete_path(Apply *apply, PdkSlice slice)
{
	PdkServer *server = apply->server;
	const char *path = (const char *)slice.data;
	size_t length = (size_t)slice.length;
	size_t name = pdk_path_name(path, length);
	PdkNode parent = pdk_tree_find(server->tree, path, name - 1);
	if (parent == 0)
		return PDK_ERR_NO_NODE;
	PdkStat stat;
	pdk_tree_stat(server->tree, parent, &stat);
	if (apply->header.zxid > stat.pzxid) {
		stat.pzxid = apply->header.zxid;
		pdk_tree_set_stat(server->tree, parent, &stat);
	}
	PdkNode node = name == length ? 0 : pdk_tree_child(server->tree, parent, path + name, length - name);
	if (node == 0 || pdk_tree_child_count(server->tree, node) > 0)
		return PDK_ERR_NO_NODE;
	int32_t data_length;
	pdk_tree_data(server->tree, node, &data_length);
	new_trigger(apply);
	pdk_watches_deleted(server->watches, node, path, length);
	pdk_tree_remove(server->tree, node);
	pdk_quotas_deleted(server->quotas, path, length, MAX(0, data_length));
	return PDK_OK;
}

static bool
delete(Apply *apply, int32_t type, PdkJute *in)
{
	PdkSlice path = pdk_get_bytes(in);
	if (in->failed || path.length < 1 || path.data[0] != '/')
		return false;
	PdkCode code = delete_path(apply, path);
	tell(apply, type, path, 0, code);
	return true;
}

static bool
set_data(Apply *apply, int32_t type, PdkJute *in)
{
	PdkServer *server = apply->server;
	PdkSlice path = pdk_get_bytes(in), data = pdk_get_bytes(in);
	int32_t version = pdk_get_int(in);
	if (in->failed || path.length < 0)
		return false;
	const char *text = (const char *)path.data;
	PdkNode node = pdk_tree_find(server->tree, text, (size_t)path.length);
	if (node == 0) {
		tell(apply, type, path, 0, PDK_ERR_NO_NODE);
		return true;
	}
	PdkStat stat;
	int32_t old_length;
	pdk_tree_stat(server->tree, node, &stat);
	pdk_tree_data(server->tree, node, &old_length);
	stat.version = version;
	stat.mzxid = apply->header.zxid;
	stat.mtime = apply->header.time_ms;
	pdk_tree_set_data(server->tree, node, data.data, data.length, &stat);
	pdk_quotas_changed(server->quotas, text, (size_t)path.length, MAX(0, old_length), MAX(0, data.length));
	tell(apply, type, path, node, PDK_OK);
	new_trigger(apply);
	pdk_watches_changed(server->watches, node, text, (size_t)path.length);
	return true;
}

static bool
set_acl(Apply *apply, int32_t type, PdkJute *in)
{
	PdkServer *server = apply->server;
	PdkSlice path = pdk_get_bytes(in);
	const uint8_t *acl = in->at;
	pdk_access_skip(in);
	size_t acl_length = (size_t)(in->at - acl);
	int32_t version = pdk_get_int(in);
	if (in->failed || path.length < 0)
		return false;
	PdkNode node = pdk_tree_find(server->tree, (const char *)path.data, (size_t)path.length);
	if (node == 0) {
		tell(apply, type, path, 0, PDK_ERR_NO_NODE);
		return true;
	}
	PdkStat stat;
	pdk_tree_stat(server->tree, node, &stat);
	stat.aversion = version;
	pdk_tree_set_acl(server->tree, node, intern_acl(server->tree, acl, acl_length));
	pdk_tree_set_stat(server->tree, node, &stat);
	tell(apply, type, path, node, PDK_OK);
	return true;
}

static bool
create_session(Apply *apply, PdkJute *in)
{
	PdkServer *server = apply->server;
	int32_t timeout_ms = pdk_get_int(in);
	if (in->failed)
		return false;
	PdkSession *session = pdk_sessions_add(server->sessions, apply->header.session,
					       timeout_ms > 0 ? timeout_ms : SESSION_TIMEOUT_DEFAULT, pdk_server_now_ms(server));
	session->recorded_timeout_ms = timeout_ms;
	return true;
}

static void
delete_node(Apply *apply, PdkNode node)
{
	PdkBuffer path = {0};
	pdk_tree_append_path(apply->server->tree, node, &path);
	delete_path(apply, (PdkSlice){path.data, (int32_t)path.length});
	pdk_buffer_clear(&path);
}

/*
 * The listed paths, and then whatever the session still owns. Older logs hold no list: then nothing is left,
 * or a digest (a list and a digest cannot be as short, for no path is empty).
 */
static bool
close_session(Apply *apply, PdkJute *in)
{
	PdkServer *server = apply->server;
	bool old_form = pdk_jute_left(in) == 0 || pdk_jute_left(in) == PDK_TXN_DIGEST;
	int32_t count = old_form ? 0 : pdk_get_count(in, 4);
	for (int32_t i = 0; i < count; i++) {
		PdkSlice path = pdk_get_bytes(in);
		if (in->failed || path.length < 1 || path.data[0] != '/')
			return false;
		delete_path(apply, path);
	}
	if (in->failed)
		return false;
	int64_t id = apply->header.session;
	PdkNode node, before = 0;
	while ((node = pdk_tree_next_ephemeral(server->tree, id, before)) != 0) {
		uint64_t owned = pdk_tree_ephemeral_count(server->tree);
		delete_node(apply, node);
		if (pdk_tree_ephemeral_count(server->tree) == owned)
			before = node; /* it has children (a damaged tree): left where it is */
	}
	PdkSession *session = pdk_sessions_find(server->sessions, id);
	if (session) {
		pdk_handshake_detach(server, session, false);
		pdk_sessions_remove(server->sessions, id);
	}
	return true;
}

static bool
operation(Apply *apply, int32_t type, PdkJute *in)
{
	switch (type) {
	case PDK_OP_CREATE:
	case PDK_OP_CREATE2:
	case PDK_OP_CREATE_CONTAINER:
	case PDK_OP_CREATE_TTL:
		return create(apply, type, in);
	case PDK_OP_DELETE:
	case PDK_OP_DELETE_CONTAINER:
		return delete(apply, type, in);
	case PDK_OP_SET_DATA:
	case PDK_OP_RECONFIG:
		return set_data(apply, type, in);
	case PDK_OP_SET_ACL:
		return set_acl(apply, type, in);
	default:
		return false;
	}
}

/*
 * Does the list of operations hold a refusal? Then none of them happened. *malformed tells that it cannot be
 * read.
 */
static bool
multi_failed(PdkJute in, int32_t count, bool *malformed)
{
	bool failed = false;
	for (int32_t i = 0; i < count; i++) {
		failed |= pdk_get_int(&in) == PDK_OP_ERROR;
		pdk_get_bytes(&in);
	}
	*malformed = in.failed;
	return failed;
}

static bool
multi(Apply *apply, PdkJute *in)
{
	bool malformed;
	int32_t count = pdk_get_count(in, 8);
	bool failed = multi_failed(*in, count, &malformed);
	if (in->failed || malformed)
		return false;
	for (int32_t i = 0; i < count; i++) {
		int32_t type = pdk_get_int(in);
		PdkSlice record = pdk_get_bytes(in);
		if (failed || record.length < 0)
			continue;
		PdkJute inner = pdk_jute(record.data, (size_t)record.length, INT32_MAX);
		if (type == PDK_OP_CHECK)
			tell(apply, type, (PdkSlice){NULL, -1}, 0, PDK_OK);
		else if (!operation(apply, type, &inner))
			return false;
	}
	return true;
}

static bool
record(Apply *apply, PdkJute *in)
{
	switch (apply->header.type) {
	case PDK_OP_ERROR:
		pdk_get_int(in);
		return !in->failed;
	case PDK_OP_CREATE_SESSION:
		return create_session(apply, in);
	case PDK_OP_CLOSE_SESSION:
		return close_session(apply, in);
	case PDK_OP_MULTI:
		return multi(apply, in);
	default:
		return operation(apply, apply->header.type, in);
	}
}

static PdkTxnDigest
read_digest(PdkJute *in)
{
	PdkTxnDigest digest = {0};
	if (pdk_jute_left(in) < PDK_TXN_DIGEST)
		return digest;
	digest.present = true;
	digest.version = pdk_get_int(in);
	digest.value = (uint64_t)pdk_get_long(in);
	return digest;
}

bool
pdk_apply(PdkServer *server, const uint8_t *txn, size_t length, const PdkApplyObserver *observer, PdkTxnDigest *digest,
	  GError **error)
{
	Apply apply = {.server = server, .observer = observer};
	if (!pdk_txn_header(txn, length, &apply.header)) {
		g_set_error(error, PDK_TXN_ERROR, 0, "txn of %zu bytes is too short", length);
		return false;
	}
	server->applying_zxid = apply.header.zxid;
	PdkJute in = pdk_jute(txn + PDK_TXN_HEADER, length - PDK_TXN_HEADER, INT32_MAX);
	if (!record(&apply, &in)) {
		g_set_error(error, PDK_TXN_ERROR, 0, "txn zxid=0x%" PRIx64 " of type %d cannot be read", (uint64_t)apply.header.zxid,
			    apply.header.type);
		return false;
	}
	*digest = read_digest(&in);
	server->applied_zxid = MAX(server->applied_zxid, apply.header.zxid);
	return true;
}

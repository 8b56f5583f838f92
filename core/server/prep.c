/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which writes are refused, with which code, and the txn record of those that are not. Everything is checked
 * against the tree as it will be once all that is proposed is applied. Source: PrepRequestProcessor.
 */
#include "server/server-private.h"

/* ---- what all of them do ---- */

static PdkNodeState
look(PdkPrep *prep, const char *path, size_t length)
{
	return pdk_pendings_look(prep->server->pendings, path, length);
}

static void
set(PdkPrep *prep, const char *path, size_t length, const PdkNodeState *before, const PdkNodeState *after)
{
	pdk_pendings_set(prep->server->pendings, path, length, before, after);
}

static bool
allowed(PdkPrep *prep, const PdkNodeState *state, int perms)
{
	return pdk_access_allows(prep->server, prep->connection, state->acl, perms);
}

static PdkNodeType
type_of(PdkPrep *prep, const PdkNodeState *state)
{
	const PdkSettings *settings = prep->server->settings;
	return pdk_owner_type(state->stat.owner, settings->extended_types, settings->emulate353);
}

static uint32_t
digest_prefix(PdkPrep *prep, const char *path, size_t length, PdkSlice data)
{
	if (!prep->server->settings->digest || !pdk_digest_counts(path, length))
		return 0;
	return pdk_digest_prefix(path, length, data.data, data.length);
}

/* A reference that the txn keeps until it is applied. */
static PdkAclId
hold_acl(PdkPrep *prep, const PdkBuffer *encoded)
{
	PdkServer *server = prep->server;
	PdkAclId acl = pdk_acls_intern(pdk_tree_acls(server->tree), encoded->data, encoded->length);
	g_array_append_val(server->acls.items, acl);
	prep->acls++;
	return acl;
}

static bool
version_matches(int32_t wanted, int32_t found)
{
	return wanted == -1 || wanted == found;
}

/* The parent of a path that has a '/'; the root is "". */
static PdkNodeState
look_parent(PdkPrep *prep, PdkSlice path)
{
	const char *text = (const char *)path.data;
	return look(prep, text, pdk_path_parent(text, (size_t)path.length));
}

static bool
has_no_place(PdkSlice path)
{
	return memchr(path.data, '/', (size_t)path.length) == NULL || memchr(path.data, 0, (size_t)path.length) != NULL;
}

/* ---- create, create2, createContainer, createTTL ---- */

typedef struct {
	PdkSlice path, data;
	PdkJute acl; /* stands before the list */
	int32_t flags;
	int64_t ttl;
} Create;

static bool
read_create(int32_t op, PdkJute *in, Create *create)
{
	create->path = pdk_get_bytes(in);
	create->data = pdk_get_bytes(in);
	create->acl = *in;
	pdk_access_skip(in);
	create->flags = pdk_get_int(in);
	create->ttl = op == PDK_OP_CREATE_TTL ? pdk_get_long(in) : -1;
	return !in->failed && create->path.length >= 0;
}

static bool
mode_fits(int32_t op, int32_t flags)
{
	switch (op) {
	case PDK_OP_CREATE_CONTAINER:
		return flags == PDK_MODE_CONTAINER;
	case PDK_OP_CREATE_TTL:
		return flags == PDK_MODE_TTL || flags == PDK_MODE_TTL_SEQUENTIAL;
	default:
		return flags >= PDK_MODE_PERSISTENT && flags <= PDK_MODE_EPHEMERAL_SEQUENTIAL;
	}
}

/*
 * Opcode and flags have to agree. (Java lets the opcode decide alone, and some of the combinations it lets
 * through kill it when it applies them.)
 */
static PdkCode
check_mode(PdkPrep *prep, int32_t op, const Create *create)
{
	bool ttl_mode = create->flags == PDK_MODE_TTL || create->flags == PDK_MODE_TTL_SEQUENTIAL;
	if (create->flags < PDK_MODE_PERSISTENT || create->flags > PDK_MODE_TTL_SEQUENTIAL)
		return PDK_ERR_BAD_ARGUMENTS;
	if (ttl_mode && !prep->server->settings->extended_types)
		return PDK_ERR_UNIMPLEMENTED;
	if (ttl_mode ? create->ttl <= 0 || create->ttl > PDK_TTL_MAX : create->ttl >= 0)
		return PDK_ERR_BAD_ARGUMENTS;
	return mode_fits(op, create->flags) ? PDK_OK : PDK_ERR_BAD_ARGUMENTS;
}

static bool
is_sequential(int32_t flags)
{
	return flags == PDK_MODE_PERSISTENT_SEQUENTIAL || flags == PDK_MODE_EPHEMERAL_SEQUENTIAL || flags == PDK_MODE_TTL_SEQUENTIAL;
}

static bool
is_ephemeral(int32_t flags)
{
	return flags == PDK_MODE_EPHEMERAL || flags == PDK_MODE_EPHEMERAL_SEQUENTIAL;
}

static int64_t
owner_of(PdkPrep *prep, const Create *create)
{
	switch (create->flags) {
	case PDK_MODE_EPHEMERAL:
	case PDK_MODE_EPHEMERAL_SEQUENTIAL:
		return prep->session;
	case PDK_MODE_CONTAINER:
		return PDK_OWNER_CONTAINER;
	case PDK_MODE_TTL:
	case PDK_MODE_TTL_SEQUENTIAL:
		return pdk_owner_of_ttl(create->ttl);
	default:
		return 0;
	}
}

/* The parent as it is with one child more. Only a rising cversion counts, as when the txn is applied. */
static void
add_child(PdkNodeState *parent, int64_t zxid, int32_t *parent_cversion)
{
	*parent_cversion = (int32_t)((uint32_t)parent->stat.cversion + 1);
	parent->children++;
	if (*parent_cversion > parent->stat.cversion) {
		parent->stat.cversion = *parent_cversion;
		parent->stat.pzxid = zxid;
	}
}

static void
put_create(PdkPrep *prep, int32_t op, const Create *create, const char *path, size_t length, int32_t parent_cversion)
{
	PdkServer *server = prep->server;
	PdkBuffer *out = &server->scratch;
	pdk_put_bytes(out, path, (int32_t)length);
	pdk_put_bytes(out, create->data.data, create->data.length);
	pdk_buffer_append(out, server->fixed_acl.data, server->fixed_acl.length);
	if (op == PDK_OP_CREATE || op == PDK_OP_CREATE2)
		pdk_put_bool(out, is_ephemeral(create->flags));
	pdk_put_int(out, parent_cversion);
	if (op == PDK_OP_CREATE_TTL)
		pdk_put_long(out, create->ttl);
}

/* The node's final path is known: the last checks, then the record. */
static PdkCode
create_at(PdkPrep *prep, int32_t op, const Create *create, const PdkNodeState *parent, const char *path, size_t length)
{
	PdkServer *server = prep->server;
	if (!pdk_path_legal(path, length))
		return PDK_ERR_BAD_ARGUMENTS;
	PdkNodeState before = look(prep, path, length);
	if (before.exists)
		return PDK_ERR_NODE_EXISTS;
	if (type_of(prep, parent) == PDK_NODE_EPHEMERAL)
		return PDK_ERR_NO_CHILDREN_FOR_EPHEMERALS;
	if (server->settings->enforce_quota) {
		PdkCode code = pdk_quotas_allow(server->quotas, path, length, 1, MAX(0, create->data.length), NULL);
		if (code != PDK_OK)
			return code;
	}
	int32_t parent_cversion;
	PdkNodeState parent_after = *parent;
	add_child(&parent_after, prep->zxid, &parent_cversion);
	PdkNodeState after = {
		.exists = true,
		.stat = {.czxid = prep->zxid, .mzxid = prep->zxid, .pzxid = prep->zxid, .ctime = server->wall_ms,
			 .mtime = server->wall_ms, .owner = owner_of(prep, create)},
		.acl = hold_acl(prep, &server->fixed_acl),
		.prefix = digest_prefix(prep, path, length, create->data),
	};
	set(prep, path, pdk_path_parent(path, length), parent, &parent_after);
	set(prep, path, length, &before, &after);
	put_create(prep, op, create, path, length, parent_cversion);
	prep->txn_type = op;
	return PDK_OK;
}

static PdkCode
create(PdkPrep *prep, int32_t op, PdkJute *in)
{
	PdkServer *server = prep->server;
	Create create;
	if (!read_create(op, in, &create))
		return PDK_ERR_MARSHALLING;
	PdkCode code = check_mode(prep, op, &create);
	if (code != PDK_OK)
		return code;
	if (prep->no_ephemerals && is_ephemeral(create.flags))
		return PDK_ERR_SESSION_EXPIRED;
	if (has_no_place(create.path))
		return PDK_ERR_BAD_ARGUMENTS;
	server->fixed_acl.length = 0;
	code = pdk_access_fix(server, prep->connection, &create.acl, &server->fixed_acl);
	if (code != PDK_OK)
		return code;
	PdkNodeState parent = look_parent(prep, create.path);
	if (!parent.exists)
		return PDK_ERR_NO_NODE;
	if (!allowed(prep, &parent, PDK_PERM_CREATE))
		return PDK_ERR_NO_AUTH;
	if (!is_sequential(create.flags))
		return create_at(prep, op, &create, &parent, (const char *)create.path.data, (size_t)create.path.length);
	g_autofree char *path = g_strdup_printf("%.*s%010d", create.path.length, (const char *)create.path.data, parent.stat.cversion);
	return create_at(prep, op, &create, &parent, path, strlen(path));
}

/* ---- delete ---- */

static bool
is_special(PdkSlice path)
{
	static const char *const special[] = {"/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"};
	for (size_t i = 0; i < G_N_ELEMENTS(special); i++)
		if (pdk_slice_equal(path, special[i]))
			return true;
	return false;
}

static void
remove_at(PdkPrep *prep, const char *path, size_t length, const PdkNodeState *parent, const PdkNodeState *node)
{
	PdkNodeState gone = {0}, parent_after = *parent;
	parent_after.children--;
	parent_after.stat.pzxid = MAX(parent->stat.pzxid, prep->zxid);
	set(prep, path, pdk_path_parent(path, length), parent, &parent_after);
	set(prep, path, length, node, &gone);
}

static PdkCode
delete(PdkPrep *prep, PdkJute *in)
{
	PdkSlice path = pdk_get_bytes(in);
	int32_t version = pdk_get_int(in);
	if (in->failed || path.length < 0)
		return PDK_ERR_MARSHALLING;
	if (has_no_place(path) || is_special(path))
		return PDK_ERR_BAD_ARGUMENTS;
	PdkNodeState parent = look_parent(prep, path);
	if (!parent.exists)
		return PDK_ERR_NO_NODE;
	if (!allowed(prep, &parent, PDK_PERM_DELETE))
		return PDK_ERR_NO_AUTH;
	PdkNodeState state = look(prep, (const char *)path.data, (size_t)path.length);
	if (!state.exists || pdk_path_name((const char *)path.data, (size_t)path.length) == (size_t)path.length)
		return PDK_ERR_NO_NODE;
	if (!version_matches(version, state.stat.version))
		return PDK_ERR_BAD_VERSION;
	if (state.children > 0)
		return PDK_ERR_NOT_EMPTY;
	remove_at(prep, (const char *)path.data, (size_t)path.length, &parent, &state);
	pdk_put_bytes(&prep->server->scratch, path.data, path.length);
	prep->txn_type = PDK_OP_DELETE;
	return PDK_OK;
}

PdkCode
pdk_prep_delete_container(PdkPrep *prep, const char *path, size_t length)
{
	PdkSlice slice = {(const uint8_t *)path, (int32_t)length};
	PdkNodeState parent = look_parent(prep, slice);
	PdkNodeState state = look(prep, path, length);
	if (!parent.exists || !state.exists)
		return PDK_ERR_NO_NODE;
	if (state.children > 0)
		return PDK_ERR_NOT_EMPTY;
	/* The cleaner saw what is applied; what is under way may have touched the node, or put another in its place. */
	if (!pdk_housekeeping_may_go(prep->server, &state.stat, state.children))
		return PDK_ERR_BAD_VERSION;
	remove_at(prep, path, length, &parent, &state);
	pdk_put_bytes(&prep->server->scratch, path, (int32_t)length);
	prep->txn_type = PDK_OP_DELETE_CONTAINER;
	return PDK_OK;
}

/* ---- setData, setACL, check ---- */

static PdkCode
find_for_change(PdkPrep *prep, PdkSlice path, PdkNodeState *state)
{
	if (!pdk_path_legal((const char *)path.data, (size_t)path.length))
		return PDK_ERR_BAD_ARGUMENTS;
	*state = look(prep, (const char *)path.data, (size_t)path.length);
	return state->exists ? PDK_OK : PDK_ERR_NO_NODE;
}

/* Bytes that the data at @path has now; applied, not pending, as quotas count. */
static int32_t
applied_length(PdkPrep *prep, PdkSlice path)
{
	PdkTree *tree = prep->server->tree;
	PdkNode node = pdk_tree_find(tree, (const char *)path.data, (size_t)path.length);
	int32_t length = 0;
	if (node)
		pdk_tree_data(tree, node, &length);
	return MAX(0, length);
}

static PdkCode
set_data(PdkPrep *prep, PdkJute *in)
{
	PdkServer *server = prep->server;
	PdkSlice path = pdk_get_bytes(in), data = pdk_get_bytes(in);
	int32_t version = pdk_get_int(in);
	if (in->failed || path.length < 0)
		return PDK_ERR_MARSHALLING;
	PdkNodeState state;
	PdkCode code = find_for_change(prep, path, &state);
	if (code != PDK_OK)
		return code;
	if (!allowed(prep, &state, PDK_PERM_WRITE))
		return PDK_ERR_NO_AUTH;
	const char *text = (const char *)path.data;
	if (server->settings->enforce_quota) {
		code = pdk_quotas_allow(server->quotas, text, (size_t)path.length, 0,
					MAX(0, data.length) - applied_length(prep, path), NULL);
		if (code != PDK_OK)
			return code;
	}
	if (!version_matches(version, state.stat.version))
		return PDK_ERR_BAD_VERSION;
	PdkNodeState after = state;
	after.stat.version = (int32_t)((uint32_t)state.stat.version + 1);
	after.stat.mzxid = prep->zxid;
	after.stat.mtime = server->wall_ms;
	after.prefix = digest_prefix(prep, path.length == 1 ? "" : text, path.length == 1 ? 0 : (size_t)path.length, data);
	set(prep, text, (size_t)path.length, &state, &after);
	pdk_put_bytes(&server->scratch, path.data, path.length);
	pdk_put_bytes(&server->scratch, data.data, data.length);
	pdk_put_int(&server->scratch, after.stat.version);
	prep->txn_type = PDK_OP_SET_DATA;
	return PDK_OK;
}

static PdkCode
set_acl(PdkPrep *prep, PdkJute *in)
{
	PdkServer *server = prep->server;
	PdkSlice path = pdk_get_bytes(in);
	PdkJute acl = *in;
	pdk_access_skip(in);
	int32_t version = pdk_get_int(in);
	if (in->failed || path.length < 0)
		return PDK_ERR_MARSHALLING;
	if (!pdk_path_legal((const char *)path.data, (size_t)path.length))
		return PDK_ERR_BAD_ARGUMENTS;
	server->fixed_acl.length = 0;
	PdkCode code = pdk_access_fix(server, prep->connection, &acl, &server->fixed_acl);
	PdkNodeState state;
	if (code == PDK_OK)
		code = find_for_change(prep, path, &state);
	if (code != PDK_OK)
		return code;
	if (!allowed(prep, &state, PDK_PERM_ADMIN))
		return PDK_ERR_NO_AUTH;
	if (!version_matches(version, state.stat.aversion))
		return PDK_ERR_BAD_VERSION;
	PdkNodeState after = state;
	after.stat.aversion = (int32_t)((uint32_t)state.stat.aversion + 1);
	after.acl = hold_acl(prep, &server->fixed_acl);
	set(prep, (const char *)path.data, (size_t)path.length, &state, &after);
	pdk_put_bytes(&server->scratch, path.data, path.length);
	pdk_buffer_append(&server->scratch, server->fixed_acl.data, server->fixed_acl.length);
	pdk_put_int(&server->scratch, after.stat.aversion);
	prep->txn_type = PDK_OP_SET_ACL;
	return PDK_OK;
}

static PdkCode
check(PdkPrep *prep, PdkJute *in)
{
	PdkSlice path = pdk_get_bytes(in);
	int32_t version = pdk_get_int(in);
	if (in->failed || path.length < 0)
		return PDK_ERR_MARSHALLING;
	PdkNodeState state;
	PdkCode code = find_for_change(prep, path, &state);
	if (code != PDK_OK)
		return code;
	if (!allowed(prep, &state, PDK_PERM_READ))
		return PDK_ERR_NO_AUTH;
	if (!version_matches(version, state.stat.version))
		return PDK_ERR_BAD_VERSION;
	pdk_put_bytes(&prep->server->scratch, path.data, path.length);
	pdk_put_int(&prep->server->scratch, version);
	prep->txn_type = PDK_OP_CHECK;
	return PDK_OK;
}

/* ---- sessions ---- */

void
pdk_prep_create_session(PdkPrep *prep, int32_t timeout_ms)
{
	pdk_put_int(&prep->server->scratch, timeout_ms);
	prep->txn_type = PDK_OP_CREATE_SESSION;
}

static void
close_one(PdkPrep *prep, const char *path, size_t length, const PdkNodeState *state, int32_t *count)
{
	PdkNodeState parent = look(prep, path, pdk_path_parent(path, length));
	pdk_assert(parent.exists);
	remove_at(prep, path, length, &parent, state);
	if (prep->server->settings->close_session_txn)
		pdk_put_bytes(&prep->server->scratch, path, (int32_t)length);
	++*count;
}

/* Applied ephemerals that no pending delete has taken, then created ones that are not applied yet. */
void
pdk_prep_close_session(PdkPrep *prep)
{
	PdkServer *server = prep->server;
	bool with_paths = server->settings->close_session_txn;
	size_t mark = server->scratch.length;
	int32_t count = 0;
	if (with_paths)
		pdk_put_int(&server->scratch, 0);
	PdkBuffer path = {0};
	for (PdkNode node = pdk_tree_next_ephemeral(server->tree, prep->session, 0); node;
	     node = pdk_tree_next_ephemeral(server->tree, prep->session, node)) {
		path.length = 0;
		pdk_tree_append_path(server->tree, node, &path);
		PdkNodeState state = look(prep, (char *)path.data, path.length);
		if (state.exists && state.stat.owner == prep->session)
			close_one(prep, (char *)path.data, path.length, &state, &count);
	}
	for (PdkPending *record; (record = pdk_pendings_next_ephemeral(server->pendings, prep->session, NULL));) {
		path.length = 0;
		pdk_buffer_append(&path, record->path, record->path_length);
		PdkNodeState state = record->state;
		close_one(prep, (char *)path.data, path.length, &state, &count);
	}
	pdk_buffer_clear(&path);
	if (with_paths)
		pdk_store_u32(server->scratch.data + mark, (uint32_t)count);
	prep->txn_type = PDK_OP_CLOSE_SESSION;
}

/* ---- one operation ---- */

PdkCode
pdk_prep_operation(PdkPrep *prep, int32_t op, PdkJute *in)
{
	switch (op) {
	case PDK_OP_CREATE:
	case PDK_OP_CREATE2:
	case PDK_OP_CREATE_CONTAINER:
	case PDK_OP_CREATE_TTL:
		return create(prep, op, in);
	case PDK_OP_DELETE:
		return delete(prep, in);
	case PDK_OP_SET_DATA:
		return set_data(prep, in);
	case PDK_OP_SET_ACL:
		return set_acl(prep, in);
	case PDK_OP_CHECK:
		return check(prep, in);
	default:
		return PDK_ERR_UNIMPLEMENTED;
	}
}

bool
pdk_prep_parses(int32_t op, PdkJute in, GByteArray **operations)
{
	Create create;
	switch (op) {
	case PDK_OP_CREATE:
	case PDK_OP_CREATE2:
	case PDK_OP_CREATE_CONTAINER:
	case PDK_OP_CREATE_TTL:
		return read_create(op, &in, &create);
	case PDK_OP_DELETE:
		pdk_get_bytes(&in);
		pdk_get_int(&in);
		return !in.failed;
	case PDK_OP_SET_DATA:
		pdk_get_bytes(&in);
		pdk_get_bytes(&in);
		pdk_get_int(&in);
		return !in.failed;
	case PDK_OP_SET_ACL:
		pdk_get_bytes(&in);
		pdk_access_skip(&in);
		pdk_get_int(&in);
		return !in.failed;
	case PDK_OP_MULTI:
		return pdk_multi_parses(in, operations);
	case PDK_OP_RECONFIG:
		return pdk_reconfig_parses(&in);
	default:
		return false;
	}
}

bool
pdk_prep_creates_ephemeral(int32_t op, PdkJute in)
{
	Create create;
	if (op == PDK_OP_MULTI)
		return pdk_multi_creates_ephemeral(in);
	return (op == PDK_OP_CREATE || op == PDK_OP_CREATE2) && read_create(op, &in, &create) && is_ephemeral(create.flags);
}

PdkCode
pdk_prep(PdkPrep *prep, int32_t op, PdkJute *in)
{
	if (op == PDK_OP_MULTI)
		return pdk_prep_multi(prep, in);
	if (op == PDK_OP_RECONFIG)
		return pdk_prep_reconfig(prep, in);
	return pdk_prep_operation(prep, op, in);
}

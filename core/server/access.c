/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a connection is and what it may do: identities, auth packets, permission checks, the fixing of ACL lists.
 * Source: PrepRequestProcessor.fixupACL, ZooKeeperServer.checkACL and processPacket, AuthUtil.
 */
#include "server/server-private.h"

/* ---- identities ---- */

void
pdk_access_add_identity(PdkConnection *connection, const char *scheme, const char *id)
{
	if (connection->identities == NULL)
		connection->identities = g_array_new(FALSE, FALSE, sizeof(PdkIdentity));
	for (guint i = 0; i < connection->identities->len; i++) {
		const PdkIdentity *have = &g_array_index(connection->identities, PdkIdentity, i);
		if (strcmp(have->scheme, scheme) == 0 && strcmp(have->id, id) == 0)
			return;
	}
	PdkIdentity identity = {g_strdup(scheme), g_strdup(id)};
	g_array_append_val(connection->identities, identity);
	if (strcmp(scheme, "super") == 0)
		connection->super = true;
	memset(connection->acl_memory, 0, sizeof connection->acl_memory);
}

uint32_t
pdk_access_identities(const PdkConnection *connection)
{
	return connection->identities ? connection->identities->len - connection->later : 0;
}

void
pdk_access_as_of(PdkConnection *connection, uint32_t identities)
{
	uint32_t all = connection->identities ? connection->identities->len : 0;
	uint32_t later = all - MIN(all, identities);
	if (later == connection->later)
		return;
	connection->later = later;
	connection->super = false;
	for (guint i = 0; i < all - later; i++)
		connection->super |= strcmp(g_array_index(connection->identities, PdkIdentity, i).scheme, "super") == 0;
	memset(connection->acl_memory, 0, sizeof connection->acl_memory);
}

void
pdk_access_clear(PdkConnection *connection)
{
	if (connection->identities == NULL)
		return;
	for (guint i = 0; i < connection->identities->len; i++) {
		PdkIdentity *identity = &g_array_index(connection->identities, PdkIdentity, i);
		g_free(identity->scheme);
		g_free(identity->id);
	}
	g_clear_pointer(&connection->identities, g_array_unref);
}

/* What an auth plugin writes to. */
typedef struct {
	PdkAuthResult result;
	PdkConnection *connection;
} Result;

static void
result_add_id(PdkAuthResult *self, const char *scheme, const char *id)
{
	pdk_access_add_identity(((Result *)self)->connection, scheme, id);
}

static void
result_set_token(PdkAuthResult *self, const void *data, size_t length)
{
	(void)self;
	(void)data;
	(void)length;
}

static Result
result_for(PdkConnection *connection)
{
	return (Result){
		.result = {.size = sizeof(PdkAuthResult), .add_id = result_add_id, .set_token = result_set_token},
		.connection = connection,
	};
}

static PdkAuthPeer
peer_of(const PdkConnection *connection)
{
	return (PdkAuthPeer){connection->address, connection->certificate};
}

static const PdkScheme *
find_scheme(PdkServer *server, const char *name, size_t length)
{
	for (guint i = 0; i < server->schemes->len; i++) {
		const PdkScheme *scheme = &g_array_index(server->schemes, PdkScheme, i);
		if (strlen(scheme->scheme) == length && memcmp(scheme->scheme, name, length) == 0)
			return scheme;
	}
	return NULL;
}

void
pdk_access_connected(PdkServer *server, PdkConnection *connection)
{
	Result result = result_for(connection);
	PdkAuthPeer peer = peer_of(connection);
	for (guint i = 0; i < server->schemes->len; i++) {
		const PdkScheme *scheme = &g_array_index(server->schemes, PdkScheme, i);
		if (PDK_HAS(scheme->ops, connected))
			scheme->ops->connected(scheme->auth, &peer, &result.result);
	}
}

/* ---- auth packets ---- */

static PdkAuthStatus
run_step(PdkServer *server, PdkConnection *connection, PdkSlice name, PdkSlice data)
{
	const PdkScheme *scheme = name.length < 0 ? NULL : find_scheme(server, (const char *)name.data, (size_t)name.length);
	if (scheme == NULL || !PDK_HAS(scheme->ops, step))
		return PDK_AUTH_FAILED;
	Result result = result_for(connection);
	PdkAuthPeer peer = peer_of(connection);
	PdkAuthSession *session = PDK_HAS(scheme->ops, begin) ? scheme->ops->begin(scheme->auth, &peer) : NULL;
	PdkAuthStatus status = scheme->ops->step(scheme->auth, session, data.length < 0 ? NULL : data.data,
						 data.length < 0 ? 0 : (size_t)data.length, &result.result);
	if (PDK_HAS(scheme->ops, finish))
		scheme->ops->finish(scheme->auth, session);
	return status;
}

void
pdk_access_auth(PdkServer *server, PdkConnection *connection, int32_t xid, PdkJute *in)
{
	pdk_get_int(in); /* type: ignored */
	PdkSlice scheme = pdk_get_bytes(in);
	PdkSlice data = pdk_get_bytes(in);
	if (in->failed) {
		pdk_connection_end(server, connection, false);
		return;
	}
	if (run_step(server, connection, scheme, data) == PDK_AUTH_DONE) {
		pdk_reply_code(server, connection, xid, 0, PDK_OK);
		return;
	}
	pdk_counter_add(server->cells.auth_failed, 1);
	pdk_server_say(server, PDK_LOG_WARNING, "authentication failed, connection closed: peer=%s scheme=%.*s session=0x%" PRIx64,
		       connection->endpoint, MAX(0, MIN(scheme.length, 64)), scheme.data ? (const char *)scheme.data : "",
		       (uint64_t)connection->session_id);
	pdk_reply_code(server, connection, xid, 0, PDK_ERR_AUTH_FAILED);
	pdk_connection_end(server, connection, true);
}

bool
pdk_access_enough(PdkServer *server, PdkConnection *connection)
{
	if (!server->settings->enforce_auth)
		return true;
	for (guint i = 0, n = pdk_access_identities(connection); i < n; i++) {
		const PdkIdentity *identity = &g_array_index(connection->identities, PdkIdentity, i);
		if (g_strv_contains((const char *const *)server->settings->enforce_auth_schemes, identity->scheme))
			return true;
	}
	return false;
}

/* ---- permission checks ---- */

static bool
entry_matches(PdkServer *server, PdkConnection *connection, const PdkAclEntry *entry, GString *wanted)
{
	if (pdk_slice_equal(entry->scheme, "world") && pdk_slice_equal(entry->id, "anyone"))
		return true;
	if (entry->scheme.length < 0 || entry->id.length < 0)
		return false;
	const PdkScheme *scheme = find_scheme(server, (const char *)entry->scheme.data, (size_t)entry->scheme.length);
	if (scheme == NULL)
		return false;
	g_string_truncate(wanted, 0);
	g_string_append_len(wanted, (const char *)entry->id.data, entry->id.length);
	for (guint i = 0, n = pdk_access_identities(connection); i < n; i++) {
		const PdkIdentity *identity = &g_array_index(connection->identities, PdkIdentity, i);
		if (strcmp(identity->scheme, scheme->scheme) == 0 && scheme->ops->match(scheme->auth, identity->id, wanted->str))
			return true;
	}
	return false;
}

/* The permissions that the list gives to the connection. A null or empty list gives all. */
static uint8_t
work_out(PdkServer *server, PdkConnection *connection, PdkAclId acl)
{
	size_t length;
	const uint8_t *encoded = pdk_acls_encoding(pdk_tree_acls(server->tree), acl, &length);
	PdkJute in = pdk_jute(encoded, length, INT32_MAX);
	int32_t count = pdk_get_count(&in, PDK_ACL_ENTRY_SMALLEST);
	if (count <= 0)
		return PDK_PERM_ALL;
	uint8_t perms = 0;
	g_autoptr(GString) wanted = g_string_new(NULL);
	for (int32_t i = 0; i < count && !in.failed; i++) {
		PdkAclEntry entry = pdk_acl_entry(&in);
		if (!in.failed && entry_matches(server, connection, &entry, wanted))
			perms |= (uint8_t)(entry.perms & PDK_PERM_ALL);
	}
	return perms;
}

bool
pdk_access_allows(PdkServer *server, PdkConnection *connection, PdkAclId acl, int perms)
{
	if (acl == PDK_ACL_OPEN || connection == NULL || connection->super || server->settings->skip_acl)
		return true;
	uint32_t generation = pdk_acls_generation(pdk_tree_acls(server->tree));
	if (connection->acl_generation != generation) {
		memset(connection->acl_memory, 0, sizeof connection->acl_memory);
		connection->acl_generation = generation;
	}
	PdkAclMemory *memory = &connection->acl_memory[acl % PDK_ACL_MEMORY];
	if (!memory->used || memory->acl != acl)
		*memory = (PdkAclMemory){acl, work_out(server, connection, acl), true};
	return (memory->perms & perms) != 0;
}

/* ---- fixing a list that a client gave ---- */

typedef struct {
	PdkServer *server;
	PdkConnection *connection;
	PdkBuffer *out;
	GHashTable *seen; /* entries so far, as bytes; NULL for a list of one */
	int32_t count;
} Fixed;

static void
put_entry(Fixed *fixed, int32_t perms, const void *scheme, int32_t scheme_length, const void *id, int32_t id_length)
{
	size_t at = fixed->out->length;
	pdk_put_int(fixed->out, perms);
	pdk_put_bytes(fixed->out, scheme, scheme_length);
	pdk_put_bytes(fixed->out, id, id_length);
	GBytes *entry = fixed->seen ? g_bytes_new(fixed->out->data + at, fixed->out->length - at) : NULL;
	if (entry && !g_hash_table_add(fixed->seen, entry)) {
		fixed->out->length = at; /* an exact duplicate */
		return;
	}
	fixed->count++;
}

/* Scheme `auth` stands for every identity of the connection that names a person. */
static bool
put_own_identities(Fixed *fixed, int32_t perms)
{
	bool any = false;
	GArray *identities = fixed->connection ? fixed->connection->identities : NULL;
	for (guint i = 0; identities && i < identities->len; i++) {
		const PdkIdentity *identity = &g_array_index(identities, PdkIdentity, i);
		const PdkScheme *scheme = find_scheme(fixed->server, identity->scheme, strlen(identity->scheme));
		if (scheme == NULL || !PDK_HAS(scheme->ops, identifies_people) || !scheme->ops->identifies_people(scheme->auth))
			continue;
		put_entry(fixed, perms, identity->scheme, (int32_t)strlen(identity->scheme), identity->id,
			  (int32_t)strlen(identity->id));
		any = true;
	}
	return any;
}

static bool
id_is_valid(PdkServer *server, const PdkAclEntry *entry)
{
	const PdkScheme *scheme = find_scheme(server, (const char *)entry->scheme.data, (size_t)entry->scheme.length);
	if (scheme == NULL || memchr(entry->id.data, 0, (size_t)entry->id.length) ||
	    !g_utf8_validate((const char *)entry->id.data, entry->id.length, NULL))
		return false;
	g_autofree char *id = pdk_slice_text(entry->id);
	return scheme->ops->valid_id(scheme->auth, id);
}

static PdkCode
fix_entry(Fixed *fixed, const PdkAclEntry *entry)
{
	bool world = pdk_slice_equal(entry->scheme, "world");
	if (entry->scheme.length < 0)
		return PDK_ERR_INVALID_ACL;
	if (pdk_slice_equal(entry->scheme, "auth"))
		return put_own_identities(fixed, entry->perms) ? PDK_OK : PDK_ERR_INVALID_ACL;
	if (entry->id.length < 0)
		return PDK_ERR_MARSHALLING;
	if (world ? !pdk_slice_equal(entry->id, "anyone") : !id_is_valid(fixed->server, entry))
		return PDK_ERR_INVALID_ACL;
	put_entry(fixed, entry->perms, entry->scheme.data, entry->scheme.length, entry->id.data, entry->id.length);
	return PDK_OK;
}

PdkCode
pdk_access_fix(PdkServer *server, PdkConnection *connection, PdkJute *in, PdkBuffer *out)
{
	size_t mark = out->length;
	PdkCode code = PDK_OK;
	int32_t count = pdk_get_count(in, PDK_ACL_ENTRY_SMALLEST);
	pdk_put_int(out, 0);
	g_autoptr(GHashTable) seen = count > 1 ? g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL) : NULL;
	Fixed fixed = {server, connection, out, seen, 0};
	for (int32_t i = 0; i < count; i++) {
		PdkAclEntry entry = pdk_acl_entry(in);
		if (in->failed)
			break;
		if (code == PDK_OK)
			code = fix_entry(&fixed, &entry);
	}
	if (in->failed)
		return PDK_ERR_MARSHALLING;
	if (code == PDK_OK && fixed.count == 0)
		code = PDK_ERR_INVALID_ACL;
	pdk_store_u32(out->data + mark, (uint32_t)fixed.count);
	return code;
}

void
pdk_access_skip(PdkJute *in)
{
	int32_t count = pdk_get_count(in, PDK_ACL_ENTRY_SMALLEST);
	for (int32_t i = 0; i < count && !in->failed; i++)
		pdk_acl_entry(in);
}

/* ---- showing ---- */

static char *
masked(PdkServer *server, const PdkAclEntry *entry)
{
	const PdkScheme *scheme = entry->scheme.length < 0 || entry->id.length < 0
					  ? NULL
					  : find_scheme(server, (const char *)entry->scheme.data, (size_t)entry->scheme.length);
	if (scheme == NULL || !PDK_HAS(scheme->ops, masked))
		return NULL;
	g_autofree char *id = pdk_slice_text(entry->id);
	return scheme->ops->masked(scheme->auth, id);
}

void
pdk_access_put(PdkServer *server, PdkBuffer *out, PdkAclId acl, bool whole)
{
	size_t length;
	const uint8_t *encoded = pdk_acls_encoding(pdk_tree_acls(server->tree), acl, &length);
	if (whole) {
		pdk_buffer_append(out, encoded, length);
		return;
	}
	PdkJute in = pdk_jute(encoded, length, INT32_MAX);
	int32_t count = pdk_get_count(&in, PDK_ACL_ENTRY_SMALLEST);
	pdk_put_int(out, count);
	for (int32_t i = 0; i < count; i++) {
		PdkAclEntry entry = pdk_acl_entry(&in);
		g_autofree char *shown = masked(server, &entry);
		pdk_put_int(out, entry.perms);
		pdk_put_bytes(out, entry.scheme.data, entry.scheme.length);
		if (shown)
			pdk_put_string(out, shown);
		else
			pdk_put_bytes(out, entry.id.data, entry.id.length);
	}
}

static char *
user_of(PdkServer *server, const PdkIdentity *identity)
{
	const PdkScheme *scheme = find_scheme(server, identity->scheme, strlen(identity->scheme));
	char *user = scheme && PDK_HAS(scheme->ops, user) ? scheme->ops->user(scheme->auth, identity->id) : NULL;
	return user ? user : g_strdup(identity->id);
}

PdkCode
pdk_who_am_i(PdkRequest *request)
{
	GArray *identities = request->connection->identities;
	guint n = pdk_access_identities(request->connection);
	PdkBuffer *out = &request->output->bytes;
	pdk_put_int(out, (int32_t)n);
	for (guint i = 0; i < n; i++) {
		const PdkIdentity *identity = &g_array_index(identities, PdkIdentity, i);
		g_autofree char *user = user_of(request->server, identity);
		pdk_put_string(out, identity->scheme);
		pdk_put_string(out, user);
	}
	return PDK_OK;
}

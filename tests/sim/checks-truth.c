/* SPDX-License-Identifier: Apache-2.0 */
/* The data that committed txns made, with its whole past. Changes when txns do something else to the data. */
#include "sim/checks.h"
#include "sim/truth.h"

uint32_t
sim_truth_hash(const void *data, int32_t length)
{
	const uint8_t *bytes = data;
	uint32_t hash = 2166136261U;
	for (int32_t i = 0; i < length; i++)
		hash = (hash ^ bytes[i]) * 16777619U;
	return hash;
}

static void
free_past(void *past)
{
	g_array_unref(past);
}

GHashTable *
sim_truth_new(void)
{
	return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_past);
}

GArray *
sim_triggers_new(void)
{
	return g_array_new(FALSE, FALSE, sizeof(SimTrigger));
}

/* ---- changes ---- */

/* The past of @path, and the key that it is kept under. */
static GArray *
past_of(SimChecks *checks, const char *path, const char **key)
{
	void *kept, *past;
	if (!g_hash_table_lookup_extended(checks->truth, path, &kept, &past)) {
		kept = g_strdup(path);
		past = g_array_new(FALSE, FALSE, sizeof(SimState));
		g_hash_table_insert(checks->truth, kept, past);
	}
	*key = kept;
	return past;
}

/* A new state of @path, as it was before but for what the caller changes. */
static SimState *
change(SimChecks *checks, const char *path, int64_t zxid, SimChange kind)
{
	SimTrigger trigger = {zxid, kind, NULL};
	GArray *past = past_of(checks, path, &trigger.path);
	SimState next = {0};
	if (kind <= SIM_NODE_CHILDREN)
		g_array_append_val(checks->triggers, trigger);
	if (past->len > 0)
		next = g_array_index(past, SimState, past->len - 1);
	next.zxid = zxid;
	next.change = kind;
	g_array_append_val(past, next);
	return &g_array_index(past, SimState, past->len - 1);
}

static void
change_parent(SimChecks *checks, const char *path, int64_t zxid, int32_t children)
{
	g_autofree char *parent = g_path_get_dirname(path);
	SimState *state = change(checks, parent, zxid, SIM_NODE_CHILDREN);
	state->children += children;
	state->used = true;
}

static char *
text_of(PdkSlice slice)
{
	return g_strndup((const char *)slice.data, (gsize)MAX(slice.length, 0));
}

const char *
sim_truth_text(const char *text)
{
	return g_ref_string_new_intern(text); /* no quark: GLib gives up its table of these for each 2048 */
}

const char *
sim_truth_acl(PdkJute *in)
{
	g_autoptr(GString) text = g_string_new(NULL);
	for (int32_t n = pdk_get_int(in); n > 0 && !in->failed; n--) {
		int32_t perms = pdk_get_int(in);
		g_autofree char *scheme = text_of(pdk_get_bytes(in)), *id = text_of(pdk_get_bytes(in));
		g_string_append_printf(text, "%s%d:%s:%s", text->len ? "," : "", perms, scheme, id);
	}
	return sim_truth_text(text->str);
}

static void
put_data(SimState *state, PdkSlice data)
{
	state->hash = sim_truth_hash(data.data, data.length);
	state->length = data.length;
}

static void
create(SimChecks *checks, const PdkTxnHeader *header, int32_t type, PdkJute *in)
{
	g_autofree char *path = text_of(pdk_get_bytes(in));
	PdkSlice data = pdk_get_bytes(in);
	const char *acl = sim_truth_acl(in);
	bool plain = type == PDK_OP_CREATE || type == PDK_OP_CREATE2;
	bool ephemeral = plain && pdk_get_bool(in);
	pdk_get_int(in);
	int64_t ttl = type == PDK_OP_CREATE_TTL ? pdk_get_long(in) : 0;
	SimState *state = change(checks, path, header->zxid, SIM_NODE_CREATED);
	*state = (SimState){.zxid = header->zxid, .change = SIM_NODE_CREATED, .there = true, .czxid = header->zxid,
			    .mzxid = header->zxid, .owner = ephemeral ? header->session : plain ? 0 : SIM_OWNER_OTHER,
			    .ctime = header->time_ms, .mtime = header->time_ms, .ttl = ttl, .acl = acl};
	put_data(state, data);
	change_parent(checks, path, header->zxid, 1);
}

static void
delete(SimChecks *checks, const PdkTxnHeader *header, PdkJute *in)
{
	g_autofree char *path = text_of(pdk_get_bytes(in));
	SimState *state = change(checks, path, header->zxid, SIM_NODE_DELETED);
	*state = (SimState){.zxid = header->zxid, .change = SIM_NODE_DELETED};
	change_parent(checks, path, header->zxid, -1);
}

static void
set_data(SimChecks *checks, const PdkTxnHeader *header, PdkJute *in)
{
	g_autofree char *path = text_of(pdk_get_bytes(in));
	PdkSlice data = pdk_get_bytes(in);
	SimState *state = change(checks, path, header->zxid, SIM_NODE_CHANGED);
	state->mzxid = header->zxid;
	state->mtime = header->time_ms;
	state->version = pdk_get_int(in);
	put_data(state, data);
}

static void
set_acl(SimChecks *checks, const PdkTxnHeader *header, PdkJute *in)
{
	g_autofree char *path = text_of(pdk_get_bytes(in));
	SimState *state = change(checks, path, header->zxid, SIM_NODE_ACL);
	state->acl = sim_truth_acl(in);
	state->aversion++;
}

static void
close_session(SimChecks *checks, const PdkTxnHeader *header, PdkJute *in)
{
	for (int32_t n = pdk_get_int(in); n > 0 && !in->failed; n--)
		delete(checks, header, in);
}

static void one(SimChecks *checks, const PdkTxnHeader *header, int32_t type, PdkJute *in);

/* One that was refused takes the others with it. */
static bool
is_refused(PdkJute in)
{
	for (int32_t n = pdk_get_int(&in); n > 0 && !in.failed; n--) {
		if (pdk_get_int(&in) == PDK_OP_ERROR)
			return true;
		pdk_get_bytes(&in);
	}
	return false;
}

static void
multi(SimChecks *checks, const PdkTxnHeader *header, PdkJute *in)
{
	if (is_refused(*in))
		return;
	for (int32_t n = pdk_get_int(in); n > 0 && !in->failed; n--) {
		int32_t type = pdk_get_int(in);
		PdkSlice body = pdk_get_bytes(in);
		PdkJute inner = pdk_jute(body.data, (size_t)MAX(body.length, 0), INT32_MAX);
		one(checks, header, type, &inner);
	}
}

static void
one(SimChecks *checks, const PdkTxnHeader *header, int32_t type, PdkJute *in)
{
	switch (type) {
	case PDK_OP_CREATE:
	case PDK_OP_CREATE2:
	case PDK_OP_CREATE_CONTAINER:
	case PDK_OP_CREATE_TTL:
		create(checks, header, type, in);
		return;
	case PDK_OP_DELETE:
	case PDK_OP_DELETE_CONTAINER:
		delete(checks, header, in);
		return;
	case PDK_OP_SET_DATA:
	case PDK_OP_RECONFIG:
		set_data(checks, header, in);
		return;
	case PDK_OP_SET_ACL:
		set_acl(checks, header, in);
		return;
	case PDK_OP_CLOSE_SESSION:
		close_session(checks, header, in);
		return;
	case PDK_OP_MULTI:
		multi(checks, header, in);
		return;
	default:
		return;
	}
}

void
sim_truth_take(Sim *sim, const PdkTxnHeader *header, GBytes *txn)
{
	size_t length;
	const uint8_t *bytes = g_bytes_get_data(txn, &length);
	PdkJute in = pdk_jute(bytes + PDK_TXN_HEADER, length - PDK_TXN_HEADER, INT32_MAX);
	if (header->type == PDK_OP_DELETE_CONTAINER) {
		PdkJute body = in;
		g_autofree char *path = text_of(pdk_get_bytes(&body));
		sim_reaping_look(sim, header, path);
	}
	one(sim->checks, header, header->type, &in);
}

/* ---- questions ---- */

G_STATIC_ASSERT(offsetof(SimState, zxid) == 0 && offsetof(SimTrigger, zxid) == 0);

/* The index behind the last one at or before @zxid, in an array of what begins with its zxid. */
static guint
behind(GArray *past, int64_t zxid)
{
	guint low = 0, high = past->len;
	while (low < high) {
		guint middle = (low + high) / 2;
		if (*(const int64_t *)(const void *)(past->data + (size_t)middle * g_array_get_element_size(past)) <= zxid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const SimState *
sim_truth_at(const Sim *sim, const char *path, int64_t zxid)
{
	GArray *past = g_hash_table_lookup(sim->checks->truth, path);
	guint n = past ? behind(past, zxid) : 0;
	return n > 0 ? &g_array_index(past, SimState, n - 1) : NULL;
}

int64_t
sim_truth_next_change(const Sim *sim, const char *path, int64_t zxid, unsigned changes)
{
	GArray *past = g_hash_table_lookup(sim->checks->truth, path);
	for (guint i = past ? behind(past, zxid) : 0; past && i < past->len; i++)
		if (changes >> g_array_index(past, SimState, i).change & 1)
			return g_array_index(past, SimState, i).zxid;
	return 0;
}

guint
sim_truth_triggers(const Sim *sim, int64_t zxid)
{
	return behind(sim->checks->triggers, zxid);
}

const SimTrigger *
sim_truth_trigger(const Sim *sim, guint number)
{
	const GArray *triggers = sim->checks->triggers;
	return number < triggers->len ? &g_array_index(triggers, SimTrigger, number) : NULL;
}

int64_t
sim_truth_closed(const Sim *sim, int64_t session)
{
	const int64_t *zxid = g_hash_table_lookup(sim->checks->closed, &session);
	return zxid ? *zxid : 0;
}

bool
sim_truth_opened(const Sim *sim, int64_t session, int64_t by_us)
{
	const int64_t *at_us = g_hash_table_lookup(sim->checks->opened, &session);
	return at_us && *at_us <= by_us;
}

bool
sim_truth_closing(const Sim *sim, int64_t session)
{
	return g_hash_table_contains(sim->checks->closing, &session);
}

int64_t
sim_truth_epoch(Sim *sim, unsigned server)
{
	PdkServer *there = sim_server(sim, server);
	if (there == NULL || !there->replica->serving)
		return 0;
	return there->replica->leading.leading ? there->replica->leading.epoch : there->replica->learning.epoch;
}

/* ---- a server's tree ---- */

static bool
has_acl(const PdkServer *server, PdkNode node, const char *acl)
{
	size_t length;
	const uint8_t *encoded = pdk_acls_encoding(pdk_tree_acls(server->tree), pdk_tree_acl(server->tree, node), &length);
	PdkJute in = pdk_jute(encoded, length, INT32_MAX);
	return sim_truth_acl(&in) == acl;
}

static bool
is_same(const PdkServer *server, PdkNode node, const SimState *state)
{
	PdkStat stat;
	if (node == 0 || !state->there)
		return (node != 0) == state->there;
	pdk_tree_stat(server->tree, node, &stat);
	return stat.czxid == state->czxid && stat.mzxid == state->mzxid && stat.version == state->version &&
	       stat.ctime == state->ctime && stat.mtime == state->mtime && stat.aversion == state->aversion &&
	       (state->owner == SIM_OWNER_OTHER || stat.owner == state->owner) && has_acl(server, node, state->acl);
}

/* Nodes of the server itself have a past of their own. */
static bool
is_own(const char *path)
{
	return strcmp(path, "/") == 0 || g_str_has_prefix(path, "/zookeeper");
}

void
sim_truth_check(Sim *sim, unsigned server)
{
	PdkServer *there = sim_server(sim, server);
	GHashTableIter iter;
	void *path, *past;
	if (there == NULL || !there->replica->serving)
		return;
	g_hash_table_iter_init(&iter, sim->checks->truth);
	while (g_hash_table_iter_next(&iter, &path, &past)) {
		const SimState *state = sim_truth_at(sim, path, INT64_MAX);
		if (!is_own(path) && !is_same(there, pdk_tree_find(there->tree, path, strlen(path)), state))
			sim_fail(sim, "acknowledged-stays", "%s is%s there by the txn " HEX ", at server %u it is otherwise",
				 (const char *)path, state->there ? "" : " not", (guint64)state->zxid, server + 1);
	}
}

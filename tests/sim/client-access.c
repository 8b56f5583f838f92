/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients authenticate, give nodes ACLs and change them, and try what these allow and what they forbid. Which answer is due follows
 * from the txns before the request's own (a read: up to the zxid of its answer) and from whom the connection spoke for when it was
 * asked. Changes when clients do more with ACLs, or when these mean something else.
 */
#include "sim/client-watch.h"

#define GATES 3
#define DOORS 2
#define ENTRIES 3
#define AUTH_ONE_OF 24 /* deeds of a client that may add an identity */
#define ANEW_ONE_OF 4  /* connections: only what it had first is added */

/* Whom clients may be. Scheme digest: base64 of the SHA-1 of the left side. */
static const struct {
	const char *proof, *id;
} people[] = {
	{"ann:one", "ann:grDcJ7OS1jCu/cG2TyJHw/I9L8o="},
	{"bob:two", "bob:yqVrLFrvoaI9z9fohteaNPJvRu8="},
	{"cyd:three", "cyd:P9oK76u2yO69YeDf4r1mHTsXmis="},
	{SIM_SUPER, SIM_SUPER_ID},
};
#define PEOPLE ((unsigned)G_N_ELEMENTS(people))
#define SUPER (1U << (PEOPLE - 1))

/* ---- who it is ---- */

/* The last may add more later. */
static unsigned
first_ids(const Client *client)
{
	static const unsigned ids[] = {0, 1, 2, 3, 4, 0};
	return ids[client->number % G_N_ELEMENTS(ids)];
}

static void
add_identity(Client *client, unsigned which)
{
	PdkBuffer body = {0};
	sim_put_auth(&body, people[which].proof);
	client_send(client, &body);
	client->ids |= 1U << which;
}

void
client_introduce(Client *client)
{
	if (!client_does(client, WORK_ACL))
		return;
	if (client_chance(client, ANEW_ONE_OF))
		client->owns = 0;
	client->owns |= first_ids(client);
	for (unsigned i = 0; i < PEOPLE; i++)
		if (client->owns >> i & 1)
			add_identity(client, i);
}

void
client_introduced(Client *client, int32_t code)
{
	Request auth = {.xid = SIM_XID_AUTH};
	if (code != PDK_OK)
		client_broken(client, "right-answer", &auth, "knows the password and is not believed");
}

/*
 * No request, for its answer does not come in the order of requests; what is asked for next has it. Who watches everything does
 * not become another meanwhile: which events the server held back before is nothing that it tells.
 */
static bool
ask_identity(Client *client, Request *request, PdkBuffer *body)
{
	(void)request;
	(void)body;
	bool watched = client_armed(client, "/") & WATCH_RECURSIVE || !g_queue_is_empty(&client->requests);
	if (client->number < 4 || !client_chance(client, AUTH_ONE_OF) || (watched && client_does(client, WORK_PERSISTENT)))
		return false;
	unsigned which = (unsigned)pdk_random_below(sim_random(client->sim), PEOPLE);
	client->owns |= 1U << which;
	add_identity(client, which);
	return false;
}

/* ---- what a list gives ---- */

static unsigned
perms_of_entry(const char *entry, unsigned ids)
{
	g_auto(GStrv) parts = g_strsplit(entry, ":", 3);
	unsigned perms = (unsigned)g_ascii_strtoull(parts[0], NULL, 10);
	if (strcmp(parts[1], "world") == 0)
		return perms;
	for (unsigned i = 0; i < PEOPLE; i++)
		if ((ids >> i & 1) && strcmp(parts[2], people[i].id) == 0)
			return perms;
	return 0;
}

static bool
may(const SimState *state, unsigned ids, unsigned perms)
{
	if (state->acl == NULL || (ids & SUPER))
		return true;
	g_auto(GStrv) entries = g_strsplit(state->acl, ",", -1);
	unsigned given = 0;
	for (unsigned i = 0; entries[i]; i++)
		given |= perms_of_entry(entries[i], ids);
	return (given & perms) != 0;
}

/* As who may not change it sees it: without the hashes of passwords. */
static const char *
masked(const char *acl)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_auto(GStrv) entries = g_strsplit(acl, ",", -1);
	for (unsigned i = 0; entries[i]; i++) {
		g_auto(GStrv) parts = g_strsplit(entries[i], ":", 4);
		bool digest = strcmp(parts[1], "digest") == 0;
		g_string_append_printf(text, "%s%s:%s:%s%s", i ? "," : "", parts[0], parts[1], parts[2], digest ? ":x" : "");
	}
	return sim_truth_text(text->str);
}

/* ---- a list of its own ---- */

typedef struct {
	int perms, who; /* -2: everybody, -1: those whom the connection speaks for, else one of the people */
} Entry;

static void
wish(GPtrArray *entries, int perms, const char *scheme, const char *id)
{
	char *entry = g_strdup_printf("%d:%s:%s", perms, scheme, id);
	if (g_ptr_array_find_with_equal_func(entries, entry, g_str_equal, NULL))
		g_free(entry);
	else
		g_ptr_array_add(entries, entry);
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* In an order that does not depend on whom `auth` stood for first. */
static const char *
sorted(GPtrArray *entries)
{
	g_ptr_array_sort(entries, by_text);
	g_ptr_array_add(entries, NULL);
	g_autofree char *text = g_strjoinv(",", (char **)entries->pdata);
	return sim_truth_text(text);
}

static const char *
sorted_list(const char *acl)
{
	g_auto(GStrv) split = g_strsplit(acl, ",", -1);
	g_autoptr(GPtrArray) entries = g_ptr_array_new();
	for (unsigned i = 0; split[i]; i++)
		g_ptr_array_add(entries, split[i]);
	return sorted(entries);
}

/* What the server makes of them; NULL: it refuses. */
static const char *
fixed(const Entry *list, unsigned n, unsigned ids)
{
	g_autoptr(GPtrArray) entries = g_ptr_array_new_with_free_func(g_free);
	for (unsigned i = 0; i < n; i++) {
		if (list[i].who == -1 && ids == 0)
			return NULL;
		if (list[i].who == -2)
			wish(entries, list[i].perms, "world", "anyone");
		for (unsigned k = 0; k < PEOPLE; k++)
			if (list[i].who == (int)k || (list[i].who == -1 && (ids >> k & 1)))
				wish(entries, list[i].perms, "digest", people[k].id);
	}
	return sorted(entries);
}

static void
put_entry(PdkBuffer *body, const Entry *entry)
{
	pdk_put_int(body, entry->perms);
	pdk_put_string(body, entry->who == -2 ? "world" : entry->who == -1 ? "auth" : "digest");
	pdk_put_string(body, entry->who == -2 ? "anyone" : entry->who == -1 ? "" : people[entry->who].id);
}

/* Draws one, writes it, and returns what it is to become. */
static const char *
put_acl(Client *client, PdkBuffer *body)
{
	PdkRandom *draw = sim_random(client->sim);
	unsigned n = 1 + (unsigned)pdk_random_below(draw, ENTRIES);
	Entry list[ENTRIES];
	pdk_put_int(body, (int32_t)n);
	for (unsigned i = 0; i < n; i++) {
		int perms = client_chance(client, 2) ? PDK_PERM_ALL : 1 + (int)pdk_random_below(draw, PDK_PERM_ALL);
		list[i] = (Entry){perms, (int)pdk_random_below(draw, PEOPLE + 2) - 2};
		put_entry(body, &list[i]);
	}
	return fixed(list, n, client->ids);
}

/* ---- which answer is due ---- */

typedef struct {
	SimState node, parent; /* as they are when it is done */
} Place;

static SimState
state_at(const Client *client, const char *path, int64_t zxid)
{
	const SimState *state = sim_truth_at(client->sim, path, zxid);
	if (strcmp(path, "/") == 0)
		return (SimState){.there = true};
	return state && state->there ? *state : (SimState){0};
}

static Place
place_at(const Client *client, const Request *request, int64_t zxid)
{
	g_autofree char *parent = g_path_get_dirname(request->path);
	int64_t at = request->deed->writes ? zxid - 1 : zxid;
	return (Place){state_at(client, request->path, at), state_at(client, parent, at)};
}

static bool
is_other_version(const Request *request, int32_t version)
{
	return request->version >= 0 && request->version != version;
}

static int32_t
due_of_create(const Request *request, const Place *place)
{
	if (request->acl == NULL)
		return PDK_ERR_INVALID_ACL;
	if (!place->parent.there)
		return PDK_ERR_NO_NODE;
	if (!may(&place->parent, request->ids, PDK_PERM_CREATE))
		return PDK_ERR_NO_AUTH;
	return place->node.there ? PDK_ERR_NODE_EXISTS : PDK_OK;
}

static int32_t
due_of_delete(const Request *request, const Place *place)
{
	if (!place->parent.there)
		return PDK_ERR_NO_NODE;
	if (!may(&place->parent, request->ids, PDK_PERM_DELETE))
		return PDK_ERR_NO_AUTH;
	if (!place->node.there)
		return PDK_ERR_NO_NODE;
	return place->node.children > 0 ? PDK_ERR_NOT_EMPTY : PDK_OK;
}

static int32_t
due_of_set_acl(const Request *request, const Place *place)
{
	if (request->acl == NULL)
		return PDK_ERR_INVALID_ACL;
	if (!place->node.there)
		return PDK_ERR_NO_NODE;
	if (!may(&place->node, request->ids, PDK_PERM_ADMIN))
		return PDK_ERR_NO_AUTH;
	return is_other_version(request, place->node.aversion) ? PDK_ERR_BAD_VERSION : PDK_OK;
}

static int32_t
due_of_set_data(const Request *request, const Place *place)
{
	if (!place->node.there)
		return PDK_ERR_NO_NODE;
	if (!may(&place->node, request->ids, PDK_PERM_WRITE))
		return PDK_ERR_NO_AUTH;
	return is_other_version(request, place->node.version) ? PDK_ERR_BAD_VERSION : PDK_OK;
}

static int32_t
due_of_read(const Request *request, const Place *place)
{
	unsigned perms = request->deed->op == PDK_OP_GET_ACL ? PDK_PERM_READ | PDK_PERM_ADMIN : PDK_PERM_READ;
	if (!place->node.there)
		return PDK_ERR_NO_NODE;
	return may(&place->node, request->ids, perms) ? PDK_OK : PDK_ERR_NO_AUTH;
}

static int32_t
due(Client *client, const Request *request, int64_t zxid)
{
	Place place = place_at(client, request, zxid);
	switch (request->deed->op) {
	case PDK_OP_CREATE2:
		return due_of_create(request, &place);
	case PDK_OP_DELETE:
		return due_of_delete(request, &place);
	case PDK_OP_SET_ACL:
		return due_of_set_acl(request, &place);
	case PDK_OP_SET_DATA:
		return due_of_set_data(request, &place);
	default:
		return due_of_read(request, &place);
	}
}

bool
client_may_hear(const Client *client, const SimTrigger *trigger)
{
	SimState state = state_at(client, trigger->path, trigger->zxid - (trigger->change == SIM_NODE_DELETED));
	return may(&state, client->ids, PDK_PERM_READ);
}

static bool
refused(Client *client, const Request *request, int32_t code, int64_t zxid)
{
	return code == due(client, request, zxid);
}

/* It was done: should it have been? */
static void
check_allowed(Client *client, const Request *request, int64_t zxid)
{
	int32_t code = due(client, request, zxid);
	if (code != PDK_OK)
		sim_fail(client->sim, "right-answer", "client %u: request %d (operation %d for %s) is done, due is %d at " HEX,
			 client->number, request->xid, request->deed->op, request->path, code, (guint64)zxid);
}

/* ---- gates and doors ---- */

static char *
draw_path(Client *client)
{
	PdkRandom *draw = sim_random(client->sim);
	unsigned gate = (unsigned)pdk_random_below(draw, GATES), door = (unsigned)pdk_random_below(draw, DOORS + 1);
	return door == DOORS ? g_strdup_printf("/gate%u", gate) : g_strdup_printf("/gate%u/door%u", gate, door);
}

/* One that there is none of, one that may be right, or any. */
static int32_t
draw_version(Client *client, int32_t known)
{
	return client_chance(client, 2) ? -1 : client_chance(client, 4) ? known + 1 : known;
}

static bool
ask_make(Client *client, Request *request, PdkBuffer *body)
{
	request->path = draw_path(client);
	pdk_put_string(body, request->path);
	client_put_number(body, client->number);
	request->acl = put_acl(client, body);
	pdk_put_int(body, PDK_MODE_PERSISTENT);
	return true;
}

static void
check_acl(Client *client, const Request *request, int64_t zxid)
{
	const SimState *state = sim_truth_at(client->sim, request->path, zxid);
	if (state == NULL || state->acl == NULL || sorted_list(state->acl) != request->acl)
		client_broken(client, "acknowledged-is-committed", request, "gave the node an ACL, and its txn gives it another");
}

static void
done_make(Client *client, const Request *request, PdkJute *in, int64_t zxid)
{
	pdk_get_bytes(in);
	check_allowed(client, request, zxid);
	client_check_stat(client, request, in, zxid);
	check_acl(client, request, zxid);
}

static bool
ask_path(Client *client, Request *request, PdkBuffer *body)
{
	request->path = draw_path(client);
	pdk_put_string(body, request->path);
	return true;
}

static bool
ask_unwatched(Client *client, Request *request, PdkBuffer *body)
{
	ask_path(client, request, body);
	pdk_put_bool(body, false);
	return true;
}

static void
done_exists(Client *client, const Request *request, PdkJute *in, int64_t zxid)
{
	check_allowed(client, request, zxid);
	client_check_stat(client, request, in, zxid);
}

static void
done_data(Client *client, const Request *request, PdkJute *in, int64_t zxid)
{
	client_check_data(client, request, pdk_get_bytes(in), zxid);
	done_exists(client, request, in, zxid);
}

static void
done_children(Client *client, const Request *request, PdkJute *in, int64_t zxid)
{
	for (int32_t n = pdk_get_int(in); n > 0 && !in->failed; n--)
		pdk_get_bytes(in);
	done_exists(client, request, in, zxid);
}

static void
done_acl(Client *client, const Request *request, PdkJute *in, int64_t zxid)
{
	const SimState state = state_at(client, request->path, zxid);
	const char *shown = sim_truth_acl(in);
	bool whole = may(&state, request->ids, PDK_PERM_ADMIN);
	if (state.acl && shown != (whole ? state.acl : masked(state.acl)))
		client_broken(client, "no-dirty-read", request, "is shown another ACL than the node has at this zxid");
	done_exists(client, request, in, zxid);
}

static bool
ask_set(Client *client, Request *request, PdkBuffer *body)
{
	ask_path(client, request, body);
	request->version = draw_version(client, state_at(client, request->path, client->seen).version);
	client_put_number(body, client->number);
	pdk_put_int(body, (int32_t)request->version);
	return true;
}

static bool
ask_set_acl(Client *client, Request *request, PdkBuffer *body)
{
	ask_path(client, request, body);
	request->version = draw_version(client, state_at(client, request->path, client->seen).aversion);
	request->acl = put_acl(client, body);
	pdk_put_int(body, (int32_t)request->version);
	return true;
}

static void
done_set_acl(Client *client, const Request *request, PdkJute *in, int64_t zxid)
{
	done_exists(client, request, in, zxid);
	check_acl(client, request, zxid);
}

static bool
ask_delete(Client *client, Request *request, PdkBuffer *body)
{
	ask_path(client, request, body);
	pdk_put_int(body, -1);
	return true;
}

static void
done_delete(Client *client, const Request *request, PdkJute *in, int64_t zxid)
{
	(void)in;
	check_allowed(client, request, zxid);
}

static const Deed deeds[] = {
	{WORK_ACL, 4, PDK_OP_CREATE2, true, ask_make, done_make, refused, NULL},
	{WORK_ACL, 3, PDK_OP_SET_ACL, true, ask_set_acl, done_set_acl, refused, NULL},
	{WORK_ACL, 3, PDK_OP_SET_DATA, true, ask_set, done_exists, refused, NULL},
	{WORK_ACL, 2, PDK_OP_DELETE, true, ask_delete, done_delete, refused, NULL},
	{WORK_ACL, 2, PDK_OP_GET_DATA, false, ask_unwatched, done_data, refused, NULL},
	{WORK_ACL, 1, PDK_OP_EXISTS, false, ask_unwatched, done_exists, refused, NULL},
	{WORK_ACL, 1, PDK_OP_GET_CHILDREN2, false, ask_unwatched, done_children, refused, NULL},
	{WORK_ACL, 2, PDK_OP_GET_ACL, false, ask_path, done_acl, refused, NULL},
	{WORK_ACL, 1, PDK_OP_AUTH, false, ask_identity, NULL, NULL, NULL},
};

const Deed *
client_access_deeds(unsigned *n)
{
	*n = G_N_ELEMENTS(deeds);
	return deeds;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Clients make nodes of all kinds, read, change and delete them, theirs and others', and watch them. Changes when they do more. */
#include "sim/client-watch.h"

#define RECENT 24
#define BIG_BYTES 30000

static char *
new_path(Client *client, const char *kind)
{
	return g_strdup_printf("/%s%u-%u", kind, client->number, client->next++);
}

char *
client_recent(Client *client, const GPtrArray *paths)
{
	if (paths->len == 0)
		return NULL;
	guint back = (guint)pdk_random_below(sim_random(client->sim), MIN(paths->len, RECENT));
	return g_strdup(g_ptr_array_index(paths, paths->len - 1 - back));
}

static bool
same_refusal(Client *client, const Request *request, int32_t code, int64_t zxid)
{
	return client_check_refusal(client, request, code, zxid);
}

/* ---- making ---- */

/* A new one, or one that was there before. */
static bool
ask_create(Client *client, Request *request, PdkBuffer *body)
{
	bool again = workload_has(client->promises->workload, WORK_DELETE) && client_chance(client, 4);
	request->path = again ? client_recent(client, client->promises->paths) : NULL;
	if (request->path == NULL) {
		request->path = new_path(client, "c");
		g_ptr_array_add(client->promises->paths, g_strdup(request->path));
	}
	client_put_create(body, request->path, client->number, PDK_MODE_PERSISTENT);
	return true;
}

static void
done_create(Client *client, const Request *request, PdkJute *in, int64_t zxid)
{
	pdk_get_bytes(in);
	client->creates++;
	client_check_stat(client, request, in, zxid);
}

static bool
ask_ephemeral(Client *client, Request *request, PdkBuffer *body)
{
	request->path = new_path(client, "e");
	g_ptr_array_add(client->promises->ephemerals, g_strdup(request->path));
	request->ephemeral = client->wavers = true;
	client_put_create(body, request->path, client->number, PDK_MODE_EPHEMERAL);
	return true;
}

static bool
ask_sequential(Client *client, Request *request, PdkBuffer *body)
{
	request->path = g_strdup("/seq-");
	client_put_create(body, request->path, client->number, PDK_MODE_PERSISTENT_SEQUENTIAL);
	return true;
}

static void
done_sequential(Client *client, const Request *request, PdkJute *in, int64_t zxid)
{
	PdkSlice path = pdk_get_bytes(in);
	g_autofree char *text = g_strndup((const char *)path.data, (gsize)MAX(path.length, 0));
	const SimState *state = sim_truth_at(client->sim, text, zxid);
	int64_t number = path.length > 5 ? g_ascii_strtoll(text + 5, NULL, 10) : -1;
	if (!g_hash_table_add(client->promises->numbers, g_memdup2(&number, sizeof number)))
		client_broken(client, "sequence-numbers", request, "is given a number that was given before");
	if (number <= request->before)
		client_broken(client, "sequence-numbers", request, "is given a number below one that was given before it asked");
	if (state == NULL || state->czxid != zxid)
		client_broken(client, "acknowledged-is-committed", request, "is told of a node that its txn did not make");
	client->promises->highest = MAX(client->promises->highest, number);
}

static void
put_part(PdkBuffer *body, int32_t op, bool done)
{
	pdk_put_int(body, op);
	pdk_put_bool(body, done);
	pdk_put_int(body, -1);
}

static void
put_pair(PdkBuffer *body, const char *path)
{
	static const char *const ends[] = {"", "b"};
	for (unsigned i = 0; i < G_N_ELEMENTS(ends); i++) {
		g_autofree char *whole = g_strconcat(path, ends[i], NULL);
		put_part(body, PDK_OP_CREATE, false);
		client_put_create(body, whole, 0, PDK_MODE_PERSISTENT);
	}
}

/* Two nodes, and perhaps a check that fails: then none. */
static bool
ask_multi(Client *client, Request *request, PdkBuffer *body)
{
	request->path = new_path(client, "m");
	request->number = client_chance(client, 3);
	put_pair(body, request->path);
	if (request->number) {
		put_part(body, PDK_OP_CHECK, false);
		pdk_put_string(body, "/never");
		pdk_put_int(body, -1);
	}
	put_part(body, -1, true);
	return true;
}

static void
done_multi(Client *client, const Request *request, PdkJute *in, int64_t zxid)
{
	g_autofree char *second = g_strconcat(request->path, "b", NULL);
	const SimState *one = sim_truth_at(client->sim, request->path, zxid), *other = sim_truth_at(client->sim, second, zxid);
	bool refused = pdk_get_int(in) == PDK_OP_ERROR;
	bool first = one && one->czxid == zxid, both = other && other->czxid == zxid;
	if (first != both || first == refused || refused != (request->number != 0))
		client_broken(client, "atomic-multi", request, "asked for two nodes or none and got something else");
	if (!refused)
		g_ptr_array_add(client->promises->paths, g_strdup(request->path));
}

static bool
ask_container(Client *client, Request *request, PdkBuffer *body)
{
	request->path = new_path(client, "t");
	g_ptr_array_add(client->promises->paths, g_strdup(request->path));
	g_ptr_array_add(client->promises->passing, g_strdup(request->path));
	client_put_create(body, request->path, client->number, PDK_MODE_CONTAINER);
	return true;
}

/* ---- looking ---- */

static bool
ask_path(Client *client, Request *request, PdkBuffer *body, bool watch)
{
	bool ephemeral = client->promises->ephemerals->len > 0 && client_chance(client, 3);
	request->path = client_recent(client, ephemeral ? client->promises->ephemerals : client->promises->paths);
	if (request->path == NULL)
		return false;
	request->number = watch;
	pdk_put_string(body, request->path);
	pdk_put_bool(body, watch);
	return true;
}

static bool
ask_look(Client *client, Request *request, PdkBuffer *body)
{
	return ask_path(client, request, body, false);
}

static bool
ask_watch(Client *client, Request *request, PdkBuffer *body)
{
	return ask_path(client, request, body, true);
}

static void
done_get(Client *client, const Request *request, PdkJute *in, int64_t zxid)
{
	client_check_data(client, request, pdk_get_bytes(in), zxid);
	client_check_stat(client, request, in, zxid);
	if (request->number)
		client_arm(client, request->path, WATCH_DATA);
}

static void
done_exists(Client *client, const Request *request, PdkJute *in, int64_t zxid)
{
	client_check_stat(client, request, in, zxid);
	if (request->number)
		client_arm(client, request->path, WATCH_DATA);
}

static bool
refused_exists(Client *client, const Request *request, int32_t code, int64_t zxid)
{
	if (code == PDK_ERR_NO_NODE && request->number)
		client_arm(client, request->path, WATCH_EXIST);
	return client_check_refusal(client, request, code, zxid);
}

/* ---- changing ---- */

static bool
ask_set(Client *client, Request *request, PdkBuffer *body)
{
	request->path = client_recent(client, client->promises->paths);
	if (request->path == NULL)
		return false;
	request->version = -1;
	pdk_put_string(body, request->path);
	client_put_number(body, (int64_t)pdk_random_next(sim_random(client->sim)));
	pdk_put_int(body, -1);
	return true;
}

static bool
ask_big(Client *client, Request *request, PdkBuffer *body)
{
	request->path = client_recent(client, client->promises->paths);
	if (request->path == NULL)
		return false;
	g_autofree uint8_t *data = g_malloc(BIG_BYTES);
	memset(data, (int)client->next, BIG_BYTES);
	request->version = -1;
	pdk_put_string(body, request->path);
	pdk_put_bytes(body, data, (int32_t)(BIG_BYTES / 2 + pdk_random_below(sim_random(client->sim), BIG_BYTES / 2)));
	pdk_put_int(body, -1);
	return true;
}

static bool
ask_delete(Client *client, Request *request, PdkBuffer *body)
{
	request->path = client_recent(client, client->promises->paths);
	if (request->path == NULL)
		return false;
	request->version = -1;
	pdk_put_string(body, request->path);
	pdk_put_int(body, -1);
	return true;
}

/* ---- syncs ---- */

static bool
ask_sync(Client *client, Request *request, PdkBuffer *body)
{
	request->path = g_strdup("/");
	request->number = client_floor(client, client->epoch);
	pdk_put_string(body, request->path);
	return true;
}

static void
done_sync(Client *client, const Request *request, PdkJute *in, int64_t zxid)
{
	(void)in;
	(void)zxid;
	client->synced = MAX(client->synced, request->number);
	client->sync_us = request->asked_us;
}

static const Deed deeds[] = {
	{WORK_CREATE, 8, PDK_OP_CREATE2, true, ask_create, done_create, same_refusal, NULL},
	{WORK_CREATE, 4, PDK_OP_GET_DATA, false, ask_look, done_get, same_refusal, NULL},
	{WORK_CREATE, 4, PDK_OP_EXISTS, false, ask_look, done_exists, refused_exists, NULL},
	{WORK_CREATE, 4, PDK_OP_SET_DATA, true, ask_set, done_exists, same_refusal, NULL},
	{WORK_EPHEMERAL, 4, PDK_OP_CREATE2, true, ask_ephemeral, done_create, NULL, NULL},
	{WORK_SEQUENTIAL, 4, PDK_OP_CREATE, true, ask_sequential, done_sequential, NULL, NULL},
	{WORK_MULTI, 4, PDK_OP_MULTI, true, ask_multi, done_multi, NULL, NULL},
	{WORK_WATCH, 4, PDK_OP_GET_DATA, false, ask_watch, done_get, same_refusal, NULL},
	{WORK_WATCH, 4, PDK_OP_EXISTS, false, ask_watch, done_exists, refused_exists, NULL},
	{WORK_SYNC, 4, PDK_OP_SYNC, false, ask_sync, done_sync, NULL, NULL},
	{WORK_DELETE, 3, PDK_OP_DELETE, true, ask_delete, NULL, same_refusal, NULL},
	{WORK_BIG, 1, PDK_OP_SET_DATA, true, ask_big, done_exists, same_refusal, NULL},
	{WORK_CONTAINER, 2, PDK_OP_CREATE_CONTAINER, true, ask_container, done_create, same_refusal, NULL},
};

const Deed *
client_node_deeds(unsigned *n)
{
	*n = G_N_ELEMENTS(deeds);
	return deeds;
}

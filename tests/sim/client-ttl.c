/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients make nodes that live for a time, put children below these and below containers, take them away and write: all that
 * decides when such a node goes. That it goes neither early nor never, checks-reaping.c sees. Changes when such nodes do.
 */
#include "sim/client-private.h"

#define RECENT 12
#define TTL_LEAST_MS 200
#define TTL_MORE_MS 6000

static char *
draw_passing(Client *client)
{
	const GPtrArray *paths = client->promises->passing;
	if (paths->len == 0)
		return NULL;
	guint back = (guint)pdk_random_below(sim_random(client->sim), MIN(paths->len, RECENT));
	return g_strdup(g_ptr_array_index(paths, paths->len - 1 - back));
}

static void
note(Client *client, const char *path)
{
	g_ptr_array_add(client->promises->passing, g_strdup(path));
}

/* ---- making ---- */

static void
put_create_ttl(Client *client, PdkBuffer *body, const char *path, int32_t flags)
{
	PdkRandom *draw = sim_random(client->sim);
	client_put_create(body, path, client->number, flags);
	pdk_put_long(body, TTL_LEAST_MS + (int64_t)pdk_random_below(draw, pdk_random_below(draw, TTL_MORE_MS) + 1));
}

static bool
ask_ttl(Client *client, Request *request, PdkBuffer *body)
{
	request->path = g_strdup_printf("/ttl%u-%u", client->number, client->next++);
	note(client, request->path);
	put_create_ttl(client, body, request->path, PDK_MODE_TTL);
	return true;
}

static void
check_made(Client *client, const Request *request, int64_t zxid)
{
	const SimState *state = sim_truth_at(client->sim, request->path, zxid);
	if (state == NULL || state->czxid != zxid || state->ttl <= 0 || state->owner != SIM_OWNER_OTHER)
		client_broken(client, "acknowledged-is-committed", request, "is told of a node that its txn did not make");
}

static void
done_ttl(Client *client, const Request *request, PdkJute *in, int64_t zxid)
{
	pdk_get_bytes(in);
	client_check_stat(client, request, in, zxid);
	check_made(client, request, zxid);
}

static bool
ask_ttl_sequential(Client *client, Request *request, PdkBuffer *body)
{
	request->path = g_strdup("/ttl-");
	put_create_ttl(client, body, request->path, PDK_MODE_TTL_SEQUENTIAL);
	return true;
}

static void
done_ttl_sequential(Client *client, const Request *request, PdkJute *in, int64_t zxid)
{
	PdkSlice path = pdk_get_bytes(in);
	g_autofree char *whole = g_strndup((const char *)path.data, (gsize)MAX(path.length, 0));
	Request made = *request;
	made.path = whole;
	client_check_stat(client, &made, in, zxid);
	check_made(client, &made, zxid);
	note(client, whole);
}

/* ---- children ---- */

static bool
ask_child(Client *client, Request *request, PdkBuffer *body)
{
	g_autofree char *parent = draw_passing(client);
	if (parent == NULL)
		return false;
	request->path = g_strconcat(parent, "/k", NULL);
	client_put_create(body, request->path, client->number, PDK_MODE_PERSISTENT);
	return true;
}

static bool
refused_child(Client *client, const Request *request, int32_t code, int64_t zxid)
{
	g_autofree char *path = g_path_get_dirname(request->path);
	Request parent = *request;
	parent.path = path;
	return client_check_refusal(client, code == PDK_ERR_NO_NODE ? &parent : request, code, zxid);
}

static bool
ask_childless(Client *client, Request *request, PdkBuffer *body)
{
	g_autofree char *parent = draw_passing(client);
	if (parent == NULL)
		return false;
	request->path = g_strconcat(parent, "/k", NULL);
	pdk_put_string(body, request->path);
	pdk_put_int(body, -1);
	return true;
}

/* ---- what it has been for ---- */

static bool
ask_write(Client *client, Request *request, PdkBuffer *body)
{
	request->path = draw_passing(client);
	if (request->path == NULL)
		return false;
	request->version = -1;
	pdk_put_string(body, request->path);
	client_put_number(body, client->number);
	pdk_put_int(body, -1);
	return true;
}

static bool
ask_look(Client *client, Request *request, PdkBuffer *body)
{
	request->path = draw_passing(client);
	if (request->path == NULL)
		return false;
	pdk_put_string(body, request->path);
	pdk_put_bool(body, false);
	return true;
}

static bool
ask_away(Client *client, Request *request, PdkBuffer *body)
{
	request->path = draw_passing(client);
	if (request->path == NULL)
		return false;
	pdk_put_string(body, request->path);
	pdk_put_int(body, -1);
	return true;
}

/* The same name may come again, as something that stays. */
static bool
ask_again(Client *client, Request *request, PdkBuffer *body)
{
	request->path = draw_passing(client);
	if (request->path == NULL)
		return false;
	client_put_create(body, request->path, client->number, PDK_MODE_PERSISTENT);
	return true;
}

static const Deed deeds[] = {
	{WORK_TTL, 4, PDK_OP_CREATE_TTL, true, ask_ttl, done_ttl, client_check_refusal, NULL},
	{WORK_TTL, 2, PDK_OP_CREATE_TTL, true, ask_ttl_sequential, done_ttl_sequential, NULL, NULL},
	{WORK_TTL, 3, PDK_OP_CREATE2, true, ask_child, NULL, refused_child, NULL},
	{WORK_TTL, 3, PDK_OP_DELETE, true, ask_childless, NULL, client_check_refusal, NULL},
	{WORK_TTL, 4, PDK_OP_SET_DATA, true, ask_write, client_check_stat, client_check_refusal, NULL},
	{WORK_TTL, 2, PDK_OP_EXISTS, false, ask_look, client_check_stat, client_check_refusal, NULL},
	{WORK_TTL, 1, PDK_OP_DELETE, true, ask_away, NULL, client_check_refusal, NULL},
	{WORK_TTL, 1, PDK_OP_CREATE2, true, ask_again, NULL, client_check_refusal, NULL},
	{WORK_CONTAINER, 2, PDK_OP_CREATE2, true, ask_child, NULL, refused_child, NULL},
	{WORK_CONTAINER, 2, PDK_OP_DELETE, true, ask_childless, NULL, client_check_refusal, NULL},
};

const Deed *
client_ttl_deeds(unsigned *n)
{
	*n = G_N_ELEMENTS(deeds);
	return deeds;
}

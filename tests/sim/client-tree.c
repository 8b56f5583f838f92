/* SPDX-License-Identifier: Apache-2.0 */
/* Clients grow a small tree together, nodes below nodes, and list them. Changes when they do more with it. */
#include "sim/client-watch.h"

#define TOP "/tree"
#define DEEPEST 3
#define BRANCHES 2

char *
client_tree_place(Client *client)
{
	GString *path = g_string_new(TOP);
	for (uint64_t depth = pdk_random_below(sim_random(client->sim), DEEPEST + 1); depth > 0; depth--)
		g_string_append_printf(path, "/%u", (unsigned)pdk_random_below(sim_random(client->sim), BRANCHES));
	return g_string_free(path, FALSE);
}

static bool
is_leaf(const char *path)
{
	return strlen(path) == strlen(TOP) + 2 * DEEPEST;
}

static bool
is_there(const Client *client, const char *path, int64_t zxid)
{
	const SimState *state = sim_truth_at(client->sim, path, zxid);
	return state && state->there;
}

/* ---- making and changing ---- */

static bool
ask_grow(Client *client, Request *request, PdkBuffer *body)
{
	request->path = client_tree_place(client);
	bool ephemeral = is_leaf(request->path) && client_chance(client, 2);
	request->ephemeral = ephemeral;
	client->wavers |= ephemeral;
	client_put_create(body, request->path, client->number, ephemeral ? PDK_MODE_EPHEMERAL : PDK_MODE_PERSISTENT);
	return true;
}

static void
done_grow(Client *client, const Request *request, PdkJute *in, int64_t zxid)
{
	pdk_get_bytes(in);
	client_check_stat(client, request, in, zxid);
	if (!is_leaf(request->path))
		g_ptr_array_add(client->promises->paths, g_strdup(request->path));
}

/* What it would stand below is not there, or it is there already. */
static bool
refused_grow(Client *client, const Request *request, int32_t code, int64_t zxid)
{
	g_autofree char *parent = g_path_get_dirname(request->path);
	if (code == PDK_ERR_NO_NODE)
		return strcmp(parent, "/") != 0 && !is_there(client, parent, zxid);
	return code == PDK_ERR_NODE_EXISTS && is_there(client, request->path, zxid);
}

static bool
ask_set(Client *client, Request *request, PdkBuffer *body)
{
	request->path = client_tree_place(client);
	request->version = -1;
	pdk_put_string(body, request->path);
	client_put_number(body, (int64_t)pdk_random_next(sim_random(client->sim)));
	pdk_put_int(body, -1);
	return true;
}

static bool
ask_fell(Client *client, Request *request, PdkBuffer *body)
{
	request->path = client_tree_place(client);
	request->version = -1;
	pdk_put_string(body, request->path);
	pdk_put_int(body, -1);
	return true;
}

/* ---- looking ---- */

static bool
ask_list(Client *client, Request *request, PdkBuffer *body)
{
	request->path = client_tree_place(client);
	request->number = client_does(client, WORK_WATCH);
	pdk_put_string(body, request->path);
	pdk_put_bool(body, request->number != 0);
	return true;
}

static void
done_list(Client *client, const Request *request, PdkJute *in, int64_t zxid)
{
	const SimState *state = sim_truth_at(client->sim, request->path, zxid);
	int32_t n = pdk_get_int(in);
	if (state == NULL || n != state->children)
		client_broken(client, "no-dirty-read", request, "sees more or fewer children than there are at this zxid");
	for (int32_t i = 0; i < n && !in->failed; i++) {
		PdkSlice name = pdk_get_bytes(in);
		g_autofree char *path = g_strdup_printf("%s/%.*s", request->path, (int)MAX(name.length, 0), (const char *)name.data);
		if (!is_there(client, path, zxid))
			client_broken(client, "no-dirty-read", request, "sees a child that is not there at this zxid");
	}
	client_check_stat(client, request, in, zxid);
	if (request->number)
		client_arm(client, request->path, WATCH_CHILD);
}

static const Deed deeds[] = {
	{WORK_TREE, 6, PDK_OP_CREATE2, true, ask_grow, done_grow, refused_grow, NULL},
	{WORK_TREE, 3, PDK_OP_SET_DATA, true, ask_set, client_check_stat, client_check_refusal, NULL},
	{WORK_TREE, 2, PDK_OP_DELETE, true, ask_fell, NULL, client_check_refusal, NULL},
	{WORK_TREE, 3, PDK_OP_GET_CHILDREN2, false, ask_list, done_list, client_check_refusal, NULL},
};

const Deed *
client_tree_deeds(unsigned *n)
{
	*n = G_N_ELEMENTS(deeds);
	return deeds;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Clients set watches that stay, ask which they have and remove them. Changes when they do more with them. */
#include "sim/client-watch.h"

/* Watcher.WatcherType -> the ways it stands for. */
static const unsigned types[] = {
	[1] = WATCH_CHILD,
	[2] = WATCH_DATA | WATCH_EXIST,
	[3] = WATCH_ALL,
	[4] = WATCH_PERSISTENT,
	[5] = WATCH_RECURSIVE,
};

static char *
draw_path(Client *client)
{
	const GPtrArray *paths = client->promises->paths;
	if (client_chance(client, 8))
		return g_strdup("/");
	if (paths->len == 0 || client_chance(client, 2))
		return client_tree_place(client);
	return client_recent(client, paths);
}

static bool
ask_add(Client *client, Request *request, PdkBuffer *body)
{
	request->path = draw_path(client);
	request->number = client_chance(client, 2);
	pdk_put_string(body, request->path);
	pdk_put_int(body, (int32_t)request->number);
	return true;
}

static void
done_add(Client *client, const Request *request, PdkJute *in, int64_t zxid)
{
	(void)zxid;
	if (pdk_get_int(in) != PDK_OK || in->failed)
		client_broken(client, "right-answer", request, "sets a watch that stays and is told something else");
	client_arm(client, request->path, request->number ? WATCH_RECURSIVE : WATCH_PERSISTENT);
}

/* One of its own, or any. */
static bool
ask_about(Client *client, Request *request, PdkBuffer *body)
{
	g_autoptr(GPtrArray) own = client_watched(client->watches->armed);
	if (own->len > 0 && !client_chance(client, 4))
		request->path = g_strdup(g_ptr_array_index(own, pdk_random_below(sim_random(client->sim), own->len)));
	else
		request->path = draw_path(client);
	request->number = 1 + (int64_t)pdk_random_below(sim_random(client->sim), G_N_ELEMENTS(types) - 1);
	pdk_put_string(body, request->path);
	pdk_put_int(body, (int32_t)request->number);
	return true;
}

static void
done_check(Client *client, const Request *request, PdkJute *in, int64_t zxid)
{
	(void)in;
	(void)zxid;
	if ((client_armed(client, request->path) & types[request->number]) == 0)
		client_broken(client, "right-answer", request, "is told of a watch that it does not have");
}

static void
done_remove(Client *client, const Request *request, PdkJute *in, int64_t zxid)
{
	done_check(client, request, in, zxid);
	client_unarm(client, request->path, types[request->number]);
}

static bool
refused(Client *client, const Request *request, int32_t code, int64_t zxid)
{
	(void)zxid;
	return code == PDK_ERR_NO_WATCHER && (client_armed(client, request->path) & types[request->number]) == 0;
}

static const Deed deeds[] = {
	{WORK_PERSISTENT, 3, PDK_OP_ADD_WATCH, false, ask_add, done_add, NULL, NULL},
	{WORK_PERSISTENT, 2, PDK_OP_CHECK_WATCHES, false, ask_about, done_check, refused, NULL},
	{WORK_PERSISTENT, 3, PDK_OP_REMOVE_WATCHES, false, ask_about, done_remove, refused, NULL},
};

const Deed *
client_persistent_deeds(unsigned *n)
{
	*n = G_N_ELEMENTS(deeds);
	return deeds;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients queue for a lock, as the recipe has it: an ephemeral sequential node, the lowest holds, the others watch the one before
 * theirs. Changes when the recipe does.
 */
#include "sim/client-private.h"

#define ROOM "/lock"

static bool
is_there(const Client *client)
{
	const SimState *state = sim_truth_at(client->sim, ROOM, client->seen);
	return state && state->there;
}

static bool
ask_room(Client *client, Request *request, PdkBuffer *body)
{
	request->path = g_strdup(ROOM);
	if (is_there(client))
		return false;
	client_put_create(body, ROOM, 0, PDK_MODE_PERSISTENT);
	return true;
}

/* A session that ended took its place with it. */
static bool
has_place(Client *client)
{
	const SimState *state = client->lock ? sim_truth_at(client->sim, client->lock, client->seen) : NULL;
	if (client->lock && (state == NULL || !state->there || state->owner != client->session))
		g_clear_pointer(&client->lock, g_free);
	return client->lock != NULL;
}

static bool
ask_place(Client *client, Request *request, PdkBuffer *body)
{
	request->path = g_strdup(ROOM "/n-");
	if (!is_there(client) || has_place(client))
		return false;
	request->ephemeral = client->wavers = true;
	client_put_create(body, request->path, client->number, PDK_MODE_EPHEMERAL_SEQUENTIAL);
	return true;
}

static void
done_place(Client *client, const Request *request, PdkJute *in, int64_t zxid)
{
	PdkSlice path = pdk_get_bytes(in);
	g_free(client->lock);
	client->lock = g_strndup((const char *)path.data, (gsize)MAX(path.length, 0));
	const SimState *state = sim_truth_at(client->sim, client->lock, zxid);
	if (state == NULL || state->czxid != zxid || state->owner != client->session)
		client_broken(client, "acknowledged-is-committed", request, "is told of a node that its txn did not make");
}

static bool
ask_queue(Client *client, Request *request, PdkBuffer *body)
{
	request->path = g_strdup(ROOM);
	if (!has_place(client))
		return false;
	pdk_put_string(body, ROOM);
	pdk_put_bool(body, false);
	return true;
}

/* Each one is there and has an owner that lives; there are no others. */
static void
done_queue(Client *client, const Request *request, PdkJute *in, int64_t zxid)
{
	const SimState *room = sim_truth_at(client->sim, ROOM, zxid);
	int32_t n = pdk_get_int(in);
	if (room == NULL || n != room->children)
		client_broken(client, "no-dirty-read", request, "sees more or fewer in the queue than are in it at this zxid");
	for (int32_t i = 0; i < n && !in->failed; i++) {
		PdkSlice name = pdk_get_bytes(in);
		g_autofree char *path = g_strdup_printf(ROOM "/%.*s", (int)MAX(name.length, 0), (const char *)name.data);
		const SimState *state = sim_truth_at(client->sim, path, zxid);
		int64_t closed = state ? sim_truth_closed(client->sim, state->owner) : 0;
		if (state == NULL || !state->there)
			client_broken(client, "no-dirty-read", request, "sees one in the queue who is not in it at this zxid");
		else if (closed != 0 && closed <= zxid)
			client_broken(client, "ephemeral-life", request, "sees one in the queue whose session is closed");
	}
}

static bool
ask_leave(Client *client, Request *request, PdkBuffer *body)
{
	if (!has_place(client))
		return false;
	request->path = g_steal_pointer(&client->lock);
	request->version = -1;
	pdk_put_string(body, request->path);
	pdk_put_int(body, -1);
	return true;
}

static bool
refused(Client *client, const Request *request, int32_t code, int64_t zxid)
{
	return client_check_refusal(client, request, code, zxid);
}

static const Deed deeds[] = {
	{WORK_LOCK, 2, PDK_OP_CREATE, true, ask_room, NULL, refused, NULL},
	{WORK_LOCK, 3, PDK_OP_CREATE, true, ask_place, done_place, refused, NULL},
	{WORK_LOCK, 3, PDK_OP_GET_CHILDREN, false, ask_queue, done_queue, refused, NULL},
	{WORK_LOCK, 2, PDK_OP_DELETE, true, ask_leave, NULL, refused, NULL},
};

const Deed *
client_lock_deeds(unsigned *n)
{
	*n = G_N_ELEMENTS(deeds);
	return deeds;
}

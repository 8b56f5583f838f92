/* SPDX-License-Identifier: Apache-2.0 */
/* Clients contend for registers: they write them, on condition of a version or of none, and read them behind a sync. */
#include "sim/client-private.h"

static int64_t
register_of(const Request *request)
{
	return request->path[4] - '0';
}

static History *
history_of(const Client *client, const Request *request)
{
	return client->promises->registers[register_of(request)];
}

static char *
draw_register(Client *client)
{
	return g_strdup_printf("/reg%u", (unsigned)pdk_random_below(sim_random(client->sim), REGISTERS));
}

static bool
is_there(const Client *client, const char *path)
{
	const SimState *state = sim_truth_at(client->sim, path, client->seen);
	return state && state->there;
}

static bool
ask_make(Client *client, Request *request, PdkBuffer *body)
{
	request->path = draw_register(client);
	if (is_there(client, request->path))
		return false;
	client_put_create(body, request->path, 0, PDK_MODE_PERSISTENT);
	return true;
}

static bool
refused_make(Client *client, const Request *request, int32_t code, int64_t zxid)
{
	return code == PDK_ERR_NODE_EXISTS && client_check_refusal(client, request, code, zxid);
}

/* ---- writes ---- */

static bool
ask_write(Client *client, Request *request, PdkBuffer *body)
{
	request->path = draw_register(client);
	if (!is_there(client, request->path))
		return false;
	bool conditional = client_chance(client, 2);
	request->version = conditional ? sim_truth_at(client->sim, request->path, client->seen)->version : -1;
	request->number = (int64_t)(pdk_random_next(sim_random(client->sim)) >> 1);
	request->entry = history_write(history_of(client, request), sim_now(client->sim), request->number, request->version);
	pdk_put_string(body, request->path);
	client_put_number(body, request->number);
	pdk_put_int(body, (int32_t)request->version);
	return true;
}

static void
done_write(Client *client, const Request *request, PdkJute *in, int64_t zxid)
{
	PdkJute stat = *in;
	client_check_stat(client, request, &stat, zxid);
	for (unsigned i = 0; i < 4; i++)
		pdk_get_long(in);
	history_done(history_of(client, request), request->entry, sim_now(client->sim), request->number, pdk_get_int(in));
}

static bool
refused_write(Client *client, const Request *request, int32_t code, int64_t zxid)
{
	if (code != PDK_ERR_BAD_VERSION || !client_check_refusal(client, request, code, zxid))
		return false;
	history_refused(history_of(client, request), request->entry, sim_now(client->sim));
	return true;
}

/* ---- reads ---- */

static bool
ask_read(Client *client, Request *request, PdkBuffer *body)
{
	request->path = draw_register(client);
	if (!is_there(client, request->path))
		return false;
	pdk_put_string(body, request->path);
	pdk_put_bool(body, false);
	return true;
}

/* A read behind a sync sees what had ended when the sync began. */
static bool
ask_synced_read(Client *client, Request *request, PdkBuffer *body)
{
	if (client->sync_us == 0 || !ask_read(client, request, body))
		return false;
	request->entry = history_read(history_of(client, request), client->sync_us);
	client->sync_us = 0;
	return true;
}

/* A leader that was deposed and does not know it answers a sync, too: then its epoch is not the last that was written in. */
static bool
is_deposed(const Client *client)
{
	return client_floor(client, client->epoch) < client_floor(client, INT64_MAX);
}

static void
done_read(Client *client, const Request *request, PdkJute *in, int64_t zxid)
{
	PdkSlice data = pdk_get_bytes(in);
	client_check_data(client, request, data, zxid);
	PdkJute stat = *in;
	client_check_stat(client, request, &stat, zxid);
	if (request->entry < 0)
		return;
	for (unsigned i = 0; i < 4; i++)
		pdk_get_long(in);
	int32_t version = pdk_get_int(in);
	if (is_deposed(client))
		history_void(history_of(client, request), request->entry);
	else
		history_done(history_of(client, request), request->entry, sim_now(client->sim),
			     data.length == 8 ? (int64_t)pdk_load_u64(data.data) : -1, version);
}

static void
lost_read(Client *client, const Request *request)
{
	if (request->entry >= 0)
		history_void(history_of(client, request), request->entry);
}

static const Deed deeds[] = {
	{WORK_REGISTER, 2, PDK_OP_CREATE, true, ask_make, NULL, refused_make, NULL},
	{WORK_REGISTER, 6, PDK_OP_SET_DATA, true, ask_write, done_write, refused_write, NULL},
	{WORK_REGISTER, 4, PDK_OP_GET_DATA, false, ask_read, done_read, NULL, lost_read},
	{WORK_REGISTER, 12, PDK_OP_GET_DATA, false, ask_synced_read, done_read, NULL, lost_read},
};

const Deed *
client_register_deeds(unsigned *n)
{
	*n = G_N_ELEMENTS(deeds);
	return deeds;
}

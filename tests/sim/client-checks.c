/* SPDX-License-Identifier: Apache-2.0 */
/* What a client may expect of an answer. Changes when the promises to clients do. */
#include "sim/client-watch.h"

#include "replica/replica-private.h"

static const SimState nowhere;

/* As the txns say, at the zxid that the answer names. */
static const SimState *
truth(const Client *client, const char *path, int64_t zxid)
{
	const SimState *state = sim_truth_at(client->sim, path, zxid);
	return state ? state : &nowhere;
}

void
client_check_data(Client *client, const Request *request, PdkSlice data, int64_t zxid)
{
	const SimState *state = truth(client, request->path, zxid);
	if (!state->there)
		client_broken(client, "no-dirty-read", request, "reads a node that is not there at this zxid");
	else if (data.length != state->length || sim_truth_hash(data.data, data.length) != state->hash)
		client_broken(client, "no-dirty-read", request, "reads what is not in the node at this zxid");
}

void
client_check_stat(Client *client, const Request *request, PdkJute *in, int64_t zxid)
{
	const SimState *state = truth(client, request->path, zxid);
	int64_t czxid = pdk_get_long(in), mzxid = pdk_get_long(in);
	int64_t ctime = pdk_get_long(in), mtime = pdk_get_long(in);
	int32_t version = pdk_get_int(in);
	pdk_get_int(in);
	int32_t aversion = pdk_get_int(in);
	int64_t owner = pdk_get_long(in);
	pdk_get_int(in);
	int32_t children = pdk_get_int(in);
	bool same = czxid == state->czxid && mzxid == state->mzxid && ctime == state->ctime && mtime == state->mtime &&
		    version == state->version && aversion == state->aversion && children == state->children;
	if (in->failed || !state->there)
		client_broken(client, owner ? "ephemeral-life" : "no-dirty-read", request, "sees a node that is not there at this zxid");
	else if (!same || owner != (state->owner == SIM_OWNER_OTHER ? 0 : state->owner))
		client_broken(client, "no-dirty-read", request, "sees another Stat than is there at this zxid");
	if (owner != 0 && state->owner == owner && sim_truth_closed(client->sim, owner) &&
	    sim_truth_closed(client->sim, owner) <= zxid)
		client_broken(client, "ephemeral-life", request, "sees a node of a session that is closed at this zxid");
}

static bool
is_empty(const Client *client, const char *path, int64_t zxid)
{
	return truth(client, path, zxid)->children == 0;
}

bool
client_check_refusal(Client *client, const Request *request, int32_t code, int64_t zxid)
{
	const SimState *state = truth(client, request->path, zxid);
	switch (code) {
	case PDK_ERR_NO_NODE:
		return !state->there;
	case PDK_ERR_NODE_EXISTS:
		return state->there;
	case PDK_ERR_BAD_VERSION:
		return state->there && request->version >= 0 && state->version != request->version;
	case PDK_ERR_NOT_EMPTY:
		return state->there && !is_empty(client, request->path, zxid);
	default:
		return false;
	}
}

/* ---- the order of things ---- */

int64_t
client_floor(const Client *client, int64_t epoch)
{
	const GArray *told = client->promises->told;
	int64_t highest = 0;
	for (guint i = 0; i < told->len; i++)
		if (g_array_index(told, Told, i).epoch <= epoch)
			highest = MAX(highest, g_array_index(told, Told, i).zxid);
	return highest;
}

static void
note_told(Promises *promises, int64_t zxid)
{
	Told told = {pdk_zxid_epoch(zxid), zxid};
	for (guint i = 0; i < promises->told->len; i++) {
		Told *known = &g_array_index(promises->told, Told, i);
		if (known->epoch != told.epoch)
			continue;
		known->zxid = MAX(known->zxid, zxid);
		return;
	}
	g_array_append_val(promises->told, told);
}

void
client_check_done(Client *client, const Request *request, int64_t zxid)
{
	PdkTxnHeader header;
	bool known = sim_truth_txn(client->sim, zxid, &header);
	if (!known || header.session != client->session || header.cxid != request->xid)
		client_broken(client, "acknowledged-is-committed", request, "is told of a write that no txn of this zxid made");
	else if (header.type == PDK_OP_ERROR)
		client_broken(client, "acknowledged-is-committed", request, "is told that it was done, the txn refuses it");
	if (zxid <= request->floor)
		client_broken(client, "writes-in-real-time", request, "is told of a write that stands before one that had ended");
	note_told(client->promises, zxid);
}

void
client_check_reply(Client *client, const Request *request, int64_t zxid)
{
	if (zxid <= 0)
		return;
	if (zxid < client->seen)
		client_broken(client, "A14-client-order", request, "sees a zxid below one it had seen");
	if (zxid < client->synced)
		client_broken(client, "sync-sees-acknowledged", request, "sees behind a sync what was old when it began");
	client_check_watches(client, request, zxid);
	client->seen = MAX(client->seen, zxid);
}

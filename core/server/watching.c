/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests about watches, and the events they bring. Source: DataTree.setWatches, FinalRequestProcessor,
 * NIOServerCnxn.process.
 */
#include "server/server-private.h"

#define STATE_SYNC_CONNECTED 3

/* Types in checkWatches and removeWatches. Source: Watcher.WatcherType. */
enum {
	TYPE_CHILDREN = 1,
	TYPE_DATA = 2,
	TYPE_ANY = 3,
	TYPE_PERSISTENT = 4,
	TYPE_RECURSIVE = 5,
};

/* ---- events ---- */

/* Encodes the whole frame of an event once, however many get it. */
static void
encode_event(PdkBuffer *out, PdkEventType type, const char *path, size_t length, int64_t zxid)
{
	out->length = 0;
	pdk_put_int(out, (int32_t)(16 + 4 + 4 + 4 + length));
	pdk_put_int(out, PDK_XID_NOTIFICATION);
	pdk_put_long(out, zxid);
	pdk_put_int(out, PDK_OK);
	pdk_put_int(out, type);
	pdk_put_int(out, STATE_SYNC_CONNECTED);
	pdk_put_bytes(out, path, (int32_t)length);
}

static void
send_event(PdkServer *server, PdkConnection *connection)
{
	PdkOutput *output = pdk_connection_output(server, connection);
	pdk_buffer_append(&output->bytes, server->event.data, server->event.length);
	connection->stats.sent++;
	server->stats.sent++;
	bool over_before = connection->unread_events > PDK_OUTPUT_KILL;
	connection->unread_events += server->event.length;
	if (!over_before && connection->unread_events > PDK_OUTPUT_KILL) {
		pdk_server_say(server, PDK_LOG_WARNING, "connection closed: it does not read its events peer=%s session=0x%" PRIx64,
			       connection->endpoint, (uint64_t)connection->session_id);
		pdk_counter_add(server->cells.connection_drops, 1);
		g_array_append_val(server->overrun, connection->link);
	}
}

static PdkCounter *
counter_of(PdkServer *server, PdkEventType type)
{
	switch (type) {
	case PDK_EVENT_CREATED:
		return server->cells.node_created_watches;
	case PDK_EVENT_DELETED:
		return server->cells.node_deleted_watches;
	case PDK_EVENT_DATA_CHANGED:
		return server->cells.node_changed_watches;
	default:
		return server->cells.node_children_watches;
	}
}

static void
notify(void *context, uint32_t watcher, PdkEventType type, const char *path, size_t length, PdkAclId acl)
{
	PdkServer *server = context;
	PdkConnection *connection = server->connections[watcher];
	pdk_assert(connection != NULL);
	if (connection->stage == PDK_STAGE_ENDING || !pdk_access_allows(server, connection, acl, PDK_PERM_READ))
		return;
	if (server->event.length == 0 || server->event_type != type || server->event_path != path ||
	    server->event_zxid != server->applying_zxid) {
		encode_event(&server->event, type, path, length, server->applying_zxid);
		server->event_type = type;
		server->event_path = path;
		server->event_zxid = server->applying_zxid;
	}
	pdk_counter_add(counter_of(server, type), 1);
	send_event(server, connection);
}

PdkWatchNotify
pdk_watch_notify_function(void)
{
	return notify;
}

void
pdk_watching_drop_overrun(PdkServer *server)
{
	for (guint i = 0; i < server->overrun->len; i++) {
		PdkConnection *connection = pdk_connection_find(server, g_array_index(server->overrun, PdkLink, i));
		if (connection)
			pdk_connection_end(server, connection, false);
	}
	g_array_set_size(server->overrun, 0);
}

/* ---- setWatches ---- */

typedef enum {
	LIST_DATA,
	LIST_EXIST,
	LIST_CHILD,
	LIST_PERSISTENT,
	LIST_RECURSIVE,
} WatchList;

/* The event a watch of this list has missed since @since; 0: none, register it. */
static int
missed(PdkServer *server, WatchList list, PdkNode node, int64_t since)
{
	PdkStat stat;
	if (list == LIST_PERSISTENT || list == LIST_RECURSIVE)
		return 0;
	if (list == LIST_EXIST)
		return node ? PDK_EVENT_CREATED : 0;
	if (node == 0)
		return PDK_EVENT_DELETED;
	pdk_tree_stat(server->tree, node, &stat);
	if (list == LIST_DATA)
		return stat.mzxid > since ? PDK_EVENT_DATA_CHANGED : 0;
	return stat.pzxid > since ? PDK_EVENT_CHILDREN_CHANGED : 0;
}

static void
set_one(PdkRequest *request, WatchList list, PdkSlice path, int64_t since)
{
	static const unsigned modes[] = {PDK_WATCH_DATA, PDK_WATCH_DATA, PDK_WATCH_CHILD, PDK_WATCH_PERSISTENT, PDK_WATCH_RECURSIVE};
	PdkServer *server = request->server;
	const char *text = (const char *)path.data;
	PdkNode node = pdk_tree_find(server->tree, text, (size_t)path.length);
	int event = missed(server, list, node, since);
	if (event == 0) {
		pdk_watches_add(server->watches, request->connection->slot, node, text, (size_t)path.length, modes[list]);
		return;
	}
	encode_event(&server->event, (PdkEventType)event, text, (size_t)path.length, -1);
	send_event(server, request->connection);
	server->event.length = 0;
}

/* Reads a list of paths; with @work false it is only checked. */
static bool
set_list(PdkRequest *request, PdkJute *in, WatchList list, int64_t since, bool work)
{
	int32_t count = pdk_get_count(in, 4);
	if (count < 0)
		return false;
	for (int32_t i = 0; i < count; i++) {
		PdkSlice path = pdk_get_bytes(in);
		if (path.length < 0)
			return false;
		if (work)
			set_one(request, list, path, since);
	}
	return !in->failed;
}

/* The whole record is checked before the first watch is set. */
static PdkCode
set_watches(PdkRequest *request)
{
	WatchList last = request->op == PDK_OP_SET_WATCHES2 ? LIST_RECURSIVE : LIST_CHILD;
	int64_t since = pdk_get_long(&request->in);
	for (int pass = 0; pass < 2; pass++) {
		PdkJute in = request->in;
		for (WatchList list = LIST_DATA; list <= last; list++)
			if (!set_list(request, &in, list, since, pass == 1))
				return PDK_ERR_MARSHALLING;
	}
	return PDK_OK;
}

/* ---- addWatch, checkWatches, removeWatches ---- */

static PdkCode
add_watch(PdkRequest *request)
{
	PdkSlice path = pdk_get_bytes(&request->in);
	int32_t mode = pdk_get_int(&request->in);
	if (request->in.failed || path.length < 0 || mode < 0 || mode > 1)
		return PDK_ERR_MARSHALLING;
	PdkServer *server = request->server;
	const char *text = (const char *)path.data;
	PdkNode node = pdk_tree_find(server->tree, text, (size_t)path.length);
	pdk_watches_add(server->watches, request->connection->slot, node, text, (size_t)path.length,
			mode == 0 ? PDK_WATCH_PERSISTENT : PDK_WATCH_RECURSIVE);
	pdk_put_int(&request->output->bytes, PDK_OK);
	return PDK_OK;
}

static unsigned
modes_of_type(int32_t type)
{
	switch (type) {
	case TYPE_CHILDREN:
		return PDK_WATCH_CHILD;
	case TYPE_DATA:
		return PDK_WATCH_DATA;
	case TYPE_ANY:
		return PDK_WATCH_CHILD | PDK_WATCH_DATA | PDK_WATCH_PERSISTENT | PDK_WATCH_RECURSIVE;
	case TYPE_PERSISTENT:
		return PDK_WATCH_PERSISTENT;
	case TYPE_RECURSIVE:
		return PDK_WATCH_RECURSIVE;
	default:
		return 0;
	}
}

static PdkCode
check_or_remove(PdkRequest *request)
{
	PdkSlice path = pdk_get_bytes(&request->in);
	unsigned modes = modes_of_type(pdk_get_int(&request->in));
	if (request->in.failed || path.length < 0 || modes == 0)
		return PDK_ERR_MARSHALLING;
	PdkServer *server = request->server;
	const char *text = (const char *)path.data;
	uint32_t slot = request->connection->slot;
	PdkNode node = pdk_tree_find(server->tree, text, (size_t)path.length);
	unsigned found;
	if (request->op == PDK_OP_REMOVE_WATCHES)
		found = pdk_watches_remove(server->watches, slot, node, text, (size_t)path.length, modes);
	else
		found = pdk_watches_modes(server->watches, slot, node, text, (size_t)path.length) & modes;
	return found ? PDK_OK : PDK_ERR_NO_WATCHER;
}

bool
pdk_is_watching(int32_t op)
{
	return op == PDK_OP_SET_WATCHES || op == PDK_OP_SET_WATCHES2 || op == PDK_OP_ADD_WATCH || op == PDK_OP_CHECK_WATCHES ||
	       op == PDK_OP_REMOVE_WATCHES;
}

PdkCode
pdk_watching(PdkRequest *request)
{
	switch (request->op) {
	case PDK_OP_SET_WATCHES:
	case PDK_OP_SET_WATCHES2:
		return set_watches(request);
	case PDK_OP_ADD_WATCH:
		return add_watch(request);
	default:
		return check_or_remove(request);
	}
}

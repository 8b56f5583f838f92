/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches come along to the next connection of a session. Source: ClientCnxn.primeConnection, ZKWatchManager.materialize,
 * DataTree.setWatches. Changes when clients arm again otherwise.
 */
#include "sim/client-watch.h"

#define XID_SET_WATCHES (-8)
#define SPLIT_ONE_OF 4 /* in two, as long ones are; the order is that of nobody */

typedef struct {
	int32_t type;
	char *path;
} Replayed;

static void
clear_replayed(void *replayed)
{
	g_free(((Replayed *)replayed)->path);
}

static GHashTable *
new_table(void)
{
	return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

static void
free_table(void *table)
{
	g_hash_table_unref(table);
}

Watches *
watches_new(void)
{
	Watches *watches = g_new0(Watches, 1);
	watches->armed = new_table();
	watches->replayed = g_array_new(FALSE, FALSE, sizeof(Replayed));
	g_array_set_clear_func(watches->replayed, clear_replayed);
	g_queue_init(&watches->batches);
	return watches;
}

void
watches_free(Watches *watches)
{
	g_hash_table_unref(watches->armed);
	g_queue_clear_full(&watches->batches, free_table);
	g_array_unref(watches->replayed);
	g_free(watches);
}

static unsigned
ways_of(GHashTable *table, const char *path)
{
	return GPOINTER_TO_UINT(g_hash_table_lookup(table, path));
}

/* ---- answers ---- */

/* The event that a watch has missed when the tree is at @zxid, 0: none. */
static int32_t
missed(const Client *client, const char *path, unsigned way, int64_t zxid)
{
	static const unsigned node = 1 << SIM_NODE_CREATED | 1 << SIM_NODE_DELETED;
	if (way == WATCH_PERSISTENT || way == WATCH_RECURSIVE)
		return 0;
	unsigned changes = node | (way == WATCH_CHILD ? 1 << SIM_NODE_CHILDREN : 1 << SIM_NODE_CHANGED);
	int64_t change = sim_truth_next_change(client->sim, path, client->watches->since, changes);
	const SimState *state = sim_truth_at(client->sim, path, zxid);
	bool there = state && state->there;
	if (change == 0 || change > zxid || (way == WATCH_EXIST && !there))
		return 0;
	if (way == WATCH_EXIST)
		return SIM_NODE_CREATED;
	return !there ? SIM_NODE_DELETED : way == WATCH_CHILD ? SIM_NODE_CHILDREN : SIM_NODE_CHANGED;
}

/* The @n-th event before the answer is the one that @path waits for. */
static bool
was_replayed(const Client *client, guint n, int32_t type, const char *path)
{
	const GArray *all = client->watches->replayed;
	const Replayed *replayed = n < all->len ? &g_array_index(all, Replayed, n) : NULL;
	return replayed && replayed->type == type && strcmp(replayed->path, path) == 0;
}

/* The whole batch was looked at at @zxid: what had changed was told by events, in order, and the rest is armed. */
static void
done_rearm(Client *client, const Request *request, PdkJute *in, int64_t zxid)
{
	Watches *watches = client->watches;
	g_autoptr(GHashTable) batch = g_queue_pop_head(&watches->batches);
	g_autoptr(GPtrArray) paths = client_watched(batch);
	guint told = 0;
	(void)in;
	for (unsigned way = WATCH_DATA; way < WATCH_ALL; way <<= 1) {
		for (guint i = 0; i < paths->len; i++) {
			const char *path = g_ptr_array_index(paths, i);
			int32_t type = ways_of(batch, path) & way ? missed(client, path, way, zxid) : 0;
			Request watch = {.path = (char *)path, .xid = type};
			if (type != 0 && !was_replayed(client, told++, type, path))
				client_broken(client, "watch-rearmed", &watch, "is not told, or not in order, what changed while it was away");
			else if (type == 0 && (ways_of(batch, path) & way))
				client_arm(client, path, way);
		}
	}
	if (told < watches->replayed->len)
		client_broken(client, "watch-rearmed", request, "is told of a change that had been before, or of none");
	g_array_set_size(watches->replayed, 0);
}

static const Deed rearm = {WORK_REWATCH, 0, PDK_OP_SET_WATCHES, false, NULL, done_rearm, NULL, NULL};
static const Deed rearm_all = {WORK_REWATCH, 0, PDK_OP_SET_WATCHES2, false, NULL, done_rearm, NULL, NULL};

void
client_replayed(Client *client, int32_t type, const char *path)
{
	Replayed replayed = {type, g_strdup(path)};
	Request event = {.path = replayed.path, .xid = type};
	if (g_queue_is_empty(&client->watches->batches))
		client_broken(client, "watch-fires-once", &event, "gets an event without a zxid and armed nothing again");
	g_array_append_val(client->watches->replayed, replayed);
}

/* ---- asking ---- */

static void
put_list(PdkBuffer *body, GHashTable *batch, const GPtrArray *paths, unsigned way)
{
	int32_t n = 0;
	for (guint i = 0; i < paths->len; i++)
		n += (ways_of(batch, g_ptr_array_index(paths, i)) & way) != 0;
	pdk_put_int(body, n);
	for (guint i = 0; i < paths->len; i++)
		if (ways_of(batch, g_ptr_array_index(paths, i)) & way)
			pdk_put_string(body, g_ptr_array_index(paths, i));
}

static bool
needs_all(GHashTable *batch, const GPtrArray *paths)
{
	for (guint i = 0; i < paths->len; i++)
		if (ways_of(batch, g_ptr_array_index(paths, i)) & (WATCH_PERSISTENT | WATCH_RECURSIVE))
			return true;
	return false;
}

/* The older operation where it is enough. */
static void
send_batch(Client *client, GHashTable *batch)
{
	g_autoptr(GPtrArray) paths = client_watched(batch);
	bool all = needs_all(batch, paths);
	Request request = {.deed = all ? &rearm_all : &rearm, .xid = XID_SET_WATCHES, .asked_us = sim_now(client->sim), .entry = -1};
	PdkBuffer body = {0};
	pdk_put_long(&body, client->watches->since);
	for (unsigned way = WATCH_DATA; way <= (all ? WATCH_RECURSIVE : WATCH_CHILD); way <<= 1)
		put_list(&body, batch, paths, way);
	g_queue_push_tail(&client->watches->batches, batch);
	client_request(client, &request, &body);
	pdk_buffer_clear(&body);
}

void
client_rearm(Client *client)
{
	GHashTable *armed = client->watches->armed;
	if (g_hash_table_size(armed) == 0)
		return;
	g_autoptr(GPtrArray) paths = client_watched(armed);
	GHashTable *batches[2] = {new_table(), new_table()};
	guint n = client_chance(client, SPLIT_ONE_OF) ? 2 : 1;
	for (guint i = 0; i < paths->len; i++) {
		const char *path = g_ptr_array_index(paths, i);
		g_hash_table_insert(batches[i % n], g_strdup(path), GUINT_TO_POINTER(ways_of(armed, path)));
	}
	g_hash_table_remove_all(armed);
	for (guint i = 0; i < 2; i++) {
		if (g_hash_table_size(batches[i]) > 0)
			send_batch(client, batches[i]);
		else
			g_hash_table_unref(batches[i]);
	}
}

/* ---- the end of a connection ---- */

static void
take_back(Client *client)
{
	GHashTable *batch;
	while ((batch = g_queue_pop_head(&client->watches->batches))) {
		g_autoptr(GPtrArray) paths = client_watched(batch);
		for (guint i = 0; i < paths->len; i++)
			client_arm(client, g_ptr_array_index(paths, i), ways_of(batch, g_ptr_array_index(paths, i)));
		g_hash_table_unref(batch);
	}
}

/* What an event told of is not watched any more, though the answer behind it never came. */
static void
take_replayed(Client *client)
{
	static const unsigned ends[] = {
		[SIM_NODE_CREATED] = WATCH_DATA | WATCH_EXIST,
		[SIM_NODE_DELETED] = WATCH_DATA | WATCH_EXIST | WATCH_CHILD,
		[SIM_NODE_CHANGED] = WATCH_DATA | WATCH_EXIST,
		[SIM_NODE_CHILDREN] = WATCH_CHILD,
	};
	GArray *all = client->watches->replayed;
	for (guint i = 0; i < all->len; i++) {
		const Replayed *replayed = &g_array_index(all, Replayed, i);
		client_unarm(client, replayed->path, ends[replayed->type]);
	}
	g_array_set_size(all, 0);
}

void
client_watches_lost(Client *client)
{
	Watches *watches = client->watches;
	/* Where only some batches were answered, the others go by the zxid that was said in them. */
	if (g_queue_is_empty(&watches->batches))
		watches->since = client->seen;
	take_back(client);
	take_replayed(client);
	if (client->session == 0 || !client_does(client, WORK_REWATCH))
		g_hash_table_remove_all(watches->armed);
	watches->heard = 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client that watches has to hear, and when: the triggers of all committed txns are walked along as far as a reply
 * reaches, and each event must be the next one due. Source: DataTree, WatchManager. Changes when these trigger otherwise.
 */
#include "sim/client-watch.h"

#define ONE_SHOT ((unsigned)(WATCH_DATA | WATCH_EXIST | WATCH_CHILD))
#define ZXID_OF_REPLAYED INT64_C(-1)

/* Who hears of a change at the path itself. */
static const unsigned hearing[] = {
	[SIM_NODE_CREATED] = WATCH_DATA | WATCH_EXIST | WATCH_PERSISTENT | WATCH_RECURSIVE,
	[SIM_NODE_DELETED] = WATCH_ALL,
	[SIM_NODE_CHANGED] = WATCH_DATA | WATCH_EXIST | WATCH_PERSISTENT | WATCH_RECURSIVE,
	[SIM_NODE_CHILDREN] = WATCH_CHILD | WATCH_PERSISTENT,
};

unsigned
client_armed(const Client *client, const char *path)
{
	return GPOINTER_TO_UINT(g_hash_table_lookup(client->watches->armed, path));
}

static void
set_ways(Client *client, const char *path, unsigned ways)
{
	if (ways)
		g_hash_table_insert(client->watches->armed, g_strdup(path), GUINT_TO_POINTER(ways));
	else
		g_hash_table_remove(client->watches->armed, path);
}

void
client_arm(Client *client, const char *path, unsigned ways)
{
	set_ways(client, path, client_armed(client, path) | ways);
}

void
client_unarm(Client *client, const char *path, unsigned ways)
{
	set_ways(client, path, client_armed(client, path) & ~ways);
}

static gint
by_text(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

GPtrArray *
client_watched(GHashTable *table)
{
	GPtrArray *paths = g_ptr_array_new();
	GHashTableIter iter;
	void *path;
	g_hash_table_iter_init(&iter, table);
	while (g_hash_table_iter_next(&iter, &path, NULL))
		g_ptr_array_add(paths, path);
	g_ptr_array_sort(paths, by_text);
	return paths;
}

/* ---- what is due ---- */

static bool
hears_from_above(const Client *client, const char *path)
{
	g_autofree char *at = g_strdup(path);
	while (strcmp(at, "/") != 0) {
		char *parent = g_path_get_dirname(at);
		g_free(at);
		at = parent;
		if (client_armed(client, at) & WATCH_RECURSIVE)
			return true;
	}
	return false;
}

static bool
hears(const Client *client, const SimTrigger *trigger)
{
	return (client_armed(client, trigger->path) & hearing[trigger->change]) != 0 ||
	       (trigger->change != SIM_NODE_CHILDREN && hears_from_above(client, trigger->path) && client_may_hear(client, trigger));
}

/* The next one to be heard of, of those before @end; NULL: none. It is not behind it yet. */
static const SimTrigger *
next_due(Client *client, guint end)
{
	Watches *watches = client->watches;
	if (g_hash_table_size(watches->armed) == 0)
		watches->next = MAX(watches->next, end);
	for (; watches->next < end; watches->next++) {
		const SimTrigger *trigger = sim_truth_trigger(client->sim, watches->next);
		if (hears(client, trigger))
			return trigger;
	}
	return NULL;
}

static void
take(Client *client, const SimTrigger *trigger)
{
	client_unarm(client, trigger->path, hearing[trigger->change] & ONE_SHOT);
	client->watches->next++;
}

void
client_check_watches(Client *client, const Request *request, int64_t zxid)
{
	const SimTrigger *due;
	if (zxid < client->watches->heard)
		client_broken(client, "A14-client-order", request, "sees a zxid below that of an event before it");
	while ((due = next_due(client, sim_truth_triggers(client->sim, zxid)))) {
		client_broken(client, "watch-before-change", request, "is shown a zxid behind a change before the watch for it");
		take(client, due);
	}
}

void
client_check_event(Client *client, int32_t type, PdkSlice slice, int64_t zxid)
{
	g_autofree char *path = g_strndup((const char *)slice.data, (gsize)MAX(slice.length, 0));
	Request event = {.path = path, .xid = type};
	if (zxid == ZXID_OF_REPLAYED) {
		client_replayed(client, type, path);
		return;
	}
	const SimTrigger *due = next_due(client, sim_truth_triggers(client->sim, INT64_MAX));
	if (due && due->zxid < zxid) {
		client_broken(client, "watch-before-change", &event, "hears of a change before it hears of an earlier one");
	} else if (due == NULL || due->zxid != zxid || due->change != (SimChange)type || strcmp(due->path, path) != 0) {
		client_broken(client, "watch-fires-once", &event, "gets an event that is not due, by what it watches and what changed");
	} else {
		take(client, due);
		client->watches->heard = zxid;
	}
}

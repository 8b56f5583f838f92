/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The watches of a client, as its server has to hold them: which event is due next is counted from the committed txns. Changes
 * when watches can do more.
 */
#ifndef TESTS_SIM_CLIENT_WATCH_H
#define TESTS_SIM_CLIENT_WATCH_H

#include "sim/client-private.h"

/* Ways to watch a path, as the lists of SetWatches2 have them and in their order. */
enum {
	WATCH_DATA = 1 << 0,       /* of a node that was there */
	WATCH_EXIST = 1 << 1,      /* of one that was not */
	WATCH_CHILD = 1 << 2,
	WATCH_PERSISTENT = 1 << 3,
	WATCH_RECURSIVE = 1 << 4,
	WATCH_ALL = (1 << 5) - 1,
};

struct Watches {
	GHashTable *armed;   /* path -> WATCH_..., held by the server for this connection */
	guint next;          /* the first trigger that was not looked at */
	int64_t heard;       /* zxid of the last event on this connection */
	GQueue batches;      /* like armed, each asked to be armed again; the answers are awaited */
	GArray *replayed;    /* Replayed: events of the first of these */
	int64_t since;       /* no change up to here is missed by what is armed again */
};

Watches *watches_new(void);
void watches_free(Watches *watches);

/* ---- client-watch.c ---- */
/* The request that sets it was answered. */
void client_arm(Client *client, const char *path, unsigned ways);
void client_unarm(Client *client, const char *path, unsigned ways);
unsigned client_armed(const Client *client, const char *path);
/* Paths as keys of @table, in order (g_ptr_array_unref). */
GPtrArray *client_watched(GHashTable *table);
void client_check_event(Client *client, int32_t type, PdkSlice path, int64_t zxid);
/* Before a reply: all that changed up to @zxid must have been told. */
void client_check_watches(Client *client, const Request *request, int64_t zxid);

/* ---- client-rearm.c ---- */
/* Right behind the connect request: what was armed is to be armed again. */
void client_rearm(Client *client);
/* An event tells of what changed while the client was away. */
void client_replayed(Client *client, int32_t type, const char *path);
/* The connection is gone; perhaps the session, too. */
void client_watches_lost(Client *client);

#endif

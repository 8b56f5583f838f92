/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches: who wants to hear of which path. They belong to a connection ("watcher", a small number) and
 * die with it. One (path, watcher) pair may hold several modes at once. Watches of an existing node are
 * keyed by the node, others by the path; creating and deleting move them. Source: DataTree's two
 * WatchManagers, WatcherMode (3.9).
 */
#ifndef PDK_DATA_WATCH_H
#define PDK_DATA_WATCH_H

#include "data/tree.h"

enum {
	PDK_WATCH_DATA = 1 << 0,       /* one-shot, data table */
	PDK_WATCH_CHILD = 1 << 1,      /* one-shot, child table */
	PDK_WATCH_PERSISTENT = 1 << 2, /* both tables */
	PDK_WATCH_RECURSIVE = 1 << 3,  /* data table, whole subtree */
};

typedef enum {
	PDK_EVENT_CREATED = 1,
	PDK_EVENT_DELETED = 2,
	PDK_EVENT_DATA_CHANGED = 3,
	PDK_EVENT_CHILDREN_CHANGED = 4,
} PdkEventType;

/* Watchers are numbers below this. Dense numbers, please: each up to the largest costs 12 bytes. */
#define PDK_WATCHERS (1u << 24)

typedef struct PdkWatches PdkWatches;

/*
 * One event for one watcher; at most one call a watcher and trigger. Recursive watchers of the path come
 * first, then the others of the path, each in the order of registration, then recursive ones of the
 * ancestors, upwards. @path is the event's. @acl is the list whose READ permission the receiver needs.
 * Must not change watches or tree.
 */
typedef void (*PdkWatchNotify)(void *context, uint32_t watcher, PdkEventType type, const char *path, size_t length, PdkAclId acl);

/* @tree is borrowed and must outlive it. */
PdkWatches *pdk_watches_new(PdkTree *tree, PdkWatchNotify notify, void *context);
void pdk_watches_free(PdkWatches *watches);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PdkWatches, pdk_watches_free)
/*
 * Forgets all (the tree is replaced: call it before or after). Flags at nodes may stay behind; they only
 * mean "look".
 */
void pdk_watches_clear(PdkWatches *watches);

/* Adds @modes for (path, watcher). @node is the node at the path, 0 when there is none. O(1). */
void pdk_watches_add(PdkWatches *watches, uint32_t watcher, PdkNode node, const char *path, size_t length, unsigned modes);
/* The modes that (path, watcher) holds; 0: none. */
unsigned pdk_watches_modes(const PdkWatches *watches, uint32_t watcher, PdkNode node, const char *path, size_t length);
/* Takes @modes away; returns those that were there. */
unsigned pdk_watches_remove(PdkWatches *watches, uint32_t watcher, PdkNode node, const char *path, size_t length, unsigned modes);
/* All of a watcher (its connection closed). Costs only what it holds. */
void pdk_watches_drop(PdkWatches *watches, uint32_t watcher);

/*
 * Triggers, in the order of the sheet. `created` is called after the insert, `deleted` before the removal
 * (the node is still there), `changed` after the change. @path is the node's full path.
 */
void pdk_watches_created(PdkWatches *watches, PdkNode node, const char *path, size_t length);
void pdk_watches_deleted(PdkWatches *watches, PdkNode node, const char *path, size_t length);
void pdk_watches_changed(PdkWatches *watches, PdkNode node, const char *path, size_t length);

/* Data-table entries (modes DATA, PERSISTENT, RECURSIVE), what wchs shows. */
void pdk_watches_totals(const PdkWatches *watches, uint64_t *watchers, uint64_t *paths, uint64_t *pairs);
/* All (path, watcher, table) entries: a persistent watch counts in both tables; Apache's watch_count. */
uint64_t pdk_watches_count(const PdkWatches *watches);

/*
 * Walks data-table entries, grouped by path or by watcher; *cursor starts 0. Appends the path to @path
 * (cleared first). Continues sensibly after changes.
 */
bool pdk_watches_next_by_path(const PdkWatches *watches, uint64_t *cursor, uint32_t *watcher, PdkBuffer *path);
bool pdk_watches_next_by_watcher(const PdkWatches *watches, uint64_t *cursor, uint32_t *watcher, PdkBuffer *path);

/* Walks and verifies every structure (asserts). */
void pdk_watches_check(const PdkWatches *watches);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who hears of which path. A watch is a record of 28 bytes in two lists: of its place (a node, or a path
 * where no node is) and of its watcher. A place with many watches is indexed by watcher. Recursive
 * watches stand in front at their place, so that the walk to the root sees at once whether a place has
 * any.
 */
#include "data/watch.h"

#include "base/path.h"
#include "data/slab.h"

/* Up to this many watches of one place are looked through; beyond, they are indexed. */
#define SCANNED 8

#define DATA_MODES (PDK_WATCH_DATA | PDK_WATCH_PERSISTENT | PDK_WATCH_RECURSIVE)
#define CHILD_MODES (PDK_WATCH_CHILD | PDK_WATCH_PERSISTENT)
#define ALL_MODES (DATA_MODES | CHILD_MODES)

typedef struct {
	uint32_t next, previous; /* at the place; the first one's previous is the last, the last one's next 0 */
	uint32_t place;          /* 0: the record is not in use */
	uint32_t next_of_watcher, previous_of_watcher;
	uint32_t chain; /* in `pairs`, when the place is indexed */
	uint32_t watcher : 24, modes : 8;
} Watch;

typedef struct {
	uint32_t key; /* the node, or the number of the path */
	uint32_t chain;
	uint32_t first; /* 0: the record is not in use */
	uint32_t data_pairs : 30, by_path : 1, indexed : 1;
} Place;

typedef struct {
	uint32_t hash, length; /* first: hash gives way to the slab's link */
	char *text;
} Path;

typedef struct {
	uint32_t first;
	uint32_t data_pairs;
	uint32_t trigger; /* the last one it heard of */
} Watcher;

G_STATIC_ASSERT(sizeof(Watch) == 28 && sizeof(Place) == 16 && sizeof(Path) == 16);

struct PdkWatches {
	PdkTree *tree;
	PdkWatchNotify notify;
	void *context;

	PdkSlab watches, places, paths;
	PdkIndex by_node, by_path; /* places */
	PdkIndex pairs;            /* watches of indexed places */
	Watcher *watchers;
	uint32_t n_watchers;

	uint32_t trigger;
	uint32_t recursive; /* watches with that mode */
	uint64_t data_watchers, data_paths, data_pairs, child_pairs;
};

static Watch *
watch_at(const PdkWatches *watches, uint32_t number)
{
	return pdk_slab_at(&watches->watches, number);
}

static Place *
place_at(const PdkWatches *watches, uint32_t number)
{
	return pdk_slab_at(&watches->places, number);
}

static Path *
path_at(const PdkWatches *watches, uint32_t number)
{
	return pdk_slab_at(&watches->paths, number);
}

/* Under the tree's seed: clients choose the paths, but cannot choose paths that collide. */
static uint32_t
hash_path(const PdkWatches *watches, const char *path, size_t length)
{
	const uint64_t odd = UINT64_C(0xe7037ed1a0b428db);
	uint64_t hash = pdk_tree_seed(watches->tree) ^ length * UINT64_C(0x9e3779b97f4a7c15);
	for (;;) {
		uint64_t word = 0;
		memcpy(&word, path, MIN(length, 8));
		unsigned __int128 product = (unsigned __int128)(hash ^ word) * (hash ^ odd);
		hash ^= (uint64_t)product ^ (uint64_t)(product >> 64);
		if (length <= 8)
			return pdk_hash_u64(hash);
		path += 8;
		length -= 8;
	}
}

static uint32_t
hash_place_of_node(const void *owner, const void *record)
{
	(void)owner;
	return pdk_hash_u64(((const Place *)record)->key);
}

static uint32_t
hash_place_of_path(const void *owner, const void *record)
{
	return path_at(owner, ((const Place *)record)->key)->hash;
}

static uint32_t
hash_pair(uint32_t place, uint32_t watcher)
{
	return pdk_hash_u64((uint64_t)place << 32 | watcher);
}

static uint32_t
hash_watch(const void *owner, const void *record)
{
	(void)owner;
	const Watch *watch = record;
	return hash_pair(watch->place, watch->watcher);
}

PdkWatches *
pdk_watches_new(PdkTree *tree, PdkWatchNotify notify, void *context)
{
	PdkWatches *watches = g_new0(PdkWatches, 1);
	watches->tree = tree;
	watches->notify = notify;
	watches->context = context;
	pdk_slab_init(&watches->watches, sizeof(Watch));
	pdk_slab_init(&watches->places, sizeof(Place));
	pdk_slab_init(&watches->paths, sizeof(Path));
	pdk_index_init(&watches->by_node, &watches->places, offsetof(Place, chain), hash_place_of_node, watches);
	pdk_index_init(&watches->by_path, &watches->places, offsetof(Place, chain), hash_place_of_path, watches);
	pdk_index_init(&watches->pairs, &watches->watches, offsetof(Watch, chain), hash_watch, watches);
	return watches;
}

/* Flags at nodes may stay behind: they only say "look". */
void
pdk_watches_clear(PdkWatches *watches)
{
	for (uint32_t i = 1; i < watches->places.end; i++) {
		const Place *place = place_at(watches, i);
		if (place->first != 0 && place->by_path)
			g_free(path_at(watches, place->key)->text);
	}
	pdk_index_clear(&watches->by_node);
	pdk_index_clear(&watches->by_path);
	pdk_index_clear(&watches->pairs);
	pdk_slab_clear(&watches->watches);
	pdk_slab_clear(&watches->places);
	pdk_slab_clear(&watches->paths);
	g_clear_pointer(&watches->watchers, g_free);
	watches->n_watchers = watches->trigger = watches->recursive = 0;
	watches->data_watchers = watches->data_paths = watches->data_pairs = watches->child_pairs = 0;
}

void
pdk_watches_free(PdkWatches *watches)
{
	pdk_watches_clear(watches);
	g_free(watches);
}

/* Places. */

static uint32_t
find_place_of_node(const PdkWatches *watches, PdkNode node)
{
	if (!(pdk_tree_flags(watches->tree, node) & PDK_NODE_WATCHED))
		return 0;
	uint32_t at = pdk_index_first(&watches->by_node, pdk_hash_u64(node));
	while (at != 0 && place_at(watches, at)->key != node)
		at = pdk_index_next(&watches->by_node, at);
	return at;
}

static uint32_t
find_place_of_path(const PdkWatches *watches, const char *text, size_t length)
{
	if (watches->by_path.count == 0)
		return 0;
	uint32_t hash = hash_path(watches, text, length);
	uint32_t at = pdk_index_first(&watches->by_path, hash);
	for (; at != 0; at = pdk_index_next(&watches->by_path, at)) {
		const Path *path = path_at(watches, place_at(watches, at)->key);
		if (path->hash == hash && path->length == length && memcmp(path->text, text, length) == 0)
			return at;
	}
	return 0;
}

static uint32_t
find_place(const PdkWatches *watches, PdkNode node, const char *path, size_t length)
{
	return node != 0 ? find_place_of_node(watches, node) : find_place_of_path(watches, path, length);
}

static void
key_by_node(PdkWatches *watches, uint32_t number, PdkNode node)
{
	Place *place = place_at(watches, number);
	place->key = node;
	place->by_path = 0;
	pdk_index_insert(&watches->by_node, number);
	pdk_tree_set_flags(watches->tree, node, PDK_NODE_WATCHED, 0);
}

static void
key_by_path(PdkWatches *watches, uint32_t number, const char *text, size_t length)
{
	pdk_assert(length <= INT32_MAX);
	Place *place = place_at(watches, number);
	place->key = pdk_slab_take(&watches->paths);
	place->by_path = 1;
	Path *path = path_at(watches, place->key);
	path->hash = hash_path(watches, text, length);
	path->length = (uint32_t)length;
	path->text = g_memdup2(text, MAX(length, 1));
	pdk_index_insert(&watches->by_path, number);
}

/* The place is found by nothing afterwards. */
static void
forget_key(PdkWatches *watches, uint32_t number)
{
	const Place *place = place_at(watches, number);
	if (place->by_path) {
		pdk_index_remove(&watches->by_path, number);
		g_free(path_at(watches, place->key)->text);
		pdk_slab_give(&watches->paths, place->key);
	} else {
		pdk_index_remove(&watches->by_node, number);
		pdk_tree_set_flags(watches->tree, place->key, 0, PDK_NODE_WATCHED);
	}
}

static void
append_place_path(const PdkWatches *watches, const Place *place, PdkBuffer *out)
{
	if (place->by_path)
		pdk_buffer_append(out, path_at(watches, place->key)->text, path_at(watches, place->key)->length);
	else
		pdk_tree_append_path(watches->tree, place->key, out);
}

/* Watches at a place. */

static uint32_t
find_watch(const PdkWatches *watches, uint32_t place, uint32_t watcher)
{
	if (place_at(watches, place)->indexed) {
		uint32_t at = pdk_index_first(&watches->pairs, hash_pair(place, watcher));
		for (; at != 0; at = pdk_index_next(&watches->pairs, at)) {
			const Watch *watch = watch_at(watches, at);
			if (watch->place == place && watch->watcher == watcher)
				return at;
		}
		return 0;
	}
	uint32_t at = place_at(watches, place)->first;
	while (at != 0 && watch_at(watches, at)->watcher != watcher)
		at = watch_at(watches, at)->next;
	return at;
}

static void
link_first(PdkWatches *watches, Place *place, uint32_t number)
{
	Watch *watch = watch_at(watches, number);
	watch->next = place->first;
	watch->previous = number;
	if (place->first != 0) {
		Watch *second = watch_at(watches, place->first);
		watch->previous = second->previous;
		second->previous = number;
	}
	place->first = number;
}

static void
link_last(PdkWatches *watches, Place *place, uint32_t number)
{
	if (place->first == 0) {
		link_first(watches, place, number);
		return;
	}
	Watch *watch = watch_at(watches, number), *first = watch_at(watches, place->first);
	watch->next = 0;
	watch->previous = first->previous;
	watch_at(watches, first->previous)->next = number;
	first->previous = number;
}

static void
unlink_at_place(PdkWatches *watches, Place *place, uint32_t number)
{
	const Watch *watch = watch_at(watches, number);
	if (watch->next != 0)
		watch_at(watches, watch->next)->previous = watch->previous;
	else if (place->first != number)
		watch_at(watches, place->first)->previous = watch->previous;
	if (place->first == number)
		place->first = watch->next;
	else
		watch_at(watches, watch->previous)->next = watch->next;
}

static void
link_to_watcher(PdkWatches *watches, uint32_t number)
{
	Watch *watch = watch_at(watches, number);
	Watcher *watcher = &watches->watchers[watch->watcher];
	watch->next_of_watcher = watcher->first;
	if (watcher->first != 0)
		watch_at(watches, watcher->first)->previous_of_watcher = number;
	watcher->first = number;
}

static void
unlink_from_watcher(PdkWatches *watches, const Watch *watch)
{
	if (watch->next_of_watcher != 0)
		watch_at(watches, watch->next_of_watcher)->previous_of_watcher = watch->previous_of_watcher;
	if (watch->previous_of_watcher != 0)
		watch_at(watches, watch->previous_of_watcher)->next_of_watcher = watch->next_of_watcher;
	else
		watches->watchers[watch->watcher].first = watch->next_of_watcher;
}

/* Keeps every sum; the lists are the caller's. */
static void
set_modes(PdkWatches *watches, Watch *watch, unsigned modes)
{
	int data = !!(modes & DATA_MODES) - !!(watch->modes & DATA_MODES);
	int child = !!(modes & CHILD_MODES) - !!(watch->modes & CHILD_MODES);
	int recursive = !!(modes & PDK_WATCH_RECURSIVE) - !!(watch->modes & PDK_WATCH_RECURSIVE);
	Place *place = place_at(watches, watch->place);
	Watcher *watcher = &watches->watchers[watch->watcher];
	bool place_had = place->data_pairs > 0, watcher_had = watcher->data_pairs > 0;
	place->data_pairs += (unsigned)data;
	watcher->data_pairs += (uint32_t)data;
	watches->data_paths += (uint64_t)((int)(place->data_pairs > 0) - (int)place_had);
	watches->data_watchers += (uint64_t)((int)(watcher->data_pairs > 0) - (int)watcher_had);
	watches->data_pairs += (uint64_t)data;
	watches->child_pairs += (uint64_t)child;
	watches->recursive += (uint32_t)recursive;
	watch->modes = modes & ALL_MODES;
}

static void
remove_watch(PdkWatches *watches, uint32_t number)
{
	Watch *watch = watch_at(watches, number);
	uint32_t at = watch->place;
	Place *place = place_at(watches, at);
	set_modes(watches, watch, 0);
	if (place->indexed)
		pdk_index_remove(&watches->pairs, number);
	unlink_at_place(watches, place, number);
	unlink_from_watcher(watches, watch);
	pdk_slab_give(&watches->watches, number);
	if (place->first != 0)
		return;
	forget_key(watches, at);
	pdk_slab_give(&watches->places, at);
}

/* What a watch holds becomes @modes: it may move to or from the front of its place, or go. */
static void
change_modes(PdkWatches *watches, uint32_t number, unsigned modes)
{
	if (modes == 0) {
		remove_watch(watches, number);
		return;
	}
	Watch *watch = watch_at(watches, number);
	bool moves = (watch->modes ^ modes) & PDK_WATCH_RECURSIVE;
	set_modes(watches, watch, modes);
	if (!moves)
		return;
	Place *place = place_at(watches, watch->place);
	unlink_at_place(watches, place, number);
	if (modes & PDK_WATCH_RECURSIVE)
		link_first(watches, place, number);
	else
		link_last(watches, place, number);
}

/* Indexes the watches of a place once there are too many to look through. */
static void
index_if_many(PdkWatches *watches, Place *place)
{
	unsigned n = 0;
	uint32_t at;
	for (at = place->first; at != 0 && n <= SCANNED; at = watch_at(watches, at)->next)
		n++;
	if (n <= SCANNED)
		return;
	for (at = place->first; at != 0; at = watch_at(watches, at)->next)
		pdk_index_insert(&watches->pairs, at);
	place->indexed = 1;
}

static void
make_watch(PdkWatches *watches, uint32_t at, uint32_t watcher, unsigned modes)
{
	uint32_t number = pdk_slab_take(&watches->watches);
	Watch *watch = watch_at(watches, number);
	Place *place = place_at(watches, at);
	watch->place = at;
	watch->watcher = watcher & (PDK_WATCHERS - 1);
	if (modes & PDK_WATCH_RECURSIVE)
		link_first(watches, place, number);
	else
		link_last(watches, place, number);
	link_to_watcher(watches, number);
	set_modes(watches, watch, modes);
	if (place->indexed)
		pdk_index_insert(&watches->pairs, number);
	else
		index_if_many(watches, place);
}

static void
make_room_for(PdkWatches *watches, uint32_t watcher)
{
	pdk_assert(watcher < PDK_WATCHERS);
	if (watcher < watches->n_watchers)
		return;
	/* By an eighth: the numbers are dense, and a million of them should not cost what two million do. */
	uint32_t n = MAX(watcher + 1, watches->n_watchers + watches->n_watchers / 8);
	n = MIN(MAX(n, 64), PDK_WATCHERS);
	watches->watchers = g_renew(Watcher, watches->watchers, n);
	memset(watches->watchers + watches->n_watchers, 0, (n - watches->n_watchers) * sizeof(Watcher));
	watches->n_watchers = n;
}

void
pdk_watches_add(PdkWatches *watches, uint32_t watcher, PdkNode node, const char *path, size_t length, unsigned modes)
{
	pdk_assert(modes != 0 && (modes & ~ALL_MODES) == 0);
	make_room_for(watches, watcher);
	uint32_t at = find_place(watches, node, path, length);
	if (at == 0) {
		at = pdk_slab_take(&watches->places);
		if (node != 0)
			key_by_node(watches, at, node);
		else
			key_by_path(watches, at, path, length);
	}
	uint32_t number = find_watch(watches, at, watcher);
	if (number != 0)
		change_modes(watches, number, watch_at(watches, number)->modes | modes);
	else
		make_watch(watches, at, watcher, modes);
}

unsigned
pdk_watches_modes(const PdkWatches *watches, uint32_t watcher, PdkNode node, const char *path, size_t length)
{
	uint32_t at = find_place(watches, node, path, length);
	uint32_t number = at == 0 ? 0 : find_watch(watches, at, watcher);
	return number == 0 ? 0 : watch_at(watches, number)->modes;
}

unsigned
pdk_watches_remove(PdkWatches *watches, uint32_t watcher, PdkNode node, const char *path, size_t length,
		   unsigned modes)
{
	uint32_t at = find_place(watches, node, path, length);
	uint32_t number = at == 0 ? 0 : find_watch(watches, at, watcher);
	if (number == 0)
		return 0;
	unsigned had = watch_at(watches, number)->modes;
	if (had & modes)
		change_modes(watches, number, had & ~modes);
	return had & modes;
}

void
pdk_watches_drop(PdkWatches *watches, uint32_t watcher)
{
	if (watcher >= watches->n_watchers)
		return;
	while (watches->watchers[watcher].first != 0)
		remove_watch(watches, watches->watchers[watcher].first);
}

/* Triggers. */

typedef struct {
	PdkEventType type;
	const char *path;
	size_t length;
	PdkAclId acl;
} Trigger;

static void
next_trigger(PdkWatches *watches)
{
	if (++watches->trigger != 0)
		return;
	for (uint32_t i = 0; i < watches->n_watchers; i++)
		watches->watchers[i].trigger = 0;
	watches->trigger = 1;
}

static void
tell(PdkWatches *watches, uint32_t number, const Trigger *trigger)
{
	const Watch *watch = watch_at(watches, number);
	Watcher *watcher = &watches->watchers[watch->watcher];
	if (watcher->trigger == watches->trigger)
		return;
	watcher->trigger = watches->trigger;
	watches->notify(watches->context, watch->watcher, trigger->type, trigger->path, trigger->length,
			trigger->acl);
}

/* The last of those in front, 0: none is recursive. */
static uint32_t
last_recursive(const PdkWatches *watches, const Place *place)
{
	uint32_t last = 0;
	for (uint32_t at = place->first; at != 0; at = watch_at(watches, at)->next) {
		if (!(watch_at(watches, at)->modes & PDK_WATCH_RECURSIVE))
			break;
		last = at;
	}
	return last;
}

/* They were put in front one before the other: backwards is the order of their coming. */
static void
fire_recursive(PdkWatches *watches, const Place *place, const Trigger *trigger)
{
	uint32_t at = last_recursive(watches, place);
	while (at != 0) {
		tell(watches, at, trigger);
		at = at == place->first ? 0 : watch_at(watches, at)->previous;
	}
}

/* Those at the place who hold one of @heard; one-shot modes among these are used up. The place may go. */
static void
fire_place(PdkWatches *watches, uint32_t number, unsigned heard, const Trigger *trigger)
{
	uint32_t at = place_at(watches, number)->first;
	while (at != 0) {
		const Watch *watch = watch_at(watches, at);
		uint32_t next = watch->next;
		unsigned modes = watch->modes;
		if (modes & heard) {
			tell(watches, at, trigger);
			unsigned left = modes & ~(heard & (PDK_WATCH_DATA | PDK_WATCH_CHILD));
			if (left != modes)
				change_modes(watches, at, left);
		}
		at = next;
	}
}

static void
fire_ancestors(PdkWatches *watches, PdkNode node, const Trigger *trigger)
{
	for (node = pdk_tree_parent(watches->tree, node); node != 0; node = pdk_tree_parent(watches->tree, node)) {
		uint32_t place = find_place_of_node(watches, node);
		if (place != 0)
			fire_recursive(watches, place_at(watches, place), trigger);
	}
}

/*
 * Data table at the node, recursive ones up to the root; with PDK_WATCH_CHILD in @heard the child table
 * at the node too.
 */
static void
fire_at_node(PdkWatches *watches, PdkNode node, unsigned heard, PdkEventType type, const char *path, size_t length)
{
	next_trigger(watches);
	Trigger trigger = {type, path, length, pdk_tree_acl(watches->tree, node)};
	uint32_t place = find_place_of_node(watches, node);
	if (place != 0) {
		if (watches->recursive > 0)
			fire_recursive(watches, place_at(watches, place), &trigger);
		fire_place(watches, place, heard, &trigger);
	}
	if (watches->recursive > 0)
		fire_ancestors(watches, node, &trigger);
}

static void
fire_at_parent(PdkWatches *watches, PdkNode node, const char *path, size_t length)
{
	PdkNode parent = pdk_tree_parent(watches->tree, node);
	if (parent == 0)
		return;
	uint32_t place = find_place_of_node(watches, parent);
	if (place == 0)
		return;
	next_trigger(watches);
	size_t above = pdk_path_parent(path, length);
	Trigger trigger = {PDK_EVENT_CHILDREN_CHANGED, above == 0 ? "/" : path, MAX(above, 1),
			   pdk_tree_acl(watches->tree, parent)};
	fire_place(watches, place, CHILD_MODES, &trigger);
}

void
pdk_watches_created(PdkWatches *watches, PdkNode node, const char *path, size_t length)
{
	uint32_t place = find_place_of_path(watches, path, length);
	if (place != 0) {
		forget_key(watches, place);
		key_by_node(watches, place, node);
	}
	fire_at_node(watches, node, DATA_MODES, PDK_EVENT_CREATED, path, length);
	fire_at_parent(watches, node, path, length);
}

void
pdk_watches_deleted(PdkWatches *watches, PdkNode node, const char *path, size_t length)
{
	fire_at_node(watches, node, DATA_MODES | PDK_WATCH_CHILD, PDK_EVENT_DELETED, path, length);
	uint32_t place = find_place_of_node(watches, node);
	if (place != 0) {
		forget_key(watches, place);
		key_by_path(watches, place, path, length);
	}
	fire_at_parent(watches, node, path, length);
}

void
pdk_watches_changed(PdkWatches *watches, PdkNode node, const char *path, size_t length)
{
	fire_at_node(watches, node, DATA_MODES, PDK_EVENT_DATA_CHANGED, path, length);
}

/* What there is. */

void
pdk_watches_totals(const PdkWatches *watches, uint64_t *watchers, uint64_t *paths, uint64_t *pairs)
{
	*watchers = watches->data_watchers;
	*paths = watches->data_paths;
	*pairs = watches->data_pairs;
}

uint64_t
pdk_watches_count(const PdkWatches *watches)
{
	return watches->data_pairs + watches->child_pairs;
}

/* A cursor is the group's number, and below it the watch to go on from, 0: the group's first. */
static uint64_t
cursor_of(uint32_t group, uint32_t number)
{
	return number == 0 ? (uint64_t)(group + 1) << 32 : (uint64_t)group << 32 | number;
}

/* The record to go on from; 0 when it went away meanwhile. */
static const Watch *
watch_of_cursor(const PdkWatches *watches, uint64_t cursor, uint32_t *number)
{
	*number = (uint32_t)cursor;
	if (*number == 0 || *number >= watches->watches.end)
		return NULL;
	const Watch *watch = watch_at(watches, *number);
	return watch->place != 0 ? watch : NULL;
}

bool
pdk_watches_next_by_path(const PdkWatches *watches, uint64_t *cursor, uint32_t *watcher, PdkBuffer *path)
{
	uint32_t group;
	while ((group = MAX((uint32_t)(*cursor >> 32), 1)) < watches->places.end) {
		const Place *place = place_at(watches, group);
		uint32_t number = place->first;
		if ((uint32_t)*cursor != 0) {
			const Watch *watch = watch_of_cursor(watches, *cursor, &number);
			if (watch == NULL || watch->place != group)
				number = 0;
		}
		while (number != 0 && !(watch_at(watches, number)->modes & DATA_MODES))
			number = watch_at(watches, number)->next;
		*cursor = cursor_of(group, number == 0 ? 0 : watch_at(watches, number)->next);
		if (number == 0)
			continue;
		*watcher = watch_at(watches, number)->watcher;
		path->length = 0;
		append_place_path(watches, place, path);
		return true;
	}
	return false;
}

bool
pdk_watches_next_by_watcher(const PdkWatches *watches, uint64_t *cursor, uint32_t *watcher, PdkBuffer *path)
{
	uint32_t group;
	while ((group = (uint32_t)(*cursor >> 32)) < watches->n_watchers) {
		uint32_t number = watches->watchers[group].first;
		if ((uint32_t)*cursor != 0) {
			const Watch *watch = watch_of_cursor(watches, *cursor, &number);
			if (watch == NULL || watch->watcher != group)
				number = 0;
		}
		while (number != 0 && !(watch_at(watches, number)->modes & DATA_MODES))
			number = watch_at(watches, number)->next_of_watcher;
		*cursor = cursor_of(group, number == 0 ? 0 : watch_at(watches, number)->next_of_watcher);
		if (number == 0)
			continue;
		*watcher = group;
		path->length = 0;
		append_place_path(watches, place_at(watches, watch_at(watches, number)->place), path);
		return true;
	}
	return false;
}

/* What the places and watches add up to. */
typedef struct {
	uint64_t data_paths, data_pairs, child_pairs;
	uint32_t recursive, places, watches, indexed;
} Sums;

static void
check_watch(const PdkWatches *watches, uint32_t number, uint32_t place, Sums *sums)
{
	const Watch *watch = watch_at(watches, number);
	pdk_assert(watch->place == place && watch->modes != 0 && (watch->modes & ~ALL_MODES) == 0);
	pdk_assert(watch->watcher < watches->n_watchers && find_watch(watches, place, watch->watcher) == number);
	pdk_assert(watch->next == 0 || watch_at(watches, watch->next)->previous == number);
	sums->watches++;
	sums->indexed += place_at(watches, place)->indexed;
	sums->data_pairs += (watch->modes & DATA_MODES) != 0;
	sums->child_pairs += (watch->modes & CHILD_MODES) != 0;
	sums->recursive += (watch->modes & PDK_WATCH_RECURSIVE) != 0;
}

static void
check_place(const PdkWatches *watches, uint32_t number, Sums *sums)
{
	const Place *place = place_at(watches, number);
	uint64_t data_pairs = sums->data_pairs;
	bool front = true;
	uint32_t last = 0;
	for (uint32_t at = place->first; at != 0; at = watch_at(watches, at)->next) {
		check_watch(watches, at, number, sums);
		bool recursive = watch_at(watches, at)->modes & PDK_WATCH_RECURSIVE;
		pdk_assert(front || !recursive);
		front = recursive;
		last = at;
	}
	pdk_assert(watch_at(watches, place->first)->previous == last);
	pdk_assert(place->data_pairs == sums->data_pairs - data_pairs);
	sums->data_paths += place->data_pairs > 0;
	sums->places++;
	if (place->by_path) {
		const Path *path = path_at(watches, place->key);
		pdk_assert(find_place_of_path(watches, path->text, path->length) == number);
	} else {
		pdk_assert(find_place_of_node(watches, place->key) == number);
	}
}

static uint32_t
check_watcher(const PdkWatches *watches, uint32_t number)
{
	const Watcher *watcher = &watches->watchers[number];
	uint32_t seen = 0, data_pairs = 0, previous = 0;
	for (uint32_t at = watcher->first; at != 0; at = watch_at(watches, at)->next_of_watcher) {
		const Watch *watch = watch_at(watches, at);
		pdk_assert(watch->watcher == number && watch->previous_of_watcher == previous);
		pdk_assert(++seen <= watches->watches.live);
		data_pairs += (watch->modes & DATA_MODES) != 0;
		previous = at;
	}
	pdk_assert(watcher->data_pairs == data_pairs);
	return seen;
}

void
pdk_watches_check(const PdkWatches *watches)
{
	pdk_index_check(&watches->by_node);
	pdk_index_check(&watches->by_path);
	pdk_index_check(&watches->pairs);
	Sums sums = {0};
	for (uint32_t i = 1; i < watches->places.end; i++) {
		if (place_at(watches, i)->first != 0)
			check_place(watches, i, &sums);
	}
	pdk_assert(sums.places == watches->places.live && sums.watches == watches->watches.live);
	pdk_assert(watches->by_node.count + watches->by_path.count == sums.places);
	pdk_assert(watches->paths.live == watches->by_path.count && watches->pairs.count == sums.indexed);
	pdk_assert(sums.data_paths == watches->data_paths && sums.data_pairs == watches->data_pairs);
	pdk_assert(sums.child_pairs == watches->child_pairs && sums.recursive == watches->recursive);
	uint64_t data_watchers = 0, held = 0;
	for (uint32_t i = 0; i < watches->n_watchers; i++) {
		held += check_watcher(watches, i);
		data_watchers += watches->watchers[i].data_pairs > 0;
	}
	pdk_assert(held == sums.watches && data_watchers == watches->data_watchers);
}

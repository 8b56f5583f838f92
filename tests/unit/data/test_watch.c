/* SPDX-License-Identifier: Apache-2.0 */
/* Proves who hears of what, by single cases and beside a simple model. */
#include "base/path.h"
#include "base/random.h"
#include "data/watch.h"

#include <CUnit/Basic.h>
#include <malloc.h>

/* What was heard, as text: "3:1/a" is watcher 3, NodeCreated, /a. */
typedef struct {
	PdkTree *tree;
	PdkWatches *watches;
	GString *heard;
} Fixture;

static void
hear(void *context, uint32_t watcher, PdkEventType type, const char *path, size_t length, PdkAclId acl)
{
	Fixture *fixture = context;
	CU_ASSERT_EQUAL(acl, PDK_ACL_OPEN);
	g_string_append_printf(fixture->heard, "%s%u:%d%.*s", fixture->heard->len > 0 ? " " : "", watcher, (int)type,
			       (int)length, path);
}

static void
set_up(Fixture *fixture)
{
	fixture->tree = pdk_tree_new(&(PdkTreeSettings){0});
	fixture->heard = g_string_new(NULL);
	fixture->watches = pdk_watches_new(fixture->tree, hear, fixture);
}

static void
tear_down(Fixture *fixture)
{
	pdk_watches_check(fixture->watches);
	pdk_watches_free(fixture->watches);
	pdk_tree_free(fixture->tree);
	g_string_free(fixture->heard, TRUE);
}

static PdkNode
insert(Fixture *fixture, const char *path)
{
	size_t length = strlen(path), name = pdk_path_name(path, length);
	PdkNode parent = pdk_tree_find(fixture->tree, path, pdk_path_parent(path, length));
	CU_ASSERT_NOT_EQUAL_FATAL(parent, 0);
	return pdk_tree_insert(fixture->tree, parent, path + name, length - name, NULL, -1, PDK_ACL_OPEN,
			       &(PdkStat){.czxid = 1, .mzxid = 1, .pzxid = 1});
}

static void
create(Fixture *fixture, const char *path)
{
	pdk_watches_created(fixture->watches, insert(fixture, path), path, strlen(path));
}

static void
delete (Fixture *fixture, const char *path)
{
	PdkNode node = pdk_tree_find(fixture->tree, path, strlen(path));
	pdk_watches_deleted(fixture->watches, node, path, strlen(path));
	pdk_tree_remove(fixture->tree, node);
}

static void
change(Fixture *fixture, const char *path)
{
	pdk_watches_changed(fixture->watches, pdk_tree_find(fixture->tree, path, strlen(path)), path, strlen(path));
}

static void
watch(Fixture *fixture, uint32_t watcher, const char *path, unsigned modes)
{
	size_t length = strlen(path);
	pdk_watches_add(fixture->watches, watcher, pdk_tree_find(fixture->tree, path, length), path, length, modes);
}

static unsigned
modes_of(Fixture *fixture, uint32_t watcher, const char *path)
{
	size_t length = strlen(path);
	return pdk_watches_modes(fixture->watches, watcher, pdk_tree_find(fixture->tree, path, length), path, length);
}

static void
expect(Fixture *fixture, const char *heard)
{
	CU_ASSERT_STRING_EQUAL(fixture->heard->str, heard);
	if (strcmp(fixture->heard->str, heard) != 0)
		g_printerr("heard \"%s\", expected \"%s\"\n", fixture->heard->str, heard);
	g_string_truncate(fixture->heard, 0);
	pdk_watches_check(fixture->watches);
}

static void
a_data_watch_fires_once(void)
{
	Fixture f;
	set_up(&f);
	create(&f, "/a");
	watch(&f, 1, "/a", PDK_WATCH_DATA);
	change(&f, "/a");
	change(&f, "/a");
	expect(&f, "1:3/a");
	CU_ASSERT_EQUAL(modes_of(&f, 1, "/a"), 0);
	tear_down(&f);
}

static void
a_watch_on_a_missing_node_waits_for_it(void)
{
	Fixture f;
	set_up(&f);
	watch(&f, 1, "/a", PDK_WATCH_DATA);
	watch(&f, 2, "/a", PDK_WATCH_PERSISTENT);
	create(&f, "/a");
	expect(&f, "1:1/a 2:1/a");
	change(&f, "/a");
	expect(&f, "2:3/a");
	create(&f, "/a/b");
	expect(&f, "2:4/a");
	delete (&f, "/a/b");
	delete (&f, "/a");
	expect(&f, "2:4/a 2:2/a");
	CU_ASSERT_EQUAL(modes_of(&f, 2, "/a"), PDK_WATCH_PERSISTENT);
	create(&f, "/a");
	expect(&f, "2:1/a");
	tear_down(&f);
}

static void
a_child_watch_hears_children_and_the_end(void)
{
	Fixture f;
	set_up(&f);
	watch(&f, 1, "/", PDK_WATCH_CHILD);
	create(&f, "/a");
	expect(&f, "1:4/");
	watch(&f, 1, "/a", PDK_WATCH_CHILD);
	change(&f, "/a");
	expect(&f, "");
	delete (&f, "/a");
	expect(&f, "1:2/a");
	tear_down(&f);
}

static void
data_and_child_watch_of_a_deleted_node_give_one_event(void)
{
	Fixture f;
	set_up(&f);
	create(&f, "/a");
	watch(&f, 1, "/a", PDK_WATCH_CHILD);
	watch(&f, 1, "/a", PDK_WATCH_DATA);
	watch(&f, 1, "/", PDK_WATCH_RECURSIVE);
	delete (&f, "/a");
	expect(&f, "1:2/a");
	CU_ASSERT_EQUAL(modes_of(&f, 1, "/a"), 0);
	tear_down(&f);
}

static void
recursive_watches_hear_the_subtree_and_never_children_changed(void)
{
	Fixture f;
	set_up(&f);
	create(&f, "/a");
	watch(&f, 1, "/a", PDK_WATCH_RECURSIVE);
	watch(&f, 2, "/", PDK_WATCH_RECURSIVE);
	create(&f, "/a/b");
	create(&f, "/a/b/c");
	change(&f, "/a/b/c");
	expect(&f, "1:1/a/b 2:1/a/b 1:1/a/b/c 2:1/a/b/c 1:3/a/b/c 2:3/a/b/c");
	delete (&f, "/a/b/c");
	delete (&f, "/a/b");
	delete (&f, "/a");
	expect(&f, "1:2/a/b/c 2:2/a/b/c 1:2/a/b 2:2/a/b 1:2/a 2:2/a");
	create(&f, "/ab");
	expect(&f, "2:1/ab");
	create(&f, "/a");
	expect(&f, "1:1/a 2:1/a");
	tear_down(&f);
}

static void
several_modes_at_one_path_live_side_by_side(void)
{
	Fixture f;
	set_up(&f);
	create(&f, "/a");
	watch(&f, 1, "/a", PDK_WATCH_PERSISTENT);
	watch(&f, 1, "/a", PDK_WATCH_DATA);
	watch(&f, 1, "/a", PDK_WATCH_RECURSIVE);
	CU_ASSERT_EQUAL(pdk_watches_count(f.watches), 2);
	change(&f, "/a");
	expect(&f, "1:3/a");
	CU_ASSERT_EQUAL(modes_of(&f, 1, "/a"), PDK_WATCH_PERSISTENT | PDK_WATCH_RECURSIVE);
	PdkNode node = pdk_tree_find(f.tree, "/a", 2);
	CU_ASSERT_EQUAL(pdk_watches_remove(f.watches, 1, node, "/a", 2, PDK_WATCH_RECURSIVE | PDK_WATCH_CHILD),
			PDK_WATCH_RECURSIVE);
	create(&f, "/a/b");
	expect(&f, "1:4/a");
	CU_ASSERT_EQUAL(pdk_watches_remove(f.watches, 1, node, "/a", 2, PDK_WATCH_DATA), 0);
	CU_ASSERT_EQUAL(pdk_watches_remove(f.watches, 1, node, "/a", 2, ~0u), PDK_WATCH_PERSISTENT);
	CU_ASSERT_EQUAL(pdk_watches_count(f.watches), 0);
	tear_down(&f);
}

static void
events_come_in_the_order_of_registration(void)
{
	Fixture f;
	set_up(&f);
	create(&f, "/a");
	for (uint32_t i = 0; i < 12; i++)
		watch(&f, 50 - i, "/a", PDK_WATCH_DATA);
	watch(&f, 7, "/a", PDK_WATCH_RECURSIVE);
	watch(&f, 5, "/a", PDK_WATCH_RECURSIVE);
	watch(&f, 45, "/a", PDK_WATCH_CHILD);
	change(&f, "/a");
	expect(&f, "7:3/a 5:3/a 50:3/a 49:3/a 48:3/a 47:3/a 46:3/a 45:3/a 44:3/a 43:3/a 42:3/a 41:3/a 40:3/a 39:3/a");
	tear_down(&f);
}

static void
a_dropped_watcher_hears_nothing_more(void)
{
	Fixture f;
	set_up(&f);
	create(&f, "/a");
	for (uint32_t i = 1; i <= 20; i++) {
		watch(&f, i, "/a", PDK_WATCH_PERSISTENT);
		watch(&f, i, "/missing", PDK_WATCH_DATA);
	}
	for (uint32_t i = 1; i <= 20; i++) {
		if (i != 9)
			pdk_watches_drop(f.watches, i);
		pdk_watches_check(f.watches);
	}
	pdk_watches_drop(f.watches, 1000);
	change(&f, "/a");
	create(&f, "/missing");
	expect(&f, "9:3/a 9:1/missing");
	tear_down(&f);
}

static void
totals_count_the_data_table_and_the_sum_both(void)
{
	Fixture f;
	set_up(&f);
	uint64_t watchers, paths, pairs;
	watch(&f, 1, "/x", PDK_WATCH_DATA);
	watch(&f, 1, "/y", PDK_WATCH_PERSISTENT);
	watch(&f, 2, "/y", PDK_WATCH_CHILD);
	watch(&f, 3, "/y", PDK_WATCH_RECURSIVE | PDK_WATCH_DATA);
	pdk_watches_totals(f.watches, &watchers, &paths, &pairs);
	CU_ASSERT_EQUAL(watchers, 2);
	CU_ASSERT_EQUAL(paths, 2);
	CU_ASSERT_EQUAL(pairs, 3);
	CU_ASSERT_EQUAL(pdk_watches_count(f.watches), 5);
	pdk_watches_clear(f.watches);
	CU_ASSERT_EQUAL(pdk_watches_count(f.watches), 0);
	tear_down(&f);
}

static void
walks_show_every_data_watch_grouped(void)
{
	Fixture f;
	set_up(&f);
	create(&f, "/n");
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	for (uint32_t i = 0; i < 500; i++) {
		g_autofree char *path = g_strdup_printf("/p%u", i % 50);
		watch(&f, i % 60, path, i % 7 == 0 ? PDK_WATCH_CHILD : PDK_WATCH_DATA);
		watch(&f, i % 60, "/n", PDK_WATCH_RECURSIVE);
	}
	uint64_t watchers, paths, pairs;
	pdk_watches_totals(f.watches, &watchers, &paths, &pairs);
	PdkBuffer path = {0};
	uint64_t cursor = 0, n = 0, groups = 0;
	uint32_t watcher;
	g_autofree char *last = NULL;
	while (pdk_watches_next_by_path(f.watches, &cursor, &watcher, &path)) {
		n++;
		g_autofree char *text = g_strndup((char *)path.data, path.length);
		CU_ASSERT_TRUE(modes_of(&f, watcher, text) & (PDK_WATCH_DATA | PDK_WATCH_RECURSIVE));
		CU_ASSERT_TRUE(g_hash_table_add(seen, g_strdup_printf("%u%s", watcher, text)));
		groups += g_strcmp0(text, last) != 0;
		g_free(g_steal_pointer(&last));
		last = g_steal_pointer(&text);
	}
	CU_ASSERT_EQUAL(n, pairs);
	CU_ASSERT_EQUAL(groups, paths);
	uint32_t previous = UINT32_MAX;
	n = groups = cursor = 0;
	while (pdk_watches_next_by_watcher(f.watches, &cursor, &watcher, &path)) {
		n++;
		g_autofree char *key = g_strdup_printf("%u%.*s", watcher, (int)path.length, path.data);
		CU_ASSERT_TRUE(g_hash_table_remove(seen, key));
		groups += watcher != previous;
		previous = watcher;
	}
	CU_ASSERT_EQUAL(n, pairs);
	CU_ASSERT_EQUAL(groups, watchers);
	pdk_buffer_clear(&path);
	tear_down(&f);
}

/* The model: a list of (path, watcher, modes) in order, searched in full. */
enum { WATCHERS = 24, PATHS = 40 };

typedef struct {
	unsigned modes[PATHS][WATCHERS];
	bool there[PATHS];
	char *paths[PATHS]; /* a parent stands before its children; 0 is the root */
	int parent[PATHS];
} Model;

static void
model_fire(Model *model, bool heard[WATCHERS], int path, unsigned exact, unsigned one_shot)
{
	memset(heard, 0, WATCHERS * sizeof(bool));
	for (int w = 0; w < WATCHERS; w++) {
		heard[w] = model->modes[path][w] & exact;
		model->modes[path][w] &= ~one_shot;
		if (exact == PDK_WATCH_CHILD + PDK_WATCH_PERSISTENT)
			continue;
		for (int above = path; above >= 0; above = model->parent[above])
			heard[w] |= (model->modes[above][w] & PDK_WATCH_RECURSIVE) != 0;
	}
}

static void
add_expected(GHashTable *expected, const bool heard[WATCHERS], int type, const char *path)
{
	for (int w = 0; w < WATCHERS; w++) {
		if (heard[w])
			g_hash_table_add(expected, g_strdup_printf("%d:%d%s", w, type, path));
	}
}

static void
compare_heard(Fixture *f, GHashTable *expected)
{
	g_auto(GStrv) heard = g_strsplit(f->heard->str, " ", -1);
	for (unsigned i = 0; heard[i] != NULL && *heard[0] != 0; i++)
		CU_ASSERT_TRUE(g_hash_table_remove(expected, heard[i]));
	CU_ASSERT_EQUAL(g_hash_table_size(expected), 0);
	g_hash_table_remove_all(expected);
	g_string_truncate(f->heard, 0);
}

static void
model_trigger(Fixture *f, Model *model, int path, unsigned what, GHashTable *expected)
{
	const unsigned data = PDK_WATCH_DATA | PDK_WATCH_PERSISTENT, child = PDK_WATCH_CHILD | PDK_WATCH_PERSISTENT;
	const char *text = model->paths[path];
	bool heard[WATCHERS];
	if (what == 0 && model->there[path]) {
		change(f, text);
		model_fire(model, heard, path, data, PDK_WATCH_DATA);
		add_expected(expected, heard, PDK_EVENT_DATA_CHANGED, text);
	} else if (path > 0 && !model->there[path] && model->there[model->parent[path]]) {
		create(f, text);
		model->there[path] = true;
		model_fire(model, heard, path, data, PDK_WATCH_DATA);
		add_expected(expected, heard, PDK_EVENT_CREATED, text);
		model_fire(model, heard, model->parent[path], child, PDK_WATCH_CHILD);
		add_expected(expected, heard, PDK_EVENT_CHILDREN_CHANGED, model->paths[model->parent[path]]);
	} else if (path > 0 && model->there[path] &&
		   pdk_tree_child_count(f->tree, pdk_tree_find(f->tree, text, strlen(text))) == 0) {
		delete (f, text);
		model->there[path] = false;
		model_fire(model, heard, path, data | child, PDK_WATCH_DATA | PDK_WATCH_CHILD);
		add_expected(expected, heard, PDK_EVENT_DELETED, text);
		model_fire(model, heard, model->parent[path], child, PDK_WATCH_CHILD);
		add_expected(expected, heard, PDK_EVENT_CHILDREN_CHANGED, model->paths[model->parent[path]]);
	}
	compare_heard(f, expected);
}

static void
model_step(Fixture *f, Model *model, PdkRandom *random, GHashTable *expected)
{
	int path = (int)pdk_random_below(random, PATHS), watcher = (int)pdk_random_below(random, WATCHERS);
	unsigned modes = 1 + (unsigned)pdk_random_below(random, 15);
	const char *text = model->paths[path];
	PdkNode node = pdk_tree_find(f->tree, text, strlen(text));
	uint64_t what = pdk_random_below(random, 100);
	if (what < 50) {
		if (pdk_random_below(random, 3) > 0)
			modes &= ~(unsigned)PDK_WATCH_RECURSIVE;
		if (modes == 0)
			return;
		watch(f, (uint32_t)watcher, text, modes);
		model->modes[path][watcher] |= modes;
	} else if (what < 60) {
		unsigned removed = pdk_watches_remove(f->watches, (uint32_t)watcher, node, text, strlen(text), modes);
		CU_ASSERT_EQUAL(removed, model->modes[path][watcher] & modes);
		model->modes[path][watcher] &= ~modes;
	} else if (what < 70) {
		pdk_watches_drop(f->watches, (uint32_t)watcher);
		for (int p = 0; p < PATHS; p++)
			model->modes[p][watcher] = 0;
	} else {
		model_trigger(f, model, path, (unsigned)pdk_random_below(random, 2), expected);
	}
	CU_ASSERT_EQUAL(modes_of(f, (uint32_t)watcher, text), model->modes[path][watcher]);
}

static void
watches_behave_as_a_searched_list_does(void)
{
	for (uint64_t seed = 1; seed <= 12; seed++) {
		Fixture f;
		set_up(&f);
		PdkRandom random = pdk_random(seed);
		Model model = {.there = {true}, .paths = {(char *)"/"}, .parent = {-1}};
		for (int i = 1; i < PATHS; i++) {
			int parent = (int)pdk_random_below(&random, (uint64_t)MIN(i, 12));
			model.parent[i] = parent;
			model.paths[i] = g_strdup_printf("%s/%d", parent == 0 ? "" : model.paths[parent], i);
		}
		g_autoptr(GHashTable) expected = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
		for (int step = 0; step < 5000; step++) {
			model_step(&f, &model, &random, expected);
			if (step % 100 == 0)
				pdk_watches_check(f.watches);
		}
		for (int i = 1; i < PATHS; i++)
			g_free(model.paths[i]);
		tear_down(&f);
	}
}

static double
watch_many(uint32_t n, bool one_watcher, bool one_path)
{
	Fixture f;
	set_up(&f);
	insert(&f, "/d");
	for (uint32_t i = 0; i < n && !one_path; i++) {
		g_autofree char *path = g_strdup_printf("/d/%u", i);
		insert(&f, path);
	}
	struct mallinfo2 before = mallinfo2();
	gint64 start = g_get_monotonic_time();
	for (uint32_t i = 0; i < n; i++) {
		g_autofree char *path = one_path ? g_strdup("/d") : g_strdup_printf("/d/%u", i);
		watch(&f, one_watcher ? 1 : i, path, PDK_WATCH_DATA);
		if (i % (n / 7) == 0) /* a second time finds it */
			watch(&f, one_watcher ? 1 : i, path, PDK_WATCH_DATA);
	}
	gint64 added = g_get_monotonic_time();
	struct mallinfo2 after = mallinfo2();
	CU_ASSERT_EQUAL(pdk_watches_count(f.watches), n);
	double bytes = (double)(after.uordblks + after.hblkhd - before.uordblks - before.hblkhd) / n;
	for (uint32_t i = 0; i < (one_watcher ? 2 : n); i++)
		pdk_watches_drop(f.watches, i);
	g_printerr("\n\t%u watches: %.1f bytes each, %.2f us to add, %.2f us to drop ", n, bytes,
		   (double)(added - start) / n, (double)(g_get_monotonic_time() - added) / n);
	CU_ASSERT_EQUAL(pdk_watches_count(f.watches), 0);
	tear_down(&f);
	return bytes;
}

static void
many_watches_cost_little(void)
{
	uint32_t n = g_getenv("PADDOCK_TEST_LARGE") ? 1000000 : 100000;
	CU_ASSERT_TRUE(watch_many(n, false, false) < 70);
	CU_ASSERT_TRUE(watch_many(n, true, false) < 70);
	CU_ASSERT_TRUE(watch_many(n, false, true) < 70);
}

#define CASE(name) CU_add_test(suite, #name, name)

int
main(void)
{
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 99;
	CU_pSuite suite = CU_add_suite("watch", NULL, NULL);
	CASE(a_data_watch_fires_once);
	CASE(a_watch_on_a_missing_node_waits_for_it);
	CASE(a_child_watch_hears_children_and_the_end);
	CASE(data_and_child_watch_of_a_deleted_node_give_one_event);
	CASE(recursive_watches_hear_the_subtree_and_never_children_changed);
	CASE(several_modes_at_one_path_live_side_by_side);
	CASE(events_come_in_the_order_of_registration);
	CASE(a_dropped_watcher_hears_nothing_more);
	CASE(totals_count_the_data_table_and_the_sum_both);
	CASE(walks_show_every_data_watch_grouped);
	CASE(watches_behave_as_a_searched_list_does);
	CASE(many_watches_cost_little);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0;
}

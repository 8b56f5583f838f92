/* SPDX-License-Identifier: Apache-2.0 */
/* Proves what watches tell, to whom, in which order, and what is told after a reconnect. */
#include "suite.h"
#include "world.h"

typedef struct {
	World *world;
	Peer *watcher, *writer;
} Scene;

static Scene
begin(void)
{
	Scene scene = {.world = world_running()};
	scene.watcher = client_new(scene.world);
	scene.writer = client_new(scene.world);
	return scene;
}

#define HEARD(text) SAME(peer_events(scene.watcher), text)

static void
one_shot_watches_fire_once(void)
{
	Scene scene = begin();
	EQ(do_exists(scene.watcher, "/a", true), PDK_ERR_NO_NODE);
	OK(do_create(scene.writer, "/a", "", 0));
	HEARD("1 /a;");
	OK(do_set(scene.writer, "/a", "", -1));
	HEARD("");
	OK(do_get(scene.watcher, "/a", true));
	OK(do_exists(scene.watcher, "/a", true)); /* the same watch */
	OK(do_set(scene.writer, "/a", "", -1));
	HEARD("3 /a;");
	OK(do_get(scene.watcher, "/a", true));
	OK(do_delete(scene.writer, "/a", -1));
	HEARD("2 /a;");
	EQ(do_get(scene.watcher, "/a", true), PDK_ERR_NO_NODE); /* sets none */
	OK(do_create(scene.writer, "/a", "", 0));
	HEARD("");
	world_free(scene.world);
}

static void
child_watches_hear_of_children_and_of_the_end(void)
{
	Scene scene = begin();
	OK(do_create(scene.writer, "/p", "", 0));
	OK(do_children(scene.watcher, "/p", true));
	OK(do_set(scene.writer, "/p", "", -1));
	HEARD("");
	OK(do_create(scene.writer, "/p/c", "", 0));
	HEARD("4 /p;");
	PdkBuffer body = body_path_bool("/p", true);
	OK(call(scene.watcher, PDK_OP_GET_CHILDREN2, &body));
	OK(do_set(scene.writer, "/p/c", "", -1));
	HEARD("");
	OK(do_delete(scene.writer, "/p/c", -1));
	HEARD("4 /p;");
	OK(do_children(scene.watcher, "/p", true));
	OK(do_delete(scene.writer, "/p", -1));
	HEARD("2 /p;");
	world_free(scene.world);
}

static void
data_and_child_watch_on_a_deleted_node_give_one_event(void)
{
	Scene scene = begin();
	OK(do_create(scene.writer, "/p", "", 0));
	OK(do_children(scene.watcher, "/p", true));
	OK(do_get(scene.watcher, "/p", true));
	OK(do_children(scene.watcher, "/", true));
	OK(do_delete(scene.writer, "/p", -1));
	HEARD("2 /p;4 /;"); /* then the parent's */
	world_free(scene.world);
}

static void
set_acl_tells_nobody(void)
{
	Scene scene = begin();
	OK(do_create(scene.writer, "/a", "", 0));
	OK(do_add_watch(scene.watcher, "/", 1));
	OK(do_get(scene.watcher, "/a", true));
	OK(do_set_acl(scene.writer, "/a", OPEN, -1));
	HEARD("");
	world_free(scene.world);
}

static void
the_event_comes_before_the_writers_own_reply(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	OK(do_create(peer, "/a", "", 0));
	OK(do_get(peer, "/a", true));
	PdkBuffer body = body_set("/a", "x", -1);
	peer_request(peer, 9, PDK_OP_SET_DATA, &body);
	g_autoptr(GByteArray) bytes = peer_take(peer);
	EQ(pdk_load_u32(bytes->data + 4), (uint32_t)-1);
	EQ(pdk_load_u64(bytes->data + 8), 3); /* 3.9: the zxid of the txn */
	EQ(pdk_load_u32(bytes->data + 4 + 30 + 4), 9);
}

static void
the_event_comes_before_any_read_that_can_see_the_change(void)
{
	Scene scene = begin();
	OK(do_create(scene.writer, "/a", "", 0));
	OK(do_get(scene.watcher, "/a", true));
	scene.world->auto_sync = false;
	EQ(do_set(scene.writer, "/a", "new", -1), CALL_PENDING);
	SAME(data_of(scene.watcher, "/a"), "");
	YES(scene.watcher->events->len == 0);
	world_sync(scene.world);
	SAME(data_of(scene.watcher, "/a"), "new");
	SAME(g_strdup(scene.watcher->events->str), "3 /a;");
	world_free(scene.world);
}

static void
persistent_watches_stay(void)
{
	Scene scene = begin();
	OK(do_add_watch(scene.watcher, "/p", 0));
	EQ(pdk_get_int(&scene.watcher->body), 0); /* ErrorResponse */
	for (int i = 0; i < 2; i++) {
		OK(do_create(scene.writer, "/p", "", 0));
		OK(do_set(scene.writer, "/p", "", -1));
		OK(do_create(scene.writer, "/p/c", "", 0));
		OK(do_set(scene.writer, "/p/c", "", -1));
		OK(do_delete(scene.writer, "/p/c", -1));
		OK(do_delete(scene.writer, "/p", -1));
		HEARD("1 /p;3 /p;4 /p;4 /p;2 /p;");
	}
	world_free(scene.world);
}

static void
recursive_watches_hear_of_the_subtree_and_never_of_children(void)
{
	Scene scene = begin();
	OK(do_create(scene.writer, "/p", "", 0));
	OK(do_add_watch(scene.watcher, "/p", 1));
	OK(do_create(scene.writer, "/p/c", "", 0));
	OK(do_create(scene.writer, "/p/c/d", "", 0));
	OK(do_set(scene.writer, "/p/c/d", "", -1));
	OK(do_set(scene.writer, "/p", "", -1));
	OK(do_create(scene.writer, "/px", "", 0)); /* no component of it */
	OK(do_delete(scene.writer, "/p/c/d", -1));
	OK(do_delete(scene.writer, "/p/c", -1));
	OK(do_delete(scene.writer, "/p", -1));
	HEARD("1 /p/c;1 /p/c/d;3 /p/c/d;3 /p;2 /p/c/d;2 /p/c;2 /p;");
	world_free(scene.world);
}

static void
several_modes_on_one_path_give_one_event_and_the_lasting_ones_stay(void)
{
	Scene scene = begin();
	OK(do_create(scene.writer, "/p", "", 0));
	OK(do_add_watch(scene.watcher, "/p", 0));
	OK(do_add_watch(scene.watcher, "/p", 1));
	OK(do_add_watch(scene.watcher, "/", 1));
	OK(do_get(scene.watcher, "/p", true));
	OK(do_set(scene.writer, "/p", "", -1));
	HEARD("3 /p;");
	OK(do_set(scene.writer, "/p", "", -1));
	HEARD("3 /p;");
	OK(do_create(scene.writer, "/p/c", "", 0));
	HEARD("1 /p/c;4 /p;");
	world_free(scene.world);
}

static void
a_closing_session_fires_watches_on_its_ephemerals(void)
{
	Scene scene = begin();
	OK(do_create(scene.writer, "/p", "", 0));
	OK(do_create(scene.writer, "/p/e", "", 1));
	OK(do_exists(scene.watcher, "/p/e", true));
	OK(do_children(scene.watcher, "/p", true));
	OK(do_close(scene.writer));
	HEARD("2 /p/e;4 /p;");
	world_free(scene.world);
}

static void
watches_die_with_their_connection(void)
{
	Scene scene = begin();
	OK(do_add_watch(scene.watcher, "/", 1));
	OK(do_get(scene.watcher, "/", true));
	peer_hang_up(scene.watcher);
	EQ(pdk_watches_count(scene.world->server->watches), 0);
	OK(do_create(scene.writer, "/a", "", 0));
	world_free(scene.world);
}

/* ---- the ACL filter ---- */

static void
events_need_the_right_to_read(void)
{
	Scene scene = begin();
	OK(do_create_as(scene.writer, PDK_OP_CREATE, "/p", "", OPEN, 0));
	OK(do_get(scene.watcher, "/p", true));
	OK(do_children(scene.watcher, "/p", true));
	OK(do_add_watch(scene.watcher, "/p", 1));
	OK(do_set_acl(scene.writer, "/p", "30 world anyone", -1)); /* all but READ */
	OK(do_set(scene.writer, "/p", "", -1));
	OK(do_create(scene.writer, "/p/open", "", 0)); /* READ on it, none on its parent */
	OK(do_create_as(scene.writer, PDK_OP_CREATE, "/p/shut", "", "30 world anyone", 0));
	OK(do_delete(scene.writer, "/p/shut", -1));
	HEARD("1 /p/open;");
	OK(do_set_acl(scene.writer, "/p", OPEN, -1));
	OK(do_set(scene.writer, "/p", "", -1));
	HEARD("3 /p;"); /* by the recursive one; the one-shot was used up */
	EQ(pdk_watches_count(scene.world->server->watches), 1);
	world_free(scene.world);
}

/* ---- setWatches ---- */

static void
put_paths(PdkBuffer *out, const char *paths)
{
	g_auto(GStrv) list = g_strsplit(paths, " ", -1);
	guint n = *paths ? g_strv_length(list) : 0;
	pdk_put_int(out, (int32_t)n);
	for (guint i = 0; i < n; i++)
		pdk_put_string(out, list[i]);
}

static int
set_watches(Peer *peer, int64_t since, const char *data, const char *exist, const char *child)
{
	PdkBuffer body = {0};
	pdk_put_long(&body, since);
	put_paths(&body, data);
	put_paths(&body, exist);
	put_paths(&body, child);
	return call(peer, PDK_OP_SET_WATCHES, &body);
}

static void
set_watches_replays_what_was_missed(void)
{
	Scene scene = begin(); /* zxid 2 */
	OK(do_create(scene.writer, "/old", "", 0));	/* 3 */
	OK(do_create(scene.writer, "/changed", "", 0)); /* 4 */
	OK(do_create(scene.writer, "/parent", "", 0));	/* 5 */
	OK(do_create(scene.writer, "/quiet", "", 0));	/* 6 */
	OK(do_set(scene.writer, "/changed", "x", -1));	/* 7 */
	OK(do_create(scene.writer, "/parent/c", "", 0)); /* 8 */
	OK(do_create(scene.writer, "/born", "", 0));	/* 9 */
	scene.watcher->show_zxid = true;
	OK(set_watches(scene.watcher, 6, "/gone /changed /quiet", "/born /unborn", "/gone2 /parent /old"));
	EQ(pdk_jute_left(&scene.watcher->body), 0);
	SAME(g_strdup(scene.watcher->events->str),
	     "2 /gone@-1;3 /changed@-1;1 /born@-1;2 /gone2@-1;4 /parent@-1;");
	g_string_truncate(scene.watcher->events, 0);
	scene.watcher->show_zxid = false;
	OK(do_set(scene.writer, "/quiet", "", -1));
	OK(do_create(scene.writer, "/unborn", "", 0));
	OK(do_create(scene.writer, "/old/c", "", 0));
	HEARD("3 /quiet;1 /unborn;4 /old;");
	OK(do_set(scene.writer, "/changed", "", -1)); /* told already, not set again */
	HEARD("");
	world_free(scene.world);
}

static void
set_watches_2_sets_the_lasting_ones_without_replay(void)
{
	Scene scene = begin();
	OK(do_create(scene.writer, "/p", "", 0));
	PdkBuffer body = {0};
	pdk_put_long(&body, 0);
	put_paths(&body, "");
	put_paths(&body, "");
	put_paths(&body, "");
	put_paths(&body, "/p /missing");
	put_paths(&body, "/r");
	OK(call(scene.watcher, PDK_OP_SET_WATCHES2, &body));
	HEARD("");
	OK(do_create(scene.writer, "/p/c", "", 0));
	OK(do_create(scene.writer, "/missing", "", 0));
	OK(do_create(scene.writer, "/r", "", 0));
	OK(do_create(scene.writer, "/r/x", "", 0));
	HEARD("4 /p;1 /missing;1 /r;1 /r/x;");
	world_free(scene.world);
}

static void
set_watches_with_a_null_list_sets_nothing(void)
{
	Scene scene = begin();
	PdkBuffer body = {0};
	pdk_put_long(&body, 0);
	put_paths(&body, "/gone");
	pdk_put_int(&body, -1);
	put_paths(&body, "");
	EQ(call(scene.watcher, PDK_OP_SET_WATCHES, &body), PDK_ERR_MARSHALLING);
	SAME(g_strdup(scene.watcher->events->str), "");
	YES(scene.watcher->open);
	world_free(scene.world);
}

static void
the_replay_is_not_filtered(void)
{
	Scene scene = begin();
	OK(do_create_as(scene.writer, PDK_OP_CREATE, "/shut", "", "30 world anyone", 0));
	OK(set_watches(scene.watcher, 0, "/shut", "", ""));
	SAME(g_strdup(scene.watcher->events->str), "3 /shut;");
	world_free(scene.world);
}

/* ---- checkWatches, removeWatches ---- */

static int
check_watch(Peer *peer, const char *path, int32_t type)
{
	PdkBuffer body = body_path_int(path, type);
	return call(peer, PDK_OP_CHECK_WATCHES, &body);
}

static int
remove_watch(Peer *peer, const char *path, int32_t type)
{
	PdkBuffer body = body_path_int(path, type);
	return call(peer, PDK_OP_REMOVE_WATCHES, &body);
}

static void
watches_are_found_by_their_type(void)
{
	Scene scene = begin();
	Peer *peer = scene.watcher;
	OK(do_create(peer, "/a", "", 0));
	for (int32_t type = 1; type <= 5; type++)
		EQ(check_watch(peer, "/a", type), PDK_ERR_NO_WATCHER);
	static const int32_t bad[] = {0, 6, -1, INT32_MAX};
	for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
		EQ(check_watch(peer, "/a", bad[i]), PDK_ERR_MARSHALLING);
		EQ(remove_watch(peer, "/a", bad[i]), PDK_ERR_MARSHALLING);
	}
	OK(do_get(peer, "/a", true));
	OK(check_watch(peer, "/a", 2));
	OK(check_watch(peer, "/a", 3));
	EQ(check_watch(peer, "/a", 1), PDK_ERR_NO_WATCHER);
	EQ(check_watch(peer, "/a/b", 3), PDK_ERR_NO_WATCHER);
	EQ(check_watch(scene.writer, "/a", 3), PDK_ERR_NO_WATCHER); /* another's */
	OK(do_children(peer, "/a", true));
	OK(do_add_watch(peer, "/a", 0));
	OK(do_add_watch(peer, "/a", 1));
	for (int32_t type = 1; type <= 5; type++)
		OK(check_watch(peer, "/a", type));
	world_free(scene.world);
}

static void
removed_watches_fire_no_more_and_the_others_stay(void)
{
	Scene scene = begin();
	Peer *peer = scene.watcher;
	OK(do_create(peer, "/a", "", 0));
	OK(do_get(peer, "/a", true));
	OK(do_children(peer, "/a", true));
	OK(do_add_watch(peer, "/a", 0));
	OK(do_add_watch(peer, "/a", 1));
	OK(remove_watch(peer, "/a", 2));
	EQ(remove_watch(peer, "/a", 2), PDK_ERR_NO_WATCHER);
	OK(check_watch(peer, "/a", 1));
	OK(remove_watch(peer, "/a", 4));
	OK(check_watch(peer, "/a", 5));
	OK(remove_watch(peer, "/a", 3));
	EQ(remove_watch(peer, "/a", 3), PDK_ERR_NO_WATCHER);
	OK(do_set(scene.writer, "/a", "", -1));
	OK(do_create(scene.writer, "/a/b", "", 0));
	HEARD("");
	EQ(pdk_watches_count(scene.world->server->watches), 0);
	EQ(do_add_watch(peer, "/a", 2), PDK_ERR_MARSHALLING);
	EQ(do_add_watch(peer, "/a", -1), PDK_ERR_MARSHALLING);
	OK(do_add_watch(peer, "no path at all", 1)); /* no node, no ACL check */
	world_free(scene.world);
}

static void
many_watchers_each_hear_once(void)
{
	g_autoptr(World) world = world_running();
	world->settings->max_client_cnxns = 0;
	world->check = false;
	enum { MANY = 300 };
	Peer *watchers[MANY];
	for (int i = 0; i < MANY; i++) {
		watchers[i] = client_new(world);
		if (i % 3 == 0)
			OK(do_add_watch(watchers[i], "/", 1));
		if (i % 2 == 0)
			OK(do_exists(watchers[i], "/", true));
	}
	Peer *writer = client_new(world);
	OK(do_set(writer, "/", "x", -1));
	for (int i = 0; i < MANY; i++)
		SAME(peer_events(watchers[i]), i % 3 == 0 || i % 2 == 0 ? "3 /;" : "");
}

int
main(void)
{
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 99;
	CU_pSuite suite = CU_add_suite("watches", NULL, NULL);
	CASE(one_shot_watches_fire_once);
	CASE(child_watches_hear_of_children_and_of_the_end);
	CASE(data_and_child_watch_on_a_deleted_node_give_one_event);
	CASE(set_acl_tells_nobody);
	CASE(the_event_comes_before_the_writers_own_reply);
	CASE(the_event_comes_before_any_read_that_can_see_the_change);
	CASE(persistent_watches_stay);
	CASE(recursive_watches_hear_of_the_subtree_and_never_of_children);
	CASE(several_modes_on_one_path_give_one_event_and_the_lasting_ones_stay);
	CASE(a_closing_session_fires_watches_on_its_ephemerals);
	CASE(watches_die_with_their_connection);
	CASE(events_need_the_right_to_read);
	CASE(set_watches_replays_what_was_missed);
	CASE(set_watches_2_sets_the_lasting_ones_without_replay);
	CASE(set_watches_with_a_null_list_sets_nothing);
	CASE(the_replay_is_not_filtered);
	CASE(watches_are_found_by_their_type);
	CASE(removed_watches_fire_no_more_and_the_others_stay);
	CASE(many_watchers_each_hear_once);
	return run_suite();
}

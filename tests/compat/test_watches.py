#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Who hears of what, when and in which order; changes when watches do."""

from harness import Case, differs, main
from rawzk import *

PERSISTENT_WATCH, RECURSIVE_WATCH = 0, 1


class Watches(Case):
    def pair(self):
        """A watcher and a writer."""
        return self.connect(), self.connect()

    def test_data_watch_fires_once(self):
        c, w = self.pair()
        p = self.path()
        w.create(p)
        c.get(p, True)
        w.set(p, b"1")
        w.set(p, b"2")
        self.assertEqual(c.heard(), [(CHANGED, p)])

    def test_events_are_connected_and_carry_the_zxid(self):
        c, w = self.pair()
        p = self.path()
        w.create(p)
        c.get(p, True)
        zxid = w.set(p, b"1").zxid
        c.call(PING, xid=-2)
        self.assertEqual(c.events, [Event(CHANGED, 3, p, differs(-1, zxid))])

    def test_exists_watches_wait_for_missing_nodes(self):
        c, w = self.pair()
        p = self.path()
        self.assertEqual(c.exists(p, True).err, NO_NODE)
        w.create(p)
        w.set(p, b"x")
        self.assertEqual(c.heard(), [(CREATED, p)])
        c.exists(p, True)
        w.delete(p)
        self.assertEqual(c.heard(), [(DELETED, p)])

    def test_get_data_sets_no_watch_on_missing_nodes(self):
        c, w = self.pair()
        p = self.path()
        self.assertEqual(c.get(p, True).err, NO_NODE)
        self.assertEqual(c.children(p, True).err, NO_NODE)
        w.create(p)
        self.assertEqual(c.heard(), [])

    def test_a_read_without_permission_sets_no_watch(self):
        c, w = self.pair()
        p = self.path()
        w.create(p, acl=[(WRITE | ADMIN, "world", "anyone")])
        self.assertEqual(c.get(p, True).err, NO_AUTH)
        self.assertEqual(c.children(p, True).err, NO_AUTH)
        w.set_acl(p, OPEN)
        w.set(p, b"x")
        w.create(p + "/k")
        self.assertEqual(c.heard(), [])

    def test_child_watches(self):
        c, w = self.pair()
        p = self.path()
        w.create(p)
        c.children(p, True)
        w.set(p, b"x")
        self.assertEqual(c.heard(), [])
        w.create(p + "/a")
        w.create(p + "/b")
        self.assertEqual(c.heard(), [(CHILDREN, p)])
        c.children(p, True, op=GET_CHILDREN)
        w.set(p + "/a", b"x")
        w.delete(p + "/a")
        self.assertEqual(c.heard(), [(CHILDREN, p)])
        c.children(p, True)
        w.delete(p + "/b")
        c.children(p, True)
        w.delete(p)
        self.assertEqual(c.heard(), [(CHILDREN, p), (DELETED, p)])

    def test_root_child_watch(self):
        c, w = self.pair()
        c.children("/", True)
        w.create(self.path())
        self.assertEqual(c.heard(), [(CHILDREN, "/")])

    def test_data_and_child_watch_on_a_deleted_node_give_one_event(self):
        c, w = self.pair()
        p = self.path()
        w.create(p)
        c.get(p, True)
        c.children(p, True)
        w.delete(p)
        w.create(p)
        self.assertEqual(c.heard(), [(DELETED, p)])

    def test_set_acl_fires_nothing(self):
        c, w = self.pair()
        p = self.path()
        w.create(p)
        c.get(p, True)
        c.children(p, True)
        w.set_acl(p, OPEN)
        self.assertEqual(c.heard(), [])

    def test_events_come_before_the_reply_of_the_write(self):
        c = self.connect()
        p = self.path()
        c.create(p)
        c.get(p, True)
        c.children("/", True)
        del c.story[:]
        c.create(p + "2")
        xid = c.set(p, b"x").xid
        self.assertEqual(c.story, [("event", CHILDREN, "/"), ("reply", xid - 1), ("event", CHANGED, p), ("reply", xid)])

    def test_events_come_before_any_read_that_sees_the_change(self):
        c, w = self.pair()
        p = self.path()
        w.create(p, b"0")
        for i in range(1, 100):
            c.get(p, True)
            w.post(SET_DATA, buf(p) + buf(str(i)) + i32(-1))
            while c.get(p).data != str(i).encode():
                pass
            self.assertEqual([(e.type, e.path) for e in c.events], [(CHANGED, p)])
            del c.events[:]
            w.next_reply()

    def test_a_multi_fires_in_the_order_of_its_operations(self):
        c, w = self.pair()
        p = self.path()
        w.create(p)
        for name in ("/b", "/a", "/c"):
            c.exists(p + name, True)
        c.get(p, True)
        c.children(p, True)
        w.multi([(CREATE, create_body(p + "/b")), (CREATE, create_body(p + "/a")), (SET_DATA, buf(p) + buf("") + i32(-1)),
                 (CREATE, create_body(p + "/c"))])
        self.assertEqual(c.heard(), [(CREATED, p + "/b"), (CHILDREN, p), (CREATED, p + "/a"), (CHANGED, p),
                                     (CREATED, p + "/c")])

    def test_a_failed_multi_fires_nothing(self):
        c, w = self.pair()
        p = self.path()
        c.exists(p, True)
        w.multi([(CREATE, create_body(p)), (DELETE, buf("/missing") + i32(-1))])
        self.assertEqual(c.heard(), [])
        w.create(p)
        self.assertEqual(c.heard(), [(CREATED, p)])

    def test_persistent_watches_stay(self):
        c, w = self.pair()
        p = self.path()
        reply = c.add_watch(p, PERSISTENT_WATCH)
        self.assertEqual((reply.err, reply.body.i32()), (OK, 0))
        w.create(p)
        w.set(p, b"x")
        w.set(p, b"y")
        w.create(p + "/a")
        w.set(p + "/a", b"x")
        w.delete(p + "/a")
        w.delete(p)
        w.create(p)
        self.assertEqual(c.heard(), [(CREATED, p), (CHANGED, p), (CHANGED, p), (CHILDREN, p), (CHILDREN, p), (DELETED, p),
                                     (CREATED, p)])

    def test_recursive_watches_cover_the_subtree(self):
        c, w = self.pair()
        p = self.path()
        c.add_watch(p, RECURSIVE_WATCH)
        for name in ("", "/a", "/a/b"):
            w.create(p + name)
        w.set(p + "/a/b", b"x")
        w.create(p + "x")
        w.delete(p + "/a/b")
        w.delete(p + "/a")
        w.delete(p)
        self.assertEqual(c.heard(), [(CREATED, p), (CREATED, p + "/a"), (CREATED, p + "/a/b"), (CHANGED, p + "/a/b"),
                                     (DELETED, p + "/a/b"), (DELETED, p + "/a"), (DELETED, p)])

    def test_a_recursive_watch_on_the_root_sees_everything(self):
        c, w = self.pair()
        p = self.path()
        c.add_watch("/", RECURSIVE_WATCH)
        w.create(p)
        w.create(p + "/e", flags=EPHEMERAL)
        w.close_session()
        self.assertEqual(c.heard(), [(CREATED, p), (CREATED, p + "/e"), (DELETED, p + "/e")])

    def test_one_event_however_many_watches_match(self):
        c, w = self.pair()
        p = self.path()
        w.create(p)
        w.create(p + "/a")
        c.add_watch("/", RECURSIVE_WATCH)
        c.add_watch(p, RECURSIVE_WATCH)
        c.get(p + "/a", True)
        w.set(p + "/a", b"x")
        self.assertEqual(c.heard(), [(CHANGED, p + "/a")])

    def test_several_modes_at_one_path(self):
        c, w = self.pair()
        p = self.path()
        w.create(p)
        c.add_watch(p, PERSISTENT_WATCH)
        c.get(p, True)
        w.set(p, b"1")
        w.set(p, b"2")
        self.assertEqual(c.heard(), differs([(CHANGED, p)], [(CHANGED, p)] * 2))
        c.add_watch(p, PERSISTENT_WATCH)
        c.add_watch(p, RECURSIVE_WATCH)
        w.create(p + "/k")
        self.assertEqual(c.heard(), differs([(CREATED, p + "/k")], [(CREATED, p + "/k"), (CHILDREN, p)]))

    def test_add_watch_wants_a_known_mode(self):
        c = self.connect()
        for mode in (2, -1, 99):
            self.assertEqual(c.add_watch("/", mode).err, MARSHALLING)
        self.assertEqual(c.add_watch("/not/there", 0).err, OK)

    def test_ephemerals_that_go_are_told(self):
        c, w = self.pair()
        p = self.path()
        w.create(p)
        w.create(p + "/e", flags=EPHEMERAL)
        c.exists(p + "/e", True)
        c.children(p, True)
        w.close_session()
        self.assertEqual(c.heard(), [(DELETED, p + "/e"), (CHILDREN, p)])

    def test_watches_die_with_the_connection(self):
        c, w = self.pair()
        p = self.path()
        w.create(p)
        c.get(p, True)
        c.add_watch("/", RECURSIVE_WATCH)
        c.drop()
        again = self.connect(session=c.session, password=c.password)
        w.set(p, b"x")
        self.assertEqual(again.heard(), [])

    def test_many_watchers_of_one_node(self):
        p = self.path()
        w = self.connect()
        w.create(p)
        watchers = [self.connect() for _ in range(200)]
        for c in watchers:
            c.get(p, True)
        w.set(p, b"x")
        for c in watchers:
            self.assertEqual(c.heard(), [(CHANGED, p)])


class Removing(Case):
    def test_check_and_remove_by_kind(self):
        c = self.connect()
        p = self.path()
        c.create(p)
        self.assertEqual(c.remove_watches(p, 3).err, NO_WATCHER)
        c.get(p, True)
        self.assertEqual(c.remove_watches(p, 2, CHECK_WATCHES).err, OK)
        self.assertEqual(c.remove_watches(p, 3, CHECK_WATCHES).err, OK)
        self.assertEqual(c.remove_watches(p, 1, CHECK_WATCHES).err, NO_WATCHER)
        self.assertEqual(c.remove_watches(p, 1).err, NO_WATCHER)
        self.assertEqual(c.remove_watches(p, 2).err, OK)
        self.assertEqual(c.remove_watches(p, 2).err, NO_WATCHER)
        c.get(p, True)
        c.children(p, True)
        self.assertEqual(c.remove_watches(p, 1).err, OK)
        self.assertEqual(c.remove_watches(p, 3).err, OK)
        c.set(p, b"x")
        c.create(p + "/k")
        self.assertEqual(c.heard(), [])

    def test_only_the_exact_path_of_the_own_connection_counts(self):
        c, other = self.connect(), self.connect()
        p = self.path()
        c.create(p)
        c.create(p + "/k")
        other.get(p, True)
        c.add_watch(p, RECURSIVE_WATCH)
        self.assertEqual(c.remove_watches(p + "/k", 3).err, NO_WATCHER)
        self.assertEqual(c.remove_watches(p, 3).err, OK)
        c.set(p, b"x")
        self.assertEqual((c.heard(), other.heard()), ([], [(CHANGED, p)]))

    def test_watches_of_missing_nodes_can_be_removed(self):
        c = self.connect()
        p = self.path()
        c.exists(p, True)
        self.assertEqual(c.remove_watches(p, 2).err, OK)
        c.create(p)
        self.assertEqual(c.heard(), [])

    def test_bad_kinds(self):
        c = self.connect()
        for kind in (0, -1, 6, 99):
            self.assertEqual(c.remove_watches("/", kind).err, MARSHALLING)
            self.assertEqual(c.remove_watches("/", kind, CHECK_WATCHES).err, MARSHALLING)

    def test_persistent_kinds(self):
        c = self.connect()
        p = self.path()
        c.create(p)
        if differs(True, False):
            self.assertEqual(c.remove_watches(p, 4).err, MARSHALLING)
            return
        c.add_watch(p, PERSISTENT_WATCH)
        c.get(p, True)
        self.assertEqual(c.remove_watches(p, 5, CHECK_WATCHES).err, NO_WATCHER)
        self.assertEqual(c.remove_watches(p, 5).err, NO_WATCHER)
        self.assertEqual(c.remove_watches(p, 1).err, NO_WATCHER)
        self.assertEqual(c.remove_watches(p, 4, CHECK_WATCHES).err, OK)
        self.assertEqual(c.remove_watches(p, 4).err, OK)
        self.assertEqual(c.remove_watches(p, 4).err, NO_WATCHER)
        c.add_watch(p, RECURSIVE_WATCH)
        self.assertEqual(c.remove_watches(p, 2).err, OK)
        self.assertEqual(c.remove_watches(p, 5).err, OK)
        self.assertEqual(c.remove_watches(p, 3).err, NO_WATCHER)


class Replay(Case):
    def test_set_watches_tells_what_was_missed(self):
        c, w = self.connect(), self.connect()
        p = self.path()
        for name in ("", "/changed", "/same", "/gone", "/kids", "/nokids"):
            w.create(p + name)
        zxid = w.exists(p).zxid
        w.set(p + "/changed", b"x")
        w.delete(p + "/gone")
        w.create(p + "/kids/k")
        w.create(p + "/new")
        reply = c.set_watches(zxid, data=[p + "/changed", p + "/same", p + "/gone"], exist=[p + "/new", p + "/never"],
                              child=[p + "/kids", p + "/nokids", p + "/gone"])
        self.assertEqual((reply.xid, reply.err, reply.body.left()), (-8, OK, 0))
        self.assertEqual([(e.type, e.path) for e in c.events],
                         [(CHANGED, p + "/changed"), (DELETED, p + "/gone"), (CREATED, p + "/new"), (CHILDREN, p + "/kids"),
                          (DELETED, p + "/gone")])
        self.assertEqual({(e.state, e.zxid) for e in c.events}, {(3, -1)})
        self.assertEqual(c.story[-1], ("reply", -8))
        del c.events[:]
        for name in ("/changed", "/same"):
            w.set(p + name, b"y")
        w.create(p + "/never")
        w.create(p + "/kids/l")
        w.create(p + "/nokids/l")
        self.assertEqual(c.heard(), [(CHANGED, p + "/same"), (CREATED, p + "/never"), (CHILDREN, p + "/nokids")])

    def test_set_watches2_registers_persistent_ones(self):
        c, w = self.connect(), self.connect()
        p = self.path()
        w.create(p)
        reply = c.set_watches(0, persistent=[p], recursive=[p + "/r"])
        self.assertEqual((reply.xid, reply.err, c.events), (-8, OK, []))
        w.set(p, b"x")
        w.create(p + "/r")
        w.create(p + "/r/s")
        self.assertEqual(c.heard(), [(CHANGED, p), (CREATED, p + "/r"), (CHILDREN, p), (CREATED, p + "/r/s")])

    def test_null_lists_are_refused(self):
        c = self.connect()
        reply = c.call(SET_WATCHES, i64(0) + i32(-1) + strings([]) + strings([]), xid=-8)
        self.assertEqual(reply.err, MARSHALLING)

    def test_replay_over_a_restart_of_the_server(self):
        c = self.connect(timeout=40000)
        p = self.path()
        c.create(p)
        c.get(p, True)
        zxid = c.create(p + "/k").zxid
        c.set(p, b"x")
        self.assertEqual(c.heard(), [(CHANGED, p)])
        c.get(p, True)
        zxid = c.exists(p).zxid
        self.server.restart()
        again = self.connect(session=c.session, password=c.password, timeout=40000, last_zxid=zxid)
        self.assertEqual(again.session, c.session)
        again.set_watches(zxid, data=[p], child=[p])
        self.assertEqual(again.heard(), [])
        self.connect().set(p, b"y")
        self.assertEqual(again.heard(), [(CHANGED, p)])


class Filtered(Case):
    def test_events_of_unreadable_nodes_are_dropped(self):
        if differs(True, False):
            self.skipTest("3.8.0 does not look at the list")
        c, w = self.connect(), self.connect()
        w.auth("digest", "w:w")
        p = self.path()
        w.create(p)
        c.add_watch(p, RECURSIVE_WATCH)
        mine = [(ALL, "auth", "")]
        w.create(p + "/secret", acl=mine)
        w.set(p + "/secret", b"x")
        w.create(p + "/open")
        w.delete(p + "/secret")
        self.assertEqual(c.heard(), [(CREATED, p + "/open")])

    def test_a_dropped_event_uses_a_one_shot_watch_up(self):
        if differs(True, False):
            self.skipTest("3.8.0 does not look at the list")
        c, w = self.connect(), self.connect()
        w.auth("digest", "w:w")
        p = self.path()
        w.create(p)
        c.get(p, True)
        w.set_acl(p, [(ALL, "auth", "")])
        w.set(p, b"x")
        self.assertEqual(w.set_acl(p, OPEN).err, OK)
        w.set(p, b"y")
        self.assertEqual(c.heard(), [])

    def test_child_events_ask_the_list_of_the_parent(self):
        if differs(True, False):
            self.skipTest("3.8.0 does not look at the list")
        c, w = self.connect(), self.connect()
        w.auth("digest", "w:w")
        p = self.path()
        w.create(p)
        c.children(p, True)
        w.create(p + "/secret", acl=[(ALL, "auth", "")])
        self.assertEqual(c.heard(), [(CHILDREN, p)])


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every operation and every error, in the order in which they are checked; changes when an operation does."""

import time

from harness import Case, differs, main
from rawzk import *

DIGEST = [(ALL, "digest", "u:MKbRtXN3gx1VUTLq3XbvdHBQjYk=")]


class Create(Case):
    def test_create_answers_with_its_path_and_own_zxid(self):
        c = self.connect()
        before = c.create(self.path(), b"x").zxid
        reply = c.create(self.path("2"), b"hello")
        self.assertEqual((reply.err, reply.path, reply.zxid), (OK, self.path("2"), before + 1))
        self.assertEqual(c.get(self.path("2")).zxid, reply.zxid)

    def test_create2_answers_with_the_stat(self):
        c = self.connect()
        began = time.time() * 1000
        reply = c.create(self.path(), b"hello", op=CREATE2)
        s = reply.stat
        self.assertEqual((s.czxid, s.mzxid, s.pzxid, s.version, s.cversion, s.aversion, s.owner, s.length, s.children),
                         (reply.zxid, reply.zxid, reply.zxid, 0, 0, 0, 0, 5, 0))
        self.assertEqual(s.ctime, s.mtime)
        self.assertTrue(abs(s.ctime - began) < 5000)
        self.assertEqual(c.get(self.path()).stat, s)

    def test_a_failed_write_has_a_zxid_too(self):
        c = self.connect()
        first = c.create(self.path()).zxid
        reply = c.create(self.path())
        self.assertEqual((reply.err, reply.zxid, reply.body.left()), (NODE_EXISTS, first + 1, 0))
        self.assertEqual(c.get(self.path()).zxid, first + 1)

    def test_null_data_stays_null(self):
        c = self.connect()
        c.create(self.path(), None)
        self.assertEqual(c.get(self.path()).data, None)
        c.set(self.path(), b"")
        self.assertEqual(c.get(self.path()).data, b"")
        c.set(self.path(), None)
        self.assertEqual((c.get(self.path()).data, c.get(self.path()).stat.length), (None, 0))

    def test_sequence_numbers_count_the_children_ever_created(self):
        c = self.connect()
        c.create(self.path())
        self.assertEqual(c.create(self.path("/s-"), flags=SEQUENTIAL).path, self.path("/s-0000000000"))
        c.create(self.path("/plain"))
        c.create(self.path("/plain"))
        c.delete(self.path("/plain"))
        self.assertEqual(c.create(self.path("/t-"), flags=EPHEMERAL_SEQUENTIAL).path, self.path("/t-0000000002"))
        self.assertEqual(c.create(self.path("/"), flags=SEQUENTIAL).path, self.path("/0000000003"))
        self.assertEqual(c.create(self.path("/u-"), flags=SEQUENTIAL, op=CREATE2).path, self.path("/u-0000000004"))

    def test_bad_paths(self):
        c = self.connect()
        c.create(self.path())
        for path in (self.path("/."), self.path("/.."), self.path("/"), self.path("/a\u0001"), self.path("/\u0085"),
                     self.path("/\uf8ff"), self.path("/\ufffd"), "//x", "x", "", self.path("/\0")):
            with self.subTest(path=path):
                self.assertEqual(c.create(path).err, BAD_ARGUMENTS)
        for path in (self.path("/..."), self.path("/.a"), self.path("/\u00e9\u4e2d"), self.path("/a b")):
            self.assertEqual(c.create(path).err, OK)
        self.assertEqual(c.create(self.path("//x")).err, NO_NODE)
        self.assertEqual(c.create("/missing/x/").err, NO_NODE)
        self.assertEqual(c.create("/").err, NODE_EXISTS)
        self.assertEqual(c.call(CREATE, buf(None) + buf(b"") + acls(OPEN) + i32(0)).err, MARSHALLING)

    def test_order_of_create_errors(self):
        c = self.connect()
        c.create(self.path())
        c.create(self.path("/closed"), acl=READ_ONLY)
        c.create(self.path("/e"), flags=EPHEMERAL)
        self.assertEqual(c.create("x", acl=[], flags=77).err, BAD_ARGUMENTS)
        self.assertEqual(c.create("/missing/x", acl=[]).err, INVALID_ACL)
        self.assertEqual(c.create("x", acl=[]).err, BAD_ARGUMENTS)
        self.assertEqual(c.create("/missing/x", acl=None).err, INVALID_ACL)
        self.assertEqual(c.create(self.path("/closed/x/")).err, NO_NODE)
        self.assertEqual(c.create(self.path("/closed/.")).err, NO_AUTH)
        self.assertEqual(c.create(self.path("/closed/x")).err, NO_AUTH)
        self.assertEqual(c.create(self.path("/e/.")).err, BAD_ARGUMENTS)
        self.assertEqual(c.create(self.path("/e/x")).err, NO_CHILDREN_FOR_EPHEMERALS)
        self.assertEqual(c.create(self.path("/e/x"), flags=SEQUENTIAL).err, NO_CHILDREN_FOR_EPHEMERALS)

    def test_acl_lists(self):
        c = self.connect()
        for acl in ([(31, "world", "nobody")], [(31, "nonsense", "x")], [(31, "digest", "u:")], [(31, "digest", "u:h:x")],
                    [(31, "ip", "300.1.1.1")], [(31, "ip", "1.2.3.4/33")], [(31, "auth", "")], [(31, None, "x")]):
            with self.subTest(acl=acl):
                self.assertEqual(c.create(self.path("-bad"), acl=acl).err, INVALID_ACL)
        for n, acl in enumerate(([(31, "digest", "u:h")], [(31, "digest", ":h")], [(31, "digest", "u:h:")],
                                 [(31, "ip", "1.2.3.4")], [(31, "ip", "10.0.0.0/8")], [(0, "world", "anyone")])):
            with self.subTest(acl=acl):
                self.assertEqual(c.create(self.path("%d" % n), acl=acl).err, OK)
        both = [(1, "ip", "127.0.0.1"), (31, "world", "anyone"), (1, "ip", "127.0.0.1")]
        c.create(self.path("-twice"), acl=both)
        self.assertEqual(c.get_acl(self.path("-twice")).acl, both[:2])

    def test_ephemerals_carry_their_session(self):
        c = self.connect()
        c.create(self.path(), flags=EPHEMERAL)
        self.assertEqual(c.get(self.path()).stat.owner, c.session)
        c.close_session()
        self.assertEqual(self.connect().exists(self.path()).err, NO_NODE)

    def test_container_and_ttl_modes(self):
        c = self.connect()
        reply = c.create(self.path("c"), op=CREATE_CONTAINER, flags=CONTAINER)
        self.assertEqual((reply.err, reply.stat.owner), (OK, 0))
        reply = c.create(self.path("t"), op=CREATE_TTL, flags=TTL, ttl=100000)
        self.assertEqual((reply.err, reply.stat.owner), (OK, 0))
        self.assertEqual(c.create(self.path("t/x")).err, OK)
        self.assertEqual(c.create(self.path("t/s"), op=CREATE_TTL, flags=SEQUENTIAL_TTL, ttl=5000).path,
                         self.path("t/s0000000001"))
        for ttl in (0, -1, 1 << 40):
            self.assertEqual(c.create(self.path("x"), op=CREATE_TTL, flags=TTL, ttl=ttl).err, BAD_ARGUMENTS)
        self.assertEqual(c.create(self.path("x"), op=CREATE_TTL, flags=PERSISTENT, ttl=5).err, BAD_ARGUMENTS)
        self.assertEqual(c.create(self.path("x"), flags=TTL).err, BAD_ARGUMENTS)
        self.assertEqual(c.create(self.path("x"), flags=7).err, BAD_ARGUMENTS)
        self.assertEqual(c.create(self.path("x"), flags=-1).err, BAD_ARGUMENTS)


    def test_flags_must_fit_the_operation(self):
        if differs(True, False):
            self.skipTest("3.8.0 lets the operation win over the flag, or dies of it")
        c = self.connect()
        for op, flags in ((CREATE, CONTAINER), (CREATE2, CONTAINER), (CREATE_CONTAINER, PERSISTENT),
                          (CREATE_CONTAINER, EPHEMERAL), (CREATE2, TTL)):
            self.assertEqual(c.create(self.path(), op=op, flags=flags).err, BAD_ARGUMENTS)
        self.assertEqual(c.create(self.path(), op=CREATE_TTL, flags=PERSISTENT, ttl=-1).err, BAD_ARGUMENTS)
        self.assertEqual(c.exists(self.path()).err, NO_NODE)


class Basics(Case):
    def test_set_data_counts_versions(self):
        c = self.connect()
        made = c.create(self.path(), b"1", op=CREATE2).stat
        reply = c.set(self.path(), b"22", 0)
        s = reply.stat
        self.assertEqual((s.czxid, s.ctime, s.mzxid, s.version, s.length, s.pzxid),
                         (made.czxid, made.ctime, reply.zxid, 1, 2, made.pzxid))
        self.assertEqual(c.set(self.path(), b"", 0).err, BAD_VERSION)
        self.assertEqual(c.set(self.path(), b"", -1).stat.version, 2)

    def test_children_change_the_parent_stat(self):
        c = self.connect()
        c.create(self.path())
        c.create(self.path("/a"))
        gone = c.create(self.path("/b"))
        c.set(self.path("/a"), b"x")
        s = c.exists(self.path()).stat
        self.assertEqual((s.cversion, s.children, s.pzxid, s.version), (2, 2, gone.zxid, 0))
        gone = c.delete(self.path("/b"))
        s = c.exists(self.path()).stat
        self.assertEqual((s.cversion, s.children, s.pzxid), (3, 1, gone.zxid))

    def test_delete_errors_in_order(self):
        c = self.connect()
        c.create(self.path())
        c.create(self.path("/k"))
        c.create(self.path("/k/l"))
        c.create(self.path("/closed"), acl=READ_ONLY)
        for path in ("/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config", "x", ""):
            self.assertEqual(c.delete(path).err, BAD_ARGUMENTS)
        self.assertEqual(c.delete("/missing/x").err, NO_NODE)
        self.assertEqual(c.delete(self.path("/closed/x")).err, NO_AUTH)
        self.assertEqual(c.delete(self.path("/x"), 5).err, NO_NODE)
        self.assertEqual(c.delete(self.path("/k"), 5).err, BAD_VERSION)
        self.assertEqual(c.delete(self.path("/k"), 0).err, NOT_EMPTY)
        self.assertEqual(c.delete(self.path("/k/l")).err, OK)
        self.assertEqual(c.delete(self.path("/k"), 0).err, OK)
        self.assertEqual(c.delete(self.path("/closed")).err, OK)

    def test_set_data_errors_in_order(self):
        c = self.connect()
        c.create(self.path(), acl=READ_ONLY)
        self.assertEqual(c.set(self.path("/"), version=9).err, BAD_ARGUMENTS)
        self.assertEqual(c.set("x").err, BAD_ARGUMENTS)
        self.assertEqual(c.set(self.path("/x"), version=9).err, NO_NODE)
        self.assertEqual(c.set(self.path(), version=9).err, NO_AUTH)

    def test_set_acl_errors_in_order(self):
        c = self.connect()
        c.create(self.path(), acl=READ_ONLY)
        c.create(self.path("-open"))
        self.assertEqual(c.set_acl("x", []).err, BAD_ARGUMENTS)
        self.assertEqual(c.set_acl("/missing", []).err, INVALID_ACL)
        self.assertEqual(c.set_acl("/missing", OPEN).err, NO_NODE)
        self.assertEqual(c.set_acl(self.path(), OPEN, 9).err, NO_AUTH)
        self.assertEqual(c.set_acl(self.path("-open"), OPEN, 9).err, BAD_VERSION)
        before = c.exists(self.path("-open")).stat
        s = c.set_acl(self.path("-open"), [(31, "world", "anyone"), (1, "ip", "1.1.1.1")], 0).stat
        self.assertEqual(s, before._replace(aversion=1))
        reply = c.get_acl(self.path("-open"))
        self.assertEqual((reply.acl, reply.stat), ([(31, "world", "anyone"), (1, "ip", "1.1.1.1")], s))

    def test_reads_need_permission_after_existence(self):
        c = self.connect()
        c.create(self.path(), acl=[(WRITE, "world", "anyone")])
        self.assertEqual(c.get("/missing").err, NO_NODE)
        self.assertEqual(c.get(self.path()).err, NO_AUTH)
        self.assertEqual(c.children(self.path()).err, NO_AUTH)
        self.assertEqual(c.children(self.path(), op=GET_CHILDREN).err, NO_AUTH)
        self.assertEqual(c.get_acl(self.path()).err, NO_AUTH)
        self.assertEqual(c.exists(self.path()).err, differs(OK, NO_AUTH))
        self.assertEqual(c.call(GET_ALL_CHILDREN_NUMBER, buf(self.path())).err, NO_AUTH)
        self.assertEqual(c.call(GET_ALL_CHILDREN_NUMBER, buf("/missing")).err, NO_NODE)
        self.assertEqual(c.set(self.path(), b"x").err, OK)

    def test_children_lists(self):
        c = self.connect()
        c.create(self.path())
        for name in "cab":
            c.create(self.path("/" + name))
        self.assertEqual(c.children(self.path(), op=GET_CHILDREN).children, ["a", "b", "c"])
        reply = c.children(self.path())
        self.assertEqual((reply.children, reply.stat.children), (["a", "b", "c"], 3))
        self.assertEqual(c.children(self.path("/a")).children, [])

    def test_reads_with_odd_paths(self):
        c = self.connect()
        self.assertEqual(c.get("").err, OK)
        self.assertEqual(c.children("").children, c.children("/").children)
        for path in ("x", "//", "/a/", "/.", "/zookeeper/"):
            self.assertEqual(c.get(path).err, NO_NODE)
        self.assertEqual(c.call(GET_DATA, buf(None) + flag(False)).err, MARSHALLING)
        self.assertEqual(c.exists("/a\0b").err, BAD_ARGUMENTS)

    def test_sync_takes_any_path(self):
        c = self.connect()
        for path in ("/", "", "/nowhere", "x"):
            reply = c.call(SYNC, buf(path))
            self.assertEqual((reply.err, reply.body.text()), (OK, path))

    def test_ping_answers_with_its_own_xid(self):
        c = self.connect()
        c.post(PING, xid=77)
        reply = c.next_reply()
        self.assertEqual((reply.xid, reply.err), (-2, OK))

    def test_get_ephemerals_by_string_prefix(self):
        c = self.connect()
        c.create(self.path())
        for name in ("/a", "/ab", "/b"):
            c.create(self.path(name), flags=EPHEMERAL)
        self.connect().create(self.path("/other"), flags=EPHEMERAL)

        def ask(prefix):
            reply = c.call(GET_EPHEMERALS, buf(prefix))
            return sorted(reply.body.vector(reply.body.text))
        everything = [self.path("/a"), self.path("/ab"), self.path("/b")]
        self.assertEqual(ask("/"), everything)
        self.assertEqual(ask(None), everything)
        self.assertEqual(ask(""), everything)
        self.assertEqual(ask(self.path("/a")), everything[:2])
        self.assertEqual(ask("/none"), [])

    def test_all_children_number_counts_descendants(self):
        c = self.connect()
        for name in ("", "/a", "/a/b", "/a/b/c", "/d"):
            c.create(self.path(name))
        for path, expected in ((self.path(), 4), (self.path("/a"), 2), (self.path("/d"), 0)):
            self.assertEqual(c.call(GET_ALL_CHILDREN_NUMBER, buf(path)).body.i32(), expected)
        self.assertTrue(c.call(GET_ALL_CHILDREN_NUMBER, buf("/")).body.i32() >= 8)

    def test_the_system_nodes(self):
        c = self.connect()
        self.assertEqual(c.children("/zookeeper").children, ["config", "quota"])
        reply = c.get_acl("/zookeeper/config")
        self.assertEqual((reply.acl, reply.stat.aversion), (READ_ONLY, -1))
        self.assertEqual(c.set("/zookeeper/config", b"x").err, NO_AUTH)
        self.assertEqual(c.get_acl("/").acl, OPEN)
        self.assertEqual(c.create("/zookeeper/mine").err, OK)
        self.assertEqual(c.delete("/zookeeper/mine").err, OK)

    def test_reconfig_is_refused(self):
        c = self.connect()
        reply = c.call(RECONFIG, buf(None) + buf(None) + buf("server.1=a:1:2") + i64(-1))
        self.assertEqual(reply.err, RECONFIG_DISABLED)

    def test_unknown_operations_close_the_connection(self):
        for op in (0, 10, 23, 99, 108, -1, 4711):
            c = self.connect()
            reply = c.call(op, buf("/"))
            self.assertEqual((reply.err, reply.zxid), (UNIMPLEMENTED, -1))
            self.assertTrue(c.closes())

    def test_check_outside_multi(self):
        if differs(True, False):
            self.skipTest("3.8.0 ruins its own log with it")
        for op in (CHECK, DELETE_CONTAINER, CREATE_SESSION):
            c = self.connect()
            self.assertEqual(c.call(op, buf("/") + i32(-1)).err, UNIMPLEMENTED)
            self.assertTrue(c.closes())

    def test_trailing_bytes_are_ignored_and_missing_ones_refused(self):
        c = self.connect()
        self.assertEqual(c.call(GET_DATA, buf("/") + flag(False) + b"more").err, OK)
        self.assertEqual(c.call(GET_DATA, buf("/")).err, MARSHALLING)
        self.assertEqual(c.call(GET_DATA, b"\0\0\0\5/").err, MARSHALLING)
        self.assertEqual(c.call(CREATE, buf(self.path())).err, MARSHALLING)
        self.assertEqual(c.call(GET_DATA, i32(-2) + flag(False)).err, MARSHALLING)
        self.assertEqual(c.create(self.path()).err, OK)

    def test_replies_come_in_the_order_of_requests(self):
        c = self.connect()
        c.create(self.path(), b"0")
        sent = []
        for i in range(1, 200):
            sent.append((c.post(SET_DATA, buf(self.path()) + buf(str(i)) + i32(-1)), None))
            sent.append((c.post(GET_DATA, buf(self.path()) + flag(False)), str(i).encode()))
        for xid, data in sent:
            reply = c.next_reply()
            self.assertEqual((reply.xid, reply.err), (xid, OK))
            if data:
                self.assertEqual(reply.body.buf(), data)


class Multi(Case):
    def test_results_by_type(self):
        c = self.connect()
        reply = c.multi([
            (CREATE, create_body(self.path())),
            (CREATE2, create_body(self.path("/b"), b"b")),
            (SET_DATA, buf(self.path()) + buf("new") + i32(0)),
            (13, buf(self.path()) + i32(1)),
            (CREATE_CONTAINER, create_body(self.path("/c"), flags=CONTAINER)),
            (CREATE_TTL, create_body(self.path("/t"), flags=TTL) + i64(100000)),
            (DELETE, buf(self.path("/b")) + i32(-1)),
        ])
        self.assertEqual(reply.err, OK)
        self.assertEqual([r[0] for r in reply.results],
                         [CREATE, differs(CREATE, CREATE2), SET_DATA, 13, CREATE2, CREATE2, DELETE])
        self.assertEqual([r[1] for r in reply.results], [0] * 7)
        s = c.exists(self.path()).stat
        self.assertEqual((s.czxid, s.mzxid, s.pzxid, s.version, s.cversion), (reply.zxid,) * 3 + (1, 4))
        self.assertEqual(reply.results[2][2].version, 1)

    def test_all_or_nothing(self):
        c = self.connect()
        reply = c.multi([(CREATE, create_body(self.path())), (CREATE, create_body("/")), (DELETE, buf("/x") + i32(-1))])
        self.assertEqual((reply.err, reply.results), (OK, [(-1, 0, 0), (-1, NODE_EXISTS, NODE_EXISTS),
                                                           (-1, INCONSISTENT, INCONSISTENT)]))
        self.assertEqual(c.exists(self.path()).err, NO_NODE)
        self.assertEqual(c.create(self.path()).zxid, reply.zxid + 1)

    def test_a_check_that_fails_fails_all(self):
        c = self.connect()
        c.create(self.path())
        c.create(self.path("-secret"), acl=[(WRITE, "world", "anyone")])
        for path, version, code in ((self.path(), 3, BAD_VERSION), ("/missing", -1, NO_NODE),
                                    (self.path("-secret"), 3, NO_AUTH), ("x", 0, BAD_ARGUMENTS)):
            reply = c.multi([(13, buf(path) + i32(version)), (DELETE, buf(self.path()) + i32(-1))])
            self.assertEqual(reply.results, [(-1, code, code), (-1, INCONSISTENT, INCONSISTENT)])
        self.assertEqual(c.exists(self.path()).err, OK)

    def test_later_operations_see_earlier_ones(self):
        c = self.connect()
        reply = c.multi([(CREATE, create_body(self.path())),
                         (CREATE, create_body(self.path("/s"), flags=SEQUENTIAL)),
                         (CREATE, create_body(self.path("/s"), flags=SEQUENTIAL)),
                         (DELETE, buf(self.path("/s0000000000")) + i32(0)),
                         (SET_DATA, buf(self.path()) + buf("x") + i32(0)),
                         (SET_DATA, buf(self.path()) + buf("y") + i32(1))])
        self.assertEqual([r[1] for r in reply.results], [0] * 6)
        self.assertEqual(reply.results[2][2], self.path("/s0000000001"))
        self.assertEqual(c.children(self.path()).children, ["s0000000001"])
        reply = c.multi([(CREATE, create_body(self.path("/x"))), (DELETE, buf(self.path()) + i32(-1))])
        self.assertEqual(reply.results[1][1], NOT_EMPTY)
        self.assertEqual(c.create(self.path("/s"), flags=SEQUENTIAL).path, self.path("/s0000000002"))

    def test_empty_multi(self):
        c = self.connect()
        before = c.create(self.path()).zxid
        reply = c.multi([])
        self.assertEqual((reply.err, reply.results, reply.zxid), (OK, [], before + 1))

    def test_wrong_types_fail_the_request(self):
        c = self.connect()
        self.assertEqual(c.multi([(GET_DATA, buf("/") + flag(False))]).err, MARSHALLING)
        self.assertEqual(c.multi([(SYNC, buf("/"))]).err, MARSHALLING)
        self.assertEqual(c.multi([(DELETE, buf("/x") + i32(-1))], op=MULTI_READ).err, MARSHALLING)
        self.assertEqual(c.call(MULTI, i32(1) + flag(False)).err, MARSHALLING)
        self.assertEqual(c.exists("/").err, OK)

    def test_multi_read_answers_each_on_its_own(self):
        c = self.connect()
        c.create(self.path(), b"data")
        c.create(self.path("/k"))
        c.create(self.path("/secret"), acl=[(WRITE, "world", "anyone")])
        reply = c.multi([(GET_DATA, buf(self.path()) + flag(True)), (GET_DATA, buf("/missing") + flag(True)),
                         (GET_CHILDREN, buf(self.path()) + flag(True)), (GET_DATA, buf(self.path("/secret")) + flag(False))],
                        op=MULTI_READ)
        self.assertEqual((reply.err, [r[:2] for r in reply.results]),
                         (OK, [(GET_DATA, 0), (-1, NO_NODE), (GET_CHILDREN, 0), (-1, NO_AUTH)]))
        self.assertEqual(reply.results[0][2][0], b"data")
        self.assertEqual(reply.results[2][2], ["k", "secret"])
        c.set(self.path(), b"x")
        c.create(self.path("/l"))
        self.assertEqual(c.heard(), [])


class WithoutExtendedTypes(Case):
    settings = {"extendedTypesEnabled": "false"}

    def test_ttl_nodes_are_unimplemented(self):
        c = self.connect()
        self.assertEqual(c.create(self.path(), op=CREATE_TTL, flags=TTL, ttl=5000).err, UNIMPLEMENTED)
        self.assertEqual(c.create(self.path(), op=CREATE_TTL, flags=TTL, ttl=-5).err, UNIMPLEMENTED)
        self.assertEqual(c.exists("/").err, OK)
        self.assertEqual(c.create(self.path("c"), op=CREATE_CONTAINER, flags=CONTAINER).err, OK)


class Reconfig(Case):
    settings = {"reconfigEnabled": "true"}

    def test_reconfig_of_a_single_server(self):
        c = self.connect()
        reply = c.call(RECONFIG, buf(None) + buf(None) + buf("server.1=a:1:2") + i64(-1))
        self.assertEqual(reply.err, UNIMPLEMENTED)


if __name__ == "__main__":
    main()

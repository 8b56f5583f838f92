#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""One data directory, served by Apache ZooKeeper, by us, and by Apache ZooKeeper again; changes when the formats do."""

import base64
import hashlib
import unittest

import rawzk
from harness import JAVA, KIND, PADDOCK, Server, have_java, main, need
from rawzk import *

SUPER = "super:" + base64.b64encode(hashlib.sha1(b"super:secret").digest()).decode()
SETTINGS = {"snapCount": "60", "DigestAuthenticationProvider.superDigest": SUPER,
            "znode.container.checkIntervalMs": "3600000", "maxSessionTimeout": "600000"}
OURS = PADDOCK if KIND == PADDOCK else JAVA


def whole_tree(c, path="/"):
    """{path: (data, stat, acl)} of everything, the quota statistics too."""
    tree = {}
    waiting = [path]
    while waiting:
        path = waiting.pop()
        node, acl = c.get(path), c.get_acl(path)
        assert node.err == OK and acl.err == OK, (path, node, acl)
        if path != "/zookeeper/config":
            tree[path] = (node.data, node.stat, acl.acl)
        base = "" if path == "/" else path
        waiting += [base + "/" + name for name in c.children(path).children]
    return tree


class SameDisk(unittest.TestCase):
    def client(self, server, **arguments):
        c = rawzk.Client(server.port, **arguments)
        self.addCleanup(c.drop)
        c.auth("digest", "super:secret")
        return c

    def write(self, server, base):
        """A bit of everything below @base; returns the session that owns the ephemerals, left open."""
        c = self.client(server, timeout=600000)
        bob = self.client(server)
        bob.auth("digest", "bob:pw")
        self.assertEqual(c.create(base, b"base").err, OK)
        for i in range(40):
            self.assertEqual(c.create(base + "/seq-", b"%d" % i, flags=SEQUENTIAL).err, OK)
            c.set(base, b"v%d" % i)
        c.delete(base + "/seq-0000000003")
        c.create(base + "/null", None)
        c.create(base + "/empty", b"")
        c.create(base + "/big", bytes(range(256)) * 3000)
        c.create(base + "/caf\u00e9", "\u4e2d".encode())
        bob.create(base + "/acl", b"mine", acl=[(READ, "world", "anyone"), (ALL, "auth", "")])
        bob.create(base + "/acl2", b"mine", acl=[(READ, "ip", "10.0.0.0/8"), (ALL, "auth", "")])
        bob.set_acl(base + "/acl2", [(READ, "world", "anyone"), (ALL, "auth", "")])
        c.create(base + "/container", op=CREATE_CONTAINER, flags=CONTAINER)
        c.create(base + "/container/k")
        c.create(base + "/ttl", b"t", op=CREATE_TTL, flags=TTL, ttl=(1 << 40) - 1)
        c.create(base + "/ttl/s", b"t", op=CREATE_TTL, flags=SEQUENTIAL_TTL, ttl=86400000)
        reply = c.multi([(CREATE, create_body(base + "/m")), (CREATE2, create_body(base + "/m/1", b"x")),
                         (SET_DATA, buf(base + "/m") + buf("y") + i32(0)), (CREATE, create_body(base + "/m/2")),
                         (DELETE, buf(base + "/m/2") + i32(-1)),
                         (CREATE_CONTAINER, create_body(base + "/m/c", flags=CONTAINER))])
        self.assertEqual([r[1] for r in reply.results], [0] * 6)
        c.multi([(CREATE, create_body(base + "/never")), (CHECK, buf("/none") + i32(0))])
        c.create("/zookeeper/quota" + base)
        c.create("/zookeeper/quota" + base + "/zookeeper_limits", "count=1000,bytes=10000000")
        c.create("/zookeeper/quota" + base + "/zookeeper_stats", "count=0,bytes=0")
        c.create(base + "/counted", b"12345")
        for i in range(5):
            c.create(base + "/eph%d" % i, flags=EPHEMERAL)
        gone = self.client(server)
        gone.create(base + "/gone", flags=EPHEMERAL)
        gone.close_session()
        c.create(base)
        c.set_acl(base, [(ALL, "world", "anyone"), (READ, "ip", "127.0.0.1")])
        return c

    def look(self, server):
        return whole_tree(self.client(server))

    def check_writable(self, server, base, sequence):
        c = self.client(server)
        reply = c.create(base + "/seq-", flags=SEQUENTIAL)
        self.assertEqual(reply.path, "%s/seq-%010d" % (base, sequence))
        c.delete(reply.path)

    def round_trip(self, stop):
        server = Server(SETTINGS, kind=JAVA).start()
        first = self.write(server, "/java")
        stop(server)
        server.start()
        before = self.look(server)
        stop(server)

        ours = Server(SETTINGS, kind=OURS, data_dir=server.data_dir).start()
        self.assertEqual(self.look(ours), before)
        again = self.client(ours, session=first.session, password=first.password, timeout=600000)
        self.assertEqual(again.session, first.session)
        self.assertEqual(again.get("/java/eph0").stat.owner, first.session)
        second = self.write(ours, "/paddock")
        self.check_writable(ours, "/java", 56)
        again.delete("/java/eph4")
        again.set("/java/eph3", b"changed")
        middle = self.look(ours)
        stop(ours)
        ours.start()
        self.assertEqual(self.look(ours), middle)
        stop(ours)

        server.start()
        self.assertEqual(self.look(server), middle)
        last = self.client(server, session=second.session, password=second.password, timeout=600000)
        self.assertEqual(last.session, second.session)
        self.check_writable(server, "/paddock", 56)
        last.close_session()
        tree = self.look(server)
        self.assertFalse([path for path in tree if path.startswith("/paddock/eph")])
        self.assertEqual(tree["/zookeeper/quota/paddock/zookeeper_stats"][0],
                         b"count=%d,bytes=%d" % self.count(tree, "/paddock"))
        stop(server)

    @staticmethod
    def count(tree, base):
        nodes = [node for path, node in tree.items() if path == base or path.startswith(base + "/")]
        return len(nodes), sum(len(node[0] or b"") for node in nodes)

    def test_a_directory_goes_over_and_back_after_clean_stops(self):
        self.round_trip(lambda server: server.stop())

    def test_a_directory_goes_over_and_back_after_kills(self):
        self.round_trip(lambda server: server.kill())

    def compressed(self, method):
        settings = dict(SETTINGS, **{"snapshot.compression.method": method})
        server = Server(settings, kind=JAVA).start()
        self.write(server, "/java")
        server.restart()
        before = self.look(server)
        server.stop()
        ours = Server(settings, kind=OURS, data_dir=server.data_dir).start()
        self.assertEqual(self.look(ours), before)
        self.write(ours, "/paddock")
        middle = self.look(ours)
        ours.stop()
        suffix = {"gz": ".gz", "snappy": ".snappy"}[method]
        self.assertTrue([name for name in ours.files("snapshot.*") if name.endswith(suffix)], ours.files())
        server.start()
        self.assertEqual(self.look(server), middle)
        server.stop()

    def test_snapshots_in_gz_go_over_and_back(self):
        self.compressed("gz")

    def test_snapshots_in_snappy_go_over_and_back(self):
        self.compressed("snappy")

    def test_snapshots_and_logs_are_both_there(self):
        server = Server(SETTINGS, kind=OURS).start()
        self.write(server, "/x")
        server.stop()
        self.assertTrue(server.files("log.*"))
        self.assertTrue(len(server.files("snapshot.*")) >= 2)
        java = Server(SETTINGS, kind=JAVA, data_dir=server.data_dir).start()
        tree = self.look(java)
        self.assertIn("/x/seq-0000000039", tree)
        java.stop()


if __name__ == "__main__":
    need(have_java(), "no Apache ZooKeeper here (package zookeeper)")
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 under load, again and again: what was acknowledged is there; changes when what is promised does."""

import random
import threading
import time
import unittest

import rawzk
from harness import SANITIZED, Server, main
from rawzk import *

SECONDS = 20
WRITERS = 4


class Writer(threading.Thread):
    """Writes without a pause, several requests deep, and remembers what was acknowledged."""

    def __init__(self, server, name, deep):
        super().__init__(daemon=True)
        self.base = "/" + name
        self.deep = deep
        self.c = rawzk.Client(server.port, timeout=40000)
        self.created, self.version, self.multis, self.zxid = set(), 0, 0, 0
        self.sent = 0
        reply = self.c.create(self.base, b"0")
        assert reply.err in (OK, NODE_EXISTS)
        self.c.create(self.base + "/a")
        self.c.create(self.base + "/b")

    def one(self, i):
        """The i-th request: a create, a write of a number, or a multi that changes two nodes together."""
        if i % 3 == 0:
            return CREATE, create_body("%s/n%08d" % (self.base, i), b"x" * (i % 300))
        if i % 3 == 1:
            return SET_DATA, buf(self.base) + buf("%d" % i) + i32(-1)
        both = b"%d" % i
        return MULTI, multi_body([(SET_DATA, buf(self.base + name) + buf(both) + i32(-1)) for name in ("/a", "/b")])

    def run(self):
        waiting = []
        try:
            while True:
                while len(waiting) < self.deep:
                    i = self.sent
                    self.sent += 1
                    waiting.append((self.c.post(*self.one(i)), i))
                xid, i = waiting.pop(0)
                reply = self.c.next_reply()
                assert (reply.xid, reply.err) == (xid, OK), (reply, i)
                self.acknowledged(i, reply)
        except (Closed, OSError):
            self.c.drop()

    def acknowledged(self, i, reply):
        self.zxid = reply.zxid
        if i % 3 == 0:
            self.created.add("n%08d" % i)
        elif i % 3 == 1:
            self.version = i
        else:
            self.multis = i


class Durability(unittest.TestCase):
    # Small enough that logs roll and snapshots are taken between the kills.
    settings = {"snapCount": "400", "preAllocSize": "64"}

    def check(self, server, writer):
        c = rawzk.Client(server.port, timeout=40000, last_zxid=writer.zxid)
        there = c.children(writer.base).children
        missing = writer.created - set(there)
        self.assertFalse(missing, "%d acknowledged nodes are gone" % len(missing))
        for name in there:
            if name not in ("a", "b"):
                node = c.get("%s/%s" % (writer.base, name))
                self.assertEqual(node.data, b"x" * (int(name[1:]) % 300))
                self.assertTrue(int(name[1:]) < writer.sent)
        self.assertTrue(int(c.get(writer.base).data) >= writer.version)
        a, b = c.get(writer.base + "/a").data, c.get(writer.base + "/b").data
        self.assertEqual(a, b, "a multi was torn")
        self.assertTrue(int(a or b"0") >= writer.multis)
        c.close_session()
        c.drop()

    def test_every_acknowledged_write_survives_kill_9(self):
        chance = random.Random(7)
        server = Server(self.settings).start()
        end = time.monotonic() + SECONDS
        rounds = acknowledged = 0
        while time.monotonic() < end:
            rounds += 1
            writers = [Writer(server, "r%d-w%d" % (rounds, i), (1, 4, 16, 64)[i % 4]) for i in range(WRITERS)]
            for writer in writers:
                writer.start()
            time.sleep(chance.uniform(0.05, 0.6 if not SANITIZED else 1.0))
            server.kill()
            for writer in writers:
                writer.join(10)
            server.start()
            for writer in writers:
                self.check(server, writer)
                acknowledged += len(writer.created)
        print("       %d rounds, %d acknowledged creates" % (rounds, acknowledged))
        self.assertTrue(rounds >= 2 and acknowledged > 0)
        server.stop()

    def test_a_clean_stop_answers_what_it_took(self):
        server = Server(self.settings).start()
        writers = [Writer(server, "w%d" % i, 32) for i in range(WRITERS)]
        for writer in writers:
            writer.start()
        time.sleep(0.4)
        server.stop()
        for writer in writers:
            writer.join(10)
        server.start()
        for writer in writers:
            self.check(server, writer)
        server.stop()


if __name__ == "__main__":
    main()

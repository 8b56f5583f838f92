#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A disk without room: the server stops and says so, and loses nothing; changes when that does."""

import unittest

import rawzk
from harness import JAVA, KIND, Server, main, need
from rawzk import *


class DiskFull(unittest.TestCase):
    """A limit on the size of files stands for the full disk: a write fails in the same way, without being root."""

    def fill(self, server):
        """Writes until the server is gone; returns what was acknowledged."""
        c = rawzk.Client(server.port, timeout=40000)
        acknowledged = []
        try:
            for i in range(5000):
                c.post(CREATE, create_body("/n%05d" % i, b"x" * 1000))
                if i >= 8:
                    reply = c.next_reply()
                    self.assertEqual(reply.err, OK)
                    acknowledged.append("n%05d" % (i - 8))
        except (Closed, OSError):
            pass
        c.drop()
        return acknowledged

    def test_the_server_stops_with_one_line_and_loses_nothing(self):
        server = Server({"preAllocSize": "64", "snapCount": "100000"}, file_limit=500 * 1024).start()
        acknowledged = self.fill(server)
        self.assertTrue(100 < len(acknowledged) < 4990, len(acknowledged))
        self.assertNotEqual(server.wait(), 0)
        lines = [line for line in server.log().splitlines() if "too large" in line.lower() or "no space" in line.lower()]
        self.assertEqual(len(lines), 1, server.log())
        server.file_limit = None
        server.start()
        c = rawzk.Client(server.port)
        there = set(c.children("/").children)
        self.assertFalse(set(acknowledged) - there)
        self.assertEqual(c.create("/after", b"x").err, OK)
        c.drop()
        self.assertEqual(server.stop(), 0)
        server.start()
        c = rawzk.Client(server.port)
        self.assertEqual(c.exists("/after").err, OK)
        self.assertFalse(set(acknowledged) - set(c.children("/").children))
        c.drop()
        server.stop()

    def test_no_room_at_the_start_is_told(self):
        server = Server({"preAllocSize": "64"}, file_limit=1)
        server.launch()
        status = server.wait()
        self.assertNotEqual(status, 0)
        self.assertTrue(status > 0, "ended by signal %d" % -status)


if __name__ == "__main__":
    need(KIND != JAVA, "Apache ZooKeeper 3.8.0 behaves differently on a full disk")
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Starts that must fail and say why, starts that must succeed on what a crash left; changes when either does."""

import os
import signal
import socket
import unittest

import rawzk
from harness import KIND, PADDOCK, Server, main, need, temporary_directory
from rawzk import *


class Refused(unittest.TestCase):
    def refused(self, server, *expected, status=None):
        """The server ends by itself, and one line of what it said holds all that is expected."""
        server.launch()
        ended = server.wait()
        self.assertTrue(ended > 0 and status in (None, ended), "status %d\n%s" % (ended, server.log()))
        lines = [line for line in server.log().splitlines() if all(text in line for text in expected)]
        self.assertEqual(len(lines), 1, "no line, or several, with %s:\n%s" % (expected, server.log()))

    def test_a_port_in_use(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            server = Server()
            server.port = taken.getsockname()[1]
            self.refused(server, str(server.port))

    def test_a_data_directory_in_use(self):
        first = Server().start()
        self.refused(Server(data_dir=first.data_dir), first.data_dir)
        c = rawzk.Client(first.port)
        self.assertEqual(c.create("/still").err, OK)
        c.drop()
        self.assertEqual(first.stop(), 0)

    def test_a_data_directory_that_cannot_be(self):
        server = Server()
        path = os.path.join(server.directory, "file")
        open(path, "w").close()
        server.data_dir = os.path.join(path, "data")
        self.refused(server, server.data_dir)

    def test_a_bad_value(self):
        server = Server({"tickTime": "soon"})
        self.refused(server, "zoo.cfg", "tickTime", "soon", status=2)

    def test_a_bad_limit(self):
        server = Server({"maxSessionTimeout": "5000", "minSessionTimeout": "9000"})
        self.refused(server, "minSessionTimeout", status=2)

    def test_a_plugin_directory_without_plugins(self):
        server = Server()
        before = os.environ.get("PADDOCK_PLUGIN_DIR")
        os.environ["PADDOCK_PLUGIN_DIR"] = temporary_directory()
        try:
            self.refused(server, os.environ["PADDOCK_PLUGIN_DIR"])
        finally:
            if before is None:
                del os.environ["PADDOCK_PLUGIN_DIR"]
            else:
                os.environ["PADDOCK_PLUGIN_DIR"] = before

    def test_unknown_keys_are_only_warned_of(self):
        server = Server({"noSuchKey": "1"}).start()
        self.assertIn("noSuchKey", server.log())
        self.assertEqual(server.stop(), 0)


class Crashes(unittest.TestCase):
    def written(self, n=50):
        """A stopped server whose log holds n creates and whose only snapshot is of the empty tree."""
        server = Server({"snapCount": "1000000", "preAllocSize": "64"}).start()
        c = rawzk.Client(server.port)
        for i in range(n):
            c.create("/n%03d" % i, b"x" * 200)
        c.drop()
        server.kill()
        return server

    def end_of_log(self, path):
        with open(path, "rb") as log:
            return len(log.read().rstrip(b"\0"))

    def children(self, server):
        c = rawzk.Client(server.port)
        children = [name for name in c.children("/").children if name != "zookeeper"]
        self.assertIn(c.create("/after").err, (OK, NODE_EXISTS))
        c.drop()
        return children

    def test_a_torn_last_record_is_left_out(self):
        server = self.written()
        path = server.files("log.*")[-1]
        os.truncate(path, self.end_of_log(path) - 100)
        server.start()
        self.assertEqual(self.children(server), ["n%03d" % i for i in range(49)])
        server.restart()
        self.assertEqual(len(self.children(server)), 50)
        server.stop()

    def test_an_empty_last_log_is_no_obstacle(self):
        server = self.written()
        open(os.path.join(server.data_dir, "version-2", "log.fff"), "w").close()
        server.start()
        self.assertEqual(len(self.children(server)), 50)
        server.stop()

    def test_a_corrupted_record_in_the_middle_is_refused(self):
        server = self.written()
        path = server.files("log.*")[-1]
        middle = self.end_of_log(path) // 2
        with open(path, "r+b") as log:
            log.seek(middle)
            byte = log.read(1)
            log.seek(middle)
            log.write(bytes([byte[0] ^ 0xff]))
        server.launch()
        self.assertTrue(server.wait() > 0, server.log())
        self.assertEqual(len([line for line in server.log().splitlines() if path in line and "offset" in line]), 1, server.log())
        with open(path, "r+b") as log:
            log.seek(middle)
            log.write(byte)
        server.start()
        self.assertEqual(len(self.children(server)), 50)
        server.stop()

    def test_an_unfinished_snapshot_is_passed_over(self):
        server = self.written()
        good = server.files("snapshot.*")[-1]
        with open(good, "rb") as snapshot:
            body = snapshot.read()
        with open(os.path.join(server.data_dir, "version-2", "snapshot.20"), "wb") as torn:
            torn.write(body[:len(body) // 2])
        server.start()
        self.assertEqual(len(self.children(server)), 50)
        server.stop()

    def test_two_signals_stop_at_once_and_lose_nothing(self):
        server = self.written()
        server.start()
        server.process.send_signal(signal.SIGTERM)
        server.process.send_signal(signal.SIGTERM)
        server.wait()
        server.start()
        self.assertEqual(len(self.children(server)), 50)
        server.stop()


if __name__ == "__main__":
    need(KIND == PADDOCK, "what is said at the start is our own")
    main()

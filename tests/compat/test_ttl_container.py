#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Nodes that go by themselves: containers and TTL nodes; changes when the cleaner does."""

import time

from harness import Case, main, wait_until
from rawzk import *


class Cleaner(Case):
    settings = {"znode.container.checkIntervalMs": "200"}

    def gone(self, c, path):
        return lambda: c.exists(path).err == NO_NODE

    def test_containers_go_when_their_last_child_has_gone(self):
        c = self.connect()
        p = self.path()
        c.create(p, op=CREATE_CONTAINER, flags=CONTAINER)
        c.create(p + "/k")
        unused = self.path("-unused")
        c.create(unused, op=CREATE_CONTAINER, flags=CONTAINER)
        time.sleep(0.7)
        self.assertEqual(c.exists(p).err, OK)
        c.exists(p, True)
        c.delete(p + "/k")
        wait_until(self.gone(c, p), "the container goes")
        self.assertEqual([(e.type, e.path) for e in c.events], [(DELETED, p)])
        self.assertEqual(c.exists(unused).err, OK)

    def test_ttl_nodes_go_after_their_time(self):
        c = self.connect()
        p = self.path()
        c.create(p, op=CREATE_TTL, flags=TTL, ttl=500)
        c.create(p + "-long", op=CREATE_TTL, flags=TTL, ttl=600000)
        self.assertEqual(c.exists(p).err, OK)
        wait_until(self.gone(c, p), "the node goes")
        self.assertEqual(c.exists(p + "-long").err, OK)

    def test_writes_renew_and_children_keep(self):
        c = self.connect()
        p = self.path()
        c.create(p, op=CREATE_TTL, flags=TTL, ttl=900)
        c.create(p + "-kids", op=CREATE_TTL, flags=TTL, ttl=500)
        c.create(p + "-kids/k")
        end = time.monotonic() + 1.8
        while time.monotonic() < end:
            self.assertEqual(c.set(p, b"x").err, OK)
            time.sleep(0.2)
        self.assertEqual(c.exists(p + "-kids").err, OK)
        c.delete(p + "-kids/k")
        wait_until(self.gone(c, p + "-kids"), "the node without children goes")
        wait_until(self.gone(c, p), "the renewed node goes")

    def test_they_are_remembered_over_a_restart(self):
        c = self.connect(timeout=40000)
        p = self.path()
        c.create(p + "-ttl", op=CREATE_TTL, flags=TTL, ttl=3000)
        c.create(p, op=CREATE_CONTAINER, flags=CONTAINER)
        c.create(p + "/k")
        self.server.kill()
        self.server.start()
        c = self.connect()
        self.assertEqual(c.exists(p).stat.owner, 0)
        c.delete(p + "/k")
        wait_until(self.gone(c, p), "the container goes")
        wait_until(self.gone(c, p + "-ttl"), "the node goes")


class NeverUsed(Case):
    settings = {"znode.container.checkIntervalMs": "200", "znode.container.maxNeverUsedIntervalMs": "600"}

    def test_containers_that_never_had_a_child_go_too(self):
        c = self.connect()
        p = self.path()
        c.create(p, op=CREATE_CONTAINER, flags=CONTAINER)
        self.assertEqual(c.exists(p).err, OK)
        wait_until(lambda: c.exists(p).err == NO_NODE, "the container goes")


if __name__ == "__main__":
    main()

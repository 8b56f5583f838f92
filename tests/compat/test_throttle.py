#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Limits that the configuration sets; changes when one does."""

import time

from harness import Case, four_letter, main, wait_until
from rawzk import *


def accepted(case, **arguments):
    """A client, or None when the server turns it away."""
    try:
        return case.connect(**arguments)
    except (Closed, OSError):
        return None


class PerAddress(Case):
    settings = {"maxClientCnxns": "3"}

    def test_an_address_may_hold_so_many_connections(self):
        clients = [self.connect() for _ in range(3)]
        self.assertIsNone(accepted(self))
        self.assertIn(four_letter(self.server.port, "ruok"), (None, ""))
        self.assertEqual(clients[0].exists("/").err, OK)
        clients[1].drop()
        wait_until(lambda: accepted(self), "a place comes free")


class InTotal(Case):
    settings = {"maxCnxns": "4"}

    def test_the_server_may_hold_so_many_connections(self):
        clients = [self.connect() for _ in range(4)]
        self.assertIsNone(accepted(self))
        clients[0].drop()
        wait_until(lambda: accepted(self), "a place comes free")


class Sizes(Case):
    settings = {"jute.maxbuffer": "4096"}

    def test_frames_up_to_the_limit_are_served(self):
        c = self.connect()
        room = 4096 - 8 - len(create_body(self.path()))
        self.assertEqual(c.create(self.path(), b"x" * room).err, OK)
        c = self.connect()
        c.raw(i32(4097))
        self.assertTrue(c.closes())
        c = self.connect(handshake=False)
        c.raw(i32(4097))
        self.assertTrue(c.closes())


class Large(Case):
    settings = {"largeRequestThreshold": "10000", "largeRequestMaxBytes": "50000"}

    def test_a_large_request_within_the_sum_is_served(self):
        c = self.connect()
        self.assertEqual(c.create(self.path(), b"x" * 40000).err, OK)
        self.assertEqual(c.set(self.path(), b"y" * 40000).err, OK)

    def test_one_beyond_the_sum_closes_the_connection(self):
        c = self.connect()
        c.post(CREATE, create_body(self.path(), b"x" * 60000))
        self.assertTrue(c.closes())
        self.assertEqual(self.connect().exists(self.path()).err, NO_NODE)


class Sessionless(Case):
    settings = {"nio.sessionlessCnxnTimeout": "500"}

    def test_connections_without_session_are_closed(self):
        began = time.monotonic()
        c = self.connect(handshake=False)
        self.assertTrue(c.closes(10))
        self.assertTrue(0.4 < time.monotonic() - began < 5)

    def test_sessions_are_not_hurried(self):
        c = self.connect(timeout=8000)
        time.sleep(1.6)
        self.assertEqual(c.exists("/").err, OK)


class Outstanding(Case):
    settings = {"globalOutstandingLimit": "5"}

    def test_a_flood_is_held_back_and_answered_in_full(self):
        clients = [self.connect() for _ in range(5)]
        clients[0].create(self.path())
        for c in clients:
            for _ in range(300):
                c.post(SET_DATA, buf(self.path()) + buf("x") + i32(-1))
        for c in clients:
            self.assertEqual({c.next_reply().err for _ in range(300)}, {OK})


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Clients that misbehave harm nobody but themselves; changes when the bounds do."""

import os
import random
import socket
import struct
import time

from harness import KIND, PADDOCK, SANITIZED, Case, main, wait_until
from rawzk import *


class BadInput(Case):
    settings = {"globalOutstandingLimit": "1000", "nio.sessionlessCnxnTimeout": "2000"}

    def setUp(self):
        self.witness = self.connect(timeout=40000)

    def tearDown(self):
        """Others notice nothing."""
        self.assertEqual(self.witness.exists("/").err, OK)
        self.assertIsNone(self.server.process.poll())

    def test_lengths_that_cannot_be(self):
        for length in (-1, -2147483648, 0x100000, 0x7fffffff, 0xfffff + 1):
            with self.subTest(length=length):
                c = self.connect()
                c.raw(i32(length))
                self.assertTrue(c.closes())
                c = self.connect(handshake=False)
                c.raw(i32(length))
                self.assertTrue(c.closes())

    def test_frames_too_short_for_a_header(self):
        for length in range(8):
            c = self.connect()
            c.send(b"\0" * length)
            self.assertTrue(c.closes())

    def test_the_largest_frame_is_served(self):
        c = self.connect()
        room = 0xfffff - 8 - len(create_body(self.path()))
        reply = c.create(self.path(), b"x" * room)
        self.assertEqual(reply.err, OK)
        self.assertEqual(len(c.get(self.path()).data), room)

    def test_every_truncation_of_every_record(self):
        whole = [
            (CREATE, create_body("/trunc", b"data")), (CREATE_TTL, create_body("/trunc", flags=TTL) + i64(1000)),
            (DELETE, buf("/trunc") + i32(0)), (EXISTS, buf("/trunc") + flag(True)), (GET_DATA, buf("/") + flag(False)),
            (SET_DATA, buf("/trunc") + buf("x") + i32(-1)), (GET_ACL, buf("/")), (SET_ACL, buf("/trunc") + acls(OPEN) + i32(-1)),
            (GET_CHILDREN, buf("/") + flag(False)), (SYNC, buf("/")), (MULTI, multi_body([(CREATE, create_body("/trunc"))])),
            (MULTI_READ, multi_body([(GET_DATA, buf("/") + flag(False))])), (ADD_WATCH, buf("/trunc") + i32(0)),
            (REMOVE_WATCHES, buf("/trunc") + i32(3)), (SET_WATCHES, i64(0) + strings(["/a"]) * 3),
            (SET_WATCHES2, i64(0) + strings(["/a"]) * 5), (GET_EPHEMERALS, buf("/")), (GET_ALL_CHILDREN_NUMBER, buf("/")),
        ]
        c = self.connect()
        for op, body in whole:
            sent = [c.post(op, body[:cut]) for cut in range(len(body))]
            for cut, xid in enumerate(sent):
                reply = c.next_reply()
                self.assertEqual(reply.xid, xid)
                self.assertEqual(reply.err, MARSHALLING, (op, cut))
        self.assertEqual(c.exists("/trunc").err, NO_NODE)

    def test_lengths_and_counts_inside_records(self):
        c = self.connect()
        for inner in (-2, -2147483648, 0x7fffffff, 100):
            self.assertEqual(c.call(GET_DATA, i32(inner) + b"/x" + flag(False)).err, MARSHALLING)
            self.assertEqual(c.call(CREATE, buf("/x") + i32(inner) + b"x").err, MARSHALLING)
        for count in (0x7fffffff, 1000000):
            self.assertEqual(c.call(CREATE, buf("/x") + buf("") + i32(count)).err, MARSHALLING)
            self.assertEqual(c.call(SET_WATCHES, i64(0) + i32(count), xid=-8).err, MARSHALLING)
        self.assertEqual(c.create("/x", acl=None).err, INVALID_ACL)
        self.assertEqual(c.call(CREATE, buf("/x") + buf("") + i32(-7) + i32(0)).err, INVALID_ACL)

    def test_paths_that_are_no_text(self):
        c = self.connect()
        for raw in (b"/\xff\xfe", b"/\xc3", b"/\xed\xa0\x80", b"/\xf0\x9f\x90\xb4"):
            self.assertEqual(c.call(CREATE, create_body(raw)).err, BAD_ARGUMENTS)
            self.assertEqual(c.call(GET_DATA, buf(raw) + flag(False)).err, NO_NODE)

    def test_random_frames(self):
        chance = random.Random(4711)
        for _ in range(150):
            c = self.connect()
            try:
                for _ in range(20):
                    op = chance.choice([1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 14, 15, 16, 17, 18, 19, 22, 101, 103, 104, 105, 106, 107])
                    body = bytes(chance.randrange(256) for _ in range(chance.randrange(60)))
                    c.post(op, body)
                c.sock.shutdown(socket.SHUT_WR)
                while True:
                    c.next_reply()
            except (Closed, OSError):
                pass
            c.drop()

    def test_random_bytes(self):
        chance = random.Random(42)
        for _ in range(150):
            c = self.connect(handshake=chance.random() < 0.5)
            try:
                c.raw(bytes(chance.randrange(256) for _ in range(chance.randrange(1, 400))))
                c.sock.shutdown(socket.SHUT_WR)
                self.assertTrue(c.closes())
            except OSError:
                pass
            c.drop()

    def test_handshakes_that_are_none(self):
        for body in (b"", b"\0" * 8, connect_request()[:20], connect_request()[:-2 - 16], i32(0) + i64(0) + i32(0) + i64(0) + i32(-5)):
            c = self.connect(handshake=False)
            c.send(body)
            self.assertTrue(c.closes())
            c.drop()

    def test_half_open_and_slow_clients_are_dropped_in_time(self):
        silent = [self.connect(handshake=False) for _ in range(20)]
        slow = self.connect(handshake=False)
        began = time.monotonic()
        end = began + 12
        hello = i32(45) + connect_request()
        at = 0
        while time.monotonic() < end and at < 8:
            try:
                slow.raw(hello[at:at + 1])
            except OSError:
                break
            at += 1
            time.sleep(0.2)
        for c in silent:
            self.assertTrue(c.closes(10))
        slow.drop()

    def test_thousands_of_connections_opened_and_dropped(self):
        before = None
        for round_number in range(2):
            for _ in range(10):
                socks = []
                for i in range(100):
                    sock = socket.socket()
                    sock.connect(("127.0.0.1", self.server.port))
                    if i % 3 == 0:
                        sock.sendall(i32(45) + connect_request())
                    elif i % 3 == 1:
                        sock.sendall(b"\0\0")
                    if i % 2:
                        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    socks.append(sock)
                for sock in socks:
                    sock.close()
                self.assertEqual(self.witness.exists("/").err, OK)
            if round_number == 0:
                before = self.server.rss_kb()
        if KIND == PADDOCK and not SANITIZED:
            self.assertTrue(self.server.rss_kb() - before < 4096, (before, self.server.rss_kb()))
        wait_until(lambda: len(os.listdir("/proc/%d/fd" % self.server.pid)) < 250, "the descriptors are given back")

    def test_a_client_that_never_reads_does_not_fill_the_memory(self):
        big = self.path()
        self.assertEqual(self.witness.create(big, b"x" * 1000000).err, OK)
        before = self.server.rss_kb()
        greedy = []
        for _ in range(5):
            c = self.connect(receive_buffer=4096)
            greedy.append(c)
            c.sock.setblocking(False)
            request = i32(len(buf(big)) + 9) + i32(1) + i32(GET_DATA) + buf(big) + flag(False)
            try:
                for _ in range(200):
                    c.sock.sendall(request)
            except BlockingIOError:
                pass
        end = time.monotonic() + 2
        worst = 0
        while time.monotonic() < end:
            self.assertEqual(self.witness.exists("/").err, OK)
            worst = max(worst, self.server.rss_kb())
            time.sleep(0.01)
        if KIND == PADDOCK:
            self.assertTrue(worst - before < (200000 if SANITIZED else 40000), (before, worst))
        # What was asked comes, once it is read.
        reader = greedy[0]
        reader.sock.settimeout(15)
        for _ in range(5):
            self.assertEqual(len(reader.next_reply().body.buf()), 1000000)

    def test_many_megabytes_asked_at_once_come_in_full(self):
        big = self.path()
        self.assertEqual(self.witness.create(big, b"y" * 1000000).err, OK)
        for _ in range(5):
            c = self.connect()
            sent = [c.post(GET_DATA, buf(big) + flag(False)) for _ in range(30)]
            for xid in sent:
                reply = c.next_reply()
                self.assertEqual((reply.xid, len(reply.body.buf())), (xid, 1000000))
            c.drop()

    def test_a_watcher_that_never_reads_is_bounded(self):
        p = self.path()
        self.witness.create(p)
        deaf = self.connect(receive_buffer=4096)
        deaf.add_watch(p, 0)
        before = self.server.rss_kb()
        for _ in range(20):
            for _ in range(500):
                self.witness.post(SET_DATA, buf(p) + buf("x") + i32(-1))
            for _ in range(500):
                self.assertEqual(self.witness.next_reply().err, OK)
        if KIND == PADDOCK and not SANITIZED:
            self.assertTrue(self.server.rss_kb() - before < 40000)

    def test_requests_without_end_are_answered_in_turn(self):
        flood = self.connect()
        frame = i32(len(buf("/")) + 9) + i32(7) + i32(GET_DATA) + buf("/") + flag(False)
        flood.raw(frame * 20000)
        began = time.monotonic()
        self.assertEqual(self.witness.exists("/").err, OK)
        self.assertTrue(time.monotonic() - began < 5)
        for _ in range(20000):
            self.assertEqual(flood.next_reply().err, OK)


if __name__ == "__main__":
    main()

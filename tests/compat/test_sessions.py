#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How sessions begin, move, expire and end; changes when sessions do."""

import time

from harness import Case, differs, main, wait_until
from rawzk import *

MASK = (1 << 48) - 1


def password_of(session):
    """What every server computes for a session id."""
    state = ((session & (1 << 64) - 1) ^ 0xB3415C00 ^ 0x5DEECE66D) & MASK
    out = b""
    for _ in range(4):
        state = (state * 0x5DEECE66D + 0xB) & MASK
        out += struct.pack("<I", (state >> 16) & 0xffffffff)
    return out


class Handshake(Case):
    settings = {"minSessionTimeout": "3000", "maxSessionTimeout": "50000"}

    def test_a_new_session_gets_an_id_and_the_password_of_it(self):
        c = self.connect()
        self.assertEqual((c.protocol, c.timeout, c.read_only, c.welcome_left), (0, 10000, False, 0))
        self.assertEqual(c.session >> 56, 1)
        self.assertEqual(c.password, password_of(c.session))
        self.assertNotEqual(c.session, self.connect().session)

    def test_old_clients_without_the_read_only_byte(self):
        c = self.connect(read_only=None)
        self.assertEqual((c.timeout, c.read_only, c.welcome_left), (10000, None, 0))
        self.assertEqual(c.exists("/").err, OK)

    def test_timeouts_are_kept_within_bounds(self):
        for asked, given in ((10000, 10000), (1, 3000), (0, 3000), (-5, 3000), (3000, 3000), (50001, 50000), (1 << 30, 50000)):
            self.assertEqual(self.connect(timeout=asked).timeout, given)

    def test_password_of_a_new_session_is_not_looked_at(self):
        for password in (b"", None, b"x" * 16, b"y" * 40):
            c = self.connect(password=password)
            self.assertEqual(c.password, password_of(c.session))

    def test_read_only_clients_are_welcome(self):
        self.assertEqual(self.connect(read_only=True).read_only, False)

    def test_a_client_that_has_seen_the_future_is_turned_away(self):
        c = self.connect(handshake=False)
        c.send(connect_request(last_zxid=1 << 40))
        self.assertRaises(Closed, c.receive)

    def test_requests_sent_with_the_handshake_are_served(self):
        c = self.connect(handshake=False)
        hello = connect_request()
        get = i32(1) + i32(GET_DATA) + buf("/") + flag(False)
        c.raw(i32(len(hello)) + hello + (i32(len(get)) + get) * 3)
        c.welcome()
        self.assertEqual([c.next_reply().err for _ in range(3)], [OK] * 3)

    def test_a_handshake_byte_by_byte(self):
        c = self.connect(handshake=False)
        hello = connect_request()
        for byte in i32(len(hello)) + hello:
            c.raw(bytes([byte]))
        c.welcome()
        self.assertTrue(c.session != 0)

    def test_the_protocol_version_is_ignored(self):
        c = self.connect(handshake=False)
        c.send(i32(77) + connect_request()[4:])
        c.welcome()
        self.assertEqual((c.protocol, c.timeout), (0, 10000))


class Attaching(Case):
    def assert_refused(self, c):
        self.assertEqual((c.timeout, c.session, c.password, c.read_only), (0, 0, b"\0" * 16, False))
        self.assertTrue(c.closes())

    def test_a_session_goes_on_over_another_connection(self):
        c = self.connect()
        c.create(self.path(), flags=EPHEMERAL)
        c.drop()
        again = self.connect(session=c.session, password=c.password, timeout=20000)
        self.assertEqual((again.session, again.password, again.timeout), (c.session, c.password, 20000))
        self.assertEqual(again.exists(self.path()).stat.owner, c.session)

    def test_attaching_closes_the_old_connection(self):
        c = self.connect()
        again = self.connect(session=c.session, password=c.password)
        self.assertTrue(c.closes())
        self.assertEqual(again.exists("/").err, OK)

    def test_a_wrong_password_is_refused(self):
        c = self.connect()
        for password in (b"x" * 16, b"", None, c.password[:15], c.password + b"x"):
            self.assert_refused(self.connect(session=c.session, password=password))

    def test_a_wrong_password_does_not_harm_the_session(self):
        if differs(True, False):
            self.skipTest("3.8.0 closes the victim's connection")
        c = self.connect()
        self.connect(session=c.session, password=b"x" * 16)
        self.assertEqual(c.exists("/").err, OK)

    def test_an_unknown_session_is_refused(self):
        self.assert_refused(self.connect(session=0x0123456789abcdef, password=password_of(0x0123456789abcdef)))

    def test_a_closed_session_is_gone(self):
        c = self.connect()
        c.create(self.path(), flags=EPHEMERAL)
        reply = c.close_session()
        self.assertEqual((reply.err, reply.body.left()), (OK, 0))
        self.assertTrue(c.closes())
        self.assert_refused(self.connect(session=c.session, password=c.password))
        self.assertEqual(self.connect().exists(self.path()).err, NO_NODE)

    def test_replies_in_the_pipeline_come_before_the_end(self):
        c = self.connect()
        sent = [c.post(CREATE, create_body(self.path("%d" % i))) for i in range(50)]
        sent.append(c.post(CLOSE_SESSION))
        self.assertEqual([c.next_reply().xid for _ in sent], sent)
        self.assertTrue(c.closes())

    def test_requests_behind_the_end_are_not_served(self):
        c = self.connect()
        c.post(CLOSE_SESSION)
        for i in range(50):
            c.post(CREATE, create_body(self.path("%d" % i), flags=EPHEMERAL))
            c.post(GET_DATA, buf("/") + flag(False))
            c.post(CLOSE_SESSION)
        self.assertEqual(c.next_reply().err, OK)
        self.assertTrue(c.closes())
        other = self.connect()
        self.assertEqual({other.exists(self.path("%d" % i)).err for i in range(50)}, {NO_NODE})

    def test_ephemerals_made_just_before_the_end_are_gone(self):
        c = self.connect()
        for i in range(20):
            c.post(CREATE, create_body(self.path("%d" % i), flags=EPHEMERAL))
        c.post(CLOSE_SESSION)
        self.assertEqual([c.next_reply().err for _ in range(21)], [OK] * 21)
        other = self.connect()
        self.assertEqual({other.exists(self.path("%d" % i)).err for i in range(20)}, {NO_NODE})

    def test_a_session_survives_a_restart_with_its_ephemerals(self):
        c = self.connect(timeout=30000)
        c.create(self.path(), flags=EPHEMERAL)
        self.server.kill()
        self.server.start()
        again = self.connect(session=c.session, password=c.password, timeout=30000)
        self.assertEqual(again.session, c.session)
        self.assertEqual(again.exists(self.path()).stat.owner, c.session)
        self.assertNotEqual(self.connect().session, c.session)


class Expiry(Case):
    settings = {"tickTime": "200", "minSessionTimeout": "400", "maxSessionTimeout": "60000"}

    def test_silence_ends_a_session_and_its_ephemerals(self):
        c = self.connect(timeout=800)
        watcher = self.connect(timeout=30000)
        c.create(self.path(), flags=EPHEMERAL)
        watcher.exists(self.path(), True)
        began = time.monotonic()
        reply = None
        while not watcher.events:
            self.assertTrue(time.monotonic() - began < 10)
            reply = watcher.call(PING, xid=-2)
            time.sleep(0.02)
        self.assertEqual(reply.err, OK)
        self.assertTrue(0.7 < time.monotonic() - began < 5.0, time.monotonic() - began)
        self.assertEqual([(e.type, e.path) for e in watcher.events], [(DELETED, self.path())])
        self.assertTrue(c.closes())
        again = self.connect(session=c.session, password=c.password)
        self.assertEqual((again.timeout, again.session), (0, 0))

    def test_pings_keep_a_session(self):
        c = self.connect(timeout=800)
        c.create(self.path(), flags=EPHEMERAL)
        end = time.monotonic() + 2.5
        while time.monotonic() < end:
            c.call(PING, xid=-2)
            time.sleep(0.1)
        self.assertEqual(c.exists(self.path()).err, OK)

    def test_a_session_without_connection_lives_until_its_time(self):
        c = self.connect(timeout=3000)
        c.create(self.path(), flags=EPHEMERAL)
        c.drop()
        time.sleep(0.5)
        again = self.connect(session=c.session, password=c.password, timeout=800)
        self.assertEqual((again.session, again.timeout), (c.session, 800))
        again.drop()
        other = self.connect(timeout=60000)
        wait_until(lambda: other.exists(self.path()).err == NO_NODE, "the ephemeral goes")

    def test_many_sessions_expire_together(self):
        clients = [self.connect(timeout=800) for _ in range(100)]
        p = self.path()
        keeper = self.connect(timeout=60000)
        keeper.create(p)
        for i, c in enumerate(clients):
            c.create("%s/%d" % (p, i), flags=EPHEMERAL)
            c.drop()
        wait_until(lambda: keeper.children(p).children == [], "all ephemerals go")


if __name__ == "__main__":
    main()

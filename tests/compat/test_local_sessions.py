#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Local sessions and read-only service beside Apache ZooKeeper's, in mixed ensembles; changes when either does."""

import unittest

import rawzk
from ensemble import Ensemble
from harness import JAVA, PADDOCK, have_java, main, need, wait_until
from rawzk import CREATE, CREATE2, EPHEMERAL, EPHEMERAL_SEQUENTIAL, MULTI, NO_NODE, NODE_EXISTS, OK, SYNC, buf, i32

NOT_READ_ONLY, EPHEMERAL_ON_LOCAL_SESSION = -119, -120
LOCAL = {"localSessionsEnabled": "true", "localSessionsUpgradingEnabled": "true", "4lw.commands.whitelist": "*"}
READ_ONLY = dict(LOCAL, **{"readonlymode.enabled": "true"})
# The two of one kind start first, and one of them leads.
MIXES = [(JAVA, PADDOCK, PADDOCK), (PADDOCK, JAVA, JAVA)]


class Base(unittest.TestCase):
    def begin(self, kinds, settings):
        ensemble = Ensemble(kinds, settings=settings)
        self.addCleanup(ensemble.kill)
        ensemble.start(2, 3)
        return ensemble.start()

    def client(self, member, **arguments):
        client = member.client(**arguments)
        self.addCleanup(client.drop)
        return client


class LocalSessions(Base):
    def check_member(self, ensemble, member):
        client = self.client(member, timeout=20000)
        path = "/s%d" % member.sid
        self.assertEqual(client.create(path + "-p").err, OK)
        self.assertEqual(client.create(path + "-p").err, NODE_EXISTS)
        self.assertEqual(client.set(path + "-p", b"x").err, OK)
        # Still known to its server alone: another one says that it expired.
        other = next(m for m in ensemble.running if m is not member)
        moved = self.client(other, session=client.session, password=client.password)
        self.assertEqual(moved.session, 0)
        self.assertEqual(client.create(path + "-e", flags=EPHEMERAL, op=CREATE2).err, OK)
        self.assertEqual(client.create(path + "-e", flags=EPHEMERAL_SEQUENTIAL).err, OK)
        self.assertEqual(client.call(SYNC, buf("/")).err, OK)
        # From now on all know it, and it moves with what it made.
        moved = self.client(other, session=client.session, password=client.password, timeout=20000)
        self.assertEqual(moved.session, client.session)
        self.assertEqual(moved.call(SYNC, buf("/")).err, OK)
        self.assertEqual(moved.exists(path + "-e").stat.owner, client.session)
        self.assertEqual(moved.close_session().err, OK)
        for each in ensemble.running:
            witness = self.client(each)
            wait_until(lambda: witness.exists(path + "-e").err == NO_NODE, "the ephemeral goes everywhere", 10)

    def test_sessions_upgrade_through_every_member_of_every_mix(self):
        for kinds in MIXES:
            with self.subTest(kinds=kinds):
                ensemble = self.begin(kinds, LOCAL)
                self.assertEqual(ensemble.leader().kind, kinds[-1])
                for member in ensemble.members:
                    with self.subTest(member=member.sid, kind=member.kind):
                        self.check_member(ensemble, member)
                ensemble.assert_equal(self)
                ensemble.stop()

    def test_without_upgrading_no_member_makes_an_ephemeral(self):
        for kinds in MIXES:
            with self.subTest(kinds=kinds):
                ensemble = self.begin(kinds, {"localSessionsEnabled": "true"})
                for member in ensemble.members:
                    client = self.client(member)
                    self.assertEqual(client.create("/e%d" % member.sid, flags=EPHEMERAL).err, EPHEMERAL_ON_LOCAL_SESSION)
                    self.assertEqual(client.create("/p%d" % member.sid).err, OK)
                ensemble.stop()


class ReadOnly(Base):
    def answers(self, member):
        """What a server left alone says to a client that allows it, and to one that does not."""
        client = self.client(member, read_only=True)
        said = [client.read_only, client.timeout, client.get("/a").data, client.children("/").children]
        said += [client.call(op, body).err for op, body in [
            (CREATE, rawzk.create_body("/b")), (CREATE, rawzk.create_body("/b", flags=EPHEMERAL)),
            (rawzk.DELETE, buf("/a") + i32(-1)), (rawzk.SET_DATA, buf("/a") + buf("") + i32(-1)), (SYNC, buf("/")),
            (MULTI, rawzk.multi_body([]))]]
        said.append(client.exists("/none").err)
        again = self.client(member, read_only=True, session=client.session, password=client.password)
        said.append(again.session == client.session)
        said.append(again.close_session().err)
        strict = rawzk.Client(member.port, handshake=False)
        self.addCleanup(strict.drop)
        strict.send(rawzk.connect_request(10000, 0, b"\0" * 16, False, 0))
        said.append(strict.closes())
        return said

    def test_a_server_left_alone_answers_as_apaches_does(self):
        said = []
        for kinds in ((JAVA, PADDOCK, PADDOCK), (PADDOCK, JAVA, JAVA)):
            ensemble = self.begin(kinds, READ_ONLY)
            writer = self.client(ensemble.leader())
            self.assertEqual(writer.create("/a", b"data").err, OK)
            self.assertEqual(writer.create("/e", flags=EPHEMERAL).err, OK)
            ensemble.assert_equal(self)
            alone = ensemble[1]
            ensemble[2].kill()
            ensemble[3].kill()
            wait_until(lambda: alone.mode() == "read-only", "read-only service", 30)
            renewed = rawzk.Client(alone.port, handshake=False)
            self.addCleanup(renewed.drop)
            renewed.send(rawzk.connect_request(10000, writer.session, writer.password, True, 0))
            self.assertTrue(renewed.closes())
            said.append(self.answers(alone))
            ensemble.launch(2, 3)
            wait_until(lambda: alone.mode() in ("leader", "follower"), "a leader", 30)
            back = self.client(alone, session=writer.session, password=writer.password)
            self.assertEqual(back.session, writer.session)
            self.assertFalse(back.read_only)
            ensemble.stop()
        self.assertEqual(said[0], said[1])
        self.assertTrue(said[0][0])
        self.assertEqual(said[0][4:10], [NOT_READ_ONLY] * 6)


if __name__ == "__main__":
    need(have_java(), "no Apache ZooKeeper here (package zookeeper)")
    main()

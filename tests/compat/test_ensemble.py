#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Three of our servers as one: elections, kills, sessions that move; with each election. Changes when an ensemble behaves
differently to its clients."""

import logging
import threading
import time
import unittest

from kazoo.client import KazooClient
from kazoo.exceptions import ConnectionLoss, OperationTimeoutError
from kazoo.retry import KazooRetry

import rawzk
from ensemble import Ensemble
from harness import JAVA, PADDOCK, have_java, main, wait_until
from rawzk import CREATE, EPHEMERAL, OK, SEQUENTIAL, SYNC, buf

logging.getLogger("kazoo").setLevel(logging.CRITICAL)  # that connections break is what these tests are about


class Writer(threading.Thread):
    """Creates sequential nodes as fast as one client can, through every loss; keeps what was acknowledged."""

    def __init__(self, hosts, base):
        super().__init__(daemon=True)
        self.base = base
        self.acknowledged = []
        self.gaps = []  # seconds between two acknowledged writes
        self.errors = []
        self.over = threading.Event()
        self.client = KazooClient(hosts, timeout=20, connection_retry=KazooRetry(max_tries=-1, delay=0.02, max_delay=0.1))
        self.client.start(30)
        self.client.ensure_path(base)

    def run(self):
        last = time.monotonic()
        while not self.over.is_set():
            try:
                path = self.client.create(self.base + "/n-", b"x", sequence=True)
                now = time.monotonic()
                self.gaps.append(now - last)
                last = now
                self.acknowledged.append(path)
            except (ConnectionLoss, OperationTimeoutError):
                time.sleep(0.005)
            except Exception as error:  # an expired session among them: nothing here may end it
                self.errors.append(repr(error))
                return

    def finish(self):
        self.over.set()
        self.join(30)

    def close(self):
        self.client.stop()
        self.client.close()


class AnEnsemble:
    """Cases for one election; subclasses name it."""

    election = None

    def begin(self, kinds=(PADDOCK,) * 3, **arguments):
        ensemble = Ensemble(kinds, election=self.election, **arguments)
        self.addCleanup(ensemble.kill)
        return ensemble.start()

    def client(self, member, **arguments):
        client = member.client(**arguments)
        self.addCleanup(client.drop)
        return client

    def test_one_leads_and_all_serve(self):
        ensemble = self.begin()
        modes = sorted(member.mode() for member in ensemble.members)
        self.assertEqual(modes, ["follower", "follower", "leader"])
        for sid in (1, 2, 3):
            client = self.client(ensemble[sid])
            self.assertEqual(client.create("/at%d" % sid, b"%d" % sid).err, OK)
            self.assertEqual(client.get("/at%d" % sid).data, b"%d" % sid)
            self.assertEqual(client.create("/at%d" % sid).err, rawzk.NODE_EXISTS)
            self.assertEqual(client.delete("/none").err, rawzk.NO_NODE)
        for sid in (1, 2, 3):
            client = self.client(ensemble[sid])
            self.assertEqual(client.call(SYNC, buf("/")).err, OK)
            self.assertEqual([n for n in client.children("/").children if n != "zookeeper"], ["at1", "at2", "at3"])
        ensemble.assert_equal(self)
        ensemble.stop()

    def test_multi_acl_and_watches_work_at_every_server(self):
        ensemble = self.begin()
        for sid in (1, 2, 3):
            client = self.client(ensemble[sid])
            base = "/m%d" % sid
            self.assertEqual(client.auth("digest", "u:p").err, OK)
            reply = client.multi([(CREATE, rawzk.create_body(base)), (CREATE, rawzk.create_body(base + "/a")),
                                  (rawzk.SET_DATA, buf(base) + buf("v") + rawzk.i32(0))])
            self.assertEqual([result[1] for result in reply.results], [0, 0, 0])
            reply = client.multi([(CREATE, rawzk.create_body(base + "/b")), (rawzk.CHECK, buf("/none") + rawzk.i32(0))])
            self.assertEqual(reply.results[-1][2], rawzk.NO_NODE)
            self.assertEqual(client.create(base + "/mine", acl=[(rawzk.ALL, "auth", "")]).err, OK)
            stranger = self.client(ensemble[sid % 3 + 1])
            stranger.call(SYNC, buf("/"))
            self.assertEqual(stranger.get(base + "/mine").err, rawzk.NO_AUTH)
            self.assertEqual(stranger.set(base + "/mine", b"no").err, rawzk.NO_AUTH)
            self.assertEqual(stranger.get(base, watch=True).err, OK)
            client.set(base, b"changed")
            wait_until(lambda: stranger.heard() == [(3, base)] or None, "the watch at another server")
        ensemble.stop()

    def test_a_killed_leader_is_replaced_and_nothing_acknowledged_is_lost(self):
        ensemble = self.begin()
        writer = Writer(ensemble.hosts(), "/load")
        self.addCleanup(writer.close)
        writer.start()
        for _ in range(4):
            reached = len(writer.acknowledged) + 50
            wait_until(lambda: len(writer.acknowledged) > reached or writer.errors, "writes", 30)
            leader = ensemble.leader()
            leader.kill()
            reached = len(writer.acknowledged) + 20
            wait_until(lambda: len(writer.acknowledged) > reached or writer.errors, "writes after a kill", 30)
            leader.launch()
            ensemble.wait_ready()
        writer.finish()
        self.assertEqual(writer.errors, [])
        self.check_load(ensemble, writer)
        ensemble.stop()

    def check_load(self, ensemble, writer):
        ensemble.assert_equal(self)
        for member in ensemble.running:
            client = self.client(member)
            client.call(SYNC, buf("/"))
            there = set(client.children(writer.base).children)
            missing = [path for path in writer.acknowledged if path.rsplit("/", 1)[1] not in there]
            self.assertEqual(missing, [], "at server %d" % member.sid)
        self.assertEqual(len(set(writer.acknowledged)), len(writer.acknowledged))
        self.assertEqual(sorted(writer.acknowledged), writer.acknowledged)

    def test_all_killed_at_once_come_back_with_everything(self):
        ensemble = self.begin()
        writer = Writer(ensemble.hosts(), "/load")
        self.addCleanup(writer.close)
        writer.start()
        for _ in range(3):
            reached = len(writer.acknowledged) + 50
            wait_until(lambda: len(writer.acknowledged) > reached or writer.errors, "writes", 30)
            ensemble.kill()
            ensemble.start()
        reached = len(writer.acknowledged) + 20
        wait_until(lambda: len(writer.acknowledged) > reached or writer.errors, "writes at the end", 30)
        writer.finish()
        self.assertEqual(writer.errors, [])
        self.check_load(ensemble, writer)
        ensemble.stop()

    def test_a_session_moves_with_its_ephemerals(self):
        ensemble = self.begin()
        first = self.client(ensemble[1], timeout=20000)
        self.assertEqual(first.create("/mine", b"e", flags=EPHEMERAL).err, OK)
        second = self.client(ensemble[2], timeout=20000, session=first.session, password=first.password)
        self.assertEqual(second.session, first.session)
        self.assertEqual(second.get("/mine").err, OK)
        self.assertEqual(second.create("/more", flags=EPHEMERAL).err, OK)
        wrong = self.client(ensemble[3], timeout=20000, session=first.session, password=b"y" * 16)
        self.assertEqual(wrong.session, 0)
        self.assertEqual(second.close_session().err, OK)
        for sid in (1, 2, 3):
            client = self.client(ensemble[sid])
            client.call(SYNC, buf("/"))
            self.assertEqual(client.exists("/mine").err, rawzk.NO_NODE)
            self.assertEqual(client.exists("/more").err, rawzk.NO_NODE)
        ensemble.stop()

    def test_a_lost_client_expires_at_every_server(self):
        ensemble = self.begin(settings={"tickTime": "500"})
        follower = next(member for member in ensemble.members if member.mode() == "follower")
        client = self.client(follower, timeout=2000)
        self.assertEqual(client.create("/short", flags=EPHEMERAL).err, OK)
        client.drop()
        other = self.client(ensemble.leader(), timeout=10000)
        wait_until(lambda: other.exists("/short").err == rawzk.NO_NODE, "the end of the ephemeral", 10)
        ensemble.stop()

    def test_clients_of_a_follower_are_cut_off_when_its_leader_is_lost(self):
        """The next leader would not know through whom their sessions speak: they come again, and it asks."""
        ensemble = self.begin()
        leader = ensemble.leader()
        clients = [self.client(member, timeout=20000) for member in ensemble.members if member is not leader]
        self.assertEqual([client.get("/").err for client in clients], [OK, OK])
        leader.kill()
        ensemble.wait_ready()
        for client in clients:
            with self.assertRaises((rawzk.Closed, OSError)):
                client.get("/")

    def test_a_minority_does_not_serve(self):
        ensemble = self.begin()
        leader = ensemble.leader()
        for member in ensemble.members:
            if member is not leader:
                member.kill()
        wait_until(lambda: leader.mode() is None, "the leader to step down", 15)
        with self.assertRaises((rawzk.Closed, OSError)):
            leader.client(limit=3.0).create("/never")
        ensemble.launch()
        ensemble.wait_ready()
        ensemble.stop()

    def test_a_wiped_follower_is_filled_again(self):
        ensemble = self.begin()
        client = self.client(ensemble.leader())
        for i in range(1200):
            client.post(CREATE, rawzk.create_body("/w%04d" % i, b"x" * 200))
        for i in range(1200):
            self.assertEqual(client.next_reply().err, OK)
        follower = next(member for member in ensemble.members if member.mode() == "follower")
        follower.kill()
        follower.wipe()
        for i in range(50):
            self.assertEqual(client.set("/w%04d" % i, b"later").err, OK)
        follower.launch()
        ensemble.wait_ready()
        ensemble.assert_equal(self)
        follower.kill()
        follower.launch()
        ensemble.wait_ready()
        ensemble.assert_equal(self)
        ensemble.stop()

    def test_a_follower_that_was_away_catches_up(self):
        ensemble = self.begin()
        follower = next(member for member in ensemble.members if member.mode() == "follower")
        client = self.client(ensemble.leader())
        for count in (5, 700):
            follower.kill()
            for i in range(count):
                client.post(CREATE, rawzk.create_body("/c-", b"y", flags=SEQUENTIAL))
            for i in range(count):
                self.assertEqual(client.next_reply().err, OK)
            follower.launch()
            ensemble.wait_ready()
            ensemble.assert_equal(self)
        ensemble.stop()

    def test_an_observer_serves_and_does_not_vote(self):
        ensemble = Ensemble([PADDOCK] * 3, observers=[PADDOCK], election=self.election)
        self.addCleanup(ensemble.kill)
        ensemble.start()
        self.assertEqual(ensemble[4].mode(), "observer")
        client = self.client(ensemble[4])
        self.assertEqual(client.create("/by-observer", b"o").err, OK)
        self.assertEqual(client.get("/by-observer").data, b"o")
        ensemble.leader().kill()
        ensemble.wait_ready()
        self.assertEqual(ensemble[4].mode(), "observer")
        client = self.client(ensemble[4])
        self.assertEqual(client.create("/again", b"o").err, OK)
        ensemble.assert_equal(self)
        ensemble.stop()

    def test_a_leader_that_stands_still_is_replaced_and_comes_back(self):
        ensemble = self.begin(settings={"tickTime": "500", "syncLimit": "4"})
        old = ensemble.leader()
        others = [member for member in ensemble.members if member is not old]
        writer = Writer(ensemble.hosts(*[member.sid for member in others]), "/load")
        self.addCleanup(writer.close)
        writer.start()
        reached = len(writer.acknowledged) + 50
        wait_until(lambda: len(writer.acknowledged) > reached, "writes", 30)
        old.pause()
        wait_until(lambda: "leader" in [member.mode() for member in others], "another leader", 30)
        reached = len(writer.acknowledged) + 20
        wait_until(lambda: len(writer.acknowledged) > reached or writer.errors, "writes meanwhile", 30)
        old.resume()
        ensemble.wait_ready()
        writer.finish()
        self.assertEqual(writer.errors, [])
        self.check_load(ensemble, writer)
        self.assertEqual([member.mode() for member in ensemble.members].count("leader"), 1)
        ensemble.stop()


class WithFle(AnEnsemble, unittest.TestCase):
    election = "fle"


class WithPaxos(AnEnsemble, unittest.TestCase):
    election = "paxos"


class Disagreement(unittest.TestCase):
    """Members whose elections do not understand each other: nobody leads, and everyone says why."""

    REMEDY = "set the same election on all members"

    def begin(self, other):
        """Server 1 runs fle, server 2 paxos."""
        ensemble = Ensemble((other, PADDOCK), election="fle")
        self.addCleanup(ensemble.kill)
        ensemble[1].launch()
        ensemble.election = "paxos"
        ensemble[2].launch()
        return ensemble

    def assert_said(self, member, what):
        wait_until(lambda: what in member.log(), "%r at server %d" % (what, member.sid), 20)
        line = next(line for line in member.log().splitlines() if what in line)
        self.assertIn("ERROR", line)
        self.assertIn(self.REMEDY, line)

    def test_members_with_different_elections_say_so(self):
        ensemble = self.begin(PADDOCK)
        self.assert_said(ensemble[1], "peer 2 runs paxos, this server runs fle")
        self.assert_said(ensemble[2], "peer 1 runs fle, this server runs paxos")
        self.assertEqual([member.mode() for member in ensemble.members], [None, None])
        # With the same election they agree.
        ensemble[2].stop()
        ensemble.election = "fle"
        ensemble.start()
        self.assertIsNotNone(ensemble.leader())

    @unittest.skipUnless(have_java(), "no Apache ZooKeeper here (package zookeeper)")
    def test_beside_a_server_of_apache_paxos_says_so(self):
        ensemble = self.begin(JAVA)
        self.assert_said(ensemble[2], "peer 1 runs fle, this server runs paxos")
        self.assertIsNone(ensemble[2].mode())
        ensemble[2].stop()
        ensemble.election = "fle"
        ensemble.start()
        self.assertIsNotNone(ensemble.leader())


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Three of our servers while everything around them fails. Changes when an ensemble bears another kind of fault."""

import os
import random
import resource
import socket
import struct
import threading
import time
import unittest
import zlib

import rawzk
from ensemble import Ensemble
from harness import PADDOCK, SANITIZED, main, wait_until
from links import RelayedEnsemble
from rawzk import CREATE, EPHEMERAL, OK, SYNC, buf, create_body
from test_ensemble import Writer

QUICK = {"tickTime": "500", "initLimit": "10", "syncLimit": "4", "maxSessionTimeout": "60000"}
NOTIFICATION_VERSION = -65536
MEMORY_KB = 64 * 1024  # what a server may grow by while strangers shout at it


def write_history(data_dir, zxid):
    """A data directory whose last txn is @zxid: one node, in a snapshot."""
    def node(path, data):
        return buf(path) + buf(data) + struct.pack(">q", -1) + struct.pack(">qqqqiiiqq", 0, 0, 0, 0, 0, 0, 0, 0, 0)
    body = b"ZKSN" + struct.pack(">iq", 2, -1) + struct.pack(">ii", 0, 0)
    body += node("", b"") + node("/before", b"wrap") + node("/zookeeper", b"") + node("/zookeeper/quota", b"") + buf("/")
    body += struct.pack(">q", zlib.adler32(body)) + buf("/")
    directory = os.path.join(data_dir, "version-2")
    os.makedirs(directory)
    with open(os.path.join(directory, "snapshot.%x" % zxid), "wb") as snapshot:
        snapshot.write(body)
    for name in ("acceptedEpoch", "currentEpoch"):
        with open(os.path.join(directory, name), "w") as epoch:
            epoch.write("%d" % (zxid >> 32))


class Faults(unittest.TestCase):
    def begin(self, make=Ensemble, sids=(), **arguments):
        ensemble = make((PADDOCK,) * 3, settings=dict(QUICK, **arguments.pop("settings", {})), **arguments)
        self.addCleanup(ensemble.kill)
        return ensemble.start(*sids)

    def client(self, member, **arguments):
        client = member.client(**arguments)
        self.addCleanup(client.drop)
        return client

    def writer(self, ensemble, *sids, base="/load"):
        writer = Writer(ensemble.hosts(*sids), base)
        self.addCleanup(writer.close)
        writer.start()
        return writer

    def await_writes(self, writers, count=20, limit=40):
        """Each of them gets @count more."""
        for writer in writers:
            reached = len(writer.acknowledged) + count
            wait_until(lambda: len(writer.acknowledged) > reached or writer.errors, "writes of %s" % writer.base, limit)
            self.assertEqual(writer.errors, [])

    def check(self, ensemble, writers):
        """Everything acknowledged is everywhere, in order, once."""
        for writer in writers:
            writer.finish()
            self.assertEqual(writer.errors, [])
        ensemble.assert_equal(self)
        for member in ensemble.running:
            client = self.client(member)
            client.call(SYNC, buf("/"))
            for writer in writers:
                there = set(client.children(writer.base).children)
                missing = [path for path in writer.acknowledged if path.rsplit("/", 1)[1] not in there]
                self.assertEqual(missing, [], "at server %d" % member.sid)
        for writer in writers:
            self.assertEqual(sorted(set(writer.acknowledged)), writer.acknowledged)

    def followers(self, ensemble):
        leader = ensemble.leader()
        return [member for member in ensemble.running if member is not leader]

    # ---- servers that die, stand still, lose their disk ----

    def test_minorities_majorities_and_all_are_killed_in_loops(self):
        ensemble = self.begin()
        writers = [self.writer(ensemble, base="/load%d" % i) for i in range(3)]
        chance = random.Random(3)
        for round_ in range(4 if SANITIZED else 12):
            self.await_writes(writers)
            victims = chance.sample(ensemble.members, round_ % 3 + 1)
            for member in victims:
                member.kill()
            if len(victims) == 1:
                self.await_writes(writers)
            ensemble.launch()
            ensemble.wait_ready()
        self.await_writes(writers)
        self.check(ensemble, writers)
        ensemble.stop()

    def test_a_server_killed_again_while_it_catches_up(self):
        ensemble = self.begin(settings={"snapCount": "200"})
        writers = [self.writer(ensemble)]
        victim = self.followers(ensemble)[0]
        for delay in (0.0, 0.01, 0.02, 0.03, 0.05, 0.08):
            self.await_writes(writers, 100)
            victim.kill()
            self.await_writes(writers, 100)
            victim.launch()
            time.sleep(delay)  # wherever it has come to by then
        victim.kill()
        victim.launch()
        ensemble.wait_ready()
        self.check(ensemble, writers)
        ensemble.stop()

    def test_a_follower_stands_still_longer_than_a_session_lives(self):
        ensemble = self.begin()
        follower = self.followers(ensemble)[0]
        others = [member for member in ensemble.members if member is not follower]
        writers = [self.writer(ensemble, *[member.sid for member in others])]
        short = self.client(follower, timeout=2000)
        self.assertEqual(short.create("/short", flags=EPHEMERAL).err, OK)
        long = self.client(follower, timeout=40000)
        self.assertEqual(long.create("/long", flags=EPHEMERAL).err, OK)
        self.await_writes(writers)
        follower.pause()
        watcher = self.client(others[0])
        wait_until(lambda: watcher.exists("/short").err == rawzk.NO_NODE, "the end of the short session", 20)
        self.await_writes(writers)
        follower.resume()
        ensemble.wait_ready()
        with self.assertRaises(rawzk.Closed):
            for _ in range(200):
                self.assertNotEqual(short.create("/after-the-end").err, OK)
        again = self.client(others[0], timeout=40000, session=long.session, password=long.password)
        self.assertEqual(again.session, long.session)
        self.assertEqual(again.get("/long").stat.owner, long.session)
        self.check(ensemble, writers)
        ensemble.stop()

    def test_a_leader_that_stood_still_acknowledges_nothing_of_its_past(self):
        ensemble = self.begin()
        old = ensemble.leader()
        others = [member for member in ensemble.members if member is not old]
        writers = [self.writer(ensemble, *[member.sid for member in others])]
        client = self.client(old, timeout=30000)
        self.assertEqual(client.create("/mine", b"1").err, OK)
        short = self.client(old, timeout=2000)
        self.assertEqual(short.create("/short", flags=EPHEMERAL).err, OK)
        old.pause()
        client.post(rawzk.SET_DATA, buf("/mine") + buf("lost") + rawzk.i32(-1))
        client.post(rawzk.GET_DATA, buf("/mine") + rawzk.flag(False))
        wait_until(lambda: "leader" in [member.mode() for member in others], "another leader", 30)
        self.await_writes(writers)
        newer = self.client(others[0])
        self.assertEqual(newer.set("/mine", b"2").err, OK)
        wait_until(lambda: newer.exists("/short").err == rawzk.NO_NODE, "the end of the short session", 20)
        old.resume()
        try:
            reply = client.next_reply()
            self.assertNotEqual(reply.err, OK, "a write that a deposed leader acknowledged")
        except (rawzk.Closed, OSError):
            pass
        ensemble.wait_ready()
        self.assertEqual(self.client(old).get("/mine").data, b"2")
        self.check(ensemble, writers)
        ensemble.stop()

    def test_a_wiped_disk_votes_no_history_away(self):
        """All stop; one comes back without its disk. It does not vote: the majority needs another, then that has everything."""
        ensemble = self.begin()
        client = self.client(ensemble.leader())
        for i in range(50):
            self.assertEqual(client.create("/kept%02d" % i).err, OK)
        ensemble.kill()
        for wiped, whole in ((3, 1), (1, 2), (2, 3)):
            ensemble[wiped].wipe()
            ensemble.launch(wiped, whole)
            line = "server %d holds nothing while this leader has history" % wiped
            wait_until(lambda: line in ensemble[whole].log(), line, 20)
            self.assertEqual((ensemble[wiped].mode(), ensemble[whole].mode()), (None, None))
            ensemble.launch()
            ensemble.wait_ready()
            self.assertIsNot(ensemble.leader(), ensemble[wiped])
            for member in ensemble.members:
                names = self.client(member).children("/").children
                self.assertEqual(len([name for name in names if name.startswith("kept")]), 50)
            ensemble.assert_equal(self)
            ensemble.kill()

    def test_a_wiped_disk_does_not_help_a_server_that_missed_much(self):
        """With db.autocreate=false an empty disk is a loss, not a beginning: a stale server stays alone."""
        ensemble = Ensemble((PADDOCK,) * 3, settings=dict(QUICK, **{"db.autocreate": "false"}))
        self.addCleanup(ensemble.kill)
        for member in ensemble.members:
            with open(os.path.join(member.data_dir, "initialize"), "w"):
                pass
        ensemble.start()
        stale, lost, whole = ensemble.members
        stale.kill()
        client = self.client(ensemble.leader())
        self.assertEqual(client.create("/later").err, OK)
        ensemble.kill()
        lost.wipe()
        ensemble.launch(stale.sid, lost.sid)
        self.assertNotEqual(lost.wait(), 0)
        self.assertIn("initialize", lost.log())
        self.assertIsNone(stale.mode())
        ensemble.start(whole.sid)
        self.assertEqual(self.client(stale).exists("/later").err, OK)
        ensemble.stop()

    def test_a_full_disk_at_one_follower_ends_only_that(self):
        ensemble = Ensemble((PADDOCK,) * 3, settings=dict(QUICK, preAllocSize="64", snapCount="100000"))
        self.addCleanup(ensemble.kill)
        for member in ensemble.members:
            member.file_limit = 1 << 40
        ensemble.start()
        leader = ensemble.leader()
        full = self.followers(ensemble)[0]
        resource.prlimit(full.pid, resource.RLIMIT_FSIZE, (500 * 1024, 500 * 1024))
        writers = [self.writer(ensemble, *[member.sid for member in ensemble.members if member is not full])]
        client = self.client(leader)
        for i in range(1000):
            client.post(CREATE, create_body("/full%04d" % i, b"x" * 1000))
            if i >= 8:
                self.assertEqual(client.next_reply().err, OK)
        self.assertNotEqual(full.wait(), 0)
        lines = [line for line in full.log().splitlines() if "too large" in line.lower() or "no space" in line.lower()]
        self.assertEqual(len(lines), 1, full.log())
        self.await_writes(writers)
        self.assertIs(ensemble.leader(), leader)
        full.file_limit = None
        full.launch()
        ensemble.wait_ready()
        self.check(ensemble, writers)
        ensemble.stop()

    def test_a_full_disk_at_the_leader_costs_an_election_and_nothing_more(self):
        ensemble = Ensemble((PADDOCK,) * 3, settings=dict(QUICK, preAllocSize="64", snapCount="100000"))
        self.addCleanup(ensemble.kill)
        for member in ensemble.members:
            member.file_limit = 1 << 40
        ensemble.start()
        full = ensemble.leader()
        resource.prlimit(full.pid, resource.RLIMIT_FSIZE, (500 * 1024, 500 * 1024))
        others = self.followers(ensemble)
        writers = [self.writer(ensemble, *[member.sid for member in others])]
        client = self.client(full)
        acknowledged = []
        try:
            for i in range(1000):
                client.post(CREATE, create_body("/full%04d" % i, b"x" * 1000))
                if i >= 8:
                    self.assertEqual(client.next_reply().err, OK)
                    acknowledged.append("full%04d" % (i - 8))
        except (rawzk.Closed, OSError):
            pass
        self.assertGreater(len(acknowledged), 100)
        self.assertNotEqual(full.wait(), 0)
        ensemble.wait_ready()
        self.await_writes(writers)
        self.assertEqual(set(acknowledged) - set(self.client(others[0]).children("/").children), set())
        full.file_limit = None
        full.launch()
        ensemble.wait_ready()
        self.check(ensemble, writers)
        ensemble.stop()

    def test_a_history_that_ends_before_the_counter_wraps(self):
        """What a leader left that went before its counter wrapped (ZOOKEEPER-1277) is a history like any other."""
        ensemble = Ensemble((PADDOCK,) * 3, settings=QUICK)
        self.addCleanup(ensemble.kill)
        for member in ensemble.members:
            write_history(member.data_dir, 0x4fffffffe)
        ensemble.start()
        client = self.client(ensemble.leader())
        self.assertEqual(client.get("/before").data, b"wrap")
        self.assertEqual(client.create("/after").err, OK)
        self.assertEqual(client.exists("/after").stat.czxid >> 32, 5)
        self.assertLess(client.exists("/after").stat.czxid & 0xffffffff, 100)
        ensemble.assert_equal(self)
        ensemble.kill()
        ensemble.start()
        self.assertEqual(self.client(ensemble[1]).exists("/after").err, OK)
        ensemble.stop()

    # ---- peers that are none ----

    def silent_peer(self, member):
        """Sockets in a member's place: they accept, read, and say nothing."""
        over = threading.Event()
        self.addCleanup(over.set)
        for port in (member.quorum_port, member.election_port):
            listener = socket.create_server(("127.0.0.1", port), backlog=64)
            listener.settimeout(0.1)
            threading.Thread(target=self.stay_silent, args=(listener, over), daemon=True).start()
        return over

    @staticmethod
    def stay_silent(listener, over):
        taken = []
        while not over.is_set():
            try:
                taken.append(listener.accept()[0])
            except socket.timeout:
                pass
        for sock in taken + [listener]:
            sock.close()

    def test_a_peer_that_accepts_and_never_answers_delays_no_one(self):
        for sid in (1, 3):
            with self.subTest(silent=sid):
                ensemble = Ensemble((PADDOCK,) * 3, settings=QUICK)
                self.addCleanup(ensemble.kill)
                over = self.silent_peer(ensemble[sid])
                others = [other for other in (1, 2, 3) if other != sid]
                began = time.monotonic()
                ensemble.start(*others)
                self.assertLess(time.monotonic() - began, 10 if SANITIZED else 3)
                writers = [self.writer(ensemble, *others)]
                self.await_writes(writers)
                ensemble.leader().kill()
                ensemble.start(*others)
                self.await_writes(writers)
                over.set()
                self.start_when_free(ensemble, sid)
                self.check(ensemble, writers)
                ensemble.stop()

    def start_when_free(self, ensemble, sid):
        """Its ports are free a moment after the silent one let go of them."""
        def free():
            try:
                for port in (ensemble[sid].quorum_port, ensemble[sid].election_port):
                    socket.create_server(("127.0.0.1", port)).close()
                return True
            except OSError:
                return False
        wait_until(free, "the ports")
        ensemble.start(sid)

    def test_connections_that_say_nothing_are_closed_in_time(self):
        ensemble = self.begin(settings={"initLimit": "4", "cnxTimeout": "1000"})
        mute = []
        for member in ensemble.members:
            for port in (member.quorum_port, member.election_port):
                mute += [rawzk.Frames(port) for _ in range(5)]
        writers = [self.writer(ensemble)]
        self.await_writes(writers)
        for frames in mute:
            self.assertTrue(frames.closes(30))
            frames.drop()
        self.check(ensemble, writers)
        ensemble.stop()

    @staticmethod
    def hello(sid, text=b"127.0.0.1:1", length=None):
        """The first bytes at an election port."""
        return struct.pack(">qqi", NOTIFICATION_VERSION, sid, len(text) if length is None else length) + text

    def rubbish(self, chance):
        """(purpose, bytes) that no server would send."""
        noise = bytes(chance.getrandbits(8) for _ in range(3000))
        learner = struct.pack(">qiq", 9, 0x10000, 0)
        info = struct.pack(">iqi", 11, 0, len(learner)) + learner + struct.pack(">i", -1)
        return [
            ("election", noise), ("election", b"GET / HTTP/1.0\r\n\r\n"),
            ("election", self.hello(9, length=1 << 30)), ("election", self.hello(9, length=-5)),
            ("election", self.hello(9)[:13]), ("election", self.hello(9, b"no port here")),
            ("election", self.hello(1 << 40) + noise), ("election", self.hello(9) + struct.pack(">i", 1 << 30) + noise),
            ("election", self.hello(9) + struct.pack(">i", -1)), ("election", self.hello(9) + struct.pack(">i", 4) + b"abcd"),
            ("election", self.hello(9) + struct.pack(">i", 600000) + b"x" * 600000),
            ("election", struct.pack(">q", -77) + noise),
            ("quorum", noise), ("quorum", b"GET / HTTP/1.0\r\n\r\n"), ("quorum", info[:17]),
            ("quorum", struct.pack(">iqi", 11, 0, 1 << 30)), ("quorum", struct.pack(">iqi", 11, 0, -7)),
            ("quorum", struct.pack(">iqi", 3, 0, -1) + struct.pack(">i", 1 << 28)), ("quorum", info + noise),
            ("quorum", struct.pack(">iqii", 11, 0, 3, 0) + b"abc"), ("quorum", struct.pack(">iqii", 77, 0, -1, -1)),
            ("quorum", struct.pack(">iqii", 18, 0, -1, -1)),
        ]

    def test_rubbish_at_every_port_disturbs_no_one(self):
        ensemble = self.begin()
        chance = random.Random(11)
        writers = [self.writer(ensemble)]
        self.await_writes(writers)
        before = [(member.mode(), member.epoch()) for member in ensemble.members]
        memory = [member.rss_kb() for member in ensemble.members]
        starts = [len(member.log()) for member in ensemble.members]
        sent = 0
        for _ in range(3):
            for purpose, data in self.rubbish(chance):
                for member in ensemble.members:
                    port = member.quorum_port if purpose == "quorum" else member.election_port
                    with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
                        try:
                            sock.sendall(data)
                            sock.shutdown(socket.SHUT_WR)
                            while sock.recv(4096):
                                pass
                        except OSError:
                            pass
                    sent += 1
            self.await_writes(writers)
        self.assertEqual([(member.mode(), member.epoch()) for member in ensemble.members], before)
        for member, kb, start in zip(ensemble.members, memory, starts):
            self.assertLess(member.rss_kb() - kb, MEMORY_KB * (4 if SANITIZED else 1))
            lines = member.log()[start:].splitlines()
            told = [line for line in lines if "closed" in line or "refused" in line or "dropped" in line]
            self.assertTrue(told, member.log())
            self.assertLessEqual(len(lines), sent, "\n".join(lines[:50]))
        self.check(ensemble, writers)
        ensemble.stop()

    def test_a_flood_of_half_frames_holds_no_memory(self):
        ensemble = self.begin()
        writers = [self.writer(ensemble)]
        self.await_writes(writers)
        memory = [member.rss_kb() for member in ensemble.members]
        half = [self.hello(9) + struct.pack(">i", 524288) + b"x" * 400000, struct.pack(">iqi", 11, 0, 1 << 20) + b"x" * 900000]
        held = []
        for member in ensemble.members:
            for port, data in ((member.election_port, half[0]), (member.quorum_port, half[1])):
                for _ in range(100):
                    sock = socket.create_connection(("127.0.0.1", port), timeout=1)
                    self.addCleanup(sock.close)
                    held.append(sock)
                    try:
                        sock.sendall(data)
                    except OSError:
                        pass
        self.await_writes(writers)
        for member, kb in zip(ensemble.members, memory):
            self.assertLess(member.rss_kb() - kb, MEMORY_KB * (4 if SANITIZED else 1))
        for sock in held:
            sock.close()
        self.check(ensemble, writers)
        ensemble.stop()

    # ---- links that carry one way ----

    def test_every_one_way_link_between_two_members(self):
        ensemble = self.begin(RelayedEnsemble)
        writers = [self.writer(ensemble, base="/load%d" % i) for i in range(2)]
        for turn in range(3):
            leader, (first, second) = ensemble.leader(), self.followers(ensemble)
            a, b = [(leader, first), (second, leader), (first, second)][turn]
            self.await_writes(writers)
            ensemble.cut(a, b)
            self.await_writes(writers, 50)
            if turn < 2:  # a follower that the leader does not reach, or that does not reach the leader, leaves
                cut_off = b if a is leader else a
                wait_until(lambda: cut_off.mode() is None, "server %d to leave" % cut_off.sid, 20)
                self.await_writes(writers)
            ensemble.heal()
            ensemble.wait_ready()
        self.check(ensemble, writers)
        ensemble.stop()

    def test_a_leader_that_reaches_no_one_or_that_no_one_reaches_is_replaced(self):
        ensemble = self.begin(RelayedEnsemble)
        for outwards in (True, False):
            leader = ensemble.leader()
            others = self.followers(ensemble)
            writers = [self.writer(ensemble, *[member.sid for member in others], base="/out" if outwards else "/in")]
            self.await_writes(writers)
            client = self.client(leader, timeout=30000)
            for member in others:
                ensemble.cut(*((leader, member) if outwards else (member, leader)))
            client.post(CREATE, create_body("/lost%d" % outwards))
            wait_until(lambda: "leader" in [member.mode() for member in others], "another leader", 30)
            self.await_writes(writers)
            wait_until(lambda: leader.mode() is None, "the old leader to step down", 20)
            try:
                self.assertNotEqual(client.next_reply().err, OK, "acknowledged without a quorum")
            except (rawzk.Closed, OSError):
                pass
            ensemble.heal()
            ensemble.wait_ready()
            self.check(ensemble, writers)
        ensemble.stop()

    def test_a_cut_ring_still_has_one_leader(self):
        """Each hears only one neighbour for a while; afterwards they agree."""
        ensemble = self.begin(RelayedEnsemble)
        writers = [self.writer(ensemble)]
        self.await_writes(writers)
        for a, b in ((1, 2), (2, 3), (3, 1)):
            ensemble.cut(ensemble[a], ensemble[b])
        for _ in range(8):
            time.sleep(0.5)  # a while in which no event is due
            epochs = [member.epoch() for member in ensemble.members if member.mode() == "leader"]
            self.assertEqual(len(set(epochs)), len(epochs), "two leaders in an epoch")
        ensemble.heal()
        ensemble.wait_ready()
        self.await_writes(writers)
        self.check(ensemble, writers)
        ensemble.stop()


if __name__ == "__main__":
    main()

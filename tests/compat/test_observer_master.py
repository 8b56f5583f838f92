#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Followers that serve observers in their leader's place (observerMasterPort), ours and Apache's. Changes when that does."""

import os
import re
import socket
import struct
import time
import unittest

import rawzk
import test_mixed
import test_reconfig
from ensemble import Ensemble, Member
from harness import JAVA, PADDOCK, four_letter, free_port, have_java, main, need, wait_until
from rawzk import CREATE, EPHEMERAL, OK, SYNC, buf
from test_ensemble import Writer

ACK, NEWLEADER, FOLLOWERINFO, UPTODATE, OBSERVERINFO, LEADERINFO, ACKEPOCH = 3, 10, 11, 12, 16, 17, 18


class Neighbour(Member):
    """A member with a loopback address of its own: the port is the same at all of them."""

    @property
    def host(self):
        return "127.0.0.%d" % (self.sid + 1)

    @property
    def line(self):
        return super().line.replace("127.0.0.1", self.host)


class Neighbours(Ensemble):
    member = Neighbour


def connected_to(member, port):
    """The addresses that @member's process holds connections to, at @port."""
    found = []
    with open("/proc/%d/net/tcp" % member.pid) as table:
        sockets = {line.split()[9]: line.split()[2] for line in list(table)[1:] if line.split()[3] == "01"}
    with open("/proc/%d/net/tcp6" % member.pid) as table:
        sockets.update({line.split()[9]: line.split()[2] for line in list(table)[1:] if line.split()[3] == "01"})
    for inode in inodes(member):
        remote = sockets.get(inode)
        if remote and int(remote.split(":")[1], 16) == port:
            address = bytes.fromhex(remote.split(":")[0][-8:])[::-1]
            found.append(".".join(str(byte) for byte in address))
    return found


def inodes(member):
    directory = "/proc/%d/fd" % member.pid
    for name in os.listdir(directory):
        try:
            match = re.match(r"socket:\[(\d+)\]", os.readlink(os.path.join(directory, name)))
        except OSError:
            continue
        if match:
            yield match.group(1)


class MovingNeighbour(Neighbour, test_reconfig.MovingMember):
    pass


class MovingNeighbours(test_reconfig.Reconfigured):
    """Three voters, an observer, and one more server that joins them."""

    member = MovingNeighbour

    def __init__(self, kinds, **arguments):
        super().__init__(kinds, first=4, **arguments)
        self[4].observer = True


class RawLearner:
    """A learner written by hand, as far as a test needs one."""

    def __init__(self, member, port):
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.sock.settimeout(15)
        self.sock.connect((member.host, port))

    def send(self, kind, zxid, data=None):
        self.sock.sendall(struct.pack(">iq", kind, zxid) + buf(data) + rawzk.i32(-1))

    def take(self, n):
        data = b""
        while len(data) < n:
            part = self.sock.recv(n - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    def next(self):
        kind, zxid, length = struct.unpack(">iqi", self.take(16))
        data = self.take(max(0, length))
        self.take(4)
        return kind, zxid, data

    def greet(self, kind):
        self.send(kind, 0, struct.pack(">qiq", 9, 0x10000, 0))

    def come_up(self, zxid):
        """From the greeting to UPTODATE; @zxid: what it has."""
        self.greet(OBSERVERINFO)
        kind, epoch, _ = self.next()
        assert kind == LEADERINFO
        self.send(ACKEPOCH, zxid, rawzk.i32(epoch >> 32))
        while True:
            kind, zxid, _ = self.next()
            if kind == NEWLEADER:
                self.send(ACK, zxid)
            if kind == UPTODATE:
                return

    def closes(self):
        try:
            while self.sock.recv(65536):
                pass
        except ConnectionError:
            pass


class AtFollowers:
    """What cases about an observer at a follower share."""

    def begin(self, voters, observer, **more):
        self.port = free_port()
        ensemble = Neighbours(voters, observers=[observer], settings={"observerMasterPort": str(self.port), **more})
        self.addCleanup(ensemble.kill)
        ensemble.start()
        wait_until(lambda: ensemble[4].mode() == "observer", "the observer", 30)
        return ensemble

    def client(self, member, **arguments):
        client = member.client(**arguments)
        self.addCleanup(client.drop)
        return client

    def master(self, ensemble):
        """The follower that the observer is connected to."""
        hosts = connected_to(ensemble[4], self.port)
        masters = [member for member in ensemble.running if member.host in hosts]
        return masters[0] if masters and ensemble[4].mode() == "observer" else None


class ObserverMaster(AtFollowers, unittest.TestCase):
    def use(self, ensemble, base):
        """Through the observer: writes of every kind, a sync, an ephemeral, a watch, a session that comes back."""
        leader = ensemble.leader()
        at_observer, at_leader = self.client(ensemble[4], timeout=10000), self.client(leader, timeout=10000)
        self.assertEqual(at_observer.create(base, b"one").err, OK)
        self.assertEqual(at_observer.set(base, b"two", 0).err, OK)
        self.assertEqual(at_observer.set(base, b"bad", 0).err, rawzk.BAD_VERSION)
        self.assertEqual(at_observer.create(base + "/eph", b"", flags=EPHEMERAL).err, OK)
        self.assertEqual(at_leader.call(SYNC, buf("/")).err, OK)
        self.assertEqual(at_leader.get(base).data, b"two")
        for i in range(20):
            self.assertEqual(at_leader.create("%s/at-leader-%d" % (base, i), b"x" * 5000).err, OK)
            self.assertEqual(at_observer.call(SYNC, buf("/")).err, OK)
            self.assertEqual(at_observer.get("%s/at-leader-%d" % (base, i)).err, OK)
        for i in range(100):
            at_observer.post(CREATE, rawzk.create_body("%s/many-%d" % (base, i)))
        for i in range(100):
            self.assertEqual(at_observer.next_reply().err, OK)
        back = rawzk.Client(ensemble[4].port, timeout=10000, session=at_observer.session, password=at_observer.password)
        self.addCleanup(back.drop)
        self.assertEqual(back.session, at_observer.session)
        self.assertEqual(back.delete(base + "/eph").err, OK)
        self.assertEqual(back.close_session().err, OK)

    def check(self, voters, observer):
        ensemble = self.begin(voters, observer)
        first = wait_until(lambda: self.master(ensemble), "an observer at a follower", 30)
        self.assertEqual(first.mode(), "follower")
        self.use(ensemble, "/first")
        ensemble.assert_equal(self)
        writer = Writer(ensemble[4].address, "/w")
        self.addCleanup(writer.close)
        writer.start()
        wait_until(lambda: len(writer.acknowledged) > 50, "writes through the observer", 20)
        first.kill()
        second = wait_until(lambda: self.master(ensemble), "an observer at another follower", 30)
        self.assertIsNot(second, first)
        before = len(writer.acknowledged)
        wait_until(lambda: len(writer.acknowledged) > before + 50, "writes through the other follower", 20)
        writer.finish()
        self.assertEqual(writer.errors, [])
        first.launch()
        ensemble.wait_ready()
        self.use(ensemble, "/second")
        ensemble.assert_equal(self)
        names = set(self.client(ensemble[4]).children("/w").children)
        self.assertEqual([path for path in writer.acknowledged if path[3:] not in names], [])

    def test_our_followers_serve_our_observer(self):
        self.check((PADDOCK,) * 3, PADDOCK)

    def test_our_followers_serve_an_observer_of_apache(self):
        self.check((PADDOCK,) * 3, JAVA)

    def test_followers_of_apache_serve_our_observer(self):
        self.check((JAVA,) * 3, PADDOCK)

    def test_our_followers_of_a_leader_of_apache_serve_either(self):
        ensemble = self.begin((PADDOCK, PADDOCK, JAVA), PADDOCK)
        test_mixed.Mixing.lead(self, ensemble, JAVA)
        wait_until(lambda: self.master(ensemble), "an observer at a follower", 30)
        self.use(ensemble, "/a")
        ensemble.assert_equal(self)

    def test_an_idle_client_of_an_observer_keeps_its_session(self):
        ensemble = self.begin((PADDOCK,) * 3, PADDOCK)
        wait_until(lambda: self.master(ensemble), "an observer at a follower", 30)
        client = self.client(ensemble[4], timeout=4000)
        self.assertEqual(client.create("/mine", b"", flags=EPHEMERAL).err, OK)
        other = self.client(ensemble.leader(), timeout=20000)
        for _ in range(8):
            self.assertEqual(client.get("/mine").err, OK)  # a touch; nothing is written
            time.sleep(1)
        self.assertEqual(other.get("/mine").err, OK)

    def numbers(self, member):
        return dict(line.split("\t") for line in (four_letter(member.port, "mntr") or "").splitlines() if "\t" in line)

    def check_numbers(self, voters, observer):
        """What mntr tells of observers, and of what each member does."""
        ensemble = self.begin(voters, observer)
        master = wait_until(lambda: self.master(ensemble), "an observer at a follower", 30)
        wait_until(lambda: self.numbers(master).get("zk_synced_observers") == "1", "the observer is counted", 10)
        at_observer = self.numbers(ensemble[4])
        self.assertEqual(at_observer["zk_observer_master_id"], str(master.sid))
        self.assertEqual(at_observer["zk_peer_state"], "observing - broadcast")
        self.assertNotIn("zk_synced_observers", at_observer)
        for member in ensemble.members[:3]:
            found = self.numbers(member)
            leads = found["zk_server_state"] == "leader"
            self.assertEqual(found["zk_synced_observers"], "1" if member is master else "0")
            self.assertEqual(found["zk_peer_state"], "leading - broadcast" if leads else "following - broadcast")
            self.assertEqual("zk_learners" in found, leads)
            self.assertNotIn("zk_observer_master_id", found)

    def test_our_followers_count_the_observers_they_serve(self):
        self.check_numbers((PADDOCK,) * 3, PADDOCK)

    def test_followers_of_apache_count_the_observers_they_serve(self):
        self.check_numbers((JAVA,) * 3, JAVA)

    def test_where_no_follower_serves_observers_the_leader_counts_them(self):
        ensemble = Ensemble((PADDOCK,) * 3, observers=[PADDOCK])
        self.addCleanup(ensemble.kill)
        ensemble.start()
        leader = ensemble.leader()
        wait_until(lambda: self.numbers(leader).get("zk_synced_observers") == "1", "the observer is counted", 10)
        self.assertEqual(self.numbers(ensemble[4])["zk_observer_master_id"], str(leader.sid))
        for member in ensemble.members[:3]:
            self.assertEqual("zk_synced_observers" in self.numbers(member), member is leader)

    def test_an_observer_goes_to_the_leader_when_no_follower_answers(self):
        port = free_port()
        ensemble = Neighbours((PADDOCK,) * 3, observers=[PADDOCK])
        self.addCleanup(ensemble.kill)
        ensemble[4].settings = dict(ensemble[4].settings, observerMasterPort=str(port))
        ensemble.start()
        wait_until(lambda: ensemble[4].mode() == "observer", "the observer", 30)
        self.assertEqual(connected_to(ensemble[4], port), [])

    def test_what_no_observer_says_ends_its_connection(self):
        ensemble = self.begin((PADDOCK,) * 3, PADDOCK)
        follower = [member for member in ensemble.members if member.mode() == "follower"][0]
        learner = RawLearner(follower, self.port)
        learner.greet(FOLLOWERINFO)
        learner.closes()
        wait_until(lambda: "dropped: this port is for observers" in follower.log(), "a line about the follower")
        learner = RawLearner(follower, self.port)
        zxid = int(re.search("Zxid: 0x([0-9a-f]+)", four_letter(follower.port, "srvr")).group(1), 16)
        learner.come_up(zxid)
        learner.send(ACK, zxid + 1)
        learner.closes()
        wait_until(lambda: "dropped: it acked a proposal" in follower.log(), "a line about the ack")
        RawLearner(ensemble.leader(), self.port).closes()

    def test_an_observer_too_far_behind_is_dropped(self):
        ensemble = self.begin((PADDOCK,) * 3, PADDOCK, **{"observerMaster.sizeLimit": "1000000"})
        follower = [member for member in ensemble.members if member.mode() == "follower"][0]
        learner = RawLearner(follower, self.port)
        learner.come_up(int(re.search("Zxid: 0x([0-9a-f]+)", four_letter(follower.port, "srvr")).group(1), 16))
        client = self.client(ensemble.leader(), timeout=20000)
        for i in range(30):
            self.assertEqual(client.create("/big-%d" % i, b"x" * 900000).err, OK)
            if "MiB behind" in follower.log():
                break
        wait_until(lambda: "observer 9 at" in follower.log() and "MiB behind" in follower.log(), "a line about it")
        ensemble.assert_equal(self)


class MembersHeardOf(test_reconfig.Reconfiguring, AtFollowers, unittest.TestCase):
    """Reconfigurations that an observer hears of through a follower: INFORMANDACTIVATE."""

    def begin(self, kinds):
        self.port = free_port()
        ensemble = MovingNeighbours(kinds, election=self.election, settings={"observerMasterPort": str(self.port)})
        self.addCleanup(ensemble.kill)
        return ensemble.start_first()

    def hear(self, voters, observer):
        ensemble = self.begin((voters,) * 3 + (observer, PADDOCK))
        master = wait_until(lambda: self.master(ensemble), "an observer at a follower", 30)
        client = self.kazoo(ensemble, ensemble.leader().sid)
        ensemble.launch(5)
        ensemble.wait_ready()
        client.reconfig(joining=ensemble[5].entry, leaving=None, new_members=None)
        self.assert_config(ensemble, *ensemble.members)
        self.assertIs(self.master(ensemble), master)  # it heard of them there
        ensemble[4].observer = False
        client.reconfig(joining=ensemble[4].entry, leaving=None, new_members=None)
        wait_until(lambda: ensemble[4].mode() == "follower", "a follower", 20)
        self.assert_config(ensemble, *ensemble.members)
        ensemble.assert_equal(self)

    def test_an_observer_hears_of_new_members_through_its_follower(self):
        self.hear(PADDOCK, PADDOCK)

    def test_an_observer_of_apache_hears_of_them_through_our_follower(self):
        self.hear(PADDOCK, JAVA)

    def test_our_observer_hears_of_them_through_a_follower_of_apache(self):
        self.hear(JAVA, PADDOCK)

    def test_an_observer_goes_to_the_leader_that_its_follower_names(self):
        ensemble = self.begin((PADDOCK,) * 5)
        wait_until(lambda: self.master(ensemble), "an observer at a follower", 30)
        leader = ensemble.leader()
        left = [member for member in ensemble.members[:4] if member is not leader]
        said = len(ensemble[4].log())
        self.kazoo(ensemble, left[0].sid).reconfig(joining=None, leaving=str(leader.sid), new_members=None)
        wait_until(lambda: "leader" in [member.mode() for member in left], "another leader", 20)
        wait_until(lambda: self.master(ensemble), "the observer at a follower again", 30)
        self.assertNotIn("elected leader", ensemble[4].log()[said:])
        leader.kill()
        self.assert_config(ensemble, *left)
        ensemble.assert_equal(self)


if __name__ == "__main__":
    need(have_java(), "no Apache ZooKeeper here (package zookeeper)")
    main()

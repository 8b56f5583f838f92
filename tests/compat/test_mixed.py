#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Our servers and Apache ZooKeeper's in one ensemble, in every mix, with either as leader. Changes when living together does."""

import re
import time
import unittest

import rawzk
from ensemble import Ensemble
from harness import JAVA, PADDOCK, four_letter, have_java, main, need, wait_until
from rawzk import ALL, CREATE, EPHEMERAL, OK, SEQUENTIAL, SYNC, buf
from test_ensemble import Writer

# The member with the highest sid leads when all start at once and are equal.
MIXES = [(JAVA, JAVA, PADDOCK), (JAVA, PADDOCK, PADDOCK), (PADDOCK, PADDOCK, JAVA), (PADDOCK, JAVA, JAVA)]


class Mixing:
    """What cases about mixed ensembles share."""

    def begin(self, kinds, **arguments):
        ensemble = Ensemble(kinds, **arguments)
        self.addCleanup(ensemble.kill)
        return ensemble.start()

    def client(self, member, **arguments):
        client = member.client(**arguments)
        self.addCleanup(client.drop)
        return client

    def lead(self, ensemble, kind):
        """Servers of the other kind are restarted until one of @kind leads."""
        for _ in range(6):
            leader = ensemble.leader()
            if leader and leader.kind == kind:
                return leader
            if leader:
                leader.kill()
                wait_until(ensemble.leader, "another leader", 30)
                leader.launch()
            ensemble.wait_ready()
        self.fail("no leader of kind %s" % kind)

    def write_a_bit(self, ensemble, base):
        """Something of every kind through every member."""
        for member in ensemble.running:
            client = self.client(member, timeout=20000)
            path = "%s-%d" % (base, member.sid)
            client.auth("digest", "u:p")
            self.assertEqual(client.create(path, b"data").err, OK)
            self.assertEqual(client.set(path, b"more", 0).err, OK)
            self.assertEqual(client.set(path, b"wrong", 0).err, rawzk.BAD_VERSION)
            self.assertEqual(client.create(path + "/eph", b"", flags=EPHEMERAL).err, OK)
            for _ in range(3):
                self.assertEqual(client.create(path + "/seq-", b"", flags=SEQUENTIAL).err, OK)
            self.assertEqual(client.create(path + "/own", b"", acl=[(ALL, "auth", "")]).err, OK)
            reply = client.multi([(CREATE, rawzk.create_body(path + "/m1")), (CREATE, rawzk.create_body(path + "/m2"))])
            self.assertEqual([result[1] for result in reply.results], [0, 0])
            reply = client.multi([(CREATE, rawzk.create_body(path + "/m3")), (rawzk.CHECK, buf("/none") + rawzk.i32(1))])
            self.assertEqual(reply.results[-1][2], rawzk.NO_NODE)
            self.assertEqual(client.delete(path + "/m1").err, OK)
            self.assertEqual(client.call(SYNC, buf("/")).err, OK)
            self.assertEqual(client.close_session().err, OK)

    def assert_no_complaints(self, ensemble):
        for member in ensemble.running:
            if member.kind == PADDOCK:
                self.assertNotIn("digest differs", member.log())
            else:
                self.assertNotIn("Digests are not matching", member.log())


class Mixed(Mixing, unittest.TestCase):
    def test_every_mix_serves_and_holds_the_same(self):
        for kinds in MIXES:
            with self.subTest(kinds=kinds):
                ensemble = self.begin(kinds)
                self.write_a_bit(ensemble, "/a")
                ensemble.assert_equal(self)
                self.assert_no_complaints(ensemble)
                ensemble.kill()

    def test_either_kind_leads_after_kills_and_followers_catch_up(self):
        ensemble = self.begin((PADDOCK, JAVA, PADDOCK))
        for round_, kind in enumerate((PADDOCK, JAVA, PADDOCK)):
            leader = self.lead(ensemble, kind)
            self.write_a_bit(ensemble, "/r%d" % round_)
            for member in ensemble.members:
                if member is leader:
                    continue
                member.kill()
                client = self.client(leader)
                for i in range(20):
                    self.assertEqual(client.create("/d%d-" % round_, b"z", flags=SEQUENTIAL).err, OK)
                member.launch()
                ensemble.wait_ready()
            ensemble.assert_equal(self)
        self.assert_no_complaints(ensemble)

    def test_a_wiped_follower_gets_a_snapshot_from_either(self):
        ensemble = self.begin((PADDOCK, JAVA, PADDOCK))
        for kind in (PADDOCK, JAVA):
            leader = self.lead(ensemble, kind)
            client = self.client(leader)
            for i in range(700):
                client.post(CREATE, rawzk.create_body("/s%s%04d" % (kind, i), b"x" * 100))
            for i in range(700):
                self.assertEqual(client.next_reply().err, OK)
            for member in ensemble.members:
                if member is leader:
                    continue
                member.kill()
                member.wipe()
                self.assertEqual(client.create("/while-%s-%d" % (kind, member.sid)).err, OK)
                member.launch()
                ensemble.wait_ready()
                ensemble.assert_equal(self)
        self.assert_no_complaints(ensemble)

    def test_a_tail_that_nobody_else_has_is_cut_off(self):
        """TRUNC: a leader alone logs what it cannot commit, and comes back to servers that went on without it."""
        for kind in (PADDOCK, JAVA):
            with self.subTest(leads_alone=kind):
                ensemble = self.begin((PADDOCK, JAVA, PADDOCK))
                leader = self.lead(ensemble, kind)
                client = self.client(leader, timeout=20000, limit=2.0)
                self.assertEqual(client.create("/base").err, OK)
                others = [member for member in ensemble.members if member is not leader]
                for member in others:
                    member.pause()
                for i in range(5):
                    client.post(CREATE, rawzk.create_body("/lost%d" % i))
                time.sleep(0.3)  # no event tells that another server's log has it
                leader.kill()
                for member in others:
                    member.kill()
                ensemble.start(*[member.sid for member in others])
                self.assertEqual(self.client(others[0]).create("/after").err, OK)
                leader.launch()
                ensemble.wait_ready()
                ensemble.assert_equal(self)
                self.assertEqual(self.client(leader).exists("/after").err, OK)
                ensemble.kill()

    def test_sessions_ephemerals_and_watches_move_between_the_two(self):
        ensemble = self.begin((PADDOCK, JAVA, PADDOCK))
        ours, theirs = ensemble[1], ensemble[2]
        there = self.client(theirs, timeout=20000)
        self.assertEqual(there.create("/moves", b"1", flags=EPHEMERAL).err, OK)
        here = self.client(ours, timeout=20000, session=there.session, password=there.password)
        self.assertEqual(here.session, there.session)
        self.assertEqual(here.get("/moves").data, b"1")
        self.assertEqual(here.get("/moves").stat.owner, there.session)
        back = self.client(theirs, timeout=20000, session=here.session, password=here.password)
        self.assertEqual(back.session, there.session)
        zxid = back.get("/moves").zxid
        other = self.client(ours)
        self.assertEqual(other.set("/moves", b"2").err, OK)
        again = self.client(ours, timeout=20000, session=back.session, password=back.password)
        again.set_watches(zxid, data=["/moves"])
        self.assertEqual(again.heard(), [(3, "/moves")])
        self.assertEqual(again.close_session().err, OK)
        other.call(SYNC, buf("/"))
        self.assertEqual(other.exists("/moves").err, rawzk.NO_NODE)

    def test_a_session_that_moved_is_cut_where_it_was(self):
        """The leader knows through which connection of its own a session speaks, not only that it is alive."""
        for kinds in MIXES:
            with self.subTest(kinds=kinds):
                ensemble = self.begin(kinds)
                leader = ensemble.leader()
                one, other = [member for member in ensemble.members if member is not leader]
                for number, (before, after) in enumerate(((one, other), (other, one), (one, leader), (leader, one))):
                    old = self.client(before, timeout=20000)
                    self.assertEqual(old.create("/first-%d" % number).err, OK)
                    new = self.client(after, timeout=20000, session=old.session, password=old.password)
                    self.assertEqual(new.session, old.session)
                    with self.assertRaises((rawzk.Closed, OSError)):
                        old.create("/stale-%d" % number)
                    self.assertEqual(new.create("/second-%d" % number).err, OK)
                    self.assertEqual(new.exists("/stale-%d" % number).err, rawzk.NO_NODE)
                ensemble.assert_equal(self)
                ensemble.kill()

    def test_an_observer_of_either_kind(self):
        for voters, observer in (((JAVA, JAVA, JAVA), PADDOCK), ((PADDOCK, PADDOCK, PADDOCK), JAVA)):
            with self.subTest(observer=observer):
                ensemble = Ensemble(voters, observers=[observer])
                self.addCleanup(ensemble.kill)
                ensemble.start()
                self.assertEqual(ensemble[4].mode(), "observer")
                self.write_a_bit(ensemble, "/o")
                ensemble[4].kill()
                self.write_a_bit(ensemble, "/p")
                ensemble[4].launch()
                ensemble.wait_ready()
                ensemble.assert_equal(self)
                ensemble.kill()


class Spoilers(Mixing, unittest.TestCase):
    """Requests that some releases turn into txns which nobody can read, or into two with one zxid."""

    def zxid(self, member):
        return int(re.search("Zxid: 0x([0-9a-f]+)", four_letter(member.port, "srvr")).group(1), 16)

    def check(self, leads, at, op, body, err):
        ensemble = self.begin((PADDOCK, JAVA, PADDOCK) if leads == PADDOCK else (JAVA, PADDOCK, JAVA))
        leader = self.lead(ensemble, leads)
        member = next(member for member in ensemble.members if member.kind == at and member is not leader)
        client = self.client(leader, timeout=20000)
        self.assertEqual(client.create("/there", b"x").err, OK)
        asker = self.client(member, timeout=20000)
        self.assertEqual(client.set("/there", b"y", 0).err, OK)  # behind the asker's session, also there
        before = self.zxid(leader)
        self.assertEqual(asker.call(op, body).err, err)
        self.assertEqual(client.set("/there", b"z", 1).err, OK)
        # A refusal by the leader is a txn, too; what was not forwarded is none.
        self.assertEqual(self.zxid(leader) - before, 1 if at == PADDOCK else 2)
        self.assertEqual(self.client(member, timeout=20000).create("/after", b"x").err, OK)
        ensemble.assert_equal(self)
        ensemble.kill()
        ensemble.start()  # every log can be read
        ensemble.assert_equal(self)

    def test_a_check_by_itself_is_not_forwarded_to_a_leader_of_apache(self):
        self.check(JAVA, PADDOCK, rawzk.CHECK, buf("/there") + rawzk.i32(0), rawzk.UNIMPLEMENTED)

    def test_a_check_by_itself_that_a_server_of_apache_forwards_is_refused(self):
        self.check(PADDOCK, JAVA, rawzk.CHECK, buf("/there") + rawzk.i32(0), rawzk.UNIMPLEMENTED)

    def test_a_write_that_cannot_be_parsed_is_not_forwarded(self):
        self.check(JAVA, PADDOCK, CREATE, buf("/cut")[:-1], rawzk.MARSHALLING)

    def test_a_write_that_cannot_be_parsed_costs_our_leader_one_zxid(self):
        self.check(PADDOCK, JAVA, CREATE, buf("/cut")[:-1], rawzk.MARSHALLING)


class RollingMove(unittest.TestCase):
    def test_three_servers_move_over_one_at_a_time_and_back(self):
        ensemble = Ensemble((JAVA,) * 3)
        self.addCleanup(ensemble.kill)
        ensemble.start()
        writer = Writer(ensemble.hosts(), "/load")
        self.addCleanup(writer.close)
        session = writer.client.client_id[0]
        writer.client.create("/load/owner", b"", ephemeral=True)
        writer.start()
        for kind in (PADDOCK, JAVA):
            # Followers first, the leader last, as an operator does it.
            for member in sorted(ensemble.members, key=lambda m: (m.mode() == "leader", m.sid)):
                reached = len(writer.acknowledged) + 30
                wait_until(lambda: len(writer.acknowledged) > reached or writer.errors, "writes", 30)
                if member.kind == PADDOCK:
                    self.assertEqual(member.stop(), 0)
                else:
                    member.process.terminate()
                    member.wait()
                member.kind = kind
                member.launch()
                ensemble.wait_ready()
        reached = len(writer.acknowledged) + 30
        wait_until(lambda: len(writer.acknowledged) > reached or writer.errors, "writes at the end", 30)
        writer.finish()
        self.assertEqual(writer.errors, [])
        self.assertEqual(writer.client.client_id[0], session)
        ensemble.assert_equal(self)
        client = ensemble[1].client()
        self.addCleanup(client.drop)
        there = set(client.children("/load").children)
        self.assertEqual([p for p in writer.acknowledged if p.rsplit("/", 1)[1] not in there], [])
        self.assertEqual(sorted(writer.acknowledged), writer.acknowledged)
        self.assertIn("owner", there)


if __name__ == "__main__":
    need(have_java(), "no Apache ZooKeeper here (package zookeeper)")
    main()

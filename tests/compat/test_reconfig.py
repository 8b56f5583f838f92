#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Members that come, go and change their roles while the ensemble serves. Changes when reconfiguration does."""

import glob
import os
import re
import subprocess
import time
import unittest

from kazoo.client import KazooClient
from kazoo.exceptions import BadArgumentsError, BadVersionError, ConnectionLoss, NewConfigNoQuorumError, NoAuthError

import rawzk
from ensemble import Ensemble, Member
from harness import JAVA, PADDOCK, have_java, main, temporary_directory, wait_until
from rawzk import OK, SYNC, buf
from test_ensemble import Writer
from test_zkcli import SCRIPT

CONFIG = "/zookeeper/config"


class MovingMember(Member):
    """Knows those members that its ensemble had when it was first started; later its own files say more."""

    known = ()

    @property
    def spec(self):
        return "%s;127.0.0.1:%d" % (self.line, self.port)

    @property
    def entry(self):
        return "server.%d=%s" % (self.sid, self.spec)

    @property
    def config_path(self):
        return os.path.join(self.directory, "zoo.cfg")

    def static(self):
        with open(self.config_path) as config:
            return config.read()

    def dynamic_files(self):
        return sorted(os.path.basename(path) for path in glob.glob(self.config_path + ".dynamic*"))

    def dynamic(self):
        """What the file says that the static one points at."""
        with open(re.search("dynamicConfigFile=(.*)", self.static()).group(1)) as dynamic:
            return dynamic.read()

    def write_config(self):
        if os.path.exists(self.config_path):
            return self.config_path  # it is the server's own since then
        known = self.known or [member for member in self.ensemble.members if member.sid <= self.ensemble.first]
        if self not in known:
            known = known + [self]
        with open(self.config_path, "w") as config:
            config.write("dataDir=%s\n" % self.data_dir)
            for key, value in sorted(self.settings.items()):
                config.write("%s=%s\n" % (key, value))
            if self.kind == PADDOCK and self.ensemble.election:
                config.write("paddock.election=%s\n" % self.ensemble.election)
            for member in known:
                config.write(member.entry + "\n")
        return self.config_path


class Reconfigured(Ensemble):
    """The first @first kinds are the ensemble, the rest join it by and by."""

    member = MovingMember

    def __init__(self, kinds, first=3, **arguments):
        self.first = first
        settings = {"reconfigEnabled": "true"}
        settings.update(arguments.pop("settings", {}))
        super().__init__(kinds, settings=settings, **arguments)
        for member in self.members[first:]:
            member.observer = True

    def start_first(self):
        return self.start(*range(1, self.first + 1))


class Reconfiguring:
    """What cases about changing members share."""

    election = "fle"

    def begin(self, kinds=(PADDOCK,) * 4, **arguments):
        ensemble = Reconfigured(kinds, election=self.election, **arguments)
        self.addCleanup(ensemble.kill)
        return ensemble.start_first()

    def kazoo(self, ensemble, *sids, allowed=True):
        client = KazooClient(ensemble.hosts(*sids), timeout=20)
        client.start(20)
        self.addCleanup(client.close)
        self.addCleanup(client.stop)
        if allowed:
            client.add_auth("digest", "super:secret")
        return client

    def raw(self, member, allowed=False, **arguments):
        client = member.client(**arguments)
        self.addCleanup(client.drop)
        if allowed:
            client.auth("digest", "super:secret")
        return client

    def writer(self, ensemble, *sids):
        writer = Writer(ensemble.hosts(*sids), "/load")
        self.addCleanup(writer.close)
        writer.start()
        return writer

    def await_writes(self, writer, count=20):
        reached = len(writer.acknowledged) + count
        wait_until(lambda: len(writer.acknowledged) > reached or writer.errors, "writes", 30)
        self.assertEqual(writer.errors, [])

    def config_at(self, member):
        """(entries, version) of /zookeeper/config there."""
        client = member.client()
        try:
            client.call(SYNC, buf("/"))
            lines = client.get(CONFIG).data.decode().split("\n")
        finally:
            client.drop()
        self.assertTrue(lines[-1].startswith("version="), lines)
        return lines[:-1], int(lines[-1][8:], 16)

    def entries(self, *members):
        return sorted(member.entry for member in members)

    def assert_config(self, ensemble, *members):
        """Every running server tells of exactly @members, in its tree and in its files."""
        version = None
        for member in ensemble.running:
            def settled():
                try:
                    return self.config_at(member)[0] == self.entries(*members)
                except (rawzk.Closed, OSError):
                    return False  # it is on its way to another leader
            wait_until(settled, "the new members at server %d" % member.sid, 20)
            found = self.config_at(member)
            version = version or found[1]
            self.assertEqual(found[1], version)
            wait_until(lambda: "zoo.cfg.dynamic.%x" % version in member.static(), "the static file points to it", 10)
            self.assertEqual(member.dynamic(), "\n".join(self.entries(*members)))
            self.assertNotIn("server.", member.static().replace(member.directory, ""))
            wait_until(lambda: "zoo.cfg.dynamic.next" not in member.dynamic_files(), "the proposed file goes", 10)
        return version

    def finish(self, ensemble, writer=None):
        if writer:
            self.await_writes(writer)
            writer.finish()
            self.assertEqual(writer.errors, [])
        ensemble.assert_equal(self)
        if writer:
            client = self.raw(ensemble.running[0])
            there = set(client.children(writer.base).children)
            self.assertEqual([p for p in writer.acknowledged if p.rsplit("/", 1)[1] not in there], [])
        ensemble.stop()


class Reconfig(Reconfiguring, unittest.TestCase):
    # ---- what comes and goes ----

    def test_an_observer_is_added_promoted_demoted_and_removed(self):
        ensemble = self.begin()
        first, joiner = ensemble.members[:3], ensemble[4]
        writer = self.writer(ensemble, 1, 2, 3)
        client = self.kazoo(ensemble, 1)
        ensemble.launch(4)
        ensemble.wait_ready()  # as a follower without a vote
        data, stat = client.reconfig(joining=joiner.entry, leaving=None, new_members=None)
        self.assertEqual(data.decode().split("\n")[:-1], self.entries(*ensemble.members))
        self.assertEqual(data.decode().split("version=")[1], "%x" % stat.mzxid)
        self.assertEqual(stat.version, -1)
        wait_until(lambda: joiner.mode() == "observer", "an observer", 20)
        self.assertEqual(self.assert_config(ensemble, *ensemble.members), stat.mzxid)
        self.await_writes(writer)
        joiner.observer = False
        client.reconfig(joining=joiner.entry, leaving=None, new_members=None)
        wait_until(lambda: joiner.mode() == "follower", "a follower", 20)
        self.assert_config(ensemble, *ensemble.members)
        # Four voters: two down are too many, and the new one counts.
        epoch = ensemble.leader().epoch()
        self.await_writes(writer)
        joiner.observer = True
        client.reconfig(joining=joiner.entry, leaving=None, new_members=None)
        wait_until(lambda: joiner.mode() == "observer", "an observer again", 20)
        self.assert_config(ensemble, *ensemble.members)
        client.reconfig(joining=None, leaving="4", new_members=None)
        self.assert_config(ensemble, *first)
        self.assertEqual(ensemble.leader().epoch(), epoch)
        self.finish(ensemble, writer)

    def test_a_follower_is_removed_and_does_not_count_any_more(self):
        ensemble = self.begin()
        leader = ensemble.leader()
        gone = next(member for member in ensemble.running if member is not leader)
        left = [member for member in ensemble.running if member is not gone]
        writer = self.writer(ensemble, *[member.sid for member in left])
        client = self.kazoo(ensemble, leader.sid)
        client.reconfig(joining=None, leaving=str(gone.sid), new_members=None)
        self.await_writes(writer)
        self.assertIs(ensemble.leader(), leader)
        wait_until(lambda: self.config_at(leader)[0] == self.entries(*left), "the new members")
        gone.kill()
        self.await_writes(writer)
        self.assert_config(ensemble, *left)
        self.assertEqual(self.raw(left[0]).get(CONFIG).stat.version, -1)
        self.finish(ensemble, writer)

    def test_the_leader_is_removed_and_hands_over_without_an_election(self):
        ensemble = self.begin()
        leader = ensemble.leader()
        left = [member for member in ensemble.running if member is not leader]
        writer = self.writer(ensemble, *[member.sid for member in left])
        client = self.kazoo(ensemble, left[0].sid)
        starts = {member.sid: len(member.log()) for member in ensemble.running}
        began = time.monotonic()
        client.reconfig(joining=None, leaving=str(leader.sid), new_members=None)
        wait_until(lambda: "leader" in [member.mode() for member in left], "another leader", 20)
        handed_over = time.monotonic() - began
        self.await_writes(writer)
        for member in left:
            self.assertNotIn("elected leader", member.log()[starts[member.sid]:])
        self.assertLess(handed_over, 5)
        self.assertEqual(ensemble.leader().epoch(), 2)
        wait_until(lambda: leader.mode() == "follower", "the removed server follows without a vote", 20)
        leader.kill()
        self.assert_config(ensemble, *left)
        self.finish(ensemble, writer)

    def test_a_whole_list_and_back(self):
        ensemble = self.begin()
        client = self.kazoo(ensemble, 1, 2)
        writer = self.writer(ensemble, 1, 2)
        ensemble.launch(4)
        ensemble.wait_ready()
        ensemble[4].observer = False
        whole = [ensemble[1], ensemble[2], ensemble[4]]
        client.reconfig(joining=None, leaving=None, new_members=",".join(self.entries(*whole)))
        ensemble.wait_ready()
        self.await_writes(writer)
        ensemble[3].kill()
        self.assert_config(ensemble, *whole)
        self.assertEqual(ensemble[4].mode() in ("follower", "leader"), True)
        self.finish(ensemble, writer)

    def test_a_condition_on_the_version(self):
        ensemble = self.begin()
        ensemble.launch(4)
        ensemble.wait_ready()
        client = self.kazoo(ensemble, 2)
        version = self.config_at(ensemble[2])[1]
        with self.assertRaises(BadVersionError):
            client.reconfig(joining=ensemble[4].entry, leaving=None, new_members=None, from_config=version + 1)
        data, stat = client.reconfig(joining=ensemble[4].entry, leaving=None, new_members=None, from_config=version)
        self.assertGreater(stat.mzxid, version)
        with self.assertRaises(BadVersionError):
            client.reconfig(joining=None, leaving="4", new_members=None, from_config=version)
        client.reconfig(joining=None, leaving="4", new_members=None, from_config=stat.mzxid)
        self.assert_config(ensemble, *ensemble.members[:3])
        self.finish(ensemble)

    def test_what_is_refused_changes_nothing(self):
        ensemble = self.begin()
        before = self.config_at(ensemble[1])
        client = self.kazoo(ensemble, 1)
        ensemble[4].observer = False
        away = "server.5=127.0.0.1:1:2:participant;3,server.6=127.0.0.1:4:5:participant;6,server.7=127.0.0.1:7:8:participant;9"
        with self.assertRaises(NewConfigNoQuorumError):
            client.reconfig(joining=away, leaving=None, new_members=None)
        for wrong in ("server.4=nonsense", "server.4=127.0.0.1:1:2", "4=127.0.0.1:1:2;3", "server.x=127.0.0.1:1:2;3"):
            with self.assertRaises(BadArgumentsError, msg=wrong):
                client.reconfig(joining=wrong, leaving=None, new_members=None)
        with self.assertRaises(BadArgumentsError):
            client.reconfig(joining=None, leaving="1,2", new_members=None)  # two voters at least stay
        stranger = self.kazoo(ensemble, 2, allowed=False)
        with self.assertRaises(NoAuthError):
            stranger.reconfig(joining=None, leaving="3", new_members=None)
        for member in ensemble.running:
            self.assertEqual(self.config_at(member), before)
        self.assertEqual(self.raw(ensemble[1]).create("/goes-on").err, OK)
        self.finish(ensemble)

    def test_an_acl_lets_others_reconfigure(self):
        ensemble = self.begin()
        boss = self.raw(ensemble[1], allowed=True)
        self.assertEqual(boss.set_acl(CONFIG, [(rawzk.READ, "world", "anyone"), (rawzk.WRITE, "ip", "127.0.0.1")]).err, OK)
        anyone = self.kazoo(ensemble, 1, allowed=False)
        anyone.sync("/")
        anyone.reconfig(joining=None, leaving="7", new_members=None)
        self.assert_config(ensemble, *ensemble.members[:3])
        self.finish(ensemble)

    def test_a_watch_on_the_members(self):
        ensemble = self.begin()
        watcher = self.raw(ensemble[2])
        self.assertEqual(watcher.get(CONFIG, watch=True).err, OK)
        self.kazoo(ensemble, 1).reconfig(joining=None, leaving="9", new_members=None)
        wait_until(lambda: watcher.heard() == [(rawzk.CHANGED, CONFIG)] or None, "the watch")
        ensemble.stop()

    def test_disabled_and_stand_alone_say_so(self):
        ensemble = self.begin(settings={"reconfigEnabled": "false"})
        client = self.raw(ensemble[1], allowed=True)
        body = rawzk.buf(None) + buf("3") + rawzk.buf(None) + rawzk.i64(-1)
        self.assertEqual(client.call(rawzk.RECONFIG, body).err, rawzk.RECONFIG_DISABLED)
        ensemble.stop()

    # ---- files ----

    def test_all_restart_from_the_files_a_reconfiguration_wrote(self):
        ensemble = self.begin()
        ensemble.launch(4)
        ensemble.wait_ready()
        ensemble[4].observer = False
        client = self.kazoo(ensemble, 1)
        client.reconfig(joining=ensemble[4].entry, leaving=None, new_members=None)
        client.create("/kept", b"x")
        version = self.assert_config(ensemble, *ensemble.members)
        self.assertIn("zoo.cfg.bak", [os.path.basename(path) for path in glob.glob(ensemble[1].config_path + "*")])
        for stop in (ensemble.kill, ensemble.stop):
            stop()
            ensemble.start()
            self.assertEqual(self.assert_config(ensemble, *ensemble.members), version)
            self.assertEqual(self.raw(ensemble[4]).get("/kept").data, b"x")
        # Three of four are a majority now, two are not.
        ensemble[1].kill()
        ensemble.wait_ready()
        others = [member for member in ensemble.running if member.mode() == "follower"]
        others[0].kill()
        wait_until(lambda: all(member.mode() is None for member in ensemble.running), "no service by two of four", 20)
        ensemble.start()
        self.finish(ensemble)

    def test_a_member_that_was_away_learns_of_the_change(self):
        ensemble = self.begin()
        leader = ensemble.leader()
        away = next(member for member in ensemble.running if member is not leader)
        ensemble.launch(4)
        ensemble.wait_ready()
        away.kill()
        client = self.kazoo(ensemble, leader.sid)
        client.reconfig(joining=ensemble[4].entry, leaving=None, new_members=None)
        away.launch()
        ensemble.wait_ready()
        self.assert_config(ensemble, *ensemble.members)
        self.finish(ensemble)

    def test_kills_in_the_middle_of_changes_leave_one_list(self):
        ensemble = self.begin()
        ensemble.launch(4)
        ensemble.wait_ready()
        writer = self.writer(ensemble, 1, 2, 3)
        for turn in range(6):
            ensemble[4].observer = turn % 2 == 1
            leader = ensemble.leader()
            client = self.raw(leader, allowed=True, timeout=20000)
            client.post(rawzk.RECONFIG, buf(ensemble[4].entry) + rawzk.buf(None) + rawzk.buf(None) + rawzk.i64(-1))
            time.sleep(0.002 * turn)  # wherever it has come to by then
            leader.kill()
            leader.launch()
            ensemble.wait_ready()
            self.await_writes(writer)
        ensemble[4].observer = True
        self.kazoo(ensemble, 1).reconfig(joining=ensemble[4].entry, leaving=None, new_members=None)
        self.assert_config(ensemble, *ensemble.members)
        self.finish(ensemble, writer)

    def test_one_server_grows_to_three_and_shrinks_again(self):
        ensemble = self.begin((PADDOCK,) * 3, first=1, settings={"standaloneEnabled": "false"})
        self.assertEqual(ensemble[1].mode(), "leader")
        client = self.kazoo(ensemble, 1)
        client.create("/grows", b"x")
        for sid in (2, 3):
            ensemble.launch(sid)
            ensemble.wait_ready()
            ensemble[sid].observer = False
            client.reconfig(joining=ensemble[sid].entry, leaving=None, new_members=None)
            ensemble.wait_ready()
            self.assert_config(ensemble, *ensemble.members[:sid])
        ensemble.assert_equal(self)
        client.reconfig(joining=None, leaving="2,3", new_members=None)
        ensemble[2].kill()
        ensemble[3].kill()
        self.assert_config(ensemble, ensemble[1])
        client.create("/shrunk", b"x")
        self.finish(ensemble)

    # ---- with Java ----

    @unittest.skipUnless(have_java() and os.path.exists(SCRIPT), "no zkCli.sh here (package zookeeper)")
    def test_the_shell_of_apache(self):
        ensemble = self.begin()
        ensemble.launch(4)
        ensemble.wait_ready()
        directory = temporary_directory()
        environment = dict(os.environ, ZOO_LOG_DIR=directory, HOME=directory,
                           CLIENT_JVMFLAGS="-Duser.home=%s -Xmx256m -XX:TieredStopAtLevel=1" % directory)
        environment.pop("DISPLAY", None)
        commands = "\n".join(["config", "reconfig -remove 3", "addauth digest super:secret", "reconfig -add " + ensemble[4].entry,
                              "config", "reconfig -v 1 -remove 3", "reconfig -remove 3", "config -s", "quit", ""])
        shell = subprocess.run([SCRIPT, "-server", ensemble[1].address, "-timeout", "20000"], input=commands, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, env=environment, cwd=directory)
        out = shell.stdout
        self.assertIn("Insufficient permission", out)
        self.assertIn("Committed new configuration:", out)
        self.assertIn(ensemble[4].entry, out)
        self.assertIn("version=", out)
        self.assertEqual(self.config_at(ensemble[1])[0], self.entries(ensemble[1], ensemble[2], ensemble[4]), out)
        ensemble.stop()

    @unittest.skipUnless(have_java(), "no Apache ZooKeeper here (package zookeeper)")
    def test_both_kinds_change_members_together(self):
        for kinds in ((PADDOCK, JAVA, PADDOCK, JAVA), (JAVA, PADDOCK, JAVA, PADDOCK)):
            with self.subTest(kinds=kinds):
                ensemble = self.begin(kinds)
                leader, joiner = ensemble.leader(), ensemble[4]
                writer = self.writer(ensemble, 1, 2, 3)
                client = self.kazoo(ensemble, *[sid for sid in (1, 2, 3) if sid != leader.sid])
                ensemble.launch(4)
                ensemble.wait_ready()
                client.reconfig(joining=joiner.entry, leaving=None, new_members=None)
                wait_until(lambda: joiner.mode() == "observer", "an observer", 30)
                self.assert_config(ensemble, *ensemble.members)
                joiner.observer = False
                client.reconfig(joining=joiner.entry, leaving=None, new_members=None)
                wait_until(lambda: joiner.mode() == "follower", "a follower", 30)
                self.assert_config(ensemble, *ensemble.members)
                self.await_writes(writer)
                try:
                    client.reconfig(joining=None, leaving=str(leader.sid), new_members=None)
                except ConnectionLoss:
                    pass  # Apache's servers may cut their clients before they answer
                left = [member for member in ensemble.members if member is not leader]
                wait_until(lambda: "leader" in [member.mode() for member in left], "another leader", 30)
                leader.kill()
                ensemble.wait_ready()
                self.assert_config(ensemble, *left)
                self.finish(ensemble, writer)


class ReconfigWithPaxos(unittest.TestCase):
    """What differs by the election: who leads, and when another election begins."""

    election = "paxos"
    begin, kazoo, raw, writer = Reconfig.begin, Reconfig.kazoo, Reconfig.raw, Reconfig.writer
    await_writes, config_at, entries = Reconfig.await_writes, Reconfig.config_at, Reconfig.entries
    assert_config, finish = Reconfig.assert_config, Reconfig.finish
    test_an_observer_is_added_promoted_demoted_and_removed = Reconfig.test_an_observer_is_added_promoted_demoted_and_removed
    test_the_leader_is_removed_and_hands_over_without_an_election = \
        Reconfig.test_the_leader_is_removed_and_hands_over_without_an_election
    test_kills_in_the_middle_of_changes_leave_one_list = Reconfig.test_kills_in_the_middle_of_changes_leave_one_list


if __name__ == "__main__":
    main()

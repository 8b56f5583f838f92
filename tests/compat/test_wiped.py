#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Servers with an empty disk beside others with history, of either kind; changes when it does what their votes count for."""

import os
import unittest

import rawzk
from ensemble import SLOW, Ensemble
from harness import JAVA, PADDOCK, Server, have_java, main, wait_until
from rawzk import NO_NODE, OK, SYNC, buf
from test_ensemble import Writer

QUICK = {"tickTime": "500", "initLimit": "6", "syncLimit": "4"}
AT_LEADER = "server %d holds nothing while this leader has history"
AT_SERVER = "this server holds nothing while others have history"


class Wiped(unittest.TestCase):
    def make(self, kinds=(PADDOCK,) * 3, **arguments):
        if JAVA in kinds and not have_java():
            self.skipTest("no Apache ZooKeeper here (package zookeeper)")
        ensemble = Ensemble(kinds, settings=QUICK, **arguments)
        self.addCleanup(ensemble.kill)
        return ensemble

    def client(self, member, **arguments):
        client = member.client(**arguments)
        self.addCleanup(client.drop)
        return client

    def await_line(self, member, line):
        wait_until(lambda: line in member.log(), "%r at server %d" % (line, member.sid), 30 * SLOW)

    def is_there(self, ensemble, path):
        for member in ensemble.running:
            client = self.client(member, timeout=20000)
            client.call(SYNC, buf("/"))
            self.assertEqual(client.exists(path).err, OK, "at server %d" % member.sid)

    def initialize(self, member):
        with open(os.path.join(member.data_dir, "initialize"), "w"):
            pass

    def lose(self, ensemble):
        """/later is acknowledged by 1 and 2 while 3 is away; all stop, 2 loses its disk, and comes back with 3."""
        whole, lost, stale = ensemble.start().members
        self.assertEqual(self.client(ensemble.leader(), timeout=20000).create("/before").err, OK)
        self.is_there(ensemble, "/before")
        stale.kill()
        wait_until(lambda: ensemble.leader() in (whole, lost), "a leader without server 3", 30 * SLOW)
        ensemble.wait_ready()
        self.assertEqual(self.client(ensemble.leader(), timeout=20000).create("/later").err, OK)
        ensemble.kill()
        lost.wipe()
        ensemble.launch(lost.sid, stale.sid)
        return whole, lost, stale

    def survives(self, kinds, election=None):
        ensemble = self.make(kinds, election=election)
        whole, lost, stale = self.lose(ensemble)
        if stale.kind == PADDOCK:
            self.await_line(stale, AT_LEADER % lost.sid)
        if lost.kind == PADDOCK:
            self.await_line(lost, AT_SERVER)
        self.assertEqual((lost.mode(), stale.mode()), (None, None))
        whole.launch()
        ensemble.wait_ready()
        self.is_there(ensemble, "/later")
        ensemble.assert_equal(self)

    def test_an_acknowledged_write_survives_with_fle(self):
        self.survives((PADDOCK,) * 3, "fle")

    def test_an_acknowledged_write_survives_with_paxos(self):
        self.survives((PADDOCK,) * 3, "paxos")

    def test_an_acknowledged_write_survives_where_an_apache_server_has_it(self):
        self.survives((JAVA, PADDOCK, PADDOCK))

    def test_an_acknowledged_write_survives_where_an_apache_server_missed_it(self):
        self.survives((PADDOCK, PADDOCK, JAVA))

    def test_an_acknowledged_write_survives_where_an_apache_server_lost_it(self):
        self.survives((PADDOCK, JAVA, PADDOCK))

    def escapes(self, kinds):
        """Server 1 is gone for good, and with it what only it had: an operator decides so."""
        ensemble = self.make(kinds)
        _, lost, stale = self.lose(ensemble)
        self.await_line(lost, AT_SERVER)
        self.assertIn("create %s/initialize and restart it" % lost.data_dir, lost.log())
        lost.kill()
        self.initialize(lost)
        lost.launch()
        ensemble.wait_ready()
        self.assertFalse(os.path.exists(os.path.join(lost.data_dir, "initialize")))
        self.is_there(ensemble, "/before")
        self.assertEqual(self.client(lost, timeout=20000).exists("/later").err, NO_NODE)

    def test_an_initialize_file_lets_it_vote(self):
        self.escapes((PADDOCK,) * 3)

    def test_an_initialize_file_lets_it_vote_for_an_apache_server(self):
        self.escapes((PADDOCK, PADDOCK, JAVA))

    def grow(self, kinds, initialized=()):
        """A stand-alone server becomes the first of three."""
        ensemble = self.make(kinds)
        alone = Server(settings=QUICK, data_dir=ensemble[1].data_dir, kind=kinds[0]).start()
        self.addCleanup(alone.kill)
        client = rawzk.Client(alone.port)
        self.addCleanup(client.drop)
        for i in range(20):
            self.assertEqual(client.create("/alone%02d" % i).err, OK)
        alone.kill()
        for sid in initialized:
            self.initialize(ensemble[sid])
        return ensemble

    def test_one_server_becomes_three(self):
        for kinds in ((PADDOCK,) * 3, (PADDOCK, JAVA, JAVA)):
            with self.subTest(kinds=kinds):
                ensemble = self.grow(kinds)
                ensemble.launch(1, 2)
                self.await_line(ensemble[1], AT_LEADER % 2)
                ensemble.start(3)
                self.is_there(ensemble, "/alone19")
                ensemble.kill()

    def test_an_apache_server_becomes_three_with_ours_that_may_vote(self):
        ensemble = self.grow((JAVA, PADDOCK, PADDOCK), initialized=(2,))
        ensemble.start(1, 2)
        ensemble.start(3)
        self.is_there(ensemble, "/alone19")

    def test_an_apache_server_becomes_three_with_ours_that_all_elect(self):
        """Alone with server 2 it is not counted on; in an election that all three take part in it is."""
        ensemble = self.grow((JAVA, PADDOCK, PADDOCK))
        ensemble.launch(1, 2)
        self.await_line(ensemble[2], AT_SERVER)
        ensemble.start(3)
        self.is_there(ensemble, "/alone19")

    def test_a_wiped_server_comes_back_to_a_healthy_pair(self):
        ensemble = self.make().start()
        writer = Writer(ensemble.hosts(), "/load")
        self.addCleanup(writer.close)
        writer.start()
        for sid in (1, 2, 3):
            member = ensemble[sid]
            reached = len(writer.acknowledged) + 50
            wait_until(lambda: len(writer.acknowledged) > reached or writer.errors, "writes", 40 * SLOW)
            member.kill()
            member.wipe()
            member.launch()
            ensemble.wait_ready()
            self.assertNotIn("holds nothing", member.log())
        writer.finish()
        self.assertEqual(writer.errors, [])
        ensemble.assert_equal(self)
        there = set(self.client(ensemble[1]).children("/load").children)
        self.assertEqual([path for path in writer.acknowledged if path.rsplit("/", 1)[1] not in there], [])
        ensemble.stop()


if __name__ == "__main__":
    main()

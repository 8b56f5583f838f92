#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Proves that the load generator tells the truth, on servers that lie or stall on purpose; and that the report does."""

import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import xml.dom.minidom

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

import ensembles  # noqa: E402
import failover  # noqa: E402
import measure  # noqa: E402
import report  # noqa: E402
import servers  # noqa: E402

GENERATOR = os.path.join(os.environ.get("PADDOCK_BUILDDIR", "."), "tests/bench/pdk-bench")
STAT = bytes(68)
EXISTS, GET_DATA, SET_DATA, CREATE, SYNC, MULTI, CLOSE = 3, 4, 5, 1, 9, 14, -11


class FakeServer:
    """Speaks just enough of the protocol; answer(type, xid) returns (xid, err, body), or None to hang up."""

    def __init__(self, answer):
        self.answer = answer
        self.zxid = 1
        self.sessions = 0
        self.serving = True
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()

    def accept(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, connection.makefile("rb") as stream:
            stream.read(49)
            if not self.serving:
                return
            self.sessions += 1
            connection.sendall(struct.pack(">iiiqi", 37, 0, 40000, 1, 16) + bytes(17))
            while header := stream.read(12):
                length, xid, kind = struct.unpack(">iii", header)
                stream.read(length - 8)
                reply = self.answer(kind, xid)
                if kind == CLOSE or reply is None:
                    return
                xid, err, body = reply
                try:
                    connection.sendall(struct.pack(">iiqi", 16 + len(body), xid, self.zxid, err) + body)
                except OSError:
                    return


def body_of(kind):
    return {GET_DATA: struct.pack(">i", 100) + bytes(100) + STAT, SET_DATA: STAT, EXISTS: STAT,
            CREATE: struct.pack(">i", 2) + b"/a", SYNC: struct.pack(">i", 2) + b"/a"}.get(kind, b"")


def honest(kind, xid):
    return xid, 0, body_of(kind)


def bench(ports, *arguments):
    """Runs the load generator on one server, or on a list of them."""
    server = ",".join(f"127.0.0.1:{port}" for port in (ports if isinstance(ports, list) else [ports]))
    command = [GENERATOR, "--server", server, "--json", "--limit", "20", "--warmup", "0", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr


class Generator(unittest.TestCase):
    def test_an_honest_server_has_no_errors(self):
        with FakeServer(honest) as server:
            status, figures, _ = bench(server.port, "--connections", "2", "--depth", "4", "--seconds", "0.2")
        self.assertEqual(status, 0)
        self.assertEqual(figures["errors"], 0)
        self.assertGreater(figures["ops"], 0)

    def test_an_error_code_is_counted(self):
        def lie(kind, xid):
            return (xid, -101, b"") if kind == GET_DATA else honest(kind, xid)
        self.assert_wrong(lie, "error -101")

    def test_a_reply_out_of_order_is_counted(self):
        self.assert_wrong(lambda kind, xid: honest(kind, xid + 1 if kind == GET_DATA else xid), "where")

    def test_a_reply_of_the_wrong_size_is_counted(self):
        self.assert_wrong(lambda kind, xid: (xid, 0, STAT) if kind == GET_DATA else honest(kind, xid), "does not fit")

    def test_a_watch_event_nobody_asked_for_is_counted(self):
        self.assert_wrong(lambda kind, xid: (-1, 0, b"") if kind == GET_DATA else honest(kind, xid), "watch event",
                          "--limit", "2", statuses=(3,))

    def assert_wrong(self, answer, words, *more, statuses=(1,)):
        with FakeServer(answer) as server:
            status, _, message = bench(server.port, "--connections", "1", "--seconds", "0.1", *more)
        self.assertIn(status, statuses)
        if status == 1:
            self.assertIn(words, message)

    def test_a_refused_multi_is_counted_though_its_header_says_ok(self):
        refused = struct.pack(">ibi", -1, 0, -110) + struct.pack(">i", -110) + struct.pack(">ibi", -1, 1, -1)
        with FakeServer(lambda kind, xid: (xid, 0, refused) if kind == MULTI else honest(kind, xid)) as server:
            status, _, message = bench(server.port, "--workload", "load", "--nodes", "20", "--batch", "10", "--keep")
        self.assertEqual(status, 1, message)

    def test_a_lost_connection_ends_the_run(self):
        with FakeServer(lambda kind, xid: None if kind == GET_DATA else honest(kind, xid)) as server:
            status, _, message = bench(server.port, "--connections", "1", "--seconds", "5")
        self.assertEqual(status, 3)
        self.assertIn("lost", message)

    def test_nobody_listening_ends_in_time(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        status, _, message = bench(port, "--limit", "0.3")
        self.assertEqual(status, 3, message)

    def test_a_stall_is_paid_for_by_every_request_that_was_due_in_it(self):
        """One stall of 0.4 s in 1 s at 200/s: some 80 requests were due in it, a fifth of them in its first 0.1 s."""
        stall = {"begin": None}

        def slow(kind, xid):
            if kind == GET_DATA:
                stall["begin"] = stall["begin"] or time.monotonic()
                if 0.3 < time.monotonic() - stall["begin"] < 0.5:
                    time.sleep(0.4)
            return honest(kind, xid)
        with FakeServer(slow) as server:
            status, figures, message = bench(server.port, "--connections", "1", "--rate", "200", "--seconds", "1",
                                             "--no-setup")
        self.assertEqual(status, 0, message)
        self.assertGreater(figures["latency_p90_us"], 200000)
        self.assertGreater(figures["latency_max_us"], 390000)
        self.assertLess(figures["latency_p50_us"], 200000)

    def test_a_fixed_rate_is_kept(self):
        with FakeServer(honest) as server:
            _, figures, _ = bench(server.port, "--connections", "4", "--rate", "100", "--seconds", "1", "--no-setup")
        self.assertAlmostEqual(figures["ops"], 100, delta=20)


    def test_connections_go_round_robin_over_all_servers(self):
        asked = {SYNC: [0, 0, 0], GET_DATA: [0, 0, 0]}

        def counting(place):
            def answer(kind, xid):
                if kind in asked:
                    asked[kind][place] += 1
                return honest(kind, xid)
            return answer
        with FakeServer(counting(0)) as one, FakeServer(counting(1)) as two, FakeServer(counting(2)) as three:
            status, figures, message = bench([one.port, two.port, three.port], "--connections", "7", "--seconds", "0.1")
            sessions = [server.sessions for server in (one, two, three)]
        self.assertEqual((status, figures["errors"]), (0, 0), message)
        # The first server also gets four connections for setting up and cleaning up; each gets one to sync.
        self.assertEqual(sessions, [3 + 1 + 4, 2 + 1, 2 + 1])
        self.assertEqual(asked[SYNC], [1, 1, 1])
        self.assertGreater(min(asked[GET_DATA]), 0)

    def test_several_processes_are_summed_up(self):
        own, memory = str(os.getpid()), []
        with FakeServer(honest) as server:
            for pids in (own, f"{own},{own}"):
                _, figures, _ = bench(server.port, "--connections", "1", "--seconds", "0.05", "--pid", pids)
                memory.append(figures["rss_before_kb"])
        self.assertAlmostEqual(memory[1] / memory[0], 2, delta=0.2)

    def test_a_list_with_a_mistake_is_refused(self):
        for option, value in (("--server", "127.0.0.1:1,"), ("--server", "127.0.0.1:1,nowhere"), ("--pid", "1,x")):
            with self.subTest(value):
                status, _, message = bench(1, option, value)
                self.assertEqual(status, 2)
                self.assertIn(f"{option}: found", message)


class Replica:
    """A FakeServer that takes writes to one znode: counts its version, and says in which epoch it is."""

    def __init__(self):
        self.version = 0
        self.server = FakeServer(self.answer)
        self.be(1)

    def be(self, epoch):
        self.server.zxid = epoch << 32
        self.server.serving = epoch > 0

    def answer(self, kind, xid):
        if not self.server.serving:
            return None
        if kind != SET_DATA:
            return honest(kind, xid)
        time.sleep(0.001)
        self.version += 1
        self.server.zxid += 1
        return xid, 0, bytes(32) + struct.pack(">i", self.version) + bytes(32)


class Failover(unittest.TestCase):
    def setUp(self):
        self.replicas = [Replica(), Replica()]
        for replica in self.replicas:
            self.addCleanup(replica.server.listener.close)

    def later(self, seconds, what):
        timer = threading.Timer(seconds, what)
        timer.start()
        self.addCleanup(timer.join)

    def measure(self, kill, limit_s=10):
        survivors = [(replica.server.port, f"/{number}") for number, replica in enumerate(self.replicas)]
        return failover.measure(survivors, kill, {}, limit_s, steady_s=0.05)

    def test_the_first_survivor_that_takes_writes_again_counts(self):
        def kill():
            for replica in self.replicas:
                replica.be(0)
            self.later(0.2, lambda: self.replicas[1].be(2))
        self.assertGreaterEqual(self.measure(kill), 0.2)

    def test_a_write_of_the_old_epoch_does_not_count(self):
        self.assertGreaterEqual(self.measure(lambda: self.later(0.2, lambda: self.replicas[0].be(2))), 0.2)

    def test_an_acknowledged_write_that_is_gone_is_an_error(self):
        def kill():
            self.replicas[0].version = 1
            self.replicas[0].be(2)
        with self.assertRaisesRegex(failover.FailoverError, "/0 has version"):
            self.measure(kill)

    def test_a_fail_over_that_never_ends_is_an_error(self):
        with self.assertRaisesRegex(failover.FailoverError, "closed by the server"):
            self.measure(lambda: [replica.be(0) for replica in self.replicas], limit_s=0.4)


class Ensembles(unittest.TestCase):
    def configured(self, server, directory):
        server.configure(100000)
        with open(os.path.join(directory, "zoo.cfg"), encoding="utf-8") as file:
            return file.read()

    def test_members_know_each_other_and_a_server_alone_knows_nobody(self):
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two, \
                tempfile.TemporaryDirectory() as three:
            members = [servers.Server("Paddock", one), servers.Server("Paddock", two)]
            alone = servers.Server("Paddock", three)
            servers.Ensemble(members, alone)
            lists = [[line for line in self.configured(member, directory).split("\n") if line.startswith("server.")]
                     for member, directory in zip(members, (one, two))]
            with open(os.path.join(two, "data", "myid"), encoding="ascii") as file:
                self.assertEqual(file.read(), "2\n")
            self.assertNotRegex(self.configured(alone, three), "server[.]|Limit")
            self.assertFalse(os.path.exists(os.path.join(three, "data", "myid")))
        self.assertEqual(lists[0], lists[1])
        self.assertEqual([line.split("=")[0] for line in lists[0]], ["server.1", "server.2"])

    def test_reads_at_a_follower_are_compared_with_the_server_alone(self):
        class Canned(ensembles.EnsembleMeasurement):
            def bench(self, server, label, arguments, limit=300):
                return {"ops_per_s": 90.0 if "follower" in label else 100.0, "ops_per_cpu_s": 1.0}

            def warm(self, server, extra=()):
                pass

        class Canister:
            name = "Paddock"

            def start(self):
                pass

            def followers(self):
                return [self]
        measurement = Canned(None, True, ensembles.NAMES, lambda line: None)
        measurement.alone(Canister())
        measurement.follower_reads(Canister())
        rows = report.make_rows(measurement.samples, report.ENSEMBLE_ROWS)
        row = next(row for row in rows if row["figure"] == "follower-get.of_alone")
        self.assertEqual((row["paddock"], row["target"], row["met"]), (0.9, "≥ 0.9 ×", True))


class Report(unittest.TestCase):
    def samples(self, ours, theirs):
        return {"get-32x8.ops_per_cpu_s": {"Paddock": ours, "ZooKeeper": theirs}}

    def test_the_median_of_the_rounds_counts(self):
        row = report.make_rows(self.samples([9, 800, 90], [10, 1, 100]))[0]
        self.assertEqual((row["paddock"], row["zookeeper"], row["ratio"], row["met"]), (90, 10, 9, True))

    def test_a_target_is_missed_from_below_or_above(self):
        self.assertFalse(report.make_rows(self.samples([79], [10]))[0]["met"])
        latency = {"get-1.latency_p50_us": {"Paddock": [50], "ZooKeeper": [100]}}
        self.assertFalse(report.make_rows(latency)[0]["met"])

    def test_a_target_for_a_value_ignores_the_ratio(self):
        row = report.make_rows({"memory.loaded": {"Paddock": [261e6], "ZooKeeper": [2e9]}})[0]
        self.assertEqual((row["met"], row["target"]), (False, "≤ 260 MB"))

    def test_one_server_alone_has_no_ratio_and_no_chart(self):
        rows = report.make_rows({"get-32x8.ops_per_cpu_s": {"ZooKeeper": [10]}})
        self.assertIsNone(rows[0]["ratio"])
        self.assertIsNone(report.svg(rows, ""))
        self.assertIn("| – |", report.markdown(rows, []))

    def test_the_chart_is_xml_with_every_row(self):
        for wanted in (report.ROWS, report.ENSEMBLE_ROWS):
            figures = {figure: {"Paddock": [3e6], "ZooKeeper": [7e6]} for figure, *_ in wanted}
            chart = report.svg(report.make_rows(figures, wanted), "a & b < c")
            texts = [node.firstChild.data for node in xml.dom.minidom.parseString(chart).getElementsByTagName("text")]
            for _, label, *_ in wanted:
                self.assertIn(label, texts)

    def test_every_row_is_measured_by_something(self):
        names = {figure.split(".")[0] for figure, *_ in report.ROWS}
        self.assertEqual(names, set(measure.NAMES))
        names = {figure.split(".")[0] for figure, *_ in report.ENSEMBLE_ROWS} - {"alone-get"}
        self.assertEqual(names, set(ensembles.NAMES))


if __name__ == "__main__":
    if not os.access(GENERATOR, os.X_OK):
        sys.exit(f"{GENERATOR} is not built")
    unittest.main()

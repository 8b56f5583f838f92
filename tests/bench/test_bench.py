#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Proves that the load generator tells the truth, on servers that lie or stall on purpose; and that the report does."""

import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest
import xml.dom.minidom

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

import measure  # noqa: E402
import report  # noqa: E402

GENERATOR = os.path.join(os.environ.get("PADDOCK_BUILDDIR", "."), "tests/bench/pdk-bench")
STAT = bytes(68)
EXISTS, GET_DATA, SET_DATA, CREATE, MULTI, CLOSE = 3, 4, 5, 1, 14, -11


class FakeServer:
    """Speaks just enough of the protocol; answer(type, xid) returns (xid, err, body), or None to hang up."""

    def __init__(self, answer):
        self.answer = answer
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
            connection.sendall(struct.pack(">iiiqi", 37, 0, 40000, 1, 16) + bytes(17))
            while header := stream.read(12):
                length, xid, kind = struct.unpack(">iii", header)
                stream.read(length - 8)
                reply = self.answer(kind, xid)
                if kind == CLOSE or reply is None:
                    return
                xid, err, body = reply
                try:
                    connection.sendall(struct.pack(">iiqi", 16 + len(body), xid, 1, err) + body)
                except OSError:
                    return


def body_of(kind):
    return {GET_DATA: struct.pack(">i", 100) + bytes(100) + STAT, SET_DATA: STAT, EXISTS: STAT,
            CREATE: struct.pack(">i", 2) + b"/a"}.get(kind, b"")


def honest(kind, xid):
    return xid, 0, body_of(kind)


def bench(port, *arguments):
    command = [GENERATOR, "--server", f"127.0.0.1:{port}", "--json", "--limit", "20", "--warmup", "0", *arguments]
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
        figures = {figure: {"Paddock": [3e6], "ZooKeeper": [7e6]} for figure, *_ in report.ROWS}
        chart = report.svg(report.make_rows(figures), "a & b < c")
        texts = [node.firstChild.data for node in xml.dom.minidom.parseString(chart).getElementsByTagName("text")]
        for _, label, *_ in report.ROWS:
            self.assertIn(label, texts)

    def test_every_row_is_measured_by_something(self):
        names = {figure.split(".")[0] for figure, *_ in report.ROWS}
        self.assertEqual(names, set(measure.NAMES))


if __name__ == "__main__":
    if not os.access(GENERATOR, os.X_OK):
        sys.exit(f"{GENERATOR} is not built")
    unittest.main()

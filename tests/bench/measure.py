# SPDX-License-Identifier: Apache-2.0
"""What is measured on each server, as samples; changes when a workload is added or measured differently."""

import json
import subprocess
import time

import servers as processes

# Seconds of each kind of run, normal and --quick.
TIMES = {
    "run": (5, 1.5), "warm": (12, 10), "snapshot_run": (20, 8), "hold": (3, 1), "settle": (3, 1),
}
MILLION = 1000000
BIG_HEAP = "4g"
SNAPSHOTS_NEVER = 1000000000
SNAPSHOTS_OFTEN = 20000
IDLE_SESSIONS = 10000

THROUGHPUT = {
    "get-32x8": ["--workload", "get", "--connections", "32", "--depth", "8"],
    "get-32x1": ["--workload", "get", "--connections", "32", "--depth", "1"],
    "get-1": ["--workload", "get", "--connections", "1", "--depth", "1"],
    "set-32x8": ["--workload", "set", "--connections", "32", "--depth", "8"],
    "set-32x1": ["--workload", "set", "--connections", "32", "--depth", "1"],
    "set-1": ["--workload", "set", "--connections", "1", "--depth", "1"],
    "create-32x8": ["--workload", "create", "--connections", "32", "--depth", "8"],
    "mixed-32x8": ["--workload", "mixed", "--connections", "32", "--depth", "8"],
}
REDIS = {"redis-get-32x8": ("32", "8"), "redis-get-32x1": ("32", "1"), "redis-get-1": ("1", "1")}
MILLION_PARTS = ("memory", "restart", "watches", "snapshots")
NAMES = list(THROUGHPUT) + ["idle-server", "idle-sessions"] + list(MILLION_PARTS)


class BenchError(Exception):
    """The load generator could not finish, or got wrong answers."""


class Measurement:
    """Runs the load generator and keeps every figure as samples[figure][server]."""

    def __init__(self, generator, quick, only, say):
        self.generator = generator
        self.times = {name: pair[1 if quick else 0] for name, pair in TIMES.items()}
        self.only = only
        self.say = say
        self.samples = {}
        self.failures = []
        self.raw = []

    def wants(self, *names):
        return any(name in self.only for name in names)

    def add(self, figure, server, value):
        self.samples.setdefault(figure, {}).setdefault(server.name, []).append(value)

    def bench(self, server, label, arguments, limit=300):
        """One run of the load generator; its figures as a dictionary."""
        command = [self.generator, "--server", server.address(), "--pid", server.pids(), "--json",
                   "--limit", str(limit)] + [str(argument) for argument in arguments]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=limit + 60, check=False)
        except subprocess.TimeoutExpired as error:
            raise BenchError(f"{server.name} {label}: no end after {limit + 60} s") from error
        if done.returncode != 0:
            raise BenchError(f"{server.name} {label}: {done.stderr.strip()}")
        figures = json.loads(done.stdout)
        self.raw.append({"server": server.name, "what": label, **figures})
        self.say(f"  {server.name:10} {label:28} {figures['ops_per_s']:>10.0f} /s "
                 f"{figures['ops_per_cpu_s']:>10.0f} /cpu-s  p50 {figures['latency_p50_us']:>8.0f} us "
                 f"p99 {figures['latency_p99_us']:>8.0f} us  rss {figures['rss_after_kb'] / 1000:>6.0f} MB")
        return figures

    def guarded(self, what, server, *arguments):
        """Carries out one part; a failure is kept for the end, and the other parts go on."""
        try:
            what(server, *arguments)
        except (BenchError, processes.ServerError, OSError, AssertionError) as error:
            self.failures.append(str(error))
            self.say(f"  FAILED: {error}")
        finally:
            server.stop()
            server.wipe()

    def warm(self, server, extra=()):
        """The same load for every server before anything counts: the JIT compiler wants at least ten seconds."""
        part = self.times["warm"] / 3
        for name in ("get-32x8", "set-32x8", "create-32x8"):
            self.bench(server, f"warm-up {name}", THROUGHPUT[name] +
                       ["--seconds", part, "--warmup", "0", "--parent", "/warm-up", *extra])

    def throughput(self, server):
        server.start()
        self.warm(server)
        for name, arguments in THROUGHPUT.items():
            if not self.wants(name):
                continue
            figures = self.bench(server, name, arguments + ["--seconds", self.times["run"]])
            for field in ("ops_per_s", "ops_per_cpu_s", "latency_p50_us", "latency_p99_us"):
                self.add(f"{name}.{field}", server, figures[field])

    def idle(self, server):
        server.start()
        time.sleep(self.times["settle"])
        self.add("idle-server.rss", server, server.rss_bytes())
        if not self.wants("idle-sessions"):
            return
        figures = self.bench(server, "idle-sessions", ["--workload", "idle", "--connections", IDLE_SESSIONS,
                                                       "--warmup", 0, "--seconds", self.times["hold"]])
        grown = (figures["rss_after_kb"] - figures["rss_before_kb"]) * 1024
        self.add("idle-sessions.bytes", server, grown / IDLE_SESSIONS)

    def million(self, server):
        """Everything that needs a million znodes of 100 bytes: they are loaded once."""
        server.start(heap=BIG_HEAP)
        figures = self.bench(server, "load a million", ["--workload", "load", "--nodes", MILLION, "--connections", 8,
                                                        "--depth", 32, "--keep"], limit=600)
        self.add("memory.load_per_s", server, figures["ops_per_s"])
        time.sleep(self.times["settle"])
        self.add("memory.loaded", server, server.rss_bytes())
        server.stop()
        if self.wants("memory", "restart", "watches"):
            self.restarted(server)
        if self.wants("snapshots"):
            self.snapshots(server)

    def restarted(self, server):
        server.start(heap=BIG_HEAP, wait=False)
        figures = self.bench(server, "restart", ["--workload", "restart-wait", "--nodes", MILLION, "--since",
                                                 f"{server.started_at:.9f}"], limit=180)
        self.add("restart.seconds", server, figures["elapsed_s"])
        time.sleep(self.times["settle"])
        before = server.rss_bytes()
        self.add("memory.restarted", server, before)
        if self.wants("watches"):
            self.watches(server, before)
        server.stop()

    def watches(self, server, before):
        common = ["--workload", "watch", "--connections", 8, "--depth", 32, "--no-setup"]
        figures = self.bench(server, "a million watches", common + ["--nodes", MILLION], limit=600)
        self.add("watches.bytes", server, figures["rss_after_kb"] * 1024 - before)
        self.add("watches.set_per_s", server, figures["ops_per_s"])
        figures = self.bench(server, "fire watches", common + ["--nodes", MILLION // 10, "--fire"], limit=600)
        self.add("watches.fired_per_s", server, figures["watches_fired_per_s"])

    def snapshots(self, server):
        """p99 of durable writes with a million znodes, without and with snapshots being taken of them."""
        calm = self.writes(server, "without snapshots", SNAPSHOTS_NEVER, None)
        busy = self.writes(server, "with snapshots", SNAPSHOTS_OFTEN, calm["rate"])
        for mode in ("closed", "fixed"):
            self.add(f"snapshots.{mode}_p99_without", server, calm[mode])
            self.add(f"snapshots.{mode}_p99_with", server, busy[mode])
            self.add(f"snapshots.{mode}_ratio", server, busy[mode] / calm[mode])

    def writes(self, server, label, snap_count, rate):
        server.start(snap_count=snap_count, heap=BIG_HEAP)
        self.warm(server)
        before = server.snapshots()
        on_all = ["--workload", "set", "--nodes", MILLION, "--no-setup", "--connections", 8]
        timed = on_all + ["--seconds", self.times["snapshot_run"]]
        closed = self.bench(server, f"set 8x1 {label}", timed + ["--depth", 1])
        rate = rate or closed["ops_per_s"] / 2
        fixed = self.bench(server, f"set at {rate:.0f}/s {label}", timed + ["--depth", 32, "--rate", rate])
        taken = len(server.snapshots() - before)
        server.stop()
        self.say(f"  {server.name:10} snapshots taken: {taken}")
        if (snap_count == SNAPSHOTS_OFTEN) != (taken > 0):
            raise BenchError(f"{server.name} {label}: {taken} snapshots were taken")
        return {"closed": closed["latency_p99_us"], "fixed": fixed["latency_p99_us"], "rate": rate}

    def redis(self, server):
        server.start()
        for name, (connections, depth) in REDIS.items():
            figures = self.bench(server, name, ["--workload", "redis-get", "--connections", connections, "--depth",
                                                depth, "--seconds", self.times["run"]])
            for field in ("ops_per_s", "ops_per_cpu_s", "latency_p50_us"):
                self.add(f"{name}.{field}", server, figures[field])

    def round(self, servers, number):
        """One round over all servers; the order alternates, so that neither always runs on the warmer machine."""
        order = servers if number % 2 == 0 else list(reversed(servers))
        if self.wants(*THROUGHPUT):
            for server in order:
                self.guarded(self.throughput, server)
        if self.wants("idle-server", "idle-sessions"):
            for server in order:
                self.guarded(self.idle, server)

    def big_round(self, servers, number):
        order = servers if number % 2 == 0 else list(reversed(servers))
        for server in order:
            self.guarded(self.million, server)

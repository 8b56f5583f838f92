# SPDX-License-Identifier: Apache-2.0
"""What is measured on ensembles, as samples; changes when a workload on several servers is added or changed."""

import time

import failover
import measure
import servers as processes

CLIENTS = (1, 2, 5, 10)
THROUGHPUT = {
    "set-32x8": measure.THROUGHPUT["set-32x8"],
    "create-32x8": measure.THROUGHPUT["create-32x8"],
    **{f"{workload}-{clients}": ["--workload", workload, "--connections", str(clients), "--depth", "1"]
       for workload in ("set", "create") for clients in CLIENTS},
}
READS = measure.THROUGHPUT["get-32x8"]
# Fail-over with an empty tree, and with so many znodes.
FAILOVERS = {"failover": 0, "failover-200k": 200000}
NAMES = ["follower-get"] + list(THROUGHPUT) + list(FAILOVERS)


class EnsembleMeasurement(measure.Measurement):
    """Measures ensembles; each brings a stand-alone server of its kind, to compare reads with."""

    def __init__(self, generator, quick, only, say):
        super().__init__(generator, quick, only, say)
        self.kills = 3 if quick else 5

    def warm(self, server, extra=()):
        """An ensemble is warmed up once for every member: the load is spread over as many compilers."""
        for _ in range(len(server.members) if isinstance(server, processes.Ensemble) else 1):
            super().warm(server, extra)

    def reads(self, server, label):
        return self.bench(server, label, READS + ["--seconds", self.times["run"], "--warmup", self.times["warm"] / 3])

    def alone(self, server):
        """What the same reads yield without an ensemble around the server."""
        server.start()
        self.warm(server)
        figures = self.reads(server, "get-32x8 stand-alone")
        self.add("alone-get.ops_per_s", server, figures["ops_per_s"])

    def follower_reads(self, ensemble):
        follower = ensemble.followers()[0]
        figures = self.reads(follower, "get-32x8 at a follower")
        self.add("follower-get.ops_per_s", follower, figures["ops_per_s"])
        self.add("follower-get.ops_per_cpu_s", follower, figures["ops_per_cpu_s"])
        alone = self.samples.get("alone-get.ops_per_s", {}).get(ensemble.name)
        if alone:
            self.add("follower-get.of_alone", follower, figures["ops_per_s"] / alone[-1])

    def throughput(self, ensemble):
        ensemble.start()
        self.warm(ensemble)
        if self.wants("follower-get"):
            self.follower_reads(ensemble)
        for name, arguments in THROUGHPUT.items():
            if not self.wants(name):
                continue
            figures = self.bench(ensemble, name, arguments + ["--seconds", self.times["run"]])
            for field in ("ops_per_s", "ops_per_cpu_s", "latency_p50_us", "latency_p99_us"):
                self.add(f"{name}.{field}", ensemble, figures[field])

    def failovers(self, ensemble):
        ensemble.start()
        self.warm(ensemble)
        versions = {}
        for name, nodes in FAILOVERS.items():
            if not self.wants(name):
                continue
            if nodes > 0:
                self.bench(ensemble, f"load {nodes}", ["--workload", "load", "--nodes", nodes, "--batch", 100,
                                                       "--connections", 8, "--depth", 4, "--keep"])
            times_ms = [self.kill_leader(ensemble, name, number, versions) for number in range(self.kills)]
            self.add(f"{name}.worst_ms", ensemble, max(times_ms))

    def kill_leader(self, ensemble, name, number, versions):
        """Milliseconds of one fail-over; afterwards the killed server follows again."""
        ensemble.wait_until_complete()
        time.sleep(self.times["settle"])
        leader, followers = ensemble.leader(), ensemble.followers()
        survivors = [(follower.port, f"/failover-{follower.my_id}") for follower in followers]
        try:
            seconds = failover.measure(survivors, leader.kill, versions)
        except failover.FailoverError as error:
            raise measure.BenchError(f"{ensemble.name} {name}, kill {number + 1} of {self.kills}: {error}") from error
        self.add(f"{name}.ms", ensemble, seconds * 1000)
        self.say(f"  {ensemble.name:10} {name} {number + 1} of {self.kills}, server {leader.my_id} led: "
                 f"{seconds * 1000:.0f} ms")
        leader.reap()
        leader.start(wait=False)
        ensemble.wait_until_complete()
        return seconds * 1000

    def round(self, servers, number):
        order = servers if number % 2 == 0 else list(reversed(servers))
        if not self.wants("follower-get", *THROUGHPUT):
            return
        for ensemble in order:
            if self.wants("follower-get"):
                self.guarded(self.alone, ensemble.alone)
            self.guarded(self.throughput, ensemble)

    def big_round(self, servers, number):
        order = servers if number % 2 == 0 else list(reversed(servers))
        for ensemble in order:
            self.guarded(self.failovers, ensemble)

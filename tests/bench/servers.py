# SPDX-License-Identifier: Apache-2.0
"""Starting and stopping the servers that are compared; changes when one of them is started differently."""

import ctypes
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import time

JAVA_CLASS_PATH = "/usr/share/java/zookeeper.jar:/usr/share/java/zookeeper-jute.jar"
JAVA_MAIN = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
# What zkEnv.sh of ZooKeeper gives the server when nothing else is said (ZK_SERVER_HEAP).
JAVA_DEFAULT_HEAP = "1000m"
START_LIMIT_S = 120
STOP_LIMIT_S = 60
PR_SET_PDEATHSIG = 1


class ServerError(Exception):
    """The server did not start or stop as it should."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def before_exec():
    """In the child: as many descriptors as allowed, and no life without the script."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Server:
    """One server process on a data directory of its own, which outlives restarts until wipe() is called."""

    def __init__(self, name, directory):
        self.name = name
        self.directory = directory
        self.port = free_port()
        self.process = None
        self.started_at = 0.0
        self.data = os.path.join(directory, "data")
        self.ensemble_lines = []
        self.my_id = None

    def command(self, heap):
        raise NotImplementedError

    def configure(self, snap_count):
        """Both servers are given exactly these lines; forceSync keeps its default (on)."""
        os.makedirs(self.data, exist_ok=True)
        lines = [
            "tickTime=2000", f"dataDir={self.data}", f"clientPort={self.port}", "clientPortAddress=127.0.0.1",
            "maxClientCnxns=0", "admin.enableServer=false", "4lw.commands.whitelist=*", f"snapCount={snap_count}",
        ]
        with open(self.config_path(), "w", encoding="utf-8") as file:
            file.write("\n".join(lines + self.ensemble_lines) + "\n")
        if self.my_id is not None:
            with open(os.path.join(self.data, "myid"), "w", encoding="ascii") as file:
                file.write(f"{self.my_id}\n")

    def config_path(self):
        return os.path.join(self.directory, "zoo.cfg")

    def start(self, snap_count=100000, heap=JAVA_DEFAULT_HEAP, wait=True):
        """Starts the server; with wait, returns only when it serves."""
        self.configure(snap_count)
        with open(os.path.join(self.directory, "output"), "ab") as output:
            self.started_at = time.monotonic()
            self.process = subprocess.Popen(self.command(heap), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                            cwd=self.directory, preexec_fn=before_exec)
        if wait:
            self.wait_until_serving()

    def wait_until_serving(self):
        while time.monotonic() < self.started_at + START_LIMIT_S:
            if self.process.poll() is not None:
                raise ServerError(f"{self.name} ended with status {self.process.returncode}: {self.last_output()}")
            if self.serves():
                return
            time.sleep(0.02)
        raise ServerError(f"{self.name} does not serve after {START_LIMIT_S} s: {self.last_output()}")

    def serves(self):
        return "Mode: " in self.ask("srvr")

    def mode(self):
        """leader, follower or standalone; empty while the server does not serve."""
        found = re.search(r"^Mode: (\w+)", self.ask("srvr"), re.M)
        return found.group(1) if found else ""

    def address(self):
        return f"127.0.0.1:{self.port}"

    def pids(self):
        return str(self.process.pid)

    def ask(self, word):
        """The answer to a four-letter word, empty when there is none."""
        answer = b""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(word.encode())
                while part := connection.recv(65536):
                    answer += part
        except OSError:
            return ""
        return answer.decode(errors="replace")

    def last_output(self):
        with open(os.path.join(self.directory, "output"), encoding="utf-8", errors="replace") as file:
            return file.read()[-500:]

    def stop(self):
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def kill(self):
        """kill -9, not waited for: reap() does that."""
        self.process.kill()

    def reap(self):
        self.process.wait(STOP_LIMIT_S)
        self.process = None

    def wipe(self):
        shutil.rmtree(self.data, ignore_errors=True)

    def snapshots(self):
        """Finished and unfinished snapshots that the data directory holds, by name."""
        directory = os.path.join(self.data, "version-2")
        return {name for name in os.listdir(directory) if name.startswith("snapshot.")}

    def rss_bytes(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            found = re.search(r"^VmRSS:\s+(\d+) kB", file.read(), re.M)
        return int(found.group(1)) * 1024


class ZooKeeper(Server):
    """Debian's Apache ZooKeeper."""

    def command(self, heap):
        return ["java", f"-Xmx{heap}", "-cp", JAVA_CLASS_PATH, JAVA_MAIN, self.config_path()]


class Paddock(Server):
    """paddockd, given the same zoo.cfg; a heap size means nothing to it."""

    def __init__(self, name, directory, binary):
        super().__init__(name, directory)
        self.binary = binary

    def command(self, heap):
        command = [self.binary, "--zoo-cfg", self.config_path()]
        plugins = os.path.join(os.path.dirname(os.path.abspath(self.binary)), "plugins")
        if os.path.isdir(plugins):  # a build tree that is not installed
            command += ["--plugin-dir", plugins]
        return command


class Ensemble:
    """Servers of one kind that replicate to each other; stops, starts and is loaded like one server."""

    def __init__(self, members, alone):
        self.members = members
        self.alone = alone  # a server outside the ensemble, to compare with
        self.name = members[0].name
        ports = [(free_port(), free_port()) for _ in members]
        lines = ["initLimit=10", "syncLimit=5"]
        lines += [f"server.{number}=127.0.0.1:{quorum}:{election}" for number, (quorum, election) in enumerate(ports, 1)]
        for number, member in enumerate(members, 1):
            member.ensemble_lines = lines
            member.my_id = number

    def start(self, **how):
        for member in self.members:
            member.start(wait=False, **how)
        self.wait_until_complete()

    def wait_until_complete(self):
        """Returns when one leads and all others follow."""
        wanted = ["follower"] * (len(self.members) - 1) + ["leader"]
        until = time.monotonic() + START_LIMIT_S
        while (modes := sorted(member.mode() for member in self.members)) != wanted:
            ended = [str(member.my_id) for member in self.members if member.process and member.process.poll() is not None]
            if ended or time.monotonic() > until:
                why = f"server {', '.join(ended)} ended" if ended else f"no ensemble after {START_LIMIT_S} s"
                raise ServerError(f"{self.name}: {why}; modes {modes}: {self.last_output()}")
            time.sleep(0.05)

    def leader(self):
        return next(member for member in self.members if member.mode() == "leader")

    def followers(self):
        return [member for member in self.members if member.mode() == "follower"]

    def address(self):
        """Every server's, the followers first: where the load goes does not depend on who was elected."""
        return ",".join(member.address() for member in self.followers() + [self.leader()])

    def pids(self):
        return ",".join(member.pids() for member in self.members)

    def last_output(self):
        return " | ".join(member.last_output()[-200:] for member in self.members)

    def stop(self):
        for member in self.members:
            member.stop()

    def wipe(self):
        for member in self.members:
            member.wipe()


class Redis(Server):
    """redis-server without persistence: what a GET costs where nothing else is done."""

    def configure(self, snap_count):
        os.makedirs(self.data, exist_ok=True)

    def command(self, heap):
        return ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--appendonly", "no",
                "--dir", self.data]

    def serves(self):
        return self.ask("PING\r\nQUIT\r\n").startswith("+PONG")

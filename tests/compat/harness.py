# SPDX-License-Identifier: Apache-2.0
"""Starts and stops the server that the tests of this directory talk to; changes when a server is started differently.

By default that is paddockd (PADDOCKD, with the plugins of PADDOCK_PLUGIN_DIR). PADDOCK_COMPAT_SERVER=java runs the
same tests against Debian's Apache ZooKeeper 3.8.0: they were written there. Where the releases differ, a case says
differs(what 3.8.0 does, what the newest 3.9 does, and we).
"""

import atexit
import glob
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

JAVA = "java"
PADDOCK = "paddock"
KIND = os.environ.get("PADDOCK_COMPAT_SERVER", PADDOCK)
SANITIZED = os.environ.get("PADDOCK_SANITIZERS") == "1"
ZOOKEEPER_JAR = "/usr/share/java/zookeeper.jar"
START_LIMIT = 30.0 * (3 if SANITIZED else 1)

_alive = []
_directories = []
_ports = set()


def differs(old, new):
    """What Apache ZooKeeper 3.8.0 gives, or the newest 3.9."""
    return old if KIND == JAVA else new


def have_java():
    return os.path.exists(ZOOKEEPER_JAR) and shutil.which("java") is not None


def need(condition, what):
    """Skips the whole program when its peer is not installed."""
    if not condition:
        print("skipped: %s" % what)
        sys.exit(77)


def free_port():
    """A port nobody listens at. Below those the kernel takes for connections: it stays free until the server takes it."""
    while True:
        port = random.randrange(10240, 32768)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in _ports:
            _ports.add(port)
            return port


def temporary_directory():
    directory = tempfile.mkdtemp(prefix="paddock-compat-")
    _directories.append(directory)
    return directory


def wait_until(condition, what, limit=10.0):
    """Asks until @condition is true; the time is only the bound."""
    end = time.monotonic() + limit * (3 if SANITIZED else 1)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("waited %.0f s in vain: %s" % (limit, what))
        time.sleep(0.01)


def four_letter(port, word, limit=10.0):
    """The answer to a four-letter word, as text; None when nobody serves."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=limit) as sock:
            sock.sendall(word if isinstance(word, bytes) else word.encode())
            parts = []
            while True:
                part = sock.recv(65536)
                if not part:
                    return b"".join(parts).decode()
                parts.append(part)
    except OSError:
        return None


class Server:
    """One server with a data directory of its own. Settings are keys of zoo.cfg, or of Java's system properties."""

    # Java reads these from the command line only; we take them from the file too.
    SYSTEM = ("jute.maxbuffer", "znode.container.", "readonlymode.", "java.")

    def __init__(self, settings=None, data_dir=None, kind=None, file_limit=None, conf=None):
        """@conf: a paddock.conf with %(data_dir)s and %(port)d in it; the settings are not looked at then."""
        self.kind = kind or KIND
        self.directory = temporary_directory()
        self.data_dir = data_dir or os.path.join(self.directory, "data")
        self.port = free_port()
        self.file_limit = file_limit
        self.conf = conf
        self.settings = {
            "tickTime": "2000",
            "maxClientCnxns": "0",
            "4lw.commands.whitelist": "*",
            "extendedTypesEnabled": "true",
            "admin.enableServer": "false",
        }
        self.settings.update(settings or {})
        self.process = None
        self.log_path = os.path.join(self.directory, "server.log")
        os.makedirs(self.data_dir, exist_ok=True)

    @property
    def address(self):
        return "127.0.0.1:%d" % self.port

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        with open(self.log_path, errors="replace") as log:
            return log.read()

    def rss_kb(self):
        with open("/proc/%d/status" % self.pid) as status:
            for line in status:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1])
        return 0

    def write_conf(self):
        path = os.path.join(self.directory, "paddock.conf")
        with open(path, "w") as config:
            config.write(self.conf % {"data_dir": self.data_dir, "port": self.port})
        return path

    def write_config(self):
        path = os.path.join(self.directory, "zoo.cfg")
        with open(path, "w") as config:
            config.write("dataDir=%s\nclientPortAddress=127.0.0.1\nclientPort=%d\n" % (self.data_dir, self.port))
            for key, value in sorted(self.settings.items()):
                config.write("%s=%s\n" % (key, value))
        return path

    def command(self):
        if self.kind == PADDOCK:
            daemon = os.environ.get("PADDOCKD", "paddockd")
            plugins = os.environ.get("PADDOCK_PLUGIN_DIR")
            config = ["-c", self.write_conf()] if self.conf else ["--zoo-cfg", self.write_config()]
            return [daemon] + config + (["--plugin-dir", plugins] if plugins else [])
        config = self.write_config()
        logging = os.path.join(self.directory, "log4j.properties")
        with open(logging, "w") as properties:
            properties.write("log4j.rootLogger=WARN, C\nlog4j.appender.C=org.apache.log4j.ConsoleAppender\n"
                             "log4j.appender.C.layout=org.apache.log4j.PatternLayout\n"
                             "log4j.appender.C.layout.ConversionPattern=%p %c{1} %m%n\n")
        system = ["-D%s=%s" % item for item in self.settings.items() if item[0].startswith(self.SYSTEM)]
        return (["java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dzookeeper.jmx.log4j.disable=true"]
                + system + ["-cp", self.directory + ":" + ZOOKEEPER_JAR,
                            "org.apache.zookeeper.server.quorum.QuorumPeerMain", config])

    def limit_files(self):
        if self.file_limit is not None:
            import resource
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.file_limit, self.file_limit))

    def launch(self):
        """Starts the process, without waiting for it to serve."""
        assert self.process is None
        log = open(self.log_path, "ab")
        self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                        preexec_fn=self.limit_files, cwd=self.directory)
        log.close()
        _alive.append(self)

    def start(self):
        self.launch()
        end = time.monotonic() + START_LIMIT
        while True:
            if self.process.poll() is not None:
                raise AssertionError("the server ended with status %d:\n%s" % (self.process.returncode, self.log()))
            answer = four_letter(self.port, "srvr", 2.0)
            if answer and answer.startswith("Zookeeper version"):
                return self
            if time.monotonic() > end:
                raise AssertionError("the server does not serve:\n%s" % self.log())
            time.sleep(0.02)

    def wait(self, limit=20.0):
        """The exit status, once the process ends by itself."""
        status = self.process.wait(limit * (3 if SANITIZED else 1))
        self._forget()
        return status

    def _forget(self):
        self.process = None
        if self in _alive:
            _alive.remove(self)

    def stop(self):
        """SIGTERM; returns the exit status."""
        if self.process is None:
            return None
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.wait()
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("the server does not stop on SIGTERM")

    def kill(self):
        if self.process is None:
            return
        self.process.kill()
        self.process.wait()
        self._forget()

    def restart(self):
        self.stop()
        return self.start()

    def files(self, pattern="*"):
        return sorted(glob.glob(os.path.join(self.data_dir, "version-2", pattern)))


@atexit.register
def _clean_up():
    for server in list(_alive):
        server.kill()
    for directory in _directories:
        shutil.rmtree(directory, ignore_errors=True)


class Case(unittest.TestCase):
    """Cases that share one server, started with the class's `settings`."""

    settings = None
    conf = None
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.server = Server(cls.settings, conf=cls.conf).start()

    @classmethod
    def tearDownClass(cls):
        status = cls.server.stop()
        if cls.server.kind == PADDOCK and status != 0:
            raise AssertionError("stopped with status %s:\n%s" % (status, cls.server.log()))

    def connect(self, **arguments):
        """A raw client that is closed when the case is over."""
        import rawzk
        client = rawzk.Client(self.server.port, **arguments)
        self.addCleanup(client.drop)
        return client

    def path(self, suffix=""):
        """A node of the case's own."""
        return "/" + self.id().split(".")[-1][5:] + suffix


class _Result(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.passed = 0
        self.buffer = False

    @staticmethod
    def name(test):
        if isinstance(test, unittest.TestCase):
            return test.id().split(".")[-1].replace("test_", "", 1).replace("_", " ")
        return test.id()

    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()

    def say(self, word, test, more=""):
        print("%-6s %s (%.2f s)%s" % (word, self.name(test), time.monotonic() - getattr(self, "began", time.monotonic()), more))
        sys.stdout.flush()

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1
        self.say("ok", test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.say("FAILED", test, "\n" + self.failures[-1][1])

    def addError(self, test, err):
        super().addError(test, err)
        self.say("ERROR", test, "\n" + self.errors[-1][1])

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            bad = self.failures if issubclass(err[0], test.failureException) else self.errors
            self.say("FAILED", test, " %s\n%s" % (subtest._subDescription(), bad[-1][1]))

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.say("skip", test, ": " + reason)


def main():
    """Runs the cases of the program; arguments choose those whose name contains one of them."""
    module = sys.modules["__main__"]
    if KIND == JAVA:
        need(have_java(), "no Apache ZooKeeper here (package zookeeper)")
    else:
        need(shutil.which(os.environ.get("PADDOCKD", "paddockd")), "no paddockd here (PADDOCKD says where it is)")
    suite = unittest.TestSuite()
    for case in unittest.defaultTestLoader.loadTestsFromModule(module):
        for test in case:
            if len(sys.argv) < 2 or any(word in test.id() for word in sys.argv[1:]):
                suite.addTest(test)
    result = _Result()
    began = time.monotonic()
    suite.run(result)
    bad = len(result.failures) + len(result.errors)
    print("%d passed, %d failed, %d skipped in %.1f s against %s" % (
        result.passed, bad, len(result.skipped), time.monotonic() - began, KIND))
    sys.exit(1 if bad or not (result.passed or result.skipped) else 77 if not result.passed else 0)

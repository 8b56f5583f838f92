# SPDX-License-Identifier: Apache-2.0
"""A client that never stops writing, to time a fail-over with; changes when what counts as one does."""

import queue
import socket
import struct
import threading
import time

SESSION_TIMEOUT_MS = 40000
# A server that takes a connection and says nothing is given up after this time.
ATTEMPT_LIMIT_S = 1.0
# Between two attempts at a server that refuses: short beside any fail-over, yet no busy loop that takes the
# processor from those who are electing.
PAUSE_S = 0.001
# The load that the kill meets has run for so long.
STEADY_S = 0.5
FRAME_MAX = 1 << 20
CREATE, SET_DATA, CLOSE = 1, 5, -11
NODE_EXISTS, SESSION_EXPIRED = -110, -112
OPEN_ACL = struct.pack(">iii5si6s", 1, 31, 5, b"world", 6, b"anyone")


class FailoverError(Exception):
    """No write was acknowledged in time, or one that had been acknowledged was gone."""


class Refused(Exception):
    """The server answered, but not with what was asked for."""


def text(words):
    return struct.pack(">i", len(words)) + words.encode()


def epoch_of(zxid):
    return zxid >> 32


class Connection:
    """One connection to a server; every call ends within ATTEMPT_LIMIT_S or raises OSError."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=ATTEMPT_LIMIT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, body):
        self.socket.sendall(struct.pack(">i", len(body)) + body)

    def read_exactly(self, length):
        parts = b""
        while len(parts) < length:
            part = self.socket.recv(length - len(parts))
            if not part:
                raise ConnectionError("closed by the server")
            parts += part
        return parts

    def receive(self):
        length, = struct.unpack(">i", self.read_exactly(4))
        if not 0 <= length <= FRAME_MAX:
            raise Refused(f"a frame of {length} bytes")
        return self.read_exactly(length)

    def ask(self, kind, body):
        """The error code, zxid and body of the reply to a request."""
        self.send(struct.pack(">ii", 1, kind) + body)
        reply = self.receive()
        _, zxid, err = struct.unpack_from(">iqi", reply)
        return err, zxid, reply[16:]


class Writer(threading.Thread):
    """Writes to one server, one request at a time, and is back at once when it loses it, with the same session."""

    def __init__(self, port, path, versions, news):
        super().__init__(daemon=True)
        self.port = port
        self.path = path
        self.versions = versions  # by path: the version that the last acknowledged write made, over all kills
        self.news = news          # gets (time, epoch) of the first acknowledged write in each epoch
        self.session = (0, bytes(16))
        self.last_zxid = 0
        self.epoch = 0
        self.trouble = "not connected yet"
        self.lost = None
        self.stopping = False

    def run(self):
        while not self.stopping:
            try:
                with Connection(self.port) as connection:
                    self.open_session(connection)
                    self.write(connection)
            except (OSError, Refused, struct.error) as error:
                self.trouble = str(error)
                time.sleep(PAUSE_S)

    def open_session(self, connection):
        connection.send(struct.pack(">iqiqi", 0, self.last_zxid, SESSION_TIMEOUT_MS, self.session[0], 16) +
                        self.session[1] + b"\0")
        _, timeout_ms, session_id, length = struct.unpack_from(">iiqi", answer := connection.receive())
        if timeout_ms <= 0:
            self.session = (0, bytes(16))
            raise Refused("the session has expired")
        self.session = (session_id, answer[20:20 + length])
        if self.path not in self.versions:
            err, _, _ = connection.ask(CREATE, text(self.path) + text("") + OPEN_ACL + struct.pack(">i", 0))
            self.check(err, NODE_EXISTS)

    def check(self, err, tolerated=0):
        if err == SESSION_EXPIRED:
            self.session = (0, bytes(16))
        if err not in (0, tolerated):
            raise Refused(f"error {err}")

    def write(self, connection):
        request = text(self.path) + text("x" * 100) + struct.pack(">i", -1)
        while not self.stopping:
            err, zxid, stat = connection.ask(SET_DATA, request)
            now = time.monotonic()
            self.check(err)
            self.take(zxid, struct.unpack_from(">i", stat, 32)[0], now)
        connection.send(struct.pack(">ii", 2, CLOSE))

    def take(self, zxid, version, now):
        """Nobody else writes this znode: its version grows with every acknowledged write, or one of them is lost."""
        if version <= self.versions.get(self.path, 0):
            self.lost = f"{self.path} has version {version} after version {self.versions[self.path]} was acknowledged"
        self.versions[self.path] = version
        self.last_zxid = zxid
        if epoch_of(zxid) != self.epoch:
            self.epoch = epoch_of(zxid)
            self.news.put((now, self.epoch))

    def stop(self):
        self.stopping = True
        self.join(10 * ATTEMPT_LIMIT_S)


def next_news(news, writers, until):
    try:
        return news.get(timeout=max(until - time.monotonic(), 0))
    except queue.Empty:
        troubles = ", ".join(f"{writer.port}: {writer.trouble}" for writer in writers)
        raise FailoverError(f"no write was acknowledged in time; last troubles: {troubles}") from None


def measure(survivors, kill, versions, limit_s=60, steady_s=STEADY_S):
    """Seconds from kill() to the first write that is acknowledged in a newer epoch by one of the survivors.

    @survivors are pairs of port and znode. The epoch is part of each reply's zxid, so a write that the old leader
    committed before it died does not count, however late its acknowledgement arrives.
    """
    news = queue.Queue()
    writers = [Writer(port, path, versions, news) for port, path in survivors]
    until = time.monotonic() + limit_s
    for writer in writers:
        writer.start()
    try:
        old = max(next_news(news, writers, until)[1] for _ in writers)
        time.sleep(steady_s)
        begin = time.monotonic()
        kill()
        until = begin + limit_s
        end, epoch = next_news(news, writers, until)
        while epoch <= old:
            end, epoch = next_news(news, writers, until)
    finally:
        for writer in writers:
            writer.stop()
    for writer in writers:
        if writer.lost:
            raise FailoverError(writer.lost)
    return end - begin

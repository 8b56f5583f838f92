# SPDX-License-Identifier: Apache-2.0
"""A client of the raw protocol, for what real client libraries cannot send; changes when a record does."""

import collections
import socket
import struct

CREATE, DELETE, EXISTS, GET_DATA, SET_DATA, GET_ACL, SET_ACL, GET_CHILDREN, SYNC, PING = 1, 2, 3, 4, 5, 6, 7, 8, 9, 11
GET_CHILDREN2, CHECK, MULTI, CREATE2, RECONFIG, CHECK_WATCHES, REMOVE_WATCHES = 12, 13, 14, 15, 16, 17, 18
CREATE_CONTAINER, DELETE_CONTAINER, CREATE_TTL, MULTI_READ = 19, 20, 21, 22
CREATE_SESSION, CLOSE_SESSION, AUTH, SET_WATCHES, SASL, GET_EPHEMERALS = -10, -11, 100, 101, 102, 103
GET_ALL_CHILDREN_NUMBER, SET_WATCHES2, ADD_WATCH, WHO_AM_I = 104, 105, 106, 107

OK, SYSTEM, INCONSISTENT, MARSHALLING, UNIMPLEMENTED, BAD_ARGUMENTS = 0, -1, -2, -5, -6, -8
NO_NODE, NO_AUTH, BAD_VERSION, NO_CHILDREN_FOR_EPHEMERALS, NODE_EXISTS, NOT_EMPTY = -101, -102, -103, -108, -110, -111
SESSION_EXPIRED, INVALID_ACL, AUTH_FAILED, NO_WATCHER, RECONFIG_DISABLED = -112, -114, -115, -121, -123
REQUIRES_AUTH, QUOTA_EXCEEDED, THROTTLED = -124, -125, -127

PERSISTENT, EPHEMERAL, SEQUENTIAL, EPHEMERAL_SEQUENTIAL, CONTAINER, TTL, SEQUENTIAL_TTL = range(7)
READ, WRITE, CREATE_PERM, DELETE_PERM, ADMIN, ALL = 1, 2, 4, 8, 16, 31
OPEN = [(ALL, "world", "anyone")]
READ_ONLY = [(READ, "world", "anyone")]
CREATED, DELETED, CHANGED, CHILDREN = 1, 2, 3, 4

Stat = collections.namedtuple("Stat", "czxid mzxid ctime mtime version cversion aversion owner length children pzxid")
Event = collections.namedtuple("Event", "type state path zxid")


class Closed(Exception):
    """The server closed the connection."""


def i32(value):
    return struct.pack(">i", value)


def i64(value):
    return struct.pack(">q", value)


def flag(value):
    return b"\1" if value else b"\0"


def buf(data):
    if data is None:
        return i32(-1)
    if isinstance(data, str):
        data = data.encode()
    return i32(len(data)) + data


def vector(items, encode):
    return i32(-1) if items is None else i32(len(items)) + b"".join(encode(item) for item in items)


def acls(entries):
    return vector(entries, lambda acl: i32(acl[0]) + buf(acl[1]) + buf(acl[2]))


def strings(items):
    return vector(items, buf)


def create_body(path, data=b"", acl=OPEN, flags=0):
    return buf(path) + buf(data) + acls(acl) + i32(flags)


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        if self.at + n > len(self.data):
            raise AssertionError("record ends early: %s" % self.data.hex())
        self.at += n
        return self.data[self.at - n:self.at]

    def i32(self):
        return struct.unpack(">i", self.take(4))[0]

    def i64(self):
        return struct.unpack(">q", self.take(8))[0]

    def flag(self):
        return self.take(1) != b"\0"

    def buf(self):
        n = self.i32()
        return None if n < 0 else self.take(n)

    def text(self):
        data = self.buf()
        return None if data is None else data.decode()

    def stat(self):
        return Stat(*struct.unpack(">qqqqiiiqiiq", self.take(68)))

    def vector(self, read):
        return [read() for _ in range(self.i32())]

    def acl(self):
        return self.i32(), self.text(), self.text()

    def left(self):
        return len(self.data) - self.at


class Reply:
    """A reply header, and the body to be read on."""

    def __init__(self, frame):
        reader = Reader(frame)
        self.xid, self.zxid, self.err = reader.i32(), reader.i64(), reader.i32()
        self.body = reader

    def __repr__(self):
        return "xid %d zxid %#x err %d, %d bytes" % (self.xid, self.zxid, self.err, self.body.left())


class Frames:
    """Frames over a socket; nothing of the protocol but the length."""

    def __init__(self, port, limit=15.0, host="127.0.0.1", receive_buffer=None):
        self.sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(limit)
        self.sock.connect((host, port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.pending = b""

    def raw(self, data):
        self.sock.sendall(data)

    def send(self, body):
        self.raw(i32(len(body)) + body)

    def _take(self, n):
        while len(self.pending) < n:
            try:
                part = self.sock.recv(1 << 16)
            except ConnectionResetError:
                raise Closed("reset")
            if not part:
                raise Closed("end of file")
            self.pending += part
        taken, self.pending = self.pending[:n], self.pending[n:]
        return taken

    def receive(self):
        return self._take(struct.unpack(">i", self._take(4))[0])

    def closes(self, limit=5.0):
        """True when the server closes the connection in time, whatever it still sends."""
        self.sock.settimeout(limit)
        try:
            while self.sock.recv(1 << 16):
                pass
            return True
        except (ConnectionResetError, BrokenPipeError):
            return True
        except socket.timeout:
            return False

    def drop(self):
        self.sock.close()


class Client(Frames):
    """One session over one connection. Helpers return the Reply; what they read of it hangs on the reply."""

    def __init__(self, port, timeout=10000, session=0, password=b"\0" * 16, read_only=False, last_zxid=0,
                 handshake=True, limit=15.0, **arguments):
        super().__init__(port, limit, **arguments)
        self.xid = 0
        self.events = []
        self.story = []  # ("event", type, path) and ("reply", xid), in the order of coming
        if handshake:
            self.send(connect_request(timeout, session, password, read_only, last_zxid))
            self.welcome(read_only is not None)

    def welcome(self, with_read_only=True):
        reader = Reader(self.receive())
        self.protocol, self.timeout, self.session = reader.i32(), reader.i32(), reader.i64()
        self.password = reader.buf()
        self.read_only = reader.flag() if with_read_only else None
        self.welcome_left = reader.left()

    def next_xid(self):
        self.xid += 1
        return self.xid

    def post(self, op, body=b"", xid=None):
        """Sends a request without waiting; returns its xid."""
        xid = self.next_xid() if xid is None else xid
        self.send(i32(xid) + i32(op) + body)
        return xid

    def next_reply(self):
        """The next reply; events before it are kept."""
        while True:
            reply = Reply(self.receive())
            if reply.xid == -1:
                event = Event(reply.body.i32(), reply.body.i32(), reply.body.text(), reply.zxid)
                self.events.append(event)
                self.story.append(("event", event.type, event.path))
                continue
            self.story.append(("reply", reply.xid))
            return reply

    def call(self, op, body=b"", xid=None):
        sent = self.post(op, body, xid)
        reply = self.next_reply()
        if reply.xid != (-2 if op == PING else sent):
            raise AssertionError("reply to %d, expected one to %d" % (reply.xid, sent))
        return reply

    def heard(self):
        """The events so far as (type, path), after a round trip; forgets them."""
        self.call(PING, xid=-2)
        events, self.events = [(e.type, e.path) for e in self.events], []
        return events

    # One helper an operation.

    def create(self, path, data=b"", acl=OPEN, flags=0, op=CREATE, ttl=None):
        body = create_body(path, data, acl, flags)
        if op == CREATE_TTL:
            body += i64(ttl)
        reply = self.call(op, body)
        if reply.err == 0:
            reply.path = reply.body.text()
            reply.stat = reply.body.stat() if op != CREATE else None
        return reply

    def delete(self, path, version=-1):
        return self.call(DELETE, buf(path) + i32(version))

    def exists(self, path, watch=False):
        reply = self.call(EXISTS, buf(path) + flag(watch))
        reply.stat = reply.body.stat() if reply.err == 0 else None
        return reply

    def get(self, path, watch=False):
        reply = self.call(GET_DATA, buf(path) + flag(watch))
        if reply.err == 0:
            reply.data, reply.stat = reply.body.buf(), reply.body.stat()
        return reply

    def set(self, path, data=b"", version=-1):
        reply = self.call(SET_DATA, buf(path) + buf(data) + i32(version))
        reply.stat = reply.body.stat() if reply.err == 0 else None
        return reply

    def get_acl(self, path):
        reply = self.call(GET_ACL, buf(path))
        if reply.err == 0:
            reply.acl, reply.stat = reply.body.vector(reply.body.acl), reply.body.stat()
        return reply

    def set_acl(self, path, acl, version=-1):
        reply = self.call(SET_ACL, buf(path) + acls(acl) + i32(version))
        reply.stat = reply.body.stat() if reply.err == 0 else None
        return reply

    def children(self, path, watch=False, op=GET_CHILDREN2):
        reply = self.call(op, buf(path) + flag(watch))
        if reply.err == 0:
            reply.children = sorted(reply.body.vector(reply.body.text))
            reply.stat = reply.body.stat() if op == GET_CHILDREN2 else None
        return reply

    def auth(self, scheme, data):
        return self.call(AUTH, i32(0) + buf(scheme) + buf(data), xid=-4)

    def add_watch(self, path, mode):
        return self.call(ADD_WATCH, buf(path) + i32(mode))

    def remove_watches(self, path, kind, op=REMOVE_WATCHES):
        return self.call(op, buf(path) + i32(kind))

    def set_watches(self, zxid, data=(), exist=(), child=(), persistent=None, recursive=()):
        body = i64(zxid) + strings(data) + strings(exist) + strings(child)
        if persistent is None:
            return self.call(SET_WATCHES, body, xid=-8)
        return self.call(SET_WATCHES2, body + strings(persistent) + strings(recursive), xid=-8)

    def multi(self, ops, op=MULTI):
        reply = self.call(op, multi_body(ops))
        reply.results = read_multi(reply.body)
        return reply

    def who_am_i(self):
        reply = self.call(WHO_AM_I)
        return sorted(reply.body.vector(lambda: (reply.body.text(), reply.body.text())))

    def close_session(self):
        return self.call(CLOSE_SESSION)


def connect_request(timeout=10000, session=0, password=b"\0" * 16, read_only=False, last_zxid=0):
    body = i32(0) + i64(last_zxid) + i32(timeout) + i64(session) + buf(password)
    return body if read_only is None else body + flag(read_only)


def multi_body(ops):
    """@ops: (type, encoded record)."""
    return b"".join(i32(kind) + flag(False) + i32(-1) + record for kind, record in ops) + i32(-1) + flag(True) + i32(-1)


def read_multi(reader):
    """(type, err, value) an op."""
    results = []
    while reader.left() > 0:
        kind, done, err = reader.i32(), reader.flag(), reader.i32()
        if done:
            assert (kind, err) == (-1, -1), (kind, err)
            return results
        value = None
        if kind == -1:
            value = reader.i32()
        elif kind == CREATE:
            value = reader.text()
        elif kind == CREATE2:
            value = (reader.text(), reader.stat())
        elif kind == SET_DATA:
            value = reader.stat()
        elif kind == GET_DATA:
            value = (reader.buf(), reader.stat())
        elif kind == GET_CHILDREN:
            value = sorted(reader.vector(reader.text))
        results.append((kind, err, value))
    return results

# SPDX-License-Identifier: Apache-2.0
"""Links between the members of an ensemble that can be cut in one direction. Changes when a link can be hurt in another way.

Every member reaches every other through a relay of its own, one for the quorum port and one for the election port. A
direction that is cut carries nothing and says nothing: what is sent stays with the kernel, as on a network that loses it.
"""

import selectors
import socket
import threading

from ensemble import Ensemble, Member

CHUNK = 1 << 16


class Pipe:
    """One direction of one connection."""

    def __init__(self, source, target, way):
        self.source, self.target, self.way = source, target, way  # way: (from sid, to sid)
        self.held = b""


class Relay(threading.Thread):
    """Carries all connections between the members, in one thread."""

    def __init__(self):
        super().__init__(daemon=True)
        self.cut = set()
        self.over = False
        self.listeners = {}  # listening socket: (dialler, target, port)
        self.pipes = {}  # source socket: Pipe

    def listen(self, dialler, target, port):
        """A port at which @dialler finds @port of @target."""
        listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        listener.setblocking(False)
        self.listeners[listener] = (dialler, target, port)
        return listener.getsockname()[1]

    def accept(self, listener, dialler, target, port):
        near, _ = listener.accept()
        try:
            far = socket.create_connection(("127.0.0.1", port), timeout=2.0)
        except OSError:
            near.close()
            return
        for source, other, way in ((near, far, (dialler, target)), (far, near, (target, dialler))):
            source.setblocking(False)
            source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.pipes[source] = Pipe(source, other, way)

    def close(self, pipe):
        for sock in (pipe.source, pipe.target):
            if self.pipes.pop(sock, None) is not None:
                sock.close()

    def carry(self, pipe):
        try:
            if not pipe.held:
                pipe.held = pipe.source.recv(CHUNK)
                if not pipe.held:
                    self.close(pipe)
                    return
            sent = pipe.target.send(pipe.held)
            pipe.held = pipe.held[sent:]
        except BlockingIOError:
            pass
        except OSError:
            self.close(pipe)

    def watched(self):
        """The sockets whose next event matters: read what may go on, write where something waits."""
        with selectors.DefaultSelector() as selector:
            for listener in self.listeners:
                selector.register(listener, selectors.EVENT_READ)
            wanted = {}
            for pipe in self.pipes.values():
                if pipe.way in self.cut:
                    continue
                sock, event = (pipe.target, selectors.EVENT_WRITE) if pipe.held else (pipe.source, selectors.EVENT_READ)
                wanted[sock] = wanted.get(sock, 0) | event
            for sock, events in wanted.items():
                selector.register(sock, events)
            return [key.fileobj for key, _ in selector.select(0.05)]

    def run(self):
        while not self.over:
            for sock in self.watched():
                if sock in self.listeners:
                    self.accept(sock, *self.listeners[sock])
                    continue
                pipe = self.pipes.get(sock)
                if pipe is None:
                    continue
                for candidate in (pipe, self.pipes.get(pipe.target)):
                    if candidate is not None and candidate.way not in self.cut:
                        self.carry(candidate)
        for sock in list(self.listeners) + list(self.pipes):
            sock.close()


class RelayedMember(Member):
    """Its own addresses are wildcards in its own file: what is told to others is then what they are configured with."""

    def write_config(self):
        self.lines = {}
        for member in self.ensemble.members:
            if member is self:
                self.lines[self.sid] = "0.0.0.0:%d:%d" % (self.quorum_port, self.election_port)
            else:
                self.lines[member.sid] = "127.0.0.1:%d:%d" % self.ensemble.doors[self.sid, member.sid]
        return super().write_config()


class RelayedEnsemble(Ensemble):
    member = RelayedMember

    def __init__(self, kinds, **arguments):
        super().__init__(kinds, **arguments)
        self.relay = Relay()
        self.doors = {}
        for a in self.members:
            for b in self.members:
                if a is not b:
                    self.doors[a.sid, b.sid] = (self.relay.listen(a.sid, b.sid, b.quorum_port),
                                                self.relay.listen(a.sid, b.sid, b.election_port))
        self.relay.start()

    def cut(self, a, b):
        """Nothing @a sends reaches @b any more."""
        self.relay.cut = self.relay.cut | {(a.sid, b.sid)}

    def heal(self):
        self.relay.cut = set()

    def kill(self):
        super().kill()
        self.relay.over = True
        if self.relay.is_alive():
            self.relay.join(10)

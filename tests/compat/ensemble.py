# SPDX-License-Identifier: Apache-2.0
"""Starts and stops ensembles, of our servers, Apache's, or both mixed; changes when members are started differently."""

import base64
import hashlib
import itertools
import os
import shutil
import signal
import time

import rawzk
from harness import PADDOCK, SANITIZED, START_LIMIT, Server, four_letter, free_port

SLOW = 3 if SANITIZED else 1
SUPER = "super:" + base64.b64encode(hashlib.sha1(b"super:secret").digest()).decode()


class Member(Server):
    """One server of an ensemble. Its kind may change between two starts; its data directory stays."""

    def __init__(self, ensemble, sid, kind, settings, observer=False):
        super().__init__(settings, kind=kind)
        self.ensemble = ensemble
        self.sid = sid
        self.observer = observer
        self.quorum_port = free_port()
        self.election_port = free_port()
        self.lines = {}  # what this member is told of others, where that is not what they listen at
        with open(os.path.join(self.data_dir, "myid"), "w") as myid:
            myid.write("%d\n" % sid)

    @property
    def line(self):
        role = "observer" if self.observer else "participant"
        return "127.0.0.1:%d:%d:%s" % (self.quorum_port, self.election_port, role)

    def write_config(self):
        for member in self.ensemble.members:
            self.settings["server.%d" % member.sid] = self.lines.get(member.sid, member.line)
        if self.observer:
            self.settings["peerType"] = "observer"
        if self.kind == PADDOCK and self.ensemble.election:
            self.settings["paddock.election"] = self.ensemble.election
        return super().write_config()

    def mode(self):
        """leader, follower, observer; None: down, or without a leader."""
        answer = four_letter(self.port, "srvr", 3.0)
        for line in (answer or "").splitlines():
            if line.startswith("Mode: "):
                return line[6:]
        return None

    def epoch(self):
        answer = four_letter(self.port, "srvr", 3.0) or ""
        for line in answer.splitlines():
            if line.startswith("Zxid: "):
                return int(line[6:], 16) >> 32
        return -1

    def ended(self):
        """Its exit status if it ended by itself, else None."""
        return self.process.poll() if self.process else None

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def wipe(self):
        """Its disk is replaced by an empty one."""
        shutil.rmtree(os.path.join(self.data_dir, "version-2"), ignore_errors=True)

    def client(self, **arguments):
        return rawzk.Client(self.port, **arguments)


class Ensemble:
    """Members with sids from 1 on. Kinds: one word a member."""

    member = Member

    def __init__(self, kinds, observers=(), settings=None, election=None):
        self.election = election
        self.settings = {"initLimit": "10", "syncLimit": "5", "tickTime": "1000",
                         "DigestAuthenticationProvider.superDigest": SUPER}
        self.settings.update(settings or {})
        self.members = []
        for sid, kind in enumerate(list(kinds) + list(observers), 1):
            self.members.append(self.member(self, sid, kind, self.settings, sid > len(kinds)))

    def __getitem__(self, sid):
        return self.members[sid - 1]

    @property
    def running(self):
        return [member for member in self.members if member.process is not None]

    def hosts(self, *sids):
        chosen = [self[sid] for sid in sids] or self.members
        return ",".join(member.address for member in chosen)

    def launch(self, *sids):
        for member in [self[sid] for sid in sids] or self.members:
            if member.process is None:
                member.launch()
        return self

    def start(self, *sids):
        self.launch(*sids)
        self.wait_ready()
        return self

    def leader(self):
        """The member that leads with the highest epoch, or None."""
        leaders = [member for member in self.running if member.mode() in ("leader", "standalone")]
        return max(leaders, key=Member.epoch) if leaders else None

    def _ready(self):
        for member in self.running:
            if member.ended() is not None:
                raise AssertionError("server %d (%s) ended with status %s:\n%s" % (
                    member.sid, member.kind, member.ended(), member.log()[-4000:]))
        modes = [member.mode() for member in self.running]
        return "leader" in modes and all(modes)

    def wait_ready(self, limit=START_LIMIT):
        """All that run serve, one of them as leader."""
        end = time.monotonic() + limit * SLOW
        while not self._ready():
            if time.monotonic() > end:
                raise AssertionError("no service: %s\n%s" % (
                    [(member.sid, member.kind, member.mode()) for member in self.running],
                    "\n".join("--- %d %s\n%s" % (m.sid, m.kind, m.log()[-2500:]) for m in self.running)))
            time.sleep(0.02)

    def stop(self):
        for member in self.members:
            if member.process is not None and member.kind == PADDOCK:
                status = member.stop()
                if status != 0:
                    raise AssertionError("server %d stopped with status %s:\n%s" % (member.sid, status, member.log()[-4000:]))
        self.kill()

    def kill(self):
        for member in self.members:
            member.kill()

    # ---- comparing ----

    def trees(self):
        """[{path: (data, stat, acl)}], one a running server, all at the same point of history."""
        trees = []
        for member in self.running:
            client = member.client(timeout=20000)
            client.auth("digest", "super:secret")
            client.call(rawzk.SYNC, rawzk.buf("/"))
            trees.append(whole_tree(client))
            client.drop()
        return trees

    def assert_equal(self, case, limit=15):
        """All running servers come to hold the same tree, stats and ACLs."""
        end = time.monotonic() + limit * SLOW
        for attempt in itertools.count():
            late = time.monotonic() > end and attempt > 1
            try:
                trees = self.trees()
            except (rawzk.Closed, OSError):
                if late:
                    raise
                time.sleep(0.05)  # one of them is between two leaders
                continue
            if late or all(tree == trees[0] for tree in trees):
                break
        for member, tree in zip(self.running, trees):
            if tree != trees[0]:
                for path in sorted(set(tree) | set(trees[0])):
                    case.assertEqual(trees[0].get(path), tree.get(path), "%s at server %d" % (path, member.sid))


def read_nodes(client, paths):
    """{path: (data, stat, acl)}, and the paths of all their children; without those that are not there."""
    nodes, below = {}, []
    for path in paths:
        client.post(rawzk.GET_DATA, rawzk.buf(path) + rawzk.flag(False))
        client.post(rawzk.GET_ACL, rawzk.buf(path))
        client.post(rawzk.GET_CHILDREN2, rawzk.buf(path) + rawzk.flag(False))
    for path in paths:
        node, acl, children = [client.next_reply() for _ in range(3)]
        if rawzk.NO_NODE in (node.err, acl.err, children.err):
            continue
        if path != "/zookeeper/config":
            nodes[path] = (node.body.buf(), node.body.stat(), acl.body.vector(acl.body.acl))
        base = "" if path == "/" else path
        below += [base + "/" + name for name in children.body.vector(children.body.text)]
    return nodes, below


def whole_tree(client):
    tree = {}
    waiting = ["/"]
    while waiting:
        now, waiting = waiting[:100], waiting[100:]
        nodes, below = read_nodes(client, now)
        tree.update(nodes)
        waiting += below
    return tree

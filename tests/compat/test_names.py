#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Members that are called by names, whose addresses change while the ensemble serves. Changes when names are looked up otherwise.

Each server lives in a mount namespace in which a file of the test stands for /etc/hosts.
"""

import os
import subprocess
import unittest

from ensemble import Ensemble, Member
from harness import PADDOCK, main, need, temporary_directory, wait_until
from rawzk import OK
from test_observer_master import connected_to

UNSHARE = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
INSIDE = ["sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"']


def can_unshare():
    return subprocess.run(UNSHARE + INSIDE + ["/etc/hosts", "true"], stderr=subprocess.DEVNULL).returncode == 0


class NamedMember(Member):
    place = 1  # the third number of its address

    @property
    def name(self):
        return "member%d.paddock.test" % self.sid

    @property
    def host(self):
        return "127.0.%d.%d" % (self.place, self.sid)

    @property
    def line(self):
        return super().line.replace("127.0.0.1", self.name)

    def command(self):
        return UNSHARE + INSIDE + [self.ensemble.hosts_file] + super().command()


class NamedEnsemble(Ensemble):
    member = NamedMember

    def __init__(self, kinds, **arguments):
        super().__init__(kinds, **arguments)
        self.hosts_file = os.path.join(temporary_directory(), "hosts")
        self.write_hosts()

    def write_hosts(self):
        """In place: it is mounted elsewhere."""
        with open(self.hosts_file, "w") as hosts:
            hosts.write("127.0.0.1 localhost\n")
            for member in self.members:
                hosts.write("%s %s\n" % (member.host, member.name))

    def move(self, member):
        member.place += 1
        self.write_hosts()


class Names:
    def write(self, ensemble, sid, path):
        client = ensemble[sid].client(timeout=20000)
        self.addCleanup(client.drop)
        self.assertEqual(client.create(path, b"x").err, OK)

    def test_a_member_whose_address_changes_is_found_again_without_a_restart(self):
        ensemble = NamedEnsemble([PADDOCK] * 3, election=self.election)
        self.addCleanup(ensemble.kill)
        ensemble.start()
        pids = {sid: ensemble[sid].pid for sid in (1, 2)}
        # The largest dials others, and is dialled as leader; the smallest is dialled back by the larger ones.
        ensemble[3].kill()
        ensemble.wait_ready()
        ensemble.move(ensemble[3])
        ensemble.start(3)
        self.write(ensemble, 3, "/back")
        self.assertEqual({sid: ensemble[sid].pid for sid in (1, 2)}, pids)
        ensemble[2].kill()
        wait_until(lambda: ensemble[3].mode() == "leader", "the moved server leads", 30)
        wait_until(lambda: ensemble[1].mode() == "follower", "another finds it", 30)
        self.assertEqual(connected_to(ensemble[1], ensemble[3].quorum_port), [ensemble[3].host])
        self.write(ensemble, 1, "/led")
        pid = ensemble[3].pid
        ensemble[1].kill()
        ensemble.move(ensemble[1])
        ensemble.move(ensemble[2])
        ensemble.start(1, 2)
        self.write(ensemble, 1, "/both")
        self.assertEqual(ensemble[3].pid, pid)
        self.assertIn(ensemble[1].host, connected_to(ensemble[3], ensemble[1].election_port))
        self.assertIn(ensemble[2].host, connected_to(ensemble[3], ensemble[2].election_port))
        ensemble.assert_equal(self)


class NamesWithFle(Names, unittest.TestCase):
    election = "fle"


class NamesWithPaxos(Names, unittest.TestCase):
    election = "paxos"


if __name__ == "__main__":
    need(can_unshare(), "no mount namespaces here")
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The demonstration tells its story to the end, with either election; changes when that story does."""

import os
import re
import subprocess
import unittest

from harness import KIND, PADDOCK, main, need

DEMO = os.path.join(os.environ.get("PADDOCK_SRCDIR", "."), "contrib", "demo-ensemble", "demo-ensemble")


class Demo(unittest.TestCase):
    def story(self, election):
        command = [DEMO, "--paddockd", os.environ["PADDOCKD"], "--plugin-dir", os.environ["PADDOCK_PLUGIN_DIR"],
                   "--election", election, "--kills", "1"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(done.stderr, "")
        return done.stdout

    def check(self, election):
        story = self.story(election)
        self.assertIn(f"election by {election}", story)
        self.assertRegex(story, r"server [123] leads; no write was acknowledged for \d+ ms")
        written, missing = re.search(r"(\d+) writes were acknowledged, (\d+) of them are missing", story).groups()
        self.assertGreater(int(written), 100)
        self.assertEqual(int(missing), 0)
        self.assertIn("session is the same", story)

    def test_a_leader_is_killed_with_fle(self):
        self.check("fle")

    def test_a_leader_is_killed_with_paxos(self):
        self.check("paxos")


if __name__ == "__main__":
    need(KIND == PADDOCK, "it demonstrates paddockd")
    main()

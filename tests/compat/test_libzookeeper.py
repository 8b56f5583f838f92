#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs libzookeeper_client, the cases of the C client library, against a server; changes when it is run differently."""

import os
import subprocess
import unittest

from harness import Server, main, need

BUILD = os.environ.get("PADDOCK_BUILDDIR", os.path.dirname(os.path.abspath(__file__)) + "/../..")
CLIENT = os.environ.get("PADDOCK_LIBZOOKEEPER_CLIENT", BUILD + "/tests/compat/libzookeeper_client")


class LibZookeeper(unittest.TestCase):
    def test_the_c_client_library(self):
        server = Server().start()
        environment = dict(os.environ, ASAN_OPTIONS="detect_leaks=0")  # the library's own leaks are not ours
        client = subprocess.Popen([CLIENT, server.address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                  bufsize=1, env=environment)
        self.addCleanup(client.kill)
        for line in client.stdout:
            if line == "restart\n":
                server.kill()
                server.start()
                client.stdin.write("done\n")
                client.stdin.flush()
            else:
                print("       " + line, end="")
        self.assertEqual(client.wait(30), 0)
        client.stdin.close()
        client.stdout.close()
        server.stop()


if __name__ == "__main__":
    need(os.path.exists(CLIENT), "no client was built (package libzookeeper-mt-dev)")
    main()

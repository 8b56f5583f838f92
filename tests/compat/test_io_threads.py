#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The hardest cases once more over I/O threads, from a paddock.conf; changes when threads are configured otherwise."""

import test_badinput
import test_sessions
import test_watches
from harness import KIND, PADDOCK, main, need

CONF = """
data_dir = "%(data_dir)s";
tick_time = 2000;
sessions = { sessionless_timeout = 2000; min_timeout = 3000; max_timeout = 50000; };
limits = { max_client_cnxns = 0; };
nodes = { extended_types = true; };
plugins = {
  persistence = "logsnap";
  transports = ( { plugin = "tcp"; listen = [ "127.0.0.1:%(port)d" ]; io_threads = 2; } );
  auth = ( "digest", "ip" );
  admin = ( { plugin = "fourletter"; whitelist = [ "*" ]; } );
  metrics = ( );
};
"""


class BadInput(test_badinput.BadInput):
    conf = CONF


class Watches(test_watches.Watches):
    conf = CONF


class Handshake(test_sessions.Handshake):
    conf = CONF


class Attaching(test_sessions.Attaching):
    conf = CONF


if __name__ == "__main__":
    need(KIND == PADDOCK, "Apache ZooKeeper reads no paddock.conf")
    main()

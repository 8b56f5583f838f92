#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The shell of Apache ZooKeeper, zkCli.sh, with one long script; changes when we ask more of it."""

import os
import subprocess

from harness import Case, have_java, main, need, temporary_directory

SCRIPT = "/usr/share/zookeeper/bin/zkCli.sh"

COMMANDS = """
create /cli hello
create -s /cli/s- one
create -e /cli/e two
create -c /cli/c
create -t 60000 /cli/t ttl
get /cli
get -s /cli
set -s /cli world
set -v 7 /cli wrong
get /cli
ls /cli
ls -s /cli
ls -R /cli
stat /cli/c
getEphemerals /cli
getAllChildrenNumber /cli
sync /cli
create /cli/acl x world:anyone:r
getAcl /cli/acl
setAcl /cli/acl world:anyone:cdrwa
set /cli/acl y
addauth digest bob:pw
create /cli/mine z auth::cdrwa
getAcl -s /cli/mine
whoami
setquota -n 100 /cli
listquota /cli
delquota /cli
get -w /cli
set /cli watched
addWatch -m PERSISTENT /cli
create /cli/w watched
removewatches /cli
printwatches on
get /missing
delete /cli
delete -v 3 /cli/mine
delete /cli/mine
config
reconfig -remove 3
version
deleteall /cli
ls /
close
quit
"""


class Shell(Case):
    settings = {"minSessionTimeout": "1000"}

    def run_shell(self, text):
        directory = temporary_directory()
        environment = dict(os.environ, ZOO_LOG_DIR=directory, HOME=directory,
                           CLIENT_JVMFLAGS="-Duser.home=%s -Xmx256m -XX:TieredStopAtLevel=1" % directory)
        environment.pop("DISPLAY", None)
        shell = subprocess.run([SCRIPT, "-server", self.server.address, "-timeout", "20000"], input=text, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, env=environment, cwd=directory)
        return shell.stdout

    def test_a_session_of_the_shell(self):
        out = self.run_shell(COMMANDS)
        for expected in (
                "Created /cli", "Created /cli/s-0000000000", "Created /cli/e", "Created /cli/c", "Created /cli/t",
                "hello", "dataLength = 5", "dataVersion = 1", "version No is not valid : /cli", "world",
                "[c, e, s-0000000000, t]", "cversion = 4", "/cli\n/cli/c\n/cli/e\n/cli/s-0000000000\n/cli/t\n",
                "Sync is OK", "'world,'anyone\n: r", "Created /cli/acl",
                "'digest,'bob:", "Created /cli/mine", "count=100", "WatchedEvent state:SyncConnected type:NodeDataChanged path:/cli",
                "WatchedEvent state:SyncConnected type:NodeChildrenChanged path:/cli", "Node does not exist: /missing",
                "Node not empty: /cli", "version No is not valid : /cli/mine", "[zookeeper]"):
            with self.subTest(expected=expected):
                self.assertIn(expected, out)
        for expected in ("digest: bob", "ip: 127.0.0.1", "[/cli/e]"):
            self.assertIn(expected, out)
        self.assertNotIn("ConnectionLoss", out)
        self.assertNotIn("Exception in thread", out)


if __name__ == "__main__":
    need(have_java() and os.path.exists(SCRIPT), "no zkCli.sh here (package zookeeper)")
    main()

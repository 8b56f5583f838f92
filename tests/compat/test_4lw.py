#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The four-letter words; changes when their texts do."""

import re
import socket

from harness import Case, differs, four_letter, main
from rawzk import *

BRIEF = r" /127\.0\.0\.1:\d+\[[0-9a-f]+\]\(queued=\d+,recved=\d+,sent=\d+\)"
FULL = (r" /127\.0\.0\.1:\d+\[[0-9a-f]+\]\(queued=\d+,recved=\d+,sent=\d+,sid=0x[0-9a-f]+,lop=[A-Z2]+,est=\d+,to=\d+"
        r"(,lcxid=0x[0-9a-f]+)?,lzxid=0x[0-9a-f]+,lresp=\d+,llat=\d+,minlat=\d+,avglat=\d+,maxlat=\d+\)")
SUMMARY = (r"Latency min/avg/max: \d+/\d+\.\d{1,4}/\d+\nReceived: \d+\nSent: \d+\nConnections: \d+\nOutstanding: \d+\n"
           r"Zxid: 0x[0-9a-f]+\nMode: standalone\nNode count: \d+\n")


class Words(Case):
    def word(self, text):
        answer = four_letter(self.server.port, text)
        self.assertIsNotNone(answer)
        return answer

    def assert_text(self, answer, pattern):
        self.assertTrue(re.fullmatch(pattern, answer), answer)

    def test_ruok_and_isro(self):
        self.assertEqual(self.word("ruok"), "imok")
        self.assertEqual(self.word("isro"), "rw")

    def test_trace_mask(self):
        self.assertEqual(self.word("gtmk"), "306")
        self.assertEqual(self.word(b"stmk" + i64(0x3f)), "63")
        self.assertEqual(self.word("gtmk"), "63")
        self.assertEqual(self.word(b"stmk" + i64(306)), "306")

    def test_srvr(self):
        self.connect().create(self.path())
        version = r"Zookeeper version: %s.*, built on .*\n" % differs(r"3\.8\.0-", r"3\.9\.\d+-paddock-")
        self.assert_text(self.word("srvr"), version + SUMMARY)

    def test_stat_lists_the_clients(self):
        c = self.connect()
        c.exists("/")
        answer = self.word("stat")
        self.assert_text(answer, r"Zookeeper version: .*\nClients:\n(%s\n)+\n%s" % (BRIEF, SUMMARY))
        port = c.sock.getsockname()[1]
        self.assertIn(" /127.0.0.1:%d[" % port, answer)

    def test_cons_tells_more_of_sessions(self):
        c = self.connect(timeout=12000)
        c.create(self.path())
        c.exists("/")
        c.exists("/")
        answer = self.word("cons")
        self.assert_text(answer, r"((%s|%s)\n)+\n" % (BRIEF, FULL))
        line = [x for x in answer.splitlines() if ",sid=0x%x," % c.session in x][0]
        self.assertIn(",lop=EXIS,", line)
        self.assertIn(",to=12000,lcxid=0x3,", line)
        self.assertIn("recved=4,sent=4,", line)

    def test_last_operations_have_names(self):
        c = self.connect()
        p = self.path()

        def last():
            return re.search(r"sid=0x%x,lop=([A-Z0-9]+)," % c.session, self.word("cons")).group(1)
        for call, name in ((lambda: c.create(p), "CREA"), (lambda: c.get(p), "GETD"), (lambda: c.set(p), "SETD"),
                           (lambda: c.children(p), "GETC"), (lambda: c.get_acl(p), "GETA"), (lambda: c.set_acl(p, OPEN), "SETA"),
                           (lambda: c.call(SYNC, buf(p)), "SYNC"), (lambda: c.multi([]), "MULT"),
                           (lambda: c.call(PING, xid=-2), "PING"), (lambda: c.delete("/none"), "NA"),
                           (lambda: c.delete(p), "DELE")):
            call()
            self.assertEqual(last(), name)

    def test_conf(self):
        answer = self.word("conf")
        expected = ["clientPort=%d" % self.server.port, "secureClientPort=-1", "dataDir=%s/version-2" % self.server.data_dir,
                    "dataDirSize=", "dataLogDir=%s/version-2" % self.server.data_dir, "dataLogSize=", "tickTime=2000",
                    "maxClientCnxns=0", "minSessionTimeout=4000", "maxSessionTimeout=40000", "clientPortListenBacklog=-1",
                    "serverId=0"]
        lines = answer.splitlines()
        self.assertEqual(len(lines), len(expected), answer)
        for line, begin in zip(lines, expected):
            self.assertTrue(line.startswith(begin), line)

    def test_envi(self):
        answer = self.word("envi")
        lines = answer.splitlines()
        self.assertEqual(lines[0], "Environment:")
        keys = [line.split("=")[0] for line in lines[1:]]
        self.assertEqual(keys[:15], ["zookeeper.version", "host.name", "java.version", "java.vendor", "java.home",
                                     "java.class.path", "java.library.path", "java.io.tmpdir", "java.compiler", "os.name",
                                     "os.arch", "os.version", "user.name", "user.home", "user.dir"])
        self.assertIn("os.name=Linux", lines)

    def test_dirs(self):
        self.assert_text(self.word("dirs"), r"datadir_size: \d+\nlogdir_size: \d+\n")

    def test_dump(self):
        c = self.connect()
        c.create(self.path(), flags=EPHEMERAL)
        self.connect()
        answer = self.word("dump")
        self.assert_text(answer, r"SessionTracker dump:\nSession Sets \(\d+\)/\(\d+\):\n"
                         r"(\d+ expire at .*:\n(\t0x[0-9a-f]+\n)+)+"
                         r"ephemeral nodes dump:\nSessions with Ephemerals \(\d+\):\n(0x[0-9a-f]+:\n(\t/.*\n)+)+"
                         r"Connections dump:\nConnections Sets \(\d+\)/\(\d+\):\n"
                         r"(\d+ expire at .*:\n(\tip: /127\.0\.0\.1:\d+ sessionId: 0x[0-9a-f]+\n)+)+")
        self.assertIn("0x%x:\n\t%s\n" % (c.session, self.path()), answer)
        self.assertIn("\t0x%x\n" % c.session, answer)

    def test_watch_words(self):
        c = self.connect()
        p = self.path()
        c.create(p)
        c.get(p, True)
        c.exists(p + "x", True)
        c.children(p, True)
        summary = self.word("wchs")
        self.assert_text(summary, r"\d+ connections watching \d+ paths\nTotal watches:\d+\n")
        self.assertIn("0x%x\n" % c.session, self.word("wchc"))
        by_session = self.word("wchc")
        block = by_session.split("0x%x\n" % c.session)[1].split("0x")[0]
        self.assertEqual(sorted(x for x in block.split("\n") if x), ["\t" + p, "\t" + p + "x"])
        by_path = self.word("wchp")
        self.assertIn("%s\n\t0x%x\n" % (p, c.session), by_path)
        self.assertTrue(by_path.endswith("\n\n") and by_session.endswith("\n\n"))

    def test_hash(self):
        c = self.connect()
        for _ in range(300):
            c.post(SET_DATA, buf("/") + buf("x") + i32(-1))
        for _ in range(300):
            c.next_reply()
        answer = self.word("hash")
        self.assert_text(answer, r"([0-9a-f]+: -?\d+\n)+")
        self.assertEqual({int(line.split(":")[0], 16) % 128 for line in answer.splitlines()}, {0})

    def test_mntr(self):
        c = self.connect()
        c.create(self.path(), b"x")
        c.exists(self.path(), True)
        answer = self.word("mntr")
        lines = answer.splitlines()
        self.assertTrue(all(re.fullmatch(r"zk_\S+\t.+", line) for line in lines), answer)
        values = dict(line.split("\t") for line in lines)
        self.assertEqual([line.split("\t")[0] for line in lines[:2]], ["zk_version", "zk_server_state"])
        self.assertEqual(values["zk_server_state"], "standalone")
        for key in ("avg_latency max_latency min_latency packets_received packets_sent num_alive_connections outstanding_requests "
                    "znode_count watch_count ephemerals_count approximate_data_size open_file_descriptor_count "
                    "max_file_descriptor_count global_sessions local_sessions uptime").split():
            self.assertTrue(re.fullmatch(r"-?\d+(\.\d+)?", values["zk_" + key]), key)
        self.assertTrue(int(float(values["zk_znode_count"])) >= 6)
        self.assertTrue(int(float(values["zk_watch_count"])) >= 1)

    def test_resets(self):
        c = self.connect()
        c.create(self.path())
        self.assertEqual(self.word("srst"), "Server stats reset.\n")
        self.assertTrue(int(re.search(r"Received: (\d+)", self.word("srvr")).group(1)) < 4)
        self.assertEqual(self.word("crst"), "Connection stats reset.\n")
        self.assertIn("recved=0,sent=0,sid=0x%x" % c.session, self.word("cons"))

    def test_numbers_of_srvr_follow_the_traffic(self):
        c = self.connect()
        before = c.create(self.path()).zxid
        nodes = int(re.search(r"Node count: (\d+)", self.word("srvr")).group(1))
        c.create(self.path("/k"))
        answer = self.word("srvr")
        self.assertEqual(int(re.search(r"Node count: (\d+)", answer).group(1)), nodes + 1)
        self.assertEqual(int(re.search(r"Zxid: (0x[0-9a-f]+)", answer).group(1), 16), before + 1)

    def test_a_word_in_pieces_and_with_more_behind_it(self):
        sock = socket.create_connection(("127.0.0.1", self.server.port), timeout=10)
        for byte in b"ruok":
            sock.sendall(bytes([byte]))
        self.assertEqual(sock.recv(100), b"imok")
        sock.close()
        self.assertEqual(self.word("ruok\n"), "imok")

    def test_unknown_words_close(self):
        for word in ("lead", "RUOK", "abcd"):
            self.assertEqual(four_letter(self.server.port, word), "")
        self.assertEqual(four_letter(self.server.port, b"\xff\xf4\xff\xfd"), "")


class WhiteList(Case):
    settings = {"4lw.commands.whitelist": "ruok, mntr"}

    def test_words_that_are_not_listed_say_so(self):
        self.assertEqual(four_letter(self.server.port, "ruok"), "imok")
        self.assertTrue(four_letter(self.server.port, "mntr").startswith("zk_version"))
        for word in ("conf", "wchp", "stat", "isro", "dump", "gtmk"):
            self.assertEqual(four_letter(self.server.port, word),
                             "%s is not executed because it is not in the whitelist.\n" % word)
        self.assertTrue(four_letter(self.server.port, "srvr").startswith("Zookeeper version"))


if __name__ == "__main__":
    main()

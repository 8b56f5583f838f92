#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Proves that each rule of source.py sees what it is for and leaves alone what it is not for."""

import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import source  # noqa: E402

HEAD = "/* SPDX-License-Identifier: Apache-2.0 */\n"
PLUGINS = {"tcp", "logsnap", "memory", "digest", "ip"}


def messages(path, body, head=HEAD, top="."):
    return [message for _, message in source.lint(path, head + body, PLUGINS, top)]


class Rules(unittest.TestCase):
    def assertClean(self, path, body, **more):
        self.assertEqual(messages(path, body, **more), [])

    def assertBroken(self, path, body, word, **more):
        found = messages(path, body, **more)
        self.assertEqual(len(found), 1, found)
        self.assertIn(word, found[0])

    def test_a_lower_layer_may_not_include_a_higher_one(self):
        self.assertBroken("core/base/x.c", '#include "data/tree.h"\n', "layers")
        self.assertBroken("core/data/x.c", '#include "server/server.h"\n', "layers")
        self.assertBroken("core/data/x.h", '#include "replica/quorum.h"\n', "layers")
        self.assertBroken("core/server/x.c", '#include "host/config.h"\n', "layers")

    def test_a_higher_layer_may_include_a_lower_one(self):
        self.assertClean("core/server/x.c", '#include "base/jute.h"\n#include "data/tree.h"\n#include <paddock/types.h>\n')
        self.assertClean("core/host/x.c", '#include "server/server.h"\n#include <unistd.h>\n')

    def test_core_headers_are_named_in_full(self):
        self.assertBroken("core/data/tree.c", '#include "tree.h"\n', "full name")
        self.assertBroken("core/data/tree.c", '#include "../server/server.h"\n', "layers")

    def test_public_headers_include_public_headers_only(self):
        self.assertClean("core/include/paddock/x.h", "#include <paddock/types.h>\n#include <glib.h>\n#include <stdint.h>\n")
        self.assertBroken("core/include/paddock/x.h", '#include "base/jute.h"\n', "public header")

    def test_only_the_host_meets_the_operating_system(self):
        self.assertBroken("core/data/x.c", "#include <unistd.h>\n", "operating system")
        self.assertBroken("core/server/x.c", "static int f(void) { return open (p, 0); }\n", "open()")
        self.assertBroken("core/base/x.c", "int64_t t = g_get_real_time();\n", "g_get_real_time()")
        self.assertBroken("core/base/x.c", "g_thread_new(NULL, f, NULL);\n", "g_thread_new()")
        self.assertClean("core/host/x.c", "int fd = open(p, 0);\n")

    def test_methods_comments_and_longer_names_are_no_system_calls(self):
        self.assertClean("core/server/x.c",
                         "/* then write() it */\nfiles->read(f);\nops.open(f);\npdk_buffer_write(b);\nf(\"close(x)\");\n")

    def test_the_loader_alone_loads(self):
        self.assertBroken("core/host/loop.c", "#include <dlfcn.h>\n", "loader")
        self.assertClean("core/host/loader.c", "#include <dlfcn.h>\n")

    def test_the_core_names_no_plugin(self):
        self.assertBroken("core/host/x.c", 'f("logsnap");\n', "logsnap")
        self.assertClean("core/server/x.c", 'f("digest"); /* not "logsnap" */ g("logsnap is a word here");\n')

    def test_a_plugin_sees_its_own_and_the_public_headers(self):
        with tempfile.TemporaryDirectory() as top:
            os.makedirs(os.path.join(top, "plugins/auth/ip"))
            with open(os.path.join(top, "plugins/auth/ip/net.h"), "w", encoding="utf-8"):
                pass
            self.assertClean("plugins/auth/ip/ip.c", '#include "net.h"\n#include <paddock/auth.h>\n', top=top)
            self.assertBroken("plugins/auth/ip/ip.c", '#include "base/path.h"\n', "a plugin includes", top=top)
            self.assertBroken("plugins/auth/ip/ip.c", '#include "../digest/sha.h"\n', "a plugin includes", top=top)

    def test_every_file_names_its_licence(self):
        self.assertBroken("core/base/x.c", "int x;\n", "first line", head="")
        self.assertBroken("tests/compat/x.py", "import os\n", "SPDX", head="#!/usr/bin/env python3\n")
        self.assertClean("tests/compat/x.py", "import os\n", head="#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\n")

    def test_long_files_are_flagged(self):
        self.assertClean("plugins/auth/ip/ip.c", "int x;\n" * 999)
        self.assertBroken("plugins/auth/ip/ip.c", "int x;\n" * 1000, "1001 lines")

    def test_left_overs_and_goto_are_flagged(self):
        self.assertBroken("core/base/x.c", "\t\tgoto out;\n", "goto")
        self.assertClean("core/base/x.c", "/* never goto out; */\n")
        self.assertBroken("core/base/x.c", "/* TO" "DO later */\n", "left-over")

    def test_lines_end_where_they_end(self):
        self.assertBroken("core/base/x.c", "int x; \n", "white space")
        self.assertBroken("core/base/x.c", "/* " + "x" * 170 + " */\n", "columns")


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Proves that tree.py misses a file where one is missing, and is content where none is."""

import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tree  # noqa: E402

WHOLE = {
    "configure.ac": "PDK_PLUGIN([auth], [ip])\n",
    "Makefile.am": "include core/base/Makefile.inc\ninclude plugins/auth/ip/Makefile.inc\n",
    "core/base/Makefile.inc": "# like core/base/x.c\nlibpdkcore_la_SOURCES += core/base/path.c core/base/path.h\n",
    "core/base/path.c": "", "core/base/path.h": "",
    "plugins/auth/ip/Makefile.inc": "auth_ip_sources = plugins/auth/ip/ip.c\n",
    "plugins/auth/ip/ip.c": "", "plugins/auth/ip/ip.conf": "", "plugins/auth/ip/README.md": "",
}


def broken(without=(), **changed):
    files = {**WHOLE, **{path.replace("__", "/").replace("_dot_", "."): text for path, text in changed.items()}}
    with tempfile.TemporaryDirectory() as top:
        for path, text in files.items():
            if path in without:
                continue
            os.makedirs(os.path.join(top, os.path.dirname(path)), exist_ok=True)
            with open(os.path.join(top, path), "w", encoding="utf-8") as file:
                file.write(text)
        return [*tree.check_plugins(top), *tree.check_fragments(top)]


class Rules(unittest.TestCase):
    def test_a_whole_tree_is_whole(self):
        self.assertEqual(broken(), [])

    def test_a_plugin_brings_its_options_its_page_and_its_code(self):
        for missing in ("plugins/auth/ip/ip.conf", "plugins/auth/ip/README.md"):
            self.assertEqual(len(broken(without=[missing])), 1)

    def test_a_plugin_is_declared(self):
        self.assertIn("declare", "".join(broken(configure_dot_ac="PDK_PLUGIN([auth], [digest])\n")))

    def test_a_fragment_is_included(self):
        found = broken(Makefile_dot_am="include core/base/Makefile.inc\n")
        self.assertEqual(found, ["plugins/auth/ip/Makefile.inc: Makefile.am does not include it"])

    def test_a_source_is_named(self):
        self.assertEqual(broken(core__base__clock_dot_c=""), ["core/base/clock.c: no Makefile.inc names it"])

    def test_a_named_source_is_there(self):
        self.assertEqual(broken(without=["core/base/path.h"]),
                         ["core/base/path.h: named by a Makefile.inc, and not there"])


if __name__ == "__main__":
    unittest.main()

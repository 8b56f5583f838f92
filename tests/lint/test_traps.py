#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Proves that traps.py misses a test where one is missing, and is content where none is."""

import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import traps  # noqa: E402

FILES = {
    "tests/unit/test_a.c": "static void\nit_holds(void)\n{\n}\n\nstatic void\nit_is_forgotten(void)\n{\n}\n\nCASE(it_holds);\n",
    "tests/unit/test_b.c": "static void\nit_holds(void)\n{\n}\n\n\tCU_ADD_TEST(suite, it_holds);\n",
    "tests/compat/test_c.py": "class C:\n    def test_it_holds(self):\n        pass\n",
    "tests/sim/mutants/broken.patch": "",
}


def broken(row):
    with tempfile.TemporaryDirectory() as top:
        table = "| trap | known from | proved by |\n|---|---|---|\n" + row
        for path, text in {**FILES, traps.TABLE: table}.items():
            os.makedirs(os.path.join(top, os.path.dirname(path)), exist_ok=True)
            with open(os.path.join(top, path), "w", encoding="utf-8") as file:
                file.write(text)
        return list(traps.check(top))


class Rules(unittest.TestCase):
    def test_tests_that_are_there_are_found(self):
        self.assertEqual(broken("| t | s | `unit/test_a.c: it_holds`, `unit/test_b.c: it_holds`, "
                                "`compat/test_c.py: test_it_holds`, `sim/mutants/broken.patch` |\n"), [])

    def test_a_file_that_is_gone_is_named(self):
        self.assertEqual(broken("| t | s | `unit/test_z.c: it_holds` |\n"),
                         ["tests/TRAPS.md:3: tests/unit/test_z.c is not there"])

    def test_a_case_that_is_gone_or_not_run_is_named(self):
        for case in ("it_is_not", "it_is_forgotten"):
            self.assertEqual(broken(f"| t | s | `unit/test_a.c: {case}` |\n"),
                             [f"tests/TRAPS.md:3: tests/unit/test_a.c has no case {case}"])
        self.assertEqual(len(broken("| t | s | `compat/test_c.py: test_it` |\n")), 1)

    def test_a_trap_without_a_test_is_named(self):
        self.assertEqual(len(broken("| t | s | by thinking hard |\n")), 1)
        self.assertEqual(len(broken("| t | s | `unit/test_a.c` |\n")), 1)
        self.assertEqual(len(broken("")), 1)


if __name__ == "__main__":
    unittest.main()

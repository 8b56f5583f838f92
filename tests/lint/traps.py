#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds tests/TRAPS.md to the tests it names; changes when the form of that table, or of a test, does.

    traps.py [TOP]       prints what is named and not there, and ends with status 1 where something is
"""

import os
import re
import sys

TABLE = "tests/TRAPS.md"
NAMED = re.compile(r"`([\w./-]+\.(?:c|py|patch|story))(?:: (\w+))?`")
# How a case is made known to the one who runs it.
C_CASE = r"\b(?:CASE|CONFORMANCE_CASE)\(%s\)|\bCU_ADD_TEST\(\w+, %s\)"
PYTHON_CASE = r"(?m)^    def %s\(self\)"


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read()


def rows(text):
    """(line number, cells) of every row with a trap in it; a table begins with its head and a line of dashes."""
    for number, line in enumerate(text.splitlines(), 1):
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if line.startswith("| ") and cells[0] != "trap":
            yield number, cells


def has_case(text, path, case):
    if path.endswith(".c"):
        return re.search(C_CASE % (case, case), text) and re.search(r"(?m)^%s\(void\)" % case, text)
    return re.search(PYTHON_CASE % case, text)


def check_name(top, path, case):
    """None, or what is wrong with a test that is named so."""
    whole = "tests/" + path
    if not os.path.exists(os.path.join(top, whole)):
        return f"{whole} is not there"
    if path.endswith((".c", ".py")) and case is None:
        return f"{whole}: no case of it is named"
    if case and not has_case(read(top, whole), path, case):
        return f"{whole} has no case {case}"
    return None


def check(top):
    found = 0
    for number, cells in rows(read(top, TABLE)):
        found += 1
        names = NAMED.findall(cells[-1])
        if len(cells) != 3 or not names:
            yield f"{TABLE}:{number}: a row is a trap, where it is known from, and the tests that prove it is none"
            continue
        for path, case in names:
            wrong = check_name(top, path, case or None)
            if wrong:
                yield f"{TABLE}:{number}: {wrong}"
    if found == 0:
        yield f"{TABLE}: no trap is in it"


def main():
    top = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("PADDOCK_SRCDIR", ".")
    broken = list(check(top))
    for line in broken:
        print(line)
    print(f"{len(list(rows(read(top, TABLE))))} traps, {len(broken)} names without a test")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())

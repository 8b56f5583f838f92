#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every mutant still fits the sources, says what it breaks, how it is run and how soon it is to be caught, and is distributed.
Changes when mutants have to bring something else. Whether they are caught is the matter of run-mutants."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from mutants import Mistake, Mutant  # noqa: E402


def main():
    top = os.environ.get("PADDOCK_SRCDIR", os.path.join(HERE, "../../.."))
    with open(os.path.join(HERE, "Makefile.inc"), encoding="utf-8") as file:
        listed = file.read().split()
    names = sorted(name for name in os.listdir(HERE) if name.endswith(".patch"))
    bad = 0
    for name in names:
        try:
            mutant = Mutant(os.path.join(HERE, name))
            mutant.apply(top)
            if mutant.name not in listed:
                raise Mistake(f"{name}: Makefile.inc does not list it")
        except Mistake as mistake:
            bad += 1
            print(mistake)
    print(f"{len(names)} mutants, {bad} bad")
    return 1 if bad or not names else 0


if __name__ == "__main__":
    sys.exit(main())

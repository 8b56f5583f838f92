#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The house rules about which files stand together; changes when what a module must bring does.

    tree.py [TOP]        prints what is missing, and ends with status 1 where something is
"""

import os
import re
import sys


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read()


def walk(top, *trees):
    for tree in trees:
        for folder, folders, names in os.walk(os.path.join(top, tree)):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                yield os.path.relpath(os.path.join(folder, name), top)


def plugins(top):
    base = os.path.join(top, "plugins")
    for kind in sorted(os.listdir(base)):
        for name in sorted(os.listdir(os.path.join(base, kind))):
            if os.path.isdir(os.path.join(base, kind, name)):
                yield kind, name


def check_plugins(top):
    """A plugin directory brings its code, its options at their defaults, its page and its fragment."""
    declared = read(top, "configure.ac")
    for kind, name in plugins(top):
        place = f"plugins/{kind}/{name}"
        for needed in (f"{name}.c", f"{name}.conf", "README.md", "Makefile.inc"):
            if not os.path.exists(os.path.join(top, place, needed)):
                yield f"{place}: no {needed}"
        if f"PDK_PLUGIN([{kind}], [{name}])" not in declared:
            yield f"{place}: configure.ac does not declare it with PDK_PLUGIN([{kind}], [{name}])"


def check_fragments(top):
    """Every fragment is included, and names every source beside and below it, and nothing that is not there."""
    main = read(top, "Makefile.am")
    fragments = [path for path in walk(top, "core", "plugins", "tests", "client", "contrib", "etc", "doc")
                 if os.path.basename(path) == "Makefile.inc"]
    text = main
    for path in fragments:
        if f"include {path}\n" not in main:
            yield f"{path}: Makefile.am does not include it"
        text += read(top, path)
    listed = set(re.findall(r"(?<![\w/.-])[\w./-]+\.[ch]\b", re.sub(r"(?m)#.*$", "", text)))
    present = {path for path in walk(top, "core", "plugins", "client", "tests") if path.endswith((".c", ".h"))}
    for path in sorted(present - listed):
        yield f"{path}: no Makefile.inc names it"
    for path in sorted(path for path in listed - present if path.startswith(("core/", "plugins/", "client/", "tests/"))):
        yield f"{path}: named by a Makefile.inc, and not there"


def main():
    top = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("PADDOCK_SRCDIR", ".")
    broken = [*check_plugins(top), *check_fragments(top)]
    for line in broken:
        print(line)
    print(f"{len(list(plugins(top)))} plugins, {len(broken)} broken rules")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())

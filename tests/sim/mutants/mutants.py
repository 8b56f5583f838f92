#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Mutants as their files tell of them: what is broken, how it is to be caught, and the change itself. Changes when a mutant's
file says something new."""

import os
import re

FIELDS = ("Breaks", "Issue", "Run", "Limit")
PLACES = ("core/", "plugins/")


class Mistake(Exception):
    pass


class Mutant:
    """One NAME.patch: fields at the top, then a unified diff, which must fit as it stands (line numbers may be others)."""

    def __init__(self, path):
        self.path = path
        self.name = os.path.basename(path).removesuffix(".patch")
        self.fields = {}
        self.hunks = []  # (file, old text, new text)
        with open(path, encoding="utf-8") as file:
            self._read(file.read().split("\n"))
        for field in FIELDS:
            if not self.fields.get(field):
                raise Mistake(f"{path}: '{field}:' is missing")
        if not re.fullmatch(r"ZOOKEEPER-\d+(, ZOOKEEPER-\d+)*|none", self.fields["Issue"]):
            raise Mistake(f"{path}: Issue is ZOOKEEPER-N, several with commas, or none")
        if not re.fullmatch(r"[1-9]\d*", self.fields["Limit"]):
            raise Mistake(f"{path}: Limit is a number of seeds")
        if self.program not in ("pdk-sim", "test_golden"):
            raise Mistake(f"{path}: Run begins with pdk-sim or test_golden")
        if not self.hunks:
            raise Mistake(f"{path}: it changes nothing")

    @property
    def program(self):
        return self.fields["Run"].split()[0]

    @property
    def arguments(self):
        return self.fields["Run"].split()[1:]

    @property
    def limit(self):
        return int(self.fields["Limit"])

    @property
    def fast(self):
        return self.fields.get("Fast") == "yes"

    def _read(self, lines):
        at, field = 0, None
        while at < len(lines) and not lines[at].startswith("--- "):
            match = re.match(r"(\w+): +(.*)", lines[at])
            if match:
                field = match.group(1)
                self.fields[field] = match.group(2).strip()
            elif field and lines[at].startswith(" "):
                self.fields[field] += " " + lines[at].strip()
            at += 1
        place = None
        while at < len(lines):
            line = lines[at]
            at += 1
            if line.startswith("+++ b/"):
                place = line[len("+++ b/"):]
                if not place.startswith(PLACES):
                    raise Mistake(f"{self.path}: only {' and '.join(PLACES)} may be changed, not {place}")
            elif line.startswith("@@"):
                old, new = [], []
                while at < len(lines) and lines[at][:1] in (" ", "-", "+") and not lines[at].startswith("--- "):
                    if lines[at][0] != "+":
                        old.append(lines[at][1:])
                    if lines[at][0] != "-":
                        new.append(lines[at][1:])
                    at += 1
                self.hunks.append((place, "\n".join(old) + "\n", "\n".join(new) + "\n"))

    def apply(self, top):
        """The files it changes, as they are and as they would be: {place: (before, after)}. Nothing is written."""
        files = {}
        for place, old, new in self.hunks:
            if place not in files:
                with open(os.path.join(top, place), encoding="utf-8") as file:
                    text = file.read()
                files[place] = (text, text)
            before, text = files[place]
            if text.count(old) != 1:
                first = next(line for line in old.split("\n") if line.strip())
                raise Mistake(f"{self.path}: fits {text.count(old)} places of {place}, not 1: {first.strip()}")
            files[place] = (before, text.replace(old, new))
        return files


def all_mutants(directory):
    return [Mutant(os.path.join(directory, name)) for name in sorted(os.listdir(directory)) if name.endswith(".patch")]

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# No global mutable state: no object of the core, the host or a plugin keeps anything in .data or .bss.
# GLib's quark macros keep one number each, named q, and are let through.

set -u
failed=0 count=0
for archive in "${PADDOCK_BUILDDIR:?}"/.libs/libpdk*.a; do
	[ -f "$archive" ] || continue
	count=$((count + 1))
	kept=$(objdump -t "$archive" | awk '
		/file format/ { object = $1 }
		$4 ~ /^\.(data|bss|tdata|tbss)/ && $4 !~ /^\.data\.rel\.ro/ && $3 == "O" && $NF !~ /^q\.[0-9]+$/ {
			print object " " $NF " (" $4 ")"
		}')
	if [ -n "$kept" ]; then
		printf '%s\n' "$kept"
		failed=$((failed + 1))
	fi
done
echo "$count archives, $failed with global state"
[ "$failed" = 0 ] && [ "$count" -gt 0 ]

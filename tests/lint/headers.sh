#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every header compiles alone: the public ones against nothing but GLib, those of the core against the core.

set -u
source=${PADDOCK_SRCDIR:?}
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
failed=0 count=0

# alone HEADER INCLUDE-DIRECTORY...
alone() {
	local header=$1 directory flags=""
	shift
	for directory in "$@"; do
		flags="$flags -I$source/$directory"
	done
	printf '#include "%s"\n#include "%s"\n' "$source/$header" "$source/$header" >"$scratch/alone.c"
	if ! ${CC:-cc} -std=gnu11 -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror \
		-fsyntax-only $flags ${GLIB_CFLAGS:-$(pkg-config --cflags glib-2.0)} "$scratch/alone.c"; then
		echo "$header does not compile alone"
		failed=$((failed + 1))
	fi
	count=$((count + 1))
}

cd "$source" || exit 1
for header in core/include/paddock/*.h; do
	alone "$header" core/include
done
for header in $(find core -name '*.h' -not -path 'core/include/*' | sort); do
	alone "$header" core core/include
done
echo "$count headers, $failed do not compile alone"
[ "$failed" = 0 ] && [ "$count" -gt 0 ]

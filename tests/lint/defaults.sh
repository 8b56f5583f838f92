#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The settings files in the tree say what the programs do: every plugin's file is what `paddockd --print-defaults` prints.

set -u
failed=0 count=0
for so in $(find "${PADDOCK_BUILDDIR:?}/plugins" -name '*.so' -path '*/.libs/*' | sort); do
	place=${so#"$PADDOCK_BUILDDIR/plugins/"}
	place=${place%/.libs/*}
	count=$((count + 1))
	if ! "${PADDOCKD:?}" --plugin-dir "$PADDOCK_BUILDDIR/plugins" --print-defaults "$place" >"$TMPDIR/defaults"; then
		echo "paddockd --print-defaults $place failed"
		failed=$((failed + 1))
	elif ! diff -u "${PADDOCK_SRCDIR:?}/plugins/$place/${place#*/}.conf" "$TMPDIR/defaults"; then
		echo "plugins/$place/${place#*/}.conf is not what --print-defaults $place says"
		failed=$((failed + 1))
	fi
done
echo "$count plugins, $failed with other defaults than their file"
[ "$count" -gt 0 ] || { echo "skipped: no plugin is built as a module"; exit 77; }
[ "$failed" = 0 ]

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every plugin that was built exports its descriptor, pdk_plugin, and nothing else.

set -u
failed=0 count=0
for so in $(find "${PADDOCK_BUILDDIR:?}/plugins" -name '*.so' -path '*/.libs/*' | sort); do
	exported=$(${NM:-nm} -D --defined-only "$so" | awk '{ sub(/@.*/, "", $NF); print $NF }' | sort | tr '\n' ' ')
	if [ "$exported" != "pdk_plugin " ]; then
		echo "${so#"$PADDOCK_BUILDDIR"/} exports: ${exported:-nothing}; wanted: pdk_plugin"
		failed=$((failed + 1))
	fi
	count=$((count + 1))
done
echo "$count plugins, $failed export something else"
[ "$count" -gt 0 ] || { echo "skipped: no plugin is built as a module"; exit 77; }
[ "$failed" = 0 ]

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A seed tells the same story every time: two processes, with their memory at other addresses, say the same to the byte.

set -u
exec "${PADDOCK_BUILDDIR:?}/tests/sim/pdk-sim" --seed 1..8 --twice

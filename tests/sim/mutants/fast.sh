#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The mutants that are caught soon, so that the way to build and run them stays good. All of them: make mutants.
exec "$PADDOCK_SRCDIR/tests/sim/mutants/run-mutants" --fast

/* SPDX-License-Identifier: Apache-2.0 */
/* What a server would find on its disk if the power failed now. Changes when disks are built otherwise. */
#ifndef TESTS_SIM_DURABLE_H
#define TESTS_SIM_DURABLE_H

#include "sim/world-private.h"

/* The last txn that surely survives, in the log or in a snapshot (that may be an epoch << 32, which no txn has); 0: none. */
int64_t sim_durable_zxid(const Node *node);
/* A small record as it surely survives; NULL: none. Borrowed, the same pointer for as long as it is the same record. */
GBytes *sim_durable_record(const Node *node, const char *key);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Writes by chance: the same seed, the same requests. */
#ifndef TESTS_UNIT_SERVER_RANDOM_WRITES_H
#define TESTS_UNIT_SERVER_RANDOM_WRITES_H

#include "world.h"

/* One operation and its body, of any kind that makes a txn but for closeSession. */
PdkBuffer random_write(PdkRandom *random, int32_t *op);

#endif

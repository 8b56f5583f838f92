/* SPDX-License-Identifier: Apache-2.0 */
/* Chance from a seed: the same seed, the same stream. Not for secrets. xorshift64* (Marsaglia, Vigna). */
#ifndef PDK_BASE_RANDOM_H
#define PDK_BASE_RANDOM_H

#include <stdint.h>

typedef struct {
	uint64_t state; /* never 0 */
} PdkRandom;

static inline PdkRandom
pdk_random(uint64_t seed)
{
	return (PdkRandom){seed * 0x9e3779b97f4a7c15u | 1};
}

static inline uint64_t
pdk_random_next(PdkRandom *random)
{
	uint64_t x = random->state;
	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	random->state = x;
	return x * 0x2545f4914f6cdd1du;
}

/* 0 .. @below - 1; @below > 0. */
static inline uint64_t
pdk_random_below(PdkRandom *random, uint64_t below)
{
	return pdk_random_next(random) % below;
}

#endif

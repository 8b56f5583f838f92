/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks of a few bytes to a few KiB, in size classes of 16 bytes and without a header each: the names and
 * data of znodes. A class fills runs of 64 KiB; an empty run serves any class again, and empty regions of
 * runs go back to malloc. Larger blocks are malloc's. Changes when the way names and data are allocated does.
 */
#ifndef PDK_DATA_PAYLOAD_H
#define PDK_DATA_PAYLOAD_H

#include "base/assert.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PDK_PAYLOAD_STEP = 16,
	PDK_PAYLOAD_LARGEST = 4352, /* bytes; what is longer is malloc's */
	PDK_PAYLOAD_CLASSES = PDK_PAYLOAD_LARGEST / PDK_PAYLOAD_STEP + 1,
};

typedef struct PdkPayloadRun PdkPayloadRun;
typedef struct PdkPayloadRegion PdkPayloadRegion;

/* Zero-initialised is empty and owns nothing. */
typedef struct {
	PdkPayloadRun *partial[PDK_PAYLOAD_CLASSES]; /* runs with a free block */
	PdkPayloadRegion *regions;                   /* all */
	PdkPayloadRegion *first_room, *last_room;    /* those with an empty run, the longest so first */
	uint64_t blocks, outside;                    /* blocks given out; of those the malloc's */
	uint64_t held_bytes;                         /* regions */
} PdkPayloads;

/* Frees all blocks but the malloc's, which the owner of the blocks gives back first. */
void pdk_payloads_clear(PdkPayloads *payloads);

/* A block of at least @size bytes, aligned to 16; NULL for 0. */
void *pdk_payload_take(PdkPayloads *payloads, size_t size);
/* Gives back what was taken with the same @size. */
void pdk_payload_give(PdkPayloads *payloads, void *block, size_t size);

/* True when both sizes are served by blocks of the same length, so that a block may stay. */
static inline bool
pdk_payload_same(size_t a, size_t b)
{
	return a <= PDK_PAYLOAD_LARGEST && b <= PDK_PAYLOAD_LARGEST &&
	       (a + PDK_PAYLOAD_STEP - 1) / PDK_PAYLOAD_STEP == (b + PDK_PAYLOAD_STEP - 1) / PDK_PAYLOAD_STEP;
}

/* Verifies every run (asserts). */
void pdk_payloads_check(const PdkPayloads *payloads);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of one size under 32-bit numbers: they never move, and a number costs half a pointer. A hash
 * index over them chains through the records themselves and grows one head at a time (linear hashing), so
 * that no insertion stops the world. Changes when the way small records are kept does.
 */
#ifndef PDK_DATA_SLAB_H
#define PDK_DATA_SLAB_H

#include "base/assert.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PDK_SLAB_SHIFT = 12,
	PDK_SLAB_BLOCK = 1 << PDK_SLAB_SHIFT, /* records a block */
};

typedef struct {
	uint8_t **blocks;
	uint32_t n_blocks, blocks_capacity;
	uint32_t record_size;
	uint32_t end;  /* numbers 1 .. end - 1 have been handed out at least once */
	uint32_t free; /* first of the returned records, chained through their first four bytes */
	uint32_t live;
} PdkSlab;

/* @record_size: a multiple of the record's alignment, at least 4. */
void pdk_slab_init(PdkSlab *slab, size_t record_size);
/* Frees all records. */
void pdk_slab_clear(PdkSlab *slab);
/* A zeroed record's number; never 0. */
uint32_t pdk_slab_take(PdkSlab *slab);
/* Gives a record back. The first four bytes are overwritten, the others zeroed. */
void pdk_slab_give(PdkSlab *slab, uint32_t number);

/* Valid until the record is given back. @number was taken. */
static inline void *
pdk_slab_at(const PdkSlab *slab, uint32_t number)
{
	return slab->blocks[number >> PDK_SLAB_SHIFT] +
	       (size_t)(number & (PDK_SLAB_BLOCK - 1)) * slab->record_size;
}

/* The hash of a record's key; @owner is whatever the index was made with. */
typedef uint32_t (*PdkSlabHash)(const void *owner, const void *record);

typedef struct {
	uint32_t *heads;
	uint32_t buckets, capacity; /* heads in use; heads there is room for (a power of two, or 0) */
	uint32_t count;
	PdkSlab *slab;
	size_t chain; /* offset of the record's uint32_t link */
	PdkSlabHash hash;
	const void *owner;
} PdkIndex;

/* @slab, @owner: borrowed. */
void pdk_index_init(PdkIndex *index, PdkSlab *slab, size_t chain, PdkSlabHash hash, const void *owner);
void pdk_index_clear(PdkIndex *index);
/*
 * Makes the heads for that many records at once (a load knows what is coming), so that insertions need not.
 */
void pdk_index_reserve(PdkIndex *index, uint32_t buckets);
/* Equal keys may stand beside each other; who wants none looks first. */
void pdk_index_insert(PdkIndex *index, uint32_t number);
/* @number must be in it, its key unchanged since. */
void pdk_index_remove(PdkIndex *index, uint32_t number);
/* The first record that may have @hash, 0: none; go on with pdk_index_next until 0. */
uint32_t pdk_index_first(const PdkIndex *index, uint32_t hash);

/*
 * Advice to the cache for a search that is to come: the head, and when that is there, the first record behind
 * it.
 */
void pdk_index_expect_head(const PdkIndex *index, uint32_t hash);
void pdk_index_expect_record(const PdkIndex *index, uint32_t hash);

static inline uint32_t
pdk_index_next(const PdkIndex *index, uint32_t number)
{
	return *(uint32_t *)((uint8_t *)pdk_slab_at(index->slab, number) + index->chain);
}

/* Every record sits in the bucket of its hash, and there are `count` of them (asserts). */
void pdk_index_check(const PdkIndex *index);

/* Spreads the bits of a number. */
static inline uint32_t
pdk_hash_u64(uint64_t value)
{
	value ^= value >> 32;
	value *= 0x9e3779b97f4a7c15u;
	value ^= value >> 29;
	value *= 0xbf58476d1ce4e5b9u;
	return (uint32_t)(value >> 32);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* How records of one size are kept, and found by a key. */
#include "data/slab.h"

#include <string.h>

#define FIRST_BUCKETS 16
#define MOST_BUCKETS (UINT32_C(1) << 31)
#define CACHE_LINE 64

void
pdk_slab_init(PdkSlab *slab, size_t record_size)
{
	pdk_assert(record_size >= sizeof(uint32_t) && record_size <= 4096);
	*slab = (PdkSlab){.record_size = (uint32_t)record_size, .end = 1};
}

static void
free_blocks_from(PdkSlab *slab, uint32_t first)
{
	for (uint32_t i = first; i < slab->n_blocks; i++)
		g_aligned_free(slab->blocks[i]);
	slab->n_blocks = MIN(slab->n_blocks, first);
}

void
pdk_slab_clear(PdkSlab *slab)
{
	free_blocks_from(slab, 0);
	g_free(slab->blocks);
	pdk_slab_init(slab, slab->record_size);
}

static void
add_block(PdkSlab *slab)
{
	if (slab->n_blocks == slab->blocks_capacity) {
		slab->blocks_capacity = MAX(slab->blocks_capacity * 2, 4);
		slab->blocks = g_renew(uint8_t *, slab->blocks, slab->blocks_capacity);
	}
	slab->blocks[slab->n_blocks++] = g_aligned_alloc(PDK_SLAB_BLOCK, slab->record_size, CACHE_LINE);
}

uint32_t
pdk_slab_take(PdkSlab *slab)
{
	uint32_t number = slab->free;
	if (number != 0) {
		memcpy(&slab->free, pdk_slab_at(slab, number), sizeof(slab->free));
	} else {
		number = slab->end;
		pdk_assert(number < UINT32_MAX);
		if (number >> PDK_SLAB_SHIFT == slab->n_blocks)
			add_block(slab);
		slab->end++;
	}
	memset(pdk_slab_at(slab, number), 0, slab->record_size);
	slab->live++;
	return number;
}

void
pdk_slab_give(PdkSlab *slab, uint32_t number)
{
	pdk_assert(number > 0 && number < slab->end && slab->live > 0);
	uint8_t *record = pdk_slab_at(slab, number);
	memset(record, 0, slab->record_size);
	memcpy(record, &slab->free, sizeof(slab->free));
	slab->free = number;
	if (--slab->live > 0)
		return;
	/* Nothing is left: what a peak took goes back, one block stays for the next record. */
	free_blocks_from(slab, 1);
	slab->end = 1;
	slab->free = 0;
}

void
pdk_index_init(PdkIndex *index, PdkSlab *slab, size_t chain, PdkSlabHash hash, const void *owner)
{
	pdk_assert(chain + sizeof(uint32_t) <= slab->record_size);
	*index = (PdkIndex){.slab = slab, .chain = chain, .hash = hash, .owner = owner};
}

void
pdk_index_clear(PdkIndex *index)
{
	g_free(index->heads);
	index->heads = NULL;
	index->buckets = index->capacity = index->count = 0;
}

static uint32_t *
link_of(const PdkIndex *index, uint32_t number)
{
	return (uint32_t *)((uint8_t *)pdk_slab_at(index->slab, number) + index->chain);
}

static uint32_t
hash_of(const PdkIndex *index, uint32_t number)
{
	return index->hash(index->owner, pdk_slab_at(index->slab, number));
}

/*
 * Linear hashing: heads beyond `buckets` do not exist yet, their records are still in the one they will
 * split from.
 */
static uint32_t
bucket_of(const PdkIndex *index, uint32_t hash)
{
	uint32_t bucket = hash & (index->capacity - 1);
	return bucket < index->buckets ? bucket : bucket & (index->capacity / 2 - 1);
}

static void
split_one(PdkIndex *index)
{
	if (index->buckets == MOST_BUCKETS)
		return;
	if (index->buckets == index->capacity) {
		index->capacity *= 2;
		index->heads = g_renew(uint32_t, index->heads, index->capacity);
	}
	uint32_t added = index->buckets++;
	index->heads[added] = 0;
	uint32_t *from = &index->heads[added & (index->capacity / 2 - 1)];
	while (*from != 0) {
		uint32_t number = *from;
		uint32_t *link = link_of(index, number);
		if (bucket_of(index, hash_of(index, number)) != added) {
			from = link;
			continue;
		}
		*from = *link;
		*link = index->heads[added];
		index->heads[added] = number;
	}
}

void
pdk_index_reserve(PdkIndex *index, uint32_t buckets)
{
	buckets = CLAMP(buckets, FIRST_BUCKETS, MOST_BUCKETS);
	if (index->buckets == 0) {
		uint32_t capacity = FIRST_BUCKETS;
		while (capacity < buckets)
			capacity *= 2;
		index->heads = g_new0(uint32_t, capacity);
		index->capacity = capacity;
		index->buckets = buckets;
	}
	while (index->buckets < buckets)
		split_one(index);
}

void
pdk_index_insert(PdkIndex *index, uint32_t number)
{
	if (index->buckets == 0)
		pdk_index_reserve(index, FIRST_BUCKETS);
	else if (index->count >= index->buckets)
		split_one(index);
	uint32_t *head = &index->heads[bucket_of(index, hash_of(index, number))];
	*link_of(index, number) = *head;
	*head = number;
	index->count++;
}

void
pdk_index_remove(PdkIndex *index, uint32_t number)
{
	pdk_assert(index->count > 0);
	uint32_t *from = &index->heads[bucket_of(index, hash_of(index, number))];
	while (*from != number) {
		pdk_assert(*from != 0);
		from = link_of(index, *from);
	}
	*from = *link_of(index, number);
	if (--index->count == 0)
		pdk_index_clear(index);
}

uint32_t
pdk_index_first(const PdkIndex *index, uint32_t hash)
{
	return index->count == 0 ? 0 : index->heads[bucket_of(index, hash)];
}

void
pdk_index_expect_head(const PdkIndex *index, uint32_t hash)
{
	if (index->buckets > 0)
		__builtin_prefetch(&index->heads[bucket_of(index, hash)], 1);
}

void
pdk_index_expect_record(const PdkIndex *index, uint32_t hash)
{
	uint32_t number = pdk_index_first(index, hash);
	if (number != 0)
		__builtin_prefetch(pdk_slab_at(index->slab, number));
}

void
pdk_index_check(const PdkIndex *index)
{
	uint32_t seen = 0;
	for (uint32_t bucket = 0; bucket < index->buckets; bucket++) {
		for (uint32_t at = index->heads[bucket]; at != 0; at = pdk_index_next(index, at)) {
			pdk_assert(at < index->slab->end);
			pdk_assert(bucket_of(index, hash_of(index, at)) == bucket);
			pdk_assert(++seen <= index->count);
		}
	}
	pdk_assert(seen == index->count);
}

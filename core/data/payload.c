/* SPDX-License-Identifier: Apache-2.0 */
/* How names and data of znodes are allocated. */
#include "data/payload.h"

#include <string.h>

#define RUN_BYTES ((size_t)64 * 1024)
#define RUNS 16 /* a region */

struct PdkPayloadRun {
	PdkPayloadRegion *region;
	PdkPayloadRun *next, *previous; /* partial runs of the class; next: also empty ones of the region */
	void *free;                     /* returned blocks, chained through their first bytes */
	uint32_t fresh;                 /* offset behind the last block ever given out */
	uint32_t block_bytes;           /* 0: empty run */
	uint32_t live, room;            /* blocks given out; most there can be */
};

struct PdkPayloadRegion {
	uint8_t *runs;
	PdkPayloadRegion *next, *previous;           /* all */
	PdkPayloadRegion *next_room, *previous_room; /* those with an empty run */
	PdkPayloadRun *empty;
	uint32_t fresh; /* runs never used */
	uint32_t used;  /* runs that serve a class */
};

#define FIRST_OFFSET ((sizeof(PdkPayloadRun) + PDK_PAYLOAD_STEP - 1) / PDK_PAYLOAD_STEP * PDK_PAYLOAD_STEP)

/* The oldest room is filled first, so that the younger regions empty altogether and can leave. */
static void
link_room(PdkPayloads *payloads, PdkPayloadRegion *region)
{
	region->next_room = NULL;
	region->previous_room = payloads->last_room;
	if (region->previous_room != NULL)
		region->previous_room->next_room = region;
	else
		payloads->first_room = region;
	payloads->last_room = region;
}

static void
unlink_room(PdkPayloads *payloads, PdkPayloadRegion *region)
{
	if (region->previous_room != NULL)
		region->previous_room->next_room = region->next_room;
	else
		payloads->first_room = region->next_room;
	if (region->next_room != NULL)
		region->next_room->previous_room = region->previous_room;
	else
		payloads->last_room = region->previous_room;
	region->next_room = region->previous_room = NULL;
}

static PdkPayloadRegion *
add_region(PdkPayloads *payloads)
{
	PdkPayloadRegion *region = g_new0(PdkPayloadRegion, 1);
	region->runs = g_aligned_alloc(RUNS, RUN_BYTES, RUN_BYTES);
	region->next = payloads->regions;
	if (region->next != NULL)
		region->next->previous = region;
	payloads->regions = region;
	payloads->held_bytes += RUNS * RUN_BYTES;
	link_room(payloads, region);
	return region;
}

static void
drop_region(PdkPayloads *payloads, PdkPayloadRegion *region)
{
	unlink_room(payloads, region);
	if (region->previous != NULL)
		region->previous->next = region->next;
	else
		payloads->regions = region->next;
	if (region->next != NULL)
		region->next->previous = region->previous;
	payloads->held_bytes -= RUNS * RUN_BYTES;
	g_aligned_free(region->runs);
	g_free(region);
}

void
pdk_payloads_clear(PdkPayloads *payloads)
{
	pdk_assert(payloads->outside == 0);
	for (PdkPayloadRegion *region = payloads->regions, *next; region != NULL; region = next) {
		next = region->next;
		g_aligned_free(region->runs);
		g_free(region);
	}
	*payloads = (PdkPayloads){0};
}

static PdkPayloadRun *
add_run(PdkPayloads *payloads, size_t class)
{
	PdkPayloadRegion *region = payloads->first_room ? payloads->first_room : add_region(payloads);
	PdkPayloadRun *run = region->empty;
	if (run != NULL)
		region->empty = run->next;
	else
		run = (PdkPayloadRun *)(region->runs + RUN_BYTES * region->fresh++);
	region->used++;
	if (region->empty == NULL && region->fresh == RUNS)
		unlink_room(payloads, region);
	uint32_t block_bytes = (uint32_t)(class * PDK_PAYLOAD_STEP);
	*run = (PdkPayloadRun){.region = region, .fresh = FIRST_OFFSET, .block_bytes = block_bytes};
	run->room = (uint32_t)((RUN_BYTES - FIRST_OFFSET) / block_bytes);
	payloads->partial[class] = run;
	return run;
}

static void
unlink_partial(PdkPayloads *payloads, PdkPayloadRun *run, size_t class)
{
	if (run->previous != NULL)
		run->previous->next = run->next;
	else
		payloads->partial[class] = run->next;
	if (run->next != NULL)
		run->next->previous = run->previous;
	run->next = run->previous = NULL;
}

/*
 * An empty run may serve any class; of several empty regions one is kept, so that a change at the brim costs
 * no malloc.
 */
static void
retire(PdkPayloads *payloads, PdkPayloadRun *run, size_t class)
{
	PdkPayloadRegion *region = run->region;
	unlink_partial(payloads, run, class);
	bool had_room = region->empty != NULL || region->fresh < RUNS;
	run->block_bytes = 0;
	run->next = region->empty;
	region->empty = run;
	region->used--;
	if (!had_room)
		link_room(payloads, region);
	if (region->used == 0 && (region->next_room != NULL || region->previous_room != NULL))
		drop_region(payloads, region);
}

void *
pdk_payload_take(PdkPayloads *payloads, size_t size)
{
	if (size == 0)
		return NULL;
	payloads->blocks++;
	if (size > PDK_PAYLOAD_LARGEST) {
		payloads->outside++;
		return g_malloc(size);
	}
	size_t class = (size + PDK_PAYLOAD_STEP - 1) / PDK_PAYLOAD_STEP;
	PdkPayloadRun *run = payloads->partial[class];
	if (run == NULL)
		run = add_run(payloads, class);
	void *block = run->free;
	if (block != NULL) {
		memcpy(&run->free, block, sizeof(run->free));
	} else {
		block = (uint8_t *)run + run->fresh;
		run->fresh += run->block_bytes;
	}
	if (++run->live == run->room)
		unlink_partial(payloads, run, class);
	return block;
}

void
pdk_payload_give(PdkPayloads *payloads, void *block, size_t size)
{
	if (size == 0)
		return;
	pdk_assert(payloads->blocks > 0);
	payloads->blocks--;
	if (size > PDK_PAYLOAD_LARGEST) {
		payloads->outside--;
		g_free(block);
		return;
	}
	size_t class = (size + PDK_PAYLOAD_STEP - 1) / PDK_PAYLOAD_STEP;
	PdkPayloadRun *run = (PdkPayloadRun *)((uintptr_t)block & ~(uintptr_t)(RUN_BYTES - 1));
	pdk_assert(run->block_bytes == class * PDK_PAYLOAD_STEP && run->live > 0);
	memcpy(block, &run->free, sizeof(run->free));
	run->free = block;
	if (run->live-- == run->room) {
		run->previous = NULL;
		run->next = payloads->partial[class];
		if (run->next != NULL)
			run->next->previous = run;
		payloads->partial[class] = run;
	}
	if (run->live == 0)
		retire(payloads, run, class);
}

static uint64_t
check_run(const PdkPayloadRun *run)
{
	uint32_t returned = 0;
	for (const void *block = run->free; block != NULL; memcpy(&block, block, sizeof(void *))) {
		size_t offset = (size_t)((const uint8_t *)block - (const uint8_t *)run);
		pdk_assert(offset >= FIRST_OFFSET && offset < run->fresh);
		pdk_assert((offset - FIRST_OFFSET) % run->block_bytes == 0);
		pdk_assert(++returned <= run->room);
	}
	uint32_t ever = (uint32_t)((run->fresh - FIRST_OFFSET) / run->block_bytes);
	pdk_assert(run->live > 0 && run->live == ever - returned);
	return run->live;
}

void
pdk_payloads_check(const PdkPayloads *payloads)
{
	uint64_t live = 0;
	for (const PdkPayloadRegion *region = payloads->regions; region != NULL; region = region->next) {
		uint32_t used = 0;
		for (uint32_t i = 0; i < region->fresh; i++) {
			const PdkPayloadRun *run = (const PdkPayloadRun *)(region->runs + RUN_BYTES * i);
			if (run->block_bytes == 0)
				continue;
			used++;
			live += check_run(run);
		}
		pdk_assert(used == region->used);
	}
	pdk_assert(live + payloads->outside == payloads->blocks);
	for (size_t class = 1; class < PDK_PAYLOAD_CLASSES; class ++) {
		for (const PdkPayloadRun *run = payloads->partial[class]; run != NULL; run = run->next)
			pdk_assert(run->block_bytes == class * PDK_PAYLOAD_STEP && run->live < run->room);
	}
}

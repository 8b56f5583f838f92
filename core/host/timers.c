/* SPDX-License-Identifier: Apache-2.0 */
/* Changes when timers are kept in another way. A binary heap of slots; a handle is slot + generation. */
#include "host/timers.h"

#include "base/assert.h"

typedef struct {
	int64_t at_us;
	uint64_t order; /* rises with each timer made */
	PdkWork fire;   /* NULL: the slot is free */
	void *data;
	const void *owner;
	uint32_t generation, position; /* position in the heap; the next free slot when free */
} Slot;

struct PdkTimers {
	GArray *slots; /* Slot */
	GArray *heap;  /* uint32_t: slots */
	uint32_t free; /* G_MAXUINT32: none */
	uint64_t made;
};

PdkTimers *
pdk_timers_new(void)
{
	PdkTimers *timers = g_new0(PdkTimers, 1);

	timers->slots = g_array_new(FALSE, FALSE, sizeof(Slot));
	timers->heap = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	timers->free = G_MAXUINT32;
	return timers;
}

void
pdk_timers_free(PdkTimers *timers)
{
	if (timers == NULL)
		return;
	g_array_free(timers->slots, TRUE);
	g_array_free(timers->heap, TRUE);
	g_free(timers);
}

static Slot *
slot_at(const PdkTimers *timers, uint32_t index)
{
	return &g_array_index(timers->slots, Slot, index);
}

static Slot *
heap_at(const PdkTimers *timers, uint32_t position)
{
	return slot_at(timers, g_array_index(timers->heap, uint32_t, position));
}

static bool
earlier(const Slot *a, const Slot *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void
swap(PdkTimers *timers, uint32_t a, uint32_t b)
{
	uint32_t *heap = (uint32_t *)(void *)timers->heap->data, kept = heap[a];

	heap[a] = heap[b];
	heap[b] = kept;
	slot_at(timers, heap[a])->position = a;
	slot_at(timers, heap[b])->position = b;
}

static void
settle(PdkTimers *timers, uint32_t position)
{
	while (position > 0 && earlier(heap_at(timers, position), heap_at(timers, (position - 1) / 2))) {
		swap(timers, position, (position - 1) / 2);
		position = (position - 1) / 2;
	}
	for (;;) {
		uint32_t least = position, n = timers->heap->len;
		for (uint32_t child = 2 * position + 1; child <= 2 * position + 2 && child < n; child++)
			if (earlier(heap_at(timers, child), heap_at(timers, least)))
				least = child;
		if (least == position)
			return;
		swap(timers, position, least);
		position = least;
	}
}

static void
release(PdkTimers *timers, uint32_t index)
{
	Slot *slot = slot_at(timers, index);
	uint32_t position = slot->position, last = timers->heap->len - 1;

	pdk_assert(slot->fire != NULL);
	if (position != last)
		swap(timers, position, last);
	g_array_set_size(timers->heap, last);
	if (position != last)
		settle(timers, position);
	slot->fire = NULL;
	slot->generation++;
	slot->position = timers->free;
	timers->free = index;
}

uint64_t
pdk_timers_add(PdkTimers *timers, const void *owner, int64_t at_us, PdkWork fire, void *data)
{
	uint32_t index = timers->free;

	if (index == G_MAXUINT32) {
		Slot fresh = {.generation = 1};
		index = timers->slots->len;
		g_array_append_val(timers->slots, fresh);
	} else {
		timers->free = slot_at(timers, index)->position;
	}
	Slot *slot = slot_at(timers, index);
	slot->at_us = at_us;
	slot->order = timers->made++;
	slot->fire = fire;
	slot->data = data;
	slot->owner = owner;
	slot->position = timers->heap->len;
	if (slot->generation == 0)
		slot->generation = 1;
	g_array_append_val(timers->heap, index);
	settle(timers, slot->position);
	return (uint64_t)slot->generation << 32 | index;
}

void
pdk_timers_cancel(PdkTimers *timers, uint64_t handle)
{
	uint32_t index = (uint32_t)handle;

	if (handle == 0 || index >= timers->slots->len)
		return;
	Slot *slot = slot_at(timers, index);
	if (slot->fire != NULL && slot->generation == handle >> 32)
		release(timers, index);
}

void
pdk_timers_cancel_owner(PdkTimers *timers, const void *owner)
{
	for (uint32_t i = 0; i < timers->slots->len; i++) {
		Slot *slot = slot_at(timers, i);
		if (slot->fire != NULL && slot->owner == owner)
			release(timers, i);
	}
}

int64_t
pdk_timers_next(const PdkTimers *timers)
{
	return timers->heap->len > 0 ? heap_at(timers, 0)->at_us : INT64_MAX;
}

bool
pdk_timers_fire(PdkTimers *timers, int64_t now_us)
{
	uint64_t before = timers->made;
	bool fired = false;

	while (timers->heap->len > 0) {
		Slot first = *heap_at(timers, 0);
		if (first.at_us > now_us || first.order >= before)
			break;
		release(timers, g_array_index(timers->heap, uint32_t, 0));
		first.fire(first.data);
		fired = true;
	}
	return fired;
}

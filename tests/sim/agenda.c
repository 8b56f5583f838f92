/* SPDX-License-Identifier: Apache-2.0 */
/* What happens when: changes when the order of events does. */
#include "sim/world-private.h"

static bool
before(const Happening *a, const Happening *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->number < b->number;
}

static Happening **
slot(Sim *sim, guint i)
{
	return &g_array_index(sim->heap, Happening *, i);
}

static void
swap(Sim *sim, guint a, guint b)
{
	Happening *keep = *slot(sim, a);
	*slot(sim, a) = *slot(sim, b);
	*slot(sim, b) = keep;
}

static void
insert(Sim *sim, Happening *item)
{
	g_array_append_val(sim->heap, item);
	for (guint i = sim->heap->len - 1; i > 0 && before(*slot(sim, i), *slot(sim, (i - 1) / 2)); i = (i - 1) / 2)
		swap(sim, i, (i - 1) / 2);
}

void
sim_push(Sim *sim, int64_t at_us, Happening happening)
{
	happening.at_us = MAX(at_us, sim->now_us);
	happening.number = sim->numbers++;
	if (happening.node)
		happening.life = happening.node->life;
	Happening *item = g_memdup2(&happening, sizeof happening);
	insert(sim, item);
}

void
sim_postpone(Sim *sim, Happening *happening, int64_t until_us)
{
	happening->at_us = until_us;
	insert(sim, happening);
}

Happening *
sim_pop(Sim *sim)
{
	Happening *first = *slot(sim, 0);
	swap(sim, 0, sim->heap->len - 1);
	g_array_set_size(sim->heap, sim->heap->len - 1);
	for (guint i = 0;;) {
		guint least = i;
		for (guint child = 2 * i + 1; child <= 2 * i + 2 && child < sim->heap->len; child++)
			if (before(*slot(sim, child), *slot(sim, least)))
				least = child;
		if (least == i)
			return first;
		swap(sim, i, least);
		i = least;
	}
}

void
sim_happening_free(Happening *happening)
{
	g_clear_pointer(&happening->bytes, g_bytes_unref);
	g_free(happening->key);
	g_free(happening->data);
	g_free(happening);
}

const Happening *
sim_first(Sim *sim)
{
	return sim->heap->len > 0 ? *slot(sim, 0) : NULL;
}

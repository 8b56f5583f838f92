/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes by itself: a container that had children and has none, or never had any for long; a node whose time since its last
 * change is over and that has no children. Both by the clock of the leader that finds it, and by what was changed before. Changes
 * when the rules of ContainerManager do.
 */
#include "sim/checks.h"
#include "sim/truth.h"

/* Ours, not upstream's: what is under way when the leader looks counts, too. */
static bool
is_due(const Sim *sim, const SimState *state, int64_t now_ms)
{
	int64_t age_ms = now_ms - state->mtime, never_used_ms = sim->params.container_never_used_ms;
	if (!state->there || state->children > 0 || state->owner != SIM_OWNER_OTHER)
		return false;
	if (state->ttl > 0)
		return age_ms > state->ttl;
	return state->used || (never_used_ms > 0 && age_ms > never_used_ms);
}

void
sim_reaping_look(Sim *sim, const PdkTxnHeader *header, const char *path)
{
	const SimState *state = sim_truth_at(sim, path, header->zxid - 1);
	if (state && is_due(sim, state, header->time_ms))
		return;
	sim_fail(sim, "reaped-when-due", "%s goes by " HEX " at %" G_GINT64_FORMAT " and is not due: children %d, ttl %" G_GINT64_FORMAT
		 ", changed at %" G_GINT64_FORMAT, path, (guint64)header->zxid, header->time_ms, state ? state->children : -1,
		 state ? state->ttl : -1, state ? state->mtime : -1);
}

unsigned
sim_due(Sim *sim)
{
	GHashTableIter iter;
	void *path;
	unsigned due = 0;
	int leader = sim_leader(sim);
	if (leader < 0)
		return G_MAXUINT;
	int64_t now_ms = sim_clock_wall_ms(&sim->nodes[leader]);
	g_hash_table_iter_init(&iter, sim->checks->truth);
	while (g_hash_table_iter_next(&iter, &path, NULL))
		due += is_due(sim, sim_truth_at(sim, path, INT64_MAX), now_ms);
	return due;
}

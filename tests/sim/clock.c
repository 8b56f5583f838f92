/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a server's clocks show: the one that only goes on runs faster or slower than the world's time, the one on the wall may
 * jump besides. Changes when clocks go wrong in another way.
 */
#include "sim/world-private.h"

#define MILLION INT64_C(1000000)

void
sim_clock_init(Node *node)
{
	node->clock = (SimClock){.wall_ms = SIM_WALL_MS};
}

static int64_t
shown(const Node *node, int64_t at_us)
{
	const SimClock *clock = &node->clock;
	int64_t gone = at_us - clock->since_us;
	return clock->shown_us + gone + gone * clock->ppm / MILLION;
}

int64_t
sim_clock_us(const Node *node)
{
	return shown(node, node->sim->now_us);
}

int64_t
sim_clock_wall_ms(const Node *node)
{
	return node->clock.wall_ms + sim_clock_us(node) / 1000;
}

int64_t
sim_clock_when(const Node *node, int64_t shows_us)
{
	const SimClock *clock = &node->clock;
	int64_t missing = shows_us - clock->shown_us;
	int64_t at_us = clock->since_us + missing * MILLION / (MILLION + clock->ppm);
	while (shown(node, at_us) < shows_us)
		at_us++;
	return at_us;
}

void
sim_set_uptime(Sim *sim, unsigned server, int64_t shows_us)
{
	Node *node = &sim->nodes[server];
	g_assert(!node->up);
	node->clock.since_us = sim->now_us;
	node->clock.shown_us = shows_us;
}

void
sim_drift(Sim *sim, unsigned server, int ppm)
{
	Node *node = &sim->nodes[server];
	node->clock.shown_us = sim_clock_us(node);
	node->clock.since_us = sim->now_us;
	node->clock.ppm = ppm;
}

void
sim_jump_wall(Sim *sim, unsigned server, int64_t by_ms)
{
	sim->nodes[server].clock.wall_ms += by_ms;
}

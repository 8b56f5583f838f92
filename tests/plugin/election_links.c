/* SPDX-License-Identifier: Apache-2.0 */
/* Who hears whom on the election stage; changes when the mesh of core/replica does. */
#include "election_stage_private.h"

#define REDIAL_US (50 * MS)
#define DIAL_TIMEOUT_US SECOND

Pair *
stage_pair(ElectionStage *stage, unsigned a, unsigned b)
{
	return &stage->pairs[MIN(a, b)][MAX(a, b)];
}

bool
stage_reachable(const ElectionStage *stage, unsigned a, unsigned b)
{
	return !stage->ways[a][b].cut && !stage->ways[b][a].cut;
}

static void
carry(ElectionStage *stage, unsigned from, unsigned to, GBytes *bytes)
{
	Way *way = &stage->ways[from][to];

	int64_t at_us = stage->now_us + stage_delay(stage);
	way->busy_until_us = MAX(way->busy_until_us + 1, at_us);
	Event *event = stage_plan(stage, HAPPENS_MESSAGE, to, way->busy_until_us);
	event->from = from;
	event->number = stage_pair(stage, from, to)->number;
	event->bytes = g_bytes_ref(bytes);
}

static void
remember_last(Way *way, GBytes *bytes)
{
	g_bytes_ref(bytes);
	g_clear_pointer(&way->last, g_bytes_unref);
	way->last = bytes;
}

/* A new connection begins with what waits, or with the message sent last. */
static void
empty_queue(ElectionStage *stage, unsigned from, unsigned to)
{
	Way *way = &stage->ways[from][to];

	if (g_queue_is_empty(&way->unsent) && way->last && stage->ops->resend_last)
		carry(stage, from, to, way->last);
	for (GBytes *bytes = g_queue_pop_head(&way->unsent); bytes; bytes = g_queue_pop_head(&way->unsent)) {
		carry(stage, from, to, bytes);
		remember_last(way, bytes);
		g_bytes_unref(bytes);
	}
}

static void
report_link(ElectionStage *stage, unsigned to, unsigned peer, PdkPeerLink link, int64_t at_us)
{
	Event *event = stage_plan(stage, HAPPENS_LINK, to, at_us);

	event->from = peer;
	event->link = link;
}

/* Members dial members; who is asked by a stranger answers on the stranger's connection. */
static bool
may_dial(const ElectionStage *stage, unsigned from, unsigned to)
{
	const Server *server = &stage->servers[from];

	return server->committed->roles[to] != ELECTION_STRANGER || server->last_seen->roles[to] != ELECTION_STRANGER;
}

static void
dial(ElectionStage *stage, unsigned from, unsigned to, int64_t after_us)
{
	Pair *pair = stage_pair(stage, from, to);

	if (pair->up || pair->dialling || !may_dial(stage, from, to))
		return;
	pair->dialling = true;
	Event *event = stage_plan(stage, HAPPENS_DIAL, from, stage->now_us + after_us + 2 * stage_delay(stage));
	event->from = to;
	event->number = ++pair->number;
}

void
stage_dial_ends(ElectionStage *stage, const Event *event)
{
	unsigned a = event->to, b = event->from;
	Pair *pair = stage_pair(stage, a, b);

	if (!pair->dialling || pair->number != event->number)
		return;
	pair->dialling = false;
	if (stage->servers[a].election == NULL) {
		if (stage->servers[b].election && !g_queue_is_empty(&stage->ways[b][a].unsent))
			dial(stage, b, a, REDIAL_US);
		return;
	}
	if (!stage_reachable(stage, a, b)) {
		report_link(stage, a, b, PDK_PEER_LINK_DOWN, stage->now_us + DIAL_TIMEOUT_US);
		dial(stage, a, b, DIAL_TIMEOUT_US / 4);
		return;
	}
	if (stage->servers[b].election == NULL) {
		report_link(stage, a, b, PDK_PEER_LINK_REFUSED, stage->now_us);
		if (!g_queue_is_empty(&stage->ways[a][b].unsent))
			dial(stage, a, b, REDIAL_US);
		return;
	}
	pair->up = true;
	report_link(stage, a, b, PDK_PEER_LINK_UP, stage->now_us);
	report_link(stage, b, a, PDK_PEER_LINK_UP, stage->now_us);
	empty_queue(stage, a, b);
	empty_queue(stage, b, a);
}

/*
 * The connection breaks; each side that can hear of it does, and dials to see whether the other is still there. What was on its
 * way is lost.
 */
void
stage_disconnect(ElectionStage *stage, unsigned a, unsigned b)
{
	Pair *pair = stage_pair(stage, a, b);

	if (!pair->up)
		return;
	pair->up = false;
	pair->number++;
	g_queue_clear_full(&stage->ways[a][b].held, (GDestroyNotify)g_bytes_unref);
	g_queue_clear_full(&stage->ways[b][a].held, (GDestroyNotify)g_bytes_unref);
	int64_t at_us = stage->now_us + stage_delay(stage);
	if (!stage->ways[b][a].cut && stage->servers[a].election) {
		report_link(stage, a, b, PDK_PEER_LINK_DOWN, at_us);
		dial(stage, a, b, at_us - stage->now_us);
	}
	if (!stage->ways[a][b].cut && stage->servers[b].election) {
		report_link(stage, b, a, PDK_PEER_LINK_DOWN, at_us);
		dial(stage, b, a, at_us - stage->now_us);
	}
}

void
stage_post(ElectionStage *stage, unsigned from, unsigned to, GBytes *bytes)
{
	Way *way = &stage->ways[from][to];

	if (from == to) {
		way->busy_until_us = MAX(way->busy_until_us, stage->now_us) + 1;
		Event *event = stage_plan(stage, HAPPENS_MESSAGE, to, way->busy_until_us);
		event->from = from;
		event->bytes = g_bytes_ref(bytes);
		return;
	}
	if (stage_pair(stage, from, to)->up) {
		carry(stage, from, to, bytes);
		remember_last(way, bytes);
		return;
	}
	if (way->unsent.length >= stage->ops->queue_length)
		g_bytes_unref(g_queue_pop_head(&way->unsent));
	g_queue_push_tail(&way->unsent, g_bytes_ref(bytes));
	dial(stage, from, to, 0);
}

void
stage_way_clear(Way *way)
{
	g_queue_clear_full(&way->unsent, (GDestroyNotify)g_bytes_unref);
	g_queue_clear_full(&way->held, (GDestroyNotify)g_bytes_unref);
	g_clear_pointer(&way->last, g_bytes_unref);
	way->busy_until_us = 0;
}

void
election_stage_cut(ElectionStage *stage, int64_t from, int64_t to)
{
	stage_tell(stage, stage_index(stage, from), "no longer reaches %" G_GINT64_FORMAT, to);
	stage->ways[stage_index(stage, from)][stage_index(stage, to)].cut = true;
}

void
election_stage_isolate(ElectionStage *stage, int64_t sid)
{
	for (unsigned i = 0; i < stage->n; i++) {
		if (stage_sid(i) == sid)
			continue;
		election_stage_cut(stage, sid, stage_sid(i));
		election_stage_cut(stage, stage_sid(i), sid);
	}
}

void
election_stage_heal(ElectionStage *stage, int64_t from, int64_t to)
{
	unsigned a = stage_index(stage, from), b = stage_index(stage, to);
	Way *way = &stage->ways[a][b];

	if (!way->cut)
		return;
	stage_tell(stage, a, "reaches %" G_GINT64_FORMAT " again", to);
	way->cut = false;
	int64_t at_us = stage->now_us;
	for (GBytes *bytes = g_queue_pop_head(&way->held); bytes; bytes = g_queue_pop_head(&way->held)) {
		Event *event = stage_plan(stage, HAPPENS_MESSAGE, b, ++at_us);
		event->from = a;
		event->number = stage_pair(stage, a, b)->number;
		event->bytes = bytes;
	}
	way->busy_until_us = MAX(way->busy_until_us, at_us);
}

void
election_stage_heal_all(ElectionStage *stage)
{
	for (unsigned a = 0; a < stage->n; a++) {
		for (unsigned b = 0; b < stage->n; b++)
			election_stage_heal(stage, stage_sid(a), stage_sid(b));
	}
}

void
election_stage_reset(ElectionStage *stage, int64_t a, int64_t b)
{
	stage_tell(stage, stage_index(stage, a), "its connection to %" G_GINT64_FORMAT " is reset", b);
	stage_disconnect(stage, stage_index(stage, a), stage_index(stage, b));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a world tells: lines to stdout where that is wished, the last ones of everybody, and one number that says whether two runs
 * were the same. Changes when what is told does.
 */
#include "sim/world-private.h"

#include <stdio.h>

#define TAIL_USUAL 40
#define HASH_SEED UINT64_C(0xcbf29ce484222325)
#define HASH_PRIME UINT64_C(0x100000001b3)

void
sim_trace_init(Sim *sim)
{
	sim->trace_hash = HASH_SEED;
	for (unsigned i = 0; i < G_N_ELEMENTS(sim->tails); i++)
		g_queue_init(&sim->tails[i]);
}

void
sim_trace_clear(Sim *sim)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(sim->tails); i++)
		g_queue_clear_full(&sim->tails[i], g_free);
}

void
sim_note(Sim *sim, uint64_t what)
{
	uint64_t hash = (sim->trace_hash ^ what) * HASH_PRIME;
	sim->trace_hash = hash ^ hash >> 29;
}

void
sim_note_bytes(Sim *sim, const uint8_t *data, size_t length)
{
	sim_note(sim, length);
	for (; length >= 8; data += 8, length -= 8)
		sim_note(sim, pdk_load_u64(data));
	for (; length > 0; data++, length--)
		sim_note(sim, *data);
}

/* @of: a server's index, or MAX_SERVERS. */
static void
keep(Sim *sim, unsigned of, char *line)
{
	GQueue *tail = &sim->tails[of];
	g_queue_push_tail(tail, line);
	if (tail->length > (sim->params.tail ? sim->params.tail : TAIL_USUAL))
		g_free(g_queue_pop_head(tail));
}

static void
tell(Sim *sim, unsigned of, const char *who, const char *line)
{
	char *whole = g_strdup_printf("[%10.6f] %s %s", (double)sim->now_us / 1e6, who, line);
	sim_note_bytes(sim, (const uint8_t *)whole, strlen(whole));
	if (sim->params.trace)
		puts(whole);
	keep(sim, of, whole);
}

void
sim_tell(Sim *sim, const char *who, const char *line)
{
	tell(sim, MAX_SERVERS, who, line);
}

void
sim_tell_of(Node *node, const char *line)
{
	g_autofree char *who = g_strdup_printf("%" G_GINT64_FORMAT, node->sid);
	tell(node->sim, node->index, who, line);
}

char *
sim_tail(const Sim *sim)
{
	GString *text = g_string_new(NULL);
	for (unsigned i = 0; i < G_N_ELEMENTS(sim->tails); i++) {
		if (sim->tails[i].length > 0)
			g_string_append_printf(text, "the last of %s %u:\n", i < MAX_SERVERS ? "server" : "the world, after server",
					       i < MAX_SERVERS ? i + 1 : sim->n);
		for (const GList *at = sim->tails[i].head; at; at = at->next)
			g_string_append_printf(text, "  %s\n", (const char *)at->data);
	}
	return g_string_free(text, FALSE);
}

uint64_t
sim_trace_hash(const Sim *sim)
{
	return sim->trace_hash;
}

/* ---- failure ---- */

void
sim_fail(Sim *sim, const char *invariant, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	g_autofree char *line = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	sim_tell(sim, "!", line);
	if (sim->failure != NULL)
		return;
	sim->failure = g_strdup_printf("at %.6f s: %s: %s", (double)sim->now_us / 1e6, invariant, line);
	sim->invariant = invariant;
}

const char *
sim_failure(const Sim *sim)
{
	return sim->failure;
}

const char *
sim_invariant(const Sim *sim)
{
	return sim->invariant;
}

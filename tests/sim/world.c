/* SPDX-License-Identifier: Apache-2.0 */
/* What happens next, and who is there. Changes when the course of a world does. */
#include "replica/replica-private.h"
#include "sim/checks.h"

extern const PdkPlugin pdk_plugin_election_fle;
extern const PdkPlugin pdk_plugin_election_paxos;

int64_t
sim_now(const Sim *sim)
{
	return sim->now_us;
}

PdkRandom *
sim_random(Sim *sim)
{
	return &sim->random;
}

unsigned
sim_servers(const Sim *sim)
{
	return sim->n;
}

/* ---- what happens ---- */

static void
happen(Happening *happening)
{
	switch (happening->what) {
	case HAPPENS_TURN:
		if (happening->at_us >= happening->node->turn_at_us)
			sim_carry(happening->node);
		return;
	case HAPPENS_BYTES:
		sim_happen_bytes(happening);
		return;
	case HAPPENS_CLOSE:
		sim_happen_close(happening);
		return;
	case HAPPENS_DIAL:
		sim_happen_dial(happening);
		return;
	case HAPPENS_DIAL_ANSWER:
		sim_happen_dial_answer(happening);
		return;
	case HAPPENS_HOST:
		sim_host_news(happening);
		return;
	case HAPPENS_MEMBERS:
		sim_happen_members(happening);
		return;
	case HAPPENS_LATER:
		happening->fire(happening->data);
		return;
	}
}

/* Who is it that this happens to? */
static Node *
whose(const Happening *happening)
{
	return happening->node ? happening->node : happening->end ? happening->end->node : NULL;
}

/* Bytes and closes wait on a cut line, anything waits for a server that stands still. True: put back for later. */
static bool
postponed(Sim *sim, Happening *happening)
{
	Node *node = whose(happening);
	int64_t until = 0;
	if (node && node->paused_until_us > sim->now_us)
		until = node->paused_until_us;
	SimEnd *end = happening->what == HAPPENS_BYTES || happening->what == HAPPENS_CLOSE ? happening->end : NULL;
	if (end)
		until = MAX(until, sim_held_until(sim, end));
	if (until == 0)
		return false;
	sim_postpone(sim, happening, until);
	return true;
}

static bool
still_matters(Sim *sim, const Happening *happening)
{
	if (happening->what == HAPPENS_BYTES && sim_is_lost(sim, happening->end))
		return false;
	return happening->node == NULL || (happening->node->up && happening->node->life == happening->life);
}

/* Two runs in which this is the same at every step are the same. */
static void
note(Sim *sim, const Happening *happening)
{
	const Node *node = whose(happening);
	sim_note(sim, (uint64_t)sim->now_us << 8 | (uint64_t)happening->what << 5 | (node ? node->index : MAX_SERVERS));
	if (happening->what != HAPPENS_BYTES)
		return;
	size_t length;
	const uint8_t *data = g_bytes_get_data(happening->bytes, &length);
	sim_note_bytes(sim, data, length);
}

static void
next(Sim *sim)
{
	Happening *happening = sim_pop(sim);
	sim->now_us = MAX(sim->now_us, happening->at_us);
	if (still_matters(sim, happening)) {
		if (postponed(sim, happening))
			return;
		note(sim, happening);
		happen(happening);
	}
	sim_happening_free(happening);
}

bool
sim_run_until(Sim *sim, bool (*done)(Sim *sim, void *data), void *data, int64_t until_us)
{
	while (sim->failure == NULL && !done(sim, data)) {
		const Happening *first = sim_first(sim);
		if (first == NULL || first->at_us > until_us) {
			sim->now_us = until_us;
			return done(sim, data);
		}
		next(sim);
	}
	return sim->failure == NULL;
}

static bool
never(Sim *sim, void *data)
{
	(void)sim;
	(void)data;
	return false;
}

void
sim_run(Sim *sim, int64_t until_us)
{
	sim_run_until(sim, never, NULL, until_us);
}
/* ---- the world ---- */

void
sim_use_election(Sim *sim, const char *election)
{
	for (unsigned i = 0; i < sim->n; i++)
		g_assert(!sim->nodes[i].up);
	sim->election = strcmp(election, "paxos") == 0 ? &pdk_plugin_election_paxos : &pdk_plugin_election_fle;
}

const char *
sim_election(const Sim *sim)
{
	return sim->election->name;
}

Sim *
sim_new(const SimParams *params)
{
	Sim *sim = g_new0(Sim, 1);
	sim->params = *params;
	sim->random = pdk_random(params->seed);
	sim->n = params->voters + params->observers;
	g_assert_cmpuint(sim->n, <=, MAX_SERVERS);
	sim->heap = g_array_new(FALSE, FALSE, sizeof(Happening *));
	sim->leaders = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	sim->digests = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
	sim->all_ends = g_ptr_array_new_with_free_func(sim_end_free);
	sim_use_election(sim, params->election);
	sim->store_config = sim_store_config(params, &sim->two_dirs);
	sim_trace_init(sim);
	sim_wires_init(sim);
	for (unsigned i = 0; i < sim->n; i++) {
		sim->nodes[i] = (Node){.sim = sim, .index = i, .sid = i + 1};
		sim_disk_init(&sim->nodes[i].disk, "/data", sim->two_dirs ? "/log" : "/data");
		sim_clock_init(&sim->nodes[i]);
		sim_members_init(&sim->nodes[i]);
	}
	sim_checks_begin(sim);
	for (unsigned i = 0; i < sim->n && !params->idle; i++)
		sim_start(sim, i);
	return sim;
}

void
sim_free(Sim *sim)
{
	for (unsigned i = 0; i < sim->n; i++)
		sim_crash(sim, i);
	for (unsigned i = 0; i < sim->n; i++) {
		sim_disk_clear(&sim->nodes[i].disk);
		sim_members_clear(&sim->nodes[i]);
	}
	for (guint i = 0; i < sim->heap->len; i++)
		sim_happening_free(g_array_index(sim->heap, Happening *, i));
	g_array_unref(sim->heap);
	pdk_config_free(sim->store_config);
	sim_checks_end(sim);
	g_hash_table_unref(sim->leaders);
	g_hash_table_unref(sim->digests);
	g_ptr_array_unref(sim->all_ends);
	sim_said_clear(sim);
	sim_trace_clear(sim);
	g_free(sim->failure);
	g_free(sim);
}

void
sim_watch(Sim *sim, const SimWitness *witness)
{
	sim->witness = *witness;
}

uint32_t
sim_life(const Sim *sim, unsigned server)
{
	return sim->nodes[server].life;
}

SimUnusual
sim_settings(const Sim *sim)
{
	return sim->params.unusual;
}

bool
sim_is_up(const Sim *sim, unsigned server)
{
	return sim->nodes[server].up;
}

void
sim_pause(Sim *sim, unsigned server, int64_t until_us)
{
	/* Never shortened: what waits until then would be overtaken. */
	sim->nodes[server].paused_until_us = MAX(sim->nodes[server].paused_until_us, until_us);
}

const SimCounts *
sim_counts(const Sim *sim)
{
	return &sim->counts;
}

PdkServer *
sim_server(Sim *sim, unsigned server)
{
	return sim->nodes[server].server;
}

SimSync
sim_sync_of(const Sim *sim, unsigned server, unsigned *leader)
{
	const Node *node = &sim->nodes[server];
	const PdkReplica *replica = node->up ? node->server->replica : NULL;
	if (replica == NULL || replica->learning.stage < PDK_LEARNER_SYNC || replica->learning.stage >= PDK_LEARNER_LIVE)
		return SIM_SYNC_NONE;
	*leader = (unsigned)replica->learning.leader - 1;
	switch (replica->learning.stage) {
	case PDK_LEARNER_SYNC:
		return SIM_SYNC_AWAITED;
	case PDK_LEARNER_HISTORY:
	case PDK_LEARNER_NEWLEADER:
		return SIM_SYNC_HISTORY;
	case PDK_LEARNER_UPTODATE:
		return SIM_SYNC_ACKED;
	default:
		return SIM_SYNC_DISK;
	}
}

const char *
sim_mode(Sim *sim, unsigned server)
{
	PdkServerFacts facts;
	if (!sim->nodes[server].up)
		return "down";
	const PdkView *view = pdk_server_view(sim->nodes[server].server);
	view->facts(view->core, &facts);
	return facts.serving && !sim->nodes[server].server->read_only ? facts.mode : "looking";
}

int
sim_leader(const Sim *sim)
{
	int leader = -1;
	int64_t highest = -1;
	for (unsigned i = 0; i < sim->n; i++) {
		PdkServerFacts facts;
		PdkEnsembleFacts known = {.size = sizeof known};
		if (!sim->nodes[i].up)
			continue;
		const PdkView *view = pdk_server_view(sim->nodes[i].server);
		view->facts(view->core, &facts);
		view->ensemble(view->core, &known);
		if (!facts.serving || !known.leads || known.epoch <= highest)
			continue;
		leader = (int)i;
		highest = known.epoch;
	}
	return leader;
}

/* An epoch's beginning is the end of what was before. */
static bool
same_end(const Sim *sim, const PdkServer *a, const PdkServer *b)
{
	return sim_chain_end(sim->checks, a->applied_zxid) == sim_chain_end(sim->checks, b->applied_zxid);
}

bool
sim_agree(Sim *sim)
{
	const PdkServer *first = NULL;
	for (unsigned i = 0; i < sim->n; i++) {
		const PdkServer *server = sim->nodes[i].server;
		if (server == NULL)
			continue;
		if (first == NULL)
			first = server;
		if (!same_end(sim, server, first) || pdk_tree_digest(server->tree) != pdk_tree_digest(first->tree) ||
		    pdk_tree_node_count(server->tree) != pdk_tree_node_count(first->tree) ||
		    pdk_sessions_count(server->sessions) != pdk_sessions_count(first->sessions))
			return false;
	}
	return true;
}
void
sim_on_hush(Sim *sim, void (*hush)(void *context, int64_t until_us), void *context)
{
	sim->hush = hush;
	sim->hush_context = context;
}

void
sim_hush(Sim *sim, int64_t until_us)
{
	if (sim->hush)
		sim->hush(sim->hush_context, until_us);
}

void
sim_later(Sim *sim, int64_t at_us, void (*fire)(void *data), void *data)
{
	sim_push(sim, at_us, (Happening){.what = HAPPENS_LATER, .fire = fire, .data = data});
}

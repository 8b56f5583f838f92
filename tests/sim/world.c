/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/world-private.h"

#include <stdio.h>

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

void
sim_tell(Sim *sim, const char *who, const char *line)
{
	if (sim->params.trace)
		printf("[%9.3f] %s %s\n", (double)sim->now_us / 1e6, who, line);
}

void
sim_fail(Sim *sim, const char *invariant, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	g_autofree char *line = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	sim_tell(sim, "!", line);
	if (sim->failure)
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
/* ---- what happens ---- */

static void
happen_bytes(Happening *happening)
{
	SimEnd *end = happening->end;
	size_t length;
	const uint8_t *data = g_bytes_get_data(happening->bytes, &length);
	if (!sim_alive(end))
		return;
	if (end->paused) {
		g_queue_push_tail(&end->waiting, g_bytes_ref(happening->bytes));
		return;
	}
	if (end->node == NULL) {
		end->client.received(end->client.context, data, length);
		return;
	}
	PdkEvent event = {.kind = PDK_EVENT_RECEIVED, .link = end->link, .received = {data, length}};
	sim_step(end->node, &event);
	sim_carry(end->node);
}

static void
happen_close(Happening *happening)
{
	SimEnd *end = happening->end;
	if (!sim_alive(end))
		return;
	if (end->node == NULL) {
		end->open = false;
		end->client.closed(end->client.context);
		return;
	}
	sim_shut(end);
	PdkEvent event = {.kind = PDK_EVENT_CLOSED, .link = end->link};
	sim_step(end->node, &event);
	sim_carry(end->node);
}

static bool
is_cut(const Sim *sim, const Node *from, const Node *to)
{
	return from && to && sim->cut[from->index][to->index];
}

static void
accept(Node *node, SimEnd *end, PdkPurpose purpose, const char *address)
{
	PdkEvent event = {.kind = PDK_EVENT_ACCEPTED, .link = end->link};
	event.accepted.address = address;
	event.accepted.endpoint = address;
	event.accepted.purpose = purpose;
	sim_step(node, &event);
	if (node->effects->refused) {
		node->effects->refused = false;
		sim_shut(end);
	}
	sim_carry(node);
}

static void
happen_dial(Sim *sim, Happening *happening)
{
	Node *node = happening->node, *target = happening->target;
	/* A cut line: the dialler waits, and learns nothing until its time-out. */
	if (target == NULL || is_cut(sim, node, target) || is_cut(sim, target, node)) {
		sim_push(sim, sim->now_us + 5 * SIM_SECOND,
		     (Happening){.what = HAPPENS_DIAL_ANSWER, .node = node, .dial = happening->dial, .limit = 1});
		return;
	}
	if (!target->up || !target->listens[happening->purpose]) {
		sim_push(sim, sim->now_us + REFUSED_US, (Happening){.what = HAPPENS_DIAL_ANSWER, .node = node, .dial = happening->dial});
		return;
	}
	SimEnd *here = sim_end_new(sim, node), *there = sim_end_new(sim, target);
	here->other = there;
	there->other = here;
	g_autofree char *address = g_strdup_printf("/10.0.0.%u:9", node->index + 1);
	here->last_us = there->last_us = sim->now_us;
	sim_push(sim, sim_arrival(sim, here),
		 (Happening){.what = HAPPENS_DIAL_ANSWER, .node = node, .end = here, .dial = happening->dial});
	accept(target, there, happening->purpose, address);
}

static void
happen_dial_answer(Happening *happening)
{
	Node *node = happening->node;
	PdkEvent event = {.kind = PDK_EVENT_DIAL_FAILED};
	event.failed.dial = happening->dial;
	event.failed.refused = happening->limit == 0;
	event.failed.detail = happening->limit == 0 ? "connection refused" : "no answer";
	if (happening->end) {
		event = (PdkEvent){.kind = PDK_EVENT_DIALLED, .link = happening->end->link};
		event.dial = happening->dial;
	}
	sim_step(node, &event);
	sim_carry(node);
}

static void
happen(Sim *sim, Happening *happening)
{
	switch (happening->what) {
	case HAPPENS_TURN:
		if (happening->at_us >= happening->node->turn_at_us)
			sim_carry(happening->node);
		return;
	case HAPPENS_BYTES:
		happen_bytes(happening);
		return;
	case HAPPENS_CLOSE:
		happen_close(happening);
		return;
	case HAPPENS_DIAL:
		happen_dial(sim, happening);
		return;
	case HAPPENS_DIAL_ANSWER:
		happen_dial_answer(happening);
		return;
	case HAPPENS_DISK:
		sim_disk_work(happening);
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
	if (end && end->other && is_cut(sim, end->other->node, end->node))
		end->held_until_us = MAX(end->held_until_us, sim->now_us + 1) + 10 * SIM_MS;
	if (end)
		until = MAX(until, end->held_until_us > sim->now_us ? end->held_until_us : 0);
	if (until == 0)
		return false;
	sim_postpone(sim, happening, until);
	return true;
}

/* On a cut line, from one who is gone: nobody sends it again, and what is behind it never arrives. */
static bool
is_lost(const Sim *sim, const Happening *happening)
{
	SimEnd *end = happening->what == HAPPENS_BYTES ? happening->end : NULL;
	if (end && end->other && is_cut(sim, end->other->node, end->node) && !sim_alive(end->other))
		end->torn = true;
	return end && end->torn;
}

static bool
still_matters(const Sim *sim, const Happening *happening)
{
	if (is_lost(sim, happening))
		return false;
	return happening->node == NULL || (happening->node->up && happening->node->life == happening->life);
}

static void
next(Sim *sim)
{
	Happening *happening = sim_pop(sim);
	sim->now_us = MAX(sim->now_us, happening->at_us);
	if (still_matters(sim, happening)) {
		if (postponed(sim, happening))
			return;
		happen(sim, happening);
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

Sim *
sim_new(const SimParams *params)
{
	Sim *sim = g_new0(Sim, 1);
	sim->params = *params;
	sim->random = pdk_random(params->seed);
	sim->n = params->voters + params->observers;
	g_assert_cmpuint(sim->n, <=, MAX_SERVERS);
	sim->heap = g_array_new(FALSE, FALSE, sizeof(Happening *));
	sim->appended = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	sim->leaders = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	sim->digests = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
	sim->all_ends = g_ptr_array_new_with_free_func(sim_end_free);
	sim->election = strcmp(params->election, "paxos") == 0 ? &pdk_plugin_election_paxos : &pdk_plugin_election_fle;
	for (unsigned i = 0; i < sim->n; i++) {
		sim->nodes[i] = (Node){.sim = sim, .index = i, .sid = i + 1};
		sim_disk_init(&sim->nodes[i].disk);
	}
	for (unsigned i = 0; i < sim->n && !params->idle; i++)
		sim_start(sim, i);
	return sim;
}

void
sim_free(Sim *sim)
{
	for (unsigned i = 0; i < sim->n; i++) {
		sim_crash(sim, i);
		sim_disk_clear(&sim->nodes[i].disk);
	}
	for (guint i = 0; i < sim->heap->len; i++)
		sim_happening_free(g_array_index(sim->heap, Happening *, i));
	g_array_unref(sim->heap);
	g_hash_table_unref(sim->appended);
	g_hash_table_unref(sim->leaders);
	g_hash_table_unref(sim->digests);
	g_ptr_array_unref(sim->all_ends);
	g_free(sim->failure);
	g_free(sim);
}

void
sim_watch(Sim *sim, const SimWitness *witness)
{
	sim->witness = *witness;
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

void
sim_cut(Sim *sim, unsigned from, unsigned to)
{
	sim->cut[from][to] = true;
}

void
sim_heal(Sim *sim)
{
	memset(sim->cut, 0, sizeof sim->cut);
}

void
sim_slow_disk(Sim *sim, unsigned server, int64_t extra_us)
{
	sim->nodes[server].disk_extra_us = extra_us;
}

void
sim_stick_disk(Sim *sim, unsigned server, int64_t until_us)
{
	sim->nodes[server].disk_free_us = MAX(sim->nodes[server].disk_free_us, until_us);
}

const SimCounts *
sim_counts(const Sim *sim)
{
	return &sim->counts;
}

static int64_t
last_of_disk(const SimDisk *disk, unsigned n)
{
	int64_t log = n > 0 ? g_array_index(disk->txns, PdkLoggedTxn, n - 1).zxid : 0;
	int64_t snapshot =
		disk->snapshots->len > 0 ? g_array_index(disk->snapshots, SimSnapshot, disk->snapshots->len - 1).zxid : 0;
	return MAX(log, snapshot);
}

static int64_t
promised(const Node *node)
{
	GBytes *bytes = g_hash_table_lookup(node->disk.records, "acceptedEpoch");
	g_autofree char *text = bytes ? g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes)) : NULL;
	return text ? g_ascii_strtoll(text, NULL, 10) : -1;
}

bool
sim_may_wipe(Sim *sim, unsigned server)
{
	const Node *node = &sim->nodes[server];
	if (!node->up || server >= sim->params.voters)
		return server >= sim->params.voters;
	for (unsigned i = 0; i < sim->params.voters; i++) {
		const Node *other = &sim->nodes[i];
		bool serves = other->up && strcmp(sim_mode(sim, i), "looking") != 0;
		if (!serves || promised(other) != promised(node) ||
		    last_of_disk(&other->disk, other->disk.synced) < last_of_disk(&node->disk, node->disk.txns->len))
			return false;
	}
	return true;
}

static void
ignore_bytes(void *context, const uint8_t *data, size_t length)
{
	(void)context;
	(void)data;
	(void)length;
}

static void
ignore_end(void *context)
{
	(void)context;
}

void
sim_forsake(SimEnd *end)
{
	end->client = (SimClient){ignore_bytes, ignore_end, NULL};
}

static SimEnd *
connect_to(Sim *sim, Node *node, PdkPurpose purpose, const SimClient *client, const char *address)
{
	SimEnd *here = sim_end_new(sim, NULL), *there = sim_end_new(sim, node);
	here->client = *client;
	here->other = there;
	there->other = here;
	here->last_us = there->last_us = sim->now_us;
	accept(node, there, purpose, address);
	return here;
}

void
sim_storm(Sim *sim, unsigned server)
{
	Node *node = &sim->nodes[server];
	SimClient nobody = {ignore_bytes, ignore_end, NULL};
	for (unsigned i = 0; i < 20 && node->up && node->paused_until_us <= sim->now_us; i++) {
		PdkPurpose purpose = pdk_random_below(&sim->random, 2) ? PDK_PURPOSE_QUORUM : PDK_PURPOSE_ELECTION;
		if (!node->listens[purpose])
			continue;
		SimEnd *end = connect_to(sim, node, purpose, &nobody, "/10.9.9.9:9");
		uint64_t noise[4];
		for (unsigned k = 0; k < G_N_ELEMENTS(noise); k++)
			noise[k] = pdk_random_next(&sim->random) >> pdk_random_below(&sim->random, 64);
		sim_send(sim, end, noise, (size_t)pdk_random_below(&sim->random, sizeof noise + 1));
		if (pdk_random_below(&sim->random, 2))
			sim_shut(end);
	}
}

void
sim_reset(Sim *sim, unsigned a, unsigned b)
{
	Node *node = &sim->nodes[a];
	for (guint i = 0; node->up && i < node->ends->len; i++) {
		SimEnd *end = g_ptr_array_index(node->ends, i);
		if (end == NULL || end->other->node != &sim->nodes[b])
			continue;
		sim_push(sim, sim->now_us, (Happening){.what = HAPPENS_CLOSE, .end = end});
		sim_push(sim, sim->now_us, (Happening){.what = HAPPENS_CLOSE, .end = end->other});
	}
}

PdkServer *
sim_server(Sim *sim, unsigned server)
{
	return sim->nodes[server].server;
}

const char *
sim_mode(Sim *sim, unsigned server)
{
	PdkServerFacts facts;
	if (!sim->nodes[server].up)
		return "down";
	const PdkView *view = pdk_server_view(sim->nodes[server].server);
	view->facts(view->core, &facts);
	return facts.serving ? facts.mode : "looking";
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
		if (server->applied_zxid != first->applied_zxid || pdk_tree_digest(server->tree) != pdk_tree_digest(first->tree) ||
		    pdk_tree_node_count(server->tree) != pdk_tree_node_count(first->tree) ||
		    pdk_sessions_count(server->sessions) != pdk_sessions_count(first->sessions))
			return false;
	}
	return true;
}
/* ---- clients ---- */

SimEnd *
sim_connect(Sim *sim, unsigned server, const SimClient *client)
{
	Node *node = &sim->nodes[server];
	if (!node->up || node->paused_until_us > sim->now_us)
		return NULL;
	return connect_to(sim, node, PDK_PURPOSE_CLIENT, client, "10.1.0.1");
}

void
sim_send(Sim *sim, SimEnd *end, const void *data, size_t length)
{
	g_autoptr(GBytes) bytes = g_bytes_new(data, length);
	if (end->open)
		sim_send_to(sim, end->other, bytes);
}

void
sim_hang_up(Sim *sim, SimEnd *end)
{
	(void)sim;
	sim_shut(end);
}

void
sim_later(Sim *sim, int64_t at_us, void (*fire)(void *data), void *data)
{
	sim_push(sim, at_us, (Happening){.what = HAPPENS_LATER, .fire = fire, .data = data});
}

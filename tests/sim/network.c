/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections, and how long bytes are on their way, wait, or get lost with a connection. Changes when networks fail in another
 * way.
 */
#include "sim/quirks.h"

#define RESEND_US (200 * SIM_MS) /* TCP's first time-out; it doubles */
#define SAID_MAX 4096

/* ---- wires ---- */

static SimWire *
wire_between(Sim *sim, const Node *from, const Node *to)
{
	return &sim->wires[from ? from->index : MAX_SERVERS][to ? to->index : MAX_SERVERS];
}

bool
sim_is_cut(Sim *sim, const Node *from, const Node *to)
{
	return wire_between(sim, from, to)->cut;
}

void
sim_wires_init(Sim *sim)
{
	for (unsigned from = 0; from <= MAX_SERVERS; from++)
		for (unsigned to = 0; to <= MAX_SERVERS; to++)
			sim->wires[from][to] = (SimWire){.least_us = WIRE_MIN_US, .more_us = WIRE_MORE_US};
}

void
sim_latency(Sim *sim, unsigned from, unsigned to, int64_t least_us, int64_t more_us)
{
	sim->wires[from][to].least_us = least_us;
	sim->wires[from][to].more_us = more_us;
}

void
sim_cut(Sim *sim, unsigned from, unsigned to)
{
	sim->wires[from][to].cut = true;
}

void
sim_slow_wire(Sim *sim, unsigned from, unsigned to, int64_t extra_us)
{
	sim->wires[from][to].extra_us = extra_us;
}

void
sim_lossy_wire(Sim *sim, unsigned from, unsigned to, unsigned one_of)
{
	sim->wires[from][to].loses_one_of = one_of;
}

void
sim_heal(Sim *sim)
{
	for (unsigned from = 0; from <= MAX_SERVERS; from++)
		for (unsigned to = 0; to <= MAX_SERVERS; to++) {
			SimWire *wire = &sim->wires[from][to];
			*wire = (SimWire){.least_us = wire->least_us, .more_us = wire->more_us};
		}
}

static int64_t
wire_us(Sim *sim, const SimWire *wire)
{
	if (sim->params.steady)
		return STEADY_WIRE_US + wire->extra_us;
	int64_t us = wire->least_us + (int64_t)pdk_random_below(&sim->random, (uint64_t)wire->more_us + 1) + wire->extra_us;
	/* Lost and sent again: what is behind it waits, for the order stays. */
	if (wire->loses_one_of && pdk_random_below(&sim->random, wire->loses_one_of) == 0)
		us += RESEND_US << pdk_random_below(&sim->random, 4);
	return us;
}

int64_t
sim_arrival(Sim *sim, SimEnd *to)
{
	int64_t earliest = sim->now_us + wire_us(sim, wire_between(sim, to->other->node, to->node));
	to->last_us = MAX(to->last_us + 1, earliest);
	return to->last_us;
}

/* ---- ends ---- */

static void
give_slot(SimEnd *end)
{
	Node *node = end->node;
	guint at = 0;
	while (at < node->ends->len && g_ptr_array_index(node->ends, at) != NULL)
		at++;
	if (at == node->ends->len) {
		g_ptr_array_add(node->ends, NULL);
		g_array_set_size(node->generations, at + 1);
	}
	uint32_t generation = ++g_array_index(node->generations, uint32_t, at);
	node->ends->pdata[at] = end;
	end->link = (uint64_t)generation << 32 | at;
}

static SimEnd *
end_new(Sim *sim, Node *node)
{
	SimEnd *end = g_new0(SimEnd, 1);
	end->sim = sim;
	end->node = node;
	end->open = true;
	end->last_us = sim->now_us;
	g_queue_init(&end->waiting);
	g_ptr_array_add(sim->all_ends, end);
	if (node == NULL)
		return end;
	end->life = node->life;
	give_slot(end);
	return end;
}

/* The end at @from, which dialled or called. */
static SimEnd *
pair_new(Sim *sim, Node *from, Node *to)
{
	SimEnd *here = end_new(sim, from), *there = end_new(sim, to);
	here->other = there;
	there->other = here;
	return here;
}

SimEnd *
sim_end_find(const Node *node, PdkLink link)
{
	guint at = (guint)(link & 0xffffffff);
	SimEnd *end = at < node->ends->len ? g_ptr_array_index(node->ends, at) : NULL;
	return end && end->link == link ? end : NULL;
}

void
sim_end_free(void *data)
{
	SimEnd *end = data;
	g_queue_clear_full(&end->waiting, (GDestroyNotify)g_bytes_unref);
	g_clear_pointer(&end->said, g_byte_array_unref);
	g_clear_pointer(&end->speech, sim_speech_free);
	g_free(end);
}

bool
sim_alive(const SimEnd *end)
{
	return end->open && (end->node == NULL || (end->node->up && end->node->life == end->life));
}

void
sim_shut(SimEnd *end)
{
	if (!end->open)
		return;
	if (end->speech)
		sim_speech_flush(end->speech);
	end->open = false;
	if (end->node && end->node->life == end->life)
		end->node->ends->pdata[end->link & 0xffffffff] = NULL;
	if (end->other->open)
		sim_push(end->sim, sim_arrival(end->sim, end->other), (Happening){.what = HAPPENS_CLOSE, .end = end->other});
}

/* ---- sending ---- */

static void
push_bytes(SimEnd *to, GBytes *bytes, size_t from, size_t length)
{
	if (length > 0)
		sim_push(to->sim, sim_arrival(to->sim, to),
			 (Happening){.what = HAPPENS_BYTES, .end = to, .bytes = g_bytes_new_from_bytes(bytes, from, length)});
}

/* What a dialler says first in an election, for sim_say_again. */
static void
remember(const SimEnd *from, GBytes *bytes)
{
	if (from->said == NULL || from->said->len > SAID_MAX)
		return;
	size_t length;
	const void *data = g_bytes_get_data(bytes, &length);
	g_byte_array_append(from->said, data, (guint)length);
}

/* The beginning arrives, then both are told of the end. */
static void
break_off(SimEnd *to, GBytes *bytes)
{
	Sim *sim = to->sim;
	push_bytes(to, bytes, 0, pdk_random_below(&sim->random, g_bytes_get_size(bytes)));
	sim_push(sim, sim_arrival(sim, to), (Happening){.what = HAPPENS_CLOSE, .end = to});
	sim_push(sim, sim_arrival(sim, to->other), (Happening){.what = HAPPENS_CLOSE, .end = to->other});
	to->torn = true;
}

void
sim_send_to(Sim *sim, SimEnd *to, GBytes *bytes)
{
	size_t length = g_bytes_get_size(bytes), cut = 0;
	if (to->torn || length == 0)
		return;
	remember(to->other, bytes);
	if (to->breaks) {
		break_off(to, bytes);
		return;
	}
	if (!sim->params.steady && length > 1 && pdk_random_below(&sim->random, 16) == 0)
		cut = 1 + pdk_random_below(&sim->random, length - 1);
	push_bytes(to, bytes, 0, cut);
	push_bytes(to, bytes, cut, length - cut);
}

/* ---- arriving ---- */

static void
deliver(SimEnd *end, GBytes *bytes)
{
	size_t length;
	const uint8_t *data = g_bytes_get_data(bytes, &length);
	PdkEvent event = {.kind = PDK_EVENT_RECEIVED, .link = end->link, .received = {data, length}};
	if (end->speech)
		sim_speech_hears(end->speech, data, length);
	sim_step(end->node, &event);
}

void
sim_resume(SimEnd *end)
{
	end->paused = false;
	while (!end->paused && end->open && !g_queue_is_empty(&end->waiting)) {
		g_autoptr(GBytes) bytes = g_queue_pop_head(&end->waiting);
		deliver(end, bytes);
	}
}

void
sim_happen_bytes(Happening *happening)
{
	SimEnd *end = happening->end;
	if (!sim_alive(end))
		return;
	if (end->paused) {
		g_queue_push_tail(&end->waiting, g_bytes_ref(happening->bytes));
		return;
	}
	if (end->node == NULL) {
		size_t length;
		const uint8_t *data = g_bytes_get_data(happening->bytes, &length);
		end->client.received(end->client.context, data, length);
		return;
	}
	deliver(end, happening->bytes);
	sim_carry(end->node);
}

void
sim_happen_close(Happening *happening)
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
	if (!end->known)
		return;
	PdkEvent event = {.kind = PDK_EVENT_CLOSED, .link = end->link};
	sim_step(end->node, &event);
	sim_carry(end->node);
}

static void
accept(SimEnd *end, PdkPurpose purpose, const char *address)
{
	Node *node = end->node;
	end->purpose = purpose;
	PdkEvent event = {.kind = PDK_EVENT_ACCEPTED, .link = end->link};
	end->known = true;
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

SimEnd *
sim_call(Node *node, PdkPurpose purpose, const SimClient *client, const char *address)
{
	SimEnd *here = pair_new(node->sim, NULL, node);
	here->client = *client;
	accept(here->other, purpose, address);
	return here;
}

/* ---- dialling ---- */

static Node *
node_of_address(Sim *sim, const char *address)
{
	unsigned number = 0;
	if (!g_str_has_prefix(address, "10.0.0."))
		return NULL;
	number = (unsigned)g_ascii_strtoull(address + strlen("10.0.0."), NULL, 10);
	return number > 0 && number <= sim->n ? &sim->nodes[number - 1] : NULL;
}

void
sim_dial(Node *node, const PdkCommand *command)
{
	Sim *sim = node->sim;
	Node *target = node_of_address(sim, command->address);
	const char *port = strrchr(command->address, ':');
	bool master = port && g_ascii_strtoull(port + 1, NULL, 10) == SIM_OBSERVER_PORT;
	PdkPurpose purpose = master ? PDK_PURPOSE_OBSERVER : command->purpose;
	sim_push(sim, sim->now_us + wire_us(sim, wire_between(sim, node, target)),
		 (Happening){.what = HAPPENS_DIAL, .node = node, .target = target, .purpose = purpose, .dial = command->dial});
}

static void
answer_dial(const Happening *dial, int64_t after_us, bool refused)
{
	Sim *sim = dial->node->sim;
	sim_push(sim, sim->now_us + after_us,
		 (Happening){.what = HAPPENS_DIAL_ANSWER, .node = dial->node, .dial = dial->dial, .refused = refused});
}

static GByteArray *
said_anew(Sim *sim, const Node *from, const Node *to)
{
	SimSaid *said = &sim->said[from->index][to->index];
	g_clear_pointer(&said->before, g_byte_array_unref);
	said->before = g_steal_pointer(&said->last);
	said->last = g_byte_array_new();
	return said->last;
}

void
sim_said_clear(Sim *sim)
{
	for (unsigned from = 0; from < MAX_SERVERS; from++)
		for (unsigned to = 0; to < MAX_SERVERS; to++) {
			g_clear_pointer(&sim->said[from][to].last, g_byte_array_unref);
			g_clear_pointer(&sim->said[from][to].before, g_byte_array_unref);
		}
}

void
sim_happen_dial(Happening *happening)
{
	Node *node = happening->node, *target = happening->target;
	Sim *sim = node->sim;
	/* A cut line: the dialler waits, and learns nothing until its time-out. */
	if (target == NULL || sim_is_cut(sim, node, target) || sim_is_cut(sim, target, node)) {
		answer_dial(happening, 5 * SIM_SECOND, false);
		return;
	}
	if (!target->up || !target->listens[happening->purpose]) {
		answer_dial(happening, REFUSED_US, true);
		return;
	}
	SimEnd *here = pair_new(sim, node, target);
	g_autofree char *address = g_strdup_printf("/10.0.0.%u:9", node->index + 1);
	if (happening->purpose == PDK_PURPOSE_ELECTION)
		here->said = g_byte_array_ref(said_anew(sim, node, target));
	sim_check_connection(here, here->other, happening->purpose);
	sim_speech_open(here, happening->purpose, true);
	sim_speech_open(here->other, happening->purpose, false);
	sim_push(sim, sim_arrival(sim, here),
		 (Happening){.what = HAPPENS_DIAL_ANSWER, .node = node, .end = here, .dial = happening->dial});
	accept(here->other, happening->purpose, address);
}

void
sim_happen_dial_answer(Happening *happening)
{
	Node *node = happening->node;
	PdkEvent event = {.kind = PDK_EVENT_DIAL_FAILED};
	event.failed.dial = happening->dial;
	event.failed.refused = happening->refused;
	event.failed.detail = happening->refused ? "connection refused" : "no answer";
	/* It may be broken before it is known. */
	if (happening->end && happening->end->open) {
		happening->end->known = true;
		event = (PdkEvent){.kind = PDK_EVENT_DIALLED, .link = happening->end->link};
		event.dial = happening->dial;
	}
	sim_step(node, &event);
	sim_carry(node);
}

/* ---- waiting, and getting lost ---- */

int64_t
sim_held_until(Sim *sim, SimEnd *end)
{
	if (sim_is_cut(sim, end->other->node, end->node))
		end->held_until_us = MAX(end->held_until_us, sim->now_us + 1) + 10 * SIM_MS;
	return end->held_until_us > sim->now_us ? end->held_until_us : 0;
}

bool
sim_is_lost(Sim *sim, SimEnd *end)
{
	/* On a cut line, from one who is gone: nobody sends it again, and what is behind it never arrives. */
	if (sim_is_cut(sim, end->other->node, end->node) && !sim_alive(end->other))
		end->lost = true;
	return end->lost;
}

static void
each_between(Sim *sim, unsigned a, unsigned b, void (*act)(SimEnd *end, int64_t number), int64_t number)
{
	Node *node = &sim->nodes[a];
	for (guint i = 0; node->up && i < node->ends->len; i++) {
		SimEnd *end = g_ptr_array_index(node->ends, i);
		if (end && end->other->node == &sim->nodes[b])
			act(end, number);
	}
}

static void
reset(SimEnd *end, int64_t number)
{
	(void)number;
	sim_push(end->sim, end->sim->now_us, (Happening){.what = HAPPENS_CLOSE, .end = end});
	sim_push(end->sim, end->sim->now_us, (Happening){.what = HAPPENS_CLOSE, .end = end->other});
}

void
sim_reset(Sim *sim, unsigned a, unsigned b)
{
	each_between(sim, a, b, reset, 0);
}

static void
tear(SimEnd *end, int64_t number)
{
	(void)number;
	end->breaks = true;
}

void
sim_tear(Sim *sim, unsigned from, unsigned to)
{
	each_between(sim, to, from, tear, 0);
}

static void
stall(SimEnd *end, int64_t until_us)
{
	end->held_until_us = MAX(end->held_until_us, until_us);
	end->other->held_until_us = MAX(end->other->held_until_us, until_us);
}

void
sim_stall(Sim *sim, unsigned a, unsigned b, int64_t until_us)
{
	each_between(sim, a, b, stall, until_us);
}

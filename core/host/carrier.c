/* SPDX-License-Identifier: Apache-2.0 */
/* Changes when an effect is carried, or an event brought, in another way. */
#include "host/carrier.h"

#include "base/assert.h"
#include "host/depot.h"
#include <string.h>

#define REFRESH_US 1000000
/* Telling the server of unsent output may move it to pause connections, which is carried in a further round. */
#define MAX_ROUNDS 8

typedef struct {
	PdkCarrier *carrier;
	const PdkTransportOps *ops;
	PdkTransport *transport;
} Line;

typedef struct {
	PdkLink link;
	size_t unsent;
} Unsent;

/* What carrying a command showed at once; told when carrying is over. Strings are owned. */
typedef struct {
	PdkEvent event;
	char *text, *more;
} Finding;

struct PdkCarrier {
	PdkServer *server;
	PdkSettings *settings;
	PdkHostFacts *facts;
	PdkEffects *effects;
	PdkLinks links;
	GPtrArray *lines; /* Line */
	PdkDepot *depot;
	PdkMembership *membership; /* NULL: stand-alone */

	int64_t now_us, wall_ms; /* read once a burst */
	bool clock_fresh;
	int64_t refreshed_us;

	GArray *parts;	/* scratch of pdk_output_parts */
	GArray *unsent; /* Unsent: to be told after carrying */
	GArray *findings; /* Finding */

	bool mute; /* nobody was answered in the last turn, and no sync came back since */
	unsigned heard, heard_last; /* pieces of input in this turn and in the last one that had any */

	int64_t deadline_us;
	bool again, stopped;
	bool over;    /* links are forgotten: what plugins still say while they are stopped is not told any more */
	bool closing; /* the last phase: nobody is let in or called any more */
	char *fatal;
};

static void
refresh_facts(PdkCarrier *carrier)
{
	PdkPersistenceSizes sizes = {0};

	carrier->refreshed_us = carrier->now_us;
	if (!pdk_depot_sizes(carrier->depot, &sizes))
		return;
	carrier->facts->data_dir_bytes = sizes.data_bytes;
	carrier->facts->log_dir_bytes = sizes.log_bytes;
	for (PdkPair *pair = carrier->settings->conf; pair->key; pair++) {
		bool is_log = strcmp(pair->key, "dataLogSize") == 0;
		if (!is_log && strcmp(pair->key, "dataDirSize") != 0)
			continue;
		g_free(pair->value);
		pair->value = g_strdup_printf("%" G_GINT64_FORMAT, is_log ? sizes.log_bytes : sizes.data_bytes);
	}
}

static void
read_clock(PdkCarrier *carrier)
{
	carrier->now_us = g_get_monotonic_time();
	carrier->wall_ms = g_get_real_time() / 1000;
	carrier->clock_fresh = true;
	if (carrier->now_us - carrier->refreshed_us >= REFRESH_US)
		refresh_facts(carrier);
}

static void
step(PdkCarrier *carrier, PdkEvent *event)
{
	if (carrier->over)
		return;
	if (!carrier->clock_fresh)
		read_clock(carrier);
	event->now_us = carrier->now_us;
	event->wall_ms = carrier->wall_ms;
	pdk_server_step(carrier->server, event, carrier->effects);
}

/* What transports report. */

static PdkLink
on_accepted(void *context, PdkTransport *self, PdkConn conn, PdkPurpose purpose)
{
	Line *line = context;
	PdkCarrier *carrier = line->carrier;

	if (carrier->fatal || carrier->closing)
		return 0;
	PdkLink link = pdk_links_add(&carrier->links, line->ops, self, conn, purpose);
	PdkEvent event = {.kind = PDK_EVENT_ACCEPTED, .link = link};
	event.accepted.purpose = purpose;
	event.accepted.address = line->ops->peer(self, conn, PDK_PEER_ADDRESS);
	event.accepted.endpoint = line->ops->peer(self, conn, PDK_PEER_ENDPOINT);
	event.accepted.certificate = line->ops->peer(self, conn, PDK_PEER_CERTIFICATE);
	event.accepted.secure = line->ops->peer(self, conn, PDK_PEER_SECURE) != NULL;
	step(carrier, &event);
	/* It may be an operator with a word that shows them. */
	refresh_facts(carrier);
	bool refused = carrier->effects->refused;
	carrier->effects->refused = false;
	if (refused) {
		pdk_links_remove(&carrier->links, link);
		return 0;
	}
	carrier->facts->open_files++;
	return link;
}

static void
on_dialled(void *context, PdkLink link)
{
	PdkCarrier *carrier = ((Line *)context)->carrier;
	PdkLinkSlot *slot = pdk_links_find(&carrier->links, link);

	if (carrier->fatal || slot == NULL)
		return;
	PdkEvent event = {.kind = PDK_EVENT_DIALLED, .link = link, .dial = slot->dial};
	slot->dialling = false;
	step(carrier, &event);
}

static void
on_received(void *context, PdkLink link, const uint8_t *data, size_t length)
{
	PdkCarrier *carrier = ((Line *)context)->carrier;

	if (carrier->fatal)
		return;
	carrier->heard++;
	PdkEvent event = {.kind = PDK_EVENT_RECEIVED, .link = link, .received = {data, length}};
	step(carrier, &event);
}

static void
tell_unsent(PdkCarrier *carrier, PdkLink link, size_t unsent)
{
	PdkLinkSlot *slot = pdk_links_find(&carrier->links, link);
	PdkEvent event = {.kind = PDK_EVENT_UNSENT, .link = link, .unsent = unsent};

	if (slot == NULL)
		return;
	slot->told_unsent = unsent > 0;
	step(carrier, &event);
}

static void
on_drained(void *context, PdkLink link, size_t unsent)
{
	PdkCarrier *carrier = ((Line *)context)->carrier;

	if (!carrier->fatal)
		tell_unsent(carrier, link, unsent);
}

static void
on_closed(void *context, PdkLink link, PdkClosedReason reason, const char *detail)
{
	PdkCarrier *carrier = ((Line *)context)->carrier;
	PdkLinkSlot *slot = pdk_links_find(&carrier->links, link);
	PdkEvent event = {.kind = PDK_EVENT_CLOSED, .link = link};

	if (carrier->fatal || slot == NULL)
		return;
	if (slot->dialling) {
		event = (PdkEvent){.kind = PDK_EVENT_DIAL_FAILED};
		event.failed.dial = slot->dial;
		event.failed.refused = reason == PDK_CLOSED_REFUSED;
		event.failed.detail = detail ? detail : "closed";
	}
	step(carrier, &event);
	pdk_links_remove(&carrier->links, link);
	carrier->facts->open_files--;
}

static void
on_turn(void *context)
{
	pdk_carrier_turn(((Line *)context)->carrier);
}

static const PdkTransportEvents transport_events = {
	.size = sizeof(PdkTransportEvents),
	.accepted = on_accepted,
	.dialled = on_dialled,
	.received = on_received,
	.drained = on_drained,
	.closed = on_closed,
	.turn = on_turn,
};

/* What persistence reports. The loop says `turn` after each batch of these. */

static void
on_depot_event(void *context, PdkEvent *event)
{
	PdkCarrier *carrier = context;

	if (event->kind == PDK_EVENT_SYNCED)
		carrier->mute = false;
	if (carrier->fatal == NULL)
		step(carrier, event);
}

static void
on_depot_failed(void *context, char *line)
{
	PdkCarrier *carrier = context;

	if (carrier->fatal == NULL)
		carrier->fatal = line;
	else
		g_free(line);
}

static void
finding_clear(void *data)
{
	Finding *finding = data;

	g_free(finding->text);
	g_free(finding->more);
}

/* To be told when carrying is over; takes the texts over. */
static void
find(PdkCarrier *carrier, const PdkEvent *event, char *text, char *more)
{
	Finding finding = {*event, text, more};

	g_array_append_val(carrier->findings, finding);
}

PdkCarrier *
pdk_carrier_new(PdkServer *server, PdkSettings *settings, PdkHostFacts *facts)
{
	PdkCarrier *carrier = g_new0(PdkCarrier, 1);

	carrier->server = server;
	carrier->depot = pdk_depot_new(server, &(PdkDepotHooks){on_depot_event, on_depot_failed, carrier});
	carrier->settings = settings;
	carrier->facts = facts;
	carrier->effects = pdk_effects_new();
	pdk_links_init(&carrier->links);
	carrier->lines = g_ptr_array_new_with_free_func(g_free);
	carrier->parts = g_array_new(FALSE, FALSE, sizeof(PdkPart));
	carrier->unsent = g_array_new(FALSE, FALSE, sizeof(Unsent));
	carrier->findings = g_array_new(FALSE, FALSE, sizeof(Finding));
	g_array_set_clear_func(carrier->findings, finding_clear);
	carrier->deadline_us = INT64_MAX;
	return carrier;
}

void
pdk_carrier_free(PdkCarrier *carrier)
{
	if (carrier == NULL)
		return;
	pdk_depot_free(carrier->depot);
	pdk_effects_free(carrier->effects);
	pdk_links_clear(&carrier->links);
	g_ptr_array_unref(carrier->lines);
	g_array_free(carrier->parts, TRUE);
	g_array_free(carrier->unsent, TRUE);
	g_array_free(carrier->findings, TRUE);
	g_free(carrier->fatal);
	g_free(carrier);
}

bool
pdk_carrier_recover(PdkCarrier *carrier, const PdkPersistenceOps *ops, PdkPersistence *persistence,
		    PdkRecovered *recovered, GError **error)
{
	return pdk_depot_recover(carrier->depot, ops, persistence, recovered, error);
}

void
pdk_carrier_begin(PdkCarrier *carrier, PdkMembership *membership)
{
	carrier->membership = membership;
	read_clock(carrier);
	refresh_facts(carrier);
	pdk_server_begin(carrier->server, carrier->now_us, carrier->wall_ms, pdk_depot_can_snapshot(carrier->depot),
			 carrier->effects);
	carrier->again = true;
}

void
pdk_carrier_add_transport(PdkCarrier *carrier, const PdkTransportOps *ops, PdkTransport *transport)
{
	Line *line = g_new(Line, 1);

	*line = (Line){carrier, ops, transport};
	g_ptr_array_add(carrier->lines, line);
	ops->start(transport, &transport_events, line);
}

/* Carrying. */

static void
carry_outputs(PdkCarrier *carrier)
{
	PdkEffects *effects = carrier->effects;

	for (unsigned i = 0; i < effects->n_outputs; i++) {
		PdkOutput *output = &effects->outputs[i];
		PdkLinkSlot *slot = pdk_links_find(&carrier->links, output->link);
		if (slot == NULL || pdk_output_length(output) == 0)
			continue;
		size_t unsent;
		if (output->n_blocks == 0) {
			PdkPart part = {output->bytes.data, output->bytes.length, NULL};
			unsent = slot->ops->send(slot->transport, slot->conn, &part, 1);
		} else {
			unsigned n;
			const PdkPart *parts = pdk_output_parts(output, carrier->parts, &n);
			unsent = slot->ops->send(slot->transport, slot->conn, parts, n);
		}
		if (unsent > 0 || slot->told_unsent) {
			Unsent told = {output->link, unsent};
			g_array_append_val(carrier->unsent, told);
		}
	}
}

static void
carry_link_command(PdkCarrier *carrier, const PdkCommand *command)
{
	PdkLinkSlot *slot = pdk_links_find(&carrier->links, command->link);

	if (slot == NULL)
		return;
	if (command->type == PDK_COMMAND_PAUSE)
		slot->ops->pause(slot->transport, slot->conn);
	else if (command->type == PDK_COMMAND_RESUME)
		slot->ops->resume(slot->transport, slot->conn);
	else
		slot->ops->close(slot->transport, slot->conn,
				 command->type == PDK_COMMAND_CLOSE ? PDK_CLOSE_NOW : PDK_CLOSE_FLUSHED);
}

/* The first transport that can reach peers; NULL: none. */
static Line *
peer_line(const PdkCarrier *carrier)
{
	for (unsigned i = 0; i < carrier->lines->len; i++) {
		Line *line = g_ptr_array_index(carrier->lines, i);
		if (PDK_HAS(line->ops, dial))
			return line;
	}
	return NULL;
}

static void
carry_dial(PdkCarrier *carrier, const PdkCommand *command)
{
	Line *line = peer_line(carrier);
	PdkEvent event = {.kind = PDK_EVENT_DIAL_FAILED};

	if (line == NULL || carrier->closing) {
		event.failed.dial = command->dial;
		find(carrier, &event, g_strdup(line ? "this server is stopping" : "no transport can dial"), NULL);
		return;
	}
	PdkLink link = pdk_links_add(&carrier->links, line->ops, line->transport, 0, command->purpose);
	pdk_links_find(&carrier->links, link)->dialling = true;
	pdk_links_find(&carrier->links, link)->dial = command->dial;
	PdkConn conn = line->ops->dial(line->transport, command->purpose, command->address, command->timeout_ms, link);
	pdk_links_find(&carrier->links, link)->conn = conn;
	carrier->facts->open_files++;
}

static void
carry_listen(PdkCarrier *carrier, const PdkCommand *command)
{
	Line *line = peer_line(carrier);
	g_autoptr(GError) error = NULL;
	PdkEvent event = {.kind = PDK_EVENT_LISTENING};
	char *bound = NULL;

	event.listening.purpose = command->purpose;
	if (line)
		bound = line->ops->listen(line->transport, command->purpose, command->address, 0, &error);
	find(carrier, &event, bound, bound ? NULL : g_strdup(error ? error->message : "no transport serves peers"));
}

static void
carry_unlisten(PdkCarrier *carrier, PdkPurpose purpose)
{
	for (unsigned i = 0; i < carrier->lines->len; i++) {
		Line *line = g_ptr_array_index(carrier->lines, i);
		if (PDK_HAS(line->ops, stop_listening_for))
			line->ops->stop_listening_for(line->transport, purpose);
	}
}

static void
carry_command(PdkCarrier *carrier, const PdkCommand *command)
{
	if (pdk_depot_carry(carrier->depot, command)) {
		/* Reading everything anew takes its time. */
		if (command->type == PDK_COMMAND_RELOAD)
			carrier->clock_fresh = false;
		return;
	}
	switch (command->type) {
	case PDK_COMMAND_DIAL:
		carry_dial(carrier, command);
		return;
	case PDK_COMMAND_LISTEN:
		carry_listen(carrier, command);
		return;
	case PDK_COMMAND_UNLISTEN:
		carry_unlisten(carrier, command->purpose);
		return;
	case PDK_COMMAND_MEMBERS:
		return;
	default:
		carry_link_command(carrier, command);
		return;
	}
}

/* They are on their way to the disk before the txns that tell of them: who acks one knows its list after a crash, too. */
static void
keep_members(PdkCarrier *carrier)
{
	for (unsigned i = 0; i < carrier->effects->n_commands; i++) {
		const PdkCommand *command = &carrier->effects->commands[i];
		if (command->type == PDK_COMMAND_MEMBERS)
			pdk_membership_change(carrier->membership, command->key, command->part);
	}
}

static void
note_wishes(PdkCarrier *carrier)
{
	PdkEffects *effects = carrier->effects;

	carrier->deadline_us = MIN(carrier->deadline_us, effects->deadline_us);
	carrier->again = carrier->again || effects->again;
	carrier->stopped = carrier->stopped || effects->stopped;
	if (effects->fatal && carrier->fatal == NULL)
		carrier->fatal = g_strdup(effects->fatal);
}

/* Puts the texts where the event of this kind wants them. */
static void
tell_finding(PdkCarrier *carrier, const Finding *finding)
{
	PdkEvent event = finding->event;

	if (event.kind == PDK_EVENT_DIAL_FAILED) {
		event.failed.detail = finding->text;
	} else {
		event.listening.bound = finding->text;
		event.listening.failure = finding->more;
	}
	step(carrier, &event);
}

/* What carrying showed, as events; true: there were some, and their effects are to be carried, too. */
static bool
tell_findings(PdkCarrier *carrier)
{
	bool told = carrier->unsent->len > 0 || carrier->findings->len > 0;

	for (unsigned i = 0; i < carrier->unsent->len; i++) {
		Unsent *unsent = &g_array_index(carrier->unsent, Unsent, i);
		tell_unsent(carrier, unsent->link, unsent->unsent);
	}
	g_array_set_size(carrier->unsent, 0);
	told |= pdk_depot_tell(carrier->depot);
	for (unsigned i = 0; i < carrier->findings->len; i++)
		tell_finding(carrier, &g_array_index(carrier->findings, Finding, i));
	g_array_set_size(carrier->findings, 0);
	return told;
}

/* True: a further round is wanted. */
static bool
carry(PdkCarrier *carrier)
{
	note_wishes(carrier);
	if (carrier->fatal)
		return false;
	carrier->mute = carrier->effects->n_outputs == 0;
	keep_members(carrier);
	pdk_depot_append(carrier->depot, carrier->effects);
	carry_outputs(carrier);
	for (unsigned i = 0; i < carrier->effects->n_commands; i++)
		carry_command(carrier, &carrier->effects->commands[i]);
	pdk_effects_reset(carrier->effects);
	return carrier->fatal == NULL && tell_findings(carrier);
}

void
pdk_carrier_turn(PdkCarrier *carrier)
{
	PdkEvent event = {.kind = PDK_EVENT_TURN};
	unsigned round = 0;

	if (carrier->fatal)
		return;
	read_clock(carrier);
	if (carrier->heard > 0)
		carrier->heard_last = carrier->heard;
	carrier->heard = 0;
	carrier->deadline_us = INT64_MAX;
	carrier->again = false;
	step(carrier, &event);
	while (carry(carrier))
		if (++round == MAX_ROUNDS) {
			carrier->again = true;
			break;
		}
	carrier->clock_fresh = false;
}

int64_t
pdk_carrier_deadline_us(const PdkCarrier *carrier)
{
	return carrier->fatal ? INT64_MAX : carrier->again ? INT64_MIN : carrier->deadline_us;
}

bool
pdk_carrier_awaits_log(const PdkCarrier *carrier)
{
	/* Peers that vote and acknowledge are never kept waiting. */
	return carrier->membership == NULL && carrier->mute && !carrier->again && carrier->heard_last > 0 &&
	       pdk_depot_is_behind(carrier->depot);
}

bool
pdk_carrier_has_one_peer(const PdkCarrier *carrier)
{
	return carrier->membership == NULL && carrier->heard_last == 1 && !pdk_depot_is_behind(carrier->depot);
}

static void
stop_listening(PdkCarrier *carrier)
{
	for (unsigned i = 0; i < carrier->lines->len; i++) {
		Line *line = g_ptr_array_index(carrier->lines, i);
		if (PDK_HAS(line->ops, stop_listening))
			line->ops->stop_listening(line->transport);
	}
}

void
pdk_carrier_stop(PdkCarrier *carrier)
{
	PdkEvent event = {.kind = PDK_EVENT_STOP};
	uint32_t cursor = 0;

	/* What is proposed becomes durable with the help of peers: they stay. */
	if (carrier->membership)
		carry_unlisten(carrier, PDK_PURPOSE_CLIENT);
	else
		stop_listening(carrier);
	for (PdkLink link = pdk_links_next(&carrier->links, &cursor); link != 0;
	     link = pdk_links_next(&carrier->links, &cursor)) {
		PdkLinkSlot *slot = pdk_links_find(&carrier->links, link);
		if (slot->purpose == PDK_PURPOSE_CLIENT)
			slot->ops->pause(slot->transport, slot->conn);
	}
	step(carrier, &event);
	pdk_carrier_turn(carrier);
}

bool
pdk_carrier_stopped(const PdkCarrier *carrier)
{
	return carrier->stopped;
}

void
pdk_carrier_close_all(PdkCarrier *carrier)
{
	uint32_t cursor = 0;

	carrier->closing = true;
	stop_listening(carrier);
	for (PdkLink link = pdk_links_next(&carrier->links, &cursor); link != 0;
	     link = pdk_links_next(&carrier->links, &cursor)) {
		PdkLinkSlot *slot = pdk_links_find(&carrier->links, link);
		slot->ops->close(slot->transport, slot->conn, slot->dialling ? PDK_CLOSE_NOW : PDK_CLOSE_FLUSHED);
	}
}

unsigned
pdk_carrier_live(const PdkCarrier *carrier)
{
	return carrier->links.live;
}

void
pdk_carrier_forget_links(PdkCarrier *carrier)
{
	uint32_t cursor = 0;

	for (PdkLink link = pdk_links_next(&carrier->links, &cursor); link != 0;
	     link = pdk_links_next(&carrier->links, &cursor)) {
		PdkEvent event = {.kind = PDK_EVENT_CLOSED, .link = link};
		bool known = !pdk_links_find(&carrier->links, link)->dialling;
		pdk_links_remove(&carrier->links, link);
		if (known)
			step(carrier, &event);
	}
	pdk_effects_reset(carrier->effects);
	carrier->over = true;
}

const char *
pdk_carrier_fatal(const PdkCarrier *carrier)
{
	return carrier->fatal;
}

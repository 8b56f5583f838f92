/* SPDX-License-Identifier: Apache-2.0 */
/* What a server met and did, as items of lines; changes when another thing is told of. */
#include "golden/teller.h"

#include "golden/line.h"
#include "sim/world-private.h"

#include <inttypes.h>
#include <stdio.h>

typedef struct {
	PdkPurpose purpose;
	unsigned peer; /* sid */
	Stream *in, *out;
} Link;

/* What is known of a server: where it was when it was last told of. */
typedef struct {
	GHashTable *links;   /* PdkLink -> Link */
	GHashTable *dials;   /* dial -> Link */
	GHashTable *records; /* key -> words of what was asked to be kept */
	PdkPeerState role;
	bool serving;
	int64_t applied, synced;
} Known;

struct Teller {
	Sim *sim;
	unsigned topics;
	int64_t zero_us;
	GString *story;
	Known known[MAX_SERVERS];
	/* The line in the making. */
	bool open;
	unsigned server;
	int64_t at_us;
	GPtrArray *lefts, *rights; /* sides of the line */
	/* While bytes are being cut. */
	GPtrArray *side;
	const Link *link;
	/* What is waited for. */
	unsigned awaited_server;
	char *awaited;
	bool met;
};

/* ---- lines ---- */

static void
add_peer(Teller *teller, GPtrArray *side, unsigned topic, const char *preposition, unsigned peer, const char *text)
{
	if (teller->awaited && teller->server == teller->awaited_server && strstr(text, teller->awaited))
		teller->met = true;
	line_add(side, side == teller->rights, &(LineItem){.text = text, .preposition = preposition, .peer = peer, .topic = topic});
}

static void add(Teller *teller, GPtrArray *side, unsigned topic, const char *format, ...) G_GNUC_PRINTF(4, 5);

static void
add(Teller *teller, GPtrArray *side, unsigned topic, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	g_autofree char *text = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	add_peer(teller, side, topic, NULL, 0, text);
}

/* ---- what a server became ---- */

static void
say_role(Teller *teller, const PdkReplica *replica, Known *known)
{
	PdkReplicaFacts facts;
	pdk_replica_facts(replica, &facts);
	if (facts.role != known->role) {
		if (facts.role == PDK_PEER_LOOKING)
			add(teller, teller->rights, TOPIC_STATE, "looks for a leader");
		else if (facts.role == PDK_PEER_LEADING)
			add(teller, teller->rights, TOPIC_STATE, "leads");
		else
			add(teller, teller->rights, TOPIC_STATE, "%s %" PRId64,
			    facts.role == PDK_PEER_FOLLOWING ? "follows" : "observes", facts.leader);
	}
	if (facts.serving && !known->serving)
		add(teller, teller->rights, TOPIC_STATE, "serves in epoch %" PRId64, facts.epoch);
	known->role = facts.role;
	known->serving = facts.serving;
}

static void
say_state(Teller *teller)
{
	const PdkServer *server = sim_server(teller->sim, teller->server);
	Known *known = &teller->known[teller->server];
	if (server == NULL)
		return;
	if (server->replica)
		say_role(teller, server->replica, known);
	if (server->applied_zxid != known->applied) {
		g_autofree char *zxid = words_zxid(server->applied_zxid);
		add(teller, teller->rights, TOPIC_STATE, "tree at %s", zxid);
	}
	known->applied = server->applied_zxid;
}

static void
end_line(Teller *teller)
{
	teller->open = false;
	g_autoptr(GPtrArray) lefts = line_select(teller->lefts, teller->topics);
	g_autoptr(GPtrArray) rights = line_select(teller->rights, teller->topics);
	if (rights->len > 0) {
		/* What came of it is told, so what it was is, too. */
		g_ptr_array_unref(lefts);
		lefts = g_ptr_array_ref(teller->lefts);
	}
	if (lefts->len + rights->len > 0)
		line_put(teller->story, (double)(teller->at_us - teller->zero_us) / 1000, teller->server + 1, lefts, rights);
	g_ptr_array_set_size(teller->lefts, 0);
	g_ptr_array_set_size(teller->rights, 0);
}

/* Who was told of did all it wanted to. */
static void
flush(Teller *teller)
{
	if (!teller->open)
		return;
	say_state(teller);
	end_line(teller);
}

/* A turn goes on with what reached the server just before. */
static void
open_line(Teller *teller, unsigned server, bool turn)
{
	if (teller->open && turn && teller->server == server && teller->at_us == sim_now(teller->sim))
		return;
	flush(teller);
	teller->open = true;
	teller->server = server;
	teller->at_us = sim_now(teller->sim);
	if (turn)
		add(teller, teller->lefts, 0, "it is time");
}

/* ---- what reaches a server ---- */

static void
link_free(void *data)
{
	Link *link = data;
	stream_free(link->in);
	stream_free(link->out);
	g_free(link);
}

static Link *
link_new(PdkPurpose purpose, unsigned peer, bool dialled)
{
	Link *link = g_new0(Link, 1);
	link->purpose = purpose;
	link->peer = peer;
	link->in = stream_new(purpose, !dialled);
	link->out = stream_new(purpose, dialled);
	return link;
}

static void
take_link(Known *known, PdkLink number, Link *link)
{
	g_hash_table_replace(known->links, g_memdup2(&number, sizeof number), link);
}

static unsigned
sid_of_address(const char *address)
{
	unsigned sid = 0;
	if (sscanf(address, "/10.0.0.%u", &sid) != 1 && sscanf(address, "10.0.0.%u", &sid) != 1)
		return 0;
	return sid;
}

static void
told_in(void *context, const char *text, unsigned topic)
{
	Teller *teller = context;
	add_peer(teller, teller->lefts, topic, "from", teller->link->peer, text);
}

static void
told_out(void *context, const char *text, unsigned topic)
{
	Teller *teller = context;
	add_peer(teller, teller->rights, topic, "to", teller->link->peer, text);
}

static void
on_received(Teller *teller, Known *known, const PdkEvent *event)
{
	Link *link = g_hash_table_lookup(known->links, &event->link);
	teller->link = link;
	if (link && link->in)
		stream_take(link->in, event->received.data, event->received.length, told_in, teller);
	else
		add(teller, teller->lefts, 0, "a client asks");
}

static void
on_dialled(Teller *teller, Known *known, const PdkEvent *event)
{
	void *key, *link;
	if (!g_hash_table_steal_extended(known->dials, GUINT_TO_POINTER(event->dial), &key, &link))
		return;
	add(teller, teller->lefts, 0, "%u takes the connection", ((const Link *)link)->peer);
	take_link(known, event->link, link);
}

static void
on_accepted(Teller *teller, Known *known, const PdkEvent *event)
{
	unsigned peer = sid_of_address(event->accepted.address);
	take_link(known, event->link, link_new(event->accepted.purpose, peer, false));
	if (peer)
		add(teller, teller->lefts, 0, "%u connects", peer);
}

static void
on_dial_failed(Teller *teller, Known *known, const PdkEvent *event)
{
	const Link *link = g_hash_table_lookup(known->dials, GUINT_TO_POINTER(event->failed.dial));
	if (link)
		add(teller, teller->lefts, 0, "%u is not there", link->peer);
	g_hash_table_remove(known->dials, GUINT_TO_POINTER(event->failed.dial));
}

static void
on_closed(Teller *teller, Known *known, PdkLink number)
{
	const Link *link = g_hash_table_lookup(known->links, &number);
	if (link && link->purpose == PDK_PURPOSE_QUORUM)
		add(teller, teller->lefts, TOPIC_LINKS, "connection with %u ends", link->peer);
	g_hash_table_remove(known->links, &number);
}

static void
on_saved(Teller *teller, Known *known, const char *key)
{
	const char *words = g_hash_table_lookup(known->records, key);
	add(teller, teller->lefts, strstr(key, "Epoch") ? TOPIC_DISCOVERY : TOPIC_ELECTION, "%s is durable", words ? words : key);
}

static void
on_disk(Teller *teller, Known *known, const PdkEvent *event)
{
	g_autofree char *zxid = words_zxid(event->zxid);
	switch (event->kind) {
	case PDK_EVENT_SYNCED:
		if (event->zxid > known->synced)
			add(teller, teller->lefts, TOPIC_BROADCAST, "log is durable to %s", zxid);
		known->synced = event->zxid;
		return;
	case PDK_EVENT_TRUNCATED:
		add(teller, teller->lefts, TOPIC_SYNC, "log is cut behind %s, durably", zxid);
		return;
	case PDK_EVENT_RELOADED:
		add(teller, teller->lefts, TOPIC_SYNC, "the disk was read again, log to %s", zxid);
		return;
	case PDK_EVENT_SNAPSHOT_DONE:
		add(teller, teller->lefts, TOPIC_SYNC, "snapshot %s is durable", zxid);
		return;
	case PDK_EVENT_LOG_READ:
		add(teller, teller->lefts, TOPIC_SYNC, "%zu txns were read from the log", event->log_read.n);
		return;
	default:
		return;
	}
}

static void
watch_event(void *context, unsigned server, const PdkEvent *event)
{
	Teller *teller = context;
	Known *known = &teller->known[server];
	open_line(teller, server, event->kind == PDK_EVENT_TURN || event->kind == PDK_EVENT_LISTENING);
	switch (event->kind) {
	case PDK_EVENT_ACCEPTED:
		on_accepted(teller, known, event);
		return;
	case PDK_EVENT_DIAL_FAILED:
		on_dial_failed(teller, known, event);
		return;
	case PDK_EVENT_DIALLED:
		on_dialled(teller, known, event);
		return;
	case PDK_EVENT_RECEIVED:
		on_received(teller, known, event);
		return;
	case PDK_EVENT_CLOSED:
		on_closed(teller, known, event->link);
		return;
	case PDK_EVENT_RECORD_SAVED:
		on_saved(teller, known, event->key);
		return;
	default:
		on_disk(teller, known, event);
		return;
	}
}

/* ---- what it wishes ---- */

static void
on_output(Teller *teller, Known *known, const PdkOutput *output)
{
	Link *link = g_hash_table_lookup(known->links, &output->link);
	if (link == NULL || link->out == NULL)
		return;
	g_autoptr(GArray) scratch = g_array_new(FALSE, FALSE, sizeof(PdkPart));
	unsigned n;
	const PdkPart *parts = pdk_output_parts(output, scratch, &n);
	teller->link = link;
	for (unsigned i = 0; i < n; i++)
		stream_take(link->out, parts[i].data, parts[i].length, told_out, teller);
}

static void
on_appends(Teller *teller, const PdkEffects *effects)
{
	if (effects->n_appends == 0)
		return;
	g_autofree char *first = words_zxid(effects->appends[0].zxid);
	g_autofree char *last = words_zxid(effects->appends[effects->n_appends - 1].zxid);
	if (effects->n_appends == 1)
		add(teller, teller->rights, TOPIC_BROADCAST, "logs %s", first);
	else
		add(teller, teller->rights, TOPIC_BROADCAST, "logs %s to %s", first, last);
}

static void
on_record(Teller *teller, Known *known, const PdkCommand *command)
{
	char *words = words_record(command->key, command->part);
	g_hash_table_replace(known->records, g_strdup(command->key), words);
	add(teller, teller->rights, strstr(command->key, "Epoch") ? TOPIC_DISCOVERY : TOPIC_ELECTION, "writes %s", words);
}

static void
on_close_wish(Teller *teller, Known *known, PdkLink number)
{
	const Link *link = g_hash_table_lookup(known->links, &number);
	if (link && link->purpose == PDK_PURPOSE_QUORUM)
		add(teller, teller->rights, TOPIC_LINKS, "ends the connection with %u", link->peer);
	g_hash_table_remove(known->links, &number);
}

static void
on_members(Teller *teller, const PdkCommand *command)
{
	bool next = strcmp(command->key, "next") == 0;
	if (command->part)
		add(teller, teller->rights, TOPIC_BROADCAST, "writes the %s list of members", next ? "proposed" : "committed");
	else if (next)
		add(teller, teller->rights, TOPIC_BROADCAST, "forgets the proposed list");
}

static void
on_command(Teller *teller, Known *known, const PdkCommand *command)
{
	g_autofree char *zxid = words_zxid(command->zxid);
	switch (command->type) {
	case PDK_COMMAND_CLOSE:
	case PDK_COMMAND_CLOSE_FLUSHED:
		on_close_wish(teller, known, command->link);
		return;
	case PDK_COMMAND_DIAL:
		g_hash_table_replace(known->dials, GUINT_TO_POINTER(command->dial),
				     link_new(command->purpose, sid_of_address(command->address), true));
		return;
	case PDK_COMMAND_RECORD:
		on_record(teller, known, command);
		return;
	case PDK_COMMAND_MEMBERS:
		on_members(teller, command);
		return;
	case PDK_COMMAND_SNAPSHOT_BEGIN:
		add(teller, teller->rights, TOPIC_SYNC, "writes snapshot %s", zxid);
		return;
	case PDK_COMMAND_TRUNCATE:
		add(teller, teller->rights, TOPIC_SYNC, "cuts its log behind %s", zxid);
		return;
	case PDK_COMMAND_RELOAD:
		add(teller, teller->rights, TOPIC_SYNC, "reads its disk again");
		return;
	case PDK_COMMAND_READ_LOG:
		add(teller, teller->rights, TOPIC_SYNC, "reads its log from %s on", zxid);
		return;
	default:
		return;
	}
}

static void
watch_effects(void *context, unsigned server, const PdkEffects *effects)
{
	Teller *teller = context;
	Known *known = &teller->known[server];
	open_line(teller, server, true);
	on_appends(teller, effects);
	for (unsigned i = 0; i < effects->n_commands; i++)
		if (effects->commands[i].type != PDK_COMMAND_CLOSE && effects->commands[i].type != PDK_COMMAND_CLOSE_FLUSHED)
			on_command(teller, known, &effects->commands[i]);
	for (unsigned i = 0; i < effects->n_outputs; i++)
		on_output(teller, known, &effects->outputs[i]);
	for (unsigned i = 0; i < effects->n_commands; i++)
		if (effects->commands[i].type == PDK_COMMAND_CLOSE || effects->commands[i].type == PDK_COMMAND_CLOSE_FLUSHED)
			on_command(teller, known, &effects->commands[i]);
}

static void
forget(Known *known)
{
	g_hash_table_remove_all(known->links);
	g_hash_table_remove_all(known->dials);
	g_hash_table_remove_all(known->records);
	known->role = PDK_PEER_LOOKING;
	known->serving = false;
	known->synced = 0;
	known->applied = -1;
}

static void
watch_life(void *context, unsigned server, bool starts)
{
	Teller *teller = context;
	open_line(teller, server, false);
	forget(&teller->known[server]);
	add(teller, teller->lefts, TOPIC_STATE, starts ? "starts" : "crashes");
	if (!starts)
		end_line(teller);
}

/* ---- the story ---- */

Teller *
teller_new(Sim *sim)
{
	Teller *teller = g_new0(Teller, 1);
	teller->sim = sim;
	teller->story = g_string_new(NULL);
	teller->lefts = line_side_new();
	teller->rights = line_side_new();
	for (unsigned i = 0; i < MAX_SERVERS; i++) {
		teller->known[i].links = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, link_free);
		teller->known[i].dials = g_hash_table_new_full(NULL, NULL, NULL, link_free);
		teller->known[i].records = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
		forget(&teller->known[i]);
	}
	sim_watch(sim, &(SimWitness){watch_event, watch_effects, watch_life, teller});
	return teller;
}

void
teller_free(Teller *teller)
{
	sim_watch(teller->sim, &(SimWitness){0});
	for (unsigned i = 0; i < MAX_SERVERS; i++) {
		g_hash_table_unref(teller->known[i].links);
		g_hash_table_unref(teller->known[i].dials);
		g_hash_table_unref(teller->known[i].records);
	}
	g_ptr_array_unref(teller->lefts);
	g_ptr_array_unref(teller->rights);
	g_string_free(teller->story, TRUE);
	g_free(teller->awaited);
	g_free(teller);
}

void
teller_topics(Teller *teller, unsigned topics)
{
	flush(teller);
	teller->topics = topics;
}

void
teller_chapter(Teller *teller, const char *text)
{
	flush(teller);
	teller->zero_us = sim_now(teller->sim);
	g_string_append_printf(teller->story, "%s== %s\n", teller->story->len > 0 ? "\n" : "", text);
}

void
teller_say(Teller *teller, unsigned topic, const char *text)
{
	flush(teller);
	if (topic & teller->topics)
		g_string_append_printf(teller->story, "[%5.0f]    %s\n", (double)(sim_now(teller->sim) - teller->zero_us) / 1000,
				       text);
}

void
teller_await(Teller *teller, unsigned server, const char *text)
{
	g_free(teller->awaited);
	teller->awaited = g_strdup(text);
	teller->awaited_server = server;
	teller->met = false;
}

bool
teller_met(const Teller *teller)
{
	return teller->met;
}

const char *
teller_story(Teller *teller)
{
	flush(teller);
	return teller->story->str;
}

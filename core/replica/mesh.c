/* SPDX-License-Identifier: Apache-2.0 */
/* Which election links there are, who dials them and when, and what waits for them. */
#include "replica/mesh.h"
#include "base/assert.h"
#include "replica/hello.h"
#include "replica/mesh-line.h"
#include <inttypes.h>

#define FIRST_PAUSE_US (5 * 1000)
#define LONGEST_PAUSE_US (1000 * 1000)
#define CALLED_PAUSE_US (100 * 1000) /* it was called and is alive: it dials back before this */
#define STABLE_US (1000 * 1000)      /* a link that held so long was no accident */
#define REPEAT_US (60 * 1000 * 1000) /* between two lines about one thing that keeps failing */
#define HELLOS_MAX 256               /* accepted links without a handshake */
#define STRANGERS_MAX 64             /* peers that are in no configuration */
#define TO_SELF_MAX 100              /* messages to this server, as Java's queue of received ones */
#define UNSENT_HIGH (256 * 1024)     /* a link with more is given nothing further; where transports say "drained" */
#define HELD_MAX (4 * 1024 * 1024)   /* a peer that reads nothing is dropped beyond this */
#define MOST_TRIES 16                /* the pause has long stopped growing */

typedef struct {
	int64_t sid;
	PdkMeshLine *line; /* established, or NULL */
	GQueue queue;      /* GBytes, oldest first */
	size_t queued_bytes;
	GBytes *last;      /* written last, over all links */

	uint32_t dial;     /* under way, 0: none */
	char *dial_address;
	unsigned attempt;  /* which address of this round */
	char **heard;      /* where it says it can be dialled, for one round; NULL: it did not */
	bool heard_meanwhile; /* since the dial under way began */
	bool all_refused;  /* so far in this round */
	bool probe;        /* dial a round although nothing waits: is it still there? */
	bool lost;         /* it closed an established link, and was not reached since */
	unsigned tries;    /* rounds without lasting success */
	unsigned breaks;   /* links in a row that did not last */
	int64_t dial_at_us; /* not before */

	PdkPeerLink state, reported;
	bool renewed;      /* another link took the place of the one reported */
	bool said_up;
	int64_t said_us;   /* the last complaint, INT64_MIN: none */
} Peer;

struct PdkMesh {
	PdkMeshParams params;
	PdkMembers *committed, *last_seen; /* NULL: none */
	char *own_text;      /* this server's addresses as a handshake has them */
	PdkRandom random;
	GPtrArray *peers;    /* Peer, rising by sid */
	GHashTable *lines;   /* by link: for look-up only */
	GQueue hellos;       /* PdkMeshLine: handshake awaited, oldest first */
	GQueue to_self;      /* GBytes */
	GArray *abandoned;   /* uint32_t: dials whose outcome nobody wants */
	int64_t stranger_said_us;
	uint64_t strangers_unsaid;
};

/* ---- talking to the operator ---- */

static void G_GNUC_PRINTF(3, 4)
say(PdkMesh *mesh, PdkLogLevel level, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	g_autofree char *line = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	mesh->params.hooks.say(mesh->params.hooks.context, level, line);
}

/* What keeps failing with a peer: at most a line a minute. */
static void
complain(PdkMesh *mesh, Peer *peer, const char *what, const char *where, const char *detail, int64_t now_us)
{
	if (peer->said_us != INT64_MIN && now_us - peer->said_us < REPEAT_US)
		return;
	peer->said_us = now_us;
	say(mesh, PDK_LOG_WARNING, "%s: server=%" PRId64 " at=%s %s; it is dialled again while there is something to say", what,
	    peer->sid, where ? where : "?", detail);
}

/* The same for links whose peer is not known. */
static void
complain_of_stranger(PdkMesh *mesh, const PdkMeshLine *line, const char *detail, int64_t now_us)
{
	if (mesh->stranger_said_us != INT64_MIN && now_us - mesh->stranger_said_us < REPEAT_US) {
		mesh->strangers_unsaid++;
		return;
	}
	say(mesh, PDK_LOG_WARNING, "election link closed: peer=%s %s (%" PRIu64 " others were closed without a line)",
	    line->endpoint, detail, mesh->strangers_unsaid);
	mesh->stranger_said_us = now_us;
	mesh->strangers_unsaid = 0;
}

/* ---- peers ---- */

static void
lower_deadline(PdkEffects *effects, int64_t at_us)
{
	effects->deadline_us = MIN(effects->deadline_us, at_us);
}

static void
forget_queue(Peer *peer)
{
	g_queue_clear_full(&peer->queue, (GDestroyNotify)g_bytes_unref);
	peer->queued_bytes = 0;
}

static void
peer_free(void *data)
{
	Peer *peer = data;
	forget_queue(peer);
	g_clear_pointer(&peer->last, g_bytes_unref);
	g_free(peer->dial_address);
	g_strfreev(peer->heard);
	g_free(peer);
}

/* Where @sid stands, or would stand, among the peers. */
static unsigned
place_of(const PdkMesh *mesh, int64_t sid)
{
	unsigned low = 0, high = mesh->peers->len;
	while (low < high) {
		unsigned middle = low + (high - low) / 2;
		const Peer *peer = mesh->peers->pdata[middle];
		if (peer->sid < sid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static Peer *
find_peer(const PdkMesh *mesh, int64_t sid)
{
	unsigned place = place_of(mesh, sid);
	Peer *peer = place < mesh->peers->len ? mesh->peers->pdata[place] : NULL;
	return peer && peer->sid == sid ? peer : NULL;
}

static Peer *
find_by_dial(const PdkMesh *mesh, uint32_t dial)
{
	for (unsigned i = 0; i < mesh->peers->len; i++) {
		Peer *peer = mesh->peers->pdata[i];
		if (peer->dial == dial && dial != 0)
			return peer;
	}
	return NULL;
}

static const PdkMember *
member_of(const PdkMembers *members, int64_t sid)
{
	return members ? pdk_members_find(members, sid) : NULL;
}

static bool
is_member(const PdkMesh *mesh, int64_t sid)
{
	return member_of(mesh->committed, sid) != NULL || member_of(mesh->last_seen, sid) != NULL;
}

static Peer *
ensure_peer(PdkMesh *mesh, int64_t sid)
{
	Peer *peer = find_peer(mesh, sid);
	if (peer)
		return peer;
	peer = g_new0(Peer, 1);
	peer->sid = sid;
	peer->all_refused = true;
	peer->dial_at_us = peer->said_us = INT64_MIN;
	g_queue_init(&peer->queue);
	g_ptr_array_insert(mesh->peers, (int)place_of(mesh, sid), peer);
	return peer;
}

static unsigned
count_strangers(const PdkMesh *mesh)
{
	unsigned count = 0;
	for (unsigned i = 0; i < mesh->peers->len; i++)
		count += !is_member(mesh, ((const Peer *)mesh->peers->pdata[i])->sid);
	return count;
}

/* ---- reports: only from events and turns, for the election may be in the middle of a step otherwise ---- */

static bool
report_one(PdkMesh *mesh, Peer *peer)
{
	PdkPeerLink next = peer->state;
	if (peer->renewed && peer->reported == PDK_PEER_LINK_UP)
		next = PDK_PEER_LINK_DOWN;
	peer->renewed = false;
	if (next == peer->reported)
		return false;
	peer->reported = next;
	mesh->params.hooks.link(mesh->params.hooks.context, peer->sid, next);
	return true;
}

static void
report(PdkMesh *mesh)
{
	/* A hook may make new peers: begin anew after each. */
	for (unsigned i = 0; i < mesh->peers->len;)
		i = report_one(mesh, mesh->peers->pdata[i]) ? 0 : i + 1;
}

/* ---- lines ---- */

static PdkMeshLine *
find_line(const PdkMesh *mesh, PdkLink link)
{
	return g_hash_table_lookup(mesh->lines, &link);
}

static PdkMeshLine *
add_line(PdkMesh *mesh, PdkLink link, const char *endpoint, bool dialled, int64_t now_us)
{
	PdkMeshLine *line = pdk_mesh_line_new(link, endpoint, dialled, now_us);
	pdk_assert(find_line(mesh, link) == NULL);
	g_hash_table_insert(mesh->lines, &line->link, line);
	return line;
}

/* It is forgotten when the transport says that it is closed. */
static void
end_line(PdkMesh *mesh, PdkMeshLine *line, bool flush, PdkEffects *effects)
{
	if (line->stage == PDK_MESH_LINE_HELLO)
		g_queue_remove(&mesh->hellos, line);
	line->stage = PDK_MESH_LINE_ENDING;
	pdk_buffer_clear(&line->in);
	pdk_effects_command(effects, flush ? PDK_COMMAND_CLOSE_FLUSHED : PDK_COMMAND_CLOSE, line->link);
}

static void
set_pause(PdkMesh *mesh, Peer *peer, int64_t least_us, int64_t now_us)
{
	int64_t pause = MAX((int64_t)FIRST_PAUSE_US << MIN(peer->tries, MOST_TRIES), least_us);
	pause = MIN(pause, LONGEST_PAUSE_US);
	peer->tries = MIN(peer->tries + 1, MOST_TRIES);
	/* Three to five quarters of it, so that peers do not meet again and again. */
	peer->dial_at_us = now_us + pause * 3 / 4 + (int64_t)pdk_random_below(&mesh->random, (uint64_t)pause / 2 + 1);
}

/* The established line of @peer is no more. */
static void
detach(PdkMesh *mesh, Peer *peer, int64_t now_us)
{
	bool stable = now_us - peer->line->since_us >= STABLE_US;
	peer->line->sid = 0;
	peer->line = NULL;
	peer->state = PDK_PEER_LINK_DOWN;
	if (stable) {
		peer->tries = peer->breaks = 0;
		peer->dial_at_us = now_us;
		peer->said_up = false;
		peer->said_us = INT64_MIN;
	} else {
		peer->breaks = MIN(peer->breaks + 1, MOST_TRIES);
		set_pause(mesh, peer, 0, now_us);
	}
}

/* This server closes the established line of @peer. */
static void
drop_line(PdkMesh *mesh, Peer *peer, int64_t now_us, PdkEffects *effects)
{
	end_line(mesh, peer->line, false, effects);
	detach(mesh, peer, now_us);
}

/* ---- messages ---- */

static void
write_message(PdkMesh *mesh, Peer *peer, GBytes *message, PdkEffects *effects)
{
	pdk_mesh_line_write(peer->line, message, effects);
	if (mesh->params.resend_last && peer->last != message) {
		g_clear_pointer(&peer->last, g_bytes_unref);
		peer->last = g_bytes_ref(message);
	}
}

/* Writes what waits, as long as the peer reads. */
static void
flush_queue(PdkMesh *mesh, Peer *peer, PdkEffects *effects)
{
	while (peer->queue.length > 0 && pdk_mesh_line_pending(peer->line, effects) <= UNSENT_HIGH) {
		g_autoptr(GBytes) message = g_queue_pop_head(&peer->queue);
		peer->queued_bytes -= g_bytes_get_size(message);
		write_message(mesh, peer, message, effects);
	}
	/* Only what this turn wrote holds the rest back: nobody will tell when it is gone. */
	if (peer->queue.length > 0 && peer->line->unsent <= UNSENT_HIGH)
		effects->again = true;
}

static void
put_in_queue(PdkMesh *mesh, Peer *peer, GBytes *message)
{
	if (peer->queue.length == mesh->params.queue_length) {
		g_autoptr(GBytes) oldest = g_queue_pop_head(&peer->queue);
		peer->queued_bytes -= g_bytes_get_size(oldest);
	}
	g_queue_push_tail(&peer->queue, g_bytes_ref(message));
	peer->queued_bytes += g_bytes_get_size(message);
}

/* A peer that does not read costs so much memory and no more. */
static void
bound_output(PdkMesh *mesh, Peer *peer, int64_t now_us, PdkEffects *effects)
{
	if (pdk_mesh_line_pending(peer->line, effects) + peer->queued_bytes <= HELD_MAX)
		return;
	complain(mesh, peer, "election link dropped", peer->line->endpoint, "does not read what it is sent", now_us);
	forget_queue(peer);
	drop_line(mesh, peer, now_us, effects);
	effects->again = true; /* the report */
}

/* ---- dialling ---- */

static bool
same_address(const PdkMemberAddress *a, const PdkMemberAddress *b)
{
	return a->election_port == b->election_port && strcmp(a->host, b->host) == 0;
}

static bool
is_among(const PdkMember *member, const PdkMemberAddress *address)
{
	for (unsigned i = 0; member && i < member->n_addresses; i++)
		if (same_address(&member->addresses[i], address))
			return true;
	return false;
}

/* What to dial at the @index-th attempt of a round: addresses heard, committed ones, new ones last seen. NULL: no more. */
static char *
candidate(const PdkMesh *mesh, const Peer *peer, unsigned index)
{
	unsigned heard = peer->heard ? g_strv_length(peer->heard) : 0;
	if (index < heard)
		return g_strdup(peer->heard[index]);
	index -= heard;
	const PdkMember *committed = member_of(mesh->committed, peer->sid);
	if (committed && index < committed->n_addresses)
		return pdk_member_election_address(committed, index);
	index -= committed ? committed->n_addresses : 0;
	const PdkMember *seen = member_of(mesh->last_seen, peer->sid);
	for (unsigned i = 0; seen && i < seen->n_addresses; i++)
		if (!is_among(committed, &seen->addresses[i]) && index-- == 0)
			return pdk_member_election_address(seen, i);
	return NULL;
}

static void
begin_round(Peer *peer)
{
	peer->attempt = 0;
	peer->all_refused = true;
}

static void
end_round(Peer *peer)
{
	begin_round(peer);
	peer->probe = false;
	g_clear_pointer(&peer->heard, g_strfreev);
}

/* False: there is no address left in this round. */
static bool
dial(PdkMesh *mesh, Peer *peer, PdkEffects *effects)
{
	g_autofree char *address = candidate(mesh, peer, peer->attempt);
	if (address == NULL)
		return false;
	peer->dial = mesh->params.hooks.dial_number(mesh->params.hooks.context);
	peer->heard_meanwhile = false;
	g_free(peer->dial_address);
	peer->dial_address = g_strdup(address);
	PdkCommand *command = pdk_effects_command(effects, PDK_COMMAND_DIAL, 0);
	command->dial = peer->dial;
	command->purpose = PDK_PURPOSE_ELECTION;
	command->address = g_steal_pointer(&address);
	command->timeout_ms = mesh->params.dial_timeout_ms;
	return true;
}

/* Dials if there is a reason to, and it is time. */
static void
pursue(PdkMesh *mesh, Peer *peer, int64_t now_us, PdkEffects *effects)
{
	if (peer->line || peer->dial != 0 || (peer->queue.length == 0 && !peer->probe))
		return;
	if (now_us < peer->dial_at_us)
		lower_deadline(effects, peer->dial_at_us);
	else if (!dial(mesh, peer, effects))
		end_round(peer); /* it is in no configuration */
}

/* A line becomes the one of @peer. */
static void
establish(PdkMesh *mesh, Peer *peer, PdkMeshLine *line, int64_t now_us, PdkEffects *effects)
{
	pdk_assert(peer->line == NULL);
	line->stage = PDK_MESH_LINE_UP;
	line->since_us = now_us;
	line->sid = peer->sid;
	peer->line = line;
	peer->renewed = peer->reported == PDK_PEER_LINK_UP;
	peer->state = PDK_PEER_LINK_UP;
	peer->lost = false;
	peer->tries = peer->breaks; /* how long it was away before says nothing about this link */
	end_round(peer);
	if (!peer->said_up)
		say(mesh, PDK_LOG_INFO, "election link stands: server=%" PRId64 " at=%s dialled_by=%s", peer->sid, line->endpoint,
		    line->dialled ? "us" : "them");
	peer->said_up = true;
	if (peer->queue.length == 0 && peer->last)
		write_message(mesh, peer, peer->last, effects);
	flush_queue(mesh, peer, effects);
}

/* It answers, but there is no link yet. */
static void
is_alive(Peer *peer)
{
	peer->lost = false;
	if (peer->state == PDK_PEER_LINK_REFUSED)
		peer->state = PDK_PEER_LINK_DOWN;
}

/* A dial of the smaller one only asks the larger to dial back; should that end before it does, a probe has yet to find out. */
static void
called(PdkMesh *mesh, Peer *peer, PdkMeshLine *line, int64_t now_us, PdkEffects *effects)
{
	bool probe = peer->probe;
	end_line(mesh, line, true, effects);
	is_alive(peer);
	end_round(peer);
	peer->probe = probe;
	set_pause(mesh, peer, CALLED_PAUSE_US, now_us);
	pursue(mesh, peer, now_us, effects);
}

/* ---- handshakes of those that dialled here ---- */

/* The smaller one called: dial it back. */
static void
call_back(PdkMesh *mesh, Peer *peer, char **heard, int64_t now_us, PdkEffects *effects)
{
	is_alive(peer);
	if (heard) {
		g_strfreev(peer->heard);
		peer->heard = heard;
		peer->heard_meanwhile = true;
	}
	if (peer->dial != 0)
		return; /* what was heard is for the next attempt */
	/* Both dialled at once: the call is older than the link. Otherwise it lost the link, unnoticed here. */
	if (peer->line && peer->line->dialled && now_us - peer->line->since_us < STABLE_US)
		return;
	if (peer->line)
		drop_line(mesh, peer, now_us, effects);
	begin_round(peer);
	if (!dial(mesh, peer, effects))
		say(mesh, PDK_LOG_INFO, "election link wanted by a server of unknown address: server=%" PRId64, peer->sid);
}

static void
keep(PdkMesh *mesh, Peer *peer, PdkMeshLine *line, int64_t now_us, PdkEffects *effects)
{
	g_queue_remove(&mesh->hellos, line);
	if (peer->line)
		drop_line(mesh, peer, now_us, effects);
	establish(mesh, peer, line, now_us, effects);
}

static const char *
objection(const PdkMesh *mesh, const PdkHello *hello)
{
	if (hello->sid == mesh->params.self)
		return "has the same server id as this server";
	if (hello->sid == INT64_MAX || (hello->sid < 0 && !is_member(mesh, hello->sid)))
		return "has no server id of its own";
	if (hello->old && !is_member(mesh, hello->sid))
		return "sent an old handshake of an unknown server, or no handshake";
	if (!is_member(mesh, hello->sid) && find_peer(mesh, hello->sid) == NULL && count_strangers(mesh) >= STRANGERS_MAX)
		return "is one unknown server too many";
	return NULL;
}

static void
greet(PdkMesh *mesh, PdkMeshLine *line, PdkHello *hello, int64_t now_us, PdkEffects *effects)
{
	g_auto(GStrv) heard = g_steal_pointer(&hello->addresses);
	const char *detail = objection(mesh, hello);
	if (detail) {
		complain_of_stranger(mesh, line, detail, now_us);
		end_line(mesh, line, false, effects);
		return;
	}
	Peer *peer = ensure_peer(mesh, hello->sid);
	if (hello->sid > mesh->params.self) {
		keep(mesh, peer, line, now_us, effects);
		return;
	}
	end_line(mesh, line, false, effects);
	call_back(mesh, peer, g_steal_pointer(&heard), now_us, effects);
}

/* True: the line is established, and what is left in its buffer is frames. */
static bool
read_hello(PdkMesh *mesh, PdkMeshLine *line, int64_t now_us, PdkEffects *effects)
{
	PdkHello hello;
	size_t used;
	const char *why;
	switch (pdk_hello_get(line->in.data, line->in.length, &hello, &used, &why)) {
	case PDK_HELLO_MORE:
		return false;
	case PDK_HELLO_BAD:
		complain_of_stranger(mesh, line, why, now_us);
		end_line(mesh, line, false, effects);
		return false;
	case PDK_HELLO_WHOLE:
		break;
	}
	greet(mesh, line, &hello, now_us, effects);
	if (line->stage != PDK_MESH_LINE_UP)
		return false;
	line->in.length -= used;
	memmove(line->in.data, line->in.data + used, line->in.length);
	return true;
}

/* ---- events ---- */

void
pdk_mesh_accepted(PdkMesh *mesh, PdkLink link, const char *endpoint, int64_t now_us, PdkEffects *effects)
{
	if (mesh->hellos.length == HELLOS_MAX) {
		PdkMeshLine *oldest = g_queue_peek_head(&mesh->hellos);
		complain_of_stranger(mesh, oldest, "sent no handshake, and too many wait", now_us);
		end_line(mesh, oldest, false, effects);
	}
	PdkMeshLine *line = add_line(mesh, link, endpoint, false, now_us);
	g_queue_push_tail(&mesh->hellos, line);
	lower_deadline(effects, now_us + (int64_t)mesh->params.handshake_timeout_ms * 1000);
}

/* True: it was one that nobody waits for any more. */
static bool
take_abandoned(PdkMesh *mesh, uint32_t number)
{
	for (unsigned i = 0; i < mesh->abandoned->len; i++) {
		if (g_array_index(mesh->abandoned, uint32_t, i) != number)
			continue;
		g_array_remove_index(mesh->abandoned, i);
		return true;
	}
	return false;
}

bool
pdk_mesh_dialled(PdkMesh *mesh, uint32_t number, PdkLink link, int64_t now_us, PdkEffects *effects)
{
	Peer *peer = find_by_dial(mesh, number);
	if (peer == NULL && !take_abandoned(mesh, number))
		return false;
	PdkMeshLine *line = add_line(mesh, link, peer ? peer->dial_address : "", true, now_us);
	line->stage = PDK_MESH_LINE_ENDING;
	if (peer)
		peer->dial = 0;
	if (peer == NULL || peer->line) { /* the other one was faster */
		end_line(mesh, line, false, effects);
		return true;
	}
	pdk_hello_put(pdk_mesh_line_out(line, effects), mesh->params.self, mesh->own_text, mesh->params.several_addresses);
	if (peer->sid > mesh->params.self)
		called(mesh, peer, line, now_us, effects);
	else
		establish(mesh, peer, line, now_us, effects);
	report(mesh);
	return true;
}

bool
pdk_mesh_dial_failed(PdkMesh *mesh, uint32_t number, bool refused, const char *detail, int64_t now_us, PdkEffects *effects)
{
	Peer *peer = find_by_dial(mesh, number);
	if (peer == NULL)
		return take_abandoned(mesh, number);
	peer->dial = 0;
	if (peer->line) {
		end_round(peer);
		return true;
	}
	complain(mesh, peer, "server is not reached for elections", peer->dial_address, detail ? detail : "", now_us);
	peer->all_refused = peer->all_refused && refused;
	peer->attempt = peer->heard_meanwhile ? 0 : peer->attempt + 1;
	if (dial(mesh, peer, effects))
		return true;
	peer->state = peer->all_refused || peer->lost ? PDK_PEER_LINK_REFUSED : PDK_PEER_LINK_DOWN;
	peer->said_up = false;
	end_round(peer);
	set_pause(mesh, peer, 0, now_us);
	pursue(mesh, peer, now_us, effects);
	report(mesh);
	return true;
}

/* Hands on what is whole. The election may do anything meanwhile: the line is looked up again after each message. */
static void
deliver_frames(PdkMesh *mesh, PdkLink link, const uint8_t *data, size_t length, int64_t now_us, PdkEffects *effects)
{
	PdkMeshLine *line;
	while ((line = find_line(mesh, link)) != NULL && line->stage == PDK_MESH_LINE_UP) {
		PdkBuffer lent = {0};
		const uint8_t *frame;
		size_t frame_length;
		switch (pdk_mesh_line_cut(line, &data, &length, &lent, &frame, &frame_length)) {
		case PDK_MESH_CUT_MORE:
			return;
		case PDK_MESH_CUT_BAD: {
			Peer *peer = find_peer(mesh, line->sid);
			complain(mesh, peer, "election link dropped", line->endpoint, "sent a frame of an illegal length", now_us);
			drop_line(mesh, peer, now_us, effects);
			pursue(mesh, peer, now_us, effects);
			return;
		}
		case PDK_MESH_CUT_FRAME:
			mesh->params.hooks.message(mesh->params.hooks.context, line->sid, frame, frame_length);
			pdk_buffer_clear(&lent);
			break;
		}
	}
}

bool
pdk_mesh_received(PdkMesh *mesh, PdkLink link, const uint8_t *data, size_t length, int64_t now_us, PdkEffects *effects)
{
	PdkMeshLine *line = find_line(mesh, link);
	if (line == NULL)
		return false;
	if (line->stage == PDK_MESH_LINE_HELLO) {
		pdk_buffer_append(&line->in, data, length);
		bool frames = read_hello(mesh, line, now_us, effects);
		report(mesh);
		if (!frames)
			return true;
		/* What came behind the handshake was copied; from now on frames are cut where they are. */
		g_autofree uint8_t *rest = NULL;
		if ((line = find_line(mesh, link)) != NULL && line->stage == PDK_MESH_LINE_UP) {
			length = line->in.length;
			data = rest = g_steal_pointer(&line->in.data);
			line->in = (PdkBuffer){0};
			deliver_frames(mesh, link, data, length, now_us, effects);
		}
	} else {
		deliver_frames(mesh, link, data, length, now_us, effects);
	}
	report(mesh);
	return true;
}

bool
pdk_mesh_unsent(PdkMesh *mesh, PdkLink link, size_t unsent, int64_t now_us, PdkEffects *effects)
{
	PdkMeshLine *line = find_line(mesh, link);
	if (line == NULL)
		return false;
	line->unsent = unsent;
	if (line->stage != PDK_MESH_LINE_UP)
		return true;
	Peer *peer = find_peer(mesh, line->sid);
	bound_output(mesh, peer, now_us, effects);
	if (peer->line)
		flush_queue(mesh, peer, effects);
	report(mesh);
	return true;
}

static void
lost_line(PdkMesh *mesh, Peer *peer, const PdkMeshLine *line, int64_t now_us, PdkEffects *effects)
{
	detach(mesh, peer, now_us);
	if (peer->said_up)
		complain(mesh, peer, "election link closed soon by the peer", line->endpoint, "before it had stood for a second",
			 now_us);
	else
		say(mesh, PDK_LOG_WARNING, "election link lost, the peer closed it; dialled again: server=%" PRId64 " at=%s",
		    peer->sid, line->endpoint);
	peer->lost = true;
	peer->probe = true;
	pursue(mesh, peer, now_us, effects);
}

bool
pdk_mesh_closed(PdkMesh *mesh, PdkLink link, int64_t now_us, PdkEffects *effects)
{
	PdkMeshLine *line = find_line(mesh, link);
	if (line == NULL)
		return false;
	if (line->stage == PDK_MESH_LINE_HELLO) {
		g_queue_remove(&mesh->hellos, line);
		if (line->in.length > 0)
			complain_of_stranger(mesh, line, "closed it in the middle of its handshake", now_us);
	} else if (line->stage == PDK_MESH_LINE_UP) {
		lost_line(mesh, find_peer(mesh, line->sid), line, now_us, effects);
	}
	g_hash_table_remove(mesh->lines, &link);
	report(mesh);
	return true;
}

/* ---- turns ---- */

static void
end_silent_hellos(PdkMesh *mesh, int64_t now_us, PdkEffects *effects)
{
	PdkMeshLine *line;
	while ((line = g_queue_peek_head(&mesh->hellos)) != NULL) {
		int64_t due_us = line->since_us + (int64_t)mesh->params.handshake_timeout_ms * 1000;
		if (now_us < due_us) {
			lower_deadline(effects, due_us);
			return;
		}
		complain_of_stranger(mesh, line, "sent no whole handshake in time", now_us);
		end_line(mesh, line, false, effects);
	}
}

/* What is sent meanwhile waits for the next turn. */
static void
deliver_to_self(PdkMesh *mesh)
{
	for (unsigned left = mesh->to_self.length; left > 0 && mesh->to_self.length > 0; left--) {
		g_autoptr(GBytes) message = g_queue_pop_head(&mesh->to_self);
		size_t length;
		const uint8_t *data = g_bytes_get_data(message, &length);
		mesh->params.hooks.message(mesh->params.hooks.context, mesh->params.self, data, length);
	}
}

static void
forget_strangers(PdkMesh *mesh)
{
	for (unsigned i = mesh->peers->len; i-- > 0;) {
		const Peer *peer = mesh->peers->pdata[i];
		bool idle = peer->line == NULL && peer->dial == 0 && peer->state == peer->reported;
		if (idle && !is_member(mesh, peer->sid))
			g_ptr_array_remove_index(mesh->peers, i);
	}
}

void
pdk_mesh_turn(PdkMesh *mesh, int64_t now_us, PdkEffects *effects)
{
	end_silent_hellos(mesh, now_us, effects);
	report(mesh);
	deliver_to_self(mesh);
	forget_strangers(mesh);
	for (unsigned i = 0; i < mesh->peers->len; i++) {
		Peer *peer = mesh->peers->pdata[i];
		if (peer->line)
			flush_queue(mesh, peer, effects);
		else
			pursue(mesh, peer, now_us, effects);
	}
	if (mesh->to_self.length > 0)
		effects->again = true;
}

/* ---- what is asked of it ---- */

static void
send_to_self(PdkMesh *mesh, GBytes *message, PdkEffects *effects)
{
	if (mesh->to_self.length == TO_SELF_MAX)
		g_bytes_unref(g_queue_pop_head(&mesh->to_self));
	g_queue_push_tail(&mesh->to_self, g_bytes_ref(message));
	effects->again = true;
}

void
pdk_mesh_send(PdkMesh *mesh, int64_t sid, GBytes *message, int64_t now_us, PdkEffects *effects)
{
	size_t length = g_bytes_get_size(message);
	pdk_assert(length >= 1 && length <= PDK_MESH_FRAME_MAX);
	if (sid == mesh->params.self) {
		send_to_self(mesh, message, effects);
		return;
	}
	Peer *peer = is_member(mesh, sid) ? ensure_peer(mesh, sid) : find_peer(mesh, sid);
	if (peer == NULL)
		return; /* nobody knows where it is */
	put_in_queue(mesh, peer, message);
	if (peer->line)
		flush_queue(mesh, peer, effects);
	if (peer->line)
		bound_output(mesh, peer, now_us, effects);
	pursue(mesh, peer, now_us, effects);
}

void
pdk_mesh_dial_all(PdkMesh *mesh, int64_t now_us, PdkEffects *effects)
{
	for (unsigned i = 0; i < mesh->peers->len; i++) {
		Peer *peer = mesh->peers->pdata[i];
		peer->dial_at_us = MIN(peer->dial_at_us, now_us);
		pursue(mesh, peer, now_us, effects);
	}
}

PdkPeerLink
pdk_mesh_link(const PdkMesh *mesh, int64_t sid)
{
	const Peer *peer = find_peer(mesh, sid);
	return peer ? peer->state : PDK_PEER_LINK_DOWN;
}

/* ---- life ---- */

static char *
handshake_text(const PdkMember *member, bool several)
{
	GString *text = g_string_new(NULL);
	for (unsigned i = 0; i < (several ? member->n_addresses : 1); i++) {
		g_autofree char *address = pdk_member_election_address(member, i);
		if (text->len + 1 + strlen(address) > PDK_HELLO_TEXT_MAX)
			break;
		if (text->len > 0)
			g_string_append_c(text, '|');
		g_string_append(text, address);
	}
	return g_string_free(text, FALSE);
}

static void
replace_members(PdkMembers **at, PdkMembers *members)
{
	PdkMembers *before = *at;
	*at = members ? pdk_members_ref(members) : NULL;
	if (before)
		pdk_members_unref(before);
}

void
pdk_mesh_set_members(PdkMesh *mesh, PdkMembers *committed, PdkMembers *last_seen)
{
	replace_members(&mesh->committed, committed);
	replace_members(&mesh->last_seen, last_seen);
	const PdkMember *self = member_of(committed, mesh->params.self);
	if (self == NULL)
		self = member_of(last_seen, mesh->params.self);
	if (self == NULL)
		return; /* removed: it goes on under the address it had */
	g_free(mesh->own_text);
	mesh->own_text = handshake_text(self, mesh->params.several_addresses);
}

static void
restart_peer(PdkMesh *mesh, Peer *peer, PdkEffects *effects)
{
	if (peer->dial != 0)
		g_array_append_val(mesh->abandoned, peer->dial);
	if (peer->line)
		end_line(mesh, peer->line, false, effects);
	peer->dial = 0;
	peer->line = NULL;
	peer->state = PDK_PEER_LINK_DOWN;
	peer->lost = false;
	peer->said_up = false;
	peer->tries = 0;
	peer->dial_at_us = INT64_MIN;
	end_round(peer);
	forget_queue(peer);
	g_clear_pointer(&peer->last, g_bytes_unref);
}

void
pdk_mesh_restart(PdkMesh *mesh, PdkEffects *effects)
{
	for (unsigned i = 0; i < mesh->peers->len; i++)
		restart_peer(mesh, mesh->peers->pdata[i], effects);
	while (mesh->hellos.length > 0)
		end_line(mesh, g_queue_peek_head(&mesh->hellos), false, effects);
	g_queue_clear_full(&mesh->to_self, (GDestroyNotify)g_bytes_unref);
	effects->again = true; /* the reports */
}

PdkMesh *
pdk_mesh_new(const PdkMeshParams *params)
{
	pdk_assert(params->queue_length >= 1);
	PdkMesh *mesh = g_new0(PdkMesh, 1);
	mesh->params = *params;
	mesh->random = pdk_random(params->seed);
	mesh->peers = g_ptr_array_new_with_free_func(peer_free);
	mesh->lines = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, (GDestroyNotify)pdk_mesh_line_free);
	g_queue_init(&mesh->hellos);
	g_queue_init(&mesh->to_self);
	mesh->abandoned = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	mesh->own_text = g_strdup("0.0.0.0:0"); /* nowhere: who reads it uses what is configured */
	mesh->stranger_said_us = INT64_MIN;
	return mesh;
}

void
pdk_mesh_free(PdkMesh *mesh)
{
	replace_members(&mesh->committed, NULL);
	replace_members(&mesh->last_seen, NULL);
	g_ptr_array_unref(mesh->peers);
	g_queue_clear(&mesh->hellos);
	g_hash_table_unref(mesh->lines);
	g_queue_clear_full(&mesh->to_self, (GDestroyNotify)g_bytes_unref);
	g_array_unref(mesh->abandoned);
	g_free(mesh->own_text);
	g_free(mesh);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What each quirk makes of a server's words. Changes when one of them does. */
#include "sim/quirks.h"

#include "replica/hello.h"
#include "replica/replica-private.h"
#include "sim/packets.h"

#define FRAME_HEAD 4
#define VERSION_AT 36     /* in a notification */
#define LENGTH_3_4 40     /* of one without a configuration */
#define LENGTH_3_3 28     /* and without the peer epoch */
#define SHORTEST_ONE_OF 8 /* so many are that short */
#define OVERTAKES_ONE_OF 3
#define INFO_3_4 12       /* bytes of a LearnerInfo without the version of the configuration */
#define HELD_MAX_US (50 * SIM_MS)
#define SEGMENTS 16       /* what was held comes in about so many */

struct SimSpeech {
	SimEnd *end;
	SimTongue *tongue;
	unsigned peer;        /* its index */
	bool election, dialled;
	PdkBuffer out;        /* to be sent now */
	/* of an election */
	PdkBuffer kept;       /* no whole handshake or frame yet */
	bool greeted, begun;  /* the handshake is through, a frame was said */
	/* between learner and leader */
	SimPackets says, hears;
	bool observer, diff, told; /* as the learner said first, as its leader did; NEWLEADER was heard or said */
	bool up_to_date;      /* UPTODATE was said */
	unsigned markers;     /* acks of epoch << 32 that were said */
	GArray *proposals;    /* int64_t: heard before NEWLEADER */
	guint committed;      /* so many of them */
	int64_t overtaken;    /* the last of them that was acked before NEWLEADER was */
	int64_t proposed;     /* the last that was said */
	PdkBuffer held;       /* is sent later */
};

/* ---- what an election says ---- */

static void
put_frame(SimSpeech *speech, const uint8_t *frame, size_t length)
{
	pdk_put_bytes(&speech->out, frame, (int32_t)length);
}

/* Before 3.5 a handshake is the sid alone. */
static void
greet(SimSpeech *speech, const uint8_t *hello, size_t length)
{
	if (speech->tongue->quirk == SIM_QUIRK_3_4) {
		pdk_buffer_append(&speech->out, hello + 8, 8);
		speech->tongue->changed++;
	} else {
		pdk_buffer_append(&speech->out, hello, length);
	}
}

/* No configuration; now and then not even the peer epoch. */
static void
cut_notification(SimSpeech *speech, const uint8_t *frame, size_t length)
{
	uint8_t shorter[LENGTH_3_4];
	bool shortest = pdk_random_below(&speech->tongue->random, SHORTEST_ONE_OF) == 0;
	if (length <= LENGTH_3_4) {
		put_frame(speech, frame, length);
		return;
	}
	memcpy(shorter, frame, LENGTH_3_4);
	pdk_store_u32(shorter + VERSION_AT, 1);
	put_frame(speech, shorter, shortest ? LENGTH_3_3 : LENGTH_3_4);
	speech->tongue->changed++;
}

/* What was said last to this peer waited in a queue of one, and comes first on the next connection, however old it is. */
static void
repeat_last(SimSpeech *speech, const uint8_t *frame, size_t length)
{
	GBytes **last = &speech->tongue->last[speech->peer];
	g_autoptr(GBytes) now = g_bytes_new(frame, length);
	if (!speech->begun && *last && !g_bytes_equal(*last, now)) {
		put_frame(speech, g_bytes_get_data(*last, NULL), g_bytes_get_size(*last));
		speech->tongue->changed++;
	}
	g_clear_pointer(last, g_bytes_unref);
	*last = g_steal_pointer(&now);
	put_frame(speech, frame, length);
}

static void
say_frame(SimSpeech *speech, const uint8_t *frame, size_t length)
{
	switch (speech->tongue->quirk) {
	case SIM_QUIRK_3_4:
		cut_notification(speech, frame, length);
		break;
	case SIM_QUIRK_3_8:
		repeat_last(speech, frame, length);
		break;
	default:
		put_frame(speech, frame, length);
	}
	speech->begun = true;
}

/* How many bytes at the beginning were said; 0: more have to come. */
static size_t
say_election(SimSpeech *speech, const uint8_t *data, size_t length)
{
	if (!speech->greeted) {
		PdkHello hello;
		size_t used = 0;
		const char *why = NULL;
		if (pdk_hello_get(data, length, &hello, &used, &why) != PDK_HELLO_WHOLE)
			return 0;
		g_strfreev(hello.addresses);
		greet(speech, data, used);
		speech->greeted = true;
		return used;
	}
	if (length < FRAME_HEAD || length - FRAME_HEAD < pdk_load_u32(data))
		return 0;
	size_t frame = pdk_load_u32(data);
	say_frame(speech, data + FRAME_HEAD, frame);
	return FRAME_HEAD + frame;
}

static void
says_election(SimSpeech *speech, const uint8_t *data, size_t length)
{
	size_t at = 0, said;
	pdk_buffer_append(&speech->kept, data, length);
	PdkBuffer whole = speech->kept;
	speech->kept = (PdkBuffer){0};
	while (at < whole.length && (said = say_election(speech, whole.data + at, whole.length - at)) > 0)
		at += said;
	pdk_buffer_append(&speech->kept, whole.data + at, whole.length - at);
	pdk_buffer_clear(&whole);
}

/* ---- what learner and leader say ---- */

static void
put_as_it_is(PdkBuffer *out, const PdkPacket *packet)
{
	pdk_put_packet_auth(out, (PdkPacketType)packet->type, packet->zxid, packet->data.data, packet->data.length, packet->auth.data,
			    (size_t)packet->auth.length);
}

/* No version of a configuration is told by a learner, and no configuration by a leader. */
static void
say_3_4(SimSpeech *speech, const PdkPacket *packet)
{
	PdkPacket changed = *packet;
	bool info = packet->type == PDK_PACKET_FOLLOWERINFO || packet->type == PDK_PACKET_OBSERVERINFO;
	if (info && packet->data.length > INFO_3_4)
		changed.data.length = INFO_3_4;
	if (packet->type == PDK_PACKET_NEWLEADER)
		changed.data = (PdkSlice){NULL, -1};
	speech->tongue->changed += changed.data.length != packet->data.length;
	put_as_it_is(&speech->out, &changed);
}

/* No ids: an empty list instead of none. */
static void
say_3_5(SimSpeech *speech, const PdkPacket *packet)
{
	static const uint8_t none[4];
	PdkPacket changed = *packet;
	if (packet->auth.length >= 4 && pdk_load_u32(packet->auth.data) == UINT32_MAX) {
		changed.auth = (PdkSlice){none, sizeof none};
		speech->tongue->changed++;
	}
	put_as_it_is(&speech->out, &changed);
}

static void
add_packet(SimSpeech *speech, PdkPacketType type, int64_t zxid)
{
	pdk_put_packet(&speech->out, type, zxid, NULL, -1);
	speech->tongue->changed++;
}

static void
ack_proposals(SimSpeech *speech, guint n)
{
	for (guint i = 0; i < n; i++)
		add_packet(speech, PDK_PACKET_ACK, g_array_index(speech->proposals, int64_t, i));
}

/* Its acks of what came before NEWLEADER overtake that of NEWLEADER (ZOOKEEPER-4685), and are not said again. */
static void
overtake(SimSpeech *speech)
{
	guint n = speech->proposals->len;
	if (n == 0 || pdk_random_below(&speech->tongue->random, OVERTAKES_ONE_OF) != 0)
		return;
	ack_proposals(speech, n);
	speech->overtaken = g_array_index(speech->proposals, int64_t, n - 1);
}

/* A follower of 3.8.0 acks what came with its commit, too: when it is up to date, or too early. */
static void
say_3_8_as_learner(SimSpeech *speech, const PdkPacket *packet)
{
	bool ack = packet->type == PDK_PACKET_ACK, marker = ack && pdk_zxid_counter(packet->zxid) == 0;
	speech->observer = speech->observer || packet->type == PDK_PACKET_OBSERVERINFO;
	speech->markers += marker;
	if (marker && speech->markers == 1 && !speech->observer)
		overtake(speech);
	if (!ack || marker || packet->zxid > speech->overtaken)
		put_as_it_is(&speech->out, packet);
	if (marker && speech->markers == 2 && !speech->observer && speech->overtaken == 0)
		ack_proposals(speech, speech->committed);
}

/* A leader pings whoever was sent NEWLEADER. */
static void
say_3_8_as_leader(SimSpeech *speech, const PdkPacket *packet)
{
	bool last = packet->type == PDK_PACKET_UPTODATE;
	if (packet->type == PDK_PACKET_PROPOSAL || packet->type == PDK_PACKET_INFORM || packet->type == PDK_PACKET_NEWLEADER)
		speech->proposed = MAX(speech->proposed, packet->zxid);
	if (speech->told && !speech->up_to_date && (last || pdk_random_below(&speech->tongue->random, 2)))
		add_packet(speech, PDK_PACKET_PING, speech->proposed);
	put_as_it_is(&speech->out, packet);
	if (packet->type == PDK_PACKET_NEWLEADER)
		add_packet(speech, PDK_PACKET_PING, speech->proposed);
	speech->told = speech->told || packet->type == PDK_PACKET_NEWLEADER;
	speech->up_to_date = speech->up_to_date || last;
}

typedef struct {
	SimEnd *end;
} Due;

static void
held_long_enough(void *data)
{
	const Due *due = data;
	sim_speech_flush(due->end->speech);
}

/* An ack waits, and all that is said behind it. */
static void
say_slowly(SimSpeech *speech, const PdkPacket *packet)
{
	Sim *sim = speech->end->sim;
	bool waits = speech->held.length > 0;
	if (!waits && packet->type == PDK_PACKET_ACK) {
		Due *due = g_new0(Due, 1);
		due->end = speech->end;
		sim_later(sim, sim->now_us + 1 + (int64_t)pdk_random_below(&speech->tongue->random, HELD_MAX_US), held_long_enough, due);
		waits = true;
	}
	speech->tongue->changed += waits;
	put_as_it_is(waits ? &speech->held : &speech->out, packet);
}

static void
say_packet(SimSpeech *speech, const PdkPacket *packet)
{
	switch (speech->tongue->quirk) {
	case SIM_QUIRK_3_4:
		say_3_4(speech, packet);
		return;
	case SIM_QUIRK_3_5:
		say_3_5(speech, packet);
		return;
	case SIM_QUIRK_3_8:
		if (speech->dialled)
			say_3_8_as_learner(speech, packet);
		else
			say_3_8_as_leader(speech, packet);
		return;
	case SIM_QUIRK_SLOW_ACKS:
		say_slowly(speech, packet);
		return;
	case SIM_QUIRK_NONE:
		g_assert_not_reached();
	}
}

static void
says_packets(SimSpeech *speech, const uint8_t *data, size_t length)
{
	while (length > 0) {
		SimPiece piece = sim_packets_next(&speech->says, &data, &length);
		if (piece.kind == SIM_PIECE_PACKET)
			say_packet(speech, &piece.packet);
		else if (piece.kind == SIM_PIECE_BODY)
			pdk_buffer_append(&speech->out, piece.body, piece.body_length);
		else if (piece.kind == SIM_PIECE_BAD)
			return; /* the checkers tell of it */
	}
}

/* ---- connections ---- */

static void
send_part(SimSpeech *speech, const uint8_t *data, size_t length)
{
	g_autoptr(GBytes) bytes = g_bytes_new(data, length);
	sim_send_to(speech->end->sim, speech->end->other, bytes);
}

void
sim_speech_says(SimSpeech *speech, GBytes *bytes)
{
	size_t length;
	const uint8_t *data = g_bytes_get_data(bytes, &length);
	if (speech->election)
		says_election(speech, data, length);
	else
		says_packets(speech, data, length);
	send_part(speech, speech->out.data, speech->out.length);
	speech->out.length = 0;
}

void
sim_speech_flush(SimSpeech *speech)
{
	size_t each = speech->held.length / SEGMENTS + 1;
	for (size_t at = 0; at < speech->held.length; at += each)
		send_part(speech, speech->held.data + at, MIN(each, speech->held.length - at));
	speech->held.length = 0;
}

static void
hear_packet(SimSpeech *speech, const PdkPacket *packet)
{
	speech->diff = speech->diff || packet->type == PDK_PACKET_DIFF;
	speech->told = packet->type == PDK_PACKET_NEWLEADER;
	if (speech->diff && packet->type == PDK_PACKET_PROPOSAL)
		g_array_append_val(speech->proposals, packet->zxid);
	speech->committed += speech->diff && (packet->type == PDK_PACKET_COMMIT || packet->type == PDK_PACKET_COMMIT_AND_ACTIVATE);
}

void
sim_speech_hears(SimSpeech *speech, const uint8_t *data, size_t length)
{
	if (speech->election || !speech->dialled)
		return;
	while (length > 0 && !speech->told) {
		SimPiece piece = sim_packets_next(&speech->hears, &data, &length);
		if (piece.kind == SIM_PIECE_PACKET)
			hear_packet(speech, &piece.packet);
		else if (piece.kind == SIM_PIECE_BAD)
			return;
	}
}

void
sim_speech_open(SimEnd *end, PdkPurpose purpose, bool dialled)
{
	if (end->node->tongue.quirk == SIM_QUIRK_NONE)
		return;
	SimSpeech *speech = g_new0(SimSpeech, 1);
	speech->end = end;
	speech->tongue = &end->node->tongue;
	speech->peer = end->other->node->index;
	speech->election = purpose == PDK_PURPOSE_ELECTION;
	speech->dialled = dialled;
	speech->greeted = !dialled;
	speech->proposals = g_array_new(FALSE, FALSE, sizeof(int64_t));
	sim_packets_init(&speech->says);
	sim_packets_init(&speech->hears);
	end->speech = speech;
}

void
sim_speech_free(SimSpeech *speech)
{
	sim_packets_clear(&speech->says);
	sim_packets_clear(&speech->hears);
	g_array_unref(speech->proposals);
	pdk_buffer_clear(&speech->out);
	pdk_buffer_clear(&speech->kept);
	pdk_buffer_clear(&speech->held);
	g_free(speech);
}

/* ---- who speaks so ---- */

static const char *const names[] = {
	[SIM_QUIRK_NONE] = "none",
	[SIM_QUIRK_3_4] = "java-3.4",
	[SIM_QUIRK_3_5] = "java-3.5",
	[SIM_QUIRK_3_8] = "java-3.8",
	[SIM_QUIRK_SLOW_ACKS] = "slow-acks",
};

const char *
sim_quirk_name(unsigned index)
{
	return index < G_N_ELEMENTS(names) ? names[index] : NULL;
}

bool
sim_set_quirk(Sim *sim, unsigned server, const char *name)
{
	SimTongue *tongue = &sim->nodes[server].tongue;
	g_assert(!sim->nodes[server].up);
	for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
		if (strcmp(names[i], name) != 0)
			continue;
		tongue->quirk = (SimQuirk)i;
		tongue->random = pdk_random(sim->params.seed * 31 + server);
		return true;
	}
	return false;
}

unsigned
sim_quirk_changed(const Sim *sim, unsigned server)
{
	return sim->nodes[server].tongue.changed;
}

void
sim_quirk_forgets(Node *node)
{
	for (unsigned i = 0; i < MAX_SERVERS; i++)
		g_clear_pointer(&node->tongue.last[i], g_bytes_unref);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "golden/words.h"

#include "../plugins/election/fle/notification.h"
#include "../plugins/election/paxos/paxos.h"
#include "replica/hello.h"

#include <inttypes.h>

#define LONGEST (16 * 1024 * 1024)
#define SIGNATURE "BenWasHere"

char *
words_zxid(int64_t zxid)
{
	if (zxid == INT64_MIN)
		return g_strdup("none");
	return g_strdup_printf("%" PRId64 ".%" PRId64, zxid >> 32, zxid & 0xffffffff);
}

/* ---- Paxos ---- */

static char *
words_ballot(PaxosInstance instance, PaxosBallot ballot)
{
	return g_strdup_printf("attempt %" PRId64 " ballot %" PRId64 ".%" PRId64, instance.k, ballot.n, ballot.sid);
}

static char *
words_history(PaxosSummary summary)
{
	g_autofree char *zxid = words_zxid(summary.zxid);
	return g_strdup_printf("log %s (epoch %" PRId64 ")", zxid, summary.epoch);
}

static char *
words_promise(const PaxosMessage *message, const char *ballot)
{
	g_autofree char *history = words_history(message->summary);
	if (message->accepted.n == 0)
		return g_strdup_printf("PROMISE %s, nothing accepted, %s", ballot, history);
	return g_strdup_printf("PROMISE %s, accepted ballot %" PRId64 ".%" PRId64 " value %" PRId64 ", %s", ballot,
			       message->accepted.n, message->accepted.sid, message->accepted_value, history);
}

static char *
words_status(const PaxosMessage *message)
{
	g_autofree char *history = words_history(message->summary);
	switch (message->status) {
	case PAXOS_LOOKING:
		return g_strdup_printf("STATUS looking, %s", history);
	case PAXOS_PENDING:
		return g_strdup_printf("STATUS on the way to leader %" PRId64 ", chosen in attempt %" PRId64, message->value,
				       message->instance.k);
	default:
		return g_strdup_printf("STATUS with leader %" PRId64 ", chosen in attempt %" PRId64, message->value,
				       message->instance.k);
	}
}

static char *
words_paxos(const PaxosMessage *message)
{
	g_autofree char *ballot = words_ballot(message->instance, message->ballot);
	switch (message->type) {
	case PAXOS_QUERY:
		return g_strdup("QUERY");
	case PAXOS_STATUS:
		return words_status(message);
	case PAXOS_PREPARE:
		return g_strdup_printf("PREPARE %s", ballot);
	case PAXOS_PROMISE:
		return words_promise(message, ballot);
	case PAXOS_ACCEPT:
		return g_strdup_printf("ACCEPT %s value %" PRId64, ballot, message->value);
	case PAXOS_ACCEPTED:
		return g_strdup_printf("ACCEPTED %s value %" PRId64, ballot, message->value);
	case PAXOS_CHOSEN:
		return g_strdup_printf("CHOSEN attempt %" PRId64 " value %" PRId64, message->instance.k, message->value);
	case PAXOS_NACK:
		return g_strdup_printf("NACK, promised %s", ballot);
	}
	return g_strdup("?");
}

/* ---- FastLeaderElection ---- */

static char *
words_vote(const Notification *heard)
{
	static const char *const states[] = {"", " as follower", " as leader", " as observer"};
	g_autofree char *zxid = words_zxid(heard->vote.zxid);
	if (heard->vote.leader == INT64_MIN)
		return g_strdup_printf("asks for a leader, round %" PRId64, heard->vote.round);
	return g_strdup_printf("vote %" PRId64 " (epoch %" PRId64 ", zxid %s), round %" PRId64 "%s", heard->vote.leader,
			       heard->vote.peer_epoch, zxid, heard->vote.round, states[CLAMP(heard->state, 0, 3)]);
}

/* ---- Zab ---- */

static unsigned
topic_of_packet(int32_t type)
{
	switch (type) {
	case PDK_PACKET_FOLLOWERINFO:
	case PDK_PACKET_OBSERVERINFO:
	case PDK_PACKET_LEADERINFO:
	case PDK_PACKET_ACKEPOCH:
		return TOPIC_DISCOVERY;
	case PDK_PACKET_DIFF:
	case PDK_PACKET_TRUNC:
	case PDK_PACKET_SNAP:
	case PDK_PACKET_NEWLEADER:
	case PDK_PACKET_UPTODATE:
		return TOPIC_SYNC;
	case PDK_PACKET_PROPOSAL:
	case PDK_PACKET_ACK:
	case PDK_PACKET_COMMIT:
	case PDK_PACKET_INFORM:
	case PDK_PACKET_COMMIT_AND_ACTIVATE:
	case PDK_PACKET_INFORM_AND_ACTIVATE:
		return TOPIC_BROADCAST;
	default:
		return 0;
	}
}

static char *
words_ackepoch(const PdkPacket *packet, const char *zxid)
{
	int32_t epoch = packet->data.length >= 4 ? (int32_t)pdk_load_u32(packet->data.data) : 0;
	if (epoch == -1)
		return g_strdup_printf("ACKEPOCH log to %s, promised before: does not count", zxid);
	return g_strdup_printf("ACKEPOCH log to %s, of epoch %" PRId32, zxid, epoch);
}

static char *
words_packet(const PdkPacket *packet)
{
	g_autofree char *zxid = words_zxid(packet->zxid);
	switch (packet->type) {
	case PDK_PACKET_FOLLOWERINFO:
	case PDK_PACKET_OBSERVERINFO:
		return g_strdup_printf("%s accepted epoch %" PRId64, pdk_packet_name(packet->type), packet->zxid >> 32);
	case PDK_PACKET_LEADERINFO:
		return g_strdup_printf("LEADERINFO epoch %" PRId64, packet->zxid >> 32);
	case PDK_PACKET_ACKEPOCH:
		return words_ackepoch(packet, zxid);
	case PDK_PACKET_COMMIT_AND_ACTIVATE:
	case PDK_PACKET_INFORM_AND_ACTIVATE:
		return g_strdup_printf("%s %s, leader %" PRId64, pdk_packet_name(packet->type), zxid,
				       packet->data.length >= 8 ? (int64_t)pdk_load_u64(packet->data.data) : -1);
	case PDK_PACKET_UPTODATE:
	case PDK_PACKET_REQUEST:
	case PDK_PACKET_SYNC:
	case PDK_PACKET_REVALIDATE:
		return g_strdup(pdk_packet_name(packet->type));
	default:
		return g_strdup_printf("%s %s", pdk_packet_name(packet->type), zxid);
	}
}

char *
words_record(const char *key, GBytes *value)
{
	PaxosRecord record;
	if (strcmp(key, PAXOS_RECORD_KEY) != 0) {
		g_autofree char *text = g_strndup(g_bytes_get_data(value, NULL), g_bytes_get_size(value));
		return g_strdup_printf("%s %s", key, g_strstrip(text));
	}
	if (!pdk_paxos_record_decode(value, &record))
		return g_strdup("a promise that cannot be read");
	g_autofree char *ballot = words_ballot(record.instance, record.ballot);
	if (record.accepted.n == 0)
		return g_strdup_printf("promise of %s", ballot);
	if (pdk_paxos_compare_ballots(record.accepted, record.ballot) == 0)
		return g_strdup_printf("value %" PRId64 " accepted in %s", record.value, ballot);
	return g_strdup_printf("promise of %s, value %" PRId64 " accepted in ballot %" PRId64 ".%" PRId64, ballot, record.value,
			       record.accepted.n, record.accepted.sid);
}

/* ---- streams ---- */

struct Stream {
	PdkPurpose purpose;
	bool greets;   /* the handshake is awaited */
	bool snapshot; /* the body of a SNAP is on its way, up to its signature */
	GByteArray *bytes;
};

Stream *
stream_new(PdkPurpose purpose, bool greets)
{
	if (purpose != PDK_PURPOSE_ELECTION && purpose != PDK_PURPOSE_QUORUM)
		return NULL;
	Stream *stream = g_new0(Stream, 1);
	stream->purpose = purpose;
	stream->greets = greets && purpose == PDK_PURPOSE_ELECTION;
	stream->bytes = g_byte_array_new();
	return stream;
}

void
stream_free(Stream *stream)
{
	if (stream)
		g_byte_array_unref(stream->bytes);
	g_free(stream);
}

static void
tell_message(const uint8_t *data, size_t length, StreamTold told, void *context)
{
	PaxosMessage message;
	Notification heard;
	bool query = false;
	g_autofree char *text = NULL;
	if (pdk_paxos_decode(data, length, &message)) {
		text = words_paxos(&message);
		query = message.type == PAXOS_QUERY || message.type == PAXOS_STATUS;
	} else if (notification_read(data, length, &heard) == NOTIFICATION_OK) {
		text = words_vote(&heard);
	}
	told(context, text ? text : "nonsense", query ? TOPIC_QUERY : TOPIC_ELECTION);
}

static size_t
take_greeting(Stream *stream)
{
	PdkHello hello = {0};
	size_t used = 0;
	const char *why;
	if (pdk_hello_get(stream->bytes->data, stream->bytes->len, &hello, &used, &why) != PDK_HELLO_WHOLE)
		return 0;
	g_strfreev(hello.addresses);
	stream->greets = false;
	return used;
}

static size_t
take_frame(const Stream *stream, StreamTold told, void *context)
{
	if (stream->bytes->len < 4)
		return 0;
	size_t length = pdk_load_u32(stream->bytes->data);
	if (stream->bytes->len < 4 + length)
		return 0;
	tell_message(stream->bytes->data + 4, length, told, context);
	return 4 + length;
}

static size_t
take_packet(Stream *stream, StreamTold told, void *context)
{
	PdkPacketCutter cutter;
	PdkPacket packet;
	const uint8_t *data = stream->bytes->data;
	size_t length = stream->bytes->len, used = 0;
	const char *why;
	pdk_packet_cutter_init(&cutter, LONGEST);
	if (pdk_packet_cut(&cutter, &data, &length, &packet, &why) == PDK_CUT_PACKET) {
		g_autofree char *text = words_packet(&packet);
		bool of_sync = packet.type == PDK_PACKET_ACK && (packet.zxid & 0xffffffff) == 0;
		told(context, text, of_sync ? TOPIC_SYNC : topic_of_packet(packet.type));
		stream->snapshot = packet.type == PDK_PACKET_SNAP;
		used = stream->bytes->len - length;
	}
	pdk_packet_cutter_clear(&cutter);
	return used;
}

/* A body has no length: it ends with its signature. */
static size_t
take_snapshot(Stream *stream, StreamTold told, void *context)
{
	const uint8_t *data = stream->bytes->data;
	for (size_t at = 0; at + strlen(SIGNATURE) <= stream->bytes->len; at++) {
		if (memcmp(data + at, SIGNATURE, strlen(SIGNATURE)) != 0)
			continue;
		stream->snapshot = false;
		told(context, "the whole tree", TOPIC_SYNC);
		return at + strlen(SIGNATURE);
	}
	return 0;
}

void
stream_take(Stream *stream, const uint8_t *data, size_t length, StreamTold told, void *context)
{
	size_t used;
	g_byte_array_append(stream->bytes, data, (guint)length);
	do {
		if (stream->bytes->len == 0)
			used = 0;
		else if (stream->purpose == PDK_PURPOSE_QUORUM)
			used = stream->snapshot ? take_snapshot(stream, told, context) : take_packet(stream, told, context);
		else
			used = stream->greets ? take_greeting(stream) : take_frame(stream, told, context);
		g_byte_array_remove_range(stream->bytes, 0, (guint)used);
	} while (used > 0);
}

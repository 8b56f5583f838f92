/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages as bytes: magic (int), type (int), then the fields of the type as big-endian longs in the order below, then, if it has
 * one, a configuration text up to the end. Changes when a message gets another field. One walk over the fields both writes and
 * reads, so the two cannot differ.
 */
#include "paxos.h"

#include <string.h>

enum {
	INSTANCE = 1 << 0,
	BALLOT = 1 << 1,
	VALUE = 1 << 2,
	ACCEPTED = 1 << 3,
	SUMMARY = 1 << 4,
	KNOWN = 1 << 5, /* cv, k, committed */
	STATUS = 1 << 6,
	SPENT = 1 << 7,
	TEXT = 1 << 8,
};

static const unsigned fields_of[] = {
	[PAXOS_QUERY] = SUMMARY | KNOWN,
	[PAXOS_STATUS] = INSTANCE | VALUE | SUMMARY | KNOWN | STATUS | TEXT,
	[PAXOS_PREPARE] = INSTANCE | BALLOT,
	[PAXOS_PROMISE] = INSTANCE | BALLOT | ACCEPTED | SUMMARY,
	[PAXOS_ACCEPT] = INSTANCE | BALLOT | VALUE,
	[PAXOS_ACCEPTED] = INSTANCE | BALLOT | VALUE,
	[PAXOS_CHOSEN] = INSTANCE | VALUE,
	[PAXOS_NACK] = INSTANCE | BALLOT | KNOWN | SPENT | TEXT,
};

/* Writes to `out`, or, where that is NULL, reads from `in`. */
typedef struct {
	GByteArray *out;
	const uint8_t *in;
	size_t left;
	bool bad;
} Walk;

static void
walk_int(Walk *walk, uint32_t *value)
{
	uint32_t wire = GUINT32_TO_BE(*value);

	if (walk->out) {
		g_byte_array_append(walk->out, (const guint8 *)&wire, sizeof(wire));
		return;
	}
	walk->bad = walk->bad || walk->left < sizeof(wire);
	if (walk->bad)
		return;
	memcpy(&wire, walk->in, sizeof(wire));
	walk->in += sizeof(wire);
	walk->left -= sizeof(wire);
	*value = GUINT32_FROM_BE(wire);
}

/* What is read must lie between @min and @max. */
static void
walk_long(Walk *walk, int64_t *value, int64_t min, int64_t max)
{
	uint32_t high = (uint32_t)((uint64_t)*value >> 32), low = (uint32_t)*value;

	walk_int(walk, &high);
	walk_int(walk, &low);
	*value = (int64_t)((uint64_t)high << 32 | low);
	if (!walk->out && (*value < min || *value > max))
		walk->bad = true;
}

static void
walk_instance(Walk *walk, PaxosInstance *instance)
{
	walk_long(walk, &instance->cv, 0, INT64_MAX);
	walk_long(walk, &instance->k, 0, PAXOS_LIMIT);
}

static void
walk_ballot(Walk *walk, PaxosBallot *ballot)
{
	walk_long(walk, &ballot->n, 0, PAXOS_LIMIT);
	walk_long(walk, &ballot->sid, PAXOS_NOBODY, INT64_MAX);
}

static void
walk_summary(Walk *walk, PaxosSummary *summary)
{
	walk_long(walk, &summary->epoch, -1, INT64_MAX);
	walk_long(walk, &summary->zxid, -1, INT64_MAX);
}

static void
walk_status(Walk *walk, PaxosStatus *status)
{
	int64_t number = *status;

	walk_long(walk, &number, PAXOS_LOOKING, PAXOS_ATTACHED);
	if (!walk->bad)
		*status = (PaxosStatus)number;
}

static void
walk_fields(Walk *walk, PaxosMessage *message)
{
	unsigned fields = fields_of[message->type];

	if (fields & INSTANCE)
		walk_instance(walk, &message->instance);
	if (fields & BALLOT)
		walk_ballot(walk, &message->ballot);
	if (fields & VALUE)
		walk_long(walk, &message->value, PAXOS_NOBODY, INT64_MAX);
	if (fields & ACCEPTED) {
		walk_ballot(walk, &message->accepted);
		walk_long(walk, &message->accepted_value, PAXOS_NOBODY, INT64_MAX);
	}
	if (fields & SUMMARY)
		walk_summary(walk, &message->summary);
	if (fields & KNOWN) {
		walk_long(walk, &message->cv, 0, INT64_MAX);
		walk_long(walk, &message->k, 0, PAXOS_LIMIT);
		walk_long(walk, &message->committed, 0, INT64_MAX);
	}
	if (fields & STATUS)
		walk_status(walk, &message->status);
	if (fields & SPENT)
		walk_instance(walk, &message->spent);
}

GBytes *
pdk_paxos_encode(const PaxosMessage *message)
{
	PaxosMessage copy = *message;
	uint32_t magic = PDK_ELECTION_MAGIC_PAXOS, type = copy.type;
	Walk walk = {.out = g_byte_array_new()};

	walk_int(&walk, &magic);
	walk_int(&walk, &type);
	walk_fields(&walk, &copy);
	if (fields_of[copy.type] & TEXT && copy.text_length > 0)
		g_byte_array_append(walk.out, copy.text, (guint)copy.text_length);
	return g_byte_array_free_to_bytes(walk.out);
}

/* What no correct sender says, although each number is within its range. */
static bool
makes_sense(const PaxosMessage *message)
{
	switch (message->type) {
	case PAXOS_PREPARE:
	case PAXOS_PROMISE:
		return message->instance.k > 0 && message->ballot.n > 0 &&
		       (message->accepted.n == 0 || message->accepted_value != PAXOS_NOBODY);
	case PAXOS_ACCEPT:
	case PAXOS_ACCEPTED:
		return message->instance.k > 0 && message->ballot.n > 0 && message->value != PAXOS_NOBODY;
	case PAXOS_CHOSEN:
		return message->instance.k > 0 && message->value != PAXOS_NOBODY;
	case PAXOS_STATUS:
		return message->status == PAXOS_LOOKING || message->value != PAXOS_NOBODY;
	default:
		return true;
	}
}

bool
pdk_paxos_decode(const uint8_t *data, size_t length, PaxosMessage *message)
{
	uint32_t magic = 0, type = 0;
	Walk walk = {.in = data, .left = length};

	*message = (PaxosMessage){0};
	walk_int(&walk, &magic);
	walk_int(&walk, &type);
	if (walk.bad || magic != PDK_ELECTION_MAGIC_PAXOS || type < PAXOS_QUERY || type > PAXOS_NACK)
		return false;
	message->type = (PaxosType)type;
	walk_fields(&walk, message);
	if (walk.bad || (walk.left > 0 && !(fields_of[type] & TEXT)))
		return false;
	message->text = walk.in;
	message->text_length = walk.left;
	return makes_sense(message);
}

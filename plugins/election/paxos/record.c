/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The acceptor's record as bytes: magic and layout (ints), then seven longs: cv, k, promised n and sid, accepted n and sid,
 * value. Changes when an acceptor has to remember something else.
 */
#include "paxos.h"

#include <string.h>

#define LAYOUT 1
#define NUMBERS 7

typedef struct {
	uint32_t magic, layout;
	uint64_t numbers[NUMBERS];
} Image;

G_STATIC_ASSERT(sizeof(Image) == 64);

GBytes *
pdk_paxos_record_encode(const PaxosRecord *record)
{
	const int64_t numbers[NUMBERS] = {
		record->instance.cv, record->instance.k, record->ballot.n, record->ballot.sid,
		record->accepted.n, record->accepted.sid, record->value,
	};
	Image image = {.magic = GUINT32_TO_BE(PDK_ELECTION_MAGIC_PAXOS), .layout = GUINT32_TO_BE(LAYOUT)};

	for (unsigned i = 0; i < NUMBERS; i++)
		image.numbers[i] = GUINT64_TO_BE((uint64_t)numbers[i]);
	return g_bytes_new(&image, sizeof(image));
}

static bool
within(int64_t value, int64_t min, int64_t max)
{
	return value >= min && value <= max;
}

bool
pdk_paxos_record_decode(GBytes *bytes, PaxosRecord *record)
{
	Image image;
	int64_t numbers[NUMBERS];

	if (g_bytes_get_size(bytes) != sizeof(image))
		return false;
	memcpy(&image, g_bytes_get_data(bytes, NULL), sizeof(image));
	if (GUINT32_FROM_BE(image.magic) != PDK_ELECTION_MAGIC_PAXOS || GUINT32_FROM_BE(image.layout) != LAYOUT)
		return false;
	for (unsigned i = 0; i < NUMBERS; i++)
		numbers[i] = (int64_t)GUINT64_FROM_BE(image.numbers[i]);
	*record = (PaxosRecord){
		.instance = {.cv = numbers[0], .k = numbers[1]},
		.ballot = {.n = numbers[2], .sid = numbers[3]},
		.accepted = {.n = numbers[4], .sid = numbers[5]},
		.value = numbers[6],
	};
	return record->instance.cv >= 0 && within(record->instance.k, 1, PAXOS_LIMIT) &&
	       within(record->ballot.n, 1, PAXOS_LIMIT) && within(record->accepted.n, 0, record->ballot.n) && (record->accepted.n == 0 || record->value >= 0);
}

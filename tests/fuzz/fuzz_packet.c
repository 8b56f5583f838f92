/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a stream of quorum packets. The first byte seeds the lengths of the pieces it comes in; cut whole, the same
 * packets must come out, and written again they must be the bytes that were read.
 */
#include "base/random.h"
#include "replica/packet.h"

#define LONGEST_DATA 4096
#define LONGEST_PIECE 40

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
write_again(PdkBuffer *out, const PdkPacket *packet)
{
	pdk_assert(packet->data.length >= -1 && packet->data.length <= LONGEST_DATA && packet->auth.length >= 4);
	pdk_put_packet_auth(out, (PdkPacketType)packet->type, packet->zxid, packet->data.data, packet->data.length,
			    packet->auth.data, (size_t)packet->auth.length);
	PdkLearnerInfo info;
	pdk_get_learner_info(packet->data, &info);
	pdk_assert(pdk_packet_name(packet->type) != NULL);
}

/* The packets found, one behind the other, go to @out. True: bad bytes followed. */
static bool
cut(const uint8_t *data, size_t size, PdkRandom *random, PdkBuffer *out)
{
	PdkPacketCutter cutter;
	pdk_packet_cutter_init(&cutter, LONGEST_DATA);
	PdkCut found = PDK_CUT_MORE;
	for (size_t done = 0; done < size && found != PDK_CUT_BAD;) {
		size_t piece = random ? 1 + pdk_random_below(random, LONGEST_PIECE) : size;
		size_t now = MIN(piece, size - done);
		g_autofree uint8_t *exact = g_memdup2(data + done, now);
		const uint8_t *at = exact;
		size_t left = now;
		PdkPacket packet;
		const char *why = NULL;
		while ((found = pdk_packet_cut(&cutter, &at, &left, &packet, &why)) == PDK_CUT_PACKET)
			write_again(out, &packet);
		pdk_assert(found == PDK_CUT_BAD ? why != NULL : left == 0);
		done += now;
	}
	pdk_packet_cutter_clear(&cutter);
	return found == PDK_CUT_BAD;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	PdkRandom random = pdk_random(data[0]);
	PdkBuffer pieces = {0}, whole = {0};
	bool bad_pieces = cut(data + 1, size - 1, &random, &pieces);
	bool bad_whole = cut(data + 1, size - 1, NULL, &whole);
	pdk_assert(bad_pieces == bad_whole);
	pdk_assert(pieces.length == whole.length && pieces.length <= size - 1);
	pdk_assert(pieces.length == 0 || memcmp(pieces.data, whole.data, pieces.length) == 0);
	pdk_assert(pieces.length == 0 || memcmp(pieces.data, data + 1, pieces.length) == 0);
	pdk_buffer_clear(&pieces);
	pdk_buffer_clear(&whole);
	return 0;
}

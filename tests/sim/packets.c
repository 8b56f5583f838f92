/* SPDX-License-Identifier: Apache-2.0 */
/* How the end of a snapshot's body is found, and packets around it. */
#define _GNU_SOURCE /* memmem */
#include "sim/packets.h"

#define BODY_END "\0\0\0\1/\0\0\0\nBenWasHere" /* the end of the nodes and the signature */
#define BODY_END_BYTES (sizeof BODY_END - 1)
#define LONGEST_PACKET (64 * 1024 * 1024)

void
sim_packets_init(SimPackets *packets)
{
	*packets = (SimPackets){0};
	pdk_packet_cutter_init(&packets->cutter, LONGEST_PACKET);
}

void
sim_packets_clear(SimPackets *packets)
{
	pdk_packet_cutter_clear(&packets->cutter);
}

/* How many bytes of @data end the body that begins with the bytes kept of it; 0: it does not end here. */
static size_t
body_ends(const SimPackets *packets, const uint8_t *data, size_t length)
{
	uint8_t joint[2 * BODY_END_BYTES];
	size_t more = MIN(length, BODY_END_BYTES - 1);
	memcpy(joint, packets->tail, packets->n_tail);
	memcpy(joint + packets->n_tail, data, more);
	const uint8_t *found = memmem(joint, packets->n_tail + more, BODY_END, BODY_END_BYTES);
	if (found)
		return (size_t)(found - joint) + BODY_END_BYTES - packets->n_tail;
	found = memmem(data, length, BODY_END, BODY_END_BYTES);
	return found ? (size_t)(found - data) + BODY_END_BYTES : 0;
}

static void
keep_tail(SimPackets *packets, const uint8_t *data, size_t length)
{
	size_t kept = MIN(packets->n_tail, BODY_END_BYTES - 1 - MIN(length, BODY_END_BYTES - 1));
	size_t more = MIN(length, BODY_END_BYTES - 1);
	memmove(packets->tail, packets->tail + packets->n_tail - kept, kept);
	memcpy(packets->tail + kept, data + length - more, more);
	packets->n_tail = (unsigned)(kept + more);
}

/* A snapshot has no length: its end is looked for, also across pieces. */
static SimPiece
take_body(SimPackets *packets, const uint8_t **data, size_t *length)
{
	size_t taken = body_ends(packets, *data, *length);
	if (taken > 0) {
		packets->in_body = false;
		packets->n_tail = 0;
	} else {
		keep_tail(packets, *data, *length);
		taken = *length;
	}
	SimPiece piece = {.kind = SIM_PIECE_BODY, .body = *data, .body_length = taken};
	*data += taken;
	*length -= taken;
	return piece;
}

SimPiece
sim_packets_next(SimPackets *packets, const uint8_t **data, size_t *length)
{
	if (packets->in_body)
		return take_body(packets, data, length);
	SimPiece piece = {.kind = SIM_PIECE_MORE};
	PdkCut cut = pdk_packet_cut(&packets->cutter, data, length, &piece.packet, &piece.why);
	if (cut == PDK_CUT_BAD)
		piece.kind = SIM_PIECE_BAD;
	if (cut == PDK_CUT_PACKET)
		piece.kind = SIM_PIECE_PACKET;
	packets->in_body = cut == PDK_CUT_PACKET && piece.packet.type == PDK_PACKET_SNAP;
	return piece;
}

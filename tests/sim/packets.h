/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one side says to the other between a learner and its leader, cut into packets and the bodies of snapshots. Changes when
 * the way packets stand in the stream does.
 */
#ifndef TESTS_SIM_PACKETS_H
#define TESTS_SIM_PACKETS_H

#include "replica/packet.h"

/* One direction of a connection. */
typedef struct {
	PdkPacketCutter cutter;
	bool in_body;     /* of a snapshot: not made of packets */
	uint8_t tail[32]; /* the last bytes of the body */
	unsigned n_tail;
} SimPackets;

typedef enum {
	SIM_PIECE_MORE,   /* all bytes were taken, the packet is not whole yet */
	SIM_PIECE_PACKET,
	SIM_PIECE_BODY,   /* bytes of a snapshot behind its packet, lent by the caller's own data */
	SIM_PIECE_BAD,    /* not a packet; *why is static text */
} SimPieceKind;

typedef struct {
	SimPieceKind kind;
	PdkPacket packet; /* valid until the next call */
	const uint8_t *body;
	size_t body_length;
	const char *why;
} SimPiece;

void sim_packets_init(SimPackets *packets);
void sim_packets_clear(SimPackets *packets);
/* Takes bytes from *@data (moved, *@length lowered, which is not 0). */
SimPiece sim_packets_next(SimPackets *packets, const uint8_t **data, size_t *length);

#endif

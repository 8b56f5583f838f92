/* SPDX-License-Identifier: Apache-2.0 */
/* Every packet between a learner and its leader is shown to the checkers as it is sent. Changes when what they are shown does. */
#include "sim/checks-talk.h"

void
sim_talk_open(SimEnd *from, SimEnd *to, PdkPurpose purpose)
{
	SimTalk *talk = g_new0(SimTalk, 1);
	talk->learner = from->node;
	talk->leader = to->node;
	talk->from = from;
	talk->to = to;
	talk->master = purpose == PDK_PURPOSE_OBSERVER;
	talk->epoch = -1;
	talk->open = g_array_new(FALSE, FALSE, sizeof(int64_t));
	sim_packets_init(&talk->up);
	sim_packets_init(&talk->down);
	from->talk = to->talk = talk;
	g_ptr_array_add(from->sim->checks->talks, talk);
}

void
sim_talk_free(void *data)
{
	SimTalk *talk = data;
	sim_packets_clear(&talk->up);
	sim_packets_clear(&talk->down);
	g_array_unref(talk->open);
	g_free(talk);
}

void
sim_talk_sent(Node *node, SimEnd *end, const uint8_t *data, size_t length)
{
	SimTalk *talk = end->talk;
	bool up = end == talk->from;
	while (length > 0) {
		SimPiece piece = sim_packets_next(up ? &talk->up : &talk->down, &data, &length);
		if (piece.kind == SIM_PIECE_BAD) {
			sim_fail(node->sim, "messageIllegal", "server %" PRId64 " sends what is no packet: %s", node->sid, piece.why);
			return;
		}
		if (piece.kind == SIM_PIECE_PACKET && up)
			sim_zab_up(talk, &piece.packet);
		else if (piece.kind == SIM_PIECE_PACKET)
			sim_zab_down(talk, &piece.packet);
	}
}

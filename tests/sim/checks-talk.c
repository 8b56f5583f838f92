/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every byte between a learner and its leader, cut into packets as it is sent. Changes when the way packets stand in the stream
 * does.
 */
#include "sim/checks-talk.h"

#define BODY_END "\0\0\0\1/\0\0\0\nBenWasHere" /* the end of the nodes and the signature */
#define BODY_END_BYTES (sizeof BODY_END - 1)
#define LONGEST_PACKET (64 * 1024 * 1024)

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
	pdk_packet_cutter_init(&talk->up, LONGEST_PACKET);
	pdk_packet_cutter_init(&talk->down, LONGEST_PACKET);
	from->talk = to->talk = talk;
	sim_seen(from->node)->following = talk;
	g_ptr_array_add(from->sim->checks->talks, talk);
}

void
sim_talk_free(void *data)
{
	SimTalk *talk = data;
	pdk_packet_cutter_clear(&talk->up);
	pdk_packet_cutter_clear(&talk->down);
	g_array_unref(talk->open);
	g_free(talk);
}

/* A snapshot has no length: its end is looked for, also across pieces. */
static void
skip_body(SimTalk *talk, const uint8_t **data, size_t *length)
{
	while (*length > 0) {
		if (talk->n_tail == BODY_END_BYTES)
			memmove(talk->tail, talk->tail + 1, --talk->n_tail);
		talk->tail[talk->n_tail++] = **data;
		++*data;
		--*length;
		if (talk->n_tail < BODY_END_BYTES || memcmp(talk->tail, BODY_END, BODY_END_BYTES) != 0)
			continue;
		talk->in_body = false;
		talk->n_tail = 0;
		return;
	}
}

void
sim_talk_sent(Node *node, SimEnd *end, const uint8_t *data, size_t length)
{
	SimTalk *talk = end->talk;
	bool up = end == talk->from;
	while (length > 0) {
		PdkPacket packet;
		const char *why = NULL;
		if (!up && talk->in_body) {
			skip_body(talk, &data, &length);
			continue;
		}
		PdkCut cut = pdk_packet_cut(up ? &talk->up : &talk->down, &data, &length, &packet, &why);
		if (cut == PDK_CUT_BAD)
			sim_fail(node->sim, "messageIllegal", "server %" PRId64 " sends what is no packet: %s", node->sid, why);
		if (cut != PDK_CUT_PACKET)
			return;
		if (up)
			sim_zab_up(talk, &packet);
		else
			sim_zab_down(talk, &packet);
		talk->in_body = talk->in_body || (!up && packet.type == PDK_PACKET_SNAP);
	}
}

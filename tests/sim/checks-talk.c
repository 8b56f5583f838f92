/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every byte between a learner and its leader, cut into packets as it is sent. Changes when the way packets stand in the stream
 * does.
 */
#define _GNU_SOURCE /* memmem */
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

/* How many bytes of @data end the body that begins with the bytes kept of it; 0: it does not end here. */
static size_t
body_ends(const SimTalk *talk, const uint8_t *data, size_t length)
{
	uint8_t joint[2 * BODY_END_BYTES];
	size_t more = MIN(length, BODY_END_BYTES - 1);
	memcpy(joint, talk->tail, talk->n_tail);
	memcpy(joint + talk->n_tail, data, more);
	const uint8_t *found = memmem(joint, talk->n_tail + more, BODY_END, BODY_END_BYTES);
	if (found)
		return (size_t)(found - joint) + BODY_END_BYTES - talk->n_tail;
	found = memmem(data, length, BODY_END, BODY_END_BYTES);
	return found ? (size_t)(found - data) + BODY_END_BYTES : 0;
}

static void
keep_tail(SimTalk *talk, const uint8_t *data, size_t length)
{
	size_t kept = MIN(talk->n_tail, BODY_END_BYTES - 1 - MIN(length, BODY_END_BYTES - 1));
	size_t more = MIN(length, BODY_END_BYTES - 1);
	memmove(talk->tail, talk->tail + talk->n_tail - kept, kept);
	memcpy(talk->tail + kept, data + length - more, more);
	talk->n_tail = (unsigned)(kept + more);
}

/* A snapshot has no length: its end is looked for, also across pieces. */
static void
skip_body(SimTalk *talk, const uint8_t **data, size_t *length)
{
	size_t taken = body_ends(talk, *data, *length);
	if (taken > 0) {
		talk->in_body = false;
		talk->n_tail = 0;
	} else {
		keep_tail(talk, *data, *length);
		taken = *length;
	}
	*data += taken;
	*length -= taken;
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

/* SPDX-License-Identifier: Apache-2.0 */
/* What clients are told (A13): only by servers that are up to date, and of what is committed. Changes when that promise does. */
#include "sim/checks.h"

static void
check_reply(Node *node, const uint8_t *frame, size_t length)
{
	PdkJute in = pdk_jute(frame, length, INT32_MAX);
	int32_t xid = pdk_get_int(&in);
	int64_t zxid = pdk_get_long(&in);
	if (in.failed || !sim_zab_serves(node))
		sim_fail(node->sim, "A13-serving", "server %" PRId64 " answers a client (request %d) and is not up to date", node->sid,
			 xid);
	else if (zxid > 0 && !sim_chain_committed(node->sim->checks, zxid))
		sim_fail(node->sim, "A13-shown-is-committed", "server %" PRId64 " shows a client " HEX ", which is not committed",
			 node->sid, (guint64)zxid);
}

/* The first frame answers the connect request. Replies are written whole. */
void
sim_service_sent(Node *node, SimEnd *end, const uint8_t *data, size_t length)
{
	if (node->server->read_only || node->server->replica == NULL)
		return;
	for (size_t at = 0; at + 4 <= length;) {
		size_t frame = pdk_load_u32(data + at);
		if (frame > length - at - 4)
			return;
		if (end->greeted)
			check_reply(node, data + at + 4, frame);
		end->greeted = true;
		at += 4 + frame;
	}
}

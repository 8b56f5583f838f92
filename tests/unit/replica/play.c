/* SPDX-License-Identifier: Apache-2.0 */
/* Changes when a packet of a leader, or what a learner needs around it, does. */
#include "play.h"

#define LINK 4711

void
play_turn(Play *play)
{
	node_step_begin(play->node);
	node_step_end(play->node);
}

void
play_work(Play *play)
{
	while (play->node->jobs.length > 0)
		disk_work(play->node);
}

void
play_connect(Play *play)
{
	uint32_t dial = 0;
	g_byte_array_set_size(play->world->tapped, 0);
	for (unsigned i = 0; i < 1000 && dial == 0; i++) {
		play_work(play);
		play->world->now_us += 10000;
		play_turn(play);
		dial = net_take_dial(play->world);
	}
	pdk_assert(dial != 0);
	play->link++;
	node_step_begin(play->node);
	pdk_replica_dialled(play->node->replica, dial, play->link);
	node_step_end(play->node);
}

Play
play_with(bool reconfig)
{
	Play play = {.world = world_new(3, 0, 7), .link = LINK};
	play.world->puppet = 3;
	play.world->reconfig = reconfig;
	play.node = &play.world->nodes[1];
	world_start(play.world, 1);
	play_connect(&play);
	return play;
}

Play
play_new(void)
{
	return play_with(false);
}

void
play_hear(Play *play, const PdkBuffer *bytes)
{
	node_step_begin(play->node);
	pdk_replica_received(play->node->replica, play->link, bytes->data, bytes->length);
	node_step_end(play->node);
}

void
play_tell(Play *play, PdkPacketType type, int64_t zxid, const void *data, int32_t length)
{
	PdkBuffer bytes = {0};
	pdk_put_packet(&bytes, type, zxid, data, length);
	play_hear(play, &bytes);
	pdk_buffer_clear(&bytes);
}

void
play_plain(Play *play, PdkPacketType type, int64_t zxid)
{
	play_tell(play, type, zxid, NULL, -1);
}

void
play_propose(Play *play, int64_t zxid)
{
	uint8_t txn[36] = {0};
	pdk_store_u64(txn + 12, (uint64_t)zxid);
	pdk_store_u32(txn + 28, 5);
	play_tell(play, PDK_PACKET_PROPOSAL, zxid, txn, sizeof txn);
}

void
play_leader_info(Play *play, int64_t epoch)
{
	play_tell(play, PDK_PACKET_LEADERINFO, pdk_epoch_zxid(epoch), "\0\1\0\0", 4);
}

int32_t
play_sent(Play *play, int64_t *zxid, int32_t *first_int)
{
	GByteArray *tapped = play->world->tapped;
	PdkPacketCutter cutter;
	PdkPacket packet;
	const char *why;
	const uint8_t *data = tapped->data;
	size_t length = tapped->len;
	int32_t type = 0;
	pdk_packet_cutter_init(&cutter, 1024 * 1024);
	if (length > 0 && pdk_packet_cut(&cutter, &data, &length, &packet, &why) == PDK_CUT_PACKET) {
		type = packet.type;
		*zxid = packet.zxid;
		if (first_int)
			*first_int = packet.data.length >= 4 ? (int32_t)pdk_load_u32(packet.data.data) : packet.data.length;
		g_byte_array_remove_range(tapped, 0, tapped->len - (guint)length);
	}
	pdk_packet_cutter_clear(&cutter);
	return type;
}

bool
play_sent_is(Play *play, int32_t type, int64_t zxid)
{
	int64_t found = 0;
	return play_sent(play, &found, NULL) == type && found == zxid;
}

bool
play_silent(Play *play)
{
	return play->world->tapped->len == 0;
}

bool
play_looks(Play *play)
{
	return pdk_replica_role(play->node->replica) == PDK_PEER_LOOKING;
}

void
play_discover(Play *play, int64_t epoch)
{
	play_leader_info(play, epoch);
	play_work(play);
	g_byte_array_set_size(play->world->tapped, 0);
}

void
play_serve(Play *play, int64_t epoch, int n)
{
	play_discover(play, epoch);
	play_plain(play, PDK_PACKET_DIFF, 0);
	for (int i = 1; i <= n; i++) {
		play_propose(play, pdk_epoch_zxid(epoch) + i);
		play_plain(play, PDK_PACKET_COMMIT, pdk_epoch_zxid(epoch) + i);
	}
	play_plain(play, PDK_PACKET_NEWLEADER, pdk_epoch_zxid(epoch));
	play_work(play);
	play_plain(play, PDK_PACKET_UPTODATE, -1);
	g_byte_array_set_size(play->world->tapped, 0);
	pdk_assert(play->node->serving && play->node->tree->len == (unsigned)n);
}

Play
play_serving(int64_t epoch, int n)
{
	Play play = play_new();
	play_serve(&play, epoch, n);
	return play;
}

void
play_leader_goes(Play *play)
{
	node_step_begin(play->node);
	pdk_replica_closed(play->node->replica, play->link);
	node_step_end(play->node);
}

void
play_next_leader(Play *play, int64_t epoch)
{
	play_leader_goes(play);
	play_connect(play);
	play_discover(play, epoch);
}

void
play_snapshot(Play *play, int64_t zxid, size_t missing)
{
	PdkBuffer bytes = {0};
	pdk_put_packet(&bytes, PDK_PACKET_SNAP, zxid, NULL, -1);
	pdk_put_int(&bytes, 4 + 8 + 4 + 1);
	pdk_put_long(&bytes, zxid);
	pdk_put_bytes(&bytes, "x", 1);
	bytes.length -= missing;
	play_hear(play, &bytes);
	pdk_buffer_clear(&bytes);
}

void
play_finish_snapshot(Play *play, const char *signature)
{
	PdkBuffer bytes = {0};
	while (play->node->replica->learning.paused && play->node->notices.length > 0) {
		g_free(g_queue_pop_tail(&play->node->notices));
		node_step_begin(play->node);
		pdk_replica_load_room(play->node->replica);
		node_step_end(play->node);
	}
	pdk_put_string(&bytes, signature);
	play_hear(play, &bytes);
	pdk_buffer_clear(&bytes);
}

void
play_whole_snapshot(Play *play, int64_t zxid)
{
	play_snapshot(play, zxid, 0);
	play_finish_snapshot(play, "BenWasHere");
}

void
play_propose_members(Play *play, int64_t zxid, const char *text)
{
	PdkBuffer txn = {0};
	pdk_put_long(&txn, 1);
	pdk_put_int(&txn, 1);
	pdk_put_long(&txn, zxid);
	pdk_put_long(&txn, 0);
	pdk_put_int(&txn, PDK_OP_RECONFIG_TXN);
	pdk_put_string(&txn, "/zookeeper/config");
	pdk_put_string(&txn, text);
	pdk_put_int(&txn, -1);
	play_tell(play, PDK_PACKET_PROPOSAL, zxid, txn.data, (int32_t)txn.length);
	pdk_buffer_clear(&txn);
}

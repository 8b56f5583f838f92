/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way from a leader's name to UPTODATE, and life behind it: this server follows or observes. Changes when what a learner
 * says or does does. Source: Learner, Follower, Observer.
 *
 * Every proposal is logged as it comes. What is committed is carried out from UPTODATE on, when a quorum is known to hold the
 * leader's history: a tree never has to be taken back because a leader failed on the way.
 */
#include "replica/replica-private.h"

#define FIRST_PAUSE_US 5000
#define LONGEST_PAUSE_US 100000
#define TXN_HEADER_BYTES 32
#define COMPACT_AT 4096

void
pdk_learner_give_up(PdkReplica *replica, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	g_autofree char *what = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	int64_t through = replica->learning.through;
	g_autofree char *where = through >= 0 ? g_strdup_printf(" (through server %" PRId64 ")", through) : NULL;
	g_autofree char *why = g_strdup_printf("leader %" PRId64 "%s %s", replica->learning.leader, where ? where : "", what);
	pdk_replica_look(replica, why);
}

static void
send_plain(PdkReplica *replica, PdkPacketType type, int64_t zxid)
{
	pdk_put_packet(pdk_wire_out(replica, &replica->learning.wire), type, zxid, NULL, -1);
}

static bool
observes(const PdkReplica *replica)
{
	return replica->role == PDK_PEER_OBSERVING;
}

/* ---- the connection ---- */

static void
clear_received(gpointer entry)
{
	g_clear_pointer(&((PdkReceived *)entry)->members, pdk_members_unref);
}

static void
dial(PdkReplica *replica)
{
	PdkLearning *learning = &replica->learning;
	const PdkMember *leader = pdk_members_find(replica->committed, learning->leader);
	if (leader == NULL)
		leader = pdk_members_find(replica->last_seen, learning->leader);
	if (leader == NULL) {
		pdk_learner_give_up(replica, "is not in the list of members any more");
		return;
	}
	int64_t left_ms = (learning->connect_due_us - replica->now_us) / 1000;
	learning->dial_at_us = 0;
	learning->dials++;
	char *address = observes(replica) ? pdk_master_choose(replica, &learning->through) : NULL;
	if (address == NULL)
		address = pdk_member_quorum_address(leader, learning->address++ % leader->n_addresses);
	learning->dial = pdk_replica_dial(replica, PDK_PURPOSE_QUORUM, address,
					  (int32_t)CLAMP(left_ms, 1, replica->params.dial_timeout_ms));
}

void
pdk_learner_begin(PdkReplica *replica, int64_t leader, bool by_hand)
{
	PdkLearning *learning = &replica->learning;
	pdk_assert(learning->stage == PDK_LEARNER_OFF);
	int64_t ticks = replica->params.connect_limit > 0 ? replica->params.connect_limit : replica->params.init_limit;
	*learning = (PdkLearning){
		.stage = PDK_LEARNER_DIALLING,
		.leader = leader,
		.through = -1,
		.begun_us = replica->now_us,
		.by_hand = by_hand,
		.connect_due_us = replica->now_us + ticks * replica->params.tick_ms * 1000,
		.queue = g_array_new(FALSE, FALSE, sizeof(PdkReceived)),
		.to_ack = g_array_new(FALSE, FALSE, sizeof(int64_t)),
		.life = learning->life,
	};
	g_array_set_clear_func(learning->queue, clear_received);
	pdk_master_begin(replica);
	dial(replica);
}

/* Nothing of a sync that broke off may be voted with: where the tree is not what the log says, it is read again. */
void
pdk_learner_end(PdkReplica *replica)
{
	PdkLearning *learning = &replica->learning;
	pdk_master_end(replica);
	if (learning->stage == PDK_LEARNER_SNAPSHOT)
		replica->hooks.load_abort(replica->hooks.context);
	pdk_wire_close(replica, &learning->wire, false);
	g_clear_pointer(&learning->queue, g_array_unref);
	g_clear_pointer(&learning->to_ack, g_array_unref);
	g_clear_pointer(&learning->leader_members, pdk_members_unref);
	pdk_buffer_clear(&learning->stalled);
	*learning = (PdkLearning){.life = learning->life + 1};
}

bool
pdk_learner_dialled(PdkReplica *replica, uint32_t dial_number, PdkLink link)
{
	PdkLearning *learning = &replica->learning;
	if (learning->stage != PDK_LEARNER_DIALLING || dial_number != learning->dial)
		return false;
	learning->dial = 0;
	pdk_wire_init(replica, &learning->wire, link);
	learning->stage = PDK_LEARNER_LEADERINFO;
	learning->heard_us = replica->now_us;
	learning->base = replica->last_logged;

	PdkBuffer info = {0};
	pdk_put_learner_info(&info, &(PdkLearnerInfo){replica->params.self, PDK_PROTOCOL_VERSION,
						      pdk_members_version(replica->committed)});
	PdkPacketType type = observes(replica) ? PDK_PACKET_OBSERVERINFO : PDK_PACKET_FOLLOWERINFO;
	pdk_put_packet(pdk_wire_out(replica, &learning->wire), type,
		       pdk_epoch_zxid(MAX(replica->accepted_epoch, replica->saving_accepted)), info.data, (int32_t)info.length);
	pdk_buffer_clear(&info);
	return true;
}

static void
dial_again(PdkReplica *replica, const char *detail)
{
	PdkLearning *learning = &replica->learning;
	int64_t pause_us = FIRST_PAUSE_US << MIN(learning->dials - 1, 5);
	pause_us = MIN(pause_us, LONGEST_PAUSE_US);
	if (replica->now_us + pause_us >= learning->connect_due_us) {
		pdk_learner_give_up(replica, "was not reached in time: %s", detail);
		return;
	}
	learning->dial_at_us = replica->now_us + pause_us;
	pdk_replica_deadline(replica, learning->dial_at_us);
}

bool
pdk_learner_dial_failed(PdkReplica *replica, uint32_t dial_number, bool refused, const char *detail)
{
	PdkLearning *learning = &replica->learning;
	if (learning->stage != PDK_LEARNER_DIALLING || dial_number != learning->dial)
		return false;
	learning->dial = 0;
	if (refused && !learning->by_hand && pdk_mesh_link(replica->mesh, learning->leader) == PDK_PEER_LINK_REFUSED) {
		pdk_learner_give_up(replica, "is down: %s", detail);
		return true;
	}
	dial_again(replica, detail);
	return true;
}

void
pdk_learner_peer_down(PdkReplica *replica, int64_t sid)
{
	PdkLearning *learning = &replica->learning;
	if (learning->stage == PDK_LEARNER_DIALLING && sid == learning->leader && !learning->by_hand)
		pdk_learner_give_up(replica, "is down: its election port refuses");
}

void
pdk_learner_closed(PdkReplica *replica)
{
	PdkLearning *learning = &replica->learning;
	learning->wire.link = 0;
	/*
	 * Not ready yet: a leader named by a reconfiguration, which may hear of it after this server did; or who takes observers:
	 * the leader's own port for them, a follower that is not up to date. The next one is asked, or the same again.
	 */
	if (learning->stage == PDK_LEARNER_LEADERINFO && (learning->through >= 0 || learning->by_hand)) {
		pdk_wire_clear(&learning->wire);
		learning->stage = PDK_LEARNER_DIALLING;
		dial_again(replica, learning->through >= 0 ? "no follower takes it" : "it does not lead yet");
		return;
	}
	pdk_learner_give_up(replica, "closed the connection");
}

/* Is it the leader's turn to say something? Else this server's disk is what is waited for. */
static bool
waits_for_leader(const PdkReplica *replica)
{
	const PdkLearning *learning = &replica->learning;
	return !learning->paused && learning->stage > PDK_LEARNER_DIALLING && learning->stage != PDK_LEARNER_EPOCH &&
	       learning->stage != PDK_LEARNER_NEWLEADER;
}

/* The leader may wait for others up to initLimit before it says UPTODATE. */
static int64_t
longest_silence_us(const PdkReplica *replica)
{
	return replica->learning.stage == PDK_LEARNER_LIVE ? pdk_replica_sync_us(replica) : pdk_replica_init_us(replica);
}

void
pdk_learner_turn(PdkReplica *replica)
{
	PdkLearning *learning = &replica->learning;
	if (learning->stage == PDK_LEARNER_DIALLING && learning->dial_at_us > 0) {
		if (replica->now_us >= learning->dial_at_us)
			dial(replica);
		else
			pdk_replica_deadline(replica, learning->dial_at_us);
		return;
	}
	if (!waits_for_leader(replica))
		return;
	pdk_fresh_learner_turn(replica);
	int64_t limit_us = longest_silence_us(replica);
	if (replica->now_us - learning->heard_us >= limit_us)
		pdk_learner_give_up(replica, "was silent for %" PRId64 " ms", limit_us / 1000);
	else
		pdk_replica_deadline(replica, learning->heard_us + limit_us);
}

void
pdk_learner_pause(PdkReplica *replica)
{
	if (replica->learning.paused)
		return;
	replica->learning.paused = true;
	pdk_wire_pause(replica, &replica->learning.wire, true);
}

static void consume(PdkReplica *replica, const uint8_t *data, size_t length);

/* What came before the pause took effect is read first. */
void
pdk_learner_resume(PdkReplica *replica)
{
	PdkLearning *learning = &replica->learning;
	if (!learning->paused)
		return;
	learning->paused = false;
	learning->heard_us = replica->now_us;
	PdkBuffer stalled = learning->stalled;
	learning->stalled = (PdkBuffer){0};
	uint32_t life = learning->life;
	consume(replica, stalled.data, stalled.length);
	pdk_buffer_clear(&stalled);
	if (life == learning->life && !learning->paused)
		pdk_wire_pause(replica, &learning->wire, false);
}

/* ---- discovery ---- */

static void
send_ack_epoch(PdkReplica *replica)
{
	PdkLearning *learning = &replica->learning;
	int32_t epoch = learning->promised ? -1 : (int32_t)replica->current_epoch;
	pdk_fresh_put_ackepoch(replica, pdk_wire_out(replica, &learning->wire), epoch);
	learning->stage = PDK_LEARNER_SYNC;
	learning->heard_us = replica->now_us;
}

static void
on_leaderinfo(PdkReplica *replica, const PdkPacket *packet)
{
	PdkLearning *learning = &replica->learning;
	if (packet->type != PDK_PACKET_LEADERINFO || packet->data.length < 4) {
		pdk_learner_give_up(replica, "answered %s where LEADERINFO was due", pdk_packet_name(packet->type));
		return;
	}
	int32_t protocol = (int32_t)pdk_load_u32(packet->data.data);
	int64_t epoch = pdk_zxid_epoch(packet->zxid), accepted = MAX(replica->accepted_epoch, replica->saving_accepted);
	if (protocol < PDK_PROTOCOL_VERSION || epoch < accepted) {
		pdk_learner_give_up(replica, "offers epoch %" PRId64 " with protocol 0x%" PRIx32 ", this server accepted epoch %"
				    PRId64, epoch, (uint32_t)protocol, accepted);
		return;
	}
	learning->epoch = epoch;
	learning->promised = epoch == accepted;
	learning->asks_snapshot = learning->promised && epoch == replica->snapshot_wanted;
	learning->stage = PDK_LEARNER_EPOCH;
	if (epoch > accepted)
		pdk_replica_save_accepted(replica, epoch);
	else if (replica->accepted_saves == 0)
		send_ack_epoch(replica);
}

void
pdk_learner_epoch_saved(PdkReplica *replica)
{
	if (replica->learning.stage == PDK_LEARNER_EPOCH)
		send_ack_epoch(replica);
}

/* ---- proposals and commits, in every position ---- */

/* The successor of the last one. What a Java leader serialised into its snapshot may come once more behind it. */
static bool
is_next(const PdkLearning *learning, int64_t zxid)
{
	int64_t before = learning->received ? learning->received : learning->target;
	if (zxid <= 0 || pdk_zxid_epoch(zxid) > learning->epoch)
		return false;
	if (learning->received == 0 && learning->mode == PDK_SYNC_SNAP)
		return true;
	return zxid == before + 1 || (pdk_zxid_epoch(zxid) > pdk_zxid_epoch(before) && pdk_zxid_counter(zxid) == 1);
}

/* One of a kept tail came again. */
static bool
matches_tail(PdkReplica *replica, int64_t zxid, GBytes *txn)
{
	int64_t found;
	if (zxid <= replica->hooks.applied(replica->hooks.context))
		return true;
	GBytes *held = replica->hooks.held(replica->hooks.context, replica->learning.tail_index, &found);
	if (held == NULL || found != zxid || !g_bytes_equal(held, txn))
		return false;
	replica->learning.tail_index++;
	return true;
}

static void
tail_differs(PdkReplica *replica, int64_t zxid)
{
	replica->cut_tails = true;
	pdk_learner_give_up(replica, "does not propose again what was logged above 0x%" PRIx64 " (at 0x%" PRIx64 ")",
		(uint64_t)replica->learning.target, (uint64_t)zxid);
}

/* Logs it unless the log has it. False: the connection was given up. */
static bool
log_proposal(PdkReplica *replica, int64_t zxid, GBytes *txn)
{
	PdkLearning *learning = &replica->learning;
	bool tail_done = learning->tail_end == 0 || learning->received >= learning->tail_end;
	if (zxid > replica->last_logged) {
		if (tail_done)
			pdk_replica_hold(replica, zxid, txn);
		else
			tail_differs(replica, zxid);
		return tail_done;
	}
	if (learning->tail_end == 0) /* in the snapshot */
		return true;
	if (matches_tail(replica, zxid, txn))
		return true;
	tail_differs(replica, zxid);
	return false;
}

static bool
take_proposal(PdkReplica *replica, int64_t zxid, const uint8_t *data, size_t length)
{
	PdkLearning *learning = &replica->learning;
	if (length < TXN_HEADER_BYTES || (int64_t)pdk_load_u64(data + 12) != zxid) {
		pdk_learner_give_up(replica, "sent a txn 0x%" PRIx64 " that is none", (uint64_t)zxid);
		return false;
	}
	if (!is_next(learning, zxid)) {
		pdk_learner_give_up(replica, "proposed 0x%" PRIx64 " behind 0x%" PRIx64, (uint64_t)zxid,
			(uint64_t)(learning->received ? learning->received : learning->target));
		return false;
	}
	g_autoptr(GBytes) txn = g_bytes_new(data, length);
	if (!log_proposal(replica, zxid, txn))
		return false;
	int64_t change_zxid;
	PdkReceived received = {zxid, pdk_change_of_txn(replica, txn, &change_zxid)};
	if (received.members)
		pdk_change_seen(replica, received.members);
	learning->received = zxid;
	g_array_append_val(learning->queue, received);
	if (!observes(replica))
		g_array_append_val(learning->to_ack, zxid);
	replica->last_proposal_bytes = (int64_t)length;
	replica->max_proposal_bytes = MAX(replica->max_proposal_bytes, (int64_t)length);
	replica->min_proposal_bytes =
		replica->min_proposal_bytes < 0 ? (int64_t)length : MIN(replica->min_proposal_bytes, (int64_t)length);
	if (replica->cells.proposals_received)
		pdk_counter_add(replica->cells.proposals_received, 1);
	return true;
}

static void
commit_upto(PdkReplica *replica, int64_t zxid)
{
	if (zxid > replica->hooks.applied(replica->hooks.context))
		replica->hooks.commit(replica->hooks.context, zxid);
}

/* Takes the oldest proposal out; its configuration, if it has one, to the caller. */
static PdkMembers *
pop_received(PdkLearning *learning)
{
	PdkReceived *head = &g_array_index(learning->queue, PdkReceived, learning->queue_head++);
	PdkMembers *members = g_steal_pointer(&head->members);
	if (learning->queue_head == learning->queue->len || learning->queue_head >= COMPACT_AT) {
		g_array_remove_range(learning->queue, 0, learning->queue_head);
		learning->queue_head = 0;
	}
	return members;
}

/*
 * A server that starts again has its whole log in its tree, also what this leader proposed and has not committed. No client may
 * see that before it is.
 */
static void
serve_what_is_committed(PdkReplica *replica)
{
	const PdkLearning *learning = &replica->learning;
	int64_t shown = MIN(replica->hooks.applied(replica->hooks.context), learning->tail_end);
	if (replica->serving || learning->commit_upto < shown)
		return;
	replica->serving = true;
	replica->hooks.serve(replica->hooks.context, replica->role, learning->epoch);
}

/* @designated: of the ACTIVATE forms, -1: none; @activate: the configuration becomes the committed one now. */
static void
take_commit(PdkReplica *replica, int64_t zxid, bool activate, int64_t designated)
{
	PdkLearning *learning = &replica->learning;
	bool any = learning->queue_head < learning->queue->len;
	int64_t oldest = any ? g_array_index(learning->queue, PdkReceived, learning->queue_head).zxid : 0;
	if (zxid <= learning->commit_upto && (!any || oldest != zxid)) {
		pdk_replica_say(replica, PDK_LOG_DEBUG, "commit of what is committed zxid=0x%" PRIx64, (uint64_t)zxid);
		return;
	}
	if (!any || oldest != zxid) {
		pdk_learner_give_up(replica, "committed 0x%" PRIx64 ", the oldest proposal is 0x%" PRIx64, (uint64_t)zxid,
				    (uint64_t)oldest);
		return;
	}
	g_autoptr(PdkMembers) members = pop_received(learning);
	learning->commit_upto = MAX(learning->commit_upto, zxid);
	if (replica->cells.commits_received)
		pdk_counter_add(replica->cells.commits_received, 1);
	if (members && activate)
		pdk_master_activated(replica, zxid, designated);
	if (learning->stage == PDK_LEARNER_LIVE) {
		commit_upto(replica, zxid);
		serve_what_is_committed(replica);
	}
	if (members && activate && pdk_change_committed(replica, members, designated, zxid))
		pdk_learner_give_up(replica, "and roles follow from the new list of members");
}

static void
on_commit_and_activate(PdkReplica *replica, const PdkPacket *packet)
{
	int64_t designated = packet->data.length >= 8 ? (int64_t)pdk_load_u64(packet->data.data) : -1;
	take_commit(replica, packet->zxid, true, designated);
}

/* INFORM, or its ACTIVATE form with a sid in front. */
static void
on_inform(PdkReplica *replica, const PdkPacket *packet)
{
	bool activate = packet->type == PDK_PACKET_INFORM_AND_ACTIVATE;
	int32_t skip = activate ? 8 : 0;
	if (!observes(replica) || packet->data.length <= skip) {
		pdk_learner_give_up(replica, "sent an %s that cannot be", pdk_packet_name(packet->type));
		return;
	}
	int64_t designated = activate ? (int64_t)pdk_load_u64(packet->data.data) : -1;
	if (take_proposal(replica, packet->zxid, packet->data.data + skip, (size_t)(packet->data.length - skip)))
		take_commit(replica, packet->zxid, activate, designated);
}

/* ---- acks ---- */

/* Each by itself, in order, when it is on disk; none before the ack of NEWLEADER. */
static void
ack_what_is_durable(PdkReplica *replica)
{
	PdkLearning *learning = &replica->learning;
	while (learning->ack_head < learning->to_ack->len) {
		int64_t zxid = g_array_index(learning->to_ack, int64_t, learning->ack_head);
		if (zxid > replica->synced)
			break;
		send_plain(replica, PDK_PACKET_ACK, zxid);
		learning->ack_head++;
	}
	if (learning->ack_head > 0 && (learning->ack_head == learning->to_ack->len || learning->ack_head >= COMPACT_AT)) {
		g_array_remove_range(learning->to_ack, 0, learning->ack_head);
		learning->ack_head = 0;
	}
}

/* History that came with its commits is promised by the ack of NEWLEADER. */
static void
forget_acks_of_history(PdkLearning *learning)
{
	unsigned n = 0;
	while (n < learning->to_ack->len && g_array_index(learning->to_ack, int64_t, n) <= learning->commit_upto)
		n++;
	if (n > 0)
		g_array_remove_range(learning->to_ack, 0, n);
}

/* History durable, then currentEpoch durable, then the ack; in no other order (ZOOKEEPER-4643, 4646, 4785). */
static void
newleader_goes_on(PdkReplica *replica)
{
	PdkLearning *learning = &replica->learning;
	if (learning->stage != PDK_LEARNER_NEWLEADER || replica->synced < learning->newleader_needs)
		return;
	if (replica->current_epoch < learning->epoch) {
		if (!learning->current_asked)
			pdk_replica_save_current(replica, learning->epoch);
		learning->current_asked = true;
		return;
	}
	send_plain(replica, PDK_PACKET_ACK, pdk_epoch_zxid(learning->epoch));
	learning->stage = PDK_LEARNER_UPTODATE;
	learning->heard_us = replica->now_us;
}

void
pdk_learner_current_saved(PdkReplica *replica)
{
	newleader_goes_on(replica);
}

void
pdk_learner_synced(PdkReplica *replica)
{
	if (replica->learning.stage == PDK_LEARNER_LIVE)
		ack_what_is_durable(replica);
	else
		newleader_goes_on(replica);
}

/* ---- the end of synchronisation ---- */

/* The leader's last-seen configuration. False: given up. */
static bool
take_leader_members(PdkReplica *replica, PdkSlice text)
{
	PdkLearning *learning = &replica->learning;
	g_autoptr(GError) error = NULL;
	if (!replica->params.reconfig_enabled || text.length <= 0)
		return true;
	const PdkMembersRules *rules = &replica->params.rules;
	learning->leader_members = pdk_members_parse((const char *)text.data, (size_t)text.length, rules, &error);
	if (learning->leader_members == NULL) {
		pdk_learner_give_up(replica, "sent a list of members that cannot be read: %s", error->message);
		return false;
	}
	pdk_change_seen(replica, learning->leader_members);
	return true;
}

static void
on_newleader(PdkReplica *replica, const PdkPacket *packet)
{
	PdkLearning *learning = &replica->learning;
	if (learning->stage != PDK_LEARNER_HISTORY || packet->zxid != pdk_epoch_zxid(learning->epoch)) {
		pdk_learner_give_up(replica, "sent NEWLEADER 0x%" PRIx64 " in epoch %" PRId64, (uint64_t)packet->zxid,
				    learning->epoch);
		return;
	}
	if (learning->tail_end != 0 && learning->received < learning->tail_end) {
		tail_differs(replica, learning->received);
		return;
	}
	if (!take_leader_members(replica, packet->data))
		return;
	forget_acks_of_history(learning);
	learning->newleader_needs = replica->last_logged;
	learning->stage = PDK_LEARNER_NEWLEADER;
	newleader_goes_on(replica);
}

static bool
commit_leader_members(PdkReplica *replica)
{
	PdkLearning *learning = &replica->learning;
	g_autoptr(PdkMembers) members = g_steal_pointer(&learning->leader_members);
	if (members == NULL || pdk_members_version(members) <= pdk_members_version(replica->committed))
		return true;
	if (!pdk_change_committed(replica, members, -1, 0))
		return true;
	pdk_learner_give_up(replica, "and roles follow from its list of members");
	return false;
}

static void
on_uptodate(PdkReplica *replica)
{
	static const char *const modes[] = {"none", "diff", "trunc", "snap"};
	PdkLearning *learning = &replica->learning;
	if (learning->stage != PDK_LEARNER_UPTODATE) {
		pdk_learner_give_up(replica, "sent UPTODATE before its NEWLEADER was acked");
		return;
	}
	if (!commit_leader_members(replica))
		return;
	learning->stage = PDK_LEARNER_LIVE;
	replica->cut_tails = false;
	replica->snapshot_wanted = 0;
	pdk_master_chosen(replica);
	commit_upto(replica, learning->commit_upto);
	/* A snapshot brought the leader's idea of it. */
	replica->hooks.members(replica->hooks.context, replica->committed, 0);
	pdk_replica_settle(replica, learning->epoch);
	send_plain(replica, PDK_PACKET_ACK, pdk_epoch_zxid(learning->epoch));
	g_autofree char *through = learning->through >= 0 ? g_strdup_printf(" through=%" PRId64, learning->through) : NULL;
	pdk_replica_say(replica, PDK_LOG_INFO, "up to date leader=%" PRId64 "%s epoch=%" PRId64 " sync=%s zxid=0x%" PRIx64,
			learning->leader, through ? through : "", learning->epoch, modes[learning->mode],
			(uint64_t)learning->commit_upto);
	serve_what_is_committed(replica);
	ack_what_is_durable(replica);
}

/* ---- broadcast ---- */

/* The data is never null, or a Java leader fails. */
static void
on_ping(PdkReplica *replica, int64_t zxid)
{
	if (replica->learning.stage != PDK_LEARNER_LIVE)
		return;
	PdkBuffer touched = {0};
	replica->hooks.put_touched(replica->hooks.context, &touched);
	pdk_put_packet(pdk_wire_out(replica, &replica->learning.wire), PDK_PACKET_PING, zxid,
		       touched.data ? touched.data : (const uint8_t *)"", (int32_t)touched.length);
	pdk_buffer_clear(&touched);
}

static void
on_revalidated(PdkReplica *replica, PdkSlice data)
{
	if (data.length < 9) {
		pdk_learner_give_up(replica, "sent a REVALIDATE that is none");
		return;
	}
	int64_t session = (int64_t)pdk_load_u64(data.data);
	bool valid = data.data[8] != 0;
	if (!pdk_master_revalidated(replica, session, valid))
		replica->hooks.revalidated(replica->hooks.context, session, valid);
}

static void
on_sync_done(PdkReplica *replica)
{
	if (!pdk_master_sync_done(replica))
		replica->hooks.sync_done(replica->hooks.context);
}

/* Only one that serves clients asked for something. */
static void
on_answer(PdkReplica *replica, const PdkPacket *packet)
{
	if (replica->learning.stage != PDK_LEARNER_LIVE)
		pdk_learner_give_up(replica, "sent %s before UPTODATE", pdk_packet_name(packet->type));
	else if (packet->type == PDK_PACKET_SYNC)
		on_sync_done(replica);
	else
		on_revalidated(replica, packet->data);
}

static void
on_traffic(PdkReplica *replica, const PdkPacket *packet)
{
	bool broadcast_to_observer = observes(replica) && replica->learning.stage == PDK_LEARNER_LIVE;
	switch (packet->type) {
	case PDK_PACKET_PROPOSAL:
	case PDK_PACKET_COMMIT:
	case PDK_PACKET_COMMIT_AND_ACTIVATE:
		if (broadcast_to_observer)
			pdk_replica_say(replica, PDK_LOG_WARNING, "%s from leader %" PRId64 " to an observer is passed over",
					pdk_packet_name(packet->type), replica->learning.leader);
		else if (packet->type == PDK_PACKET_COMMIT)
			take_commit(replica, packet->zxid, false, -1);
		else if (packet->type == PDK_PACKET_COMMIT_AND_ACTIVATE)
			on_commit_and_activate(replica, packet);
		else
			take_proposal(replica, packet->zxid, packet->data.data,
				      (size_t)MAX(packet->data.length, 0));
		return;
	case PDK_PACKET_INFORM:
	case PDK_PACKET_INFORM_AND_ACTIVATE:
		on_inform(replica, packet);
		return;
	case PDK_PACKET_NEWLEADER:
		on_newleader(replica, packet);
		return;
	case PDK_PACKET_UPTODATE:
		on_uptodate(replica);
		return;
	case PDK_PACKET_PING:
		on_ping(replica, packet->zxid);
		return;
	case PDK_PACKET_SYNC:
	case PDK_PACKET_REVALIDATE:
		on_answer(replica, packet);
		return;
	default:
		pdk_learner_give_up(replica, "sent %s (%" PRId32 "), which no learner gets", pdk_packet_name(packet->type),
				    packet->type);
	}
}

static void
on_packet(PdkReplica *replica, const PdkPacket *packet)
{
	if (replica->learning.stage == PDK_LEARNER_LEADERINFO)
		on_leaderinfo(replica, packet);
	else if (replica->learning.stage == PDK_LEARNER_EPOCH)
		pdk_learner_give_up(replica, "sent %s before its epoch was accepted", pdk_packet_name(packet->type));
	else if (replica->learning.stage == PDK_LEARNER_SYNC)
		pdk_learner_sync_header(replica, packet);
	else
		on_traffic(replica, packet);
}

static void
take_packet(PdkReplica *replica, const uint8_t **data, size_t *length)
{
	PdkPacket packet;
	const char *why = NULL;
	switch (pdk_packet_cut(&replica->learning.wire.cutter, data, length, &packet, &why)) {
	case PDK_CUT_MORE:
		pdk_assert(*length == 0);
		return;
	case PDK_CUT_PACKET:
		on_packet(replica, &packet);
		return;
	case PDK_CUT_BAD:
		pdk_learner_give_up(replica, "sent what is no packet: %s", why);
		return;
	}
}

static void
consume(PdkReplica *replica, const uint8_t *data, size_t length)
{
	PdkLearning *learning = &replica->learning;
	uint32_t life = learning->life;
	while (length > 0 && !learning->paused) {
		if (learning->stage == PDK_LEARNER_SNAPSHOT)
			pdk_learner_snapshot_part(replica, &data, &length);
		else
			take_packet(replica, &data, &length);
		if (life != learning->life)
			return;
	}
	pdk_buffer_append(&learning->stalled, data, length);
}

void
pdk_learner_received(PdkReplica *replica, const uint8_t *data, size_t length)
{
	PdkLearning *learning = &replica->learning;
	learning->heard_us = replica->now_us;
	if (learning->paused)
		pdk_buffer_append(&learning->stalled, data, length);
	else
		consume(replica, data, length);
}

/* ---- from the clients of this server ---- */

void
pdk_learner_request(PdkReplica *replica, int64_t session, int32_t cxid, int32_t op, PdkSlice body, PdkSlice auth)
{
	PdkBuffer data = {0};
	pdk_put_long(&data, session);
	pdk_put_int(&data, cxid);
	pdk_put_int(&data, op);
	pdk_buffer_append(&data, body.data, (size_t)body.length);
	PdkBuffer *out = pdk_wire_out(replica, &replica->learning.wire);
	if (auth.length > 0)
		pdk_put_packet_auth(out, PDK_PACKET_REQUEST, -1, data.data, (int32_t)data.length, auth.data,
				    (size_t)auth.length);
	else
		pdk_put_packet(out, PDK_PACKET_REQUEST, -1, data.data, (int32_t)data.length);
	pdk_buffer_clear(&data);
}

void
pdk_replica_forward(PdkReplica *replica, int64_t session, int32_t cxid, int32_t op, const void *body, size_t length,
		    const void *auth, size_t auth_length)
{
	if (replica->learning.stage != PDK_LEARNER_LIVE)
		return;
	if (op == PDK_OP_SYNC_REQUEST)
		pdk_master_own_sync(replica);
	pdk_learner_request(replica, session, cxid, op, (PdkSlice){body, (int32_t)length},
			    (PdkSlice){auth, (int32_t)auth_length});
}

void
pdk_learner_ask_revalidation(PdkReplica *replica, int64_t session, int32_t timeout_ms)
{
	uint8_t data[12];
	pdk_store_u64(data, (uint64_t)session);
	pdk_store_u32(data + 8, (uint32_t)timeout_ms);
	pdk_put_packet(pdk_wire_out(replica, &replica->learning.wire), PDK_PACKET_REVALIDATE, -1, data, sizeof data);
}

void
pdk_replica_revalidate(PdkReplica *replica, int64_t session, int32_t timeout_ms)
{
	if (replica->learning.stage != PDK_LEARNER_LIVE)
		return;
	pdk_master_own_revalidate(replica, session);
	pdk_learner_ask_revalidation(replica, session, timeout_ms);
}

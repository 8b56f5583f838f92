/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What servers may say to each other, and what must be on their disks when they do: A2 to A10 and A17. Each packet is judged as
 * it is sent. Changes when the protocol between leader and learner does.
 */
#include "sim/checks.h"

static void
broken(const Node *node, const char *invariant, const char *says, int64_t zxid, const char *but)
{
	sim_fail(node->sim, invariant, "server %" PRId64 " sends %s " HEX "%s", node->sid, says, (guint64)zxid, but);
}

static void
must(const Node *node, bool holds, const char *invariant, const PdkPacket *packet, const char *but)
{
	if (!holds)
		broken(node, invariant, pdk_packet_name(packet->type), packet->zxid, but);
}

/* ---- who was counted for an epoch ---- */

static void
count(Sim *sim, const SimSummary *summary)
{
	GArray *all = sim->checks->summaries;
	for (guint i = 0; i < all->len; i++) {
		const SimSummary *other = &g_array_index(all, SimSummary, i);
		if (other->epoch != summary->epoch || other->sid != summary->sid || other->fresh || summary->fresh)
			continue;
		if (other->leader != summary->leader)
			sim_fail(sim, "A3-counted-once", "server %" PRId64 " counts for %" PRId64 " and for %" PRId64 " in epoch %"
				 PRId64, summary->sid, other->leader, summary->leader, summary->epoch);
		return;
	}
	g_array_append_val(all, *summary);
}

/* Who has no weight is needed for no quorum. */
static bool
have_all_voters(const PdkMembers *members, const PdkSids *sids)
{
	for (unsigned i = 0; i < pdk_members_count(members); i++) {
		const PdkMember *member = pdk_members_at(members, i);
		if (!member->observer && member->weight > 0 && !pdk_sids_has(sids, member->sid))
			return false;
	}
	return true;
}

static bool
is_behind(const SimSummary *summary, int64_t current, int64_t zxid)
{
	return summary->current_epoch != current ? summary->current_epoch < current : summary->zxid <= zxid;
}

/* The leader begins to bring others up: it has its quorum of ACKEPOCHs. */
static void
check_counted(const Node *leader, int64_t epoch)
{
	const Sim *sim = leader->sim;
	const SimSeen *seen = sim_seen(leader);
	int64_t current = seen->current < epoch ? seen->current : seen->current_before;
	int64_t last = sim_chain_end(sim->checks, seen->head);
	PdkSids sids, whole;
	sids.n = whole.n = 0;
	pdk_sids_add(&sids, leader->sid);
	pdk_sids_add(&whole, leader->sid);
	for (guint i = 0; i < sim->checks->summaries->len; i++) {
		const SimSummary *summary = &g_array_index(sim->checks->summaries, SimSummary, i);
		if (summary->epoch != epoch || summary->leader != leader->sid || !is_behind(summary, current, last))
			continue;
		pdk_sids_add(&sids, summary->sid);
		if (!summary->fresh || (current == 0 && last == 0))
			pdk_sids_add(&whole, summary->sid);
	}
	const PdkMembers *members = leader->server->replica->committed;
	if (!sim_quorum(members, &whole) && !have_all_voters(members, &sids))
		sim_fail(leader->sim, "A4-epoch-quorum", "server %" PRId64 " leads epoch %" PRId64 " from " HEX " on, and only %u servers "
			 "with no more than that promised it", leader->sid, epoch, (guint64)last, sids.n);
}

/* What was committed in epochs before this one: leaders of later ones may have gone through by now, and committed more. */
static int64_t
committed_before(const SimChecks *checks, int64_t epoch)
{
	int64_t committed = checks->committed;
	GHashTableIter iter;
	gpointer later, through;
	g_hash_table_iter_init(&iter, checks->through);
	while (g_hash_table_iter_next(&iter, &later, &through))
		if (*(int64_t *)later > epoch)
			committed = MIN(committed, ((SimThrough *)through)->committed);
	return committed;
}

static void
goes_through(Node *leader, int64_t epoch)
{
	SimChecks *checks = leader->sim->checks;
	const SimThrough *known = g_hash_table_lookup(checks->through, &epoch);
	if (known && known->sid != leader->sid)
		sim_fail(leader->sim, "A3-one-leader-an-epoch", "servers %" PRId64 " and %" PRId64 " both got a quorum for epoch %"
			 PRId64, known->sid, leader->sid, epoch);
	if (known)
		return;
	SimThrough through = {leader->sid, checks->committed};
	g_hash_table_insert(checks->through, g_memdup2(&epoch, sizeof epoch), g_memdup2(&through, sizeof through));
	check_counted(leader, epoch);
	int64_t committed = committed_before(checks, epoch);
	if (!sim_chain_holds(checks, sim_seen(leader)->head, committed))
		sim_fail(leader->sim, "A10-initial-history", "server %" PRId64 " leads epoch %" PRId64 " with a log that ends at " HEX
			 ", " HEX " is committed", leader->sid, epoch, (guint64)sim_seen(leader)->head, (guint64)committed);
}

/* ---- from the learner ---- */

static void
on_hello(SimTalk *talk, const PdkPacket *packet)
{
	/* Not as it is dialled: that may have taken so long that the learner has another by now. */
	sim_seen(talk->learner)->following = talk;
	talk->observer = packet->type == PDK_PACKET_OBSERVERINFO;
	talk->hello_epoch = pdk_zxid_epoch(packet->zxid);
	must(talk->learner, pdk_zxid_epoch(packet->zxid) >= sim_seen(talk->learner)->accepted, "A2-promise", packet,
	     ", it accepted a later epoch");
}

/* Its first synchronisation, since its disk is new, has not come to an end. */
static bool
is_fresh(int64_t current, int64_t zxid)
{
	return current == 0 && (zxid == 0 || pdk_zxid_epoch(zxid) > 0);
}

static void
on_ack_epoch(SimTalk *talk, const PdkPacket *packet)
{
	Node *learner = talk->learner;
	int32_t current = packet->data.length >= 4 ? (int32_t)pdk_load_u32(packet->data.data) : -2;
	int64_t zxid = packet->zxid == -1 ? 0 : packet->zxid; /* it holds nothing, and says so */
	must(learner, talk->epoch >= 0 && !talk->promised, "messageIllegal", packet, " and was not asked");
	must(learner, sim_seen(learner)->accepted == talk->epoch, "A2-promise", packet, ", its disk has another acceptedEpoch");
	must(learner, sim_chain_holds(learner->sim->checks, sim_durable_zxid(learner), zxid), "A2-promise", packet,
	     ", which is not on its disk");
	must(learner, current == -1 || current == sim_seen(learner)->current, "A2-promise", packet,
	     ", its disk has another currentEpoch");
	must(learner, current == -1 || talk->hello_epoch < talk->epoch, "A3-counted-once", packet,
	     ", it had accepted this epoch before");
	talk->promised = true;
	talk->acked_epoch_zxid = zxid;
	if (current == -1 || talk->master || talk->observer)
		return;
	SimSummary summary = {talk->epoch, learner->sid, talk->leader->sid, current,
			      sim_chain_end(learner->sim->checks, zxid), is_fresh(current, zxid)};
	count(learner->sim, &summary);
}

static void
on_newleader_ack(SimTalk *talk, const PdkPacket *packet)
{
	Node *learner = talk->learner;
	must(learner, talk->newleader, "messageIllegal", packet, " before NEWLEADER");
	must(learner, sim_seen(learner)->current == talk->epoch, "A5-history-durable", packet, ", its disk has another currentEpoch");
	must(learner, sim_chain_holds(learner->sim->checks, sim_durable_zxid(learner), talk->needed), "A5-history-durable", packet,
	     ", its history is not on its disk");
	SimSeen *leader = sim_seen(talk->leader);
	/* An older epoch: it does not know yet that this one is over. */
	if (talk->master || talk->observer || talk->epoch < leader->leads)
		return;
	if (leader->leads != talk->epoch)
		leader->acked.n = 0;
	leader->leads = talk->epoch;
	pdk_sids_add(&leader->acked, learner->sid);
}

static void
on_marker_ack(SimTalk *talk, const PdkPacket *packet)
{
	talk->markers++;
	if (talk->markers == 1)
		on_newleader_ack(talk, packet);
	else
		must(talk->learner, talk->markers == 2 && talk->uptodate, "messageIllegal", packet, " before UPTODATE, or again");
}

static void
on_ack(SimTalk *talk, const PdkPacket *packet)
{
	Node *learner = talk->learner;
	must(learner, sim_seen(learner)->accepted == talk->epoch, "A2-promise", packet, ", it accepted another epoch");
	if (packet->zxid == pdk_epoch_zxid(talk->epoch)) {
		on_marker_ack(talk, packet);
		return;
	}
	must(learner, !talk->observer, "messageIllegal", packet, " as an observer");
	must(learner, talk->markers > 0, "A9-first-ack", packet, " before that of NEWLEADER");
	must(learner, packet->zxid > talk->acked, "A8-fifo", packet, ", which is not above its last one");
	must(learner, packet->zxid <= talk->proposed, "ackInconsistent", packet, ", which was not proposed");
	must(learner, sim_chain_holds(learner->sim->checks, sim_durable_zxid(learner), packet->zxid), "A6-ack-durable", packet,
	     ", which is not on its disk");
	sim_change_acked(learner, packet->zxid);
	talk->acked = packet->zxid;
}

void
sim_zab_up(SimTalk *talk, const PdkPacket *packet)
{
	switch (packet->type) {
	case PDK_PACKET_FOLLOWERINFO:
	case PDK_PACKET_OBSERVERINFO:
		on_hello(talk, packet);
		return;
	case PDK_PACKET_ACKEPOCH:
		on_ack_epoch(talk, packet);
		return;
	case PDK_PACKET_ACK:
		on_ack(talk, packet);
		return;
	case PDK_PACKET_REQUEST:
	case PDK_PACKET_REVALIDATE:
	case PDK_PACKET_PING:
		must(talk->learner, talk->markers == 2, "messageIllegal", packet, " before it is up to date");
		return;
	default:
		must(talk->learner, false, "messageIllegal", packet, " to its leader");
	}
}

/* ---- from the leader ---- */

static void
on_leaderinfo(SimTalk *talk, const PdkPacket *packet)
{
	Node *leader = talk->leader;
	int64_t epoch = pdk_zxid_epoch(packet->zxid), accepted = sim_seen(leader)->accepted;
	must(leader, talk->epoch < 0, "messageIllegal", packet, " again");
	must(leader, talk->master ? accepted >= epoch : accepted == epoch, "A3-epoch-durable", packet,
	     ", its disk has another acceptedEpoch");
	talk->epoch = epoch;
	if (talk->master)
		return;
	bool fresh = is_fresh(sim_seen(leader)->current, sim_seen(leader)->head);
	SimSummary own = {epoch, leader->sid, leader->sid, 0, 0, fresh};
	count(leader->sim, &own);
}

static void
on_header(SimTalk *talk, const PdkPacket *packet)
{
	must(talk->leader, talk->promised && talk->header == 0, "messageIllegal", packet, " where it is not due");
	talk->header = (PdkPacketType)packet->type;
	talk->target = packet->zxid;
	talk->told_committed = packet->type == PDK_PACKET_DIFF ? talk->acked_epoch_zxid : packet->zxid;
	if (!talk->master)
		goes_through(talk->leader, talk->epoch);
}

/* The successor of the last one; the first one behind a DIFF follows what the learner has. */
static void
on_proposal(SimTalk *talk, const PdkPacket *packet)
{
	int64_t counter = pdk_zxid_counter(packet->zxid), before = talk->proposed;
	bool rises = pdk_zxid_epoch(packet->zxid) > pdk_zxid_epoch(before) && counter == 1;
	must(talk->leader, talk->header != 0, "messageIllegal", packet, " before DIFF, TRUNC or SNAP");
	must(talk->leader, counter != 0 && counter != INT64_C(0xffffffff), "A17-counter", packet, "");
	must(talk->leader, before == 0 || rises || packet->zxid == before + 1, "A8-fifo", packet, ", which is not the next one");
	talk->proposed = packet->zxid;
	g_array_append_val(talk->open, packet->zxid);
}

/* What was committed before this epoch is history; it is told as committed while it becomes so. */
static void
on_commit(SimTalk *talk, const PdkPacket *packet)
{
	bool any = talk->open_head < talk->open->len;
	int64_t oldest = any ? g_array_index(talk->open, int64_t, talk->open_head) : 0;
	must(talk->leader, packet->zxid == oldest, "A8-fifo", packet, ", which is not the oldest proposal on this connection");
	talk->open_head += any;
	if (talk->open_head == talk->open->len)
		g_array_set_size(talk->open, talk->open_head = 0);
	talk->told_committed = packet->zxid;
	if (pdk_zxid_epoch(packet->zxid) == talk->epoch || talk->uptodate)
		sim_chain_commit(talk->leader, packet->zxid);
}

static void
on_newleader(SimTalk *talk, const PdkPacket *packet)
{
	must(talk->leader, talk->header != 0 && !talk->newleader && packet->zxid == pdk_epoch_zxid(talk->epoch), "messageIllegal",
	     packet, " where it is not due");
	talk->newleader = true;
	talk->needed = talk->told_committed;
}

static void
on_uptodate(SimTalk *talk, const PdkPacket *packet)
{
	must(talk->leader, talk->markers == 1 && !talk->uptodate, "messageIllegal", packet, " where it is not due");
	must(talk->leader, talk->master || sim_zab_serves(talk->leader), "A13-serving", packet,
	     ", no quorum has its history");
	talk->uptodate = true;
}

void
sim_zab_down(SimTalk *talk, const PdkPacket *packet)
{
	switch (packet->type) {
	case PDK_PACKET_LEADERINFO:
		on_leaderinfo(talk, packet);
		return;
	case PDK_PACKET_DIFF:
	case PDK_PACKET_TRUNC:
	case PDK_PACKET_SNAP:
		on_header(talk, packet);
		return;
	case PDK_PACKET_PROPOSAL:
		on_proposal(talk, packet);
		return;
	case PDK_PACKET_COMMIT:
	case PDK_PACKET_COMMIT_AND_ACTIVATE:
		on_commit(talk, packet);
		return;
	case PDK_PACKET_INFORM:
	case PDK_PACKET_INFORM_AND_ACTIVATE:
		must(talk->leader, talk->observer, "messageIllegal", packet, " to a follower");
		on_proposal(talk, packet);
		on_commit(talk, packet);
		return;
	case PDK_PACKET_NEWLEADER:
		on_newleader(talk, packet);
		return;
	case PDK_PACKET_UPTODATE:
		on_uptodate(talk, packet);
		return;
	case PDK_PACKET_PING:
		must(talk->leader, talk->newleader, "messageIllegal", packet, " before NEWLEADER");
		return;
	case PDK_PACKET_SYNC:
	case PDK_PACKET_REVALIDATE:
		must(talk->leader, talk->uptodate, "messageIllegal", packet, " before UPTODATE");
		return;
	default:
		must(talk->leader, false, "messageIllegal", packet, " to a learner");
	}
}

/* ---- who serves ---- */

static bool
follows(const Node *node)
{
	const SimTalk *talk = sim_seen(node)->following;
	return talk && talk->markers == 2 && sim_alive(talk->from);
}

static bool
leads(const Node *node)
{
	const SimSeen *seen = sim_seen(node);
	PdkSids sids;
	sids.n = 0;
	if (seen->leads != 0 && seen->leads == seen->current)
		for (unsigned i = 0; i < seen->acked.n; i++)
			pdk_sids_add(&sids, seen->acked.at[i]);
	pdk_sids_add(&sids, node->sid);
	return sim_quorum(node->server->replica->committed, &sids);
}

bool
sim_zab_serves(const Node *node)
{
	return follows(node) || leads(node);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One learner as its leader sees it: what its connection says and is told, from FOLLOWERINFO to UPTODATE and on. Source:
 * LearnerHandler.
 */
#include "replica/replica-private.h"

#define EARLY_MAX 4096 /* a FOLLOWERINFO takes 40 bytes, and nothing may follow it */
#define GREETING_MAX 64 /* data of a packet before the learner has acked an epoch */
#define HANDLERS_MAX 1024

/* ---- coming and going ---- */

static void
free_gone(PdkReplica *replica)
{
	while (replica->gone_handlers) {
		PdkHandler *handler = replica->gone_handlers;
		replica->gone_handlers = handler->next_gone;
		pdk_wire_clear(&handler->wire);
		pdk_buffer_clear(&handler->early);
		g_array_unref(handler->queue);
		g_array_unref(handler->from_disk);
		g_array_unref(handler->syncs);
		g_free(handler->endpoint);
		g_free(handler);
	}
}

static void
clear_queued(void *packet)
{
	g_clear_pointer(&((PdkQueued *)packet)->bytes, g_bytes_unref);
}

static GArray *
new_queue(void)
{
	GArray *queue = g_array_new(FALSE, FALSE, sizeof(PdkQueued));
	g_array_set_clear_func(queue, clear_queued);
	return queue;
}

static unsigned
count(const PdkReplica *replica)
{
	unsigned n = 0;
	for (const PdkHandler *handler = replica->handlers; handler; handler = handler->next)
		n++;
	return n;
}

/* The first packet is due, and this learner counts as in time, from now on. */
static void
begin_hello(PdkReplica *replica, PdkHandler *handler)
{
	handler->due_us = replica->now_us + pdk_replica_init_us(replica);
	handler->deadline_tick = replica->leading.tick + replica->params.init_limit + replica->params.sync_limit;
}

PdkHandler *
pdk_handler_new(PdkReplica *replica, PdkLink link, const char *endpoint, bool observers_only)
{
	free_gone(replica);
	bool leads = replica->role == PDK_PEER_LOOKING || replica->role == PDK_PEER_LEADING;
	bool expected = observers_only ? pdk_master_serves(replica) : leads;
	if (!expected || count(replica) >= HANDLERS_MAX) {
		pdk_replica_say(replica, PDK_LOG_INFO, "learner at %s refused: %s; it will try again", endpoint,
				expected	 ? "too many learners are connected"
				: observers_only ? "this server does not follow a leader"
						 : "this server does not lead");
		replica->effects->refused = true;
		return NULL;
	}
	PdkHandler *handler = g_new0(PdkHandler, 1);
	handler->id = ++replica->next_learner;
	handler->endpoint = g_strdup(endpoint);
	handler->observers_only = observers_only;
	handler->queue = new_queue();
	handler->from_disk = new_queue();
	handler->syncs = g_array_new(FALSE, FALSE, sizeof(int64_t));
	pdk_wire_init(replica, &handler->wire, link);
	handler->wire.cutter.max_data = GREETING_MAX;
	begin_hello(replica, handler);
	handler->next = replica->handlers;
	replica->handlers = handler;
	return handler;
}

PdkHandler *
pdk_handler_find(PdkReplica *replica, PdkLink link)
{
	for (PdkHandler *handler = replica->handlers; handler; handler = handler->next)
		if (handler->wire.link == link)
			return handler;
	return NULL;
}

static const char *
kind(const PdkHandler *handler)
{
	return handler->observer ? "observer" : "follower";
}

static void
say_dropped(PdkReplica *replica, const PdkHandler *handler, const char *why)
{
	if (handler->stage == PDK_HANDLER_HELLO)
		pdk_replica_say(replica, PDK_LOG_WARNING, "learner at %s dropped: %s; it may connect again", handler->endpoint,
				why);
	else
		pdk_replica_say(replica, PDK_LOG_WARNING, "%s %" PRId64 " at %s dropped: %s; it may connect again", kind(handler),
				handler->sid, handler->endpoint, why);
}

/* The packet being read stays in memory: whoever drops a handler may have been called with it. */
static void
close_link(PdkReplica *replica, PdkHandler *handler, bool flush)
{
	pdk_effects_command(replica->effects, flush ? PDK_COMMAND_CLOSE_FLUSHED : PDK_COMMAND_CLOSE, handler->wire.link);
	handler->wire.link = 0;
}

static void
forget(PdkReplica *replica, PdkHandler *handler)
{
	PdkHandler **at = &replica->handlers;
	while (*at != handler)
		at = &(*at)->next;
	*at = handler->next;
	handler->gone = true;
	handler->next_gone = replica->gone_handlers;
	replica->gone_handlers = handler;
	pdk_sync_abort(replica, handler);
	if (replica->leading.established && !replica->leading.may_commit)
		replica->effects->again = true;
}

void
pdk_handler_drop(PdkReplica *replica, PdkHandler *handler, const char *why)
{
	if (handler->gone)
		return;
	if (why)
		say_dropped(replica, handler, why);
	close_link(replica, handler, false);
	forget(replica, handler);
}

void
pdk_handler_closed(PdkReplica *replica, PdkHandler *handler)
{
	say_dropped(replica, handler, "it closed the connection");
	forget(replica, handler);
}

void
pdk_handlers_drop_all(PdkReplica *replica)
{
	while (replica->handlers) {
		PdkHandler *handler = replica->handlers;
		/* What was committed shall still reach those that follow. */
		close_link(replica, handler, handler->stage == PDK_HANDLER_LIVE);
		forget(replica, handler);
	}
}

void
pdk_handlers_free(PdkReplica *replica)
{
	while (replica->handlers) {
		PdkHandler *handler = replica->handlers;
		replica->handlers = handler->next;
		handler->next_gone = replica->gone_handlers;
		replica->gone_handlers = handler;
	}
	free_gone(replica);
}

/* ---- out ---- */

size_t
pdk_handler_outstanding(PdkReplica *replica, const PdkHandler *handler)
{
	const PdkEffects *effects = replica->effects;
	const PdkWire *wire = &handler->wire;
	bool fresh = wire->output_turn == effects->turn && wire->output < effects->n_outputs;
	return wire->unsent + (fresh ? pdk_output_length(&effects->outputs[wire->output]) : 0);
}

static void
write_newleader(PdkReplica *replica, PdkHandler *handler, int64_t zxid)
{
	size_t length;
	const char *text = pdk_members_text(replica->last_seen, &length);
	pdk_put_packet(pdk_wire_out(replica, &handler->wire), PDK_PACKET_NEWLEADER, zxid, text, (int32_t)length);
	handler->stage = PDK_HANDLER_NEWLEADER;
	handler->due_us = replica->now_us + pdk_replica_init_us(replica);
}

void
pdk_handler_write(PdkReplica *replica, PdkHandler *handler, const PdkQueued *packet)
{
	bool informs = packet->type == PDK_PACKET_INFORM || packet->type == PDK_PACKET_INFORM_AND_ACTIVATE;
	if (packet->type == PDK_PACKET_PROPOSAL || informs)
		handler->sent_zxid = MAX(handler->sent_zxid, packet->zxid);
	if (packet->type == PDK_PACKET_PROPOSAL || packet->type == PDK_PACKET_INFORM) {
		pdk_wire_txn(replica, &handler->wire, packet->type, packet->zxid, packet->bytes);
		return;
	}
	if (packet->type == PDK_PACKET_NEWLEADER) {
		write_newleader(replica, handler, packet->zxid);
		return;
	}
	gsize length = 0;
	const void *data = packet->bytes ? g_bytes_get_data(packet->bytes, &length) : NULL;
	pdk_put_packet(pdk_wire_out(replica, &handler->wire), packet->type, packet->zxid, data, data ? (int32_t)length : -1);
}

void
pdk_handler_queue_clear(PdkHandler *handler)
{
	g_array_set_size(handler->queue, 0);
	handler->queue_head = 0;
	handler->queue_bytes = 0;
	g_array_set_size(handler->from_disk, 0);
	handler->from_disk_bytes = 0;
}

static void
enqueue(PdkHandler *handler, const PdkQueued *packet)
{
	PdkQueued kept = *packet;
	if (kept.bytes)
		g_bytes_ref(kept.bytes);
	g_array_append_val(handler->queue, kept);
	handler->queue_bytes += pdk_queued_cost(&kept);
}

/* History goes out whole, however much it is: who needs it would need it the next time, too. A follower gives less for the rest. */
static size_t
most_waiting(const PdkReplica *replica, const PdkHandler *handler)
{
	if (!handler->forwarding)
		return SIZE_MAX;
	size_t history = handler->stage < PDK_HANDLER_ACKED ? handler->history_bytes : 0;
	return history + (replica->leading.leading ? replica->params.learner_output_max
						   : (size_t)replica->params.observer_master_bytes);
}

void
pdk_handler_put(PdkReplica *replica, PdkHandler *handler, PdkPacketType type, int64_t zxid, GBytes *bytes)
{
	PdkQueued packet = {type, zxid, bytes};
	if (handler->gone)
		return;
	if (handler->stage == PDK_HANDLER_SYNC || handler->queue->len > handler->queue_head)
		enqueue(handler, &packet);
	else
		pdk_handler_write(replica, handler, &packet);
	size_t waiting = handler->queue_bytes + pdk_handler_outstanding(replica, handler);
	if (waiting <= most_waiting(replica, handler))
		return;
	g_autofree char *why = g_strdup_printf("it is %zu MiB behind", waiting >> 20);
	pdk_handler_drop(replica, handler, why);
}

static void
put_small(PdkReplica *replica, PdkHandler *handler, PdkPacketType type, int64_t zxid, const void *data, size_t length)
{
	g_autoptr(GBytes) bytes = g_bytes_new(data, length);
	pdk_handler_put(replica, handler, type, zxid, bytes);
}

void
pdk_handler_ping(PdkReplica *replica, PdkHandler *handler)
{
	if (handler->stage < PDK_HANDLER_NEWLEADER || handler->gone)
		return;
	if (handler->unacked.zxid && replica->now_us - handler->unacked.since_us >= pdk_replica_sync_us(replica)) {
		g_autofree char *why = g_strdup_printf("it did not ack 0x%" PRIx64 " within syncLimit", handler->unacked.zxid);
		pdk_handler_drop(replica, handler, why);
		return;
	}
	int64_t last = replica->leading.leading ? replica->leading.proposed : replica->hooks.applied(replica->hooks.context);
	handler->pings += handler->stage == PDK_HANDLER_LIVE; /* before UPTODATE it is not answered */
	pdk_handler_put(replica, handler, PDK_PACKET_PING, last, NULL);
}

void
pdk_handler_propose(PdkReplica *replica, PdkHandler *handler, int64_t zxid, GBytes *txn)
{
	if (!handler->forwarding || handler->observer || handler->gone)
		return;
	if (handler->stage >= PDK_HANDLER_ACKED)
		pdk_lateness_begin(&handler->unacked, zxid, replica->now_us);
	pdk_handler_put(replica, handler, PDK_PACKET_PROPOSAL, zxid, txn);
}

/* Syncs are answered behind the commit of what was proposed before them. */
void
pdk_handler_answer_syncs(PdkReplica *replica, PdkHandler *handler, int64_t zxid)
{
	guint n = 0;
	while (n < handler->syncs->len && g_array_index(handler->syncs, int64_t, n) <= zxid) {
		pdk_handler_put(replica, handler, PDK_PACKET_SYNC, 0, NULL);
		n++;
	}
	if (n > 0)
		g_array_remove_range(handler->syncs, 0, n);
}

static void
put_activation(PdkReplica *replica, PdkHandler *handler, int64_t zxid, GBytes *txn, int64_t designated)
{
	PdkBuffer data = {0};
	gsize length;
	const void *bytes = g_bytes_get_data(txn, &length);
	pdk_put_long(&data, designated);
	if (handler->observer)
		pdk_buffer_append(&data, bytes, length);
	put_small(replica, handler, handler->observer ? PDK_PACKET_INFORM_AND_ACTIVATE : PDK_PACKET_COMMIT_AND_ACTIVATE, zxid,
		  data.data, data.length);
	pdk_buffer_clear(&data);
}

void
pdk_handler_commit(PdkReplica *replica, PdkHandler *handler, int64_t zxid, GBytes *txn, int64_t designated)
{
	if (!handler->forwarding || handler->gone)
		return;
	if (designated >= 0)
		put_activation(replica, handler, zxid, txn, designated);
	else if (handler->observer)
		pdk_handler_put(replica, handler, PDK_PACKET_INFORM, zxid, txn);
	else
		pdk_handler_put(replica, handler, PDK_PACKET_COMMIT, zxid, NULL);
	pdk_handler_answer_syncs(replica, handler, zxid);
}

/* ---- from stage to stage ---- */

static void
send_leaderinfo(PdkReplica *replica, PdkHandler *handler)
{
	uint8_t version[4];
	pdk_store_u32(version, PDK_PROTOCOL_VERSION);
	handler->stage = PDK_HANDLER_ACKEPOCH;
	handler->due_us = replica->now_us + pdk_replica_init_us(replica);
	put_small(replica, handler, PDK_PACKET_LEADERINFO, pdk_epoch_zxid(pdk_master_epoch(replica)), version, sizeof version);
}

static const char *
mode_name(PdkSyncMode mode)
{
	static const char *const names[] = {"nothing", "DIFF", "TRUNC", "SNAP"};
	return names[mode];
}

static void
go_live(PdkReplica *replica, PdkHandler *handler)
{
	handler->stage = PDK_HANDLER_LIVE;
	handler->heard_us = replica->now_us;
	handler->deadline_tick = replica->leading.tick + replica->params.sync_limit;
	pdk_replica_say(replica, PDK_LOG_INFO, "%s %" PRId64 " at %s is up to date by %s from 0x%" PRIx64, kind(handler),
			handler->sid, handler->endpoint, mode_name(handler->mode), handler->last_zxid);
	pdk_handler_put(replica, handler, PDK_PACKET_UPTODATE, -1, NULL);
}

void
pdk_handler_advance(PdkReplica *replica, PdkHandler *handler)
{
	const PdkLeading *leading = &replica->leading;
	bool follows = !leading->leading; /* then all is settled already */
	if (handler->gone)
		return;
	if (handler->stage == PDK_HANDLER_EPOCH && (follows || leading->epoch_fixed))
		send_leaderinfo(replica, handler);
	else if (handler->stage == PDK_HANDLER_SUMMARY &&
		 (follows || (leading->electing_finished && pdk_fresh_may_come(replica, handler))))
		pdk_sync_begin(replica, handler);
	else if (handler->stage == PDK_HANDLER_ACKED && (follows || leading->established))
		go_live(replica, handler);
}

/* ---- in ---- */

static void
drop_because(PdkReplica *replica, PdkHandler *handler, const char *what, int64_t value)
{
	g_autofree char *number = g_strdup_printf("%" PRId64, value);
	g_autofree char *why = g_strconcat(what, " ", number, NULL);
	pdk_handler_drop(replica, handler, why);
}

/* A server has one connection: acks of an older one must not count beside this one's history. */
static void
replace_older(PdkReplica *replica, PdkHandler *handler)
{
	for (PdkHandler *other = replica->handlers; other; other = other->next)
		if (other != handler && other->stage > PDK_HANDLER_HELLO && other->sid == handler->sid)
			pdk_handler_drop(replica, other, "it connected anew");
}

static void
take_hello(PdkReplica *replica, PdkHandler *handler, const PdkPacket *packet)
{
	PdkLearnerInfo info;
	bool observes = packet->type == PDK_PACKET_OBSERVERINFO;
	if (!observes && packet->type != PDK_PACKET_FOLLOWERINFO) {
		drop_because(replica, handler, "its first packet is no FOLLOWERINFO or OBSERVERINFO but of type", packet->type);
		return;
	}
	if (!pdk_get_learner_info(packet->data, &info) || info.protocol < PDK_PROTOCOL_VERSION) {
		pdk_handler_drop(replica, handler, "its FOLLOWERINFO is unreadable or of a protocol older than 3.4's");
		return;
	}
	int64_t epoch = pdk_zxid_epoch(packet->zxid);
	if (epoch < 0 || epoch >= INT32_MAX - 1) {
		drop_because(replica, handler, "it claims to have accepted the epoch", epoch);
		return;
	}
	if (info.sid == replica->params.self) {
		drop_because(replica, handler, "it claims the sid of this server,", info.sid);
		return;
	}
	handler->sid = info.sid;
	handler->observer = observes;
	handler->accepted_epoch = epoch;
	handler->stage = PDK_HANDLER_EPOCH;
	handler->due_us = INT64_MAX; /* the leader's own wait ends it */
	if (info.config_version > pdk_members_version(replica->committed)) {
		pdk_handler_drop(replica, handler, "its configuration is newer than this leader's");
		return;
	}
	if (handler->observers_only && !observes) {
		pdk_handler_drop(replica, handler, "this port is for observers, followers connect to the leader");
		return;
	}
	replace_older(replica, handler);
	if (replica->leading.leading)
		pdk_leader_connected(replica, handler);
	else
		pdk_handler_advance(replica, handler);
}

static void
take_ackepoch(PdkReplica *replica, PdkHandler *handler, const PdkPacket *packet)
{
	if (packet->type != PDK_PACKET_ACKEPOCH || packet->data.length < 4) {
		drop_because(replica, handler, "no ACKEPOCH came but a packet of type", packet->type);
		return;
	}
	handler->last_zxid = packet->zxid;
	pdk_fresh_take_ackepoch(replica, handler, packet->data);
	handler->wire.cutter.max_data = pdk_wire_longest(replica);
	handler->stage = PDK_HANDLER_SUMMARY;
	handler->due_us = INT64_MAX;
	if (!replica->leading.leading || pdk_leader_epoch_accepted(replica, handler))
		pdk_handler_advance(replica, handler);
}

static void
take_newleader_ack(PdkReplica *replica, PdkHandler *handler)
{
	/* UPTODATE is acked by the same zxid. */
	if (handler->stage != PDK_HANDLER_NEWLEADER)
		return;
	handler->stage = PDK_HANDLER_ACKED;
	handler->due_us = INT64_MAX;
	if (replica->leading.leading)
		pdk_leader_newleader_acked(replica, handler);
	else
		pdk_handler_advance(replica, handler);
}

/*
 * One number: a learner acks in order, so this one says that its log has all before. It counts from the NEWLEADER ack on, which
 * old releases let be overtaken (ZOOKEEPER-4685).
 */
static void
take_ack(PdkReplica *replica, PdkHandler *handler, int64_t zxid)
{
	if (zxid == pdk_epoch_zxid(pdk_master_epoch(replica))) {
		take_newleader_ack(replica, handler);
		return;
	}
	if (pdk_zxid_counter(zxid) == 0)
		return;
	if (!replica->leading.leading) {
		pdk_handler_drop(replica, handler, "it acked a proposal, which no observer does");
		return;
	}
	if (zxid > handler->sent_zxid) {
		g_autofree char *why = g_strdup_printf("it acked 0x%" PRIx64 ", which it was never sent", zxid);
		pdk_handler_drop(replica, handler, why);
		return;
	}
	handler->acked = MAX(handler->acked, zxid);
	pdk_lateness_end(&handler->unacked, zxid);
}

static PdkJute
reader_of(PdkSlice data)
{
	return data.length > 0 ? pdk_jute(data.data, (size_t)data.length, INT32_MAX) : pdk_jute("", 0, INT32_MAX);
}

static void
take_ping(PdkReplica *replica, PdkHandler *handler, PdkSlice data)
{
	PdkJute in = reader_of(data);
	while (pdk_jute_left(&in) >= 12) {
		int64_t session = pdk_get_long(&in);
		replica->hooks.touch(replica->hooks.context, session, pdk_get_int(&in));
	}
	if (replica->leading.leading && handler->stage == PDK_HANDLER_LIVE)
		pdk_fresh_pong(replica, handler);
}

void
pdk_handler_revalidated(PdkReplica *replica, PdkHandler *handler, int64_t session, bool valid)
{
	uint8_t answer[9];
	pdk_store_u64(answer, (uint64_t)session);
	answer[8] = valid;
	put_small(replica, handler, PDK_PACKET_REVALIDATE, -1, answer, sizeof answer);
}

static void
take_revalidate(PdkReplica *replica, PdkHandler *handler, const PdkPacket *packet)
{
	PdkJute in = reader_of(packet->data);
	int64_t session = pdk_get_long(&in);
	int32_t timeout_ms = pdk_get_int(&in);
	if (in.failed) {
		pdk_handler_drop(replica, handler, "its REVALIDATE is too short");
		return;
	}
	if (!replica->leading.leading) {
		pdk_master_revalidate(replica, handler, session, timeout_ms);
		return;
	}
	bool valid = replica->hooks.revalidate(replica->hooks.context, handler->id, session, timeout_ms);
	pdk_handler_revalidated(replica, handler, session, valid);
}

static void
take_sync(PdkReplica *replica, PdkHandler *handler)
{
	const PdkLeading *leading = &replica->leading;
	/* What was asked before it is passed over now, without an answer: there must be none behind it. */
	if (!leading->may_commit || leading->leave)
		return;
	if (leading->committed == leading->proposed)
		pdk_handler_put(replica, handler, PDK_PACKET_SYNC, 0, NULL);
	else
		g_array_append_val(handler->syncs, leading->proposed);
}

static void
take_request(PdkReplica *replica, PdkHandler *handler, const PdkPacket *packet)
{
	PdkJute in = reader_of(packet->data);
	int64_t session = pdk_get_long(&in);
	int32_t cxid = pdk_get_int(&in);
	int32_t op = pdk_get_int(&in);
	if (in.failed) {
		pdk_handler_drop(replica, handler, "its REQUEST is too short");
		return;
	}
	PdkSlice body = {in.at, (int32_t)pdk_jute_left(&in)};
	if (!replica->leading.leading) {
		pdk_master_request(replica, handler, session, cxid, op, body, packet->auth);
		return;
	}
	if (op == PDK_OP_SYNC_REQUEST) {
		take_sync(replica, handler);
		return;
	}
	replica->hooks.request(replica->hooks.context, handler->id, session, cxid, op, body, packet->auth);
}

static void
take_odd(PdkReplica *replica, PdkHandler *handler, const PdkPacket *packet)
{
	if (handler->odd_said)
		return;
	handler->odd_said = true;
	pdk_replica_say(replica, PDK_LOG_WARNING, "%s %" PRId64 " at %s sent an unexpected packet of type %d (%s); such are "
			"ignored", kind(handler), handler->sid, handler->endpoint, packet->type, pdk_packet_name(packet->type));
}

/* From the sync data on. */
static void
take_later(PdkReplica *replica, PdkHandler *handler, const PdkPacket *packet)
{
	bool asks = packet->type == PDK_PACKET_REQUEST || packet->type == PDK_PACKET_REVALIDATE;
	if (asks && handler->stage != PDK_HANDLER_LIVE) {
		pdk_handler_drop(replica, handler, "it forwards requests before UPTODATE");
		return;
	}
	handler->heard_us = replica->now_us;
	if (handler->stage == PDK_HANDLER_LIVE)
		handler->deadline_tick = replica->leading.tick + replica->params.sync_limit;
	if (packet->type == PDK_PACKET_ACK)
		take_ack(replica, handler, packet->zxid);
	else if (packet->type == PDK_PACKET_PING)
		take_ping(replica, handler, packet->data);
	else if (packet->type == PDK_PACKET_REVALIDATE)
		take_revalidate(replica, handler, packet);
	else if (packet->type == PDK_PACKET_REQUEST)
		take_request(replica, handler, packet);
	else
		take_odd(replica, handler, packet);
}

static void
take(PdkReplica *replica, PdkHandler *handler, const PdkPacket *packet)
{
	if (handler->stage == PDK_HANDLER_HELLO)
		take_hello(replica, handler, packet);
	else if (handler->stage == PDK_HANDLER_ACKEPOCH)
		take_ackepoch(replica, handler, packet);
	else if (handler->stage >= PDK_HANDLER_SYNC)
		take_later(replica, handler, packet);
	else
		drop_because(replica, handler, "it was not asked and sent a packet of type", packet->type);
}

static void
cut(PdkReplica *replica, PdkHandler *handler, const uint8_t *data, size_t length)
{
	while (length > 0 && !handler->gone) {
		PdkPacket packet;
		const char *why;
		PdkCut result = pdk_packet_cut(&handler->wire.cutter, &data, &length, &packet, &why);
		if (result == PDK_CUT_MORE)
			return;
		if (result == PDK_CUT_BAD) {
			g_autofree char *text = g_strconcat("it does not speak the quorum protocol: ", why, NULL);
			pdk_handler_drop(replica, handler, text);
			return;
		}
		take(replica, handler, &packet);
	}
}

void
pdk_handler_received(PdkReplica *replica, PdkHandler *handler, const uint8_t *data, size_t length)
{
	free_gone(replica);
	if (replica->leading.leading) {
		cut(replica, handler, data, length);
		pdk_leader_try_commit(replica);
		return;
	}
	if (handler->observers_only) {
		cut(replica, handler, data, length);
		return;
	}
	if (handler->early.length + length > EARLY_MAX) {
		pdk_handler_drop(replica, handler, "it talks on before this server leads");
		return;
	}
	pdk_buffer_append(&handler->early, data, length);
}

void
pdk_handlers_begin(PdkReplica *replica)
{
	for (PdkHandler *handler = replica->handlers; handler; handler = handler->next) {
		if (handler->gone)
			continue;
		begin_hello(replica, handler);
		cut(replica, handler, handler->early.data, handler->early.length);
		pdk_buffer_clear(&handler->early);
	}
}

/* ---- time and room ---- */

void
pdk_handler_unsent(PdkReplica *replica, PdkHandler *handler, size_t unsent)
{
	bool moves = unsent < handler->wire.unsent;
	handler->wire.unsent = unsent;
	if (moves && (handler->stage == PDK_HANDLER_SYNC || handler->stage == PDK_HANDLER_NEWLEADER))
		handler->due_us = replica->now_us + pdk_replica_init_us(replica);
	pdk_sync_go_on(replica, handler);
}

static const char *
overdue(const PdkHandler *handler)
{
	switch (handler->stage) {
	case PDK_HANDLER_HELLO:
		return "it said nothing within initLimit";
	case PDK_HANDLER_ACKEPOCH:
		return "it did not ack the epoch within initLimit";
	case PDK_HANDLER_SYNC:
		return "it took no bytes of its history within initLimit";
	case PDK_HANDLER_NEWLEADER:
		return "it did not ack its history within initLimit";
	default:
		return "nothing was heard of it within syncLimit";
	}
}

static void
watch(PdkReplica *replica, PdkHandler *handler)
{
	bool live = handler->stage == PDK_HANDLER_LIVE;
	int64_t due_us = live ? handler->heard_us + pdk_replica_sync_us(replica) : handler->due_us;
	if (replica->now_us >= due_us)
		pdk_handler_drop(replica, handler, overdue(handler));
	else
		pdk_replica_deadline(replica, due_us);
}

void
pdk_handlers_turn(PdkReplica *replica)
{
	free_gone(replica);
	for (PdkHandler *handler = replica->handlers; handler; handler = handler->next) {
		pdk_sync_go_on(replica, handler);
		if (!handler->gone)
			watch(replica, handler);
	}
}

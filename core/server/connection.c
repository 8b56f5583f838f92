/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes come in, frames are cut, and it is decided who may go on and who waits. */
#include "server/server-private.h"

#define FRAME_HEAD 4

/* ---- finding and forgetting ---- */

static uint32_t
slot_of(PdkLink link)
{
	return (uint32_t)link;
}

PdkConnection *
pdk_connection_find(PdkServer *server, PdkLink link)
{
	uint32_t slot = slot_of(link);
	if (link == 0 || slot >= server->n_slots)
		return NULL;
	PdkConnection *connection = server->connections[slot];
	return connection && connection->link == link ? connection : NULL;
}

static void
sessionless_unlink(PdkServer *server, PdkConnection *connection)
{
	if (!connection->sessionless)
		return;
	if (connection->older)
		connection->older->newer = connection->newer;
	else
		server->sessionless_oldest = connection->newer;
	if (connection->newer)
		connection->newer->older = connection->older;
	else
		server->sessionless_newest = connection->older;
	connection->older = connection->newer = NULL;
	connection->sessionless = false;
}

/* Any traffic makes a sessionless connection the youngest. */
static void
sessionless_touch(PdkServer *server, PdkConnection *connection)
{
	sessionless_unlink(server, connection);
	connection->active_us = server->now_us;
	connection->older = server->sessionless_newest;
	if (server->sessionless_newest)
		server->sessionless_newest->newer = connection;
	else
		server->sessionless_oldest = connection;
	server->sessionless_newest = connection;
	connection->sessionless = true;
}

void
pdk_connection_has_session(PdkServer *server, PdkConnection *connection)
{
	sessionless_unlink(server, connection);
}

static void
run_list_remove(PdkServer *server, PdkConnection *connection)
{
	if (!connection->runnable)
		return;
	PdkConnection *previous = NULL;
	PdkConnection *at = server->run_first;
	while (at != connection) {
		previous = at;
		at = at->next_run;
	}
	if (previous)
		previous->next_run = connection->next_run;
	else
		server->run_first = connection->next_run;
	if (server->run_last == connection)
		server->run_last = previous;
	connection->next_run = NULL;
	connection->runnable = false;
	server->n_runnable--;
}

static void
run_list_add(PdkServer *server, PdkConnection *connection)
{
	server->effects->again = true;
	if (connection->runnable)
		return;
	connection->runnable = true;
	server->n_runnable++;
	if (server->run_last)
		server->run_last->next_run = connection;
	else
		server->run_first = connection;
	server->run_last = connection;
}

static void
count_address(PdkServer *server, PdkConnection *connection)
{
	guint count = GPOINTER_TO_UINT(g_hash_table_lookup(server->per_address, connection->address));
	g_hash_table_replace(server->per_address, g_strdup(connection->address), GUINT_TO_POINTER(count + 1));
	connection->counted = true;
}

static void
uncount_address(PdkServer *server, PdkConnection *connection)
{
	if (!connection->counted)
		return;
	guint count = GPOINTER_TO_UINT(g_hash_table_lookup(server->per_address, connection->address));
	if (count <= 1)
		g_hash_table_remove(server->per_address, connection->address);
	else
		g_hash_table_replace(server->per_address, g_strdup(connection->address), GUINT_TO_POINTER(count - 1));
	connection->counted = false;
}

static void
drop_waiting(PdkServer *server, PdkConnection *connection)
{
	while (connection->waiting_count > 0) {
		PdkWaiting *first = pdk_connection_first(connection);
		if (first->zxid == 0) {
			pdk_outstanding_sub(server);
			if (first->large)
				server->large_bytes -= first->length;
			g_free(first->frame);
		}
		pdk_connection_pop(connection);
	}
}

static void
detach_session(PdkServer *server, PdkConnection *connection)
{
	PdkSession *session = connection->session;
	connection->session = NULL;
	if (session == NULL || session->link != connection->slot + 1)
		return;
	session->link = 0;
	pdk_local_left(server, session);
}

/* Everything that binds a connection to the rest of the server, but for the slot itself. */
static void
unbind(PdkServer *server, PdkConnection *connection)
{
	pdk_watches_drop(server->watches, connection->slot);
	detach_session(server, connection);
	drop_waiting(server, connection);
	run_list_remove(server, connection);
	sessionless_unlink(server, connection);
	if (connection->admin_reply) {
		connection->admin_ops->end(connection->admin, connection->admin_reply);
		connection->admin_reply = NULL;
	}
	pdk_buffer_clear(&connection->input);
	connection->taken = 0;
}

static void
connection_free(PdkServer *server, PdkConnection *connection)
{
	unbind(server, connection);
	uncount_address(server, connection);
	pdk_access_clear(connection);
	g_free(connection->waiting);
	g_free(connection->address);
	g_free(connection->endpoint);
	g_free(connection->certificate);
	server->connections[connection->slot] = NULL;
	server->alive--;
	g_free(connection);
}

void
pdk_connection_closed(PdkServer *server, PdkConnection *connection)
{
	connection_free(server, connection);
}

void
pdk_connections_free(PdkServer *server)
{
	g_array_set_size(server->limited.items, 0); /* nobody goes on any more */
	server->limited.head = 0;
	for (uint32_t slot = 0; slot < server->n_slots; slot++)
		if (server->connections[slot])
			connection_free(server, server->connections[slot]);
	g_free(server->connections);
}

/* ---- arriving ---- */

/* A storm of refused connections is told once a second. */
static void
tell_refusal(PdkServer *server, const char *address, const char *key, int limit)
{
	server->refused_untold++;
	if (server->refused_told_us != 0 && server->now_us - server->refused_told_us < G_USEC_PER_SEC)
		return;
	pdk_server_say(server, PDK_LOG_WARNING, "connections refused: %s reached limit=%d peer=%s count=%" PRIu64, key, limit, address,
		       server->refused_untold);
	server->refused_told_us = server->now_us;
	server->refused_untold = 0;
}

static bool
room_for(PdkServer *server, const char *address)
{
	const PdkSettings *settings = server->settings;
	/* A member of an ensemble without a leader answers operators, and closes clients at their first frame. */
	if (server->stopping || (!server->serving && server->replica == NULL))
		return false;
	if (settings->max_cnxns > 0 && server->alive >= (uint64_t)settings->max_cnxns) {
		tell_refusal(server, address, "maxCnxns", settings->max_cnxns);
		return false;
	}
	guint count = GPOINTER_TO_UINT(g_hash_table_lookup(server->per_address, address));
	if (settings->max_client_cnxns > 0 && count >= (guint)settings->max_client_cnxns) {
		tell_refusal(server, address, "maxClientCnxns", settings->max_client_cnxns);
		return false;
	}
	return true;
}

static void
make_slot(PdkServer *server, uint32_t slot)
{
	if (slot < server->n_slots)
		return;
	uint32_t wanted = MAX(slot + 1, server->n_slots * 2);
	server->connections = g_renew(PdkConnection *, server->connections, wanted);
	memset(&server->connections[server->n_slots], 0, (wanted - server->n_slots) * sizeof(PdkConnection *));
	server->n_slots = wanted;
}

void
pdk_connection_accepted(PdkServer *server, const PdkEvent *event)
{
	if (!room_for(server, event->accepted.address)) {
		pdk_counter_add(server->cells.connection_rejected, 1);
		server->effects->refused = true;
		return;
	}
	uint32_t slot = slot_of(event->link);
	make_slot(server, slot);
	pdk_assert(server->connections[slot] == NULL);
	PdkConnection *connection = g_new0(PdkConnection, 1);
	server->connections[slot] = connection;
	server->alive++;
	connection->link = event->link;
	connection->slot = slot;
	connection->stage = PDK_STAGE_FRESH;
	connection->address = g_strdup(event->accepted.address);
	connection->endpoint = g_strdup(event->accepted.endpoint);
	connection->certificate = g_strdup(event->accepted.certificate);
	connection->secure = event->accepted.secure;
	connection->stats.established_wall_ms = server->wall_ms;
	connection->stats.last_cxid = -1;
	if (server->holding)
		connection->waits |= PDK_WAIT_START;
	count_address(server, connection);
	sessionless_touch(server, connection);
	pdk_access_connected(server, connection);
}

/* ---- the ring of things waited for ---- */

void
pdk_connection_push(PdkConnection *connection, const PdkWaiting *waiting)
{
	if (connection->waiting_count == connection->waiting_capacity) {
		uint32_t capacity = MAX(4, connection->waiting_capacity * 2);
		PdkWaiting *ring = g_new(PdkWaiting, capacity);
		for (uint32_t i = 0; i < connection->waiting_count; i++)
			ring[i] = connection->waiting[(connection->waiting_head + i) % connection->waiting_capacity];
		g_free(connection->waiting);
		connection->waiting = ring;
		connection->waiting_head = 0;
		connection->waiting_capacity = capacity;
	}
	uint32_t at = (connection->waiting_head + connection->waiting_count) % connection->waiting_capacity;
	connection->waiting[at] = *waiting;
	connection->waiting_count++;
}

PdkWaiting *
pdk_connection_first(PdkConnection *connection)
{
	return connection->waiting_count > 0 ? &connection->waiting[connection->waiting_head] : NULL;
}

void
pdk_connection_pop(PdkConnection *connection)
{
	pdk_assert(connection->waiting_count > 0);
	connection->waiting_head = (connection->waiting_head + 1) % connection->waiting_capacity;
	if (--connection->waiting_count == 0) {
		connection->waiting_head = 0;
		if (connection->waiting_capacity > 64) {
			g_clear_pointer(&connection->waiting, g_free);
			connection->waiting_capacity = 0;
		}
	}
}

/* ---- output ---- */

PdkOutput *
pdk_connection_output(PdkServer *server, PdkConnection *connection)
{
	PdkEffects *effects = server->effects;
	connection->output = pdk_effects_output(effects, connection->link, connection->output, connection->output_turn);
	if (connection->output_turn != effects->turn && connection->unsent <= PDK_OUTPUT_HIGH)
		connection->unread_events = 0; /* it keeps up */
	connection->output_turn = effects->turn;
	return &effects->outputs[connection->output];
}

/* What is on its way to the peer, bytes. */
static size_t
output_pending(PdkServer *server, const PdkConnection *connection)
{
	const PdkEffects *effects = server->effects;
	size_t now = 0;
	if (connection->output_turn == effects->turn && connection->output < effects->n_outputs)
		now = pdk_output_length(&effects->outputs[connection->output]);
	return connection->unsent + now;
}

void
pdk_connection_end(PdkServer *server, PdkConnection *connection, bool flush)
{
	if (connection->stage == PDK_STAGE_ENDING)
		return;
	unbind(server, connection);
	connection->stage = PDK_STAGE_ENDING;
	pdk_effects_command(server->effects, flush ? PDK_COMMAND_CLOSE_FLUSHED : PDK_COMMAND_CLOSE, connection->link);
}

void
pdk_connection_wait(PdkConnection *connection, uint8_t reasons)
{
	connection->waits |= reasons;
}

void
pdk_connection_go_on(PdkServer *server, PdkConnection *connection, uint8_t reasons)
{
	if (connection->stage == PDK_STAGE_ENDING || (connection->waits & reasons) == 0)
		return;
	connection->waits &= (uint8_t)~reasons;
	if (connection->waits == 0)
		run_list_add(server, connection);
}

/* ---- the limit on outstanding requests ---- */

bool
pdk_outstanding_over(const PdkServer *server)
{
	int64_t limit = server->settings->global_outstanding_limit;
	int64_t throttle = server->settings->request_throttle_max;
	if (throttle > 0 && throttle < limit)
		limit = throttle;
	return (int64_t)server->outstanding > limit;
}

void
pdk_outstanding_add(PdkServer *server)
{
	server->outstanding++;
}

void
pdk_outstanding_sub(PdkServer *server)
{
	pdk_assert(server->outstanding > 0);
	server->outstanding--;
	while (pdk_queue_length(&server->limited) > 0 && !pdk_outstanding_over(server)) {
		PdkConnection *next = pdk_connection_find(server, *pdk_queue_first(&server->limited, PdkLink));
		pdk_queue_pop(&server->limited);
		if (next)
			pdk_connection_go_on(server, next, PDK_WAIT_LIMIT);
	}
}

/* Over the limit, a connection that has requests under way is not served further. */
static bool
held_by_limit(PdkServer *server, PdkConnection *connection)
{
	if (connection->waiting_count == 0 || !pdk_outstanding_over(server))
		return false;
	g_array_append_val(server->limited.items, connection->link);
	connection->waits |= PDK_WAIT_LIMIT;
	return true;
}

/* ---- words of operators ---- */

static void
pump_word(PdkServer *server, PdkConnection *connection)
{
	g_autoptr(GByteArray) part = g_byte_array_new();
	bool more = true;
	while (more && output_pending(server, connection) <= PDK_OUTPUT_HIGH) {
		g_byte_array_set_size(part, 0);
		more = connection->admin_ops->next(connection->admin, connection->admin_reply, part);
		pdk_buffer_append(&pdk_connection_output(server, connection)->bytes, part->data, part->len);
	}
	if (!more) {
		pdk_connection_end(server, connection, true);
		return;
	}
	connection->waits |= PDK_WAIT_OUTPUT;
	run_list_add(server, connection);
}

static bool
find_word(PdkServer *server, PdkConnection *connection, const uint8_t *bytes)
{
	memcpy(connection->word, bytes, 4);
	for (guint i = 0; i < server->admins->len; i++) {
		const PdkAdminSeat *seat = &g_array_index(server->admins, PdkAdminSeat, i);
		int argument = PDK_HAS(seat->ops, word) ? seat->ops->word(seat->admin, connection->word) : -1;
		if (argument < 0)
			continue;
		connection->admin_ops = seat->ops;
		connection->admin = seat->admin;
		connection->word_argument = argument;
		connection->stage = PDK_STAGE_WORD;
		return true;
	}
	return false;
}

static void
begin_word(PdkServer *server, PdkConnection *connection, const uint8_t *argument)
{
	connection->admin_reply = connection->admin_ops->begin(connection->admin, connection->word, argument,
							       (size_t)connection->word_argument);
	pump_word(server, connection);
}

/* ---- cutting ---- */

/* A frame that counts as large is let in only while the sum of large ones is within bounds. */
static bool
large_allowed(PdkServer *server, PdkConnection *connection, size_t length)
{
	const PdkSettings *settings = server->settings;
	if (settings->large_request_threshold <= 0 || (int64_t)length <= settings->large_request_threshold)
		return true;
	if ((int64_t)(server->large_bytes + length) <= settings->large_request_max_bytes)
		return true;
	pdk_counter_add(server->cells.large_rejected, 1);
	pdk_server_say(server, PDK_LOG_WARNING, "connection closed: largeRequestMaxBytes reached peer=%s length=%zu",
		       connection->endpoint, length);
	return false;
}

static void
take_frame(PdkServer *server, PdkConnection *connection, const uint8_t *frame, size_t length)
{
	connection->stats.received++;
	server->stats.received++;
	if (connection->stage == PDK_STAGE_FRESH)
		pdk_handshake(server, connection, frame, length);
	else
		pdk_request(server, connection, frame, length);
}

/* Works on what stands at @data; returns how much of it is done with. */
static size_t
work(PdkServer *server, PdkConnection *connection, const uint8_t *data, size_t length)
{
	size_t at = 0;
	unsigned budget = PDK_REQUEST_BUDGET;
	while (connection->waits == 0 && connection->stage != PDK_STAGE_ENDING) {
		if (connection->stage == PDK_STAGE_WORD) {
			if (connection->admin_reply != NULL)
				return length; /* extra input behind a word is ignored */
			if (length - at < (size_t)connection->word_argument)
				break;
			begin_word(server, connection, data + at);
			return length;
		}
		if (length - at < FRAME_HEAD)
			break;
		int32_t frame = (int32_t)pdk_load_u32(data + at);
		if (frame < 0 || frame > server->settings->max_buffer_bytes) {
			if (connection->stage == PDK_STAGE_FRESH && find_word(server, connection, data + at)) {
				at += FRAME_HEAD;
				continue;
			}
			pdk_server_say(server, PDK_LOG_INFO, "connection closed: illegal frame length peer=%s length=%d",
				       connection->endpoint, frame);
			pdk_connection_end(server, connection, false);
			return length;
		}
		if (length - at - FRAME_HEAD < (size_t)frame)
			break;
		bool full = output_pending(server, connection) > PDK_OUTPUT_HIGH;
		if (full || budget == 0) {
			if (full)
				connection->waits |= PDK_WAIT_OUTPUT;
			run_list_add(server, connection);
			break;
		}
		budget--;
		if (held_by_limit(server, connection))
			break;
		if (!large_allowed(server, connection, (size_t)frame)) {
			pdk_connection_end(server, connection, false);
			return length;
		}
		take_frame(server, connection, data + at + FRAME_HEAD, (size_t)frame);
		at += FRAME_HEAD + (size_t)frame;
	}
	return at;
}

/* Tells the transport to stop or go on, by what lies here unworked. */
static void
regulate(PdkServer *server, PdkConnection *connection)
{
	if (connection->stage == PDK_STAGE_ENDING)
		return;
	size_t left = connection->input.length - connection->taken;
	bool stuck = connection->waits != 0 || connection->runnable;
	if (!connection->paused && stuck && left > PDK_INPUT_HIGH) {
		connection->paused = true;
		pdk_effects_command(server->effects, PDK_COMMAND_PAUSE, connection->link);
	} else if (connection->paused && (!stuck || left <= PDK_INPUT_HIGH)) {
		connection->paused = false;
		pdk_effects_command(server->effects, PDK_COMMAND_RESUME, connection->link);
	}
}

static void
work_on_input(PdkServer *server, PdkConnection *connection)
{
	size_t left = connection->input.length - connection->taken;
	if (left == 0)
		return;
	size_t used = work(server, connection, connection->input.data + connection->taken, left);
	if (connection->stage == PDK_STAGE_ENDING)
		return;
	if (used > 0)
		connection->input_since_us = server->now_us;
	connection->taken += used;
	if (connection->taken == connection->input.length) {
		pdk_buffer_clear(&connection->input);
		connection->taken = 0;
	} else if (connection->taken > connection->input.length / 2) {
		left = connection->input.length - connection->taken;
		memmove(connection->input.data, connection->input.data + connection->taken, left);
		connection->input.length = left;
		connection->taken = 0;
	}
}

void
pdk_connection_received(PdkServer *server, PdkConnection *connection, const uint8_t *data, size_t length)
{
	pdk_counter_add(server->cells.packets_bytes_received, length);
	if (connection->stage == PDK_STAGE_ENDING)
		return;
	if (connection->sessionless)
		sessionless_touch(server, connection);
	if (connection->input.length == connection->taken) {
		connection->input_since_us = server->now_us;
		size_t used = work(server, connection, data, length);
		if (connection->stage == PDK_STAGE_ENDING)
			return;
		pdk_buffer_append(&connection->input, data + used, length - used);
	} else {
		pdk_buffer_append(&connection->input, data, length);
		work_on_input(server, connection);
	}
	regulate(server, connection);
}

/* One that waited for the peer to read may go on when there is room again. */
static void
look_at_output(PdkServer *server, PdkConnection *connection)
{
	if ((connection->waits & PDK_WAIT_OUTPUT) && output_pending(server, connection) <= PDK_OUTPUT_HIGH)
		connection->waits &= (uint8_t)~PDK_WAIT_OUTPUT;
}

void
pdk_connections_run(PdkServer *server)
{
	for (uint64_t n = server->n_runnable; n > 0 && server->run_first; n--) {
		PdkConnection *connection = server->run_first;
		run_list_remove(server, connection);
		look_at_output(server, connection);
		/* Full of this turn's output alone: if the system takes all of it, nobody will tell. */
		if ((connection->waits & PDK_WAIT_OUTPUT) && connection->unsent <= PDK_OUTPUT_HIGH)
			run_list_add(server, connection);
		if (connection->waits == 0) {
			if (connection->admin_reply)
				pump_word(server, connection);
			else
				work_on_input(server, connection);
			regulate(server, connection);
		}
	}
	if (server->run_first)
		server->effects->again = true;
}

void
pdk_connection_unsent(PdkServer *server, PdkConnection *connection, size_t unsent)
{
	connection->unsent = unsent;
	if (connection->stage == PDK_STAGE_ENDING)
		return;
	if (unsent <= PDK_OUTPUT_HIGH && (connection->waits & PDK_WAIT_OUTPUT))
		run_list_add(server, connection);
}

void
pdk_connections_start(PdkServer *server)
{
	server->holding = false;
	for (uint32_t slot = 0; slot < server->n_slots; slot++)
		if (server->connections[slot])
			pdk_connection_go_on(server, server->connections[slot], PDK_WAIT_START);
}

void
pdk_connections_cut(PdkServer *server)
{
	for (uint32_t slot = 0; slot < server->n_slots; slot++) {
		PdkConnection *connection = server->connections[slot];
		if (connection && (connection->stage == PDK_STAGE_READY || connection->stage == PDK_STAGE_ESTABLISHING))
			pdk_connection_end(server, connection, false);
	}
}

/* ---- those that never make a session ---- */

int64_t
pdk_connection_sessionless_end_ms(const PdkServer *server, const PdkConnection *connection)
{
	int64_t width = server->settings->sessionless_timeout_ms;
	return ((connection->active_us / 1000 + width) / width + 1) * width;
}

int64_t
pdk_connections_expire(PdkServer *server)
{
	int64_t now = pdk_server_now_ms(server);
	while (server->sessionless_oldest) {
		PdkConnection *oldest = server->sessionless_oldest;
		int64_t bucket = pdk_connection_sessionless_end_ms(server, oldest);
		if (bucket > now)
			return bucket * 1000;
		pdk_counter_add(server->cells.sessionless_expired, 1);
		pdk_connection_end(server, oldest, false);
	}
	return INT64_MAX;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactions in flight: proposed in zxid order, made durable by the host (in an ensemble: by a quorum), then applied and
 * answered in the same order. Prep never waits for apply. A connection's reads wait behind its own writes only.
 */
#include "server/server-private.h"

/* ---- proposing ---- */

static PdkPrep
begin(PdkServer *server, PdkConnection *connection, int64_t session)
{
	server->scratch.length = 0;
	pdk_buffer_extend(&server->scratch, PDK_TXN_HEADER);
	pdk_pendings_begin(server->pendings);
	int64_t zxid = server->replica ? pdk_replica_next_zxid(server->replica) : server->proposed_zxid + 1;
	return (PdkPrep){.server = server, .connection = connection, .session = session, .zxid = zxid};
}

/* Nothing can be proposed now: this server just stopped leading, and its clients are being cut. */
static bool
too_late(const PdkPrep *prep)
{
	return prep->zxid == 0;
}

static void
put_header(PdkServer *server, const PdkPrep *prep, int32_t cxid)
{
	uint8_t *head = server->scratch.data;
	pdk_store_u64(head, (uint64_t)prep->session);
	pdk_store_u32(head + 8, (uint32_t)cxid);
	pdk_store_u64(head + 12, (uint64_t)prep->zxid);
	pdk_store_u64(head + 20, (uint64_t)server->wall_ms);
	pdk_store_u32(head + 28, (uint32_t)prep->txn_type);
}

/*
 * The prepared record becomes a txn: logged, and queued for its answer. Single refusals carry no digest (as
 * Java's).
 */
static void
propose(PdkPrep *prep, PdkFlight flight)
{
	PdkServer *server = prep->server;
	guint held = server->held.items->len;
	if (server->settings->digest && prep->txn_type != PDK_OP_ERROR) {
		pdk_put_int(&server->scratch, PDK_DIGEST_VERSION);
		pdk_put_long(&server->scratch, (int64_t)pdk_pendings_digest(server->pendings));
	}
	put_header(server, prep, flight.xid);
	pdk_pendings_commit(server->pendings, server->held.items);
	flight.zxid = prep->zxid;
	flight.session = prep->session;
	flight.txn = g_bytes_new(server->scratch.data, server->scratch.length);
	flight.held = server->held.items->len - held;
	flight.acls = prep->acls;
	flight.operations = prep->operations;
	flight.since_us = server->now_us;
	server->proposed_zxid = prep->zxid;
	g_array_append_val(server->flights.items, flight);
	pdk_effects_append(server->effects, flight.zxid, g_bytes_ref(flight.txn));
	pdk_counter_add(server->cells.proposals, 1);
	pdk_housekeeping_appended(server, server->scratch.length);
	if (server->replica)
		pdk_replica_propose(server->replica, flight.zxid, flight.txn);
}

/* The connection waits for this txn before it reads on (in its own order). */
static void
wait_for(PdkServer *server, PdkConnection *connection, int64_t zxid)
{
	PdkWaiting waiting = {.zxid = zxid};
	pdk_connection_push(connection, &waiting);
	pdk_outstanding_add(server);
}

static void
make_refusal(PdkPrep *prep, PdkCode code)
{
	prep->server->scratch.length = PDK_TXN_HEADER;
	pdk_put_int(&prep->server->scratch, code);
	prep->txn_type = PDK_OP_ERROR;
}

void
pdk_propose_request(PdkServer *server, PdkConnection *connection, int32_t xid, int32_t op, PdkJute *in, uint32_t large)
{
	PdkPrep prep = begin(server, connection, connection->session_id);
	if (too_late(&prep)) {
		/* It gets no answer, so nothing that was asked behind it may. */
		pdk_connection_end(server, connection, true);
		return;
	}
	PdkCode code = pdk_remote_check_local(server, connection->session_id);
	if (code == PDK_OK)
		code = pdk_prep(&prep, op, in);
	if (code != PDK_OK)
		make_refusal(&prep, code);
	server->large_bytes += large;
	propose(&prep, (PdkFlight){.link = connection->link, .xid = xid, .op = op, .code = code, .large = large});
	wait_for(server, connection, prep.zxid);
}

void
pdk_propose_create_session(PdkServer *server, PdkConnection *connection, int64_t id, int32_t timeout_ms)
{
	PdkPrep prep = begin(server, connection, id);
	if (too_late(&prep))
		return;
	pdk_prep_create_session(&prep, timeout_ms);
	pdk_remote_arriving(server, id, PDK_OWNER_HERE);
	propose(&prep, (PdkFlight){.link = connection->link, .op = PDK_OP_CREATE_SESSION});
	wait_for(server, connection, prep.zxid);
}

static void
propose_close(PdkServer *server, int64_t id, PdkLink link, int32_t xid)
{
	PdkPrep prep = begin(server, NULL, id);
	if (too_late(&prep))
		return;
	pdk_prep_close_session(&prep);
	propose(&prep, (PdkFlight){.link = link, .xid = xid, .op = PDK_OP_CLOSE_SESSION});
}

void
pdk_propose_close_session(PdkServer *server, PdkSession *session, PdkConnection *connection, int32_t xid)
{
	session->closing = true;
	propose_close(server, session->id, connection ? connection->link : 0, xid);
	if (connection)
		wait_for(server, connection, server->proposed_zxid);
}

void
pdk_propose_close_orphan(PdkServer *server, int64_t id)
{
	propose_close(server, id, 0, 0);
}

void
pdk_propose_delete_container(PdkServer *server, const char *path, size_t length)
{
	PdkPrep prep = begin(server, NULL, 0);
	if (too_late(&prep))
		return;
	PdkCode code = pdk_prep_delete_container(&prep, path, length);
	if (code == PDK_OK)
		propose(&prep, (PdkFlight){.op = PDK_OP_DELETE_CONTAINER});
}

/* ---- of learners' clients ---- */

void
pdk_propose_remote(PdkServer *server, const PdkRemote *remote, PdkConnection *proxy, int32_t op, PdkJute *in, PdkCode code)
{
	PdkPrep prep = begin(server, proxy, remote->session);
	if (too_late(&prep))
		return;
	prep.no_ephemerals = remote->no_ephemerals;
	if (code == PDK_OK)
		code = pdk_prep(&prep, op, in);
	if (code != PDK_OK)
		make_refusal(&prep, code);
	propose(&prep, (PdkFlight){.xid = remote->cxid, .op = op, .code = code});
}

void
pdk_propose_remote_create_session(PdkServer *server, const PdkRemote *remote, int32_t timeout_ms)
{
	PdkPrep prep = begin(server, NULL, remote->session);
	if (too_late(&prep))
		return;
	pdk_prep_create_session(&prep, timeout_ms);
	pdk_remote_arriving(server, remote->session, remote->owner);
	propose(&prep, (PdkFlight){.op = PDK_OP_CREATE_SESSION});
}

void
pdk_propose_upgrade(PdkServer *server, int64_t id, int32_t timeout_ms)
{
	PdkRemote here = {.owner = PDK_OWNER_HERE, .session = id};
	pdk_propose_remote_create_session(server, &here, timeout_ms);
}

void
pdk_propose_remote_close_session(PdkServer *server, const PdkRemote *remote)
{
	pdk_remote_closing(server, remote->session);
	propose_close(server, remote->session, 0, remote->cxid);
}

/* ---- sync ---- */

static void
answer_sync(PdkServer *server, PdkConnection *connection, int32_t xid, const uint8_t *path, int32_t length, int64_t since_us)
{
	PdkOutput *output = pdk_connection_output(server, connection);
	size_t mark = pdk_reply_begin(output);
	pdk_put_bytes(&output->bytes, path, length);
	pdk_reply_end(server, connection, output, mark, xid, server->applied_zxid, PDK_OK);
	pdk_reply_account(server, connection, PDK_OP_SYNC, xid, server->applied_zxid, since_us, false);
}

void
pdk_propose_sync(PdkServer *server, PdkConnection *connection, int32_t xid, PdkSlice path)
{
	if (pdk_queue_length(&server->flights) == 0 && connection->waiting_count == 0) {
		answer_sync(server, connection, xid, path.data, path.length, server->now_us);
		return;
	}
	PdkFlight flight = {
		.zxid = server->proposed_zxid,
		.link = connection->link,
		.session = connection->session_id,
		.xid = xid,
		.op = PDK_OP_SYNC,
		.since_us = server->now_us,
		.path = path.length < 0 ? NULL : pdk_slice_text(path),
		.path_length = path.length,
	};
	g_array_append_val(server->flights.items, flight);
	wait_for(server, connection, flight.zxid);
}

/* ---- answering ---- */

static bool
shows_stat(int32_t type)
{
	return type != PDK_OP_CREATE && type != PDK_OP_DELETE && type != PDK_OP_DELETE_CONTAINER && type != PDK_OP_CHECK;
}

static bool
shows_path(int32_t type)
{
	return type == PDK_OP_CREATE || type == PDK_OP_CREATE2 || type == PDK_OP_CREATE_CONTAINER || type == PDK_OP_CREATE_TTL;
}

static int32_t
result_type(int32_t type)
{
	if (type == PDK_OP_CREATE_CONTAINER || type == PDK_OP_CREATE_TTL)
		return PDK_OP_CREATE2;
	return type;
}

typedef struct {
	PdkServer *server;
	const GByteArray *operations; /* multi, else NULL */
	guint next;
} Answer;

static void
put_data(PdkServer *server, PdkNode node, PdkBuffer *out)
{
	int32_t length;
	const uint8_t *data = pdk_tree_data(server->tree, node, &length);
	pdk_put_bytes(out, data, length);
}

/* Each operation writes its result as it stands right after it. */
static void
applied(void *context, int32_t type, const char *path, size_t length, PdkNode node, PdkCode code)
{
	Answer *answer = context;
	PdkBuffer *out = &answer->server->body;
	if (code != PDK_OK)
		return; /* checked before it was proposed: another server's tree differs, and its digest will tell */
	if (answer->operations) {
		type = answer->operations->data[answer->next++];
		pdk_reply_put_multi_header(out, result_type(type), false, PDK_OK);
	}
	if (type == PDK_OP_RECONFIG)
		put_data(answer->server, node, out);
	if (shows_path(type))
		pdk_put_bytes(out, path, (int32_t)length);
	if (shows_stat(type))
		pdk_tree_put_stat(answer->server->tree, node, out);
}

/* A multi that was refused: each operation tells its own code, those before the refused one say 0. */
static void
put_failed_multi(PdkBuffer *out, const uint8_t *txn, size_t length)
{
	PdkJute in = pdk_jute(txn + PDK_TXN_HEADER, length - PDK_TXN_HEADER, INT32_MAX);
	int32_t count = pdk_get_count(&in, 8);
	for (int32_t i = 0; i < count; i++) {
		int32_t type = pdk_get_int(&in);
		PdkSlice record = pdk_get_bytes(&in);
		int32_t code = type == PDK_OP_ERROR ? (int32_t)pdk_load_u32(record.data) : PDK_OK;
		pdk_reply_put_multi_header(out, PDK_OP_ERROR, false, code);
		pdk_put_int(out, code);
	}
}

static bool
is_failed_multi(const uint8_t *txn, size_t length)
{
	PdkJute in = pdk_jute(txn + PDK_TXN_HEADER, length - PDK_TXN_HEADER, INT32_MAX);
	int32_t count = pdk_get_count(&in, 8);
	for (int32_t i = 0; i < count; i++) {
		if (pdk_get_int(&in) == PDK_OP_ERROR)
			return true;
		pdk_get_bytes(&in);
	}
	return false;
}

/* Another server's txn that this one cannot read: it must not go on without it. */
static void
stop_at(PdkServer *server, const GError *error)
{
	if (server->effects->fatal == NULL)
		server->effects->fatal = g_strdup_printf("a committed transaction cannot be applied: %s; the leader may be of a newer release",
							 error->message);
}

static void
apply(PdkServer *server, const PdkFlight *flight)
{
	size_t length;
	const uint8_t *txn = g_bytes_get_data(flight->txn, &length);
	bool is_multi = flight->op == PDK_OP_MULTI && flight->code == PDK_OK;
	Answer answer = {server, is_multi ? flight->operations : NULL, 0};
	PdkApplyObserver observer = {applied, &answer};
	PdkTxnDigest digest;
	g_autoptr(GError) error = NULL;
	server->body.length = 0;
	if (!pdk_apply(server, txn, length, flight->link ? &observer : NULL, &digest, &error)) {
		pdk_assert(flight->foreign);
		stop_at(server, error);
		return;
	}
	if (flight->foreign)
		pdk_digest_compare(server, flight->zxid, &digest);
	if (flight->op == PDK_OP_CREATE_SESSION) {
		pdk_remote_arrived(server, flight->session);
		pdk_local_upgraded(server, flight->session);
	}
	if (is_multi && is_failed_multi(txn, length))
		put_failed_multi(&server->body, txn, length);
	if (is_multi)
		pdk_reply_put_multi_header(&server->body, PDK_OP_ERROR, true, -1);
	pdk_digest_keep(server, flight->zxid);
	pdk_counter_add(server->cells.commits, 1);
	if (server->replica)
		pdk_replica_applied(server->replica, flight->zxid, flight->txn);
}

/* What the txn held on to until it took effect. */
static void
release(PdkServer *server, const PdkFlight *flight)
{
	for (uint32_t i = 0; i < flight->held; i++) {
		pdk_pendings_release(server->pendings, *pdk_queue_first(&server->held, PdkPending *));
		pdk_queue_pop(&server->held);
	}
	for (uint32_t i = 0; i < flight->acls; i++) {
		pdk_acls_unref(pdk_tree_acls(server->tree), *pdk_queue_first(&server->acls, PdkAclId));
		pdk_queue_pop(&server->acls);
	}
	server->large_bytes -= flight->large;
}

static void
answer_write(PdkServer *server, PdkConnection *connection, const PdkFlight *flight)
{
	PdkOutput *output = pdk_connection_output(server, connection);
	size_t mark = pdk_reply_begin(output);
	if (flight->code == PDK_OK)
		pdk_buffer_append(&output->bytes, server->body.data, server->body.length);
	pdk_reply_end(server, connection, output, mark, flight->xid, flight->zxid, flight->code);
	int32_t op = flight->code == PDK_OK ? flight->op : PDK_OP_ERROR;
	pdk_reply_account(server, connection, op, flight->xid, flight->zxid, flight->since_us, true);
	if (flight->op == PDK_OP_CLOSE_SESSION)
		pdk_connection_end(server, connection, true);
}

static void
answer(PdkServer *server, PdkConnection *connection, const PdkFlight *flight)
{
	if (flight->op == PDK_OP_SYNC)
		answer_sync(server, connection, flight->xid, (const uint8_t *)flight->path, flight->path_length, flight->since_us);
	else if (flight->code == PDK_ERR_SESSION_MOVED)
		pdk_connection_end(server, connection, false);
	else if (flight->op == PDK_OP_CREATE_SESSION)
		pdk_handshake_finish(server, connection, pdk_sessions_find(server->sessions, flight->session));
	else
		answer_write(server, connection, flight);
}

/* Requests that waited behind what was just answered, up to the next txn. */
static void
run_waiting(PdkServer *server, PdkLink link)
{
	PdkConnection *connection;
	while ((connection = pdk_connection_find(server, link))) {
		PdkWaiting *first = pdk_connection_first(connection);
		if (first == NULL || first->zxid != 0)
			return;
		pdk_request_run_waiting(server, connection);
	}
}

/* Its session is about to be closed by its own wish: it hears the answer before it is cut. */
static void
let_go_of_session(PdkConnection *connection)
{
	if (connection->session)
		connection->session->link = 0;
	connection->session = NULL;
}

void
pdk_flight_clear(PdkFlight *flight)
{
	g_clear_pointer(&flight->txn, g_bytes_unref);
	g_clear_pointer(&flight->operations, g_byte_array_unref);
	g_clear_pointer(&flight->path, g_free);
}

void
pdk_pipeline_complete(PdkServer *server, PdkFlight *flight)
{
	PdkConnection *connection = pdk_connection_find(server, flight->link);
	if (connection && connection->stage == PDK_STAGE_ENDING)
		connection = NULL;
	if (connection && flight->op == PDK_OP_CLOSE_SESSION)
		let_go_of_session(connection);
	if (flight->txn) {
		apply(server, flight);
		release(server, flight);
	}
	if (flight->link)
		pdk_outstanding_sub(server);
	if (connection && connection->stage != PDK_STAGE_ENDING) {
		pdk_assert(pdk_connection_first(connection)->zxid != 0);
		pdk_connection_pop(connection);
		answer(server, connection, flight);
		run_waiting(server, flight->link);
	}
	pdk_flight_clear(flight);
}

void
pdk_pipeline_commit(PdkServer *server, int64_t zxid)
{
	uint64_t batch = 0;
	while (pdk_queue_length(&server->flights) > 0 && server->effects->fatal == NULL) {
		PdkFlight flight = *pdk_queue_first(&server->flights, PdkFlight);
		if (flight.zxid > zxid)
			break;
		pdk_queue_pop(&server->flights);
		pdk_pipeline_complete(server, &flight);
		batch++;
	}
	pdk_summary_add(server->cells.batch_size, batch);
}

void
pdk_pipeline_synced(PdkServer *server, int64_t zxid)
{
	/* Where logs are cut, a zxid that was durable once is none for ever. */
	server->synced_zxid = server->replica ? zxid : MAX(server->synced_zxid, zxid);
	if (server->replica)
		pdk_replica_synced(server->replica, server->synced_zxid);
	else
		pdk_pipeline_commit(server, server->synced_zxid);
}

/* ---- an ensemble ---- */

static PdkCode
code_of(const PdkTxnHeader *header, const uint8_t *txn, size_t length)
{
	if (header->type != PDK_OP_ERROR || length < PDK_TXN_HEADER + 4)
		return PDK_OK;
	return (PdkCode)(int32_t)pdk_load_u32(txn + PDK_TXN_HEADER);
}

void
pdk_pipeline_hold(PdkServer *server, int64_t zxid, GBytes *txn)
{
	size_t length;
	const uint8_t *bytes = g_bytes_get_data(txn, &length);
	PdkTxnHeader header;
	PdkFlight flight = {0};
	if (pdk_txn_header(bytes, length, &header) && !pdk_remote_claim(server, &header, &flight))
		flight = (PdkFlight){.session = header.session, .xid = header.cxid, .op = header.type};
	flight.zxid = zxid;
	flight.txn = g_bytes_ref(txn);
	flight.code = code_of(&header, bytes, length);
	flight.foreign = true;
	server->proposed_zxid = zxid;
	g_array_append_val(server->flights.items, flight);
	pdk_effects_append(server->effects, zxid, g_bytes_ref(txn));
	pdk_housekeeping_appended(server, length);
}

/* Its client, if it has one here, hears nothing of it. */
static void
forsake(PdkServer *server, PdkFlight *flight)
{
	if (flight->link)
		pdk_outstanding_sub(server);
	flight->link = 0;
	if (flight->txn && !flight->foreign)
		release(server, flight);
	server->large_bytes -= flight->foreign ? flight->large : 0;
	flight->held = flight->acls = flight->large = 0;
	flight->foreign = true;
}

void
pdk_pipeline_demote(PdkServer *server)
{
	g_autoptr(GArray) kept = g_array_new(FALSE, FALSE, sizeof(PdkFlight));
	while (pdk_queue_length(&server->flights) > 0) {
		PdkFlight flight = *pdk_queue_first(&server->flights, PdkFlight);
		pdk_queue_pop(&server->flights);
		forsake(server, &flight);
		if (flight.txn)
			g_array_append_val(kept, flight);
		else
			pdk_flight_clear(&flight);
	}
	g_array_append_vals(server->flights.items, kept->data, kept->len);
	pdk_pendings_reset(server->pendings);
}

void
pdk_pipeline_drop(PdkServer *server, int64_t zxid)
{
	PdkQueue *flights = &server->flights;
	while (pdk_queue_length(flights) > 0) {
		PdkFlight *last = &g_array_index(flights->items, PdkFlight, flights->items->len - 1);
		if (last->zxid <= zxid)
			return;
		pdk_assert(last->foreign);
		forsake(server, last);
		pdk_flight_clear(last);
		g_array_set_size(flights->items, flights->items->len - 1);
	}
}

void
pdk_pipeline_free(PdkServer *server)
{
	while (pdk_queue_length(&server->flights) > 0) {
		PdkFlight *flight = pdk_queue_first(&server->flights, PdkFlight);
		pdk_flight_clear(flight);
		pdk_queue_pop(&server->flights);
	}
}

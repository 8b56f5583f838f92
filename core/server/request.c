/* SPDX-License-Identifier: Apache-2.0 */
/* One frame: what kind of request it is, and whether it is answered now or in its turn. */
#include "server/server-private.h"

#define REQUEST_HEAD 8

typedef struct {
	int32_t xid, op;
} RequestHead;

static void
answer_ping(PdkServer *server, PdkConnection *connection)
{
	pdk_reply_code(server, connection, PDK_XID_PING, server->applied_zxid, PDK_OK);
	connection->stats.last_op = PDK_OP_PING;
	connection->stats.last_response_us = server->now_us;
}

/* No SASL is offered: an empty token says so, and the client goes on as it likes. */
static void
answer_sasl(PdkServer *server, PdkConnection *connection, int32_t xid)
{
	PdkOutput *output = pdk_connection_output(server, connection);
	size_t mark = pdk_reply_begin(output);
	pdk_put_bytes(&output->bytes, NULL, -1);
	pdk_reply_end(server, connection, output, mark, xid, 0, PDK_OK);
}

/* Replayed events stand before the answer, which has no body. */
static void
answer_set_watches(PdkServer *server, PdkConnection *connection, const RequestHead *head, PdkJute in, int64_t since_us)
{
	PdkRequest request = {server, connection, head->xid, head->op, in, NULL};
	PdkCode code = pdk_watching(&request);
	pdk_reply_code(server, connection, head->xid, server->applied_zxid, code);
	pdk_reply_account(server, connection, head->op, head->xid, server->applied_zxid, since_us, false);
}

static void
answer_local(PdkServer *server, PdkConnection *connection, const RequestHead *head, PdkJute in, int64_t since_us)
{
	PdkOutput *output = pdk_connection_output(server, connection);
	unsigned blocks = output->n_blocks;
	size_t block_bytes = output->block_bytes;
	size_t mark = pdk_reply_begin(output);
	PdkRequest request = {server, connection, head->xid, head->op, in, output};
	PdkCode code = PDK_ERR_UNIMPLEMENTED;
	if (pdk_is_read(head->op))
		code = pdk_read(&request);
	else if (pdk_is_watching(head->op))
		code = pdk_watching(&request);
	else if (head->op == PDK_OP_WHO_AM_I)
		code = pdk_who_am_i(&request);
	else if (head->op == PDK_OP_SYNC)
		code = PDK_ERR_MARSHALLING; /* only one that cannot be read comes here */
	if (code != PDK_OK) {
		while (output->n_blocks > blocks)
			g_bytes_unref(output->blocks[--output->n_blocks].bytes);
		output->block_bytes = block_bytes;
		output->bytes.length = mark + REQUEST_HEAD + 12;
	}
	pdk_reply_end(server, connection, output, mark, head->xid, server->applied_zxid, code);
	pdk_reply_account(server, connection, head->op, head->xid, server->applied_zxid, since_us, false);
}

static bool
answers_locally(int32_t op)
{
	return pdk_is_read(op) || pdk_is_watching(op) || op == PDK_OP_WHO_AM_I || op == PDK_OP_PING || op == PDK_OP_SYNC;
}

static void
queue_behind(PdkServer *server, PdkConnection *connection, const uint8_t *frame, size_t length, bool large, PdkCode refusal)
{
	PdkWaiting waiting = {
		.frame = g_memdup2(frame, length),
		.length = (uint32_t)length,
		.large = large,
		.refusal = refusal,
		.identities = pdk_access_identities(connection),
		.since_us = server->now_us,
	};
	if (large)
		server->large_bytes += length;
	pdk_connection_push(connection, &waiting);
	pdk_outstanding_add(server);
}


static RequestHead
read_head(const uint8_t *frame)
{
	return (RequestHead){(int32_t)pdk_load_u32(frame), (int32_t)pdk_load_u32(frame + 4)};
}

static PdkJute
body_of(PdkServer *server, const uint8_t *frame, size_t length)
{
	const PdkSettings *settings = server->settings;
	return pdk_jute(frame + REQUEST_HEAD, length - REQUEST_HEAD, settings->max_buffer_bytes + settings->extra_buffer_bytes);
}

/* Of a local session, which goes with its connection. */
static void
answer_close(PdkServer *server, PdkConnection *connection, const RequestHead *head, int64_t since_us)
{
	pdk_reply_code(server, connection, head->xid, server->applied_zxid, PDK_OK);
	pdk_reply_account(server, connection, head->op, head->xid, server->applied_zxid, since_us, false);
	pdk_connection_end(server, connection, true);
}

static void
run_local(PdkServer *server, PdkConnection *connection, const uint8_t *frame, size_t length, int64_t since_us)
{
	RequestHead head = read_head(frame);
	if (head.op == PDK_OP_PING)
		answer_ping(server, connection);
	else if (head.op == PDK_OP_CLOSE_SESSION)
		answer_close(server, connection, &head, since_us);
	else if (head.op == PDK_OP_SET_WATCHES || head.op == PDK_OP_SET_WATCHES2)
		answer_set_watches(server, connection, &head, body_of(server, frame, length), since_us);
	else
		answer_local(server, connection, &head, body_of(server, frame, length), since_us);
}

/* Who asked is who the connection was when the request came: an auth packet behind it may have overtaken it. */
static void
run_as_of(PdkServer *server, PdkConnection *connection, const PdkWaiting *waiting)
{
	pdk_access_as_of(connection, waiting->identities);
	run_local(server, connection, waiting->frame, waiting->length, waiting->since_us);
	pdk_access_as_of(connection, G_MAXUINT32);
}

void
pdk_request_run_waiting(PdkServer *server, PdkConnection *connection)
{
	PdkWaiting *first = pdk_connection_first(connection);
	PdkWaiting waiting = *first;
	pdk_connection_pop(connection);
	pdk_outstanding_sub(server);
	if (waiting.large)
		server->large_bytes -= waiting.length;
	if (waiting.refusal != PDK_OK)
		pdk_reply_code(server, connection, read_head(waiting.frame).xid, server->applied_zxid, waiting.refusal);
	else
		run_as_of(server, connection, &waiting);
	g_free(waiting.frame);
}

/* Auth and SASL packets are answered on arrival and may overtake; true: it was one. */
static bool
immediate(PdkServer *server, PdkConnection *connection, const RequestHead *head, PdkJute in)
{
	if (head->op == PDK_OP_AUTH) {
		pdk_access_auth(server, connection, head->xid, &in);
		return true;
	}
	if (head->op == PDK_OP_SASL) {
		PdkSlice token = pdk_get_bytes(&in);
		(void)token;
		if (in.failed)
			pdk_connection_end(server, connection, false);
		else
			answer_sasl(server, connection, head->xid);
		return true;
	}
	return false;
}

void
pdk_refuse_in_turn(PdkServer *server, PdkConnection *connection, int32_t xid, PdkCode code)
{
	uint8_t head[REQUEST_HEAD] = {0};
	pdk_store_u32(head, (uint32_t)xid);
	if (connection->waiting_count > 0)
		queue_behind(server, connection, head, sizeof head, false, code);
	else
		pdk_reply_code(server, connection, xid, server->applied_zxid, code);
}

/* Waited longer than throttled_op_wait_time before it was looked at: refused unworked. */
static bool
throttled(PdkServer *server, PdkConnection *connection, const RequestHead *head)
{
	int64_t limit_us = server->settings->throttled_op_wait_ms * 1000;
	if (limit_us <= 0 || head->op == PDK_OP_PING || head->op == PDK_OP_CLOSE_SESSION)
		return false;
	return connection->input.length > 0 && server->now_us - connection->input_since_us > limit_us;
}

static void
refuse_unknown(PdkServer *server, PdkConnection *connection, const RequestHead *head)
{
	pdk_reply_code(server, connection, head->xid, -1, PDK_ERR_UNIMPLEMENTED);
	pdk_connection_end(server, connection, true);
}

/* What a client may send at all; `check` only inside multi, the internal ones never. */
static bool
known(int32_t op)
{
	return pdk_op_name(op) != NULL && op != PDK_OP_CREATE_SESSION && op != PDK_OP_DELETE_CONTAINER && op != PDK_OP_CHECK;
}

static void
take_write(PdkServer *server, PdkConnection *connection, const RequestHead *head, PdkJute *in, uint32_t large)
{
	bool forward = pdk_is_learner(server);
	PdkCode code = pdk_local_before_write(server, connection->session, head->op, *in);
	if (code != PDK_OK) {
		pdk_refuse_in_turn(server, connection, head->xid, code);
		return;
	}
	if (head->op == PDK_OP_CLOSE_SESSION && forward)
		pdk_forward_close_session(server, connection, head->xid);
	else if (head->op == PDK_OP_CLOSE_SESSION)
		pdk_propose_close_session(server, connection->session, connection, head->xid);
	else if (forward)
		pdk_forward_request(server, connection, head->xid, head->op, *in, large);
	else
		pdk_propose_request(server, connection, head->xid, head->op, in, large);
}

static void
take_sync(PdkServer *server, PdkConnection *connection, int32_t xid, PdkSlice path)
{
	if (pdk_is_learner(server))
		pdk_forward_sync(server, connection, xid, path);
	else
		pdk_propose_sync(server, connection, xid, path);
}

static bool
read_sync(PdkJute *in, PdkSlice *path)
{
	*path = pdk_get_bytes(in);
	return !in->failed;
}

void
pdk_request(PdkServer *server, PdkConnection *connection, const uint8_t *frame, size_t length)
{
	if (length < REQUEST_HEAD) {
		pdk_connection_end(server, connection, false);
		return;
	}
	RequestHead head = read_head(frame);
	PdkJute in = body_of(server, frame, length);
	if (immediate(server, connection, &head, in))
		return;
	PdkSession *session = connection->session;
	if (!session->closing)
		pdk_session_touch(server, session);
	if (pdk_is_learner(server) && !session->local)
		pdk_remote_touched(server, session);
	if (!pdk_access_enough(server, connection)) {
		pdk_reply_code(server, connection, head.xid, 0, PDK_ERR_SESSION_CLOSED_REQUIRES_AUTH);
		pdk_connection_end(server, connection, true);
		return;
	}
	if (server->read_only && pdk_read_only_refuses(head.op)) {
		pdk_refuse_in_turn(server, connection, head.xid, PDK_ERR_NOT_READ_ONLY);
		return;
	}
	if (!known(head.op)) {
		refuse_unknown(server, connection, &head);
		return;
	}
	if (session->closing)
		return; /* its end is on the way: what comes behind is dropped */
	if (throttled(server, connection, &head)) {
		pdk_counter_add(server->cells.throttled, 1);
		pdk_refuse_in_turn(server, connection, head.xid, PDK_ERR_THROTTLED_OP);
		return;
	}
	PdkSlice path;
	int64_t threshold = server->settings->large_request_threshold;
	bool large = threshold > 0 && (int64_t)length > threshold;
	bool ends_here = head.op == PDK_OP_CLOSE_SESSION && session->local && !session->upgrading;
	session->closing |= ends_here;
	if (pdk_op_writes(head.op) && !ends_here)
		take_write(server, connection, &head, &in, large ? (uint32_t)length : 0);
	else if (head.op == PDK_OP_SYNC && read_sync(&in, &path))
		take_sync(server, connection, head.xid, path);
	else if (connection->waiting_count > 0)
		queue_behind(server, connection, frame, length, large, PDK_OK);
	else {
		pdk_assert(ends_here || answers_locally(head.op));
		run_local(server, connection, frame, length, server->now_us);
	}
}

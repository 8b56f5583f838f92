/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/caller.h"

#define PATIENCE (20 * SIM_SECOND)


static void
received(void *context, const uint8_t *data, size_t length)
{
	Caller *caller = context;
	g_byte_array_append(caller->inbox, data, (guint)length);
}

static void
closed(void *context)
{
	Caller *caller = context;
	caller->closed = true;
}

static bool
heard(Sim *sim, void *data)
{
	(void)sim;
	Caller *caller = data;
	if (caller->closed)
		return true;
	return caller->inbox->len >= 4 && caller->inbox->len >= 4 + pdk_load_u32(caller->inbox->data);
}

/* Takes the next frame into body; false: the connection was closed, or stays silent. */
static bool
take_frame(Caller *caller)
{
	sim_run_until(caller->sim, heard, caller, sim_now(caller->sim) + PATIENCE);
	if (caller->inbox->len < 4)
		return false;
	caller->frame = MIN(pdk_load_u32(caller->inbox->data), sizeof caller->body);
	memcpy(caller->body, caller->inbox->data + 4, caller->frame);
	g_byte_array_remove_range(caller->inbox, 0, (guint)(4 + caller->frame));
	return true;
}

static void
send_frame(Caller *caller, PdkBuffer *body)
{
	PdkBuffer frame = {0};
	pdk_put_bytes(&frame, body->data, (int32_t)body->length);
	sim_send(caller->sim, caller->end, frame.data, frame.length);
	pdk_buffer_clear(&frame);
	pdk_buffer_clear(body);
}

Caller *
caller_new(Sim *sim)
{
	Caller *caller = g_new0(Caller, 1);
	caller->sim = sim;
	caller->inbox = g_byte_array_new();
	return caller;
}

void
caller_hang_up(Caller *caller)
{
	if (caller->end && !caller->closed)
		sim_hang_up(caller->sim, caller->end);
	caller->end = NULL;
}

void
caller_free(Caller *caller)
{
	caller_hang_up(caller);
	g_byte_array_unref(caller->inbox);
	g_free(caller);
}
bool
caller_call(Caller *caller, unsigned server, bool read_only)
{
	SimClient callbacks = {received, closed, caller};
	caller_hang_up(caller);
	g_byte_array_set_size(caller->inbox, 0);
	caller->closed = false;
	caller->end = sim_connect(caller->sim, server, &callbacks);
	PdkBuffer body = {0};
	pdk_put_int(&body, 0);
	pdk_put_long(&body, 0);
	pdk_put_int(&body, TIMEOUT_MS);
	pdk_put_long(&body, caller->session);
	pdk_put_bytes(&body, caller->password, sizeof caller->password);
	pdk_put_bool(&body, read_only);
	send_frame(caller, &body);
	if (!take_frame(caller) || caller->frame != 37)
		return false;
	PdkJute in = pdk_jute(caller->body, caller->frame, INT32_MAX);
	pdk_get_int(&in);
	caller->timeout_ms = pdk_get_int(&in);
	caller->session = pdk_get_long(&in);
	PdkSlice password = pdk_get_bytes(&in);
	memcpy(caller->password, password.data, sizeof caller->password);
	caller->read_only = pdk_get_bool(&in);
	return true;
}

void
caller_say(Caller *caller, int32_t op, PdkBuffer *rest)
{
	PdkBuffer body = {0};
	pdk_put_int(&body, ++caller->xid);
	pdk_put_int(&body, op);
	pdk_buffer_append(&body, rest->data, rest->length);
	pdk_buffer_clear(rest);
	send_frame(caller, &body);
}

int
caller_hear(Caller *caller)
{
	if (!take_frame(caller))
		return caller->closed ? ASK_CLOSED : ASK_SILENCE;
	PdkJute in = pdk_jute(caller->body, caller->frame, INT32_MAX);
	pdk_get_int(&in);
	caller->zxid = pdk_get_long(&in);
	return pdk_get_int(&in);
}

PdkBuffer
body_of_create(const char *path, int32_t flags)
{
	PdkBuffer body = {0};
	pdk_put_string(&body, path);
	pdk_put_string(&body, "x");
	pdk_put_int(&body, 1);
	pdk_put_int(&body, PDK_PERM_ALL);
	pdk_put_string(&body, "world");
	pdk_put_string(&body, "anyone");
	pdk_put_int(&body, flags);
	return body;
}

PdkBuffer
body_of_multi(const char *path, int32_t flags)
{
	PdkBuffer multi = {0}, create = body_of_create(path, flags);
	pdk_reply_put_multi_header(&multi, PDK_OP_CREATE, false, -1);
	pdk_buffer_append(&multi, create.data, create.length);
	pdk_buffer_clear(&create);
	pdk_reply_put_multi_header(&multi, -1, true, -1);
	return multi;
}

PdkBuffer
body_of_path(const char *path)
{
	PdkBuffer body = {0};
	pdk_put_string(&body, path);
	pdk_put_int(&body, -1); /* a version, or a watch flag and more than is read */
	return body;
}

int
caller_ask(Caller *caller, int32_t op, PdkBuffer body)
{
	caller_say(caller, op, &body);
	return caller_hear(caller);
}

int
caller_make(Caller *caller, const char *path, int32_t flags)
{
	return caller_ask(caller, PDK_OP_CREATE, body_of_create(path, flags));
}

int
caller_look_for(Caller *caller, const char *path)
{
	return caller_ask(caller, PDK_OP_EXISTS, body_of_path(path));
}

int
caller_finish(Caller *caller)
{
	return caller_ask(caller, PDK_OP_CLOSE_SESSION, (PdkBuffer){0});
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and replies as bytes: changes when the wire formats spoken by the load generator change. */
#include "wire.h"

#include <stdio.h>
#include <string.h>

#define OP_CREATE 1
#define OP_DELETE 2
#define OP_EXISTS 3
#define OP_GET_DATA 4
#define OP_SET_DATA 5
#define OP_SYNC 9
#define OP_PING 11
#define OP_MULTI 14

#define REPLY_HEADER_BYTES 16
#define STAT_BYTES 68
#define PASSWORD_BYTES 16
#define MULTI_HEADER_BYTES 9
/* A length line of Redis ("$100\r\n") is never longer. */
#define REDIS_LINE_MAX 64

/* One ACL: all permissions to world:anyone, as it goes over the wire. */
static const guint8 open_acl[] = {
	0,   0,   0,   1, 0, 0, 0, 31,  0,   0,   0,   5,   'w', 'o',
	'r', 'l', 'd', 0, 0, 0, 6, 'a', 'n', 'y', 'o', 'n', 'e',
};

guint8 *pdk_bench_buffer_reserve(PdkBenchBuffer *buffer, gsize extra) {
	if (buffer->start == buffer->length)
		buffer->start = buffer->length = 0;
	if (buffer->capacity - buffer->length < extra) {
		buffer->capacity = MAX(2 * buffer->capacity, buffer->length + extra + 256);
		buffer->data = g_realloc(buffer->data, buffer->capacity);
	}
	return buffer->data + buffer->length;
}

void pdk_bench_buffer_clear(PdkBenchBuffer *buffer) {
	g_free(buffer->data);
	memset(buffer, 0, sizeof(*buffer));
}

static guint8 *put_i32(guint8 *to, gint32 value) {
	guint32 wire = GUINT32_TO_BE((guint32)value);

	memcpy(to, &wire, sizeof(wire));
	return to + sizeof(wire);
}

static guint8 *put_bytes(guint8 *to, const void *bytes, gsize length) {
	to = put_i32(to, (gint32)length);
	memcpy(to, bytes, length);
	return to + length;
}

gint32 pdk_bench_get_i32(const guint8 *from) {
	guint32 wire;

	memcpy(&wire, from, sizeof(wire));
	return (gint32)GUINT32_FROM_BE(wire);
}

/* Starts a frame of @body bytes behind the request header and returns where the body goes. */
static guint8 *start_frame(PdkBenchBuffer *out, gint32 xid, gint32 type, gsize body) {
	guint8 *at = pdk_bench_buffer_reserve(out, 12 + body);

	at = put_i32(at, (gint32)(8 + body));
	at = put_i32(at, xid);
	out->length += 12 + body;
	return put_i32(at, type);
}

void pdk_bench_put_connect(PdkBenchBuffer *out, gint32 timeout_ms) {
	gsize length = 4 + 8 + 4 + 8 + 4 + PASSWORD_BYTES + 1;
	guint8 *at = pdk_bench_buffer_reserve(out, 4 + length);

	memset(at, 0, 4 + length);
	put_i32(at, (gint32)length);
	put_i32(at + 16, timeout_ms);
	put_i32(at + 28, PASSWORD_BYTES);
	out->length += 4 + length;
}

void pdk_bench_put_header_only(PdkBenchBuffer *out, gint32 xid, gint32 type) {
	start_frame(out, xid, type, 0);
}

void pdk_bench_put_ping(PdkBenchBuffer *out) {
	pdk_bench_put_header_only(out, PDK_BENCH_XID_PING, OP_PING);
}

static void put_read(PdkBenchBuffer *out, gint32 xid, gint32 type, PdkBenchPath path, gboolean watch) {
	guint8 *at = start_frame(out, xid, type, 4 + path.length + 1);

	at = put_bytes(at, path.text, path.length);
	*at = watch ? 1 : 0;
}

void pdk_bench_put_get(PdkBenchBuffer *out, gint32 xid, PdkBenchPath path, gboolean watch) {
	put_read(out, xid, OP_GET_DATA, path, watch);
}

void pdk_bench_put_exists(PdkBenchBuffer *out, gint32 xid, PdkBenchPath path, gboolean watch) {
	put_read(out, xid, OP_EXISTS, path, watch);
}

void pdk_bench_put_set(PdkBenchBuffer *out, gint32 xid, PdkBenchPath path, PdkBenchData data) {
	guint8 *at = start_frame(out, xid, OP_SET_DATA, 4 + path.length + 4 + data.length + 4);

	at = put_bytes(at, path.text, path.length);
	at = put_bytes(at, data.bytes, data.length);
	put_i32(at, -1);
}

static gsize create_bytes(PdkBenchPath path, PdkBenchData data) {
	return 4 + path.length + 4 + data.length + sizeof(open_acl) + 4;
}

static void put_create_record(guint8 *at, PdkBenchPath path, PdkBenchData data) {
	at = put_bytes(at, path.text, path.length);
	at = put_bytes(at, data.bytes, data.length);
	memcpy(at, open_acl, sizeof(open_acl));
	put_i32(at + sizeof(open_acl), 0);
}

void pdk_bench_put_create(PdkBenchBuffer *out, gint32 xid, PdkBenchPath path, PdkBenchData data) {
	put_create_record(start_frame(out, xid, OP_CREATE, create_bytes(path, data)), path, data);
}

void pdk_bench_put_delete(PdkBenchBuffer *out, gint32 xid, PdkBenchPath path) {
	guint8 *at = start_frame(out, xid, OP_DELETE, 4 + path.length + 4);

	put_i32(put_bytes(at, path.text, path.length), -1);
}

void pdk_bench_put_sync(PdkBenchBuffer *out, gint32 xid, PdkBenchPath path) {
	put_bytes(start_frame(out, xid, OP_SYNC, 4 + path.length), path.text, path.length);
}

static void put_multi_header(guint8 *at, gint32 type, gboolean done) {
	at = put_i32(at, type);
	*at++ = done ? 1 : 0;
	put_i32(at, -1);
}

gsize pdk_bench_multi_begin(PdkBenchBuffer *out, gint32 xid) {
	start_frame(out, xid, OP_MULTI, 0);
	return out->length - 12;
}

void pdk_bench_multi_create(PdkBenchBuffer *out, PdkBenchPath path, PdkBenchData data) {
	gsize length = MULTI_HEADER_BYTES + create_bytes(path, data);
	guint8 *at = pdk_bench_buffer_reserve(out, length);

	put_multi_header(at, OP_CREATE, FALSE);
	put_create_record(at + MULTI_HEADER_BYTES, path, data);
	out->length += length;
}

void pdk_bench_multi_end(PdkBenchBuffer *out, gsize frame) {
	put_multi_header(pdk_bench_buffer_reserve(out, MULTI_HEADER_BYTES), -1, TRUE);
	out->length += MULTI_HEADER_BYTES;
	put_i32(out->data + frame, (gint32)(out->length - frame - 4));
}

void pdk_bench_put_redis_get(PdkBenchBuffer *out, PdkBenchPath key) {
	char *at = (char *)pdk_bench_buffer_reserve(out, 2 * REDIS_LINE_MAX + key.length);
	int head = sprintf(at, "*2\r\n$3\r\nGET\r\n$%u\r\n", (guint)key.length);

	memcpy(at + head, key.text, key.length);
	memcpy(at + head + key.length, "\r\n", 2);
	out->length += (gsize)head + key.length + 2;
}

void pdk_bench_put_redis_set(PdkBenchBuffer *out, PdkBenchPath key, PdkBenchData data) {
	char *at = (char *)pdk_bench_buffer_reserve(out, 3 * REDIS_LINE_MAX + key.length + data.length);
	char *start = at;

	at += sprintf(at, "*3\r\n$3\r\nSET\r\n$%u\r\n%.*s\r\n$%u\r\n", (guint)key.length, (int)key.length,
		      key.text, (guint)data.length);
	memcpy(at, data.bytes, data.length);
	memcpy(at + data.length, "\r\n", 2);
	out->length += (gsize)(at - start) + data.length + 2;
}

static gssize cut_frame(const guint8 *bytes, gsize length) {
	gint32 body;

	if (length < 4)
		return 0;
	body = pdk_bench_get_i32(bytes);
	if (body < 0 || body > PDK_BENCH_FRAME_MAX)
		return -1;
	return length >= 4 + (gsize)body ? 4 + (gssize)body : 0;
}

static gssize cut_zookeeper(const guint8 *bytes, gsize length, PdkBenchReply *reply) {
	gssize whole = cut_frame(bytes, length);

	if (whole <= 0)
		return whole;
	if (whole < 4 + REPLY_HEADER_BYTES)
		return -1;
	reply->xid = pdk_bench_get_i32(bytes + 4);
	reply->err = pdk_bench_get_i32(bytes + 16);
	reply->body = bytes + 4 + REPLY_HEADER_BYTES;
	reply->body_length = (gsize)whole - 4 - REPLY_HEADER_BYTES;
	return whole;
}

static gssize cut_redis(const guint8 *bytes, gsize length, PdkBenchReply *reply) {
	const guint8 *end = memchr(bytes, '\n', MIN(length, REDIS_LINE_MAX));
	gsize line;
	gint64 body;

	if (end == NULL)
		return length < REDIS_LINE_MAX ? 0 : -1;
	line = (gsize)(end - bytes) + 1;
	*reply = (PdkBenchReply){ .body = bytes + line };
	if (bytes[0] == '-')
		reply->err = PDK_BENCH_ERR_REDIS;
	if (bytes[0] == '+' || bytes[0] == '-')
		return (gssize)line;
	body = bytes[0] == '$' ? g_ascii_strtoll((const char *)bytes + 1, NULL, 10) : -2;
	if (body < -1 || body > PDK_BENCH_FRAME_MAX)
		return -1;
	if (body == -1) {
		reply->err = PDK_BENCH_ERR_NONODE;
		return (gssize)line;
	}
	reply->body_length = (gsize)body;
	return length >= line + (gsize)body + 2 ? (gssize)(line + (gsize)body + 2) : 0;
}

gssize pdk_bench_cut(PdkBenchProtocol protocol, const guint8 *bytes, gsize length, PdkBenchReply *reply) {
	if (protocol == PDK_BENCH_PROTOCOL_REDIS)
		return cut_redis(bytes, length, reply);
	return cut_zookeeper(bytes, length, reply);
}

gssize pdk_bench_cut_connect(const guint8 *bytes, gsize length, gint32 *timeout_ms) {
	gssize whole = cut_frame(bytes, length);

	if (whole <= 0)
		return whole;
	if (whole < 12 || whole > PDK_BENCH_CONNECT_RESPONSE_MAX)
		return -1;
	*timeout_ms = pdk_bench_get_i32(bytes + 8);
	return whole;
}

gboolean pdk_bench_reply_fits(const PdkBenchReply *reply, PdkBenchOp op, gsize data_length) {
	switch (op) {
	case PDK_BENCH_OP_GET:
		return reply->body_length == 4 + data_length + STAT_BYTES &&
		       pdk_bench_get_i32(reply->body) == (gint32)data_length;
	case PDK_BENCH_OP_EXISTS:
	case PDK_BENCH_OP_SET:
		return reply->body_length == STAT_BYTES;
	case PDK_BENCH_OP_CREATE:
	case PDK_BENCH_OP_SYNC:
		return reply->body_length > 4;
	case PDK_BENCH_OP_DELETE:
	case PDK_BENCH_OP_REDIS_SET:
		return reply->body_length == 0;
	case PDK_BENCH_OP_MULTI:
		/* A refused multi has header err 0, too, but then its first result is an error. */
		return reply->body_length > MULTI_HEADER_BYTES && pdk_bench_get_i32(reply->body) == OP_CREATE;
	case PDK_BENCH_OP_REDIS_GET:
		return reply->body_length == data_length;
	default:
		g_return_val_if_reached(FALSE);
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and replies as bytes: changes when the wire formats spoken by the load generator change. */
#pragma once

#include <glib.h>

/* Growing output: bytes start..length are waiting to be written. */
typedef struct {
	guint8 *data;
	gsize start;
	gsize length;
	gsize capacity;
} PdkBenchBuffer;

/* What a request was, so that its reply can be checked. */
typedef enum {
	PDK_BENCH_OP_GET,
	PDK_BENCH_OP_EXISTS,
	PDK_BENCH_OP_SET,
	PDK_BENCH_OP_CREATE,
	PDK_BENCH_OP_DELETE,
	PDK_BENCH_OP_MULTI,
	PDK_BENCH_OP_SYNC,
	PDK_BENCH_OP_REDIS_GET,
	PDK_BENCH_OP_REDIS_SET,
} PdkBenchOp;

typedef enum { PDK_BENCH_PROTOCOL_ZOOKEEPER, PDK_BENCH_PROTOCOL_REDIS } PdkBenchProtocol;

#define PDK_BENCH_XID_NOTIFICATION (-1)
#define PDK_BENCH_XID_PING (-2)
#define PDK_BENCH_ERR_NONODE (-101)
#define PDK_BENCH_ERR_NODEEXISTS (-110)
/* A Redis error reply, which has no number. */
#define PDK_BENCH_ERR_REDIS (-1)
#define PDK_BENCH_FRAME_MAX (64 * 1024 * 1024)
#define PDK_BENCH_CONNECT_RESPONSE_MAX 64

/* One cut reply. @body is borrowed from the bytes it was cut from. Redis replies have xid 0. */
typedef struct {
	gint32 xid;
	gint32 err;
	const guint8 *body;
	gsize body_length;
} PdkBenchReply;

typedef struct {
	const char *text;
	gsize length;
} PdkBenchPath;

typedef struct {
	const guint8 *bytes;
	gsize length;
} PdkBenchData;

/* Makes room for @extra more bytes and returns where they go; the caller then raises length. */
guint8 *pdk_bench_buffer_reserve(PdkBenchBuffer *buffer, gsize extra);
void pdk_bench_buffer_clear(PdkBenchBuffer *buffer);

gint32 pdk_bench_get_i32(const guint8 *from);

/* Each appends one whole frame. */
void pdk_bench_put_connect(PdkBenchBuffer *out, gint32 timeout_ms);
void pdk_bench_put_header_only(PdkBenchBuffer *out, gint32 xid, gint32 type);
void pdk_bench_put_ping(PdkBenchBuffer *out);
void pdk_bench_put_get(PdkBenchBuffer *out, gint32 xid, PdkBenchPath path, gboolean watch);
void pdk_bench_put_exists(PdkBenchBuffer *out, gint32 xid, PdkBenchPath path, gboolean watch);
void pdk_bench_put_set(PdkBenchBuffer *out, gint32 xid, PdkBenchPath path, PdkBenchData data);
void pdk_bench_put_create(PdkBenchBuffer *out, gint32 xid, PdkBenchPath path, PdkBenchData data);
void pdk_bench_put_delete(PdkBenchBuffer *out, gint32 xid, PdkBenchPath path);
void pdk_bench_put_sync(PdkBenchBuffer *out, gint32 xid, PdkBenchPath path);

/* A multi of creates: begin returns the frame's place, which end wants back. */
gsize pdk_bench_multi_begin(PdkBenchBuffer *out, gint32 xid);
void pdk_bench_multi_create(PdkBenchBuffer *out, PdkBenchPath path, PdkBenchData data);
void pdk_bench_multi_end(PdkBenchBuffer *out, gsize frame);

void pdk_bench_put_redis_get(PdkBenchBuffer *out, PdkBenchPath key);
void pdk_bench_put_redis_set(PdkBenchBuffer *out, PdkBenchPath key, PdkBenchData data);

/* Cuts one reply off @bytes: returns its whole length, 0 when more bytes are needed, -1 when it is not a
 * reply. */
gssize pdk_bench_cut(PdkBenchProtocol protocol, const guint8 *bytes, gsize length, PdkBenchReply *reply);

/* Reads a ConnectResponse: as pdk_bench_cut(); *@timeout_ms is <= 0 when the session was refused. */
gssize pdk_bench_cut_connect(const guint8 *bytes, gsize length, gint32 *timeout_ms);

/* Whether a reply with err 0 has the body that @op promises; @data_length is that of every znode's data. */
gboolean pdk_bench_reply_fits(const PdkBenchReply *reply, PdkBenchOp op, gsize data_length);

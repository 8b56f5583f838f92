/* SPDX-License-Identifier: Apache-2.0 */
/* The frame around an answer, and the book kept of it. */
#include "server/server-private.h"

#define REPLY_HEAD 20 /* length, xid, zxid, err */

size_t
pdk_reply_begin(PdkOutput *output)
{
	size_t mark = output->bytes.length;
	pdk_buffer_extend(&output->bytes, REPLY_HEAD);
	return mark;
}

/* Bytes of the blocks that lie behind @mark. */
static size_t
blocks_since(const PdkOutput *output, size_t mark)
{
	size_t sum = 0;
	for (unsigned i = output->n_blocks; i > 0 && output->blocks[i - 1].offset > mark; i--)
		sum += g_bytes_get_size(output->blocks[i - 1].bytes);
	return sum;
}

static void
note_response(PdkServer *server, uint64_t length)
{
	PdkServerStats *stats = &server->stats;
	stats->last_response = length;
	if (length < stats->min_response || stats->min_response == 0)
		stats->min_response = length;
	if (length > stats->max_response)
		stats->max_response = length;
	pdk_counter_add(server->cells.response_bytes, length);
}

void
pdk_reply_end(PdkServer *server, PdkConnection *connection, PdkOutput *output, size_t mark, int32_t xid, int64_t zxid,
	      PdkCode code)
{
	size_t length = output->bytes.length - mark - 4 + blocks_since(output, mark);
	uint8_t *head = output->bytes.data + mark;
	pdk_store_u32(head, (uint32_t)length);
	pdk_store_u32(head + 4, (uint32_t)xid);
	pdk_store_u64(head + 8, (uint64_t)zxid);
	pdk_store_u32(head + 16, (uint32_t)code);
	connection->stats.sent++;
	server->stats.sent++;
	note_response(server, length + 4);
}

void
pdk_reply_code(PdkServer *server, PdkConnection *connection, int32_t xid, int64_t zxid, PdkCode code)
{
	PdkOutput *output = pdk_connection_output(server, connection);
	size_t mark = pdk_reply_begin(output);
	pdk_reply_end(server, connection, output, mark, xid, zxid, code);
}

static void
note_latency(uint64_t *min, uint64_t *max, uint64_t *total, uint64_t *count, uint64_t value)
{
	if (*count == 0 || value < *min)
		*min = value;
	if (value > *max)
		*max = value;
	*total += value;
	++*count;
}

void
pdk_reply_account(PdkServer *server, PdkConnection *connection, int32_t op, int32_t xid, int64_t zxid, int64_t since_us,
		  bool write)
{
	uint64_t latency = (uint64_t)MAX(0, server->now_us - since_us) / 1000;
	PdkConnectionStats *stats = &connection->stats;
	PdkServerStats *all = &server->stats;
	stats->last_op = op;
	stats->last_cxid = xid;
	stats->last_zxid = zxid;
	stats->last_response_us = server->now_us;
	stats->last_latency = latency;
	note_latency(&stats->min_latency, &stats->max_latency, &stats->total_latency, &stats->latency_count, latency);
	note_latency(&all->min_latency, &all->max_latency, &all->total_latency, &all->latency_count, latency);
	pdk_summary_add(write ? server->cells.update_latency : server->cells.read_latency, latency);
}

void
pdk_reply_put_multi_header(PdkBuffer *out, int32_t type, bool done, int32_t code)
{
	pdk_put_int(out, type);
	pdk_put_bool(out, done);
	pdk_put_int(out, code);
}

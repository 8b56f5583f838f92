/* SPDX-License-Identifier: Apache-2.0 */
/* Changes when the core's dealings with connections of I/O threads do. */
#include "threads.h"

/* The thread reads on when the core has come down to this. */
#define CREDIT_BYTES (PDK_TCP_UNREAD_MARK / 2)

size_t
pdk_tcp_exchange_send(PdkTcpConn *conn, const PdkPart *parts, unsigned n)
{
	PdkTcpOutput output = { NULL, NULL };
	size_t length = 0;
	for (unsigned i = 0; i < n; i++)
		length += parts[i].length;
	if (length == 0)
		return atomic_load(&conn->unsent);
	pdk_tcp_output_add(&output, parts, n, 0);
	size_t unsent = atomic_fetch_add(&conn->unsent, length) + length;
	pdk_tcp_threads_command(conn, PDK_TCP_SEND, &output);
	return unsent;
}

/* The core has consumed @length bytes. */
static void
consumed(PdkTcpConn *conn, size_t length)
{
	unsigned left = atomic_fetch_sub(&conn->unread, (unsigned)length) - (unsigned)length;
	if (left <= CREDIT_BYTES && atomic_exchange(&conn->throttled, false))
		pdk_tcp_threads_command(conn, PDK_TCP_CREDIT, NULL);
}

void
pdk_tcp_exchange_pause(PdkTcpConn *conn)
{
	if (conn->is_held)
		return;
	conn->is_held = true;
	pdk_tcp_threads_command(conn, PDK_TCP_PAUSE, NULL);
}

void
pdk_tcp_exchange_resume(PdkTransport *self, PdkTcpConn *conn)
{
	if (!conn->is_held)
		return;
	conn->is_held = false;
	pdk_tcp_threads_command(conn, PDK_TCP_RESUME, NULL);
	if ((conn->kept || conn->end_held) && !conn->is_resumed) {
		conn->is_resumed = true;
		g_array_append_val(self->resumed, conn->handle);
	}
}

static void
received(PdkTransport *self, PdkTcpConn *conn, const uint8_t *bytes, size_t length)
{
	/* What was kept is told first. */
	if (!conn->is_closed && (conn->is_held || conn->kept)) {
		if (conn->kept == NULL)
			conn->kept = g_byte_array_new();
		g_byte_array_append(conn->kept, bytes, (guint)length);
		return;
	}
	if (!conn->is_closed) {
		self->has_told = true;
		self->events->received(self->context, conn->link, bytes, length);
	}
	consumed(conn, length);
}

void
pdk_tcp_exchange_resumed(PdkTransport *self)
{
	/* A connection resumed again meanwhile is added behind, and waits for the next time. */
	unsigned n = self->resumed->len;
	for (unsigned i = 0; i < n; i++) {
		PdkTcpConn *conn = pdk_tcp_find(self, g_array_index(self->resumed, PdkConn, i));
		if (conn == NULL)
			continue;
		conn->is_resumed = false;
		if (conn->is_held || conn->is_closed)
			continue;
		g_autoptr(GByteArray) kept = g_steal_pointer(&conn->kept);
		if (kept) {
			self->has_told = true;
			self->events->received(self->context, conn->link, kept->data, kept->len);
			consumed(conn, kept->len);
		}
		if (conn->end_held) {
			conn->end_held = false;
			g_array_append_val(self->ended, conn->handle);
		}
	}
	g_array_remove_range(self->resumed, 0, n);
}

void
pdk_tcp_exchange_turned(PdkTransport *self)
{
	for (unsigned i = 0; i < self->ended->len; i++) {
		PdkTcpConn *conn = pdk_tcp_find(self, g_array_index(self->ended, PdkConn, i));
		if (conn == NULL || conn->is_closed)
			continue;
		if (conn->is_held || conn->kept)
			conn->end_held = true;
		else
			pdk_tcp_threads_command(conn, PDK_TCP_END, NULL);
	}
	g_array_set_size(self->ended, 0);
}

void
pdk_tcp_exchange_news(PdkTransport *self, const PdkTcpNews *news, const uint8_t *bytes)
{
	PdkTcpConn *conn = news->conn;
	switch ((PdkTcpNewsCode)news->code) {
	case PDK_TCP_NEWS_RECEIVED:
		received(self, conn, bytes, news->length);
		break;
	case PDK_TCP_NEWS_ENDED:
		g_array_append_val(self->ended, conn->handle);
		break;
	case PDK_TCP_NEWS_DRAINED:
		pdk_tcp_tell_drained(self, conn);
		break;
	case PDK_TCP_NEWS_CLOSED:
		pdk_tcp_tell_closed(self, conn, (PdkClosedReason)news->reason, news->error);
		break;
	}
}

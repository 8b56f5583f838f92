/* SPDX-License-Identifier: Apache-2.0 */
/* What a client says and how it reads the answers. Changes when the protocol does. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- bytes as hex ---- */

/* Blanks and '|' are ignored. */
GByteArray *
bytes_of_hex(const char *hex)
{
	GByteArray *bytes = g_byte_array_new();
	int high = -1;
	for (; *hex; hex++) {
		int digit = g_ascii_xdigit_value(*hex);
		if (digit < 0)
			continue;
		if (high < 0) {
			high = digit;
			continue;
		}
		guint8 byte = (guint8)(high << 4 | digit);
		g_byte_array_append(bytes, &byte, 1);
		high = -1;
	}
	g_assert(high < 0);
	return bytes;
}

bool
bytes_are_hex(const uint8_t *data, size_t length, const char *hex)
{
	g_autoptr(GByteArray) wanted = bytes_of_hex(hex);
	if (wanted->len == length && memcmp(wanted->data, data, length) == 0)
		return true;
	fprintf(stderr, "\n  wanted %u bytes:", wanted->len);
	for (guint i = 0; i < wanted->len; i++)
		fprintf(stderr, "%s%02x", i % 4 ? "" : " ", wanted->data[i]);
	fprintf(stderr, "\n  found %zu bytes:", length);
	for (size_t i = 0; i < length; i++)
		fprintf(stderr, "%s%02x", i % 4 ? "" : " ", data[i]);
	fprintf(stderr, "\n");
	return false;
}

void
peer_send_hex(Peer *peer, const char *hex)
{
	g_autoptr(GByteArray) bytes = bytes_of_hex(hex);
	peer_send(peer, bytes->data, bytes->len);
}

bool
peer_got_hex(Peer *peer, const char *hex)
{
	g_autoptr(GByteArray) got = peer_take(peer);
	return bytes_are_hex(got->data, got->len, hex);
}

bool
peer_got_nothing(Peer *peer)
{
	return peer->inbox_at == peer->inbox->len;
}

/* ---- frames ---- */

static bool
next_frame(Peer *peer)
{
	size_t left = peer->inbox->len - peer->inbox_at;
	const uint8_t *at = peer->inbox->data + peer->inbox_at;
	if (left < 4)
		return false;
	uint32_t length = pdk_load_u32(at);
	if (left - 4 < length)
		return false;
	g_byte_array_set_size(peer->frame, 0);
	g_byte_array_append(peer->frame, at + 4, length);
	peer->inbox_at += 4 + length;
	peer->body = pdk_jute(peer->frame->data, length, INT32_MAX);
	return true;
}

void
put_hello(PdkBuffer *out, int32_t timeout_ms, int64_t last_zxid, int64_t session, const uint8_t *password)
{
	static const uint8_t zeros[PDK_SESSION_PASSWORD];
	pdk_put_int(out, 45);
	pdk_put_int(out, 0);
	pdk_put_long(out, last_zxid);
	pdk_put_int(out, timeout_ms);
	pdk_put_long(out, session);
	pdk_put_bytes(out, password ? password : zeros, PDK_SESSION_PASSWORD);
	pdk_put_bool(out, false);
}

bool
peer_hello_answer(Peer *peer)
{
	if (!next_frame(peer))
		return false;
	pdk_get_int(&peer->body);
	peer->timeout_ms = pdk_get_int(&peer->body);
	peer->session = pdk_get_long(&peer->body);
	PdkSlice password = pdk_get_bytes(&peer->body);
	g_assert(!peer->body.failed && password.length == PDK_SESSION_PASSWORD);
	memcpy(peer->password, password.data, PDK_SESSION_PASSWORD);
	return true;
}

bool
peer_hello(Peer *peer, int32_t timeout_ms, int64_t last_zxid, int64_t session, const uint8_t *password)
{
	PdkBuffer out = {0};
	put_hello(&out, timeout_ms, last_zxid, session, password);
	peer_send(peer, out.data, out.length);
	pdk_buffer_clear(&out);
	return peer_hello_answer(peer);
}

Peer *
client_new(World *world)
{
	Peer *peer = peer_new(world, "127.0.0.1");
	g_assert(peer != NULL);
	bool answered = peer_hello(peer, 10000, 0, 0, NULL);
	g_assert(answered && peer->session != 0);
	return peer;
}

Peer *
client_again(World *world, const Peer *old, int32_t timeout_ms)
{
	Peer *peer = peer_new(world, old->address);
	g_assert(peer != NULL);
	peer_hello(peer, timeout_ms, 0, old->session, old->password);
	return peer;
}

void
put_request(PdkBuffer *out, int32_t xid, int32_t op, const PdkBuffer *body)
{
	pdk_put_int(out, (int32_t)(8 + (body ? body->length : 0)));
	pdk_put_int(out, xid);
	pdk_put_int(out, op);
	if (body)
		pdk_buffer_append(out, body->data, body->length);
}

void
peer_request(Peer *peer, int32_t xid, int32_t op, PdkBuffer *body)
{
	PdkBuffer out = {0};
	put_request(&out, xid, op, body);
	if (body)
		pdk_buffer_clear(body);
	peer_send(peer, out.data, out.length);
	pdk_buffer_clear(&out);
}

static bool
take_event(Peer *peer)
{
	PdkJute in = peer->body;
	if (pdk_get_int(&in) != PDK_XID_NOTIFICATION)
		return false;
	int64_t zxid = pdk_get_long(&in);
	g_assert(pdk_get_int(&in) == 0);
	int32_t type = pdk_get_int(&in);
	g_assert(pdk_get_int(&in) == 3);
	g_autofree char *path = get_text(&in);
	g_assert(!in.failed && pdk_jute_left(&in) == 0);
	g_string_append_printf(peer->events, "%d %s", type, path);
	if (peer->show_zxid)
		g_string_append_printf(peer->events, "@%" PRId64, zxid);
	g_string_append_c(peer->events, ';');
	return true;
}

bool
peer_reply(Peer *peer)
{
	while (next_frame(peer)) {
		if (take_event(peer))
			continue;
		peer->reply_xid = pdk_get_int(&peer->body);
		peer->zxid = pdk_get_long(&peer->body);
		peer->err = pdk_get_int(&peer->body);
		g_assert(!peer->body.failed);
		return true;
	}
	return false;
}

char *
peer_events(Peer *peer)
{
	while (next_frame(peer))
		g_assert(take_event(peer));
	char *text = g_strdup(peer->events->str);
	g_string_truncate(peer->events, 0);
	return text;
}

int
call(Peer *peer, int32_t op, PdkBuffer *body)
{
	peer_request(peer, ++peer->xid, op, body);
	if (!peer_reply(peer))
		return peer->open ? CALL_PENDING : CALL_CLOSED;
	g_assert_cmpint(peer->reply_xid, ==, peer->xid);
	return peer->err;
}

/* ---- requests ---- */

static void
put_word(PdkBuffer *out, const char *word)
{
	pdk_put_string(out, word == NULL || strcmp(word, "-") == 0 ? NULL : word);
}

void
put_acl(PdkBuffer *out, const char *acl)
{
	if (acl == NULL) {
		pdk_put_int(out, -1);
		return;
	}
	g_auto(GStrv) entries = g_strsplit(acl, ", ", -1);
	guint n = *acl == '\0' ? 0 : g_strv_length(entries);
	pdk_put_int(out, (int32_t)n);
	for (guint i = 0; i < n; i++) {
		g_auto(GStrv) words = g_strsplit(entries[i], " ", 3);
		pdk_put_int(out, atoi(words[0]));
		put_word(out, words[1]);
		put_word(out, words[1] ? words[2] : NULL);
	}
}

PdkBuffer
body_create(const char *path, const char *data, const char *acl, int32_t flags)
{
	PdkBuffer body = {0};
	pdk_put_string(&body, path);
	pdk_put_string(&body, data);
	put_acl(&body, acl);
	pdk_put_int(&body, flags);
	return body;
}

PdkBuffer
body_path(const char *path)
{
	PdkBuffer body = {0};
	pdk_put_string(&body, path);
	return body;
}

PdkBuffer
body_path_int(const char *path, int32_t value)
{
	PdkBuffer body = body_path(path);
	pdk_put_int(&body, value);
	return body;
}

PdkBuffer
body_path_bool(const char *path, bool value)
{
	PdkBuffer body = body_path(path);
	pdk_put_bool(&body, value);
	return body;
}

PdkBuffer
body_set(const char *path, const char *data, int32_t version)
{
	PdkBuffer body = body_path(path);
	pdk_put_string(&body, data);
	pdk_put_int(&body, version);
	return body;
}

static void
put_multi_head(PdkBuffer *multi, int32_t op, bool done)
{
	pdk_put_int(multi, op);
	pdk_put_bool(multi, done);
	pdk_put_int(multi, -1);
}

void
put_operation(PdkBuffer *multi, int32_t op, PdkBuffer body)
{
	put_multi_head(multi, op, false);
	pdk_buffer_append(multi, body.data, body.length);
	pdk_buffer_clear(&body);
}

void
put_multi_end(PdkBuffer *multi)
{
	put_multi_head(multi, -1, true);
}

int
do_create_as(Peer *peer, int32_t op, const char *path, const char *data, const char *acl, int32_t flags)
{
	PdkBuffer body = body_create(path, data, acl, flags);
	return call(peer, op, &body);
}

int
do_create(Peer *peer, const char *path, const char *data, int32_t flags)
{
	return do_create_as(peer, PDK_OP_CREATE, path, data, OPEN, flags);
}

int
do_create_ttl(Peer *peer, const char *path, int32_t flags, int64_t ttl)
{
	PdkBuffer body = body_create(path, "", OPEN, flags);
	pdk_put_long(&body, ttl);
	return call(peer, PDK_OP_CREATE_TTL, &body);
}

int
do_delete(Peer *peer, const char *path, int32_t version)
{
	PdkBuffer body = body_path_int(path, version);
	return call(peer, PDK_OP_DELETE, &body);
}

int
do_set(Peer *peer, const char *path, const char *data, int32_t version)
{
	PdkBuffer body = body_set(path, data, version);
	return call(peer, PDK_OP_SET_DATA, &body);
}

int
do_get(Peer *peer, const char *path, bool watch)
{
	PdkBuffer body = body_path_bool(path, watch);
	return call(peer, PDK_OP_GET_DATA, &body);
}

int
do_exists(Peer *peer, const char *path, bool watch)
{
	PdkBuffer body = body_path_bool(path, watch);
	return call(peer, PDK_OP_EXISTS, &body);
}

int
do_children(Peer *peer, const char *path, bool watch)
{
	PdkBuffer body = body_path_bool(path, watch);
	return call(peer, PDK_OP_GET_CHILDREN, &body);
}

int
do_set_acl(Peer *peer, const char *path, const char *acl, int32_t version)
{
	PdkBuffer body = body_path(path);
	put_acl(&body, acl);
	pdk_put_int(&body, version);
	return call(peer, PDK_OP_SET_ACL, &body);
}

int
do_auth(Peer *peer, const char *scheme, const char *data)
{
	PdkBuffer body = {0};
	pdk_put_int(&body, 0);
	pdk_put_string(&body, scheme);
	pdk_put_string(&body, data);
	return call(peer, PDK_OP_AUTH, &body);
}

int
do_add_watch(Peer *peer, const char *path, int32_t mode)
{
	PdkBuffer body = body_path_int(path, mode);
	return call(peer, PDK_OP_ADD_WATCH, &body);
}

int
do_close(Peer *peer)
{
	return call(peer, PDK_OP_CLOSE_SESSION, NULL);
}

/* ---- replies ---- */

WireStat
get_stat(PdkJute *in)
{
	WireStat stat;
	stat.czxid = pdk_get_long(in);
	stat.mzxid = pdk_get_long(in);
	stat.ctime = pdk_get_long(in);
	stat.mtime = pdk_get_long(in);
	stat.version = pdk_get_int(in);
	stat.cversion = pdk_get_int(in);
	stat.aversion = pdk_get_int(in);
	stat.owner = pdk_get_long(in);
	stat.data_length = pdk_get_int(in);
	stat.children = pdk_get_int(in);
	stat.pzxid = pdk_get_long(in);
	g_assert(!in->failed);
	return stat;
}

char *
get_text(PdkJute *in)
{
	PdkSlice slice = pdk_get_bytes(in);
	g_assert(!in->failed);
	return slice.length < 0 ? g_strdup("(null)") : pdk_slice_text(slice);
}

WireStat
stat_of(Peer *peer, const char *path)
{
	if (do_exists(peer, path, false) != PDK_OK)
		return (WireStat){.czxid = -1};
	return get_stat(&peer->body);
}

char *
data_of(Peer *peer, const char *path)
{
	if (do_get(peer, path, false) != PDK_OK)
		return g_strdup("(none)");
	return get_text(&peer->body);
}

static gint
compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

char *
children_of(Peer *peer, const char *path)
{
	if (do_children(peer, path, false) != PDK_OK)
		return g_strdup("(none)");
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	int32_t count = pdk_get_int(&peer->body);
	for (int32_t i = 0; i < count; i++)
		g_ptr_array_add(names, get_text(&peer->body));
	g_assert(pdk_jute_left(&peer->body) == 0);
	g_ptr_array_sort(names, compare_names);
	g_ptr_array_add(names, NULL);
	return g_strjoinv(" ", (char **)names->pdata);
}

bool
same_text(char *got, const char *wanted)
{
	bool same = strcmp(got, wanted) == 0;
	if (!same)
		fprintf(stderr, "\n  wanted \"%s\"\n  found  \"%s\"\n", wanted, got);
	g_free(got);
	return same;
}

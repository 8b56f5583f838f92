/* SPDX-License-Identifier: Apache-2.0 */
/* A core for persistence tests; changes when what a core expects of persistence does. */
#include "small_core.h"

#include "fake_host.h"

#include <CUnit/CUnit.h>
#include <string.h>

#define PART_BYTES 3000 /* small, so that a body has several */

static uint64_t
draw(History *self)
{
	uint64_t z = self->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

History *
history_new(uint64_t seed)
{
	History *self = g_new0(History, 1);
	uint64_t zero = 0;

	self->chain = g_array_new(FALSE, FALSE, sizeof(uint64_t));
	g_array_append_val(self->chain, zero);
	self->floors = g_array_new(FALSE, TRUE, sizeof(int64_t));
	g_array_set_size(self->floors, 1);
	self->published = self->target = -1;
	self->random = seed;
	return self;
}

void
history_free(History *self)
{
	g_array_unref(self->chain);
	g_array_unref(self->floors);
	g_free(self);
}

static void
add_int(GByteArray *bytes, uint32_t value)
{
	value = GUINT32_TO_BE(value);
	g_byte_array_append(bytes, (uint8_t *)&value, sizeof(value));
}

static void
add_long(GByteArray *bytes, uint64_t value)
{
	value = GUINT64_TO_BE(value);
	g_byte_array_append(bytes, (uint8_t *)&value, sizeof(value));
}

static uint64_t
get_long(const uint8_t *bytes)
{
	uint64_t value;
	memcpy(&value, bytes, sizeof(value));
	return GUINT64_FROM_BE(value);
}

static uint32_t
get_int(const uint8_t *bytes)
{
	uint32_t value;
	memcpy(&value, bytes, sizeof(value));
	return GUINT32_FROM_BE(value);
}

GBytes *
small_core_txn(int64_t zxid, uint64_t random, size_t padding)
{
	GByteArray *txn = g_byte_array_new();

	add_long(txn, 0x1234);         /* clientId */
	add_int(txn, (uint32_t)zxid);  /* cxid */
	add_long(txn, (uint64_t)zxid);
	add_long(txn, 1700000000000);  /* time */
	add_int(txn, (uint32_t)-10);   /* createSession: its int is the time-out */
	add_int(txn, 40000);
	for (size_t i = 0; i < padding; i += 8)
		add_long(txn, (random + i) * UINT64_C(0xd1342543de82ef95) | 0x0101010101010101);
	return g_byte_array_free_to_bytes(txn);
}

uint64_t
small_core_chain(uint64_t chain, const void *txn, size_t length)
{
	const uint8_t *bytes = txn;

	for (size_t i = 0; i < length; i++)
		chain = (chain ^ bytes[i]) * UINT64_C(0x100000001b3);
	return chain ^ length;
}

static void
add_node(GByteArray *body, const char *path, const void *data, size_t length)
{
	add_int(body, (uint32_t)strlen(path));
	g_byte_array_append(body, (const uint8_t *)path, (unsigned)strlen(path));
	add_int(body, (uint32_t)length);
	g_byte_array_append(body, data, (unsigned)length);
	add_long(body, UINT64_MAX); /* open ACL */
	for (unsigned i = 0; i < 15; i++)
		add_int(body, 0);   /* StatPersisted: 60 bytes */
}

GBytes *
small_core_body(int64_t zxid, uint64_t chain, size_t size)
{
	GByteArray *body = g_byte_array_new();
	g_autoptr(GByteArray) data = g_byte_array_new();

	add_int(body, 0); /* sessions */
	add_int(body, 0); /* ACL map */
	add_node(body, "", "", 0);
	add_long(data, (uint64_t)zxid);
	add_long(data, chain);
	while (data->len < size)
		add_long(data, (chain + data->len) * UINT64_C(0xd1342543de82ef95));
	add_node(body, "/n", data->data, data->len);
	add_int(body, 1);
	g_byte_array_append(body, (const uint8_t *)"/", 1);
	return g_byte_array_free_to_bytes(body);
}

/*
 * Is @bytes a whole body? Returns its length, 0 when more is needed, -1 when it is none; *data gets the
 * content of the last node.
 */
static int64_t
parse_body(const uint8_t *bytes, size_t length, const uint8_t **data)
{
	size_t at = 8;

	if (length >= 8 && (get_int(bytes) != 0 || get_int(bytes + 4) != 0))
		return -1;
	for (;;) {
		if (length < at + 4)
			return 0;
		uint32_t path = get_int(bytes + at);
		if (path > 100)
			return -1;
		if (length < at + 4 + path)
			return 0;
		if (path == 1 && bytes[at + 4] == '/')
			return (int64_t)at + 5;
		at += 4 + path;
		if (length < at + 4)
			return 0;
		uint32_t content = get_int(bytes + at);
		if (content > 64 * 1024 * 1024)
			return -1;
		if (length < at + 4 + content + 68)
			return 0;
		*data = bytes + at + 4;
		at += 4 + content + 68;
	}
}

static void
on_snapshot_begin(void *context, int64_t zxid, uint64_t length G_GNUC_UNUSED)
{
	Life *self = context;

	g_byte_array_set_size(self->body, 0);
	self->loading = zxid;
	self->begins++;
}

static PdkPartResult
on_snapshot_part(void *context, const uint8_t *data, size_t length, size_t *used, GError **error)
{
	Life *self = context;
	const uint8_t *content = NULL;
	size_t before = self->body->len;

	g_byte_array_append(self->body, data, (unsigned)length);
	int64_t whole = parse_body(self->body->data, self->body->len, &content);
	if (whole == 0)
		return PDK_PART_MORE;
	if (whole < 0 || content == NULL) {
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "not a body");
		return PDK_PART_BAD;
	}
	*used = (size_t)whole - before;
	self->applied = (int64_t)get_long(content);
	self->chain = get_long(content + 8);
	return PDK_PART_DONE;
}

static void
on_snapshot_accept(void *context, const PdkSnapshotTail *tail)
{
	Life *self = context;

	self->accepts++;
	self->tail = *tail;
}

static void
on_snapshot_discard(void *context)
{
	Life *self = context;

	self->discards++;
	self->applied = 0;
	self->chain = 0;
}

static void
on_empty(void *context)
{
	Life *self = context;

	self->empties++;
	self->applied = 0;
	self->chain = 0;
}

static bool
on_txn(void *context, int64_t zxid, const uint8_t *txn, size_t length, GError **error)
{
	Life *self = context;

	if (zxid == self->history->refuse) {
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "unknown type 77");
		return false;
	}
	self->chain = small_core_chain(self->chain, txn, length);
	self->applied = zxid;
	return true;
}

static void
on_synced(void *context, int64_t zxid)
{
	Life *self = context;

	CU_ASSERT_FALSE(self->inside);
	CU_ASSERT_PTR_NULL(self->failed);
	if (self->deaf)
		return;
	CU_ASSERT_TRUE(zxid >= self->last_synced && zxid <= self->history->appended);
	self->synceds++;
	self->last_synced = zxid;
	self->most_synced = MAX(self->most_synced, zxid);
	self->history->synced = MAX(self->history->synced, zxid);
}

static void
on_failed(void *context, const GError *error)
{
	Life *self = context;

	CU_ASSERT_FALSE(self->inside);
	CU_ASSERT_PTR_NULL(self->failed);
	self->failed = g_error_copy(error);
}

static void
on_room(void *context)
{
	Life *self = context;

	CU_ASSERT_FALSE(self->inside);
	CU_ASSERT_FALSE(self->room);
	self->room = true;
	self->rooms++;
}

static void
on_snapshot_done(void *context, int64_t zxid, uint64_t length, const GError *error)
{
	Life *self = context;

	CU_ASSERT_FALSE(self->inside);
	CU_ASSERT_PTR_NULL(self->failed);
	self->dones++;
	self->snapshot_done = zxid;
	self->snapshot_length = length;
	g_clear_error(&self->snapshot_error);
	if (error)
		self->snapshot_error = g_error_copy(error);
	else if (!self->deaf)
		self->history->published = MAX(self->history->published, zxid);
}

static void
on_record_saved(void *context, const char *key)
{
	Life *self = context;

	CU_ASSERT_FALSE(self->inside);
	CU_ASSERT_PTR_NULL(self->failed);
	if (self->deaf)
		return;
	self->saves++;
	self->history->saved += strcmp(key, "number") == 0;
	g_free(self->saved_key);
	self->saved_key = g_strdup(key);
}

/* What is promised of the rest. */
static void
history_truncate(History *self, int64_t zxid)
{
	self->appended = self->synced = MIN(self->appended, zxid);
	if (self->published > zxid)
		self->published = 0;
	for (unsigned i = 0; i < self->floors->len; i++) {
		int64_t *floor = &g_array_index(self->floors, int64_t, i);
		*floor = MIN(*floor, zxid);
	}
}

static void
on_truncated(void *context, int64_t zxid, const GError *error)
{
	Life *self = context;
	History *history = self->history;

	CU_ASSERT_FALSE(self->inside);
	CU_ASSERT_PTR_NULL(self->failed);
	self->truncateds++;
	g_clear_error(&self->truncate_error);
	if (error)
		self->truncate_error = g_error_copy(error);
	if (self->deaf)
		return;
	history->target = -1;
	if (error)
		return;
	history_truncate(history, zxid);
	self->last_synced = MIN(self->last_synced, zxid);
}

static void
clear_txn(void *txn)
{
	g_bytes_unref(((PdkLoggedTxn *)txn)->txn);
}

static void
on_log_read(void *context, const PdkLoggedTxn *txns, size_t n, bool more, const GError *error)
{
	Life *self = context;

	CU_ASSERT_FALSE(self->inside);
	CU_ASSERT_PTR_NULL(self->failed);
	self->reads++;
	self->read_more = more;
	g_clear_error(&self->read_error);
	if (error)
		self->read_error = g_error_copy(error);
	g_array_set_size(self->read, 0);
	for (size_t i = 0; i < n; i++) {
		PdkLoggedTxn txn = {.zxid = txns[i].zxid, .txn = g_bytes_ref(txns[i].txn)};
		g_array_append_val(self->read, txn);
	}
}

static const PdkPersistenceEvents events = {
	.size = sizeof(PdkPersistenceEvents),
	.synced = on_synced,
	.failed = on_failed,
	.snapshot_room = on_room,
	.snapshot_done = on_snapshot_done,
	.record_saved = on_record_saved,
	.truncated = on_truncated,
	.log_read = on_log_read,
};

static const PdkRecovery recovery = {
	.size = sizeof(PdkRecovery),
	.snapshot_begin = on_snapshot_begin,
	.snapshot_part = on_snapshot_part,
	.snapshot_accept = on_snapshot_accept,
	.snapshot_discard = on_snapshot_discard,
	.empty = on_empty,
	.txn = on_txn,
};

Life *
life_begin(const PdkPlugin *plugin, const PdkFiles *files, PdkConfig *config, const char *log_dir, History *history,
	   uint64_t seed, GError **error)
{
	Life *self = g_new0(Life, 1);

	self->plugin = plugin;
	self->ops = plugin->ops;
	self->config = config;
	self->history = history;
	self->host = step_host_new(files, seed);
	self->body = g_byte_array_new();
	self->read = g_array_new(FALSE, FALSE, sizeof(PdkLoggedTxn));
	g_array_set_clear_func(self->read, clear_txn);
	self->snapshot_done = -1;
	self->persistence = self->ops->create(step_host_table(self->host), config, "/data", log_dir, error);
	if (self->persistence == NULL)
		return self;
	self->inside = true;
	self->ops->start(self->persistence, &events, self);
	self->recovered = self->ops->recover(self->persistence, &recovery, self, &self->result, error);
	self->inside = false;
	return self;
}

void
life_free(Life *self)
{
	if (self->persistence) {
		step_host_settle(self->host);
		self->ops->destroy(self->persistence);
	}
	step_host_free(self->host);
	fake_config_free(self->config);
	g_byte_array_unref(self->body);
	g_clear_error(&self->failed);
	g_clear_error(&self->snapshot_error);
	g_clear_error(&self->truncate_error);
	g_clear_error(&self->read_error);
	g_array_unref(self->read);
	g_free(self->saved_key);
	g_free(self);
}

void
life_append(Life *self, size_t padding)
{
	History *history = self->history;
	int64_t zxid = self->applied + 1;
	size_t length;

	g_autoptr(GBytes) txn = small_core_txn(zxid, draw(history), padding);
	const void *bytes = g_bytes_get_data(txn, &length);
	self->chain = small_core_chain(self->chain, bytes, length);
	self->applied = zxid;
	g_array_set_size(history->chain, (unsigned)zxid);
	g_array_append_val(history->chain, self->chain);
	history->appended = zxid;
	self->inside = true;
	self->ops->append(self->persistence, zxid, txn);
	self->inside = false;
}

void
life_sync(Life *self)
{
	self->inside = true;
	self->ops->sync(self->persistence);
	self->inside = false;
}

void
life_write(Life *self, size_t padding)
{
	life_append(self, padding);
	life_sync(self);
	step_host_settle(self->host);
}

bool
life_snapshot(Life *self, size_t size)
{
	g_autoptr(GBytes) body = small_core_body(self->applied, self->chain, size);
	size_t length = g_bytes_get_size(body);
	PdkSnapshotTail tail = {
		.has_digest = true,
		.digest_zxid = self->applied,
		.digest_version = 2,
		.digest = self->chain,
		.has_last_zxid = true,
		.last_zxid = self->applied,
	};

	self->inside = true;
	bool begun = self->ops->snapshot_begin(self->persistence, self->applied);
	self->inside = false;
	if (!begun)
		return false;
	self->room = true;
	for (size_t at = 0; at < length; at += PART_BYTES) {
		while (!self->room && self->failed == NULL && step_host_step(self->host))
			;
		if (!self->room)
			break;
		g_autoptr(GBytes) part = g_bytes_new_from_bytes(body, at, MIN(PART_BYTES, length - at));
		self->inside = true;
		self->room = self->ops->snapshot_part(self->persistence, part);
		self->inside = false;
	}
	self->inside = true;
	self->ops->snapshot_finish(self->persistence, &tail);
	self->inside = false;
	return true;
}

bool
life_snapshot_whole(Life *self, size_t size)
{
	unsigned before = self->dones;

	if (!life_snapshot(self, size))
		return false;
	step_host_settle_timers(self->host, 10 * 1000 * 1000);
	return self->dones == before + 1 && self->snapshot_error == NULL;
}

void
life_truncate(Life *self, int64_t zxid)
{
	self->history->target = zxid;
	self->inside = true;
	self->ops->truncate(self->persistence, zxid);
	self->inside = false;
}

bool
life_recover_again(Life *self, GError **error)
{
	self->inside = true;
	self->recovered = self->ops->recover(self->persistence, &recovery, self, &self->result, error);
	self->inside = false;
	return self->recovered;
}

void
life_put(Life *self, const char *key, const char *value)
{
	g_autoptr(GBytes) bytes = g_bytes_new(value, strlen(value));

	self->inside = true;
	self->ops->record_put(self->persistence, key, bytes);
	self->inside = false;
}

void
life_put_number(Life *self)
{
	g_autofree char *value = g_strdup_printf("%u", self->history->floors->len);
	int64_t floor = self->history->target >= 0 ? self->history->target : self->applied;

	g_array_append_val(self->history->floors, floor);
	life_put(self, "number", value);
}

bool
life_record_is(Life *self, const char *key, const char *value)
{
	g_autoptr(GBytes) bytes = self->ops->record_get(self->persistence, key);

	if (bytes == NULL || value == NULL)
		return bytes == NULL && value == NULL;
	g_autoptr(GBytes) wanted = g_bytes_new_static(value, strlen(value));
	return g_bytes_equal(bytes, wanted);
}

void
life_read(Life *self, int64_t from, int64_t max_bytes)
{
	self->inside = true;
	self->ops->read_log(self->persistence, from, max_bytes);
	self->inside = false;
	step_host_settle(self->host);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory: persistence that keeps nothing. It is the shortest complete plugin, and the one to copy; it changes
 * when the persistence table does.
 */
#include <paddock/persistence.h>
#include <paddock/plugin.h>

typedef enum {
	SYNCED = 1,
	SAVED = 2,
	TRUNCATED = 3,
} AnswerKind;

/* What is to be said when the call that asks for it is over. */
typedef struct {
	AnswerKind kind;
	char *key;    /* SAVED */
	int64_t zxid; /* TRUNCATED */
} Answer;

struct PdkPersistence {
	const PdkHost *host;
	const PdkPersistenceEvents *events; /* where to report, see `start` */
	void *context;
	int64_t appended;    /* zxid of the last txn */
	GHashTable *records; /* key -> GBytes, for as long as this instance lives */
	GQueue answers;
	uint64_t timer; /* 0: no answer is due */
};

static void
answer_free(void *data)
{
	g_free(((Answer *)data)->key);
	g_free(data);
}

static PdkPersistence *
memory_create(const PdkHost *host, const PdkConfig *config G_GNUC_UNUSED, const char *data_dir G_GNUC_UNUSED,
	      const char *log_dir G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
	PdkPersistence *self = g_new0(PdkPersistence, 1);

	self->host = host;
	self->records = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_bytes_unref);
	g_queue_init(&self->answers);
	return self;
}

static void
memory_destroy(PdkPersistence *self)
{
	self->host->timer_cancel(self->host, self->timer); /* nothing is said after destroy */
	g_queue_clear_full(&self->answers, answer_free);
	g_hash_table_unref(self->records);
	g_free(self);
}

static void
memory_start(PdkPersistence *self, const PdkPersistenceEvents *events, void *context)
{
	self->events = events;
	self->context = context;
}

/* Nothing was kept, so every life begins with an empty tree. */
static bool
memory_recover(PdkPersistence *self G_GNUC_UNUSED, const PdkRecovery *into, void *context, PdkRecovered *result,
	       GError **error G_GNUC_UNUSED)
{
	into->empty(context);
	*result = (PdkRecovered){.snapshot_zxid = -1};
	return true;
}

static void
memory_append(PdkPersistence *self, int64_t zxid, GBytes *txn G_GNUC_UNUSED)
{
	self->appended = zxid;
}

static void
say(PdkPersistence *self, const Answer *answer)
{
	switch (answer->kind) {
	case SYNCED:
		self->events->synced(self->context, self->appended);
		return;
	case SAVED:
		self->events->record_saved(self->context, answer->key);
		return;
	case TRUNCATED:
		self->events->truncated(self->context, answer->zxid, NULL);
		return;
	}
}

static void
answers_due(void *data)
{
	PdkPersistence *self = data;

	self->timer = 0; /* what is asked for while answering is answered by the next one */
	for (unsigned n = self->answers.length; n > 0; n--) {
		Answer *answer = g_queue_pop_head(&self->answers);
		say(self, answer);
		answer_free(answer);
	}
}

/* An event never comes inside the call that asks for it: a timer that is due at once brings it. */
static void
answer_later(PdkPersistence *self, AnswerKind kind, const char *key, int64_t zxid)
{
	Answer *answer = g_new0(Answer, 1);

	*answer = (Answer){.kind = kind, .key = g_strdup(key), .zxid = zxid};
	g_queue_push_tail(&self->answers, answer);
	if (self->timer == 0)
		self->timer = self->host->timer(self->host, self->host->now_us(self->host), answers_due, self);
}

static void
memory_sync(PdkPersistence *self)
{
	const Answer *last = g_queue_peek_tail(&self->answers);

	if (last == NULL || last->kind != SYNCED) /* one answers for all */
		answer_later(self, SYNCED, NULL, 0);
}

static GBytes *
memory_record_get(PdkPersistence *self, const char *key)
{
	GBytes *value = g_hash_table_lookup(self->records, key);

	return value ? g_bytes_ref(value) : NULL;
}

static void
memory_record_put(PdkPersistence *self, const char *key, GBytes *value)
{
	g_hash_table_insert(self->records, g_strdup(key), g_bytes_ref(value));
	answer_later(self, SAVED, key, 0);
}

/* There is no log to cut; the `recover` that follows begins with an empty tree. */
static void
memory_truncate(PdkPersistence *self, int64_t zxid)
{
	self->appended = MIN(self->appended, zxid);
	answer_later(self, TRUNCATED, NULL, zxid);
}

/* What is missing here (snapshots, sizes, reading the log) the core finds missing by PDK_HAS, and does without. */
static const PdkPersistenceOps memory_ops = {
	.size = sizeof(PdkPersistenceOps),
	.keeps_nothing = true,
	.create = memory_create,
	.destroy = memory_destroy,
	.start = memory_start,
	.recover = memory_recover,
	.append = memory_append,
	.sync = memory_sync,
	.record_get = memory_record_get,
	.record_put = memory_record_put,
	.truncate = memory_truncate,
};

PDK_PLUGIN_DEFINE(persistence, memory) = {
	PDK_PLUGIN_HEAD,
	.kind = PDK_KIND_PERSISTENCE,
	.name = "memory",
	.version = "1.0",
	.summary = "keeps nothing: every start begins with an empty tree",
	.ops = &memory_ops,
};

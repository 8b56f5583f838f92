/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory: persistence that keeps nothing. It is the shortest complete plugin, and the one to copy; it changes
 * when the persistence table does.
 */
#include <paddock/persistence.h>
#include <paddock/plugin.h>

struct PdkPersistence {
	const PdkHost *host;
	const PdkPersistenceEvents *events; /* where to report, see `start` */
	void *context;
	int64_t appended; /* zxid of the last txn */
	uint64_t timer;   /* 0: no answer is due */
};

static PdkPersistence *
memory_create(const PdkHost *host, const PdkConfig *config G_GNUC_UNUSED, const char *data_dir G_GNUC_UNUSED,
	      const char *log_dir G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
	PdkPersistence *self = g_new0(PdkPersistence, 1);

	self->host = host;
	return self;
}

static void
memory_destroy(PdkPersistence *self)
{
	self->host->timer_cancel(self->host, self->timer); /* nothing is said after destroy */
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
answer(void *data)
{
	PdkPersistence *self = data;

	self->timer = 0;
	self->events->synced(self->context, self->appended);
}

/* An event never comes inside the call that asks for it: a timer that is due at once brings it. */
static void
memory_sync(PdkPersistence *self)
{
	if (self->timer == 0)
		self->timer = self->host->timer(self->host, self->host->now_us(self->host), answer, self);
}

/* What is missing here (snapshots, sizes, records) the core finds missing by PDK_HAS, and does without. */
static const PdkPersistenceOps memory_ops = {
	.size = sizeof(PdkPersistenceOps),
	.keeps_nothing = true,
	.create = memory_create,
	.destroy = memory_destroy,
	.start = memory_start,
	.recover = memory_recover,
	.append = memory_append,
	.sync = memory_sync,
};

PDK_PLUGIN_DEFINE(persistence, memory) = {
	PDK_PLUGIN_HEAD,
	.kind = PDK_KIND_PERSISTENCE,
	.name = "memory",
	.version = "1.0",
	.summary = "keeps nothing: every start begins with an empty tree",
	.ops = &memory_ops,
};

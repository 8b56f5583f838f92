/* SPDX-License-Identifier: Apache-2.0 */
/* A server to look at; changes when PdkView does. */
#include "fake_view.h"

#include <string.h>

static void
fake_facts(void *core, PdkServerFacts *into)
{
	*into = ((FakeView *)core)->facts;
}

/* The next element of @array, or NULL at its end; @extra more places follow the array. */
static const void *
walk(FakeView *self, const GArray *array, uint64_t *cursor, uint64_t extra, bool *more)
{
	uint64_t place = (*cursor)++;

	self->steps++;
	*more = place < array->len + extra;
	return place < array->len ? array->data + place * g_array_get_element_size((GArray *)(uintptr_t)array) : NULL;
}

static bool
fake_connection(void *core, uint64_t *cursor, PdkConnectionFacts *into)
{
	FakeView *self = core;
	bool more;
	const PdkConnectionFacts *found = walk(self, self->connections, cursor, self->crowd, &more);

	if (found) {
		*into = *found;
	} else if (more) {
		g_snprintf(self->text, sizeof(self->text), "/10.0.0.1:%u", (unsigned)*cursor);
		*into = (PdkConnectionFacts){ .endpoint = self->text, .last_op = "NA", .last_cxid = -1 };
		into->expires_wall_ms = self->facts.now_wall_ms + 1000;
	}
	return more;
}

static bool
fake_session(void *core, uint64_t *cursor, PdkSessionFacts *into)
{
	FakeView *self = core;
	bool more;
	const PdkSessionFacts *found = walk(self, self->sessions, cursor, self->crowd, &more);

	if (found)
		*into = *found;
	else if (more)
		*into = (PdkSessionFacts){ .session = (int64_t)*cursor,
					   .expires_wall_ms = self->facts.now_wall_ms + (int64_t)(*cursor % 20) * 2000 };
	return more;
}

static bool
fake_ephemeral(void *core, int64_t session, uint64_t *cursor, const char **path)
{
	FakeView *self = core;
	const FakeEphemeral *found;
	bool more;

	do {
		found = walk(self, self->ephemerals, cursor, 0, &more);
	} while (found && found->session != session);
	if (found)
		*path = found->path;
	return more;
}

static bool
fake_watch(void *core, PdkWatchOrder order, uint64_t *cursor, PdkWatchFacts *into)
{
	FakeView *self = core;
	bool more;
	const PdkWatchFacts *found = walk(self, self->watches[order - 1], cursor, self->crowd, &more);

	if (found) {
		*into = *found;
	} else if (more) {
		g_snprintf(self->text, sizeof(self->text), "/crowd/%010" G_GUINT64_FORMAT, *cursor);
		*into = (PdkWatchFacts){ .session = 7, .link = 7, .path = self->text };
	}
	return more;
}

static void
fake_watch_totals(void *core, uint64_t *connections, uint64_t *paths, uint64_t *watches)
{
	FakeView *self = core;

	*connections = 2;
	*paths = 3;
	*watches = self->watches[0]->len;
}

static bool
fake_digest(void *core, uint64_t *cursor, int64_t *zxid, uint64_t *digest)
{
	FakeView *self = core;
	bool more;
	const FakeDigest *found = walk(self, self->digests, cursor, 0, &more);

	if (found) {
		*zxid = found->zxid;
		*digest = found->digest;
	}
	return more;
}

static bool
walk_pairs(FakeView *self, const GArray *pairs, uint64_t *cursor, const char **key, const char **value)
{
	bool more;
	const FakePair *found = walk(self, pairs, cursor, 0, &more);

	if (found) {
		*key = found->key;
		*value = found->value;
	}
	return more;
}

static bool
fake_setting(void *core, uint64_t *cursor, const char **key, const char **value)
{
	return walk_pairs(core, ((FakeView *)core)->settings, cursor, key, value);
}

static bool
fake_environment(void *core, uint64_t *cursor, const char **key, const char **value)
{
	return walk_pairs(core, ((FakeView *)core)->environment, cursor, key, value);
}

static bool
fake_metric(void *core, uint64_t *cursor, PdkMetric *into)
{
	FakeView *self = core;
	bool more;
	const PdkMetric *found = walk(self, self->metrics, cursor, 0, &more);

	if (found)
		*into = *found;
	return more;
}

static const char *
fake_setting_value(void *core, const char *zoo_key)
{
	FakeView *self = core;

	for (unsigned i = 0; i < self->settings->len; i++) {
		const FakePair *pair = &g_array_index(self->settings, FakePair, i);
		if (strcmp(pair->key, zoo_key) == 0)
			return pair->value;
	}
	return NULL;
}

static void
fake_reset_server_stats(void *core)
{
	((FakeView *)core)->server_resets++;
}

static void
fake_reset_connection_stats(void *core)
{
	((FakeView *)core)->connection_resets++;
}

static int64_t
fake_trace_mask(void *core)
{
	return ((FakeView *)core)->trace_mask;
}

static void
fake_set_trace_mask(void *core, int64_t mask)
{
	((FakeView *)core)->trace_mask = mask;
}

#define FILL(array, type, ...)                                                                                     \
	do {                                                                                                       \
		const type items[] = { __VA_ARGS__ };                                                              \
		g_array_append_vals((array), items, G_N_ELEMENTS(items));                                          \
	} while (0)

#define FIRST_SESSION 0x100000d7dd10000
#define SECOND_SESSION 0x100000d7dd10001

static void
fill_people(FakeView *self)
{
	int64_t soon = self->facts.now_wall_ms + 4000, later = self->facts.now_wall_ms + 6000;

	FILL(self->sessions, PdkSessionFacts,
	     { .session = FIRST_SESSION, .timeout_ms = 10000, .expires_wall_ms = later, .ephemerals = 2 },
	     { .session = SECOND_SESSION, .timeout_ms = 10000, .expires_wall_ms = soon, .ephemerals = 1 },
	     { .session = SECOND_SESSION + 1, .timeout_ms = 10000, .expires_wall_ms = later + 1 });
	FILL(self->ephemerals, FakeEphemeral, { FIRST_SESSION, "/eph2" }, { SECOND_SESSION, "/e3" },
	     { FIRST_SESSION, "/eph" });
	FILL(self->connections, PdkConnectionFacts,
	     { .link = 1, .endpoint = "/127.0.0.1:38330", .interest = 1, .received = 4, .sent = 4,
	       .session = SECOND_SESSION, .last_op = "GETD", .established_wall_ms = 1795227088559, .timeout_ms = 10000,
	       .last_cxid = 3, .last_zxid = 0xce, .last_response_ms = 916544, .max_latency = 6, .avg_latency = 2.7,
	       .expires_wall_ms = later },
	     { .link = 2, .endpoint = "/127.0.0.1:38334", .interest = 1, .last_cxid = -1, .last_zxid = -1,
	       .last_op = "NA", .expires_wall_ms = soon },
	     { .link = 3, .endpoint = "/127.0.0.1:38322", .interest = 5, .queued = 2, .received = 207, .sent = 205,
	       .session = FIRST_SESSION, .last_op = "NA", .established_wall_ms = 1795227088544, .timeout_ms = 10000,
	       .last_cxid = -1, .last_zxid = -1, .expires_wall_ms = later },
	     { .link = 4, .endpoint = "/127.0.0.1:38402", .received = 1, .last_cxid = -1, .last_zxid = -1,
	       .last_op = "NA", .expires_wall_ms = later });
	FILL(self->watches[0], PdkWatchFacts, { SECOND_SESSION, 1, "/a" }, { SECOND_SESSION, 1, "/nope" },
	     { FIRST_SESSION, 3, "/a" }, { FIRST_SESSION, 3, "/eph" });
	FILL(self->watches[1], PdkWatchFacts, { SECOND_SESSION, 1, "/a" }, { FIRST_SESSION, 3, "/a" },
	     { FIRST_SESSION, 3, "/eph" }, { SECOND_SESSION, 1, "/nope" });
}

static void
fill_metrics(FakeView *self)
{
	static const PdkSummary fsynctime = { .count = 206, .sum = 1, .min = 0, .max = 1 };
	static const uint32_t histogram[PDK_HISTOGRAM_CELLS] = { [0] = 60, [1] = 35, [7] = 4, [9] = 1 };
	static const PdkSummary updatelatency = {
		.count = 100, .sum = 72, .min = 0, .max = 9, .histogram = (uint32_t *)(uintptr_t)histogram,
	};
	static const PdkSummary never = { .min = 5, .max = 5 };

	FILL(self->metrics, PdkMetric, { .name = "version", .type = PDK_METRIC_TEXT, .text = "not this one" },
	     { .name = "server_state", .type = PDK_METRIC_TEXT, .text = "not this one" },
	     { .name = "peer_state", .type = PDK_METRIC_TEXT, .text = "leading - broadcast" },
	     { .name = "znode_count", .help = "znodes", .type = PDK_METRIC_GAUGE, .value = 9 },
	     { .name = "min_client_response_size", .type = PDK_METRIC_GAUGE, .value = -1 },
	     { .name = "avg_latency", .type = PDK_METRIC_GAUGE, .is_real = true, .real = 0.78241 },
	     { .name = "commit_count", .type = PDK_METRIC_COUNTER, .value = 12 },
	     { .name = "fsynctime", .type = PDK_METRIC_SUMMARY, .summary = &fsynctime },
	     { .name = "updatelatency", .type = PDK_METRIC_SUMMARY, .summary = &updatelatency },
	     { .name = "election_time", .type = PDK_METRIC_SUMMARY, .summary = &never });
}

static void
fill_facts(FakeView *self)
{
	self->facts = (PdkServerFacts){
		.version = "3.9.4-paddock-0.1.0",
		.revision = "abc123",
		.built_on = "2026-11-21 10:00 UTC",
		.serving = true,
		.mode = "standalone",
		.last_zxid = 0xce,
		.node_count = 9,
		.connections = 4,
		.latency_max = 9,
		.latency_avg = 0.78222,
		.received = 225,
		.sent = 223,
		.now_monotonic_ms = 916550,
		.now_wall_ms = 1795227094000, /* Sat Nov 21 02:11:34 UTC 2026 */
		.data_dir_bytes = 457,
		.log_dir_bytes = 66009,
	};
	FILL(self->settings, FakePair, { "clientPort", "2181" }, { "dataDir", "/data/version-2" }, { "serverId", "0" });
	FILL(self->environment, FakePair, { "zookeeper.version", "3.9.4-paddock-0.1.0" }, { "os.name", "Linux" });
	FILL(self->digests, FakeDigest, { 0x80, 16681264609 }, { 0x100, 7 });
	self->trace_mask = 306;
}

static bool
fake_ensemble(void *core, PdkEnsembleFacts *into)
{
	const FakeView *self = core;

	if (self->ensemble)
		memcpy(into, self->ensemble, MIN(into->size, sizeof *into));
	return self->ensemble != NULL;
}

FakeView *
fake_view_new(void)
{
	FakeView *self = g_new0(FakeView, 1);

	self->table = (PdkView){
		.size = sizeof(PdkView),
		.core = self,
		.facts = fake_facts,
		.connection = fake_connection,
		.session = fake_session,
		.ephemeral = fake_ephemeral,
		.watch = fake_watch,
		.watch_totals = fake_watch_totals,
		.digest = fake_digest,
		.setting = fake_setting,
		.environment = fake_environment,
		.metric = fake_metric,
		.setting_value = fake_setting_value,
		.reset_server_stats = fake_reset_server_stats,
		.reset_connection_stats = fake_reset_connection_stats,
		.trace_mask = fake_trace_mask,
		.set_trace_mask = fake_set_trace_mask,
		.ensemble = fake_ensemble,
	};
	self->connections = g_array_new(FALSE, FALSE, sizeof(PdkConnectionFacts));
	self->sessions = g_array_new(FALSE, FALSE, sizeof(PdkSessionFacts));
	self->ephemerals = g_array_new(FALSE, FALSE, sizeof(FakeEphemeral));
	self->watches[0] = g_array_new(FALSE, FALSE, sizeof(PdkWatchFacts));
	self->watches[1] = g_array_new(FALSE, FALSE, sizeof(PdkWatchFacts));
	self->digests = g_array_new(FALSE, FALSE, sizeof(FakeDigest));
	self->settings = g_array_new(FALSE, FALSE, sizeof(FakePair));
	self->environment = g_array_new(FALSE, FALSE, sizeof(FakePair));
	self->metrics = g_array_new(FALSE, FALSE, sizeof(PdkMetric));
	fill_facts(self);
	fill_people(self);
	fill_metrics(self);
	return self;
}

void
fake_view_free(FakeView *self)
{
	if (self == NULL)
		return;
	GArray *const arrays[] = { self->connections, self->sessions, self->ephemerals, self->watches[0],
				   self->watches[1],  self->digests,  self->settings,	self->environment,
				   self->metrics };
	for (unsigned i = 0; i < G_N_ELEMENTS(arrays); i++)
		g_array_unref(arrays[i]);
	g_free(self);
}

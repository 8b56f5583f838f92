/* SPDX-License-Identifier: Apache-2.0 */
/* What each workload sends: changes when a workload is added. */
#include "workload.h"

#include <string.h>

#define SESSION_TIMEOUT_MS 40000
#define NAME_DIGITS 10
/* Requests in flight over all connections while znodes are set up or removed. */
#define SETUP_IN_FLIGHT 256
#define SETTLE_US 1000000
#define NODE_PREFIX "/n"
#define CREATED_PREFIX "/c"

typedef struct {
	const PdkBenchOptions *options;
	PdkBenchResult *result;
	PdkBenchTarget target;
	char *path;    /* template: parent, prefix, and room for the digits */
	gsize digits;  /* where they begin */
	guint8 *bytes; /* every znode's data */
	guint64 random;
	double own_cpu_s;
} Workload;

static void workload_clear(Workload *self) {
	g_free(self->path);
	g_free(self->bytes);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Workload, workload_clear)

static void set_prefix(Workload *self, const char *prefix) {
	g_free(self->path);
	self->path = g_strdup_printf("%s%s%0*d", self->options->parent, prefix, NAME_DIGITS, 0);
	self->digits = strlen(self->path) - NAME_DIGITS;
}

static PdkBenchPath path_of(Workload *self, guint64 number) {
	for (gsize i = self->digits + NAME_DIGITS; i > self->digits; i--) {
		self->path[i - 1] = (char)('0' + number % 10);
		number /= 10;
	}
	return (PdkBenchPath){ .text = self->path, .length = self->digits + NAME_DIGITS };
}

/* xorshift64*: the next key, evenly over all znodes. */
static PdkBenchPath random_path(Workload *self) {
	self->random ^= self->random >> 12;
	self->random ^= self->random << 25;
	self->random ^= self->random >> 27;
	return path_of(self,
		       ((self->random * 0x2545F4914F6CDD1DULL) >> 32) * (guint64)self->options->nodes >> 32);
}

static PdkBenchData data_of(const Workload *self) {
	return (PdkBenchData){ .bytes = self->bytes, .length = (gsize)self->options->size };
}

static PdkBenchOp encode_get(gpointer data, PdkBenchBuffer *out, gint32 xid, guint64 sequence G_GNUC_UNUSED) {
	pdk_bench_put_get(out, xid, random_path(data), FALSE);
	return PDK_BENCH_OP_GET;
}

static PdkBenchOp encode_exists(gpointer data, PdkBenchBuffer *out, gint32 xid,
				guint64 sequence G_GNUC_UNUSED) {
	pdk_bench_put_exists(out, xid, random_path(data), FALSE);
	return PDK_BENCH_OP_EXISTS;
}

static PdkBenchOp encode_set(gpointer data, PdkBenchBuffer *out, gint32 xid, guint64 sequence G_GNUC_UNUSED) {
	pdk_bench_put_set(out, xid, random_path(data), data_of(data));
	return PDK_BENCH_OP_SET;
}

static PdkBenchOp encode_mixed(gpointer data, PdkBenchBuffer *out, gint32 xid, guint64 sequence) {
	Workload *self = data;

	/* 37 is coprime to 100: the writes are spread evenly over each hundred requests. */
	if ((sequence * 37) % 100 < (guint64)self->options->write_percent)
		return encode_set(data, out, xid, sequence);
	return encode_get(data, out, xid, sequence);
}

static PdkBenchOp encode_create(gpointer data, PdkBenchBuffer *out, gint32 xid, guint64 sequence) {
	pdk_bench_put_create(out, xid, path_of(data, sequence), data_of(data));
	return PDK_BENCH_OP_CREATE;
}

static PdkBenchOp encode_create_batch(gpointer data, PdkBenchBuffer *out, gint32 xid, guint64 sequence) {
	Workload *self = data;
	guint64 batch = (guint64)self->options->batch;
	guint64 last = MIN((sequence + 1) * batch, (guint64)self->options->nodes);
	gsize frame = pdk_bench_multi_begin(out, xid);

	for (guint64 i = sequence * batch; i < last; i++)
		pdk_bench_multi_create(out, path_of(self, i), data_of(self));
	pdk_bench_multi_end(out, frame);
	return PDK_BENCH_OP_MULTI;
}

static PdkBenchOp encode_delete(gpointer data, PdkBenchBuffer *out, gint32 xid, guint64 sequence) {
	pdk_bench_put_delete(out, xid, path_of(data, sequence));
	return PDK_BENCH_OP_DELETE;
}

static PdkBenchOp encode_delete_parent(gpointer data, PdkBenchBuffer *out, gint32 xid,
				       guint64 sequence G_GNUC_UNUSED) {
	const Workload *self = data;
	const char *parent = self->options->parent;

	pdk_bench_put_delete(out, xid, (PdkBenchPath){ .text = parent, .length = strlen(parent) });
	return PDK_BENCH_OP_DELETE;
}

static PdkBenchOp encode_sync_parent(gpointer data, PdkBenchBuffer *out, gint32 xid,
				     guint64 sequence G_GNUC_UNUSED) {
	const Workload *self = data;
	const char *parent = self->options->parent;

	pdk_bench_put_sync(out, xid, (PdkBenchPath){ .text = parent, .length = strlen(parent) });
	return PDK_BENCH_OP_SYNC;
}

/* The parent's own ancestors are created first: request number n is for the path up to its n-th slash. */
static PdkBenchOp encode_parent(gpointer data, PdkBenchBuffer *out, gint32 xid, guint64 sequence) {
	const Workload *self = data;
	const char *end = self->options->parent;

	for (guint64 i = 0; i <= sequence; i++)
		end = strchrnul(end + 1, '/');
	pdk_bench_put_create(out, xid,
			     (PdkBenchPath){ .text = self->options->parent,
					     .length = (gsize)(end - self->options->parent) },
			     (PdkBenchData){ .bytes = self->bytes, .length = 0 });
	return PDK_BENCH_OP_CREATE;
}

static PdkBenchOp encode_watch(gpointer data, PdkBenchBuffer *out, gint32 xid, guint64 sequence) {
	pdk_bench_put_get(out, xid, path_of(data, sequence), TRUE);
	return PDK_BENCH_OP_GET;
}

static PdkBenchOp encode_set_each(gpointer data, PdkBenchBuffer *out, gint32 xid, guint64 sequence) {
	pdk_bench_put_set(out, xid, path_of(data, sequence), data_of(data));
	return PDK_BENCH_OP_SET;
}

static PdkBenchOp encode_redis_get(gpointer data, PdkBenchBuffer *out, gint32 xid G_GNUC_UNUSED,
				   guint64 sequence G_GNUC_UNUSED) {
	pdk_bench_put_redis_get(out, random_path(data));
	return PDK_BENCH_OP_REDIS_GET;
}

static PdkBenchOp encode_redis_set(gpointer data, PdkBenchBuffer *out, gint32 xid G_GNUC_UNUSED,
				   guint64 sequence) {
	pdk_bench_put_redis_set(out, path_of(data, sequence), data_of(data));
	return PDK_BENCH_OP_REDIS_SET;
}

static void sample(const Workload *self, PdkBenchProcStat *stat) {
	pdk_bench_procstat_read(self->options->pids, self->options->pid_count, stat);
}

static void mark(gpointer data, gboolean begin) {
	Workload *self = data;
	PdkBenchResult *result = self->result;

	if (self->options->pid_count > 0)
		sample(self, begin ? &result->before : &result->after);
	if (begin)
		self->own_cpu_s = pdk_bench_procstat_own_cpu();
	else
		result->own_cpu_s = pdk_bench_procstat_own_cpu() - self->own_cpu_s;
}

static void take_errors(PdkBenchResult *result, const PdkBenchEngine *engine) {
	const char *first = NULL;

	result->errors += pdk_bench_engine_errors(engine, &first);
	if (result->first_error == NULL)
		result->first_error = g_strdup(first);
}

/* Carries out @phase over connections of its own, for what is not measured. */
static gboolean run_apart(Workload *self, PdkBenchPhase *phase, guint connections, guint in_flight, GError **error) {
	PdkBenchTarget target = self->target;
	g_autoptr(PdkBenchEngine) engine = NULL;
	gboolean done;

	target.connections = connections;
	target.depth = in_flight;
	engine = pdk_bench_engine_new(&target, error);
	if (engine == NULL)
		return FALSE;
	done = pdk_bench_engine_run(engine, phase, error);
	take_errors(self->result, engine);
	return done;
}

/* Sends @total requests to the first server. */
static gboolean run_aside(Workload *self, PdkBenchEncode encode, guint64 total, guint in_flight,
			  gint32 tolerated, GError **error) {
	PdkBenchPhase phase = { .encode = encode, .data = self, .total = total, .tolerated = tolerated };

	return run_apart(self, &phase, 1, in_flight, error);
}

/* What the first server was told may reach the others a little later: waits until each of them knows it. */
static gboolean sync_servers(Workload *self, GError **error) {
	guint count = self->target.server_count;
	PdkBenchPhase phase = { .encode = encode_sync_parent, .data = self, .total = count };

	return count == 1 || run_apart(self, &phase, count, 1, error);
}

static gboolean create_parent(Workload *self, GError **error) {
	guint64 levels = 0;

	if (self->options->no_setup)
		return TRUE;
	for (const char *at = self->options->parent; *at != '\0'; at++)
		levels += *at == '/' ? 1 : 0;
	return run_aside(self, encode_parent, levels, 1, PDK_BENCH_ERR_NODEEXISTS, error);
}

static gboolean create_nodes(Workload *self, GError **error) {
	set_prefix(self, NODE_PREFIX);
	if (self->options->no_setup)
		return TRUE;
	return create_parent(self, error) &&
	       run_aside(self, encode_create, (guint64)self->options->nodes, SETUP_IN_FLIGHT,
			 PDK_BENCH_ERR_NODEEXISTS, error) &&
	       sync_servers(self, error);
}

static gboolean delete_nodes(Workload *self, guint64 count, GError **error) {
	if (self->options->keep || self->options->no_setup)
		return TRUE;
	return (count == 0 || run_aside(self, encode_delete, count, SETUP_IN_FLIGHT, 0, error)) &&
	       run_aside(self, encode_delete_parent, 1, 1, 0, error);
}

static PdkBenchPhase measured_phase(Workload *self, PdkBenchEncode encode) {
	return (PdkBenchPhase){
		.encode = encode,
		.data = self,
		.warmup_s = self->options->warmup,
		.seconds = self->options->seconds,
		.rate = self->options->rate,
		.mark = mark,
		.mark_data = self,
		.latency = &self->result->latency,
	};
}

static gboolean run_phase(Workload *self, PdkBenchEngine *engine, PdkBenchPhase *phase, GError **error) {
	gboolean done = pdk_bench_engine_run(engine, phase, error);

	self->result->requests = phase->answered;
	self->result->elapsed_s = phase->elapsed_s;
	return done;
}

/* get, exists, set, mixed: requests on random ones of the same znodes. */
static gboolean run_on_nodes(Workload *self, PdkBenchEncode encode, GError **error) {
	PdkBenchPhase phase = measured_phase(self, encode);
	g_autoptr(PdkBenchEngine) engine = NULL;

	if (!create_nodes(self, error))
		return FALSE;
	engine = pdk_bench_engine_new(&self->target, error);
	if (engine == NULL || !run_phase(self, engine, &phase, error))
		return FALSE;
	take_errors(self->result, engine);
	return delete_nodes(self, (guint64)self->options->nodes, error);
}

static gboolean run_create(Workload *self, GError **error) {
	PdkBenchPhase phase = measured_phase(self, encode_create);
	g_autoptr(PdkBenchEngine) engine = NULL;

	set_prefix(self, CREATED_PREFIX);
	if (!create_parent(self, error))
		return FALSE;
	engine = pdk_bench_engine_new(&self->target, error);
	if (engine == NULL || !run_phase(self, engine, &phase, error))
		return FALSE;
	take_errors(self->result, engine);
	return delete_nodes(self, phase.sent, error);
}

/* Samples the server again once its memory has settled; elapsed time is not touched. */
static void settle(Workload *self) {
	if (self->options->pid_count == 0)
		return;
	g_usleep(SETTLE_US);
	sample(self, &self->result->after);
}

static gboolean run_load(Workload *self, GError **error) {
	guint64 batch = (guint64)self->options->batch;
	guint64 nodes = (guint64)self->options->nodes;
	PdkBenchPhase phase = measured_phase(self, batch > 1 ? encode_create_batch : encode_create);
	g_autoptr(PdkBenchEngine) engine = NULL;

	set_prefix(self, NODE_PREFIX);
	phase.total = (nodes + batch - 1) / batch;
	phase.warmup_s = 0;
	if (!create_parent(self, error))
		return FALSE;
	engine = pdk_bench_engine_new(&self->target, error);
	if (engine == NULL || !run_phase(self, engine, &phase, error))
		return FALSE;
	self->result->requests = nodes;
	take_errors(self->result, engine);
	settle(self);
	return delete_nodes(self, nodes, error);
}

/* Fires the watches that @engine's sessions hold, by writing every znode once. */
static gboolean fire_watches(Workload *self, PdkBenchEngine *engine, GError **error) {
	PdkBenchPhase phase = { .encode = encode_set_each, .data = self };

	phase.total = phase.notifications = (guint64)self->options->nodes;
	if (!pdk_bench_engine_run(engine, &phase, error))
		return FALSE;
	self->result->fired = phase.notified;
	self->result->fire_s = phase.elapsed_s;
	return TRUE;
}

static gboolean run_watch(Workload *self, GError **error) {
	PdkBenchPhase phase = measured_phase(self, encode_watch);
	g_autoptr(PdkBenchEngine) engine = NULL;

	if (!create_nodes(self, error))
		return FALSE;
	phase.total = (guint64)self->options->nodes;
	phase.warmup_s = 0;
	engine = pdk_bench_engine_new(&self->target, error);
	if (engine == NULL || !run_phase(self, engine, &phase, error))
		return FALSE;
	settle(self);
	if (self->options->fire && !fire_watches(self, engine, error))
		return FALSE;
	take_errors(self->result, engine);
	/* Deleting would fire the watches again: their sessions go first. */
	g_clear_pointer(&engine, pdk_bench_engine_free);
	return delete_nodes(self, (guint64)self->options->nodes, error);
}

static gboolean run_idle(Workload *self, GError **error) {
	PdkBenchPhase phase = measured_phase(self, NULL);
	PdkBenchProcStat before = { 0 };
	gint64 begin = pdk_bench_now();
	double opening_s;
	g_autoptr(PdkBenchEngine) engine = NULL;

	if (self->options->pid_count > 0)
		sample(self, &before);
	engine = pdk_bench_engine_new(&self->target, error);
	if (engine == NULL)
		return FALSE;
	opening_s = (double)(pdk_bench_now() - begin) / 1e9;
	if (!run_phase(self, engine, &phase, error))
		return FALSE;
	take_errors(self->result, engine);
	self->result->before = before;
	self->result->requests = (guint64)self->options->connections;
	self->result->elapsed_s = opening_s;
	return TRUE;
}

static gboolean run_restart_wait(Workload *self, GError **error) {
	gint64 begin = self->options->since > 0 ? (gint64)(self->options->since * 1e9) : pdk_bench_now();
	guint64 number = (guint64)self->options->nodes - 1;

	set_prefix(self, NODE_PREFIX);
	while (!pdk_bench_engine_probe(&self->target, path_of(self, number))) {
		if (pdk_bench_now() > self->target.deadline_ns) {
			g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED,
				    "%s was not served within the limit", self->path);
			return FALSE;
		}
		g_usleep(5000);
	}
	self->result->requests = 1;
	self->result->elapsed_s = (double)(pdk_bench_now() - begin) / 1e9;
	pdk_bench_histogram_record(&self->result->latency, pdk_bench_now() - begin);
	if (self->options->pid_count > 0)
		sample(self, &self->result->after);
	return TRUE;
}

static gboolean run_redis_get(Workload *self, GError **error) {
	PdkBenchPhase phase = measured_phase(self, encode_redis_get);
	g_autoptr(PdkBenchEngine) engine = NULL;

	set_prefix(self, NODE_PREFIX);
	self->target.protocol = PDK_BENCH_PROTOCOL_REDIS;
	if (!run_aside(self, encode_redis_set, (guint64)self->options->nodes, SETUP_IN_FLIGHT, 0, error))
		return FALSE;
	engine = pdk_bench_engine_new(&self->target, error);
	if (engine == NULL || !run_phase(self, engine, &phase, error))
		return FALSE;
	take_errors(self->result, engine);
	return TRUE;
}

static gboolean run_kind(Workload *self, GError **error) {
	switch (self->options->kind) {
	case PDK_BENCH_WORKLOAD_GET:
		return run_on_nodes(self, encode_get, error);
	case PDK_BENCH_WORKLOAD_EXISTS:
		return run_on_nodes(self, encode_exists, error);
	case PDK_BENCH_WORKLOAD_SET:
		return run_on_nodes(self, encode_set, error);
	case PDK_BENCH_WORKLOAD_MIXED:
		return run_on_nodes(self, encode_mixed, error);
	case PDK_BENCH_WORKLOAD_CREATE:
		return run_create(self, error);
	case PDK_BENCH_WORKLOAD_LOAD:
		return run_load(self, error);
	case PDK_BENCH_WORKLOAD_WATCH:
		return run_watch(self, error);
	case PDK_BENCH_WORKLOAD_IDLE:
		return run_idle(self, error);
	case PDK_BENCH_WORKLOAD_RESTART_WAIT:
		return run_restart_wait(self, error);
	case PDK_BENCH_WORKLOAD_REDIS_GET:
		return run_redis_get(self, error);
	default:
		g_return_val_if_reached(FALSE);
	}
}

gboolean pdk_bench_workload_run(const PdkBenchOptions *options, PdkBenchResult *result, GError **error) {
	g_auto(Workload) self = { .options = options, .result = result, .random = 0x9E3779B97F4A7C15ULL };

	memset(result, 0, sizeof(*result));
	self.target = (PdkBenchTarget){
		.servers = options->servers,
		.server_count = options->server_count,
		.protocol = PDK_BENCH_PROTOCOL_ZOOKEEPER,
		.connections = (guint)options->connections,
		.depth = (guint)options->depth,
		.session_timeout_ms = SESSION_TIMEOUT_MS,
		.data_length = (gsize)options->size,
		.deadline_ns = pdk_bench_now() + (gint64)(options->limit * 1e9),
	};
	self.bytes = g_malloc((gsize)options->size + 1);
	memset(self.bytes, 'x', (gsize)options->size + 1);
	return run_kind(&self, error);
}

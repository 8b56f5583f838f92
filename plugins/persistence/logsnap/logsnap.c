/* SPDX-License-Identifier: Apache-2.0 */
/* logsnap: ZooKeeper's own logs and snapshots; this file changes when options or the plugin's table do. */
#include "logsnap.h"

#include "records.h"
#include "recovery.h"
#include "truncation.h"

#include <paddock/plugin.h>
#include <string.h>

#define KIB 1024
#define MIN_RETAIN 3 /* as Apache has it */

static const PdkOption logsnap_options[] = {
	{"prealloc_kb", PDK_OPTION_INT, "65536", -1, 16777216, NULL, "preAllocSize",
	 "how much a log file grows at a time, KiB; 0 or -1: just what is written"},
	{"log_size_limit_kb", PDK_OPTION_INT, "-1", -1, INT32_MAX, NULL, "txnLogSizeLimitInKb",
	 "a log file larger than this is followed by a new one, KiB; 0 or -1: no limit"},
	{"force_sync", PDK_OPTION_BOOL, "true", 0, 0, NULL, "forceSync",
	 "make each write durable before it is acknowledged; false: a power failure may lose acknowledged writes"},
	{"fsync_warning_ms", PDK_OPTION_INT, "1000", -1, INT32_MAX, NULL, "fsync.warningthresholdms",
	 "warn when making writes durable takes this long, ms; -1: never"},
	{"snapshot_compression", PDK_OPTION_STRING, "", 0, 0, "|gz|snappy", "snapshot.compression.method",
	 "how new snapshots are compressed: not at all (empty), gz or snappy"},
	{"snapshot_rate_kb", PDK_OPTION_INT, "20480", 0, 16777216, NULL, NULL,
	 "how fast snapshots are written, KiB a second, so that writes hardly notice; 0: as fast as can be"},
	{"snapshot_trust_empty", PDK_OPTION_BOOL, "false", 0, 0, NULL, "snapshot.trust.empty",
	 "start from logs alone when there is no snapshot"},
	{"purge_retain", PDK_OPTION_INT, "3", 0, INT32_MAX, NULL, "autopurge.snapRetainCount",
	 "how many snapshots a purge keeps, with the logs after the oldest of them; at least 3"},
	{"purge_interval_hours", PDK_OPTION_INT, "0", -1, 876000, NULL, "autopurge.purgeInterval",
	 "time between two purges, hours; 0 or -1: never purge"},
	{"datadir_autocreate", PDK_OPTION_BOOL, "true", 0, 0, NULL, "datadir.autocreate",
	 "make missing data directories"},
	{"db_autocreate", PDK_OPTION_BOOL, "true", 0, 0, NULL, "db.autocreate",
	 "begin with an empty tree when there is no data; false: only when the file `initialize` is there"},
	{"max_record_bytes", PDK_OPTION_INT, "67108864", 2097152, 1073741824, NULL, NULL,
	 "a log record larger than this is taken for damage, bytes"},
	{"accept_gaps", PDK_OPTION_BOOL, "false", 0, 0, NULL, NULL,
	 "start although transactions are missing between snapshot and logs or between logs"},
	{0},
};

void
logsnap_fail(PdkPersistence *self, GError *error)
{
	g_autoptr(GError) owned = error;

	if (self->failed)
		return;
	self->failed = true;
	self->events->failed(self->context, owned);
}

static Settings
read_settings(const PdkHost *host, const PdkConfig *config)
{
	const char *method = host->option_string(config, "snapshot_compression");
	Settings settings = {
		.fsync_warning_ms = host->option_int(config, "fsync_warning_ms"),
		.snapshot_rate = host->option_int(config, "snapshot_rate_kb") * KIB,
		.retain = MAX(host->option_int(config, "purge_retain"), MIN_RETAIN),
		.purge_hours = host->option_int(config, "purge_interval_hours"),
		.max_record_bytes = host->option_int(config, "max_record_bytes"),
		.trust_empty = host->option_bool(config, "snapshot_trust_empty"),
		.db_autocreate = host->option_bool(config, "db_autocreate"),
		.accept_gaps = host->option_bool(config, "accept_gaps"),
	};

	if (g_strcmp0(method, "gz") == 0)
		settings.codec = SNAP_GZ;
	else if (g_strcmp0(method, "snappy") == 0)
		settings.codec = SNAP_SNAPPY;
	return settings;
}

static void
make_metrics(PdkPersistence *self)
{
	const PdkHost *host = self->host;

	self->fsync_time = host->summary(host, "fsynctime", "time to make a batch of writes durable, ms", false);
	self->load_time = host->summary(host, "startup_snap_load_time", "time to load the snapshot at start, ms", false);
	self->txns_loaded = host->summary(host, "startup_txns_loaded", "txns replayed at start", false);
	self->replay_time = host->summary(host, "startup_txns_load_time", "time to replay the txns at start, ms", false);
	self->slow_fsyncs = host->counter(host, "fsync_threshold_exceed_count", "fsyncs slower than fsync_warning_ms");
}

static PdkPersistence *
logsnap_create(const PdkHost *host, const PdkConfig *config, const char *data_dir, const char *log_dir, GError **error)
{
	Directories directories;

	if (!directories_open(&directories, host->files, data_dir, log_dir, host->option_bool(config, "datadir_autocreate"), error))
		return NULL;
	g_autoptr(GHashTable) records = records_load(host, directories.snapshots, error);
	if (records == NULL) {
		directories_close(&directories, host->files);
		return NULL;
	}
	PdkPersistence *self = g_new0(PdkPersistence, 1);
	self->magic = LOGSNAP_MAGIC;
	self->host = host;
	self->settings = read_settings(host, config);
	self->directories = directories;
	self->records = g_steal_pointer(&records);
	self->gathering = log_batch_new();
	self->log_sizes = log_sizes_new();
	g_mutex_init(&self->deleting);
	self->writer = (LogWriter){
		.host = host,
		.directory = self->directories.logs,
		.prealloc_bytes = host->option_int(config, "prealloc_kb") * KIB,
		.size_limit_bytes = host->option_int(config, "log_size_limit_kb") * KIB,
		.force_sync = host->option_bool(config, "force_sync"),
	};
	self->sizes.last_snapshot_zxid = -1;
	make_metrics(self);
	return self;
}

static void
logsnap_destroy(PdkPersistence *self)
{
	g_assert(self->magic == LOGSNAP_MAGIC && self->commits_out == 0 && !self->upkeep.out);
	g_assert(self->orders_out == 0 && !self->reading);
	upkeep_stop(self);
	self->host->timer_cancel(self->host, self->linger_timer);
	g_clear_pointer(&self->snapshot, snap_task_free);
	log_writer_close(&self->writer);
	log_batch_free(self->gathering);
	g_clear_pointer(&self->spare, log_batch_free);
	g_hash_table_unref(self->records);
	log_sizes_free(self->log_sizes);
	g_mutex_clear(&self->deleting);
	directories_close(&self->directories, self->host->files);
	self->magic = 0;
	g_free(self);
}

static void
logsnap_start(PdkPersistence *self, const PdkPersistenceEvents *events, void *context)
{
	self->events = events;
	self->context = context;
}

/* Everything asked for was answered: the next append begins a file, and readers begin anew. */
static void
forget_life(PdkPersistence *self)
{
	g_assert(self->commits_out == 0 && self->gathering->length == 0 && self->orders_out == 0);
	self->truncations++; /* a reader that is still out has read another life's log */
	log_writer_close(&self->writer);
	log_sizes_clear(self->log_sizes);
	memset(self->cursors, 0, sizeof(self->cursors));
}

static bool
logsnap_recover(PdkPersistence *self, const PdkRecovery *into, void *context, PdkRecovered *result, GError **error)
{
	const PdkHost *host = self->host;
	RecoverySettings settings = {
		.host = host,
		.directories = &self->directories,
		.max_record_bytes = self->settings.max_record_bytes,
		.trust_empty = self->settings.trust_empty,
		.db_autocreate = self->settings.db_autocreate,
		.accept_gaps = self->settings.accept_gaps,
		.marker_used = self->marker_used,
		.sizes = self->log_sizes,
	};
	bool marker;

	forget_life(self);
	g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&self->deleting);
	if (!self->recovered && !truncation_resume(host, &self->directories, error))
		return false;
	bool done = recovery_run(&settings, into, context, result, &marker, error);
	self->marker_used |= marker;
	if (!done)
		return false;
	self->recovered = true;
	self->durable_zxid = result->last_zxid;
	log_sizes_take(self->log_sizes, log_sizes_list(host->files, self->directories.logs));
	pdk_summary_add(self->load_time, (uint64_t)result->snapshot_us / 1000);
	pdk_summary_add(self->replay_time, (uint64_t)result->replay_us / 1000);
	pdk_summary_add(self->txns_loaded, result->txns);
	self->sizes.last_snapshot_zxid = result->snapshot_zxid;
	upkeep_start(self);
	return true;
}

static void
logsnap_sizes(PdkPersistence *self, PdkPersistenceSizes *into)
{
	*into = self->sizes;
}

static int64_t
logsnap_log_bytes_from(PdkPersistence *self, int64_t from)
{
	return log_sizes_from(self->log_sizes, from);
}

static const PdkPersistenceOps logsnap_ops = {
	.size = sizeof(PdkPersistenceOps),
	.create = logsnap_create,
	.destroy = logsnap_destroy,
	.start = logsnap_start,
	.recover = logsnap_recover,
	.append = commit_append,
	.sync = commit_sync,
	.snapshot_begin = snap_task_begin,
	.snapshot_part = snap_task_part,
	.snapshot_finish = snap_task_finish,
	.snapshot_abort = snap_task_abort,
	.sizes = logsnap_sizes,
	.record_get = record_task_get,
	.record_put = record_task_put,
	.truncate = truncate_task_start,
	.read_log = read_task_start,
	.log_bytes_from = logsnap_log_bytes_from,
};

PDK_PLUGIN_DEFINE(persistence, logsnap) = {
	PDK_PLUGIN_HEAD,
	.kind = PDK_KIND_PERSISTENCE,
	.name = "logsnap",
	.version = "1.0",
	.summary = "ZooKeeper's own transaction logs and snapshots",
	.options = logsnap_options,
	.ops = &logsnap_ops,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzz targets of the storage formats share; changes when what must hold after any recovery does. */
#include "storage.h"

#include "../plugin/fake_host.h"
#include "../plugin/small_core.h"
#include "../plugin/step_host.h"

#include <paddock/persistence.h>
#include <paddock/plugin.h>
#include <zlib.h>

extern const PdkPlugin pdk_plugin_persistence_logsnap;

/* A core that believes what it is given. */
typedef struct {
	uint64_t taken, wanted; /* bytes of the body */
	uint8_t head[4];
	int64_t synced;
} Core;

static void
on_begin(void *context, int64_t zxid G_GNUC_UNUSED, uint64_t length G_GNUC_UNUSED)
{
	*(Core *)context = (Core){.wanted = 4};
}

static PdkPartResult
on_part(void *context, const uint8_t *data, size_t length, size_t *used, GError **error)
{
	Core *core = context;

	for (*used = 0; *used < length && core->taken < core->wanted; ++*used) {
		if (core->taken < 4)
			core->head[core->taken] = data[*used];
		if (++core->taken == 4)
			core->wanted = 4 + ((uint64_t)core->head[0] << 24 | core->head[1] << 16 | core->head[2] << 8 | core->head[3]);
	}
	if (core->wanted > 1 << 24) {
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "too long");
		return PDK_PART_BAD;
	}
	return core->taken == core->wanted ? PDK_PART_DONE : PDK_PART_MORE;
}

static void
on_accept(void *context G_GNUC_UNUSED, const PdkSnapshotTail *tail G_GNUC_UNUSED)
{
}

static void
on_nothing(void *context G_GNUC_UNUSED)
{
}

static bool
on_txn(void *context G_GNUC_UNUSED, int64_t zxid G_GNUC_UNUSED, const uint8_t *txn, size_t length, GError **error G_GNUC_UNUSED)
{
	return adler32(1, txn, (unsigned)length) != UINT64_MAX; /* touches every byte */
}

static const PdkRecovery recovery = {
	.size = sizeof(PdkRecovery),
	.snapshot_begin = on_begin,
	.snapshot_part = on_part,
	.snapshot_accept = on_accept,
	.snapshot_discard = on_nothing,
	.empty = on_nothing,
	.txn = on_txn,
};

static void
on_synced(void *context, int64_t zxid)
{
	((Core *)context)->synced = zxid;
}

static void
on_failed(void *context G_GNUC_UNUSED, const GError *error)
{
	g_error("the disk did not fail: %s", error->message);
}

static const PdkPersistenceEvents events = {
	.size = sizeof(PdkPersistenceEvents),
	.synced = on_synced,
	.failed = on_failed,
};

/* One start; with @append a txn is added. Returns the zxid found, -1: it did not start. */
static int64_t
start(ForgetfulFiles *disk, bool append)
{
	const PdkPersistenceOps *ops = pdk_plugin_persistence_logsnap.ops;
	g_autoptr(StepHost) host = step_host_new(forgetful_files_table(disk), 1);
	g_autoptr(PdkConfig) config = fake_config_new(pdk_plugin_persistence_logsnap.options, "prealloc_kb", "4",
						      "snapshot_trust_empty", "true", NULL);
	PdkRecovered result;
	Core core = {0};

	PdkPersistence *persistence = ops->create(step_host_table(host), config, "/data", "/data", NULL);
	if (persistence == NULL)
		g_error("the directory could not be opened");
	ops->start(persistence, &events, &core);
	int64_t zxid = ops->recover(persistence, &recovery, &core, &result, NULL) ? result.last_zxid : -1;
	if (append && zxid >= 0 && (zxid & 0xffffffff) < 0xffffffff) {
		g_autoptr(GBytes) txn = small_core_txn(zxid + 1, 1, 100);
		ops->append(persistence, zxid + 1, txn);
		ops->sync(persistence);
		step_host_settle(host);
		if (core.synced != zxid + 1)
			g_error("the txn was not acknowledged");
	}
	step_host_settle(host);
	ops->destroy(persistence);
	return zxid;
}

void
fuzz_storage_recover(ForgetfulFiles *disk)
{
	int64_t first = start(disk, true);

	if (first < 0 || (first & 0xffffffff) == 0xffffffff)
		return;
	int64_t second = start(disk, false);
	if (second != first + 1)
		g_error("found zxid %" G_GINT64_FORMAT ", then %" G_GINT64_FORMAT, first, second);
}

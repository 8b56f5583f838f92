/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When old files are purged and directories measured; changes when that timing does. Source:
 * DatadirCleanupManager.
 */
#include "logsnap.h"
#include "purge.h"

#define HOUR_US (3600 * INT64_C(1000000))

static void start_job(PdkPersistence *self, bool purge);

static void
run_job(void *data)
{
	PdkPersistence *self = data;
	const PdkHost *host = self->host;
	const Directories *directories = &self->directories;
	Upkeep *upkeep = &self->upkeep;

	if (upkeep->purge) {
		g_autoptr(GError) error = NULL;
		g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&self->deleting);
		upkeep->purged = purge_run(host->files, directories, (unsigned)self->settings.retain, &error);
		if (error)
			host->log(host, PDK_LOG_WARNING, "purge-incomplete cause=\"%s\"", error->message);
	}
	upkeep->data_bytes = directories_measure(host->files, directories->snapshots);
	upkeep->logs = log_sizes_list(host->files, directories->logs);
	upkeep->log_bytes = directories->same ? upkeep->data_bytes : directories_measure(host->files, directories->logs);
}

static void
job_done(void *data)
{
	PdkPersistence *self = data;
	Upkeep *upkeep = &self->upkeep;

	upkeep->out = false;
	log_sizes_take(self->log_sizes, g_steal_pointer(&upkeep->logs));
	if (self->failed)
		return;
	self->sizes.data_bytes = MAX(upkeep->data_bytes, 0);
	self->sizes.log_bytes = MAX(upkeep->log_bytes, 0);
	if (upkeep->purge)
		self->host->log(self->host, PDK_LOG_INFO, "purged files=%u kept_snapshots=%" G_GINT64_FORMAT, upkeep->purged,
				self->settings.retain);
	if (!upkeep->again)
		return;
	upkeep->again = false;
	start_job(self, upkeep->purge_again);
}

static void
start_job(PdkPersistence *self, bool purge)
{
	Upkeep *upkeep = &self->upkeep;

	if (self->failed)
		return;
	if (upkeep->out) {
		upkeep->purge_again = purge || (upkeep->again && upkeep->purge_again);
		upkeep->again = true;
		return;
	}
	upkeep->out = true;
	upkeep->purge = purge;
	self->host->offload(self->host, PDK_LANE_POOL, run_job, job_done, self);
}

static void
purge_due(void *data)
{
	PdkPersistence *self = data;
	const PdkHost *host = self->host;

	self->upkeep.timer = host->timer(host, host->now_us(host) + self->settings.purge_hours * HOUR_US, purge_due, self);
	start_job(self, true);
}

void
upkeep_start(PdkPersistence *self)
{
	if (self->settings.purge_hours > 0 && self->upkeep.timer == 0)
		purge_due(self);
	else
		upkeep_measure(self);
}

void
upkeep_measure(PdkPersistence *self)
{
	start_job(self, false);
}

void
upkeep_stop(PdkPersistence *self)
{
	self->host->timer_cancel(self->host, self->upkeep.timer);
	self->upkeep.timer = 0;
}

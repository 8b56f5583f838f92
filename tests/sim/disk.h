/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disk of one simulated server: files that forget what was not synced, and what befell them. It outlives the server's lives.
 * Changes when something else may befall a disk.
 */
#ifndef TESTS_SIM_DISK_H
#define TESTS_SIM_DISK_H

#include "base/random.h"
#include "plugin/forgetful_files.h"

typedef struct {
	ForgetfulFiles *files;
	const char *data_dir, *log_dir;
	GHashTable *records;  /* key -> GBytes: small records as they surely survive */
	int64_t durable_zxid; /* while its server is down: all up to there is on it */
	int64_t free_us;    /* when the log lane is done with what it was given */
	int64_t stuck_us;   /* nothing is done before */
	int64_t extra_us;   /* each job takes so much longer */
	int64_t held_zxid;  /* while its server is down: nothing above it is on it */
	uint64_t doom; /* the number of the crash that comes soon; another: that one does not come */
	bool full;
	bool may_fail;      /* in this life it was told to: the server stops, rightly */
	GPtrArray *damages; /* what was done to its files and not undone */
	char *refusal;      /* why its server did not start the last time, NULL: it did */
} SimDisk;

void sim_disk_init(SimDisk *disk, const char *data_dir, const char *log_dir);
void sim_disk_clear(SimDisk *disk);
/* The power failed: what was not durable goes, or not; all of it, when @random is NULL. */
void sim_disk_forgets(SimDisk *disk, PdkRandom *random);
/* Is it right that its server stops, or does not start? */
bool sim_disk_excuses(const SimDisk *disk);
/* Its server has begun with what it found: what is gone stays gone. */
void sim_disk_accepted(SimDisk *disk);
GPtrArray *sim_damages_new(void);
/* A small record was made durable: takes it to `records`. */
void sim_disk_look(SimDisk *disk, const char *key);

#endif

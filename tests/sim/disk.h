/* SPDX-License-Identifier: Apache-2.0 */
/* The disk of one simulated server: what is synced survives a crash, what is not may. Changes when a disk forgets otherwise. */
#ifndef TESTS_SIM_DISK_H
#define TESTS_SIM_DISK_H

#include "base/random.h"
#include <paddock/persistence.h>

typedef struct {
	GArray *txns;        /* PdkLoggedTxn, all appended */
	unsigned synced;     /* how many are durable */
	GHashTable *records; /* key -> GBytes, durable */
	GArray *snapshots;   /* SimSnapshot, durable, rising */
	GByteArray *being;   /* the one being written, NULL: none */
	int64_t being_zxid;
	bool finishing;      /* its end was given */
	bool foreign;        /* a leader sent it */
	unsigned orders;     /* records, truncations and reloads that are not answered */
	bool reading;        /* read_log is not answered */
} SimDisk;

typedef struct {
	int64_t zxid;
	GBytes *body;
	PdkSnapshotTail tail;
} SimSnapshot;

void sim_disk_init(SimDisk *disk);
void sim_disk_clear(SimDisk *disk);
void sim_disk_append(SimDisk *disk, int64_t zxid, GBytes *txn);
/* Power fails: some of what was not synced is gone; @random NULL: all of it. */
void sim_disk_crash(SimDisk *disk, PdkRandom *random);
/* False: every snapshot lies above @zxid, nothing was changed. */
bool sim_disk_truncate(SimDisk *disk, int64_t zxid);
void sim_disk_keep_snapshot(SimDisk *disk, const PdkSnapshotTail *tail);
/* Plays everything back; returns the last zxid. */
int64_t sim_disk_recover(const SimDisk *disk, const PdkRecovery *into, void *context);
/* The first txn with @zxid or more; txns->len: none. */
unsigned sim_disk_find(const SimDisk *disk, int64_t zxid);

#endif

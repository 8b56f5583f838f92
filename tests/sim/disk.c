/* SPDX-License-Identifier: Apache-2.0 */
/* What befalls a disk, and when it may. Changes when that does. */
#include "sim/durable.h"

#include <errno.h>

/* How soon a crash falls that comes soon. */
#define SOON_OPERATIONS 12
#define SOON_US (200 * SIM_MS)

void
sim_disk_init(SimDisk *disk, const char *data_dir, const char *log_dir)
{
	*disk = (SimDisk){.files = forgetful_files_new(), .data_dir = data_dir, .log_dir = log_dir};
	disk->damages = sim_damages_new();
	disk->records = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_bytes_unref);
}

void
sim_disk_clear(SimDisk *disk)
{
	forgetful_files_free(disk->files);
	g_hash_table_unref(disk->records);
	g_ptr_array_unref(disk->damages);
	g_free(disk->refusal);
}

void
sim_disk_look(SimDisk *disk, const char *key)
{
	g_autofree char *path = g_build_filename(disk->data_dir, "version-2", key, NULL);
	g_autoptr(GBytes) found = forgetful_files_get(disk->files, path);
	GBytes *known = g_hash_table_lookup(disk->records, key);
	if (found == NULL)
		g_hash_table_remove(disk->records, key);
	else if (known == NULL || !g_bytes_equal(known, found))
		g_hash_table_replace(disk->records, g_strdup(key), g_steal_pointer(&found));
}

void
sim_disk_forgets(SimDisk *disk, PdkRandom *random)
{
	if (random)
		forgetful_files_reboot(disk->files, pdk_random_next(random));
	else
		forgetful_files_forget(disk->files);
	const PdkFiles *files = forgetful_files_table(disk->files);
	g_autofree char *directory = g_build_filename(disk->data_dir, "version-2", NULL);
	g_auto(GStrv) names = files->list(files, directory, NULL);
	for (unsigned i = 0; names && names[i]; i++)
		if (strchr(names[i], '.') == NULL)
			sim_disk_look(disk, names[i]);
}

/* ---- slow, stuck, gone ---- */

void
sim_slow_disk(Sim *sim, unsigned server, int64_t extra_us)
{
	sim->nodes[server].disk.extra_us = extra_us;
}

void
sim_stick_disk(Sim *sim, unsigned server, int64_t until_us)
{
	SimDisk *disk = &sim->nodes[server].disk;
	disk->stuck_us = MAX(disk->stuck_us, until_us);
}

bool
sim_disk_excuses(const SimDisk *disk)
{
	return disk->full || disk->may_fail || disk->damages->len > 0;
}

/* ---- failing ---- */

typedef struct {
	Sim *sim;
	unsigned server;
	uint64_t doom;
} Doomed;

static void
crash_at_last(void *data)
{
	const Doomed *doomed = data;
	if (doomed->sim->nodes[doomed->server].disk.doom == doomed->doom)
		sim_crash(doomed->sim, doomed->server);
}

void
sim_crash_soon(Sim *sim, unsigned server)
{
	Node *node = &sim->nodes[server];
	ForgetfulFiles *files = node->disk.files;
	if (!node->up)
		return;
	Doomed doomed = {sim, server, ++node->disk.doom};
	forgetful_files_crash_at(files, forgetful_files_operations(files) + 1 + pdk_random_below(&sim->random, SOON_OPERATIONS));
	sim_later(sim, sim->now_us + SOON_US, crash_at_last, g_memdup2(&doomed, sizeof doomed));
}

void
sim_fail_sync(Sim *sim, unsigned server)
{
	SimDisk *disk = &sim->nodes[server].disk;
	if (!sim->nodes[server].up)
		return;
	disk->may_fail = true;
	forgetful_files_fail(disk->files, FORGETFUL_DATASYNC, 1, EIO, false);
}

void
sim_fill_disk(Sim *sim, unsigned server, bool full)
{
	SimDisk *disk = &sim->nodes[server].disk;
	disk->full = full;
	disk->may_fail = disk->may_fail || full;
	forgetful_files_set_capacity(disk->files, full ? forgetful_files_used(disk->files) : -1);
}

void
sim_calm_disk(Sim *sim, unsigned server)
{
	SimDisk *disk = &sim->nodes[server].disk;
	disk->doom++;
	forgetful_files_crash_at(disk->files, 0);
	forgetful_files_fail(disk->files, FORGETFUL_DATASYNC, 0, 0, false);
	sim_fill_disk(sim, server, false);
	sim_slow_disk(sim, server, 0);
}

/* ---- what may be lost ---- */

static int64_t
promised(const SimDisk *disk)
{
	GBytes *record = g_hash_table_lookup(disk->records, "acceptedEpoch");
	g_autofree char *text = record ? g_strndup(g_bytes_get_data(record, NULL), g_bytes_get_size(record)) : NULL;
	return text ? g_ascii_strtoll(text, NULL, 10) : -1;
}

/* While it is down others may go on to later epochs. */
static bool
holds_all_of(Sim *sim, const Node *other, const Node *node)
{
	bool serves = other->up && strcmp(sim_mode(sim, other->index), "looking") != 0;
	int64_t ours = promised(&node->disk), theirs = promised(&other->disk);
	bool same = node->up ? theirs == ours : theirs >= ours;
	return serves && same && sim_durable_zxid(other) >= (node->up ? node->store.appended_zxid : node->disk.held_zxid);
}

/* Is @server alone a quorum, or, not @alone, all others? */
static bool
suffice(const Sim *sim, const PdkMembers *members, unsigned server, bool alone)
{
	PdkSids sids = {0};
	for (unsigned i = 0; i < sim->n; i++)
		if ((i == server) == alone)
			pdk_sids_add(&sids, sim->nodes[i].sid);
	return sim_quorum(members, &sids);
}

bool
sim_may_lose(Sim *sim, unsigned server)
{
	const Node *node = &sim->nodes[server];
	const PdkMembers *members = sim_settled_members(sim);
	if (members == NULL)
		return false;
	if (!pdk_members_votes(members, node->sid))
		return true;
	if (!suffice(sim, members, server, false))
		return false;
	for (unsigned i = 0; i < sim->n; i++)
		if (i != server && pdk_members_votes(members, sim->nodes[i].sid) && !holds_all_of(sim, &sim->nodes[i], node))
			return false;
	return !node->up || strcmp(sim_mode(sim, server), "looking") != 0;
}

/* currentEpoch rises at the end of the first synchronisation. */
static bool
has_history(const SimDisk *disk)
{
	GBytes *bytes = g_hash_table_lookup(disk->records, "currentEpoch");
	g_autofree char *text = bytes ? g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes)) : NULL;
	return text && g_ascii_strtoll(text, NULL, 10) > 0;
}

bool
sim_may_wipe(Sim *sim, unsigned server)
{
	const int64_t sid = sim->nodes[server].sid;
	const PdkMembers *members = sim_settled_members(sim);
	if (members == NULL)
		return false;
	if (!pdk_members_votes(members, sid))
		return true;
	if (suffice(sim, members, server, true))
		return false;
	for (unsigned i = 0; i < sim->n; i++)
		if (i != server && pdk_members_votes(members, sim->nodes[i].sid) && !has_history(&sim->nodes[i].disk))
			return false;
	return true;
}

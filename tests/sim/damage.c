/* SPDX-License-Identifier: Apache-2.0 */
/* What is done to the files of a server that is down, and how it is undone. Changes when files are damaged in another way. */
#include "sim/durable.h"

#define TRIES 16
#define BEHIND_BYTES 16 /* so much of the zeros behind the last byte may be hit, too */

typedef struct {
	char *path;
	GBytes *was, *is; /* is NULL: it is gone */
	bool kept;        /* its server has begun without it: it is too late to bring it back */
} Damage;

static void
damage_free(void *data)
{
	Damage *damage = data;
	g_free(damage->path);
	g_bytes_unref(damage->was);
	g_clear_pointer(&damage->is, g_bytes_unref);
	g_free(damage);
}

GPtrArray *
sim_damages_new(void)
{
	return g_ptr_array_new_with_free_func(damage_free);
}

static bool
is_record(const char *name)
{
	return strchr(name, '.') == NULL;
}

/*
 * Small records have no checksum, as Apache has them: only where nothing rests on the server may they be hit, and the promise of
 * an epoch never, for the checks go by it.
 */
static bool
may_be_hit(const char *name, bool may_lose)
{
	if (strcmp(name, "acceptedEpoch") == 0)
		return false;
	return is_record(name) ? may_lose : g_str_has_prefix(name, "log.") || g_str_has_prefix(name, "snapshot.");
}

static void
add_files(GPtrArray *paths, const SimDisk *disk, const char *parent, bool may_lose)
{
	const PdkFiles *files = forgetful_files_table(disk->files);
	g_autofree char *directory = g_build_filename(parent, "version-2", NULL);
	g_auto(GStrv) names = files->list(files, directory, NULL);
	for (unsigned i = 0; names && names[i]; i++)
		if (may_be_hit(names[i], may_lose))
			g_ptr_array_add(paths, g_build_filename(directory, names[i], NULL));
}

/* One of its files; NULL: none may be hit. */
static char *
pick_file(Sim *sim, const SimDisk *disk, bool may_lose)
{
	g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
	add_files(paths, disk, disk->data_dir, may_lose);
	if (strcmp(disk->log_dir, disk->data_dir) != 0)
		add_files(paths, disk, disk->log_dir, may_lose);
	return paths->len > 0 ? g_strdup(paths->pdata[pdk_random_below(&sim->random, paths->len)]) : NULL;
}

static void
note(Node *node, const char *path, GBytes *was, GBytes *is, const char *what)
{
	Damage *damage = g_new0(Damage, 1);
	*damage = (Damage){g_strdup(path), g_bytes_ref(was), is ? g_bytes_ref(is) : NULL, false};
	g_ptr_array_add(node->disk.damages, damage);
	g_autofree char *line = g_strdup_printf("* %s: %s", path, what);
	sim_tell_of(node, line);
}

/* It may come back with less than it had. */
static void
lost(Node *node, const char *path)
{
	g_autofree char *name = g_path_get_basename(path);
	if (is_record(name))
		sim_disk_look(&node->disk, name);
	node->disk.durable_zxid = 0;
	sim_check_crash(node, true);
}

/* Of a number nothing larger is made: an epoch that was never reached is a lie that nobody can tell. */
static bool
flip(PdkRandom *random, uint8_t *byte, bool in_record)
{
	uint8_t flipped = (uint8_t)(*byte ^ 1u << pdk_random_below(random, 8));
	if (in_record && g_ascii_isdigit(flipped) && flipped > *byte)
		return false;
	*byte = flipped;
	return true;
}

static size_t
written(const uint8_t *bytes, size_t length)
{
	size_t end = length;
	while (end > 0 && bytes[end - 1] == 0)
		end--;
	return MIN(end + BEHIND_BYTES, length);
}

bool
sim_flip_byte(Sim *sim, unsigned server)
{
	Node *node = &sim->nodes[server];
	bool may_lose = !node->up && sim_may_lose(sim, server), done = false;
	g_autofree char *path = node->up ? NULL : pick_file(sim, &node->disk, may_lose);
	if (path == NULL)
		return false;
	g_autofree char *name = g_path_get_basename(path);
	g_autoptr(GBytes) was = forgetful_files_get(node->disk.files, path);
	size_t length;
	const uint8_t *bytes = g_bytes_get_data(was, &length);
	g_autofree uint8_t *copy = g_memdup2(bytes, length);
	for (unsigned i = 0; length > 0 && !done && i < TRIES; i++)
		done = flip(&sim->random, &copy[pdk_random_below(&sim->random, written(bytes, length))], is_record(name));
	if (!done)
		return false;
	g_autoptr(GBytes) is = g_bytes_new(copy, length);
	forgetful_files_put(node->disk.files, path, copy, length);
	note(node, path, was, is, "a bit of it flips");
	if (is_record(name))
		lost(node, path);
	return true;
}

/* The newest log, or a small record: a log or a snapshot out of the middle is not missed (README.md). */
static char *
pick_end(Sim *sim, const SimDisk *disk)
{
	g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
	add_files(paths, disk, disk->data_dir, true);
	if (strcmp(disk->log_dir, disk->data_dir) != 0)
		add_files(paths, disk, disk->log_dir, true);
	const char *newest = NULL;
	int64_t newest_zxid = -1;
	g_autoptr(GPtrArray) ends = g_ptr_array_new();
	for (guint i = 0; i < paths->len; i++) {
		g_autofree char *name = g_path_get_basename(paths->pdata[i]);
		int64_t zxid = g_str_has_prefix(name, "log.") ? g_ascii_strtoll(name + strlen("log."), NULL, 16) : -1;
		if (zxid > newest_zxid)
			newest = paths->pdata[i];
		newest_zxid = MAX(newest_zxid, zxid);
		if (is_record(name))
			g_ptr_array_add(ends, paths->pdata[i]);
	}
	if (newest)
		g_ptr_array_add(ends, (char *)newest);
	return ends->len > 0 ? g_strdup(ends->pdata[pdk_random_below(&sim->random, ends->len)]) : NULL;
}

bool
sim_lose_file(Sim *sim, unsigned server)
{
	Node *node = &sim->nodes[server];
	if (node->up || !sim_may_lose(sim, server))
		return false;
	g_autofree char *path = pick_end(sim, &node->disk);
	if (path == NULL)
		return false;
	g_autoptr(GBytes) was = forgetful_files_get(node->disk.files, path);
	forgetful_files_remove(node->disk.files, path);
	note(node, path, was, NULL, "it is gone");
	lost(node, path);
	return true;
}

void
sim_disk_accepted(SimDisk *disk)
{
	for (guint i = 0; i < disk->damages->len; i++)
		((Damage *)disk->damages->pdata[i])->kept = true;
}

static bool
is_as_left(const SimDisk *disk, const Damage *damage)
{
	g_autoptr(GBytes) now = forgetful_files_get(disk->files, damage->path);
	if (damage->is == NULL)
		return now == NULL && !damage->kept;
	return now && g_bytes_equal(now, damage->is);
}

void
sim_repair(Sim *sim, unsigned server)
{
	SimDisk *disk = &sim->nodes[server].disk;
	g_assert(!sim->nodes[server].up);
	for (guint i = disk->damages->len; i > 0; i--) {
		const Damage *damage = disk->damages->pdata[i - 1];
		g_autofree char *name = g_path_get_basename(damage->path);
		if (!is_as_left(disk, damage))
			continue;
		size_t length;
		const void *bytes = g_bytes_get_data(damage->was, &length);
		forgetful_files_put(disk->files, damage->path, bytes, length);
		if (is_record(name))
			sim_disk_look(disk, name);
	}
	g_ptr_array_set_size(disk->damages, 0);
	g_clear_pointer(&disk->refusal, g_free);
}

const char *
sim_refusal(const Sim *sim, unsigned server)
{
	return sim->nodes[server].disk.refusal;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Changes when the way the members are kept on disk does. Source: QuorumPeerConfig (writeDynamicConfig, editStaticConfig). */
#include "host/dynamic-files.h"

#include "base/properties.h"
#include <inttypes.h>
#include <string.h>

struct PdkDynamicFiles {
	const PdkHost *host;
	const char *prefix, *static_file; /* static_file NULL: none is rewritten */
	int64_t self;
	PdkMembersRules rules;
};

typedef struct {
	PdkDynamicFiles *owner;
	bool committed;
	GBytes *text; /* NULL: remove */
	char *path;   /* written, for the log; NULL: none */
	GError *error;
} Job;

/* ---- files through the table ---- */

static char *
read_whole(const PdkFiles *files, const char *path, size_t *length, GError **error)
{
	PdkFile *file = files->open(files, path, PDK_OPEN_READ, error);
	if (file == NULL)
		return NULL;
	int64_t size = files->length(files, file, error);
	g_autofree char *text = g_malloc((gsize)MAX(size, 0) + 1);
	int64_t n = size < 0 ? -1 : files->pread(files, file, text, (size_t)size, 0, error);
	files->close(files, file);
	if (n < 0)
		return NULL;
	text[n] = '\0';
	*length = (size_t)n;
	return g_steal_pointer(&text);
}

static bool
write_synced(const PdkFiles *files, const char *path, const void *data, size_t length, GError **error)
{
	PdkFile *file = files->open(files, path, PDK_OPEN_WRITE | PDK_OPEN_CREATE | PDK_OPEN_TRUNCATE, error);
	if (file == NULL)
		return false;
	bool good = files->pwrite(files, file, data, length, 0, error) && files->datasync(files, file, error);
	files->close(files, file);
	return good;
}

/* All of it or nothing of it, durable. */
static bool
replace(const PdkFiles *files, const char *path, const void *data, size_t length, GError **error)
{
	g_autofree char *temporary = g_strconcat(path, ".tmp", NULL);
	g_autofree char *directory = g_path_get_dirname(path);

	return write_synced(files, temporary, data, length, error) && files->rename(files, temporary, path, error) &&
	       files->sync_directory(files, directory, error);
}

static bool
remove_if_there(const PdkFiles *files, const char *path, GError **error)
{
	g_autofree char *directory = g_path_get_dirname(path);
	int there = files->probe(files, path, NULL, error);

	if (there <= 0)
		return there == 0;
	return files->unlink(files, path, error) && files->sync_directory(files, directory, error);
}

/* ---- the static file ---- */

/* Is it a key that the dynamic file has taken over? */
static bool
is_moved(const char *key, bool has_client)
{
	return g_str_has_prefix(key, "server.") || g_str_has_prefix(key, "group") || g_str_has_prefix(key, "weight") ||
	       strcmp(key, "dynamicConfigFile") == 0 || strcmp(key, "peerType") == 0 ||
	       (has_client && (strcmp(key, "clientPort") == 0 || strcmp(key, "clientPortAddress") == 0));
}

/* As Java's properties read it back. */
static void
append_escaped(GString *text, const char *from, bool is_key)
{
	static const char controls[] = "\t\n\r\f", letters[] = "tnrf";

	for (; *from; from++) {
		const char *control = strchr(controls, *from);
		if (control)
			g_string_append_printf(text, "\\%c", letters[control - controls]);
		else if (*from == '\\' || (is_key && strchr(" :=#!", *from)))
			g_string_append_printf(text, "\\%c", *from);
		else
			g_string_append_c(text, *from);
	}
}

static bool
edit_static_file(const PdkDynamicFiles *owner, const char *dynamic_file, bool has_client, GError **error)
{
	const PdkFiles *files = owner->host->files;
	size_t length;
	g_autofree char *old = read_whole(files, owner->static_file, &length, error);
	if (old == NULL)
		return false;
	g_autoptr(GPtrArray) properties = pdk_properties_parse(old, length, error);
	if (properties == NULL) {
		g_prefix_error(error, "%s:", owner->static_file);
		return false;
	}
	g_autoptr(GString) text = g_string_new(NULL);
	for (unsigned i = 0; i < properties->len; i++) {
		const PdkProperty *property = g_ptr_array_index(properties, i);
		if (is_moved(property->key, has_client))
			continue;
		append_escaped(text, property->key, true);
		g_string_append_c(text, '=');
		append_escaped(text, property->value, false);
		g_string_append_c(text, '\n');
	}
	g_string_append(text, "dynamicConfigFile=");
	append_escaped(text, dynamic_file, false);
	g_string_append_c(text, '\n');
	return replace(files, owner->static_file, text->str, text->len, error);
}

bool
pdk_dynamic_files_back_up(const PdkFiles *files, const char *path, GError **error)
{
	g_autofree char *backup = g_strconcat(path, ".bak", NULL);
	size_t length;
	g_autofree char *text = read_whole(files, path, &length, error);

	return text && replace(files, backup, text, length, error);
}

/* ---- dynamic files ---- */

/* False: @name does not end in hexadecimal digits behind a dot. */
static bool
version_of(const char *name, uint64_t *version)
{
	const char *dot = strrchr(name, '.');

	return dot && g_ascii_string_to_unsigned(dot + 1, 16, 0, INT64_MAX, version, NULL);
}

int64_t
pdk_dynamic_files_version(const char *path)
{
	uint64_t version;

	return version_of(path, &version) ? (int64_t)version : 0;
}

/* Is @name the name of a dynamic file that begins with @start ("zoo.cfg.dynamic.")? */
static bool
is_dynamic_file(const char *name, const char *start, uint64_t *version)
{
	return g_str_has_prefix(name, start) && strchr(name + strlen(start), '.') == NULL && version_of(name, version);
}

char *
pdk_dynamic_files_newest(const char *prefix)
{
	g_autofree char *directory = g_path_get_dirname(prefix), *base = g_path_get_basename(prefix);
	g_autofree char *start = g_strconcat(base, ".dynamic.", NULL);
	g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
	uint64_t best = 0, version;
	char *newest = NULL;

	for (const char *name = dir ? g_dir_read_name(dir) : NULL; name; name = g_dir_read_name(dir)) {
		if (!is_dynamic_file(name, start, &version) || (newest && version <= best))
			continue;
		g_free(newest);
		newest = g_build_filename(directory, name, NULL);
		best = version;
	}
	return newest;
}

/* Where no static file names the one in force, the newest is; older ones go. */
static bool
remove_older(const PdkDynamicFiles *owner, uint64_t than, GError **error)
{
	const PdkFiles *files = owner->host->files;
	g_autofree char *directory = g_path_get_dirname(owner->prefix), *base = g_path_get_basename(owner->prefix);
	g_autofree char *start = g_strconcat(base, ".dynamic.", NULL);
	g_auto(GStrv) names = files->list(files, directory, error);
	uint64_t version;

	for (char **name = names; name && *name; name++) {
		if (!is_dynamic_file(*name, start, &version) || version >= than)
			continue;
		g_autofree char *path = g_build_filename(directory, *name, NULL);
		if (!files->unlink(files, path, error))
			return false;
	}
	return names != NULL;
}

static bool
commit(Job *job, GError **error)
{
	const PdkDynamicFiles *owner = job->owner;
	size_t length;
	const char *text = g_bytes_get_data(job->text, &length);
	g_autoptr(PdkMembers) members = pdk_members_parse(text, length, &owner->rules, error);

	if (members == NULL)
		return false;
	uint64_t version = (uint64_t)pdk_members_version(members);
	const PdkMember *own = pdk_members_find(members, owner->self);
	g_autofree char *lines = pdk_members_file(members);
	job->path = g_strdup_printf("%s.dynamic.%" PRIx64, owner->prefix, version);
	if (!replace(owner->host->files, job->path, lines, strlen(lines), error))
		return false;
	return owner->static_file ? edit_static_file(owner, job->path, own && own->client_host, error)
				  : remove_older(owner, version, error);
}

static void
work(void *data)
{
	Job *job = data;
	const PdkFiles *files = job->owner->host->files;

	if (job->committed) {
		commit(job, &job->error);
		return;
	}
	g_autofree char *path = g_strconcat(job->owner->prefix, ".dynamic.next", NULL);
	if (job->text)
		replace(files, path, g_bytes_get_data(job->text, NULL), g_bytes_get_size(job->text), &job->error);
	else
		remove_if_there(files, path, &job->error);
}

static void
done(void *data)
{
	Job *job = data;
	const PdkHost *host = job->owner->host;

	if (job->error)
		host->log(host, PDK_LOG_WARNING,
			  "members-not-kept which=%s next=\"they are gone at a restart, unless they are kept later\" cause=\"%s\"",
			  job->committed ? "committed" : "next", job->error->message);
	else if (job->path)
		host->log(host, PDK_LOG_INFO, "members-kept file=%s", job->path);
	g_clear_pointer(&job->text, g_bytes_unref);
	g_clear_error(&job->error);
	g_free(job->path);
	g_free(job);
}

static void
put(PdkDynamicFiles *files, bool committed, GBytes *text)
{
	Job *job = g_new0(Job, 1);

	job->owner = files;
	job->committed = committed;
	job->text = text ? g_bytes_ref(text) : NULL;
	files->host->offload(files->host, PDK_LANE_LOG, work, done, job);
}

void
pdk_dynamic_files_commit(PdkDynamicFiles *files, GBytes *text)
{
	put(files, true, text);
}

void
pdk_dynamic_files_propose(PdkDynamicFiles *files, GBytes *text)
{
	put(files, false, text);
}

PdkDynamicFiles *
pdk_dynamic_files_new(const PdkHost *host, const PdkSettings *settings)
{
	PdkDynamicFiles *files = g_new0(PdkDynamicFiles, 1);

	files->host = host;
	files->prefix = settings->dynamic_prefix;
	files->static_file = settings->config_file;
	files->self = settings->replica->self;
	files->rules = settings->replica->rules;
	return files;
}

void
pdk_dynamic_files_free(PdkDynamicFiles *files)
{
	g_free(files);
}

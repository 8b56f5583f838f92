/* SPDX-License-Identifier: Apache-2.0 */
/* Changes when the way a .so is found and loaded does. The only user of <dlfcn.h> in the core. */
#include "host/loader.h"

#include "base/assert.h"
#include <dlfcn.h>
#include <string.h>

typedef struct {
	PdkKind kind;
	char *name, *file; /* file: NULL when linked in */
	const PdkPlugin *plugin;
} Module;

struct PdkLoader {
	char **directories;
	GPtrArray *modules; /* Module; trusted */
};

static void
module_free(void *data)
{
	Module *module = data;

	g_free(module->name);
	g_free(module->file);
	g_free(module);
}

PdkLoader *
pdk_loader_new(const char *const *directories)
{
	PdkLoader *loader = g_new0(PdkLoader, 1);

	loader->directories = g_strdupv((char **)directories);
	loader->modules = g_ptr_array_new_with_free_func(module_free);
	return loader;
}

void
pdk_loader_free(PdkLoader *loader)
{
	if (loader == NULL)
		return;
	g_strfreev(loader->directories);
	g_ptr_array_unref(loader->modules);
	g_free(loader);
}

static Module *
find_module(PdkLoader *loader, PdkKind kind, const char *name)
{
	for (unsigned i = 0; i < loader->modules->len; i++) {
		Module *module = g_ptr_array_index(loader->modules, i);
		if (module->kind == kind && strcmp(module->name, name) == 0)
			return module;
	}
	return NULL;
}

static Module *
add_module(PdkLoader *loader, const PdkPlugin *plugin, const char *file)
{
	Module *module = g_new(Module, 1);

	*module = (Module){plugin->kind, g_strdup(plugin->name), g_strdup(file), plugin};
	g_ptr_array_add(loader->modules, module);
	return module;
}

bool
pdk_loader_add_static(PdkLoader *loader, const PdkPlugin *plugin, GError **error)
{
	if (!pdk_plugin_trust(plugin, plugin->kind, plugin->name ? plugin->name : "", error))
		return false;
	add_module(loader, plugin, NULL);
	return true;
}

/* The file of the plugin in @directory, NULL: not there. */
static char *
file_in(const char *directory, PdkKind kind, const char *name)
{
	g_autofree char *installed = g_strdup_printf("%s/%s/%s.so", directory, pdk_kind_name(kind), name);
	if (g_file_test(installed, G_FILE_TEST_EXISTS))
		return g_steal_pointer(&installed);
	g_autofree char *built = g_strdup_printf("%s/%s/%s/.libs/%s.so", directory, pdk_kind_name(kind), name, name);
	return g_file_test(built, G_FILE_TEST_EXISTS) ? g_steal_pointer(&built) : NULL;
}

static Module *
load(PdkLoader *loader, PdkKind kind, const char *name, const char *file, GError **error)
{
	void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
	if (handle == NULL) {
		g_set_error(error, PDK_LOADER_ERROR, PDK_LOADER_ERROR_OPEN, "plugin %s: cannot be loaded: %s", file,
			    dlerror());
		return NULL;
	}
	const PdkPlugin *plugin = dlsym(handle, "pdk_plugin");
	if (plugin == NULL) {
		g_set_error(error, PDK_LOADER_ERROR, PDK_LOADER_ERROR_SYMBOL,
			    "plugin %s: found no symbol pdk_plugin, wanted one", file);
		dlclose(handle);
		return NULL;
	}
	if (!pdk_plugin_trust(plugin, kind, name, error)) {
		g_prefix_error(error, "plugin %s: ", file);
		dlclose(handle);
		return NULL;
	}
	/* Trusted: quarks and types may point into it, so it stays until the process ends. */
	return add_module(loader, plugin, file);
}

const PdkPlugin *
pdk_loader_find(PdkLoader *loader, PdkKind kind, const char *name, GError **error)
{
	Module *known = find_module(loader, kind, name);
	if (known)
		return known->plugin;
	if (!pdk_plugin_name_well_formed(name)) {
		g_set_error(error, PDK_LOADER_ERROR, PDK_LOADER_ERROR_NAME,
			    "plugin name: found \"%s\", wanted lower case letters, digits and '-'", name);
		return NULL;
	}
	for (char **directory = loader->directories; *directory; directory++) {
		g_autofree char *file = file_in(*directory, kind, name);
		if (file == NULL)
			continue;
		Module *module = load(loader, kind, name, file, error);
		return module ? module->plugin : NULL;
	}
	g_autofree char *searched = g_strjoinv(", ", loader->directories);
	g_set_error(error, PDK_LOADER_ERROR, PDK_LOADER_ERROR_MISSING, "plugin %s/%s: not found in %s",
		    pdk_kind_name(kind), name, searched);
	return NULL;
}

static void
found_free(void *data)
{
	PdkFound *found = data;

	g_free(found->name);
	g_free(found->file);
	g_free(found->refusal);
	g_free(found);
}

static bool
listed(const GPtrArray *list, PdkKind kind, const char *name)
{
	for (unsigned i = 0; i < list->len; i++) {
		const PdkFound *found = g_ptr_array_index(list, i);
		if (found->kind == kind && strcmp(found->name, name) == 0)
			return true;
	}
	return false;
}

static void
list_one(PdkLoader *loader, GPtrArray *list, PdkKind kind, const char *name, const char *file)
{
	g_autoptr(GError) error = NULL;

	if (listed(list, kind, name) || !pdk_plugin_name_well_formed(name))
		return;
	Module *module = find_module(loader, kind, name);
	if (module == NULL)
		module = load(loader, kind, name, file, &error);
	PdkFound *found = g_new(PdkFound, 1);
	*found = (PdkFound){
		.kind = kind,
		.name = g_strdup(name),
		.file = g_strdup(module ? module->file : file),
		.plugin = module ? module->plugin : NULL,
		.refusal = error ? g_strdup(error->message) : NULL,
	};
	g_ptr_array_add(list, found);
}

static void
scan_directory(PdkLoader *loader, GPtrArray *list, const char *directory, PdkKind kind)
{
	g_autofree char *path = g_build_filename(directory, pdk_kind_name(kind), NULL);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);

	if (dir == NULL)
		return;
	for (const char *entry = g_dir_read_name(dir); entry != NULL; entry = g_dir_read_name(dir)) {
		bool is_file = g_str_has_suffix(entry, ".so");
		g_autofree char *name = g_strndup(entry, strlen(entry) - (is_file ? 3 : 0));
		g_autofree char *file = file_in(directory, kind, name);
		if (file != NULL)
			list_one(loader, list, kind, name, file);
	}
}

static int
compare_found(gconstpointer a, gconstpointer b)
{
	const PdkFound *left = *(PdkFound *const *)a, *right = *(PdkFound *const *)b;

	return left->kind != right->kind ? (int)left->kind - (int)right->kind : strcmp(left->name, right->name);
}

GPtrArray *
pdk_loader_scan(PdkLoader *loader)
{
	GPtrArray *list = g_ptr_array_new_with_free_func(found_free);

	for (unsigned i = 0; i < loader->modules->len; i++) {
		Module *module = g_ptr_array_index(loader->modules, i);
		list_one(loader, list, module->kind, module->name, module->file);
	}
	for (char **directory = loader->directories; *directory; directory++)
		for (PdkKind kind = PDK_KIND_ELECTION; pdk_kind_name(kind); kind++)
			scan_directory(loader, list, *directory, kind);
	g_ptr_array_sort(list, compare_found);
	return list;
}

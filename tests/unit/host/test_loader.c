/* SPDX-License-Identifier: Apache-2.0 */
/* Proves that a plugin is trusted in steps, that each refusal says file, found and wanted, and where files are looked for. */
#include "suite.h"

#include <glib/gstdio.h>
#include <paddock/admin.h>

static void
nothing(PdkAdmin *self G_GNUC_UNUSED)
{
}

static PdkAdmin *
never(const PdkHost *host G_GNUC_UNUSED, const PdkConfig *config G_GNUC_UNUSED, const PdkView *view G_GNUC_UNUSED,
      GError **error G_GNUC_UNUSED)
{
	return NULL;
}

static const PdkAdminOps good_ops = {.size = sizeof(PdkAdminOps), .create = never, .destroy = nothing};

static PdkPlugin
good_plugin(void)
{
	return (PdkPlugin){
		PDK_PLUGIN_HEAD, .kind = PDK_KIND_ADMIN, .name = "sample", .version = "1", .summary = "nothing", .ops = &good_ops,
	};
}

static void
assert_refused(const PdkPlugin *plugin, int code, const char *message)
{
	g_autoptr(GError) error = NULL;
	CU_ASSERT_FALSE(pdk_plugin_trust(plugin, PDK_KIND_ADMIN, "sample", &error));
	CU_ASSERT_TRUE(g_error_matches(error, PDK_LOADER_ERROR, code));
	assert_holds(error ? error->message : NULL, message);
}

static void
a_good_descriptor_is_trusted(void)
{
	PdkPlugin plugin = good_plugin();
	CU_ASSERT_TRUE(pdk_plugin_trust(&plugin, PDK_KIND_ADMIN, "sample", NULL));
	plugin.size += 64;
	CU_ASSERT_TRUE(pdk_plugin_trust(&plugin, PDK_KIND_ADMIN, "sample", NULL));
}

static void
size_and_version_come_first(void)
{
	PdkPlugin plugin = good_plugin();
	plugin.size = 8;
	plugin.abi_major = 99;
	assert_refused(&plugin, PDK_LOADER_ERROR_SIZE, "descriptor size: found 8 bytes, wanted at least ");
	plugin.size = sizeof(PdkPlugin);
	assert_refused(&plugin, PDK_LOADER_ERROR_MAJOR, "ABI major: found 99, wanted 1");
	plugin.abi_major = PDK_ABI_MAJOR;
	plugin.abi_minor = PDK_ABI_MINOR + 1;
	assert_refused(&plugin, PDK_LOADER_ERROR_MINOR, "ABI minor: found 1.2, wanted 1.1 or less");
}

static void
kind_and_name_are_what_the_file_promises(void)
{
	PdkPlugin plugin = good_plugin();
	plugin.kind = PDK_KIND_AUTH;
	assert_refused(&plugin, PDK_LOADER_ERROR_KIND, "kind: found auth (4), wanted admin");
	plugin.kind = 77;
	assert_refused(&plugin, PDK_LOADER_ERROR_KIND, "kind: found unknown (77), wanted admin");
	plugin = good_plugin();
	plugin.name = "other";
	assert_refused(&plugin, PDK_LOADER_ERROR_NAME, "name: found \"other\", wanted \"sample\"");
	plugin.name = NULL;
	assert_refused(&plugin, PDK_LOADER_ERROR_NAME, "name: found \"(none)\", wanted \"sample\"");
	plugin = good_plugin();
	plugin.summary = NULL;
	assert_refused(&plugin, PDK_LOADER_ERROR_TEXT, "summary: found none, wanted a line of text");
}

static void
required_slots_must_be_there(void)
{
	PdkPlugin plugin = good_plugin();
	PdkAdminOps ops = good_ops;
	plugin.ops = NULL;
	assert_refused(&plugin, PDK_LOADER_ERROR_SLOT, "ops: found none, wanted a table");
	plugin.ops = &ops;
	ops.destroy = NULL;
	assert_refused(&plugin, PDK_LOADER_ERROR_SLOT, "admin table of ");
	assert_refused(&plugin, PDK_LOADER_ERROR_SLOT, "found no destroy, wanted one");
	ops = good_ops;
	ops.size = offsetof(PdkAdminOps, destroy);
	assert_refused(&plugin, PDK_LOADER_ERROR_SLOT, "found no destroy, wanted one");
}

static void
assert_option_refused(const PdkOption *option, const char *message)
{
	PdkOption table[] = {*option, {.key = NULL}};
	PdkPlugin plugin = good_plugin();
	plugin.options = table;
	assert_refused(&plugin, PDK_LOADER_ERROR_OPTIONS, message);
}

static void
options_must_keep_their_own_rules(void)
{
	assert_option_refused(&(PdkOption){.key = "Bad", .type = PDK_OPTION_BOOL, .fallback = "no", .help = ""}, "option \"Bad\"");
	assert_option_refused(&(PdkOption){.key = "a", .type = 9, .help = ""}, "found an unknown type");
	assert_option_refused(&(PdkOption){.key = "a", .type = PDK_OPTION_STRING}, "found no help");
	assert_option_refused(&(PdkOption){.key = "a", .type = PDK_OPTION_INT, .help = "", .min = 2, .max = 1}, "min above max");
	assert_option_refused(&(PdkOption){.key = "a", .type = PDK_OPTION_INT, .help = "", .max = 9}, "found no default");
	assert_option_refused(&(PdkOption){.key = "a", .type = PDK_OPTION_INT, .fallback = "10", .help = "", .max = 9},
			      "a default that breaks its own rules, wanted found \"10\"");
	assert_option_refused(&(PdkOption){.key = "a", .type = PDK_OPTION_STRING, .fallback = "z", .help = "", .choices = "x|y"},
			      "a default that breaks its own rules");
	PdkOption twice[] = {{.key = "a", .type = PDK_OPTION_LIST, .help = ""},
			     {.key = "a", .type = PDK_OPTION_LIST, .help = ""},
			     {.key = NULL}};
	PdkPlugin plugin = good_plugin();
	plugin.options = twice;
	assert_refused(&plugin, PDK_LOADER_ERROR_OPTIONS, "option \"a\": found the key twice");
}

/* Real files. */

typedef struct {
	char *root;
	PdkLoader *loader;
} Place;

static bool
can_compile(void)
{
	return g_getenv("PADDOCK_SRCDIR") != NULL && g_getenv("CC") != NULL;
}

/* Compiles @source to @path below the root. */
static void
compile(const Place *place, const char *path, const char *source)
{
	g_autofree char *file = g_build_filename(place->root, path, NULL);
	g_autofree char *code = g_build_filename(place->root, "plugin.c", NULL);
	g_autofree char *directory = g_path_get_dirname(file);
	CU_ASSERT_TRUE_FATAL(g_mkdir_with_parents(directory, 0755) == 0);
	CU_ASSERT_TRUE_FATAL(g_file_set_contents(code, source, -1, NULL));
	g_autofree char *command =
		g_strdup_printf("%s -shared -fPIC %s -I%s/core/include -o %s %s", g_getenv("CC"), g_getenv("GLIB_CFLAGS"),
				g_getenv("PADDOCK_SRCDIR"), file, code);
	int status = -1;
	CU_ASSERT_TRUE_FATAL(g_spawn_command_line_sync(command, NULL, NULL, &status, NULL));
	CU_ASSERT_EQUAL_FATAL(status, 0);
}

static Place
make_place(void)
{
	Place place = {.root = g_dir_make_tmp("paddock-loader-XXXXXX", NULL)};
	g_autofree char *one = g_build_filename(place.root, "one", NULL);
	g_autofree char *two = g_build_filename(place.root, "two", NULL);
	const char *const directories[] = {one, two, NULL};
	place.loader = pdk_loader_new(directories);
	return place;
}

static void
remove_tree(const char *path)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	for (const char *name = dir ? g_dir_read_name(dir) : NULL; name; name = g_dir_read_name(dir)) {
		g_autofree char *inner = g_build_filename(path, name, NULL);
		remove_tree(inner);
	}
	g_remove(path);
}

static void
leave_place(Place *place)
{
	remove_tree(place->root);
	pdk_loader_free(place->loader);
	g_free(place->root);
}

#define SOURCE(name_, version_)                                                                                    \
	"#include <paddock/admin.h>\n#include <paddock/plugin.h>\n"                                                \
	"static PdkAdmin *create(const PdkHost *h, const PdkConfig *c, const PdkView *v, GError **e)\n"            \
	"{ (void)h; (void)c; (void)v; (void)e; return NULL; }\n"                                                   \
	"static void destroy(PdkAdmin *self) { (void)self; }\n"                                                    \
	"static const PdkAdminOps ops = { .size = sizeof ops, .create = create, .destroy = destroy };\n"           \
	"PDK_PLUGIN_DEFINE(admin, x) = { PDK_PLUGIN_HEAD, .kind = PDK_KIND_ADMIN, .name = \"" name_                \
	"\", .version = \"" version_ "\", .summary = \"s\", .ops = &ops };\n"

static void
assert_not_found(Place *place, PdkKind kind, const char *name, int code, const char *message)
{
	g_autoptr(GError) error = NULL;
	CU_ASSERT_PTR_NULL(pdk_loader_find(place->loader, kind, name, &error));
	CU_ASSERT_TRUE(g_error_matches(error, PDK_LOADER_ERROR, code));
	assert_holds(error ? error->message : NULL, message);
}

static void
the_first_directory_that_has_the_file_decides(void)
{
	if (!can_compile())
		return;
	Place place = make_place();
	compile(&place, "one/admin/installed.so", SOURCE("installed", "first"));
	compile(&place, "two/admin/installed.so", SOURCE("installed", "second"));
	compile(&place, "two/admin/built/.libs/built.so", SOURCE("built", "3"));
	const PdkPlugin *plugin = pdk_loader_find(place.loader, PDK_KIND_ADMIN, "installed", NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(plugin);
	CU_ASSERT_STRING_EQUAL(plugin->version, "first");
	CU_ASSERT_PTR_EQUAL(pdk_loader_find(place.loader, PDK_KIND_ADMIN, "installed", NULL), plugin);
	plugin = pdk_loader_find(place.loader, PDK_KIND_ADMIN, "built", NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(plugin);
	CU_ASSERT_STRING_EQUAL(plugin->version, "3");
	leave_place(&place);
}

static void
a_file_that_cannot_be_trusted_is_named(void)
{
	if (!can_compile())
		return;
	Place place = make_place();
	compile(&place, "one/admin/liar.so", SOURCE("honest", "1"));
	compile(&place, "one/admin/empty.so", "int nothing_here;\n");
	assert_not_found(&place, PDK_KIND_ADMIN, "liar", PDK_LOADER_ERROR_NAME,
			 "/one/admin/liar.so: name: found \"honest\", wanted \"liar\"");
	assert_not_found(&place, PDK_KIND_ADMIN, "empty", PDK_LOADER_ERROR_SYMBOL,
			 "/one/admin/empty.so: found no symbol pdk_plugin, wanted one");
	g_autofree char *text = g_build_filename(place.root, "one/admin/text.so", NULL);
	CU_ASSERT_TRUE(g_file_set_contents(text, "not a library", -1, NULL));
	assert_not_found(&place, PDK_KIND_ADMIN, "text", PDK_LOADER_ERROR_OPEN, "/one/admin/text.so: cannot be loaded: ");

	g_autoptr(GPtrArray) list = pdk_loader_scan(place.loader);
	CU_ASSERT_EQUAL_FATAL(list->len, 3);
	const PdkFound *found = g_ptr_array_index(list, 0);
	CU_ASSERT_STRING_EQUAL(found->name, "empty");
	CU_ASSERT_PTR_NULL(found->plugin);
	assert_holds(found->refusal, "found no symbol");
	leave_place(&place);
}

static void
what_is_nowhere_is_told_with_where_it_was_looked_for(void)
{
	Place place = make_place();
	assert_not_found(&place, PDK_KIND_TRANSPORT, "ghost", PDK_LOADER_ERROR_MISSING, "plugin transport/ghost: not found in ");
	assert_not_found(&place, PDK_KIND_TRANSPORT, "../x", PDK_LOADER_ERROR_NAME,
			 "plugin name: found \"../x\", wanted lower case letters");
	leave_place(&place);
}

static void
add(CU_pSuite suite)
{
	CASE(a_good_descriptor_is_trusted);
	CASE(size_and_version_come_first);
	CASE(kind_and_name_are_what_the_file_promises);
	CASE(required_slots_must_be_there);
	CASE(options_must_keep_their_own_rules);
	CASE(the_first_directory_that_has_the_file_decides);
	CASE(a_file_that_cannot_be_trusted_is_named);
	CASE(what_is_nowhere_is_told_with_where_it_was_looked_for);
}

int
main(void)
{
	return suite_run("loader", add);
}

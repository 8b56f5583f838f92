/* SPDX-License-Identifier: Apache-2.0 */
/* Proves that the file table on the operating system keeps what paddock/files.h promises. */
#include "host/files.h"
#include "suite.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

typedef struct {
	char *root;
	const PdkFiles *files;
} Place;

static Place
make_place(void)
{
	return (Place){g_dir_make_tmp("paddock-files-XXXXXX", NULL), pdk_files_system()};
}

static char *
in(const Place *place, const char *name)
{
	return g_build_filename(place->root, name, NULL);
}

static void
leave_place(Place *place)
{
	g_auto(GStrv) names = place->files->list(place->files, place->root, NULL);
	for (char **name = names; name && *name; name++) {
		g_autofree char *path = in(place, *name);
		g_remove(path);
	}
	CU_ASSERT_EQUAL(g_rmdir(place->root), 0);
	g_free(place->root);
}

static PdkFile *
create(const Place *place, const char *name)
{
	g_autofree char *path = in(place, name);
	PdkFile *file = place->files->open(place->files, path, PDK_OPEN_WRITE | PDK_OPEN_CREATE, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	return file;
}

static void
bytes_come_back_from_where_they_were_written(void)
{
	Place place = make_place();
	PdkFile *file = create(&place, "a");
	char found[8] = {0};
	CU_ASSERT_TRUE(place.files->pwrite(place.files, file, "hello", 5, 3, NULL));
	CU_ASSERT_TRUE(place.files->datasync(place.files, file, NULL));
	CU_ASSERT_TRUE(place.files->write_back(place.files, file, 0, 8, true, NULL));
	CU_ASSERT_TRUE(place.files->sync_directory(place.files, place.root, NULL));
	CU_ASSERT_EQUAL(place.files->pread(place.files, file, found, sizeof(found), 0, NULL), 8);
	CU_ASSERT_EQUAL(memcmp(found, "\0\0\0hello", 8), 0);
	CU_ASSERT_EQUAL(place.files->pread(place.files, file, found, sizeof(found), 5, NULL), 3);
	CU_ASSERT_EQUAL(place.files->pread(place.files, file, found, sizeof(found), 50, NULL), 0);
	CU_ASSERT_EQUAL(place.files->length(place.files, file, NULL), 8);
	CU_ASSERT_TRUE(place.files->truncate(place.files, file, 2, NULL));
	CU_ASSERT_EQUAL(place.files->length(place.files, file, NULL), 2);
	place.files->close(place.files, file);
	leave_place(&place);
}

static void
allocated_room_is_real_reads_as_zeros_and_never_shrinks(void)
{
	Place place = make_place();
	PdkFile *file = create(&place, "a");
	g_autofree char *path = in(&place, "a");
	struct stat found;
	char bytes[4] = "xxxx";
	CU_ASSERT_TRUE(place.files->allocate(place.files, file, 1 << 20, NULL));
	CU_ASSERT_EQUAL(place.files->length(place.files, file, NULL), 1 << 20);
	CU_ASSERT_EQUAL(stat(path, &found), 0);
	CU_ASSERT_TRUE(found.st_blocks * 512 >= 1 << 20);
	CU_ASSERT_EQUAL(place.files->pread(place.files, file, bytes, 4, 1000, NULL), 4);
	CU_ASSERT_EQUAL(memcmp(bytes, "\0\0\0\0", 4), 0);
	CU_ASSERT_TRUE(place.files->allocate(place.files, file, 10, NULL));
	CU_ASSERT_EQUAL(place.files->length(place.files, file, NULL), 1 << 20);
	place.files->close(place.files, file);
	leave_place(&place);
}

static void
names_are_listed_in_order_renamed_and_removed(void)
{
	Place place = make_place();
	const char *const names[] = {"b", "a", "c"};
	for (unsigned i = 0; i < G_N_ELEMENTS(names); i++)
		place.files->close(place.files, create(&place, names[i]));
	g_autofree char *a = in(&place, "a"), *z = in(&place, "z"), *deep = in(&place, "d/e");
	int64_t length = -1;
	CU_ASSERT_EQUAL(place.files->probe(place.files, a, &length, NULL), 1);
	CU_ASSERT_EQUAL(length, 0);
	CU_ASSERT_TRUE(place.files->rename(place.files, a, z, NULL));
	CU_ASSERT_EQUAL(place.files->probe(place.files, a, NULL, NULL), 0);
	g_auto(GStrv) found = place.files->list(place.files, place.root, NULL);
	g_autofree char *joined = g_strjoinv(" ", found);
	CU_ASSERT_STRING_EQUAL(joined, "b c z");
	CU_ASSERT_TRUE(place.files->unlink(place.files, z, NULL));
	CU_ASSERT_TRUE(place.files->make_directories(place.files, deep, NULL));
	CU_ASSERT_TRUE(g_file_test(deep, G_FILE_TEST_IS_DIR));
	g_rmdir(deep);
	leave_place(&place);
}

static void
failures_name_the_path_and_end_in_the_cause(void)
{
	Place place = make_place();
	g_autofree char *missing = in(&place, "none");
	g_autoptr(GError) error = NULL;
	CU_ASSERT_PTR_NULL(place.files->open(place.files, missing, PDK_OPEN_READ, &error));
	CU_ASSERT_TRUE(g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT));
	assert_holds(error->message, missing);
	assert_holds(error->message, ": No such file or directory");
	g_clear_error(&error);
	CU_ASSERT_FALSE(place.files->unlink(place.files, missing, &error));
	assert_holds(error->message, missing);
	g_clear_error(&error);
	CU_ASSERT_PTR_NULL(place.files->list(place.files, missing, &error));
	assert_holds(error->message, missing);
	g_clear_error(&error);
	place.files->close(place.files, create(&place, "there"));
	g_autofree char *there = in(&place, "there");
	CU_ASSERT_PTR_NULL(place.files->open(place.files, there,
					     PDK_OPEN_WRITE | PDK_OPEN_CREATE | PDK_OPEN_EXCLUSIVE, &error));
	CU_ASSERT_TRUE(g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_EXIST));
	leave_place(&place);
}

static void
a_file_that_may_not_grow_fails_the_write(void)
{
	Place place = make_place();
	PdkFile *file = create(&place, "a");
	g_autoptr(GError) error = NULL;
	struct rlimit before, small = {4096, RLIM_INFINITY};
	g_autofree char *bytes = g_malloc0(8192);
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	small.rlim_max = before.rlim_max;
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &small), 0);
	bool written = place.files->pwrite(place.files, file, bytes, 8192, 0, &error);
	setrlimit(RLIMIT_FSIZE, &before);
	signal(SIGXFSZ, handler);
	CU_ASSERT_FALSE(written);
	assert_holds(error ? error->message : NULL, "write ");
	assert_holds(error ? error->message : NULL, "File too large");
	place.files->close(place.files, file);
	leave_place(&place);
}

static void
a_lock_is_held_until_it_is_closed(void)
{
	Place place = make_place();
	g_autofree char *path = in(&place, "lock");
	g_autoptr(GError) error = NULL;
	PdkFile *first = place.files->lock(place.files, path, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(first);
	CU_ASSERT_PTR_NULL(place.files->lock(place.files, path, &error));
	CU_ASSERT_TRUE(g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_AGAIN));
	place.files->close(place.files, first);
	PdkFile *second = place.files->lock(place.files, path, NULL);
	CU_ASSERT_PTR_NOT_NULL(second);
	place.files->close(place.files, second);
	leave_place(&place);
}

static void
add(CU_pSuite suite)
{
	CASE(bytes_come_back_from_where_they_were_written);
	CASE(allocated_room_is_real_reads_as_zeros_and_never_shrinks);
	CASE(names_are_listed_in_order_renamed_and_removed);
	CASE(failures_name_the_path_and_end_in_the_cause);
	CASE(a_file_that_may_not_grow_fails_the_write);
	CASE(a_lock_is_held_until_it_is_closed);
}

int
main(void)
{
	return suite_run("files", add);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes when the way a corpus is replayed does.
 *
 * The main function of a fuzz target that is not linked with libFuzzer: it gives every file named, and every file of every
 * directory named, to the target once. Each input is a block of its exact size, so that AddressSanitizer sees the
 * first byte read beyond it.
 */
#include <glib.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static gboolean
replay_file(const char *path)
{
	g_autofree char *text = NULL;
	g_autoptr(GError) error = NULL;
	size_t size;
	if (!g_file_get_contents(path, &text, &size, &error)) {
		fprintf(stderr, "%s\n", error->message);
		return FALSE;
	}
	g_autofree uint8_t *exact = g_memdup2(text, size);
	printf("%s: %zu bytes\n", path, size);
	fflush(stdout);
	LLVMFuzzerTestOneInput(exact, size);
	return TRUE;
}

static gboolean
replay_directory(const char *path, unsigned *count)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GDir) directory = g_dir_open(path, 0, &error);
	if (directory == NULL) {
		fprintf(stderr, "%s\n", error->message);
		return FALSE;
	}
	for (const char *name = g_dir_read_name(directory); name != NULL; name = g_dir_read_name(directory)) {
		g_autofree char *file = g_build_filename(path, name, NULL);
		if (!replay_file(file))
			return FALSE;
		*count += 1;
	}
	return TRUE;
}

int
main(int argc, char **argv)
{
	unsigned count = 0;
	for (int i = 1; i < argc; i++) {
		if (argv[i][0] == '-') {
			fprintf(stderr, "usage: %s FILE-OR-DIRECTORY...\n", argv[0]);
			return 2;
		}
		if (g_file_test(argv[i], G_FILE_TEST_IS_DIR)) {
			if (!replay_directory(argv[i], &count))
				return 1;
			continue;
		}
		if (!replay_file(argv[i]))
			return 1;
		count++;
	}
	printf("%u inputs replayed\n", count);
	return count > 0 ? 0 : 1;
}

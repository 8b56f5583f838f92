/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a snapshot of logsnap. The first byte chooses plain, gz or snappy. */
#include "storage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const paths[] = {"/data/version-2/snapshot.0", "/data/version-2/snapshot.0.gz",
					    "/data/version-2/snapshot.0.snappy"};

	if (size < 1)
		return 0;
	g_autoptr(ForgetfulFiles) disk = forgetful_files_new();
	forgetful_files_put(disk, paths[data[0] % G_N_ELEMENTS(paths)], data + 1, size - 1);
	fuzz_storage_recover(disk);
	return 0;
}

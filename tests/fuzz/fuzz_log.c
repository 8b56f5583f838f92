/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a log of logsnap. The first byte says how the rest is used: bit 0, checksums are put right, so
 * that more than the first check is reached; bit 1, the second half is the log that follows.
 */
#include "storage.h"

#include <string.h>
#include <zlib.h>

#define HEADER_BYTES 16
#define HEAD_BYTES 12

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t
get32(const uint8_t *from)
{
	return (uint32_t)from[0] << 24 | from[1] << 16 | from[2] << 8 | from[3];
}

static void
correct_checksums(uint8_t *log, size_t length)
{
	size_t at = HEADER_BYTES;

	while (at + HEAD_BYTES <= length) {
		uint32_t payload = get32(log + at + 8);
		if (payload == 0 || payload > length - at - HEAD_BYTES)
			return;
		uint32_t sum = (uint32_t)adler32(adler32(0, NULL, 0), log + at + HEAD_BYTES, payload);
		memset(log + at, 0, 4);
		for (unsigned i = 0; i < 4; i++)
			log[at + 4 + i] = (uint8_t)(sum >> (24 - 8 * i));
		at += HEAD_BYTES + payload + 1;
	}
}

static void
put_log(ForgetfulFiles *disk, const char *path, const uint8_t *data, size_t size, bool correct)
{
	g_autofree uint8_t *log = g_memdup2(data, size);

	if (correct && size > 0)
		correct_checksums(log, size);
	forgetful_files_put(disk, path, log ? log : data, size);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	g_autoptr(ForgetfulFiles) disk = forgetful_files_new();
	uint8_t how = *data++;
	size_t first = how & 2 ? --size / 2 : --size;
	put_log(disk, "/data/version-2/log.1", data, first, how & 1);
	if (how & 2)
		put_log(disk, "/data/version-2/log.3", data + first, size - first, how & 1);
	fuzz_storage_recover(disk);
	return 0;
}

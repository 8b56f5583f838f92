/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the reader of paddock.conf. */
#include "configuration.h"

const char *__lsan_default_suppressions(void);

/* libconfig forgets strings it has read when a syntax error follows; that is once in a process, and not ours. */
const char *
__lsan_default_suppressions(void)
{
	return "leak:libconfig.so";
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_configuration(pdk_conf_parse, data, size);
	return 0;
}

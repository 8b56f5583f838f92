/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the reader of zoo.cfg. */
#include "configuration.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_configuration(pdk_zoocfg_parse, data, size);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzz targets of the storage formats share; changes when what must hold after any recovery does. */
#ifndef FUZZ_STORAGE_H
#define FUZZ_STORAGE_H

#include "../plugin/forgetful_files.h"

/*
 * Starts logsnap on @disk. When it starts, the next txn is appended and made durable, and a second start must
 * find exactly one more; aborts otherwise. The body of a snapshot is an int n and n bytes here.
 */
void fuzz_storage_recover(ForgetfulFiles *disk);

#endif

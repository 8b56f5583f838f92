/* SPDX-License-Identifier: Apache-2.0 */
/* The file table (paddock/files.h) on the operating system. It keeps no state: one constant serves everybody. */
#ifndef PDK_HOST_FILES_H
#define PDK_HOST_FILES_H

#include <paddock/files.h>

const PdkFiles *pdk_files_system(void);

#endif

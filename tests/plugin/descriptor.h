/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the conformance suites ask of every plugin before they look at its kind: the descriptor and its options.
 *
 * A suite is run on the static twins it is linked with, or, when its command line names .so files, on those.
 */
#ifndef DESCRIPTOR_H
#define DESCRIPTOR_H

#include <paddock/plugin.h>

/* The plugin in the file @path, which stays mapped. Ends the program with a message when there is none. */
const PdkPlugin *descriptor_load(const char *path);

/* CUnit assertions: the head, the name, the texts, and that every option's default is allowed by the option itself. */
void descriptor_check(const PdkPlugin *plugin, PdkKind kind);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* From what the configuration says of an ensemble to the settings of a member of it. */
#ifndef PDK_HOST_ENSEMBLE_H
#define PDK_HOST_ENSEMBLE_H

#include "host/configuration.h"

/* A line of the members: "server.N", "group.N" or "weight.N"; @name and @line are where it stands. */
void pdk_ensemble_add_line(PdkConfiguration *configuration, const char *key, const char *value, const char *name, unsigned line);

/*
 * When all settings are read: who the members are, which of them this server is, and whether it stands alone (then
 * settings->replica is NULL afterwards). Reads the file myid, the dynamic file and its .next. False: @error is the whole line
 * to show.
 */
bool pdk_ensemble_settle(PdkConfiguration *configuration, GError **error);

#endif

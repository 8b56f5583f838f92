/* SPDX-License-Identifier: Apache-2.0 */
/* What `conf` and `envi` print: the pairs of PdkSettings. */
#ifndef PDK_HOST_PAIRS_H
#define PDK_HOST_PAIRS_H

#include "host/configuration.h"

/* Fills settings->conf, ->environment and ->values of a finished configuration. */
void pdk_pairs_fill(PdkConfiguration *configuration);

/* Puts the port of @address ("host:port", as a transport bound it) into settings->conf. */
void pdk_pairs_set_client_port(PdkSettings *settings, const char *address);
/* The same with the members of the ensemble as they are now: the text with its version line. */
void pdk_pairs_set_membership(PdkSettings *settings, const char *text, size_t length);

/* "3.9.4-paddock-0.1.0": clients parse the first number. */
const char *pdk_version(void);
/* Of the release this is built from, as `srvr` prints it. */
const char *pdk_built_on(void);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon does when the members of its ensemble change: it keeps them on disk, shows them, and serves clients where
 * they say. */
#ifndef PDK_HOST_MEMBERSHIP_H
#define PDK_HOST_MEMBERSHIP_H

#include "server/settings.h"
#include <paddock/transport.h>

typedef struct PdkMembership PdkMembership;

/* Of an ensemble only. Both are borrowed; the pairs of `conf` in @settings are kept fresh. */
PdkMembership *pdk_membership_new(const PdkHost *host, PdkSettings *settings);
/* No job may be out (pdk_instance_settle). NULL is fine. */
void pdk_membership_free(PdkMembership *membership);

/* The transport that listens where clientPort says. */
void pdk_membership_serve(PdkMembership *membership, const PdkTransportOps *ops, PdkTransport *transport);
/* PDK_COMMAND_MEMBERS. */
void pdk_membership_change(PdkMembership *membership, const char *key, GBytes *text);

#endif

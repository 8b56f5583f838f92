/* SPDX-License-Identifier: Apache-2.0 */
/* A small set of server ids, kept rising. Changes when more than that is asked of it. */
#ifndef PDK_REPLICA_SIDS_H
#define PDK_REPLICA_SIDS_H

#include "base/assert.h"
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Voters of a configuration, and of two while it changes, fit (members.h sees to it). */
#define PDK_SIDS_MAX 256

typedef struct {
	unsigned n;
	int64_t at[PDK_SIDS_MAX];
} PdkSids;

static inline bool
pdk_sids_has(const PdkSids *sids, int64_t sid)
{
	for (unsigned i = 0; i < sids->n; i++)
		if (sids->at[i] == sid)
			return true;
	return false;
}

/* False: it is full, or @sid was in it. */
static inline bool
pdk_sids_add(PdkSids *sids, int64_t sid)
{
	unsigned i = sids->n;
	if (i == PDK_SIDS_MAX || pdk_sids_has(sids, sid))
		return false;
	for (; i > 0 && sids->at[i - 1] > sid; i--)
		sids->at[i] = sids->at[i - 1];
	sids->at[i] = sid;
	sids->n++;
	return true;
}

static inline void
pdk_sids_remove(PdkSids *sids, int64_t sid)
{
	for (unsigned i = 0; i < sids->n; i++) {
		if (sids->at[i] != sid)
			continue;
		memmove(&sids->at[i], &sids->at[i + 1], (sids->n - i - 1) * sizeof sids->at[0]);
		sids->n--;
		return;
	}
}

#endif

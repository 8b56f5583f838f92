/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quotas: limits and usage kept in ordinary nodes below /zookeeper/quota. Source: Quotas, StatsTrack,
 * DataTree.updateQuotaStat.
 */
#ifndef PDK_DATA_QUOTA_H
#define PDK_DATA_QUOTA_H

#include "base/error.h"
#include "data/tree.h"

typedef struct {
	int64_t count, bytes, count_hard, bytes_hard; /* -1: unset */
} PdkQuota;

/*
 * Reads limits or usage text; false when it cannot be parsed. Empty text is nothing set, null (@length -1)
 * cannot be parsed. Keys that mean nothing to us are skipped, if they have a number. Source: StatsTrack.
 */
bool pdk_quota_parse(const uint8_t *text, int32_t length, PdkQuota *into);

typedef struct PdkQuotas PdkQuotas;
/*
 * Knows how many limits there are; where they are says the tree itself. @tree is borrowed and must outlive
 * it.
 */
PdkQuotas *pdk_quotas_new(PdkTree *tree);
void pdk_quotas_free(PdkQuotas *quotas);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PdkQuotas, pdk_quotas_free)
/* After a load: finds every limit in the tree again and recounts its usage. */
void pdk_quotas_reload(PdkQuotas *quotas);

/*
 * To be told of every applied change, after it. @path is the changed node's. Updates the usage text of the
 * nearest quota at or above it (not its stat), registers and forgets limits, recounts when a usage node is
 * created. A root quota is ignored, and unparsable usage is counted anew: neither may stop a server that
 * replays what another one has logged.
 */
void pdk_quotas_created(PdkQuotas *quotas, PdkNode node, const char *path, size_t length,
			int32_t data_length);
void pdk_quotas_changed(PdkQuotas *quotas, const char *path, size_t length, int32_t old_length,
			int32_t new_length);
void pdk_quotas_deleted(PdkQuotas *quotas, const char *path, size_t length, int32_t data_length);

/*
 * Would a change of @path by @count nodes and @bytes bytes go over a hard limit? PDK_OK,
 * PDK_ERR_QUOTA_EXCEEDED, or PDK_ERR_MARSHALLING when the limits cannot be read. *soft (may be NULL) tells
 * whether a soft limit is passed.
 */
PdkCode pdk_quotas_allow(const PdkQuotas *quotas, const char *path, size_t length, int64_t count,
			 int64_t bytes, bool *soft);
/* Cheap: is there any quota at all? */
bool pdk_quotas_any(const PdkQuotas *quotas);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is remembered of a znode besides name, data, ACL and children. Source: StatPersisted, EphemeralType.
 */
#ifndef PDK_DATA_STAT_H
#define PDK_DATA_STAT_H

#include "base/buffer.h"
#include <stdbool.h>

typedef struct {
	int64_t czxid, mzxid, ctime, mtime; /* times: wall clock ms of the txn header */
	int64_t pzxid;
	int32_t version, cversion, aversion; /* cversion as stored: children ever created */
	int64_t owner; /* as stored: 0, a session, PDK_OWNER_CONTAINER, or a TTL mark */
} PdkStat;

#define PDK_OWNER_CONTAINER INT64_MIN
#define PDK_TTL_MAX ((INT64_C(1) << 40) - 1)

typedef enum {
	PDK_NODE_PLAIN,
	PDK_NODE_EPHEMERAL,
	PDK_NODE_CONTAINER,
	PDK_NODE_TTL,
} PdkNodeType;

/*
 * What an owner value means; TTL marks count as such only with @extended types, else they read as a strange
 * session.
 */
PdkNodeType pdk_owner_type(int64_t owner, bool extended, bool emulate353);
/* The time to live of a TTL owner, ms. */
int64_t pdk_owner_ttl(int64_t owner);
/* @ttl_ms: 0..PDK_TTL_MAX. */
int64_t pdk_owner_of_ttl(int64_t ttl_ms);

#define PDK_STAT_WIRE_BYTES 68
/*
 * Appends the PDK_STAT_WIRE_BYTES of a wire Stat; @data_length -1 (null) shows as 0. @type decides what
 * ephemeralOwner shows.
 */
void pdk_stat_put_wire(PdkBuffer *out, const PdkStat *stat, PdkNodeType type, int32_t data_length,
		       uint32_t children);
/* Appends / reads the 60 bytes of StatPersisted (snapshot order). */
void pdk_stat_put_persisted(PdkBuffer *out, const PdkStat *stat);
void pdk_stat_load_persisted(PdkStat *stat, const uint8_t bytes[60]);

/*
 * The tree digest (DigestCalculator): CRC-32 over path, data and stat. `prefix` is the CRC state after path
 * and data; the share of a node follows from it and its stat at the price of 60 bytes.
 */
uint32_t pdk_digest_prefix(const char *path, size_t path_length, const uint8_t *data, int32_t data_length);
uint64_t pdk_digest_share(uint32_t prefix, const PdkStat *stat);
/* Nodes below /zookeeper count nothing. */
bool pdk_digest_counts(const char *path, size_t path_length);
#define PDK_DIGEST_VERSION 2

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* How a stat is shown, stored and digested. */
#include "data/stat.h"

#include <libdeflate.h>

#define PERSISTED_BYTES 60
#define TTL_MARK ((int64_t)0xff00000000000000u)

PdkNodeType
pdk_owner_type(int64_t owner, bool extended, bool emulate353)
{
	if (owner == 0)
		return PDK_NODE_PLAIN;
	if (owner == PDK_OWNER_CONTAINER)
		return PDK_NODE_CONTAINER;
	if (extended && ((owner & TTL_MARK) == TTL_MARK || (emulate353 && owner < 0)))
		return PDK_NODE_TTL;
	return PDK_NODE_EPHEMERAL;
}

int64_t
pdk_owner_ttl(int64_t owner)
{
	return owner & PDK_TTL_MAX;
}

int64_t
pdk_owner_of_ttl(int64_t ttl_ms)
{
	pdk_assert(ttl_ms >= 0 && ttl_ms <= PDK_TTL_MAX);
	return TTL_MARK | ttl_ms;
}

static uint8_t *
store_int(uint8_t *at, int32_t value)
{
	pdk_store_u32(at, (uint32_t)value);
	return at + 4;
}

static uint8_t *
store_long(uint8_t *at, int64_t value)
{
	pdk_store_u64(at, (uint64_t)value);
	return at + 8;
}

void
pdk_stat_put_wire(PdkBuffer *out, const PdkStat *stat, PdkNodeType type, int32_t data_length,
		  uint32_t children)
{
	uint8_t *at = pdk_buffer_extend(out, PDK_STAT_WIRE_BYTES);
	at = store_long(at, stat->czxid);
	at = store_long(at, stat->mzxid);
	at = store_long(at, stat->ctime);
	at = store_long(at, stat->mtime);
	at = store_int(at, stat->version);
	/* Shown are creations and deletions of children; kept are the creations. */
	at = store_int(at, (int32_t)(2 * (uint32_t)stat->cversion - children));
	at = store_int(at, stat->aversion);
	at = store_long(at, type == PDK_NODE_EPHEMERAL ? stat->owner : 0);
	at = store_int(at, MAX(data_length, 0));
	at = store_int(at, (int32_t)children);
	store_long(at, stat->pzxid);
}

void
pdk_stat_put_persisted(PdkBuffer *out, const PdkStat *stat)
{
	uint8_t *at = pdk_buffer_extend(out, PERSISTED_BYTES);
	at = store_long(at, stat->czxid);
	at = store_long(at, stat->mzxid);
	at = store_long(at, stat->ctime);
	at = store_long(at, stat->mtime);
	at = store_int(at, stat->version);
	at = store_int(at, stat->cversion);
	at = store_int(at, stat->aversion);
	at = store_long(at, stat->owner);
	store_long(at, stat->pzxid);
}

void
pdk_stat_load_persisted(PdkStat *stat, const uint8_t bytes[60])
{
	stat->czxid = (int64_t)pdk_load_u64(bytes);
	stat->mzxid = (int64_t)pdk_load_u64(bytes + 8);
	stat->ctime = (int64_t)pdk_load_u64(bytes + 16);
	stat->mtime = (int64_t)pdk_load_u64(bytes + 24);
	stat->version = (int32_t)pdk_load_u32(bytes + 32);
	stat->cversion = (int32_t)pdk_load_u32(bytes + 36);
	stat->aversion = (int32_t)pdk_load_u32(bytes + 40);
	stat->owner = (int64_t)pdk_load_u64(bytes + 44);
	stat->pzxid = (int64_t)pdk_load_u64(bytes + 52);
}

uint32_t
pdk_digest_prefix(const char *path, size_t path_length, const uint8_t *data, int32_t data_length)
{
	uint32_t crc = (uint32_t)libdeflate_crc32(0, (const uint8_t *)path, path_length);
	return data_length > 0 ? (uint32_t)libdeflate_crc32(crc, data, (size_t)data_length) : crc;
}

uint64_t
pdk_digest_share(uint32_t prefix, const PdkStat *stat)
{
	/* Not the order of StatPersisted. */
	uint8_t bytes[PERSISTED_BYTES], *at = bytes;
	at = store_long(at, stat->czxid);
	at = store_long(at, stat->mzxid);
	at = store_long(at, stat->pzxid);
	at = store_long(at, stat->ctime);
	at = store_long(at, stat->mtime);
	at = store_int(at, stat->version);
	at = store_int(at, stat->cversion);
	at = store_int(at, stat->aversion);
	store_long(at, stat->owner);
	return (uint32_t)libdeflate_crc32(prefix, bytes, sizeof(bytes));
}

bool
pdk_digest_counts(const char *path, size_t path_length)
{
	static const char system[] = "/zookeeper/";
	return path_length < sizeof(system) - 1 || memcmp(path, system, sizeof(system) - 1) != 0;
}

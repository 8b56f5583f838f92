/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading jute, ZooKeeper's encoding: a cursor over borrowed bytes. A read past the end or an illegal length
 * marks the reader as failed and gives zeros from then on, so that a record is read in one go and asked about
 * once. Source: org.apache.jute.BinaryInputArchive.
 */
#ifndef PDK_BASE_JUTE_H
#define PDK_BASE_JUTE_H

#include "base/buffer.h"
#include <stdbool.h>

/* Borrowed bytes of a jute buffer or ustring; length -1 is null, which is not the same as empty. */
typedef struct {
	const uint8_t *data;
	int32_t length;
} PdkSlice;

typedef struct {
	const uint8_t *at, *end;
	int32_t longest; /* the largest allowed buffer or ustring, bytes */
	bool failed;
} PdkJute;

static inline PdkJute
pdk_jute(const void *data, size_t length, int32_t longest)
{
	return (PdkJute){.at = data, .end = (const uint8_t *)data + length, .longest = longest};
}

static inline size_t
pdk_jute_left(const PdkJute *jute)
{
	return (size_t)(jute->end - jute->at);
}

static inline const uint8_t *
pdk_jute_take(PdkJute *jute, size_t length)
{
	if (G_UNLIKELY(jute->failed || pdk_jute_left(jute) < length)) {
		jute->failed = true;
		return NULL;
	}
	const uint8_t *at = jute->at;
	jute->at += length;
	return at;
}

static inline bool
pdk_get_bool(PdkJute *jute)
{
	const uint8_t *at = pdk_jute_take(jute, 1);
	return at && *at != 0;
}

static inline int32_t
pdk_get_int(PdkJute *jute)
{
	const uint8_t *at = pdk_jute_take(jute, 4);
	return at ? (int32_t)pdk_load_u32(at) : 0;
}

static inline int64_t
pdk_get_long(PdkJute *jute)
{
	const uint8_t *at = pdk_jute_take(jute, 8);
	return at ? (int64_t)pdk_load_u64(at) : 0;
}

/* A buffer or ustring. Other negative lengths than -1, and lengths over `longest`, fail. */
static inline PdkSlice
pdk_get_bytes(PdkJute *jute)
{
	int32_t length = pdk_get_int(jute);
	if (length == -1 || jute->failed)
		return (PdkSlice){NULL, -1};
	if (length < 0 || length > jute->longest) {
		jute->failed = true;
		return (PdkSlice){NULL, -1};
	}
	const uint8_t *at = pdk_jute_take(jute, (size_t)length);
	return at ? (PdkSlice){at, length} : (PdkSlice){NULL, -1};
}

/*
 * The count of a vector whose items take at least @smallest bytes (> 0) each: -1 null, otherwise 0 or more
 * (other negative counts read as 0). A count that cannot fit into what is left fails, so it may size an
 * allocation.
 */
static inline int32_t
pdk_get_count(PdkJute *jute, size_t smallest)
{
	int32_t count = pdk_get_int(jute);
	if (jute->failed || count < -1)
		return 0;
	if (count > 0 && (size_t)count > pdk_jute_left(jute) / smallest) {
		jute->failed = true;
		return 0;
	}
	return count;
}

static inline bool
pdk_slice_equal(PdkSlice slice, const char *text)
{
	size_t length = strlen(text);
	return slice.length >= 0 && (size_t)slice.length == length && memcmp(slice.data, text, length) == 0;
}

/* A NUL-terminated copy, NULL for null; free with g_free. */
static inline char *
pdk_slice_text(PdkSlice slice)
{
	return slice.length < 0 ? NULL : g_strndup((const char *)slice.data, (size_t)slice.length);
}

#endif

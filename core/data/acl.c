/* SPDX-License-Identifier: Apache-2.0 */
/* How ACL lists are shared. */
#include "data/acl.h"
#include "data/slab.h"

#include <libdeflate.h>

typedef struct {
	uint8_t *encoded;
	uint64_t references;
	uint32_t length;
	uint32_t hash, chain;
} List;

struct PdkAcls {
	PdkSlab lists; /* numbers are the ids */
	PdkIndex index;
	PdkAclId highest; /* ever given out */
	uint32_t generation;
};

/* One entry: PDK_PERM_ALL (octal 37), world, anyone. */
static const uint8_t open_list[27] = "\0\0\0\1" "\0\0\0\37" "\0\0\0\5world" "\0\0\0\6anyone";

static uint32_t
list_hash(const void *owner G_GNUC_UNUSED, const void *record)
{
	return ((const List *)record)->hash;
}

static List *
list_at(const PdkAcls *acls, PdkAclId id)
{
	pdk_assert(id > 0 && id < acls->lists.end);
	List *list = pdk_slab_at(&acls->lists, id);
	pdk_assert(list->references > 0);
	return list;
}

PdkAcls *
pdk_acls_new(void)
{
	PdkAcls *acls = g_new0(PdkAcls, 1);
	pdk_slab_init(&acls->lists, sizeof(List));
	pdk_index_init(&acls->index, &acls->lists, offsetof(List, chain), list_hash, acls);
	return acls;
}

void
pdk_acls_clear(PdkAcls *acls)
{
	PdkAclId cursor = 0;
	const uint8_t *encoded;
	size_t length;
	while (pdk_acls_next(acls, &cursor, &encoded, &length))
		g_free(list_at(acls, cursor)->encoded);
	pdk_index_clear(&acls->index);
	pdk_slab_clear(&acls->lists);
}

void
pdk_acls_free(PdkAcls *acls)
{
	if (acls == NULL)
		return;
	pdk_acls_clear(acls);
	g_free(acls);
}

static uint32_t
encoding_hash(const uint8_t *encoded, size_t length)
{
	return pdk_hash_u64((uint64_t)libdeflate_crc32(0, encoded, length) << 32 |
			    libdeflate_adler32(1, encoded, length));
}

PdkAclId
pdk_acls_intern(PdkAcls *acls, const uint8_t *encoded, size_t length)
{
	pdk_assert(length >= 4 && length <= G_MAXINT32);
	uint32_t hash = encoding_hash(encoded, length);
	for (PdkAclId id = pdk_index_first(&acls->index, hash); id != 0;
	     id = pdk_index_next(&acls->index, id)) {
		List *list = list_at(acls, id);
		if (list->hash == hash && list->length == length &&
		    memcmp(list->encoded, encoded, length) == 0) {
			list->references++;
			return id;
		}
	}
	PdkAclId id = pdk_slab_take(&acls->lists);
	if (id <= acls->highest)
		acls->generation++;
	acls->highest = MAX(acls->highest, id);
	List *list = pdk_slab_at(&acls->lists, id);
	*list = (List){.encoded = g_memdup2(encoded, length),
		       .references = 1,
		       .length = (uint32_t)length,
		       .hash = hash};
	pdk_index_insert(&acls->index, id);
	return id;
}

void
pdk_acls_ref(PdkAcls *acls, PdkAclId id)
{
	if (id != PDK_ACL_OPEN)
		list_at(acls, id)->references++;
}

void
pdk_acls_unref(PdkAcls *acls, PdkAclId id)
{
	if (id == PDK_ACL_OPEN)
		return;
	List *list = list_at(acls, id);
	if (--list->references > 0)
		return;
	pdk_index_remove(&acls->index, id);
	g_free(list->encoded);
	pdk_slab_give(&acls->lists, id);
}

const uint8_t *
pdk_acls_encoding(const PdkAcls *acls, PdkAclId id, size_t *length)
{
	if (id == PDK_ACL_OPEN) {
		*length = sizeof(open_list);
		return open_list;
	}
	const List *list = list_at(acls, id);
	*length = list->length;
	return list->encoded;
}

bool
pdk_acls_next(const PdkAcls *acls, PdkAclId *cursor, const uint8_t **encoded, size_t *length)
{
	for (PdkAclId id = *cursor + 1; id < acls->lists.end; id++) {
		const List *list = pdk_slab_at(&acls->lists, id);
		if (list->references == 0)
			continue;
		*cursor = id;
		*encoded = list->encoded;
		*length = list->length;
		return true;
	}
	return false;
}

uint32_t
pdk_acls_count(const PdkAcls *acls)
{
	return acls->lists.live;
}

uint32_t
pdk_acls_generation(const PdkAcls *acls)
{
	return acls->generation;
}

PdkAclEntry
pdk_acl_entry(PdkJute *jute)
{
	PdkAclEntry entry;
	entry.perms = pdk_get_int(jute);
	entry.scheme = pdk_get_bytes(jute);
	entry.id = pdk_get_bytes(jute);
	return entry;
}

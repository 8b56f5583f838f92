/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACL lists, kept once however many nodes use them. A list is its jute encoding (vector<ACL>): equal bytes,
 * equal list. Source: ReferenceCountedACLCache.
 */
#ifndef PDK_DATA_ACL_H
#define PDK_DATA_ACL_H

#include "base/jute.h"

/*
 * A list's number. 0 is the open list (world:anyone, all permissions), which is never counted nor written to
 * a snapshot's map.
 */
typedef uint32_t PdkAclId;
#define PDK_ACL_OPEN ((PdkAclId)0)

enum {
	PDK_PERM_READ = 1,
	PDK_PERM_WRITE = 2,
	PDK_PERM_CREATE = 4,
	PDK_PERM_DELETE = 8,
	PDK_PERM_ADMIN = 16,
	PDK_PERM_ALL = 31,
};

typedef struct PdkAcls PdkAcls;

PdkAcls *pdk_acls_new(void);
void pdk_acls_free(PdkAcls *acls);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PdkAcls, pdk_acls_free)
/* Forgets all lists. */
void pdk_acls_clear(PdkAcls *acls);

/*
 * The number of the list whose encoding is @encoded (a well-formed vector<ACL>, not null), counted once more.
 * Give back with pdk_acls_unref. A list equal to the open list as bytes gets a number of its own (as in
 * Java).
 */
PdkAclId pdk_acls_intern(PdkAcls *acls, const uint8_t *encoded, size_t length);
void pdk_acls_ref(PdkAcls *acls, PdkAclId id);
void pdk_acls_unref(PdkAcls *acls, PdkAclId id);

/* The encoding of list @id (PDK_ACL_OPEN included); valid until the next change. */
const uint8_t *pdk_acls_encoding(const PdkAcls *acls, PdkAclId id, size_t *length);

/*
 * The lists in use, in rising number: start with *cursor 0, false at the end. PDK_ACL_OPEN is not among them.
 */
bool pdk_acls_next(const PdkAcls *acls, PdkAclId *cursor, const uint8_t **encoded, size_t *length);
uint32_t pdk_acls_count(const PdkAcls *acls);

/*
 * A change of a list's meaning gets a new number, so (id, generation) may be cached; rises whenever a number
 * is reused.
 */
uint32_t pdk_acls_generation(const PdkAcls *acls);

/* One entry of an encoded list. */
typedef struct {
	int32_t perms;
	PdkSlice scheme, id;
} PdkAclEntry;
/* Reads the next entry from @jute, which stands behind the count. */
PdkAclEntry pdk_acl_entry(PdkJute *jute);
#define PDK_ACL_ENTRY_SMALLEST 12

#endif

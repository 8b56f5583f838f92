/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a PdkMembers, for the files that build one. */
#ifndef PDK_REPLICA_MEMBERS_PRIVATE_H
#define PDK_REPLICA_MEMBERS_PRIVATE_H

#include "replica/members.h"

/* With the bounds on members, hosts and addresses every text fits PDK_MEMBERS_TEXT_MAX. */
#define PDK_MEMBER_ADDRESSES_MAX 6
#define PDK_MEMBER_HOST_MAX 255
/* The largest sid: the one above means "an observer without a name" in old handshakes. */
#define PDK_MEMBER_SID_MAX (INT64_MAX - 1)
#define PDK_MEMBER_WEIGHT_MAX INT32_MAX

typedef struct {
	int64_t id, weight;
} PdkMemberGroup;

struct PdkMembers {
	unsigned references;
	int64_t version;
	bool hierarchical;
	PdkMember *at; /* rising by sid */
	unsigned n, n_voters;
	PdkMemberGroup *groups; /* rising by id; hierarchical only */
	unsigned n_groups, n_heavy_groups; /* heavy: with a weight */
	char *text;
	size_t text_length;
};

void pdk_member_clear(PdkMember *member);
void pdk_member_copy(PdkMember *into, const PdkMember *from);
/* Takes over what @members (of PdkMember, one a sid, in any order; checked) holds and leaves it empty. */
PdkMembers *pdk_members_make(GArray *members, bool hierarchical, int64_t version);

/* members-read.c: one "server.N" line. False: @error names key, found, allowed; @into is empty then. */
bool pdk_member_read(PdkMember *into, const char *key, const char *value, const PdkMembersRules *rules, GError **error);
/* Decimal, within [@least, @most]. */
bool pdk_member_number(const char *text, int64_t least, int64_t most, int64_t *into);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a list of members, and as a request to change it. The first byte holds the rules; bytes 1 separate the list, the
 * joining, the leaving and the whole new list. What is read must keep to its bounds, and its own text must read as the same.
 */
#include "replica/members.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_quorums(const PdkMembers *members)
{
	PdkSids all = {0}, none = {0};

	for (unsigned i = 0; i < pdk_members_count(members); i++) {
		const PdkMember *member = pdk_members_at(members, i);
		pdk_assert(pdk_members_find(members, member->sid) == member && member->n_addresses > 0);
		pdk_assert(pdk_members_votes(members, member->sid) == !member->observer);
		pdk_sids_add(&all, member->sid);
	}
	pdk_assert(pdk_members_count(members) <= PDK_MEMBERS_MAX && pdk_members_voters(members) > 0);
	pdk_assert(!pdk_members_quorum(members, &none));
	pdk_assert(pdk_members_hierarchical(members) || pdk_members_quorum(members, &all));
}

static void
read_again(const PdkMembers *members, const PdkMembersRules *rules)
{
	PdkMembersRules strict = *rules;
	size_t length;
	const char *text = pdk_members_text(members, &length);
	g_autofree char *file = pdk_members_file(members);

	strict.version_allowed = true;
	strict.other_keys = false;
	g_autoptr(PdkMembers) again = pdk_members_parse(text, length, &strict, NULL);
	pdk_assert(again != NULL && strcmp(pdk_members_text(again, NULL), text) == 0);
	strict.version_allowed = false;
	g_autoptr(PdkMembers) bare = pdk_members_parse(file, strlen(file), &strict, NULL);
	pdk_assert(bare != NULL && pdk_members_same_servers(bare, members));
	g_autoptr(PdkMembers) stamped = pdk_members_with_version(bare, pdk_members_version(members) ^ 1);
	pdk_assert(pdk_members_equal(stamped, members));
}

static void
change(const PdkMembers *members, char **parts, const PdkMembersRules *rules)
{
	g_autofree char *why = NULL;
	PdkCode code = PDK_OK;
	const char *joining = parts[0], *leaving = joining ? parts[1] : NULL, *whole = leaving ? parts[2] : NULL;
	g_autoptr(PdkMembers) next = pdk_members_reconfigure(members, joining, leaving, whole, rules, 0x100000001, &code, &why);

	pdk_assert(next != NULL ? code == PDK_OK : code == PDK_ERR_BAD_ARGUMENTS && why != NULL && strchr(why, '\n') == NULL);
	if (next == NULL)
		return;
	pdk_assert(pdk_members_version(next) == 0x100000001);
	check_quorums(next);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(GError) error = NULL;

	if (size < 1)
		return 0;
	PdkMembersRules rules = {
		.several_addresses = data[0] & 1,
		.standalone_enabled = data[0] & 2,
		.version_allowed = data[0] & 4,
		.other_keys = data[0] & 8,
	};
	g_autofree char *text = g_strndup((const char *)data + 1, size - 1);
	g_auto(GStrv) parts = g_strsplit(text, "\1", 4);
	size_t length = parts[0] != NULL && parts[1] != NULL ? strlen(parts[0]) : size - 1;
	g_autofree uint8_t *exact = g_memdup2(data + 1, length);
	g_autoptr(PdkMembers) members = pdk_members_parse((const char *)exact, length, &rules, &error);
	pdk_assert((members == NULL) == (error != NULL));
	if (members == NULL) {
		pdk_assert(strchr(error->message, '\n') == NULL);
		return 0;
	}
	check_quorums(members);
	read_again(members, &rules);
	if (parts[0] != NULL)
		change(members, parts + 1, &rules);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What a reconfiguration makes of the members. Changes when what it may ask for does. Source: PrepRequestProcessor. */
#include "replica/members-private.h"

/* "Bad arguments" is the answer to every mistake; the client hears no more than that. */
static void *
refuse(char *reason, PdkCode *code, char **why)
{
	*code = PDK_ERR_BAD_ARGUMENTS;
	*why = reason;
	return NULL;
}

/* For the log: escaped and short. */
static char *
mistake(const char *key, const char *found, const char *allowed)
{
	g_autofree char *shortened = g_strndup(found, 120), *escaped = g_strescape(shortened, NULL);

	return g_strdup_printf("%s: found \"%s\", allowed: %s", key, escaped, allowed);
}

/* Every server may have its own of these. */
static bool
is_special(const char *host)
{
	static const char *const special[] = {"localhost", "::1", "0:0:0:0:0:0:0:1", "0.0.0.0", "::", "0:0:0:0:0:0:0:0"};

	for (unsigned i = 0; i < G_N_ELEMENTS(special); i++)
		if (g_ascii_strcasecmp(host, special[i]) == 0)
			return true;
	return g_str_has_prefix(host, "127.");
}

typedef struct {
	const char *host;
	uint16_t port;
} Place;

/* Where @member listens; @places holds 2 * PDK_MEMBER_ADDRESSES_MAX + 1. */
static unsigned
places_of(const PdkMember *member, Place *places)
{
	unsigned n = 0;

	for (unsigned i = 0; i < member->n_addresses; i++) {
		const PdkMemberAddress *address = &member->addresses[i];
		places[n++] = (Place){address->host, address->quorum_port};
		places[n++] = (Place){address->host, address->election_port};
	}
	if (member->client_host != NULL)
		places[n++] = (Place){member->client_host, member->client_port};
	return n;
}

/* A place both listen at, NULL: none. Source: checkAddressDuplicate. */
static char *
clash(const PdkMember *joiner, const PdkMember *other)
{
	Place mine[2 * PDK_MEMBER_ADDRESSES_MAX + 1], theirs[2 * PDK_MEMBER_ADDRESSES_MAX + 1];
	unsigned n = places_of(joiner, mine), m = places_of(other, theirs);

	for (unsigned i = 0; i < n; i++) {
		for (unsigned k = 0; k < m; k++) {
			if (mine[i].port != theirs[k].port || is_special(mine[i].host))
				continue;
			if (g_ascii_strcasecmp(mine[i].host, theirs[k].host) == 0)
				return g_strdup_printf("%s:%u", mine[i].host, mine[i].port);
		}
	}
	return NULL;
}

static int
index_of(GArray *list, int64_t sid)
{
	for (unsigned i = 0; i < list->len; i++)
		if (g_array_index(list, PdkMember, i).sid == sid)
			return (int)i;
	return -1;
}

static char *
remove_member(GArray *list, const char *text)
{
	int64_t sid;

	if (!pdk_member_number(text, INT64_MIN, INT64_MAX, &sid))
		return mistake("leaving", text, "ids of servers with commas between them");
	int index = index_of(list, sid);
	if (index >= 0)
		g_array_remove_index(list, (unsigned)index);
	return NULL;
}

/* Why @joiner may not come in, NULL: it may. */
static char *
judge(GArray *list, const PdkMember *joiner)
{
	if (joiner->client_host == NULL)
		return mistake("joining", "no client address", "server.N=...;[HOST:]PORT");
	for (unsigned i = 0; i < list->len; i++) {
		const PdkMember *other = &g_array_index(list, PdkMember, i);
		g_autofree char *place = other->sid != joiner->sid ? clash(joiner, other) : NULL;
		if (place != NULL)
			return g_strdup_printf("joining: found %s of server.%" G_GINT64_FORMAT " at server.%" G_GINT64_FORMAT
					       ", too, allowed: an address of its own", place, other->sid, joiner->sid);
	}
	if (index_of(list, joiner->sid) < 0 && list->len == PDK_MEMBERS_MAX)
		return g_strdup_printf("joining: found one more server, allowed: at most %d", PDK_MEMBERS_MAX);
	return NULL;
}

static char *
add_member(GArray *list, char *text, const PdkMembersRules *rules)
{
	g_autoptr(GError) error = NULL;
	char *equals = strchr(text, '=');
	PdkMember joiner;

	if (equals == NULL)
		return mistake("joining", text, "server.N=...");
	*equals = '\0';
	if (!pdk_member_read(&joiner, g_strstrip(text), g_strstrip(equals + 1), rules, &error))
		return g_strdup_printf("joining: %s", error->message);
	char *reason = judge(list, &joiner);
	if (reason != NULL) {
		pdk_member_clear(&joiner);
		return reason;
	}
	int old = index_of(list, joiner.sid);
	if (old >= 0)
		g_array_remove_index(list, (unsigned)old);
	g_array_append_val(list, joiner);
	return NULL;
}

/* Leaving first, then joining: a server may leave and come back with another role in one request. */
static char *
apply(GArray *list, const char *joining, const char *leaving, const PdkMembersRules *rules)
{
	g_auto(GStrv) gone = g_strsplit(leaving != NULL ? leaving : "", ",", -1);
	g_auto(GStrv) come = g_strsplit(joining != NULL ? joining : "", ",", -1);
	char *reason = NULL;

	for (unsigned i = 0; gone[i] != NULL && reason == NULL; i++)
		if (*g_strstrip(gone[i]) != '\0')
			reason = remove_member(list, gone[i]);
	for (unsigned i = 0; come[i] != NULL && reason == NULL; i++)
		if (*g_strstrip(come[i]) != '\0')
			reason = add_member(list, come[i], rules);
	return reason;
}

static PdkMembers *
change_some(const PdkMembers *current, const char *joining, const char *leaving, const PdkMembersRules *rules,
	    int64_t version, PdkCode *code, char **why)
{
	g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(PdkMember));

	if (current->hierarchical)
		return refuse(g_strdup("found joining or leaving servers, allowed: a whole list, as there are groups or weights"),
			      code, why);
	g_array_set_clear_func(list, (GDestroyNotify)pdk_member_clear);
	g_array_set_size(list, current->n);
	for (unsigned i = 0; i < current->n; i++)
		pdk_member_copy(&g_array_index(list, PdkMember, i), &current->at[i]);
	char *reason = apply(list, joining, leaving, rules);
	if (reason != NULL)
		return refuse(reason, code, why);
	if (list->len == 0)
		return refuse(g_strdup("leaving: found every server, allowed: some participants stay"), code, why);
	g_array_set_clear_func(list, NULL);
	return pdk_members_make(list, false, version);
}

static PdkMembers *
change_all(const char *whole, const PdkMembersRules *rules, int64_t version, PdkCode *code, char **why)
{
	PdkMembersRules text_rules = *rules;
	g_autoptr(GError) error = NULL;
	g_autofree char *text = g_strdelimit(g_strdup(whole), ",", '\n');

	text_rules.version_allowed = true;
	text_rules.other_keys = false;
	g_autoptr(PdkMembers) members = pdk_members_parse(text, strlen(text), &text_rules, &error);
	if (members == NULL)
		return refuse(g_strdup(error->message), code, why);
	return pdk_members_with_version(members, version);
}

PdkMembers *
pdk_members_reconfigure(const PdkMembers *current, const char *joining, const char *leaving, const char *whole,
			const PdkMembersRules *rules, int64_t version, PdkCode *code, char **why)
{
	unsigned least = rules->standalone_enabled ? 2 : 1;
	g_autoptr(PdkMembers) members = whole != NULL
						? change_all(whole, rules, version, code, why)
						: change_some(current, joining, leaving, rules, version, code, why);

	if (members == NULL)
		return NULL;
	if (members->n_voters < least)
		return refuse(g_strdup_printf("found %u participants in the new configuration, allowed: at least %u",
					      members->n_voters, least), code, why);
	return g_steal_pointer(&members);
}

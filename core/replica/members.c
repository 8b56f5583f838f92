/* SPDX-License-Identifier: Apache-2.0 */
/* What a configuration of the ensemble is: its members, its quorums and its text. Changes when one of these does. */
#include "replica/members-private.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- life ---- */

void
pdk_member_clear(PdkMember *member)
{
	for (unsigned i = 0; i < member->n_addresses; i++)
		g_free(member->addresses[i].host);
	g_free(member->addresses);
	g_free(member->client_host);
	*member = (PdkMember){0};
}

void
pdk_member_copy(PdkMember *into, const PdkMember *from)
{
	*into = *from;
	into->addresses = g_memdup2(from->addresses, from->n_addresses * sizeof from->addresses[0]);
	for (unsigned i = 0; i < from->n_addresses; i++)
		into->addresses[i].host = g_strdup(from->addresses[i].host);
	into->client_host = g_strdup(from->client_host);
}

static int
compare_sids(const void *a, const void *b)
{
	int64_t left = ((const PdkMember *)a)->sid, right = ((const PdkMember *)b)->sid;

	return left < right ? -1 : left > right;
}

static int
compare_groups(const void *a, const void *b)
{
	int64_t left = ((const PdkMemberGroup *)a)->id, right = ((const PdkMemberGroup *)b)->id;

	return left < right ? -1 : left > right;
}

static PdkMemberGroup *
find_group(PdkMembers *members, int64_t id)
{
	for (unsigned i = 0; i < members->n_groups; i++)
		if (members->groups[i].id == id)
			return &members->groups[i];
	return NULL;
}

/* Everybody in a group weighs, an observer as well, although only voters are counted. Source: computeGroupWeight. */
static void
weigh_groups(PdkMembers *members)
{
	members->groups = g_new0(PdkMemberGroup, members->n);
	for (unsigned i = 0; i < members->n; i++) {
		const PdkMember *member = &members->at[i];
		if (member->group < 0)
			continue;
		PdkMemberGroup *group = find_group(members, member->group);
		if (group == NULL) {
			group = &members->groups[members->n_groups++];
			group->id = member->group;
		}
		group->weight += member->weight;
	}
	qsort(members->groups, members->n_groups, sizeof members->groups[0], compare_groups);
	for (unsigned i = 0; i < members->n_groups; i++)
		members->n_heavy_groups += members->groups[i].weight != 0;
}

static char *write_text(const PdkMembers *members);

PdkMembers *
pdk_members_make(GArray *list, bool hierarchical, int64_t version)
{
	PdkMembers *members = g_new0(PdkMembers, 1);

	pdk_assert(list->len > 0 && list->len <= PDK_MEMBERS_MAX);
	members->references = 1;
	members->version = version;
	members->hierarchical = hierarchical;
	members->n = list->len;
	members->at = g_memdup2(list->data, list->len * sizeof(PdkMember));
	g_array_set_size(list, 0);
	qsort(members->at, members->n, sizeof members->at[0], compare_sids);
	for (unsigned i = 0; i < members->n; i++) {
		pdk_assert(i == 0 || members->at[i - 1].sid < members->at[i].sid);
		pdk_assert(members->at[i].n_addresses > 0);
		members->n_voters += !members->at[i].observer;
	}
	if (hierarchical)
		weigh_groups(members);
	members->text = write_text(members);
	members->text_length = strlen(members->text);
	pdk_assert(members->text_length <= PDK_MEMBERS_TEXT_MAX);
	return members;
}

PdkMembers *
pdk_members_ref(PdkMembers *members)
{
	members->references++;
	return members;
}

void
pdk_members_unref(PdkMembers *members)
{
	if (members == NULL || --members->references > 0)
		return;
	for (unsigned i = 0; i < members->n; i++)
		pdk_member_clear(&members->at[i]);
	g_free(members->at);
	g_free(members->groups);
	g_free(members->text);
	g_free(members);
}

PdkMembers *
pdk_members_with_version(const PdkMembers *members, int64_t version)
{
	g_autoptr(GArray) list = g_array_sized_new(FALSE, FALSE, sizeof(PdkMember), members->n);

	g_array_set_size(list, members->n);
	for (unsigned i = 0; i < members->n; i++)
		pdk_member_copy(&g_array_index(list, PdkMember, i), &members->at[i]);
	return pdk_members_make(list, members->hierarchical, version);
}

/* ---- who ---- */

int64_t
pdk_members_version(const PdkMembers *members)
{
	return members->version;
}

bool
pdk_members_hierarchical(const PdkMembers *members)
{
	return members->hierarchical;
}

unsigned
pdk_members_count(const PdkMembers *members)
{
	return members->n;
}

const PdkMember *
pdk_members_at(const PdkMembers *members, unsigned index)
{
	pdk_assert(index < members->n);
	return &members->at[index];
}

const PdkMember *
pdk_members_find(const PdkMembers *members, int64_t sid)
{
	PdkMember key = {.sid = sid};

	return bsearch(&key, members->at, members->n, sizeof key, compare_sids);
}

bool
pdk_members_votes(const PdkMembers *members, int64_t sid)
{
	const PdkMember *member = pdk_members_find(members, sid);

	return member != NULL && !member->observer;
}

unsigned
pdk_members_voters(const PdkMembers *members)
{
	return members->n_voters;
}

int64_t
pdk_members_weight(const PdkMembers *members, int64_t sid)
{
	if (!members->hierarchical)
		return 1;
	const PdkMember *member = pdk_members_find(members, sid);
	return member == NULL ? 0 : member->weight;
}

/* ---- quorums ---- */

/* Source: QuorumHierarchical.containsQuorum. */
static bool
group_agrees(const PdkMembers *members, const PdkMemberGroup *group, const PdkSids *acks)
{
	int64_t weight = 0;

	for (unsigned i = 0; i < acks->n; i++) {
		const PdkMember *member = pdk_members_find(members, acks->at[i]);
		if (member != NULL && !member->observer && member->group == group->id)
			weight += member->weight;
	}
	return weight > group->weight / 2;
}

bool
pdk_members_quorum(const PdkMembers *members, const PdkSids *acks)
{
	unsigned found = 0;

	if (members->hierarchical) {
		for (unsigned i = 0; i < members->n_groups; i++)
			found += group_agrees(members, &members->groups[i], acks);
		return found > members->n_heavy_groups / 2;
	}
	for (unsigned i = 0; i < acks->n; i++)
		found += pdk_members_votes(members, acks->at[i]);
	return found > members->n_voters / 2;
}

/* ---- comparing ---- */

static bool
same_server(const PdkMember *a, const PdkMember *b)
{
	if (a->sid != b->sid || a->observer != b->observer || a->n_addresses != b->n_addresses)
		return false;
	for (unsigned i = 0; i < a->n_addresses; i++) {
		const PdkMemberAddress *left = &a->addresses[i], *right = &b->addresses[i];
		if (left->quorum_port != right->quorum_port || left->election_port != right->election_port)
			return false;
		if (g_ascii_strcasecmp(left->host, right->host) != 0)
			return false;
	}
	return true;
}

/* What stands in the static file of one server is not known to the others. */
static bool
same_client(const PdkMember *a, const PdkMember *b)
{
	const char *left = a->client_is_static ? NULL : a->client_host;
	const char *right = b->client_is_static ? NULL : b->client_host;

	if (left == NULL || right == NULL)
		return left == right;
	return g_ascii_strcasecmp(left, right) == 0 && a->client_port == b->client_port;
}

bool
pdk_members_same_servers(const PdkMembers *a, const PdkMembers *b)
{
	if (a->n != b->n)
		return false;
	for (unsigned i = 0; i < a->n; i++)
		if (!same_server(&a->at[i], &b->at[i]))
			return false;
	return true;
}

bool
pdk_members_equal(const PdkMembers *a, const PdkMembers *b)
{
	if (a->version == b->version)
		return true;
	if (a->hierarchical != b->hierarchical || !pdk_members_same_servers(a, b))
		return false;
	for (unsigned i = 0; i < a->n; i++) {
		const PdkMember *left = &a->at[i], *right = &b->at[i];
		if (left->group != right->group || left->weight != right->weight || !same_client(left, right))
			return false;
	}
	return true;
}

/* ---- text ---- */

static void
put_host(GString *text, const char *host)
{
	g_string_append_printf(text, strchr(host, ':') ? "[%s]" : "%s", host);
}

static void
put_server(GString *text, const PdkMember *member)
{
	g_string_append_printf(text, "server.%" PRId64 "=", member->sid);
	for (unsigned i = 0; i < member->n_addresses; i++) {
		const PdkMemberAddress *address = &member->addresses[i];
		if (i > 0)
			g_string_append_c(text, '|');
		put_host(text, address->host);
		g_string_append_printf(text, ":%u:%u", address->quorum_port, address->election_port);
	}
	g_string_append(text, member->observer ? ":observer" : ":participant");
	if (member->client_host == NULL || member->client_is_static)
		return;
	g_string_append_c(text, ';');
	put_host(text, member->client_host);
	g_string_append_printf(text, ":%u", member->client_port);
}

static void
put_group(GString *text, const PdkMembers *members, int64_t id)
{
	char before = '=';

	g_string_append_printf(text, "group.%" PRId64, id);
	for (unsigned i = 0; i < members->n; i++) {
		if (members->at[i].group != id)
			continue;
		g_string_append_printf(text, "%c%" PRId64, before, members->at[i].sid);
		before = ':';
	}
}

/* Each line with its newline, without the version. */
static GString *
write_lines(const PdkMembers *members)
{
	GString *text = g_string_new(NULL);

	for (unsigned i = 0; i < members->n; i++) {
		put_server(text, &members->at[i]);
		g_string_append_c(text, '\n');
	}
	for (unsigned i = 0; i < members->n_groups; i++) {
		put_group(text, members, members->groups[i].id);
		g_string_append_c(text, '\n');
	}
	for (unsigned i = 0; i < members->n && members->hierarchical; i++) {
		const PdkMember *member = &members->at[i];
		if (member->group >= 0)
			g_string_append_printf(text, "weight.%" PRId64 "=%" PRId64 "\n", member->sid, member->weight);
	}
	return text;
}

static char *
write_text(const PdkMembers *members)
{
	GString *text = write_lines(members);

	g_string_append_printf(text, "version=%" PRIx64, (uint64_t)members->version);
	return g_string_free(text, FALSE);
}

const char *
pdk_members_text(const PdkMembers *members, size_t *length)
{
	if (length != NULL)
		*length = members->text_length;
	return members->text;
}

static int
compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted as text, as Java writes its dynamic files. Source: QuorumPeerConfig.writeDynamicConfig. */
char *
pdk_members_file(const PdkMembers *members)
{
	g_autoptr(GString) text = write_lines(members);

	g_string_truncate(text, text->len - 1);
	g_auto(GStrv) lines = g_strsplit(text->str, "\n", -1);
	qsort(lines, g_strv_length(lines), sizeof lines[0], compare_lines);
	return g_strjoinv("\n", lines);
}

static char *
address_text(const PdkMember *member, unsigned index, bool quorum)
{
	pdk_assert(index < member->n_addresses);
	const PdkMemberAddress *address = &member->addresses[index];
	GString *text = g_string_new(NULL);

	put_host(text, address->host);
	g_string_append_printf(text, ":%u", quorum ? address->quorum_port : address->election_port);
	return g_string_free(text, FALSE);
}

char *
pdk_member_quorum_address(const PdkMember *member, unsigned index)
{
	return address_text(member, index, true);
}

char *
pdk_member_election_address(const PdkMember *member, unsigned index)
{
	return address_text(member, index, false);
}

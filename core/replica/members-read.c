/* SPDX-License-Identifier: Apache-2.0 */
/* How a configuration of the ensemble is read. Changes when its lines do. Source: QuorumServer, QuorumPeerConfig. */
#include "replica/members-private.h"

#include "base/properties.h"
#include <inttypes.h>

#define SPEC_FORM "HOST:QUORUM_PORT:ELECTION_PORT[:participant|observer][;[HOST:]CLIENT_PORT]"
#define MESSAGE_TEXT 120 /* characters of what was found, at most */

typedef struct {
	int64_t sid, number;
} Pair;

struct PdkMembersBuilder {
	PdkMembersRules rules;
	GArray *members;  /* PdkMember */
	GArray *grouped;  /* Pair: sid, group */
	GArray *groups;   /* int64_t: ids seen, in order */
	GArray *weights;  /* Pair: sid, weight */
	bool hierarchical;
	int64_t static_sid;
	char *static_host; /* NULL: none */
	uint16_t static_port;
};

G_GNUC_PRINTF(4, 5)
static bool
mistake(GError **error, const char *key, const char *found, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	g_autofree char *allowed = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	g_autofree char *shortened = g_strndup(found, MESSAGE_TEXT), *escaped = g_strescape(shortened, NULL);
	g_autofree char *short_key = g_strndup(key, MESSAGE_TEXT), *escaped_key = g_strescape(short_key, NULL);
	g_set_error(error, PDK_MEMBERS_ERROR, PDK_MEMBERS_ERROR_BAD, "%s: found \"%s\", allowed: %s", escaped_key, escaped,
		    allowed);
	return false;
}

bool
pdk_member_number(const char *text, int64_t least, int64_t most, int64_t *into)
{
	return g_ascii_string_to_signed(text, 10, least, most, into, NULL);
}

/* ---- server.N ---- */

static bool
is_name(const char *host)
{
	return *host != '\0' && host[strspn(host, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS ".-_")] == '\0';
}

/* With a zone, perhaps: fe80::1%eth0. */
static bool
is_v6(const char *host)
{
	size_t address = strspn(host, G_CSET_DIGITS "abcdefABCDEF:.");

	if (strchr(host, ':') == NULL)
		return false;
	return host[address] == '\0' || (host[address] == '%' && is_name(host + address + 1));
}

/*
 * The host at *@at, up to the ':' before a port; moves *@at behind that. NULL: there is none of a legal form. Free with g_free.
 */
static char *
take_host(const char **at)
{
	bool bracketed = **at == '[';
	const char *begin = *at + bracketed, *end = strchr(begin, bracketed ? ']' : ':');

	if (end == NULL || end - begin > PDK_MEMBER_HOST_MAX || end[bracketed] != ':')
		return NULL;
	g_autofree char *host = g_strndup(begin, (size_t)(end - begin));
	if (bracketed ? !is_v6(host) : !is_name(host))
		return NULL;
	*at = end + bracketed + 1;
	return g_steal_pointer(&host);
}

static bool
take_port(const char *text, uint16_t *port)
{
	int64_t number;

	if (!g_ascii_isdigit(text[0]) || !pdk_member_number(text, 1, 65535, &number))
		return false;
	*port = (uint16_t)number;
	return true;
}

typedef enum { ROLE_BAD, ROLE_NONE, ROLE_PARTICIPANT, ROLE_OBSERVER } Role;

static Role
role_of(char *text)
{
	g_strstrip(text);
	if (g_ascii_strcasecmp(text, "participant") == 0)
		return ROLE_PARTICIPANT;
	return g_ascii_strcasecmp(text, "observer") == 0 ? ROLE_OBSERVER : ROLE_BAD;
}

/* "host:quorum:election[:role]" into @address; its host is empty unless it was good. */
static Role
read_address(const char *text, PdkMemberAddress *address)
{
	g_autofree char *host = take_host(&text);

	if (host == NULL)
		return ROLE_BAD;
	g_auto(GStrv) parts = g_strsplit(text, ":", 4);
	unsigned n = g_strv_length(parts);
	if (n < 2 || n > 3 || !take_port(parts[0], &address->quorum_port) || !take_port(parts[1], &address->election_port))
		return ROLE_BAD;
	if (address->quorum_port == address->election_port)
		return ROLE_BAD;
	Role role = n == 3 ? role_of(parts[2]) : ROLE_NONE;
	if (role != ROLE_BAD)
		address->host = g_steal_pointer(&host);
	return role;
}

static int
compare_addresses(const void *a, const void *b)
{
	const PdkMemberAddress *left = a, *right = b;
	int order = strcmp(left->host, right->host);

	return order != 0 ? order : (int)left->quorum_port - (int)right->quorum_port;
}

static bool
addresses_differ(const PdkMember *member)
{
	for (unsigned i = 1; i < member->n_addresses; i++)
		if (compare_addresses(&member->addresses[i - 1], &member->addresses[i]) == 0)
			return false;
	return true;
}

static bool
read_addresses(PdkMember *member, const char *key, const char *text, const PdkMembersRules *rules, GError **error)
{
	g_auto(GStrv) parts = g_strsplit(text, "|", PDK_MEMBER_ADDRESSES_MAX + 1);
	unsigned n = g_strv_length(parts);
	Role role = ROLE_NONE;

	if (n > 1 && !rules->several_addresses)
		return mistake(error, key, text, "one address, unless multiAddress.enabled is true");
	if (n > PDK_MEMBER_ADDRESSES_MAX)
		return mistake(error, key, text, "at most %d addresses", PDK_MEMBER_ADDRESSES_MAX);
	member->addresses = g_new0(PdkMemberAddress, MAX(n, 1));
	for (unsigned i = 0; i < n; i++) {
		Role found = read_address(parts[i], &member->addresses[i]);
		if (found == ROLE_BAD)
			return mistake(error, key, parts[i], SPEC_FORM " with ports 1 to 65535, two different ones");
		member->n_addresses++;
		if (found != ROLE_NONE && role != ROLE_NONE && found != role)
			return mistake(error, key, text, "the same role for each address");
		role = found != ROLE_NONE ? found : role;
	}
	if (n == 0)
		return mistake(error, key, text, SPEC_FORM);
	qsort(member->addresses, n, sizeof member->addresses[0], compare_addresses);
	if (!addresses_differ(member))
		return mistake(error, key, text, "each address once");
	member->observer = role == ROLE_OBSERVER;
	return true;
}

static bool
read_client(PdkMember *member, const char *key, const char *text, GError **error)
{
	g_autofree char *host = NULL;
	const char *at = text;

	if (strchr(text, ':') != NULL) {
		host = take_host(&at);
		if (host == NULL)
			return mistake(error, key, text, "a client address [HOST:]PORT, an IPv6 host in brackets");
	}
	if (!take_port(at, &member->client_port))
		return mistake(error, key, text, "a client address [HOST:]PORT with a port 1 to 65535");
	member->client_host = host != NULL ? g_steal_pointer(&host) : g_strdup("0.0.0.0");
	return true;
}

static bool
read_spec(PdkMember *member, const char *key, const char *value, const PdkMembersRules *rules, GError **error)
{
	g_auto(GStrv) parts = g_strsplit(value, ";", 4);
	unsigned n = g_strv_length(parts);

	if (n > 2)
		return mistake(error, key, value, "one ';' with the client address behind it");
	if (!read_addresses(member, key, n > 0 ? parts[0] : "", rules, error))
		return false;
	return n < 2 || *parts[1] == '\0' || read_client(member, key, parts[1], error);
}

/* The number behind the '.' of @key. */
static bool
read_key_number(const char *key, int64_t most, int64_t *into, GError **error)
{
	const char *number = strchr(key, '.') + 1;

	if (pdk_member_number(number, 0, most, into))
		return true;
	return mistake(error, key, number, "a number from 0 to %" PRId64, most);
}

bool
pdk_member_read(PdkMember *into, const char *key, const char *value, const PdkMembersRules *rules, GError **error)
{
	*into = (PdkMember){.group = -1, .weight = 1};
	if (!g_str_has_prefix(key, "server."))
		return mistake(error, key, value, "server.N=" SPEC_FORM);
	if (read_key_number(key, PDK_MEMBER_SID_MAX, &into->sid, error) && read_spec(into, key, value, rules, error))
		return true;
	pdk_member_clear(into);
	return false;
}

/* ---- the builder ---- */

PdkMembersBuilder *
pdk_members_builder_new(const PdkMembersRules *rules)
{
	PdkMembersBuilder *builder = g_new0(PdkMembersBuilder, 1);

	builder->rules = *rules;
	builder->members = g_array_new(FALSE, FALSE, sizeof(PdkMember));
	g_array_set_clear_func(builder->members, (GDestroyNotify)pdk_member_clear);
	builder->grouped = g_array_new(FALSE, FALSE, sizeof(Pair));
	builder->groups = g_array_new(FALSE, FALSE, sizeof(int64_t));
	builder->weights = g_array_new(FALSE, FALSE, sizeof(Pair));
	return builder;
}

void
pdk_members_builder_free(PdkMembersBuilder *builder)
{
	if (builder == NULL)
		return;
	g_array_unref(builder->members);
	g_array_unref(builder->grouped);
	g_array_unref(builder->groups);
	g_array_unref(builder->weights);
	g_free(builder->static_host);
	g_free(builder);
}

bool
pdk_members_builder_knows(const char *key)
{
	return g_str_has_prefix(key, "server.") || g_str_has_prefix(key, "group.") || g_str_has_prefix(key, "weight.");
}

static PdkMember *
find_member(const PdkMembersBuilder *builder, int64_t sid)
{
	for (unsigned i = 0; i < builder->members->len; i++) {
		PdkMember *member = &g_array_index(builder->members, PdkMember, i);
		if (member->sid == sid)
			return member;
	}
	return NULL;
}

static Pair *
find_pair(GArray *pairs, int64_t sid)
{
	for (unsigned i = 0; i < pairs->len; i++)
		if (g_array_index(pairs, Pair, i).sid == sid)
			return &g_array_index(pairs, Pair, i);
	return NULL;
}

static bool
add_server(PdkMembersBuilder *builder, const char *key, const char *value, GError **error)
{
	PdkMember member;

	if (!pdk_member_read(&member, key, value, &builder->rules, error))
		return false;
	PdkMember *old = find_member(builder, member.sid);
	if (old != NULL) {
		pdk_member_clear(old);
		*old = member;
		return true;
	}
	if (builder->members->len == PDK_MEMBERS_MAX) {
		pdk_member_clear(&member);
		return mistake(error, key, value, "at most %d servers", PDK_MEMBERS_MAX);
	}
	g_array_append_val(builder->members, member);
	return true;
}

static bool
know_group(PdkMembersBuilder *builder, int64_t id)
{
	for (unsigned i = 0; i < builder->groups->len; i++)
		if (g_array_index(builder->groups, int64_t, i) == id)
			return true;
	if (builder->groups->len == PDK_MEMBERS_MAX)
		return false;
	g_array_append_val(builder->groups, id);
	return true;
}

static bool
add_to_group(PdkMembersBuilder *builder, const char *key, const char *text, int64_t group, GError **error)
{
	Pair pair = {.number = group};

	if (!pdk_member_number(text, 0, PDK_MEMBER_SID_MAX, &pair.sid))
		return mistake(error, key, text, "the ids of servers, with ':' between them");
	const Pair *other = find_pair(builder->grouped, pair.sid);
	if (other != NULL && other->number != group)
		return mistake(error, key, text, "servers of no other group (it is in group.%" PRId64 ")", other->number);
	if (other != NULL)
		return true;
	if (builder->grouped->len == PDK_MEMBERS_MAX)
		return mistake(error, key, text, "at most %d servers in groups", PDK_MEMBERS_MAX);
	g_array_append_val(builder->grouped, pair);
	return true;
}

static bool
add_group(PdkMembersBuilder *builder, const char *key, const char *value, GError **error)
{
	int64_t group;

	if (!read_key_number(key, INT64_MAX, &group, error))
		return false;
	if (!know_group(builder, group))
		return mistake(error, key, value, "at most %d groups", PDK_MEMBERS_MAX);
	for (unsigned i = builder->grouped->len; i > 0; i--)
		if (g_array_index(builder->grouped, Pair, i - 1).number == group)
			g_array_remove_index(builder->grouped, i - 1);
	g_auto(GStrv) parts = g_strsplit(value, ":", PDK_MEMBERS_MAX + 1);
	for (unsigned i = 0; parts[i] != NULL; i++)
		if (!add_to_group(builder, key, g_strstrip(parts[i]), group, error))
			return false;
	return true;
}

static bool
add_weight(PdkMembersBuilder *builder, const char *key, const char *value, GError **error)
{
	Pair pair;

	if (!read_key_number(key, PDK_MEMBER_SID_MAX, &pair.sid, error))
		return false;
	if (!pdk_member_number(value, 0, PDK_MEMBER_WEIGHT_MAX, &pair.number))
		return mistake(error, key, value, "a weight from 0 to %d", PDK_MEMBER_WEIGHT_MAX);
	Pair *old = find_pair(builder->weights, pair.sid);
	if (old != NULL) {
		*old = pair;
		return true;
	}
	if (builder->weights->len == 2 * PDK_MEMBERS_MAX)
		return mistake(error, key, value, "at most %d weights", 2 * PDK_MEMBERS_MAX);
	g_array_append_val(builder->weights, pair);
	return true;
}

bool
pdk_members_builder_add(PdkMembersBuilder *builder, const char *key, const char *value, GError **error)
{
	if (g_str_has_prefix(key, "server."))
		return add_server(builder, key, value, error);
	if (!pdk_members_builder_knows(key))
		return mistake(error, key, value, "server.N, group.N, weight.N");
	builder->hierarchical = true;
	return g_str_has_prefix(key, "group.") ? add_group(builder, key, value, error) : add_weight(builder, key, value, error);
}

void
pdk_members_builder_static_client(PdkMembersBuilder *builder, int64_t sid, const char *host, uint16_t port)
{
	g_free(builder->static_host);
	builder->static_host = g_strdup(host != NULL ? host : "0.0.0.0");
	builder->static_sid = sid;
	builder->static_port = port;
}

/* ---- the whole ---- */

/* Source: parseDynamicConfig. */
static bool
check_counts(const PdkMembersBuilder *builder, GError **error)
{
	unsigned observers = 0;

	for (unsigned i = 0; i < builder->members->len; i++)
		observers += g_array_index(builder->members, PdkMember, i).observer;
	unsigned voters = builder->members->len - observers;
	g_autofree char *found = g_strdup_printf("%u participants, %u observers", voters, observers);
	if (voters == 0)
		return mistake(error, "server.N", found, "at least one participant");
	if (voters == 1 && observers > 0 && builder->rules.standalone_enabled)
		return mistake(error, "server.N", found, "observers beside two participants, or standaloneEnabled=false");
	return true;
}

/* Every participant is in a group, everybody in a group is a member, and somebody has a weight. */
static bool
check_groups(const PdkMembersBuilder *builder, GError **error)
{
	bool weight = false;

	for (unsigned i = 0; i < builder->grouped->len; i++) {
		const Pair *pair = &g_array_index(builder->grouped, Pair, i);
		if (find_member(builder, pair->sid) != NULL)
			continue;
		g_autofree char *key = g_strdup_printf("group.%" PRId64, pair->number);
		g_autofree char *found = g_strdup_printf("%" PRId64, pair->sid);
		return mistake(error, key, found, "servers that have a server.N");
	}
	for (unsigned i = 0; i < builder->members->len; i++) {
		const PdkMember *member = &g_array_index(builder->members, PdkMember, i);
		if (member->observer)
			continue;
		g_autofree char *key = g_strdup_printf("server.%" PRId64, member->sid);
		if (find_pair(builder->grouped, member->sid) == NULL)
			return mistake(error, key, "participant", "participants in a group, where there are groups or weights");
		const Pair *given = find_pair(builder->weights, member->sid);
		weight |= given == NULL || given->number > 0;
	}
	return weight || mistake(error, "weight.N", "0", "a weight above 0 for some participant");
}

/* @member, a copy, gets its group, its weight and the client address of the static file. */
static void
complete(const PdkMembersBuilder *builder, PdkMember *member)
{
	const Pair *group = find_pair(builder->grouped, member->sid), *weight = find_pair(builder->weights, member->sid);

	member->group = group != NULL ? group->number : -1;
	member->weight = group != NULL && weight != NULL ? weight->number : 1;
	if (member->client_host != NULL || builder->static_host == NULL || builder->static_sid != member->sid)
		return;
	member->client_host = g_strdup(builder->static_host);
	member->client_port = builder->static_port;
	member->client_is_static = true;
}

PdkMembers *
pdk_members_builder_finish(PdkMembersBuilder *builder, int64_t version, GError **error)
{
	if (!check_counts(builder, error) || (builder->hierarchical && !check_groups(builder, error)))
		return NULL;
	g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(PdkMember));
	g_array_set_size(list, builder->members->len);
	for (unsigned i = 0; i < list->len; i++) {
		PdkMember *member = &g_array_index(list, PdkMember, i);
		pdk_member_copy(member, &g_array_index(builder->members, PdkMember, i));
		complete(builder, member);
	}
	return pdk_members_make(list, builder->hierarchical, version);
}

static bool
read_version(const PdkProperty *property, int64_t *version, GError **error)
{
	guint64 number;

	if (!g_ascii_string_to_unsigned(property->value, 16, 0, INT64_MAX, &number, NULL))
		return mistake(error, property->key, property->value, "a hexadecimal number from 0 to 7fffffffffffffff");
	*version = (int64_t)number;
	return true;
}

static bool
read_property(PdkMembersBuilder *builder, const PdkProperty *property, int64_t *version, GError **error)
{
	if (pdk_members_builder_knows(property->key))
		return pdk_members_builder_add(builder, property->key, property->value, error);
	if (builder->rules.version_allowed && strcmp(property->key, "version") == 0)
		return read_version(property, version, error);
	if (builder->rules.other_keys)
		return true;
	return mistake(error, property->key, property->value, "server.N, group.N, weight.N%s",
		       builder->rules.version_allowed ? ", version" : "");
}

PdkMembers *
pdk_members_parse(const char *text, size_t length, const PdkMembersRules *rules, GError **error)
{
	g_autoptr(PdkMembersBuilder) builder = pdk_members_builder_new(rules);
	g_autoptr(GError) cause = NULL;
	int64_t version = 0;

	if (length > PDK_MEMBERS_TEXT_MAX) {
		g_set_error(error, PDK_MEMBERS_ERROR, PDK_MEMBERS_ERROR_BAD, "found a text of %zu bytes, allowed: at most %d",
			    length, PDK_MEMBERS_TEXT_MAX);
		return NULL;
	}
	g_autoptr(GPtrArray) properties = pdk_properties_parse(text, length, &cause);
	if (properties == NULL) {
		g_set_error(error, PDK_MEMBERS_ERROR, PDK_MEMBERS_ERROR_BAD, "line %s", cause->message);
		return NULL;
	}
	for (unsigned i = 0; i < properties->len; i++)
		if (!read_property(builder, g_ptr_array_index(properties, i), &version, error))
			return NULL;
	return pdk_members_builder_finish(builder, version, error);
}

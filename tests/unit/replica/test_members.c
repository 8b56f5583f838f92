/* SPDX-License-Identifier: Apache-2.0 */
/* Proves how a configuration of the ensemble is read and written, who its quorums are, and what a reconfiguration makes of it. */
#include "replica/members.h"

#include <CUnit/Basic.h>

static const PdkMembersRules plain = {.standalone_enabled = true, .version_allowed = true};
static const PdkMembersRules several = {.several_addresses = true, .standalone_enabled = true, .version_allowed = true};

#define THREE "server.1=h1:1:2\nserver.2=h2:1:2\nserver.3=h3:1:2\n"
#define THREE_OPEN "server.1=h1:1:2;3\nserver.2=h2:1:2;3\nserver.3=h3:1:2;3\n"

static PdkMembers *
read_by(const char *text, const PdkMembersRules *rules)
{
	g_autoptr(GError) error = NULL;
	PdkMembers *members = pdk_members_parse(text, strlen(text), rules, &error);

	if (members == NULL)
		printf("\n    %s\n", error->message);
	CU_ASSERT_PTR_NOT_NULL_FATAL(members);
	return members;
}

static PdkMembers *
read_good(const char *text)
{
	return read_by(text, &plain);
}

static void
assert_text(const PdkMembers *members, const char *wanted)
{
	size_t length;
	const char *text = pdk_members_text(members, &length);

	CU_ASSERT_EQUAL(length, strlen(wanted));
	CU_ASSERT_STRING_EQUAL(text, wanted);
	if (strcmp(text, wanted) != 0)
		printf("\n    found  %s\n    wanted %s\n", text, wanted);
}

static void
assert_reads_as(const char *text, const char *wanted)
{
	g_autoptr(PdkMembers) members = read_by(text, &several);
	g_autoptr(PdkMembers) again = read_by(pdk_members_text(members, NULL), &several);

	assert_text(members, wanted);
	assert_text(again, wanted);
	CU_ASSERT_TRUE(pdk_members_same_servers(members, again));
}

static void
assert_mistake_by(const char *text, const PdkMembersRules *rules, const char *message)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(PdkMembers) members = pdk_members_parse(text, strlen(text), rules, &error);

	CU_ASSERT_PTR_NULL(members);
	CU_ASSERT_TRUE_FATAL(g_error_matches(error, PDK_MEMBERS_ERROR, PDK_MEMBERS_ERROR_BAD));
	CU_ASSERT_PTR_NOT_NULL(strstr(error->message, message));
	CU_ASSERT_PTR_NULL(strchr(error->message, '\n'));
	if (strstr(error->message, message) == NULL)
		printf("\n    found  %s\n    wanted %s\n", error->message, message);
}

static void
assert_mistake(const char *text, const char *message)
{
	assert_mistake_by(text, &plain, message);
}

static bool
has_quorum(const PdkMembers *members, const char *acks)
{
	g_auto(GStrv) parts = g_strsplit(acks, " ", -1);
	PdkSids sids = {0};

	for (unsigned i = 0; parts[i] != NULL && *parts[i] != '\0'; i++)
		pdk_sids_add(&sids, g_ascii_strtoll(parts[i], NULL, 10));
	return pdk_members_quorum(members, &sids);
}

/* ---- text ---- */

static void
the_text_is_canonical(void)
{
	assert_reads_as("server.3=c:3:4:observer\nserver.1=a:1:2;5\nversion=100000000\nserver.2=b:1:2:PARTICIPANT;x.y:6",
			"server.1=a:1:2:participant;0.0.0.0:5\nserver.2=b:1:2:participant;x.y:6\n"
			"server.3=c:3:4:observer\nversion=100000000");
	assert_reads_as("server.10=a:1:2\nserver.9=b:1:2\nserver.0=127.0.0.1:65535:1;",
			"server.0=127.0.0.1:65535:1:participant\nserver.9=b:1:2:participant\nserver.10=a:1:2:participant\n"
			"version=0");
}

/* As captured from a live ensemble. */
static void
a_text_of_a_live_ensemble_is_kept_to_the_byte(void)
{
	static const char text[] = "server.1=127.0.0.1:13888:14888:participant;127.0.0.1:13181\n"
				   "server.2=127.0.0.1:13889:14889:participant;127.0.0.1:13182\n"
				   "server.4=127.0.0.1:13891:14891:observer;127.0.0.1:13184\n"
				   "version=100000009";
	g_autoptr(PdkMembers) members = read_good(text);

	assert_text(members, text);
	CU_ASSERT_EQUAL(pdk_members_version(members), INT64_C(0x100000009));
}

static void
v6_hosts_stand_in_brackets(void)
{
	assert_reads_as("server.1=[::1]:1:2;[fe80::1%eth0]:3\nserver.2=[2001:DB8::2]:1:2:observer\nserver.3=b:1:2",
			"server.1=[::1]:1:2:participant;[fe80::1%eth0]:3\nserver.2=[2001:DB8::2]:1:2:observer\n"
			"server.3=b:1:2:participant\nversion=0");
	g_autoptr(PdkMembers) members = read_good("server.1=[::1]:7:8");
	const PdkMember *member = pdk_members_find(members, 1);
	g_autofree char *quorum = pdk_member_quorum_address(member, 0), *election = pdk_member_election_address(member, 0);
	CU_ASSERT_STRING_EQUAL(member->addresses[0].host, "::1");
	CU_ASSERT_STRING_EQUAL(quorum, "[::1]:7");
	CU_ASSERT_STRING_EQUAL(election, "[::1]:8");
}

static void
several_addresses_are_sorted_and_need_to_be_allowed(void)
{
	assert_reads_as("server.1=b:1:2|a:3:4;5", "server.1=a:3:4|b:1:2:participant;0.0.0.0:5\nversion=0");
	assert_reads_as("server.1=b:1:2:observer|a:3:4\nserver.2=x:1:2\nserver.3=y:1:2",
			"server.1=a:3:4|b:1:2:observer\nserver.2=x:1:2:participant\nserver.3=y:1:2:participant\nversion=0");
	assert_mistake("server.1=b:1:2|a:3:4", "server.1: found \"b:1:2|a:3:4\", allowed: one address");
	assert_mistake_by("server.1=b:1:2:observer|a:3:4:participant", &several, "the same role for each address");
	assert_mistake_by("server.1=a:1:2|a:1:2", &several, "each address once");
	assert_mistake_by("server.1=a:1:2|a:1:2|a:1:2|a:1:2|a:1:2|a:1:2|a:1:2|a:1:2", &several, "at most 6 addresses");
	assert_mistake_by("server.1=a:1:2|", &several, "server.1: found \"\"");
}

static void
the_syntax_is_that_of_java_properties(void)
{
	assert_reads_as("# one\n  ! two\r\n\n server.1 \t=  a:1:2 \nserver.2:b:1:2\rserver.3   c:1:\\\n   2\nversion:fF\n",
			"server.1=a:1:2:participant\nserver.2=b:1:2:participant\nserver.3=c:1:2:participant\nversion=ff");
	assert_reads_as("server\\.1=\\u0061\\:1\\:2\nserver.1=b:1:2", "server.1=b:1:2:participant\nversion=0");
	assert_mistake("server.1=a:1:2\\u00\n", "line 1: found \\u");
	g_autoptr(GError) error = NULL;
	CU_ASSERT_PTR_NULL(pdk_members_parse("server.1=a:1:2\0", 15, &plain, &error));
}

/* An unescaped newline in a host would make a line of its own. */
static void
nothing_can_be_smuggled_into_the_text(void)
{
	assert_mistake("server.1=a\\nversion=5:1:2", "server.1: found \"a\\nversion=5:1:2\"");
	assert_mistake("server.1=a b:1:2", "server.1: found");
	assert_mistake("server.1=a:1:2;b\\n:3", "a client address");
	assert_mistake("server.1=\xc3\xa4:1:2", "server.1: found \"\\303\\244:1:2\"");
}

static void
a_mistake_names_key_found_and_allowed(void)
{
	assert_mistake("server.1=a:1", "server.1: found \"a:1\", allowed: HOST:QUORUM_PORT:ELECTION_PORT");
	assert_mistake("server.1=", "server.1: found \"\"");
	assert_mistake("server.1=a:1:2:3:4", "server.1: found");
	assert_mistake("server.1=a:1:2:boss", "server.1: found");
	assert_mistake("server.1=a:1:1", "two different ones");
	assert_mistake("server.1=a:0:1", "server.1: found");
	assert_mistake("server.1=a:1:65536", "server.1: found");
	assert_mistake("server.1=a:1:-2", "server.1: found");
	assert_mistake("server.1=:1:2", "server.1: found");
	assert_mistake("server.1=::1:1:2", "server.1: found");
	assert_mistake("server.1=[::1:1:2", "server.1: found");
	assert_mistake("server.1=[a]:1:2", "server.1: found");
	assert_mistake("server.1=a:1:2;99999", "a port 1 to 65535");
	assert_mistake("server.1=a:1:2;b:c", "a port 1 to 65535");
	assert_mistake("server.1=a:1:2;3;4", "one ';'");
	assert_mistake("server.x=a:1:2", "server.x: found \"x\", allowed: a number from 0 to 9223372036854775806");
	assert_mistake("server.-1=a:1:2", "server.-1: found");
	assert_mistake("server.9223372036854775807=a:1:2", "allowed: a number from 0");
	assert_mistake("color=red", "color: found \"red\", allowed: server.N, group.N, weight.N, version");
	assert_mistake("version=xyz\n" THREE, "version: found \"xyz\"");
	assert_mistake("version=ffffffffffffffff\n" THREE, "version: found");
}

static void
versions_and_other_keys_need_to_be_allowed(void)
{
	PdkMembersRules rules = {.standalone_enabled = true};

	assert_mistake_by("version=1\n" THREE, &rules, "version: found \"1\", allowed: server.N, group.N, weight.N");
	rules.other_keys = true;
	g_autoptr(PdkMembers) members = read_by("version=1\ntickTime=2000\n" THREE, &rules);
	CU_ASSERT_EQUAL(pdk_members_version(members), 0);
	CU_ASSERT_EQUAL(pdk_members_count(members), 3);
}

static void
observers_need_voters(void)
{
	PdkMembersRules alone = {.standalone_enabled = false};
	g_autoptr(PdkMembers) one = read_good("server.1=a:1:2");
	g_autoptr(PdkMembers) beside = read_by("server.1=a:1:2\nserver.2=b:1:2:observer", &alone);

	CU_ASSERT_EQUAL(pdk_members_voters(one), 1);
	CU_ASSERT_EQUAL(pdk_members_voters(beside), 1);
	assert_mistake("", "server.N: found \"0 participants, 0 observers\", allowed: at least one participant");
	assert_mistake("server.1=a:1:2:observer", "at least one participant");
	assert_mistake_by("server.1=a:1:2:observer", &alone, "at least one participant");
	assert_mistake("server.1=a:1:2\nserver.2=b:1:2:observer", "observers beside two participants");
}

static void
the_size_is_bounded(void)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (int i = 0; i < PDK_MEMBERS_MAX; i++)
		g_string_append_printf(text, "server.%d=h:1:2\n", i);
	g_autoptr(PdkMembers) members = read_good(text->str);
	CU_ASSERT_EQUAL(pdk_members_count(members), PDK_MEMBERS_MAX);
	g_string_append(text, "server.1000=h:1:2\n");
	assert_mistake(text->str, "server.1000: found \"h:1:2\", allowed: at most 128 servers");
	g_autofree char *host = g_strnfill(256, 'h');
	g_autofree char *line = g_strdup_printf("server.1=%s:1:2", host);
	assert_mistake(line, "server.1: found \"hhh");
	g_autofree char *much = g_strnfill(PDK_MEMBERS_TEXT_MAX + 1, '\n');
	assert_mistake(much, "allowed: at most 262144");
}

/* The bounds of the parts keep the whole below its own: making it asserts that. */
static void
the_largest_configuration_can_be_written(void)
{
	g_autoptr(PdkMembersBuilder) builder = pdk_members_builder_new(&several);
	g_autofree char *host = g_strnfill(254, 'h');

	for (int64_t i = 0; i < PDK_MEMBERS_MAX; i++) {
		g_autoptr(GString) value = g_string_new(NULL);
		g_autofree char *key = g_strdup_printf("server.%" G_GINT64_FORMAT, INT64_MAX - 1 - i);
		for (int k = 0; k < 6; k++)
			g_string_append_printf(value, "%s%d%s:60000:60001", k ? "|" : "", k, host);
		g_string_append_printf(value, ";0%s:60002", host);
		CU_ASSERT_TRUE(pdk_members_builder_add(builder, key, value->str, NULL));
	}
	g_autoptr(PdkMembers) members = pdk_members_builder_finish(builder, INT64_MAX, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(members);
	g_autoptr(PdkMembers) again = read_by(pdk_members_text(members, NULL), &several);
	CU_ASSERT_TRUE(pdk_members_equal(members, again));
}

static void
a_file_holds_sorted_lines_without_a_version(void)
{
	g_autoptr(PdkMembers) members = read_good("version=5\nserver.9=a:1:2\nserver.10=b:1:2\ngroup.1=9:10");
	g_autofree char *file = pdk_members_file(members);

	CU_ASSERT_STRING_EQUAL(file, "group.1=9:10\nserver.10=b:1:2:participant\nserver.9=a:1:2:participant\n"
				     "weight.10=1\nweight.9=1");
}

static void
a_client_address_of_the_static_file_is_known_but_not_told(void)
{
	g_autoptr(PdkMembersBuilder) builder = pdk_members_builder_new(&plain);

	CU_ASSERT_TRUE(pdk_members_builder_add(builder, "server.1", "a:1:2", NULL));
	CU_ASSERT_TRUE(pdk_members_builder_add(builder, "server.2", "b:1:2;7", NULL));
	pdk_members_builder_static_client(builder, 1, "::", 2181);
	g_autoptr(PdkMembers) members = pdk_members_builder_finish(builder, 0, NULL);
	pdk_members_builder_static_client(builder, 2, NULL, 2181);
	g_autoptr(PdkMembers) other = pdk_members_builder_finish(builder, 1, NULL);
	assert_text(members, "server.1=a:1:2:participant\nserver.2=b:1:2:participant;0.0.0.0:7\nversion=0");
	CU_ASSERT_STRING_EQUAL(pdk_members_find(members, 1)->client_host, "::");
	CU_ASSERT_EQUAL(pdk_members_find(members, 1)->client_port, 2181);
	CU_ASSERT_TRUE(pdk_members_find(members, 1)->client_is_static);
	CU_ASSERT_FALSE(pdk_members_find(other, 2)->client_is_static);
	CU_ASSERT_TRUE(pdk_members_equal(members, other));
}

static void
only_three_kinds_of_keys_are_known(void)
{
	CU_ASSERT_TRUE(pdk_members_builder_knows("server.1"));
	CU_ASSERT_TRUE(pdk_members_builder_knows("group.1"));
	CU_ASSERT_TRUE(pdk_members_builder_knows("weight.1"));
	CU_ASSERT_FALSE(pdk_members_builder_knows("serverCnxnFactory"));
	CU_ASSERT_FALSE(pdk_members_builder_knows("version"));
}

/* ---- quorums ---- */

static void
a_majority_of_the_voters_is_a_quorum(void)
{
	g_autoptr(PdkMembers) three = read_good(THREE "server.4=o:1:2:observer");
	g_autoptr(PdkMembers) four = read_good(THREE "server.4=o:1:2");

	CU_ASSERT_EQUAL(pdk_members_voters(three), 3);
	CU_ASSERT_FALSE(has_quorum(three, ""));
	CU_ASSERT_FALSE(has_quorum(three, "1"));
	CU_ASSERT_TRUE(has_quorum(three, "1 3"));
	CU_ASSERT_FALSE(has_quorum(three, "1 4 5"));
	CU_ASSERT_FALSE(has_quorum(four, "1 2"));
	CU_ASSERT_TRUE(has_quorum(four, "1 2 4"));
	CU_ASSERT_TRUE(pdk_members_votes(three, 1));
	CU_ASSERT_FALSE(pdk_members_votes(three, 4));
	CU_ASSERT_FALSE(pdk_members_votes(three, 9));
	CU_ASSERT_EQUAL(pdk_members_weight(three, 1), 1);
}

static void
most_groups_with_most_of_their_weight_are_a_quorum(void)
{
	g_autoptr(PdkMembers) members = read_good(
		THREE "server.4=h4:1:2\nserver.5=h5:1:2\nserver.6=h6:1:2\nserver.7=h7:1:2\nserver.8=h8:1:2\n"
		      "group.1=1:2:3\ngroup.2=4:5:6\ngroup.3=7\ngroup.4=8\nweight.4=3\nweight.8=0\n");

	CU_ASSERT_TRUE(pdk_members_hierarchical(members));
	CU_ASSERT_FALSE(has_quorum(members, ""));
	CU_ASSERT_FALSE(has_quorum(members, "1 2 3"));
	CU_ASSERT_TRUE(has_quorum(members, "1 2 4"));
	CU_ASSERT_FALSE(has_quorum(members, "1 2 5 6"));
	CU_ASSERT_TRUE(has_quorum(members, "4 7"));
	CU_ASSERT_FALSE(has_quorum(members, "7 8"));
	CU_ASSERT_EQUAL(pdk_members_weight(members, 4), 3);
	CU_ASSERT_EQUAL(pdk_members_weight(members, 8), 0);
	CU_ASSERT_EQUAL(pdk_members_weight(members, 99), 0);
	assert_reads_as(pdk_members_text(members, NULL),
			"server.1=h1:1:2:participant\nserver.2=h2:1:2:participant\nserver.3=h3:1:2:participant\n"
			"server.4=h4:1:2:participant\nserver.5=h5:1:2:participant\nserver.6=h6:1:2:participant\n"
			"server.7=h7:1:2:participant\nserver.8=h8:1:2:participant\n"
			"group.1=1:2:3\ngroup.2=4:5:6\ngroup.3=7\ngroup.4=8\nweight.1=1\nweight.2=1\nweight.3=1\nweight.4=3\n"
			"weight.5=1\nweight.6=1\nweight.7=1\nweight.8=0\nversion=0");
}

static void
groups_are_checked(void)
{
	assert_mistake(THREE "group.1=1:2", "server.3: found \"participant\", allowed: participants in a group");
	assert_mistake(THREE "weight.1=1", "allowed: participants in a group");
	assert_mistake(THREE "group.1=1:2\ngroup.2=2:3", "group.2: found \"2\", allowed: servers of no other group");
	assert_mistake(THREE "group.1=1:2:3:4", "group.1: found \"4\", allowed: servers that have a server.N");
	assert_mistake(THREE "group.1=1:2:x", "group.1: found \"x\"");
	assert_mistake(THREE "group.x=1:2:3", "group.x: found \"x\"");
	assert_mistake(THREE "group.1=1:2:3\nweight.1=-1", "weight.1: found \"-1\", allowed: a weight from 0");
	assert_mistake(THREE "group.1=1:2:3\nweight.1=0\nweight.2=0\nweight.3=0", "a weight above 0");
	g_autoptr(PdkMembers) members = read_good(THREE "server.4=o:1:2:observer\ngroup.1=1:2\ngroup.1=1:2:3\nweight.9=3");
	CU_ASSERT_EQUAL(pdk_members_find(members, 4)->group, -1);
	CU_ASSERT_TRUE(has_quorum(members, "1 2"));
}

static void
configurations_are_compared_by_version_then_content(void)
{
	g_autoptr(PdkMembers) three = read_good(THREE "version=1");
	g_autoptr(PdkMembers) newer = pdk_members_with_version(three, 2);
	g_autoptr(PdkMembers) other = read_good("server.1=h1:1:2\nversion=1");
	g_autoptr(PdkMembers) moved = read_good("server.1=h1:1:3\nserver.2=h2:1:2\nserver.3=h3:1:2\nversion=3");
	g_autoptr(PdkMembers) demoted = read_good(THREE "server.3=h3:1:2:observer\nversion=3");
	g_autoptr(PdkMembers) grouped = read_good(THREE "group.1=1:2:3\nversion=4");
	g_autoptr(PdkMembers) opened = read_good(THREE_OPEN "version=5");

	assert_text(newer, "server.1=h1:1:2:participant\nserver.2=h2:1:2:participant\nserver.3=h3:1:2:participant\nversion=2");
	CU_ASSERT_TRUE(pdk_members_equal(three, newer));
	CU_ASSERT_TRUE(pdk_members_equal(three, other));
	CU_ASSERT_FALSE(pdk_members_same_servers(three, other));
	CU_ASSERT_FALSE(pdk_members_equal(three, moved));
	CU_ASSERT_FALSE(pdk_members_same_servers(three, moved));
	CU_ASSERT_FALSE(pdk_members_equal(three, demoted));
	CU_ASSERT_FALSE(pdk_members_equal(three, grouped));
	CU_ASSERT_TRUE(pdk_members_same_servers(three, grouped));
	CU_ASSERT_FALSE(pdk_members_equal(three, opened));
}

/* ---- reconfiguration ---- */

static void
assert_changes_by(const char *from, const PdkMembersRules *rules, const char *joining, const char *leaving, const char *whole,
		  const char *wanted)
{
	g_autoptr(PdkMembers) current = read_by(from, rules);
	g_autofree char *why = NULL;
	PdkCode code = PDK_OK;
	g_autoptr(PdkMembers) next = pdk_members_reconfigure(current, joining, leaving, whole, rules, 0x77, &code, &why);

	if (next == NULL)
		printf("\n    %s\n", why);
	CU_ASSERT_PTR_NOT_NULL_FATAL(next);
	CU_ASSERT_EQUAL(pdk_members_version(next), 0x77);
	assert_text(next, wanted);
}

static void
assert_refused_by(const char *from, const PdkMembersRules *rules, const char *joining, const char *leaving, const char *whole,
		  const char *reason)
{
	g_autoptr(PdkMembers) current = read_by(from, rules);
	g_autofree char *why = NULL;
	PdkCode code = PDK_OK;
	g_autoptr(PdkMembers) next = pdk_members_reconfigure(current, joining, leaving, whole, rules, 0x77, &code, &why);

	CU_ASSERT_PTR_NULL_FATAL(next);
	CU_ASSERT_EQUAL(code, PDK_ERR_BAD_ARGUMENTS);
	CU_ASSERT_PTR_NOT_NULL_FATAL(why);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, reason));
	if (strstr(why, reason) == NULL)
		printf("\n    found  %s\n    wanted %s\n", why, reason);
}

static void
servers_join_and_leave(void)
{
	assert_changes_by("server.1=h1:1:2\nserver.2=h2:1:2", &plain, " server.4 = 127.0.0.1:13:14:observer;127.0.0.1:15 , ", NULL,
			  NULL,
			  "server.1=h1:1:2:participant\nserver.2=h2:1:2:participant\n"
			  "server.4=127.0.0.1:13:14:observer;127.0.0.1:15\nversion=77");
	assert_changes_by(THREE, &plain, NULL, "2, 9,", NULL,
			  "server.1=h1:1:2:participant\nserver.3=h3:1:2:participant\nversion=77");
	assert_changes_by(THREE, &plain, "server.3=h2:1:2;5,server.1=h1:1:2:observer;6,server.5=h5:1:2;7", "2,3", NULL,
			  "server.1=h1:1:2:observer;0.0.0.0:6\nserver.3=h2:1:2:participant;0.0.0.0:5\n"
			  "server.5=h5:1:2:participant;0.0.0.0:7\nversion=77");
	assert_changes_by("server.1=h1:1:2\nserver.2=h2:1:2", &plain, NULL, NULL, NULL,
			  "server.1=h1:1:2:participant\nserver.2=h2:1:2:participant\nversion=77");
}

static void
mistakes_in_joining_and_leaving_are_refused(void)
{
	assert_refused_by(THREE, &plain, "server.4", NULL, NULL, "joining: found \"server.4\"");
	assert_refused_by(THREE, &plain, "x\n\n", NULL, NULL, "joining: found \"x\"");
	assert_refused_by(THREE, &plain, "server.4=a:1:2", NULL, NULL, "joining: found \"no client address\"");
	assert_refused_by(THREE, &plain, "server.4=a:1;2", NULL, NULL, "joining: server.4: found \"a:1\"");
	assert_refused_by(THREE, &plain, "server.4=a:1:2;2;3", NULL, NULL, "one ';'");
	assert_refused_by(THREE, &plain, "weight.4=a:1:2;2", NULL, NULL, "joining: weight.4: found");
	assert_refused_by(THREE, &plain, "server.4=a:1:2|b:1:2;2", NULL, NULL, "multiAddress.enabled");
	assert_refused_by(THREE, &plain, NULL, "one", NULL, "leaving: found \"one\"");
	assert_refused_by(THREE, &plain, NULL, "1,2,3", NULL, "leaving: found every server");
	assert_refused_by(THREE "group.1=1:2:3", &plain, NULL, "3", NULL, "allowed: a whole list");
}

static void
an_address_of_another_member_is_refused_unless_it_is_local(void)
{
	assert_refused_by(THREE, &plain, "server.4=H2:1:9;5", NULL, NULL, "found H2:1 of server.2 at server.4, too");
	assert_refused_by(THREE, &plain, "server.4=h2:8:9;h2:2", NULL, NULL, "found h2:2 of server.2");
	assert_refused_by(THREE, &plain, "server.4=x:8:9;5,server.5=x:9:10;5", NULL, NULL, "found x:9 of server.4");
	assert_changes_by("server.1=127.0.0.1:1:2\nserver.2=h2:1:2;3", &plain, "server.3=127.0.0.1:1:2;3", NULL, NULL,
			  "server.1=127.0.0.1:1:2:participant\nserver.2=h2:1:2:participant;0.0.0.0:3\n"
			  "server.3=127.0.0.1:1:2:participant;0.0.0.0:3\nversion=77");
}

static void
a_whole_list_replaces_everything(void)
{
	assert_changes_by(THREE, &plain, NULL, NULL, "server.7=a:1:2,server.8=b:1:2;5\nserver.9=c:1:2,group.1=7:8:9,version=3",
			  "server.7=a:1:2:participant\nserver.8=b:1:2:participant;0.0.0.0:5\nserver.9=c:1:2:participant\n"
			  "group.1=7:8:9\nweight.7=1\nweight.8=1\nweight.9=1\nversion=77");
	assert_refused_by(THREE, &plain, NULL, NULL, "server.7=a:1:2,tickTime=5", "tickTime: found");
	assert_refused_by(THREE, &plain, NULL, NULL, "", "at least one participant");
}

static void
two_voters_stay_unless_stand_alone_is_off(void)
{
	PdkMembersRules alone = {.standalone_enabled = false, .version_allowed = true};

	assert_refused_by(THREE, &plain, NULL, "1,2", NULL, "found 1 participants in the new configuration, allowed: at least 2");
	assert_refused_by(THREE, &plain, NULL, NULL, "server.1=a:1:2", "at least 2");
	assert_changes_by(THREE, &alone, NULL, "1,2", NULL, "server.3=h3:1:2:participant\nversion=77");
	assert_refused_by(THREE, &alone, "server.3=h3:1:2:observer;5", "1,2", NULL, "at least 1");
}

static void
there_are_never_too_many_members(void)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (int i = 0; i < PDK_MEMBERS_MAX; i++)
		g_string_append_printf(text, "server.%d=h%d:1:2\n", i, i);
	assert_refused_by(text->str, &plain, "server.500=x:1:2;3", NULL, NULL, "allowed: at most 128");
}

#define CASE(name) CU_add_test(suite, #name, name)

static void
add_reading(void)
{
	CU_pSuite suite = CU_add_suite("reading and writing", NULL, NULL);
	CASE(the_text_is_canonical);
	CASE(a_text_of_a_live_ensemble_is_kept_to_the_byte);
	CASE(v6_hosts_stand_in_brackets);
	CASE(several_addresses_are_sorted_and_need_to_be_allowed);
	CASE(the_syntax_is_that_of_java_properties);
	CASE(nothing_can_be_smuggled_into_the_text);
	CASE(a_mistake_names_key_found_and_allowed);
	CASE(versions_and_other_keys_need_to_be_allowed);
	CASE(observers_need_voters);
	CASE(the_size_is_bounded);
	CASE(the_largest_configuration_can_be_written);
	CASE(a_file_holds_sorted_lines_without_a_version);
	CASE(a_client_address_of_the_static_file_is_known_but_not_told);
	CASE(only_three_kinds_of_keys_are_known);
}

int
main(void)
{
	CU_initialize_registry();
	add_reading();
	CU_pSuite suite = CU_add_suite("quorums", NULL, NULL);
	CASE(a_majority_of_the_voters_is_a_quorum);
	CASE(most_groups_with_most_of_their_weight_are_a_quorum);
	CASE(groups_are_checked);
	CASE(configurations_are_compared_by_version_then_content);
	suite = CU_add_suite("reconfiguration", NULL, NULL);
	CASE(servers_join_and_leave);
	CASE(mistakes_in_joining_and_leaving_are_refused);
	CASE(an_address_of_another_member_is_refused_unless_it_is_local);
	CASE(a_whole_list_replaces_everything);
	CASE(two_voters_stay_unless_stand_alone_is_off);
	CASE(there_are_never_too_many_members);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who belongs to the ensemble: one configuration, its text, its quorums. Immutable and counted. Source: QuorumPeerConfig,
 * QuorumPeer.QuorumServer, QuorumMaj, QuorumHierarchical.
 */
#ifndef PDK_REPLICA_MEMBERS_H
#define PDK_REPLICA_MEMBERS_H

#include "base/error.h"
#include "replica/sids.h"
#include <glib.h>

#define PDK_MEMBERS_MAX 128 /* members of a configuration */
#define PDK_MEMBERS_TEXT_MAX (256 * 1024)

typedef struct {
	char *host; /* name, IPv4 or IPv6 (without brackets) */
	uint16_t quorum_port, election_port;
} PdkMemberAddress;

typedef struct {
	int64_t sid;
	bool observer;
	PdkMemberAddress *addresses; /* at least one; more only with several addresses allowed */
	unsigned n_addresses;
	char *client_host;    /* NULL: no client address is known; "0.0.0.0" when only a port was given */
	uint16_t client_port;
	bool client_is_static; /* it came from clientPort of the static file: not part of the text */
	int64_t group;  /* hierarchical: its group, -1: none */
	int64_t weight; /* 1 unless given */
} PdkMember;

typedef struct PdkMembers PdkMembers;

typedef struct {
	bool several_addresses;  /* multiAddress.enabled: "|" is allowed */
	bool standalone_enabled; /* with it observers need two voters (standaloneEnabled) */
	bool version_allowed;    /* a "version=" line may stand in it (hexadecimal) */
	bool other_keys;         /* other keys are passed over (a static file); else they are an error */
} PdkMembersRules;

#define PDK_MEMBERS_ERROR g_quark_from_static_string("pdk-members-error")
enum { PDK_MEMBERS_ERROR_BAD };

/*
 * Reads lines "server.N=spec", "group.G=a:b:c", "weight.N=w" and "version=hex" as Java properties have them (escapes, comments,
 * '=' ':' or space between). NULL: @error names line or key, found and allowed. No server at all is an error.
 */
PdkMembers *pdk_members_parse(const char *text, size_t length, const PdkMembersRules *rules, GError **error);

/* Building by hand (configuration readers): each adds one, false with @error on a mistake; then `finish` checks the whole. */
typedef struct PdkMembersBuilder PdkMembersBuilder;
PdkMembersBuilder *pdk_members_builder_new(const PdkMembersRules *rules);
void pdk_members_builder_free(PdkMembersBuilder *builder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PdkMembersBuilder, pdk_members_builder_free)
/* Is @key one of server.N, group.N, weight.N? */
bool pdk_members_builder_knows(const char *key);
bool pdk_members_builder_add(PdkMembersBuilder *builder, const char *key, const char *value, GError **error);
/* The client address of @sid from clientPort, if its line has none. */
void pdk_members_builder_static_client(PdkMembersBuilder *builder, int64_t sid, const char *host, uint16_t port);
/* Consumes nothing; NULL and @error: groups that overlap or leave a participant out, too many members, no voter. */
PdkMembers *pdk_members_builder_finish(PdkMembersBuilder *builder, int64_t version, GError **error);

PdkMembers *pdk_members_ref(PdkMembers *members);
void pdk_members_unref(PdkMembers *members);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PdkMembers, pdk_members_unref)

int64_t pdk_members_version(const PdkMembers *members);
/* The same members under another version. */
PdkMembers *pdk_members_with_version(const PdkMembers *members, int64_t version);
bool pdk_members_hierarchical(const PdkMembers *members);

/* In rising order of sid. */
unsigned pdk_members_count(const PdkMembers *members);
const PdkMember *pdk_members_at(const PdkMembers *members, unsigned index);
const PdkMember *pdk_members_find(const PdkMembers *members, int64_t sid); /* NULL: not a member */
bool pdk_members_votes(const PdkMembers *members, int64_t sid);
unsigned pdk_members_voters(const PdkMembers *members);
int64_t pdk_members_weight(const PdkMembers *members, int64_t sid);
/* Only voters of it count. Majority, or most groups with a majority of weight each. */
bool pdk_members_quorum(const PdkMembers *members, const PdkSids *acks);
/* Same version, or same members, addresses, roles, groups and weights. */
bool pdk_members_equal(const PdkMembers *a, const PdkMembers *b);
/* Same member sets with equal addresses and roles, whatever the versions. */
bool pdk_members_same_servers(const PdkMembers *a, const PdkMembers *b);

/* The whole text with its "version=" line last and no newline at the end; belongs to @members. */
const char *pdk_members_text(const PdkMembers *members, size_t *length);
/* What a dynamic file holds: no version line, no newline at the end; g_free. */
char *pdk_members_file(const PdkMembers *members);
/* "host:port" (v6 in brackets) of an address. g_free. */
char *pdk_member_quorum_address(const PdkMember *member, unsigned index);
char *pdk_member_election_address(const PdkMember *member, unsigned index);

/*
 * A reconfiguration: what the request asks for, applied to @current, with the version @version. @joining and @leaving (comma
 * separated "server.N=spec" and sids) or @whole (comma or newline separated lines) may be NULL. NULL: *code is
 * PDK_ERR_BAD_ARGUMENTS, and *why a text for the log (g_free). Source: PrepRequestProcessor, opcode reconfig.
 */
PdkMembers *pdk_members_reconfigure(const PdkMembers *current, const char *joining, const char *leaving, const char *whole,
				    const PdkMembersRules *rules, int64_t version, PdkCode *code, char **why);

#endif

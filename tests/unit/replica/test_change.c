/* SPDX-License-Identifier: Apache-2.0 */
/* Proves how a list of members is recognised, kept, put in force and followed, and what a request to change it is refused for. */
#include "replica/replica-private.h"

#include <CUnit/Basic.h>

#define EPOCH INT64_C(0x100000000)
#define THREE "server.1=h1:1:2;3\nserver.2=h2:1:2;3\nserver.3=h3:1:2;3\n"
#define FOUR THREE "server.4=h4:1:2;3\n"

/* What the election was told. */
struct PdkElection {
	unsigned members, settled;
	PdkVote vote;
	PdkPeerState state;
};

typedef struct {
	PdkReplica *replica;
	PdkEffects *effects;
	PdkElection election;
	GString *said;
	char *config; /* what /zookeeper/config was set to, and with which zxid */
	int64_t config_zxid;
	PdkHandler handlers[4];
} World;

static void
election_step(PdkElection *election, const PdkElectionEvent *event, G_GNUC_UNUSED const PdkElectionOut *out)
{
	if (event->kind == PDK_ELECTION_MEMBERS)
		election->members++;
	if (event->kind != PDK_ELECTION_SETTLED)
		return;
	election->settled++;
	election->vote = event->settled.vote;
	election->state = event->settled.state;
}

static const PdkElectionOps election_ops = {.size = sizeof(PdkElectionOps), .queue_length = 1, .step = election_step};

static void
hook_say(void *context, G_GNUC_UNUSED PdkLogLevel level, const char *line)
{
	World *world = context;
	g_string_append_printf(world->said, "%s\n", line);
}

static void
hook_members(void *context, const PdkMembers *committed, int64_t zxid)
{
	World *world = context;
	g_free(world->config);
	world->config = g_strdup(pdk_members_text(committed, NULL));
	world->config_zxid = zxid;
}

static PdkMembers *
list_of(const char *text, int64_t version)
{
	PdkMembersRules rules = {.standalone_enabled = true};
	g_autoptr(PdkMembers) members = pdk_members_parse(text, strlen(text), &rules, NULL);

	CU_ASSERT_PTR_NOT_NULL_FATAL(members);
	return pdk_members_with_version(members, version);
}

/* Server 1, with @text as the committed list of version 0x100000000; it is @role, and server @leader leads. */
static World *
world_new(const char *text, PdkPeerState role, int64_t leader, bool reconfig)
{
	World *world = g_new0(World, 1);
	g_autoptr(PdkMembers) committed = list_of(text, EPOCH);
	PdkReplicaParams params = {
		.self = 1, .committed = committed, .rules = {.standalone_enabled = true}, .tick_ms = 2000, .init_limit = 10,
		.sync_limit = 5, .dial_timeout_ms = 5000, .max_buffer_bytes = 1 << 20, .history_count = 500,
		.reconfig_enabled = reconfig,
	};
	PdkReplicaHooks hooks = {.context = world, .say = hook_say, .members = hook_members};

	world->said = g_string_new(NULL);
	world->effects = pdk_effects_new();
	world->replica = pdk_replica_new(&params, &hooks, 1);
	pdk_replica_step(world->replica, 1000000, world->effects);
	CU_ASSERT_TRUE_FATAL(pdk_replica_join(world->replica, &election_ops, &world->election, NULL, NULL, 0, NULL));
	pdk_replica_begin(world->replica);
	pdk_effects_reset(world->effects);
	world->replica->role = role;
	world->replica->vote = (PdkVote){.leader = leader, .zxid = EPOCH, .round = 1, .peer_epoch = 1};
	return world;
}

static void
world_free(World *world)
{
	world->replica->handlers = NULL;
	world->replica->role = PDK_PEER_LOOKING;
	pdk_replica_free(world->replica);
	pdk_effects_free(world->effects);
	g_string_free(world->said, TRUE);
	g_free(world->config);
	g_free(world);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(World, world_free)

static World *
following(const char *text)
{
	return world_new(text, PDK_PEER_FOLLOWING, 2, true);
}

/* A learner that is up to date and acked @acked. */
static void
add_learner(World *world, int64_t sid, int64_t acked)
{
	unsigned i = 0;

	while (world->handlers[i].sid != 0)
		i++;
	world->handlers[i] = (PdkHandler){
		.sid = sid, .acked = acked, .stage = PDK_HANDLER_LIVE, .deadline_tick = 5, .next = world->replica->handlers};
	world->replica->handlers = &world->handlers[i];
}

static unsigned
commands_of(const World *world, PdkCommandType type)
{
	unsigned n = 0;

	for (unsigned i = 0; i < world->effects->n_commands; i++)
		n += world->effects->commands[i].type == type;
	return n;
}

/* The last MEMBERS command with @key: its text, "removed", or "nothing". */
static char *
file_of(const World *world, const char *key)
{
	for (unsigned i = world->effects->n_commands; i > 0; i--) {
		const PdkCommand *command = &world->effects->commands[i - 1];
		if (command->type != PDK_COMMAND_MEMBERS || strcmp(command->key, key) != 0)
			continue;
		if (command->part == NULL)
			return g_strdup("removed");
		size_t length;
		const char *text = g_bytes_get_data(command->part, &length);
		return g_strndup(text, length);
	}
	return g_strdup("nothing");
}

static void
assert_file(const World *world, const char *key, const char *wanted)
{
	g_autofree char *found = file_of(world, key);

	CU_ASSERT_STRING_EQUAL(found, wanted);
	if (strcmp(found, wanted) != 0)
		printf("\n    found  %s\n    wanted %s\n", found, wanted);
}

static void
see(World *world, const char *text, int64_t version)
{
	g_autoptr(PdkMembers) members = list_of(text, version);

	pdk_change_seen(world->replica, members);
}

static bool
commit(World *world, const char *text, int64_t version, int64_t designated)
{
	g_autoptr(PdkMembers) members = list_of(text, version);

	return pdk_change_committed(world->replica, members, designated, version);
}

/* ---- txns ---- */

static GBytes *
txn_of(int32_t type, const char *path, const char *text)
{
	PdkBuffer buffer = {0};

	pdk_put_long(&buffer, 0x77);
	pdk_put_int(&buffer, 1);
	pdk_put_long(&buffer, EPOCH + 5);
	pdk_put_long(&buffer, 1000);
	pdk_put_int(&buffer, type);
	pdk_put_string(&buffer, path);
	pdk_put_string(&buffer, text);
	pdk_put_int(&buffer, -1);
	pdk_put_int(&buffer, 2); /* a digest */
	pdk_put_long(&buffer, 1234);
	GBytes *txn = g_bytes_new(buffer.data, buffer.length);
	pdk_buffer_clear(&buffer);
	return txn;
}

static PdkMembers *
members_of(World *world, int32_t type, const char *path, const char *text)
{
	g_autoptr(GBytes) txn = txn_of(type, path, text);
	int64_t zxid = 0;
	PdkMembers *members = pdk_change_of_txn(world->replica, txn, &zxid);

	CU_ASSERT_EQUAL(zxid, members != NULL ? EPOCH + 5 : zxid);
	return members;
}

static void
a_reconfiguration_is_recognised_by_its_type(void)
{
	g_autoptr(World) world = following(THREE);
	g_autoptr(World) without = world_new(THREE, PDK_PEER_FOLLOWING, 2, false);
	g_autoptr(PdkMembers) members = members_of(world, 16, "/zookeeper/config", FOUR "version=100000005");

	CU_ASSERT_PTR_NOT_NULL_FATAL(members);
	CU_ASSERT_EQUAL(pdk_members_version(members), EPOCH + 5);
	CU_ASSERT_EQUAL(pdk_members_count(members), 4);
	CU_ASSERT_PTR_NULL(members_of(world, 5, "/zookeeper/config", FOUR));
	CU_ASSERT_PTR_NULL(members_of(without, 16, "/zookeeper/config", FOUR));
	CU_ASSERT_EQUAL(world->said->len, 0);
}

static void
an_unreadable_reconfiguration_is_said_and_passed_over(void)
{
	g_autoptr(World) world = following(THREE);
	g_autoptr(GBytes) whole = txn_of(16, "/zookeeper/config", FOUR);

	CU_ASSERT_PTR_NULL(members_of(world, 16, "/zookeeper/config", "server.1=nonsense"));
	CU_ASSERT_PTR_NOT_NULL(strstr(world->said->str, "txn 0x100000005 cannot be read"));
	CU_ASSERT_PTR_NULL(members_of(world, 16, "/other", FOUR));
	CU_ASSERT_PTR_NULL(members_of(world, 16, NULL, NULL));
	for (size_t length = 0; length < g_bytes_get_size(whole) - 12; length++) {
		g_autoptr(GBytes) part = g_bytes_new_from_bytes(whole, 0, length);
		int64_t zxid;
		CU_ASSERT_PTR_NULL(pdk_change_of_txn(world->replica, part, &zxid));
	}
}

/* ---- seen ---- */

static void
a_proposed_list_is_kept_and_its_voters_count(void)
{
	g_autoptr(World) world = following(THREE);
	const PdkEnsemble *ensemble = pdk_replica_ensemble(world->replica);

	CU_ASSERT_EQUAL(ensemble->n_voters, 3);
	see(world, "server.1=h1:1:2\nserver.5=h5:1:2\nserver.4=h4:1:2:observer", EPOCH + 5);
	assert_file(world, "next", "server.1=h1:1:2:participant\nserver.4=h4:1:2:observer\nserver.5=h5:1:2:participant\n"
				   "version=100000005");
	assert_file(world, "committed", "nothing");
	CU_ASSERT_EQUAL(world->election.members, 1);
	CU_ASSERT_EQUAL(ensemble->committed_version, EPOCH);
	CU_ASSERT_EQUAL(ensemble->last_seen_version, EPOCH + 5);
	CU_ASSERT_EQUAL_FATAL(ensemble->n_voters, 4);
	CU_ASSERT_EQUAL(ensemble->voters[3], 5);
	CU_ASSERT_TRUE(ensemble->is_voter(ensemble->context, 5));
	CU_ASSERT_FALSE(ensemble->is_voter(ensemble->context, 4));
	CU_ASSERT_FALSE(ensemble->quorum(ensemble->context, (int64_t[]){1, 2}, 2));
	CU_ASSERT_TRUE(ensemble->quorum(ensemble->context, (int64_t[]){1, 2, 5}, 3));
}

static void
a_version_is_seen_once_and_never_below_the_committed_one(void)
{
	g_autoptr(World) world = following(THREE);

	see(world, THREE, EPOCH);
	see(world, FOUR, EPOCH - 1);
	CU_ASSERT_EQUAL(world->effects->n_commands, 0);
	CU_ASSERT_EQUAL(world->election.members, 0);
	see(world, FOUR, EPOCH + 5);
	see(world, FOUR, EPOCH + 5);
	CU_ASSERT_EQUAL(commands_of(world, PDK_COMMAND_MEMBERS), 1);
}

/* The proposal of a leader that got no quorum gives way to what the next leader has. */
static void
a_leaders_older_proposal_replaces_one_that_never_got_through(void)
{
	g_autoptr(World) world = following(THREE);

	see(world, FOUR, EPOCH + 9);
	see(world, "server.1=h1:1:2\nserver.2=h2:1:2", EPOCH + 5);
	CU_ASSERT_EQUAL(pdk_replica_ensemble(world->replica)->last_seen_version, EPOCH + 5);
	see(world, THREE, EPOCH);
	assert_file(world, "next", "removed");
	CU_ASSERT_EQUAL(pdk_replica_ensemble(world->replica)->last_seen_version, EPOCH);
}

/* ---- committed ---- */

static void
a_committed_list_is_in_force_everywhere(void)
{
	g_autoptr(World) world = following(THREE);
	const PdkEnsemble *ensemble = pdk_replica_ensemble(world->replica);

	see(world, FOUR, EPOCH + 5);
	CU_ASSERT_FALSE(commit(world, FOUR, EPOCH + 5, 2));
	assert_file(world, "committed", "server.1=h1:1:2:participant;0.0.0.0:3\nserver.2=h2:1:2:participant;0.0.0.0:3\n"
					"server.3=h3:1:2:participant;0.0.0.0:3\nserver.4=h4:1:2:participant;0.0.0.0:3\n"
					"version=100000005");
	assert_file(world, "next", "removed");
	CU_ASSERT_STRING_EQUAL(world->config, pdk_members_text(pdk_replica_members(world->replica), NULL));
	CU_ASSERT_EQUAL(world->config_zxid, EPOCH + 5);
	CU_ASSERT_EQUAL(world->election.members, 2);
	CU_ASSERT_EQUAL(ensemble->n_voters, 4);
	CU_ASSERT_EQUAL(ensemble->committed_version, EPOCH + 5);
	CU_ASSERT_EQUAL(ensemble->last_seen_version, EPOCH + 5);
	CU_ASSERT_PTR_EQUAL(ensemble->committed_text, pdk_members_text(pdk_replica_members(world->replica), NULL));
	CU_ASSERT_FALSE(world->replica->handed_over);
	CU_ASSERT_EQUAL(commands_of(world, PDK_COMMAND_LISTEN), 0);
}

static void
a_list_that_is_not_newer_changes_nothing(void)
{
	g_autoptr(World) world = following(THREE);
	g_autoptr(World) without = world_new(THREE, PDK_PEER_FOLLOWING, 2, false);

	CU_ASSERT_FALSE(commit(world, FOUR, EPOCH, 4));
	CU_ASSERT_FALSE(commit(world, FOUR, EPOCH - 1, 4));
	CU_ASSERT_EQUAL(world->effects->n_commands, 0);
	CU_ASSERT_FALSE(commit(without, FOUR, EPOCH + 5, 4));
	see(without, FOUR, EPOCH + 5);
	CU_ASSERT_EQUAL(without->effects->n_commands, 0);
	CU_ASSERT_EQUAL(without->election.members, 0);
}

static void
another_version_of_the_same_list_moves_nobody(void)
{
	g_autoptr(World) world = following(THREE);

	CU_ASSERT_FALSE(commit(world, THREE, EPOCH + 5, -1));
	CU_ASSERT_EQUAL(pdk_members_version(pdk_replica_members(world->replica)), EPOCH + 5);
	CU_ASSERT_EQUAL(world->config_zxid, EPOCH + 5);
	world->replica->vote.leader = 9; /* not of the list, before and after */
	CU_ASSERT_FALSE(commit(world, THREE, EPOCH + 6, -1));
}

static void
a_newer_proposal_outlives_the_commit_of_an_older_one(void)
{
	g_autoptr(World) world = following(THREE);

	see(world, FOUR, EPOCH + 9);
	commit(world, "server.1=h1:1:2\nserver.2=h2:1:2", EPOCH + 5, 2);
	CU_ASSERT_EQUAL(pdk_replica_ensemble(world->replica)->last_seen_version, EPOCH + 9);
	CU_ASSERT_EQUAL(pdk_replica_ensemble(world->replica)->committed_version, EPOCH + 5);
	g_autofree char *next = file_of(world, "next");
	CU_ASSERT_PTR_NOT_NULL(strstr(next, "server.4"));
}

static void
a_named_leader_is_followed_without_an_election(void)
{
	g_autoptr(World) world = following(THREE);

	CU_ASSERT_TRUE(commit(world, "server.1=h1:1:2\nserver.3=h3:1:2", EPOCH + 5, 3));
	CU_ASSERT_TRUE(world->replica->handed_over);
	CU_ASSERT_EQUAL(world->replica->vote.leader, 3);
	CU_ASSERT_EQUAL(world->election.settled, 1);
	CU_ASSERT_EQUAL(world->election.state, PDK_PEER_FOLLOWING);
	CU_ASSERT_EQUAL(world->election.vote.leader, 3);
	CU_ASSERT_EQUAL(world->election.vote.zxid, EPOCH + 5);
	CU_ASSERT_EQUAL(world->election.vote.round, -1);
	CU_ASSERT_EQUAL(world->election.vote.peer_epoch, -1);
}

static void
another_role_of_this_server_is_taken_without_an_election(void)
{
	g_autoptr(World) world = following(THREE "server.4=h4:1:2;3\n");

	CU_ASSERT_TRUE(commit(world, "server.1=h1:1:2:observer\nserver.2=h2:1:2\nserver.3=h3:1:2", EPOCH + 5, 2));
	CU_ASSERT_TRUE(world->replica->handed_over);
	CU_ASSERT_EQUAL(world->replica->vote.leader, 2);
	CU_ASSERT_TRUE(pdk_replica_ensemble(world->replica)->observes);
	CU_ASSERT_FALSE(pdk_replica_ensemble(world->replica)->votes);
	/* Removed: it is a follower without a vote. */
	CU_ASSERT_TRUE(commit(world, "server.2=h2:1:2\nserver.3=h3:1:2", EPOCH + 6, 2));
	CU_ASSERT_FALSE(pdk_replica_ensemble(world->replica)->observes);
	CU_ASSERT_FALSE(pdk_replica_ensemble(world->replica)->votes);
	/* And a voter again: no other role. */
	world->replica->handed_over = false;
	CU_ASSERT_FALSE(commit(world, THREE, EPOCH + 7, 2));
	CU_ASSERT_FALSE(world->replica->handed_over);
}

static void
without_a_named_leader_the_present_one_stays_where_it_is(void)
{
	g_autoptr(World) world = following(THREE);

	CU_ASSERT_FALSE(commit(world, FOUR, EPOCH + 5, -1));
	CU_ASSERT_TRUE(commit(world, "server.1=h1:1:2\nserver.2=h2:9:2\nserver.3=h3:1:2", EPOCH + 6, -1));
	CU_ASSERT_TRUE(commit(world, "server.1=h1:1:2\nserver.2=h2:9:2:observer\nserver.3=h3:1:2", EPOCH + 7, -1));
	CU_ASSERT_TRUE(commit(world, "server.1=h1:1:2\nserver.3=h3:1:2", EPOCH + 8, -1));
	CU_ASSERT_FALSE(world->replica->handed_over);
	CU_ASSERT_EQUAL(world->election.settled, 0);
}

static void
listeners_follow_this_servers_own_line(void)
{
	g_autoptr(World) world = following(THREE);

	commit(world, "server.1=h1:1:7\nserver.2=h2:1:2\nserver.3=h3:1:2", EPOCH + 5, 2);
	CU_ASSERT_EQUAL(commands_of(world, PDK_COMMAND_UNLISTEN), 1);
	CU_ASSERT_EQUAL(commands_of(world, PDK_COMMAND_LISTEN), 1);
	commit(world, "server.1=h9:1:7\nserver.2=h2:1:2\nserver.3=h3:1:2", EPOCH + 6, 2);
	CU_ASSERT_EQUAL(commands_of(world, PDK_COMMAND_LISTEN), 3);
	commit(world, "server.2=h2:1:2\nserver.3=h3:1:2", EPOCH + 7, 2);
	CU_ASSERT_EQUAL(commands_of(world, PDK_COMMAND_LISTEN), 3);
}

/* ---- at the leader ---- */

static World *
leading(const char *text)
{
	return world_new(text, PDK_PEER_LEADING, 1, true);
}

static int64_t
designated(World *world, const char *text)
{
	g_autoptr(PdkMembers) members = list_of(text, EPOCH + 5);

	return pdk_change_designated(world->replica, members, EPOCH + 5);
}

static void
the_leader_leads_on_while_it_votes_at_its_place(void)
{
	g_autoptr(World) world = leading(FOUR);

	add_learner(world, 2, EPOCH + 7);
	CU_ASSERT_EQUAL(designated(world, THREE), 1);
	CU_ASSERT_EQUAL(designated(world, "server.1=h1:1:9\nserver.2=h2:1:2\n"), 1);
	CU_ASSERT_EQUAL(designated(world, "server.1=h1:9:2\nserver.2=h2:1:2\n"), 2);
	CU_ASSERT_EQUAL(designated(world, "server.1=h1:1:2:observer\nserver.2=h2:1:2\nserver.3=h3:1:2"), 2);
}

static void
who_acked_most_is_named(void)
{
	g_autoptr(World) world = leading(FOUR "server.5=h5:1:2\n");

	add_learner(world, 2, EPOCH + 6);
	add_learner(world, 3, EPOCH + 7);
	add_learner(world, 4, EPOCH + 4);
	add_learner(world, 5, EPOCH + 9);
	world->handlers[3].observer = true;
	CU_ASSERT_EQUAL(designated(world, "server.2=h2:1:2\nserver.3=h3:1:2\nserver.4=h4:1:2\nserver.5=h5:1:2"), 3);
	CU_ASSERT_EQUAL(designated(world, "server.2=h2:1:2\nserver.4=h4:1:2"), 2);
	CU_ASSERT_EQUAL(designated(world, "server.4=h4:1:2"), 1); /* nobody who acked: it cannot be committed yet */
	CU_ASSERT_EQUAL(designated(world, "server.2=h2:1:2\nserver.3=h3:1:2\ngroup.1=2:3\nweight.3=0"), 2);
	world->handlers[0].acked = EPOCH + 7;
	CU_ASSERT_EQUAL(designated(world, "server.2=h2:1:2\nserver.3=h3:1:2"), 3);
}

static PdkCode
ask(World *world, const char *leaving, const char *whole, int64_t from_version)
{
	PdkCode code = PDK_OK;
	g_autoptr(PdkMembers) members =
		pdk_replica_reconfigure(world->replica, NULL, leaving, whole, from_version, EPOCH + 5, &code);

	CU_ASSERT_EQUAL(members != NULL, code == PDK_OK);
	CU_ASSERT_TRUE(members == NULL || pdk_members_version(members) == EPOCH + 5);
	return code;
}

static void
a_request_is_checked_in_order(void)
{
	g_autoptr(World) without = world_new(THREE, PDK_PEER_LEADING, 1, false);
	g_autoptr(World) world = leading(FOUR);

	CU_ASSERT_EQUAL(ask(without, "x", NULL, 7), PDK_ERR_RECONFIG_DISABLED);
	CU_ASSERT_EQUAL(ask(world, "x", NULL, 7), PDK_ERR_BAD_VERSION);
	CU_ASSERT_EQUAL(ask(world, "x", NULL, EPOCH), PDK_ERR_BAD_ARGUMENTS);
	CU_ASSERT_EQUAL(ask(world, "2,3,4", NULL, -1), PDK_ERR_BAD_ARGUMENTS);
	CU_ASSERT_EQUAL(ask(world, "4", NULL, -1), PDK_ERR_NEW_CONFIG_NO_QUORUM);
	add_learner(world, 2, EPOCH);
	CU_ASSERT_EQUAL(ask(world, "4", NULL, -1), PDK_OK);
	CU_ASSERT_EQUAL(ask(world, NULL, "server.8=h8:1:2,server.9=h9:1:2", -1), PDK_ERR_NEW_CONFIG_NO_QUORUM);
	see(world, THREE, EPOCH + 4);
	CU_ASSERT_EQUAL(ask(world, "x", NULL, 7), PDK_ERR_RECONFIG_IN_PROGRESS);
}

static void
only_followers_that_are_live_and_in_time_make_the_new_quorum(void)
{
	g_autoptr(World) world = leading(FOUR);

	add_learner(world, 2, EPOCH);
	world->replica->leading.tick = 5;
	CU_ASSERT_EQUAL(ask(world, "4", NULL, -1), PDK_OK);
	world->replica->leading.tick = 6;
	CU_ASSERT_EQUAL(ask(world, "4", NULL, -1), PDK_ERR_NEW_CONFIG_NO_QUORUM);
	world->replica->leading.tick = 5;
	world->handlers[0].observer = true;
	CU_ASSERT_EQUAL(ask(world, "4", NULL, -1), PDK_ERR_NEW_CONFIG_NO_QUORUM);
	world->handlers[0].observer = false;
	world->handlers[0].stage = PDK_HANDLER_ACKED;
	CU_ASSERT_EQUAL(ask(world, "4", NULL, -1), PDK_ERR_NEW_CONFIG_NO_QUORUM);
}

#define CASE(name) CU_add_test(suite, #name, name)

int
main(void)
{
	CU_initialize_registry();
	CU_pSuite suite = CU_add_suite("proposed", NULL, NULL);
	CASE(a_reconfiguration_is_recognised_by_its_type);
	CASE(an_unreadable_reconfiguration_is_said_and_passed_over);
	CASE(a_proposed_list_is_kept_and_its_voters_count);
	CASE(a_version_is_seen_once_and_never_below_the_committed_one);
	CASE(a_leaders_older_proposal_replaces_one_that_never_got_through);
	suite = CU_add_suite("committed", NULL, NULL);
	CASE(a_committed_list_is_in_force_everywhere);
	CASE(a_list_that_is_not_newer_changes_nothing);
	CASE(another_version_of_the_same_list_moves_nobody);
	CASE(a_newer_proposal_outlives_the_commit_of_an_older_one);
	CASE(a_named_leader_is_followed_without_an_election);
	CASE(another_role_of_this_server_is_taken_without_an_election);
	CASE(without_a_named_leader_the_present_one_stays_where_it_is);
	CASE(listeners_follow_this_servers_own_line);
	suite = CU_add_suite("at the leader", NULL, NULL);
	CASE(the_leader_leads_on_while_it_votes_at_its_place);
	CASE(who_acked_most_is_named);
	CASE(a_request_is_checked_in_order);
	CASE(only_followers_that_are_live_and_in_time_make_the_new_quorum);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Proves what makes a server a member of an ensemble, from either configuration file, and how mistakes are told. */
#include "host/configuration.h"
#include "host/dynamic-files.h"
#include "host/files.h"
#include "host/membership.h"
#include "suite.h"

#include <glib/gstdio.h>

#define LIMITS "initLimit=10\nsyncLimit=5\n"
#define THREE "server.1=a:2888:3888\nserver.2=b:2888:3888\nserver.3=c:2888:3888\n"

/* A directory of one case: the data directory and the place of the files. */
typedef struct {
	char *directory;
} Place;

static Place
place_new(const char *myid)
{
	Place place = {g_dir_make_tmp("paddock-ensemble-XXXXXX", NULL)};

	CU_ASSERT_PTR_NOT_NULL_FATAL(place.directory);
	g_autofree char *path = g_build_filename(place.directory, "myid", NULL);
	if (myid)
		g_file_set_contents(path, myid, -1, NULL);
	return place;
}

static void
place_clear(Place *place)
{
	g_autoptr(GDir) dir = g_dir_open(place->directory, 0, NULL);

	for (const char *name = g_dir_read_name(dir); name; name = g_dir_read_name(dir)) {
		g_autofree char *path = g_build_filename(place->directory, name, NULL);
		g_unlink(path);
	}
	g_rmdir(place->directory);
	g_free(place->directory);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Place, place_clear)

static char *
path_in(const Place *place, const char *name)
{
	return g_build_filename(place->directory, name, NULL);
}

static void
put_file(const Place *place, const char *name, const char *text)
{
	g_autofree char *path = path_in(place, name);

	CU_ASSERT_TRUE_FATAL(g_file_set_contents(path, text, -1, NULL));
}

static char *
get_file(const Place *place, const char *name)
{
	g_autofree char *path = path_in(place, name);
	char *text = NULL;

	g_file_get_contents(path, &text, NULL, NULL);
	return text;
}

/* A zoo.cfg of @text whose dataDir is the place, which is where it lies. */
static PdkConfiguration *
read_zoo(const Place *place, const char *text, GError **error)
{
	g_autoptr(PdkLoader) loader = twins_loader();
	g_autofree char *whole = g_strdup_printf("dataDir=%s\nclientPort=2181\n%s", place->directory, text);
	g_autofree char *path = path_in(place, "zoo.cfg");

	put_file(place, "zoo.cfg", whole);
	return pdk_zoocfg_load(path, loader, error);
}

static PdkConfiguration *
read_conf(const Place *place, const char *text, GError **error)
{
	g_autoptr(PdkLoader) loader = twins_loader();
	g_autofree char *whole = g_strdup_printf("data_dir = \"%s\";\n%s", place->directory, text);

	return pdk_conf_parse("p.conf", whole, strlen(whole), loader, error);
}

static PdkConfiguration *
good(PdkConfiguration *configuration, GError **error)
{
	if (configuration == NULL)
		printf("\n    %s\n", (*error)->message);
	CU_ASSERT_PTR_NOT_NULL_FATAL(configuration);
	return configuration;
}

static PdkConfiguration *
zoo_good(const Place *place, const char *text)
{
	g_autoptr(GError) error = NULL;

	return good(read_zoo(place, text, &error), &error);
}

static PdkConfiguration *
conf_good(const Place *place, const char *text)
{
	g_autoptr(GError) error = NULL;

	return good(read_conf(place, text, &error), &error);
}

static void
assert_mistake(PdkConfiguration *configuration, GError **error, const char *message)
{
	g_autoptr(PdkConfiguration) nothing = configuration;

	CU_ASSERT_PTR_NULL(nothing);
	assert_holds(*error ? (*error)->message : NULL, message);
	g_clear_error(error);
}

static void
zoo_bad(const char *myid, const char *text, const char *message)
{
	g_auto(Place) place = place_new(myid);
	g_autoptr(GError) error = NULL;

	assert_mistake(read_zoo(&place, text, &error), &error, message);
}

static void
conf_bad(const char *myid, const char *text, const char *message)
{
	g_auto(Place) place = place_new(myid);
	g_autoptr(GError) error = NULL;

	assert_mistake(read_conf(&place, text, &error), &error, message);
}

static void
assert_one_warning(const PdkConfiguration *configuration, const char *message)
{
	CU_ASSERT_EQUAL(configuration->warnings->len, 1);
	assert_holds(configuration->warnings->len ? g_ptr_array_index(configuration->warnings, 0) : NULL, message);
}

static const char *
conf_pair(const PdkConfiguration *configuration, const char *key)
{
	for (const PdkPair *pair = configuration->settings->conf; pair->key; pair++)
		if (strcmp(pair->key, key) == 0)
			return pair->value;
	return NULL;
}

static const char *
first_name(const PdkConfiguration *configuration, PdkKind kind)
{
	const GPtrArray *list = configuration->chosen[kind];

	return list->len ? ((PdkChosen *)g_ptr_array_index(list, 0))->plugin->name : NULL;
}

static const char *
listen_of(const PdkConfiguration *configuration)
{
	return pdk_config_list(((PdkChosen *)g_ptr_array_index(configuration->chosen[PDK_KIND_TRANSPORT], 0))->config, "listen")[0];
}

/* ---- zoo.cfg ---- */

static void
members_of_a_zoo_cfg_make_an_ensemble(void)
{
	g_auto(Place) place = place_new("2\n");
	g_autoptr(PdkConfiguration) configuration = zoo_good(&place, "tickTime=2000\n" LIMITS THREE "server.4=d:2888:3888:observer\n");
	const PdkSettings *settings = configuration->settings;
	const PdkReplicaParams *replica = settings->replica;

	CU_ASSERT_PTR_NOT_NULL_FATAL(replica);
	CU_ASSERT_EQUAL(replica->self, 2);
	CU_ASSERT_EQUAL(settings->server_id, 2);
	CU_ASSERT_EQUAL(pdk_members_voters(replica->committed), 3);
	CU_ASSERT_EQUAL(pdk_members_count(replica->committed), 4);
	CU_ASSERT_EQUAL(pdk_members_version(replica->committed), 0);
	CU_ASSERT_PTR_NULL(replica->last_seen);
	CU_ASSERT_EQUAL(replica->tick_ms, 2000);
	CU_ASSERT_EQUAL(replica->init_limit, 10);
	CU_ASSERT_EQUAL(replica->sync_limit, 5);
	CU_ASSERT_TRUE(replica->rules.version_allowed);
	CU_ASSERT_STRING_EQUAL(first_name(configuration, PDK_KIND_ELECTION), "fle");
	CU_ASSERT_TRUE(g_path_is_absolute(settings->config_file));
	CU_ASSERT_EQUAL(configuration->warnings->len, 0);
	/* The client address of this server comes from the static file: it is no part of the text. */
	CU_ASSERT_TRUE(pdk_members_find(replica->committed, 2)->client_is_static);
	CU_ASSERT_EQUAL(pdk_members_find(replica->committed, 2)->client_port, 2181);

	CU_ASSERT_STRING_EQUAL(conf_pair(configuration, "serverId"), "2");
	CU_ASSERT_STRING_EQUAL(conf_pair(configuration, "initLimit"), "10");
	CU_ASSERT_STRING_EQUAL(conf_pair(configuration, "electionAlg"), "3");
	CU_ASSERT_STRING_EQUAL(conf_pair(configuration, "electionPort"), "3888");
	CU_ASSERT_STRING_EQUAL(conf_pair(configuration, "quorumPort"), "2888");
	CU_ASSERT_STRING_EQUAL(conf_pair(configuration, "peerType"), "0");
	assert_holds(conf_pair(configuration, "membership"), "server.3=c:2888:3888:participant\n");
	assert_holds(conf_pair(configuration, "membership"), "\nversion=0");
}

static void
one_participant_stands_alone_unless_told_otherwise(void)
{
	g_auto(Place) place = place_new("1");
	g_autoptr(PdkConfiguration) alone = zoo_good(&place, LIMITS "server.1=a:1:2\n");
	CU_ASSERT_PTR_NULL(alone->settings->replica);
	CU_ASSERT_EQUAL(alone->chosen[PDK_KIND_ELECTION]->len, 0);
	g_autoptr(PdkConfiguration) member = zoo_good(&place, LIMITS "standaloneEnabled=false\nserver.1=a:1:2\n");
	CU_ASSERT_PTR_NOT_NULL(member->settings->replica);
	zoo_bad("1", LIMITS "server.1=a:1:2\nserver.2=b:1:2:observer\n",
		"zoo.cfg: server.N: found \"1 participants, 1 observers\"");
}

static void
a_bad_myid_is_told(void)
{
	zoo_bad(NULL, LIMITS THREE, "/myid: found no such file, allowed: one with the number of this server, one of 1, 2, 3");
	zoo_bad("", LIMITS THREE, "/myid: found \"\", allowed: the number of this server, decimal");
	zoo_bad("two\n", LIMITS THREE, "/myid: found \"two\", allowed: the number of this server, decimal");
	zoo_bad("9\n", LIMITS THREE, "/myid: found 9, allowed: a member of the ensemble, one of 1, 2, 3 (see ");
	g_auto(Place) place = place_new(" 3 \r\nrest");
	g_autoptr(PdkConfiguration) configuration = zoo_good(&place, LIMITS THREE);
	CU_ASSERT_EQUAL(configuration->settings->replica->self, 3);
}

static void
an_ensemble_needs_its_limits(void)
{
	zoo_bad("1", "syncLimit=5\n" THREE, "zoo.cfg: initLimit: found none, allowed: ticks, 1 or more");
	zoo_bad("1", "initLimit=5\n" THREE, "zoo.cfg: syncLimit: found none, allowed: ticks, 1 or more");
	zoo_bad("1", "initLimit=0\nsyncLimit=5\n" THREE, "zoo.cfg:3: initLimit: found 0, allowed: ticks, 1 or more");
	zoo_bad("1", LIMITS THREE "electionAlg=1\n", "zoo.cfg:8: electionAlg: found \"1\", allowed: 3");
	zoo_bad("1", LIMITS THREE "server.4=d:1\n", "zoo.cfg:8: server.4: found \"d:1\", allowed: HOST:QUORUM_PORT");
}

static void
the_peer_type_is_a_hint_only(void)
{
	g_auto(Place) place = place_new("1");
	g_autoptr(PdkConfiguration) agrees = zoo_good(&place, LIMITS THREE "peerType=participant\n");
	CU_ASSERT_EQUAL(agrees->warnings->len, 0);
	g_autoptr(PdkConfiguration) differs = zoo_good(&place, LIMITS THREE "peerType=observer\n");
	assert_one_warning(differs, "peerType: found \"observer\", but server.1 in ");
	CU_ASSERT_TRUE(pdk_members_votes(differs->settings->replica->committed, 1));
	zoo_bad("1", LIMITS THREE "peerType=leader\n", "zoo.cfg:8: peerType: found \"leader\", allowed: participant, observer");
}

static void
every_key_of_an_ensemble_finds_its_place(void)
{
	g_auto(Place) place = place_new("1");
	g_autoptr(PdkConfiguration) configuration =
		zoo_good(&place, LIMITS "connectToLearnerMasterLimit=7\nzookeeper.cnxTimeout=900\nelectionPortBindRetry=0\n"
				 "quorumListenOnAllIPs=true\nmultiAddress.enabled=true\nsyncEnabled=false\ncommitLogCount=50\n"
				 "snapshotSizeFactor=-1\nobserver.election.DelayMs=11\nobserverMasterPort=2191\nobserverMaster.sizeLimit=99\n"
				 "leaderServes=no\nlocalSessionsEnabled=true\n"
				 "localSessionsUpgradingEnabled=true\nreconfigEnabled=true\nreadonlymode.enabled=true\n"
				 "leader.maxTimeToWaitForEpoch=77\nfastleader.maxNotificationInterval=5000\n"
				 "jute.maxbuffer=4096\npaddock.election=fle\n"
				 "server.1=a:1:2|b:3:4\nserver.2=c:1:2\n");
	const PdkSettings *settings = configuration->settings;
	const PdkReplicaParams *replica = settings->replica;
	const PdkConfig *fle = ((PdkChosen *)g_ptr_array_index(configuration->chosen[PDK_KIND_ELECTION], 0))->config;

	CU_ASSERT_EQUAL(configuration->warnings->len, 0);
	CU_ASSERT_EQUAL(replica->connect_limit, 7);
	CU_ASSERT_EQUAL(replica->dial_timeout_ms, 900);
	CU_ASSERT_EQUAL(replica->bind_retries, 0);
	CU_ASSERT_TRUE(replica->listen_on_all_ips && replica->rules.several_addresses && !replica->sync_enabled);
	CU_ASSERT_EQUAL(replica->history_count, 50);
	CU_ASSERT_EQUAL(replica->snapshot_size_factor, -1);
	CU_ASSERT_EQUAL(replica->observer_delay_ms, 11);
	CU_ASSERT_EQUAL(replica->observer_master_port, 2191);
	CU_ASSERT_EQUAL(replica->observer_master_bytes, 99);
	CU_ASSERT_EQUAL(replica->max_epoch_wait_ms, 77);
	CU_ASSERT_EQUAL(replica->max_buffer_bytes, 4096);
	CU_ASSERT_TRUE(replica->reconfig_enabled && settings->read_only_mode);
	CU_ASSERT_TRUE(!settings->leader_serves && settings->local_sessions && settings->local_sessions_upgrading);
	CU_ASSERT_EQUAL(pdk_config_int(fle, "notification_max_ms"), 5000);
	CU_ASSERT_STRING_EQUAL(conf_pair(configuration, "quorumPort"), "1|3");
}

static void
what_peers_cannot_do_yet_is_refused_or_named(void)
{
	zoo_bad("1", LIMITS THREE "sslQuorum=true\n",
		"zoo.cfg:8: sslQuorum: found \"true\", allowed: false (this build has no TLS)");
	zoo_bad("1", LIMITS THREE "quorum.auth.enableSasl=true\n",
		"zoo.cfg:8: quorum.auth.enableSasl: found \"true\", allowed: false");
	zoo_bad("1", LIMITS "server.1=a:1:2|b:1:2\nserver.2=c:1:2\n", "zoo.cfg:5: server.1: found \"a:1:2|b:1:2\", allowed: ");
	zoo_bad("1", LIMITS THREE "observerMasterPort=65536\n", "zoo.cfg:8: observerMasterPort: found \"65536\", allowed: ");
}

static void
the_own_line_may_say_where_clients_are_served(void)
{
	g_auto(Place) place = place_new("1");
	g_autoptr(PdkConfiguration) same = zoo_good(&place, LIMITS "server.1=a:1:2;2181\nserver.2=b:1:2;9\n");
	CU_ASSERT_STRING_EQUAL(listen_of(same), "*:2181");
	zoo_bad("1", LIMITS "server.1=a:1:2;2182\nserver.2=b:1:2\n",
		"zoo.cfg:2: clientPort: found 2181, allowed: nothing, or what server.1 in ");

	g_autoptr(PdkLoader) loader = twins_loader();
	g_autoptr(GError) error = NULL;
	g_autofree char *text = g_strdup_printf("dataDir=%s\n" LIMITS "server.1=a:1:2;10.0.0.1:77\nserver.2=b:1:2\n", place.directory);
	g_autoptr(PdkConfiguration) line = pdk_zoocfg_parse("zoo.cfg", text, strlen(text), loader, &error);
	CU_ASSERT_STRING_EQUAL(listen_of(good(line, &error)), "10.0.0.1:77");
	CU_ASSERT_STRING_EQUAL(conf_pair(line, "clientPort"), "77");
}

static void
groups_and_weights_make_hierarchical_quorums(void)
{
	g_auto(Place) place = place_new("1");
	g_autoptr(PdkConfiguration) configuration = zoo_good(&place, LIMITS THREE "group.1=1:2\ngroup.2=3\nweight.2=0\n");
	const PdkMembers *members = configuration->settings->replica->committed;
	CU_ASSERT_TRUE(pdk_members_hierarchical(members));
	CU_ASSERT_EQUAL(pdk_members_weight(members, 2), 0);
	zoo_bad("1", LIMITS THREE "group.1=1:2\n", "zoo.cfg: server.3: found \"participant\", allowed: participants in a group");
}

/* ---- the dynamic file ---- */

static void
members_may_stand_in_a_dynamic_file(void)
{
	g_auto(Place) place = place_new("3");
	g_autofree char *path = path_in(&place, "zoo.cfg.dynamic.10000000a");
	g_autofree char *text = g_strdup_printf(LIMITS "dynamicConfigFile=%s\n", path);

	put_file(&place, "zoo.cfg.dynamic.10000000a", THREE);
	g_autoptr(PdkConfiguration) configuration = zoo_good(&place, text);
	CU_ASSERT_STRING_EQUAL(configuration->settings->dynamic_file, path);
	CU_ASSERT_EQUAL(pdk_members_version(configuration->settings->replica->committed), 0x10000000a);
	CU_ASSERT_EQUAL(pdk_members_voters(configuration->settings->replica->committed), 3);

	g_autoptr(GError) error = NULL;
	g_autofree char *both = g_strconcat(text, "server.1=a:1:2\n", NULL);
	assert_mistake(read_zoo(&place, both, &error), &error,
		       "zoo.cfg:6: server.1: found this beside dynamicConfigFile on line 5, allowed: members in that file only");
	put_file(&place, "zoo.cfg.dynamic.10000000a", THREE "version=1\n");
	assert_mistake(read_zoo(&place, text, &error), &error, "zoo.cfg.dynamic.10000000a:4: version: found this key, allowed: ");
	g_unlink(path);
	assert_mistake(read_zoo(&place, text, &error), &error, "zoo.cfg.dynamic.10000000a: cannot be read: ");
}

static void
the_newest_dynamic_file_is_that_of_the_highest_version(void)
{
	g_auto(Place) place = place_new(NULL);
	g_autofree char *prefix = path_in(&place, "ensemble");
	static const char *const names[] = {
		"ensemble.dynamic.9", "ensemble.dynamic.100000001", "ensemble.dynamic.20", "ensemble.dynamic.next",
		"ensemble.dynamic.200000001.tmp", "other.dynamic.300000001", "ensemble.dynamic.xyz",
	};

	CU_ASSERT_PTR_NULL(pdk_dynamic_files_newest(prefix));
	for (unsigned i = 0; i < G_N_ELEMENTS(names); i++)
		put_file(&place, names[i], "");
	g_autofree char *newest = pdk_dynamic_files_newest(prefix);
	assert_holds(newest, "/ensemble.dynamic.100000001");
	CU_ASSERT_EQUAL(pdk_dynamic_files_version(newest), 0x100000001);
	CU_ASSERT_EQUAL(pdk_dynamic_files_version("/etc/zoo.cfg.dynamic"), 0);
}

static void
a_proposed_configuration_is_remembered(void)
{
	g_auto(Place) place = place_new("3");

	put_file(&place, "zoo.cfg.dynamic.next", THREE "server.4=d:1:2\nversion=100000005");
	g_autoptr(PdkConfiguration) configuration = zoo_good(&place, LIMITS THREE);
	CU_ASSERT_PTR_NOT_NULL_FATAL(configuration->settings->replica->last_seen);
	CU_ASSERT_EQUAL(pdk_members_version(configuration->settings->replica->last_seen), 0x100000005);
	put_file(&place, "zoo.cfg.dynamic.next", "server.4=d");
	g_autoptr(PdkConfiguration) broken = zoo_good(&place, LIMITS THREE);
	CU_ASSERT_PTR_NULL(broken->settings->replica->last_seen);
	assert_one_warning(broken, "zoo.cfg.dynamic.next has no effect: server.4: found \"d\"");
}

/* A host that does at once what it is asked to. */
static GString *said;

static void
say(const PdkHost *self G_GNUC_UNUSED, PdkLogLevel level, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	g_string_append_printf(said, "%d ", (int)level);
	g_string_append_vprintf(said, format, arguments);
	va_end(arguments);
}

static void
do_at_once(const PdkHost *self G_GNUC_UNUSED, PdkLane lane, PdkWork work, PdkWork done, void *data)
{
	CU_ASSERT_EQUAL(lane, PDK_LANE_LOG);
	work(data);
	done(data);
}

static void
keep(const PdkSettings *settings, bool committed, const char *text)
{
	const PdkHost host = {.size = sizeof(PdkHost), .log = say, .offload = do_at_once, .files = pdk_files_system()};
	PdkDynamicFiles *files = pdk_dynamic_files_new(&host, settings);
	g_autoptr(GBytes) bytes = text ? g_bytes_new(text, strlen(text)) : NULL;

	g_string_set_size(said, 0);
	if (committed)
		pdk_dynamic_files_commit(files, bytes);
	else
		pdk_dynamic_files_propose(files, bytes);
	pdk_dynamic_files_free(files);
}

static void
a_committed_configuration_moves_into_a_file_of_its_own(void)
{
	g_auto(Place) place = place_new("1");
	g_autoptr(PdkConfiguration) before =
		zoo_good(&place, "# a comment\npeerType=participant\n" LIMITS THREE "4lw.commands.whitelist=a\\\\b\n");
	said = g_string_new(NULL);
	keep(before->settings, false, THREE "version=200000001");
	g_autofree char *next = get_file(&place, "zoo.cfg.dynamic.next");
	assert_holds(next, "version=200000001");

	keep(before->settings, true, "server.2=b:1:2\nserver.1=a:3:4;2182\nversion=200000001");
	assert_holds(said->str, "members-kept file=");
	keep(before->settings, false, NULL);
	CU_ASSERT_PTR_NULL(get_file(&place, "zoo.cfg.dynamic.next"));
	g_autofree char *dynamic = get_file(&place, "zoo.cfg.dynamic.200000001"), *fixed = get_file(&place, "zoo.cfg");
	CU_ASSERT_STRING_EQUAL(dynamic, "server.1=a:3:4:participant;0.0.0.0:2182\nserver.2=b:1:2:participant");
	g_autofree char *wanted = g_strdup_printf("dataDir=%s\ninitLimit=10\nsyncLimit=5\n4lw.commands.whitelist=a\\\\b\n"
						  "dynamicConfigFile=%s/zoo.cfg.dynamic.200000001\n",
						  place.directory, place.directory);
	CU_ASSERT_STRING_EQUAL(fixed, wanted);

	g_autoptr(PdkLoader) loader = twins_loader();
	g_autoptr(GError) error = NULL;
	g_autofree char *path = path_in(&place, "zoo.cfg");
	g_autoptr(PdkConfiguration) after = pdk_zoocfg_load(path, loader, &error);
	CU_ASSERT_EQUAL(pdk_members_version(good(after, &error)->settings->replica->committed), 0x200000001);
	CU_ASSERT_STRING_EQUAL(listen_of(after), "*:2182");

	/* Where clientPort is not part of the text, it stays. */
	put_file(&place, "zoo.cfg", "clientPort=7\n");
	keep(before->settings, true, "server.2=b:1:2\nserver.1=a:3:4\nversion=200000002");
	g_autofree char *stays = get_file(&place, "zoo.cfg");
	assert_holds(stays, "clientPort=7\ndynamicConfigFile=");

	/* What cannot be kept is a warning. */
	g_free(before->settings->dynamic_prefix);
	before->settings->dynamic_prefix = g_strdup("/nonexistent/zoo.cfg");
	keep(before->settings, true, "server.2=b:1:2\nserver.1=a:3:4\nversion=3");
	assert_holds(said->str, "2 members-not-kept which=committed");
	g_string_free(said, TRUE);
}

/* A transport that remembers what it was asked for, and cannot listen on port 7. */
static char *
listen_for_show(PdkTransport *self G_GNUC_UNUSED, PdkPurpose purpose, const char *address, int backlog G_GNUC_UNUSED,
		GError **error)
{
	g_string_append_printf(said, "listen %d %s, ", (int)purpose, address);
	if (!g_str_has_suffix(address, ":7"))
		return g_strdup(address);
	g_set_error_literal(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "taken");
	return NULL;
}

static void
stop_for_show(PdkTransport *self G_GNUC_UNUSED, PdkPurpose purpose)
{
	g_string_append_printf(said, "stop %d, ", (int)purpose);
}

static void
change(PdkMembership *membership, const char *text)
{
	g_autoptr(GBytes) bytes = g_bytes_new(text, strlen(text));

	g_string_set_size(said, 0);
	pdk_membership_change(membership, "committed", bytes);
}

static void
clients_are_served_where_the_members_say(void)
{
	g_auto(Place) place = place_new("1");
	g_autoptr(PdkConfiguration) configuration = zoo_good(&place, LIMITS THREE);
	const PdkHost host = {.size = sizeof(PdkHost), .log = say, .offload = do_at_once, .files = pdk_files_system()};
	const PdkTransportOps ops = {
		.size = sizeof(PdkTransportOps), .listen = listen_for_show, .stop_listening_for = stop_for_show,
	};
	PdkMembership *membership = pdk_membership_new(&host, configuration->settings);

	said = g_string_new(NULL);
	pdk_membership_serve(membership, &ops, NULL);
	change(membership, THREE "version=1");
	CU_ASSERT_PTR_NULL(strstr(said->str, "listen"));
	change(membership, "server.1=a:1:2;2181\nserver.2=b:1:2\nversion=2");
	CU_ASSERT_PTR_NULL(strstr(said->str, "listen"));
	change(membership, "server.1=a:1:2;127.0.0.1:2182\nserver.2=b:1:2\nversion=3");
	assert_holds(said->str, "stop 1, listen 1 127.0.0.1:2182, 3 clients-move to=127.0.0.1:2182");
	CU_ASSERT_STRING_EQUAL(conf_pair(configuration, "clientPort"), "2182");
	assert_holds(conf_pair(configuration, "membership"), "version=3");
	change(membership, "server.1=a:1:2;7\nserver.2=b:1:2\nversion=4");
	assert_holds(said->str, "stop 1, listen 1 *:7, listen 1 127.0.0.1:2182, 2 clients-stay at=127.0.0.1:2182 wanted=*:7 cause=\"taken\"");
	pdk_membership_free(membership);
	g_string_free(said, TRUE);
}

static void
the_static_file_is_kept_as_it_was(void)
{
	g_auto(Place) place = place_new(NULL);
	g_autofree char *path = path_in(&place, "zoo.cfg");

	put_file(&place, "zoo.cfg", "# mine\na=b\n");
	CU_ASSERT_TRUE(pdk_dynamic_files_back_up(pdk_files_system(), path, NULL));
	g_autofree char *kept = get_file(&place, "zoo.cfg.bak");
	CU_ASSERT_STRING_EQUAL(kept, "# mine\na=b\n");
}

/* ---- paddock.conf ---- */

#define MEMBERS "members = ( \"1=a:2888:3888\", \"2=b:2888:3888:participant;2181\",\n \"3=[::1]:2888:3888\" );"

static void
members_of_a_paddock_conf_make_an_ensemble(void)
{
	g_auto(Place) place = place_new(NULL);
	g_autoptr(PdkConfiguration) configuration =
		conf_good(&place, "ensemble = { id = 2; " MEMBERS " sync_limit = 3; snapshot_size_factor = 0.5; leader_serves = false; "
				  "groups = ( \"1=1:2:3\" ); weights = ( \"2=5\" ); };");
	const PdkReplicaParams *replica = configuration->settings->replica;

	CU_ASSERT_PTR_NOT_NULL_FATAL(replica);
	CU_ASSERT_EQUAL(replica->self, 2);
	CU_ASSERT_EQUAL(replica->init_limit, 10);
	CU_ASSERT_EQUAL(replica->sync_limit, 3);
	CU_ASSERT_EQUAL(replica->snapshot_size_factor, 0.5);
	CU_ASSERT_FALSE(configuration->settings->leader_serves);
	CU_ASSERT_EQUAL(pdk_members_weight(replica->committed, 2), 5);
	CU_ASSERT_STRING_EQUAL(pdk_members_find(replica->committed, 3)->addresses[0].host, "::1");
	CU_ASSERT_PTR_NULL(configuration->settings->config_file);
	CU_ASSERT_STRING_EQUAL(first_name(configuration, PDK_KIND_ELECTION), "fle");
	CU_ASSERT_STRING_EQUAL(listen_of(configuration), "*:2181");
	CU_ASSERT_EQUAL(configuration->warnings->len, 0);
}

static void
the_id_may_stand_in_either_place_but_not_differ(void)
{
	g_auto(Place) place = place_new("3");
	g_autoptr(PdkConfiguration) file = conf_good(&place, "ensemble = { " MEMBERS " };");
	CU_ASSERT_EQUAL(file->settings->replica->self, 3);
	g_autoptr(PdkConfiguration) both = conf_good(&place, "ensemble = { id = 3; " MEMBERS " };");
	CU_ASSERT_EQUAL(both->settings->replica->self, 3);
	conf_bad("3", "ensemble = { id = 2; " MEMBERS " };", "/myid: found 3, allowed: 2 as p.conf:2: id says, or no such file");
	conf_bad(NULL, "ensemble = { id = 7; " MEMBERS " };",
		 "p.conf:2: id: found 7, allowed: a member of the ensemble, one of 1, 2, 3");
	conf_bad(NULL, "ensemble = { " MEMBERS " };", "/myid: found no such file");
}

static void
mistakes_of_the_group_name_their_line(void)
{
	conf_bad(NULL, "ensemble = { id = 1; };", "p.conf:2: id: found no members beside it");
	conf_bad(NULL, "ensemble = { id = \"1\"; };", "p.conf:2: id: found the string \"1\", allowed: an integer, 0 or more");
	conf_bad(NULL, "ensemble = { members = ( 1 ); };",
		 "p.conf:2: members: found a list ( ), allowed: a list of strings \"N=...\"");
	conf_bad(NULL, "ensemble = { members = ( \"a:1:2\" ); };", "p.conf:2: members: found \"a:1:2\", allowed: \"N=...\"");
	conf_bad(NULL, "ensemble = { id = 1; members = ( \"1=a:1:2\",\n\"2=b:x:2\" ); };", "p.conf:3: server.2: found \"b:x:2\"");
	conf_bad(NULL, "ensemble = { snapshot_size_factor = \"a\"; };",
		 "snapshot_size_factor: found the string \"a\", allowed: a number");
	conf_bad(NULL, "ensemble = { id = 1; init_limit = 0; " MEMBERS " };",
		 "p.conf:2: init_limit: found 0, allowed: ticks, 1 or more");
}

static void
the_election_is_swapped_by_one_line(void)
{
	g_auto(Place) place = place_new("1");
	g_autoptr(PdkConfiguration) conf =
		conf_good(&place, "ensemble = { " MEMBERS " }; plugins = { election = { plugin = \"paxos\"; trace = true; }; };");
	CU_ASSERT_STRING_EQUAL(first_name(conf, PDK_KIND_ELECTION), "paxos");
	CU_ASSERT_TRUE(pdk_config_bool(((PdkChosen *)g_ptr_array_index(conf->chosen[PDK_KIND_ELECTION], 0))->config, "trace"));
	g_autoptr(PdkConfiguration) zoo = zoo_good(&place, LIMITS THREE "paddock.election=paxos\n");
	CU_ASSERT_STRING_EQUAL(first_name(zoo, PDK_KIND_ELECTION), "paxos");
	g_autoptr(PdkConfiguration) alone = conf_good(&place, "plugins = { election = \"paxos\"; };");
	CU_ASSERT_EQUAL(alone->chosen[PDK_KIND_ELECTION]->len, 0);
	zoo_bad("1", LIMITS THREE "paddock.election=raft\n", "zoo.cfg:8: paddock.election: plugin election/raft: not found");
	conf_bad("1", "ensemble = { " MEMBERS " }; plugins = { election = ( \"fle\", \"paxos\" ); };",
		 "p.conf: election: found 2 plugins, allowed: one");
}

static void
a_voter_keeps_what_it_promised(void)
{
	conf_bad("1", "ensemble = { " MEMBERS " }; plugins = { persistence = \"memory\"; };",
		 "p.conf: persistence: found memory, which keeps nothing, allowed: one that does: server.1 is a participant");
	g_auto(Place) place = place_new(NULL);
	g_autoptr(PdkConfiguration) observer =
		conf_good(&place, "ensemble = { id = 3; members = ( \"1=a:1:2\", \"2=b:1:2\", \"3=c:1:2:observer\" ); };\n"
				  "plugins = { persistence = \"memory\"; };");
	CU_ASSERT_STRING_EQUAL(first_name(observer, PDK_KIND_PERSISTENCE), "memory");
	CU_ASSERT_STRING_EQUAL(conf_pair(observer, "peerType"), "1");
}

static void
what_a_reconfiguration_left_goes_before_paddock_conf(void)
{
	g_auto(Place) place = place_new("1");
	const char *text = "service = { reconfig = true; }; ensemble = { " MEMBERS " };";
	g_autoptr(PdkConfiguration) before = conf_good(&place, text);

	said = g_string_new(NULL);
	keep(before->settings, true, THREE "version=a");
	keep(before->settings, true, "server.1=a:1:2\nserver.2=b:1:2\nversion=100000000");
	g_string_free(said, TRUE);
	CU_ASSERT_PTR_NULL(get_file(&place, "ensemble.dynamic.a"));
	g_autoptr(PdkConfiguration) after = conf_good(&place, text);
	CU_ASSERT_EQUAL(pdk_members_version(after->settings->replica->committed), 0x100000000);
	CU_ASSERT_EQUAL(pdk_members_voters(after->settings->replica->committed), 2);
	assert_one_warning(after, "p.conf: members has no effect: ");
	g_autoptr(PdkConfiguration) without = conf_good(&place, "ensemble = { " MEMBERS " };");
	CU_ASSERT_EQUAL(pdk_members_voters(without->settings->replica->committed), 3);
}

static void
add_cases(CU_pSuite suite)
{
	CASE(members_of_a_zoo_cfg_make_an_ensemble);
	CASE(one_participant_stands_alone_unless_told_otherwise);
	CASE(a_bad_myid_is_told);
	CASE(an_ensemble_needs_its_limits);
	CASE(the_peer_type_is_a_hint_only);
	CASE(every_key_of_an_ensemble_finds_its_place);
	CASE(what_peers_cannot_do_yet_is_refused_or_named);
	CASE(the_own_line_may_say_where_clients_are_served);
	CASE(groups_and_weights_make_hierarchical_quorums);
	CASE(members_may_stand_in_a_dynamic_file);
	CASE(the_newest_dynamic_file_is_that_of_the_highest_version);
	CASE(a_proposed_configuration_is_remembered);
	CASE(a_committed_configuration_moves_into_a_file_of_its_own);
	CASE(clients_are_served_where_the_members_say);
	CASE(the_static_file_is_kept_as_it_was);
	CASE(members_of_a_paddock_conf_make_an_ensemble);
	CASE(the_id_may_stand_in_either_place_but_not_differ);
	CASE(mistakes_of_the_group_name_their_line);
	CASE(the_election_is_swapped_by_one_line);
	CASE(a_voter_keeps_what_it_promised);
	CASE(what_a_reconfiguration_left_goes_before_paddock_conf);
}

int
main(void)
{
	return suite_run("ensemble", add_cases);
}

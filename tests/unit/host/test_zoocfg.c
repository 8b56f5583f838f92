/* SPDX-License-Identifier: Apache-2.0 */
/* Proves how a zoo.cfg is read: Java's syntax, every key known, and the kinds of mistakes told apart. */
#include "base/properties.h"
#include "host/configuration.h"
#include "host/settings-keys.h"
#include "host/zoo-keys.h"
#include "suite.h"

#define BASE "dataDir=/d\nclientPort=2181\n"

static PdkConfiguration *
read_cfg(const char *text, GError **error)
{
	g_autoptr(PdkLoader) loader = twins_loader();
	return pdk_zoocfg_parse("zoo.cfg", text, strlen(text), loader, error);
}

static PdkConfiguration *
read_good(const char *text)
{
	g_autoptr(GError) error = NULL;
	PdkConfiguration *configuration = read_cfg(text, &error);
	if (configuration == NULL)
		printf("\n    %s\n", error->message);
	CU_ASSERT_PTR_NOT_NULL_FATAL(configuration);
	return configuration;
}

static void
assert_mistake(const char *text, int code, const char *message)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(PdkConfiguration) configuration = read_cfg(text, &error);
	CU_ASSERT_PTR_NULL(configuration);
	CU_ASSERT_PTR_NOT_NULL_FATAL(error);
	CU_ASSERT_TRUE(g_error_matches(error, PDK_CONFIG_ERROR, code));
	assert_holds(error->message, message);
}

/* Exactly one warning, which holds @message. */
static void
assert_warning(const char *text, const char *message)
{
	g_autoptr(PdkConfiguration) configuration = read_good(text);
	CU_ASSERT_EQUAL(configuration->warnings->len, 1);
	assert_holds(configuration->warnings->len ? g_ptr_array_index(configuration->warnings, 0) : NULL, message);
}

static PdkChosen *
first(PdkConfiguration *configuration, PdkKind kind)
{
	CU_ASSERT_FATAL(configuration->chosen[kind]->len > 0);
	return g_ptr_array_index(configuration->chosen[kind], 0);
}

static const char *
pair_value(const PdkPair *pair, const char *key)
{
	for (; pair->key; pair++)
		if (strcmp(pair->key, key) == 0)
			return pair->value;
	return NULL;
}

static void
java_s_syntax_is_read_as_java_reads_it(void)
{
	static const char text[] = "# comment \\\n! another\n\n  a=1\nb : 2\nc\t3\nd\ne = one \\\n   two\r\nf\\ g=h\\=i\n"
				   "u=\\u00e9\\t.\r k=v#no comment\n\\#x=y";
	static const struct {
		const char *key, *value;
		unsigned line;
	} wanted[] = {
		{"a", "1", 4}, {"b", "2", 5},	    {"c", "3", 6},	{"d", "", 7},		      {"e", "one two", 8},
		{"f g", "h=i", 10}, {"u", "\xc3\xa9\t.", 11}, {"k", "v#no comment", 12}, {"#x", "y", 13},
	};
	g_autoptr(GPtrArray) list = pdk_properties_parse(text, sizeof(text) - 1, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(list);
	CU_ASSERT_EQUAL_FATAL(list->len, G_N_ELEMENTS(wanted));
	for (unsigned i = 0; i < list->len; i++) {
		const PdkProperty *property = g_ptr_array_index(list, i);
		CU_ASSERT_STRING_EQUAL(property->key, wanted[i].key);
		CU_ASSERT_STRING_EQUAL(property->value, wanted[i].value);
		CU_ASSERT_EQUAL(property->line, wanted[i].line);
	}
}

static void
a_sample_of_zookeeper_s_serves_alone(void)
{
	g_autoptr(PdkConfiguration) configuration = read_good("tickTime=2000\ninitLimit=10\nsyncLimit=5\n" BASE);
	const PdkSettings *settings = configuration->settings;
	CU_ASSERT_EQUAL(settings->tick_ms, 2000);
	CU_ASSERT_EQUAL(settings->min_session_timeout_ms, 4000);
	CU_ASSERT_EQUAL(settings->max_session_timeout_ms, 40000);
	CU_ASSERT_STRING_EQUAL(pair_value(settings->conf, "clientPort"), "2181");
	CU_ASSERT_STRING_EQUAL(pair_value(settings->conf, "dataDir"), "/d/version-2");
	CU_ASSERT_STRING_EQUAL(pair_value(settings->values, "initLimit"), "10");
	CU_ASSERT_EQUAL(configuration->warnings->len, 2);
	const PdkConfig *config = first(configuration, PDK_KIND_TRANSPORT)->config;
	CU_ASSERT_STRING_EQUAL(pdk_config_list(config, "listen")[0], "*:2181");
}

static void
port_and_address_become_what_the_transport_listens_on(void)
{
	g_autoptr(PdkConfiguration) v4 = read_good(BASE "clientPortAddress=10.0.0.1\n");
	CU_ASSERT_STRING_EQUAL(pdk_config_list(first(v4, PDK_KIND_TRANSPORT)->config, "listen")[0], "10.0.0.1:2181");
	g_autoptr(PdkConfiguration) v6 = read_good(BASE "clientPortAddress=::1\n");
	CU_ASSERT_STRING_EQUAL(pdk_config_list(first(v6, PDK_KIND_TRANSPORT)->config, "listen")[0], "[::1]:2181");
}

static void
keys_work_with_and_without_zookeeper_in_front(void)
{
	g_autoptr(PdkConfiguration) configuration =
		read_good(BASE "zookeeper.snapCount=77\nzookeeper.preAllocSize=12\nzookeeper.4lw.commands.whitelist=*\n"
			       "znode.container.checkIntervalMs=5\nzookeeper.jute.maxbuffer=0x1fffff\nreadonlymode.enabled=TRUE\n");
	CU_ASSERT_EQUAL(configuration->settings->snap_count, 77);
	CU_ASSERT_EQUAL(configuration->settings->container_check_ms, 5);
	CU_ASSERT_EQUAL(configuration->settings->max_buffer_bytes, 0x1fffff);
	CU_ASSERT_TRUE(configuration->settings->read_only_mode);
	CU_ASSERT_EQUAL(pdk_config_int(first(configuration, PDK_KIND_PERSISTENCE)->config, "prealloc_kb"), 12);
	CU_ASSERT_STRING_EQUAL(pdk_config_list(first(configuration, PDK_KIND_ADMIN)->config, "whitelist")[0], "*");
	CU_ASSERT_EQUAL(configuration->warnings->len, 0);
}

static void
doubled_unknown_and_idle_keys_are_one_warning_each(void)
{
	assert_warning(BASE "tickTime=1\nzookeeper.tickTime=2\n", "zoo.cfg:4: zookeeper.tickTime is given twice: line 3 has no effect");
	assert_warning(BASE "tickTim=1\n", "zoo.cfg:3: tickTim is an unknown key: ignored");
	assert_warning(BASE "admin.serverPort=1\n", "zoo.cfg:3: admin.serverPort has no effect: this build has no HTTP");
	assert_warning(BASE "secureClientPort=1\n", "zoo.cfg:3: secureClientPort has no effect: this build has no TLS");
	assert_warning(BASE "server.1=a:1:2\n", "zoo.cfg:3: server.1 has no effect: one member means a stand-alone server");
	assert_warning(BASE "server.x=a:1:2\n", "zoo.cfg:3: server.x is an unknown key");
	assert_warning(BASE "peerType=participant\n", "zoo.cfg:3: peerType has no effect");
	assert_warning(BASE "snapCount=0\n", "zoo.cfg:3: snapCount: found 0, raised to 2");
	g_autoptr(PdkConfiguration) last = read_good(BASE "tickTime=x\ntickTime=7\n");
	CU_ASSERT_EQUAL(last->settings->tick_ms, 7);
}

static void
bad_values_name_file_line_key_found_and_allowed(void)
{
	assert_mistake(BASE "tickTime=x\n", PDK_CONFIG_ERROR_VALUE,
		       "zoo.cfg:3: tickTime: found \"x\", allowed: an integer between 1 and ");
	assert_mistake(BASE "tickTime=1 2\n", PDK_CONFIG_ERROR_VALUE, "tickTime: found \"1 2\", allowed: ");
	assert_mistake(BASE "tickTime=99999999999999999999\n", PDK_CONFIG_ERROR_VALUE, "tickTime: found \"99999999999999999999\"");
	assert_mistake(BASE "skipACL=maybe\n", PDK_CONFIG_ERROR_VALUE, "zoo.cfg:3: skipACL: found \"maybe\", allowed: true, false");
	assert_mistake(BASE "zookeeper.forceSync=\n", PDK_CONFIG_ERROR_VALUE, "zoo.cfg:3: zookeeper.forceSync: found \"\", allowed: ");
	assert_mistake("dataDir=/d\nclientPort=65536\n", PDK_CONFIG_ERROR_VALUE,
		       "zoo.cfg:2: clientPort: found \"65536\", allowed: an integer between 0 and 65535");
	assert_mistake(BASE "maxSessionTimeout=1\n", PDK_CONFIG_ERROR_VALUE,
		       "zoo.cfg:3: maxSessionTimeout: found sessions of 6000 to 1 ms");
	assert_mistake(BASE "x=\\u12\n", PDK_CONFIG_ERROR_SYNTAX, "zoo.cfg:3: found \\u without four hexadecimal digits");
}

static void
what_must_be_there_is_asked_for(void)
{
	assert_mistake("clientPort=1\n", PDK_CONFIG_ERROR_MISSING, "zoo.cfg: dataDir (data_dir): found none, allowed: a path");
	assert_mistake("dataDir=/d\n", PDK_CONFIG_ERROR_MISSING, "zoo.cfg: clientPort: found none, allowed: a port");
	assert_mistake("dataDir=/d\nsecureClientPort=1\n", PDK_CONFIG_ERROR_MISSING, "(secureClientPort is not served");
}

static void
what_this_version_cannot_do_is_refused(void)
{
	assert_mistake(BASE "sessionRequireClientSASLAuth=true\n", PDK_CONFIG_ERROR_UNABLE, "(this build has no SASL");
	assert_mistake(BASE "peerType=observer\n", PDK_CONFIG_ERROR_VALUE, "zoo.cfg:3: peerType: found \"observer\", allowed: participant");
	assert_mistake(BASE "standaloneEnabled=false\n", PDK_CONFIG_ERROR_VALUE,
		       "zoo.cfg:3: standaloneEnabled: found false, allowed: true where there are no members");
}

static void
what_only_an_ensemble_needs_has_no_effect_alone(void)
{
	assert_warning(BASE "electionAlg=3\n", "zoo.cfg:3: electionAlg has no effect: this server stands alone");
	assert_warning(BASE "sslQuorum=true\n", "zoo.cfg:3: sslQuorum has no effect: this server stands alone");
	assert_warning(BASE "weight.1=2\n", "zoo.cfg:3: weight.1 has no effect: this server stands alone");
	assert_warning(BASE "leaderServes=no\n", "zoo.cfg:3: leaderServes has no effect: this server stands alone");
	assert_warning(BASE "paddock.election=paxos\n", "zoo.cfg:3: paddock.election has no effect: this server stands alone");
	assert_warning(BASE "fastleader.minNotificationInterval=9\n", "has no effect: no chosen plugin has such an option");
	g_autoptr(PdkConfiguration) alone = read_good(BASE "initLimit=0\n");
	CU_ASSERT_PTR_NULL(alone->settings->replica);
	CU_ASSERT_EQUAL(alone->chosen[PDK_KIND_ELECTION]->len, 0);
	CU_ASSERT_STRING_EQUAL(pair_value(alone->settings->conf, "serverId"), "0");
}

/* The keys of the reference implementation that an operator may have in a file. */
static const char *const known[] = {
	"tickTime", "clientPort", "clientPortAddress", "secureClientPort", "secureClientPortAddress", "dataDir", "dataLogDir",
	"clientPortListenBacklog", "maxClientCnxns", "minSessionTimeout", "maxSessionTimeout", "autopurge.snapRetainCount",
	"autopurge.purgeInterval", "server.1", "group.1", "weight.1", "initLimit", "syncLimit", "connectToLearnerMasterLimit",
	"electionAlg", "peerType", "syncEnabled", "observerMasterPort", "quorumListenOnAllIPs", "standaloneEnabled",
	"reconfigEnabled", "dynamicConfigFile", "version", "localSessionsEnabled", "localSessionsUpgradingEnabled",
	"multiAddress.enabled", "multiAddress.reachabilityCheckEnabled", "multiAddress.reachabilityCheckTimeoutMs", "oraclePath",
	"quorum.cnxn.threads.size", "sslQuorum", "sslQuorumReloadCertFiles", "portUnification", "quorum.auth.enableSasl",
	"quorum.auth.learnerRequireSasl", "quorum.auth.serverRequireSasl", "quorum.auth.learner.saslLoginContext",
	"quorum.auth.server.saslLoginContext", "quorum.auth.kerberos.servicePrincipal", "metricsProvider.className",
	"metricsProvider.httpPort", "jvm.pause.monitor", "jvm.pause.sleep.time.ms", "jvm.pause.info-threshold.ms",
	"jvm.pause.warn-threshold.ms", "preAllocSize", "snapCount", "snapSizeLimitInKb", "txnLogSizeLimitInKb", "commitLogCount",
	"snapshotSizeFactor", "forceSnapshotSync", "forceSync", "fsync.warningthresholdms", "flushDelay", "maxWriteQueuePollTime",
	"maxBatchSize", "snapshot.compression.method", "snapshot.trust.empty", "serializeLastProcessedZxid.enabled",
	"digest.enabled", "closeSessionTxn.enabled", "datadir.autocreate", "db.autocreate", "globalOutstandingLimit", "maxCnxns",
	"largeRequestMaxBytes", "largeRequestThreshold", "request_throttle_max_requests", "request_throttle_stall_time",
	"request_throttle_drop_stale", "request_stale_latency_check", "request_stale_connection_check",
	"request_throttler.shutdownTimeout", "throttled_op_wait_time", "connection_throttle_tokens",
	"connection_throttle_fill_time", "connection_throttle_fill_count", "connection_throttle_freeze_time",
	"connection_throttle_drop_increase", "connection_throttle_drop_decrease", "connection_throttle_decrease_ratio",
	"connection_throttle_weight_enabled", "connection_throttle_global_session_weight",
	"connection_throttle_renew_session_weight", "connection_throttle_local_session_weight", "jute.maxbuffer",
	"jute.maxbuffer.extrasize", "enforceQuota", "netty.advancedFlowControl.enabled",
	"netty.server.outstandingHandshake.limit", "netty.server.earlyDropSecureConnectionHandshakes", "clientTcpKeepAlive",
	"tcpKeepAlive", "intBufferStartingSizeBytes", "nio.numSelectorThreads", "nio.numWorkerThreads", "nio.directBufferBytes",
	"nio.shutdownTimeout", "nio.sessionlessCnxnTimeout", "commitProcessor.numWorkerThreads",
	"commitProcessor.maxReadBatchSize", "commitProcessor.maxCommitBatchSize", "commitProcessor.shutdownTimeout",
	"maxResponseCacheSize", "maxGetChildrenResponseCacheSize", "serverCnxnFactory", "watchManagerName",
	"watcherCleanThreadsNum", "watcherCleanThreshold", "watcherCleanIntervalInSeconds", "maxInProcessingDeadWatchers",
	"bitHashCacheSize", "cnxTimeout", "quorumCnxnTimeoutMs", "electionPortBindRetry", "fastleader.minNotificationInterval",
	"fastleader.maxNotificationInterval", "leader.maxTimeToWaitForEpoch", "leader.maxConcurrentSnapSyncs",
	"leader.maxConcurrentDiffSyncs", "leader.ackLoggingFrequency", "leader.nodelay", "follower.nodelay", "leaderServes",
	"leaderConnectDelayDuringRetryMs", "observer.reconnectDelayMs", "observer.election.DelayMs", "observerMaster.sizeLimit",
	"learner.asyncSending", "learner.closeSocketAsync", "leader.closeSocketAsync",
	"forward_learner_requests_to_commit_processor_disabled", "follower.skipLearnerRequestToNextProcessor",
	"readonlymode.enabled", "extendedTypesEnabled", "emulate353TTLNodes", "znode.container.checkIntervalMs",
	"znode.container.maxPerMinute", "znode.container.maxNeverUsedIntervalMs", "DigestAuthenticationProvider.enabled",
	"DigestAuthenticationProvider.superDigest", "DigestAuthenticationProvider.digestAlg",
	"X509AuthenticationProvider.superUser", "superUser", "superUser.1", "SASLAuthenticationProvider.superPassword",
	"letAnySaslUserDoX", "allowSaslFailedClients", "authProvider.1", "ssl.authProvider", "ensembleAuthName",
	"sessionRequireClientSASLAuth", "enforce.auth.enabled", "enforce.auth.schemes", "skipACL", "enableEagerACLCheck",
	"IPAuthenticationProvider.usexforwardedfor", "kerberos.removeHostFromPrincipal", "kerberos.removeRealmFromPrincipal",
	"kerberos.canonicalizeHostNames", "kerberos.minReLoginTimeMs", "security.auth_to_local", "fips-mode",
	"client.certReload", "client.portUnification", "ssl.sslProvider", "ssl.keyStore.location", "ssl.quorum.keyStore.password",
	"ssl.trustStore.passwordPath", "ssl.quorum.protocol", "ssl.enabledProtocols", "ssl.ciphersuites", "ssl.hostnameVerification",
	"ssl.crl", "ssl.ocsp", "ssl.clientAuth", "ssl.handshakeDetectionTimeoutMillis", "admin.enableServer",
	"admin.serverAddress", "admin.serverPort", "admin.idleTimeout", "admin.commandURL", "admin.portUnification",
	"admin.forceHttps", "admin.needClientAuth", "admin.rateLimiterIntervalInMS", "admin.snapshot.enabled",
	"admin.restore.enabled", "admin.httpVersion", "4lw.commands.whitelist", "audit.enable", "audit.impl.class",
	"messageTracker.Enabled", "messageTracker.BufferSize", "pathStats.enabled", "pathStats.slotCapacity",
	"pathStats.topPathMax", "httpHost", "httpPort", "exportJvmInfo", "numWorkerThreads", "maxQueueSize",
	"prometheusMetricsSummaryRotateIntervalSeconds", "client.secure", "clientCnxnSocket", "request.timeout",
	"disableAutoWatchReset", "sasl.client", "sasl.clientconfig", "sasl.client.username", "server.principal", "server.realm",
	"kinit", "shuffleDnsResponse", "hostProvider.dnsSrvRefreshIntervalSeconds", "ZOOCFG", "ZOOCFGDIR", "ZOO_LOG_DIR",
	"ZK_SERVER_HEAP", "SERVER_JVMFLAGS", "JMXPORT", "ZOO_DATADIR_AUTOCREATE_DISABLE", "java.security.auth.login.config",
};

static void
every_key_of_zookeeper_is_known(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(known); i++) {
		const char *key = known[i];
		bool reader_s_own = strcmp(key, "clientPort") == 0 || strcmp(key, "clientPortAddress") == 0;
		bool found = reader_s_own || pdk_setting_find_zoo(key) || pdk_zoo_key_find(key);
		if (!found)
			printf("\n    nobody knows %s\n", key);
		CU_ASSERT_TRUE(found);
	}
	CU_ASSERT_PTR_NULL(pdk_zoo_key_find("tickTimes"));
}

static void
a_whole_name_beats_a_pattern(void)
{
	CU_ASSERT_EQUAL(pdk_zoo_key_find("server.principal")->class, PDK_ZOO_NO_EFFECT);
	CU_ASSERT_EQUAL(pdk_zoo_key_find("server.1")->class, PDK_ZOO_MEMBER);
	assert_holds(pdk_zoo_key_find("client.certReload")->reason, "TLS");
	assert_holds(pdk_zoo_key_find("client.secure")->reason, "client");
}

static void
add(CU_pSuite suite)
{
	CASE(java_s_syntax_is_read_as_java_reads_it);
	CASE(a_sample_of_zookeeper_s_serves_alone);
	CASE(port_and_address_become_what_the_transport_listens_on);
	CASE(keys_work_with_and_without_zookeeper_in_front);
	CASE(doubled_unknown_and_idle_keys_are_one_warning_each);
	CASE(bad_values_name_file_line_key_found_and_allowed);
	CASE(what_must_be_there_is_asked_for);
	CASE(what_this_version_cannot_do_is_refused);
	CASE(what_only_an_ensemble_needs_has_no_effect_alone);
	CASE(every_key_of_zookeeper_is_known);
	CASE(a_whole_name_beats_a_pattern);
}

int
main(void)
{
	return suite_run("zoo.cfg", add);
}

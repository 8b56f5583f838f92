/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes when a key of zoo.cfg is found, or begins to have an effect. Source: ZooKeeper's administrator's
 * guide.
 */
#include "host/zoo-keys.h"

#include <stddef.h>
#include <string.h>

#define NODELAY "packets are always sent at once"
#define ADDRESSES "of several addresses, the one that answers is used"
#define ALONE "this server stands alone"
#define JVM "there is no Java virtual machine"
#define THREADS "there are no such threads"
#define TLS "this build has no TLS"
#define SASL "this build has no SASL"
#define KERBEROS "this build has no Kerberos"
#define HTTP "this build has no HTTP admin server"
#define METRICS "metrics come from the plugins named in paddock.conf"
#define NETTY "there is no Netty"
#define CACHE "replies are not cached: making them costs less"
#define WATCHES "watches are kept in one structure, which cleans up by itself"
#define THROTTLE "requests do not wait in such a queue"
#define CLIENT "it is a client's setting"
#define SCRIPT "it is an environment variable of ZooKeeper's scripts"
#define AUDIT "there is no audit log"
#define PATHS "there are no statistics by path"
#define TRACKER "messages are not kept"
#define OPTION "no chosen plugin has such an option"

#define NONE(key, reason) {key, PDK_ZOO_NO_EFFECT, reason, NULL}
#define PLUGIN(key) {key, PDK_ZOO_PLUGIN, OPTION, NULL}
#define MEMBER(key) {key, PDK_ZOO_MEMBER, ALONE, NULL}
#define PEERS(key, reason, harmless) {key, PDK_ZOO_PEERS, reason, harmless}
#define UNABLE(key, reason, harmless) {key, PDK_ZOO_UNABLE, reason, harmless}

static const PdkZooKey keys[] = {
	/* Options of plugins. */
	PLUGIN("clientPortListenBacklog"), PLUGIN("autopurge.snapRetainCount"), PLUGIN("autopurge.purgeInterval"),
	PLUGIN("preAllocSize"), PLUGIN("txnLogSizeLimitInKb"), PLUGIN("forceSync"), PLUGIN("fsync.warningthresholdms"),
	PLUGIN("snapshot.compression.method"), PLUGIN("snapshot.trust.empty"), PLUGIN("datadir.autocreate"),
	PLUGIN("db.autocreate"), PLUGIN("clientTcpKeepAlive"), PLUGIN("tcpKeepAlive"),
	PLUGIN("DigestAuthenticationProvider.enabled"), PLUGIN("DigestAuthenticationProvider.superDigest"),
	PLUGIN("DigestAuthenticationProvider.digestAlg"), PLUGIN("IPAuthenticationProvider.usexforwardedfor"),
	PLUGIN("4lw.commands.whitelist"),

	/* Ensembles. */
	MEMBER("server.*"), MEMBER("group.*"), MEMBER("weight.*"), MEMBER("dynamicConfigFile"), MEMBER("peerType"),
	MEMBER("electionAlg"), MEMBER("paddock.election"),
	PEERS("sslQuorum", TLS, "false"), PEERS("quorum.auth.enableSasl", SASL, "false"),
	NONE("quorum.auth.*", SASL), NONE("sslQuorumReloadCertFiles", TLS), NONE("portUnification", TLS),
	NONE("version", "it is a dynamic file's name that tells its version"),
	NONE("multiAddress.reachabilityCheckEnabled", ADDRESSES), NONE("multiAddress.reachabilityCheckTimeoutMs", ADDRESSES),
	NONE("oraclePath", "a quorum is counted, no file is asked"), NONE("quorum.cnxn.threads.size", THREADS),
	NONE("quorumCnxnTimeoutMs", "a handshake between peers has syncLimit ticks"), PLUGIN("fastleader.*"),
	NONE("leader.nodelay", NODELAY), NONE("follower.nodelay", NODELAY),
	NONE("leader.*", "there are no such queues and limits at a leader"),
	NONE("follower.*", "there are no such queues at a follower"),
	NONE("observer.*", "observers connect again at once, or after observer.election.DelayMs"),
	NONE("learner.*", "nothing is sent or closed while others wait for it"),
	NONE("leaderConnectDelayDuringRetryMs", "the leader is dialled again after short, growing pauses"),
	NONE("forward_learner_requests_to_commit_processor_disabled", THREADS),
	NONE("forceSnapshotSync", "it is for tests: a learner gets a snapshot when it needs one"),

	/* Threads, caches and queues that only the Java server has. */
	NONE("nio.*", THREADS), NONE("commitProcessor.*", THREADS), NONE("serverCnxnFactory", THREADS),
	NONE("flushDelay", "writes are gathered while a sync is under way, without waiting"),
	NONE("maxWriteQueuePollTime", "writes are gathered while a sync is under way, without waiting"),
	NONE("maxBatchSize", "writes are gathered while a sync is under way, as many as come"),
	NONE("maxResponseCacheSize", CACHE), NONE("maxGetChildrenResponseCacheSize", CACHE),
	NONE("watchManagerName", WATCHES), NONE("watcherCleanThreadsNum", WATCHES), NONE("watcherCleanThreshold", WATCHES),
	NONE("watcherCleanIntervalInSeconds", WATCHES), NONE("maxInProcessingDeadWatchers", WATCHES),
	NONE("bitHashCacheSize", WATCHES), NONE("intBufferStartingSizeBytes", "buffers grow as needed"),
	NONE("request_throttle_stall_time", THROTTLE), NONE("request_throttle_drop_stale", THROTTLE),
	NONE("request_stale_latency_check", THROTTLE), NONE("request_stale_connection_check", THROTTLE),
	NONE("request_throttler.shutdownTimeout", THROTTLE),
	NONE("connection_throttle_freeze_time", "the bucket of tokens knows no drop probability"),
	NONE("connection_throttle_drop_increase", "the bucket of tokens knows no drop probability"),
	NONE("connection_throttle_drop_decrease", "the bucket of tokens knows no drop probability"),
	NONE("connection_throttle_decrease_ratio", "the bucket of tokens knows no drop probability"),
	NONE("connection_throttle_weight_enabled", "each session costs one token"),
	NONE("connection_throttle_global_session_weight", "each session costs one token"),
	NONE("connection_throttle_renew_session_weight", "each session costs one token"),
	NONE("connection_throttle_local_session_weight", "each session costs one token"),
	NONE("netty.*", NETTY), NONE("jvm.pause.*", JVM), NONE("jvm.*", JVM),

	/* Security. */
	NONE("secureClientPort", TLS), NONE("secureClientPortAddress", TLS), NONE("ssl.*", TLS),
	NONE("client.certReload", TLS), NONE("client.portUnification", TLS), NONE("fips-mode", TLS),
	NONE("X509AuthenticationProvider.*", TLS), NONE("x509.*", TLS), NONE("ssl.authProvider", TLS),
	NONE("superUser", SASL), NONE("superUser.*", SASL), NONE("SASLAuthenticationProvider.*", SASL),
	NONE("letAnySaslUserDoX", SASL), NONE("allowSaslFailedClients", SASL),
	UNABLE("sessionRequireClientSASLAuth", "this build has no SASL, so that it would serve nobody", "false"),
	NONE("authProvider.*", "schemes come from the auth plugins named in paddock.conf"),
	NONE("authProvider", "schemes come from the auth plugins named in paddock.conf"),
	NONE("ensembleAuthName", "this build has no ensemble authentication"), NONE("kerberos.*", KERBEROS),
	NONE("security.auth_to_local", KERBEROS), NONE("java.*", JVM), NONE("javax.*", JVM), NONE("sun.*", JVM),
	NONE("com.sun.*", JVM), NONE("jute.*", JVM), NONE("log4j.*", JVM), NONE("logback.*", JVM), NONE("org.*", JVM),
	NONE("root.logger", JVM), NONE("console.threshold", JVM), NONE("log.*", JVM), NONE("tracelog.*", JVM),

	/* Admin and observability. */
	NONE("admin.*", HTTP), NONE("audit.*", AUDIT), NONE("messageTracker.*", TRACKER), NONE("pathStats.*", PATHS),
	NONE("metricsProvider.*", METRICS), NONE("httpHost", METRICS), NONE("httpPort", METRICS), NONE("httpsPort", METRICS),
	NONE("exportJvmInfo", METRICS), NONE("numWorkerThreads", METRICS), NONE("maxQueueSize", METRICS),
	NONE("workerShutdownTimeoutMs", METRICS), NONE("prometheusMetricsSummaryRotateIntervalSeconds", METRICS),
	NONE("httpVersion", METRICS),

	/* Clients and scripts. */
	NONE("client.*", CLIENT), NONE("clientCnxnSocket", CLIENT), NONE("request.timeout", CLIENT),
	NONE("disableAutoWatchReset", CLIENT), NONE("sasl.client", CLIENT), NONE("sasl.client.*", CLIENT),
	NONE("sasl.clientconfig", CLIENT), NONE("sasl.serverconfig", SASL), NONE("server.principal", CLIENT),
	NONE("server.realm", CLIENT), NONE("kinit", CLIENT), NONE("shuffleDnsResponse", CLIENT),
	NONE("hostProvider.dnsSrvRefreshIntervalSeconds", CLIENT), NONE("ZOOCFG", SCRIPT), NONE("ZOOCFGDIR", SCRIPT),
	NONE("ZOO_LOG_DIR", SCRIPT), NONE("ZK_SERVER_HEAP", SCRIPT), NONE("ZK_CLIENT_HEAP", SCRIPT),
	NONE("SERVER_JVMFLAGS", SCRIPT), NONE("CLIENT_JVMFLAGS", SCRIPT), NONE("JMX*", SCRIPT),
	NONE("ZOO_DATADIR_AUTOCREATE_DISABLE", SCRIPT),
	{NULL, 0, NULL, NULL},
};

const PdkZooKey *
pdk_zoo_keys(void)
{
	return keys;
}

static size_t
match(const PdkZooKey *row, const char *key)
{
	size_t length = strlen(row->key);

	if (row->key[length - 1] == '*')
		return strncmp(row->key, key, length - 1) == 0 ? length : 0;
	return strcmp(row->key, key) == 0 ? length + 1000 : 0;
}

const PdkZooKey *
pdk_zoo_key_find(const char *key)
{
	const PdkZooKey *found = NULL;
	size_t best = 0;

	/* The longest pattern knows best, a whole name better than any pattern. */
	for (const PdkZooKey *row = keys; row->key; row++) {
		size_t length = match(row, key);
		if (length > best) {
			best = length;
			found = row;
		}
	}
	return found;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Changes when a setting of the server gets another name, range, default or explanation. */
#include "host/settings-keys.h"

#include "base/assert.h"
#include "host/options.h"
#include <string.h>

#define AT(field) offsetof(PdkSettings, field)
#define ROW_INT(type_, group_, key_, zoo_, field_, min_, max_, fallback_, help_)                                          \
	{.group = (group_), .key = (key_), .zoo = (zoo_), .type = (type_), .offset = AT(field_), .min = (min_),        \
	 .max = (max_), .floor = (min_), .unit = 1, .fallback = (fallback_), .help = (help_)}
#define INT32(...) ROW_INT(PDK_SETTING_INT32, __VA_ARGS__)
#define INT64(...) ROW_INT(PDK_SETTING_INT64, __VA_ARGS__)
#define OTHER(type_, group_, key_, zoo_, field_, fallback_, help_)                                                         \
	{.group = (group_), .key = (key_), .zoo = (zoo_), .type = (type_), .offset = AT(field_),                       \
	 .fallback = (fallback_), .help = (help_)}
#define BOOL(...) OTHER(PDK_SETTING_BOOL, __VA_ARGS__)
#define STRING(...) OTHER(PDK_SETTING_STRING, __VA_ARGS__)
#define LIST(...) OTHER(PDK_SETTING_LIST, __VA_ARGS__)

/* Of the replica: the group "ensemble". */
#define R_INT(key_, zoo_, field_, min_, max_, fallback_, help_)                                                            \
	{.group = "ensemble", .key = (key_), .zoo = (zoo_), .type = PDK_SETTING_INT32, .of_replica = true,             \
	 .offset = offsetof(PdkReplicaParams, field_), .min = (min_), .max = (max_), .floor = (min_), .unit = 1,       \
	 .fallback = (fallback_), .help = (help_)}
#define R_OTHER(type_, key_, zoo_, field_, fallback_, help_)                                                               \
	{.group = "ensemble", .key = (key_), .zoo = (zoo_), .type = (type_), .of_replica = true,                       \
	 .offset = offsetof(PdkReplicaParams, field_), .fallback = (fallback_), .help = (help_)}
#define R_BOOL(...) R_OTHER(PDK_SETTING_BOOL, __VA_ARGS__)

#define MAX_TICKS 1000000

static const PdkSettingKey keys[] = {
	STRING(NULL, "data_dir", "dataDir", data_dir, NULL, "where snapshots are kept; must be given"),
	STRING(NULL, "data_log_dir", "dataLogDir", data_log_dir, NULL, "where the log is kept; unset: data_dir"),
	INT32(NULL, "tick_time", "tickTime", tick_ms, 1, INT32_MAX / 40, "3000", "width of a session's expiry bucket, ms"),

	INT32("sessions", "min_timeout", "minSessionTimeout", min_session_timeout_ms, -1, INT32_MAX, "-1",
	      "least time-out a session gets, ms; -1: 2 ticks"),
	INT32("sessions", "max_timeout", "maxSessionTimeout", max_session_timeout_ms, -1, INT32_MAX, "-1",
	      "greatest time-out a session gets, ms; -1: 20 ticks"),
	INT32("sessions", "sessionless_timeout", "nio.sessionlessCnxnTimeout", sessionless_timeout_ms, 1, INT32_MAX, "10000",
	      "a connection without a session is closed after this time, ms"),
	BOOL("sessions", "close_session_txn", "closeSessionTxn.enabled", close_session_txn, "true",
	     "name the deleted ephemerals in the closing transaction"),

	INT32("limits", "max_client_cnxns", "maxClientCnxns", max_client_cnxns, INT32_MIN, INT32_MAX, "60",
	      "connections from one address; 0 or less: no limit"),
	INT32("limits", "max_cnxns", "maxCnxns", max_cnxns, INT32_MIN, INT32_MAX, "0", "connections; 0 or less: no limit"),
	INT64("limits", "global_outstanding", "globalOutstandingLimit", global_outstanding_limit, 1, INT32_MAX, "1000",
	      "requests under way before connections with any are not read"),
	INT32("limits", "max_buffer", "jute.maxbuffer", max_buffer_bytes, 1, INT32_MAX - 65536, "1048575",
	      "largest request, bytes"),
	INT32("limits", "extra_buffer", "jute.maxbuffer.extrasize", extra_buffer_bytes, 0, INT32_MAX, NULL,
	      "what stored records may have beyond max_buffer, bytes; unset: max_buffer"),
	INT64("limits", "large_request_threshold", "largeRequestThreshold", large_request_threshold, INT64_MIN, INT64_MAX, "-1",
	      "requests above this count as large, bytes; 0 or less: none do"),
	INT64("limits", "large_request_max_bytes", "largeRequestMaxBytes", large_request_max_bytes, 0, INT64_MAX, "104857600",
	      "large requests under way, bytes in sum"),
	INT64("limits", "throttled_op_wait", "throttled_op_wait_time", throttled_op_wait_ms, INT64_MIN, INT64_MAX / 1000, "0",
	      "a request that waited longer is refused, ms; 0 or less: none is"),
	INT32("limits", "request_throttle", "request_throttle_max_requests", request_throttle_max, INT32_MIN, INT32_MAX, "0",
	      "requests under way before reading pauses; 0 or less: no limit"),
	INT32("limits", "connection_throttle_tokens", "connection_throttle_tokens", connection_throttle_tokens, INT32_MIN,
	      INT32_MAX, "0", "new sessions that may come at once; 0 or less: no limit"),
	INT32("limits", "connection_throttle_fill_time", "connection_throttle_fill_time", connection_throttle_fill_ms, 1,
	      INT32_MAX, "1", "a token comes back in this time, ms"),
	INT32("limits", "connection_throttle_fill_count", "connection_throttle_fill_count", connection_throttle_fill_count, 1,
	      INT32_MAX, "1", "tokens that come back at a time"),
	BOOL("limits", "enforce_quota", "enforceQuota", enforce_quota, "false", "hard quotas refuse a write"),

	BOOL("nodes", "digest", "digest.enabled", digest, "true", "keep a digest of the tree and write it to log and snapshot"),
	BOOL("nodes", "extended_types", "extendedTypesEnabled", extended_types, "false", "nodes with a time to live may be made"),
	BOOL("nodes", "emulate_353_ttl", "emulate353TTLNodes", emulate353, "false",
	     "read owners of ephemerals and TTL nodes as release 3.5.3 wrote them"),
	INT64("nodes", "container_check_interval", "znode.container.checkIntervalMs", container_check_ms, INT32_MIN, INT32_MAX,
	      "60000", "how often empty containers are looked for, ms; 0 or less: never"),
	INT64("nodes", "container_max_per_minute", "znode.container.maxPerMinute", container_max_per_minute, 1, INT32_MAX,
	      "10000", "containers deleted in a minute at most"),
	INT64("nodes", "container_max_never_used", "znode.container.maxNeverUsedIntervalMs", container_max_never_used_ms, 0,
	      INT64_MAX, "0", "a container that never had a child goes after this time, ms; 0: it stays"),

	{.group = "snapshots", .key = "count", .zoo = "snapCount", .type = PDK_SETTING_INT64, .offset = AT(snap_count),
	 .min = INT32_MIN, .max = INT32_MAX, .floor = 2, .unit = 1, .fallback = "100000",
	 .help = "transactions between two snapshots; a random half of it is taken off"},
	{.group = "snapshots", .key = "size_limit", .zoo = "snapSizeLimitInKb", .type = PDK_SETTING_INT64,
	 .offset = AT(snap_size_limit_bytes), .min = INT32_MIN, .max = INT64_MAX / 1024, .floor = INT32_MIN, .unit = 1024,
	 .fallback = "4194304", .help = "log between two snapshots, KiB; 0 or less: any"},
	BOOL("snapshots", "last_zxid", "serializeLastProcessedZxid.enabled", serialize_last_zxid, "true",
	     "write the last zxid behind the tree, as 3.9 does"),

	BOOL("security", "skip_acl", "skipACL", skip_acl, "false", "check no ACL at all"),
	BOOL("security", "eager_acl_check", "enableEagerACLCheck", eager_acl, "false",
	     "check ACLs of writes before they are proposed, too"),
	BOOL("security", "enforce_auth", "enforce.auth.enabled", enforce_auth, "false",
	     "serve only those who authenticated with one of enforce_auth_schemes"),
	LIST("security", "enforce_auth_schemes", "enforce.auth.schemes", enforce_auth_schemes, "", "schemes that count"),

	BOOL("service", "read_only", "readonlymode.enabled", read_only_mode, "false",
	     "serve clients that allow it read-only while there is no leader; know the word isro without a white list"),
	BOOL("service", "reconfig", "reconfigEnabled", reconfig_enabled, "false",
	     "let clients change the members of the ensemble (a stand-alone server has nothing to change)"),

	R_INT("init_limit", "initLimit", init_limit, 0, MAX_TICKS, "10", "time to find a leader and catch up with it, ticks"),
	R_INT("sync_limit", "syncLimit", sync_limit, 0, MAX_TICKS, "5", "silence after which a peer counts as lost, ticks"),
	R_INT("connect_limit", "connectToLearnerMasterLimit", connect_limit, 0, MAX_TICKS, "0",
	      "time to connect to the leader, ticks; 0: init_limit"),
	R_INT("connect_timeout", "cnxTimeout", dial_timeout_ms, 1, INT32_MAX, "5000",
	      "time for one connection to an election port, ms"),
	R_INT("bind_retries", "electionPortBindRetry", bind_retries, 0, INT32_MAX, "3",
	      "attempts to open the own ports, 1 s apart; 0: without end"),
	R_BOOL("listen_on_all_ips", "quorumListenOnAllIPs", listen_on_all_ips, "false",
	       "open the own ports on every address of this machine"),
	R_BOOL("several_addresses", "multiAddress.enabled", rules.several_addresses, "false",
	       "a member may have several addresses, separated by |"),
	R_BOOL("standalone", "standaloneEnabled", rules.standalone_enabled, "true",
	       "one participant means a stand-alone server; false: an ensemble of one, which may grow"),
	R_INT("max_epoch_wait", "leader.maxTimeToWaitForEpoch", max_epoch_wait_ms, -1, INT32_MAX, "-1",
	      "time a leader waits for a quorum to agree on the epoch, ms; -1: init_limit"),
	R_INT("history", "commitLogCount", history_count, 0, INT32_MAX, "500",
	      "transactions kept in memory to bring others up to date"),
	R_OTHER(PDK_SETTING_NUMBER, "snapshot_size_factor", "snapshotSizeFactor", snapshot_size_factor, "0.33",
		"log read from disk for a learner, as a share of the snapshot's size; negative: none"),
	R_INT("observer_delay", "observer.election.DelayMs", observer_delay_ms, 0, INT32_MAX, "200",
	      "an observer that lost its leader waits up to this time, ms"),
	R_INT("observer_master_port", "observerMasterPort", observer_master_port, 0, 65535, "0",
	      "port where followers serve observers, at every voter; 0: the leader serves them"),
	R_INT("observer_master_limit", "observerMaster.sizeLimit", observer_master_bytes, 1, INT32_MAX, "33554432",
	      "an observer of a follower is dropped when it is further behind, bytes"),
	R_BOOL("observer_sync", "syncEnabled", sync_enabled, "true", "an observer writes log and snapshots, too"),
	BOOL("ensemble", "leader_serves", "leaderServes", leader_serves, "true", "the leader serves clients, too"),
	BOOL("ensemble", "local_sessions", "localSessionsEnabled", local_sessions, "false",
	     "sessions begin at their server alone, unknown to the others"),
	BOOL("ensemble", "local_sessions_upgrading", "localSessionsUpgradingEnabled", local_sessions_upgrading, "false",
	     "a local session that makes an ephemeral becomes one of all"),
	{.key = NULL},
};

const PdkSettingKey *
pdk_setting_keys(void)
{
	return keys;
}

const PdkSettingKey *
pdk_setting_find(const char *group, const char *key)
{
	for (const PdkSettingKey *row = keys; row->key; row++)
		if (g_strcmp0(row->group, group) == 0 && strcmp(row->key, key) == 0)
			return row;
	return NULL;
}

const PdkSettingKey *
pdk_setting_find_zoo(const char *zoo)
{
	for (const PdkSettingKey *row = keys; row->key; row++)
		if (strcmp(row->zoo, zoo) == 0)
			return row;
	return NULL;
}

bool
pdk_setting_group_known(const char *group)
{
	for (const PdkSettingKey *row = keys; row->key; row++)
		if (g_strcmp0(row->group, group) == 0)
			return true;
	return false;
}

bool
pdk_setting_is_of_ensemble(const PdkSettingKey *key)
{
	return g_strcmp0(key->group, "ensemble") == 0;
}

static bool
set_number(double *field, const char *text, GError **error)
{
	char *end;
	double value = g_ascii_strtod(text, &end);

	if (end == text || *end != '\0' || !(value >= -1e9 && value <= 1e9)) {
		g_set_error(error, PDK_CONFIG_ERROR, PDK_CONFIG_ERROR_VALUE, "found \"%s\", allowed: a number", text);
		return false;
	}
	*field = value;
	return true;
}

static bool
set_integer(const PdkSettingKey *key, void *field, const char *text, bool *raised, GError **error)
{
	int64_t value;

	if (!pdk_text_to_int(text, key->min, key->max, &value, error))
		return false;
	if (raised)
		*raised = value < key->floor;
	value = MAX(value, key->floor) * key->unit;
	if (key->type == PDK_SETTING_INT64)
		memcpy(field, &value, sizeof(int64_t));
	else
		memcpy(field, &(int32_t){(int32_t)value}, sizeof(int32_t));
	return true;
}

static bool
set_string(char **field, const char *text, GError **error)
{
	if (*text == '\0') {
		g_set_error_literal(error, PDK_CONFIG_ERROR, PDK_CONFIG_ERROR_VALUE, "found \"\", allowed: a string");
		return false;
	}
	g_free(*field);
	*field = g_strdup(text);
	return true;
}

bool
pdk_setting_set_text(const PdkSettingKey *key, PdkSettings *settings, const char *text, bool *raised, GError **error)
{
	pdk_assert(!key->of_replica || settings->replica != NULL);
	void *field = (char *)(key->of_replica ? (void *)settings->replica : settings) + key->offset;

	if (raised)
		*raised = false;
	switch (key->type) {
	case PDK_SETTING_INT32:
	case PDK_SETTING_INT64:
		return set_integer(key, field, text, raised, error);
	case PDK_SETTING_BOOL:
		return pdk_text_to_bool(text, field, error);
	case PDK_SETTING_STRING:
		return set_string(field, text, error);
	case PDK_SETTING_LIST:
		g_strfreev(*(char ***)field);
		*(char ***)field = pdk_text_to_list(text);
		return true;
	case PDK_SETTING_NUMBER:
		return set_number(field, text, error);
	}
	return false;
}

char *
pdk_setting_text(const PdkSettingKey *key, const PdkSettings *settings)
{
	char number[G_ASCII_DTOSTR_BUF_SIZE];
	int64_t wide;
	int32_t narrow;

	if (key->of_replica && settings->replica == NULL)
		return g_strdup(key->fallback);
	const char *field = (const char *)(key->of_replica ? (const void *)settings->replica : settings) + key->offset;

	switch (key->type) {
	case PDK_SETTING_INT32:
		memcpy(&narrow, field, sizeof(narrow));
		return g_strdup_printf("%d", (int)(narrow / key->unit));
	case PDK_SETTING_INT64:
		memcpy(&wide, field, sizeof(wide));
		return g_strdup_printf("%" G_GINT64_FORMAT, wide / key->unit);
	case PDK_SETTING_BOOL:
		return g_strdup(*(const bool *)field ? "true" : "false");
	case PDK_SETTING_STRING:
		return g_strdup(*(char *const *)field);
	case PDK_SETTING_LIST:
		return g_strjoinv(",", *(char **const *)field);
	case PDK_SETTING_NUMBER:
		return g_strdup(g_ascii_formatd(number, sizeof(number), "%.15g", *(const double *)field));
	}
	return NULL;
}

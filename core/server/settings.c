/* SPDX-License-Identifier: Apache-2.0 */
/* Changes when a setting of the server comes, goes or gets another default. */
#include "server/settings.h"

static PdkPair *
no_pairs(void)
{
	return g_new0(PdkPair, 1);
}

static void
free_pairs(PdkPair *pairs)
{
	for (PdkPair *pair = pairs; pair && pair->key; pair++) {
		g_free(pair->key);
		g_free(pair->value);
	}
	g_free(pairs);
}

PdkReplicaParams *
pdk_settings_new_replica(void)
{
	PdkReplicaParams *replica = g_new(PdkReplicaParams, 1);
	*replica = (PdkReplicaParams){
		.self = -1,
		.rules = {.standalone_enabled = true, .version_allowed = true},
		.tick_ms = 3000,
		.init_limit = 10,
		.sync_limit = 5,
		.dial_timeout_ms = 5000,
		.max_buffer_bytes = 0xfffff,
		.extra_buffer_bytes = 0xfffff,
		.history_count = 500,
		.snapshot_size_factor = 0.33,
		.observer_delay_ms = 200,
		.observer_master_bytes = 32 * 1024 * 1024,
		.bind_retries = 3,
		.max_epoch_wait_ms = -1,
		.sync_enabled = true,
		.learner_output_max = UINT64_C(256) * 1024 * 1024,
	};
	return replica;
}

void
pdk_settings_free_replica(PdkReplicaParams *replica)
{
	if (replica == NULL)
		return;
	g_clear_pointer(&replica->committed, pdk_members_unref);
	g_clear_pointer(&replica->last_seen, pdk_members_unref);
	g_free(replica);
}

PdkSettings *
pdk_settings_new(void)
{
	PdkSettings *settings = g_new(PdkSettings, 1);
	*settings = (PdkSettings){
		.server_id = 1,
		.tick_ms = 3000,
		.min_session_timeout_ms = 2 * 3000,
		.max_session_timeout_ms = 20 * 3000,
		.sessionless_timeout_ms = 10000,
		.max_client_cnxns = 60,
		.global_outstanding_limit = 1000,
		.max_buffer_bytes = 0xfffff,
		.extra_buffer_bytes = 0xfffff,
		.large_request_threshold = -1,
		.large_request_max_bytes = 100 * 1024 * 1024,
		.connection_throttle_fill_ms = 1,
		.connection_throttle_fill_count = 1,
		.digest = true,
		.serialize_last_zxid = true,
		.close_session_txn = true,
		.enforce_auth_schemes = g_new0(char *, 1),
		.snap_count = 100000,
		.snap_size_limit_bytes = INT64_C(4194304) * 1024,
		.container_check_ms = 60000,
		.container_max_per_minute = 10000,
		.container_max_never_used_ms = 0,
		.leader_serves = true,
		.conf = no_pairs(),
		.environment = no_pairs(),
		.values = no_pairs(),
	};
	return settings;
}

void
pdk_settings_free(PdkSettings *settings)
{
	if (settings == NULL)
		return;
	g_free(settings->data_dir);
	g_free(settings->data_log_dir);
	g_strfreev(settings->enforce_auth_schemes);
	pdk_settings_free_replica(settings->replica);
	g_free(settings->config_file);
	g_free(settings->dynamic_file);
	g_free(settings->dynamic_prefix);
	free_pairs(settings->conf);
	free_pairs(settings->environment);
	free_pairs(settings->values);
	g_free(settings);
}

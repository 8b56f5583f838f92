/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every setting of the server itself, as the configuration readers fill it. Plugins have options of their
 * own.
 */
#ifndef PDK_SERVER_SETTINGS_H
#define PDK_SERVER_SETTINGS_H

#include "replica/replica.h"
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* A text pair for `conf`, `envi` and look-ups. */
typedef struct {
	char *key, *value;
} PdkPair;

/* Plain data; strings are owned by the settings. The comment names the zoo.cfg key. */
typedef struct {
	char *data_dir;     /* dataDir */
	char *data_log_dir; /* dataLogDir; never NULL after loading */
	uint8_t server_id;  /* myid; 1 stand-alone... reported as 0 in conf, used as 1 in session ids */

	int32_t tick_ms;                /* tickTime */
	int32_t min_session_timeout_ms; /* minSessionTimeout; 2 ticks */
	int32_t max_session_timeout_ms; /* maxSessionTimeout; 20 ticks */
	int32_t sessionless_timeout_ms; /* nio.sessionlessCnxnTimeout */

	int32_t max_client_cnxns;           /* maxClientCnxns; 0: no limit */
	int32_t max_cnxns;                  /* maxCnxns; 0: no limit */
	int64_t global_outstanding_limit;   /* globalOutstandingLimit */
	int32_t max_buffer_bytes;           /* jute.maxbuffer */
	int32_t extra_buffer_bytes;         /* jute.maxbuffer.extrasize */
	int64_t large_request_threshold;    /* largeRequestThreshold; -1: off */
	int64_t large_request_max_bytes;    /* largeRequestMaxBytes */
	int64_t throttled_op_wait_ms;       /* throttled_op_wait_time; 0: off */
	int32_t request_throttle_max;       /* request_throttle_max_requests; 0: off */
	int32_t connection_throttle_tokens; /* connection_throttle_tokens; 0: off */
	int32_t connection_throttle_fill_ms;
	int32_t connection_throttle_fill_count;

	bool digest;                 /* digest.enabled */
	bool serialize_last_zxid;    /* serializeLastProcessedZxid.enabled */
	bool close_session_txn;      /* closeSessionTxn.enabled */
	bool extended_types;         /* extendedTypesEnabled */
	bool emulate353;             /* emulate353TTLNodes */
	bool enforce_quota;          /* enforceQuota */
	bool skip_acl;               /* skipACL */
	bool eager_acl;              /* enableEagerACLCheck */
	bool reconfig_enabled;       /* reconfigEnabled */
	bool read_only_mode;         /* readonlymode.enabled; no effect stand-alone, but for the word isro */
	bool enforce_auth;           /* enforce.auth.enabled or sessionRequireClientSASLAuth */
	char **enforce_auth_schemes; /* enforce.auth.schemes; NULL-terminated, never NULL */

	int64_t snap_count;            /* snapCount; >= 2 */
	int64_t snap_size_limit_bytes; /* snapSizeLimitInKb * 1024; < 0: off */

	int64_t container_check_ms;          /* znode.container.checkIntervalMs; 0: off */
	int64_t container_max_per_minute;    /* znode.container.maxPerMinute */
	int64_t container_max_never_used_ms; /* znode.container.maxNeverUsedIntervalMs; 0: never */

	/* Of an ensemble; NULL: stand-alone. Owned, members too. */
	PdkReplicaParams *replica;
	bool leader_serves;            /* leaderServes */
	bool local_sessions;           /* localSessionsEnabled; no effect stand-alone */
	bool local_sessions_upgrading; /* localSessionsUpgradingEnabled; likewise */
	char *config_file;    /* the static file, absolute, which is rewritten to point to a dynamic one; NULL: none is */
	char *dynamic_file;   /* the dynamic file in force, absolute; NULL: members stand in the static file */
	char *dynamic_prefix; /* dynamic files are this + ".dynamic." + version in hexadecimal, or "next"; absolute */

	PdkPair *conf;        /* what `conf` prints, in order; ends with a NULL key */
	PdkPair *environment; /* what `envi` prints, in order; ends with a NULL key */
	PdkPair *values;      /* every zoo.cfg-named setting that was given, without "zookeeper."; ends with a NULL key */
} PdkSettings;

/* Everything at its default; data_dir stays NULL. */
PdkSettings *pdk_settings_new(void);
void pdk_settings_free(PdkSettings *settings);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PdkSettings, pdk_settings_free)

/* For `replica`: everything at its default, nobody a member. */
PdkReplicaParams *pdk_settings_new_replica(void);
void pdk_settings_free_replica(PdkReplicaParams *replica);

#endif

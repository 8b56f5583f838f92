/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What persistence gives back at the start: a snapshot, then the txns behind it. Source:
 * FileTxnSnapLog.restore, DataTree.compareDigest.
 */
#include "server/server-private.h"

void
pdk_digest_keep(PdkServer *server, int64_t zxid)
{
	if (!server->settings->digest || zxid % PDK_DIGEST_EVERY != 0)
		return;
	server->digests[server->n_digests++ % PDK_DIGESTS_KEPT] = (PdkKeptDigest){zxid, pdk_tree_digest(server->tree)};
}

static void
found_session(void *context, int64_t id, int32_t timeout_ms)
{
	PdkServer *server = context;
	PdkSession *session = pdk_sessions_add(server->sessions, id, MAX(1, timeout_ms), pdk_server_now_ms(server));
	session->recorded_timeout_ms = timeout_ms;
}

static void
forget(PdkServer *server)
{
	g_clear_pointer(&server->load, pdk_snapshot_load_free);
	pdk_watches_clear(server->watches);
	pdk_sessions_clear(server->sessions);
	server->applied_zxid = 0;
}

static void
snapshot_begin(void *context, int64_t zxid, uint64_t length)
{
	PdkServer *server = context;
	forget(server);
	server->loading_zxid = zxid;
	if (server->replica)
		pdk_replica_recovers_from(server->replica, zxid);
	server->load = pdk_snapshot_load_new(server->tree, length, found_session, server);
}

static PdkPartResult
snapshot_part(void *context, const uint8_t *data, size_t length, size_t *used, GError **error)
{
	PdkServer *server = context;
	switch (pdk_snapshot_load_part(server->load, data, length, used, error)) {
	case PDK_LOAD_MORE:
		return PDK_PART_MORE;
	case PDK_LOAD_DONE:
		return PDK_PART_DONE;
	default:
		return PDK_PART_BAD;
	}
}

static void
digest_mismatch(PdkServer *server, int64_t zxid, uint64_t expected)
{
	pdk_counter_add(server->cells.digest_mismatches, 1);
	if (server->digest_told)
		return;
	server->digest_told = true;
	pdk_server_say(server, PDK_LOG_ERROR,
		       "tree digest differs from the recorded one (told once): zxid=0x%" PRIx64 " recorded=0x%" PRIx64 " found=0x%" PRIx64,
		       (uint64_t)zxid, expected, pdk_tree_digest(server->tree));
}

static void
snapshot_accept(void *context, const PdkSnapshotTail *tail)
{
	PdkServer *server = context;
	uint64_t strays = pdk_snapshot_load_strays(server->load);
	g_clear_pointer(&server->load, pdk_snapshot_load_free);
	if (strays > 0)
		pdk_server_say(server, PDK_LOG_WARNING, "snapshot names unknown ACLs, only the super user may touch those nodes: nodes=%" PRIu64,
			       strays);
	pdk_tree_add_system_nodes(server->tree);
	pdk_quotas_reload(server->quotas);
	server->applied_zxid = server->loading_zxid;
	/* A fuzzy snapshot is whole only once the txn that its digest speaks of was replayed. */
	bool usable = server->settings->digest && tail->has_digest && tail->digest_version == PDK_DIGEST_VERSION && tail->digest_zxid > 0;
	server->digests_from_zxid = usable ? tail->digest_zxid : INT64_MAX;
	if (usable && tail->digest_zxid == server->loading_zxid && tail->digest != pdk_tree_digest(server->tree))
		digest_mismatch(server, tail->digest_zxid, tail->digest);
}

static void
snapshot_discard(void *context)
{
	PdkServer *server = context;
	forget(server);
	pdk_tree_clear(server->tree, 0);
}

static void
empty(void *context)
{
	PdkServer *server = context;
	forget(server);
	pdk_tree_clear(server->tree, 0);
	pdk_tree_add_system_nodes(server->tree);
	pdk_quotas_reload(server->quotas);
	server->empty = true;
	server->digests_from_zxid = 0;
}

void
pdk_digest_compare(PdkServer *server, int64_t zxid, const PdkTxnDigest *digest)
{
	if (server->settings->digest && digest->present && digest->version == PDK_DIGEST_VERSION &&
	    zxid >= server->digests_from_zxid && digest->value != pdk_tree_digest(server->tree))
		digest_mismatch(server, zxid, digest->value);
}

static bool
txn(void *context, int64_t zxid, const uint8_t *bytes, size_t length, GError **error)
{
	PdkServer *server = context;
	PdkTxnDigest digest;
	if (!pdk_apply(server, bytes, length, NULL, &digest, error))
		return false;
	pdk_digest_compare(server, zxid, &digest);
	if (server->replica)
		pdk_replica_recovered(server->replica, zxid, bytes, length);
	pdk_digest_keep(server, zxid);
	pdk_housekeeping_appended(server, length);
	return true;
}

const PdkRecovery *
pdk_server_recovery(void)
{
	static const PdkRecovery recovery = {
		.size = sizeof(PdkRecovery),
		.snapshot_begin = snapshot_begin,
		.snapshot_part = snapshot_part,
		.snapshot_accept = snapshot_accept,
		.snapshot_discard = snapshot_discard,
		.empty = empty,
		.txn = txn,
	};
	return &recovery;
}

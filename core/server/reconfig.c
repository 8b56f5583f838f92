/* SPDX-License-Identifier: Apache-2.0 */
/* A request to change who belongs to the ensemble, checked. Source: PrepRequestProcessor, opcode reconfig. */
#include "server/server-private.h"

static const char config_path[] = "/zookeeper/config";

typedef struct {
	char *joining, *leaving, *whole;
	int64_t from_version;
} Wish;

static void
wish_clear(Wish *wish)
{
	g_free(wish->joining);
	g_free(wish->leaving);
	g_free(wish->whole);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Wish, wish_clear)

static bool
read_wish(PdkJute *in, Wish *wish)
{
	wish->joining = pdk_slice_text(pdk_get_bytes(in));
	wish->leaving = pdk_slice_text(pdk_get_bytes(in));
	wish->whole = pdk_slice_text(pdk_get_bytes(in));
	wish->from_version = pdk_get_long(in);
	return !in->failed;
}

PdkCode
pdk_prep_reconfig(PdkPrep *prep, PdkJute *in)
{
	PdkServer *server = prep->server;
	g_auto(Wish) wish = {0};
	PdkCode code = PDK_OK;
	if (!read_wish(in, &wish))
		return PDK_ERR_MARSHALLING;
	if (!server->settings->reconfig_enabled)
		return PDK_ERR_RECONFIG_DISABLED;
	if (server->replica == NULL)
		return PDK_ERR_UNIMPLEMENTED;
	g_autoptr(PdkMembers) wanted = pdk_replica_reconfigure(server->replica, wish.joining, wish.leaving, wish.whole,
							       wish.from_version, prep->zxid, &code);
	if (wanted == NULL)
		return code;
	PdkNodeState state = pdk_pendings_look(server->pendings, config_path, strlen(config_path));
	if (!state.exists)
		return PDK_ERR_NO_NODE;
	if (!pdk_access_allows(server, prep->connection, state.acl, PDK_PERM_WRITE))
		return PDK_ERR_NO_AUTH;
	PdkNodeState after = state;
	after.stat.version = -1;
	after.stat.mzxid = prep->zxid;
	after.stat.mtime = server->wall_ms;
	pdk_pendings_set(server->pendings, config_path, strlen(config_path), &state, &after);
	size_t length;
	const char *text = pdk_members_text(wanted, &length);
	pdk_put_string(&server->scratch, config_path);
	pdk_put_bytes(&server->scratch, text, (int32_t)length);
	pdk_put_int(&server->scratch, -1);
	prep->txn_type = PDK_OP_RECONFIG;
	return PDK_OK;
}

bool
pdk_reconfig_parses(PdkJute *in)
{
	g_auto(Wish) wish = {0};
	return read_wish(in, &wish);
}

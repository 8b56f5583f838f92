/* SPDX-License-Identifier: Apache-2.0 */
/* Who the clients of a simulated server may be: the scheme digest, as its plugin has it. Changes when servers know more schemes. */
#include "sim/world-private.h"

#include <paddock/auth.h>

extern const PdkPlugin pdk_plugin_auth_digest;

void
sim_access_open(Node *node)
{
	const PdkAuthOps *ops = pdk_plugin_auth_digest.ops;
	g_autoptr(GError) error = NULL;
	node->digest_config = pdk_config_new(pdk_plugin_auth_digest.options);
	pdk_config_set_text(node->digest_config, pdk_config_find(node->digest_config, "super_digest"), SIM_SUPER_ID, &error);
	g_assert_no_error(error);
	node->digest = ops->create(sim_host_new(node, "digest"), node->digest_config, &error);
	g_assert_no_error(error);
	pdk_server_add_auth(node->server, ops, node->digest);
}

void
sim_access_close(Node *node)
{
	const PdkAuthOps *ops = pdk_plugin_auth_digest.ops;
	ops->destroy(node->digest);
	pdk_config_free(node->digest_config);
}

void
sim_put_auth(PdkBuffer *body, const char *user_and_password)
{
	pdk_put_int(body, SIM_XID_AUTH);
	pdk_put_int(body, PDK_OP_AUTH);
	pdk_put_int(body, 0);
	pdk_put_string(body, "digest");
	pdk_put_bytes(body, user_and_password, (int32_t)strlen(user_and_password));
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Changes when what follows from a change of the members does, outside the core. Source: QuorumPeer.processReconfig. */
#include "host/membership.h"

#include "host/dynamic-files.h"
#include "host/pairs.h"
#include <string.h>

struct PdkMembership {
	const PdkHost *host;
	PdkSettings *settings;
	PdkDynamicFiles *files;
	const PdkTransportOps *ops; /* NULL: nobody listens for clients yet */
	PdkTransport *transport;
	char *client_address; /* of this server, as the members say or clientPort; NULL: it has none */
};

/* "*:2181"; NULL: it has no client address. */
static char *
client_address_of(const PdkMember *member)
{
	if (member == NULL || member->client_host == NULL)
		return NULL;
	bool any = strcmp(member->client_host, "0.0.0.0") == 0, is_v6 = strchr(member->client_host, ':') != NULL;
	return g_strdup_printf(is_v6 ? "[%s]:%u" : "%s:%u", any ? "*" : member->client_host, member->client_port);
}

PdkMembership *
pdk_membership_new(const PdkHost *host, PdkSettings *settings)
{
	PdkMembership *membership = g_new0(PdkMembership, 1);
	const PdkReplicaParams *replica = settings->replica;

	membership->host = host;
	membership->settings = settings;
	membership->files = pdk_dynamic_files_new(host, settings);
	membership->client_address = client_address_of(pdk_members_find(replica->committed, replica->self));
	return membership;
}

void
pdk_membership_free(PdkMembership *membership)
{
	if (membership == NULL)
		return;
	pdk_dynamic_files_free(membership->files);
	g_free(membership->client_address);
	g_free(membership);
}

void
pdk_membership_serve(PdkMembership *membership, const PdkTransportOps *ops, PdkTransport *transport)
{
	membership->ops = ops;
	membership->transport = transport;
}

/* Listens for clients at @to instead; as before when that cannot be. Connections stay. */
static void
move_clients(PdkMembership *membership, const char *to)
{
	const PdkHost *host = membership->host;
	const PdkTransportOps *ops = membership->ops;
	g_autoptr(GError) error = NULL;

	ops->stop_listening_for(membership->transport, PDK_PURPOSE_CLIENT);
	g_autofree char *bound = ops->listen(membership->transport, PDK_PURPOSE_CLIENT, to, 0, &error);
	if (bound) {
		host->log(host, PDK_LOG_INFO, "clients-move to=%s", bound);
		pdk_pairs_set_client_port(membership->settings, bound);
		return;
	}
	g_autofree char *again = NULL;
	if (membership->client_address)
		again = ops->listen(membership->transport, PDK_PURPOSE_CLIENT, membership->client_address, 0, NULL);
	host->log(host, PDK_LOG_WARNING, "clients-stay at=%s wanted=%s cause=\"%s\"", again ? again : "nowhere", to,
		  error->message);
}

static void
follow(PdkMembership *membership, const PdkMembers *members)
{
	g_autofree char *address = client_address_of(pdk_members_find(members, membership->settings->replica->self));

	/* What paddock.conf says of its transports stays. */
	if (address == NULL || g_strcmp0(address, membership->client_address) == 0 || membership->settings->config_file == NULL)
		return;
	if (membership->ops && PDK_HAS(membership->ops, stop_listening_for))
		move_clients(membership, address);
	g_free(membership->client_address);
	membership->client_address = g_steal_pointer(&address);
}

void
pdk_membership_change(PdkMembership *membership, const char *key, GBytes *text)
{
	size_t length;

	if (strcmp(key, "next") == 0) {
		pdk_dynamic_files_propose(membership->files, text);
		return;
	}
	const char *data = g_bytes_get_data(text, &length);
	g_autoptr(PdkMembers) members = pdk_members_parse(data, length, &membership->settings->replica->rules, NULL);
	pdk_pairs_set_membership(membership->settings, data, length);
	pdk_dynamic_files_commit(membership->files, text);
	if (members)
		follow(membership, members);
}

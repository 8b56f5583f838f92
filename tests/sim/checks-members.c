/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of members (A16): one change at a time, versions that rise, nobody commits who was struck off. Changes when lists do. */
#include "sim/checks.h"

void
sim_change_proposed(Node *node, int64_t zxid, int64_t parent)
{
	SimChecks *checks = node->sim->checks;
	bool open = checks->change != 0 && !sim_chain_committed(checks, checks->change);
	if (open && sim_chain_holds(checks, parent, checks->change))
		sim_fail(node->sim, "A16-one-change", "server %" PRId64 " proposes new members by " HEX ", and " HEX " is not committed",
			 node->sid, (guint64)zxid, (guint64)checks->change);
	checks->change = zxid;
}

void
sim_change_acked(Node *node, int64_t zxid)
{
	if (zxid != node->sim->checks->change || !node->sim->params.reconfig)
		return;
	g_autoptr(PdkMembers) committed = sim_members_committed(node), next = sim_members_next(node);
	if (pdk_members_version(committed) < zxid && (next == NULL || pdk_members_version(next) < zxid))
		sim_fail(node->sim, "A16-kept", "server %" PRId64 " acks " HEX ", whose list of members is not on its disk", node->sid,
			 (guint64)zxid);
}

static void
check_leader(const Node *node, int64_t zxid)
{
	const PdkReplica *replica = node->server->replica;
	const PdkMembers *members = node->sim->checks->members;
	if (!replica->leading.leading || members == NULL)
		return;
	/* History of an epoch before is committed by both lists, also by who will hear only then that it is struck off. */
	bool own = pdk_zxid_epoch(zxid) == replica->leading.epoch;
	if (own && zxid > pdk_members_version(members) && pdk_members_find(members, node->sid) == NULL)
		sim_fail(node->sim, "A16-removed-leader", "server %" PRId64 " commits " HEX " and is no member since " HEX, node->sid,
			 (guint64)zxid, (guint64)pdk_members_version(members));
	if (pdk_members_version(replica->committed) < pdk_members_version(members))
		sim_fail(node->sim, "A16-versions-rise", "server %" PRId64 " commits " HEX " by members of " HEX ", there are those of "
			 HEX, node->sid, (guint64)zxid, (guint64)pdk_members_version(replica->committed),
			 (guint64)pdk_members_version(members));
}

void
sim_change_committed(Node *node, int64_t zxid)
{
	SimChecks *checks = node->sim->checks;
	PdkMembers *members = node->server->replica->committed;
	check_leader(node, zxid);
	if (members == checks->members ||
	    (checks->members && pdk_members_version(members) < pdk_members_version(checks->members)))
		return;
	g_clear_pointer(&checks->members, pdk_members_unref);
	checks->members = pdk_members_ref(members);
}

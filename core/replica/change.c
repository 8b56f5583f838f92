/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the list of members changes while servers run: asked for, proposed, heard of, committed. Changes when reconfiguration does.
 * Source: QuorumPeer.processReconfig, setLastSeenQuorumVerifier, setQuorumVerifier; Leader.getDesignatedLeader.
 */
#include "replica/replica-private.h"

#define TXN_TYPE_AT 28    /* TxnHeader: session, cxid, zxid, time, type */
#define TXN_HEADER_BYTES 32
#define TXN_ZXID_AT 12

static int64_t
version_of(const PdkMembers *members)
{
	return pdk_members_version(members);
}

static void
replace(PdkMembers **at, PdkMembers *members)
{
	PdkMembers *before = *at;

	*at = pdk_members_ref(members);
	pdk_members_unref(before);
}

/* ---- a txn ---- */

/* The text of the configuration in a SetDataTxn for /zookeeper/config; null when it is not one. */
static PdkSlice
text_of_txn(GBytes *txn)
{
	size_t length;
	const uint8_t *data = g_bytes_get_data(txn, &length);

	if (length < TXN_HEADER_BYTES || pdk_load_u32(data + TXN_TYPE_AT) != PDK_OP_RECONFIG_TXN)
		return (PdkSlice){NULL, -1};
	PdkJute in = pdk_jute(data + TXN_HEADER_BYTES, length - TXN_HEADER_BYTES, PDK_MEMBERS_TEXT_MAX);
	PdkSlice path = pdk_get_bytes(&in), text = pdk_get_bytes(&in);
	pdk_get_int(&in);
	if (in.failed || text.length < 0 || !pdk_slice_equal(path, "/zookeeper/config"))
		return (PdkSlice){(const uint8_t *)"", 0};
	return text;
}

PdkMembers *
pdk_change_of_txn(PdkReplica *replica, GBytes *txn, int64_t *zxid)
{
	g_autoptr(GError) error = NULL;
	PdkMembersRules rules = replica->params.rules;
	PdkSlice text = text_of_txn(txn);

	if (text.length < 0 || !replica->params.reconfig_enabled)
		return NULL;
	rules.version_allowed = true;
	rules.other_keys = false;
	*zxid = (int64_t)pdk_load_u64((const uint8_t *)g_bytes_get_data(txn, NULL) + TXN_ZXID_AT);
	PdkMembers *members = pdk_members_parse((const char *)text.data, (size_t)text.length, &rules, &error);
	if (members == NULL)
		pdk_replica_say(replica, PDK_LOG_ERROR, "the list of members of txn 0x%" PRIx64 " cannot be read, this server keeps "
				"the one it has: %s", (uint64_t)*zxid, error->message);
	return members;
}

/* ---- telling ---- */

static void
gather_voters(PdkSids *into, const PdkMembers *members)
{
	for (unsigned i = 0; i < pdk_members_count(members); i++) {
		const PdkMember *member = pdk_members_at(members, i);
		if (!member->observer)
			pdk_sids_add(into, member->sid);
	}
}

static void
fill_ensemble(PdkReplica *replica)
{
	PdkEnsemble *ensemble = &replica->ensemble;
	const PdkMember *self = pdk_members_find(replica->committed, replica->params.self);
	PdkSids voters = {0};

	gather_voters(&voters, replica->committed);
	gather_voters(&voters, replica->last_seen);
	g_array_set_size(replica->ensemble_voters, 0);
	g_array_append_vals(replica->ensemble_voters, voters.at, voters.n);
	ensemble->observes = self != NULL && self->observer;
	ensemble->votes = self != NULL && !self->observer;
	ensemble->voters = (const int64_t *)replica->ensemble_voters->data;
	ensemble->n_voters = voters.n;
	ensemble->committed_version = version_of(replica->committed);
	ensemble->last_seen_version = version_of(replica->last_seen);
	ensemble->committed_text = pdk_members_text(replica->committed, &ensemble->committed_length);
}

void
pdk_change_tell(PdkReplica *replica)
{
	PdkElectionEvent event = {.kind = PDK_ELECTION_MEMBERS};

	fill_ensemble(replica);
	if (replica->mesh != NULL)
		pdk_mesh_set_members(replica->mesh, replica->committed, replica->last_seen);
	pdk_electing_step(replica, &event);
}

/* NULL: the file goes. The version travels in the part, whatever the file's form is. */
static void
save_members(PdkReplica *replica, const char *key, const PdkMembers *members)
{
	PdkCommand *command = pdk_effects_command(replica->effects, PDK_COMMAND_MEMBERS, 0);

	command->key = g_strdup(key);
	if (members == NULL)
		return;
	g_autofree char *lines = pdk_members_file(members);
	char *text = g_strdup_printf("%s\nversion=%" PRIx64, lines, (uint64_t)version_of(members));
	command->part = g_bytes_new_take(text, strlen(text));
}

/* ---- seen ---- */

void
pdk_change_seen(PdkReplica *replica, PdkMembers *members)
{
	int64_t version = version_of(members), committed = version_of(replica->committed);

	if (!replica->params.reconfig_enabled || version == version_of(replica->last_seen))
		return;
	if (version < committed) {
		pdk_replica_say(replica, PDK_LOG_WARNING, "list of members version=%" PRIx64 " is older than the committed one, "
				"version=%" PRIx64 ": it is passed over", (uint64_t)version, (uint64_t)committed);
		return;
	}
	pdk_replica_say(replica, PDK_LOG_INFO, "list of members proposed version=%" PRIx64 " committed=%" PRIx64,
			(uint64_t)version, (uint64_t)committed);
	/* A leader's word stands, also when its proposal is older than one that never got through. */
	replace(&replica->last_seen, version == committed ? replica->committed : members);
	save_members(replica, "next", version == committed ? NULL : members);
	pdk_change_tell(replica);
}

/* ---- committed ---- */

static bool
same_places(const PdkMember *a, const PdkMember *b, PdkPurpose purpose)
{
	if (a->n_addresses != b->n_addresses)
		return false;
	for (unsigned i = 0; i < a->n_addresses; i++) {
		const PdkMemberAddress *left = &a->addresses[i], *right = &b->addresses[i];
		bool quorum = purpose == PDK_PURPOSE_QUORUM;
		if (g_ascii_strcasecmp(left->host, right->host) != 0)
			return false;
		if (quorum ? left->quorum_port != right->quorum_port : left->election_port != right->election_port)
			return false;
	}
	return true;
}

/* A server that was removed goes on where it listens. */
static void
move_listeners(PdkReplica *replica, const PdkMembers *before)
{
	const PdkMember *old = pdk_members_find(before, replica->params.self);
	const PdkMember *now = pdk_members_find(replica->committed, replica->params.self);

	if (!replica->started || now == NULL)
		return;
	if (old == NULL || !same_places(old, now, PDK_PURPOSE_ELECTION))
		pdk_replica_listen(replica, PDK_PURPOSE_ELECTION, true);
	if (old == NULL || !same_places(old, now, PDK_PURPOSE_QUORUM))
		pdk_replica_listen(replica, PDK_PURPOSE_QUORUM, true);
	if (old == NULL || !same_places(old, now, PDK_PURPOSE_QUORUM) || old->observer != now->observer)
		pdk_replica_listen(replica, PDK_PURPOSE_OBSERVER, true);
}

static bool
observes_in(const PdkMembers *members, int64_t sid)
{
	const PdkMember *member = pdk_members_find(members, sid);

	return member != NULL && member->observer;
}

/* Does the present leader lead on? It must vote in both, at the same place. */
static bool
leader_stays(const PdkReplica *replica, const PdkMembers *before)
{
	const PdkMember *old = pdk_members_find(before, replica->vote.leader);
	const PdkMember *now = pdk_members_find(replica->committed, replica->vote.leader);

	if (old == NULL || now == NULL || old->observer || now->observer)
		return false;
	return same_places(old, now, PDK_PURPOSE_QUORUM);
}

/* The state behind a change of role or leader is taken without an election when a leader was named. */
static bool
follow_change(PdkReplica *replica, const PdkMembers *before, int64_t designated, int64_t zxid)
{
	int64_t self = replica->params.self;
	bool other_role = observes_in(before, self) != observes_in(replica->committed, self);

	if (designated < 0 || replica->role == PDK_PEER_LOOKING) {
		replica->handed_over = false;
		return other_role || !leader_stays(replica, before);
	}
	if (designated != replica->vote.leader) {
		pdk_replica_say(replica, PDK_LOG_INFO, "server %" PRId64 " is named as leader by the new list of members, after "
				"server %" PRId64, designated, replica->vote.leader);
		replica->vote = (PdkVote){.leader = designated, .zxid = zxid, .round = -1, .peer_epoch = -1};
		replica->handed_over = true;
		pdk_replica_settle(replica, -1);
		return true;
	}
	replica->handed_over = replica->handed_over || other_role;
	return other_role;
}

static void
put_in_force(PdkReplica *replica, PdkMembers *members)
{
	unsigned voters = pdk_members_voters(members);

	replace(&replica->committed, members);
	if (version_of(replica->last_seen) <= version_of(members))
		replace(&replica->last_seen, members);
	pdk_replica_say(replica, PDK_LOG_INFO, "list of members committed version=%" PRIx64 " participants=%u observers=%u",
			(uint64_t)version_of(members), voters, pdk_members_count(members) - voters);
	save_members(replica, "committed", members);
	if (version_of(replica->last_seen) == version_of(members))
		save_members(replica, "next", NULL);
	replica->hooks.members(replica->hooks.context, members, version_of(members));
}

bool
pdk_change_committed(PdkReplica *replica, PdkMembers *members, int64_t designated, int64_t zxid)
{
	g_autoptr(PdkMembers) before = pdk_members_ref(replica->committed);

	if (!replica->params.reconfig_enabled || version_of(members) <= version_of(before))
		return false;
	put_in_force(replica, members);
	pdk_change_tell(replica);
	if (pdk_members_equal(before, members))
		return false;
	move_listeners(replica, before);
	if (replica->mesh != NULL && !pdk_members_same_servers(before, members))
		pdk_mesh_restart(replica->mesh, replica->effects);
	return follow_change(replica, before, designated, zxid);
}

/* ---- at the leader ---- */

/*
 * This server, if it votes at the same place; else who acked most of what is proposed, so that least is lost. Those who acked the
 * reconfiguration are a quorum of the new list, so there is one.
 */
int64_t
pdk_change_designated(PdkReplica *replica, const PdkMembers *members, int64_t zxid)
{
	int64_t self = replica->params.self, best = self, best_acked = -1;
	const PdkMember *old = pdk_members_find(replica->committed, self), *now = pdk_members_find(members, self);

	if (old != NULL && now != NULL && !now->observer && same_places(old, now, PDK_PURPOSE_QUORUM))
		return self;
	for (const PdkHandler *handler = replica->handlers; handler != NULL; handler = handler->next) {
		if (handler->gone || handler->stage < PDK_HANDLER_ACKED || handler->observer || handler->sid == self)
			continue;
		if (!pdk_members_votes(members, handler->sid) || pdk_members_weight(members, handler->sid) == 0)
			continue;
		if (handler->acked < zxid || handler->acked < best_acked)
			continue;
		best = handler->acked > best_acked ? handler->sid : MAX(best, handler->sid);
		best_acked = handler->acked;
	}
	return best;
}

/* Enough of the new voters are here, up to date and in time. */
static bool
quorum_is_here(const PdkReplica *replica, const PdkMembers *members)
{
	PdkSids here = {0};

	if (pdk_members_votes(members, replica->params.self))
		pdk_sids_add(&here, replica->params.self);
	for (const PdkHandler *handler = replica->handlers; handler != NULL; handler = handler->next) {
		bool live = !handler->gone && handler->stage == PDK_HANDLER_LIVE && !handler->observer;
		if (live && replica->leading.tick <= handler->deadline_tick)
			pdk_sids_add(&here, handler->sid);
	}
	return pdk_members_quorum(members, &here);
}

static PdkMembers *
refuse(PdkReplica *replica, PdkCode code, const char *why, PdkCode *into)
{
	pdk_replica_say(replica, PDK_LOG_INFO, "reconfiguration refused: %s", why);
	*into = code;
	return NULL;
}

PdkMembers *
pdk_replica_reconfigure(PdkReplica *replica, const char *joining, const char *leaving, const char *whole, int64_t from_version,
			int64_t zxid, PdkCode *code)
{
	int64_t version = version_of(replica->last_seen);
	g_autofree char *why = NULL;

	if (!replica->params.reconfig_enabled)
		return refuse(replica, PDK_ERR_RECONFIG_DISABLED, "reconfigEnabled is false", code);
	if (version != version_of(replica->committed) || replica->leading.proposed_members != NULL)
		return refuse(replica, PDK_ERR_RECONFIG_IN_PROGRESS, "another one is under way", code);
	if ((from_version != -1 && from_version != version) || zxid <= version) {
		why = g_strdup_printf("found version %" PRIx64 " in the request, allowed: -1 or the present one, %" PRIx64,
				      (uint64_t)from_version, (uint64_t)version);
		return refuse(replica, PDK_ERR_BAD_VERSION, why, code);
	}
	g_autoptr(PdkMembers) members = pdk_members_reconfigure(replica->last_seen, joining, leaving, whole,
								&replica->params.rules, zxid, code, &why);
	if (members == NULL)
		return refuse(replica, *code, why, code);
	if (!quorum_is_here(replica, members))
		return refuse(replica, PDK_ERR_NEW_CONFIG_NO_QUORUM, "too few participants of the new list are connected and in time",
			      code);
	return g_steal_pointer(&members);
}

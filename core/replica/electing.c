/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the election plugin, the mesh of election links and the replica: events in, wishes out. What a step asks for and
 * would step again (a leader, a configuration) is kept and acted on when the step is over.
 */
#include "replica/replica-private.h"

/* ---- what the plugin may ask of the ensemble ---- */

bool
pdk_electing_is_voter(void *context, int64_t sid)
{
	PdkReplica *replica = context;
	return pdk_members_votes(replica->committed, sid) || pdk_members_votes(replica->last_seen, sid);
}

int64_t
pdk_electing_weight(void *context, int64_t sid)
{
	PdkReplica *replica = context;
	if (pdk_members_find(replica->committed, sid))
		return pdk_members_weight(replica->committed, sid);
	return pdk_members_weight(replica->last_seen, sid);
}

bool
pdk_electing_quorum(void *context, const int64_t *sids, unsigned n)
{
	PdkReplica *replica = context;
	PdkSids set = {0};
	for (unsigned i = 0; i < n; i++)
		pdk_sids_add(&set, sids[i]);
	if (!pdk_members_quorum(replica->committed, &set))
		return false;
	if (pdk_members_version(replica->last_seen) <= pdk_members_version(replica->committed))
		return true;
	return pdk_members_quorum(replica->last_seen, &set);
}

/* ---- what a step asks for ---- */

static void
out_send(void *context, int64_t sid, GBytes *message)
{
	PdkReplica *replica = context;
	pdk_mesh_send(replica->mesh, sid, message, replica->now_us, replica->effects);
}

static void
out_deadline(void *context, int64_t at_us)
{
	PdkReplica *replica = context;
	replica->election_due_us = at_us;
	pdk_replica_deadline(replica, at_us);
}

static void
out_elected(void *context, const PdkVote *vote, PdkPeerState state)
{
	PdkReplica *replica = context;
	if (replica->role != PDK_PEER_LOOKING || state == PDK_PEER_LOOKING)
		return;
	replica->vote = *vote;
	replica->enter_wanted = true;
	replica->enter_state = state;
}

static void
out_adopt(void *context, const char *text, size_t length)
{
	PdkReplica *replica = context;
	if (replica->role != PDK_PEER_LOOKING || length > PDK_MEMBERS_TEXT_MAX)
		return;
	g_free(replica->adopt_text);
	replica->adopt_text = g_strndup(text, length);
	replica->adopt_length = length;
}

static void
out_save(void *context, const char *key, GBytes *value)
{
	PdkReplica *replica = context;
	PdkCommand *command = pdk_effects_command(replica->effects, PDK_COMMAND_RECORD, 0);
	command->key = g_strdup(key);
	command->part = g_bytes_ref(value);
	replica->election_saves++;
}

static void
out_doubt(void *context)
{
	PdkReplica *replica = context;
	const PdkLearning *learning = &replica->learning;
	bool unheard = learning->stage == PDK_LEARNER_DIALLING || learning->stage == PDK_LEARNER_LEADERINFO;
	switch (replica->role) {
	case PDK_PEER_LOOKING:
		replica->doubted = replica->enter_wanted && !replica->handed_over;
		break;
	case PDK_PEER_LEADING:
		replica->doubted = !replica->leading.established;
		break;
	default:
		replica->doubted = unheard && !learning->by_hand;
		break;
	}
}

static void
out_unanimous(void *context)
{
	PdkReplica *replica = context;
	replica->unanimous = replica->role == PDK_PEER_LOOKING;
}

/* ---- what the mesh reports ---- */

static void
mesh_message(void *context, int64_t sid, const uint8_t *data, size_t length)
{
	PdkElectionEvent event = {.kind = PDK_ELECTION_MESSAGE, .sid = sid};
	event.message.data = data;
	event.message.length = length;
	pdk_electing_step(context, &event);
}

static void
mesh_link(void *context, int64_t sid, PdkPeerLink link)
{
	PdkReplica *replica = context;
	PdkElectionEvent event = {.kind = PDK_ELECTION_LINK, .sid = sid};
	event.link = link;
	pdk_electing_step(replica, &event);
	if (link == PDK_PEER_LINK_REFUSED)
		pdk_learner_peer_down(replica, sid);
}

static void
mesh_say(void *context, PdkLogLevel level, const char *line)
{
	PdkReplica *replica = context;
	replica->hooks.say(replica->hooks.context, level, line);
}

static uint32_t
mesh_dial_number(void *context)
{
	PdkReplica *replica = context;
	if (++replica->next_dial == 0)
		replica->next_dial = 1;
	return replica->next_dial;
}

void
pdk_electing_begin(PdkReplica *replica)
{
	replica->election_out = (PdkElectionOut){
		.size = sizeof(PdkElectionOut),
		.context = replica,
		.send = out_send,
		.deadline = out_deadline,
		.elected = out_elected,
		.adopt = out_adopt,
		.save = out_save,
		.doubt = out_doubt,
		.unanimous = out_unanimous,
	};
	PdkMeshParams params = {
		.self = replica->params.self,
		.queue_length = MAX(replica->election_ops->queue_length, 1),
		.resend_last = replica->election_ops->resend_last,
		.several_addresses = replica->params.rules.several_addresses,
		.dial_timeout_ms = replica->params.dial_timeout_ms,
		.handshake_timeout_ms = replica->params.tick_ms * replica->params.sync_limit,
		.seed = pdk_random_next(&replica->random),
		.hooks = {mesh_message, mesh_link, mesh_say, mesh_dial_number, replica},
	};
	replica->mesh = pdk_mesh_new(&params);
	pdk_mesh_set_members(replica->mesh, replica->committed, replica->last_seen);
}

/* A newer configuration went round while this server looked. Source: QuorumPeer.setQuorumVerifier from WorkerReceiver. */
static void
adopt(PdkReplica *replica)
{
	g_autofree char *text = g_steal_pointer(&replica->adopt_text);
	g_autoptr(GError) error = NULL;
	if (replica->role != PDK_PEER_LOOKING || !replica->params.reconfig_enabled)
		return;
	g_autoptr(PdkMembers) members = pdk_members_parse(text, replica->adopt_length, &replica->params.rules, &error);
	if (members == NULL) {
		pdk_replica_say(replica, PDK_LOG_WARNING, "a peer's list of members cannot be read, it is passed over: %s",
				error->message);
		return;
	}
	if (pdk_members_version(members) <= pdk_members_version(replica->committed))
		return;
	pdk_replica_say(replica, PDK_LOG_INFO, "newer list of members adopted version=%" PRIx64,
			(uint64_t)pdk_members_version(members));
	replica->enter_wanted = false;
	pdk_change_committed(replica, members, -1, 0);
	replica->look_wanted = true;
	replica->look_at_us = replica->now_us;
	replica->effects->again = true;
}

/* What was elected will not come about. */
static void
give_way(PdkReplica *replica)
{
	switch (replica->role) {
	case PDK_PEER_LOOKING:
		replica->enter_wanted = false;
		replica->look_wanted = replica->effects->again = true;
		break;
	case PDK_PEER_LEADING:
		pdk_replica_look(replica, "a quorum follows another server, or looks again");
		break;
	default:
		pdk_learner_give_up(replica, "looks again itself");
		break;
	}
}

void
pdk_electing_step(PdkReplica *replica, const PdkElectionEvent *event)
{
	if (replica->election == NULL || replica->stopping || !replica->started)
		return;
	pdk_assert(!replica->stepping);
	PdkElectionEvent timed = *event;
	timed.now_us = replica->now_us;
	replica->doubted = false;
	replica->stepping = true;
	replica->election_ops->step(replica->election, &timed, &replica->election_out);
	replica->stepping = false;
	if (replica->adopt_text)
		adopt(replica);
	if (replica->doubted)
		give_way(replica);
	if (replica->enter_wanted)
		replica->effects->again = true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* fle as a plugin: its options, its life, and what each event and each message is for. Changes when one comes or goes. */
#include "fle.h"

#include <paddock/plugin.h>

#define PEERS_MAX 512 /* peers remembered; more than an ensemble can have */

static const PdkOption fle_options[] = {
	{.key = "finalize_wait_ms", .type = PDK_OPTION_INT, .fallback = "200", .min = 1, .max = 60000,
	 .help = "how long a quorum waits for better votes of voters that are silent, in ms"},
	{.key = "notification_min_ms", .type = PDK_OPTION_INT, .fallback = "200", .min = 1, .max = 60000,
	 .zoo_keys = "fastleader.minNotificationInterval",
	 .help = "first pause before a vote is sent again, in ms; each further pause is twice as long"},
	{.key = "notification_max_ms", .type = PDK_OPTION_INT, .fallback = "60000", .min = 1, .max = 3600000,
	 .zoo_keys = "fastleader.maxNotificationInterval", .help = "longest pause before a vote is sent again, in ms"},
	{0},
};

static PdkElection *
fle_create(const PdkHost *host, const PdkConfig *config, const PdkEnsemble *ensemble, GBytes *record G_GNUC_UNUSED,
	   GError **error G_GNUC_UNUSED)
{
	PdkElection *self = g_new0(PdkElection, 1);

	self->host = host;
	self->ensemble = ensemble;
	self->finalize_wait_us = host->option_int(config, "finalize_wait_ms") * MS_US;
	self->interval_min_us = host->option_int(config, "notification_min_ms") * MS_US;
	self->interval_max_us = MAX(host->option_int(config, "notification_max_ms") * MS_US, self->interval_min_us);
	self->peers = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
	self->waiting = g_array_new(FALSE, FALSE, sizeof(int64_t));
	self->received.ballots = g_array_new(FALSE, FALSE, sizeof(Ballot));
	self->outside.ballots = g_array_new(FALSE, FALSE, sizeof(Ballot));
	self->against.ballots = g_array_new(FALSE, FALSE, sizeof(Ballot));
	self->resend_us = self->finalize_us = self->armed_us = INT64_MAX;
	return self;
}

static void
fle_destroy(PdkElection *self)
{
	g_hash_table_unref(self->peers);
	g_array_unref(self->waiting);
	g_array_unref(self->received.ballots);
	g_array_unref(self->outside.ballots);
	g_array_unref(self->against.ballots);
	g_free(self);
}

bool
fle_is_voter(const PdkElection *self, int64_t sid)
{
	return self->ensemble->is_voter(self->ensemble->context, sid);
}

/* NULL: more peers than an ensemble has. */
Peer *
fle_peer(PdkElection *self, int64_t sid)
{
	Peer *peer = g_hash_table_lookup(self->peers, &sid);

	if (peer || g_hash_table_size(self->peers) >= PEERS_MAX)
		return peer;
	peer = g_new0(Peer, 1);
	peer->sid = sid;
	g_hash_table_insert(self->peers, &peer->sid, peer);
	return peer;
}

/* ---- messages ---- */

/*
 * A configuration newer than the committed one replaces it, and the search begins again: true, there is nothing more to do with
 * this message. A peer's configuration is offered once a version, for the host may refuse it.
 */
static bool
offer_config(PdkElection *self, int64_t sid, const Notification *heard)
{
	if (!self->ensemble->reconfig_enabled || !self->searches || heard->config == NULL)
		return false;
	int64_t version = notification_config_version(heard->config, heard->config_length);
	Peer *peer = fle_peer(self, sid);
	if (version <= self->ensemble->committed_version || peer == NULL || peer->asked_version == version)
		return false;
	peer->asked_version = version;
	self->out->adopt(self->out->context, heard->config, heard->config_length);
	return true;
}

/* WorkerReceiver: what every message is, whatever this server does. */
static void
hear(PdkElection *self, int64_t sid, const Notification *heard)
{
	if (offer_config(self, sid, heard))
		return;
	bool settled = self->state != PDK_PEER_LOOKING, looks = heard->state == PDK_PEER_LOOKING;
	if (!fle_is_voter(self, sid)) {
		fle_hear_without_vote(self, sid, looks);
		return;
	}
	if (self->searches) {
		if (looks && heard->vote.round < self->clock)
			fle_answer(self, sid, &self->proposal, self->clock, FLE_SAME_ANSWER_US);
		fle_hear_while_looking(self, sid, heard);
		return;
	}
	if (!looks && self->state == PDK_PEER_LEADING)
		fle_hear_against(self, sid, heard);
	if (!looks || sid == self->ensemble->self)
		return;
	if (self->state == PDK_PEER_LEADING)
		fle_hear_leaving(self, sid, heard);
	fle_keep_for_search(self, sid, &heard->vote);
	if (settled)
		fle_tell(self, sid, &self->current, self->current.round);
}

static void
say_once(PdkElection *self, int64_t sid, NotificationStatus status, size_t length)
{
	Peer *peer = fle_peer(self, sid);

	if (peer == NULL)
		return;
	if (status == NOTIFICATION_PAXOS && !peer->told_paxos) {
		peer->told_paxos = true;
		self->host->log(self->host, PDK_LOG_ERROR,
				"peer %" G_GINT64_FORMAT
				" runs paxos, this server runs fle: set the same election on all members",
				sid);
	}
	if (status == NOTIFICATION_MALFORMED && !peer->told_malformed) {
		peer->told_malformed = true;
		self->host->log(self->host, PDK_LOG_WARNING,
				"malformed notification from peer %" G_GINT64_FORMAT " length=%" G_GSIZE_FORMAT ": dropped", sid,
				length);
	}
}

static void
on_message(PdkElection *self, int64_t sid, const uint8_t *data, size_t length)
{
	Notification heard;
	NotificationStatus status = notification_read(data, length, &heard);

	if (status != NOTIFICATION_OK) {
		say_once(self, sid, status, length);
		return;
	}
	Peer *peer = g_hash_table_lookup(self->peers, &sid);
	if (peer)
		peer->told_paxos = peer->told_malformed = false;
	hear(self, sid, &heard);
}

/* ---- the other events ---- */

/* A voter begins with itself; others name nobody, and an observer has no history to speak of. */
static void
on_look(PdkElection *self, int64_t zxid, int64_t current_epoch)
{
	const PdkEnsemble *ensemble = self->ensemble;

	self->initial = (PdkVote){
		.leader = ensemble->votes ? ensemble->self : INT64_MIN,
		.zxid = ensemble->observes ? INT64_MIN : zxid,
		.peer_epoch = ensemble->observes ? INT64_MIN : current_epoch,
	};
	self->proposal = self->initial;
	self->state = PDK_PEER_LOOKING;
	self->searches = true;
	self->clock++;
	g_array_set_size(self->received.ballots, 0);
	g_array_set_size(self->outside.ballots, 0);
	g_array_set_size(self->against.ballots, 0);
	self->began_us = self->now_us;
	self->interval_us = self->interval_min_us;
	self->finalize_us = INT64_MAX;
	fle_forget_answered(self);
	fle_forget_who_left(self);
	fle_tell_voters(self);
	fle_hear_what_was_kept(self);
}

static void
on_settled(PdkElection *self, PdkPeerState state, const PdkVote *vote)
{
	self->state = state;
	self->searches = false;
	g_array_set_size(self->against.ballots, 0);
	if (state != PDK_PEER_LOOKING)
		self->current = *vote;
	self->resend_us = self->finalize_us = INT64_MAX;
}

static void
on_link(PdkElection *self, int64_t sid, PdkPeerLink link)
{
	Peer *peer = fle_peer(self, sid);

	if (peer == NULL)
		return;
	peer->link = link;
	peer->was_up |= link == PDK_PEER_LINK_UP;
	peer->answered = false; /* it may have been lost with the connection, or the peer be another by now */
	if (self->searches)
		fle_end_early(self);
}

static void
on_deadline(PdkElection *self)
{
	self->armed_us = INT64_MAX;
	if (self->now_us >= self->finalize_us) {
		self->finalize_us = INT64_MAX;
		if (fle_quorum_agrees(self)) {
			fle_end_with_proposal(self);
			return;
		}
	}
	if (self->now_us < self->resend_us)
		return;
	self->interval_us = MIN(self->interval_us * 2, self->interval_max_us);
	fle_tell_voters(self);
}

static void
fle_step(PdkElection *self, const PdkElectionEvent *event, const PdkElectionOut *out)
{
	self->out = out;
	self->now_us = event->now_us;
	switch (event->kind) {
	case PDK_ELECTION_LOOK:
		on_look(self, event->look.zxid, event->look.current_epoch);
		break;
	case PDK_ELECTION_SETTLED:
		on_settled(self, event->settled.state, &event->settled.vote);
		break;
	case PDK_ELECTION_MESSAGE:
		on_message(self, event->sid, event->message.data, event->message.length);
		break;
	case PDK_ELECTION_LINK:
		on_link(self, event->sid, event->link);
		break;
	case PDK_ELECTION_DEADLINE:
		on_deadline(self);
		break;
	case PDK_ELECTION_MEMBERS: /* read when it is needed; a LOOK follows where it matters */
	case PDK_ELECTION_SAVED:   /* nothing is kept: currentEpoch and the log are the host's */
		break;
	}
	int64_t deadline_us = MIN(self->resend_us, self->finalize_us);
	if (deadline_us != self->armed_us)
		out->deadline(out->context, deadline_us);
	self->armed_us = deadline_us;
	self->out = NULL;
}

static const PdkElectionOps fle_ops = {
	.size = sizeof(PdkElectionOps),
	.queue_length = 1,
	.resend_last = true,
	.create = fle_create,
	.destroy = fle_destroy,
	.step = fle_step,
};

PDK_PLUGIN_DEFINE(election, fle) = {
	PDK_PLUGIN_HEAD,
	.kind = PDK_KIND_ELECTION,
	.name = "fle",
	.version = PACKAGE_VERSION,
	.summary = "FastLeaderElection, as Apache ZooKeeper's servers speak it",
	.options = fle_options,
	.ops = &fle_ops,
};

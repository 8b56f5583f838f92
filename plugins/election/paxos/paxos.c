/* SPDX-License-Identifier: Apache-2.0 */
/*
 * paxos: who should lead is decided by single-decree Paxos. This file changes when the election table of the ABI or the plugin's
 * options do: birth, which role hears an event, what a server is in its peers' eyes.
 */
#include "paxos.h"

#include <paddock/plugin.h>
#include <string.h>

static const PdkOption paxos_options[] = {
	{ .key = "trace", .type = PDK_OPTION_BOOL, .fallback = "false",
	  .help = "tell the story in the log: prepare, promise, accept, accepted, chosen, as they happen" },
	{ .key = "proposal_delay_ms", .type = PDK_OPTION_INT, .fallback = "20", .min = 0, .max = 10000,
	  .help = "how long a server waits before it proposes, for each peer with more history, in ms" },
	{ .key = "backoff_min_ms", .type = PDK_OPTION_INT, .fallback = "20", .min = 1, .max = 10000,
	  .help = "pause after the first refusal of a ballot, in ms; up to twice as long by chance, doubled each time" },
	{ .key = "backoff_max_ms", .type = PDK_OPTION_INT, .fallback = "2000", .min = 1, .max = 60000,
	  .help = "where the pause stops to double, in ms" },
	{ .key = "query_interval_ms", .type = PDK_OPTION_INT, .fallback = "1000", .min = 10, .max = 60000,
	  .help = "how often a server without a leader asks its peers for one, in ms" },
	{ .key = "query_round_ms", .type = PDK_OPTION_INT, .fallback = "200", .min = 0, .max = 60000,
	  .help = "how long it waits for silent peers to answer before it proposes, in ms" },
	{ .key = "phase_timeout_ms", .type = PDK_OPTION_INT, .fallback = "1000", .min = 10, .max = 60000,
	  .help = "how long prepare and accept wait for answers before they are repeated, in ms" },
	{ .key = NULL },
};

/* ---- what all roles ask ---- */

int64_t
pdk_paxos_cv(const PdkElection *self)
{
	return MAX(self->ensemble->committed_version, self->ensemble->last_seen_version);
}

bool
pdk_paxos_may_vote(const PdkElection *self)
{
	return self->summary.zxid >= 0 && self->ensemble->is_voter(self->ensemble->context, self->ensemble->self);
}

/*
 * Whose votes make a quorum is for the proposer to say, who knows more: by its configuration this server may be a voter of one
 * that is under way, and does not know it. Without its voice neither configuration might have a leader.
 */
bool
pdk_paxos_may_promise(const PdkElection *self, PaxosInstance instance)
{
	return pdk_paxos_may_vote(self) || (self->summary.zxid >= 0 && instance.cv > pdk_paxos_cv(self));
}

int64_t
pdk_paxos_attempt(const PdkElection *self)
{
	PaxosInstance highest = self->acceptor.record.instance;

	if (pdk_paxos_compare_instances(self->heard, highest) > 0)
		highest = self->heard;
	/* In the same attempt a newer configuration goes first: only the next one is left then. */
	int64_t k = highest.cv > pdk_paxos_cv(self) ? highest.k + 1 : highest.k;
	return MIN(MAX(k, self->spent.k + 1), PAXOS_LIMIT);
}

void
pdk_paxos_note(PdkElection *self, PaxosInstance instance, int64_t n)
{
	int order = pdk_paxos_compare_instances(instance, self->heard);

	if (order < 0)
		return;
	self->heard_n = order > 0 ? n : MAX(n, self->heard_n);
	self->heard = instance;
}

/* ---- states ---- */

static void
stop_looking(PdkElection *self)
{
	self->looking = false;
	pdk_paxos_proposer_reset(self);
	pdk_paxos_acceptor_forget(self);
}

/* The leader is lost: its instance is not acted on again. */
static void
spend(PdkElection *self)
{
	if (self->status == PAXOS_LOOKING)
		return;
	if (pdk_paxos_compare_instances(self->instance, self->spent) > 0)
		self->spent = self->instance;
	self->spent_leader = self->vote.leader;
	self->status = PAXOS_LOOKING;
	self->learner.adopted = -1;
}

void
pdk_paxos_decide(PdkElection *self, PaxosInstance instance, int64_t leader)
{
	const PdkEnsemble *ensemble = self->ensemble;
	const PaxosPeer *peer = leader == ensemble->self ? NULL : pdk_paxos_peer(self, leader);
	PaxosSummary summary = leader == ensemble->self ? self->summary : peer ? peer->summary : (PaxosSummary){-1, -1};
	PdkPeerState state = leader == ensemble->self ? PDK_PEER_LEADING :
			     ensemble->observes	      ? PDK_PEER_OBSERVING :
							PDK_PEER_FOLLOWING;

	stop_looking(self);
	self->status = PAXOS_PENDING;
	self->learner.announcing = false;
	self->instance = instance;
	self->vote = (PdkVote){
		.leader = leader, .zxid = summary.zxid, .round = instance.k, .peer_epoch = summary.epoch,
	};
	pdk_paxos_learner_tell_askers(self);
	self->out->elected(self->out->context, &self->vote, state);
}

static void
look(PdkElection *self, const PdkElectionEvent *event)
{
	spend(self);
	stop_looking(self);
	self->looking = true;
	self->summary = (PaxosSummary){.epoch = event->look.current_epoch, .zxid = event->look.zxid};
	pdk_paxos_trace(self, "looks for a leader, epoch %" G_GINT64_FORMAT " zxid 0x%" G_GINT64_MODIFIER "x, next attempt %"
			G_GINT64_FORMAT, self->summary.epoch, (guint64)self->summary.zxid, pdk_paxos_attempt(self));
	pdk_paxos_learner_look(self);
}

/*
 * The host goes on without this election (a committed reconfiguration named the leader), or is through. A hand-over has no
 * attempt of its own: it is the old one under the new configuration.
 */
static void
settled(PdkElection *self, const PdkElectionEvent *event)
{
	const PdkVote *vote = &event->settled.vote;

	if (event->settled.state == PDK_PEER_LOOKING) {
		spend(self);
		stop_looking(self);
		return;
	}
	if (self->status == PAXOS_LOOKING || vote->leader != self->vote.leader) {
		self->instance = (PaxosInstance){.cv = pdk_paxos_cv(self), .k = MAX(self->instance.k, 1)};
		self->status = PAXOS_PENDING;
	}
	stop_looking(self);
	if (vote->peer_epoch < 0)
		self->status = PAXOS_PENDING;
	else if (vote->peer_epoch != self->vote.peer_epoch)
		self->status = PAXOS_ATTACHED;
	self->vote = *vote;
	pdk_paxos_learner_tell_askers(self);
}

/* ---- messages ---- */

static void
dispatch(PdkElection *self, int64_t from, const PaxosMessage *message)
{
	switch (message->type) {
	case PAXOS_QUERY:
		pdk_paxos_learner_query(self, from, message);
		break;
	case PAXOS_STATUS:
		pdk_paxos_learner_status(self, from, message);
		break;
	case PAXOS_PREPARE:
		pdk_paxos_acceptor_prepare(self, from, message);
		break;
	case PAXOS_PROMISE:
		pdk_paxos_proposer_promise(self, from, message);
		break;
	case PAXOS_ACCEPT:
		pdk_paxos_acceptor_accept(self, from, message);
		break;
	case PAXOS_ACCEPTED:
		pdk_paxos_proposer_accepted(self, from, message);
		break;
	case PAXOS_CHOSEN:
		pdk_paxos_learner_chosen(self, from, message);
		break;
	case PAXOS_NACK:
		if (!pdk_paxos_learner_adopt(self, message))
			pdk_paxos_proposer_nack(self, from, message);
		break;
	}
}

static void
trace_reply(const PdkElection *self, int64_t to, const PaxosMessage *message)
{
	PaxosText ballot = pdk_paxos_ballot_text(message->instance, message->ballot);

	if (message->type == PAXOS_ACCEPTED)
		pdk_paxos_trace(self, "accepted %s value %" G_GINT64_FORMAT " -> %" G_GINT64_FORMAT, ballot.text, message->value,
				to);
	else if (message->type == PAXOS_PROMISE && message->accepted.n == 0)
		pdk_paxos_trace(self, "promise %s -> %" G_GINT64_FORMAT ", has accepted nothing", ballot.text, to);
	else if (message->type == PAXOS_PROMISE)
		pdk_paxos_trace(self, "promise %s -> %" G_GINT64_FORMAT ", has accepted value %" G_GINT64_FORMAT
				" in ballot (%" G_GINT64_FORMAT ", %" G_GINT64_FORMAT ")", ballot.text, to,
				message->accepted_value, message->accepted.n, message->accepted.sid);
}

void
pdk_paxos_send(PdkElection *self, int64_t sid, const PaxosMessage *message)
{
	if (self->trace)
		trace_reply(self, sid, message);
	if (sid == self->ensemble->self) {
		dispatch(self, sid, message);
		return;
	}
	g_autoptr(GBytes) bytes = pdk_paxos_encode(message);
	self->out->send(self->out->context, sid, bytes);
}

void
pdk_paxos_send_to_voters(PdkElection *self, const PaxosMessage *message)
{
	const PdkEnsemble *ensemble = self->ensemble;

	for (unsigned i = 0; i < ensemble->n_voters; i++) {
		int64_t sid = ensemble->voters[i];
		const PaxosPeer *peer = sid == ensemble->self ? NULL : pdk_paxos_peer(self, sid);
		if (peer && peer->link != PDK_PEER_LINK_REFUSED)
			pdk_paxos_send(self, sid, message);
	}
}

/* What goes beyond the numbers of a message: that its sender may say so, and that a leader is one who may lead. */
static bool
is_credible(const PdkElection *self, int64_t from, const PaxosMessage *message)
{
	const PdkEnsemble *ensemble = self->ensemble;
	bool same_members = message->instance.cv == pdk_paxos_cv(self);

	switch (message->type) {
	case PAXOS_PREPARE:
	case PAXOS_ACCEPT:
		if (message->ballot.sid != from || (same_members && !ensemble->is_voter(ensemble->context, from)))
			return false;
		return message->type == PAXOS_PREPARE || !same_members ||
		       ensemble->is_voter(ensemble->context, message->value);
	default:
		return true;
	}
}

static void
note_all(PdkElection *self, const PaxosMessage *message)
{
	switch (message->type) {
	case PAXOS_PREPARE:
	case PAXOS_ACCEPT:
	case PAXOS_NACK:
		pdk_paxos_note(self, message->instance, message->ballot.n);
		break;
	default:
		break;
	}
	/* The attempt its sender would make; of which configuration it is does not matter, they are counted together. */
	if (message->k > 0)
		pdk_paxos_note(self, (PaxosInstance){.cv = 0, .k = message->k}, 0);
}

static void
complain(PdkElection *self, int64_t from, const PdkElectionEvent *event)
{
	PaxosPeer *peer = pdk_paxos_peer(self, from);
	uint32_t state = G_MAXUINT32;

	if (event->message.length >= sizeof(state))
		memcpy(&state, event->message.data, sizeof(state));
	bool fle = GUINT32_FROM_BE(state) <= PDK_PEER_OBSERVING;
	if (!peer || (fle ? peer->called_fle : peer->called_nonsense))
		return;
	peer->called_fle |= fle;
	peer->called_nonsense |= !fle;
	if (fle)
		self->host->log(self->host, PDK_LOG_ERROR, "peer %" G_GINT64_FORMAT " runs fle, this server runs paxos: set the "
				"same election on all members", from);
	else
		self->host->log(self->host, PDK_LOG_WARNING, "election message of peer %" G_GINT64_FORMAT " is not understood, "
				"dropped, as any further one; length=%zu", from, event->message.length);
}

static void
heard_message(PdkElection *self, const PdkElectionEvent *event)
{
	PaxosMessage message;

	if (!pdk_paxos_decode(event->message.data, event->message.length, &message) ||
	    !is_credible(self, event->sid, &message)) {
		complain(self, event->sid, event);
		return;
	}
	if (event->sid == self->ensemble->self)
		return; /* what is for this server never leaves it */
	PaxosPeer *peer = pdk_paxos_peer(self, event->sid);
	if (!peer)
		return;
	if (peer->link == PDK_PEER_LINK_REFUSED)
		peer->link = PDK_PEER_LINK_DOWN; /* it is there after all */
	note_all(self, &message);
	dispatch(self, event->sid, &message);
}

/* ---- the table ---- */

static PdkElection *
paxos_create(const PdkHost *host, const PdkConfig *config, const PdkEnsemble *ensemble, GBytes *record,
	     GError **error G_GNUC_UNUSED)
{
	PdkElection *self = g_new0(PdkElection, 1);

	self->host = host;
	self->ensemble = ensemble;
	self->trace = host->option_bool(config, "trace");
	self->proposal_delay_us = host->option_int(config, "proposal_delay_ms") * 1000;
	self->backoff_min_us = host->option_int(config, "backoff_min_ms") * 1000;
	self->backoff_max_us = MAX(host->option_int(config, "backoff_max_ms") * 1000, self->backoff_min_us);
	self->query_us = host->option_int(config, "query_interval_ms") * 1000;
	self->query_round_us = host->option_int(config, "query_round_ms") * 1000;
	self->phase_us = host->option_int(config, "phase_timeout_ms") * 1000;
	self->summary = (PaxosSummary){-1, -1};
	self->vote.leader = self->spent_leader = PAXOS_NOBODY;
	self->learner.adopted = -1;
	self->peers = g_ptr_array_new_with_free_func(g_free);
	g_queue_init(&self->acceptor.waiting);
	pdk_paxos_proposer_init(self);

	PaxosRecord *kept = &self->acceptor.record;
	if (record && !pdk_paxos_record_decode(record, kept)) {
		/* As with a new disk: the others' refusals tell where they are. No history depends on it. */
		*kept = (PaxosRecord){0};
		host->log(host, PDK_LOG_WARNING, "record " PAXOS_RECORD_KEY " is damaged, promises of the running election are "
			  "forgotten; length=%zu", g_bytes_get_size(record));
	}
	/* What was accepted in an earlier life would be forced on this one: the next attempt is free of it. */
	if (kept->accepted.n > 0)
		pdk_paxos_note(self, (PaxosInstance){.cv = 0, .k = MIN(kept->instance.k + 1, PAXOS_LIMIT)}, 0);
	return self;
}

static void
paxos_destroy(PdkElection *self)
{
	pdk_paxos_acceptor_forget(self);
	pdk_paxos_proposer_clear(self);
	g_ptr_array_unref(self->peers);
	g_free(self);
}

static void
link_changed(PdkElection *self, const PdkElectionEvent *event)
{
	PaxosPeer *peer = pdk_paxos_peer(self, event->sid);

	if (!peer)
		return;
	peer->link = event->link;
	pdk_paxos_learner_link(self, peer);
	pdk_paxos_proposer_link(self, peer);
}

static void
handle(PdkElection *self, const PdkElectionEvent *event)
{
	switch (event->kind) {
	case PDK_ELECTION_LOOK:
		look(self, event);
		break;
	case PDK_ELECTION_SETTLED:
		settled(self, event);
		break;
	case PDK_ELECTION_MESSAGE:
		heard_message(self, event);
		break;
	case PDK_ELECTION_LINK:
		link_changed(self, event);
		break;
	case PDK_ELECTION_MEMBERS:
		if (self->looking)
			stop_looking(self); /* LOOK follows */
		break;
	case PDK_ELECTION_SAVED:
		if (g_strcmp0(event->saved, PAXOS_RECORD_KEY) == 0)
			pdk_paxos_acceptor_saved(self);
		break;
	case PDK_ELECTION_DEADLINE:
		break;
	}
}

static void
paxos_step(PdkElection *self, const PdkElectionEvent *event, const PdkElectionOut *out)
{
	self->now_us = event->now_us;
	self->out = out;
	handle(self, event);
	/* The learner goes first: it may end the proposer's work, but only begin its own. */
	int64_t learner_us = pdk_paxos_learner_turn(self);
	int64_t proposer_us = pdk_paxos_proposer_turn(self);
	if (!self->looking)
		learner_us = pdk_paxos_learner_turn(self); /* a quorum of one is through by now */
	out->deadline(out->context, MIN(learner_us, proposer_us));
	self->out = NULL;
}

static const PdkElectionOps paxos_ops = {
	.size = sizeof(PdkElectionOps),
	.queue_length = 64,
	.resend_last = false,
	.create = paxos_create,
	.destroy = paxos_destroy,
	.step = paxos_step,
	.record_key = PAXOS_RECORD_KEY,
};

PDK_PLUGIN_DEFINE(election, paxos) = {
	PDK_PLUGIN_HEAD,
	.kind = PDK_KIND_ELECTION,
	.name = "paxos",
	.version = "1.0",
	.summary = "single-decree Paxos, for ensembles without Java servers",
	.options = paxos_options,
	.ops = &paxos_ops,
};

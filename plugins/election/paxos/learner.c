/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The learner: asks who leads, hears what was chosen, and tells others. Every server is one, also without a vote. Changes when
 * it believes other news. Paper: "Paxos Made Simple", 2.3.
 */
#include "paxos.h"

static PaxosMessage
query_message(PdkElection *self)
{
	return (PaxosMessage){
		.type = PAXOS_QUERY, .cv = pdk_paxos_cv(self), .k = pdk_paxos_attempt(self),
		.committed = self->ensemble->committed_version, .summary = self->summary,
	};
}

/* To those known to be down, too: that makes the host try to reach them. */
static void
query_all(PdkElection *self)
{
	PaxosMessage message = query_message(self);
	int64_t spread = self->query_us / 4;

	for (unsigned i = 0; i < self->ensemble->n_voters; i++)
		if (self->ensemble->voters[i] != self->ensemble->self)
			pdk_paxos_send(self, self->ensemble->voters[i], &message);
	self->learner.query_us = self->now_us + self->query_us - spread +
				 (int64_t)(self->host->random(self->host) % (2 * (uint64_t)spread + 1));
}

void
pdk_paxos_learner_look(PdkElection *self)
{
	self->learner.announcing = false;
	self->learner.query_until_us = self->now_us + self->query_round_us;
	pdk_paxos_peers_forget(self);
	query_all(self);
	pdk_paxos_learner_tell_askers(self); /* they may follow this server */
}

void
pdk_paxos_learner_tell(PdkElection *self, int64_t sid, int64_t committed)
{
	const PdkEnsemble *ensemble = self->ensemble;
	PaxosMessage message = {
		.type = PAXOS_STATUS, .status = self->status, .cv = pdk_paxos_cv(self), .k = pdk_paxos_attempt(self),
		.committed = ensemble->committed_version, .value = PAXOS_NOBODY, .summary = {-1, -1},
	};

	if (sid == ensemble->self || (self->status == PAXOS_LOOKING && !self->looking))
		return; /* it does not know yet what to say; it will QUERY soon */
	if (self->status != PAXOS_LOOKING) {
		message.instance = self->instance;
		message.value = self->vote.leader;
	} else {
		message.summary = self->summary;
	}
	if (ensemble->reconfig_enabled && ensemble->committed_version > committed) {
		message.text = (const uint8_t *)ensemble->committed_text;
		message.text_length = ensemble->committed_length;
	}
	pdk_paxos_send(self, sid, &message);
}

void
pdk_paxos_learner_tell_askers(PdkElection *self)
{
	for (guint i = 0; i < self->peers->len; i++) {
		PaxosPeer *peer = self->peers->pdata[i];
		if (!peer->asks)
			continue;
		peer->asks = self->status != PAXOS_ATTACHED;
		pdk_paxos_learner_tell(self, peer->sid, self->ensemble->committed_version);
	}
}

bool
pdk_paxos_learner_adopt(PdkElection *self, const PaxosMessage *message)
{
	const PdkEnsemble *ensemble = self->ensemble;

	/* Once a version: a text that the host could not use must not keep this server from a leader. */
	if (!self->looking || !ensemble->reconfig_enabled || message->text_length == 0 ||
	    message->committed <= ensemble->committed_version || message->committed <= self->learner.adopted)
		return false;
	self->learner.adopted = message->committed;
	self->out->adopt(self->out->context, (const char *)message->text, message->text_length);
	return true;
}

static bool
is_voter(const PdkElection *self, int64_t sid)
{
	return self->ensemble->is_voter(self->ensemble->context, sid);
}

/* A peer that looks said how much history it has. */
static void
heard_of_looking(PdkElection *self, int64_t from, const PaxosMessage *message)
{
	PaxosPeer *peer = pdk_paxos_peer(self, from);

	if (!peer)
		return;
	bool looked = peer->looking;

	peer->heard = true;
	peer->summary = message->summary;
	peer->k = message->k;
	peer->follows = PAXOS_NOBODY;
	/* One that knows a newer configuration would promise nothing; one that knows only older ones does, see may_promise. */
	peer->looking = message->summary.zxid >= 0 && message->cv <= pdk_paxos_cv(self);
	if (peer->looking && !looked)
		pdk_paxos_proposer_repeat_to(self, peer);
}

/*
 * A voter works for a later attempt than the one this server acts on, and will not come back before there is an epoch. Are those
 * left no quorum, or is it the leader itself, then nobody is to be waited for.
 */
bool
pdk_paxos_learner_doubts(PdkElection *self, int64_t from, int64_t k)
{
	PaxosPeer *peer = pdk_paxos_peer(self, from);

	if (self->status != PAXOS_PENDING || !peer || k <= self->instance.k || !PDK_HAS(self->out, doubt))
		return false;
	peer->k = MAX(peer->k, k);
	if (from != self->vote.leader && pdk_paxos_peers_quorum_stays(self, self->instance.k, false))
		return false;
	self->out->doubt(self->out->context);
	return true;
}

void
pdk_paxos_learner_query(PdkElection *self, int64_t from, const PaxosMessage *message)
{
	PaxosPeer *peer = pdk_paxos_peer(self, from);

	if (!peer)
		return;
	/* Who leads for good is told when that is known; a voter would believe nothing less once it has lost that leader. */
	peer->asks = self->status == PAXOS_PENDING || (self->status == PAXOS_LOOKING && !is_voter(self, from));
	if (is_voter(self, from)) {
		heard_of_looking(self, from, message);
		if (pdk_paxos_learner_doubts(self, from, message->k))
			return; /* it will QUERY itself, or is established by now */
	}
	pdk_paxos_learner_tell(self, from, message->committed);
	if (self->looking && message->committed > self->ensemble->committed_version &&
	    message->committed > self->learner.adopted) {
		PaxosMessage query = query_message(self);
		pdk_paxos_send(self, from, &query);
	}
}

/* This server may be told to lead only where it could have been chosen. */
static bool
may_follow(const PdkElection *self, int64_t leader)
{
	return is_voter(self, leader) && (leader != self->ensemble->self || pdk_paxos_may_vote(self));
}

static bool
is_down(PdkElection *self, int64_t sid)
{
	const PaxosPeer *peer = sid == self->ensemble->self ? NULL : pdk_paxos_peer(self, sid);
	return peer && peer->link == PDK_PEER_LINK_REFUSED;
}

/*
 * A voter without history may have lost its disk, and with it the promise of an epoch above this leader's: with its voice a
 * leader that others have left would go on. So a quorum of the others must be with that leader, and be through: who only wants
 * to follow may have promised a higher epoch, and leave again.
 */
static bool
may_join(PdkElection *self, int64_t leader)
{
	bool holds_nothing = self->summary.zxid <= 0 && self->summary.epoch <= 0;

	return !self->ensemble->votes || !holds_nothing || pdk_paxos_peers_quorum_follows(self, leader);
}

/* A peer that has a leader says which. */
static void
heard_of_leader(PdkElection *self, int64_t from, const PaxosMessage *message)
{
	bool leads = message->status == PAXOS_ATTACHED && message->value == from;

	if (!may_follow(self, message->value) || !may_join(self, message->value))
		return;
	if (!leads) {
		/* Hearsay: not about what was tried and lost, nor about one known to be down, nor that this server would lead. */
		if (pdk_paxos_compare_instances(message->instance, self->spent) <= 0 || is_down(self, message->value) ||
		    (message->status == PAXOS_ATTACHED && message->value == self->ensemble->self))
			return;
	}
	pdk_paxos_trace(self, "learns %s value %" G_GINT64_FORMAT ", %s %" G_GINT64_FORMAT,
			pdk_paxos_instance_text(message->instance).text, message->value,
			leads ? "from the leader itself," : "from", from);
	pdk_paxos_decide(self, message->instance, message->value);
}

/* STATUS of one that has a leader answers CHOSEN, and so does that of one which has gone beyond. */
static void
note_acknowledgement(PdkElection *self, PaxosPeer *peer, const PaxosMessage *message)
{
	if (message->status == PAXOS_ATTACHED || message->k > self->instance.k ||
	    (message->status == PAXOS_PENDING && pdk_paxos_compare_instances(message->instance, self->instance) >= 0))
		peer->untold = false;
}

void
pdk_paxos_learner_status(PdkElection *self, int64_t from, const PaxosMessage *message)
{
	PaxosPeer *peer = pdk_paxos_peer(self, from);

	if (!peer || pdk_paxos_learner_adopt(self, message))
		return;
	if (peer->untold && self->status != PAXOS_LOOKING)
		note_acknowledgement(self, peer, message);
	if (message->status == PAXOS_LOOKING && pdk_paxos_learner_doubts(self, from, message->k))
		return;
	if (!self->looking || !is_voter(self, from))
		return;
	if (message->status == PAXOS_LOOKING) {
		heard_of_looking(self, from, message);
		return;
	}
	peer->heard = true;
	peer->looking = false;
	peer->follows = message->status == PAXOS_ATTACHED ? message->value : PAXOS_NOBODY;
	heard_of_leader(self, from, message);
}

/* Chosen, and of no use: that instance is done with, and the next one is free. */
static void
pass_over(PdkElection *self, int64_t from, const PaxosMessage *message, const char *why)
{
	pdk_paxos_trace(self, "learns %s value %" G_GINT64_FORMAT ", which %s, from %" G_GINT64_FORMAT,
			pdk_paxos_instance_text(message->instance).text, message->value, why, from);
	self->spent = message->instance;
	self->spent_leader = message->value;
	pdk_paxos_proposer_drop(self);
}

void
pdk_paxos_learner_chosen(PdkElection *self, int64_t from, const PaxosMessage *message)
{
	bool fresh = self->looking && is_voter(self, from) && may_follow(self, message->value) &&
		     pdk_paxos_compare_instances(message->instance, self->spent) > 0;

	if (fresh && is_down(self, message->value)) {
		pass_over(self, from, message, "is down");
	} else if (fresh && !pdk_paxos_peers_quorum_stays(self, message->instance.k, true)) {
		pass_over(self, from, message, "too many have tried");
	} else if (fresh) {
		pdk_paxos_trace(self, "learns %s value %" G_GINT64_FORMAT ", from %" G_GINT64_FORMAT,
				pdk_paxos_instance_text(message->instance).text, message->value, from);
		pdk_paxos_decide(self, message->instance, message->value);
	}
	pdk_paxos_learner_tell(self, from, self->ensemble->committed_version);
}

static void
announce_to(PdkElection *self, int64_t sid)
{
	PaxosMessage message = {.type = PAXOS_CHOSEN, .instance = self->instance, .value = self->vote.leader};

	pdk_paxos_send(self, sid, &message);
}

void
pdk_paxos_learner_announce(PdkElection *self, PaxosInstance instance, int64_t leader)
{
	const PdkEnsemble *ensemble = self->ensemble;
	PaxosMessage message = {.type = PAXOS_CHOSEN, .instance = instance, .value = leader};

	for (unsigned i = 0; i < ensemble->n_voters; i++) {
		PaxosPeer *peer = ensemble->voters[i] == ensemble->self ? NULL : pdk_paxos_peer(self, ensemble->voters[i]);
		if (peer)
			peer->untold = true;
	}
	/* The leader first: it has most to do. This server itself comes last, for it stops to look. */
	if (leader != ensemble->self)
		pdk_paxos_send(self, leader, &message);
	for (unsigned i = 0; i < ensemble->n_voters; i++)
		if (ensemble->voters[i] != ensemble->self && ensemble->voters[i] != leader)
			pdk_paxos_send(self, ensemble->voters[i], &message);
	pdk_paxos_learner_chosen(self, ensemble->self, &message);
	self->learner.announcing = self->status == PAXOS_PENDING;
	self->learner.announce_us = self->now_us + self->query_us;
}

/* Who only went may come back to the leader there is. */
static bool
somebody_left(const PdkElection *self)
{
	bool left = false;

	for (guint i = 0; i < self->peers->len; i++)
		left |= ((const PaxosPeer *)self->peers->pdata[i])->k > self->instance.k;
	return left && self->status == PAXOS_PENDING && PDK_HAS(self->out, doubt);
}

void
pdk_paxos_learner_link(PdkElection *self, PaxosPeer *peer)
{
	if (peer->link == PDK_PEER_LINK_UP) {
		if (self->looking && is_voter(self, peer->sid)) {
			PaxosMessage query = query_message(self);
			pdk_paxos_send(self, peer->sid, &query);
		} else if (self->status == PAXOS_PENDING && self->learner.announcing && peer->untold) {
			announce_to(self, peer->sid);
		}
		return;
	}
	peer->heard = peer->looking = false;
	if (peer->link == PDK_PEER_LINK_REFUSED && somebody_left(self) &&
	    !pdk_paxos_peers_quorum_stays(self, self->instance.k, false))
		self->out->doubt(self->out->context);
}

int64_t
pdk_paxos_learner_turn(PdkElection *self)
{
	PaxosLearner *learner = &self->learner;

	if (self->looking) {
		if (self->now_us >= learner->query_us)
			query_all(self);
		return self->now_us < learner->query_until_us ? MIN(learner->query_us, learner->query_until_us) :
								 learner->query_us;
	}
	if (self->status != PAXOS_PENDING || !learner->announcing)
		return PAXOS_NEVER;
	if (self->now_us >= learner->announce_us) {
		for (guint i = 0; i < self->peers->len; i++) {
			const PaxosPeer *peer = self->peers->pdata[i];
			if (peer->untold && peer->link != PDK_PEER_LINK_REFUSED)
				announce_to(self, peer->sid);
		}
		learner->announce_us = self->now_us + self->query_us;
	}
	return learner->announce_us;
}

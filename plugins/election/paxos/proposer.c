/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proposer: gets a leader chosen, in two phases. PREPARE asks a quorum for promises; their answers say whether a value may
 * have been chosen before, and who has most history. ACCEPT asks them to accept a value. Changes when the choice of the value, or
 * the patience with others, does. Paper: "Paxos Made Simple", 2.2 (P2c) and 2.4.
 */
#include "paxos.h"

void
pdk_paxos_proposer_init(PdkElection *self)
{
	PaxosProposer *proposer = &self->proposer;

	proposer->promisers = g_array_new(FALSE, FALSE, sizeof(PaxosPromiser));
	proposer->accepters = g_array_new(FALSE, FALSE, sizeof(int64_t));
	pdk_paxos_proposer_reset(self);
}

void
pdk_paxos_proposer_clear(PdkElection *self)
{
	g_array_unref(self->proposer.promisers);
	g_array_unref(self->proposer.accepters);
}

void
pdk_paxos_proposer_reset(PdkElection *self)
{
	PaxosProposer *proposer = &self->proposer;

	proposer->phase = PAXOS_IDLE;
	proposer->ready_us = PAXOS_NEVER;
	proposer->hold_us = proposer->backoff_us = 0;
	proposer->held_for = PAXOS_NOBODY;
	proposer->backoff_width_us = self->backoff_min_us;
}

/* Another ballot is under way, which this server supports: wait for its end, as long as a phase may take. */
void
pdk_paxos_proposer_yield(PdkElection *self, int64_t sid)
{
	PaxosProposer *proposer = &self->proposer;

	if (sid == self->ensemble->self)
		return;
	proposer->held_for = sid;
	proposer->hold_us = self->now_us + self->phase_us;
	/* The own ACCEPT goes on: acceptors may have heeded it before, and then it names the value that will win anyway. */
	if (proposer->phase == PAXOS_PREPARING)
		proposer->phase = PAXOS_IDLE;
}

static bool
ours(const PaxosProposer *proposer, PaxosPhase phase, const PaxosMessage *message)
{
	return proposer->phase == phase && pdk_paxos_compare_instances(proposer->instance, message->instance) == 0 &&
	       pdk_paxos_compare_ballots(proposer->ballot, message->ballot) == 0;
}

/* ---- phase 1 ---- */

static PaxosMessage
prepare_message(const PaxosProposer *proposer)
{
	return (PaxosMessage){.type = PAXOS_PREPARE, .instance = proposer->instance, .ballot = proposer->ballot};
}

static void
prepare(PdkElection *self)
{
	PaxosProposer *proposer = &self->proposer;
	const PaxosRecord *record = &self->acceptor.record;
	PaxosInstance instance = {.cv = pdk_paxos_cv(self), .k = pdk_paxos_attempt(self)};
	int64_t n = 0;

	if (pdk_paxos_compare_instances(self->heard, instance) == 0)
		n = self->heard_n;
	if (pdk_paxos_compare_instances(record->instance, instance) == 0)
		n = MAX(n, record->ballot.n);

	proposer->phase = PAXOS_PREPARING;
	proposer->instance = instance;
	proposer->ballot = (PaxosBallot){.n = MIN(n + 1, PAXOS_LIMIT), .sid = self->ensemble->self};
	proposer->said = false;
	proposer->highest = (PaxosBallot){0, PAXOS_NOBODY};
	proposer->highest_value = PAXOS_NOBODY;
	g_array_set_size(proposer->promisers, 0);
	proposer->repeat_us = self->now_us + self->phase_us;

	/* Its own promise first: when that is durable, and comes back, the others are asked. No ballot is ever used twice. */
	PaxosMessage message = prepare_message(proposer);
	pdk_paxos_send(self, self->ensemble->self, &message);
}

static bool
quorum_of_promisers(PdkElection *self, int64_t without)
{
	const GArray *promisers = self->proposer.promisers;
	g_autoptr(GArray) sids = g_array_new(FALSE, FALSE, sizeof(int64_t));

	for (guint i = 0; i < promisers->len; i++) {
		int64_t sid = g_array_index(promisers, PaxosPromiser, i).sid;
		if (sid != without)
			g_array_append_val(sids, sid);
	}
	return self->ensemble->quorum(self->ensemble->context, (const int64_t *)(const void *)sids->data, sids->len);
}

/* The promiser with most history among those that may lead; NULL: none may. */
static const PaxosPromiser *
best_promiser(const PdkElection *self, int64_t without)
{
	const GArray *promisers = self->proposer.promisers;
	const PdkEnsemble *ensemble = self->ensemble;
	const PaxosPromiser *best = NULL;

	for (guint i = 0; i < promisers->len; i++) {
		const PaxosPromiser *one = &g_array_index(promisers, PaxosPromiser, i);
		if (one->sid == without || !ensemble->is_voter(ensemble->context, one->sid) ||
		    ensemble->weight(ensemble->context, one->sid) == 0)
			continue;
		if (!best || pdk_paxos_summary_beats(one->summary, one->sid, best->summary, best->sid))
			best = one;
	}
	return best;
}

/*
 * No value may have been chosen yet, so any is safe; the most history makes progress. The leader that was lost last is passed
 * over where others can do: it is alive, for it promised, but perhaps not everybody reaches it.
 */
static int64_t
free_choice(PdkElection *self)
{
	const PaxosPromiser *best = best_promiser(self, PAXOS_NOBODY);

	if (!best)
		return PAXOS_NOBODY;
	if (best->sid != self->spent_leader)
		return best->sid;

	const PaxosPromiser *other = best_promiser(self, best->sid);
	if (!other)
		return best->sid;
	bool equal = other->summary.epoch == best->summary.epoch && other->summary.zxid == best->summary.zxid;
	return equal || quorum_of_promisers(self, best->sid) ? other->sid : best->sid;
}

/* ---- phase 2 ---- */

static PaxosMessage
accept_message(const PaxosProposer *proposer)
{
	return (PaxosMessage){
		.type = PAXOS_ACCEPT, .instance = proposer->instance, .ballot = proposer->ballot, .value = proposer->value,
	};
}

static void
ask_to_accept(PdkElection *self, int64_t value)
{
	PaxosProposer *proposer = &self->proposer;
	g_autofree char *promisers = pdk_paxos_sids_text(proposer->promisers);

	proposer->phase = PAXOS_ACCEPTING;
	proposer->value = value;
	g_array_set_size(proposer->accepters, 0);
	proposer->repeat_us = self->now_us + self->phase_us;
	pdk_paxos_trace(self, "accept %s value %" G_GINT64_FORMAT " -> all, promised by %s, %s",
			pdk_paxos_ballot_text(proposer->instance, proposer->ballot).text, value, promisers,
			proposer->highest.n ? "forced: it may have been chosen before" : "free choice: most history");

	PaxosMessage message = accept_message(proposer);
	pdk_paxos_send_to_voters(self, &message);
	pdk_paxos_send(self, self->ensemble->self, &message);
}

static bool
has_promised(const PaxosProposer *proposer, int64_t sid)
{
	for (guint i = 0; i < proposer->promisers->len; i++)
		if (g_array_index(proposer->promisers, PaxosPromiser, i).sid == sid)
			return true;
	return false;
}

void
pdk_paxos_proposer_promise(PdkElection *self, int64_t from, const PaxosMessage *message)
{
	PaxosProposer *proposer = &self->proposer;

	if (!self->looking || !ours(proposer, PAXOS_PREPARING, message) || has_promised(proposer, from))
		return;
	if (from == self->ensemble->self) {
		PaxosMessage prepare = prepare_message(proposer);
		proposer->said = true;
		proposer->repeat_us = self->now_us + self->phase_us;
		pdk_paxos_trace(self, "prepare %s -> all", pdk_paxos_ballot_text(proposer->instance, proposer->ballot).text);
		pdk_paxos_send_to_voters(self, &prepare);
	}

	PaxosPromiser promiser = {.sid = from, .summary = message->summary};
	g_array_append_val(proposer->promisers, promiser);
	if (message->accepted.n > 0 && pdk_paxos_compare_ballots(message->accepted, proposer->highest) > 0) {
		proposer->highest = message->accepted;
		proposer->highest_value = message->accepted_value;
	}
	if (!quorum_of_promisers(self, PAXOS_NOBODY))
		return;
	int64_t value = proposer->highest.n ? proposer->highest_value : free_choice(self);
	if (value != PAXOS_NOBODY) /* else: further promises may come from one that may lead */
		ask_to_accept(self, value);
}

static bool
has_accepted(const PaxosProposer *proposer, int64_t sid)
{
	for (guint i = 0; i < proposer->accepters->len; i++)
		if (g_array_index(proposer->accepters, int64_t, i) == sid)
			return true;
	return false;
}

void
pdk_paxos_proposer_accepted(PdkElection *self, int64_t from, const PaxosMessage *message)
{
	PaxosProposer *proposer = &self->proposer;
	const PdkEnsemble *ensemble = self->ensemble;

	if (!self->looking || !ours(proposer, PAXOS_ACCEPTING, message) || message->value != proposer->value ||
	    has_accepted(proposer, from))
		return;
	g_array_append_val(proposer->accepters, from);
	if (!ensemble->quorum(ensemble->context, (const int64_t *)(const void *)proposer->accepters->data,
			      proposer->accepters->len))
		return;

	g_autofree char *accepters = pdk_paxos_sids_text(proposer->accepters);
	pdk_paxos_trace(self, "chosen %s value %" G_GINT64_FORMAT ", accepted by %s",
			pdk_paxos_instance_text(proposer->instance).text, proposer->value, accepters);
	proposer->phase = PAXOS_IDLE;
	pdk_paxos_learner_announce(self, proposer->instance, proposer->value);
}

/* ---- patience ---- */

/*
 * One refusal because of a newer configuration is no reason to stop: while that one is not committed, the others may be a quorum
 * without it.
 */
void
pdk_paxos_proposer_nack(PdkElection *self, int64_t from, const PaxosMessage *message)
{
	PaxosProposer *proposer = &self->proposer;

	if (!self->looking || proposer->phase == PAXOS_IDLE)
		return;
	int by_instance = pdk_paxos_compare_instances(message->instance, proposer->instance);
	bool overtaken = by_instance > 0 ||
			 (by_instance == 0 && pdk_paxos_compare_ballots(message->ballot, proposer->ballot) > 0);
	bool spent = pdk_paxos_compare_instances(message->spent, proposer->instance) >= 0;
	if (!overtaken && !spent)
		return; /* an answer to an older ballot */

	int64_t width = proposer->backoff_width_us;
	int64_t pause = width + (int64_t)(self->host->random(self->host) % ((uint64_t)width + 1));
	proposer->phase = PAXOS_IDLE;
	proposer->backoff_us = self->now_us + pause;
	proposer->backoff_width_us = MIN(width * 2, self->backoff_max_us);
	pdk_paxos_trace(self, "gives up %s, refused by %" G_GINT64_FORMAT ", tries again after %" G_GINT64_FORMAT " ms",
			pdk_paxos_ballot_text(proposer->instance, proposer->ballot).text, from, pause / 1000);
}

static void
repeat_to(PdkElection *self, int64_t sid)
{
	const PaxosProposer *proposer = &self->proposer;

	if (proposer->phase == PAXOS_PREPARING && proposer->said && !has_promised(proposer, sid)) {
		PaxosMessage message = prepare_message(proposer);
		pdk_paxos_send(self, sid, &message);
	} else if (proposer->phase == PAXOS_ACCEPTING && !has_accepted(proposer, sid)) {
		PaxosMessage message = accept_message(proposer);
		pdk_paxos_send(self, sid, &message);
	}
}

void
pdk_paxos_proposer_repeat_to(PdkElection *self, const PaxosPeer *peer)
{
	if (self->looking && self->ensemble->is_voter(self->ensemble->context, peer->sid))
		repeat_to(self, peer->sid);
}

/* The instance that was worked for is over: who would go on with it could only be refused. */
void
pdk_paxos_proposer_drop(PdkElection *self)
{
	PaxosProposer *proposer = &self->proposer;

	if (pdk_paxos_compare_instances(proposer->instance, self->spent) <= 0)
		proposer->phase = PAXOS_IDLE;
	if (pdk_paxos_compare_instances(self->acceptor.record.instance, self->spent) <= 0)
		proposer->hold_us = self->now_us;
}

/* What was under way to a peer whose connection broke may be lost. */
void
pdk_paxos_proposer_link(PdkElection *self, const PaxosPeer *peer)
{
	PaxosProposer *proposer = &self->proposer;

	if (!self->looking)
		return;
	if (peer->link == PDK_PEER_LINK_UP)
		pdk_paxos_proposer_repeat_to(self, peer);
	else if (peer->link != PDK_PEER_LINK_UP && proposer->held_for == peer->sid)
		proposer->hold_us = self->now_us;
}

/* A phase has taken too long: ask those again that have not answered, as long as they could be enough. */
static void
repeat(PdkElection *self)
{
	PaxosProposer *proposer = &self->proposer;

	proposer->repeat_us = self->now_us + self->phase_us;
	bool overtaken = pdk_paxos_compare_instances(self->acceptor.record.instance, proposer->instance) != 0 ||
			 pdk_paxos_compare_ballots(self->acceptor.record.ballot, proposer->ballot) != 0;
	if (overtaken || !pdk_paxos_peers_quorum_looks(self)) {
		proposer->phase = PAXOS_IDLE;
		return;
	}
	for (unsigned i = 0; i < self->ensemble->n_voters; i++)
		if (self->ensemble->voters[i] != self->ensemble->self)
			repeat_to(self, self->ensemble->voters[i]);
}

/* Could a ballot succeed now, as far as is known? */
static bool
ready(PdkElection *self)
{
	return pdk_paxos_may_vote(self) && pdk_paxos_peers_quorum_looks(self) &&
	       (self->now_us >= self->learner.query_until_us || pdk_paxos_peers_all_heard(self));
}

/* When to begin a ballot; whoever has most history goes first. */
static int64_t
begin_at(PdkElection *self)
{
	PaxosProposer *proposer = &self->proposer;

	if (!ready(self)) {
		proposer->ready_us = PAXOS_NEVER;
		return PAXOS_NEVER;
	}
	if (proposer->ready_us == PAXOS_NEVER)
		proposer->ready_us = self->now_us;
	int64_t at_us = MAX(proposer->ready_us, proposer->hold_us) + self->proposal_delay_us * pdk_paxos_peers_ahead(self);
	return MAX(at_us, proposer->backoff_us);
}

int64_t
pdk_paxos_proposer_turn(PdkElection *self)
{
	PaxosProposer *proposer = &self->proposer;

	if (!self->looking)
		return PAXOS_NEVER;
	if (proposer->phase != PAXOS_IDLE && self->now_us >= proposer->repeat_us)
		repeat(self);
	if (proposer->phase == PAXOS_IDLE) {
		int64_t at_us = begin_at(self);
		if (self->now_us < at_us)
			return at_us;
		prepare(self);
	}
	return self->looking ? proposer->repeat_us : PAXOS_NEVER;
}

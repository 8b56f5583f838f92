/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The acceptor: the memory of Paxos. It promises never to answer an older ballot, accepts values, and keeps both on disk before
 * it says so. Changes when the rules of promising and accepting do. Paper: "Paxos Made Simple", 2.2, P1a and P2a.
 */
#include "paxos.h"

typedef struct {
	uint64_t change; /* it may be said when this change is durable */
	int64_t to;
	PaxosMessage message;
} AcceptorReply;

static void
save(PdkElection *self)
{
	PaxosAcceptor *acceptor = &self->acceptor;
	g_autoptr(GBytes) bytes = pdk_paxos_record_encode(&acceptor->record);

	acceptor->saving = acceptor->changes;
	self->out->save(self->out->context, PAXOS_RECORD_KEY, bytes);
}

static void
send_durable(PdkElection *self)
{
	GQueue *waiting = &self->acceptor.waiting;
	AcceptorReply *reply;

	while ((reply = g_queue_peek_head(waiting)) && reply->change <= self->acceptor.saved) {
		g_autofree AcceptorReply *owned = g_queue_pop_head(waiting);
		pdk_paxos_send(self, owned->to, &owned->message);
	}
}

/* @message depends on the record as it is now. Saves of several changes become one while another is under way. */
static void
reply_when_durable(PdkElection *self, int64_t to, const PaxosMessage *message)
{
	PaxosAcceptor *acceptor = &self->acceptor;
	AcceptorReply *reply = g_new(AcceptorReply, 1);

	*reply = (AcceptorReply){.change = acceptor->changes, .to = to, .message = *message};
	g_queue_push_tail(&acceptor->waiting, reply);
	if (acceptor->saved == acceptor->changes)
		send_durable(self);
	else if (acceptor->saving == 0)
		save(self);
}

void
pdk_paxos_acceptor_saved(PdkElection *self)
{
	PaxosAcceptor *acceptor = &self->acceptor;

	if (acceptor->saving == 0)
		return;
	acceptor->saved = acceptor->saving;
	acceptor->saving = 0;
	if (acceptor->saved < acceptor->changes)
		save(self);
	send_durable(self);
}

void
pdk_paxos_acceptor_forget(PdkElection *self)
{
	g_queue_clear_full(&self->acceptor.waiting, g_free);
}

static void
refuse(PdkElection *self, int64_t to, const PaxosMessage *message, const char *why)
{
	const PaxosRecord *record = &self->acceptor.record;
	PaxosMessage nack = {
		.type = PAXOS_NACK, .instance = record->instance, .ballot = record->ballot, .cv = pdk_paxos_cv(self),
		.k = pdk_paxos_attempt(self), .committed = self->ensemble->committed_version, .spent = self->spent,
	};

	if (self->ensemble->reconfig_enabled && self->ensemble->committed_version > message->instance.cv) {
		nack.text = (const uint8_t *)self->ensemble->committed_text;
		nack.text_length = self->ensemble->committed_length;
	}
	pdk_paxos_trace(self, "nack %s -> %" G_GINT64_FORMAT ", %s; promised %s",
			pdk_paxos_ballot_text(message->instance, message->ballot).text, to, why,
			record->ballot.n ? pdk_paxos_ballot_text(record->instance, record->ballot).text : "nothing");
	pdk_paxos_send(self, to, &nack);
}

/* What is refused before the ballot is looked at. */
static bool
refused(PdkElection *self, int64_t from, const PaxosMessage *message)
{
	if (!self->looking || !pdk_paxos_may_promise(self, message->instance)) {
		/* It has a leader, or nothing to vote with: it promises nothing, and says what it knows. */
		if (!pdk_paxos_learner_doubts(self, from, message->instance.k))
			pdk_paxos_learner_tell(self, from, self->ensemble->committed_version);
		return true;
	}
	if (message->instance.cv < pdk_paxos_cv(self)) {
		refuse(self, from, message, "knows a newer configuration");
		return true;
	}
	if (pdk_paxos_compare_instances(message->instance, self->spent) <= 0) {
		refuse(self, from, message, "has tried and lost its leader");
		return true;
	}
	return false;
}

/* < 0: an older ballot than the one promised. */
static int
compare_with_promise(const PaxosRecord *record, const PaxosMessage *message)
{
	int by_instance = pdk_paxos_compare_instances(message->instance, record->instance);
	return by_instance ? by_instance : pdk_paxos_compare_ballots(message->ballot, record->ballot);
}

static void
promise(PaxosAcceptor *acceptor, const PaxosMessage *message)
{
	PaxosRecord *record = &acceptor->record;

	if (pdk_paxos_compare_instances(message->instance, record->instance) != 0) {
		/* A higher instance: what was accepted belongs to the old one. */
		record->accepted = (PaxosBallot){0, PAXOS_NOBODY};
		record->value = PAXOS_NOBODY;
	}
	record->instance = message->instance;
	record->ballot = message->ballot;
	acceptor->changes++;
}

void
pdk_paxos_acceptor_prepare(PdkElection *self, int64_t from, const PaxosMessage *message)
{
	PaxosAcceptor *acceptor = &self->acceptor;

	if (refused(self, from, message))
		return;
	int order = compare_with_promise(&acceptor->record, message);
	if (order < 0) {
		refuse(self, from, message, "a higher ballot was here");
		return;
	}
	if (order > 0) {
		promise(acceptor, message);
		pdk_paxos_proposer_yield(self, from);
	}

	PaxosMessage reply = {
		.type = PAXOS_PROMISE, .instance = message->instance, .ballot = message->ballot, .summary = self->summary,
		.accepted = acceptor->record.accepted, .accepted_value = acceptor->record.value,
	};
	reply_when_durable(self, from, &reply);
}

void
pdk_paxos_acceptor_accept(PdkElection *self, int64_t from, const PaxosMessage *message)
{
	PaxosAcceptor *acceptor = &self->acceptor;
	PaxosRecord *record = &acceptor->record;

	if (refused(self, from, message))
		return;
	int order = compare_with_promise(record, message);
	bool again = order == 0 && pdk_paxos_compare_ballots(record->accepted, message->ballot) == 0;
	if (order < 0 || (again && record->value != message->value)) {
		refuse(self, from, message, "a higher ballot was here");
		return;
	}
	if (!again) {
		promise(acceptor, message);
		record->accepted = message->ballot;
		record->value = message->value;
		pdk_paxos_proposer_yield(self, from);
	}

	PaxosMessage reply = {
		.type = PAXOS_ACCEPTED, .instance = message->instance, .ballot = message->ballot, .value = message->value,
	};
	reply_when_durable(self, from, &reply);
}

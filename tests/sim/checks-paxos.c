/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What "Paxos Made Simple" asks of an election: what is promised and accepted is on the disk first and is not forgotten, a ballot
 * has one value, and what a quorum accepted stays the value of its attempt. Changes when what makes a choice safe does.
 */
#include "sim/checks-paxos.h"

#include "../plugins/election/paxos/paxos.h"
#include "replica/hello.h"

/* One attempt, as its messages told of it. */
typedef struct {
	GHashTable *ballots; /* text -> SimBallot */
	int64_t chosen;      /* PAXOS_NOBODY: not yet */
} SimAttempt;

typedef struct {
	PaxosBallot ballot;
	int64_t value;
	PdkSids accepters;
} SimBallot;

/* The highest that a server said it accepted. */
typedef struct {
	PaxosInstance instance;
	PaxosBallot ballot;
} SimAccepted;

struct SimPaxos {
	GHashTable *streams;  /* SimEnd -> GByteArray: what its owner says, as far as it is no whole frame */
	GHashTable *greeting; /* SimEnd: its handshake comes first */
	GHashTable *attempts; /* text -> SimAttempt */
	SimAccepted accepted[MAX_SERVERS];
	int64_t highest_k, void_k; /* attempts up to void_k lost a disk: nothing is expected of them */
};

static void
attempt_free(void *data)
{
	SimAttempt *attempt = data;
	g_hash_table_unref(attempt->ballots);
	g_free(attempt);
}

SimPaxos *
sim_paxos_new(void)
{
	SimPaxos *paxos = g_new0(SimPaxos, 1);
	paxos->streams = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_byte_array_unref);
	paxos->greeting = g_hash_table_new(NULL, NULL);
	paxos->attempts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, attempt_free);
	return paxos;
}

void
sim_paxos_free(SimPaxos *paxos)
{
	g_hash_table_unref(paxos->streams);
	g_hash_table_unref(paxos->greeting);
	g_hash_table_unref(paxos->attempts);
	g_free(paxos);
}

void
sim_paxos_open(SimPaxos *paxos, SimEnd *from, SimEnd *to)
{
	g_hash_table_insert(paxos->streams, from, g_byte_array_new());
	g_hash_table_insert(paxos->streams, to, g_byte_array_new());
	g_hash_table_add(paxos->greeting, from);
}

void
sim_paxos_wiped(SimPaxos *paxos, const Node *node)
{
	paxos->accepted[node->index] = (SimAccepted){0};
	paxos->void_k = paxos->highest_k + 1;
}

/* ---- what was said before ---- */

static SimAttempt *
attempt_of(SimPaxos *paxos, PaxosInstance instance)
{
	char *name = g_strdup_printf("%" PRId64 " %" PRId64, instance.cv, instance.k);
	SimAttempt *attempt = g_hash_table_lookup(paxos->attempts, name);
	if (attempt) {
		g_free(name);
		return attempt;
	}
	attempt = g_new0(SimAttempt, 1);
	attempt->chosen = PAXOS_NOBODY;
	attempt->ballots = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	g_hash_table_insert(paxos->attempts, name, attempt);
	return attempt;
}

static SimBallot *
ballot_of(SimAttempt *attempt, PaxosBallot ballot, int64_t value)
{
	char *name = g_strdup_printf("%" PRId64 " %" PRId64, ballot.n, ballot.sid);
	SimBallot *known = g_hash_table_lookup(attempt->ballots, name);
	if (known) {
		g_free(name);
		return known;
	}
	known = g_new0(SimBallot, 1);
	known->ballot = ballot;
	known->value = value;
	g_hash_table_insert(attempt->ballots, name, known);
	return known;
}

static bool
has_quorum(const Node *node, const SimBallot *ballot, int64_t and_sid)
{
	PdkSids sids = ballot->accepters;
	if (!pdk_sids_has(&sids, and_sid))
		pdk_sids_add(&sids, and_sid);
	return sim_quorum(node->server->replica->committed, &sids);
}

/* ---- what may be said ---- */

static void
must(const Node *node, bool holds, const char *invariant, const PaxosMessage *message, const char *what)
{
	if (!holds)
		sim_fail(node->sim, invariant, "server %" PRId64 ", attempt %" PRId64 " ballot %" PRId64 ".%" PRId64 ": %s", node->sid,
			 message->instance.k, message->ballot.n, message->ballot.sid, what);
}

static int
compare(PaxosInstance a, PaxosBallot a_ballot, PaxosInstance b, PaxosBallot b_ballot)
{
	int by_instance = pdk_paxos_compare_instances(a, b);
	return by_instance ? by_instance : pdk_paxos_compare_ballots(a_ballot, b_ballot);
}

static PaxosRecord
durable(const Node *node)
{
	PaxosRecord record = {0};
	GBytes *kept = sim_durable_record(node, PAXOS_RECORD_KEY);
	if (kept == NULL || !pdk_paxos_record_decode(kept, &record))
		return (PaxosRecord){0};
	return record;
}

static void
on_prepare(Node *node, const PaxosMessage *message)
{
	PaxosRecord record = durable(node);
	must(node, compare(record.instance, record.ballot, message->instance, message->ballot) >= 0, "paxos-durable", message,
	     "PREPARE leaves before its own promise is on the disk");
}

static void
on_promise(Node *node, const PaxosMessage *message)
{
	PaxosRecord record = durable(node);
	const SimAccepted *before = &node->sim->checks->paxos->accepted[node->index];
	must(node, compare(record.instance, record.ballot, message->instance, message->ballot) >= 0, "paxos-durable", message,
	     "the promise is not on the disk");
	if (pdk_paxos_compare_instances(before->instance, message->instance) == 0 &&
	    pdk_paxos_compare_ballots(before->ballot, message->ballot) < 0)
		must(node, pdk_paxos_compare_ballots(message->accepted, before->ballot) >= 0, "paxos-remembers", message,
		     "the promise does not tell what was accepted before");
}

/* P2b: once a value is chosen, every higher ballot has it. */
static void
check_forced(const Node *node, const SimAttempt *attempt, const PaxosMessage *message)
{
	GHashTableIter iter;
	void *value;
	g_hash_table_iter_init(&iter, attempt->ballots);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const SimBallot *ballot = value;
		if (pdk_paxos_compare_ballots(ballot->ballot, message->ballot) < 0 && ballot->accepters.n > 0 &&
		    has_quorum(node, ballot, ballot->accepters.at[0]))
			must(node, ballot->value == message->value, "paxos-P2b", message, "another value was chosen before");
	}
}

static void
on_accept(Node *node, const PaxosMessage *message)
{
	SimAttempt *attempt = attempt_of(node->sim->checks->paxos, message->instance);
	const SimBallot *ballot = ballot_of(attempt, message->ballot, message->value);
	must(node, ballot->value == message->value, "paxos-one-value", message, "the ballot has two values");
	check_forced(node, attempt, message);
}

static void
on_accepted(Node *node, const PaxosMessage *message)
{
	SimPaxos *paxos = node->sim->checks->paxos;
	PaxosRecord record = durable(node);
	SimBallot *ballot = ballot_of(attempt_of(paxos, message->instance), message->ballot, message->value);
	SimAccepted *last = &paxos->accepted[node->index];
	bool kept = pdk_paxos_compare_instances(record.instance, message->instance) > 0 ||
		    (pdk_paxos_compare_instances(record.instance, message->instance) == 0 &&
		     pdk_paxos_compare_ballots(record.accepted, message->ballot) >= 0);
	must(node, kept, "paxos-durable", message, "what it accepted is not on the disk");
	must(node, ballot->value == message->value, "paxos-one-value", message, "the ballot has two values");
	if (!pdk_sids_has(&ballot->accepters, node->sid))
		pdk_sids_add(&ballot->accepters, node->sid);
	if (compare(message->instance, message->ballot, last->instance, last->ballot) > 0)
		*last = (SimAccepted){message->instance, message->ballot};
}

/* The proposer says so: what it accepted itself was told to nobody, so it counts for every ballot, and may be enough. */
static void
on_chosen(Node *node, const PaxosMessage *message)
{
	SimAttempt *attempt = attempt_of(node->sim->checks->paxos, message->instance);
	bool by_quorum = has_quorum(node, &(SimBallot){.ballot = message->ballot}, node->sid);
	GHashTableIter iter;
	void *value;
	g_hash_table_iter_init(&iter, attempt->ballots);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const SimBallot *ballot = value;
		by_quorum |= ballot->value == message->value && has_quorum(node, ballot, node->sid);
	}
	/* A new list of members may have named the leader, or kept the one there was. */
	if (!by_quorum && node->sim->checks->change != 0)
		return;
	must(node, attempt->chosen == PAXOS_NOBODY || attempt->chosen == message->value, "paxos-agreement", message,
	     "two values are chosen in one attempt");
	must(node, by_quorum, "paxos-quorum", message, "CHOSEN, and no quorum accepted it");
	attempt->chosen = message->value;
}

static void
judge(Node *node, const uint8_t *data, size_t length)
{
	SimPaxos *paxos = node->sim->checks->paxos;
	PaxosMessage message;
	if (!pdk_paxos_decode(data, length, &message))
		return;
	paxos->highest_k = MAX(paxos->highest_k, message.instance.k);
	if (message.instance.k <= paxos->void_k)
		return;
	switch (message.type) {
	case PAXOS_PREPARE:
		on_prepare(node, &message);
		return;
	case PAXOS_PROMISE:
		on_promise(node, &message);
		return;
	case PAXOS_ACCEPT:
		on_accept(node, &message);
		return;
	case PAXOS_ACCEPTED:
		on_accepted(node, &message);
		return;
	case PAXOS_CHOSEN:
		on_chosen(node, &message);
		return;
	default:
		return;
	}
}

/* ---- the wire ---- */

static size_t
greeting(const GByteArray *bytes)
{
	PdkHello hello = {0};
	size_t used = 0;
	const char *why;
	if (pdk_hello_get(bytes->data, bytes->len, &hello, &used, &why) != PDK_HELLO_WHOLE)
		return 0;
	g_strfreev(hello.addresses);
	return used;
}

void
sim_paxos_sent(Node *node, SimEnd *end, const uint8_t *data, size_t length)
{
	SimPaxos *paxos = node->sim->checks->paxos;
	GByteArray *bytes = g_hash_table_lookup(paxos->streams, end);
	if (bytes == NULL)
		return;
	g_byte_array_append(bytes, data, (guint)length);
	if (g_hash_table_contains(paxos->greeting, end)) {
		size_t used = greeting(bytes);
		if (used == 0)
			return;
		g_hash_table_remove(paxos->greeting, end);
		g_byte_array_remove_range(bytes, 0, (guint)used);
	}
	while (bytes->len >= 4 && bytes->len >= 4 + pdk_load_u32(bytes->data)) {
		uint32_t frame = pdk_load_u32(bytes->data);
		judge(node, bytes->data + 4, frame);
		g_byte_array_remove_range(bytes, 0, 4 + frame);
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Servers that run Paxos, watched; changes when the messages or rules of Paxos do. */
#include "paxos_watch.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

#define HEAD 8 /* magic, type */

extern const PdkPlugin pdk_plugin_election_paxos;

/* ---- bytes ---- */

int64_t
long_at(GBytes *bytes, size_t index)
{
	gsize length;
	const uint8_t *data = g_bytes_get_data(bytes, &length);
	uint64_t value;

	g_assert(HEAD + 8 * (index + 1) <= length);
	memcpy(&value, data + HEAD + 8 * index, sizeof(value));
	return (int64_t)GUINT64_FROM_BE(value);
}

uint32_t
type_of(GBytes *bytes)
{
	uint32_t words[2];

	g_assert(g_bytes_get_size(bytes) >= sizeof(words));
	memcpy(words, g_bytes_get_data(bytes, NULL), sizeof(words));
	g_assert(GUINT32_FROM_BE(words[0]) == PDK_ELECTION_MAGIC_PAXOS);
	return GUINT32_FROM_BE(words[1]);
}

GBytes *
message_new(uint32_t type, unsigned n, const int64_t *numbers)
{
	GByteArray *out = g_byte_array_new();
	uint32_t words[2] = {GUINT32_TO_BE(PDK_ELECTION_MAGIC_PAXOS), GUINT32_TO_BE(type)};

	g_byte_array_append(out, (const guint8 *)words, sizeof(words));
	for (unsigned i = 0; i < n; i++) {
		uint64_t wire = GUINT64_TO_BE((uint64_t)numbers[i]);
		g_byte_array_append(out, (const guint8 *)&wire, sizeof(wire));
	}
	return g_byte_array_free_to_bytes(out);
}

/* ---- the watch ---- */

typedef struct {
	Ballot ballot;
	int64_t value;
	unsigned servers; /* bit a sid: it has accepted this, durably */
} Accepted;

Watch watch;

struct PdkElection {
	PdkElection *inner;
	int64_t sid;
	bool looking;
	GBytes *saving;
	const PdkElectionOut *out;
};

static const PdkElectionOps *
real(void)
{
	return pdk_plugin_election_paxos.ops;
}

static void
demand(bool holds, const char *what)
{
	if (!holds && watch.violations++ == 0)
		watch.first_violation = what;
}

int
order(const Ballot *a, const Ballot *b)
{
	const int64_t left[] = {a->k, a->cv, a->n, a->sid}, right[] = {b->k, b->cv, b->n, b->sid};

	for (unsigned i = 0; i < 4; i++)
		if (left[i] != right[i])
			return left[i] < right[i] ? -1 : 1;
	return 0;
}

static Ballot
ballot_at(GBytes *bytes)
{
	return (Ballot){long_at(bytes, 0), long_at(bytes, 1), long_at(bytes, 2), long_at(bytes, 3)};
}

static bool
is_chosen(const Accepted *one)
{
	return (unsigned)__builtin_popcount(one->servers) > watch.voters / 2;
}

int64_t
chosen_in(int64_t cv, int64_t k)
{
	int64_t value = -1;

	for (guint i = 0; i < watch.accepted->len; i++) {
		const Accepted *one = &g_array_index(watch.accepted, Accepted, i);
		if (one->ballot.cv != cv || one->ballot.k != k || !is_chosen(one))
			continue;
		demand(value == -1 || value == one->value, "at most one value is chosen in an instance");
		value = one->value;
	}
	return value;
}

static void
note_accepted(int64_t sid, const Ballot *ballot, int64_t value)
{
	Accepted *found = NULL;

	for (guint i = 0; i < watch.accepted->len && !found; i++) {
		Accepted *one = &g_array_index(watch.accepted, Accepted, i);
		if (order(&one->ballot, ballot) == 0)
			found = one;
	}
	if (!found) {
		Accepted one = {.ballot = *ballot, .value = value};
		g_array_append_val(watch.accepted, one);
		found = &g_array_index(watch.accepted, Accepted, watch.accepted->len - 1);
	}
	demand(found->value == value, "a ballot has one value");
	demand(value >= 1 && value <= ELECTION_STAGE_MAX && watch.voter[value], "the value is a voter");
	bool before = is_chosen(found);
	found->servers |= 1u << sid;
	if (!before && is_chosen(found))
		watch.chosen_instances++;
	chosen_in(ballot->cv, ballot->k);
}

static void
note_saved(int64_t sid, GBytes *record)
{
	Durable *durable = &watch.durable[sid];
	Durable now = {.promised = ballot_at(record), .accepted_n = long_at(record, 4), .accepted_sid = long_at(record, 5),
		       .value = long_at(record, 6)};

	demand(order(&now.promised, &durable->promised) >= 0, "a promise is never taken back");
	*durable = now;
	if (now.accepted_n > 0) {
		Ballot ballot = {now.promised.cv, now.promised.k, now.accepted_n, now.accepted_sid};
		note_accepted(sid, &ballot, now.value);
	}
}

static void
watch_send(void *context, int64_t to, GBytes *message)
{
	PdkElection *self = context;
	uint32_t type = type_of(message);

	g_assert(type <= NACK);
	watch.sent[type][self->sid]++;
	if (type == PREPARE || type == PROMISE || type == ACCEPT || type == ACCEPTED) {
		Ballot ballot = ballot_at(message);
		demand(self->looking, "only who looks prepares, promises and accepts");
		demand(watch.voter[self->sid], "only voters prepare, promise and accept");
		demand(order(&ballot, &watch.durable[self->sid].promised) <= 0, "what is said was durable before");
	}
	if (type == CHOSEN)
		demand(chosen_in(long_at(message, 0), long_at(message, 1)) == long_at(message, 2), "CHOSEN tells the truth");
	self->out->send(self->out->context, to, message);
}

static void
watch_deadline(void *context, int64_t at_us)
{
	PdkElection *self = context;

	self->out->deadline(self->out->context, at_us);
}

static void
watch_elected(void *context, const PdkVote *vote, PdkPeerState state)
{
	PdkElection *self = context;

	demand(self->looking, "an election ends once");
	demand((state == PDK_PEER_LEADING) == (vote->leader == self->sid), "who is named leads");
	self->looking = false;
	self->out->elected(self->out->context, vote, state);
}

static void
watch_adopt(void *context, const char *text, size_t length)
{
	PdkElection *self = context;

	self->out->adopt(self->out->context, text, length);
}

static void
watch_save(void *context, const char *key, GBytes *value)
{
	PdkElection *self = context;

	demand(self->saving == NULL, "one save is under way at most");
	demand(strcmp(key, real()->record_key) == 0, "it saves under its own key");
	self->saving = g_bytes_ref(value);
	self->out->save(self->out->context, key, value);
}

static PdkElection *
watch_create(const PdkHost *host, const PdkConfig *config, const PdkEnsemble *ensemble, GBytes *record, GError **error)
{
	PdkElection *self = g_new0(PdkElection, 1);

	self->sid = ensemble->self;
	self->inner = real()->create(host, config, ensemble, record, error);
	return self;
}

static void
watch_destroy(PdkElection *self)
{
	real()->destroy(self->inner);
	g_clear_pointer(&self->saving, g_bytes_unref);
	g_free(self);
}

static void
watch_step(PdkElection *self, const PdkElectionEvent *event, const PdkElectionOut *out)
{
	const PdkElectionOut watching = {
		.size = sizeof(watching), .context = self, .send = watch_send, .deadline = watch_deadline,
		.elected = watch_elected, .adopt = watch_adopt, .save = watch_save,
	};

	self->out = out;
	if (event->kind == PDK_ELECTION_LOOK)
		self->looking = true;
	if (event->kind == PDK_ELECTION_SAVED) {
		g_autoptr(GBytes) saved = g_steal_pointer(&self->saving);
		note_saved(self->sid, saved);
	}
	real()->step(self->inner, event, &watching);
}

static PdkElectionOps watched_ops;
static PdkPlugin watched;

ElectionStage *
watched_stage(unsigned voters, uint64_t seed)
{
	watched_ops = *real();
	watched_ops.create = watch_create;
	watched_ops.destroy = watch_destroy;
	watched_ops.step = watch_step;
	watched = pdk_plugin_election_paxos;
	watched.ops = &watched_ops;
	g_clear_pointer(&watch.accepted, g_array_unref);
	watch = (Watch){.voters = voters, .accepted = g_array_new(FALSE, TRUE, sizeof(Accepted))};
	for (unsigned i = 1; i <= voters; i++)
		watch.voter[i] = true;
	return election_stage_new(&watched, voters, seed);
}

void
check_watch(uint64_t seed)
{
	if (watch.violations)
		fprintf(stderr, "seed %" G_GUINT64_FORMAT ": %s\n", seed, watch.first_violation);
	CU_ASSERT_EQUAL(watch.violations, 0);
}

void
watch_clear(void)
{
	g_clear_pointer(&watch.accepted, g_array_unref);
}

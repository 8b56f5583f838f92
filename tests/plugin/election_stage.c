/* SPDX-License-Identifier: Apache-2.0 */
/* An ensemble for election plugins; changes when election.h does, or what hosts do with it. */
#include "election_stage.h"

#include "fake_host.h"

#include <CUnit/CUnit.h>
#include <string.h>

#define CONFIGS_MAX 8
#define TICK_US (2 * MS)              /* how often the model of discovery looks around */
#define DISCOVERY_LIMIT_US SECOND     /* for a leader's quorum, and for a follower's leader */
#define DEAD_LEADER_LIMIT_US (300 * MS) /* a follower whose leader is not there, or does not lead */
#define SILENCE_LIMIT_US (100 * MS)   /* between those who had found each other */
#define REDIAL_US (50 * MS)
#define DIAL_TIMEOUT_US SECOND
#define HEARD_KEPT 16

typedef struct {
	int64_t version;
	ElectionRole roles[ELECTION_STAGE_MAX];
	int64_t groups[ELECTION_STAGE_MAX], weights[ELECTION_STAGE_MAX];
	bool hierarchical;
	char *text;
} Config;

typedef struct {
	PdkHost host; /* first: the table's `self` is this struct */
	ElectionStage *stage;
	PdkConfig *config;
	PdkEnsemble ensemble;
	int64_t voters[ELECTION_STAGE_MAX];
	PdkElection *election; /* NULL: dead */
	unsigned life;
	GBytes *record;
	bool saving;
	int64_t deadline_us;
	unsigned deadline_number;
	bool stepping;
	Config *committed, *last_seen;
	PdkPeerState state;
	PdkVote vote;
	bool attached;
	int64_t zxid, current_epoch, accepted_epoch;
	int64_t elected_us;
	unsigned elections;
	int64_t alone_us; /* since when it has missed its leader or its quorum; INT64_MAX: it does not */
	GPtrArray *lines; /* logged */
} Server;

/* One direction of a pair. */
typedef struct {
	GQueue unsent; /* GBytes */
	GBytes *last;
	GQueue held;   /* GBytes, on their way when the way was cut */
	GQueue heard;  /* GBytes, delivered */
	int64_t busy_until_us; /* what is sent now arrives later than this */
	bool cut;
} Way;

/* A pair; kept at [lower][higher]. */
typedef struct {
	bool up, dialling;
	unsigned number; /* of the connection */
} Pair;

typedef enum { HAPPENS_MESSAGE, HAPPENS_LINK, HAPPENS_DIAL, HAPPENS_DEADLINE, HAPPENS_SAVED, HAPPENS_MEMBERS } Happening;

typedef struct {
	int64_t at_us;
	uint64_t order; /* among those of one moment */
	Happening kind;
	unsigned from, to; /* indexes; what happens, happens at `to` */
	unsigned life;     /* of `to` */
	unsigned number;   /* MESSAGE: of the connection, 0: none is needed; DEADLINE: of the deadline */
	PdkPeerLink link;
	GBytes *bytes;
} Event;

struct ElectionStage {
	const PdkPlugin *plugin;
	const PdkElectionOps *ops;
	FakeHost *fake; /* lends options and cells */
	unsigned n;
	Server servers[ELECTION_STAGE_MAX];
	Way ways[ELECTION_STAGE_MAX][ELECTION_STAGE_MAX];
	Pair pairs[ELECTION_STAGE_MAX][ELECTION_STAGE_MAX];
	Config configs[CONFIGS_MAX];
	unsigned n_configs;
	GPtrArray *events;
	int64_t now_us, tick_us, delay_low_us, delay_high_us;
	uint64_t random, delivered;
	const char *option_keys[4], *option_values[4];
	unsigned n_options;
	bool reconfig_disabled, trace;
};

static uint64_t
draw(ElectionStage *stage)
{
	uint64_t z = stage->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static int64_t
draw_delay(ElectionStage *stage)
{
	return stage->delay_low_us + (int64_t)(draw(stage) % (uint64_t)(stage->delay_high_us - stage->delay_low_us + 1));
}

static int64_t
sid_of(unsigned index)
{
	return (int64_t)index + 1;
}

static unsigned
index_of(const ElectionStage *stage, int64_t sid)
{
	g_assert(sid >= 1 && sid <= (int64_t)stage->n);
	return (unsigned)(sid - 1);
}

static void G_GNUC_PRINTF(3, 4)
tell(const ElectionStage *stage, unsigned index, const char *format, ...)
{
	va_list list;

	if (!stage->trace)
		return;
	va_start(list, format);
	g_autofree char *text = g_strdup_vprintf(format, list);
	va_end(list);
	g_printerr("[%8.3f ms] %u  %s\n", (double)stage->now_us / 1000, index + 1, text);
}

/* ---- what happens, and when ---- */

static Event *
plan(ElectionStage *stage, Happening kind, unsigned to, int64_t at_us)
{
	Event *event = g_new0(Event, 1);

	g_assert(at_us >= stage->now_us);
	*event = (Event){.at_us = at_us, .order = draw(stage), .kind = kind, .to = to, .life = stage->servers[to].life};
	g_ptr_array_add(stage->events, event);
	return event;
}

static void
event_free(void *data)
{
	Event *event = data;

	g_clear_pointer(&event->bytes, g_bytes_unref);
	g_free(event);
}

static unsigned
first_event(const ElectionStage *stage)
{
	unsigned first = 0;

	for (unsigned i = 1; i < stage->events->len; i++) {
		const Event *event = stage->events->pdata[i], *best = stage->events->pdata[first];
		if (event->at_us < best->at_us || (event->at_us == best->at_us && event->order < best->order))
			first = i;
	}
	return first;
}

/* ---- configurations ---- */

static Config *
config_find(ElectionStage *stage, int64_t version)
{
	for (unsigned i = 0; i < stage->n_configs; i++) {
		if (stage->configs[i].version == version)
			return &stage->configs[i];
	}
	return NULL;
}

static Config *
newest_config(ElectionStage *stage)
{
	return &stage->configs[stage->n_configs - 1];
}

/* Its text is what a server's dynamic file would hold; it changes as long as nobody has it. */
static void
config_write(ElectionStage *stage, Config *config)
{
	GString *text = g_string_new(NULL);

	for (unsigned i = 0; i < stage->n; i++) {
		if (config->roles[i] == ELECTION_STRANGER)
			continue;
		g_string_append_printf(text, "server.%u=127.0.0.1:%u:%u:%s\n", i + 1, 10000 + i, 20000 + i,
				       config->roles[i] == ELECTION_VOTER ? "participant" : "observer");
	}
	g_string_append_printf(text, "version=%" G_GINT64_MODIFIER "x", config->version);
	g_free(config->text);
	config->text = g_string_free(text, FALSE);
}

static bool
majority(const ElectionStage *stage, const Config *config, const bool *acks)
{
	unsigned voters = 0, acked = 0;

	for (unsigned i = 0; i < stage->n; i++) {
		voters += config->roles[i] == ELECTION_VOTER;
		acked += config->roles[i] == ELECTION_VOTER && acks[i];
	}
	return acked > voters / 2;
}

/* More than half of the groups that weigh anything give more than half of their weight. */
static bool
most_groups(const ElectionStage *stage, const Config *config, const bool *acks)
{
	unsigned groups = 0, won = 0;

	for (unsigned g = 0; g < stage->n; g++) {
		int64_t weight = 0, acked = 0;
		for (unsigned i = 0; i < stage->n; i++) {
			if (config->roles[i] != ELECTION_VOTER || config->groups[i] != (int64_t)g)
				continue;
			weight += config->weights[i];
			acked += acks[i] ? config->weights[i] : 0;
		}
		groups += weight > 0;
		won += weight > 0 && acked > weight / 2;
	}
	return won > groups / 2;
}

static bool
config_quorum(const ElectionStage *stage, const Config *config, const bool *acks)
{
	return config->hierarchical ? most_groups(stage, config, acks) : majority(stage, config, acks);
}

/* A quorum of all configurations that count for @server. */
static bool
server_quorum(const Server *server, const bool *acks)
{
	if (!config_quorum(server->stage, server->committed, acks))
		return false;
	return server->last_seen->version <= server->committed->version ||
	       config_quorum(server->stage, server->last_seen, acks);
}

static bool
ensemble_is_voter(void *context, int64_t sid)
{
	const Server *server = context;

	if (sid < 1 || sid > (int64_t)server->stage->n)
		return false;
	return server->committed->roles[sid - 1] == ELECTION_VOTER || server->last_seen->roles[sid - 1] == ELECTION_VOTER;
}

static int64_t
ensemble_weight(void *context, int64_t sid)
{
	const Server *server = context;

	if (!ensemble_is_voter(context, sid))
		return 0;
	return server->committed->hierarchical ? server->committed->weights[sid - 1] : 1;
}

static bool
ensemble_quorum(void *context, const int64_t *sids, unsigned n)
{
	bool acks[ELECTION_STAGE_MAX] = {false};
	const Server *server = context;

	for (unsigned i = 0; i < n; i++) {
		if (sids[i] >= 1 && sids[i] <= (int64_t)server->stage->n)
			acks[sids[i] - 1] = true;
	}
	return server_quorum(server, acks);
}

static void
ensemble_write(ElectionStage *stage, unsigned index)
{
	Server *server = &stage->servers[index];
	PdkEnsemble *ensemble = &server->ensemble;

	if (server->last_seen->version < server->committed->version)
		server->last_seen = server->committed;
	unsigned n = 0;
	for (unsigned i = 0; i < stage->n; i++) {
		if (ensemble_is_voter(server, sid_of(i)))
			server->voters[n++] = sid_of(i);
	}
	*ensemble = (PdkEnsemble){
		.size = sizeof(PdkEnsemble),
		.context = server,
		.self = sid_of(index),
		.observes = server->committed->roles[index] == ELECTION_OBSERVER,
		.votes = server->committed->roles[index] == ELECTION_VOTER,
		.voters = server->voters,
		.n_voters = n,
		.committed_version = server->committed->version,
		.last_seen_version = server->last_seen->version,
		.committed_text = server->committed->text,
		.committed_length = strlen(server->committed->text),
		.reconfig_enabled = !stage->reconfig_disabled,
		.is_voter = ensemble_is_voter,
		.weight = ensemble_weight,
		.quorum = ensemble_quorum,
	};
}

/* ---- links ---- */

static Pair *
pair_of(ElectionStage *stage, unsigned a, unsigned b)
{
	return &stage->pairs[MIN(a, b)][MAX(a, b)];
}

static bool
reachable(const ElectionStage *stage, unsigned a, unsigned b)
{
	return !stage->ways[a][b].cut && !stage->ways[b][a].cut;
}

static void
carry(ElectionStage *stage, unsigned from, unsigned to, GBytes *bytes)
{
	Way *way = &stage->ways[from][to];

	way->busy_until_us = MAX(way->busy_until_us + 1, stage->now_us + draw_delay(stage));
	Event *event = plan(stage, HAPPENS_MESSAGE, to, way->busy_until_us);
	event->from = from;
	event->number = pair_of(stage, from, to)->number;
	event->bytes = g_bytes_ref(bytes);
}

static void
remember_last(Way *way, GBytes *bytes)
{
	g_bytes_ref(bytes);
	g_clear_pointer(&way->last, g_bytes_unref);
	way->last = bytes;
}

/* A new connection begins with what waits, or with the message sent last. */
static void
empty_queue(ElectionStage *stage, unsigned from, unsigned to)
{
	Way *way = &stage->ways[from][to];

	if (g_queue_is_empty(&way->unsent) && way->last && stage->ops->resend_last)
		carry(stage, from, to, way->last);
	for (GBytes *bytes = g_queue_pop_head(&way->unsent); bytes; bytes = g_queue_pop_head(&way->unsent)) {
		carry(stage, from, to, bytes);
		remember_last(way, bytes);
		g_bytes_unref(bytes);
	}
}

static void
report_link(ElectionStage *stage, unsigned to, unsigned peer, PdkPeerLink link, int64_t at_us)
{
	Event *event = plan(stage, HAPPENS_LINK, to, at_us);

	event->from = peer;
	event->link = link;
}

/* Members dial members; who is asked by a stranger answers on the stranger's connection. */
static bool
may_dial(const ElectionStage *stage, unsigned from, unsigned to)
{
	const Server *server = &stage->servers[from];

	return server->committed->roles[to] != ELECTION_STRANGER || server->last_seen->roles[to] != ELECTION_STRANGER;
}

static void
dial(ElectionStage *stage, unsigned from, unsigned to, int64_t after_us)
{
	Pair *pair = pair_of(stage, from, to);

	if (pair->up || pair->dialling || !may_dial(stage, from, to))
		return;
	pair->dialling = true;
	Event *event = plan(stage, HAPPENS_DIAL, from, stage->now_us + after_us + 2 * draw_delay(stage));
	event->from = to;
	event->number = ++pair->number;
}

static void
dial_ends(ElectionStage *stage, const Event *event)
{
	unsigned a = event->to, b = event->from;
	Pair *pair = pair_of(stage, a, b);

	if (!pair->dialling || pair->number != event->number)
		return;
	pair->dialling = false;
	if (stage->servers[a].election == NULL) {
		if (stage->servers[b].election && !g_queue_is_empty(&stage->ways[b][a].unsent))
			dial(stage, b, a, REDIAL_US);
		return;
	}
	if (!reachable(stage, a, b)) {
		report_link(stage, a, b, PDK_PEER_LINK_DOWN, stage->now_us + DIAL_TIMEOUT_US);
		dial(stage, a, b, DIAL_TIMEOUT_US / 4);
		return;
	}
	if (stage->servers[b].election == NULL) {
		report_link(stage, a, b, PDK_PEER_LINK_REFUSED, stage->now_us);
		if (!g_queue_is_empty(&stage->ways[a][b].unsent))
			dial(stage, a, b, REDIAL_US);
		return;
	}
	pair->up = true;
	report_link(stage, a, b, PDK_PEER_LINK_UP, stage->now_us);
	report_link(stage, b, a, PDK_PEER_LINK_UP, stage->now_us);
	empty_queue(stage, a, b);
	empty_queue(stage, b, a);
}

/* The connection breaks; each side that can hear of it does. What was on its way is lost. */
static void
disconnect(ElectionStage *stage, unsigned a, unsigned b)
{
	Pair *pair = pair_of(stage, a, b);

	if (!pair->up)
		return;
	pair->up = false;
	pair->number++;
	g_queue_clear_full(&stage->ways[a][b].held, (GDestroyNotify)g_bytes_unref);
	g_queue_clear_full(&stage->ways[b][a].held, (GDestroyNotify)g_bytes_unref);
	int64_t at_us = stage->now_us + draw_delay(stage);
	if (!stage->ways[b][a].cut && stage->servers[a].election)
		report_link(stage, a, b, PDK_PEER_LINK_REFUSED, at_us);
	if (!stage->ways[a][b].cut && stage->servers[b].election)
		report_link(stage, b, a, PDK_PEER_LINK_REFUSED, at_us);
}

static void
post(ElectionStage *stage, unsigned from, unsigned to, GBytes *bytes)
{
	Way *way = &stage->ways[from][to];

	if (from == to) {
		way->busy_until_us = MAX(way->busy_until_us, stage->now_us) + 1;
		Event *event = plan(stage, HAPPENS_MESSAGE, to, way->busy_until_us);
		event->from = from;
		event->bytes = g_bytes_ref(bytes);
		return;
	}
	if (pair_of(stage, from, to)->up) {
		carry(stage, from, to, bytes);
		remember_last(way, bytes);
		return;
	}
	if (way->unsent.length >= stage->ops->queue_length)
		g_bytes_unref(g_queue_pop_head(&way->unsent));
	g_queue_push_tail(&way->unsent, g_bytes_ref(bytes));
	dial(stage, from, to, 0);
}

/* ---- what the plugin asks for ---- */

static void
out_send(void *context, int64_t sid, GBytes *message)
{
	Server *server = context;
	ElectionStage *stage = server->stage;

	g_assert(server->stepping);
	if (sid < 1 || sid > (int64_t)stage->n) {
		tell(stage, (unsigned)server->ensemble.self - 1, "sends to nobody: %" G_GINT64_FORMAT, sid);
		return;
	}
	post(stage, (unsigned)server->ensemble.self - 1, index_of(stage, sid), message);
}

static void
out_deadline(void *context, int64_t at_us)
{
	Server *server = context;
	ElectionStage *stage = server->stage;

	g_assert(server->stepping);
	server->deadline_us = at_us;
	server->deadline_number++;
	if (at_us == INT64_MAX)
		return;
	Event *event = plan(stage, HAPPENS_DEADLINE, (unsigned)server->ensemble.self - 1, MAX(at_us, stage->now_us + 1));
	event->number = server->deadline_number;
}

static void
out_elected(void *context, const PdkVote *vote, PdkPeerState state)
{
	Server *server = context;
	ElectionStage *stage = server->stage;

	g_assert(server->stepping);
	CU_ASSERT_EQUAL(server->state, PDK_PEER_LOOKING);
	CU_ASSERT_NOT_EQUAL(state, PDK_PEER_LOOKING);
	CU_ASSERT_EQUAL(state == PDK_PEER_LEADING, vote->leader == server->ensemble.self);
	CU_ASSERT_TRUE(vote->leader >= 1 && vote->leader <= (int64_t)stage->n);
	CU_ASSERT_EQUAL(state == PDK_PEER_OBSERVING, server->ensemble.observes);
	server->state = state;
	server->vote = *vote;
	server->attached = false;
	server->elected_us = stage->now_us;
	server->elections++;
	server->alone_us = INT64_MAX;
	tell(stage, (unsigned)server->ensemble.self - 1, "elects %" G_GINT64_FORMAT " round %" G_GINT64_FORMAT, vote->leader,
	     vote->round);
}

static void
out_adopt(void *context, const char *text, size_t length)
{
	Server *server = context;
	ElectionStage *stage = server->stage;

	g_assert(server->stepping);
	CU_ASSERT_EQUAL(server->state, PDK_PEER_LOOKING);
	CU_ASSERT_FALSE(stage->reconfig_disabled);
	for (unsigned i = 0; i < stage->n_configs; i++) {
		Config *config = &stage->configs[i];
		if (config->version <= server->committed->version || strlen(config->text) != length ||
		    memcmp(config->text, text, length) != 0)
			continue;
		Event *event = plan(stage, HAPPENS_MEMBERS, (unsigned)server->ensemble.self - 1, stage->now_us);
		event->number = (unsigned)config->version;
	}
}

static void
out_save(void *context, const char *key, GBytes *value)
{
	Server *server = context;
	ElectionStage *stage = server->stage;

	g_assert(server->stepping);
	CU_ASSERT_FALSE(server->saving);
	CU_ASSERT_TRUE(PDK_HAS(stage->ops, record_key) && strcmp(key, stage->ops->record_key) == 0);
	server->saving = true;
	Event *event = plan(stage, HAPPENS_SAVED, (unsigned)server->ensemble.self - 1, stage->now_us + draw_delay(stage));
	event->bytes = g_bytes_ref(value);
}

static void
step(ElectionStage *stage, unsigned index, PdkElectionEvent event)
{
	Server *server = &stage->servers[index];
	const PdkElectionOut out = {
		.size = sizeof(PdkElectionOut),
		.context = server,
		.send = out_send,
		.deadline = out_deadline,
		.elected = out_elected,
		.adopt = out_adopt,
		.save = out_save,
	};

	g_assert(server->election && !server->stepping);
	event.now_us = stage->now_us;
	server->stepping = true;
	stage->ops->step(server->election, &event, &out);
	server->stepping = false;
}

static void
look(ElectionStage *stage, unsigned index, const char *why)
{
	Server *server = &stage->servers[index];

	tell(stage, index, "looks: %s", why);
	server->state = PDK_PEER_LOOKING;
	server->attached = false;
	server->vote.leader = -1;
	server->alone_us = INT64_MAX;
	step(stage, index, (PdkElectionEvent){.kind = PDK_ELECTION_LOOK, .look = {server->zxid, server->current_epoch}});
}

/* ---- the model of discovery ---- */

static bool
is_ahead(const Server *a, const Server *b)
{
	return a->current_epoch != b->current_epoch ? a->current_epoch > b->current_epoch : a->zxid > b->zxid;
}

static void
attach(ElectionStage *stage, unsigned index, int64_t epoch)
{
	Server *server = &stage->servers[index];

	server->attached = true;
	server->alone_us = INT64_MAX;
	server->accepted_epoch = MAX(server->accepted_epoch, epoch);
	server->current_epoch = epoch;
	server->vote.peer_epoch = epoch;
	tell(stage, index, "settles in epoch %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT, epoch, server->vote.leader);
	step(stage, index,
	     (PdkElectionEvent){.kind = PDK_ELECTION_SETTLED, .settled = {.state = server->state, .vote = server->vote}});
}

/* Is @index with @leader, or would be if that were established? */
static bool
is_with(const ElectionStage *stage, unsigned index, unsigned leader)
{
	const Server *server = &stage->servers[index];

	return server->election && server->state != PDK_PEER_LOOKING && server->vote.leader == sid_of(leader) &&
	       (index == leader || (server->state != PDK_PEER_LEADING && reachable(stage, index, leader)));
}

static void
leader_looks_around(ElectionStage *stage, unsigned index)
{
	Server *server = &stage->servers[index];
	bool with[ELECTION_STAGE_MAX] = {false};
	int64_t accepted = 0;
	bool behind = false;

	for (unsigned i = 0; i < stage->n; i++) {
		with[i] = is_with(stage, i, index);
		if (!with[i])
			continue;
		accepted = MAX(accepted, stage->servers[i].accepted_epoch);
		behind |= stage->servers[i].state != PDK_PEER_OBSERVING && is_ahead(&stage->servers[i], server);
	}
	bool quorum = server_quorum(server, with);
	if (server->attached) {
		if (quorum)
			server->alone_us = INT64_MAX;
		else if (server->alone_us == INT64_MAX)
			server->alone_us = stage->now_us;
		else if (stage->now_us - server->alone_us > SILENCE_LIMIT_US)
			look(stage, index, "its quorum is gone");
	} else if (quorum && behind) {
		look(stage, index, "a follower is ahead");
	} else if (quorum) {
		for (unsigned i = 0; i < stage->n; i++) {
			if (with[i])
				stage->servers[i].accepted_epoch = accepted + 1;
		}
		attach(stage, index, accepted + 1);
	} else if (stage->now_us - server->elected_us > DISCOVERY_LIMIT_US) {
		look(stage, index, "no quorum followed");
	}
}

static void
follower_looks_around(ElectionStage *stage, unsigned index)
{
	Server *server = &stage->servers[index];
	unsigned leader = index_of(stage, server->vote.leader);
	const Server *other = &stage->servers[leader];
	bool reached = reachable(stage, index, leader);
	bool leads = other->election && other->state == PDK_PEER_LEADING;

	if (!server->attached) {
		if (reached && leads && other->attached && other->accepted_epoch >= server->accepted_epoch) {
			server->zxid = other->zxid;
			attach(stage, index, other->current_epoch);
			return;
		}
		int64_t limit = reached && !leads ? DEAD_LEADER_LIMIT_US : DISCOVERY_LIMIT_US;
		if (stage->now_us - server->elected_us > limit)
			look(stage, index, "its leader is not there");
		return;
	}
	if (reached && (!leads || !other->attached || other->current_epoch != server->current_epoch)) {
		look(stage, index, "its leader is gone");
		return;
	}
	if (reached) {
		server->zxid = other->zxid;
		server->alone_us = INT64_MAX;
	} else if (server->alone_us == INT64_MAX) {
		server->alone_us = stage->now_us;
	} else if (stage->now_us - server->alone_us > SILENCE_LIMIT_US) {
		look(stage, index, "its leader is silent");
	}
}

static void
tick(ElectionStage *stage)
{
	unsigned first = (unsigned)(draw(stage) % stage->n);

	for (unsigned i = 0; i < stage->n; i++) {
		unsigned index = (first + i) % stage->n;
		const Server *server = &stage->servers[index];
		if (server->election == NULL || server->state == PDK_PEER_LOOKING)
			continue;
		if (server->state == PDK_PEER_LEADING)
			leader_looks_around(stage, index);
		else
			follower_looks_around(stage, index);
	}
	stage->tick_us = stage->now_us + TICK_US;
}

/* ---- time ---- */

static void
message_arrives(ElectionStage *stage, Event *event)
{
	Way *way = &stage->ways[event->from][event->to];
	size_t length;

	if (event->number != 0 && event->number != pair_of(stage, event->from, event->to)->number)
		return;
	if (way->cut) {
		g_queue_push_tail(&way->held, g_steal_pointer(&event->bytes));
		return;
	}
	if (way->heard.length >= HEARD_KEPT)
		g_bytes_unref(g_queue_pop_head(&way->heard));
	g_queue_push_tail(&way->heard, g_bytes_ref(event->bytes));
	stage->delivered++;
	g_autofree uint8_t *copy = g_memdup2(g_bytes_get_data(event->bytes, NULL), g_bytes_get_size(event->bytes));
	length = g_bytes_get_size(event->bytes);
	step(stage, event->to,
	     (PdkElectionEvent){.kind = PDK_ELECTION_MESSAGE, .sid = sid_of(event->from), .message = {copy, length}});
}

static void
link_changes(ElectionStage *stage, const Event *event)
{
	Server *server = &stage->servers[event->to];
	bool up = pair_of(stage, event->to, event->from)->up;

	if (up != (event->link == PDK_PEER_LINK_UP))
		return; /* overtaken */
	tell(stage, event->to, "link to %u: %s", event->from + 1,
	     event->link == PDK_PEER_LINK_UP ? "up" : event->link == PDK_PEER_LINK_DOWN ? "down" : "refused");
	if (server->election)
		step(stage, event->to,
		     (PdkElectionEvent){.kind = PDK_ELECTION_LINK, .sid = sid_of(event->from), .link = event->link});
}

/* The mesh starts again, as in a host whose committed configuration changed while it looked. */
static void
configuration_changes(ElectionStage *stage, unsigned index, int64_t version)
{
	Server *server = &stage->servers[index];
	Config *config = config_find(stage, version);

	if (config->version <= server->committed->version)
		return;
	tell(stage, index, "has configuration %" G_GINT64_FORMAT, version);
	server->committed = config;
	ensemble_write(stage, index);
	for (unsigned i = 0; i < stage->n; i++) {
		if (i == index)
			continue;
		disconnect(stage, index, i);
		g_queue_clear_full(&stage->ways[index][i].unsent, (GDestroyNotify)g_bytes_unref);
		g_clear_pointer(&stage->ways[index][i].last, g_bytes_unref);
	}
	step(stage, index, (PdkElectionEvent){.kind = PDK_ELECTION_MEMBERS});
	if (server->state == PDK_PEER_LOOKING)
		look(stage, index, "the configuration changed");
}

static void
happen(ElectionStage *stage, Event *event)
{
	Server *server = &stage->servers[event->to];

	stage->now_us = event->at_us;
	if (event->kind == HAPPENS_DIAL) {
		dial_ends(stage, event);
		return;
	}
	if (server->election == NULL || event->life != server->life)
		return;
	switch (event->kind) {
	case HAPPENS_MESSAGE:
		message_arrives(stage, event);
		return;
	case HAPPENS_LINK:
		link_changes(stage, event);
		return;
	case HAPPENS_DEADLINE:
		if (event->number == server->deadline_number)
			step(stage, event->to, (PdkElectionEvent){.kind = PDK_ELECTION_DEADLINE});
		return;
	case HAPPENS_SAVED:
		g_clear_pointer(&server->record, g_bytes_unref);
		server->record = g_steal_pointer(&event->bytes);
		server->saving = false;
		step(stage, event->to,
		     (PdkElectionEvent){.kind = PDK_ELECTION_SAVED, .saved = stage->ops->record_key});
		return;
	case HAPPENS_MEMBERS:
		configuration_changes(stage, event->to, event->number);
		return;
	case HAPPENS_DIAL:
		return;
	}
}

/* One thing happens, if one does not later than @until_us. */
static bool
advance(ElectionStage *stage, int64_t until_us)
{
	unsigned first = first_event(stage);
	const Event *next = stage->events->len ? stage->events->pdata[first] : NULL;

	if (next == NULL || next->at_us > stage->tick_us) {
		if (stage->tick_us > until_us)
			return false;
		stage->now_us = stage->tick_us;
		tick(stage);
		return true;
	}
	if (next->at_us > until_us)
		return false;
	Event *event = g_ptr_array_steal_index_fast(stage->events, first);
	happen(stage, event);
	event_free(event);
	return true;
}

void
election_stage_run(ElectionStage *stage, int64_t us)
{
	int64_t until_us = stage->now_us + us;

	while (advance(stage, until_us))
		;
	stage->now_us = until_us;
}

int64_t
election_stage_now(const ElectionStage *stage)
{
	return stage->now_us;
}

int64_t
election_stage_leader(const ElectionStage *stage)
{
	int64_t leader = -1;

	for (unsigned i = 0; i < stage->n; i++) {
		const Server *server = &stage->servers[i];
		if (server->election == NULL)
			continue;
		if (!server->attached || (leader != -1 && leader != server->vote.leader))
			return -1;
		leader = server->vote.leader;
	}
	if (leader == -1 || stage->servers[leader - 1].state != PDK_PEER_LEADING)
		return -1;
	return leader;
}

int64_t
election_stage_run_until_leader(ElectionStage *stage, int64_t us)
{
	int64_t until_us = stage->now_us + us;

	while (election_stage_leader(stage) == -1) {
		if (!advance(stage, until_us)) {
			stage->now_us = until_us;
			return -1;
		}
	}
	return election_stage_leader(stage);
}

static bool
nobody_looks(const ElectionStage *stage)
{
	for (unsigned i = 0; i < stage->n; i++) {
		if (stage->servers[i].election && stage->servers[i].state == PDK_PEER_LOOKING)
			return false;
	}
	return true;
}

bool
election_stage_run_until_elected(ElectionStage *stage, int64_t us)
{
	int64_t until_us = stage->now_us + us;

	while (!nobody_looks(stage)) {
		if (!advance(stage, until_us)) {
			stage->now_us = until_us;
			return false;
		}
	}
	return true;
}

/* ---- hosts and lives ---- */

static Server *
server_of(const PdkHost *host)
{
	return (Server *)host;
}

static void G_GNUC_PRINTF(3, 4)
host_log(const PdkHost *host, PdkLogLevel level, const char *format, ...)
{
	Server *server = server_of(host);
	va_list list;

	va_start(list, format);
	char *line = g_strdup_vprintf(format, list);
	va_end(list);
	g_ptr_array_add(server->lines, line);
	tell(server->stage, (unsigned)(server - server->stage->servers), "log %d: %s", (int)level, line);
}

static int64_t
host_now_us(const PdkHost *host)
{
	return server_of(host)->stage->now_us;
}

static int64_t
host_wall_ms(const PdkHost *host)
{
	return INT64_C(1700000000000) + server_of(host)->stage->now_us / 1000;
}

static uint64_t
host_random(const PdkHost *host)
{
	return draw(server_of(host)->stage);
}

static PdkCounter *
host_counter(const PdkHost *host, const char *name, const char *help)
{
	const PdkHost *fake = fake_host_table(server_of(host)->stage->fake);
	return fake->counter(fake, name, help);
}

static PdkSummary *
host_summary(const PdkHost *host, const char *name, const char *help, bool percentiles)
{
	const PdkHost *fake = fake_host_table(server_of(host)->stage->fake);
	return fake->summary(fake, name, help, percentiles);
}

/* No timers, no threads, no files: an election is pure. */
static void
host_make(Server *server)
{
	const PdkHost *fake = fake_host_table(server->stage->fake);

	server->host = (PdkHost){
		.size = sizeof(PdkHost),
		.log = host_log,
		.now_us = host_now_us,
		.wall_ms = host_wall_ms,
		.random = host_random,
		.option_string = fake->option_string,
		.option_int = fake->option_int,
		.option_bool = fake->option_bool,
		.option_list = fake->option_list,
		.counter = host_counter,
		.summary = host_summary,
	};
}

int64_t
election_stage_add(ElectionStage *stage, ElectionRole role)
{
	unsigned index = stage->n++;
	Server *server = &stage->servers[index];

	g_assert(stage->n <= ELECTION_STAGE_MAX);
	server->stage = stage;
	server->lines = g_ptr_array_new_with_free_func(g_free);
	server->committed = server->last_seen = &stage->configs[0];
	server->vote.leader = -1;
	server->alone_us = INT64_MAX;
	host_make(server);
	for (unsigned i = 0; i < stage->n_configs; i++) {
		stage->configs[i].roles[index] = role;
		stage->configs[i].groups[index] = -1;
		stage->configs[i].weights[index] = 1;
		config_write(stage, &stage->configs[i]);
	}
	return sid_of(index);
}

ElectionStage *
election_stage_new(const PdkPlugin *plugin, unsigned voters, uint64_t seed)
{
	ElectionStage *stage = g_new0(ElectionStage, 1);

	stage->plugin = plugin;
	stage->ops = plugin->ops;
	stage->fake = fake_host_new();
	stage->events = g_ptr_array_new();
	stage->random = seed;
	stage->now_us = SECOND;
	stage->tick_us = stage->now_us + TICK_US;
	stage->delay_low_us = stage->delay_high_us = MS;
	stage->trace = g_getenv("ELECTION_STAGE_TRACE") != NULL;
	stage->n_configs = 1;
	for (unsigned i = 0; i < voters; i++)
		election_stage_add(stage, ELECTION_VOTER);
	return stage;
}

static void
way_clear(Way *way)
{
	g_queue_clear_full(&way->unsent, (GDestroyNotify)g_bytes_unref);
	g_queue_clear_full(&way->held, (GDestroyNotify)g_bytes_unref);
	g_clear_pointer(&way->last, g_bytes_unref);
	way->busy_until_us = 0;
}

static void
life_ends(ElectionStage *stage, unsigned index)
{
	Server *server = &stage->servers[index];

	stage->ops->destroy(server->election);
	server->election = NULL;
	server->life++;
	server->saving = false;
	g_clear_pointer(&server->config, fake_config_free);
}

void
election_stage_free(ElectionStage *stage)
{
	for (unsigned i = 0; i < stage->n; i++) {
		Server *server = &stage->servers[i];
		if (server->election)
			life_ends(stage, i);
		g_clear_pointer(&server->record, g_bytes_unref);
		g_ptr_array_unref(server->lines);
		for (unsigned j = 0; j < stage->n; j++) {
			way_clear(&stage->ways[i][j]);
			g_queue_clear_full(&stage->ways[i][j].heard, (GDestroyNotify)g_bytes_unref);
		}
	}
	for (unsigned i = 0; i < stage->n_configs; i++)
		g_free(stage->configs[i].text);
	for (unsigned i = 0; i < stage->events->len; i++)
		event_free(stage->events->pdata[i]);
	g_ptr_array_unref(stage->events);
	fake_host_free(stage->fake);
	g_free(stage);
}

void
election_stage_start(ElectionStage *stage, int64_t sid)
{
	g_autoptr(GError) error = NULL;
	unsigned index = index_of(stage, sid);
	Server *server = &stage->servers[index];
	const char *const *keys = stage->option_keys, *const *values = stage->option_values;

	g_assert(server->election == NULL);
	ensemble_write(stage, index);
	server->config = fake_config_new(stage->plugin->options, keys[0], values[0], keys[1], values[1], keys[2], values[2], NULL);
	server->election = stage->ops->create(&server->host, server->config, &server->ensemble, server->record, &error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(server->election);
	CU_ASSERT_PTR_NULL(error);
	server->deadline_us = INT64_MAX;
	look(stage, index, "it starts");
}

void
election_stage_start_all(ElectionStage *stage)
{
	for (unsigned i = 0; i < stage->n; i++) {
		if (stage->servers[i].election == NULL)
			election_stage_start(stage, sid_of(i));
	}
}

void
election_stage_crash(ElectionStage *stage, int64_t sid)
{
	unsigned index = index_of(stage, sid);

	tell(stage, index, "crashes");
	life_ends(stage, index);
	stage->servers[index].state = PDK_PEER_LOOKING;
	stage->servers[index].attached = false;
	stage->servers[index].vote.leader = -1;
	for (unsigned i = 0; i < stage->n; i++) {
		disconnect(stage, index, i);
		way_clear(&stage->ways[index][i]);
	}
}

void
election_stage_wipe(ElectionStage *stage, int64_t sid)
{
	Server *server = &stage->servers[index_of(stage, sid)];

	g_assert(server->election == NULL);
	g_clear_pointer(&server->record, g_bytes_unref);
}

void
election_stage_look(ElectionStage *stage, int64_t sid)
{
	look(stage, index_of(stage, sid), "it was told to");
}

void
election_stage_cut(ElectionStage *stage, int64_t from, int64_t to)
{
	tell(stage, index_of(stage, from), "no longer reaches %" G_GINT64_FORMAT, to);
	stage->ways[index_of(stage, from)][index_of(stage, to)].cut = true;
}

void
election_stage_isolate(ElectionStage *stage, int64_t sid)
{
	for (unsigned i = 0; i < stage->n; i++) {
		if (sid_of(i) == sid)
			continue;
		election_stage_cut(stage, sid, sid_of(i));
		election_stage_cut(stage, sid_of(i), sid);
	}
}

void
election_stage_heal(ElectionStage *stage, int64_t from, int64_t to)
{
	unsigned a = index_of(stage, from), b = index_of(stage, to);
	Way *way = &stage->ways[a][b];

	if (!way->cut)
		return;
	tell(stage, a, "reaches %" G_GINT64_FORMAT " again", to);
	way->cut = false;
	int64_t at_us = stage->now_us;
	for (GBytes *bytes = g_queue_pop_head(&way->held); bytes; bytes = g_queue_pop_head(&way->held)) {
		Event *event = plan(stage, HAPPENS_MESSAGE, b, ++at_us);
		event->from = a;
		event->number = pair_of(stage, a, b)->number;
		event->bytes = bytes;
	}
	way->busy_until_us = MAX(way->busy_until_us, at_us);
}

void
election_stage_heal_all(ElectionStage *stage)
{
	for (unsigned a = 0; a < stage->n; a++) {
		for (unsigned b = 0; b < stage->n; b++)
			election_stage_heal(stage, sid_of(a), sid_of(b));
	}
}

void
election_stage_reset(ElectionStage *stage, int64_t a, int64_t b)
{
	tell(stage, index_of(stage, a), "its connection to %" G_GINT64_FORMAT " is reset", b);
	disconnect(stage, index_of(stage, a), index_of(stage, b));
}

/* ---- setting the stage, and looking at it ---- */

void
election_stage_set_group(ElectionStage *stage, int64_t sid, int64_t group, int64_t weight)
{
	Config *config = newest_config(stage);

	config->hierarchical = true;
	config->groups[index_of(stage, sid)] = group;
	config->weights[index_of(stage, sid)] = weight;
}

void
election_stage_set_history(ElectionStage *stage, int64_t sid, int64_t epoch, int64_t zxid)
{
	Server *server = &stage->servers[index_of(stage, sid)];

	server->zxid = zxid;
	server->current_epoch = epoch;
	server->accepted_epoch = MAX(server->accepted_epoch, epoch);
}

void
election_stage_set_option(ElectionStage *stage, const char *key, const char *value)
{
	g_assert(stage->n_options < 3);
	stage->option_keys[stage->n_options] = key;
	stage->option_values[stage->n_options++] = value;
}

void
election_stage_set_reconfig(ElectionStage *stage, bool enabled)
{
	stage->reconfig_disabled = !enabled;
}

void
election_stage_set_delay(ElectionStage *stage, int64_t low_us, int64_t high_us)
{
	g_assert(low_us >= 0 && low_us <= high_us);
	stage->delay_low_us = low_us;
	stage->delay_high_us = high_us;
}

void
election_stage_new_config(ElectionStage *stage, int64_t version)
{
	const Config *old = newest_config(stage);
	Config *config = &stage->configs[stage->n_configs++];

	g_assert(stage->n_configs <= CONFIGS_MAX && version > old->version && version <= INT32_MAX);
	*config = *old;
	config->version = version;
	config->text = NULL;
	config_write(stage, config);
}

void
election_stage_set_role(ElectionStage *stage, int64_t sid, ElectionRole role)
{
	newest_config(stage)->roles[index_of(stage, sid)] = role;
	config_write(stage, newest_config(stage));
}

void
election_stage_see_config(ElectionStage *stage, int64_t sid, int64_t version)
{
	unsigned index = index_of(stage, sid);
	Server *server = &stage->servers[index];

	server->last_seen = config_find(stage, version);
	if (server->election == NULL)
		return;
	ensemble_write(stage, index);
	step(stage, index, (PdkElectionEvent){.kind = PDK_ELECTION_MEMBERS});
	if (server->state == PDK_PEER_LOOKING)
		look(stage, index, "it has seen a configuration");
}

void
election_stage_commit_config(ElectionStage *stage, int64_t sid, int64_t version)
{
	unsigned index = index_of(stage, sid);
	Server *server = &stage->servers[index];

	if (server->election)
		configuration_changes(stage, index, version);
	else
		server->committed = config_find(stage, version);
}

void
election_stage_inject(ElectionStage *stage, int64_t from, int64_t to, const void *data, size_t length)
{
	g_autofree uint8_t *copy = g_memdup2(data, length);

	step(stage, index_of(stage, to),
	     (PdkElectionEvent){.kind = PDK_ELECTION_MESSAGE, .sid = from, .message = {copy, length}});
}

GBytes *
election_stage_heard(const ElectionStage *stage, int64_t from, int64_t to, unsigned back)
{
	const GQueue *heard = &stage->ways[index_of(stage, from)][index_of(stage, to)].heard;
	const GList *link = g_list_nth_prev(heard->tail, back);

	return link ? g_bytes_ref(link->data) : NULL;
}

uint64_t
election_stage_delivered(const ElectionStage *stage)
{
	return stage->delivered;
}

ElectionServer
election_stage_server(const ElectionStage *stage, int64_t sid)
{
	const Server *server = &stage->servers[index_of(stage, sid)];

	return (ElectionServer){
		.alive = server->election != NULL,
		.state = server->state,
		.attached = server->attached,
		.leader = server->state == PDK_PEER_LOOKING ? -1 : server->vote.leader,
		.zxid = server->zxid,
		.epoch = server->current_epoch,
		.elected_us = server->elected_us,
		.elections = server->elections,
		.committed_version = server->committed->version,
		.last_seen_version = server->last_seen->version,
	};
}

unsigned
election_stage_logged(const ElectionStage *stage, int64_t sid, const char *text)
{
	const GPtrArray *lines = stage->servers[index_of(stage, sid)].lines;
	unsigned count = 0;

	for (unsigned i = 0; i < lines->len; i++)
		count += strstr(lines->pdata[i], text) != NULL;
	return count;
}

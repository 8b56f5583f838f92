/* SPDX-License-Identifier: Apache-2.0 */
/* An ensemble for election plugins; changes when election.h does, or what hosts do with it. */
#include "election_stage_private.h"

#include <CUnit/CUnit.h>
#include <string.h>

#define HEARD_KEPT 16 /* messages a direction */

uint64_t
stage_draw(ElectionStage *stage)
{
	uint64_t z = stage->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

int64_t
stage_delay(ElectionStage *stage)
{
	return stage->delay_low_us + (int64_t)(stage_draw(stage) % (uint64_t)(stage->delay_high_us - stage->delay_low_us + 1));
}

int64_t
stage_sid(unsigned index)
{
	return (int64_t)index + 1;
}

unsigned
stage_index(const ElectionStage *stage, int64_t sid)
{
	g_assert(sid >= 1 && sid <= (int64_t)stage->n);
	return (unsigned)(sid - 1);
}

void
stage_tell(const ElectionStage *stage, unsigned index, const char *format, ...)
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

Event *
stage_plan(ElectionStage *stage, Happening kind, unsigned to, int64_t at_us)
{
	Event *event = g_new0(Event, 1);

	g_assert(at_us >= stage->now_us);
	*event = (Event){.at_us = at_us, .order = stage_draw(stage), .kind = kind, .to = to, .life = stage->servers[to].life};
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

/* ---- what the plugin asks for ---- */

static void
out_send(void *context, int64_t sid, GBytes *message)
{
	Server *server = context;
	ElectionStage *stage = server->stage;

	g_assert(server->stepping);
	if (sid < 1 || sid > (int64_t)stage->n) {
		stage_tell(stage, (unsigned)server->ensemble.self - 1, "sends to nobody: %" G_GINT64_FORMAT, sid);
		return;
	}
	stage_post(stage, (unsigned)server->ensemble.self - 1, stage_index(stage, sid), message);
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
	Event *event = stage_plan(stage, HAPPENS_DEADLINE, (unsigned)server->ensemble.self - 1, MAX(at_us, stage->now_us + 1));
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
	stage_tell(stage, (unsigned)server->ensemble.self - 1, "elects %" G_GINT64_FORMAT " round %" G_GINT64_FORMAT, vote->leader,
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
		Event *event = stage_plan(stage, HAPPENS_MEMBERS, (unsigned)server->ensemble.self - 1, stage->now_us);
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
	Event *event = stage_plan(stage, HAPPENS_SAVED, (unsigned)server->ensemble.self - 1, stage->now_us + stage_delay(stage));
	event->bytes = g_bytes_ref(value);
}

static void
out_doubt(void *context)
{
	Server *server = context;

	g_assert(server->stepping);
	server->doubts = !server->attached;
}

void
stage_step(ElectionStage *stage, unsigned index, PdkElectionEvent event)
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
		.doubt = out_doubt,
	};

	g_assert(server->election && !server->stepping);
	event.now_us = stage->now_us;
	server->stepping = true;
	server->doubts = false;
	stage->ops->step(server->election, &event, &out);
	server->stepping = false;
	if (server->doubts && server->state != PDK_PEER_LOOKING)
		stage_look(stage, index, "its election doubts what it said");
}

void
stage_look(ElectionStage *stage, unsigned index, const char *why)
{
	Server *server = &stage->servers[index];

	stage_tell(stage, index, "looks: %s", why);
	server->state = PDK_PEER_LOOKING;
	server->attached = false;
	server->vote.leader = -1;
	server->alone_us = INT64_MAX;
	stage_step(stage, index, (PdkElectionEvent){.kind = PDK_ELECTION_LOOK, .look = {server->zxid, server->current_epoch}});
}

/* ---- time ---- */

/* The first 36 bytes, in words. */
static void
tell_message(const ElectionStage *stage, const Event *event)
{
	g_autoptr(GString) text = g_string_new(NULL);
	gsize length;
	const uint8_t *data = g_bytes_get_data(event->bytes, &length);

	for (gsize i = 0; stage->trace && i < MIN(length, 36); i++)
		g_string_append_printf(text, i % 4 ? "%02x" : " %02x", data[i]);
	stage_tell(stage, event->to, "hears %u:%s", event->from + 1, text->str);
}

static void
message_arrives(ElectionStage *stage, Event *event)
{
	Way *way = &stage->ways[event->from][event->to];
	size_t length;

	if (event->number != 0 && event->number != stage_pair(stage, event->from, event->to)->number)
		return;
	if (way->cut) {
		g_queue_push_tail(&way->held, g_steal_pointer(&event->bytes));
		return;
	}
	tell_message(stage, event);
	if (way->heard.length >= HEARD_KEPT)
		g_bytes_unref(g_queue_pop_head(&way->heard));
	g_queue_push_tail(&way->heard, g_bytes_ref(event->bytes));
	stage->delivered++;
	g_autofree uint8_t *copy = g_memdup2(g_bytes_get_data(event->bytes, NULL), g_bytes_get_size(event->bytes));
	length = g_bytes_get_size(event->bytes);
	stage_step(stage, event->to,
	     (PdkElectionEvent){.kind = PDK_ELECTION_MESSAGE, .sid = stage_sid(event->from), .message = {copy, length}});
}

static void
link_changes(ElectionStage *stage, const Event *event)
{
	Server *server = &stage->servers[event->to];
	bool up = stage_pair(stage, event->to, event->from)->up;

	if (up != (event->link == PDK_PEER_LINK_UP))
		return; /* overtaken */
	stage_tell(stage, event->to, "link to %u: %s", event->from + 1,
	     event->link == PDK_PEER_LINK_UP ? "up" : event->link == PDK_PEER_LINK_DOWN ? "down" : "refused");
	if (!server->election)
		return;
	stage_step(stage, event->to,
	     (PdkElectionEvent){.kind = PDK_ELECTION_LINK, .sid = stage_sid(event->from), .link = event->link});
	bool waits = server->state != PDK_PEER_LOOKING && !server->attached && server->vote.leader == stage_sid(event->from);
	if (waits && event->link == PDK_PEER_LINK_REFUSED)
		stage_look(stage, event->to, "its leader is down");
}

/* The mesh starts again, as in a host whose committed configuration changed while it looked. */
static void
configuration_changes(ElectionStage *stage, unsigned index, int64_t version)
{
	Server *server = &stage->servers[index];
	Config *config = stage_config(stage, version);

	if (config->version <= server->committed->version)
		return;
	stage_tell(stage, index, "has configuration %" G_GINT64_FORMAT, version);
	server->committed = config;
	stage_ensemble_write(stage, index);
	for (unsigned i = 0; i < stage->n; i++) {
		if (i == index)
			continue;
		stage_disconnect(stage, index, i);
		g_queue_clear_full(&stage->ways[index][i].unsent, (GDestroyNotify)g_bytes_unref);
		g_clear_pointer(&stage->ways[index][i].last, g_bytes_unref);
	}
	stage_step(stage, index, (PdkElectionEvent){.kind = PDK_ELECTION_MEMBERS});
	if (server->state == PDK_PEER_LOOKING)
		stage_look(stage, index, "the configuration changed");
}

static void
happen(ElectionStage *stage, Event *event)
{
	Server *server = &stage->servers[event->to];

	stage->now_us = event->at_us;
	if (event->kind == HAPPENS_DIAL) {
		stage_dial_ends(stage, event);
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
			stage_step(stage, event->to, (PdkElectionEvent){.kind = PDK_ELECTION_DEADLINE});
		return;
	case HAPPENS_SAVED:
		g_clear_pointer(&server->record, g_bytes_unref);
		server->record = g_steal_pointer(&event->bytes);
		server->saving = false;
		stage_step(stage, event->to,
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
		stage_discover(stage);
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
	stage_tell(server->stage, (unsigned)(server - server->stage->servers), "log %d: %s", (int)level, line);
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
	return stage_draw(server_of(host)->stage);
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
		stage_config_write(stage, &stage->configs[i]);
	}
	return stage_sid(index);
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
	stage->tick_us = stage->now_us;
	stage->delay_low_us = stage->delay_high_us = MS;
	stage->trace = g_getenv("ELECTION_STAGE_TRACE") != NULL;
	stage->n_configs = 1;
	for (unsigned i = 0; i < voters; i++)
		election_stage_add(stage, ELECTION_VOTER);
	return stage;
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
			stage_way_clear(&stage->ways[i][j]);
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
	unsigned index = stage_index(stage, sid);
	Server *server = &stage->servers[index];
	const char *const *keys = stage->option_keys, *const *values = stage->option_values;

	g_assert(server->election == NULL);
	stage_ensemble_write(stage, index);
	server->config = fake_config_new(stage->plugin->options, keys[0], values[0], keys[1], values[1], keys[2], values[2], NULL);
	server->election = stage->ops->create(&server->host, server->config, &server->ensemble, server->record, &error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(server->election);
	CU_ASSERT_PTR_NULL(error);
	server->deadline_us = INT64_MAX;
	stage_look(stage, index, "it starts");
}

void
election_stage_start_all(ElectionStage *stage)
{
	for (unsigned i = 0; i < stage->n; i++) {
		if (stage->servers[i].election == NULL)
			election_stage_start(stage, stage_sid(i));
	}
}

void
election_stage_crash(ElectionStage *stage, int64_t sid)
{
	unsigned index = stage_index(stage, sid);

	stage_tell(stage, index, "crashes");
	life_ends(stage, index);
	stage->servers[index].state = PDK_PEER_LOOKING;
	stage->servers[index].attached = false;
	stage->servers[index].vote.leader = -1;
	for (unsigned i = 0; i < stage->n; i++) {
		stage_disconnect(stage, index, i);
		stage_way_clear(&stage->ways[index][i]);
	}
}

void
election_stage_wipe(ElectionStage *stage, int64_t sid)
{
	Server *server = &stage->servers[stage_index(stage, sid)];

	g_assert(server->election == NULL);
	g_clear_pointer(&server->record, g_bytes_unref);
}

void
election_stage_look(ElectionStage *stage, int64_t sid)
{
	stage_look(stage, stage_index(stage, sid), "it was told to");
}

/* ---- setting the stage, and looking at it ---- */

void
election_stage_set_group(ElectionStage *stage, int64_t sid, int64_t group, int64_t weight)
{
	Config *config = stage_newest_config(stage);

	config->hierarchical = true;
	config->groups[stage_index(stage, sid)] = group;
	config->weights[stage_index(stage, sid)] = weight;
}

void
election_stage_set_history(ElectionStage *stage, int64_t sid, int64_t epoch, int64_t zxid)
{
	Server *server = &stage->servers[stage_index(stage, sid)];

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
	const Config *old = stage_newest_config(stage);
	Config *config = &stage->configs[stage->n_configs++];

	g_assert(stage->n_configs <= CONFIGS_MAX && version > old->version && version <= INT32_MAX);
	*config = *old;
	config->version = version;
	config->text = NULL;
	stage_config_write(stage, config);
}

void
election_stage_set_role(ElectionStage *stage, int64_t sid, ElectionRole role)
{
	stage_newest_config(stage)->roles[stage_index(stage, sid)] = role;
	stage_config_write(stage, stage_newest_config(stage));
}

void
election_stage_see_config(ElectionStage *stage, int64_t sid, int64_t version)
{
	unsigned index = stage_index(stage, sid);
	Server *server = &stage->servers[index];

	server->last_seen = stage_config(stage, version);
	if (server->election == NULL)
		return;
	stage_ensemble_write(stage, index);
	stage_step(stage, index, (PdkElectionEvent){.kind = PDK_ELECTION_MEMBERS});
	if (server->state == PDK_PEER_LOOKING)
		stage_look(stage, index, "it has seen a configuration");
}

void
election_stage_commit_config(ElectionStage *stage, int64_t sid, int64_t version)
{
	unsigned index = stage_index(stage, sid);
	Server *server = &stage->servers[index];

	if (server->election)
		configuration_changes(stage, index, version);
	else
		server->committed = stage_config(stage, version);
}

void
election_stage_inject(ElectionStage *stage, int64_t from, int64_t to, const void *data, size_t length)
{
	g_autofree uint8_t *copy = g_memdup2(data, length);

	stage_step(stage, stage_index(stage, to),
	     (PdkElectionEvent){.kind = PDK_ELECTION_MESSAGE, .sid = from, .message = {copy, length}});
}

GBytes *
election_stage_heard(const ElectionStage *stage, int64_t from, int64_t to, unsigned back)
{
	const GQueue *heard = &stage->ways[stage_index(stage, from)][stage_index(stage, to)].heard;
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
	const Server *server = &stage->servers[stage_index(stage, sid)];

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
	const GPtrArray *lines = stage->servers[stage_index(stage, sid)].lines;
	unsigned count = 0;

	for (unsigned i = 0; i < lines->len; i++)
		count += strstr(lines->pdata[i], text) != NULL;
	return count;
}

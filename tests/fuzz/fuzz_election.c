/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any story told to an election plugin: messages of any bytes, links that come and go, saves, deadlines. The first byte says
 * which plugin; then each event is a byte (what, and from whom), and for a message a length and the bytes. Changes when election.h
 * does.
 */
#include "base/assert.h"
#include <paddock/election.h>
#include <paddock/plugin.h>

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

extern const PdkPlugin pdk_plugin_election_fle, pdk_plugin_election_paxos;

#define VOTERS 3

typedef struct {
	PdkHost host; /* first: the table's `self` is this struct */
	const PdkPlugin *plugin;
	uint64_t chance;
	PdkElection *election;
	int64_t now_us, deadline_us;
	bool saving, looking;
	PdkVote vote;
	PdkPeerState state;
} Story;

static void G_GNUC_PRINTF(3, 4)
host_log(const PdkHost *host G_GNUC_UNUSED, PdkLogLevel level G_GNUC_UNUSED, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	g_autofree char *line = g_strdup_vprintf(format, list);
	va_end(list);
	pdk_assert(strchr(line, '\n') == NULL);
}

static uint64_t
host_random(const PdkHost *host)
{
	return ((Story *)host)->chance += UINT64_C(0x9e3779b97f4a7c15);
}

static int64_t
host_now_us(const PdkHost *host)
{
	return ((const Story *)host)->now_us;
}

/* The config is the plugin: options are at their defaults, but the trace speaks. */
static const char *
fallback_of(const PdkConfig *config, const char *key)
{
	const PdkOption *option = ((const PdkPlugin *)(const void *)config)->options;

	while (option->key && strcmp(option->key, key) != 0)
		option++;
	pdk_assert(option->key != NULL);
	return option->fallback;
}

static int64_t
option_int(const PdkConfig *config, const char *key)
{
	return g_ascii_strtoll(fallback_of(config, key), NULL, 10);
}

static bool
option_bool(const PdkConfig *config, const char *key)
{
	return strcmp(key, "trace") == 0 || strcmp(fallback_of(config, key), "true") == 0;
}

static bool
is_voter(void *context G_GNUC_UNUSED, int64_t sid)
{
	return sid >= 1 && sid <= VOTERS;
}

static int64_t
weight(void *context G_GNUC_UNUSED, int64_t sid G_GNUC_UNUSED)
{
	return 1;
}

static bool
quorum(void *context G_GNUC_UNUSED, const int64_t *sids, unsigned n)
{
	unsigned voters = 0;

	for (unsigned i = 0; i < n; i++)
		voters += is_voter(NULL, sids[i]);
	return voters > VOTERS / 2;
}

static void
out_send(void *context G_GNUC_UNUSED, int64_t sid, GBytes *message)
{
	pdk_assert(sid >= 0 && g_bytes_get_size(message) > 0);
}

static void
out_deadline(void *context, int64_t at_us)
{
	((Story *)context)->deadline_us = at_us;
}

static void
out_elected(void *context, const PdkVote *vote, PdkPeerState state)
{
	Story *story = context;

	pdk_assert(story->looking && is_voter(NULL, vote->leader));
	pdk_assert((state == PDK_PEER_LEADING) == (vote->leader == 1));
	story->looking = false;
	story->vote = *vote;
	story->state = state;
}

static void
out_adopt(void *context, const char *text G_GNUC_UNUSED, size_t length)
{
	pdk_assert(((Story *)context)->looking && length > 0);
}

static void
out_save(void *context, const char *key, GBytes *value)
{
	Story *story = context;
	const PdkElectionOps *ops = story->plugin->ops;

	pdk_assert(!story->saving && strcmp(key, ops->record_key) == 0 && g_bytes_get_size(value) > 0);
	story->saving = true;
}

static void
step(Story *story, PdkElectionEvent event)
{
	const PdkElectionOps *ops = story->plugin->ops;
	const PdkElectionOut out = {
		.size = sizeof(out), .context = story, .send = out_send, .deadline = out_deadline, .elected = out_elected,
		.adopt = out_adopt, .save = out_save,
	};

	story->now_us += 1000;
	if (event.kind == PDK_ELECTION_DEADLINE && story->deadline_us < INT64_MAX)
		story->now_us = MAX(story->now_us, story->deadline_us);
	event.now_us = story->now_us;
	ops->step(story->election, &event, &out);
}

static void
look(Story *story)
{
	story->looking = true;
	step(story, (PdkElectionEvent){.kind = PDK_ELECTION_LOOK, .look = {.zxid = 0x100000005, .current_epoch = 1}});
}

/* One event from the head of what is left; how many bytes it took. */
static size_t
tell(Story *story, const uint8_t *data, size_t size)
{
	int64_t from = data[0] >> 4 & 7;
	PdkElectionEvent event = {.sid = from};

	switch (data[0] & 7) {
	case 0:
		event.kind = PDK_ELECTION_DEADLINE;
		step(story, event);
		return 1;
	case 1:
		event.kind = PDK_ELECTION_LINK;
		event.link = (PdkPeerLink)(data[0] % 3);
		step(story, event);
		return 1;
	case 2:
		look(story);
		return 1;
	case 3:
		if (story->saving) {
			story->saving = false;
			event.kind = PDK_ELECTION_SAVED;
			event.saved = ((const PdkElectionOps *)story->plugin->ops)->record_key;
			step(story, event);
		}
		return 1;
	case 4:
		if (!story->looking) {
			event.kind = PDK_ELECTION_SETTLED;
			event.settled.state = story->state;
			event.settled.vote = story->vote;
			event.settled.vote.peer_epoch = from - 1;
			step(story, event);
		}
		return 1;
	default:
		break;
	}
	size_t length = size > 1 ? MIN(data[1], size - 2) : 0;
	g_autofree uint8_t *copy = g_memdup2(data + 1 + (size > 1), length); /* a block of its own: reads beyond it are seen */
	event.kind = PDK_ELECTION_MESSAGE;
	event.message.data = copy;
	event.message.length = length;
	step(story, event);
	return MIN(2 + length, size);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int64_t voters[VOTERS] = {1, 2, 3};
	PdkEnsemble ensemble = {
		.size = sizeof(ensemble), .self = 1, .votes = true, .voters = voters, .n_voters = VOTERS,
		.committed_text = "version=0", .committed_length = strlen("version=0"), .reconfig_enabled = true,
		.is_voter = is_voter, .weight = weight, .quorum = quorum,
	};
	Story story = {
		.host = {.size = sizeof(PdkHost), .log = host_log, .now_us = host_now_us, .random = host_random,
			 .option_int = option_int, .option_bool = option_bool},
		.deadline_us = INT64_MAX,
	};

	if (size == 0)
		return 0;
	story.plugin = data[0] & 1 ? &pdk_plugin_election_paxos : &pdk_plugin_election_fle;
	const PdkElectionOps *ops = story.plugin->ops;
	story.election = ops->create(&story.host, (const PdkConfig *)(const void *)story.plugin, &ensemble, NULL, NULL);
	pdk_assert(story.election != NULL);
	look(&story);
	for (size_t at = 1; at < size;)
		at += tell(&story, data + at, size - at);
	ops->destroy(story.election);
	return 0;
}

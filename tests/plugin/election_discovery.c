/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of the elected on the election stage: a model of discovery and synchronisation, which changes when ZAB does. */
#include "election_stage_private.h"

#define TICK_US (2 * MS)                /* how often everybody looks around */
#define DISCOVERY_LIMIT_US SECOND       /* for a leader's quorum, and for a follower's leader */
#define DEAD_LEADER_LIMIT_US (300 * MS) /* a follower whose leader is not there, or does not lead */
#define SILENCE_LIMIT_US (100 * MS)     /* between those who had found each other */

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
	stage_tell(stage, index, "settles in epoch %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT, epoch, server->vote.leader);
	stage_step(stage, index,
	     (PdkElectionEvent){.kind = PDK_ELECTION_SETTLED, .settled = {.state = server->state, .vote = server->vote}});
}

/* Is @index with @leader, or would be if that were established? */
static bool
is_with(const ElectionStage *stage, unsigned index, unsigned leader)
{
	const Server *server = &stage->servers[index];

	return server->election && server->state != PDK_PEER_LOOKING && server->vote.leader == stage_sid(leader) &&
	       (index == leader || (server->state != PDK_PEER_LEADING && stage_reachable(stage, index, leader)));
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
		behind |= server->committed->roles[i] == ELECTION_VOTER && is_ahead(&stage->servers[i], server);
	}
	bool quorum = stage_quorum(server, with);
	if (server->attached) {
		if (quorum)
			server->alone_us = INT64_MAX;
		else if (server->alone_us == INT64_MAX)
			server->alone_us = stage->now_us;
		else if (stage->now_us - server->alone_us > SILENCE_LIMIT_US)
			stage_look(stage, index, "its quorum is gone");
	} else if (quorum && behind) {
		stage_look(stage, index, "a follower is ahead");
	} else if (quorum) {
		for (unsigned i = 0; i < stage->n; i++) {
			if (with[i])
				stage->servers[i].accepted_epoch = accepted + 1;
		}
		attach(stage, index, accepted + 1);
	} else if (stage->now_us - server->elected_us > DISCOVERY_LIMIT_US) {
		stage_look(stage, index, "no quorum followed");
	}
}

static void
follower_looks_around(ElectionStage *stage, unsigned index)
{
	Server *server = &stage->servers[index];
	unsigned leader = stage_index(stage, server->vote.leader);
	const Server *other = &stage->servers[leader];
	bool reached = stage_reachable(stage, index, leader);
	bool leads = other->election && other->state == PDK_PEER_LEADING;

	if (!server->attached) {
		if (reached && leads && other->attached && other->accepted_epoch >= server->accepted_epoch) {
			server->zxid = other->zxid;
			attach(stage, index, other->current_epoch);
			return;
		}
		int64_t limit = reached && !leads ? DEAD_LEADER_LIMIT_US : DISCOVERY_LIMIT_US;
		if (stage->now_us - server->elected_us > limit)
			stage_look(stage, index, "its leader is not there");
		return;
	}
	if (reached && (!leads || !other->attached || other->current_epoch != server->current_epoch)) {
		stage_look(stage, index, "its leader is gone");
		return;
	}
	if (reached) {
		server->zxid = other->zxid;
		server->alone_us = INT64_MAX;
	} else if (server->alone_us == INT64_MAX) {
		server->alone_us = stage->now_us;
	} else if (stage->now_us - server->alone_us > SILENCE_LIMIT_US) {
		stage_look(stage, index, "its leader is silent");
	}
}

void
stage_discover(ElectionStage *stage)
{
	unsigned first = (unsigned)(stage_draw(stage) % stage->n);

	for (unsigned i = 0; i < stage->n; i++) {
		unsigned index = (first + i) % stage->n;
		const Server *server = &stage->servers[index];
		bool elsewhere = stage_draw(stage) % 2; /* nobody notices a thing at the same moment as another */
		if (elsewhere || server->election == NULL || server->state == PDK_PEER_LOOKING)
			continue;
		if (server->state == PDK_PEER_LEADING)
			leader_looks_around(stage, index);
		else
			follower_looks_around(stage, index);
	}
	stage->tick_us = stage->now_us + TICK_US;
}

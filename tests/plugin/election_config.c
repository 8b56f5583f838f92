/* SPDX-License-Identifier: Apache-2.0 */
/* Who votes on the election stage; changes when what an ensemble tells its election does. */
#include "election_stage_private.h"

#include <string.h>

Config *
stage_config(ElectionStage *stage, int64_t version)
{
	for (unsigned i = 0; i < stage->n_configs; i++) {
		if (stage->configs[i].version == version)
			return &stage->configs[i];
	}
	return NULL;
}

Config *
stage_newest_config(ElectionStage *stage)
{
	return &stage->configs[stage->n_configs - 1];
}

/* Its text is what a server's dynamic file would hold; it changes as long as nobody has it. */
void
stage_config_write(ElectionStage *stage, Config *config)
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
bool
stage_quorum(const Server *server, const bool *acks)
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
	return stage_quorum(server, acks);
}

void
stage_ensemble_write(ElectionStage *stage, unsigned index)
{
	Server *server = &stage->servers[index];
	PdkEnsemble *ensemble = &server->ensemble;

	if (server->last_seen->version < server->committed->version)
		server->last_seen = server->committed;
	unsigned n = 0;
	for (unsigned i = 0; i < stage->n; i++) {
		if (ensemble_is_voter(server, stage_sid(i)))
			server->voters[n++] = stage_sid(i);
	}
	*ensemble = (PdkEnsemble){
		.size = sizeof(PdkEnsemble),
		.context = server,
		.self = stage_sid(index),
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

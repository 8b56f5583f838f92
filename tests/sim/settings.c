/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/settings.h"

#define USUAL_ONE_OF 2
#define EACH_ONE_OF 4
#define LEAST_ZXIDS 20
#define MORE_ZXIDS 400
#define KIB 1024
#define NAMED_ONLY ((SimUnusual)1 << SIM_OBSERVER_MASTERS) /* README.md says why */
#define BIGGEST_TXN (64 * KIB)

static const char *const names[SIM_SETTINGS] = {
	[SIM_GROUPS] = "groups",
	[SIM_FEW_ZXIDS] = "few-zxids",
	[SIM_LOCAL_SESSIONS] = "local-sessions",
	[SIM_UPGRADED_SESSIONS] = "upgraded-sessions",
	[SIM_OBSERVER_MASTERS] = "observer-masters",
	[SIM_LEADER_SERVES_NOT] = "leader-serves-not",
	[SIM_READ_ONLY] = "read-only",
	[SIM_SHORT_LIMITS] = "short-limits",
	[SIM_LONG_LIMITS] = "long-limits",
	[SIM_SESSION_TIMES] = "session-times",
	[SIM_THROTTLED] = "throttled",
	[SIM_FEW_CONNECTIONS] = "few-connections",
	[SIM_SMALL_QUEUES] = "small-queues",
	[SIM_NO_DIGEST] = "no-digest",
};

const char *
sim_setting_name(unsigned index)
{
	return index < G_N_ELEMENTS(names) ? names[index] : NULL;
}

static bool
add_name(const char *name, SimUnusual *into)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(names); i++)
		if (strcmp(names[i], name) == 0) {
			*into |= (SimUnusual)1 << i;
			return true;
		}
	return strcmp(name, "usual") == 0;
}

bool
sim_settings_parse(const char *text, SimUnusual *into, char **unknown)
{
	g_auto(GStrv) each = g_strsplit(text, ",", -1);
	*into = 0;
	for (unsigned i = 0; each[i]; i++)
		if (!add_name(each[i], into)) {
			*unknown = g_strdup(each[i]);
			return false;
		}
	return true;
}

SimUnusual
sim_settings_draw(PdkRandom *draw)
{
	SimUnusual set = 0;
	if (pdk_random_below(draw, USUAL_ONE_OF) == 0)
		return 0;
	for (unsigned i = 0; i < SIM_SETTINGS; i++)
		set |= (SimUnusual)(pdk_random_below(draw, EACH_ONE_OF) == 0) << i;
	return set & ~NAMED_ONLY;
}

char *
sim_settings_names(SimUnusual set)
{
	GString *text = g_string_new(NULL);
	for (unsigned i = 0; i < SIM_SETTINGS; i++)
		if (sim_unusual(set, (SimSetting)i))
			g_string_append_printf(text, "%s%s", text->len ? "," : "", names[i]);
	if (text->len == 0)
		g_string_append(text, "usual");
	return g_string_free(text, FALSE);
}

/* The usual ones, unless there are others; short before long. */
static void
limits_of(SimUnusual set, int32_t *tick_ms, int32_t *init, int32_t *sync)
{
	bool brief = sim_unusual(set, SIM_SHORT_LIMITS), wide = !brief && sim_unusual(set, SIM_LONG_LIMITS);
	*tick_ms = brief ? 500 : 2000;
	*init = brief ? 8 : wide ? 15 : 10;
	*sync = brief ? 4 : wide ? 10 : 5;
}

int64_t
sim_settings_init_us(SimUnusual set)
{
	int32_t tick_ms, init, sync;
	limits_of(set, &tick_ms, &init, &sync);
	return (int64_t)init * tick_ms * 1000;
}

static void
apply_to_replica(SimUnusual set, PdkRandom *draw, PdkReplicaParams *replica)
{
	uint32_t zxids = LEAST_ZXIDS + (uint32_t)pdk_random_below(draw, MORE_ZXIDS);
	uint64_t queued = BIGGEST_TXN + pdk_random_below(draw, 4 * BIGGEST_TXN);
	limits_of(set, &replica->tick_ms, &replica->init_limit, &replica->sync_limit);
	if (sim_unusual(set, SIM_FEW_ZXIDS))
		replica->last_counter = zxids;
	if (sim_unusual(set, SIM_OBSERVER_MASTERS))
		replica->observer_master_port = SIM_OBSERVER_PORT;
	if (sim_unusual(set, SIM_SMALL_QUEUES)) {
		replica->learner_output_max = queued;
		replica->observer_master_bytes = (int32_t)queued;
	}
}

static void
apply_to_service(SimUnusual set, PdkRandom *draw, PdkSettings *settings)
{
	int64_t outstanding = 1 + (int64_t)pdk_random_below(draw, 4);
	if (sim_unusual(set, SIM_THROTTLED)) {
		settings->global_outstanding_limit = outstanding;
		settings->request_throttle_max = (int32_t)pdk_random_below(draw, 4);
	}
	if (sim_unusual(set, SIM_FEW_CONNECTIONS))
		settings->max_cnxns = 2 + (int32_t)pdk_random_below(draw, 3);
	if (sim_unusual(set, SIM_SESSION_TIMES))
		settings->min_session_timeout_ms = 1000;
	settings->leader_serves = !sim_unusual(set, SIM_LEADER_SERVES_NOT);
	settings->read_only_mode = sim_unusual(set, SIM_READ_ONLY);
	settings->digest = settings->digest && !sim_unusual(set, SIM_NO_DIGEST);
	settings->local_sessions_upgrading = sim_unusual(set, SIM_UPGRADED_SESSIONS);
	settings->local_sessions = settings->local_sessions_upgrading || sim_unusual(set, SIM_LOCAL_SESSIONS);
}

void
sim_settings_apply(SimUnusual set, uint64_t seed, PdkSettings *settings)
{
	PdkRandom draw = pdk_random(seed * 15485863 + 12);
	apply_to_replica(set, &draw, settings->replica);
	apply_to_service(set, &draw, settings);
}

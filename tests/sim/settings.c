/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/settings.h"

#define USUAL_ONE_OF 2
#define EACH_ONE_OF 4
#define LEAST_ZXIDS 20
#define MORE_ZXIDS 400

static const char *const names[SIM_SETTINGS] = {
	[SIM_GROUPS] = "groups",
	[SIM_FEW_ZXIDS] = "few-zxids",
	[SIM_LOCAL_SESSIONS] = "local-sessions",
	[SIM_UPGRADED_SESSIONS] = "upgraded-sessions",
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
	return set;
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

void
sim_settings_apply(SimUnusual set, uint64_t seed, PdkSettings *settings)
{
	PdkRandom draw = pdk_random(seed * 15485863 + 12);
	uint32_t zxids = LEAST_ZXIDS + (uint32_t)pdk_random_below(&draw, MORE_ZXIDS);
	if (sim_unusual(set, SIM_FEW_ZXIDS))
		settings->replica->last_counter = zxids;
	settings->local_sessions_upgrading = sim_unusual(set, SIM_UPGRADED_SESSIONS);
	settings->local_sessions = settings->local_sessions_upgrading || sim_unusual(set, SIM_LOCAL_SESSIONS);
}

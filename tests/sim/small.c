/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/small.h"

void
small_upgrading(PdkSettings *settings)
{
	settings->local_sessions = settings->local_sessions_upgrading = true;
}

void
small_local_only(PdkSettings *settings)
{
	settings->local_sessions = true;
}

void
small_read_only(PdkSettings *settings)
{
	small_upgrading(settings);
	settings->read_only_mode = true;
}

void
small_read_only_global(PdkSettings *settings)
{
	settings->read_only_mode = true;
}

bool
small_serves(Sim *sim, void *data)
{
	(void)data;
	for (unsigned i = 0; i < sim_servers(sim); i++)
		if (sim_is_up(sim, i) && !sim_server(sim, i)->serving)
			return false;
	return sim_leader(sim) >= 0;
}

Sim *
small_world(void (*settings)(PdkSettings *))
{
	SimParams params = {.seed = 7, .voters = 3, .election = "fle", .settings = settings};
	Sim *sim = sim_new(&params);
	CU_ASSERT_TRUE(sim_run_until(sim, small_serves, NULL, 30 * SIM_SECOND));
	return sim;
}

unsigned
small_leader(Sim *sim)
{
	int leader = sim_leader(sim);
	g_assert(leader >= 0);
	return (unsigned)leader;
}

unsigned
small_learner(Sim *sim)
{
	return (small_leader(sim) + 1) % sim_servers(sim);
}

unsigned
small_other_learner(Sim *sim)
{
	return (small_leader(sim) + 2) % sim_servers(sim);
}

uint64_t
small_locals(Sim *sim, unsigned server)
{
	return pdk_sessions_count(sim_server(sim, server)->local_sessions);
}

PdkSession *
small_global(Sim *sim, unsigned server, int64_t session)
{
	return pdk_sessions_find(sim_server(sim, server)->sessions, session);
}

int64_t
small_last_zxid(Sim *sim, unsigned server)
{
	return sim_server(sim, server)->proposed_zxid;
}

bool
small_has(Sim *sim, unsigned server, const char *path)
{
	return pdk_tree_find(sim_server(sim, server)->tree, path, strlen(path)) != 0;
}

void
small_wait_ms(Sim *sim, int64_t ms)
{
	sim_run(sim, sim_now(sim) + ms * SIM_MS);
}

void
small_end(Sim *sim)
{
	for (unsigned i = 0; i < sim_servers(sim); i++)
		if (sim_is_up(sim, i))
			pdk_server_check(sim_server(sim, i));
	if (sim_failure(sim))
		g_printerr("%s\n", sim_failure(sim));
	CU_ASSERT_TRUE(sim_failure(sim) == NULL);
}

uint64_t
small_shown_local(Sim *sim, unsigned server, uint64_t *all)
{
	const PdkView *view = pdk_server_view(sim_server(sim, server));
	uint64_t cursor = 0, local = 0;
	PdkSessionFacts facts;
	*all = 0;
	while (view->session(view->core, &cursor, &facts)) {
		local += facts.local;
		++*all;
	}
	return local;
}

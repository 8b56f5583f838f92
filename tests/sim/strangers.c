/* SPDX-License-Identifier: Apache-2.0 */
/* Who connects and is no server: clients, noise, and what a server said once, said again. Changes when one of these comes or goes. */
#include "sim/world-private.h"

static void
ignore_bytes(void *context, const uint8_t *data, size_t length)
{
	(void)context;
	(void)data;
	(void)length;
}

static void
ignore_end(void *context)
{
	(void)context;
}

static const SimClient nobody = {ignore_bytes, ignore_end, NULL};

void
sim_forsake(SimEnd *end)
{
	end->client = nobody;
}

static bool
hears(const Node *node)
{
	return node->up && node->paused_until_us <= node->sim->now_us;
}

void
sim_storm(Sim *sim, unsigned server)
{
	Node *node = &sim->nodes[server];
	for (unsigned i = 0; i < 20 && hears(node); i++) {
		PdkPurpose purpose = pdk_random_below(&sim->random, 2) ? PDK_PURPOSE_QUORUM : PDK_PURPOSE_ELECTION;
		if (!node->listens[purpose])
			continue;
		SimEnd *end = sim_call(node, purpose, &nobody, "/10.9.9.9:9");
		uint64_t noise[4];
		for (unsigned k = 0; k < G_N_ELEMENTS(noise); k++)
			noise[k] = pdk_random_next(&sim->random) >> pdk_random_below(&sim->random, 64);
		sim_send(sim, end, noise, (size_t)pdk_random_below(&sim->random, sizeof noise + 1));
		if (pdk_random_below(&sim->random, 2))
			sim_shut(end);
	}
}

bool
sim_say_again(Sim *sim, unsigned from, unsigned to)
{
	const SimSaid *said = &sim->said[from][to];
	const GByteArray *words = said->before && pdk_random_below(&sim->random, 2) ? said->before : said->last;
	Node *node = &sim->nodes[to];
	if (words == NULL || words->len == 0 || !hears(node) || !node->listens[PDK_PURPOSE_ELECTION] || sim_is_cut(sim, &sim->nodes[from], node))
		return false;
	g_autofree char *address = g_strdup_printf("/10.0.0.%u:9", from + 1);
	SimEnd *end = sim_call(node, PDK_PURPOSE_ELECTION, &nobody, address);
	sim_send(sim, end, words->data, words->len);
	sim_shut(end);
	return true;
}

SimEnd *
sim_connect(Sim *sim, unsigned server, const SimClient *client)
{
	Node *node = &sim->nodes[server];
	return hears(node) ? sim_call(node, PDK_PURPOSE_CLIENT, client, "10.1.0.1") : NULL;
}

void
sim_send(Sim *sim, SimEnd *end, const void *data, size_t length)
{
	g_autoptr(GBytes) bytes = g_bytes_new(data, length);
	if (end->open)
		sim_send_to(sim, end->other, bytes);
}

void
sim_hang_up(Sim *sim, SimEnd *end)
{
	(void)sim;
	sim_shut(end);
}

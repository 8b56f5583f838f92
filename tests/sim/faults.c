/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/faults.h"

static unsigned
below(Sim *sim, uint64_t n)
{
	return (unsigned)pdk_random_below(sim_random(sim), n);
}

static int64_t
some_time(Sim *sim, int64_t below_us)
{
	return (int64_t)pdk_random_below(sim_random(sim), (uint64_t)below_us);
}

static unsigned
any(Sim *sim)
{
	return below(sim, sim_servers(sim));
}

/* Who leads has what others have not: it is meant more often. */
static unsigned
victim(Sim *sim)
{
	int leader = sim_leader(sim);
	unsigned other = any(sim);
	return leader >= 0 && below(sim, 3) == 0 ? (unsigned)leader : other;
}

static void
wait_some(Sim *sim, int64_t below_us)
{
	sim_run(sim, sim_now(sim) + some_time(sim, below_us));
}

static bool
start_all(Sim *sim)
{
	bool any_started = false;
	for (unsigned i = 0; i < sim_servers(sim); i++) {
		if (sim_is_up(sim, i))
			continue;
		if (sim_refusal(sim, i))
			sim_repair(sim, i);
		sim_start(sim, i);
		any_started = true;
	}
	return any_started;
}

static void
crash_all(Sim *sim)
{
	for (unsigned i = 0; i < sim_servers(sim); i++)
		sim_crash(sim, i);
}

static void
isolate(Sim *sim, unsigned server)
{
	for (unsigned i = 0; i < sim_servers(sim); i++) {
		sim_cut(sim, server, i);
		sim_cut(sim, i, server);
	}
}

/* Two different servers; false: there is one. */
static bool
pick_two(Sim *sim, unsigned *a, unsigned *b)
{
	unsigned n = sim_servers(sim);
	if (n < 2)
		return false;
	*a = victim(sim);
	*b = (*a + 1 + below(sim, n - 1)) % n;
	return true;
}

/* ---- servers ---- */

static bool
strike_crash(Sim *sim)
{
	unsigned server = victim(sim);
	bool up = sim_is_up(sim, server);
	sim_crash(sim, server);
	return up;
}

static bool
strike_crash_all(Sim *sim)
{
	crash_all(sim);
	return start_all(sim);
}

static bool
strike_restart(Sim *sim)
{
	unsigned server = any(sim);
	if (sim_is_up(sim, server))
		return false;
	sim_start(sim, server);
	return true;
}

static bool
strike_pause(Sim *sim)
{
	unsigned server = victim(sim);
	sim_pause(sim, server, sim_now(sim) + some_time(sim, 15 * SIM_SECOND));
	return sim_is_up(sim, server);
}

static bool
strike_storm(Sim *sim)
{
	unsigned server = victim(sim);
	sim_storm(sim, server);
	return sim_is_up(sim, server);
}

/* The leader goes on alone for a while, with clients; then it falls silent and meets the others again. */
static bool
strike_lonely_leader(Sim *sim)
{
	int leader = sim_leader(sim);
	if (leader < 0)
		return false;
	isolate(sim, (unsigned)leader);
	wait_some(sim, 500 * SIM_MS);
	sim_hush(sim, sim_now(sim) + some_time(sim, 8 * SIM_SECOND));
	bool crashes = below(sim, 3) > 0;
	if (crashes) {
		sim_crash(sim, (unsigned)leader);
		sim_run(sim, sim_now(sim) + 50 * SIM_MS);
		sim_heal(sim);
	}
	wait_some(sim, crashes ? 3 * SIM_SECOND : 15 * SIM_SECOND);
	sim_heal(sim);
	start_all(sim);
	return true;
}

static bool
strike_hush(Sim *sim)
{
	sim_hush(sim, sim_now(sim) + some_time(sim, 8 * SIM_SECOND));
	return true;
}

static bool
strike_swap_election(Sim *sim)
{
	crash_all(sim);
	sim_use_election(sim, strcmp(sim_election(sim), "fle") == 0 ? "paxos" : "fle");
	return start_all(sim);
}

/* ---- wires ---- */

static bool
strike_cut(Sim *sim)
{
	unsigned a, b;
	if (!pick_two(sim, &a, &b))
		return false;
	if (below(sim, 2))
		sim_cut(sim, a, b);
	else
		sim_cut(sim, b, a);
	return true;
}

static bool
strike_isolate(Sim *sim)
{
	if (sim_servers(sim) < 2)
		return false;
	isolate(sim, victim(sim));
	return true;
}

/* Two sides, and nothing passes between them. */
static bool
strike_partition(Sim *sim)
{
	unsigned n = sim_servers(sim), sides = 1 + below(sim, (UINT64_C(1) << n) - 2 + (n == 1));
	for (unsigned from = 0; from < n; from++)
		for (unsigned to = 0; to < n; to++)
			if ((sides >> from & 1) != (sides >> to & 1))
				sim_cut(sim, from, to);
	return n > 1;
}

static bool
strike_heal(Sim *sim)
{
	sim_heal(sim);
	return true;
}

static bool
strike_reset(Sim *sim)
{
	unsigned a, b;
	if (!pick_two(sim, &a, &b))
		return false;
	sim_reset(sim, a, b);
	return true;
}

/* Several at once, soon after the other: servers on their way meet the next trouble. */
static bool
strike_burst(Sim *sim)
{
	for (unsigned i = 0; i < 4; i++) {
		if (!strike_reset(sim))
			return false;
		wait_some(sim, 50 * SIM_MS);
	}
	return true;
}

static bool
strike_tear(Sim *sim)
{
	unsigned a, b;
	if (!pick_two(sim, &a, &b))
		return false;
	sim_tear(sim, b, a);
	return true;
}

typedef struct {
	SimSync wanted;
	unsigned learner, leader;
} Syncing;

static bool
one_syncs(Sim *sim, void *data)
{
	Syncing *syncing = data;
	for (unsigned i = 0; i < sim_servers(sim); i++) {
		syncing->learner = i;
		if (sim_sync_of(sim, i, &syncing->leader) == syncing->wanted)
			return true;
	}
	return false;
}

static void
break_sync(Sim *sim, const Syncing *syncing)
{
	unsigned way = syncing->wanted == SIM_SYNC_AWAITED ? 0 : 1 + below(sim, 3);
	if (way == 0)
		sim_tear(sim, syncing->leader, syncing->learner);
	else if (way == 1)
		sim_reset(sim, syncing->leader, syncing->learner);
	else
		sim_crash(sim, way == 2 ? syncing->leader : syncing->learner);
}

/* At a moment that hardly any other fault meets. */
static bool
strike_broken_sync(Sim *sim)
{
	Syncing syncing = {.wanted = (SimSync)(1 + below(sim, 4))};
	int leader = sim_leader(sim);
	if (start_all(sim) || leader < 0 || below(sim, 2))
		wait_some(sim, SIM_MS);
	else
		sim_reset(sim, (unsigned)leader, any(sim));
	if (!sim_run_until(sim, one_syncs, &syncing, sim_now(sim) + some_time(sim, 4 * SIM_SECOND)))
		return false;
	break_sync(sim, &syncing);
	return true;
}

static bool
strike_stall(Sim *sim)
{
	unsigned a, b;
	if (!pick_two(sim, &a, &b))
		return false;
	sim_stall(sim, a, b, sim_now(sim) + some_time(sim, 12 * SIM_SECOND));
	return true;
}

static bool
strike_slow_wire(Sim *sim)
{
	unsigned a, b;
	if (!pick_two(sim, &a, &b))
		return false;
	sim_slow_wire(sim, a, b, some_time(sim, 400 * SIM_MS));
	if (below(sim, 2))
		sim_slow_wire(sim, b, a, some_time(sim, 400 * SIM_MS));
	return true;
}

static bool
strike_lossy_wire(Sim *sim)
{
	unsigned a, b;
	if (!pick_two(sim, &a, &b))
		return false;
	sim_lossy_wire(sim, a, b, 2 + below(sim, 30));
	return true;
}

static bool
strike_say_again(Sim *sim)
{
	unsigned a, b;
	return pick_two(sim, &a, &b) && sim_say_again(sim, b, a);
}

/* ---- clocks ---- */

static bool
strike_drift(Sim *sim)
{
	sim_drift(sim, any(sim), (int)below(sim, 100001) - 50000);
	return true;
}

static bool
strike_jump(Sim *sim)
{
	static const int64_t widths_ms[] = {100, 60 * 1000, 12 * 3600 * 1000};
	int64_t width_ms = widths_ms[below(sim, G_N_ELEMENTS(widths_ms))];
	sim_jump_wall(sim, victim(sim), (int64_t)pdk_random_below(sim_random(sim), 2 * (uint64_t)width_ms + 1) - width_ms);
	return true;
}

/* ---- disks ---- */

static bool
strike_slow_disk(Sim *sim)
{
	sim_slow_disk(sim, victim(sim), below(sim, 3) ? some_time(sim, 200 * SIM_MS) : 0);
	return true;
}

static bool
strike_stuck_disk(Sim *sim)
{
	unsigned server = victim(sim);
	if (!sim_is_up(sim, server))
		return false;
	sim_stick_disk(sim, server, sim_now(sim) + some_time(sim, 20 * SIM_SECOND));
	return true;
}

static bool
strike_wipe(Sim *sim)
{
	unsigned server = victim(sim);
	if (!sim_may_wipe(sim, server))
		return false;
	sim_crash(sim, server);
	sim_wipe(sim, server);
	sim_start(sim, server);
	return true;
}

/* ---- members ---- */

static bool
strike_remove(Sim *sim)
{
	unsigned server = victim(sim);
	return sim_is_member(sim, server) && sim_remove(sim, server);
}

/* Who was removed comes back, in whatever role. */
static bool
strike_add(Sim *sim)
{
	unsigned server = any(sim), n = sim_servers(sim);
	for (unsigned i = 0; i < n && sim_is_member(sim, server); i++)
		server = (server + 1) % n;
	if (sim_leader(sim) < 0 || sim_is_member(sim, server))
		return false;
	if (!sim_is_up(sim, server) && !sim_invite(sim, server))
		return false;
	wait_some(sim, 3 * SIM_SECOND);
	return sim_join(sim, server, below(sim, 3) == 0);
}

static bool
strike_change_role(Sim *sim)
{
	unsigned server = victim(sim);
	return sim_is_member(sim, server) && sim_join(sim, server, below(sim, 2));
}

static bool
strike_crash_soon(Sim *sim)
{
	unsigned server = victim(sim);
	sim_crash_soon(sim, server);
	return sim_is_up(sim, server);
}

static bool
strike_failed_sync(Sim *sim)
{
	unsigned server = victim(sim);
	sim_fail_sync(sim, server);
	return sim_is_up(sim, server);
}

/* For some seconds, in which others go on. */
static bool
strike_full_disk(Sim *sim)
{
	unsigned server = victim(sim);
	bool was_up = sim_is_up(sim, server);
	sim_fill_disk(sim, server, true);
	wait_some(sim, 5 * SIM_SECOND);
	sim_fill_disk(sim, server, false);
	return was_up;
}

/* A crash that leaves a mark on the disk; one mark at a time: two bits that flip in one record may well look like a tear. */
static bool
damage(Sim *sim, bool (*mar)(Sim *sim, unsigned server))
{
	unsigned server = victim(sim);
	sim_crash(sim, server);
	wait_some(sim, 2 * SIM_SECOND);
	if (!sim_is_up(sim, server) && sim_refusal(sim, server))
		sim_repair(sim, server);
	bool done = !sim_is_up(sim, server) && mar(sim, server);
	if (!sim_is_up(sim, server))
		sim_start(sim, server);
	return done;
}

static bool
strike_flip(Sim *sim)
{
	return damage(sim, sim_flip_byte);
}

static bool
strike_lose_file(Sim *sim)
{
	return damage(sim, sim_lose_file);
}

/* ---- the table ---- */

static const SimFault faults[] = {
	{"crash", "a server crashes: what was not synced is lost, in part or whole", FAULT_DRAWN, strike_crash},
	{"restart", "a server that is down starts", FAULT_ALWAYS, strike_restart},
	{"heal", "all wires carry again, at their usual speed", FAULT_ALWAYS, strike_heal},
	{"crash-all", "all servers crash and start at once", FAULT_DRAWN, strike_crash_all},
	{"cut", "nothing passes from one server to another", FAULT_DRAWN, strike_cut},
	{"isolate", "nothing passes between one server and all others", FAULT_DRAWN, strike_isolate},
	{"partition", "the servers fall into two groups", FAULT_DRAWN, strike_partition},
	{"reset", "connections between two servers break", FAULT_DRAWN, strike_reset},
	{"burst", "several such, soon after the other", FAULT_DRAWN, strike_burst},
	{"tear", "what one server sends to another next arrives in part, then the connection breaks", FAULT_DRAWN, strike_tear},
	{"stall", "connections between two servers carry nothing for up to 12 s, then go on", FAULT_DRAWN, strike_stall},
	{"slow-wire", "bytes take up to 400 ms longer from one server to another", FAULT_DRAWN, strike_slow_wire},
	{"lossy-wire", "pieces from one server to another are lost and sent again", FAULT_DRAWN, strike_lossy_wire},
	{"say-again", "what a server said in an older election comes once more", FAULT_DRAWN, strike_say_again},
	{"storm", "strangers connect to the peer ports, say nonsense or nothing", FAULT_DRAWN, strike_storm},
	{"pause", "a server stands still for up to 15 s", FAULT_DRAWN, strike_pause},
	{"lonely-leader", "the leader is alone with its clients, then lost or back", FAULT_DRAWN, strike_lonely_leader},
	{"hush", "clients are silent for up to 8 s", FAULT_DRAWN, strike_hush},
	{"drift", "a server's clocks run up to 5 % fast or slow from now on", FAULT_DRAWN, strike_drift},
	{"jump", "a server's wall clock jumps, by up to 12 hours either way", FAULT_DRAWN, strike_jump},
	{"slow-disk", "every sync of a server takes up to 200 ms longer", FAULT_DRAWN, strike_slow_disk},
	{"stuck-disk", "a server's disk does nothing for up to 20 s", FAULT_DRAWN, strike_stuck_disk},
	{"wipe", "a server loses its disk, while no other voter is without history", FAULT_DRAWN, strike_wipe},
	{"remove", "a member is struck off the list", FAULT_MEMBERS, strike_remove},
	{"add", "a server that is none becomes a member", FAULT_MEMBERS, strike_add},
	{"change-role", "a member becomes voter or observer", FAULT_MEMBERS, strike_change_role},
	{"swap-election", "all stop, and start with the other election", FAULT_NAMED, strike_swap_election},
	{"broken-sync", "who is being brought up loses its leader, or its life, in the middle of it", FAULT_DRAWN,
	 strike_broken_sync},
	{"crash-soon", "the power fails in the middle of what a server writes next", FAULT_DRAWN, strike_crash_soon},
	{"failed-sync", "an fdatasync fails: the server must stop, and what it was for may be lost", FAULT_DRAWN, strike_failed_sync},
	{"full-disk", "a disk has no room for up to 5 s", FAULT_DRAWN, strike_full_disk},
	{"flip", "a bit of a log or a snapshot flips while its server is down", FAULT_DRAWN, strike_flip},
	{"lose-file", "a file is gone, where all others hold what its server held", FAULT_DRAWN, strike_lose_file},
};
G_STATIC_ASSERT(G_N_ELEMENTS(faults) <= SIM_FAULTS_MAX);

const SimFault *
sim_faults(unsigned *n)
{
	*n = G_N_ELEMENTS(faults);
	return faults;
}

void
sim_mend_all(Sim *sim)
{
	sim_heal(sim);
	for (unsigned i = 0; i < sim_servers(sim); i++)
		sim_calm_disk(sim, i);
	start_all(sim);
}

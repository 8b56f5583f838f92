/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole ensemble in one process and one thread: real servers and elections, a clock that moves when told, links and disks in
 * memory. What happens next is drawn from the seed alone, so a seed tells the same story every time. Changes when the way
 * servers are driven, or what may befall them, does.
 */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include "base/random.h"
#include "server/server.h"
#include "sim/settings.h"
#include <paddock/election.h>

#define SIM_MS INT64_C(1000)
#define SIM_SECOND INT64_C(1000000)

typedef struct Sim Sim;
typedef struct SimEnd SimEnd; /* one end of a connection */

typedef struct {
	uint64_t seed;
	unsigned voters, observers; /* sids 1..voters, then the observers */
	const char *election;       /* "fle" or "paxos" */
	bool trace;                 /* the servers' lines and the world's go to stdout */
	int64_t snap_count;         /* 0: the default */
	void (*settings)(PdkSettings *settings); /* changes every server's before it starts; may be NULL */
	SimUnusual unusual;         /* settings of all servers */
	uint32_t history_count;     /* 0: the default; a small one makes SNAP and DIFF from disk frequent */
	bool reconfig;              /* the list of members may be changed */
	int64_t container_check_ms; /* how often the leader looks for containers and nodes whose time is over; 0: the default */
	int64_t container_never_used_ms; /* a container that never had a child goes after so long; 0: never */
	unsigned tail;              /* so many last lines of every server are kept; 0: 40 */
	bool steady;                /* nothing is drawn: a wire takes 1 ms, a disk 2 ms, a crash loses all that was not synced */
	bool idle;                  /* no server is started */
	const char *const *options; /* of the election: key, value, ..., NULL; may be NULL. Outlives the world */
} SimParams;

/* Every server is started at time 0, unless they are to be idle. */
Sim *sim_new(const SimParams *params);
void sim_free(Sim *sim);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Sim, sim_free)

int64_t sim_now(const Sim *sim);
PdkRandom *sim_random(Sim *sim);
unsigned sim_servers(const Sim *sim);
/* Handles what happens until then (virtual us since the start). */
void sim_run(Sim *sim, int64_t until_us);
/* Runs until @done says so, at most until @until_us; what it said last. */
bool sim_run_until(Sim *sim, bool (*done)(Sim *sim, void *data), void *data, int64_t until_us);

/* What was not synced may be lost, in part or whole. */
void sim_crash(Sim *sim, unsigned server);
void sim_start(Sim *sim, unsigned server);
bool sim_is_up(const Sim *sim, unsigned server);
/* Another number in each life. */
uint32_t sim_life(const Sim *sim, unsigned server);
SimUnusual sim_settings(const Sim *sim);
/* It stands still: nothing reaches it and it does nothing, until then. */
void sim_pause(Sim *sim, unsigned server, int64_t until_us);
/* With this election from the next start on; all are down. */
void sim_use_election(Sim *sim, const char *election);
const char *sim_election(const Sim *sim);
/* Strangers connect to the peer ports, say nonsense or nothing, and some leave. */
void sim_storm(Sim *sim, unsigned server);

/* ---- wires ---- */

/* Bytes are on their way so long at least, and up to so much more. */
void sim_latency(Sim *sim, unsigned from, unsigned to, int64_t least_us, int64_t more_us);
/* Nothing passes from @from to @to (connections stay, bytes wait) until healed. */
void sim_cut(Sim *sim, unsigned from, unsigned to);
/* So much longer until healed. */
void sim_slow_wire(Sim *sim, unsigned from, unsigned to, int64_t extra_us);
/* One piece in so many is lost until healed: it comes some 200 ms to 1.6 s later, and what is behind it with it. */
void sim_lossy_wire(Sim *sim, unsigned from, unsigned to, unsigned one_of);
void sim_heal(Sim *sim);
/* Connections between two servers break; nothing of what is on its way arrives. */
void sim_reset(Sim *sim, unsigned a, unsigned b);
/* What @from sends to @to next arrives in part, and the connection breaks there. */
void sim_tear(Sim *sim, unsigned from, unsigned to);
/* The connections there are now carry nothing until then. */
void sim_stall(Sim *sim, unsigned a, unsigned b, int64_t until_us);
/* What @from once said to @to in an election comes again, on a connection of its own. False: there is nothing, or no way. */
bool sim_say_again(Sim *sim, unsigned from, unsigned to);

/* ---- ways of speaking ---- */

/* By index, NULL: there are no more; the first is "none". Static. */
const char *sim_quirk_name(unsigned index);
/* The peers of @server, which is down, hear it so from now on; elections are to be "fle". False: no such name. */
bool sim_set_quirk(Sim *sim, unsigned server, const char *name);
/* How much of what it said was said otherwise, or besides. */
unsigned sim_quirk_changed(const Sim *sim, unsigned server);

/* ---- clocks ---- */

/* What its monotonic clock shows now; it is down. 0 at first. */
void sim_set_uptime(Sim *sim, unsigned server, int64_t shows_us);
/* From now on its clocks run so many millionths faster (or slower: below 0). */
void sim_drift(Sim *sim, unsigned server, int ppm);
void sim_jump_wall(Sim *sim, unsigned server, int64_t by_ms);

/* ---- disks ---- */

/* Every sync takes so much longer. */
void sim_slow_disk(Sim *sim, unsigned server, int64_t extra_us);
/* Nothing asked of the disk from now on is done before then. */
void sim_stick_disk(Sim *sim, unsigned server, int64_t until_us);
/* The power fails at one of the next operations on a file, drawn, or 200 ms later. */
void sim_crash_soon(Sim *sim, unsigned server);
/* The next fdatasync fails, and what it was for may be lost: the server stops, or gives up the snapshot it was for. */
void sim_fail_sync(Sim *sim, unsigned server);
/* There is no room for a byte more, or there is again: a server may stop, or not start, while there is none. */
void sim_fill_disk(Sim *sim, unsigned server, bool full);
/* None of this is to come any more: no crash soon, no failing sync; there is room, and nothing takes longer. */
void sim_calm_disk(Sim *sim, unsigned server);
/*
 * For a server that is down; false: nothing was done. One bit of a log or a snapshot flips, or, where all others hold what it
 * held, one of a small record; a file is gone, where they do. It then may refuse to start (sim_start leaves it down, sim_refusal
 * tells why) until it is repaired: files are put back as they were, unless it went on with what it found; or wiped.
 */
bool sim_flip_byte(Sim *sim, unsigned server);
bool sim_lose_file(Sim *sim, unsigned server);
void sim_repair(Sim *sim, unsigned server);
/* NULL: it did not refuse to start the last time. */
const char *sim_refusal(const Sim *sim, unsigned server);
/* The disk is gone: it starts empty next time. */
void sim_wipe(Sim *sim, unsigned server);
/* Every other voter has history (was synchronised since its disk was new): servers without are no quorum. */
bool sim_may_wipe(Sim *sim, unsigned server);

/* ---- members ---- */

/* An administrator asks some server for it, and may get no answer. False: that one is down. */
bool sim_remove(Sim *sim, unsigned server);
/* Whatever it was before, it is this now. */
bool sim_join(Sim *sim, unsigned server, bool observer);
/* It starts with the present list and itself on it, as one who is to join; false: it is up, is a member, or the list is changing. */
bool sim_invite(Sim *sim, unsigned server);
/* Of the leader's list. */
bool sim_is_member(Sim *sim, unsigned server);
/* There is a leader, and all members have its list. */
bool sim_same_members(Sim *sim);

/* ---- who is what ---- */

/* The index of the server that serves as leader with the highest epoch, -1: none. */
int sim_leader(const Sim *sim);
PdkServer *sim_server(Sim *sim, unsigned server); /* NULL: down */
const char *sim_mode(Sim *sim, unsigned server);

/* How far a learner is on its way to UPTODATE. */
typedef enum {
	SIM_SYNC_NONE,
	SIM_SYNC_AWAITED, /* its leader is about to say DIFF, TRUNC or SNAP */
	SIM_SYNC_DISK,    /* a SNAP or a TRUNC is being carried out */
	SIM_SYNC_HISTORY, /* history comes, or is being made durable */
	SIM_SYNC_ACKED,   /* UPTODATE is awaited */
} SimSync;
/* *leader: whom it learns from, also where that is not up. */
SimSync sim_sync_of(const Sim *sim, unsigned server, unsigned *leader);

/* ---- clients ---- */

/* Who authenticates with this (scheme digest) may do everything. */
#define SIM_SUPER "super:secret"
#define SIM_SUPER_ID "super:lK75jTNcA+U9vtVEw5vB51mj/w4="
#define SIM_XID_AUTH (-4)
/* The request that adds an identity (scheme digest) to the connection it is sent over; its answer has the xid above. */
void sim_put_auth(PdkBuffer *body, const char *user_and_password);

typedef struct {
	void (*received)(void *context, const uint8_t *data, size_t length);
	void (*closed)(void *context);
	void *context;
} SimClient;

/* NULL: the server is down or refuses. */
SimEnd *sim_connect(Sim *sim, unsigned server, const SimClient *client);
void sim_send(Sim *sim, SimEnd *end, const void *data, size_t length);
void sim_hang_up(Sim *sim, SimEnd *end);
/* The connection stays, but nobody listens to it any more. */
void sim_forsake(SimEnd *end);
/* Clients are to be silent until then; @hush sees to it. */
void sim_on_hush(Sim *sim, void (*hush)(void *context, int64_t until_us), void *context);
void sim_hush(Sim *sim, int64_t until_us);
/* Calls back then; @data is taken over and freed (g_free) afterwards. */
void sim_later(Sim *sim, int64_t at_us, void (*fire)(void *data), void *data);

/* ---- what must hold ---- */

/* The first thing that went wrong, NULL: nothing did. Belongs to the world. */
const char *sim_failure(const Sim *sim);
/* The name of what was broken then, as in README.md; NULL: nothing. Static. */
const char *sim_invariant(const Sim *sim);
/* @invariant: its name, static. Only the first is kept. */
void sim_fail(Sim *sim, const char *invariant, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* A line of the world. */
void sim_tell(Sim *sim, const char *who, const char *line);
/* The last lines of every server and of the world; g_free. */
char *sim_tail(const Sim *sim);
/* Of all that happened and was said so far: the same in runs that are the same. */
uint64_t sim_trace_hash(const Sim *sim);
/* How often which way of catching up, cutting and reading was gone. */
typedef struct {
	unsigned diffs, logs_read, truncs, snaps; /* learners brought up; of the DIFFs: from the leader's log */
	unsigned own_snapshots, truncations, cut_behind, reloads, elected, expired, wiped, digests, reconfigured;
} SimCounts;
const SimCounts *sim_counts(const Sim *sim);

/* ---- who watches ---- */

/* Told of what reaches a server, and of what it wishes, before it takes effect. */
typedef struct {
	void (*event)(void *context, unsigned server, const PdkEvent *event);
	void (*effects)(void *context, unsigned server, const PdkEffects *effects);
	/* It starts; or it crashes, and is still there. */
	void (*life)(void *context, unsigned server, bool starts);
	void *context;
} SimWitness;
/* One watches at a time; it is copied. */
void sim_watch(Sim *sim, const SimWitness *witness);

/* By the leader's clock so many nodes are there whose time is over; G_MAXUINT where nobody leads. */
unsigned sim_due(Sim *sim);
/* All that are up have the same tree, at the same zxid. */
bool sim_agree(Sim *sim);

#endif

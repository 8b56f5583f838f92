/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a simulated world: what happens when, servers, connections. Changes when the files of the world share more. */
#ifndef TESTS_SIM_WORLD_PRIVATE_H
#define TESTS_SIM_WORLD_PRIVATE_H

#include "host/depot.h"
#include "host/options.h"
#include "server/server-private.h"
#include "sim/disk.h"
#include "sim/world.h"
#include <paddock/plugin.h>

#define WIRE_MIN_US 50
#define WIRE_MORE_US 400
#define STEADY_WIRE_US (1 * SIM_MS)
#define STEADY_DISK_US (2 * SIM_MS)
#define SYNC_MIN_US 100
#define SYNC_MORE_US 300
#define REFUSED_US 100
#define QUORUM_PORT 2888
#define ELECTION_PORT 3888
#define MAX_SERVERS 16

typedef struct Node Node;
typedef struct SimChecks SimChecks; /* checks.h */
typedef struct SimSpeech SimSpeech; /* quirks.h */

struct SimEnd {
	Sim *sim;
	Node *node; /* NULL: a client */
	SimClient client;
	PdkLink link;
	uint32_t life; /* of the node */
	SimEnd *other;
	bool open;      /* its owner was not told of the end and did not ask for it */
	bool known;     /* its owner was told of it */
	bool paused;
	bool lost;      /* something of what was sent to it is lost, and nothing behind it arrives */
	bool breaks;    /* the next that is sent to it arrives in part, then the connection is over */
	bool torn;      /* that has happened */
	GQueue waiting; /* of GBytes: came while paused */
	int64_t held_until_us; /* a cut line, or a stall: nothing arrives before, so that the order stays */
	int64_t last_us; /* when the last of what was sent to it arrives */
	PdkPurpose purpose; /* accepted for */
	void *talk;         /* between two servers: what was said over it (checks.h) */
	bool greeted;       /* to a client: the first frame was sent */
	GByteArray *said; /* what it says is kept there; NULL: it is not */
	SimSpeech *speech; /* what it says is rewritten there; NULL: it is not */
};

/* One way from a server, or from all clients, to another. */
typedef struct {
	bool cut;
	int64_t least_us, more_us; /* on their way so long at least, and up to so much more */
	int64_t extra_us;
	unsigned loses_one_of;     /* one in so many pieces has to be sent again; 0: none */
} SimWire;

/* What a server said when it dialled another for an election. */
typedef struct {
	GByteArray *last, *before;
} SimSaid;

/* How a server's peers hear it. */
typedef enum { SIM_QUIRK_NONE, SIM_QUIRK_3_4, SIM_QUIRK_3_5, SIM_QUIRK_3_8, SIM_QUIRK_SLOW_ACKS } SimQuirk;
typedef struct {
	SimQuirk quirk;
	PdkRandom random;          /* its own, so that it shifts no other draw */
	GBytes *last[MAX_SERVERS]; /* what it said last to each in an election, in this life; NULL: nothing */
	unsigned changed;          /* what was said otherwise, or besides */
} SimTongue;

/* What a server keeps beside its data: the list of members in force, one that is not yet, and the one before (each or NULL). */
typedef struct {
	GBytes *committed, *next, *before;
} SimMembers;

/* A server's clocks. */
typedef struct {
	int64_t since_us, shown_us; /* at that time of the world it showed this */
	int64_t ppm;                /* it runs so much faster since then */
	int64_t wall_ms;            /* the wall clock shows so much more */
} SimClock;

/* What the wall clocks show at first. */
#define SIM_WALL_MS INT64_C(1790000000000)

typedef enum {
	HAPPENS_TURN,
	HAPPENS_BYTES,
	HAPPENS_CLOSE,
	HAPPENS_DIAL,
	HAPPENS_DIAL_ANSWER,
	HAPPENS_HOST,
	HAPPENS_LATER,
	HAPPENS_MEMBERS,
} What;

/* A job is worked on, its news come, a timer fires. */
typedef enum { HOST_WORK, HOST_DONE, HOST_TIMER } HostNews;

typedef struct {
	int64_t at_us;
	uint64_t number;
	What what;
	Node *node;
	uint32_t life;
	SimEnd *end;
	GBytes *bytes;
	/* dial */
	PdkPurpose purpose;
	Node *target;
	uint32_t dial;
	bool refused; /* the answer to a dial */
	/* host */
	HostNews news;
	uint64_t id;
	char *key; /* of a list of members */
	/* later */
	void (*fire)(void *data);
	void *data;
} Happening;

/* What a plugin sees of its host. */
typedef struct {
	PdkHost host; /* first: the pointer a plugin hands back leads here */
	Node *node;
	const char *name;
} SimHost;

/* What a server asked its persistence plugin for, in one life. */
typedef struct {
	PdkPersistence *plugin;
	PdkDepot *depot;
	bool open; /* what was there is played back */
	int64_t appended_zxid, synced_zxid; /* a snapshot counts like the txns in it */
	int64_t cut_zxid; /* a truncation to it is under way; INT64_MAX: none is */
	bool snapshot;    /* one is being written */
	bool finishing;   /* its end was given */
	bool foreign;     /* a leader sent it */
	unsigned orders;  /* records, truncations and reloads that are not answered */
	bool reading;     /* read_log is not answered */
} SimStore;

struct Node {
	Sim *sim;
	unsigned index;
	int64_t sid;
	bool up;
	uint32_t life;
	PdkSettings *settings;
	PdkRegistry *registry;
	PdkHostFacts facts;
	PdkServer *server;
	PdkEffects *effects;
	PdkConfig *election_config;
	PdkElection *election;
	PdkConfig *digest_config;
	PdkAuth *digest;
	SimDisk disk;
	SimStore store;
	GPtrArray *hosts;   /* SimHost */
	GQueue jobs;        /* of this life, in the order of asking */
	GHashTable *timers; /* id -> Timer, those that will fire */
	uint64_t ids;
	int64_t back_us;    /* when the latest news of a job come */
	bool told;          /* a plugin told something that is not carried yet */
	bool stops;         /* by itself, as soon as its step is over */
	SimClock clock;
	SimTongue tongue;
	SimMembers kept;
	int64_t paused_until_us;
	int64_t turn_at_us;
	int64_t checked_zxid;
	GPtrArray *ends; /* by slot; NULL: free */
	GArray *generations;
	bool listens[PDK_PURPOSE_OBSERVER + 1];
};

struct Sim {
	SimParams params;
	PdkRandom random;
	int64_t now_us;
	uint64_t numbers;
	GArray *heap; /* Happening * */
	Node nodes[MAX_SERVERS];
	unsigned n;
	SimWire wires[MAX_SERVERS + 1][MAX_SERVERS + 1]; /* from, to; the last is the clients' */
	SimSaid said[MAX_SERVERS][MAX_SERVERS];
	const PdkPlugin *election;
	PdkConfig *store_config;
	bool two_dirs; /* logs lie apart from snapshots */
	char *failure;
	uint64_t trace_hash;
	GQueue tails[MAX_SERVERS + 1]; /* of lines: the last of every server, and of the world */
	const char *invariant;
	GHashTable *leaders;  /* epoch -> sid: one leader an epoch */
	GHashTable *digests;  /* zxid -> digest of the tree there: one history */
	SimCounts counts;
	SimChecks *checks;
	GPtrArray *all_ends;
	void (*hush)(void *context, int64_t until_us);
	void *hush_context;
	SimWitness witness; /* all NULL: nobody */
};

/* ---- agenda.c: what happens, in which order ---- */
/* Puts it on the agenda; the life of its node is noted, so that it means nothing to the next one. */
void sim_push(Sim *sim, int64_t at_us, Happening happening);
/* The next one, NULL: none; it stays on the agenda. */
const Happening *sim_first(Sim *sim);
/* Takes it off. */
Happening *sim_pop(Sim *sim);
/* Puts one back for later, in its old order among its like. */
void sim_postpone(Sim *sim, Happening *happening, int64_t until_us);
void sim_happening_free(Happening *happening);

/* ---- trace.c: what is told ---- */
void sim_trace_init(Sim *sim);
void sim_trace_clear(Sim *sim);
/* A line of a server. */
void sim_tell_of(Node *node, const char *line);
/* Goes into the number that tells runs apart. */
void sim_note(Sim *sim, uint64_t what);
void sim_note_bytes(Sim *sim, const uint8_t *data, size_t length);

/* ---- clock.c: what a server's clocks show ---- */
void sim_clock_init(Node *node);
int64_t sim_clock_us(const Node *node);
int64_t sim_clock_wall_ms(const Node *node);
/* The time of the world when the server's monotonic clock shows that. */
int64_t sim_clock_when(const Node *node, int64_t shows_us);

/* ---- membership.c: who belongs to the ensemble ---- */
void sim_members_init(Node *node);
void sim_members_clear(Node *node);
PdkMembersRules sim_members_rules(const Sim *sim);
/* What it keeps; the second may be NULL. */
PdkMembers *sim_members_committed(const Node *node);
PdkMembers *sim_members_next(const Node *node);
/*
 * It is not on its list. Where somebody keeps a newer one with it, it is put on its own, as one who joins; where the list that
 * struck it off is not kept by enough of those on it, it gets the one before back, for it may be needed: nobody switches a server
 * off before the others go on without it. Else false.
 */
bool sim_members_take_in(Node *node);
void sim_members_keep(Node *node, PdkCommand *command);
void sim_happen_members(Happening *happening);
/* The leader's, when nobody has heard of newer ones; else NULL. */
const PdkMembers *sim_settled_members(Sim *sim);

/* ---- groups.c: hierarchical quorums ---- */
/* Lines of groups and weights, some of them 0, for these voters. Server 1 weighs something. */
void sim_groups_append(const Sim *sim, GString *text, PdkRandom *draw, const PdkSids *voters);
/* None of them weighs nothing where there are groups. */
bool sim_all_weigh(const Sim *sim, const PdkSids *sids);
/* Of any list, with groups or without. */
bool sim_quorum(const PdkMembers *members, const PdkSids *sids);

/* ---- network.c: connections ---- */
void sim_wires_init(Sim *sim);
SimEnd *sim_end_find(const Node *node, PdkLink link);
void sim_end_free(void *data);
/* The owner of @end is done with it: the other side hears of it. */
void sim_shut(SimEnd *end);
/* Its owner lives, and was not told of an end. */
bool sim_alive(const SimEnd *end);
/* When what is sent to @to now arrives, in order behind what was sent before. */
int64_t sim_arrival(Sim *sim, SimEnd *to);
void sim_send_to(Sim *sim, SimEnd *to, GBytes *bytes);
/* Nothing gets from @from to @to; NULL: clients and strangers. */
bool sim_is_cut(Sim *sim, const Node *from, const Node *to);
/* @client is connected to @node, which hears of it at once. */
SimEnd *sim_call(Node *node, PdkPurpose purpose, const SimClient *client, const char *address);
/* Its owner reads on. */
void sim_resume(SimEnd *end);
void sim_dial(Node *node, const PdkCommand *command);
void sim_happen_bytes(Happening *happening);
void sim_happen_close(Happening *happening);
void sim_happen_dial(Happening *happening);
void sim_happen_dial_answer(Happening *happening);
/* Nothing arrives at @end before; 0: it may now. */
int64_t sim_held_until(Sim *sim, SimEnd *end);
void sim_said_clear(Sim *sim);
/* What is on its way to @end never arrives. */
bool sim_is_lost(Sim *sim, SimEnd *end);

/* ---- node.c: a server's life, and the carrying of its effects ---- */
void sim_step(Node *node, PdkEvent *event);
/* A turn, and everything that follows from it; maybe the server's end. */
void sim_carry(Node *node);
/* It stops by itself with this line, when its step is over. */
void sim_stops(Node *node, const char *line);
/* Ends the life of a server that stops, or whose power failed in the middle of something. */
void sim_end_if_dead(Node *node);

/* ---- access.c: who clients may be ---- */
/* The server of this life gets the scheme digest. */
void sim_access_open(Node *node);
/* Behind the end of the server. */
void sim_access_close(Node *node);

/* ---- checks.c: what must hold, whatever happens ---- */
void sim_checks_begin(Sim *sim);
void sim_checks_end(Sim *sim);
/* It starts with a log and snapshots that end at @last. */
void sim_check_start(Node *node, int64_t last);
void sim_check_append(Node *node, int64_t zxid, GBytes *txn);
/* After each event. */
/* Does it look for a leader while its disk is busy with what it asked of it? */
bool sim_check_looks(const Node *node);
/* @looked: it did before the event; @appends: what it had logged till then. */
void sim_check_step(Node *node, const PdkEvent *event, bool looked, unsigned appends);
/* Before what it wants to send is sent. */
void sim_check_outputs(Node *node);
/* After a turn. */
void sim_check_turn(Node *node);
/* It crashed; this is what its disk kept. @wiped: and its disk is gone. */
void sim_check_crash(Node *node, bool wiped);
/* One server dialled another. */
void sim_check_connection(SimEnd *from, SimEnd *to, PdkPurpose purpose);
/* A line of the log is counted where it tells what happened. */
void sim_count_line(Sim *sim, const char *line);

/* ---- work.c: what a server asks of its persistence plugin, and is told ---- */
/* Small files, so that what happens once an hour happens often; drawn, unless nothing is. */
PdkConfig *sim_store_config(const SimParams *params, bool *two_dirs);
/* Creates the plugin, which plays back what it has. */
bool sim_store_open(Node *node, PdkRecovered *recovered, GError **error);
/* The power fails: what is under way may be done, in part or whole, and nobody told; what was not synced is lost, or not. */
void sim_store_close(Node *node);
GBytes *sim_store_record(Node *node, const char *key);
void sim_store_append(Node *node);
/* False: the command is not for the disk. */
bool sim_store_carry(Node *node, const PdkCommand *command);

/* ---- disk.c: what befalls a disk ---- */
/* All other voters hold what it holds, know its promises, and are a quorum: nothing rests on it. */
bool sim_may_lose(Sim *sim, unsigned server);

/* ---- host.c: what a plugin sees of its host ---- */
void sim_host_begin(Node *node);
/* Lives until the end of this life. */
const PdkHost *sim_host_new(Node *node, const char *name);
void sim_host_news(const Happening *happening);
/* The power fails; nothing is out afterwards. */
void sim_host_fails(Node *node);
void sim_host_end(Node *node);

#endif

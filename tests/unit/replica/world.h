/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ensemble in one process: replicas with a log and a tree that are lists of txns, connections and disks that take their time,
 * a clock that moves when nothing else can happen; chance from a seed. It carries effects as a server's host does, and watches
 * the promises of ZAB. Changes when the way a PdkReplica is driven does.
 *
 *   world.c        servers: birth, steps, hooks, crashes; what happens next
 *   world_net.c    connections: dials, bytes on their way, closes
 *   world_disk.c   what is durable, and the jobs that make it so
 *   world_check.c  the promises
 */
#ifndef TESTS_UNIT_REPLICA_WORLD_H
#define TESTS_UNIT_REPLICA_WORLD_H

#include "replica/replica-private.h"
#include <paddock/plugin.h>

#define WORLD_MAX 7 /* servers; they are numbered from 1 */
#define WORLD_TICK_MS 200
#define WORLD_MASTER_PORT 4000

typedef struct World World;
typedef struct Node Node;

typedef struct {
	int64_t zxid;
	GBytes *txn; /* owned */
} WorldTxn;

typedef enum {
	JOB_SYNC,
	JOB_RECORD,
	JOB_TRUNCATE,
	JOB_SNAPSHOT,
	JOB_RELOAD,
	JOB_READ,
} JobKind;

typedef struct {
	JobKind kind;
	int64_t zxid, limit;
	char *key;
	GBytes *value;
} Job;

/* What survives a crash. */
typedef struct {
	GArray *log;     /* WorldTxn */
	unsigned synced; /* so many of it are durable */
	GHashTable *records; /* key -> GBytes */
	GArray *snapshot;    /* WorldTxn: the txns that made the tree; NULL: none */
	int64_t snapshot_zxid;
	bool has_older; /* an older snapshot, of nothing: so the log can be cut behind any zxid, and newer snapshots go */
} Disk;

/* Something a server is told later, on its own: LISTENING, LOAD_ROOM. */
typedef struct {
	PdkPurpose listening; /* 0: load_room */
} Notice;

struct Node {
	World *world;
	int64_t sid;
	bool up;
	PdkReplica *replica;
	PdkElection *election;
	PdkEffects *effects;
	int64_t deadline_us;
	bool again;
	bool listens[5]; /* by purpose */
	Disk disk;
	GQueue jobs;     /* Job; the first is under way */
	GQueue notices;  /* Notice */

	GArray *tree;    /* WorldTxn, what was applied */
	int64_t applied; /* the zxid the tree is said to stand at */
	GArray *held;    /* WorldTxn */
	bool serving;
	PdkPeerState role;
	int64_t epoch;   /* served */
	int64_t disk_accepted, disk_current; /* epochs, as last seen on the disk */
	unsigned verified; /* txns of the tree that were compared with what is committed */
	bool snapshotting; /* the layer above writes a snapshot of its own */
	GByteArray *walk;
	GByteArray *load;
	int64_t load_zxid;
	GArray *saving;    /* a loaded tree on its way to the disk */
	int64_t saving_zxid;
	unsigned quiesced, served;
	unsigned syncs_done;
	unsigned members_told;
	unsigned looks;          /* of the world's own election: how often it was asked, */
	PdkVote looked, settled; /* with what, and how that was settled */
	GQueue sync_floors; /* int64_t, owned: what the leader had applied when each sync under way was asked for */
};

typedef struct Connection Connection;

struct World {
	PdkRandom random;
	uint64_t seed;
	int64_t now_us;
	unsigned n;
	PdkMembers *members;
	Node nodes[WORLD_MAX + 1];
	bool cut[WORLD_MAX + 1][WORLD_MAX + 1]; /* nothing passes from the first to the second */
	GPtrArray *connections;
	PdkLink next_link;
	const PdkPlugin *plugin; /* the election, set before servers start; NULL: the world names leaders */
	const PdkElectionOps *election_ops;
	PdkHost host; /* for an election plugin */
	int64_t puppet; /* this one leads, played by a test: nothing is dialled, what it is sent gathers in `tapped` */
	GByteArray *tapped;
	unsigned misled; /* one of so many leaders named by the world is a bad choice; 0: none */
	int64_t named;   /* the world's leader */
	uint64_t next_value;
	unsigned history_count;
	bool reconfig;   /* reconfigEnabled */
	bool masters;    /* followers serve observers */
	char *fatal;     /* the last line of a server that cannot go on; only tests that expect one set `may_fail` */
	bool may_fail;
	bool talk; /* print the operators' lines */

	GArray *committed;  /* WorldTxn: what the ensemble delivered, ever */
	GHashTable *leaders; /* epoch -> sid that served as leader */
	unsigned established, snaps, truncs, reloads; /* seen */
};

World *world_new(unsigned voters, unsigned observers, uint64_t seed);
/* Before servers start: leaders are found by this election instead of named by the world. */
void world_elect_by(World *world, const PdkPlugin *plugin);
void world_free(World *world);
/* All servers that are down come up. */
void world_start(World *world, int64_t sid);
void world_crash(World *world, int64_t sid);
void world_start_all(World *world);
void world_isolate(World *world, int64_t sid, bool cut);
void world_heal(World *world);
/* One thing happens. */
void world_happen(World *world);
/* Things happen until @done, at most for @ms of the world's time. */
bool world_until(World *world, bool (*done)(World *world), int64_t ms);
void world_run(World *world, int64_t ms);
bool world_propose(World *world);  /* at the serving leader; false: there is none */
bool world_forward(World *world);  /* at a serving learner */
Node *world_leader(World *world); /* that serves, of the highest epoch */
bool world_all_serve(World *world);
bool world_all_equal(World *world); /* all that are up serve, hold nothing, and have all that is committed */

/* ---- between the files of the world ---- */
GArray *world_txns_new(void);
void world_txns_add(GArray *txns, int64_t zxid, GBytes *txn);
void world_txns_copy(GArray *into, const GArray *from);
void world_txns_cut(GArray *txns, int64_t zxid);
int64_t world_txns_last(const GArray *txns);
void node_step_begin(Node *node);
void node_step_end(Node *node);
uint64_t world_below(World *world, uint64_t below);

void net_dial(Node *node, const PdkCommand *command);
void net_output(Node *node, const PdkOutput *output);
void net_command(Node *node, const PdkCommand *command);
void net_crash(Node *node);
/* Takes away the first dial to a quorum port that is under way; 0: there is none. */
uint32_t net_take_dial(World *world);
/* Counts what can happen; with @index below that many, it happens. */
unsigned net_ready(World *world, unsigned index, bool carry);
int64_t net_next_us(World *world);

void disk_init(Disk *disk);
void disk_clear(Disk *disk);
void disk_append(Node *node, int64_t zxid, GBytes *txn);
void disk_job(Node *node, JobKind kind, const PdkCommand *command);
void disk_work(Node *node); /* the first job is done */
void disk_crash(Node *node);
int64_t disk_recover(Node *node); /* tree, history; the last zxid */
bool disk_has(const Node *node, int64_t zxid);

void check_committed(Node *node);
void check_serving_leader(Node *node);
void check_commit_is_durable(Node *node, int64_t zxid);
void check_epochs_rise(Node *node);

#endif

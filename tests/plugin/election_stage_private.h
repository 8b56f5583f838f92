/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the election stage share; changes when one of them needs more of another. */
#ifndef ELECTION_STAGE_PRIVATE_H
#define ELECTION_STAGE_PRIVATE_H

#include "election_stage.h"
#include "fake_host.h"

#define CONFIGS_MAX 8

typedef struct {
	int64_t version;
	ElectionRole roles[ELECTION_STAGE_MAX];
	int64_t groups[ELECTION_STAGE_MAX], weights[ELECTION_STAGE_MAX];
	bool hierarchical;
	char *text;
} Config;

typedef struct {
	PdkHost host; /* first: the table's `self` is this struct */
	ElectionStage *stage;
	PdkConfig *config;
	PdkEnsemble ensemble;
	int64_t voters[ELECTION_STAGE_MAX];
	PdkElection *election; /* NULL: dead */
	unsigned life;
	GBytes *record;
	bool saving;
	int64_t deadline_us;
	unsigned deadline_number;
	bool stepping, doubts;
	Config *committed, *last_seen;
	PdkPeerState state;
	PdkVote vote;
	bool attached;
	int64_t zxid, current_epoch, accepted_epoch;
	int64_t elected_us;
	unsigned elections;
	int64_t alone_us; /* since when it has missed its leader or its quorum; INT64_MAX: it does not */
	GPtrArray *lines; /* logged */
} Server;

/* One direction of a pair. */
typedef struct {
	GQueue unsent; /* GBytes */
	GBytes *last;
	GQueue held;   /* GBytes, on their way when the way was cut */
	GQueue heard;  /* GBytes, delivered */
	int64_t busy_until_us; /* what is sent now arrives later than this */
	bool cut;
} Way;

/* A pair; kept at [lower][higher]. */
typedef struct {
	bool up, dialling;
	unsigned number; /* of the connection */
} Pair;

typedef enum { HAPPENS_MESSAGE, HAPPENS_LINK, HAPPENS_DIAL, HAPPENS_DEADLINE, HAPPENS_SAVED, HAPPENS_MEMBERS } Happening;

typedef struct {
	int64_t at_us;
	uint64_t order; /* among those of one moment */
	Happening kind;
	unsigned from, to; /* indexes; what happens, happens at `to` */
	unsigned life;     /* of `to` */
	unsigned number;   /* MESSAGE: of the connection, 0: none is needed; DEADLINE: of the deadline */
	PdkPeerLink link;
	GBytes *bytes;
} Event;

struct ElectionStage {
	const PdkPlugin *plugin;
	const PdkElectionOps *ops;
	FakeHost *fake; /* lends options and cells */
	unsigned n;
	Server servers[ELECTION_STAGE_MAX];
	Way ways[ELECTION_STAGE_MAX][ELECTION_STAGE_MAX];
	Pair pairs[ELECTION_STAGE_MAX][ELECTION_STAGE_MAX];
	Config configs[CONFIGS_MAX];
	unsigned n_configs;
	GPtrArray *events;
	int64_t now_us, tick_us, delay_low_us, delay_high_us;
	uint64_t random, delivered;
	const char *option_keys[4], *option_values[4];
	unsigned n_options;
	bool reconfig_disabled, trace;
};

/* election_stage.c: chance, time, what happens to a server */
uint64_t stage_draw(ElectionStage *stage);
int64_t stage_delay(ElectionStage *stage);
int64_t stage_sid(unsigned index);
unsigned stage_index(const ElectionStage *stage, int64_t sid);
void stage_tell(const ElectionStage *stage, unsigned index, const char *format, ...) G_GNUC_PRINTF(3, 4);
Event *stage_plan(ElectionStage *stage, Happening kind, unsigned to, int64_t at_us);
void stage_step(ElectionStage *stage, unsigned index, PdkElectionEvent event);
void stage_look(ElectionStage *stage, unsigned index, const char *why);

/* election_config.c: who votes */
Config *stage_config(ElectionStage *stage, int64_t version);
Config *stage_newest_config(ElectionStage *stage);
void stage_config_write(ElectionStage *stage, Config *config);
bool stage_quorum(const Server *server, const bool *acks);
void stage_ensemble_write(ElectionStage *stage, unsigned index);

/* election_links.c: who hears whom */
Pair *stage_pair(ElectionStage *stage, unsigned a, unsigned b);
bool stage_reachable(const ElectionStage *stage, unsigned a, unsigned b);
void stage_dial_ends(ElectionStage *stage, const Event *event);
void stage_disconnect(ElectionStage *stage, unsigned a, unsigned b);
void stage_post(ElectionStage *stage, unsigned from, unsigned to, GBytes *bytes);
void stage_way_clear(Way *way);

/* election_discovery.c: what becomes of the elected */
void stage_discover(ElectionStage *stage);

#endif

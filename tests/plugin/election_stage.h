/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ensemble for election plugins: N instances in one process, a virtual clock, links in memory. Changes when election.h does,
 * or what hosts do with it.
 *
 * Links behave as the mesh of core/replica: a connection a pair, made when there is something to send; a queue of queue_length
 * a peer, whose oldest goes first; the last message again when a new connection finds nothing waiting (resend_last); a dead
 * peer refuses, an unreachable one says nothing. Delays and the order of what happens at one moment come from the seed.
 *
 * After the election a model of discovery decides: a leader is established (`settled`, the new epoch) once a quorum reached it
 * and nobody there is ahead of it; whoever finds nobody, or loses the leader or its quorum, looks again. An established leader's
 * followers take its history.
 *
 * ELECTION_STAGE_TRACE=1 in the environment tells the story on stderr.
 */
#ifndef ELECTION_STAGE_H
#define ELECTION_STAGE_H

#include <paddock/election.h>
#include <paddock/plugin.h>

#define ELECTION_STAGE_MAX 16 /* servers */
#define MS INT64_C(1000)      /* in the clock's microseconds */
#define SECOND (1000 * MS)

typedef struct ElectionStage ElectionStage;

typedef enum {
	ELECTION_VOTER,
	ELECTION_OBSERVER,
	ELECTION_STRANGER, /* in neither list: follows without a vote */
} ElectionRole;

/* What a server is doing. */
typedef struct {
	bool alive;
	PdkPeerState state;
	bool attached;  /* its leader is established, and it is with it (or is it) */
	int64_t leader; /* -1 while looking */
	int64_t zxid, epoch;
	int64_t elected_us; /* when its last election ended */
	unsigned elections; /* how many ended, all lives together */
	int64_t committed_version, last_seen_version;
} ElectionServer;

/* Servers 1..@voters, none alive yet. Links of 1 ms (election_stage_set_delay). */
ElectionStage *election_stage_new(const PdkPlugin *plugin, unsigned voters, uint64_t seed);
void election_stage_free(ElectionStage *stage);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ElectionStage, election_stage_free)

/* Before the first start. Another server with the next sid, which is returned. */
int64_t election_stage_add(ElectionStage *stage, ElectionRole role);
/* Groups and weights: once one is given, all voters need a group. */
void election_stage_set_group(ElectionStage *stage, int64_t sid, int64_t group, int64_t weight);
/* What the server has on its disk; also for one that is dead. Once elections are over both follow the leader's. */
void election_stage_set_history(ElectionStage *stage, int64_t sid, int64_t epoch, int64_t zxid);
/* An option of the plugin, for instances made from now on. */
void election_stage_set_option(ElectionStage *stage, const char *key, const char *value);
/* false (before the start): servers ignore configurations heard from others. */
void election_stage_set_reconfig(ElectionStage *stage, bool enabled);
/* One way delays are drawn from low..high us; a save takes as long. At first 1000..1000. */
void election_stage_set_delay(ElectionStage *stage, int64_t low_us, int64_t high_us);

/* A life begins: the plugin is made with the record that was durable, and looks. */
void election_stage_start(ElectionStage *stage, int64_t sid);
void election_stage_start_all(ElectionStage *stage);
/* kill -9: connections are reset, later ones refused, saves under way are lost. */
void election_stage_crash(ElectionStage *stage, int64_t sid);
/* Forgets its record (a new disk); it must be dead. */
void election_stage_wipe(ElectionStage *stage, int64_t sid);
/* A living server looks again, whatever it does. */
void election_stage_look(ElectionStage *stage, int64_t sid);

/* From now on nothing goes from @from to @to: nothing is refused, nothing arrives; heal delivers what was held up. */
void election_stage_cut(ElectionStage *stage, int64_t from, int64_t to);
/* Both directions between @sid and all others. */
void election_stage_isolate(ElectionStage *stage, int64_t sid);
void election_stage_heal(ElectionStage *stage, int64_t from, int64_t to);
void election_stage_heal_all(ElectionStage *stage);
/* Ends the connection of a pair as if by reset; a new one may follow at once. */
void election_stage_reset(ElectionStage *stage, int64_t a, int64_t b);

/* @data arrives at @to as if @from had sent it, now. */
void election_stage_inject(ElectionStage *stage, int64_t from, int64_t to, const void *data, size_t length);
/* The @back-th last message that went from @from to @to (0: the last); NULL: there is none. A reference is returned. */
GBytes *election_stage_heard(const ElectionStage *stage, int64_t from, int64_t to, unsigned back);
/* Messages delivered so far, all together. */
uint64_t election_stage_delivered(const ElectionStage *stage);

/*
 * Another configuration, a copy of the newest with this (higher) version; roles and groups set from now on are its own. Nobody
 * has it until told: as last-seen one, or committed.
 */
void election_stage_new_config(ElectionStage *stage, int64_t version);
void election_stage_set_role(ElectionStage *stage, int64_t sid, ElectionRole role);
void election_stage_see_config(ElectionStage *stage, int64_t sid, int64_t version);
void election_stage_commit_config(ElectionStage *stage, int64_t sid, int64_t version);

int64_t election_stage_now(const ElectionStage *stage);
void election_stage_run(ElectionStage *stage, int64_t us);
ElectionServer election_stage_server(const ElectionStage *stage, int64_t sid);
/* The one established leader that every living server is with; -1: not (yet). */
int64_t election_stage_leader(const ElectionStage *stage);
/* Runs until there is such a leader (returned), -1: not within @us. */
int64_t election_stage_run_until_leader(ElectionStage *stage, int64_t us);
/* The same, but until nobody alive looks (elections are over, established or not). False: not within @us. */
bool election_stage_run_until_elected(ElectionStage *stage, int64_t us);
/* Did this server's plugin log a line with this text, in any life? How many such lines? */
unsigned election_stage_logged(const ElectionStage *stage, int64_t sid, const char *text);

#endif

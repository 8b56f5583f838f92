/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mesh of election links: one connection a pair of servers, kept if the one with the larger sid dialled it; queues that
 * outlive connections. It moves messages and knows no election. Source: QuorumCnxManager.
 *
 * Pure: connections are asked for and reported through effects and events; every function is told the time.
 *
 * What a link is worth, for those who wait for a peer: UP is an established link, whatever the peer does with it. REFUSED: nobody
 * listens where the peer is dialled, or it closed an established link and was not reached again. DOWN is everything else, a
 * larger peer that was called and has not dialled back among it: that one is alive.
 */
#ifndef PDK_REPLICA_MESH_H
#define PDK_REPLICA_MESH_H

#include "base/effects.h"
#include "base/random.h"
#include "replica/members.h"
#include <paddock/election.h>

typedef struct PdkMesh PdkMesh;

/* `message` and `link` are called from events and turns only, so an election may send in the middle of its step. */
typedef struct {
	/* A message came; lent for the call. */
	void (*message)(void *context, int64_t sid, const uint8_t *data, size_t length);
	/* The connection to @sid came or went; DOWN and UP at once when another one took its place. */
	void (*link)(void *context, int64_t sid, PdkPeerLink link);
	/* A line for the operator. */
	void (*say)(void *context, PdkLogLevel level, const char *line);
	/* A number for a dial, never used before (shared with others that dial); not 0. */
	uint32_t (*dial_number)(void *context);
	void *context;
} PdkMeshHooks;

typedef struct {
	int64_t self;
	uint32_t queue_length; /* >= 1 */
	bool resend_last;
	bool several_addresses; /* version 2 of the handshake */
	int32_t dial_timeout_ms;      /* cnxTimeout */
	int32_t handshake_timeout_ms; /* tickTime * syncLimit */
	uint64_t seed;
	PdkMeshHooks hooks;
} PdkMeshParams;

PdkMesh *pdk_mesh_new(const PdkMeshParams *params);
void pdk_mesh_free(PdkMesh *mesh);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PdkMesh, pdk_mesh_free)

/*
 * Who may be dialled, and where; @last_seen may be NULL. References are taken. Connections to those that are in neither stay
 * until they break. Names are resolved by the transport at every dial.
 */
void pdk_mesh_set_members(PdkMesh *mesh, PdkMembers *committed, PdkMembers *last_seen);
/* Closes every connection and forgets queues (a changed member set restarts the election in Java, too). */
void pdk_mesh_restart(PdkMesh *mesh, PdkEffects *effects);

/*
 * Sends, or queues until there is a connection, dialling when there is none. To this server itself: comes back by the `message`
 * hook at the next turn. @message: 1 byte to 512 KiB, a reference is taken. Dropped when @sid is in no configuration and has no
 * connection.
 */
void pdk_mesh_send(PdkMesh *mesh, int64_t sid, GBytes *message, int64_t now_us, PdkEffects *effects);
/* Dials every peer that has something queued and no connection, now instead of after its pause. */
void pdk_mesh_dial_all(PdkMesh *mesh, int64_t now_us, PdkEffects *effects);
PdkPeerLink pdk_mesh_link(const PdkMesh *mesh, int64_t sid);

/* Events. Each returns false when the link or dial is none of its own. */
void pdk_mesh_accepted(PdkMesh *mesh, PdkLink link, const char *endpoint, int64_t now_us, PdkEffects *effects);
bool pdk_mesh_dialled(PdkMesh *mesh, uint32_t dial, PdkLink link, int64_t now_us, PdkEffects *effects);
bool pdk_mesh_dial_failed(PdkMesh *mesh, uint32_t dial, bool refused, const char *detail, int64_t now_us, PdkEffects *effects);
bool pdk_mesh_received(PdkMesh *mesh, PdkLink link, const uint8_t *data, size_t length, int64_t now_us, PdkEffects *effects);
bool pdk_mesh_unsent(PdkMesh *mesh, PdkLink link, size_t unsent, int64_t now_us, PdkEffects *effects);
bool pdk_mesh_closed(PdkMesh *mesh, PdkLink link, int64_t now_us, PdkEffects *effects);
/* Time-outs, dials that are due, messages to self; lowers effects->deadline_us. */
void pdk_mesh_turn(PdkMesh *mesh, int64_t now_us, PdkEffects *effects);

#endif

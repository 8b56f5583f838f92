/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Some meshes, wired together in memory under one clock: dials are answered here, bytes travel in one queue in the order they
 * were sent. What a mesh tells its election is written down as a story. Changes when the tests of the mesh need more world.
 */
#ifndef MESH_WORLD_H
#define MESH_WORLD_H

#include "replica/mesh.h"

#define NODES_MAX 5

typedef struct World World;
typedef struct Conn Conn;

typedef struct {
	World *world;
	int64_t sid;
	bool running, listens, deaf; /* deaf: stopped; the system takes connections for it, it hears nothing */
	bool unreached;              /* dials to it run out of time */
	bool reads;                  /* false: what is sent to it stays with the sender's transport */
	uint64_t life;
	PdkMesh *mesh;
	PdkEffects *effects;
	PdkMeshParams params;
	GString *story;              /* "2 up; 2: hello; " */
	GPtrArray *said;             /* char *, with "warning " or "info " before it */
	unsigned dials;              /* asked for so far */
} Node;

/* One end of a connection. A raw end belongs to the test: node NULL. */
typedef struct {
	Node *node;
	uint64_t life; /* of the node, when it was made */
	PdkLink link;
	bool open, told;
	GByteArray *heard; /* raw ends: everything */
	size_t unsent;
} End;

struct Conn {
	World *world;
	End ends[2]; /* 0 dialled */
};

struct World {
	int64_t now_us;
	Node nodes[NODES_MAX];
	unsigned n;
	GQueue *events;
	GPtrArray *conns;
	PdkLink next_link;
	uint32_t next_dial;
	GPtrArray *dialled;  /* char *: every address, in order */
	Conn *raw_accepted;  /* the last one dialled to a port of the test (host "raw") */
	bool raw_listens;
	char *members_text;
};

/* Servers 1..@n with the hosts s1, s2, ... and election port 3000. @more: further lines, or NULL. */
World *world_new(unsigned n, const char *more);
void world_free(World *world);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(World, world_free)
/* One that sets @params up by itself begins it with node_start; world_start begins all. */
void node_start(Node *node);
void world_start(World *world);
/* As kill -9: its connections break, nobody listens. */
void node_kill(Node *node);
/* Its members from now on. */
void node_members(Node *node, const char *text);

Node *world_node(World *world, int64_t sid);
void node_send(Node *node, int64_t to, const char *text);
void node_dial_all(Node *node);
/* The story since the last time; g_free. */
char *node_story(Node *node);
unsigned node_said(const Node *node, const char *part);

/* Everything that is to happen now. */
void world_settle(World *world);
/* Until nothing happens before so much time went by. */
void world_run(World *world, int64_t ms);

/* The test as a peer. */
Conn *raw_dial(World *world, int64_t sid);
void raw_write(Conn *conn, unsigned end, const void *data, size_t length);
void raw_hello(Conn *conn, int64_t sid, const char *address);
void raw_frame(Conn *conn, unsigned end, const char *text);
void raw_close(Conn *conn, unsigned end);
/* Is the mesh's end of it still open? */
bool raw_open(const Conn *conn, unsigned end);

#endif

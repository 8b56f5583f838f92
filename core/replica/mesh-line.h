/* SPDX-License-Identifier: Apache-2.0 */
/* One connection of the mesh: its frames in and out. For mesh.c alone. */
#ifndef PDK_REPLICA_MESH_LINE_H
#define PDK_REPLICA_MESH_LINE_H

#include "base/effects.h"

#define PDK_MESH_FRAME_MAX 524288 /* bytes of a message; Java closes beyond */

typedef enum {
	PDK_MESH_LINE_HELLO, /* accepted, its handshake is awaited */
	PDK_MESH_LINE_UP,    /* a peer's */
	PDK_MESH_LINE_ENDING, /* to be closed; what comes is dropped */
} PdkMeshLineStage;

typedef struct {
	PdkLink link;
	PdkMeshLineStage stage;
	int64_t sid;      /* UP: whose */
	bool dialled;     /* by this server */
	char *endpoint;
	int64_t since_us; /* accepted, or established */
	PdkBuffer in;     /* the handshake, then a frame, as far as it came */
	unsigned output;  /* index in the effects, good in turn output_turn */
	uint32_t output_turn;
	size_t unsent;    /* what the transport holds, as last told */
} PdkMeshLine;

PdkMeshLine *pdk_mesh_line_new(PdkLink link, const char *endpoint, bool dialled, int64_t now_us);
void pdk_mesh_line_free(PdkMeshLine *line);

/* The buffer to write to; valid until another output is asked for. */
PdkBuffer *pdk_mesh_line_out(PdkMeshLine *line, PdkEffects *effects);
/* A frame. A reference of @message is taken where copying would cost more. */
void pdk_mesh_line_write(PdkMeshLine *line, GBytes *message, PdkEffects *effects);
/* What is on its way to the peer, bytes. */
size_t pdk_mesh_line_pending(const PdkMeshLine *line, const PdkEffects *effects);

typedef enum {
	PDK_MESH_CUT_MORE, /* all bytes were taken */
	PDK_MESH_CUT_FRAME,
	PDK_MESH_CUT_BAD,
} PdkMeshCut;

/*
 * Takes bytes from *@data (moved, *@length lowered). The frame lies in them or in *@lent, which the caller clears after use: it
 * outlives the line.
 */
PdkMeshCut pdk_mesh_line_cut(PdkMeshLine *line, const uint8_t **data, size_t *length, PdkBuffer *lent, const uint8_t **frame,
			     size_t *frame_length);

#endif

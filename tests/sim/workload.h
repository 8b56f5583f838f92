/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What clients do, by name. A run draws which of them its clients do (no two seeds mix the same), or is told. Changes when a
 * kind of work comes or goes.
 */
#ifndef TESTS_SIM_WORKLOAD_H
#define TESTS_SIM_WORKLOAD_H

#include "base/random.h"
#include <stdbool.h>

typedef enum {
	WORK_CREATE,     /* nodes that stay, read, set and looked at afterwards */
	WORK_EPHEMERAL,
	WORK_SEQUENTIAL,
	WORK_MULTI,      /* two nodes or none */
	WORK_REGISTER,   /* contended for: written on condition or without, read behind a sync */
	WORK_WATCH,
	WORK_SYNC,
	WORK_MOVE,       /* to another server, with a request under way */
	WORK_SLEEP,      /* naps, and sleeps in which a session expires */
	WORK_DELETE,     /* nodes are deleted and made again */
	WORK_LOCK,       /* the recipe: an ephemeral sequential node each, the lowest holds */
	WORK_BURST,      /* several requests at once */
	WORK_CLOSE,      /* sessions end by wish */
	WORK_CONTAINER,
	WORK_BIG,        /* data that takes several pages and pieces */
	WORK_TREE,       /* nodes below nodes, made, changed, deleted and listed */
	WORK_REWATCH,    /* watches come along to the next connection (SetWatches) */
	WORK_PERSISTENT, /* watches that stay, of a node and of all below it; asked about and removed */
	WORK_ACL,        /* identities, nodes with ACLs, refusals */
	WORK_TTL,        /* nodes that live for a time */
	WORK_KINDS,
} WorkKind;

/* A set of kinds, one bit each. */
typedef uint32_t Workload;
#define WORKLOAD_ALL (((Workload)1 << WORK_KINDS) - 1)

static inline bool
workload_has(Workload workload, WorkKind kind)
{
	return (workload >> kind & 1) != 0;
}

/* "create"; NULL: @kind is none. Names and their order stay: a seed's draw depends on it. */
const char *workload_name(unsigned kind);
/* Comma-separated; false: *@unknown is the name that is none (g_free). */
bool workload_parse(const char *names, Workload *into, char **unknown);
/* Each kind with a chance of three in four; never none that changes the tree. */
Workload workload_draw(PdkRandom *draw);
/* "create,watch" (g_free). */
char *workload_names(Workload workload);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What clients may compare their answers with: which txns are committed, and the data as these made it, at every zxid. It is
 * made from the bytes of the txns alone, by other code than the servers'. Changes when clients want to know more.
 */
#ifndef TESTS_SIM_TRUTH_H
#define TESTS_SIM_TRUTH_H

#include "server/server-private.h"
#include "sim/world.h"

typedef enum {
	SIM_NODE_CREATED = 1,
	SIM_NODE_DELETED,
	SIM_NODE_CHANGED,    /* its data */
	SIM_NODE_CHILDREN,
	SIM_NODE_ACL,
} SimChange;

/* One change as those who watch hear of it; those of all committed txns stand in one order. */
typedef struct {
	int64_t zxid;
	SimChange change;    /* as the wire names it, up to SIM_NODE_CHILDREN */
	const char *path;
} SimTrigger;

#define SIM_OWNER_OTHER INT64_C(-1) /* a container, or one that lives for a time: nobody's, as clients see it */

/* A node from @zxid on, until the next change. */
typedef struct {
	int64_t zxid;
	SimChange change;
	bool there;
	int64_t czxid, mzxid, owner;
	int64_t ctime, mtime; /* by the clocks of those who led then */
	int64_t ttl;       /* ms; 0: it has none */
	int32_t version, aversion;
	uint32_t hash;     /* of the data, as sim_truth_hash makes it */
	int32_t length;    /* -1: null */
	int32_t children;
	bool used;         /* a child was there, once */
	const char *acl;   /* as sim_truth_acl has it; NULL: everybody may do everything */
} SimState;

uint32_t sim_truth_hash(const void *data, int32_t length);

/* A list of ACL entries, each "permissions:scheme:id", with commas between; interned. */
const char *sim_truth_acl(PdkJute *in);
/* One for all equal ones, as long as the program. */
const char *sim_truth_text(const char *text);

/* False: no txn @zxid is committed. */
bool sim_truth_txn(const Sim *sim, int64_t zxid, PdkTxnHeader *into);
/* What txns have made of @path when all up to @zxid are applied; NULL: no txn ever touched it until then. */
const SimState *sim_truth_at(const Sim *sim, const char *path, int64_t zxid);
/* The zxid of the first of @changes (1 << SIM_NODE_...) behind @zxid, 0: none. */
int64_t sim_truth_next_change(const Sim *sim, const char *path, int64_t zxid, unsigned changes);
/* How many triggers there are up to @zxid; and which: NULL, there are not so many. */
guint sim_truth_triggers(const Sim *sim, int64_t zxid);
const SimTrigger *sim_truth_trigger(const Sim *sim, guint number);
/* The zxid that closed @session, 0: none; committed, or proposed at least. */
int64_t sim_truth_closed(const Sim *sim, int64_t session);
/* Was it made known to all by a txn that was committed by then? Else it is, or was, a local one. */
bool sim_truth_opened(const Sim *sim, int64_t session, int64_t by_us);
bool sim_truth_closing(const Sim *sim, int64_t session);
/* The epoch that @server serves in, 0: it does not. */
int64_t sim_truth_epoch(Sim *sim, unsigned server);
/* The whole tree of a server that serves and is at rest is what the txns made; else the world fails. */
void sim_truth_check(Sim *sim, unsigned server);

#endif

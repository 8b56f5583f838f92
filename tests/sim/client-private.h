/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a client: what its files share. Changes when they share more. */
#ifndef TESTS_SIM_CLIENT_PRIVATE_H
#define TESTS_SIM_CLIENT_PRIVATE_H

#include "sim/client.h"
#include "sim/history.h"
#include "sim/truth.h"

#define REGISTERS 3
#define HEX "0x%" G_GINT64_MODIFIER "x"

/* The highest write of an epoch that somebody was told of. */
typedef struct {
	int64_t epoch, zxid;
} Told;

/* What is shared by the clients of a world. */
struct Promises {
	Workload workload;
	GArray *told;          /* Told */
	GHashTable *sessions;  /* ids that were given */
	GPtrArray *paths;      /* char *: nodes that somebody made or meant to make */
	GPtrArray *ephemerals; /* char * */
	GPtrArray *passing;    /* char *: nodes that go by themselves */
	int64_t highest;       /* sequence number that was given */
	GHashTable *numbers;   /* all of them */
	History *registers[REGISTERS];
};

typedef struct Deed Deed;

/* One request under way. */
typedef struct {
	const Deed *deed;
	int32_t xid;
	int64_t asked_us;
	int64_t floor;    /* somebody was told of this write before it was asked for */
	char *path;
	int64_t number, version;
	int64_t before;   /* the highest sequence number given then */
	int entry;        /* in a history, -1: none */
	unsigned ids;     /* whom the connection spoke for then */
	const char *acl;  /* what the node's is to be, as sim_truth_acl has it; NULL: no list that is any */
	bool ephemeral;   /* it makes such a node */
} Request;

/* Something that a client may ask for. */
struct Deed {
	WorkKind kind;
	unsigned weight;
	int32_t op;
	bool writes;
	/* Sets the path and what else it needs, and writes the body; false: not now. */
	bool (*ask)(Client *client, Request *request, PdkBuffer *body);
	/* @in stands behind the reply header; may be NULL. */
	void (*done)(Client *client, const Request *request, PdkJute *in, int64_t zxid);
	/* True: the refusal is right. NULL: none is. */
	bool (*refused)(Client *client, const Request *request, int32_t code, int64_t zxid);
	/* Nobody will ever answer; may be NULL. */
	void (*lost)(Client *client, const Request *request);
};

typedef struct Watches Watches;

struct Client {
	Sim *sim;
	Promises *promises;
	unsigned number;
	SimEnd *end;
	unsigned server;
	uint32_t server_life; /* in which of its lives it took the connection */
	bool greeting;      /* the answer to the connect request is awaited */
	int64_t greeting_us;
	bool stopped;
	int64_t quiet_until_us;
	uint64_t serial;    /* of the connection: old timers are not meant for it */
	int32_t timeout_ms; /* of its sessions */
	bool allows_read_only, read_only; /* the second: this connection is */
	int64_t session;
	uint8_t password[16];
	unsigned home;      /* the server that gave it, */
	uint32_t home_life; /* and in which of its lives */
	bool wavers;        /* its end or its upgrade was asked for */
	int64_t heard_us;   /* an answer in it */
	int64_t epoch;      /* of the server it is connected to */
	int64_t seen;       /* highest zxid */
	int64_t synced;     /* nothing older may be read on this connection */
	int64_t sync_us;    /* when a sync began that has ended on it since, 0: none */
	int32_t xid;
	GQueue requests;    /* Request * in order */
	GByteArray *inbox;
	Watches *watches;
	unsigned next;      /* number of the next node */
	unsigned creates, answers;
	unsigned owns;      /* identities that it adds to each connection: client-access.c */
	unsigned ids;       /* those of this connection */
	char *lock;         /* its node in the queue for the lock; NULL: none */
};

/* ---- client.c ---- */
void client_broken(Client *client, const char *invariant, const Request *request, const char *what);
bool client_chance(Client *client, unsigned one_of);
bool client_does(const Client *client, WorkKind kind);
/* It takes a copy of @request. */
void client_request(Client *client, const Request *request, const PdkBuffer *arguments);
/* One frame on its way; clears @body. */
void client_send(Client *client, PdkBuffer *body);
/* A request body's parts. */
void client_put_acl(PdkBuffer *body);
void client_put_number(PdkBuffer *body, int64_t number);
void client_put_create(PdkBuffer *body, const char *path, int64_t number, int32_t flags);

/* ---- client-checks.c ---- */
/* Reads a Stat (@in stands on it) and compares it with what the txns say. */
void client_check_stat(Client *client, const Request *request, PdkJute *in, int64_t zxid);
void client_check_data(Client *client, const Request *request, PdkSlice data, int64_t zxid);
/* The refusals that depend on what is there: no node, node exists, bad version, not empty. */
bool client_check_refusal(Client *client, const Request *request, int32_t code, int64_t zxid);
/* A write is answered. */
void client_check_done(Client *client, const Request *request, int64_t zxid);
/* Before the reply with @zxid is looked at. */
void client_check_reply(Client *client, const Request *request, int64_t zxid);
/* The highest zxid that somebody was told of in an epoch that @client's server knows. */
int64_t client_floor(const Client *client, int64_t epoch);

/* ---- client-access.c ---- */
/* A connection begins: its identities are added to it, as ClientCnxn does. */
void client_introduce(Client *client);
/* One of them is, or is not. */
void client_introduced(Client *client, int32_t code);
/* The ACL of the node lets it hear of that. */
bool client_may_hear(const Client *client, const SimTrigger *trigger);
/* ---- client-sessions.c ---- */
/* The answer to a connect request. */
void client_check_session(Client *client, int64_t session);
/* May it be told that its session is over? */
bool client_may_be_over(const Client *client);
/* May it be told that its session is gone, now that it asked for that? */
bool client_is_closed(const Client *client, int64_t zxid);
/*
 * A server that has no leader shows what it has, which may be old, or a tail that nobody confirms; it changes nothing. True: there
 * is more to look at.
 */
bool client_check_read_only(Client *client, const Request *request, int32_t code, int64_t zxid);
/* Its session is known to one server alone; no txn tells of its end. */
bool client_has_local(const Client *client);
/* Such a one that never becomes one of all, so that no nodes go with it. */
bool client_has_no_ephemerals(const Client *client);

/* ---- what may be asked for, each in a file of its name ---- */
const Deed *client_node_deeds(unsigned *n);
/* One of those that came last, NULL: there are none (g_free). */
char *client_recent(Client *client, const GPtrArray *paths);
const Deed *client_register_deeds(unsigned *n);
const Deed *client_lock_deeds(unsigned *n);
const Deed *client_tree_deeds(unsigned *n);
/* A place in the tree, whether a node is there or not (g_free). */
char *client_tree_place(Client *client);
const Deed *client_persistent_deeds(unsigned *n);
const Deed *client_access_deeds(unsigned *n);
const Deed *client_ttl_deeds(unsigned *n);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A world for one server: a clock that moves when told, clients that are byte arrays, a disk that is a list
 * of txns. Changes when the way a PdkServer is driven does. It carries effects as the daemon's carrier does:
 * append + sync, output, commands; and after every step the server's own check runs (unless switched off).
 */
#ifndef TESTS_UNIT_SERVER_WORLD_H
#define TESTS_UNIT_SERVER_WORLD_H

#include "base/random.h"
#include "server/server-private.h"

typedef struct World World;
typedef struct Peer Peer;

/* What `call` answers when there is no reply. No code of the protocol is positive. */
enum {
	CALL_PENDING = 1, /* not yet: the txn is not durable */
	CALL_CLOSED = 2,  /* the connection was closed without one */
};

struct World {
	PdkSettings *settings; /* to be changed before world_start */
	char *super_digest;    /* option of the scheme digest, likewise */
	PdkRegistry *registry;
	PdkHostFacts facts;
	PdkServer *server;
	PdkEffects *effects;
	PdkAuth *auth_digest, *auth_ip;
	uint64_t seed;
	int64_t now_us, wall_ms;
	int64_t deadline_us; /* as the last turn wished */
	bool again, stopped;
	bool auto_sync;    /* true at first: what is appended is durable at the end of the round */
	bool lazy; /* one round only where others settle: work that is spread over turns stays unfinished */
	bool check;        /* true at first: pdk_server_check after each step */
	bool can_snapshot; /* true at first */
	bool quiet;        /* false at first: the operator's lines are kept in `lines` */
	char *fatal;
	GString *lines;
	GPtrArray *peers; /* of Peer, by slot; NULL where free */
	GPtrArray *gone;  /* of Peer, closed ones */
	GPtrArray *all;   /* of Peer, owned */

	GArray *txns;    /* of WorldTxn, all ever appended */
	unsigned synced; /* how many are durable and told so */
	GByteArray *snapshot_being;
	int64_t snapshot_being_zxid;
	unsigned parts_out;  /* given and not told to have room again */
	bool tell_room;
	bool hold_snapshots; /* SNAPSHOT_DONE is not told */
	bool done_due;
	GByteArray *snapshot; /* the newest finished one, NULL: none */
	int64_t snapshot_zxid;
	PdkSnapshotTail snapshot_tail;
	unsigned snapshots;
};

typedef struct {
	int64_t zxid;
	GBytes *txn;
} WorldTxn;

struct Peer {
	World *world;
	PdkLink link;
	char *address;
	bool open;    /* the server keeps it */
	bool flushed; /* closed after its output */
	bool paused;
	bool reads;   /* true at first; false: what is sent lies unsent */
	bool told_unsent;
	GByteArray *waiting; /* sent by the client while paused */
	GByteArray *unsent;
	GByteArray *inbox;   /* arrived at the client, not read yet */
	guint inbox_at;
	uint64_t received;   /* bytes that arrived, ever */

	int32_t xid; /* of the last request */
	int64_t session;
	int32_t timeout_ms;
	uint8_t password[PDK_SESSION_PASSWORD];

	/* The last reply read by peer_reply. */
	GByteArray *frame;
	int32_t reply_xid, err;
	int64_t zxid;
	PdkJute body;
	/* Events met, each "type path;", or "type path@zxid;" with show_zxid. */
	GString *events;
	bool show_zxid;
};

World *world_new(void);
/* A new world whose server was started. */
World *world_running(void);
void world_start(World *world);
void world_free(World *world);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(World, world_free)

/* Works until there is nothing more to do now. */
void world_settle(World *world);
/* One event, one turn, effects carried; syncs are not told. */
void world_step(World *world, PdkEvent *event);
/* What was appended so far becomes durable, and everything that follows. */
void world_sync(World *world);
/* The same for the first @n of what is not durable yet. */
void world_sync_some(World *world, unsigned n);
/* Time goes on; turns happen at the deadlines the server asked for, and at no other time. */
void world_advance(World *world, int64_t ms);

typedef enum {
	FROM_TXNS,     /* all txns on an empty tree */
	FROM_SNAPSHOT, /* the newest snapshot, then what follows it */
} WorldOrigin;
/* The server dies, what was not durable is forgotten, and a new one starts from the rest. Peers are gone. */
void world_restart(World *world, WorldOrigin origin);
/* A second world that recovered from the durable part of this one; its server was not begun. */
World *world_recovered(World *world, WorldOrigin origin);
/* Tree with stats, ACLs and data, sessions, digest: equal text, equal server. */
char *world_dump(World *world);
uint64_t world_counter(World *world, const char *name);

/* ---- clients ---- */

/* NULL: refused. */
Peer *peer_new(World *world, const char *address);
/* From the loopback address, with a new session of 10 s; reads the answer. */
Peer *client_new(World *world);
/*
 * Connects again from @address with the session of @old; CALL_CLOSED, or 0; the new peer's session tells what
 * came of it.
 */
Peer *client_again(World *world, const Peer *old, int32_t timeout_ms);
/* The other side hangs up. */
void peer_hang_up(Peer *peer);
/* Bytes as they are; settles. */
void peer_send(Peer *peer, const void *data, size_t length);
void peer_send_hex(Peer *peer, const char *hex);
/* The bytes that arrived and were not read: are they these? Reads them. */
bool peer_got_hex(Peer *peer, const char *hex);
bool peer_got_nothing(Peer *peer);
/* Takes everything that arrived. */
GByteArray *peer_take(Peer *peer);
void peer_stop_reading(Peer *peer);
void peer_read_on(Peer *peer);

/* A connect request; the answer is read when there is one: false when there is none. */
bool peer_hello(Peer *peer, int32_t timeout_ms, int64_t last_zxid, int64_t session, const uint8_t *password);
void
put_hello(PdkBuffer *out, int32_t timeout_ms, int64_t last_zxid, int64_t session, const uint8_t *password);
bool peer_hello_answer(Peer *peer);

/* Appends a whole frame with header to @out; @body may be NULL. */
void put_request(PdkBuffer *out, int32_t xid, int32_t op, const PdkBuffer *body);
/* Sends one request and settles; nothing is read. Takes the body. */
void peer_request(Peer *peer, int32_t xid, int32_t op, PdkBuffer *body);
/* The next reply, gathering events before it; false: there is none. */
bool peer_reply(Peer *peer);
/*
 * Gathers the events that arrived; fails when a reply stands before them. Returns the text and forgets it
 * (free it).
 */
char *peer_events(Peer *peer);
/* Sends a request with the next xid, takes the body, reads its reply: its err, or CALL_*. */
int call(Peer *peer, int32_t op, PdkBuffer *body);

/* ---- requests, as calls ---- */

#define TEXT_NULL ((const char *)NULL)

/* An ACL list as text: "31 world anyone, 1 digest a:b"; "" empty, NULL null; "-" for a null scheme or id. */
void put_acl(PdkBuffer *out, const char *acl);
#define OPEN "31 world anyone"

PdkBuffer body_create(const char *path, const char *data, const char *acl, int32_t flags);
PdkBuffer body_path(const char *path);
PdkBuffer body_path_int(const char *path, int32_t value);
PdkBuffer body_path_bool(const char *path, bool value);
PdkBuffer body_set(const char *path, const char *data, int32_t version);

/* A multi: heads and bodies one after the other, then the end. Takes @body. */
void put_operation(PdkBuffer *multi, int32_t op, PdkBuffer body);
void put_multi_end(PdkBuffer *multi);

int do_create(Peer *peer, const char *path, const char *data, int32_t flags);
int do_create_as(Peer *peer, int32_t op, const char *path, const char *data, const char *acl, int32_t flags);
int do_create_ttl(Peer *peer, const char *path, int32_t flags, int64_t ttl);
int do_delete(Peer *peer, const char *path, int32_t version);
int do_set(Peer *peer, const char *path, const char *data, int32_t version);
int do_get(Peer *peer, const char *path, bool watch);
int do_exists(Peer *peer, const char *path, bool watch);
int do_children(Peer *peer, const char *path, bool watch);
int do_set_acl(Peer *peer, const char *path, const char *acl, int32_t version);
int do_auth(Peer *peer, const char *scheme, const char *data);
int do_add_watch(Peer *peer, const char *path, int32_t mode);
int do_close(Peer *peer);

/* ---- looking into replies ---- */

typedef struct {
	int64_t czxid, mzxid, ctime, mtime;
	int32_t version, cversion, aversion;
	int64_t owner;
	int32_t data_length, children;
	int64_t pzxid;
} WireStat;

WireStat get_stat(PdkJute *in);
/* Reads a ustring or buffer as text, "(null)" for null; free it. */
char *get_text(PdkJute *in);
/* The stat of a node, asked for with exists; czxid -1 when it is not there. */
WireStat stat_of(Peer *peer, const char *path);
/* The data of a node as text, "(null)", or "(none)" when it is not there; free it. */
char *data_of(Peer *peer, const char *path);
/* Names of the children, sorted, joined by spaces; free it. */
char *children_of(Peer *peer, const char *path);
/* Compares @got (freed) with @wanted, and tells both when they differ. */
bool same_text(char *got, const char *wanted);

GByteArray *bytes_of_hex(const char *hex);
bool bytes_are_hex(const uint8_t *data, size_t length, const char *hex);

#endif

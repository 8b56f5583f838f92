/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a PdkServer: what the files of core/server share. Which file does what:
 *   server      birth, death, and which event goes where
 *   connection  bytes in, frames cut, who may go on and who waits
 *   handshake   from the first frame to a session
 *   request     one frame: what kind of request, answered now or in its turn
 *   read watching access   the requests that change nothing
 *   prep multi reconfig pending     which writes are refused, and the txn of those that are not
 *   pipeline    txns in flight: proposed, durable, applied, answered
 *   apply       what a txn does to the data
 *   housekeeping  expiry, containers, snapshots
 *   local       sessions that only this server knows
 *   readonly    service without a leader
 *   recovery    what persistence gives back at the start
 *   replication shipping remote   an ensemble: commits, snapshots and requests that cross servers
 *   view gauges what others may look at
 */
#ifndef PDK_SERVER_PRIVATE_H
#define PDK_SERVER_PRIVATE_H

#include "base/error.h"
#include <inttypes.h>
#include "base/jute.h"
#include "base/path.h"
#include "base/random.h"
#include "data/quota.h"
#include "data/session.h"
#include "data/snapshot.h"
#include "data/tree.h"
#include "data/watch.h"
#include "server/opcode.h"
#include "server/pending.h"
#include "server/server.h"

#define KIB ((size_t)1024)
#define MIB (KIB * 1024)

/*
 * A client that does not read: above this its input is not read. What it asked for itself may be more (one
 * reply, reads that waited behind a write) and is no reason to close it.
 */
#define PDK_OUTPUT_HIGH MIB
/* Watch events come unasked: with more of them unread the connection is closed. */
#define PDK_OUTPUT_KILL (16 * MIB)
/* Unprocessed input that may gather before reading is paused. */
#define PDK_INPUT_HIGH (128 * KIB)
/* Requests of one connection in one go. */
#define PDK_REQUEST_BUDGET 64

/* One identity of a connection. */
typedef struct {
	char *scheme, *id;
} PdkIdentity;

/* Where a connection stands. */
typedef enum {
	PDK_STAGE_FRESH,        /* nothing cut yet: a word or a connect request may come */
	PDK_STAGE_WORD,         /* an operator's word, its argument is awaited or its reply is under way */
	PDK_STAGE_ESTABLISHING, /* createSession is in flight */
	PDK_STAGE_READY,
	PDK_STAGE_ENDING,       /* closed by us as soon as the output is out; input is ignored */
} PdkStage;

/* Why a connection's input is not worked on. */
enum {
	PDK_WAIT_SESSION = 1 << 0, /* handshake in flight */
	PDK_WAIT_OUTPUT = 1 << 1,  /* the peer does not read */
	PDK_WAIT_LIMIT = 1 << 2,   /* globalOutstandingLimit */
	PDK_WAIT_START = 1 << 3,   /* the first snapshot of a new database is not durable yet */
};

/* One thing a connection waits for, in order: a txn in flight, or a request behind one. */
typedef struct {
	int64_t zxid;      /* of the txn; 0: a request; PDK_WAITS_FOR_LEADER: forwarded */
	uint8_t *frame;    /* the request, owned */
	uint32_t length;
	bool large;        /* counted in large_bytes */
	PdkCode refusal;   /* not PDK_OK: to be refused in its turn */
	uint32_t identities; /* that the connection had when it came */
	int64_t since_us;
} PdkWaiting;

#define PDK_WAITS_FOR_LEADER INT64_C(-1)

typedef struct {
	PdkAclId acl;
	uint8_t perms; /* union over matching entries */
	bool used;
} PdkAclMemory;
#define PDK_ACL_MEMORY 8

typedef struct {
	uint64_t received, sent;
	int64_t established_wall_ms;
	int64_t last_cxid, last_zxid, last_response_us;
	int32_t last_op;
	uint64_t last_latency, min_latency, max_latency, total_latency, latency_count; /* ms */
} PdkConnectionStats;

typedef struct PdkConnection PdkConnection;
struct PdkConnection {
	PdkLink link;   /* 0: free slot */
	uint32_t slot;
	PdkStage stage;
	uint8_t waits;  /* PDK_WAIT_* */
	bool paused;    /* the transport was told to pause */
	bool runnable;  /* in the run list */
	bool secure;
	bool super;
	bool old_client; /* no readOnly byte in its connect request */
	bool counted;    /* in its address's count */

	PdkBuffer input;  /* cut not yet; the first `taken` bytes are done with */
	size_t taken;
	int64_t input_since_us; /* when the oldest unworked input arrived */

	unsigned output;      /* index in the effects, good in turn output_turn */
	uint32_t output_turn;
	size_t unsent;        /* what the transport holds, as last told */
	size_t unread_events; /* bytes of events since it last kept up */

	PdkSession *session;  /* attached, or NULL */
	int64_t session_id;   /* also while establishing */

	PdkWaiting *waiting; /* ring */
	uint32_t waiting_head, waiting_count, waiting_capacity;

	GArray *identities; /* of PdkIdentity, in the order they were added */
	uint32_t later;     /* of them: added behind the request that is worked on, they do not count for it */
	PdkAclMemory acl_memory[PDK_ACL_MEMORY];
	uint32_t acl_generation;

	char *address, *endpoint, *certificate;
	PdkConnection *next_run;
	PdkConnection *older, *newer; /* among those without a session, by last activity */
	bool sessionless;
	int64_t active_us;

	const PdkAdminOps *admin_ops; /* WORD */
	PdkAdmin *admin;
	PdkAdminReply *admin_reply;
	char word[4];
	int word_argument; /* bytes awaited */

	PdkConnectionStats stats;
};

typedef struct {
	const PdkAuthOps *ops;
	PdkAuth *auth;
	const char *scheme;
} PdkScheme;

typedef struct {
	const PdkAdminOps *ops;
	PdkAdmin *admin;
} PdkAdminSeat;

/* A txn (or a sync) between proposal and answer. */
typedef struct {
	int64_t zxid;
	GBytes *txn;      /* NULL: a sync, which only waits for its turn */
	PdkLink link;     /* who gets the answer; 0: nobody */
	int64_t session;
	int32_t xid, op;
	PdkCode code;     /* the refusal that the txn records */
	GByteArray *operations; /* multi: what was asked for, one opcode each; else NULL */
	int64_t since_us;
	uint32_t held;    /* pending records */
	uint32_t acls;    /* ACL references */
	uint32_t large;   /* bytes counted in large_bytes */
	bool foreign;     /* proposed by another server (or an earlier leadership of this one) */
	char *path;       /* sync: its path, path_length -1 for null */
	int32_t path_length;
} PdkFlight;

/* First in, first out over an array. */
typedef struct {
	GArray *items;
	guint head;
} PdkQueue;

typedef struct {
	uint64_t received, sent;
	uint64_t min_latency, max_latency, total_latency, latency_count; /* ms */
	uint64_t last_response, min_response, max_response;
	int64_t started_us;
} PdkServerStats;

typedef struct {
	PdkCounter *packets_bytes_received, *response_bytes;
	PdkCounter *connection_requests, *connection_rejected, *connection_drops;
	PdkCounter *sessions_expired, *sessionless_expired;
	PdkCounter *large_rejected, *throttled, *digest_mismatches;
	PdkCounter *proposals, *commits, *snapshot_errors;
	PdkCounter *auth_failed, *node_created_watches, *node_deleted_watches, *node_changed_watches, *node_children_watches;
	PdkCounter *ttl_deleted;
	PdkSummary *read_latency, *update_latency, *snapshot_time, *batch_size;
} PdkServerCells;

/* The digests kept for `hash`. */
#define PDK_DIGEST_EVERY 128
#define PDK_DIGESTS_KEPT 1024
typedef struct {
	int64_t zxid;
	uint64_t digest;
} PdkKeptDigest;

/* Where a walk over ephemerals stood. */
typedef struct {
	int64_t session;
	uint64_t seen;
	int64_t zxid; /* of the tree then */
	PdkNode node;
} PdkViewPlace;

struct PdkServer {
	const PdkSettings *settings;
	PdkRegistry *registry;
	const PdkHostFacts *facts;
	char *version, *built_on;
	void (*log)(void *context, PdkLogLevel level, const char *line);
	void *log_context;
	PdkRandom random;
	PdkView view;

	/* Of the step under way. */
	int64_t now_us, wall_ms;
	PdkEffects *effects;

	PdkTree *tree;
	PdkQuotas *quotas;
	PdkWatches *watches;
	PdkSessions *sessions;
	PdkSessions *local_sessions; /* known to this server only; none of them is in `sessions` */

	GArray *schemes; /* of PdkScheme */
	GArray *admins;  /* of PdkAdminSeat */

	/* connection */
	PdkConnection **connections; /* by slot */
	uint32_t n_slots;
	uint64_t alive;
	GHashTable *per_address; /* address -> count */
	PdkConnection *run_first, *run_last;
	uint64_t n_runnable;
	PdkConnection *sessionless_oldest, *sessionless_newest;
	PdkQueue limited;            /* of PdkLink: waiting for globalOutstandingLimit */
	uint64_t outstanding;        /* requests taken and not answered */
	uint64_t large_bytes;
	int64_t refused_told_us; /* a refused connection was last told of */
	uint64_t refused_untold;
	bool stopping, serving;
	bool read_only;              /* no leader: only clients that allow it are served, and only reads */
	bool left;                   /* the ensemble, while stopping */
	bool holding;                /* PDK_WAIT_START */
	double throttle_tokens;
	int64_t throttle_us;

	/* pipeline */
	PdkPendings *pendings;
	PdkQueue flights;  /* of PdkFlight */
	PdkQueue held;     /* of PdkPending *, in the order of flights */
	PdkQueue acls;     /* of PdkAclId, likewise */
	int64_t proposed_zxid, applied_zxid, synced_zxid;
	PdkBuffer scratch;   /* the txn being built */
	PdkBuffer fixed_acl; /* the fixed-up list of the operation being checked */
	PdkBuffer body;      /* the answer of the txn being applied */
	int64_t applying_zxid; /* for watch events */

	/* an ensemble; replica is NULL stand-alone */
	PdkReplica *replica;
	PdkQueue forwarded;  /* of PdkFlight without zxid and txn: on their way to the leader, in order */
	PdkQueue syncs;      /* of PdkFlight, likewise */
	GArray *touched;     /* of int64_t: sessions to tell the leader of */
	GHashTable *arriving; /* at a leader: sessions whose createSession is proposed and not applied */
	GArray *returning;   /* clients whose session the leader is asked about */
	bool walk_is_shipped, walk_is_over; /* the walk goes to a learner */
	bool shipped_in;     /* a snapshot of the leader is being loaded or saved */
	bool shipment_ends;  /* it is whole and being saved */
	PdkBuffer shipment;  /* bytes of it on their way to the disk */

	/* the event being sent to many */
	PdkBuffer event;
	PdkEventType event_type;
	const char *event_path;
	int64_t event_zxid;
	GArray *overrun; /* of PdkLink: too many unread events, to be closed after the step */

	/* housekeeping */
	int64_t container_us;        /* next check */
	bool orphans_due;            /* ephemerals without a session are to be looked for */
	bool can_snapshot, snapshot_full;
	PdkSnapshotWalk *walk;
	bool finishing;              /* the walk is over, SNAPSHOT_DONE is awaited */
	int64_t walk_zxid, walk_since_us;
	PdkSnapshotTail walk_tail;
	int64_t snap_after_txns, snap_after_bytes; /* drawn anew after each */
	int64_t txns_since, bytes_since;

	/* recovery */
	PdkSnapshotLoad *load;
	int64_t loading_zxid;
	int64_t digests_from_zxid; /* txn digests are compared from here on */
	bool digest_told;
	bool empty;

	PdkKeptDigest digests[PDK_DIGESTS_KEPT];
	uint64_t n_digests; /* ever kept */

	PdkServerStats stats;
	PdkServerCells cells;
	int64_t trace_mask;
	PdkBuffer view_text;
	PdkViewPlace view_place;
	char peer_state[64]; /* as a metric shows it */
};

/* ---- small tools (server.c) ---- */
void pdk_server_say(PdkServer *server, PdkLogLevel level, const char *format, ...) G_GNUC_PRINTF(3, 4);

static inline int64_t
pdk_server_now_ms(const PdkServer *server)
{
	return server->now_us / 1000;
}

void pdk_queue_init(PdkQueue *queue, guint item_size);
void pdk_queue_clear(PdkQueue *queue);
static inline guint
pdk_queue_length(const PdkQueue *queue)
{
	return queue->items->len - queue->head;
}
/* Drops the first; compacts now and then. */
void pdk_queue_pop(PdkQueue *queue);
#define pdk_queue_first(queue, type) (&g_array_index((queue)->items, type, (queue)->head))

/* ---- connection.c ---- */
PdkConnection *pdk_connection_find(PdkServer *server, PdkLink link);
void pdk_connection_accepted(PdkServer *server, const PdkEvent *event);
void pdk_connection_received(PdkServer *server, PdkConnection *connection, const uint8_t *data, size_t length);
void pdk_connection_unsent(PdkServer *server, PdkConnection *connection, size_t unsent);
/* The transport said that it is gone: frees it. */
void pdk_connection_closed(PdkServer *server, PdkConnection *connection);
/* Asks for the end: after its output, or at once. No further input is worked on. */
void pdk_connection_end(PdkServer *server, PdkConnection *connection, bool flush);
/* Adds or removes reasons to wait. */
void pdk_connection_wait(PdkConnection *connection, uint8_t reasons);
void pdk_connection_go_on(PdkServer *server, PdkConnection *connection, uint8_t reasons);
/* The database is ready: those that waited for it go on. */
void pdk_connections_start(PdkServer *server);
/* Works on those that may go on. */
void pdk_connections_run(PdkServer *server);
/* Closes those that have a session or wait for one. */
void pdk_connections_cut(PdkServer *server);
/* Closes connections that never made a session in time; returns when to look again (us). */
int64_t pdk_connections_expire(PdkServer *server);
/* When a connection without a session is closed, unless it stirs before: monotonic ms, at the end of a bucket. */
int64_t pdk_connection_sessionless_end_ms(const PdkServer *server, const PdkConnection *connection);
void pdk_connections_free(PdkServer *server);
/* The buffer replies are written to; valid until another connection's output is asked for. */
PdkOutput *pdk_connection_output(PdkServer *server, PdkConnection *connection);
/* The session was made or found: no longer among the sessionless. */
void pdk_connection_has_session(PdkServer *server, PdkConnection *connection);
/* Appends to the ring of things waited for. */
void pdk_connection_push(PdkConnection *connection, const PdkWaiting *waiting);
PdkWaiting *pdk_connection_first(PdkConnection *connection);
void pdk_connection_pop(PdkConnection *connection);
/* Requests that were taken and are now answered: lets those waiting for the limit go on. */
void pdk_outstanding_add(PdkServer *server);
void pdk_outstanding_sub(PdkServer *server);
bool pdk_outstanding_over(const PdkServer *server);

/* ---- replies (reply.c) ---- */
/* Opens a reply frame; the body follows in output->bytes; closed by pdk_reply_end with the same mark. */
size_t pdk_reply_begin(PdkOutput *output);
void pdk_reply_end(PdkServer *server, PdkConnection *connection, PdkOutput *output, size_t mark, int32_t xid, int64_t zxid,
		   PdkCode code);
/* A reply without a body. */
void pdk_reply_code(PdkServer *server, PdkConnection *connection, int32_t xid, int64_t zxid, PdkCode code);
/* MultiHeader: before each result of multi and multiRead, and at their end. */
void pdk_reply_put_multi_header(PdkBuffer *out, int32_t type, bool done, int32_t code);
/* Bookkeeping of an answered request. */
void pdk_reply_account(PdkServer *server, PdkConnection *connection, int32_t op, int32_t xid, int64_t zxid, int64_t since_us,
		       bool write);

/* ---- handshake.c ---- */
void pdk_handshake(PdkServer *server, PdkConnection *connection, const uint8_t *frame, size_t length);
/* createSession of a client was applied: its answer. */
void pdk_handshake_finish(PdkServer *server, PdkConnection *connection, PdkSession *session);
/* The leader knows its session, or does not. */
void pdk_handshake_returned(PdkServer *server, PdkConnection *connection, bool valid, int32_t timeout_ms);
/* The session is gone: whoever is attached is cut. */
void pdk_handshake_detach(PdkServer *server, PdkSession *session, bool flush);

/* ---- request.c ---- */
/* One frame of a READY connection. */
void pdk_request(PdkServer *server, PdkConnection *connection, const uint8_t *frame, size_t length);
/* The head of the ring was a request whose turn has come. */
void pdk_request_run_waiting(PdkServer *server, PdkConnection *connection);

/* ---- read.c, watching.c, access.c: request bodies; @in stands behind the header ---- */
typedef struct {
	PdkServer *server;
	PdkConnection *connection;
	int32_t xid, op;
	PdkJute in;
	PdkOutput *output; /* the reply being written */
} PdkRequest;

/*
 * Each writes the body to output->bytes and returns PDK_OK, or returns the refusal (what was written is
 * dropped).
 */
PdkCode pdk_read(PdkRequest *request);
PdkCode pdk_watching(PdkRequest *request);
PdkCode pdk_who_am_i(PdkRequest *request);
/* Closes those that do not read their events; not while events are being sent. */
void pdk_watching_drop_overrun(PdkServer *server);
bool pdk_is_read(int32_t op);
bool pdk_is_watching(int32_t op);

PdkWatchNotify pdk_watch_notify_function(void);

/* ---- access.c ---- */
void pdk_access_connected(PdkServer *server, PdkConnection *connection);
void pdk_access_clear(PdkConnection *connection);
/* How many of its identities count now; and: only the first @identities do, G_MAXUINT32: all. */
uint32_t pdk_access_identities(const PdkConnection *connection);
void pdk_access_as_of(PdkConnection *connection, uint32_t identities);
void pdk_access_add_identity(PdkConnection *connection, const char *scheme, const char *id);
/* May @connection (NULL: the server itself, which may all) do any of @perms under list @acl? */
bool pdk_access_allows(PdkServer *server, PdkConnection *connection, PdkAclId acl, int perms);
/* Is the connection's authentication enough for any request (enforce.auth)? */
bool pdk_access_enough(PdkServer *server, PdkConnection *connection);
/* An auth packet, answered at once. */
void pdk_access_auth(PdkServer *server, PdkConnection *connection, int32_t xid, PdkJute *in);
/*
 * Reads a vector<ACL> and appends its fixed-up encoding to @out. PDK_ERR_INVALID_ACL, PDK_ERR_MARSHALLING (then
 * in->failed may be set).
 */
PdkCode pdk_access_fix(PdkServer *server, PdkConnection *connection, PdkJute *in, PdkBuffer *out);
/* Reads over a vector<ACL>. */
void pdk_access_skip(PdkJute *in);
/* Appends the list as getACL shows it, digests masked unless @whole. */
void pdk_access_put(PdkServer *server, PdkBuffer *out, PdkAclId acl, bool whole);

/* ---- prep.c, multi.c, reconfig.c ---- */
/*
 * What a write asks for, checked: builds the txn record in server->scratch (without header) and sets pending
 * states. Everything in a pdk_pendings_begin..commit bracket of the caller.
 */
typedef struct {
	PdkServer *server;
	PdkConnection *connection; /* NULL: the server's own (expiry, cleaner) */
	int64_t session;
	int64_t zxid;
	int32_t txn_type; /* out */
	bool no_ephemerals; /* the session may be a local one of another server */
	uint32_t acls;    /* out: references put into server->acls */
	GByteArray *operations; /* out, owned by the caller: the opcodes of a multi, one byte each */
} PdkPrep;

/* One operation. On a refusal, nothing of the record was kept and pending states are back at what they were. */
PdkCode pdk_prep(PdkPrep *prep, int32_t op, PdkJute *in);
PdkCode pdk_prep_multi(PdkPrep *prep, PdkJute *in);
void pdk_prep_create_session(PdkPrep *prep, int32_t timeout_ms);
void pdk_prep_close_session(PdkPrep *prep);
PdkCode pdk_prep_reconfig(PdkPrep *prep, PdkJute *in);
bool pdk_reconfig_parses(PdkJute *in);
bool pdk_multi_parses(PdkJute in, GByteArray **operations);
bool pdk_multi_creates_ephemeral(PdkJute in);
/* Can a request body be read to its end? A multi's opcodes are put into *@operations (owned by the caller). */
bool pdk_prep_parses(int32_t op, PdkJute in, GByteArray **operations);
/* Is it a create of an ephemeral node, or a multi with one? A body that cannot be read is none. */
bool pdk_prep_creates_ephemeral(int32_t op, PdkJute in);
PdkCode pdk_prep_delete_container(PdkPrep *prep, const char *path, size_t length);
/* The checks of one operation of multi; the record goes to server->scratch. */
PdkCode pdk_prep_operation(PdkPrep *prep, int32_t op, PdkJute *in);

/* ---- pipeline.c ---- */
/* A client's write: proposed, answered in its turn. */
void pdk_propose_request(PdkServer *server, PdkConnection *connection, int32_t xid, int32_t op, PdkJute *in, uint32_t large);
void pdk_propose_create_session(PdkServer *server, PdkConnection *connection, int64_t id, int32_t timeout_ms);
void pdk_propose_close_session(PdkServer *server, PdkSession *session, PdkConnection *connection, int32_t xid);
void pdk_propose_close_orphan(PdkServer *server, int64_t id);
void pdk_propose_delete_container(PdkServer *server, const char *path, size_t length);
/* A sync: answered when all that is proposed now is applied. */
void pdk_propose_sync(PdkServer *server, PdkConnection *connection, int32_t xid, PdkSlice path);
/* A client of a learner, as the leader sees it. */
typedef struct {
	uint64_t owner;
	int64_t session;
	int32_t cxid;
	bool no_ephemerals; /* as in PdkPrep */
} PdkRemote;
/* Proposes what a learner forwarded; with a @code other than PDK_OK its refusal. @proxy carries the identities. */
void pdk_propose_remote(PdkServer *server, const PdkRemote *remote, PdkConnection *proxy, int32_t op, PdkJute *in, PdkCode code);
void pdk_propose_remote_create_session(PdkServer *server, const PdkRemote *remote, int32_t timeout_ms);
/* createSession of a session that was local until now: nobody waits for it. */
void pdk_propose_upgrade(PdkServer *server, int64_t id, int32_t timeout_ms);
void pdk_propose_remote_close_session(PdkServer *server, const PdkRemote *remote);
/* Answers with a refusal when the connection's earlier requests are answered. */
void pdk_refuse_in_turn(PdkServer *server, PdkConnection *connection, int32_t xid, PdkCode code);
/* Everything up to @zxid is durable here: stand-alone that is a commit. */
void pdk_pipeline_synced(PdkServer *server, int64_t zxid);
/* Everything up to @zxid is committed: applies and answers. */
void pdk_pipeline_commit(PdkServer *server, int64_t zxid);
/* A txn of the leader: logged, applied when it is committed. */
void pdk_pipeline_hold(PdkServer *server, int64_t zxid, GBytes *txn);
/* Txns above @zxid (-1: all) never happened. */
void pdk_pipeline_drop(PdkServer *server, int64_t zxid);
/* Leadership or leader are lost: nobody is answered, what was proposed here is now held like a leader's. */
void pdk_pipeline_demote(PdkServer *server);
/* @flight, taken off its queue, is done: takes it over. */
void pdk_pipeline_complete(PdkServer *server, PdkFlight *flight);
void pdk_flight_clear(PdkFlight *flight);
void pdk_pipeline_free(PdkServer *server);

/* ---- apply.c ---- */
typedef struct {
	int64_t session;
	int32_t cxid;
	int64_t zxid, time_ms;
	int32_t type;
} PdkTxnHeader;

/* Called for each operation of a txn after it took effect. @path may be NULL; @code is what recovery may hit. */
typedef struct {
	void (*applied)(void *context, int32_t type, const char *path, size_t length, PdkNode node, PdkCode code);
	void *context;
} PdkApplyObserver;

/* What stands behind a txn record: the digest of the tree after it. */
typedef struct {
	bool present;
	int32_t version;
	uint64_t value;
} PdkTxnDigest;

/*
 * Applies the whole record to tree, sessions, quotas and watches, and reads the digest behind it. False with
 * @error: the bytes are not a txn we know. @observer may be NULL.
 */
bool pdk_apply(PdkServer *server, const uint8_t *txn, size_t length, const PdkApplyObserver *observer, PdkTxnDigest *digest,
	       GError **error);
#define PDK_TXN_ERROR g_quark_from_static_string("pdk-txn-error")
#define PDK_TXN_DIGEST 12
bool pdk_txn_header(const uint8_t *txn, size_t length, PdkTxnHeader *into);
#define PDK_TXN_HEADER 32

/* ---- housekeeping.c ---- */
void pdk_housekeeping_start(PdkServer *server);
void pdk_housekeeping_appended(PdkServer *server, size_t bytes);
/* This server leads from now on. */
void pdk_housekeeping_lead(PdkServer *server);
/* A container or TTL node as it is, or is about to be, has no more use. */
bool pdk_housekeeping_may_go(const PdkServer *server, const PdkStat *stat, uint32_t children);
/* Expiry, cleaner, snapshot slices; lowers effects->deadline_us. */
void pdk_housekeeping_turn(PdkServer *server);
void pdk_housekeeping_snapshot_done(PdkServer *server, int64_t zxid, const char *failure);

/* Begins a walk of the tree as it is. */
PdkSnapshotWalk *pdk_housekeeping_walk(PdkServer *server);
PdkSnapshotTail pdk_housekeeping_tail(PdkServer *server);
/* Gives up the periodic snapshot under way, if its walk is not over. */
void pdk_housekeeping_stop_snapshot(PdkServer *server);

/* ---- replication.c, shipping.c, remote.c: an ensemble ---- */
#define PDK_OWNER_NONE UINT64_C(0)
#define PDK_OWNER_HERE UINT64_MAX
void pdk_replication_init(PdkServer *server);
/* Stand-alone, or a leader that is established. */
bool pdk_may_propose(const PdkServer *server);
/* Part of an ensemble and not its leader. */
bool pdk_is_learner(const PdkServer *server);

void pdk_shipping_hooks(PdkReplicaHooks *hooks);
/* A snapshot of the leader is durable, or could not be written. */
void pdk_shipping_saved(PdkServer *server, const char *failure);
void pdk_shipping_stop(PdkServer *server);

void pdk_remote_init(PdkServer *server);
void pdk_remote_free(PdkServer *server);
void pdk_remote_hooks(PdkReplicaHooks *hooks);
/* Requests under way are forgotten; their connections are cut by the caller. */
void pdk_remote_forget(PdkServer *server);
/* Each queues its request for the leader; @in stands behind the request header. */
void pdk_forward_request(PdkServer *server, PdkConnection *connection, int32_t xid, int32_t op, PdkJute in, uint32_t large);
void pdk_forward_create_session(PdkServer *server, PdkConnection *connection, int64_t id, int32_t timeout_ms);
void pdk_forward_upgrade(PdkServer *server, int64_t id, int32_t timeout_ms);
void pdk_forward_close_session(PdkServer *server, PdkConnection *connection, int32_t xid);
void pdk_forward_sync(PdkServer *server, PdkConnection *connection, int32_t xid, PdkSlice path);
/* Asks the leader about a session that comes back; ends in pdk_handshake_returned. */
void pdk_remote_revalidate(PdkServer *server, PdkConnection *connection, int64_t session, int32_t timeout_ms);
/* The leader is to hear that the client of @session is alive. */
void pdk_remote_touched(PdkServer *server, PdkSession *session);
/* Is the txn the outcome of the request forwarded longest ago? Then that is taken off the queue. */
bool pdk_remote_claim(PdkServer *server, const PdkTxnHeader *header, PdkFlight *into);
/* At a leader: createSession is proposed, or was applied. @owner: through whom the client speaks. */
void pdk_remote_arriving(PdkServer *server, int64_t session, uint64_t owner);
void pdk_remote_arrived(PdkServer *server, int64_t session);
void pdk_remote_closing(PdkServer *server, int64_t session);
/* At a leader: may a client of this server use @session? (SESSION_MOVED, SESSION_EXPIRED) */
PdkCode pdk_remote_check_local(PdkServer *server, int64_t session);

/* ---- local.c ---- */
/* Does a new session begin as a local one? Never stand-alone. */
bool pdk_local_sessions_wanted(const PdkServer *server);
PdkSession *pdk_local_begin(PdkServer *server, int64_t id, int32_t timeout_ms);
/* Its client is alive, whichever kind it is. */
void pdk_session_touch(PdkServer *server, PdkSession *session);
/* No connection has @session any more: a local one that was being closed is gone. */
void pdk_local_left(PdkServer *server, PdkSession *session);
/* @session is about to write: the upgrade goes out before, if it needs one; or the refusal. */
PdkCode pdk_local_before_write(PdkServer *server, PdkSession *session, int32_t op, PdkJute in);
/* createSession of @id was applied: a local session of that name moves over, with its connection. */
void pdk_local_upgraded(PdkServer *server, int64_t id);
/* The leader is lost: what was on its way is known to the next one, or gone. */
void pdk_local_forget_upgrades(PdkServer *server);
/* All get a full time-out. */
void pdk_local_renew(PdkServer *server);
/* Expiry; lowers effects->deadline_us. */
void pdk_local_turn(PdkServer *server);

/* ---- readonly.c ---- */
/* Begins when its time has come; lowers effects->deadline_us. */
void pdk_read_only_turn(PdkServer *server);
/* After each event: ends with the election. */
void pdk_read_only_check(PdkServer *server);
bool pdk_read_only_refuses(int32_t op);

/* ---- recovery.c ---- */
/* Compares the digest that came with @zxid with the tree's; a difference is told once and counted. */
void pdk_digest_compare(PdkServer *server, int64_t zxid, const PdkTxnDigest *digest);
/* Remembers the tree's digest when @zxid is one of those kept for `hash`. */
void pdk_digest_keep(PdkServer *server, int64_t zxid);

/* ---- gauges.c ---- */
bool pdk_gauges_metric(void *core, uint64_t *cursor, PdkMetric *into);

/* ---- view.c ---- */
void pdk_view_init(PdkServer *server);
void pdk_cells_init(PdkServer *server);

#endif

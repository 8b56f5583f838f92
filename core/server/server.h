/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server: events in, effects out. It touches no socket, file, clock, thread or chance; the host (or a
 * test) brings events and carries effects. One PdkServer a server; nothing is global.
 */
#ifndef PDK_SERVER_SERVER_H
#define PDK_SERVER_SERVER_H

#include "base/effects.h"
#include "server/registry.h"
#include "server/settings.h"
#include <paddock/admin.h>
#include <paddock/auth.h>
#include <paddock/persistence.h>
#include <paddock/view.h>

typedef struct PdkServer PdkServer;

typedef enum {
	PDK_EVENT_ACCEPTED = 1,  /* link, accepted: a client or a peer connected; effects->refused answers */
	PDK_EVENT_RECEIVED,      /* link, received: bytes, lent for the call */
	PDK_EVENT_UNSENT,        /* link, unsent: bytes the transport still holds after a send, or has left when drained */
	PDK_EVENT_CLOSED,        /* link: it is gone; the name is never used again */
	PDK_EVENT_SYNCED,        /* zxid: every txn up to it is durable */
	PDK_EVENT_SNAPSHOT_ROOM, /* parts can be taken again */
	PDK_EVENT_SNAPSHOT_DONE, /* zxid, snapshot: published, or failed with a message */
	PDK_EVENT_TURN,          /* the burst is over, or a deadline came: run what waits */
	PDK_EVENT_DIALLED,       /* link, dial: the connection asked for stands */
	PDK_EVENT_DIAL_FAILED,   /* dial, failed */
	PDK_EVENT_LISTENING,     /* listening: the answer to PDK_COMMAND_LISTEN */
	PDK_EVENT_RECORD_SAVED,  /* key */
	PDK_EVENT_TRUNCATED,     /* zxid, failure */
	PDK_EVENT_RELOADED,      /* the database was read again (failures are the host's to stop at) */
	PDK_EVENT_LOG_READ,      /* log_read */
	PDK_EVENT_STOP,          /* no new requests; answer what is proposed, then effects->stopped */
} PdkEventKind;

typedef struct {
	PdkEventKind kind;
	int64_t now_us;  /* monotonic */
	int64_t wall_ms; /* since 1970 */
	PdkLink link;
	union {
		struct {
			const char *address;     /* PDK_PEER_ADDRESS; copied */
			const char *endpoint;    /* PDK_PEER_ENDPOINT; copied */
			const char *certificate; /* or NULL */
			bool secure;
			PdkPurpose purpose;
		} accepted;
		uint32_t dial; /* DIALLED: as given in the command */
		struct {
			uint32_t dial;
			bool refused;       /* nobody listens there: the host is up, the server is not */
			const char *detail; /* for the log */
		} failed;
		struct {
			PdkPurpose purpose;
			const char *bound;   /* the address, NULL: failed */
			const char *failure;
		} listening;
		const char *key;
		struct {
			int64_t zxid;
			const char *failure; /* NULL: done */
		} truncated;
		struct {
			const PdkLoggedTxn *txns;
			size_t n;
			bool more;
			const char *failure;
		} log_read;
		struct {
			const uint8_t *data;
			size_t length;
		} received;
		size_t unsent;
		int64_t zxid;
		struct {
			int64_t zxid;
			const char *failure; /* NULL: published */
		} snapshot;
	};
} PdkEvent;

/* Numbers only the host knows; it keeps them fresh, readers see them through the view. */
typedef struct {
	int64_t data_dir_bytes, log_dir_bytes;
	int64_t open_files, max_files;
} PdkHostFacts;

typedef struct {
	const PdkSettings *settings; /* borrowed, outlives the server */
	PdkRegistry *registry;       /* borrowed, outlives the server */
	const PdkHostFacts *facts;   /* borrowed, outlives the server */
	const char *version;         /* "3.9.4-paddock-0.1.0", copied */
	const char *built_on;        /* copied */
	uint64_t seed;
	int64_t now_us, wall_ms;
	/* A line for the operator; may be NULL. */
	void (*log)(void *context, PdkLogLevel level, const char *line);
	void *log_context;
} PdkServerParams;

PdkServer *pdk_server_new(const PdkServerParams *params);
void pdk_server_free(PdkServer *server);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PdkServer, pdk_server_free)

/*
 * Before the first event; instances are borrowed and outlive the server. A scheme given twice: the first
 * stays.
 */
void pdk_server_add_auth(PdkServer *server, const PdkAuthOps *ops, PdkAuth *auth);
void pdk_server_add_admin(PdkServer *server, const PdkAdminOps *ops, PdkAdmin *admin);

/* What persistence calls while recovering; the context is the server. */
const PdkRecovery *pdk_server_recovery(void);
/*
 * Of an ensemble only (settings->replica is there). The first is for the election plugin's `create`, NULL stand-alone; the
 * second comes after recovery and before begin, see pdk_replica_join.
 */
const PdkEnsemble *pdk_server_ensemble(PdkServer *server);
bool pdk_server_join(PdkServer *server, const PdkElectionOps *ops, PdkElection *election, GBytes *accepted_epoch,
		     GBytes *current_epoch, int64_t last_logged, GError **error);

/* Before begin: where this server holds nothing, an operator said that this is right. See pdk_replica_trust. */
void pdk_server_trust(PdkServer *server);

/*
 * After recovery: sessions get a full timeout, orphaned ephemerals go, the first snapshot is asked for. Then
 * events may come. @can_snapshot: the persistence plugin has the snapshot slots.
 */
void pdk_server_begin(PdkServer *server, int64_t now_us, int64_t wall_ms, bool can_snapshot, PdkEffects *effects);

void pdk_server_step(PdkServer *server, const PdkEvent *event, PdkEffects *effects);

/* The persistence plugin's snapshot_part returned false: no further part before PDK_EVENT_SNAPSHOT_ROOM. */
void pdk_server_snapshot_full(PdkServer *server);

/* For admin and metrics plugins; lives as long as the server. */
const PdkView *pdk_server_view(PdkServer *server);

int64_t pdk_server_last_zxid(const PdkServer *server);
/* Walks and verifies everything (asserts). */
void pdk_server_check(const PdkServer *server);

#endif

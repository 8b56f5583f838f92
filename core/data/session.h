/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions: who is alive, until when, and at which connection. A touch changes one number; expiry goes by
 * buckets of one tick, lazily. Expiry only names the session: the closeSession txn ends it. Source:
 * SessionTrackerImpl, ExpiryQueue.
 */
#ifndef PDK_DATA_SESSION_H
#define PDK_DATA_SESSION_H

#include "base/buffer.h"
#include <stdbool.h>

typedef struct PdkSessions PdkSessions;

typedef struct {
	int64_t id;
	int32_t timeout_ms;          /* in force: the last negotiated */
	int32_t recorded_timeout_ms; /* of the createSession txn; what snapshots hold */
	bool closing;                /* a closeSession was proposed */
	bool touched;                /* the layer above is to tell of it */
	bool local;                  /* of the layer above: known to this server only */
	bool upgrading;              /* likewise: local, and about to be known to all */
	uint64_t owner;              /* through whom its client speaks, as the layer above counts; 0: nobody yet */
	uint32_t link;               /* slot of the attached connection + 1, 0: none */
	int64_t deadline_ms;         /* monotonic; read only */
} PdkSession;

/* @tick_ms > 0: the width of the buckets. */
PdkSessions *pdk_sessions_new(int32_t tick_ms);
void pdk_sessions_free(PdkSessions *sessions);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PdkSessions, pdk_sessions_free)
void pdk_sessions_clear(PdkSessions *sessions);

/*
 * A new id: server number in the top byte, 40 bits of wall clock ms at the first call, 16 bits of counter
 * and on; skips ids in use and 0x8000000000000000. @server_id 1..255.
 */
int64_t pdk_sessions_new_id(PdkSessions *sessions, uint8_t server_id, int64_t wall_ms);

/*
 * Adds a session, or finds the one there is and gives it @timeout_ms (its recorded one stays); the
 * deadline is now + timeout as a touch sets it, unless the session is closing. The pointer stays valid
 * until the session is removed.
 */
PdkSession *pdk_sessions_add(PdkSessions *sessions, int64_t id, int32_t timeout_ms, int64_t now_ms);
PdkSession *pdk_sessions_find(const PdkSessions *sessions, int64_t id);
void pdk_sessions_remove(PdkSessions *sessions, int64_t id);
/*
 * Moves the deadline to ((now + timeout) / tick + 1) * tick, never backwards. Does nothing to a
 * closing session. @session came from here.
 */
void pdk_sessions_touch(PdkSessions *sessions, PdkSession *session, int64_t now_ms);
/* Every session gets a full timeout from now (after a start). */
void pdk_sessions_touch_all(PdkSessions *sessions, int64_t now_ms);

/*
 * The next session whose bucket has come and that is not closing; NULL: none. The caller marks it closing
 * (or touches it) before it asks again.
 */
PdkSession *pdk_sessions_expired(PdkSessions *sessions, int64_t now_ms);
/* When to ask again, monotonic ms; INT64_MAX: never. May be early, never late. */
int64_t pdk_sessions_next_expiry(const PdkSessions *sessions);

uint64_t pdk_sessions_count(const PdkSessions *sessions);
/* In a stable order; *cursor starts 0; NULL at the end. Continues sensibly after changes. */
PdkSession *pdk_sessions_next(const PdkSessions *sessions, uint64_t *cursor);

/* The 16 bytes that every server computes for an id; a check, not a secret. */
#define PDK_SESSION_PASSWORD 16
void pdk_session_password(int64_t id, uint8_t into[PDK_SESSION_PASSWORD]);

void pdk_sessions_check(const PdkSessions *sessions);

#endif

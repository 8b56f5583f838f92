/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authentication: one scheme a plugin. It says which ids a connection gets, which ids may stand in an ACL,
 * and when one matches the other. `world`, `auth` and `super` are the core's own. Source: ZooKeeper's
 * ServerAuthenticationProvider.
 */
#ifndef PADDOCK_AUTH_H
#define PADDOCK_AUTH_H

#include <paddock/host.h>

G_BEGIN_DECLS

typedef struct PdkAuth PdkAuth;
typedef struct PdkAuthSession PdkAuthSession; /* the plugin's memory of one connection's rounds; may be unused (NULL) */

/* What is known of the other end. Valid during the call. */
typedef struct {
	const char *address;     /* PDK_PEER_ADDRESS */
	const char *certificate; /* PDK_PEER_CERTIFICATE or NULL */
} PdkAuthPeer;

typedef enum {
	PDK_AUTH_DONE = 1,    /* ids were added, the client is told it worked */
	PDK_AUTH_MORE = 2,    /* @token goes back to the client, another step follows (SASL) */
	PDK_AUTH_FAILED = 3,  /* -115, then the connection is closed */
	PDK_AUTH_PENDING = 4, /* the plugin calls `resume` of the result later, on the core thread; frames wait */
} PdkAuthStatus;

/* Where a plugin puts its findings. */
typedef struct PdkAuthResult PdkAuthResult;
struct PdkAuthResult {
	uint32_t size;
	/*
	 * Gives the connection the id (@scheme, @id); duplicates collapse. Scheme "super" bypasses every
	 * check.
	 */
	void (*add_id)(PdkAuthResult *self, const char *scheme, const char *id);
	/* The bytes for the client (SASL). */
	void (*set_token)(PdkAuthResult *self, const void *data, size_t length);
	/* After PDK_AUTH_PENDING: the final status. NULL where the caller cannot wait. */
	void (*resume)(PdkAuthResult *self, PdkAuthStatus status);
};

/* Required: create, destroy, scheme, valid_id, match. */
typedef struct {
	uint32_t size;
	PdkAuth *(*create)(const PdkHost *host, const PdkConfig *config, GError **error);
	void (*destroy)(PdkAuth *self);

	const char *(*scheme)(PdkAuth *self);
	/* Ids of this scheme name people: they take the place of scheme `auth` in an ACL. */
	bool (*identifies_people)(PdkAuth *self);
	/* May @id stand in an ACL? */
	bool (*valid_id)(PdkAuth *self, const char *id);
	/* Does the connection's id @have satisfy the ACL's id @wanted? */
	bool (*match)(PdkAuth *self, const char *have, const char *wanted);

	/* Optional: ids a connection gets by being there (ip: its address; x509: its certificate). */
	void (*connected)(PdkAuth *self, const PdkAuthPeer *peer, PdkAuthResult *result);

	/* Optional: state for the rounds of one connection, ended by `finish`; NULL is a fine answer. */
	PdkAuthSession *(*begin)(PdkAuth *self, const PdkAuthPeer *peer);
	/*
	 * Optional: the client sent an auth packet of this scheme (or a SASL token). @data NULL: null.
	 * Missing: always FAILED.
	 */
	PdkAuthStatus (*step)(PdkAuth *self, PdkAuthSession *session, const uint8_t *data, size_t length, PdkAuthResult *result);
	void (*finish)(PdkAuth *self, PdkAuthSession *session);

	/* Optional: the part of @id that whoAmI shows; NULL: all of it. Free with g_free. */
	char *(*user)(PdkAuth *self, const char *id);
	/* Optional: @id as getACL shows it to those without ADMIN; NULL: as it is. Free with g_free. */
	char *(*masked)(PdkAuth *self, const char *id);
} PdkAuthOps;

G_END_DECLS

#endif

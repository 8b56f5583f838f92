/* SPDX-License-Identifier: Apache-2.0 */
/* A client that asks one thing after the other, and waits for each answer. Changes when what it may ask does. */
#ifndef TESTS_SIM_CALLER_H
#define TESTS_SIM_CALLER_H

#include "sim/client.h"

#include "server/server-private.h"

#define TIMEOUT_MS 10000

/* What an answer is when there is no code. */
enum { ASK_CLOSED = 1, ASK_SILENCE = 2 };

typedef struct {
	Sim *sim;
	SimEnd *end;
	bool closed;
	GByteArray *inbox;
	int64_t session;
	uint8_t password[PDK_SESSION_PASSWORD];
	int32_t timeout_ms;
	bool read_only;   /* as the last connect response said */
	int32_t xid;
	int64_t zxid;     /* of the last reply */
	size_t frame;     /* its length; the body of a connect response or reply */
	uint8_t body[512];
} Caller;

Caller *caller_new(Sim *sim);
void caller_free(Caller *caller);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Caller, caller_free)
void caller_hang_up(Caller *caller);
/* Connects with the session it has, if any. True: a connect response came; its session is 0 where it expired. */
bool caller_call(Caller *caller, unsigned server, bool read_only);
/* @rest is taken. */
void caller_say(Caller *caller, int32_t op, PdkBuffer *rest);
/* The code of the next answer, or one of the above. */
int caller_hear(Caller *caller);
int caller_ask(Caller *caller, int32_t op, PdkBuffer body);
int caller_make(Caller *caller, const char *path, int32_t flags);
int caller_look_for(Caller *caller, const char *path);
int caller_finish(Caller *caller);

PdkBuffer body_of_create(const char *path, int32_t flags);
PdkBuffer body_of_multi(const char *path, int32_t flags);
PdkBuffer body_of_path(const char *path);

#endif

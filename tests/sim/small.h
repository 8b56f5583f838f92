/* SPDX-License-Identifier: Apache-2.0 */
/* A world of three servers for stories about sessions: how it is set, and what a story may look at. Changes when one of these does. */
#ifndef TESTS_SIM_SMALL_H
#define TESTS_SIM_SMALL_H

#include "sim/client.h"

#include "server/server-private.h"
#include <CUnit/Basic.h>

#define CASE(name) CU_add_test(suite, #name, name)
#define EQ(found, wanted) CU_ASSERT_EQUAL(found, wanted)
#define YES(condition) CU_ASSERT_TRUE(condition)
#define NO(condition) CU_ASSERT_FALSE(condition)

/* Settings for small_world. */
void small_upgrading(PdkSettings *settings);
void small_local_only(PdkSettings *settings);
void small_read_only(PdkSettings *settings);
void small_read_only_global(PdkSettings *settings);

/* It serves. */
Sim *small_world(void (*settings)(PdkSettings *));
/* A condition: every server that is up serves. */
bool small_serves(Sim *sim, void *data);
/* No check has failed. */
void small_end(Sim *sim);
unsigned small_leader(Sim *sim);
unsigned small_learner(Sim *sim);
unsigned small_other_learner(Sim *sim);
uint64_t small_locals(Sim *sim, unsigned server);
PdkSession *small_global(Sim *sim, unsigned server, int64_t session);
int64_t small_last_zxid(Sim *sim, unsigned server);
bool small_has(Sim *sim, unsigned server, const char *path);
void small_wait_ms(Sim *sim, int64_t ms);
/* Of the sessions that the view of @server shows, the local ones. */
uint64_t small_shown_local(Sim *sim, unsigned server, uint64_t *all);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of the simulated ensemble: one session that writes and reads, moves between servers, and judges every answer by what
 * it was promised. Changes when the life of a client does; what clients ask for stands in client-*.c, by the names of workload.h.
 */
#ifndef TESTS_SIM_CLIENT_H
#define TESTS_SIM_CLIENT_H

#include "sim/workload.h"
#include "sim/world.h"

typedef struct Client Client;
typedef struct Promises Promises; /* what all clients of a world were promised together */

/* All clients of a world do @workload. */
Promises *promises_new(Workload workload);
void promises_free(Promises *promises);
/* All is quiet: was what the clients saw together possible, and is what they were told of in the trees? Else the world fails. */
void promises_check(Promises *promises, Sim *sim);

/* It goes on by itself, with a think time between what it asks for. */
Client *client_new(Sim *sim, Promises *promises, unsigned number);
void client_free(Client *client);
/* It asks for nothing before then: leaders come and go without a txn of their own. */
void client_hush(Client *client, int64_t until_us);
/* No new requests; what is under way may end. */
void client_stop(Client *client);
/* Acknowledged creates so far, and requests answered. */
unsigned client_creates(const Client *client);
unsigned client_answers(const Client *client);

#endif

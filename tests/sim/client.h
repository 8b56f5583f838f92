/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of the simulated ensemble: one session that writes and reads, moves between servers, and remembers what it was
 * promised. Changes when what clients do, or what they may expect, does.
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

/*
 * Creates nodes one after the other (plain, ephemeral, sequential, two in a multi), reads, sets, syncs and watches between, with
 * a think time; now and then it moves to another server with a request under way, or sleeps until its session expires.
 */
Client *client_new(Sim *sim, Promises *promises, unsigned number);
void client_free(Client *client);
/* It asks for nothing before then: leaders come and go without a txn of their own. */
void client_hush(Client *client, int64_t until_us);
/* No new requests; what is under way may end. */
void client_stop(Client *client);
/* Acknowledged creates so far, and requests answered. */
unsigned client_creates(const Client *client);
unsigned client_answers(const Client *client);
/* Has @server's tree what was acknowledged, no half of a multi, ephemeral nodes of live sessions only? Else the world fails. */
void client_check(Client *client, unsigned server);

#endif

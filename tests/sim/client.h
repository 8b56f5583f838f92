/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of the simulated ensemble: one session that writes and reads, moves between servers, and remembers what it was
 * promised. Changes when what clients do, or what they may expect, does.
 */
#ifndef TESTS_SIM_CLIENT_H
#define TESTS_SIM_CLIENT_H

#include "sim/world.h"

typedef struct Client Client;

/* Creates nodes /cN-k one after the other, with reads, syncs and sets between; each with a think time. */
Client *client_new(Sim *sim, unsigned number);
void client_free(Client *client);
/* No new requests; what is under way may end. */
void client_stop(Client *client);
/* Acknowledged creates so far, and requests answered. */
unsigned client_creates(const Client *client);
unsigned client_answers(const Client *client);
/* Are all its acknowledged creates in @server's tree? Fails the world otherwise. */
void client_check(Client *client, unsigned server);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The checker of Paxos elections: it reads what servers say over election links. Changes when it is asked something new. */
#ifndef TESTS_SIM_CHECKS_PAXOS_H
#define TESTS_SIM_CHECKS_PAXOS_H

#include "sim/checks.h"

SimPaxos *sim_paxos_new(void);
void sim_paxos_free(SimPaxos *paxos);
/* An election link, dialled by the owner of @from. */
void sim_paxos_open(SimPaxos *paxos, SimEnd *from, SimEnd *to);
/* The disk of @node is gone: attempts begun so far may choose twice. */
void sim_paxos_wiped(SimPaxos *paxos, const Node *node);
void sim_paxos_sent(Node *node, SimEnd *end, const uint8_t *data, size_t length);

#endif

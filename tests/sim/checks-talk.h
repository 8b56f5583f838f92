/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes between servers, as the checkers see them. Changes when the way they are shown does. */
#ifndef TESTS_SIM_CHECKS_TALK_H
#define TESTS_SIM_CHECKS_TALK_H

#include "sim/checks.h"

/* @from dialled @to. */
void sim_talk_open(SimEnd *from, SimEnd *to, PdkPurpose purpose);
void sim_talk_free(void *talk);
/* @node sends this over its @end of a connection. */
void sim_talk_sent(Node *node, SimEnd *end, const uint8_t *data, size_t length);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Servers that their peers hear speaking as an older release of Apache ZooKeeper would, or a slow one. What such a server sends
 * to its peers is rewritten behind the checkers, who judge what it says itself. Changes when a way of speaking comes or goes.
 */
#ifndef TESTS_SIM_QUIRKS_H
#define TESTS_SIM_QUIRKS_H

#include "sim/world-private.h"

/* One end of a connection between servers that was just made; nothing is done where its owner has no quirk. */
void sim_speech_open(SimEnd *end, PdkPurpose purpose, bool dialled);
void sim_speech_free(SimSpeech *speech);
/* Its owner says this: what its quirk makes of it is sent, now or soon. */
void sim_speech_says(SimSpeech *speech, GBytes *bytes);
/* Its owner is about to be told this. */
void sim_speech_hears(SimSpeech *speech, const uint8_t *data, size_t length);
/* Nothing is held back any longer. */
void sim_speech_flush(SimSpeech *speech);
/* A life ends, and what was remembered in it. */
void sim_quirk_forgets(Node *node);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches a world and tells its story: a line for each thing that reached a server, and what the server did about it. Changes
 * when a story should be told better.
 */
#ifndef TESTS_GOLDEN_TELLER_H
#define TESTS_GOLDEN_TELLER_H

#include "golden/words.h"
#include "sim/world.h"

typedef struct Teller Teller;

/* It watches @sim from now on, and tells nothing yet. */
Teller *teller_new(Sim *sim);
void teller_free(Teller *teller);
/* Of these topics from now on. */
void teller_topics(Teller *teller, unsigned topics);
/* A heading; its clock begins at 0 again. */
void teller_chapter(Teller *teller, const char *text);
/* A line that is none of a server's. */
void teller_say(Teller *teller, unsigned topic, const char *text);
/* Has @server done or met something whose words contain @text since it was last asked for? Told or not. */
void teller_await(Teller *teller, unsigned server, const char *text);
bool teller_met(const Teller *teller);
/* All of it so far; belongs to the teller. */
const char *teller_story(Teller *teller);

#endif

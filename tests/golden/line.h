/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line of a story: what reached a server to the left, what it did to the right, in columns. Changes when lines look otherwise.
 */
#ifndef TESTS_GOLDEN_LINE_H
#define TESTS_GOLDEN_LINE_H

#include <glib.h>
#include <stdbool.h>

/* "PROPOSAL 1.3", "to", 2 */
typedef struct {
	const char *text;
	const char *preposition; /* static; NULL: no peer */
	unsigned peer;           /* sid */
	unsigned topic;          /* 0: never told for its own sake */
} LineItem;

/* No items. */
GPtrArray *line_side_new(void);
/* The same as before for another peer is said of both at once, with @anywhere wherever on the side it stands. */
void line_add(GPtrArray *side, bool anywhere, const LineItem *item);
/* Those of @topics; they belong to @side. */
GPtrArray *line_select(const GPtrArray *side, unsigned topics);
void line_put(GString *story, double ms, unsigned server, const GPtrArray *lefts, const GPtrArray *rights);

#endif

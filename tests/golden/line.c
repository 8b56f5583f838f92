/* SPDX-License-Identifier: Apache-2.0 */
#include "golden/line.h"

#include <string.h>

#define WIDTH 130
#define ARROW 56 /* its column */

/* "PROPOSAL 1.3", "to", "2, 3" */
typedef struct {
	char *text;
	const char *preposition; /* NULL: no peers */
	GString *peers;
	unsigned last_peer;
	unsigned topic; /* 0: never told for its own sake */
} Item;

static void
item_free(void *data)
{
	Item *item = data;
	g_free(item->text);
	g_string_free(item->peers, TRUE);
	g_free(item);
}

GPtrArray *
line_side_new(void)
{
	return g_ptr_array_new_with_free_func(item_free);
}

/* Which one of @side may say @new of one more peer; NULL: none. */
static Item *
find_same(const GPtrArray *side, bool anywhere, const LineItem *new)
{
	Item *last = side->len > 0 ? g_ptr_array_index(side, side->len - 1) : NULL;
	for (guint i = 0; new->preposition && anywhere && i < side->len; i++) {
		Item *item = g_ptr_array_index(side, i);
		if (item->preposition && strcmp(item->text, new->text) == 0)
			last = item;
	}
	bool same = last && last->preposition && new->preposition && strcmp(last->text, new->text) == 0;
	return same && last->last_peer != new->peer ? last : NULL;
}

void
line_add(GPtrArray *side, bool anywhere, const LineItem *new)
{
	Item *same = find_same(side, anywhere, new);
	if (same) {
		same->last_peer = new->peer;
		g_string_append_printf(same->peers, ", %u", new->peer);
		return;
	}
	Item *item = g_new0(Item, 1);
	item->text = g_strdup(new->text);
	item->preposition = new->preposition;
	item->last_peer = new->peer;
	item->peers = g_string_new(NULL);
	item->topic = new->topic;
	if (new->preposition)
		g_string_printf(item->peers, "%u", new->peer);
	g_ptr_array_add(side, item);
}

/* The peers are said once for all items in a row that have the same. */
static void
put_item(GString *line, const Item *item, const Item *next)
{
	bool same = next && next->preposition == item->preposition && strcmp(next->peers->str, item->peers->str) == 0;
	g_string_append(line, item->text);
	if (item->preposition && !same)
		g_string_append_printf(line, " %s %s", item->preposition, item->peers->str);
}

GPtrArray *
line_select(const GPtrArray *side, unsigned topics)
{
	GPtrArray *some = g_ptr_array_new();
	for (guint i = 0; i < side->len; i++)
		if (((const Item *)g_ptr_array_index(side, i))->topic & topics)
			g_ptr_array_add(some, g_ptr_array_index(side, i));
	return some;
}

static size_t
column(const GString *text)
{
	const char *line = strrchr(text->str, '\n');
	return line ? strlen(line + 1) : text->len;
}

static void
indent(GString *into, size_t to)
{
	if (column(into) > to)
		g_string_append_c(into, '\n');
	while (column(into) < to)
		g_string_append_c(into, ' ');
}

/* Wrapped between items, at @at. */
static void
put_side(GString *into, const GPtrArray *side, size_t at)
{
	for (guint i = 0; i < side->len; i++) {
		g_autoptr(GString) word = g_string_new(NULL);
		put_item(word, g_ptr_array_index(side, i), i + 1 < side->len ? g_ptr_array_index(side, i + 1) : NULL);
		if (i + 1 < side->len)
			g_string_append_c(word, ',');
		if (i > 0 && column(into) + 1 + word->len > WIDTH) {
			g_string_append_c(into, '\n');
			indent(into, at);
		} else if (i > 0) {
			g_string_append_c(into, ' ');
		}
		g_string_append(into, word->str);
	}
}

void
line_put(GString *story, double ms, unsigned server, const GPtrArray *lefts, const GPtrArray *rights)
{
	g_autoptr(GString) line = g_string_new(NULL);
	g_string_printf(line, "[%5.0f] %u  ", ms, server);
	size_t at = line->len;
	put_side(line, lefts, at);
	if (rights->len > 0) {
		if (lefts->len > 0)
			indent(line, ARROW);
		g_string_append(line, "-> ");
		put_side(line, rights, column(line));
	}
	g_string_append_printf(story, "%s\n", line->str);
}

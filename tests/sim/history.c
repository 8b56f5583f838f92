/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/history.h"

#include <inttypes.h>

typedef enum { OPEN, DONE, REFUSED, VOID } Outcome;

typedef struct {
	bool writes;
	Outcome outcome;
	int64_t begun_us, ended_us; /* INT64_MAX: never */
	int64_t value, expected, version;
} Entry;

struct History {
	GArray *entries; /* Entry */
};

History *
history_new(void)
{
	History *history = g_new0(History, 1);
	history->entries = g_array_new(FALSE, FALSE, sizeof(Entry));
	return history;
}

void
history_free(History *history)
{
	g_array_unref(history->entries);
	g_free(history);
}

static int
add(History *history, Entry entry)
{
	entry.ended_us = INT64_MAX;
	g_array_append_val(history->entries, entry);
	return (int)history->entries->len - 1;
}

int
history_write(History *history, int64_t now_us, int64_t value, int64_t expected)
{
	return add(history, (Entry){.writes = true, .begun_us = now_us, .value = value, .expected = expected});
}

int
history_read(History *history, int64_t now_us)
{
	return add(history, (Entry){.begun_us = now_us});
}

static Entry *
at(const History *history, int entry)
{
	return &g_array_index(history->entries, Entry, (guint)entry);
}

void
history_done(History *history, int entry, int64_t now_us, int64_t value, int64_t version)
{
	Entry *done = at(history, entry);
	done->outcome = DONE;
	done->ended_us = now_us;
	done->value = value;
	done->version = version;
}

void
history_refused(History *history, int entry, int64_t now_us)
{
	at(history, entry)->outcome = REFUSED;
	at(history, entry)->ended_us = now_us;
}

void
history_void(History *history, int entry)
{
	at(history, entry)->outcome = VOID;
}

/* ---- one order ---- */

/* By version, the write that made it before those who read it. */
static int
by_version(gconstpointer a, gconstpointer b)
{
	const Entry *one = *(Entry *const *)a, *other = *(Entry *const *)b;
	if (one->version != other->version)
		return one->version < other->version ? -1 : 1;
	if (one->writes != other->writes)
		return one->writes ? -1 : 1;
	return one->begun_us < other->begun_us ? -1 : one->begun_us > other->begun_us;
}

static Entry *
write_of(const History *history, int64_t value)
{
	for (guint i = 0; i < history->entries->len; i++) {
		Entry *entry = &g_array_index(history->entries, Entry, i);
		if (entry->writes && entry->value == value)
			return entry;
	}
	return NULL;
}

/* A read shows which version an unanswered write made. False: it shows what cannot be. */
static bool
explain_read(const History *history, const Entry *read)
{
	Entry *write = write_of(history, read->value);
	if (read->version == 0)
		return true; /* as it was created */
	if (write == NULL || write->outcome == REFUSED || write->outcome == VOID)
		return false;
	if (write->outcome == OPEN && write->version == 0)
		write->version = read->version;
	return write->version == read->version;
}

static char *
explain_all(const History *history, GPtrArray *order)
{
	for (guint i = 0; i < history->entries->len; i++) {
		Entry *entry = &g_array_index(history->entries, Entry, i);
		if (!entry->writes && entry->outcome == DONE && !explain_read(history, entry))
			return g_strdup_printf("value %" PRId64 " is read under version %" PRId64 ", which no write made", entry->value,
					       entry->version);
	}
	for (guint i = 0; i < history->entries->len; i++) {
		Entry *entry = &g_array_index(history->entries, Entry, i);
		if (entry->outcome == DONE || (entry->outcome == OPEN && entry->version > 0))
			g_ptr_array_add(order, entry);
	}
	g_ptr_array_sort(order, by_version);
	return NULL;
}

/* Nobody may have ended before somebody that stands before it in the order had begun. */
static char *
check_times(const GPtrArray *order)
{
	int64_t latest_us = INT64_MIN;
	for (guint i = 0; i < order->len; i++) {
		const Entry *entry = g_ptr_array_index(order, i), *before = i > 0 ? g_ptr_array_index(order, i - 1) : NULL;
		if (entry->ended_us < latest_us)
			return g_strdup_printf("a %s of version %" PRId64 " ended at %" PRId64 " us, one that stands before it began at %"
					       PRId64 " us", entry->writes ? "write" : "read", entry->version, entry->ended_us,
					       latest_us);
		if (before && entry->writes && before->writes && before->version == entry->version)
			return g_strdup_printf("two writes made version %" PRId64, entry->version);
		if (entry->writes && entry->expected >= 0 && entry->version != entry->expected + 1)
			return g_strdup_printf("a write on condition of version %" PRId64 " made %" PRId64, entry->expected,
					       entry->version);
		latest_us = MAX(latest_us, entry->begun_us);
	}
	return NULL;
}

/* A version was passed over, then a write that nobody heard of again made it. */
static char *
check_gaps(const History *history, const GPtrArray *order)
{
	int64_t missing = 0, last = 0, open = 0;
	for (guint i = 0; i < order->len; i++) {
		const Entry *entry = g_ptr_array_index(order, i);
		if (entry->version > last)
			missing += entry->version - last - 1;
		last = MAX(last, entry->version);
	}
	for (guint i = 0; i < history->entries->len; i++) {
		const Entry *entry = &g_array_index(history->entries, Entry, i);
		open += entry->writes && entry->outcome == OPEN && entry->version == 0;
	}
	return missing > open ? g_strdup_printf("%" PRId64 " versions come from nobody", missing - open) : NULL;
}

/* One that was refused had seen another version than it expected: a later write had begun before it ended. */
static char *
check_refusals(const History *history)
{
	for (guint i = 0; i < history->entries->len; i++) {
		const Entry *refused = &g_array_index(history->entries, Entry, i);
		bool explained = refused->outcome != REFUSED;
		for (guint k = 0; k < history->entries->len && !explained; k++) {
			const Entry *other = &g_array_index(history->entries, Entry, k);
			bool later = other->outcome == OPEN || (other->outcome == DONE && other->version > refused->expected);
			explained = other->writes && later && other->begun_us <= refused->ended_us;
		}
		if (!explained)
			return g_strdup_printf("a write on condition of version %" PRId64 " is refused, and no other had begun",
					       refused->expected);
	}
	return NULL;
}

char *
history_check(const History *history)
{
	g_autoptr(GPtrArray) order = g_ptr_array_new();
	char *wrong = explain_all(history, order);
	wrong = wrong ? wrong : check_times(order);
	wrong = wrong ? wrong : check_gaps(history, order);
	return wrong ? wrong : check_refusals(history);
}

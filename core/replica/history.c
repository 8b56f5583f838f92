/* SPDX-License-Identifier: Apache-2.0 */
/* How the last committed txns are kept. */
#include "replica/history.h"
#include "base/assert.h"

typedef struct {
	int64_t zxid;
	GBytes *txn;
} Entry;

/* A ring that grows up to @most entries. */
struct PdkHistory {
	Entry *entries;
	unsigned capacity, first, n;
	unsigned most;
	size_t bytes, max_bytes;
};

static Entry *
entry_at(const PdkHistory *history, unsigned index)
{
	pdk_assert(index < history->n);
	return &history->entries[((uint64_t)history->first + index) % history->capacity];
}

PdkHistory *
pdk_history_new(unsigned count, size_t max_bytes)
{
	PdkHistory *history = g_new0(PdkHistory, 1);

	pdk_assert(count >= 1);
	history->most = count > G_MAXUINT / 2 ? G_MAXUINT : 2 * count;
	history->max_bytes = max_bytes;
	return history;
}

static void
forget(PdkHistory *history, Entry *entry)
{
	history->bytes -= g_bytes_get_size(entry->txn);
	g_clear_pointer(&entry->txn, g_bytes_unref);
	history->n--;
}

static void
forget_first(PdkHistory *history)
{
	forget(history, entry_at(history, 0));
	history->first = (history->first + 1) % history->capacity;
}

void
pdk_history_clear(PdkHistory *history)
{
	while (history->n > 0)
		forget_first(history);
}

void
pdk_history_free(PdkHistory *history)
{
	if (history == NULL)
		return;
	pdk_history_clear(history);
	g_free(history->entries);
	g_free(history);
}

static void
grow(PdkHistory *history)
{
	unsigned capacity = history->capacity > history->most / 2 ? history->most : MAX(2 * history->capacity, 16);
	capacity = MIN(capacity, history->most);
	Entry *entries = g_new0(Entry, capacity);

	for (unsigned i = 0; i < history->n; i++)
		entries[i] = *entry_at(history, i);
	g_free(history->entries);
	history->entries = entries;
	history->capacity = capacity;
	history->first = 0;
}

void
pdk_history_add(PdkHistory *history, int64_t zxid, GBytes *txn)
{
	pdk_assert(history->n == 0 || zxid > pdk_history_last(history));
	if (history->n == history->most)
		forget_first(history);
	if (history->n == history->capacity)
		grow(history);
	history->n++;
	*entry_at(history, history->n - 1) = (Entry){zxid, g_bytes_ref(txn)};
	history->bytes += g_bytes_get_size(txn);
	while (history->bytes > history->max_bytes && history->n > 1)
		forget_first(history);
}

void
pdk_history_cut(PdkHistory *history, int64_t zxid)
{
	while (history->n > 0 && pdk_history_last(history) > zxid)
		forget(history, entry_at(history, history->n - 1));
}

bool
pdk_history_empty(const PdkHistory *history)
{
	return history->n == 0;
}

int64_t
pdk_history_first(const PdkHistory *history)
{
	return entry_at(history, 0)->zxid;
}

int64_t
pdk_history_last(const PdkHistory *history)
{
	pdk_assert(history->n > 0);
	return entry_at(history, history->n - 1)->zxid;
}

unsigned
pdk_history_count(const PdkHistory *history)
{
	return history->n;
}

GBytes *
pdk_history_at(const PdkHistory *history, unsigned index, int64_t *zxid)
{
	Entry *entry = entry_at(history, index);

	if (zxid != NULL)
		*zxid = entry->zxid;
	return entry->txn;
}

unsigned
pdk_history_find(const PdkHistory *history, int64_t zxid)
{
	unsigned low = 0, high = history->n;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;
		if (entry_at(history, middle)->zxid < zxid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

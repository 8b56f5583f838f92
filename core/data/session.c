/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a session lives and expires. Records are found by id; each waits in a slot of a wheel, by the
 * number of the bucket that its deadline had when it was last looked at. A touch only raises the
 * deadline: when the slot comes up, the record moves on to where it belongs by then. A record costs 64
 * bytes and one head of the index.
 */
#include "data/session.h"

#include "data/slab.h"

/*
 * Buckets farther than this share a slot with nearer ones, and are looked at once in a turn of the wheel
 * for nothing.
 */
#define SLOTS 64

typedef struct {
	PdkSession session; /* first: a PdkSession pointer is the record's */
	uint32_t number;    /* of the record itself; 0: not in use */
	uint32_t chain;
	uint32_t next, previous; /* in its slot, a ring without a head; 0: not on the wheel */
	uint32_t slot;
} Record;

struct PdkSessions {
	PdkSlab records;
	PdkIndex index;
	int32_t tick_ms;
	int64_t passed; /* buckets up to this number have been looked at */
	uint32_t slots[SLOTS];
	uint32_t waiting; /* records on the wheel */
	int64_t next_id;  /* 0: none given out yet */
};

static uint32_t
record_hash(const void *owner, const void *record)
{
	(void)owner;
	return pdk_hash_u64((uint64_t)((const Record *)record)->session.id);
}

static Record *
record_at(const PdkSessions *sessions, uint32_t number)
{
	return pdk_slab_at(&sessions->records, number);
}

PdkSessions *
pdk_sessions_new(int32_t tick_ms)
{
	pdk_assert(tick_ms > 0);
	PdkSessions *sessions = g_new0(PdkSessions, 1);
	pdk_slab_init(&sessions->records, sizeof(Record));
	pdk_index_init(&sessions->index, &sessions->records, offsetof(Record, chain), record_hash, NULL);
	sessions->tick_ms = tick_ms;
	return sessions;
}

void
pdk_sessions_clear(PdkSessions *sessions)
{
	pdk_index_clear(&sessions->index);
	pdk_slab_clear(&sessions->records);
	memset(sessions->slots, 0, sizeof(sessions->slots));
	sessions->waiting = 0;
}

void
pdk_sessions_free(PdkSessions *sessions)
{
	pdk_sessions_clear(sessions);
	g_free(sessions);
}

int64_t
pdk_sessions_new_id(PdkSessions *sessions, uint8_t server_id, int64_t wall_ms)
{
	pdk_assert(server_id > 0);
	if (sessions->next_id == 0) {
		uint64_t first = ((uint64_t)wall_ms << 24 >> 8) | (uint64_t)server_id << 56;
		sessions->next_id = (int64_t)first;
	}
	int64_t id;
	do {
		id = sessions->next_id;
		sessions->next_id = (int64_t)((uint64_t)id + 1);
	} while (id == INT64_MIN || pdk_sessions_find(sessions, id) != NULL);
	return id;
}

static void
leave_wheel(PdkSessions *sessions, Record *record)
{
	if (record->next == 0)
		return;
	uint32_t *head = &sessions->slots[record->slot];
	if (record->next == record->number) {
		*head = 0;
	} else {
		record_at(sessions, record->next)->previous = record->previous;
		record_at(sessions, record->previous)->next = record->next;
		if (*head == record->number)
			*head = record->next;
	}
	record->next = record->previous = 0;
	sessions->waiting--;
}

/*
 * At the end of the slot of its deadline's bucket, so that those of one bucket expire in the order they
 * came.
 */
static void
join_wheel(PdkSessions *sessions, Record *record)
{
	pdk_assert(record->next == 0);
	int64_t bucket = MAX(record->session.deadline_ms / sessions->tick_ms, sessions->passed + 1);
	record->slot = (uint32_t)(bucket % SLOTS);
	uint32_t *head = &sessions->slots[record->slot];
	if (*head == 0) {
		*head = record->next = record->previous = record->number;
	} else {
		Record *first = record_at(sessions, *head);
		record->next = *head;
		record->previous = first->previous;
		record_at(sessions, first->previous)->next = record->number;
		first->previous = record->number;
	}
	sessions->waiting++;
}

void
pdk_sessions_touch(PdkSessions *sessions, PdkSession *session, int64_t now_ms)
{
	pdk_assert(now_ms >= 0);
	if (session->closing)
		return;
	Record *record = (Record *)session;
	int64_t tick = sessions->tick_ms;
	int64_t deadline = ((now_ms + session->timeout_ms) / tick + 1) * tick;
	session->deadline_ms = MAX(session->deadline_ms, deadline);
	if (record->next == 0)
		join_wheel(sessions, record);
}

PdkSession *
pdk_sessions_find(const PdkSessions *sessions, int64_t id)
{
	uint32_t at = pdk_index_first(&sessions->index, pdk_hash_u64((uint64_t)id));
	for (; at != 0; at = pdk_index_next(&sessions->index, at)) {
		Record *record = record_at(sessions, at);
		if (record->session.id == id)
			return &record->session;
	}
	return NULL;
}

PdkSession *
pdk_sessions_add(PdkSessions *sessions, int64_t id, int32_t timeout_ms, int64_t now_ms)
{
	pdk_assert(timeout_ms >= 0);
	PdkSession *session = pdk_sessions_find(sessions, id);
	if (session == NULL) {
		uint32_t number = pdk_slab_take(&sessions->records);
		Record *record = record_at(sessions, number);
		record->number = number;
		session = &record->session;
		session->id = id;
		session->recorded_timeout_ms = timeout_ms;
		pdk_index_insert(&sessions->index, number);
	}
	session->timeout_ms = timeout_ms;
	pdk_sessions_touch(sessions, session, now_ms);
	return session;
}

void
pdk_sessions_remove(PdkSessions *sessions, int64_t id)
{
	Record *record = (Record *)pdk_sessions_find(sessions, id);
	if (record == NULL)
		return;
	leave_wheel(sessions, record);
	uint32_t number = record->number;
	pdk_index_remove(&sessions->index, number);
	pdk_slab_give(&sessions->records, number);
}

void
pdk_sessions_touch_all(PdkSessions *sessions, int64_t now_ms)
{
	uint64_t cursor = 0;
	PdkSession *session;
	while ((session = pdk_sessions_next(sessions, &cursor)) != NULL)
		pdk_sessions_touch(sessions, session, now_ms);
}

/* The first of the slot's records whose time has come; the others move on to where they belong now. */
static PdkSession *
expired_in_slot(PdkSessions *sessions, uint32_t slot, int64_t now_ms)
{
	uint32_t last = sessions->slots[slot] == 0 ? 0 : record_at(sessions, sessions->slots[slot])->previous;
	while (sessions->slots[slot] != 0) {
		Record *record = record_at(sessions, sessions->slots[slot]);
		bool was_last = record->number == last;
		if (!record->session.closing && record->session.deadline_ms <= now_ms)
			return &record->session;
		leave_wheel(sessions, record);
		if (!record->session.closing)
			join_wheel(sessions, record);
		if (was_last)
			return NULL;
	}
	return NULL;
}

PdkSession *
pdk_sessions_expired(PdkSessions *sessions, int64_t now_ms)
{
	int64_t due = now_ms / sessions->tick_ms;
	if (sessions->waiting == 0 || due - sessions->passed > SLOTS)
		sessions->passed = MAX(sessions->passed, sessions->waiting == 0 ? due : due - SLOTS);
	while (sessions->passed < due) {
		uint32_t slot = (uint32_t)((sessions->passed + 1) % SLOTS);
		PdkSession *session = expired_in_slot(sessions, slot, now_ms);
		if (session != NULL)
			return session;
		sessions->passed++;
	}
	return NULL;
}

int64_t
pdk_sessions_next_expiry(const PdkSessions *sessions)
{
	if (sessions->waiting == 0)
		return INT64_MAX;
	int64_t bucket = sessions->passed + 1;
	while (sessions->slots[bucket % SLOTS] == 0)
		bucket++;
	return bucket * sessions->tick_ms;
}

uint64_t
pdk_sessions_count(const PdkSessions *sessions)
{
	return sessions->records.live;
}

PdkSession *
pdk_sessions_next(const PdkSessions *sessions, uint64_t *cursor)
{
	while (*cursor + 1 < sessions->records.end) {
		Record *record = record_at(sessions, (uint32_t)++*cursor);
		if (record->number != 0)
			return &record->session;
	}
	return NULL;
}

/* Sixteen bytes of the generator of java.util.Random under a seed made from the id. */
void
pdk_session_password(int64_t id, uint8_t into[PDK_SESSION_PASSWORD])
{
	const uint64_t multiplier = UINT64_C(0x5DEECE66D), mask = (UINT64_C(1) << 48) - 1;
	uint64_t state = ((uint64_t)id ^ UINT64_C(0xB3415C00) ^ multiplier) & mask;
	for (int i = 0; i < PDK_SESSION_PASSWORD; i += 4) {
		state = (state * multiplier + 0xB) & mask;
		uint32_t word = GUINT32_TO_LE((uint32_t)(state >> 16));
		memcpy(into + i, &word, sizeof(word));
	}
}

static uint32_t
check_slot(const PdkSessions *sessions, uint32_t slot)
{
	uint32_t seen = 0, first = sessions->slots[slot], at = first;
	while (at != 0) {
		const Record *record = record_at(sessions, at);
		pdk_assert(record->number == at && record->slot == slot);
		pdk_assert(record_at(sessions, record->next)->previous == at);
		pdk_assert(++seen <= sessions->waiting);
		at = record->next == first ? 0 : record->next;
	}
	return seen;
}

void
pdk_sessions_check(const PdkSessions *sessions)
{
	pdk_index_check(&sessions->index);
	pdk_assert(sessions->index.count == sessions->records.live);
	uint32_t waiting = 0, live = 0;
	for (uint32_t slot = 0; slot < SLOTS; slot++)
		waiting += check_slot(sessions, slot);
	pdk_assert(waiting == sessions->waiting);
	uint64_t cursor = 0;
	PdkSession *session;
	while ((session = pdk_sessions_next(sessions, &cursor)) != NULL) {
		live++;
		pdk_assert(pdk_sessions_find(sessions, session->id) == session);
		pdk_assert(session->closing || ((const Record *)session)->next != 0);
		pdk_assert(session->deadline_ms % sessions->tick_ms == 0);
	}
	pdk_assert(live == sessions->records.live);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Proves how sessions live and expire, by single cases and beside a simple model. */
#include "base/random.h"
#include "data/session.h"

#include <CUnit/Basic.h>

static void
password_of_an_id_is_the_one_every_server_computes(void)
{
	static const uint8_t expected[PDK_SESSION_PASSWORD] = {0x2b, 0xa6, 0x6e, 0xba, 0xdc, 0x93, 0xa0, 0x10,
							       0x81, 0x68, 0x07, 0x18, 0x85, 0xad, 0x99, 0xad};
	uint8_t password[PDK_SESSION_PASSWORD];
	pdk_session_password(0x10000162b870000, password);
	CU_ASSERT_EQUAL(memcmp(password, expected, sizeof(expected)), 0);
}

static void
ids_carry_the_server_number_and_skip_those_in_use(void)
{
	g_autoptr(PdkSessions) sessions = pdk_sessions_new(2000);
	int64_t wall_ms = INT64_C(1790000000000);
	int64_t first = pdk_sessions_new_id(sessions, 7, wall_ms);
	CU_ASSERT_EQUAL((uint64_t)first >> 56, 7);
	CU_ASSERT_EQUAL(((uint64_t)first >> 16) & UINT64_C(0xffffffffff), (uint64_t)wall_ms & UINT64_C(0xffffffffff));
	CU_ASSERT_EQUAL(first & 0xffff, 0);
	pdk_sessions_add(sessions, first + 1, 4000, 0);
	pdk_sessions_add(sessions, first + 2, 4000, 0);
	CU_ASSERT_EQUAL(pdk_sessions_new_id(sessions, 7, wall_ms + 5000), first + 3);
	CU_ASSERT_EQUAL(pdk_sessions_new_id(sessions, 7, 0), first + 4);
}

static void
the_id_that_marks_containers_is_never_given(void)
{
	g_autoptr(PdkSessions) sessions = pdk_sessions_new(2000);
	int64_t id = pdk_sessions_new_id(sessions, 128, 0);
	CU_ASSERT_EQUAL((uint64_t)id, UINT64_C(0x8000000000000001));
}

static void
a_session_expires_when_the_clock_reaches_its_bucket(void)
{
	g_autoptr(PdkSessions) sessions = pdk_sessions_new(2000);
	CU_ASSERT_EQUAL(pdk_sessions_next_expiry(sessions), INT64_MAX);
	PdkSession *session = pdk_sessions_add(sessions, 42, 4000, 100500);
	CU_ASSERT_EQUAL(session->deadline_ms, (100500 + 4000) / 2000 * 2000 + 2000);
	CU_ASSERT_TRUE(pdk_sessions_next_expiry(sessions) <= session->deadline_ms);
	CU_ASSERT_PTR_NULL(pdk_sessions_expired(sessions, session->deadline_ms - 1));
	CU_ASSERT_PTR_EQUAL(pdk_sessions_expired(sessions, session->deadline_ms), session);
	session->closing = true;
	CU_ASSERT_PTR_NULL(pdk_sessions_expired(sessions, session->deadline_ms));
	CU_ASSERT_EQUAL(pdk_sessions_next_expiry(sessions), INT64_MAX);
	pdk_sessions_check(sessions);
	pdk_sessions_remove(sessions, 42);
	CU_ASSERT_PTR_NULL(pdk_sessions_find(sessions, 42));
	CU_ASSERT_EQUAL(pdk_sessions_count(sessions), 0);
}

static void
a_touch_moves_the_deadline_forward_only(void)
{
	g_autoptr(PdkSessions) sessions = pdk_sessions_new(1000);
	PdkSession *session = pdk_sessions_add(sessions, 1, 10000, 5000);
	CU_ASSERT_EQUAL(session->deadline_ms, 16000);
	session->timeout_ms = 2000;
	pdk_sessions_touch(sessions, session, 6000);
	CU_ASSERT_EQUAL(session->deadline_ms, 16000);
	pdk_sessions_touch(sessions, session, 15000);
	CU_ASSERT_EQUAL(session->deadline_ms, 18000);
	CU_ASSERT_PTR_NULL(pdk_sessions_expired(sessions, 17999));
	CU_ASSERT_PTR_EQUAL(pdk_sessions_expired(sessions, 18000), session);
}

static void
adding_again_gives_the_same_session_a_new_timeout(void)
{
	g_autoptr(PdkSessions) sessions = pdk_sessions_new(1000);
	PdkSession *session = pdk_sessions_add(sessions, 1, 4000, 0);
	CU_ASSERT_PTR_EQUAL(pdk_sessions_add(sessions, 1, 9000, 0), session);
	CU_ASSERT_EQUAL(session->timeout_ms, 9000);
	CU_ASSERT_EQUAL(session->recorded_timeout_ms, 4000);
	CU_ASSERT_EQUAL(session->deadline_ms, 10000);
	CU_ASSERT_EQUAL(pdk_sessions_count(sessions), 1);
}

static void
after_a_start_every_session_has_a_full_timeout(void)
{
	g_autoptr(PdkSessions) sessions = pdk_sessions_new(1000);
	for (int64_t id = 1; id <= 100; id++)
		pdk_sessions_add(sessions, id, (int32_t)id * 100, 0);
	pdk_sessions_touch_all(sessions, 50000);
	for (int64_t id = 1; id <= 100; id++)
		CU_ASSERT_EQUAL(pdk_sessions_find(sessions, id)->deadline_ms, ((50000 + id * 100) / 1000 + 1) * 1000);
	CU_ASSERT_PTR_NULL(pdk_sessions_expired(sessions, 50999));
	CU_ASSERT_PTR_NOT_NULL(pdk_sessions_expired(sessions, 51000));
}

static void
sessions_of_one_bucket_expire_in_the_order_they_came(void)
{
	g_autoptr(PdkSessions) sessions = pdk_sessions_new(1000);
	for (int64_t id = 1; id <= 5000; id++)
		pdk_sessions_add(sessions, id * 77, 4000, 0);
	for (int64_t id = 1; id <= 5000; id++) {
		PdkSession *session = pdk_sessions_expired(sessions, 5000);
		CU_ASSERT_PTR_NOT_NULL_FATAL(session);
		CU_ASSERT_EQUAL(session->id, id * 77);
		session->closing = true;
	}
	CU_ASSERT_PTR_NULL(pdk_sessions_expired(sessions, 5000));
}

/* The model: a table of deadlines, searched in full. */
enum { IDS = 300 };
typedef struct {
	bool there, closing;
	int64_t deadline;
	int32_t timeout;
	PdkSession *session;
} Model;

static void
compare_with(PdkSessions *sessions, Model *model, int64_t now)
{
	uint64_t live = 0, cursor = 0, walked = 0;
	int64_t nearest = INT64_MAX;
	for (int id = 0; id < IDS; id++) {
		PdkSession *session = pdk_sessions_find(sessions, id);
		CU_ASSERT_PTR_EQUAL(session, model[id].there ? model[id].session : NULL);
		if (!model[id].there)
			continue;
		live++;
		CU_ASSERT_EQUAL(session->deadline_ms, model[id].deadline);
		CU_ASSERT_EQUAL(session->timeout_ms, model[id].timeout);
		if (!model[id].closing)
			nearest = MIN(nearest, model[id].deadline);
	}
	CU_ASSERT_TRUE(nearest > now);
	CU_ASSERT_TRUE(pdk_sessions_next_expiry(sessions) <= nearest);
	while (pdk_sessions_next(sessions, &cursor) != NULL)
		walked++;
	CU_ASSERT_EQUAL(walked, live);
	CU_ASSERT_EQUAL(pdk_sessions_count(sessions), live);
	pdk_sessions_check(sessions);
}

static void
expire_in(PdkSessions *sessions, Model *model, PdkRandom *random, int64_t now)
{
	PdkSession *session;
	while ((session = pdk_sessions_expired(sessions, now)) != NULL) {
		Model *m = &model[session->id];
		CU_ASSERT_TRUE(m->there && !m->closing && m->deadline <= now);
		if (pdk_random_below(random, 10) == 0) {
			pdk_sessions_touch(sessions, session, now);
			m->deadline = session->deadline_ms;
			CU_ASSERT_TRUE(m->deadline > now);
		} else {
			session->closing = m->closing = true;
		}
	}
}

static void
sessions_behave_as_a_searched_table_does(void)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		PdkRandom random = pdk_random(seed);
		int32_t tick = 1 + (int32_t)pdk_random_below(&random, 3000);
		g_autoptr(PdkSessions) sessions = pdk_sessions_new(tick);
		Model model[IDS] = {0};
		int64_t now = (int64_t)pdk_random_below(&random, 1000000);
		for (int step = 0; step < 4000; step++) {
			int id = (int)pdk_random_below(&random, IDS);
			Model *m = &model[id];
			uint64_t what = pdk_random_below(&random, 100);
			if (what < 20) {
				uint64_t longest = (uint64_t)tick * (what == 0 ? 500 : 40);
				m->timeout = (int32_t)pdk_random_below(&random, longest);
				m->session = pdk_sessions_add(sessions, id, m->timeout, now);
				int64_t deadline = ((now + m->timeout) / tick + 1) * tick;
				if (!m->there || !m->closing)
					m->deadline = m->there ? MAX(m->deadline, deadline) : deadline;
				m->there = true;
			} else if (what < 70 && m->there && !m->closing) {
				pdk_sessions_touch(sessions, m->session, now);
				m->deadline = MAX(m->deadline, ((now + m->timeout) / tick + 1) * tick);
			} else if (what < 80) {
				pdk_sessions_remove(sessions, id);
				*m = (Model){0};
			} else if (what < 99) {
				now += (int64_t)pdk_random_below(&random, (uint64_t)tick);
			} else {
				now += (int64_t)pdk_random_below(&random, (uint64_t)tick * 200);
			}
			expire_in(sessions, model, &random, now);
			if (step % 64 == 0)
				compare_with(sessions, model, now);
		}
		compare_with(sessions, model, now);
	}
}

static void
clearing_forgets_all_and_starts_over(void)
{
	g_autoptr(PdkSessions) sessions = pdk_sessions_new(1000);
	for (int64_t id = 1; id <= 10000; id++)
		pdk_sessions_add(sessions, id, 4000, 0);
	pdk_sessions_clear(sessions);
	pdk_sessions_check(sessions);
	CU_ASSERT_EQUAL(pdk_sessions_count(sessions), 0);
	CU_ASSERT_PTR_NULL(pdk_sessions_expired(sessions, 1000000));
	CU_ASSERT_PTR_NOT_NULL(pdk_sessions_add(sessions, 5, 4000, 1000000));
	pdk_sessions_check(sessions);
}

#define CASE(name) CU_add_test(suite, #name, name)

int
main(void)
{
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 99;
	CU_pSuite suite = CU_add_suite("session", NULL, NULL);
	CASE(password_of_an_id_is_the_one_every_server_computes);
	CASE(ids_carry_the_server_number_and_skip_those_in_use);
	CASE(the_id_that_marks_containers_is_never_given);
	CASE(a_session_expires_when_the_clock_reaches_its_bucket);
	CASE(a_touch_moves_the_deadline_forward_only);
	CASE(adding_again_gives_the_same_session_a_new_timeout);
	CASE(after_a_start_every_session_has_a_full_timeout);
	CASE(sessions_of_one_bucket_expire_in_the_order_they_came);
	CASE(sessions_behave_as_a_searched_table_does);
	CASE(clearing_forgets_all_and_starts_over);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0;
}

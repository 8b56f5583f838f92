/* SPDX-License-Identifier: Apache-2.0 */
/* Proves the parts the loop stands on: timers, threads, links. */
#include "host/lanes.h"
#include "host/links.h"
#include "host/timers.h"
#include "suite.h"

/* A timer's data: where to write, and what. */
typedef struct {
	GString *story;
	char letter;
} Word;

static void
note(void *data)
{
	Word *word = data;
	g_string_append_c(word->story, word->letter);
}

static void
timers_fire_by_moment_then_in_the_order_made(void)
{
	g_autoptr(PdkTimers) timers = pdk_timers_new();
	g_autoptr(GString) story = g_string_new(NULL);
	Word words[] = {{story, 'a'}, {story, 'b'}, {story, 'c'}, {story, 'd'}};
	CU_ASSERT_EQUAL(pdk_timers_next(timers), INT64_MAX);
	pdk_timers_add(timers, NULL, 30, note, &words[0]);
	pdk_timers_add(timers, NULL, 10, note, &words[1]);
	pdk_timers_add(timers, NULL, 20, note, &words[2]);
	pdk_timers_add(timers, NULL, 20, note, &words[3]);
	CU_ASSERT_EQUAL(pdk_timers_next(timers), 10);
	CU_ASSERT_FALSE(pdk_timers_fire(timers, 9));
	CU_ASSERT_TRUE(pdk_timers_fire(timers, 20));
	CU_ASSERT_STRING_EQUAL(story->str, "bcd");
	CU_ASSERT_EQUAL(pdk_timers_next(timers), 30);
	CU_ASSERT_TRUE(pdk_timers_fire(timers, 100));
	CU_ASSERT_STRING_EQUAL(story->str, "bcda");
}

static void
a_cancelled_timer_does_not_fire_and_spent_handles_are_harmless(void)
{
	g_autoptr(PdkTimers) timers = pdk_timers_new();
	g_autoptr(GString) story = g_string_new(NULL);
	Word words[] = {{story, 'a'}, {story, 'b'}, {story, 'c'}};
	int owner;
	uint64_t first = pdk_timers_add(timers, NULL, 1, note, &words[0]);
	pdk_timers_cancel(timers, first);
	uint64_t second = pdk_timers_add(timers, NULL, 2, note, &words[1]);
	CU_ASSERT_NOT_EQUAL(first, second);
	pdk_timers_cancel(timers, first);
	pdk_timers_cancel(timers, 0);
	pdk_timers_add(timers, &owner, 2, note, &words[2]);
	pdk_timers_cancel_owner(timers, &owner);
	CU_ASSERT_TRUE(pdk_timers_fire(timers, 5));
	CU_ASSERT_STRING_EQUAL(story->str, "b");
}

typedef struct {
	PdkTimers *timers;
	unsigned fired;
} Again;

static void
arm_again(void *data)
{
	Again *again = data;
	again->fired++;
	pdk_timers_add(again->timers, NULL, 0, arm_again, again);
}

static void
a_timer_made_by_a_timer_waits_for_the_next_round(void)
{
	g_autoptr(PdkTimers) timers = pdk_timers_new();
	Again again = {timers, 0};
	pdk_timers_add(timers, NULL, 0, arm_again, &again);
	pdk_timers_fire(timers, 10);
	CU_ASSERT_EQUAL(again.fired, 1);
	pdk_timers_fire(timers, 10);
	CU_ASSERT_EQUAL(again.fired, 2);
}

static void
many_timers_come_out_sorted(void)
{
	g_autoptr(PdkTimers) timers = pdk_timers_new();
	g_autoptr(GString) story = g_string_new(NULL);
	Word word = {story, '.'};
	uint64_t handles[500];
	uint32_t seed = 1;
	for (unsigned i = 0; i < G_N_ELEMENTS(handles); i++) {
		seed = seed * 1664525 + 1013904223;
		handles[i] = pdk_timers_add(timers, NULL, seed >> 16, note, &word);
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(handles); i += 3)
		pdk_timers_cancel(timers, handles[i]);
	int64_t before = -1;
	for (int64_t at = pdk_timers_next(timers); at != INT64_MAX; at = pdk_timers_next(timers)) {
		CU_ASSERT_TRUE_FATAL(at > before); /* equal moments fire in one go */
		before = at;
		pdk_timers_fire(timers, at);
	}
	CU_ASSERT_EQUAL(story->len, 500 - 167);
}

typedef struct {
	PdkLanes *lanes;
	GThread *core;
	GString *worked, *done; /* touched by the log lane, by the core */
	char letter;
	bool elsewhere, at_home;
} Job;

static void
work(void *data)
{
	Job *job = data;
	job->elsewhere = g_thread_self() != job->core;
	g_string_append_c(job->worked, job->letter);
}

static void
done(void *data)
{
	Job *job = data;
	job->at_home = g_thread_self() == job->core;
	g_string_append_c(job->done, job->letter);
}

static void
the_log_lane_works_elsewhere_and_in_order_and_ends_at_home(void)
{
	g_autoptr(PdkLanes) lanes = pdk_lanes_new(NULL);
	g_autoptr(GString) worked = g_string_new(NULL);
	g_autoptr(GString) ended = g_string_new(NULL);
	Job jobs[20];
	unsigned out = 0;
	for (unsigned i = 0; i < G_N_ELEMENTS(jobs); i++) {
		jobs[i] = (Job){lanes, g_thread_self(), worked, ended, (char)('a' + i), false, false};
		pdk_lanes_offload(lanes, PDK_LANE_LOG, work, done, &jobs[i], &out);
	}
	CU_ASSERT_EQUAL(out, 20);
	pdk_lanes_finish(lanes, &out);
	CU_ASSERT_EQUAL(out, 0);
	CU_ASSERT_STRING_EQUAL(worked->str, "abcdefghijklmnopqrst");
	CU_ASSERT_STRING_EQUAL(ended->str, "abcdefghijklmnopqrst");
	for (unsigned i = 0; i < G_N_ELEMENTS(jobs); i++)
		CU_ASSERT_TRUE(jobs[i].elsewhere && jobs[i].at_home);
}

typedef struct {
	GMutex lock;
	GCond wake;
	unsigned inside;
	bool both;
} Meeting;

/* Ends only when two of them are inside at a time. */
static void
meet(void *data)
{
	Meeting *meeting = data;
	int64_t limit = g_get_monotonic_time() + 20 * G_TIME_SPAN_SECOND;
	g_mutex_lock(&meeting->lock);
	meeting->inside++;
	g_cond_broadcast(&meeting->wake);
	while (meeting->inside < 2 && g_cond_wait_until(&meeting->wake, &meeting->lock, limit))
		;
	meeting->both = meeting->inside == 2;
	g_mutex_unlock(&meeting->lock);
}

static void
the_pool_works_on_two_jobs_at_a_time(void)
{
	g_autoptr(PdkLanes) lanes = pdk_lanes_new(NULL);
	Meeting meeting = {.inside = 0};
	unsigned out = 0;
	g_mutex_init(&meeting.lock);
	g_cond_init(&meeting.wake);
	pdk_lanes_offload(lanes, PDK_LANE_POOL, meet, NULL, &meeting, &out);
	pdk_lanes_offload(lanes, PDK_LANE_POOL, meet, NULL, &meeting, &out);
	pdk_lanes_finish(lanes, &out);
	CU_ASSERT_TRUE(meeting.both);
	g_mutex_clear(&meeting.lock);
	g_cond_clear(&meeting.wake);
}

static void
call_again(void *data)
{
	Job *job = data;
	g_string_append_c(job->done, job->letter);
	pdk_lanes_call(job->lanes, NULL, done, data);
}

static void
calls_keep_their_order_and_one_made_meanwhile_waits(void)
{
	g_autoptr(PdkLanes) lanes = pdk_lanes_new(NULL);
	g_autoptr(GString) ended = g_string_new(NULL);
	Job a = {.lanes = lanes, .done = ended, .letter = 'a'}, b = {.lanes = lanes, .done = ended, .letter = 'b'};
	int owner;
	CU_ASSERT_FALSE(pdk_lanes_drain(lanes));
	pdk_lanes_call(lanes, NULL, call_again, &a);
	pdk_lanes_call(lanes, &owner, done, &b);
	CU_ASSERT_TRUE(pdk_lanes_drain(lanes));
	CU_ASSERT_STRING_EQUAL(ended->str, "ab");
	pdk_lanes_call(lanes, &owner, done, &b);
	pdk_lanes_forget(lanes, &owner);
	CU_ASSERT_TRUE(pdk_lanes_drain(lanes));
	CU_ASSERT_STRING_EQUAL(ended->str, "aba");
}

static void
the_name_of_a_link_never_comes_back(void)
{
	PdkLinks links;
	PdkTransport *transport = (PdkTransport *)&links;
	pdk_links_init(&links);
	PdkLink first = pdk_links_add(&links, NULL, transport, 7, PDK_PURPOSE_CLIENT);
	CU_ASSERT_NOT_EQUAL(first, 0);
	CU_ASSERT_EQUAL(pdk_links_find(&links, first)->conn, 7);
	pdk_links_remove(&links, first);
	CU_ASSERT_PTR_NULL(pdk_links_find(&links, first));
	PdkLink second = pdk_links_add(&links, NULL, transport, 8, PDK_PURPOSE_CLIENT);
	CU_ASSERT_EQUAL((uint32_t)second, (uint32_t)first);
	CU_ASSERT_NOT_EQUAL(second, first);
	CU_ASSERT_PTR_NULL(pdk_links_find(&links, first));
	CU_ASSERT_PTR_NULL(pdk_links_find(&links, 0));
	CU_ASSERT_PTR_NULL(pdk_links_find(&links, UINT64_MAX));
	PdkLink third = pdk_links_add(&links, NULL, transport, 9, PDK_PURPOSE_CLIENT);
	uint32_t cursor = 0;
	CU_ASSERT_EQUAL(pdk_links_next(&links, &cursor), second);
	CU_ASSERT_EQUAL(pdk_links_next(&links, &cursor), third);
	CU_ASSERT_EQUAL(pdk_links_next(&links, &cursor), 0);
	CU_ASSERT_EQUAL(links.live, 2);
	pdk_links_clear(&links);
}

static void
add(CU_pSuite suite)
{
	CASE(timers_fire_by_moment_then_in_the_order_made);
	CASE(a_cancelled_timer_does_not_fire_and_spent_handles_are_harmless);
	CASE(a_timer_made_by_a_timer_waits_for_the_next_round);
	CASE(many_timers_come_out_sorted);
	CASE(the_log_lane_works_elsewhere_and_in_order_and_ends_at_home);
	CASE(the_pool_works_on_two_jobs_at_a_time);
	CASE(calls_keep_their_order_and_one_made_meanwhile_waits);
	CASE(the_name_of_a_link_never_comes_back);
}

int
main(void)
{
	return suite_run("runtime", add);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Proves how many of the last txns are kept, and how they are found again. */
#include "base/random.h"
#include "replica/history.h"

#include <CUnit/Basic.h>

static void
add(PdkHistory *history, int64_t zxid, size_t length)
{
	g_autofree char *data = g_strnfill(length, 'x');
	g_autoptr(GBytes) txn = g_bytes_new(data, length);

	pdk_history_add(history, zxid, txn);
}

static PdkHistory *
filled(unsigned count, int64_t first, int64_t last)
{
	PdkHistory *history = pdk_history_new(count, 1 << 20);

	for (int64_t zxid = first; zxid <= last; zxid++)
		add(history, zxid, 1);
	return history;
}

static void
at_least_count_and_at_most_twice_as_many_txns_are_kept(void)
{
	g_autoptr(PdkHistory) history = pdk_history_new(50, 1 << 20);

	CU_ASSERT_TRUE(pdk_history_empty(history));
	for (unsigned i = 1; i <= 1000; i++) {
		add(history, i, 1);
		CU_ASSERT_TRUE(pdk_history_count(history) >= MIN(i, 50));
		CU_ASSERT_TRUE(pdk_history_count(history) <= 100);
		CU_ASSERT_EQUAL(pdk_history_last(history), i);
		CU_ASSERT_EQUAL(pdk_history_first(history), i - pdk_history_count(history) + 1);
	}
}

static void
txns_stand_in_order_without_a_hole(void)
{
	g_autoptr(PdkHistory) history = filled(20, 1, 333);

	for (unsigned i = 0; i < pdk_history_count(history); i++) {
		int64_t zxid;
		CU_ASSERT_EQUAL(g_bytes_get_size(pdk_history_at(history, i, &zxid)), 1);
		CU_ASSERT_EQUAL(zxid, pdk_history_first(history) + i);
		CU_ASSERT_PTR_EQUAL(pdk_history_at(history, i, NULL), pdk_history_at(history, i, &zxid));
	}
}

static void
memory_is_bounded_but_the_last_txn_stays(void)
{
	g_autoptr(PdkHistory) history = pdk_history_new(10, 1000);

	for (int64_t zxid = 1; zxid <= 30; zxid++)
		add(history, zxid, 300);
	CU_ASSERT_EQUAL(pdk_history_count(history), 3);
	CU_ASSERT_EQUAL(pdk_history_first(history), 28);
	add(history, 31, 5000);
	CU_ASSERT_EQUAL(pdk_history_count(history), 1);
	CU_ASSERT_EQUAL(pdk_history_last(history), 31);
	add(history, 32, 1);
	CU_ASSERT_EQUAL(pdk_history_count(history), 1);
	CU_ASSERT_EQUAL(pdk_history_last(history), 32);
}

static void
a_cut_drops_what_is_above_and_history_goes_on(void)
{
	g_autoptr(PdkHistory) history = filled(20, 1, 55);

	pdk_history_cut(history, 55);
	CU_ASSERT_EQUAL(pdk_history_last(history), 55);
	pdk_history_cut(history, 50);
	CU_ASSERT_EQUAL(pdk_history_last(history), 50);
	add(history, 70, 1);
	CU_ASSERT_EQUAL(pdk_history_last(history), 70);
	CU_ASSERT_EQUAL(pdk_history_find(history, 51), pdk_history_count(history) - 1);
	pdk_history_cut(history, 0);
	CU_ASSERT_TRUE(pdk_history_empty(history));
	add(history, 3, 1);
	CU_ASSERT_EQUAL(pdk_history_first(history), 3);
	pdk_history_clear(history);
	CU_ASSERT_TRUE(pdk_history_empty(history));
}

static void
a_zxid_is_found_or_the_next_one(void)
{
	g_autoptr(PdkHistory) history = pdk_history_new(10, 1 << 20);

	CU_ASSERT_EQUAL(pdk_history_find(history, 5), 0);
	for (int64_t zxid = 2; zxid <= 64; zxid += 2)
		add(history, zxid, 1);
	CU_ASSERT_EQUAL(pdk_history_count(history), 20);
	CU_ASSERT_EQUAL(pdk_history_find(history, 0), 0);
	CU_ASSERT_EQUAL(pdk_history_find(history, 26), 0);
	CU_ASSERT_EQUAL(pdk_history_find(history, 27), 1);
	CU_ASSERT_EQUAL(pdk_history_find(history, 28), 1);
	CU_ASSERT_EQUAL(pdk_history_find(history, 64), 19);
	CU_ASSERT_EQUAL(pdk_history_find(history, 65), 20);
}

/* Against a plain list, with random adds and cuts. */
static void
whatever_is_done_the_newest_are_those_that_were_added(void)
{
	PdkRandom random = pdk_random(7);
	g_autoptr(PdkHistory) history = pdk_history_new(8, 200);
	g_autoptr(GArray) model = g_array_new(FALSE, FALSE, sizeof(int64_t));

	for (int round = 0; round < 20000; round++) {
		int64_t last = model->len ? g_array_index(model, int64_t, model->len - 1) : 0;
		if (pdk_random_below(&random, 8) == 0) {
			int64_t zxid = last - (int64_t)pdk_random_below(&random, 12);
			pdk_history_cut(history, zxid);
			while (model->len && g_array_index(model, int64_t, model->len - 1) > zxid)
				g_array_set_size(model, model->len - 1);
		} else {
			int64_t zxid = last + 1 + (int64_t)pdk_random_below(&random, 3);
			add(history, zxid, pdk_random_below(&random, 40));
			g_array_append_val(model, zxid);
		}
		unsigned count = pdk_history_count(history);
		CU_ASSERT_TRUE_FATAL(count <= 16 && count <= model->len);
		for (unsigned i = 0; i < count; i++) {
			int64_t zxid;
			pdk_history_at(history, i, &zxid);
			CU_ASSERT_EQUAL_FATAL(zxid, g_array_index(model, int64_t, model->len - count + i));
			CU_ASSERT_EQUAL_FATAL(pdk_history_find(history, zxid), i);
		}
	}
}

#define CASE(name) CU_add_test(suite, #name, name)

int
main(void)
{
	CU_initialize_registry();
	CU_pSuite suite = CU_add_suite("history", NULL, NULL);
	CASE(at_least_count_and_at_most_twice_as_many_txns_are_kept);
	CASE(txns_stand_in_order_without_a_hole);
	CASE(memory_is_bounded_but_the_last_txn_stays);
	CASE(a_cut_drops_what_is_above_and_history_goes_on);
	CASE(a_zxid_is_found_or_the_next_one);
	CASE(whatever_is_done_the_newest_are_those_that_were_added);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0;
}

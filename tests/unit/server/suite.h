/* SPDX-License-Identifier: Apache-2.0 */
/* What every program here begins and ends with. */
#ifndef TESTS_UNIT_SERVER_SUITE_H
#define TESTS_UNIT_SERVER_SUITE_H

#include <CUnit/Basic.h>

#define CASE(name) CU_add_test(suite, #name, name)
#define EQ(found, wanted) CU_ASSERT_EQUAL(found, wanted)
#define OK(call_) CU_ASSERT_EQUAL(call_, PDK_OK)
#define YES(condition) CU_ASSERT_TRUE(condition)
#define NO(condition) CU_ASSERT_FALSE(condition)
#define SAME(got, wanted) CU_ASSERT_TRUE(same_text(got, wanted))

static inline int
run_suite(void)
{
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Proves that blocks do not overlap, and that what is given back serves again or leaves. */
#include "base/random.h"
#include "data/payload.h"

#include <CUnit/Basic.h>
#include <string.h>

#define BLOCKS 4000
#define MEBIBYTE ((uint64_t)1 << 20)

typedef struct {
	uint8_t *at;
	size_t size;
	uint8_t filling;
} Block;

static void
fill(PdkPayloads *payloads, Block *block, size_t size, uint8_t filling)
{
	block->at = pdk_payload_take(payloads, size);
	block->size = size;
	block->filling = filling;
	if (size > 0)
		memset(block->at, filling, size);
}

static void
empty(PdkPayloads *payloads, Block *block)
{
	for (size_t i = 0; i < block->size; i++)
		CU_ASSERT_EQUAL_FATAL(block->at[i], block->filling);
	pdk_payload_give(payloads, block->at, block->size);
	block->size = 0;
}

static void
blocks_keep_their_bytes_whatever_happens_around_them(void)
{
	PdkPayloads payloads = {0};
	PdkRandom random = pdk_random(21);
	g_autofree Block *blocks = g_new0(Block, BLOCKS);
	for (unsigned i = 0; i < 40000; i++) {
		Block *block = &blocks[pdk_random_below(&random, BLOCKS)];
		empty(&payloads, block);
		size_t size = pdk_random_below(&random, pdk_random_below(&random, 10) ? 300 : 6000);
		fill(&payloads, block, size, (uint8_t)pdk_random_next(&random));
		CU_ASSERT_EQUAL((uintptr_t)block->at % PDK_PAYLOAD_STEP, 0);
		if (i % 8000 == 0)
			pdk_payloads_check(&payloads);
	}
	for (unsigned i = 0; i < BLOCKS; i++)
		empty(&payloads, &blocks[i]);
	pdk_payloads_check(&payloads);
	CU_ASSERT_EQUAL(payloads.blocks, 0);
	CU_ASSERT_TRUE(payloads.held_bytes <= MEBIBYTE);
	pdk_payloads_clear(&payloads);
	CU_ASSERT_EQUAL(payloads.held_bytes, 0);
}

/* A million nodes may change their size: what the old one took must serve the new one. */
static void
memory_moves_from_one_size_to_another(void)
{
	PdkPayloads payloads = {0};
	g_autofree Block *blocks = g_new0(Block, 50000);
	for (unsigned i = 0; i < 50000; i++)
		fill(&payloads, &blocks[i], 100, 1);
	uint64_t held = payloads.held_bytes;
	CU_ASSERT_TRUE(held < 50000 * 112 + 2 * MEBIBYTE);
	for (unsigned i = 0; i < 50000; i++) {
		empty(&payloads, &blocks[i]);
		fill(&payloads, &blocks[i], 50, 2);
	}
	pdk_payloads_check(&payloads);
	CU_ASSERT_TRUE(payloads.held_bytes < held);
	for (unsigned i = 0; i < 50000; i++)
		empty(&payloads, &blocks[i]);
	CU_ASSERT_TRUE(payloads.held_bytes <= MEBIBYTE);
	pdk_payloads_clear(&payloads);
}

static void
sizes_of_one_class_may_stay_in_place(void)
{
	CU_ASSERT_TRUE(pdk_payload_same(1, 16) && pdk_payload_same(17, 32) && pdk_payload_same(0, 0));
	CU_ASSERT_FALSE(pdk_payload_same(0, 1) || pdk_payload_same(16, 17));
	CU_ASSERT_FALSE(pdk_payload_same(PDK_PAYLOAD_LARGEST, PDK_PAYLOAD_LARGEST + 1));
	CU_ASSERT_FALSE(pdk_payload_same(PDK_PAYLOAD_LARGEST + 1, PDK_PAYLOAD_LARGEST + 1));
	PdkPayloads payloads = {0};
	CU_ASSERT_PTR_NULL(pdk_payload_take(&payloads, 0));
	pdk_payload_give(&payloads, NULL, 0);
	CU_ASSERT_EQUAL(payloads.blocks, 0);
}

#define CASE(name) CU_add_test(suite, #name, name)

int
main(void)
{
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 99;
	CU_pSuite suite = CU_add_suite("payload", NULL, NULL);
	CASE(blocks_keep_their_bytes_whatever_happens_around_them);
	CASE(memory_moves_from_one_size_to_another);
	CASE(sizes_of_one_class_may_stay_in_place);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the body of a snapshot. The first byte says how long the parts are that it comes in. What is
 * loaded must be a sound tree, and its own body must load again to the same digest.
 */
#include "data/snapshot.h"

#define LONGEST_PART 64 /* 0: all at once */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const PdkTreeSettings settings = {.digest = true, .extended_types = true};

static PdkLoadResult
load(PdkTree *tree, const uint8_t *data, size_t size, size_t part)
{
	PdkSnapshotLoad *loading = pdk_snapshot_load_new(tree, size, NULL, NULL);
	PdkLoadResult result = PDK_LOAD_MORE;
	for (size_t at = 0; at < size && result == PDK_LOAD_MORE;) {
		g_autoptr(GError) error = NULL;
		size_t now = MIN(part, size - at), used;
		g_autofree uint8_t *exact = g_memdup2(data + at, now);
		result = pdk_snapshot_load_part(loading, exact, now, &used, &error);
		pdk_assert((error != NULL) == (result == PDK_LOAD_BAD));
		pdk_assert(used <= now && (used == now || result != PDK_LOAD_MORE));
		at += used;
	}
	pdk_snapshot_load_free(loading);
	pdk_tree_check(tree);
	return result;
}

static void
write_and_load_again(PdkTree *tree)
{
	g_autoptr(PdkTree) again = pdk_tree_new(&settings);
	PdkSnapshotWalk *walk = pdk_snapshot_walk_new(tree, NULL, 0);
	while (pdk_snapshot_walk_step(walk, 1000))
		;
	g_autoptr(GBytes) body = pdk_snapshot_walk_take(walk);
	pdk_snapshot_walk_free(walk);
	size_t length;
	const uint8_t *bytes = g_bytes_get_data(body, &length);
	pdk_assert(load(again, bytes, length, length) == PDK_LOAD_DONE);
	pdk_assert(pdk_tree_digest(again) == pdk_tree_digest(tree));
	pdk_assert(pdk_tree_node_count(again) == pdk_tree_node_count(tree));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	size_t part = data[0] % (LONGEST_PART + 1);
	g_autoptr(PdkTree) tree = pdk_tree_new(&settings);
	if (load(tree, data + 1, size - 1, part ? part : size) == PDK_LOAD_DONE)
		write_and_load_again(tree);
	return 0;
}

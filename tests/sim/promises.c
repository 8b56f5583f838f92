/* SPDX-License-Identifier: Apache-2.0 */
/* What all clients of a world were promised together. Changes when they share more. */
#include "sim/client-private.h"

Promises *
promises_new(Workload workload)
{
	Promises *promises = g_new0(Promises, 1);
	promises->workload = workload;
	promises->told = g_array_new(FALSE, FALSE, sizeof(Told));
	promises->sessions = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	promises->numbers = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	promises->paths = g_ptr_array_new_with_free_func(g_free);
	promises->ephemerals = g_ptr_array_new_with_free_func(g_free);
	promises->passing = g_ptr_array_new_with_free_func(g_free);
	promises->highest = -1;
	for (unsigned i = 0; i < REGISTERS; i++)
		promises->registers[i] = history_new();
	return promises;
}

void
promises_free(Promises *promises)
{
	g_array_unref(promises->told);
	g_hash_table_unref(promises->sessions);
	g_hash_table_unref(promises->numbers);
	g_ptr_array_unref(promises->paths);
	g_ptr_array_unref(promises->ephemerals);
	g_ptr_array_unref(promises->passing);
	for (unsigned i = 0; i < REGISTERS; i++)
		history_free(promises->registers[i]);
	g_free(promises);
}

void
promises_check(Promises *promises, Sim *sim)
{
	for (unsigned i = 0; i < REGISTERS; i++) {
		g_autofree char *wrong = history_check(promises->registers[i]);
		if (wrong)
			sim_fail(sim, "linearizable", "register %u: %s", i, wrong);
	}
	for (unsigned server = 0; server < sim_servers(sim); server++)
		sim_truth_check(sim, server);
}

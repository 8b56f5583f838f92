/* SPDX-License-Identifier: Apache-2.0 */
/* What the unit tests of core/host share: a runner, and a loader that knows the plugins linked into the program. */
#ifndef HOST_SUITE_H
#define HOST_SUITE_H

#include "host/loader.h"

#include <CUnit/Basic.h>
#include <stdio.h>
#include <string.h>

extern const PdkPlugin pdk_plugin_transport_tcp, pdk_plugin_persistence_logsnap, pdk_plugin_persistence_memory,
	pdk_plugin_auth_digest, pdk_plugin_auth_ip, pdk_plugin_admin_fourletter, pdk_plugin_election_fle,
	pdk_plugin_election_paxos;

#define CASE(name) CU_add_test(suite, #name, name)

/* Runs what @add adds; the exit status of a test program. */
static inline int
suite_run(const char *name, void (*add)(CU_pSuite suite))
{
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 99;
	add(CU_add_suite(name, NULL, NULL));
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0;
}

static inline PdkLoader *
twins_loader(void)
{
	const PdkPlugin *const twins[] = {
		&pdk_plugin_transport_tcp, &pdk_plugin_persistence_logsnap, &pdk_plugin_persistence_memory,
		&pdk_plugin_auth_digest,   &pdk_plugin_auth_ip,		    &pdk_plugin_admin_fourletter,
		&pdk_plugin_election_fle,  &pdk_plugin_election_paxos,
	};
	const char *const nowhere[] = {NULL};
	PdkLoader *loader = pdk_loader_new(nowhere);

	for (unsigned i = 0; i < G_N_ELEMENTS(twins); i++) {
		g_autoptr(GError) error = NULL;
		if (!pdk_loader_add_static(loader, twins[i], &error))
			CU_FAIL(error->message);
	}
	return loader;
}

/* Does @text hold @part? Says what it holds when not. */
static inline void
assert_holds(const char *text, const char *part)
{
	if (text == NULL || strstr(text, part) == NULL)
		printf("\n    found:  %s\n    wanted: %s\n", text ? text : "(nothing)", part);
	CU_ASSERT_TRUE(text != NULL && strstr(text, part) != NULL);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The names of what clients do. */
#include "sim/workload.h"

#include <glib.h>
#include <string.h>

static const char *const names[WORK_KINDS] = {
	[WORK_CREATE] = "create",
	[WORK_EPHEMERAL] = "ephemeral",
	[WORK_SEQUENTIAL] = "sequential",
	[WORK_MULTI] = "multi",
	[WORK_REGISTER] = "register",
	[WORK_WATCH] = "watch",
	[WORK_SYNC] = "sync",
	[WORK_MOVE] = "move",
	[WORK_SLEEP] = "sleep",
	[WORK_DELETE] = "delete",
	[WORK_LOCK] = "lock",
	[WORK_BURST] = "burst",
	[WORK_CLOSE] = "close",
	[WORK_CONTAINER] = "container",
	[WORK_BIG] = "big",
	[WORK_TREE] = "tree",
	[WORK_REWATCH] = "rewatch",
	[WORK_PERSISTENT] = "persistent",
	[WORK_ACL] = "acl",
	[WORK_TTL] = "ttl",
};

const char *
workload_name(unsigned kind)
{
	return kind < WORK_KINDS ? names[kind] : NULL;
}

static int
find(const char *name)
{
	for (int kind = 0; kind < WORK_KINDS; kind++)
		if (strcmp(names[kind], name) == 0)
			return kind;
	return -1;
}

bool
workload_parse(const char *text, Workload *into, char **unknown)
{
	g_auto(GStrv) words = g_strsplit(text, ",", -1);
	*into = 0;
	for (unsigned i = 0; words[i]; i++) {
		int kind = find(words[i]);
		if (kind < 0) {
			*unknown = g_strdup(words[i]);
			return false;
		}
		*into |= (Workload)1 << kind;
	}
	return true;
}

Workload
workload_draw(PdkRandom *draw)
{
	Workload workload = (Workload)1 << WORK_CREATE;
	for (unsigned kind = 0; kind < WORK_KINDS; kind++)
		if (pdk_random_below(draw, 4) > 0)
			workload |= (Workload)1 << kind;
	return workload;
}

char *
workload_names(Workload workload)
{
	g_autoptr(GString) text = g_string_new(NULL);
	for (unsigned kind = 0; kind < WORK_KINDS; kind++)
		if (workload_has(workload, kind))
			g_string_append_printf(text, "%s%s", text->len > 0 ? "," : "", names[kind]);
	return g_string_free(g_steal_pointer(&text), FALSE);
}

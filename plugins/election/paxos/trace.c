/* SPDX-License-Identifier: Apache-2.0 */
/* The story of an election, told line by line to who wants to learn Paxos from it; changes when it should be told better. */
#include "paxos.h"

void
pdk_paxos_trace(const PdkElection *self, const char *format, ...)
{
	if (!self->trace)
		return;

	va_list arguments;
	va_start(arguments, format);
	g_autofree char *line = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	self->host->log(self->host, PDK_LOG_INFO, "paxos trace: %" G_GINT64_FORMAT " %s", self->ensemble->self, line);
}

PaxosText
pdk_paxos_instance_text(PaxosInstance instance)
{
	PaxosText into;

	/* A configuration's version is a zxid: hexadecimal once it is one. */
	g_snprintf(into.text, sizeof(into.text), "(cv %s%" G_GINT64_MODIFIER "x, k %" G_GINT64_FORMAT ")",
		   instance.cv > 9 ? "0x" : "", (guint64)instance.cv, instance.k);
	return into;
}

PaxosText
pdk_paxos_ballot_text(PaxosInstance instance, PaxosBallot ballot)
{
	PaxosText into;

	g_snprintf(into.text, sizeof(into.text), "%s ballot (%" G_GINT64_FORMAT ", %" G_GINT64_FORMAT ")",
		   pdk_paxos_instance_text(instance).text, ballot.n, ballot.sid);
	return into;
}

char *
pdk_paxos_sids_text(const GArray *entries)
{
	guint size = g_array_get_element_size((GArray *)entries);
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < entries->len; i++)
		g_string_append_printf(text, "%s%" G_GINT64_FORMAT, i ? " " : "",
				       *(const int64_t *)(const void *)(entries->data + (size_t)i * size));
	return g_string_free(text, FALSE);
}

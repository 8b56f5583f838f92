/* SPDX-License-Identifier: Apache-2.0 */
/* What servers promise on their disks, whatever befalls them (A1, A5). Changes when the durable epochs mean something else. */
#include "sim/checks.h"

static int64_t
number_in(GBytes *record)
{
	g_autofree char *text = record ? g_strndup(g_bytes_get_data(record, NULL), g_bytes_get_size(record)) : NULL;
	return text ? g_ascii_strtoll(text, NULL, 10) : 0;
}

/* True: it is another record than last time. */
static bool
changed(const Node *node, const char *key, GBytes **known)
{
	GBytes *now = sim_durable_record(node, key);
	if (now == *known)
		return false;
	g_clear_pointer(known, g_bytes_unref);
	*known = now ? g_bytes_ref(now) : NULL;
	return true;
}

static void
never_lower(const Node *node, const char *key, int64_t before, int64_t now)
{
	if (now < before)
		sim_fail(node->sim, "A1-epochs-rise", "server %" PRId64 ": %s goes back from %" PRId64 " to %" PRId64, node->sid, key,
			 before, now);
}

/* currentEpoch says: this server holds that epoch's initial history. It must be on the disk before. */
static void
check_history_first(const Node *node, int64_t epoch)
{
	const SimTalk *talk = sim_seen(node)->following;
	if (talk && talk->epoch == epoch && talk->newleader &&
	    !sim_chain_holds(node->sim->checks, sim_durable_zxid(node), talk->needed))
		sim_fail(node->sim, "A5-history-before-epoch",
			 "server %" PRId64 ": currentEpoch %" PRId64 " is durable, the history up to " HEX " is not", node->sid, epoch,
			 (guint64)talk->needed);
}

static void
check_log(const Node *node, const SimSeen *seen)
{
	int64_t last = pdk_zxid_epoch(sim_durable_zxid(node));
	bool serves = node->up && node->server->replica->serving;
	if (seen->accepted < last)
		sim_fail(node->sim, "A1-epochs-cover-log", "server %" PRId64 " has txns of epoch %" PRId64
			 ", it accepted %" PRId64 " only", node->sid, last, seen->accepted);
	if (serves && seen->current < last)
		sim_fail(node->sim, "A1-epochs-cover-log", "server %" PRId64 " serves with txns of epoch %" PRId64
			 " and currentEpoch %" PRId64, node->sid, last, seen->current);
}

void
sim_epochs_look(Node *node)
{
	SimSeen *seen = sim_seen(node);
	if (changed(node, "acceptedEpoch", &seen->accepted_record)) {
		int64_t accepted = number_in(seen->accepted_record);
		never_lower(node, "acceptedEpoch", seen->accepted, accepted);
		seen->accepted = accepted;
	}
	if (changed(node, "currentEpoch", &seen->current_record)) {
		int64_t current = number_in(seen->current_record);
		never_lower(node, "currentEpoch", seen->current, current);
		if (current != seen->current)
			seen->current_before = seen->current;
		seen->current = current;
		seen->wiped = seen->wiped && current == 0;
		check_history_first(node, current);
	}
	if (seen->current > seen->accepted)
		sim_fail(node->sim, "A1-accepted-leads", "server %" PRId64 ": currentEpoch %" PRId64 ", acceptedEpoch %" PRId64, node->sid,
			 seen->current, seen->accepted);
	check_log(node, seen);
}

void
sim_epochs_forget(Node *node)
{
	SimSeen *seen = sim_seen(node);
	g_clear_pointer(&seen->accepted_record, g_bytes_unref);
	g_clear_pointer(&seen->current_record, g_bytes_unref);
	*seen = (SimSeen){.wiped = true};
}

/* SPDX-License-Identifier: Apache-2.0 */
/* When which checker looks at what. Changes when servers are looked at on other occasions. */
#include "sim/checks-paxos.h"
#include "sim/checks-talk.h"

void
sim_checks_begin(Sim *sim)
{
	SimChecks *checks = sim->checks = g_new0(SimChecks, 1);
	checks->txns = sim_chain_new();
	checks->initial = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
	checks->opened = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
	checks->closed = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
	checks->closing = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	checks->ordered = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	checks->truth = sim_truth_new();
	checks->triggers = sim_triggers_new();
	checks->through = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
	checks->executed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	checks->summaries = g_array_new(FALSE, FALSE, sizeof(SimSummary));
	checks->talks = g_ptr_array_new_with_free_func(sim_talk_free);
	checks->paxos = sim_paxos_new();
}

void
sim_checks_end(Sim *sim)
{
	SimChecks *checks = sim->checks;
	for (unsigned i = 0; i < sim->n; i++)
		sim_epochs_forget(&sim->nodes[i]);
	g_hash_table_unref(checks->txns);
	g_hash_table_unref(checks->initial);
	g_hash_table_unref(checks->opened);
	g_hash_table_unref(checks->closed);
	g_hash_table_unref(checks->closing);
	g_hash_table_unref(checks->ordered);
	g_hash_table_unref(checks->truth);
	g_array_unref(checks->triggers);
	g_hash_table_unref(checks->through);
	g_hash_table_unref(checks->executed);
	g_array_unref(checks->summaries);
	g_ptr_array_unref(checks->talks);
	sim_paxos_free(checks->paxos);
	g_clear_pointer(&checks->members, pdk_members_unref);
	g_free(checks);
}

void
sim_check_start(Node *node, int64_t last)
{
	SimSeen *seen = sim_seen(node);
	seen->head = MAX(last, 0);
	seen->snapshot = seen->delivered = 0;
	seen->following = NULL;
}

void
sim_check_crash(Node *node, bool wiped)
{
	if (wiped) {
		sim_epochs_forget(node);
		sim_paxos_wiped(node->sim->checks->paxos, node);
	} else if (node->disk.refusal == NULL) { /* what is damaged says nothing */
		sim_epochs_look(node);
	}
	sim_chain_kept(node->sim, wiped ? "a disk was wiped" : "a server crashed");
}

void
sim_check_append(Node *node, int64_t zxid, GBytes *txn)
{
	if (node->server->replica == NULL)
		return;
	if (node->store.snapshot && node->store.foreign)
		sim_fail(node->sim, "log-behind-snapshot", "server %" PRId64 " logs " HEX
			 " while a leader's snapshot is not on its disk", node->sid, (guint64)zxid);
	if (node->server->holding)
		sim_fail(node->sim, "log-behind-snapshot", "server %" PRId64 " logs " HEX " and has no snapshot yet", node->sid,
			 (guint64)zxid);
	sim_chain_append(node, zxid, txn);
}

void
sim_check_connection(SimEnd *from, SimEnd *to, PdkPurpose purpose)
{
	if (purpose == PDK_PURPOSE_QUORUM || purpose == PDK_PURPOSE_OBSERVER)
		sim_talk_open(from, to, purpose);
	else if (purpose == PDK_PURPOSE_ELECTION)
		sim_paxos_open(from->sim->checks->paxos, from, to);
}

/* Trees that stand at one zxid are one tree. */
static void
check_tree(Node *node)
{
	const PdkServer *server = node->server;
	int64_t zxid = server->applied_zxid;
	if (server->digest_told)
		sim_fail(node->sim, "A12-digest-in-txn", "server %" PRId64 " has another tree than the txns tell of", node->sid);
	if (zxid == node->checked_zxid || zxid == 0 || server->load)
		return;
	node->checked_zxid = zxid;
	uint64_t digest = pdk_tree_digest(server->tree);
	const uint64_t *known = g_hash_table_lookup(node->sim->digests, &zxid);
	node->sim->counts.digests++;
	if (known == NULL)
		g_hash_table_insert(node->sim->digests, g_memdup2(&zxid, sizeof zxid), g_memdup2(&digest, sizeof digest));
	else if (*known != digest)
		sim_fail(node->sim, "A12-one-tree-a-zxid", "server %" PRId64 " has another tree at " HEX " than another", node->sid,
			 (guint64)zxid);
}

/* What it applied while it serves counts as delivered; a tail that was only replayed does not. */
static void
check_delivered(Node *node)
{
	const PdkReplica *replica = node->server->replica;
	SimSeen *seen = sim_seen(node);
	int64_t applied = node->server->applied_zxid;
	/* A new list of members may end an epoch in the very step that established it. */
	if (replica->leading.established || (applied > 0 && pdk_zxid_counter(applied) == 0))
		sim_chain_begin(node, replica->leading.established ? replica->leading.epoch : pdk_zxid_epoch(applied));
	if (!replica->serving)
		return;
	int64_t zxid = sim_chain_end(node->sim->checks, applied);
	if (zxid < seen->delivered)
		sim_fail(node->sim, "A11-no-way-back", "server %" PRId64 " is at " HEX " and was at " HEX, node->sid, (guint64)zxid,
			 (guint64)seen->delivered);
	if (zxid > seen->delivered)
		sim_chain_commit(node, zxid);
	seen->delivered = zxid;
}

/* The end of its log is another now. */
static void
follow_disk(Node *node, const PdkEvent *event)
{
	SimSeen *seen = sim_seen(node);
	switch (event->kind) {
	case PDK_EVENT_TRUNCATED:
		if (event->truncated.failure)
			return;
		sim_chain_cut(node, event->truncated.zxid);
		break;
	case PDK_EVENT_SNAPSHOT_DONE:
		if (event->snapshot.failure)
			return;
		seen->snapshot = event->snapshot.zxid;
		seen->head = MAX(seen->head, event->snapshot.zxid);
		break;
	case PDK_EVENT_RELOADED:
		seen->head = event->zxid;
		break;
	default:
		return;
	}
	sim_chain_kept(node->sim, "a log or snapshots changed");
}

bool
sim_check_looks(const Node *node)
{
	const PdkReplica *replica = node->server->replica;
	return replica && node->store.orders > 0 && pdk_replica_role(replica) == PDK_PEER_LOOKING;
}

void
sim_check_step(Node *node, const PdkEvent *event, bool looked, unsigned appends)
{
	/* What it logged and then looked, all in one step, it logged as a learner: a new list of members may end that. */
	if (looked && sim_check_looks(node) && node->effects->n_appends > appends)
		sim_fail(node->sim, "looking-logs-nothing", "server %" PRId64 " logs while it looks for a leader", node->sid);
	check_tree(node);
	if (node->server->replica == NULL)
		return;
	follow_disk(node, event);
	sim_epochs_look(node);
	check_delivered(node);
}

/* ---- what is sent ---- */

static void
show(Node *node, const PdkOutput *output, void (*to)(Node *node, SimEnd *end, const uint8_t *data, size_t length))
{
	g_autoptr(GArray) scratch = g_array_new(FALSE, FALSE, sizeof(PdkPart));
	g_autoptr(GByteArray) whole = g_byte_array_new();
	SimEnd *end = sim_end_find(node, output->link);
	unsigned n;
	const PdkPart *parts = pdk_output_parts(output, scratch, &n);
	for (unsigned k = 0; k < n; k++)
		g_byte_array_append(whole, parts[k].data, (guint)parts[k].length);
	to(node, end, whole->data, whole->len);
}

/* A tail that no leader has confirmed must not get into a snapshot: a later TRUNC would cut the log, and not the tree. */
static void
check_snapshot(Node *node, const PdkCommand *command)
{
	if (command->type == PDK_COMMAND_SNAPSHOT_BEGIN && !node->server->shipped_in &&
	    !sim_chain_committed(node->sim->checks, command->zxid))
		sim_fail(node->sim, "snapshot-of-committed", "server %" PRId64 " takes a snapshot at " HEX ", which is not committed",
			 node->sid, (guint64)command->zxid);
}

/* What servers tell each other first: a client may be answered in the turn in which its server became up to date. */
void
sim_check_outputs(Node *node)
{
	const PdkEffects *effects = node->effects;
	for (unsigned i = 0; node->server->replica && i < effects->n_commands; i++)
		check_snapshot(node, &effects->commands[i]);
	for (unsigned pass = 0; pass < 2; pass++) {
		for (unsigned i = 0; i < effects->n_outputs; i++) {
			const SimEnd *end = sim_end_find(node, effects->outputs[i].link);
			if (end == NULL || pdk_output_length(&effects->outputs[i]) == 0)
				continue;
			if (pass == 0 && end->talk)
				show(node, &effects->outputs[i], sim_talk_sent);
			else if (pass == 0 && end->other->node)
				show(node, &effects->outputs[i], sim_paxos_sent);
			else if (pass == 1 && end->other->node == NULL && end->purpose == PDK_PURPOSE_CLIENT)
				show(node, &effects->outputs[i], sim_service_sent);
		}
	}
}

static void
check_leader(Node *node)
{
	PdkServerFacts facts;
	PdkEnsembleFacts known = {.size = sizeof known};
	const PdkView *view = pdk_server_view(node->server);
	view->facts(view->core, &facts);
	bool leads = view->ensemble(view->core, &known) && known.leads && facts.serving;
	sim_seen(node)->led = leads ? known.epoch : 0;
	if (!leads)
		return;
	int64_t epoch = known.epoch;
	void *sid = g_hash_table_lookup(node->sim->leaders, &epoch);
	if (sid == NULL) {
		node->sim->counts.elected++;
		g_hash_table_insert(node->sim->leaders, g_memdup2(&epoch, sizeof epoch), GINT_TO_POINTER((int)node->sid));
	} else if (GPOINTER_TO_INT(sid) != (int)node->sid) {
		sim_fail(node->sim, "one-leader-an-epoch",
			 "servers %d and %" PRId64 " both lead epoch %" PRId64,
			 GPOINTER_TO_INT(sid), node->sid, epoch);
	}
}

void
sim_check_turn(Node *node)
{
	if (pdk_random_below(&node->sim->random, 512) == 0)
		pdk_server_check(node->server);
	if (node->sim->numbers % 16 == 0)
		sim_memory_look(node);
	check_leader(node);
}

/*
 * What would be right from a server of another make, and never is from one of ours: one of the two is mistaken. That a target is not
 * in the log is nobody's mistake: it lies below a snapshot of a leader that was never established.
 */
static void
check_complaint(Sim *sim, const char *line)
{
	static const char *const complaints[] = {
		" proposed 0x", " committed 0x", "that is none", "that cannot be", "UPTODATE before", "NEWLEADER 0x", "which no learner gets",
		"was due", "what is no packet", "wants the log cut", "does not propose again",
		"before its epoch", "that cannot be read", "without its signature", "which it was never sent", "before UPTODATE",
	};
	const char *leader = strstr(line, " ends: leader "), *acked = strstr(line, " dropped: it acked "),
		   *asked = strstr(line, " dropped: it forwards ");
	const char *said = leader ? leader : acked ? acked : asked;
	/* Who has become an observer is not sent what it logged as a voter and nobody committed yet. */
	if (said && sim->checks->change != 0 && strstr(said, "does not propose again"))
		return;
	/* Nor is it that a snapshot of such a leader stands for more than the next one has. */
	if (said && strstr(said, "it is asked for one of its own"))
		return;
	for (unsigned i = 0; said && i < G_N_ELEMENTS(complaints); i++)
		if (strstr(said, complaints[i]))
			sim_fail(sim, "messageIllegal", "a server complains:%s", said);
}

void
sim_count_line(Sim *sim, const char *line)
{
	SimCounts *counts = &sim->counts;
	check_complaint(sim, line);
	counts->diffs += strstr(line, "sync=diff") != NULL;
	counts->truncs += strstr(line, "sync=trunc") != NULL;
	counts->snaps += strstr(line, "sync=snap") != NULL;
	counts->logs_read += strstr(line, "a DIFF from the log") != NULL;
	counts->own_snapshots += strstr(line, "snapshot written:") != NULL;
	counts->cut_behind += strstr(line, "the log is cut behind the leader's snapshot") != NULL;
	counts->expired += strstr(line, "session expired:") != NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One history: every txn has one predecessor, whoever logs it, so that two logs with one txn in common agree on all before it;
 * what is committed is one path through these. Agreement, TotalOrder, PrefixConsistency, Integrity and the primary orders of ZAB
 * follow, and are looked for in this form. Changes when what is meant by one history does.
 */
#include "sim/checks.h"
#include "sim/truth.h"

typedef struct {
	int64_t parent;
	guint hash;
	bool committed;
	PdkTxnHeader header;
	GBytes *txn; /* until it is committed */
} SimTxn;

static void
free_txn(void *txn)
{
	g_clear_pointer(&((SimTxn *)txn)->txn, g_bytes_unref);
	g_free(txn);
}

GHashTable *
sim_chain_new(void)
{
	return g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, free_txn);
}

static SimTxn *
find(const SimChecks *checks, int64_t zxid)
{
	return g_hash_table_lookup(checks->txns, &zxid);
}

int64_t
sim_chain_end(const SimChecks *checks, int64_t zxid)
{
	while (zxid > 0 && pdk_zxid_counter(zxid) == 0) {
		int64_t epoch = pdk_zxid_epoch(zxid);
		const int64_t *end = g_hash_table_lookup(checks->initial, &epoch);
		zxid = end ? *end : 0;
	}
	return zxid;
}

bool
sim_chain_committed(const SimChecks *checks, int64_t zxid)
{
	zxid = sim_chain_end(checks, zxid);
	const SimTxn *txn = zxid > 0 ? find(checks, zxid) : NULL;
	return zxid == 0 || (txn && txn->committed);
}

bool
sim_chain_holds(const SimChecks *checks, int64_t head, int64_t zxid)
{
	zxid = sim_chain_end(checks, zxid);
	for (head = sim_chain_end(checks, head); head > zxid;) {
		const SimTxn *txn = find(checks, head);
		if (txn == NULL)
			return false;
		if (txn->committed)
			return sim_chain_committed(checks, zxid);
		head = txn->parent;
	}
	return head == zxid;
}

/* ---- what is logged ---- */

/* What it proposed may be carried when it has just stepped down. */
static bool
leads_in(const Node *node, int64_t epoch)
{
	PdkEnsembleFacts known = {.size = sizeof known};
	const PdkView *view = pdk_server_view(node->server);
	return (view->ensemble(view->core, &known) && known.leads && known.epoch == epoch) || sim_seen(node)->led == epoch;
}

static void
check_counter(Node *node, int64_t zxid, int64_t parent)
{
	int64_t counter = pdk_zxid_counter(zxid);
	bool next = pdk_zxid_epoch(zxid) == pdk_zxid_epoch(parent) ? zxid == parent + 1 : counter == 1;
	if (counter == 0 || counter == INT64_C(0xffffffff))
		sim_fail(node->sim, "A17-counter", "server %" PRId64 " logs " HEX, node->sid, (guint64)zxid);
	if (!next)
		sim_fail(node->sim, "LocalPrimaryOrder", "server %" PRId64 " logs " HEX " behind " HEX, node->sid, (guint64)zxid,
			 (guint64)parent);
}

static void
check_time(const Node *node, const PdkTxnHeader *header)
{
	int64_t wall_ms = sim_clock_wall_ms(node);
	if (header->time_ms != wall_ms)
		sim_fail(node->sim, "txn-time", "server %" PRId64 " proposes " HEX " at %" PRId64 ", and its clock shows %" PRId64,
			 node->sid, (guint64)header->zxid, header->time_ms, wall_ms);
}

/* The first to log it is the leader of its epoch. */
static void
first_seen(Node *node, int64_t zxid, int64_t parent, GBytes *txn)
{
	SimTxn *known = g_new0(SimTxn, 1);
	size_t length;
	const uint8_t *bytes = g_bytes_get_data(txn, &length);
	*known = (SimTxn){.parent = parent, .hash = g_bytes_hash(txn), .txn = g_bytes_ref(txn)};
	if (!pdk_txn_header(bytes, length, &known->header) || known->header.zxid != zxid)
		sim_fail(node->sim, "Integrity", "server %" PRId64 " logs as " HEX " what is no txn of that name", node->sid,
			 (guint64)zxid);
	if (!leads_in(node, pdk_zxid_epoch(zxid)))
		sim_fail(node->sim, "Integrity", "server %" PRId64 " logs " HEX ", which no leader of its epoch proposed", node->sid,
			 (guint64)zxid);
	if (known->header.type == PDK_OP_CLOSE_SESSION)
		g_hash_table_add(node->sim->checks->closing, g_memdup2(&known->header.session, sizeof(int64_t)));
	if (known->header.type == PDK_OP_RECONFIG)
		sim_change_proposed(node, zxid, parent);
	check_counter(node, zxid, parent);
	check_time(node, &known->header);
	g_hash_table_insert(node->sim->checks->txns, g_memdup2(&zxid, sizeof zxid), known);
}

void
sim_chain_append(Node *node, int64_t zxid, GBytes *txn)
{
	SimSeen *seen = sim_seen(node);
	int64_t parent = sim_chain_end(node->sim->checks, seen->head);
	const SimTxn *known = find(node->sim->checks, zxid);
	if (zxid <= seen->head)
		sim_fail(node->sim, "log-rises", "server %" PRId64 " logs " HEX " behind " HEX, node->sid, (guint64)zxid,
			 (guint64)seen->head);
	if (known == NULL)
		first_seen(node, zxid, parent, txn);
	else if (known->hash != g_bytes_hash(txn))
		sim_fail(node->sim, "one-txn-a-zxid", "server %" PRId64 " logs another txn under " HEX, node->sid, (guint64)zxid);
	else if (known->parent != parent)
		sim_fail(node->sim, "log-matching", "server %" PRId64 " logs " HEX " behind " HEX ", others behind " HEX, node->sid,
			 (guint64)zxid, (guint64)parent, (guint64)known->parent);
	seen->head = zxid;
}

void
sim_chain_cut(Node *node, int64_t zxid)
{
	SimSeen *seen = sim_seen(node);
	int64_t at = seen->head;
	while (at > zxid) {
		const SimTxn *txn = find(node->sim->checks, sim_chain_end(node->sim->checks, at));
		at = txn ? txn->parent : 0;
	}
	seen->head = MAX(at, seen->snapshot <= zxid ? seen->snapshot : 0);
}

/* ---- what is committed ---- */

/* A server that lost its disk had it, perhaps; it counts for nothing until it has it again, so that others suffice. */
static bool
quorum_has(Sim *sim, const PdkMembers *members, int64_t zxid)
{
	PdkSids sids;
	sids.n = 0;
	for (unsigned i = 0; i < sim->n; i++)
		if (sim_seen(&sim->nodes[i])->wiped || sim_chain_holds(sim->checks, sim_durable_zxid(&sim->nodes[i]), zxid))
			pdk_sids_add(&sids, sim->nodes[i].sid);
	return sim_quorum(members, &sids);
}

static void
check_quorum(Node *node, int64_t zxid)
{
	const PdkReplica *replica = node->server->replica;
	bool two = pdk_members_version(replica->last_seen) > pdk_members_version(replica->committed);
	if (!quorum_has(node->sim, replica->committed, zxid) || (two && !quorum_has(node->sim, replica->last_seen, zxid)))
		sim_fail(node->sim, "A7-commit-rule", "server %" PRId64 " takes " HEX " for committed, and no quorum has it on disk",
			 node->sid, (guint64)zxid);
}

/* A request is carried out once, whoever passes it on how often. */
static void
check_once(Node *node, int64_t zxid, const PdkTxnHeader *header)
{
	g_autofree char *name = g_strdup_printf("%" PRIx64 " %d", (uint64_t)header->session, header->cxid);
	if (!g_hash_table_add(node->sim->checks->executed, g_steal_pointer(&name)))
		sim_fail(node->sim, "executed-once", "request %d of session " HEX " is carried out again by " HEX, header->cxid,
			 (guint64)header->session, (guint64)zxid);
}

/*
 * What a session asked for is done in its order, though it moved from server to server meanwhile. Not so its close: that is done
 * wherever it comes from, as upstream does, also when the client went on elsewhere before it arrived.
 */
static void
check_session_order(Node *node, int64_t zxid, const PdkTxnHeader *header)
{
	GHashTable *ordered = node->sim->checks->ordered;
	int32_t last = GPOINTER_TO_INT(g_hash_table_lookup(ordered, &header->session));
	if (header->type == PDK_OP_ERROR || header->type == PDK_OP_CLOSE_SESSION)
		return;
	if (header->cxid < last)
		sim_fail(node->sim, "A15-session-order", "request %d of session " HEX " is carried out by " HEX ", behind %d", header->cxid,
			 (guint64)header->session, (guint64)zxid, last);
	g_hash_table_replace(ordered, g_memdup2(&header->session, sizeof header->session), GINT_TO_POINTER(header->cxid));
}

/*
 * Where there are local sessions a leader takes one that it does not know any more for one of another server, as upstream's does;
 * what goes with a session it does not make for such.
 */
static void
check_closed(Node *node, int64_t zxid, const PdkTxnHeader *header)
{
	bool ends = header->type == PDK_OP_CLOSE_SESSION || header->type == PDK_OP_CREATE_SESSION;
	bool acts = header->type != PDK_OP_ERROR && !ends && header->session != 0 && !node->settings->local_sessions;
	if (acts && g_hash_table_contains(node->sim->checks->closed, &header->session))
		sim_fail(node->sim, "A15-closed-stays-closed", "session " HEX " acts by " HEX " (type %d) and was closed before",
			 (guint64)header->session, (guint64)zxid, header->type);
}

static void
note_closed(SimChecks *checks, int64_t zxid, int64_t session)
{
	g_hash_table_insert(checks->closed, g_memdup2(&session, sizeof session), g_memdup2(&zxid, sizeof zxid));
}

static void
note_opened(const Sim *sim, int64_t session)
{
	GHashTable *opened = sim->checks->opened;
	if (!g_hash_table_contains(opened, &session))
		g_hash_table_insert(opened, g_memdup2(&session, sizeof session), g_memdup2(&sim->now_us, sizeof sim->now_us));
}

static void
mark_one(Node *node, int64_t zxid, SimTxn *txn)
{
	txn->committed = true;
	check_closed(node, zxid, &txn->header);
	if (txn->header.cxid > 0) {
		check_once(node, zxid, &txn->header);
		check_session_order(node, zxid, &txn->header);
	}
	if (txn->header.type == PDK_OP_CREATE_SESSION)
		note_opened(node->sim, txn->header.session);
	if (txn->header.type == PDK_OP_CLOSE_SESSION && !g_hash_table_contains(node->sim->checks->closed, &txn->header.session))
		note_closed(node->sim->checks, zxid, txn->header.session);
	sim_truth_take(node->sim, &txn->header, txn->txn);
	g_clear_pointer(&txn->txn, g_bytes_unref);
}

/* All between @from and @zxid, oldest first. */
static void
mark(Node *node, int64_t from, int64_t zxid)
{
	SimChecks *checks = node->sim->checks;
	g_autoptr(GArray) path = g_array_new(FALSE, FALSE, sizeof(int64_t));
	for (int64_t at = zxid; at > from; at = find(checks, at)->parent)
		g_array_append_val(path, at);
	for (guint i = path->len; i > 0; i--) {
		int64_t at = g_array_index(path, int64_t, i - 1);
		mark_one(node, at, find(checks, at));
	}
}

void
sim_chain_commit(Node *node, int64_t said)
{
	SimChecks *checks = node->sim->checks;
	int64_t zxid = sim_chain_end(checks, said);
	if (sim_chain_committed(checks, zxid))
		return;
	if (zxid < checks->committed) {
		sim_fail(node->sim, "Agreement", "server %" PRId64 " takes " HEX " for committed, others passed it over up to " HEX,
			 node->sid, (guint64)said, (guint64)checks->committed);
		return;
	}
	if (!sim_chain_holds(checks, zxid, checks->committed)) {
		sim_fail(node->sim, "PrefixConsistency", "server %" PRId64 " takes " HEX " for committed, which does not follow " HEX,
			 node->sid, (guint64)said, (guint64)checks->committed);
		return;
	}
	check_quorum(node, zxid);
	mark(node, checks->committed, zxid);
	checks->committed = zxid;
	sim_change_committed(node, zxid);
}

bool
sim_truth_txn(const Sim *sim, int64_t zxid, PdkTxnHeader *into)
{
	const SimTxn *txn = find(sim->checks, zxid);
	if (txn == NULL || !txn->committed)
		return false;
	*into = txn->header;
	return true;
}

void
sim_chain_begin(Node *node, int64_t epoch)
{
	SimChecks *checks = node->sim->checks;
	int64_t end = sim_seen(node)->head;
	if (g_hash_table_contains(checks->initial, &epoch))
		return;
	while (pdk_zxid_epoch(end) == epoch && find(checks, end))
		end = find(checks, end)->parent;
	end = sim_chain_end(checks, end);
	g_hash_table_insert(checks->initial, g_memdup2(&epoch, sizeof epoch), g_memdup2(&end, sizeof end));
}

void
sim_chain_kept(Sim *sim, const char *when)
{
	const SimChecks *checks = sim->checks;
	if (checks->members && !quorum_has(sim, checks->members, checks->committed))
		sim_fail(sim, "A11-committed-stays", "%s, and no quorum has the committed " HEX " on disk", when,
			 (guint64)checks->committed);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who belongs to the ensemble: what each server keeps of that beside its data, and an administrator who changes it. Changes when
 * reconfiguration does.
 */
#include "sim/world-private.h"

#include "replica/replica-private.h"

#define KEPT_US 200            /* writing a file and making it durable */
#define PATIENCE_US (8 * SIM_SECOND) /* of the administrator */
#define TIMEOUT_MS 6000
#define ANSWER_MAX 4096
#define WHOLE_MAX 2048
#define PLAIN_ONE_OF 4 /* of new lists where there are groups: they have none */

/* ---- what is kept ---- */

static void
append_member(GString *text, unsigned server, bool observer)
{
	g_string_append_printf(text, "server.%u=10.0.0.%u:%d:%d:%s;2181\n", server + 1, server + 1, QUORUM_PORT, ELECTION_PORT,
			       observer ? "observer" : "participant");
}

/* As the operator wrote it. */
static GBytes *
first_members(const Sim *sim)
{
	GString *text = g_string_new(NULL);
	for (unsigned i = 0; i < sim->n; i++)
		append_member(text, i, i >= sim->params.voters);
	if (sim_unusual(sim->params.unusual, SIM_GROUPS)) {
		PdkRandom draw = pdk_random(sim->params.seed * 15485863 + 13);
		PdkSids voters = {0};
		for (unsigned i = 0; i < sim->params.voters; i++)
			pdk_sids_add(&voters, i + 1);
		sim_groups_append(sim, text, &draw, &voters);
	}
	return g_string_free_to_bytes(text);
}

PdkMembersRules
sim_members_rules(const Sim *sim)
{
	return (PdkMembersRules){.standalone_enabled = sim->params.voters > 1 && !sim->params.reconfig, .version_allowed = true};
}

static PdkMembers *
read_members(const Sim *sim, GBytes *bytes)
{
	size_t length;
	const char *text = g_bytes_get_data(bytes, &length);
	PdkMembersRules rules = sim_members_rules(sim);
	g_autoptr(GError) error = NULL;
	PdkMembers *members = pdk_members_parse(text, length, &rules, &error);
	g_assert_no_error(error);
	return members;
}

void
sim_members_init(Node *node)
{
	node->kept = (SimMembers){.committed = first_members(node->sim)};
}

void
sim_members_clear(Node *node)
{
	g_clear_pointer(&node->kept.committed, g_bytes_unref);
	g_clear_pointer(&node->kept.next, g_bytes_unref);
	g_clear_pointer(&node->kept.before, g_bytes_unref);
}

PdkMembers *
sim_members_committed(const Node *node)
{
	return read_members(node->sim, node->kept.committed);
}

PdkMembers *
sim_members_next(const Node *node)
{
	return node->kept.next ? read_members(node->sim, node->kept.next) : NULL;
}

/* In order behind what was asked of the disk before. */
void
sim_members_keep(Node *node, PdkCommand *command)
{
	node->disk.free_us = MAX(node->disk.free_us, node->sim->now_us) + KEPT_US;
	sim_push(node->sim, node->disk.free_us,
		 (Happening){.what = HAPPENS_MEMBERS, .node = node, .key = g_steal_pointer(&command->key),
			     .bytes = g_steal_pointer(&command->part)});
}

void
sim_happen_members(Happening *happening)
{
	SimMembers *kept = &happening->node->kept;
	bool proposed = strcmp(happening->key, "next") == 0;
	GBytes **over = proposed ? &kept->next : &kept->before, **at = proposed ? &kept->next : &kept->committed;
	g_clear_pointer(over, g_bytes_unref);
	if (!proposed)
		kept->before = g_steal_pointer(&kept->committed);
	*at = g_steal_pointer(&happening->bytes);
}

/* ---- what is known ---- */

static const PdkMembers *
members_of_leader(Sim *sim)
{
	int leader = sim_leader(sim);
	return leader < 0 ? NULL : pdk_replica_members(sim->nodes[leader].server->replica);
}

/* The highest version that anybody has heard of or kept. */
static int64_t
newest(const Sim *sim)
{
	int64_t version = 0;
	for (unsigned i = 0; i < sim->n; i++) {
		const Node *node = &sim->nodes[i];
		g_autoptr(PdkMembers) committed = sim_members_committed(node), next = sim_members_next(node);
		version = MAX(version, MAX(pdk_members_version(committed), next ? pdk_members_version(next) : 0));
		if (node->server)
			version = MAX(version, pdk_members_version(node->server->replica->last_seen));
	}
	return version;
}

const PdkMembers *
sim_settled_members(Sim *sim)
{
	const PdkMembers *members = members_of_leader(sim);
	return members && pdk_members_version(members) == newest(sim) ? members : NULL;
}

bool
sim_is_member(Sim *sim, unsigned server)
{
	const PdkMembers *members = members_of_leader(sim);
	return members && pdk_members_find(members, sim->nodes[server].sid);
}

bool
sim_same_members(Sim *sim)
{
	const PdkMembers *members = members_of_leader(sim);
	for (unsigned i = 0; members && i < sim->n; i++) {
		const PdkServer *server = sim->nodes[i].server;
		if (!pdk_members_find(members, sim->nodes[i].sid))
			continue;
		if (server == NULL || pdk_members_version(pdk_replica_members(server->replica)) != pdk_members_version(members) ||
		    !pdk_members_equal(pdk_replica_members(server->replica), members))
			return false;
	}
	return members != NULL;
}

/* ---- the administrator ---- */

typedef struct {
	Sim *sim;
	SimEnd *end; /* NULL: it is over */
	uint8_t inbox[ANSWER_MAX];
	size_t length;
	char joining[96], leaving[16], whole[WHOLE_MAX]; /* the last: instead of the others */
	bool asked;
} Admin;

static void
send_body(const Admin *admin, PdkBuffer *body)
{
	PdkBuffer frame = {0};
	pdk_put_bytes(&frame, body->data, (int32_t)body->length);
	sim_send(admin->sim, admin->end, frame.data, frame.length);
	pdk_buffer_clear(&frame);
	pdk_buffer_clear(body);
}

static void
ask_session(const Admin *admin)
{
	static const uint8_t no_password[16];
	PdkBuffer body = {0};
	pdk_put_int(&body, 0);
	pdk_put_long(&body, 0);
	pdk_put_int(&body, TIMEOUT_MS);
	pdk_put_long(&body, 0);
	pdk_put_bytes(&body, no_password, sizeof no_password);
	pdk_put_bool(&body, false);
	send_body(admin, &body);
}

/* The list is nobody's to change but the superuser's. */
static void
ask_leave(const Admin *admin)
{
	PdkBuffer body = {0};
	sim_put_auth(&body, SIM_SUPER);
	send_body(admin, &body);
}

/* Nothing at all is not the same as no text. */
static void
put_wish(PdkBuffer *body, const char *wish)
{
	if (*wish)
		pdk_put_string(body, wish);
	else
		pdk_put_bytes(body, NULL, -1);
}

static void
ask_change(Admin *admin, int32_t xid)
{
	PdkBuffer body = {0};
	pdk_put_int(&body, xid);
	pdk_put_int(&body, PDK_OP_RECONFIG);
	put_wish(&body, admin->joining);
	put_wish(&body, admin->leaving);
	put_wish(&body, admin->whole);
	pdk_put_long(&body, -1);
	send_body(admin, &body);
	admin->asked = true;
}

/* Perhaps twice: the second must wait for the first. */
static void
ask_changes(Admin *admin)
{
	ask_leave(admin);
	ask_change(admin, 1);
	if (pdk_random_below(&admin->sim->random, 2) == 0)
		ask_change(admin, 2);
}

static void
admin_closed(void *context)
{
	((Admin *)context)->end = NULL;
}

static void
take_answer(Admin *admin)
{
	int32_t code = (int32_t)pdk_load_u32(admin->inbox + 4 + 12);
	g_autofree char *line = g_strdup_printf("reconfiguration answered %d", code);
	sim_tell(admin->sim, "*", line);
	admin->sim->counts.reconfigured += code == PDK_OK;
}

static void
admin_received(void *context, const uint8_t *data, size_t length)
{
	Admin *admin = context;
	g_assert_cmpuint(admin->length + length, <=, ANSWER_MAX);
	memcpy(admin->inbox + admin->length, data, length);
	admin->length += length;
	while (admin->length >= 4 && admin->length >= 4 + pdk_load_u32(admin->inbox)) {
		size_t frame = 4 + pdk_load_u32(admin->inbox);
		if (!admin->asked)
			ask_changes(admin);
		else if (frame >= 4 + 16 && (int32_t)pdk_load_u32(admin->inbox + 4) != SIM_XID_AUTH)
			take_answer(admin);
		admin->length -= frame;
		memmove(admin->inbox, admin->inbox + frame, admin->length);
	}
}

static void
give_up(void *data)
{
	Admin *admin = data;
	if (admin->end == NULL)
		return;
	sim_forsake(admin->end);
	sim_hang_up(admin->sim, admin->end);
}

/* Where there are groups only a whole list may be asked for, and others may follow from it. */
static char *
whole_list(Sim *sim, const PdkMembers *members, int64_t changed, bool stays, bool observer)
{
	GString *text = g_string_new(NULL);
	PdkSids voters = {0};
	for (unsigned i = 0; i < sim->n; i++) {
		const PdkMember *member = pdk_members_find(members, sim->nodes[i].sid);
		bool is_it = sim->nodes[i].sid == changed, watches = is_it ? observer : member && member->observer;
		if (is_it ? !stays : member == NULL)
			continue;
		append_member(text, i, watches);
		if (!watches)
			pdk_sids_add(&voters, sim->nodes[i].sid);
	}
	if (voters.n > 0 && (!sim_all_weigh(sim, &voters) || pdk_random_below(&sim->random, PLAIN_ONE_OF) > 0))
		sim_groups_append(sim, text, &sim->random, &voters);
	return g_strdelimit(g_string_free(text, FALSE), "\n", ',');
}

static bool
ask_for(Sim *sim, const char *joining, const char *leaving, const char *whole)
{
	unsigned server = (unsigned)pdk_random_below(&sim->random, sim->n);
	Admin *admin = g_new0(Admin, 1);
	SimClient callbacks = {admin_received, admin_closed, admin};
	g_autofree char *line = g_strdup_printf("at server %u asked: joining \"%s\" leaving \"%s\" whole \"%s\"", server + 1, joining,
						leaving, whole);
	admin->sim = sim;
	g_strlcpy(admin->joining, joining, sizeof admin->joining);
	g_strlcpy(admin->leaving, leaving, sizeof admin->leaving);
	g_strlcpy(admin->whole, whole, sizeof admin->whole);
	admin->end = sim_connect(sim, server, &callbacks);
	sim_tell(sim, "*", line);
	if (admin->end)
		ask_session(admin);
	sim_later(sim, sim->now_us + PATIENCE_US, give_up, admin);
	return admin->end != NULL;
}

static bool
reconfigure(Sim *sim, unsigned server, bool stays, bool observer)
{
	const PdkMembers *members = members_of_leader(sim);
	g_autoptr(GString) joining = g_string_new(NULL);
	g_autofree char *leaving = stays ? g_strdup("") : g_strdup_printf("%u", server + 1);
	if (members && sim_unusual(sim->params.unusual, SIM_GROUPS)) {
		g_autofree char *whole = whole_list(sim, members, sim->nodes[server].sid, stays, observer);
		return ask_for(sim, "", "", whole);
	}
	if (stays) {
		append_member(joining, server, observer);
		g_string_truncate(joining, joining->len - 1);
	}
	return ask_for(sim, joining->str, leaving, "");
}

bool
sim_remove(Sim *sim, unsigned server)
{
	return reconfigure(sim, server, false, false);
}

bool
sim_join(Sim *sim, unsigned server, bool observer)
{
	return reconfigure(sim, server, true, observer);
}

static void
put_itself(Node *node, const PdkMembers *members)
{
	g_autofree char *lines = pdk_members_file(members);
	GString *text = g_string_new(lines);
	g_string_append_c(text, '\n');
	append_member(text, node->index, true);
	sim_members_clear(node);
	node->kept.committed = g_string_free_to_bytes(text);
}

/* Enough of those whom the list names have it as the one in force. */
static bool
is_in_force(const Sim *sim, const PdkMembers *members)
{
	PdkSids sids = {0};
	for (unsigned i = 0; i < sim->n; i++) {
		g_autoptr(PdkMembers) known = sim_members_committed(&sim->nodes[i]);
		if (pdk_members_version(known) >= pdk_members_version(members))
			pdk_sids_add(&sids, sim->nodes[i].sid);
	}
	return sim_quorum(members, &sids);
}

static bool
names_newly(const PdkMembers *members, const PdkMembers *than, int64_t sid)
{
	return members && pdk_members_version(members) > pdk_members_version(than) && pdk_members_find(members, sid);
}

/* Its last list but one is put back, with the last one as a proposal: as if it had crashed before that was in force. */
static void
take_back(SimMembers *kept)
{
	g_clear_pointer(&kept->next, g_bytes_unref);
	kept->next = g_steal_pointer(&kept->committed);
	kept->committed = g_steal_pointer(&kept->before);
}

bool
sim_members_take_in(Node *node)
{
	const Sim *sim = node->sim;
	g_autoptr(PdkMembers) committed = sim_members_committed(node);
	for (unsigned i = 0; i < sim->n; i++) {
		g_autoptr(PdkMembers) next = sim_members_next(&sim->nodes[i]), in_force = sim_members_committed(&sim->nodes[i]);
		if (!names_newly(next, committed, node->sid) && !names_newly(in_force, committed, node->sid))
			continue;
		put_itself(node, committed);
		return true;
	}
	g_autoptr(PdkMembers) before = node->kept.before ? read_members(sim, node->kept.before) : NULL;
	if (before == NULL || !pdk_members_find(before, node->sid) || is_in_force(sim, committed))
		return false;
	take_back(&node->kept);
	return true;
}

bool
sim_invite(Sim *sim, unsigned server)
{
	Node *node = &sim->nodes[server];
	const PdkMembers *members = sim_settled_members(sim);
	if (members == NULL || node->up || pdk_members_find(members, node->sid))
		return false;
	put_itself(node, members);
	sim_start(sim, server);
	return true;
}

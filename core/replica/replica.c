/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Birth and states of a replica: looking, leading, learning; the epochs and what must be on disk before it votes; events handed
 * to whoever runs. Changes when the way from one state to the next does. Source: QuorumPeer.
 */
#include "replica/replica-private.h"

#define ACCEPTED_KEY "acceptedEpoch"
#define CURRENT_KEY "currentEpoch"
#define HISTORY_BYTES (64 * 1024 * 1024)
#define STEPS_AT_ONCE 8 /* looks and leaders named in one event, before others have their turn */

/* ---- small things ---- */

void
pdk_replica_say(PdkReplica *replica, PdkLogLevel level, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	g_autofree char *line = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	replica->hooks.say(replica->hooks.context, level, line);
}

void
pdk_replica_deadline(PdkReplica *replica, int64_t at_us)
{
	replica->effects->deadline_us = MIN(replica->effects->deadline_us, at_us);
}

int64_t
pdk_replica_init_us(const PdkReplica *replica)
{
	return (int64_t)replica->params.tick_ms * replica->params.init_limit * 1000;
}

int64_t
pdk_replica_sync_us(const PdkReplica *replica)
{
	return (int64_t)replica->params.tick_ms * replica->params.sync_limit * 1000;
}

uint32_t
pdk_replica_dial(PdkReplica *replica, PdkPurpose purpose, char *address, int32_t timeout_ms)
{
	if (++replica->next_dial == 0)
		replica->next_dial = 1;
	PdkCommand *command = pdk_effects_command(replica->effects, PDK_COMMAND_DIAL, 0);
	command->dial = replica->next_dial;
	command->purpose = purpose;
	command->address = address;
	command->timeout_ms = timeout_ms;
	return command->dial;
}

void
pdk_replica_hold(PdkReplica *replica, int64_t zxid, GBytes *txn)
{
	pdk_assert(zxid > replica->last_logged);
	replica->last_logged = zxid;
	replica->hooks.hold(replica->hooks.context, zxid, txn);
}

static const char *
role_name(PdkPeerState role)
{
	static const char *const names[] = {"looking", "following", "leading", "observing"};
	return names[role];
}

/* ---- birth and end ---- */

PdkReplica *
pdk_replica_new(const PdkReplicaParams *params, const PdkReplicaHooks *hooks, uint64_t seed)
{
	PdkReplica *replica = g_new0(PdkReplica, 1);
	replica->params = *params;
	replica->hooks = *hooks;
	replica->random = pdk_random(seed);
	replica->committed = pdk_members_ref(params->committed);
	bool newer = params->last_seen && pdk_members_version(params->last_seen) > pdk_members_version(params->committed);
	replica->last_seen = pdk_members_ref(newer ? params->last_seen : params->committed);
	replica->params.committed = replica->params.last_seen = NULL;
	replica->ensemble = (PdkEnsemble){
		.size = sizeof(PdkEnsemble),
		.context = replica,
		.self = params->self,
		.reconfig_enabled = params->reconfig_enabled,
		.is_voter = pdk_electing_is_voter,
		.weight = pdk_electing_weight,
		.quorum = pdk_electing_quorum,
	};
	replica->ensemble_voters = g_array_new(FALSE, FALSE, sizeof(int64_t));
	replica->history = pdk_history_new(params->history_count, HISTORY_BYTES);
	replica->election_due_us = INT64_MAX;
	replica->election_ms = -1;
	replica->saving_accepted = replica->saving_current = -1;
	replica->last_proposal_bytes = replica->min_proposal_bytes = replica->max_proposal_bytes = -1;
	replica->vote = (PdkVote){.leader = -1, .peer_epoch = -1};
	pdk_change_tell(replica);
	return replica;
}

static void
quiet_say(G_GNUC_UNUSED void *context, G_GNUC_UNUSED PdkLogLevel level, G_GNUC_UNUSED const char *line)
{
}

static void
quiet(G_GNUC_UNUSED void *context)
{
}

/* The layer above goes at the same time: nobody is told. */
void
pdk_replica_free(PdkReplica *replica)
{
	g_autoptr(PdkEffects) nowhere = pdk_effects_new();
	replica->effects = nowhere;
	replica->hooks.say = quiet_say;
	replica->hooks.quiesce = replica->hooks.walk_abort = replica->hooks.load_abort = quiet;
	if (replica->role == PDK_PEER_LEADING)
		pdk_leader_end(replica);
	else if (replica->role != PDK_PEER_LOOKING)
		pdk_learner_end(replica);
	pdk_handlers_free(replica);
	g_clear_pointer(&replica->mesh, pdk_mesh_free);
	pdk_history_free(replica->history);
	pdk_members_unref(replica->committed);
	pdk_members_unref(replica->last_seen);
	g_array_unref(replica->ensemble_voters);
	g_free(replica->adopt_text);
	g_free(replica->quorum_binding.failure);
	g_free(replica->election_binding.failure);
	g_free(replica->observer_binding.failure);
	g_clear_pointer(&replica->masters, g_array_unref);
	g_free(replica);
}

const PdkEnsemble *
pdk_replica_ensemble(PdkReplica *replica)
{
	return &replica->ensemble;
}

void
pdk_replica_set_cells(PdkReplica *replica, PdkCounter *(*counter)(void *, const char *, const char *),
		      PdkSummary *(*summary)(void *, const char *, const char *, bool), void *context)
{
	replica->cells.election_time =
		summary(context, "election_time", "Time between losing a leader and naming one, ms", false);
	replica->cells.follower_sync_time =
		summary(context, "follower_sync_time", "Time a leader needed to bring a follower up, ms", false);
	replica->cells.observer_sync_time =
		summary(context, "observer_sync_time", "Time a leader needed to bring an observer up, ms", false);
	replica->cells.quorum_ack_latency =
		summary(context, "quorum_ack_latency", "Time from a proposal to its quorum of acks, ms", true);
	replica->cells.proposal_latency =
		summary(context, "proposal_latency", "Time from a proposal to its commit, ms", true);
	replica->cells.looking_count = counter(context, "looking_count", "Times this server began to look for a leader");
	replica->cells.diff_count = counter(context, "diff_count", "Learners brought up with a part of the history");
	replica->cells.snap_count = counter(context, "snap_count", "Learners brought up with a snapshot");
	replica->cells.proposals_received =
		counter(context, "learner_proposal_received_count", "Proposals this learner received");
	replica->cells.commits_received = counter(context, "learner_commit_received_count", "Commits this learner received");
}

/* ---- epochs ---- */

/* Decimal ASCII, perhaps with white space around; -1: missing; false: anything else. */
static bool
epoch_of_record(GBytes *record, int64_t *epoch)
{
	*epoch = -1;
	if (record == NULL)
		return true;
	size_t length;
	const char *data = g_bytes_get_data(record, &length);
	g_autofree char *text = g_strstrip(g_strndup(data ? data : "", MIN(length, 32)));
	guint64 value;
	if (!g_ascii_string_to_unsigned(text, 10, 0, INT32_MAX, &value, NULL))
		return false;
	*epoch = (int64_t)value;
	return true;
}

#define JOIN_ERROR g_quark_from_static_string("pdk-replica-error")

static bool
refuse(GError **error, const char *text)
{
	g_set_error_literal(error, JOIN_ERROR, 0, text);
	return false;
}

/*
 * What the two records say, against the log. A log that reaches into a higher epoch than currentEpoch is what a crash between
 * "history is durable" and "currentEpoch is durable" leaves: all of that epoch's initial history precedes its first txn in the
 * log, so the record may be brought up, if the epoch was promised. Source: QuorumPeer.loadDataBase.
 */
static bool
check_epochs(PdkReplica *replica, int64_t accepted, int64_t current, int64_t logged, GError **error)
{
	int64_t epoch = logged < 0 ? 0 : pdk_zxid_epoch(logged);
	if (current < 0)
		current = epoch;
	/* 0: the first synchronisation never ended (see fresh.c), and counts for as little as before. */
	if (epoch > current && accepted >= epoch && current > 0) {
		pdk_replica_say(replica, PDK_LOG_WARNING, "the last sync with a leader broke off: " CURRENT_KEY " goes on from %"
				PRId64 " to %" PRId64 ", the epoch of the log", current, epoch);
		current = epoch;
	}
	if (epoch > current && (current > 0 || accepted < epoch)) {
		g_set_error(error, JOIN_ERROR, 0, "the log ends in epoch %" PRId64 ", but " CURRENT_KEY " is %" PRId64 " and "
			    ACCEPTED_KEY " %" PRId64 ": files of different servers or times are mixed in this data directory",
			    epoch, current, accepted);
		return false;
	}
	if (accepted < 0)
		accepted = MAX(epoch, 0);
	if (accepted < current) {
		g_set_error(error, JOIN_ERROR, 0, ACCEPTED_KEY " is %" PRId64 ", less than " CURRENT_KEY " %" PRId64
			    ": one of the two files is not of this server", accepted, current);
		return false;
	}
	replica->accepted_epoch = accepted;
	replica->current_epoch = current;
	return true;
}

bool
pdk_replica_join(PdkReplica *replica, const PdkElectionOps *ops, PdkElection *election, GBytes *accepted_epoch,
		 GBytes *current_epoch, int64_t last_logged, GError **error)
{
	int64_t accepted, current;
	pdk_assert(!replica->started && replica->election == NULL);
	if (!pdk_members_find(replica->committed, replica->params.self)) {
		g_set_error(error, JOIN_ERROR, 0, "server %" PRId64 " (myid) is not in the list of members",
			    replica->params.self);
		return false;
	}
	if (!epoch_of_record(accepted_epoch, &accepted))
		return refuse(error, "the file " ACCEPTED_KEY " does not hold a number");
	if (!epoch_of_record(current_epoch, &current))
		return refuse(error, "the file " CURRENT_KEY " does not hold a number");
	if (!check_epochs(replica, accepted, current, last_logged, error))
		return false;
	if (accepted != replica->accepted_epoch)
		replica->saving_accepted = replica->accepted_epoch;
	if (current != replica->current_epoch)
		replica->saving_current = replica->current_epoch;
	replica->last_logged = replica->synced = last_logged;
	replica->log_floor = replica->first_recovered ? replica->first_recovered : last_logged;
	replica->election_ops = ops;
	replica->election = election;
	pdk_electing_begin(replica);
	return true;
}

void
pdk_replica_trust(PdkReplica *replica)
{
	pdk_assert(!replica->started);
	replica->trusted = true;
}

static void
save_epoch(PdkReplica *replica, const char *key, int64_t epoch)
{
	PdkCommand *command = pdk_effects_command(replica->effects, PDK_COMMAND_RECORD, 0);
	char *text = g_strdup_printf("%" PRId64, epoch);
	command->key = g_strdup(key);
	command->part = g_bytes_new_take(text, strlen(text));
}

void
pdk_replica_save_accepted(PdkReplica *replica, int64_t epoch)
{
	pdk_assert(epoch >= replica->accepted_epoch && epoch >= replica->saving_accepted);
	replica->saving_accepted = epoch;
	replica->accepted_saves++;
	save_epoch(replica, ACCEPTED_KEY, epoch);
}

void
pdk_replica_save_current(PdkReplica *replica, int64_t epoch)
{
	pdk_assert(epoch >= replica->current_epoch && epoch <= replica->accepted_epoch);
	replica->saving_current = epoch;
	replica->current_saves++;
	save_epoch(replica, CURRENT_KEY, epoch);
}

static bool
learns(const PdkReplica *replica)
{
	return replica->role == PDK_PEER_FOLLOWING || replica->role == PDK_PEER_OBSERVING;
}

static void
accepted_saved(PdkReplica *replica)
{
	if (replica->accepted_saves == 0 || --replica->accepted_saves > 0)
		return;
	replica->accepted_epoch = replica->saving_accepted;
	replica->saving_accepted = -1;
	if (replica->role == PDK_PEER_LEADING)
		pdk_leader_epoch_saved(replica);
	else if (learns(replica))
		pdk_learner_epoch_saved(replica);
}

static void
current_saved(PdkReplica *replica)
{
	if (replica->current_saves == 0 || --replica->current_saves > 0)
		return;
	replica->current_epoch = replica->saving_current;
	replica->saving_current = -1;
	if (replica->role == PDK_PEER_LEADING)
		pdk_leader_current_saved(replica);
	else if (learns(replica))
		pdk_learner_current_saved(replica);
}

/* ---- from state to state ---- */

static void
tell_settled(PdkReplica *replica)
{
	PdkElectionEvent event = {.kind = PDK_ELECTION_SETTLED};
	event.settled.state = replica->role;
	event.settled.vote = replica->vote;
	pdk_electing_step(replica, &event);
}

static void
leave(PdkReplica *replica)
{
	PdkPeerState role = replica->role;
	replica->serving = false;
	if (role == PDK_PEER_LEADING)
		pdk_leader_end(replica);
	else if (role != PDK_PEER_LOOKING)
		pdk_learner_end(replica);
	replica->role = PDK_PEER_LOOKING;
	if (role != PDK_PEER_LOOKING)
		replica->hooks.quiesce(replica->hooks.context);
}

void
pdk_replica_look(PdkReplica *replica, const char *why)
{
	PdkPeerState role = replica->role;
	if (role == PDK_PEER_LOOKING || replica->stopping)
		return;
	if (replica->handed_over)
		pdk_replica_say(replica, PDK_LOG_INFO, "%s ends: %s; server %" PRId64 " leads next", role_name(role), why,
				replica->vote.leader);
	else
		pdk_replica_say(replica, PDK_LOG_WARNING, "%s ends: %s; a leader is looked for", role_name(role), why);
	leave(replica);
	if (replica->cells.looking_count)
		pdk_counter_add(replica->cells.looking_count, 1);
	replica->effects->again = true;
	if (replica->handed_over) {
		const PdkMember *self = pdk_members_find(replica->committed, replica->params.self);
		replica->enter_wanted = true;
		replica->enter_state = replica->vote.leader == replica->params.self ? PDK_PEER_LEADING
				     : self && self->observer			     ? PDK_PEER_OBSERVING
										     : PDK_PEER_FOLLOWING;
		return;
	}
	replica->look_wanted = true;
	replica->look_at_us = replica->now_us;
	tell_settled(replica); /* the disk may take its time, and who asks meanwhile must not be sent to whom nobody leads */
	if (role == PDK_PEER_OBSERVING && replica->params.observer_delay_ms > 0)
		replica->look_at_us += (int64_t)pdk_random_below(&replica->random,
								 (uint64_t)replica->params.observer_delay_ms * 1000);
}

bool
pdk_replica_snapshotting(const PdkReplica *replica)
{
	return replica->hooks.snapshotting && replica->hooks.snapshotting(replica->hooks.context);
}

/* Was everything asked of it answered? */
static bool
disk_is_idle(const PdkReplica *replica)
{
	bool saves = replica->accepted_saves > 0 || replica->current_saves > 0 || replica->election_saves > 0;
	return !saves && !replica->truncating && !replica->saving_snapshot && !replica->log_asked &&
	       replica->synced >= replica->last_logged && !pdk_replica_snapshotting(replica);
}

static void
try_reload(PdkReplica *replica)
{
	if (!replica->reload_waits || replica->stopping || !disk_is_idle(replica))
		return;
	replica->reload_waits = false;
	replica->first_recovered = replica->snapshot_floor = 0;
	/* What is held is in the log, and comes into the tree with it. */
	replica->hooks.drop(replica->hooks.context, -1);
	pdk_history_clear(replica->history);
	pdk_effects_command(replica->effects, PDK_COMMAND_RELOAD, 0);
}

void
pdk_replica_reload(PdkReplica *replica)
{
	replica->reloading = replica->reload_waits = true;
	try_reload(replica);
}

/* What this server would claim is on disk, and the tree is what the log says. Asks for what is missing. */
static bool
disk_is_ready(PdkReplica *replica)
{
	if (replica->truncating || replica->saving_snapshot || replica->reloading)
		return false;
	if (replica->unfit) {
		pdk_replica_say(replica, PDK_LOG_INFO, "the database is read again: its last sync with a leader broke off");
		pdk_replica_reload(replica);
		return false;
	}
	return replica->accepted_saves == 0 && replica->current_saves == 0 && replica->synced >= replica->last_logged;
}

static void
try_look(PdkReplica *replica)
{
	if (replica->now_us < replica->look_at_us) {
		pdk_replica_deadline(replica, replica->look_at_us);
		return;
	}
	if (!disk_is_ready(replica))
		return;
	replica->look_wanted = replica->unanimous = false;
	pdk_handlers_drop_all(replica); /* who came before this search was sent by one that is over */
	if (replica->looking_since_us == 0)
		replica->looking_since_us = MAX(replica->now_us, 1);
	PdkElectionEvent event = {.kind = PDK_ELECTION_LOOK};
	event.look.zxid = replica->last_logged;
	event.look.current_epoch = replica->current_epoch;
	pdk_electing_step(replica, &event);
}

void
pdk_replica_settle(PdkReplica *replica, int64_t peer_epoch)
{
	replica->gave_way = 0;
	replica->vote.peer_epoch = peer_epoch;
	tell_settled(replica);
}

static bool
can_enter(PdkReplica *replica)
{
	int64_t leader = replica->vote.leader;
	if ((replica->enter_state == PDK_PEER_LEADING) != (leader == replica->params.self))
		return false;
	return pdk_members_find(replica->committed, leader) || pdk_members_find(replica->last_seen, leader);
}

static void
enter(PdkReplica *replica)
{
	bool by_hand = replica->handed_over;
	replica->enter_wanted = replica->handed_over = false;
	if (!can_enter(replica)) {
		pdk_replica_say(replica, PDK_LOG_WARNING, "the election named server %" PRId64 " as leader, which cannot be; "
				"it is repeated", replica->vote.leader);
		replica->look_wanted = true;
		replica->look_at_us = replica->now_us + (int64_t)replica->params.tick_ms * 500;
		return;
	}
	if (!by_hand && replica->looking_since_us > 0) {
		replica->election_ms = (replica->now_us - replica->looking_since_us) / 1000;
		if (replica->cells.election_time)
			pdk_summary_add(replica->cells.election_time, (uint64_t)replica->election_ms);
	}
	replica->looking_since_us = 0;
	replica->role = replica->enter_state;
	pdk_replica_say(replica, PDK_LOG_INFO, "%s begins leader=%" PRId64 " round=%" PRId64 " zxid=0x%" PRIx64 "%s",
			role_name(replica->role), replica->vote.leader, replica->vote.round, (uint64_t)replica->last_logged,
			by_hand ? " (named by a reconfiguration)" : "");
	if (by_hand)
		tell_settled(replica);
	if (replica->role == PDK_PEER_LEADING) {
		pdk_leader_begin(replica);
		return;
	}
	pdk_handlers_drop_all(replica);
	pdk_learner_begin(replica, replica->vote.leader, by_hand);
}

/* Acts on what an event left: a leader was named, or one is to be looked for. */
static void
after_event(PdkReplica *replica)
{
	try_reload(replica);
	for (unsigned i = 0; i < STEPS_AT_ONCE; i++) {
		if (!replica->started || replica->stopping || replica->role != PDK_PEER_LOOKING)
			return;
		bool waited = replica->look_wanted;
		if (replica->enter_wanted && (!replica->handed_over || disk_is_ready(replica)))
			enter(replica);
		else if (replica->look_wanted && !replica->enter_wanted)
			try_look(replica);
		else
			return;
		if (waited && replica->look_wanted)
			return; /* for the disk, or its time */
	}
	replica->effects->again = true;
}

void
pdk_replica_step(PdkReplica *replica, int64_t now_us, PdkEffects *effects)
{
	replica->now_us = now_us;
	replica->effects = effects;
}

void
pdk_replica_begin(PdkReplica *replica)
{
	pdk_assert(replica->election && !replica->started);
	replica->started = true;
	if (replica->saving_accepted >= 0)
		pdk_replica_save_accepted(replica, replica->accepted_epoch);
	if (replica->saving_current >= 0)
		pdk_replica_save_current(replica, replica->current_epoch);
	pdk_replica_listen(replica, PDK_PURPOSE_ELECTION, false);
	pdk_replica_listen(replica, PDK_PURPOSE_QUORUM, false);
	pdk_replica_listen(replica, PDK_PURPOSE_OBSERVER, false);
	replica->look_wanted = true;
	replica->look_at_us = replica->now_us;
	if (replica->cells.looking_count)
		pdk_counter_add(replica->cells.looking_count, 1);
	after_event(replica);
}

void
pdk_replica_stop(PdkReplica *replica)
{
	if (replica->stopping)
		return;
	if (replica->role != PDK_PEER_LOOKING)
		pdk_replica_say(replica, PDK_LOG_INFO, "%s ends: this server stops", role_name(replica->role));
	leave(replica);
	replica->stopping = true;
	replica->look_wanted = replica->enter_wanted = false;
	pdk_handlers_drop_all(replica);
	if (!replica->started)
		return;
	pdk_effects_command(replica->effects, PDK_COMMAND_UNLISTEN, 0)->purpose = PDK_PURPOSE_ELECTION;
	pdk_effects_command(replica->effects, PDK_COMMAND_UNLISTEN, 0)->purpose = PDK_PURPOSE_QUORUM;
	if (replica->params.observer_master_port > 0)
		pdk_effects_command(replica->effects, PDK_COMMAND_UNLISTEN, 0)->purpose = PDK_PURPOSE_OBSERVER;
}

/* ---- events ---- */

void
pdk_replica_accepted(PdkReplica *replica, PdkLink link, PdkPurpose purpose, const char *endpoint)
{
	if (replica->stopping) {
		replica->effects->refused = true;
		return;
	}
	if (purpose == PDK_PURPOSE_ELECTION) {
		pdk_mesh_accepted(replica->mesh, link, endpoint, replica->now_us, replica->effects);
		after_event(replica);
		return;
	}
	pdk_handler_new(replica, link, endpoint, purpose == PDK_PURPOSE_OBSERVER);
}

void
pdk_replica_dialled(PdkReplica *replica, uint32_t dial, PdkLink link)
{
	if (replica->stopping || (!pdk_mesh_dialled(replica->mesh, dial, link, replica->now_us, replica->effects) &&
				  !pdk_learner_dialled(replica, dial, link)))
		pdk_effects_command(replica->effects, PDK_COMMAND_CLOSE, link);
	after_event(replica);
}

void
pdk_replica_dial_failed(PdkReplica *replica, uint32_t dial, bool refused, const char *detail)
{
	if (replica->stopping)
		return;
	if (!pdk_mesh_dial_failed(replica->mesh, dial, refused, detail, replica->now_us, replica->effects))
		pdk_learner_dial_failed(replica, dial, refused, detail);
	after_event(replica);
}

void
pdk_replica_received(PdkReplica *replica, PdkLink link, const uint8_t *data, size_t length)
{
	if (replica->stopping)
		return;
	if (link == replica->learning.wire.link) {
		pdk_learner_received(replica, data, length);
	} else if (!pdk_mesh_received(replica->mesh, link, data, length, replica->now_us, replica->effects)) {
		PdkHandler *handler = pdk_handler_find(replica, link);
		if (handler)
			pdk_handler_received(replica, handler, data, length);
	}
	after_event(replica);
}

void
pdk_replica_unsent(PdkReplica *replica, PdkLink link, size_t unsent)
{
	if (replica->stopping)
		return;
	if (link == replica->learning.wire.link) {
		replica->learning.wire.unsent = unsent;
		return;
	}
	if (pdk_mesh_unsent(replica->mesh, link, unsent, replica->now_us, replica->effects))
		return;
	PdkHandler *handler = pdk_handler_find(replica, link);
	if (handler)
		pdk_handler_unsent(replica, handler, unsent);
	after_event(replica);
}

void
pdk_replica_closed(PdkReplica *replica, PdkLink link)
{
	if (replica->stopping)
		return;
	if (link == replica->learning.wire.link) {
		pdk_learner_closed(replica);
	} else if (!pdk_mesh_closed(replica->mesh, link, replica->now_us, replica->effects)) {
		PdkHandler *handler = pdk_handler_find(replica, link);
		if (handler)
			pdk_handler_closed(replica, handler);
	}
	after_event(replica);
}

void
pdk_replica_record_saved(PdkReplica *replica, const char *key)
{
	if (strcmp(key, ACCEPTED_KEY) == 0) {
		accepted_saved(replica);
	} else if (strcmp(key, CURRENT_KEY) == 0) {
		current_saved(replica);
	} else {
		PdkElectionEvent event = {.kind = PDK_ELECTION_SAVED};
		replica->election_saves -= replica->election_saves > 0 ? 1 : 0;
		event.saved = key;
		pdk_electing_step(replica, &event);
	}
	after_event(replica);
}

void
pdk_replica_truncated(PdkReplica *replica, int64_t zxid, const char *failure)
{
	replica->truncating = false;
	/* Who asked may be gone: then the log is as it was, and the tree is read from it again. */
	bool excused = failure && (!learns(replica) || pdk_learner_cut_refused(replica, failure));
	if (excused) {
		after_event(replica);
		return;
	}
	if (failure) {
		g_autofree char *line = g_strdup_printf("the log cannot be cut behind zxid 0x%" PRIx64 " as the leader asks: %s; "
							"empty this server's data directory (but myid) and start it again",
							(uint64_t)zxid, failure);
		replica->hooks.fatal(replica->hooks.context, line);
		return;
	}
	replica->synced = MIN(replica->synced, zxid);
	replica->last_logged = MIN(replica->last_logged, zxid);
	replica->snapshot_floor = replica->snapshot_floor > zxid ? 0 : replica->snapshot_floor;
	if (learns(replica))
		pdk_learner_truncated(replica);
	after_event(replica);
}

void
pdk_replica_reloaded(PdkReplica *replica, int64_t last_logged)
{
	replica->reloading = replica->unfit = false;
	replica->last_logged = replica->synced = last_logged;
	replica->log_floor = replica->first_recovered ? replica->first_recovered : last_logged;
	if (learns(replica))
		pdk_learner_reloaded(replica);
	after_event(replica);
}

void
pdk_replica_log_read(PdkReplica *replica, const PdkLoggedTxn *txns, size_t n, bool more, const char *failure)
{
	pdk_sync_log_read(replica, txns, n, more, failure);
	after_event(replica);
}

void
pdk_replica_load_room(PdkReplica *replica)
{
	pdk_learner_load_room(replica);
	after_event(replica);
}

void
pdk_replica_load_saved(PdkReplica *replica, const char *failure)
{
	if (!replica->saving_snapshot)
		return;
	replica->saving_snapshot = false;
	if (failure) {
		pdk_replica_say(replica, PDK_LOG_ERROR, "the leader's snapshot could not be kept: %s", failure);
		replica->unfit = true;
		replica->last_logged = replica->synced; /* to be read again */
		pdk_replica_look(replica, "its snapshot could not be kept");
	} else {
		replica->synced = MAX(replica->synced, replica->snapshot_zxid);
		if (learns(replica))
			pdk_learner_load_saved(replica);
	}
	after_event(replica);
}

void
pdk_replica_snapshot_over(PdkReplica *replica)
{
	if (learns(replica))
		pdk_learner_snapshot_over(replica);
	after_event(replica);
}

void
pdk_replica_synced(PdkReplica *replica, int64_t zxid)
{
	replica->synced = MAX(replica->synced, zxid);
	if (replica->role == PDK_PEER_LEADING)
		pdk_leader_synced(replica);
	else if (learns(replica))
		pdk_learner_synced(replica);
	after_event(replica);
}

void
pdk_replica_turn(PdkReplica *replica)
{
	if (!replica->started || replica->stopping)
		return;
	pdk_replica_listen_turn(replica);
	pdk_mesh_turn(replica->mesh, replica->now_us, replica->effects);
	if (replica->now_us >= replica->election_due_us) {
		replica->election_due_us = INT64_MAX;
		PdkElectionEvent event = {.kind = PDK_ELECTION_DEADLINE};
		pdk_electing_step(replica, &event);
	}
	after_event(replica);
	if (replica->role == PDK_PEER_LEADING)
		pdk_leader_turn(replica);
	else if (learns(replica))
		pdk_learner_turn(replica);
	pdk_master_turn(replica);
	pdk_handlers_turn(replica);
	after_event(replica);
	pdk_replica_deadline(replica, replica->election_due_us);
}

/* ---- history ---- */

void
pdk_replica_applied(PdkReplica *replica, int64_t zxid, GBytes *txn)
{
	pdk_history_add(replica->history, zxid, txn);
	if (replica->handlers)
		pdk_master_applied(replica, zxid, txn);
}

void
pdk_replica_recovers_from(PdkReplica *replica, int64_t zxid)
{
	replica->snapshot_floor = zxid;
}

void
pdk_replica_recovered(PdkReplica *replica, int64_t zxid, const uint8_t *txn, size_t length)
{
	g_autoptr(GBytes) bytes = g_bytes_new(txn, length);
	if (replica->first_recovered == 0)
		replica->first_recovered = zxid;
	pdk_history_add(replica->history, zxid, bytes);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* One simulated server: how it lives and dies, how its effects are carried. Changes when the host's part does. */
#include "sim/quirks.h"

/* ---- a server's life ---- */

static void
server_log(void *context, PdkLogLevel level, const char *line)
{
	(void)level;
	Node *node = context;
	sim_tell_of(node, line);
	sim_count_line(node->sim, line);
}

/* A list that was proposed counts until the one in force is as new. */
static void
take_members(const Node *node, PdkReplicaParams *replica)
{
	g_autoptr(PdkMembers) next = sim_members_next(node);
	replica->committed = sim_members_committed(node);
	if (next && pdk_members_version(next) > pdk_members_version(replica->committed))
		replica->last_seen = g_steal_pointer(&next);
}

static PdkSettings *
make_settings(Node *node)
{
	const SimParams *params = &node->sim->params;
	PdkSettings *settings = pdk_settings_new();
	PdkReplicaParams *replica = g_new0(PdkReplicaParams, 1);
	*replica = (PdkReplicaParams){
		.self = node->sid,
		.rules = sim_members_rules(node->sim),
		.dial_timeout_ms = 5000,
		.max_buffer_bytes = settings->max_buffer_bytes,
		.extra_buffer_bytes = settings->extra_buffer_bytes,
		.history_count = params->history_count ? params->history_count : 500,
		.snapshot_size_factor = 0.33,
		.observer_delay_ms = 200,
		.observer_master_bytes = 32 * MIB,
		.bind_retries = 3,
		.sync_enabled = true,
		.learner_output_max = 256 * MIB,
	};
	settings->replica = replica;
	take_members(node, replica);
	settings->reconfig_enabled = replica->reconfig_enabled = params->reconfig;
	settings->extended_types = true;
	if (params->container_check_ms)
		settings->container_check_ms = params->container_check_ms;
	settings->container_max_never_used_ms = params->container_never_used_ms;
	settings->server_id = (uint8_t)node->sid;
	if (params->snap_count)
		settings->snap_count = params->snap_count;
	sim_settings_apply(params->unusual, params->seed, settings);
	if (params->settings)
		params->settings(settings);
	return settings;
}

static PdkConfig *
make_election_config(const Sim *sim)
{
	PdkConfig *config = pdk_config_new(sim->election->options);
	for (const char *const *told = sim->params.options; told && told[0]; told += 2) {
		g_autoptr(GError) error = NULL;
		pdk_config_set_text(config, pdk_config_find(config, told[0]), told[1], &error);
		g_assert_no_error(error);
	}
	return config;
}

static PdkServer *
make_server(Node *node)
{
	PdkServerParams params = {
		.settings = node->settings,
		.registry = node->registry,
		.facts = &node->facts,
		.version = "3.9.4-paddock-sim",
		.built_on = "never",
		.seed = pdk_random_next(&node->sim->random),
		.now_us = sim_clock_us(node),
		.wall_ms = sim_clock_wall_ms(node),
		.log = server_log,
		.log_context = node,
	};
	return pdk_server_new(&params);
}

static void
begin_life(Node *node)
{
	node->up = true;
	node->stops = false;
	node->life++;
	node->settings = make_settings(node);
	node->registry = pdk_registry_new();
	node->effects = pdk_effects_new();
	node->election_config = make_election_config(node->sim);
	node->disk.free_us = node->disk.stuck_us = 0;
	node->disk.may_fail = node->disk.full;
	g_clear_pointer(&node->disk.refusal, g_free);
	node->turn_at_us = INT64_MAX;
	node->ends = g_ptr_array_new();
	node->generations = g_array_new(FALSE, TRUE, sizeof(uint32_t));
	sim_host_begin(node);
	sim_tell_of(node, "* starts");
	if (node->sim->witness.life)
		node->sim->witness.life(node->sim->witness.context, node->index, true);
	node->server = make_server(node);
	sim_access_open(node);
}

static void
end_life(Node *node)
{
	if (node->sim->witness.life)
		node->sim->witness.life(node->sim->witness.context, node->index, false);
	for (guint i = 0; i < node->ends->len; i++)
		if (g_ptr_array_index(node->ends, i))
			sim_shut(g_ptr_array_index(node->ends, i));
	node->up = false;
	node->life++;
	node->disk.doom++;
	sim_store_close(node);
	if (node->election)
		((const PdkElectionOps *)node->sim->election->ops)->destroy(node->election);
	node->election = NULL;
	g_clear_pointer(&node->server, pdk_server_free);
	sim_access_close(node);
	sim_host_end(node);
	pdk_effects_free(node->effects);
	pdk_registry_free(node->registry);
	pdk_settings_free(node->settings);
	pdk_config_free(node->election_config);
	g_ptr_array_unref(node->ends);
	g_array_unref(node->generations);
	memset(node->listens, 0, sizeof node->listens);
	sim_disk_forgets(&node->disk, node->sim->params.steady ? NULL : &node->sim->random);
	sim_quirk_forgets(node);
	sim_check_crash(node, false);
}

/* As the daemon does it: the data, then the election, then the server joins. */
static bool
open_all(Node *node, GError **error)
{
	const PdkElectionOps *ops = node->sim->election->ops;
	PdkRecovered recovered;
	if (!sim_store_open(node, &recovered, error))
		return false;
	if (recovered.last_zxid < node->disk.durable_zxid)
		sim_fail(node->sim, "durable-comes-back", "server %" G_GINT64_FORMAT " finds 0x%" G_GINT64_MODIFIER "x, 0x%"
			 G_GINT64_MODIFIER "x was durable", node->sid, (guint64)recovered.last_zxid,
			 (guint64)node->disk.durable_zxid);
	sim_check_start(node, recovered.last_zxid);
	g_autoptr(GBytes) kept = sim_store_record(node, PDK_HAS(ops, record_key) ? ops->record_key : NULL);
	g_autoptr(GBytes) accepted = sim_store_record(node, "acceptedEpoch");
	g_autoptr(GBytes) current = sim_store_record(node, "currentEpoch");
	node->election = ops->create(sim_host_new(node, "election"), node->election_config, pdk_server_ensemble(node->server),
				     kept, error);
	return node->election &&
	       pdk_server_join(node->server, ops, node->election, accepted, current, recovered.last_zxid, error);
}

/* Right only where its disk was damaged, or its power fails. */
static void
refuse(Node *node, const char *why)
{
	g_autofree char *line = g_strdup_printf("* does not start: %s", why);
	sim_tell_of(node, line);
	if (forgetful_files_crashed(node->disk.files))
		return;
	node->disk.refusal = g_strdup(why);
	if (!sim_disk_excuses(&node->disk))
		sim_fail(node->sim, "starts", "server %" G_GINT64_FORMAT " cannot start: %s", node->sid, why);
}

void
sim_start(Sim *sim, unsigned server)
{
	Node *node = &sim->nodes[server];
	g_autoptr(GError) error = NULL;
	g_autoptr(PdkMembers) members = sim_members_committed(node);
	g_assert(!node->up);
	if (!pdk_members_find(members, node->sid) && !sim_members_take_in(node)) {
		sim_tell_of(node, "* is no member any more, and does not start");
		return;
	}
	begin_life(node);
	if (!open_all(node, &error)) {
		refuse(node, error->message);
		end_life(node);
		return;
	}
	sim_disk_accepted(&node->disk);
	pdk_server_begin(node->server, sim_clock_us(node), sim_clock_wall_ms(node), pdk_depot_can_snapshot(node->store.depot),
			 node->effects);
	sim_carry(node);
}

void
sim_crash(Sim *sim, unsigned server)
{
	Node *node = &sim->nodes[server];
	if (!node->up)
		return;
	sim_tell_of(node, "* crashes");
	end_life(node);
}

void
sim_stops(Node *node, const char *line)
{
	g_autofree char *told = g_strdup_printf("* stops: %s", line);
	sim_tell_of(node, told);
	node->stops = true;
	if (!sim_disk_excuses(&node->disk) && !forgetful_files_crashed(node->disk.files))
		sim_fail(node->sim, "goes-on", "server %" G_GINT64_FORMAT " stops: %s", node->sid, line);
}

void
sim_end_if_dead(Node *node)
{
	if (node->up && (node->stops || forgetful_files_crashed(node->disk.files)))
		sim_crash(node->sim, node->index);
}

void
sim_wipe(Sim *sim, unsigned server)
{
	SimDisk *disk = &sim->nodes[server].disk;
	g_assert(!sim->nodes[server].up);
	sim_disk_clear(disk);
	sim_disk_init(disk, disk->data_dir, disk->log_dir);
	sim_check_crash(&sim->nodes[server], true);
}

/* ---- carrying ---- */

void
sim_step(Node *node, PdkEvent *event)
{
	event->now_us = sim_clock_us(node);
	event->wall_ms = sim_clock_wall_ms(node);
	if (node->sim->witness.event)
		node->sim->witness.event(node->sim->witness.context, node->index, event);
	bool looked = sim_check_looks(node);
	unsigned appends = node->effects->n_appends;
	pdk_server_step(node->server, event, node->effects);
	sim_check_step(node, event, looked, appends);
}

static void
carry_outputs(Node *node)
{
	sim_check_outputs(node);
	for (unsigned i = 0; i < node->effects->n_outputs; i++) {
		const PdkOutput *output = &node->effects->outputs[i];
		SimEnd *end = sim_end_find(node, output->link);
		if (end == NULL || pdk_output_length(output) == 0)
			continue;
		g_autoptr(GArray) scratch = g_array_new(FALSE, FALSE, sizeof(PdkPart));
		g_autoptr(GByteArray) whole = g_byte_array_new();
		unsigned n;
		const PdkPart *parts = pdk_output_parts(output, scratch, &n);
		for (unsigned k = 0; k < n; k++)
			g_byte_array_append(whole, parts[k].data, (guint)parts[k].length);
		g_autoptr(GBytes) bytes = g_bytes_new(whole->data, whole->len);
		if (end->speech)
			sim_speech_says(end->speech, bytes);
		else
			sim_send_to(node->sim, end->other, bytes);
	}
}

static void
carry_command(Node *node, PdkCommand *command)
{
	SimEnd *end = command->link ? sim_end_find(node, command->link) : NULL;
	switch (command->type) {
	case PDK_COMMAND_CLOSE:
	case PDK_COMMAND_CLOSE_FLUSHED:
		if (end) {
			sim_shut(end);
			PdkEvent event = {.kind = PDK_EVENT_CLOSED, .link = command->link};
			sim_step(node, &event);
		}
		return;
	case PDK_COMMAND_PAUSE:
		if (end)
			end->paused = true;
		return;
	case PDK_COMMAND_RESUME:
		if (end)
			sim_resume(end);
		return;
	case PDK_COMMAND_DIAL:
		sim_dial(node, command);
		return;
	case PDK_COMMAND_LISTEN: {
		node->listens[command->purpose] = true;
		PdkEvent event = {.kind = PDK_EVENT_LISTENING, .listening = {command->purpose, command->address, NULL}};
		sim_step(node, &event);
		return;
	}
	case PDK_COMMAND_UNLISTEN:
		node->listens[command->purpose] = false;
		return;
	case PDK_COMMAND_MEMBERS:
		return;
	default:
		sim_store_carry(node, command);
		return;
	}
}

static void
want_turn(Node *node, int64_t at_us)
{
	if (at_us >= node->turn_at_us)
		return;
	node->turn_at_us = MAX(at_us, node->sim->now_us);
	sim_push(node->sim, at_us, (Happening){.what = HAPPENS_TURN, .node = node});
}

/* One round: what the step wished is carried; its order is the host's. True: carrying showed something. */
static bool
carry(Node *node)
{
	PdkEffects *effects = node->effects;
	if (effects->fatal) {
		sim_stops(node, effects->fatal);
		return false;
	}
	if (node->sim->witness.effects)
		node->sim->witness.effects(node->sim->witness.context, node->index, effects);
	for (unsigned i = 0; i < effects->n_commands; i++)
		if (effects->commands[i].type == PDK_COMMAND_MEMBERS)
			sim_members_keep(node, &effects->commands[i]);
	sim_store_append(node);
	carry_outputs(node);
	if (effects->again)
		want_turn(node, node->sim->now_us + 1);
	if (effects->deadline_us != INT64_MAX)
		want_turn(node, sim_clock_when(node, effects->deadline_us));
	/* Commands may step the server: its next effects must not mix with these. */
	PdkEffects *fresh = pdk_effects_new();
	fresh->turn = effects->turn + 1;
	node->effects = fresh;
	for (unsigned i = 0; i < effects->n_commands && !node->stops; i++)
		carry_command(node, &effects->commands[i]);
	pdk_effects_free(effects);
	return !node->stops && pdk_depot_tell(node->store.depot);
}

static bool
has_wishes(const PdkEffects *effects)
{
	return effects->n_appends || effects->n_outputs || effects->n_commands || effects->fatal || effects->again;
}

void
sim_carry(Node *node)
{
	PdkEvent turn = {.kind = PDK_EVENT_TURN};
	node->turn_at_us = INT64_MAX;
	sim_step(node, &turn);
	unsigned rounds = 0;
	bool told;
	do
		told = carry(node);
	while (!node->stops && (told || has_wishes(node->effects)) && ++rounds < 16);
	if (has_wishes(node->effects))
		want_turn(node, node->sim->now_us + 1);
	sim_check_turn(node);
	sim_end_if_dead(node);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/world.h"

#include "data/tree.h"
#include "server/server-private.h"
#include "sim/disk.h"
#include <paddock/plugin.h>
#include <stdio.h>

extern const PdkPlugin pdk_plugin_election_fle;
extern const PdkPlugin pdk_plugin_election_paxos;

#define WIRE_MIN_US 50
#define WIRE_MORE_US 400
#define SYNC_MIN_US 100
#define SYNC_MORE_US 300
#define RELOAD_US 2000
#define REFUSED_US 100
#define QUORUM_PORT 2888
#define ELECTION_PORT 3888
#define MAX_SERVERS 16

typedef struct Node Node;

struct SimEnd {
	Sim *sim;
	Node *node; /* NULL: a client */
	SimClient client;
	PdkLink link;
	uint32_t life; /* of the node */
	SimEnd *other;
	bool open;      /* its owner was not told of the end and did not ask for it */
	bool paused;
	GQueue waiting; /* of GBytes: came while paused */
	int64_t held_until_us; /* a cut line: nothing arrives before, so that the order stays */
	int64_t last_us; /* when the last of what was sent to it arrives */
};

typedef enum {
	HAPPENS_TURN,
	HAPPENS_BYTES,
	HAPPENS_CLOSE,
	HAPPENS_DIAL,
	HAPPENS_DIAL_ANSWER,
	HAPPENS_DISK,
	HAPPENS_LATER,
} What;

typedef enum { DISK_SYNC, DISK_RECORD, DISK_TRUNCATE, DISK_RELOAD, DISK_READ, DISK_SNAPSHOT } DiskJob;

typedef struct {
	int64_t at_us;
	uint64_t number;
	What what;
	Node *node;
	uint32_t life;
	SimEnd *end;
	GBytes *bytes;
	/* dial */
	PdkPurpose purpose;
	Node *target;
	uint32_t dial;
	/* disk */
	DiskJob job;
	unsigned count;
	int64_t zxid, limit;
	char *key;
	PdkSnapshotTail tail;
	/* later */
	void (*fire)(void *data);
	void *data;
} Happening;

/* What the election plugin sees of its host. */
typedef struct {
	PdkHost host;
	Node *node;
} Host;

struct Node {
	Sim *sim;
	Host host;
	unsigned index;
	int64_t sid;
	bool up;
	uint32_t life;
	PdkSettings *settings;
	PdkRegistry *registry;
	PdkHostFacts facts;
	PdkServer *server;
	PdkEffects *effects;
	PdkElection *election;
	SimDisk disk;
	int64_t disk_free_us, disk_extra_us;
	bool sync_out;
	int64_t paused_until_us;
	int64_t turn_at_us;
	GPtrArray *ends; /* by slot; NULL: free */
	GArray *generations;
	bool listens[4];
};

struct Sim {
	SimParams params;
	PdkRandom random;
	int64_t now_us;
	uint64_t numbers;
	GArray *heap; /* Happening * */
	Node nodes[MAX_SERVERS];
	unsigned n;
	bool cut[MAX_SERVERS][MAX_SERVERS]; /* from, to */
	const PdkPlugin *election;
	char *failure;
	GHashTable *appended; /* zxid -> checksum of the txn: one txn a zxid */
	GHashTable *leaders;  /* epoch -> sid + 1: one leader an epoch */
	GPtrArray *all_ends;
};

/* ---- time ---- */

static bool
before(const Happening *a, const Happening *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->number < b->number;
}

static Happening **
slot(Sim *sim, guint i)
{
	return &g_array_index(sim->heap, Happening *, i);
}

static void
swap(Sim *sim, guint a, guint b)
{
	Happening *keep = *slot(sim, a);
	*slot(sim, a) = *slot(sim, b);
	*slot(sim, b) = keep;
}

static void
push(Sim *sim, int64_t at_us, Happening happening)
{
	happening.at_us = MAX(at_us, sim->now_us);
	happening.number = sim->numbers++;
	if (happening.node)
		happening.life = happening.node->life;
	Happening *item = g_memdup2(&happening, sizeof happening);
	g_array_append_val(sim->heap, item);
	for (guint i = sim->heap->len - 1; i > 0 && before(*slot(sim, i), *slot(sim, (i - 1) / 2)); i = (i - 1) / 2)
		swap(sim, i, (i - 1) / 2);
}

static Happening *
pop(Sim *sim)
{
	Happening *first = *slot(sim, 0);
	swap(sim, 0, sim->heap->len - 1);
	g_array_set_size(sim->heap, sim->heap->len - 1);
	for (guint i = 0;;) {
		guint least = i;
		for (guint child = 2 * i + 1; child <= 2 * i + 2 && child < sim->heap->len; child++)
			if (before(*slot(sim, child), *slot(sim, least)))
				least = child;
		if (least == i)
			return first;
		swap(sim, i, least);
		i = least;
	}
}

static void
happening_free(Happening *happening)
{
	g_clear_pointer(&happening->bytes, g_bytes_unref);
	g_free(happening->key);
	g_free(happening);
}

int64_t
sim_now(const Sim *sim)
{
	return sim->now_us;
}

PdkRandom *
sim_random(Sim *sim)
{
	return &sim->random;
}

unsigned
sim_servers(const Sim *sim)
{
	return sim->n;
}

static void
tell(Sim *sim, const char *who, const char *line)
{
	if (sim->params.trace)
		printf("[%9.3f] %s %s\n", (double)sim->now_us / 1e6, who, line);
}

void
sim_fail(Sim *sim, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	g_autofree char *line = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	tell(sim, "!", line);
	if (sim->failure == NULL)
		sim->failure = g_strdup_printf("at %.6f s: %s", (double)sim->now_us / 1e6, line);
}

const char *
sim_failure(const Sim *sim)
{
	return sim->failure;
}

/* ---- what the plugin sees of its host ---- */

static void
host_log(const PdkHost *self, PdkLogLevel level, const char *format, ...)
{
	(void)level;
	va_list arguments;
	va_start(arguments, format);
	g_autofree char *line = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	g_autofree char *who = g_strdup_printf("%" G_GINT64_FORMAT " election:", ((const Host *)self)->node->sid);
	tell(((const Host *)self)->node->sim, who, line);
}

static int64_t
host_now_us(const PdkHost *self)
{
	return ((const Host *)self)->node->sim->now_us;
}

static int64_t
host_wall_ms(const PdkHost *self)
{
	return host_now_us(self) / 1000;
}

static uint64_t
host_random(const PdkHost *self)
{
	return pdk_random_next(&((const Host *)self)->node->sim->random);
}

/* Options stand at their defaults. */
static const PdkOption *
option(const PdkConfig *config, const char *key)
{
	for (const PdkOption *at = (const PdkOption *)config; at && at->key; at++)
		if (strcmp(at->key, key) == 0)
			return at;
	g_error("no option %s", key);
}

static const char *
option_string(const PdkConfig *config, const char *key)
{
	return option(config, key)->fallback;
}

static int64_t
option_int(const PdkConfig *config, const char *key)
{
	return g_ascii_strtoll(option(config, key)->fallback, NULL, 10);
}

static bool
option_bool(const PdkConfig *config, const char *key)
{
	return strcmp(option(config, key)->fallback, "true") == 0;
}

/* ---- a server's life ---- */

static void carry_all(Node *node);

static void
server_log(void *context, PdkLogLevel level, const char *line)
{
	(void)level;
	Node *node = context;
	g_autofree char *who = g_strdup_printf("%" G_GINT64_FORMAT, node->sid);
	tell(node->sim, who, line);
}

static PdkMembers *
make_members(const Sim *sim)
{
	PdkMembersRules rules = {.standalone_enabled = true};
	g_autoptr(GString) text = g_string_new(NULL);
	for (unsigned i = 0; i < sim->n; i++)
		g_string_append_printf(text, "server.%u=10.0.0.%u:%d:%d:%s\n", i + 1, i + 1, QUORUM_PORT, ELECTION_PORT,
				       i < sim->params.voters ? "participant" : "observer");
	g_autoptr(GError) error = NULL;
	PdkMembers *members = pdk_members_parse(text->str, text->len, &rules, &error);
	g_assert_no_error(error);
	return members;
}

static PdkSettings *
make_settings(Node *node)
{
	const SimParams *params = &node->sim->params;
	PdkSettings *settings = pdk_settings_new();
	PdkReplicaParams *replica = g_new0(PdkReplicaParams, 1);
	*replica = (PdkReplicaParams){
		.self = node->sid,
		.committed = make_members(node->sim),
		.rules = {.standalone_enabled = true, .version_allowed = true},
		.tick_ms = 2000,
		.init_limit = 10,
		.sync_limit = 5,
		.dial_timeout_ms = 5000,
		.max_buffer_bytes = settings->max_buffer_bytes,
		.extra_buffer_bytes = settings->extra_buffer_bytes,
		.history_count = params->history_count ? params->history_count : 500,
		.snapshot_size_factor = 0.33,
		.observer_delay_ms = 200,
		.bind_retries = 3,
		.sync_enabled = true,
		.learner_output_max = 256 * MIB,
	};
	settings->replica = replica;
	settings->leader_serves = true;
	settings->server_id = (uint8_t)node->sid;
	if (params->snap_count)
		settings->snap_count = params->snap_count;
	return settings;
}

static GBytes *
record(const Node *node, const char *key)
{
	return key ? g_hash_table_lookup(node->disk.records, key) : NULL;
}


static PdkElection *
make_election(Node *node)
{
	const PdkElectionOps *ops = node->sim->election->ops;
	g_autoptr(GError) error = NULL;
	node->host.node = node;
	node->host.host = (PdkHost){
		.size = sizeof(PdkHost),
		.log = host_log,
		.now_us = host_now_us,
		.wall_ms = host_wall_ms,
		.random = host_random,
		.option_string = option_string,
		.option_int = option_int,
		.option_bool = option_bool,
	};
	GBytes *kept = record(node, ops->record_key);
	PdkElection *election = ops->create(&node->host.host, (const PdkConfig *)node->sim->election->options,
					    pdk_server_ensemble(node->server), kept, &error);
	g_assert_no_error(error);
	return election;
}

void
sim_start(Sim *sim, unsigned server)
{
	Node *node = &sim->nodes[server];
	g_assert(!node->up);
	node->up = true;
	node->life++;
	node->settings = make_settings(node);
	node->registry = pdk_registry_new();
	node->effects = pdk_effects_new();
	node->sync_out = false;
	node->disk_free_us = 0;
	node->turn_at_us = INT64_MAX;
	node->ends = g_ptr_array_new();
	node->generations = g_array_new(FALSE, TRUE, sizeof(uint32_t));
	PdkServerParams params = {
		.settings = node->settings,
		.registry = node->registry,
		.facts = &node->facts,
		.version = "3.9.4-paddock-sim",
		.built_on = "never",
		.seed = pdk_random_next(&sim->random),
		.now_us = sim->now_us,
		.wall_ms = sim->now_us / 1000,
		.log = server_log,
		.log_context = node,
	};
	tell(sim, "*", "a server starts");
	node->server = pdk_server_new(&params);
	int64_t last = sim_disk_recover(&node->disk, pdk_server_recovery(), node->server);
	node->election = make_election(node);
	g_autoptr(GError) error = NULL;
	if (!pdk_server_join(node->server, sim->election->ops, node->election, record(node, "acceptedEpoch"),
			     record(node, "currentEpoch"), last, &error)) {
		sim_fail(sim, "server %" G_GINT64_FORMAT " cannot join: %s", node->sid, error->message);
		sim_crash(sim, server);
		return;
	}
	pdk_server_begin(node->server, sim->now_us, sim->now_us / 1000, true, node->effects);
	carry_all(node);
}

/* ---- connections ---- */

static SimEnd *
end_new(Sim *sim, Node *node)
{
	SimEnd *end = g_new0(SimEnd, 1);
	end->sim = sim;
	end->node = node;
	end->open = true;
	g_queue_init(&end->waiting);
	g_ptr_array_add(sim->all_ends, end);
	if (node == NULL)
		return end;
	end->life = node->life;
	guint at = 0;
	while (at < node->ends->len && g_ptr_array_index(node->ends, at) != NULL)
		at++;
	if (at == node->ends->len) {
		g_ptr_array_add(node->ends, NULL);
		g_array_set_size(node->generations, at + 1);
	}
	uint32_t generation = ++g_array_index(node->generations, uint32_t, at);
	node->ends->pdata[at] = end;
	end->link = (uint64_t)generation << 32 | at;
	return end;
}

static SimEnd *
find_end(const Node *node, PdkLink link)
{
	guint at = (guint)(link & 0xffffffff);
	SimEnd *end = at < node->ends->len ? g_ptr_array_index(node->ends, at) : NULL;
	return end && end->link == link ? end : NULL;
}

static void
end_free(void *data)
{
	SimEnd *end = data;
	g_queue_clear_full(&end->waiting, (GDestroyNotify)g_bytes_unref);
	g_free(end);
}

static int64_t
wire_us(Sim *sim)
{
	return WIRE_MIN_US + (int64_t)pdk_random_below(&sim->random, WIRE_MORE_US);
}

/* In order behind what was sent before. */
static int64_t
arrival(Sim *sim, SimEnd *to)
{
	int64_t earliest = sim->now_us + wire_us(sim);
	to->last_us = MAX(to->last_us + 1, earliest);
	return to->last_us;
}

static bool
alive(const SimEnd *end)
{
	return end->open && (end->node == NULL || (end->node->up && end->node->life == end->life));
}

static void
send_to(Sim *sim, SimEnd *to, GBytes *bytes)
{
	push(sim, arrival(sim, to), (Happening){.what = HAPPENS_BYTES, .end = to, .bytes = g_bytes_ref(bytes)});
}

/* The owner of @end is done with it: the other side hears of it. */
static void
shut(SimEnd *end)
{
	if (!end->open)
		return;
	end->open = false;
	if (end->node && end->node->life == end->life)
		end->node->ends->pdata[end->link & 0xffffffff] = NULL;
	if (end->other && end->other->open)
		push(end->sim, arrival(end->sim, end->other), (Happening){.what = HAPPENS_CLOSE, .end = end->other});
}

void
sim_crash(Sim *sim, unsigned server)
{
	Node *node = &sim->nodes[server];
	if (!node->up)
		return;
	tell(sim, "*", "a server crashes");
	for (guint i = 0; i < node->ends->len; i++)
		if (g_ptr_array_index(node->ends, i))
			shut(g_ptr_array_index(node->ends, i));
	node->up = false;
	node->life++;
	pdk_server_free(node->server);
	node->server = NULL;
	((const PdkElectionOps *)sim->election->ops)->destroy(node->election);
	pdk_effects_free(node->effects);
	pdk_registry_free(node->registry);
	pdk_settings_free(node->settings);
	g_ptr_array_unref(node->ends);
	g_array_unref(node->generations);
	memset(node->listens, 0, sizeof node->listens);
	sim_disk_crash(&node->disk, &sim->random);
}

void
sim_wipe(Sim *sim, unsigned server)
{
	g_assert(!sim->nodes[server].up);
	sim_disk_clear(&sim->nodes[server].disk);
	sim_disk_init(&sim->nodes[server].disk);
}

/* ---- carrying ---- */

static void
step(Node *node, PdkEvent *event)
{
	event->now_us = node->sim->now_us;
	event->wall_ms = node->sim->now_us / 1000;
	pdk_server_step(node->server, event, node->effects);
}

static void
check_append(Sim *sim, Node *node, int64_t zxid, GBytes *txn)
{
	guint hash = g_bytes_hash(txn);
	void *known;
	if (!g_hash_table_lookup_extended(sim->appended, &zxid, NULL, &known))
		g_hash_table_insert(sim->appended, g_memdup2(&zxid, sizeof zxid), GUINT_TO_POINTER(hash));
	else if (GPOINTER_TO_UINT(known) != hash)
		sim_fail(sim, "server %" G_GINT64_FORMAT " logs another txn under zxid 0x%" G_GINT64_MODIFIER "x", node->sid,
			 (guint64)zxid);
}

static int64_t
disk_done(Node *node)
{
	Sim *sim = node->sim;
	int64_t took = SYNC_MIN_US + (int64_t)pdk_random_below(&sim->random, SYNC_MORE_US) + node->disk_extra_us;
	node->disk_free_us = MAX(node->disk_free_us, sim->now_us) + took;
	return node->disk_free_us;
}

static void
begin_sync(Node *node)
{
	if (node->sync_out || node->disk.synced == node->disk.txns->len)
		return;
	node->sync_out = true;
	push(node->sim, disk_done(node),
	     (Happening){.what = HAPPENS_DISK, .node = node, .job = DISK_SYNC, .count = node->disk.txns->len});
}

static void
carry_appends(Node *node)
{
	for (unsigned i = 0; i < node->effects->n_appends; i++) {
		const PdkAppend *append = &node->effects->appends[i];
		guint n = node->disk.txns->len;
		if (n > 0 && g_array_index(node->disk.txns, PdkLoggedTxn, n - 1).zxid >= append->zxid)
			sim_fail(node->sim, "server %" G_GINT64_FORMAT " logs 0x%" G_GINT64_MODIFIER "x behind 0x%" G_GINT64_MODIFIER "x",
				 node->sid, (guint64)append->zxid,
				 (guint64)g_array_index(node->disk.txns, PdkLoggedTxn, n - 1).zxid);
		check_append(node->sim, node, append->zxid, append->txn);
		sim_disk_append(&node->disk, append->zxid, append->txn);
	}
	begin_sync(node);
}

static void
carry_outputs(Node *node)
{
	for (unsigned i = 0; i < node->effects->n_outputs; i++) {
		const PdkOutput *output = &node->effects->outputs[i];
		SimEnd *end = find_end(node, output->link);
		if (end == NULL || pdk_output_length(output) == 0)
			continue;
		g_autoptr(GArray) scratch = g_array_new(FALSE, FALSE, sizeof(PdkPart));
		g_autoptr(GByteArray) whole = g_byte_array_new();
		unsigned n;
		const PdkPart *parts = pdk_output_parts(output, scratch, &n);
		for (unsigned k = 0; k < n; k++)
			g_byte_array_append(whole, parts[k].data, (guint)parts[k].length);
		g_autoptr(GBytes) bytes = g_bytes_new(whole->data, whole->len);
		send_to(node->sim, end->other, bytes);
	}
}

static Node *
node_of_address(Sim *sim, const char *address)
{
	unsigned a, b, c, number;
	if (sscanf(address, "%u.%u.%u.%u", &a, &b, &c, &number) != 4 || number == 0 || number > sim->n)
		return NULL;
	return &sim->nodes[number - 1];
}

static void
carry_disk(Node *node, DiskJob job, PdkCommand *command, int64_t extra_us)
{
	Happening happening = {
		.what = HAPPENS_DISK,
		.node = node,
		.job = job,
		.zxid = command->zxid,
		.limit = command->limit,
		.key = g_steal_pointer(&command->key),
		.bytes = g_steal_pointer(&command->part),
		.tail = command->tail,
	};
	push(node->sim, disk_done(node) + extra_us, happening);
}

static void
resume(SimEnd *end)
{
	end->paused = false;
	GBytes *bytes;
	while ((bytes = g_queue_pop_head(&end->waiting)))
		push(end->sim, end->sim->now_us, (Happening){.what = HAPPENS_BYTES, .end = end, .bytes = bytes});
}

static void
carry_command(Node *node, PdkCommand *command)
{
	Sim *sim = node->sim;
	SimEnd *end = command->link ? find_end(node, command->link) : NULL;
	switch (command->type) {
	case PDK_COMMAND_CLOSE:
	case PDK_COMMAND_CLOSE_FLUSHED:
		if (end) {
			shut(end);
			PdkEvent event = {.kind = PDK_EVENT_CLOSED, .link = command->link};
			step(node, &event);
		}
		return;
	case PDK_COMMAND_PAUSE:
		if (end)
			end->paused = true;
		return;
	case PDK_COMMAND_RESUME:
		if (end)
			resume(end);
		return;
	case PDK_COMMAND_SNAPSHOT_BEGIN:
		g_assert(node->disk.being == NULL);
		node->disk.being = g_byte_array_new();
		node->disk.being_zxid = command->zxid;
		return;
	case PDK_COMMAND_SNAPSHOT_PART: {
		size_t length;
		const void *data = g_bytes_get_data(command->part, &length);
		g_byte_array_append(node->disk.being, data, (guint)length);
		return;
	}
	case PDK_COMMAND_SNAPSHOT_FINISH:
		carry_disk(node, DISK_SNAPSHOT, command, 0);
		return;
	case PDK_COMMAND_SNAPSHOT_ABORT:
		g_clear_pointer(&node->disk.being, g_byte_array_unref);
		return;
	case PDK_COMMAND_DIAL:
		push(sim, sim->now_us + wire_us(sim),
		     (Happening){.what = HAPPENS_DIAL, .node = node, .target = node_of_address(sim, command->address),
				 .purpose = command->purpose, .dial = command->dial});
		return;
	case PDK_COMMAND_LISTEN: {
		node->listens[command->purpose] = true;
		PdkEvent event = {.kind = PDK_EVENT_LISTENING, .listening = {command->purpose, command->address, NULL}};
		step(node, &event);
		return;
	}
	case PDK_COMMAND_UNLISTEN:
		node->listens[command->purpose] = false;
		return;
	case PDK_COMMAND_RECORD:
		carry_disk(node, DISK_RECORD, command, 0);
		return;
	case PDK_COMMAND_MEMBERS:
		return;
	case PDK_COMMAND_TRUNCATE:
		carry_disk(node, DISK_TRUNCATE, command, 0);
		return;
	case PDK_COMMAND_RELOAD:
		carry_disk(node, DISK_RELOAD, command, RELOAD_US);
		return;
	case PDK_COMMAND_READ_LOG:
		carry_disk(node, DISK_READ, command, 0);
		return;
	}
}

static void
want_turn(Node *node, int64_t at_us)
{
	if (at_us >= node->turn_at_us)
		return;
	node->turn_at_us = MAX(at_us, node->sim->now_us);
	push(node->sim, at_us, (Happening){.what = HAPPENS_TURN, .node = node});
}

static void
check_leader(Node *node)
{
	PdkServerFacts facts;
	PdkEnsembleFacts known = {.size = sizeof known};
	const PdkView *view = pdk_server_view(node->server);
	view->facts(view->core, &facts);
	if (!view->ensemble(view->core, &known) || !known.leads || !facts.serving)
		return;
	int64_t epoch = known.epoch;
	void *sid = g_hash_table_lookup(node->sim->leaders, &epoch);
	if (sid == NULL)
		g_hash_table_insert(node->sim->leaders, g_memdup2(&epoch, sizeof epoch), GINT_TO_POINTER((int)node->sid));
	else if (GPOINTER_TO_INT(sid) != (int)node->sid)
		sim_fail(node->sim, "servers %d and %" G_GINT64_FORMAT " both lead epoch %" G_GINT64_FORMAT, GPOINTER_TO_INT(sid),
			 node->sid, epoch);
}

/* One round: what the step wished is carried; its order is the host's. */
static void
carry(Node *node)
{
	PdkEffects *effects = node->effects;
	if (effects->fatal) {
		sim_fail(node->sim, "server %" G_GINT64_FORMAT " stops: %s", node->sid, effects->fatal);
		return;
	}
	carry_appends(node);
	carry_outputs(node);
	if (effects->again)
		want_turn(node, node->sim->now_us + 1);
	if (effects->deadline_us != INT64_MAX)
		want_turn(node, effects->deadline_us);
	/* Commands may step the server: its next effects must not mix with these. */
	PdkEffects *fresh = pdk_effects_new();
	fresh->turn = effects->turn + 1;
	node->effects = fresh;
	for (unsigned i = 0; i < effects->n_commands; i++)
		carry_command(node, &effects->commands[i]);
	pdk_effects_free(effects);
}

static bool
has_wishes(const PdkEffects *effects)
{
	return effects->n_appends || effects->n_outputs || effects->n_commands || effects->fatal || effects->again;
}

static void
carry_all(Node *node)
{
	PdkEvent turn = {.kind = PDK_EVENT_TURN};
	node->turn_at_us = INT64_MAX;
	step(node, &turn);
	unsigned rounds = 0;
	do
		carry(node);
	while (has_wishes(node->effects) && ++rounds < 16);
	if (has_wishes(node->effects))
		want_turn(node, node->sim->now_us + 1);
	if (pdk_random_below(&node->sim->random, 64) == 0)
		pdk_server_check(node->server);
	check_leader(node);
}

/* ---- what happens ---- */

static void
happen_bytes(Happening *happening)
{
	SimEnd *end = happening->end;
	size_t length;
	const uint8_t *data = g_bytes_get_data(happening->bytes, &length);
	if (!alive(end))
		return;
	if (end->paused) {
		g_queue_push_tail(&end->waiting, g_bytes_ref(happening->bytes));
		return;
	}
	if (end->node == NULL) {
		end->client.received(end->client.context, data, length);
		return;
	}
	PdkEvent event = {.kind = PDK_EVENT_RECEIVED, .link = end->link, .received = {data, length}};
	step(end->node, &event);
	carry_all(end->node);
}

static void
happen_close(Happening *happening)
{
	SimEnd *end = happening->end;
	if (!alive(end))
		return;
	if (end->node == NULL) {
		end->open = false;
		end->client.closed(end->client.context);
		return;
	}
	shut(end);
	PdkEvent event = {.kind = PDK_EVENT_CLOSED, .link = end->link};
	step(end->node, &event);
	carry_all(end->node);
}

static bool
is_cut(const Sim *sim, const Node *from, const Node *to)
{
	return from && to && sim->cut[from->index][to->index];
}

static void
accept(Node *node, SimEnd *end, PdkPurpose purpose, const char *address)
{
	PdkEvent event = {.kind = PDK_EVENT_ACCEPTED, .link = end->link};
	event.accepted.address = address;
	event.accepted.endpoint = address;
	event.accepted.purpose = purpose;
	step(node, &event);
	if (node->effects->refused) {
		node->effects->refused = false;
		shut(end);
	}
	carry_all(node);
}

static void
happen_dial(Sim *sim, Happening *happening)
{
	Node *node = happening->node, *target = happening->target;
	/* A cut line: the dialler waits, and learns nothing until its time-out. */
	if (target == NULL || is_cut(sim, node, target) || is_cut(sim, target, node)) {
		push(sim, sim->now_us + 5 * SIM_SECOND,
		     (Happening){.what = HAPPENS_DIAL_ANSWER, .node = node, .dial = happening->dial, .limit = 1});
		return;
	}
	if (!target->up || !target->listens[happening->purpose]) {
		push(sim, sim->now_us + REFUSED_US, (Happening){.what = HAPPENS_DIAL_ANSWER, .node = node, .dial = happening->dial});
		return;
	}
	SimEnd *here = end_new(sim, node), *there = end_new(sim, target);
	here->other = there;
	there->other = here;
	g_autofree char *address = g_strdup_printf("/10.0.0.%u:9", node->index + 1);
	here->last_us = there->last_us = sim->now_us;
	push(sim, arrival(sim, here), (Happening){.what = HAPPENS_DIAL_ANSWER, .node = node, .end = here, .dial = happening->dial});
	accept(target, there, happening->purpose, address);
}

static void
happen_dial_answer(Happening *happening)
{
	Node *node = happening->node;
	PdkEvent event = {.kind = PDK_EVENT_DIAL_FAILED};
	event.failed.dial = happening->dial;
	event.failed.refused = happening->limit == 0;
	event.failed.detail = happening->limit == 0 ? "connection refused" : "no answer";
	if (happening->end) {
		event = (PdkEvent){.kind = PDK_EVENT_DIALLED, .link = happening->end->link};
		event.dial = happening->dial;
	}
	step(node, &event);
	carry_all(node);
}

static void
happen_disk(Happening *happening)
{
	Node *node = happening->node;
	SimDisk *disk = &node->disk;
	PdkEvent event = {.kind = PDK_EVENT_TURN};
	switch (happening->job) {
	case DISK_SYNC:
		node->sync_out = false;
		disk->synced = MAX(disk->synced, MIN(happening->count, disk->txns->len));
		if (disk->synced == 0)
			return;
		event = (PdkEvent){.kind = PDK_EVENT_SYNCED, .zxid = g_array_index(disk->txns, PdkLoggedTxn, disk->synced - 1).zxid};
		break;
	case DISK_RECORD:
		g_hash_table_replace(disk->records, g_strdup(happening->key), g_bytes_ref(happening->bytes));
		event = (PdkEvent){.kind = PDK_EVENT_RECORD_SAVED, .key = happening->key};
		break;
	case DISK_TRUNCATE:
		sim_disk_truncate(disk, happening->zxid);
		event = (PdkEvent){.kind = PDK_EVENT_TRUNCATED, .truncated = {happening->zxid, NULL}};
		break;
	case DISK_RELOAD:
		event = (PdkEvent){.kind = PDK_EVENT_RELOADED,
				   .zxid = sim_disk_recover(disk, pdk_server_recovery(), node->server)};
		break;
	case DISK_READ: {
		unsigned first = sim_disk_find(disk, happening->zxid);
		unsigned last = MIN(first + 20, disk->synced);
		event.kind = PDK_EVENT_LOG_READ;
		event.log_read.txns = (PdkLoggedTxn *)(void *)disk->txns->data + first;
		event.log_read.n = last > first ? last - first : 0;
		event.log_read.more = last < disk->synced;
		break;
	}
	case DISK_SNAPSHOT:
		if (disk->being == NULL)
			return; /* aborted meanwhile */
		event = (PdkEvent){.kind = PDK_EVENT_SNAPSHOT_DONE, .snapshot = {disk->being_zxid, NULL}};
		sim_disk_keep_snapshot(disk, &happening->tail);
		break;
	}
	step(node, &event);
	carry_all(node);
	begin_sync(node);
}

static void
happen(Sim *sim, Happening *happening)
{
	switch (happening->what) {
	case HAPPENS_TURN:
		if (happening->at_us >= happening->node->turn_at_us)
			carry_all(happening->node);
		return;
	case HAPPENS_BYTES:
		happen_bytes(happening);
		return;
	case HAPPENS_CLOSE:
		happen_close(happening);
		return;
	case HAPPENS_DIAL:
		happen_dial(sim, happening);
		return;
	case HAPPENS_DIAL_ANSWER:
		happen_dial_answer(happening);
		return;
	case HAPPENS_DISK:
		happen_disk(happening);
		return;
	case HAPPENS_LATER:
		happening->fire(happening->data);
		return;
	}
}

/* Who is it that this happens to? */
static Node *
whose(const Happening *happening)
{
	return happening->node ? happening->node : happening->end ? happening->end->node : NULL;
}

/* Bytes and closes wait on a cut line, anything waits for a server that stands still. True: put back for later. */
static bool
postponed(Sim *sim, Happening *happening)
{
	Node *node = whose(happening);
	int64_t until = 0;
	if (node && node->paused_until_us > sim->now_us)
		until = node->paused_until_us;
	SimEnd *end = happening->what == HAPPENS_BYTES || happening->what == HAPPENS_CLOSE ? happening->end : NULL;
	if (end && end->other && is_cut(sim, end->other->node, end->node))
		end->held_until_us = MAX(end->held_until_us, sim->now_us + 1) + 10 * SIM_MS;
	if (end)
		until = MAX(until, end->held_until_us > sim->now_us ? end->held_until_us : 0);
	if (until == 0)
		return false;
	happening->at_us = until; /* its number keeps it in order among its like */
	g_array_append_val(sim->heap, happening);
	for (guint i = sim->heap->len - 1; i > 0 && before(*slot(sim, i), *slot(sim, (i - 1) / 2)); i = (i - 1) / 2)
		swap(sim, i, (i - 1) / 2);
	return true;
}

static bool
still_matters(const Happening *happening)
{
	return happening->node == NULL || (happening->node->up && happening->node->life == happening->life);
}

static void
next(Sim *sim)
{
	Happening *happening = pop(sim);
	sim->now_us = MAX(sim->now_us, happening->at_us);
	if (still_matters(happening)) {
		if (postponed(sim, happening))
			return;
		happen(sim, happening);
	}
	happening_free(happening);
}

bool
sim_run_until(Sim *sim, bool (*done)(Sim *sim, void *data), void *data, int64_t until_us)
{
	while (sim->failure == NULL && !done(sim, data)) {
		if (sim->heap->len == 0 || (*slot(sim, 0))->at_us > until_us) {
			sim->now_us = until_us;
			return done(sim, data);
		}
		next(sim);
	}
	return sim->failure == NULL;
}

static bool
never(Sim *sim, void *data)
{
	(void)sim;
	(void)data;
	return false;
}

void
sim_run(Sim *sim, int64_t until_us)
{
	sim_run_until(sim, never, NULL, until_us);
}

/* ---- the world ---- */

Sim *
sim_new(const SimParams *params)
{
	Sim *sim = g_new0(Sim, 1);
	sim->params = *params;
	sim->random = pdk_random(params->seed);
	sim->n = params->voters + params->observers;
	g_assert_cmpuint(sim->n, <=, MAX_SERVERS);
	sim->heap = g_array_new(FALSE, FALSE, sizeof(Happening *));
	sim->appended = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	sim->leaders = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	sim->all_ends = g_ptr_array_new_with_free_func(end_free);
	sim->election = strcmp(params->election, "paxos") == 0 ? &pdk_plugin_election_paxos : &pdk_plugin_election_fle;
	for (unsigned i = 0; i < sim->n; i++) {
		sim->nodes[i] = (Node){.sim = sim, .index = i, .sid = i + 1};
		sim_disk_init(&sim->nodes[i].disk);
	}
	for (unsigned i = 0; i < sim->n; i++)
		sim_start(sim, i);
	return sim;
}

void
sim_free(Sim *sim)
{
	for (unsigned i = 0; i < sim->n; i++) {
		sim_crash(sim, i);
		sim_disk_clear(&sim->nodes[i].disk);
	}
	for (guint i = 0; i < sim->heap->len; i++)
		happening_free(*slot(sim, i));
	g_array_unref(sim->heap);
	g_hash_table_unref(sim->appended);
	g_hash_table_unref(sim->leaders);
	g_ptr_array_unref(sim->all_ends);
	g_free(sim->failure);
	g_free(sim);
}

bool
sim_is_up(const Sim *sim, unsigned server)
{
	return sim->nodes[server].up;
}

void
sim_pause(Sim *sim, unsigned server, int64_t until_us)
{
	sim->nodes[server].paused_until_us = until_us;
}

void
sim_cut(Sim *sim, unsigned from, unsigned to)
{
	sim->cut[from][to] = true;
}

void
sim_heal(Sim *sim)
{
	memset(sim->cut, 0, sizeof sim->cut);
}

void
sim_slow_disk(Sim *sim, unsigned server, int64_t extra_us)
{
	sim->nodes[server].disk_extra_us = extra_us;
}

void
sim_reset(Sim *sim, unsigned a, unsigned b)
{
	Node *node = &sim->nodes[a];
	for (guint i = 0; node->up && i < node->ends->len; i++) {
		SimEnd *end = g_ptr_array_index(node->ends, i);
		if (end == NULL || end->other->node != &sim->nodes[b])
			continue;
		push(sim, sim->now_us, (Happening){.what = HAPPENS_CLOSE, .end = end});
		push(sim, sim->now_us, (Happening){.what = HAPPENS_CLOSE, .end = end->other});
	}
}

PdkServer *
sim_server(Sim *sim, unsigned server)
{
	return sim->nodes[server].server;
}

const char *
sim_mode(Sim *sim, unsigned server)
{
	PdkServerFacts facts;
	if (!sim->nodes[server].up)
		return "down";
	const PdkView *view = pdk_server_view(sim->nodes[server].server);
	view->facts(view->core, &facts);
	return facts.serving ? facts.mode : "looking";
}

int
sim_leader(const Sim *sim)
{
	int leader = -1;
	int64_t highest = -1;
	for (unsigned i = 0; i < sim->n; i++) {
		PdkServerFacts facts;
		PdkEnsembleFacts known = {.size = sizeof known};
		if (!sim->nodes[i].up)
			continue;
		const PdkView *view = pdk_server_view(sim->nodes[i].server);
		view->facts(view->core, &facts);
		view->ensemble(view->core, &known);
		if (!facts.serving || !known.leads || known.epoch <= highest)
			continue;
		leader = (int)i;
		highest = known.epoch;
	}
	return leader;
}

bool
sim_agree(Sim *sim)
{
	const PdkServer *first = NULL;
	for (unsigned i = 0; i < sim->n; i++) {
		const PdkServer *server = sim->nodes[i].server;
		if (server == NULL)
			continue;
		if (first == NULL)
			first = server;
		if (server->applied_zxid != first->applied_zxid || pdk_tree_digest(server->tree) != pdk_tree_digest(first->tree) ||
		    pdk_tree_node_count(server->tree) != pdk_tree_node_count(first->tree) ||
		    pdk_sessions_count(server->sessions) != pdk_sessions_count(first->sessions))
			return false;
	}
	return true;
}

/* ---- clients ---- */

SimEnd *
sim_connect(Sim *sim, unsigned server, const SimClient *client)
{
	Node *node = &sim->nodes[server];
	if (!node->up || node->paused_until_us > sim->now_us)
		return NULL;
	SimEnd *here = end_new(sim, NULL), *there = end_new(sim, node);
	here->client = *client;
	here->other = there;
	there->other = here;
	here->last_us = there->last_us = sim->now_us;
	accept(node, there, PDK_PURPOSE_CLIENT, "10.1.0.1");
	return here;
}

void
sim_send(Sim *sim, SimEnd *end, const void *data, size_t length)
{
	g_autoptr(GBytes) bytes = g_bytes_new(data, length);
	if (end->open)
		send_to(sim, end->other, bytes);
}

void
sim_hang_up(Sim *sim, SimEnd *end)
{
	(void)sim;
	shut(end);
}

void
sim_later(Sim *sim, int64_t at_us, void (*fire)(void *data), void *data)
{
	push(sim, at_us, (Happening){.what = HAPPENS_LATER, .fire = fire, .data = data});
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Changes when persistence is asked, or answers, in another way. */
#include "host/depot.h"

/* What carrying a command showed at once; the text is owned. */
typedef struct {
	PdkEvent event;
	char *text;
} Finding;

struct PdkDepot {
	PdkServer *server;
	PdkDepotHooks hooks;
	const PdkPersistenceOps *ops;
	PdkPersistence *persistence;
	bool can_snapshot;
	bool room;               /* the snapshot's last part was taken, and more are wanted */
	int64_t passed_snapshot; /* zxid of one that the plugin has no slots for */
	int64_t appended_zxid, synced_zxid;
	GArray *findings; /* Finding: to be told when carrying is over */
};

static void
step(PdkDepot *depot, PdkEvent *event)
{
	depot->hooks.step(depot->hooks.context, event);
}

/* What persistence reports. */

static void
on_synced(void *context, int64_t zxid)
{
	PdkDepot *depot = context;
	PdkEvent event = {.kind = PDK_EVENT_SYNCED, .zxid = zxid};

	depot->synced_zxid = zxid;
	step(depot, &event);
}

static void
on_failed(void *context, const GError *error)
{
	PdkDepot *depot = context;

	depot->hooks.fail(depot->hooks.context,
			  g_strdup_printf("persistence failed, nothing more is acknowledged: %s", error->message));
}

static void
on_snapshot_room(void *context)
{
	PdkEvent event = {.kind = PDK_EVENT_SNAPSHOT_ROOM};

	step(context, &event);
}

static void
on_snapshot_done(void *context, int64_t zxid, uint64_t length G_GNUC_UNUSED, const GError *error)
{
	PdkEvent event = {.kind = PDK_EVENT_SNAPSHOT_DONE, .snapshot = {zxid, error ? error->message : NULL}};

	step(context, &event);
}

static void
on_record_saved(void *context, const char *key)
{
	PdkEvent event = {.kind = PDK_EVENT_RECORD_SAVED, .key = key};

	step(context, &event);
}

static void
on_truncated(void *context, int64_t zxid, const GError *error)
{
	PdkDepot *depot = context;
	PdkEvent event = {.kind = PDK_EVENT_TRUNCATED, .truncated = {zxid, error ? error->message : NULL}};

	/* What was dropped behind it is not waited for. */
	if (error == NULL)
		depot->appended_zxid = depot->synced_zxid = zxid;
	step(depot, &event);
}

static void
on_log_read(void *context, const PdkLoggedTxn *txns, size_t n, bool more, const GError *error)
{
	PdkEvent event = {.kind = PDK_EVENT_LOG_READ, .log_read = {txns, n, more, error ? error->message : NULL}};

	step(context, &event);
}

static const PdkPersistenceEvents persistence_events = {
	.size = sizeof(PdkPersistenceEvents),
	.synced = on_synced,
	.failed = on_failed,
	.snapshot_room = on_snapshot_room,
	.snapshot_done = on_snapshot_done,
	.record_saved = on_record_saved,
	.truncated = on_truncated,
	.log_read = on_log_read,
};

static void
finding_clear(void *data)
{
	g_free(((Finding *)data)->text);
}

/* To be told when carrying is over; takes the text over. */
static void
find(PdkDepot *depot, const PdkEvent *event, char *text)
{
	Finding finding = {*event, text};

	g_array_append_val(depot->findings, finding);
}

PdkDepot *
pdk_depot_new(PdkServer *server, const PdkDepotHooks *hooks)
{
	PdkDepot *depot = g_new0(PdkDepot, 1);

	depot->server = server;
	depot->hooks = *hooks;
	depot->findings = g_array_new(FALSE, FALSE, sizeof(Finding));
	g_array_set_clear_func(depot->findings, finding_clear);
	return depot;
}

void
pdk_depot_free(PdkDepot *depot)
{
	if (depot == NULL)
		return;
	g_array_free(depot->findings, TRUE);
	g_free(depot);
}

bool
pdk_depot_recover(PdkDepot *depot, const PdkPersistenceOps *ops, PdkPersistence *persistence, PdkRecovered *recovered,
		  GError **error)
{
	depot->ops = ops;
	depot->persistence = persistence;
	depot->can_snapshot = PDK_HAS(ops, snapshot_begin) && PDK_HAS(ops, snapshot_part) && PDK_HAS(ops, snapshot_finish) &&
			      PDK_HAS(ops, snapshot_abort);
	ops->start(persistence, &persistence_events, depot);
	if (!ops->recover(persistence, pdk_server_recovery(), depot->server, recovered, error))
		return false;
	if (recovered->trusted)
		pdk_server_trust(depot->server);
	return true;
}

bool
pdk_depot_can_snapshot(const PdkDepot *depot)
{
	return depot->can_snapshot;
}

bool
pdk_depot_sizes(const PdkDepot *depot, PdkPersistenceSizes *sizes)
{
	if (depot->persistence == NULL || !PDK_HAS(depot->ops, sizes))
		return false;
	depot->ops->sizes(depot->persistence, sizes);
	return true;
}

bool
pdk_depot_is_behind(const PdkDepot *depot)
{
	return depot->synced_zxid < depot->appended_zxid;
}

/* Carrying. */

void
pdk_depot_append(PdkDepot *depot, const PdkEffects *effects)
{
	if (effects->n_appends == 0)
		return;
	for (unsigned i = 0; i < effects->n_appends; i++)
		depot->ops->append(depot->persistence, effects->appends[i].zxid, effects->appends[i].txn);
	depot->appended_zxid = effects->appends[effects->n_appends - 1].zxid;
	depot->ops->sync(depot->persistence);
}

/* An observer that keeps nothing is sent a snapshot of the leader: it is as durable as the rest. */
static void
pass_snapshot(PdkDepot *depot, const PdkCommand *command)
{
	PdkEvent done = {.kind = PDK_EVENT_SNAPSHOT_DONE};

	if (command->type == PDK_COMMAND_SNAPSHOT_BEGIN)
		depot->passed_snapshot = command->zxid;
	depot->room = command->type == PDK_COMMAND_SNAPSHOT_PART;
	if (command->type != PDK_COMMAND_SNAPSHOT_FINISH)
		return;
	done.snapshot.zxid = depot->passed_snapshot;
	find(depot, &done, NULL);
}

static void
carry_snapshot(PdkDepot *depot, const PdkCommand *command)
{
	PdkEvent refused = {.kind = PDK_EVENT_SNAPSHOT_DONE};

	if (!depot->can_snapshot) {
		pass_snapshot(depot, command);
		return;
	}
	switch (command->type) {
	case PDK_COMMAND_SNAPSHOT_BEGIN:
		if (depot->ops->snapshot_begin(depot->persistence, command->zxid))
			return;
		refused.snapshot.zxid = command->zxid;
		find(depot, &refused, g_strdup("the persistence plugin refused to begin"));
		return;
	case PDK_COMMAND_SNAPSHOT_PART:
		depot->room = depot->ops->snapshot_part(depot->persistence, command->part);
		if (!depot->room)
			pdk_server_snapshot_full(depot->server);
		return;
	case PDK_COMMAND_SNAPSHOT_FINISH:
		depot->room = false;
		depot->ops->snapshot_finish(depot->persistence, &command->tail);
		return;
	default:
		depot->room = false;
		depot->ops->snapshot_abort(depot->persistence);
		return;
	}
}

static void
carry_record(PdkDepot *depot, const PdkCommand *command)
{
	PdkEvent event = {.kind = PDK_EVENT_RECORD_SAVED};

	if (PDK_HAS(depot->ops, record_put))
		depot->ops->record_put(depot->persistence, command->key, command->part);
	else /* an observer that keeps nothing */
		find(depot, &event, g_strdup(command->key));
}

static void
carry_truncate(PdkDepot *depot, int64_t zxid)
{
	PdkEvent event = {.kind = PDK_EVENT_TRUNCATED};

	if (PDK_HAS(depot->ops, truncate)) {
		depot->ops->truncate(depot->persistence, zxid);
		return;
	}
	event.truncated.zxid = zxid;
	find(depot, &event, g_strdup("the persistence plugin cannot truncate"));
}

static void
carry_reload(PdkDepot *depot)
{
	g_autoptr(GError) error = NULL;
	PdkRecovered recovered = {0};
	PdkEvent event = {.kind = PDK_EVENT_RELOADED};

	if (!depot->ops->recover(depot->persistence, pdk_server_recovery(), depot->server, &recovered, &error)) {
		depot->hooks.fail(depot->hooks.context, g_strdup_printf("the database cannot be read again: %s", error->message));
		return;
	}
	depot->appended_zxid = depot->synced_zxid = recovered.last_zxid;
	event.zxid = recovered.last_zxid;
	find(depot, &event, NULL);
}

static void
carry_read_log(PdkDepot *depot, const PdkCommand *command)
{
	PdkEvent event = {.kind = PDK_EVENT_LOG_READ};

	if (PDK_HAS(depot->ops, read_log))
		depot->ops->read_log(depot->persistence, command->zxid, command->limit);
	else
		find(depot, &event, g_strdup("the persistence plugin cannot read its log"));
}

bool
pdk_depot_carry(PdkDepot *depot, const PdkCommand *command)
{
	switch (command->type) {
	case PDK_COMMAND_SNAPSHOT_BEGIN:
	case PDK_COMMAND_SNAPSHOT_PART:
	case PDK_COMMAND_SNAPSHOT_FINISH:
	case PDK_COMMAND_SNAPSHOT_ABORT:
		carry_snapshot(depot, command);
		return true;
	case PDK_COMMAND_RECORD:
		carry_record(depot, command);
		return true;
	case PDK_COMMAND_TRUNCATE:
		carry_truncate(depot, command->zxid);
		return true;
	case PDK_COMMAND_RELOAD:
		carry_reload(depot);
		return true;
	case PDK_COMMAND_READ_LOG:
		carry_read_log(depot, command);
		return true;
	default:
		return false;
	}
}

/* Puts the text where the event of this kind wants it. */
static void
tell_finding(PdkDepot *depot, const Finding *finding)
{
	PdkEvent event = finding->event;

	if (event.kind == PDK_EVENT_SNAPSHOT_DONE)
		event.snapshot.failure = finding->text;
	else if (event.kind == PDK_EVENT_RECORD_SAVED)
		event.key = finding->text;
	else if (event.kind == PDK_EVENT_TRUNCATED)
		event.truncated.failure = finding->text;
	else if (event.kind == PDK_EVENT_LOG_READ)
		event.log_read.failure = finding->text;
	step(depot, &event);
}

bool
pdk_depot_tell(PdkDepot *depot)
{
	bool told = depot->room || depot->findings->len > 0;

	if (depot->room) {
		depot->room = false;
		on_snapshot_room(depot);
	}
	for (unsigned i = 0; i < depot->findings->len; i++)
		tell_finding(depot, &g_array_index(depot->findings, Finding, i));
	g_array_set_size(depot->findings, 0);
	return told;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/client.h"

#include "server/server-private.h"

#define TIMEOUT_MS 6000
#define THINK_US (30 * SIM_MS)
#define AGAIN_US (20 * SIM_MS)
#define PATIENCE_US (3 * SIM_SECOND) /* without an answer the client tries another server */
#define LONG_SLEEP_US (15 * SIM_SECOND) /* its session may expire */
#define NAP_US (2 * SIM_SECOND)

typedef enum {
	ASKED_NOTHING,
	ASKED_SESSION,
	ASKED_CREATE,    /* the next of its nodes */
	ASKED_GET,       /* of the last of its nodes, as the next two */
	ASKED_SYNC,
	ASKED_SET,
	ASKED_EXISTS,
	ASKED_WATCH,     /* for the next of its nodes */
	ASKED_EPHEMERAL,
	ASKED_SEQUENTIAL,
	ASKED_MULTI,     /* two nodes or none */
	ASKED_REGISTER,  /* its own node with a number that rises is made */
	ASKED_WRITE,     /* the number */
	ASKED_READ,
} Asked;

/* What is shared: what they do, and numbers of sequential nodes. */
struct Promises {
	Workload workload;
	GHashTable *numbers; /* acknowledged */
	int64_t highest;
};

typedef struct {
	unsigned k;
	int64_t session;
} Ephemeral;

struct Client {
	Sim *sim;
	Promises *promises;
	unsigned number;
	SimEnd *end;
	bool stopped;
	int64_t quiet_until_us;
	uint64_t serial; /* of the connection: old timers are not meant for it */
	int64_t session;
	uint8_t password[16];
	int64_t seen; /* highest zxid */
	int32_t xid;
	Asked asked;
	unsigned next;      /* number of the next node */
	GByteArray *inbox;
	GArray *made;       /* unsigned: acknowledged creates */
	GArray *ephemerals; /* Ephemeral: acknowledged */
	GArray *pairs;      /* unsigned: multis that were asked for */
	GArray *made_pairs; /* unsigned: those acknowledged */
	bool registered;
	int64_t written, acknowledged; /* the number: last asked for, last said to be there */
	int64_t numbers_before;        /* highest sequence number acknowledged when one was asked for */
	bool watching, notified;       /* of the next node, on this connection */
	unsigned answers;
	int64_t asked_us;
};

typedef struct {
	Client *client;
	uint64_t serial;
} Timer;

static void go_on(Client *client);

static void
fire(void *data)
{
	Timer *timer = data;
	Client *client = timer->client;
	if (timer->serial == client->serial)
		go_on(client);
}

static void
later(Client *client, int64_t us)
{
	Timer *timer = g_new(Timer, 1);
	*timer = (Timer){client, client->serial};
	sim_later(client->sim, sim_now(client->sim) + us, fire, timer);
}

/* Perhaps made, perhaps not: another name next time. */
static bool
names_next(Asked asked)
{
	return asked == ASKED_CREATE || asked == ASKED_EPHEMERAL || asked == ASKED_MULTI;
}

static void
lose_for(Client *client, int64_t us)
{
	client->end = NULL;
	client->serial++;
	client->next += names_next(client->asked);
	client->asked = ASKED_NOTHING;
	client->watching = client->notified = false;
	g_byte_array_set_size(client->inbox, 0);
	later(client, us);
}

static void
lose(Client *client)
{
	lose_for(client, AGAIN_US);
}

static void
closed(void *context)
{
	lose(context);
}

static void
send_frame(Client *client, PdkBuffer *body)
{
	PdkBuffer frame = {0};
	pdk_put_bytes(&frame, body->data, (int32_t)body->length);
	sim_send(client->sim, client->end, frame.data, frame.length);
	pdk_buffer_clear(&frame);
	pdk_buffer_clear(body);
	client->asked_us = sim_now(client->sim);
	later(client, PATIENCE_US);
}

static void
ask_session(Client *client)
{
	PdkBuffer body = {0};
	pdk_put_int(&body, 0);
	pdk_put_long(&body, client->seen);
	pdk_put_int(&body, TIMEOUT_MS);
	pdk_put_long(&body, client->session);
	pdk_put_bytes(&body, client->password, 16);
	pdk_put_bool(&body, false);
	client->asked = ASKED_SESSION;
	send_frame(client, &body);
}

static char *
path_in(const Client *client, const char *kind, unsigned k)
{
	return g_strdup_printf("/%s%u-%u", kind, client->number, k);
}

static char *
path_of(const Client *client, unsigned k)
{
	return path_in(client, "c", k);
}

static char *
path_asked(const Client *client, Asked what)
{
	bool any = client->made->len > 0;
	switch (what) {
	case ASKED_EPHEMERAL:
		return path_in(client, "e", client->next);
	case ASKED_SEQUENTIAL:
		return g_strdup("/seq-");
	case ASKED_REGISTER:
	case ASKED_WRITE:
	case ASKED_READ:
		return g_strdup_printf("/r%u", client->number);
	case ASKED_CREATE:
	case ASKED_WATCH:
		return path_of(client, client->next);
	default:
		return path_of(client, any ? g_array_index(client->made, unsigned, client->made->len - 1) : client->next);
	}
}

static void
put_acl(PdkBuffer *body)
{
	pdk_put_int(body, 1);
	pdk_put_int(body, PDK_PERM_ALL);
	pdk_put_string(body, "world");
	pdk_put_string(body, "anyone");
}

static void
put_number(PdkBuffer *body, int64_t number)
{
	uint8_t bytes[8];
	pdk_store_u64(bytes, (uint64_t)number);
	pdk_put_bytes(body, bytes, sizeof bytes);
}

static void
put_create(PdkBuffer *body, const char *path, int64_t number, int32_t flags)
{
	pdk_put_string(body, path);
	put_number(body, number);
	put_acl(body);
	pdk_put_int(body, flags);
}

static void
put_pair(Client *client, PdkBuffer *body)
{
	static const char *const kinds[] = {"a", "b"};
	for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
		g_autofree char *path = path_in(client, kinds[i], client->next);
		pdk_put_int(body, PDK_OP_CREATE);
		pdk_put_bool(body, false);
		pdk_put_int(body, -1);
		put_create(body, path, 0, 0);
	}
	pdk_put_int(body, -1);
	pdk_put_bool(body, true);
	pdk_put_int(body, -1);
	g_array_append_val(client->pairs, client->next);
}

static void
put_request(Client *client, Asked what, const char *path, PdkBuffer *body)
{
	switch (what) {
	case ASKED_CREATE:
	case ASKED_EPHEMERAL:
	case ASKED_SEQUENTIAL:
	case ASKED_REGISTER:
		put_create(body, path, 0, what == ASKED_EPHEMERAL ? 1 : what == ASKED_SEQUENTIAL ? 2 : 0);
		break;
	case ASKED_MULTI:
		put_pair(client, body);
		break;
	case ASKED_SET:
	case ASKED_WRITE:
		client->written += what == ASKED_WRITE;
		pdk_put_string(body, path);
		put_number(body, client->written);
		pdk_put_int(body, -1);
		break;
	case ASKED_SYNC:
		pdk_put_string(body, path);
		break;
	default:
		pdk_put_string(body, path);
		pdk_put_bool(body, what == ASKED_WATCH);
		break;
	}
}

static void
ask(Client *client, Asked what)
{
	static const int32_t ops[] = {
		[ASKED_CREATE] = PDK_OP_CREATE2, [ASKED_GET] = PDK_OP_GET_DATA, [ASKED_SYNC] = PDK_OP_SYNC,
		[ASKED_SET] = PDK_OP_SET_DATA, [ASKED_EXISTS] = PDK_OP_EXISTS, [ASKED_WATCH] = PDK_OP_EXISTS,
		[ASKED_EPHEMERAL] = PDK_OP_CREATE, [ASKED_SEQUENTIAL] = PDK_OP_CREATE, [ASKED_MULTI] = PDK_OP_MULTI,
		[ASKED_REGISTER] = PDK_OP_CREATE, [ASKED_WRITE] = PDK_OP_SET_DATA, [ASKED_READ] = PDK_OP_GET_DATA,
	};
	PdkBuffer body = {0};
	g_autofree char *path = path_asked(client, what);
	pdk_put_int(&body, ++client->xid);
	pdk_put_int(&body, ops[what]);
	put_request(client, what, path, &body);
	client->numbers_before = client->promises->highest;
	client->asked = what;
	send_frame(client, &body);
}

static void received(void *context, const uint8_t *data, size_t length);

static void
connect_somewhere(Client *client)
{
	unsigned server = (unsigned)pdk_random_below(sim_random(client->sim), sim_servers(client->sim));
	SimClient callbacks = {received, closed, client};
	client->end = sim_connect(client->sim, server, &callbacks);
	if (client->end == NULL) {
		later(client, AGAIN_US);
		return;
	}
	client->serial++;
	ask_session(client);
}

/* Another connection for the same session, while the old one stands and perhaps carries a request. */
static void
move(Client *client)
{
	sim_forsake(client->end);
	lose_for(client, SIM_MS);
}

static bool
does(const Client *client, WorkKind kind)
{
	return workload_has(client->promises->workload, kind);
}

static Asked
draw_request(Client *client)
{
	static const struct {
		Asked what;
		WorkKind kind;
	} kinds[] = {
		{ASKED_CREATE, WORK_CREATE}, {ASKED_CREATE, WORK_CREATE}, {ASKED_GET, WORK_CREATE}, {ASKED_SYNC, WORK_SYNC},
		{ASKED_SET, WORK_CREATE}, {ASKED_EXISTS, WORK_CREATE}, {ASKED_WATCH, WORK_WATCH}, {ASKED_EPHEMERAL, WORK_EPHEMERAL},
		{ASKED_SEQUENTIAL, WORK_SEQUENTIAL}, {ASKED_MULTI, WORK_MULTI}, {ASKED_WRITE, WORK_REGISTER},
		{ASKED_READ, WORK_REGISTER},
	};
	unsigned drawn = (unsigned)pdk_random_below(sim_random(client->sim), G_N_ELEMENTS(kinds));
	return does(client, kinds[drawn].kind) ? kinds[drawn].what : ASKED_CREATE;
}

static void
ask_something(Client *client)
{
	Asked what = draw_request(client);
	uint64_t whim = pdk_random_below(sim_random(client->sim), 400);
	if (whim < 2 && does(client, WORK_SLEEP)) {
		sim_hang_up(client->sim, client->end);
		lose_for(client, whim == 0 ? LONG_SLEEP_US : NAP_US);
		return;
	}
	if (client->made->len == 0)
		what = ASKED_CREATE;
	if ((what == ASKED_WRITE || what == ASKED_READ) && !client->registered)
		what = ASKED_REGISTER;
	if (what == ASKED_WATCH && client->watching)
		what = ASKED_CREATE;
	ask(client, what);
	if (whim < 10 && does(client, WORK_MOVE))
		move(client);
}

static void
go_on(Client *client)
{
	if (client->stopped)
		return;
	if (client->end == NULL && sim_now(client->sim) < client->quiet_until_us) {
		later(client, client->quiet_until_us - sim_now(client->sim));
		return;
	}
	if (client->end == NULL) {
		connect_somewhere(client);
		return;
	}
	if (client->asked != ASKED_NOTHING) {
		if (sim_now(client->sim) - client->asked_us < PATIENCE_US)
			return;
		sim_hang_up(client->sim, client->end);
		lose(client);
		return;
	}
	if (sim_now(client->sim) < client->quiet_until_us)
		later(client, client->quiet_until_us - sim_now(client->sim));
	else
		ask_something(client);
}

static void
take_session(Client *client, PdkJute *in)
{
	pdk_get_int(in);
	pdk_get_int(in);
	int64_t session = pdk_get_long(in);
	PdkSlice password = pdk_get_bytes(in);
	if (session == 0) {
		/* Expired: a new one. */
		client->session = 0;
		memset(client->password, 0, 16);
		return;
	}
	client->session = session;
	if (password.length == 16)
		memcpy(client->password, password.data, 16);
}

static void
take_event(Client *client, PdkJute *in)
{
	pdk_get_long(in);
	pdk_get_int(in);
	pdk_get_int(in);
	pdk_get_int(in);
	PdkSlice path = pdk_get_bytes(in);
	g_autofree char *next = path_of(client, client->next);
	if (path.length == (int32_t)strlen(next) && memcmp(path.data, next, (size_t)path.length) == 0)
		client->notified = true;
}

static void
take_sequential(Client *client, PdkJute *in)
{
	PdkSlice path = pdk_get_bytes(in);
	g_autofree char *text = g_strndup((const char *)path.data, (gsize)MAX(path.length, 0));
	int64_t number = path.length > 5 ? g_ascii_strtoll(text + 5, NULL, 10) : -1;
	if (!g_hash_table_add(client->promises->numbers, g_memdup2(&number, sizeof number)))
		sim_fail(client->sim, "sequence-numbers", "client %u: the number of %s was given twice", client->number, text);
	if (number <= client->numbers_before)
		sim_fail(client->sim, "sequence-numbers", "client %u: %s after %" PRId64 " was given", client->number, text,
			 client->numbers_before);
	client->promises->highest = MAX(client->promises->highest, number);
}

static void
take_created(Client *client)
{
	if (client->watching && !client->notified)
		sim_fail(client->sim, "watch-before-change", "client %u: node %u is there before the watch for it fired",
			 client->number, client->next);
	client->watching = client->notified = false;
	g_array_append_val(client->made, client->next);
}

static void
take_read(Client *client, PdkJute *in)
{
	PdkSlice data = pdk_get_bytes(in);
	int64_t number = data.length == 8 ? (int64_t)pdk_load_u64(data.data) : -1;
	if (number < client->acknowledged || number > client->written)
		sim_fail(client->sim, "own-writes", "client %u: reads %" PRId64 ", %" PRId64 " was acknowledged and %" PRId64
			 " written", client->number, number, client->acknowledged, client->written);
	client->acknowledged = MAX(client->acknowledged, number);
}

static void
take_good(Client *client, PdkJute *in)
{
	Ephemeral ephemeral = {client->next, client->session};
	switch (client->asked) {
	case ASKED_CREATE:
		take_created(client);
		return;
	case ASKED_EPHEMERAL:
		g_array_append_val(client->ephemerals, ephemeral);
		return;
	case ASKED_MULTI:
		g_array_append_val(client->made_pairs, client->next);
		return;
	case ASKED_SEQUENTIAL:
		take_sequential(client, in);
		return;
	case ASKED_REGISTER:
		client->registered = true;
		return;
	case ASKED_WRITE:
		client->acknowledged = client->written;
		return;
	case ASKED_READ:
		take_read(client, in);
		return;
	default:
		return;
	}
}

static void
take_refusal(Client *client, int32_t code)
{
	bool reads = client->asked == ASKED_GET || client->asked == ASKED_SET || client->asked == ASKED_EXISTS ||
		     client->asked == ASKED_WRITE || client->asked == ASKED_READ;
	if (client->asked == ASKED_WATCH && code == PDK_ERR_NO_NODE) {
		client->watching = true;
		client->notified = false;
		return;
	}
	if (client->asked == ASKED_REGISTER && code == PDK_ERR_NODE_EXISTS) {
		client->registered = true;
		return;
	}
	if (code == PDK_ERR_NO_NODE && reads)
		sim_fail(client->sim, "own-writes", "client %u: its own node is not there (asked %d)", client->number,
			 client->asked);
	else if (code != PDK_ERR_SESSION_EXPIRED && code != PDK_ERR_SESSION_MOVED)
		sim_fail(client->sim, "right-answer", "client %u: request %d answered %d", client->number, client->asked, code);
}

static void
take_answer(Client *client, PdkJute *in)
{
	int32_t xid = pdk_get_int(in);
	if (xid == -1) {
		take_event(client, in);
		return;
	}
	int64_t zxid = pdk_get_long(in);
	int32_t code = pdk_get_int(in);
	if (xid != client->xid || client->asked == ASKED_NOTHING)
		sim_fail(client->sim, "answer-order", "client %u: answer to %d while %d was asked", client->number, xid,
			 client->xid);
	if (zxid > 0 && zxid < client->seen)
		sim_fail(client->sim, "A14-client-order", "client %u: zxid goes back from 0x%" PRIx64 " to 0x%" PRIx64,
			 client->number, (uint64_t)client->seen, (uint64_t)zxid);
	client->seen = MAX(client->seen, zxid);
	client->answers++;
	if (code == PDK_OK)
		take_good(client, in);
	else
		take_refusal(client, code);
	client->next += names_next(client->asked);
	if (client->asked != ASKED_WATCH && names_next(client->asked))
		client->watching = client->notified = false;
}

static void
take_frame(Client *client, const uint8_t *data, size_t length)
{
	PdkJute in = pdk_jute(data, length, INT32_MAX);
	bool event = client->asked != ASKED_SESSION && length >= 4 && (int32_t)pdk_load_u32(data) == -1;
	if (client->asked == ASKED_SESSION)
		take_session(client, &in);
	else
		take_answer(client, &in);
	if (event)
		return;
	client->asked = ASKED_NOTHING;
	client->serial++; /* its patience is over */
	later(client, (int64_t)pdk_random_below(sim_random(client->sim), THINK_US));
}

static void
received(void *context, const uint8_t *data, size_t length)
{
	Client *client = context;
	g_byte_array_append(client->inbox, data, (guint)length);
	while (client->inbox->len >= 4) {
		size_t frame = pdk_load_u32(client->inbox->data);
		if (client->inbox->len < 4 + frame)
			return;
		g_autofree uint8_t *copy = g_memdup2(client->inbox->data + 4, frame);
		g_byte_array_remove_range(client->inbox, 0, (guint)(4 + frame));
		take_frame(client, copy, frame);
	}
}

Promises *
promises_new(Workload workload)
{
	Promises *promises = g_new0(Promises, 1);
	promises->numbers = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	promises->highest = -1;
	promises->workload = workload;
	return promises;
}

void
promises_free(Promises *promises)
{
	g_hash_table_unref(promises->numbers);
	g_free(promises);
}

Client *
client_new(Sim *sim, Promises *promises, unsigned number)
{
	Client *client = g_new0(Client, 1);
	client->sim = sim;
	client->promises = promises;
	client->number = number;
	client->inbox = g_byte_array_new();
	client->made = g_array_new(FALSE, FALSE, sizeof(unsigned));
	client->ephemerals = g_array_new(FALSE, FALSE, sizeof(Ephemeral));
	client->pairs = g_array_new(FALSE, FALSE, sizeof(unsigned));
	client->made_pairs = g_array_new(FALSE, FALSE, sizeof(unsigned));
	later(client, SIM_MS);
	return client;
}

void
client_free(Client *client)
{
	g_byte_array_unref(client->inbox);
	g_array_unref(client->made);
	g_array_unref(client->ephemerals);
	g_array_unref(client->pairs);
	g_array_unref(client->made_pairs);
	g_free(client);
}

void
client_hush(Client *client, int64_t until_us)
{
	client->quiet_until_us = until_us;
}

void
client_stop(Client *client)
{
	client->stopped = true;
}

unsigned
client_creates(const Client *client)
{
	return client->made->len;
}

unsigned
client_answers(const Client *client)
{
	return client->answers;
}

static bool
is_there(const Client *client, const PdkServer *server, const char *kind, unsigned k)
{
	g_autofree char *path = path_in(client, kind, k);
	return pdk_tree_find(server->tree, path, strlen(path)) != 0;
}

static void
check_all(Client *client, const PdkServer *server, const GArray *numbers, const char *kind)
{
	for (guint i = 0; i < numbers->len; i++)
		if (!is_there(client, server, kind, g_array_index(numbers, unsigned, i)))
			sim_fail(client->sim, "acknowledged-stays", "/%s%u-%u was acknowledged and is not at server %u", kind,
				 client->number, g_array_index(numbers, unsigned, i), server->settings->server_id);
}

void
client_check(Client *client, unsigned server)
{
	PdkServer *there = sim_server(client->sim, server);
	if (there == NULL)
		return;
	check_all(client, there, client->made, "c");
	check_all(client, there, client->made_pairs, "a");
	for (guint i = 0; i < client->pairs->len; i++) {
		unsigned k = g_array_index(client->pairs, unsigned, i);
		if (is_there(client, there, "a", k) != is_there(client, there, "b", k))
			sim_fail(client->sim, "atomic-multi", "half of the multi %u-%u is at server %u", client->number, k,
				 server + 1);
	}
	for (guint i = 0; i < client->ephemerals->len; i++) {
		const Ephemeral *ephemeral = &g_array_index(client->ephemerals, Ephemeral, i);
		bool lives = pdk_sessions_find(there->sessions, ephemeral->session) != NULL;
		if (is_there(client, there, "e", ephemeral->k) != lives)
			sim_fail(client->sim, "ephemeral-life", "the ephemeral node /e%u-%u is %s server %u and its session is%s",
				 client->number, ephemeral->k, lives ? "not at" : "at", server + 1, lives ? "" : " not");
	}
}

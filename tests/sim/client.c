/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a client: connections, sessions, requests and their answers. */
#include "sim/client-watch.h"

#define TIMEOUT_MS 6000
#define CONNECT_ANSWER_MIN 20 /* what is shorter refuses a session */
#define THINK_US (30 * SIM_MS)
#define AGAIN_US (20 * SIM_MS)
#define PATIENCE_US (3 * SIM_SECOND) /* without an answer the client tries another server */
#define LONG_SLEEP_US (15 * SIM_SECOND) /* its session may expire */
#define NAP_US (2 * SIM_SECOND)
#define BURST 4
#define TRIES 8

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

bool
client_chance(Client *client, unsigned one_of)
{
	return pdk_random_below(sim_random(client->sim), one_of) == 0;
}

bool
client_does(const Client *client, WorkKind kind)
{
	return workload_has(client->promises->workload, kind);
}

void
client_broken(Client *client, const char *invariant, const Request *request, const char *what)
{
	sim_fail(client->sim, invariant, "client %u %s (request %d%s%s)", client->number, what, request->xid,
		 request->path ? " for " : "", request->path ? request->path : "");
}

/* ---- requests ---- */

static void
free_request(void *data)
{
	g_free(((Request *)data)->path);
	g_free(data);
}

void
client_put_acl(PdkBuffer *body)
{
	pdk_put_int(body, 1);
	pdk_put_int(body, PDK_PERM_ALL);
	pdk_put_string(body, "world");
	pdk_put_string(body, "anyone");
}

void
client_put_number(PdkBuffer *body, int64_t number)
{
	uint8_t bytes[8];
	pdk_store_u64(bytes, (uint64_t)number);
	pdk_put_bytes(body, bytes, sizeof bytes);
}

void
client_put_create(PdkBuffer *body, const char *path, int64_t number, int32_t flags)
{
	pdk_put_string(body, path);
	client_put_number(body, number);
	client_put_acl(body);
	pdk_put_int(body, flags);
}

void
client_send(Client *client, PdkBuffer *body)
{
	PdkBuffer frame = {0};
	pdk_put_bytes(&frame, body->data, (int32_t)body->length);
	sim_send(client->sim, client->end, frame.data, frame.length);
	pdk_buffer_clear(&frame);
	pdk_buffer_clear(body);
	later(client, PATIENCE_US);
}

void
client_request(Client *client, const Request *request, const PdkBuffer *arguments)
{
	PdkBuffer body = {0};
	pdk_put_int(&body, request->xid);
	pdk_put_int(&body, request->deed->op);
	pdk_buffer_append(&body, arguments->data, arguments->length);
	g_queue_push_tail(&client->requests, g_memdup2(request, sizeof *request));
	client_send(client, &body);
}

/* False: it cannot be asked for now. */
static bool
ask(Client *client, const Deed *deed)
{
	Request request = {
		.deed = deed,
		.asked_us = sim_now(client->sim),
		.floor = client_floor(client, INT64_MAX),
		.before = client->promises->highest,
		.ids = client->ids,
		.entry = -1,
	};
	PdkBuffer arguments = {0};
	bool now = deed->ask(client, &request, &arguments);
	if (now) {
		request.xid = ++client->xid;
		client_request(client, &request, &arguments);
	} else {
		g_free(request.path);
	}
	pdk_buffer_clear(&arguments);
	return now;
}

static bool
ask_close(Client *client, Request *request, PdkBuffer *body)
{
	(void)request;
	(void)body;
	client->wavers = true;
	return true;
}

static void
done_close(Client *client, const Request *request, PdkJute *in, int64_t zxid)
{
	(void)in;
	if (!client_is_closed(client, zxid))
		client_broken(client, "acknowledged-is-committed", request, "is told that its session is closed, and it is not");
	client->session = 0;
	memset(client->password, 0, sizeof client->password);
}

static const Deed closing = {WORK_CLOSE, 1, PDK_OP_CLOSE_SESSION, true, ask_close, done_close, NULL, NULL};

static const Deed *
draw_deed(Client *client)
{
	const Deed *(*const lists[])(unsigned *n) = {client_node_deeds, client_register_deeds, client_lock_deeds,
						 client_tree_deeds, client_persistent_deeds, client_access_deeds, client_ttl_deeds};
	unsigned n, sum = 0;
	const Deed *drawn = NULL;
	for (unsigned i = 0; i < G_N_ELEMENTS(lists); i++) {
		const Deed *deeds = lists[i](&n);
		for (unsigned k = 0; k < n; k++) {
			if (!client_does(client, deeds[k].kind))
				continue;
			sum += deeds[k].weight;
			if (pdk_random_below(sim_random(client->sim), sum) < deeds[k].weight)
				drawn = &deeds[k];
		}
	}
	return drawn;
}

static void
ask_one(Client *client)
{
	for (unsigned tries = 0; tries < TRIES; tries++)
		if (ask(client, draw_deed(client)))
			return;
}

/* ---- connections ---- */

static void
give_up(Client *client, Request *request)
{
	if (request->deed->lost)
		request->deed->lost(client, request);
	free_request(request);
}

static void
forget_requests(Client *client)
{
	Request *request;
	while ((request = g_queue_pop_head(&client->requests)))
		give_up(client, request);
}

static void
lose_for(Client *client, int64_t us)
{
	client->end = NULL;
	client->serial++;
	client->greeting = false;
	client->synced = client->sync_us = 0;
	client->ids = 0;
	forget_requests(client);
	client_watches_lost(client);
	g_byte_array_set_size(client->inbox, 0);
	later(client, us);
}

static void
closed(void *context)
{
	lose_for(context, AGAIN_US);
}

static void
ask_session(Client *client)
{
	PdkBuffer body = {0};
	pdk_put_int(&body, 0);
	pdk_put_long(&body, client->seen);
	pdk_put_int(&body, client->timeout_ms);
	pdk_put_long(&body, client->session);
	pdk_put_bytes(&body, client->password, 16);
	pdk_put_bool(&body, client->allows_read_only);
	client->greeting = true;
	client_send(client, &body);
}

static void received(void *context, const uint8_t *data, size_t length);

static void
connect_somewhere(Client *client)
{
	client->server = (unsigned)pdk_random_below(sim_random(client->sim), sim_servers(client->sim));
	SimClient callbacks = {received, closed, client};
	client->end = sim_connect(client->sim, client->server, &callbacks);
	if (client->end == NULL) {
		later(client, AGAIN_US);
		return;
	}
	client->server_life = sim_life(client->sim, client->server); /* its answers may come when that is over */
	client->serial++;
	ask_session(client);
	client_introduce(client);
	client_rearm(client);
}

/* Another connection for the same session, while the old one stands and perhaps carries a request. */
static void
move(Client *client)
{
	sim_forsake(client->end);
	lose_for(client, SIM_MS);
}

static void
ask_something(Client *client)
{
	uint64_t whim = pdk_random_below(sim_random(client->sim), 400);
	if (whim < 2 && client_does(client, WORK_SLEEP)) {
		sim_hang_up(client->sim, client->end);
		lose_for(client, whim == 0 ? LONG_SLEEP_US : NAP_US);
		return;
	}
	if (whim == 2 && client_does(client, WORK_CLOSE)) {
		ask(client, &closing);
		return;
	}
	ask_one(client);
	for (unsigned more = client_does(client, WORK_BURST) && client_chance(client, 4) ? BURST : 0; more > 0; more--)
		ask_one(client);
	if (whim >= 390 && client_does(client, WORK_MOVE))
		move(client);
	else if (g_queue_is_empty(&client->requests))
		later(client, THINK_US);
}

static int64_t
oldest_us(const Client *client)
{
	const Request *oldest = g_queue_peek_head((GQueue *)&client->requests);
	return oldest ? oldest->asked_us : client->greeting_us;
}

static void
go_on(Client *client)
{
	int64_t now_us = sim_now(client->sim);
	if (client->stopped)
		return;
	if (client->end == NULL && now_us < client->quiet_until_us) {
		later(client, client->quiet_until_us - now_us);
		return;
	}
	if (client->end == NULL) {
		client->greeting_us = now_us;
		connect_somewhere(client);
		return;
	}
	if (client->greeting || !g_queue_is_empty(&client->requests)) {
		if (now_us - oldest_us(client) < PATIENCE_US)
			return;
		sim_hang_up(client->sim, client->end);
		lose_for(client, AGAIN_US);
		return;
	}
	if (now_us < client->quiet_until_us)
		later(client, client->quiet_until_us - now_us);
	else
		ask_something(client);
}

/* ---- answers ---- */

static void
take_session(Client *client, PdkJute *in)
{
	pdk_get_int(in);
	pdk_get_int(in);
	int64_t session = pdk_get_long(in);
	PdkSlice password = pdk_get_bytes(in);
	client_check_session(client, session);
	client->greeting = false;
	client->read_only = pdk_get_bool(in) && !in->failed;
	client->session = session;
	client->epoch = sim_truth_epoch(client->sim, client->server);
	memset(client->password, 0, sizeof client->password);
	if (session != 0 && password.length == 16)
		memcpy(client->password, password.data, 16);
}

static void
take_event(Client *client, PdkJute *in)
{
	int64_t zxid = pdk_get_long(in);
	pdk_get_int(in);
	int32_t type = pdk_get_int(in);
	pdk_get_int(in);
	client_check_event(client, type, pdk_get_bytes(in), zxid);
}

static void
take_refusal(Client *client, const Request *request, int32_t code, int64_t zxid)
{
	if (code == PDK_ERR_SESSION_MOVED)
		return;
	if (code == PDK_ERR_SESSION_EXPIRED) {
		if (!client_may_be_over(client))
			client_broken(client, "A15-expires-by-close", request, "is told that its session is over, and nobody closed it");
		return;
	}
	if (code == PDK_ERR_EPHEMERAL_ON_LOCAL_SESSION && request->ephemeral && client_has_no_ephemerals(client))
		return;
	if (request->deed->refused == NULL || !request->deed->refused(client, request, code, zxid))
		sim_fail(client->sim, "right-answer", "client %u: request %d (operation %d for %s) is refused with %d at " HEX,
			 client->number, request->xid, request->deed->op, request->path, code, (guint64)zxid);
}

static void
take_answer(Client *client, int32_t xid, PdkJute *in)
{
	int64_t zxid = pdk_get_long(in);
	int32_t code = pdk_get_int(in);
	Request *request = g_queue_pop_head(&client->requests);
	if (request == NULL || request->xid != xid) {
		sim_fail(client->sim, "answer-order", "client %u: answer to %d while %d (operation %d) is due from server %u",
			 client->number, xid, request ? request->xid : 0, request ? request->deed->op : 0, client->server + 1);
		g_clear_pointer(&request, free_request);
		return;
	}
	client->answers++;
	client->heard_us = sim_now(client->sim);
	if (client->read_only && !client_check_read_only(client, request, code, zxid)) {
		give_up(client, request);
		return;
	}
	client_check_reply(client, request, zxid);
	if (code != PDK_OK) {
		take_refusal(client, request, code, zxid);
	} else {
		if (request->deed->writes && !(request->deed == &closing && client_has_local(client)))
			client_check_done(client, request, zxid);
		if (request->deed->done)
			request->deed->done(client, request, in, zxid);
	}
	free_request(request);
}

static void
take_frame(Client *client, const uint8_t *data, size_t length)
{
	PdkJute in = pdk_jute(data, length, INT32_MAX);
	if (client->greeting && length < CONNECT_ANSWER_MIN) {
		return; /* no session without a leader; the connection ends */
	} else if (client->greeting) {
		take_session(client, &in);
	} else {
		int32_t xid = pdk_get_int(&in);
		if (xid == PDK_XID_NOTIFICATION) {
			take_event(client, &in);
			return;
		}
		if (xid == SIM_XID_AUTH) {
			pdk_get_long(&in);
			client_introduced(client, pdk_get_int(&in));
			return;
		}
		take_answer(client, xid, &in);
	}
	if (!g_queue_is_empty(&client->requests))
		return;
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

/* ---- coming and going ---- */

static int32_t
draw_timeout(const Sim *sim, unsigned number)
{
	static const int32_t drawn[] = {2000, 4000, 6000, 15000, 40000, 3000};
	return sim_unusual(sim_settings(sim), SIM_SESSION_TIMES) ? drawn[number % G_N_ELEMENTS(drawn)] : TIMEOUT_MS;
}

Client *
client_new(Sim *sim, Promises *promises, unsigned number)
{
	Client *client = g_new0(Client, 1);
	client->sim = sim;
	client->promises = promises;
	client->number = number;
	client->timeout_ms = draw_timeout(sim, number);
	client->allows_read_only = sim_unusual(sim_settings(sim), SIM_READ_ONLY) && number % 2 == 0;
	client->inbox = g_byte_array_new();
	client->watches = watches_new();
	g_queue_init(&client->requests);
	later(client, SIM_MS);
	return client;
}

void
client_free(Client *client)
{
	g_queue_clear_full(&client->requests, free_request);
	g_byte_array_unref(client->inbox);
	watches_free(client->watches);
	g_free(client->lock);
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
	return client->creates;
}

unsigned
client_answers(const Client *client)
{
	return client->answers;
}

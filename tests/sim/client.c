/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/client.h"

#include "server/server-private.h"

#define TIMEOUT_MS 10000
#define THINK_US (60 * SIM_MS)
#define AGAIN_US (50 * SIM_MS)
#define PATIENCE_US (8 * SIM_SECOND) /* without an answer the client tries another server */

typedef enum { ASKED_NOTHING, ASKED_SESSION, ASKED_CREATE, ASKED_GET, ASKED_SYNC, ASKED_SET, ASKED_EXISTS } Asked;

struct Client {
	Sim *sim;
	unsigned number;
	SimEnd *end;
	bool stopped;
	uint64_t serial; /* of the connection: old timers are not meant for it */
	int64_t session;
	uint8_t password[16];
	int64_t seen; /* highest zxid */
	int32_t xid;
	Asked asked;
	unsigned next;      /* number of the next node */
	GByteArray *inbox;
	GArray *made;       /* unsigned: acknowledged creates */
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

static void
lose(Client *client)
{
	client->end = NULL;
	client->serial++;
	if (client->asked == ASKED_CREATE)
		client->next++; /* perhaps made, perhaps not: another name next time */
	client->asked = ASKED_NOTHING;
	g_byte_array_set_size(client->inbox, 0);
	later(client, AGAIN_US);
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
path_of(const Client *client, unsigned k)
{
	return g_strdup_printf("/c%u-%u", client->number, k);
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
ask(Client *client, Asked what)
{
	static const int32_t ops[] = {
		[ASKED_CREATE] = PDK_OP_CREATE2, [ASKED_GET] = PDK_OP_GET_DATA, [ASKED_SYNC] = PDK_OP_SYNC,
		[ASKED_SET] = PDK_OP_SET_DATA, [ASKED_EXISTS] = PDK_OP_EXISTS,
	};
	PdkBuffer body = {0};
	g_autofree char *path = path_of(client, what == ASKED_CREATE || client->made->len == 0
							? client->next
							: g_array_index(client->made, unsigned, client->made->len - 1));
	pdk_put_int(&body, ++client->xid);
	pdk_put_int(&body, ops[what]);
	pdk_put_string(&body, path);
	if (what == ASKED_CREATE) {
		pdk_put_string(&body, path);
		put_acl(&body);
		pdk_put_int(&body, 0);
	} else if (what == ASKED_SET) {
		pdk_put_string(&body, path);
		pdk_put_int(&body, -1);
	} else if (what == ASKED_GET || what == ASKED_EXISTS) {
		pdk_put_bool(&body, false);
	}
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

static void
go_on(Client *client)
{
	static const Asked kinds[] = {ASKED_GET, ASKED_SYNC, ASKED_SET, ASKED_EXISTS};
	if (client->stopped)
		return;
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
	if (client->made->len == 0 || pdk_random_below(sim_random(client->sim), 2) == 0)
		ask(client, ASKED_CREATE);
	else
		ask(client, kinds[pdk_random_below(sim_random(client->sim), G_N_ELEMENTS(kinds))]);
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
take_answer(Client *client, PdkJute *in)
{
	int32_t xid = pdk_get_int(in);
	int64_t zxid = pdk_get_long(in);
	int32_t code = pdk_get_int(in);
	if (xid != client->xid)
		sim_fail(client->sim, "client %u: answer to %d while %d was asked", client->number, xid, client->xid);
	if (zxid > 0 && zxid < client->seen)
		sim_fail(client->sim, "client %u: zxid goes back from 0x%" PRIx64 " to 0x%" PRIx64, client->number,
			 (uint64_t)client->seen, (uint64_t)zxid);
	client->seen = MAX(client->seen, zxid);
	client->answers++;
	if (client->asked == ASKED_CREATE) {
		if (code != PDK_OK && code != PDK_ERR_NODE_EXISTS && code != PDK_ERR_SESSION_EXPIRED)
			sim_fail(client->sim, "client %u: create answered %d", client->number, code);
		if (code == PDK_OK)
			g_array_append_val(client->made, client->next);
		client->next++;
	} else if (code == PDK_ERR_NO_NODE) {
		sim_fail(client->sim, "client %u: its own node is not there (asked %d)", client->number, client->asked);
	}
}

static void
take_frame(Client *client, const uint8_t *data, size_t length)
{
	PdkJute in = pdk_jute(data, length, INT32_MAX);
	if (client->asked == ASKED_SESSION)
		take_session(client, &in);
	else
		take_answer(client, &in);
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

Client *
client_new(Sim *sim, unsigned number)
{
	Client *client = g_new0(Client, 1);
	client->sim = sim;
	client->number = number;
	client->inbox = g_byte_array_new();
	client->made = g_array_new(FALSE, FALSE, sizeof(unsigned));
	later(client, SIM_MS);
	return client;
}

void
client_free(Client *client)
{
	g_byte_array_unref(client->inbox);
	g_array_unref(client->made);
	g_free(client);
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

void
client_check(Client *client, unsigned server)
{
	PdkServer *there = sim_server(client->sim, server);
	if (there == NULL)
		return;
	for (guint i = 0; i < client->made->len; i++) {
		g_autofree char *path = path_of(client, g_array_index(client->made, unsigned, i));
		if (pdk_tree_find(there->tree, path, strlen(path)) == 0) {
			sim_fail(client->sim, "%s was acknowledged and is not at server %u", path, server + 1);
			return;
		}
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One fle instance whose peers are the program that includes this (election_fle.c alone): what it is told, and what it said.
 * Changes when the way an election plugin is driven does.
 */
#ifndef TESTS_PLUGIN_ELECTION_FLE_SERVER_H
#define TESTS_PLUGIN_ELECTION_FLE_SERVER_H

#include "conformance.h"
#include "fake_host.h"

#include <CUnit/CUnit.h>
#include <paddock/election.h>
#include <stdlib.h>
#include <string.h>

extern const PdkPlugin pdk_plugin_election_fle;

#define MS INT64_C(1000)
#define ME 2 /* of the voters 1, 2, 3; 4 is an observer, 9 no member */
#define CONFIG_LENGTH 138

static const char config_text[] = "server.1=127.0.0.1:13888:14888:participant\n"
				  "server.2=127.0.0.1:13889:14889:participant\n"
				  "server.3=127.0.0.1:13890:14890:participant\n"
				  "version=0";

typedef struct {
	int64_t sid;
	GBytes *bytes;
} Sent;

/* One server. What it says to itself comes back at once, as the host does it; what it says to others is kept. */
typedef struct {
	FakeHost *host;
	PdkConfig *config;
	PdkEnsemble ensemble;
	int64_t voters[3];
	PdkElection *election;
	int64_t now_us, deadline_us;
	GArray *sent; /* Sent */
	GQueue to_self;
	unsigned elections, adoptions, doubts, unanimous;
	PdkVote vote;
	PdkPeerState state;
} Server;

static const PdkElectionOps *ops;

static bool
is_voter(void *context G_GNUC_UNUSED, int64_t sid)
{
	return sid >= 1 && sid <= 3;
}

static int64_t
weight(void *context G_GNUC_UNUSED, int64_t sid G_GNUC_UNUSED)
{
	return 1;
}

static bool
quorum(void *context G_GNUC_UNUSED, const int64_t *sids, unsigned n)
{
	unsigned voters = 0;

	for (unsigned i = 0; i < n; i++)
		voters += is_voter(NULL, sids[i]);
	return voters >= 2;
}

static void
out_send(void *context, int64_t sid, GBytes *message)
{
	Server *server = context;

	if (sid == server->ensemble.self) {
		g_queue_push_tail(&server->to_self, g_bytes_ref(message));
		return;
	}
	g_array_append_val(server->sent, ((Sent){sid, g_bytes_ref(message)}));
}

static void
out_deadline(void *context, int64_t at_us)
{
	Server *server = context;

	server->deadline_us = at_us;
}

static void
out_elected(void *context, const PdkVote *vote, PdkPeerState state)
{
	Server *server = context;

	server->elections++;
	server->vote = *vote;
	server->state = state;
}

static void
out_adopt(void *context, const char *text G_GNUC_UNUSED, size_t length G_GNUC_UNUSED)
{
	Server *server = context;

	server->adoptions++;
}

static void
out_doubt(void *context)
{
	Server *server = context;

	server->doubts++;
}

static void
out_unanimous(void *context)
{
	Server *server = context;

	server->unanimous++;
}

static void
out_save(void *context G_GNUC_UNUSED, const char *key G_GNUC_UNUSED, GBytes *value G_GNUC_UNUSED)
{
	CU_FAIL("fle keeps nothing");
}

static void
step_once(Server *server, PdkElectionEvent event)
{
	const PdkElectionOut out = {
		.size = sizeof(PdkElectionOut),
		.context = server,
		.send = out_send,
		.deadline = out_deadline,
		.elected = out_elected,
		.adopt = out_adopt,
		.save = out_save,
		.doubt = out_doubt,
		.unanimous = out_unanimous,
	};

	event.now_us = server->now_us;
	ops->step(server->election, &event, &out);
}

static void
step(Server *server, PdkElectionEvent event)
{
	step_once(server, event);
	for (GBytes *own = g_queue_pop_head(&server->to_self); own; own = g_queue_pop_head(&server->to_self)) {
		size_t length;
		const uint8_t *data = g_bytes_get_data(own, &length);
		step_once(server, (PdkElectionEvent){
			.kind = PDK_ELECTION_MESSAGE, .sid = server->ensemble.self, .message = {data, length}});
		g_bytes_unref(own);
	}
}

static Server *
server_new(int64_t self)
{
	Server *server = g_new0(Server, 1);

	server->host = fake_host_new();
	server->config = fake_config_new(pdk_plugin_election_fle.options, NULL);
	memcpy(server->voters, (const int64_t[]){1, 2, 3}, sizeof(server->voters));
	server->ensemble = (PdkEnsemble){
		.size = sizeof(PdkEnsemble),
		.context = server,
		.self = self,
		.votes = self <= 3,
		.observes = self == 4,
		.voters = server->voters,
		.n_voters = 3,
		.committed_text = config_text,
		.committed_length = strlen(config_text),
		.reconfig_enabled = true,
		.is_voter = is_voter,
		.weight = weight,
		.quorum = quorum,
	};
	server->now_us = 1000 * MS;
	server->deadline_us = INT64_MAX;
	server->sent = g_array_new(FALSE, FALSE, sizeof(Sent));
	server->election = ops->create(fake_host_table(server->host), server->config, &server->ensemble, NULL, NULL);
	return server;
}

static void
forget_sent(Server *server)
{
	for (unsigned i = 0; i < server->sent->len; i++)
		g_bytes_unref(g_array_index(server->sent, Sent, i).bytes);
	g_array_set_size(server->sent, 0);
}

static void
server_free(Server *server)
{
	ops->destroy(server->election);
	forget_sent(server);
	g_array_unref(server->sent);
	fake_config_free(server->config);
	fake_host_free(server->host);
	g_free(server);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Server, server_free)

static void
look(Server *server, int64_t zxid, int64_t epoch)
{
	step(server, (PdkElectionEvent){.kind = PDK_ELECTION_LOOK, .look = {zxid, epoch}});
}

/* Has just begun to look with this history; what it said first is forgotten. */
static Server *
looking(int64_t self, int64_t zxid, int64_t epoch)
{
	Server *server = server_new(self);

	look(server, zxid, epoch);
	forget_sent(server);
	return server;
}

static void
settle(Server *server, PdkPeerState state, PdkVote vote)
{
	step(server, (PdkElectionEvent){.kind = PDK_ELECTION_SETTLED, .settled = {state, vote}});
}

static void
put(GByteArray *array, uint64_t value, unsigned bytes)
{
	while (bytes-- > 0)
		g_byte_array_append(array, &(guint8){(guint8)(value >> 8 * bytes)}, 1);
}

/* Written here once more, by hand: the tests share no code with the plugin. */
static GByteArray *
notification(int state, PdkVote vote, int version, const char *config)
{
	GByteArray *array = g_byte_array_new();

	put(array, (uint64_t)state, 4);
	put(array, (uint64_t)vote.leader, 8);
	put(array, (uint64_t)vote.zxid, 8);
	put(array, (uint64_t)vote.round, 8);
	if (version < 0)
		return array;
	put(array, (uint64_t)vote.peer_epoch, 8);
	put(array, (uint64_t)version, 4);
	if (version < 2)
		return array;
	put(array, strlen(config), 4);
	g_byte_array_append(array, (const guint8 *)config, (guint)strlen(config));
	return array;
}

static void
hear_bytes(Server *server, int64_t from, const uint8_t *data, size_t length)
{
	g_autofree uint8_t *copy = g_memdup2(data, length);

	step(server, (PdkElectionEvent){.kind = PDK_ELECTION_MESSAGE, .sid = from, .message = {copy, length}});
}

static void
hear_version(Server *server, int64_t from, int state, PdkVote vote, int version, const char *config)
{
	g_autoptr(GByteArray) array = notification(state, vote, version, config);

	hear_bytes(server, from, array->data, array->len);
}

static void
hear(Server *server, int64_t from, int state, int64_t leader, int64_t zxid, int64_t round, int64_t epoch)
{
	hear_version(server, from, state, (PdkVote){leader, zxid, round, epoch}, 2, config_text);
}

static void
set_link(Server *server, int64_t sid, PdkPeerLink state)
{
	step(server, (PdkElectionEvent){.kind = PDK_ELECTION_LINK, .sid = sid, .link = state});
}

/* It was there, and nobody listens there any more. */
static void
set_gone(Server *server, int64_t sid)
{
	set_link(server, sid, PDK_PEER_LINK_UP);
	set_link(server, sid, PDK_PEER_LINK_REFUSED);
}

/* Time goes on; deadlines on the way come. */
static void
wait(Server *server, int64_t us)
{
	int64_t until_us = server->now_us + us;

	while (server->deadline_us <= until_us) {
		server->now_us = server->deadline_us;
		server->deadline_us = INT64_MAX;
		step(server, (PdkElectionEvent){.kind = PDK_ELECTION_DEADLINE});
	}
	server->now_us = until_us;
}

/* Was exactly this the last word to @to? */
static bool
told(const Server *server, int64_t to, int state, int64_t leader, int64_t zxid, int64_t round, int64_t epoch)
{
	g_autoptr(GByteArray) wanted = notification(state, (PdkVote){leader, zxid, round, epoch}, 2, config_text);

	for (unsigned i = server->sent->len; i > 0; i--) {
		const Sent *sent = &g_array_index(server->sent, Sent, i - 1);
		if (sent->sid == to)
			return g_bytes_get_size(sent->bytes) == wanted->len &&
			       memcmp(g_bytes_get_data(sent->bytes, NULL), wanted->data, wanted->len) == 0;
	}
	return false;
}

#endif

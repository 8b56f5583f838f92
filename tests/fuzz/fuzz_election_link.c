/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes on an election link of server 5. The first byte seeds the lengths of the pieces they come in; then they come in one
 * piece to another mesh, and both must have told their elections the same and dialled the same addresses.
 */
#include "base/random.h"
#include "replica/mesh.h"

#define LONGEST_PIECE 40
#define SELF 5
#define NOW_US 1000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
	PdkMesh *mesh;
	PdkEffects *effects;
	PdkBuffer told;
	uint32_t dials;
	PdkLink link;
	bool closed;
} Server;

static void
on_message(void *context, int64_t sid, const uint8_t *data, size_t length)
{
	Server *server = context;
	pdk_assert(length >= 1 && length <= 524288);
	pdk_put_long(&server->told, sid);
	pdk_put_bytes(&server->told, data, (int32_t)length);
	/* As an election would: it answers in the middle. */
	g_autoptr(GBytes) answer = g_bytes_new(data, length);
	pdk_mesh_send(server->mesh, sid, answer, NOW_US, server->effects);
}

static void
on_link(void *context, int64_t sid, PdkPeerLink link)
{
	Server *server = context;
	pdk_put_long(&server->told, sid);
	pdk_put_int(&server->told, (int32_t)link);
}

static void
on_say(void *context, PdkLogLevel level, const char *line)
{
	(void)context;
	pdk_assert(level >= PDK_LOG_ERROR && level <= PDK_LOG_DEBUG);
	pdk_assert(g_utf8_validate(line, -1, NULL) && strpbrk(line, "\r\n") == NULL);
}

static uint32_t
on_dial_number(void *context)
{
	Server *server = context;
	return ++server->dials;
}

static void
start(Server *server)
{
	static const char text[] = "server.1=one:1:2\nserver.5=five:1:2\nserver.9=nine:1:2\n";
	static const PdkMembersRules rules = {0};
	PdkMeshParams params = {
		.self = SELF,
		.queue_length = 1,
		.resend_last = true,
		.dial_timeout_ms = 5000,
		.handshake_timeout_ms = 10000,
		.hooks = {on_message, on_link, on_say, on_dial_number, server},
	};
	g_autoptr(PdkMembers) members = pdk_members_parse(text, strlen(text), &rules, NULL);
	*server = (Server){.mesh = pdk_mesh_new(&params), .effects = pdk_effects_new(), .link = 1};
	pdk_mesh_set_members(server->mesh, members, NULL);
	pdk_mesh_accepted(server->mesh, server->link, "/10.0.0.1:40000", NOW_US, server->effects);
}

static void
stop(Server *server)
{
	pdk_mesh_free(server->mesh);
	pdk_effects_free(server->effects);
	pdk_buffer_clear(&server->told);
}

/* Dials are refused, what is to be closed is closed. */
static void
carry(Server *server)
{
	g_autoptr(GArray) dials = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	bool closing = false;
	pdk_mesh_turn(server->mesh, NOW_US, server->effects);
	for (unsigned i = 0; i < server->effects->n_commands; i++) {
		PdkCommand *command = &server->effects->commands[i];
		closing = closing || command->type == PDK_COMMAND_CLOSE;
		if (command->type != PDK_COMMAND_DIAL)
			continue;
		g_array_append_val(dials, command->dial);
		pdk_put_string(&server->told, command->address);
	}
	pdk_effects_reset(server->effects);
	if (closing) {
		server->closed = true;
		pdk_assert(pdk_mesh_closed(server->mesh, server->link, NOW_US, server->effects));
	}
	for (unsigned i = 0; i < dials->len; i++)
		pdk_assert(pdk_mesh_dial_failed(server->mesh, g_array_index(dials, uint32_t, i), true, "refused", NOW_US,
						server->effects));
}

static void
feed(Server *server, const uint8_t *data, size_t size, PdkRandom *random)
{
	start(server);
	for (size_t done = 0; done < size && !server->closed;) {
		size_t piece = random ? 1 + pdk_random_below(random, LONGEST_PIECE) : size;
		size_t now = MIN(piece, size - done);
		g_autofree uint8_t *exact = g_memdup2(data + done, now);
		pdk_assert(pdk_mesh_received(server->mesh, server->link, exact, now, NOW_US, server->effects));
		carry(server);
		done += now;
	}
	for (unsigned i = 0; i < 8; i++) /* what the last dials lead to; the pauses are longer */
		carry(server);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	PdkRandom random = pdk_random(data[0]);
	Server pieces, whole;
	feed(&pieces, data + 1, size - 1, &random);
	feed(&whole, data + 1, size - 1, NULL);
	pdk_assert(pieces.closed == whole.closed);
	pdk_assert(pieces.told.length == whole.told.length);
	pdk_assert(pieces.told.length == 0 || memcmp(pieces.told.data, whole.told.data, pieces.told.length) == 0);
	stop(&pieces);
	stop(&whole);
	return 0;
}

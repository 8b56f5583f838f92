/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections of the quorum port, as far as they are alike for leader and learner: bytes out, close, pause; and the listeners
 * of both ports. Changes when the way packets reach an output does.
 */
#include "replica/replica-private.h"

#define COPY_BELOW 4096 /* smaller txns are copied into the output, larger ones go by reference */
#define BIND_PAUSE_US INT64_C(1000000)

int32_t
pdk_wire_longest(const PdkReplica *replica)
{
	return replica->params.max_buffer_bytes + replica->params.extra_buffer_bytes;
}

void
pdk_wire_init(PdkReplica *replica, PdkWire *wire, PdkLink link)
{
	*wire = (PdkWire){.link = link};
	pdk_packet_cutter_init(&wire->cutter, pdk_wire_longest(replica));
}

void
pdk_wire_clear(PdkWire *wire)
{
	pdk_packet_cutter_clear(&wire->cutter);
	*wire = (PdkWire){0};
}

static PdkOutput *
wire_output(PdkReplica *replica, PdkWire *wire)
{
	pdk_assert(wire->link != 0);
	wire->output = pdk_effects_output(replica->effects, wire->link, wire->output, wire->output_turn);
	wire->output_turn = replica->effects->turn;
	return &replica->effects->outputs[wire->output];
}

PdkBuffer *
pdk_wire_out(PdkReplica *replica, PdkWire *wire)
{
	return &wire_output(replica, wire)->bytes;
}

void
pdk_wire_txn(PdkReplica *replica, PdkWire *wire, PdkPacketType type, int64_t zxid, GBytes *txn)
{
	PdkOutput *output = wire_output(replica, wire);
	size_t length;
	const void *data = g_bytes_get_data(txn, &length);
	if (length < COPY_BELOW) {
		pdk_put_packet(&output->bytes, type, zxid, data, (int32_t)length);
		return;
	}
	pdk_put_int(&output->bytes, (int32_t)type);
	pdk_put_long(&output->bytes, zxid);
	pdk_put_int(&output->bytes, (int32_t)length);
	pdk_output_block(output, txn);
	pdk_put_int(&output->bytes, -1);
}

void
pdk_wire_bytes(PdkReplica *replica, PdkWire *wire, GBytes *bytes)
{
	pdk_output_block(wire_output(replica, wire), bytes);
}

void
pdk_wire_close(PdkReplica *replica, PdkWire *wire, bool flush)
{
	if (wire->link != 0)
		pdk_effects_command(replica->effects, flush ? PDK_COMMAND_CLOSE_FLUSHED : PDK_COMMAND_CLOSE, wire->link);
	pdk_wire_clear(wire);
}

void
pdk_wire_pause(PdkReplica *replica, PdkWire *wire, bool pause)
{
	if (wire->link != 0)
		pdk_effects_command(replica->effects, pause ? PDK_COMMAND_PAUSE : PDK_COMMAND_RESUME, wire->link);
}

/* ---- the ports ---- */

static PdkBinding *
binding_of(PdkReplica *replica, PdkPurpose purpose)
{
	if (purpose == PDK_PURPOSE_OBSERVER)
		return &replica->observer_binding;
	return purpose == PDK_PURPOSE_QUORUM ? &replica->quorum_binding : &replica->election_binding;
}

static const char *
port_name(PdkPurpose purpose)
{
	if (purpose == PDK_PURPOSE_OBSERVER)
		return "observer";
	return purpose == PDK_PURPOSE_QUORUM ? "quorum" : "election";
}

/* This server as it is configured, as long as it ever was. */
static const PdkMember *
own_member(PdkReplica *replica)
{
	const PdkMember *self = pdk_members_find(replica->committed, replica->params.self);
	return self ? self : pdk_members_find(replica->last_seen, replica->params.self);
}

static char *
listen_address(PdkReplica *replica, const PdkMember *self, unsigned index, PdkPurpose purpose)
{
	bool quorum = purpose == PDK_PURPOSE_QUORUM;
	const PdkMemberAddress *address = &self->addresses[index];
	if (purpose == PDK_PURPOSE_OBSERVER)
		return replica->params.listen_on_all_ips ? g_strdup_printf(":%d", replica->params.observer_master_port)
							 : pdk_master_address(replica, self, index);
	if (replica->params.listen_on_all_ips)
		return g_strdup_printf(":%u", quorum ? address->quorum_port : address->election_port);
	return quorum ? pdk_member_quorum_address(self, index) : pdk_member_election_address(self, index);
}

/* With the wildcard address two addresses of one port are one listener. */
static bool
listens_already(PdkReplica *replica, const PdkMember *self, unsigned index, PdkPurpose purpose)
{
	if (!replica->params.listen_on_all_ips)
		return false;
	if (purpose == PDK_PURPOSE_OBSERVER)
		return index > 0;
	for (unsigned i = 0; i < index; i++) {
		const PdkMemberAddress *a = &self->addresses[i], *b = &self->addresses[index];
		if (purpose == PDK_PURPOSE_QUORUM ? a->quorum_port == b->quorum_port : a->election_port == b->election_port)
			return true;
	}
	return false;
}

void
pdk_replica_listen(PdkReplica *replica, PdkPurpose purpose, bool again)
{
	PdkBinding *binding = binding_of(replica, purpose);
	const PdkMember *self = own_member(replica);
	if (purpose == PDK_PURPOSE_OBSERVER && replica->params.observer_master_port == 0)
		return;
	if (again)
		pdk_effects_command(replica->effects, PDK_COMMAND_UNLISTEN, 0)->purpose = purpose;
	binding->at_us = 0;
	binding->failed = 0;
	if (self == NULL || (purpose == PDK_PURPOSE_OBSERVER && self->observer))
		return;
	for (unsigned i = 0; i < self->n_addresses; i++) {
		if (listens_already(replica, self, i, purpose))
			continue;
		PdkCommand *command = pdk_effects_command(replica->effects, PDK_COMMAND_LISTEN, 0);
		command->purpose = purpose;
		command->address = listen_address(replica, self, i, purpose);
		binding->awaited++;
	}
}

static void
bind_failed(PdkReplica *replica, PdkPurpose purpose, PdkBinding *binding)
{
	binding->failures++;
	if (replica->params.bind_retries > 0 && binding->failures >= replica->params.bind_retries) {
		g_autofree char *line = g_strdup_printf("cannot listen on the %s port after %d attempts: %s; free the address, "
							"or correct this server's line in the list of members",
							port_name(purpose), binding->failures, binding->failure);
		replica->hooks.fatal(replica->hooks.context, line);
		return;
	}
	pdk_replica_say(replica, PDK_LOG_WARNING, "cannot listen port=%s failure=\"%s\", tried again in 1 s", port_name(purpose),
			binding->failure);
	binding->at_us = replica->now_us + BIND_PAUSE_US;
}

void
pdk_replica_listening(PdkReplica *replica, PdkPurpose purpose, const char *failure)
{
	PdkBinding *binding = binding_of(replica, purpose);
	if (binding->awaited == 0)
		return;
	binding->awaited--;
	if (failure) {
		binding->failed++;
		g_free(binding->failure);
		binding->failure = g_strdup(failure);
	}
	if (binding->awaited > 0 || replica->stopping)
		return;
	if (binding->failed > 0)
		bind_failed(replica, purpose, binding);
	else
		binding->failures = 0;
}

static void
listen_when_due(PdkReplica *replica, PdkPurpose purpose)
{
	PdkBinding *binding = binding_of(replica, purpose);
	if (binding->at_us == 0)
		return;
	if (replica->now_us >= binding->at_us)
		pdk_replica_listen(replica, purpose, true);
	else
		pdk_replica_deadline(replica, binding->at_us);
}

void
pdk_replica_listen_turn(PdkReplica *replica)
{
	listen_when_due(replica, PDK_PURPOSE_QUORUM);
	listen_when_due(replica, PDK_PURPOSE_ELECTION);
	listen_when_due(replica, PDK_PURPOSE_OBSERVER);
}

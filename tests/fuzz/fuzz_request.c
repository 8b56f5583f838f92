/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any requests of two clients to a whole server, with time going on, syncs held back and connections lost;
 * then the server must recover from its txns, and from its last snapshot, to the same state.
 *
 * The first byte chooses settings. Then follow steps: a byte whose lowest three bits say what happens and
 * whose fourth says to which client; what carries bytes is followed by their count (one byte) and the bytes.
 */
#include "world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	STEP_REQUEST_0, /* 0..3: a frame is put around an opcode's number (one byte) and a body */
	STEP_REQUEST_1,
	STEP_REQUEST_2,
	STEP_REQUEST_3,
	STEP_BYTES,   /* as they are */
	STEP_TIME,    /* one byte, times 200 ms */
	STEP_SYNC,    /* one byte: so many txns become durable; 0: from now on all at once, or no longer */
	STEP_HANG_UP, /* one byte: even, and a new client comes; odd, and it comes with the old session */
};

typedef struct {
	const uint8_t *at, *end;
	World *world;
	Peer *peers[2];
	int32_t xid;
} Run;

static uint8_t
next_byte(Run *run)
{
	return run->at < run->end ? *run->at++ : 0;
}

static PdkSlice
next_bytes(Run *run)
{
	size_t length = next_byte(run), left = (size_t)(run->end - run->at);
	length = MIN(length, left);
	PdkSlice bytes = {run->at, (int32_t)length};
	run->at += length;
	return bytes;
}

static void
come_in(Run *run, int i, bool again)
{
	bool auto_sync = run->world->auto_sync;
	world_sync(run->world);
	run->world->auto_sync = true;
	Peer *old = run->peers[i];
	if (again && old)
		run->peers[i] = client_again(run->world, old, 10000);
	if (!run->peers[i] || !run->peers[i]->open)
		run->peers[i] = client_new(run->world);
	run->world->auto_sync = auto_sync;
}

static int32_t
opcode(uint8_t byte)
{
	static const int32_t far[] = {100, 101, 102, 103, 104, 105, 106, 107, -11, -10, -1};
	return byte < 32 ? byte : far[byte % G_N_ELEMENTS(far)];
}

static void
request(Run *run, Peer *peer)
{
	PdkSlice bytes = next_bytes(run);
	if (bytes.length == 0)
		return;
	PdkBuffer body = {0};
	pdk_buffer_append(&body, bytes.data + 1, (size_t)bytes.length - 1);
	peer_request(peer, ++run->xid, opcode(bytes.data[0]), &body);
}

static void
hang_up(Run *run, int i)
{
	uint8_t how = next_byte(run);
	if (how % 4 != 3) /* or the other one hears nothing of it, and the session moves */
		peer_hang_up(run->peers[i]);
	come_in(run, i, how % 2 == 1);
}

static void
sync(Run *run)
{
	uint8_t n = next_byte(run);
	if (n == 0)
		run->world->auto_sync = !run->world->auto_sync;
	else
		world_sync_some(run->world, n);
}

static void
step(Run *run)
{
	uint8_t what = next_byte(run);
	int i = what >> 3 & 1;
	if (!run->peers[i]->open)
		come_in(run, i, false);
	switch (what & 7) {
	case STEP_BYTES: {
		PdkSlice bytes = next_bytes(run);
		peer_send(run->peers[i], bytes.data, (size_t)bytes.length);
		break;
	}
	case STEP_TIME:
		world_advance(run->world, (int64_t)next_byte(run) * 200);
		break;
	case STEP_SYNC:
		sync(run);
		break;
	case STEP_HANG_UP:
		hang_up(run, i);
		break;
	default:
		request(run, run->peers[i]);
	}
}

static void
compare(World *world, WorldOrigin origin)
{
	g_autoptr(World) again = world_recovered(world, origin);
	g_autofree char *one = world_dump(world), *two = world_dump(again);
	g_assert_cmpstr(one, ==, two);
	g_assert_cmpuint(world_counter(again, "digest_mismatches_count"), ==, 0);
	pdk_tree_check(again->server->tree);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2 || size > 16384)
		return 0;
	g_autoptr(World) world = world_new();
	PdkSettings *settings = world->settings;
	settings->extended_types = data[0] & 1;
	settings->enforce_quota = data[0] & 2;
	settings->digest = !(data[0] & 4);
	settings->close_session_txn = !(data[0] & 8);
	settings->global_outstanding_limit = data[0] & 16 ? 3 : 1000;
	settings->snap_count = data[0] & 32 ? 8 : 100000;
	settings->max_client_cnxns = 0;
	settings->max_buffer_bytes = 4096;
	world->quiet = true;
	world_start(world);
	Run run = {data + 1, data + size, world, {NULL, NULL}, 0};
	come_in(&run, 0, false);
	come_in(&run, 1, false);
	while (run.at < run.end)
		step(&run);
	world_sync(world);
	compare(world, FROM_TXNS);
	compare(world, FROM_SNAPSHOT);
	return 0;
}

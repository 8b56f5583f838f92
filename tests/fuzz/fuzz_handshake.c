/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes on fresh connections of a whole server. The first byte says where the rest is cut in two, the
 * halves arriving one after the other; then the same bytes come in one piece, and the answers must be the
 * same.
 */
#include "world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static World *
begin(void)
{
	World *world = world_new();
	world->quiet = true;
	world_start(world);
	Peer *owner = client_new(world); /* a session to guess: its id and password are always the same */
	g_assert(owner->open);
	return world;
}

static GByteArray *
hear(World *world, const uint8_t *data, size_t size, size_t cut, bool *open)
{
	Peer *peer = peer_new(world, "127.0.0.1");
	g_assert(peer != NULL);
	peer_send(peer, data, cut);
	if (peer->open)
		peer_send(peer, data + cut, size - cut);
	*open = peer->open;
	return peer_take(peer);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > 4096)
		return 0;
	size_t cut = size > 1 ? data[0] % size : 0;
	bool open_one, open_two;
	g_autoptr(World) one = begin(), two = begin();
	g_autoptr(GByteArray) heard_one = hear(one, data + 1, size - 1, cut, &open_one);
	g_autoptr(GByteArray) heard_two = hear(two, data + 1, size - 1, 0, &open_two);
	g_assert(open_one == open_two);
	g_assert_cmpmem(heard_one->data, heard_one->len, heard_two->data, heard_two->len);
	return 0;
}

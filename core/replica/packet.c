/* SPDX-License-Identifier: Apache-2.0 */
/* How quorum packets are written, and cut from a stream that comes in any pieces. */
#include "replica/packet.h"

#define MOST_IDS 1024
#define LONGEST_IDS (1024 * 1024) /* schemes and ids together */
#define KEPT_CAPACITY (256 * 1024)

/* How far a packet goes in the bytes that are here. */
typedef struct {
	size_t wanted;   /* so many bytes are needed to know more; the packet's length when all of them are here */
	size_t data_end; /* good once the packet is whole */
	int32_t data_length;
	const char *mistake;
} Extent;

const char *
pdk_packet_name(int32_t type)
{
	static const char *const names[] = {
		[PDK_PACKET_REQUEST] = "REQUEST",
		[PDK_PACKET_PROPOSAL] = "PROPOSAL",
		[PDK_PACKET_ACK] = "ACK",
		[PDK_PACKET_COMMIT] = "COMMIT",
		[PDK_PACKET_PING] = "PING",
		[PDK_PACKET_REVALIDATE] = "REVALIDATE",
		[PDK_PACKET_SYNC] = "SYNC",
		[PDK_PACKET_INFORM] = "INFORM",
		[PDK_PACKET_COMMIT_AND_ACTIVATE] = "COMMITANDACTIVATE",
		[PDK_PACKET_NEWLEADER] = "NEWLEADER",
		[PDK_PACKET_FOLLOWERINFO] = "FOLLOWERINFO",
		[PDK_PACKET_UPTODATE] = "UPTODATE",
		[PDK_PACKET_DIFF] = "DIFF",
		[PDK_PACKET_TRUNC] = "TRUNC",
		[PDK_PACKET_SNAP] = "SNAP",
		[PDK_PACKET_OBSERVERINFO] = "OBSERVERINFO",
		[PDK_PACKET_LEADERINFO] = "LEADERINFO",
		[PDK_PACKET_ACKEPOCH] = "ACKEPOCH",
		[PDK_PACKET_INFORM_AND_ACTIVATE] = "INFORMANDACTIVATE",
	};
	bool known = type >= PDK_PACKET_REQUEST && type < (int32_t)G_N_ELEMENTS(names);
	return known ? names[type] : "?";
}

/* ---- cutting ---- */

void
pdk_packet_cutter_init(PdkPacketCutter *cutter, int32_t max_data)
{
	pdk_assert(max_data > 0);
	*cutter = (PdkPacketCutter){.max_data = max_data};
}

void
pdk_packet_cutter_clear(PdkPacketCutter *cutter)
{
	pdk_buffer_clear(&cutter->kept);
	cutter->given = false;
}

static bool
has(Extent *extent, size_t length, size_t until)
{
	extent->wanted = until;
	return length >= until;
}

/* Steps over a buffer or ustring of at most @longest bytes at `wanted`; its length goes to *@found. */
static bool
step_over(Extent *extent, const uint8_t *bytes, size_t length, int32_t longest, int32_t *found)
{
	size_t at = extent->wanted;
	if (!has(extent, length, at + 4))
		return false;
	*found = (int32_t)pdk_load_u32(bytes + at);
	if (*found < -1 || *found > longest) {
		extent->mistake = "a length that cannot be";
		return false;
	}
	return has(extent, length, at + 4 + (size_t)MAX(*found, 0));
}

static bool
step_over_ids(Extent *extent, const uint8_t *bytes, size_t length, int32_t longest)
{
	size_t at = extent->wanted;
	if (!has(extent, length, at + 4))
		return false;
	int32_t count = (int32_t)pdk_load_u32(bytes + at);
	if (count < -1 || count > MOST_IDS) {
		extent->mistake = "a count of ids that cannot be";
		return false;
	}
	for (int32_t i = 0; i < 2 * count; i++) { /* scheme, id, scheme, ... */
		int32_t found;
		if (!step_over(extent, bytes, length, longest, &found))
			return false;
		longest -= MAX(found, 0);
	}
	return true;
}

/* True: a whole packet begins at @bytes. */
static bool
measure(Extent *extent, const uint8_t *bytes, size_t length, int32_t max_data)
{
	*extent = (Extent){0};
	if (!has(extent, length, 4 + 8))
		return false;
	if (!step_over(extent, bytes, length, max_data, &extent->data_length))
		return false;
	extent->data_end = extent->wanted;
	return step_over_ids(extent, bytes, length, MIN(max_data, LONGEST_IDS));
}

static void
describe(PdkPacket *packet, const uint8_t *bytes, const Extent *extent)
{
	packet->type = (int32_t)pdk_load_u32(bytes);
	packet->zxid = (int64_t)pdk_load_u64(bytes + 4);
	packet->data = (PdkSlice){extent->data_length < 0 ? NULL : bytes + 4 + 8 + 4, extent->data_length};
	packet->auth = (PdkSlice){bytes + extent->data_end, (int32_t)(extent->wanted - extent->data_end)};
}

static PdkCut
refuse(PdkPacketCutter *cutter, const char *mistake, const char **why)
{
	cutter->bad = *why = mistake;
	return PDK_CUT_BAD;
}

static void
advance(const uint8_t **data, size_t *length, size_t taken)
{
	*data += taken;
	*length -= taken;
}

/* The packet handed out last is not needed any more. */
static void
release(PdkPacketCutter *cutter)
{
	cutter->given = false;
	cutter->kept.length = 0;
	if (cutter->kept.capacity > KEPT_CAPACITY)
		pdk_buffer_clear(&cutter->kept);
}

PdkCut
pdk_packet_cut(PdkPacketCutter *cutter, const uint8_t **data, size_t *length, PdkPacket *packet, const char **why)
{
	Extent extent;
	if (cutter->bad)
		return refuse(cutter, cutter->bad, why);
	if (cutter->given)
		release(cutter);
	if (cutter->kept.length == 0 && measure(&extent, *data, *length, cutter->max_data)) {
		describe(packet, *data, &extent);
		advance(data, length, extent.wanted);
		return PDK_CUT_PACKET;
	}
	while (!measure(&extent, cutter->kept.data, cutter->kept.length, cutter->max_data)) {
		if (extent.mistake)
			return refuse(cutter, extent.mistake, why);
		size_t taken = MIN(extent.wanted - cutter->kept.length, *length);
		if (taken == 0)
			return PDK_CUT_MORE;
		pdk_buffer_append(&cutter->kept, *data, taken);
		advance(data, length, taken);
	}
	describe(packet, cutter->kept.data, &extent);
	cutter->given = true;
	return PDK_CUT_PACKET;
}

/* ---- writing ---- */

static void
put_head(PdkBuffer *out, PdkPacketType type, int64_t zxid, const void *data, int32_t length)
{
	pdk_put_int(out, (int32_t)type);
	pdk_put_long(out, zxid);
	pdk_put_bytes(out, data, length);
}

void
pdk_put_packet(PdkBuffer *out, PdkPacketType type, int64_t zxid, const void *data, int32_t length)
{
	put_head(out, type, zxid, data, length);
	pdk_put_int(out, -1);
}

void
pdk_put_packet_auth(PdkBuffer *out, PdkPacketType type, int64_t zxid, const void *data, int32_t length, const void *auth,
		    size_t auth_length)
{
	pdk_assert(auth_length >= 4);
	put_head(out, type, zxid, data, length);
	pdk_buffer_append(out, auth, auth_length);
}

/* ---- LearnerInfo ---- */

bool
pdk_get_learner_info(PdkSlice data, PdkLearnerInfo *into)
{
	if (data.length != 8 && data.length != 12 && data.length != 20)
		return false;
	PdkJute jute = pdk_jute(data.data, (size_t)data.length, 0);
	into->sid = pdk_get_long(&jute);
	into->protocol = data.length >= 12 ? pdk_get_int(&jute) : PDK_PROTOCOL_OLD;
	into->config_version = data.length >= 20 ? pdk_get_long(&jute) : 0;
	return true;
}

void
pdk_put_learner_info(PdkBuffer *out, const PdkLearnerInfo *info)
{
	pdk_put_long(out, info->sid);
	pdk_put_int(out, info->protocol);
	pdk_put_long(out, info->config_version);
}

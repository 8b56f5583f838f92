/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets between leader and learner, and how they are cut from a stream. They have no outer length: the cutter reads field by
 * field and holds one unfinished packet at most. Source: zookeeper.jute (QuorumPacket), Leader.
 */
#ifndef PDK_REPLICA_PACKET_H
#define PDK_REPLICA_PACKET_H

#include "base/buffer.h"
#include "base/jute.h"

typedef enum {
	PDK_PACKET_REQUEST = 1,
	PDK_PACKET_PROPOSAL = 2,
	PDK_PACKET_ACK = 3,
	PDK_PACKET_COMMIT = 4,
	PDK_PACKET_PING = 5,
	PDK_PACKET_REVALIDATE = 6,
	PDK_PACKET_SYNC = 7,
	PDK_PACKET_INFORM = 8,
	PDK_PACKET_COMMIT_AND_ACTIVATE = 9,
	PDK_PACKET_NEWLEADER = 10,
	PDK_PACKET_FOLLOWERINFO = 11,
	PDK_PACKET_UPTODATE = 12,
	PDK_PACKET_DIFF = 13,
	PDK_PACKET_TRUNC = 14,
	PDK_PACKET_SNAP = 15,
	PDK_PACKET_OBSERVERINFO = 16,
	PDK_PACKET_LEADERINFO = 17,
	PDK_PACKET_ACKEPOCH = 18,
	PDK_PACKET_INFORM_AND_ACTIVATE = 19,
} PdkPacketType;

/* "PROPOSAL"; "?" for one that is not known. */
const char *pdk_packet_name(int32_t type);

/* Borrowed from the cutter or the stream until the next call. */
typedef struct {
	int32_t type;
	int64_t zxid;
	PdkSlice data;
	PdkSlice auth; /* the encoded vector<Id> as it stands behind the data, count included */
} PdkPacket;

typedef struct {
	PdkBuffer kept;    /* an unfinished packet */
	bool given;        /* what is kept was handed out as a packet */
	int32_t max_data;  /* longest data, bytes */
	const char *bad;   /* the mistake that was found; nothing is cut after it */
} PdkPacketCutter;

typedef enum {
	PDK_CUT_MORE,   /* all bytes were taken, the packet is not whole yet */
	PDK_CUT_PACKET,
	PDK_CUT_BAD,    /* not a packet: the connection is to be closed; *why is static text */
} PdkCut;

void pdk_packet_cutter_init(PdkPacketCutter *cutter, int32_t max_data);
void pdk_packet_cutter_clear(PdkPacketCutter *cutter);
/*
 * Takes bytes from *@data (moved, *@length lowered). After PACKET the rest stays with the caller: behind a SNAP it is not made
 * of packets. At most 1024 ids of 64 KiB each (scheme and id together) are taken.
 */
PdkCut pdk_packet_cut(PdkPacketCutter *cutter, const uint8_t **data, size_t *length, PdkPacket *packet, const char **why);

/* Appends a packet; @data NULL with @length -1: null data. Ids are null. */
void pdk_put_packet(PdkBuffer *out, PdkPacketType type, int64_t zxid, const void *data, int32_t length);
/* The same with ids: a jute vector<Id> as it is encoded (count first). */
void pdk_put_packet_auth(PdkBuffer *out, PdkPacketType type, int64_t zxid, const void *data, int32_t length, const void *auth,
			 size_t auth_length);

/* LearnerInfo. */
typedef struct {
	int64_t sid;
	int32_t protocol; /* 0x10000 */
	int64_t config_version;
} PdkLearnerInfo;
#define PDK_PROTOCOL_VERSION 0x10000
#define PDK_PROTOCOL_OLD 1 /* before ZAB 1.0: no version was sent */
/* 8, 12 or 20 bytes are taken (what is missing: the old protocol, configuration 0); false: none of these. */
bool pdk_get_learner_info(PdkSlice data, PdkLearnerInfo *into);
void pdk_put_learner_info(PdkBuffer *out, const PdkLearnerInfo *info);

#endif

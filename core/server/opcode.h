/* SPDX-License-Identifier: Apache-2.0 */
/* Request and txn types, as numbered on the wire. Source: ZooDefs.OpCode, Request. */
#ifndef PDK_SERVER_OPCODE_H
#define PDK_SERVER_OPCODE_H

#include <stdbool.h>
#include <stdint.h>

typedef enum {
	PDK_OP_CLOSE_SESSION = -11,
	PDK_OP_CREATE_SESSION = -10,
	PDK_OP_ERROR = -1,
	PDK_OP_CREATE = 1,
	PDK_OP_DELETE = 2,
	PDK_OP_EXISTS = 3,
	PDK_OP_GET_DATA = 4,
	PDK_OP_SET_DATA = 5,
	PDK_OP_GET_ACL = 6,
	PDK_OP_SET_ACL = 7,
	PDK_OP_GET_CHILDREN = 8,
	PDK_OP_SYNC = 9,
	PDK_OP_PING = 11,
	PDK_OP_GET_CHILDREN2 = 12,
	PDK_OP_CHECK = 13,
	PDK_OP_MULTI = 14,
	PDK_OP_CREATE2 = 15,
	PDK_OP_RECONFIG = 16,
	PDK_OP_CHECK_WATCHES = 17,
	PDK_OP_REMOVE_WATCHES = 18,
	PDK_OP_CREATE_CONTAINER = 19,
	PDK_OP_DELETE_CONTAINER = 20,
	PDK_OP_CREATE_TTL = 21,
	PDK_OP_MULTI_READ = 22,
	PDK_OP_AUTH = 100,
	PDK_OP_SET_WATCHES = 101,
	PDK_OP_SASL = 102,
	PDK_OP_GET_EPHEMERALS = 103,
	PDK_OP_GET_ALL_CHILDREN_NUMBER = 104,
	PDK_OP_SET_WATCHES2 = 105,
	PDK_OP_ADD_WATCH = 106,
	PDK_OP_WHO_AM_I = 107,
} PdkOpcode;

/* CreateMode flags. */
enum {
	PDK_MODE_PERSISTENT = 0,
	PDK_MODE_EPHEMERAL = 1,
	PDK_MODE_PERSISTENT_SEQUENTIAL = 2,
	PDK_MODE_EPHEMERAL_SEQUENTIAL = 3,
	PDK_MODE_CONTAINER = 4,
	PDK_MODE_TTL = 5,
	PDK_MODE_TTL_SEQUENTIAL = 6,
};

/* The xid of packets that are not ordinary requests. */
enum {
	PDK_XID_NOTIFICATION = -1,
	PDK_XID_PING = -2,
};

/* Does the request become a txn? (closeSession and reconfig included; multi too.) */
bool pdk_op_writes(int32_t op);
/* The four letters of `cons` ("lop"); "NA" for others. */
const char *pdk_op_letters(int32_t op);
/* Apache's name for op_count_<name>; NULL for an opcode that does not exist. */
const char *pdk_op_name(int32_t op);

#endif

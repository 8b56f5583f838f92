/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of each opcode by its number alone. */
#include "server/opcode.h"
#include <stddef.h>

typedef struct {
	int32_t op;
	bool writes;
	const char *letters, *name;
} Row;

static const Row rows[] = {
	{PDK_OP_CLOSE_SESSION, true, "CLOS", "close_session"},
	{PDK_OP_CREATE_SESSION, true, "SESS", "create_session"},
	{PDK_OP_CREATE, true, "CREA", "create"},
	{PDK_OP_DELETE, true, "DELE", "delete"},
	{PDK_OP_EXISTS, false, "EXIS", "exists"},
	{PDK_OP_GET_DATA, false, "GETD", "get_data"},
	{PDK_OP_SET_DATA, true, "SETD", "set_data"},
	{PDK_OP_GET_ACL, false, "GETA", "get_acl"},
	{PDK_OP_SET_ACL, true, "SETA", "set_acl"},
	{PDK_OP_GET_CHILDREN, false, "GETC", "get_children"},
	{PDK_OP_SYNC, false, "SYNC", "sync"},
	{PDK_OP_PING, false, "PING", "ping"},
	{PDK_OP_GET_CHILDREN2, false, "GETC", "get_children2"},
	{PDK_OP_CHECK, true, "CHEC", "check"},
	{PDK_OP_MULTI, true, "MULT", "multi"},
	{PDK_OP_CREATE2, true, "CREA", "create2"},
	{PDK_OP_RECONFIG, true, "RECO", "reconfig"},
	{PDK_OP_CHECK_WATCHES, false, "CHKW", "check_watches"},
	{PDK_OP_REMOVE_WATCHES, false, "REMW", "remove_watches"},
	{PDK_OP_CREATE_CONTAINER, true, "CREA", "create_container"},
	{PDK_OP_DELETE_CONTAINER, true, "DELE", "delete_container"},
	{PDK_OP_CREATE_TTL, true, "CREA", "create_ttl"},
	{PDK_OP_MULTI_READ, false, "MLTR", "multi_read"},
	{PDK_OP_AUTH, false, "NA", "auth"},
	{PDK_OP_SET_WATCHES, false, "SETW", "set_watches"},
	{PDK_OP_SASL, false, "NA", "sasl"},
	{PDK_OP_GET_EPHEMERALS, false, "GETE", "get_ephemerals"},
	{PDK_OP_GET_ALL_CHILDREN_NUMBER, false, "GETACN", "get_all_children_number"},
	{PDK_OP_SET_WATCHES2, false, "STW2", "set_watches2"},
	{PDK_OP_ADD_WATCH, false, "ADDW", "add_watch"},
	{PDK_OP_WHO_AM_I, false, "HOMI", "who_am_i"},
};

static const Row *
find(int32_t op)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (rows[i].op == op)
			return &rows[i];
	return NULL;
}

bool
pdk_op_writes(int32_t op)
{
	const Row *row = find(op);
	return row && row->writes;
}

const char *
pdk_op_letters(int32_t op)
{
	const Row *row = find(op);
	return row ? row->letters : "NA";
}

const char *
pdk_op_name(int32_t op)
{
	const Row *row = find(op);
	return row ? row->name : NULL;
}

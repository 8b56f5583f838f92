/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several operations as one txn: all or nothing, each checked against what the earlier ones leave behind.
 * Source: MultiOperationRecord, PrepRequestProcessor.pRequestHelper.
 */
#include "server/server-private.h"

typedef struct {
	int32_t type;
	bool done;
} Head;

static Head
read_head(PdkJute *in)
{
	Head head;
	head.type = pdk_get_int(in);
	head.done = pdk_get_bool(in);
	pdk_get_int(in);
	return head;
}

/*
 * What the operation is: the flags of a create may change it (a container by create). 0: nothing that multi
 * takes. Reads the record.
 */
static int32_t
operation_of(int32_t type, PdkJute *in)
{
	PdkSlice path = pdk_get_bytes(in);
	if (path.length < 0)
		return 0;
	switch (type) {
	case PDK_OP_DELETE:
	case PDK_OP_CHECK:
		pdk_get_int(in);
		return type;
	case PDK_OP_SET_DATA:
		pdk_get_bytes(in);
		pdk_get_int(in);
		return type;
	case PDK_OP_CREATE:
	case PDK_OP_CREATE2:
	case PDK_OP_CREATE_CONTAINER:
	case PDK_OP_CREATE_TTL:
		break;
	default:
		return 0;
	}
	pdk_get_bytes(in);
	pdk_access_skip(in);
	int32_t flags = pdk_get_int(in);
	bool ttl_mode = flags == PDK_MODE_TTL || flags == PDK_MODE_TTL_SEQUENTIAL;
	if (type == PDK_OP_CREATE_TTL)
		pdk_get_long(in);
	else if (ttl_mode)
		return 0;
	else if (flags == PDK_MODE_CONTAINER)
		return PDK_OP_CREATE_CONTAINER;
	return type;
}

/*
 * Reads the whole request once, so that nothing is begun that cannot be read; returns the number of
 * operations, -1: malformed. @operations (may be NULL) gets the opcodes.
 */
static int32_t
count_operations(PdkJute in, GByteArray *operations)
{
	int32_t count = 0;
	for (;;) {
		Head head = read_head(&in);
		if (in.failed)
			return -1;
		if (head.done)
			return count;
		guint8 operation = (guint8)operation_of(head.type, &in);
		if (operation == 0 || in.failed)
			return -1;
		if (operations)
			g_byte_array_append(operations, &operation, 1);
		count++;
	}
}

bool
pdk_multi_parses(PdkJute in, GByteArray **operations)
{
	*operations = g_byte_array_new();
	return count_operations(in, *operations) >= 0;
}

bool
pdk_multi_creates_ephemeral(PdkJute in)
{
	bool found = false;
	for (;;) {
		Head head = read_head(&in);
		if (in.failed || head.done)
			return found && !in.failed;
		PdkJute record = in;
		if (operation_of(head.type, &in) == 0)
			return false;
		found |= pdk_prep_creates_ephemeral(head.type, record);
	}
}

static void
put_error(PdkBuffer *out, PdkCode code)
{
	pdk_put_int(out, PDK_OP_ERROR);
	pdk_put_int(out, 4);
	pdk_put_int(out, code);
}

/* References that were taken since there were @kept of them. */
static void
drop_acls(PdkPrep *prep, uint32_t kept)
{
	PdkServer *server = prep->server;
	while (prep->acls > kept) {
		GArray *items = server->acls.items;
		pdk_acls_unref(pdk_tree_acls(server->tree), g_array_index(items, PdkAclId, items->len - 1));
		g_array_set_size(items, items->len - 1);
		prep->acls--;
	}
}

/*
 * Writes one operation as type + length + record; on a refusal the record is an error. A create2 is written
 * as a create, whose record is the same: 3.8.0 knows no create2 inside multi and would leave the rest of it
 * out when it replays.
 */
static PdkCode
one(PdkPrep *prep, PdkJute *in)
{
	PdkBuffer *out = &prep->server->scratch;
	Head head = read_head(in);
	PdkJute record = *in;
	int32_t op = operation_of(head.type, in);
	size_t mark = out->length;
	pdk_buffer_extend(out, 8);
	PdkCode code = pdk_prep_operation(prep, op, &record);
	if (code != PDK_OK) {
		out->length = mark;
		put_error(out, code);
		return code;
	}
	guint8 operation = (guint8)op;
	g_byte_array_append(prep->operations, &operation, 1);
	pdk_store_u32(out->data + mark, prep->txn_type == PDK_OP_CREATE2 ? PDK_OP_CREATE : (uint32_t)prep->txn_type);
	pdk_store_u32(out->data + mark + 4, (uint32_t)(out->length - mark - 8));
	return PDK_OK;
}

PdkCode
pdk_prep_multi(PdkPrep *prep, PdkJute *in)
{
	PdkServer *server = prep->server;
	int32_t count = count_operations(*in, NULL);
	if (count < 0)
		return PDK_ERR_MARSHALLING;
	size_t mark = pdk_pendings_mark(server->pendings);
	uint32_t acls = prep->acls;
	prep->operations = g_byte_array_sized_new((guint)count);
	pdk_put_int(&server->scratch, count);
	PdkCode code = PDK_OK;
	for (int32_t i = 0; i < count; i++) {
		if (code != PDK_OK)
			put_error(&server->scratch, PDK_ERR_RUNTIME_INCONSISTENCY);
		else
			code = one(prep, in);
	}
	if (code != PDK_OK) {
		pdk_pendings_rollback(server->pendings, mark);
		drop_acls(prep, acls);
	}
	prep->txn_type = PDK_OP_MULTI;
	/*
	 * Only refusals have a place in the answer; what cannot be read (a null id, a broken quota) fails the
	 * request.
	 */
	return code == PDK_ERR_MARSHALLING ? code : PDK_OK;
}

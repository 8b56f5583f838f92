/* SPDX-License-Identifier: Apache-2.0 */
/* Writes by chance, on few enough paths that they meet. Changes when a kind of write comes or goes. */
#include "random_writes.h"

#define CHANCE(of_100) (pdk_random_below(random, 100) < (of_100))

static char *
random_path(PdkRandom *random)
{
	static const char *const odd[] = {"/", "/zookeeper", "bad", "/n1/", "/zookeeper/config",
					  "",  "/n1//x"};
	if (CHANCE(4))
		return g_strdup(odd[pdk_random_below(random, G_N_ELEMENTS(odd))]);
	GString *path = g_string_new(NULL);
	unsigned depth = 1 + (unsigned)pdk_random_below(random, 3);
	for (unsigned i = 0; i < depth; i++)
		g_string_append_printf(path, "/n%u", (unsigned)pdk_random_below(random, i == 0 ? 6 : 4));
	return g_string_free(path, FALSE);
}

static char *
random_data(PdkRandom *random)
{
	if (CHANCE(10))
		return NULL;
	size_t length = CHANCE(5) ? 4000 + pdk_random_below(random, 3000) : pdk_random_below(random, 60);
	return g_strnfill(length, (char)('a' + pdk_random_below(random, 26)));
}

static const char *
random_acl(PdkRandom *random)
{
	static const char *const lists[] = {
		"31 world anyone", "1 world anyone", "31 auth ", "31 world anyone, 1 ip 10.0.0.0/8",
		"31 ip 127.0.0.1", "15 world anyone, 31 digest u:x=",
	};
	return CHANCE(75) ? OPEN : lists[pdk_random_below(random, G_N_ELEMENTS(lists))];
}

static int32_t
random_version(PdkRandom *random)
{
	return CHANCE(80) ? -1 : (int32_t)pdk_random_below(random, 3);
}

static PdkBuffer
random_create(PdkRandom *random, int32_t *op)
{
	g_autofree char *path = random_path(random);
	g_autofree char *data = random_data(random);
	unsigned kind = (unsigned)pdk_random_below(random, 20);
	int32_t flags = (int32_t)pdk_random_below(random, CHANCE(30) ? 4 : 2);
	*op = kind < 10 ? PDK_OP_CREATE : PDK_OP_CREATE2;
	if (kind == 18) {
		*op = PDK_OP_CREATE_CONTAINER;
		flags = PDK_MODE_CONTAINER;
	} else if (kind == 19) {
		*op = PDK_OP_CREATE_TTL;
		flags = CHANCE(50) ? PDK_MODE_TTL : PDK_MODE_TTL_SEQUENTIAL;
	}
	PdkBuffer body = body_create(path, data, random_acl(random), flags);
	if (*op == PDK_OP_CREATE_TTL)
		pdk_put_long(&body, 1 + (int64_t)pdk_random_below(random, 1000000));
	return body;
}

static PdkBuffer
random_single(PdkRandom *random, int32_t *op, bool in_multi)
{
	if (CHANCE(50))
		return random_create(random, op);
	g_autofree char *path = random_path(random);
	unsigned kind = (unsigned)pdk_random_below(random, 20);
	if (kind < 9) {
		*op = PDK_OP_DELETE;
		return body_path_int(path, random_version(random));
	}
	if (kind < 17) {
		g_autofree char *data = random_data(random);
		*op = PDK_OP_SET_DATA;
		return body_set(path, data, random_version(random));
	}
	if (in_multi) {
		*op = PDK_OP_CHECK;
		return body_path_int(path, random_version(random));
	}
	*op = PDK_OP_SET_ACL;
	PdkBuffer body = body_path(path);
	put_acl(&body, random_acl(random));
	pdk_put_int(&body, random_version(random));
	return body;
}

PdkBuffer
random_write(PdkRandom *random, int32_t *op)
{
	if (!CHANCE(20))
		return random_single(random, op, false);
	PdkBuffer multi = {0};
	for (uint64_t n = pdk_random_below(random, 5); n > 0; n--) {
		int32_t part;
		PdkBuffer body = random_single(random, &part, true);
		put_operation(&multi, part, body);
	}
	put_multi_end(&multi);
	*op = PDK_OP_MULTI;
	return multi;
}

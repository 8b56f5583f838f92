/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The C client library of Apache ZooKeeper at work; changes when we ask more of it. Called with host:port. It
 * writes "restart" and reads a line when it wants the server killed and started; a case that fails ends it with 1.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <zookeeper/zookeeper.h>

#define CHECK(condition)                                                                                           \
	do {                                                                                                       \
		if (!(condition)) {                                                                                \
			printf("FAILED line %d: %s\n", __LINE__, #condition);                                      \
			exit(1);                                                                                   \
		}                                                                                                  \
	} while (0)

enum { LIMIT_S = 30, EVENTS = 64 };

/* What the watcher heard, shared with the library's threads. */
typedef struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int types[EVENTS], states[EVENTS];
	char paths[EVENTS][64];
	int n, completions;
	int last_rc;
} Heard;

static void
hear(zhandle_t *zk, int type, int state, const char *path, void *context)
{
	Heard *heard = context;
	(void)zk;
	pthread_mutex_lock(&heard->lock);
	if (heard->n < EVENTS) {
		heard->types[heard->n] = type;
		heard->states[heard->n] = state;
		snprintf(heard->paths[heard->n], sizeof(heard->paths[0]), "%s", path ? path : "");
		heard->n++;
	}
	pthread_cond_broadcast(&heard->changed);
	pthread_mutex_unlock(&heard->lock);
}

/* Waits for an event of @type (and @state, 0: any) on @path (NULL: any) among those not yet taken; takes it. */
static bool
await(Heard *heard, int type, int state, const char *path)
{
	struct timespec end;
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += LIMIT_S;
	bool found = false;
	pthread_mutex_lock(&heard->lock);
	for (int at = 0; !found;) {
		for (; at < heard->n && !found; at++) {
			found = heard->types[at] == type && (state == 0 || heard->states[at] == state) &&
				(path == NULL || strcmp(heard->paths[at], path) == 0);
			if (found)
				heard->types[at] = 0;
		}
		if (!found && pthread_cond_timedwait(&heard->changed, &heard->lock, &end) != 0)
			break;
	}
	pthread_mutex_unlock(&heard->lock);
	return found;
}

static zhandle_t *
connect_to(const char *address, Heard *heard, const clientid_t *id)
{
	*heard = (Heard){.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
	zhandle_t *zk = zookeeper_init(address, hear, 20000, id, heard, 0);
	CHECK(zk != NULL);
	CHECK(await(heard, ZOO_SESSION_EVENT, ZOO_CONNECTED_STATE, NULL));
	return zk;
}

static void
nodes(zhandle_t *zk)
{
	char path[64], data[64];
	int length = sizeof(data);
	struct Stat stat;
	CHECK(zoo_create(zk, "/c", "hello", 5, &ZOO_OPEN_ACL_UNSAFE, 0, path, sizeof(path)) == ZOK);
	CHECK(strcmp(path, "/c") == 0);
	CHECK(zoo_create(zk, "/c", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0) == ZNODEEXISTS);
	CHECK(zoo_get(zk, "/c", 0, data, &length, &stat) == ZOK);
	CHECK(length == 5 && memcmp(data, "hello", 5) == 0 && stat.version == 0 && stat.dataLength == 5);
	CHECK(zoo_set2(zk, "/c", "new", 3, 0, &stat) == ZOK && stat.version == 1);
	CHECK(zoo_set(zk, "/c", "new", 3, 0) == ZBADVERSION);
	CHECK(zoo_get(zk, "/none", 0, data, &length, &stat) == ZNONODE);
	CHECK(zoo_exists(zk, "/none", 0, &stat) == ZNONODE);
	for (int i = 0; i < 3; i++) {
		CHECK(zoo_create2(zk, "/c/s-", NULL, -1, &ZOO_OPEN_ACL_UNSAFE, ZOO_SEQUENCE, path, sizeof(path), &stat) ==
		      ZOK);
	}
	CHECK(strcmp(path, "/c/s-0000000002") == 0 && stat.czxid == stat.mzxid);
	length = sizeof(data);
	CHECK(zoo_get(zk, path, 0, data, &length, &stat) == ZOK && length == -1);
	struct String_vector children;
	CHECK(zoo_get_children2(zk, "/c", 0, &children, &stat) == ZOK && children.count == 3 && stat.numChildren == 3);
	deallocate_String_vector(&children);
	CHECK(zoo_delete(zk, "/c", -1) == ZNOTEMPTY);
	CHECK(zoo_delete(zk, path, 5) == ZBADVERSION);
	CHECK(zoo_delete(zk, path, 0) == ZOK);
	CHECK(zoo_create2_ttl(zk, "/c/ttl", "x", 1, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT_WITH_TTL, 100000, path,
			      sizeof(path), &stat) == ZOK);
	CHECK(zoo_create(zk, "/c/box", "x", 1, &ZOO_OPEN_ACL_UNSAFE, ZOO_CONTAINER, path, sizeof(path)) == ZOK);
	printf("ok     nodes\n");
}

static void
lists(zhandle_t *zk, const char *address)
{
	Heard heard;
	char data[16];
	int length = sizeof(data);
	struct Stat stat;
	struct ACL_vector acl;
	CHECK(zoo_add_auth(zk, "digest", "bob:pw", 6, NULL, NULL) == ZOK);
	CHECK(zoo_create(zk, "/mine", "x", 1, &ZOO_CREATOR_ALL_ACL, 0, NULL, 0) == ZOK);
	CHECK(zoo_get_acl(zk, "/mine", &acl, &stat) == ZOK && acl.count == 1 && acl.data[0].perms == ZOO_PERM_ALL);
	CHECK(strcmp(acl.data[0].id.scheme, "digest") == 0 && strncmp(acl.data[0].id.id, "bob:", 4) == 0);
	deallocate_ACL_vector(&acl);
	zhandle_t *other = connect_to(address, &heard, NULL);
	CHECK(zoo_get(other, "/mine", 0, data, &length, &stat) == ZNOAUTH);
	CHECK(zoo_create(other, "/theirs", "x", 1, &ZOO_CREATOR_ALL_ACL, 0, NULL, 0) == ZINVALIDACL);
	CHECK(zoo_set_acl(zk, "/mine", 0, &ZOO_OPEN_ACL_UNSAFE) == ZOK);
	length = sizeof(data);
	CHECK(zoo_get(other, "/mine", 0, data, &length, &stat) == ZOK && stat.aversion == 1);
	CHECK(zookeeper_close(other) == ZOK);
	printf("ok     permissions\n");
}

static void
watches(zhandle_t *zk, const char *address)
{
	Heard heard, session;
	zhandle_t *other = connect_to(address, &session, NULL);
	heard = (Heard){.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
	struct Stat stat;
	struct String_vector children;
	CHECK(zoo_wexists(other, "/w", hear, &heard, &stat) == ZNONODE);
	CHECK(zoo_create(zk, "/w", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0) == ZOK);
	CHECK(await(&heard, ZOO_CREATED_EVENT, ZOO_CONNECTED_STATE, "/w"));
	CHECK(zoo_wget_children(other, "/w", hear, &heard, &children) == ZOK && children.count == 0);
	deallocate_String_vector(&children);
	CHECK(zoo_create(zk, "/w/k", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0) == ZOK);
	CHECK(await(&heard, ZOO_CHILD_EVENT, ZOO_CONNECTED_STATE, "/w"));
	char data[16];
	int length = sizeof(data);
	CHECK(zoo_wget(other, "/w/k", hear, &heard, data, &length, &stat) == ZOK);
	CHECK(zoo_set(zk, "/w/k", "x", 1, -1) == ZOK);
	CHECK(await(&heard, ZOO_CHANGED_EVENT, ZOO_CONNECTED_STATE, "/w/k"));
	CHECK(zoo_wexists(other, "/w/k", hear, &heard, &stat) == ZOK);
	CHECK(zoo_delete(zk, "/w/k", -1) == ZOK);
	CHECK(await(&heard, ZOO_DELETED_EVENT, ZOO_CONNECTED_STATE, "/w/k"));
	CHECK(zoo_remove_watches(other, "/w", ZWATCHTYPE_ANY, hear, &heard, 0) == ZNOWATCHER);
	CHECK(zookeeper_close(other) == ZOK);
	printf("ok     watches\n");
}

static void
transactions(zhandle_t *zk)
{
	char first[64], second[64];
	struct Stat stat;
	zoo_op_t ops[4];
	zoo_op_result_t results[4];
	zoo_create_op_init(&ops[0], "/m", "x", 1, &ZOO_OPEN_ACL_UNSAFE, 0, first, sizeof(first));
	zoo_create_op_init(&ops[1], "/m/k", "x", 1, &ZOO_OPEN_ACL_UNSAFE, ZOO_SEQUENCE, second, sizeof(second));
	zoo_set_op_init(&ops[2], "/m", "y", 1, 0, &stat);
	zoo_check_op_init(&ops[3], "/m", 1);
	CHECK(zoo_multi(zk, 4, ops, results) == ZOK);
	CHECK(strcmp(first, "/m") == 0 && strcmp(second, "/m/k0000000000") == 0 && stat.version == 1);
	zoo_delete_op_init(&ops[0], "/m/k0000000000", -1);
	zoo_delete_op_init(&ops[1], "/m", 9);
	zoo_delete_op_init(&ops[2], "/m", -1);
	CHECK(zoo_multi(zk, 3, ops, results) == ZBADVERSION);
	CHECK(results[0].err == ZOK && results[1].err == ZBADVERSION && results[2].err == ZRUNTIMEINCONSISTENCY);
	CHECK(zoo_exists(zk, "/m/k0000000000", 0, &stat) == ZOK);
	printf("ok     transactions\n");
}

static void
complete(int rc, const struct Stat *stat, const void *context)
{
	Heard *heard = (Heard *)context;
	(void)stat;
	pthread_mutex_lock(&heard->lock);
	heard->completions++;
	if (rc != ZOK)
		heard->last_rc = rc;
	pthread_cond_broadcast(&heard->changed);
	pthread_mutex_unlock(&heard->lock);
}

static void
many_in_flight(zhandle_t *zk)
{
	enum { N = 2000 };
	Heard heard = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
	CHECK(zoo_create(zk, "/flight", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0) == ZOK);
	for (int i = 0; i < N; i++)
		CHECK(zoo_aset(zk, "/flight", "x", 1, i, complete, &heard) == ZOK);
	struct timespec end;
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += LIMIT_S;
	pthread_mutex_lock(&heard.lock);
	while (heard.completions < N && pthread_cond_timedwait(&heard.changed, &heard.lock, &end) == 0)
		continue;
	CHECK(heard.completions == N && heard.last_rc == ZOK);
	pthread_mutex_unlock(&heard.lock);
	printf("ok     many requests in flight\n");
}

static void
restarts(const char *address)
{
	Heard heard, watched = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
	zhandle_t *zk = connect_to(address, &heard, NULL);
	struct Stat stat;
	CHECK(zoo_create(zk, "/kept", "x", 1, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, NULL, 0) == ZOK);
	CHECK(zoo_wexists(zk, "/kept", hear, &watched, &stat) == ZOK);
	CHECK(zoo_wexists(zk, "/later", hear, &watched, &stat) == ZNONODE);
	int64_t session = zoo_client_id(zk)->client_id;
	char line[16];
	printf("restart\n");
	fflush(stdout);
	CHECK(fgets(line, sizeof(line), stdin) != NULL);
	CHECK(await(&heard, ZOO_SESSION_EVENT, ZOO_CONNECTING_STATE, NULL));
	CHECK(await(&heard, ZOO_SESSION_EVENT, ZOO_CONNECTED_STATE, NULL));
	CHECK(zoo_client_id(zk)->client_id == session);
	CHECK(zoo_exists(zk, "/kept", 0, &stat) == ZOK && stat.ephemeralOwner == session);
	Heard other_heard;
	zhandle_t *other = connect_to(address, &other_heard, NULL);
	CHECK(zoo_set(other, "/kept", "y", 1, -1) == ZOK);
	CHECK(await(&watched, ZOO_CHANGED_EVENT, ZOO_CONNECTED_STATE, "/kept"));
	CHECK(zoo_create(other, "/later", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0) == ZOK);
	CHECK(await(&watched, ZOO_CREATED_EVENT, ZOO_CONNECTED_STATE, "/later"));
	CHECK(zookeeper_close(zk) == ZOK);
	CHECK(zoo_exists(other, "/kept", 0, &stat) == ZNONODE);
	CHECK(zookeeper_close(other) == ZOK);
	printf("ok     a session and its watches outlive the server's process\n");
}

static void
wrong_password(const char *address)
{
	Heard heard = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
	clientid_t id = {.client_id = 0x123456789abcde, .passwd = "no"};
	zhandle_t *zk = zookeeper_init(address, hear, 20000, &id, &heard, 0);
	CHECK(zk != NULL);
	CHECK(await(&heard, ZOO_SESSION_EVENT, ZOO_EXPIRED_SESSION_STATE, NULL));
	zookeeper_close(zk);
	printf("ok     an unknown session is told to be expired\n");
}

int
main(int argc, char **argv)
{
	if (argc != 2)
		return 99;
	setvbuf(stdout, NULL, _IOLBF, 0);
	zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
	zoo_deterministic_conn_order(1);
	Heard heard;
	zhandle_t *zk = connect_to(argv[1], &heard, NULL);
	nodes(zk);
	lists(zk, argv[1]);
	watches(zk, argv[1]);
	transactions(zk);
	many_in_flight(zk);
	CHECK(zookeeper_close(zk) == ZOK);
	restarts(argv[1]);
	wrong_password(argv[1]);
	return 0;
}

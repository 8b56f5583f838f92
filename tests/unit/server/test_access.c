/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proves who may do what: auth packets, ACL lists as they are fixed, shown and checked, and enforced
 * authentication.
 */
#include "suite.h"
#include "world.h"

/* "user:password" hashed, as `printf %s u:p | openssl sha1 -binary | base64` tells. */
static char *
digest_id(const char *user_password)
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA1);
	guint8 hash[20];
	gsize length = sizeof hash;
	g_checksum_update(sum, (const guchar *)user_password, -1);
	g_checksum_get_digest(sum, hash, &length);
	g_autofree char *text = g_base64_encode(hash, length);
	return g_strdup_printf("%.*s:%s", (int)strcspn(user_password, ":"), user_password, text);
}

/* The list as getACL shows it, like put_acl takes it; or "err N". */
static char *
acl_of(Peer *peer, const char *path)
{
	PdkBuffer body = body_path(path);
	int code = call(peer, PDK_OP_GET_ACL, &body);
	if (code != PDK_OK)
		return g_strdup_printf("err %d", code);
	GString *text = g_string_new(NULL);
	int32_t count = pdk_get_int(&peer->body);
	for (int32_t i = 0; i < count; i++) {
		int32_t perms = pdk_get_int(&peer->body);
		g_autofree char *scheme = get_text(&peer->body), *id = get_text(&peer->body);
		g_string_append_printf(text, "%s%d %s %s", i ? ", " : "", perms, scheme, id);
	}
	get_stat(&peer->body);
	g_assert(pdk_jute_left(&peer->body) == 0);
	return g_string_free(text, FALSE);
}

/* ---- auth packets ---- */

static void
an_auth_packet_adds_an_identity(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	peer_send_hex(peer, "0000001d fffffffc 00000064 00000000 00000006 646967657374 00000003 753a70");
	YES(peer_got_hex(peer, "00000010 fffffffc 0000000000000000 00000000"));
	g_autofree char *id = digest_id("u:p");
	g_autofree char *acl = g_strdup_printf("31 digest %s", id);
	OK(do_create_as(peer, PDK_OP_CREATE, "/mine", "", "31 auth ", 0));
	YES(same_text(acl_of(peer, "/mine"), acl));
	Peer *other = client_new(world);
	EQ(do_get(other, "/mine", false), PDK_ERR_NO_AUTH);
	OK(do_auth(other, "digest", "u:p"));
	OK(do_get(other, "/mine", false));
}

static void
failed_authentication_is_told_and_ends_the_connection(void)
{
	static const char *const schemes[] = {"nope", "world", "auth", "super", "sasl", "", NULL};
	g_autoptr(World) world = world_running();
	for (guint i = 0; i < G_N_ELEMENTS(schemes); i++) {
		Peer *peer = client_new(world);
		EQ(do_auth(peer, schemes[i], "x"), PDK_ERR_AUTH_FAILED);
		EQ(peer->zxid, 0);
		NO(peer->open);
		YES(peer->flushed);
	}
	Peer *peer = client_new(world);
	EQ(do_auth(peer, "digest", NULL), PDK_ERR_AUTH_FAILED);
	NO(peer->open);
}

static void
the_scheme_ip_takes_any_auth_data(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	OK(do_auth(peer, "ip", "whatever"));
	OK(do_auth(peer, "ip", NULL));
}

static char *
who_am_i(Peer *peer)
{
	int code = call(peer, PDK_OP_WHO_AM_I, NULL);
	if (code != PDK_OK)
		return g_strdup_printf("err %d", code);
	GString *text = g_string_new(NULL);
	for (int32_t n = pdk_get_int(&peer->body); n > 0; n--) {
		g_autofree char *scheme = get_text(&peer->body), *user = get_text(&peer->body);
		g_string_append_printf(text, "%s=%s;", scheme, user);
	}
	return g_string_free(text, FALSE);
}

static void
who_am_i_tells_every_identity_once(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	SAME(who_am_i(peer), "ip=127.0.0.1;");
	OK(do_auth(peer, "digest", "u:p"));
	OK(do_auth(peer, "digest", "u:p"));
	OK(do_auth(peer, "digest", "v"));
	SAME(who_am_i(peer), "ip=127.0.0.1;digest=u;digest=v;");
}

static void
the_superuser_passes_every_check(void)
{
	g_autoptr(World) world = world_new();
	world->super_digest = digest_id("super:secret");
	world_start(world);
	Peer *peer = client_new(world), *super = client_new(world);
	OK(do_create_as(peer, PDK_OP_CREATE, "/locked", "", "1 ip 10.9.9.9", 0));
	EQ(do_get(peer, "/locked", false), PDK_ERR_NO_AUTH);
	EQ(do_get(super, "/locked", false), PDK_ERR_NO_AUTH);
	OK(do_auth(super, "digest", "super:secret"));
	OK(do_get(super, "/locked", false));
	OK(do_set(super, "/locked", "", -1));
	OK(do_set_acl(super, "/locked", "1 ip 10.9.9.9", -1));
	OK(do_set(super, "/zookeeper/config", "x", -1));
	EQ(do_delete(super, "/zookeeper/config", -1), -8);
	char *who = who_am_i(super);
	YES(strstr(who, "super=;") != NULL);
	g_free(who);
	OK(do_auth(peer, "digest", "super:wrong"));
	EQ(do_get(peer, "/locked", false), PDK_ERR_NO_AUTH);
}

static void
skip_acl_checks_nothing(void)
{
	g_autoptr(World) world = world_new();
	world->settings->skip_acl = true;
	world_start(world);
	Peer *peer = client_new(world);
	OK(do_create_as(peer, PDK_OP_CREATE, "/locked", "", "1 ip 10.9.9.9", 0));
	OK(do_set(peer, "/locked", "", -1));
}

/* ---- lists ---- */

static void
lists_are_fixed_as_the_sheet_says(void)
{
	static const struct {
		const char *acl;
		int wanted;
	} rows[] = {
		{"31 world anyone", 0},
		{"31 world someone", -114},
		{"31 world ", -114},
		{"0 world anyone", 0},
		{"31 ip 127.0.0.1", 0},
		{"31 ip 10.0.0.0/8", 0},
		{"31 ip 10.0.0.0/33", -114},
		{"31 ip 10.0.0", -114},
		{"31 ip ::1", 0},
		{"31 ip fe80::/10", 0},
		{"31 ip ::1/129", -114},
		{"31 ip x", -114},
		{"31 digest u:h", 0},
		{"31 digest :h", 0},
		{"31 digest u:h:", 0},
		{"31 digest u:", -114},
		{"31 digest u:h:x", -114},
		{"31 digest u", -114},
		{"31 digest ", -114},
		{"31 nope x", -114},
		{"31 super ", -114},
		{"31 - x", -114},
		{"31 world -", -5},
		{"31 ip -", -5},
		{"31 digest -", -5},
		{"31 auth ", -114},
		{"31 auth x, 31 world anyone", -114},
		{"31 world anyone, 31 nope x", -114},
	};
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	OK(do_create(peer, "/a", "", 0));
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		int code = do_set_acl(peer, "/a", rows[i].acl, -1);
		if (code != rows[i].wanted)
			printf("\n  %s gave %d, wanted %d\n", rows[i].acl, code, rows[i].wanted);
		EQ(code, rows[i].wanted);
		if (code == PDK_OK) /* so that it can be changed again */
			peer->world->server->connections[(uint32_t)peer->link]->super = true;
	}
}

static void
duplicates_go_and_the_order_stays(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	OK(do_create_as(peer, PDK_OP_CREATE, "/a", "",
			"31 world anyone, 1 ip 10.0.0.1, 31 world anyone, 2 ip 10.0.0.1, 1 ip 10.0.0.1", 0));
	SAME(acl_of(peer, "/a"), "31 world anyone, 1 ip 10.0.0.1, 2 ip 10.0.0.1");
}

static void
auth_stands_for_all_who_the_client_is(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	EQ(do_create_as(peer, PDK_OP_CREATE, "/a", "", "31 auth ", 0),
	   PDK_ERR_INVALID_ACL); /* ip names no person */
	OK(do_auth(peer, "digest", "u:p"));
	OK(do_auth(peer, "digest", "v:q"));
	g_autofree char *u = digest_id("u:p"), *v = digest_id("v:q");
	OK(do_create_as(peer, PDK_OP_CREATE, "/a", "", "1 auth ignored, 2 auth , 1 world anyone", 0));
	g_autofree char *wanted = g_strdup_printf(
		"1 digest %s, 1 digest %s, 2 digest %s, 2 digest %s, 1 world anyone", u, v, u, v);
	peer->world->server->connections[(uint32_t)peer->link]->super = true;
	YES(same_text(acl_of(peer, "/a"), wanted));
}

static void
get_acl_masks_digests_from_those_without_admin(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world), *admin = client_new(world);
	OK(do_auth(admin, "digest", "u:p"));
	g_autofree char *id = digest_id("u:p");
	g_autofree char *acl = g_strdup_printf("1 world anyone, 31 digest %s", id);
	OK(do_create_as(admin, PDK_OP_CREATE, "/a", "", acl, 0));
	SAME(acl_of(peer, "/a"), "1 world anyone, 31 digest u:x");
	YES(same_text(acl_of(admin, "/a"), acl));
	OK(do_create_as(admin, PDK_OP_CREATE, "/b", "", "16 world anyone", 0));
	SAME(acl_of(peer, "/b"), "16 world anyone"); /* ADMIN is enough */
	OK(do_create_as(admin, PDK_OP_CREATE, "/c", "", "14 world anyone", 0));
	SAME(acl_of(peer, "/c"), "err -102");
	SAME(acl_of(peer, "/"), "31 world anyone");
	SAME(acl_of(peer, "/zookeeper/config"), "1 world anyone");
}

/*
 * Which of these may one do who has just @perms: create, delete, set, get, children, exists, setACL, count.
 */
static void
try_perms(int perms, const char *wanted)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	OK(do_create(peer, "/p", "", 0));
	OK(do_create(peer, "/p/c", "", 0));
	g_autofree char *acl = g_strdup_printf("%d world anyone", perms);
	OK(do_set_acl(peer, "/p", acl, -1));
	g_autoptr(GString) may = g_string_new(NULL);
#define TRY(letter, call_)                                                                                   \
	do {                                                                                                 \
		int code_ = call_;                                                                           \
		YES(code_ == PDK_OK || code_ == PDK_ERR_NO_AUTH);                                            \
		if (code_ == PDK_OK)                                                                         \
			g_string_append_c(may, letter);                                                      \
	} while (0)
	TRY('c', do_create(peer, "/p/new", "", 0));
	TRY('d', do_delete(peer, "/p/c", -1));
	TRY('s', do_set(peer, "/p", "", -1));
	TRY('g', do_get(peer, "/p", true));
	TRY('l', do_children(peer, "/p", true));
	TRY('e', do_exists(peer, "/p", true));
	PdkBuffer body = body_path("/p");
	TRY('n', call(peer, PDK_OP_GET_ALL_CHILDREN_NUMBER, &body));
	TRY('a', do_set_acl(peer, "/p", OPEN, -1));
#undef TRY
	SAME(g_strdup(may->str), wanted);
}

static void
each_permission_allows_what_the_sheet_says(void)
{
	try_perms(0, "");
	try_perms(PDK_PERM_READ, "glen");
	try_perms(PDK_PERM_WRITE, "s");
	try_perms(PDK_PERM_CREATE, "c");
	try_perms(PDK_PERM_DELETE, "d");
	try_perms(PDK_PERM_ADMIN, "a");
	try_perms(PDK_PERM_ALL, "cdsglena");
}

static void
addresses_match_by_their_masked_bits(void)
{
	static const struct {
		const char *address, *id;
		bool wanted;
	} rows[] = {
		{"10.1.2.3", "10.1.2.3", true},
		{"10.1.2.3", "10.1.2.4", false},
		{"10.1.2.3", "10.0.0.0/8", true},
		{"11.1.2.3", "10.0.0.0/8", false},
		{"10.1.2.3", "10.1.2.2/31", true},
		{"1.2.3.4", "9.9.9.9/0", true},
		{"::1", "::1", true},
		{"fe80::1", "fe80::/10", true},
		{"::1", "0.0.0.0/0", false},
		{"10.1.2.3", "::/0", false},
	};
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *acl = g_strdup_printf("1 ip %s", rows[i].id),
				*path = g_strdup_printf("/n%u", i);
		OK(do_create_as(peer, PDK_OP_CREATE, path, "", acl, 0));
		Peer *other = peer_new(world, rows[i].address);
		YES(peer_hello(other, 10000, 0, 0, NULL));
		EQ(do_get(other, path, false), rows[i].wanted ? PDK_OK : PDK_ERR_NO_AUTH);
	}
}

static void
a_write_is_judged_by_the_list_in_flight_before_it(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	OK(do_create(peer, "/a", "", 0));
	world->auto_sync = false;
	EQ(do_set_acl(peer, "/a", "17 world anyone", -1), CALL_PENDING);
	EQ(do_set(peer, "/a", "x", -1), CALL_PENDING);
	EQ(do_set_acl(peer, "/a", "31 world anyone", -1), CALL_PENDING);
	EQ(do_set(peer, "/a", "y", -1), CALL_PENDING);
	world_sync(world);
	static const int wanted[] = {PDK_OK, PDK_ERR_NO_AUTH, PDK_OK, PDK_OK};
	for (int i = 0; i < 4; i++)
		YES(peer_reply(peer) && peer->err == wanted[i]);
}

static void
a_read_that_waits_is_asked_by_who_it_was_then(void)
{
	g_autoptr(World) world = world_new();
	world->super_digest = digest_id("super:secret");
	world_start(world);
	Peer *owner = client_new(world), *peer = client_new(world);
	OK(do_auth(owner, "digest", "u:p"));
	OK(do_create_as(owner, PDK_OP_CREATE, "/mine", "", "31 auth ", 0));
	OK(do_create_as(owner, PDK_OP_CREATE, "/none", "", "16 auth ", 0));
	world->auto_sync = false;
	EQ(do_create(peer, "/w", "", 0), CALL_PENDING);
	EQ(do_get(peer, "/mine", false), CALL_PENDING);
	OK(do_auth(peer, "digest", "u:p")); /* overtakes */
	EQ(do_get(peer, "/mine", false), CALL_PENDING);
	EQ(do_get(peer, "/none", false), CALL_PENDING);
	OK(do_auth(peer, "digest", "super:secret"));
	EQ(do_get(peer, "/none", false), CALL_PENDING);
	world_sync(world);
	static const int wanted[] = {PDK_OK, PDK_ERR_NO_AUTH, PDK_OK, PDK_ERR_NO_AUTH, PDK_OK};
	for (unsigned i = 0; i < G_N_ELEMENTS(wanted); i++)
		YES(peer_reply(peer) && peer->err == wanted[i]);
	OK(do_get(peer, "/none", false));
}

static void
lists_are_shared_and_given_back(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	uint32_t before = pdk_acls_count(pdk_tree_acls(world->server->tree));
	for (int i = 0; i < 20; i++) {
		g_autofree char *path = g_strdup_printf("/n%d", i);
		OK(do_create_as(peer, PDK_OP_CREATE, path, "",
				i % 2 ? "31 world anyone, 1 ip 1.2.3.4" : "31 world anyone, 1 ip 1.2.3.5",
				0));
	}
	EQ(pdk_acls_count(pdk_tree_acls(world->server->tree)), before + 2);
	EQ(do_create_as(peer, PDK_OP_CREATE, "/n1", "", "31 world anyone, 1 ip 9.9.9.9", 0),
	   PDK_ERR_NODE_EXISTS);
	EQ(pdk_acls_count(pdk_tree_acls(world->server->tree)), before + 2);
	for (int i = 0; i < 20; i++) {
		g_autofree char *path = g_strdup_printf("/n%d", i);
		OK(do_delete(peer, path, -1));
	}
	EQ(pdk_acls_count(pdk_tree_acls(world->server->tree)), before);
}

/* ---- enforced authentication, sasl ---- */

static void
enforced_authentication_refuses_everything_else(void)
{
	g_autoptr(World) world = world_new();
	world->settings->enforce_auth = true;
	g_strfreev(world->settings->enforce_auth_schemes);
	world->settings->enforce_auth_schemes = g_strsplit("sasl,digest", ",", -1);
	world_start(world);
	Peer *peer = client_new(world);
	EQ(do_exists(peer, "/", false), PDK_ERR_SESSION_CLOSED_REQUIRES_AUTH);
	EQ(peer->zxid, 0);
	NO(peer->open);
	peer = client_new(world);
	peer_request(peer, -2, PDK_OP_PING, NULL);
	YES(peer_reply(peer) && peer->err == PDK_ERR_SESSION_CLOSED_REQUIRES_AUTH);
	NO(peer->open);
	peer = client_new(world);
	OK(do_auth(peer, "digest", "u:p"));
	OK(do_exists(peer, "/", false));
}

static void
sasl_is_answered_with_a_null_token_when_there_is_none(void)
{
	g_autoptr(World) world = world_running();
	Peer *peer = client_new(world);
	peer_send_hex(peer, "0000000c 00000001 00000066 00000000");
	YES(peer_got_hex(peer, "00000014 00000001 0000000000000000 00000000 ffffffff"));
	YES(peer->open);
}

int
main(void)
{
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 99;
	CU_pSuite suite = CU_add_suite("access", NULL, NULL);
	CASE(an_auth_packet_adds_an_identity);
	CASE(failed_authentication_is_told_and_ends_the_connection);
	CASE(the_scheme_ip_takes_any_auth_data);
	CASE(who_am_i_tells_every_identity_once);
	CASE(the_superuser_passes_every_check);
	CASE(skip_acl_checks_nothing);
	CASE(lists_are_fixed_as_the_sheet_says);
	CASE(duplicates_go_and_the_order_stays);
	CASE(auth_stands_for_all_who_the_client_is);
	CASE(get_acl_masks_digests_from_those_without_admin);
	CASE(each_permission_allows_what_the_sheet_says);
	CASE(addresses_match_by_their_masked_bits);
	CASE(a_write_is_judged_by_the_list_in_flight_before_it);
	CASE(a_read_that_waits_is_asked_by_who_it_was_then);
	CASE(lists_are_shared_and_given_back);
	CASE(enforced_authentication_refuses_everything_else);
	CASE(sasl_is_answered_with_a_null_token_when_there_is_none);
	return run_suite();
}

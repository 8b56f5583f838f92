/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conformance of auth plugins: what the core relies on, for every plugin; then the rules of digest and ip.
 *
 *     auth [FILE.so...]      with files: the first part only, on them
 */
#include "conformance.h"
#include "fake_host.h"

#include <CUnit/Basic.h>
#include <paddock/auth.h>
#include <stdlib.h>
#include <string.h>

extern const PdkPlugin pdk_plugin_auth_digest;
extern const PdkPlugin pdk_plugin_auth_ip;

/* The plugin under test. */
static const PdkPlugin *plugin;

/* A plugin instance and one connection's findings, each as "scheme:id". */
typedef struct {
	PdkAuthResult result; /* first: its self is this struct */
	FakeHost *host;
	PdkConfig *config;
	const PdkAuthOps *ops;
	PdkAuth *auth;
	PdkAuthSession *session;
	GPtrArray *ids;
} Bench;

static void
take_id(PdkAuthResult *result, const char *scheme, const char *id)
{
	Bench *bench = (Bench *)result;

	CU_ASSERT_TRUE(g_utf8_validate(id, -1, NULL));
	g_ptr_array_add(bench->ids, g_strdup_printf("%s:%s", scheme, id));
}

static void
take_token(PdkAuthResult *result, const void *data, size_t length)
{
	(void)result;
	CU_ASSERT_TRUE(data || length == 0);
}

static const PdkAuthPeer peer = { .address = "127.0.0.1" };

static Bench *
bench_new(PdkConfig *config)
{
	Bench *bench = g_new0(Bench, 1);
	g_autoptr(GError) error = NULL;

	bench->result = (PdkAuthResult){ .size = sizeof(PdkAuthResult), .add_id = take_id, .set_token = take_token };
	bench->host = fake_host_new();
	bench->config = config;
	bench->ops = plugin->ops;
	bench->ids = g_ptr_array_new_with_free_func(g_free);
	bench->auth = bench->ops->create(fake_host_table(bench->host), config, &error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(bench->auth);
	CU_ASSERT_PTR_NULL(error);
	if (PDK_HAS(bench->ops, begin))
		bench->session = bench->ops->begin(bench->auth, &peer);
	return bench;
}

static Bench *
bench_with_defaults(void)
{
	return bench_new(fake_config_new(plugin->options, NULL));
}

static void
bench_free(Bench *bench)
{
	if (PDK_HAS(bench->ops, finish))
		bench->ops->finish(bench->auth, bench->session);
	bench->ops->destroy(bench->auth);
	fake_config_free(bench->config);
	fake_host_free(bench->host);
	g_ptr_array_unref(bench->ids);
	g_free(bench);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Bench, bench_free)

/* Sends the auth data; forgets the ids of before. */
static PdkAuthStatus
step(Bench *bench, const void *data, size_t length)
{
	g_ptr_array_set_size(bench->ids, 0);
	if (!PDK_HAS(bench->ops, step))
		return PDK_AUTH_FAILED;
	/* Memory of exactly that size, so that a reader that goes beyond is seen. */
	g_autofree uint8_t *copy = g_memdup2(data, length ? length : 1);
	return bench->ops->step(bench->auth, bench->session, data ? copy : NULL, length, &bench->result);
}

static bool
has_id(const Bench *bench, const char *wanted)
{
	return g_ptr_array_find_with_equal_func(bench->ids, wanted, g_str_equal, NULL);
}

static bool
valid(Bench *bench, const char *id)
{
	return bench->ops->valid_id(bench->auth, id);
}

static bool
matches(Bench *bench, const char *have, const char *wanted)
{
	return bench->ops->match(bench->auth, have, wanted);
}

/* --- every auth plugin --- */

static const char *const odd_texts[] = {
	"", ":", "::", "/", "a", "a:", ":a", "a:b", "a:b:c", "1.2.3.4/", "1.2.3.4/99999999999999999999", "....", "1.2.3",
	"::/-1", "%", "\xc3\xa9:\xc3\xa9", "anyone", "CN=a,OU=b", "user/host@REALM",
};

static void
says_what_it_is(void)
{
	conformance_check(plugin, PDK_KIND_AUTH);
	const PdkAuthOps *ops = plugin->ops;
	CU_ASSERT_TRUE(PDK_HAS(ops, create) && PDK_HAS(ops, destroy) && PDK_HAS(ops, scheme));
	CU_ASSERT_TRUE(PDK_HAS(ops, valid_id) && PDK_HAS(ops, match));
	CU_ASSERT_EQUAL(PDK_HAS(ops, begin), PDK_HAS(ops, finish));
}

static void
has_one_scheme_that_is_not_the_cores_own(void)
{
	g_autoptr(Bench) bench = bench_with_defaults();
	const char *scheme = bench->ops->scheme(bench->auth);

	CU_ASSERT_TRUE(g_regex_match_simple("^[a-z0-9-]+$", scheme, 0, 0));
	CU_ASSERT_TRUE(strcmp(scheme, "world") != 0 && strcmp(scheme, "auth") != 0 && strcmp(scheme, "super") != 0);
	CU_ASSERT_STRING_EQUAL(bench->ops->scheme(bench->auth), scheme);
}

static void
takes_odd_ids_without_harm(void)
{
	g_autoptr(Bench) bench = bench_with_defaults();
	g_autofree char *colons = g_strnfill(100000, ':'), *digits = g_strnfill(100000, '1');

	for (unsigned i = 0; i < G_N_ELEMENTS(odd_texts); i++) {
		bench->ops->valid_id(bench->auth, odd_texts[i]);
		for (unsigned j = 0; j < G_N_ELEMENTS(odd_texts); j++)
			bench->ops->match(bench->auth, odd_texts[i], odd_texts[j]);
		if (PDK_HAS(bench->ops, user))
			g_free(bench->ops->user(bench->auth, odd_texts[i]));
		if (PDK_HAS(bench->ops, masked))
			g_free(bench->ops->masked(bench->auth, odd_texts[i]));
	}
	CU_ASSERT_FALSE(bench->ops->valid_id(bench->auth, colons));
	CU_ASSERT_FALSE(bench->ops->valid_id(bench->auth, digits));
	bench->ops->match(bench->auth, digits, colons);
}

/* Ids that a connection gets have to be usable in an ACL, and there give access to that connection. */
static void
gives_ids_that_are_valid_and_match_themselves(void)
{
	g_autoptr(Bench) bench = bench_with_defaults();
	g_autofree char *prefix = g_strconcat(bench->ops->scheme(bench->auth), ":", NULL);

	step(bench, "user:password", 13);
	if (PDK_HAS(bench->ops, connected))
		bench->ops->connected(bench->auth, &peer, &bench->result);
	for (unsigned i = 0; i < bench->ids->len; i++) {
		const char *found = g_ptr_array_index(bench->ids, i);
		CU_ASSERT_TRUE_FATAL(g_str_has_prefix(found, prefix));
		const char *id = found + strlen(prefix);
		CU_ASSERT_TRUE(valid(bench, id));
		CU_ASSERT_TRUE(matches(bench, id, id));
	}
}

static void
refuses_null_data_or_ignores_data_altogether(void)
{
	g_autoptr(Bench) bench = bench_with_defaults();
	PdkAuthStatus null_status = step(bench, NULL, 0);

	CU_ASSERT_TRUE(null_status == PDK_AUTH_FAILED || null_status == step(bench, "x:y", 3));
}

static void
gives_nothing_when_it_fails(void)
{
	g_autoptr(Bench) bench = bench_with_defaults();

	for (unsigned i = 0; i < G_N_ELEMENTS(odd_texts); i++) {
		if (step(bench, odd_texts[i], strlen(odd_texts[i])) == PDK_AUTH_FAILED)
			CU_ASSERT_EQUAL(bench->ids->len, 0);
		if (step(bench, odd_texts[i], strlen(odd_texts[i]) + 1) == PDK_AUTH_FAILED)
			CU_ASSERT_EQUAL(bench->ids->len, 0);
	}
}

/* --- digest --- */

/* What Apache ZooKeeper 3.8.0 made of these. */
static void
digest_hashes_what_java_hashes(void)
{
	static const struct {
		const char *data;
		size_t length;
		const char *id;
	} cases[] = {
		{ "super:secret", 12, "digest:super:lK75jTNcA+U9vtVEw5vB51mj/w4=" },
		{ "nocolon", 7, "digest:nocolon:Ra+cHr2ZoHvBjtNArFGNGlVie4g=" },
		{ "u:a\0b", 5, "digest:u:Vz2nLfuAz4Oc4FVbhCLEOzzc8Ys=" },
		{ "u:\xe9\xe9x", 5, "digest:u:VOgMEEDrO2OkS2N1/VOYtX7QExg=" },
		{ "u:\xe9\xa9", 4, "digest:u:NP+S9gihaPOxs49p+sWDO0/R0ac=" },
		{ "u:\xed\xa0\x80z", 6, "digest:u:B82bVC/tSr5tOM1galPfeANGAYg=" },
		{ "u:\xf0\x9f\x98", 5, "digest:u:NP+S9gihaPOxs49p+sWDO0/R0ac=" },
		{ "u:\xf0\x9f\x98\x80", 6, "digest:u:jJrVWxbcrh8H8NliuTU6Me6qGLY=" },
		{ "u\xfc:\xf5\x80\x80", 6, "digest:u\xef\xbf\xbd:uvGMGWjgO9mE8KQnnatzQeZYtmM=" },
		{ "u:\xe0\x80\x80", 5, "digest:u:vEkuhjHdfUZNvfORkvAkZ7fhsck=" },
		{ "u:\xf4\x90\x80\x80", 6, "digest:u:HCZx0lTy+9lYQAH9rf604FmDKjw=" },
		{ "u:\xe2\x82", 4, "digest:u:NP+S9gihaPOxs49p+sWDO0/R0ac=" },
		{ "u:\xc0\x80", 4, "digest:u:tBXHUAUzZXYCqAcMeZihzl82Xwo=" },
		{ "u:\xe1\x80\xe1", 5, "digest:u:tBXHUAUzZXYCqAcMeZihzl82Xwo=" },
		{ "u:\xed\xbf", 4, "digest:u:NP+S9gihaPOxs49p+sWDO0/R0ac=" },
	};
	g_autoptr(Bench) bench = bench_with_defaults();

	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		CU_ASSERT_EQUAL(step(bench, cases[i].data, cases[i].length), PDK_AUTH_DONE);
		CU_ASSERT_EQUAL(bench->ids->len, 1);
		CU_ASSERT_TRUE(has_id(bench, cases[i].id));
		if (!has_id(bench, cases[i].id))
			g_printerr("\ncase %u: %s, not %s\n", i, (char *)g_ptr_array_index(bench->ids, 0), cases[i].id);
	}
}

static void
digest_hashes_with_the_algorithm_asked_for(void)
{
	static const struct {
		const char *algorithm, *id;
	} cases[] = {
		{ "SHA1", "digest:a:3OptnM09ILoVSfbZtd3mB0IViII=" },
		{ "SHA-1", "digest:a:3OptnM09ILoVSfbZtd3mB0IViII=" },
		{ "MD5", "digest:a:2BYMmz3CDU6TGutPRSYhVQ==" },
		{ "SHA-256", "digest:a:Z4OjHqv2jMwGYPk1wIJigr3SJB86gKny0Q1Zrqnrtdg=" },
		{ "SHA-384", "digest:a:M/NiZn7HTqhVZ8t77kPIHIPTVGoTvNRnilTr5ieaJY334TdVUc5jsR1iIyM0tnOD" },
		{ "SHA-512", "digest:a:mdoaJYs51sQ7xY1yh5/CxU2MLd6OyA+mb0neO06R7P3yavbdaDJ9XFm/4RaKEBLXUxeYO/0qTS5uXf3tYf0Smw==" },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(Bench) bench =
			bench_new(fake_config_new(plugin->options, "digest_alg", cases[i].algorithm, NULL));
		step(bench, "a:b", 3);
		CU_ASSERT_TRUE(has_id(bench, cases[i].id));
	}
}

static void
digest_makes_the_superuser_and_nobody_else(void)
{
	g_autoptr(Bench) bench = bench_new(
		fake_config_new(plugin->options, "super_digest", "super:lK75jTNcA+U9vtVEw5vB51mj/w4=", NULL));

	CU_ASSERT_EQUAL(step(bench, "super:secret", 12), PDK_AUTH_DONE);
	CU_ASSERT_TRUE(has_id(bench, "super:"));
	CU_ASSERT_TRUE(has_id(bench, "digest:super:lK75jTNcA+U9vtVEw5vB51mj/w4="));
	CU_ASSERT_EQUAL(step(bench, "super:secres", 12), PDK_AUTH_DONE);
	CU_ASSERT_FALSE(has_id(bench, "super:"));
	CU_ASSERT_EQUAL(step(bench, "supes:secret", 12), PDK_AUTH_DONE);
	CU_ASSERT_FALSE(has_id(bench, "super:"));

	g_autoptr(Bench) empty = bench_new(fake_config_new(plugin->options, "super_digest", "", NULL));
	step(empty, "", 0);
	CU_ASSERT_FALSE(has_id(empty, "super:"));
	CU_ASSERT_TRUE(fake_host_logged(empty->host, "super_digest"));
}

static void
digest_refuses_null_data_and_nul_in_a_user(void)
{
	g_autoptr(Bench) bench = bench_with_defaults();

	CU_ASSERT_EQUAL(step(bench, NULL, 0), PDK_AUTH_FAILED);
	CU_ASSERT_EQUAL(step(bench, "a\0b:c", 5), PDK_AUTH_FAILED);
	CU_ASSERT_EQUAL(step(bench, "a\0b", 3), PDK_AUTH_FAILED);
	CU_ASSERT_EQUAL(step(bench, "", 0), PDK_AUTH_DONE);
}

static void
digest_ids_have_two_parts(void)
{
	static const char *const good[] = { "u:h", ":h", "u:h:", "u:h:::" };
	static const char *const bad[] = { "", "u", "u:", ":", "::", "u:h:x", "u::h", "::h", "u::" };
	g_autoptr(Bench) bench = bench_with_defaults();

	for (unsigned i = 0; i < G_N_ELEMENTS(good); i++)
		CU_ASSERT_TRUE(valid(bench, good[i]));
	for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++)
		CU_ASSERT_FALSE(valid(bench, bad[i]));
	CU_ASSERT_TRUE(matches(bench, "u:h", "u:h"));
	CU_ASSERT_FALSE(matches(bench, "u:h", "u:h:"));
	CU_ASSERT_FALSE(matches(bench, "u:h", "u:H"));
}

static void
digest_shows_users_and_hides_hashes(void)
{
	g_autoptr(Bench) bench = bench_with_defaults();
	g_autofree char *user = bench->ops->user(bench->auth, "ann:hash"), *bare = bench->ops->user(bench->auth, "ann");
	g_autofree char *masked = bench->ops->masked(bench->auth, "ann:hash:more");
	g_autofree char *nothing = bench->ops->masked(bench->auth, "ann");

	CU_ASSERT_STRING_EQUAL(user, "ann");
	CU_ASSERT_STRING_EQUAL(bare, "ann");
	CU_ASSERT_STRING_EQUAL(masked, "ann:x");
	CU_ASSERT_PTR_NULL(nothing);
	CU_ASSERT_TRUE(bench->ops->identifies_people(bench->auth));
}

static void
digest_switched_off_is_as_good_as_not_there(void)
{
	g_autoptr(Bench) bench = bench_new(fake_config_new(plugin->options, "enabled", "false", "super_digest",
							   "super:lK75jTNcA+U9vtVEw5vB51mj/w4=", NULL));

	CU_ASSERT_EQUAL(step(bench, "super:secret", 12), PDK_AUTH_FAILED);
	CU_ASSERT_EQUAL(bench->ids->len, 0);
	CU_ASSERT_FALSE(valid(bench, "u:h"));
	CU_ASSERT_FALSE(matches(bench, "u:h", "u:h"));
	CU_ASSERT_FALSE(bench->ops->identifies_people(bench->auth));
}

/* --- ip --- */

static void
ip_gives_the_address_and_needs_no_packet(void)
{
	g_autoptr(Bench) bench = bench_with_defaults();

	bench->ops->connected(bench->auth, &peer, &bench->result);
	CU_ASSERT_EQUAL(bench->ids->len, 1);
	CU_ASSERT_TRUE(has_id(bench, "ip:127.0.0.1"));
	CU_ASSERT_EQUAL(step(bench, "10.0.0.1", 8), PDK_AUTH_DONE);
	CU_ASSERT_EQUAL(bench->ids->len, 0);
	CU_ASSERT_EQUAL(step(bench, NULL, 0), PDK_AUTH_DONE);
	CU_ASSERT_FALSE(bench->ops->identifies_people(bench->auth));
}

static void
ip_ids_are_addresses_with_or_without_bits(void)
{
	static const char *const good[] = {
		"127.0.0.1", "0.0.0.0/0", "10.1.2.3/32", "10.1.2.3/+8", "010.1.2.3", "255.255.255.255/1", "::1", "::/0",
		"2001:db8::/128", "0:0:0:0:0:0:0:1/64", "fe80::1%eth0", "::ffff:1.2.3.4/32",
	};
	static const char *const bad[] = {
		"", "1.2.3", "1.2.3.4.5", "1.2.3.4.", ".1.2.3", "1..2.3", "256.1.1.1", "1.2.3.-4", "1.2.3.4/33", "1.2.3.4/",
		"1.2.3.4/-1", "1.2.3.4/8/8", "1.2.3.4/a", "localhost", "1.2.3.4 ", "0x7f.0.0.1", "::1/129", ":::", "1::2::3",
		"12345::", "::ffff:1.2.3.4/33", "1.2.3.4294967297", "[::1]",
	};
	g_autoptr(Bench) bench = bench_with_defaults();

	for (unsigned i = 0; i < G_N_ELEMENTS(good); i++) {
		CU_ASSERT_TRUE(valid(bench, good[i]));
		if (!valid(bench, good[i]))
			g_printerr("\nrefused: %s\n", good[i]);
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
		CU_ASSERT_FALSE(valid(bench, bad[i]));
		if (valid(bench, bad[i]))
			g_printerr("\ntaken: %s\n", bad[i]);
	}
}

static void
ip_compares_as_many_bits_as_the_acl_says(void)
{
	g_autoptr(Bench) bench = bench_with_defaults();

	CU_ASSERT_TRUE(matches(bench, "10.1.2.3", "10.1.2.3"));
	CU_ASSERT_FALSE(matches(bench, "10.1.2.4", "10.1.2.3"));
	CU_ASSERT_TRUE(matches(bench, "10.1.2.4", "10.1.2.3/24"));
	CU_ASSERT_TRUE(matches(bench, "10.1.127.4", "10.1.0.0/17"));
	CU_ASSERT_FALSE(matches(bench, "10.1.128.4", "10.1.0.0/17"));
	CU_ASSERT_TRUE(matches(bench, "10.1.2.2", "10.1.2.3/31"));
	CU_ASSERT_FALSE(matches(bench, "10.1.2.2", "10.1.2.3/32"));
	CU_ASSERT_TRUE(matches(bench, "200.1.2.2", "10.1.2.3/0"));
	CU_ASSERT_TRUE(matches(bench, "0:0:0:0:0:0:0:1", "::1"));
	CU_ASSERT_TRUE(matches(bench, "2001:db8:0:0:0:0:0:7", "2001:db8::/32"));
	CU_ASSERT_FALSE(matches(bench, "2001:db9:0:0:0:0:0:7", "2001:db8::/32"));
	CU_ASSERT_TRUE(matches(bench, "2001:db9:0:0:0:0:0:7", "2001:db8::/31"));
	CU_ASSERT_TRUE(matches(bench, "fe80:0:0:0:0:0:0:1%eth0", "fe80::/10"));
	CU_ASSERT_FALSE(matches(bench, "10.1.2.3", "10.1.2.3/33"));
	CU_ASSERT_FALSE(matches(bench, "nonsense", "0.0.0.0/0"));
}

static void
ip_families_never_match_each_other(void)
{
	g_autoptr(Bench) bench = bench_with_defaults();

	CU_ASSERT_FALSE(matches(bench, "127.0.0.1", "::/0"));
	CU_ASSERT_FALSE(matches(bench, "0:0:0:0:0:0:0:1", "0.0.0.0/0"));
	CU_ASSERT_TRUE(matches(bench, "10.1.2.3", "::ffff:10.1.2.3"));
}

static const ConformanceCase every_plugin[] = {
	CONFORMANCE_CASE(says_what_it_is),
	CONFORMANCE_CASE(has_one_scheme_that_is_not_the_cores_own),
	CONFORMANCE_CASE(takes_odd_ids_without_harm),
	CONFORMANCE_CASE(gives_ids_that_are_valid_and_match_themselves),
	CONFORMANCE_CASE(refuses_null_data_or_ignores_data_altogether),
	CONFORMANCE_CASE(gives_nothing_when_it_fails),
	{ NULL, NULL },
};

static const ConformanceCase digest[] = {
	CONFORMANCE_CASE(digest_hashes_what_java_hashes),
	CONFORMANCE_CASE(digest_hashes_with_the_algorithm_asked_for),
	CONFORMANCE_CASE(digest_makes_the_superuser_and_nobody_else),
	CONFORMANCE_CASE(digest_refuses_null_data_and_nul_in_a_user),
	CONFORMANCE_CASE(digest_ids_have_two_parts),
	CONFORMANCE_CASE(digest_shows_users_and_hides_hashes),
	CONFORMANCE_CASE(digest_switched_off_is_as_good_as_not_there),
	{ NULL, NULL },
};

static const ConformanceCase ip[] = {
	CONFORMANCE_CASE(ip_gives_the_address_and_needs_no_packet),
	CONFORMANCE_CASE(ip_ids_are_addresses_with_or_without_bits),
	CONFORMANCE_CASE(ip_compares_as_many_bits_as_the_acl_says),
	CONFORMANCE_CASE(ip_families_never_match_each_other),
	{ NULL, NULL },
};

static const ConformanceSuite suites[] = {
	{ &pdk_plugin_auth_digest, "auth plugin: digest", every_plugin },
	{ &pdk_plugin_auth_digest, "digest: its rules", digest },
	{ &pdk_plugin_auth_ip, "auth plugin: ip", every_plugin },
	{ &pdk_plugin_auth_ip, "ip: its rules", ip },
	{ NULL, NULL, NULL },
};

int
main(int argc, char **argv)
{
	return conformance_main(argc, argv, &plugin, every_plugin, suites);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes when the scheme `digest` (user and password, hashed into the id) does. Source:
 * DigestAuthenticationProvider.
 */
#include <paddock/auth.h>
#include <paddock/plugin.h>

#include <string.h>

struct PdkAuth {
	GChecksumType algorithm;
	char *super_id; /* "user:hash" of the superuser, or NULL: nobody is */
	bool enabled;   /* false: the scheme behaves as if no plugin knew it */
};

/* Java's names of the digests that GLib can make. */
static const struct {
	const char *name;
	GChecksumType type;
} algorithms[] = {
	{ "SHA1", G_CHECKSUM_SHA1 },      { "SHA-1", G_CHECKSUM_SHA1 },	    { "SHA-256", G_CHECKSUM_SHA256 },
	{ "SHA-384", G_CHECKSUM_SHA384 }, { "SHA-512", G_CHECKSUM_SHA512 }, { "MD5", G_CHECKSUM_MD5 },
};

static void
digest_destroy(PdkAuth *self)
{
	g_free(self->super_id);
	g_free(self);
}

static PdkAuth *
digest_create(const PdkHost *host, const PdkConfig *config, GError **error)
{
	const char *algorithm = host->option_string(config, "digest_alg");

	for (unsigned i = 0; i < G_N_ELEMENTS(algorithms); i++) {
		if (g_strcmp0(algorithms[i].name, algorithm) != 0)
			continue;
		PdkAuth *self = g_new0(PdkAuth, 1);
		self->algorithm = algorithms[i].type;
		self->super_id = g_strdup(host->option_string(config, "super_digest"));
		self->enabled = host->option_bool(config, "enabled");
		if (self->enabled && self->super_id && strchr(self->super_id, ':') == NULL)
			host->log(host, PDK_LOG_WARNING, "superuser_unreachable option=super_digest found=no-colon "
							 "wanted=user:base64-of-hash");
		return self;
	}
	g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "digest_alg: \"%s\" is no digest known here",
		    algorithm ? algorithm : "");
	return NULL;
}

static const char *
digest_scheme(PdkAuth *self G_GNUC_UNUSED)
{
	return "digest";
}

static bool
digest_identifies_people(PdkAuth *self)
{
	return self->enabled;
}

/*
 * "user:hash": split at ':', with trailing empty parts dropped, gives exactly two parts (the first may be
 * empty).
 */
static bool
digest_valid_id(PdkAuth *self, const char *id)
{
	size_t length = strlen(id);
	unsigned colons = 0;

	if (!self->enabled)
		return false;
	while (length > 0 && id[length - 1] == ':')
		length--;
	for (size_t i = 0; i < length; i++)
		colons += id[i] == ':';
	return colons == 1;
}

static bool
digest_match(PdkAuth *self, const char *have, const char *wanted)
{
	return self->enabled && strcmp(have, wanted) == 0;
}

/* How many bytes Java's UTF-8 decoder gives up as one bad character at the start of @data. */
static size_t
malformed_length(const uint8_t *data, size_t length)
{
	uint8_t first = data[0], second = length > 1 ? data[1] : 0;
	size_t wanted = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 1, n = 1;

	if (first < 0xc2 || first > 0xf4 || (second & 0xc0) != 0x80)
		return 1;
	if ((first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f))
		return 1;
	while (n < wanted && n < length && (data[n] & 0xc0) == 0x80)
		n++;
	return n;
}

/*
 * The auth data as Java reads it: malformed UTF-8 becomes U+FFFD and is hashed as that. Passwords in Latin-1
 * depend on it. NUL bytes stay.
 */
static GString *
decode(const uint8_t *data, size_t length)
{
	GString *text = g_string_sized_new(length + 16);

	while (length > 0) {
		const char *end;
		g_utf8_validate_len((const char *)data, length, &end);
		size_t good = (size_t)(end - (const char *)data);
		g_string_append_len(text, (const char *)data, (gssize)good);
		data += good;
		length -= good;
		if (length == 0)
			break;
		size_t bad = 1;
		if (*data == '\0') {
			g_string_append_c(text, '\0');
		} else {
			bad = malformed_length(data, length);
			g_string_append(text, "\xef\xbf\xbd");
		}
		data += bad;
		length -= bad;
	}
	return text;
}

/* "user:" + base64 of the digest over the whole "user:password". */
static char *
make_id(GChecksumType algorithm, const GString *text)
{
	g_autoptr(GChecksum) checksum = g_checksum_new(algorithm);
	uint8_t hash[64];
	gsize hash_length = sizeof(hash);

	g_checksum_update(checksum, (const guchar *)text->str, (gssize)text->len);
	g_checksum_get_digest(checksum, hash, &hash_length);
	g_autofree char *encoded = g_base64_encode(hash, hash_length);
	return g_strdup_printf("%.*s:%s", (int)strcspn(text->str, ":"), text->str, encoded);
}

/* Takes the same time wherever the texts differ. */
static bool
equal_in_constant_time(const char *a, const char *b)
{
	size_t a_length = strlen(a), b_length = strlen(b);
	volatile uint8_t difference = a_length != b_length;

	for (size_t i = 0; i < a_length; i++)
		difference |= (uint8_t)a[i] ^ (uint8_t)b[b_length ? i % b_length : 0];
	return difference == 0;
}

static PdkAuthStatus
digest_step(PdkAuth *self, PdkAuthSession *session G_GNUC_UNUSED, const uint8_t *data, size_t length,
	    PdkAuthResult *result)
{
	if (!self->enabled || data == NULL)
		return PDK_AUTH_FAILED;

	g_autoptr(GString) text = decode(data, length);
	const char *nul = memchr(text->str, '\0', text->len);
	const char *colon = memchr(text->str, ':', text->len);
	/* An id is a C string here: a user name that holds NUL would become another one's. */
	if (nul && (colon == NULL || nul < colon))
		return PDK_AUTH_FAILED;

	g_autofree char *id = make_id(self->algorithm, text);
	if (self->super_id && equal_in_constant_time(id, self->super_id))
		result->add_id(result, "super", "");
	result->add_id(result, "digest", id);
	return PDK_AUTH_DONE;
}

static char *
digest_user(PdkAuth *self G_GNUC_UNUSED, const char *id)
{
	return g_strndup(id, strcspn(id, ":"));
}

static char *
digest_masked(PdkAuth *self G_GNUC_UNUSED, const char *id)
{
	const char *colon = strchr(id, ':');

	return colon ? g_strdup_printf("%.*s:x", (int)(colon - id), id) : NULL;
}

static const PdkOption digest_options[] = {
	{ .key = "enabled",
	  .type = PDK_OPTION_BOOL,
	  .fallback = "true",
	  .zoo_keys = "DigestAuthenticationProvider.enabled",
	  .help = "false: the scheme is refused in auth packets and in ACLs" },
	{ .key = "digest_alg",
	  .type = PDK_OPTION_STRING,
	  .fallback = "SHA1",
	  .choices = "SHA1|SHA-1|SHA-256|SHA-384|SHA-512|MD5",
	  .zoo_keys = "DigestAuthenticationProvider.digestAlg",
	  .help = "hash that turns user:password into an id; ids in stored ACLs depend on it" },
	{ .key = "super_digest",
	  .type = PDK_OPTION_STRING,
	  .zoo_keys = "DigestAuthenticationProvider.superDigest",
	  .help = "user:base64-of-hash of the superuser, who bypasses every ACL; unset: there is none" },
	{ .key = NULL },
};

static const PdkAuthOps digest_ops = {
	.size = sizeof(PdkAuthOps),
	.create = digest_create,
	.destroy = digest_destroy,
	.scheme = digest_scheme,
	.identifies_people = digest_identifies_people,
	.valid_id = digest_valid_id,
	.match = digest_match,
	.step = digest_step,
	.user = digest_user,
	.masked = digest_masked,
};

PDK_PLUGIN_DEFINE(auth, digest) = {
	PDK_PLUGIN_HEAD,
	.kind = PDK_KIND_AUTH,
	.name = "digest",
	.version = PACKAGE_VERSION,
	.summary = "scheme digest: user and password",
	.options = digest_options,
	.ops = &digest_ops,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* Changes when the scheme `ip` (the client's address as its id) does. Source: IPAuthenticationProvider. */
#include <paddock/auth.h>
#include <paddock/plugin.h>

#include <arpa/inet.h>
#include <string.h>

struct PdkAuth {
	uint32_t reserved; /* the scheme has no options and no memory */
};

typedef struct {
	uint8_t bytes[16];
	unsigned length; /* 4 or 16 */
} Address;

static PdkAuth *
ip_create(const PdkHost *host G_GNUC_UNUSED, const PdkConfig *config G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
	return g_new0(PdkAuth, 1);
}

static void
ip_destroy(PdkAuth *self)
{
	g_free(self);
}

static const char *
ip_scheme(PdkAuth *self G_GNUC_UNUSED)
{
	return "ip";
}

static bool
ip_identifies_people(PdkAuth *self G_GNUC_UNUSED)
{
	return false;
}

/* Reads @length characters as Java's Integer.parseInt does: a sign and leading zeros are fine. */
static bool
parse_number(const char *text, size_t length, unsigned highest, unsigned *number)
{
	bool negative = length > 0 && text[0] == '-';
	uint64_t sum = 0;

	if (length > 0 && (text[0] == '-' || text[0] == '+')) {
		text++;
		length--;
	}
	if (length == 0)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (!g_ascii_isdigit(text[i]))
			return false;
		sum = sum * 10 + (unsigned)(text[i] - '0');
		if (sum > highest)
			return false;
	}
	*number = (unsigned)sum;
	return !negative || sum == 0;
}

static bool
parse_v4(const char *text, size_t length, Address *into)
{
	const char *end = text + length;

	for (unsigned i = 0; i < 4; i++) {
		const char *dot = memchr(text, '.', (size_t)(end - text));
		const char *stop = i < 3 ? dot : end;
		unsigned byte;
		/* Three dots, no more. */
		if (stop == NULL || (i == 3 && dot))
			return false;
		if (!parse_number(text, (size_t)(stop - text), 255, &byte))
			return false;
		into->bytes[i] = (uint8_t)byte;
		text = stop + 1;
	}
	into->length = 4;
	return true;
}

/* An IPv4 address mapped into IPv6 is that IPv4 address, as in Java. A zone (%eth0) is dropped. */
static bool
parse_v6(const char *text, size_t length, Address *into)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	const char *zone = memchr(text, '%', length);
	char copy[INET6_ADDRSTRLEN];

	if (zone)
		length = (size_t)(zone - text);
	if (length >= sizeof(copy))
		return false;
	memcpy(copy, text, length);
	copy[length] = '\0';
	if (inet_pton(AF_INET6, copy, into->bytes) != 1)
		return false;
	into->length = 16;
	if (memcmp(into->bytes, mapped, sizeof(mapped)) != 0)
		return true;
	memmove(into->bytes, into->bytes + 12, 4);
	into->length = 4;
	return true;
}

static bool
parse_address(const char *text, size_t length, Address *into)
{
	return memchr(text, ':', length) ? parse_v6(text, length, into) : parse_v4(text, length, into);
}

/* An ACL's id: an address, and after '/' how many of its bits count. */
static bool
parse_id(const char *id, Address *address, unsigned *bits)
{
	size_t length = strcspn(id, "/");

	if (!parse_address(id, length, address))
		return false;
	*bits = address->length * 8;
	if (id[length] == '\0')
		return true;
	return parse_number(id + length + 1, strlen(id + length + 1), *bits, bits);
}

static bool
ip_valid_id(PdkAuth *self G_GNUC_UNUSED, const char *id)
{
	Address address;
	unsigned bits;

	return parse_id(id, &address, &bits);
}

static bool
ip_match(PdkAuth *self G_GNUC_UNUSED, const char *have, const char *wanted)
{
	Address mine, theirs;
	unsigned bits;

	if (!parse_id(wanted, &theirs, &bits) || !parse_address(have, strlen(have), &mine))
		return false;
	if (mine.length != theirs.length || memcmp(mine.bytes, theirs.bytes, bits / 8) != 0)
		return false;
	if (bits % 8 == 0)
		return true;
	return (mine.bytes[bits / 8] ^ theirs.bytes[bits / 8]) >> (8 - bits % 8) == 0;
}

static void
ip_connected(PdkAuth *self G_GNUC_UNUSED, const PdkAuthPeer *peer, PdkAuthResult *result)
{
	if (peer->address)
		result->add_id(result, "ip", peer->address);
}

/* The connection has had its id since it was accepted; what the client sends is ignored. */
static PdkAuthStatus
ip_step(PdkAuth *self G_GNUC_UNUSED, PdkAuthSession *session G_GNUC_UNUSED, const uint8_t *data G_GNUC_UNUSED,
	size_t length G_GNUC_UNUSED, PdkAuthResult *result G_GNUC_UNUSED)
{
	return PDK_AUTH_DONE;
}

static const PdkAuthOps ip_ops = {
	.size = sizeof(PdkAuthOps),
	.create = ip_create,
	.destroy = ip_destroy,
	.scheme = ip_scheme,
	.identifies_people = ip_identifies_people,
	.valid_id = ip_valid_id,
	.match = ip_match,
	.connected = ip_connected,
	.step = ip_step,
};

PDK_PLUGIN_DEFINE(auth, ip) = {
	PDK_PLUGIN_HEAD,
	.kind = PDK_KIND_AUTH,
	.name = "ip",
	.version = PACKAGE_VERSION,
	.summary = "scheme ip: the client's address",
	.ops = &ip_ops,
};

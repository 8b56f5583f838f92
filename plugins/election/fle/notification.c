/* SPDX-License-Identifier: Apache-2.0 */
/* The one message of FastLeaderElection, byte for byte; changes when Apache ZooKeeper's format does. */
#include "notification.h"

#include <string.h>

/*
 * Offsets. Receivers of old tell the format by the total length alone: 28 bytes end before the peer epoch (3.3), 40 bytes
 * end before the configuration and count as version 0 whatever stands in the version's place.
 */
enum {
	AT_STATE = 0,
	AT_LEADER = 4,
	AT_ZXID = 12,
	AT_ROUND = 20,
	AT_PEER_EPOCH = 28,
	AT_VERSION = 36,
	AT_CONFIG_LENGTH = 40,
	AT_CONFIG = 44,
};

#define LENGTH_3_3 28
#define LENGTH_3_4 40

/* Rounds are counted one by one: no server comes here, and nobody may push the clock to where it would wrap. */
#define ROUND_MAX (INT64_MAX / 2)

static int32_t
read_int(const uint8_t *data)
{
	return (int32_t)((uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3]);
}

static int64_t
read_long(const uint8_t *data)
{
	return (int64_t)((uint64_t)(uint32_t)read_int(data) << 32 | (uint32_t)read_int(data + 4));
}

static void
write_int(GByteArray *array, int32_t value)
{
	const uint32_t bytes = GUINT32_TO_BE((uint32_t)value);

	g_byte_array_append(array, (const guint8 *)&bytes, sizeof(bytes));
}

static void
write_long(GByteArray *array, int64_t value)
{
	const uint64_t bytes = GUINT64_TO_BE((uint64_t)value);

	g_byte_array_append(array, (const guint8 *)&bytes, sizeof(bytes));
}

/* What follows the peer epoch, where anything does. */
static bool
read_tail(const uint8_t *data, size_t length, Notification *into)
{
	if (length < AT_CONFIG_LENGTH)
		return false;
	into->version = read_int(data + AT_VERSION);
	if (into->version < 2)
		return true;
	if (length < AT_CONFIG)
		return false;
	int32_t config_length = read_int(data + AT_CONFIG_LENGTH);
	if (config_length < 0 || (size_t)config_length > length - AT_CONFIG)
		return false;
	into->config = (const char *)data + AT_CONFIG;
	into->config_length = (size_t)config_length;
	return true;
}

NotificationStatus
notification_read(const uint8_t *data, size_t length, Notification *into)
{
	*into = (Notification){0};
	if (length >= 4 && (uint32_t)read_int(data) == PDK_ELECTION_MAGIC_PAXOS)
		return NOTIFICATION_PAXOS;
	if (length < LENGTH_3_3)
		return NOTIFICATION_MALFORMED;
	into->state = read_int(data + AT_STATE);
	if (into->state < PDK_PEER_LOOKING || into->state > PDK_PEER_OBSERVING)
		return NOTIFICATION_MALFORMED;
	into->vote.leader = read_long(data + AT_LEADER);
	into->vote.zxid = read_long(data + AT_ZXID);
	into->vote.round = read_long(data + AT_ROUND);
	if (into->vote.round > ROUND_MAX)
		return NOTIFICATION_MALFORMED;
	if (length == LENGTH_3_3) {
		into->vote.peer_epoch = into->vote.zxid >> 32;
		return NOTIFICATION_OK;
	}
	if (length < AT_VERSION)
		return NOTIFICATION_MALFORMED;
	into->vote.peer_epoch = read_long(data + AT_PEER_EPOCH);
	if (length == LENGTH_3_4)
		return NOTIFICATION_OK;
	return read_tail(data, length, into) ? NOTIFICATION_OK : NOTIFICATION_MALFORMED;
}

GBytes *
notification_write(PdkPeerState state, const PdkVote *vote, const char *config, size_t config_length)
{
	GByteArray *array = g_byte_array_sized_new((guint)(AT_CONFIG + config_length));

	write_int(array, (int32_t)state);
	write_long(array, vote->leader);
	write_long(array, vote->zxid);
	write_long(array, vote->round);
	write_long(array, vote->peer_epoch);
	write_int(array, NOTIFICATION_VERSION);
	write_int(array, (int32_t)config_length);
	g_byte_array_append(array, (const guint8 *)config, (guint)config_length);
	return g_byte_array_free_to_bytes(array);
}

/* Is @line (without its end) the key "version"? Then the value, without the white space around it, in *@value. */
static bool
is_version_line(const char *line, size_t length, char **value)
{
	g_autofree char *text = g_strndup(line, length);
	const char *rest = g_strstrip(text);

	if (!g_str_has_prefix(rest, "version"))
		return false;
	rest += strlen("version");
	const char *separated = rest + strspn(rest, " \t=:");
	if (separated == rest)
		return false;
	*value = g_strdup(separated);
	return true;
}

int64_t
notification_config_version(const char *config, size_t length)
{
	g_autofree char *value = NULL;
	const char *end = config + length;
	char *after = NULL;

	for (const char *line = config; line < end;) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		const char *line_end = newline ? newline : end;
		char *found = NULL;
		if (is_version_line(line, (size_t)(line_end - line), &found)) {
			g_free(value);
			value = found; /* the last one counts */
		}
		line = line_end + 1;
	}
	if (value == NULL)
		return 0;
	if (!g_ascii_isxdigit(value[0]))
		return -1;
	guint64 number = g_ascii_strtoull(value, &after, 16);
	return *after != '\0' || number > G_MAXINT64 ? -1 : (int64_t)number;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* How quotas are found, kept up and asked. */
#include "data/quota.h"

#define SYSTEM "/zookeeper/quota"
#define LIMITS "zookeeper_limits"
#define USAGE "zookeeper_stats"

/* Where the quota on /a/b lies is /zookeeper/quota/a/b: the nodes there are the table of quotas. */
struct PdkQuotas {
	PdkTree *tree;
	uint64_t limits; /* nodes named LIMITS below SYSTEM, but for the root quota's */
};

/* Texts. */

static bool
parse_number(const char *text, size_t length, int64_t *into)
{
	bool negative = length > 0 && text[0] == '-';
	size_t at = length > 0 && (text[0] == '-' || text[0] == '+') ? 1 : 0;
	if (at == length)
		return false;
	int64_t value = 0;
	for (; at < length; at++) {
		if (text[at] < '0' || text[at] > '9')
			return false;
		/* Downwards, where there is room for one more. */
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_sub_overflow(value, text[at] - '0', &value))
			return false;
	}
	if (!negative && value == INT64_MIN)
		return false;
	*into = negative ? value : -value;
	return true;
}

static bool
is_key(const char *key, size_t length, const char *name)
{
	return strlen(name) == length && memcmp(key, name, length) == 0;
}

/* "key=value", where anything behind a second '=' is not looked at, and an empty value before it is -1. */
static bool
parse_pair(const char *pair, size_t length, PdkQuota *into)
{
	const char *end = pair + length, *equals = memchr(pair, '=', length);
	if (equals == NULL)
		return false;
	const char *value = equals + 1;
	const char *value_end = memchr(value, '=', (size_t)(end - value));
	if (value_end == NULL)
		value_end = end;
	int64_t number = -1;
	if (value == value_end) {
		/* Nothing but '=' behind the key is no value at all. */
		while (value < end && *value == '=')
			value++;
		if (value == end)
			return false;
	} else if (!parse_number(value, (size_t)(value_end - value), &number)) {
		return false;
	}
	size_t key_length = (size_t)(equals - pair);
	if (is_key(pair, key_length, "count"))
		into->count = number;
	else if (is_key(pair, key_length, "bytes"))
		into->bytes = number;
	else if (is_key(pair, key_length, "countHardLimit"))
		into->count_hard = number;
	else if (is_key(pair, key_length, "byteHardLimit"))
		into->bytes_hard = number;
	return true;
}

static bool
is_separator(char c)
{
	return c == ',' || c == ';';
}

static const char *
skip_separators(const char *at, const char *end)
{
	while (at < end && is_separator(*at))
		at++;
	return at;
}

/* Separators at the front make an empty pair, which is none; in runs, and at the end, they make nothing. */
bool
pdk_quota_parse(const uint8_t *text, int32_t length, PdkQuota *into)
{
	*into = (PdkQuota){-1, -1, -1, -1};
	if (length < 0)
		return false;
	const char *at = (const char *)text, *end = at + length;
	const char *begin = skip_separators(at, end);
	if (begin > at && begin < end)
		return false;
	for (at = begin; at < end; at = skip_separators(at, end)) {
		const char *pair = at;
		while (at < end && !is_separator(*at))
			at++;
		if (!parse_pair(pair, (size_t)(at - pair), into))
			return false;
	}
	return true;
}

static char *
usage_text(const PdkQuota *usage)
{
	GString *text = g_string_new(NULL);
	g_string_append_printf(text, "count=%" G_GINT64_FORMAT ",bytes=%" G_GINT64_FORMAT, usage->count,
			       usage->bytes);
	if (usage->bytes_hard != -1 || usage->count_hard != -1)
		g_string_append_c(text, '=');
	if (usage->bytes_hard != -1)
		g_string_append_printf(text, ";byteHardLimit=%" G_GINT64_FORMAT, usage->bytes_hard);
	if (usage->count_hard != -1)
		g_string_append_printf(text, ";countHardLimit=%" G_GINT64_FORMAT, usage->count_hard);
	return g_string_free(text, FALSE);
}

/* Finding. */

static PdkNode
named(const PdkQuotas *quotas, PdkNode parent, const char *name)
{
	return pdk_tree_child(quotas->tree, parent, name, strlen(name));
}

static PdkNode
system_node(const PdkQuotas *quotas)
{
	return pdk_tree_find(quotas->tree, SYSTEM, strlen(SYSTEM));
}

/* The node below SYSTEM that stands for the nearest quota at or above @path, 0: there is none. */
static PdkNode
nearest(const PdkQuotas *quotas, const char *path, size_t length)
{
	if (quotas->limits == 0 || length < 2)
		return 0;
	PdkNode found = 0, place = system_node(quotas);
	for (size_t at = 1; at < length && place != 0;) {
		const char *slash = memchr(path + at, '/', length - at);
		size_t end = slash ? (size_t)(slash - path) : length;
		place = pdk_tree_child(quotas->tree, place, path + at, end - at);
		if (place != 0 && named(quotas, place, LIMITS) != 0)
			found = place;
		at = end + 1;
	}
	return found;
}

/* Whether @path is a node of that name for some quota, but the root's. */
static bool
is_quota_node(const char *path, size_t length, const char *name)
{
	size_t name_length = strlen(name), system_length = strlen(SYSTEM);
	return length > system_length + 1 + name_length + 1 &&
	       memcmp(path, SYSTEM "/", system_length + 1) == 0 && path[length - name_length - 1] == '/' &&
	       memcmp(path + length - name_length, name, name_length) == 0;
}

/* Keeping up. */

static void
write_usage(PdkQuotas *quotas, PdkNode node, const PdkQuota *usage)
{
	g_autofree char *text = usage_text(usage);
	PdkStat stat;
	pdk_tree_stat(quotas->tree, node, &stat);
	pdk_tree_set_data(quotas->tree, node, (const uint8_t *)text, (int32_t)strlen(text), &stat);
}

static bool
read_usage(const PdkQuotas *quotas, PdkNode node, PdkQuota *usage)
{
	int32_t length;
	const uint8_t *text = pdk_tree_data(quotas->tree, node, &length);
	return pdk_quota_parse(text, length, usage);
}

static int64_t
data_bytes(const PdkTree *tree, PdkNode node)
{
	int32_t length;
	pdk_tree_data(tree, node, &length);
	return MAX(length, 0);
}

/* The node in document order after @node, within the subtree of @top; 0 at its end. */
static PdkNode
next_below(const PdkTree *tree, PdkNode node, PdkNode top)
{
	PdkNode next = pdk_tree_first_child(tree, node);
	while (next == 0 && node != top) {
		next = pdk_tree_next_sibling(tree, node);
		node = pdk_tree_parent(tree, node);
	}
	return next;
}

/* Counts what lies at and below @path into the usage node @node. */
static void
recount(PdkQuotas *quotas, PdkNode node, const char *path, size_t length)
{
	PdkQuota usage = {0, 0, -1, -1};
	PdkNode top = pdk_tree_find(quotas->tree, path, length);
	for (PdkNode at = top; at != 0; at = next_below(quotas->tree, at, top)) {
		usage.count++;
		usage.bytes += data_bytes(quotas->tree, at);
	}
	write_usage(quotas, node, &usage);
}

/* The same for the quota whose nodes lie in @place; for a usage text that somebody made unreadable. */
static void
recount_place(PdkQuotas *quotas, PdkNode place, PdkNode usage)
{
	PdkBuffer path = {0};
	size_t length = pdk_tree_append_path(quotas->tree, place, &path);
	recount(quotas, usage, (const char *)path.data + strlen(SYSTEM), length - strlen(SYSTEM));
	pdk_buffer_clear(&path);
}

static void
add_usage(PdkQuotas *quotas, const char *path, size_t length, int64_t count, int64_t bytes)
{
	PdkNode place = nearest(quotas, path, length);
	PdkNode node = place ? named(quotas, place, USAGE) : 0;
	if (node == 0)
		return;
	PdkQuota usage;
	if (!read_usage(quotas, node, &usage)) {
		recount_place(quotas, place, node);
		return;
	}
	usage.count = (int64_t)((uint64_t)usage.count + (uint64_t)count);
	usage.bytes = (int64_t)((uint64_t)usage.bytes + (uint64_t)bytes);
	write_usage(quotas, node, &usage);
}

PdkQuotas *
pdk_quotas_new(PdkTree *tree)
{
	PdkQuotas *quotas = g_new0(PdkQuotas, 1);
	quotas->tree = tree;
	return quotas;
}

void
pdk_quotas_free(PdkQuotas *quotas)
{
	g_free(quotas);
}

void
pdk_quotas_reload(PdkQuotas *quotas)
{
	PdkTree *tree = quotas->tree;
	PdkNode system = system_node(quotas);
	PdkBuffer path = {0};
	quotas->limits = 0;
	for (PdkNode at = system; at != 0; at = next_below(tree, at, system)) {
		path.length = 0;
		size_t length = pdk_tree_append_path(tree, at, &path);
		const char *text = (const char *)path.data;
		if (!is_quota_node(text, length, LIMITS))
			continue;
		quotas->limits++;
		PdkNode usage = named(quotas, pdk_tree_parent(tree, at), USAGE);
		if (usage != 0)
			recount(quotas, usage, text + strlen(SYSTEM), length - strlen(SYSTEM "/" LIMITS));
	}
	pdk_buffer_clear(&path);
}

void
pdk_quotas_created(PdkQuotas *quotas, PdkNode node, const char *path, size_t length, int32_t data_length)
{
	if (is_quota_node(path, length, LIMITS))
		quotas->limits++;
	if (is_quota_node(path, length, USAGE))
		recount(quotas, node, path + strlen(SYSTEM), length - strlen(SYSTEM "/" USAGE));
	add_usage(quotas, path, length, 1, MAX(data_length, 0));
}

void
pdk_quotas_changed(PdkQuotas *quotas, const char *path, size_t length, int32_t old_length, int32_t new_length)
{
	add_usage(quotas, path, length, 0, (int64_t)MAX(new_length, 0) - MAX(old_length, 0));
}

void
pdk_quotas_deleted(PdkQuotas *quotas, const char *path, size_t length, int32_t data_length)
{
	if (is_quota_node(path, length, LIMITS)) {
		pdk_assert(quotas->limits > 0);
		quotas->limits--;
	}
	add_usage(quotas, path, length, -1, -(int64_t)MAX(data_length, 0));
}

/* Asking. */

/* Whether @used + @more is over the limit; the hard one, where there is one, stands in for the soft one. */
static bool
over(int64_t used, int64_t more, int64_t soft_limit, int64_t hard_limit)
{
	int64_t limit = hard_limit > -1 ? hard_limit : soft_limit, sum;
	if (more == 0 || limit <= -1)
		return false;
	return __builtin_add_overflow(used, more, &sum) ? more > 0 : sum > limit;
}

PdkCode
pdk_quotas_allow(const PdkQuotas *quotas, const char *path, size_t length, int64_t count, int64_t bytes,
		 bool *soft)
{
	if (soft != NULL)
		*soft = false;
	PdkNode place = nearest(quotas, path, length);
	if (place == 0)
		return PDK_OK;
	PdkQuota limits;
	int32_t limits_length;
	const uint8_t *text = pdk_tree_data(quotas->tree, named(quotas, place, LIMITS), &limits_length);
	if (!pdk_quota_parse(text, limits_length, &limits))
		return PDK_ERR_MARSHALLING;
	PdkNode node = named(quotas, place, USAGE);
	if (node == 0)
		return PDK_OK;
	PdkQuota usage;
	if (!read_usage(quotas, node, &usage))
		usage = (PdkQuota){0, 0, -1, -1};
	bool count_over = over(usage.count, count, limits.count, limits.count_hard);
	bool bytes_over = over(usage.bytes, bytes, limits.bytes, limits.bytes_hard);
	if ((count_over && limits.count_hard > -1) || (bytes_over && limits.bytes_hard > -1))
		return PDK_ERR_QUOTA_EXCEEDED;
	if (soft != NULL)
		*soft = count_over || bytes_over;
	return PDK_OK;
}

bool
pdk_quotas_any(const PdkQuotas *quotas)
{
	return quotas->limits > 0;
}

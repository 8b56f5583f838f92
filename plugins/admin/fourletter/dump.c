/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes when the word `dump` does: sessions by expiry, ephemerals by session, connections by expiry. Its
 * heads count what follows, so sessions and connections are gathered first, a slice a part, and printed then.
 * A learner does not know when the sessions of all expire: there they stand by number, with their time-outs.
 */
#include "fourletter.h"

#include <inttypes.h>

/* Moments of one bucket may differ by the rounding between two clocks. */
#define SAME_BUCKET_MS 2

typedef struct {
	int64_t at_ms; /* monotonic clock */
	uint64_t count;
	GByteArray *lines;
	size_t printed;
} Bucket;

typedef struct {
	int64_t session;
	int32_t timeout_ms;
} Known;

struct FourletterDump {
	GArray *known;                 /* of Known: sessions of all, at a learner */
	guint known_printed;
	bool learner, local_sessions;  /* as it was at first */
	GPtrArray *buckets; /* of Bucket, earliest first */
	uint64_t members;
	int64_t wall_offset_ms;        /* wall clock minus monotonic clock, taken once so that all dates agree */
	uint64_t sessions_with_ephemerals;
	guint printing;                /* bucket at hand */
	bool printing_begun;           /* its head is out */
	int64_t session;               /* whose ephemerals are being listed, 0: none */
	uint64_t ephemeral_cursor;
};

enum {
	GATHER_LOCAL,
	PRINT_LOCAL,
	GATHER_SESSIONS,
	PRINT_SESSIONS,
	PRINT_EPHEMERALS,
	GATHER_CONNECTIONS,
	PRINT_CONNECTIONS,
	FINISHED,
};

static void
bucket_free(void *data)
{
	Bucket *bucket = data;

	g_byte_array_unref(bucket->lines);
	g_free(bucket);
}

/* Local sessions are a matter of ensembles. */
static FourletterDump *
dump_new(const PdkView *view)
{
	FourletterDump *dump = g_new0(FourletterDump, 1);
	PdkEnsembleFacts facts = { .size = sizeof(PdkEnsembleFacts) };
	bool member = PDK_HAS(view, ensemble) && view->ensemble(view->core, &facts);

	dump->buckets = g_ptr_array_new_with_free_func(bucket_free);
	dump->known = g_array_new(FALSE, FALSE, sizeof(Known));
	dump->learner = member && !facts.leads;
	dump->local_sessions = member && fourletter_is_on(view, "localSessionsEnabled");
	return dump;
}

void
fourletter_dump_free(FourletterDump *dump)
{
	if (dump == NULL)
		return;
	g_ptr_array_unref(dump->buckets);
	g_array_unref(dump->known);
	g_free(dump);
}

/* The bucket of the moment @at_ms, made when there is none. */
static Bucket *
bucket_at(GPtrArray *buckets, int64_t at_ms)
{
	guint low = 0, high = buckets->len;

	while (low < high) {
		guint middle = low + (high - low) / 2;
		const Bucket *bucket = g_ptr_array_index(buckets, middle);
		if (bucket->at_ms < at_ms - SAME_BUCKET_MS)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < buckets->len) {
		Bucket *bucket = g_ptr_array_index(buckets, low);
		if (bucket->at_ms <= at_ms + SAME_BUCKET_MS)
			return bucket;
	}

	Bucket *bucket = g_new0(Bucket, 1);
	bucket->at_ms = at_ms;
	bucket->lines = g_byte_array_new();
	g_ptr_array_insert(buckets, (gint)low, bucket);
	return bucket;
}

/* The bucket of the moment @expires_wall_ms; counts one more member. Its line is to be appended to `lines`. */
static FourletterPart
add_member(FourletterDump *dump, const PdkServerFacts *facts, int64_t expires_wall_ms)
{
	int64_t offset_ms = facts->now_wall_ms - facts->now_monotonic_ms;
	Bucket *bucket = bucket_at(dump->buckets, expires_wall_ms - offset_ms);

	bucket->count++;
	dump->members++;
	return (FourletterPart){ .out = bucket->lines };
}

static bool
gather_session(PdkAdminReply *reply, const PdkView *view, const PdkServerFacts *facts)
{
	FourletterDump *dump = reply->dump;
	PdkSessionFacts session = { 0 };

	if (!view->session(view->core, &reply->cursor, &session))
		return false;
	if (session.local != (reply->stage == GATHER_LOCAL))
		return true;
	dump->sessions_with_ephemerals += session.ephemerals > 0;
	if (dump->learner && !session.local) {
		Known known = { session.session, session.timeout_ms };
		g_array_append_val(dump->known, known);
		return true;
	}
	FourletterPart line = add_member(reply->dump, facts, session.expires_wall_ms);
	fourletter_print(&line, "\t0x%" PRIx64 "\n", (uint64_t)session.session);
	return true;
}

static bool
gather_connection(PdkAdminReply *reply, const PdkView *view, const PdkServerFacts *facts)
{
	PdkConnectionFacts connection = { 0 };

	if (!view->connection(view->core, &reply->cursor, &connection))
		return false;
	FourletterPart line = add_member(reply->dump, facts, connection.expires_wall_ms);
	fourletter_print(&line, "\tip: %s sessionId: 0x%" PRIx64 "\n", connection.endpoint,
			 (uint64_t)connection.session);
	return true;
}

/* "2 expire at Fri Nov 20 21:11:15 UTC 2026:", the date as Java writes it, in the local zone. */
static void
print_bucket_head(const FourletterDump *dump, const Bucket *bucket, FourletterPart *part)
{
	static const char days[][4] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };
	static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	g_autoptr(GDateTime) date = g_date_time_new_from_unix_local((bucket->at_ms + dump->wall_offset_ms) / 1000);

	fourletter_print(part, "%" PRIu64 " expire at ", bucket->count);
	if (date)
		fourletter_print(part, "%s %s %02d %02d:%02d:%02d %s %d:\n", days[g_date_time_get_day_of_week(date) - 1],
				 months[g_date_time_get_month(date) - 1], g_date_time_get_day_of_month(date),
				 g_date_time_get_hour(date), g_date_time_get_minute(date),
				 g_date_time_get_second(date), g_date_time_get_timezone_abbreviation(date),
				 g_date_time_get_year(date));
	else
		fourletter_print(part, "%" PRId64 " ms:\n", bucket->at_ms);
}

/* Prints and empties the buckets; true: the part is full. */
static bool
print_buckets(FourletterDump *dump, FourletterPart *part)
{
	while (dump->printing < dump->buckets->len) {
		Bucket *bucket = g_ptr_array_index(dump->buckets, dump->printing);
		if (!fourletter_step(part))
			return true;
		if (!dump->printing_begun)
			print_bucket_head(dump, bucket, part);
		dump->printing_begun = true;
		size_t room = part->full > part->out->len ? part->full - part->out->len : 0;
		size_t length = MIN(bucket->lines->len - bucket->printed, room);
		g_byte_array_append(part->out, bucket->lines->data + bucket->printed, (guint)length);
		bucket->printed += length;
		if (bucket->printed < bucket->lines->len)
			return true;
		dump->printing++;
		dump->printing_begun = false;
	}
	g_ptr_array_set_size(dump->buckets, 0);
	dump->printing = 0;
	dump->members = 0;
	return false;
}

static gint
by_number(gconstpointer a, gconstpointer b)
{
	int64_t left = ((const Known *)a)->session, right = ((const Known *)b)->session;

	return (left > right) - (left < right);
}

/* As a learner shows the sessions of all; true: the part is full. */
static bool
print_known(FourletterDump *dump, FourletterPart *part)
{
	while (dump->known_printed < dump->known->len) {
		if (!fourletter_step(part))
			return true;
		const Known *known = &g_array_index(dump->known, Known, dump->known_printed++);
		fourletter_print(part, "0x%" PRIx64 "\t%" PRId32 "ms\n", (uint64_t)known->session, known->timeout_ms);
	}
	return false;
}

/* Lists ephemerals under their sessions; true: the part is full. */
static bool
print_ephemerals(PdkAdminReply *reply, const PdkView *view, FourletterPart *part)
{
	FourletterDump *dump = reply->dump;

	while (fourletter_step(part)) {
		const char *path;
		if (dump->session != 0) {
			if (view->ephemeral(view->core, dump->session, &dump->ephemeral_cursor, &path))
				fourletter_print(part, "\t%s\n", path);
			else
				dump->session = 0;
			continue;
		}
		PdkSessionFacts session = { 0 };
		if (!view->session(view->core, &reply->cursor, &session))
			return false;
		if (session.ephemerals == 0)
			continue;
		fourletter_print(part, "0x%" PRIx64 ":\n", (uint64_t)session.session);
		dump->session = session.session;
		dump->ephemeral_cursor = 0;
	}
	return true;
}

static void
begin_stage(PdkAdminReply *reply, unsigned stage)
{
	reply->stage = stage;
	reply->cursor = 0;
}

/* Sessions come in one part, or in two: local ones and those of all. */
static void
print_sessions_head(PdkAdminReply *reply, FourletterPart *part)
{
	FourletterDump *dump = reply->dump;
	bool first = reply->stage == GATHER_LOCAL || !dump->local_sessions;

	if (first)
		fourletter_print(part, "SessionTracker dump:\n");
	if (reply->stage == GATHER_SESSIONS && dump->learner) {
		g_array_sort(dump->known, by_number);
		fourletter_print(part, "Global Sessions(%u):\n", dump->known->len);
		return;
	}
	if (dump->local_sessions)
		fourletter_print(part, reply->stage == GATHER_LOCAL ? "Local " : "Global ");
	fourletter_print(part, "Session Sets (%u)/(%" PRIu64 "):\n", dump->buckets->len, dump->members);
}

/* Gathers everything of one kind and prints the head that counts it; true: the part is full. */
static bool
gather(PdkAdminReply *reply, const PdkView *view, FourletterPart *part)
{
	bool sessions = reply->stage != GATHER_CONNECTIONS;
	PdkServerFacts facts = { 0 };

	view->facts(view->core, &facts);
	reply->dump->wall_offset_ms = facts.now_wall_ms - facts.now_monotonic_ms;
	do {
		if (!fourletter_step(part))
			return true;
	} while (sessions ? gather_session(reply, view, &facts) : gather_connection(reply, view, &facts));

	if (sessions)
		print_sessions_head(reply, part);
	else
		fourletter_print(part, "Connections dump:\nConnections Sets (%u)/(%" PRIu64 "):\n", reply->dump->buckets->len,
				 reply->dump->members);
	return false;
}

bool
fourletter_dump(PdkAdminReply *reply, const PdkView *view, FourletterPart *part)
{
	if (reply->dump == NULL) {
		reply->dump = dump_new(view);
		reply->stage = reply->dump->local_sessions ? GATHER_LOCAL : GATHER_SESSIONS;
	}

	while (reply->stage != FINISHED) {
		bool full = false;
		switch (reply->stage) {
		case GATHER_LOCAL:
		case GATHER_SESSIONS:
		case GATHER_CONNECTIONS:
			full = gather(reply, view, part);
			break;
		case PRINT_LOCAL:
			full = print_buckets(reply->dump, part);
			break;
		case PRINT_SESSIONS:
			full = reply->dump->learner ? print_known(reply->dump, part) : print_buckets(reply->dump, part);
			if (!full)
				fourletter_print(part,
						 "ephemeral nodes dump:\nSessions with Ephemerals (%" PRIu64 "):\n",
						 reply->dump->sessions_with_ephemerals);
			break;
		case PRINT_EPHEMERALS:
			full = print_ephemerals(reply, view, part);
			break;
		case PRINT_CONNECTIONS:
			full = print_buckets(reply->dump, part);
			break;
		}
		if (full)
			return true;
		begin_stage(reply, reply->stage + 1);
	}
	return false;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Changes when the text of a word does. Source: the classes of org.apache.zookeeper.server.command. */
#include "fourletter.h"

#include <inttypes.h>
#include <string.h>

bool
fourletter_text(PdkAdminReply *reply, const PdkView *view G_GNUC_UNUSED, FourletterPart *part)
{
	fourletter_print(part, "%s", reply->text);
	return false;
}

bool
fourletter_isro(PdkAdminReply *reply G_GNUC_UNUSED, const PdkView *view, FourletterPart *part)
{
	PdkServerFacts facts = { 0 };

	view->facts(view->core, &facts);
	fourletter_print(part, "%s", !facts.serving ? "null" : facts.read_only ? "ro" : "rw");
	return false;
}

bool
fourletter_gtmk(PdkAdminReply *reply G_GNUC_UNUSED, const PdkView *view, FourletterPart *part)
{
	fourletter_print(part, "%" PRId64, view->trace_mask(view->core));
	return false;
}

bool
fourletter_stmk(PdkAdminReply *reply, const PdkView *view, FourletterPart *part)
{
	view->set_trace_mask(view->core, reply->mask);
	return fourletter_gtmk(reply, view, part);
}

bool
fourletter_conf(PdkAdminReply *reply, const PdkView *view, FourletterPart *part)
{
	const char *key, *value;

	while (fourletter_step(part)) {
		if (!view->setting(view->core, &reply->cursor, &key, &value))
			return false;
		/* The text of the ensemble's configuration stands on lines of its own. */
		fourletter_print(part, strcmp(key, "membership") == 0 ? "%s: \n%s\n" : "%s=%s\n", key, value);
	}
	return true;
}

bool
fourletter_envi(PdkAdminReply *reply, const PdkView *view, FourletterPart *part)
{
	const char *key, *value;

	if (reply->stage == 0) {
		fourletter_print(part, "Environment:\n");
		reply->stage = 1;
	}
	while (fourletter_step(part)) {
		if (!view->environment(view->core, &reply->cursor, &key, &value))
			return false;
		fourletter_print(part, "%s=%s\n", key, value);
	}
	return true;
}

static void
print_version(const PdkServerFacts *facts, FourletterPart *part)
{
	fourletter_print(part, "%s-%s, built on %s\n", facts->version, facts->revision, facts->built_on);
}

static void
print_head(const PdkServerFacts *facts, FourletterPart *part)
{
	fourletter_print(part, "Zookeeper version: ");
	print_version(facts, part);
	if (facts->read_only)
		fourletter_print(part, "READ-ONLY mode; serving only read-only clients\n");
}

static void
print_proposals(const PdkView *view, FourletterPart *part)
{
	PdkEnsembleFacts facts = { .size = sizeof(PdkEnsembleFacts) };

	if (PDK_HAS(view, ensemble) && view->ensemble(view->core, &facts) && facts.leads)
		fourletter_print(part, "Proposal sizes last/min/max: %" PRId64 "/%" PRId64 "/%" PRId64 "\n",
				 facts.last_proposal_bytes, facts.min_proposal_bytes, facts.max_proposal_bytes);
}

static void
print_server(const PdkView *view, const PdkServerFacts *facts, FourletterPart *part)
{
	char average[FOURLETTER_REAL_BYTES];

	fourletter_print(part, "Latency min/avg/max: %" PRIu64 "/%s/%" PRIu64 "\n", facts->latency_min,
			 fourletter_real(facts->latency_avg, average), facts->latency_max);
	fourletter_print(part, "Received: %" PRIu64 "\nSent: %" PRIu64 "\n", facts->received, facts->sent);
	fourletter_print(part, "Connections: %" PRIu64 "\nOutstanding: %" PRIu64 "\n", facts->connections,
			 facts->outstanding);
	fourletter_print(part, "Zxid: 0x%" PRIx64 "\nMode: %s\nNode count: %" PRIu64 "\n", (uint64_t)facts->last_zxid,
			 facts->mode, facts->node_count);
	print_proposals(view, part);
}

bool
fourletter_srvr(PdkAdminReply *reply G_GNUC_UNUSED, const PdkView *view, FourletterPart *part)
{
	PdkServerFacts facts = { 0 };

	view->facts(view->core, &facts);
	print_head(&facts, part);
	print_server(view, &facts, part);
	return false;
}

/* " /127.0.0.1:58712[1](queued=0,recved=2,sent=2)"; @full adds what is known of the session. */
static void
print_connection(const PdkConnectionFacts *facts, bool full, FourletterPart *part)
{
	fourletter_print(part, " %s[%x](queued=%" PRIu64 ",recved=%" PRIu64 ",sent=%" PRIu64, facts->endpoint,
			 facts->interest, facts->queued, facts->received, facts->sent);
	if (full && facts->session != 0) {
		fourletter_print(part, ",sid=0x%" PRIx64 ",lop=%s,est=%" PRId64 ",to=%" PRId32, (uint64_t)facts->session,
				 facts->last_op, facts->established_wall_ms, facts->timeout_ms);
		if (facts->last_cxid >= 0)
			fourletter_print(part, ",lcxid=0x%" PRIx64, (uint64_t)facts->last_cxid);
		fourletter_print(part,
				 ",lzxid=0x%" PRIx64 ",lresp=%" PRId64 ",llat=%" PRIu64 ",minlat=%" PRIu64
				 ",avglat=%" PRIu64 ",maxlat=%" PRIu64,
				 (uint64_t)facts->last_zxid, facts->last_response_ms, facts->last_latency,
				 facts->min_latency, (uint64_t)facts->avg_latency, facts->max_latency);
	}
	fourletter_print(part, ")\n");
}

/* Lists connections; true: the part is full, false: all were listed. */
static bool
list_connections(PdkAdminReply *reply, const PdkView *view, bool full, FourletterPart *part)
{
	while (fourletter_step(part)) {
		PdkConnectionFacts facts = { 0 };
		if (!view->connection(view->core, &reply->cursor, &facts))
			return false;
		print_connection(&facts, full, part);
	}
	return true;
}

bool
fourletter_stat(PdkAdminReply *reply, const PdkView *view, FourletterPart *part)
{
	PdkServerFacts facts = { 0 };

	view->facts(view->core, &facts);
	if (reply->stage == 0) {
		print_head(&facts, part);
		fourletter_print(part, "Clients:\n");
		reply->stage = 1;
	}
	if (list_connections(reply, view, false, part))
		return true;
	fourletter_print(part, "\n");
	print_server(view, &facts, part);
	return false;
}

bool
fourletter_cons(PdkAdminReply *reply, const PdkView *view, FourletterPart *part)
{
	if (list_connections(reply, view, true, part))
		return true;
	fourletter_print(part, "\n");
	return false;
}

bool
fourletter_crst(PdkAdminReply *reply G_GNUC_UNUSED, const PdkView *view, FourletterPart *part)
{
	view->reset_connection_stats(view->core);
	fourletter_print(part, "Connection stats reset.\n");
	return false;
}

bool
fourletter_srst(PdkAdminReply *reply G_GNUC_UNUSED, const PdkView *view, FourletterPart *part)
{
	view->reset_server_stats(view->core);
	fourletter_print(part, "Server stats reset.\n");
	return false;
}

bool
fourletter_dirs(PdkAdminReply *reply G_GNUC_UNUSED, const PdkView *view, FourletterPart *part)
{
	PdkServerFacts facts = { 0 };

	view->facts(view->core, &facts);
	fourletter_print(part, "datadir_size: %" PRId64 "\nlogdir_size: %" PRId64 "\n", facts.data_dir_bytes,
			 facts.log_dir_bytes);
	return false;
}

bool
fourletter_wchs(PdkAdminReply *reply G_GNUC_UNUSED, const PdkView *view, FourletterPart *part)
{
	uint64_t connections = 0, paths = 0, watches = 0;

	view->watch_totals(view->core, &connections, &paths, &watches);
	fourletter_print(part, "%" PRIu64 " connections watching %" PRIu64 " paths\nTotal watches:%" PRIu64 "\n",
			 connections, paths, watches);
	return false;
}

bool
fourletter_wchc(PdkAdminReply *reply, const PdkView *view, FourletterPart *part)
{
	PdkWatchFacts watch;

	while (fourletter_step(part)) {
		if (!view->watch(view->core, PDK_WATCHES_BY_CONNECTION, &reply->cursor, &watch)) {
			fourletter_print(part, "\n");
			return false;
		}
		if (reply->stage == 0 || reply->link != watch.link)
			fourletter_print(part, "0x%" PRIx64 "\n", (uint64_t)watch.session);
		reply->stage = 1;
		reply->link = watch.link;
		fourletter_print(part, "\t%s\n", watch.path);
	}
	return true;
}

bool
fourletter_wchp(PdkAdminReply *reply, const PdkView *view, FourletterPart *part)
{
	PdkWatchFacts watch;

	if (reply->path == NULL)
		reply->path = g_string_new(NULL);
	while (fourletter_step(part)) {
		if (!view->watch(view->core, PDK_WATCHES_BY_PATH, &reply->cursor, &watch)) {
			fourletter_print(part, "\n");
			return false;
		}
		if (strcmp(reply->path->str, watch.path) != 0) {
			fourletter_print(part, "%s\n", watch.path);
			g_string_assign(reply->path, watch.path);
		}
		fourletter_print(part, "\t0x%" PRIx64 "\n", (uint64_t)watch.session);
	}
	return true;
}

bool
fourletter_hash(PdkAdminReply *reply, const PdkView *view, FourletterPart *part)
{
	int64_t zxid;
	uint64_t digest;

	while (fourletter_step(part)) {
		if (!view->digest(view->core, &reply->cursor, &zxid, &digest))
			return false;
		fourletter_print(part, "%" PRIx64 ": %" PRId64 "\n", (uint64_t)zxid, (int64_t)digest);
	}
	return true;
}

static void
print_summary(const PdkMetric *metric, FourletterPart *part)
{
	static const struct {
		const char *prefix;
		double share;
	} percentiles[] = { { "p50", 0.5 }, { "p95", 0.95 }, { "p99", 0.99 }, { "p999", 0.999 } };
	const PdkSummary *cell = metric->summary;
	double average = cell->count ? (double)cell->sum / (double)cell->count : 0;
	char text[FOURLETTER_REAL_BYTES];

	fourletter_print(part, "zk_avg_%s\t%s\n", metric->name, fourletter_real(average, text));
	fourletter_print(part, "zk_min_%s\t%" PRIu64 "\n", metric->name, cell->count ? cell->min : 0);
	fourletter_print(part, "zk_max_%s\t%" PRIu64 "\n", metric->name, cell->count ? cell->max : 0);
	fourletter_print(part, "zk_cnt_%s\t%" PRIu64 "\n", metric->name, cell->count);
	fourletter_print(part, "zk_sum_%s\t%" PRIu64 "\n", metric->name, cell->sum);
	for (unsigned i = 0; cell->histogram && i < G_N_ELEMENTS(percentiles); i++)
		fourletter_print(part, "zk_%s_%s\t%" PRIu64 "\n", percentiles[i].prefix, metric->name,
				 pdk_summary_percentile(cell, percentiles[i].share));
}

static void
print_metric(const PdkMetric *metric, FourletterPart *part)
{
	char text[FOURLETTER_REAL_BYTES];

	switch (metric->type) {
	case PDK_METRIC_GAUGE:
		if (metric->is_real) {
			fourletter_print(part, "zk_%s\t%s\n", metric->name, fourletter_real(metric->real, text));
			return;
		}
		fourletter_print(part, "zk_%s\t%" PRId64 "\n", metric->name, metric->value);
		return;
	case PDK_METRIC_COUNTER:
		fourletter_print(part, "zk_%s\t%" PRId64 "\n", metric->name, metric->value);
		return;
	case PDK_METRIC_SUMMARY:
		print_summary(metric, part);
		return;
	case PDK_METRIC_TEXT:
		/* These two stand first, see fourletter_mntr. */
		if (strcmp(metric->name, "version") != 0 && strcmp(metric->name, "server_state") != 0)
			fourletter_print(part, "zk_%s\t%s\n", metric->name, metric->text);
		return;
	}
}

bool
fourletter_mntr(PdkAdminReply *reply, const PdkView *view, FourletterPart *part)
{
	if (reply->stage == 0) {
		PdkServerFacts facts = { 0 };
		view->facts(view->core, &facts);
		fourletter_print(part, "zk_version\t");
		print_version(&facts, part);
		fourletter_print(part, "zk_server_state\t%s\n", facts.mode);
		reply->stage = 1;
	}
	while (fourletter_step(part)) {
		PdkMetric metric = { 0 };
		if (!view->metric(view->core, &reply->cursor, &metric))
			return false;
		print_metric(&metric, part);
	}
	return true;
}

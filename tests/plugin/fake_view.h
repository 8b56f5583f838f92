/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server to look at for conformance suites: the PdkView table over plain arrays, which a test fills as it likes.
 * It starts as a stand-alone server with two sessions, four connections, three ephemerals, four data watches and a few metrics;
 * its clock stands still.
 */
#ifndef FAKE_VIEW_H
#define FAKE_VIEW_H

#include <paddock/view.h>

typedef struct {
	const char *key, *value;
} FakePair;

typedef struct {
	int64_t session;
	const char *path;
} FakeEphemeral;

typedef struct {
	int64_t zxid;
	uint64_t digest;
} FakeDigest;

typedef struct {
	PdkView table; /* first: its `core` is this struct */
	PdkServerFacts facts;
	const PdkEnsembleFacts *ensemble; /* NULL at first: stand-alone */
	GArray *connections; /* PdkConnectionFacts */
	GArray *sessions;    /* PdkSessionFacts */
	GArray *ephemerals;  /* FakeEphemeral */
	GArray *watches[2];  /* PdkWatchFacts, by connection and by path */
	GArray *digests;     /* FakeDigest */
	GArray *settings;    /* FakePair: `conf`, and what setting_value finds */
	GArray *environment; /* FakePair */
	GArray *metrics;     /* PdkMetric */
	uint64_t crowd;      /* so many more watches, sessions and connections, made up as they are walked */
	char text[64];       /* of the made-up entry at hand */

	unsigned steps;      /* cursor steps taken so far */
	unsigned server_resets, connection_resets;
	int64_t trace_mask;
} FakeView;

FakeView *fake_view_new(void);
void fake_view_free(FakeView *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FakeView, fake_view_free)

#endif

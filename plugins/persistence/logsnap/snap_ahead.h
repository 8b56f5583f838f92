/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gives the decoded bytes of a snapshot piece by piece, with a checksum each; changes when the reading ahead
 * does.
 *
 * With a thread, reading, decoding and summing run up to four pieces ahead of who asks, so that loading costs
 * what the core's own work costs. Without one the same happens when asked: where every run must be the same
 * (a simulator has no threads).
 */
#ifndef LOGSNAP_SNAP_AHEAD_H
#define LOGSNAP_SNAP_AHEAD_H

#include "snap_codec.h"

typedef struct SnapAhead SnapAhead;

/* @decoder is borrowed, and belongs to the thread, if there is one, until snap_ahead_free. */
SnapAhead *snap_ahead_new(SnapDecoder *decoder, bool thread);
/* Stops the thread. */
void snap_ahead_free(SnapAhead *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SnapAhead, snap_ahead_free)

/*
 * The next piece, lent until the next call: how many bytes (0: the end), -1 and @error. *adler gets its
 * Adler-32.
 */
int64_t snap_ahead_next(SnapAhead *self, const uint8_t **data, uint32_t *adler, GError **error);

#endif

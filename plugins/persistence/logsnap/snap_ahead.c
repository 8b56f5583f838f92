/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gives the decoded bytes of a snapshot piece by piece, with a checksum each; changes when the reading ahead
 * does.
 */
#include "snap_ahead.h"

#include <zlib.h>

#define PIECES 4

typedef struct {
	uint8_t *data; /* owned; traded with the decoder */
	size_t bytes;
	int64_t length; /* 0: the end, -1: `error` is set */
	uint32_t adler;
	GError *error;
} Piece;

struct SnapAhead {
	SnapDecoder *decoder;
	GThread *thread; /* NULL: none */
	GMutex mutex;
	GCond changed;
	Piece pieces[PIECES];
	uint64_t filled, emptied; /* pieces so far; filled - emptied of them wait */
	bool lent;                /* piece number `emptied` is in the hands of the caller */
	bool stop;
};

static int64_t
decode(SnapAhead *self, const uint8_t **data, uint32_t *adler, GError **error)
{
	int64_t length = snap_decoder_read(self->decoder, data, error);

	if (length > 0)
		*adler = (uint32_t)adler32(adler32(0, NULL, 0), *data, (unsigned)length);
	return length;
}

static void
fill(SnapAhead *self, Piece *piece)
{
	const uint8_t *data = NULL;

	piece->length = decode(self, &data, &piece->adler, &piece->error);
	if (piece->length > 0)
		snap_decoder_trade(self->decoder, &piece->data, &piece->bytes);
}

static void *
read_ahead(void *data)
{
	SnapAhead *self = data;
	bool more = true;

	while (more) {
		g_mutex_lock(&self->mutex);
		while (self->filled - self->emptied == PIECES && !self->stop)
			g_cond_wait(&self->changed, &self->mutex);
		more = !self->stop;
		g_mutex_unlock(&self->mutex);
		if (!more)
			break;
		Piece *piece = &self->pieces[self->filled % PIECES];
		fill(self, piece);
		more = piece->length > 0;
		g_mutex_lock(&self->mutex);
		self->filled++;
		g_cond_signal(&self->changed);
		g_mutex_unlock(&self->mutex);
	}
	return NULL;
}

SnapAhead *
snap_ahead_new(SnapDecoder *decoder, bool thread)
{
	SnapAhead *self = g_new0(SnapAhead, 1);

	self->decoder = decoder;
	g_mutex_init(&self->mutex);
	g_cond_init(&self->changed);
	if (thread)
		self->thread = g_thread_new("snapshot", read_ahead, self);
	return self;
}

void
snap_ahead_free(SnapAhead *self)
{
	g_mutex_lock(&self->mutex);
	self->stop = true;
	g_cond_signal(&self->changed);
	g_mutex_unlock(&self->mutex);
	g_clear_pointer(&self->thread, g_thread_join);
	for (unsigned i = 0; i < PIECES; i++) {
		g_free(self->pieces[i].data);
		g_clear_error(&self->pieces[i].error);
	}
	g_mutex_clear(&self->mutex);
	g_cond_clear(&self->changed);
	g_free(self);
}

int64_t
snap_ahead_next(SnapAhead *self, const uint8_t **data, uint32_t *adler, GError **error)
{
	if (self->thread == NULL)
		return decode(self, data, adler, error);
	g_mutex_lock(&self->mutex);
	if (self->lent) {
		self->emptied++;
		g_cond_signal(&self->changed);
	}
	while (self->filled == self->emptied)
		g_cond_wait(&self->changed, &self->mutex);
	g_mutex_unlock(&self->mutex);
	Piece *piece = &self->pieces[self->emptied % PIECES];
	self->lent = piece->length > 0; /* the end, and an error, are there for good */
	*data = piece->data;
	*adler = piece->adler;
	if (piece->error && error)
		*error = g_error_copy(piece->error);
	return piece->length;
}

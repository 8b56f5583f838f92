/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the bytes of a snapshot are compressed: not, by gzip, by snappy in xerial's stream framing. Changes
 * when a method comes or changes. Source: SnapStream; snappy-java's SnappyOutputStream.
 */
#ifndef LOGSNAP_SNAP_CODEC_H
#define LOGSNAP_SNAP_CODEC_H

#include "names.h"

typedef struct SnapEncoder SnapEncoder;
typedef struct SnapDecoder SnapDecoder;

/* Takes encoded bytes. */
typedef bool (*SnapSink)(void *context, const uint8_t *data, size_t length, GError **error);
/* Gives encoded bytes: how many (0: the end), -1 and @error. */
typedef int64_t (*SnapSource)(void *context, uint8_t *into, size_t length, GError **error);

SnapEncoder *snap_encoder_new(SnapCodec codec, SnapSink sink, void *context);
bool snap_encoder_write(SnapEncoder *self, const uint8_t *data, size_t length, GError **error);
/* Hands over what is left. Once, last. */
bool snap_encoder_finish(SnapEncoder *self, GError **error);
void snap_encoder_free(SnapEncoder *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SnapEncoder, snap_encoder_free)

SnapDecoder *snap_decoder_new(SnapCodec codec, SnapSource source, void *context);
/*
 * The next decoded bytes, lent until the next call: how many (0: the end), -1 and @error when the stream is
 * damaged or cut. Memory is bounded: a piece is at most 1 MiB, a snappy block at most 16 MiB.
 */
int64_t snap_decoder_read(SnapDecoder *self, const uint8_t **data, GError **error);
/*
 * Gives away the buffer that holds the bytes just read, and takes *buffer (@bytes long; may be NULL and 0)
 * for it: who wants to keep a piece need not copy it.
 */
void snap_decoder_trade(SnapDecoder *self, uint8_t **buffer, size_t *bytes);
void snap_decoder_free(SnapDecoder *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SnapDecoder, snap_decoder_free)

/*
 * Could @path, of @codec, be a whole snapshot? The cheap look that makes it a candidate: the closing "/" at
 * the end of a plain file, the magic of a compressed one. 1 yes, 0 no, -1 and @error: the disk failed.
 * Source: SnapStream.isValidSnapshot.
 */
int snap_codec_probe(const PdkFiles *files, const char *path, SnapCodec codec, GError **error);

#endif

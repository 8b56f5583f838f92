/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layout of a snapshot file around its body; changes when ZooKeeper's snapshot format does. Source:
 * FileSnap, SnapStream.
 *
 * Header of 16 bytes (magic, version 2, dbid -1), body, then seals and tail sections: a seal is the Adler-32
 * (as a long) of every uncompressed byte before it and the string "/". Seal 1 follows the body, seal 2 the
 * digest section, seal 3 the last zxid.
 */
#ifndef LOGSNAP_SNAP_FORMAT_H
#define LOGSNAP_SNAP_FORMAT_H

#define SNAP_MAGIC 0x5A4B534Eu /* "ZKSN" */
#define SNAP_VERSION 2u
#define SNAP_HEADER_BYTES 16
#define SNAP_CLOSING_BYTES 5 /* the string "/": 00 00 00 01 2f */
#define SNAP_SEAL_BYTES (8 + SNAP_CLOSING_BYTES)
#define SNAP_DIGEST_BYTES (8 + 4 + 8) /* zxid, version, digest */
#define SNAP_LAST_ZXID_BYTES 8
/* Everything behind the body, at most. */
#define SNAP_TAIL_BYTES (3 * SNAP_SEAL_BYTES + SNAP_DIGEST_BYTES + SNAP_LAST_ZXID_BYTES)

/* xerial's stream framing of snappy blocks. */
#define XERIAL_HEADER_BYTES 16
#define XERIAL_BLOCK_BYTES (32 * 1024) /* what its writer puts into a block */

#endif

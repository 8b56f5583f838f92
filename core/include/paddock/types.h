/* SPDX-License-Identifier: Apache-2.0 */
/* The few words that every kind of plugin shares. */
#ifndef PADDOCK_TYPES_H
#define PADDOCK_TYPES_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

/* One visible symbol a plugin; everything else stays inside the .so. */
#define PDK_EXPORT __attribute__((visibility("default")))

/*
 * A table may be older (shorter) than the reader: ask before using a slot.
 * True when @table is long enough to hold @slot and the slot is filled.
 */
#define PDK_HAS(table, slot)                                                                                       \
	((table)->size >= offsetof(__typeof__(*(table)), slot) + sizeof((table)->slot) && (table)->slot)

typedef struct PdkHost PdkHost;     /* host.h: what the daemon lends to a plugin */
typedef struct PdkConfig PdkConfig; /* the checked option values of one plugin instance (opaque, host.h reads it) */
typedef struct PdkView PdkView;     /* view.h: what admin and metrics plugins may read of the server */

/*
 * A connection as its transport knows it: slot in the low 32 bits, generation in the high 32 bits.
 * A closed connection's handle never comes back, so a late call on it is harmless. 0 is none.
 */
typedef uint64_t PdkConn;

/*
 * The same connection as the core knows it; given to the transport by the `accepted` and `dialled`
 * events and handed back with every later event. 0 is none (refused).
 */
typedef uint64_t PdkLink;

/* What a connection is for. The core chooses the framing by it, a transport may choose certificates by it. */
typedef enum {
	PDK_PURPOSE_CLIENT = 1,
	PDK_PURPOSE_QUORUM = 2,
	PDK_PURPOSE_ELECTION = 3,
	PDK_PURPOSE_OBSERVER = 4, /* accepted: an observer, at the port that a follower has for such */
} PdkPurpose;

typedef enum {
	PDK_LOG_ERROR = 1,   /* the server stops or a promise is in danger */
	PDK_LOG_WARNING = 2, /* somebody should look, the server goes on */
	PDK_LOG_INFO = 3,    /* a state change an operator would tell a colleague */
	PDK_LOG_DEBUG = 4,
} PdkLogLevel;

G_END_DECLS

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a step of the server wants done: accumulators that live across steps, not a list with an entry a
 * request. The host carries them at the end of each turn in this order: append + sync, output, commands; then
 * resets them.
 */
#ifndef PDK_BASE_EFFECTS_H
#define PDK_BASE_EFFECTS_H

#include "base/buffer.h"
#include <paddock/persistence.h>
#include <paddock/transport.h>

/* A large piece of data that goes out as it is, behind the first @offset bytes of the buffer it belongs to. */
typedef struct {
	size_t offset;
	GBytes *bytes; /* owned */
} PdkBlock;

/* The output of one connection in this turn. */
typedef struct {
	PdkLink link;
	PdkBuffer bytes;
	PdkBlock *blocks;
	unsigned n_blocks, blocks_capacity;
	size_t block_bytes; /* sum over blocks */
} PdkOutput;

typedef struct {
	int64_t zxid;
	GBytes *txn; /* owned */
} PdkAppend;

typedef enum {
	PDK_COMMAND_CLOSE,         /* link, now */
	PDK_COMMAND_CLOSE_FLUSHED, /* link, after its output */
	PDK_COMMAND_PAUSE,         /* link: no further RECEIVED */
	PDK_COMMAND_RESUME,        /* link */
	PDK_COMMAND_SNAPSHOT_BEGIN,  /* zxid */
	PDK_COMMAND_SNAPSHOT_PART,   /* part (owned) */
	PDK_COMMAND_SNAPSHOT_FINISH, /* tail */
	PDK_COMMAND_SNAPSHOT_ABORT,
	PDK_COMMAND_DIAL,     /* dial, purpose, address (owned), timeout_ms; answered by DIALLED or DIAL_FAILED */
	PDK_COMMAND_LISTEN,   /* purpose, address (owned); answered by LISTENING */
	PDK_COMMAND_UNLISTEN, /* purpose: its listeners close */
	PDK_COMMAND_RECORD,   /* key (owned), part (owned): keep this small record; answered by RECORD_SAVED */
	PDK_COMMAND_MEMBERS,  /* key "committed" or "next", part (owned; NULL: remove): the list; on disk before the appends; no answer */
	PDK_COMMAND_TRUNCATE, /* zxid: cut the log behind it, and snapshots above it; answered by TRUNCATED */
	PDK_COMMAND_RELOAD,   /* read the database from disk again (snapshot, then log); answered by RELOADED */
	PDK_COMMAND_READ_LOG, /* zxid, limit bytes: logged txns from there on; answered by LOG_READ, once or more */
} PdkCommandType;

typedef struct {
	PdkCommandType type;
	PdkLink link;
	int64_t zxid;
	GBytes *part;
	PdkSnapshotTail tail;
	uint32_t dial;
	PdkPurpose purpose;
	int32_t timeout_ms;
	int64_t limit;
	char *address, *key;
} PdkCommand;

typedef struct {
	PdkOutput *outputs; /* the first n_outputs are of this turn; buffers of all are kept for reuse */
	unsigned n_outputs, outputs_capacity;
	uint32_t turn; /* rises with every reset: tells stale references apart; never 0 */

	PdkAppend *appends;
	unsigned n_appends, appends_capacity;

	PdkCommand *commands;
	unsigned n_commands, commands_capacity;

	int64_t deadline_us; /* monotonic: step with PDK_EVENT_TURN not later than this; INT64_MAX: none */
	bool again;          /* there is work left: step with PDK_EVENT_TURN soon, after others had their turn */
	bool refused;        /* answer to PDK_EVENT_ACCEPTED: do not keep this connection */
	bool stopped;        /* answer to PDK_EVENT_STOP, perhaps later: everything is answered, the host may close */
	char *fatal;         /* not NULL: stop the process with this line (owned) */
} PdkEffects;

PdkEffects *pdk_effects_new(void);
void pdk_effects_free(PdkEffects *effects);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PdkEffects, pdk_effects_free)
/* After carrying: everything empty, buffers kept (large ones freed). */
void pdk_effects_reset(PdkEffects *effects);

/* The index of @link's output in this turn, made when @index is not one of @turn. */
unsigned pdk_effects_output(PdkEffects *effects, PdkLink link, unsigned index, uint32_t turn);
/* Puts @bytes (reference taken) behind what is in @output. */
void pdk_output_block(PdkOutput *output, GBytes *bytes);
static inline size_t
pdk_output_length(const PdkOutput *output)
{
	return output->bytes.length + output->block_bytes;
}
/*
 * The parts of @output in order, for transport send; *n of them, valid until the output changes. @scratch is
 * reused between calls.
 */
const PdkPart *pdk_output_parts(const PdkOutput *output, GArray *scratch, unsigned *n);

/* Takes @txn over. */
void pdk_effects_append(PdkEffects *effects, int64_t zxid, GBytes *txn);
PdkCommand *pdk_effects_command(PdkEffects *effects, PdkCommandType type, PdkLink link);

#endif

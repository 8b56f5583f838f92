/* SPDX-License-Identifier: Apache-2.0 */
/* How wishes of a step are gathered. */
#include "base/effects.h"

/* Buffers are kept for the next turn: of the first few outputs generously, of the others only while small. */
#define KEPT_OUTPUTS 64
#define KEPT_CAPACITY (256 * 1024)
#define KEPT_CAPACITY_FURTHER 1024

#define MAKE_ROOM(array, count, capacity)                                                                          \
	do {                                                                                                       \
		if ((count) == (capacity)) {                                                                       \
			(capacity) = (capacity) ? (capacity) * 2 : 16;                                             \
			(array) = g_renew(__typeof__(*(array)), (array), (capacity));                              \
		}                                                                                                  \
	} while (0)

PdkEffects *
pdk_effects_new(void)
{
	PdkEffects *effects = g_new0(PdkEffects, 1);
	effects->turn = 1;
	effects->deadline_us = INT64_MAX;
	return effects;
}

static void
empty_output(PdkOutput *output, size_t kept_capacity)
{
	for (unsigned i = 0; i < output->n_blocks; i++)
		g_bytes_unref(output->blocks[i].bytes);
	output->n_blocks = 0;
	output->block_bytes = 0;
	output->bytes.length = 0;
	if (output->bytes.capacity > kept_capacity)
		pdk_buffer_clear(&output->bytes);
}

void
pdk_effects_reset(PdkEffects *effects)
{
	for (unsigned i = 0; i < effects->n_outputs; i++)
		empty_output(&effects->outputs[i], i < KEPT_OUTPUTS ? KEPT_CAPACITY : KEPT_CAPACITY_FURTHER);
	effects->n_outputs = 0;
	for (unsigned i = 0; i < effects->n_appends; i++)
		g_bytes_unref(effects->appends[i].txn);
	effects->n_appends = 0;
	for (unsigned i = 0; i < effects->n_commands; i++) {
		g_clear_pointer(&effects->commands[i].part, g_bytes_unref);
		g_clear_pointer(&effects->commands[i].address, g_free);
		g_clear_pointer(&effects->commands[i].key, g_free);
	}
	effects->n_commands = 0;
	if (++effects->turn == 0)
		effects->turn = 1;
	effects->deadline_us = INT64_MAX;
	effects->again = effects->refused = effects->stopped = false;
	g_clear_pointer(&effects->fatal, g_free);
}

void
pdk_effects_free(PdkEffects *effects)
{
	pdk_effects_reset(effects);
	for (unsigned i = 0; i < effects->outputs_capacity; i++) {
		pdk_buffer_clear(&effects->outputs[i].bytes);
		g_free(effects->outputs[i].blocks);
	}
	g_free(effects->outputs);
	g_free(effects->appends);
	g_free(effects->commands);
	g_free(effects);
}

unsigned
pdk_effects_output(PdkEffects *effects, PdkLink link, unsigned index, uint32_t turn)
{
	if (turn == effects->turn && index < effects->n_outputs && effects->outputs[index].link == link)
		return index;
	unsigned before = effects->outputs_capacity;
	MAKE_ROOM(effects->outputs, effects->n_outputs, effects->outputs_capacity);
	if (before != effects->outputs_capacity)
		memset(&effects->outputs[before], 0, (effects->outputs_capacity - before) * sizeof(PdkOutput));
	effects->outputs[effects->n_outputs].link = link;
	return effects->n_outputs++;
}

void
pdk_output_block(PdkOutput *output, GBytes *bytes)
{
	MAKE_ROOM(output->blocks, output->n_blocks, output->blocks_capacity);
	output->blocks[output->n_blocks++] = (PdkBlock){output->bytes.length, g_bytes_ref(bytes)};
	output->block_bytes += g_bytes_get_size(bytes);
}

static void
add_part(GArray *parts, const void *data, size_t length, GBytes *owner)
{
	PdkPart part = {data, length, owner};
	if (length > 0)
		g_array_append_val(parts, part);
}

const PdkPart *
pdk_output_parts(const PdkOutput *output, GArray *scratch, unsigned *n)
{
	size_t done = 0;
	g_array_set_size(scratch, 0);
	for (unsigned i = 0; i < output->n_blocks; i++) {
		const PdkBlock *block = &output->blocks[i];
		add_part(scratch, output->bytes.data + done, block->offset - done, NULL);
		done = block->offset;
		size_t length;
		const void *data = g_bytes_get_data(block->bytes, &length);
		add_part(scratch, data, length, block->bytes);
	}
	add_part(scratch, output->bytes.data + done, output->bytes.length - done, NULL);
	*n = scratch->len;
	return (const PdkPart *)(void *)scratch->data;
}

void
pdk_effects_append(PdkEffects *effects, int64_t zxid, GBytes *txn)
{
	MAKE_ROOM(effects->appends, effects->n_appends, effects->appends_capacity);
	effects->appends[effects->n_appends++] = (PdkAppend){zxid, txn};
}

PdkCommand *
pdk_effects_command(PdkEffects *effects, PdkCommandType type, PdkLink link)
{
	MAKE_ROOM(effects->commands, effects->n_commands, effects->commands_capacity);
	PdkCommand *command = &effects->commands[effects->n_commands++];
	*command = (PdkCommand){.type = type, .link = link};
	return command;
}

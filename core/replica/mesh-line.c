/* SPDX-License-Identifier: Apache-2.0 */
/* How messages are framed on an election link. */
#include "replica/mesh-line.h"

#define HEAD_BYTES 4
#define COPIED_MAX 4096 /* longer messages go out by reference */

PdkMeshLine *
pdk_mesh_line_new(PdkLink link, const char *endpoint, bool dialled, int64_t now_us)
{
	PdkMeshLine *line = g_new0(PdkMeshLine, 1);
	line->link = link;
	line->stage = PDK_MESH_LINE_HELLO;
	line->endpoint = g_strdup(endpoint);
	line->dialled = dialled;
	line->since_us = now_us;
	return line;
}

void
pdk_mesh_line_free(PdkMeshLine *line)
{
	pdk_buffer_clear(&line->in);
	g_free(line->endpoint);
	g_free(line);
}

static PdkOutput *
output_of(PdkMeshLine *line, PdkEffects *effects)
{
	line->output = pdk_effects_output(effects, line->link, line->output, line->output_turn);
	line->output_turn = effects->turn;
	return &effects->outputs[line->output];
}

PdkBuffer *
pdk_mesh_line_out(PdkMeshLine *line, PdkEffects *effects)
{
	return &output_of(line, effects)->bytes;
}

void
pdk_mesh_line_write(PdkMeshLine *line, GBytes *message, PdkEffects *effects)
{
	PdkOutput *output = output_of(line, effects);
	size_t length;
	const void *data = g_bytes_get_data(message, &length);
	pdk_put_int(&output->bytes, (int32_t)length);
	if (length > COPIED_MAX)
		pdk_output_block(output, message);
	else
		pdk_buffer_append(&output->bytes, data, length);
}

size_t
pdk_mesh_line_pending(const PdkMeshLine *line, const PdkEffects *effects)
{
	if (line->output_turn != effects->turn || line->output >= effects->n_outputs)
		return line->unsent;
	return line->unsent + pdk_output_length(&effects->outputs[line->output]);
}

/* Moves bytes into the line's buffer until it holds @until of them. False: they have not come. */
static bool
fill(PdkMeshLine *line, const uint8_t **data, size_t *length, size_t until)
{
	size_t taken = MIN(until - line->in.length, *length);
	pdk_buffer_append(&line->in, *data, taken);
	*data += taken;
	*length -= taken;
	return line->in.length == until;
}

static bool
good_length(uint32_t length)
{
	return length >= 1 && length <= PDK_MESH_FRAME_MAX;
}

PdkMeshCut
pdk_mesh_line_cut(PdkMeshLine *line, const uint8_t **data, size_t *length, PdkBuffer *lent, const uint8_t **frame,
		  size_t *frame_length)
{
	if (*length == 0)
		return PDK_MESH_CUT_MORE; /* never is a whole frame kept */
	if (line->in.length == 0 && *length >= HEAD_BYTES) {
		uint32_t whole = pdk_load_u32(*data);
		if (good_length(whole) && *length - HEAD_BYTES >= whole) {
			*frame = *data + HEAD_BYTES;
			*frame_length = whole;
			*data += HEAD_BYTES + whole;
			*length -= HEAD_BYTES + whole;
			return PDK_MESH_CUT_FRAME;
		}
	}
	if (line->in.length < HEAD_BYTES && !fill(line, data, length, HEAD_BYTES))
		return PDK_MESH_CUT_MORE;
	uint32_t whole = pdk_load_u32(line->in.data);
	if (!good_length(whole))
		return PDK_MESH_CUT_BAD;
	if (!fill(line, data, length, HEAD_BYTES + whole))
		return PDK_MESH_CUT_MORE;
	*lent = line->in;
	line->in = (PdkBuffer){0};
	*frame = lent->data + HEAD_BYTES;
	*frame_length = whole;
	return PDK_MESH_CUT_FRAME;
}

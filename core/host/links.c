/* SPDX-License-Identifier: Apache-2.0 */
/* Changes when links are named in another way. */
#include "host/links.h"

#include "base/assert.h"

void
pdk_links_init(PdkLinks *links)
{
	*links = (PdkLinks){.first_free = G_MAXUINT32};
}

void
pdk_links_clear(PdkLinks *links)
{
	g_free(links->slots);
	pdk_links_init(links);
}

static uint32_t
take_slot(PdkLinks *links)
{
	uint32_t index = links->first_free;

	if (index != G_MAXUINT32) {
		links->first_free = links->slots[index].next_free;
		return index;
	}
	if (links->n == links->capacity) {
		links->capacity = links->capacity ? links->capacity * 2 : 64;
		links->slots = g_renew(PdkLinkSlot, links->slots, links->capacity);
	}
	index = links->n++;
	links->slots[index] = (PdkLinkSlot){.generation = 1};
	return index;
}

PdkLink
pdk_links_add(PdkLinks *links, const PdkTransportOps *ops, PdkTransport *transport, PdkConn conn, PdkPurpose purpose)
{
	pdk_assert(transport != NULL);
	uint32_t index = take_slot(links);
	PdkLinkSlot *slot = &links->slots[index];

	slot->ops = ops;
	slot->transport = transport;
	slot->conn = conn;
	slot->purpose = purpose;
	slot->told_unsent = false;
	slot->dialling = false;
	links->live++;
	return (PdkLink)slot->generation << 32 | index;
}

void
pdk_links_remove(PdkLinks *links, PdkLink link)
{
	PdkLinkSlot *slot = pdk_links_find(links, link);

	pdk_assert(slot != NULL);
	slot->transport = NULL;
	links->live--;
	/* A slot whose generations are used up is not used again. */
	if (slot->generation == G_MAXUINT32)
		return;
	slot->generation++;
	slot->next_free = links->first_free;
	links->first_free = (uint32_t)link;
}

PdkLink
pdk_links_next(const PdkLinks *links, uint32_t *cursor)
{
	while (*cursor < links->n) {
		uint32_t index = (*cursor)++;
		if (links->slots[index].transport)
			return (PdkLink)links->slots[index].generation << 32 | index;
	}
	return 0;
}

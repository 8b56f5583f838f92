/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link table: which connection of which transport stands behind a PdkLink. A link is slot (low 32 bits) +
 * generation (high 32 bits); a name that is over never comes back, so a late word on it finds nothing.
 */
#ifndef PDK_HOST_LINKS_H
#define PDK_HOST_LINKS_H

#include <paddock/transport.h>

typedef struct {
	const PdkTransportOps *ops;
	PdkTransport *transport; /* NULL: the slot is free */
	PdkConn conn;
	uint32_t generation;
	uint32_t next_free; /* of a free slot; G_MAXUINT32: none */
	bool told_unsent;   /* the server was told of unsent output and not yet that it is gone */
	bool dialling;      /* asked for under the name `dial`, and nobody answered yet: the server does not know the link */
	uint32_t dial;
	PdkPurpose purpose;
} PdkLinkSlot;

/* Zero-initialise with pdk_links_init. */
typedef struct {
	PdkLinkSlot *slots;
	uint32_t n, capacity, first_free;
	unsigned live;
} PdkLinks;

void pdk_links_init(PdkLinks *links);
void pdk_links_clear(PdkLinks *links);

PdkLink pdk_links_add(PdkLinks *links, const PdkTransportOps *ops, PdkTransport *transport, PdkConn conn, PdkPurpose purpose);
/* @link must be alive. */
void pdk_links_remove(PdkLinks *links, PdkLink link);

/* NULL: over. Valid until the next add. */
static inline PdkLinkSlot *
pdk_links_find(const PdkLinks *links, PdkLink link)
{
	uint32_t index = (uint32_t)link;

	if (index >= links->n)
		return NULL;
	PdkLinkSlot *slot = &links->slots[index];
	return slot->transport && slot->generation == link >> 32 ? slot : NULL;
}

/* The next living link at or after slot *cursor (start with 0), which moves on; 0: no more. */
PdkLink pdk_links_next(const PdkLinks *links, uint32_t *cursor);

#endif

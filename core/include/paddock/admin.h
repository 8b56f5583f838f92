/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Admin: answers operators, by words on the client port or on a listener of its own.
 *
 * A word is what a fresh client connection sends instead of a frame length: four bytes. The core asks each
 * admin plugin in configured order whether it knows the word; the reply is a generator, so that a long one
 * stalls nobody.
 */
#ifndef PADDOCK_ADMIN_H
#define PADDOCK_ADMIN_H

#include <paddock/host.h>
#include <paddock/view.h>

G_BEGIN_DECLS

typedef struct PdkAdmin PdkAdmin;
typedef struct PdkAdminReply PdkAdminReply;

/* Required: create, destroy. A plugin that knows words has the other slots, too. */
typedef struct {
	uint32_t size;
	/* @view may be read until `destroy`. A plugin with a listener of its own starts it here. */
	PdkAdmin *(*create)(const PdkHost *host, const PdkConfig *config, const PdkView *view, GError **error);
	void (*destroy)(PdkAdmin *self);

	/*
	 * Is @word (4 bytes) for this plugin? Returns -1: no; otherwise how many bytes of argument follow the
	 * word and are waited for (0 for most).
	 */
	int (*word)(PdkAdmin *self, const char word[4]);
	/* Begins the reply; never NULL. @argument may be short when the peer ended early. */
	PdkAdminReply *(*begin)(PdkAdmin *self, const char word[4], const uint8_t *argument, size_t length);
	/*
	 * Appends the next part (about 64 KiB at most) to @out; false: that was all. The connection is then
	 * closed.
	 */
	bool (*next)(PdkAdmin *self, PdkAdminReply *reply, GByteArray *out);
	/* Frees the reply, finished or not. */
	void (*end)(PdkAdmin *self, PdkAdminReply *reply);
} PdkAdminOps;

G_END_DECLS

#endif

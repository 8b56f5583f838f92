/* SPDX-License-Identifier: Apache-2.0 */
/* Assertions: what we ourselves guarantee. They stay on in releases; a broken promise must not be served on. */
#ifndef PDK_BASE_ASSERT_H
#define PDK_BASE_ASSERT_H

#include <glib.h>

#define pdk_assert(condition)                                                                                      \
	do {                                                                                                       \
		if (G_UNLIKELY(!(condition)))                                                                      \
			g_error("%s:%d: broken promise: %s", __FILE__, __LINE__, #condition);                      \
	} while (0)

#endif

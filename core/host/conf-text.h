/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What libconfig 1.5 does not do by itself: it cuts integers of more than 32 bits short unless they end in L,
 * includes any file it is told to, and blames the last line for a string without an end.
 */
#ifndef PDK_HOST_CONF_TEXT_H
#define PDK_HOST_CONF_TEXT_H

#include <glib.h>

/*
 * @text with an L behind each integer that needs it; g_free. NULL: @error (PDK_CONFIG_ERROR) says "FILE:LINE:
 * what" for a NUL byte, an @include, a string without an end, or an integer of more than 64 bits.
 */
char *pdk_conf_text_prepare(const char *file, const char *text, size_t length, GError **error);

#endif

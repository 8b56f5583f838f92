/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Java's properties syntax, as java.util.Properties.load reads it: comments # and !, keys ended by '=', ':'
 * or white space, lines continued by '\', escapes \t \n \r \f \uXXXX. Bytes are kept as they are; \u becomes
 * UTF-8.
 */
#ifndef PDK_BASE_PROPERTIES_H
#define PDK_BASE_PROPERTIES_H

#include <glib.h>

#define PDK_PROPERTIES_ERROR g_quark_from_static_string("pdk-properties-error")
enum { PDK_PROPERTIES_ERROR_SYNTAX };

typedef struct {
	char *key, *value; /* with white space at both ends taken off */
	unsigned line;	   /* where it begins, from 1 */
} PdkProperty;

/* In the order of the file, doubles included; free with g_ptr_array_unref. NULL: @error says "LINE: what". */
GPtrArray *pdk_properties_parse(const char *text, size_t length, GError **error);

#endif

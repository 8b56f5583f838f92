/* SPDX-License-Identifier: Apache-2.0 */
/* What a legal znode path is. Changes when the idea of a legal path changes. */
#ifndef PDK_BASE_PATH_H
#define PDK_BASE_PATH_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Full syntax: starts with '/', "/" alone is fine, no trailing '/', no empty, "." or ".." component, valid
 * UTF-8 without NUL, U+0001-001F, U+007F-009F, U+D800-F8FF, U+FFF0-FFFF and nothing beyond U+FFFF. @path NULL
 * is illegal. Source: org.apache.zookeeper.common.PathUtils.validatePath.
 */
bool pdk_path_legal(const char *path, size_t length);

/*
 * The parent's length within a path that has a '/': 1 for "/a" is written as 0 (the root is the empty path).
 * @path must contain '/'. "/a/b" gives 2.
 */
size_t pdk_path_parent(const char *path, size_t length);

/* The last component begins here (offset behind the last '/'). */
size_t pdk_path_name(const char *path, size_t length);

/* True when @path is @ancestor or lies below it, by components. "" and "/" are above all. */
bool pdk_path_below(const char *path, size_t length, const char *ancestor, size_t ancestor_length);

#endif

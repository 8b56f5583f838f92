/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines for the operator: "2026-11-21 10:00:00.123 INFO  paddock-tcp: text" on stderr, in UTC. Any thread may
 * write.
 */
#ifndef PDK_HOST_LOG_H
#define PDK_HOST_LOG_H

#include <paddock/types.h>

typedef struct {
	PdkLogLevel level; /* what is graver or as grave is written */
	int fd;            /* where to; 2 in the daemon */
} PdkLog;

/* One line, written whole by one call of the system; control characters in @text become spaces. */
void pdk_log_line(const PdkLog *log, PdkLogLevel level, const char *domain, const char *text);
void pdk_log(const PdkLog *log, PdkLogLevel level, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* GLib's own messages take the same way; for g_log_set_writer_func with a PdkLog as data. */
GLogWriterOutput pdk_log_glib_writer(GLogLevelFlags flags, const GLogField *fields, gsize n_fields, gpointer log);

/* "error", "warning", "info", "debug"; false: none of them. */
bool pdk_log_level_parse(const char *text, PdkLogLevel *level);

#endif

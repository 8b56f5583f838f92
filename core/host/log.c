/* SPDX-License-Identifier: Apache-2.0 */
/* Changes when the shape of a log line does. */
#include "host/log.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const level_names[] = {"", "error", "warning", "info", "debug"};
static const char *const level_marks[] = {"", "ERROR", "WARN ", "INFO ", "DEBUG"};

void
pdk_log_line(const PdkLog *log, PdkLogLevel level, const char *domain, const char *text)
{
	struct timespec now;
	struct tm parts;
	char date[32];

	if (level > log->level)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &parts);
	strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &parts);

	g_autofree char *line = g_strdup_printf("%s.%03d %s %s: %s\n", date, (int)(now.tv_nsec / 1000000),
						level_marks[level], domain, text);
	size_t length = strlen(line);
	for (size_t i = 0; i + 1 < length; i++)
		if ((unsigned char)line[i] < ' ')
			line[i] = ' ';
	/* Nobody can be told that the log cannot be written. */
	ssize_t written = write(log->fd, line, length);
	(void)written;
}

void
pdk_log(const PdkLog *log, PdkLogLevel level, const char *format, ...)
{
	va_list arguments;

	if (level > log->level)
		return;
	va_start(arguments, format);
	g_autofree char *text = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	pdk_log_line(log, level, "paddockd", text);
}

static const char *
find_field(const GLogField *fields, gsize n_fields, const char *key)
{
	for (gsize i = 0; i < n_fields; i++)
		if (fields[i].length < 0 && strcmp(fields[i].key, key) == 0)
			return fields[i].value;
	return NULL;
}

GLogWriterOutput
pdk_log_glib_writer(GLogLevelFlags flags, const GLogField *fields, gsize n_fields, gpointer log)
{
	const char *text = find_field(fields, n_fields, "MESSAGE");
	const char *domain = find_field(fields, n_fields, "GLIB_DOMAIN");
	PdkLogLevel level = flags & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL)	 ? PDK_LOG_ERROR
			    : flags & G_LOG_LEVEL_WARNING			 ? PDK_LOG_WARNING
			    : flags & (G_LOG_LEVEL_MESSAGE | G_LOG_LEVEL_INFO)	 ? PDK_LOG_INFO
										 : PDK_LOG_DEBUG;

	pdk_log_line(log, level, domain ? domain : "paddockd", text ? text : "");
	return G_LOG_WRITER_HANDLED;
}

bool
pdk_log_level_parse(const char *text, PdkLogLevel *level)
{
	for (unsigned i = PDK_LOG_ERROR; i <= PDK_LOG_DEBUG; i++) {
		if (strcmp(text, level_names[i]) != 0)
			continue;
		*level = (PdkLogLevel)i;
		return true;
	}
	return false;
}

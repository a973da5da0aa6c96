// SPDX-License-Identifier: GPL-2.0-only
/* See log.h. One write per line, so lines of two threads do not mix. */
#include "userspace/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static enum log_level limit = LOG_INFO;

void log_set_level(enum log_level level)
{
	limit = level;
}

void log_at(enum log_level level, const char *format, ...)
{
	static const char *const prefix[] = { "spantap: ", "spantap: warning: ", "spantap: ", "spantap: debug: " };
	char line[1024];
	va_list args;
	int len;

	if (level > limit)
		return;
	len = snprintf(line, sizeof(line), "%s", prefix[level]);
	va_start(args, format);
	len += vsnprintf(line + len, sizeof(line) - (size_t)len, format, args);
	va_end(args);
	if ((size_t)len > sizeof(line) - 2)
		len = sizeof(line) - 2;
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, (size_t)len) < 0)
		return; /* nobody left to tell */
}

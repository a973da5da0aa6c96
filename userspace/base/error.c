// SPDX-License-Identifier: GPL-2.0-only
/* See error.h. */
#include "userspace/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int error_set(struct error *error, int err, const char *format, ...)
{
	va_list args;

	if (!error || error->text[0])
		return err;
	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return err;
}

const char *error_name(int err)
{
	static __thread char text[128];

	return strerror_r(err < 0 ? -err : err, text, sizeof(text));
}

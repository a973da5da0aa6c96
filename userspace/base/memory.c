// SPDX-License-Identifier: GPL-2.0-only
/* See memory.h. */
#include "userspace/base/memory.h"

#include <stdlib.h>
#include <string.h>

static int64_t fail_after = -1;

void memory_fail_after(int64_t after)
{
	fail_after = after;
}

static int refused(void)
{
	if (fail_after < 0)
		return 0;
	if (fail_after == 0)
		return 1;
	fail_after--;
	return 0;
}

void *memory_new(size_t size)
{
	return refused() ? NULL : calloc(1, size ? size : 1);
}

void *memory_array(size_t count, size_t size)
{
	return refused() ? NULL : calloc(count ? count : 1, size ? size : 1);
}

void *memory_resize(void *block, size_t size)
{
	return refused() ? NULL : realloc(block, size ? size : 1);
}

char *memory_text(const void *data, size_t len)
{
	char *text = memory_new(len + 1);

	if (text && len)
		memcpy(text, data, len);
	return text;
}

void memory_free(void *block)
{
	free(block);
}

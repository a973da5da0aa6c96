// SPDX-License-Identifier: GPL-2.0-only
/* See guard.h. */
#include "tests/lib/guard.h"

#include <assert.h>
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

int guard_init(struct guard *g, size_t max)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t size = (max / page + 1) * page;
	uint8_t *map =
		mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	*g = (struct guard){ 0 };
	if (map == MAP_FAILED)
		return -errno;
	*g = (struct guard){ .map = map, .size = size, .page = page };
	return mprotect(map + size, page, PROT_NONE) ? -errno : 0;
}

void guard_release(struct guard *g)
{
	if (g->map)
		munmap(g->map, g->size + g->page);
	*g = (struct guard){ 0 };
}

struct bytes guard_put(struct guard *g, struct bytes in)
{
	uint8_t *at = g->map + g->size - in.len;

	assert(in.len <= g->size);
	if (in.len)
		memcpy(at, in.data, in.len);
	return bytes_of(at, in.len);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * nginx, and what is made of it (OpenResty, Angie, Tengine): for which client a connection is used.
 * Each client's connection has a log of its own, and a connection to a server borrows that of the
 * client it is used for (ngx_event_connect_peer(), and the modules that keep connections, set it).
 * A kept connection that nobody uses has the cycle's. So a log stands for a client.
 *
 *   epoll's data & ~1 -> ngx_connection_t: fd at 24, log at 80 -> ngx_log_t: connection at 16
 *
 * Offsets of 64-bit builds: struct ngx_connection_s in src/core/ngx_connection.h (the same since
 * 0.7), struct ngx_log_s in src/core/ngx_log.h (since 0.1). The log's number is counted up with
 * each connection (ngx_http_init_connection()), so an address that is used again is another unit.
 */
#include "userspace/base/bytes.h"
#include "userspace/runtime/runtime.h"

#define CONNECTION_FD 24
#define CONNECTION_LOG 80
#define LOG_NUMBER 16

static bool ends_with(struct bytes path, const char *name)
{
	struct bytes end = bytes_of_string(name);

	return path.len >= end.len && !memcmp(path.data + path.len - end.len, end.data, end.len);
}

static bool matches(const struct elf *elf, struct bytes path)
{
	static const char *const names[] = { "/nginx", "/openresty", "/angie", "/tengine",
					     "/freenginx" };
	struct elf_function function;

	/* Programs are linked with their symbols for modules (-Wl,-E), stripped or not. */
	if (elf_find(elf, "ngx_event_accept", &function))
		return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (ends_with(path, names[i]))
			return true;
	return false;
}

static int find_recipe(const struct image *image, struct recipe *out, struct error *error)
{
	(void)image;
	(void)error;
	*out = (struct recipe){ .base = RECIPE_EPOLL,
				.flags = RECIPE_NOT_THREADS | RECIPE_TIED,
				.address = CONNECTION_FD };
	out->offset[0] = CONNECTION_LOG;
	out->offset[1] = LOG_NUMBER;
	return 0;
}

const struct runtime nginx_runtime = { "nginx", matches, find_recipe, NULL };

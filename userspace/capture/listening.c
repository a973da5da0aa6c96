// SPDX-License-Identifier: GPL-2.0-only
/* See listening.h. The format of /proc/PID/net/tcp: "sl local_address rem_address st ...", state 0A is LISTEN. */
#include "userspace/capture/listening.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "userspace/base/clock.h"
#include "userspace/base/memory.h"
#include "userspace/capture/proc_tcp.h"

#define SPACES_MAX 4096
#define REFRESH_NS (100 * NS_PER_MS)

struct space {
	uint64_t read_ns;
	uint8_t ports[65536 / 8];
};

void listening_init(struct listening *l)
{
	map_init(&l->spaces, sizeof(uint64_t), SPACES_MAX);
}

void listening_release(struct listening *l)
{
	size_t at = 0;
	struct space *s;

	while ((s = map_next(&l->spaces, &at)))
		memory_free(s);
	map_release(&l->spaces);
}

static void read_table(struct space *s, const char *process, const char *name)
{
	char path[64], line[512];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/net/%s", process, name);
	f = fopen(path, "re");
	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		char *colon = strchr(line, ':'), *port = colon ? strchr(colon + 1, ':') : NULL, *end;
		unsigned long number, state;

		if (!port)
			continue;
		number = strtoul(port + 1, &end, 16);
		end = *end == ' ' ? strchr(end + 1, ' ') : NULL; /* over rem_address */
		state = end ? strtoul(end + 1, NULL, 16) : 0;
		if (state == 0x0a && number < 65536)
			s->ports[number / 8] |= (uint8_t)(1u << number % 8);
	}
	fclose(f);
}

/* Who served one connection may be gone by now; then our own table tells, if it is of the same namespace. */
static void refresh(struct space *s, uint64_t netns, uint32_t pid)
{
	char process[16];

	snprintf(process, sizeof(process), "%u", pid);
	if (proc_tcp_netns(pid) != netns) {
		if (proc_tcp_netns((uint32_t)getpid()) != netns)
			return;
		snprintf(process, sizeof(process), "self");
	}
	s->read_ns = clock_now_ns();
	memset(s->ports, 0, sizeof(s->ports));
	read_table(s, process, "tcp");
	read_table(s, process, "tcp6");
}

bool listening_has(struct listening *l, uint64_t netns, uint32_t pid, uint16_t port, uint64_t at_ns)
{
	struct space *s = map_find(&l->spaces, &netns);

	if (!s) {
		s = memory_new(sizeof(*s));
		if (!s || map_set(&l->spaces, &netns, s)) {
			memory_free(s);
			return false;
		}
	}
	if (!(s->ports[port / 8] & 1u << port % 8) && at_ns > s->read_ns &&
	    clock_now_ns() > s->read_ns + REFRESH_NS)
		refresh(s, netns, pid);
	return s->ports[port / 8] & 1u << port % 8;
}

// SPDX-License-Identifier: GPL-2.0-only
/* See packet_capture.h. */
#include "userspace/capture/packet_capture.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "userspace/base/clock.h"
#include "userspace/base/memory.h"

#define NAMESPACES_MAX 64
#define LOOK_NS NS_PER_SECOND

struct packet_capture {
	struct packet_sockets sockets;
	const struct targets *targets;
	int targets_fd;
	struct live *lives[NAMESPACES_MAX];
	size_t count;
	uint64_t looked_ns;
};

struct packet_capture *packet_capture_new(struct socket_table *table, const struct targets *targets, int targets_fd)
{
	struct packet_capture *p = memory_new(sizeof(*p));

	if (!p)
		return NULL;
	packet_sockets_init(&p->sockets, table, false);
	p->targets = targets;
	p->targets_fd = targets_fd;
	return p;
}

void packet_capture_free(struct packet_capture *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->count; i++)
		live_free(p->lives[i]);
	memory_free(p);
}

static uint64_t netns_of(uint32_t pid)
{
	struct stat file;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/ns/net", pid);
	return stat(path, &file) ? 0 : (uint64_t)file.st_ino;
}

int packet_capture_add(struct packet_capture *p, uint32_t pid, struct error *error)
{
	struct live_options options = {
		.consumer = &packet_socket_consumer,
		.context = &p->sockets,
		.targets = p->targets,
		.targets_fd = p->targets_fd,
	};
	uint64_t netns = netns_of(pid);
	struct live *live;

	if (!netns)
		return -ESRCH;
	for (size_t i = 0; i < p->count; i++)
		if (live_netns(p->lives[i]) == netns)
			return 0;
	if (p->count == NAMESPACES_MAX)
		return error_set(error, -ENOSPC, "packets are captured in at most %d network namespaces", NAMESPACES_MAX);
	live = live_new(&options, pid, error);
	if (!live)
		return -EPERM;
	p->lives[p->count++] = live;
	return 0;
}

void packet_capture_drain(struct packet_capture *p)
{
	for (size_t i = 0; i < p->count; i++)
		live_drain(p->lives[i]);
}

void packet_capture_tick(struct packet_capture *p, uint64_t now_ns)
{
	size_t at = 0;
	uint32_t pid;

	for (size_t i = 0; i < p->count; i++)
		live_tick(p->lives[i], now_ns);
	if (now_ns < p->looked_ns + LOOK_NS)
		return;
	p->looked_ns = now_ns;
	while ((pid = targets_next(p->targets, &at)))
		packet_capture_add(p, pid, NULL);
}

void packet_capture_losses(struct packet_capture *p, struct packet_losses *out)
{
	*out = (struct packet_losses){ 0 };
	for (size_t i = 0; i < p->count; i++) {
		const struct live_counters *n = live_counters(p->lives[i]);

		out->dropped += n->dropped;
		out->untracked += n->untracked;
		out->gap_bytes += live_reassembly(p->lives[i])->gap_bytes;
	}
}
